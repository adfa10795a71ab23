/** A roster for the host in memory: a district's folder with the faults that such folders have. */
import { fakeMenu, fakeSource, fakeTable } from "./fake-columns";
import type {
  ImportCounts,
  ImportFile,
  ImportLook,
  ImportPlan,
  ImportProblem,
  ImportReport,
  ImportRules,
  TableLook,
} from "./types";

const FORMATS = [
  { format: "oneroster-1.0", title: "OneRoster 1.0" },
  { format: "oneroster-1.1", title: "OneRoster 1.1" },
  { format: "oneroster-1.2", title: "OneRoster 1.2" },
  { format: "clever", title: "Clever SFTP" },
  { format: "sds-2.1", title: "Microsoft School Data Sync 2.1" },
  { format: "school-students", title: "Students of a school" },
  { format: "accounts", title: "Accounts" },
  { format: "ethics-cases", title: "Cases of an ethics line" },
];

/** Name, type, bytes, then accepted, fixed, rejected and skipped. */
const TABLES: [string, string | null, number, number, number, number, number][] = [
  ["academicSessions.csv", "academicSessions", 1_204, 6, 0, 0, 0],
  ["classes.csv", "classes", 41_870, 324, 8, 5, 0],
  ["courses.csv", "courses", 9_912, 96, 0, 0, 0],
  ["enrollments.csv", "enrollments", 1_204_116, 9_683, 0, 88, 5],
  ["manifest.csv", "manifest", 391, 14, 0, 0, 0],
  ["orgs.csv", "orgs", 2_044, 14, 0, 0, 0],
  ["users.csv", "users", 389_204, 2_251, 50, 6, 0],
];

const counts = (
  accepted: number,
  fixed: number,
  rejected: number,
  skipped: number,
): ImportCounts => ({
  rows: accepted + fixed + rejected + skipped,
  accepted,
  fixed,
  rejected,
  skipped,
});

/** What the look at a path says, as the real one would for files of that name. */
export function fakeLook(
  path: string,
  format: string | undefined,
  mapping: ImportRules = {},
): ImportLook {
  const name = path.split(/[\\/]/).at(-1) ?? path;
  const told = FORMATS.find((one) => one.format === (format ?? mapping.format)) ?? null;
  const base = {
    name,
    tables: fakeTables(path.includes("clean"), mapping),
    left: [{ name: "read-me.pdf", reason: "not a table" }],
    formats: FORMATS,
    kinds: ["academicSessions", "classes", "courses", "enrollments", "orgs", "users"],
    source: fakeSource(name, mapping),
    unknown: null,
    format: told,
    detected: told && { confidence: 1, reason: "the format was named", others: [] },
  };
  if (path.includes("menu")) {
    const unknown = told ? null : "the files are of no known format";
    const tables = [fakeMenu(told !== null, mapping)];
    return { ...base, tables, left: [], kinds: told ? ["accounts"] : [], unknown };
  }
  if (told) return base;
  return {
    ...base,
    format: { format: "oneroster-1.1", title: "OneRoster 1.1" },
    detected: {
      confidence: 0.97,
      reason:
        "classes.csv has the labels of classes (98 %); enrollments.csv has the labels of enrollments (100 %); users.csv has the labels of users (94 %)",
      others: [{ format: "sds-2.1", confidence: 0.62 }],
    },
  };
}

function fakeTables(clean: boolean, mapping: ImportRules): TableLook[] {
  return TABLES.map(([name, kind, size]) =>
    fakeTable(name, kind, clean, mapping, {
      size,
      unpacked: size,
      encoding: name === "users.csv" ? "windows-1252" : "utf-8",
      delimiter: name === "users.csv" ? ";" : ",",
      line_ends: name === "users.csv" ? "CRLF" : "LF",
    }),
  );
}

const problem = (given: Partial<ImportProblem> & Pick<ImportProblem, "cause">): ImportProblem => ({
  code: "constraint-error",
  severity: "error",
  file: "users.csv",
  column: null,
  count: 1,
  suggestion: "",
  examples: [],
  rule: "",
  spread: [],
  ...given,
});

const PROBLEMS: ImportProblem[] = [
  problem({
    code: "foreign-key",
    rule: "no-target",
    file: "enrollments.csv",
    column: "schoolSourcedId",
    count: 93,
    cause: "school SCH-0417 is not in orgs.csv",
    suggestion: "add the school to orgs.csv, or correct the rows that name it",
    spread: [
      { file: "enrollments.csv", column: "schoolSourcedId", count: 88 },
      { file: "classes.csv", column: "schoolSourcedId", count: 5 },
    ],
    examples: [118, 119, 120, 304, 305].map((row) => ({ row, value: "SCH-0417" })),
  }),
  problem({
    rule: "required",
    column: "role",
    count: 6,
    cause: "a required value is blank",
    suggestion: "fill in the role of each person",
    examples: [61, 62, 901, 1_204, 2_010].map((row) => ({ row, value: "" })),
  }),
  problem({
    code: "duplicate-row",
    severity: "warning",
    file: "enrollments.csv",
    column: "sourcedId",
    count: 5,
    cause: "the row stands in the file before",
    suggestion: "nothing: the first row counts, the copies are skipped",
    examples: [9_701, 9_702, 9_703].map((row) => ({ row, value: "E-19988" })),
  }),
  problem({
    code: "unique-error",
    severity: "warning",
    column: "email",
    count: 2,
    cause: "several rows share this value",
    suggestion: "ask whether these are one person",
    examples: [
      { row: 40, value: "xxxx.xxx@xxxxxx.xxx" },
      { row: 41, value: "xxxx.xxx@xxxxxx.xxx" },
    ],
  }),
];

/** What a check says. `clean` stands for files without a fault. */
export function fakeReport(look: ImportLook, rules: string, clean: boolean): ImportReport {
  const files = TABLES.map(
    ([name, kind, , ok, fixed, bad, skipped]): ImportFile => ({
      ...(clean ? counts(ok + fixed + bad + skipped, 0, 0, 0) : counts(ok, fixed, bad, skipped)),
      name,
      kind,
      encoding: "utf-8",
      delimiter: ",",
      quote: '"',
      line_ends: "LF",
    }),
  );
  const totals = files.reduce(
    (sum, file) =>
      counts(
        sum.accepted + file.accepted,
        sum.fixed + file.fixed,
        sum.rejected + file.rejected,
        sum.skipped + file.skipped,
      ),
    counts(0, 0, 0, 0),
  );
  const fix = (name: string, file: string, column: string, rows: [number, string, string][]) => ({
    fix: name,
    file,
    column,
    count: rows.length * 10,
    examples: rows.map(([row, before, after]) => ({ row, before, after })),
  });
  return {
    format: look.format?.format ?? "",
    profile: rules,
    files,
    totals,
    problems: clean ? [] : PROBLEMS,
    can_proceed: clean,
    took_ms: 0,
    detected: look.detected ?? { confidence: 1, reason: "", others: [] },
    fixes: clean
      ? []
      : [
          fix("trim", "users.csv", "email", [
            [12, " xxx.xxx@xxxxxx.xxx", "xxx.xxx@xxxxxx.xxx"],
            [90, "xxxx@xxxxxx.xxx ", "xxxx@xxxxxx.xxx"],
          ]),
          fix("leading-zeros", "classes.csv", "grades", [[31, "9", "09"]]),
        ],
    mapping: [],
    left: look.left,
  };
}

/** What an import would do: to a roster, or where there is none. */
export function fakePlan(report: ImportReport, hasRoster: boolean): ImportPlan {
  const changes = (create: number, update: number, unchanged: number, remove = 0, kept = 0) => ({
    create: hasRoster ? create : create + update + unchanged,
    update: hasRoster ? update : 0,
    unchanged: hasRoster ? unchanged : 0,
    remove: hasRoster ? remove : 0,
    kept: hasRoster ? kept : 0,
    absent: 0,
  });
  const holds = [{ type: "classes", kind: "remove", share: 0.124, limit: 0.1 }];
  return {
    types: {
      academicSessions: changes(2, 0, 4),
      // Its file is a bulk one: what it no longer holds is only absent. That of enrollments is a delta.
      classes: { ...changes(31, 12, 289, 47, 5), absent: hasRoster ? 47 : 0 },
      courses: changes(4, 6, 86),
      enrollments: changes(842, 0, 8_841, 118, 88),
      orgs: changes(0, 1, 13),
      users: changes(205, 67, 2_029, 0, 6),
    },
    holds: hasRoster ? holds : [],
    doubles: hasRoster
      ? [
          {
            type: "users",
            column: "email",
            count: 2,
            examples: [
              { row: 41, id: "USR-00017" },
              { row: 96, id: "USR-00230" },
            ],
          },
        ]
      : [],
    // The rows of the classes that would be absent are in a delta, which does not speak of them.
    broken: hasRoster
      ? [{ type: "enrollments", column: "classSourcedId", count: 0, with_absent: 41 }]
      : [],
    can_proceed: report.can_proceed && !hasRoster,
    format: report.format,
    profile: report.profile,
    totals: report.totals,
    files_can_proceed: report.can_proceed,
    revision: hasRoster ? 12 : null,
    took_ms: 0,
  };
}

/** A plan of files that say what is there already. */
export function fakeSame(plan: ImportPlan): ImportPlan {
  const types = Object.entries(plan.types).map(([kind, one]) => {
    const unchanged = one ? one.create + one.update + one.unchanged : 0;
    return [kind, { create: 0, update: 0, unchanged, remove: 0, kept: 0, absent: 0 }];
  });
  return { ...plan, types: Object.fromEntries(types), holds: [], broken: [] };
}

/** A plan of more rows than a pilot may import. */
export function fakePilot(plan: ImportPlan): ImportPlan {
  const pilot = { type: "", kind: "pilot", share: plan.totals.rows, limit: 500 };
  return { ...plan, holds: [...plan.holds, pilot], can_proceed: false };
}

/** A report without the fixes that were undone. */
export function fakeMended(report: ImportReport, mapping: ImportRules = {}): ImportReport {
  const isKept = (file: string, column: string, fix: string) =>
    mapping.files?.[file]?.keep?.[column]?.includes(fix) ?? false;
  const fixes = report.fixes.filter((one) => !isKept(one.file, one.column, one.fix));
  return { ...report, fixes };
}
