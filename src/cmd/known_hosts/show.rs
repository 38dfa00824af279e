//! `bbconnect known-hosts show`: the servers that are trusted. Nobody is asked.

use serde::Serialize;

use super::host::{Shown, table};
use crate::context::Context;
use crate::error::Error;
use crate::output::{Page, Render};
use crate::ssh;

pub(super) const EXAMPLES: &str = "\
Examples:
  bbconnect known-hosts show
  bbconnect known-hosts show --json
";

/// The servers that are trusted.
#[derive(Debug, Serialize)]
pub struct Hosts {
    hosts: Vec<Shown>,
    /// The file that has those that are not built in.
    file: String,
}

/// Shows the keys that are built in, and those in our file.
///
/// # Errors
/// Where the file cannot be read.
pub fn run(context: &Context) -> Result<Hosts, Error> {
    let file = context.known_hosts()?;
    let mut keys: Vec<_> = ssh::built_in_hosts()
        .iter()
        .flat_map(Shown::built_in)
        .collect();
    for key in file.all()? {
        let is_there = keys
            .iter()
            .any(|known| known.known_as == key.known_as && known.key == key.key);
        if !is_there {
            keys.push(key);
        }
    }
    Ok(Hosts {
        hosts: Shown::all(&keys),
        file: file.path().to_string_lossy().into_owned(),
    })
}

impl Render for Hosts {
    const SCHEMA: &'static str = "bbconnect/known-hosts-show@1";

    fn text(&self, page: &mut Page) {
        table(&self.hosts, page);
    }
}
