/** Problems and fixes of a report as one list of causes, in groups. */
import type { ImportPlace, ImportReport } from "../../host/types";
import { texts } from "../../texts";

export type Group = "error" | "warning" | "fix";
export const GROUPS: readonly Group[] = ["error", "warning", "fix"];

/** A place where a cause shows: the row as a spreadsheet counts, and one value or two. */
export type Instance = { row: number; value: string; after: string | null };

/** One line of the list. */
export type Cause = {
  id: string;
  group: Group;
  title: string;
  suggestion: string;
  count: number;
  file: string;
  column: string | null;
  /** The other places where it shows. */
  spread: ImportPlace[];
  instances: Instance[];
  /** The fix that can be undone for the column; none where it is no fix. */
  undoes: string | null;
};

/** Every cause of a report: errors, warnings, then what was mended. */
export function causesOf(report: ImportReport): Cause[] {
  const problems = report.problems.map(
    (problem, index): Cause => ({
      id: `problem-${index}`,
      group: problem.severity === "error" ? "error" : "warning",
      title: sentence(problem.cause),
      suggestion: sentence(problem.suggestion),
      count: problem.count,
      file: problem.file,
      column: problem.column,
      spread: problem.spread,
      instances: problem.examples.map((one) => ({ ...one, after: null })),
      undoes: null,
    }),
  );
  const fixes = report.fixes.map(
    (fix, index): Cause => ({
      id: `fix-${index}`,
      group: "fix",
      title: texts.migration.validate.fix(fix.fix),
      suggestion: texts.migration.validate.fixNote,
      count: fix.count,
      file: fix.file,
      column: fix.column,
      spread: [],
      instances: fix.examples.map((one) => ({ row: one.row, value: one.before, after: one.after })),
      undoes: fix.fix,
    }),
  );
  return GROUPS.flatMap((group) => [...problems, ...fixes].filter((one) => one.group === group));
}

/** Those of a group and a file; null stands for all. */
export function causesIn(causes: Cause[], group: Group | null, file: string | null): Cause[] {
  const shows = (cause: Cause) =>
    cause.file === file || cause.spread.some((place) => place.file === file);
  return causes.filter(
    (cause) => (group === null || cause.group === group) && (file === null || shows(cause)),
  );
}

/** The core writes causes for the middle of a line. */
function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
