/** What the fake host starts with: four tenants in different states, seen on one morning. */
import type {
  About,
  BackupRow,
  ComputerView,
  ConflictRow,
  HistoryRow,
  ItemRow,
  Person,
  PlaybookChoice,
  QueueRow,
  SettingsView,
  TenantRow,
} from "./types";

const DAY = 86_400_000;

/** RFC 3339 text `days` and `hours` away from `now`. */
export function at(now: Date, days: number, hours: number, minutes = 0): string {
  const day = new Date(now.getTime() + days * DAY);
  day.setHours(hours, minutes, 0, 0);
  return day.toISOString();
}

/** `YYYY-MM-DD`, `days` away from `now`. */
export function date(now: Date, days: number): string {
  const day = new Date(now.getTime() + days * DAY);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

export const PEOPLE: Person[] = [
  { account: "acc-mara", name: "mara.okafor", role: "IMPL_SPEC" },
  { account: "acc-priya", name: "priya.nair", role: "IMPL_MGR" },
  { account: "acc-joel", name: "joel.santos", role: "IMPL_SPEC" },
  { account: "acc-dana", name: "dana.whitfield", role: "district_admin" },
];

export const PLAYBOOKS: PlaybookChoice[] = [
  {
    key: "school-district",
    title: "School district",
    version: 1,
    modes: [
      ["pilot", "Pilot, 1 to 3 schools"],
      ["phased", "Phased, school by school"],
      ["full", "Full launch"],
    ],
    items: 10,
  },
  {
    key: "first-school-go-live",
    title: "First school go-live",
    version: 1,
    modes: [],
    items: 26,
  },
];

type Seed = [key: string, title: string, status: string, more?: Partial<ItemRow>];

const MARA = { owner: "mara.okafor", owner_account: "acc-mara" };
const DANA = { owner: "dana.whitfield", owner_account: "acc-dana" };

/** Phases and items of the tenant that the pictures show. */
function hillSeeds(now: Date): Array<[string, string, Seed[]]> {
  const sso = {
    id: "blocker/1",
    tenant: "t-hill",
    item: "configure-sso",
    severity: "P1",
    reason:
      "The certificate expires on the 14th, new SAML metadata is needed from the school's IT.",
    owner: "dana.whitfield",
    waiting_on: "client",
    opened_at: at(now, -3, 9, 12),
    level: 0,
    due_at: null,
  };
  const scim = {
    ...sso,
    id: "blocker/2",
    item: "configure-scim",
    severity: "P2",
    reason: "Needs the single sign-on first.",
  };
  return [
    [
      "prepare",
      "Prepare",
      [
        ["confirm-scope", "Confirm schools, people and go-live date", "complete", MARA],
        ["name-contacts", "Name the people at the school", "complete", DANA],
        ["create-tenant", "Create the school's tenant", "complete", MARA],
        ["check-roles", "Check that admin, teacher and student roles exist", "complete", MARA],
      ],
    ],
    [
      "identity",
      "Identity",
      [
        ["create-first-admin", "Create the first admin", "complete", MARA],
        ["set-up-totp", "Set up a second factor for admins", "complete", DANA],
        [
          "configure-sso",
          "Configure SSO",
          "blocked",
          {
            ...DANA,
            due: date(now, -2),
            reason: sso.reason,
            blocker: sso,
            check: "sso_configured",
            comments: 2,
          },
        ],
        [
          "exchange-saml-metadata",
          "Exchange SAML metadata",
          "complete",
          { ...DANA, parent: "configure-sso" },
        ],
        [
          "test-staff-sign-in",
          "Test sign-in with 3 staff accounts",
          "waiting_to_verify",
          {
            ...MARA,
            parent: "configure-sso",
            conflict: true,
            check: "staff_signed_in",
            depends_on: ["exchange-saml-metadata"],
            comments: 1,
          },
        ],
        [
          "configure-scim",
          "Configure SCIM",
          "blocked",
          {
            ...DANA,
            due: date(now, 1),
            reason: scim.reason,
            blocker: scim,
            depends_on: ["configure-sso"],
            waiting_for: ["configure-sso"],
          },
        ],
      ],
    ],
    [
      "data",
      "Data",
      [
        ["receive-rosters", "Receive roster files", "complete", DANA],
        ["import-subjects", "Import subjects", "complete", MARA],
        ["import-teachers", "Import teachers", "complete", { ...MARA, pending: true }],
        [
          "import-classes",
          "Import classes",
          "in_progress",
          { ...MARA, due: date(now, 0), pending: true },
        ],
        [
          "check-room-codes",
          "Check room codes",
          "not_started",
          {
            ...MARA,
            parent: "import-classes",
            due: date(now, 0),
            how_to: "guide:first-school-go-live#check-room-codes",
            evidence_wanted: "A list of rooms that the school signed.",
            evidence: null,
            comments: 1,
            pending: true,
          },
        ],
        [
          "import-students",
          "Import students",
          "not_started",
          {
            owner: null,
            owner_account: null,
            due: date(now, 4),
            check: "students_imported",
            depends_on: ["import-classes"],
            waiting_for: ["import-classes"],
          },
        ],
        [
          "compare-counts",
          "Compare the counts with the school",
          "not_applicable",
          { ...MARA, reason: "The school counts in the summer, we compare then." },
        ],
      ],
    ],
    [
      "policies",
      "Policies",
      [
        ["turn-on-guardrails", "Turn on the pilot guardrails", "complete", MARA],
        ["agree-service-levels", "Agree response and resolution times", "complete", MARA],
        ["staff-on-call", "Staff the on-call rota", "complete", MARA],
        ["watch-dashboard", "Bring monitoring to the people on call", "complete", MARA],
      ],
    ],
    [
      "go-live",
      "Go-live",
      [
        [
          "pass-preflight",
          "Pass the 8 preflight checks",
          "not_started",
          { ...MARA, due: date(now, 9), check: "preflight_passed" },
        ],
        [
          "pass-gate",
          "Pass the go-live gate and open the school",
          "not_started",
          {
            ...MARA,
            due: date(now, 11),
            check: "golive_gate_open",
            depends_on: ["pass-preflight"],
            waiting_for: ["pass-preflight"],
          },
        ],
      ],
    ],
  ];
}

/** One phase of the fake's store. */
export type FakePhase = { key: string; title: string; items: ItemRow[] };

function itemOf(now: Date, playbook: string, phase: string, seed: Seed, order: number): ItemRow {
  const [key, title, status, more] = seed;
  return {
    entity: `item/${playbook}/0/${key}`,
    key,
    phase,
    parent: null,
    title,
    status,
    owner: "mara.okafor",
    owner_account: "acc-mara",
    due: date(now, -12 + order),
    depends_on: [],
    waiting_for: [],
    reason: null,
    note: null,
    how_to: `guide:${playbook}#${key}`,
    evidence_wanted: null,
    evidence: null,
    check: null,
    updated_by: status === "not_started" ? null : "mara.okafor",
    updated_at: status === "not_started" ? null : at(now, -9 + Math.floor(order / 3), 9, order),
    pending: false,
    conflict: false,
    comments: 0,
    in_playbook: true,
    blocker: null,
    ...more,
  };
}

/** The checklist in the pictures: 22 items that count, 14 done, 2 blocked. */
export function hillPhases(now: Date): FakePhase[] {
  let order = 0;
  return hillSeeds(now).map(([key, title, seeds]) => ({
    key,
    title,
    items: seeds.map((seed) => itemOf(now, "first-school-go-live", key, seed, order++)),
  }));
}

/** A plain checklist of `total` items of which `done` are complete, in at most eight phases. */
export function plainPhases(now: Date, done: number, total: number): FakePhase[] {
  const phases: FakePhase[] = [];
  const full = Math.max(10, Math.ceil(total / 8));
  for (let first = 0; first < total; first += full) {
    const key = `phase-${first / full + 1}`;
    const size = Math.min(full, total - first);
    const items = Array.from({ length: size }, (_, i) => {
      const number = first + i;
      const seed: Seed = [
        `task-${number + 1}`,
        `Task ${number + 1}: set up and check site ${number + 1}`,
        number < done ? "complete" : number === done ? "in_progress" : "not_started",
      ];
      return itemOf(now, "school-district", key, seed, number);
    });
    phases.push({ key, title: `Phase ${first / full + 1}`, items });
  }
  return phases;
}

/** A tenant with everything but its progress. */
export function tenantRow(now: Date, id: string, slug: string, name: string): TenantRow {
  return {
    id,
    slug,
    name,
    playbook: "school-district",
    mode: "phased",
    status: "configuration",
    go_live: date(now, 40),
    progress: { done: 0, total: 0, blocked: 0 },
    seq: 120,
    head: "9f".repeat(32),
    digest: "3c".repeat(32),
    as_of: at(now, -1, 17, 42),
    pending: 0,
    conflicts: 0,
  };
}

/** The conflict in the pictures. */
export function conflicts(now: Date): ConflictRow[] {
  return [
    {
      id: "t-hill|item/first-school-go-live/0/test-staff-sign-in#status",
      tenant: "t-hill",
      tenant_name: "Hill School",
      item: "test-staff-sign-in",
      title: "Test sign-in with 3 staff accounts",
      entity: "item/first-school-go-live/0/test-staff-sign-in",
      field: "status",
      base: { status: "in_progress" },
      base_shown: "In progress",
      base_by: "mara.okafor",
      base_at: at(now, -3, 9, 12),
      winner: "t-hill/d1/41",
      values: [
        {
          op: "t-hill/d1/41",
          value: { status: "waiting_to_verify" },
          shown: "Waiting to verify",
          text: "Tested with the head teacher and two class teachers, all three reached the dashboard.",
          by: "mara.okafor",
          role: "IMPL_SPEC",
          at: at(now, -1, 16, 55),
          mine: true,
          loses: ["Not applicable, by priya.nair, and the reason for it"],
        },
        {
          op: "t-hill/d2/17",
          value: { status: "not_applicable" },
          shown: "Not applicable",
          text: "Staff use one-time links until SSO is live. Test again in phase 2.",
          by: "priya.nair",
          role: "IMPL_MGR",
          at: at(now, -1, 17, 20),
          mine: false,
          loses: ["Waiting to verify, your claim", "The sign-in check before go-live"],
        },
      ],
    },
  ];
}

function queueRow(now: Date, op: string, tenant: string, name: string, summary: string): QueueRow {
  return {
    op,
    tenant,
    tenant_name: name,
    summary,
    written_at: at(now, -1, 17, 51),
    state: "pending",
    problem: null,
    code: null,
    entity: null,
    decided: null,
  };
}

/** What waits to be sent. */
export function waiting(now: Date): QueueRow[] {
  const hill = (op: string, summary: string, hour: number, minute: number): QueueRow => ({
    ...queueRow(now, op, "t-hill", "Hill School", summary),
    written_at: at(now, -1, hour, minute),
  });
  return [
    hill("t-hill/d1/42", "Import classes: In progress", 17, 51),
    hill("t-hill/d1/43", "Import teachers: Complete", 18, 4),
    hill("t-hill/d1/44", "Comment on Check room codes", 18, 11),
    {
      ...queueRow(
        now,
        "t-river/d1/9",
        "t-river",
        "Riverside Unified",
        "Configure policies: owner mara.okafor",
      ),
      written_at: at(now, -1, 18, 20),
    },
  ];
}

/** What the service refused, and what it holds. */
export function refused(now: Date): QueueRow[] {
  return [
    {
      ...queueRow(
        now,
        "t-river/d1/8",
        "t-river",
        "Riverside Unified",
        "Go-live date: Fri 20 March",
      ),
      written_at: at(now, -1, 16, 40),
      state: "quarantined",
      problem: "The pilot runs until the 27th, go-live cannot be earlier.",
      code: "before_pilot_end",
      entity: "item/school-district/0/task-3",
    },
  ];
}

/** Work of a colleague who was unassigned meanwhile. */
export function held(now: Date): QueueRow[] {
  return [
    {
      ...queueRow(
        now,
        "t-north/d3/5",
        "t-north",
        "Northfield Academy",
        "Map sections to classes: Complete",
      ),
      written_at: at(now, -2, 11, 15),
      state: "held",
      problem: "joel.santos is no longer assigned to Northfield Academy.",
      code: "unassigned",
    },
  ];
}

/** A short history of one item. */
export function historyOf(now: Date, item: ItemRow): HistoryRow[] {
  if (item.updated_at === null) return [];
  const first: HistoryRow = {
    id: `op-${item.key}-1`,
    seq: 12,
    at: at(now, -6, 10, 5),
    actor: "priya.nair",
    acting_under: null,
    device: "d2",
    change: { verb: "ItemStatusSet", item: item.key },
    summary: `${item.title}: Not started to In progress`,
    before: ["not_started"],
    after: "in_progress",
    reason: null,
    outcome: "accepted",
    can_undo: false,
  };
  const last: HistoryRow = {
    ...first,
    id: `op-${item.key}-2`,
    seq: item.pending ? null : 40,
    at: item.updated_at,
    actor: "mara.okafor",
    device: "d1",
    summary: `${item.title}: In progress to ${item.status.replaceAll("_", " ")}`,
    before: ["in_progress"],
    after: item.status,
    reason: item.reason,
    outcome: item.pending ? "pending" : "accepted",
    can_undo: true,
  };
  return [last, first];
}

const FOLDER = "/home/mara/Documents/Cairn/backups";

/** The preferences of a fresh computer. */
export function mySettings(): SettingsView {
  return {
    theme: "system",
    quiet_on: false,
    quiet_from: "20:00",
    quiet_to: "07:00",
    notifications: true,
    lock_after_minutes: 15,
    lock_fixed_seconds: null,
    keep_running: false,
    backup_folder: FOLDER,
    backup_folder_chosen: false,
    set_aside: null,
  };
}

/** A computer with a predecessor that was retired and one that may be lost. */
export function myComputer(now: Date): ComputerView {
  const device = (id: string, days: number) => ({
    id,
    this: false,
    active: true,
    since: at(now, days, 9, 5),
    retired: null,
  });
  return {
    devices: [
      { ...device("d-6c1f0e9a4b7d2835a1c0", -40), this: true },
      device("d-b02e71c49d8f35a6e417", -190),
      { ...device("d-19fa53d0c87b26e4f08d", -420), active: false, retired: at(now, -40, 9, 12) },
    ],
    last_contact: at(now, -1, 17, 42),
    lease_until: at(now, 13, 17, 42),
    passphrase: false,
    folder: "/home/mara/.local/share/org.cairn.desk",
    database_bytes: 12_841_984,
    web_bytes: 3_214_336,
    tenants: 5,
  };
}

/** What the program says of itself. */
export const ABOUT: About = {
  version: "0.1.0",
  protocol: 1,
  schema: 1,
  sqlite: "3.50.4",
  sqlcipher: "4.10.0 community",
  web_view: "2.50.1",
  system: "Debian GNU/Linux 13 (trixie), x86_64",
};

/** One of each kind that a folder may hold. */
export function backups(now: Date): BackupRow[] {
  const row = (name: string, days: number, state: BackupRow["state"]): BackupRow => ({
    file: `${FOLDER}/${name}.cairn-backup`,
    name: `${name}.cairn-backup`,
    made: at(now, days, 17, 30),
    bytes: 12_640_000,
    state,
    passphrase: state === "passphrase",
  });
  return [
    row("cairn-20260309T173000Z", -3, "here"),
    row("cairn-20260201T090000Z", -39, "passphrase"),
    { ...row("cairn-20260115T101500Z", -56, "incomplete"), made: null, bytes: 4_000_000 },
  ];
}
