//! bbconnect: a Bitbucket connection manager for the command line.
//!
//! The program is [`run`]; `docs/architecture.md` describes the layers and follows one command from its arguments to
//! its output.

mod app;
mod bitbucket;
mod cli;
mod commands;
mod config;
mod error;
mod exit_status;
mod git;
mod oauth;
mod probe;
mod secrets;
mod ssh;
mod sys;
mod types;
mod ui;

pub use crate::app::Environment;
pub use crate::exit_status::ExitStatus;
pub use crate::sys::signals::install_handlers;

/// What the integration tests, the benchmarks and the fuzz targets use beside [`run`]. Not an interface for others.
#[doc(hidden)]
pub mod internals {
    #[cfg(fuzzing)]
    pub use crate::bitbucket::explain_made_up;
    pub use crate::cli::{command, markdown};
    pub use crate::config::Connections;
    pub use crate::git::{
        CredentialRequest, CredentialResponse, git_config_fixes, includes, netrc_fixes,
    };
    pub use crate::ssh::{known_hosts_fixes, mentions_new_host, ssh_config_fixes};
    pub use crate::types::clone_url::{CloneUrl, CloneUrlError};
    pub use crate::types::deployment::Deployment;
    pub use crate::types::fix::{Fix, apply_fixes};
    pub use crate::types::secret::Secret;
    pub use crate::types::version::Version;
}

use std::ffi::OsString;

use clap::FromArgMatches as _;
use clap::error::ErrorKind;

use crate::app::{App, GlobalOptions};
use crate::cli::{Cli, Command, Help, PreParsedFlags, Version, usage_error};
use crate::error::Error;

/// Runs the program: parses the arguments (the first is the program's name), does what they ask, and writes the
/// result to standard output or the error to standard error.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: &Environment) -> ExitStatus {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    match parse(&arguments) {
        Ok(cli) => {
            let mut flags = GlobalOptions::from(&cli.global);
            flags.json |= matches!(&cli.command, Command::Check(args) if args.wants_json());
            let app = App::new(&flags, environment);
            let ui = app.ui.clone();
            dispatch(&cli.command, &app).unwrap_or_else(|error| {
                ui.with_connection_hint(flags.connection.as_deref())
                    .print_error(&error)
            })
        }
        Err(refusal) => {
            let wishes = PreParsedFlags::of(&arguments);
            let flags = GlobalOptions {
                json: wishes.json,
                color: wishes.color,
                ..GlobalOptions::default()
            };
            let ui = App::new(&flags, environment).ui;
            let page = refusal.render().ansi().to_string();
            let kind = refusal.kind();
            if matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                let shown = if kind == ErrorKind::DisplayVersion && wishes.json {
                    ui.print_result(&Version::default())
                } else if wishes.json {
                    ui.print_result(&Help::of(&refusal))
                } else {
                    ui.print(&page).map(|()| ExitStatus::Success)
                };
                shown.unwrap_or_else(|error| ui.print_error(&error))
            } else if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !wishes.json {
                ui.eprint_raw(&page);
                ExitStatus::Usage
            } else {
                ui.print_error(&usage_error(&refusal, &arguments))
            }
        }
    }
}

fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    // `help` takes names of commands alone; how its page is shown is told by the same flag as elsewhere.
    let is_help = arguments.get(1).is_some_and(|word| word == "help");
    let words = arguments
        .iter()
        .filter(|word| !(is_help && *word == "--json"));
    let matches = cli::parser().try_get_matches_from(words)?;
    Cli::from_arg_matches(&matches)
}

fn dispatch(command: &Command, app: &App) -> Result<ExitStatus, Error> {
    let ui = &app.ui;
    match command {
        Command::Keygen(args) => ui.print_result(&commands::keygen::run(args, app)?),
        Command::Check(args) => ui.print_result(&commands::check::run(args, app)?),
        Command::Doctor(args) => ui.print_result(&commands::doctor::run(args, app)?),
        Command::Connect(args) => ui.print_result(&commands::connect::run(args, app)?),
        Command::Key(command) => key(command, app),
        Command::KnownHosts(command) => known_hosts(command, app),
        Command::Connection(command) => connection(command, app),
        Command::Token(command) => token(command, app),
        Command::Migrate(args) => ui.print_result(&commands::migrate::run(args, app)?),
        Command::Git(command) => git(command, app),
        Command::Workspace(commands::workspace::Command::List) => {
            ui.print_result(&commands::workspace::list(app)?)
        }
        Command::Project(commands::project::Command::List(args)) => {
            ui.print_result(&commands::project::list(args, app)?)
        }
        Command::Project(commands::project::Command::Create(args)) => {
            ui.print_result(&commands::project::create(args, app)?)
        }
        Command::Repo(command) => repo(command, app),
        Command::Webhook(command) => webhook(command, app),
        Command::Pr(commands::pr::Command::List(args)) => {
            ui.print_result(&commands::pr::list::run(args, app)?)
        }
        Command::Pr(commands::pr::Command::Create(args)) => {
            ui.print_result(&commands::pr::create::run(args, app)?)
        }
        Command::Publish(args) => ui.print_result(&commands::publish::run(args, app)?),
        Command::Api(args) => {
            let mut answered = commands::api::run(args, app)?;
            let failure = answered.failure();
            ui.print_raw_response(&answered, answered.raw(), failure)
        }
        Command::Url(args) => ui.print_result(&commands::url::run(args)),
        Command::Completions(args) => {
            ui.print_result(&commands::completions::run(args, &cli::command()))
        }
        Command::Man(args) => ui.print_result(&commands::man::run(args, &cli::command())?),
    }
}

fn git(command: &commands::git::Command, app: &App) -> Result<ExitStatus, Error> {
    use commands::git::{self, Command};
    let ui = &app.ui;
    match command {
        Command::Setup(args) => ui.print_result(&git::setup::run(args, app)?),
        Command::Credential(args) => ui.print_result(&git::credential::run(args, app)?),
        Command::Env(args) => ui.print_result(&git::env::run(args, app)?),
    }
}

fn token(command: &commands::token::Command, app: &App) -> Result<ExitStatus, Error> {
    use commands::token::{self, Command};
    let ui = &app.ui;
    match command {
        Command::Scopes(args) => ui.print_result(&token::scopes::run(args, app)?),
        Command::Page(args) => ui.print_result(&token::page::run(args, app)?),
        Command::List(args) => ui.print_result(&token::list::run(args, app)?),
        Command::Create(args) => ui.print_result(&token::create::run(args, app)?),
        Command::Rotate(args) => ui.print_result(&token::rotate::run(args, app)?),
        Command::Revoke(args) => ui.print_result(&token::revoke::run(args, app)?),
    }
}

fn connection(command: &commands::connection::Command, app: &App) -> Result<ExitStatus, Error> {
    use commands::connection::{self, Command};
    let ui = &app.ui;
    match command {
        Command::Add(args) => ui.print_result(&connection::add::run(args, app)?),
        Command::List => ui.print_result(&connection::list::run(app)?),
        Command::Show(args) => ui.print_result(&connection::show::run(args, app)?),
        Command::Edit(args) => ui.print_result(&connection::edit::run(args, app)?),
        Command::Rename(args) => ui.print_result(&connection::rename::run(args, app)?),
        Command::Remove(args) => ui.print_result(&connection::remove::run(args, app)?),
        Command::Use(args) => ui.print_result(&connection::set_default::run(args, app)?),
        Command::Which => ui.print_result(&connection::which::run(app)?),
    }
}

fn key(command: &commands::key::Command, app: &App) -> Result<ExitStatus, Error> {
    use commands::key::{self, Command};
    let ui = &app.ui;
    match command {
        Command::Add(args) => ui.print_result(&key::add::run(args, app)?),
        Command::List(args) => ui.print_result(&key::list::run(args, app)?),
        Command::Remove(args) => ui.print_result(&key::remove::run(args, app)?),
        Command::Rotate(args) => ui.print_result(&key::rotate::run(args, app)?),
        Command::Test(args) => ui.print_result(&key::test::run(args, app)?),
    }
}

fn known_hosts(command: &commands::known_hosts::Command, app: &App) -> Result<ExitStatus, Error> {
    use commands::known_hosts::{self, Command};
    let ui = &app.ui;
    match command {
        Command::Show => ui.print_result(&known_hosts::show::run(app)?),
        Command::Add(args) => ui.print_result(&known_hosts::add::run(args, app)?),
        Command::Verify(args) => ui.print_result(&known_hosts::verify::run(args, app)?),
    }
}

fn repo(command: &commands::repo::Command, app: &App) -> Result<ExitStatus, Error> {
    use commands::repo::{self, Command};
    let ui = &app.ui;
    match command {
        Command::List(args) => ui.print_result(&repo::list::run(args, app)?),
        Command::View(args) => ui.print_result(&repo::view::run(args, app)?),
        Command::Create(args) => ui.print_result(&repo::create::run(args, app)?),
        Command::Select(args) => ui.print_result(&repo::select::run(args, app)?),
    }
}

fn webhook(command: &commands::webhook::Command, app: &App) -> Result<ExitStatus, Error> {
    use commands::webhook::{self, Command};
    let ui = &app.ui;
    match command {
        Command::List(args) => ui.print_result(&webhook::list::run(args, app)?),
        Command::Ensure(args) => ui.print_result(&webhook::ensure::run(args, app)?),
        Command::Remove(args) => ui.print_result(&webhook::remove::run(args, app)?),
        Command::Test(args) => ui.print_result(&webhook::test::run(args, app)?),
    }
}
