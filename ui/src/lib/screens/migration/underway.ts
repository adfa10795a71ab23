import type { ImportUnderway } from "../../host/types";

/** How far an import was, and when, in milliseconds of any clock. */
export type Sample = { doing: ImportUnderway["doing"]; done: number; at: number };

/** A pace that is younger than this jumps about, in milliseconds. */
const STEADY = 1_500;

/** How much a second and seconds left since the first sample; none where that cannot be said yet. */
export function paceOf(
  first: Sample,
  underway: ImportUnderway,
  now: number,
): { rate: number; left: number } | null {
  const elapsed = now - first.at;
  const done = underway.done - first.done;
  if (elapsed < STEADY || done <= 0) return null;
  const rate = done / (elapsed / 1_000);
  return { rate, left: (underway.total - underway.done) / rate };
}

/** Where the measuring starts: anew where something else begins, or the same from its start. */
export function firstOf(known: Sample | null, underway: ImportUnderway, now: number): Sample {
  const { doing, done } = underway;
  const goesOn = known !== null && known.doing === doing && done >= known.done;
  return goesOn ? known : { doing, done, at: now };
}

/** Whether it counts records and no bytes. */
export function isRecords(underway: ImportUnderway): boolean {
  return underway.doing === "apply" || underway.doing === "stage";
}

/** Records of a file of which so much has arrived. They lie in it one behind the other, so it is about so many. */
export function recordsIn(underway: ImportUnderway, records: number): number {
  if (isRecords(underway)) return underway.done;
  return underway.total === 0 ? 0 : Math.floor((underway.done / underway.total) * records);
}
