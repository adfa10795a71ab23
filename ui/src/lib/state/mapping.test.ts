import { describe, expect, it } from "vitest";
import { fakeLook } from "../host/fake-import";
import type { ColumnLook, ImportRules, TableLook } from "../host/types";
import {
  isOpen,
  keepFix,
  LEFT_OUT,
  mappable,
  meaningOf,
  missingOf,
  openOf,
  readAs,
  rulesOf,
  saidOf,
  saysNothing,
  setColumn,
  setKind,
  setMeaning,
  setOrder,
  setText,
  textOnly,
} from "./mapping";

/** A table of the roster as a look with that mapping shows it. */
function table(name: string, mapping: ImportRules = {}): TableLook {
  const found = fakeLook("river.zip", undefined, mapping).tables.find((one) => one.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
}

function column(of: TableLook, label: string): ColumnLook {
  const found = of.columns.find((one) => one.label === label);
  if (!found) throw new Error(`there is no ${label}`);
  return found;
}

const USERS = "users.csv";
const says = (rules: object): ImportRules => ({ files: { [USERS]: rules } });

describe("a mapping", () => {
  it("names each fix that is not made once, under the file as it was named before", () => {
    const once = keepFix({ files: { USERS: { skip_lines: 1 } } }, USERS, "email", "trim");
    const kept = { files: { USERS: { skip_lines: 1, keep: { email: ["trim"] } } } };
    expect(once).toEqual(kept);
    expect(keepFix(once, USERS, "email", "trim")).toEqual(kept);
    expect(keepFix(once, USERS, "email", "case").files?.USERS?.keep).toEqual({
      email: ["trim", "case"],
    });
  });

  it("says nothing again once everything is taken back", () => {
    let mapping: ImportRules = {};
    mapping = setText(mapping, USERS, "delimiter", ";");
    mapping = setText(mapping, USERS, "skip_lines", 0);
    expect(mapping).toEqual(says({ delimiter: ";", skip_lines: 0 }));
    expect(saysNothing(mapping)).toBe(false);
    mapping = setText(mapping, USERS, "delimiter", null);
    mapping = setText(mapping, USERS, "skip_lines", null);
    expect(mapping).toEqual({});
    expect(saysNothing(mapping)).toBe(true);
    expect(saysNothing({ format: "clever" })).toBe(false);
  });

  it("finds a file by its whole name or without its ending, in any case, and keeps its key", () => {
    const mapping: ImportRules = { files: { USERS: { encoding: "utf-8" } } };
    expect(rulesOf(mapping, "Users.csv")).toEqual({ encoding: "utf-8" });
    expect(setText(mapping, "users.csv", "delimiter", "|")).toEqual({
      files: { USERS: { encoding: "utf-8", delimiter: "|" } },
    });
    expect(rulesOf(mapping, "user.csv")).toEqual({});
  });

  it("keeps of another kind or format only how the text is written", () => {
    const mapping = says({
      is: "users",
      encoding: "windows-1252",
      quote: "'",
      columns: { phoneNo: "phone" },
      values: { role: { Lehrkraft: "teacher" } },
      dates: { birth: "dd.MM.yyyy" },
    });
    const text = { encoding: "windows-1252", quote: "'" };
    expect(setKind(mapping, USERS, LEFT_OUT)).toEqual(says({ ...text, is: LEFT_OUT }));
    expect(setKind(mapping, USERS, null)).toEqual(says(text));
    expect(textOnly(mapping)).toEqual(says(text));
    expect(textOnly(says({ columns: { a: "b" } }))).toEqual({});
  });
});

describe("a column", () => {
  it("is read as said, and as found where nothing is said", () => {
    const users = table(USERS);
    expect(readAs({}, users, column(users, "Given name"))).toBe("givenName");
    expect(readAs({}, users, column(users, "phoneNo"))).toBe("");
    const mapping = setColumn({}, users, column(users, "phoneNo"), "phone");
    expect(mapping).toEqual(says({ columns: { phoneNo: "phone" } }));
    const told = table(USERS, mapping);
    expect(column(told, "phoneNo")).toMatchObject({ how: "told", mapped: true });
    expect(setColumn(mapping, told, column(told, "phoneNo"), null)).toEqual({});
    expect(readAs({}, told, column(told, "phoneNo"))).toBe("");
  });

  it("takes a field from the one that had it, with what was said about its values", () => {
    const users = table(USERS);
    let mapping = setColumn({}, users, column(users, "phoneNo"), "phone");
    mapping = setMeaning(mapping, users, column(users, "role"), "Lehrkraft", "teacher");
    let told = table(USERS, mapping);
    mapping = setColumn(mapping, told, column(told, "shoe size"), "phone");
    expect(rulesOf(mapping, USERS).columns).toEqual({ "shoe size": "phone" });
    told = table(USERS, mapping);
    mapping = setColumn(mapping, told, column(told, "shoe size"), "role");
    expect(mapping).toEqual(says({ columns: { "shoe size": "role" } }));
    told = table(USERS, mapping);
    expect(column(told, "role").mapped).toBe(false);
  });

  it("is left out beside others that are left out", () => {
    const users = table(USERS);
    let mapping = setColumn({}, users, column(users, "phoneNo"), LEFT_OUT);
    mapping = setColumn(mapping, users, column(users, "shoe size"), LEFT_OUT);
    expect(mapping).toEqual(says({ columns: { phoneNo: LEFT_OUT, "shoe size": LEFT_OUT } }));
    expect(column(table(USERS, mapping), "shoe size").left_out).toBe(true);
  });

  it("is meant by a label that differs in case and signs, unless that is another's own", () => {
    const users = table(USERS);
    const mapping = says({ columns: { "Phone-No": "phone" } });
    expect(saidOf(mapping, users, "phoneNo")).toBe("phone");
    expect(setColumn(mapping, users, column(users, "phoneNo"), "sms")).toEqual(
      says({ columns: { phoneNo: "sms" } }),
    );
    const twin = { ...column(users, "phoneNo"), label: "Phone-No" };
    const both = { ...users, columns: [...users.columns, twin] };
    expect(saidOf(mapping, both, "phoneNo")).toBe(null);
    expect(saidOf(mapping, both, "Phone-No")).toBe("phone");
  });

  it("may be called as something that every object has", () => {
    const users = table(USERS);
    const odd = { ...column(users, "phoneNo"), label: "constructor" };
    const with_ = { ...users, columns: [...users.columns, odd] };
    expect(saidOf(says({ columns: {} }), with_, "constructor")).toBe(null);
    expect(readAs({}, with_, odd)).toBe("");
    const mapping = setColumn({}, with_, odd, "phone");
    expect(saidOf(mapping, with_, "constructor")).toBe("phone");
  });
});

describe("what values mean", () => {
  it("is said by field, also where a mapping file spoke of the label", () => {
    const users = table(USERS);
    const given = column(users, "Given name");
    const before = says({ values: { "Given name": { x: "a" } }, dates: { "Given name": "d/M/y" } });
    expect(meaningOf(before, users, given, "x")).toBe("a");
    const mapping = setMeaning(before, users, given, "y", "b");
    expect(rulesOf(mapping, USERS).values).toEqual({ givenName: { x: "a", y: "b" } });
    const dated = setOrder(mapping, users, given, "dd.MM.yyyy");
    expect(rulesOf(dated, USERS).dates).toEqual({ givenName: "dd.MM.yyyy" });
  });

  it("is taken back without a trace", () => {
    const users = table(USERS);
    const role = column(users, "role");
    const mapping = setMeaning({}, users, role, "Lehrkraft", "teacher");
    expect(setMeaning(mapping, users, role, "Lehrkraft", null)).toEqual({});
    const terms = table("academicSessions.csv");
    const dated = setOrder({}, terms, column(terms, "startDate"), "MM/dd/yyyy");
    expect(setOrder(dated, terms, column(terms, "startDate"), null)).toEqual({});
  });
});

describe("what is open", () => {
  it("are proposals, words without a meaning, unclear dates and missing required fields", () => {
    const open = fakeLook("river.zip", undefined).tables.flatMap((one) =>
      one.columns.filter(isOpen).map((of) => `${one.name} ${of.label}`),
    );
    expect(open).toEqual(["academicSessions.csv startDate", "users.csv role", "users.csv phoneNo"]);
    expect(missingOf(table("courses.csv")).map((field) => field.name)).toEqual(["orgSourcedId"]);
    expect(openOf(table("courses.csv"))).toEqual({ columns: 0, missing: 1 });
  });

  it("is settled by what is said, and nothing is open in a clean set", () => {
    const users = table(USERS);
    let mapping = setColumn({}, users, column(users, "phoneNo"), LEFT_OUT);
    mapping = setMeaning(mapping, users, column(users, "role"), "Lehrkraft", "teacher");
    expect(openOf(table(USERS, mapping)).columns).toBe(1);
    mapping = setMeaning(mapping, users, column(users, "role"), "Aushilfe", "aide");
    expect(openOf(table(USERS, mapping)).columns).toBe(0);
    const clean = mappable(fakeLook("clean.zip", undefined));
    expect(clean.map((one) => one.name)).not.toContain("manifest.csv");
    expect(clean.every((one) => openOf(one).columns + openOf(one).missing === 0)).toBe(true);
  });
});
