/** How the steps of the migration stand. */
import { type Migration, placeOf, type Step } from "../../state/migration.svelte";
import type { Status } from "../../status";

/** The stone of each state of an import, at the step that asks for it. */
const IMPORTS: Record<string, Status> = {
  queued: "in_progress",
  requested: "in_progress",
  refused: "blocked",
  withdrawn: "not_applicable",
};

/** The stone of a step. */
export function stoneOf(at: Migration, step: Step): Status {
  const row = at.imports.row;
  if (at.imports.shown === null || row === null) return before(at, step);
  const here: Status = at.step === step ? "in_progress" : "not_started";
  if (step === "verify") return at.imports.found === null ? here : "complete";
  if (step === "rollback") return row.state === "rolled_back" ? "complete" : here;
  if (step !== "import" || row.committed !== null) return "complete";
  return IMPORTS[row.state] ?? "in_progress";
}

/** The same before an import is asked for. */
function before(at: Migration, step: Step): Status {
  if (at.step === step) return "in_progress";
  return placeOf(step) < Math.max(at.reached, placeOf(at.step)) ? "complete" : "not_started";
}
