/** Today and History of the host in memory: what screens lean on, not the rules of the domain. */
import { at, date, type FakePhase } from "./fake-data";
import type {
  ChangeRow,
  ConflictRow,
  HistoryFilter,
  HistoryPage,
  ItemRow,
  Person,
  QueueRow,
  RevertView,
  TaskRow,
  TenantRow,
  TodayView,
  TrailPhase,
} from "./types";

const LETTERS: Record<string, string> = {
  complete: "c",
  in_progress: "p",
  waiting_to_verify: "v",
  not_started: "o",
  blocked: "b",
};
const ME = "acc-mara";

/** The letters of a phase's stones. */
function stones(phase: FakePhase): string {
  return phase.items.map((item) => LETTERS[item.status] ?? "").join("");
}

/** A tenant's trail as lists show it. */
export function trailOf(phases: FakePhase[]): string {
  return phases.map(stones).join(" ");
}

/** What Today is made of. */
export type TodayScene = {
  now: Date;
  tenants: TenantRow[];
  phases: ReadonlyMap<string, FakePhase[]>;
  conflicts: ConflictRow[];
  refused: QueueRow[];
};

function task(row: TenantRow, item: ItemRow): TaskRow {
  const blocker = item.blocker;
  const block = {
    reason: item.reason ?? "",
    owner: blocker?.owner ?? item.owner,
    waiting_on: blocker?.waiting_on ?? null,
    severity: blocker?.severity ?? "P2",
    opened_at: blocker?.opened_at ?? null,
  };
  return {
    tenant: row.id,
    tenant_name: row.name,
    entity: item.entity,
    title: item.title,
    status: item.status,
    due: item.due,
    owner: item.owner,
    mine: item.owner_account === ME,
    updated_by: item.updated_by,
    updated_at: item.updated_at,
    block: item.status === "blocked" ? block : null,
  };
}

function phaseOf(phase: FakePhase): TrailPhase {
  const letters = stones(phase);
  const count = (letter: string) => letters.split(letter).length - 1;
  const progress = { done: count("c"), total: letters.length, blocked: count("b") };
  return { key: phase.key, title: phase.title, stones: letters, progress };
}

const isWorkable = (row: TaskRow) => row.status === "not_started" || row.status === "in_progress";
const byDue = (a: TaskRow, b: TaskRow) => (a.due ?? "9").localeCompare(b.due ?? "9");

/** The day as the core puts it together, roughly. */
export function fakeToday(scene: TodayScene, day: string, limit: number): TodayView {
  const tasks = scene.tenants.flatMap((row) =>
    (scene.phases.get(row.id) ?? []).flatMap((phase) => phase.items).map((item) => task(row, item)),
  );
  const [first] = scene.tenants.filter((row) => tasks.some((one) => one.tenant === row.id));
  const here = tasks.filter((one) => one.tenant === first?.id);
  const open = here.filter(isWorkable);
  const next = open.find((one) => one.title === "Check room codes") ?? open.sort(byDue)[0] ?? null;
  const dated = tasks.filter((one) => isWorkable(one) && one.due !== null).sort(byDue);
  const week = date(scene.now, 7);
  const due = dated.filter((one) => one !== next && (one.due ?? "") <= week);
  const blocked = tasks.filter((one) => one.block && one.tenant !== first?.id);
  const unverified = tasks.filter((one) => one.status === "waiting_to_verify");
  const isOpen = tasks.some((one) => isWorkable(one) || one.block);
  return {
    front:
      first && isOpen
        ? {
            tenant: first.id,
            tenant_name: first.name,
            progress: first.progress,
            go_live: first.go_live,
            phases: (scene.phases.get(first.id) ?? []).map(phaseOf),
            left_at: at(scene.now, -1, 18, 20),
            next,
            blocked: here.filter((one) => one.block),
          }
        : null,
    late: dated.filter((one) => (one.due ?? "") < day).length,
    due_today: dated.filter((one) => one.due === day).length,
    upcoming: dated.find((one) => (one.due ?? "") > day) ?? null,
    due: due.slice(0, limit),
    due_total: due.length,
    blocked: blocked.slice(0, limit),
    blocked_total: blocked.length,
    decisions: [
      ...scene.conflicts.map((row) => ({
        kind: "conflict",
        tenant: row.tenant,
        tenant_name: row.tenant_name,
        title: row.title,
        problem: null,
        count: 1,
      })),
      ...scene.refused.map((row) => ({
        kind: "refused",
        tenant: row.tenant,
        tenant_name: row.tenant_name,
        title: row.summary,
        problem: row.problem,
        count: 1,
      })),
    ],
    decisions_total: scene.conflicts.length + scene.refused.length,
    unverified: unverified.slice(0, limit),
    unverified_total: unverified.length,
  };
}

/** A change as History shows it. */
export function change(now: Date, more: Partial<ChangeRow> & { id: string }): ChangeRow {
  return {
    tenant: "t-hill",
    tenant_name: "Hill School",
    at: at(now, -1, 18, 4),
    actor: "mara.okafor",
    mine: true,
    kind: "status",
    title: "Import teachers",
    field: "status",
    before: "In progress",
    after: "Complete",
    reason: null,
    entity: "item/first-school-go-live/0/import-teachers",
    outcome: "accepted",
    cannot: null,
    ...more,
  };
}

/** The changes of a working week. */
export function fakeChanges(now: Date): ChangeRow[] {
  const item = (key: string) => `item/first-school-go-live/0/${key}`;
  const priya = { actor: "priya.nair", mine: false };
  const river = { tenant: "t-river", tenant_name: "Riverside Unified" };
  return [
    change(now, {
      id: "t-hill:d1:42",
      title: "Import classes",
      entity: item("import-classes"),
      before: "Not started",
      after: "In progress",
      outcome: "pending",
      at: at(now, -1, 18, 11),
    }),
    change(now, { id: "t-hill:d1:43", outcome: "pending" }),
    change(now, {
      id: "t-river:d1:9",
      ...river,
      at: at(now, -1, 17, 51),
      kind: "field",
      title: "Configure policies",
      field: "owner",
      before: "Nobody",
      after: "mara.okafor",
      entity: "item/school-district/0/task-3",
    }),
    change(now, {
      id: "t-hill:d2:17",
      ...priya,
      at: at(now, -1, 17, 20),
      title: "Test sign-in with 3 staff accounts",
      entity: item("test-staff-sign-in"),
      after: "Not applicable",
      reason: "Staff use one-time links until SSO is live. Test again in phase 2.",
    }),
    change(now, {
      id: "t-hill:d1:38",
      at: at(now, -1, 9, 40),
      kind: "comment",
      title: "Check room codes",
      field: "comment",
      before: null,
      after: "The caretaker has the plan of the second floor.",
      entity: item("check-room-codes"),
      cannot: "nothing_to_undo",
    }),
    change(now, {
      id: "t-hill:d2:11",
      ...priya,
      at: at(now, -3, 9, 12),
      title: "Configure SSO",
      entity: item("configure-sso"),
      before: "In progress",
      after: "Blocked",
      reason: "The certificate expires on the 14th, new SAML metadata is needed.",
    }),
    change(now, {
      id: "t-hill:d1:30",
      at: at(now, -3, 9, 2),
      title: "Configure SSO",
      entity: item("configure-sso"),
      before: "Not started",
      after: "In progress",
      cannot: "built_on",
    }),
    change(now, {
      id: "t-hill:d2:10",
      ...priya,
      at: at(now, -4, 16, 30),
      kind: "field",
      title: "Import students",
      entity: item("import-students"),
      field: "due",
      before: date(now, 2),
      after: date(now, 4),
    }),
    change(now, {
      id: "t-hill:d9:1",
      actor: "service",
      mine: false,
      at: at(now, -12, 8, 0),
      kind: "project",
      title: "Project started: first-school-go-live version 1",
      field: null,
      before: null,
      after: null,
      entity: null,
      cannot: "nothing_to_undo",
    }),
  ];
}

/** A long history: the same few changes again and again. */
export function longHistory(now: Date, count: number): ChangeRow[] {
  return Array.from({ length: count }, (_, n) =>
    change(now, {
      id: `t-hill:d1:${count - n}`,
      title: `Task ${n + 1}`,
      at: new Date(now.getTime() - n * 600_000).toISOString(),
      ...(n % 7 === 0 ? { reason: "The school asked for it by phone this morning." } : {}),
    }),
  );
}

function fits(row: ChangeRow, filter: HistoryFilter, names: Person[]): boolean {
  const person = names.find((one) => one.account === filter.person);
  const words = (filter.text ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const parts = [row.title, row.field, row.before, row.after, row.reason, row.actor];
  const shown = [...parts, row.tenant_name].join("\n").toLowerCase();
  return (
    (filter.tenant === undefined || row.tenant === filter.tenant) &&
    (filter.entity === undefined || row.entity === filter.entity) &&
    (filter.person === undefined || row.actor === person?.name) &&
    (filter.kind === undefined || row.kind === filter.kind) &&
    (filter.from === undefined || row.at >= filter.from) &&
    (filter.until === undefined || row.at < filter.until) &&
    words.every((word) => shown.includes(word))
  );
}

/** A page as the core gives it. */
export function fakePage(rows: ChangeRow[], filter: HistoryFilter, names: Person[]): HistoryPage {
  const all = rows.filter((row) => fits(row, filter, names));
  const from = Number(filter.after ?? 0);
  const until = from + (filter.limit ?? 200);
  const isFirst = filter.after === undefined;
  return {
    ops: all.slice(from, until),
    next: until < all.length ? String(until) : null,
    total: isFirst && filter.text === undefined ? all.length : null,
    searched_to: null,
    complete_from: 1,
    people: isFirst ? names : [],
    entity_title:
      filter.entity === undefined
        ? null
        : (rows.find((row) => row.entity === filter.entity)?.title ?? filter.entity),
  };
}

/** What taking changes back does, or would do. */
export function fakeRevert(rows: ChangeRow[], ops: string[], write: () => string): RevertView {
  const named = ops.map((op) => rows.find((row) => row.id === op) ?? null);
  const stays = named.flatMap((row) => (row?.cannot ? [row] : []));
  const goes = named.filter((row) => !row?.cannot);
  return {
    reverted: goes.length,
    writes: goes.map(() => write()),
    refused: stays.map((row) => ({
      id: row.id,
      tenant_name: row.tenant_name,
      summary: `${row.title}: ${row.after ?? ""}`.replace(/: $/, ""),
      code: row.cannot ?? "",
      message: "",
    })),
  };
}
