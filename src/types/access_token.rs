//! HTTP access tokens of Data Center, and what an access token of Bitbucket Cloud belongs to, as a user names it.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::connection::{BaseUrlError, Connection, DetectedServer, TokenLevel};
use super::date::Date;
use super::deployment::Deployment;
use super::repository::{RepoId, RepoRef};
use super::secret::Secret;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenOwner {
    User(String),
    Project(String),
    Repository(RepoId),
}

impl TokenOwner {
    /// The repository, where the owner is one.
    pub(crate) fn repository(&self) -> Option<String> {
        match self {
            Self::Repository(repository) => Some(repository.to_string()),
            Self::User(_) | Self::Project(_) => None,
        }
    }
}

/// A token as the server lists it, without the secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct AccessToken {
    /// Also part of the token itself; `None` in a dry run.
    pub id: Option<String>,
    pub name: Option<String>,
    pub permissions: Option<Vec<String>>,
    pub created_on: Option<Date>,
    /// `None` if it does not expire, or the server does not report it.
    pub expires_on: Option<Date>,
    pub last_used_on: Option<Date>,
    /// Whether it expires on a day that the server does not report.
    #[serde(skip)]
    pub expires_on_unknown_day: bool,
}

/// A created token. The server sends the secret only once.
#[derive(Debug)]
pub(crate) struct NewToken {
    pub token: AccessToken,
    pub secret: Secret,
}

impl TokenOwner {
    /// The option of `bbconnect token` for this owner.
    pub(crate) fn as_flag(&self) -> String {
        match self {
            Self::User(_) => "--user".to_owned(),
            Self::Project(key) => format!("--project {key}"),
            Self::Repository(path) => format!("--repo {path}"),
        }
    }
}

impl fmt::Display for TokenOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user {name}"),
            Self::Project(key) => write!(f, "project {key}"),
            Self::Repository(path) => write!(f, "repository {path}"),
        }
    }
}

/// A workspace, project or repository: `WORKSPACE`, `WORKSPACE/SLUG`, or any URL of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenOwnerRef {
    pub workspace: String,
    pub project: Option<String>,
    pub repository: Option<String>,
}

impl FromStr for TokenOwnerRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected WORKSPACE, WORKSPACE/REPOSITORY, or a URL of it";
        let text = text.trim();
        let text = ['"', '\'']
            .into_iter()
            .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
            .unwrap_or(text)
            .trim();
        let is_url = text.contains(':') || text.contains(char::is_whitespace);
        let has_host = || {
            text.split('/')
                .next()
                .is_some_and(|first| first.contains('.'))
        };
        if is_url || has_host() {
            let server: DetectedServer = text
                .parse()
                .map_err(|error: BaseUrlError| error.to_string())?;
            if server.deployment == Deployment::DataCenter {
                return Err("the URL is not one of Bitbucket Cloud".to_owned());
            }
            let workspace = server
                .namespace
                .ok_or("the URL does not name a workspace, project or repository")?;
            return Ok(Self {
                workspace,
                project: server.project,
                repository: server.repository,
            });
        }
        let named: RepoRef = text
            .trim_end_matches('/')
            .parse()
            .map_err(|_| EXPECTED.to_owned())?;
        Ok(match named.namespace {
            Some(workspace) => Self {
                workspace,
                project: None,
                repository: Some(named.slug),
            },
            None => Self {
                workspace: named.slug,
                project: None,
                repository: None,
            },
        })
    }
}

impl TokenOwnerRef {
    /// Makes a connection belong to it.
    pub(crate) fn apply(self, connection: &mut Connection) {
        let level = TokenLevel::narrowest(self.repository.as_deref(), self.project.as_deref());
        connection.workspace = Some(self.workspace);
        connection.project = self.project;
        connection.repository = self.repository;
        connection.credential.set_level(level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::test_rows;

    #[test]
    fn every_form_names_the_same() {
        for (text, expected) in test_rows(
            "
            acme => acme - -
            'acme/' => acme - -
            acme/site => acme - site
            https://bitbucket.org/acme => acme - -
            bitbucket.org/acme/site => acme - site
            https://bitbucket.org/acme/site/src/main/ => acme - site
            git@bitbucket.org:acme/site.git => acme - site
            https://bitbucket.org/acme/workspace/projects/WEB => acme WEB -
            ",
        ) {
            let owner: TokenOwnerRef = format!(" {text} ").parse().unwrap();
            let found = [Some(owner.workspace), owner.project, owner.repository];
            let found = found.map(|name| name.unwrap_or("-".to_owned()));
            assert_eq!(found.join(" "), expected, "{text}");
        }
        for text in [
            "https://bitbucket.org",
            "https://git.example.com/projects/WEB",
            "a b",
            "acme/site/src",
            "",
        ] {
            assert!(text.parse::<TokenOwnerRef>().is_err(), "{text}");
        }
    }
}
