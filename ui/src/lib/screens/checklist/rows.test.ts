import { describe, expect, it } from "vitest";
import { FakeHost } from "../../host/fake";
import { counts, foldedAtFirst, rowsOf } from "./rows";

const NOW = new Date(2026, 2, 12, 8, 0);
const view = () => new FakeHost({ now: NOW }).invoke("checklist", { tenant: "t-hill" });
const titles = (rows: ReturnType<typeof rowsOf>) =>
  rows.flatMap((row) => (row.kind === "item" ? [row.item.key] : []));

describe("the rows of a checklist", () => {
  it("fold complete phases at first and open them for a search", async () => {
    const list = await view();
    const folded = foldedAtFirst(list);
    expect([...folded]).toEqual(["prepare", "policies"]);
    expect(titles(rowsOf(list, "all", "", "acc-mara", folded))).not.toContain("confirm-scope");
    expect(titles(rowsOf(list, "all", "confirm", "acc-mara", folded))).toEqual(["confirm-scope"]);
  });

  it("count what the tabs show", async () => {
    const list = await view();
    const tabs = counts(list, "acc-dana");
    expect(tabs.blocked).toBe(2);
    expect(titles(rowsOf(list, "blocked", "", "acc-dana", new Set()))).toHaveLength(2);
    expect(titles(rowsOf(list, "mine", "", "acc-dana", new Set()))).toHaveLength(tabs.mine);
    expect(titles(rowsOf(list, "open", "", "acc-dana", new Set()))).toHaveLength(tabs.open);
  });

  it("indent an item only under its parent", async () => {
    const list = await view();
    const depth = (filter: "all" | "verify") =>
      rowsOf(list, filter, "", "", new Set()).find((row) => row.id.includes("test-staff-sign-in"));
    expect(depth("all")).toMatchObject({ depth: 1 });
    expect(depth("verify")).toMatchObject({ depth: 0 });
  });

  it("indent every level of nesting, and a part whose parent is filtered out not at all", async () => {
    const host = new FakeHost({ now: NOW, workshop: true });
    const list = await host.invoke("checklist", { tenant: "t-delta" });
    const depths = (typed: string) =>
      rowsOf(list, "all", typed, "", new Set()).flatMap((row) =>
        row.kind === "item" && row.item.key.endsWith("-2") ? [row.depth] : [],
      );
    expect(depths("")).toEqual([0, 1, 2, 2, 1]);
    expect(depths("unlock")).toEqual([0]);
  });
});
