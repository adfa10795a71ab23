/** Which rows of a long list are worth having in the page. */

/** Lists up to this length are rendered whole. */
export const WHOLE_UP_TO = 300;

/** A row to render, or an empty stretch in its place, in pixels. The key names its element. */
export type Piece =
  | { kind: "row"; key: string; index: number }
  | { kind: "gap"; key: string; height: number };

/** Where each row starts, and the total height at the end. */
export function offsets(count: number, height: (index: number) => number): number[] {
  const starts = new Array<number>(count + 1).fill(0);
  for (let index = 0; index < count; index += 1) {
    starts[index + 1] = (starts[index] ?? 0) + height(index);
  }
  return starts;
}

/** The first row whose end lies below `y`. */
export function rowAt(starts: number[], y: number): number {
  let low = 0;
  let high = Math.max(0, starts.length - 2);
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle + 1] ?? 0) > y) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The rows of a list of `starts.length - 1` of which the stretch from `top` to `bottom` is seen.
 * The row `pinned` is always there, since it may hold the focus.
 */
export function rowsSeen(starts: number[], top: number, bottom: number, pinned: number): number[] {
  const count = starts.length - 1;
  if (count <= 0) return [];
  const wanted: number[] = [];
  const first = rowAt(starts, Math.max(0, top));
  const last = rowAt(starts, Math.max(0, bottom));
  if (pinned >= 0 && pinned < first) wanted.push(pinned);
  for (let index = first; index <= last; index += 1) wanted.push(index);
  if (pinned > last && pinned < count) wanted.push(pinned);
  return wanted;
}

/** The `rows` in their elements, with gaps where the others would stand. */
export function pieces(starts: number[], rows: number[], elements: Elements): Piece[] {
  const count = starts.length - 1;
  const result: Piece[] = [];
  let gaps = 0;
  let next = 0;
  for (const index of [...rows, count]) {
    const height = (starts[index] ?? 0) - (starts[next] ?? 0);
    if (height > 0) result.push({ kind: "gap", key: `gap-${gaps++}`, height });
    if (index < count) result.push({ kind: "row", key: `row-${elements.get(index)}`, index });
    next = index + 1;
  }
  return result;
}

/** Which element stands for which row: the element's number by the row's index. */
export type Elements = ReadonlyMap<number, number>;

/**
 * Gives `rows` their elements. A row keeps the one it has; a new row takes over one that another
 * has left, which costs a third of making one. The element of the row `held` is not handed on: it
 * has the focus, and what is pressed next must not fall on another row.
 */
export function recycle(before: Elements, rows: number[], held: number): Elements {
  const wanted = new Set(rows);
  const free = [...before.keys()].filter((row) => !wanted.has(row) && row !== held);
  let made = Math.max(-1, ...before.values()) + 1;
  const after = new Map<number, number>();
  for (const row of rows) {
    const left = before.has(row) ? row : free.shift();
    after.set(row, left === undefined ? made++ : (before.get(left) ?? made++));
  }
  return after;
}
