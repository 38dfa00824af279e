//! What the server tells over REST before anything is made: whether the repository is there, how SSH is set, and whether
//! the credential can register a key at all.

use super::plan::RegistrationMethod;
use super::step::StepLog;
use super::{Args, Register};
use crate::app::App;
use crate::bitbucket::{ApiError, Bitbucket};
use crate::error::{Error, RejectionKind};
use crate::resolve::SelectedConnection;
use crate::types::clone_url::{CloneUrl, UrlForm};
use crate::types::connection::AuthMethod;
use crate::types::deployment::Deployment;
use crate::types::registered_key::{Access, KeyOwner};
use crate::types::repository::{RepoId, Repository};
use crate::types::ssh_settings::SshSettings;

/// What was found.
pub(super) struct ServerState {
    pub(super) method: RegistrationMethod,
    pub(super) repository: Option<Repository>,
    pub(super) empty: Option<bool>,
    pub(super) settings: SshSettings,
}

/// What a server tells of its SSH, for a URL that does not.
fn inspect_for_manual(
    app: &App,
    url: &CloneUrl,
    selected: &SelectedConnection,
    steps: &mut StepLog<'_>,
) -> Result<(Option<Repository>, Option<bool>, SshSettings), Error> {
    let bitbucket = app.authenticated_client(selected)?;
    let (repository, empty) = match path_of(url, selected.connection.deployment) {
        Some(repo) => fetch_repository(app, selected, &bitbucket, &repo, steps)?,
        None => (None, None),
    };
    let settings = app.ssh_settings(&bitbucket).unwrap_or_default();
    Ok((repository, empty, settings))
}

fn path_of(url: &CloneUrl, deployment: Deployment) -> Option<RepoId> {
    let slug = url.slug().to_owned();
    let namespace = url.namespace()?;
    Some(RepoId { namespace, slug }.normalized(deployment))
}

/// Asks the server, where a connection with REST is for it.
pub(super) fn inspect(
    args: &Args,
    app: &App,
    url: &CloneUrl,
    selected: Option<SelectedConnection>,
    steps: &mut StepLog<'_>,
) -> Result<ServerState, Error> {
    let manual = |reason: String| ServerState {
        method: RegistrationMethod::Manual { reason },
        repository: None,
        empty: None,
        settings: SshSettings::default(),
    };
    if args.register == Some(Register::Manual) {
        let found = manual("that was asked for".to_owned());
        let told = selected.filter(|_| url.guessed_forms().contains(&UrlForm::Ssh));
        return Ok(
            match told.map(|selected| inspect_for_manual(app, url, &selected, steps)) {
                Some(Ok((repository, empty, settings))) => ServerState {
                    repository,
                    empty,
                    settings,
                    ..found
                },
                // Without the server's word its usual port is tried.
                Some(Err(_)) | None => found,
            },
        );
    }
    let Some(selected) = selected else {
        return Ok(manual({
            let other = if url.deployment() == Deployment::Cloud {
                ""
            } else {
                "; -c NAME takes one, if its SSH has another host"
            };
            format!(
                "no connection with REST is for {}{other}",
                url.display_name()
            )
        }));
    };
    let deployment = selected.connection.deployment;
    let Some(repo) = path_of(url, deployment) else {
        return Ok(manual(format!(
            "{} names no workspace or project",
            url.display_name()
        )));
    };
    let as_user =
        args.register == Some(Register::UserKey) || args.write && deployment == Deployment::Cloud;
    if as_user {
        selected.require_key_admin(&KeyOwner::Account)?;
    } else {
        selected.require_key_admin(&KeyOwner::Repository(repo.clone()))?;
    }
    steps.pass(
        "connection",
        format!(
            "{}, because {}",
            selected.name,
            String::from(selected.reason.clone())
        ),
    );
    let auth = selected.connection.auth();
    if deployment == Deployment::Cloud
        && matches!(auth, AuthMethod::OAuth | AuthMethod::ClientCredentials)
        && !as_user
    {
        steps.warn(
            "connection",
            "a deploy key that an OAuth consumer registers stops working when the consumer is changed; an API token's \
             does not"
                .to_owned(),
        );
    }
    let bitbucket = app.authenticated_client(&selected)?;
    let (repository, empty) = fetch_repository(app, &selected, &bitbucket, &repo, steps)?;
    let settings = app.ssh_settings(&bitbucket).unwrap_or_default();
    let owner = if as_user {
        KeyOwner::Account
    } else if args.project {
        project(deployment, &repo, repository.as_ref())?
    } else {
        KeyOwner::Repository(repository.as_ref().map_or(repo, Repository::path))
    };
    check_settings(&settings, &owner)?;
    let access = if args.write || owner == KeyOwner::Account {
        Access::Write
    } else {
        Access::Read
    };
    Ok(ServerState {
        method: RegistrationMethod::Api {
            chosen: Box::new(selected),
            bitbucket: Box::new(bitbucket),
            owner,
            access,
        },
        repository,
        empty,
        settings,
    })
}

/// The repository. A credential that may change its keys, and not see it, is an odd one, but good enough.
fn fetch_repository(
    app: &App,
    selected: &SelectedConnection,
    bitbucket: &Bitbucket,
    repo: &RepoId,
    steps: &mut StepLog<'_>,
) -> Result<(Option<Repository>, Option<bool>), Error> {
    let _progress = app.ui.progress("looking at the repository");
    let asked = app.block_on(async {
        let repository = bitbucket.repository(repo).await?;
        let empty = bitbucket.is_empty(repo).await;
        Ok::<_, ApiError>((repository, empty.ok()))
    })?;
    match asked {
        Ok((repository, empty)) => {
            let state = match empty {
                Some(true) => ", which is empty",
                Some(false) => ", which has branches",
                None => "",
            };
            steps.pass(
                "repository",
                format!("{}/{}{state}", repository.namespace, repository.slug),
            );
            Ok((Some(repository), empty))
        }
        Err(ApiError::Forbidden { message, .. }) => {
            steps.warn("repository", format!("it cannot be looked at: {message}"));
            Ok((None, None))
        }
        Err(error) => Err(selected.describe_api_error(error)),
    }
}

fn project(
    deployment: Deployment,
    repo: &RepoId,
    repository: Option<&Repository>,
) -> Result<KeyOwner, Error> {
    if deployment != Deployment::Cloud {
        return Ok(KeyOwner::Project {
            workspace: None,
            key: repo.namespace.clone(),
        });
    }
    let key = repository.and_then(|repository| repository.project.clone());
    let key = key.ok_or_else(|| {
        Error::rejected(
            RejectionKind::NotFound,
            format!("which project {repo} belongs to is not told"),
            "leave out --project",
        )
    })?;
    Ok(KeyOwner::Project {
        workspace: Some(repo.namespace.clone()),
        key,
    })
}

fn check_settings(settings: &SshSettings, owner: &KeyOwner) -> Result<(), Error> {
    if settings.enabled == Some(false) {
        return Err(Error::rejected(
            RejectionKind::Unsupported,
            "this server does not serve SSH: its administrator has switched it off",
            "Administration, SSH access; or use HTTPS",
        ));
    }
    if settings.access_keys_enabled == Some(false) && *owner != KeyOwner::Account {
        return Err(Error::rejected(
            RejectionKind::Unsupported,
            "this server takes no access keys: its administrator has switched them off",
            "--register user-key makes the key one of yours",
        ));
    }
    Ok(())
}
