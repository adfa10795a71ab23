import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { asked, focused, open, press } from "../tests/window";
import type { PeopleQuery } from "./lib/host/commands";
import type { FakeHost, FakeOptions } from "./lib/host/fake";
import { fakePeople } from "./lib/host/fake-people";

const RIVER = "#/people/t-river";
const queries = (host: FakeHost) => asked(host, "people") as PeopleQuery[];
const words = (id: string) => screen.getByTestId(id).textContent?.trim().replace(/\s+/g, " ");
const list = () => screen.getAllByTestId("person");
const cells = (row: HTMLElement | undefined) =>
  [...(row?.querySelectorAll("[role=gridcell]") ?? [])].map((cell) =>
    cell.textContent?.trim().replace(/\s+/g, " "),
  );
const on = (index: number) =>
  waitFor(() => expect(document.activeElement?.id).toBe(`person-${index}`));
const ranged = (range: string) => waitFor(() => expect(words("people-range")).toContain(range));
const find = (text: string) =>
  fireEvent.input(screen.getByTestId("people-text"), { target: { value: text } });
const click = (id: string) => fireEvent.click(screen.getByTestId(id));
const choose = (id: string, value: string) =>
  fireEvent.change(screen.getByTestId(id), { target: { value } });

async function people(options: FakeOptions = {}): Promise<FakeHost> {
  const host = await open(options, RIVER);
  await screen.findByTestId("people-list");
  return host;
}

describe("the people of a tenant", () => {
  it("are counted, dated and listed with role, site, address and id", async () => {
    const host = await people();
    expect(words("people-title")).toBe("2,300 people");
    expect(words("people-as-of")).toMatch(/^As of revision 3 of the roster, imported yesterday/i);
    expect(queries(host)).toEqual([
      { tenant: "t-river", text: "", role: null, site: null, from: 0, limit: 100, totals: true },
    ]);
    expect(list()).toHaveLength(100);
    expect(cells(list()[1])).toEqual([
      "Bruno Dvořák",
      "student Grade 08",
      "Maple Elementary and Middle School",
      "bruno.dvorak1@riverside.example",
      "USR-00004",
    ]);
    expect(words("people-range")).toBe("1–100 of 2,300 people");
    expect(screen.getByTestId("people-list").getAttribute("aria-rowcount")).toBe("2301");
  });

  it("say what the roster does not know of them instead of leaving it blank", async () => {
    await people();
    expect(cells(list()[8])[0]).toBe("No name");
    expect(cells(list()[6]).slice(1, 4)).toEqual(["guardian", "No site", "No e-mail"]);
    expect(cells(list()[4])[0]).toBe("Elif Fischer Inactive");
    expect(cells(list()[12])?.[1]).toBe("teacher, administrator");
    expect(cells(list()[12])?.[2]).toContain(", ");
  });

  it("are narrowed by role with how many there are of each", async () => {
    const host = await people();
    expect(words("people-role-all")).toBe("All 2,300");
    const teachers = words("people-role-teacher") ?? "";
    await click("people-role-teacher");
    const count = teachers.replace("teacher ", "");
    await ranged(`1–100 of ${count} people`);
    expect(screen.getByTestId("people-role-teacher").getAttribute("aria-pressed")).toBe("true");
    expect(queries(host).at(-1)).toMatchObject({ role: "teacher", totals: false });
    expect(new Set(list().map((row) => cells(row)[1]?.split(/[ ,]/)[0]))).toEqual(
      new Set(["teacher"]),
    );
    await click("people-role-all");
    await ranged("1–100 of 2,300 people");
  });

  it("are narrowed by site, and by words in any case", async () => {
    await people();
    await choose("people-site", "SCH-0002");
    await ranged("1–100 of ");
    expect(list().every((row) => cells(row)[2]?.includes("Maple"))).toBe(true);
    await find("BRUNO.DVORAK1@");
    await waitFor(() => expect(list()).toHaveLength(1));
    await ranged("1 person found");
  });

  it("that match nothing say so and show all again", async () => {
    await people();
    await find("nobody of that name");
    await screen.findByTestId("people-no-match");
    await click("people-clear");
    await ranged("1–100 of 2,300 people");
    await focused("people-text");
    expect(screen.getByTestId<HTMLInputElement>("people-text").value).toBe("");
  });

  it("ask until a page is full: the core looks at some of them at a time", async () => {
    const host = await people();
    await find("chloé almeida");
    await ranged("found");
    // 2,300 people, 400 for each answer.
    const searched = queries(host).filter((query) => query.text !== "");
    expect(searched.map((query) => query.from)).toEqual([0, 400, 800, 1_200, 1_600, 2_000]);
  });
});

describe("the keys in the list of people", () => {
  it("move, turn the page at its ends and lead to both ends of all", async () => {
    await people();
    await on(0);
    press("ArrowDown");
    await on(1);
    press("PageDown");
    await on(11);
    press("End");
    await on(99);
    press("ArrowDown");
    await ranged("101–200 of 2,300");
    await on(0);
    press("ArrowUp");
    await ranged("1–100 of 2,300");
    await on(99);
    press("Home");
    await on(0);
    press("End", { ctrlKey: true });
    await ranged("2,201–2,300 of 2,300");
    await on(99);
    press("Home", { ctrlKey: true });
    await ranged("1–100 of 2,300");
    await on(0);
    press("]");
    await ranged("101–200 of 2,300");
    press("[");
    await ranged("1–100 of 2,300");
  });

  it("go to the search with / and Ctrl+F, and back with Enter; Escape clears it", async () => {
    await people();
    await on(0);
    press("/");
    await focused("people-text");
    press("Enter");
    await on(0);
    press("f", { ctrlKey: true });
    await focused("people-text");
    await find("grace");
    await ranged("found so far");
    press("Escape");
    await ranged("1–100 of 2,300");
    press("Escape");
    await on(0);
  });

  it("turn pages of those that match, whose end is not known before", async () => {
    await people();
    await find("riverside.example");
    await ranged("1–100 of those found so far");
    expect(screen.getByTestId("people-last").getAttribute("aria-disabled")).toBe("true");
    await click("people-next");
    await ranged("101–200 of those found so far");
    await click("people-previous");
    await ranged("1–100 of those found so far");
  });
});

describe("a list of people that is not all there", () => {
  it("leads to Migration where the tenant has no roster", async () => {
    await open({}, "#/people/t-lake");
    expect(await screen.findByText("No roster yet")).toBeTruthy();
    expect(screen.queryByTestId("people-as-of")).toBeNull();
    await click("people-to-migration");
    await screen.findByTestId("migration-title");
    expect(window.location.hash).toBe("#/migration/t-lake");
  });

  it("has other words for who may not import", async () => {
    await open({ readOnly: true }, "#/people/t-lake");
    await screen.findByTestId("people-none");
    expect(words("people-none")).toContain("Once a specialist or manager imports one");
    expect(words("people-to-migration")).toBe("See the imports");
  });

  it("shows outlines to who may not import, and says so", async () => {
    await people({ readOnly: true });
    expect(words("people-masked")).toContain("in outline");
    expect(cells(list()[1])[0]).toBe("xxxxx xxxxxx");
    await find("bruno");
    await screen.findByTestId("people-no-match");
  });

  it("says to whom the list is closed", async () => {
    const host = await open({}, "#/today");
    host.failNext.set("people", { code: "not_allowed", message: "Not for you.", details: null });
    window.location.hash = RIVER;
    expect(await screen.findByText("This list is not for your role")).toBeTruthy();
    expect(screen.queryByText(/Not for you/)).toBeNull();
  });

  it("is loaded again by a sync where the roster is damaged", async () => {
    const host = await open({}, "#/today");
    const message = "The roster file is damaged. Load the roster again from the service.";
    host.failNext.set("people", { code: "roster_damaged", message, details: null });
    window.location.hash = RIVER;
    await screen.findByTestId("people-failed");
    expect(words("people-failed")).toContain(message);
    await fireEvent.click(screen.getByRole("button", { name: "Sync now" }));
    await screen.findByTestId("people-list");
    expect(asked(host, "sync_now")).toHaveLength(1);
    expect(screen.queryByTestId("people-failed")).toBeNull();
  });

  it("is tried again where something else went wrong", async () => {
    const host = await open({}, "#/today");
    host.failNext.set("people", { code: "internal", message: "Oh.", details: null });
    window.location.hash = RIVER;
    await screen.findByTestId("people-failed");
    await fireEvent.click(screen.getByRole("button", { name: "Try again" }));
    await screen.findByTestId("people-list");
  });

  it("says that a roster of other records has no people", async () => {
    const host = await open({}, "#/today");
    host.rosters.set("t-river", []);
    window.location.hash = RIVER;
    expect(await screen.findByText("This roster has no people")).toBeTruthy();
  });

  it("follows a sync, with its counts", async () => {
    const host = await people();
    host.rosters.set("t-river", fakePeople(40));
    host.emitChanged();
    await waitFor(() => expect(words("people-title")).toBe("40 people"));
    expect(list()).toHaveLength(40);
    expect(words("people-role-all")).toBe("All 40");
  });
});

describe("the way to the people", () => {
  it("is in the sidebar and in the palette", async () => {
    await open({}, "#/checklist/t-river");
    await fireEvent.click(await screen.findByTestId("nav-people"));
    await screen.findByTestId("people-list");
    expect(screen.getByTestId("nav-people").getAttribute("aria-current")).toBe("page");
    window.location.hash = "#/checklist/t-river";
    await waitFor(() => expect(screen.queryByTestId("people-list")).toBeNull());
    press("k", { ctrlKey: true });
    await fireEvent.input(await screen.findByTestId("palette-input"), {
      target: { value: "people of" },
    });
    press("Enter");
    await screen.findByTestId("people-list");
  });
});
