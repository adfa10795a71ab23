//! How a record's values lie in a row: by the place of their column, short, and the same bytes for the
//! same values.
//!
//! Each value is a header and its bytes. Identifiers are mostly GUIDs: those in one case take 16 bytes
//! instead of 36, and the record's own id, which is a value too in most formats, takes none.

/// The headers; a text has its length in bytes plus [`TEXT`], seven bits at a time, lowest first.
const BLANK: usize = 0;
const LOWER_GUID: usize = 1;
const UPPER_GUID: usize = 2;
const OWN_ID: usize = 3;
const TEXT: usize = 4;

/// Where the hyphens of a GUID stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
const GUID_LENGTH: usize = 36;

/// Packs values into `out`, which is cleared. Blank values at the end are left out.
pub(super) fn pack<'a>(values: impl Iterator<Item = &'a str>, id: &str, out: &mut Vec<u8>) {
    out.clear();
    let mut end = 0;
    for value in values {
        put(value, id, out);
        if !value.is_empty() {
            end = out.len();
        }
    }
    out.truncate(end);
}

/// Packs an id.
pub(super) fn pack_id(id: &str, out: &mut Vec<u8>) {
    out.clear();
    // No id is empty, so the header for the own id does not occur.
    put(id, "", out);
}

fn put(value: &str, id: &str, out: &mut Vec<u8>) {
    if value.is_empty() {
        out.push(BLANK as u8);
    } else if value == id {
        out.push(OWN_ID as u8);
    } else if let Some((header, bytes)) = guid(value) {
        out.push(header as u8);
        out.extend_from_slice(&bytes);
    } else {
        let mut header = value.len() + TEXT;
        while header >= 0x80 {
            out.push(header as u8 | 0x80);
            header >>= 7;
        }
        out.push(header as u8);
        out.extend_from_slice(value.as_bytes());
    }
}

/// What a sign is in a GUID: its digit, and behind it whether it is a letter in upper or lower case.
const UPPER: u8 = 0x10;
const LOWER: u8 = 0x20;
const NO_DIGIT: u8 = 0x80;
const DIGITS: [u8; 256] = digits();

const fn digits() -> [u8; 256] {
    let mut table = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        if digit < 10 {
            table[b'0' as usize + digit] = digit as u8;
        } else {
            table[b'a' as usize + digit - 10] = digit as u8 | LOWER;
            table[b'A' as usize + digit - 10] = digit as u8 | UPPER;
        }
        digit += 1;
    }
    table
}

/// Where each byte of a GUID begins in its text.
const PAIRS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// A GUID whose letters are of one case; without letters it counts as lower case.
fn guid(value: &str) -> Option<(usize, [u8; 16])> {
    let signs: &[u8; GUID_LENGTH] = value.as_bytes().try_into().ok()?;
    if HYPHENS.iter().any(|at| signs.get(*at) != Some(&b'-')) {
        return None;
    }
    let (mut bytes, mut seen) = ([0; 16], 0);
    let digit = |at: usize| DIGITS[usize::from(signs.get(at).copied().unwrap_or_default())];
    for (byte, at) in bytes.iter_mut().zip(PAIRS) {
        let (high, low) = (digit(at), digit(at + 1));
        seen |= high | low;
        *byte = high << 4 | low & 15;
    }
    let header = if seen & UPPER == 0 { LOWER_GUID } else { UPPER_GUID };
    (seen & NO_DIGIT == 0 && seen & (UPPER | LOWER) != UPPER | LOWER).then_some((header, bytes))
}

/// Values as they were packed, one behind the other in one text.
#[derive(Debug, Default)]
pub(super) struct Unpacked {
    text: String,
    ends: Vec<usize>,
}

impl Unpacked {
    /// Reads what [`pack`] wrote; none where it is something else.
    pub fn read(&mut self, mut content: &[u8], id: &str) -> Option<()> {
        self.text.clear();
        self.ends.clear();
        while !content.is_empty() {
            content = self.one(content, id)?;
        }
        Some(())
    }

    /// Reads one value; answers what follows it.
    fn one<'c>(&mut self, content: &'c [u8], id: &str) -> Option<&'c [u8]> {
        let (header, rest) = header(content)?;
        let rest = match header {
            BLANK => rest,
            OWN_ID => {
                self.text.push_str(id);
                rest
            }
            LOWER_GUID | UPPER_GUID => {
                let (bytes, rest) = rest.split_at_checked(16)?;
                push_guid(bytes, header == UPPER_GUID, &mut self.text);
                rest
            }
            long => {
                let (bytes, rest) = rest.split_at_checked(long - TEXT)?;
                self.text.push_str(std::str::from_utf8(bytes).ok()?);
                rest
            }
        };
        self.ends.push(self.text.len());
        Some(rest)
    }

    /// The values, in the order of the columns; blank ones at the end are left out.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.text.get(start..*end).unwrap_or_default())
    }

    /// The value at a place; blank behind the last.
    pub fn value(&self, place: usize) -> &str {
        let end = self.ends.get(place).copied().unwrap_or_default();
        let start =
            place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        self.text.get(start..end).unwrap_or_default()
    }
}

/// Reads what [`pack_id`] wrote.
pub(super) fn unpack_id(content: &[u8]) -> Option<String> {
    let mut unpacked = Unpacked::default();
    unpacked.read(content, "")?;
    Some(unpacked.text)
}

fn header(content: &[u8]) -> Option<(usize, &[u8])> {
    let (mut header, mut shift) = (0usize, 0u32);
    for (at, byte) in content.iter().enumerate().take(5) {
        header |= usize::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            return Some((header, content.get(at + 1..)?));
        }
    }
    None
}

fn push_guid(bytes: &[u8], upper: bool, text: &mut String) {
    let digits: &[u8; 16] = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    let mut signs = [b'-'; GUID_LENGTH];
    for (byte, at) in bytes.iter().zip(PAIRS) {
        for (slot, nibble) in signs.iter_mut().skip(at).zip([byte >> 4, byte & 15]) {
            *slot = digits[usize::from(nibble)];
        }
    }
    text.push_str(std::str::from_utf8(&signs).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(values: &[&str], id: &str) -> Vec<u8> {
        let mut out = Vec::new();
        pack(values.iter().copied(), id, &mut out);
        out
    }

    #[test]
    fn identifiers_take_little_room() {
        let guid = "F5CD259C-0AB6-48B3-ED3E-BF3131641960";
        assert_eq!(packed(&["x"], "y").len(), 2);
        assert_eq!(packed(&[guid], "y").len(), 17);
        assert_eq!(packed(&[&guid.to_lowercase()], "y").len(), 17);
        assert_eq!(packed(&[guid], guid).len(), 1);
        assert_eq!(packed(&["a", "", ""], "y"), packed(&["a"], "y"));
        assert_eq!(packed(&["", ""], "y"), [0u8; 0]);
    }

    #[test]
    fn what_was_not_packed_is_refused_and_never_panics() {
        let mut unpacked = Unpacked::default();
        for bad in [&[1u8, 2][..], &[9, b'a'], &[0x80], &[0xff; 9], &[5, 0xff]] {
            assert_eq!(unpacked.read(bad, ""), None, "{bad:?}");
        }
    }

    /// Values that look like GUIDs, are one, or are anything.
    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<[u8; 16]>().prop_map(|bytes| {
                let mut text = String::new();
                push_guid(&bytes, bytes[0] & 1 == 0, &mut text);
                text
            }),
            "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
            "[-0-9a-f]{36}",
            "\\PC{0,200}",
            Just(String::new()),
            Just("the id".to_owned()),
        ]
    }

    proptest! {
        #[test]
        fn values_come_back_as_they_were(mut values in proptest::collection::vec(value(), 0..8)) {
            let texts: Vec<&str> = values.iter().map(String::as_str).collect();
            let content = packed(&texts, "the id");
            let mut unpacked = Unpacked::default();
            unpacked.read(&content, "the id").unwrap();
            let read: Vec<String> = unpacked.values().map(str::to_owned).collect();
            while values.last().is_some_and(String::is_empty) {
                values.pop();
            }
            prop_assert_eq!(read, values);
        }

        #[test]
        fn an_id_comes_back(id in value().prop_filter("no id is empty", |id| !id.is_empty())) {
            let mut content = Vec::new();
            pack_id(&id, &mut content);
            prop_assert_eq!(unpack_id(&content), Some(id));
        }

        #[test]
        fn any_bytes_are_read_or_refused(content: Vec<u8>) {
            let _ = Unpacked::default().read(&content, "id");
        }
    }
}
