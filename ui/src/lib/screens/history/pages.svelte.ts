import { asFailure, call } from "../../host/commands";
import type { ChangeRow, Failure, HistoryFilter, HistoryPage } from "../../host/types";

/** Rows of one page. */
const PAGE = 200;
/** A search goes on by itself until so many rows are there. */
const ENOUGH = 40;

/**
 * The pages of a history as one list that grows at its end. Reading again replaces the newest page
 * and keeps what is older, so that nothing jumps under the reader.
 */
export class Pages {
  rows = $state.raw<ChangeRow[]>([]);
  /** The newest page as it was read last: totals, people, titles. */
  head = $state.raw<HistoryPage | null>(null);
  /** How far back a search for words has looked, RFC 3339. */
  searchedTo = $state.raw<string | null>(null);
  failure = $state.raw<Failure | null>(null);
  busy = $state(false);
  #next: string | null = null;
  #filter: HistoryFilter = {};
  #run = 0;

  /** Whether older changes are there to be read. */
  get hasMore(): boolean {
    return this.#next !== null;
  }

  /** Starts over with another filter. */
  async ask(filter: HistoryFilter): Promise<void> {
    this.#filter = filter;
    await this.#first(false);
  }

  /** Reads the newest page again. */
  async again(): Promise<void> {
    await this.#first(true);
  }

  async #first(keepOlder: boolean): Promise<void> {
    this.#run += 1;
    const run = this.#run;
    try {
      const page = await call("changes", { ...this.#filter, limit: PAGE });
      if (run !== this.#run) return;
      this.failure = null;
      this.head = page;
      const joined = keepOlder ? this.#joined(page) : null;
      this.rows = joined ?? page.ops;
      if (joined === null) {
        this.#next = page.next;
        this.searchedTo = page.searched_to;
      }
      this.busy = false;
      await this.#searchOn(run);
    } catch (error) {
      if (run === this.#run) this.failure = asFailure(error);
    }
  }

  /** The new page with the older rows after it; null where they do not meet. */
  #joined(page: HistoryPage): ChangeRow[] | null {
    const last = page.ops.at(-1);
    const meets = last ? this.rows.findIndex((row) => row.id === last.id) : -1;
    if (meets < 0 || page.next === null) return null;
    const fresh = new Set(page.ops.map((row) => row.id));
    return [...page.ops, ...this.rows.slice(meets + 1).filter((row) => !fresh.has(row.id))];
  }

  /** Reads the page after the last one; nothing where there is none or one is on its way. */
  async more(): Promise<void> {
    if (this.busy || this.#next === null) return;
    await this.#older(this.#run);
    await this.#searchOn(this.#run);
  }

  async #searchOn(run: number): Promise<void> {
    while (run === this.#run && this.#next !== null && this.rows.length < ENOUGH && !this.busy) {
      await this.#older(run);
    }
  }

  async #older(run: number): Promise<void> {
    if (this.#next === null) return;
    this.busy = true;
    try {
      const page = await call("changes", { ...this.#filter, after: this.#next, limit: PAGE });
      if (run !== this.#run) return;
      const known = new Set(this.rows.slice(-PAGE).map((row) => row.id));
      this.rows = [...this.rows, ...page.ops.filter((row) => !known.has(row.id))];
      this.#next = page.next;
      this.searchedTo = page.searched_to;
    } catch (error) {
      if (run === this.#run) {
        this.failure = asFailure(error);
        this.#next = null;
      }
    } finally {
      if (run === this.#run) this.busy = false;
    }
  }
}
