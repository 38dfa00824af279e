//! bbconnect: a Bitbucket connection manager for the command line.
//!
//! The program is [`run`]; `docs/architecture.md` describes the layers and follows one command from its arguments to
//! its output.

mod app;
mod bitbucket;
mod cli;
mod commands;
mod config;
mod diagnostics;
mod error;
mod exit_status;
mod git;
mod migrate;
mod oauth;
mod probe;
mod resolve;
mod secrets;
mod ssh;
mod sys;
mod types;
mod ui;

pub use crate::app::Environment;
pub use crate::cli::complete;
pub use crate::exit_status::ExitStatus;
pub use crate::sys::memory::protect_memory;
pub use crate::sys::signals::install_handlers;

/// What the integration tests, the benchmarks and the fuzz targets use beside [`run`]. Not an interface for others.
#[doc(hidden)]
pub mod internals {
    #[cfg(fuzzing)]
    pub use crate::bitbucket::check_error_response;
    pub use crate::cli::{command, markdown};
    pub use crate::config::Connections;
    pub use crate::git::{CredentialRequest, CredentialResponse};
    pub use crate::migrate::{
        ConfigRole, Fix, apply_fixes, credential_files, file_mention_fixes, git_config_fixes,
        git_credentials_fixes, includes, known_hosts_fixes, mentions_new_host, netrc_fixes,
        ssh_config_fixes,
    };
    pub use crate::types::clone_url::{CloneUrl, CloneUrlError};
    pub use crate::types::deployment::Deployment;
    pub use crate::types::secret::Secret;
    pub use crate::types::version::Version;
}

use std::ffi::OsString;

use clap::FromArgMatches as _;
use clap::error::ErrorKind;

use crate::app::App;
use crate::cli::{Cli, Version, help_page, rejected_flags, usage_error};
use crate::commands::help::{self, HelpOutput};
use crate::commands::{Command, Dispatch as _};

/// Runs the program: parses the arguments (the first is the program's name), does what they ask, and writes the
/// result to standard output or the error to standard error.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: &Environment) -> ExitStatus {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let width = help::page_width(environment.stdout_columns);
    match parse(&arguments, width) {
        Ok(cli) => {
            let mut flags = cli.global;
            flags.json |= matches!(&cli.command, Command::Check(args) if args.wants_json())
                || matches!(&cli.command, Command::Audit(args) if args.wants_json());
            let app = App::new(&flags, environment, cli::command);
            let ui = app.ui.clone();
            cli.command.dispatch(&app).unwrap_or_else(|error| {
                ui.with_connection_hint(flags.connection.as_deref())
                    .print_error(&error)
            })
        }
        Err(refusal) => {
            let flags = rejected_flags(&arguments);
            let is_json = flags.json || flags.get.is_some();
            let ui = App::new(&flags, environment, cli::command).ui;
            let kind = refusal.kind();
            let shown = |written: Result<ExitStatus, _>| {
                written.unwrap_or_else(|error| ui.print_error(&error))
            };
            if kind == ErrorKind::DisplayHelp {
                let page = help_page(&refusal, &arguments, &cli::command(), width);
                shown(ui.print_result(&HelpOutput::new(&page)))
            } else if kind == ErrorKind::DisplayVersion {
                shown(ui.print_result(&Version::default()))
            } else if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !is_json {
                ui.eprint_raw(
                    &help_page(&refusal, &arguments, &cli::command(), width)
                        .ansi()
                        .to_string(),
                );
                ExitStatus::Usage
            } else {
                ui.print_error(&usage_error(&refusal, &arguments, &cli::command()))
            }
        }
    }
}

fn parse(arguments: &[OsString], width: usize) -> Result<Cli, clap::Error> {
    let parser = || cli::parser().term_width(width);
    let cli = Cli::from_arg_matches(&parser().try_get_matches_from(arguments)?)?;
    if let Command::Help(help) = &cli.command
        && !help.is_topic()
    {
        // As `COMMAND --help`.
        let program = arguments.iter().take(1).cloned();
        let path = help.path.iter().map(OsString::from);
        let words = program.chain(path).chain([OsString::from("--help")]);
        return Cli::from_arg_matches(&parser().try_get_matches_from(words)?);
    }
    Ok(cli)
}
