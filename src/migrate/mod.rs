//! The edits of `migrate`: what Bitbucket Cloud has retired, found in the text of git configuration files,
//! `ssh_config`, `known_hosts` and `.netrc`, and the repositories that have such files.

mod file_mentions;
mod fix;
mod git_config;
mod git_config_file;
mod include_condition;
mod known_hosts;
mod last_run;
mod netrc;
mod repository_scan;
mod ssh_config;
mod ssh_settings;
mod url_glob;

pub use file_mentions::file_mention_fixes;
pub(crate) use file_mentions::{MAX_FILE_BYTES, RETIRED_KEY_START, is_scanned};
pub(crate) use fix::FixKind;
pub use fix::{Fix, apply_fixes};
pub use git_config::{ConfigRole, credential_files, git_config_fixes, includes};
pub use known_hosts::known_hosts_fixes;
pub(crate) use last_run::{ChangedFile, LastRun, RecordedChange};
pub use netrc::{git_credentials_fixes, netrc_fixes};
pub(crate) use repository_scan::{Checkout, RepositoryScan};
pub(crate) use ssh_config::client_includes;
pub use ssh_config::{mentions_new_host, ssh_config_fixes};
pub(crate) use ssh_settings::SshConfig;
