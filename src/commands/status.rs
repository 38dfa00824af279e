//! `bbconnect status`: all connections at a glance.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use crate::app::{App, ReachabilityCache};
use crate::bitbucket::CredentialContext;
use crate::commands::Subcommand;
use crate::diagnostics::{ConnectionFacts, CredentialState};
use crate::error::Error;
use crate::resolve::{SelectedConnection, SelectionReason, Sources as _};
use crate::sys::worker_pool;
use crate::types::connection::{AuthMethod, StoreKind};
use crate::types::date::{Date, DayCount};
use crate::types::escape::strip_os_error_code;
use crate::ui::{CommandOutput, TextWriter, cell};

const EXAMPLES: &str = "\
Examples:
  bbconnect status
  bbconnect status --offline
  bbconnect status --get /connections/0/state
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Send no requests; only expiry dates are checked
    #[arg(long)]
    pub offline: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct StatusOutput {
    connections: Vec<ConnectionStatus>,
    /// Where secrets of new connections are stored; `None` where they cannot be.
    secret_store: Option<&'static str>,
    #[serde(skip)]
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ConnectionStatus {
    name: String,
    base_url: Option<String>,
    auth: Option<AuthMethod>,
    account: Option<String>,
    /// The workspace, project or repository that it is for.
    scope: Option<String>,
    expires_on: Option<Date>,
    expires_in_days: Option<i64>,
    state: CredentialState,
    applies: bool,
    because: Option<SelectionReason>,
    /// Why it is invalid, unreachable or unknown.
    message: Option<String>,
}

impl Subcommand for Args {
    type Output = StatusOutput;

    /// Checks all connections concurrently. Their problems are results, not errors.
    fn run(&self, app: &App) -> Result<StatusOutput, Error> {
        let mut notes = Vec::new();
        let (mut targets, mut unreadable) = (Vec::new(), Vec::new());
        match app.environment_connection() {
            Ok(connection) => targets.extend(connection),
            Err(error) => notes.push(describe(&error)),
        }
        for name in app.connection_file().load()?.names() {
            match app.select_by_name(&name) {
                Ok(selected) => targets.push(selected),
                Err(error) => unreadable.push(ConnectionStatus::unreadable(name, &error)),
            }
        }
        let applying = match app.select() {
            Ok(selected) => Some(selected),
            Err(error) if app.named_connection().is_some() => return Err(error),
            Err(Error::NoConnection(_)) => None,
            Err(error) => {
                notes.push(describe(&error));
                None
            }
        };
        let facts = self.facts(&targets, app);
        let mut connections: Vec<_> = targets
            .into_iter()
            .zip(facts)
            .map(|(selected, facts)| {
                let because = applying
                    .as_ref()
                    .filter(|it| it.name == selected.name && it.is_stored() == selected.is_stored())
                    .map(|it| it.reason.clone());
                ConnectionStatus::new(&facts, because, app.today())
            })
            .chain(unreadable)
            .collect();
        connections.sort_by(|one, other| one.name.cmp(&other.name));
        let secret_store = app.check_default_store().map(StoreKind::name);
        let secret_store = secret_store
            .map_err(|error| {
                let error = describe(&error);
                notes.push(format!(
                    "{error}; new connections need --store file or --token-command CMD"
                ));
            })
            .ok();
        Ok(StatusOutput {
            connections,
            secret_store,
            notes,
        })
    }
}

impl Args {
    /// The facts about each connection, in the same order.
    fn facts(&self, targets: &[SelectedConnection], app: &App) -> Vec<ConnectionFacts> {
        if self.offline {
            let facts = targets.iter().map(|it| app.unverified_credential(it));
            return facts.collect();
        }
        let total = targets.len();
        let progress = app.ui.progress(&format!("checking {total} connections"));
        let done = AtomicUsize::new(0);
        let reachability = ReachabilityCache::default();
        worker_pool::map_bounded(
            targets,
            |selected| selected.connection.base_url.origin().to_string(),
            |selected| {
                let context = CredentialContext::from(&selected.connection);
                let verified = app.verify_credential(selected, &context, &reachability);
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                progress.set_message(&format!("checked {done} of {total} connections"));
                verified.facts
            },
        )
    }
}

/// The first names of a list, and how many more there are.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    match names.len().checked_sub(SHOWN + 1) {
        Some(more) => format!("{} and {} more", names[..SHOWN].join(", "), more + 1),
        None => names.join(", "),
    }
}

fn describe(error: &Error) -> String {
    strip_os_error_code(&error.to_string())
}

impl ConnectionStatus {
    fn new(facts: &ConnectionFacts, because: Option<SelectionReason>, today: Date) -> Self {
        let credential = &facts.credential;
        let connection = &credential.connection;
        let state = CredentialState::new(facts, today, DayCount::TWO_WEEKS);
        let identity = credential.identity.as_ref();
        let problem = credential.secret.as_ref().err();
        let problem = problem
            .or(facts.server_error())
            .or(identity.and_then(|identity| identity.as_ref().err()));
        let reported = credential.valid().and_then(|it| it.account.clone());
        let known = connection.account.as_deref();
        let known = known
            .or(connection.credential.email())
            .or(connection.credential.username());
        let expires_on = credential.expires_on().map(|(date, _)| date);
        Self {
            name: credential.name.to_string(),
            base_url: Some(connection.base_url.to_string()),
            auth: Some(connection.auth()),
            account: reported.or(known.map(str::to_owned)),
            scope: connection.scope(),
            expires_on,
            expires_in_days: expires_on.map(|date| today.days_until(date)),
            state,
            applies: because.is_some(),
            because,
            message: problem.map(|summary| summary.message.clone()),
        }
    }

    /// A connection whose entry cannot be read.
    fn unreadable(name: String, error: &Error) -> Self {
        Self {
            name,
            base_url: None,
            auth: None,
            account: None,
            scope: None,
            expires_on: None,
            expires_in_days: None,
            state: CredentialState::Unknown,
            applies: false,
            because: None,
            message: Some(describe(error)),
        }
    }

    fn row(&self) -> [String; 6] {
        let mark = if self.applies { "*" } else { "" };
        [
            format!("{}{mark}", self.name),
            self.state.name().to_owned(),
            cell(self.account.as_ref()),
            cell(self.expires_on),
            cell(self.scope.as_ref()),
            cell(self.base_url.as_ref()),
        ]
    }
}

impl CommandOutput for StatusOutput {
    const SCHEMA: &'static str = "bbconnect/status@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        if self.connections.is_empty() {
            out.line("no connection configured; run `bbconnect connection add`");
        } else {
            let head = ["NAME", "STATE", "ACCOUNT", "EXPIRES", "FOR", "SERVER"];
            let rows = self.connections.iter().map(ConnectionStatus::row);
            out.table(head, rows);
            out.blank_line();
        }
        for connection in &self.connections {
            if let Some(because) = &connection.because {
                let because = String::from(because.clone());
                out.line(&format!("* {} applies here: {because}", connection.name));
            }
        }
        let store = match self.secret_store {
            Some("keyring") => "system keyring",
            Some(_) => "encrypted file",
            // A note says why.
            None => return,
        };
        out.line(&format!(
            "secrets of new connections are stored in the {store}"
        ));
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        out.notes(&self.notes);
        let mut problems: Vec<(&str, Vec<&str>)> = Vec::new();
        for connection in &self.connections {
            let Some(message) = &connection.message else {
                continue;
            };
            let prefix = format!("connection {}: ", connection.name);
            let message = message.strip_prefix(&prefix).unwrap_or(message);
            match problems.iter_mut().find(|(known, _)| *known == message) {
                Some((_, names)) => names.push(&connection.name),
                None => problems.push((message, vec![&connection.name])),
            }
        }
        for (message, names) in problems {
            let command = match names[..] {
                [name] => format!("`bbconnect check {name}`"),
                _ => "`bbconnect check NAME`".to_owned(),
            };
            out.note(&format!("{}: {message}; run {command}", listed(&names)));
        }
        let has_applying = self.connections.iter().any(|it| it.applies);
        if !has_applying && !self.connections.is_empty() {
            out.note("no connection applies here; run `bbconnect connection use NAME`");
        }
    }
}
