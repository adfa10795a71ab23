import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { asked, focused, open, press } from "../tests/window";
import type { FakeHost } from "./lib/host/fake";
import { fakeLook, fakeReport } from "./lib/host/fake-import";
import { causesIn, causesOf } from "./lib/screens/migration/causes";
import { jobAt } from "./lib/state/migration.svelte";

const RIVER = "#/migration/t-river";
const click = async (id: string) => fireEvent.click(await screen.findByTestId(id));
const title = () => screen.getByTestId("migration-title").textContent;
const step = () => document.querySelector("[aria-current=step]")?.textContent?.trim();

/** Types a path, as a person without a mouse or a dialog does. */
async function look(path: string): Promise<void> {
  await fireEvent.input(await screen.findByTestId("import-path"), { target: { value: path } });
  await click("import-path-use");
}

const next = () => press("Enter", { ctrlKey: true });

/** Goes on as far as a step. */
async function walk(path: string, to: "Rules" | "Check" | "Preview"): Promise<void> {
  await look(path);
  await screen.findByTestId("migration-found");
  for (const name of ["Rules", "Check", "Preview"]) {
    await waitFor(() => expect(screen.getByTestId("migration-why").textContent).toBe(""));
    next();
    await waitFor(() => expect(step()).toBe(name));
    if (name === to) return;
  }
}

async function checked(path = "river.zip"): Promise<FakeHost> {
  const host = await open({}, RIVER);
  await walk(path, "Check");
  await screen.findByTestId("migration-sum");
  return host;
}

describe("migration", () => {
  it("is reached beside the checklist and by the palette, and says what to do first", async () => {
    await open({}, "#/checklist/t-river");
    await click("nav-migration");
    expect((await screen.findByTestId("migration-title")).textContent).toBe("Files");
    expect(window.location.hash).toBe(RIVER);
    expect(screen.getByTestId("nav-migration").getAttribute("aria-current")).toBe("page");
    const steps = within(screen.getByTestId("migration-steps")).getAllByRole("listitem");
    expect(steps.map((one) => one.textContent?.trim())).toEqual([
      "Files",
      "Rules",
      "Check",
      "Preview",
    ]);
    expect(screen.getByTestId("migration-why").textContent).toBe("Choose the files first");
    await fireEvent.click(screen.getByTestId("nav-today"));
    await screen.findByTestId("today-front");
    await fireEvent.click(screen.getByTestId("nav-tenants"));
    window.location.hash = "#/checklist/t-river";
    await screen.findByTestId("nav-migration");
    press("k", { ctrlKey: true });
    await click("palette-migration");
    expect(await screen.findByTestId("migration-drop")).toBeTruthy();
  });

  it("takes a file or folder from the desktop's dialog, and nothing where none was chosen", async () => {
    const host = await open({}, RIVER);
    host.chosen = null;
    await click("import-file");
    await waitFor(() => expect(asked(host, "choose_import")).toEqual([{ folder: false }]));
    expect(asked(host, "look_at_import")).toEqual([]);
    host.chosen = "/home/mara/roster";
    await click("import-folder");
    const found = await screen.findByTestId("migration-found");
    expect(found.textContent).toMatch(/7 tables in roster/);
    expect(within(found).getByText("Enrollments")).toBeTruthy();
    expect(screen.getByTestId("migration-left").textContent).toMatch(/read-me\.pdf.*not a table/);
    expect(asked(host, "choose_import").at(-1)).toEqual({ folder: true });
  });

  it("takes one thing that is dropped on the window, and asks for one where it is several", async () => {
    const host = await open({}, RIVER);
    const drop = await screen.findByTestId("migration-drop");
    host.drag({ at: "over" });
    await waitFor(() => expect(drop.textContent).toContain("Let go to look at it"));
    host.drag({ at: "gone" });
    await waitFor(() => expect(drop.textContent).toContain("Drop a file or folder here"));
    host.drag({ at: "dropped", paths: ["/a.csv", "/b.csv"] });
    expect((await screen.findByTestId("migration-note")).textContent).toMatch(/one file or one/);
    expect(asked(host, "look_at_import")).toEqual([]);
    host.drag({ at: "dropped", paths: ["/home/mara/roster"] });
    await screen.findByTestId("migration-found");
    expect(asked(host, "look_at_import")).toEqual([
      { tenant: "t-river", path: "/home/mara/roster", rules: "tolerant" },
    ]);
  });

  it("walks through all steps by keyboard, the focus following, and back again", async () => {
    const host = await open({}, RIVER);
    await look("river.zip");
    await screen.findByTestId("migration-found");
    next();
    await focused("migration-title");
    expect(step()).toBe("Rules");
    next();
    await waitFor(() => expect(title()).toBe("99 rows are rejected, for 2 causes"));
    await focused("migration-title");
    next();
    await waitFor(() => expect(title()).toMatch(/add 1,084, change 86 and remove 165 records/));
    expect(screen.queryByTestId("migration-next")).toBeNull();
    for (const before of ["Check", "Rules", "Files"]) {
      press("Escape");
      await waitFor(() => expect(step()).toBe(before));
    }
    press("Escape");
    expect(step()).toBe("Files");
    expect(asked(host, "check_import")).toHaveLength(1);
  });

  it("keeps everything while the person is elsewhere, and checks only once", async () => {
    const host = await checked();
    await click("nav-checklist");
    await waitFor(() => expect(screen.queryByTestId("migration-title")).toBeNull());
    await click("nav-migration");
    await waitFor(() => expect(title()).toBe("99 rows are rejected, for 2 causes"));
    press("Escape");
    await waitFor(() => expect(step()).toBe("Rules"));
    next();
    await waitFor(() => expect(step()).toBe("Check"));
    expect(asked(host, "check_import")).toHaveLength(1);
  });
});

describe("what is wrong with the files as such", () => {
  it.each([
    ["gone.zip", /moved or deleted/, /Put it back or close it/],
    ["empty", /holds no table/, /Choose the folder or file/],
  ])("is said for %s, with what to do, and takes the focus", async (path, what, help) => {
    await open({}, RIVER);
    await look(path);
    await focused("migration-failed");
    const said = screen.getByTestId("migration-failed").textContent;
    expect(said).toMatch(what);
    expect(said).toMatch(help);
    expect(screen.getByTestId<HTMLInputElement>("import-path").value).toBe(path);
  });

  it("is said when a file goes while it is checked, and can be tried again", async () => {
    const host = await open({}, RIVER);
    await walk("river.zip", "Rules");
    host.failNext.set("check_import", {
      code: "import_unreadable",
      message: "'users.csv' cannot be read: another program has it open",
      details: null,
    });
    next();
    await focused("migration-failed");
    expect(step()).toBe("Check");
    await click("migration-again");
    expect(await screen.findByTestId("migration-sum")).toBeTruthy();
    expect(screen.queryByTestId("migration-failed")).toBeNull();
  });

  it("is asked back when the path is missing", async () => {
    const host = await open({}, RIVER);
    await look("  ");
    expect(await screen.findByText("Enter the path of a file or folder")).toBeTruthy();
    await focused("import-path");
    expect(asked(host, "look_at_import")).toEqual([]);
  });

  it("closes the way on while the format is not known, until it is chosen by hand", async () => {
    const host = await open({}, RIVER);
    await walk("menu.csv", "Rules");
    expect(await screen.findByTestId("format-unknown")).toBeTruthy();
    expect(screen.getByTestId("migration-why").textContent).toBe("Choose the format first");
    next();
    expect(step()).toBe("Rules");
    await fireEvent.change(screen.getByTestId("import-format"), { target: { value: "accounts" } });
    expect((await screen.findByTestId("format-found")).textContent?.trim()).toBe(
      "Accounts, chosen by hand",
    );
    next();
    await screen.findByTestId("migration-sum");
    expect(asked(host, "check_import")).toEqual([
      { tenant: "t-river", path: "menu.csv", rules: "tolerant", format: "accounts" },
    ]);
  });
});

describe("rules", () => {
  it("say how sure the format is and why, and a change of them makes a new check", async () => {
    const host = await checked();
    press("Escape");
    expect((await screen.findByTestId("format-found")).textContent).toMatch(/1\.1, 97 % sure/);
    expect(screen.getByTestId("format-reason").textContent).toMatch(/users\.csv has the labels/);
    expect(screen.getByText("WINDOWS-1252")).toBeTruthy();
    await fireEvent.click(screen.getByTestId("rules-strict"));
    next();
    await screen.findByTestId("migration-sum");
    expect(asked(host, "check_import").map((one) => (one as { rules: string }).rules)).toEqual([
      "tolerant",
      "strict",
    ]);
  });
});

describe("check", () => {
  it("adds up, in all and by file", async () => {
    await checked();
    const number = (id: string) => screen.getByTestId(id).textContent?.replace(/[^\d]/g, "");
    const parts = ["accepted", "fixed", "rejected", "skipped"].map((key) => number(`sum-${key}`));
    expect(parts).toEqual(["12388", "58", "99", "5"]);
    expect(number("sum-rows")).toBe("12550");
    const rows = within(screen.getByTestId("file-counts")).getAllByRole("row").slice(1);
    for (const row of rows) {
      const cells = within(row)
        .getAllByRole("cell")
        .map((cell) => Number(cell.textContent?.replace(/[^\d]/g, "")));
      expect(cells.slice(0, 4).reduce((sum, value) => sum + value, 0)).toBe(cells[4]);
    }
  });

  it("shows each cause with what to do and where, and moves through them with the arrows", async () => {
    await checked();
    const detail = () => screen.getByTestId("cause-detail").textContent;
    expect(detail()).toMatch(/School SCH-0417 is not in orgs\.csv/);
    expect(detail()).toMatch(/Add the school to orgs\.csv/);
    expect(detail()).toMatch(/First 5 of 93/);
    const list = screen.getByTestId("cause-list");
    within(list).getAllByRole("option")[0]?.focus();
    press("ArrowDown");
    await waitFor(() => expect(detail()).toMatch(/A required value is blank/));
    await focused("cause-problem-1");
    press("End");
    await waitFor(() => expect(detail()).toMatch(/In the file.*Imported as/));
    press("Home");
    await focused("cause-problem-0");
  });

  it("filters by kind and by file", async () => {
    await checked();
    const shown = () =>
      within(screen.getByTestId("cause-list"))
        .getAllByRole("option")
        .map((one) => one.getAttribute("data-testid"));
    await click("cause-filter-warning");
    expect(shown()).toEqual(["cause-problem-2", "cause-problem-3"]);
    await click("cause-filter-all");
    await fireEvent.change(screen.getByTestId("cause-file"), { target: { value: "classes.csv" } });
    expect(shown()).toEqual(["cause-problem-0", "cause-fix-1"]);
    await click("cause-filter-warning");
    expect(await screen.findByText("Nothing of this kind")).toBeTruthy();
  });

  it("exports the rejected rows of a file, or nothing where no place was chosen", async () => {
    const host = await checked();
    await click("export-enrollments.csv");
    expect(await screen.findByText(/88 rejected rows written to .*rejected\.csv/)).toBeTruthy();
    expect(asked(host, "export_rejected")).toEqual([
      { tenant: "t-river", path: "river.zip", rules: "tolerant", file: "enrollments.csv" },
    ]);
    host.failNext.set("export_rejected", { code: "cannot_write", message: "Full.", details: null });
    await click("export-users.csv");
    expect(await screen.findByText("Full.")).toBeTruthy();
    expect(screen.getByTestId("migration-sum")).toBeTruthy();
  });

  it("says so where nothing was found", async () => {
    await checked("clean.zip");
    expect(title()).toBe("All 12,550 rows can be imported as OneRoster 1.1");
    expect(screen.getByText("Nothing was found in these files")).toBeTruthy();
    expect(screen.queryByText(/Export/)).toBeNull();
  });
});

describe("a check that takes its time", () => {
  async function slow(): Promise<[FakeHost, () => void]> {
    const host = await open({}, RIVER);
    await walk("river.zip", "Rules");
    const release = host.hold("check_import");
    host.progress = { rows: 6_000, bytes: 824_370 };
    next();
    await screen.findByTestId("migration-job");
    return [host, release];
  }

  it("says how far it is, and shows the answer when it is there", async () => {
    const [, release] = await slow();
    await waitFor(() =>
      expect(screen.getByTestId("migration-job").textContent).toMatch(/6,000\s+rows read/),
    );
    expect(Number(screen.getByRole("progressbar").getAttribute("value"))).toBeCloseTo(0.5, 1);
    expect(screen.getByTestId("migration-why").textContent).toBe("The files are being read");
    release();
    expect(await screen.findByTestId("migration-sum")).toBeTruthy();
    expect(screen.queryByTestId("migration-job")).toBeNull();
  });

  it("is cancelled by Escape, leads back and says that nothing was written", async () => {
    const [host] = await slow();
    press("Escape");
    expect((await screen.findByTestId("migration-note")).textContent).toBe(
      "You cancelled this. Nothing was written.",
    );
    expect(step()).toBe("Rules");
    expect(asked(host, "cancel_import")).toHaveLength(1);
    next();
    expect(await screen.findByTestId("migration-sum")).toBeTruthy();
  });

  it("tells the rate and the time left once they are steady, and only where they are known", () => {
    const job = {
      what: "check",
      slow: false,
      rows: 0,
      share: null,
      rate: null,
      left: null,
    } as const;
    const progress = { rows: 100_000, bytes: 25 };
    expect(jobAt(job, progress, 500, 100)).toMatchObject({ slow: true, rate: null, left: null });
    expect(jobAt(job, progress, 2_000, 100)).toMatchObject({ share: 0.25, rate: 50_000, left: 6 });
    expect(jobAt(job, progress, 2_000, null)).toMatchObject({
      share: null,
      rate: 50_000,
      left: null,
    });
    expect(jobAt(job, null, 2_000, 100)).toMatchObject({ rows: 0, share: null, rate: null });
    expect(jobAt({ ...job, what: "export" }, progress, 2_000, 100).share).toBeNull();
  });
});

describe("preview", () => {
  it("shows what would change by type, what has to be confirmed, and the way to the problems", async () => {
    await open({}, RIVER);
    await walk("river.zip", "Preview");
    const table = await screen.findByTestId("preview-types");
    const people = within(table).getByRole("row", { name: /^People/ });
    const cells = within(people).getAllByRole("cell");
    expect(cells.map((one) => one.textContent?.trim())).toEqual(["205", "67", "2,029", "0", "6"]);
    expect(screen.getByTestId("preview-holds").textContent).toMatch(
      /Classes: 12 % of the records there would be removed\. Above 10 %/,
    );
    expect(screen.getByTestId("preview-revision").textContent).toMatch(/revision 12/);
    expect(screen.getByTestId("migration-end").textContent).toMatch(/Nothing was written/);
    await click("preview-check");
    await waitFor(() => expect(step()).toBe("Check"));
  });

  it("says what it means that there is no roster yet, and starts over with other files", async () => {
    await open({}, "#/migration/t-lake");
    await walk("clean.zip", "Preview");
    expect((await screen.findByTestId("preview-no-roster")).textContent).toMatch(
      /every record counts as new/,
    );
    expect(screen.getByTestId("preview-ready")).toBeTruthy();
    expect(screen.queryByTestId("preview-holds")).toBeNull();
    await click("migration-restart");
    await waitFor(() => expect(step()).toBe("Files"));
    expect(screen.getByTestId<HTMLInputElement>("import-path").value).toBe("");
    expect(screen.queryByTestId("migration-found")).toBeNull();
  });
});

describe("causes", () => {
  it("are problems by severity, then fixes, and a file finds those that only spread to it", () => {
    const causes = causesOf(fakeReport(fakeLook("river.zip", undefined), "tolerant", false));
    expect(causes.map((one) => one.group).join(" ")).toBe("error error warning warning fix fix");
    expect(causesIn(causes, "error", "classes.csv").map((one) => one.id)).toEqual(["problem-0"]);
    expect(causesIn(causes, null, null)).toHaveLength(6);
    expect(causesIn(causes, "error", "orgs.csv")).toEqual([]);
  });
});
