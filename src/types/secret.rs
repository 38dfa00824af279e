//! Secrets in memory.

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

/// A secret that is overwritten when dropped, and never printed or serialised.
///
/// There is deliberately no `Display`, `Deref`, `Serialize` or `Clone`: all access is through [`Secret::expose`], which
/// can be searched for.
pub struct Secret(Zeroizing<String>);

/// Why bytes are not a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum SecretTextError {
    /// As PowerShell 5.1 and editors of Windows write it.
    #[error("is UTF-16")]
    Utf16,
    #[error("is not valid UTF-8")]
    NotText,
}

impl Secret {
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The first line of a text, without its end and without a byte order mark.
    pub(crate) fn first_line(bytes: &[u8]) -> Result<Self, SecretTextError> {
        if is_utf16(bytes) {
            return Err(SecretTextError::Utf16);
        }
        let line = bytes.split(|&byte| byte == b'\n').next();
        let line = line.unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match std::str::from_utf8(line) {
            Ok(line) if !line.contains('\0') => {
                Ok(Self::new(line.trim_start_matches('\u{feff}').to_owned()))
            }
            Ok(_) | Err(_) => Err(SecretTextError::NotText),
        }
    }

    /// A pasted token, without surrounding whitespace and quotes and without the `Bearer ` of examples.
    #[must_use]
    pub fn from_pasted(text: &str) -> Self {
        // Editors and shells of Windows begin a text with a byte order mark.
        let text = text.trim_start_matches('\u{feff}').trim();
        let quoted = ['"', '\'']
            .into_iter()
            .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
        let text = quoted.unwrap_or(text).trim();
        let scheme = text
            .get(..7)
            .filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
        Self::new(scheme.map_or(text, |_| text[7..].trim_start()).to_owned())
    }

    /// The value. Copies must not outlive the secret.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Whether a text is UTF-16: by its byte order mark, or because every second byte is zero.
fn is_utf16(bytes: &[u8]) -> bool {
    let is_zero = |first: usize| bytes.iter().skip(first).step_by(2).all(|&byte| byte == 0);
    bytes.starts_with(b"\xff\xfe")
        || bytes.starts_with(b"\xfe\xff")
        || bytes.len() > 1 && (is_zero(0) || is_zero(1))
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_around_a_pasted_token_is_removed() {
        for text in [
            "abc",
            " abc\r",
            "Bearer abc",
            "bearer  abc",
            "\"abc\"",
            "'Bearer abc'",
            "\u{feff}abc",
        ] {
            assert_eq!(Secret::from_pasted(text).expose(), "abc");
        }
        assert_eq!(Secret::from_pasted("Bearerabc").expose(), "Bearerabc");
    }

    #[test]
    fn the_first_line_of_a_file_in_any_encoding() {
        for (bytes, line) in [
            (&b"abc\ndef"[..], Ok("abc")),
            (b"\xef\xbb\xbfabc\r\n", Ok("abc")),
            (b" a b ", Ok(" a b ")),
            (b"", Ok("")),
            (b"\n", Ok("")),
            (b"\xff\xfea\0b\0\r\0\n\0", Err(SecretTextError::Utf16)),
            (b"\xfe\xff\0a\0b\0\n", Err(SecretTextError::Utf16)),
            // Without a mark, cut off at the first byte of the line end.
            (b"a\0b\0\n", Err(SecretTextError::Utf16)),
            (b"a\0b\n", Err(SecretTextError::NotText)),
            (b"caf\xe9\n", Err(SecretTextError::NotText)),
        ] {
            let read = Secret::first_line(bytes);
            let read = read.as_ref().map(Secret::expose).map_err(|error| *error);
            assert_eq!(read, line, "{bytes:?}");
        }
    }

    #[test]
    fn debug_output_is_masked() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "***");
    }
}
