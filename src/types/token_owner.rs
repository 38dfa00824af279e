//! What an access token of Bitbucket Cloud belongs to, as a user names it.

use std::str::FromStr;

use super::connection::{BaseUrlError, Connection, DetectedServer, TokenLevel};
use super::deployment::Deployment;
use super::repository::RepoRef;

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

    #[test]
    fn every_form_names_the_same() {
        for (text, owner) in [
            ("acme", Some(("acme", None, None))),
            (" 'acme/' ", Some(("acme", None, None))),
            ("acme/site", Some(("acme", None, Some("site")))),
            ("https://bitbucket.org/acme", Some(("acme", None, None))),
            (
                "bitbucket.org/acme/site",
                Some(("acme", None, Some("site"))),
            ),
            (
                "https://bitbucket.org/acme/site/src/main/",
                Some(("acme", None, Some("site"))),
            ),
            (
                "git@bitbucket.org:acme/site.git",
                Some(("acme", None, Some("site"))),
            ),
            (
                "https://bitbucket.org/acme/workspace/projects/WEB",
                Some(("acme", Some("WEB"), None)),
            ),
            ("https://bitbucket.org", None),
            ("https://git.example.com/projects/WEB", None),
            ("a b", None),
            ("acme/site/src", None),
            ("", None),
        ] {
            let parsed = text.parse::<TokenOwnerRef>().ok();
            let parsed = parsed.as_ref().map(|owner| {
                (
                    owner.workspace.as_str(),
                    owner.project.as_deref(),
                    owner.repository.as_deref(),
                )
            });
            assert_eq!(parsed, owner, "{text}");
        }
    }
}
