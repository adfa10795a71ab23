/** The rows of a checklist: phases with their items under them, filtered and folded. */
import type { ChecklistView, ItemRow, PhaseRow } from "../../host/types";
import { fold } from "../../search";
import { asStatus, isSettled } from "../../status";

/** What the tabs above the list offer. */
export type Filter = "all" | "open" | "blocked" | "verify" | "mine";

/** A row of the list. */
export type Row =
  | { kind: "phase"; id: string; phase: PhaseRow; open: boolean }
  | { kind: "item"; id: string; item: ItemRow; depth: number; last: boolean };

/** Whether an item belongs under a tab. `me` is the signed-in account. */
export function passes(item: ItemRow, filter: Filter, me: string): boolean {
  const status = asStatus(item.status);
  switch (filter) {
    case "all":
      return true;
    case "open":
      return !isSettled(status) || item.conflict;
    case "blocked":
      return status === "blocked";
    case "verify":
      return status === "waiting_to_verify";
    case "mine":
      return item.owner_account === me;
  }
}

/** How many items stand under each tab; items that do not apply count only where they show. */
export function counts(view: ChecklistView, me: string): Record<Filter, number> {
  const items = view.phases.flatMap((phase) => phase.items);
  const number = (filter: Filter) => items.filter((item) => passes(item, filter, me)).length;
  return {
    all: number("all"),
    open: number("open"),
    blocked: number("blocked"),
    verify: number("verify"),
    mine: number("mine"),
  };
}

/** The id of a phase's row. */
export function phaseId(key: string): string {
  return `phase-${key}`;
}

/** The id of an item's row; entities hold slashes, ids must not. */
export function itemId(item: ItemRow): string {
  return `item-${item.entity.replaceAll(/[^A-Za-z0-9_-]/g, "_")}`;
}

/** The rows to show. A search or a tab opens every phase that has a hit. */
export function rowsOf(
  view: ChecklistView,
  filter: Filter,
  typed: string,
  me: string,
  closed: ReadonlySet<string>,
): Row[] {
  const words = fold(typed)
    .split(/\s+/)
    .filter((word) => word !== "");
  const narrowed = filter !== "all" || words.length > 0;
  const rows: Row[] = [];
  for (const phase of view.phases) {
    const items = phase.items.filter((item) => passes(item, filter, me) && matches(item, words));
    if (items.length === 0 && narrowed) continue;
    const open = narrowed || !closed.has(phase.key);
    rows.push({ kind: "phase", id: phaseId(phase.key), phase, open });
    if (open) rows.push(...itemRows(items));
  }
  return rows;
}

function itemRows(items: ItemRow[]): Row[] {
  const depths = new Map<string, number>();
  return items.map((item, index) => {
    // A parent that is filtered out leaves its parts where it would stand.
    const above = item.parent === null ? undefined : depths.get(item.parent);
    const depth = above === undefined ? 0 : above + 1;
    depths.set(item.key, depth);
    return { kind: "item", id: itemId(item), item, depth, last: index === items.length - 1 };
  });
}

function matches(item: ItemRow, words: string[]): boolean {
  if (words.length === 0) return true;
  const text = fold(
    [item.title, item.key, item.owner, item.owner_title, item.reason, item.note].join(" "),
  );
  return words.every((word) => text.includes(word));
}

/** Phases that start folded: complete ones, as long as something else is open. */
export function foldedAtFirst(view: ChecklistView): Set<string> {
  const done = view.phases.filter(isDone);
  return done.length === view.phases.length ? new Set() : new Set(done.map((phase) => phase.key));
}

/** Whether nothing is left in a phase. */
export function isDone(phase: PhaseRow): boolean {
  return (
    phase.items.length > 0 &&
    phase.items.every((item) => isSettled(asStatus(item.status)) && !item.conflict)
  );
}

/** When the last item of a phase changed, RFC 3339. */
export function lastChange(phase: PhaseRow): string | null {
  const times = phase.items.flatMap((item) => item.updated_at ?? []);
  return times.sort((a, b) => Date.parse(a) - Date.parse(b)).at(-1) ?? null;
}

/** The height of a row before it was measured, in pixels; see the sizes of the look. */
export function rowHeight(row: Row | undefined): number {
  if (row === undefined || row.kind === "phase") return 38;
  return row.item.status === "blocked" ? 53 : 34;
}
