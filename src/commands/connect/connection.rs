//! The clone URL of `bbconnect connect`, with the user's SSH configuration, and the connection that is saved for it.

use super::steps::{StepId, StepLog};
use crate::app::App;
use crate::config::Connections;
use crate::error::Error;
use crate::types::clone_url::CloneUrl;
use crate::types::connection::{AuthMethod, Connection, ConnectionName};
use crate::types::ssh_address::is_alias_name;
use crate::ui::ConnectionView;

/// The connection to create or update.
#[derive(Debug)]
pub(super) struct TargetConnection {
    pub(super) name: ConnectionName,
    /// The name was given on the command line.
    is_named: bool,
    pub(super) existing: Option<Connection>,
}

impl TargetConnection {
    /// The connection with the given name, else the repository's, else a new one.
    pub(super) fn resolve(
        app: &App,
        name: Option<&ConnectionName>,
        url: &ConnectUrl,
    ) -> Result<Self, Error> {
        let connections = app.connection_file().load()?;
        let is_named = name.is_some();
        let target = |name, existing| Self {
            name,
            is_named,
            existing,
        };
        if let Some(name) = name {
            if is_free(&connections, name) {
                return Ok(target(name.clone(), None));
            }
            let (name, existing) = connections.get(&name.to_string())?;
            if has_repository(&existing, url) || can_adopt_key(&existing, &url.url) {
                return Ok(target(name, Some(existing)));
            }
            return Err(name_conflict(&name));
        }
        let names = connections.names();
        let mut all = names.iter().filter_map(|name| connections.get(name).ok());
        match all.find(|(_, connection)| has_repository(connection, url)) {
            Some((name, existing)) => Ok(target(name, Some(existing))),
            None => Ok(target(first_free_name(&connections, &url.url)?, None)),
        }
    }

    /// Saves the connection. Returns its view and a message about what was done.
    pub(super) fn save(
        &self,
        app: &App,
        url: &ConnectUrl,
        connection: &Connection,
    ) -> Result<(ConnectionView, String), Error> {
        app.connection_file().update(|connections| {
            let name = &self.name_in(connections, url)?;
            let message = if is_free(connections, name) {
                connections.add(name, connection)?;
                format!("created connection {name}")
            } else if connections.get(&name.to_string())?.1 == *connection {
                format!("connection {name} is up to date")
            } else {
                connections.replace(name, connection)?;
                format!("updated connection {name}")
            };
            let view = ConnectionView::new(name, connection, connections.default_name());
            Ok::<_, Error>((view, message))
        })
    }

    /// The connection as it would be saved.
    pub(super) fn preview(
        &self,
        app: &App,
        connection: &Connection,
    ) -> Result<ConnectionView, Error> {
        let connections = app.connection_file().load()?;
        let default = connections.default_name();
        Ok(ConnectionView::new(&self.name, connection, default))
    }

    /// The name, unless another process has used it in the meantime.
    fn name_in(
        &self,
        connections: &Connections,
        url: &ConnectUrl,
    ) -> Result<ConnectionName, Error> {
        let name = &self.name;
        if is_free(connections, name) {
            return Ok(name.clone());
        }
        let (_, current) = connections.get(&name.to_string())?;
        if has_repository(&current, url) || self.existing.as_ref() == Some(&current) {
            return Ok(name.clone());
        }
        if self.is_named || self.existing.is_some() {
            return Err(name_conflict(name));
        }
        first_free_name(connections, &url.url)
    }
}

fn first_free_name(connections: &Connections, url: &CloneUrl) -> Result<ConnectionName, Error> {
    let names = candidate_names(url);
    let free = names.iter().find(|name| is_free(connections, name));
    match (free, names.first()) {
        (Some(name), _) => Ok(name.clone()),
        (None, Some(name)) => Err(name_conflict(name)),
        (None, None) => Err(Error::usage(
            "the repository's name is not a valid connection name",
            "pass --name NAME",
        )),
    }
}

fn is_free(connections: &Connections, name: &ConnectionName) -> bool {
    !connections.names().contains(&name.to_string())
}

fn name_conflict(name: &ConnectionName) -> Error {
    Error::conflict(
        format!("connection {name} already exists for another repository"),
        "pass --name NAME with another name",
    )
}

/// Whether a connection is the one of a repository.
fn has_repository(connection: &Connection, url: &ConnectUrl) -> bool {
    let own = connection.clone_url.as_deref();
    own.and_then(|own| own.parse::<CloneUrl>().ok())
        .is_some_and(|own| url.is_repository(&own))
}

/// Whether a connection without a key can get the key of a repository: it must be restricted to that repository, because
/// it would no longer be usable for others.
fn can_adopt_key(connection: &Connection, url: &CloneUrl) -> bool {
    let same_namespace = match (connection.namespace(), url.namespace()) {
        (Some(ours), Some(theirs)) => ours.eq_ignore_ascii_case(&theirs),
        (Some(_), None) | (None, _) => true,
    };
    let is_restricted = match &connection.repository {
        Some(repository) => repository.eq_ignore_ascii_case(url.slug()) && same_namespace,
        None => connection.auth() == AuthMethod::Ssh,
    };
    connection.clone_url.is_none() && connection.key_path.is_none() && is_restricted
}

/// `SLUG`, else `NAMESPACE-SLUG`, as far as they are valid names.
fn candidate_names(url: &CloneUrl) -> Vec<ConnectionName> {
    let sanitize = |text: &str| -> String {
        let is_invalid = |c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c);
        let text = text.replace(is_invalid, "-");
        text.trim_start_matches(['.', '-', '_'])
            .chars()
            .take(64)
            .collect()
    };
    let slug = sanitize(url.slug());
    let long = url
        .namespace()
        .map(|namespace| sanitize(&format!("{namespace}-{slug}")));
    [Some(slug), long]
        .into_iter()
        .flatten()
        .filter_map(|name| name.parse().ok())
        .collect()
}

/// A clone URL, with the host for which an alias of the user's SSH configuration stands.
pub(super) struct ConnectUrl {
    pub(super) url: CloneUrl,
    /// The URL with the alias, where only its configuration leads to the server, so that git needs it.
    pub(super) alias: Option<CloneUrl>,
}

impl ConnectUrl {
    pub(super) fn resolve(
        app: &App,
        url: &CloneUrl,
        steps: &mut StepLog<'_>,
    ) -> Result<Self, Error> {
        let unchanged = || Self {
            url: url.clone(),
            alias: None,
        };
        let Some(resolved) = app.resolve_ssh_url(url)? else {
            return Ok(unchanged());
        };
        steps.warn(StepId::Url, resolved.description);
        if !is_alias_name(&url.host().to_string()) {
            return Ok(unchanged());
        }
        Ok(Self {
            url: resolved.url,
            alias: resolved.proxy.map(|_| url.clone()),
        })
    }

    /// Whether another URL names the repository.
    pub(super) fn is_repository(&self, other: &CloneUrl) -> bool {
        let mut own = std::iter::once(&self.url).chain(&self.alias);
        own.any(|own| own.is_same_repository(other))
    }
}
