//! Why `connections.toml` could not be used.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use toml_edit::TomlError;

use crate::sys::atomic_file::LOCK_HINT;
use crate::sys::ownership::UntrustedFile;
use crate::types::connection::{RequiredField, TokenPrefix};
use crate::types::shell::quote;

/// Why the file of connections could not be used. It was not changed.
#[derive(Debug, Error)]
pub enum ConnectionsError {
    /// It cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another user can change it.
    #[error(transparent)]
    Untrusted(#[from] UntrustedFile),
    /// `BBCONNECT_CONFIG_DIR` is not an absolute path.
    #[error("BBCONNECT_CONFIG_DIR is {}, which is not an absolute path", .0.display())]
    RelativeDir(PathBuf),
    /// It is not TOML.
    #[error("{} is not valid TOML: {reason}", path.display())]
    Syntax {
        path: PathBuf,
        /// Where, and what is wrong; nothing of the file itself, which may hold a command that prints a secret.
        reason: String,
    },
    /// A connection in it cannot be read.
    #[error("connection {name} in {} is not valid: {reason}", path.display())]
    Connection {
        path: PathBuf,
        name: String,
        /// What is wrong with it.
        reason: String,
        /// The field that its kind of credential needs.
        missing: Option<RequiredField>,
    },
    /// No directory for the file is known.
    #[error("the configuration directory is unknown")]
    NoConfigDir,
    /// A connection of that name exists.
    #[error("connection {0} already exists")]
    Exists(String),
    /// No connection of that name exists.
    #[error("{}", not_found_message(name, *by))]
    NotFound {
        name: String,
        by: NameSource,
        known: Vec<String>,
    },
    /// A workspace, project or repository that cannot be part of a URL.
    #[error("`{value}` is not the name of a {what}")]
    InvalidPathSegment { what: &'static str, value: String },
    /// A name was given that is empty or blank.
    #[error("connection name is empty")]
    EmptyName,
}

/// Who names a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameSource {
    /// The command line.
    User,
    /// `BBCONNECT_CONNECTION`
    Variable,
    /// The git configuration of the current repository.
    GitConfig,
    /// `default` in the file.
    Default,
}

/// A name that is a token is not repeated.
fn not_found_message(name: &str, source: NameSource) -> String {
    if TokenPrefix::from_token(name) != TokenPrefix::Unknown {
        return "no connection of that name, which looks like a token".to_owned();
    }
    match source {
        NameSource::User => format!("no connection named {name}"),
        NameSource::Variable => {
            format!("no connection named {name} (set by BBCONNECT_CONNECTION)")
        }
        NameSource::GitConfig => {
            format!("no connection named {name} (set by bbconnect.connection in .git/config)")
        }
        NameSource::Default => format!("no connection named {name} (the default connection)"),
    }
}

/// The names to choose from; of many, the first ones.
pub(crate) fn known_connections(names: &[String]) -> String {
    const SHOWN: usize = 10;
    match names.len().checked_sub(SHOWN + 1) {
        Some(more) => format!(
            "known connections: {} and {} more (`bbconnect connection list`)",
            names[..SHOWN].join(", "),
            more + 1
        ),
        None => format!("known connections: {}", names.join(", ")),
    }
}

impl ConnectionsError {
    /// The same error, where another source than the command line names the connection.
    #[must_use]
    pub fn named_by(mut self, who: NameSource) -> Self {
        if let Self::NotFound { by, .. } = &mut self {
            *by = who;
        }
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Exists(name) => {
                format!("run `bbconnect connection edit {name}`, or choose another name")
            }
            Self::NotFound { known, .. } if known.is_empty() => {
                "run `bbconnect connection add`".to_owned()
            }
            Self::NotFound {
                by: NameSource::Default,
                known,
                ..
            } => format!(
                "run `bbconnect connection use NAME`; {}",
                known_connections(known)
            ),
            Self::NotFound {
                by: NameSource::GitConfig,
                known,
                ..
            } => format!(
                "run `bbconnect connection use NAME --here`; {}",
                known_connections(known)
            ),
            Self::NotFound { known, .. } => known_connections(known),
            Self::Connection {
                name,
                missing: Some(field),
                ..
            } => {
                let (name, flag) = (quote(name), field.flag());
                format!("run `bbconnect connection edit {name} {flag}`")
            }
            Self::Connection { path, name, .. } => format!(
                "fix {}, or run `bbconnect connection remove {}`",
                path.display(),
                quote(name)
            ),
            Self::Syntax { path, .. } => format!("fix {}", path.display()),
            Self::Untrusted(file) => file.hint(),
            Self::RelativeDir(_) => "set BBCONNECT_CONFIG_DIR to an absolute path".to_owned(),
            Self::File { source, .. } if source.kind() == io::ErrorKind::TimedOut => {
                LOCK_HINT.to_owned()
            }
            Self::File { path, source } if source.kind() == io::ErrorKind::InvalidData => {
                format!("fix {}", path.display())
            }
            Self::File { path, .. } => format!(
                "check the owner and permissions of {}, or set BBCONNECT_CONFIG_DIR",
                path.display()
            ),
            Self::NoConfigDir => "set HOME or BBCONNECT_CONFIG_DIR".to_owned(),
            Self::InvalidPathSegment { what, .. } => {
                format!("write the {what} as in its URL")
            }
            Self::EmptyName => "run `bbconnect connection list`".to_owned(),
        }
    }
}

/// Where a file is not valid TOML, and why.
pub(super) fn toml_error_message(error: &TomlError) -> String {
    let shown = error.to_string();
    let first = shown.lines().next().unwrap_or_default();
    let position = first.strip_prefix("TOML parse error at ");
    let why = error.message().lines().collect::<Vec<_>>().join(" ");
    position.map_or_else(|| why.clone(), |position| format!("{position}: {why}"))
}

pub(super) fn first_line(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('|'))
        .collect::<Vec<_>>()
        .join(" ")
}
