/** Which rows of a long list are worth having in the page. */

/** Lists up to this length are rendered whole. */
export const WHOLE_UP_TO = 300;

/** A row to render, or an empty stretch in its place, in pixels. */
export type Piece = { kind: "row"; index: number } | { kind: "gap"; key: string; height: number };

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
 * The pieces of a list of `starts.length - 1` rows of which the stretch from `top` to `bottom` is
 * seen. The row `pinned` is always there, since it may hold the focus.
 */
export function pieces(starts: number[], top: number, bottom: number, pinned: number): Piece[] {
  const count = starts.length - 1;
  if (count <= 0) return [];
  const wanted: number[] = [];
  const first = rowAt(starts, Math.max(0, top));
  const last = rowAt(starts, Math.max(0, bottom));
  if (pinned >= 0 && pinned < first) wanted.push(pinned);
  for (let index = first; index <= last; index += 1) wanted.push(index);
  if (pinned > last && pinned < count) wanted.push(pinned);
  return withGaps(starts, wanted, count);
}

function withGaps(starts: number[], wanted: number[], count: number): Piece[] {
  const result: Piece[] = [];
  let next = 0;
  for (const index of [...wanted, count]) {
    const height = (starts[index] ?? 0) - (starts[next] ?? 0);
    if (height > 0) result.push({ kind: "gap", key: `gap-${next}`, height });
    if (index < count) result.push({ kind: "row", index });
    next = index + 1;
  }
  return result;
}
