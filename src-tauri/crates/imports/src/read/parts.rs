//! The parts of a workbook, before anything reads them.
//!
//! Its sheets are streamed, one piece between two tags at a time. Every other part may be held whole by who reads it, and the shared texts
//! say beforehand how many they are, for which room is made at once. So each part is unpacked here
//! first, into nothing and under the limits.

use std::io::{Read, Write};
use std::path::Path;

use super::source::{Counted, check, damaged, from_io, open_archive};
use crate::error::{ImportError, Result};
use crate::limits::Budget;

/// Bytes of the shortest shared text, `<si/>`.
const SHORTEST: u64 = 5;

/// So many shared texts may be claimed wrongly: some who write workbooks count every use of one.
const HARMLESS: u64 = 1 << 22;

/// Unpacks every part of a workbook, so that what reads it afterwards meets no bomb.
pub(super) fn unpack_all(path: &Path, name: &str, budget: &Budget<'_>) -> Result<()> {
    let mut archive = open_archive(path, name)?;
    check(name, "files", "parts", budget.limits.files, archive.len() as u64)?;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| damaged(name, &error))?;
        let sort = Sort::of(&part.name().map_err(|error| damaged(name, &error))?);
        let counted = Counted::packed(part, budget, name);
        match sort {
            Sort::Sheet => sheet(counted, name, budget.limits.held_bytes),
            Sort::Texts => texts(counted, name, budget.limits.held_bytes),
            Sort::Other => held(counted, name, budget.limits.held_bytes, &mut std::io::sink()),
        }?;
    }
    Ok(())
}

/// What a part is to who reads the workbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Sheet,
    Texts,
    Other,
}

impl Sort {
    fn of(part: &str) -> Self {
        let part = part.replace('\\', "/").to_ascii_lowercase();
        let (folder, file) = part.rsplit_once('/').unwrap_or(("", part.as_str()));
        match file {
            "sharedstrings.xml" => Self::Texts,
            "styles.xml" => Self::Other,
            _ if folder.ends_with("worksheets") => Self::Sheet,
            _ => Self::Other,
        }
    }
}

fn unpacked(mut part: impl Read, name: &str, into: &mut impl Write) -> Result<u64> {
    std::io::copy(&mut part, into).map_err(|error| from_io(name, error))
}

/// Unpacks a part that will be held whole, and no further than it may be.
fn held(part: impl Read, name: &str, most: u64, into: &mut impl Write) -> Result<()> {
    let found = unpacked(part.take(most.saturating_add(1)), name, into)?;
    check(name, "held_bytes", "bytes in a part that is held whole, as shared texts are", most, found)
}

/// Unpacks a sheet; says no where a piece of it will be held that is too long.
fn sheet(part: impl Read, name: &str, most: u64) -> Result<()> {
    unpacked(part, name, &mut Pieces { name, most, since: 0 }).map(|_| ())
}

/// Takes what comes, and watches how long ago the last tag began.
struct Pieces<'n> {
    name: &'n str,
    most: u64,
    since: u64,
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.since = match memchr::memrchr(b'<', bytes) {
            Some(at) => (bytes.len() - at) as u64,
            None => self.since + bytes.len() as u64,
        };
        check(self.name, "held_bytes", "bytes in one piece of a sheet", self.most, self.since)
            .map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Unpacks the shared texts; says no where they claim to be more than they can be.
fn texts(part: impl Read, name: &str, most: u64) -> Result<()> {
    let mut bytes = Vec::new();
    held(part, name, most, &mut bytes)?;
    let fitting = (bytes.len() as u64 / SHORTEST).max(HARMLESS);
    match claims(&bytes).find(|claim| *claim > fitting) {
        None => Ok(()),
        Some(claim) => Err(ImportError::Damaged {
            name: name.to_owned(),
            reason: format!("it claims to have {claim} shared texts, which it has no room for; save it anew"),
        }),
    }
}

/// The numbers of all attributes `uniqueCount`, wherever they stand: what is too large for a number
/// is the largest.
fn claims(bytes: &[u8]) -> impl Iterator<Item = u64> {
    const LABEL: &[u8] = b"uniqueCount";
    memchr::memmem::find_iter(bytes, LABEL).filter_map(|at| {
        let rest = bytes.get(at + LABEL.len()..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
        let rest = rest.strip_prefix(b"\"").or_else(|| rest.strip_prefix(b"'"))?.trim_ascii_start();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        Some(digits.fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sheets_are_streamed() {
        for (part, sort) in [
            ("xl/worksheets/sheet1.xml", Sort::Sheet),
            ("xl\\Worksheets\\Sheet2.xml", Sort::Sheet),
            ("xl/SharedStrings.xml", Sort::Texts),
            ("xl/worksheets/sharedStrings.xml", Sort::Texts),
            ("xl/worksheets/styles.xml", Sort::Other),
            ("xl/worksheets/_rels/sheet1.xml.rels", Sort::Other),
            ("xl/workbook.xml", Sort::Other),
            ("worksheets", Sort::Other),
        ] {
            assert_eq!(Sort::of(part), sort, "{part}");
        }
    }

    #[test]
    fn what_shared_texts_claim_to_be_is_found_however_it_is_written() {
        let found = |text: &str| claims(text.as_bytes()).collect::<Vec<u64>>();
        assert_eq!(found(r#"<sst count="7" uniqueCount="3">"#), [3]);
        assert_eq!(found("<sst uniqueCount\n= '00012'>"), [12]);
        assert_eq!(
            found(r#"<!-- uniqueCount="1" --><x:sst uniqueCount="99999999999999999999">"#),
            [1, u64::MAX]
        );
        assert!(found("<sst><si><t>uniqueCount of pupils</t></si></sst>uniqueCount").is_empty());
    }
}
