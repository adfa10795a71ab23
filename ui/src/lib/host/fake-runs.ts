/** Imports that were asked for, for the host in memory: what the service would answer. */
import type { ImportRequest } from "./commands";
import type {
  ImportDid,
  ImportPlan,
  ImportRollback,
  ImportRow,
  ImportRun,
  ImportVerified,
  ReportChecked,
  RunChoices,
} from "./types";

const DAY = 86_400_000;

/** What the service says of an import. */
export type Answer = Partial<ImportRow>;

/** It may know of more imports of the tenant than this computer. */
const REFUSED: Answer = {
  state: "refused",
  can_roll_back: false,
  reason: "This tenant is in pilot mode: an import may have at most 500 rows.",
};

type Counts = { [key in string]?: ImportDid };

/** What a plan would have done, where nothing that is only absent is removed. */
function didOf(plan: ImportPlan, removes: boolean): Counts {
  return Object.fromEntries(
    Object.entries(plan.types).flatMap(([kind, one]) => {
      if (!one) return [];
      const { create, update, unchanged, remove, kept } = one;
      const absent = removes ? 0 : one.absent;
      const stays = unchanged + kept + absent;
      return [[kind, { create, update, unchanged: stays, remove: remove - absent }]];
    }),
  );
}

/** What taking it back does: what came goes, and the other way round. */
function reversed(types: Counts): Counts {
  return Object.fromEntries(
    Object.entries(types).map(([kind, did]) => [
      kind,
      did && { ...did, create: did.remove, remove: did.create },
    ]),
  );
}

/** The imports of all tenants. */
export class FakeRuns {
  readonly #rows = new Map<string, ImportRow[]>();
  #next = 1;
  readonly #now: Date;

  constructor(now: Date) {
    this.#now = now;
    this.#rows.set("t-river", [
      this.#row("t-river", {
        source: "riverside-2026-02.zip",
        by: "Ben Adeyemi",
        at: new Date(now.getTime() - 2 * DAY).toISOString(),
        records: 11_562,
        committed: { users: { create: 2_301, update: 0, unchanged: 0, remove: 0 } },
        revision: 12,
        state: "committed",
        rollback_until: new Date(now.getTime() + 5 * DAY).toISOString(),
        can_roll_back: true,
        here: true,
      }),
    ]);
  }

  of(tenant: string): ImportRow[] {
    return this.#rows.get(tenant) ?? [];
  }

  /** Queues an import, as the real one does at once; what the service will say of it comes with it. */
  run(request: ImportRequest & { choices: RunChoices }, plan: ImportPlan): [ImportRun, Answer] {
    const { tenant, choices } = request;
    const row = this.#row(tenant, {
      source: request.path.split(/[\\/]/).at(-1) ?? request.path,
      format: plan.format,
      rules: plan.profile,
      records: plan.totals.accepted + plan.totals.fixed,
      can_roll_back: true,
    });
    this.#rows.set(tenant, [row, ...this.of(tenant)]);
    const absent = Object.values(plan.types).reduce((sum, one) => sum + (one?.absent ?? 0), 0);
    const run: ImportRun = {
      import: row.id,
      committed: null,
      queued: true,
      rollback_until: null,
      took_ms: 0,
      left_absent: choices.remove_absent ? 0 : absent,
      left_rejected: plan.totals.rejected,
      bytes: 48_211,
    };
    const isRefused = request.path.includes("refused");
    return [run, isRefused ? REFUSED : this.#committed(didOf(plan, choices.remove_absent))];
  }

  #committed(committed: Counts): Answer {
    const until = new Date(this.#now.getTime() + 7 * DAY).toISOString();
    return { state: "committed", committed, revision: 13, rollback_until: until, here: true };
  }

  /** What the service answers to an import that waits for it. */
  answer(id: string, change: Partial<ImportRow>): void {
    this.#change(id, change);
  }

  verify(id: string): ImportVerified {
    const row = this.find(id);
    return {
      import: id,
      ok: true,
      checks: [
        { check: "here", ok: true, found: `Revision ${row?.revision ?? 0} of 13.` },
        {
          check: "digest",
          ok: true,
          found: "The records after it have the digest that the service committed.",
        },
        { check: "counts", ok: true, found: "What it did here is what the service committed." },
        {
          check: "plan",
          ok: true,
          found: "All 2,301 records of the files are in it, and nothing else was changed.",
        },
        { check: "file", ok: true, found: "Every record was read." },
        {
          check: "references",
          ok: true,
          found: "18,094 references lead to records that are there.",
        },
      ],
      digest: "9f2c4d1ab07e55c8",
      records: { users: 2_301, enrollments: 9_047 },
    };
  }

  rollBack(id: string, isOnline: boolean): ImportRollback {
    const committed = this.find(id)?.committed ?? null;
    const types = committed ?? {};
    const done = Object.values(types).reduce(
      (sum, one) => sum + (one ? one.create + one.update + one.remove : 0),
      0,
    );
    const back: ImportRollback = {
      import: id,
      reversed: isOnline ? Math.max(0, done - 1) : null,
      kept:
        isOnline && committed
          ? [{ type: "users", id: "u-204", why: "Somebody changed it since." }]
          : [],
      failed: [],
      queued: !isOnline,
      withdrawn: isOnline && committed === null,
      kept_count: isOnline && committed ? 1 : 0,
      failed_count: 0,
      types: reversed(types),
      took_ms: 0,
    };
    this.#change(id, {
      state: isOnline ? (committed ? "rolled_back" : "withdrawn") : "rollback_queued",
      can_roll_back: false,
      rolled_back: isOnline && committed ? back : null,
    });
    return back;
  }

  /** A report of the first import, as it was signed. */
  checked(): ReportChecked {
    const [row] = this.of("t-river");
    return {
      import: row?.id ?? "",
      tenant: "t-river",
      by: "Ben Adeyemi",
      at: new Date(this.#now.getTime() - DAY).toISOString(),
      ok: true,
      found: "The signature is that of Ben Adeyemi's computer, and nothing was changed since.",
    };
  }

  find(id: string): ImportRow | undefined {
    return [...this.#rows.values()].flat().find((row) => row.id === id);
  }

  #change(id: string, change: Partial<ImportRow>): void {
    for (const [tenant, rows] of this.#rows)
      this.#rows.set(
        tenant,
        rows.map((row) => (row.id === id ? { ...row, ...change } : row)),
      );
  }

  #row(tenant: string, given: Partial<ImportRow>): ImportRow {
    return {
      id: `${tenant}/d1/${900 + this.#next++}`,
      source: "",
      format: "oneroster-1.1",
      rules: "tolerant",
      by: "Mara Okafor",
      at: this.#now.toISOString(),
      state: "queued",
      records: 0,
      committed: null,
      revision: null,
      rollback_until: null,
      can_roll_back: false,
      reason: null,
      rolled_back: null,
      here: false,
      underway: null,
      ...given,
    };
  }
}
