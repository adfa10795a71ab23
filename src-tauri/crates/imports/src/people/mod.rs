//! The people of a roster: who a record is, in which role and where.
//!
//! Pure: whoever has the records hands them over one by one. [`PEOPLE`](crate::schema::people::PEOPLE) says
//! which records are people and which columns say what; this reads by it. A record is read for what it is,
//! whatever import brought it, so that a roster which holds records of several formats is one list.
//!
//! One record is one person. Somebody who is in two types, or under two ids, is two people: nothing in a
//! roster says that they are one.
//!
//! # Roles as rows of their own
//!
//! In OneRoster 1.2 and School Data Sync a person's roles and sites are rows of `roles`, which a roster keeps
//! by their own ids. To look one person's rows up there would take an index over a column, for which a
//! roster has no room (docs/adr/0012-roster-database.md). So [`RoleRows`] hears all of them once and keeps
//! 16 bytes of each: a hash of the person's id, a number for the site, one for the role. Words are kept once.
//! A million rows are 16 MB; a roster whose people carry their roles themselves keeps nothing.
//!
//! Hashes are seeded anew each time. Among a million people the chance that two are taken for one is below
//! one in ten million.

mod rows;
mod totals;

use crate::check::outline;
use crate::record::Record;
use crate::schema::people::{ACTIVE, PEOPLE, PersonFile, ROLE_ROWS, RoleOf, SITES};
use crate::schema::{FileSchema, schema};
use crate::veil::Veil;

pub use rows::RoleRows;
pub use totals::{Counted, MOST_ROLES, MOST_SITES, Totals};

/// Somebody of a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The record's id.
    pub id: String,
    /// The record's type, such as `users`.
    pub kind: &'static str,
    /// Given and family name; none where the roster has neither.
    pub name: Option<String>,
    /// The address; none where the roster has none.
    pub email: Option<String>,
    /// Their roles in the roster's own words, each once, the main one first.
    pub roles: Vec<String>,
    /// Where they are, each once, the main one first.
    pub sites: Vec<SiteId>,
    /// The grade or grades as the roster writes them.
    pub grades: Option<String>,
    /// Whether the account may be used; none where the roster does not say.
    pub is_active: Option<bool>,
    /// The format of the record, or one that has the same columns.
    format: &'static str,
}

/// A site as a person's record names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteId {
    /// The id of a record, or the name itself.
    pub id: String,
    /// The type of the record that has the name; none where `id` is the name.
    pub kind: Option<&'static str>,
}

impl Person {
    /// Who a record is; none where it is no person. `rows` are the roles that stand apart.
    #[must_use]
    pub fn read(record: &Record<'_>, rows: &RoleRows) -> Option<Self> {
        let file = file_of(record)?;
        let mut person = Self {
            id: record.id.to_owned(),
            kind: file.kind,
            name: name_of(record, file),
            email: value(record, file.email).map(str::to_owned),
            roles: Vec::new(),
            sites: Vec::new(),
            grades: file.grades.and_then(|name| value(record, name)).map(str::to_owned),
            is_active: file.active.and_then(|name| value(record, name)).and_then(is_active),
            format: file.formats.first().copied().unwrap_or_default(),
        };
        if let Some(role) = role_of(record, file) {
            person.add_role(role);
        }
        for id in sites_of(record, file) {
            person.add_site(id, file.site_kind);
        }
        if file.kind == ROLE_ROWS.person_kind {
            for (role, site) in rows.of(record.id) {
                role.into_iter().for_each(|role| person.add_role(role));
                site.into_iter().for_each(|site| person.add_site(site, Some(ROLE_ROWS.site_kind)));
            }
        }
        Some(person)
    }

    /// The main role; none where the roster names none.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        self.roles.first().map(String::as_str)
    }

    /// The same person as who may not import sees them: name and address as outlines, and the id where it
    /// is about a person.
    #[must_use]
    pub fn outlined(mut self) -> Self {
        let veiled = |text: String| outline(text.as_bytes());
        self.id = Veil::Outlines.id(table(self.format, self.kind), self.id);
        self.name = self.name.map(veiled);
        self.email = self.email.map(veiled);
        self
    }

    /// Whether id, name or address has this in it; `text` is in lower case.
    #[must_use]
    pub fn has(&self, text: &str) -> bool {
        let shown = [Some(&self.id), self.name.as_ref(), self.email.as_ref()];
        shown.into_iter().flatten().any(|value| value.to_lowercase().contains(text))
    }

    fn add_role(&mut self, role: &str) {
        if !self.roles.iter().any(|known| known == role) {
            self.roles.push(role.to_owned());
        }
    }

    fn add_site(&mut self, id: &str, kind: Option<&'static str>) {
        if !self.sites.iter().any(|known| known.id == id) {
            self.sites.push(SiteId { id: id.to_owned(), kind });
        }
    }
}

/// Whether a record is a person.
#[must_use]
pub fn is_person(record: &Record<'_>) -> bool {
    file_of(record).is_some()
}

/// The types of records that may be people, each once, in the order in which lists show them.
pub fn people_kinds() -> impl Iterator<Item = &'static str> {
    let kinds = PEOPLE.iter().map(|file| file.kind);
    kinds
        .enumerate()
        .filter(|(at, kind)| PEOPLE.iter().position(|file| file.kind == *kind) == Some(*at))
        .map(|(_, kind)| kind)
}

/// The name that a record gives a site; none where it is no site or has no name.
#[must_use]
pub fn site_name<'r>(record: &Record<'r>) -> Option<&'r str> {
    let file = SITES.iter().find(|file| file.kind == record.kind)?;
    value(record, file.name)
}

fn file_of(record: &Record<'_>) -> Option<&'static PersonFile> {
    PEOPLE.iter().find(|file| file.kind == record.kind && value(record, file.key).is_some())
}

fn table(format: &str, kind: &str) -> Option<&'static FileSchema> {
    schema(format)?.files.iter().find(|file| file.kind == kind)
}

fn value<'r>(record: &Record<'r>, column: &str) -> Option<&'r str> {
    let found = record.values.iter().find(|(name, _)| *name == column)?.1.trim();
    (!found.is_empty()).then_some(found)
}

fn first_of<'r>(record: &Record<'r>, columns: &[&str]) -> Option<&'r str> {
    columns.iter().find_map(|name| value(record, name))
}

fn name_of(record: &Record<'_>, file: &PersonFile) -> Option<String> {
    match (first_of(record, file.given), first_of(record, file.family)) {
        (Some(given), Some(family)) => Some(format!("{given} {family}")),
        (given, family) => given.or(family).map(str::to_owned),
    }
}

fn role_of<'r>(record: &Record<'r>, file: &PersonFile) -> Option<&'r str> {
    match file.role {
        RoleOf::Column(name) => value(record, name),
        RoleOf::Word(word) => Some(word),
        RoleOf::ColumnOr(name, word) => value(record, name).or(Some(word)),
    }
}

/// The sites in the person's own record, the main one first.
fn sites_of<'r>(record: &Record<'r>, file: &PersonFile) -> impl Iterator<Item = &'r str> {
    let main = file.main_site.and_then(|name| value(record, name));
    let all = file.sites.and_then(|name| value(record, name));
    // A name may have a comma in it; a list of ids has nothing else between them.
    let is_list = file.site_kind.is_some();
    let listed = all.into_iter().flat_map(move |all| all.split(move |c| is_list && c == ','));
    main.into_iter().chain(listed).map(str::trim).filter(|id| !id.is_empty())
}

fn is_active(word: &str) -> Option<bool> {
    ACTIVE.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)).map(|(_, is_active)| *is_active)
}

#[cfg(test)]
mod tests;
