//! How well a connection matches what is resolved: by server, workspace or project, and repository.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::Url;

use super::request::{Needs, SshConnection};
use super::server::{git_base_urls, is_on_server, is_same_server};
use crate::types::clone_url::CloneUrl;
use crate::types::connection::{
    AuthMethod, BaseUrl, Connection, ConnectionName, Credential, Origin, TokenLevel,
};
use crate::types::deployment::Deployment;
use crate::types::repository::RepoRef;

/// What connections are matched against.
#[derive(Debug, Clone)]
pub(super) enum Subject<'a> {
    /// The URL of a remote of the checkout: its server alone is enough.
    Remote(CloneUrl),
    /// A URL that was named.
    Url(Cow<'a, CloneUrl>),
    Server(&'a BaseUrl),
    /// A URL for which git wants a credential, perhaps of this user.
    Git(Url, Option<&'a str>),
    Key(&'a SshConnection),
    /// A repository whose private SSH key is needed.
    Repository(Cow<'a, RepoRef>),
    /// Any private SSH key.
    AnyKey,
}

/// How well a connection matches; the fields that come first decide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Score {
    /// The base URL is the same: an SSH URL does not tell apart several servers of one host.
    same_base: bool,
    same_server: bool,
    /// As far as is known, the credential belongs to the workspace or project.
    same_namespace: bool,
    /// The credential may change keys, where that is needed.
    changes_keys: bool,
    has_rest: bool,
    path: u8,
}

/// How well a connection matches the path of a URL on its server, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PathMatch {
    /// The credential is limited to another workspace, project or repository.
    Other,
    /// The connection has another workspace or project, but the credential is a user's.
    Account,
    /// The connection names no workspace or project.
    Unspecified,
    Namespace,
    /// The slug is the same, and the connection names no workspace or project.
    Slug,
    Repository,
}

impl Subject<'_> {
    /// How well a connection matches; `None` where it does not.
    pub(super) fn score(
        &self,
        name: &ConnectionName,
        connection: &Connection,
        needs: Needs,
    ) -> Option<Score> {
        let has_rest = connection.auth() != AuthMethod::Ssh;
        let may_do = match needs {
            Needs::Nothing => true,
            Needs::Rest | Needs::KeyAdmin => has_rest,
            Needs::SshKey => return self.key_score(name, connection),
        };
        let changes_keys = needs == Needs::KeyAdmin && connection.auth() != AuthMethod::AccessToken;
        let by_path = |url: &CloneUrl, least: PathMatch| {
            let path = path_match(connection, url);
            let score = Score {
                same_base: false,
                same_server: is_same_server(connection, url),
                same_namespace: path >= PathMatch::Unspecified,
                changes_keys,
                has_rest,
                path: path as u8,
            };
            (path >= least).then_some(score)
        };
        let score = match self {
            // A key belongs to one repository: such a connection says nothing about its server.
            Self::Remote(url) if is_on_server(connection, url) => by_path(
                url,
                if has_rest {
                    PathMatch::Other
                } else {
                    PathMatch::Account
                },
            ),
            Self::Url(url) if is_on_server(connection, url) => by_path(url, PathMatch::Account),
            Self::Server(base) if has_rest && connection.base_url == **base => {
                Some(Score::default())
            }
            Self::Git(url, username) => git_score(connection, url, *username).map(|path| Score {
                path,
                ..Score::default()
            }),
            Self::Key(key) => {
                let same_base = connection.base_url == key.connection.base_url;
                if same_base || is_on_server(connection, &key.url) {
                    by_path(&key.url, PathMatch::Account).map(|score| Score { same_base, ..score })
                } else {
                    None
                }
            }
            Self::Remote(_)
            | Self::Url(_)
            | Self::Server(_)
            | Self::Repository(_)
            | Self::AnyKey => None,
        };
        score.filter(|_| may_do)
    }

    /// Whether the environment's connection is used: it is on the server.
    pub(super) fn is_on_server(&self, connection: &Connection) -> bool {
        match self {
            Self::Remote(url) => is_on_server(connection, url),
            Self::Url(url) => is_on_server(connection, url),
            Self::Server(base) => connection.base_url == **base,
            Self::Git(url, username) => git_score(connection, url, *username).is_some(),
            Self::Key(key) => {
                connection.base_url == key.connection.base_url || is_on_server(connection, &key.url)
            }
            Self::Repository(_) | Self::AnyKey => false,
        }
    }

    fn key_score(&self, name: &ConnectionName, connection: &Connection) -> Option<Score> {
        let key = SshConnection::new(name.clone(), connection.clone())?;
        let is_match = match self {
            Self::Remote(url) => key.url.is_same_repository(url),
            Self::Url(url) => key.url.is_same_repository(url),
            Self::Repository(repository) => key.is_for(repository),
            Self::AnyKey => true,
            Self::Server(_) | Self::Git(..) | Self::Key(_) => false,
        };
        is_match.then(Score::default)
    }
}

/// How well a connection matches the path of a URL that is on its server.
fn path_match(connection: &Connection, url: &CloneUrl) -> PathMatch {
    let same = |ours: Option<&str>, theirs: Option<&str>| {
        ours.map(|ours| theirs.is_some_and(|theirs| theirs.eq_ignore_ascii_case(ours)))
    };
    let namespace = same(connection.namespace(), url.namespace().as_deref());
    let repository = same(connection.repository.as_deref(), Some(url.slug()));
    let is_of_repository =
        connection.level() == Some(TokenLevel::Repo) || connection.auth() == AuthMethod::Ssh;
    match (namespace, repository) {
        (Some(false), _) if is_user_credential(connection) => PathMatch::Account,
        (Some(false), _) => PathMatch::Other,
        (_, Some(false)) if is_of_repository => PathMatch::Other,
        (Some(true), Some(true)) => PathMatch::Repository,
        (None, Some(true)) => PathMatch::Slug,
        (Some(true), _) => PathMatch::Namespace,
        (None, _) => PathMatch::Unspecified,
    }
}

/// Whether a credential belongs to a user account, whose permissions do not end with a workspace or project.
fn is_user_credential(connection: &Connection) -> bool {
    match connection.auth() {
        AuthMethod::ApiToken
        | AuthMethod::OAuth
        | AuthMethod::AppPassword
        | AuthMethod::Password => true,
        AuthMethod::HttpAccessToken => matches!(connection.level(), None | Some(TokenLevel::User)),
        AuthMethod::AccessToken | AuthMethod::ClientCredentials | AuthMethod::Ssh => false,
    }
}

/// How well a connection matches a request of git; `None` where its credential must not be sent there.
fn git_score(connection: &Connection, url: &Url, username: Option<&str>) -> Option<u8> {
    if connection.auth() == AuthMethod::Ssh {
        return None;
    }
    let base = git_base_urls(connection)
        .into_iter()
        .find(|base| Origin::from_url(base) == Origin::from_url(url))?;
    let by_path = git_path_score(connection, &base, url)?;
    let own_names = [
        connection.account.as_deref(),
        connection.credential.username(),
        connection.credential.email(),
        Some(git_username(connection)),
    ];
    let is_own = |requested: &str| {
        own_names
            .iter()
            .flatten()
            .any(|own| own.eq_ignore_ascii_case(requested))
    };
    match username {
        Some(requested) if is_own(requested) => Some(by_path + 8),
        // Another user's. Cloud shows nicknames, so there another name may still be the same user's.
        Some(_) if requires_matching_username(connection) => None,
        Some(_) | None => Some(by_path),
    }
}

/// Whether the secret belongs to a known user name, so that it is not given for another one.
fn requires_matching_username(connection: &Connection) -> bool {
    match connection.auth() {
        AuthMethod::Password | AuthMethod::AppPassword => true,
        AuthMethod::HttpAccessToken | AuthMethod::OAuth => {
            let is_person = matches!(connection.level(), None | Some(TokenLevel::User));
            connection.deployment != Deployment::Cloud && is_person && connection.account.is_some()
        }
        AuthMethod::ApiToken
        | AuthMethod::AccessToken
        | AuthMethod::ClientCredentials
        | AuthMethod::Ssh => false,
    }
}

fn git_path_score(connection: &Connection, base: &Url, url: &Url) -> Option<u8> {
    let is_bot = !matches!(connection.level(), None | Some(TokenLevel::User))
        || connection.auth() == AuthMethod::AccessToken;
    let requested: Vec<&str> = url
        .path_segments()?
        .filter(|part| !part.is_empty())
        .collect();
    if requested.is_empty() {
        // Without a path, a token of one repository is the least likely.
        return Some(u8::from(!is_bot));
    }
    let context: Vec<&str> = base
        .path_segments()?
        .filter(|part| !part.is_empty())
        .collect();
    let below = requested.strip_prefix(context.as_slice())?;
    let ((Deployment::Cloud, below) | (_, ["scm", below @ ..])) = (connection.deployment, below)
    else {
        return None;
    };
    let named = |at: usize| {
        // Git sends the path as it stands in the URL.
        let part = percent_decode_str(below.get(at)?)
            .decode_utf8()
            .ok()?
            .into_owned();
        Some(part.strip_suffix(".git").map(str::to_owned).unwrap_or(part))
    };
    let (first, second) = (named(0), named(1));
    let same = |ours: Option<&str>, theirs: Option<&str>| {
        ours.map(|ours| theirs.is_some_and(|theirs| theirs.eq_ignore_ascii_case(ours)))
    };
    let namespace = same(connection.namespace(), first.as_deref());
    let repository = same(connection.repository.as_deref(), second.as_deref());
    let is_of_repository = connection.level() == Some(TokenLevel::Repo);
    match (namespace, repository) {
        (Some(false), _) if is_bot => None,
        (_, Some(false)) if is_of_repository => None,
        // A user's token is valid beyond its default workspace.
        (Some(false), _) => Some(0),
        (None, _) => Some(1),
        (Some(true), Some(true)) => Some(4),
        (Some(true), _) => Some(2),
    }
}

/// The user name that git sends with a connection's secret.
///
/// <https://support.atlassian.com/bitbucket-cloud/docs/using-api-tokens/>,
/// <https://support.atlassian.com/bitbucket-cloud/docs/using-access-tokens/>
pub(crate) fn git_username(connection: &Connection) -> &str {
    const FOR_A_TOKEN: &str = "x-token-auth";
    match &connection.credential {
        Credential::ApiToken { .. } => "x-bitbucket-api-token-auth",
        Credential::AccessToken { .. }
        | Credential::OAuth { .. }
        | Credential::ClientCredentials { .. } => FOR_A_TOKEN,
        Credential::AppPassword { username } | Credential::Password { username } => username,
        Credential::HttpAccessToken { level, .. } => match level {
            None | Some(TokenLevel::User) => connection.account.as_deref().unwrap_or(FOR_A_TOKEN),
            Some(_) => FOR_A_TOKEN,
        },
        Credential::Ssh { .. } => "git",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::test_rows;

    #[test]
    fn a_credential_is_for_its_own_server_and_path() {
        let cloud = "deployment='cloud'\nbase_url='https://api.bitbucket.org/2.0'\n";
        let server = "deployment='datacenter'\nbase_url='https://git.example.com:8443/ctx'\nauth='http-access-token'\n";
        let api_token =
            format!("{cloud}auth='api-token'\nemail='jane@acme.example'\nworkspace='acme'");
        let of_repository = format!(
            "{cloud}auth='access-token'\nlevel='repo'\nworkspace='acme'\nrepository='site'"
        );
        for (case, expected) in test_rows(
            "
            api-token https://bitbucket.org/ => 1
            api-token https://bitbucket.org/acme/site.git => 2
            api-token https://bitbucket.org/other/site.git => 0
            api-token http://bitbucket.org/ => -
            api-token https://bitbucket.org:444/ => -
            api-token https://bitbucket.org.evil.example/ => -
            api-token https://api.bitbucket.org/ => -
            repository-token https://bitbucket.org/acme/site.git => 4
            repository-token https://bitbucket.org/acme/site => 4
            repository-token https://bitbucket.org/acme/other.git => -
            repository-token https://bitbucket.org/ => 0
            server https://git.example.com:8443/ctx/scm/web/site.git => 1
            server https://git.example.com:8443/scm/web/site.git => -
            server https://git.example.com:8443/ctxother/scm/web/site.git => -
            server https://git.example.com/ctx/scm/web/site.git => -
            server https://git.example.com:8443/ => 1
            ",
        ) {
            let (name, url) = case.split_once(' ').unwrap();
            let text = match name {
                "api-token" => &api_token,
                "repository-token" => &of_repository,
                _ => server,
            };
            let connection: Connection = toml_edit::de::from_str(text).unwrap();
            let score = git_score(&connection, &url.parse().unwrap(), None);
            let score = score.map_or("-".to_owned(), |score| score.to_string());
            assert_eq!(score, expected, "{case}");
        }
    }

    #[test]
    fn a_connection_matches_its_own_paths() {
        let cloud =
            "deployment='cloud'\nbase_url='https://api.bitbucket.org/2.0'\nworkspace='acme'\n";
        let server = "deployment='datacenter'\nbase_url='https://git.example.com/ctx'\nproject='WEB'\nrepository='site'\n";
        let local = "deployment='datacenter'\nbase_url='http://127.0.0.1:7990'\nauth='password'\nusername='jane'\n";
        let api_token = format!("{cloud}auth='api-token'\nemail='jane@acme.example'\n");
        let access_token = format!("{cloud}auth='access-token'\n");
        let password = format!("{server}auth='password'\nusername='jane'\n");
        let of_repository = format!("{server}auth='http-access-token'\nlevel='repo'\n");
        let other = "ssh://git@git.example.com:7999/web/other.git";
        for (connection, url, expected) in [
            (
                &api_token,
                "git@bitbucket.org:acme/site.git",
                Some(PathMatch::Namespace),
            ),
            (
                &api_token,
                "git@bitbucket.org:other/site.git",
                Some(PathMatch::Account),
            ),
            (&api_token, "git@github.com:acme/site.git", None),
            (
                &access_token,
                "git@bitbucket.org:other/site.git",
                Some(PathMatch::Other),
            ),
            (
                &password,
                "ssh://git@git.example.com:7999/web/site.git",
                Some(PathMatch::Repository),
            ),
            // A selected repository does not limit the credential of a user; the level of a token does.
            (&password, other, Some(PathMatch::Namespace)),
            (&of_repository, other, Some(PathMatch::Other)),
            (
                &local.to_owned(),
                "ssh://git@localhost:7999/web/site.git",
                Some(PathMatch::Unspecified),
            ),
            (
                &local.to_owned(),
                "ssh://git@10.0.0.1:7999/web/site.git",
                None,
            ),
        ] {
            let connection: Connection = toml_edit::de::from_str(connection).unwrap();
            let url: CloneUrl = url.parse().unwrap();
            let matched = is_on_server(&connection, &url).then(|| path_match(&connection, &url));
            assert_eq!(matched, expected, "{url:?}");
        }
    }
}
