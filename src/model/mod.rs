//! The words of the trade. No I/O, no async, and nothing of ours from above.

pub mod clone_url;
pub mod connection;
pub mod day;
pub mod deployment;
pub mod key_type;
pub mod namespace;
pub mod printable;
pub mod repository;
pub mod secret;
