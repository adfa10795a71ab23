import { call } from "../host/commands";
import type { PeoplePage, PeopleTotals, PersonRow } from "../host/types";
import { Paged, type Shown } from "./paged.svelte";

/** What is there sooner needs no words about how far it is, in milliseconds. */
const SOON = 400;

/** What narrows the people. A blank role stands for those without one. */
export type PeopleAsked = { text: string; role: string | null; site: string | null };

/** Everybody. */
export const EVERYBODY: PeopleAsked = { text: "", role: null, site: null };

/** The people of an answer, with the newest counts. */
type PeopleFound = Omit<PeoplePage, "people"> & { rows: PersonRow[] };

/** A page as far as it is there. */
export type PeopleShown = Shown<PeopleAsked, PeopleFound>;

/** The people of a tenant's roster. */
export class People extends Paged<PeopleAsked, PeopleFound> {
  constructor(tenant: string) {
    super(tenant, EVERYBODY, SOON);
  }

  get totals(): PeopleTotals | null {
    return this.shown?.totals ?? null;
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

  /** Reads what shows again, and the counts with it. */
  async reload(): Promise<void> {
    await this.read(this.wanted, null, true);
  }

  protected override async look(
    asked: PeopleAsked,
    from: number,
    limit: number,
    again: boolean,
  ): Promise<PeopleFound | null> {
    const totals = again || this.totals === null;
    const answer = await call("people", { tenant: this.tenant, ...asked, from, limit, totals });
    const { people: rows, ...page } = answer;
    // Places are those of one roster, and so are the counts.
    if (!totals && page.revision !== this.shown?.revision) return null;
    return { ...page, rows, totals: page.totals ?? this.totals };
  }

  /** The core counts everybody, but not who passes. */
  protected override isSearch({ text, role, site }: PeopleAsked): boolean {
    return text.trim() !== "" || role !== null || site !== null;
  }
}
