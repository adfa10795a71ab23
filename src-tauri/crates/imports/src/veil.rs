//! Values as they may be shown: those about people as outlines, secrets not at all.

use crate::check::outline;
use crate::record::Record;
use crate::schema::{FileSchema, Holds, schema};

/// How much shows of values about people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Veil {
    /// All.
    Open,
    /// Letters as x and digits as 9.
    Outlines,
}

impl Veil {
    /// A value of a column of `file`. What the format does not know may be about anybody.
    pub fn value(self, file: Option<&FileSchema>, column: &str, value: String) -> String {
        match file.and_then(|file| file.column(column)) {
            Some(column) if column.holds == Holds::Secret => "\u{2022}\u{2022}\u{2022}".to_owned(),
            Some(column) if !column.personal => value,
            _ => self.personal(value),
        }
    }

    /// An id of a record of `file`.
    pub fn id(self, file: Option<&FileSchema>, id: String) -> String {
        let is_personal = file.is_none_or(|file| {
            file.key.iter().any(|name| file.column(name).is_none_or(|column| column.personal))
        });
        if is_personal { self.personal(id) } else { id }
    }

    fn personal(self, value: String) -> String {
        match self {
            Self::Open => value,
            Self::Outlines => outline(value.as_bytes()),
        }
    }
}

/// The id of a record of a format, as an outline where it is about a person.
#[must_use]
pub fn outlined_id(format: &str, kind: &str, id: &str) -> String {
    let schema = schema(format);
    let file = schema.and_then(|schema| schema.files.iter().find(|file| file.kind == kind));
    Veil::Outlines.id(file, id.to_owned())
}

/// The id and the values of a record of a format, those about people as outlines.
#[must_use]
pub fn outlined(format: &str, record: &Record<'_>) -> (String, Vec<(String, String)>) {
    let schema = schema(format);
    let file = schema.and_then(|schema| schema.files.iter().find(|file| file.kind == record.kind));
    let value = |(column, value): &(&str, &str)| {
        ((*column).to_owned(), Veil::Outlines.value(file, column, (*value).to_owned()))
    };
    (outlined_id(format, record.kind, record.id), record.values.iter().map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_people_shows_as_an_outline_and_a_secret_not_at_all() {
        let values = [("email", "ana.7@b.ca"), ("first_name", "Ana"), ("role", "teacher"), ("odd", "a1")];
        let record = Record { kind: "accounts", id: "ana.7@b.ca", values: &values };
        let (id, shown) = outlined("accounts", &record);
        let shown: Vec<(&str, &str)> = shown.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let expected = [("email", "xxx.9@x.xx"), ("first_name", "xxx"), ("role", "teacher"), ("odd", "x9")];
        assert_eq!((id.as_str(), shown.as_slice()), ("xxx.9@x.xx", expected.as_slice()));

        let values = [("sourcedId", "u1"), ("password", "hunter2")];
        let record = Record { kind: "users", id: "u1", values: &values };
        let shown = outlined("oneroster-1.1", &record);
        assert_eq!((shown.0.as_str(), shown.1[1].1.as_str()), ("u1", "\u{2022}\u{2022}\u{2022}"));
    }
}
