import type {
  ImportDid,
  ImportPlan,
  ImportRow,
  PlanChange,
  PlanRow,
  PlanValue,
} from "../../host/types";
import type { RowsShown } from "../../state/plan-rows.svelte";
import { texts } from "../../texts";

/** What can become of a record, in the order of the counts. */
export const CHANGES = ["create", "update", "remove", "absent"] as const satisfies PlanChange[];

/** A summary names as many values of a record that comes or goes. */
const NAMED = 3;
/** A summary shows as much of a value. */
const BRIEF = 80;

const words = texts.migration.rows;

/** How many rows of a plan are of a type and change; null stands for any. */
export function countOf(plan: ImportPlan, type: string | null, change: PlanChange | null): number {
  const kinds = type === null ? Object.keys(plan.types) : [type];
  const changes = change === null ? CHANGES : [change];
  const sum = (kind: string) => changes.reduce((all, one) => all + countIn(plan, kind, one), 0);
  return kinds.reduce((all, kind) => all + sum(kind), 0);
}

function countIn(plan: ImportPlan, kind: string, change: PlanChange): number {
  const counts = plan.types[kind];
  if (!counts) return 0;
  return change === "remove" ? counts.remove - counts.absent : counts[change];
}

/** Whether a value differs, as far as it shows. */
export function differs({ before, after }: PlanValue): boolean {
  return before !== after;
}

/** One line about a row: what changes, or the first values of a record that comes or goes. */
export function summaryOf(row: PlanRow): string {
  return row.change === "update" ? updateOf(row) : recordOf(row);
}

function updateOf({ values, changed }: PlanRow): string {
  const first = values.find(differs);
  // Outlines of different values may be the same.
  if (!first) return words.differ(changed);
  const what = words.becomes(first.column, brief(first.before), brief(first.after));
  return words.more(what, changed - 1);
}

function recordOf({ values, id, change }: PlanRow): string {
  const side = change === "create" ? "after" : "before";
  return values
    .filter((value) => value[side] !== null && value[side] !== id)
    .slice(0, NAMED)
    .map((value) => words.value(value.column, brief(value[side])))
    .join(", ");
}

function brief(value: string | null): string {
  if (value === null) return words.noValue;
  return value.length > BRIEF ? `${value.slice(0, BRIEF)}…` : value;
}

/** Which rows show, of how many. */
export function rangeOf({ place, rows, total, next, asked }: RowsShown): string {
  const from = place.first + 1;
  const to = place.first + rows.length;
  if (asked.text !== "") {
    return next === null ? words.found(from, to, total) : words.foundMore(from, to);
  }
  return asked.worst ? words.rangeWorst(from, to, total) : words.range(from, to, total);
}

/** Gives the focus to a row of the page, or to the heading where there is none. */
export function focusRow(index: number): void {
  const row = document.getElementById(`plan-row-${index}`);
  (row ?? document.getElementById("preview-rows-title"))?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}

/** What became of the records of a type. */
export type Did = { kind: string; did: ImportDid };

/** The types that something is said of. */
export function didOf(types: ImportRow["committed"]): Did[] {
  return Object.entries(types ?? {}).flatMap(([kind, did]) => (did ? [{ kind, did }] : []));
}

/** Records that an import changed in any way. */
export function changedBy(row: ImportRow): number {
  return didOf(row.committed).reduce(
    (sum, { did }) => sum + did.create + did.update + did.remove,
    0,
  );
}
