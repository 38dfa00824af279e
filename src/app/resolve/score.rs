//! How well connections fit a URL: the host first, then workspace or project, then repository.

use crate::app::environment_connection::EnvConnection;
use crate::app::same_server::{is_local_cloud_stub, is_same_server};
use crate::app::{App, SelectedConnection, SelectionReason, SshConnection};
use crate::config::Connections;
use crate::error::Error;
use crate::types::clone_url::CloneUrl;
use crate::types::connection::{AuthMethod, BaseUrl, Connection, ConnectionName, TokenLevel};

impl App {
    /// The connection with REST that is right for a URL: the one that is named explicitly, whatever the host; else the
    /// one that fits best, and where none does, one of a person on the same server, who may see more than is written
    /// down. `None` where there is none.
    ///
    /// # Errors
    /// As [`App::select`].
    pub(crate) fn api_connection_for_url(
        &self,
        url: &CloneUrl,
    ) -> Result<Option<SelectedConnection>, Error> {
        if self.explicit_name().is_some() {
            let named = self.select()?;
            if named.connection.auth() != AuthMethod::Ssh {
                return Ok(Some(named));
            }
        }
        match self.select_for_url(url) {
            Ok(selected) if selected.connection.auth() != AuthMethod::Ssh => {
                return Ok(Some(selected));
            }
            Ok(_) | Err(Error::NoMatchingConnection(_)) => {}
            Err(error) => return Err(error),
        }
        if let Some(selected) = self.user_connection_for(url)? {
            return Ok(Some(selected));
        }
        self.first(|connection| is_local_cloud_stub(connection, url))
    }

    /// The same for what changes keys, which Cloud lets no access token do: where one only fits best, a person's
    /// connection to the same server goes before it.
    ///
    /// # Errors
    /// As [`App::select`].
    pub(crate) fn key_admin_connection(
        &self,
        url: &CloneUrl,
    ) -> Result<Option<SelectedConnection>, Error> {
        let best = self.api_connection_for_url(url)?;
        let may = best.as_ref().is_none_or(|best| {
            best.is_explicit()
                || !best.is_stored()
                || best.connection.auth() != AuthMethod::AccessToken
        });
        Ok(if may {
            best
        } else {
            self.user_connection_for(url)?.or(best)
        })
    }

    /// The same for a connection's own key: connections to the very server that it was made with go first, because an
    /// address over SSH does not tell servers of one host apart.
    ///
    /// # Errors
    /// As [`App::select`].
    pub(crate) fn key_admin_connection_for(
        &self,
        ssh_connection: &SshConnection,
    ) -> Result<Option<SelectedConnection>, Error> {
        let base = &ssh_connection.connection.base_url;
        let is_there = |connection: &Connection| {
            connection.auth() != AuthMethod::Ssh && connection.base_url == *base
        };
        let has_rest =
            |selected: &SelectedConnection| selected.connection.auth() != AuthMethod::Ssh;
        if self.explicit_name().is_some()
            && let Some(named) = Some(self.select()?).filter(has_rest)
        {
            return Ok(Some(named));
        }
        let environment = self.env_connection()?;
        if let Some(selected) = environment.filter(|selected| is_there(&selected.connection)) {
            return Ok(Some(selected));
        }
        let rank = |connection: &Connection| {
            let by_path = path_score(connection, &ssh_connection.url);
            let may_fit = by_path.is_some() || is_user_credential(connection);
            (is_there(connection) && may_fit)
                .then_some((connection.auth() != AuthMethod::AccessToken, by_path))
        };
        match self.best(rank)? {
            Some(selected) => Ok(Some(selected)),
            None => self.key_admin_connection(&ssh_connection.url),
        }
    }

    /// A person's connection to the server of a URL.
    pub(in crate::app) fn user_connection_for(
        &self,
        url: &CloneUrl,
    ) -> Result<Option<SelectedConnection>, Error> {
        let is_there = |connection: &_| {
            is_same_server(connection, url) || is_local_cloud_stub(connection, url)
        };
        self.first(|connection| is_user_credential(connection) && is_there(connection))
    }

    /// The first connection in the file that is one of these.
    fn first(
        &self,
        is_it: impl Fn(&Connection) -> bool,
    ) -> Result<Option<SelectedConnection>, Error> {
        self.best(|connection| is_it(connection).then_some(()))
    }

    /// The connection in the file that ranks highest; of several the first.
    fn best<T: Ord>(
        &self,
        rank: impl Fn(&Connection) -> Option<T>,
    ) -> Result<Option<SelectedConnection>, Error> {
        let connections = self.connection_file().load()?;
        let names = connections.names();
        let all = names.iter().filter_map(|name| connections.get(name).ok());
        let ranked: Vec<_> = all
            .filter_map(|(name, connection)| Some((rank(&connection)?, name, connection)))
            .collect();
        let best = ranked
            .into_iter()
            .rev()
            .max_by(|(one, ..), (other, ..)| one.cmp(other));
        Ok(best.map(|(_, name, connection)| SelectedConnection {
            name,
            connection,
            reason: SelectionReason::Url,
            environment: None,
        }))
    }

    /// The connection with REST behind a connection: itself, or for one of SSH alone the one that fits its repository.
    ///
    /// # Errors
    /// [`Error::SshOnlyConnection`] where there is none.
    pub(crate) fn api_connection_behind(
        &self,
        selected: SelectedConnection,
    ) -> Result<SelectedConnection, Error> {
        if selected.connection.auth() != AuthMethod::Ssh {
            return Ok(selected);
        }
        let url = selected.connection.clone_url.as_deref();
        let url = url.and_then(|url| url.parse().ok());
        let rest = match url {
            Some(url) => self.api_connection_for_url(&url)?,
            None => None,
        };
        rest.ok_or_else(|| Error::SshOnlyConnection(selected.name.to_string()))
    }

    /// The connection with REST whose base URL is this one: the one that is named explicitly, the environment's, the
    /// default, the first in the file. `None` where there is none.
    ///
    /// # Errors
    /// As [`App::select`].
    pub(crate) fn select_for_base_url(
        &self,
        base: &BaseUrl,
    ) -> Result<Option<SelectedConnection>, Error> {
        if self.explicit_name().is_some() {
            return self.select().map(Some);
        }
        if let Some(selected) = self.env_connection()?
            && selected.connection.base_url == *base
        {
            return Ok(Some(selected));
        }
        let connections = self.connection_file().load()?;
        let default = connections.default_name().map(str::to_owned);
        let names = connections.names();
        let all = names.iter().filter_map(|name| connections.get(name).ok());
        let mut fits: Vec<_> = all
            .filter(|(_, connection)| {
                connection.auth() != AuthMethod::Ssh && connection.base_url == *base
            })
            .collect();
        fits.sort_by_key(|(name, _)| default != Some(name.to_string()));
        Ok(fits
            .into_iter()
            .next()
            .map(|(name, connection)| SelectedConnection {
                name,
                connection,
                reason: SelectionReason::Url,
                environment: None,
            }))
    }

    /// The connection that the environment describes, where it describes one for this URL.
    pub(in crate::app) fn env_connection_for(
        &self,
        url: &CloneUrl,
    ) -> Result<Option<SelectedConnection>, Error> {
        let Some(environment) = EnvConnection::of(&self.environment)? else {
            return Ok(None);
        };
        let (name, connection) = environment.connection()?;
        let fits = is_same_server(&connection, url) || is_local_cloud_stub(&connection, url);
        Ok(fits.then_some(SelectedConnection {
            name,
            connection,
            reason: SelectionReason::Environment,
            environment: Some(environment),
        }))
    }
}

/// Whether a credential is a person's, whose rights do not end with a workspace or project.
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

/// The connection that fits a URL best. One with REST goes before one for SSH alone, which can be asked for less; among
/// equals the default wins, then the first in the file.
pub(in crate::app) fn best_match(
    connections: &Connections,
    url: &CloneUrl,
) -> Option<(ConnectionName, Connection)> {
    let names = connections.names();
    // One that cannot be read is no reason not to find another.
    let all = names.iter().filter_map(|name| connections.get(name).ok());
    let fits: Vec<_> = all
        .filter_map(|(name, connection)| {
            let is_default = connections.default_name() == Some(&name.to_string());
            let fit = match_score(&connection, url)?;
            let has_rest = connection.auth() != AuthMethod::Ssh;
            Some(((has_rest, fit, is_default), name, connection))
        })
        .collect();
    let best = fits.into_iter().rev().max_by_key(|(fit, ..)| *fit);
    best.map(|(_, name, connection)| (name, connection))
}

/// The connection that fits a remote best, and the remote. `origin` counts first.
pub(in crate::app) fn best_match_for_remotes(
    connections: &Connections,
    remotes: &[(&str, &str)],
) -> Option<(String, String)> {
    remotes.iter().find_map(|(remote, url)| {
        let (name, _) = best_match(connections, &url.parse().ok()?)?;
        Some((name.to_string(), (*remote).to_owned()))
    })
}

/// How well a connection fits a clone URL: `None` for another host, workspace or project, or where its credential is for
/// another repository.
fn match_score(connection: &Connection, url: &CloneUrl) -> Option<u8> {
    path_score(connection, url).filter(|_| is_same_server(connection, url))
}

/// The same for a URL that is on the connection's server.
fn path_score(connection: &Connection, url: &CloneUrl) -> Option<u8> {
    let same = |ours: Option<&str>, theirs: Option<&str>| {
        ours.map(|ours| theirs.is_some_and(|theirs| theirs.eq_ignore_ascii_case(ours)))
    };
    let namespace = same(connection.namespace(), url.namespace().as_deref());
    let repository = same(connection.repository.as_deref(), Some(url.slug()));
    let is_of_repository =
        connection.level() == Some(TokenLevel::Repo) || connection.auth() == AuthMethod::Ssh;
    match (namespace, repository) {
        (Some(false), _) => None,
        (_, Some(false)) if is_of_repository => None,
        (Some(true), Some(true)) => Some(3),
        (None, Some(true)) => Some(2),
        (Some(true), _) => Some(1),
        (None, _) => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::connection::Credential;

    fn connection(text: &str) -> Connection {
        toml_edit::de::from_str(text).unwrap()
    }

    #[test]
    fn a_connection_fits_what_is_its_own() {
        let cloud = connection(
            "deployment='cloud'\nbase_url='https://api.bitbucket.org/2.0'\nauth='api-token'\nemail='jane@acme.example'\nworkspace='acme'",
        );
        let server = connection(
            "deployment='datacenter'\nbase_url='https://git.example.com/ctx'\nauth='password'\nusername='jane'\nproject='WEB'\nrepository='site'",
        );
        let fit_of = |connection, url: &str| match_score(connection, &url.parse().unwrap());
        assert_eq!(fit_of(&cloud, "git@bitbucket.org:acme/site.git"), Some(1));
        assert_eq!(fit_of(&cloud, "git@bitbucket.org:other/site.git"), None);
        assert_eq!(fit_of(&cloud, "git@github.com:acme/site.git"), None);
        assert_eq!(
            fit_of(&server, "ssh://git@git.example.com:7999/web/site.git"),
            Some(3)
        );
        // What was selected is no limit of what a person's credential is good for; that of a repository is.
        let other = "ssh://git@git.example.com:7999/web/other.git";
        assert_eq!(fit_of(&server, other), Some(1));
        let of_repository = Connection {
            credential: Credential::HttpAccessToken {
                level: Some(TokenLevel::Repo),
                username: None,
            },
            ..server.clone()
        };
        assert_eq!(fit_of(&of_repository, other), None);
        let here = connection(
            "deployment='datacenter'\nbase_url='http://127.0.0.1:7990'\nauth='password'\nusername='jane'",
        );
        assert_eq!(
            fit_of(&here, "ssh://git@localhost:7999/web/site.git"),
            Some(0)
        );
        assert_eq!(fit_of(&here, "ssh://git@10.0.0.1:7999/web/site.git"), None);
    }
}
