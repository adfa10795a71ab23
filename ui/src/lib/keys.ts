/** Whether a key press belongs to a field that takes text, where single letters are input. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  return target.matches("input, textarea, select, [contenteditable='true']");
}

/** Whether a modifier is held that makes a letter a shortcut of something else. */
export function hasModifier(event: KeyboardEvent): boolean {
  return event.ctrlKey || event.metaKey || event.altKey;
}

/**
 * The index a key moves to in a list of `length` rows, or null when the key does not move.
 * Arrows step, Home and End jump, Page keys take `page` rows.
 */
export function moved(key: string, index: number, length: number, page = 10): number | null {
  if (length === 0) return null;
  const last = length - 1;
  const to = (value: number) => Math.min(last, Math.max(0, value));
  switch (key) {
    case "ArrowDown":
      return to(index + 1);
    case "ArrowUp":
      return to(index - 1);
    case "Home":
      return 0;
    case "End":
      return last;
    case "PageDown":
      return to(index + page);
    case "PageUp":
      return to(index - page);
    default:
      return null;
  }
}
