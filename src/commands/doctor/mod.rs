//! `bbconnect doctor`: draws the path to a Bitbucket stage by stage, and says where it breaks. Gather, judge, render.
//! Everything only reads; the credential is shown to what has proved to be a Bitbucket, and to nothing else.

mod collect;
mod facts;
mod firewall_rules;
mod output;
mod redact;
mod report;
mod rules;
mod target;

use std::path::PathBuf;

pub(crate) use self::output::DoctorReport;

use self::target::DoctorTarget;
use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;

const EXAMPLES: &str = "\
Examples:
  bbconnect doctor                                      the connection that applies here
  bbconnect doctor work                                 a connection by its name
  bbconnect doctor https://git.example.com/bitbucket    a server, known by a connection or not
  bbconnect doctor git@bitbucket.org:acme/site.git      a repository, also over SSH
  bbconnect doctor work --allow-list                    what a firewall must let through
  bbconnect doctor work --report report.md              to send to an administrator
";

/// Find where the path to a Bitbucket breaks
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// A connection, the URL of a server, or a clone URL [default: the connection that applies here]
    #[arg(value_name = "NAME|URL|CLONE_URL")]
    pub target: Option<String>,
    /// Print the hosts and ports that a firewall must let through, and look at nothing else
    #[arg(long, conflicts_with = "report")]
    pub allow_list: bool,
    /// Write everything into this file, without names and secrets, for an administrator
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub report: Option<PathBuf>,
    /// Replace the report that is there
    #[arg(long, requires = "report")]
    pub force: bool,
}

impl Subcommand for Args {
    type Output = DoctorReport;

    /// Looks at the path to a Bitbucket. Whatever is wrong on it is a stage that fails.
    ///
    /// # Errors
    /// Where a connection that is named is not there, none applies, or the report cannot be written.
    fn run(&self, app: &App) -> Result<DoctorReport, Error> {
        if let Some(path) = &self.report {
            report::check_place(path, self.force)?;
        }
        let target = match DoctorTarget::find(self.target.as_deref(), app)? {
            Ok(target) => target,
            Err(unreadable) => return Ok(DoctorReport::unreadable(&unreadable)),
        };
        if self.allow_list {
            let allowed = firewall_rules::of(&target, app);
            return Ok(DoctorReport::allow_list(&target, allowed));
        }
        let facts = collect::gather(&target, app);
        let mut diagnosed = DoctorReport::of(&target, rules::judge(&facts));
        if let Some(path) = &self.report {
            let allowed = firewall_rules::offline(&target, facts.ssh_host());
            report::write(path, &target, &diagnosed, &allowed, facts.account(), app)?;
            diagnosed.written_to(path);
        }
        Ok(diagnosed)
    }
}
