//! What a table's bytes are: encoding and dialect, found in its first bytes, and decoding to UTF-8.

use std::io::Read;

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use memchr::{memchr_iter, memchr2};

use super::scan::{Dialect, RowEncoding, Scanner};

/// How much of a table is looked at to find its encoding and dialect.
pub(crate) const SAMPLE: usize = 64 << 10;

/// What was found out about a table's text, or was said by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The encoding.
    pub encoding: &'static Encoding,
    /// Bytes of a byte order mark at the start.
    pub mark: usize,
    /// How fields are told apart.
    pub dialect: Dialect,
    /// Line ends as they are called: `LF`, `CRLF`, `CR`, or `mixed`.
    pub line_ends: &'static str,
    /// Lines above the header that are left out (`sep=;`, or as a mapping file says).
    pub skip_lines: u64,
}

/// What a mapping file says about a table's text; what it leaves out is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The encoding.
    pub encoding: Option<&'static Encoding>,
    /// Stands between fields.
    pub delimiter: Option<u8>,
    /// Encloses fields.
    pub quote: Option<u8>,
    /// Lines above the header.
    pub skip_lines: Option<u64>,
}

impl Shape {
    /// Looks at the first bytes of a table. `tabs` says that its name promises tabs.
    #[must_use]
    pub fn find(sample: &[u8], tabs: bool, told: &Told) -> Self {
        let (found, mark) = encoding_of(sample);
        let encoding = told.encoding.unwrap_or(found);
        let (text, _) = encoding.decode_without_bom_handling(&sample[mark.min(sample.len())..]);
        let text = text.as_bytes();
        let (hint, hint_lines) = separator_line(text);
        let below = text.get(line_length(text) * usize::from(hint_lines > 0)..).unwrap_or_default();
        let quote = told.quote.unwrap_or_else(|| quote_of(below));
        let delimiter = told.delimiter.or(hint).unwrap_or_else(|| delimiter_of(below, quote, tabs));
        Self {
            encoding,
            mark: if encoding == found || encoding == UTF_8 { mark } else { 0 },
            dialect: Dialect { delimiter, quote },
            line_ends: line_ends(text),
            skip_lines: told.skip_lines.unwrap_or(hint_lines),
        }
    }

    /// The encoding's name as reports and mapping files write it.
    #[must_use]
    pub fn encoding_name(&self) -> String {
        self.encoding.name().to_ascii_lowercase()
    }

    /// A stream of UTF-8 (or of bytes that the scanner reads itself) behind the byte order mark.
    pub(crate) fn decoded<'r>(&self, mut source: Box<dyn Read + 'r>) -> std::io::Result<Box<dyn Read + 'r>> {
        let mut mark = [0; 4];
        let mark = mark.get_mut(..self.mark).unwrap_or_default();
        source.read_exact(mark)?;
        if self.row_encoding() == RowEncoding::Decoded {
            return Ok(Box::new(Decoding::new(source, self.encoding)));
        }
        Ok(source)
    }

    pub(crate) fn row_encoding(&self) -> RowEncoding {
        if self.encoding == UTF_8 {
            RowEncoding::Utf8 { proven: self.mark > 0 }
        } else if self.encoding == WINDOWS_1252 {
            RowEncoding::Windows1252
        } else {
            RowEncoding::Decoded
        }
    }
}

/// The encoding and the length of the byte order mark. Without a mark: UTF-16 shows in its zeros;
/// what is valid UTF-8 is taken for it, what is not is Windows-1252.
fn encoding_of(sample: &[u8]) -> (&'static Encoding, usize) {
    if let Some(found) = Encoding::for_bom(sample) {
        return found;
    }
    let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let half = sample.len() / 2;
    if odd * 3 > half && even * 20 < half {
        return (UTF_16LE, 0);
    }
    if even * 3 > half && odd * 20 < half {
        return (UTF_16BE, 0);
    }
    match std::str::from_utf8(sample) {
        Ok(_) => (UTF_8, 0),
        // The sample may end inside a character.
        Err(error) if error.error_len().is_none() && sample.len() >= SAMPLE => (UTF_8, 0),
        Err(error) => {
            let before = sample.get(..error.valid_up_to()).unwrap_or_default();
            // Text before the fault that needed UTF-8 makes it a fault in UTF-8, not another encoding.
            if before.is_ascii() { (WINDOWS_1252, 0) } else { (UTF_8, 0) }
        }
    }
}

/// A first line `sep=;`, by which spreadsheets tell each other the delimiter.
fn separator_line(text: &[u8]) -> (Option<u8>, u64) {
    let line = text.get(..line_length(text)).unwrap_or_default();
    match line.trim_ascii() {
        [s, e, p, b'=', delimiter] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => (Some(*delimiter), 1),
        _ => (None, 0),
    }
}

fn line_length(text: &[u8]) -> usize {
    match memchr2(b'\n', b'\r', text) {
        Some(at) if text.get(at..at + 2) == Some(b"\r\n") => at + 2,
        Some(at) => at + 1,
        None => text.len(),
    }
}

/// The single quote where the header's fields are enclosed in it, else the double quote.
fn quote_of(text: &[u8]) -> u8 {
    let line = text.get(..line_length(text)).unwrap_or_default().trim_ascii();
    let enclosed = |quote: u8| line.first() == Some(&quote) && line.last() == Some(&quote) && line.len() > 1;
    if enclosed(b'\'') { b'\'' } else { b'"' }
}

/// The delimiter that splits the most records of the sample into as many fields as the header has.
fn delimiter_of(text: &[u8], quote: u8, tabs: bool) -> u8 {
    let usual = if tabs { b'\t' } else { b',' };
    let score = |delimiter: u8| {
        let counts = field_counts(text, Dialect { delimiter, quote });
        let header = counts.first().copied().unwrap_or(0);
        if header < 2 {
            return 0;
        }
        let alike = counts.iter().filter(|count| **count == header).count();
        // Per cent of records that agree, then the number of fields, then what is usual.
        (alike * 100 / counts.len()) * 10_000 + header.min(999) * 10 + usize::from(delimiter == usual)
    };
    let best = [b',', b';', b'\t', b'|'].into_iter().max_by_key(|delimiter| score(*delimiter));
    best.filter(|delimiter| score(*delimiter) > 0).unwrap_or(usual)
}

fn field_counts(text: &[u8], dialect: Dialect) -> Vec<usize> {
    let encoding = RowEncoding::Utf8 { proven: true };
    let mut scanner = Scanner::new(text, dialect, encoding, SAMPLE, SAMPLE);
    let mut counts = Vec::new();
    while counts.len() < 100 {
        match scanner.next() {
            Ok(Some(row)) => counts.push(row.fields.len()),
            _ => break,
        }
    }
    // The sample's last record may be cut short.
    if text.len() >= SAMPLE / 2 && counts.len() > 1 {
        counts.pop();
    }
    counts
}

fn line_ends(text: &[u8]) -> &'static str {
    let line_feeds = memchr_iter(b'\n', text).count();
    let returns = memchr_iter(b'\r', text).count();
    let both = memchr_iter(b'\r', text).filter(|at| text.get(at + 1) == Some(&b'\n')).count();
    match (line_feeds - both, returns - both, both) {
        (_, 0, 0) => "LF",
        (0, 0, _) => "CRLF",
        (0, _, 0) => "CR",
        _ => "mixed",
    }
}

/// Decodes a stream to UTF-8 as it is read; wrong bytes become U+FFFD.
struct Decoding<R> {
    source: R,
    decoder: Decoder,
    raw: Vec<u8>,
    /// Bytes of `raw` that are not decoded yet.
    from: usize,
    to: usize,
    at_end: bool,
    /// The decoder has given its last; it must not be asked again.
    is_done: bool,
}

impl<R: Read> Decoding<R> {
    fn new(source: R, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder_without_bom_handling();
        Self { source, decoder, raw: vec![0; SAMPLE], from: 0, to: 0, at_end: false, is_done: false }
    }
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        // A character needs up to 4 bytes of room; less would make no progress.
        if into.len() < 4 {
            return Err(std::io::Error::other("the buffer is too small to decode into"));
        }
        while !self.is_done {
            if self.from == self.to && !self.at_end {
                self.from = 0;
                self.to = self.source.read(&mut self.raw)?;
                self.at_end = self.to == 0;
            }
            let raw = &self.raw[self.from..self.to];
            let (result, read, written, _) = self.decoder.decode_to_utf8(raw, into, self.at_end);
            self.from += read;
            self.is_done = self.at_end && result == encoding_rs::CoderResult::InputEmpty;
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &[u8]) -> Shape {
        Shape::find(text, false, &Told::default())
    }

    fn utf_16(text: &str, big: bool) -> Vec<u8> {
        let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    fn read(bytes: &[u8]) -> String {
        let shape = found(bytes);
        let mut text = Vec::new();
        shape.decoded(Box::new(bytes)).unwrap().read_to_end(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn encodings_are_found() {
        assert_eq!(found(b"a,b\n1,2\n").encoding_name(), "utf-8");
        assert_eq!(
            (found("\u{feff}a,b".as_bytes()).encoding, found("\u{feff}a,b".as_bytes()).mark),
            (UTF_8, 3)
        );
        assert_eq!(found("name\nMüller\n".as_bytes()).encoding, UTF_8);
        assert_eq!(found(b"name\nM\xfcller\n").encoding, WINDOWS_1252);
        for (big, encoding) in [(false, UTF_16LE), (true, UTF_16BE)] {
            assert_eq!(found(&utf_16("name,town\nMüller,Köln\n", big)).encoding, encoding);
            let marked = found(&utf_16("\u{feff}name\n", big));
            assert_eq!((marked.encoding, marked.mark), (encoding, 2));
        }
    }

    #[test]
    fn utf_16_is_read() {
        let text = "name,town\nMüller 🎒,Köln\n";
        for big in [false, true] {
            assert_eq!(read(&utf_16(text, big)), text);
            assert_eq!(read(&utf_16(&format!("\u{feff}{text}"), big)), text);
        }
    }

    #[test]
    fn a_byte_too_many_in_utf_16_is_replaced() {
        let mut bytes = utf_16("name,town\nMüller,Köln\n", false);
        bytes.push(b'x');
        assert!(read(&bytes).ends_with('\u{fffd}'));
    }

    #[test]
    fn dialects_are_found() {
        let delimiter = |text: &str| found(text.as_bytes()).dialect.delimiter;
        assert_eq!(delimiter("a,b,c\n1,2,3\n"), b',');
        assert_eq!(delimiter("a;b;c\n1,5;2;3\n1,5;2;3\n"), b';');
        assert_eq!(delimiter("a\tb\n1, 2\t3\n"), b'\t');
        assert_eq!(delimiter("a|b\n1|2\n"), b'|');
        assert_eq!(delimiter("\"a;x\",b\n\"1;2\",3\n"), b',');
        assert_eq!(delimiter("name\nx\n"), b',');
        assert_eq!(found(b"'a','b'\n'1','2'\n").dialect.quote, b'\'');
        assert_eq!(Shape::find(b"name\nx\n", true, &Told::default()).dialect.delimiter, b'\t');
    }

    #[test]
    fn the_line_that_names_the_delimiter_is_no_header() {
        let shape = found(b"sep=;\r\na;b,c\r\n1;2\r\n");
        assert_eq!((shape.dialect.delimiter, shape.skip_lines), (b';', 1));
    }

    #[test]
    fn what_is_told_is_not_sought() {
        let told = Told {
            encoding: Some(WINDOWS_1252),
            delimiter: Some(b'|'),
            quote: Some(b'\''),
            skip_lines: Some(3),
        };
        let shape = Shape::find("a,b\nMüller,2\n".as_bytes(), false, &told);
        assert_eq!((shape.encoding, shape.skip_lines), (WINDOWS_1252, 3));
        assert_eq!(shape.dialect, Dialect { delimiter: b'|', quote: b'\'' });
    }

    #[test]
    fn line_ends_are_named() {
        assert_eq!(
            [found(b"a\nb\n"), found(b"a\r\nb\r\n"), found(b"a\rb\r"), found(b"a\nb\r\n")]
                .map(|s| s.line_ends),
            ["LF", "CRLF", "CR", "mixed"]
        );
    }
}
