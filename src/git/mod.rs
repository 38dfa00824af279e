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
pub use config_mends::{config_mends, includes};
pub use config_text::ConfigSyntax;
pub use credential::{CredentialAnswer, CredentialQuery, NotAQuery};
pub use credential_helpers::{Helpers, Scope};
pub use folder::{FolderError, files_in};
pub use netrc::netrc_mends;
pub use push::{Bench, Listing, NewCommit};
pub use remote::Remote;
pub use repositories::Repositories;
pub use ssh_command::{
    Progress, clone, finish_clone, progress_of, remotes_of, set_ssh_command, ssh_command,
};
pub use view::{GitView, view};
