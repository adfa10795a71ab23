/**
 * Dates, ages and numbers as people read them. The locale decides the order of day and month;
 * the clock is passed in, so that a test can stand at any moment.
 */
import { texts } from "./texts";

const DAY = 86_400_000;

/** Local midnight of the day that holds `at`. */
function midnight(at: Date): number {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}

/** Whole calendar days from `now` to `at`; negative in the past. */
export function daysUntil(at: Date, now: Date): number {
  return Math.round((midnight(at) - midnight(now)) / DAY);
}

/** A calendar date `YYYY-MM-DD` as the local midnight that starts it. */
export function dayOf(date: string): Date {
  const [year = 1970, month = 1, day = 1] = date.split("-").map(Number);
  return new Date(year, month - 1, day);
}

/** "Today", "Yesterday", "Tomorrow" or "Mon 16 Mar"; "16 Mar 2027" when it is another year. */
export function dayName(at: Date, now: Date): string {
  const distance = daysUntil(at, now);
  if (distance === 0) return texts.dates.today;
  if (distance === -1) return texts.dates.yesterday;
  if (distance === 1) return texts.dates.tomorrow;
  const sameYear = at.getFullYear() === now.getFullYear();
  const day: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };
  return parts(at, sameYear ? { weekday: "short", ...day } : { ...day, year: "numeric" });
}

/** "Thursday 12 March, 08:00", the heading of a day. */
export function wholeDay(at: Date): string {
  const day = formatter(at, { weekday: "long", day: "numeric", month: "long" });
  return `${day.format(at).replace(/^(\p{L}+), (?=\d)/u, "$1 ")}, ${clock(at)}`;
}

/** "Thu" within a week, else as in {@link dayName}: short enough for the end of a sentence. */
export function weekday(date: string, now: Date): string {
  const at = dayOf(date);
  const distance = daysUntil(at, now);
  if (distance <= 1 || distance > 6)
    return distance === 1 ? dayName(at, now).toLowerCase() : dayName(at, now);
  return formatter(at, { weekday: "short" }).format(at);
}

/** The calendar date of a moment where this window stands, `YYYY-MM-DD`. */
export function isoDay(at: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** "yesterday" or "on Mon 9 Mar", in the middle of a sentence. */
export function dayInside(text: string, now: Date): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  const near = Math.abs(daysUntil(at, now)) <= 1;
  const day = dayName(at, now);
  return near ? day.toLowerCase() : texts.dates.on(day);
}

/** "yesterday at 18:20" or "on Mon 9 Mar at 18:20", in the middle of a sentence. */
export function momentAt(text: string, now: Date): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  return texts.dates.at(dayInside(text, now), clock(at));
}

/** "9 Mar", the short form of a table column. */
export function shortDay(at: Date, now: Date): string {
  if (Math.abs(daysUntil(at, now)) <= 1) return dayName(at, now);
  const sameYear = at.getFullYear() === now.getFullYear();
  return parts(at, { day: "numeric", month: "short", ...(sameYear ? {} : { year: "numeric" }) });
}

/** Half days are written "3:18 PM", whole ones "03:18", where `numeric` alone would give "3:18". */
const HOUR = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions().hour12
  ? "numeric"
  : "2-digit";

/** "16:55" or "4:55 PM". */
export function clock(at: Date): string {
  return formatter(at, { hour: HOUR, minute: "2-digit" }).format(at);
}

/** A time of the day `HH:MM` as people read it: "20:00" or "8:00 PM". */
export function clockOf(time: string): string {
  const [hour = 0, minute = 0] = time.split(":").map(Number);
  return clock(new Date(2026, 0, 1, hour, minute));
}

/** The time of the day that somebody typed as `HH:MM`: "8 pm", "8:30pm", "20:30", "20"; else null. */
export function timeOf(typed: string): string | null {
  const found = /^(\d{1,2})(?:[:.](\d{2}))?\s*(?:([ap])\.?m\.?)?$/i.exec(typed.trim());
  if (!found) return null;
  const [, said = "", minutes = "00", half] = found;
  const hour = Number(said);
  if (half && (hour < 1 || hour > 12)) return null;
  const whole = half ? (hour % 12) + (half.toLowerCase() === "p" ? 12 : 0) : hour;
  if (whole > 23 || Number(minutes) > 59) return null;
  return `${String(whole).padStart(2, "0")}:${minutes}`;
}

/** "Today 15:00" or "Wed 11 Mar, 16:55". */
export function moment(text: string, now: Date): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  const near = Math.abs(daysUntil(at, now)) <= 1;
  return `${dayName(at, now)}${near ? " " : ", "}${clock(at)}`;
}

/** "yesterday 17:42" in the middle of a sentence. */
export function momentInside(text: string, now: Date): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  const near = Math.abs(daysUntil(at, now)) <= 1;
  return near ? `${dayName(at, now).toLowerCase()} ${clock(at)}` : moment(text, now);
}

/** A deadline with date, time and zone: "Saturday 14 March 2026, 17:42 CET". */
export function deadline(text: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  return parts(at, {
    weekday: "short",
    day: "numeric",
    month: "long",
    year: "numeric",
    hour: HOUR,
    minute: "2-digit",
    timeZoneName: "short",
  });
}

/** "12.4 MB": a size in decimal units, as file managers show it. */
export function size(bytes: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return new Intl.NumberFormat(undefined, {
    style: "unit",
    unit: units[step],
    unitDisplay: "short",
    maximumFractionDigits: step > 1 ? 1 : 0,
  }).format(bytes / 1000 ** step);
}

/** A due date and whether it has passed. */
export function due(date: string, now: Date): { text: string; late: boolean; near: boolean } {
  const at = dayOf(date);
  const distance = daysUntil(at, now);
  const late = distance < 0;
  const text = late ? texts.dates.late(dayName(at, now)) : dayName(at, now);
  return { text, late, near: distance === 0 };
}

/** How long ago, in one whole unit: "3 days". */
export function age(text: string, now: Date): string {
  const at = new Date(text);
  const minutes = Math.max(0, Math.floor((now.getTime() - at.getTime()) / 60_000));
  if (minutes < 60) return texts.dates.minutes(minutes);
  if (minutes < 24 * 60) return texts.dates.hours(Math.floor(minutes / 60));
  return texts.dates.days(Math.floor(minutes / (24 * 60)));
}

/** "in 11 days", "today", "3 days ago". */
export function distance(date: string, now: Date): string {
  return texts.dates.distance(daysUntil(dayOf(date), now));
}

const numbers = new Intl.NumberFormat();

/** A count with the locale's grouping. */
export function count(value: number): string {
  return numbers.format(value);
}

/** "MO" of "mara.okafor" or "Mara Okafor". */
export function initials(name: string): string {
  const words = name.split(/[\s._-]+/).filter((word) => word.length > 0);
  const first = words[0] ?? "?";
  const last = words.length > 1 ? (words[words.length - 1] ?? "") : first.slice(1);
  return ((first[0] ?? "?") + (last[0] ?? "")).toUpperCase();
}

/**
 * English puts no comma after the weekday here ("Mon 16 Mar") where some engines do; other
 * locales keep what `Intl` gives them.
 */
function parts(at: Date, options: Intl.DateTimeFormatOptions): string {
  const text = formatter(at, options).format(at);
  return text.replace(/^(\p{L}{2,4}), (?=\d)/u, "$1 ");
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/**
 * A formatter that is made once: making one takes longer than all else in a row of a list. It keeps
 * the zone of its making, and a laptop travels, so the offset is part of what it is found by.
 */
function formatter(at: Date, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${at.getTimezoneOffset()} ${JSON.stringify(options)}`;
  const known = formatters.get(key);
  if (known) return known;
  const made = new Intl.DateTimeFormat(undefined, options);
  formatters.set(key, made);
  return made;
}
