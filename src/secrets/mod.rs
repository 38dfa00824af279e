//! Where secrets are stored: the system keyring, an encrypted file, or a command that prints them.

mod chunked_entry;
mod command;
mod crypto;
mod encrypted_file;
mod keyring;
mod store;

pub(crate) use command::CommandStore;
pub(crate) use encrypted_file::EncryptedFile;
pub(crate) use keyring::KeyringStore;
pub(crate) use store::{SecretStore, StoreError};
