import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { asked, focused, open, press } from "../tests/window";

describe("today", () => {
  it("is the first screen, with the answer as a sentence and the top task under Enter", async () => {
    const host = await open();
    expect((await screen.findByTestId("today-front")).textContent).toBe(
      "Hill School: 14 of 22 done",
    );
    await focused("today-next");
    expect(screen.getByTestId("today-next").textContent).toContain("Check room codes");
    const blocked = screen.getByTestId("today-blocked").textContent ?? "";
    for (const words of ["2 items, waiting on client", "Configure SSO", "dana.whitfield"]) {
      expect(blocked).toContain(words);
    }
    expect(asked(host, "today")[0]).toMatchObject({ limit: 5 });
    screen.getByTestId("today-next").click();
    await screen.findByTestId("item-panel");
    expect(window.location.hash).toContain("check-room-codes");
  });

  it("moves through everything with the arrows, Home and End", async () => {
    await open();
    await focused("today-next");
    press("ArrowDown");
    await focused("today-blocked");
    press("ArrowDown");
    await focused("today-decision");
    press("End");
    await focused("today-waiting");
    press("Home");
    await focused("today-next");
  });

  it("says on whom other tenants wait and what waits for a connection last", async () => {
    await open();
    const stuck = await screen.findByTestId("today-stuck");
    for (const words of [
      "Connect rostering",
      "Riverside Unified",
      "Waiting on vendor",
      "priya.nair",
    ]) {
      expect(stuck.textContent).toContain(words);
    }
    await screen.findByTestId("today-waiting");
    const rows = [...document.querySelectorAll("a[data-row]")].map((row) =>
      row.getAttribute("data-testid"),
    );
    expect(rows.slice(-2)).toEqual(["today-unverified", "today-waiting"]);
    expect(screen.queryByRole("progressbar")).toBeNull();
  });

  it("lists what was refused, and leads to where it is decided", async () => {
    await open();
    const rows = await screen.findAllByTestId("today-decision");
    expect(rows.map((row) => row.textContent).join()).toContain("nothing is due before it ends");
    rows[1]?.click();
    await screen.findByTestId("sync-summary");
  });

  it("shows more of what is due on demand", async () => {
    const host = await open();
    expect(await screen.findAllByTestId("today-due")).toHaveLength(5);
    await fireEvent.click(screen.getByTestId("today-more"));
    await waitFor(() => expect(screen.getAllByTestId("today-due").length).toBeGreaterThan(20));
    expect(asked(host, "today").at(-1)).toMatchObject({ limit: 200 });
  });

  it("keeps the focus while others write, and follows what they wrote", async () => {
    const host = await open();
    await focused("today-next");
    press("ArrowDown");
    await focused("today-blocked");
    const items = host.phases.get("t-hill")?.flatMap((phase) => phase.items) ?? [];
    const scim = items.find((item) => item.key === "configure-scim");
    if (scim) Object.assign(scim, { status: "complete", blocker: null });
    host.emitChanged();
    await waitFor(() =>
      expect(screen.getByTestId("today-front").textContent).toContain("15 of 22"),
    );
    await focused("today-blocked");
  });

  it("says so when nothing is due and when nothing is open", async () => {
    const host = await open({ data: "clean" });
    await screen.findByTestId("today-front");
    for (const phases of host.phases.values()) {
      for (const item of phases.flatMap((phase) => phase.items)) item.due = null;
    }
    host.emitChanged();
    await waitFor(() => expect(screen.getByTestId("today-counts").textContent).toBe("Nothing due"));
    for (const phases of host.phases.values()) {
      for (const item of phases.flatMap((phase) => phase.items)) {
        Object.assign(item, { status: "complete", blocker: null });
      }
    }
    host.emitChanged();
    expect(await screen.findByText("Nothing is open in your tenants.")).toBeTruthy();
  });

  it("names the next thing where nothing is due today", async () => {
    const host = await open({ data: "clean" });
    await screen.findByTestId("today-front");
    const all = [...host.phases.values()].flat().flatMap((phase) => phase.items);
    for (const item of all) item.due = null;
    const far = all.find((item) => item.key === "pass-preflight");
    const soon = new Date(host.now.getTime() + 86_400_000);
    const two = (value: number) => String(value).padStart(2, "0");
    if (far) far.due = `${soon.getFullYear()}-${two(soon.getMonth() + 1)}-${two(soon.getDate())}`;
    host.emitChanged();
    await waitFor(() =>
      expect(screen.getByTestId("today-counts").textContent).toBe(
        "Nothing due. Next: Hill School, tomorrow",
      ),
    );
  });

  it("says what to do when there are no tenants", async () => {
    await open({ data: "empty" });
    expect(await screen.findByText("No tenants on this computer yet")).toBeTruthy();
  });

  it("says what is wrong when the day cannot be read, and tries again", async () => {
    const host = await open({ data: "clean" }, "#/tenants");
    host.failNext.set("today", { code: "database", message: "The disk is gone.", details: null });
    press("1", { ctrlKey: true });
    expect(await screen.findByText("The disk is gone.")).toBeTruthy();
    host.emitChanged();
    await screen.findByTestId("today-front");
  });
});
