//! The web page where a kind of credential is created and managed.

use url::Url;

use super::cloud_hosts;
use super::connection::{AuthMethod, Connection, TokenLevel};
use super::deployment::Deployment;
use super::namespace::user_slug;

/// API tokens of Atlassian accounts.
pub(crate) const API_TOKENS: &str = "https://id.atlassian.com/manage-profile/security/api-tokens";

impl Connection {
    /// The page where credentials of a kind are created, for what they belong to; `None` for SSH, which has none.
    ///
    /// <https://support.atlassian.com/bitbucket-cloud/docs/access-tokens/>,
    /// <https://confluence.atlassian.com/bitbucketserver/http-access-tokens-939515499.html>
    pub(crate) fn token_page(&self, auth: AuthMethod, level: Option<TokenLevel>) -> Option<String> {
        let user = self.account.as_deref().or(self.credential.username());
        let user = user.map(user_slug);
        let parts: Vec<&str> = match auth {
            AuthMethod::ApiToken | AuthMethod::AppPassword => return Some(API_TOKENS.to_owned()),
            AuthMethod::AccessToken => self.access_tokens(level),
            AuthMethod::OAuth | AuthMethod::ClientCredentials => self.oauth_clients(),
            AuthMethod::HttpAccessToken => self.http_access_tokens(level, user.as_deref()),
            AuthMethod::Password => vec!["account"],
            AuthMethod::Ssh => return None,
        };
        let mut url = self.website()?;
        url.path_segments_mut().ok()?.pop_if_empty().extend(parts);
        Some(url.to_string())
    }

    pub(crate) fn website(&self) -> Option<Url> {
        match (&self.web_url, self.deployment) {
            (Some(web_url), _) => Url::parse(web_url).ok(),
            (None, Deployment::Cloud) => Url::parse(cloud_hosts::WEB_URL).ok(),
            (None, Deployment::DataCenter | Deployment::Unknown) => {
                Some(self.base_url.url().clone())
            }
        }
    }

    /// OAuth consumers (Cloud) and incoming links (Data Center).
    fn oauth_clients(&self) -> Vec<&str> {
        let workspace = self.workspace.as_deref().unwrap_or("WORKSPACE");
        match self.deployment {
            Deployment::Cloud => vec![workspace, "workspace", "settings", "api"],
            Deployment::DataCenter | Deployment::Unknown => {
                vec!["plugins", "servlet", "applinks", "listApplicationLinks"]
            }
        }
    }

    fn access_tokens(&self, level: Option<TokenLevel>) -> Vec<&str> {
        let workspace = self.workspace.as_deref().unwrap_or("WORKSPACE");
        // The selected repository or project is not always the owner of the token.
        let repository = self.repository.as_deref();
        let repository = repository.filter(|_| matches!(level, None | Some(TokenLevel::Repo)));
        let project = self.project.as_deref();
        let project = project.filter(|_| level != Some(TokenLevel::Workspace));
        match (repository, project) {
            (Some(slug), _) => vec![workspace, slug, "admin", "access-tokens"],
            (None, Some(key)) => {
                vec![
                    workspace,
                    "workspace",
                    "projects",
                    key,
                    "settings",
                    "access-tokens",
                ]
            }
            (None, None) => vec![workspace, "workspace", "settings", "access-tokens"],
        }
    }

    fn http_access_tokens<'a>(
        &'a self,
        level: Option<TokenLevel>,
        user: Option<&'a str>,
    ) -> Vec<&'a str> {
        let below = ["plugins", "servlet", "access-tokens"];
        let project = self.project.as_deref();
        let own = match (level, project, self.repository.as_deref()) {
            (Some(TokenLevel::Repo), Some(key), Some(slug)) => vec!["projects", key, "repos", slug],
            (Some(TokenLevel::Project), Some(key), _) => vec!["projects", key],
            _ => match user {
                Some(user) => vec!["users", user],
                None => return vec!["account"],
            },
        };
        [below.as_slice(), &own, &["manage"]].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::test_rows;

    #[test]
    fn every_kind_has_its_page() {
        for (case, page) in test_rows(
            "
            cloud api-token email='jane@acme.example' => https://id.atlassian.com/manage-profile/security/api-tokens
            cloud access-token workspace='acme' repository='site' => https://bitbucket.org/acme/site/admin/access-tokens
            cloud access-token level='workspace' workspace='acme' repository='site' => https://bitbucket.org/acme/workspace/settings/access-tokens
            cloud access-token workspace='acme' => https://bitbucket.org/acme/workspace/settings/access-tokens
            datacenter http-access-token account='jane' => https://git.example.com/ctx/plugins/servlet/access-tokens/users/jane/manage
            datacenter http-access-token account='jane@acme.example' => https://git.example.com/ctx/plugins/servlet/access-tokens/users/jane_acme.example/manage
            datacenter http-access-token level='repo' project='WEB' repository='site' => https://git.example.com/ctx/plugins/servlet/access-tokens/projects/WEB/repos/site/manage
            ",
        ) {
            let words: Vec<_> = case.splitn(3, ' ').collect();
            let (deployment, auth, fields) = (words[0], words[1], words[2].replace(' ', "\n"));
            let base = match deployment {
                "cloud" => "https://api.bitbucket.org/2.0",
                _ => "https://git.example.com/ctx",
            };
            let text = format!(
                "deployment='{deployment}'\nbase_url='{base}'\nauth='{auth}'\n{fields}"
            );
            let connection: Connection = toml_edit::de::from_str(&text).unwrap();
            let found = connection.token_page(connection.auth(), connection.level());
            assert_eq!(found.as_deref(), Some(page), "{case}");
        }
    }
}
