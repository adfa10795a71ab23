/** The six statuses of an item, in the order a menu shows them. */
export const STATUSES = [
  "not_started",
  "in_progress",
  "waiting_to_verify",
  "complete",
  "blocked",
  "not_applicable",
] as const;

/** One of the six statuses. */
export type Status = (typeof STATUSES)[number];

/** The status a text names; an unknown one, written by a newer version, reads as not started. */
export function asStatus(text: string): Status {
  return (STATUSES as readonly string[]).includes(text) ? (text as Status) : "not_started";
}

/** Whether a status must carry a reason. */
export function needsReason(status: Status): boolean {
  return status === "blocked" || status === "not_applicable";
}

/** Whether nothing is left to do. */
export function isSettled(status: Status): boolean {
  return status === "complete" || status === "not_applicable";
}

/**
 * Statuses that can be chosen for an item: only an item with a check can wait to be verified,
 * and such an item is completed by its check, so people claim it instead.
 */
export function choices(hasCheck: boolean): Status[] {
  return STATUSES.filter((status) => (status === "waiting_to_verify" ? hasCheck : true)).filter(
    (status) => (status === "complete" ? !hasCheck : true),
  );
}

/** Statuses that can be chosen for at least one of several items. */
export function choicesOf(items: ReadonlyArray<{ check: string | null }>): Status[] {
  const kinds = [...new Set(items.map((item) => item.check !== null))].map(choices);
  return STATUSES.filter((status) => kinds.some((kind) => kind.includes(status)));
}

/** What Space writes: the claim where a check confirms it, otherwise complete. */
export function doneStatus(hasCheck: boolean): Status {
  return hasCheck ? "waiting_to_verify" : "complete";
}
