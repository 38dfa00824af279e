//! Files that are replaced atomically: a reader sees the old or the new content, never a part of either. Reading, changing
//! and writing happen under a lock.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::{Builder, NamedTempFile};

use crate::sys::regular_file::{self, MAX_CONFIG_BYTES};
use crate::sys::signals;
#[cfg(target_os = "linux")]
use crate::types::date::Timestamp;

/// How long another process may hold a lock, unless `--timeout` says otherwise.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Interval between two attempts to take a lock.
const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(10);

const TEMP_PREFIX: &str = ".bbconnect-";

/// What to do about a lock that is not released.
pub(crate) const LOCK_HINT: &str =
    "end the process that holds the lock, or wait longer with --timeout SECONDS";

/// Reads a text file. `None` if it does not exist.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    regular_file::read_text(path, MAX_CONFIG_BYTES)
}

/// Replaces a file that only its owner may read.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    write_bytes(path, text.as_bytes())
}

/// As [`write()`], for a file that need not be text.
pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, 0o600)
}

/// Replaces a file that everybody may read, as far as the umask allows.
pub(crate) fn write_world_readable(path: &Path, text: &[u8]) -> io::Result<()> {
    replace(path, text, 0o666)
}

fn replace(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let _critical = signals::critical_section();
    let path = &resolve_symlinks(path);
    let mut file = temp_file_in(parent_dir(path), mode)?;
    file.as_file_mut().write_all(text)?;
    file.as_file().sync_all()?;
    persist(file, path)
}

/// Gives a temporary file its name. A file that has this name already is replaced.
pub(crate) fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    // The file stays open, and with it the lock that it may have.
    let (_file, temporary) = file.into_parts();
    rename(&temporary, path)?;
    // It only forgets the name, which is no longer that of a file.
    drop(temporary.keep());
    Ok(())
}

/// Renames a file or a directory.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    regular_file::retry_in_use(|| fs::rename(from, to))
}

/// Creates an empty temporary file, with a mode that the umask may narrow.
///
/// tempfile wraps the system's error in a message that names the temporary file, which means nothing to the user. The
/// error code is taken where the file is opened.
pub(crate) fn temp_file_in(dir: &Path, mode: u32) -> io::Result<NamedTempFile> {
    temp_file_with_prefix(TEMP_PREFIX, dir, mode)
}

/// As [`temp_file_in`], with a name that begins with `prefix`. On Windows 0600 stands for an access control list with
/// the user alone, and any other mode for the rights of the directory.
pub(crate) fn temp_file_with_prefix(
    prefix: &str,
    dir: &Path,
    mode: u32,
) -> io::Result<NamedTempFile> {
    make_temp_file(prefix, dir, |path| create_new(path, mode))
}

/// Creates an empty temporary file that takes the place of another, beside it. On Windows it has the access rights of the
/// other from the beginning on; on Unix it is private until the caller has given it owner and mode.
pub(crate) fn temp_file_like(original: &Path) -> io::Result<NamedTempFile> {
    let dir = parent_dir(original);
    #[cfg(windows)]
    return make_temp_file(TEMP_PREFIX, dir, |path| {
        super::access_control::create_like(original, path)
    });
    #[cfg(unix)]
    temp_file_in(dir, 0o600)
}

fn make_temp_file(
    prefix: &str,
    dir: &Path,
    create: impl Fn(&Path) -> io::Result<File>,
) -> io::Result<NamedTempFile> {
    let mut os_error = None;
    let mut builder = Builder::new();
    let file = builder.prefix(prefix).make_in(dir, |path| {
        let created = create(path);
        created.inspect_err(|error| os_error = error.raw_os_error())
    });
    file.map_err(|error| os_error.map_or(error, io::Error::from_raw_os_error))
}

fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(windows)]
    if mode == 0o600 {
        return super::access_control::create_private(path);
    }
    options.open(path)
}

/// Follows symbolic links, so that a link stays a link when its target is replaced. The target need not exist yet.
fn resolve_symlinks(path: &Path) -> PathBuf {
    /// Linux follows at most 40 links, other systems fewer.
    const MAX_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = fs::read_link(&path) else {
            break;
        };
        path = parent_dir(&path).join(target);
    }
    path
}

/// Takes the lock of a file, which is released when the returned file is dropped. The lock is a file of its own, because
/// the locked file is replaced. Readers need no lock.
///
/// Another process that does not release the lock within `timeout` is an error of the kind [`io::ErrorKind::TimedOut`].
pub(crate) fn lock(path: &Path, timeout: Duration) -> io::Result<File> {
    create_private_dir(parent_dir(path))?;
    let mut name = PathBuf::from(path).into_os_string();
    name.push(".lock");
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    regular_file::without_waiting(&mut options);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&name).map_err(|error| {
        if regular_file::is_pipe_error(&error) {
            let message = format!("{} is not a regular file", Path::new(&name).display());
            return io::Error::other(message);
        }
        error
    })?;
    let deadline = Instant::now() + timeout;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::sleep(LOCK_POLL_INTERVAL);
            }
            Err(TryLockError::WouldBlock) => {
                let message = format!(
                    "{} holds the lock {}, also after {} seconds",
                    lock_holder(&file).unwrap_or_else(|| "another process".to_owned()),
                    Path::new(&name).display(),
                    timeout.as_secs_f32()
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// The process that holds the lock of a file, and since when it runs (proc(5)).
#[cfg(target_os = "linux")]
fn lock_holder(file: &File) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let inode = file.metadata().ok()?.ino().to_string();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    // `1: FLOCK  ADVISORY  WRITE 31283 fe:00:464 0 EOF`; for a waiting process `1: -> FLOCK …`.
    let process = locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_held = fields.get(1) == Some(&"FLOCK");
        let is_same = fields.get(5)?.rsplit(':').next() == Some(&inode);
        fields.get(4).filter(|_| is_held && is_same).copied()
    })?;
    let dir = Path::new("/proc").join(process);
    let stat = fs::read_to_string(dir.join("stat")).ok()?;
    // The name, in parentheses, may contain anything.
    let (name, fields) = stat.split_once('(')?.1.rsplit_once(')')?;
    let ticks: u64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    let boot = fs::read_to_string("/proc/stat").ok()?;
    let boot = boot.lines().find_map(|line| line.strip_prefix("btime "))?;
    let started =
        boot.trim().parse::<u64>().ok()? + ticks / rustix::param::clock_ticks_per_second();
    let started = Timestamp::from_millis(i64::try_from(started).ok()?.checked_mul(1000)?)?;
    Some(format!(
        "process {process} ({name}, running since {started})"
    ))
}

/// Other systems do not tell.
#[cfg(not(target_os = "linux"))]
fn lock_holder(_file: &File) -> Option<String> {
    None
}

/// Creates a directory and its parents with mode 0700. An existing directory is not changed.
pub(crate) fn create_private_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// The directory of a file; `.` for a bare name.
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
    fn a_symbolic_link_stays_one_and_its_target_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
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
        symlink("nowhere/file", path("dangling")).unwrap();
        assert!(write(&path("dangling"), "text").is_err());
        assert!(fs::symlink_metadata(path("dangling")).unwrap().is_symlink());
    }

    #[test]
    fn errors_are_those_of_the_system() {
        let dir = tempfile::tempdir().unwrap();
        let error = write(&dir.path().join("missing/file"), "text").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.raw_os_error().is_some());
        assert!(!error.to_string().contains(".bbconnect-"), "{error}");
    }
}
