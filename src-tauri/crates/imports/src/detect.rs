//! Which format files are in, from their names, their labels and the manifest.

use std::collections::BTreeMap;

use crate::check::manifest::Manifest;
use crate::map::{Mapping, plain};
use crate::read::{Head, Source};
use crate::report::{Candidate, Detected};
use crate::schema::{FileSchema, Need, SCHEMAS, SCHOOL_SET, Schema, schema};

/// Below this the files are of no known format.
const LEAST_CONFIDENCE: f64 = 0.6;

/// A format with how sure that is.
pub(crate) struct Found {
    pub schema: &'static Schema,
    pub detected: Detected,
}

/// How well a table fits a file of a format, from 0 to 1: whether required columns are there, whether
/// the labels are known, and whether the name is right.
fn fit(stem: &str, head: &Head, file: &FileSchema) -> f64 {
    if !file.modelled || head.labels.is_empty() {
        return 0.0;
    }
    let labels: Vec<String> = head.labels.iter().map(|label| plain(label)).collect();
    let is_there = |column: &&crate::schema::Column| {
        let names = std::iter::once(column.name).chain(column.aliases.iter().copied());
        names.map(plain).any(|name| labels.contains(&name))
    };
    let wanted: Vec<_> = file.columns.iter().filter(|c| c.need != Need::None).collect();
    let there = wanted.iter().copied().filter(|c| is_there(c)).count();
    let known = file.columns.iter().filter(is_there).count();
    let labelled = labels
        .iter()
        .zip(&head.labels)
        .filter(|(l, raw)| !l.is_empty() && !raw.starts_with("metadata."))
        .count();
    let coverage = ratio(there, wanted.len());
    // One stray column in common with everything is no sign of anything.
    if coverage < 0.5 {
        return 0.0;
    }
    0.6 * coverage + 0.3 * ratio(known, labelled).min(1.0) + if is_named(stem, file) { 0.1 } else { 0.0 }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Whether a table's name says that it is this file.
pub(crate) fn is_named(stem: &str, file: &FileSchema) -> bool {
    file.names.contains(&stem) || file.kind.to_lowercase() == stem
}

fn is_manifest(stem: &str) -> bool {
    stem == "manifest"
}

/// How well all tables together fit a format.
fn confidence(source: &Source, heads: &[Head], schema: &Schema) -> f64 {
    let mut best: BTreeMap<&str, f64> = BTreeMap::new();
    let mut tables = 0;
    for (table, head) in source.tables.iter().zip(heads) {
        if is_manifest(&table.stem) && schema.asks.manifest {
            continue;
        }
        let is_unmodelled = schema.files.iter().any(|f| !f.modelled && is_named(&table.stem, f));
        if is_unmodelled {
            continue;
        }
        tables += 1;
        let fits = schema.files.iter().map(|file| (file.kind, fit(&table.stem, head, file)));
        if let Some((kind, fit)) = fits.max_by(|a, b| a.1.total_cmp(&b.1)) {
            let held = best.entry(kind).or_default();
            *held = held.max(fit);
        }
    }
    let required = schema.files.iter().filter(|file| file.required).count();
    let present =
        schema.files.iter().filter(|f| f.required && best.get(f.kind).is_some_and(|fit| *fit > 0.0)).count();
    let sum: f64 = best.values().sum();
    sum / f64::from(tables.max(1)) * (0.9 + 0.1 * ratio(present, required))
}

/// Finds the format, unless it was told on the command line or by the mapping file.
pub(crate) fn detect(
    source: &Source,
    heads: &[Head],
    manifest: Option<&Manifest>,
    told: Option<&str>,
    mapping: &Mapping,
) -> crate::Result<Found> {
    if let Some(format) = told.or(mapping.format.as_deref()) {
        return by_name(format, source, heads);
    }
    if let Some(schema) = manifest.and_then(Manifest::version).and_then(|v| schema(&format!("oneroster-{v}")))
    {
        let reason = format!("manifest.csv says so: it is {}", schema.title);
        return Ok(Found { schema, detected: Detected { confidence: 1.0, reason, others: vec![] } });
    }
    let has_roles = has_roles_of_1_2(source, heads);
    let is_possible = |schema: &Schema| match schema.format {
        // Without a manifest a set counts as 1.0, unless it has what only 1.2 has.
        "oneroster-1.0" => !has_roles && manifest.is_none(),
        "oneroster-1.1" => !has_roles && manifest.is_some(),
        "oneroster-1.2" => has_roles,
        "sds-2.1" => !has_roles,
        _ => true,
    };
    let mut scores: Vec<(f64, &'static Schema)> = SCHEMAS
        .iter()
        .copied()
        .filter(|schema| is_possible(schema))
        .map(|schema| (confidence(source, heads, schema), schema))
        .filter(|(score, _)| *score > 0.3)
        .collect();
    let set = confidence(source, heads, &SCHOOL_SET);
    if source.tables.len() > 1 && scores.iter().all(|(score, _)| *score < set) {
        scores.push((set, &SCHOOL_SET));
    }
    scores.sort_by(|a, b| b.0.total_cmp(&a.0));
    let Some((score, schema)) = scores.first().copied().filter(|(score, _)| *score >= LEAST_CONFIDENCE)
    else {
        return Err(crate::ImportError::UnknownFormat { reason: unknown(&scores) });
    };
    let others = scores.iter().skip(1).take(3).map(|(score, s)| candidate(*score, s)).collect();
    let reason = reason(source, heads, schema, manifest.is_some());
    Ok(Found { schema, detected: Detected { confidence: rounded(score), reason, others } })
}

fn by_name(format: &str, source: &Source, heads: &[Head]) -> crate::Result<Found> {
    let found = schema(format).ok_or_else(|| crate::ImportError::UnknownFormat {
        reason: format!("'{format}' is no format; the formats are {}", names().join(", ")),
    })?;
    // A folder with several school files is one import, whichever of them was named.
    let is_school = format.starts_with("school-") && source.tables.len() > 1;
    let is_set = is_school && confidence(source, heads, &SCHOOL_SET) > confidence(source, heads, found);
    let schema = if is_set { &SCHOOL_SET } else { found };
    let reason = "the format was named".to_owned();
    Ok(Found { schema, detected: Detected { confidence: 1.0, reason, others: vec![] } })
}

/// The names of all formats.
#[must_use]
pub fn names() -> Vec<&'static str> {
    SCHEMAS.iter().map(|schema| schema.format).collect()
}

fn has_roles_of_1_2(source: &Source, heads: &[Head]) -> bool {
    let has = |head: &Head, label: &str| head.labels.iter().any(|l| plain(l) == label);
    source
        .tables
        .iter()
        .zip(heads)
        .any(|(table, head)| (table.stem == "roles" && has(head, "roletype")) || table.stem == "userprofiles")
}

fn reason(source: &Source, heads: &[Head], schema: &Schema, has_manifest: bool) -> String {
    let mut parts = Vec::new();
    for (table, head) in source.tables.iter().zip(heads) {
        let best =
            schema.files.iter().map(|f| (f, fit(&table.stem, head, f))).max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((file, fit)) = best.filter(|(_, fit)| *fit > 0.0) {
            parts.push(format!("{} has the labels of {} ({:.0} %)", table.name, file.kind, fit * 100.0));
        }
    }
    if schema.format == "oneroster-1.0" && !has_manifest {
        parts.push("without a manifest a set counts as 1.0".to_owned());
    }
    parts.join("; ")
}

fn unknown(scores: &[(f64, &'static Schema)]) -> String {
    match scores.first() {
        Some((score, schema)) => {
            format!(
                "the files are of no known format; the nearest is {} ({:.0} %)",
                schema.format,
                score * 100.0
            )
        }
        None => "the files are of no known format".to_owned(),
    }
}

fn candidate(score: f64, schema: &Schema) -> Candidate {
    Candidate { format: schema.format.to_owned(), confidence: rounded(score) }
}

fn rounded(score: f64) -> f64 {
    (score * 100.0).round() / 100.0
}
