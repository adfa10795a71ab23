/** The rows of the plan for the host in memory: each record that it would change, before and after. */
import type { PlanQuery } from "./commands";
import type { ImportPlan, PlanChange, PlanPage, PlanRow, PlanValue } from "./types";

/** As many rows are looked at for one page that is searched. */
const LOOKED_AT = 400;
/** As many are kept of those that change most. */
const WORST = 100;

/** Values by column, in the order of the format. */
type Values = { [column: string]: string | null };
/** A record that changes: its place in its type, and among those of its change. */
type Lying = { type: string; place: number; change: PlanChange; nth: number };

const pick = (from: string[], at: number): string => from[at % from.length] ?? "";
const padded = (at: number, length: number) => String(at).padStart(length, "0");

const GIVEN = ["Ana", "Bruno", "Chloé", "Dario", "Elif", "Finn", "Grace", "Hugo", "Ines", "Jakub"];
const FAMILY = ["Almeida", "Brandt", "Castro", "Dvořák", "Eriksen", "Fischer", "Grant"];
const SUBJECTS = ["Mathematics", "English", "Biology", "History", "Music", "Chemistry"];
const PERSONAL = new Set(["username", "givenName", "familyName", "middleName", "email", "phone"]);

/** A record as it would be, by its type. */
const RECORDS: Record<string, (id: string, at: number) => Values> = {
  academicSessions: (id, at) => ({
    sourcedId: id,
    title: pick(["Autumn 2026", "Spring 2027"], at),
    type: "semester",
    startDate: pick(["2026-09-01", "2027-02-01"], at),
    endDate: pick(["2027-01-29", "2027-06-25"], at),
    schoolYear: "2027",
  }),
  classes: (id, at) => ({
    sourcedId: id,
    title: `${pick(SUBJECTS, at)} ${7 + (at % 5)}${pick(["A", "B", "C"], at)}`,
    grades: padded(7 + (at % 5), 2),
    courseSourcedId: `CRS-${padded(at % 96, 3)}`,
    classCode: null,
    classType: "scheduled",
    location: `R ${12 + (at % 40)}`,
    schoolSourcedId: `SCH-${padded(at % 14, 4)}`,
    termSourcedIds: "TRM-2026-1,TRM-2026-2",
    periods: pick(["1", "2", "3"], at),
  }),
  courses: (id, at) => ({
    sourcedId: id,
    title: pick(SUBJECTS, at),
    courseCode: `C${padded(at, 3)}`,
    grades: padded(7 + (at % 5), 2),
    orgSourcedId: "DST-0001",
  }),
  enrollments: (id, at) => ({
    sourcedId: id,
    classSourcedId: `CLS-${padded(at % 332, 4)}`,
    schoolSourcedId: `SCH-${padded(at % 14, 4)}`,
    userSourcedId: `USR-${padded(at % 2_300, 5)}`,
    role: at % 25 === 0 ? "teacher" : "student",
    primary: at % 25 === 0 ? "true" : null,
    beginDate: "2026-09-01",
    endDate: "2027-06-25",
  }),
  orgs: (id) => ({
    sourcedId: id,
    name: "Maple Elementary and Middle School",
    type: "school",
    parentSourcedId: "DST-0001",
  }),
  users: (id, at) => {
    const [given, family] = [pick(GIVEN, at), pick(FAMILY, at)];
    const name = `${given}.${family}`.normalize("NFD").replace(/[^a-z.]/gi, "");
    return {
      sourcedId: id,
      enabledUser: "true",
      orgSourcedIds: `SCH-${padded(at % 14, 4)}`,
      role: at % 12 === 0 ? "teacher" : "student",
      username: name.toLowerCase(),
      givenName: given,
      familyName: family,
      middleName: null,
      identifier: padded(40_000 + at, 6),
      email: `${name.toLowerCase()}@riverside.example`,
      phone: at % 3 === 0 ? `020 7946 ${padded(at % 1_000, 4)}` : null,
      grades: padded(7 + (at % 5), 2),
      password: "•••",
    };
  },
};

/** What an updated record had before, in turn. The first of all changes most. */
const HAD: Record<string, Values[]> = {
  classes: [{ location: "R 3" }, { title: "Maths", periods: "4" }],
  courses: [{ grades: null }, { courseCode: "OLD-7" }],
  orgs: [{ name: "Maple Elementary" }],
  users: [
    {
      role: "aide",
      username: "temp.account",
      givenName: "Anna",
      familyName: "Unknown",
      email: "temp@riverside.example",
      phone: null,
      grades: null,
    },
    { givenName: "Anna" },
    { email: null, phone: "030 5550 0199" },
    { grades: "06" },
  ],
};

const IDS: Record<string, [string, number]> = {
  academicSessions: ["TRM-", 3],
  classes: ["CLS-", 4],
  courses: ["CRS-", 3],
  enrollments: ["ENR-", 6],
  orgs: ["SCH-", 4],
  users: ["USR-", 5],
};

/** The rows of a plan, type by type: as many of each change as its counts say, all over each type. */
export function fakeRows(plan: ImportPlan): Lying[] {
  return Object.entries(plan.types).flatMap(([type, one]) => {
    if (!one) return [];
    const { create, update, remove, absent } = one;
    const counts = { create, update, remove: remove - absent, absent };
    const spread = Object.entries(counts).flatMap(([change, count]) =>
      Array.from({ length: count }, (_, nth) => ({
        change: change as PlanChange,
        nth,
        where: (nth + 0.5) / count,
      })),
    );
    spread.sort((one, other) => one.where - other.where);
    return spread.map(({ change, nth }, place) => ({ type, place, change, nth }));
  });
}

/** A page of them, as the real one answers. */
export function fakePlanPage(all: Lying[], query: PlanQuery, masked: boolean): PlanPage {
  const passing = all
    .map((lying, at) => ({ lying, at }))
    .filter(({ lying }) => query.type === null || lying.type === query.type)
    .filter(({ lying }) => query.change === null || lying.change === query.change)
    .map((one) => () => shown(one.lying, one.at, masked));
  const list = query.worst ? worstOf(passing) : passing;
  const rows: PlanRow[] = [];
  let place = query.from;
  const end = query.text === "" ? list.length : Math.min(list.length, place + LOOKED_AT);
  for (; place < end && rows.length < query.limit; place += 1) {
    const row = list[place]?.();
    if (row && has(row, query.text.toLowerCase())) rows.push(row);
  }
  const next = place < list.length ? place : null;
  return { rows, total: list.length, from: query.from, next, masked };
}

function worstOf(passing: (() => PlanRow)[]): (() => PlanRow)[] {
  const rows = passing.map((row) => row()).filter((row) => row.change === "update");
  rows.sort((one, other) => other.changed - one.changed);
  return rows.slice(0, WORST).map((row) => () => row);
}

function has(row: PlanRow, text: string): boolean {
  const values = row.values.flatMap(({ before, after }) => [before, after]);
  return [row.id, ...values].some((value) => value?.toLowerCase().includes(text));
}

function shown({ type, place, change, nth }: Lying, at: number, masked: boolean): PlanRow {
  const [prefix, length] = IDS[type] ?? ["", 1];
  const id = `${prefix}${padded(place * 3 + 1, length)}`;
  const values = valuesOf(RECORDS[type]?.(id, place) ?? {}, HAD[type] ?? [], change, nth);
  return {
    at,
    type,
    id,
    change,
    row: change === "absent" ? null : place * 4 + 2,
    changed: values.filter(({ before, after }) => before !== after).length,
    values: masked ? values.map(veiled) : values,
  };
}

function valuesOf(record: Values, had: Values[], change: PlanChange, nth: number): PlanValue[] {
  // Only the first of all is wholly another.
  const turn = nth === 0 ? had[0] : had[1 + (nth % (had.length - 1))];
  const before = change === "update" ? { ...record, ...(turn ?? had[0]) } : record;
  return Object.keys(record).map((column) => ({
    column,
    before: change === "create" ? null : (before[column] ?? null),
    after: change === "create" || change === "update" ? (record[column] ?? null) : null,
  }));
}

/** Letters as x, digits as 9. */
function veiled({ column, before, after }: PlanValue): PlanValue {
  if (!PERSONAL.has(column)) return { column, before, after };
  const outline = (text: string | null) =>
    text?.replace(/\p{L}/gu, "x").replace(/\d/g, "9") ?? null;
  return { column, before: outline(before), after: outline(after) };
}
