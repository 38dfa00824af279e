//! What an audit has read, in a file from which the next run continues. Each owner is one line, written as soon as it was
//! read, so that an interrupted run loses nothing.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::sys::regular_file;
use crate::types::date::Timestamp;
use crate::types::inventory::{Item, ItemKind};

const SCHEMA: &str = "bbconnect/audit-resume@1";

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    schema: String,
    /// The server whose inventory it is.
    base_url: String,
    what: Vec<ItemKind>,
    started_on: Timestamp,
}

/// Any other line.
#[derive(Debug, Serialize, Deserialize)]
struct Line<O, I> {
    owner: O,
    items: I,
}

/// The file of an audit that is going on.
#[derive(Debug)]
pub(super) struct ResumeFile {
    path: PathBuf,
    file: File,
    /// When the audit was started that this run continues.
    pub(super) continued_from: Option<Timestamp>,
}

impl ResumeFile {
    /// Opens the file, and returns what an earlier run has read, by owner.
    pub(super) fn open(
        path: &Path,
        base_url: &str,
        what: &[ItemKind],
    ) -> Result<(Self, HashMap<String, Vec<Item>>), Error> {
        let unusable = |reason: &str| {
            let message = format!("{} {reason}", path.display());
            Error::usage(message, "pass another file, or remove it")
        };
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let file = regular_file::open_for_append(path).map_err(failed)?;
        let mut reader = BufReader::new(&file);
        let mut line = String::new();
        let mut size = reader.read_line(&mut line).map_err(failed)? as u64;
        let mut resume = Self {
            path: path.to_owned(),
            file: file.try_clone().map_err(failed)?,
            continued_from: None,
        };
        if size == 0 {
            resume.append(&Header {
                schema: SCHEMA.to_owned(),
                base_url: base_url.to_owned(),
                what: what.to_vec(),
                started_on: Timestamp::now(),
            })?;
            return Ok((resume, HashMap::new()));
        }
        let header: Header = serde_json::from_str(&line)
            .ok()
            .filter(|header: &Header| header.schema == SCHEMA)
            .ok_or_else(|| unusable("is not the file of an audit"))?;
        if header.base_url != base_url {
            return Err(unusable("is the audit of another server"));
        }
        if header.what != what {
            return Err(unusable("is an audit with another --what"));
        }
        let mut done = HashMap::new();
        loop {
            line.clear();
            let read = reader.read_line(&mut line).map_err(failed)? as u64;
            // The last line may be the part that was written before a crash.
            if !line.ends_with('\n') {
                break;
            }
            let Line { owner, items } =
                serde_json::from_str(&line).map_err(|_| unusable("is damaged"))?;
            done.insert(owner, items);
            size += read;
        }
        file.set_len(size).map_err(failed)?;
        resume.continued_from = Some(header.started_on);
        Ok((resume, done))
    }

    /// Records what an owner has.
    pub(super) fn record(&mut self, owner: &str, items: &[Item]) -> Result<(), Error> {
        self.append(&Line { owner, items })
    }

    /// Removes the file: nothing is left to read.
    pub(super) fn remove(self) -> Result<(), Error> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.write_error(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn append(&mut self, line: &impl Serialize) -> Result<(), Error> {
        let mut text = serde_json::to_vec(line).map_err(|error| self.write_error(error.into()))?;
        text.push(b'\n');
        let written = self.file.write_all(&text);
        written.map_err(|source| self.write_error(source))
    }

    fn write_error(&self, source: io::Error) -> Error {
        Error::Write {
            path: self.path.clone(),
            source,
        }
    }
}
