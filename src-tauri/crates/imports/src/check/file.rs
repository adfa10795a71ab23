//! One run over all files: which table is which file of the format, what its labels are, and its
//! rows through the judge.

use std::ops::ControlFlow;

use super::cause::{Cause, Severity};
use super::ids::{Records, Standing};
use super::judge::{FileRules, Judge, Shared};
use super::ledger::{Names, Notes};
use super::manifest::{Manifest, Mode};
use super::{Late, Options, Sink};
use crate::detect::is_named;
use crate::error::{ImportError, Result};
use crate::limits::Budget;
use crate::map::{self, match_labels};
use crate::read::{Head, Source, Table};
use crate::report::{Counts, Detected, FileCount, FileMapping, Problem, Report};
use crate::schema::{FileSchema, Holds, Need, Rule, Schema};

/// What a run works with and what it has found so far.
pub(crate) struct Run<'a> {
    pub source: &'a Source,
    pub heads: &'a [Head],
    pub manifest: Option<&'a Manifest>,
    pub schema: &'static Schema,
    pub options: &'a Options,
    pub budget: &'a Budget<'a>,
    pub shared: Shared,
    pub names: Names,
    pub notes: Notes,
    pub files: Vec<FileCount>,
    pub mapping: Vec<FileMapping>,
    pub late: Vec<Late>,
}

impl Run<'_> {
    /// Reads all files; answers the report without how the format was found.
    pub fn all<S: Sink>(mut self, sink: &mut S) -> Result<(Report, Vec<Late>)> {
        let tables = self.assign()?;
        let is_there =
            |kind: &str| self.schema.place(kind).is_some_and(|place| tables.contains(&Some(place)));
        match &self.manifest {
            Some(manifest) => manifest.judge(self.schema, &is_there, &mut self.notes),
            None if self.schema.asks.manifest => {
                self.notes.add_all(Cause::NoManifest, "manifest.csv", None, vec![(0, String::new())]);
            }
            None => {}
        }
        self.stand(&tables);
        for place in 0..self.schema.files.len() {
            for (index, table) in tables.iter().enumerate() {
                if *table == Some(place) {
                    self.table(index, place, sink)?;
                }
            }
        }
        for (index, table) in tables.iter().enumerate() {
            if table.is_none() {
                self.other(index)?;
            }
        }
        Ok(self.report())
    }

    /// The places of files that the manifest calls deltas.
    pub fn deltas(&self) -> Vec<usize> {
        let is_delta = |file: &FileSchema| {
            self.manifest.as_ref().is_some_and(|manifest| manifest.mode(file.kind) == Some(Mode::Delta))
        };
        let places = self.schema.files.iter().enumerate();
        places.filter(|(_, file)| is_delta(file)).map(|(place, _)| place).collect()
    }

    // Which table is which file.

    /// The place in the format of each table: as the mapping says, by name, then by labels.
    pub fn assign(&self) -> Result<Vec<Option<usize>>> {
        let files = self.schema.files;
        let mut tables: Vec<Option<usize>> = Vec::new();
        for table in &self.source.tables {
            let told = self.options.mapping.file(&table.name).and_then(|rules| rules.is.as_deref());
            let place = match told {
                Some("-") => None,
                Some(kind) => Some(self.schema.place(kind).ok_or_else(|| {
                    let kinds: Vec<&str> = files.iter().map(|file| file.kind).collect();
                    let reason =
                        format!("{} has no '{kind}'; it has {}", self.schema.format, kinds.join(", "));
                    ImportError::BadMapping { reason }
                })?),
                None => files.iter().position(|file| is_named(&table.stem, file)),
            };
            tables.push(place);
        }
        for (index, head) in self.heads.iter().enumerate() {
            let is_free = tables[index].is_none() && !self.is_manifest(index) && !self.is_left_out(index);
            if is_free {
                // Where there is one file it can be, or a mapping file describes it, it needs no proof.
                let is_meant = self.source.tables.len() == 1 || self.is_described(index);
                let least = match files.len() {
                    1 if is_meant => 0.0,
                    1 => 0.5,
                    _ => 0.8,
                };
                tables[index] = by_labels(head, files, least, &|place| tables.contains(&Some(place)));
            }
        }
        Ok(tables)
    }

    fn is_manifest(&self, index: usize) -> bool {
        let name = self.source.tables.get(index).map(|table| table.name.as_str());
        self.manifest.as_ref().is_some_and(|manifest| name == Some(manifest.name.as_str()))
    }

    fn is_described(&self, index: usize) -> bool {
        self.source.tables.get(index).is_some_and(|table| self.options.mapping.file(&table.name).is_some())
    }

    fn is_left_out(&self, index: usize) -> bool {
        let rules = self.source.tables.get(index).and_then(|table| self.options.mapping.file(&table.name));
        rules.is_some_and(|rules| rules.is.as_deref() == Some("-"))
    }

    /// How references to each file are judged, and which required files are missing.
    fn stand(&mut self, tables: &[Option<usize>]) {
        let mode = |file: &FileSchema| self.manifest.as_ref().and_then(|manifest| manifest.mode(file.kind));
        let any_delta = self.schema.files.iter().any(|file| mode(file) == Some(Mode::Delta));
        let is_single = self.schema.asks.single;
        let mut missing = Vec::new();
        for (place, file) in self.schema.files.iter().enumerate() {
            let there = tables.contains(&Some(place));
            let standing = match (there, mode(file)) {
                (_, Some(Mode::Delta)) => Standing::Partial,
                (false, _) if any_delta => Standing::Partial,
                (true, _) => Standing::There,
                (false, _) => Standing::Missing,
            };
            // The manifest has its own words for files it lists.
            let is_listed = matches!(mode(file), Some(Mode::Bulk | Mode::Delta));
            if file.required && standing == Standing::Missing && !is_single && !is_listed {
                missing.push(file.file_name());
            }
            self.shared.records.push(Records::new(standing));
        }
        for name in missing {
            self.notes.add_all(Cause::MissingFile, &name, None, vec![(0, String::new())]);
        }
    }

    // One table.

    fn table<S: Sink>(&mut self, index: usize, place: usize, sink: &mut S) -> Result<()> {
        let (Some(table), Some(head), Some(file)) =
            (self.source.tables.get(index), self.heads.get(index), self.schema.files.get(place))
        else {
            return Ok(());
        };
        let number = self.names.add(table.name.clone());
        if !file.modelled {
            let counts = self.count(table, true)?;
            let first = vec![(1, String::new())];
            if let Some(problem) = self.notes.add_all(Cause::UnmodelledFile, &table.name, None, first) {
                problem.count = counts.rows;
            }
            self.push(table, Some(file), counts, table.shape.encoding_name());
            return Ok(());
        }
        let matched = match_labels(&head.labels, file, self.options.mapping.file(&table.name))?;
        self.mapping.push(FileMapping {
            file: table.name.clone(),
            columns: matched.iter().map(|m| m.shown(file)).collect(),
        });
        let is_usable = self.labels(table, head, file, &matched);
        let columns = self.bind(table, head, file, &matched);
        let unusable = (!is_usable).then(|| self.shared.roots.unusable(place as u16));
        let mode = self.manifest.as_ref().and_then(|manifest| manifest.mode(file.kind));
        let rules = FileRules {
            schema: self.schema,
            place,
            number,
            width: head.labels.len(),
            delta: self.schema.asks.manifest.then_some(mode == Some(Mode::Delta)),
            one_line_fields: self.schema.asks.one_line_fields,
            link: self.link(file.kind),
            unusable,
        };
        let sorts = |name: &str, allowed: &[&str]| {
            file.column(name).map_or(0, |column| self.sorts(column.holds, allowed))
        };
        let mut judge = Judge::new(file, rules, columns, sorts);
        self.names.columns(number, judge.labels());
        self.reserve(table, head, place);
        let mut is_header = true;
        let encoding = table.rows(self.budget, |row| {
            if !std::mem::take(&mut is_header) {
                judge.row(&mut self.shared, row, sink);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let late = judge.settle(&mut self.shared);
        self.late.extend(late.into_iter().map(|(row, column)| Late { place, row, column }));
        self.text(table, encoding);
        if judge.counts.rows == 0 && self.schema.asks.rows && !head.labels.is_empty() {
            self.notes.add_all(Cause::NoRows, &table.name, None, vec![(1, String::new())]);
        }
        self.push(table, Some(file), judge.counts, encoding.to_ascii_lowercase());
        Ok(())
    }

    /// The column of a file that rows of another have to agree with.
    fn link(&self, kind: &str) -> Option<&'static str> {
        let refers = |file: &FileSchema, name: &str| matches!(file.column(name).map(|column| column.holds), Some(Holds::Ref(target)) if target == kind);
        self.schema.files.iter().find_map(|file| {
            file.rules.iter().find_map(|rule| match rule {
                Rule::Agrees(reference, theirs, _) if refers(file, reference) => Some(*theirs),
                _ => None,
            })
        })
    }

    /// Makes room for a file's keys at once, by its size and the length of its first rows.
    fn reserve(&mut self, table: &Table, head: &Head, place: usize) {
        let bytes: usize = head.rows.iter().flatten().map(|cell| cell.len() + 1).sum();
        if head.rows.len() < 100 || bytes == 0 {
            return;
        }
        let rows = table.size / (bytes as u64 / head.rows.len() as u64).max(1);
        let rows = rows.min(1_700_000).min(self.options.limits.rows);
        if let Some(records) = self.shared.records.get_mut(place) {
            records.entries.reserve(rows as usize + rows as usize / 50);
        }
    }

    /// A table that is no file of the format: the manifest, or rows to skip.
    fn other(&mut self, index: usize) -> Result<()> {
        let Some(table) = self.source.tables.get(index) else { return Ok(()) };
        let is_manifest = self.is_manifest(index);
        let counts = self.count(table, !is_manifest)?;
        if is_manifest {
            self.text(table, table.shape.encoding.name());
        } else if !self.is_left_out(index) {
            let first = vec![(1, String::new())];
            if let Some(problem) = self.notes.add_all(Cause::UnknownFile, &table.name, None, first) {
                problem.count = counts.rows;
            }
        }
        self.push(table, None, counts, table.shape.encoding_name());
        Ok(())
    }

    /// Counts rows without judging them.
    fn count(&self, table: &Table, skipped: bool) -> Result<Counts> {
        let mut counts = Counts::default();
        let mut is_header = true;
        table.rows(self.budget, |_| {
            if !std::mem::take(&mut is_header) {
                counts.rows += 1;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if skipped {
            counts.skipped = counts.rows;
        } else {
            counts.accepted = counts.rows;
        }
        Ok(counts)
    }

    fn push(&mut self, table: &Table, file: Option<&FileSchema>, counts: Counts, encoding: String) {
        let sign = |byte: u8| char::from(byte).to_string();
        self.files.push(FileCount {
            name: table.name.clone(),
            counts,
            kind: file.map(|file| file.kind.to_owned()),
            encoding,
            delimiter: sign(table.shape.dialect.delimiter),
            quote: sign(table.shape.dialect.quote),
            line_ends: table.shape.line_ends.to_owned(),
        });
    }

    /// What the format asks of a file's text.
    fn text(&mut self, table: &Table, encoding: &str) {
        if !self.schema.asks.utf8 {
            return;
        }
        if !encoding.eq_ignore_ascii_case("utf-8") {
            self.notes.add_all(Cause::NotUtf8, &table.name, None, vec![(1, encoding.to_ascii_lowercase())]);
        } else if table.shape.mark > 0 {
            self.notes.add_all(Cause::ByteOrderMark, &table.name, None, vec![(1, String::new())]);
        }
    }

    // The report.

    fn report(self) -> (Report, Vec<Late>) {
        let profile = self.options.profile;
        let schema = self.schema;
        let target = |place: u16| {
            let kind = schema.files.get(usize::from(place)).map(|file| file.kind).unwrap_or_default();
            let file = self.files.iter().find(|file| file.kind.as_deref() == Some(kind));
            file.map_or_else(|| format!("{kind}.csv"), |file| file.name.clone())
        };
        let mut problems = self.notes.problems;
        problems.extend(self.shared.ledger.problems(profile, &self.names));
        problems.extend(self.shared.roots.problems(profile, &self.names, &target));
        sort(&mut problems);
        let mut totals = Counts::default();
        self.files.iter().for_each(|file| totals.add(&file.counts));
        // A folder of several school files goes by its students, or by its first file.
        let kinds: Vec<&str> = self.files.iter().filter_map(|file| file.kind.as_deref()).collect();
        let is_set = schema.asks.single && schema.files.len() > 1;
        let format = match kinds.first() {
            Some(kind) if is_set && !kinds.contains(&"students") => format!("school-{kind}"),
            _ => schema.format.to_owned(),
        };
        let report = Report {
            format,
            profile: profile.word().to_owned(),
            totals,
            can_proceed: problems.iter().all(|problem| problem.severity != Severity::Error.word()),
            problems,
            took_ms: 0,
            detected: Detected { confidence: 0.0, reason: String::new(), others: vec![] },
            fixes: self.shared.ledger.fixes(&self.names),
            mapping: self.mapping,
            left: Vec::new(),
            files: self.files,
        };
        (report, self.late)
    }
}

/// The gravest first, then the most frequent; ties by name, so that a report is always the same.
fn sort(problems: &mut [Problem]) {
    problems.sort_by(|a, b| {
        let key = |p: &Problem| (p.severity.clone(), std::cmp::Reverse(p.count));
        (key(a), &a.file, &a.column, &a.rule, &a.cause).cmp(&(key(b), &b.file, &b.column, &b.rule, &b.cause))
    });
}

/// The file whose required labels a table has, where no table is that file yet.
fn by_labels(
    head: &Head,
    files: &[FileSchema],
    least: f64,
    is_taken: &dyn Fn(usize) -> bool,
) -> Option<usize> {
    let labels: Vec<String> = head.labels.iter().map(|label| map::plain(label)).collect();
    let has = |name: &str| labels.contains(&map::plain(name));
    let share = |file: &FileSchema| {
        let wanted: Vec<_> = file.columns.iter().filter(|c| c.need != Need::None).collect();
        let there = wanted.iter().filter(|c| has(c.name) || c.aliases.iter().any(|alias| has(alias))).count();
        // Of two files that both fit, the one with more columns fits better.
        (there as f64 / wanted.len().max(1) as f64, file.columns.iter().filter(|c| has(c.name)).count())
    };
    (0..files.len())
        .filter(|place| files.get(*place).is_some_and(|file| file.modelled) && !is_taken(*place))
        .map(|place| (place, files.get(place).map_or((0.0, 0), share)))
        .filter(|(_, (there, _))| *there >= least)
        .max_by(|a, b| a.1.0.total_cmp(&b.1.0).then(a.1.1.cmp(&b.1.1)))
        .map(|(place, _)| place)
}
