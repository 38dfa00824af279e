//! What a folder holds for a repository: its files, without `.git` and what `.gitignore` leaves out.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;
use thiserror::Error;

use crate::types::commit::{FileMode, LocalFile};

/// The largest file that is published, in bytes: larger ones belong to Git LFS.
const MAX_FILE_BYTES: u64 = 100 * 1024 * 1024;
/// The most that all files together may have, in bytes.
const MAX_TOTAL_BYTES: u64 = 512 * 1024 * 1024;

/// Why a folder cannot be published.
#[derive(Debug, Error)]
pub(crate) enum FolderError {
    /// It, or something in it, cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no folder.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// A `.gitignore` cannot be understood, or the folder cannot be walked.
    #[error("{0}")]
    Walk(String),
    /// A file is too large.
    #[error("{} is larger than {} MiB", path.display(), MAX_FILE_BYTES / 1024 / 1024)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// All files together are too large.
    #[error("the folder holds more than {} MiB", MAX_TOTAL_BYTES / 1024 / 1024)]
    TooMuch,
    /// A symbolic link leads out of the folder.
    #[error("the symbolic link {} leads out of the folder", .0.display())]
    Link(PathBuf),
    /// It is neither a file nor a folder nor a link.
    #[error("{} is neither a file nor a folder", .0.display())]
    Kind(PathBuf),
    /// A name is not text.
    #[error("the name of {} is not text", .0.display())]
    Name(PathBuf),
}

/// All files of a folder, named below `into`, in order. Symbolic links are kept as links where they are relative and
/// stay within the folder, and refused otherwise.
///
/// The folder's own `.gitignore` files count, those of folders above it do not: what is published is often just what
/// the checkout around it leaves out. The system's settings for ignored files do not count either.
///
/// # Errors
/// [`FolderError`].
pub(crate) fn collect_files(folder: &Path, into: &str) -> Result<Vec<LocalFile>, FolderError> {
    let facts = fs::metadata(folder).map_err(|source| FolderError::Read {
        path: folder.to_owned(),
        source,
    })?;
    if !facts.is_dir() {
        return Err(FolderError::NotAFolder(folder.to_owned()));
    }
    // Git's own folder, also where a file system takes its name in any case.
    let is_gits = |name: &OsStr| name.to_string_lossy().eq_ignore_ascii_case(".git");
    let walk = WalkBuilder::new(folder)
        .standard_filters(false)
        .git_ignore(true)
        .require_git(false)
        .follow_links(false)
        .filter_entry(move |entry| entry.depth() == 0 || !is_gits(entry.file_name()))
        .build();
    let mut files = Vec::new();
    let mut total = 0;
    for entry in walk {
        let entry = entry.map_err(|error| FolderError::Walk(error.to_string()))?;
        // Otherwise what such a line was to leave out would be published.
        if let Some(error) = entry.error() {
            return Err(FolderError::Walk(error.to_string()));
        }
        let path = entry.path();
        let kind = entry.file_type();
        if entry.depth() == 0 || kind.is_some_and(|kind| kind.is_dir()) {
            check_ignored(&path.join(".gitignore"))?;
            continue;
        }
        let below = path.strip_prefix(folder).unwrap_or(path);
        let (mode, content) = if path.is_symlink() {
            (FileMode::Link, link(folder, path, below)?)
        } else if kind.is_some_and(|kind| kind.is_file()) {
            file(path)?
        } else {
            return Err(FolderError::Kind(path.to_owned()));
        };
        total += content.len() as u64;
        if total > MAX_TOTAL_BYTES {
            return Err(FolderError::TooMuch);
        }
        files.push(LocalFile {
            path: name(below, into).ok_or_else(|| FolderError::Name(path.to_owned()))?,
            mode,
            content,
        });
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// The walker says nothing of a `.gitignore` that it cannot read, nor of the rest of one that is not text.
fn check_ignored(path: &Path) -> Result<(), FolderError> {
    let is_there = path.is_file();
    let read = is_there.then(|| fs::read_to_string(path)).transpose();
    read.map(drop).map_err(|source| FolderError::Read {
        path: path.to_owned(),
        source,
    })
}

fn file(path: &Path) -> Result<(FileMode, Vec<u8>), FolderError> {
    let failed = |source| FolderError::Read {
        path: path.to_owned(),
        source,
    };
    let facts = fs::metadata(path).map_err(failed)?;
    if facts.len() > MAX_FILE_BYTES {
        return Err(FolderError::TooLarge {
            path: path.to_owned(),
        });
    }
    let content = fs::read(path).map_err(failed)?;
    Ok((mode(&facts), content))
}

#[cfg(unix)]
fn mode(facts: &fs::Metadata) -> FileMode {
    use std::os::unix::fs::PermissionsExt as _;
    if facts.permissions().mode() & 0o100 == 0 {
        FileMode::Regular
    } else {
        FileMode::Executable
    }
}

/// Windows does not tell; what the branch says stays.
#[cfg(not(unix))]
fn mode(_facts: &fs::Metadata) -> FileMode {
    FileMode::Regular
}

/// Where a link points to, if that is within the folder.
fn link(folder: &Path, path: &Path, below: &Path) -> Result<Vec<u8>, FolderError> {
    let target = fs::read_link(path).map_err(|source| FolderError::Read {
        path: path.to_owned(),
        source,
    })?;
    let refused = || FolderError::Link(folder.join(below));
    // How deep below the folder one is while following it.
    let mut depth = below.components().count().saturating_sub(1);
    for component in target.components() {
        match component {
            Component::Normal(name) if name != ".git" => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::Normal(_)
            | Component::ParentDir
            | Component::RootDir
            | Component::Prefix(_) => return Err(refused()),
        }
    }
    let text = target.to_str().ok_or_else(refused)?;
    Ok(text.replace('\\', "/").into_bytes())
}

fn name(below: &Path, into: &str) -> Option<String> {
    let parts: Option<Vec<&str>> = below
        .components()
        .map(|component| component.as_os_str().to_str())
        .collect();
    let own = parts?.join("/");
    Some(if into.is_empty() {
        own
    } else {
        format!("{into}/{own}")
    })
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_folder_is_read_as_git_would() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("sub/.git")).unwrap();
        fs::create_dir_all(at(".git")).unwrap();
        for (name, text) in [
            (".gitignore", "*.log\n!keep.log\n/only-here\n"),
            ("a.log", "no"),
            ("keep.log", "yes"),
            (".env", "hidden files count"),
            ("sub/.gitignore", "b\n"),
            ("sub/b", "no"),
            ("sub/only-here", "yes"),
            ("only-here", "no"),
            ("run.sh", "#!/bin/sh\n"),
            (".git/config", "no"),
            ("sub/.git/config", "no"),
        ] {
            fs::write(at(name), text).unwrap();
        }
        fs::set_permissions(at("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("../keep.log", at("sub/link")).unwrap();
        let files = collect_files(folder.path(), "docs").unwrap();
        let names: Vec<_> = files
            .iter()
            .map(|file| (file.path.as_str(), file.mode))
            .collect();
        assert_eq!(
            names,
            [
                ("docs/.env", FileMode::Regular),
                ("docs/.gitignore", FileMode::Regular),
                ("docs/keep.log", FileMode::Regular),
                ("docs/run.sh", FileMode::Executable),
                ("docs/sub/.gitignore", FileMode::Regular),
                ("docs/sub/link", FileMode::Link),
                ("docs/sub/only-here", FileMode::Regular),
            ]
        );
    }

    #[test]
    fn what_a_gitignore_says_is_understood_or_nothing_is_published() {
        for (place, text) in [
            (".gitignore", &b"caf\xe9\nsecret\n"[..]),
            (".gitignore", b"[z-a]\nsecret\n"),
            ("sub/.gitignore", b"caf\xe9\nsecret\n"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("sub")).unwrap();
            fs::write(folder.path().join("sub/secret"), "").unwrap();
            fs::write(folder.path().join(place), text).unwrap();
            let error = collect_files(folder.path(), "").unwrap_err();
            assert!(error.to_string().contains(place), "{error}");
        }
    }

    #[test]
    fn a_link_stays_within_the_folder() {
        for (target, is_taken) in [
            ("a", true),
            ("./b/../a", true),
            ("../x", false),
            ("/etc/passwd", false),
            (".git/config", false),
            ("b/../../x", false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            symlink(target, folder.path().join("link")).unwrap();
            assert_eq!(
                collect_files(folder.path(), "").is_ok(),
                is_taken,
                "{target}"
            );
        }
    }
}
