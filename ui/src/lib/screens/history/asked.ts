/** What the filters of the history say, and what that asks the core for. */
import { dayOf } from "../../format";
import type { HistoryFilter } from "../../host/types";

/** The fields as they stand; empty ones do not narrow. Days are `YYYY-MM-DD`. */
export type Asked = { text: string; person: string; kind: string; from: string; until: string };

/** Nothing narrowed. */
export const NOTHING: Asked = { text: "", person: "", kind: "", from: "", until: "" };

/** Whether any field narrows. */
export function isNarrowed(asked: Asked): boolean {
  return Object.values(asked).some((value) => value.trim() !== "");
}

/** The filter for the core; days are whole days where this window stands, both included. */
export function filterOf(asked: Asked, tenant: string | null, item: string | null): HistoryFilter {
  const filter: HistoryFilter = {};
  if (tenant !== null) filter.tenant = tenant;
  if (tenant !== null && item !== null) filter.entity = item;
  if (asked.text.trim() !== "") filter.text = asked.text.trim();
  if (asked.person !== "") filter.person = asked.person;
  if (asked.kind !== "") filter.kind = asked.kind;
  if (asked.from !== "") filter.from = dayOf(asked.from).toISOString();
  if (asked.until !== "") filter.until = dayAfter(asked.until).toISOString();
  return filter;
}

function dayAfter(day: string): Date {
  const start = dayOf(day);
  return new Date(start.getFullYear(), start.getMonth(), start.getDate() + 1);
}
