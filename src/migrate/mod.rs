//! The edits of `migrate`: what Bitbucket Cloud has retired, found in the text of git configuration files,
//! `ssh_config`, `known_hosts` and `.netrc`, and the repositories that have such files.

mod fix;
mod git_config;
mod git_config_file;
mod known_hosts;
mod netrc;
mod repository_scan;
mod ssh_config;

pub(crate) use fix::FixKind;
pub use fix::{Fix, apply_fixes};
pub use git_config::{git_config_fixes, includes};
pub use known_hosts::known_hosts_fixes;
pub use netrc::netrc_fixes;
pub(crate) use repository_scan::RepositoryScan;
pub(crate) use ssh_config::client_includes;
pub use ssh_config::{mentions_new_host, ssh_config_fixes};
