//! Records out of bytes: the tokenizer under every text table.
//!
//! Most lines hold no quote and end in LF: they are split where they lie in the buffer. Everything
//! else goes through [`Scanner::slow`], which knows quotes, lone CR as line end, and how to go on
//! behind a quote that was never closed. No input makes it panic or lose a line: whatever cannot be
//! understood comes out as a row with a [`Quirks`] flag.

use std::io::Read;

use memchr::{memchr, memchr_iter, memchr2, memchr3};

/// Where a field lies in [`Row::bytes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub from: u32,
    /// Behind the last byte.
    pub to: u32,
}

/// What is odd about a row's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks(u8);

impl Quirks {
    /// A quote was opened and never closed; the row is its first line.
    pub const UNCLOSED: Self = Self(1);
    /// Text stands behind a closing quote.
    pub const AFTER_QUOTE: Self = Self(2);
    /// A field or the row is longer than the limit.
    pub const TOO_LONG: Self = Self(4);
    /// Bytes that are no text in the table's encoding.
    pub const ENCODING: Self = Self(8);
    /// A line break inside a quoted field.
    pub const LINE_BREAK: Self = Self(16);
    /// A NUL byte.
    pub const NUL: Self = Self(32);
    /// Something outside ASCII.
    pub const NON_ASCII: Self = Self(64);

    /// Whether any of `other` is set.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn set(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether nothing is odd.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl std::ops::BitOr for Quirks {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One record, borrowed until the next is read.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Its place as a spreadsheet counts: the header is 1, blank lines count.
    pub number: u64,
    /// All fields' bytes, UTF-8 unless [`Quirks::ENCODING`].
    pub bytes: &'a [u8],
    /// The fields, in order. Empty where the row was too long to be read.
    pub fields: &'a [Span],
    /// What is odd about it.
    pub quirks: Quirks,
}

impl<'a> Row<'a> {
    /// The bytes of a field; empty where the row has no such field.
    #[must_use]
    pub fn field(&self, index: usize) -> &'a [u8] {
        self.fields
            .get(index)
            .and_then(|span| self.bytes.get(span.from as usize..span.to as usize))
            .unwrap_or_default()
    }
}

/// How fields and records are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Stands between fields.
    pub delimiter: u8,
    /// Encloses fields; doubled inside them.
    pub quote: u8,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { delimiter: b',', quote: b'"' }
    }
}

const BUFFER: usize = 256 << 10;

/// Where a record ended up.
#[derive(Clone, Copy)]
enum Step {
    /// More bytes are needed.
    More,
    /// A blank line of so many bytes.
    Blank(usize),
    /// A record in the buffer: bytes consumed, length of the record.
    Plain(usize, usize),
    /// A record in the scratch: bytes consumed.
    Copied(usize),
}

/// Splits a stream into records.
pub(crate) struct Scanner<R> {
    source: R,
    dialect: Dialect,
    field_bytes: usize,
    row_bytes: usize,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    /// The buffer holds a CR that no LF follows, a byte outside ASCII, a NUL.
    lone_cr: bool,
    non_ascii: bool,
    nul: bool,
    spans: Vec<Span>,
    scratch: Vec<u8>,
    decoded: Vec<u8>,
    quirks: Quirks,
    number: u64,
    encoding: RowEncoding,
}

/// How bytes outside ASCII are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowEncoding {
    /// UTF-8. While nothing outside ASCII was seen, the first bytes that are not UTF-8 turn the table
    /// into [`RowEncoding::Windows1252`]: what came before reads the same in both.
    Utf8 { proven: bool },
    /// Windows-1252, in which no byte is wrong.
    Windows1252,
    /// Came out of a decoder: U+FFFD stands where bytes were wrong.
    Decoded,
}

impl<R: Read> Scanner<R> {
    pub fn new(
        source: R,
        dialect: Dialect,
        encoding: RowEncoding,
        field_bytes: usize,
        row_bytes: usize,
    ) -> Self {
        Self {
            source,
            dialect,
            field_bytes,
            row_bytes: row_bytes.max(BUFFER),
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            at_end: false,
            lone_cr: false,
            non_ascii: false,
            nul: false,
            spans: Vec::new(),
            scratch: Vec::new(),
            decoded: Vec::new(),
            quirks: Quirks::default(),
            number: 0,
            encoding,
        }
    }

    /// How bytes outside ASCII are read by now.
    pub fn encoding(&self) -> RowEncoding {
        self.encoding
    }

    /// The next record that is not a blank line.
    pub fn next(&mut self) -> std::io::Result<Option<Row<'_>>> {
        let step = loop {
            if self.start == self.end && self.at_end {
                return Ok(None);
            }
            match self.parse() {
                Step::More => {
                    if self.end - self.start >= self.row_bytes {
                        break self.skip_line()?;
                    }
                    self.fill()?;
                }
                Step::Blank(used) => {
                    self.start += used;
                    self.number += 1;
                }
                step => break step,
            }
        };
        self.number += 1;
        let (used, copied, length) = match step {
            Step::Plain(used, length) => (used, false, length),
            Step::Copied(used) => (used, true, self.scratch.len()),
            Step::More | Step::Blank(_) => (0, true, 0),
        };
        let from = self.start;
        self.start += used;
        if length > self.field_bytes && self.spans.iter().any(|s| (s.to - s.from) as usize > self.field_bytes)
        {
            self.quirks.set(Quirks::TOO_LONG);
        }
        let decoded = (self.non_ascii || self.nul) && self.look_closer(copied, from, length);
        let bytes = if decoded {
            &self.decoded[..]
        } else if copied {
            &self.scratch[..]
        } else {
            &self.buffer[from..from + length]
        };
        Ok(Some(Row { number: self.number, bytes, fields: &self.spans, quirks: self.quirks }))
    }

    /// Looks for bytes outside ASCII and NULs in a record, and decodes it where the table turned out
    /// to be Windows-1252. True where the record lies in `decoded`.
    fn look_closer(&mut self, copied: bool, from: usize, length: usize) -> bool {
        let bytes = if copied { &self.scratch[..] } else { &self.buffer[from..from + length] };
        if self.nul && memchr(0, bytes).is_some() {
            self.quirks.set(Quirks::NUL);
        }
        if bytes.is_ascii() {
            return false;
        }
        self.quirks.set(Quirks::NON_ASCII);
        match self.encoding {
            RowEncoding::Decoded => {
                if memchr::memmem::find(bytes, "\u{fffd}".as_bytes()).is_some() {
                    self.quirks.set(Quirks::ENCODING);
                }
                return false;
            }
            RowEncoding::Utf8 { proven } => match std::str::from_utf8(bytes) {
                Ok(_) => {
                    self.encoding = RowEncoding::Utf8 { proven: true };
                    return false;
                }
                Err(_) if proven => {
                    self.quirks.set(Quirks::ENCODING);
                    return false;
                }
                Err(_) => self.encoding = RowEncoding::Windows1252,
            },
            RowEncoding::Windows1252 => {}
        }
        self.decoded.clear();
        for span in &mut self.spans {
            let field = &bytes[span.from as usize..span.to as usize];
            let begin = self.decoded.len();
            let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(field);
            self.decoded.extend_from_slice(text.as_bytes());
            *span = span_of(begin, self.decoded.len());
        }
        true
    }

    fn parse(&mut self) -> Step {
        let data = &self.buffer[self.start..self.end];
        if self.lone_cr {
            return self.slow();
        }
        let (line, used) = match memchr2(b'\n', self.dialect.quote, data) {
            Some(at) if data[at] == b'\n' => (&data[..at], at + 1),
            Some(_) => return self.slow(),
            None if self.at_end => (data, data.len()),
            None => return Step::More,
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.quirks = Quirks::default();
        self.spans.clear();
        let mut from = 0;
        for at in memchr_iter(self.dialect.delimiter, line) {
            self.spans.push(Span { from, to: at as u32 });
            from = at as u32 + 1;
        }
        self.spans.push(Span { from, to: line.len() as u32 });
        if from == 0 && is_blank(line) { Step::Blank(used) } else { Step::Plain(used, line.len()) }
    }

    /// The record at the start of the buffer, byte by byte, copied without its quotes.
    fn slow(&mut self) -> Step {
        let data = &self.buffer[self.start..self.end];
        let Dialect { delimiter, quote } = self.dialect;
        let ends = |byte: u8| byte == delimiter || byte == b'\n' || byte == b'\r';
        self.quirks = Quirks::default();
        self.spans.clear();
        self.scratch.clear();
        let mut at = 0;
        let mut quoted = false;
        loop {
            let begin = self.scratch.len();
            let open = at;
            if data.get(at) == Some(&quote) {
                quoted = true;
                at += 1;
                let mut breaks = false;
                loop {
                    let Some(length) = memchr(quote, &data[at..]) else {
                        if self.at_end || data.len() - open > self.field_bytes {
                            return self.unclosed(open, begin);
                        }
                        return Step::More;
                    };
                    let piece = &data[at..at + length];
                    breaks |= memchr2(b'\n', b'\r', piece).is_some();
                    self.scratch.extend_from_slice(piece);
                    at += length + 1;
                    match data.get(at) {
                        Some(&next) if next == quote => {
                            self.scratch.push(quote);
                            at += 1;
                            if breaks && at - open > self.field_bytes {
                                return self.unclosed(open, begin);
                            }
                        }
                        Some(&next) if ends(next) => break,
                        // A field that spans lines and goes on behind its quote is one whose closing
                        // quote is missing: what closed it was the opening quote of a later field.
                        Some(_) if breaks => return self.unclosed(open, begin),
                        Some(_) => {
                            self.quirks.set(Quirks::AFTER_QUOTE);
                            self.scratch.push(quote);
                            break;
                        }
                        None if self.at_end => break,
                        None => return Step::More,
                    }
                }
                if breaks {
                    self.quirks.set(Quirks::LINE_BREAK);
                }
            }
            let Some(length) =
                memchr3(delimiter, b'\n', b'\r', &data[at..]).or(self.at_end.then(|| data.len() - at))
            else {
                return Step::More;
            };
            self.scratch.extend_from_slice(&data[at..at + length]);
            at += length;
            self.spans.push(span_of(begin, self.scratch.len()));
            match data.get(at) {
                Some(&byte) if byte == delimiter => at += 1,
                // Whether an LF belongs to a CR shows only in the next bytes.
                Some(b'\r') if at + 1 == data.len() && !self.at_end => return Step::More,
                _ => break,
            }
        }
        at += line_end(&data[at..]);
        if !quoted && self.spans.len() == 1 && is_blank(&self.scratch) {
            return Step::Blank(at);
        }
        Step::Copied(at)
    }

    /// A quote at `open` that nothing closes: the row is what stands on that line, taken literally,
    /// and reading goes on with the next line.
    fn unclosed(&mut self, open: usize, begin: usize) -> Step {
        let data = &self.buffer[self.start..self.end];
        let length = memchr2(b'\n', b'\r', &data[open..]).unwrap_or(data.len() - open);
        self.scratch.truncate(begin);
        self.scratch.extend_from_slice(&data[open..open + length]);
        self.spans.push(span_of(begin, self.scratch.len()));
        self.quirks.set(Quirks::UNCLOSED);
        let used = open + length + line_end(&data[open + length..]);
        Step::Copied(used)
    }

    /// Drops a record that is longer than may be held, up to the end of its line.
    fn skip_line(&mut self) -> std::io::Result<Step> {
        loop {
            if let Some(at) = memchr(b'\n', &self.buffer[self.start..self.end]) {
                self.start += at + 1;
                break;
            }
            self.start = self.end;
            if self.at_end {
                break;
            }
            self.fill()?;
        }
        self.spans.clear();
        self.scratch.clear();
        self.quirks = Quirks::TOO_LONG;
        Ok(Step::Copied(0))
    }

    /// Reads on behind what is still unread, with a larger buffer where that fills it.
    fn fill(&mut self) -> std::io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        while self.end < self.buffer.len() {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(more) => self.end += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let data = &self.buffer[..self.end];
        self.non_ascii = !data.is_ascii();
        self.nul = memchr(0, data).is_some();
        self.lone_cr =
            memchr_iter(b'\r', data).any(|at| data.get(at + 1).map_or(self.at_end, |next| *next != b'\n'));
        Ok(())
    }
}

fn span_of(from: usize, to: usize) -> Span {
    Span { from: from as u32, to: to as u32 }
}

/// The length of the line end at the start of `data`: 0, 1 or, for CR LF, 2.
fn line_end(data: &[u8]) -> usize {
    match data {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| *byte == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Rows = Vec<(u64, Vec<Vec<u8>>, Quirks)>;

    /// Hands out a few bytes at a time, so that every record meets the end of a buffer somewhere.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let length = self.1.min(self.0.len()).min(into.len());
            into[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn rows_with(text: &[u8], field_bytes: usize) -> Rows {
        let encoding = RowEncoding::Utf8 { proven: false };
        let mut scanner = Scanner::new(Drip(text, 7), Dialect::default(), encoding, field_bytes, 1);
        let mut rows = Vec::new();
        while let Some(row) = scanner.next().unwrap() {
            let fields = (0..row.fields.len()).map(|i| row.field(i).to_vec()).collect();
            rows.push((row.number, fields, row.quirks));
        }
        rows
    }

    fn rows(text: &[u8]) -> Vec<Vec<String>> {
        let text_of = |field: &Vec<u8>| String::from_utf8(field.clone()).unwrap();
        rows_with(text, 1 << 20).iter().map(|(_, fields, _)| fields.iter().map(text_of).collect()).collect()
    }

    fn quirks(text: &[u8]) -> Vec<Quirks> {
        rows_with(text, 1 << 20).into_iter().map(|(_, _, quirks)| quirks).collect()
    }

    #[test]
    fn line_ends_may_mix_and_blank_lines_are_left_out_but_counted() {
        let text = b"a,b\r\n1,2\n\n3,4\r5,6\r\n   \r\n7,8";
        assert_eq!(rows(text), [["a", "b"], ["1", "2"], ["3", "4"], ["5", "6"], ["7", "8"]]);
        let numbers: Vec<u64> = rows_with(text, 99).iter().map(|(number, ..)| *number).collect();
        assert_eq!(numbers, [1, 2, 4, 5, 7]);
    }

    #[test]
    fn a_record_of_empty_cells_is_a_record() {
        assert_eq!(rows(b"a,b\n,\n\"\"\n"), [vec!["a", "b"], vec!["", ""], vec![""]]);
    }

    #[test]
    fn quotes_hold_delimiters_quotes_and_line_breaks() {
        let text = b"a,\"x, \"\"y\"\"\"\n\"two\nlines\",b\n";
        assert_eq!(rows(text), [["a", "x, \"y\""], ["two\nlines", "b"]]);
        assert_eq!(quirks(text), [Quirks::default(), Quirks::LINE_BREAK]);
    }

    #[test]
    fn a_quote_that_is_not_closed_costs_its_own_line_only() {
        let text = b"h,i\n1,\"open\n2,two\n3,\"quoted\"\n4,four\n";
        assert_eq!(rows(text), [["h", "i"], ["1", "\"open"], ["2", "two"], ["3", "quoted"], ["4", "four"]]);
        assert_eq!(quirks(text)[1], Quirks::UNCLOSED);
        assert!(quirks(text)[2].is_empty());
    }

    #[test]
    fn a_quote_open_until_the_end_costs_its_own_line_only() {
        let text = b"h,i\n1,\"open\n2,two";
        assert_eq!(rows(text), [["h", "i"], ["1", "\"open"], ["2", "two"]]);
    }

    #[test]
    fn text_behind_a_quote_is_told() {
        let text = b"\"ab\"c,d\n";
        assert_eq!(rows(text), [["ab\"c", "d"]]);
        assert_eq!(quirks(text), [Quirks::AFTER_QUOTE]);
    }

    #[test]
    fn quotes_inside_a_bare_field_are_text() {
        assert_eq!(rows(b"5\" pipe,x\n"), [["5\" pipe", "x"]]);
    }

    #[test]
    fn a_field_over_the_limit_is_told_and_the_next_row_is_whole() {
        let mut text = b"a,b\n1,".to_vec();
        text.resize(text.len() + 500, b'x');
        text.extend_from_slice(b"\n2,ok\n");
        let rows = rows_with(&text, 100);
        assert_eq!(rows[1].2, Quirks::TOO_LONG);
        assert_eq!(rows[2].1, [b"2".to_vec(), b"ok".to_vec()]);
    }

    #[test]
    fn a_record_over_the_limit_is_dropped_up_to_its_line_end() {
        let mut text = b"a,b\n1,".to_vec();
        text.resize(text.len() + 3 * BUFFER, b'x');
        text.extend_from_slice(b"\n2,ok\n");
        let rows = rows_with(&text, 100);
        assert_eq!((rows[1].1.len(), rows[1].2), (0, Quirks::TOO_LONG));
        assert_eq!(rows[2].1, [b"2".to_vec(), b"ok".to_vec()]);
    }

    #[test]
    fn windows_1252_shows_itself_late() {
        assert_eq!(rows(b"a\nplain\nM\xfcller\n\x80\n"), [["a"], ["plain"], ["Müller"], ["€"]]);
    }

    #[test]
    fn bytes_that_are_no_text_among_utf_8_are_told() {
        let found = quirks(
            "a\nMüller\n".as_bytes().iter().chain(b"M\xfcller\n").copied().collect::<Vec<_>>().as_slice(),
        );
        assert!(!found[1].has(Quirks::ENCODING));
        assert!(found[2].has(Quirks::ENCODING));
    }

    #[test]
    fn a_nul_is_told() {
        assert_eq!(quirks(b"a,b\n1,\0\n2,2\n"), [Quirks::default(), Quirks::NUL, Quirks::default()]);
    }

    /// What the csv crate reads.
    fn reference(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        reader.byte_records().map(|r| r.unwrap().iter().map(<[u8]>::to_vec).collect()).collect()
    }

    fn cell() -> impl Strategy<Value = String> {
        proptest::string::string_regex("[a-z ,;\"\r\n\té]{0,12}").unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn whatever_the_csv_crate_writes_is_read_as_it_reads_it(
            table in proptest::collection::vec(proptest::collection::vec(cell(), 2..5), 1..20),
            crlf in any::<bool>(),
        ) {
            let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
            let mut writer = csv::WriterBuilder::new().flexible(true).terminator(terminator).from_writer(Vec::new());
            for row in &table {
                writer.write_record(row).unwrap();
            }
            let text = writer.into_inner().unwrap();
            let found: Vec<_> = rows_with(&text, 1 << 20).into_iter().map(|(_, fields, _)| fields).collect();
            prop_assert_eq!(found, reference(&text));
        }

        #[test]
        fn no_bytes_make_it_panic_or_stop(text in proptest::collection::vec(
            prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), Just(0u8), any::<u8>()], 0..300,
        )) {
            let found = rows_with(&text, 50);
            let letters = text.iter().filter(|b| !b"\"\n\r, ".contains(b)).count();
            prop_assert!(letters == 0 || !found.is_empty());
        }
    }
}
