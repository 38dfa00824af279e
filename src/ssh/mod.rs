//! SSH: key pairs and the files that OpenSSH reads; servers, their host keys, and asking them with one key.

mod alias;
mod ask;
mod client_config;
mod error;
mod host_keys;
mod key_description;
mod key_file;
mod key_name;
mod key_pair;
mod key_scan;
mod known_hosts;
mod known_hosts_mends;
mod login;
mod pattern;
mod rsa;
mod stored_key;
mod succession;
mod users;
mod verdict;

pub use alias::resolve;
pub use ask::{Manner, Refs, Served, Service, ask};
pub use client_config::client_config_mends;
pub use error::SshError;
pub use host_keys::{built_in_hosts, built_in_keys, other_doors, retired};
pub use key_description::KeyDescription;
pub use key_file::{KeyFileError, KeyFiles};
pub use key_name::{comment, file_stem};
pub use key_pair::{KeyError, KeyPair};
pub use key_scan::scan;
pub use known_hosts::{HostKey, KnownHosts, Source};
pub use known_hosts_mends::known_hosts_mends;
pub use login::{Login, is_our_command, next_of};
pub use rsa::RsaError;
pub use stored_key::{StoredKey, public_key_of, public_path};
pub use succession::{Stage, Succession};
pub use users::{agent_has, agent_keys, ask_as_user, known_to_user};
