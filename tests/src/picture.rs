//! Pictures of the interface, held against those that are committed.
//!
//! What counts as a difference is what a person sees. On an even ground, the colour is another. On an
//! edge, the other picture has nothing like the point there or right beside: letters whose edges
//! another version of the browser smooths otherwise are the same, a line or a word that moved is not.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

/// How far the channels of two colours may lie apart, of 255: on an even ground, and on an edge.
const SAME: u8 = 3;
const ALIKE: u8 = 32;

/// Colours in a file; so many of the commonest stay as they are, those of even grounds among them.
const COLOURS: usize = 256;
const COMMONEST: usize = 64;

/// How far any other colour of a file may lie from the nearest that stays.
const NEAR: u8 = 8;

/// The share of points that may differ: a few letters' edges, less than the smallest icon.
const LIMIT: f64 = 0.000_1;

/// Points as red, green and blue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    points: Vec<[u8; 3]>,
}

/// What is different between two pictures of one size.
#[derive(Debug)]
pub struct Difference {
    /// The newer picture, pale, with the points that differ in red.
    pub shown: Picture,
    points: usize,
    share: f64,
}

impl Picture {
    /// Rows of so many points, from the top.
    #[must_use]
    pub fn new(width: usize, points: Vec<[u8; 3]>) -> Self {
        Self { width, height: points.len() / width.max(1), points }
    }

    /// Reads a PNG file's bytes; how opaque a point is does not count.
    ///
    /// # Errors
    /// It is no PNG with eight bits for each of red, green and blue.
    pub fn decode(png: &[u8]) -> Result<Self> {
        let mut decoder = png::Decoder::new(BufReader::new(std::io::Cursor::new(png)));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info()?;
        let mut bytes = vec![0; reader.output_buffer_size().context("the picture is too large")?];
        let info = reader.next_frame(&mut bytes)?;
        ensure!(info.bit_depth == png::BitDepth::Eight, "{:?} bits for a channel", info.bit_depth);
        let size = match info.color_type {
            png::ColorType::Rgb => 3,
            png::ColorType::Rgba => 4,
            other => bail!("colours as {other:?}"),
        };
        let points = bytes[..info.buffer_size()].chunks_exact(size).map(|p| [p[0], p[1], p[2]]).collect();
        Ok(Self { width: info.width as usize, height: info.height as usize, points })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It is missing; as [`Picture::decode`].
    pub fn read(file: &Path) -> Result<Self> {
        let bytes = fs::read(file).with_context(|| format!("there is no picture {}", file.display()))?;
        Self::decode(&bytes).with_context(|| file.display().to_string())
    }

    /// Writes every point as it is; the folder is made where it is missing.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, file: &Path) -> Result<()> {
        let mut encoder = self.encoder(file)?;
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::Fast);
        Ok(encoder.write_header()?.write_image_data(self.points.as_flattened())?)
    }

    fn encoder(&self, file: &Path) -> Result<png::Encoder<'_, BufWriter<File>>> {
        fs::create_dir_all(file.parent().context("a file lies in a folder")?)?;
        let out = BufWriter::new(File::create(file)?);
        let mut encoder = png::Encoder::new(out, self.width.try_into()?, self.height.try_into()?);
        encoder.set_depth(png::BitDepth::Eight);
        Ok(encoder)
    }

    /// Writes a small file, the rare colours as the nearest of the common ones; its folder is made
    /// where it is missing.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let mut encoder = self.encoder(file)?;
        let (palette, places) = self.reduced();
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette(palette.as_flattened().to_owned());
        encoder.set_compression(png::Compression::High);
        encoder.set_filter(png::Filter::NoFilter);
        Ok(encoder.write_header()?.write_image_data(&places)?)
    }

    /// The commonest colours, and for each point its colour's or the nearest one's place among them.
    fn reduced(&self) -> (Vec<[u8; 3]>, Vec<u8>) {
        let mut counts = BTreeMap::<[u8; 3], usize>::new();
        for point in &self.points {
            *counts.entry(*point).or_default() += 1;
        }
        let mut palette: Vec<_> = counts.keys().copied().collect();
        palette.sort_by_key(|colour| std::cmp::Reverse(counts[colour]));
        let rare = palette.split_off(COMMONEST.min(palette.len()));
        for colour in rare {
            let is_near = palette.iter().any(|known| apart(*known, colour) <= NEAR);
            if !is_near && palette.len() < COLOURS {
                palette.push(colour);
            }
        }
        let nearest = |colour: &[u8; 3]| {
            let near = (0u8..=u8::MAX).zip(&palette).min_by_key(|(_, known)| apart(*colour, **known));
            near.map_or(0, |(place, _)| place)
        };
        let places: BTreeMap<_, _> = counts.keys().map(|colour| (*colour, nearest(colour))).collect();
        let places = self.points.iter().map(|point| places[point]).collect();
        (palette, places)
    }

    /// What `newer` shows otherwise than this; `None` where nobody would see it.
    ///
    /// # Errors
    /// Their sizes differ.
    pub fn difference(&self, newer: &Self) -> Result<Option<Difference>> {
        let (old, new) = ((self.width, self.height), (newer.width, newer.height));
        ensure!(old == new, "the picture was {old:?} and is {new:?}");
        let differs: Vec<bool> = (0..self.points.len()).map(|at| self.differs(newer, at)).collect();
        let points = differs.iter().filter(|differs| **differs).count();
        let share = points as f64 / self.points.len() as f64;
        Ok((share > LIMIT).then(|| Difference { shown: newer.marked(&differs), points, share }))
    }

    fn differs(&self, newer: &Self, at: usize) -> bool {
        let (old, new) = (self.points[at], newer.points[at]);
        if apart(old, new) <= SAME {
            return false;
        }
        let is_even = |picture: &Self, own| picture.around(at).all(|point| apart(point, own) <= SAME);
        let has_near = |picture: &Self, other| picture.around(at).any(|point| apart(point, other) <= ALIKE);
        (is_even(self, old) && is_even(newer, new)) || !has_near(self, new) || !has_near(newer, old)
    }

    /// The points at a place and right beside it.
    fn around(&self, at: usize) -> impl Iterator<Item = [u8; 3]> {
        let (x, y) = (at % self.width, at / self.width);
        let rows = y.saturating_sub(1)..=(y + 1).min(self.height - 1);
        let columns = x.saturating_sub(1)..=(x + 1).min(self.width - 1);
        rows.flat_map(move |y| columns.clone().map(move |x| self.points[y * self.width + x]))
    }

    fn marked(&self, differs: &[bool]) -> Self {
        let pale = |point: [u8; 3]| point.map(|channel| 192 + channel / 4);
        let shown = self.points.iter().zip(differs);
        let points = shown.map(|(point, differs)| if *differs { [220, 0, 0] } else { pale(*point) });
        Self { points: points.collect(), ..*self }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} points differ, {:.3} %", self.points, self.share * 100.0)
    }
}

/// How far two colours lie apart, in the channel where they do most.
fn apart(one: [u8; 3], other: [u8; 3]) -> u8 {
    one.into_iter().zip(other).map(|(one, other)| one.abs_diff(other)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const INK: [u8; 3] = [20, 20, 20];

    /// A white page with a box of ink in it.
    fn page(left: usize, top: usize, wide: usize, high: usize, ink: [u8; 3]) -> Picture {
        let inside = |x, y| (left..left + wide).contains(&x) && (top..top + high).contains(&y);
        let point = |at: usize| if inside(at % 200, at / 200) { ink } else { [255; 3] };
        Picture { width: 200, height: 100, points: (0..20_000).map(point).collect() }
    }

    fn differs(old: &Picture, new: &Picture) -> bool {
        old.difference(new).unwrap().is_some()
    }

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (file, picture) = (folder.path().join("a/b.png"), page(3, 4, 5, 6, INK));
        picture.write(&file).unwrap();
        assert_eq!(Picture::read(&file).unwrap(), picture);
        assert!(Picture::decode(b"no picture").is_err());
    }

    #[test]
    fn edges_that_are_smoothed_otherwise_are_the_same() {
        let sharp = page(50, 50, 40, 10, INK);
        let mut soft = sharp.clone();
        for y in 50..60 {
            soft.points[y * 200 + 50] = [40, 40, 40];
            soft.points[y * 200 + 89] = [36, 30, 20];
        }
        assert!(!differs(&sharp, &soft));
        assert!(!differs(&soft, &sharp));
    }

    #[test]
    fn of_many_colours_the_common_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut many = page(50, 50, 40, 10, INK);
        for (at, point) in many.points.iter_mut().take(900).enumerate() {
            *point = [(at / 30) as u8 * 4, (at % 30) as u8 * 4, 0];
        }
        let file = folder.path().join("many.png");
        many.write(&file).unwrap();
        let read = Picture::read(&file).unwrap();
        assert_eq!(read.points[900..], many.points[900..]);
        assert_ne!(read, many);
        assert!(!differs(&many, &read));
    }

    #[test]
    fn what_moved_grew_vanished_or_changed_its_colour_is_seen() {
        let old = page(50, 50, 40, 10, INK);
        let others = [
            page(54, 50, 40, 10, INK),
            page(50, 53, 40, 10, INK),
            page(50, 50, 44, 10, INK),
            page(50, 50, 0, 0, INK),
            page(50, 50, 40, 10, [20, 20, 26]),
        ];
        for new in &others {
            assert!(differs(&old, new));
            assert!(differs(new, &old));
        }
        assert!(old.difference(&page(0, 0, 4, 4, INK)).unwrap().unwrap().shown.points.contains(&[220, 0, 0]));
    }

    #[test]
    fn another_size_is_an_error() {
        let mut cut = page(0, 0, 9, 9, INK);
        cut.points.truncate(200 * 50);
        cut.height = 50;
        assert!(page(0, 0, 9, 9, INK).difference(&cut).is_err());
    }
}
