//! Input: prompts and confirmations, standard input, files, and commands that print secrets.

use std::io::{self, BufRead as _, Read as _};
use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{App, MAX_ATTEMPTS};
use crate::error::Error;
use crate::secrets;
use crate::sys::{ownership, regular_file};
use crate::types::connection::{AuthMethod, Connection};
use crate::types::secret::{Secret, SecretTextError};

/// How long a command for a secret may take, unless `--timeout` is given: a password manager may wait for its user to unlock
/// it.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(1);
/// The largest file that is read as input, in bytes.
const MAX_INPUT_BYTES: u64 = 64 * 1024 * 1024;

impl App {
    /// Reads a new passphrase: prompted for twice, or the first line of standard input.
    pub(crate) fn read_new_passphrase(&self) -> Result<Secret, Error> {
        let secret = if self.may_ask {
            self.ui
                .prompt_new_secret("Passphrase for the private key")?
        } else if self.environment.stdin_is_terminal {
            return Err(Error::InputRequired {
                what: "a passphrase",
                hint: "pass --passphrase-stdin, with the passphrase on stdin".into(),
            });
        } else {
            first_line_of_stdin("--passphrase-stdin")?
        };
        if secret.expose().is_empty() {
            return Err(Error::usage(
                "the passphrase on stdin is empty",
                "omit --passphrase-stdin for a key without a passphrase",
            ));
        }
        self.ui.redactor().add(secret.expose());
        Ok(secret)
    }

    /// Reads a secret: prompted for, or the first line of standard input.
    pub(crate) fn read_token_from_stdin(&self, flag: &str) -> Result<Secret, Error> {
        let secret = if !self.environment.stdin_is_terminal {
            first_line_of_stdin(flag)?
        } else if self.may_ask {
            self.ui.prompt_secret("Token")?
        } else {
            return Err(Error::InputRequired {
                what: "a token",
                hint: format!("pass {flag}, with the token on stdin").into(),
            });
        };
        if secret.expose().trim().is_empty() {
            let message = format!("the first line of {flag} is empty");
            return Err(Error::usage(message, ""));
        }
        self.ui.redactor().add(secret.expose().trim());
        Ok(secret)
    }

    /// The secret of the flags `--token-file`, `--token-command` and `--token-stdin`; `None` without any of them.
    pub(crate) fn secret_from_flags(
        &self,
        file: Option<&Path>,
        command: Option<&str>,
        stdin: bool,
    ) -> Result<Option<Secret>, Error> {
        match (file, command) {
            (Some(path), _) => self.secret_in_file(path).map(Some),
            (None, Some(command)) => self.secret_of_command(command).map(Some),
            (None, None) if stdin => self.read_token_from_stdin("--token-stdin").map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The secret that a command prints in its first line.
    pub(crate) fn secret_of_command(&self, command: &str) -> Result<Secret, Error> {
        let listener = Box::new(self.ui.child_stderr());
        Ok(secrets::secret_from_command(
            command,
            self.child_timeout(COMMAND_TIMEOUT),
            listener,
        )?)
    }

    /// Repeats an attempt with a secret that is prompted for, three times in all where the secret is wrong.
    pub(crate) fn retry_wrong_secret<T>(
        &self,
        attempt: impl Fn() -> Result<T, Error>,
    ) -> Result<T, Error> {
        for _ in 1..MAX_ATTEMPTS {
            match attempt() {
                Err(error) if error.is_wrong_secret() => {
                    self.ui.eprint_line(&format!("  {error}"));
                }
                result => return result,
            }
        }
        attempt()
    }

    /// Prompts for a secret, hidden. An empty line opens the page where one is created.
    pub(crate) fn prompt_secret_or_page(
        &self,
        connection: &Connection,
        auth: AuthMethod,
        label: &str,
    ) -> Result<Secret, Error> {
        let has_page = matches!(
            auth,
            AuthMethod::ApiToken | AuthMethod::AccessToken | AuthMethod::HttpAccessToken
        );
        let page = connection.token_page(auth, connection.level());
        let page = page.filter(|page| has_page && !page.contains("/WORKSPACE/"));
        loop {
            let secret = self.ui.prompt_secret(label)?;
            if !secret.expose().trim().is_empty() {
                return Ok(secret);
            }
            let line = match &page {
                Some(page) if self.open_in_browser(page) => format!("  opened {page}"),
                Some(page) => format!("  cannot open a browser for {page}"),
                None => "  the input is empty".to_owned(),
            };
            self.ui.eprint_line(&line);
        }
    }

    /// Everything that a command prints.
    pub(crate) fn output_of_command(&self, command: &str) -> Result<Secret, Error> {
        let listener = Box::new(self.ui.child_stderr());
        Ok(secrets::output_of_command(
            command,
            self.child_timeout(COMMAND_TIMEOUT),
            listener,
        )?)
    }

    /// What git writes to standard input, up to an empty line or the end.
    pub(crate) fn read_stdin_until_blank_line(&self) -> Result<Zeroizing<String>, Error> {
        let mut text = Zeroizing::new(String::with_capacity(8 * 1024));
        let mut stdin = io::stdin().lock().take(MAX_SECRET_BYTES);
        let mut line = Zeroizing::new(Vec::with_capacity(4 * 1024));
        loop {
            line.clear();
            let read = stdin.read_until(b'\n', &mut line).map_err(Error::Stdin)?;
            if read == 0 || line.as_slice() == b"\n" {
                return Ok(text);
            }
            text.push_str(&String::from_utf8_lossy(&line));
        }
    }

    /// The text of a file; `-` is standard input.
    pub(crate) fn read_text(&self, path: &Path) -> Result<String, Error> {
        let bytes = self.read_bytes(path)?;
        String::from_utf8(bytes)
            .map_err(|_| Error::usage(format!("{} is not valid UTF-8", path.display()), ""))
    }

    /// The content of a file; `-` is standard input.
    pub(crate) fn read_bytes(&self, path: &Path) -> Result<Vec<u8>, Error> {
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(Error::Stdin)?;
            return Ok(bytes);
        }
        let mut bytes = regular_file::read_within(path, MAX_INPUT_BYTES, self.timeout())
            .map_err(Error::reading(path))?;
        Ok(std::mem::take(&mut *bytes))
    }

    /// Confirmation of something that cannot be undone: the flag `--yes`, or a prompt. `doing` is what needs it, as in
    /// "removing the connection work".
    pub(crate) fn confirm(&self, yes: bool, doing: &str, prompt: &str) -> Result<(), Error> {
        if yes {
            return Ok(());
        }
        self.require_prompt(doing)?;
        require_yes(self.ui.prompt_confirm(prompt)?)
    }

    /// As [`App::confirm`], without a flag, and only `yes` in full confirms.
    pub(crate) fn confirm_in_full(&self, doing: &str, prompt: &str) -> Result<(), Error> {
        self.require_prompt(doing)?;
        require_yes(self.ui.prompt_confirm_in_full(prompt)?)
    }

    fn require_prompt(&self, doing: &str) -> Result<(), Error> {
        if self.may_ask {
            return Ok(());
        }
        Err(Error::ConfirmationRequired {
            doing: doing.to_owned(),
        })
    }
}

fn require_yes(is_confirmed: bool) -> Result<(), Error> {
    if is_confirmed {
        Ok(())
    } else {
        Err(Error::Cancelled)
    }
}

/// The longest secret that is read, in bytes.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// The first line of standard input; `flag` is the flag that requests it.
fn first_line_of_stdin(flag: &str) -> Result<Secret, Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    let mut stdin = io::stdin().lock().take(MAX_SECRET_BYTES + 1);
    stdin.read_until(b'\n', &mut bytes).map_err(Error::Stdin)?;
    first_line(&bytes, &format!("{flag}: standard input"))
}

impl App {
    /// The first line of a file, or of a pipe such as `<(command)`; `None` where it is blank. A file that other users can read
    /// gets a warning.
    pub(super) fn first_line_of_file(&self, path: &Path) -> Result<Option<Secret>, Error> {
        let bytes = regular_file::read_within(path, MAX_SECRET_BYTES, self.timeout());
        let bytes = bytes.map_err(Error::reading(path))?;
        let secret = first_line(&bytes, &path.display().to_string())?;
        if ownership::is_readable_by_others(path) {
            self.warn_once(&format!(
                "{} can be read by other users; run `{}`",
                path.display(),
                ownership::restrict_command(path)
            ));
        }
        Ok(Some(secret).filter(|secret| !secret.expose().trim().is_empty()))
    }

    /// The first line of a file, which must not be blank.
    pub(super) fn secret_in_file(&self, path: &Path) -> Result<Secret, Error> {
        self.first_line_of_file(path)?.ok_or_else(|| {
            Error::usage(format!("the first line of {} is empty", path.display()), "")
        })
    }
}

/// The first line of `name`.
fn first_line(bytes: &[u8], name: &str) -> Result<Secret, Error> {
    let line = Secret::first_line(bytes).map_err(|error| {
        let hint = match error {
            SecretTextError::Utf16 => "save it as UTF-8",
            SecretTextError::NotText => "",
        };
        Error::usage(format!("{name} {error}"), hint)
    })?;
    if line.expose().len() as u64 > MAX_SECRET_BYTES {
        let message = format!("the first line of {name} is longer than 64 KiB");
        return Err(Error::usage(message, ""));
    }
    Ok(line)
}
