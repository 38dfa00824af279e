//! The exit status and the hint of every error, without a default: a new one must be thought about.

use super::Error;
use crate::bitbucket::{ApiError, ConnectFailure, requires_https};
use crate::config::{ConnectionsError, known_connections};
use crate::exit_status::ExitStatus;
use crate::git::{GitError, PushError, SourceDirError};
use crate::oauth::OAuthError;
use crate::secrets::StoreError;
use crate::ssh::{KeyError, KeyFileError, SshError};
use crate::types::connection::{AuthMethod, contains_token};
use crate::types::hint::Hint;
use crate::types::operation::refusal_hint;
use crate::types::repository::NoNamespace;
use crate::types::scope::GrantedScopes;
use crate::types::shell::quote;

impl Error {
    /// The exit status that stands for this error.
    pub(crate) fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Usage { .. }
            | Self::InputRequired { .. }
            | Self::Key(KeyError::Comment)
            | Self::KeyFile(KeyFileError::Name { .. })
            | Self::SshOnlyConnection(_)
            | Self::NoNamespace(_)
            | Self::ConfirmationRequired { .. }
            | Self::Connections(
                ConnectionsError::EmptyName | ConnectionsError::InvalidPathSegment { .. },
            )
            | Self::SourceDir(SourceDirError::NotADirectory(_))
            | Self::Git(GitError::NotADirectory(_)) => ExitStatus::Usage,
            Self::Cancelled
            | Self::SourceDir(
                SourceDirError::LinkOutside(_)
                | SourceDirError::SpecialFile(_)
                | SourceDirError::GitDirName(_)
                | SourceDirError::NotUtf8(_),
            ) => ExitStatus::Failure,
            Self::Push(error) => match error {
                PushError::Unauthorized(_) => ExitStatus::Unauthorized,
                PushError::NotPermitted(_) | PushError::Denied(_) => ExitStatus::Forbidden,
                PushError::NonFastForward(_) | PushError::RefNameConflict(_) => {
                    ExitStatus::Conflict
                }
                PushError::NotFound(_) => ExitStatus::NotFound,
                PushError::Unreachable(_) => ExitStatus::Unreachable,
                PushError::Server(_) => ExitStatus::BadResponse,
                PushError::Process(_)
                | PushError::TempDir(_)
                | PushError::FileChanged(_)
                | PushError::Failed(_) => ExitStatus::LocalError,
            },
            Self::Rejected { exit, .. } => *exit,
            Self::KeyFile(KeyFileError::Exists(_))
            | Self::Connections(ConnectionsError::Exists(_)) => ExitStatus::Conflict,
            Self::Connections(ConnectionsError::NotFound { .. })
            | Self::NoConnection(_)
            | Self::NoMatchingConnection(_)
            | Self::Git(GitError::NotARepository) => ExitStatus::NotFound,
            Self::MissingSecret(_)
            | Self::Store(StoreError::OtherVersion { .. })
            | Self::EmptyToken(_)
            | Self::SecretKindMismatch { .. }
            | Self::MissingTokenVariable(_)
            | Self::SecretBindingMismatch { .. }
            | Self::CommandNotConfirmed { .. }
            | Self::SecretOriginMismatch { .. }
            | Self::SessionExpired { .. }
            | Self::OAuth(OAuthError::Denied(_)) => ExitStatus::Unauthorized,
            Self::OAuth(OAuthError::TimedOut { .. }) | Self::Git(GitError::TimedOut(_)) => {
                ExitStatus::Unreachable
            }
            Self::Api { error, .. } => api_exit_status(error),
            Self::Ssh(error) => exit_of_ssh(error),
            Self::Key(KeyError::Rsa(_) | KeyError::Format(_) | KeyError::Random(_))
            | Self::KeyFile(
                KeyFileError::CreateDir { .. }
                | KeyFileError::NotAFile(_)
                | KeyFileError::Write { .. },
            )
            | Self::Connections(
                ConnectionsError::File { .. }
                | ConnectionsError::Untrusted(_)
                | ConnectionsError::RelativeDir(_)
                | ConnectionsError::NoConfigDir
                | ConnectionsError::Syntax { .. }
                | ConnectionsError::Connection { .. },
            )
            | Self::Store(_)
            | Self::Git(
                GitError::Process(_)
                | GitError::CommandFailed(_)
                | GitError::UnreadableCheckout(_)
                | GitError::Clone { .. },
            )
            | Self::SourceDir(
                SourceDirError::Read { .. } | SourceDirError::Walk(_) | SourceDirError::Changed(_),
            )
            | Self::HomeDirUnknown
            | Self::Untrusted(_)
            | Self::OAuth(OAuthError::Port { .. } | OAuthError::Website)
            | Self::CurrentExeUnknown
            | Self::Runtime(_)
            | Self::Stdin(_)
            | Self::Stdout(_)
            | Self::Read { .. }
            | Self::Write { .. } => ExitStatus::LocalError,
        }
    }

    /// What to do about it; a command to paste where there is one.
    pub(crate) fn hint(&self) -> Option<Hint> {
        let hint = match self {
            Self::Usage { hint, .. } | Self::Rejected { hint, .. } => return hint.clone(),
            Self::InputRequired { hint, .. } => hint.clone(),
            Self::ConfirmationRequired { .. } => "pass --yes".into(),
            Self::Key(error) => error.hint()?.into(),
            Self::KeyFile(error) => error.hint().into(),
            Self::Ssh(error) => return error.hint(),
            Self::Connections(error) => error.hint().into(),
            Self::NoConnection(known) if known.is_empty() => {
                "run `bbconnect connection add`".into()
            }
            Self::NoConnection(known) => format!(
                "pass --connection NAME; {}",
                known_connections(known)
            )
            .into(),
            Self::NoNamespace(NoNamespace(slug)) => format!("write NAMESPACE/{slug}").into(),
            Self::NoMatchingConnection(_) => {
                "run `bbconnect connection add`, or pass --connection NAME".into()
            }
            Self::Store(error) => error.hint()?.into(),
            Self::EmptyToken(_) | Self::MissingTokenVariable(_) => {
                "check that the pipeline's secret is set and available to this branch".into()
            }
            Self::SecretKindMismatch { actual, .. } => kind_hint(*actual).into(),
            Self::MissingSecret(name) | Self::SecretOriginMismatch { name, .. } => {
                format!("run `bbconnect connection edit {name} --token-stdin`").into()
            }
            Self::SecretBindingMismatch { name, confirm, .. } => format!(
                "if the change is yours, confirm it: run `bbconnect connection edit {name} {confirm}`"
            )
            .into(),
            Self::CommandNotConfirmed { name, command, .. } => {
                let command = if contains_token(command) {
                    "'CMD'".into()
                } else {
                    quote(command)
                };
                format!(
                    "if the command is yours, confirm it: run `bbconnect connection edit {name} --token-command {command}`"
                )
                .into()
            }
            Self::Untrusted(file) => file.hint().into(),
            Self::Api { error, .. } if error.is_about_archived() => {
                "an archived repository is read-only: ask an administrator of the repository to unarchive it, then run \
                 the command again"
                    .into()
            }
            Self::Api {
                causes: Some(causes),
                ..
            } => causes.clone(),
            Self::Api {
                error,
                causes: None,
            } => return api_hint(error).map(Hint::from),
            Self::SessionExpired { name, .. } => {
                format!("run `bbconnect connection edit {name} --reauthorize`").into()
            }
            Self::SshOnlyConnection(_) => {
                "pass --connection NAME of a connection with a token".into()
            }
            Self::HomeDirUnknown => "set HOME".into(),
            Self::Git(error) => return git_hint(error).map(Hint::from),
            Self::SourceDir(error) => return source_dir_hint(error).map(Hint::from),
            Self::Push(error) => return push_hint(error).map(Hint::from),
            Self::OAuth(error) => return oauth_hint(error).map(Hint::from),
            Self::Read { .. } => "check the path and its permissions".into(),
            Self::Write { .. } => "choose a directory with write permission".into(),
            Self::Stdout(_) => "the command succeeded; only its output could not be written".into(),
            Self::Cancelled | Self::CurrentExeUnknown | Self::Runtime(_) | Self::Stdin(_) => {
                return None;
            }
        };
        Some(hint)
    }
}

/// How a secret of this kind is used.
fn kind_hint(auth: AuthMethod) -> &'static str {
    match auth {
        AuthMethod::ApiToken => {
            "pass --auth api-token with --email ADDRESS; API tokens are for Bitbucket Cloud, https://bitbucket.org"
        }
        AuthMethod::AccessToken => {
            "pass --auth access-token with --workspace or --repo; access tokens are for Bitbucket Cloud, \
             https://bitbucket.org"
        }
        AuthMethod::HttpAccessToken => {
            "pass --auth http-access-token with the URL of the Data Center server"
        }
        AuthMethod::AppPassword => {
            "Bitbucket Cloud retired app passwords on 2026-07-28; create an API token with scopes at \
             https://id.atlassian.com/manage-profile/security/api-tokens and pass --auth api-token"
        }
        AuthMethod::OAuth
        | AuthMethod::ClientCredentials
        | AuthMethod::Password
        | AuthMethod::Ssh => "check --auth",
    }
}

fn git_hint(error: &GitError) -> Option<&'static str> {
    match error {
        GitError::NotARepository => Some("change to a directory in a git checkout"),
        GitError::UnreadableCheckout(_) => {
            Some("run `git status`, or pass --connection and --repo")
        }
        GitError::Process(_)
        | GitError::CommandFailed(_)
        | GitError::Clone { .. }
        | GitError::NotADirectory(_) => None,
        GitError::TimedOut(_) => Some("--timeout SECONDS waits longer"),
    }
}

fn source_dir_hint(error: &SourceDirError) -> Option<&'static str> {
    match error {
        SourceDirError::LinkOutside(_) => {
            Some("use a relative link within the directory, or exclude it with .gitignore")
        }
        SourceDirError::GitDirName(_) => Some("rename it, or exclude it with .gitignore"),
        SourceDirError::Read { .. }
        | SourceDirError::NotADirectory(_)
        | SourceDirError::Walk(_)
        | SourceDirError::SpecialFile(_)
        | SourceDirError::NotUtf8(_)
        | SourceDirError::Changed(_) => None,
    }
}

fn push_hint(error: &PushError) -> Option<&'static str> {
    match error {
        PushError::NotPermitted(_) => {
            Some("ask for write access to the repository, or pass --branch with another name")
        }
        PushError::Denied(_) => Some(
            "ask for read access to the repository for the account and its credential; a workspace may also restrict access",
        ),
        PushError::RefNameConflict(_) => Some("pass --branch with another name"),
        PushError::NonFastForward(_) | PushError::FileChanged(_) => Some("run the command again"),
        PushError::Server(_) => {
            Some("a sign-in page or a proxy may be in front of the server; run `bbconnect doctor`")
        }
        PushError::Process(_)
        | PushError::TempDir(_)
        | PushError::Unauthorized(_)
        | PushError::NotFound(_)
        | PushError::Unreachable(_)
        | PushError::Failed(_) => None,
    }
}

fn oauth_hint(error: &OAuthError) -> Option<&'static str> {
    match error {
        OAuthError::Port { .. } => {
            Some("pass --port, and register the callback URL http://127.0.0.1:PORT/callback")
        }
        OAuthError::TimedOut {
            accepts_paste: true,
            ..
        } => Some("pass --timeout SECONDS to wait longer"),
        OAuthError::TimedOut { .. } => Some(
            "pass --timeout SECONDS to wait longer, or --no-browser on a machine without a browser",
        ),
        OAuthError::Denied(_) | OAuthError::Website => None,
    }
}

fn exit_of_ssh(error: &SshError) -> ExitStatus {
    match error {
        SshError::HostKeyChanged { .. }
        | SshError::HostKeyUnknown { .. }
        | SshError::HostKeyRetired { .. }
        | SshError::HostKeyRevoked { .. }
        | SshError::FingerprintMismatch { .. } => ExitStatus::HostKeyMismatch,
        SshError::AuthenticationFailed { .. } => ExitStatus::Unauthorized,
        SshError::RepositoryAccessDenied { .. } => ExitStatus::Forbidden,
        SshError::PassphraseRequired(_) => ExitStatus::Usage,
        SshError::Unreachable { .. } => ExitStatus::Unreachable,
        SshError::ProtocolError { .. }
        | SshError::NoCommonAlgorithm { .. }
        | SshError::OnlySha1Signatures(_) => ExitStatus::BadResponse,
        SshError::Process(_)
        | SshError::TempFile(_)
        | SshError::Configuration { .. }
        | SshError::DamagedKey { .. }
        | SshError::PublicKeyMismatch { .. }
        | SshError::NotInAgent { .. }
        | SshError::KnownHosts { .. }
        | SshError::UnsupportedPath { .. }
        | SshError::KeyFile { .. }
        | SshError::InsecureKeyPermissions(_) => ExitStatus::LocalError,
    }
}

fn api_exit_status(error: &ApiError) -> ExitStatus {
    match error {
        ApiError::Unreachable { .. } => ExitStatus::Unreachable,
        ApiError::Unauthorized(_)
        | ApiError::LoginRefused(_)
        | ApiError::CaptchaRequired
        | ApiError::BasicAuthDisabled => ExitStatus::Unauthorized,
        ApiError::Forbidden { .. } | ApiError::RefusedWithoutReason(_) => ExitStatus::Forbidden,
        ApiError::NotFound(_) => ExitStatus::NotFound,
        ApiError::Moved { .. }
        | ApiError::ClientError {
            status: 409 | 412, ..
        } => ExitStatus::Conflict,
        // The request was understood and rejected.
        ApiError::Indeterminate(_)
        | ApiError::AccountUnknown
        | ApiError::ClientError {
            status: 400 | 422, ..
        } => ExitStatus::Failure,
        ApiError::NotAnApiEndpoint(_)
        | ApiError::NotBitbucket { .. }
        | ApiError::ForeignLogin
        | ApiError::Redirected { .. }
        | ApiError::Gone(_)
        | ApiError::RateLimited(_)
        | ApiError::ClientError { .. }
        | ApiError::ServerError { .. }
        | ApiError::InvalidHttp { .. }
        | ApiError::UnexpectedContentType { .. }
        | ApiError::Decode { .. }
        | ApiError::EndlessPagination
        | ApiError::ListTimeout { .. }
        | ApiError::ResponseTooLarge { .. } => ExitStatus::BadResponse,
        ApiError::InsecureTransport(_)
        | ApiError::ForeignOrigin(_)
        | ApiError::InvalidPathSegment(_)
        | ApiError::InvalidHeaderValue => ExitStatus::Usage,
        ApiError::ClientConfig(_) => ExitStatus::LocalError,
    }
}

fn api_hint(error: &ApiError) -> Option<String> {
    let hint = match error {
        ApiError::Unreachable {
            origin,
            proxy: Some(_),
            obstacle:
                ConnectFailure::Dns
                | ConnectFailure::Refused
                | ConnectFailure::Timeout
                | ConnectFailure::ProxyAuth
                | ConnectFailure::Other,
            ..
        } => {
            return Some(format!(
                "check the proxy (HTTPS_PROXY, HTTP_PROXY, NO_PROXY, --proxy): run `bbconnect doctor {origin}`"
            ));
        }
        ApiError::Unreachable {
            obstacle: ConnectFailure::Dns,
            ..
        } => "check the spelling of the host, and whether a VPN is needed",
        ApiError::Unreachable {
            obstacle: ConnectFailure::Refused,
            ..
        } => "check the port, and whether the server is running",
        ApiError::Unreachable {
            obstacle: ConnectFailure::Timeout,
            ..
        } => "check for a firewall, or pass --timeout SECONDS to wait longer",
        ApiError::Unreachable {
            obstacle: ConnectFailure::Tls(failure),
            ..
        } => failure.hint(),
        ApiError::Moved { hint, .. } => return Some(hint.clone()),
        ApiError::InsecureTransport(_) => "use https://, or pass --allow-http",
        ApiError::Redirected { from, to } if requires_https(from, to) => {
            return Some(format!("use {to}"));
        }
        ApiError::Redirected { .. }
        | ApiError::UnexpectedContentType { .. }
        | ApiError::ForeignLogin => {
            "single sign-on or a proxy may be in front of the server; ask the administrator for the URL of the REST \
             API"
        }
        ApiError::ForeignOrigin(_) => "pass the path only, or --connection NAME of that server",
        ApiError::NotAnApiEndpoint(_) | ApiError::NotBitbucket { .. } => {
            "check the host and the context path, as in https://host/bitbucket"
        }
        ApiError::CaptchaRequired => "log in with a browser, then run the command again",
        ApiError::BasicAuthDisabled => "create an HTTP access token",
        ApiError::InvalidHeaderValue => "paste the token without spaces and line breaks",
        ApiError::AccountUnknown => "pass --project KEY or --repo KEY/SLUG",
        ApiError::RefusedWithoutReason(_) => {
            "the workspace may allow only some IP addresses: ask its administrator, or use an allowed network"
        }
        ApiError::RateLimited(_) => "try again later",
        ApiError::ListTimeout { .. } => {
            "pass a longer --timeout SECONDS: a list takes up to 20 times as long"
        }
        ApiError::Forbidden {
            required, granted, ..
        } if !required.is_empty() => {
            let granted = GrantedScopes::from_names(granted.iter().map(String::as_str));
            return Some(refusal_hint(required, &granted));
        }
        ApiError::Unreachable {
            obstacle: ConnectFailure::ProxyAuth | ConnectFailure::Other,
            ..
        }
        | ApiError::ClientConfig(_)
        | ApiError::InvalidPathSegment(_)
        | ApiError::Unauthorized(_)
        | ApiError::Indeterminate(_)
        | ApiError::LoginRefused(_)
        | ApiError::Forbidden { .. }
        | ApiError::NotFound(_)
        | ApiError::Gone(_)
        | ApiError::ClientError { .. }
        | ApiError::ServerError { .. }
        | ApiError::InvalidHttp { .. }
        | ApiError::Decode { .. }
        | ApiError::EndlessPagination
        | ApiError::ResponseTooLarge { .. } => return None,
    };
    Some(hint.to_owned())
}
