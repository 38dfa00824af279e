//! Unites the errors of all rooms, and answers for each of them: which exit status, which hint.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::exit::Exit;
use crate::ssh::{KeyError, KeyFileError};

/// Why a command could not do its work.
///
/// "The answer is no" is not an error but an outcome with an exit status.
#[derive(Debug, Error)]
pub enum Error {
    /// The command line cannot be understood.
    #[error("{message}")]
    Usage {
        /// What is wrong with it.
        message: String,
        /// What to type instead.
        hint: Option<String>,
    },
    /// Something would have to be asked for, and nobody can be asked.
    #[error("{what} is needed, and nobody can be asked for it here")]
    NotAsked {
        /// What is needed.
        what: &'static str,
        /// How to give it without being asked.
        hint: &'static str,
    },
    /// A key was not made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key was not written.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The home folder is not known.
    #[error("the home folder is not known")]
    NoHome,
    /// Standard input could not be read.
    #[error("cannot read standard input: {0}")]
    Input(#[source] io::Error),
    /// Standard output could not be written.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    /// A file or folder of the user's could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Error {
    /// The exit status that stands for this error.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. }
            | Self::NotAsked { .. }
            | Self::Key(KeyError::Comment)
            | Self::KeyFile(KeyFileError::Name { .. }) => Exit::Usage,
            Self::KeyFile(KeyFileError::Exists(_)) => Exit::Conflict,
            Self::Key(KeyError::Rsa(_) | KeyError::Format(_) | KeyError::Random(_))
            | Self::KeyFile(
                KeyFileError::Folder { .. }
                | KeyFileError::NotAFile(_)
                | KeyFileError::Write { .. },
            )
            | Self::NoHome
            | Self::Input(_)
            | Self::Output(_)
            | Self::Write { .. } => Exit::Machine,
        }
    }

    /// What to do about it; a command to paste where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Usage { hint, .. } => hint.clone(),
            Self::NotAsked { hint, .. } => Some((*hint).to_owned()),
            Self::Key(error) => error.hint().map(str::to_owned),
            Self::KeyFile(error) => error.hint(),
            Self::NoHome => Some("name the file to write with --out PATH".to_owned()),
            Self::Input(_) | Self::Output(_) | Self::Write { .. } => None,
        }
    }

    /// The causes behind the message, nearest first, without those that the message already ends with.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
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
