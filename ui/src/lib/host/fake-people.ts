/** The people of a roster for the host in memory. */
import type { PeopleQuery } from "./commands";
import type { PeoplePage, PeopleTotals, PersonRow, PersonSite } from "./types";

/** As many people are looked at for one page. */
const LOOKED_AT = 400;

const pick = <T>(from: readonly T[], at: number): T => from[at % from.length] as T;
const padded = (at: number, length: number) => String(at).padStart(length, "0");

const GIVEN = ["Ana", "Bruno", "Chloé", "Dario", "Elif", "Finn", "Grace", "Hugo", "Ines", "Jakub"];
const FAMILY = ["Almeida", "Brandt", "Castro", "Dvořák", "Eriksen", "Fischer", "Grant"];
const SITES = [
  "Cedar Grove High School",
  "Maple Elementary and Middle School",
  "Riverside Academy",
  "Willow Creek Primary",
].map((name, at): PersonSite => ({ id: `SCH-${padded(at + 1, 4)}`, name }));

/** So many people, some of each sort that a roster has. */
export function fakePeople(count: number): PersonRow[] {
  return Array.from({ length: count }, (_, at) => person(at));
}

function person(at: number): PersonRow {
  const name = `${pick(GIVEN, at)} ${pick(FAMILY, at * 3)}`;
  const login = name
    .normalize("NFD")
    .replace(/[^a-z ]/gi, "")
    .toLowerCase()
    .replace(" ", ".");
  const role = roleOf(at);
  const isStudent = role === "student";
  const sites = at % 40 === 12 ? [pick(SITES, at), pick(SITES, at + 1)] : [pick(SITES, at)];
  return {
    id: `USR-${padded(at * 3 + 1, 5)}`,
    kind: "users",
    name: at % 97 === 8 ? null : name,
    roles: at % 60 === 12 ? [role, "administrator"] : [role],
    sites: role === "guardian" ? [] : sites,
    email: role === "guardian" ? null : `${login}${at}@riverside.example`,
    grades: isStudent ? padded(7 + (at % 5), 2) : null,
    active: at % 45 !== 4,
  };
}

function roleOf(at: number): string {
  if (at % 230 === 3) return "administrator";
  if (at % 25 === 6) return "guardian";
  return at % 12 === 0 ? "teacher" : "student";
}

/** A page of them, as the real one answers; null stands for a tenant without a roster. */
export function fakePeoplePage(
  all: PersonRow[] | null,
  query: PeopleQuery,
  masked: boolean,
  asOf: string,
): PeoplePage {
  const list = all ?? [];
  const people: PersonRow[] = [];
  const text = query.text.trim().toLowerCase();
  const end = Math.min(list.length, query.from + LOOKED_AT);
  let place = query.from;
  for (; place < end && people.length < query.limit; place += 1) {
    const one = list[place];
    if (!one) continue;
    const shown = masked ? veiled(one) : one;
    if (passes(shown, query) && has(shown, text)) people.push(shown);
  }
  return {
    people,
    from: query.from,
    next: place < list.length ? place : null,
    total: list.length,
    totals: query.totals ? totalsOf(list) : null,
    revision: all === null ? null : 3,
    as_of: all === null ? null : asOf,
    masked,
  };
}

function passes(one: PersonRow, { role, site }: PeopleQuery): boolean {
  const isRole = role === null || (one.roles[0] ?? "") === role;
  return isRole && (site === null || one.sites.some(({ id }) => id === site));
}

function has({ id, name, email }: PersonRow, text: string): boolean {
  return [id, name, email].some((value) => value?.toLowerCase().includes(text));
}

function totalsOf(list: PersonRow[]): PeopleTotals {
  const roles = new Map<string | null, number>();
  const sites = new Map<string, { id: string; name: string; people: number }>();
  for (const { roles: own, sites: at } of list) {
    roles.set(own[0] ?? null, (roles.get(own[0] ?? null) ?? 0) + 1);
    for (const site of at) {
      sites.set(site.id, { ...site, people: (sites.get(site.id)?.people ?? 0) + 1 });
    }
  }
  return {
    roles: [...roles]
      .map(([role, people]) => ({ role, people }))
      .sort((one, other) => other.people - one.people),
    other_roles: 0,
    sites: [...sites.values()].sort((one, other) => one.name.localeCompare(other.name)),
    more_sites: false,
  };
}

/** Letters as x, digits as 9. */
function veiled(one: PersonRow): PersonRow {
  const outline = (text: string | null) =>
    text?.replace(/\p{L}/gu, "x").replace(/\d/g, "9") ?? null;
  return { ...one, name: outline(one.name), email: outline(one.email) };
}
