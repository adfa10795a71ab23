//! The real window, on a real display with a real keyring and a real notification daemon.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod demo;
mod desk;
mod ends;
mod imports;
mod keyring;
mod locks;
mod notices;
mod opens;
mod package;
mod screens;
mod story;
mod together;
mod tray;
