//! SSH on this machine: making key pairs, and the files that OpenSSH reads.

mod key_description;
mod key_file;
mod key_name;
mod key_pair;
mod rsa;

pub use key_description::KeyDescription;
pub use key_file::{KeyFileError, KeyFiles};
pub use key_name::{comment, file_stem};
pub use key_pair::{KeyError, KeyPair};
pub use rsa::RsaError;
