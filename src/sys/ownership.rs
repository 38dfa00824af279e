//! Who can change a file. Configuration that another user can change is not trusted, as OpenSSH does.

use std::fs::{self, Metadata};
#[cfg(unix)]
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::atomic_file::parent_dir;
use crate::types::shell::quote;

/// A file or directory that another user can change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} {problem}", path.display())]
pub struct UntrustedFile {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[cfg_attr(
    windows,
    expect(dead_code, reason = "the rights of a profile are not checked")
)]
enum Problem {
    #[error("belongs to the user {owner}, and is not trusted")]
    Owner { owner: u32, user: u32 },
    #[error("can be written by other users, and is not trusted")]
    Writable,
}

impl UntrustedFile {
    /// The command that makes it trusted.
    pub(crate) fn hint(&self) -> String {
        let path = self.path.to_string_lossy();
        let path = quote(&path);
        match self.problem {
            Problem::Owner { user, .. } => {
                format!("check its content, then run `chown {user} {path}`")
            }
            Problem::Writable => format!("check its content, then run `chmod go-w {path}`"),
        }
    }
}

/// Checks that a file and its directory, also those behind links, belong to the user or to root, and that no other user can
/// write them. Neither needs to exist. A directory with the sticky bit is accepted: others cannot replace files in it.
pub(crate) fn check_trusted(path: &Path) -> Result<(), UntrustedFile> {
    check_one(parent_dir(path))?;
    check_one(path)?;
    match fs::canonicalize(path) {
        Ok(target) if target != path => check_one(parent_dir(&target)),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn check_one(path: &Path) -> Result<(), UntrustedFile> {
    // What cannot be examined cannot be read either, which is another error.
    match fs::metadata(path)
        .ok()
        .and_then(|metadata| problem(&metadata))
    {
        Some(problem) => Err(UntrustedFile {
            path: path.to_owned(),
            problem,
        }),
        None => Ok(()),
    }
}

#[cfg(unix)]
fn problem(metadata: &Metadata) -> Option<Problem> {
    use std::os::unix::fs::MetadataExt as _;
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    let is_sticky = metadata.is_dir() && metadata.mode() & 0o1000 != 0;
    if owner != user && owner != 0 {
        Some(Problem::Owner { owner, user })
    } else if metadata.mode() & 0o022 != 0 && !is_sticky {
        Some(Problem::Writable)
    } else {
        None
    }
}

/// On Windows a profile is protected by the access rights that its files inherit.
#[cfg(windows)]
fn problem(_metadata: &Metadata) -> Option<Problem> {
    None
}

/// Whether only an administrator can change a file.
#[cfg(unix)]
pub(crate) fn is_system_file(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let is_system = |path: &Path| -> io::Result<bool> {
        let metadata = fs::metadata(path)?;
        Ok(metadata.uid() == 0 && metadata.mode() & 0o022 == 0)
    };
    let target = fs::canonicalize(path);
    target.is_ok_and(|target| {
        [&*target, parent_dir(&target)]
            .into_iter()
            .all(|path| is_system(path).is_ok_and(|is| is))
    })
}

#[cfg(windows)]
pub(crate) fn is_system_file(_path: &Path) -> bool {
    false
}

/// Whether other users can read a file.
#[cfg(unix)]
pub(crate) fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.mode() & 0o044 != 0)
}

/// Whether other users have access to a file, apart from administrators and the system.
#[cfg(windows)]
pub(crate) fn is_readable_by_others(path: &Path) -> bool {
    path.is_file() && super::access_control::is_open_to_others(path).unwrap_or_default()
}

/// The command that leaves a file to its owner alone.
pub(crate) fn restrict_command(path: &Path) -> String {
    let path = path.to_string_lossy();
    let path = quote(&path);
    #[cfg(unix)]
    return format!("chmod go-rwx {path}");
    #[cfg(windows)]
    {
        let user = super::access_control::current_user();
        let user = user.map_or_else(|_| "USER".to_owned(), |sid| format!("*{sid}"));
        format!("icacls {path} /inheritance:r /grant:r {user}:F")
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn files_and_directories_that_others_can_write_are_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let chmod = |name: &str, mode| {
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        fs::create_dir_all(at("config")).unwrap();
        fs::create_dir_all(at("dotfiles")).unwrap();
        fs::write(at("config/file"), "").unwrap();
        fs::write(at("dotfiles/target"), "").unwrap();
        symlink("../dotfiles/target", at("config/link")).unwrap();
        for (changed, mode, checked, untrusted) in [
            ("config/file", 0o644, "config/file", None),
            ("config/file", 0o664, "config/file", Some("config/file")),
            ("config/file", 0o602, "config/file", Some("config/file")),
            ("config", 0o775, "config/file", Some("config")),
            ("config", 0o777, "config/missing", Some("config")),
            ("config", 0o1777, "config/file", None),
            ("dotfiles/target", 0o666, "config/link", Some("config/link")),
            ("dotfiles", 0o777, "config/link", Some("dotfiles")),
        ] {
            for (name, mode) in [
                ("config", 0o700),
                ("config/file", 0o600),
                ("dotfiles", 0o755),
                ("dotfiles/target", 0o600),
            ] {
                chmod(name, mode);
            }
            chmod(changed, mode);
            let result = check_trusted(&at(checked));
            let found = result.as_ref().err().map(|error| {
                assert!(error.hint().contains("chmod go-w "), "{}", error.hint());
                error.path.file_name().map(ToOwned::to_owned)
            });
            let expected = untrusted.map(|name: &str| at(name).file_name().map(ToOwned::to_owned));
            assert_eq!(found, expected, "{changed} {mode:o}");
        }
        assert_eq!(check_trusted(&at("missing/file")), Ok(()));
    }
}
