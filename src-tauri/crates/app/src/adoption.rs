//! The adoption list: everybody of a tenant's roster, and how far they use the platform.
//!
//! The figures are the platform's and no roster has them. Until daily figures of the platform reach Cairn,
//! they are none, which is not 0: nobody is said to be inactive because nobody counted.

use std::io::Write;

use cairn_imports::harmless;
use serde::Serialize;

use crate::error::{Result, fault};
use crate::people::{PeopleQuery, PeopleReading, PersonRow};

/// Somebody in the adoption list, in the shape of SPEC. Fields that SPEC does not name come last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdoptionRow {
    /// The id in the roster.
    pub id: String,
    /// The name; none where the roster has none.
    pub name: Option<String>,
    /// The name of the main site; none where the roster names none.
    pub site: Option<String>,
    /// When they were last signed in to the platform, RFC 3339; none where no figures came.
    pub last_login: Option<String>,
    /// Assignments they made; none where no figures came.
    pub assignments: Option<u64>,
    /// Submissions they received; none where no figures came.
    pub submissions: Option<u64>,
    /// Submissions they scored; none where no figures came.
    pub scored: Option<u64>,
    /// Submissions that wait to be scored; none where no figures came.
    pub backlog: Option<u64>,
    /// Why somebody should reach out to them; empty where no figures came.
    pub flags: Vec<String>,
    /// The main role, in the roster's own word.
    pub role: Option<String>,
    /// The names of all sites, the main one first.
    pub sites: Vec<String>,
}

impl From<PersonRow> for AdoptionRow {
    fn from(person: PersonRow) -> Self {
        let sites: Vec<String> = person.sites.into_iter().map(|site| site.name).collect();
        Self {
            id: person.id,
            name: person.name,
            site: sites.first().cloned(),
            last_login: None,
            assignments: None,
            submissions: None,
            scored: None,
            backlog: None,
            flags: Vec::new(),
            role: person.roles.into_iter().next(),
            sites,
        }
    }
}

impl PeopleReading {
    /// The tenant's slug.
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// Whether what is about people comes as outlines.
    pub fn is_masked(&self) -> bool {
        self.masked
    }

    /// Tells of everybody who passes, one by one. Answers the revision of the roster; none where there is
    /// none.
    ///
    /// # Errors
    /// As [`PeopleReading::each`].
    pub fn adoption(
        &self,
        query: &PeopleQuery,
        mut visit: impl FnMut(AdoptionRow) -> Result<()>,
    ) -> Result<Option<u64>> {
        self.each(query, |person| visit(person.into()))
    }

    /// Writes the list as CSV: a header, and a line for everybody who passes. What a spreadsheet would take
    /// for a formula gets a single quote before it; what is none is an empty cell.
    ///
    /// # Errors
    /// `cannot_write` where `into` cannot be written; as [`PeopleReading::each`].
    pub fn adoption_csv(&self, query: &PeopleQuery, into: &mut dyn Write) -> Result<Option<u64>> {
        let mut writer = csv::Writer::from_writer(into);
        writer.write_record(COLUMNS).map_err(cannot)?;
        let revision = self.adoption(query, |row| {
            let cells = cells(&row);
            writer.write_record(cells.iter().map(|cell| harmless(cell.as_bytes()))).map_err(cannot)
        })?;
        writer.flush().map_err(|error| cannot(error.into()))?;
        Ok(revision)
    }
}

const COLUMNS: [&str; 11] = [
    "id",
    "name",
    "site",
    "last_login",
    "assignments",
    "submissions",
    "scored",
    "backlog",
    "flags",
    "role",
    "sites",
];

fn cells(row: &AdoptionRow) -> [String; COLUMNS.len()] {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let figure = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    [
        row.id.clone(),
        text(&row.name),
        text(&row.site),
        text(&row.last_login),
        figure(row.assignments),
        figure(row.submissions),
        figure(row.scored),
        figure(row.backlog),
        row.flags.join("; "),
        text(&row.role),
        row.sites.join("; "),
    ]
}

fn cannot(error: csv::Error) -> cairn_protocol::ApiError {
    fault("cannot_write", format!("The list cannot be written: {error}."))
}
