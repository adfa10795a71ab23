import { asFailure, call, type ImportRequest } from "../host/commands";
import type { Failure, ImportLook, ImportPlan, ImportProgress, ImportReport } from "../host/types";
import { texts } from "../texts";
import { toasts } from "./toasts.svelte";

/** The steps that exist, in order. */
export const STEPS = ["files", "rules", "check", "preview"] as const;
export type Step = (typeof STEPS)[number];
export type Rules = "tolerant" | "strict";

/** How often a running job is asked how far it is; what is done before the first time shows nothing. */
const POLL = 250;
/** A rate that is younger than this jumps about, in milliseconds. */
const STEADY = 1_000;

/** What a running job shows. */
export type Job = {
  what: "look" | "check" | "plan" | "export";
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
  look = $state.raw<ImportLook | null>(null);
  report = $state.raw<ImportReport | null>(null);
  plan = $state.raw<ImportPlan | null>(null);
  failure = $state.raw<Failure | null>(null);
  job = $state.raw<Job | null>(null);
  /** What happened last that is no failure, in words. */
  note = $state("");
  #turn = 0;

  /** Why the next step is closed; empty where it is open. */
  get closed(): string {
    if (this.job !== null) return texts.migration.closed.busy;
    if (this.look === null) return texts.migration.closed.files;
    if (this.look.format === null && this.step === "rules") return texts.migration.closed.format;
    if (this.step === "check" && this.report === null) return texts.migration.closed.check;
    return "";
  }

  /** The step that Ctrl+Enter leads to; none after the last. */
  get next(): Step | null {
    return STEPS[STEPS.indexOf(this.step) + 1] ?? null;
  }

  constructor(tenant: string) {
    this.tenant = tenant;
  }

  /** Looks at other files; what was known of the ones before goes. */
  async take(path: string): Promise<void> {
    this.path = path.trim();
    this.step = "files";
    this.format = null;
    this.#forget();
    this.look = null;
    await this.#looks();
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

  /** Names the format by hand; null lets it be found. */
  async setFormat(format: string | null): Promise<void> {
    this.format = format;
    this.#forget();
    await this.#looks();
  }

  setRules(rules: Rules): void {
    if (rules !== this.rules) this.#forget();
    this.rules = rules;
  }

  /** Goes on; a check or plan that is known already is not made again. */
  async forward(): Promise<void> {
    if (this.next !== null && this.closed === "") await this.go(this.next);
  }

  /** One step back, or the end of what runs. */
  async back(): Promise<void> {
    if (this.job !== null) return this.cancel();
    const before = STEPS[STEPS.indexOf(this.step) - 1];
    if (before) this.#stand(before);
  }

  /** Whether a step can be gone to straight away. */
  reaches(step: Step): boolean {
    if (this.job !== null) return false;
    return STEPS.indexOf(step) <= STEPS.indexOf(this.step);
  }

  async go(step: Step): Promise<void> {
    const from = this.step;
    this.#stand(step);
    if (step === "check" && this.report === null) {
      await this.#run("check", from, async () => {
        this.report = await call("check_import", this.#request());
      });
    }
    if (step === "preview" && this.plan === null) {
      await this.#run("plan", from, async () => {
        this.plan = await call("plan_import", this.#request());
      });
    }
  }

  /** Does again what went wrong. */
  async again(): Promise<void> {
    this.failure = null;
    if (this.step === "files" || this.step === "rules") await this.#looks();
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

  /** Starts over. */
  clear(): void {
    this.path = "";
    this.format = null;
    this.#forget();
    this.look = null;
    this.#stand("files");
  }

  /** Ends what runs for somebody who is not there any more. */
  leave(): void {
    this.#turn += 1;
    this.job = null;
  }

  #stand(step: Step): void {
    this.step = step;
    this.failure = null;
    this.note = "";
  }

  #forget(): void {
    this.report = null;
    this.plan = null;
    this.failure = null;
    this.note = "";
  }

  #request(): ImportRequest {
    const { tenant, path, rules, format } = this;
    return { tenant, path, rules, ...(format === null ? {} : { format }) };
  }

  async #looks(): Promise<void> {
    await this.#run("look", this.step, async () => {
      this.look = await call("look_at_import", this.#request());
    });
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
    if (failure.code === "import_cancelled") {
      this.step = from;
      this.note = texts.migration.cancelled;
    } else if (what === "export") toasts.fail(failure);
    else this.failure = failure;
  }

  async #ask(mine: number, started: number): Promise<void> {
    // Not knowing how far it is stops nothing.
    const progress = await call("import_progress", {}).catch(() => null);
    if (mine !== this.#turn || this.job === null) return;
    this.job = jobAt(this.job, progress, performance.now() - started, this.#bytes());
  }

  /** Bytes to be read; none where only reading tells. */
  #bytes(): number | null {
    const sizes = this.look?.tables.map((table) => table.unpacked) ?? [null];
    return sizes.reduce((sum, size) => (sum === null || size === null ? null : sum + size), 0);
  }
}

/** What a job shows after `elapsed` milliseconds, of `bytes` to be read. */
export function jobAt(
  job: Job,
  progress: ImportProgress | null,
  elapsed: number,
  bytes: number | null,
): Job {
  const { rows, bytes: read } = progress ?? { rows: job.rows, bytes: 0 };
  const known = bytes !== null && bytes > 0 && read > 0 && job.what !== "export";
  const share = known ? Math.min(1, read / bytes) : null;
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
