//! Waiting for a program, not longer than it may take, and hardly longer than it takes.

use std::io;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// How soon a running program is looked at, again soon after it has closed an output, and how seldom at last.
const GLANCES: [Duration; 2] = [Duration::from_micros(100), Duration::from_millis(5)];

/// Waits until a program ends; `None` where it takes longer.
///
/// The thread is woken whenever the program closes an output ([`super::caught::Caught`]), and looks again at once.
pub(super) fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let [first, last] = GLANCES;
    let mut glance = first;
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        let asleep = Instant::now();
        thread::park_timeout(glance);
        glance = if asleep.elapsed() < glance {
            first
        } else {
            (glance * 2).min(last)
        };
    }
}
