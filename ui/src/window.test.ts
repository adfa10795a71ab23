import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { asked, focused, open, press } from "../tests/window";
import App from "./App.svelte";
import { asFailure, useHost } from "./lib/host/commands";
import { FakeHost } from "./lib/host/fake";
import { texts } from "./lib/texts";

const HILL = "#/checklist/t-hill";
const ITEM = "item/first-school-go-live/0/check-room-codes";
const row = (key: string) => screen.findByTestId(`item-row-${key}`);

/** Chooses a file in a file field, as the system's dialog does. */
async function chooseFile(field: string, text: string): Promise<void> {
  const input = await screen.findByTestId<HTMLInputElement>(field);
  const file = new File([text], "own.toml", { type: "text/plain" });
  Object.defineProperty(input, "files", { value: [file], configurable: true });
  await fireEvent.change(input);
}

describe("start", () => {
  it("says that it opens for as long as that takes", async () => {
    const host = new FakeHost({ now: new Date() });
    useHost(host);
    const goOn = host.hold("session");
    window.location.hash = "";
    render(App);
    expect((await screen.findByRole("status")).textContent).toBe(texts.opening);
    goOn();
    await screen.findByTestId("today-front");
    expect(screen.queryByText(texts.opening)).toBeNull();
  });
});

describe("sign in", () => {
  const OUT = { state: "signed_out", server: null, name: null, unsent: 0 } as const;

  it("lists each fault as a link to its field and takes the focus there", async () => {
    const host = await open({ session: OUT });
    await fireEvent.click(screen.getByTestId("sign-in-submit"));
    const summary = await screen.findByRole("alert");
    expect(within(summary).getAllByRole("link")).toHaveLength(3);
    expect(document.activeElement).toBe(summary);
    await fireEvent.click(within(summary).getByText("Enter your sign-in name"));
    expect(document.activeElement).toBe(screen.getByTestId("sign-in-name"));
    expect(asked(host, "sign_in")).toHaveLength(0);
  });

  it("keeps what was typed when the service says no, then lets in", async () => {
    const host = await open({ session: OUT });
    const type = (id: string, value: string) =>
      fireEvent.input(screen.getByTestId(id), { target: { value } });
    await type("sign-in-server", "https://cairn.example.org");
    await type("sign-in-name", "mara.okafor");
    await type("sign-in-password", "wrong");
    await fireEvent.click(screen.getByTestId("sign-in-submit"));
    expect((await screen.findAllByText(/is not right/)).length).toBe(2);
    expect(screen.getByTestId<HTMLInputElement>("sign-in-name").value).toBe("mara.okafor");
    await type("sign-in-password", "right");
    await fireEvent.click(screen.getByTestId("sign-in-submit"));
    await screen.findByTestId("today-front");
    expect(asked(host, "sign_in").at(-1)).toMatchObject({ name: "mara.okafor" });
  });

  it("offers a sealed file for unsent work and says where it lies", async () => {
    const host = await open({ session: { ...OUT, unsent: 4 } });
    host.failNext.set("export_unsent", {
      code: "cannot_write",
      message: "No room.",
      details: null,
    });
    await fireEvent.click(screen.getByTestId("unsent-export"));
    expect((await screen.findByTestId("unsent-failure")).textContent).toBe("No room.");
    await fireEvent.click(screen.getByTestId("unsent-export"));
    expect((await screen.findByTestId("unsent-file")).textContent).toContain("/Downloads/");
    expect(screen.queryByTestId("unsent-failure")).toBeNull();
    expect(asked(host, "export_unsent")).toHaveLength(2);
  });

  it("says nothing of unsent work where there is none", async () => {
    await open({ session: OUT });
    expect(screen.queryByTestId("unsent-export")).toBeNull();
  });
});

describe("locked and lost keys", () => {
  it("opens a locked window again, by keyring or passphrase", async () => {
    const host = await open({ session: { state: "locked", why: "idle", name: "mara.okafor" } });
    await fireEvent.click(screen.getByTestId("unlock-other"));
    await fireEvent.click(screen.getByTestId("unlock-submit"));
    expect(await screen.findByRole("alert")).toBeTruthy();
    await fireEvent.input(screen.getByTestId("unlock-passphrase"), {
      target: { value: "three stones on a hill" },
    });
    await fireEvent.click(screen.getByTestId("unlock-submit"));
    await screen.findByTestId("today-front");
    expect(asked(host, "unlock")).toEqual([{ passphrase: "three stones on a hill" }]);
  });

  it("shows the steps of a first start only where there is no profile", async () => {
    const step = texts.signIn.trail[1];
    await open({ session: { state: "locked", why: "asked", name: "mara.okafor" } });
    expect(screen.queryByText(step)).toBeNull();
    cleanup();
    await open({ session: { state: "signed_out", server: null, name: null, unsent: 0 } });
    expect(await screen.findByText(step)).toBeTruthy();
  });

  it("offers no passphrase where none was set", async () => {
    await open({
      session: { state: "recovery", code: "key_absent", message: "No key.", passphrase: false },
    });
    expect(screen.getByTestId("recovery-cause").textContent).toContain("No key.");
    expect(screen.queryByTestId("unlock-passphrase")).toBeNull();
    expect(screen.getByTestId("recovery-again")).toBeTruthy();
  });
});

describe("tenants", () => {
  it("moves with the arrows and opens with Enter", async () => {
    await open({}, "#/tenants");
    (await screen.findByTestId("tenant-row-hill-school")).focus();
    press("ArrowDown");
    await focused("tenant-row-riverside");
    press("End");
    await focused("tenant-row-lakeside");
    press("Home");
    await focused("tenant-row-hill-school");
    press("Enter");
    expect((await screen.findByTestId("checklist-title")).textContent).toContain("14 of 22");
  });

  it("shows each trail and finds one of a thousand", async () => {
    await open({ more: 1_000 }, "#/tenants");
    const hill = await screen.findByTestId("tenant-row-hill-school");
    expect(hill.querySelectorAll("i.complete")).toHaveLength(14);
    expect(hill.querySelectorAll("i.blocked")).toHaveLength(2);
    expect(document.querySelectorAll("[data-row]").length).toBeLessThan(300);
    const filter = screen.getByTestId("tenant-filter");
    await fireEvent.input(filter, { target: { value: "school 777" } });
    await screen.findByTestId("tenant-row-school-777");
    expect(document.querySelectorAll("[data-row]")).toHaveLength(1);
  });

  it("says what to do when there are none", async () => {
    await open({ data: "empty" }, "#/tenants");
    expect(await screen.findByText("No tenants on this computer yet")).toBeTruthy();
    expect(screen.getByTestId("sync-now")).toBeTruthy();
  });
});

describe("checklist", () => {
  it("marks done with Space, says so, and undoes from the toast", async () => {
    const host = await open({}, HILL);
    (await row("check-room-codes")).focus();
    press(" ");
    await waitFor(async () =>
      expect((await row("check-room-codes")).dataset.status).toBe("complete"),
    );
    expect(asked(host, "set_status")).toEqual([
      { tenant: "t-hill", entity: ITEM, status: "complete" },
    ]);
    await waitFor(() =>
      expect(screen.getByTestId("sync-line").textContent).toContain("5 changes waiting"),
    );
    await fireEvent.click(screen.getByTestId("toast-undo"));
    await waitFor(async () =>
      expect((await row("check-room-codes")).dataset.status).toBe("not_started"),
    );
  });

  it("reads what the screen shows first after a write, and of the frame only what it changes", async () => {
    const host = await open({}, HILL);
    (await row("check-room-codes")).focus();
    await waitFor(() => expect(asked(host, "tenants")).toEqual([{ only: null }]));
    host.calls.length = 0;
    press(" ");
    await waitFor(() => expect(asked(host, "tenants")).toEqual([{ only: "t-hill" }]));
    const reads = host.calls.map((call) => call.command);
    expect(reads.indexOf("checklist")).toBeGreaterThan(reads.indexOf("set_status"));
    expect(reads.indexOf("tenants")).toBeGreaterThan(reads.indexOf("checklist"));
    expect(screen.getByTestId("nav-checklist").textContent).toContain("done");
  });

  it("reads the line alone where nothing else changed", async () => {
    const host = await open({}, HILL);
    await waitFor(() => expect(asked(host, "tenants")).toHaveLength(1));
    host.calls.length = 0;
    host.emitChanged("line");
    await waitFor(() => expect(asked(host, "status")).toHaveLength(1));
    expect(asked(host, "checklist").concat(asked(host, "tenants"))).toEqual([]);
  });

  it("claims instead of completing where a check confirms it", async () => {
    const host = await open({}, HILL);
    (await row("import-students")).focus();
    press(" ");
    await waitFor(() =>
      expect(asked(host, "set_status")).toMatchObject([{ status: "waiting_to_verify" }]),
    );
  });

  it("blocks only with a reason and gives the focus back", async () => {
    const host = await open({}, HILL);
    (await row("check-room-codes")).focus();
    press("b");
    const reason = await screen.findByTestId("reason-input");
    await fireEvent.click(screen.getByTestId("reason-submit"));
    expect((await screen.findAllByText("Enter a reason for blocking this item")).length).toBe(2);
    expect(asked(host, "set_status")).toHaveLength(0);
    await fireEvent.input(reason, { target: { value: "The caretaker has the plan" } });
    await fireEvent.click(screen.getByTestId("reason-submit"));
    await waitFor(async () =>
      expect((await row("check-room-codes")).dataset.status).toBe("blocked"),
    );
    expect((await row("check-room-codes")).textContent).toContain("The caretaker has the plan");
    await focused("item-row-check-room-codes");
  });

  it("keeps the reason when the write is refused", async () => {
    const host = await open({}, HILL);
    (await row("check-room-codes")).focus();
    press("b");
    await fireEvent.input(await screen.findByTestId("reason-input"), {
      target: { value: "No plan" },
    });
    host.failNext.set("set_status", asFailure({ code: "disk_full", message: "The disk is full." }));
    await fireEvent.click(screen.getByTestId("reason-submit"));
    expect(await screen.findByText("The disk is full.")).toBeTruthy();
    expect(screen.getByTestId<HTMLTextAreaElement>("reason-input").value).toBe("No plan");
  });

  it("opens an item with Enter, comments, and Escape gives the focus back", async () => {
    const host = await open({}, HILL);
    (await row("check-room-codes")).focus();
    press("Enter");
    await screen.findByTestId("item-panel");
    const input = await screen.findByTestId("comment-input");
    await fireEvent.input(input, { target: { value: "Rooms are on the second page" } });
    await fireEvent.change(screen.getByTestId("comment-visibility"), {
      target: { value: "client" },
    });
    await fireEvent.click(screen.getByTestId("comment-submit"));
    await screen.findByText("Rooms are on the second page");
    expect(asked(host, "comment")).toEqual([
      {
        tenant: "t-hill",
        entity: ITEM,
        text: "Rooms are on the second page",
        visibility: "client",
      },
    ]);
    // A comment stays, so no Undo is offered that would only be refused.
    const toast = (await screen.findByText(/Comments cannot be undone/)).closest<HTMLElement>(
      "li, [data-testid]",
    );
    expect(toast && within(toast).queryByText("Undo")).toBeNull();
    screen.getByTestId("item-close").focus();
    press("Escape");
    await focused("item-row-check-room-codes");
    expect(screen.queryByTestId("item-panel")).toBeNull();
  });

  it("undoes the newest change of the focused item with u, and says why it cannot", async () => {
    const host = await open({}, HILL);
    (await row("import-teachers")).focus();
    press("u");
    expect(await screen.findByText(/Others have built on this change/)).toBeTruthy();
    expect(asked(host, "undo")).toEqual([{ op: "op-import-teachers-2" }]);
  });

  it("shows what arrived without being asked", async () => {
    const host = await open({}, HILL);
    await row("check-room-codes");
    const item = host.phases
      .get("t-hill")
      ?.flatMap((p) => p.items)
      .find((i) => i.entity === ITEM);
    if (item) item.status = "in_progress";
    host.emitChanged();
    await waitFor(async () =>
      expect((await row("check-room-codes")).dataset.status).toBe("in_progress"),
    );
  });

  it("offers nothing to write to those who only read", async () => {
    const host = await open({ readOnly: true }, HILL);
    (await row("check-room-codes")).focus();
    press(" ");
    press("b");
    expect(screen.queryByTestId("reason-input")).toBeNull();
    expect(asked(host, "set_status")).toHaveLength(0);
    expect(screen.getByTestId("item-status-check-room-codes").tagName).toBe("SPAN");
  });

  it("folds and opens a phase with the arrows", async () => {
    await open({}, HILL);
    const phase = await screen.findByTestId("phase-row-identity");
    phase.focus();
    press("ArrowLeft");
    await waitFor(() => expect(phase.getAttribute("aria-expanded")).toBe("false"));
    expect(screen.queryByTestId("item-row-configure-sso")).toBeNull();
    press("ArrowRight");
    await row("configure-sso");
  });

  it("starts a project where there is none", async () => {
    const host = await open({}, "#/checklist/t-lake");
    await fireEvent.click(await screen.findByTestId("mode-phased"));
    await fireEvent.click(screen.getByTestId("start-project"));
    expect((await screen.findByTestId("checklist-title")).textContent).toContain("0 of 10");
    expect(asked(host, "start_project")).toEqual([
      { tenant: "t-lake", playbook: "school-district", mode: "phased" },
    ]);
  });

  it("starts a project in the size that was chosen", async () => {
    const host = await open({}, "#/checklist/t-lake");
    await fireEvent.click(await screen.findByTestId("playbook-ethics-line-client"));
    expect(document.querySelectorAll('input[name="playbook"]')).toHaveLength(6);
    expect((await screen.findByTestId("mode-standard")).closest("label")?.textContent).toMatch(
      /34 items · 28 to 56 days/,
    );
    await fireEvent.click(screen.getByTestId("mode-complex"));
    await fireEvent.click(screen.getByTestId("start-project"));
    await screen.findByTestId("checklist-title");
    expect(asked(host, "start_project")).toEqual([
      { tenant: "t-lake", playbook: "ethics-line-client", mode: "complex" },
    ]);
  });

  it("lists every fault of an own playbook with its place, then starts from the mended file", async () => {
    const host = await open({}, "#/checklist/t-lake");
    await fireEvent.click(await screen.findByTestId("playbook-from-file"));
    await fireEvent.click(screen.getByTestId("start-project"));
    await screen.findByText("Choose a playbook file that can be used");
    await chooseFile("playbook-file", "a fault here");
    const summary = await screen.findByText(/Line 12, column 14: `csm` is not a role/);
    const alert = summary.closest<HTMLElement>('[role="alert"]');
    expect(alert).not.toBeNull();
    if (alert) expect(within(alert).getAllByRole("link")).toHaveLength(2);
    expect(screen.queryByTestId("playbook-facts")).toBeNull();
    await fireEvent.click(screen.getByTestId("start-project"));
    expect(asked(host, "start_project")).toHaveLength(0);

    await chooseFile("playbook-file", 'key = "library-pilot"');
    const facts = await screen.findByTestId("playbook-facts");
    expect(facts.textContent).toContain("Library pilot, version 1");
    expect(facts.textContent).toContain("3 nested");
    expect(screen.queryByText("There is a problem")).toBeNull();
    await fireEvent.click(screen.getByTestId("start-project"));
    expect((await screen.findByTestId("checklist-title")).textContent).toContain("0 of 12");
    expect(asked(host, "start_project")).toEqual([
      { tenant: "t-lake", source: 'key = "library-pilot"' },
    ]);
  });

  it("shows what an upgrade changes, then does it, and undoes it", async () => {
    const host = await open({ ships: 2 }, HILL);
    const opener = await screen.findByTestId("upgrade-open");
    expect(opener.textContent).toContain("version 2");
    await fireEvent.click(opener);
    const diff = await screen.findByTestId("upgrade-diff");
    for (const words of [
      "Added: 2",
      "Rehearse the recovery with the school",
      "Removed: 1",
      "Holds: Complete, note. It stays",
      "Changed: 2",
      "14 days before go-live",
      "10 days before go-live",
    ])
      expect(diff.textContent).toContain(words);
    expect(asked(host, "upgrade_project")).toHaveLength(0);
    await fireEvent.click(screen.getByTestId("upgrade-submit"));
    await waitFor(() => expect(screen.queryByTestId("upgrade-diff")).toBeNull());
    expect(asked(host, "upgrade_project")).toEqual([
      { tenant: "t-hill", seen: "seen-1", keep: true },
    ]);
    expect(host.versions.get("t-hill")).toBe(2);
    await fireEvent.click(await screen.findByTestId("toast-undo"));
    await waitFor(() => expect(host.versions.get("t-hill")).toBe(1));
  });

  it("lets removed work go only when that is asked for", async () => {
    const host = await open({ ships: 2 }, HILL);
    await fireEvent.click(await screen.findByTestId("upgrade-open"));
    await fireEvent.click(await screen.findByTestId("upgrade-keep"));
    expect(screen.getByTestId("upgrade-diff").textContent).toContain("It goes with what it holds");
    await fireEvent.click(screen.getByTestId("upgrade-submit"));
    await waitFor(() => expect(asked(host, "upgrade_project")).toMatchObject([{ keep: false }]));
  });

  it("shows an upgrade again where something changed since", async () => {
    const host = await open({ ships: 2 }, HILL);
    await fireEvent.click(await screen.findByTestId("upgrade-open"));
    host.failNext.set("upgrade_project", {
      code: "changed_since",
      message: "Something changed since the changes were shown.",
      details: null,
    });
    await fireEvent.click(await screen.findByTestId("upgrade-submit"));
    await screen.findByText("Something changed since the changes were shown.");
    expect(asked(host, "plan_upgrade")).toHaveLength(2);
    expect(screen.getByTestId("upgrade-diff")).toBeTruthy();
  });

  it("upgrades to the version in a file where none ships, also from the palette", async () => {
    const host = await open({}, HILL);
    await row("configure-sso");
    press("k", { ctrlKey: true });
    const field = await screen.findByTestId("palette-input");
    await fireEvent.input(field, { target: { value: "upgrade" } });
    await fireEvent.click(await screen.findByTestId("palette-upgrade"));
    expect((await screen.findByTestId("upgrade-reason")).textContent).toContain("comes with Cairn");
    expect(screen.queryByTestId("upgrade-submit")).toBeNull();
    await chooseFile("upgrade-file", "version 2");
    await fireEvent.click(await screen.findByTestId("upgrade-submit"));
    await waitFor(() =>
      expect(asked(host, "upgrade_project")).toMatchObject([{ source: "version 2", keep: true }]),
    );
  });

  it("offers no upgrade to somebody who only reads", async () => {
    await open({ readOnly: true, ships: 2 }, HILL);
    await row("configure-sso");
    expect(screen.queryByTestId("upgrade-open")).toBeNull();
  });

  it("says what nested work, targets and sign-offs are", async () => {
    await open({ workshop: true }, "#/checklist/t-delta");
    const level = async (key: string) => (await row(key)).getAttribute("aria-level");
    expect(await level("workshop-2")).toBe("2");
    expect(await level("workshop-opening-2")).toBe("3");
    expect(await level("unlock-2")).toBe("4");
    expect((await row("workshop-2")).textContent).toMatch(/1 of 4/);
    const half = await row("onboarded-day-1");
    expect(half.textContent).toContain("At least 50 % onboarded within 24 hours");
    const signed = await row("sign-director");
    expect(signed.textContent).toContain("Sign-off");
    expect(signed.textContent).toContain("Programme director");
    await fireEvent.click(signed);
    expect((await screen.findByTestId("item-sign-off")).textContent).toContain(
      "approves the launch",
    );
    await fireEvent.click(await row("approve-launch"));
    await waitFor(() =>
      expect(screen.getByTestId("item-priority").textContent).toContain("Critical, 3 points"),
    );
  });

  it("holds only what is seen of 1,000 items, and still reaches the last", async () => {
    await open({ large: 1_000 }, "#/checklist/t-large");
    const first = await screen.findByTestId("phase-row-phase-1");
    expect(document.querySelectorAll("[data-row]").length).toBeLessThan(300);
    first.focus();
    press("End");
    await focused("item-row-task-1000");
  });
});

describe("sync", () => {
  it("decides a conflict with its number and never claims more than it knows", async () => {
    const host = await open({}, "#/sync");
    const conflict = await screen.findByTestId("conflict-1");
    expect(conflict.textContent).toContain("Keeping this loses");
    conflict.focus();
    press("2");
    await waitFor(() => expect(screen.queryByTestId("conflict-1")).toBeNull());
    expect(asked(host, "resolve")).toMatchObject([{ take: "t-hill/d2/17" }]);
    expect(screen.getByTestId("sync-line").textContent).not.toContain("everything sent");
  });

  it("takes a value by its button", async () => {
    const host = await open({}, "#/sync");
    await fireEvent.click(await screen.findByTestId("conflict-take-1-1"));
    await waitFor(() => expect(asked(host, "resolve")).toMatchObject([{ take: "t-hill/d1/41" }]));
  });

  it("asks before it discards what the service refused", async () => {
    const host = await open({}, "#/sync");
    await fireEvent.click(await screen.findByTestId("discard"));
    expect(asked(host, "discard")).toHaveLength(0);
    await fireEvent.click(await screen.findByTestId("discard-confirm"));
    await waitFor(() => expect(screen.queryByTestId("refused-row")).toBeNull());
    expect(asked(host, "discard")).toEqual([{ op: "t-river/d1/8" }]);
  });

  it("shows held work to everybody and its buttons to managers only", async () => {
    const host = await open({ manager: true }, "#/sync");
    await fireEvent.click(await screen.findByTestId("held-adopt"));
    await waitFor(() => expect(screen.queryByTestId("held-row")).toBeNull());
    expect(asked(host, "held_adopt")).toEqual([{ op: "t-north/d3/5" }]);
  });

  it("says in plain words that there is no network, and keeps the queue", async () => {
    await open({}, "#/sync");
    await fireEvent.click(await screen.findByTestId("sync-now"));
    expect(await screen.findByText(/cannot be reached/)).toBeTruthy();
    expect(screen.getAllByTestId("queue-row")).toHaveLength(4);
  });

  it("says that everything is synced only then", async () => {
    await open({ data: "clean", network: "online" }, "#/sync");
    expect((await screen.findByTestId("sync-summary")).textContent).toContain("Everything synced");
    expect((await screen.findByTestId("sync-line")).textContent).toContain("everything sent");
  });
});

describe("the frame", () => {
  it("finds a tenant in the palette and opens it with Enter", async () => {
    await open();
    press("k", { ctrlKey: true });
    const input = await screen.findByTestId("palette-input");
    await fireEvent.input(input, { target: { value: "river" } });
    await screen.findByTestId("palette-tenant-t-river");
    await fireEvent.keyDown(input, { key: "Enter" });
    expect((await screen.findByTestId("checklist-title")).textContent).toContain("9 of 22");
  });

  it("finds the new screens in the palette, with their keys", async () => {
    await open({ more: 1_000 });
    press("k", { ctrlKey: true });
    const input = await screen.findByTestId("palette-input");
    await fireEvent.input(input, { target: { value: "history" } });
    expect((await screen.findByTestId("palette-history")).textContent).toContain("Ctrl");
    await fireEvent.input(input, { target: { value: "school 999" } });
    await screen.findByTestId("palette-tenant-t-more-999");
    await fireEvent.input(input, { target: { value: "today" } });
    await screen.findByTestId("palette-today");
  });

  it("goes to the screens by their numbers", async () => {
    await open();
    for (const [key, there] of [
      ["5", "sync-summary"],
      ["2", "tenant-list"],
      ["6", "history-list"],
      ["1", "today-front"],
    ] as const) {
      press(key, { ctrlKey: true });
      await screen.findByTestId(there);
    }
  });

  it("locks with its keys", async () => {
    await open();
    press("L", { ctrlKey: true, shiftKey: true });
    expect(await screen.findByText("Cairn is locked")).toBeTruthy();
    expect(screen.queryByTestId("today-front")).toBeNull();
  });
});

describe("the inbox", () => {
  const bell = () => screen.getByTestId("inbox-open");

  it("opens with its key, counts what is new and leads to the item", async () => {
    const host = await open({});
    // The frame asks for its numbers after the screen has asked for what it shows.
    await waitFor(() => expect(bell().getAttribute("aria-label")).toBe("Inbox, 2 new"));
    await press("i", { ctrlKey: true });
    const [first] = await screen.findAllByTestId("notice");
    expect(first?.textContent).toContain("Due today");
    await fireEvent.click(first as HTMLElement);
    expect(await screen.findByTestId("item-close")).toBeTruthy();
    expect(window.location.hash).toContain("check-room-codes");
    expect(asked(host, "mark_read")).toHaveLength(1);
    await waitFor(() => expect(bell().getAttribute("aria-label")).toBe("Inbox, 1 new"));
  });

  it("marks all as read and keeps them", async () => {
    await open({});
    await fireEvent.click(bell());
    await fireEvent.click(await screen.findByTestId("inbox-read-all"));
    await waitFor(() => expect(bell().getAttribute("aria-label")).toBe("Inbox"));
    expect(screen.getAllByTestId("notice")).toHaveLength(4);
  });

  it("says what would show where there is nothing", async () => {
    await open({ data: "empty" });
    await fireEvent.click(bell());
    expect(await screen.findByText("Nothing to hear of")).toBeTruthy();
  });

  it("opens what a native notification was about, and the inbox where it was about many", async () => {
    const host = await open({});
    host.click({ tenant: "t-hill", entity: ITEM });
    expect(await screen.findByTestId("item-close")).toBeTruthy();
    host.click(null);
    expect((await screen.findAllByTestId("notice")).length).toBe(4);
  });

  it("tells what is in front, so that it raises no notification", async () => {
    const host = await open({});
    host.click({ tenant: "t-hill", entity: ITEM });
    await waitFor(() => expect(asked(host, "in_front").length).toBeGreaterThan(0));
  });
});
