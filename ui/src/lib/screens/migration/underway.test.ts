import { describe, expect, it } from "vitest";
import { firstOf, paceOf, recordsIn } from "./underway";

const sent = (done: number) => ({ doing: "send" as const, done, total: 100 });

describe("an import under way", () => {
  it("has a pace once that is steady", () => {
    const first = firstOf(null, sent(20), 1_000);
    expect(paceOf(first, sent(30), 2_000)).toBeNull();
    expect(paceOf(first, sent(60), 3_000)).toEqual({ rate: 20, left: 2 });
    expect(paceOf(first, sent(20), 9_000)).toBeNull();
  });

  it("is measured anew where something else begins", () => {
    const first = firstOf(null, sent(20), 1_000);
    expect(firstOf(first, sent(40), 2_000)).toBe(first);
    expect(firstOf(first, { ...sent(30), doing: "fetch" }, 2_000).at).toBe(2_000);
    expect(firstOf(first, sent(0), 2_000)).toEqual({ doing: "send", done: 0, at: 2_000 });
  });

  it("counts records, in a file by its share", () => {
    expect(recordsIn(sent(25), 1_000)).toBe(250);
    expect(recordsIn({ doing: "apply", done: 70, total: 100 }, 1_000)).toBe(70);
    expect(recordsIn({ doing: "stage", done: 70, total: 100 }, 1_000)).toBe(70);
    expect(recordsIn({ doing: "fetch", done: 0, total: 0 }, 1_000)).toBe(0);
  });
});
