import { asFailure } from "../host/commands";
import type { Failure } from "../host/types";

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
