//! Secrets as the first line of a file or of standard input.

use std::io::{self, BufRead as _, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::App;
use crate::error::Error;
use crate::sys::{ownership, regular_file};
use crate::types::secret::{Secret, SecretTextError};

/// The longest secret that is read, in bytes.
pub(super) const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// The first line of standard input; `flag` is the flag that requests it.
pub(super) fn first_line_of_stdin(flag: &str) -> Result<Secret, Error> {
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
        let bytes = bytes.map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
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
