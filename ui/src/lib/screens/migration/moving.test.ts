import { describe, expect, it } from "vitest";
import { firstOf, paceOf } from "./moving";

const sent = (bytes: number) => ({ sends: true, bytes, total: 100 });

describe("a file on its way", () => {
  it("has a pace once that is steady", () => {
    const first = firstOf(null, sent(20), 1_000);
    expect(paceOf(first, sent(30), 2_000)).toBeNull();
    expect(paceOf(first, sent(60), 3_000)).toEqual({ rate: 20, left: 2 });
    expect(paceOf(first, sent(20), 9_000)).toBeNull();
  });

  it("is measured anew where another way begins", () => {
    const first = firstOf(null, sent(20), 1_000);
    expect(firstOf(first, sent(40), 2_000)).toBe(first);
    expect(firstOf(first, { ...sent(30), sends: false }, 2_000).at).toBe(2_000);
    expect(firstOf(first, sent(0), 2_000)).toEqual({ sends: true, bytes: 0, at: 2_000 });
  });
});
