import { describe, expect, it } from "vitest";
import { find, marked, score } from "./search";

describe("finding by words", () => {
  it("ignores case and accents, wants every word, and puts the best first", () => {
    const rows = ["Chillwick District", "Hill School", "Rose Hill Primary"];
    expect(find(rows, "hill", (row) => row)).toEqual([
      "Hill School",
      "Rose Hill Primary",
      "Chillwick District",
    ]);
    expect(find(rows, "hill prim", (row) => row)).toEqual(["Rose Hill Primary"]);
    expect(score("Älmhult Skola", "almhult")).toBeGreaterThan(0);
    expect(score("Hill School", "valley")).toBe(0);
  });

  it("marks what was typed", () => {
    expect(marked("Rose Hill", "hill")).toEqual([
      { text: "Rose ", hit: false },
      { text: "Hill", hit: true },
    ]);
    expect(marked("Rose Hill", "")).toEqual([{ text: "Rose Hill", hit: false }]);
  });

  it("finds one of 1,000 tenants well within 30 ms", () => {
    const rows = Array.from({ length: 1_000 }, (_, i) => `School ${i} of the northern district`);
    find(rows, "warm up", (row) => row);
    const start = performance.now();
    expect(find(rows, "school 937", (row) => row)).toHaveLength(1);
    expect(performance.now() - start).toBeLessThan(30);
  });
});
