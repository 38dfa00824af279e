//! `bbconnect token scopes`: the scopes to select for a purpose, as the kind of token names them.

use clap::ValueEnum as _;
use serde::Serialize;

use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::types::connection::{AuthMethod, Connection, TokenLevel};
use crate::types::deployment::Deployment;
use crate::types::purpose::Purpose;
use crate::types::scope::{Scope, ScopeSystem};
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect token scopes --for webhook
  bbconnect token scopes --for appcircle --auth api-token
  bbconnect token scopes --for write,pull-request --auth http-access-token --json
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Purpose of the token
    #[arg(
        long = "for",
        value_enum,
        value_name = "PURPOSE",
        value_delimiter = ',',
        required = true
    )]
    pub purposes: Vec<Purpose>,
    /// Type of credential [default: that of the connection, else api-token]
    #[arg(long, value_enum, value_name = "KIND")]
    pub auth: Option<AuthMethod>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ScopesOutput {
    auth: AuthMethod,
    purposes: Vec<Purpose>,
    scopes: Vec<Scope>,
    /// What today's Bitbucket needs beyond a preset's document.
    beyond: Vec<Scope>,
    /// The names of the check boxes that select `scopes` and `beyond`, in the same order.
    checkboxes: Vec<String>,
    /// Those of the scopes that this kind of token cannot have.
    unavailable: Vec<Scope>,
    notes: Vec<&'static str>,
}

impl Subcommand for Args {
    type Output = ScopesOutput;

    /// Looks up the scopes of purposes. Nothing is asked of a server.
    fn run(&self, app: &App) -> Result<ScopesOutput, Error> {
        let chosen = app.select().ok().map(|selected| selected.connection);
        let of_connection = chosen.as_ref().map(Connection::auth);
        let auth = self.auth.or(of_connection).unwrap_or(AuthMethod::ApiToken);
        let level = chosen
            .as_ref()
            .filter(|connection| connection.auth() == auth);
        let level = level.and_then(Connection::level);
        let deployment = chosen.map_or(Deployment::Cloud, |connection| connection.deployment);
        let Some(system) = ScopeSystem::for_credential(auth, deployment) else {
            return Err(Error::usage(
                "SSH-only connections have no scopes",
                kinds_with_a_token(),
            ));
        };
        let all = self.purposes.iter().map(|purpose| purpose.needs(system));
        let (mut scopes, mut beyond) = (Vec::new(), Vec::new());
        for needs in all {
            scopes.extend(needs.required);
            beyond.extend(needs.beyond);
        }
        // A preset is what its document lists, row by row.
        let scopes = if self.purposes.iter().any(|purpose| purpose.is_preset()) {
            distinct(&scopes)
        } else {
            minimal_scopes(&scopes)
        };
        let beyond: Vec<Scope> = minimal_scopes(&beyond)
            .into_iter()
            .filter(|scope| !scopes.contains(scope))
            .collect();
        let all = || scopes.iter().chain(&beyond).copied();
        // The narrowest token, unless the connection says otherwise.
        let level = level.or(Some(TokenLevel::Repo));
        let unavailable: Vec<Scope> = all()
            .filter(|scope| !scope.is_selectable(auth, level))
            .collect();
        let registers_keys = self
            .purposes
            .iter()
            .any(|purpose| purpose.requires_key_admin());
        let notes = [
            (auth == AuthMethod::AccessToken && registers_keys).then_some(
                "access tokens of Bitbucket Cloud cannot register keys; use an API token",
            ),
            (auth == AuthMethod::AppPassword)
                .then_some("Bitbucket Cloud retired app passwords on 2026-07-28"),
            (auth == AuthMethod::ApiToken)
                .then_some("API token scopes don't imply each other; select all"),
        ];
        Ok(ScopesOutput {
            auth,
            purposes: self.purposes.clone(),
            checkboxes: all().map(Scope::checkbox).collect(),
            unavailable,
            scopes,
            beyond,
            notes: notes.into_iter().flatten().collect(),
        })
    }
}

/// The hint for SSH, which has neither token nor scopes.
pub(super) fn kinds_with_a_token() -> String {
    let kinds = AuthMethod::value_variants().iter();
    let names: Vec<&str> = kinds
        .filter(|auth| **auth != AuthMethod::Ssh)
        .map(|auth| auth.name())
        .collect();
    format!("pass --auth with one of {}", names.join(", "))
}

/// Each once.
fn distinct(scopes: &[Scope]) -> Vec<Scope> {
    let mut all: Vec<Scope> = Vec::new();
    for scope in scopes {
        if !all.contains(scope) {
            all.push(*scope);
        }
    }
    all
}

/// Each once, without what another implies.
pub(super) fn minimal_scopes(scopes: &[Scope]) -> Vec<Scope> {
    let is_implied = |scope: &Scope| {
        let mut implied = scopes.iter().flat_map(|other| other.implied());
        implied.any(|implied| implied == *scope)
    };
    let mut least = distinct(scopes);
    least.retain(|scope| !is_implied(scope));
    least
}

impl ScopesOutput {
    fn is_preset(&self) -> bool {
        self.purposes.iter().any(|purpose| purpose.is_preset())
    }

    /// Whether the check boxes have other names than the scopes.
    fn has_checkboxes(&self) -> bool {
        let mut names = self
            .scopes
            .iter()
            .chain(&self.beyond)
            .map(|scope| scope.name());
        names.any(|name| !self.checkboxes.iter().any(|checkbox| checkbox == name))
    }
}

impl CommandOutput for ScopesOutput {
    const SCHEMA: &'static str = "bbconnect/token-scopes@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let rows = self.scopes.iter().chain(&self.beyond).zip(&self.checkboxes);
        if !self.is_preset() || !self.has_checkboxes() {
            rows.for_each(|(scope, _)| out.line(scope.name()));
            return;
        }
        let rows = rows.map(|(scope, checkbox)| {
            let is_unavailable = self.unavailable.contains(scope);
            let remark = if is_unavailable { "not available" } else { "" };
            [scope.name().to_owned(), checkbox.clone(), remark.to_owned()]
        });
        out.table(["SCOPE", "SELECT", ""], rows);
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if !self.is_preset() && self.has_checkboxes() {
            out.note(&format!("select {}", self.checkboxes.join(", ")));
        }
        if !self.unavailable.is_empty() {
            let names: Vec<String> = self
                .unavailable
                .iter()
                .map(|scope| scope.checkbox())
                .collect();
            out.note(&format!(
                "this kind of access token cannot have {}; an API token can",
                names.join(", ")
            ));
        }
        if !self.beyond.is_empty() {
            let names: Vec<&str> = self.beyond.iter().map(|scope| scope.name()).collect();
            out.note(&format!(
                "not in the preset's document, but required by Bitbucket now: {}",
                names.join(", ")
            ));
        }
        out.notes(&self.notes);
    }
}
