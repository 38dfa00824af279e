//! `bbconnect key list`: the keys that are registered, their age and their use.

use serde::Serialize;

use super::target::Target;
use crate::context::Context;
use crate::error::Error;
use crate::model::instant::Instant;
use crate::model::registered_key::RegisteredKey;
use crate::output::{Page, Render};

const EXAMPLES: &str = "\
Examples:
  bbconnect key list --repo acme/site
  bbconnect key list --project WEB --json
  bbconnect key list --user
";

/// List the keys that are registered
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Whose keys.
    #[command(flatten)]
    pub target: Target,
}

/// The keys.
#[derive(Debug, Serialize)]
pub struct Listed {
    keys: Vec<RegisteredKey>,
    #[serde(skip)]
    owner: String,
}

/// Lists the keys in the server's order.
///
/// # Errors
/// Where no connection applies, or the server does not show them.
pub fn run(args: &Args, context: &Context) -> Result<Listed, Error> {
    let (chosen, bitbucket, owner) = args.target.find_or_only(context)?;
    let asked = context.wait(bitbucket.keys(&owner))?;
    Ok(Listed {
        keys: asked.map_err(|error| chosen.explained_about_keys(error, &owner))?,
        owner: owner.to_string(),
    })
}

impl Render for Listed {
    const SCHEMA: &'static str = "bbconnect/key-list@1";

    fn text(&self, page: &mut Page) {
        let day = |instant: Option<Instant>, unknown: &str| {
            instant.map_or_else(|| unknown.to_owned(), |instant| instant.day().to_string())
        };
        let rows = self.keys.iter().map(|key| {
            let fingerprint = key.fingerprint.map(|fingerprint| fingerprint.to_string());
            [
                key.id.clone(),
                key.label.clone().unwrap_or_default(),
                key.access.to_string(),
                key.algorithm.clone().unwrap_or_default(),
                day(key.created_on, ""),
                day(key.last_used_on, ""),
                key.expires_on
                    .map(|day| day.to_string())
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
        page.table(&head.map(str::to_owned), rows);
    }

    fn remarks(&self, page: &mut Page) {
        if self.keys.is_empty() {
            page.line(&format!("{} has no keys", self.owner));
        }
    }
}
