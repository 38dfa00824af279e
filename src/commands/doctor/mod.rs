//! `bbconnect doctor`: checks each step of a connection, and reports the first one that fails. It only reads; the
//! credential is sent only to a verified Bitbucket server.

mod firewall_rules;
mod gather;
mod output;
mod target;

use std::path::PathBuf;

pub(crate) use self::output::DoctorReport;

use self::target::DoctorTarget;
use crate::app::{App, connection_candidates};
use crate::commands::Subcommand;
use crate::diagnostics::{judge_machine, judge_route};
use crate::error::Error;

const EXAMPLES: &str = "\
Examples:
  bbconnect doctor                                      # the connection that applies here
  bbconnect doctor work                                 # a connection by its name
  bbconnect doctor https://git.example.com/bitbucket    # a server, with or without a connection
  bbconnect doctor git@ssh.bitbucket.org:acme/site.git  # a repository, also over SSH
  bbconnect doctor work --allow-list                    # hosts and ports for a firewall
  bbconnect doctor work --report report.md              # a report for an administrator
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Connection, server URL or clone URL [default: the connection that applies here]
    #[arg(value_name = "NAME|URL|CLONE_URL", add = connection_candidates())]
    pub target: Option<String>,
    /// Print the hosts and ports that a firewall must allow, and check nothing
    #[arg(long, conflicts_with = "report")]
    pub allow_list: bool,
    /// Write a report for an administrator, with names and secrets redacted
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub report: Option<PathBuf>,
    /// Overwrite an existing report
    #[arg(long, requires = "report")]
    pub force: bool,
}

impl Subcommand for Args {
    type Output = DoctorReport;

    /// Checks each step. A problem is a step that fails, not an error.
    fn run(&self, app: &App) -> Result<DoctorReport, Error> {
        if let Some(path) = &self.report {
            output::require_no_report(path, self.force)?;
        }
        let target = DoctorTarget::find(self.target.as_deref(), app);
        if self.allow_list {
            let target = match target? {
                Ok(target) => target,
                Err(error) => return Ok(DoctorReport::invalid_url(Vec::new(), &error)),
            };
            let rules = firewall_rules::firewall_rules(&target, app);
            return Ok(DoctorReport::allow_list(&target, rules));
        }
        let machine = gather::machine(app);
        let target = match target {
            Ok(Ok(target)) => target,
            Ok(Err(error)) => {
                let stages = judge_machine(&machine, true, false);
                return Ok(DoctorReport::invalid_url(stages, &error));
            }
            // There is nothing to connect to, and `machine.config` says why.
            Err(error) if machine.connections.value.is_err() || is_unconfigured(&error) => {
                return Ok(DoctorReport::machine(judge_machine(&machine, false, false)));
            }
            Err(error) => return Err(error),
        };
        let facts = gather::facts(&target, app);
        let mut stages = judge_machine(&machine, true, target.wants_ssh);
        stages.extend(judge_route(&facts));
        let mut result = DoctorReport::new(&target, stages);
        if let Some(path) = &self.report {
            let rules = firewall_rules::offline(&target, facts.ssh_host());
            output::write_report(path, &target, &result, &rules, facts.account(), app)?;
            result.written_to(path);
        }
        Ok(result)
    }
}

/// Whether there is no connection at all.
fn is_unconfigured(error: &Error) -> bool {
    matches!(error, Error::NoConnection(names) if names.is_empty())
}
