//! SSH: key pairs and the files that OpenSSH reads; servers, their host keys, and asking them with one key.

mod access_check;
mod client_options;
mod client_output;
mod config_resolve;
mod error;
mod key_description;
mod key_file;
mod key_name;
mod key_pair;
mod key_swap;
mod keyscan;
mod known_hosts;
mod private_key_file;
mod rsa;
mod user_client;

pub(crate) use access_check::{AccessCheck, CheckOptions, Refs, Service, check_access};
pub(crate) use client_options::{
    ClientOptions, command_with_key, is_managed_ssh_command, next_key_path,
};
pub(crate) use config_resolve::resolve;
pub(crate) use error::SshError;
pub(crate) use key_description::KeyDescription;
pub(crate) use key_file::{KeyFileError, KeyFiles};
pub(crate) use key_name::{comment, file_stem};
pub(crate) use key_pair::{KeyError, KeyPair};
pub(crate) use key_swap::{KeySwap, Stage};
pub(crate) use keyscan::scan;
pub(crate) use known_hosts::{HostKey, KnownHosts, Source};
pub(crate) use private_key_file::{PrivateKeyFile, public_key_of, public_path};
pub(crate) use user_client::{
    agent_has, agent_keys, check_access_as_user, user_known_hosts, version,
};

pub(crate) use crate::types::host_keys::{
    alternate_hosts, built_in_hosts, built_in_keys, retirement_reason,
};
