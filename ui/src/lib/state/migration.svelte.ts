import { asFailure, call, type ImportRequest, type ReportKind } from "../host/commands";
import type {
  Failure,
  ImportDraft,
  ImportLook,
  ImportPlan,
  ImportProgress,
  ImportReport,
  ImportRules,
  ReportChecked,
  RunChoices,
} from "../host/types";
import { texts } from "../texts";
import { askedBy, Imports, isTyped } from "./imports.svelte";
import { keepFix, saysNothing, textOnly } from "./mapping";
import { PlanRows } from "./plan-rows.svelte";
import { toasts } from "./toasts.svelte";

/** The steps, in order. The last three go on without the files. */
export const STEPS = [
  "files",
  "detect",
  "map",
  "validate",
  "preview",
  "import",
  "verify",
  "rollback",
] as const;
export type Step = (typeof STEPS)[number];
/** What drafts called a step before. */
const FORMER: Record<string, Step> = { rules: "detect", check: "validate" };
export type Rules = "tolerant" | "strict";

const words = texts.migration.closed;

/** How often a running job is asked how far it is; what is done before the first time shows nothing. */
const POLL = 250;
/** A rate that is younger than this jumps about, in milliseconds. */
const STEADY = 1_000;

/** What a person says about files. */
type Said = { format: string | null; mapping: ImportRules };

/** What a running job shows. */
export type Job = {
  what: "look" | "check" | "plan" | "export" | "import" | "verify" | "report";
  /** False until it has lasted a moment: a small file needs no words. */
  slow: boolean;
  rows: number;
  /** 0 to 1; none where the end is not known. */
  share: number | null;
  /** Rows in a second; none until it is steady. */
  rate: number | null;
  /** Seconds; none where the end is not known. */
  left: number | null;
};

/**
 * The files that one tenant may import, and how far the person is with them. It outlives the screen, so
 * it derives nothing: what is derived ends with the screen that asked first.
 */
export class Migration {
  readonly tenant: string;
  step = $state<Step>("files");
  path = $state("");
  rules = $state<Rules>("tolerant");
  /** The format that was chosen by hand. */
  format = $state<string | null>(null);
  /** What was said about the files; the format stands apart. */
  mapping = $state.raw<ImportRules>({});
  /** When it was said of such files before, RFC 3339; none where it was said now. */
  remembered = $state<string | null>(null);
  look = $state.raw<ImportLook | null>(null);
  report = $state.raw<ImportReport | null>(null);
  plan = $state.raw<ImportPlan | null>(null);
  failure = $state.raw<Failure | null>(null);
  /** How far the person came with these files; going back loses nothing. */
  reached = $state(0);
  job = $state.raw<Job | null>(null);
  /** What happened last that is no failure, in words. */
  note = $state("");
  /** The tenant's imports, and what the person agrees to of the next one. */
  readonly imports: Imports;
  /** The rows of the plan. */
  readonly rows: PlanRows;
  #turn = 0;
  /** What such files have in common, whatever is said about them. */
  #source = "";
  /** What was said when the look that shows was made. */
  #seen: Said = { format: null, mapping: {} };
  /** Something was said that no look has heard yet. */
  #unheard = false;
  #looking: Promise<void> | null = null;
  #resumed = false;
  #draft: Promise<ImportDraft | null> | null = null;
  readonly #drafts: Drafts;

  /** Whether something runs that has to be waited for; a look of a moment is not. */
  get busy(): boolean {
    return this.job !== null && (this.job.slow || this.job.what !== "look" || this.look === null);
  }

  /** Whether a look takes its time while the person says how to read the files: they stay in sight. */
  get rereads(): boolean {
    return this.job?.what === "look" && this.job.slow && this.look !== null;
  }

  /** Why the next step is closed; empty where it is open. */
  get closed(): string {
    return this.next === null ? "" : this.why(this.next);
  }

  /** Why a step cannot be gone to; empty where it can. */
  why(step: Step): string {
    if (this.job !== null && this.busy) return words.busy(this.job.what);
    return this.imports.shown === null ? this.#whyBefore(step) : this.imports.why(step);
  }

  /** The same before an import is asked for. */
  #whyBefore(step: Step): string {
    const place = placeOf(step);
    if (place > placeOf("import")) return words.noImport;
    if (step === "files") return "";
    if (this.look === null) return words.files;
    if (this.look.format === null && place > placeOf("detect")) return words.format;
    const isFailed = this.step === "validate" && this.report === null;
    if (step === "preview" && isFailed && this.plan === null) return words.validate;
    const lacksPlan = step === "import" && this.plan === null;
    const next = placeOf(this.step) + 1;
    if (!lacksPlan && place <= Math.max(this.reached, next)) return "";
    return words.after(texts.migration.steps[STEPS[place - 1] ?? "files"]);
  }

  /** Why the import cannot be run yet; empty where it can. `name` is the tenant's. */
  unready(name: string): string {
    if (this.job !== null && this.busy) return words.busy(this.job.what);
    if (this.plan === null) return words.validate;
    const { choices, typed } = this.imports;
    const { rejected, holds, pilot } = askedBy(this.plan, choices);
    // Nobody can agree to it, so it comes first.
    if (pilot !== null) return texts.migration.preview.pilot(pilot.limit, pilot.share);
    if (rejected > 0 && !choices.leave_rejected) return words.rejected;
    if (holds.length > 0 && !isTyped(typed, name)) return words.hold;
    return "";
  }

  /** The step that Ctrl+Enter leads to; none after the last, and where an import came to nothing. */
  get next(): Step | null {
    if (this.step === "import" && !this.imports.goesOn) return null;
    return STEPS[placeOf(this.step) + 1] ?? null;
  }

  /** Whether anything was said by hand. */
  get hasSaid(): boolean {
    return this.format !== null || !saysNothing(this.mapping);
  }

  constructor(tenant: string) {
    this.tenant = tenant;
    this.imports = new Imports(tenant);
    this.rows = new PlanRows(tenant);
    this.#drafts = new Drafts(tenant);
  }

  /** Stands where the person was before a restart, once. */
  async resume(): Promise<void> {
    if (this.#resumed) return;
    this.#resumed = true;
    const draft = await this.#recallDraft();
    if (draft === null || this.imports.shown !== null) return;
    const step = FORMER[draft.step] ?? STEPS.find((one) => one === draft.step) ?? "files";
    if (draft.import !== null && (await this.imports.show(draft.import))) {
      // Whoever cancels stands before what ran.
      this.step = "import";
      if (this.why(step) === "") await this.go(step);
      return;
    }
    if (draft.path === "" || this.job !== null) return;
    await this.#looks();
    if (this.look !== null) await this.#standAgain(step);
  }

  /** Reads what was kept, once; files that were chosen meanwhile, and an import that shows, stay. */
  #recallDraft(): Promise<ImportDraft | null> {
    this.#draft ??= this.#readDraft();
    return this.#draft;
  }

  async #readDraft(): Promise<ImportDraft | null> {
    if (this.path !== "") return null;
    const draft = await call("import_draft", { tenant: this.tenant }).catch(() => null);
    if (draft === null || this.path !== "" || this.job !== null) return null;
    this.path = draft.path;
    this.rules = draft.rules === "strict" ? "strict" : "tolerant";
    this.format = draft.format;
    this.mapping = draft.mapping;
    this.imports.choices = kept(draft.choices);
    return draft;
  }

  /** Looks at other files; what was known of the ones before goes. */
  async take(path: string): Promise<void> {
    this.#drop();
    this.imports.shown = null;
    this.path = path.trim();
    this.#stand("files");
    await this.#looks();
    this.#keep();
  }

  /** Asks in the desktop's dialog. */
  async choose(folder: boolean): Promise<void> {
    try {
      const path = await call("choose_import", { folder });
      if (path !== null) await this.take(path);
    } catch (error) {
      this.failure = asFailure(error);
    }
  }

  /** Names the format by hand; null lets it be found. Columns belong to a format. */
  async setFormat(format: string | null): Promise<void> {
    this.remembered = null;
    await this.#say({ format, mapping: textOnly(this.mapping) });
  }

  /** Says something about the files, and looks again. */
  async say(mapping: ImportRules): Promise<void> {
    await this.#say({ format: this.format, mapping });
  }

  /** Leaves the values of a column as they stand, where a fix changed them, and validates again. */
  async undoFix(file: string, column: string, fix: string): Promise<void> {
    const { path, format, mapping } = this;
    const said = { format, mapping: keepFix(mapping, file, column, fix) };
    // What cannot be heard is gone again, and was said so.
    if (!(await this.#saysAndValidates(said))) return;
    toasts.say(texts.migration.validate.undone(column), () => {
      if (this.path !== path || this.look === null) return;
      void this.#saysAndValidates({ format, mapping });
      toasts.say(texts.migration.validate.redone);
    });
  }

  /** Whether it was heard; what was found out before is gone either way. */
  async #saysAndValidates(said: Said): Promise<boolean> {
    await this.#say(said);
    const isHeard = this.mapping === said.mapping;
    // Whoever cancels stands before what ran.
    this.step = "map";
    await this.go("validate");
    return isHeard;
  }

  /** Takes back all that was said about the files. */
  async startOver(): Promise<void> {
    if (!this.hasSaid) return;
    toasts.say(texts.migration.map.cleared, this.#back());
    this.remembered = null;
    await this.#say({ format: null, mapping: {} });
    if (this.look?.format === null && this.step === "map") this.#stand("detect");
  }

  /** Reads the files as a mapping file says, which is asked for. */
  async useMapping(): Promise<void> {
    try {
      const opened = await call("open_mapping", {});
      if (opened === null) return;
      const back = this.#back();
      const { format = this.format, ...mapping } = opened;
      this.remembered = null;
      await this.#say({ format, mapping });
      // What cannot be used is gone again, and was said so.
      if (this.mapping === mapping) toasts.say(texts.migration.map.used, back);
    } catch (error) {
      toasts.fail(asFailure(error));
    }
  }

  /** Writes what was said as a file that others can use. */
  async saveMapping(): Promise<void> {
    const format = this.format ?? this.look?.format?.format;
    try {
      const mapping = { ...(format === undefined ? {} : { format }), ...this.mapping };
      const path = await call("save_mapping", { mapping });
      if (path !== null) toasts.say(texts.migration.map.saved(path));
    } catch (error) {
      toasts.fail(asFailure(error));
    }
  }

  setRules(rules: Rules): void {
    if (rules !== this.rules) this.#forget();
    this.rules = rules;
    this.#keep();
  }

  /** Imports what was planned. The files are not needed any more then. */
  async runImport(name: string): Promise<void> {
    if (this.step !== "import" || this.imports.shown !== null || this.unready(name) !== "") return;
    await this.#run("import", "import", async () => {
      await this.imports.run(this.#request(), isTyped(this.imports.typed, name));
      this.#drop();
      this.path = "";
      this.#keep();
    });
  }

  /** Agrees to something by hand. */
  agree(change: Partial<RunChoices>): void {
    this.imports.choose(change);
    this.#keep();
  }

  /** Shows what became of an import. */
  async open(id: string): Promise<void> {
    this.imports.shown = id;
    this.step = "import";
    // The files that were looked at before a restart are kept beside it.
    await this.#recallDraft();
    if (this.imports.shown === id) this.#stand(this.step);
  }

  /** Holds the import that shows against the roster on this computer; cancelled, it leads back to `from`. */
  async verify(from: Step = this.step): Promise<void> {
    const id = this.imports.shown;
    if (this.job === null && id !== null)
      await this.#run("verify", from, () => this.imports.verify(id));
  }

  /** Writes what verifying found, signed, to a file that others can have checked. */
  async saveReport(id: string, kind: ReportKind): Promise<void> {
    if (this.job !== null) return;
    await this.#run("report", this.step, async () => {
      const saved = await call("save_import_report", { import: id, kind });
      if (saved) toasts.say(texts.migration.verify.reportSaved(saved.file));
    });
  }

  /** Whether a report that somebody holds is as it was signed; null where none was chosen. */
  async checkReport(): Promise<ReportChecked | null> {
    try {
      return await call("check_import_report", {});
    } catch (error) {
      toasts.fail(asFailure(error));
      return null;
    }
  }

  async takeBack(id: string): Promise<void> {
    try {
      await this.imports.takeBack(id);
    } catch (error) {
      toasts.fail(asFailure(error));
    }
  }

  /** Goes on; a check or plan that is known already is not made again. */
  async forward(): Promise<void> {
    // What was said a moment ago is heard first.
    if (!this.busy) await this.#looking;
    if (this.next !== null && this.closed === "") await this.go(this.next);
  }

  /** One step back, or the end of what runs. */
  async back(): Promise<void> {
    if (this.busy) return this.cancel();
    const before = this.#before();
    if (before) await this.go(before);
  }

  /** The step that Escape leads to: an import that was asked for has nothing to do with files any more. */
  #before(): Step | undefined {
    if (this.imports.shown === null) return STEPS[placeOf(this.step) - 1];
    if (this.step === "import") return "files";
    return this.step === "rollback" && this.why("verify") === "" ? "verify" : "import";
  }

  async go(step: Step): Promise<void> {
    const from = this.step;
    if (placeOf(step) < placeOf("import")) this.imports.shown = null;
    if (from === "map" && placeOf(step) > placeOf(from)) this.#remember();
    this.#stand(step);
    // Files that were kept beside an import, and not looked at since.
    if (step === "files" && this.path !== "" && this.look === null && this.job === null)
      await this.#looks();
    if (step === "validate" && this.report === null) {
      await this.#run("check", from, async () => {
        this.report = await call("check_import", this.#request());
      });
    }
    if (step === "preview" && this.plan === null) {
      await this.#run("plan", from, async () => {
        this.plan = await call("plan_import", this.#request());
      });
    }
    if (step === "verify" && this.imports.found === null) await this.verify(from);
  }

  /** Plans once more, where the rows of the plan are gone. */
  async planAgain(): Promise<void> {
    this.plan = null;
    this.rows.reset();
    // Whoever cancels stands before what ran.
    this.step = "map";
    await this.go("preview");
  }

  /** Does again what went wrong. */
  async again(): Promise<void> {
    this.failure = null;
    if (this.imports.shown !== null) await this.go(this.step);
    else if (this.look === null) await this.#looks();
    else if (placeOf(this.step) < placeOf("validate")) await this.#looksAgain();
    else await this.go(this.step);
  }

  async exportRejected(file: string): Promise<void> {
    await this.#run("export", this.step, async () => {
      const done = await call("export_rejected", { ...this.#request(), file });
      if (done) toasts.say(texts.migration.exported(done.rows, done.file));
    });
  }

  /** Ends what runs. */
  async cancel(): Promise<void> {
    try {
      await call("cancel_import", {});
    } catch (error) {
      toasts.fail(asFailure(error));
    }
  }

  /** Begins anew, with other files. */
  clear(): void {
    this.#drop();
    this.imports.shown = null;
    this.path = "";
    this.#stand("files");
  }

  /** Ends what runs for somebody who is not there any more. */
  leave(): void {
    this.#turn += 1;
    this.job = null;
    this.rows.stop();
  }

  #stand(step: Step): void {
    this.step = step;
    if (this.imports.shown === null) this.reached = Math.max(this.reached, placeOf(step));
    this.failure = null;
    this.note = "";
    this.#keep();
  }

  /** Stands at a step as far as it can be reached; what was found out there is found out again. */
  async #standAgain(step: Step): Promise<void> {
    const last = this.look?.format === null ? "detect" : "import";
    const to = STEPS[Math.min(placeOf(step), placeOf(last))] ?? "files";
    // Whoever cancels stands before what ran.
    if (placeOf(to) >= placeOf("validate")) this.step = "map";
    await this.go(to === "import" ? "preview" : to);
    if (to === "import" && this.plan !== null) this.#stand(to);
  }

  #forget(): void {
    this.report = null;
    this.plan = null;
    this.rows.reset();
    this.imports.forget();
    this.reached = Math.min(this.reached, placeOf("map"));
    this.failure = null;
    this.note = "";
  }

  /** Forgets the files, and what was said about them. */
  #drop(): void {
    this.#resumed = true;
    this.#draft = Promise.resolve(null);
    this.format = null;
    this.mapping = {};
    this.remembered = null;
    this.#forget();
    this.look = null;
    this.reached = 0;
  }

  /** What leads back to what is said now, as long as it is about the same files. */
  #back(): () => void {
    const { path, format, mapping, remembered } = this;
    return () => {
      if (this.path !== path || this.look === null) return;
      this.remembered = remembered;
      void this.#say({ format, mapping });
      toasts.say(texts.migration.map.back);
    };
  }

  /** Keeps how far the person is, for after a restart. */
  #keep(): void {
    const { path, step, format, rules, mapping } = this;
    const { shown, choices } = this.imports;
    const isNothing = path === "" && shown === null;
    const draft = { path, step, format, rules, mapping, choices: kept(choices), import: shown };
    this.#drafts.keep(isNothing ? null : draft);
  }

  /** Remembers what was said, for the next files of the kind. */
  #remember(): void {
    const said = { ...(this.format === null ? {} : { format: this.format }), ...this.mapping };
    const request = { tenant: this.tenant, source: this.#source, mapping: said };
    // Without it, it is said again the next time.
    void call("remember_mapping", request).catch(() => undefined);
  }

  /** What was said about such files before; nothing where nothing was. */
  async #recall(): Promise<Said> {
    const asked = { tenant: this.tenant, source: this.#source };
    const kept = await call("remembered_mapping", asked).catch(() => null);
    if (kept === null) return { format: null, mapping: {} };
    const { format = null, ...mapping } = kept.mapping;
    this.remembered = kept.at;
    return { format, mapping };
  }

  #request(said: Said = this): ImportRequest {
    const { tenant, path, rules } = this;
    const { format, mapping } = said;
    return {
      tenant,
      path,
      rules,
      ...(format === null ? {} : { format }),
      ...(saysNothing(mapping) ? {} : { mapping }),
    };
  }

  async #say(said: Said): Promise<void> {
    this.#tell(said);
    this.#forget();
    this.#keep();
    await this.#looksAgain();
  }

  #tell({ format, mapping }: Said): void {
    this.format = format;
    this.mapping = mapping;
  }

  /** The first look at files: as they are, then as was said about them, now or before. */
  async #looks(): Promise<void> {
    await this.#run("look", this.step, async () => {
      const nothing: Said = { format: null, mapping: {} };
      const asTheyAre = await call("look_at_import", this.#request(nothing));
      this.#source = asTheyAre.source;
      if (!this.hasSaid) this.#tell(await this.#recall());
      if (this.hasSaid) await this.#hears().catch((error: unknown) => this.#unsaid(error));
      if (this.hasSaid) return;
      this.look = asTheyAre;
      this.#seen = nothing;
    });
  }

  /** What was said of files before cannot be said any more: they are read as they are. */
  #unsaid(error: unknown): void {
    if (!isOfSaid(asFailure(error))) throw error;
    this.#tell({ format: null, mapping: {} });
    this.remembered = null;
  }

  /** Looks until a look has heard all that was said; what is said meanwhile waits for the next. */
  async #looksAgain(): Promise<void> {
    this.#unheard = true;
    this.#looking ??= this.#looksOn().finally(() => {
      this.#looking = null;
    });
    await this.#looking;
  }

  async #looksOn(): Promise<void> {
    while (this.#unheard) {
      this.#unheard = false;
      await this.#run("look", this.step, () => this.#hears());
    }
  }

  async #hears(): Promise<void> {
    const { path, format, mapping } = this;
    const look = await call("look_at_import", this.#request());
    // Other files were chosen meanwhile, or something else was said: its look comes.
    if (path !== this.path || format !== this.format || mapping !== this.mapping) return;
    this.look = look;
    this.#seen = { format, mapping };
  }

  /** Runs a job and shows how far it is; what is cancelled leads back to `from`. */
  async #run(what: Job["what"], from: Step, work: () => Promise<void>): Promise<void> {
    this.#turn += 1;
    const mine = this.#turn;
    this.failure = null;
    this.note = "";
    this.job = { what, slow: false, rows: 0, share: null, rate: null, left: null };
    const started = performance.now();
    const poll = window.setInterval(() => void this.#ask(mine, started), POLL);
    try {
      await work();
    } catch (error) {
      if (mine === this.#turn) this.#failed(what, from, asFailure(error));
    } finally {
      window.clearInterval(poll);
      if (mine === this.#turn) this.job = null;
    }
  }

  #failed(what: Job["what"], from: Step, failure: Failure): void {
    if (what === "look" && this.look !== null) this.#takeBack(failure);
    if (failure.code === "import_cancelled") {
      this.step = from;
      this.note = texts.migration.cancelled(what);
      this.#keep();
    } else if (isAside(what) || (what === "look" && isOfSaid(failure))) toasts.fail(failure);
    else this.failure = failure;
  }

  /** What no look can hear is not said; files that cannot be read now may be later. */
  #takeBack(failure: Failure): void {
    if (failure.code === "import_cancelled") this.#unheard = false;
    else if (this.#unheard || !isOfSaid(failure)) return;
    this.#tell(this.#seen);
    this.#keep();
  }

  async #ask(mine: number, started: number): Promise<void> {
    // Not knowing how far it is stops nothing.
    const progress = await call("import_progress", {}).catch(() => null);
    if (mine !== this.#turn || this.job === null) return;
    const all = { bytes: this.#bytes(), total: this.report?.totals.rows ?? null };
    this.job = jobAt(this.job, progress, performance.now() - started, all);
  }

  /** Bytes to be read; none where only reading tells. */
  #bytes(): number | null {
    const sizes = this.look?.tables.map((table) => table.unpacked) ?? [null];
    return sizes.reduce((sum, size) => (sum === null || size === null ? null : sum + size), 0);
  }
}

/** Whether a job stands beside what is shown, which goes on without it. */
export function isAside(what: Job["what"]): boolean {
  return what === "export" || what === "report";
}

/** Where a step stands among all of them. */
export function placeOf(step: Step): number {
  return STEPS.indexOf(step);
}

/** What is kept of what a person agreed to: a name that was typed is typed anew. */
function kept(choices: RunChoices): RunChoices {
  return { ...choices, confirm_holds: false };
}

/** Whether what was said is the matter, and not the files. */
function isOfSaid({ code }: Failure): boolean {
  return code === "bad_mapping" || code === "import_format_unknown";
}

/** Keeps the newest of what a tenant's screen is told to keep, one write after the other. */
class Drafts {
  readonly #tenant: string;
  #kept = "null";
  #next: ImportDraft | null | undefined;
  #writing = false;

  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  /** Nobody waits for it, and it fails nobody: without it, a restart begins anew. */
  keep(draft: ImportDraft | null): void {
    this.#next = draft;
    if (!this.#writing) void this.#write();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    while (this.#next !== undefined) {
      const draft = this.#next;
      this.#next = undefined;
      const text = JSON.stringify(draft);
      if (text === this.#kept) continue;
      this.#kept = text;
      await call("keep_import_draft", { tenant: this.#tenant, draft }).catch(() => undefined);
    }
    this.#writing = false;
  }
}

/** What a job shows after `elapsed` milliseconds, of `bytes` and `total` rows, as far as they are known. */
export function jobAt(
  job: Job,
  progress: ImportProgress | null,
  elapsed: number,
  { bytes, total }: { bytes: number | null; total: number | null },
): Job {
  const at = progress ?? { rows: job.rows, bytes: 0, pass: 1, passes: 1 };
  const met = shareOf(at.bytes, bytes) ?? shareOf(at.rows, total) ?? (at.pass > 1 ? 0 : null);
  const within = job.what === "export" ? null : met;
  const share = within === null ? null : (at.pass - 1 + within) / at.passes;
  // What goes over the files several times has done a row when the last pass has met it.
  const rows =
    at.passes > 1 && total !== null && share !== null ? Math.round(share * total) : at.rows;
  const steady = elapsed >= STEADY && rows > 0;
  return {
    ...job,
    slow: true,
    rows,
    share,
    rate: steady ? Math.round(rows / (elapsed / 1_000)) : null,
    left: steady && share !== null ? ((elapsed / 1_000) * (1 - share)) / share : null,
  };
}

function shareOf(done: number, all: number | null): number | null {
  return all !== null && all > 0 && done > 0 ? Math.min(1, done / all) : null;
}

/** What each tenant's screen holds while the window is open: going elsewhere loses nothing. */
class Migrations {
  readonly #held = new Map<string, Migration>();

  of(tenant: string): Migration {
    const held = this.#held.get(tenant) ?? new Migration(tenant);
    this.#held.set(tenant, held);
    return held;
  }

  reset(): void {
    for (const held of this.#held.values()) held.leave();
    this.#held.clear();
  }
}

/** All of them. */
export const migrations = new Migrations();
