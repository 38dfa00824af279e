//! Whose keys: those of a repository, a project or one's own account.

use crate::app::{App, SelectedConnection, SshConnection};
use crate::bitbucket::Bitbucket;
use crate::error::Error;
use crate::types::deployment::Deployment;
use crate::types::registered_key::KeyOwner;
use crate::types::repository::{RepoId, RepoRef};

/// Whose keys.
#[derive(Debug, clap::Args)]
pub(crate) struct KeyOwnerArgs {
    /// The keys of a repository: NAMESPACE/SLUG, a SLUG of the connection's workspace or project, or any URL of it [default:
    /// that of the connection]
    #[arg(long, value_name = "REF", conflicts_with_all = ["project", "user"])]
    pub repo: Option<RepoRef>,
    /// The keys of a project: KEY, on Cloud also WORKSPACE/KEY
    #[arg(long, value_name = "KEY", conflicts_with = "user")]
    pub project: Option<String>,
    /// Your own keys
    #[arg(long)]
    pub user: bool,
}

impl KeyOwnerArgs {
    /// Whose keys, and the Bitbucket that has them. Nothing is sent yet.
    pub(super) fn find(
        &self,
        app: &App,
    ) -> Result<(SelectedConnection, Bitbucket, KeyOwner), Error> {
        let (selected, owner) = self.choose(app)?;
        let bitbucket = app.authenticated_client(&selected)?;
        Ok((selected, bitbucket, owner))
    }

    /// As [`KeyOwnerArgs::find`]; where nothing is named, and what applies is for no repository, those of the one repository that
    /// a connection has an SSH key for.
    pub(super) fn resolve_or_single(
        &self,
        app: &App,
    ) -> Result<(SelectedConnection, Bitbucket, KeyOwner), Error> {
        let only = if self.repo.is_some() || self.project.is_some() || self.user {
            None
        } else {
            only_repository(app)?
        };
        let Some(ssh_connection) = only else {
            return self.find(app);
        };
        let rest = app.key_admin_connection_for(&ssh_connection)?;
        let rest = rest.ok_or_else(|| Error::SshOnlyConnection(ssh_connection.name.to_string()))?;
        let bitbucket = app.authenticated_client(&rest)?;
        let repo = RepoId {
            namespace: ssh_connection.url.namespace().unwrap_or_default(),
            slug: ssh_connection.url.slug().to_owned(),
        };
        let repo = normalized(&rest, repo);
        Ok((rest, bitbucket, KeyOwner::Repository(repo)))
    }

    fn choose(&self, app: &App) -> Result<(SelectedConnection, KeyOwner), Error> {
        if let Some(named) = &self.repo {
            let (selected, repo) = app.select_for_repo(named)?;
            let rest = app.api_connection_behind(selected)?;
            let repo = normalized(&rest, repo);
            return Ok((rest, KeyOwner::Repository(repo)));
        }
        let selected = app.select()?;
        let own = App::connection_repository(&selected.connection);
        let rest = app.api_connection_behind(selected)?;
        if self.user {
            return Ok((rest, KeyOwner::Account));
        }
        if let Some(text) = &self.project {
            return project(rest, text);
        }
        let own = own.or_else(|| App::connection_repository(&rest.connection));
        match own {
            Some(repo) => {
                let repo = normalized(&rest, repo);
                Ok((rest, KeyOwner::Repository(repo)))
            }
            None => Err(Error::Usage {
                message: format!("the connection {} names no repository", rest.name),
                hint: Some("add --repo NAMESPACE/SLUG, --project KEY or --user".into()),
            }),
        }
    }
}

/// The connection with the only SSH key, where what applies is for no repository.
fn only_repository(app: &App) -> Result<Option<SshConnection>, Error> {
    match app.select() {
        Ok(selected) => {
            let own = App::connection_repository(&selected.connection);
            if selected.is_explicit() || own.is_some() {
                return Ok(None);
            }
        }
        Err(Error::NoConnection(_)) => {}
        Err(error) => return Err(error),
    }
    app.single_ssh_connection()
}

fn project(rest: SelectedConnection, text: &str) -> Result<(SelectedConnection, KeyOwner), Error> {
    let (workspace, key) = match text.split_once('/') {
        Some((workspace, key)) => (Some(workspace.to_owned()), key),
        None => (None, text),
    };
    let is_cloud = rest.connection.deployment == Deployment::Cloud;
    let workspace = workspace.or_else(|| rest.connection.workspace.clone());
    if is_cloud && workspace.is_none() {
        return Err(Error::Usage {
            message: "which workspace the project is in is not known".to_owned(),
            hint: Some(format!("write --project WORKSPACE/{key}").into()),
        });
    }
    let owner = KeyOwner::Project {
        workspace: workspace.filter(|_| is_cloud),
        key: key.to_owned(),
    };
    Ok((rest, owner))
}

/// A project key of Data Center is in capitals, also where a clone URL has it in small letters.
fn normalized(rest: &SelectedConnection, repo: RepoId) -> RepoId {
    repo.normalized(rest.connection.deployment)
}
