//! `bbconnect migrate`: updates what Bitbucket Cloud has retired, in repositories and in the user's own files: scan, show,
//! apply.

mod output;
mod plan;
mod scanner;
mod undo;

use std::path::{Path, PathBuf};

pub(crate) use self::output::MigrateOutput;

use self::output::{Action, ExitPolicy};
use self::plan::Plan;
use self::scanner::Scope;
use crate::app::App;
use crate::commands::Subcommand;
use crate::commands::args::{DryRunArg, YesArg};
use crate::error::Error;
use crate::migrate::LastRun;
use crate::types::counted::counted;
use crate::types::date::Timestamp;

const EXAMPLES: &str = "\
Examples:
  bbconnect migrate ~/src            # shows the changes, and asks
  bbconnect migrate ~/src --dry-run  # only shows the changes
  bbconnect migrate ~/src --yes      # applies the changes without asking
  bbconnect migrate ~/src --files    # also updates tracked files that name the old SSH host
  bbconnect migrate --check          # for CI: exit status 1 if there is something to update
  bbconnect migrate --undo           # restores the files of the last run
";

const SCANNED: &str = "\
Scanned: every Git repository below PATH (worktrees, submodules and bare repositories too; links are not followed), and, unless \
--no-user-config is given, your own ~/.gitconfig, ~/.config/git/config, ~/.ssh/config, known hosts, ~/.netrc, ~/.git-credentials \
and connections.

Each changed file has a backup beside it, NAME.bbconnect-YYYYMMDDTHHMMSSZ, readable by you only; those of tracked files are in \
.git, where git add does not see them. --undo restores the files of the last run that changed something, wherever they are. \
What needs a manual step, such as a password in ~/.netrc, is shown with that step.";

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
    /// Also update tracked files that name the old SSH host or its host keys
    #[arg(long)]
    pub files: bool,
    /// Leave your own files and connections alone
    #[arg(long)]
    pub no_user_config: bool,
    /// Restore the files of the last run from their backups
    #[arg(long, conflicts_with_all = ["check", "files", "no_user_config"])]
    pub undo: bool,
}

impl Subcommand for Args {
    type Output = MigrateOutput;

    fn run(&self, app: &App) -> Result<MigrateOutput, Error> {
        let record = app.state_dir().map(|dir| dir.join("migrate.json"));
        if self.undo {
            let record = record.ok_or(Error::HomeDirUnknown)?;
            return undo::run(&record, self.dry_run.is_set(), self.yes.is_set(), app);
        }
        let scope = Scope {
            files: self.files,
            user_config: !self.no_user_config,
        };
        let mut plan = scanner::plan(&self.paths, scope, app);
        let (notes, hints) = (self.notes(&plan), self.hints(&plan));
        let is_read_only = self.dry_run.is_set() || self.check;
        let policy = if self.check {
            ExitPolicy::FailIfFound
        } else {
            ExitPolicy::Plain
        };
        if is_read_only || !plan.has_automatic_fixes() {
            return Ok(MigrateOutput {
                notes,
                hints,
                ..plan.into_output(policy, Action::WouldUpdate)
            });
        }
        if !self.yes.is_set() {
            if !app.is_interactive() {
                return Err(Error::InputRequired {
                    what: "a confirmation of the changes",
                    hint: "pass --yes, --dry-run or --check".into(),
                });
            }
            for line in output::lines(&plan.items(Action::WouldUpdate)) {
                app.ui.eprint_line(&line);
            }
            app.confirm(false, "migrate", &plan.question())?;
        }
        let stamp = backup_timestamp();
        let before = save_record(&plan, &stamp, record.as_deref())?;
        let progress = app.ui.progress("updating files");
        plan.apply(&stamp, &progress);
        drop(progress);
        if plan.backups.is_empty()
            && let Some(record) = &record
        {
            // Nothing was changed, so the last run that changed something is the one before.
            drop(before.save(record));
        }
        Ok(MigrateOutput {
            notes,
            hints,
            ..plan.into_output(policy, Action::Updated)
        })
    }
}

impl Args {
    fn notes(&self, plan: &Plan) -> Vec<String> {
        if !plan.files.is_empty() || !plan.connections.is_empty() {
            return Vec::new();
        }
        let own = if self.no_user_config {
            ""
        } else {
            " and your own files"
        };
        let repositories = counted(plan.repositories, "repository", "repositories");
        vec![format!("nothing to update; scanned {repositories}{own}")]
    }

    fn hints(&self, plan: &Plan) -> Vec<String> {
        if plan.mentioning_files == 0 || self.files {
            return Vec::new();
        }
        let files = counted(
            plan.mentioning_files,
            "tracked file names",
            "tracked files name",
        );
        let hint = format!(
            "{files} the old SSH host or its host keys; run `bbconnect migrate --files` to update them"
        );
        vec![hint]
    }
}

/// Records what is about to be changed, for `--undo`, and returns the record of the previous run.
fn save_record(plan: &Plan, stamp: &str, file: Option<&Path>) -> Result<LastRun, Error> {
    let Some(file) = file else {
        return Ok(LastRun::default());
    };
    let failed = |source| Error::Write {
        path: file.to_owned(),
        source,
    };
    let before = LastRun::load(file).ok().flatten().unwrap_or_default();
    let record = plan.record(stamp).map_err(failed)?;
    record.save(file).map_err(failed)?;
    Ok(before)
}

/// The current time in the name of a file: `20261121T190359Z`.
fn backup_timestamp() -> String {
    Timestamp::now().to_string().replace(['-', ':'], "")
}
