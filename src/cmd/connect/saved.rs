//! The connection that remembers the key: its name, and what is written down.

use super::Args;
use super::plan::Plan;
use super::step::Steps;
use crate::context::Context;
use crate::error::{Error, No};
use crate::model::clone_url::CloneUrl;
use crate::model::connection::{Auth, Connection, ConnectionName, Found};
use crate::model::deployment::Deployment;
use crate::model::ssh_address::SshAddress;
use crate::output::ConnectionView;
use crate::ssh::StoredKey;
use crate::store::Connections;

/// What the connection is called, and what it is now where it is there.
pub(super) fn place(
    args: &Args,
    context: &Context,
    url: &CloneUrl,
) -> Result<(ConnectionName, Option<Connection>), Error> {
    let connections = context.connections().load()?;
    if let Some(name) = &args.name {
        if !connections.names().contains(&name.to_string()) {
            return Ok((name.clone(), None));
        }
        let (name, before) = connections.get(&name.to_string())?;
        if is_for(&before, url) || can_become(&before, url) {
            return Ok((name, Some(before)));
        }
        return Err(taken(&name));
    }
    let names = connections.names();
    let mut all = names.iter().filter_map(|name| connections.get(name).ok());
    if let Some((name, before)) = all.find(|(_, connection)| is_for(connection, url)) {
        return Ok((name, Some(before)));
    }
    let names = candidates(url);
    let free = names.iter().find(|name| is_free(&connections, name));
    match (free, names.first()) {
        (Some(name), _) => Ok((name.clone(), None)),
        (None, Some(name)) => Err(taken(name)),
        (None, None) => Err(Error::Usage {
            message: "the repository's name is none for a connection".to_owned(),
            hint: Some("add --name NAME".to_owned()),
        }),
    }
}

fn is_free(connections: &Connections, name: &ConnectionName) -> bool {
    !connections.names().contains(&name.to_string())
}

fn taken(name: &ConnectionName) -> Error {
    Error::no(
        No::Conflict,
        format!("the connection {name} is for something else"),
        "choose another name with --name NAME",
    )
}

/// Whether a connection has the key of this repository.
fn is_for(connection: &Connection, url: &CloneUrl) -> bool {
    let known = connection.clone_url.as_deref();
    known
        .and_then(|known| known.parse::<CloneUrl>().ok())
        .is_some_and(|known| known.is_same_repository(url))
}

/// Whether a connection without a key may get this repository's: it was named, and is for no other repository.
fn can_become(connection: &Connection, url: &CloneUrl) -> bool {
    let is_other = |repository: &String| !repository.eq_ignore_ascii_case(url.slug());
    connection.clone_url.is_none()
        && connection.key_path.is_none()
        && !connection.repository.as_ref().is_some_and(is_other)
}

/// The repository's name, else with what it is in before it; as far as such names go.
fn candidates(url: &CloneUrl) -> Vec<ConnectionName> {
    let safe = |text: &str| -> String {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '-'
            }
        };
        let text: String = text.chars().map(plain).collect();
        text.trim_start_matches(['.', '-', '_'])
            .chars()
            .take(64)
            .collect()
    };
    let slug = safe(url.slug());
    let long = url.namespace().map(|name| safe(&format!("{name}-{slug}")));
    [Some(slug), long]
        .into_iter()
        .flatten()
        .filter_map(|name| name.parse().ok())
        .collect()
}

impl Plan {
    /// The connection as it is to be.
    fn connection(
        &self,
        key: Option<&StoredKey>,
        address: &SshAddress,
    ) -> Result<Connection, Error> {
        let mut connection = match &self.before {
            Some(before) => before.clone(),
            None => self.fresh()?,
        };
        let found = self.repository(None);
        connection.repository = Some(found.slug);
        let is_cloud = connection.deployment == Deployment::Cloud;
        let place = if is_cloud {
            &mut connection.workspace
        } else {
            &mut connection.project
        };
        if place.is_none() {
            *place = found.namespace;
        }
        connection.clone_url = Some(self.clone_url(address));
        connection.key_path =
            Some(key.map_or_else(|| self.key_path.clone(), |key| key.path.clone()));
        Ok(connection)
    }

    fn fresh(&self) -> Result<Connection, Error> {
        if let Some(rest) = &self.rest {
            return Ok(Connection {
                web_url: rest.web_url.clone(),
                ..Connection::new(rest.deployment, rest.base_url.clone(), Auth::Ssh)
            });
        }
        let unreadable = |error: String| Error::Usage {
            message: error,
            hint: None,
        };
        let found: Found = self.clone_url(&self.address).parse().map_err(
            |error: crate::model::connection::BaseUrlError| unreadable(error.to_string()),
        )?;
        Ok(Connection::new(self.deployment, found.base_url, Auth::Ssh))
    }

    /// Writes the connection down.
    pub(super) fn save(
        &self,
        context: &Context,
        key: &StoredKey,
        address: &SshAddress,
        steps: &mut Steps<'_>,
    ) -> Result<ConnectionView, Error> {
        let connection = self.connection(Some(key), address)?;
        let name = &self.name;
        let said = match &self.before {
            Some(before) if *before == connection => format!("the connection {name} has it all"),
            Some(_) => format!("the connection {name} is brought up to date"),
            None => format!("the connection {name} is new"),
        };
        let view = context.connections().update(|connections| {
            if is_free(connections, name) {
                connections.add(name, &connection)?;
            } else {
                connections.replace(name, &connection)?;
            }
            Ok::<_, Error>(ConnectionView::of(
                name,
                &connection,
                connections.default_name(),
            ))
        })?;
        steps.pass("saved", said);
        Ok(view)
    }

    /// The connection as it would be written down.
    pub(super) fn would_save(&self, context: &Context) -> Result<ConnectionView, Error> {
        let connection = self.connection(None, &self.address)?;
        let connections = context.connections().load()?;
        Ok(ConnectionView::of(
            &self.name,
            &connection,
            connections.default_name(),
        ))
    }
}
