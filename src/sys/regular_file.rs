//! Reads files that another user may have created: without waiting, regular files only, up to a limit. A pipe or a device
//! in the place of a file would block the program, or fill its memory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

/// The limit for configuration, in bytes.
pub(crate) const MAX_CONFIG_BYTES: u64 = 16 * 1024 * 1024;

/// Opens a regular file for reading, without waiting for the other end of a pipe.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    without_waiting(&mut options);
    let file = retry_in_use(|| options.open(path))?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(file)
}

/// Opens a regular file for reading and appending. A new one is readable by its owner only.
pub(crate) fn open_for_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    without_waiting(&mut options);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(file)
}

/// Makes `open` return at once for a pipe. It has no effect on a regular file.
#[cfg(unix)]
pub(super) fn without_waiting(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options.custom_flags(flags.bits().cast_signed());
}

#[cfg(not(unix))]
pub(super) fn without_waiting(_options: &mut OpenOptions) {}

/// Whether a file could not be opened for writing because it is a pipe without a reader, or a socket.
#[cfg(unix)]
pub(super) fn is_pipe_error(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error())
}

#[cfg(not(unix))]
pub(super) fn is_pipe_error(_error: &io::Error) -> bool {
    false
}

/// The content of a regular file. A larger one is an error.
pub(crate) fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(max_bytes)).unwrap_or_default());
    read_to_limit(file, max_bytes, &mut bytes)?;
    Ok(bytes)
}

/// The content of a regular text file. `None` where it does not exist.
pub(crate) fn read_text(path: &Path, max_bytes: u64) -> io::Result<Option<String>> {
    match read(path, max_bytes) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "not valid UTF-8",
            )),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The content of a file that the user names, which may also be a pipe: `<(command)`, `/dev/stdin`. Another process has
/// `timeout` to write it.
pub(crate) fn read_within(
    path: &Path,
    max_bytes: u64,
    timeout: Duration,
) -> io::Result<Zeroizing<Vec<u8>>> {
    let read = move |path: &Path| {
        // With this capacity a secret is not reallocated, which would leave copies of it in memory.
        let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024 + 1));
        read_to_limit(File::open(path)?, max_bytes, &mut bytes)?;
        Ok(bytes)
    };
    if fs::metadata(path)?.is_file() {
        return read(path);
    }
    let (sender, receiver) = mpsc::channel();
    let path = path.to_owned();
    thread::spawn(move || {
        // After the timeout there is no receiver. The thread ends with the process.
        let _sent = sender.send(read(&path));
    });
    receiver.recv_timeout(timeout).unwrap_or_else(|_| {
        let message = format!("not written within {} seconds", timeout.as_secs_f32());
        Err(io::Error::new(io::ErrorKind::TimedOut, message))
    })
}

fn read_to_limit(file: impl Read, max_bytes: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    let read = file.take(max_bytes + 1).read_to_end(bytes)?;
    if read as u64 > max_bytes {
        let message = format!("larger than {} KiB", max_bytes / 1024);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// The standard library has no call for it.
    fn fifo(path: &Path) -> rustix::io::Result<()> {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
    }

    #[test]
    fn only_regular_files_up_to_the_limit_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "text").unwrap();
        fifo(&at("fifo")).unwrap();
        std::os::unix::fs::symlink("fifo", at("link")).unwrap();
        assert_eq!(read(&at("file"), 4).unwrap(), b"text");
        let error = read(&at("file"), 3).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        for path in [
            at("fifo"),
            at("link"),
            "/dev/zero".into(),
            dir.path().into(),
        ] {
            let error = read(&path, 4).unwrap_err();
            assert!(error.to_string().contains("regular file"), "{error}");
        }
        assert_eq!(read_text(&at("missing"), 4).unwrap(), None);
    }

    #[test]
    fn a_pipe_that_the_user_names_is_read_within_the_time_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        fifo(&path).unwrap();
        let error = read_within(&path, 99, Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let late = dir.path().join("late");
        fifo(&late).unwrap();
        let writer = thread::spawn({
            let late = late.clone();
            move || {
                let mut pipe = OpenOptions::new().write(true).open(late).unwrap();
                pipe.write_all(b"text").unwrap();
            }
        });
        let bytes = read_within(&late, 99, Duration::from_secs(30)).unwrap();
        assert_eq!(bytes.as_slice(), b"text");
        writer.join().unwrap();
        let endless = read_within(Path::new("/dev/zero"), 99, Duration::from_secs(30));
        assert_eq!(endless.unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}

/// How long another process may use a file.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Interval between two attempts. Readers in a loop leave only short gaps.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Repeats an attempt on Windows until the file is no longer in use.
pub(super) fn retry_in_use<T>(attempt: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        match attempt() {
            Err(error) if cfg!(windows) && is_in_use(&error) && Instant::now() < deadline => {
                thread::sleep(POLL_INTERVAL);
            }
            result => return result,
        }
    }
}

fn is_in_use(error: &io::Error) -> bool {
    const ERROR_SHARING_VIOLATION: i32 = 32;
    error.kind() == io::ErrorKind::PermissionDenied
        || error.raw_os_error() == Some(ERROR_SHARING_VIOLATION)
}

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
