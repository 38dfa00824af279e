//! The connection that remembers the key: its name, and what is written down.

use super::Args;
use super::plan::Plan;
use super::step::StepLog;
use crate::app::App;
use crate::config::Connections;
use crate::error::{Error, RejectionKind};
use crate::ssh::PrivateKeyFile;
use crate::types::clone_url::CloneUrl;
use crate::types::connection::{AuthMethod, Connection, ConnectionName, DetectedServer};
use crate::types::ssh_address::SshRemote;
use crate::ui::ConnectionView;

/// What the connection is called, and what it is now where it is there.
pub(super) fn resolve_name(
    args: &Args,
    app: &App,
    url: &CloneUrl,
) -> Result<(ConnectionName, Option<Connection>), Error> {
    let connections = app.connection_file().load()?;
    if let Some(name) = &args.name {
        if !connections.names().contains(&name.to_string()) {
            return Ok((name.clone(), None));
        }
        let (name, before) = connections.get(&name.to_string())?;
        if is_for(&before, url) || can_adopt_key(&before, url) {
            return Ok((name, Some(before)));
        }
        return Err(name_conflict(&name));
    }
    let names = connections.names();
    let mut all = names.iter().filter_map(|name| connections.get(name).ok());
    if let Some((name, before)) = all.find(|(_, connection)| is_for(connection, url)) {
        return Ok((name, Some(before)));
    }
    Ok((first_free_name(&connections, url)?, None))
}

/// The first name for a repository that no connection has.
fn first_free_name(connections: &Connections, url: &CloneUrl) -> Result<ConnectionName, Error> {
    let names = candidates(url);
    let free = names.iter().find(|name| is_free(connections, name));
    match (free, names.first()) {
        (Some(name), _) => Ok(name.clone()),
        (None, Some(name)) => Err(name_conflict(name)),
        (None, None) => Err(Error::Usage {
            message: "the repository's name is none for a connection".to_owned(),
            hint: Some("add --name NAME".into()),
        }),
    }
}

fn is_free(connections: &Connections, name: &ConnectionName) -> bool {
    !connections.names().contains(&name.to_string())
}

fn name_conflict(name: &ConnectionName) -> Error {
    Error::rejected(
        RejectionKind::Conflict,
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

/// Whether a connection without a key may get this repository's: it was named, and is for this repository alone. One
/// with REST that is for several would be lost to the others.
fn can_adopt_key(connection: &Connection, url: &CloneUrl) -> bool {
    let is_this = |repository: &String| repository.eq_ignore_ascii_case(url.slug());
    let is_in = match (connection.namespace(), url.namespace()) {
        (Some(ours), Some(theirs)) => ours.eq_ignore_ascii_case(&theirs),
        (Some(_), None) | (None, _) => true,
    };
    let is_for_it = match &connection.repository {
        Some(repository) => is_this(repository) && is_in,
        None => connection.auth() == AuthMethod::Ssh,
    };
    connection.clone_url.is_none() && connection.key_path.is_none() && is_for_it
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
    /// What is said of the key that the connection had before, where another one takes its place.
    pub(super) fn previous_key_note(&self) -> Option<String> {
        let before = self.existing.as_ref()?.key_path.as_ref()?;
        let old = PrivateKeyFile::read(before).ok()?;
        (*before != self.key_path).then(|| {
            format!(
                "the key of before, {}, stays registered where it is: bbconnect key list, then bbconnect key remove",
                old.public.fingerprint()
            )
        })
    }

    /// The connection as it is to be.
    fn connection(
        &self,
        key: Option<&PrivateKeyFile>,
        remote: &SshRemote,
    ) -> Result<Connection, Error> {
        let mut connection = match &self.existing {
            Some(before) => before.clone(),
            None => self.new_connection()?,
        };
        let found = self.repository(None);
        connection.repository = Some(found.slug);
        if connection.namespace().is_none() {
            *connection.namespace_mut() = found.namespace;
        }
        connection.clone_url = Some(self.clone_url(remote));
        connection.key_path =
            Some(key.map_or_else(|| self.key_path.clone(), |key| key.path.clone()));
        Ok(connection)
    }

    fn new_connection(&self) -> Result<Connection, Error> {
        if let Some(rest) = &self.rest {
            return Ok(Connection {
                web_url: rest.web_url.clone(),
                ..Connection::without_credential(rest.deployment, rest.base_url.clone())
            });
        }
        let unreadable = |error: String| Error::Usage {
            message: error,
            hint: None,
        };
        let detected: DetectedServer = self.clone_url(&self.remote).parse().map_err(
            |error: crate::types::connection::BaseUrlError| unreadable(error.to_string()),
        )?;
        Ok(Connection::without_credential(
            self.deployment,
            detected.base_url,
        ))
    }

    /// Writes the connection down.
    pub(super) fn save(
        &self,
        app: &App,
        key: &PrivateKeyFile,
        remote: &SshRemote,
        steps: &mut StepLog<'_>,
    ) -> Result<ConnectionView, Error> {
        let connection = self.connection(Some(key), remote)?;
        let (said, view) = app.connection_file().update(|connections| {
            let name = &self.name_among(connections)?;
            let said = if is_free(connections, name) {
                connections.add(name, &connection)?;
                "is new"
            } else if connections.get(&name.to_string())?.1 == connection {
                "has it all"
            } else {
                connections.replace(name, &connection)?;
                "is brought up to date"
            };
            let view = ConnectionView::of(name, &connection, connections.default_name());
            Ok::<_, Error>((format!("the connection {name} {said}"), view))
        })?;
        steps.pass("saved", said);
        Ok(view)
    }

    /// The name that was chosen, unless somebody took it meanwhile for something else.
    fn name_among(&self, connections: &Connections) -> Result<ConnectionName, Error> {
        let name = &self.name;
        if is_free(connections, name) {
            return Ok(name.clone());
        }
        let (_, now) = connections.get(&name.to_string())?;
        if is_for(&now, &self.url) || self.existing.as_ref() == Some(&now) {
            return Ok(name.clone());
        }
        if self.is_named || self.existing.is_some() {
            return Err(name_conflict(name));
        }
        first_free_name(connections, &self.url)
    }

    /// The connection as it would be written down.
    pub(super) fn preview(&self, app: &App) -> Result<ConnectionView, Error> {
        let connection = self.connection(None, &self.remote)?;
        let connections = app.connection_file().load()?;
        Ok(ConnectionView::of(
            &self.name,
            &connection,
            connections.default_name(),
        ))
    }
}
