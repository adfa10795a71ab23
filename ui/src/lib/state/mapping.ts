/**
 * What was said about an import's files (docs/imports.md, "Mapping files"), and what is still open. Every
 * change gives a new mapping and leaves out what says nothing, so that a mapping without a word is `{}`.
 */
import type {
  ColumnLook,
  FieldLook,
  FileRules,
  ImportLook,
  ImportRules,
  TableLook,
} from "../host/types";

/** Said of a column or a file: it is left out. */
export const LEFT_OUT = "-";

/** The ways to write a date, as a mapping names them. */
export const ORDERS = ["dd.MM.yyyy", "MM/dd/yyyy", "yyyy-MM-dd"] as const;

/** How the text of a file is written, whatever its columns are. */
type Text = Pick<FileRules, "encoding" | "delimiter" | "quote" | "skip_lines">;
type Said<T> = { [key in string]?: T };

export function saysNothing(mapping: ImportRules): boolean {
  return mapping.format === undefined && Object.keys(mapping.files ?? {}).length === 0;
}

/** What is said about a file: by its whole name or without its ending, in any case. */
export function rulesOf(mapping: ImportRules, file: string): FileRules {
  return own(mapping.files, keyOf(mapping, file) ?? file) ?? {};
}

/** Only how the files are written: columns belong to a format. */
export function textOnly(mapping: ImportRules): ImportRules {
  const files = Object.entries(mapping.files ?? {}).map(([name, rules]): [string, FileRules] => [
    name,
    textOf(rules ?? {}),
  ]);
  const kept = files.filter(([, rules]) => Object.keys(rules).length > 0);
  return kept.length === 0 ? {} : { files: Object.fromEntries(kept) };
}

/** Says how a file is written; null leaves it as it is found. */
export function setText<K extends keyof Text>(
  mapping: ImportRules,
  file: string,
  setting: K,
  value: NonNullable<Text[K]> | null,
): ImportRules {
  return changed(mapping, file, (rules) => ({
    ...without(rules, setting),
    ...some(setting, value),
  }));
}

/** Says which records a file holds; what was said about its columns belongs to others. */
export function setKind(mapping: ImportRules, file: string, kind: string | null): ImportRules {
  return changed(mapping, file, (rules) => ({ ...textOf(rules), ...some("is", kind) }));
}

/** Says that a fix is not made in a column of a file. The one place that knows how that is said. */
export function keepFix(
  mapping: ImportRules,
  file: string,
  column: string,
  fix: string,
): ImportRules {
  return changed(mapping, file, (rules) => {
    const kept = own(rules.keep, column) ?? [];
    return { ...rules, keep: { ...rules.keep, [column]: [...new Set([...kept, fix])] } };
  });
}

/** What is said about a label of a table: a field, {@link LEFT_OUT}, or nothing. */
export function saidOf(mapping: ImportRules, table: TableLook, label: string): string | null {
  const columns = rulesOf(mapping, table.name).columns;
  const key = labelKey(columns, table, label);
  return key === null ? null : (own(columns, key) ?? null);
}

/** What a column is read as once all that is said is heard: a field, {@link LEFT_OUT}, or nothing. */
export function readAs(mapping: ImportRules, table: TableLook, column: ColumnLook): string {
  return saidOf(mapping, table, column.label) ?? (column.how === "told" ? "" : fieldOf(column));
}

/** The label that each field is read from. */
export function ownersOf(mapping: ImportRules, table: TableLook): Map<string, string> {
  const owners = new Map<string, string>();
  for (const column of table.columns) {
    const field = readAs(mapping, table, column);
    if (!owners.has(field)) owners.set(field, column.label);
  }
  return owners;
}

/** Says what a label is; null leaves it as it is found. A field is taken from the label that had it. */
export function setColumn(
  mapping: ImportRules,
  table: TableLook,
  column: ColumnLook,
  field: string | null,
): ImportRules {
  const before = readAs(mapping, table, column);
  const isField = field !== null && field !== LEFT_OUT;
  const loser = table.columns.find(
    (one) => isField && one.label !== column.label && readAs(mapping, table, one) === field,
  );
  // Words and dates were said of the values that stood there.
  const stale = [column.label, before, ...(loser ? [loser.label, field ?? ""] : [])];
  return changed(mapping, table.name, (rules) => {
    const kept = Object.entries(rules.columns ?? {}).filter(
      ([key, said]) =>
        key !== labelKey(rules.columns, table, column.label) && !(isField && said === field),
    );
    const columns = Object.fromEntries(kept);
    return {
      ...rules,
      columns: field === null ? columns : { ...columns, [column.label]: field },
      values: without(rules.values ?? {}, ...stale),
      dates: without(rules.dates ?? {}, ...stale),
    };
  });
}

/** What a word of a column is said to mean. */
export function meaningOf(
  mapping: ImportRules,
  table: TableLook,
  column: ColumnLook,
  word: string,
): string | null {
  return own(about(rulesOf(mapping, table.name).values, column), word) ?? null;
}

/** Says what a word of a column means; null takes it back. */
export function setMeaning(
  mapping: ImportRules,
  table: TableLook,
  column: ColumnLook,
  word: string,
  meaning: string | null,
): ImportRules {
  return changed(mapping, table.name, (rules) => {
    const words = without(about(rules.values, column) ?? {}, word);
    const said = meaning === null ? words : { ...words, [word]: meaning };
    const others = without(rules.values ?? {}, column.label, fieldOf(column));
    return { ...rules, values: isEmpty(said) ? others : { ...others, [fieldOf(column)]: said } };
  });
}

/** How the dates of a column are said to be written. */
export function orderOf(mapping: ImportRules, table: TableLook, column: ColumnLook): string | null {
  return about(rulesOf(mapping, table.name).dates, column) ?? null;
}

/** Says how the dates of a column are written; null leaves it as it is found. */
export function setOrder(
  mapping: ImportRules,
  table: TableLook,
  column: ColumnLook,
  order: string | null,
): ImportRules {
  return changed(mapping, table.name, (rules) => {
    const others = without(rules.dates ?? {}, column.label, fieldOf(column));
    return {
      ...rules,
      dates: order === null ? others : { ...others, [fieldOf(column)]: order },
    };
  });
}

/** The tables whose columns can be said: those that the format knows and reads. */
export function mappable(look: ImportLook): TableLook[] {
  return look.tables.filter((table) => table.fields.length > 0);
}

/** Required fields that no column of the table fills. */
export function missingOf(table: TableLook): FieldLook[] {
  const read = new Set(table.columns.map(fieldOf));
  return table.fields.filter((field) => field.required && !read.has(field.name));
}

/** Whether a column only looks like a field, so that it is not read unasked. */
export function isProposal(column: ColumnLook): boolean {
  return column.how === "fuzzy" && !column.mapped && !column.left_out;
}

/** Whether a column waits for a word from a person. */
export function isOpen(column: ColumnLook): boolean {
  const hasWords = column.words.some((word) => word.meant === null);
  return isProposal(column) || hasWords || column.dates?.unclear === true;
}

/** How much of a table is open: columns that wait, and required fields that are missing. */
export function openOf(table: TableLook): { columns: number; missing: number } {
  return { columns: table.columns.filter(isOpen).length, missing: missingOf(table).length };
}

/** The field that a column is read as; empty where it is not read. */
function fieldOf(column: ColumnLook): string {
  return column.mapped ? (column.column ?? "") : "";
}

function textOf({ encoding, delimiter, quote, skip_lines }: FileRules): FileRules {
  return {
    ...some("encoding", encoding),
    ...some("delimiter", delimiter),
    ...some("quote", quote),
    ...some("skip_lines", skip_lines),
  };
}

function keyOf(mapping: ImportRules, file: string): string | null {
  const wanted = file.toLowerCase();
  const dot = wanted.lastIndexOf(".");
  const stem = dot < 0 ? wanted : wanted.slice(0, dot);
  const fits = (key: string) => key.toLowerCase() === wanted || key.toLowerCase() === stem;
  // In the order in which the core looks.
  return (
    Object.keys(mapping.files ?? {})
      .sort()
      .find(fits) ?? null
  );
}

/** What is said about a column: by its field, or by its label in the file. */
function about<T>(said: Said<T> | undefined, column: ColumnLook): T | undefined {
  return own(said, fieldOf(column)) ?? own(said, column.label);
}

/** The key under which a label is spoken of: itself, or one that differs in case and signs. */
function labelKey(
  columns: Said<string> | undefined,
  table: TableLook,
  label: string,
): string | null {
  const keys = Object.keys(columns ?? {});
  if (keys.includes(label)) return label;
  const wanted = plain(label);
  const alike = keys.filter((key) => plain(key) === wanted);
  if (alike.length === 0) return null;
  const labels = table.columns.map((column) => column.label);
  const isFirst = labels.find((one) => plain(one) === wanted) === label;
  return (isFirst ? alike.find((key) => !labels.includes(key)) : null) ?? null;
}

function plain(label: string): string {
  return label.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

function changed(
  mapping: ImportRules,
  file: string,
  change: (rules: FileRules) => FileRules,
): ImportRules {
  const key = keyOf(mapping, file) ?? file;
  const said = Object.entries(change(rulesOf(mapping, file))).filter(
    ([, value]) => value !== undefined && !isEmpty(value),
  );
  const others = without(mapping.files ?? {}, key);
  const files = said.length === 0 ? others : { ...others, [key]: Object.fromEntries(said) };
  const { files: _, ...rest } = mapping;
  return isEmpty(files) ? rest : { ...rest, files };
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** A label may be called as something that every object has. */
function own<T>(said: Said<T> | undefined, key: string): T | undefined {
  return said !== undefined && Object.hasOwn(said, key) ? said[key] : undefined;
}

function some<K extends string, V>(key: K, value: V | null | undefined): { [key in K]?: V } {
  return value === null || value === undefined ? {} : ({ [key]: value } as { [key in K]: V });
}

function without<T extends object>(from: T, ...keys: string[]): T {
  return Object.fromEntries(Object.entries(from).filter(([key]) => !keys.includes(key))) as T;
}
