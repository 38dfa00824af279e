//! The only writer to standard output and standard error.
//!
//! A command returns an outcome; here it becomes text or one JSON document. Text that came from outside is escaped
//! on its way ([`TextWriter`]), colours go only to terminals that want them, and a closed pipe ends the writing quietly.

mod connection_view;
mod help_layout;
mod json;
mod progress;
mod prompt;
mod redactor;
mod terminal_width;
mod text_writer;

use std::borrow::Cow;
use std::io::{self, Write};

use anstream::AutoStream;
use serde::Serialize;

pub(crate) use self::connection_view::ConnectionView;
pub(crate) use self::help_layout::fit_help;
pub(crate) use self::progress::Progress;
pub(crate) use self::redactor::Redactor;
use self::terminal_width::stderr_columns;
pub(crate) use self::terminal_width::stdout_columns;
pub(crate) use self::text_writer::{TextWriter, cell};

use self::progress::ProgressLine;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::types::connection::ConnectionName;
use crate::types::escape::{escape_output, strip_os_error_code};
use crate::types::json_pointer::JsonPointer;

/// What a command has found or done.
pub(crate) trait CommandOutput: Serialize {
    /// The name and version of the JSON document: `bbconnect/<command>@<version>`.
    const SCHEMA: &'static str;

    /// Whether the result is a secret that the user asked for. Otherwise secrets of this process are redacted.
    const REVEALS_SECRET: bool = false;

    /// The result as text, for standard output.
    fn write_stdout(&self, out: &mut TextWriter);

    /// What else the user should know, for standard error; silenced by `--quiet`, part of the document in JSON.
    fn write_stderr(&self, _page: &mut TextWriter) {}

    /// The exit status that the outcome stands for.
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Success
    }
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// On terminals, unless `NO_COLOR` is set or `TERM` is `dumb`
    #[default]
    Auto,
    /// Also into files and pipes
    Always,
    /// Nowhere
    Never,
}

impl From<ColorChoice> for anstream::ColorChoice {
    fn from(when: ColorChoice) -> Self {
        match when {
            ColorChoice::Auto => Self::Auto,
            ColorChoice::Always => Self::Always,
            ColorChoice::Never => Self::Never,
        }
    }
}

/// What an [`Ui`] is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutputOptions {
    /// Text or JSON.
    pub format: Format,
    /// Nothing but results and errors.
    pub quiet: bool,
    /// More on standard error.
    pub verbose: bool,
    /// When colours are used.
    pub color: ColorChoice,
    /// Standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// The terminal cannot move the cursor (`TERM=dumb`).
    pub is_dumb_terminal: bool,
}

/// The way out of the program.
#[derive(Debug, Clone)]
pub(crate) struct Ui {
    options: OutputOptions,
    connection: Option<ConnectionName>,
    /// The value of the JSON document that is printed instead of the whole.
    pointer: Option<JsonPointer>,
    progress: ProgressLine,
    redactor: Redactor,
}

impl Ui {
    /// An output with these options.
    pub(crate) fn new(options: OutputOptions) -> Self {
        Self {
            options,
            connection: None,
            pointer: None,
            progress: ProgressLine::default(),
            redactor: Redactor::default(),
        }
    }

    /// Prints one value of the JSON document of a result, and errors as text on standard error.
    pub(crate) fn with_pointer(mut self, pointer: Option<JsonPointer>) -> Self {
        if pointer.is_some() {
            self.options.format = Format::Json;
        }
        self.pointer = pointer;
        self
    }

    /// With the connection that the user named: the commands in hints are then for it.
    pub(crate) fn with_connection_hint(mut self, name: Option<&str>) -> Self {
        self.connection = name.and_then(|name| name.parse().ok());
        self
    }

    /// The secrets that are redacted in everything that is written.
    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Writes an outcome, and returns its exit status.
    pub(crate) fn print_result<R: CommandOutput>(&self, outcome: &R) -> Result<ExitStatus, Error> {
        let pretty = self.options.stdout_is_terminal;
        match (self.options.format, &self.pointer) {
            (_, Some(pointer)) => match json::value_at(R::SCHEMA, outcome, pointer, pretty) {
                Ok(value) => self.to_stdout(&self.redact_result::<R>(&value))?,
                // The exit status of a failed check says more than that of the pointer.
                Err(error) if outcome.exit_status() != ExitStatus::Success => {
                    let _not_found = self.print_error(&error);
                }
                Err(error) => return Err(error),
            },
            (Format::Json, None) => {
                let write_part = |part: &str| {
                    if R::REVEALS_SECRET {
                        self.write_stdout(part)
                    } else {
                        self.write_stdout(&self.redactor.redact_json(part))
                    }
                };
                json::write_document(R::SCHEMA, outcome, pretty, write_part)?;
            }
            (Format::Text, None) => {
                let mut out = self.stdout_text();
                outcome.write_stdout(&mut out);
                self.to_stdout(&self.redact_result::<R>(&out.finish()))?;
                let mut remarks = self.stderr_text();
                outcome.write_stderr(&mut remarks);
                self.eprint_unless_quiet(&remarks.finish());
            }
        }
        Ok(outcome.exit_status())
    }

    /// A result, text or JSON, without the secrets of this process.
    fn redact_result<'a, R: CommandOutput>(&self, text: &'a str) -> Cow<'a, str> {
        if R::REVEALS_SECRET {
            Cow::Borrowed(text)
        } else if text.starts_with(['{', '[']) {
            self.redactor.redact_json(text)
        } else {
            self.redactor.redact(text)
        }
    }

    /// Writes the body of a response: byte for byte where a program reads it, but for secrets, `pretty` and escaped on a terminal. With
    /// `--json` the document of the outcome, or that of the failure.
    pub(crate) fn print_raw_response<R: CommandOutput>(
        &self,
        outcome: &R,
        raw: &[u8],
        pretty: impl FnOnce() -> String,
        failure: Option<Error>,
    ) -> Result<ExitStatus, Error> {
        if self.options.format == Format::Json {
            return failure.map_or_else(|| self.print_result(outcome), Err);
        }
        if self.options.stdout_is_terminal {
            let mut out = TextWriter::default();
            out.lines(&pretty());
            self.to_stdout(&self.redactor.redact(&out.finish()))?;
        } else {
            let mut stdout = io::stdout().lock();
            let raw = self.redactor.redact_bytes(raw);
            match stdout.write_all(&raw).and_then(|()| stdout.flush()) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    return Err(Error::Stdout(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        failure.map_or(Ok(outcome.exit_status()), Err)
    }

    /// Writes text as it is to standard error: the help page where no command was given.
    pub(crate) fn eprint_raw(&self, text: &str) {
        self.to_stderr(text);
    }

    /// Writes an error, and returns its exit status.
    pub(crate) fn print_error(&self, error: &Error) -> ExitStatus {
        let connection = self.connection.as_ref().map(ToString::to_string);
        let hint = error.hint().map(|hint| hint.render(connection.as_deref()));
        if self.options.format == Format::Json && self.pointer.is_none() {
            // Where even this cannot be written, the exit status is all that is left to say.
            drop(
                json::error(error, hint, self.options.stdout_is_terminal)
                    .and_then(|document| self.to_stdout(&self.redactor.redact_json(&document))),
            );
        } else {
            let mut out = self.stderr_text();
            out.error(&strip_os_error_code(&error.to_string()), hint.as_deref());
            if self.options.verbose {
                error.source_chain().iter().for_each(|cause| {
                    out.line(&format!("  caused by: {}", strip_os_error_code(cause)));
                });
            }
            self.to_stderr(&out.finish());
        }
        error.exit_status()
    }

    /// A line about what the program does, with `--verbose`.
    pub(crate) fn debug(&self, line: &str) {
        if self.options.verbose {
            self.eprint_line(line);
        }
    }

    /// A warning beside the result, on standard error also with `--json`.
    pub(crate) fn warn(&self, text: &str) {
        let mut out = self.stderr_text();
        out.note(text);
        self.eprint_unless_quiet(&out.finish());
    }

    /// Shows on a terminal that something takes its time, once it has taken half a second.
    pub(crate) fn progress(&self, message: &str) -> Progress {
        let message = self.shows_progress().then_some(message);
        self.progress.start(message, false)
    }

    /// As [`Ui::progress`], with the number of entries that were read.
    pub(crate) fn list_progress(&self, message: &str) -> Progress {
        let message = self.shows_progress().then_some(message);
        self.progress.start(message, true)
    }

    /// As [`Ui::progress`], for what is part of other work: nothing where that is shown.
    pub(crate) fn progress_unless_active(&self, message: &str) -> Progress {
        let is_shown = self.shows_progress() && !self.progress.is_active();
        self.progress.start(is_shown.then_some(message), false)
    }

    /// Counts entries that the work in progress has read.
    pub(crate) fn count_progress(&self, entries: usize) {
        self.progress.count(entries);
    }

    /// Whether progress is shown on standard error.
    pub(crate) fn shows_progress(&self) -> bool {
        self.options.stderr_is_terminal
            && !self.options.is_dumb_terminal
            && !self.options.quiet
            && self.options.format == Format::Text
    }

    /// A warning about the security of this machine, on standard error.
    pub(crate) fn warn_insecure(&self, text: &str) {
        let mut out = self.stderr_text();
        out.warning(text);
        self.eprint_unless_quiet(&out.finish());
    }

    /// A line beside a prompt, on standard error.
    pub(crate) fn eprint_line(&self, line: &str) {
        let mut out = self.stderr_text();
        out.line(&strip_os_error_code(line));
        self.to_stderr(&out.finish());
    }

    /// What writes the standard error of a child process, as it comes: escaped and without secrets.
    pub(crate) fn child_stderr(&self) -> impl FnMut(&[u8]) + Send + 'static {
        let ui = self.clone();
        let mut pending = Vec::new();
        move |chunk| {
            pending.extend_from_slice(chunk);
            let complete = match std::str::from_utf8(&pending) {
                // The rest of a character is still to come.
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                Ok(_) | Err(_) => pending.len(),
            };
            let text: Vec<u8> = pending.drain(..complete).collect();
            ui.to_stderr(&escape_output(&String::from_utf8_lossy(&text)));
        }
    }

    /// A line about a step that is done, for people.
    pub(crate) fn print_step(&self, line: &str) {
        if self.options.format == Format::Text && !self.options.quiet {
            let mut out = self.stderr_text();
            out.line(line);
            self.to_stderr(&out.finish());
        }
    }

    fn eprint_unless_quiet(&self, text: &str) {
        if !self.options.quiet {
            self.to_stderr(text);
        }
    }

    /// A command that is run, in text output: one line to copy.
    pub(crate) fn print_command(&self, line: &str) {
        if self.options.format == Format::Text && !self.options.quiet {
            let mut out = self.stderr_text();
            out.verbatim(line);
            self.to_stderr(&out.finish());
        }
    }

    fn stdout_text(&self) -> TextWriter {
        let is_terminal = self.options.stdout_is_terminal;
        let stream = supports_hyperlinks::Stream::Stdout;
        TextWriter::with_width(stdout_columns().filter(|_| is_terminal))
            .with_hyperlinks(is_terminal && supports_hyperlinks::on(stream))
    }

    fn stderr_text(&self) -> TextWriter {
        let is_terminal = self.options.stderr_is_terminal;
        TextWriter::with_width(stderr_columns().filter(|_| is_terminal))
    }

    fn to_stdout(&self, text: &str) -> Result<(), Error> {
        self.write_stdout(text).map_err(Error::Stdout)
    }

    fn write_stdout(&self, text: &str) -> io::Result<()> {
        let _hidden = self.progress.hide();
        let mut stdout = AutoStream::new(io::stdout().lock(), self.options.color.into());
        match stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
        {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// What cannot be written here cannot be said anywhere else.
    fn to_stderr(&self, text: &str) {
        let _hidden = self.progress.hide();
        let text = self.redactor.redact(text);
        let mut stderr = AutoStream::new(io::stderr().lock(), self.options.color.into());
        drop(
            stderr
                .write_all(text.as_bytes())
                .and_then(|()| stderr.flush()),
        );
    }
}
