//! Secrets in memory.

use std::fmt;

use zeroize::Zeroizing;

/// A secret that is overwritten when dropped, and never printed or serialised.
///
/// There is deliberately no `Display`, `Deref`, `Serialize` or `Clone`: all access is through [`Secret::expose`], which
/// can be searched for.
pub struct Secret(Zeroizing<String>);

impl Secret {
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
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
    fn debug_output_is_masked() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "***");
    }
}
