//! `bbconnect token list`: the HTTP access tokens of a user, project or repository.

use serde::Serialize;

use super::place::{Place, not_on_cloud, owner};
use crate::context::Context;
use crate::error::Error;
use crate::model::access_token::AccessToken;
use crate::output::{Page, Render};

const EXAMPLES: &str = "\
Examples:
  bbconnect token list
  bbconnect token list --repo WEB/site --json
";

/// List HTTP access tokens (Data Center)
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Whose, and as whom.
    #[command(flatten)]
    pub place: Place,
}

/// The tokens.
#[derive(Debug, Serialize)]
pub struct Listed {
    owner: String,
    tokens: Vec<AccessToken>,
}

/// Lists tokens.
///
/// # Errors
/// Where no connection applies, it is to Bitbucket Cloud, or the server refuses.
pub fn run(args: &Args, context: &Context) -> Result<Listed, Error> {
    let (chosen, bitbucket, named) = args.place.asked(context)?;
    let listed = context.wait(async {
        if bitbucket.is_cloud() {
            return Ok(None);
        }
        let owner = owner(named, &bitbucket).await?;
        let tokens = bitbucket.tokens(&owner).await?;
        Ok(tokens.map(|tokens| (owner, tokens)))
    })?;
    match listed.map_err(|error| chosen.explained(error))? {
        Some((owner, tokens)) => Ok(Listed {
            owner: owner.to_string(),
            tokens,
        }),
        None => Err(not_on_cloud()),
    }
}

impl Render for Listed {
    const SCHEMA: &'static str = "bbconnect/token-list@1";

    fn text(&self, page: &mut Page) {
        let day = |day: Option<crate::model::day::Day>| {
            day.map(|day| day.to_string()).unwrap_or_default()
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
        page.table(
            &["ID", "NAME", "PERMISSIONS", "EXPIRES ON", "LAST USED ON"].map(str::to_owned),
            rows,
        );
    }

    fn remarks(&self, page: &mut Page) {
        if self.tokens.is_empty() {
            page.line(&format!("{} has no tokens", self.owner));
        }
    }
}
