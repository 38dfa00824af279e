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

use crate::cli::{Cli, Command, Help, Version, Wishes, refused};
use crate::context::{Context, Environment, Flags};
use crate::error::Error;
use crate::exit::Exit;

/// Runs the program: parses the arguments (the first is the program's name), does what they ask, and writes the
/// result to standard output or the error to standard error.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: &Environment) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    match parse(&arguments) {
        Ok(cli) => {
            let mut flags = Flags::from(&cli.global);
            flags.json |= matches!(&cli.command, Command::Check(args) if args.wants_json());
            let context = Context::new(&flags, environment);
            let output = context.output.clone();
            dispatch(&cli.command, &context).unwrap_or_else(|error| {
                output
                    .for_connection(flags.connection.as_deref())
                    .fail(&error)
            })
        }
        Err(refusal) => {
            let wishes = Wishes::of(&arguments);
            let flags = Flags {
                json: wishes.json,
                color: wishes.color,
                ..Flags::default()
            };
            let output = Context::new(&flags, environment).output;
            let page = refusal.render().ansi().to_string();
            let kind = refusal.kind();
            if matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                let shown = if kind == ErrorKind::DisplayVersion && wishes.json {
                    output.emit(&Version::default())
                } else if wishes.json {
                    output.emit(&Help::of(&refusal))
                } else {
                    output.print(&page).map(|()| Exit::Done)
                };
                shown.unwrap_or_else(|error| output.fail(&error))
            } else if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !wishes.json {
                output.explain(&page);
                Exit::Usage
            } else {
                output.fail(&refused(&refusal, &arguments))
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

fn dispatch(command: &Command, context: &Context) -> Result<Exit, Error> {
    let output = &context.output;
    match command {
        Command::Keygen(args) => output.emit(&cmd::keygen::run(args, context)?),
        Command::Check(args) => output.emit(&cmd::check::run(args, context)?),
        Command::Doctor(args) => output.emit(&cmd::doctor::run(args, context)?),
        Command::Connect(args) => output.emit(&cmd::connect::run(args, context)?),
        Command::Key(command) => key(command, context),
        Command::KnownHosts(command) => known_hosts(command, context),
        Command::Connection(command) => connection(command, context),
        Command::Token(command) => token(command, context),
        Command::Migrate(args) => output.emit(&cmd::migrate::run(args, context)?),
        Command::Git(command) => git(command, context),
        Command::Workspace(cmd::workspace::Command::List) => {
            output.emit(&cmd::workspace::list(context)?)
        }
        Command::Project(cmd::project::Command::List(args)) => {
            output.emit(&cmd::project::list(args, context)?)
        }
        Command::Project(cmd::project::Command::Create(args)) => {
            output.emit(&cmd::project::create(args, context)?)
        }
        Command::Repo(command) => repo(command, context),
        Command::Webhook(command) => webhook(command, context),
        Command::Pr(cmd::pr::Command::List(args)) => {
            output.emit(&cmd::pr::list::run(args, context)?)
        }
        Command::Pr(cmd::pr::Command::Create(args)) => {
            output.emit(&cmd::pr::create::run(args, context)?)
        }
        Command::Publish(args) => output.emit(&cmd::publish::run(args, context)?),
        Command::Api(args) => {
            let mut answered = cmd::api::run(args, context)?;
            let failure = answered.failure();
            output.pass_on(&answered, answered.raw(), failure)
        }
        Command::Url(args) => output.emit(&cmd::url::run(args)),
        Command::Completions(args) => output.emit(&cmd::completions::run(args, &cli::command())),
        Command::Man(args) => output.emit(&cmd::man::run(args, &cli::command())?),
    }
}

fn git(command: &cmd::git::Command, context: &Context) -> Result<Exit, Error> {
    use cmd::git::{self, Command};
    let output = &context.output;
    match command {
        Command::Setup(args) => output.emit(&git::setup::run(args, context)?),
        Command::Credential(args) => output.emit(&git::credential::run(args, context)?),
        Command::Env(args) => output.emit(&git::env::run(args, context)?),
    }
}

fn token(command: &cmd::token::Command, context: &Context) -> Result<Exit, Error> {
    use cmd::token::{self, Command};
    let output = &context.output;
    match command {
        Command::Scopes(args) => output.emit(&token::scopes::run(args, context)?),
        Command::Page(args) => output.emit(&token::page::run(args, context)?),
        Command::List(args) => output.emit(&token::list::run(args, context)?),
        Command::Create(args) => output.emit(&token::create::run(args, context)?),
        Command::Rotate(args) => output.emit(&token::rotate::run(args, context)?),
        Command::Revoke(args) => output.emit(&token::revoke::run(args, context)?),
    }
}

fn connection(command: &cmd::connection::Command, context: &Context) -> Result<Exit, Error> {
    use cmd::connection::{self, Command};
    let output = &context.output;
    match command {
        Command::Add(args) => output.emit(&connection::add::run(args, context)?),
        Command::List => output.emit(&connection::list::run(context)?),
        Command::Show(args) => output.emit(&connection::show::run(args, context)?),
        Command::Edit(args) => output.emit(&connection::edit::run(args, context)?),
        Command::Rename(args) => output.emit(&connection::rename::run(args, context)?),
        Command::Remove(args) => output.emit(&connection::remove::run(args, context)?),
        Command::Use(args) => output.emit(&connection::r#use::run(args, context)?),
        Command::Which => output.emit(&connection::which::run(context)?),
    }
}

fn key(command: &cmd::key::Command, context: &Context) -> Result<Exit, Error> {
    use cmd::key::{self, Command};
    let output = &context.output;
    match command {
        Command::Add(args) => output.emit(&key::add::run(args, context)?),
        Command::List(args) => output.emit(&key::list::run(args, context)?),
        Command::Remove(args) => output.emit(&key::remove::run(args, context)?),
        Command::Rotate(args) => output.emit(&key::rotate::run(args, context)?),
        Command::Test(args) => output.emit(&key::test::run(args, context)?),
    }
}

fn known_hosts(command: &cmd::known_hosts::Command, context: &Context) -> Result<Exit, Error> {
    use cmd::known_hosts::{self, Command};
    let output = &context.output;
    match command {
        Command::Show => output.emit(&known_hosts::show::run(context)?),
        Command::Add(args) => output.emit(&known_hosts::add::run(args, context)?),
        Command::Verify(args) => output.emit(&known_hosts::verify::run(args, context)?),
    }
}

fn repo(command: &cmd::repo::Command, context: &Context) -> Result<Exit, Error> {
    use cmd::repo::{self, Command};
    let output = &context.output;
    match command {
        Command::List(args) => output.emit(&repo::list::run(args, context)?),
        Command::View(args) => output.emit(&repo::view::run(args, context)?),
        Command::Create(args) => output.emit(&repo::create::run(args, context)?),
        Command::Select(args) => output.emit(&repo::select::run(args, context)?),
    }
}

fn webhook(command: &cmd::webhook::Command, context: &Context) -> Result<Exit, Error> {
    use cmd::webhook::{self, Command};
    let output = &context.output;
    match command {
        Command::List(args) => output.emit(&webhook::list::run(args, context)?),
        Command::Ensure(args) => output.emit(&webhook::ensure::run(args, context)?),
        Command::Remove(args) => output.emit(&webhook::remove::run(args, context)?),
        Command::Test(args) => output.emit(&webhook::test::run(args, context)?),
    }
}
