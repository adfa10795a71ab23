/** Settling many conflicts in one go. */
import type { ConflictRow, ConflictValue } from "../../host/types";

/** What one side's values would settle. */
export type Settlement = {
  /** Whether the signed-in person's values are kept, else those of others. */
  mine: boolean;
  /** The conflicts with the value that stays. */
  taken: Array<{ conflict: ConflictRow; value: ConflictValue }>;
  /** How many have no such value, or more than one: those are decided one by one. */
  left: number;
};

/** What keeping all of mine, or taking all of theirs, would do. */
export function settlement(conflicts: ConflictRow[], mine: boolean): Settlement {
  const taken = conflicts.flatMap((conflict) => {
    const [value, other] = conflict.values.filter((one) => one.mine === mine);
    return value !== undefined && other === undefined ? [{ conflict, value }] : [];
  });
  return { mine, taken, left: conflicts.length - taken.length };
}
