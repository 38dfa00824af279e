//! `bbconnect migrate`: mends what Bitbucket Cloud has retired, in repositories and in the user's own files. Gather what
//! is there, show it, mend it.

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
  bbconnect migrate ~/src              shows what is to be mended, and asks
  bbconnect migrate ~/src --dry-run    only shows it
  bbconnect migrate ~/src --yes        mends it without asking
  bbconnect migrate --check            for CI: status 1 when there is something to mend
";

/// What is looked at, for the help page.
const LOOKED_AT: &str = "\
Looked at: every git repository below PATH (worktrees, submodules and bare ones too; links are not followed), and your own \
~/.gitconfig, ~/.config/git/config, ~/.ssh/config, ~/.ssh/known_hosts, ~/.netrc and connections, in every run.

Each file that is changed keeps its old version beside it, as NAME.bbconnect-YYYYMMDDTHHMMSSZ, \
.gitmodules in .git, where git add does not see it. What a program cannot mend, \
such as a password in ~/.netrc, is shown with what to do about it.";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES, after_help = LOOKED_AT)]
pub(crate) struct Args {
    /// Folders to look for repositories in; without one, the current folder
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub dry_run: DryRunArg,
    #[command(flatten)]
    pub yes: YesArg,
    /// Change nothing, and end with status 1 when there is something to mend
    #[arg(long)]
    pub check: bool,
}

impl Subcommand for Args {
    type Output = MigrateOutput;

    /// Looks for what Bitbucket Cloud has retired, and mends it once that is confirmed.
    ///
    /// # Errors
    /// [`Error::InputRequired`] where nobody can confirm, [`Error::Cancelled`] for a no. A file that cannot be read or written is
    /// part of the outcome, so that it hides no other.
    fn run(&self, app: &App) -> Result<MigrateOutput, Error> {
        let mut plan = scanner::plan(&self.paths, app);
        let only_looks = self.dry_run.is_set() || self.check;
        let way = if self.check {
            ExitPolicy::FailIfFound
        } else {
            ExitPolicy::Plain
        };
        if only_looks || !plan.has_automatic_fixes() {
            return Ok(plan.outcome(way, Action::WouldUpdate));
        }
        if !self.yes.is_set() {
            if !app.is_interactive() {
                return Err(Error::InputRequired {
                    what: "a confirmation of what is to be mended",
                    hint: "add --yes to mend, --dry-run to see what is to be mended, or --check for a status".into(),
                });
            }
            show(&plan, app);
            app.confirm(false, "mending", &plan.question())?;
        }
        let progress = app.ui.progress("mending");
        plan.carry_out(&backup_timestamp(), &progress);
        drop(progress);
        Ok(plan.outcome(way, Action::Updated))
    }
}

/// What is going to be changed, for whoever is asked about it.
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
