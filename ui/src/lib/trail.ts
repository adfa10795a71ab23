/** The trail as the core writes it: one letter per item, phases apart by a space. */
import type { Status } from "./status";

const LETTERS: Record<string, Status> = {
  c: "complete",
  p: "in_progress",
  v: "waiting_to_verify",
  o: "not_started",
  b: "blocked",
};

/** The stones of one phase; a letter of a newer version reads as open. */
export function stonesOf(letters: string): Status[] {
  return [...letters].map((letter) => LETTERS[letter] ?? "not_started");
}

/** The phases of a whole trail. */
export function phasesOf(trail: string): Status[][] {
  return trail === "" ? [] : trail.split(" ").map(stonesOf);
}
