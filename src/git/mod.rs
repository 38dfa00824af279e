//! Git on this machine, through the `git` program: configuration, remotes, its protocol for credentials, what a folder
//! holds, and pushing it.

mod checkout;
mod collect_files;
mod command;
mod config_file;
mod config_fixes;
mod credential;
mod credential_helpers;
mod effective_http_config;
mod fast_import;
mod netrc;
mod push;
mod push_error;
mod push_target;
mod remotes;
mod repository_scan;
mod ssh_command;

pub(crate) use checkout::{Checkout, GitError};
pub(crate) use collect_files::{FolderError, collect_files};
pub use config_fixes::{git_config_fixes, includes};
pub use credential::{CredentialRequest, CredentialResponse};
pub(crate) use credential_helpers::{ConfigScope, HelperConfig};
pub(crate) use effective_http_config::{GitHttpConfig, view};
pub use netrc::netrc_fixes;
pub(crate) use push::{NewCommit, TempRepository};
pub(crate) use push_error::PushError;
pub(crate) use push_target::PushTarget;
pub(crate) use repository_scan::RepositoryScan;
pub(crate) use ssh_command::{
    CloneState, clone, clone_state, remotes_of, resume_clone, set_ssh_command, ssh_command,
};
