/** The points of a table that a person may have to say a word about, in the order in which they stand. */
import type { ColumnLook, TableLook } from "../../host/types";
import { isProposal, missingOf } from "../../state/mapping";

/** A place where something can be said, with the id of what takes the focus there. */
export type Point = { id: string; table: string; open: boolean };

export const asId = (index: number) => `map-as-${index}`;
export const useId = (index: number) => `map-use-${index}`;
export const wordId = (index: number, word: number) => `map-word-${index}-${word}`;
export const datesId = (index: number) => `map-dates-${index}`;

/** All of a table: also those that are settled, so that the next one is found from there. */
export function pointsOf(table: TableLook): Point[] {
  const lacks = missingOf(table).length > 0;
  const inside = table.columns.flatMap((column, index) => pointsIn(column, index));
  return [{ id: "map-missing", open: lacks }, ...inside].map((one) => ({
    ...one,
    table: table.name,
  }));
}

function pointsIn(column: ColumnLook, index: number): Omit<Point, "table">[] {
  const words = column.words.map((word, place) => ({
    id: wordId(index, place),
    open: word.meant === null,
  }));
  return [
    { id: asId(index), open: false },
    { id: useId(index), open: isProposal(column) },
    ...words,
    { id: datesId(index), open: column.dates?.unclear === true },
  ];
}
