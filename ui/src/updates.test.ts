import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { asked, open } from "../tests/window";
import type { ReleaseRow } from "./lib/host/types";

const SETTINGS = "#/settings";
const RELEASE: ReleaseRow = {
  version: "0.2.0",
  notes: "Imports",
  published: "2026-03-11T09:00:00Z",
  size: 14_000_000,
};
const click = async (id: string) => fireEvent.click(await screen.findByTestId(id));

describe("updates", () => {
  it("are looked for, said in the sidebar, installed when asked, and run after a restart", async () => {
    const host = await open({}, SETTINGS);
    host.offer = { state: "offered", release: RELEASE };
    expect(screen.queryByTestId("update-waits")).toBeNull();
    await click("update-check");
    expect((await screen.findByTestId("update-offer")).textContent).toMatch(/0\.2\.0.*14 MB/s);
    expect(screen.getByText("Imports")).toBeTruthy();
    expect(screen.getByTestId("update-waits").textContent).toBe("Update");
    expect(asked(host, "install_update")).toEqual([]);
    await click("update-install");
    await click("update-restart");
    expect(asked(host, "restart")).toHaveLength(1);
  });

  it("show how far they are and can be cancelled", async () => {
    const host = await open({}, SETTINGS);
    const fetching = { state: "fetching" as const, release: RELEASE, done: 7_000_000 };
    host.update = { ...host.update, update: fetching };
    host.emitChanged();
    expect(await screen.findByText("7 MB of 14 MB")).toBeTruthy();
    expect(screen.getByRole("progressbar").getAttribute("value")).toBe("7000000");
    await click("update-cancel");
    await waitFor(() => expect(asked(host, "cancel_update")).toHaveLength(1));
  });

  it("that are refused say why, and can be looked for again", async () => {
    const host = await open({}, SETTINGS);
    host.offer = { state: "failed", code: "update_downgrade", message: "Older.", release: null };
    await click("update-check");
    expect((await screen.findByTestId("update-problem")).textContent).toBe("Older.");
    expect(screen.queryByTestId("update-install")).toBeNull();
    host.offer = { state: "current" };
    await click("update-check");
    expect(await screen.findByText("This is the newest version")).toBeTruthy();
  });

  it("say why a copy does not update itself", async () => {
    const host = await open({}, SETTINGS);
    host.update = { ...host.update, update: { state: "off", why: "not_packaged" } };
    host.emitChanged();
    expect(await screen.findByText(/not installed from a package/)).toBeTruthy();
    expect(screen.queryByTestId("update-check")).toBeNull();
  });
});

describe("a playbook file that is opened from outside", () => {
  it("shows what it contains and leads to the start in a tenant without a project", async () => {
    const host = await open();
    await screen.findByTestId("today-front");
    host.openFile("own.playbook.toml", "good");
    expect(await screen.findByRole("dialog", { name: "own.playbook.toml" })).toBeTruthy();
    await click("opened-go");
    expect(await screen.findByTestId("playbook-facts")).toBeTruthy();
    const chosen = screen.getByTestId<HTMLInputElement>("playbook-from-file");
    expect(chosen.checked).toBe(true);
  });

  it("says what is wrong with it, by line", async () => {
    const host = await open();
    await screen.findByTestId("today-front");
    host.openFile("own.playbook.toml", "fault");
    expect(await screen.findAllByText(/^Line \d+, column \d+:/)).toHaveLength(2);
    expect(screen.queryByTestId("opened-go")).toBeNull();
    await click("opened-close");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  });

  it("waits until somebody is signed in", async () => {
    const session = { state: "signed_out", server: null, name: null, unsent: 0 } as const;
    const host = await open({ session });
    host.openFile("own.playbook.toml", "good");
    await screen.findByTestId("sign-in-submit");
    expect(asked(host, "take_playbook")).toEqual([]);
  });
});
