//! The kinds of credentials, and which product supports which.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::types::deployment::Deployment;
use crate::types::named_enum::named_enum;
use crate::types::secret::Secret;
use crate::types::token_prefix::TokenPrefix;

named_enum! {
    /// The kind of a credential, without its data.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
    pub(crate) enum AuthMethod {
        /// Cloud: an API token with scopes, sent as Basic with the Atlassian e-mail address
        ApiToken = "api-token",
        /// Cloud: an access token of a repository, project or workspace, sent as Bearer
        AccessToken = "access-token",
        /// Cloud and Data Center since 7.20: signed in with a browser, sent as Bearer, refreshed
        #[value(name = Self::OAuth.name())]
        OAuth = "oauth",
        /// Cloud: an OAuth consumer by itself, sent as Bearer, refreshed
        ClientCredentials = "client-credentials",
        /// Cloud: an app password; none works since 2026-07-28
        AppPassword = "app-password",
        /// Data Center: an HTTP access token of a user, project or repository, sent as Bearer
        HttpAccessToken = "http-access-token",
        /// Data Center: user name and password, sent as Basic
        Password = "password",
        /// Any Git host: SSH alone, no REST
        Ssh = "ssh",
    }
}

named_enum! {
    /// What a token belongs to.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
    pub(crate) enum TokenLevel {
        /// A person
        User = "user",
        /// A workspace
        Workspace = "workspace",
        /// A project
        Project = "project",
        /// A repository
        Repo = "repo",
    }
}

/// A kind of credential that the product does not support.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("--auth {auth} is not supported by {deployment}")]
pub(crate) struct AuthError {
    pub auth: AuthMethod,
    pub deployment: Deployment,
}

impl TokenLevel {
    /// The narrowest level of what an access token was given for.
    pub(crate) fn narrowest(repository: Option<&str>, project: Option<&str>) -> Self {
        match (repository, project) {
            (Some(_), _) => Self::Repo,
            (None, Some(_)) => Self::Project,
            (None, None) => Self::Workspace,
        }
    }
}

impl AuthMethod {
    /// A secret as it was typed or pasted: a token without quotes and spaces around it, a password unchanged.
    pub(crate) fn normalize_secret(self, secret: Secret) -> Secret {
        match self {
            Self::Password | Self::AppPassword | Self::Ssh => secret,
            Self::ApiToken
            | Self::AccessToken
            | Self::OAuth
            | Self::ClientCredentials
            | Self::HttpAccessToken => Secret::from_pasted(secret.expose()),
        }
    }

    /// The kind of credential that a token with this prefix is.
    pub(crate) fn from_prefix(prefix: TokenPrefix) -> Option<Self> {
        match prefix {
            TokenPrefix::ApiToken => Some(Self::ApiToken),
            TokenPrefix::AccessToken => Some(Self::AccessToken),
            TokenPrefix::AppPassword => Some(Self::AppPassword),
            TokenPrefix::HttpAccessToken => Some(Self::HttpAccessToken),
            TokenPrefix::Unknown => None,
        }
    }

    /// Whether a secret with this prefix is a credential of another kind. A password may begin with anything.
    pub(crate) fn contradicts(self, prefix: TokenPrefix) -> bool {
        let is_token = !matches!(self, Self::Password | Self::Ssh);
        is_token && Self::from_prefix(prefix).is_some_and(|auth| auth != self)
    }

    pub(crate) fn require_supported_by(self, deployment: Deployment) -> Result<(), AuthError> {
        let is_supported = match self {
            Self::ApiToken | Self::AccessToken | Self::AppPassword | Self::ClientCredentials => {
                deployment == Deployment::Cloud
            }
            Self::HttpAccessToken | Self::Password => deployment == Deployment::DataCenter,
            Self::OAuth => deployment != Deployment::Unknown,
            Self::Ssh => true,
        };
        if is_supported {
            Ok(())
        } else {
            Err(AuthError {
                auth: self,
                deployment,
            })
        }
    }

    /// Whether its secret contains tokens that are refreshed.
    pub(crate) fn is_oauth(self) -> bool {
        matches!(self, Self::OAuth | Self::ClientCredentials)
    }

    pub(crate) fn secret_with_article(self) -> String {
        let label = self.secret_label();
        let article = if label.starts_with(['a', 'A', 'H']) {
            "an"
        } else {
            "a"
        };
        format!("{article} {label}")
    }

    /// The label of a prompt for its secret.
    pub(crate) fn secret_prompt(self) -> String {
        let label = self.secret_label();
        let (first, rest) = label.split_at_checked(1).unwrap_or_default();
        format!("{}{rest}", first.to_uppercase())
    }

    /// The noun for its secret in errors.
    pub(crate) fn secret_label(self) -> &'static str {
        match self {
            Self::ApiToken => "API token",
            Self::AccessToken => "access token",
            Self::OAuth | Self::ClientCredentials => "client secret",
            Self::AppPassword => "app password",
            Self::HttpAccessToken => "HTTP access token",
            Self::Password => "password",
            Self::Ssh => "no secret",
        }
    }
}

impl fmt::Display for AuthMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_contradicts_other_kinds_of_tokens() {
        for (auth, token, contradicts) in [
            (AuthMethod::ApiToken, "ATATT3x", false),
            (AuthMethod::ApiToken, "ATCTT3x", true),
            (AuthMethod::ApiToken, "ATBBx", true),
            (AuthMethod::ApiToken, "anything", false),
            (AuthMethod::AccessToken, "ATATT3x", true),
            (AuthMethod::HttpAccessToken, "ATATT3x", true),
            (AuthMethod::HttpAccessToken, "BBDC-x", false),
            (AuthMethod::OAuth, "BBDC-x", true),
            (AuthMethod::Password, "BBDC-x", false),
        ] {
            let prefix = TokenPrefix::from_token(token);
            assert_eq!(auth.contradicts(prefix), contradicts, "{auth} {token}");
        }
    }
}
