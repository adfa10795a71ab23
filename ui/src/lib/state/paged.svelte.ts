import { asFailure } from "../host/commands";
import type { Failure } from "../host/types";

/** Rows of one page. */
const PAGE = 100;
/** Typing rests so long before a search starts, in milliseconds. */
const REST = 150;

/** Where a page can be turned to. */
export type Turn = "first" | "previous" | "next" | "last";

/** Where a page begins. */
export type Place = {
  /** The place among all rows. */
  from: number;
  /** How many rows stand on the pages before it. */
  first: number;
  /** The page before: a search does not know where it begins but by having been there. */
  before: Place | null;
};

/** The first page; one is made for each question, by which its answers are told from others. */
export const start = (): Place => ({ from: 0, first: 0, before: null });

/** What is answered: some rows, of how many, and where it goes on; null at the end. */
type Answer = { rows: unknown[]; total: number; next: number | null };

/** A page as far as it is there. */
export type Shown<Asked = unknown, Found = Answer> = Found & { asked: Asked; place: Place };

/**
 * Rows a page at a time. A bounded number of rows is looked at for one answer, so a search asks until its page
 * is full, and what was found by then shows. It may outlive its screen, so it derives nothing.
 */
export abstract class Paged<
  Asked extends { text: string } = { text: string },
  Found extends Answer = Answer,
> {
  readonly tenant: string;
  /** What narrows the rows. */
  asked: Asked;
  shown = $state.raw<Shown<Asked, Found> | null>(null);
  failure = $state.raw<Failure | null>(null);
  busy = $state(false);
  /** Whether it has lasted so long that it says how far it is. */
  slow = $state(false);
  /** The row of the page that is looked at. */
  chosen = $state(0);
  protected wanted = start();
  #soon: number;
  #turn = 0;

  /** What is there sooner than `soon` milliseconds needs no words about how far it is. */
  constructor(tenant: string, asked: Asked, soon: number) {
    this.tenant = tenant;
    this.asked = $state.raw(asked);
    this.#soon = soon;
  }

  /** Asks for rows from a place on, once more where `again`; null where they are not those whose places are known. */
  protected abstract look(
    asked: Asked,
    from: number,
    limit: number,
    again: boolean,
  ): Promise<Found | null>;

  /** Whether where a page of these begins is known by having been there alone. */
  protected abstract isSearch(asked: Asked): boolean;

  /** Whether a search ended before its page was full and before the end. */
  get isStopped(): boolean {
    return !this.busy && this.shown !== null && this.shown.next !== null && !isFull(this.shown);
  }

  can(to: Turn): boolean {
    if (this.shown === null) return false;
    const { place, next, asked } = this.shown;
    if (to === "first" || to === "previous") return place.from > 0;
    // Where the last page of a search begins is known at its end alone.
    return next !== null && isFull(this.shown) && (to === "next" || !this.isSearch(asked));
  }

  /** Narrows the rows, or widens them. */
  async ask(change: Partial<Asked>): Promise<void> {
    const before = this.asked.text;
    this.asked = { ...this.asked, ...change };
    // What still comes for what was asked before is none of this.
    this.#turn += 1;
    const mine = this.#turn;
    this.wanted = start();
    this.busy = true;
    if (this.asked.text !== before && this.asked.text !== "") {
      await new Promise((resolve) => window.setTimeout(resolve, REST));
      if (mine !== this.#turn) return;
    }
    await this.read(this.wanted);
  }

  /** Shows another page, its first row chosen, or its last. */
  async turn(to: Turn, atEnd = false): Promise<void> {
    // Places are those of what was asked: none of another question is known yet.
    if (this.shown?.asked !== this.asked || !this.can(to)) return;
    const place = this.#placeOf(to, this.shown);
    await this.read(place);
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
    if (shown !== null && shown.next !== null) await this.read(shown.place, shown);
  }

  /** Reads a page, or on from what of it has begun; `again` leaves the row of the page chosen. */
  protected async read(
    place: Place,
    begun: Shown<Asked, Found> | null = null,
    again = false,
  ): Promise<void> {
    this.#turn += 1;
    const mine = this.#turn;
    this.wanted = place;
    this.busy = true;
    const timer = window.setTimeout(() => {
      if (mine === this.#turn) this.slow = true;
    }, this.#soon);
    try {
      await this.#fill(mine, place, begun, again);
      if (mine === this.#turn) this.failure = null;
    } catch (error) {
      if (mine === this.#turn) this.#failed(asFailure(error));
    } finally {
      window.clearTimeout(timer);
      if (mine === this.#turn) this.stop();
    }
  }

  /** Asks until the page is full, or there is no more. */
  async #fill(
    mine: number,
    place: Place,
    begun: Shown<Asked, Found> | null,
    again: boolean,
  ): Promise<void> {
    const { asked } = this;
    let rows = begun?.rows ?? [];
    let from: number | null = begun?.next ?? place.from;
    let isFirst = again;
    while (from !== null && rows.length < PAGE) {
      const found: Found | null = await this.look(asked, from, PAGE - rows.length, isFirst);
      if (mine !== this.#turn) return;
      if (found === null) return this.#fill(mine, start(), null, true);
      if (this.shown?.place !== place && !again) this.chosen = 0;
      rows = [...rows, ...found.rows];
      this.shown = { ...found, asked, place, rows };
      from = found.next;
      isFirst = false;
    }
    this.chosen = Math.min(this.chosen, Math.max(0, rows.length - 1));
  }

  #failed(failure: Failure): void {
    this.failure = failure;
    // Rows of another question would look like an answer to this one.
    if (this.shown?.asked !== this.asked) this.shown = null;
  }

  #placeOf(to: Turn, { place, rows, total, next, asked }: Shown<Asked, Found>): Place {
    const at = (from: number): Place => ({ from, first: from, before: null });
    if (to === "next") return { from: next ?? 0, first: place.first + rows.length, before: place };
    if (to === "last") return at(Math.floor((total - 1) / PAGE) * PAGE);
    if (to === "first") return start();
    return this.isSearch(asked) ? (place.before ?? start()) : at(Math.max(0, place.from - PAGE));
  }
}

function isFull({ rows }: Answer): boolean {
  return rows.length >= PAGE;
}
