//! Judges the rows of one file: their shape, their cells, their key, what they refer to, and the
//! rules that bind them.
//!
//! Nearly every value is right. A value is first compared with the last right one of its column,
//! then looked at in place; only what is odd is copied and mended (see [`Judge::odd_cell`]).

use std::collections::HashMap;

use super::cause::{Cause, Fix, Profile, Severity};
use super::ids::{Entry, Hashes, Hashing, Records, RootId, Roots, Standing};
use super::ledger::{Ledger, NO_COLUMN, Show};
use super::value::{self, Day, Judged};
use super::{Fault, Outcome, Sink, Verdict};
use crate::map::DateOrder;
use crate::read::{Quirks, Row};
use crate::report::{Counts, FixExample};
use crate::schema::{Choice, Column, FileSchema, Holds, Need, Rule};

/// What all files of a run share.
pub(crate) struct Shared {
    pub profile: Profile,
    pub hashing: Hashing,
    pub ledger: Ledger,
    pub roots: Roots,
    /// By the place of a file in the format.
    pub records: Vec<Records>,
}

/// A column as a file has it.
pub(crate) struct Bound {
    pub column: &'static Column,
    pub label: String,
    /// Its place in the rows.
    pub index: usize,
    /// The order of its dates, where it is known.
    pub order: Option<DateOrder>,
    /// Values that the mapping file replaces.
    pub values: HashMap<Vec<u8>, Vec<u8>>,
    /// The place of the file that it refers to.
    pub target: Option<usize>,
    /// Sorts that a record it refers to may be of, one bit each; 0 where any will do.
    pub sorts: u32,
    /// Values seen, where they should not be shared.
    pub shared: Option<Hashes>,
    /// The last value that was right, and the root of what it refers to.
    memo: Vec<u8>,
    memo_root: RootId,
}

impl Bound {
    pub fn new(column: &'static Column, label: String, index: usize) -> Self {
        Self {
            column,
            label,
            index,
            order: None,
            values: HashMap::new(),
            target: None,
            sorts: 0,
            shared: None,
            memo: Vec::new(),
            memo_root: 0,
        }
    }

    /// Whether a right value may be remembered: looking at it has no other effect, and it repeats.
    fn remembers(&self, own: usize) -> bool {
        let repeats = !matches!(
            self.column.holds,
            Holds::Text
                | Holds::Id
                | Holds::Email
                | Holds::Secret
                | Holds::List
                | Holds::TypedIds
                | Holds::DateTime
        );
        repeats
            && self.values.is_empty()
            && self.target != Some(own)
            && self.sorts == 0
            && self.shared.is_none()
    }
}

/// A rule with the places of its columns.
pub(crate) enum BoundRule {
    DateOrder(usize, usize, bool),
    SameLength(usize, usize),
    TrueOnlyFor(usize, usize, &'static str),
    Once(Vec<usize>, Option<(usize, &'static str)>, Hashes),
}

/// What a format and a mapping say about a file as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileRules {
    /// Where the file stands in the format.
    pub place: usize,
    /// Its number in reports.
    pub number: u16,
    /// Cells in a row.
    pub width: usize,
    /// Status and date of change: required in a delta, blank in bulk, free elsewhere.
    pub delta: Option<bool>,
    pub one_line_fields: bool,
    /// All rows are rejected, because a required column is missing.
    pub unusable: Option<RootId>,
}

/// A reference of a row to another of the same file, judged when all are known.
struct Pending {
    row: u64,
    own: u64,
    target: u64,
    column: u16,
    verdict: Verdict,
    /// The key that it refers to; empty where too many are held to keep it.
    text: Box<[u8]>,
}

/// References within a file whose keys are kept to name them; of more only those of unknown records.
const MOST_TEXTS: usize = 100_000;

/// The judge of one file.
pub(crate) struct Judge {
    rules: FileRules,
    pub counts: Counts,
    columns: Vec<Bound>,
    remembers: Vec<bool>,
    /// The first columns name a record.
    keys: usize,
    sort: Option<(usize, &'static [Choice])>,
    bound: Vec<BoundRule>,
    pending: Vec<Pending>,
    // Of the row at hand:
    own: Option<u64>,
    faults: Vec<Fault>,
    hits: Vec<(RootId, usize)>,
    mended: Vec<(usize, Vec<u8>)>,
    fixes: Vec<(usize, Fix)>,
    key: Vec<u8>,
}

impl Judge {
    /// `columns` starts with those of the key, if the file has all of them.
    pub fn new(file: &'static FileSchema, rules: FileRules, columns: Vec<Bound>) -> Self {
        let at = |name: &str| columns.iter().position(|bound| bound.column.name == name);
        let has_key = !file.key.is_empty() && file.key.iter().all(|name| at(name).is_some());
        let sort = file.sort.and_then(at).and_then(|at| match columns.get(at)?.column.holds {
            Holds::Word(choices) => Some((at, choices)),
            _ => None,
        });
        let bound = file.rules.iter().filter_map(|rule| bind(*rule, &at)).collect();
        Self {
            rules,
            counts: Counts::default(),
            remembers: columns.iter().map(|bound| bound.remembers(rules.place)).collect(),
            keys: if has_key { file.key.len() } else { 0 },
            columns,
            sort,
            bound,
            pending: Vec::new(),
            own: None,
            faults: Vec::new(),
            hits: Vec::new(),
            mended: Vec::new(),
            fixes: Vec::new(),
            key: Vec::new(),
        }
    }

    /// Judges one row and counts it.
    pub fn row<S: Sink>(&mut self, shared: &mut Shared, row: &Row<'_>, sink: &mut S) {
        self.counts.rows += 1;
        self.own = None;
        self.faults.clear();
        self.hits.clear();
        self.mended.clear();
        self.fixes.clear();
        let before = self.pending.len();
        let verdict = self.judge(shared, row);
        if verdict == Verdict::Skipped {
            self.pending.truncate(before);
        }
        self.pending.iter_mut().skip(before).for_each(|pending| pending.verdict = verdict);
        match verdict {
            Verdict::Accepted => self.counts.accepted += 1,
            Verdict::Fixed => self.counts.fixed += 1,
            Verdict::Rejected => self.counts.rejected += 1,
            Verdict::Skipped => self.counts.skipped += 1,
        }
        if S::LISTENS {
            sink.row(&Outcome {
                place: self.rules.place,
                row,
                verdict,
                faults: &self.faults,
                columns: &self.columns,
            });
        }
    }

    fn judge(&mut self, shared: &mut Shared, row: &Row<'_>) -> Verdict {
        let is_odd =
            row.fields.len() != self.rules.width || !row.quirks.is_empty() || row.field(0).is_empty();
        if is_odd && !self.has_shape(shared, row) {
            return self.reject_whole(shared, row);
        }
        for column in 0..self.keys {
            self.cell(shared, row, column);
        }
        if self.keys > 0 && self.is_copy(shared, row) {
            return Verdict::Skipped;
        }
        for column in self.keys..self.columns.len() {
            self.cell(shared, row, column);
        }
        if !self.bound.is_empty() {
            self.bound_rules(shared, row);
        }
        self.close(shared, row)
    }

    /// What the row comes to, and what that means for those that refer to it.
    fn close(&mut self, shared: &mut Shared, row: &Row<'_>) -> Verdict {
        if let Some(root) = self.rules.unusable {
            self.faults.push(Fault { cause: Cause::MissingLabel, column: None, root });
            self.mark(shared, root);
            return Verdict::Rejected;
        }
        if let Some((column, choices)) = self.sort
            && let Some(own) = self.own
            && let Some(sort) = value::word(self.value(row, column), choices)
            && let Some(entry) = records(shared, self.rules.place).entries.get_mut(&own)
        {
            entry.set_sort(sort as u32 + 1);
        }
        if !self.hits.is_empty() {
            self.hit_roots(shared, row);
        }
        if !self.faults.is_empty() {
            let by_itself = self.faults.iter().any(|fault| fault.root == 0);
            let root = if by_itself {
                shared.roots.rejected(self.rules.place as u16, row.number)
            } else {
                self.faults.first().map_or(0, |fault| fault.root)
            };
            self.mark(shared, root);
            return Verdict::Rejected;
        }
        if self.fixes.is_empty() {
            return Verdict::Accepted;
        }
        self.record_fixes(shared, row);
        Verdict::Fixed
    }

    /// Marks the row's record as rejected.
    fn mark(&self, shared: &mut Shared, root: RootId) {
        if let Some(own) = self.own
            && let Some(entry) = records(shared, self.rules.place).entries.get_mut(&own)
        {
            entry.set_root(root);
        }
    }

    /// Counts each root once, however many columns lead to it.
    fn hit_roots(&mut self, shared: &mut Shared, row: &Row<'_>) {
        let hits = std::mem::take(&mut self.hits);
        for (index, (root, column)) in hits.iter().enumerate() {
            if hits.iter().take(index).any(|(before, _)| before == root) {
                continue;
            }
            let value = self.value(row, *column);
            shared.roots.hit(*root, self.rules.number, *column as u16, row.number, value);
            self.faults.push(Fault { cause: Cause::NoTarget, column: Some(*column), root: *root });
        }
        self.hits = hits;
    }

    fn record_fixes(&mut self, shared: &mut Shared, row: &Row<'_>) {
        for (column, fix) in &self.fixes {
            let Some(bound) = self.columns.get(*column) else { continue };
            let show = Show::of(bound.column);
            shared.ledger.fixed(*fix, self.rules.number, *column as u16, || FixExample {
                row: row.number,
                before: show.text(row.field(bound.index)),
                after: show.text(self.value(row, *column)),
            });
        }
    }

    /// The value of a column, mended where it was.
    fn value<'v>(&'v self, row: &Row<'v>, column: usize) -> &'v [u8] {
        if let Some((_, value)) = self.mended.iter().rev().find(|(at, _)| *at == column) {
            return value;
        }
        self.columns.get(column).map(|bound| row.field(bound.index)).unwrap_or_default()
    }

    /// Notes a problem of the row; an error rejects it.
    fn problem(
        &mut self,
        shared: &mut Shared,
        cause: Cause,
        column: Option<usize>,
        row: u64,
        value: impl FnOnce() -> String,
    ) {
        let at = column.map_or(NO_COLUMN, |column| column as u16);
        shared.ledger.add(cause, self.rules.number, at, row, value);
        if cause.severity(shared.profile) == Severity::Error {
            self.faults.push(Fault { cause, column, root: 0 });
        }
    }

    // Shape.

    /// Whether the row's cells stand in their columns. What is odd but harmless is noted.
    fn has_shape(&mut self, shared: &mut Shared, row: &Row<'_>) -> bool {
        for (quirk, cause) in [
            (Quirks::TOO_LONG, Cause::TooLong),
            (Quirks::UNCLOSED, Cause::UnclosedQuote),
            (Quirks::AFTER_QUOTE, Cause::TextAfterQuote),
            (Quirks::ENCODING, Cause::NotText),
        ] {
            let is_replaced = cause == Cause::NotText && std::str::from_utf8(row.bytes).is_ok();
            if row.quirks.has(quirk) && !is_replaced {
                self.problem(shared, cause, None, row.number, String::new);
                return false;
            }
            if row.quirks.has(quirk) {
                self.problem(shared, Cause::Replaced, None, row.number, String::new);
            }
        }
        let width = self.rules.width;
        let cells = row.fields.len();
        let is_blank = |index: usize| row.field(index).trim_ascii().is_empty();
        if (0..cells).all(is_blank) {
            self.problem(shared, Cause::BlankRow, None, row.number, String::new);
            return false;
        }
        let count = || format!("{cells} cells, {width} labels");
        if cells < width {
            self.problem(shared, Cause::MissingCell, None, row.number, count);
            return false;
        }
        if cells > width {
            let is_harmless = (width..cells).all(is_blank);
            let cause = if is_harmless { Cause::ExtraEmptyCell } else { Cause::ExtraCell };
            self.problem(shared, cause, None, row.number, count);
            if !is_harmless {
                return false;
            }
        }
        if row.quirks.has(Quirks::LINE_BREAK) && self.rules.one_line_fields {
            let has_break = |bound: &Bound| memchr::memchr2(b'\n', b'\r', row.field(bound.index)).is_some();
            let column = self.columns.iter().position(has_break);
            let show =
                column.and_then(|c| self.columns.get(c)).map(|b| (Show::of(b.column), row.field(b.index)));
            let text = || show.map(|(show, value)| show.text(value)).unwrap_or_default();
            self.problem(shared, Cause::LineBreak, column, row.number, text);
        }
        true
    }

    /// Rejects a row whose cells cannot be told; its key, where it stands before the fault, is kept,
    /// so that rows that refer to it have one cause.
    fn reject_whole(&mut self, shared: &mut Shared, row: &Row<'_>) -> Verdict {
        let readable = self.columns.iter().take(self.keys).all(|bound| bound.index + 1 < row.fields.len());
        if self.keys > 0 && readable && !row.quirks.has(Quirks::ENCODING) {
            self.fill_key(row);
            let own = shared.hashing.of(&self.key);
            let content = shared.hashing.of(row.bytes) as u32;
            if !self.key.is_empty() {
                self.own = Some(own);
                records(shared, self.rules.place).entries.entry(own).or_insert_with(|| Entry::new(content));
            }
        }
        self.close(shared, row)
    }

    // Keys.

    fn fill_key(&mut self, row: &Row<'_>) {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        for column in 0..self.keys {
            if column > 0 {
                key.push(0x1f);
            }
            let from = key.len();
            key.extend_from_slice(self.value(row, column));
            if self.columns.get(column).is_some_and(|bound| bound.column.holds == Holds::Email)
                && let Some(part) = key.get_mut(from..)
            {
                part.make_ascii_lowercase();
            }
        }
        self.key = key;
    }

    /// Enters the row under its key; true where there is one before it.
    fn is_copy(&mut self, shared: &mut Shared, row: &Row<'_>) -> bool {
        let single = self.keys == 1 && self.columns.first().is_some_and(|b| b.column.holds != Holds::Email);
        let own = if single {
            let value = self.value(row, 0);
            if value.is_empty() {
                return false;
            }
            shared.hashing.of(value)
        } else {
            self.fill_key(row);
            if self.key.iter().all(|byte| *byte == 0x1f) {
                return false;
            }
            shared.hashing.of(&self.key)
        };
        let content = shared.hashing.of(row.bytes) as u32;
        match records(shared, self.rules.place).entries.entry(own) {
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(Entry::new(content));
                self.own = Some(own);
                false
            }
            std::collections::hash_map::Entry::Occupied(held) => {
                let cause =
                    if held.get().content == content { Cause::DuplicateRow } else { Cause::DuplicateKey };
                let show = self.columns.first().map_or(Show::Nothing, |bound| Show::of(bound.column));
                let text = show.text(self.value(row, 0));
                shared.ledger.add(cause, self.rules.number, 0, row.number, || text);
                true
            }
        }
    }

    // Cells.

    #[inline]
    fn cell(&mut self, shared: &mut Shared, row: &Row<'_>, column: usize) {
        let Some(bound) = self.columns.get(column) else { return };
        let raw = row.field(bound.index);
        if raw.is_empty() {
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
        }
    }

    fn blank_cell(&mut self, shared: &mut Shared, row: &Row<'_>, column: usize) {
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
    fn is_right(&self, shared: &Shared, column: usize, raw: &[u8]) -> bool {
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
                if target == own || bound.sorts != 0 {
                    return false;
                }
                let Some(records) = shared.records.get(target) else { return true };
                match records.standing {
                    Standing::Partial => true,
                    Standing::Missing => false,
                    Standing::There => {
                        let hash = shared.hashing.of(raw);
                        records.entries.get(&hash).is_some_and(|entry| entry.root() == 0)
                    }
                }
            }
            Holds::Word(choices) => value::word(raw, choices).is_some(),
            Holds::WordOrExt(choices) => value::word(raw, choices).is_some() || raw.starts_with(b"ext:"),
            Holds::Flag => value::is_flag(raw),
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
    fn odd_cell(&mut self, shared: &mut Shared, row: &Row<'_>, column: usize) {
        let Some(bound) = self.columns.get(column) else { return };
        let raw = row.field(bound.index);
        let is_tolerant = shared.profile == Profile::Tolerant;
        let mut value = std::borrow::Cow::Borrowed(raw);
        let fixes_before = self.fixes.len();
        if let Some(meant) = bound.values.get(raw.trim_ascii()) {
            value = meant.clone().into();
            self.fixes.push((column, Fix::Mapped));
        }
        if is_tolerant {
            let (clean, fixes) = value::cleaned(&value);
            if !fixes.is_empty() {
                value = clean.into_owned().into();
                self.fixes.extend(fixes.into_iter().map(|fix| (column, fix)));
            }
        } else if value.contains(&0) {
            let show = Show::of(bound.column);
            self.problem(shared, Cause::NulByte, Some(column), row.number, || show.text(raw));
            return;
        }
        if value.is_empty() {
            self.keep(column, value.into_owned(), fixes_before);
            self.blank_cell(shared, row, column);
            return;
        }
        let (value, causes) = self.typed(shared, row, column, value.into_owned(), is_tolerant);
        self.keep(column, value, fixes_before);
        for cause in causes {
            let text = self.shown(row, column);
            self.problem(shared, cause, Some(column), row.number, || text);
        }
    }

    fn shown(&self, row: &Row<'_>, column: usize) -> String {
        self.columns.get(column).map(|b| Show::of(b.column).text(row.field(b.index))).unwrap_or_default()
    }

    /// Keeps a value that fixes changed.
    fn keep(&mut self, column: usize, value: Vec<u8>, fixes_before: usize) {
        if self.fixes.len() > fixes_before {
            self.mended.push((column, value));
        }
    }

    /// Judges a clean value by what its column holds.
    fn typed(
        &mut self,
        shared: &mut Shared,
        row: &Row<'_>,
        column: usize,
        value: Vec<u8>,
        is_tolerant: bool,
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
            let value = self.references(shared, row, column, value, is_tolerant, &mut causes);
            return (value, causes);
        }
        let order = bound.order;
        match judged(bound.column.holds, &value, order, is_tolerant) {
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
    fn references(
        &mut self,
        shared: &mut Shared,
        row: &Row<'_>,
        column: usize,
        value: Vec<u8>,
        is_tolerant: bool,
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
        let mut whole = Vec::with_capacity(value.len());
        let mut is_mended = false;
        for part in value.split(|byte| *byte == b',') {
            let key = if is_tolerant { part.trim_ascii() } else { part };
            if key.len() < part.len() {
                self.fixes.push((column, Fix::Trim));
                is_mended = true;
            }
            if key.is_empty() && is_tolerant {
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
    fn remember(&mut self, column: usize, value: &[u8], causes: &[Cause]) {
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
        }
    }

    /// Looks up one key; answers it with the zeros that a spreadsheet took or gave.
    fn reference(
        &mut self,
        shared: &mut Shared,
        row: &Row<'_>,
        column: usize,
        key: &[u8],
        causes: &mut Vec<Cause>,
    ) -> Option<Vec<u8>> {
        let (target, sorts) = self.columns.get(column).map(|bound| (bound.target, bound.sorts))?;
        let target = target?;
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
        if entry.is_none() && shared.profile == Profile::Tolerant {
            let at = |key: &[u8]| records.entries.get(&shared.hashing.of(key));
            mended = with_other_zeros(key, |key| at(key).is_some());
            entry = mended.as_deref().and_then(at);
        }
        if let Some(entry) = entry {
            if mended.is_some() {
                self.fixes.push((column, Fix::LeadingZeros));
            }
            if entry.root() != 0 {
                let root = entry.root();
                shared.roots.name(root, key);
                self.hits.push((root, column));
            } else if sorts != 0 && entry.sort() != 0 && sorts & (1 << entry.sort()) == 0 {
                causes.push(Cause::Sort);
            }
            return mended;
        }
        let root = shared.roots.missing(target as u16, hash, key);
        self.hits.push((root, column));
        None
    }

    // Rules that bind.

    fn bound_rules(&mut self, shared: &mut Shared, row: &Row<'_>) {
        let mut bound = std::mem::take(&mut self.bound);
        for rule in &mut bound {
            // A cell that is wrong by itself is not told a second time by what it is bound to.
            let is_wrong_already =
                |fault: &Fault| fault.column.is_some_and(|at| rule.columns().contains(&at));
            if self.faults.iter().any(is_wrong_already) {
                continue;
            }
            let broken = match rule {
                BoundRule::DateOrder(from, to, strictly) => {
                    let (from, to) = (self.value(row, *from), self.value(row, *to));
                    let is_wrong = !from.is_empty()
                        && !to.is_empty()
                        && matches!((day(from), day(to)), (Some(a), Some(b)) if b < a || (*strictly && a == b));
                    is_wrong.then_some((Cause::DateOrder, 1))
                }
                BoundRule::SameLength(one, other) => {
                    let (one, other) = (self.value(row, *one), self.value(row, *other));
                    let entries = |list: &[u8]| memchr::memchr_iter(b',', list).count();
                    let is_wrong = !one.is_empty() && !other.is_empty() && entries(one) != entries(other);
                    is_wrong.then_some((Cause::SameLength, 1))
                }
                BoundRule::TrueOnlyFor(flag, word, only) => {
                    let is_wrong =
                        self.value(row, *flag) == b"true" && self.value(row, *word) != only.as_bytes();
                    is_wrong.then_some((Cause::TrueOnlyFor, 0))
                }
                BoundRule::Once(columns, among, seen) => {
                    let counts =
                        among.is_none_or(|(column, word)| self.value(row, column) == word.as_bytes());
                    let mut key = Vec::new();
                    for column in columns.iter() {
                        key.extend_from_slice(self.value(row, *column));
                        key.push(0x1f);
                    }
                    let is_wrong = counts && self.faults.is_empty() && !seen.insert(shared.hashing.of(&key));
                    is_wrong.then_some((Cause::Once, 0))
                }
            };
            if let Some((cause, which)) = broken {
                let column = rule.columns().get(which).copied();
                let text = column.map(|column| self.shown(row, column)).unwrap_or_default();
                self.problem(shared, cause, column, row.number, || text);
            }
        }
        self.bound = bound;
    }

    /// Settles references within the file, now that all its records are known, and rejects rows
    /// behind rows that this rejects. Answers which rows were rejected late, with their columns.
    pub fn settle(&mut self, shared: &mut Shared) -> Vec<(u64, usize)> {
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_by_key(|pending| (pending.target, pending.row));
        let mut late = Vec::new();
        let mut rejected: Hashes = Hashes::default();
        let mut queue: Vec<usize> = (0..pending.len()).collect();
        queue.sort_by_key(|index| pending.get(*index).map(|pending| pending.row));
        queue.reverse();
        let mut settled = vec![false; pending.len()];
        while let Some(index) = queue.pop() {
            let Some(held) = pending.get(index).filter(|_| !settled[index]) else { continue };
            let entry = records(shared, self.rules.place).entries.get(&held.target).copied();
            let root = match entry {
                Some(entry) if entry.root() == 0 => continue,
                Some(entry) => entry.root(),
                None => shared.roots.missing(self.rules.place as u16, held.target, &held.text),
            };
            settled[index] = true;
            let number = self.rules.number;
            if !held.text.is_empty() {
                shared.roots.name(root, &held.text);
            }
            shared.roots.hit(root, number, held.column, held.row, &held.text);
            match held.verdict {
                Verdict::Rejected | Verdict::Skipped => continue,
                _ if !rejected.insert(held.row) => continue,
                Verdict::Accepted => self.counts.accepted -= 1,
                Verdict::Fixed => self.counts.fixed -= 1,
            }
            self.counts.rejected += 1;
            late.push((held.row, usize::from(held.column)));
            let own = held.own;
            if let Some(entry) = records(shared, self.rules.place).entries.get_mut(&own) {
                entry.set_root(root);
            }
            // Rows that refer to this one were let through before.
            let from = pending.partition_point(|other| other.target < own);
            let behind = pending.iter().enumerate().skip(from).take_while(|(_, other)| other.target == own);
            queue.extend(behind.map(|(index, _)| index));
        }
        late
    }

    /// The labels of the columns, by number.
    pub fn labels(&self) -> Vec<(String, &'static Column)> {
        self.columns.iter().map(|bound| (bound.label.clone(), bound.column)).collect()
    }
}

impl BoundRule {
    fn columns(&self) -> Vec<usize> {
        match self {
            Self::DateOrder(a, b, _) | Self::SameLength(a, b) | Self::TrueOnlyFor(a, b, _) => vec![*a, *b],
            Self::Once(columns, ..) => columns.clone(),
        }
    }
}

fn bind(rule: Rule, at: &dyn Fn(&str) -> Option<usize>) -> Option<BoundRule> {
    match rule {
        Rule::DateOrder(from, to, strictly) => Some(BoundRule::DateOrder(at(from)?, at(to)?, strictly)),
        Rule::SameLength(one, other) => Some(BoundRule::SameLength(at(one)?, at(other)?)),
        Rule::TrueOnlyFor(flag, word, only) => Some(BoundRule::TrueOnlyFor(at(flag)?, at(word)?, only)),
        Rule::Once(columns, among) => {
            let columns = columns.iter().map(|name| at(name)).collect::<Option<Vec<_>>>()?;
            let among = match among {
                Some((column, word)) => Some((at(column)?, word)),
                None => None,
            };
            Some(BoundRule::Once(columns, among, Hashes::default()))
        }
        // These are asked where the cell is judged.
        Rule::Sort(..) | Rule::Shared(_) | Rule::NotItself(_) => None,
    }
}

fn records(shared: &mut Shared, place: usize) -> &mut Records {
    &mut shared.records[place]
}

fn day(value: &[u8]) -> Option<Day> {
    Day::iso(value).or_else(|| Day::us(value))
}

/// Judges a value by what its column holds; under strict rules nothing is mended.
fn judged(holds: Holds, value: &[u8], order: Option<DateOrder>, is_tolerant: bool) -> Judged {
    let is_error = value::is_spreadsheet_error(value);
    if is_error && !matches!(holds, Holds::Secret) {
        return Judged::Wrong(Cause::SpreadsheetError);
    }
    let right = |is_right: bool, cause: Cause| if is_right { Judged::Fine } else { Judged::Wrong(cause) };
    match holds {
        Holds::Text | Holds::Secret | Holds::List | Holds::Ref(_) | Holds::Refs(_) => Judged::Fine,
        Holds::Id => value::id(value),
        Holds::Word(choices) if value::word(value, choices).is_some() => Judged::Fine,
        Holds::WordOrExt(choices) if value::word(value, choices).is_some() || value.starts_with(b"ext:") => {
            Judged::Fine
        }
        Holds::Word(choices) | Holds::WordOrExt(choices) if is_tolerant => value::mend_word(value, choices),
        Holds::Word(_) | Holds::WordOrExt(_) => Judged::Wrong(Cause::NotAmong),
        Holds::Flag if value::is_flag(value) => Judged::Fine,
        Holds::Flag if is_tolerant => value::mend_flag(value),
        Holds::Flag => Judged::Wrong(Cause::NotFlag),
        Holds::Date if Day::iso(value).is_some() => Judged::Fine,
        Holds::UsDate if Day::us(value).is_some() || Day::iso(value).is_some() => Judged::Fine,
        Holds::Date | Holds::UsDate if is_tolerant || order.is_some() => value::mend_date(value, order),
        Holds::Date | Holds::UsDate => Judged::Wrong(Cause::NotDate),
        Holds::DateTime => value::date_time(value),
        Holds::Year => right(value::year(value), Cause::NotYear),
        Holds::Email => right(value::email(value), Cause::NotEmail),
        Holds::TypedIds => right(value::typed_ids(value), Cause::NotTypedIds),
        Holds::Grades => match value::grades(value) {
            Judged::Mended(..) if !is_tolerant => Judged::Wrong(Cause::NotGrades),
            other => other,
        },
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
