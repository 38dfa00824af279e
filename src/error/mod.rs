//! Unites the errors of all rooms, and answers for each of them: which exit status, which hint.

mod exit_and_hint;
mod summary;

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::bitbucket::ApiError;
use crate::config::ConnectionsError;
use crate::git::{GitError, PushError, SourceDirError};
use crate::oauth::OAuthError;
use crate::secrets::StoreError;
use crate::ssh::{KeyError, KeyFileError, SshError};
use crate::types::connection::{AuthMethod, TokenPrefix, auth_failure_help};
use crate::types::hint::Hint;
use crate::types::repository::NoNamespace;

pub(crate) use summary::ErrorSummary;

/// Why a command could not do its work.
///
/// "The answer is no" is not an error but an outcome with an exit status.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The command line cannot be understood.
    #[error("{message}")]
    Usage {
        /// What is wrong with it.
        message: String,
        /// What to type instead.
        hint: Option<Hint>,
    },
    /// Something would have to be asked for, and nobody can be asked.
    #[error("{what} is needed, and nobody can be asked for it here")]
    InputRequired {
        /// What is needed.
        what: &'static str,
        /// How to give it without being asked.
        hint: Hint,
    },
    /// Something that cannot be undone was not confirmed, and nobody can be asked.
    #[error("{doing} needs a confirmation, and nobody can be asked for it here")]
    ConfirmationRequired {
        /// What would be done.
        doing: String,
    },
    /// It is there already, or several are meant.
    #[error("{what}")]
    AlreadyExists {
        /// What is in the way.
        what: String,
        /// What to do instead.
        hint: Hint,
    },
    /// The answer to a question was no.
    #[error("nothing was changed")]
    Cancelled,
    /// It was looked at, and the answer is no.
    #[error("{message}")]
    Rejected {
        /// Of which kind the no is.
        no: RejectionKind,
        /// What is in the way.
        message: String,
        /// What to do about it.
        hint: Option<Hint>,
    },
    /// A key was not made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key was not written.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// An SSH server did not answer as it should.
    #[error(transparent)]
    Ssh(#[from] SshError),
    /// The connections could not be read or changed.
    #[error(transparent)]
    Connections(#[from] ConnectionsError),
    /// No connection applies.
    #[error("no connection applies here")]
    NoConnection(
        /// The names that there are.
        Vec<String>,
    ),
    /// A repository's workspace or project is not told.
    #[error(transparent)]
    NoNamespace(#[from] NoNamespace),
    /// No connection is for the server of a URL.
    #[error("no connection is for {0}")]
    NoMatchingConnection(String),
    /// A connection that is SSH alone was asked for something else.
    #[error("the connection {0} is for SSH alone")]
    SshOnlyConnection(String),
    /// A secret could not be read or kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A connection has no secret.
    #[error("the connection {0} has no secret")]
    MissingSecret(String),
    /// The environment's secret is nothing.
    #[error("{0}")]
    EmptyToken(&'static str),
    /// The environment describes a connection, all but its secret.
    #[error(
        "{0} is set, but none of BBCONNECT_TOKEN, BBCONNECT_TOKEN_FILE and BBCONNECT_TOKEN_COMMAND"
    )]
    MissingTokenVariable(&'static str),
    /// A secret was given for another origin.
    #[error(
        "the secret of the connection {name} was given for {given_for}, so it is not sent to {origin}"
    )]
    SecretOriginMismatch {
        /// The connection.
        name: String,
        /// The origin it was given for.
        given_for: String,
        /// The origin of the connection now.
        origin: String,
    },
    /// A server gave no usable answer.
    #[error("{error}")]
    Api {
        /// Why.
        #[source]
        error: ApiError,
        /// What may be wrong with the credential, where it was refused.
        causes: Option<Hint>,
    },
    /// Git's configuration could not be changed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A directory cannot be published.
    #[error(transparent)]
    SourceDir(#[from] SourceDirError),
    /// A change was not pushed.
    #[error(transparent)]
    Push(#[from] PushError),
    /// The home folder is not known.
    #[error("the home folder is not known")]
    HomeDirUnknown,
    /// Nobody signed in.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// The tokens of a connection are no longer good.
    #[error("the connection {name} is signed out: {reason}")]
    SessionExpired {
        /// The connection.
        name: String,
        /// What the server said.
        reason: String,
    },
    /// The system does not tell where this program is.
    #[error("the system does not tell where this program is")]
    CurrentExeUnknown,
    /// The system gave no event queue.
    #[error("the system gives no event queue: {0}")]
    Runtime(#[source] io::Error),
    /// Standard input could not be read.
    #[error("cannot read standard input: {0}")]
    Stdin(#[source] io::Error),
    /// Standard output could not be written.
    #[error("cannot write to standard output: {0}")]
    Stdout(#[source] io::Error),
    /// A file of the user's could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file or folder of the user's could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The kinds of a no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RejectionKind {
    /// What it is about is not there.
    NotFound,
    /// It exists differently, or somebody changed it meanwhile.
    Conflict,
    /// The credential or its owner may not.
    Forbidden,
    /// The server cannot do it, for instance because it is too old.
    Unsupported,
    /// For another reason.
    Other,
}

impl Error {
    /// A wrong use of the command line or of an environment variable. An empty hint is none.
    #[must_use]
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<Hint>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: Some(hint.into()).filter(|hint| !hint.is_empty()),
        }
    }

    /// A no, with what to do about it.
    #[must_use]
    pub(crate) fn rejected(
        no: RejectionKind,
        message: impl Into<String>,
        hint: impl Into<Hint>,
    ) -> Self {
        Self::Rejected {
            no,
            message: message.into(),
            hint: Some(hint.into()).filter(|hint| !hint.is_empty()),
        }
    }

    /// What a server said to a credential of this kind, with what may be behind it when it was refused.
    #[must_use]
    pub(crate) fn from_api(error: ApiError, auth: AuthMethod, shape: TokenPrefix) -> Self {
        let causes = matches!(error, ApiError::Unauthorized(_))
            .then(|| auth_failure_help(auth, shape).into());
        Self::Api { error, causes }
    }

    /// The causes behind the message, nearest first, without those that the message already ends with.
    #[must_use]
    pub(crate) fn source_chain(&self) -> Vec<String> {
        let mut said = self.to_string();
        let mut causes = Vec::new();
        let mut next = self.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !said.ends_with(&text) {
                causes.push(text.clone());
            }
            said = text;
            next = cause.source();
        }
        causes
    }
}
