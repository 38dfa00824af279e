//! What is kept on this machine: the connections in a file, their secrets where they belong.

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
