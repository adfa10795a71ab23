//! Opening what was pointed at, and streaming the rows of its tables.

use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::read::ZipFile;

use super::scan::{Row, RowEncoding, Scanner};
use super::text::{SAMPLE, Shape, Told};
use super::{parts, sheet};
use crate::error::{ImportError, Result};
use crate::limits::{Budget, Limits};

/// What an import was pointed at: its tables, and the files that are none.
#[derive(Debug)]
pub struct Source {
    /// The name of the file or folder.
    pub name: String,
    /// The tables, by name.
    pub tables: Vec<Table>,
    /// Files that were left alone, with the reason.
    pub left: Vec<Left>,
}

/// A file that is no table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The file.
    pub name: String,
    /// Why it was left alone.
    pub reason: String,
}

/// A table: a text file, a part of an archive or a sheet.
#[derive(Debug)]
pub struct Table {
    /// The file's name; with `#` and the sheet's where a workbook holds several.
    pub name: String,
    /// What the table calls itself, for detection: the name without folder and ending, in lower case.
    pub stem: String,
    /// Encoding and dialect; of a sheet the default ones.
    pub shape: Shape,
    /// Bytes on disk, before unpacking.
    pub size: u64,
    /// Bytes after unpacking, as the archive says; a sheet's are not known.
    pub unpacked: Option<u64>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    File(PathBuf),
    Packed { archive: PathBuf, index: usize },
    Sheet { workbook: PathBuf, sheet: String },
}

/// The first rows of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The labels, as the file writes them.
    pub labels: Vec<String>,
    /// Some of the records below.
    pub rows: Vec<Vec<String>>,
}

/// Bytes after which a head holds enough.
const MOST_HEAD: usize = 16 << 20;

impl Source {
    /// Opens a folder, an archive, a workbook or a text table, and finds out each table's encoding
    /// and dialect. `told` answers what a mapping file says about a table of that name.
    ///
    /// # Errors
    /// Whatever of [`ImportError`] keeps it from being read.
    pub fn open(path: &Path, limits: &Limits, told: &dyn Fn(&str) -> Told) -> Result<Self> {
        let name = file_name(path);
        let meta = std::fs::metadata(path).map_err(|error| ImportError::io(&shown(path), &error))?;
        let mut source = Self { name: name.clone(), tables: Vec::new(), left: Vec::new() };
        if meta.is_dir() {
            source.folder(path, limits, told, 0)?;
        } else if !source.file(path, meta.len(), limits, told)? {
            return Err(ImportError::Unsupported { name });
        }
        if source.tables.is_empty() {
            return Err(ImportError::Empty { name });
        }
        source.tables.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(source)
    }

    /// The tables of a folder; where it holds none, those of the one folder inside it.
    fn folder(
        &mut self,
        path: &Path,
        limits: &Limits,
        told: &dyn Fn(&str) -> Told,
        depth: u64,
    ) -> Result<()> {
        let name = shown(path);
        check(&name, "depth", "folders above its files", limits.depth, depth)?;
        let mut folders = Vec::new();
        let mut count = 0;
        for entry in std::fs::read_dir(path).map_err(|error| ImportError::io(&name, &error))? {
            let entry = entry.map_err(|error| ImportError::io(&name, &error))?;
            count += 1;
            check(&name, "files", "files", limits.files, count)?;
            let path = entry.path();
            let Ok(meta) = std::fs::metadata(&path) else {
                self.leave(file_name(&path), "it cannot be opened");
                continue;
            };
            if meta.is_dir() {
                folders.push(path);
            } else if is_archive(&path) {
                self.leave(file_name(&path), "an archive inside a folder: import it by itself");
            } else if !self.file(&path, meta.len(), limits, told)? {
                self.leave(file_name(&path), "not a table");
            }
        }
        match folders.as_slice() {
            [only] if self.tables.is_empty() => self.folder(only, limits, told, depth + 1)?,
            others => {
                for folder in others {
                    self.leave(file_name(folder), "a folder");
                }
            }
        }
        Ok(())
    }

    /// Takes a file's tables; false where it is none.
    fn file(&mut self, path: &Path, size: u64, limits: &Limits, told: &dyn Fn(&str) -> Told) -> Result<bool> {
        let name = file_name(path);
        let sample = first_bytes(path, &name)?;
        if sample.starts_with(b"PK\x03\x04") || sample.starts_with(b"PK\x05\x06") {
            if is_workbook(path, &name)? {
                self.workbook(path, size, limits, told)?;
            } else {
                self.archive(path, limits, told)?;
            }
            return Ok(true);
        }
        if sample.starts_with(b"\xd0\xcf\x11\xe0") || !has_text_ending(&name) {
            return Ok(false);
        }
        let shape = Shape::find(&sample, has_tab_ending(&name), &told(&name));
        self.tables.push(Table {
            stem: stem(&name),
            name,
            shape,
            size,
            unpacked: Some(size),
            place: Place::File(path.to_owned()),
        });
        Ok(true)
    }

    fn workbook(
        &mut self,
        path: &Path,
        size: u64,
        limits: &Limits,
        told: &dyn Fn(&str) -> Told,
    ) -> Result<()> {
        let name = file_name(path);
        let budget = Budget::new(limits);
        parts::unpack_all(path, &name, &budget)?;
        let sheets = sheet::names(path, &name)?;
        let is_only = sheets.len() == 1;
        for sheet in sheets {
            let table = if is_only { name.clone() } else { format!("{name}#{sheet}") };
            self.tables.push(Table {
                stem: if is_only { stem(&name) } else { sheet.to_lowercase() },
                shape: Shape::find(&[], false, &told(&table)),
                name: table,
                size,
                unpacked: None,
                place: Place::Sheet { workbook: path.to_owned(), sheet },
            });
        }
        Ok(())
    }

    /// The tables of an archive that lie in the same, least deep folder.
    fn archive(&mut self, path: &Path, limits: &Limits, told: &dyn Fn(&str) -> Told) -> Result<()> {
        let name = file_name(path);
        let mut archive = open_archive(path, &name)?;
        check(&name, "files", "files", limits.files, archive.len() as u64)?;
        let mut parts = Vec::new();
        for index in 0..archive.len() {
            let part = archive.by_index_raw(index).map_err(|error| damaged(&name, &error))?;
            let inner = part.name().map_err(|error| damaged(&name, &error))?.replace('\\', "/");
            if inner.ends_with('/') {
                continue;
            }
            if part.enclosed_name().is_none() || inner.starts_with('/') {
                return Err(ImportError::UnsafePath { name: inner });
            }
            let depth = inner.matches('/').count() as u64;
            check(&inner, "depth", "folders above it", limits.depth, depth)?;
            if part.encrypted() {
                return Err(ImportError::Encrypted { name: inner });
            }
            parts.push((depth, inner, index, (part.compressed_size(), part.size())));
        }
        let is_table = |inner: &str| has_text_ending(inner) && !is_hidden(inner);
        let top = parts.iter().filter(|(_, inner, ..)| is_table(inner)).map(|(depth, ..)| *depth).min();
        for (depth, inner, index, (size, unpacked)) in parts {
            let short = inner.rsplit('/').next().unwrap_or_default().to_owned();
            if !is_table(&inner) {
                self.leave(inner, "not a table");
            } else if Some(depth) != top {
                self.leave(inner, "it lies deeper than the other tables");
            } else {
                let place = Place::Packed { archive: path.to_owned(), index };
                let table = Table {
                    stem: stem(&short),
                    name: short,
                    shape: Shape::find(&[], false, &Told::default()),
                    size,
                    unpacked: Some(unpacked),
                    place,
                };
                let budget = Budget::new(limits);
                let sample = table.with_bytes(&budget, |bytes| {
                    read_up_to(bytes, SAMPLE).map_err(|error| ImportError::io(&table.name, &error))
                })?;
                let shape = Shape::find(&sample, has_tab_ending(&table.name), &told(&table.name));
                self.tables.push(Table { shape, ..table });
            }
        }
        Ok(())
    }

    fn leave(&mut self, name: String, reason: &str) {
        self.left.push(Left { name, reason: reason.to_owned() });
    }
}

impl Table {
    /// Streams the records, header first, until `visit` breaks or fails. Counts them, and their
    /// bytes, on the budget. Answers the encoding that the bytes turned out to have.
    pub(crate) fn rows<F>(&self, budget: &Budget<'_>, mut visit: F) -> Result<&'static str>
    where
        F: FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    {
        let limits = budget.limits;
        if let Place::Sheet { workbook, sheet } = &self.place {
            let skip = self.shape.skip_lines;
            sheet::rows(workbook, sheet, &self.name, budget, |row| match row.number <= skip {
                true => Ok(ControlFlow::Continue(())),
                false => visit(row),
            })?;
            return Ok("utf-8");
        }
        self.with_bytes(budget, |bytes| {
            let io = |error| from_io(&self.name, error);
            let bytes = self.shape.decoded(bytes).map_err(io)?;
            let encoding = self.shape.row_encoding();
            let mut scanner =
                Scanner::new(bytes, self.shape.dialect, encoding, limits.field_bytes, limits.row_bytes);
            while let Some(row) = scanner.next().map_err(io)? {
                if row.number <= self.shape.skip_lines {
                    continue;
                }
                budget.row(&self.name)?;
                budget.columns(&self.name, row.fields.len())?;
                if visit(&row)?.is_break() {
                    break;
                }
            }
            Ok(match scanner.encoding() {
                RowEncoding::Windows1252 => "windows-1252",
                _ => self.shape.encoding.name(),
            })
        })
    }

    /// The header and at most `rows` records below it, as text; fewer where they are very long.
    ///
    /// # Errors
    /// Whatever keeps the table from being read.
    pub fn head(&self, limits: &Limits, rows: usize) -> Result<Head> {
        let budget = Budget::new(limits);
        let mut head = Head::default();
        let mut is_header = true;
        let mut bytes = 0;
        self.rows(&budget, |row| {
            bytes += row.bytes.len();
            let text = |index| String::from_utf8_lossy(row.field(index)).into_owned();
            let fields: Vec<String> = (0..row.fields.len()).map(text).collect();
            if std::mem::take(&mut is_header) {
                head.labels = fields;
            } else {
                head.rows.push(fields);
            }
            Ok(if head.rows.len() >= rows || bytes > MOST_HEAD {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        Ok(head)
    }

    /// Gives `work` the table's bytes as they lie on disk or come out of their archive.
    fn with_bytes<T>(
        &self,
        budget: &Budget<'_>,
        work: impl FnOnce(Box<dyn Read + '_>) -> Result<T>,
    ) -> Result<T> {
        match &self.place {
            Place::File(path) => {
                let file = File::open(path).map_err(|error| ImportError::io(&self.name, &error))?;
                work(Box::new(Counted { inner: file, budget, name: &self.name, packed: None, expanded: 0 }))
            }
            Place::Packed { archive, index } => {
                let mut opened = open_archive(archive, &file_name(archive))?;
                let part = opened.by_index(*index).map_err(|error| damaged(&self.name, &error))?;
                work(Box::new(Counted::packed(part, budget, &self.name)))
            }
            Place::Sheet { .. } => Err(ImportError::Unsupported { name: self.name.clone() }),
        }
    }
}

/// A stream that is counted on the budget. A limit comes out as an I/O error that carries it.
pub(super) struct Counted<'b, R> {
    inner: R,
    budget: &'b Budget<'b>,
    name: &'b str,
    packed: Option<u64>,
    expanded: u64,
}

impl<'b, 'p> Counted<'b, ZipFile<'p, BufReader<File>>> {
    /// A part of an archive, whose ratio counts too.
    pub fn packed(part: ZipFile<'p, BufReader<File>>, budget: &'b Budget<'b>, name: &'b str) -> Self {
        Self { packed: Some(part.compressed_size()), inner: part, budget, name, expanded: 0 }
    }
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(into)?;
        self.expanded += length as u64;
        self.budget.bytes(self.name, length as u64).map_err(std::io::Error::other)?;
        if let Some(packed) = self.packed {
            self.budget.ratio(self.name, packed, self.expanded).map_err(std::io::Error::other)?;
        }
        Ok(length)
    }
}

/// A limit that came through a stream is itself again; anything else is a damaged or unreadable file.
pub(super) fn from_io(name: &str, error: std::io::Error) -> ImportError {
    let is_data = matches!(
        error.kind(),
        std::io::ErrorKind::InvalidData
            | std::io::ErrorKind::UnexpectedEof
            | std::io::ErrorKind::InvalidInput
    );
    match error.downcast::<ImportError>() {
        Ok(limit) => limit,
        Err(error) if is_data => ImportError::Damaged { name: name.to_owned(), reason: error.to_string() },
        Err(error) => ImportError::io(name, &error),
    }
}

pub(super) fn open_archive(path: &Path, name: &str) -> Result<ZipArchive<BufReader<File>>> {
    let file = File::open(path).map_err(|error| ImportError::io(name, &error))?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(name, &error))
}

fn is_workbook(path: &Path, name: &str) -> Result<bool> {
    let mut archive = open_archive(path, name)?;
    Ok(archive.by_name_raw(b"xl/workbook.xml").is_ok())
}

pub(super) fn damaged(name: &str, error: &zip::result::ZipError) -> ImportError {
    match error {
        zip::result::ZipError::UnsupportedArchive(reason) if reason.contains("assword") => {
            ImportError::Encrypted { name: name.to_owned() }
        }
        error => ImportError::Damaged { name: name.to_owned(), reason: error.to_string() },
    }
}

pub(super) fn check(name: &str, cap: &'static str, what: &'static str, limit: u64, found: u64) -> Result<()> {
    if found <= limit {
        return Ok(());
    }
    Err(ImportError::Limit { name: name.to_owned(), cap, what, limit, found })
}

fn first_bytes(path: &Path, name: &str) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|error| ImportError::io(name, &error))?;
    read_up_to(file, SAMPLE).map_err(|error| ImportError::io(name, &error))
}

fn read_up_to(source: impl Read, length: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(length as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The last part of a path, for people; paths themselves stay out of reports.
fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| shown(path), |name| name.to_string_lossy().into_owned())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn ending(name: &str) -> String {
    name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default()
}

fn stem(name: &str) -> String {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_lowercase()
}

fn has_text_ending(name: &str) -> bool {
    matches!(ending(name).as_str(), "csv" | "tsv" | "tab" | "txt")
}

fn has_tab_ending(name: &str) -> bool {
    matches!(ending(name).as_str(), "tsv" | "tab")
}

fn is_archive(path: &Path) -> bool {
    ending(&file_name(path)) == "zip"
}

/// What operating systems put beside files: `__MACOSX/._users.csv`.
fn is_hidden(inner: &str) -> bool {
    inner.split('/').any(|part| part == "__MACOSX" || part.starts_with('.'))
}
