import { describe, expect, it } from "vitest";
import {
  age,
  clock,
  clockOf,
  dayInside,
  dayName,
  deadline,
  distance,
  due,
  initials,
  moment,
  momentInside,
  size,
  timeOf,
} from "./format";

const NOW = new Date(2026, 2, 12, 8, 0);
const at = (day: number, hour: number, minute = 0) =>
  new Date(2026, 2, day, hour, minute).toISOString();

describe("dates", () => {
  it("names the days around today", () => {
    expect(dayName(new Date(2026, 2, 12, 23, 59), NOW)).toBe("Today");
    expect(dayName(new Date(2026, 2, 11), NOW)).toBe("Yesterday");
    expect(dayName(new Date(2026, 2, 13), NOW)).toBe("Tomorrow");
    expect(dayName(new Date(2026, 2, 16), NOW)).toContain("16");
    expect(dayName(new Date(2027, 0, 2), NOW)).toContain("2027");
  });

  it("says a deadline with date, time and zone", () => {
    const text = deadline("2026-03-14T17:42:00Z");
    for (const part of ["14", "2026", "42", "UTC"]) expect(text).toContain(part);
    expect(deadline("never")).toBe("never");
  });

  it("says the time of the day as the locale does, without a nought before the hour of a half day", () => {
    expect(clock(new Date(2026, 2, 12, 15, 18))).toMatch(/^(15:18|3:18\sPM)$/u);
    expect(clockOf("20:05")).toBe(clock(new Date(2026, 2, 12, 20, 5)));
  });

  it("reads a time of the day however it is typed", () => {
    const typed = {
      "20:00": ["8 pm", "8pm", "8 PM", "8:00 p.m.", "20:00", "20", " 20.00 ", "8:00\u202fPM"],
      "20:30": ["8:30 pm", "8:30pm", "20:30"],
      "00:00": ["12 am", "0", "00:00"],
      "12:15": ["12:15 pm", "12:15"],
      "07:00": ["7", "07:00", "7 am"],
    };
    for (const [time, all] of Object.entries(typed))
      expect(all.map(timeOf)).toEqual(all.map(() => time));
    for (const wrong of ["", "at eight", "24", "25:00", "20:60", "13 pm", "0 am", "8:3", "8 pm x"])
      expect(timeOf(wrong)).toBeNull();
  });

  it("says a size in the unit that fits", () => {
    expect(size(0)).toMatch(/^0 /);
    expect(size(999)).toMatch(/^999 /);
    expect(size(12_841_984)).toMatch(/^12[.,]8 MB/);
    expect(size(5e12)).toMatch(/GB/);
  });

  it("says a moment alone and inside a sentence", () => {
    expect(moment(at(11, 17, 42), NOW)).toMatch(/^Yesterday /);
    expect(momentInside(at(11, 17, 42), NOW)).toMatch(/^yesterday /);
    expect(moment("not a date", NOW)).toBe("not a date");
  });

  it("says a day inside a sentence", () => {
    expect(dayInside(at(11, 17, 42), NOW)).toBe("yesterday");
    expect(dayInside(at(2, 9), NOW)).toMatch(/^on .*2/);
    expect(dayInside("not a date", NOW)).toBe("not a date");
  });

  it("marks what is late in words", () => {
    expect(due("2026-03-10", NOW)).toMatchObject({ late: true });
    expect(due("2026-03-10", NOW).text).toContain("late");
    expect(due("2026-03-12", NOW)).toEqual({ text: "Today", late: false, near: true });
    expect(distance("2026-03-23", NOW)).toBe("in 11 days");
    expect(distance("2026-03-11", NOW)).toBe("1 day ago");
  });

  it("gives ages in one whole unit", () => {
    expect(age(at(9, 7), NOW)).toBe("3 days");
    expect(age(at(12, 7, 59), NOW)).toBe("1 minute");
    expect(age(at(12, 6), NOW)).toBe("2 hours");
    // A clock set back must not give a negative age.
    expect(age(at(13, 6), NOW)).toBe("under a minute");
  });

  it("takes initials from names of every shape", () => {
    expect(initials("mara.okafor")).toBe("MO");
    expect(initials("Priya Nair")).toBe("PN");
    expect(initials("x")).toBe("X");
    expect(initials("")).toBe("?");
  });
});
