//! What is asked of people, or read from standard input where nobody is asked.

use std::io::{self, BufRead as _, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::App;
use super::environment_connection::{EnvConnection, MAX_SECRET_BYTES, secret_in_file};
use crate::error::Error;
use crate::secrets::secret_from_command;
use crate::types::connection::AuthMethod;
use crate::types::secret::Secret;

impl App {
    /// Reads a new passphrase: the first line of standard input, or from a terminal hidden and twice.
    ///
    /// # Errors
    /// [`Error::InputRequired`] on a terminal that must not be asked at, [`Error::Stdin`] when it cannot be read, and
    /// [`Error::Usage`] when it is empty, longer than 64 KiB, or not text.
    pub(crate) fn read_new_passphrase(&self, flag: &str) -> Result<Secret, Error> {
        let secret = if self.may_ask {
            self.ui
                .prompt_new_secret("Passphrase for the private key")
                .map_err(Error::Stdin)?
        } else if self.environment.stdin_is_terminal {
            return Err(Error::InputRequired {
                what: "a passphrase",
                hint: "pipe it in: … --passphrase-stdin < FILE".into(),
            });
        } else {
            first_line_of_stdin(flag)?
        };
        if secret.expose().is_empty() {
            return Err(Error::Usage {
                message: format!("{flag} was given, but the passphrase is empty"),
                hint: Some(format!("leave out {flag} for a key without a passphrase").into()),
            });
        }
        Ok(secret)
    }

    /// The first line of standard input, as `--token-stdin` asks for.
    ///
    /// # Errors
    /// As [`App::read_new_passphrase`].
    pub(crate) fn read_token_from_stdin(&self, flag: &str) -> Result<Secret, Error> {
        if self.environment.stdin_is_terminal && !self.may_ask {
            return Err(Error::InputRequired {
                what: "a token",
                hint: "pipe it in: … --token-stdin < FILE".into(),
            });
        }
        let secret = if self.environment.stdin_is_terminal {
            self.ui.prompt_secret("Token").map_err(Error::Stdin)?
        } else {
            first_line_of_stdin(flag)?
        };
        if secret.expose().trim().is_empty() {
            return Err(Error::Usage {
                message: format!("{flag} was given, but the first line is empty"),
                hint: None,
            });
        }
        Ok(secret)
    }

    /// The first line of a file, as `--token-file` asks for.
    ///
    /// # Errors
    /// [`Error::Read`], and [`Error::Usage`] for an empty line.
    pub(crate) fn token_from_file(&self, path: &Path) -> Result<Secret, Error> {
        secret_in_file(path)
    }

    /// The secret that the environment holds for a new connection, where it does.
    ///
    /// # Errors
    /// As [`App::secret`].
    pub(crate) fn secret_in_environment(&self, auth: AuthMethod) -> Result<Option<Secret>, Error> {
        let environment = EnvConnection::of(&self.environment)?;
        let secret = environment.map(|environment| environment.secret());
        Ok(secret
            .transpose()?
            .map(|secret| auth.normalize_secret(secret)))
    }

    /// What another program writes to standard input, up to an empty line or the end.
    ///
    /// # Errors
    /// [`Error::Stdin`].
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
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Stdin`].
    pub(crate) fn read_text(&self, path: &Path) -> Result<String, Error> {
        let bytes = self.read_bytes(path)?;
        String::from_utf8(bytes).map_err(|_| Error::Usage {
            message: format!("{} is not text", path.display()),
            hint: None,
        })
    }

    /// What is in a file; `-` is standard input.
    ///
    /// # Errors
    /// As [`App::read_text`].
    pub(crate) fn read_bytes(&self, path: &Path) -> Result<Vec<u8>, Error> {
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(Error::Stdin)?;
            return Ok(bytes);
        }
        std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })
    }

    /// What a command prints, as `--token-command` asks for.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) fn token_from_command(&self, command: &str) -> Result<Secret, Error> {
        Ok(secret_from_command(command)?)
    }

    /// A yes to something that cannot be undone: from the flag `--yes`, or asked for on a terminal. `doing` says what that
    /// is, as in "removing the connection work".
    ///
    /// # Errors
    /// [`Error::ConfirmationRequired`] where nobody can be asked, [`Error::Cancelled`] for a no.
    pub(crate) fn confirm(&self, yes: bool, doing: &str, question: &str) -> Result<(), Error> {
        if yes {
            return Ok(());
        }
        if !self.may_ask {
            return Err(Error::ConfirmationRequired {
                doing: doing.to_owned(),
            });
        }
        if self.ui.prompt_confirm(question).map_err(Error::Stdin)? {
            Ok(())
        } else {
            Err(Error::Cancelled)
        }
    }
}

fn first_line_of_stdin(flag: &str) -> Result<Secret, Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    let mut stdin = io::stdin().lock().take(MAX_SECRET_BYTES + 1);
    stdin.read_until(b'\n', &mut bytes).map_err(Error::Stdin)?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let unusable = |message: &str| Error::Usage {
        message: format!("{flag}: {message}"),
        hint: None,
    };
    if line.len() as u64 > MAX_SECRET_BYTES {
        return Err(unusable(
            "the first line of standard input is longer than 64 KiB",
        ));
    }
    match std::str::from_utf8(line) {
        Ok(line) if !line.contains('\0') => Ok(Secret::new(line.to_owned())),
        Ok(_) | Err(_) => Err(unusable("standard input is not text")),
    }
}
