//! What an audit has read, in a file from which the next run continues.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::gather::Inventory;
use crate::error::Error;
use crate::sys::atomic_file;
use crate::types::connection::Connection;
use crate::types::inventory::Item;

const SCHEMA: &str = "bbconnect/audit-resume@1";

#[derive(Debug, Serialize, Deserialize)]
struct ResumeFile {
    schema: String,
    /// The server whose inventory it is.
    base_url: String,
    done: BTreeMap<String, Vec<Item>>,
}

/// What an earlier run has read; nothing where the file does not exist.
pub(super) fn load(path: &Path, connection: &Connection) -> Result<Inventory, Error> {
    let text = atomic_file::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let Some(text) = text else {
        return Ok(Inventory::default());
    };
    let unusable = |reason: &str| {
        let message = format!("{} {reason}", path.display());
        Error::usage(message, "pass another file, or remove it")
    };
    let file: ResumeFile =
        serde_json::from_str(&text).map_err(|_| unusable("is not the file of an audit"))?;
    if file.schema != SCHEMA {
        return Err(unusable("is not the file of an audit"));
    }
    if file.base_url != connection.base_url.to_string() {
        return Err(unusable("is the audit of another server"));
    }
    Ok(Inventory {
        done: file.done,
        incomplete: Vec::new(),
    })
}

/// Keeps what was read where something is left; otherwise the file is removed.
pub(super) fn save(
    path: &Path,
    connection: &Connection,
    inventory: &Inventory,
) -> Result<(), Error> {
    let failed = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    if inventory.incomplete.is_empty() {
        return match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
            Ok(()) | Err(_) => Ok(()),
        };
    }
    let file = ResumeFile {
        schema: SCHEMA.to_owned(),
        base_url: connection.base_url.to_string(),
        done: inventory.done.clone(),
    };
    let text = serde_json::to_string(&file).map_err(|error| failed(error.into()))?;
    atomic_file::write(path, &text).map_err(failed)
}
