//! The only spawner of programs: with a time limit, its output caught.

mod browser;
mod capture;
mod child;
#[cfg(all(test, unix))]
mod tests;

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use thiserror::Error;

pub(crate) use self::browser::open_in_browser;
use self::capture::{MAX_OUTPUT_BYTES, OutputReader};
use self::child::{ChildProcess, Outcome};
use crate::sys::signals;

/// Why a program gave no answer.
#[derive(Debug, Error)]
pub(crate) enum ProcessError {
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
    /// How it ended is not known.
    #[error("{program} cannot be waited for: {source}")]
    Wait {
        /// The program.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// It printed more than is kept of it.
    #[error("{program} printed too much to be read")]
    OutputTooLarge {
        /// The program.
        program: String,
    },
    /// It was not started, or was ended, because a signal has told this program to end, which it does as soon as nothing
    /// is put off any more.
    #[error("{program} was interrupted")]
    Interrupted {
        /// The program.
        program: String,
    },
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct ProcessOutput {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it printed to standard output.
    pub stdout: Vec<u8>,
    /// It printed more than is kept.
    pub truncated: bool,
    /// What it printed to standard error, where that is [`Stderr::Capture`].
    pub stderr: Vec<u8>,
}

impl ProcessOutput {
    /// The same, where nothing is missing from what it printed.
    ///
    /// # Errors
    /// [`ProcessError::OutputTooLarge`].
    pub(crate) fn ensure_not_truncated(self, program: &str) -> Result<Self, ProcessError> {
        if self.truncated {
            let program = program.to_owned();
            return Err(ProcessError::OutputTooLarge { program });
        }
        Ok(self)
    }
}

/// What becomes of a program's standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stderr {
    /// The user sees them.
    Inherit,
    /// Nobody does.
    Null,
    /// They are part of the answer.
    Capture,
}

/// A program to be run: never through a shell.
#[derive(Debug)]
pub(crate) struct CommandSpec {
    program: String,
    arguments: Vec<OsString>,
    #[cfg(windows)]
    line: OsString,
    without: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    input: Vec<u8>,
    complaints: Stderr,
    most: usize,
    is_apart: bool,
}

impl CommandSpec {
    /// A program without arguments and input, whose complaints the user sees.
    #[must_use]
    pub(crate) fn new(program: &str) -> Self {
        Self {
            program: program.to_owned(),
            arguments: Vec::new(),
            #[cfg(windows)]
            line: OsString::new(),
            without: Vec::new(),
            environment: Vec::new(),
            input: Vec::new(),
            complaints: Stderr::Inherit,
            most: MAX_OUTPUT_BYTES,
            is_apart: false,
        }
    }

    /// With so many bytes of its output kept instead of a mebibyte.
    #[must_use]
    pub(crate) fn max_output(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// With these arguments behind those it has.
    #[must_use]
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        let arguments = arguments.into_iter();
        self.arguments
            .extend(arguments.map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// With this behind its arguments, as it stands: `cmd` reads quotes in a way of its own.
    #[cfg(windows)]
    #[must_use]
    pub fn line(mut self, line: impl Into<OsString>) -> Self {
        self.line = line.into();
        self
    }

    /// Without those of the variables that it would inherit whose name is one of these.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "only names are looked at, to keep them from a program"
    )]
    pub(crate) fn env_remove_matching(mut self, is_one: impl Fn(&str) -> bool) -> Self {
        let names = env::vars_os().map(|(name, _)| name);
        self.without
            .extend(names.filter(|name| is_one(&name.to_string_lossy())));
        self
    }

    /// With a variable in its environment, also where [`CommandSpec::env_remove_matching`] takes away the inherited one.
    #[must_use]
    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let (name, value) = (name.as_ref().to_owned(), value.as_ref().to_owned());
        self.environment.push((name, value));
        self
    }

    /// With this on its standard input, which ends behind it.
    #[must_use]
    pub(crate) fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// With its standard error treated like this.
    #[must_use]
    pub(crate) fn stderr(mut self, complaints: Stderr) -> Self {
        self.complaints = complaints;
        self
    }

    /// In a group of its own, which is ended with it: whatever it has started ends as well. Not for what asks somebody at
    /// the terminal, which is for one group only.
    #[must_use]
    pub(crate) fn new_process_group(mut self) -> Self {
        self.is_apart = true;
        self
    }

    /// Runs it, and waits for it. A signal that tells this program to end ends it as well.
    ///
    /// # Errors
    /// [`ProcessError`] when it cannot be started or does not end in time. Any exit status is an answer.
    pub(crate) fn run(self, limit: Duration) -> Result<ProcessOutput, ProcessError> {
        let program = self.program;
        let _put_off = signals::defer();
        if signals::is_pending() {
            return Err(ProcessError::Interrupted { program });
        }
        let mut command = command(&program);
        for name in &self.without {
            command.env_remove(name);
        }
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(if self.input.is_empty() {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stdout(Stdio::piped())
            .stderr(match self.complaints {
                Stderr::Inherit => Stdio::inherit(),
                Stderr::Null => Stdio::null(),
                Stderr::Capture => Stdio::piped(),
            });
        #[cfg(windows)]
        std::os::windows::process::CommandExt::raw_arg(&mut command, &self.line);
        let mut running = match ChildProcess::start(command, self.is_apart) {
            Ok(running) => running,
            Err(source) => return Err(ProcessError::Start { program, source }),
        };
        let child = &mut running.child;
        if let Some(mut stdin) = child.stdin.take() {
            let input = self.input;
            // A program that does not read its input closes it.
            thread::spawn(move || drop(stdin.write_all(&input)));
        }
        let (stdout, stderr) = (
            OutputReader::from(child.stdout.take(), self.most),
            OutputReader::from(child.stderr.take(), self.most),
        );
        match running.wait(limit) {
            Ok(Outcome::Ended(status)) => {
                let (stdout, truncated) = stdout.finish();
                Ok(ProcessOutput {
                    status,
                    stdout,
                    truncated,
                    stderr: stderr.finish().0,
                })
            }
            Ok(Outcome::TimedOut) => Err(ProcessError::TimedOut { program, limit }),
            Ok(Outcome::Interrupted) => Err(ProcessError::Interrupted { program }),
            Err(source) => Err(ProcessError::Wait { program, source }),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the room that starts programs"
)]
fn command(program: &str) -> Command {
    Command::new(program)
}
