//! The path of a clone URL: its parts, decoded.

use super::error::CloneUrlError;
use crate::types::escape::needs_escape;

/// Stands for a part that cannot be read. It is nobody's name, so whoever needs the part fails.
const UNREADABLE: &str = "\0";

/// The parts of a path. Behind the repository a web link may have anything; that is not looked at.
#[derive(Debug, Default)]
pub(super) struct Path {
    parts: Vec<String>,
    fault: Option<CloneUrlError>,
}

impl Path {
    /// The parts, as text.
    pub(super) fn parts(&self) -> Vec<&str> {
        self.parts.iter().map(String::as_str).collect()
    }

    /// Why a path could not be understood: because of a part that cannot be read, else for the reason given.
    pub(super) fn into_error(self, reason: CloneUrlError) -> CloneUrlError {
        self.fault.unwrap_or(reason)
    }
}

/// Splits a path, which may end in one slash.
pub(super) fn split(
    path: &str,
    read: impl Fn(&str) -> Result<String, CloneUrlError>,
) -> Result<Path, CloneUrlError> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut split = Path::default();
    if path.is_empty() {
        return Ok(split);
    }
    if path.ends_with('/') {
        return Err(CloneUrlError::EmptyPart);
    }
    for part in path.split('/') {
        match read(part).and_then(readable) {
            Ok(part) => split.parts.push(part),
            // A browser and a server would take these out of the path, and lead elsewhere.
            Err(CloneUrlError::DotPart) => return Err(CloneUrlError::DotPart),
            Err(fault) => {
                split.fault.get_or_insert(fault);
                split.parts.push(UNREADABLE.to_owned());
            }
        }
    }
    Ok(split)
}

fn readable(part: String) -> Result<String, CloneUrlError> {
    match part.as_str() {
        "" => Err(CloneUrlError::EmptyPart),
        "." | ".." => Err(CloneUrlError::DotPart),
        _ => match part
            .chars()
            .find(|&c| needs_escape(c) || matches!(c, '/' | '\\'))
        {
            Some(c) if needs_escape(c) => Err(CloneUrlError::InvisibleCharacter(c)),
            Some(c) => Err(CloneUrlError::Character(c)),
            None => Ok(part),
        },
    }
}

/// The short form is not percent-decoded by git; only `%7E`, which browsers make of `~`, is meant as one.
pub(super) fn literal(part: &str) -> String {
    match part.get(..3) {
        Some(tilde) if tilde.eq_ignore_ascii_case("%7E") => format!("~{}", &part[3..]),
        _ => part.to_owned(),
    }
}

/// Percent-decodes once (RFC 3986, section 2.1).
pub(super) fn decode(part: &str) -> Result<String, CloneUrlError> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |at: usize| rest.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        let value = digit(0)
            .zip(digit(1))
            .and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        bytes.push(value.ok_or(CloneUrlError::Encoding)?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| CloneUrlError::Encoding)
}
