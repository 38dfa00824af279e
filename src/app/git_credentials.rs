//! What git is told about connections: credentials, helpers, the way over SSH.

use super::resolve::git::{git_base_urls, git_username};
use super::{App, SelectedConnection};
use crate::error::Error;
use crate::git::{CredentialRequest, CredentialResponse};
use crate::ssh;
use crate::types::cloud_hosts;
use crate::types::connection::{AuthMethod, Connection, ConnectionName, Origin, TokenLevel};
use crate::types::deployment::Deployment;

impl App {
    /// The credential that git asks for; nothing where no connection is for that server.
    ///
    /// # Errors
    /// As [`App::select_for_git`] and [`App::secret_of`].
    pub(crate) fn credential_for_git(
        &self,
        request: &CredentialRequest,
    ) -> Result<CredentialResponse, Error> {
        let Some(selected) = self.select_for_git(request)? else {
            return Ok(CredentialResponse::Nothing);
        };
        let connection = &selected.connection;
        let (secret, expires_at) = if connection.auth().is_oauth() {
            self.access_token(&selected.name, connection)?
        } else {
            (self.secret_of(&selected)?, None)
        };
        let is_server = connection.deployment != Deployment::Cloud;
        let is_token = matches!(
            connection.auth(),
            AuthMethod::HttpAccessToken | AuthMethod::OAuth
        );
        if is_server && is_token && request.supports_authtype {
            return Ok(CredentialResponse::Bearer {
                token: secret,
                expires_at,
            });
        }
        Ok(CredentialResponse::Basic {
            username: username(connection, request).to_owned(),
            password: secret,
            expires_at,
        })
    }

    /// Notes that a server took a credential: a mark that it was refused goes.
    ///
    /// # Errors
    /// Where the connections cannot be read or changed.
    pub(crate) fn git_approve(&self, request: &CredentialRequest) -> Result<(), Error> {
        // Looked at first: git says this after every success, and reading a secret takes its time.
        let is_marked = |selected: &SelectedConnection| selected.connection.is_rejected();
        match self.select_for_git(request)?.filter(is_marked) {
            Some(_) => match self.connection_for_request(request)? {
                Some(selected) => self.set_rejected(&selected.name, false),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// Notes that a server refused a credential: nothing is forgotten, but marked, and the answer is what to tell the
    /// user. Another helper's credential is none of ours.
    ///
    /// # Errors
    /// As [`App::git_approve`].
    pub(crate) fn git_reject(&self, request: &CredentialRequest) -> Result<Option<String>, Error> {
        let Some(selected) = self.connection_for_request(request)? else {
            return Ok(None);
        };
        if selected.is_stored() {
            self.set_rejected(&selected.name, true)?;
            let name = &selected.name;
            return Ok(Some(format!(
                "{} refused the credential of the connection {name}; bbconnect check {name} tells why",
                request.host
            )));
        }
        Ok(Some(format!(
            "{} refused the credential of the environment; bbconnect check tells why",
            request.host
        )))
    }

    /// The connection whose own credential git speaks of.
    fn connection_for_request(
        &self,
        request: &CredentialRequest,
    ) -> Result<Option<SelectedConnection>, Error> {
        let Some(selected) = self.select_for_git(request)? else {
            return Ok(None);
        };
        let Some(theirs) = &request.password else {
            return Ok(None);
        };
        let is_ours = self
            .secret_of(&selected)
            .is_ok_and(|ours| ours.expose() == theirs.expose());
        Ok(is_ours.then_some(selected))
    }

    /// Marks a connection as one that a server refused today, or takes the mark away.
    pub(super) fn set_rejected(&self, name: &ConnectionName, refused: bool) -> Result<(), Error> {
        let rejected_on = refused.then(|| self.today());
        self.connection_file().update(|connections| {
            let (name, mut connection) = connections.get(&name.to_string())?;
            if let Some(secret) = &mut connection.secret {
                secret.rejected_on = rejected_on;
            }
            Ok(connections.replace(&name, &connection)?)
        })
    }

    /// The line of git's configuration that runs this program as a helper, for one connection or for all.
    ///
    /// # Errors
    /// [`Error::CurrentExeUnknown`] where the system does not tell where this program is.
    pub(crate) fn credential_helper_command(
        &self,
        connection: Option<&str>,
    ) -> Result<String, Error> {
        let program = self.environment.program.clone();
        let program = program.ok_or(Error::CurrentExeUnknown)?;
        let program = program.to_string_lossy();
        let named = connection.map(|name| format!(" -c {}", shell_words::quote(name)));
        let named = named.unwrap_or_default();
        Ok(format!(
            "!{}{named} git credential",
            shell_words::quote(&program)
        ))
    }

    /// The servers that git reaches over HTTP with any connection, or with the one that is named; or those of one host.
    ///
    /// # Errors
    /// [`Error::NoMatchingConnection`] where no connection is for that host, [`Error::NoConnection`] where there is none.
    pub(crate) fn git_origins(&self, host: Option<&str>) -> Result<Vec<String>, Error> {
        if host.is_some_and(|host| host.trim().is_empty()) {
            return Err(Error::Usage {
                message: "the name of the host is empty".to_owned(),
                hint: Some("leave out --host for all servers of the connections".into()),
            });
        }
        let connections = self.connection_file().load()?;
        let names = match self.explicit_name() {
            Some(name) => vec![connections.get(name)?.0.to_string()],
            None => connections.names(),
        };
        let all = names.iter().filter_map(|name| connections.get(name).ok());
        let mut origins: Vec<String> = all
            .flat_map(|(_, connection)| Self::git_origins_of(&connection))
            .collect();
        if let Some(host) = host {
            let wanted = format!("//{}", normalize_host(host));
            origins.retain(|origin| {
                origin.ends_with(&wanted) || origin.contains(&format!("{wanted}:"))
            });
            if origins.is_empty() {
                return Err(Error::NoMatchingConnection(host.to_owned()));
            }
        }
        if origins.is_empty() {
            return Err(match self.explicit_name() {
                Some(name) => Error::SshOnlyConnection(name.to_owned()),
                None if names.is_empty() && self.environment.first_connection_variable().is_some() => {
                    Error::Usage {
                        message: "git is set up for connections that are saved, and this one is the environment's"
                            .to_owned(),
                        hint: Some("eval \"$(bbconnect git env)\"".into()),
                    }
                }
                None => Error::NoConnection(names),
            });
        }
        origins.sort();
        origins.dedup();
        Ok(origins)
    }

    /// The servers that git reaches over HTTP with a connection.
    #[must_use]
    pub(crate) fn git_origins_of(connection: &Connection) -> Vec<String> {
        if connection.auth() == AuthMethod::Ssh {
            return Vec::new();
        }
        let mut origins: Vec<String> = git_base_urls(connection)
            .iter()
            .map(|base| Origin::of(base).to_string())
            .collect();
        origins.dedup();
        origins
    }

    /// The command for git's way over SSH, with the connection's key and no other; `None` where it has none, or
    /// its path cannot be written for `ssh`.
    #[must_use]
    pub(crate) fn git_ssh_command(&self, connection: &Connection) -> Option<String> {
        let path = connection.key_path.as_ref()?;
        // The server of what was connected is in our file of host keys.
        if connection.clone_url.is_some() {
            return self.ssh_command(path);
        }
        ssh::command_with_key(path).ok()
    }

    /// The entries of git's configuration that the environment holds already.
    #[must_use]
    pub(crate) fn git_config(&self) -> &[(String, String)] {
        &self.environment.git_config
    }

    /// The command for git's way over SSH that the environment holds already.
    #[must_use]
    pub(crate) fn inherited_git_ssh_command(&self) -> Option<&str> {
        self.environment.variables.get("GIT_SSH_COMMAND")
    }
}

/// A host as it is typed or pasted: without scheme, path and the port that goes without saying.
fn normalize_host(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    let text = text
        .split_once("://")
        .map_or(text.as_str(), |(_, rest)| rest);
    let host = text.split('/').next().unwrap_or(text);
    let host = host.strip_suffix(":443").unwrap_or(host);
    if host == cloud_hosts::API {
        cloud_hosts::WEB.to_owned()
    } else {
        host.to_owned()
    }
}

/// The user name for a secret; that of a token whose owner is not known stands in the URL, where it is anywhere.
fn username<'a>(connection: &'a Connection, request: &'a CredentialRequest) -> &'a str {
    let is_somebodys = connection.auth() == AuthMethod::HttpAccessToken
        && matches!(connection.level(), None | Some(TokenLevel::User))
        && connection.account.is_none();
    let asked = request.username.as_deref().filter(|_| is_somebodys);
    asked.unwrap_or_else(|| git_username(connection))
}
