import { asFailure, call } from "../host/commands";
import type { Failure, PlanChange, PlanPage, PlanRow } from "../host/types";

/** Rows of one page. */
export const PAGE = 100;
/** Typing rests so long before a search starts, in milliseconds. */
const REST = 150;
/** A search that is over sooner needs no words about how far it is. */
const SOON = 250;

/** What narrows the rows. */
export type RowsAsked = {
  type: string | null;
  change: PlanChange | null;
  text: string;
  worst: boolean;
};

/** Every row. */
const EVERY: RowsAsked = { type: null, change: null, text: "", worst: false };

/** Where a page can be turned to. */
export type Turn = "first" | "previous" | "next" | "last";

/** Where a page begins. */
type Place = {
  from: number;
  /** How many rows stand on the pages before it. */
  first: number;
  /** The page before: a search does not know where it begins but by having been there. */
  before: Place | null;
};

/** The first page; one is made for each question, by which its answers are told from others. */
const start = (): Place => ({ from: 0, first: 0, before: null });

/** A page as far as it is there. */
export type RowsShown = {
  asked: RowsAsked;
  place: Place;
  rows: PlanRow[];
  total: number;
  next: number | null;
  masked: boolean;
};

/**
 * The rows of a tenant's newest plan, a page at a time. The shell looks at a bounded number of rows for one
 * answer, so a search asks until its page is full, and what was found by then shows. It outlives the screen,
 * so it derives nothing.
 */
export class PlanRows {
  readonly tenant: string;
  asked = $state.raw<RowsAsked>(EVERY);
  shown = $state.raw<RowsShown | null>(null);
  failure = $state.raw<Failure | null>(null);
  busy = $state(false);
  /** Whether it has lasted so long that it says how far it is. */
  slow = $state(false);
  /** The row of the page that is looked at. */
  chosen = $state(0);
  /** Whether only the values that change show. */
  only = $state(false);
  #turn = 0;
  #wanted = start();

  constructor(tenant: string) {
    this.tenant = tenant;
  }

  get row(): PlanRow | null {
    return this.shown?.rows[this.chosen] ?? null;
  }

  /** Whether a search ended before its page was full and before the end. */
  get isStopped(): boolean {
    return !this.busy && this.shown !== null && this.shown.next !== null && !isFull(this.shown);
  }

  can(to: Turn): boolean {
    if (this.shown === null) return false;
    const { place, next, asked } = this.shown;
    if (to === "first" || to === "previous") return place.from > 0;
    // Where the last page of a search begins is known at its end alone.
    return next !== null && isFull(this.shown) && (to === "next" || asked.text === "");
  }

  /** Reads the first page, once. */
  async begin(): Promise<void> {
    if (this.shown === null && this.failure === null && !this.busy) await this.#read(start());
  }

  /** Narrows the rows, or widens them. */
  async ask(change: Partial<RowsAsked>): Promise<void> {
    const before = this.asked.text;
    this.asked = settled({ ...this.asked, ...change }, change);
    // What still comes for what was asked before is none of this.
    this.#turn += 1;
    const mine = this.#turn;
    this.#wanted = start();
    this.busy = true;
    if (this.asked.text !== before && this.asked.text !== "") {
      await new Promise((resolve) => window.setTimeout(resolve, REST));
      if (mine !== this.#turn) return;
    }
    await this.#read(this.#wanted);
  }

  /** Shows another page, its first row chosen, or its last. */
  async turn(to: Turn, atEnd = false): Promise<void> {
    // Places are those of what was asked: none of another question is known yet.
    if (this.shown?.asked !== this.asked || !this.can(to)) return;
    const place = placeOf(to, this.shown);
    await this.#read(place);
    const { shown } = this;
    if (atEnd && shown?.place === place) this.chosen = Math.max(0, shown.rows.length - 1);
  }

  /** Ends a search; what was found stays. */
  stop(): void {
    this.#turn += 1;
    this.busy = false;
    this.slow = false;
  }

  /** Looks on from where a search ended. */
  async goOn(): Promise<void> {
    const { shown } = this;
    if (shown !== null && shown.next !== null) await this.#read(shown.place, shown);
  }

  /** Does again what went wrong. */
  async again(): Promise<void> {
    if (this.shown?.place === this.#wanted) await this.goOn();
    else await this.#read(this.#wanted);
  }

  /** Forgets all: the rows are those of another plan. */
  reset(): void {
    this.stop();
    this.asked = EVERY;
    this.shown = null;
    this.failure = null;
    this.chosen = 0;
  }

  async #read(place: Place, begun: RowsShown | null = null): Promise<void> {
    this.#turn += 1;
    const mine = this.#turn;
    this.#wanted = place;
    this.failure = null;
    this.busy = true;
    const timer = window.setTimeout(() => {
      if (mine === this.#turn) this.slow = true;
    }, SOON);
    try {
      await this.#fill(mine, place, begun);
    } catch (error) {
      if (mine === this.#turn) this.#failed(asFailure(error));
    } finally {
      window.clearTimeout(timer);
      if (mine === this.#turn) this.stop();
    }
  }

  /** Asks until the page is full, or there is no more. */
  async #fill(mine: number, place: Place, begun: RowsShown | null): Promise<void> {
    const { tenant, asked } = this;
    let rows = begun?.rows ?? [];
    let from: number | null = begun?.next ?? place.from;
    while (from !== null && rows.length < PAGE) {
      const limit = PAGE - rows.length;
      const page: PlanPage = await call("plan_rows", { tenant, ...asked, from, limit });
      if (mine !== this.#turn) return;
      if (this.shown?.place !== place) this.chosen = 0;
      const { total, next, masked } = page;
      rows = [...rows, ...page.rows];
      this.shown = { asked, place, rows, total, next, masked };
      from = next;
    }
  }

  #failed(failure: Failure): void {
    this.failure = failure;
    // Rows of another question would look like an answer to this one.
    if (this.shown?.asked !== this.asked) this.shown = null;
  }
}

/** What changes most is only said of records that are there on both sides. */
function settled(asked: RowsAsked, change: Partial<RowsAsked>): RowsAsked {
  if (change.worst) return { ...asked, change: "update" };
  return { ...asked, worst: asked.worst && asked.change === "update" };
}

function isFull({ rows }: RowsShown): boolean {
  return rows.length >= PAGE;
}

function placeOf(to: Turn, { place, rows, total, next, asked }: RowsShown): Place {
  const at = (from: number): Place => ({ from, first: from, before: null });
  if (to === "next") return { from: next ?? 0, first: place.first + rows.length, before: place };
  if (to === "last") return at(Math.floor((total - 1) / PAGE) * PAGE);
  if (to === "first") return start();
  return asked.text === "" ? at(Math.max(0, place.from - PAGE)) : (place.before ?? start());
}
