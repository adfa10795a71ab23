/**
 * Looks at the window in a browser: builds it with the host in memory, serves it under the same
 * content policy and frozen prototypes as the desktop shell, takes a picture of every screen in
 * both themes and lets axe judge each of them.
 *
 *   node tools/look.mjs [--out DIR] [--only WORDS]     CHROMIUM names the browser
 *
 * Exits 1 when axe finds something, the content policy was broken or the page logged an error.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openSite } from "./site.mjs";

const { values } = parseArgs({ options: { out: { type: "string" }, only: { type: "string" } } });
const out = values.out ?? "dist-look/pictures";
const NOW = "2026-03-12T08:00:00Z";

const checklist = "#/checklist/t-hill";
const item = (key) => `${checklist}/${encodeURIComponent(`item/first-school-go-live/0/${key}`)}`;
const historyOfItem = `#/history/t-hill/${encodeURIComponent("item/first-school-go-live/0/configure-sso")}`;
const migration = "#/migration/t-river";
const people = "#/people/t-river";
const id = (name) => `[data-testid="${name}"]`;

/** Every screen: its scene, its address, what to do before looking, the size of the window. */
const SCREENS = [
  { name: "sign-in", scene: "sign-in" },
  { name: "sign-in-problem", scene: "sign-in", act: (page) => page.click(id("sign-in-submit")) },
  { name: "sign-in-unsent", scene: "revoked", act: (page) => page.click(id("unsent-export")) },
  { name: "locked", scene: "locked" },
  { name: "recovery", scene: "recovery" },
  { name: "unusable", scene: "unusable" },
  { name: "today", hash: "#/today" },
  { name: "today-clean", scene: "clean", hash: "#/today" },
  { name: "today-empty", scene: "empty", hash: "#/today" },
  { name: "today-more", hash: "#/today", act: (page) => page.click(id("today-more")) },
  { name: "history", hash: "#/history" },
  { name: "history-tenant", hash: "#/history/t-hill", act: selectSome },
  { name: "history-item", hash: historyOfItem },
  { name: "history-revert", hash: "#/history", act: revertSpan },
  { name: "history-none", hash: "#/history", act: (page) => page.fill(id("history-text"), "xyz") },
  { name: "history-empty", scene: "empty", hash: "#/history" },
  { name: "history-many", scene: "many", hash: "#/history", act: lastChange },
  { name: "tenants", hash: "#/tenants" },
  { name: "tenants-many", scene: "many", hash: "#/tenants" },
  { name: "tenants-empty", scene: "empty", hash: "#/tenants" },
  {
    name: "checklist",
    hash: checklist,
    act: (page) => page.focus(id("item-row-check-room-codes")),
  },
  { name: "checklist-blocked", hash: checklist, act: (page) => page.click(id("filter-blocked")) },
  {
    name: "checklist-none",
    scene: "clean",
    hash: "#/checklist/t-north",
    act: (page) => page.click(id("filter-blocked")),
  },
  { name: "checklist-reader", scene: "reader", hash: checklist },
  { name: "checklist-selected", hash: checklist, act: selectItems },
  { name: "checklist-left", hash: checklist, act: leaveSome },
  { name: "many-owner", hash: checklist, act: (page) => selectItems(page, "o") },
  { name: "many-due", hash: checklist, act: (page) => selectItems(page, "d") },
  { name: "many-status", hash: checklist, act: (page) => selectItems(page, "s") },
  { name: "checklist-large", scene: "large", hash: "#/checklist/t-large" },
  { name: "item", hash: item("configure-sso") },
  { name: "item-conflict", hash: item("test-staff-sign-in") },
  {
    name: "status-menu",
    hash: checklist,
    act: (page) => page.click(id("item-status-configure-sso")),
  },
  { name: "reason", hash: checklist, act: openReason },
  { name: "owner", hash: item("configure-sso"), act: (page) => page.click(id("owner-trigger")) },
  { name: "toast", hash: checklist, act: placeStone },
  { name: "start-project", hash: "#/checklist/t-lake" },
  {
    name: "start-sizes",
    hash: "#/checklist/t-lake",
    act: (page) => page.check(id("playbook-ethics-line-client")),
    height: 1300,
  },
  { name: "start-file-bad", hash: "#/checklist/t-lake", act: chooseBadFile },
  { name: "start-file", hash: "#/checklist/t-lake", act: chooseGoodFile, height: 1300 },
  { name: "checklist-nested", scene: "workshop", hash: "#/checklist/t-delta" },
  {
    name: "item-sign-off",
    scene: "workshop",
    hash: `#/checklist/t-delta/${encodeURIComponent("item/regional-workshop/0/sign-director")}`,
  },
  {
    name: "item-target",
    scene: "workshop",
    hash: `#/checklist/t-delta/${encodeURIComponent("item/regional-workshop/0/workshop-2")}`,
  },
  { name: "checklist-newer", scene: "newer", hash: checklist },
  {
    name: "upgrade",
    scene: "newer",
    hash: checklist,
    act: (page) => page.click(id("upgrade-open")),
  },
  { name: "upgrade-none", hash: checklist, act: (page) => page.click(id("upgrade-open")) },
  { name: "people", hash: people, act: (page) => page.focus("#person-1") },
  { name: "people-filtered", hash: people, act: findPeople },
  { name: "people-none", hash: "#/people/t-lake" },
  { name: "people-masked", scene: "reader", hash: people },
  { name: "people-failed", scene: "people-failed", hash: people },
  { name: "people-no-match", hash: people, act: findNobody },
  { name: "people-wide", hash: people, width: 2560, height: 1440 },
  { name: "migration", hash: migration },
  {
    name: "migration-report",
    hash: migration,
    act: (page) => page.click(id("report-check")),
  },
  { name: "migration-verified", hash: migration, act: verifyOne },
  { name: "migration-files", hash: migration, act: (page) => choosing(page) },
  { name: "migration-failed", hash: migration, act: (page) => choosing(page, "gone.zip") },
  { name: "migration-detect", hash: migration, act: (page) => walking(page, 1) },
  { name: "migration-unknown", hash: migration, act: (page) => walking(page, 1, "menu.csv") },
  { name: "migration-map", hash: migration, act: (page) => walking(page, 2) },
  { name: "migration-map-people", hash: migration, act: mapPeople },
  {
    name: "migration-map-again",
    scene: "import-again",
    hash: migration,
    act: (page) => walking(page, 2),
  },
  { name: "migration-map-clean", hash: migration, act: (page) => walking(page, 2, "clean.zip") },
  { name: "migration-map-one", hash: migration, act: mapOne },
  { name: "migration-validate", hash: migration, act: (page) => walking(page, 3) },
  { name: "migration-fix", hash: migration, act: showFix },
  { name: "migration-clean", hash: migration, act: (page) => walking(page, 3, "clean.zip") },
  { name: "migration-job", scene: "import-job", hash: migration, act: longJob },
  { name: "migration-preview", hash: migration, act: (page) => walking(page, 4) },
  { name: "migration-rows", hash: migration, act: (page) => rowsBehind(page, "users-update") },
  { name: "migration-rows-pages", hash: migration, act: turnPage },
  { name: "migration-rows-wide", hash: migration, act: turnPage, width: 2560, height: 1440 },
  {
    name: "migration-rows-absent",
    hash: migration,
    act: (page) => rowsBehind(page, "classes-remove"),
  },
  { name: "migration-rows-masked", scene: "reader", hash: migration, act: worstRows },
  { name: "migration-rows-none", hash: migration, act: (page) => findingRows(page, "xyz") },
  { name: "migration-same", hash: migration, act: (page) => walking(page, 4, "clean-same.zip") },
  {
    name: "migration-first",
    hash: "#/migration/t-lake",
    act: (page) => walking(page, 4, "clean.zip"),
  },
  { name: "migration-import", hash: migration, act: comeToImport },
  {
    name: "migration-pilot",
    hash: migration,
    act: (page) => walking(page, 4, "clean-pilot.zip"),
  },
  {
    name: "migration-import-pilot",
    hash: migration,
    act: (page) => walking(page, 5, "clean-pilot.zip"),
  },
  { name: "migration-imported", hash: migration, act: importIt },
  { name: "migration-cancel", hash: migration, act: cancelIt },
  { name: "migration-refused", scene: "import-online", hash: migration, act: refuseIt },
  { name: "migration-outcome", hash: migration, act: (page) => page.click(id("import-open")) },
  { name: "migration-step-closed", hash: migration, act: closedStep },
  { name: "migration-rollback", hash: migration, act: comeToRollback },
  { name: "migration-rollback-ask", hash: migration, act: askRollback },
  { name: "migration-rolled-back", scene: "import-online", hash: migration, act: rollItBack },
  { name: "sync", hash: "#/sync", act: (page) => page.focus(id("conflict-1")) },
  { name: "sync-edit", hash: "#/sync", act: (page) => page.click(id("edit")) },
  {
    name: "sync-edit-status",
    scene: "refused",
    hash: "#/sync",
    act: (page) => page.click(`${id("edit")} >> nth=0`),
  },
  {
    name: "sync-edit-owner",
    scene: "refused",
    hash: "#/sync",
    act: (page) => page.click(`${id("edit")} >> nth=1`),
  },
  { name: "sync-many", scene: "disputed", hash: "#/sync" },
  {
    name: "sync-settle",
    scene: "disputed",
    hash: "#/sync",
    act: (page) => page.click(id("settle-mine")),
  },
  { name: "playbook-opened", scene: "opened", hash: "#/today", act: waitForDialog },
  { name: "playbook-opened-bad", scene: "opened-bad", hash: "#/today", act: waitForDialog },
  { name: "sync-manager", scene: "manager", hash: "#/sync" },
  {
    name: "sync-discard",
    scene: "manager",
    hash: "#/sync",
    act: (page) => page.click(id("held-discard")),
  },
  { name: "sync-empty", scene: "clean", hash: "#/sync" },
  { name: "palette", hash: "#/tenants", act: openPalette },
  { name: "switcher", hash: checklist, act: (page) => page.click(id("tenant-switcher")) },
  { name: "account", hash: "#/tenants", act: (page) => page.click(id("account-menu")) },
  { name: "passphrase", hash: "#/tenants", act: openPassphrase },
  { name: "unusable-damaged", scene: "damaged" },
  { name: "settings", hash: "#/settings" },
  { name: "settings-end", hash: "#/settings", act: toTheEnd },
  { name: "settings-problem", hash: "#/settings", act: setWrongHours },
  { name: "settings-empty", scene: "empty", hash: "#/settings" },
  { name: "restore", hash: "#/settings", act: openRestore },
  { name: "restore-left", hash: "#/settings", act: meetUnsent },
  { name: "restore-damaged", scene: "damaged", act: (page) => page.click(id("restore-open")) },
  { name: "restored", hash: "#/settings", act: restoreAll },
  { name: "zoom-settings", hash: "#/settings", width: 640, height: 400 },
  { name: "zoom-settings-end", hash: "#/settings", act: toTheEnd, width: 640, height: 400 },
  { name: "zoom-restore", hash: "#/settings", act: meetUnsent, width: 640, height: 400 },
  { name: "zoom-checklist", hash: checklist, width: 640, height: 400 },
  { name: "zoom-selected", hash: checklist, act: selectItems, width: 640, height: 400 },
  { name: "zoom-start", hash: "#/checklist/t-lake", width: 640, height: 400 },
  {
    name: "zoom-upgrade",
    scene: "newer",
    hash: checklist,
    act: (page) => page.click(id("upgrade-open")),
    width: 640,
    height: 400,
  },
  {
    name: "zoom-nested",
    scene: "workshop",
    hash: "#/checklist/t-delta",
    width: 640,
    height: 400,
  },
  { name: "zoom-item", hash: item("configure-sso"), width: 640, height: 400 },
  {
    name: "zoom-migration-detect",
    hash: migration,
    act: (page) => walking(page, 1),
    width: 640,
    height: 400,
  },
  { name: "zoom-people", hash: people, width: 640, height: 400 },
  { name: "zoom-people-rows", hash: people, act: lastPerson, width: 640, height: 400 },
  { name: "zoom-migration-step", hash: migration, act: closedStep, width: 640, height: 400 },
  { name: "zoom-migration-verified", hash: migration, act: verifyOne, width: 640, height: 400 },
  {
    name: "zoom-migration-rollback",
    hash: migration,
    act: comeToRollback,
    width: 640,
    height: 400,
  },
  {
    name: "narrow-migration-preview",
    hash: migration,
    act: (page) => walking(page, 4),
    width: 1000,
    height: 800,
  },
  {
    name: "zoom-migration-written",
    hash: migration,
    act: rulesOfFiles,
    width: 640,
    height: 400,
  },
  {
    name: "zoom-migration-rows",
    hash: migration,
    act: (page) => rowsBehind(page, "users-update"),
    width: 640,
    height: 400,
  },
  {
    name: "zoom-migration-record",
    hash: migration,
    act: openRecord,
    width: 640,
    height: 400,
  },
  { name: "zoom-migration-map", hash: migration, act: mapPeople, width: 640, height: 400 },
  {
    name: "zoom-owner",
    hash: item("configure-sso"),
    act: (page) => page.click(id("owner-trigger")),
    width: 640,
    height: 400,
  },
  { name: "zoom-sync", hash: "#/sync", width: 640, height: 400 },
  { name: "zoom-sync-waiting", hash: "#/sync", act: toTheQueue, width: 640, height: 400 },
  {
    name: "zoom-sync-edit",
    scene: "refused",
    hash: "#/sync",
    act: (page) => page.click(`${id("edit")} >> nth=0`),
    width: 640,
    height: 400,
  },
  {
    name: "zoom-sync-settle",
    scene: "disputed",
    hash: "#/sync",
    act: (page) => page.click(id("settle-mine")),
    width: 640,
    height: 400,
  },
  {
    name: "zoom-playbook-opened",
    scene: "opened-bad",
    hash: "#/today",
    act: waitForDialog,
    width: 640,
    height: 400,
  },
  { name: "zoom-today", hash: "#/today", width: 640, height: 400 },
  { name: "zoom-history", hash: "#/history", width: 640, height: 400 },
  { name: "zoom-history-revert", hash: "#/history", act: revertSpan, width: 640, height: 400 },
  { name: "zoom-tenants", hash: "#/tenants", width: 640, height: 400 },
  { name: "zoom-sign-in", scene: "sign-in", width: 640, height: 400 },
  { name: "zoom-sign-in-unsent", scene: "revoked", width: 640, height: 400 },
];

function waitForDialog(page) {
  return page.waitForSelector('[role="dialog"]');
}

/** Selects a few items, among them one with a check, and presses a key. */
async function selectItems(page, key) {
  await page.focus(id("item-row-check-room-codes"));
  for (let step = 0; step < 2; step += 1) await page.keyboard.press("Shift+ArrowDown");
  if (key) await page.keyboard.press(key);
}

async function leaveSome(page) {
  await selectItems(page, "Space");
  await page.waitForSelector(id("left"));
}

async function selectSome(page) {
  await page.focus(`${id("change-row")} >> nth=1`);
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Shift+ArrowDown");
}

async function revertSpan(page) {
  await page.focus(`${id("change-row")} >> nth=6`);
  await page.keyboard.press("Shift+R");
  await page.locator(id("revert-confirm")).waitFor();
}

async function lastChange(page) {
  await page.focus(`${id("change-row")} >> nth=0`);
  await page.keyboard.press("End");
}

async function openReason(page) {
  await page.focus(id("item-row-check-room-codes"));
  await page.keyboard.press("b");
  await page.click(id("reason-submit"));
}

async function chooseFile(page, text) {
  await page.check(id("playbook-from-file"));
  await page.setInputFiles(id("playbook-file"), {
    name: "library-pilot.toml",
    mimeType: "text/plain",
    buffer: Buffer.from(text),
  });
}

function chooseBadFile(page) {
  return chooseFile(page, "a fault");
}

async function chooseGoodFile(page) {
  await chooseFile(page, "all is well");
  await page.locator(id("playbook-facts")).waitFor();
}

async function placeStone(page) {
  await page.focus(id("item-row-check-room-codes"));
  await page.keyboard.press("Space");
}

async function openPalette(page) {
  await page.keyboard.press("Control+k");
  await page.fill(id("palette-input"), "hill");
}

async function openPassphrase(page) {
  await page.click(id("account-menu"));
  await page.click(id("menu-passphrase"));
}

async function toTheEnd(page) {
  await page.locator(id("copy-diagnostics")).scrollIntoViewIfNeeded();
}

async function toTheQueue(page) {
  await page.locator(id("queue-row")).last().scrollIntoViewIfNeeded();
}

async function setWrongHours(page) {
  await page.fill(id("quiet-from"), "at eight");
  await page.click(id("quiet-save"));
}

async function openRestore(page) {
  await page.locator(id("backup-restore")).nth(1).click();
  await page.waitForSelector(id("restore-confirm"));
}

async function meetUnsent(page) {
  await page.locator(id("backup-restore")).first().click();
  await page.fill(id("restore-confirm"), "restore");
  await page.click(id("restore-submit"));
  await page.waitForSelector(id("restore-leave"));
}

async function restoreAll(page) {
  await meetUnsent(page);
  await page.check(id("restore-leave"));
  await page.click(id("restore-submit"));
  await page.waitForSelector(id("restored"));
}

async function choosing(page, path = "riverside-2026-03-11.zip") {
  await page.fill(id("import-path"), path);
  await page.click(id("import-path-use"));
  await page.locator(`${id("migration-found")}, ${id("migration-failed")}`).waitFor();
}

async function walking(page, steps, path) {
  await choosing(page, path);
  const STEPS = ["detect", "map", "validate", "preview", "import"];
  for (const step of STEPS.slice(0, steps)) {
    await page.keyboard.press("Control+Enter");
    await page.locator(`${id(`migration-step-${step}`)}[aria-current]`).waitFor();
  }
  await page.locator(id("migration-job")).waitFor({ state: "detached" });
}

async function rulesOfFiles(page) {
  await walking(page, 1);
  await page.focus(id("written-encoding-6"));
}

/** The table with the most to say, one word of it said. */
async function mapPeople(page) {
  await walking(page, 2);
  await page.click(id("map-table-users.csv"));
  await page.selectOption(id("map-word-5-0"), "teacher");
  await page.selectOption(id("map-as-17"), "-");
  await page.focus(id("map-use-14"));
}

async function mapOne(page) {
  await walking(page, 1, "menu.csv");
  await page.selectOption(id("import-format"), "accounts");
  await page.locator(id("format-found")).waitFor();
  await page.keyboard.press("Control+Enter");
  await page.locator(id("map-missing")).waitFor();
}

/** The rows that a number of the preview counts. */
async function rowsBehind(page, number) {
  await walking(page, 4);
  await page.click(id(`preview-${number}`));
  await page.waitForSelector("#plan-row-0:focus");
}

async function findingRows(page, text) {
  await walking(page, 4);
  await page.locator(id("plan-rows")).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type(text);
  await page.locator(id("rows-clear")).waitFor();
}

async function turnPage(page) {
  await walking(page, 4);
  await page.focus("#plan-row-0");
  await page.keyboard.press("]");
  await page.keyboard.press("ArrowDown");
  await page.locator(id("rows-range")).scrollIntoViewIfNeeded();
}

async function findPeople(page) {
  await page.click(id("people-role-teacher"));
  await page.keyboard.press("/");
  await page.keyboard.type("ana");
  await page.selectOption(id("people-site"), { index: 1 });
  await page.locator(id("people-range")).getByText("found").waitFor();
}

async function findNobody(page) {
  await page.fill(id("people-text"), "xyz");
  await page.locator(id("people-clear")).waitFor();
}

async function lastPerson(page) {
  await page.focus("#person-0");
  await page.keyboard.press("End");
}

async function verifyOne(page) {
  await page.click(id("import-open"));
  await page.keyboard.press("Control+Enter");
  await page.click(id("report-html"));
  await page.locator(id("toast")).waitFor();
}

async function comeToRollback(page) {
  await page.click(id("import-open"));
  await page.click(id("migration-step-rollback"));
  await page.locator(id("import-rollback")).waitFor();
}

async function askRollback(page) {
  await comeToRollback(page);
  await page.keyboard.press("Control+Enter");
  await waitForDialog(page);
}

async function rollItBack(page) {
  await askRollback(page);
  await page.click(id("rollback-confirm"));
  await page.locator(id("rollback-done")).waitFor();
}

async function comeToImport(page) {
  await walking(page, 5);
  await page.click(id("remove-absent"));
}

async function importIt(page) {
  await walking(page, 5);
  await page.click(id("leave-rejected"));
  await page.keyboard.press("Control+Enter");
  await page.locator(id("import-outcome")).waitFor();
}

async function cancelIt(page) {
  await importIt(page);
  await page.click(id("import-cancel"));
  await waitForDialog(page);
}

async function refuseIt(page) {
  await walking(page, 5, "clean-refused-first.zip");
  await page.keyboard.press("Control+Enter");
  await page.locator(id("import-reason")).waitFor();
}

/** A fix and the file where it was made, as far down as both are seen. */
async function showFix(page) {
  await walking(page, 3);
  await page.click(id("cause-filter-fix"));
  await page.locator(id("file-counts")).scrollIntoViewIfNeeded();
}

async function closedStep(page) {
  await walking(page, 1);
  await page.focus(id("migration-step-preview"));
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Tab");
}

async function worstRows(page) {
  await walking(page, 4);
  await page.click(id("rows-worst"));
  await page.waitForTimeout(50);
  await page.locator(id("rows-range")).scrollIntoViewIfNeeded();
}

async function openRecord(page) {
  await rowsBehind(page, "users-update");
  await page.keyboard.press("c");
  await page.keyboard.press("Enter");
}

async function longJob(page) {
  await walking(page, 2);
  await page.keyboard.press("Control+Enter");
  await page.locator(id("job-pace")).waitFor();
}

async function lookAt(browser, origin, screen, theme, axe) {
  const context = await browser.newContext({
    viewport: { width: screen.width ?? 1280, height: screen.height ?? 800 },
    colorScheme: theme,
    locale: "en-GB",
    timezoneId: "UTC",
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`page: ${error.message}`));
  await page.clock.setFixedTime(new Date(NOW));
  await page.addInitScript(() => Object.freeze(Object.prototype));
  const query = new URLSearchParams({ now: NOW, ...(screen.scene ? { scene: screen.scene } : {}) });
  await page.goto(`${origin}/?${query}${screen.hash ?? ""}`);
  await page.locator("h1:visible, h2:visible").first().waitFor();
  await page.evaluate(() => document.fonts.ready);
  try {
    await screen.act?.(page);
    await page.waitForTimeout(150);
  } catch (error) {
    problems.push(`act: ${error.message.split("\n")[0]}`);
  }
  await page.screenshot({ path: join(out, `${screen.name}-${theme}.png`) });
  const sideways = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  if (sideways > 0) problems.push(`scrolls sideways by ${sideways} px`);
  await page.evaluate(axe);
  const result = await page.evaluate(() =>
    window.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      // Menus open at the end of the page, outside its landmarks; the rule is advice, not A or AA.
      rules: { region: { enabled: false } },
    }),
  );
  for (const found of result.violations) {
    const where = found.nodes.slice(0, 3).map((node) => node.target.join(" "));
    problems.push(
      `axe ${found.id} (${found.impact}): ${where.join(" | ")} ${found.nodes[0]?.any[0]?.message ?? ""}`,
    );
  }
  await context.close();
  return problems;
}

async function main() {
  mkdirSync(out, { recursive: true });
  const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  const { origin, browser, close } = await openSite();
  const wanted = values.only?.split(",");
  let bad = 0;
  for (const screen of SCREENS) {
    if (wanted && !wanted.includes(screen.name)) continue;
    const looks = ["light", "dark"].map(async (theme) => {
      const problems = await lookAt(browser, origin, screen, theme, axe);
      bad += problems.length;
      process.stdout.write(`${problems.length === 0 ? "ok  " : "BAD "} ${screen.name} ${theme}\n`);
      for (const problem of problems) process.stdout.write(`      ${problem}\n`);
    });
    await Promise.all(looks);
  }
  await close();
  process.exitCode = bad === 0 ? 0 : 1;
}

await main();
