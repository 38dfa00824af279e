//! What is kept on this machine: the connections in a file, their secrets where they belong.

mod command;
mod connections;
mod connections_file;
mod keyring;
mod seal;
mod sealed_file;
mod secrets;
mod spread;

pub use command::CommandStore;
pub use connections::Connections;
pub use connections_file::{ConnectionsError, ConnectionsFile, NameSource};
pub use keyring::KeyringStore;
pub use sealed_file::EncryptedFile;
pub use secrets::{SecretStore, StoreError};
