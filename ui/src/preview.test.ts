import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { click, next, RIVER, step, walk } from "../tests/migration";
import { asked, focused, open, press } from "../tests/window";
import type { PlanQuery } from "./lib/host/commands";
import type { FakeHost, FakeOptions } from "./lib/host/fake";
import type { PlanChange, PlanRow } from "./lib/host/types";
import { summaryOf } from "./lib/screens/migration/planned";

const FAILED = { code: "internal", message: "The disk does not answer.", details: null };

async function previewed(path = "river.zip", options: FakeOptions = {}): Promise<FakeHost> {
  const host = await open(options, RIVER);
  await walk(path, "Preview");
  await screen.findByTestId("preview-rows");
  return host;
}

async function withRows(path?: string, options?: FakeOptions): Promise<FakeHost> {
  const host = await previewed(path, options);
  await screen.findByTestId("plan-rows");
  return host;
}

const queries = (host: FakeHost) => asked(host, "plan_rows") as PlanQuery[];
const range = () => screen.getByTestId("rows-range").textContent?.trim();
const ranged = (words: string | RegExp) => waitFor(() => expect(range()).toMatch(words));
const list = () => screen.getAllByTestId("plan-row");
/** The words of a row: what becomes of it, type, id, what changes and where it stands. */
const cells = (row: HTMLElement | undefined) =>
  [...(row?.querySelectorAll("[role=gridcell]") ?? [])].map((cell) =>
    cell.textContent?.trim().replace(/\s+/g, " "),
  );
const first = () => cells(list()[0]);
const pressed = (id: string) => screen.getByTestId(id).getAttribute("aria-pressed");
const record = () => screen.getByTestId("plan-record").textContent?.replace(/\s+/g, " ");
const find = (text: string) =>
  fireEvent.input(screen.getByTestId("rows-text"), { target: { value: text } });
const on = (index: number) =>
  waitFor(() => expect(document.activeElement?.id).toBe(`plan-row-${index}`));

describe("the rows of a plan", () => {
  it("stand below the counts, a page of them, each with what changes", async () => {
    const host = await withRows();
    expect(queries(host)).toEqual([
      { tenant: "t-river", type: null, change: null, text: "", worst: false, from: 0, limit: 100 },
    ]);
    expect(range()).toBe("Rows 1–100 of 1,335");
    expect(list()).toHaveLength(100);
    expect(screen.getByTestId("plan-rows").getAttribute("aria-rowcount")).toBe("1336");
    expect(first()).toEqual([
      "New",
      "Terms",
      "TRM-001",
      "title: Autumn 2026, type: semester, startDate: 2026-09-01",
      "row 22",
    ]);
    const marks = new Set(list().map((row) => cells(row)[0]));
    expect(marks).toEqual(new Set(["New", "Changed", "Not in the files"]));
    expect(cells(list().find((row) => cells(row)[0] === "Changed"))[3]).toBe(
      "location: R 3 → R 15",
    );
  });

  it("are led to by the counts that they make, and the focus with them", async () => {
    const host = await withRows();
    await click("preview-users-update");
    await on(0);
    expect(queries(host).at(-1)).toMatchObject({ type: "users", change: "update", from: 0 });
    expect(range()).toBe("Rows 1–67 of 67");
    expect(screen.getByTestId<HTMLSelectElement>("rows-type").value).toBe("users");
    expect(pressed("rows-filter-update")).toBe("true");
    expect(first()?.slice(0, 2)).toEqual(["Changed", "People"]);
    const button = screen.getByTestId("preview-classes-remove");
    expect(button.getAttribute("aria-label")).toBe(
      "47 No longer in the files, Classes: show the rows",
    );
    await fireEvent.click(button);
    await ranged("Rows 1–47 of 47");
    expect(pressed("rows-filter-absent")).toBe("true");
    await click("preview-enrollments-remove");
    await ranged("Rows 1–100 of 118");
    expect(pressed("rows-filter-remove")).toBe("true");
    await click("preview-all-create");
    await ranged("Rows 1–100 of 1,084");
    // These are of two sorts, and zero is of none.
    expect(screen.queryByTestId("preview-all-remove")).toBeNull();
    expect(screen.queryByTestId("preview-users-remove")).toBeNull();
  });

  it("are narrowed by type and by what becomes of them, with how many there are", async () => {
    const host = await withRows();
    const count = (id: string) =>
      screen.getByTestId(`rows-filter-${id}`).textContent?.trim().replace(/\s+/g, " ");
    expect(count("all")).toBe("All 1,335");
    await fireEvent.change(screen.getByTestId("rows-type"), { target: { value: "classes" } });
    await ranged("Rows 1–90 of 90");
    expect(["create", "update", "remove", "absent"].map(count)).toEqual([
      "New 31",
      "Changed 12",
      "Removed 0",
      "No longer in the files 47",
    ]);
    await click("rows-filter-absent");
    await ranged("Rows 1–47 of 47");
    expect(screen.getByTestId("preview-rows").textContent).toMatch(/unless you ask at Import/);
    expect(record()).toMatch(/As it is/);
    expect(record()).not.toMatch(/As it would be/);
    await click("rows-filter-remove");
    expect(await screen.findByText("No row matches")).toBeTruthy();
    await click("rows-clear");
    await ranged("Rows 1–100 of 1,335");
    await focused("rows-text");
    expect(queries(host).at(-1)).toMatchObject({ type: null, change: null, text: "" });
  });

  it("that change most come first, and only changed ones", async () => {
    const host = await withRows();
    await click("rows-filter-create");
    await ranged("of 1,084");
    await click("rows-worst");
    await ranged("Rows 1–86 of the 86 that change most");
    expect(queries(host).at(-1)).toMatchObject({ change: "update", worst: true });
    expect([pressed("rows-worst"), pressed("rows-filter-update")]).toEqual(["true", "true"]);
    expect(first()?.[3]).toMatch(/^role: aide → student, \d more$/);
    await click("rows-filter-all");
    await ranged("of 1,335");
    expect(pressed("rows-worst")).toBe("false");
    expect(queries(host).at(-1)).toMatchObject({ change: null, worst: false });
  });
});

describe("the pages of a plan's rows", () => {
  it("are turned in the list by keys, over its ends too, and the focus stays in it", async () => {
    const host = await withRows();
    list()[0]?.focus();
    press("ArrowDown");
    await on(1);
    press("End");
    await on(99);
    press("ArrowDown");
    await ranged("Rows 101–200");
    await on(0);
    press("ArrowUp");
    await ranged("Rows 1–100");
    await on(99);
    press("]");
    await ranged("Rows 101–200");
    await on(0);
    press("PageDown");
    await on(10);
    press("[");
    await ranged("Rows 1–100");
    await on(0);
    press("End", { ctrlKey: true });
    await ranged("Rows 1,301–1,335 of 1,335");
    await on(34);
    const before = queries(host).length;
    press("]");
    press("ArrowDown");
    await on(34);
    press("Home", { ctrlKey: true });
    await ranged("Rows 1–100");
    await on(0);
    press("[");
    press("ArrowUp");
    expect(queries(host)).toHaveLength(before + 1);
  });

  it("are turned where the brackets need AltGr, and not by shortcuts", async () => {
    await withRows();
    list()[0]?.focus();
    press("]", { ctrlKey: true });
    expect(range()).toMatch("Rows 1–100");
    press("]", { ctrlKey: true, altKey: true, modifierAltGraph: true });
    await ranged("Rows 101–200");
  });

  it("are turned by buttons, which say when there is nowhere to go", async () => {
    await withRows();
    const closed = () =>
      ["first", "previous", "next", "last"].filter(
        (to) => screen.getByTestId(`rows-${to}`).getAttribute("aria-disabled") === "true",
      );
    expect(closed()).toEqual(["first", "previous"]);
    await click("rows-next");
    await ranged("Rows 101–200");
    expect(closed()).toEqual([]);
    await click("rows-last");
    await ranged("Rows 1,301–1,335");
    expect(closed()).toEqual(["next", "last"]);
    await click("rows-previous");
    await ranged("Rows 1,201–1,300");
    await click("rows-first");
    await ranged("Rows 1–100");
    await click("rows-filter-update");
    await ranged("Rows 1–86 of 86");
    expect(screen.queryByTestId("rows-next")).toBeNull();
  });

  it("are kept while the person is elsewhere, with what narrows them", async () => {
    const host = await withRows();
    await click("rows-filter-create");
    await ranged("of 1,084");
    await click("rows-next");
    await ranged("Rows 101–200");
    const before = queries(host).length;
    await click("nav-checklist");
    await waitFor(() => expect(screen.queryByTestId("plan-rows")).toBeNull());
    await click("nav-migration");
    await screen.findByTestId("plan-rows");
    expect(range()).toBe("Rows 101–200 of 1,084");
    expect(pressed("rows-filter-create")).toBe("true");
    expect(queries(host)).toHaveLength(before);
  });
});

describe("a search in the rows", () => {
  it("begins with /, goes on by itself over several answers, and leads into the list", async () => {
    const host = await withRows();
    press("/");
    await focused("rows-text");
    await find("TEMP@river");
    await ranged("1 row found among 1,335");
    const looks = queries(host).filter((one) => one.text !== "");
    expect(looks.map((one) => one.from)).toEqual([0, 400, 800, 1_200]);
    expect(looks.map((one) => one.limit)).toEqual([100, 100, 100, 99]);
    expect(first()?.[2]).toBe("USR-00007");
    press("Enter", { ctrlKey: true });
    await waitFor(() => expect(step()).toBe("Import"));
    press("Escape");
    await screen.findByTestId("plan-rows");
    screen.getByTestId("rows-text").focus();
    press("ArrowDown");
    await on(0);
    press("/");
    await focused("rows-text");
    press("Escape");
    await ranged("Rows 1–100 of 1,335");
    await focused("rows-text");
    expect(screen.getByTestId<HTMLInputElement>("rows-text").value).toBe("");
    press("Escape");
    await on(0);
    expect(step()).toBe("Preview");
  });

  it("shows what it has found so far, and can be stopped and gone on with", async () => {
    const host = await withRows();
    await fireEvent.change(screen.getByTestId("rows-type"), { target: { value: "enrollments" } });
    await ranged("of 960");
    await find("teacher");
    await waitFor(() => expect(queries(host).at(-1)?.text).toBe("teacher"));
    await ranged("39 rows found among 960");
    const release = host.hold("plan_rows");
    await find("nobody at all");
    await waitFor(() => expect(queries(host).at(-1)?.text).toBe("nobody at all"));
    host.hold("plan_rows");
    release();
    await waitFor(() => expect(queries(host).at(-1)?.from).toBe(400));
    await screen.findByTestId("rows-stop");
    expect(screen.getByTestId("rows-looked").textContent).toBe("Looked through 400 of 960");
    await click("rows-stop");
    expect(screen.getByTestId("rows-looked").textContent).toBe("Looked through 400 of 960");
    expect(screen.queryByText("No row matches")).toBeNull();
    await click("rows-on");
    expect(await screen.findByText("No row matches")).toBeTruthy();
    expect(range()).toBe("Nothing found among 960");
  });

  it("has pages, the last of which it does not know", async () => {
    await withRows("first.zip");
    await ranged("Rows 1–100 of 12,432");
    await find("student");
    await ranged("Rows 1–100 of those found so far");
    expect(screen.getByTestId("rows-last").getAttribute("aria-disabled")).toBe("true");
    await click("rows-next");
    await ranged("Rows 101–200 of those found so far");
    await click("rows-next");
    await ranged("Rows 201–300");
    await click("rows-previous");
    await ranged("Rows 101–200");
    await click("rows-first");
    await ranged("Rows 1–100");
  });

  it("is answered for what was asked last, however late an older answer comes", async () => {
    const host = await withRows();
    const release = host.hold("plan_rows");
    await click("rows-filter-create");
    await waitFor(() => expect(queries(host).at(-1)?.change).toBe("create"));
    await click("rows-filter-update");
    await ranged("Rows 1–86 of 86");
    release();
    await find("no such thing");
    expect(await screen.findByText("No row matches")).toBeTruthy();
    const late = host.hold("plan_rows");
    await find("no");
    await waitFor(() => expect(queries(host).at(-1)?.text).toBe("no"));
    await find("");
    await ranged("Rows 1–86 of 86");
    late();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(range()).toBe("Rows 1–86 of 86");
    expect(first()?.[0]).toBe("Changed");
  });
});

describe("a record of the plan", () => {
  it("shows before and after side by side, and only what changes where asked", async () => {
    await withRows();
    await click("preview-users-update");
    await on(0);
    expect(record()).toMatch(/Person USR-00007.*Changed.*Row 10 of its file/);
    const table = () => within(screen.getByTestId("record-values"));
    const heads = () =>
      table()
        .getAllByRole("columnheader")
        .map((one) => one.textContent);
    expect(heads()).toEqual(["Column", "As it is", "As it would be"]);
    expect(table().getAllByRole("row")).toHaveLength(14);
    const role = table().getByRole("row", { name: /^role changed/ });
    expect(within(role).getAllByRole("cell")[0]?.textContent?.trim()).toBe("aide");
    expect(within(role).getAllByRole("cell")[1]?.textContent?.trim()).toBe("student");
    press("c");
    await waitFor(() => expect(table().getAllByRole("row")).toHaveLength(7));
    expect(screen.getByTestId<HTMLInputElement>("record-only").checked).toBe(true);
    press("ArrowDown");
    await on(1);
    await waitFor(() => expect(table().getAllByRole("row")).toHaveLength(3));
    expect(record()).toMatch(/email changedno valuegrace\.grant@riverside\.example/);
    press("Enter");
    await focused("plan-record");
    press("Escape");
    await on(1);
    expect(step()).toBe("Preview");
  });

  it("that comes or goes has one side, and says why", async () => {
    await withRows();
    await click("preview-courses-create");
    await on(0);
    expect(record()).toMatch(/It is not in the roster yet\..*ColumnAs it would be/);
    await click("preview-enrollments-remove");
    await waitFor(() =>
      expect(record()).toMatch(/A row says that it is no more\..*ColumnAs it is/),
    );
    await click("preview-classes-remove");
    await waitFor(() => expect(record()).toMatch(/stays as it is, unless you ask at Import/));
  });

  it("shows in outline where the person may not import, and says what that hides", async () => {
    const host = await open({}, RIVER);
    host.masked = true;
    await walk("river.zip", "Preview");
    expect((await screen.findByTestId("rows-masked")).textContent).toMatch(
      /your role may not import here/,
    );
    await click("preview-users-update");
    await on(0);
    expect(record()).toMatch(/givenName changedxxxxxxxxx/);
    expect(record()).not.toMatch(/Chlo/);
    expect(screen.queryByTestId("record-unseen")).toBeNull();
    const same = list().findIndex((row) => cells(row)[2] === "USR-00043");
    expect(cells(list()[same])[3]).toBe("1 value differs, unseen in outline");
    await fireEvent.click(list()[same] as HTMLElement);
    expect((await screen.findByTestId("record-unseen")).textContent).toBe(
      "1 more value differs, unseen in outline.",
    );
  });
});

describe("rows that are not there", () => {
  it("are none where nothing changes, and nobody is asked", async () => {
    const host = await previewed("clean-same.zip");
    expect(screen.getByTestId("preview-rows").textContent).toMatch(
      /Every record is already as the files say/,
    );
    expect(screen.queryByTestId("rows-text")).toBeNull();
    expect(queries(host)).toEqual([]);
    press("/");
    next();
    await waitFor(() => expect(step()).toBe("Import"));
  });

  it("say so in their place when they cannot be read, and can be tried again", async () => {
    const host = await open({}, RIVER);
    host.failNext.set("plan_rows", FAILED);
    await walk("river.zip", "Preview");
    const rows = await screen.findByTestId("preview-rows");
    const problem = await within(rows).findByRole("alert");
    expect(problem.textContent).toMatch(/The disk does not answer\./);
    expect(screen.getByTestId("preview-types")).toBeTruthy();
    expect(screen.getByTestId("migration-why").textContent).toBe("");
    await fireEvent.click(within(problem).getByRole("button", { name: "Try again" }));
    await ranged("Rows 1–100 of 1,335");
    expect(within(rows).queryByRole("alert")).toBeNull();
    host.failNext.set("plan_rows", FAILED);
    await click("rows-next");
    await within(rows).findByRole("alert");
    expect(range()).toBe("Rows 1–100 of 1,335");
    await fireEvent.click(within(rows).getByRole("button", { name: "Try again" }));
    await ranged("Rows 101–200");
    host.failNext.set("plan_rows", FAILED);
    await click("rows-filter-update");
    await within(rows).findByRole("alert");
    // Rows of another question would look like its answer.
    expect(screen.queryByTestId("plan-rows")).toBeNull();
    await fireEvent.click(within(rows).getByRole("button", { name: "Try again" }));
    await ranged("Rows 1–86 of 86");
  });

  it("are planned once more where the shell has forgotten them", async () => {
    const host = await withRows();
    host.plans.clear();
    await click("rows-next");
    const rows = screen.getByTestId("preview-rows");
    await fireEvent.click(await within(rows).findByRole("button", { name: "Plan once more" }));
    await waitFor(() => expect(asked(host, "plan_import")).toHaveLength(2));
    await screen.findByTestId("plan-rows");
    expect(range()).toBe("Rows 1–100 of 1,335");
    expect(step()).toBe("Preview");
  });

  it("go with their plan", async () => {
    await withRows();
    await click("rows-filter-update");
    await ranged("of 86");
    await click("migration-step-detect");
    await fireEvent.click(await screen.findByTestId("rules-strict"));
    for (const name of ["Map", "Validate", "Preview"]) {
      await waitFor(() => expect(screen.getByTestId("migration-why").textContent).toBe(""));
      next();
      await waitFor(() => expect(step()).toBe(name));
    }
    await screen.findByTestId("plan-rows");
    expect(range()).toBe("Rows 1–100 of 1,335");
    expect(pressed("rows-filter-all")).toBe("true");
  });
});

describe("the summary of a row", () => {
  const row = (change: PlanChange, values: [string, string | null, string | null][]): PlanRow => ({
    at: 0,
    type: "users",
    id: "u-1",
    change,
    row: 2,
    changed: values.filter(([, before, after]) => before !== after).length,
    values: values.map(([column, before, after]) => ({ column, before, after })),
  });

  it("says the first value that changes and how many more there are", () => {
    expect(
      summaryOf(
        row("update", [
          ["role", "aide", "aide"],
          ["email", null, "a@x"],
        ]),
      ),
    ).toBe("email: no value → a@x");
    expect(
      summaryOf(
        row("update", [
          ["a", "1", "2"],
          ["b", "1", null],
          ["c", "1", "3"],
        ]),
      ),
    ).toBe("a: 1 → 2, 2 more");
  });

  it("says the first values of a record that comes or goes, without its id", () => {
    const values: [string, string | null, string | null][] = [
      ["sourcedId", null, "u-1"],
      ["middleName", null, null],
      ["givenName", null, "Ana"],
      ["familyName", null, "x".repeat(200)],
    ];
    expect(summaryOf(row("create", values))).toBe(`givenName: Ana, familyName: ${"x".repeat(80)}…`);
    expect(summaryOf(row("absent", [["title", "7A", null]]))).toBe("title: 7A");
  });

  it("says how many values differ where their outlines are the same", () => {
    const same = { ...row("update", [["givenName", "xxx", "xxx"]]), changed: 1 };
    expect(summaryOf(same)).toBe("1 value differs, unseen in outline");
  });
});
