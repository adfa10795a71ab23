import { asFailure, call } from "../host/commands";
import type { Failure, PeoplePage, PeopleTotals, PersonRow } from "../host/types";

/** People on one page. */
export const PAGE = 100;
/** Typing rests so long before a search starts, in milliseconds. */
const REST = 150;
/** What is there sooner needs no words about how far it is. */
const SOON = 400;

/** What narrows the people. A blank role stands for those without one. */
export type PeopleAsked = { text: string; role: string | null; site: string | null };

/** Everybody. */
export const EVERYBODY: PeopleAsked = { text: "", role: null, site: null };

/** Where a page can be turned to. */
export type Turn = "first" | "previous" | "next" | "last";

/** Where a page begins. */
type Place = {
  /** The place among all people. */
  from: number;
  /** How many people stand on the pages before it. */
  first: number;
  /** The page before: what is narrowed does not know where it begins but by having been there. */
  before: Place | null;
};

const start = (): Place => ({ from: 0, first: 0, before: null });

/** A page as far as it is there. */
export type PeopleShown = {
  asked: PeopleAsked;
  place: Place;
  people: PersonRow[];
  /** Where it goes on; null at the end. */
  next: number | null;
  /** All people of the roster. */
  total: number;
  revision: number | null;
  asOf: string | null;
  masked: boolean;
};

/**
 * The people of a tenant's roster, a page at a time. The core looks at a bounded number of people for one
 * answer, so what is narrowed asks until its page is full, and who was found by then shows.
 */
export class People {
  readonly tenant: string;
  asked = $state.raw<PeopleAsked>(EVERYBODY);
  shown = $state.raw<PeopleShown | null>(null);
  totals = $state.raw<PeopleTotals | null>(null);
  failure = $state.raw<Failure | null>(null);
  busy = $state(false);
  /** Whether it has lasted so long that it says how far it is. */
  slow = $state(false);
  /** Who of the page has the focus when the list gets it. */
  chosen = $state(0);
  #turn = 0;
  #wanted = start();

  constructor(tenant: string) {
    this.tenant = tenant;
  }

  /** Whether anything narrows the people. */
  get isNarrowed(): boolean {
    return narrows(this.asked);
  }

  /** How many people pass, where that is known without looking. */
  get matching(): number | null {
    const { text, role, site } = this.asked;
    if (text.trim() !== "" || (role !== null && site !== null)) return null;
    if (role !== null) {
      return this.totals?.roles.find((one) => (one.role ?? "") === role)?.people ?? null;
    }
    if (site !== null) return this.totals?.sites.find((one) => one.id === site)?.people ?? null;
    return this.shown?.total ?? null;
  }

  /** Whether a search ended before its page was full and before the end. */
  get isStopped(): boolean {
    return !this.busy && this.shown !== null && this.shown.next !== null && !isFull(this.shown);
  }

  can(to: Turn): boolean {
    if (this.shown === null) return false;
    const { place, next, asked } = this.shown;
    if (to === "first" || to === "previous") return place.first > 0 || place.from > 0;
    // Where the last page of some of them begins is known at its end alone.
    return next !== null && isFull(this.shown) && (to === "next" || !narrows(asked));
  }

  /** Reads what shows again, and the counts with it. */
  async reload(): Promise<void> {
    await this.#read(this.#wanted, null, true);
  }

  /** Narrows the people, or widens them. */
  async ask(change: Partial<PeopleAsked>): Promise<void> {
    const before = this.asked.text;
    this.asked = { ...this.asked, ...change };
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

  /** Shows another page, its first person chosen, or its last. */
  async turn(to: Turn, atEnd = false): Promise<void> {
    // Places are those of what was asked: none of another question is known yet.
    if (this.shown?.asked !== this.asked || !this.can(to)) return;
    const place = placeOf(to, this.shown);
    await this.#read(place);
    const { shown } = this;
    if (atEnd && shown?.place === place) this.chosen = Math.max(0, shown.people.length - 1);
  }

  /** Ends a search; who was found stays. */
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

  async #read(place: Place, begun: PeopleShown | null = null, again = false): Promise<void> {
    this.#turn += 1;
    const mine = this.#turn;
    this.#wanted = place;
    this.busy = true;
    const timer = window.setTimeout(() => {
      if (mine === this.#turn) this.slow = true;
    }, SOON);
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

  /** Asks until the page is full, or there is nobody more. */
  async #fill(
    mine: number,
    place: Place,
    begun: PeopleShown | null,
    again: boolean,
  ): Promise<void> {
    const { tenant, asked } = this;
    let people = begun?.people ?? [];
    let from: number | null = begun?.next ?? place.from;
    let totals = again || this.totals === null;
    while (from !== null && people.length < PAGE) {
      const limit = PAGE - people.length;
      const page: PeoplePage = await call("people", { tenant, ...asked, from, limit, totals });
      if (mine !== this.#turn) return;
      if (this.#isOther(page, totals)) return this.#fill(mine, start(), null, true);
      if (page.totals) this.totals = page.totals;
      if (this.shown?.place !== place && !again) this.chosen = 0;
      const { total, next, revision, masked } = page;
      people = [...people, ...page.people];
      this.shown = { asked, place, people, next, total, revision, asOf: page.as_of, masked };
      from = next;
      totals = false;
    }
    this.chosen = Math.min(this.chosen, Math.max(0, people.length - 1));
  }

  /** Whether the roster is another one than that whose places are known. */
  #isOther(page: PeoplePage, hasTotals: boolean): boolean {
    return !hasTotals && this.shown !== null && page.revision !== this.shown.revision;
  }

  #failed(failure: Failure): void {
    this.failure = failure;
    // People of another question would look like an answer to this one.
    if (this.shown?.asked !== this.asked) this.shown = null;
  }
}

function narrows({ text, role, site }: PeopleAsked): boolean {
  return text.trim() !== "" || role !== null || site !== null;
}

function isFull({ people }: PeopleShown): boolean {
  return people.length >= PAGE;
}

function placeOf(to: Turn, { place, people, total, next, asked }: PeopleShown): Place {
  const at = (from: number): Place => ({ from, first: from, before: null });
  if (to === "next") return { from: next ?? 0, first: place.first + people.length, before: place };
  if (to === "last") return at(Math.floor((total - 1) / PAGE) * PAGE);
  if (to === "first") return start();
  return narrows(asked) ? (place.before ?? start()) : at(Math.max(0, place.from - PAGE));
}
