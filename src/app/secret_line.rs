//! Secrets as the first line of a file or of standard input.

use std::fs::File;
use std::io::{self, BufRead, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::Error;
use crate::types::secret::Secret;

/// The longest secret that is read, in bytes.
pub(super) const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// The first line of standard input; `flag` is the flag that requests it.
pub(super) fn first_line_of_stdin(flag: &str) -> Result<Secret, Error> {
    let stdin = io::stdin().lock();
    first_line(stdin, &format!("{flag}: standard input"), Error::Stdin)
}

/// The first line of a file; `None` where it is blank.
pub(super) fn first_line_of_file(path: &Path) -> Result<Option<Secret>, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    // Not through a buffered reader, whose buffer is not zeroized.
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    let file = File::open(path).map_err(failed)?;
    let mut file = file.take(MAX_SECRET_BYTES + 1);
    file.read_to_end(&mut bytes).map_err(failed)?;
    let secret = first_line(bytes.as_slice(), &path.display().to_string(), failed)?;
    Ok(Some(secret).filter(|secret| !secret.expose().trim().is_empty()))
}

/// The first line of a file, which must not be blank.
pub(super) fn secret_in_file(path: &Path) -> Result<Secret, Error> {
    first_line_of_file(path)?
        .ok_or_else(|| Error::usage(format!("the first line of {} is empty", path.display()), ""))
}

/// The first line of `name`, without a byte order mark.
fn first_line(
    input: impl BufRead,
    name: &str,
    failed: impl FnOnce(io::Error) -> Error,
) -> Result<Secret, Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    let mut input = input.take(MAX_SECRET_BYTES + 1);
    input.read_until(b'\n', &mut bytes).map_err(failed)?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() as u64 > MAX_SECRET_BYTES {
        let message = format!("the first line of {name} is longer than 64 KiB");
        return Err(Error::usage(message, ""));
    }
    match std::str::from_utf8(line) {
        Ok(line) if !line.contains('\0') => {
            let line = line.trim_start_matches('\u{feff}');
            Ok(Secret::new(line.to_owned()))
        }
        Ok(_) | Err(_) => Err(Error::usage(format!("{name} is not valid UTF-8"), "")),
    }
}
