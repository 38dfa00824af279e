//! The path of a clone URL: its decoded segments.

use percent_encoding::percent_decode_str;

use super::error::CloneUrlError;
use crate::types::escape::needs_escape;

/// Replaces a segment that cannot be decoded. No name is valid with it, so only a URL that needs the segment fails.
const UNREADABLE: &str = "\0";

/// The segments of a path. In a web link, those after the repository may be anything.
#[derive(Debug, Default)]
pub(super) struct Path {
    segments: Vec<String>,
    error: Option<CloneUrlError>,
}

impl Path {
    /// The path of a URL, percent-decoded.
    pub(super) fn decode(path: &str) -> Result<Self, CloneUrlError> {
        Self::split(path, decode)
    }

    /// The path of the scp-like form, which git does not decode. Only `%7E` is read as `~`, since browsers write it.
    pub(super) fn literal(path: &str) -> Result<Self, CloneUrlError> {
        Self::split(path, |segment| {
            Ok(match segment.get(..3) {
                Some(tilde) if tilde.eq_ignore_ascii_case("%7E") => format!("~{}", &segment[3..]),
                _ => segment.to_owned(),
            })
        })
    }

    fn split(
        path: &str,
        decode: impl Fn(&str) -> Result<String, CloneUrlError>,
    ) -> Result<Self, CloneUrlError> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut split = Self::default();
        if path.is_empty() {
            return Ok(split);
        }
        if path.ends_with('/') {
            return Err(CloneUrlError::EmptyPart);
        }
        for segment in path.split('/') {
            match decode(segment).and_then(checked) {
                Ok(segment) => split.segments.push(segment),
                // Browsers and servers resolve them, which leads elsewhere.
                Err(CloneUrlError::DotPart) => return Err(CloneUrlError::DotPart),
                Err(error) => {
                    split.error.get_or_insert(error);
                    split.segments.push(UNREADABLE.to_owned());
                }
            }
        }
        Ok(split)
    }

    pub(super) fn segments(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The error of a segment that cannot be decoded, otherwise the given one.
    pub(super) fn into_error(self, reason: CloneUrlError) -> CloneUrlError {
        self.error.unwrap_or(reason)
    }
}

fn checked(segment: String) -> Result<String, CloneUrlError> {
    match segment.as_str() {
        "" => Err(CloneUrlError::EmptyPart),
        "." | ".." => Err(CloneUrlError::DotPart),
        _ => match segment
            .chars()
            .find(|&c| needs_escape(c) || matches!(c, '/' | '\\'))
        {
            Some(c) if needs_escape(c) => Err(CloneUrlError::InvisibleCharacter(c)),
            Some(c) => Err(CloneUrlError::Character(c)),
            None => Ok(segment),
        },
    }
}

/// Percent-decodes once (RFC 3986, section 2.1).
pub(super) fn decode(text: &str) -> Result<String, CloneUrlError> {
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_escape) {
        return Err(CloneUrlError::Encoding);
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(CloneUrlError::Encoding),
    }
}
