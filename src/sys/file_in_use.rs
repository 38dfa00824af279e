//! Files that another process uses: Windows neither replaces nor opens them meanwhile.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// How long another process may use a file.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Interval between two attempts. Readers in a loop leave only short gaps.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Repeats an attempt on Windows until the file is no longer in use.
pub(super) fn retry<T>(attempt: impl Fn() -> io::Result<T>) -> io::Result<T> {
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
