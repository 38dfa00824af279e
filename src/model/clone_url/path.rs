//! The path of a clone URL: its parts, decoded.

use super::error::CloneUrlError;
use crate::model::printable::is_deceptive;

/// The parts of a path, none of them empty, `.`, `..` or deceptive.
pub(super) type Path = Vec<String>;

/// Splits a path, which may end in one slash, and looks at each part.
pub(super) fn split(
    path: &str,
    read: impl Fn(&str) -> Result<String, CloneUrlError>,
) -> Result<Path, CloneUrlError> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Vec::new());
    }
    path.split('/')
        .map(|part| {
            let part = read(part)?;
            match part.as_str() {
                "" => Err(CloneUrlError::EmptyPart),
                "." | ".." => Err(CloneUrlError::DotPart),
                _ => match part
                    .chars()
                    .find(|&c| is_deceptive(c) || matches!(c, '/' | '\\'))
                {
                    Some(c) if is_deceptive(c) => Err(CloneUrlError::Deceptive(c)),
                    Some(c) => Err(CloneUrlError::Character(c)),
                    None => Ok(part),
                },
            }
        })
        .collect()
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
