//! `bbconnect repo clone`: clones a repository with the credential or the key of a connection.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::git::CloneSpec;
use crate::resolve::ResolvedRepository;
use crate::types::action::Action;
use crate::types::clone_url::Transport;
use crate::types::repository::RepoRef;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect repo clone acme/site
  bbconnect repo clone -c server WEB/site website --ssh
  bbconnect repo clone acme/site -- --depth 1 --recurse-submodules
";

/// Large repositories take hours.
const LIMIT: Duration = Duration::from_hours(6);

#[derive(Debug, clap::Args)]
#[command(override_usage = "bbconnect repo clone [OPTIONS] <REF> [DIR]\n       [-- <GIT_OPTIONS>...]", before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Repository: NAMESPACE/SLUG, or any URL of it
    #[arg(value_name = "REF")]
    pub repository: RepoRef,
    /// Directory to clone into [default: the name of the repository]
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
    /// Clone over SSH [default: where the connection has a key for the repository]
    #[arg(long, conflicts_with = "https")]
    pub ssh: bool,
    /// Clone over HTTPS, with the credential of the connection
    #[arg(long)]
    pub https: bool,
    /// Options for `git clone`
    #[arg(last = true, value_name = "GIT_OPTIONS")]
    pub git_options: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct CloneOutput {
    action: Action,
    repository: ResolvedRepository,
    connection: String,
    path: String,
    url: String,
}

impl Subcommand for Args {
    type Output = CloneOutput;

    /// Clones a repository. The clone keeps which connection and repository commands in it use.
    ///
    /// On an error nothing is left behind.
    fn run(&self, app: &App) -> Result<CloneOutput, Error> {
        let dir = self.dir()?;
        require_empty(&dir)?;
        let transport = if self.ssh {
            Some(Transport::Ssh)
        } else {
            self.https.then_some(Transport::Https)
        };
        let source = app.clone_source(&self.repository, transport)?;
        let clone = CloneSpec {
            url: source.url,
            dir,
            config: source.config,
            options: self.git_options.clone(),
            environment: source.environment,
        };
        app.ui.print_command(&clone.command_line());
        let limit = app.child_timeout(LIMIT);
        let message = format!("cloning {}", source.repository.id);
        let progress = app.ui.progress(&message);
        let progress = app
            .ui
            .shows_progress()
            .then(|| progress.follow_git(&message));
        clone.run(progress, limit)?;
        let path = std::path::absolute(&clone.dir).unwrap_or_else(|_| clone.dir.clone());
        Ok(CloneOutput {
            action: Action::Created,
            repository: source.repository,
            connection: source.connection.name.to_string(),
            path: path.to_string_lossy().into_owned(),
            url: clone.url,
        })
    }
}

impl Args {
    /// The directory that is named, else one with the name of the repository.
    fn dir(&self) -> Result<PathBuf, Error> {
        let dir = self.dir.clone();
        let dir = dir.unwrap_or_else(|| PathBuf::from(&self.repository.slug));
        if dir.as_os_str().is_empty() {
            return Err(Error::usage(
                "the name of the directory is empty",
                "omit DIR",
            ));
        }
        Ok(dir)
    }
}

fn require_empty(dir: &Path) -> Result<(), Error> {
    let is_free = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        // A link that leads nowhere exists as well.
        Err(_) => fs::symlink_metadata(dir).is_err(),
    };
    if is_free {
        return Ok(());
    }
    Err(Error::conflict(
        format!(
            "{} already exists and is not an empty directory",
            dir.display()
        ),
        "name another directory after the repository",
    ))
}

impl CommandOutput for CloneOutput {
    const SCHEMA: &'static str = "bbconnect/repo-clone@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        out.line(&format!("cloned {} into {}", self.repository, self.path));
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        out.line(&format!(
            "commands in {} use the connection {} and the repository {}",
            self.path, self.connection, self.repository.id
        ));
    }
}
