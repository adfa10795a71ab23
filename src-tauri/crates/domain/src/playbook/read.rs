//! Reads typed fields out of a TOML table, noting every fault with its place instead of
//! stopping at the first one. A field at fault reads as its empty value; the playbook is
//! refused in the end, so no such value ever leaves the module.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::access::Role;

use super::fault::{Fault, FaultCode};
use super::{MAX_KEY_CHARS, MAX_LINE_CHARS, MAX_PROSE_CHARS};

/// The kinds of entry that have keys of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Mode,
    Phase,
    Item,
    Step,
    Banner,
    SignOff,
}

impl Kind {
    /// The word for messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::Phase => "phase",
            Self::Item => "item",
            Self::Step => "step",
            Self::Banner => "banner",
            Self::SignOff => "sign-off",
        }
    }
}

/// A mention of an entry that must be defined somewhere in the file.
pub(super) struct Reference {
    kind: Kind,
    name: String,
    at: usize,
    code: FaultCode,
}

/// What is gathered while reading: faults, keys defined, keys mentioned.
#[derive(Default)]
pub(super) struct Reader {
    pub faults: Vec<Fault>,
    defined: BTreeSet<(Kind, String)>,
    references: Vec<Reference>,
    /// Keys of items that come several times, each with the key of one of those times.
    repeated: BTreeMap<String, String>,
}

impl Reader {
    /// Notes a fault at a byte offset.
    pub fn fault(&mut self, at: usize, code: FaultCode, message: impl Into<String>) {
        self.faults.push(Fault { at, code, message: message.into() });
    }

    /// Notes a key as defined; a second definition is a fault at the second place.
    pub fn define(&mut self, kind: Kind, key: &str, at: usize) {
        if !self.defined.insert((kind, key.to_owned())) {
            let message = format!("the {} key `{key}` is used twice", kind.word());
            self.fault(at, FaultCode::DuplicateKey, message);
        }
    }

    /// Notes a mention, to be resolved when the whole file has been read.
    pub fn refer(&mut self, kind: Kind, name: &str, at: usize, code: FaultCode) {
        self.references.push(Reference { kind, name: name.to_owned(), at, code });
    }

    /// Notes that the item `key` comes several times, one of them as `example`.
    pub fn repeated(&mut self, key: &str, example: &str) {
        self.repeated.insert(key.to_owned(), example.to_owned());
    }

    /// Makes every mention of something undefined a fault.
    pub fn resolve(&mut self) {
        for Reference { kind, name, at, code } in std::mem::take(&mut self.references) {
            // A banner leads to one item; only `depends_on` may mean every time of it.
            if let (FaultCode::UnknownItem, Some(example)) = (code, self.repeated.get(&name)) {
                let message = format!("`{name}` comes several times; name one of them, such as `{example}`");
                self.fault(at, code, message);
            } else if !self.defined.contains(&(kind, name.clone())) {
                let message = format!("`{name}` is not a key of any {} in this playbook", kind.word());
                self.fault(at, code, message);
            }
        }
    }

    /// A text of one line: not blank, not long, no control characters.
    fn line(&mut self, text: &Place<'_>) {
        self.text(text, MAX_LINE_CHARS, false);
    }

    fn text(&mut self, text: &Place<'_>, most: usize, line_breaks: bool) {
        let allowed = |c: char| !c.is_control() || (line_breaks && matches!(c, '\n' | '\r' | '\t'));
        if text.value.trim().is_empty() {
            self.fault(text.at, FaultCode::EmptyText, format!("`{}` is empty", text.field));
        } else if text.value.chars().count() > most {
            let message = format!("`{}` is longer than {most} characters", text.field);
            self.fault(text.at, FaultCode::BadText, message);
        } else if !text.value.chars().all(allowed) {
            let message = format!("`{}` holds control characters", text.field);
            self.fault(text.at, FaultCode::BadText, message);
        }
    }

    /// Whether the text may be a key: lower-case letters and digits in words joined by `joint`,
    /// a letter first. Notes a fault if not.
    fn key(&mut self, text: &Place<'_>, joint: char) -> bool {
        let word = |w: &str| !w.is_empty() && w.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let good = text.value.len() <= MAX_KEY_CHARS
            && text.value.starts_with(|c: char| c.is_ascii_lowercase())
            && text.value.split(joint).all(word);
        if !good {
            let message = format!(
                "`{}` must be lower-case letters and digits joined by `{joint}`, starting with a letter, \
                 at most {MAX_KEY_CHARS} characters",
                text.field
            );
            self.fault(text.at, FaultCode::BadKey, message);
        }
        good
    }

    /// Notes a fault unless the text is a role of Cairn.
    pub fn role(&mut self, role: &str, at: usize) {
        if !Role::ALL.iter().any(|known| known.as_str() == role) {
            let known: Vec<_> = Role::ALL.iter().map(|known| known.as_str()).collect();
            let message = format!("`{role}` is not a role; roles are {}", known.join(", "));
            self.fault(at, FaultCode::UnknownRole, message);
        }
    }
}

/// A text of the file with the field it stands in and its place.
pub(super) struct Place<'t> {
    pub field: &'static str,
    pub value: &'t str,
    pub at: usize,
}

/// A table being read. Fields asked for count as known; [`Fields::finish`] refuses the rest.
pub(super) struct Fields<'t, 'i> {
    table: &'t DeTable<'i>,
    /// Byte offset of the table: its header, or its opening brace.
    pub at: usize,
    asked: Vec<&'static str>,
}

impl<'t, 'i> Fields<'t, 'i> {
    pub fn new(table: &'t DeTable<'i>, at: usize) -> Self {
        Self { table, at, asked: Vec::new() }
    }

    /// Whether the field is there at all.
    pub fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// Whether the field is there and is a table.
    pub fn is_table(&self, name: &str) -> bool {
        self.table.get(name).is_some_and(|value| value.get_ref().is_table())
    }

    /// Whether the field is there and is a list without entries.
    pub fn is_empty_list(&self, name: &str) -> bool {
        let list = self.table.get(name).and_then(|value| value.get_ref().as_array());
        list.is_some_and(|list| list.is_empty())
    }

    /// All fields of a table whose field names are data, each a text of one line.
    pub fn lines(self, reader: &mut Reader) -> Vec<(Place<'t>, String)> {
        let entries = self.table.iter().filter_map(|(key, value)| {
            let name = Place { field: "name", value: key.get_ref(), at: key.span().start };
            let text = as_text(reader, "name", value)?;
            Some((name, checked(text, |t| reader.line(t))))
        });
        entries.collect()
    }

    fn get(&mut self, name: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.asked.push(name);
        self.table.get(name)
    }

    /// A field that must be there, of whatever type.
    fn must(&mut self, reader: &mut Reader, name: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.need(reader, name);
        self.get(name)
    }

    /// Notes a fault at the table if the field is absent.
    pub fn need(&self, reader: &mut Reader, name: &str) {
        if !self.has(name) {
            reader.fault(self.at, FaultCode::MissingField, format!("the field `{name}` is missing"));
        }
    }

    /// Byte offset of a field's value, or of the table if the field is absent.
    pub fn place(&self, name: &str) -> usize {
        self.table.get(name).map_or(self.at, |value| value.span().start)
    }

    /// A text as it stands, if the field is there.
    pub fn raw(&mut self, reader: &mut Reader, name: &'static str) -> Option<Place<'t>> {
        self.get(name).and_then(|value| as_text(reader, name, value))
    }

    /// A required text as it stands.
    pub fn raw_required(&mut self, reader: &mut Reader, name: &'static str) -> Option<Place<'t>> {
        self.must(reader, name).and_then(|value| as_text(reader, name, value))
    }

    /// A required text of one line.
    pub fn line(&mut self, reader: &mut Reader, name: &'static str) -> String {
        let text = self.raw_required(reader, name);
        text.map(|text| checked(text, |t| reader.line(t))).unwrap_or_default()
    }

    /// An optional text of several lines.
    pub fn prose(&mut self, reader: &mut Reader, name: &'static str) -> Option<String> {
        let text = self.raw(reader, name)?;
        Some(checked(text, |t| reader.text(t, MAX_PROSE_CHARS, true)))
    }

    /// A required text of several lines.
    pub fn prose_required(&mut self, reader: &mut Reader, name: &'static str) -> String {
        self.need(reader, name);
        self.prose(reader, name).unwrap_or_default()
    }

    /// A required key that names this entry, unique among its kind.
    pub fn key(&mut self, reader: &mut Reader, kind: Kind) -> String {
        let Some(text) = self.raw_required(reader, "key") else { return String::new() };
        if reader.key(&text, '-') {
            reader.define(kind, text.value, text.at);
        }
        text.value.to_owned()
    }

    /// A required key that need not be unique in the file (the playbook's own, its tenant kind).
    pub fn bare_key(&mut self, reader: &mut Reader, name: &'static str) -> String {
        let text = self.raw_required(reader, name);
        text.map(|text| checked(text, |t| _ = reader.key(t, '-'))).unwrap_or_default()
    }

    /// An optional name in telemetry (a check or a metric): words joined by `_`.
    pub fn telemetry(&mut self, reader: &mut Reader, name: &'static str) -> Option<String> {
        let text = self.raw(reader, name)?;
        Some(checked(text, |t| _ = reader.key(t, '_')))
    }

    /// An optional list of names in telemetry.
    pub fn telemetry_list(&mut self, reader: &mut Reader, name: &'static str) -> Vec<String> {
        let texts = self.texts(reader, name);
        texts.into_iter().map(|text| checked(text, |t| _ = reader.key(t, '_'))).collect()
    }

    /// A required role of Cairn.
    pub fn role(&mut self, reader: &mut Reader, name: &'static str) -> String {
        let text = self.raw_required(reader, name);
        text.map(|text| checked(text, |t| reader.role(t.value, t.at))).unwrap_or_default()
    }

    /// A required list of at least one role.
    pub fn role_list(&mut self, reader: &mut Reader, name: &'static str) -> Vec<String> {
        let present = self.must(reader, name).is_some();
        let texts = self.texts(reader, name);
        if present && texts.is_empty() {
            reader.fault(self.place(name), FaultCode::EmptyList, format!("`{name}` names nobody"));
        }
        texts.into_iter().map(|text| checked(text, |t| reader.role(t.value, t.at))).collect()
    }

    /// An optional mention of another entry.
    pub fn mention(
        &mut self,
        reader: &mut Reader,
        name: &'static str,
        kind: Kind,
        code: FaultCode,
    ) -> Option<String> {
        let text = self.raw(reader, name)?;
        reader.refer(kind, text.value, text.at, code);
        Some(text.value.to_owned())
    }

    /// An optional list of mentions of other entries.
    pub fn mentions(
        &mut self,
        reader: &mut Reader,
        name: &'static str,
        kind: Kind,
        code: FaultCode,
    ) -> Vec<String> {
        let texts = self.texts(reader, name);
        for text in &texts {
            reader.refer(kind, text.value, text.at, code);
        }
        texts.into_iter().map(|text| text.value.to_owned()).collect()
    }

    /// An optional list of texts without repeats.
    fn texts(&mut self, reader: &mut Reader, name: &'static str) -> Vec<Place<'t>> {
        let Some(value) = self.get(name) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            wrong_type(reader, name, "a list of texts", value);
            return Vec::new();
        };
        let texts: Vec<_> = array.iter().filter_map(|entry| as_text(reader, name, entry)).collect();
        let mut seen = BTreeSet::new();
        for text in &texts {
            if !seen.insert(text.value) {
                let message = format!("`{name}` names `{}` twice", text.value);
                reader.fault(text.at, FaultCode::DuplicateKey, message);
            }
        }
        texts
    }

    /// An optional whole number within `range`, else a fault with `code`.
    pub fn integer(
        &mut self,
        reader: &mut Reader,
        name: &'static str,
        range: RangeInclusive<i64>,
        code: FaultCode,
    ) -> Option<i64> {
        let value = self.get(name)?;
        integer(reader, name, value, range, code)
    }

    /// An optional whole number within `range` that may differ by mode: one number, or a table of
    /// numbers by the keys of modes.
    pub fn by_mode<T: TryFrom<i64>>(
        &mut self,
        reader: &mut Reader,
        name: &'static str,
        range: RangeInclusive<i64>,
    ) -> (Option<T>, BTreeMap<String, T>) {
        let none = BTreeMap::new();
        let Some(value) = self.get(name) else { return (None, none) };
        let Some(table) = value.get_ref().as_table() else {
            let one = integer(reader, name, value, range, FaultCode::BadValue);
            return (one.and_then(|number| T::try_from(number).ok()), none);
        };
        if table.is_empty() {
            let message = format!("`{name}` names no mode");
            reader.fault(value.span().start, FaultCode::EmptyList, message);
        }
        let entry = |(mode, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let mode: &std::borrow::Cow<'_, str> = mode.get_ref();
            let number = integer(reader, name, value, range.clone(), FaultCode::BadValue)?;
            Some((mode.to_string(), T::try_from(number).ok()?))
        };
        let numbers = table.iter().filter_map(entry).collect();
        for mode in table.keys() {
            reader.refer(Kind::Mode, mode.get_ref(), mode.span().start, FaultCode::UnknownMode);
        }
        (None, numbers)
    }

    /// An optional finite number, whole or not.
    pub fn number(&mut self, reader: &mut Reader, name: &'static str) -> Option<f64> {
        let value = self.get(name)?;
        let number = match value.get_ref() {
            DeValue::Float(float) => float.as_str().parse::<f64>().ok(),
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse::<f64>().ok(),
            _ => {
                wrong_type(reader, name, "a number", value);
                return None;
            }
        };
        let good = number.filter(|number| number.is_finite());
        if good.is_none() {
            let message = format!("`{name}` must be a finite decimal number");
            reader.fault(value.span().start, FaultCode::BadValue, message);
        }
        good
    }

    /// An optional `true` or `false`.
    fn boolean(&mut self, reader: &mut Reader, name: &'static str) -> Option<bool> {
        let value = self.get(name)?;
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            wrong_type(reader, name, "true or false", value);
        }
        boolean
    }

    /// A required `true` or `false`.
    pub fn boolean_required(&mut self, reader: &mut Reader, name: &'static str) -> Option<bool> {
        self.need(reader, name);
        self.boolean(reader, name)
    }

    /// An optional whole number from 1 to `most`.
    pub fn count(&mut self, reader: &mut Reader, name: &'static str, most: i64) -> Option<u32> {
        let number = self.integer(reader, name, 1..=most, FaultCode::BadValue)?;
        u32::try_from(number).ok()
    }

    /// A required whole number from 1 to `most`.
    pub fn count_required(&mut self, reader: &mut Reader, name: &'static str, most: i64) -> u32 {
        self.need(reader, name);
        self.count(reader, name, most).unwrap_or_default()
    }

    /// An optional word out of a closed set.
    pub fn word<T: Copy>(
        &mut self,
        reader: &mut Reader,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.raw(reader, name)?;
        let found = words.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("`{name}` must be one of {}", known.join(", "));
            reader.fault(text.at, FaultCode::BadValue, message);
        }
        found.map(|(_, value)| *value)
    }

    /// An optional table.
    pub fn table(&mut self, reader: &mut Reader, name: &'static str) -> Option<Fields<'t, 'i>> {
        let value = self.get(name)?;
        as_table(reader, name, value)
    }

    /// An optional list of tables.
    pub fn tables(&mut self, reader: &mut Reader, name: &'static str) -> Vec<Fields<'t, 'i>> {
        let Some(value) = self.get(name) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            wrong_type(reader, name, "a list of tables", value);
            return Vec::new();
        };
        array.iter().filter_map(|entry| as_table(reader, name, entry)).collect()
    }

    /// A required list of at least one table.
    pub fn tables_required(&mut self, reader: &mut Reader, name: &'static str) -> Vec<Fields<'t, 'i>> {
        let present = self.must(reader, name).is_some_and(|value| value.get_ref().is_array());
        let tables = self.tables(reader, name);
        if present && tables.is_empty() {
            reader.fault(self.place(name), FaultCode::EmptyList, format!("`{name}` has no entry"));
        }
        tables
    }

    /// Refuses every field that nobody asked for.
    pub fn finish(self, reader: &mut Reader) {
        for key in self.table.keys().filter(|key| !self.asked.contains(&key.get_ref().as_ref())) {
            let mut known = self.asked.clone();
            known.sort_unstable();
            known.dedup();
            let message = format!("`{}` is not a field here; fields are {}", key.get_ref(), known.join(", "));
            reader.fault(key.span().start, FaultCode::UnknownField, message);
        }
    }
}

fn as_text<'t>(
    reader: &mut Reader,
    field: &'static str,
    value: &'t Spanned<DeValue<'_>>,
) -> Option<Place<'t>> {
    let text = value.get_ref().as_str();
    if text.is_none() {
        wrong_type(reader, field, "a text", value);
    }
    text.map(|text| Place { field, value: text, at: value.span().start })
}

fn as_table<'t, 'i>(
    reader: &mut Reader,
    field: &'static str,
    value: &'t Spanned<DeValue<'i>>,
) -> Option<Fields<'t, 'i>> {
    let table = value.get_ref().as_table();
    if table.is_none() {
        wrong_type(reader, field, "a table", value);
    }
    table.map(|table| Fields::new(table, value.span().start))
}

/// A whole number within `range`, else a fault with `code`.
fn integer(
    reader: &mut Reader,
    name: &'static str,
    value: &Spanned<DeValue<'_>>,
    range: RangeInclusive<i64>,
    code: FaultCode,
) -> Option<i64> {
    let Some(integer) = value.get_ref().as_integer() else {
        wrong_type(reader, name, "a whole number", value);
        return None;
    };
    // A number too big for 64 bits is out of range like any other.
    let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
    let good = number.filter(|number| range.contains(number));
    if good.is_none() {
        let message = format!("`{name}` must be from {} to {}", range.start(), range.end());
        reader.fault(value.span().start, code, message);
    }
    good
}

fn wrong_type(reader: &mut Reader, field: &'static str, wanted: &str, found: &Spanned<DeValue<'_>>) {
    let message = format!("`{field}` must be {wanted}, not {}", found.get_ref().type_str());
    reader.fault(found.span().start, FaultCode::WrongType, message);
}

/// Runs a check that notes its own faults, and hands the text on.
fn checked(text: Place<'_>, check: impl FnOnce(&Place<'_>)) -> String {
    check(&text);
    text.value.to_owned()
}
