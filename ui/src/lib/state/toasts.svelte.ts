import type { Failure } from "../host/types";

/** What takes back what was done: the ops it wrote, or what to do where it wrote none. */
export type Undo = readonly string[] | (() => void);

/** What the person just did, or why it did not work. */
export type Toast = {
  id: number;
  text: string;
  /** What Undo would undo; empty where there is nothing to undo. */
  undo: Undo;
  /** Errors stay until dismissed and are announced at once. */
  error: boolean;
};

/** How long a toast stays, in milliseconds; it waits while it has the focus or the pointer. */
export const TOAST_STAYS = 10_000;

class Toasts {
  current = $state.raw<Toast | null>(null);
  /** What the newest change is taken back by, for Ctrl+Z after the toast is gone. */
  last: Undo = [];
  #next = 1;

  /** Says what was done. */
  say(text: string, undo: string | Undo = []): void {
    const back = typeof undo === "string" ? [undo] : undo;
    if (canUndo(back)) this.last = back;
    this.current = { id: this.#next++, text, undo: back, error: false };
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
    this.last = [];
  }
}

/** Whether there is anything to take back. */
export function canUndo(undo: Undo): boolean {
  return typeof undo === "function" || undo.length > 0;
}

/** The one toast of the window. */
export const toasts = new Toasts();
