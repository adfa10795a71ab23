import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { click, look, next, RIVER, step, title, walk } from "../tests/migration";
import { asked, focused, open, press } from "../tests/window";
import type { FakeHost } from "./lib/host/fake";
import { fakeLook, fakeReport } from "./lib/host/fake-import";
import type { ImportDraft, ImportRules } from "./lib/host/types";
import { causesIn, causesOf } from "./lib/screens/migration/causes";
import { jobAt } from "./lib/state/migration.svelte";

async function checked(path = "river.zip"): Promise<FakeHost> {
  const host = await open({}, RIVER);
  await walk(path, "Validate");
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
    expect(steps.map((one) => one.querySelector(".name")?.textContent)).toEqual([
      "Files",
      "Detect",
      "Map",
      "Validate",
      "Preview",
      "Import",
      "Verify",
      "Roll back",
    ]);
    expect(screen.getByTestId("migration-steps-short").textContent).toBe("1/8 Files");
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
    await waitFor(() => expect(drop.textContent).toContain("Let go to read it"));
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

  it("walks through all steps by keyboard, the focus following", async () => {
    const host = await open({}, RIVER);
    await look("river.zip");
    await screen.findByTestId("migration-found");
    next();
    await focused("migration-title");
    expect(step()).toBe("Detect");
    next();
    await waitFor(() => expect(title()).toBe("1 required column is missing"));
    await focused("migration-title");
    expect(step()).toBe("Map");
    next();
    await waitFor(() => expect(title()).toBe("99 rows are rejected, for 2 causes"));
    await focused("migration-title");
    next();
    await waitFor(() =>
      expect(title()).toMatch(
        /add 1,084, change 86 and remove 118 records; 47 are no longer in the files/,
      ),
    );
    next();
    await waitFor(() => expect(title()).toBe("Import into Riverside Unified"));
    await focused("migration-title");
    expect(screen.queryByTestId("migration-next")).toBeNull();
    expect(step()).toBe("Import");
    expect(asked(host, "check_import")).toHaveLength(1);
  });

  it("walks back again, and finds out nothing anew", async () => {
    const host = await open({}, RIVER);
    await walk("river.zip", "Import");
    for (const before of ["Preview", "Validate", "Map", "Detect", "Files"]) {
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
    await waitFor(() => expect(step()).toBe("Map"));
    next();
    await waitFor(() => expect(step()).toBe("Validate"));
    expect(asked(host, "check_import")).toHaveLength(1);
  });
});

describe("the steps", () => {
  const at = (name: string) => screen.getByTestId(`migration-step-${name}`);
  const why = (name: string) => screen.queryByTestId(`migration-why-${name}`)?.textContent ?? "";
  const stone = (name: string) => at(name).querySelector("svg")?.classList[0];

  it("that cannot be gone to yet say why, and a click on them does nothing", async () => {
    await open({}, RIVER);
    await screen.findByTestId("migration-drop");
    expect(why("detect")).toBe("Choose the files first");
    expect(why("verify")).toBe("Comes after an import");
    expect(why("rollback")).toBe("Comes after an import");
    await walk("river.zip", "Map");
    expect([why("files"), why("detect"), why("validate")]).toEqual(["", "", ""]);
    expect(why("preview")).toBe("Comes after Validate");
    expect(why("import")).toBe("Comes after Preview");
    const closed = at("import");
    expect(closed.getAttribute("aria-disabled")).toBe("true");
    expect(
      document.getElementById(closed.getAttribute("aria-describedby") ?? "")?.textContent,
    ).toBe("Comes after Preview");
    await fireEvent.click(closed);
    expect(step()).toBe("Map");
  });

  it("are not opened where no format is known", async () => {
    await open({}, RIVER);
    await walk("menu.csv", "Detect");
    await screen.findByTestId("format-unknown");
    expect([why("map"), why("preview")]).toEqual([
      "Choose the format first",
      "Choose the format first",
    ]);
  });

  it("that were reached stay open on the way back, until what they rest on changes", async () => {
    const host = await open({}, RIVER);
    await walk("river.zip", "Import");
    await click("migration-step-detect");
    await focused("migration-title");
    expect(stone("preview")).toBe("complete");
    await click("migration-step-import");
    await waitFor(() => expect(step()).toBe("Import"));
    expect(asked(host, "plan_import")).toHaveLength(1);
    await click("migration-step-detect");
    await click("rules-strict");
    expect(why("preview")).toBe("Comes after Validate");
    expect(stone("validate")).toBe("not_started");
  });

  it("of an import that was asked for are its own, and its stone is whole once it is done", async () => {
    const host = await open({ network: "offline" }, "#/migration/t-lake");
    await walk("clean.zip", "Import");
    next();
    await waitFor(() => expect(title()).toBe("clean.zip waits to be imported"));
    await waitFor(() => expect(why("preview")).toMatch(/has its files/));
    expect(why("verify")).toBe("Comes once the service has imported it");
    expect(why("rollback")).toBe("It is not imported yet: cancel it at Import");
    expect(stone("import")).toBe("in_progress");
    const [row] = host.runs.of("t-lake");
    const done = { committed: { users: { create: 1, update: 0, unchanged: 0, remove: 0 } } };
    host.runs.answer(row?.id ?? "", { state: "committed", ...done });
    host.emitChanged();
    await waitFor(() => expect(stone("import")).toBe("complete"));
    expect(why("verify")).toMatch(/does not have this import yet. Sync first/);
    expect(why("rollback")).toBe("");
    host.runs.answer(row?.id ?? "", { here: true });
    host.emitChanged();
    await waitFor(() => expect(why("verify")).toBe(""));
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
    await walk("river.zip", "Map");
    host.failNext.set("check_import", {
      code: "import_unreadable",
      message: "'users.csv' cannot be read: another program has it open",
      details: null,
    });
    next();
    await focused("migration-failed");
    expect(step()).toBe("Validate");
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
    await walk("menu.csv", "Detect");
    expect(await screen.findByTestId("format-unknown")).toBeTruthy();
    expect(screen.getByTestId("migration-why").textContent).toBe("Choose the format first");
    next();
    expect(step()).toBe("Detect");
    await fireEvent.change(screen.getByTestId("import-format"), { target: { value: "accounts" } });
    expect((await screen.findByTestId("format-found")).textContent?.trim()).toBe(
      "Accounts, chosen by hand",
    );
    next();
    await waitFor(() => expect(step()).toBe("Map"));
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
    await waitFor(() => expect(step()).toBe("Map"));
    press("Escape");
    expect((await screen.findByTestId("format-found")).textContent).toMatch(/1\.1, 97 % sure/);
    expect(screen.getByTestId("format-reason").textContent).toMatch(/users\.csv has the labels/);
    expect(screen.getByText("WINDOWS-1252, as found")).toBeTruthy();
    await fireEvent.click(screen.getByTestId("rules-strict"));
    next();
    await waitFor(() => expect(step()).toBe("Map"));
    next();
    await screen.findByTestId("migration-sum");
    expect(asked(host, "check_import").map((one) => (one as { rules: string }).rules)).toEqual([
      "tolerant",
      "strict",
    ]);
  });
});

/** Chooses in a list of choices, which has the focus as when a person does. */
async function choose(id: string, value: string): Promise<void> {
  const control = await screen.findByTestId<HTMLSelectElement>(id);
  control.focus();
  await fireEvent.change(control, { target: { value } });
}

const held = (id: string) => screen.getByTestId<HTMLSelectElement>(id).value;
const choices = (id: string) =>
  within(screen.getByTestId(id))
    .getAllByRole("option")
    .map((one) => one.textContent?.trim());
/** The columns of a table as they stand: label, what it is read as and how that is known. */
const column = (index: number) => screen.getByTestId(`map-column-${index}`).textContent ?? "";
/** The mapping of the newest look. */
const looked = (host: FakeHost) =>
  (asked(host, "look_at_import").at(-1) as { mapping?: ImportRules }).mapping;

async function mapped(path = "river.zip", table = "users.csv"): Promise<FakeHost> {
  const host = await open({}, RIVER);
  await walk(path, "Map");
  await click(`map-table-${table}`);
  return host;
}

describe("how files are written", () => {
  it("is changed by hand, and looked at again while the focus stays", async () => {
    const host = await open({}, RIVER);
    await walk("river.zip", "Detect");
    await choose("written-encoding-6", "iso-8859-2");
    await choose("written-between-6", "|");
    await fireEvent.input(screen.getByTestId("written-above-6"), { target: { value: "2" } });
    screen.getByTestId("written-above-6").focus();
    press("Enter");
    await focused("written-above-6");
    const rules = { encoding: "iso-8859-2", delimiter: "|", skip_lines: 2 };
    await waitFor(() => expect(looked(host)).toEqual({ files: { "users.csv": rules } }));
    await choose("written-kind-5", "-");
    await focused("written-kind-5");
    await waitFor(() => expect(looked(host)?.files?.["orgs.csv"]).toEqual({ is: "-" }));
    next();
    await waitFor(() => expect(step()).toBe("Map"));
    expect(screen.queryByTestId("map-table-orgs.csv")).toBeNull();
    press("Escape");
    for (const setting of ["encoding", "between", "above"])
      await choose(`written-${setting}-6`, "");
    await choose("written-kind-5", "");
    await waitFor(() => expect(looked(host)).toBeUndefined());
    expect(screen.queryByTestId("written-kind-4")).toBeNull();
  });

  it("outlives another format, and columns do not", async () => {
    const host = await mapped();
    await click("map-use-14");
    press("Escape");
    await choose("written-between-6", "|");
    await choose("import-format", "sds-2.1");
    await waitFor(() =>
      expect(asked(host, "look_at_import").at(-1)).toMatchObject({ format: "sds-2.1" }),
    );
    expect(looked(host)).toEqual({ files: { "users.csv": { delimiter: "|" } } });
  });

  it("stays in sight while a look takes its time, which can be cancelled", async () => {
    const host = await open({}, RIVER);
    await walk("river.zip", "Detect");
    host.hold("look_at_import");
    await choose("written-between-6", "|");
    expect((await screen.findByTestId("migration-cancel")).textContent).toMatch(/Cancel/);
    expect(screen.getByTestId("migration-why").textContent).toBe("The files are being read");
    expect(screen.queryByTestId("migration-job")).toBeNull();
    await focused("written-between-6");
    await choose("written-encoding-6", "utf-8");
    press("Escape");
    expect((await screen.findByTestId("migration-note")).textContent).toMatch(/cancelled/);
    expect(step()).toBe("Detect");
    expect([held("written-between-6"), held("written-encoding-6")]).toEqual(["", ""]);
    await focused("written-encoding-6");
    expect(asked(host, "look_at_import")).toHaveLength(2);
  });

  it("is kept where the files cannot be read just now, and heard when they can", async () => {
    const host = await mapped();
    host.failNext.set("look_at_import", {
      code: "import_unreadable",
      message: "'users.csv' cannot be read: another program has it open",
      details: null,
    });
    await choose("map-as-14", "sms");
    await focused("migration-failed");
    expect(held("map-as-14")).toBe("sms");
    await click("migration-again");
    await waitFor(() => expect(column(14)).toMatch(/You said so/));
    expect(screen.queryByTestId("migration-failed")).toBeNull();
  });
});

describe("map", () => {
  it("lists the tables with what is open, and moves through them with the arrows", async () => {
    await open({}, RIVER);
    await walk("river.zip", "Map");
    const options = within(screen.getByTestId("map-tables")).getAllByRole("option");
    expect(options.map((one) => one.textContent?.trim().replace(/\s+/g, " "))).toEqual([
      "academicSessions.csv 1 open",
      "classes.csv",
      "courses.csv 1 open",
      "enrollments.csv",
      "orgs.csv",
      "users.csv 2 open",
    ]);
    expect(options[2]?.getAttribute("aria-selected")).toBe("true");
    expect(screen.getByTestId("map-missing").textContent).toMatch(
      /No column is read as orgSourcedId: no row can be imported without it/,
    );
    options[2]?.focus();
    press("End");
    await focused("map-table-users.csv");
    expect(screen.queryByTestId("map-missing")).toBeNull();
    press("ArrowUp");
    await focused("map-table-orgs.csv");
    press("Home");
    await focused("map-table-academicSessions.csv");
    expect(column(5)).toMatch(/startDate/);
  });

  it("says what each column is read as, and how that is known", async () => {
    await mapped();
    expect(column(0)).toMatch(/sourcedId.*The same name/);
    expect(held("map-as-8")).toBe("givenName");
    expect(column(8)).toMatch(/Given name.*xxxxxx.*A known other name/);
    expect(held("map-as-14")).toBe("");
    expect(column(14)).toMatch(/phoneNo.*Looks like phone, 83 % alike.*Use phone/);
    expect(column(17)).toMatch(/shoe size.*Nothing is like it/);
    const labels = [...screen.getByTestId("map-as-14").querySelectorAll("optgroup")];
    expect(labels.map((one) => one.label)).toEqual(["Required", "Optional"]);
    expect(labels[0]?.textContent).toMatch(/sourcedId \(now: sourcedId\)/);
    expect(choices("map-as-14").slice(0, 2)).toEqual(["Not read", "Leave out"]);
    expect(choices("map-as-14")).toContain("phone");
    expect(choices("map-as-0")[0]).toBe("Leave out");
    expect(screen.getAllByText(/Values about people show in outline/)).toHaveLength(1);
  });

  it("takes a proposal, leaves a column out, and gives a field to another column", async () => {
    const host = await mapped();
    await click("map-use-14");
    await focused("map-as-14");
    await waitFor(() => expect(column(14)).toMatch(/You said so/));
    expect(held("map-as-14")).toBe("phone");
    await choose("map-as-17", "-");
    await waitFor(() => expect(column(17)).toMatch(/You left it out/));
    await choose("map-as-17", "phone");
    await waitFor(() => expect(column(17)).toMatch(/You said so/));
    expect(held("map-as-14")).toBe("");
    expect(looked(host)).toEqual({ files: { "users.csv": { columns: { "shoe size": "phone" } } } });
    await focused("map-as-17");
    await choose("map-as-17", "");
    await waitFor(() => expect(column(17)).toMatch(/Nothing is like it/));
    expect(looked(host)).toBeUndefined();
    expect(screen.getByTestId("map-use-14")).toBeTruthy();
  });

  it("asks what unknown words mean and how unclear dates are written", async () => {
    const host = await mapped();
    expect(column(5)).toMatch(/“Lehrkraft”.*212 times.*role knows no such word/);
    await choose("map-word-5-0", "teacher");
    await choose("map-word-5-1", "aide");
    await focused("map-word-5-1");
    await waitFor(() => expect(column(5)).not.toMatch(/no such word/));
    await click("map-table-academicSessions.csv");
    expect(column(6)).toMatch(/Its values prove it/);
    expect(choices("map-dates-6")[0]).toBe("day.month.year, as found");
    expect(column(5)).toMatch(/Nothing proves which comes first, day or month/);
    await choose("map-dates-5", "dd.MM.yyyy");
    await waitFor(() => expect(column(5)).toMatch(/You said so/));
    expect(looked(host)).toEqual({
      files: {
        "users.csv": { values: { role: { Lehrkraft: "teacher", Aushilfe: "aide" } } },
        "academicSessions.csv": { dates: { startDate: "dd.MM.yyyy" } },
      },
    });
  });

  it("answers in its heading, and what is open blocks nobody", async () => {
    await mapped();
    const lead = () => document.querySelector(".lead")?.textContent;
    expect(title()).toBe("1 required column is missing");
    expect(lead()).toMatch(/3 columns wait for a word from you.*You can go on all the same/);
    expect(screen.getByTestId("map-open").textContent).toBe("4 open points");
    await click("map-table-courses.csv");
    await choose("map-as-7", "orgSourcedId");
    await waitFor(() => expect(title()).toBe("3 columns wait for a word from you"));
    expect(screen.queryByTestId("map-missing")).toBeNull();
    await click("map-table-users.csv");
    await click("map-use-14");
    await choose("map-word-5-0", "teacher");
    await choose("map-word-5-1", "aide");
    await click("map-table-academicSessions.csv");
    await choose("map-dates-5", "MM/dd/yyyy");
    await waitFor(() => expect(title()).toBe("Every column is mapped"));
    expect(lead()).toBe("river.zip, OneRoster 1.1");
    expect(screen.queryByTestId("map-next")).toBeNull();
    next();
    expect(await screen.findByTestId("migration-sum")).toBeTruthy();
  });

  it("leads from one open point to the next, across tables, and round", async () => {
    await open({}, RIVER);
    await walk("river.zip", "Map");
    await focused("migration-title");
    const stops = ["map-missing", "map-word-5-0", "map-word-5-1", "map-use-14", "map-dates-5"];
    for (const stop of [...stops, "map-missing"]) {
      press("F8");
      await focused(stop);
    }
    press("F8");
    await focused("map-word-5-0");
    await choose("map-word-5-0", "teacher");
    await waitFor(() => expect(column(5)).toMatch(/You said so/));
    press("F8");
    await focused("map-word-5-1");
  });

  it("shows one table without a list, and says where there is none", async () => {
    await open({}, RIVER);
    await walk("menu.csv", "Detect");
    await choose("import-format", "accounts");
    await screen.findByTestId("format-found");
    next();
    await waitFor(() => expect(title()).toBe("3 required columns are missing"));
    expect(screen.queryByTestId("map-tables")).toBeNull();
    press("Escape");
    await choose("written-kind-0", "-");
    next();
    expect(await screen.findByText("None of these tables has columns to map")).toBeTruthy();
  });
});

describe("mapping files", () => {
  it("are used with their format, and Undo leads back", async () => {
    const host = await mapped();
    host.mappingFile = {
      format: "sds-2.1",
      files: { USERS: { columns: { phoneNo: "sms" }, values: { role: { Lehrkraft: "teacher" } } } },
    };
    await click("map-use");
    await waitFor(() => expect(column(14)).toMatch(/You said so/));
    expect(held("map-as-14")).toBe("sms");
    expect(asked(host, "look_at_import").at(-1)).toMatchObject({
      format: "sds-2.1",
      mapping: { files: host.mappingFile.files },
    });
    expect((await screen.findByTestId("toast")).textContent).toMatch(/as the mapping file says/);
    await click("toast-undo");
    await waitFor(() => expect(column(14)).toMatch(/Use phone/));
    expect(asked(host, "look_at_import").at(-1)).toEqual({
      tenant: "t-river",
      path: "river.zip",
      rules: "tolerant",
    });
  });

  it("that cannot be used say so, and nothing changes", async () => {
    const host = await mapped();
    await click("map-use-14");
    await waitFor(() => expect(column(14)).toMatch(/You said so/));
    host.mappingFile = { files: { "users.csv": { columns: { phoneNo: "fax" } } } };
    await click("map-use");
    expect(await screen.findByText(/there is no column 'fax'/)).toBeTruthy();
    expect(held("map-as-14")).toBe("phone");
    host.failNext.set("open_mapping", { code: "bad_mapping", message: "Line 2.", details: null });
    await click("map-use");
    expect(await screen.findByText("Line 2.")).toBeTruthy();
    host.mappingFile = null;
    const before = asked(host, "look_at_import").length;
    await click("map-use");
    expect(asked(host, "look_at_import")).toHaveLength(before);
  });

  it("are saved with the format, to a place that is asked for", async () => {
    const host = await mapped();
    await click("map-use-14");
    host.chosen = "/home/mara/mapping.toml";
    await click("map-save");
    expect(await screen.findByText("Mapping written to /home/mara/mapping.toml")).toBeTruthy();
    expect(host.mappingFile).toEqual({
      format: "oneroster-1.1",
      files: { "users.csv": { columns: { phoneNo: "phone" } } },
    });
    host.failNext.set("save_mapping", { code: "cannot_write", message: "Full.", details: null });
    await click("map-save");
    expect(await screen.findByText("Full.")).toBeTruthy();
  });

  it("and all that was said is taken back, once and for all or not", async () => {
    const host = await mapped();
    const over = () => screen.getByTestId("map-start-over");
    expect(over().getAttribute("aria-disabled")).toBe("true");
    await click("map-use-14");
    await waitFor(() => expect(over().getAttribute("aria-disabled")).toBe("false"));
    over().focus();
    await click("map-start-over");
    await waitFor(() => expect(column(14)).toMatch(/Use phone/));
    await focused("map-start-over");
    expect(looked(host)).toBeUndefined();
    press("z", { ctrlKey: true });
    await waitFor(() => expect(column(14)).toMatch(/You said so/));
    expect(screen.getByTestId("toast").textContent).toMatch(/as before/);
    const before = asked(host, "look_at_import").length;
    press("z", { ctrlKey: true });
    expect(asked(host, "look_at_import")).toHaveLength(before);
    expect(asked(host, "undo")).toEqual([]);
  });
});

describe("what was said of such files before", () => {
  const SAID: ImportRules = { files: { "users.csv": { columns: { phoneNo: "phone" } } } };
  const KEY = "t-river source of river.zip";
  const at = new Date(Date.now() - 86_400_000).toISOString();

  it("is said again, with the day, and can be taken back", async () => {
    const host = await open({}, RIVER);
    host.mappings.set(KEY, { mapping: SAID, at });
    await look("river.zip");
    expect((await screen.findByTestId("migration-remembered")).textContent).toMatch(
      /Read as yesterday: you mapped files with these names and columns then\..*Start over/,
    );
    expect(asked(host, "look_at_import")).toHaveLength(2);
    expect(looked(host)).toEqual(SAID);
    await click("remembered-start-over");
    await focused("migration-title");
    await waitFor(() => expect(looked(host)).toBeUndefined());
    expect(screen.queryByTestId("migration-remembered")).toBeNull();
    await click("toast-undo");
    await waitFor(() => expect(looked(host)).toEqual(SAID));
    expect(await screen.findByTestId("migration-remembered")).toBeTruthy();
  });

  it("is passed over where it cannot be said any more", async () => {
    const host = await open({}, RIVER);
    const mapping = { files: { "users.csv": { columns: { phoneNo: "fax" } } } };
    host.mappings.set(KEY, { mapping, at });
    await walk("river.zip", "Map");
    expect(screen.queryByTestId("migration-remembered")).toBeNull();
    expect(screen.queryByTestId("migration-failed")).toBeNull();
    expect(title()).toBe("1 required column is missing");
  });

  it("is remembered on going on, by what such files have in common as they are", async () => {
    const host = await open({}, RIVER);
    await walk("river.zip", "Detect");
    await choose("written-above-6", "3");
    next();
    await waitFor(() => expect(step()).toBe("Map"));
    expect(asked(host, "remember_mapping")).toEqual([]);
    next();
    await screen.findByTestId("migration-sum");
    const mapping = { files: { "users.csv": { skip_lines: 3 } } };
    expect(asked(host, "remember_mapping")).toEqual([
      { tenant: "t-river", source: "source of river.zip", mapping },
    ]);
    press("Escape");
    await click("map-start-over");
    next();
    await waitFor(() => expect(step()).toBe("Validate"));
    expect(asked(host, "remember_mapping").at(-1)).toEqual({
      tenant: "t-river",
      source: "source of river.zip",
      mapping: {},
    });
    expect(host.mappings.size).toBe(0);
  });

  it("holds the format that was chosen by hand", async () => {
    const host = await open({}, RIVER);
    await walk("menu.csv", "Detect");
    await choose("import-format", "accounts");
    next();
    await waitFor(() => expect(step()).toBe("Map"));
    next();
    await screen.findByTestId("migration-sum");
    expect(host.mappings.get("t-river source of menu.csv")?.mapping).toEqual({
      format: "accounts",
    });
    press("Escape");
    await waitFor(() => expect(step()).toBe("Map"));
    await click("map-start-over");
    await waitFor(() => expect(step()).toBe("Detect"));
    expect(await screen.findByTestId("format-unknown")).toBeTruthy();
    press("Escape");
    await look("menu.csv");
    await screen.findByTestId("migration-remembered");
    next();
    expect(await screen.findByText("Accounts, chosen by hand")).toBeTruthy();
  });
});

describe("how far a person is", () => {
  const NOTHING = { confirm_holds: false, remove_absent: false, leave_rejected: false };
  const MAPPING: ImportRules = { files: { "users.csv": { columns: { phoneNo: "phone" } } } };
  const draft = (step: string, path = "river.zip"): ImportDraft => ({
    path,
    step,
    format: null,
    rules: "strict",
    mapping: MAPPING,
    choices: NOTHING,
    import: null,
  });
  const LEFT = { confirm_holds: false, remove_absent: true, leave_rejected: true };

  /** Opens the window after a restart. */
  async function returned(kept: ImportDraft, before?: (host: FakeHost) => void): Promise<FakeHost> {
    const host = await open({}, "#/checklist/t-river");
    host.drafts.set("t-river", kept);
    before?.(host);
    await click("nav-migration");
    return host;
  }

  it("is kept as it changes, and forgotten with other files", async () => {
    const host = await mapped();
    await click("map-use-14");
    await waitFor(() =>
      expect(host.drafts.get("t-river")).toEqual({ ...draft("map"), rules: "tolerant" }),
    );
    next();
    await screen.findByTestId("migration-sum");
    expect(host.drafts.get("t-river")?.step).toBe("validate");
    press("Escape");
    await waitFor(() => expect(host.drafts.get("t-river")?.step).toBe("map"));
    next();
    await waitFor(() => expect(step()).toBe("Validate"));
    next();
    await waitFor(() => expect(step()).toBe("Preview"));
    await click("migration-restart");
    await waitFor(() => expect(host.drafts.size).toBe(0));
  });

  it("fails nothing where it cannot be kept or read", async () => {
    const locked = { code: "locked", message: "No.", details: null };
    const host = await open({}, "#/checklist/t-river");
    host.failNext.set("import_draft", locked);
    await click("nav-migration");
    await screen.findByTestId("migration-drop");
    host.failNext.set("keep_import_draft", locked);
    host.failNext.set("remembered_mapping", locked);
    await walk("river.zip", "Map");
    expect(screen.queryByText("No.")).toBeNull();
    expect(host.drafts.get("t-river")?.step).toBe("map");
  });

  it("is where the person stands after a restart: what was said is heard again", async () => {
    const host = await returned(draft("map"));
    await waitFor(() => expect(step()).toBe("Map"));
    await click("map-table-users.csv");
    expect(held("map-as-14")).toBe("phone");
    expect(asked(host, "remembered_mapping")).toEqual([]);
    press("Escape");
    await waitFor(() => expect(step()).toBe("Detect"));
    expect(screen.getByTestId<HTMLInputElement>("rules-strict").checked).toBe(true);
    await click("nav-checklist");
    await click("nav-migration");
    expect(asked(host, "import_draft")).toHaveLength(1);
  });

  it("checks and plans again, and what was not checked is checked on the way back", async () => {
    const host = await returned(draft("preview"));
    await screen.findByTestId("preview-types");
    expect(step()).toBe("Preview");
    expect(asked(host, "plan_import").at(-1)).toMatchObject({ rules: "strict", mapping: MAPPING });
    expect(asked(host, "check_import")).toEqual([]);
    press("Escape");
    expect(await screen.findByTestId("migration-sum")).toBeTruthy();
  });

  it("can be cancelled while it is found out again", async () => {
    const host = await returned(draft("validate"), (one) => one.hold("check_import"));
    await screen.findByTestId("migration-job");
    press("Escape");
    expect((await screen.findByTestId("migration-note")).textContent).toMatch(/cancelled/);
    expect(step()).toBe("Map");
    expect(host.drafts.get("t-river")?.step).toBe("map");
  });

  it("begins at the files where they are gone, with the path in its field", async () => {
    await returned(draft("validate", "gone.zip"));
    await focused("migration-failed");
    expect(step()).toBe("Files");
    expect(screen.getByTestId("migration-failed").textContent).toMatch(/moved or deleted/);
    expect(screen.getByTestId<HTMLInputElement>("import-path").value).toBe("gone.zip");
  });

  it.each([
    ["files", "Files", "migration-found"],
    ["detect", "Detect", "format-found"],
    ["map", "Map", "migration-map"],
    ["validate", "Validate", "migration-sum"],
    ["preview", "Preview", "preview-types"],
    ["import", "Import", "import-ask"],
    // As it was called before.
    ["rules", "Detect", "format-found"],
    ["check", "Validate", "migration-sum"],
  ])("is at %s again after a restart", async (kept, name, shown) => {
    await returned(draft(kept));
    expect(await screen.findByTestId(shown)).toBeTruthy();
    expect(step()).toBe(name);
  });

  it("holds what was agreed to, but never a name that was typed", async () => {
    const host = await open({}, RIVER);
    await walk("river.zip", "Import");
    await click("leave-rejected");
    await click("remove-absent");
    await fireEvent.input(screen.getByTestId("confirm-hold"), {
      target: { value: "Riverside Unified" },
    });
    await waitFor(() =>
      expect(host.drafts.get("t-river")).toMatchObject({ step: "import", choices: LEFT }),
    );
    expect(JSON.stringify(host.drafts.get("t-river"))).not.toMatch(/Riverside Unified/);
    await click("migration-step-detect");
    await click("rules-strict");
    await waitFor(() => expect(host.drafts.get("t-river")?.choices).toEqual(NOTHING));
  });

  it("is agreed to again after a restart, and the name is asked for anew", async () => {
    const kept = { ...draft("import"), choices: { ...LEFT, confirm_holds: true } };
    const host = await returned(kept);
    const isTicked = async (id: string) =>
      (await screen.findByTestId<HTMLInputElement>(id)).checked;
    expect([await isTicked("leave-rejected"), await isTicked("remove-absent")]).toEqual([
      true,
      true,
    ]);
    expect(screen.getByTestId("migration-why").textContent).toMatch(/Type the tenant/);
    next();
    expect(asked(host, "run_import")).toEqual([]);
  });

  it.each([
    ["import", "Import", "import-outcome"],
    ["verify", "Verify", "import-verified"],
    ["rollback", "Roll back", "rollback-until"],
  ])("is at %s of an import that showed, without its files", async (kept, name, shown) => {
    const host = await returned({ ...draft(kept, ""), mapping: {} }, (one) => {
      const id = one.runs.of("t-river")[0]?.id ?? null;
      one.drafts.set("t-river", { ...draft(kept, ""), mapping: {}, import: id });
    });
    expect(await screen.findByTestId(shown)).toBeTruthy();
    expect(step()).toBe(name);
    expect(asked(host, "look_at_import")).toEqual([]);
    await waitFor(() =>
      expect(host.drafts.get("t-river")).toMatchObject({ step: kept, import: expect.any(String) }),
    );
  });

  it("keeps the files beside an import that showed, and reads them where they are gone back to", async () => {
    const host = await returned(draft("map"), (one) => {
      const id = one.runs.of("t-river")[0]?.id ?? null;
      one.drafts.set("t-river", { ...draft("import"), import: id });
    });
    await screen.findByTestId("import-outcome");
    press("Escape");
    expect(await screen.findByTestId("migration-found")).toBeTruthy();
    expect(looked(host)).toEqual(MAPPING);
  });

  it("goes on with the files where the import that showed is gone", async () => {
    await returned({ ...draft("map"), import: "t-river/d9/1" });
    expect(await screen.findByTestId("migration-map")).toBeTruthy();
    expect(step()).toBe("Map");
  });

  it("ends at the rules where the format is not known any more", async () => {
    await returned({ ...draft("validate", "menu.csv"), mapping: {} });
    await screen.findByTestId("format-unknown");
    expect(step()).toBe("Detect");
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

  it("undoes a fix for a column where that can be said, and makes it again", async () => {
    const host = await open({}, RIVER);
    await walk("river.zip", "Validate");
    await click("cause-filter-fix");
    expect(screen.getByTestId("cause-detail").textContent).toMatch(/Spaces around a value removed/);
    await click("fix-undo");
    await waitFor(() =>
      expect(looked(host)).toEqual({ files: { "users.csv": { keep: { email: ["trim"] } } } }),
    );
    await focused("migration-title");
    expect((await screen.findByTestId("toast")).textContent).toMatch(
      /email is read as it stands in the file/,
    );
    expect(step()).toBe("Validate");
    expect(screen.queryByText(/Spaces around a value removed/)).toBeNull();
    await click("toast-undo");
    await waitFor(() => expect(looked(host)).toBeUndefined());
    expect(await screen.findAllByText(/Spaces around a value removed/)).not.toHaveLength(0);
    expect(asked(host, "check_import")).toHaveLength(3);
  });

  it("says why a fix cannot be undone", async () => {
    const host = await checked();
    await click("cause-filter-fix");
    host.failNext.set("look_at_import", { code: "bad_mapping", message: "No.", details: null });
    await click("fix-undo");
    expect(await screen.findByText("No.")).toBeTruthy();
    expect(await screen.findByTestId("migration-sum")).toBeTruthy();
    expect(screen.queryByText(/as it stands in the file/)).toBeNull();
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
    await walk("river.zip", "Map");
    const release = host.hold("check_import");
    host.progress = { rows: 6_000, bytes: 824_370, pass: 1, passes: 1 };
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
    expect(step()).toBe("Map");
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
    const progress = { rows: 100_000, bytes: 25, pass: 1, passes: 1 };
    const bytes = { bytes: 100, total: null };
    expect(jobAt(job, progress, 500, bytes)).toMatchObject({ slow: true, rate: null, left: null });
    expect(jobAt(job, progress, 2_000, bytes)).toMatchObject({
      share: 0.25,
      rate: 50_000,
      left: 6,
    });
    expect(jobAt(job, progress, 2_000, { bytes: null, total: null })).toMatchObject({
      share: null,
      rate: 50_000,
      left: null,
    });
    expect(jobAt(job, null, 2_000, bytes)).toMatchObject({ rows: 0, share: null, rate: null });
    expect(jobAt({ ...job, what: "export" }, progress, 2_000, bytes).share).toBeNull();
  });

  it("never goes back while files and roster are gone over several times", () => {
    const job = {
      what: "plan",
      slow: true,
      rows: 0,
      share: null,
      rate: null,
      left: null,
    } as const;
    const all = { bytes: 100, total: 900 };
    const shares = [
      { rows: 450, bytes: 50, pass: 1, passes: 3 },
      { rows: 900, bytes: 100, pass: 1, passes: 3 },
      { rows: 0, bytes: 0, pass: 2, passes: 3 },
      { rows: 600, bytes: 50, pass: 2, passes: 3 },
      { rows: 450, bytes: 0, pass: 3, passes: 3 },
    ].map((progress) => jobAt(job, progress, 2_000, all));
    expect(shares.map((one) => [one.share, one.rows])).toEqual([
      [0.5 / 3, 150],
      [1 / 3, 300],
      [1 / 3, 300],
      [0.5, 450],
      [2.5 / 3, 750],
    ]);
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
    expect(screen.getByTestId("preview-doubles").textContent).toMatch(
      /People: 2 rows have the email of another record\..*row 41 and USR-00017, row 96 and USR-00230/s,
    );
    expect(screen.getByTestId("preview-revision").textContent).toMatch(/revision 12/);
    await click("preview-check");
    await waitFor(() => expect(step()).toBe("Validate"));
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

describe("import", () => {
  const state = () => screen.getByTestId("import-outcome").querySelector("[data-state]");

  it("is run where nothing has to be agreed to, and says what became of it and until when", async () => {
    const host = await open({ network: "online" }, "#/migration/t-lake");
    await walk("clean.zip", "Import");
    expect(screen.queryByTestId("ask-offline")).toBeNull();
    expect(screen.getByTestId("migration-why").textContent).toBe("");
    next();
    await waitFor(() => expect(title()).toBe("clean.zip is imported"));
    expect(asked(host, "run_import")).toEqual([
      {
        tenant: "t-lake",
        path: "clean.zip",
        rules: "tolerant",
        choices: { confirm_holds: false, remove_absent: false, leave_rejected: false },
      },
    ]);
    const [row] = host.runs.of("t-lake");
    await waitFor(() =>
      expect(host.drafts.get("t-lake")).toMatchObject({ path: "", import: row?.id }),
    );
    next();
    await focused("migration-title");
    const found = await screen.findByTestId("import-verified");
    expect(title()).toBe("clean.zip is here as it was asked for");
    expect(found.getAttribute("data-ok")).toBe("true");
    expect(found.textContent).toMatch(/The digest is right/);
    const table = within(screen.getByTestId("import-counts"));
    const people = within(table.getByRole("row", { name: /^People/ })).getAllByRole("cell");
    expect(people.map((one) => one.textContent)).toEqual([
      "2,301",
      "0",
      "0",
      "0",
      "2,301",
      "2,301",
    ]);
    next();
    await waitFor(() => expect(title()).toBe("clean.zip can be taken back"));
    expect(screen.getByTestId("rollback-until").textContent).toMatch(/\d{4}.*\d{1,2}:\d{2}.*UTC/);
    for (const before of ["Verify", "Import", "Files"]) {
      press("Escape");
      await waitFor(() => expect(step()).toBe(before));
    }
    expect(asked(host, "verify_import")).toHaveLength(1);
    expect(screen.getAllByTestId("import-row")).toHaveLength(1);
    await waitFor(() => expect(host.drafts.get("t-lake")).toBeUndefined());
  });

  it("waits for what the person has to agree to, and for the tenant's name where much would go", async () => {
    const host = await open({ network: "online" }, RIVER);
    await walk("river.zip", "Import");
    const why = () => screen.getByTestId("migration-why").textContent;
    expect(why()).toMatch(/rejected rows/);
    next();
    expect(asked(host, "run_import")).toEqual([]);
    await click("leave-rejected");
    expect(why()).toBe("");
    expect(screen.queryByTestId("ask-hold")).toBeNull();
    const classes = () => {
      const table = within(screen.getByTestId("import-counts"));
      const cells = within(table.getByRole("row", { name: /^Classes/ })).getAllByRole("cell");
      return cells.map((one) => one.textContent);
    };
    expect(classes()).toEqual(["31", "12", "341", "0"]);
    await click("remove-absent");
    expect(classes()).toEqual(["31", "12", "294", "47"]);
    expect((await screen.findByTestId("ask-hold")).textContent).toMatch(
      /Classes: 12 %.*Enrollments: 41 values of classSourcedId would name records that are not there/s,
    );
    expect(why()).toMatch(/Type the tenant/);
    const name = screen.getByTestId("confirm-hold");
    await fireEvent.input(name, { target: { value: "Lake" } });
    expect(why()).toMatch(/Type the tenant/);
    await fireEvent.input(name, { target: { value: " riverside unified" } });
    expect(why()).toBe("");
    await click("migration-run");
    await waitFor(() => expect(title()).toBe("river.zip is imported"));
    expect(asked(host, "run_import").at(-1)).toMatchObject({
      choices: { confirm_holds: true, remove_absent: true, leave_rejected: true },
    });
  });

  it("waits on this computer without a network, and says so when the service has answered", async () => {
    const host = await open({ network: "offline" }, "#/migration/t-lake");
    await walk("clean.zip", "Import");
    expect(screen.getByTestId("ask-offline").textContent).toMatch(/leaves with the next sync/);
    next();
    await waitFor(() => expect(title()).toBe("clean.zip waits to be imported"));
    expect(state()?.getAttribute("data-state")).toBe("queued");
    const [row] = host.runs.of("t-lake");
    host.runs.answer(row?.id ?? "", {
      state: "refused",
      reason: "The pilot takes 500 records.",
      can_roll_back: false,
    });
    host.emitChanged();
    await waitFor(() => expect(title()).toBe("clean.zip was not imported"));
    expect(screen.getByTestId("import-reason").textContent).toMatch(/500 records/);
    expect(screen.queryByTestId("import-cancel")).toBeNull();
    expect(screen.queryByTestId("migration-next")).toBeNull();
  });

  it("shows how far its file is on its way", async () => {
    const host = await open({ network: "offline" }, "#/migration/t-lake");
    await walk("clean.zip", "Import");
    next();
    await waitFor(() => expect(title()).toBe("clean.zip waits to be imported"));
    const [row] = host.runs.of("t-lake");
    expect(screen.queryByTestId("import-underway")).toBeNull();
    const underway = { doing: "send" as const, done: 12_400_000, total: 58_000_000 };
    host.runs.answer(row?.id ?? "", { underway });
    host.emitChanged();
    const shown = await screen.findByTestId("import-underway");
    const records = row?.records ?? 0;
    const arrived = Math.floor((records * underway.done) / underway.total);
    expect(shown.textContent).toContain(
      `Sent ${arrived.toLocaleString("en")} of ${records.toLocaleString("en")} rows`,
    );
    expect(shown.textContent).toMatch(/12.4 MB of a file of 58 MB/);
    const bar = within(shown).getByRole<HTMLProgressElement>("progressbar");
    expect([bar.value, bar.max]).toEqual([underway.done, underway.total]);
    expect(screen.getByTestId("import-cancel").textContent).toMatch(/Cancel the import/);
    host.runs.answer(row?.id ?? "", { underway: { doing: "apply", done: 4_096, total: 9_000 } });
    host.emitChanged();
    await waitFor(() =>
      expect(screen.getByTestId("import-underway").textContent).toMatch(/Written 4,096 of/),
    );
    host.runs.answer(row?.id ?? "", { state: "committed", committed: {}, here: false });
    host.emitChanged();
    await waitFor(() =>
      expect(screen.getByTestId("migration-why").textContent).toMatch(
        /once its rows are in the roster/,
      ),
    );
  });

  it("can be taken back while it waits, and then never happens", async () => {
    const host = await open({ network: "offline" }, "#/migration/t-lake");
    await walk("clean.zip", "Import");
    next();
    await waitFor(() => expect(title()).toBe("clean.zip waits to be imported"));
    await click("import-cancel");
    expect((await screen.findByRole("dialog")).textContent).toMatch(
      /Cancel the import of clean\.zip\?.*not been imported yet/,
    );
    await click("rollback-confirm");
    await waitFor(() => expect(title()).toBe("clean.zip waits to be taken back"));
    expect(screen.queryByTestId("import-cancel")).toBeNull();
    const [row] = host.runs.of("t-lake");
    host.runs.answer(row?.id ?? "", { state: "withdrawn" });
    host.emitChanged();
    await waitFor(() => expect(title()).toBe("clean.zip was taken back before it was imported"));
    expect(screen.getByTestId("import-outcome").textContent).toMatch(/Nothing was changed/);
  });

  it("shows its outcome as soon as it is queued, and what the service says when it has answered", async () => {
    const host = await open({ network: "online" }, "#/migration/t-lake");
    await walk("clean-refused.zip", "Import");
    next();
    await waitFor(() => expect(title()).toMatch(/^clean-refused\.zip /));
    await waitFor(() => expect(title()).toBe("clean-refused.zip was not imported"));
    expect(screen.getByTestId("import-reason").textContent).toBe(
      "This tenant is in pilot mode: an import may have at most 500 rows.",
    );
    expect(screen.getByTestId("import-outcome").textContent).toMatch(
      /Nothing was changed\. Correct what the service says, then choose the files again\./,
    );
    expect(asked(host, "run_import")).toHaveLength(1);
    await click("migration-restart");
    await waitFor(() => expect(step()).toBe("Files"));
  });

  it("says that nothing is asked for until its file is made, and can be cancelled", async () => {
    const host = await open({ network: "online" }, "#/migration/t-lake");
    await walk("clean.zip", "Import");
    host.hold("run_import");
    next();
    expect((await screen.findByTestId("migration-job")).textContent).toMatch(
      /Nothing is asked for until the file is made\./,
    );
    press("Escape");
    expect((await screen.findByTestId("migration-note")).textContent).toBe(
      "You cancelled this. Nothing was asked for.",
    );
    expect(screen.getByTestId("import-ask")).toBeTruthy();
  });

  it("that is too large for a pilot is run by nobody, whatever is agreed to and typed", async () => {
    const host = await open({ network: "online" }, RIVER);
    await walk("clean-pilot.zip", "Preview");
    const said =
      /pilot mode: an import may have at most 500 rows, this one has 12,550\. Import fewer sites, or ask for phased mode\./;
    expect((await screen.findByTestId("import-pilot")).textContent).toMatch(said);
    expect(screen.getByTestId("preview-holds").textContent).not.toMatch(/pilot/);
    next();
    await waitFor(() => expect(step()).toBe("Import"));
    await click("remove-absent");
    expect(screen.queryByTestId("confirm-hold")).toBeNull();
    expect(screen.getByTestId("import-pilot")).toBeTruthy();
    expect(screen.getByTestId("migration-why").textContent).toMatch(said);
    next();
    expect(asked(host, "run_import")).toEqual([]);
  });

  it("of the tenant are listed, and one is taken back after a question", async () => {
    const host = await open({ network: "online" }, RIVER);
    const list = await screen.findByTestId("import-list");
    expect(list.textContent).toMatch(/riverside-2026-02\.zip.*Imported.*11,562.*Ben Adeyemi/);
    // A deadline has its zone.
    expect(list.textContent).toMatch(/\d{1,2}:\d{2}.*UTC/);
    await fireEvent.click(within(list).getByRole("button", { name: "riverside-2026-02.zip" }));
    await focused("migration-title");
    await click("migration-step-rollback");
    await focused("migration-title");
    const would = within(screen.getByTestId("rollback-counts")).getByRole("row", {
      name: /^People/,
    });
    expect(within(would).getAllByRole("cell")[0]?.textContent).toBe("2,301");
    next();
    const dialog = await screen.findByRole("dialog");
    expect(dialog.textContent).toMatch(/2,301 records become again what they were/);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Cancel" }));
    expect(asked(host, "roll_back_import")).toEqual([]);
    await click("rollback-ask");
    await click("rollback-confirm");
    await waitFor(() => expect(title()).toBe("riverside-2026-02.zip was taken back"));
    expect(step()).toBe("Roll back");
    expect(screen.getByTestId("rollback-done").textContent).toMatch(
      /2,300 records taken back, 1 kept/,
    );
    expect(screen.getByTestId("import-rollback").textContent).toMatch(
      /Person u-204.*changed it since/,
    );
    expect(screen.queryByTestId("rollback-ask")).toBeNull();
  });

  it("that cannot be taken back any more says why", async () => {
    const host = await open({ network: "online" }, RIVER);
    const [row] = host.runs.of("t-river");
    const reason = "The seven days were over when it was asked for.";
    host.runs.answer(row?.id ?? "", { can_roll_back: false, reason });
    host.emitChanged();
    await click("import-open");
    await click("migration-step-rollback");
    await waitFor(() =>
      expect(title()).toBe("riverside-2026-02.zip cannot be taken back any more"),
    );
    expect(screen.getByTestId("import-rollback").textContent).toMatch(/seven days are over/);
    expect(screen.getByTestId("rollback-reason").textContent).toBe(reason);
    expect(screen.queryByTestId("rollback-ask")).toBeNull();
  });
});

describe("a report of verifying", () => {
  async function verified(): Promise<FakeHost> {
    const host = await open({ network: "online" }, RIVER);
    const list = await screen.findByTestId("import-list");
    await fireEvent.click(within(list).getByRole("button", { name: "riverside-2026-02.zip" }));
    await screen.findByTestId("import-outcome");
    next();
    await screen.findByTestId("import-verified");
    return host;
  }

  it("is saved for people or for spreadsheets once it is known what holds, and says where", async () => {
    const host = await verified();
    await click("report-html");
    expect(
      await screen.findByText("Report written to /home/mara/riverside-2026-02-report.html"),
    ).toBeTruthy();
    await click("report-csv");
    expect(await screen.findByText(/riverside-2026-02-report\.csv/)).toBeTruthy();
    const [row] = host.runs.of("t-river");
    expect(asked(host, "save_import_report")).toEqual([
      { import: row?.id, kind: "html" },
      { import: row?.id, kind: "csv" },
    ]);
  });

  it("says nothing where no place was chosen, and why where it cannot be written", async () => {
    const host = await verified();
    host.savedTo = null;
    await click("report-html");
    await waitFor(() => expect(asked(host, "save_import_report")).toHaveLength(1));
    expect(screen.queryByTestId("toast")).toBeNull();
    host.failNext.set("save_import_report", {
      code: "cannot_write",
      message: "Full.",
      details: null,
    });
    await click("report-csv");
    expect(await screen.findByText("Full.")).toBeTruthy();
    expect(screen.getByTestId("import-verified")).toBeTruthy();
  });

  it("is not there before it is known, and verifying that fails or is cancelled can be done again", async () => {
    const host = await open({ network: "online" }, RIVER);
    await click("import-open");
    host.failNext.set("verify_import", { code: "roster_damaged", message: "No.", details: null });
    next();
    await focused("migration-failed");
    expect(step()).toBe("Verify");
    expect(screen.queryByTestId("report-html")).toBeNull();
    host.hold("verify_import");
    await click("migration-again");
    await screen.findByTestId("migration-job");
    expect(screen.getByTestId("migration-why").textContent).toBe("The roster is being read");
    press("Escape");
    await screen.findByTestId("migration-note");
    expect(step()).toBe("Verify");
    expect(screen.getByTestId("import-verify").textContent).toMatch(/Verify now/);
  });

  it("that somebody holds is checked beside the imports", async () => {
    const host = await open({}, RIVER);
    await click("report-check");
    const found = () => screen.findByTestId("report-checked");
    expect((await found()).textContent).toMatch(
      /This report is as it was signed.*nothing was changed since.*Of riverside-2026-02\.zip, Riverside Unified, signed by Ben Adeyemi, .*\d{4}/s,
    );
    host.report = {
      import: "t-lake/d1/9",
      tenant: "t-lake",
      by: "Ben Adeyemi",
      at: host.now.toISOString(),
      ok: false,
      found: "Its text is not the one that was signed.",
    };
    await click("report-check");
    await waitFor(async () => expect((await found()).getAttribute("data-ok")).toBe("false"));
    expect((await found()).textContent).toMatch(
      /Do not rely on this report.*It says that it is of t-lake\/d1\/9, Lakeside Charter/s,
    );
    host.failNext.set("check_import_report", { code: "no_report", message: "No.", details: null });
    await click("report-check");
    expect(await screen.findByText("No.")).toBeTruthy();
    expect(screen.queryByTestId("report-checked")).toBeNull();
    host.report = null;
    await click("report-check");
    expect(screen.queryByTestId("report-checked")).toBeNull();
  });
});

describe("a refused import", () => {
  it("is in the inbox, which leads to what became of it", async () => {
    const host = await open({ network: "online" }, "#/today");
    const [row] = host.runs.of("t-river");
    host.runs.answer(row?.id ?? "", {
      state: "refused",
      committed: null,
      reason: "Too many rows.",
    });
    host.notices = [
      {
        tenant: "t-river",
        tenant_name: "Riverside Unified",
        key: `import ${row?.id}`,
        kind: "import",
        entity: `import/${row?.id}`,
        title: "riverside-2026-02.zip",
        by: null,
        text: "Too many rows.",
        at: host.now.toISOString(),
        read: false,
      },
    ];
    host.emitChanged();
    await click("inbox-open");
    const notice = await screen.findByTestId("notice");
    expect(notice.textContent).toMatch(/The service did not import it: Too many rows\./);
    await fireEvent.click(notice);
    await waitFor(() => expect(title()).toBe("riverside-2026-02.zip was not imported"));
    expect(screen.getByTestId("import-reason").textContent).toBe("Too many rows.");
    expect(window.location.hash).toBe(RIVER);
  });
});
