//! `bbconnect token revoke`: revokes an HTTP access token.

use serde::Serialize;

use super::owner_args::{TokenOwnerArgs, not_on_cloud, owner, refused, under_current_name};
use crate::app::App;
use crate::bitbucket::ApiError;
use crate::commands::Subcommand;
use crate::commands::args::{DryRunArg, YesArg};
use crate::error::Error;
use crate::types::action::Action;
use crate::types::hint::Hint;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect token revoke 252973515069
  bbconnect token revoke ci --repo WEB/site --yes
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Id or name of the token
    #[arg(value_name = "ID")]
    pub id: String,
    #[command(flatten)]
    pub yes: YesArg,
    #[command(flatten)]
    pub dry_run: DryRunArg,
    #[command(flatten)]
    pub place: TokenOwnerArgs,
}

#[derive(Debug, Serialize)]
pub(crate) struct RevokeOutput {
    action: Action,
    owner: String,
    repository: Option<String>,
    id: String,
    name: Option<String>,
    #[serde(skip)]
    described_owner: String,
}

impl Subcommand for Args {
    type Output = RevokeOutput;

    /// Revokes a token, once that is confirmed.
    fn run(&self, app: &App) -> Result<RevokeOutput, Error> {
        let (selected, bitbucket, named) = self.place.resolve(app)?;
        if bitbucket.is_cloud() {
            return Err(not_on_cloud());
        }
        let found = app.block_on(async {
            let owner = owner(named, &bitbucket).await?;
            let tokens = bitbucket.tokens(&owner).await?.unwrap_or_default();
            Ok((owner, tokens))
        })?;
        let (owner, tokens) =
            found.map_err(|error: ApiError| selected.describe_api_error(error))?;
        let owner = under_current_name(owner, &bitbucket);
        let of_id = tokens
            .iter()
            .filter(|token| token.id.as_deref() == Some(&self.id));
        let of_name = tokens
            .iter()
            .filter(|token| token.name.as_deref() == Some(&self.id));
        let found: Vec<_> = of_id.chain(of_name).collect();
        let token = match found.as_slice() {
            [token] => *token,
            [] => {
                let message = format!("{owner} has no token with the id or name {}", self.id);
                let hint = Hint::command("token list")
                    .with_text(format!(" {} lists the tokens", owner.as_flag()));
                return Err(Error::not_found(message, hint));
            }
            several => {
                let ids: Vec<&str> = several
                    .iter()
                    .filter_map(|token| token.id.as_deref())
                    .collect();
                return Err(Error::conflict(
                    format!("several tokens of {owner} are named {}", self.id),
                    format!("pass one of the ids: {}", ids.join(", ")),
                ));
            }
        };
        let id = token.id.as_deref().unwrap_or_default();
        let outcome = |action| RevokeOutput {
            action,
            owner: owner.to_string(),
            repository: owner.repository(),
            id: id.to_owned(),
            name: token.name.clone(),
            described_owner: self.place.describe(&owner, &selected),
        };
        if self.dry_run.is_set() {
            return Ok(outcome(Action::WouldRemove));
        }
        let name = token.name.as_deref().unwrap_or_default();
        let is_own = bitbucket.current_token_id().as_deref() == Some(id);
        let own = if is_own {
            " This connection uses it."
        } else {
            ""
        };
        app.confirm(
            self.yes.is_set(),
            &format!("revoking token {name} ({id}) of {owner}"),
            &format!("Revoke token {name} ({id}) of {owner}?{own}"),
        )?;
        let revoked = app.block_on(bitbucket.revoke_token(&owner, id))?;
        revoked.map_err(|error| refused(&selected, error))?;
        Ok(outcome(Action::Removed))
    }
}

impl CommandOutput for RevokeOutput {
    const SCHEMA: &'static str = "bbconnect/token-revoke@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let name = self.name.as_deref().unwrap_or_default();
        out.line(&format!(
            "{}: token {name} ({}) of {}",
            self.action, self.id, self.described_owner
        ));
    }
}
