/**
 * Measures how a checklist of 10,000 items scrolls: turns the wheel through it and prints the times
 * between frames as JSON, in milliseconds. A measurement, not a test: it depends on the machine.
 *
 *   node tools/scroll.mjs [--turns N] [--by PIXELS]     CHROMIUM names the browser
 */
import { parseArgs } from "node:util";
import { openSite } from "./site.mjs";

const { values } = parseArgs({
  options: {
    turns: { type: "string", default: "1500" },
    by: { type: "string", default: "240" },
  },
});

/** Notes the time of each frame until it is stopped. */
function watchFrames() {
  window.cairnFrames = [];
  const note = (at) => {
    window.cairnFrames?.push(at);
    if (window.cairnFrames) window.requestAnimationFrame(note);
  };
  window.requestAnimationFrame(note);
}

function frameTimes() {
  const frames = window.cairnFrames;
  window.cairnFrames = null;
  return frames.slice(1).map((at, index) => at - frames[index]);
}

function percentile(sorted, share) {
  return Math.round((sorted[Math.floor((sorted.length - 1) * share)] ?? 0) * 10) / 10;
}

async function main() {
  const { origin, browser, close } = await openSite();
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, locale: "en-GB" });
  await page.goto(`${origin}/?scene=huge#/checklist/t-large`);
  const list = page.locator('[data-testid="checklist"]');
  await list.waitFor();
  await list.hover({ position: { x: 300, y: 300 } });
  await page.evaluate(watchFrames);
  for (let turn = 0; turn < Number(values.turns); turn += 1) {
    await page.mouse.wheel(0, Number(values.by));
  }
  const times = (await page.evaluate(frameTimes)).sort((a, b) => a - b);
  const reached = await page.locator("[data-row]").last().getAttribute("data-row");
  const rows = await page.locator("[data-row]").count();
  await close();
  const figures = {
    frames: times.length,
    p50: percentile(times, 0.5),
    p95: percentile(times, 0.95),
    longest: percentile(times, 1),
    rows_in_page: rows,
    reached_row: Number(reached),
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

await main();
