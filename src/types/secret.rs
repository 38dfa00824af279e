//! A value that must not be seen.

use std::fmt;

use zeroize::Zeroizing;

/// A secret in memory: overwritten when it is dropped, never printed, never serialised.
///
/// There is deliberately no `Display`, `Deref`, `Serialize` or `Clone`; every place that looks inside calls
/// [`Secret::expose`], which can be searched for.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret over.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// A token as it is pasted: without blanks and quotes around it, and without the `Bearer ` that examples put before it.
    #[must_use]
    pub fn from_pasted(text: &str) -> Self {
        let text = text.trim();
        let quoted = ['"', '\'']
            .into_iter()
            .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
        let text = quoted.unwrap_or(text).trim();
        let scheme = text
            .get(..7)
            .filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
        Self::new(scheme.map_or(text, |_| text[7..].trim_start()).to_owned())
    }

    /// The value itself. What is done with it must not outlive the secret.
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
    fn what_is_pasted_around_a_token_goes() {
        for text in [
            "abc",
            " abc\r",
            "Bearer abc",
            "bearer  abc",
            "\"abc\"",
            "'Bearer abc'",
        ] {
            assert_eq!(Secret::from_pasted(text).expose(), "abc");
        }
        assert_eq!(Secret::from_pasted("Bearerabc").expose(), "Bearerabc");
    }

    #[test]
    fn debug_shows_stars_only() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "***");
    }
}
