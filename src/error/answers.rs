//! The exit status and the hint of every error, without a default: a new one must be thought about.

use super::{Error, No};
use crate::bitbucket::{ApiError, Obstacle};
use crate::exit::Exit;
use crate::git::{FolderError, GitError, PushError};
use crate::model::repository::NoNamespace;
use crate::oauth::OAuthError;
use crate::ssh::{KeyError, KeyFileError, SshError};
use crate::store::ConnectionsError;

impl Error {
    /// The exit status that stands for this error.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. }
            | Self::NotAsked { .. }
            | Self::Key(KeyError::Comment)
            | Self::KeyFile(KeyFileError::Name { .. })
            | Self::NoRest(_)
            | Self::NoNamespace(_)
            | Self::NotConfirmed { .. }
            | Self::Connections(ConnectionsError::NoName)
            | Self::Folder(FolderError::NotAFolder(_))
            | Self::Git(GitError::NotAFolder(_)) => Exit::Usage,
            Self::Declined
            | Self::Folder(
                FolderError::TooLarge { .. }
                | FolderError::TooMuch
                | FolderError::Link(_)
                | FolderError::Kind(_)
                | FolderError::Name(_),
            ) => Exit::No,
            Self::Push(error) => match error {
                PushError::Unauthorized(_) => Exit::Unauthorized,
                PushError::NotPermitted(_) => Exit::Forbidden,
                PushError::Moved(_) | PushError::Name(_) => Exit::Conflict,
                PushError::NotFound(_) => Exit::NotFound,
                PushError::Unreachable(_) => Exit::Unreachable,
                PushError::Server(_) => Exit::Unusable,
                PushError::Process(_) | PushError::Folder(_) | PushError::Failed(_) => {
                    Exit::Machine
                }
            },
            Self::Refused { no, .. } => match no {
                No::NotThere => Exit::NotFound,
                No::Conflict => Exit::Conflict,
                No::NotPermitted => Exit::Forbidden,
                No::NotCapable => Exit::Unusable,
                No::Otherwise => Exit::No,
            },
            Self::Taken { .. }
            | Self::KeyFile(KeyFileError::Exists(_))
            | Self::Connections(ConnectionsError::Exists(_)) => Exit::Conflict,
            Self::Connections(ConnectionsError::NotFound { .. })
            | Self::NoConnection(_)
            | Self::NoConnectionFor(_)
            | Self::Git(GitError::NoCheckout) => Exit::NotFound,
            Self::NoSecret(_)
            | Self::EmptyToken(_)
            | Self::NoToken(_)
            | Self::SecretElsewhere { .. }
            | Self::SignedOut { .. }
            | Self::OAuth(OAuthError::Denied(_)) => Exit::Unauthorized,
            Self::OAuth(OAuthError::TimedOut { .. }) => Exit::Unreachable,
            Self::Api { error, .. } => exit_of_api(error),
            Self::Ssh(error) => exit_of_ssh(error),
            Self::Key(KeyError::Rsa(_) | KeyError::Format(_) | KeyError::Random(_))
            | Self::KeyFile(
                KeyFileError::Folder { .. }
                | KeyFileError::NotAFile(_)
                | KeyFileError::Write { .. },
            )
            | Self::Connections(
                ConnectionsError::File { .. }
                | ConnectionsError::Nowhere
                | ConnectionsError::Syntax { .. }
                | ConnectionsError::Connection { .. },
            )
            | Self::Store(_)
            | Self::Folder(FolderError::Read { .. } | FolderError::Walk(_))
            | Self::Git(GitError::Process(_) | GitError::Refused(_) | GitError::Clone(_))
            | Self::NoHome
            | Self::OAuth(OAuthError::Port { .. } | OAuthError::Website)
            | Self::Program
            | Self::Runtime(_)
            | Self::Input(_)
            | Self::Output(_)
            | Self::Read { .. }
            | Self::Write { .. } => Exit::Machine,
        }
    }

    /// What to do about it; a command to paste where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Usage { hint, .. } | Self::Refused { hint, .. } => hint.clone(),
            Self::Taken { hint, .. } => Some(hint.clone()),
            Self::NotConfirmed { .. } => Some("add --yes".to_owned()),
            Self::NotAsked { hint, .. } => Some((*hint).to_owned()),
            Self::Key(error) => error.hint().map(str::to_owned),
            Self::KeyFile(error) => error.hint(),
            Self::Ssh(error) => error.hint(),
            Self::Connections(error) => error.hint(),
            Self::NoConnection(known) if known.is_empty() => {
                Some("bbconnect connection add makes one".to_owned())
            }
            Self::NoConnection(known) => Some(format!(
                "name one with --connection; there are {}",
                known.join(", ")
            )),
            Self::NoNamespace(NoNamespace(slug)) => Some(format!("write NAMESPACE/{slug}")),
            Self::NoConnectionFor(_) => Some(
                "bbconnect connection add makes one; --connection NAME uses another".to_owned(),
            ),
            Self::Store(error) => error.hint().map(str::to_owned),
            Self::EmptyToken(_) | Self::NoToken(_) => Some(
                "check that the secret of the pipeline is there, and visible to this branch"
                    .to_owned(),
            ),
            Self::NoSecret(name) | Self::SecretElsewhere { name, .. } => Some(format!(
                "bbconnect connection edit {name} --token-stdin gives it one"
            )),
            Self::Api {
                causes: Some(causes),
                ..
            } => Some(causes.clone()),
            Self::Api {
                error,
                causes: None,
            } => hint_of_api(error),
            Self::Git(GitError::NoCheckout) => {
                Some("change into a folder of a git checkout".to_owned())
            }
            Self::SignedOut { name, .. } => Some(format!(
                "bbconnect connection edit {name} --reauthorize signs in again"
            )),
            Self::OAuth(OAuthError::Port { .. }) => Some(
                "name another with --port, and register it as http://127.0.0.1:PORT/callback"
                    .to_owned(),
            ),
            Self::OAuth(OAuthError::TimedOut {
                takes_paste: true, ..
            }) => Some("--timeout SECONDS waits longer".to_owned()),
            Self::OAuth(OAuthError::TimedOut { .. }) => Some(
                "--timeout SECONDS waits longer; on a machine without a browser add --no-browser"
                    .to_owned(),
            ),
            Self::NoRest(_) => Some("name one with a token: --connection NAME".to_owned()),
            Self::NoHome => Some("export HOME, the folder that is yours".to_owned()),
            Self::Push(PushError::NotPermitted(_)) => Some(
                "ask for the right to write to the repository, or name another branch with --branch"
                    .to_owned(),
            ),
            Self::Push(PushError::Name(_)) => Some("name another branch with --branch".to_owned()),
            Self::Push(PushError::Moved(_)) => Some("run it again".to_owned()),
            Self::Folder(FolderError::Link(_)) => {
                Some("make it relative and within the folder, or leave it out with .gitignore".to_owned())
            }
            Self::Folder(FolderError::TooLarge { .. } | FolderError::TooMuch) => {
                Some("leave large files out with .gitignore; Git LFS is for them".to_owned())
            }
            Self::Declined
            | Self::Push(_)
            | Self::Folder(_)
            | Self::Git(_)
            | Self::OAuth(OAuthError::Denied(_) | OAuthError::Website)
            | Self::Program
            | Self::Runtime(_)
            | Self::Input(_) => None,
            Self::Read { .. } => Some("check the path, and that you may read it".to_owned()),
            Self::Write { .. } => Some("choose a folder that you may write to".to_owned()),
            Self::Output(_) => {
                Some("the command was carried out; only its result could not be printed".to_owned())
            }
        }
    }
}

fn exit_of_ssh(error: &SshError) -> Exit {
    match error {
        SshError::HostKeyChanged { .. }
        | SshError::HostKeyUnknown { .. }
        | SshError::HostKeyRetired { .. }
        | SshError::NotTheAccepted { .. } => Exit::HostKey,
        SshError::Denied { .. } => Exit::Unauthorized,
        SshError::NoAccess { .. } => Exit::Forbidden,
        SshError::Locked(_) => Exit::Usage,
        SshError::Unreachable { .. } => Exit::Unreachable,
        SshError::Unusable { .. } => Exit::Unusable,
        SshError::Process(_)
        | SshError::KnownHosts { .. }
        | SshError::Path { .. }
        | SshError::KeyFile { .. }
        | SshError::OpenToOthers(_) => Exit::Machine,
    }
}

fn exit_of_api(error: &ApiError) -> Exit {
    match error {
        ApiError::Unreachable { .. } => Exit::Unreachable,
        ApiError::Unauthorized(_) | ApiError::Captcha | ApiError::BasicBlocked => {
            Exit::Unauthorized
        }
        ApiError::Forbidden { .. } => Exit::Forbidden,
        ApiError::NotFound(_) => Exit::NotFound,
        ApiError::Refused {
            status: 409 | 412, ..
        } => Exit::Conflict,
        // It was understood, and the answer is no.
        ApiError::Undecided(_)
        | ApiError::Refused {
            status: 400 | 422, ..
        } => Exit::No,
        ApiError::NoApi(_)
        | ApiError::Elsewhere { .. }
        | ApiError::Gone(_)
        | ApiError::RateLimited(_)
        | ApiError::Refused { .. }
        | ApiError::Server { .. }
        | ApiError::NotJson { .. }
        | ApiError::Decode { .. }
        | ApiError::Endless
        | ApiError::TooLarge { .. } => Exit::Unusable,
        ApiError::Unprotected(_)
        | ApiError::Foreign(_)
        | ApiError::Address(_)
        | ApiError::SecretCharacters => Exit::Usage,
        ApiError::Setup(_) => Exit::Machine,
    }
}

fn hint_of_api(error: &ApiError) -> Option<String> {
    let hint = match error {
        ApiError::Unreachable {
            origin,
            proxy: Some(_),
            obstacle: Obstacle::Name | Obstacle::Refused | Obstacle::Timeout | Obstacle::Other,
            ..
        } => {
            return Some(format!(
                "bbconnect doctor {origin} shows what the proxy does; connection edit NAME --proxy, HTTPS_PROXY, \
                 HTTP_PROXY or NO_PROXY change it"
            ));
        }
        ApiError::Unreachable {
            obstacle: Obstacle::Name,
            ..
        } => "check the spelling of the host, and whether a VPN is needed",
        ApiError::Unreachable {
            obstacle: Obstacle::Refused,
            ..
        } => "check the port, and whether the server is running",
        ApiError::Unreachable {
            obstacle: Obstacle::Timeout,
            ..
        } => "a firewall may be in the way; --timeout SECONDS waits longer",
        ApiError::Unreachable {
            obstacle: Obstacle::Tls,
            ..
        } => {
            "a private certificate authority is named with --ca-cert FILE; for plain http write http://"
        }
        ApiError::Unprotected(_) => "write https://, or accept it with --allow-http",
        ApiError::Elsewhere { .. } | ApiError::NotJson { .. } => {
            "a single sign-on or a proxy may stand before the server; ask its administrator how the REST API is reached"
        }
        ApiError::Foreign(_) => "leave out scheme and host, or name the connection for that server",
        ApiError::NoApi(_) => "check the host and the context path, as in https://host/bitbucket",
        ApiError::Captcha => "log in once in a browser, then run this again",
        ApiError::BasicBlocked => "make an HTTP access token, and use --auth http-access-token",
        ApiError::SecretCharacters => "paste the token again, without blanks and line breaks",
        ApiError::Undecided(_) => {
            "name what the token belongs to, or skip the check with --no-verify"
        }
        ApiError::RateLimited(_) => "try again later",
        ApiError::Forbidden { required, .. } if !required.is_empty() => {
            return Some(format!("it lacks {}", required.join(", ")));
        }
        ApiError::Unreachable {
            obstacle: Obstacle::Other,
            ..
        }
        | ApiError::Setup(_)
        | ApiError::Address(_)
        | ApiError::Unauthorized(_)
        | ApiError::Forbidden { .. }
        | ApiError::NotFound(_)
        | ApiError::Gone(_)
        | ApiError::Refused { .. }
        | ApiError::Server { .. }
        | ApiError::Decode { .. }
        | ApiError::Endless
        | ApiError::TooLarge { .. } => return None,
    };
    Some(hint.to_owned())
}
