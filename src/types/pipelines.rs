//! Bitbucket Pipelines: variables, their owners, and files with variables.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

use super::repository::RepoId;
use super::secret::Secret;
use super::shell::quote;

/// What variables belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VariableOwner {
    Repository(RepoId),
    Workspace(String),
    /// A deployment environment of a repository.
    Environment {
        repo: RepoId,
        /// The UUID, in braces.
        id: String,
        name: String,
    },
}

impl VariableOwner {
    /// As in JSON.
    pub(crate) fn scope(&self) -> &'static str {
        match self {
            Self::Repository(_) => "repository",
            Self::Workspace(_) => "workspace",
            Self::Environment { .. } => "environment",
        }
    }

    /// The options of `bbconnect pipelines variable` for this owner.
    pub(crate) fn flags(&self) -> String {
        match self {
            Self::Repository(repo) => format!(" --repo {repo}"),
            Self::Workspace(workspace) => format!(" --workspace {workspace}"),
            Self::Environment { repo, name, .. } => {
                format!(" --repo {repo} --environment {}", quote(name))
            }
        }
    }

    pub(crate) fn environment(&self) -> Option<&str> {
        match self {
            Self::Environment { name, .. } => Some(name),
            Self::Repository(_) | Self::Workspace(_) => None,
        }
    }
}

impl fmt::Display for VariableOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(repo) => write!(f, "{repo}"),
            Self::Workspace(workspace) => write!(f, "workspace {workspace}"),
            Self::Environment { repo, name, .. } => write!(f, "environment {name} of {repo}"),
        }
    }
}

/// A variable as the server reports it. The value of a secured one is never reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Variable {
    /// `None` before it is created.
    pub id: Option<String>,
    pub key: String,
    pub secured: Option<bool>,
    pub value: Option<String>,
}

/// The name of a variable, as a shell accepts it: `[A-Za-z_][A-Za-z0-9_]*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariableName(String);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a variable name has letters, digits and `_`, and does not begin with a digit")]
pub(crate) struct ParseVariableNameError;

impl VariableName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VariableName {
    type Err = ParseVariableNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let begins_well = !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit());
        let is_name = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if begins_well && is_name {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseVariableNameError)
        }
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a file of variables was rejected: the number of a line, never its content.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ParseEnvFileError {
    #[error("line {0}: expected NAME=VALUE")]
    Syntax(usize),
    #[error("line {0}: {ParseVariableNameError}")]
    Name(usize),
    #[error("line {0}: the quoted value does not end on this line")]
    Quote(usize),
    #[error("line {0}: {1} is set twice")]
    Twice(usize, VariableName),
}

/// The variables of a file with a `NAME=VALUE` in each line. Lines that are empty or begin with `#` are skipped; `export`
/// and quotes around the value are removed.
pub(crate) fn parse_env_file(text: &str) -> Result<Vec<(VariableName, Secret)>, ParseEnvFileError> {
    let mut variables: Vec<(VariableName, Secret)> = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = match line.strip_prefix("export") {
            Some(rest) if rest.starts_with(char::is_whitespace) => rest.trim_start(),
            Some(_) | None => line,
        };
        let (name, value) = line
            .split_once('=')
            .ok_or(ParseEnvFileError::Syntax(number))?;
        let name: VariableName = name
            .trim_end()
            .parse()
            .map_err(|_| ParseEnvFileError::Name(number))?;
        let value = unquote(value.trim()).ok_or(ParseEnvFileError::Quote(number))?;
        if variables.iter().any(|(known, _)| *known == name) {
            return Err(ParseEnvFileError::Twice(number, name));
        }
        variables.push((name, Secret::new(value.to_owned())));
    }
    Ok(variables)
}

/// The value without the quotes around it; `None` where the closing one is missing or text follows it.
fn unquote(value: &str) -> Option<&str> {
    let Some(quote) = value.chars().next().filter(|first| "'\"".contains(*first)) else {
        return Some(value);
    };
    let inner = value.get(1..)?.strip_suffix(quote)?;
    (!inner.contains(quote)).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<(String, String)>, String> {
        let variables = parse_env_file(text).map_err(|error| error.to_string())?;
        Ok(variables
            .into_iter()
            .map(|(name, value)| (name.to_string(), value.expose().to_owned()))
            .collect())
    }

    #[test]
    fn variable_names_are_those_of_a_shell() {
        for (text, is_name) in [
            ("A", true),
            ("_a9", true),
            ("AWS_KEY", true),
            ("", false),
            ("9A", false),
            ("A-B", false),
            ("A B", false),
            ("É", false),
        ] {
            assert_eq!(text.parse::<VariableName>().is_ok(), is_name, "{text}");
        }
    }

    #[test]
    fn a_file_of_variables_is_parsed_line_by_line() {
        let text = "\u{feff}# comment\n\nA=1\r\nexport B='two words'\n  C = \"x=y\"\nD=\nexportE=5\nF=a'b\n";
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "x=y"),
            ("D", ""),
            ("exportE", "5"),
            ("F", "a'b"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parsed(text).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_parsed_names_its_line_and_no_value() {
        for (text, message) in [
            ("A=1\nsecret words", "line 2: expected NAME=VALUE"),
            (
                "A='secret",
                "line 1: the quoted value does not end on this line",
            ),
            (
                "A='sec'ret'",
                "line 1: the quoted value does not end on this line",
            ),
            ("A=1\n\nA=2", "line 3: A is set twice"),
        ] {
            assert_eq!(parsed(text).unwrap_err(), message);
        }
        assert!(
            parsed("secret key=1")
                .unwrap_err()
                .starts_with("line 1: a variable name")
        );
    }
}
