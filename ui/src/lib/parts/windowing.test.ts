import { describe, expect, it } from "vitest";
import { offsets, pieces, rowAt } from "./windowing";

const starts = offsets(1_000, (index) => (index % 10 === 0 ? 50 : 30));

/** The height that the pieces stand for. */
function height(list: ReturnType<typeof pieces>): number {
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
        expect(height(pieces(starts, top, top + 600, pinned))).toBe(total);
      }
    }
  });

  it("holds few rows, and always the pinned one", () => {
    const list = pieces(starts, 0, 600, 900);
    const rows = list.flatMap((piece) => (piece.kind === "row" ? [piece.index] : []));
    expect(rows.length).toBeLessThan(30);
    expect(rows).toContain(900);
    expect(new Set(rows).size).toBe(rows.length);
  });

  it("is empty for an empty list", () => {
    expect(pieces([0], 0, 600, 0)).toEqual([]);
  });
});
