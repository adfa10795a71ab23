//! The cells of a row: right at first sight, mended beyond doubt, looked up, or a problem.

use super::Verdict;
use super::cause::{Cause, Fix, Fixes};
use super::ids::Standing;
use super::judge::{Judge, Shared};
use super::ledger::Show;
use super::settle::{MOST_TEXTS, Pending};
use super::value::{self, Day, Judged};
use crate::map::DateOrder;
use crate::read::{Quirks, Row};
use crate::schema::{Holds, Need};

impl Judge {
    #[inline]
    pub(super) fn cell(&mut self, shared: &mut Shared, row: &Row<'_>, column: usize) {
        let Some(bound) = self.columns.get(column) else { return };
        let raw = row.field(bound.index);
        if raw.is_empty() && !bound.values.contains_key(raw) {
            if bound.column.need != Need::None {
                self.blank_cell(shared, row, column);
            }
            return;
        }
        if bound.column.need == Need::Delta && self.rules.delta != Some(true) {
            if self.rules.delta == Some(false) {
                let text = || value::shown(raw);
                self.problem(shared, Cause::StatusInBulk, Some(column), row.number, text);
            }
            return;
        }
        let remembers = self.remembers[column];
        if remembers && raw == bound.memo.as_slice() {
            bound.seen.set(bound.memo_seen);
            if bound.memo_root != 0 {
                let root = bound.memo_root;
                self.hits.push((root, column));
            }
            return;
        }
        let is_plain = raw.first().is_some_and(|byte| *byte > b' ')
            && raw.last().is_some_and(|byte| *byte > b' ')
            && (!row.quirks.has(Quirks::NON_ASCII | Quirks::NUL) || (raw.is_ascii() && !raw.contains(&0)))
            && bound.values.is_empty();
        if !is_plain || !self.is_right(shared, column, raw) {
            self.odd_cell(shared, row, column);
        } else if remembers && let Some(bound) = self.columns.get_mut(column) {
            bound.memo.clear();
            bound.memo.extend_from_slice(raw);
            bound.memo_root = 0;
            bound.memo_seen = bound.seen.get();
        }
    }

    pub(super) fn blank_cell(&mut self, shared: &mut Shared, row: &Row<'_>, column: usize) {
        let Some(bound) = self.columns.get(column) else { return };
        let is_wanted = match bound.column.need {
            Need::Cell => true,
            Need::Delta => self.rules.delta == Some(true),
            Need::Label | Need::None => false,
        };
        if is_wanted {
            self.problem(shared, Cause::RequiredBlank, Some(column), row.number, String::new);
        }
    }

    /// Whether a value without anything odd about it is right as it is. Says no where it takes more
    /// than a look.
    pub(super) fn is_right(&self, shared: &Shared, column: usize, raw: &[u8]) -> bool {
        let Some(bound) = self.columns.get(column) else { return true };
        if bound.shared.is_some() {
            return false;
        }
        match bound.column.holds {
            Holds::Text | Holds::Secret | Holds::List => {
                raw.len() < 255
                    && raw.first() != Some(&b'#')
                    && (column >= self.keys || !value::is_scientific(raw))
            }
            Holds::Id => value::id(raw) == Judged::Fine,
            Holds::Ref(_) => {
                let (Some(target), own) = (bound.target, self.rules.place) else { return true };
                if target == own {
                    return false;
                }
                let Some(records) = shared.records.get(target) else { return true };
                match records.standing {
                    Standing::Partial => true,
                    Standing::Missing => false,
                    Standing::There => {
                        let hash = shared.hashing.of(raw);
                        let Some(entry) = records.entries.get(&hash) else { return false };
                        bound.see(*entry, records, hash);
                        entry.root() == 0 && bound.is_sort(entry.sort())
                    }
                }
            }
            Holds::Word(choices) => value::word(raw, choices).is_some(),
            Holds::WordOrExt(choices) => value::word(raw, choices).is_some() || raw.starts_with(b"ext:"),
            Holds::AnyCase(choices) => value::any_case(raw, choices),
            Holds::Flag => value::is_flag(raw),
            Holds::AnyCaseFlag => value::is_any_flag(raw),
            Holds::Date => Day::iso(raw).is_some(),
            Holds::UsDate => Day::us(raw).is_some() || Day::iso(raw).is_some(),
            Holds::DateTime => value::date_time(raw) == Judged::Fine,
            Holds::Year => value::year(raw),
            Holds::Email => value::email(raw),
            Holds::TypedIds => value::typed_ids(raw),
            Holds::Grades => value::grades(raw) == Judged::Fine,
            // A list is taken apart, and remembered where it is right.
            Holds::Refs(_) => false,
        }
    }

    /// A value that is not right at first sight: replaced as the mapping says, cleaned, mended where
    /// that is certain, looked up, or a problem.
    #[cold]
    pub(super) fn odd_cell(&mut self, shared: &mut Shared, row: &Row<'_>, column: usize) {
        let Some(bound) = self.columns.get(column) else { return };
        let raw = row.field(bound.index);
        let may = bound.may;
        let mut value = std::borrow::Cow::Borrowed(raw);
        let fixes_before = self.fixes.len();
        if let Some(meant) = bound.values.get(raw.trim_ascii()) {
            value = meant.clone().into();
            self.fixes.push((column, Fix::Mapped));
        }
        let (clean, fixes) = value::cleaned(&value, may);
        if !fixes.is_empty() {
            value = clean.into_owned().into();
            self.fixes.extend(fixes.into_iter().map(|fix| (column, fix)));
        }
        if value.contains(&0) {
            let show = Show::of(bound.column);
            self.problem(shared, Cause::NulByte, Some(column), row.number, || show.text(raw));
            return;
        }
        if value.is_empty() {
            self.keep(column, value.into_owned(), fixes_before);
            self.blank_cell(shared, row, column);
            return;
        }
        let (value, causes) = self.typed(shared, row, column, value.into_owned());
        self.keep(column, value, fixes_before);
        for cause in causes {
            let text = self.shown(row, column);
            self.problem(shared, cause, Some(column), row.number, || text);
        }
    }

    pub(super) fn shown(&self, row: &Row<'_>, column: usize) -> String {
        self.columns.get(column).map(|b| Show::of(b.column).text(row.field(b.index))).unwrap_or_default()
    }

    /// Keeps a value that fixes changed.
    pub(super) fn keep(&mut self, column: usize, value: Vec<u8>, fixes_before: usize) {
        if self.fixes.len() > fixes_before {
            self.mended.push((column, value));
        }
    }

    /// Judges a clean value by what its column holds.
    pub(super) fn typed(
        &mut self,
        shared: &mut Shared,
        row: &Row<'_>,
        column: usize,
        value: Vec<u8>,
    ) -> (Vec<u8>, Vec<Cause>) {
        let Some(bound) = self.columns.get_mut(column) else { return (value, vec![]) };
        let mut causes = Vec::new();
        if let Some(seen) = &mut bound.shared {
            let hash = shared.hashing.of(&value.to_ascii_lowercase());
            if !seen.insert(hash) {
                causes.push(Cause::Shared);
            }
        }
        if matches!(bound.column.holds, Holds::Ref(_) | Holds::Refs(_)) {
            let value = self.references(shared, row, column, value, &mut causes);
            return (value, causes);
        }
        match judged(bound.column.holds, &value, bound.order, bound.may) {
            Judged::Fine => {}
            Judged::Mended(mended, fix) => {
                self.fixes.push((column, fix));
                return (mended, causes);
            }
            Judged::Wrong(cause) => causes.push(cause),
        }
        if column < self.keys && causes.is_empty() && value::is_scientific(&value) {
            causes.push(Cause::ScientificId);
        }
        if value::is_cut_length(value.len()) {
            causes.push(Cause::Truncated);
        }
        (value, causes)
    }

    // References.

    /// Looks up each key in a value; answers the value with mended keys.
    pub(super) fn references(
        &mut self,
        shared: &mut Shared,
        row: &Row<'_>,
        column: usize,
        value: Vec<u8>,
        causes: &mut Vec<Cause>,
    ) -> Vec<u8> {
        let Some(bound) = self.columns.get(column) else { return value };
        if matches!(bound.column.holds, Holds::Ref(_)) {
            let mended = self.reference(shared, row, column, &value, causes);
            if mended.is_none() {
                self.remember(column, &value, causes);
            }
            return mended.unwrap_or(value);
        }
        let may = bound.may;
        let mut whole = Vec::with_capacity(value.len());
        let mut is_mended = false;
        for part in value.split(|byte| *byte == b',') {
            let key = if may.has(Fix::Trim) { part.trim_ascii() } else { part };
            if key.len() < part.len() {
                self.fixes.push((column, Fix::Trim));
                is_mended = true;
            }
            if key.is_empty() && may.has(Fix::EmptyEntry) {
                self.fixes.push((column, Fix::EmptyEntry));
                is_mended = true;
                continue;
            }
            let mended = self.reference(shared, row, column, key, causes);
            is_mended |= mended.is_some();
            if !whole.is_empty() {
                whole.push(b',');
            }
            whole.extend_from_slice(mended.as_deref().unwrap_or(key));
        }
        if is_mended {
            return whole;
        }
        self.remember(column, &value, causes);
        value
    }

    /// Remembers a reference with the root that it leads to: rows of one class or school repeat it.
    pub(super) fn remember(&mut self, column: usize, value: &[u8], causes: &[Cause]) {
        let mut hits = self.hits.iter().filter(|(_, at)| *at == column).map(|(root, _)| *root);
        let (first, second) = (hits.next(), hits.next());
        let is_plain = causes.is_empty() && !self.fixes.iter().any(|(at, _)| *at == column);
        if self.remembers[column]
            && is_plain
            && second.is_none()
            && let Some(bound) = self.columns.get_mut(column)
        {
            bound.memo.clear();
            bound.memo.extend_from_slice(value);
            bound.memo_root = first.unwrap_or(0);
            bound.memo_seen = bound.seen.get();
        }
    }

    /// Looks up one key; answers it with the zeros that a spreadsheet took or gave.
    pub(super) fn reference(
        &mut self,
        shared: &mut Shared,
        row: &Row<'_>,
        column: usize,
        key: &[u8],
        causes: &mut Vec<Cause>,
    ) -> Option<Vec<u8>> {
        let bound = self.columns.get(column)?;
        let target = bound.target?;
        let hash = shared.hashing.of(key);
        if target == self.rules.place && Some(hash) == self.own {
            causes.push(Cause::Itself);
            return None;
        }
        let records = shared.records.get(target)?;
        match records.standing {
            Standing::Partial => return None,
            Standing::Missing => {
                let root = shared.roots.whole(target as u16);
                self.hits.push((root, column));
                return None;
            }
            Standing::There => {}
        }
        if target == self.rules.place {
            let is_known = records.entries.contains_key(&hash);
            self.pending.push(Pending {
                row: row.number,
                own: self.own.unwrap_or(0),
                target: hash,
                column: column as u16,
                verdict: Verdict::Accepted,
                text: if is_known && self.pending.len() > MOST_TEXTS { Box::default() } else { key.into() },
            });
            return None;
        }
        let mut mended = None;
        let mut entry = records.entries.get(&hash);
        if entry.is_none() && bound.may.has(Fix::LeadingZeros) {
            let at = |key: &[u8]| records.entries.get(&shared.hashing.of(key));
            mended = with_other_zeros(key, |key| at(key).is_some());
            entry = mended.as_deref().and_then(at);
        }
        if let Some(entry) = entry {
            let hash = mended.as_deref().map_or(hash, |key| shared.hashing.of(key));
            bound.see(*entry, records, hash);
            if mended.is_some() {
                self.fixes.push((column, Fix::LeadingZeros));
            }
            if entry.root() != 0 {
                let root = entry.root();
                shared.roots.name(root, key);
                self.hits.push((root, column));
            } else if !bound.is_sort(entry.sort()) {
                causes.push(Cause::Sort);
            }
            return mended;
        }
        let root = shared.roots.missing(target as u16, hash, key);
        self.hits.push((root, column));
        None
    }
}

/// Whether a value is right, or mended beyond doubt by what may be mended, without a mapping.
pub(crate) fn is_allowed(holds: Holds, value: &[u8], may: Fixes) -> bool {
    let (clean, _) = value::cleaned(value, may);
    clean.is_empty() || !matches!(judged(holds, &clean, None, may), Judged::Wrong(_))
}

/// Whether a date is written as `YYYY-MM-DD`.
pub(crate) fn is_plain_date(value: &[u8]) -> bool {
    Day::iso(value).is_some()
}

/// Whether day and month of a date cannot be told apart.
pub(crate) fn is_unclear_date(value: &[u8]) -> bool {
    matches!(value::mend_date(value, None), Judged::Wrong(Cause::DateOrderUnclear))
}

/// Judges a value by what its column holds. Where it may not be mended it is judged as it stands.
fn judged(holds: Holds, value: &[u8], order: Option<DateOrder>, may: Fixes) -> Judged {
    let is_error = value::is_spreadsheet_error(value);
    if is_error && !matches!(holds, Holds::Secret) {
        return Judged::Wrong(Cause::SpreadsheetError);
    }
    let right = |is_right: bool, cause: Cause| if is_right { Judged::Fine } else { Judged::Wrong(cause) };
    let or_wrong = |judged: Judged, cause: Cause| match judged {
        Judged::Mended(_, fix) if !may.has(fix) => Judged::Wrong(cause),
        judged => judged,
    };
    match holds {
        Holds::Text | Holds::Secret | Holds::List | Holds::Ref(_) | Holds::Refs(_) => Judged::Fine,
        Holds::Id => value::id(value),
        Holds::Word(choices) if value::word(value, choices).is_some() => Judged::Fine,
        Holds::WordOrExt(choices) if value::word(value, choices).is_some() || value.starts_with(b"ext:") => {
            Judged::Fine
        }
        Holds::Word(choices) | Holds::WordOrExt(choices) => {
            or_wrong(value::mend_word(value, choices), Cause::NotAmong)
        }
        Holds::AnyCase(choices) if value::any_case(value, choices) => Judged::Fine,
        Holds::AnyCase(_) => Judged::Wrong(Cause::NotAmong),
        Holds::Flag if value::is_flag(value) => Judged::Fine,
        Holds::AnyCaseFlag if value::is_any_flag(value) => Judged::Fine,
        Holds::Flag | Holds::AnyCaseFlag => or_wrong(value::mend_flag(value), Cause::NotFlag),
        Holds::Date if Day::iso(value).is_some() => Judged::Fine,
        Holds::UsDate if Day::us(value).is_some() || Day::iso(value).is_some() => Judged::Fine,
        Holds::Date | Holds::UsDate if may.has(Fix::DateOrder) => value::mend_date(value, order),
        Holds::Date | Holds::UsDate => Judged::Wrong(Cause::NotDate),
        Holds::DateTime => value::date_time(value),
        Holds::Year => right(value::year(value), Cause::NotYear),
        Holds::Email => right(value::email(value), Cause::NotEmail),
        Holds::TypedIds => right(value::typed_ids(value), Cause::NotTypedIds),
        Holds::Grades => or_wrong(value::grades(value), Cause::NotGrades),
    }
}

/// The most zeros that are put before a number to find its record.
const MOST_ZEROS: usize = 6;

/// The one spelling of a number, with more or fewer zeros before it, that names a record.
fn with_other_zeros(key: &[u8], is_there: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    if key.is_empty() || key.len() > 40 || !key.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = key.iter().position(|byte| *byte != b'0').map_or(key.len().saturating_sub(1), |at| at);
    let digits = key.get(digits..).unwrap_or(key);
    let mut found = None;
    for zeros in 0..=MOST_ZEROS {
        let candidate = [&b"000000"[..zeros], digits].concat();
        if candidate != key && is_there(&candidate) {
            if found.is_some() {
                return None;
            }
            found = Some(candidate);
        }
    }
    found
}
