//! Repositories: how a person names one, and what a server says of it.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

use super::clone_url::{CloneUrl, CloneUrlError};
use super::connection::Connection;
use super::deployment::Deployment;
use super::timestamp::Timestamp;

/// A repository as a person names it: `SLUG`, `NAMESPACE/SLUG`, or any clone or web URL of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepoRef {
    /// The workspace, project key or `~user`, where it is named.
    pub namespace: Option<String>,
    /// The repository's name in URLs.
    pub slug: String,
    /// The URL that it was read from.
    pub url: Option<CloneUrl>,
}

/// A repository on a server: workspace, project key or `~user`, and slug.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RepoId {
    /// The workspace (Cloud), or project key or `~user` (Data Center).
    pub namespace: String,
    /// The repository's name in URLs.
    pub slug: String,
}

/// What a server says of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Repository {
    /// The workspace (Cloud), or project key or `~user` (Data Center).
    pub namespace: String,
    /// The name in URLs.
    pub slug: String,
    /// The name for people.
    pub name: Option<String>,
    /// Whether it is hidden from those who were not let in.
    pub private: Option<bool>,
    /// The branch that a clone checks out.
    pub default_branch: Option<String>,
    /// The clone URL over SSH.
    pub ssh: Option<String>,
    /// The clone URL over HTTP.
    pub https: Option<String>,
    /// Its page.
    pub web: Option<String>,
    /// When it was last changed.
    pub updated_on: Option<Timestamp>,
    /// The key of its project.
    #[serde(skip)]
    pub project: Option<String>,
}

/// Which repositories are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RepositoryFilter {
    /// Those of this workspace; without it, of all of the account (Cloud).
    pub workspace: Option<String>,
    /// Those of this project; without it, of all (on Cloud, of the workspace).
    pub project: Option<String>,
    /// Those whose name holds this text.
    pub text: Option<String>,
    /// At most so many.
    pub most: Option<usize>,
}

/// A repository to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewRepository {
    /// Where; the slug is also the name.
    pub repo: RepoId,
    /// Whether everybody may see it.
    pub public: bool,
    /// What it is for.
    pub description: Option<String>,
    /// The key of its project (Cloud).
    pub project: Option<String>,
    /// The branch that a clone will check out.
    pub default_branch: Option<String>,
}

/// A text that names no repository.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum RepoRefError {
    /// It is neither a name nor a URL.
    #[error("a repository is named NAMESPACE/SLUG, or by any URL of it")]
    Shape,
    /// It is the name for people.
    #[error(
        "a repository's name in addresses contains no blank; write it as in its URL, such as my-repo"
    )]
    Blank,
    /// It is a URL, but not of a repository.
    #[error(transparent)]
    Url(#[from] CloneUrlError),
}

/// A slug whose workspace or project is not told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` does not tell the workspace or project")]
pub(crate) struct NoNamespace(pub String);

impl FromStr for RepoRef {
    type Err = RepoRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let is_pasted = text.contains(':') || text.starts_with("git ");
        if !is_pasted && text.contains(char::is_whitespace) {
            return Err(RepoRefError::Blank);
        }
        if text.contains(':') || text.contains(char::is_whitespace) {
            return Ok(Self::from_url(text.parse()?));
        }
        let (namespace, slug) = match text.split_once('/') {
            None => (None, text),
            Some((namespace, slug)) => (Some(namespace), slug),
        };
        let slug = slug.trim_end_matches('/');
        let slug = slug.strip_suffix(".git").unwrap_or(slug);
        if !namespace.is_none_or(is_name) || !is_name(slug) {
            // A page that was pasted without its scheme: bitbucket.org/acme/site. What is no host is no page: acme/site/src.
            let is_host = |name: &str| name.contains('.') || name == "localhost";
            if !namespace.is_some_and(is_host) {
                return Err(RepoRefError::Shape);
            }
            let with_scheme = format!("https://{text}");
            let url = with_scheme
                .parse::<CloneUrl>()
                .map_err(|_| RepoRefError::Shape)?;
            return Ok(Self::from_url(url));
        }
        Ok(Self {
            namespace: namespace.map(str::to_owned),
            slug: slug.to_owned(),
            url: None,
        })
    }
}

impl RepoRef {
    /// The repository on the server of a connection: what the text leaves out is the connection's.
    ///
    /// # Errors
    /// [`NoNamespace`] where neither tells the workspace or project.
    pub(crate) fn resolve(&self, connection: &Connection) -> Result<RepoId, NoNamespace> {
        let default = connection.namespace().map(str::to_owned);
        match self.namespace.clone().or(default) {
            Some(namespace) => Ok(RepoId {
                namespace,
                slug: self.slug.clone(),
            }),
            None => Err(NoNamespace(self.slug.clone())),
        }
    }

    fn from_url(url: CloneUrl) -> Self {
        Self {
            namespace: url.namespace(),
            slug: url.slug().to_owned(),
            url: Some(url),
        }
    }
}

impl Repository {
    /// Where it is, in the server's own spelling.
    #[must_use]
    pub(crate) fn path(&self) -> RepoId {
        RepoId {
            namespace: self.namespace.clone(),
            slug: self.slug.clone(),
        }
    }
}

impl RepoId {
    /// As its server writes it: a project key of Data Center in capitals, also where a clone URL has it in small letters.
    #[must_use]
    pub(crate) fn normalized(self, deployment: Deployment) -> Self {
        if deployment == Deployment::Cloud || self.namespace.starts_with('~') {
            return self;
        }
        Self {
            namespace: self.namespace.to_uppercase(),
            ..self
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "._-~{}+@".contains(c);
    !text.is_empty()
        && !matches!(text, "." | "..")
        && !text.starts_with('-')
        && text.chars().all(is_plain)
}

impl fmt::Display for RepoRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.slug),
            None => f.write_str(&self.slug),
        }
    }
}

impl fmt::Display for RepoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.slug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_named_in_many_ways() {
        for (text, namespace, slug, is_url) in [
            ("acme/site", Some("acme"), "site", false),
            ("site", None, "site", false),
            ("acme/site.git", Some("acme"), "site", false),
            ("acme/site.git/", Some("acme"), "site", false),
            ("~jane/site", Some("~jane"), "site", false),
            (
                "git@bitbucket.org:acme/site.git",
                Some("acme"),
                "site",
                true,
            ),
            (
                "https://bitbucket.org/acme/site/src/main/",
                Some("acme"),
                "site",
                true,
            ),
            ("bitbucket.org/acme/site", Some("acme"), "site", true),
            (
                "https://git.example.com/ctx/projects/WEB/repos/site/browse",
                Some("WEB"),
                "site",
                true,
            ),
        ] {
            let named: RepoRef = text.parse().unwrap();
            assert_eq!(
                (
                    named.namespace.as_deref(),
                    named.slug.as_str(),
                    named.url.is_some()
                ),
                (namespace, slug, is_url),
                "{text}"
            );
        }
    }

    #[test]
    fn what_names_none_is_refused() {
        for text in [
            "",
            "/",
            "a/",
            "/b",
            "a/..",
            "-x/y",
            "a/-b",
            "a/b?c",
            "https://bitbucket.org/",
            "a b/c",
            "acme/site/src",
            "acme/site/src/main/",
        ] {
            assert!(text.parse::<RepoRef>().is_err(), "{text}");
        }
    }
}
