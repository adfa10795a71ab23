import type { FileMoving } from "../../host/types";

/** How far a file was, and when, in milliseconds of any clock. */
export type Sample = { sends: boolean; bytes: number; at: number };

/** A pace that is younger than this jumps about, in milliseconds. */
const STEADY = 1_500;

/** Bytes a second and seconds left since the first sample; none where that cannot be said yet. */
export function paceOf(
  first: Sample,
  moving: FileMoving,
  now: number,
): { rate: number; left: number } | null {
  const elapsed = now - first.at;
  const moved = moving.bytes - first.bytes;
  if (elapsed < STEADY || moved <= 0) return null;
  const rate = moved / (elapsed / 1_000);
  return { rate, left: (moving.total - moving.bytes) / rate };
}

/** Where the measuring starts: anew where another way begins, or the same file from its start. */
export function firstOf(known: Sample | null, moving: FileMoving, now: number): Sample {
  const goesOn = known !== null && known.sends === moving.sends && moving.bytes >= known.bytes;
  return goesOn ? known : { sends: moving.sends, bytes: moving.bytes, at: now };
}
