//! Names of connections.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::TokenPrefix;

/// The name of a connection: 1 to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConnectionName(String);

/// Why a text is not a connection name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConnectionNameError {
    /// Other characters, or too many.
    #[error(
        "invalid connection name: expected 1 to 64 letters, digits, dots, dashes and underscores, beginning with a \
         letter or digit"
    )]
    Form,
    /// Names are printed, written to files and kept in shell histories.
    #[error("this looks like a token; secrets are not accepted as arguments")]
    Token,
}

impl ConnectionName {
    /// The name of the connection that environment variables describe.
    pub(crate) fn environment() -> Self {
        Self("environment".to_owned())
    }
}

impl FromStr for ConnectionName {
    type Err = ConnectionNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_valid = (1..=64).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if TokenPrefix::from_token(text) != TokenPrefix::Unknown {
            Err(ConnectionNameError::Token)
        } else if is_valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ConnectionNameError::Form)
        }
    }
}

impl TryFrom<String> for ConnectionName {
    type Error = ConnectionNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ConnectionName> for String {
    fn from(name: ConnectionName) -> Self {
        name.0
    }
}

impl Borrow<str> for ConnectionName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConnectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_files_and_on_command_lines() {
        for name in ["work", "acme.site-2", "9_lives"] {
            assert!(name.parse::<ConnectionName>().is_ok(), "{name}");
        }
        for name in [
            "",
            "-c",
            ".hidden",
            "a b",
            "ä",
            "a/b",
            "a\n",
            &"x".repeat(65),
        ] {
            assert_eq!(
                name.parse::<ConnectionName>(),
                Err(ConnectionNameError::Form),
                "{name}"
            );
        }
    }

    #[test]
    fn a_token_is_not_a_name() {
        for name in ["ATATT3x", "ATCTT3x", "ATBBx", "BBDC-x", "ATATT3x/=="] {
            assert_eq!(
                name.parse::<ConnectionName>(),
                Err(ConnectionNameError::Token),
                "{name}"
            );
        }
        assert!("atbb".parse::<ConnectionName>().is_ok());
    }
}
