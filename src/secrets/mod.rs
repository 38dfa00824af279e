//! Where secrets are stored: the system keyring, an encrypted file, or a command that prints them.

mod chunked_entry;
mod command;
mod crypto;
mod encrypted_file;
mod keyring;
mod store;

pub use command::CommandStore;
pub use encrypted_file::EncryptedFile;
pub use keyring::KeyringStore;
pub use store::{SecretStore, StoreError};
