//! Single values: what is right, what can be mended beyond doubt, and what is wrong.
//!
//! Values are bytes, because nearly all of them are right and need no more than a look.

use std::borrow::Cow;

use super::cause::{Cause, Fix, Fixes};
use crate::map::DateOrder;
use crate::schema::Choice;

/// What a value turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    Fine,
    /// Right after a fix.
    Mended(Vec<u8>, Fix),
    Wrong(Cause),
}

/// The most characters of an identifier.
const ID_LENGTH: usize = 255;

/// Which bytes an identifier may hold.
const ID_BYTES: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        allowed[byte] = b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'/' | b'@');
        byte += 1;
    }
    allowed
};

pub(crate) fn id(value: &[u8]) -> Judged {
    if value.len() <= ID_LENGTH && value.iter().all(|byte| ID_BYTES[usize::from(*byte)]) {
        return Judged::Fine;
    }
    Judged::Wrong(if is_scientific(value) { Cause::ScientificId } else { Cause::NotId })
}

/// `6.04863E+05`: what a spreadsheet makes of a long number.
pub(crate) fn is_scientific(value: &[u8]) -> bool {
    let Some(at) = value.iter().position(|byte| matches!(byte, b'E' | b'e')) else { return false };
    let (digits, exponent) = value.split_at(at);
    let is_number =
        |part: &[u8]| !part.is_empty() && part.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b','));
    is_number(digits) && exponent.get(1) == Some(&b'+') && is_number(exponent.get(2..).unwrap_or_default())
}

/// What spreadsheets write in place of a value that cannot be computed.
pub(crate) fn is_spreadsheet_error(value: &[u8]) -> bool {
    const ERRORS: &[&[u8]] =
        &[b"#N/A", b"#REF!", b"#VALUE!", b"#DIV/0!", b"#NAME?", b"#NUM!", b"#NULL!", b"########"];
    value.first() == Some(&b'#') && ERRORS.iter().any(|error| value.starts_with(error))
}

/// A day of the calendar; ordered as days are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let is_there = (1000..=9999).contains(&year) && (1..=days).contains(&day);
        is_there.then_some(Self { year: year as u16, month: month as u8, day: day as u8 })
    }

    /// Reads `YYYY-MM-DD`.
    pub fn iso(value: &[u8]) -> Option<Self> {
        let &[a, b, c, d, b'-', e, f, b'-', g, h] = value else { return None };
        Self::new(number(&[a, b, c, d])?, number(&[e, f])?, number(&[g, h])?)
    }

    /// Reads `MM/DD/YYYY`.
    pub fn us(value: &[u8]) -> Option<Self> {
        let mut parts = value.split(|byte| *byte == b'/');
        let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
        let is_short = |part: &[u8]| (1..=2).contains(&part.len());
        if parts.next().is_some() || !is_short(month) || !is_short(day) || year.len() != 4 {
            return None;
        }
        Self::new(number(year)?, number(month)?, number(day)?)
    }

    fn text(self) -> Vec<u8> {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day).into_bytes()
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    let mut value = 0u32;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u32::from(digit - b'0'))?;
    }
    (!digits.is_empty()).then_some(value)
}

/// The three numbers of a date in another order than `YYYY-MM-DD`, and whether the year stands first.
fn date_parts(value: &[u8]) -> Option<([u32; 3], bool)> {
    let value = without_midnight(value);
    if value.len() == 8 && value.iter().all(u8::is_ascii_digit) {
        let parts = [number(value.get(..4)?)?, number(value.get(4..6)?)?, number(value.get(6..)?)?];
        return Some((parts, true));
    }
    let mut parts = value.split(|byte| matches!(byte, b'/' | b'.' | b'-'));
    let (a, b, c) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || b.len() > 2 {
        return None;
    }
    let year_first = a.len() == 4 && c.len() <= 2;
    let year_last = c.len() == 4 && a.len() <= 2;
    (year_first || year_last).then_some(())?;
    Some(([number(a)?, number(b)?, number(c)?], year_first))
}

/// A date that carries midnight along, as databases and spreadsheets write it.
fn without_midnight(value: &[u8]) -> &[u8] {
    const MIDNIGHTS: &[&[u8]] = &[
        b"T00:00:00.000Z",
        b"T00:00:00Z",
        b"T00:00:00",
        b" 00:00:00.000",
        b" 00:00:00",
        b" 00:00",
        b" 0:00",
    ];
    MIDNIGHTS.iter().find_map(|midnight| value.strip_suffix(*midnight)).unwrap_or(value)
}

/// The order that a date proves by itself: a number above 12 is a day.
pub(crate) fn proven_order(value: &[u8]) -> Option<DateOrder> {
    match date_parts(value)? {
        (_, true) => None,
        ([a, b, _], false) => match (a > 12, b > 12) {
            (true, false) => Some(DateOrder::DayMonthYear),
            (false, true) => Some(DateOrder::MonthDayYear),
            _ => None,
        },
    }
}

/// Mends a date that is not `YYYY-MM-DD`. `order` is the column's, where it is known.
pub(crate) fn mend_date(value: &[u8], order: Option<DateOrder>) -> Judged {
    let Some(([a, b, c], year_first)) = date_parts(value) else { return Judged::Wrong(Cause::NotDate) };
    let order = match (order, proven_order(value)) {
        _ if year_first => DateOrder::YearMonthDay,
        (Some(told), _) => told,
        (None, Some(proven)) => proven,
        // 05.05.2026 reads the same both ways.
        (None, None) if a == b => DateOrder::DayMonthYear,
        (None, None) if a <= 12 && b <= 12 => return Judged::Wrong(Cause::DateOrderUnclear),
        (None, None) => return Judged::Wrong(Cause::NotDate),
    };
    let day = match order {
        DateOrder::YearMonthDay => Day::new(a, b, c),
        DateOrder::DayMonthYear => Day::new(c, b, a),
        DateOrder::MonthDayYear => Day::new(c, a, b),
    };
    day.map_or(Judged::Wrong(Cause::NotDate), |day| Judged::Mended(day.text(), Fix::DateOrder))
}

/// A date and time: `Fine` in UTC, [`Cause::NotUtc`] elsewhere or without a zone.
pub(crate) fn date_time(value: &[u8]) -> Judged {
    let (Some(day), rest) = (value.get(..10), value.get(10..).unwrap_or_default()) else {
        return Judged::Wrong(Cause::NotDateTime);
    };
    if Day::iso(day).is_none() {
        return Judged::Wrong(Cause::NotDateTime);
    }
    if rest.is_empty() {
        return Judged::Wrong(Cause::NotUtc);
    }
    let Some((b'T' | b't' | b' ', rest)) = rest.split_first() else {
        return Judged::Wrong(Cause::NotDateTime);
    };
    let clock_end =
        rest.iter().position(|b| !(b.is_ascii_digit() || matches!(b, b':' | b'.'))).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(clock_end);
    if !is_clock(clock) {
        return Judged::Wrong(Cause::NotDateTime);
    }
    match zone {
        b"Z" => Judged::Fine,
        b"" | b"z" => Judged::Wrong(Cause::NotUtc),
        [b'+' | b'-', offset @ ..]
            if offset.iter().all(|b| b.is_ascii_digit() || *b == b':') && offset.len() >= 2 =>
        {
            Judged::Wrong(Cause::NotUtc)
        }
        _ => Judged::Wrong(Cause::NotDateTime),
    }
}

fn is_clock(clock: &[u8]) -> bool {
    let whole = clock.split(|byte| *byte == b'.').next().unwrap_or_default();
    let mut parts = whole.split(|byte| *byte == b':').map(number);
    let below = |part: Option<Option<u32>>, limit: u32| part.flatten().is_some_and(|n| n < limit);
    below(parts.next(), 24)
        && below(parts.next(), 60)
        && parts.next().is_none_or(|s| s.is_some_and(|n| n < 61))
        && parts.next().is_none()
}

pub(crate) fn year(value: &[u8]) -> bool {
    value.len() == 4 && number(value).is_some_and(|year| (1900..=2200).contains(&year))
}

/// The shape of an address: one `@`, something before it, a host with a dot behind it, no spaces.
pub(crate) fn email(value: &[u8]) -> bool {
    let Some(at) = memchr::memrchr(b'@', value) else { return false };
    let (local, host) = (value.get(..at).unwrap_or_default(), value.get(at + 1..).unwrap_or_default());
    let is_plain = |b: &u8| {
        !b.is_ascii_whitespace()
            && !b.is_ascii_control()
            && !matches!(b, b',' | b';' | b'<' | b'>' | b'"' | b'(' | b')')
    };
    let dots_well = |part: &[u8]| {
        part.first() != Some(&b'.')
            && part.last() != Some(&b'.')
            && memchr::memmem::find(part, b"..").is_none()
    };
    value.len() <= 254
        && !local.is_empty()
        && memchr::memchr(b'@', local).is_none()
        && local.iter().all(is_plain)
        && dots_well(local)
        && dots_well(host)
        && memchr::memchr(b'.', host).is_some()
        && host.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-') || !b.is_ascii())
}

/// `{Type:Id}` with commas between.
pub(crate) fn typed_ids(value: &[u8]) -> bool {
    let mut rest = value;
    loop {
        let Some((b'{', inner)) = rest.trim_ascii_start().split_first() else { return false };
        let Some(end) = memchr::memchr(b'}', inner) else { return false };
        let (pair, behind) = (inner.get(..end).unwrap_or_default(), inner.get(end + 1..).unwrap_or_default());
        if memchr::memchr(b':', pair).is_none_or(|colon| colon == 0 || colon + 1 == pair.len()) {
            return false;
        }
        match behind.trim_ascii_start().split_first() {
            None => return true,
            Some((b',', more)) => rest = more,
            Some(_) => return false,
        }
    }
}

/// Grades of one digit become two: `9` is `09`.
pub(crate) fn grades(value: &[u8]) -> Judged {
    let is_short = |grade: &[u8]| matches!(grade.trim_ascii(), [b'1'..=b'9']);
    if !value.split(|byte| *byte == b',').any(is_short) {
        return Judged::Fine;
    }
    let mut mended = Vec::with_capacity(value.len() + 4);
    for (index, grade) in value.split(|byte| *byte == b',').enumerate() {
        if index > 0 {
            mended.push(b',');
        }
        if is_short(grade) {
            mended.push(b'0');
        }
        mended.extend_from_slice(if is_short(grade) { grade.trim_ascii() } else { grade });
    }
    Judged::Mended(mended, Fix::LeadingZeros)
}

/// The place of a word among the allowed ones.
pub(crate) fn word(value: &[u8], choices: &[Choice]) -> Option<usize> {
    choices.iter().position(|choice| choice.word.as_bytes() == value)
}

pub(crate) fn mend_word(value: &[u8], choices: &[Choice]) -> Judged {
    let by_case = choices.iter().find(|choice| choice.word.as_bytes().eq_ignore_ascii_case(value));
    if let Some(choice) = by_case {
        return Judged::Mended(choice.word.into(), Fix::Case);
    }
    let lower = value.to_ascii_lowercase();
    match choices.iter().find(|choice| choice.also.iter().any(|also| also.as_bytes() == lower)) {
        Some(choice) => Judged::Mended(choice.word.into(), Fix::Word),
        None => Judged::Wrong(Cause::NotAmong),
    }
}

pub(crate) fn any_case(value: &[u8], choices: &[Choice]) -> bool {
    choices.iter().any(|choice| choice.word.as_bytes().eq_ignore_ascii_case(value))
}

pub(crate) fn is_any_flag(value: &[u8]) -> bool {
    value.eq_ignore_ascii_case(b"true") || value.eq_ignore_ascii_case(b"false")
}

pub(crate) fn is_flag(value: &[u8]) -> bool {
    value == b"true" || value == b"false"
}

pub(crate) fn mend_flag(value: &[u8]) -> Judged {
    let (word, fix): (&str, Fix) = match value.to_ascii_lowercase().as_slice() {
        b"true" => ("true", Fix::Case),
        b"false" => ("false", Fix::Case),
        b"yes" | b"y" | b"1" | b"t" => ("true", Fix::Word),
        b"no" | b"n" | b"0" | b"f" => ("false", Fix::Word),
        _ => return Judged::Wrong(Cause::NotFlag),
    };
    Judged::Mended(word.into(), fix)
}

/// Lengths that databases and spreadsheets cut at.
pub(crate) fn is_cut_length(length: usize) -> bool {
    matches!(length, 255 | 256 | 1024 | 4000 | 32_767 | 65_535)
}

/// A value without NULs, without what nobody can see, and without spaces around it, as far as that may
/// be mended; with the fixes that took. Borrowed where there is nothing to do.
pub(crate) fn cleaned(value: &[u8], may: Fixes) -> (Cow<'_, [u8]>, Vec<Fix>) {
    let mut fixes = Vec::new();
    let Ok(text) = std::str::from_utf8(value) else { return (Cow::Borrowed(value), fixes) };
    let mut text = Cow::Borrowed(text);
    if may.has(Fix::Nul) && text.contains('\0') {
        text = text.replace('\0', "").into();
        fixes.push(Fix::Nul);
    }
    if may.has(Fix::Invisible) && text.contains(is_invisible) {
        text = text.replace(is_invisible, "").into();
        fixes.push(Fix::Invisible);
    }
    let trimmed = text.trim_matches(|c: char| c.is_whitespace());
    if may.has(Fix::Trim) && trimmed.len() < text.len() {
        text = trimmed.to_owned().into();
        fixes.push(Fix::Trim);
    }
    match text {
        Cow::Borrowed(text) => (Cow::Borrowed(text.as_bytes()), fixes),
        Cow::Owned(text) => (Cow::Owned(text.into_bytes()), fixes),
    }
}

/// Characters that show nothing: zero-width spaces and joiners, direction marks, byte order marks,
/// soft hyphens, control characters other than tab and line ends.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}')
        || (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\0'))
}

/// The outline of a personal value: letters as x, digits as 9, signs as they are.
pub(crate) fn outline(value: &[u8]) -> String {
    let mask = |c: char| match c {
        c if c.is_numeric() => '9',
        c if c.is_alphabetic() => 'x',
        c => c,
    };
    shown(value).chars().map(mask).collect()
}

/// A value as a report shows it: at most 80 characters, control characters made visible.
pub(crate) fn shown(value: &[u8]) -> String {
    const MOST: usize = 80;
    let text = String::from_utf8_lossy(value.get(..MOST * 4).unwrap_or(value));
    let mut shown: String =
        text.chars().take(MOST).map(|c| if c.is_control() { '\u{b7}' } else { c }).collect();
    if shown.len() < value.len() && text.chars().count() >= MOST {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(judged: Judged) -> String {
        match judged {
            Judged::Mended(value, fix) => format!("{} ({})", String::from_utf8(value).unwrap(), fix.word()),
            Judged::Fine => "fine".to_owned(),
            Judged::Wrong(cause) => format!("{cause:?}"),
        }
    }

    #[test]
    fn identifiers_have_their_characters_and_length() {
        assert_eq!(id(b"a.B-1_2/3@x"), Judged::Fine);
        assert_eq!(id(&[b'a'; 255]), Judged::Fine);
        for wrong in [&[b'a'; 256][..], b"a b", b"a,b", "\u{e4}".as_bytes()] {
            assert_eq!(id(wrong), Judged::Wrong(Cause::NotId));
        }
        assert_eq!(id(b"6.04863E+05"), Judged::Wrong(Cause::ScientificId));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for right in ["2024-02-29", "2000-02-29", "2026-12-31"] {
            assert!(Day::iso(right.as_bytes()).is_some(), "{right}");
        }
        for wrong in [
            "2026-02-29",
            "1900-02-29",
            "2026-04-31",
            "2026-13-01",
            "2026-00-10",
            "2026-1-01",
            "0999-01-01",
            "2026/01/01",
            "",
        ] {
            assert!(Day::iso(wrong.as_bytes()).is_none(), "{wrong}");
        }
        assert_eq!(Day::us(b"8/17/2026"), Day::iso(b"2026-08-17"));
        assert_eq!(Day::us(b"17/8/2026"), None);
    }

    #[test]
    fn dates_in_another_order_are_mended_where_it_is_certain() {
        let date = |text: &str, order| mended(mend_date(text.as_bytes(), order));
        assert_eq!(date("17.08.2026", None), "2026-08-17 (date-order)");
        assert_eq!(date("8/17/2026", None), "2026-08-17 (date-order)");
        assert_eq!(date("2026/08/17", None), "2026-08-17 (date-order)");
        assert_eq!(date("20260817", None), "2026-08-17 (date-order)");
        assert_eq!(date("2026-08-17T00:00:00Z", None), "2026-08-17 (date-order)");
        assert_eq!(date("05-05-2026", None), "2026-05-05 (date-order)");
        assert_eq!(date("03/04/2026", None), "DateOrderUnclear");
        assert_eq!(date("03/04/2026", Some(DateOrder::DayMonthYear)), "2026-04-03 (date-order)");
        assert_eq!(date("03/04/2026", Some(DateOrder::MonthDayYear)), "2026-03-04 (date-order)");
        // What contradicts the column's order is not turned round.
        assert_eq!(date("08/17/2026", Some(DateOrder::DayMonthYear)), "NotDate");
        for wrong in ["17.08.26", "45943", "soon", "31/31/2026", "1/2/3/2026", "2026-08-17T10:00:00Z"] {
            assert_eq!(date(wrong, None), "NotDate", "{wrong}");
        }
    }

    #[test]
    fn times_are_utc_or_not() {
        let time = |text: &str| date_time(text.as_bytes());
        assert_eq!(time("2026-08-17T08:00:00Z"), Judged::Fine);
        assert_eq!(time("2026-08-17T08:00:00.123Z"), Judged::Fine);
        for other in ["2026-08-17", "2026-08-17T08:00:00", "2026-08-17 08:00", "2026-08-17T08:00:00+02:00"] {
            assert_eq!(time(other), Judged::Wrong(Cause::NotUtc), "{other}");
        }
        for wrong in
            ["yesterday", "2026-08-17T25:00:00Z", "2026-08-17T08:00:00Zulu", "2026-08-17x", "17.08.2026"]
        {
            assert_eq!(time(wrong), Judged::Wrong(Cause::NotDateTime), "{wrong}");
        }
    }

    #[test]
    fn addresses_have_a_host() {
        for right in ["a@b.org", "first.last+tag@mail.example.org", "o'neil@x-y.de"] {
            assert!(email(right.as_bytes()), "{right}");
        }
        for wrong in [
            "",
            "a",
            "a@b",
            "@b.org",
            "a@",
            "a b@c.org",
            "a@@b.org",
            "a@b..org",
            ".a@b.org",
            "a@b.org,c@d.org",
            "a@.org",
        ] {
            assert!(!email(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn typed_ids_are_pairs_in_braces() {
        for right in ["{Local:863}", "{a:1},{b:2}", "{a:1}, {b:2:3}"] {
            assert!(typed_ids(right.as_bytes()), "{right}");
        }
        for wrong in ["Local:863", "{Local}", "{:1}", "{a:}", "{a:1},", "{a:1}{b:2}", "{a:1"] {
            assert!(!typed_ids(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn words_and_flags_are_mended_where_it_is_certain() {
        let choices = [Choice { word: "student", also: &["pupil"] }, Choice { word: "teacher", also: &[] }];
        assert_eq!(word(b"teacher", &choices), Some(1));
        assert_eq!(mended(mend_word(b"Student", &choices)), "student (case)");
        assert_eq!(mended(mend_word(b"PUPIL", &choices)), "student (word)");
        assert_eq!(mended(mend_word(b"head", &choices)), "NotAmong");
        assert_eq!(mended(mend_flag(b"TRUE")), "true (case)");
        assert_eq!(mended(mend_flag(b"0")), "false (word)");
        assert_eq!(mended(mend_flag(b"maybe")), "NotFlag");
    }

    #[test]
    fn grades_get_their_zeros_back() {
        assert_eq!(mended(grades(b"9")), "09 (leading-zeros)");
        assert_eq!(mended(grades(b"8,9,10,KG")), "08,09,10,KG (leading-zeros)");
        assert_eq!(grades(b"09,10,KG"), Judged::Fine);
    }

    #[test]
    fn values_are_cleaned() {
        let clean = |text: &str| {
            let (value, fixes) = cleaned(text.as_bytes(), Fixes::ALL);
            (String::from_utf8(value.into_owned()).unwrap(), fixes)
        };
        assert_eq!(clean("a b"), ("a b".into(), vec![]));
        assert_eq!(clean(" \u{a0}a\t"), ("a".into(), vec![Fix::Trim]));
        assert_eq!(clean("a\u{200b}b\0"), ("ab".into(), vec![Fix::Nul, Fix::Invisible]));
        assert_eq!(clean("   "), (String::new(), vec![Fix::Trim]));
    }

    #[test]
    fn what_is_personal_shows_as_an_outline() {
        assert_eq!(outline("Jörg.99@x.org".as_bytes()), "xxxx.99@x.xxx");
        assert_eq!(shown(b"a\0b\nc"), "a·b·c");
        assert_eq!(shown(&[b'x'; 200]).chars().count(), 81);
    }
}
