import { describe, expect, it } from "vitest";
import { faultAt, faultsOf } from "./faults";
import { asFailure } from "./host/commands";
import { moved } from "./keys";
import { parseRoute, routeHash } from "./state/route";
import { asStatus, choices, doneStatus } from "./status";

describe("statuses", () => {
  it("offers the claim only where a check confirms it, and completion only where none does", () => {
    expect(choices(true)).toContain("waiting_to_verify");
    expect(choices(true)).not.toContain("complete");
    expect(choices(false)).toContain("complete");
    expect(choices(false)).not.toContain("waiting_to_verify");
    expect(doneStatus(true)).toBe("waiting_to_verify");
    expect(doneStatus(false)).toBe("complete");
  });

  it("reads a status of a newer version as not started", () => {
    expect(asStatus("paused_by_moon")).toBe("not_started");
  });
});

describe("routes", () => {
  it("go to the address and back", () => {
    const item = "item/school-district/0/confirm-tenant";
    for (const route of [
      { screen: "today" as const },
      { screen: "tenants" as const },
      { screen: "sync" as const },
      { screen: "history" as const, tenant: null, item: null },
      { screen: "history" as const, tenant: "t/1", item: null },
      { screen: "history" as const, tenant: "t-1", item },
      { screen: "settings" as const },
      { screen: "migration" as const, tenant: "t/1" },
      { screen: "checklist" as const, tenant: "t/1", item: null },
      { screen: "checklist" as const, tenant: "t-1", item },
    ]) {
      expect(parseRoute(routeHash(route))).toEqual(route);
    }
  });

  it("fall back to Today", () => {
    for (const hash of [
      "",
      "#",
      "#/nowhere",
      "#/checklist",
      "#/migration",
      "#/checklist/%E0%A4%A",
    ]) {
      expect(parseRoute(hash)).toEqual({ screen: "today" });
    }
  });
});

describe("failures", () => {
  it("find their fields", () => {
    const ids = { name: "name-field" };
    const one = { code: "x", message: "Bad name", details: { field: "name" } };
    expect(faultAt(faultsOf(one, ids), "name-field")).toBe("Bad name");
    const many = { code: "x", message: "", details: { fields: { name: "Bad name", other: "?" } } };
    expect(faultsOf(many, ids)).toEqual([
      { field: "name-field", message: "Bad name" },
      { field: null, message: "?" },
    ]);
    expect(faultsOf({ code: "x", message: "No", details: null }, ids)).toEqual([
      { field: null, message: "No" },
    ]);
  });

  it("keep one shape whatever was thrown", () => {
    expect(asFailure(new Error("broken"))).toEqual({
      code: "internal",
      message: "broken",
      details: null,
    });
    expect(asFailure("text").message).toBe("text");
    expect(asFailure({ code: "c", message: "m", details: 1 })).toEqual({
      code: "c",
      message: "m",
      details: 1,
    });
  });
});

describe("keys in lists", () => {
  it("move and stop at the ends", () => {
    expect(moved("ArrowDown", 0, 3)).toBe(1);
    expect(moved("ArrowDown", 2, 3)).toBe(2);
    expect(moved("ArrowUp", 0, 3)).toBe(0);
    expect(moved("End", 0, 3)).toBe(2);
    expect(moved("Home", 2, 3)).toBe(0);
    expect(moved("x", 0, 3)).toBeNull();
    expect(moved("End", 0, 0)).toBeNull();
  });
});
