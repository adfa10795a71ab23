import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { asked, focused, open, press } from "../tests/window";
import { useHost } from "./lib/host/commands";
import { FakeHost } from "./lib/host/fake";
import { filterOf, isNarrowed, NOTHING } from "./lib/screens/history/asked";
import { Pages } from "./lib/screens/history/pages.svelte";

const rows = () => screen.findAllByTestId("change-row");

/** Focuses the row of a change. */
async function at(op: string): Promise<HTMLElement> {
  const row = (await rows()).find((one) => one.dataset.op === op);
  if (!row) throw new Error(`no row of ${op}`);
  row.focus();
  return row;
}

/** The ids of the selected changes. */
function selected(): string[] {
  const chosen = document.querySelectorAll<HTMLElement>(
    '[data-testid="change-row"][aria-selected="true"]',
  );
  return [...chosen].map((row) => row.dataset.op ?? "");
}

describe("history", () => {
  it("shows who changed what, when, why, before and after", async () => {
    await open({}, "#/history");
    const row = await at("t-hill:d2:17");
    for (const words of [
      "priya.nair",
      "In progress",
      "Not applicable",
      "one-time links",
      "Hill School",
    ]) {
      expect(row.textContent).toContain(words);
    }
    expect(screen.getByTestId("history-summary").textContent).toBe("9 changes");
  });

  it("leads from a tenant to its own history, and from there to all", async () => {
    const host = await open({}, "#/checklist/t-hill");
    await screen.findByTestId("checklist-title");
    press("6", { ctrlKey: true });
    await rows();
    expect(asked(host, "changes")).toMatchObject([{ tenant: "t-hill" }]);
    await fireEvent.click(screen.getByTestId("history-all"));
    await waitFor(() => expect(asked(host, "changes").at(-1)).not.toHaveProperty("tenant"));
  });

  it("narrows by words, person, kind and day, and says when nothing matches", async () => {
    const host = await open({}, "#/history");
    await rows();
    await fireEvent.change(screen.getByTestId("history-kind"), { target: { value: "comment" } });
    await waitFor(async () => expect(await rows()).toHaveLength(1));
    await fireEvent.change(screen.getByTestId("history-kind"), { target: { value: "" } });
    await fireEvent.change(screen.getByTestId("history-person"), {
      target: { value: "acc-priya" },
    });
    await waitFor(async () => expect(await rows()).toHaveLength(3));
    await fireEvent.input(screen.getByTestId("history-text"), { target: { value: "certificate" } });
    await waitFor(async () => expect(await rows()).toHaveLength(1));
    expect(asked(host, "changes").at(-1)).toMatchObject({
      person: "acc-priya",
      text: "certificate",
    });
    await fireEvent.input(screen.getByTestId("history-text"), { target: { value: "nowhere" } });
    expect(await screen.findByText("No change matches")).toBeTruthy();
    await fireEvent.click(screen.getByTestId("history-clear"));
    await waitFor(async () => expect(await rows()).toHaveLength(9));
  });

  it("opens the item of a change with Enter and narrows to it with i", async () => {
    const host = await open({}, "#/history");
    await at("t-hill:d2:11");
    press("i");
    await screen.findByTestId("history-item");
    await waitFor(() =>
      expect(asked(host, "changes").at(-1)).toMatchObject({
        tenant: "t-hill",
        entity: "item/first-school-go-live/0/configure-sso",
      }),
    );
    await waitFor(async () => expect(await rows()).toHaveLength(2));
    await at("t-hill:d2:11");
    press("Enter");
    await screen.findByTestId("item-panel");
  });

  it("takes one change back with r, and the undo of it is in the toast", async () => {
    const host = await open({}, "#/history");
    await at("t-hill:d1:43");
    press("r");
    expect(await screen.findByTestId("toast-undo")).toBeTruthy();
    expect(asked(host, "undo")).toEqual([{ op: "t-hill:d1:43" }]);
  });

  it("says why a change cannot be taken back, and asks nothing of the core", async () => {
    const host = await open({}, "#/history");
    await at("t-hill:d1:30");
    expect((await screen.findByTestId("history-cannot")).textContent).toContain("built on it");
    expect(screen.getByTestId("history-revert").getAttribute("aria-disabled")).toBe("true");
    press("r");
    expect((await screen.findByRole("alert")).textContent).toContain("built on it");
    expect(asked(host, "undo")).toHaveLength(0);
    expect(asked(host, "revert")).toHaveLength(0);
  });

  it("reverts nothing from a row on where nothing can be, and says where imports are taken back", async () => {
    const host = await open({}, "#/history");
    await rows();
    const [first] = host.changes;
    const title = "Import of accounts.csv asked for";
    const more = { id: "t-hill:d1:50", kind: "import", title, cannot: "nothing_to_undo" };
    if (first) host.changes = [{ ...first, ...more }, ...host.changes];
    host.emitChanged();
    await screen.findByText(title);
    const row = await at("t-hill:d1:50");
    await waitFor(() => expect(row.getAttribute("aria-current")).toBe("true"));
    expect(screen.getByTestId("history-cannot").textContent).toContain("under Migration");
    const from = screen.getByTestId("history-revert-from");
    expect(from.getAttribute("aria-disabled")).toBe("true");
    press("R", { shiftKey: true });
    expect((await screen.findByRole("alert")).textContent).toContain("Nothing from here on");
    expect(asked(host, "revert")).toHaveLength(0);
    press("ArrowDown");
    await waitFor(() => expect(from.getAttribute("aria-disabled")).toBe("false"));
    press("R", { shiftKey: true });
    const stays = await screen.findByTestId("revert-refused");
    expect(stays.textContent).toContain("under Migration");
  });

  it("selects by keys: a range with Shift, one by one with Space, nothing with Escape", async () => {
    await open({}, "#/history");
    await at("t-hill:d1:43");
    press("ArrowDown", { shiftKey: true });
    await waitFor(() => expect(selected()).toEqual(["t-hill:d1:43", "t-river:d1:9"]));
    press("ArrowDown", { shiftKey: true });
    await waitFor(() => expect(selected()).toHaveLength(3));
    await at("t-hill:d1:30");
    press(" ");
    await waitFor(() => expect(selected()).toHaveLength(4));
    expect(screen.getByTestId("history-selection").textContent).toContain("4 selected");
    press("Escape");
    await waitFor(() => expect(selected()).toHaveLength(0));
  });

  it("shows what a span would do, names what stays and why, reverts, and takes that back", async () => {
    const host = await open({}, "#/history");
    await at("t-hill:d1:30");
    press("R", { shiftKey: true });
    const refused = await screen.findAllByTestId("revert-refused");
    expect(refused.map((row) => row.dataset.code)).toEqual(["nothing_to_undo", "built_on"]);
    expect(asked(host, "revert")).toMatchObject([{ keep: false }]);
    await fireEvent.click(screen.getByTestId("revert-confirm"));
    const toast = await screen.findByTestId("toast");
    expect(toast.textContent).toContain("5 changes reverted, 2 stayed");
    expect(asked(host, "revert").at(-1)).toMatchObject({ keep: true });
    await focused("change-row");
    await fireEvent.click(within(toast).getByTestId("toast-undo"));
    await waitFor(() => expect(asked(host, "revert")).toHaveLength(3));
    const undone = asked(host, "revert").at(-1) as { ops: string[] };
    expect(undone.ops).toHaveLength(5);
    expect(await screen.findByText("5 changes taken back")).toBeTruthy();
  });

  it("cancels with Escape and gives the focus back", async () => {
    const host = await open({}, "#/history");
    await at("t-hill:d1:43");
    press("R", { shiftKey: true });
    await screen.findByTestId("revert-confirm");
    press("Escape");
    await waitFor(() => expect(screen.queryByTestId("revert-confirm")).toBeNull());
    await focused("change-row");
    expect(asked(host, "revert")).toHaveLength(1);
  });

  it("shows what arrives on top and keeps the place", async () => {
    const host = await open({}, "#/history");
    await at("t-hill:d2:17");
    const first = host.changes[0];
    if (first) host.changes = [{ ...first, id: "t-hill:d2:99", title: "Fresh" }, ...host.changes];
    host.emitChanged();
    await screen.findByText("Fresh");
    await waitFor(() =>
      expect(document.activeElement?.getAttribute("data-op")).toBe("t-hill:d2:17"),
    );
  });

  it("says so when nothing changed yet", async () => {
    await open({ data: "empty" }, "#/history");
    expect(await screen.findByText("No changes yet")).toBeTruthy();
  });

  it("reaches its words with / and leaves them with the arrow", async () => {
    await open({}, "#/history");
    await at("t-hill:d1:42");
    press("/");
    await focused("history-text");
    press("ArrowDown");
    await focused("change-row");
  });
});

describe("what is asked", () => {
  it("narrows only by what is filled in, and by whole local days", () => {
    expect(filterOf(NOTHING, null, null)).toEqual({});
    expect(isNarrowed(NOTHING)).toBe(false);
    expect(isNarrowed({ ...NOTHING, text: " " })).toBe(false);
    const day = filterOf(
      { ...NOTHING, from: "2026-03-28", until: "2026-03-29" },
      "t1",
      "item/p/0/a",
    );
    expect(day).toEqual({
      tenant: "t1",
      entity: "item/p/0/a",
      from: new Date(2026, 2, 28).toISOString(),
      until: new Date(2026, 2, 30).toISOString(),
    });
  });
});

describe("the pages", () => {
  it("grow at their end, one page at a time, and stop there", async () => {
    const host = new FakeHost({ changes: 450 });
    useHost(host);
    const pages = new Pages();
    await pages.ask({});
    expect([pages.rows.length, pages.hasMore, pages.head?.total]).toEqual([200, true, 450]);
    await Promise.all([pages.more(), pages.more()]);
    expect(pages.rows).toHaveLength(400);
    await pages.more();
    await pages.more();
    expect([pages.rows.length, pages.hasMore]).toEqual([450, false]);
    expect(new Set(pages.rows.map((row) => row.id)).size).toBe(450);
    expect(asked(host, "changes")).toHaveLength(3);
  });

  it("keep what is older when the newest page is read again", async () => {
    const host = new FakeHost({ changes: 450 });
    useHost(host);
    const pages = new Pages();
    await pages.ask({});
    await pages.more();
    const [first] = host.changes;
    if (first) host.changes = [{ ...first, id: "t-hill:d2:9" }, ...host.changes];
    await pages.again();
    expect(pages.rows[0]?.id).toBe("t-hill:d2:9");
    expect(new Set(pages.rows.map((row) => row.id)).size).toBe(401);
  });

  it("search on by themselves until something is found or nothing is left", async () => {
    const host = new FakeHost({ changes: 450 });
    useHost(host);
    const pages = new Pages();
    await pages.ask({ text: "no such words" });
    expect([pages.rows.length, pages.hasMore]).toEqual([0, false]);
  });
});
