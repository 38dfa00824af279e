//! The files of a directory that is published: without `.git` and what `.gitignore` excludes.
//! Pointers of Git LFS (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>) stand for files.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use ignore::WalkBuilder;
use thiserror::Error;

use crate::sys::regular_file;
use crate::types::commit::{BlobHasher, hex};
use crate::types::git_dir_name::is_git_dir_name;
use crate::types::tree_diff::{FileContent, FileMode, LocalFile};

/// Why a directory cannot be published.
#[derive(Debug, Error)]
pub(crate) enum SourceDirError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// A `.gitignore` cannot be parsed, or the directory cannot be walked.
    #[error("{0}")]
    Walk(String),
    #[error("symbolic link {} points outside the directory", .0.display())]
    LinkOutside(PathBuf),
    /// A socket, pipe or device.
    #[error("{} is neither a file nor a directory", .0.display())]
    SpecialFile(PathBuf),
    /// Git on Windows or macOS refuses to check it out.
    #[error("git on Windows or macOS reads the name {} as .git", .0.display())]
    GitDirName(PathBuf),
    #[error("the name of {} is not valid UTF-8", .0.display())]
    NotUtf8(PathBuf),
    #[error("{} changed during the run", .0.display())]
    Changed(PathBuf),
}

/// All files of a directory, named below `into` and sorted by path. Symbolic links stay links where they are relative
/// and stay within the directory, and are refused otherwise. Contents are hashed, not kept.
///
/// The `.gitignore` files in the directory apply, those above it do not: what is published is often what the checkout
/// around it ignores. The user's global excludes do not apply either.
pub(crate) fn collect_files(dir: &Path, into: &str) -> Result<Vec<LocalFile>, SourceDirError> {
    let metadata = fs::metadata(dir).map_err(|source| read_error(dir, source))?;
    if !metadata.is_dir() {
        return Err(SourceDirError::NotADirectory(dir.to_owned()));
    }
    // In any case, for file systems that ignore it.
    let is_git_dir = |name: &OsStr| name.to_string_lossy().eq_ignore_ascii_case(".git");
    check_ignored(&dir.join(".gitignore"))?;
    // The walker reads the `.gitignore` of a directory before it returns the directory.
    let unreadable = Arc::new(Mutex::new(None));
    let check_below = {
        let unreadable = Arc::clone(&unreadable);
        move |dir: &Path| match check_ignored(&dir.join(".gitignore")) {
            Ok(()) => true,
            Err(error) => {
                let mut first = unreadable.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(error);
                false
            }
        }
    };
    let walk = WalkBuilder::new(dir)
        .standard_filters(false)
        .git_ignore(true)
        .require_git(false)
        .follow_links(false)
        .filter_entry(move |entry| {
            let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
            entry.depth() == 0
                || !is_git_dir(entry.file_name()) && (!is_dir || check_below(entry.path()))
        })
        .build();
    let mut files = Vec::new();
    for entry in walk {
        let entry = entry.map_err(|error| SourceDirError::Walk(error.to_string()))?;
        // Otherwise a file that an invalid pattern was to exclude would be published.
        if let Some(error) = entry.error() {
            return Err(SourceDirError::Walk(error.to_string()));
        }
        let path = entry.path();
        let kind = entry.file_type();
        if entry.depth() > 0 && is_git_dir_name(&entry.file_name().to_string_lossy()) {
            return Err(SourceDirError::GitDirName(path.to_owned()));
        }
        if entry.depth() == 0 || kind.is_some_and(|kind| kind.is_dir()) {
            continue;
        }
        let below = path.strip_prefix(dir).unwrap_or(path);
        let name = repository_path(below, into);
        let name = name.ok_or_else(|| SourceDirError::NotUtf8(path.to_owned()))?;
        files.push(if path.is_symlink() {
            link(name, path, below)?
        } else if kind.is_some_and(|kind| kind.is_file()) {
            file(name, path)?
        } else {
            return Err(SourceDirError::SpecialFile(path.to_owned()));
        });
    }
    let mut unreadable = unreadable.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = unreadable.take() {
        return Err(error);
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn read_error(path: &Path, source: io::Error) -> SourceDirError {
    SourceDirError::Read {
        path: path.to_owned(),
        source,
    }
}

/// The walker reports neither a `.gitignore` that it cannot read nor one that is not UTF-8, and waits for a pipe.
fn check_ignored(path: &Path) -> Result<(), SourceDirError> {
    const MAX_BYTES: u64 = 1024 * 1024;
    let read = regular_file::read_text(path, MAX_BYTES);
    read.map(drop).map_err(|source| read_error(path, source))
}

fn file(name: String, path: &Path) -> Result<LocalFile, SourceDirError> {
    let failed = |source| read_error(path, source);
    let mut file = regular_file::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mut hasher = BlobHasher::new(metadata.len());
    let mut buffer = vec![0; 64 * 1024];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            break;
        }
        size += read as u64;
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
    if size != metadata.len() {
        return Err(SourceDirError::Changed(path.to_owned()));
    }
    Ok(LocalFile {
        path: name,
        mode: mode(&metadata),
        hash: hasher.finish(),
        content: FileContent::File(path.to_owned()),
    })
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> FileMode {
    use std::os::unix::fs::PermissionsExt as _;
    if metadata.permissions().mode() & 0o100 == 0 {
        FileMode::Regular
    } else {
        FileMode::Executable
    }
}

/// Windows has no executable bit; the mode on the branch is kept.
#[cfg(not(unix))]
fn mode(_metadata: &fs::Metadata) -> FileMode {
    FileMode::Regular
}

fn link(name: String, path: &Path, below: &Path) -> Result<LocalFile, SourceDirError> {
    let target = fs::read_link(path).map_err(|source| read_error(path, source))?;
    let refused = || SourceDirError::LinkOutside(path.to_owned());
    // The number of directories between the root and the current component.
    let mut depth = below.components().count().saturating_sub(1);
    for component in target.components() {
        match component {
            Component::Normal(name) if !is_git_dir_name(&name.to_string_lossy()) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::Normal(_)
            | Component::ParentDir
            | Component::RootDir
            | Component::Prefix(_) => return Err(refused()),
        }
    }
    let text = target.to_str().ok_or_else(refused)?;
    let target = text.replace('\\', "/").into_bytes();
    let mut hasher = BlobHasher::new(target.len() as u64);
    hasher.update(&target);
    Ok(LocalFile {
        path: name,
        mode: FileMode::Symlink,
        hash: hasher.finish(),
        content: FileContent::LinkTarget(target),
    })
}

/// `None` where a name is not UTF-8.
fn repository_path(below: &Path, into: &str) -> Option<String> {
    let parts: Option<Vec<&str>> = below
        .components()
        .map(|component| component.as_os_str().to_str())
        .collect();
    let path = parts?.join("/");
    Some(if into.is_empty() {
        path
    } else {
        format!("{into}/{path}")
    })
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn files_are_collected_as_git_would_add_them() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
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
        let files = collect_files(dir.path(), "docs").unwrap();
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
                ("docs/sub/link", FileMode::Symlink),
                ("docs/sub/only-here", FileMode::Regular),
            ]
        );
    }

    #[test]
    fn gitignore_that_cannot_be_parsed_is_an_error() {
        for (name, text) in [
            (".gitignore", &b"caf\xe9\nsecret\n"[..]),
            (".gitignore", b"[z-a]\nsecret\n"),
            ("sub/.gitignore", b"caf\xe9\nsecret\n"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir(dir.path().join("sub")).unwrap();
            fs::write(dir.path().join("sub/secret"), "").unwrap();
            fs::write(dir.path().join(name), text).unwrap();
            let error = collect_files(dir.path(), "").unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_in_the_place_of_a_file_does_not_block() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        for (name, error) in [
            (".gitignore", "not a regular file"),
            ("sub/.gitignore", "not a regular file"),
            ("sub/pipe", "neither a file nor a directory"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir(dir.path().join("sub")).unwrap();
            let path = dir.path().join(name);
            mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            let found = collect_files(dir.path(), "").unwrap_err().to_string();
            assert!(found.contains(name) && found.contains(error), "{found}");
        }
    }

    #[test]
    fn names_that_some_git_reads_as_its_directory_are_refused() {
        for (name, is_refused) in [
            ("git~1/config", true),
            ("sub/.git ", true),
            ("\u{200c}.git", true),
            ("git~2", false),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            let collected = collect_files(dir.path(), "");
            assert_eq!(collected.is_err(), is_refused, "{name}: {collected:?}");
        }
    }

    #[test]
    fn links_stay_within_the_directory() {
        for (target, is_valid) in [
            ("a", true),
            ("./b/../a", true),
            ("../x", false),
            ("/etc/passwd", false),
            (".git/config", false),
            ("b/../../x", false),
        ] {
            let dir = tempfile::tempdir().unwrap();
            symlink(target, dir.path().join("link")).unwrap();
            assert_eq!(collect_files(dir.path(), "").is_ok(), is_valid, "{target}");
        }
    }
}

const POINTER_START: &[u8] = b"version https://git-lfs.github.com/spec/";

/// The hash of the blob that has the pointer to a file; `None` where the file is a pointer itself.
pub(crate) fn pointer_hash(path: &Path) -> io::Result<Option<String>> {
    let mut file = regular_file::open(path)?;
    let mut digest = Context::new(&SHA256);
    let mut buffer = vec![0; 64 * 1024];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer)?;
        let chunk = buffer.get(..read).unwrap_or_default();
        if size == 0 && chunk.starts_with(POINTER_START) {
            return Ok(None);
        }
        if read == 0 {
            break;
        }
        size += read as u64;
        digest.update(chunk);
    }
    let oid = hex(digest.finish().as_ref());
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n");
    let mut hasher = BlobHasher::new(pointer.len() as u64);
    hasher.update(pointer.as_bytes());
    Ok(Some(hasher.finish()))
}
