import { tick } from "svelte";
import {
  asFailure,
  type Changed,
  call,
  onChanged,
  onOpen,
  onPlaybook,
  type Place,
} from "../host/commands";
import type { Failure, Session, StatusLine, TenantRow, Written } from "../host/types";
import { texts } from "../texts";
import { migrations } from "./migration.svelte";
import { afterReads } from "./resource.svelte";
import { parseRoute, type Route, routeHash } from "./route";
import { toasts, type Undo } from "./toasts.svelte";

const RECENT = "cairn.recent";
const RECENT_LENGTH = 5;
/** To open one of a tenant's own screens is to open the tenant. */
const REMEMBERED: Route["screen"][] = ["checklist", "migration", "people"];
/** What counts as using the window. */
const USES = ["pointerdown", "pointermove", "keydown", "wheel"] as const;
/** How often the core is told of use, in milliseconds; it may lock after 5 s without. */
const ACTIVE_EVERY = 2_000;

/** What every screen shares: who is signed in, where the window stands, what waits. */
class App {
  session = $state.raw<Session | null>(null);
  /** Set when the core could not even say where it stands. */
  startFailure = $state.raw<Failure | null>(null);
  status = $state.raw<StatusLine | null>(null);
  tenants = $state.raw<TenantRow[]>([]);
  /** False until the list has been read once, so that "no tenants" is never said too early. */
  tenantsRead = $state(false);
  route = $state.raw<Route>({ screen: "today" });
  /** The clock of the window; moves every half minute. */
  now = $state.raw(new Date());
  /** Counts up whenever the local database changed; screens reload on it. */
  revision = $state(0);
  syncing = $state(false);
  paletteOpen = $state(false);
  inboxOpen = $state(false);
  passphraseOpen = $state(false);
  signOutOpen = $state(false);
  upgradeOpen = $state(false);
  recent = $state.raw<string[]>(readRecent());
  /** A playbook file that was opened from outside: to be asked about, then to be started somewhere. */
  playbook = $state.raw<
    { stage: "asked"; file: File } | { stage: "started"; file: File; tenant: string } | null
  >(null);

  /** The tenant the window stands in. */
  tenant = $derived.by(() => {
    const route = this.route;
    if (!("tenant" in route)) return null;
    return this.tenants.find((row) => row.id === route.tenant) ?? null;
  });

  /** The signed-in person, or null on every screen before. */
  me = $derived(this.session?.state === "signed_in" ? this.session : null);

  /** Starts listening and reads where the app stands; returns what stops it. */
  start(): () => void {
    this.route = parseRoute(window.location.hash);
    const onHash = () => {
      this.route = parseRoute(window.location.hash);
      this.#remember();
    };
    const clock = window.setInterval(() => {
      this.now = new Date();
    }, 30_000);
    window.addEventListener("hashchange", onHash);
    const onUse = () => this.#used();
    for (const kind of USES) window.addEventListener(kind, onUse, { capture: true, passive: true });
    // Without the events the screens still reload after every command.
    const stops = [
      listening(onChanged((changed) => void this.#reads(changed))),
      listening(onOpen((place) => this.#openFromOutside(place))),
      listening(onPlaybook(() => void this.#takePlaybook())),
    ];
    window.addEventListener("focus", this.#tellFront);
    window.addEventListener("blur", this.#tellFront);
    void this.refresh();
    return () => {
      for (const stop of stops) stop();
      window.removeEventListener("focus", this.#tellFront);
      window.removeEventListener("blur", this.#tellFront);
      window.clearInterval(clock);
      window.removeEventListener("hashchange", onHash);
      for (const kind of USES) window.removeEventListener(kind, onUse, { capture: true });
    };
  }

  #toldUse = 0;

  /** Tells the core that somebody is here, so that it does not lock. */
  #used(): void {
    const now = Date.now();
    if (now - this.#toldUse < ACTIVE_EVERY || this.session?.state !== "signed_in") return;
    this.#toldUse = now;
    // Not being heard only means that the window may lock early.
    void call("active", {}).catch(() => undefined);
  }

  /** Reads the session and, when signed in, what the frame shows; screens follow by `revision`. */
  async refresh(): Promise<void> {
    try {
      await this.#show(await call("session", {}));
    } catch (error) {
      if (this.session === null) this.startFailure = asFailure(error);
    }
  }

  /** The core says what is to be read again. */
  async #reads(changed: Changed): Promise<void> {
    if (changed === "all" || this.me === null) return this.refresh();
    try {
      await this.#readLine();
    } catch {
      // Why it cannot be read is for the screens to say: somebody was signed out, say.
      await this.refresh();
    }
  }

  /** Shows where the core said it stands: asking it again would ask the keyring again. */
  async #show(session: Session): Promise<void> {
    this.session = session;
    this.startFailure = null;
    await this.#reread();
    if (session.state === "signed_in" && !this.#askedForPlaybook) {
      this.#askedForPlaybook = true;
      void this.#takePlaybook();
    }
  }

  /**
   * The screen asks for what it shows, and only when that is there the frame does. After a write to
   * one tenant only its row is read: the list of all may be long.
   */
  async #reread(tenant: string | null = null): Promise<void> {
    this.now = new Date();
    this.revision += 1;
    await tick();
    await afterReads();
    if (this.me === null) return;
    await Promise.all([this.#readLine(), this.#readTenants(tenant)]);
  }

  async #readLine(): Promise<void> {
    this.status = await call("status", {});
  }

  async #readTenants(only: string | null): Promise<void> {
    const { tenants } = await call("tenants", { only });
    const [row] = tenants;
    if (only === null) this.tenants = tenants;
    else if (row) this.tenants = this.tenants.map((known) => (known.id === row.id ? row : known));
    this.tenantsRead ||= only === null;
  }

  /** Takes over the answer of a command that changes the session. */
  async enter(session: Session): Promise<void> {
    if (session.state === "signed_out") {
      this.tenants = [];
      this.tenantsRead = false;
      this.status = null;
      this.recent = [];
      window.localStorage.removeItem(RECENT);
      toasts.reset();
      migrations.reset();
    }
    if (session.state !== "signed_in") this.#closeDialogs();
    await this.#show(session);
  }

  #closeDialogs(): void {
    this.paletteOpen = false;
    this.inboxOpen = false;
    this.passphraseOpen = false;
    this.signOutOpen = false;
    this.upgradeOpen = false;
    this.playbook = null;
  }

  go(route: Route): void {
    this.route = route;
    const hash = routeHash(route);
    if (window.location.hash !== hash) window.location.hash = hash;
    this.#remember();
    this.#tellFront();
  }

  openTenant(tenant: string): void {
    this.go({ screen: "checklist", tenant, item: null });
  }

  openMigration(tenant: string): void {
    this.go({ screen: "migration", tenant });
  }

  openPeople(tenant: string): void {
    this.go({ screen: "people", tenant });
  }

  /** Opens the item or import, or the tenant it belongs to. */
  openPlace(place: Place): void {
    if (place.entity.startsWith("import/")) {
      migrations.of(place.tenant).open(place.entity.slice("import/".length));
      this.openMigration(place.tenant);
      return;
    }
    const item = /^(item|step)\//.test(place.entity) ? place.entity : null;
    this.go({ screen: "checklist", tenant: place.tenant, item });
  }

  /** A native notification was clicked. */
  #openFromOutside(place: Place | null): void {
    if (place === null) this.inboxOpen = this.me !== null;
    else this.openPlace(place);
  }

  /** The start may have named a playbook; that is asked once, when somebody is signed in. */
  #askedForPlaybook = false;

  async #takePlaybook(): Promise<void> {
    if (this.me === null) {
      this.#askedForPlaybook = false;
      return;
    }
    try {
      const opened = await call("take_playbook", {});
      if (opened) this.playbook = { stage: "asked", file: new File([opened.source], opened.name) };
    } catch (error) {
      toasts.fail(asFailure(error));
    }
  }

  /** Goes on to the start of the opened playbook in a tenant. */
  startPlaybook(tenant: string): void {
    if (this.playbook) this.playbook = { stage: "started", file: this.playbook.file, tenant };
    this.openTenant(tenant);
  }

  /** The file to start in this tenant, once. */
  takeStarted(tenant: string): File | null {
    const given = this.playbook;
    if (given?.stage !== "started" || given.tenant !== tenant) return null;
    this.playbook = null;
    return given.file;
  }

  /** Tells the core what is in front, so that it raises no native notification about that. */
  #tellFront = (): void => {
    const route = this.route;
    const shown = this.me !== null && document.hasFocus() && route.screen === "checklist";
    const place =
      shown && route.item !== null ? { tenant: route.tenant, entity: route.item } : null;
    // Not being heard only means one notification too many.
    void call("in_front", { place }).catch(() => undefined);
  };

  /** Opens a tenant's checklist and shows what another version of its playbook would change. */
  openUpgrade(tenant: string): void {
    this.openTenant(tenant);
    this.upgradeOpen = true;
  }

  /** Opens the history of the tenant the window stands in, or of all. */
  openHistory(): void {
    this.go({ screen: "history", tenant: this.tenant?.id ?? null, item: null });
  }

  /** Opens an item's panel, or closes it with null, without a new step in Back. */
  openItem(item: string | null): void {
    if (this.route.screen !== "checklist") return;
    this.route = { ...this.route, item };
    window.history.replaceState(null, "", routeHash(this.route));
    this.#tellFront();
  }

  #remember(): void {
    if (!REMEMBERED.includes(this.route.screen)) return;
    const opened = "tenant" in this.route ? this.route.tenant : null;
    if (opened === null) return;
    this.recent = [opened, ...this.recent.filter((id) => id !== opened)].slice(0, RECENT_LENGTH);
    window.localStorage.setItem(RECENT, JSON.stringify(this.recent));
  }

  /**
   * Runs a write, says what it did, with an Undo where it can be taken back, and shows the result.
   * Gives whether it worked. What cannot be taken back says `instead` in place of the Undo.
   */
  async write(run: () => Promise<Written>, instead?: string): Promise<boolean> {
    try {
      const written = await run();
      if (written.undoable) toasts.say(written.summary, written.op);
      else toasts.say(instead === undefined ? written.summary : `${written.summary}. ${instead}`);
      // What was written shows before the question who is signed in; that comes where reading fails.
      await this.#reread(this.tenant?.id).catch(() => this.refresh());
      return true;
    } catch (error) {
      toasts.fail(readable(asFailure(error)));
      return false;
    }
  }

  /** Takes back what a toast says, once. */
  takeBack(back: Undo): void {
    toasts.dismiss();
    if (typeof back !== "function") return void this.undo(back);
    toasts.last = [];
    back();
  }

  /** Undoes an op, or several that were written together; the undo itself can be undone. */
  async undo(ops: string | readonly string[]): Promise<boolean> {
    const list = typeof ops === "string" ? [ops] : [...ops];
    const [only] = list;
    if (list.length === 1 && only !== undefined)
      return this.write(() => call("undo", { op: only }));
    return this.#undoMany(list);
  }

  async #undoMany(ops: string[]): Promise<boolean> {
    try {
      const done = await call("revert", { ops, keep: true });
      if (done.reverted === 0) {
        const [first] = done.refused;
        toasts.fail({ code: first?.code ?? "", message: first?.message ?? "", details: null });
      } else toasts.say(texts.history.restored(done.reverted, done.refused.length), done.writes);
      await this.refresh();
      return done.reverted > 0;
    } catch (error) {
      toasts.fail(asFailure(error));
      return false;
    }
  }

  /** One sync attempt; its outcome is a toast, its state is in the sync line. */
  async sync(): Promise<void> {
    if (this.syncing) return;
    this.syncing = true;
    try {
      const report = await call("sync_now", {});
      toasts.say(texts.sync.done(report.pushed, report.pulled));
    } catch (error) {
      toasts.fail(asFailure(error));
    } finally {
      this.syncing = false;
      await this.refresh();
    }
  }

  /** Locks; the database key leaves the memory. */
  async lock(): Promise<void> {
    await this.#change(() => call("lock", {}));
  }

  /** Signs out, after asking when something has not been sent. */
  async signOut(sure = false): Promise<void> {
    if (!sure && (this.status?.pending ?? 0) > 0) {
      this.signOutOpen = true;
      return;
    }
    await this.#change(() => call("sign_out", {}));
  }

  async #change(run: () => Promise<Session>): Promise<void> {
    try {
      await this.enter(await run());
    } catch (error) {
      toasts.fail(asFailure(error));
    }
  }

  /** Back to the start, for tests. */
  reset(): void {
    this.session = null;
    this.startFailure = null;
    this.status = null;
    this.tenants = [];
    this.tenantsRead = false;
    this.route = { screen: "today" };
    this.syncing = false;
    this.recent = [];
    this.#askedForPlaybook = false;
    this.#closeDialogs();
    toasts.reset();
    migrations.reset();
  }
}

/** What ends a subscription that may not stand yet. */
function listening(starting: Promise<() => void>): () => void {
  let stop: (() => void) | null = null;
  let stopped = false;
  starting.then(
    (unlisten) => {
      if (stopped) unlisten();
      else stop = unlisten;
    },
    () => undefined,
  );
  return () => {
    stopped = true;
    stop?.();
  };
}

/** Only ids are kept outside the encrypted database, never names. */
function readRecent(): string[] {
  try {
    const read: unknown = JSON.parse(window.localStorage.getItem(RECENT) ?? "[]");
    return Array.isArray(read) ? read.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}

function readable(failure: Failure): Failure {
  return failure.code === "built_on" ? { ...failure, message: texts.checklist.builtOn } : failure;
}

/** The one state of the window. */
export const app = new App();
