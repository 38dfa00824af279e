//! What is to be resolved.

use super::ssh_connection::SshConnection;
use crate::git::CredentialRequest;
use crate::types::clone_url::CloneUrl;
use crate::types::connection::BaseUrl;
use crate::types::repository::RepoRef;

/// What a command is about, and what it needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) needs: Needs,
    /// Whether the repository is resolved as well.
    pub(crate) with_repository: bool,
}

/// What a command is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    /// Nothing is named: the current checkout, or the default.
    Here,
    /// A repository from `--repo` or an argument.
    Repository(&'a RepoRef),
    /// A clone URL for which any suitable connection helps, such as that of `connect`.
    CloneUrl(&'a CloneUrl),
    Server(&'a BaseUrl),
    /// A request of git to its credential helper.
    Git {
        request: &'a CredentialRequest,
        /// The connection that is used where it matches and the checkout names no other.
        preferred: Option<&'a str>,
    },
    /// The key of a connection, for changes of its registration.
    Key(&'a SshConnection),
}

/// What the connection must be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    Rest,
    /// REST, to change keys: Cloud refuses that to access tokens.
    KeyAdmin,
    SshKey,
}

impl<'a> Request<'a> {
    pub(crate) fn connection(target: Target<'a>, needs: Needs) -> Self {
        Self {
            target,
            needs,
            with_repository: false,
        }
    }

    /// A connection with REST, and the repository: the named one, or the one that applies here.
    pub(crate) fn repository(named: Option<&'a RepoRef>, needs: Needs) -> Self {
        Self {
            target: named.map_or(Target::Here, Target::Repository),
            needs,
            with_repository: true,
        }
    }
}
