//! The words of the trade. No I/O, no async, and nothing of ours from above.

pub mod access_token;
pub mod clone_url;
pub mod connection;
pub mod day;
pub mod days;
pub mod deployment;
pub mod finding;
pub mod fingerprint;
pub mod instant;
pub mod key_type;
pub mod namespace;
pub mod oauth;
pub mod printable;
pub mod public_key;
pub mod purpose;
pub mod registered_key;
pub mod repository;
pub mod scope;
pub mod secret;
pub mod ssh_address;
pub mod ssh_settings;
pub mod token_page;
pub mod version;
