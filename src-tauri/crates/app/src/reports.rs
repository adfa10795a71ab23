//! The report of a verified import, for the customer: a page or a table whose last line is signed by the
//! device that made it, so that whoever holds one can have it checked.
//!
//! The signature is over every byte before that line and over what the line says (docs/imports.md). It
//! shows that nothing was changed; whose device it was, a journal says.

use std::fmt::Write as _;
use std::path::Path;

use cairn_domain::op::{sign_message, verify_message};
use cairn_domain::{AccountId, DeviceId, Hash, TenantId, Time};
use cairn_imports::{Record, Watch, harmless, outlined};
use cairn_protocol::auth::device_id;
use cairn_store::roster::{Filter, PageQuery, Roster};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Desk;
use crate::desk::id;
use crate::error::{Result, fault, store};
use crate::files::replace_private;
use crate::runs::{ImportDidByType, did};
use crate::verify::{ImportVerified, Verifying};
use crate::views::rfc3339;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// A page for people.
    Html,
    /// A table for spreadsheets.
    Csv,
}

impl ReportKind {
    /// By the ending of a file; a page unless it says otherwise.
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(ending) if ending.eq_ignore_ascii_case("csv") => Self::Csv,
            _ => Self::Html,
        }
    }

    /// The ending of its files.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Csv => "csv",
        }
    }
}

/// A report that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct SavedReport {
    /// Where it is.
    pub file: String,
}

/// What checking a report found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ReportChecked {
    /// The import that it is about.
    pub import: String,
    /// The tenant's name, as the report has it.
    pub tenant: String,
    /// Who signed it, as the report has it.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
    /// Whether it is unchanged and signed by a device that a tenant's journal knows.
    pub ok: bool,
    /// What was found, in plain words.
    pub found: String,
}

/// What the last line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Signed {
    v: u32,
    import: String,
    tenant: String,
    by: String,
    account: String,
    at: String,
    device: String,
    /// 64 hex digits; the device is named after it.
    key: String,
    /// The digest of the roster after the import.
    digest: String,
}

/// A report that is about to be made, apart from the desk.
pub struct Reporting {
    verifying: Verifying,
    tenant: String,
    by: String,
    account: AccountId,
    asked_by: String,
    device: DeviceId,
    key: SigningKey,
    now: Time,
}

const VERSION: u32 = 1;
/// What a last line begins with, in a page and in a table.
const MARKS: [&str; 2] = ["<!-- cairn-report ", "cairn-report,"];
/// Records of each type that are shown.
const SAMPLES: usize = 3;
/// The largest file that is looked at as a report.
const MOST_BYTES: u64 = 16 << 20;

/// A sample: its type, its id, and its values.
type Sample = (String, String, Vec<(String, String)>);

impl Desk {
    /// A report of an import, signed by this device.
    ///
    /// # Errors
    /// As [`Desk::verifying`]; `not_enrolled`.
    pub fn reporting(&self, import: &str, watch: Watch, now: Time) -> Result<Reporting> {
        let verifying = self.verifying(import, watch)?;
        let names = self.names()?;
        let me = self.identity()?;
        Ok(Reporting {
            tenant: self.tenant(verifying.tenant.as_str())?.name,
            by: names.of(&me.account),
            account: me.account.clone(),
            asked_by: names.of(&verifying.import.by),
            device: me.device.clone(),
            key: self.store.signing_key().map_err(store)?.clone(),
            verifying,
            now,
        })
    }

    /// Whether a file is a report as it was signed, and by whom.
    ///
    /// # Errors
    /// `not_a_report` where its last line is no signature; `cannot_read`.
    pub fn check_import_report(&self, path: &Path) -> Result<ReportChecked> {
        let bytes = read(path)?;
        let (body, signed, signature) = taken_apart(&bytes).ok_or_else(|| {
            let message =
                format!("'{}' is no report of an import: its last line is no signature.", path.display());
            fault("not_a_report", message)
        })?;
        let is_whole = device_id(&signed.key).is_some_and(|device| device.as_str() == signed.device)
            && verify_message(&signed.key, &message(&signed, body), &signature);
        let (ok, found) = if is_whole {
            self.whose(&signed)?
        } else {
            (false, "It was changed after it was signed: do not rely on it.".to_owned())
        };
        let Signed { import, tenant, by, at, .. } = signed;
        Ok(ReportChecked { import, tenant, by, at, ok, found })
    }

    /// What the journals on this computer say of a signature that is right.
    fn whose(&self, signed: &Signed) -> Result<(bool, String)> {
        const UNKNOWN: &str = "It is unchanged, but this computer does not know the device that signed it, so it cannot say whose it is. Sync, or ask somebody who works on that tenant.";
        let Ok(device) = signed.device.parse::<DeviceId>() else { return Ok((false, UNKNOWN.to_owned())) };
        let author = match self.journal_of(&signed.import)? {
            Some(tenant) => self.author_on(&tenant, &device)?,
            None => None,
        };
        let Some(author) = author else { return Ok((false, UNKNOWN.to_owned())) };
        let name = self.names()?.of(&author);
        if author.as_str() != signed.account {
            return Ok((false, format!("It says that {} signed it, and the device is {name}'s.", signed.by)));
        }
        if let Some(other) = self.other_digest(signed)? {
            return Ok((
                false,
                format!("The service committed another import under that name: its digest is {other}."),
            ));
        }
        Ok((true, format!("It is unchanged since {name} signed it.")))
    }

    /// The tenant of an import, where it is on this computer.
    fn journal_of(&self, import: &str) -> Result<Option<TenantId>> {
        let Ok(import) = crate::desk::parse_op(import) else { return Ok(None) };
        match self.tenant(import.tenant.as_str()) {
            Ok(tenant) => id(&tenant).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Who writes on a device.
    fn author_on(&self, tenant: &TenantId, device: &DeviceId) -> Result<Option<AccountId>> {
        let me = self.identity()?;
        if me.device == *device {
            return Ok(Some(me.account.clone()));
        }
        self.store.author_on(tenant, device).map_err(store)
    }

    /// The digest that the service committed, where a report has another one.
    fn other_digest(&self, signed: &Signed) -> Result<Option<String>> {
        let import = crate::desk::parse_op(&signed.import)?;
        let asked = self.asked(&import.tenant, &import)?;
        let digest = asked.as_ref().and_then(|asked| asked.committed()).map(|one| one.digest.to_string());
        Ok(digest.filter(|digest| *digest != signed.digest))
    }
}

impl Reporting {
    /// Verifies, and writes the report to `into`: whole or not at all.
    ///
    /// # Errors
    /// As [`Verifying::verify`]; `cannot_write`.
    pub fn save(&self, kind: ReportKind, into: &Path) -> Result<SavedReport> {
        let verified = self.verifying.verify()?;
        let samples = match &self.verifying.roster {
            Some(roster) => samples(roster, &self.verifying.import.request.format)?,
            None => Vec::new(),
        };
        let lines = self.lines(&verified, &samples);
        let body = match kind {
            ReportKind::Html => page(&self.tenant, &verified, &lines),
            ReportKind::Csv => table(&lines)?,
        };
        let whole = self.signed(kind, body, &verified);
        replace_private(into, whole.as_bytes()).map_err(|error| {
            let message = format!(
                "The report cannot be written to '{}': {error}. Choose another place.",
                into.display()
            );
            fault("cannot_write", message)
        })?;
        Ok(SavedReport { file: into.display().to_string() })
    }

    /// What a report says, section by section.
    fn lines(&self, verified: &ImportVerified, samples: &[Sample]) -> Vec<Section> {
        let import = &self.verifying.import;
        let committed = import.committed();
        let text = |what: &str, value: String| vec![what.to_owned(), value];
        let mut about = vec![
            text("Tenant", self.tenant.clone()),
            text("Import", verified.import.clone()),
            text("Files", import.request.source.clone()),
            text("Format", format!("{}, {} rules", import.request.format, import.request.rules)),
            text("Asked for by", format!("{}, {}", self.asked_by, rfc3339(import.at))),
        ];
        if let Some(committed) = committed {
            about.push(text("Revision of the roster", committed.revision.to_string()));
            about.push(text("Can be taken back until", rfc3339(committed.rollback_until)));
        }
        if let Some(back) = &import.rolled_back {
            about.push(text(
                "Taken back",
                format!("revision {}, {} records reversed", back.revision, back.reversed()),
            ));
        }
        about.push(text("Digest of the records", verified.digest.clone()));
        about.push(text("Verified by", format!("{}, {}", self.by, rfc3339(self.now))));
        about.push(text("Device", self.device.to_string()));
        let counts = committed.map(|one| did(&one.counts)).unwrap_or_default();
        let checks = verified.checks.iter().map(|one| {
            vec![
                one.check.clone(),
                if one.ok { "holds" } else { "does not hold" }.to_owned(),
                one.found.clone(),
            ]
        });
        let sampled = samples.iter().flat_map(|(kind, id, values)| {
            values
                .iter()
                .map(move |(column, value)| vec![kind.clone(), id.clone(), column.clone(), value.clone()])
        });
        vec![
            Section { title: "About", head: &["what", "value"], rows: about },
            Section { title: "Checks", head: &["check", "result", "found"], rows: checks.collect() },
            Section { title: "What it did", head: &COUNTS, rows: self.counted(&counts, verified) },
            Section { title: "Samples", head: &["type", "id", "column", "value"], rows: sampled.collect() },
        ]
    }

    /// By type: the records of the files, what was done, and what stands now.
    fn counted(&self, counts: &ImportDidByType, verified: &ImportVerified) -> Vec<Vec<String>> {
        let asked = &self.verifying.import.request.records;
        let kinds: std::collections::BTreeSet<&String> = asked.keys().chain(counts.keys()).collect();
        let row = |kind: &&String| {
            let did = counts.get(*kind).copied().unwrap_or_default();
            let asked = asked.get(*kind).copied().unwrap_or_default();
            let stands = verified.records.get(*kind).copied().unwrap_or_default();
            let numbers =
                [asked.put, asked.remove, did.create, did.update, did.unchanged, did.remove, stands];
            std::iter::once((*kind).clone()).chain(numbers.map(|number| number.to_string())).collect()
        };
        kinds.iter().map(row).collect()
    }

    /// The body with its last line.
    fn signed(&self, kind: ReportKind, body: String, verified: &ImportVerified) -> String {
        let signed = Signed {
            v: VERSION,
            import: verified.import.clone(),
            tenant: self.tenant.clone(),
            by: self.by.clone(),
            account: self.account.to_string(),
            at: rfc3339(self.now),
            device: self.device.to_string(),
            key: hex::encode(self.key.verifying_key().to_bytes()),
            digest: verified.digest.clone(),
        };
        let signature = sign_message(&self.key, &message(&signed, body.as_bytes()));
        let said = hex::encode(said(&signed));
        match kind {
            ReportKind::Html => format!("{body}{}{said} {signature} -->\n", MARKS[0]),
            ReportKind::Csv => format!("{body}{}{said},{signature}\n", MARKS[1]),
        }
    }
}

const COUNTS: [&str; 8] =
    ["type", "in the files", "to remove", "new", "updated", "unchanged", "removed", "records now"];

/// One part of a report: a title above a table.
struct Section {
    title: &'static str,
    head: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

/// The first records of each type as they stand; values about people are outlines.
fn samples(roster: &Roster, format: &str) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for kind in roster.counts().map_err(store)?.into_keys() {
        let filter = Filter::default();
        let query = PageQuery { kind: &kind, after: None, limit: SAMPLES, filter: &filter };
        for record in roster.page(query).map_err(store)?.records {
            let values: Vec<(&str, &str)> =
                record.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let (id, values) = outlined(format, &Record { kind: &kind, id: &record.id, values: &values });
            samples.push((kind.clone(), id, values));
        }
    }
    Ok(samples)
}

/// The last line's words, the same for the same facts.
fn said(signed: &Signed) -> Vec<u8> {
    serde_json::to_vec(signed).unwrap_or_default()
}

/// What is signed.
fn message(signed: &Signed, body: &[u8]) -> Hash {
    Hash::of("cairn import report 1", &[&said(signed), body])
}

fn read(path: &Path) -> Result<Vec<u8>> {
    use std::io::Read as _;
    let cannot = |error: std::io::Error| {
        fault("cannot_read", format!("'{}' cannot be read: {error}.", path.display()))
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

/// The body, what the last line says, and its signature.
fn taken_apart(bytes: &[u8]) -> Option<(&[u8], Signed, String)> {
    let lines = bytes.strip_suffix(b"\n")?;
    let last = lines.iter().rposition(|byte| *byte == b'\n')? + 1;
    let (body, line) = bytes.split_at_checked(last)?;
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let (said, signature) = match line.strip_prefix(MARKS[0]) {
        Some(rest) => rest.strip_suffix(" -->")?.split_once(' ')?,
        None => line.strip_prefix(MARKS[1])?.split_once(',')?,
    };
    let signed: Signed = serde_json::from_slice(&hex::decode(said).ok()?).ok()?;
    (signed.v == VERSION).then(|| (body, signed, signature.to_owned()))
}

/// Fields that no spreadsheet computes.
fn table(sections: &[Section]) -> Result<String> {
    let cannot =
        |error: &dyn std::fmt::Display| fault("internal", format!("The table cannot be made: {error}."));
    let mut table = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    let mut row = |first: &str, fields: &mut dyn Iterator<Item = &str>| {
        let harmless = fields.map(|field| harmless(field.as_bytes()).into_owned());
        table.write_record(std::iter::once(first.as_bytes().to_vec()).chain(harmless)).map_err(|e| cannot(&e))
    };
    for section in sections {
        row("section", &mut section.head.iter().copied())?;
        for fields in &section.rows {
            row(section.title, &mut fields.iter().map(String::as_str))?;
        }
    }
    let bytes = table.into_inner().map_err(|e| cannot(&e))?;
    String::from_utf8(bytes).map_err(|e| cannot(&e))
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;color:#1d2126;background:#fff;max-width:60rem;margin:2.5rem auto;padding:0 1.5rem}h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.05rem;margin:2rem 0 .5rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .75rem .3rem 0;border-bottom:1px solid #d8dce1;vertical-align:top;overflow-wrap:anywhere}th{font-weight:600;color:#4d5560}td.n{font-variant-numeric:tabular-nums}.lead{font-size:1.05rem;margin:0 0 1rem}.note{color:#4d5560;font-size:.9rem}@media print{body{margin:0}}";

fn page(tenant: &str, verified: &ImportVerified, sections: &[Section]) -> String {
    let mut page = String::new();
    let lead = if verified.ok {
        "Everything that was looked at holds."
    } else {
        "Not everything holds: see the checks below."
    };
    let title = format!("Import report for {}", escaped(tenant));
    let _ = writeln!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p class=\"lead\">{lead}</p>"
    );
    for section in sections.iter().filter(|section| !section.rows.is_empty()) {
        let head: String =
            section.head.iter().map(|one| format!("<th scope=\"col\">{}</th>", escaped(one))).collect();
        let _ = writeln!(
            page,
            "<h2>{}</h2>\n<table>\n<thead><tr>{head}</tr></thead>\n<tbody>",
            escaped(section.title)
        );
        for row in &section.rows {
            let cells: String = row.iter().map(|one| format!("<td>{}</td>", escaped(one))).collect();
            let _ = writeln!(page, "<tr>{cells}</tr>");
        }
        page.push_str("</tbody>\n</table>\n");
    }
    page.push_str(
        "<p class=\"note\">Values about people are shown as outlines. The last line of this file is a signature over everything above it: Cairn says whether the file is as it was signed (Migration, Check a report; or cairnctl import report-check).</p>\n</body>\n</html>\n",
    );
    page
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
