//! Edits that move `ssh_config` and `known_hosts` to the present SSH host of Bitbucket Cloud.

pub(super) mod known_hosts;
pub(super) mod ssh_config;
pub(super) mod ssh_config_includes;
