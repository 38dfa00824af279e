//! One module per command: its arguments, what it does, its result. Commands never import each other.

pub(crate) mod api;
pub(crate) mod args;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod connect;
pub(crate) mod connection;
pub(crate) mod doctor;
pub(crate) mod git;
pub(crate) mod key;
pub(crate) mod keygen;
pub(crate) mod known_hosts;
pub(crate) mod man;
pub(crate) mod migrate;
pub(crate) mod pr;
pub(crate) mod project;
pub(crate) mod publish;
pub(crate) mod repo;
mod subcommand;
pub(crate) mod token;
pub(crate) mod url;
pub(crate) mod webhook;
pub(crate) mod workspace;

pub(crate) use subcommand::{Dispatch, Subcommand, command_group};
