//! Packages depend on each other only inward: see `xtask::policy::arrows` for the rings.
#![allow(clippy::unwrap_used)]

#[test]
fn arrows_point_inward() {
    let broken = xtask::policy::arrows(&xtask::graph::load().unwrap());
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn only_the_root_names_tauri_and_only_the_service_names_postgresql() {
    let broken = xtask::policy::owners(&xtask::graph::load().unwrap());
    assert!(broken.is_empty(), "{broken:#?}");
}
