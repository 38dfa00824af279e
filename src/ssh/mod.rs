//! SSH: key files, host keys, and calling OpenSSH's programs with one key and bbconnect's own file of host keys.

mod access_check;
mod client_options;
mod error;
mod host_config;
mod key_damage;
mod key_file;
mod key_pair;
mod key_paths;
mod key_swap;
mod known_hosts;
mod openssh;
mod rsa;

pub(crate) use access_check::{
    AccessCheck, CheckOptions, Refs, Service, check_access, check_access_as_user, scan_with_config,
};
pub(crate) use client_options::{ClientOptions, command_with_key, is_managed_ssh_command};
pub(crate) use error::SshError;
pub(crate) use host_config::{Destination, HostConfig, ProxySetting, host_config};
pub(crate) use key_file::{KeyDescription, KeyFileError, KeyFiles, PrivateKeyFile, public_key_of};
pub(crate) use key_pair::{KeyError, KeyPair, comment, file_stem};
pub(crate) use key_paths::public_path;
pub(crate) use key_swap::{KeySwap, Stage};
pub(crate) use known_hosts::{HostKey, KnownHosts, Source};
pub(crate) use openssh::{agent_has, agent_keys, scan, user_known_hosts, version};

pub(crate) use crate::types::host_keys::{
    alternate_hosts, built_in_hosts, built_in_keys, retirement_reason,
};
