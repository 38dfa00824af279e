//! TODO: say what this is.

pub(super) mod known_hosts;
pub(super) mod ssh_config;
pub(super) mod ssh_config_includes;
