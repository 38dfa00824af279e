//! A program that runs: waiting for it, not longer than it may take and hardly longer than it takes; ending it with what it
//! has started.

use std::io;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use crate::sys::signals;

/// How soon a running program is looked at, again soon after it has closed an output, and how seldom at last.
const POLL_BACKOFF: [Duration; 2] = [Duration::from_micros(100), Duration::from_millis(5)];

/// How long a program that is told to end may take to put things right: a terminal its echo, a lock, half a clone.
const TERMINATE_GRACE: Duration = Duration::from_secs(1);

/// A program that was started.
pub(super) struct ChildProcess {
    pub(super) child: Child,
    /// It leads a group of its own.
    is_apart: bool,
}

/// What came of waiting.
pub(super) enum Outcome {
    /// It ended by itself.
    Ended(ExitStatus),
    /// It took too long, and was ended.
    TimedOut,
    /// This program was told to end, and has ended it.
    Interrupted,
}

impl ChildProcess {
    pub(super) fn start(mut command: Command, is_apart: bool) -> io::Result<Self> {
        #[cfg(unix)]
        if is_apart {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let child = command.spawn()?;
        Ok(Self { child, is_apart })
    }

    /// Waits until it ends, or has to be ended.
    pub(super) fn wait(&mut self, limit: Duration) -> io::Result<Outcome> {
        let deadline = Instant::now() + limit;
        if let Some(status) = self.wait_until(deadline, signals::is_pending)? {
            return Ok(Outcome::Ended(status));
        }
        if !signals::is_pending() {
            self.kill();
            return Ok(Outcome::TimedOut);
        }
        self.terminate();
        self.wait_until(Instant::now() + TERMINATE_GRACE, || false)?;
        // Who shares the terminal was told by it as well, and may go on putting things right.
        if self.is_apart {
            self.kill();
        }
        Ok(Outcome::Interrupted)
    }

    /// Waits until it ends; `None` where it takes longer, or there is something else to do.
    ///
    /// The thread is woken whenever the program closes an output ([`super::capture::OutputReader`]), and looks again at once.
    fn wait_until(
        &mut self,
        deadline: Instant,
        is_enough: impl Fn() -> bool,
    ) -> io::Result<Option<ExitStatus>> {
        let [first, last] = POLL_BACKOFF;
        let mut glance = first;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if is_enough() || Instant::now() >= deadline {
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

    /// Ends it at once, with its group. Best effort: it may just have ended.
    fn kill(&mut self) {
        #[cfg(unix)]
        if self.is_apart {
            self.signal(rustix::process::Signal::KILL);
        }
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }

    /// Has it put things right and end. Best effort, too.
    #[cfg(unix)]
    fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    #[cfg(not(unix))]
    fn terminate(&mut self) {
        let _killed = self.child.kill();
    }

    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) {
        use rustix::process::{Pid, kill_process, kill_process_group};
        let id = Pid::from_child(&self.child);
        let _sent = if self.is_apart {
            kill_process_group(id, signal)
        } else {
            kill_process(id, signal)
        };
    }
}
