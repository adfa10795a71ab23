import { call, type ImportRequest } from "../host/commands";
import type {
  ImportBrokenReferences,
  ImportDid,
  ImportHold,
  ImportPlan,
  ImportRow,
  ImportRun,
  ImportVerified,
  RunChoices,
} from "../host/types";
import { texts } from "../texts";
import type { Step } from "./migration.svelte";
import { Resource } from "./resource.svelte";

/** What an import asks the person about before it is run. */
export type Asked = {
  /** Rows that are rejected. */
  rejected: number;
  /** Records that are there and that no row speaks of. */
  absent: number;
  /** What has to be confirmed, as far as it would be done. */
  holds: ImportHold[];
  /** What nobody can confirm: the import is too large for a pilot. */
  pilot: ImportHold | null;
};

const NOTHING: RunChoices = { confirm_holds: false, remove_absent: false, leave_rejected: false };

/** The imports of one tenant: what the person agrees to, what was asked for, and what became of it. */
export class Imports {
  readonly tenant: string;
  readonly list: Resource<ImportRow[]>;
  choices = $state.raw<RunChoices>(NOTHING);
  /** What was typed to confirm a hold. */
  typed = $state("");
  /** The import that is looked at. */
  shown = $state<string | null>(null);
  /** What verifying found, by import. */
  verified = $state.raw<ReadonlyMap<string, ImportVerified>>(new Map());

  constructor(tenant: string) {
    this.tenant = tenant;
    this.list = new Resource(async () => (await call("imports", { tenant })).imports);
  }

  get rows(): ImportRow[] {
    return this.list.value ?? [];
  }

  /** The import that is looked at, once it is read. */
  get row(): ImportRow | null {
    return this.rows.find((row) => row.id === this.shown) ?? null;
  }

  /** What verifying found of it; none where that was not asked yet. */
  get found(): ImportVerified | null {
    return this.verified.get(this.shown ?? "") ?? null;
  }

  /** Whether the import that is looked at may still come to something, or has. */
  get goesOn(): boolean {
    return this.row !== null && !isNothing(this.row);
  }

  /** Whether more is to come of the import that is looked at, so that it is worth asking. */
  get waits(): boolean {
    if (this.row === null || isNothing(this.row) || this.row.state === "rolled_back") return false;
    return this.row.state !== "committed" || !this.row.here;
  }

  /** Why a step of the import that is looked at cannot be gone to; empty where it can. */
  why(step: Step): string {
    const words = texts.migration.closed;
    if (step === "files" || step === "import") return "";
    if (step !== "verify" && step !== "rollback") return words.filesDone;
    if (this.row === null || this.row.committed === null) {
      if (this.row !== null && isNothing(this.row)) return words.nothing;
      return step === "verify" ? words.notImported : words.notYetBack;
    }
    if (step !== "verify" || this.row.here) return "";
    return this.row.underway ? words.underway : words.notHere;
  }

  /** Looks at an import that was looked at before; whether it is still there. */
  async show(id: string): Promise<boolean> {
    const answer = await call("imports", { tenant: this.tenant }).catch(() => null);
    if (!answer?.imports.some((row) => row.id === id)) return false;
    this.list.value ??= answer.imports;
    this.shown = id;
    return true;
  }

  choose(change: Partial<RunChoices>): void {
    this.choices = { ...this.choices, ...change };
  }

  /** What was agreed to is about one plan. */
  forget(): void {
    this.choices = NOTHING;
    this.typed = "";
  }

  async run(request: ImportRequest, isConfirmed: boolean): Promise<ImportRun> {
    const choices = { ...this.choices, confirm_holds: isConfirmed };
    const run = await call("run_import", { ...request, choices });
    this.forget();
    this.shown = run.import;
    await this.list.reload();
    return run;
  }

  /** Holds an import against the roster on this computer. */
  async verify(id: string): Promise<void> {
    const found = await call("verify_import", { import: id });
    this.verified = new Map(this.verified).set(id, found);
  }

  async takeBack(id: string): Promise<void> {
    await call("roll_back_import", { import: id });
    await this.list.reload();
  }
}

/** Whether an import came to nothing: no record was ever changed by it. */
function isNothing(row: ImportRow): boolean {
  return row.state === "refused" || row.state === "withdrawn";
}

/** What a plan asks the person about, given what was chosen. */
export function askedBy(plan: ImportPlan, choices: RunChoices): Asked {
  const absentOf = (kind: string) => plan.types[kind]?.absent ?? 0;
  return {
    rejected: plan.files_can_proceed ? 0 : plan.totals.rejected,
    absent: Object.keys(plan.types).reduce((sum, kind) => sum + absentOf(kind), 0),
    // What is only absent stays, unless somebody asks for its removal.
    holds: plan.holds
      .filter((hold) => hold.kind !== "pilot" && hold.kind !== "references")
      .filter(
        (hold) => hold.kind !== "remove" || choices.remove_absent || absentOf(hold.type) === 0,
      )
      .concat(plan.broken.flatMap((one) => brokenBy(one, choices))),
    pilot: plan.holds.find((hold) => hold.kind === "pilot") ?? null,
  };
}

/** What references of a column hold, given what was chosen. */
function brokenBy(one: ImportBrokenReferences, choices: RunChoices): ImportHold[] {
  const share = choices.remove_absent ? one.with_absent : one.count;
  const hold = { type: one.type, kind: "references", share, limit: 0, column: one.column };
  return share > 0 ? [hold] : [];
}

/** What an import would do to the records of each type, given what was chosen. */
export function wouldDo(plan: ImportPlan, choices: RunChoices): { kind: string; did: ImportDid }[] {
  return Object.entries(plan.types).flatMap(([kind, changes]) => {
    if (!changes) return [];
    const { create, update, unchanged, remove, kept, absent } = changes;
    const stays = choices.remove_absent ? 0 : absent;
    const did = { create, update, unchanged: unchanged + kept + stays, remove: remove - stays };
    return [{ kind, did }];
  });
}

/** Whether the name that was typed is the one that confirms; case and spaces around it do not count. */
export function isTyped(typed: string, name: string): boolean {
  return typed.trim().toLowerCase() === name.trim().toLowerCase() && name.trim() !== "";
}
