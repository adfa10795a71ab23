//! Which records are people, which name sites, and what their columns say: as data, beside the tables of
//! the formats. [`crate::people`] reads records by it.
//!
//! A roster keeps no format with a record, and may hold records of several formats. So a record is known
//! by its type and by the column that names it: `students` of Clever have `Student_id`, those of a plain
//! school file `student_id`. Where formats share both, as the `users` of OneRoster and of School Data
//! Sync, one line here serves them all: a column that a record has not is blank.
//!
//! Where the meanings come from:
//!
//! - OneRoster 1.0 and 1.1: the role stands with the person (`role`), and so do the sites
//!   (`orgSourcedIds`, "the orgs to which the user is associated"); `enabledUser` says "whether the user
//!   account is active".
//! - OneRoster 1.2 and School Data Sync 2.1: rows of `roles` bind a person to an org in a role; one of them
//!   may be the main one (`roleType` primary; `isPrimary`). 1.2 also names a `primaryOrgSourcedId`, and the
//!   names that somebody prefers, which are the ones to call them by.
//! - Clever: the file says the role, and `School_id` the site; staff may have a `Role` of their own.
//! - The school files of the first go-live: the file says the role. They are of one school and name none;
//!   `status` is a free word, of which only "active" and "inactive" are understood.
//! - Accounts of pilot ministries: `role`, and `organization` as the unit.
//! - Workshop participants: `stakeholder_type` is the role and `province` the unit, by which their
//!   roll-out filters them.
//!
//! Cases of an ethics line are about people but are none: a reporter is not somebody to be met in a list.
//! `status` of OneRoster is no value of a record: a person that is `tobedeleted` is removed.

/// A type of records that are people.
#[derive(Debug, PartialEq, Eq)]
pub struct PersonFile {
    /// The formats that have it.
    pub formats: &'static [&'static str],
    /// The type.
    pub kind: &'static str,
    /// The column that names one, which also tells formats apart that share the type.
    pub key: &'static str,
    /// Given names: the first that is filled counts.
    pub given: &'static [&'static str],
    /// Family names: the first that is filled counts.
    pub family: &'static [&'static str],
    /// The address.
    pub email: &'static str,
    /// The role.
    pub role: RoleOf,
    /// The column with the sites: references with commas between, or a name.
    pub sites: Option<&'static str>,
    /// The column with the site that comes first.
    pub main_site: Option<&'static str>,
    /// The type of records that a site's id leads to; none where the sites are names themselves.
    pub site_kind: Option<&'static str>,
    /// The grade or grades, as the roster writes them.
    pub grades: Option<&'static str>,
    /// Whether the account may be used.
    pub active: Option<&'static str>,
}

/// Where a person's own record has the role. Rows of [`ROLE_ROWS`] come on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleOf {
    /// In this column.
    Column(&'static str),
    /// The type is of one role, which this is.
    Word(&'static str),
    /// In this column, and where it is blank this word.
    ColumnOr(&'static str, &'static str),
}

/// Rows that say a role of a person at a site.
#[derive(Debug, PartialEq, Eq)]
pub struct RoleFile {
    /// The formats that have them.
    pub formats: &'static [&'static str],
    /// Their type.
    pub kind: &'static str,
    /// The column that refers to the person.
    pub person: &'static str,
    /// The type of the person.
    pub person_kind: &'static str,
    /// The column with the role.
    pub role: &'static str,
    /// The column that refers to the site.
    pub site: &'static str,
    /// The type of the site.
    pub site_kind: &'static str,
    /// Columns and words, in any case, that mark a person's main role; one format has one of them.
    pub main: &'static [(&'static str, &'static str)],
}

/// A type of records that name sites.
#[derive(Debug, PartialEq, Eq)]
pub struct SiteFile {
    /// The formats that have it.
    pub formats: &'static [&'static str],
    /// The type.
    pub kind: &'static str,
    /// The column with the name.
    pub name: &'static str,
}

/// The words that say whether somebody is active, in any case; any other word says nothing.
pub const ACTIVE: &[(&str, bool)] =
    &[("true", true), ("active", true), ("false", false), ("inactive", false)];

const ONE_ROSTER: &[&str] = &["oneroster-1.0", "oneroster-1.1", "oneroster-1.2"];

/// The people, in the order in which lists show their types.
pub const PEOPLE: &[PersonFile] = &[
    // OneRoster, each version with its own of these columns, and School Data Sync with fewer.
    PersonFile {
        formats: &["oneroster-1.0", "oneroster-1.1", "oneroster-1.2", "sds-2.1"],
        kind: "users",
        key: "sourcedId",
        given: &["preferredGivenName", "givenName"],
        family: &["preferredFamilyName", "familyName"],
        email: "email",
        role: RoleOf::Column("role"),
        sites: Some("orgSourcedIds"),
        main_site: Some("primaryOrgSourcedId"),
        site_kind: Some("orgs"),
        grades: Some("grades"),
        active: Some("enabledUser"),
    },
    clever("staff", "Staff_id", "Staff_email", RoleOf::ColumnOr("Role", "staff")),
    clever("teachers", "Teacher_id", "Teacher_email", RoleOf::Word("teacher")),
    PersonFile {
        grades: Some("Grade"),
        ..clever("students", "Student_id", "Student_email", RoleOf::Word("student"))
    },
    PersonFile {
        active: Some("status"),
        ..plain(&["school-teachers"], "teachers", "teacher_id", RoleOf::Word("teacher"))
    },
    PersonFile {
        grades: Some("grade"),
        active: Some("status"),
        ..plain(&["school-students"], "students", "student_id", RoleOf::Word("student"))
    },
    PersonFile {
        sites: Some("organization"),
        ..plain(&["accounts"], "accounts", "email", RoleOf::Column("role"))
    },
    PersonFile {
        sites: Some("province"),
        ..plain(&["participants"], "participants", "email", RoleOf::Column("stakeholder_type"))
    },
];

/// The rows of roles.
pub const ROLE_ROWS: RoleFile = RoleFile {
    formats: &["oneroster-1.2", "sds-2.1"],
    kind: "roles",
    person: "userSourcedId",
    person_kind: "users",
    role: "role",
    site: "orgSourcedId",
    site_kind: "orgs",
    main: &[("roleType", "primary"), ("isPrimary", "true")],
};

/// What names sites.
pub const SITES: &[SiteFile] = &[
    SiteFile { formats: ONE_ROSTER, kind: "orgs", name: "name" },
    SiteFile { formats: &["sds-2.1"], kind: "orgs", name: "name" },
    SiteFile { formats: &["clever"], kind: "schools", name: "School_name" },
];

const fn clever(kind: &'static str, key: &'static str, email: &'static str, role: RoleOf) -> PersonFile {
    PersonFile {
        formats: &["clever"],
        kind,
        key,
        given: &["First_name"],
        family: &["Last_name"],
        email,
        role,
        sites: Some("School_id"),
        main_site: None,
        site_kind: Some("schools"),
        grades: None,
        active: None,
    }
}

const fn plain(
    formats: &'static [&'static str],
    kind: &'static str,
    key: &'static str,
    role: RoleOf,
) -> PersonFile {
    PersonFile {
        formats,
        kind,
        key,
        given: &["first_name"],
        family: &["last_name"],
        email: "email",
        role,
        sites: None,
        main_site: None,
        site_kind: None,
        grades: None,
        active: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{FileSchema, Holds, SCHEMAS, schema};

    fn file(format: &str, kind: &str) -> &'static FileSchema {
        let schema = schema(format).unwrap();
        schema.files.iter().find(|file| file.kind == kind).unwrap_or_else(|| panic!("{format} has no {kind}"))
    }

    fn columns_of(person: &PersonFile) -> Vec<&'static str> {
        let role = match person.role {
            RoleOf::Column(name) | RoleOf::ColumnOr(name, _) => Some(name),
            RoleOf::Word(_) => None,
        };
        let single = [role, Some(person.email), person.sites, person.main_site, person.grades, person.active];
        person.given.iter().chain(person.family).copied().chain(single.into_iter().flatten()).collect()
    }

    #[test]
    fn every_column_that_is_named_exists_in_one_of_its_formats() {
        for person in PEOPLE {
            for format in person.formats {
                assert_eq!(file(format, person.kind).key, [person.key], "{format} {}", person.kind);
            }
            for name in columns_of(person) {
                let knows = |format: &&str| file(format, person.kind).column(name).is_some();
                assert!(person.formats.iter().any(knows), "{} {name}", person.kind);
            }
        }
        for format in ROLE_ROWS.formats {
            let file = file(format, ROLE_ROWS.kind);
            assert_eq!(file.column(ROLE_ROWS.person).unwrap().holds, Holds::Ref(ROLE_ROWS.person_kind));
            assert_eq!(file.column(ROLE_ROWS.site).unwrap().holds, Holds::Ref(ROLE_ROWS.site_kind));
            assert!(file.column(ROLE_ROWS.role).is_some());
            let marks = ROLE_ROWS.main.iter().filter(|(name, _)| file.column(name).is_some());
            assert_eq!(marks.count(), 1, "{format}");
        }
        for site in SITES {
            for format in site.formats {
                assert!(file(format, site.kind).column(site.name).is_some(), "{format} {}", site.kind);
            }
        }
    }

    #[test]
    fn sites_lead_to_records_that_name_them_or_are_names() {
        for person in PEOPLE {
            for name in [person.sites, person.main_site].into_iter().flatten() {
                for column in person.formats.iter().filter_map(|one| file(one, person.kind).column(name)) {
                    let leads_to = match column.holds {
                        Holds::Ref(kind) | Holds::Refs(kind) => Some(kind),
                        _ => None,
                    };
                    assert_eq!(leads_to, person.site_kind, "{} {name}", person.kind);
                }
            }
            let named = |kind| SITES.iter().any(|site| site.kind == kind);
            assert!(person.site_kind.is_none_or(named), "{}", person.kind);
        }
    }

    /// A type with names and an address is of people: a new format has to say so here.
    #[test]
    fn every_type_that_has_names_of_people_is_among_them() {
        for schema in SCHEMAS {
            for file in schema.files {
                let has = |name: &str| file.column(name).is_some();
                let is_of_people =
                    has("familyName") || has("last_name") || has("Last_name") || has("preferredFamilyName");
                let is_known =
                    PEOPLE.iter().any(|p| p.kind == file.kind && p.formats.contains(&schema.format));
                assert_eq!(is_of_people, is_known, "{} {}", schema.format, file.kind);
            }
        }
        // A person of two lines would be two people.
        let mut keys: Vec<_> = PEOPLE.iter().map(|person| (person.kind, person.key)).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), PEOPLE.len());
    }
}
