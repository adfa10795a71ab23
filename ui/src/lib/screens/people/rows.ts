/** The element of a person on the page. */
export const rowId = (index: number): string => `person-${index}`;

/** Gives a person of the page the focus. */
export function focusPerson(index: number): void {
  const row = document.getElementById(rowId(index));
  row?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}
