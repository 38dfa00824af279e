//! Git on this machine, through the `git` program: checkouts and their configuration, credential helpers, clones, and
//! the repositories of `publish`.

mod checkout;
mod clone;
mod collect_files;
mod command;
mod credential;
mod credential_helpers;
mod effective_config;
mod http_settings;
mod push_error;
mod remotes;
mod ssh_command;
mod temp_repository;

pub(crate) use checkout::{Checkout, tracked_files_containing};
pub(crate) use clone::CloneSpec;
pub(crate) use collect_files::{SourceDirError, collect_files, pointer_hash};
pub(crate) use command::GitError;
pub use credential::{CredentialRequest, CredentialResponse};
pub(crate) use credential_helpers::{ConfigScope, HelperConfig};
pub(crate) use effective_config::{EffectiveConfig, Setting, view};
pub(crate) use http_settings::{HttpSetting, HttpSettings};
pub(crate) use push_error::PushError;
pub(crate) use ssh_command::{
    CloneCommand, clone, is_complete_clone, remotes_of, set_ssh_command, ssh_command,
};
pub(crate) use temp_repository::{FULL_DEPTH, NewCommit, PushTarget, TempRepository, TreeListing};
