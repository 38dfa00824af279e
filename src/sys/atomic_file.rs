//! Files that are replaced whole: read, change and write under a lock, and a reader never sees half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::Builder;

use crate::sys::signals;

/// The text of a file; `None` where there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(io::Error::new(error.kind(), "it is not text in UTF-8"))
        }
        Err(error) => Err(error),
    }
}

/// Replaces a file, for its owner alone. After a crash it has its old or its new text, never a mixture.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    replace(path, text.as_bytes(), 0o600)
}

/// Replaces a file that everybody may read, as far as the umask lets them.
pub(crate) fn write_world_readable(path: &Path, text: &[u8]) -> io::Result<()> {
    replace(path, text, 0o666)
}

#[cfg_attr(not(unix), expect(unused_variables, reason = "modes are Unix's"))]
fn replace(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let _whole = signals::critical_section();
    let path = &resolve_symlinks(path);
    let mut builder = Builder::new();
    builder.prefix(".bbconnect-");
    #[cfg(unix)]
    builder.permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(mode));
    let mut file = builder
        .tempfile_in(parent_dir(path))
        .map_err(unwrap_os_error)?;
    file.as_file_mut().write_all(text)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Where a file is or would be: a link that somebody made of it stays one, also where it leads to nothing yet.
fn resolve_symlinks(path: &Path) -> PathBuf {
    /// No system follows more.
    const MOST: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST {
        let Ok(target) = fs::read_link(&path) else {
            break;
        };
        path = parent_dir(&path).join(target);
    }
    path
}

/// Holds the lock of a file until it is dropped. The lock is a file of its own, because the other one is replaced.
pub(crate) fn lock(path: &Path) -> io::Result<File> {
    let folder = parent_dir(path);
    if !folder.is_dir() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut name = PathBuf::from(path).into_os_string();
    name.push(".lock");
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(name)?;
    file.lock()?;
    Ok(file)
}

/// The system's own error: tempfile adds the name of its file, which nobody knows.
pub(crate) fn unwrap_os_error(error: io::Error) -> io::Error {
    if error.raw_os_error().is_some() {
        return error;
    }
    // It keeps the system's error to itself, but for its words: `… (os error 13) at path "…"`.
    let words = error.to_string();
    let code = words.split_once("(os error ").map(|(_, code)| code);
    let code = code.and_then(|code| code.split(')').next()?.parse().ok());
    code.map_or(error, io::Error::from_raw_os_error)
}

/// The folder that a file is in.
pub(crate) fn parent_dir(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_stays_one_whether_it_leads_somewhere_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("dotfiles")).unwrap();
        symlink("dotfiles/between", path("file")).unwrap();
        symlink(path("dotfiles/file"), path("dotfiles/between")).unwrap();
        for text in ["one", "two"] {
            write(&path("file"), text).unwrap();
            assert_eq!(fs::read_to_string(path("dotfiles/file")).unwrap(), text);
        }
        for link in ["file", "dotfiles/between"] {
            assert!(
                fs::symlink_metadata(path(link)).unwrap().is_symlink(),
                "{link}"
            );
        }
        symlink("nowhere/file", path("lost")).unwrap();
        assert!(write(&path("lost"), "text").is_err());
        assert!(fs::symlink_metadata(path("lost")).unwrap().is_symlink());
    }
}
