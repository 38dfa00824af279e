//! `bbconnect migrate`: updates what Bitbucket Cloud has retired, in repositories and in the user's own files: scan, show,
//! apply.

mod output;
mod plan;
mod scanner;

use std::path::PathBuf;

pub(crate) use self::output::MigrateOutput;

use self::output::{Action, ExitPolicy, Item};
use self::plan::Plan;
use crate::app::App;
use crate::commands::Subcommand;
use crate::commands::args::{DryRunArg, YesArg};
use crate::error::Error;
use crate::types::timestamp::Timestamp;

const EXAMPLES: &str = "\
Examples:
  bbconnect migrate ~/src              shows the changes, and asks
  bbconnect migrate ~/src --dry-run    only shows the changes
  bbconnect migrate ~/src --yes        applies the changes without asking
  bbconnect migrate --check            for CI: exit status 1 if there is something to update
";

const SCANNED: &str = "\
Scanned: every Git repository below PATH (worktrees, submodules and bare repositories too; links are not followed), and your own \
~/.gitconfig, ~/.config/git/config, ~/.ssh/config, ~/.ssh/known_hosts, ~/.netrc and connections, in every run.

Each changed file has a backup beside it, NAME.bbconnect-YYYYMMDDTHHMMSSZ; that of .gitmodules is in \
.git, where git add does not see it. What needs a manual step, such as a password in ~/.netrc, is shown with that step.";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES, after_help = SCANNED)]
pub(crate) struct Args {
    /// Directories to scan for repositories [default: .]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub dry_run: DryRunArg,
    #[command(flatten)]
    pub yes: YesArg,
    /// Change nothing; exit with status 1 if there is something to update
    #[arg(long)]
    pub check: bool,
}

impl Subcommand for Args {
    type Output = MigrateOutput;

    fn run(&self, app: &App) -> Result<MigrateOutput, Error> {
        let mut plan = scanner::plan(&self.paths, app);
        let is_read_only = self.dry_run.is_set() || self.check;
        let policy = if self.check {
            ExitPolicy::FailIfFound
        } else {
            ExitPolicy::Plain
        };
        if is_read_only || !plan.has_automatic_fixes() {
            return Ok(plan.into_output(policy, Action::WouldUpdate));
        }
        if !self.yes.is_set() {
            if !app.is_interactive() {
                return Err(Error::InputRequired {
                    what: "a confirmation of the changes",
                    hint: "pass --yes, --dry-run or --check".into(),
                });
            }
            show(&plan, app);
            app.confirm(false, "migrate", &plan.question())?;
        }
        let progress = app.ui.progress("updating files");
        plan.apply(&backup_timestamp(), &progress);
        drop(progress);
        Ok(plan.into_output(policy, Action::Updated))
    }
}

/// Prints the changes before the question.
fn show(plan: &Plan, app: &App) {
    let items = plan.items(Action::WouldUpdate);
    items
        .iter()
        .flat_map(Item::lines)
        .for_each(|line| app.ui.eprint_line(&line));
}

/// The current time in the name of a file: `20261121T190359Z`.
fn backup_timestamp() -> String {
    Timestamp::now().to_string().replace(['-', ':'], "")
}
