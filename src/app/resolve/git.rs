//! Which connection git means: by scheme, host, port and path, never by less.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::app::{App, SelectedConnection, SelectionReason};
use crate::config::ConnectionsError;
use crate::error::Error;
use crate::git::CredentialRequest;
use crate::types::cloud_hosts;
use crate::types::connection::{AuthMethod, BaseUrl, Connection, Credential, Origin, TokenLevel};
use crate::types::deployment::Deployment;

impl App {
    /// The connection whose credential git asks for; `None` where none is for that server.
    ///
    /// # Errors
    /// Where the connections cannot be read, or the one that is named is not there.
    pub(crate) fn select_for_git(
        &self,
        request: &CredentialRequest,
    ) -> Result<Option<SelectedConnection>, Error> {
        let Some(url) = request.url() else {
            return Ok(None);
        };
        if self.explicit_name().is_some() {
            let selected = match self.select() {
                Ok(selected) => selected,
                // One that was removed since git was told of it.
                Err(Error::Connections(ConnectionsError::NotFound { .. })) => return Ok(None),
                Err(error) => return Err(error),
            };
            let fits = fit(&selected.connection, &url, request.username.as_deref()).is_some();
            return Ok(fits.then_some(selected));
        }
        if let Some(selected) = self.env_connection()?
            && fit(&selected.connection, &url, request.username.as_deref()).is_some()
        {
            return Ok(Some(selected));
        }
        let connections = self.connection_file().load()?;
        let default = connections.default_name();
        let names = connections.names();
        let all = names.iter().filter_map(|name| connections.get(name).ok());
        let fits: Vec<_> = all
            .filter_map(|(name, connection)| {
                let fit = fit(&connection, &url, request.username.as_deref())?;
                Some(((fit, default == Some(&name.to_string())), name, connection))
            })
            .collect();
        let best = fits.into_iter().rev().max_by_key(|(fit, ..)| *fit);
        Ok(best.map(|(_, name, connection)| SelectedConnection {
            name,
            connection,
            reason: SelectionReason::Url,
            environment: None,
        }))
    }
}

/// Where git reaches the repositories of a connection over HTTP: the website of Cloud, the server itself. A website that
/// was named after the secret was given is none.
pub(in crate::app) fn git_base_urls(connection: &Connection) -> Vec<Url> {
    let website = connection
        .web_url
        .as_deref()
        .and_then(|url| Url::parse(url).ok());
    let bound = connection
        .secret
        .as_ref()
        .and_then(|secret| secret.website.as_ref());
    let website = website.filter(|url| bound == Some(&Origin::of(url)));
    let base = connection.base_url.url();
    let is_cloud = connection.deployment == Deployment::Cloud;
    let own = if is_cloud && base.host_str() == Some(cloud_hosts::API) {
        Url::parse(cloud_hosts::WEB_URL).ok()
    } else if is_cloud {
        // A Cloud elsewhere has its website beside its API.
        base.join("/").ok()
    } else {
        Some(base.clone())
    };
    let all = website.into_iter().chain(own);
    let is_protected = |url: &Url| {
        let is_open = BaseUrl::parse(url.as_str()).is_ok_and(|base| base.is_insecure());
        connection.network.allow_http || !is_open
    };
    all.filter(is_protected).collect()
}

/// How well a connection fits what git asks for; `None` where its credential has no business there.
fn fit(connection: &Connection, url: &Url, username: Option<&str>) -> Option<u8> {
    if connection.auth() == AuthMethod::Ssh {
        return None;
    }
    let base = git_base_urls(connection)
        .into_iter()
        .find(|base| Origin::of(base) == Origin::of(url))?;
    let by_path = by_path(connection, &base, url)?;
    let own_names = [
        connection.account.as_deref(),
        connection.credential.username(),
        connection.credential.email(),
        Some(git_username(connection)),
    ];
    let is_meant = |asked: &str| {
        own_names
            .iter()
            .flatten()
            .any(|own| own.eq_ignore_ascii_case(asked))
    };
    match username {
        Some(asked) if is_meant(asked) => Some(by_path + 8),
        // Somebody else's. Cloud shows people by nicknames, so that a name may still be the same person's.
        Some(_) if requires_matching_username(connection) => None,
        Some(_) | None => Some(by_path),
    }
}

/// Whether a user name is told that git must have, to be given the secret.
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

fn by_path(connection: &Connection, base: &Url, url: &Url) -> Option<u8> {
    let is_bot = !matches!(connection.level(), None | Some(TokenLevel::User))
        || connection.auth() == AuthMethod::AccessToken;
    let asked: Vec<&str> = url
        .path_segments()?
        .filter(|part| !part.is_empty())
        .collect();
    if asked.is_empty() {
        // Without a path a token of one repository is the least likely.
        return Some(u8::from(!is_bot));
    }
    let context: Vec<&str> = base
        .path_segments()?
        .filter(|part| !part.is_empty())
        .collect();
    let below = asked.strip_prefix(context.as_slice())?;
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
        // A person's token is good for more than its default workspace.
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
pub(in crate::app) fn git_username(connection: &Connection) -> &str {
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

    #[test]
    fn a_credential_is_for_its_own_server_and_path() {
        let cloud = "deployment='cloud'\nbase_url='https://api.bitbucket.org/2.0'\n";
        let server = "deployment='datacenter'\nbase_url='https://git.example.com:8443/ctx'\nauth='http-access-token'\n";
        let api_token =
            format!("{cloud}auth='api-token'\nemail='jane@acme.example'\nworkspace='acme'");
        let of_repository = format!(
            "{cloud}auth='access-token'\nlevel='repo'\nworkspace='acme'\nrepository='site'"
        );
        for (connection, url, expected) in [
            (&api_token, "https://bitbucket.org/", Some(1)),
            (&api_token, "https://bitbucket.org/acme/site.git", Some(2)),
            (&api_token, "https://bitbucket.org/other/site.git", Some(0)),
            (&api_token, "http://bitbucket.org/", None),
            (&api_token, "https://bitbucket.org:444/", None),
            (&api_token, "https://bitbucket.org.evil.example/", None),
            (&api_token, "https://api.bitbucket.org/", None),
            (
                &of_repository,
                "https://bitbucket.org/acme/site.git",
                Some(4),
            ),
            (&of_repository, "https://bitbucket.org/acme/site", Some(4)),
            (&of_repository, "https://bitbucket.org/acme/other.git", None),
            (&of_repository, "https://bitbucket.org/", Some(0)),
            (
                &server.to_owned(),
                "https://git.example.com:8443/ctx/scm/web/site.git",
                Some(1),
            ),
            (
                &server.to_owned(),
                "https://git.example.com:8443/scm/web/site.git",
                None,
            ),
            (
                &server.to_owned(),
                "https://git.example.com:8443/ctxother/scm/web/site.git",
                None,
            ),
            (
                &server.to_owned(),
                "https://git.example.com/ctx/scm/web/site.git",
                None,
            ),
            (&server.to_owned(), "https://git.example.com:8443/", Some(1)),
        ] {
            let connection: Connection = toml_edit::de::from_str(connection).unwrap();
            assert_eq!(
                fit(&connection, &url.parse().unwrap(), None),
                expected,
                "{url}"
            );
        }
    }
}
