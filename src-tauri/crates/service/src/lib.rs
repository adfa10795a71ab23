//! The central service: orders journals, keeps receipts, serves laptops.
//!
//! Everything it knows about people and tenants is in journals, so the command line, several
//! replicas and the simulator all read and write the same thing through the same code:
//! [`handlers`] are plain functions over a [`service::Service`], [`http`] wraps them for the
//! network, [`storage`] keeps the journals, and [`journal`] alone gives sequence numbers.

pub mod access_log;
pub mod admin;
pub mod backup;
mod callers;
pub mod cli;
pub mod confirm;
pub mod error;
pub mod handlers;
pub mod held;
pub mod http;
pub mod journal;
pub mod limits;
pub mod nonce;
pub mod org;
pub mod outside;
pub mod password;
pub mod playbooks;
pub mod releases;
pub mod rosters;
pub mod seed;
pub mod serve;
pub mod service;
pub mod storage;
pub mod tls;

pub use error::{Error, Result};
pub use service::{Ask, Service};
