import { describe, expect, it } from "vitest";
import { offsets, type Piece, pieces, recycle, rowAt, rowsSeen } from "./windowing";

const starts = offsets(1_000, (index) => (index % 10 === 0 ? 50 : 30));

function piecesOf(top: number, bottom: number, pinned: number): Piece[] {
  const rows = rowsSeen(starts, top, bottom, pinned);
  return pieces(starts, rows, recycle(new Map(), rows, -1));
}

/** The height that the pieces stand for. */
function height(list: Piece[]): number {
  return list.reduce((sum, piece) => {
    if (piece.kind === "gap") return sum + piece.height;
    return sum + (starts[piece.index + 1] ?? 0) - (starts[piece.index] ?? 0);
  }, 0);
}

describe("windowing", () => {
  it("finds the row at a height", () => {
    expect(rowAt(starts, 0)).toBe(0);
    expect(rowAt(starts, 49)).toBe(0);
    expect(rowAt(starts, 50)).toBe(1);
    expect(rowAt(starts, 10_000_000)).toBe(999);
  });

  it("keeps the whole height, whatever is seen and whichever row is pinned", () => {
    const total = starts[1_000] ?? 0;
    for (const pinned of [-1, 0, 5, 500, 999]) {
      for (const top of [0, 3_000, total - 600]) {
        expect(height(piecesOf(top, top + 600, pinned))).toBe(total);
      }
    }
  });

  it("holds few rows, and always the pinned one", () => {
    const list = piecesOf(0, 600, 900);
    const rows = list.flatMap((piece) => (piece.kind === "row" ? [piece.index] : []));
    expect(new Set(list.map((piece) => piece.key)).size).toBe(list.length);
    expect(rows.length).toBeLessThan(30);
    expect(rows).toContain(900);
    expect(new Set(rows).size).toBe(rows.length);
  });

  it("is empty for an empty list", () => {
    expect(rowsSeen([0], 0, 600, 0)).toEqual([]);
    expect(pieces([0], [], new Map())).toEqual([]);
  });

  it("hands the elements of rows that left to rows that come, and moves no other", () => {
    const first = recycle(new Map(), [0, 1, 2, 3], -1);
    const second = recycle(first, [2, 3, 4, 5], -1);
    expect([...second]).toEqual([
      [2, first.get(2)],
      [3, first.get(3)],
      [4, first.get(0)],
      [5, first.get(1)],
    ]);
  });

  it("never hands on the element that has the focus", () => {
    const first = recycle(new Map(), [0, 1, 2], -1);
    const second = recycle(first, [7, 8, 9], 1);
    expect([...second.values()]).not.toContain(first.get(1));
    expect(new Set(second.values()).size).toBe(3);
  });
});
