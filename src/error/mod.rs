//! The error of a command: unites the errors of all modules, each with an exit status and a hint.

mod exit_and_hint;

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::bitbucket::{ApiError, ConnectFailure, requires_https};
use crate::config::ConnectionsError;
use crate::exit_status::ExitStatus;
use crate::git::{GitError, PushError, SourceDirError};
use crate::oauth::OAuthError;
use crate::secrets::StoreError;
use crate::ssh::{KeyError, KeyFileError, SshError};
use crate::sys::ownership::UntrustedFile;
use crate::types::auth_failure_help::{
    CredentialOrigin, auth_failure_help, basic_auth_help, indeterminate_help, url_help,
};
use crate::types::connection::{AuthMethod, BoundSetting, Connection, TokenPrefix};
use crate::types::escape::strip_os_error_code;
use crate::types::hint::Hint;
use crate::types::repository::NoNamespace;

/// Why a command could not do its work. A negative result, such as a failed check, is not an error but an output with an
/// exit status.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The command line or an environment variable is invalid.
    #[error("{message}")]
    Usage { message: String, hint: Option<Hint> },
    /// A value is missing, and prompts are disabled.
    #[error("{what} is required, but prompts are disabled (no terminal, --no-input, --json or CI)")]
    InputRequired {
        what: &'static str,
        /// Names the flag that gives the value.
        hint: Hint,
    },
    /// A change that cannot be undone was not confirmed, and prompts are disabled.
    #[error(
        "{doing} requires confirmation, but prompts are disabled (no terminal, --no-input, --json or CI)"
    )]
    ConfirmationRequired { doing: String },
    /// The user declined a prompt.
    #[error("aborted")]
    Cancelled,
    /// The request was understood and cannot be carried out.
    #[error("{message}")]
    Rejected {
        exit: ExitStatus,
        message: String,
        hint: Option<Hint>,
    },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    #[error(transparent)]
    Ssh(#[from] SshError),
    #[error(transparent)]
    Connections(#[from] ConnectionsError),
    /// No connection applies; the names of the saved ones.
    #[error("{}", if .0.is_empty() { "no connection configured" } else { "no connection applies here" })]
    NoConnection(Vec<String>),
    #[error(transparent)]
    NoNamespace(#[from] NoNamespace),
    /// No connection matches the server of a URL.
    #[error("no connection matches {0}")]
    NoMatchingConnection(String),
    /// The REST API was requested of a connection that has none.
    #[error("connection {0} is SSH-only")]
    SshOnlyConnection(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("connection {0} has no secret")]
    MissingSecret(String),
    /// A token that begins like another kind of credential than the connection's.
    #[error("the secret is {}, not {}", actual.secret_with_article(), expected.secret_with_article())]
    SecretKindMismatch {
        actual: AuthMethod,
        expected: AuthMethod,
    },
    /// The secret in the environment is empty.
    #[error("{0}")]
    EmptyToken(&'static str),
    /// The environment describes a connection without its secret.
    #[error(
        "{0} is set, but none of BBCONNECT_TOKEN, BBCONNECT_TOKEN_FILE and BBCONNECT_TOKEN_COMMAND"
    )]
    MissingTokenVariable(&'static str),
    /// `connections.toml` was changed by hand in what the secret is bound to.
    #[error(
        "connection {name}: {}; the secret is not sent",
        changed_by_hand(changed)
    )]
    SecretBindingMismatch {
        name: String,
        changed: Vec<BoundSetting>,
        /// The flags of `connection edit` that confirm the change.
        confirm: String,
    },
    /// The token command is not the one that the user gave to bbconnect.
    #[error("connection {name}: token_command was {}; the command is not run", if *is_new {
        "not given to bbconnect on this machine"
    } else {
        "changed by hand since the secret was stored"
    })]
    CommandNotConfirmed {
        name: String,
        command: String,
        /// No command is recorded for the connection.
        is_new: bool,
    },
    #[error(transparent)]
    Untrusted(#[from] UntrustedFile),
    /// The tokens of an OAuth connection are those of another website.
    #[error(
        "the secret of connection {name} was given for {given_for} and is not sent to {origin}"
    )]
    SecretOriginMismatch {
        name: String,
        given_for: String,
        origin: String,
    },
    /// A REST request failed.
    #[error("{error}")]
    Api {
        #[source]
        error: ApiError,
        /// Likely causes, where the credential was rejected.
        causes: Option<Hint>,
    },
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    SourceDir(#[from] SourceDirError),
    #[error(transparent)]
    Push(#[from] PushError),
    #[error("the home directory is unknown")]
    HomeDirUnknown,
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// The OAuth tokens of a connection are no longer valid.
    #[error("connection {name} is signed out: {reason}")]
    SessionExpired {
        name: String,
        /// The message of the server.
        reason: String,
    },
    #[error("the path of this program is unknown")]
    CurrentExeUnknown,
    #[error("cannot start the async runtime: {0}")]
    Runtime(#[source] io::Error),
    #[error("cannot read standard input: {0}")]
    Stdin(#[source] io::Error),
    #[error("cannot write to standard output: {0}")]
    Stdout(#[source] io::Error),
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// The keys that were changed.
fn changed_by_hand(settings: &[BoundSetting]) -> String {
    let keys: Vec<_> = settings.iter().map(|setting| setting.key()).collect();
    let verb = if keys.len() == 1 { "was" } else { "were" };
    let keys = keys.join(" and ");
    format!("{keys} {verb} changed by hand since the secret was stored")
}

impl Error {
    /// An empty hint is none.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<Hint>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: Some(hint.into()).filter(|hint| !hint.is_empty()),
        }
    }

    /// An empty hint is none.
    fn rejected(exit: ExitStatus, message: impl Into<String>, hint: impl Into<Hint>) -> Self {
        Self::Rejected {
            exit,
            message: message.into(),
            hint: Some(hint.into()).filter(|hint| !hint.is_empty()),
        }
    }

    pub(crate) fn not_found(message: impl Into<String>, hint: impl Into<Hint>) -> Self {
        Self::rejected(ExitStatus::NotFound, message, hint)
    }

    /// It exists with different settings, or was changed concurrently.
    pub(crate) fn conflict(message: impl Into<String>, hint: impl Into<Hint>) -> Self {
        Self::rejected(ExitStatus::Conflict, message, hint)
    }

    /// A scope or permission is missing.
    pub(crate) fn forbidden(message: impl Into<String>, hint: impl Into<Hint>) -> Self {
        Self::rejected(ExitStatus::Forbidden, message, hint)
    }

    /// The server does not support it, for example because it is too old.
    pub(crate) fn unsupported(message: impl Into<String>, hint: impl Into<Hint>) -> Self {
        Self::rejected(ExitStatus::BadResponse, message, hint)
    }

    /// For a reason that no other exit status names.
    pub(crate) fn failed(message: impl Into<String>, hint: impl Into<Hint>) -> Self {
        Self::rejected(ExitStatus::Failure, message, hint)
    }

    /// For a file that cannot be read.
    pub(crate) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    /// For a file that cannot be written.
    pub(crate) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Write { path, source }
    }

    /// A failed REST request. Where the credential is the reason, with what to do about it: see [`CredentialOrigin`].
    pub(crate) fn from_api(
        error: ApiError,
        connection: &Connection,
        prefix: TokenPrefix,
        origin: CredentialOrigin<'_>,
    ) -> Self {
        let causes = if let ApiError::Unauthorized(_) = error {
            Some(auth_failure_help(connection, prefix, origin))
        } else if let ApiError::BasicAuthDisabled = error {
            Some(basic_auth_help(connection, origin))
        } else if let ApiError::Indeterminate(_) = error {
            Some(indeterminate_help(origin))
        } else if let ApiError::Redirected { from, to } = &error
            && requires_https(from, to)
        {
            Some(url_help(to, origin))
        } else {
            None
        };
        Self::Api {
            error,
            causes: causes.map(Hint::from),
        }
    }

    /// Whether a secret that was just entered is wrong, so that it can be entered again. A locked account is not: more
    /// attempts would not help.
    pub(crate) fn is_wrong_secret(&self) -> bool {
        matches!(
            self,
            Self::SecretKindMismatch { .. }
                | Self::Api {
                    error: ApiError::Unauthorized(_) | ApiError::InvalidHeaderValue,
                    ..
                }
        )
    }

    /// Whether the configuration may have been written by another user: nothing is sent, and git's credential helper is silent.
    pub(crate) fn is_untrusted_configuration(&self) -> bool {
        matches!(
            self,
            Self::SecretBindingMismatch { .. }
                | Self::CommandNotConfirmed { .. }
                | Self::Untrusted(_)
                | Self::Connections(
                    ConnectionsError::Untrusted(_) | ConnectionsError::RelativeDir(_)
                )
                | Self::Store(StoreError::Untrusted(_))
        )
    }

    /// The causes behind the message, nearest first, without those that the message already ends with.
    pub(crate) fn source_chain(&self) -> Vec<String> {
        let mut printed = self.to_string();
        let mut causes = Vec::new();
        let mut next = self.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !printed.ends_with(&text) {
                causes.push(text.clone());
            }
            printed = text;
            next = cause.source();
        }
        causes
    }
}

/// An error as it is kept for a report, after which work goes on: why something is not known.
#[derive(Debug, Clone)]
pub(crate) struct ErrorSummary {
    /// The status that a command would end with that needs it.
    pub exit: ExitStatus,
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What was in the way, where the server was not reached.
    pub connect_failure: Option<ConnectFailure>,
}

impl From<&Error> for ErrorSummary {
    fn from(error: &Error) -> Self {
        let connect_failure = if let Error::Api { error, .. } = error {
            error.obstacle()
        } else {
            None
        };
        Self {
            exit: error.exit_status(),
            message: strip_os_error_code(&error.to_string()),
            hint: error.hint().map(|hint| hint.to_string()),
            connect_failure,
        }
    }
}
