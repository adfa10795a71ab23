/** Finding by words: case and accents do not matter, and every word typed must occur. */

/** Plain letters, as most names are: they need no taking apart, which is most of what folding costs. */
const PLAIN = /^[ -~]*$/;

/** A text without case and accents. */
export function fold(text: string): string {
  if (PLAIN.test(text)) return text.toLowerCase();
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/**
 * How well a text matches what was typed: 0 not at all, higher is better. A match at the start of
 * the text counts most, then at the start of a word, then anywhere.
 */
export function score(text: string, typed: string): number {
  const words = fold(typed)
    .split(/\s+/)
    .filter((word) => word.length > 0);
  const folded = fold(text);
  let total = 1;
  for (const word of words) {
    const found = folded.indexOf(word);
    if (found < 0) return 0;
    const before = folded[found - 1];
    total += found === 0 ? 4 : before !== undefined && /[^\p{L}\p{N}]/u.test(before) ? 2 : 1;
  }
  return total;
}

/** The rows that match, best first; rows of equal score keep their order. */
export function find<T>(rows: readonly T[], typed: string, words: (row: T) => string): T[] {
  return rows
    .map((row, index) => ({ row, index, points: score(words(row), typed) }))
    .filter((one) => one.points > 0)
    .sort((a, b) => b.points - a.points || a.index - b.index)
    .map((one) => one.row);
}

/** A text cut into parts, the first match of the typed text marked. */
export function marked(text: string, typed: string): Array<{ text: string; hit: boolean }> {
  const wanted = fold(typed.trim());
  const found =
    wanted === "" || fold(text).length !== text.length ? -1 : fold(text).indexOf(wanted);
  if (found < 0) return [{ text, hit: false }];
  const cut = [
    { text: text.slice(0, found), hit: false },
    { text: text.slice(found, found + wanted.length), hit: true },
    { text: text.slice(found + wanted.length), hit: false },
  ];
  return cut.filter((part) => part.text !== "");
}
