//! Small roster plans, made from a seed, and the files that say them.

use std::collections::BTreeMap;
use std::io::Write;

use cairn_domain::import::{ImportRecords, ImportRequest};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::world::Failure;

/// The format that all of them are said to have.
const FORMAT: &str = "clever";
/// The types of records, with their columns.
const TYPES: [(&str, &[&str]); 3] = [
    ("schools", &["School_name"]),
    ("sections", &["Name", "Subject"]),
    ("students", &["Last_name", "Grade", "School_id"]),
];
/// Ids of each type: few, so that plans overlap.
const IDS: u32 = 9;

/// A record by type and id.
pub type Key = (String, String);
/// A record's values by column, blank ones left out.
pub type Values = BTreeMap<String, String>;

/// What is wrong with a file, or with what is said of it, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its end is missing.
    Cut,
    /// It holds another number of records than the request says.
    Differs,
}

/// What an import does to a roster: 1 to 27 records.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What each record is to be; none where it is to be no more.
    pub entries: BTreeMap<Key, Option<Values>>,
    /// Whether the end of its file is missing.
    pub is_cut: bool,
    /// What is asked for.
    pub request: ImportRequest,
    /// The file.
    pub file: Vec<u8>,
}

impl Plan {
    /// A plan by chance.
    ///
    /// # Errors
    /// The file cannot be packed.
    pub fn draw(random: &mut StdRng) -> Result<Self, Failure> {
        let mut entries = BTreeMap::new();
        for (kind, columns) in TYPES {
            let share = [0.0, 0.15, 0.5, 0.9][random.random_range(0..4)];
            for id in 0..IDS {
                if random.random_bool(share) {
                    entries.insert((kind.to_owned(), format!("{kind}-{id}")), record(columns, random));
                }
            }
        }
        if entries.is_empty() {
            let (kind, columns) = TYPES[0];
            entries.insert((kind.to_owned(), format!("{kind}-0")), record(columns, random));
        }
        let fault = match random.random_range(0..30) {
            0 => Some(Fault::Cut),
            1 => Some(Fault::Differs),
            _ => None,
        };
        let mut plan = Self::of(entries, fault, random.random_bool(0.7))?;
        // Most are agreed to, whatever their references lead to: others are refused too often to build on.
        plan.request.broken = if random.random_bool(0.8) { u64::MAX } else { 0 };
        Ok(plan)
    }

    /// A plan of these records.
    ///
    /// # Errors
    /// The file cannot be packed.
    pub fn of(
        entries: BTreeMap<Key, Option<Values>>,
        fault: Option<Fault>,
        holds_confirmed: bool,
    ) -> Result<Self, Failure> {
        let mut records = records_of(&entries);
        let mut file = packed(&lines(&entries, &records))?;
        match fault {
            Some(Fault::Cut) => file.truncate(file.len() / 2),
            Some(Fault::Differs) => {
                if let Some(of) = records.values_mut().next() {
                    of.put += 1;
                }
            }
            None => {}
        }
        let blob = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
        let request = ImportRequest {
            blob,
            bytes: file.len() as u64,
            source: "simulated".to_owned(),
            format: FORMAT.to_owned(),
            rules: "tolerant".to_owned(),
            records,
            planned: BTreeMap::new(),
            holds_confirmed,
            broken: 0,
        };
        Ok(Self { entries, is_cut: fault == Some(Fault::Cut), request, file })
    }

    /// How many references would lead nowhere beside the records that are `there`: of students that it puts,
    /// and of those that stay where their school goes.
    pub fn broken(&self, there: &BTreeMap<Key, Values>) -> u64 {
        let fate = |school: &str| self.entries.get(&("schools".to_owned(), school.to_owned()));
        let stays = |school: &str| match fate(school) {
            Some(values) => values.is_some(),
            None => there.contains_key(&("schools".to_owned(), school.to_owned())),
        };
        let schools = there.keys().chain(self.entries.keys()).filter(|(kind, _)| kind == "schools");
        let any = schools.map(|(_, id)| id).any(|id| stays(id));
        let put = self.entries.iter().filter_map(|(key, values)| Some((key, values.as_ref()?, true)));
        let stand = there.iter().filter(|(key, _)| !self.entries.contains_key(*key));
        let all = put.chain(stand.map(|(key, values)| (key, values, false)));
        let is_broken = |values: &Values, is_put: bool| {
            let Some(school) = values.get("School_id") else { return false };
            let is_gone = fate(school).is_some_and(Option::is_none);
            is_gone || (is_put && any && !stays(school))
        };
        all.filter(|((kind, _), values, is_put)| kind == "students" && is_broken(values, *is_put)).count()
            as u64
    }

    /// What the service has to refuse this request for its file with, whatever stands.
    pub fn refusal(&self, request: &ImportRequest) -> Option<&'static str> {
        if self.is_cut {
            return Some("import_damaged");
        }
        (request.records != records_of(&self.entries)).then_some("import_differs")
    }
}

fn records_of(entries: &BTreeMap<Key, Option<Values>>) -> BTreeMap<String, ImportRecords> {
    let mut records: BTreeMap<String, ImportRecords> = BTreeMap::new();
    for ((kind, _), values) in entries {
        let of = records.entry(kind.clone()).or_default();
        *(if values.is_some() { &mut of.put } else { &mut of.remove }) += 1;
    }
    records
}

/// Values from few words, so that equal ones meet too; none where the record is to be no more.
fn record(columns: &[&str], random: &mut StdRng) -> Option<Values> {
    if random.random_bool(0.2) {
        return None;
    }
    let mut values = Values::new();
    for column in columns {
        if *column == "School_id" {
            values.insert((*column).to_owned(), format!("schools-{}", random.random_range(0..IDS)));
            continue;
        }
        let word = ["", "a", "b", "c"].choose(random).copied().unwrap_or_default();
        if !word.is_empty() {
            values.insert((*column).to_owned(), format!("{column} {word}"));
        }
    }
    Some(values)
}

/// The lines of the file as docs/imports.md tells them.
fn lines(
    entries: &BTreeMap<Key, Option<Values>>,
    records: &BTreeMap<String, ImportRecords>,
) -> Vec<serde_json::Value> {
    let mut lines = vec![json!({ "format": "cairn-import", "v": 1, "schema": FORMAT, "rules": "tolerant" })];
    for (kind, columns) in TYPES {
        let of: Vec<_> = entries.iter().filter(|((of, _), _)| of == kind).collect();
        if !of.is_empty() {
            lines.push(json!({ "type": kind, "columns": columns }));
        }
        for ((_, id), values) in of {
            let Some(values) = values else {
                lines.push(json!(id));
                continue;
            };
            let mut row = vec![id.clone()];
            row.extend(columns.iter().map(|column| values.get(*column).cloned().unwrap_or_default()));
            while row.last().is_some_and(String::is_empty) {
                row.pop();
            }
            lines.push(json!(row));
        }
    }
    let end: BTreeMap<_, _> = records
        .iter()
        .map(|(kind, of)| (kind, json!({ "put": of.put, "remove": of.remove, "delta": true })))
        .collect();
    lines.push(json!({ "end": end }));
    lines
}

fn packed(lines: &[serde_json::Value]) -> Result<Vec<u8>, Failure> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3)?;
    encoder.include_checksum(true)?;
    for line in lines {
        writeln!(encoder, "{line}")?;
    }
    Ok(encoder.finish()?)
}
