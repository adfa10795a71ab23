import type { People, PeopleShown } from "../../state/people.svelte";
import { texts } from "../../texts";

const words = texts.people;

/** Who shows, of how many. */
export function rangeOf({ matching }: People, { place, rows, next }: PeopleShown): string {
  const from = place.first + 1;
  const to = place.first + rows.length;
  if (matching !== null) return words.range(from, to, matching);
  return next === null ? words.found(from, to) : words.foundMore(from, to);
}

/** The element of a person on the page. */
export const rowId = (index: number): string => `person-${index}`;

/** Gives a person of the page the focus. */
export function focusPerson(index: number): void {
  const row = document.getElementById(rowId(index));
  row?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}
