//! `bbconnect key list`: registered keys, with the dates of creation and last use.

use serde::Serialize;

use super::target::{KeyOwnerArgs, KeyTarget};
use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::resolve::ResolvedRepository;
use crate::types::registered_key::RegisteredKey;
use crate::types::timestamp::Timestamp;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect key list --repo acme/site
  bbconnect key list --project WEB --json
  bbconnect key list --user
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub target: KeyOwnerArgs,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    repository: Option<ResolvedRepository>,
    keys: Vec<RegisteredKey>,
    #[serde(skip)]
    owner: String,
}

impl Subcommand for Args {
    type Output = ListOutput;

    /// Lists the keys in the server's order.
    fn run(&self, app: &App) -> Result<ListOutput, Error> {
        let target = self.target.resolve_or_single(app)?;
        let _progress = app.ui.list_progress("listing keys");
        let keys = app.block_on(target.bitbucket.keys(&target.owner))?;
        let target = target.renamed();
        let KeyTarget {
            selected, owner, ..
        } = &target;
        Ok(ListOutput {
            keys: keys.map_err(|error| selected.describe_key_error(error, owner))?,
            owner: owner.to_string(),
            repository: target.repository,
        })
    }
}

impl CommandOutput for ListOutput {
    const SCHEMA: &'static str = "bbconnect/key-list@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let date = |timestamp: Option<Timestamp>, unknown: &str| {
            timestamp.map_or_else(
                || unknown.to_owned(),
                |timestamp| timestamp.date().to_string(),
            )
        };
        let rows = self.keys.iter().map(|key| {
            let fingerprint = key.fingerprint.map(|fingerprint| fingerprint.to_string());
            [
                key.id.clone(),
                key.label.clone().unwrap_or_default(),
                key.access.to_string(),
                key.algorithm.clone().unwrap_or_default(),
                date(key.created_on, ""),
                date(key.last_used_on, ""),
                key.expires_on
                    .map(|date| date.to_string())
                    .unwrap_or_default(),
                fingerprint.unwrap_or_default(),
            ]
        });
        let head = [
            "ID",
            "LABEL",
            "ACCESS",
            "ALGORITHM",
            "CREATED",
            "LAST USED",
            "EXPIRES",
            "FINGERPRINT",
        ];
        out.table(&head.map(str::to_owned), rows);
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if let Some(repository) = &self.repository {
            out.line(&format!("repository: {repository}"));
        }
        if self.keys.is_empty() {
            out.line(&format!("{} has no keys", self.owner));
        }
    }
}
