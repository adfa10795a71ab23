import type { ItemRow } from "../../host/types";
import type { Row } from "./rows";

/**
 * Which items of the list are selected. What is folded or filtered away is not selected: what the
 * count says is what can be seen.
 */
export class Selection {
  #rows: () => Row[];
  #chosen = $state.raw<ReadonlySet<string>>(new Set());
  /** The row where a range begins. */
  #anchor: string | null = null;

  /** The selected items, in the order of the list. */
  items: ItemRow[] = $derived.by(() => {
    const chosen = this.#chosen;
    if (chosen.size === 0) return [];
    return itemsOf(this.#rows()).filter((item) => chosen.has(item.entity));
  });

  constructor(rows: () => Row[]) {
    this.#rows = rows;
  }

  has(item: ItemRow): boolean {
    return this.#chosen.has(item.entity);
  }

  /** Selects a row or takes it out; a phase stands for all its items that show. */
  toggle(row: Row): void {
    const items = row.kind === "item" ? [row.item] : this.#under(row);
    const next = new Set(this.#chosen);
    const out = items.every((item) => next.has(item.entity));
    for (const { entity } of items) {
      if (out) next.delete(entity);
      else next.add(entity);
    }
    this.#chosen = next;
    this.#anchor = row.id;
  }

  /** Selects everything from where the range began, or else from `from`, to `to`. */
  extend(from: number, to: number): void {
    const rows = this.#rows();
    if (this.items.length === 0) this.#anchor = rows[from]?.id ?? null;
    const anchor = rows.findIndex((row) => row.id === this.#anchor);
    const start = anchor < 0 ? from : anchor;
    const span = rows.slice(Math.min(start, to), Math.max(start, to) + 1);
    this.choose(itemsOf(span).map((item) => item.entity));
  }

  /** Selects every item that shows. */
  all(): void {
    this.choose(itemsOf(this.#rows()).map((item) => item.entity));
  }

  choose(entities: Iterable<string>): void {
    this.#chosen = new Set(entities);
  }

  clear(): void {
    this.#chosen = new Set();
  }

  #under(phase: Row): ItemRow[] {
    const rows = this.#rows();
    const first = rows.findIndex((row) => row.id === phase.id) + 1;
    const next = rows.findIndex((row, index) => index >= first && row.kind === "phase");
    return itemsOf(rows.slice(first, next < 0 ? undefined : next));
  }
}

function itemsOf(rows: Row[]): ItemRow[] {
  return rows.flatMap((row) => (row.kind === "item" ? [row.item] : []));
}
