//! Where secrets are stored: the system keyring, an encrypted file, or a command that prints them.

mod bound_secret;
mod chunks;
mod command;
mod crypto;
mod encrypted_file;
mod error;
mod keyring;
mod passphrase_cache;

pub(crate) use bound_secret::BoundSecret;
pub(crate) use command::{CommandRecord, CommandRecords, output_of_command, secret_from_command};
pub(crate) use encrypted_file::EncryptedFile;
pub(crate) use error::StoreError;
pub(crate) use keyring::Keyring;
pub(crate) use passphrase_cache::PassphraseCache;
