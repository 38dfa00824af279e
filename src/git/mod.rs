//! Git on this machine, through the `git` program: configuration, remotes, its protocol for credentials, what a folder
//! holds, and pushing it.

mod checkout;
mod collect_files;
mod command;
mod credential;
mod credential_helpers;
mod effective_http_config;
mod fast_import;
mod push;
mod push_error;
mod push_target;
mod remotes;
mod ssh_command;

pub(crate) use checkout::{Checkout, GitError};
pub(crate) use collect_files::{FolderError, collect_files};
pub use credential::{CredentialRequest, CredentialResponse};
pub(crate) use credential_helpers::{ConfigScope, HelperConfig};
pub(crate) use effective_http_config::{GitHttpConfig, view};
pub(crate) use push::{NewCommit, TempRepository};
pub(crate) use push_error::PushError;
pub(crate) use push_target::PushTarget;
pub(crate) use ssh_command::{
    CloneState, clone, clone_state, remotes_of, resume_clone, set_ssh_command, ssh_command,
};
