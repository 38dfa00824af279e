//! bbconnect: a Bitbucket connection manager for the command line.
//!
//! This library is what the program is made of; the program is [`run`]. The rooms, from the ground up:
//!
//! * [`model`]: the words of the trade, such as clone URLs. No I/O.
//! * [`ssh`]: key pairs and key files. [`interrupt`]: Ctrl-C between writes, never within one.
//! * [`oauth`]: signing in with a browser. [`bitbucket`]: both REST APIs. [`store`]: connections and secrets. [`git`]: git's configuration.
//! * [`kept_file`]: files of others, changed with their old version kept. [`process`]: other programs. [`parallel`]: work side by side.
//! * [`net`]: the stages of reaching a host.
//! * [`exit`], [`error`]: how a run can end.
//! * [`output`]: the only writer to standard output and standard error.
//! * [`context`]: the environment, read once.
//! * [`cmd`]: one file per command. [`cli`]: the command line that leads to them.
//!
//! `docs/architecture.md` has the map, and follows one command from its arguments to its output.

pub mod bitbucket;
pub mod cli;
pub mod cmd;
pub mod context;
pub mod error;
pub mod exit;
pub mod git;
pub mod interrupt;
pub mod kept_file;
pub mod model;
pub mod net;
pub mod oauth;
pub mod output;
pub mod parallel;
pub mod process;
pub mod ssh;
pub mod store;
mod whole_file;

use std::ffi::OsString;

use clap::FromArgMatches as _;
use clap::error::ErrorKind;

use crate::cli::{Cli, Command, Help, PreParsedFlags, Version, usage_error};
use crate::context::{App, Environment, GlobalOptions};
use crate::error::Error;
use crate::exit::ExitStatus;

/// Runs the program: parses the arguments (the first is the program's name), does what they ask, and writes the
/// result to standard output or the error to standard error.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: &Environment) -> ExitStatus {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    match parse(&arguments) {
        Ok(cli) => {
            let mut flags = GlobalOptions::from(&cli.global);
            flags.json |= matches!(&cli.command, Command::Check(args) if args.wants_json());
            let context = App::new(&flags, environment);
            let output = context.output.clone();
            dispatch(&cli.command, &context).unwrap_or_else(|error| {
                output
                    .with_connection_hint(flags.connection.as_deref())
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
            let output = App::new(&flags, environment).output;
            let page = refusal.render().ansi().to_string();
            let kind = refusal.kind();
            if matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                let shown = if kind == ErrorKind::DisplayVersion && wishes.json {
                    output.print_result(&Version::default())
                } else if wishes.json {
                    output.print_result(&Help::of(&refusal))
                } else {
                    output.print(&page).map(|()| ExitStatus::Success)
                };
                shown.unwrap_or_else(|error| output.print_error(&error))
            } else if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !wishes.json {
                output.eprint_raw(&page);
                ExitStatus::Usage
            } else {
                output.print_error(&usage_error(&refusal, &arguments))
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

fn dispatch(command: &Command, context: &App) -> Result<ExitStatus, Error> {
    let output = &context.output;
    match command {
        Command::Keygen(args) => output.print_result(&cmd::keygen::run(args, context)?),
        Command::Check(args) => output.print_result(&cmd::check::run(args, context)?),
        Command::Doctor(args) => output.print_result(&cmd::doctor::run(args, context)?),
        Command::Connect(args) => output.print_result(&cmd::connect::run(args, context)?),
        Command::Key(command) => key(command, context),
        Command::KnownHosts(command) => known_hosts(command, context),
        Command::Connection(command) => connection(command, context),
        Command::Token(command) => token(command, context),
        Command::Migrate(args) => output.print_result(&cmd::migrate::run(args, context)?),
        Command::Git(command) => git(command, context),
        Command::Workspace(cmd::workspace::Command::List) => {
            output.print_result(&cmd::workspace::list(context)?)
        }
        Command::Project(cmd::project::Command::List(args)) => {
            output.print_result(&cmd::project::list(args, context)?)
        }
        Command::Project(cmd::project::Command::Create(args)) => {
            output.print_result(&cmd::project::create(args, context)?)
        }
        Command::Repo(command) => repo(command, context),
        Command::Webhook(command) => webhook(command, context),
        Command::Pr(cmd::pr::Command::List(args)) => {
            output.print_result(&cmd::pr::list::run(args, context)?)
        }
        Command::Pr(cmd::pr::Command::Create(args)) => {
            output.print_result(&cmd::pr::create::run(args, context)?)
        }
        Command::Publish(args) => output.print_result(&cmd::publish::run(args, context)?),
        Command::Api(args) => {
            let mut answered = cmd::api::run(args, context)?;
            let failure = answered.failure();
            output.print_raw_response(&answered, answered.raw(), failure)
        }
        Command::Url(args) => output.print_result(&cmd::url::run(args)),
        Command::Completions(args) => {
            output.print_result(&cmd::completions::run(args, &cli::command()))
        }
        Command::Man(args) => output.print_result(&cmd::man::run(args, &cli::command())?),
    }
}

fn git(command: &cmd::git::Command, context: &App) -> Result<ExitStatus, Error> {
    use cmd::git::{self, Command};
    let output = &context.output;
    match command {
        Command::Setup(args) => output.print_result(&git::setup::run(args, context)?),
        Command::Credential(args) => output.print_result(&git::credential::run(args, context)?),
        Command::Env(args) => output.print_result(&git::env::run(args, context)?),
    }
}

fn token(command: &cmd::token::Command, context: &App) -> Result<ExitStatus, Error> {
    use cmd::token::{self, Command};
    let output = &context.output;
    match command {
        Command::Scopes(args) => output.print_result(&token::scopes::run(args, context)?),
        Command::Page(args) => output.print_result(&token::page::run(args, context)?),
        Command::List(args) => output.print_result(&token::list::run(args, context)?),
        Command::Create(args) => output.print_result(&token::create::run(args, context)?),
        Command::Rotate(args) => output.print_result(&token::rotate::run(args, context)?),
        Command::Revoke(args) => output.print_result(&token::revoke::run(args, context)?),
    }
}

fn connection(command: &cmd::connection::Command, context: &App) -> Result<ExitStatus, Error> {
    use cmd::connection::{self, Command};
    let output = &context.output;
    match command {
        Command::Add(args) => output.print_result(&connection::add::run(args, context)?),
        Command::List => output.print_result(&connection::list::run(context)?),
        Command::Show(args) => output.print_result(&connection::show::run(args, context)?),
        Command::Edit(args) => output.print_result(&connection::edit::run(args, context)?),
        Command::Rename(args) => output.print_result(&connection::rename::run(args, context)?),
        Command::Remove(args) => output.print_result(&connection::remove::run(args, context)?),
        Command::Use(args) => output.print_result(&connection::r#use::run(args, context)?),
        Command::Which => output.print_result(&connection::which::run(context)?),
    }
}

fn key(command: &cmd::key::Command, context: &App) -> Result<ExitStatus, Error> {
    use cmd::key::{self, Command};
    let output = &context.output;
    match command {
        Command::Add(args) => output.print_result(&key::add::run(args, context)?),
        Command::List(args) => output.print_result(&key::list::run(args, context)?),
        Command::Remove(args) => output.print_result(&key::remove::run(args, context)?),
        Command::Rotate(args) => output.print_result(&key::rotate::run(args, context)?),
        Command::Test(args) => output.print_result(&key::test::run(args, context)?),
    }
}

fn known_hosts(command: &cmd::known_hosts::Command, context: &App) -> Result<ExitStatus, Error> {
    use cmd::known_hosts::{self, Command};
    let output = &context.output;
    match command {
        Command::Show => output.print_result(&known_hosts::show::run(context)?),
        Command::Add(args) => output.print_result(&known_hosts::add::run(args, context)?),
        Command::Verify(args) => output.print_result(&known_hosts::verify::run(args, context)?),
    }
}

fn repo(command: &cmd::repo::Command, context: &App) -> Result<ExitStatus, Error> {
    use cmd::repo::{self, Command};
    let output = &context.output;
    match command {
        Command::List(args) => output.print_result(&repo::list::run(args, context)?),
        Command::View(args) => output.print_result(&repo::view::run(args, context)?),
        Command::Create(args) => output.print_result(&repo::create::run(args, context)?),
        Command::Select(args) => output.print_result(&repo::select::run(args, context)?),
    }
}

fn webhook(command: &cmd::webhook::Command, context: &App) -> Result<ExitStatus, Error> {
    use cmd::webhook::{self, Command};
    let output = &context.output;
    match command {
        Command::List(args) => output.print_result(&webhook::list::run(args, context)?),
        Command::Ensure(args) => output.print_result(&webhook::ensure::run(args, context)?),
        Command::Remove(args) => output.print_result(&webhook::remove::run(args, context)?),
        Command::Test(args) => output.print_result(&webhook::test::run(args, context)?),
    }
}
