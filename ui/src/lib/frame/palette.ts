/** What the palette offers, found by words. */
import type { TenantRow } from "../host/types";
import { find } from "../search";

/** A line of the palette that is not a tenant. */
export type Action = {
  id: string;
  label: string;
  hint: string;
  keys: string[];
  icon:
    | "today"
    | "history"
    | "screen"
    | "checklist"
    | "sync"
    | "settings"
    | "lock"
    | "key"
    | "out"
    | "bell"
    | "upgrade"
    | "migration"
    | "people";
  run: () => void;
};

/** A heading with its lines. */
export type Group = { title: string; lines: Line[] };

/** One line: a tenant to open or an action to run. */
export type Line =
  | { kind: "tenant"; id: string; tenant: TenantRow }
  | { kind: "action"; id: string; action: Action };

/** How many tenants show at once; typing narrows the rest. */
export const TENANTS_SHOWN = 8;

/** The tenants that match; without words the recent ones come first. */
export function tenantsFor(tenants: TenantRow[], recent: string[], typed: string): TenantRow[] {
  if (typed.trim() !== "")
    return find(tenants, typed, (row) => `${row.name} ${row.slug} ${row.id}`);
  const first = recent.flatMap((id) => tenants.find((row) => row.id === id) ?? []);
  return [...first, ...tenants.filter((row) => !recent.includes(row.id))];
}

/** The actions that match. */
export function actionsFor(actions: Action[], typed: string): Action[] {
  return find(actions, typed, (action) => `${action.label} ${action.hint}`);
}
