//! `bbconnect repo view`: a repository, whether it is empty, and what the account may do with it.

use serde::Serialize;

use crate::bitbucket::View;
use crate::context::Context;
use crate::error::Error;
use crate::model::purpose::Permission;
use crate::model::repository::{RepoRef, Repository};
use crate::model::right::Right;
use crate::output::{Page, Render};

const EXAMPLES: &str = "\
Examples:
  bbconnect repo view acme/site
  bbconnect repo view https://bitbucket.org/acme/site/src/main/
  bbconnect repo view -c server WEB/site --json
";

/// Show a repository: its URLs, whether it is empty, what you may do with it
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// The repository: NAMESPACE/SLUG, or any URL of it
    #[arg(value_name = "REF")]
    pub repository: RepoRef,
}

/// A repository that was looked at. The same facts stand at the top and in `repository`, as other commands have it.
#[derive(Debug, Serialize)]
pub struct Viewed {
    #[serde(flatten)]
    facts: Facts,
    repository: Facts,
}

/// What is known of it.
#[derive(Debug, Clone, Serialize)]
struct Facts {
    #[serde(flatten)]
    repository: Repository,
    empty: Option<bool>,
    project: Option<String>,
    permission: Option<Permission>,
}

/// Looks at a repository.
///
/// # Errors
/// Where no connection applies, it is not there, or the server cannot be asked.
pub fn run(args: &Args, context: &Context) -> Result<Viewed, Error> {
    let (chosen, bitbucket, path) = context.connect_to(&args.repository)?;
    let view = context.wait(bitbucket.view(&path))?;
    let View {
        repository,
        empty,
        permission,
    } = view.map_err(|error| chosen.explained_for(error, Right::ReadRepositories))?;
    let facts = Facts {
        empty,
        project: repository.project.clone(),
        permission,
        repository,
    };
    Ok(Viewed {
        repository: facts.clone(),
        facts,
    })
}

impl Render for Viewed {
    const SCHEMA: &'static str = "bbconnect/repo-view@1";

    fn text(&self, page: &mut Page) {
        let Facts {
            repository,
            empty,
            project,
            permission,
        } = &self.facts;
        page.heading(&format!("{}/{}", repository.namespace, repository.slug));
        let yes_or_no = |fact: Option<bool>| {
            fact.map(|fact| if fact { "yes" } else { "no" })
                .map(str::to_owned)
        };
        let permission = permission.map(|permission| match permission {
            Permission::Read => "read",
            Permission::Write => "write",
            Permission::Admin => "admin",
        });
        for (label, value) in [
            ("name", repository.name.clone()),
            ("project", project.clone()),
            ("private", yes_or_no(repository.private)),
            ("empty", yes_or_no(*empty)),
            ("branch", repository.default_branch.clone()),
            ("you may", permission.map(str::to_owned)),
            ("ssh", repository.ssh.clone()),
            ("https", repository.https.clone()),
            ("web", repository.web.clone()),
            (
                "updated",
                repository.updated_on.map(|instant| instant.to_string()),
            ),
        ] {
            if let Some(value) = value {
                page.field(label, 10, &value);
            }
        }
    }
}
