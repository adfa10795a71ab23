import { call } from "../host/commands";
import type { PlanChange, PlanPage, PlanRow } from "../host/types";
import { Paged, type Place, type Shown, start } from "./paged.svelte";

/** A search that is over sooner needs no words about how far it is, in milliseconds. */
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

/** A page as far as it is there. */
export type RowsShown = Shown<RowsAsked, PlanPage>;

/** The rows of a tenant's newest plan. They outlive the screen, so they derive nothing. */
export class PlanRows extends Paged<RowsAsked, PlanPage> {
  /** Whether only the values that change show. */
  only = $state(false);

  constructor(tenant: string) {
    super(tenant, EVERY, SOON);
  }

  get row(): PlanRow | null {
    return this.shown?.rows[this.chosen] ?? null;
  }

  /** Reads the first page, once. */
  async begin(): Promise<void> {
    if (this.shown === null && this.failure === null && !this.busy) await this.read(start());
  }

  override ask(change: Partial<RowsAsked>): Promise<void> {
    return super.ask(settled({ ...this.asked, ...change }, change));
  }

  /** Does again what went wrong. */
  async again(): Promise<void> {
    if (this.shown?.place === this.wanted) await this.goOn();
    else await this.read(this.wanted);
  }

  /** Forgets all: the rows are those of another plan. */
  reset(): void {
    this.stop();
    this.asked = EVERY;
    this.shown = null;
    this.failure = null;
    this.chosen = 0;
  }

  protected override look(asked: RowsAsked, from: number, limit: number): Promise<PlanPage> {
    return call("plan_rows", { tenant: this.tenant, ...asked, from, limit });
  }

  /** The shell counts the rows of a type and change, but not those that have a text. */
  protected override isSearch({ text }: RowsAsked): boolean {
    return text !== "";
  }

  protected override read(place: Place, begun?: RowsShown): Promise<void> {
    // What went wrong goes as soon as something is tried.
    this.failure = null;
    return super.read(place, begun);
  }
}

/** What changes most is only said of records that are there on both sides. */
function settled(asked: RowsAsked, change: Partial<RowsAsked>): RowsAsked {
  if (change.worst) return { ...asked, change: "update" };
  return { ...asked, worst: asked.worst && asked.change === "update" };
}
