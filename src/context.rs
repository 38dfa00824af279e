//! The environment, read once: variables, folders, terminals, and what the global flags make of them.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::error::Error;
use crate::model::secret::Secret;
use crate::output::{ColorWhen, Format, Output, OutputOptions};

/// The longest secret that is read from standard input, in bytes.
const MOST_SECRET_BYTES: u64 = 64 * 1024;

/// What the process was started with, beside its arguments.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact about the process"
)]
pub struct Environment {
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// `CI=true`: a pipeline, where nobody can be asked.
    pub ci: bool,
    /// `BBCONNECT_NO_INPUT` is set to something.
    pub no_input: bool,
    /// Standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Standard error is a terminal.
    pub stderr_is_terminal: bool,
}

impl Environment {
    /// Reads the environment of this process.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub fn of_process() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let truthy = |value: OsString| value != "0" && !value.eq_ignore_ascii_case("false");
        Self {
            home: env::home_dir().filter(|home| !home.as_os_str().is_empty()),
            ci: set("CI").is_some_and(truthy),
            no_input: set("BBCONNECT_NO_INPUT").is_some_and(truthy),
            stdin_is_terminal: io::stdin().is_terminal(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
        }
    }
}

/// What the global flags say.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Flags {
    /// `--json`
    pub json: bool,
    /// `--quiet`
    pub quiet: bool,
    /// `--verbose`
    pub verbose: bool,
    /// `--no-input`
    pub no_input: bool,
    /// `--color`
    pub color: ColorWhen,
}

/// What a command may know of the world around it.
#[derive(Debug)]
pub struct Context {
    /// Where results and everything else are written.
    pub output: Output,
    home: Option<PathBuf>,
    may_ask: bool,
    stdin_is_terminal: bool,
}

impl Context {
    /// Makes a command's context of the global flags and the environment.
    #[must_use]
    pub fn new(flags: &Flags, environment: &Environment) -> Self {
        let output = Output::new(OutputOptions {
            format: if flags.json {
                Format::Json
            } else {
                Format::Text
            },
            quiet: flags.quiet,
            verbose: flags.verbose,
            color: flags.color,
            stdout_is_terminal: environment.stdout_is_terminal,
            stderr_is_terminal: environment.stderr_is_terminal,
        });
        let forbidden = flags.no_input || flags.json || environment.ci || environment.no_input;
        Self {
            output,
            home: environment.home.clone(),
            may_ask: environment.stdin_is_terminal && environment.stderr_is_terminal && !forbidden,
            stdin_is_terminal: environment.stdin_is_terminal,
        }
    }

    /// The folder of the user's SSH keys, `~/.ssh`.
    ///
    /// # Errors
    /// [`Error::NoHome`] where the system does not tell the home folder.
    pub fn ssh_folder(&self) -> Result<PathBuf, Error> {
        self.home
            .as_ref()
            .map(|home| home.join(".ssh"))
            .ok_or(Error::NoHome)
    }

    /// Reads a new passphrase: the first line of standard input, or from a terminal hidden and twice.
    ///
    /// # Errors
    /// [`Error::NotAsked`] on a terminal that must not be asked at, [`Error::Input`] when it cannot be read, and
    /// [`Error::Usage`] when it is empty, longer than 64 KiB, or not text.
    pub fn new_passphrase(&self, flag: &str) -> Result<Secret, Error> {
        let secret = if self.may_ask {
            self.output
                .ask_new_secret("Passphrase for the private key")
                .map_err(Error::Input)?
        } else if self.stdin_is_terminal {
            return Err(Error::NotAsked {
                what: "a passphrase",
                hint: "pipe it in: … --passphrase-stdin < FILE",
            });
        } else {
            first_line_of_stdin(flag)?
        };
        if secret.expose().is_empty() {
            return Err(Error::Usage {
                message: format!("{flag} was given, but the passphrase is empty"),
                hint: Some(format!("leave out {flag} for a key without a passphrase")),
            });
        }
        Ok(secret)
    }
}

fn first_line_of_stdin(flag: &str) -> Result<Secret, Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    io::stdin()
        .lock()
        .take(MOST_SECRET_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(Error::Input)?;
    let line = bytes
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let unusable = |message: &str| Error::Usage {
        message: format!("{flag}: {message}"),
        hint: None,
    };
    if line.len() as u64 > MOST_SECRET_BYTES {
        return Err(unusable(
            "the first line of standard input is longer than 64 KiB",
        ));
    }
    match std::str::from_utf8(line) {
        Ok(line) if !line.contains('\0') => Ok(Secret::new(line.to_owned())),
        Ok(_) | Err(_) => Err(unusable("standard input is not text")),
    }
}
