//! Paths that programs and files give as bytes.

use std::path::PathBuf;

/// `None` where this system cannot have such a path: Windows requires UTF-8.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems require UTF-8")]
pub(crate) fn path_from_bytes(bytes: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
}

#[cfg(not(unix))]
pub(crate) fn path_from_bytes(bytes: &[u8]) -> Option<PathBuf> {
    str::from_utf8(bytes).ok().map(PathBuf::from)
}
