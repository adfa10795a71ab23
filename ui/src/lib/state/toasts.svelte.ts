import type { Failure } from "../host/types";

/** What the person just did, or why it did not work. */
export type Toast = {
  id: number;
  text: string;
  /** The ops that Undo would undo; empty where there is nothing to undo. */
  undo: readonly string[];
  /** Errors stay until dismissed and are announced at once. */
  error: boolean;
};

/** How long a toast stays, in milliseconds; it waits while it has the focus or the pointer. */
export const TOAST_STAYS = 10_000;

class Toasts {
  current = $state.raw<Toast | null>(null);
  /** The ops of the newest write, for Ctrl+Z after the toast is gone. */
  lastOps: readonly string[] = [];
  #next = 1;

  /** Says what was done. */
  say(text: string, undo: string | readonly string[] = []): void {
    const ops = typeof undo === "string" ? [undo] : undo;
    if (ops.length > 0) this.lastOps = ops;
    this.current = { id: this.#next++, text, undo: ops, error: false };
  }

  /** Says why something did not work. */
  fail(failure: Failure): void {
    this.current = { id: this.#next++, text: failure.message, undo: [], error: true };
  }

  dismiss(): void {
    this.current = null;
  }

  reset(): void {
    this.current = null;
    this.lastOps = [];
  }
}

/** The one toast of the window. */
export const toasts = new Toasts();
