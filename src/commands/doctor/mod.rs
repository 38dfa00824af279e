//! `bbconnect doctor`: checks each step of a connection, and reports the first one that fails. It only reads; the
//! credential is sent only to a verified Bitbucket server.

mod firewall_rules;
mod gather;
mod output;
mod redact;
mod report;
mod target;

use std::path::PathBuf;

pub(crate) use self::output::DoctorReport;

use self::target::DoctorTarget;
use crate::app::App;
use crate::commands::Subcommand;
use crate::diagnostics::judge_route;
use crate::error::Error;

const EXAMPLES: &str = "\
Examples:
  bbconnect doctor                                        the connection that applies here
  bbconnect doctor work                                   a connection by its name
  bbconnect doctor https://git.example.com/bitbucket      a server, with or without a connection
  bbconnect doctor git@ssh.bitbucket.org:acme/site.git    a repository, also over SSH
  bbconnect doctor work --allow-list                      hosts and ports for a firewall
  bbconnect doctor work --report report.md                a report for an administrator
";

/// Diagnose connection problems
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Connection, server URL or clone URL [default: the connection that applies here]
    #[arg(value_name = "NAME|URL|CLONE_URL")]
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
    ///
    /// # Errors
    /// Where a named connection does not exist, none applies, or the report cannot be written.
    fn run(&self, app: &App) -> Result<DoctorReport, Error> {
        if let Some(path) = &self.report {
            report::require_absent(path, self.force)?;
        }
        let target = match DoctorTarget::find(self.target.as_deref(), app)? {
            Ok(target) => target,
            Err(error) => return Ok(DoctorReport::invalid_url(&error)),
        };
        if self.allow_list {
            let rules = firewall_rules::firewall_rules(&target, app);
            return Ok(DoctorReport::allow_list(&target, rules));
        }
        let facts = gather::facts(&target, app);
        let mut result = DoctorReport::new(&target, judge_route(&facts));
        if let Some(path) = &self.report {
            let rules = firewall_rules::offline(&target, facts.ssh_host());
            report::write(path, &target, &result, &rules, facts.account(), app)?;
            result.written_to(path);
        }
        Ok(result)
    }
}
