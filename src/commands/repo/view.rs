//! `bbconnect repo view`: a repository, whether it is empty, and what the account may do with it.

use serde::Serialize;

use crate::app::App;
use crate::bitbucket::RepositoryDetails;
use crate::commands::Subcommand;
use crate::commands::args::{PageOpened, WebArg};
use crate::error::Error;
use crate::resolve::ResolvedRepository;
use crate::types::operation::Operation;
use crate::types::repository::{Permission, RepoRef, Repository};
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect repo view acme/site
  bbconnect repo view https://bitbucket.org/acme/site/src/main/
  bbconnect repo view -c server WEB/site --json
  bbconnect repo view acme/site --web  # in a browser
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Repository: NAMESPACE/SLUG, or any URL of it
    #[arg(value_name = "REF")]
    pub repository: RepoRef,
    #[command(flatten)]
    pub web: WebArg,
}

#[derive(Debug, Serialize)]
pub(crate) struct ViewOutput {
    repository: ResolvedRepository,
    #[serde(flatten)]
    facts: Repository,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<PageOpened>,
    empty: Option<bool>,
    project: Option<String>,
    permission: Option<Permission>,
}

impl Subcommand for Args {
    type Output = ViewOutput;

    fn run(&self, app: &App) -> Result<ViewOutput, Error> {
        let (selected, bitbucket, resolved) = app.client_for_repo(Some(&self.repository))?;
        let request = bitbucket.view(&resolved.id);
        let RepositoryDetails {
            repository,
            empty,
            permission,
        } = app.request(&selected, Operation::ReadRepositories, request)?;
        Ok(ViewOutput {
            page: self.web.open(repository.web.as_deref(), app),
            repository: resolved.with_current_name(repository.path()),
            project: repository.project.clone(),
            facts: repository,
            empty,
            permission,
        })
    }
}

impl CommandOutput for ViewOutput {
    const SCHEMA: &'static str = "bbconnect/repo-view@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let Self {
            facts: repository,
            empty,
            project,
            permission,
            ..
        } = self;
        out.heading(&self.repository.to_string());
        let yes_or_no = |fact: Option<bool>| {
            fact.map(|fact| if fact { "yes" } else { "no" })
                .map(str::to_owned)
        };
        let permission = permission.map(Permission::name);
        for (label, value) in [
            ("name", repository.name.clone()),
            ("project", project.clone()),
            ("private", yes_or_no(repository.private)),
            ("archived", yes_or_no(repository.archived)),
            ("empty", yes_or_no(*empty)),
            ("branch", repository.default_branch.clone()),
            ("permission", permission.map(str::to_owned)),
            ("ssh", repository.ssh.clone()),
            ("https", repository.https.clone()),
            ("web", repository.web.clone()),
            (
                "updated",
                repository.updated_on.map(|timestamp| timestamp.to_string()),
            ),
        ] {
            if let Some(value) = value {
                out.key_value(label, 12, &value);
            }
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if let Some(page) = &self.page {
            page.write(out);
        }
    }
}
