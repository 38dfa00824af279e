//! Groups of arguments that several commands take, to be flattened into theirs.
//!
//! Their structs have no doc comments: clap would show them as the description of the command.

use std::path::PathBuf;

use serde::Serialize;

use crate::app::App;
use crate::error::Error;
use crate::types::repository::RepoRef;
use crate::ui::TextWriter;

#[derive(Debug, clap::Args)]
pub(crate) struct RepoArg {
    /// Repository: NAMESPACE/SLUG, SLUG or any URL of it [default: that of the checkout, else of the connection]
    #[arg(short = 'R', long, value_name = "REF")]
    repo: Option<RepoRef>,
}

impl RepoArg {
    pub(crate) fn as_ref(&self) -> Option<&RepoRef> {
        self.repo.as_ref()
    }

    /// The repository, a slug being one of this workspace.
    pub(crate) fn in_workspace(&self, workspace: Option<&str>) -> Result<Option<RepoRef>, Error> {
        let (Some(repo), Some(workspace)) = (&self.repo, workspace) else {
            return Ok(self.repo.clone());
        };
        match &repo.namespace {
            Some(namespace) if namespace != workspace => Err(Error::usage(
                format!("--repo names a repository of {namespace}, and --workspace {workspace}"),
                "omit --workspace",
            )),
            Some(_) | None => Ok(Some(RepoRef {
                namespace: Some(workspace.to_owned()),
                ..repo.clone()
            })),
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct WorkspaceArg {
    /// Workspace (Cloud) [default: that of the connection]
    #[arg(long, value_name = "WORKSPACE")]
    workspace: Option<String>,
}

impl WorkspaceArg {
    pub(crate) fn as_deref(&self) -> Option<&str> {
        self.workspace.as_deref()
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct DryRunArg {
    /// Show the result, but change nothing
    #[arg(long)]
    dry_run: bool,
}

impl DryRunArg {
    pub(crate) fn is_set(&self) -> bool {
        self.dry_run
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct YesArg {
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
}

impl YesArg {
    pub(crate) fn is_set(&self) -> bool {
        self.yes
    }

    /// Asks before something is removed, unless the flag is set.
    pub(crate) fn confirm_removal(&self, what: &str, app: &App) -> Result<(), Error> {
        let prompt = format!("Remove {what}?");
        app.confirm(self.yes, &format!("removing {what}"), &prompt)
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct WebArg {
    /// Open the page in a browser ($BROWSER, else the system's)
    #[arg(long)]
    web: bool,
}

impl WebArg {
    /// Opens a page, where that was requested. `None` where it was not.
    pub(crate) fn open(&self, url: Option<&str>, app: &App) -> Option<PageOpened> {
        self.web.then(|| PageOpened {
            url: url.map(str::to_owned),
            opened: url.is_some_and(|url| app.open_in_browser(url)),
        })
    }
}

/// The page of a result, and whether it was opened.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PageOpened {
    url: Option<String>,
    opened: bool,
}

impl PageOpened {
    pub(crate) fn write(&self, out: &mut TextWriter) {
        match &self.url {
            Some(url) if self.opened => out.note(&format!("opened {url}")),
            Some(url) => out.note(&format!("no browser could be started; open {url}")),
            None => out.note("the server reports no page for it"),
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct LimitArg {
    /// Maximum number of results [default: all]
    #[arg(short = 'L', long, value_name = "N", value_parser = at_least_one)]
    limit: Option<usize>,
}

impl LimitArg {
    pub(crate) fn get(&self) -> Option<usize> {
        self.limit
    }
}

fn at_least_one(text: &str) -> Result<usize, &'static str> {
    let number = text.parse().ok().filter(|&number| number >= 1);
    number.ok_or("expected a number of at least 1")
}

#[derive(Debug, clap::Args)]
pub(crate) struct BodyFileArg {
    /// File with the description of the pull request; - for stdin
    #[arg(long, value_name = "FILE")]
    body_file: Option<PathBuf>,
}

impl BodyFileArg {
    pub(crate) fn read(&self, app: &App) -> Result<Option<String>, Error> {
        let path = self.body_file.as_deref();
        path.map(|path| app.read_text(path)).transpose()
    }
}
