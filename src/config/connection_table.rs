//! The content of `connections.toml`, which users may edit: unknown keys and comments are kept.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use toml_edit::{DocumentMut, Item, Table, TableLike};

use super::connection_record::KEYS;
use super::error::{ConnectionsError, NameSource, first_line, toml_error_message};
use crate::types::connection::{
    AuthMethod, Connection, ConnectionName, Credential, CredentialFields, RequiredField,
};

/// The content of the file of connections.
#[derive(Debug)]
pub struct Connections {
    path: PathBuf,
    document: DocumentMut,
    /// The lines of the file end with CRLF, as editors of Windows write them.
    has_crlf: bool,
}

impl fmt::Display for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.has_crlf {
            return self.document.fmt(f);
        }
        // New lines of the document end with LF.
        let text = self.document.to_string().replace("\r\n", "\n");
        f.write_str(&text.replace('\n', "\r\n"))
    }
}

impl Connections {
    /// The connections of a text, which is that of a file.
    ///
    /// # Errors
    /// [`ConnectionsError::Syntax`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConnectionsError> {
        let refused = |reason| ConnectionsError::Syntax {
            path: path.to_owned(),
            reason,
        };
        let document: DocumentMut = text
            .parse()
            .map_err(|error| refused(toml_error_message(&error)))?;
        if document
            .get("connections")
            .is_some_and(|all| !all.is_table_like())
        {
            return Err(refused("`connections` is not a table".to_owned()));
        }
        Ok(Self {
            path: path.to_owned(),
            document,
            has_crlf: text.contains("\r\n"),
        })
    }

    /// The names, in their order in the file.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let table = self
            .document
            .get("connections")
            .and_then(Item::as_table_like);
        table
            .map(|table| table.iter().map(|(name, _)| name.to_owned()).collect())
            .unwrap_or_default()
    }

    /// A connection.
    ///
    /// # Errors
    /// [`ConnectionsError::NotFound`] and [`ConnectionsError::Connection`].
    pub fn get(&self, name: &str) -> Result<(ConnectionName, Connection), ConnectionsError> {
        self.get_completed(name, &[])
    }

    /// A connection with other values for some of its keys.
    pub(crate) fn get_completed(
        &self,
        name: &str,
        values: &[(String, String)],
    ) -> Result<(ConnectionName, Connection), ConnectionsError> {
        let unreadable = |reason: String, missing| ConnectionsError::Connection {
            path: self.path.clone(),
            name: name.to_owned(),
            reason,
            missing,
        };
        let item = self
            .document
            .get("connections")
            .and_then(|table| table.get(name))
            .ok_or_else(|| self.not_found(name))?;
        let known = name
            .parse::<ConnectionName>()
            .map_err(|error| unreadable(error.to_string(), None))?;
        let mut item = item.clone();
        let table = item
            .as_table_like_mut()
            .ok_or_else(|| unreadable("not a table".to_owned(), None))?;
        for (key, text) in values {
            table.insert(key, toml_edit::value(text));
        }
        let missing = missing_field(table);
        let value = item
            .into_value()
            .map_err(|_| unreadable("not a table".to_owned(), None))?;
        let connection = Connection::deserialize(value.into_deserializer())
            .map_err(|error| unreadable(first_line(&error.to_string()), missing))?;
        Ok((known, connection))
    }

    #[must_use]
    pub fn default_name(&self) -> Option<&str> {
        self.document.get("default").and_then(Item::as_str)
    }

    /// Makes a connection the default one.
    ///
    /// # Errors
    /// [`ConnectionsError::NotFound`].
    pub fn set_default(&mut self, name: &ConnectionName) -> Result<(), ConnectionsError> {
        self.get(&name.to_string())?;
        if self.default_name() != Some(name.to_string().as_str()) {
            self.document["default"] = toml_edit::value(name.to_string());
        }
        Ok(())
    }

    /// Checks that a name is not taken, in whatever letter case: some stores of secrets do not distinguish it.
    ///
    /// # Errors
    /// [`ConnectionsError::Exists`].
    pub fn check_free(&self, name: &ConnectionName) -> Result<(), ConnectionsError> {
        let mut names = self.names().into_iter();
        match names.find(|known| known.eq_ignore_ascii_case(&name.to_string())) {
            Some(known) => Err(ConnectionsError::Exists(known)),
            None => Ok(()),
        }
    }

    /// Adds a connection. The first one becomes the default, unless it is for SSH alone: most commands could do nothing
    /// with that.
    ///
    /// # Errors
    /// [`ConnectionsError::Exists`].
    pub fn add(
        &mut self,
        name: &ConnectionName,
        connection: &Connection,
    ) -> Result<(), ConnectionsError> {
        self.check_free(name)?;
        let is_for_ssh = |name: &String| {
            let known = self.get(name);
            known.is_ok_and(|(_, connection)| connection.auth() == AuthMethod::Ssh)
        };
        let is_first = connection.auth() != AuthMethod::Ssh && self.names().iter().all(is_for_ssh);
        self.insert_or_update(name, connection)?;
        if is_first {
            self.set_default(name)
        } else {
            Ok(())
        }
    }

    /// Changes a connection. Keys that are not known, and comments, stay.
    ///
    /// # Errors
    /// [`ConnectionsError::NotFound`].
    pub fn replace(
        &mut self,
        name: &ConnectionName,
        connection: &Connection,
    ) -> Result<(), ConnectionsError> {
        if !self.names().contains(&name.to_string()) {
            return Err(self.not_found(&name.to_string()));
        }
        self.insert_or_update(name, connection)
    }

    /// Removes a connection; where it was the default one, there is none afterwards.
    ///
    /// # Errors
    /// [`ConnectionsError::NotFound`].
    pub fn remove(&mut self, name: &str) -> Result<(), ConnectionsError> {
        let table = self
            .document
            .get_mut("connections")
            .and_then(Item::as_table_like_mut);
        if table.and_then(|table| table.remove(name)).is_none() {
            return Err(self.not_found(name));
        }
        if self.default_name() == Some(name) {
            self.document.remove("default");
        }
        Ok(())
    }

    /// Gives a connection another name.
    ///
    /// # Errors
    /// [`ConnectionsError::NotFound`] and [`ConnectionsError::Exists`].
    pub fn rename(&mut self, from: &str, to: &ConnectionName) -> Result<(), ConnectionsError> {
        self.check_free(to)?;
        let missing = self.not_found(from);
        let table = self
            .document
            .get_mut("connections")
            .and_then(Item::as_table_like_mut);
        let Some(table) = table.filter(|table| table.contains_key(from)) else {
            return Err(missing);
        };
        if let Some(item) = table.remove(from) {
            table.insert(&to.to_string(), item);
        }
        if self.default_name() == Some(from) {
            self.document["default"] = toml_edit::value(to.to_string());
        }
        Ok(())
    }

    fn not_found(&self, name: &str) -> ConnectionsError {
        if name.trim().is_empty() {
            return ConnectionsError::EmptyName;
        }
        ConnectionsError::NotFound {
            name: name.to_owned(),
            by: NameSource::User,
            known: self.names(),
        }
    }

    fn insert_or_update(
        &mut self,
        name: &ConnectionName,
        connection: &Connection,
    ) -> Result<(), ConnectionsError> {
        if let Some((what, value)) = connection.invalid_path_segment() {
            return Err(ConnectionsError::InvalidPathSegment {
                what,
                value: value.to_owned(),
            });
        }
        let unwritable = |reason: String| ConnectionsError::Connection {
            path: self.path.clone(),
            name: name.to_string(),
            reason,
            missing: None,
        };
        let written = toml_edit::ser::to_document(connection)
            .map_err(|error| unwritable(error.to_string()))?;
        let connections = self.document.entry("connections").or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        let connections = connections
            .as_table_like_mut()
            .ok_or_else(|| unwritable("`connections` is not a table".to_owned()))?;
        let entry = connections
            .entry(&name.to_string())
            .or_insert_with(toml_edit::table);
        let table = entry
            .as_table_like_mut()
            .ok_or_else(|| unwritable("not a table".to_owned()))?;
        for key in KEYS {
            match (written.get(key), table.get_mut(key)) {
                (None, None) => {}
                (None, Some(_)) => drop(table.remove(key)),
                (Some(new), None) => drop(table.insert(key, new.clone())),
                (Some(new), Some(old)) => replace_value(old, new),
            }
        }
        Ok(())
    }
}

/// The field that the kind of credential in a table needs and the table does not have.
fn missing_field(table: &dyn TableLike) -> Option<RequiredField> {
    let text = |key| table.get(key)?.as_str().map(str::to_owned);
    let auth = AuthMethod::from_str(&text("auth")?, false).ok()?;
    let fields = CredentialFields {
        email: text("email"),
        username: text("username"),
        client_id: text("client_id"),
        ..CredentialFields::default()
    };
    let missing = Credential::new(auth, fields).err();
    missing.map(|missing| missing.field)
}

/// Puts a value in another's place, with the comments and blanks around it.
fn replace_value(old: &mut Item, new: &Item) {
    if let (Some(old), Some(new)) = (old.as_value_mut(), new.as_value()) {
        let decor = old.decor().clone();
        if old.to_string().trim() != new.to_string().trim() {
            *old = new.clone();
            *old.decor_mut() = decor;
        }
    } else {
        *old = new.clone();
    }
}
