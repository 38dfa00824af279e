//! One file per command: its arguments, its run, its outcome as data and as text. Commands never import each other.

pub mod api;
pub mod check;
pub mod completions;
pub mod connect;
pub mod connection;
pub mod doctor;
pub mod git;
pub mod key;
pub mod keygen;
pub mod known_hosts;
pub mod man;
pub mod migrate;
pub mod pr;
pub mod project;
pub mod publish;
pub mod repo;
pub mod token;
pub mod url;
pub mod webhook;
pub mod workspace;
