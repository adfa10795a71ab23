import { readFileSync } from "node:fs";
import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it, vi } from "vitest";
import { asked, open, press } from "../tests/window";
import { clockOf } from "./lib/format";
import { preferences } from "./lib/state/preferences.svelte";

const SETTINGS = "#/settings";
const field = (id: string) => screen.findByTestId<HTMLInputElement>(id);
const type = async (id: string, value: string) =>
  fireEvent.input(await field(id), { target: { value } });

/** The error summary; a toast is an alert too. */
const problem = () => screen.findByRole("alert", { name: "There is a problem" });

async function openRestore(nth = 0): Promise<void> {
  const buttons = await screen.findAllByTestId("backup-restore");
  await fireEvent.click(buttons[nth] as HTMLElement);
  await screen.findByTestId("restore-confirm");
}

describe("settings", () => {
  it("open by the shortcut and from the account menu's neighbour, the sidebar", async () => {
    await open();
    await screen.findByTestId("today-front");
    press(",", { ctrlKey: true });
    expect((await screen.findByTestId("settings-title")).textContent).toBe("Settings");
    const link = screen.getByTestId("nav-settings");
    expect(link.getAttribute("aria-current")).toBe("page");
    await fireEvent.click(screen.getByTestId("nav-tenants"));
    await fireEvent.click(screen.getByTestId("nav-settings"));
    expect(await screen.findByTestId("settings-title")).toBeTruthy();
  });

  it("answer first: when it locks and what the last backup is", async () => {
    const host = await open({}, SETTINGS);
    expect(await screen.findByText(/locks after 15 minutes.*last backup was made/)).toBeTruthy();
    host.backups = [];
    host.emitChanged();
    expect(await screen.findByText(/has no backup yet/)).toBeTruthy();
  });

  it("wear a chosen theme at once, keep it on the way out, and follow the system again", async () => {
    const host = await open({}, SETTINGS);
    const root = document.documentElement;
    expect(root.dataset.theme).toBeUndefined();
    await fireEvent.click(await field("theme-dark"));
    await waitFor(() => expect(root.dataset.theme).toBe("dark"));
    press("L", { ctrlKey: true, shiftKey: true });
    await screen.findByTestId("unlock-submit");
    expect(root.dataset.theme).toBe("dark");
    expect(asked(host, "change_settings")).toEqual([{ theme: "dark" }]);
    expect(await preferences.change({ theme: "system" })).toBeNull();
    expect(root.dataset.theme).toBeUndefined();
  });

  it("wear the theme on the sign-in screen too", async () => {
    const session = { state: "signed_out", server: null, name: null, unsent: 0 } as const;
    const host = await open({ session });
    host.settings.theme = "light";
    await preferences.load();
    expect(document.documentElement.dataset.theme).toBe("light");
  });

  it("list wrong quiet hours as links to their fields and keep what was typed", async () => {
    const host = await open({}, SETTINGS);
    await type("quiet-from", "at eight");
    await type("quiet-to", "25:00");
    await fireEvent.click(screen.getByTestId("quiet-save"));
    const summary = await problem();
    expect(document.activeElement).toBe(summary);
    const links = within(summary).getAllByRole("link");
    expect(links.map((link) => link.getAttribute("href"))).toEqual(["#quiet-from", "#quiet-to"]);
    await fireEvent.click(links[1] as HTMLElement);
    expect(document.activeElement).toBe(screen.getByTestId("quiet-to"));
    expect((await field("quiet-from")).value).toBe("at eight");
    await type("quiet-from", "10 pm");
    await type("quiet-to", "7");
    await fireEvent.click(screen.getByTestId("quiet-save"));
    const kept = await screen.findByTestId("quiet-state");
    expect(kept.textContent).toContain(`${clockOf("22:00")} to ${clockOf("07:00")}`);
    expect((await field("quiet-from")).value).toBe(clockOf("22:00"));
    expect(asked(host, "change_settings").at(-1)).toEqual({
      quiet_on: true,
      quiet_from: "22:00",
      quiet_to: "07:00",
    });
    await fireEvent.click(await screen.findByTestId("quiet-off"));
    await waitFor(() => expect(host.settings.quiet_on).toBe(false));
  });

  it("say why the lock cannot be chosen where the command line names it", async () => {
    const host = await open({}, SETTINGS);
    expect((await screen.findByTestId<HTMLSelectElement>("lock-after")).options).toHaveLength(15);
    await fireEvent.change(screen.getByTestId("lock-after"), { target: { value: "5" } });
    expect(asked(host, "change_settings")).toEqual([{ lock_after_minutes: 5 }]);
    host.settings.lock_fixed_seconds = 20;
    await preferences.load();
    await waitFor(() =>
      expect(screen.getByTestId<HTMLSelectElement>("lock-after").disabled).toBe(true),
    );
    expect(screen.getByText(/started to lock after 20 seconds/)).toBeTruthy();
  });

  it("say whether a passphrase is set, warn of backups without one, and set it from here", async () => {
    await open({}, SETTINGS);
    expect((await screen.findByTestId("passphrase-state")).textContent).toContain("No recovery");
    expect(screen.getByTestId("backup-warning").textContent).toContain("only be opened on this");
    await fireEvent.click(screen.getByTestId("settings-passphrase"));
    await type("passphrase", "three stones on a hill");
    const repeated = await field("passphrase-repeat");
    await type("passphrase-repeat", "three stones on a hill");
    expect(repeated.type).toBe("password");
    await fireEvent.click(screen.getByRole("button", { name: "Show: Repeat it" }));
    expect([repeated.type, (await field("passphrase")).type]).toEqual(["text", "password"]);
    await fireEvent.click(screen.getByRole("button", { name: "Hide: Repeat it" }));
    expect(repeated.type).toBe("password");
    await fireEvent.click(screen.getByTestId("passphrase-submit"));
    await waitFor(() =>
      expect(screen.getByTestId("passphrase-state").textContent).toContain("is set"),
    );
    expect(screen.queryByTestId("backup-warning")).toBeNull();
  });

  it("show each computer, which one this is, and that only the service's keeper retires others", async () => {
    await open({}, SETTINGS);
    const rows = await screen.findAllByTestId("device-row");
    expect(rows.map((row) => row.textContent?.includes("This computer"))).toEqual([
      true,
      false,
      false,
    ]);
    expect(rows[2]?.textContent).toContain("Retired");
    expect(screen.getByText(/Only whoever runs the service can retire it/)).toBeTruthy();
    expect(screen.getByTestId("lease").textContent).toMatch(/\d{4}.*UTC/);
  });

  it("say that a broken settings file was moved aside", async () => {
    const host = await open({}, SETTINGS);
    host.settings.set_aside = "/home/mara/profile/settings.json.broken-1";
    await preferences.load();
    expect(await screen.findByText(/moved to \/home\/mara\/profile/)).toBeTruthy();
  });

  it("copy the report line, and show it where the clipboard is closed", async () => {
    const write = vi.fn((_: string) => Promise.resolve());
    vi.stubGlobal("navigator", { ...navigator, clipboard: { writeText: write } });
    await open({}, SETTINGS);
    await fireEvent.click(await screen.findByTestId("copy-diagnostics"));
    expect(write.mock.calls[0]?.[0]).toMatch(/^Cairn 0\.1\.0; protocol 1; schema 1; SQLite/);
    write.mockReturnValue(Promise.reject(new Error("denied")));
    await fireEvent.click(screen.getByTestId("copy-path"));
    const shown = await screen.findByLabelText<HTMLInputElement>("To copy by hand");
    expect(shown.value).toBe("/home/mara/.local/share/org.cairn.desk");
    vi.unstubAllGlobals();
  });
});

describe("backups", () => {
  it("are made into the folder and listed with what opens them", async () => {
    await open({}, SETTINGS);
    const states = async () =>
      (await screen.findAllByTestId("backup-row")).map((row) => row.dataset.state);
    expect(await states()).toEqual(["here", "passphrase", "incomplete"]);
    expect(screen.getAllByTestId("backup-restore")).toHaveLength(2);
    await fireEvent.click(screen.getByTestId("back-up"));
    await waitFor(async () => expect(await states()).toHaveLength(4));
    expect(screen.getByText(/Backed up to cairn-/)).toBeTruthy();
  });

  it("say at once why one could not be made", async () => {
    const host = await open({}, SETTINGS);
    host.failNext.set("back_up", { code: "disk_full", message: "Disk full.", details: null });
    await fireEvent.click(await screen.findByTestId("back-up"));
    expect(await screen.findByText(/Disk full/)).toBeTruthy();
  });

  it("take another folder only where it is one, and the usual one back", async () => {
    const host = await open({}, SETTINGS);
    await type("backup-folder", "backups");
    await fireEvent.click(await screen.findByTestId("backup-folder-use"));
    expect(await screen.findByRole("link", { name: /whole path/ })).toBeTruthy();
    await type("backup-folder", "/mnt/stick");
    await fireEvent.click(screen.getByTestId("backup-folder-use"));
    await fireEvent.click(await screen.findByTestId("backup-folder-usual"));
    await waitFor(async () =>
      expect((await field("backup-folder")).value).toBe("/home/mara/Documents/Cairn/backups"),
    );
    expect(host.settings.backup_folder_chosen).toBe(false);
  });
});

describe("restoring", () => {
  it("needs the typed word, and says what would stay behind before it leaves it", async () => {
    const host = await open({}, SETTINGS);
    await openRestore();
    await fireEvent.click(screen.getByTestId("restore-submit"));
    const summary = await problem();
    await fireEvent.click(within(summary).getByRole("link"));
    expect(document.activeElement).toBe(screen.getByTestId("restore-confirm"));
    await type("restore-confirm", "restore");
    await fireEvent.click(screen.getByTestId("restore-submit"));
    await waitFor(async () => expect((await problem()).textContent).toContain("4 changes made"));
    await fireEvent.click(screen.getByTestId("restore-export"));
    expect(await screen.findByText(/Exported to .*cairn-unsent/)).toBeTruthy();
    expect(host.session.state).toBe("signed_in");
    await fireEvent.click(screen.getByTestId("restore-leave"));
    await fireEvent.click(screen.getByTestId("restore-submit"));
    const note = await screen.findByTestId("restored");
    expect(note.textContent).toContain("before-restore-");
    expect(note.textContent).toContain("4 changes that were not sent are only in that one");
    expect(screen.getByTestId("sign-in-submit")).toBeTruthy();
    expect(asked(host, "restore").at(-1)).toMatchObject({ confirm: "restore", leave_unsent: true });
  });

  it("asks for the passphrase only where this computer's key does not open the file", async () => {
    const host = await open({ data: "clean" }, SETTINGS);
    await openRestore();
    expect(screen.queryByTestId("restore-passphrase")).toBeNull();
    press("Escape");
    await waitFor(() => expect(screen.queryByTestId("restore-confirm")).toBeNull());
    await openRestore(1);
    await type("restore-confirm", "restore");
    await type("restore-passphrase", "wrong");
    await fireEvent.click(screen.getByTestId("restore-submit"));
    expect((await screen.findAllByText("This passphrase does not open the backup")).length).toBe(2);
    await type("restore-passphrase", "right");
    await fireEvent.click(screen.getByTestId("restore-submit"));
    expect(await screen.findByTestId("restored")).toBeTruthy();
    expect(asked(host, "restore").at(-1)).toMatchObject({ passphrase: "right" });
  });

  it("gives the focus back to its button", async () => {
    await open({}, SETTINGS);
    const [button] = await screen.findAllByTestId("backup-restore");
    button?.focus();
    await openRestore();
    press("Escape");
    await waitFor(() => expect(document.activeElement).toBe(button));
  });

  it("is offered where the database is damaged, and nowhere else outside but on a new computer", async () => {
    const unusable = (code: string) => ({ state: "unusable" as const, code, message: "Broken." });
    await open({ session: unusable("database_newer") });
    expect(screen.queryByTestId("restore-open")).toBeNull();
  });

  it("lists the folder from the damaged database's screen and says what is not known", async () => {
    const session = { state: "unusable", code: "database_damaged", message: "Broken." } as const;
    await open({ session });
    await fireEvent.click(screen.getByTestId("restore-open"));
    expect(await screen.findAllByTestId("restore-choice")).toHaveLength(2);
    expect(screen.getByTestId("restore-folder")).toBeTruthy();
    await type("restore-confirm", "restore");
    await fireEvent.click(screen.getByTestId("restore-submit"));
    expect((await screen.findByTestId("restored")).textContent).toContain("could not be read");
  });
});

describe("tokens", () => {
  it("are the same in a dark system and under the choice of dark", () => {
    const css = readFileSync("src/styles/tokens.css", "utf8");
    const block = (head: RegExp) =>
      [...(head.exec(css)?.[1] ?? "").matchAll(/(--[\w-]+|color-scheme): ([^;]+);/g)].map(
        ([, name, value]) => `${name}: ${value}`,
      );
    const system = block(/:root:not\(\[data-theme="light"\]\) \{([^}]+)\}/);
    expect(system.length).toBeGreaterThan(25);
    expect(block(/:root\[data-theme="dark"\] \{([^}]+)\}/)).toEqual(system);
  });
});
