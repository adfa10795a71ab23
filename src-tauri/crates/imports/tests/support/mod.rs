//! What the tests of this crate share: folders, archives and workbooks made on the spot.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use zip::write::SimpleFileOptions;

/// A folder with these files; it goes when it is dropped.
pub fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    dir
}

/// An archive of these files in `dir`.
pub fn archive(dir: &Path, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let path = dir.join(name);
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    path
}

/// A workbook whose sheets hold these cells, written as `<c>` elements.
pub fn workbook(dir: &Path, name: &str, sheets: &[(&str, &str)]) -> PathBuf {
    workbook_with(dir, name, sheets, &[])
}

/// One with further parts, by path.
pub fn workbook_with(dir: &Path, name: &str, sheets: &[(&str, &str)], more: &[(&str, &str)]) -> PathBuf {
    let head = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let mut listed = String::new();
    let mut related = String::new();
    let mut files: Vec<(String, String)> = Vec::new();
    for (index, (sheet, rows)) in sheets.iter().enumerate() {
        let n = index + 1;
        listed += &format!(r#"<sheet name="{sheet}" sheetId="{n}" r:id="rId{n}"/>"#);
        related += &format!(
            r#"<Relationship Id="rId{n}" Type="{office}/worksheet" Target="worksheets/sheet{n}.xml"/>"#
        );
        let text = format!(r#"{head}<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>"#);
        files.push((format!("xl/worksheets/sheet{n}.xml"), text));
    }
    related += &format!(r#"<Relationship Id="rId99" Type="{office}/styles" Target="styles.xml"/>"#);
    files.push((
        "xl/workbook.xml".into(),
        format!(r#"{head}<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{listed}</sheets></workbook>"#),
    ));
    files.push((
        "xl/_rels/workbook.xml.rels".into(),
        format!(r#"{head}<Relationships xmlns="{package}">{related}</Relationships>"#),
    ));
    files.push((
        "xl/styles.xml".into(),
        format!(
            r#"{head}<styleSheet xmlns="{main}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#
        ),
    ));
    files.push((
        "_rels/.rels".into(),
        format!(
            r#"{head}<Relationships xmlns="{package}"><Relationship Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
        ),
    ));
    files.push((
        "[Content_Types].xml".into(),
        format!(r#"{head}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#),
    ));
    let own = files.iter().map(|(name, text)| (name.as_str(), text.as_bytes()));
    let files: Vec<(&str, &[u8])> =
        own.chain(more.iter().map(|(name, text)| (*name, text.as_bytes()))).collect();
    archive(dir, name, &files)
}

/// A row of a sheet whose cells are text.
pub fn text_row(number: usize, cells: &[&str]) -> String {
    let cells: String =
        cells.iter().map(|c| format!(r#"<c t="inlineStr"><is><t>{c}</t></is></c>"#)).collect();
    format!(r#"<row r="{number}">{cells}</row>"#)
}
