/** Many at once: the selection on the Checklist, and on Sync many conflicts and refused changes. */
import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { asked, focused, open, press } from "../tests/window";
import { asFailure } from "./lib/host/commands";

const HILL = "#/checklist/t-hill";
const entity = (key: string) => `item/first-school-go-live/0/${key}`;
const row = (key: string) => screen.findByTestId(`item-row-${key}`);

async function focusRow(key: string): Promise<void> {
  (await row(key)).focus();
}

/** The keys of the rows that say they are selected. */
function selected(): string[] {
  const rows = document.querySelectorAll<HTMLElement>('[role="row"][aria-selected="true"]');
  return [...rows].map((one) => (one.dataset.testid ?? "").replace("item-row-", ""));
}

/** Selects check-room-codes, import-students (with a check) and compare-counts. */
async function selectThree(): Promise<void> {
  await focusRow("check-room-codes");
  for (const key of ["import-students", "compare-counts"]) {
    press("ArrowDown", { shiftKey: true });
    await focused(`item-row-${key}`);
  }
}

describe("selecting items", () => {
  it("grows with Shift and the arrows, counts aloud, and Escape clears it", async () => {
    await open({}, HILL);
    await selectThree();
    expect(selected()).toEqual(["check-room-codes", "import-students", "compare-counts"]);
    expect(screen.getByTestId("selection-count").textContent).toBe("3 items selected");
    expect(screen.getByText("3 items selected", { selector: '[role="status"]' })).toBeTruthy();
    expect(screen.getByTestId("checklist").getAttribute("aria-multiselectable")).toBe("true");
    press("ArrowUp", { shiftKey: true });
    await focused("item-row-import-students");
    expect(selected()).toEqual(["check-room-codes", "import-students"]);
    press("Escape");
    await waitFor(() => expect(screen.queryByTestId("selection-bar")).toBeNull());
    expect(selected()).toEqual([]);
    await focused("item-row-import-students");
  });

  it("takes single rows with x or Ctrl and the pointer, and a range with Shift", async () => {
    const host = await open({}, HILL);
    await focusRow("import-classes");
    press("x");
    await fireEvent.click(await row("pass-gate"), { ctrlKey: true });
    await waitFor(() => expect(selected()).toEqual(["import-classes", "pass-gate"]));
    press("x");
    await waitFor(() => expect(selected()).toEqual(["import-classes"]));
    await fireEvent.click(await row("import-classes"), { ctrlKey: true });
    await waitFor(() => expect(selected()).toEqual([]));
    await fireEvent.click(await row("import-students"), { shiftKey: true });
    await waitFor(() =>
      expect(selected()).toEqual(["import-classes", "check-room-codes", "import-students"]),
    );
    expect(asked(host, "item")).toHaveLength(0);
  });

  it("takes a whole phase with x, and with Ctrl+A all that shows and nothing else", async () => {
    await open({}, HILL);
    const phase = await screen.findByTestId("phase-row-data");
    phase.focus();
    press("x");
    await waitFor(() => expect(selected()).toHaveLength(7));
    await fireEvent.click(await screen.findByTestId("selection-clear"));
    await fireEvent.click(await screen.findByTestId("filter-blocked"));
    await focusRow("configure-sso");
    press("a", { ctrlKey: true });
    await waitFor(() => expect(selected()).toEqual(["configure-sso", "configure-scim"]));
  });

  it("offers no selection to those who only read", async () => {
    await open({ readOnly: true }, HILL);
    await focusRow("check-room-codes");
    press("x");
    press("a", { ctrlKey: true });
    expect(screen.queryByTestId("selection-bar")).toBeNull();
    expect((await row("check-room-codes")).hasAttribute("aria-selected")).toBe(false);
    expect(screen.getByTestId("checklist").getAttribute("aria-multiselectable")).toBe("false");
  });
});

describe("changing many items", () => {
  it("is one write with one Undo, and names what stays as it was", async () => {
    const host = await open({}, HILL);
    await selectThree();
    press(" ");
    const left = await screen.findByTestId("left");
    expect(asked(host, "change_many")).toEqual([
      {
        tenant: "t-hill",
        entities: ["check-room-codes", "import-students", "compare-counts"].map(entity),
        edit: { field: "status", status: "complete" },
      },
    ]);
    expect(left.textContent).toContain("1 item stays as it was");
    expect(left.textContent).toContain("The platform confirms this item");
    expect(left.textContent).toContain("Import students");
    await waitFor(() => expect(selected()).toEqual(["import-students"]));
    await waitFor(async () =>
      expect((await row("compare-counts")).dataset.status).toBe("complete"),
    );
    expect(screen.getByTestId("toast").textContent).toContain("2 items: Complete");
    await fireEvent.click(screen.getByTestId("toast-undo"));
    await waitFor(async () =>
      expect((await row("compare-counts")).dataset.status).toBe("not_applicable"),
    );
    expect(asked(host, "revert")).toMatchObject([{ keep: true }]);
    expect((await row("check-room-codes")).dataset.status).toBe("not_started");
    await fireEvent.click(screen.getByTestId("left-dismiss"));
    await waitFor(() => expect(screen.queryByTestId("left")).toBeNull());
    expect(selected()).toEqual([]);
  });

  it("asks once for the reason and puts the focus back into the list", async () => {
    const host = await open({}, HILL);
    await selectThree();
    press("b");
    const reason = await screen.findByTestId("reason-input");
    expect(screen.getByRole("heading", { name: "Block 3 items" })).toBeTruthy();
    await fireEvent.click(screen.getByTestId("reason-submit"));
    expect((await screen.findAllByText(/reason for blocking these items/)).length).toBe(2);
    expect(asked(host, "change_many")).toHaveLength(0);
    await fireEvent.input(reason, { target: { value: "The school is closed" } });
    host.failNext.set(
      "change_many",
      asFailure({ code: "disk_full", message: "The disk is full." }),
    );
    await fireEvent.click(screen.getByTestId("reason-submit"));
    expect(await screen.findByText("The disk is full.")).toBeTruthy();
    await fireEvent.click(screen.getByTestId("reason-submit"));
    await waitFor(async () =>
      expect((await row("compare-counts")).textContent).toContain("The school is closed"),
    );
    await waitFor(() => expect(screen.queryByTestId("reason-input")).toBeNull());
    expect(screen.queryByTestId("selection-bar")).toBeNull();
    await focused("item-row-compare-counts");
  });

  it("offers each status that fits one of them, by s", async () => {
    const host = await open({}, HILL);
    await selectThree();
    press("s");
    await screen.findByTestId("status-option-complete");
    await fireEvent.click(await screen.findByTestId("status-option-waiting_to_verify"));
    await screen.findByTestId("left");
    expect(asked(host, "change_many")).toMatchObject([{ edit: { status: "waiting_to_verify" } }]);
    expect(selected()).toEqual(["check-room-codes", "compare-counts"]);
  });

  it("gives one owner to all, by o", async () => {
    const host = await open({}, HILL);
    await selectThree();
    press("o");
    const input = await screen.findByTestId("owner-input");
    await fireEvent.input(input, { target: { value: "dana" } });
    await fireEvent.keyDown(input, { key: "Enter" });
    await waitFor(() =>
      expect(asked(host, "change_many")).toMatchObject([
        { edit: { field: "owner", value: { account: "acc-dana" } } },
      ]),
    );
    await waitFor(() => expect(screen.queryByTestId("selection-bar")).toBeNull());
  });

  it("sets one due date, by d, or takes it away", async () => {
    const host = await open({}, HILL);
    await selectThree();
    press("d");
    await fireEvent.click(await screen.findByTestId("many-due-set"));
    expect(await screen.findByText("Enter a date")).toBeTruthy();
    await fireEvent.input(screen.getByTestId("many-due-input"), {
      target: { value: "2026-03-20" },
    });
    await fireEvent.click(screen.getByTestId("many-due-set"));
    await waitFor(() =>
      expect(asked(host, "change_many")).toMatchObject([
        { edit: { field: "due", value: "2026-03-20" } },
      ]),
    );
    await waitFor(() => expect(screen.queryByTestId("selection-bar")).toBeNull());
    await selectThree();
    press("d");
    await fireEvent.click(await screen.findByTestId("many-due-none"));
    await waitFor(() =>
      expect(asked(host, "change_many").at(-1)).toMatchObject({
        edit: { field: "due", value: null },
      }),
    );
  });

  it("takes 10,000 items in one go", { timeout: 30_000 }, async () => {
    const host = await open({ large: 10_000 }, "#/checklist/t-large");
    const first = await screen.findByTestId("phase-row-phase-1");
    first.focus();
    press("a", { ctrlKey: true });
    await waitFor(() =>
      expect(screen.getByTestId("selection-count").textContent).toBe("10,000 items selected"),
    );
    expect(document.querySelectorAll("[data-row]").length).toBeLessThan(300);
    press(" ");
    await screen.findByText(/10000 items: Complete/);
    const [sent] = asked(host, "change_many") as Array<{ entities: string[] }>;
    expect(sent?.entities).toHaveLength(10_000);
  });
});

describe("a refused change", () => {
  it("is edited in its own kind, and a fault leads to its field", async () => {
    const host = await open({}, "#/sync");
    await fireEvent.click(await screen.findByTestId("edit"));
    const field = await screen.findByTestId<HTMLInputElement>("edit-value");
    expect(field.type).toBe("date");
    expect(field.value).not.toBe("");
    host.failNext.set(
      "edit_refused",
      asFailure({ code: "bad_date", message: "That is no date.", details: { field: "value" } }),
    );
    await fireEvent.click(screen.getByTestId("edit-submit"));
    const alert = await screen.findByRole("alert", { name: "There is a problem" });
    await fireEvent.click(within(alert).getByRole("link"));
    expect(document.activeElement).toBe(field);
    await fireEvent.input(field, { target: { value: "2026-03-30" } });
    await fireEvent.click(screen.getByTestId("edit-submit"));
    await waitFor(() => expect(screen.queryByTestId("refused-row")).toBeNull());
    expect(asked(host, "edit_refused").at(-1)).toEqual({
      op: "t-river/d1/8",
      edit: { field: "due", value: "2026-03-30" },
    });
    await waitFor(() => expect(document.activeElement?.id).toBe("sync-title"));
  });

  it("takes a status with its reason, and gives the focus back when nothing is done", async () => {
    const host = await open({}, HILL);
    const [refused] = host.refused;
    if (refused) refused.edit = { field: "status", status: "complete" };
    await fireEvent.click(screen.getByTestId("nav-sync"));
    await fireEvent.click(await screen.findByTestId("edit"));
    const status = await screen.findByTestId("edit-status");
    expect(screen.queryByTestId("edit-reason")).toBeNull();
    await fireEvent.change(status, { target: { value: "blocked" } });
    await fireEvent.input(await screen.findByTestId("edit-reason"), {
      target: { value: "No export yet" },
    });
    press("Escape");
    await waitFor(() => expect(screen.queryByTestId("edit-submit")).toBeNull());
    await focused("edit");
    await fireEvent.click(screen.getByTestId("edit"));
    await fireEvent.change(await screen.findByTestId("edit-status"), {
      target: { value: "blocked" },
    });
    await fireEvent.input(await screen.findByTestId("edit-reason"), {
      target: { value: "No export yet" },
    });
    await fireEvent.click(screen.getByTestId("edit-submit"));
    await waitFor(() =>
      expect(asked(host, "edit_refused")).toMatchObject([
        { edit: { field: "status", status: "blocked", reason: "No export yet" } },
      ]),
    );
  });

  it("says so where its kind cannot be edited", async () => {
    const host = await open({}, HILL);
    for (const row of host.refused) row.edit = null;
    await fireEvent.click(screen.getByTestId("nav-sync"));
    expect((await screen.findByTestId("refused-row")).textContent).toContain("cannot be edited");
    expect(screen.queryByTestId("edit")).toBeNull();
  });
});

describe("many conflicts", () => {
  it("are settled in one go after saying how many and what is lost", async () => {
    const host = await open({ disputed: true }, "#/sync");
    await fireEvent.click(await screen.findByTestId("settle-mine"));
    const losses = await screen.findByTestId("settle-loses");
    expect(losses.querySelectorAll("li")).toHaveLength(3);
    expect(losses.textContent).toContain("Not applicable, by priya.nair");
    expect(screen.getByText(/1 more conflict stays/)).toBeTruthy();
    expect(asked(host, "resolve_many")).toHaveLength(0);
    await fireEvent.click(screen.getByTestId("settle-confirm"));
    await waitFor(() => expect(screen.queryByTestId("conflict-2")).toBeNull());
    const [sent] = asked(host, "resolve_many") as Array<{ choices: Array<{ take: string }> }>;
    expect(sent?.choices.map((one) => one.take)).toEqual([
      "t-hill/d1/41",
      "t-hill/configure-sso/1",
      "t-river/task-4/1",
    ]);
    expect(screen.getByTestId("toast").textContent).toContain("every value stays in History");
    expect(screen.queryByTestId("toast-undo")).toBeNull();
    await focused("conflict-1");
    expect(screen.queryByTestId("settle-bar")).toBeNull();
  });

  it("can be narrowed to a tenant", async () => {
    const host = await open({ disputed: true }, "#/sync");
    await fireEvent.change(await screen.findByTestId("settle-scope"), {
      target: { value: "t-hill" },
    });
    await waitFor(() => expect(screen.queryByTestId("conflict-3")).toBeNull());
    await fireEvent.click(screen.getByTestId("settle-theirs"));
    await fireEvent.click(await screen.findByTestId("settle-confirm"));
    await waitFor(() => expect(asked(host, "resolve_many")).toHaveLength(1));
    expect(asked(host, "resolve_many")).toMatchObject([
      { choices: [{ take: "t-hill/d2/17" }, { take: "t-hill/configure-sso/2" }] },
    ]);
    await waitFor(() =>
      expect(screen.getAllByTestId(/^conflict-\d+$/).map((one) => one.id)).toHaveLength(2),
    );
  });

  it("offer nothing in bulk where there is only one, and no Undo that would be refused", async () => {
    await open({}, "#/sync");
    await screen.findByTestId("conflict-1");
    expect(screen.queryByTestId("settle-bar")).toBeNull();
    await fireEvent.click(screen.getByTestId("conflict-take-1-1"));
    expect((await screen.findByTestId("toast")).textContent).toContain("stays in History");
    expect(screen.queryByTestId("toast-undo")).toBeNull();
  });
});
