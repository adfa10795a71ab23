/** The columns of the host in memory's roster: read as the core does, with each thing that can be open. */
import { LEFT_OUT, rulesOf } from "../state/mapping";
import type {
  ColumnLook,
  DatesLook,
  FieldLook,
  FileRules,
  ImportRules,
  TableLook,
  WordLook,
} from "./types";

/** A column as it lies in a file. */
type Raw = {
  label: string;
  /** The field that the label is a known other name of. */
  alias?: string;
  /** The field that the label looks like, and how much. */
  like?: [string, number];
  samples?: string[];
  /** Words, and how often they stand there. */
  words?: Record<string, number>;
  /** Dates that are not `YYYY-MM-DD`: the order that they prove, or null. */
  dates?: string | null;
};

type Shape = Pick<TableLook, "size" | "unpacked" | "encoding" | "delimiter" | "line_ends">;

const KEYS = ["sourcedId!", "status", "dateLastModified"];
const ROLES = "administrator aide guardian parent proctor relative student teacher";

/** Fields by type of record: `!` marks required ones, words follow in brackets. */
const FIELDS: Record<string, string[]> = {
  academicSessions: [
    ...KEYS,
    "title!",
    "type!(gradingPeriod semester schoolYear term)",
    "startDate!",
    "endDate!",
    "parentSourcedId",
    "schoolYear!",
  ],
  classes: [
    ...KEYS,
    "title!",
    "grades",
    "courseSourcedId!",
    "classCode",
    "classType!(homeroom scheduled)",
    "location",
    "schoolSourcedId!",
    "termSourcedIds!",
    "subjects",
    "subjectCodes",
    "periods",
  ],
  courses: [
    ...KEYS,
    "schoolYearSourcedId",
    "title!",
    "courseCode",
    "grades",
    "orgSourcedId!",
    "subjects",
    "subjectCodes",
  ],
  enrollments: [
    ...KEYS,
    "classSourcedId!",
    "schoolSourcedId!",
    "userSourcedId!",
    `role!(${ROLES})`,
    "primary(true false)",
    "beginDate",
    "endDate",
  ],
  orgs: [
    ...KEYS,
    "name!",
    "type!(department school district local state national)",
    "identifier",
    "parentSourcedId",
  ],
  users: [
    ...KEYS,
    "enabledUser!(true false)",
    "orgSourcedIds!",
    `role!(${ROLES})`,
    "username!",
    "userIds",
    "givenName!",
    "familyName!",
    "middleName",
    "identifier",
    "email",
    "sms",
    "phone",
    "agentSourcedIds",
    "grades",
    "password",
  ],
  accounts: [
    "email!",
    "first_name!",
    "last_name!",
    "organization!",
    "role!",
    "phone",
    "department",
    "position",
  ],
};

/** What stands in the first rows, by field. */
const SAMPLES: Record<string, string[]> = {
  title: ["Autumn 2025", "Spring 2026"],
  type: ["semester", "term"],
  schoolYear: ["2026"],
  grades: ["07", "08", "09"],
  classCode: ["MA-7A", "MA-7B", "EN-8C"],
  classType: ["scheduled", "homeroom"],
  location: ["R 12", "R 114"],
  name: ["Riverside Unified", "Maple Elementary"],
  role: ["student", "teacher"],
  enabledUser: ["true", "false"],
  givenName: ["xxxx", "xxxxxx", "xxx"],
  username: ["xxxx.xxxxx", "xxx.xxxxxx"],
  email: ["xxxx.xxxxx@xxxxxx.xxx"],
  phone: ["999 999 9999"],
};

/** Columns that are labelled otherwise in a set that has faults, by table and place. */
const FAULTS: Record<string, Record<number, Raw>> = {
  academicSessions: {
    5: { label: "startDate", samples: ["01/09/2025", "02/02/2026"], dates: null },
    6: { label: "endDate", samples: ["30.01.2026", "26.06.2026"], dates: "dd.MM.yyyy" },
  },
  classes: { 12: { label: "house", samples: ["xxxxx", "xxxx"] } },
  courses: { 7: { label: "district", samples: ["xxx-9"] } },
  users: {
    5: {
      label: "role",
      samples: ["student", "Lehrkraft", "Aushilfe"],
      words: { Lehrkraft: 212, Aushilfe: 9 },
    },
    8: { label: "Given name", alias: "givenName", samples: ["xxxx", "xxxxxx", "xxx"] },
    14: { label: "phoneNo", like: ["phone", 0.83], samples: ["999 999 9999", "99999 99"] },
    17: { label: "shoe size", samples: ["99"] },
  },
};

const MENU: Raw[] = [
  { label: "E-mail", alias: "email", samples: ["xxx@xxxxxx.xxx", "xxxx@xxxxxx.xxx"] },
  { label: "First name", alias: "first_name", samples: ["xxx", "xxxxx"] },
  { label: "Organistion", like: ["organization", 0.92], samples: ["xxxxxx xxxxxx"] },
];

export function fakeTable(
  name: string,
  kind: string | null,
  clean: boolean,
  mapping: ImportRules,
  shape: Shape,
): TableLook {
  const plain = (FIELDS[kind ?? ""] ?? ["propertyName", "value"]).map((field): Raw => {
    const { name: label } = fieldOf(field);
    return { label, samples: SAMPLES[label] ?? ["x-9999", "x-9998"] };
  });
  const faults = clean ? {} : (FAULTS[kind ?? ""] ?? {});
  return read(
    name,
    kind,
    plain.map((raw, at) => faults[at] ?? raw),
    rulesOf(mapping, name),
    shape,
  );
}

/** One table of no known format, until it is named. */
export function fakeMenu(isNamed: boolean, mapping: ImportRules): TableLook {
  const shape = {
    size: 1_204,
    unpacked: 1_204,
    encoding: "utf-8",
    delimiter: ",",
    line_ends: "LF",
  };
  const kind = isNamed ? "accounts" : null;
  return read("menu.csv", kind, MENU, rulesOf(mapping, "menu.csv"), shape);
}

/** Names and labels: other lines below which the labels stand give other labels. */
export function fakeSource(name: string, mapping: ImportRules): string {
  const lines = Object.values(mapping.files ?? {}).map((rules) => rules?.skip_lines ?? 0);
  const below = lines.reduce((sum, one) => sum + one, 0);
  return `source of ${name}${below === 0 ? "" : `, ${below} lines below`}`;
}

function read(
  name: string,
  found: string | null,
  raw: Raw[],
  rules: FileRules,
  shape: Shape,
): TableLook {
  const kind = rules.is === LEFT_OUT ? null : (rules.is ?? found);
  const fields = (FIELDS[kind ?? ""] ?? []).map(fieldOf);
  return {
    ...shape,
    name,
    kind,
    fields,
    columns: columnsOf(raw, fields, rules),
    encoding: rules.encoding ?? shape.encoding,
    delimiter: rules.delimiter ?? shape.delimiter,
  };
}

function fieldOf(text: string): FieldLook {
  const [, name = "", required, words] = /^(\w+)(!?)(?:\((.*)\))?$/.exec(text) ?? [];
  return { name, required: required === "!", words: words?.split(" ") ?? [] };
}

/** Told, to the letter, by another name, then by likeness; a field is taken once. */
function columnsOf(raw: Raw[], fields: FieldLook[], rules: FileRules): ColumnLook[] {
  const taken = new Set<string>();
  const found = new Map<Raw, [field: string, how: string, confidence: number]>();
  const isFree = (field: string | undefined): field is string =>
    fields.some((one) => one.name === field) && !taken.has(field ?? "");
  const take = (one: Raw, field: string, how: string, confidence: number) => {
    found.set(one, [field, how, confidence]);
    if (how !== "fuzzy") taken.add(field);
  };
  const isLeft = (one: Raw) => rules.columns?.[one.label] === LEFT_OUT;
  for (const one of raw) {
    const said = rules.columns?.[one.label];
    if (said === undefined || said === LEFT_OUT || fields.length === 0) continue;
    if (!fields.some((field) => field.name === said)) {
      const message = `The mapping cannot be used: there is no column '${said}'`;
      throw { code: "bad_mapping", message, details: null };
    }
    take(one, said, "told", 1);
  }
  const rest = () => raw.filter((one) => !found.has(one) && !isLeft(one));
  for (const one of rest()) if (isFree(one.label)) take(one, one.label, "exact", 1);
  for (const one of rest()) if (isFree(one.alias)) take(one, one.alias, "alias", 0.95);
  for (const one of rest()) {
    const [field, likeness] = one.like ?? [];
    if (isFree(field)) take(one, field, "fuzzy", likeness ?? 0);
  }
  return raw.map((one) => {
    const [field, how, confidence] = found.get(one) ?? [null, "none", 0];
    const mapped = field !== null && how !== "fuzzy";
    const known = mapped ? fields.find((all) => all.name === field) : undefined;
    return {
      label: one.label,
      column: field,
      how,
      confidence,
      mapped,
      left_out: isLeft(one),
      samples: one.samples ?? [],
      words: known ? wordsOf(one, known, rules) : [],
      dates: known ? datesOf(one, known, rules) : null,
    };
  });
}

function wordsOf(one: Raw, field: FieldLook, rules: FileRules): WordLook[] {
  if (field.words.length === 0) return [];
  const said = rules.values?.[field.name] ?? rules.values?.[one.label] ?? {};
  return Object.entries(one.words ?? {}).map(([word, count]) => ({
    word,
    count,
    meant: said[word] ?? null,
  }));
}

function datesOf(one: Raw, field: FieldLook, rules: FileRules): DatesLook | null {
  if (one.dates === undefined || !field.name.endsWith("Date")) return null;
  const told = rules.dates?.[field.name] ?? rules.dates?.[one.label];
  const order = told ?? one.dates;
  return { order, told: told !== undefined, unclear: order === null };
}
