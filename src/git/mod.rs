//! Git on this machine, through the `git` program: configuration, remotes, its protocol for credentials, what a folder
//! holds, and pushing it.

mod complaint;
mod config;
mod config_mends;
mod config_text;
mod credential;
mod credential_helpers;
mod folder;
mod netrc;
mod program;
mod push;
mod remote;
mod remotes;
mod repositories;
mod ssh_command;
mod stream;
mod view;

pub use complaint::PushError;
pub use config::{Checkout, GitError};
pub use config_mends::{git_config_fixes, includes};
pub use config_text::ConfigSyntax;
pub use credential::{CredentialRequest, CredentialResponse, ParseError};
pub use credential_helpers::{ConfigScope, HelperConfig};
pub use folder::{FolderError, collect_files};
pub use netrc::netrc_fixes;
pub use push::{NewCommit, TempRepository, TreeListing};
pub use remote::PushTarget;
pub use repositories::RepositoryScan;
pub use ssh_command::{
    CloneState, clone, clone_state, remotes_of, resume_clone, set_ssh_command, ssh_command,
};
pub use view::{GitHttpConfig, view};
