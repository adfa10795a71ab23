//! What the service does when asked: plain functions over [`crate::Service`], a caller and a request.

pub mod auth;
pub mod blobs;
pub mod heads;
pub mod pull;
pub mod push;
pub mod sign_in;
pub mod sync;
