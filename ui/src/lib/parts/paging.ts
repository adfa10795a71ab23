import { tick } from "svelte";
import { hasModifier } from "../keys";
import type { Paged, Turn } from "../state/paged.svelte";

const UP = ["ArrowUp", "PageUp"];
const DOWN = ["ArrowDown", "PageDown"];
const TURNS: Record<string, Turn> = { "[": "previous", "]": "next" };
const ENDS: Record<string, Turn> = { Home: "first", End: "last" };

/** Where a key turns the page to: the brackets, those that leave the page at its ends, Ctrl+Home and Ctrl+End. */
export function turnOf(event: KeyboardEvent, at: Paged): Turn | null {
  const { key } = event;
  if ((event.ctrlKey || event.metaKey) && key in ENDS) return ENDS[key] ?? null;
  // Keyboards on which the brackets need AltGr say that Ctrl and Alt are held.
  const isSign = !event.ctrlKey || event.getModifierState("AltGraph");
  if (isSign && key in TURNS) return TURNS[key] ?? null;
  if (hasModifier(event)) return null;
  if (UP.includes(key) && at.chosen === 0) return "previous";
  const last = (at.shown?.rows.length ?? 0) - 1;
  return DOWN.includes(key) && at.chosen === last ? "next" : null;
}

/** Turns the page by a key pressed in its list; the focus goes to the row it leads to. */
export async function turnBy(
  event: KeyboardEvent,
  to: Turn,
  at: Paged,
  list: HTMLElement | null,
  focus: (index: number) => void,
): Promise<void> {
  event.preventDefault();
  await at.turn(to, event.key === "End" || UP.includes(event.key));
  await tick();
  // Whoever went elsewhere meanwhile stays there.
  if (list?.contains(document.activeElement)) focus(at.chosen);
}
