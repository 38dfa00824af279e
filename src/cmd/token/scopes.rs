//! `bbconnect token scopes`: what to tick for a purpose, in the words of the kind of token.

use serde::Serialize;

use crate::context::Context;
use crate::error::Error;
use crate::model::connection::Auth;
use crate::model::deployment::Deployment;
use crate::model::purpose::Purpose;
use crate::model::scope::{Scope, Vocabulary};
use crate::output::{Page, Render};

const EXAMPLES: &str = "\
Examples:
  bbconnect token scopes --for webhook
  bbconnect token scopes --for appcircle --auth api-token
  bbconnect token scopes --for write,pull-request --auth http-access-token --json
";

/// Print the scopes to tick for a purpose
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// What the token is for
    #[arg(
        long = "for",
        value_enum,
        value_name = "PURPOSE",
        value_delimiter = ',',
        required = true
    )]
    pub purposes: Vec<Purpose>,
    /// The kind of credential; without it that of the connection that applies, else an API token
    #[arg(long, value_enum, value_name = "KIND")]
    pub auth: Option<Auth>,
}

/// What to tick.
#[derive(Debug, Serialize)]
pub struct Needed {
    auth: Auth,
    purposes: Vec<Purpose>,
    scopes: Vec<Scope>,
    /// What today's Bitbucket needs beyond a preset's document.
    beyond: Vec<Scope>,
    notes: Vec<&'static str>,
}

/// Looks up the scopes of purposes. Nothing is asked of a server.
///
/// # Errors
/// [`Error::Usage`] for SSH, which has no scopes.
pub fn run(args: &Args, context: &Context) -> Result<Needed, Error> {
    let chosen = context.choose().ok().map(|chosen| chosen.connection);
    let of_connection = chosen.as_ref().map(|connection| connection.auth);
    let auth = args.auth.or(of_connection).unwrap_or(Auth::ApiToken);
    let deployment = chosen.map_or(Deployment::Cloud, |connection| connection.deployment);
    let Some(vocabulary) = Vocabulary::of(auth, deployment) else {
        return Err(Error::Usage {
            message: "SSH has no scopes".to_owned(),
            hint: Some(super::kinds_with_a_token()),
        });
    };
    let all = args
        .purposes
        .iter()
        .map(|purpose| purpose.needs(vocabulary));
    let (mut scopes, mut beyond) = (Vec::new(), Vec::new());
    for needs in all {
        scopes.extend(needs.required);
        beyond.extend(needs.beyond);
    }
    let scopes = least(&scopes);
    let beyond = least(&beyond)
        .into_iter()
        .filter(|scope| !scopes.contains(scope))
        .collect();
    let registers_keys = args.purposes.iter().any(|purpose| purpose.registers_keys());
    let notes = [
        (auth == Auth::AccessToken && registers_keys).then_some(
            "Bitbucket Cloud lets no access token register keys; that takes an API token",
        ),
        (auth == Auth::AppPassword).then_some("Bitbucket Cloud ended app passwords on 2026-07-28"),
        (auth == Auth::ApiToken)
            .then_some("no scope of an API token brings another with it: tick each"),
    ];
    Ok(Needed {
        auth,
        purposes: args.purposes.clone(),
        scopes,
        beyond,
        notes: notes.into_iter().flatten().collect(),
    })
}

/// Each once, without what another brings with it.
fn least(scopes: &[Scope]) -> Vec<Scope> {
    let mut least: Vec<Scope> = Vec::new();
    for scope in scopes {
        let is_brought = scopes
            .iter()
            .any(|other| other.implied().any(|implied| implied == *scope));
        if !is_brought && !least.contains(scope) {
            least.push(*scope);
        }
    }
    least
}

impl Render for Needed {
    const SCHEMA: &'static str = "bbconnect/token-scopes@1";

    fn text(&self, page: &mut Page) {
        for scope in self.scopes.iter().chain(&self.beyond) {
            page.line(scope.name());
        }
    }

    fn remarks(&self, page: &mut Page) {
        if !self.beyond.is_empty() {
            let names: Vec<&str> = self.beyond.iter().map(|scope| scope.name()).collect();
            page.note(&format!(
                "not in the preset's document, but needed by today's Bitbucket: {}",
                names.join(", ")
            ));
        }
        self.notes.iter().for_each(|note| page.note(note));
    }
}
