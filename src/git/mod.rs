//! Git on this machine, through the `git` program: configuration, remotes, and its protocol for credentials.

mod config;
mod credential;
mod credential_helpers;
mod ssh_command;

pub use config::{Checkout, GitError};
pub use credential::{CredentialAnswer, CredentialQuery, NotAQuery};
pub use credential_helpers::{Helpers, Scope};
pub use ssh_command::{clone, remotes_of, set_ssh_command, ssh_command};
