//! The only spawner of programs: with a time limit, its output caught.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::mem;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;
use zeroize::Zeroize as _;

/// The most that is read of a program's output, in bytes. The rest is thrown away.
const MOST_OUTPUT: usize = 1024 * 1024;

/// How long the last words of a program that has ended may take.
const GRACE: Duration = Duration::from_millis(200);

/// How often a running program is looked at.
const GLANCE: Duration = Duration::from_millis(5);

/// Why a program gave no answer.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// It could not be started.
    #[error("{program} cannot be started: {source}")]
    Start {
        /// The program.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// It was still running at its deadline, and was ended.
    #[error("{program} did not end within {} seconds", limit.as_secs_f32())]
    TimedOut {
        /// The program.
        program: String,
        /// Its time limit.
        limit: Duration,
    },
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it printed to standard output.
    pub stdout: Vec<u8>,
}

/// What becomes of a program's standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complaints {
    /// The user sees them.
    Shown,
    /// Nobody does.
    Ignored,
}

/// Runs a program without input, and waits for it.
///
/// # Errors
/// [`ProcessError`] when it cannot be started or does not end in time. Any exit status is an answer.
pub fn run<S: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = S>,
    complaints: Complaints,
    limit: Duration,
) -> Result<Ended, ProcessError> {
    let started = |source| ProcessError::Start {
        program: program.to_owned(),
        source,
    };
    let mut child = command(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(if complaints == Complaints::Shown {
            Stdio::inherit()
        } else {
            Stdio::null()
        })
        .spawn()
        .map_err(started)?;
    let printed = Arc::new(Mutex::new(Vec::new()));
    let (done, ended) = mpsc::channel();
    let (stdout, into) = (child.stdout.take(), Arc::clone(&printed));
    thread::spawn(move || {
        collect(stdout, &into);
        // Nobody waits any more after the deadline.
        let _told = done.send(());
    });
    let Some(status) = wait(&mut child, limit).map_err(started)? else {
        // Best effort: it may have ended between the two.
        let _killed = child.kill();
        let _status = child.wait();
        return Err(ProcessError::TimedOut {
            program: program.to_owned(),
            limit,
        });
    };
    // A grandchild may hold the pipe open; what was printed until now is what counts.
    let _all = ended.recv_timeout(GRACE);
    let stdout = mem::take(&mut *printed.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Ended { status, stdout })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the room that starts programs"
)]
fn command(program: &str) -> Command {
    Command::new(program)
}

fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(GLANCE);
    }
}

/// Reads all that is printed, and keeps as much of it as is taken.
fn collect(stdout: Option<impl Read>, into: &Mutex<Vec<u8>>) {
    let Some(mut stdout) = stdout else { return };
    let mut chunk = [0; 8 * 1024];
    while let Ok(count @ 1..) = stdout.read(&mut chunk) {
        let mut kept = into.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST_OUTPUT.saturating_sub(kept.len());
        kept.extend_from_slice(&chunk[..count.min(room)]);
    }
    chunk.zeroize();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn output_and_status_are_caught() {
        let ended = run(
            "sh",
            ["-c", "echo one; exit 3"],
            Complaints::Ignored,
            Duration::from_secs(5),
        )
        .unwrap();
        assert_eq!(
            (ended.status.code(), ended.stdout.as_slice()),
            (Some(3), b"one\n".as_slice())
        );
    }

    #[test]
    fn neither_a_grandchild_nor_a_flood_is_in_the_way() {
        let started = Instant::now();
        let ended = run(
            "sh",
            ["-c", "echo one; sleep 20 &"],
            Complaints::Ignored,
            Duration::from_secs(9),
        )
        .unwrap();
        assert_eq!(ended.stdout, b"one\n");
        assert!(started.elapsed() < Duration::from_secs(5));
        let flood = "head -c 3000000 /dev/zero";
        let ended = run(
            "sh",
            ["-c", flood],
            Complaints::Ignored,
            Duration::from_secs(9),
        )
        .unwrap();
        assert_eq!(
            (ended.status.success(), ended.stdout.len()),
            (true, MOST_OUTPUT)
        );
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let started = Instant::now();
        let error = run(
            "sleep",
            ["30"],
            Complaints::Ignored,
            Duration::from_millis(50),
        )
        .unwrap_err();
        assert!(matches!(error, ProcessError::TimedOut { .. }), "{error}");
        assert!(started.elapsed() < Duration::from_secs(5));
        assert!(matches!(
            run(
                "no-such-program-here",
                [""; 0],
                Complaints::Ignored,
                Duration::from_secs(1)
            ),
            Err(ProcessError::Start { .. })
        ));
    }
}
