//! `bbconnect token list`: the HTTP access tokens of a user, project or repository.

use serde::Serialize;

use super::owner_args::{TokenOwnerArgs, not_on_cloud, owner, under_current_name};
use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::types::access_token::AccessToken;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect token list
  bbconnect token list --repo WEB/site --json
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub place: TokenOwnerArgs,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    owner: String,
    repository: Option<String>,
    tokens: Vec<AccessToken>,
    #[serde(skip)]
    described_owner: String,
}

impl Subcommand for Args {
    type Output = ListOutput;

    /// Lists tokens.
    fn run(&self, app: &App) -> Result<ListOutput, Error> {
        let (selected, bitbucket, named) = self.place.resolve(app)?;
        let _progress = app.ui.list_progress("listing tokens");
        let listed = app.block_on(async {
            if bitbucket.is_cloud() {
                return Ok(None);
            }
            let owner = owner(named, &bitbucket).await?;
            let tokens = bitbucket.tokens(&owner).await?;
            Ok(tokens.map(|tokens| (owner, tokens)))
        })?;
        match listed.map_err(|error| selected.describe_api_error(error))? {
            Some((owner, tokens)) => {
                let owner = under_current_name(owner, &bitbucket);
                Ok(ListOutput {
                    owner: owner.to_string(),
                    repository: owner.repository(),
                    tokens,
                    described_owner: self.place.describe(&owner, &selected),
                })
            }
            None => Err(not_on_cloud()),
        }
    }
}

impl CommandOutput for ListOutput {
    const SCHEMA: &'static str = "bbconnect/token-list@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let day = |date: Option<crate::types::date::Date>| {
            date.map(|date| date.to_string()).unwrap_or_default()
        };
        let rows = self.tokens.iter().map(|token| {
            [
                token.id.clone().unwrap_or_default(),
                token.name.clone().unwrap_or_default(),
                token
                    .permissions
                    .as_ref()
                    .map(|all| all.join(" "))
                    .unwrap_or_default(),
                day(token.expires_on),
                day(token.last_used_on),
            ]
        });
        out.table(
            &["ID", "NAME", "PERMISSIONS", "EXPIRES ON", "LAST USED ON"].map(str::to_owned),
            rows,
        );
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        out.line(&format!("tokens of {}", self.described_owner));
        if self.tokens.is_empty() {
            out.line(&format!("{} has no tokens", self.owner));
        }
    }
}
