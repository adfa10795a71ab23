import type { Failure } from "../host/types";

/** What the person just did, or why it did not work. */
export type Toast = {
  id: number;
  text: string;
  /** The op that Undo would undo. */
  undo: string | null;
  /** Errors stay until dismissed and are announced at once. */
  error: boolean;
};

/** How long a toast stays, in milliseconds; it waits while it has the focus or the pointer. */
export const TOAST_STAYS = 10_000;

class Toasts {
  current = $state.raw<Toast | null>(null);
  /** The op of the newest write, for Ctrl+Z after the toast is gone. */
  lastOp: string | null = null;
  #next = 1;

  /** Says what was done. */
  say(text: string, undo: string | null = null): void {
    if (undo !== null) this.lastOp = undo;
    this.current = { id: this.#next++, text, undo, error: false };
  }

  /** Says why something did not work. */
  fail(failure: Failure): void {
    this.current = { id: this.#next++, text: failure.message, undo: null, error: true };
  }

  dismiss(): void {
    this.current = null;
  }

  reset(): void {
    this.current = null;
    this.lastOp = null;
  }
}

/** The one toast of the window. */
export const toasts = new Toasts();
