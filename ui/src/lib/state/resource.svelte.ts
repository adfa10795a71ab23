import { asFailure } from "../host/commands";
import type { Failure } from "../host/types";

/** Reads that are under way, of all screens. */
const under = new Set<Promise<void>>();

/** Waits for the reads that are under way now, so that what matters less may follow them. */
export async function afterReads(): Promise<void> {
  await Promise.all(under);
}

/**
 * A value read from the core. The newest read wins, and the value shown stays until the next one
 * is there, so that a reload never blanks a screen.
 */
export class Resource<T> {
  value = $state.raw<T | null>(null);
  failure = $state.raw<Failure | null>(null);
  #read: () => Promise<T>;
  #latest = 0;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  /** Reads again. Never rejects: what went wrong is in `failure`. */
  async reload(): Promise<void> {
    const reading = this.#reload();
    under.add(reading);
    await reading;
    under.delete(reading);
  }

  async #reload(): Promise<void> {
    this.#latest += 1;
    const mine = this.#latest;
    try {
      const value = await this.#read();
      if (mine !== this.#latest) return;
      this.value = value;
      this.failure = null;
    } catch (error) {
      if (mine === this.#latest) this.failure = asFailure(error);
    }
  }
}
