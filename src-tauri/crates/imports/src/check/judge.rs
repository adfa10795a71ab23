//! Judges the rows of one file: their shape, their cells, their key, what they refer to, and the
//! rules that bind them.
//!
//! Nearly every value is right. A value is first compared with the last right one of its column,
//! then looked at in place; only what is odd is copied and mended (`cells`).

use std::cell::Cell;
use std::collections::HashMap;

use super::cause::{Cause, Fix, Fixes, Profile, Severity};
use super::ids::{Entry, Hashes, Hashing, Records, RootId, Roots};
use super::ledger::{Ledger, NO_COLUMN, Show};
use super::rules::{BoundRule, bind};
use super::settle::Pending;
use super::value;
use super::{Fault, Outcome, Sink, Verdict};
use crate::map::DateOrder;
use crate::read::{Quirks, Row};
use crate::report::{Counts, FixExample};
use crate::schema::{Choice, Column, FileSchema, Holds, Schema};

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
    /// What may be mended of its values.
    pub may: Fixes,
    /// Values that the mapping file replaces.
    pub values: HashMap<Vec<u8>, Vec<u8>>,
    /// The place of the file that it refers to.
    pub target: Option<usize>,
    /// Sorts that a record it refers to may be of, one bit each; 0 where any will do.
    pub sorts: u32,
    /// The sort, and the linked value, of the record that the last reference named; 0 where unknown.
    pub seen: Cell<(u32, u64)>,
    /// Values seen, where they should not be shared.
    pub shared: Option<Hashes>,
    /// The last value that was right, and the root of what it refers to.
    pub(super) memo: Vec<u8>,
    pub(super) memo_root: RootId,
    /// What [`Bound::seen`] was of it.
    pub(super) memo_seen: (u32, u64),
}

impl Bound {
    pub fn new(column: &'static Column, label: String, index: usize, may: Fixes) -> Self {
        Self {
            column,
            label,
            index,
            order: None,
            may,
            values: HashMap::new(),
            target: None,
            sorts: 0,
            seen: Cell::default(),
            shared: None,
            memo: Vec::new(),
            memo_root: 0,
            memo_seen: (0, 0),
        }
    }

    /// Keeps what rules ask of the record that a reference names.
    pub fn see(&self, entry: Entry, records: &Records, hash: u64) {
        let link = if records.links.is_empty() { 0 } else { records.links.get(&hash).copied().unwrap_or(0) };
        self.seen.set((entry.sort(), link));
    }

    /// Whether a record of that sort may be referred to; an unknown sort may.
    pub fn is_sort(&self, sort: u32) -> bool {
        self.sorts == 0 || sort == 0 || self.sorts & (1 << sort) != 0
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
        repeats && self.values.is_empty() && self.target != Some(own) && self.shared.is_none()
    }
}

/// What a format and a mapping say about a file as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileRules {
    /// The format.
    pub schema: &'static Schema,
    /// Where the file stands in the format.
    pub place: usize,
    /// Its number in reports.
    pub number: u16,
    /// Cells in a row.
    pub width: usize,
    /// Status and date of change: required in a delta, blank in bulk, free elsewhere.
    pub delta: Option<bool>,
    pub one_line_fields: bool,
    /// The column that later files have to agree with.
    pub link: Option<&'static str>,
    /// All rows are rejected, because a required column is missing.
    pub unusable: Option<RootId>,
}

/// The judge of one file.
pub(crate) struct Judge {
    pub(super) file: &'static FileSchema,
    pub(super) rules: FileRules,
    pub counts: Counts,
    pub(super) columns: Vec<Bound>,
    pub(super) remembers: Vec<bool>,
    /// The first columns name a record.
    pub(super) keys: usize,
    pub(super) sort: Option<(usize, &'static [Choice])>,
    /// The column that later files have to agree with.
    pub(super) link: Option<usize>,
    pub(super) bound: Vec<BoundRule>,
    pub(super) pending: Vec<Pending>,
    // Of the row at hand:
    pub(super) own: Option<u64>,
    pub(super) faults: Vec<Fault>,
    pub(super) hits: Vec<(RootId, usize)>,
    pub(super) mended: Vec<(usize, Vec<u8>)>,
    pub(super) fixes: Vec<(usize, Fix)>,
    pub(super) key: Vec<u8>,
}

impl Judge {
    /// `columns` starts with those of the key, if the file has all of them.
    /// `sorts` answers the allowed sorts of what a column refers to, as bits.
    pub fn new(
        file: &'static FileSchema,
        rules: FileRules,
        columns: Vec<Bound>,
        sorts: impl Fn(&str, &[&str]) -> u32,
    ) -> Self {
        let at = |name: &str| columns.iter().position(|bound| bound.column.name == name);
        let has_key = !file.key.is_empty() && file.key.iter().all(|name| at(name).is_some());
        let sort = file.sort.and_then(at).and_then(|at| Some((at, columns.get(at)?.column.holds.words()?)));
        let bound = file.rules.iter().filter_map(|rule| bind(*rule, &at, &sorts)).collect();
        let link = rules.link.and_then(at);
        Self {
            file,
            rules,
            counts: Counts::default(),
            remembers: columns.iter().map(|bound| bound.remembers(rules.place)).collect(),
            keys: if has_key { file.key.len() } else { 0 },
            columns,
            sort,
            link,
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
                schema: self.rules.schema,
                place: self.rules.place,
                file: self.file,
                row,
                own: self.own,
                is_delta: self.rules.delta == Some(true),
                verdict,
                faults: &self.faults,
                columns: &self.columns,
                mended: &self.mended,
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
        if let (Some(link), Some(own)) = (self.link, self.own) {
            let hash = shared.hashing.of(self.value(row, link));
            records(shared, self.rules.place).links.insert(own, hash);
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
    pub(super) fn value<'v>(&'v self, row: &Row<'v>, column: usize) -> &'v [u8] {
        if let Some((_, value)) = self.mended.iter().rev().find(|(at, _)| *at == column) {
            return value;
        }
        self.columns.get(column).map(|bound| row.field(bound.index)).unwrap_or_default()
    }

    /// Notes a problem of the row; an error rejects it.
    pub(super) fn problem(
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

    /// The labels of the columns, by number.
    pub fn labels(&self) -> Vec<(String, &'static Column)> {
        self.columns.iter().map(|bound| (bound.label.clone(), bound.column)).collect()
    }
}

pub(super) fn records(shared: &mut Shared, place: usize) -> &mut Records {
    &mut shared.records[place]
}
