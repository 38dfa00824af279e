//! Repositories: references to them, their properties, and the permissions of an account on them.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

use super::clone_url::{CloneUrl, CloneUrlError};
use super::connection::Connection;
use super::date::Timestamp;
use super::deployment::Deployment;
use super::named_enum::named_enum;

/// A repository on the command line: `SLUG`, `NAMESPACE/SLUG`, or any clone or web URL of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepoRef {
    /// The workspace, project key or `~user`.
    pub namespace: Option<String>,
    pub slug: String,
    pub url: Option<CloneUrl>,
}

/// A repository on a server: workspace, project key or `~user`, and slug.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RepoId {
    /// Workspace (Cloud); project key or `~user` (Data Center).
    pub namespace: String,
    pub slug: String,
}

/// A repository as the server reports it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Repository {
    /// Workspace (Cloud); project key or `~user` (Data Center).
    pub namespace: String,
    pub slug: String,
    pub name: Option<String>,
    pub private: Option<bool>,
    /// Whether it is read-only; Data Center reports that since 8.0.
    pub archived: Option<bool>,
    pub default_branch: Option<String>,
    /// The clone URL over SSH.
    pub ssh: Option<String>,
    /// The clone URL over HTTP.
    pub https: Option<String>,
    pub web: Option<String>,
    pub updated_on: Option<Timestamp>,
    #[serde(skip)]
    pub project: Option<String>,
    /// Empty where it has none; `None` where the server does not report it.
    #[serde(skip)]
    pub description: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RepositoryFilter {
    /// `None`: all workspaces of the account (Cloud).
    pub workspace: Option<String>,
    /// `None`: all projects, on Cloud those of the workspace.
    pub project: Option<String>,
    /// A part of the name.
    pub text: Option<String>,
    /// The maximum number of results.
    pub max: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewRepository {
    /// The slug is also the name.
    pub repo: RepoId,
    pub public: bool,
    pub description: Option<String>,
    /// The project key (Cloud).
    pub project: Option<String>,
    pub default_branch: Option<String>,
}

impl NewRepository {
    /// In what a repository differs from the requested one, as texts. What the server does not report is no difference.
    pub(crate) fn differences(&self, existing: &Repository) -> Vec<String> {
        let mut all = Vec::new();
        let same_slug = existing.slug.eq_ignore_ascii_case(&self.repo.slug)
            || existing.name.as_ref() == Some(&self.repo.slug);
        let same_namespace = existing
            .namespace
            .eq_ignore_ascii_case(&self.repo.namespace);
        if !same_slug || !same_namespace {
            all.push(format!("its name is {}", existing.path()));
        }
        all.extend(visibility_difference(self.public, existing.private));
        all.extend(text_difference(
            "description",
            self.description.as_deref(),
            existing.description.as_deref(),
        ));
        let project = self.project.as_deref().zip(existing.project.as_deref());
        if let Some((_, project)) =
            project.filter(|(requested, own)| !requested.eq_ignore_ascii_case(own))
        {
            all.push(format!("it is in project {project}"));
        }
        let branches = self
            .default_branch
            .as_deref()
            .zip(existing.default_branch.as_deref());
        if let Some((_, branch)) = branches.filter(|(requested, own)| requested != own) {
            all.push(format!("its default branch is {branch}"));
        }
        all
    }
}

pub(crate) fn visibility_difference(public: bool, private: Option<bool>) -> Option<String> {
    match private {
        Some(true) if public => Some("it is private".to_owned()),
        Some(false) if !public => Some("it is public".to_owned()),
        Some(_) | None => None,
    }
}

pub(crate) fn text_difference(
    name: &str,
    requested: Option<&str>,
    existing: Option<&str>,
) -> Option<String> {
    let (requested, existing) = requested.zip(existing)?;
    match existing.trim() {
        same if same == requested.trim() => None,
        "" => Some(format!("it has no {name}")),
        other => Some(format!("its {name} is `{other}`")),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum RepoRefError {
    #[error("expected a repository: NAMESPACE/SLUG, or any URL of it")]
    Shape,
    /// A display name instead of a slug.
    #[error(
        "a repository slug contains no spaces; write it as in the repository's URL, such as my-repo"
    )]
    Blank,
    #[error(transparent)]
    Url(#[from] CloneUrlError),
}

/// A slug without a workspace or project.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` has no workspace or project")]
pub(crate) struct NoNamespace(pub String);

impl FromStr for RepoRef {
    type Err = RepoRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let is_url = text.contains(':') || text.starts_with("git ");
        if !is_url && text.contains(char::is_whitespace) {
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
            // A web page without its scheme, bitbucket.org/acme/site; but not a path, acme/site/src.
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
    /// The repository on the server of a connection, with the connection's namespace by default.
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
    /// In the server's spelling.
    pub(crate) fn path(&self) -> RepoId {
        RepoId {
            namespace: self.namespace.clone(),
            slug: self.slug.clone(),
        }
    }
}

impl RepoId {
    pub(crate) fn pull_requests_page(&self, connection: &Connection) -> Option<String> {
        let Self { namespace, slug } = self;
        let below_website = match (connection.deployment, namespace.strip_prefix('~')) {
            (Deployment::Cloud, _) => vec![namespace, slug.as_str()],
            (_, Some(user)) => vec!["users", user, "repos", slug],
            (_, None) => vec!["projects", namespace, "repos", slug],
        };
        let mut url = connection.website()?;
        url.path_segments_mut()
            .ok()?
            .pop_if_empty()
            .extend(below_website)
            .push("pull-requests");
        Some(url.into())
    }

    /// Whether two names are of the same repository: servers ignore their case.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.namespace.eq_ignore_ascii_case(&other.namespace)
            && self.slug.eq_ignore_ascii_case(&other.slug)
    }

    /// Whether a repository with this name was renamed if the server returns it under another one. Cloud also accepts UUIDs
    /// in braces.
    pub(crate) fn is_renamed_to(&self, current: &Self) -> bool {
        !(self.namespace.starts_with('{') || self.slug.starts_with('{') || self.is_same(current))
    }

    /// In the server's spelling: project keys of Data Center are in capitals, though not in every clone URL.
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

named_enum! {
    /// Each permission includes the ones before it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
    pub(crate) enum Permission {
        /// Clone and fetch.
        Read = "read",
        /// Push.
        Write = "write",
        /// Change the settings: webhooks, keys.
        Admin = "admin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::test_rows;

    #[test]
    fn every_form_of_a_reference_is_parsed() {
        for (text, expected) in test_rows(
            "
            acme/site => acme site
            site => none site
            acme/site.git => acme site
            acme/site.git/ => acme site
            ~jane/site => ~jane site
            git@bitbucket.org:acme/site.git => acme site by URL
            https://bitbucket.org/acme/site/src/main/ => acme site by URL
            bitbucket.org/acme/site => acme site by URL
            https://git.example.com/ctx/projects/WEB/repos/site/browse => WEB site by URL
            ",
        ) {
            let reference: RepoRef = text.parse().unwrap();
            let namespace = reference.namespace.as_deref().unwrap_or("none");
            let by_url = reference.url.map_or("", |_| " by URL");
            let found = format!("{namespace} {}{by_url}", reference.slug);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn other_texts_are_rejected() {
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
    #[test]
    fn differences_are_those_of_what_was_requested() {
        let existing = Repository {
            namespace: "acme".to_owned(),
            slug: "my-shop".to_owned(),
            name: Some("My+Shop".to_owned()),
            private: Some(true),
            archived: None,
            default_branch: Some("main".to_owned()),
            ssh: None,
            https: None,
            web: None,
            updated_on: None,
            project: Some("WEB".to_owned()),
            description: Some("sells".to_owned()),
        };
        let new = |slug: &str| NewRepository {
            repo: RepoId {
                namespace: "acme".to_owned(),
                slug: slug.to_owned(),
            },
            public: false,
            description: None,
            project: None,
            default_branch: None,
        };
        let none: [&str; 0] = [];
        assert_eq!(new("My-Shop").differences(&existing), none);
        assert_eq!(new("My+Shop").differences(&existing), none);
        let same = NewRepository {
            description: Some("sells ".to_owned()),
            project: Some("web".to_owned()),
            default_branch: Some("main".to_owned()),
            ..new("my-shop")
        };
        assert_eq!(same.differences(&existing), none);
        let other = NewRepository {
            public: true,
            description: Some("buys".to_owned()),
            project: Some("OPS".to_owned()),
            default_branch: Some("trunk".to_owned()),
            ..new("other")
        };
        let expected = [
            "its name is acme/my-shop",
            "it is private",
            "its description is `sells`",
            "it is in project WEB",
            "its default branch is main",
        ];
        assert_eq!(other.differences(&existing), expected);
        let unknown = Repository {
            private: None,
            description: None,
            project: None,
            default_branch: None,
            ..existing
        };
        let expected = ["its name is acme/my-shop"];
        assert_eq!(other.differences(&unknown), expected);
    }
}
