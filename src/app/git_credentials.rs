//! Git's use of connections: credentials, credential helpers, the SSH command.

use std::collections::BTreeMap;

use super::App;
use crate::error::Error;
use crate::git::{CredentialRequest, CredentialResponse, HttpSetting, HttpSettings};
use crate::resolve::{Needs, Request, SelectedConnection, Target, git_base_urls, git_username};
use crate::ssh;
use crate::types::cloud_hosts;
use crate::types::connection::{AuthMethod, Connection, ConnectionName, Origin, TokenLevel};
use crate::types::deployment::Deployment;
use crate::types::shell::{Shell, for_git_shell};

/// Which connection a credential helper uses.
#[derive(Debug, Clone, Copy)]
pub(crate) enum HelperConnection<'a> {
    /// The one that applies to each request.
    Resolved,
    /// This one alone.
    Named(&'a str),
    /// This one, where it matches and the checkout names no other.
    Preferred(&'a str),
}

/// A server that git reaches over HTTP with connections.
#[derive(Debug)]
pub(crate) struct GitServer {
    pub(crate) origin: String,
    pub(crate) settings: HttpSettings,
    /// The settings in which its connections differ.
    pub(crate) differing: Vec<HttpSetting>,
}

impl App {
    /// The credential for a request of git; nothing where no connection matches. `preferred` is the connection that is used
    /// where it matches and the checkout names no other.
    pub(crate) fn credential_for_git(
        &self,
        request: &CredentialRequest,
        preferred: Option<&str>,
    ) -> Result<CredentialResponse, Error> {
        let Some(selected) = self.select_for_git(request, preferred)? else {
            return Ok(CredentialResponse::Nothing);
        };
        self.remind_of_expiry(&selected);
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

    /// Removes the mark that the server refused a credential, because it has accepted it.
    pub(crate) fn git_approve(
        &self,
        request: &CredentialRequest,
        preferred: Option<&str>,
    ) -> Result<(), Error> {
        // Checked first: git reports every success, and reading a secret takes time.
        let selected = self.select_for_git(request, preferred)?;
        if selected.is_some_and(|selected| selected.connection.is_rejected())
            && let Some(selected) = self.connection_for_request(request, preferred)?
        {
            self.set_rejected(&selected.name, false)?;
        }
        Ok(())
    }

    /// Marks a credential that the server refused; nothing is removed. Returns a message for the user; `None` for the
    /// credential of another helper.
    pub(crate) fn git_reject(
        &self,
        request: &CredentialRequest,
        preferred: Option<&str>,
    ) -> Result<Option<String>, Error> {
        let Some(selected) = self.connection_for_request(request, preferred)? else {
            return Ok(None);
        };
        if selected.is_stored() {
            self.set_rejected(&selected.name, true)?;
            let name = &selected.name;
            return Ok(Some(format!(
                "{} rejected the credential of connection {name}; run `bbconnect check {name}`",
                request.host
            )));
        }
        Ok(Some(format!(
            "{} rejected the credential in BBCONNECT_TOKEN; run `bbconnect check`",
            request.host
        )))
    }

    /// The connection that git wants a credential of; `None` where none matches.
    fn select_for_git(
        &self,
        request: &CredentialRequest,
        preferred: Option<&str>,
    ) -> Result<Option<SelectedConnection>, Error> {
        self.connection_for(Target::Git { request, preferred }, Needs::Rest)
    }

    /// The connection whose own credential is in the request.
    fn connection_for_request(
        &self,
        request: &CredentialRequest,
        preferred: Option<&str>,
    ) -> Result<Option<SelectedConnection>, Error> {
        let Some(selected) = self.select_for_git(request, preferred)? else {
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

    /// Marks a connection as one that a server refused today, or removes the mark.
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

    /// The value of `credential.helper` that runs this program.
    pub(crate) fn credential_helper_command(
        &self,
        connection: HelperConnection<'_>,
    ) -> Result<String, Error> {
        let program = self.environment.program.clone();
        let program = program.ok_or(Error::CurrentExeUnknown)?;
        let program = program.to_string_lossy();
        let program = for_git_shell(&program);
        let program = shell_words::quote(&program);
        Ok(match connection {
            HelperConnection::Resolved => format!("!{program} git credential"),
            HelperConnection::Named(name) => {
                format!("!{program} -c {} git credential", shell_words::quote(name))
            }
            HelperConnection::Preferred(name) => format!(
                "!{program} git credential --prefer {}",
                shell_words::quote(name)
            ),
        })
    }

    /// The connection that is named explicitly: by the flag, else by the variable.
    fn explicit_name(&self) -> Option<&str> {
        let flag = self.flags.connection.as_deref();
        flag.or(self.environment.connection.as_deref())
    }

    /// The servers that git reaches over HTTP with any connection, or with the named one; or those of one host. The settings
    /// are those that the connections of a server have in common; in the configuration of a repository (`here`), those of
    /// the connection that applies there.
    pub(crate) fn git_servers(
        &self,
        host: Option<&str>,
        here: bool,
    ) -> Result<Vec<GitServer>, Error> {
        if host.is_some_and(|host| host.trim().is_empty()) {
            return Err(Error::usage(
                "--host is empty",
                "omit --host to configure the hosts of all connections",
            ));
        }
        // Not repeated: it may be a password.
        if host.is_some_and(|host| host.contains('@')) {
            return Err(Error::usage(
                "--host is a URL with a user name or password",
                "pass the host alone, as in --host git.example.com",
            ));
        }
        let connections = self.connection_file().load()?;
        let names = match self.explicit_name() {
            Some(name) => vec![connections.get(name)?.0.to_string()],
            None => connections.names(),
        };
        let mut servers: BTreeMap<String, Vec<HttpSettings>> = BTreeMap::new();
        for (_, connection) in names.iter().filter_map(|name| connections.get(name).ok()) {
            for origin in Self::git_origins_of(&connection) {
                let settings = HttpSettings::from(&connection.network);
                servers.entry(origin).or_default().push(settings);
            }
        }
        if let Some(host) = host {
            let wanted = format!("//{}", normalize_host(host));
            servers.retain(|origin, _| {
                origin.ends_with(&wanted) || origin.contains(&format!("{wanted}:"))
            });
            if servers.is_empty() {
                return Err(Error::NoMatchingConnection(host.to_owned()));
            }
        }
        if servers.is_empty() {
            return Err(match self.explicit_name() {
                Some(name) => Error::SshOnlyConnection(name.to_owned()),
                None if names.is_empty()
                    && self.environment.first_connection_variable().is_some() =>
                {
                    Error::usage(
                        "git cannot be configured for a connection that is not saved",
                        Shell::NATIVE.evaluate("bbconnect git env"),
                    )
                }
                None => Error::NoConnection(names),
            });
        }
        let applies = if here && self.explicit_name().is_none() {
            self.rest_connection_here()?
        } else {
            None
        };
        if let Some(connection) = applies {
            let settings = HttpSettings::from(&connection.network);
            for origin in Self::git_origins_of(&connection) {
                if let Some(all) = servers.get_mut(&origin) {
                    *all = vec![settings.clone()];
                }
            }
        }
        let server = |(origin, all): (String, Vec<HttpSettings>)| {
            let (settings, differing) = HttpSettings::common(&all);
            GitServer {
                origin,
                settings,
                differing,
            }
        };
        Ok(servers.into_iter().map(server).collect())
    }

    /// The connection with REST that applies here; `None` where none does.
    fn rest_connection_here(&self) -> Result<Option<Connection>, Error> {
        match self.resolve(&Request::connection(Target::Here, Needs::Rest)) {
            Ok(resolved) => Ok(Some(resolved.connection.connection)),
            Err(
                Error::NoConnection(_)
                | Error::NoMatchingConnection(_)
                | Error::SshOnlyConnection(_),
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The entries of git's configuration with which git uses a connection over HTTP: the credential helper, certificates
    /// and proxy. None for an SSH-only connection.
    pub(crate) fn git_config_entries(
        &self,
        connection: &Connection,
        helper: HelperConnection<'_>,
    ) -> Result<Vec<(String, String)>, Error> {
        let mut entries = Vec::new();
        let origins = Self::git_origins_of(connection);
        if origins.is_empty() {
            return Ok(entries);
        }
        let helper = self.credential_helper_command(helper)?;
        for origin in origins {
            let key = |what: &str| format!("credential.{origin}.{what}");
            entries.push((key("helper"), String::new()));
            entries.push((key("helper"), helper.clone()));
            entries.push((key("useHttpPath"), "true".to_owned()));
            entries.extend(HttpSettings::from(&connection.network).entries(&origin));
        }
        Ok(entries)
    }

    /// The origins that git reaches over HTTP with a connection.
    fn git_origins_of(connection: &Connection) -> Vec<String> {
        if connection.auth() == AuthMethod::Ssh {
            return Vec::new();
        }
        let mut origins: Vec<String> = git_base_urls(connection)
            .iter()
            .map(|base| Origin::from_url(base).to_string())
            .collect();
        origins.dedup();
        origins
    }

    /// The SSH command for git, with the connection's key and no other; `None` where it has none, or the path of the key
    /// cannot be written for `ssh`.
    pub(crate) fn git_ssh_command(&self, connection: &Connection) -> Option<String> {
        let path = connection.key_path.as_ref()?;
        // The host keys of the server are in our known_hosts.
        if connection.clone_url.is_some() {
            let remote = connection.clone_url.as_deref();
            let remote = remote.and_then(|url| url.parse().ok());
            return self.ssh_command(path, remote.as_ref());
        }
        ssh::command_with_key(self.ssh_program(), path).ok()
    }

    /// The entries of git's configuration that are in the environment already (`GIT_CONFIG_KEY_…`).
    pub(crate) fn git_config(&self) -> &[(String, String)] {
        &self.environment.git_config
    }
}

/// A host as it is typed or pasted, without scheme, path and default port.
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

/// The user name for a secret. Where the owner of a token is unknown, the user name of the request is used.
fn username<'a>(connection: &'a Connection, request: &'a CredentialRequest) -> &'a str {
    let is_users = connection.auth() == AuthMethod::HttpAccessToken
        && matches!(connection.level(), None | Some(TokenLevel::User))
        && connection.account.is_none();
    let requested = request.username.as_deref().filter(|_| is_users);
    requested.unwrap_or_else(|| git_username(connection))
}
