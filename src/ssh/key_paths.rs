//! The names of the files next to a private key.

use std::path::{Path, PathBuf};

/// `KEY.pub`
pub(crate) fn public_path(private: &Path) -> PathBuf {
    append_suffix(private, ".pub")
}

/// The new key during `key rotate`: `KEY.bbconnect-next`. No other program uses this name.
pub(crate) fn next_key_path(key: &Path) -> PathBuf {
    append_suffix(key, ".bbconnect-next")
}

/// A file next to a key, whose name is that of the key with a suffix.
pub(super) fn append_suffix(key: &Path, suffix: &str) -> PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
