//! What the server tells over REST before anything is made: whether the repository is there, how SSH is set, and whether
//! the credential can register a key at all.

use super::plan::Way;
use super::step::Steps;
use super::{Args, Register};
use crate::bitbucket::{ApiError, Bitbucket};
use crate::context::{Chosen, Context};
use crate::error::{Error, No};
use crate::model::clone_url::{CloneUrl, Form};
use crate::model::connection::Auth;
use crate::model::deployment::Deployment;
use crate::model::registered_key::{Access, KeyOwner};
use crate::model::repository::{RepoPath, Repository};
use crate::model::ssh_settings::SshSettings;

/// What was found.
pub(super) struct Found {
    pub(super) way: Way,
    pub(super) repository: Option<Repository>,
    pub(super) empty: Option<bool>,
    pub(super) settings: SshSettings,
}

/// What a server tells of its SSH, for a URL that does not.
fn as_told(
    context: &Context,
    url: &CloneUrl,
    chosen: &Chosen,
    steps: &mut Steps<'_>,
) -> Result<(Option<Repository>, Option<bool>, SshSettings), Error> {
    let bitbucket = context.signed_in(chosen)?;
    let (repository, empty) = match path_of(url, chosen.connection.deployment) {
        Some(path) => look(context, chosen, &bitbucket, &path, steps)?,
        None => (None, None),
    };
    let settings = context.ssh_settings(&bitbucket).unwrap_or_default();
    Ok((repository, empty, settings))
}

fn path_of(url: &CloneUrl, deployment: Deployment) -> Option<RepoPath> {
    let slug = url.slug().to_owned();
    let namespace = url.namespace()?;
    Some(RepoPath { namespace, slug }.for_deployment(deployment))
}

/// Asks the server, where a connection with REST is for it.
pub(super) fn ask(
    args: &Args,
    context: &Context,
    url: &CloneUrl,
    chosen: Option<Chosen>,
    steps: &mut Steps<'_>,
) -> Result<Found, Error> {
    let manual = |reason: String| Found {
        way: Way::Manual { reason },
        repository: None,
        empty: None,
        settings: SshSettings::default(),
    };
    if args.register == Some(Register::Manual) {
        let found = manual("that was asked for".to_owned());
        let told = chosen.filter(|_| url.assumed().contains(&Form::Ssh));
        return Ok(
            match told.map(|chosen| as_told(context, url, &chosen, steps)) {
                Some(Ok((repository, empty, settings))) => Found {
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
    let Some(chosen) = chosen else {
        return Ok(manual({
            let other = if url.deployment() == Deployment::Cloud {
                ""
            } else {
                "; -c NAME takes one, if its SSH has another host"
            };
            format!("no connection with REST is for {}{other}", url.title())
        }));
    };
    let deployment = chosen.connection.deployment;
    let Some(path) = path_of(url, deployment) else {
        return Ok(manual(format!(
            "{} names no workspace or project",
            url.title()
        )));
    };
    let as_user =
        args.register == Some(Register::UserKey) || args.write && deployment == Deployment::Cloud;
    if as_user {
        chosen.check_changes_keys(&KeyOwner::Account)?;
    } else {
        chosen.check_changes_keys(&KeyOwner::Repository(path.clone()))?;
    }
    steps.pass(
        "connection",
        format!(
            "{}, because {}",
            chosen.name,
            String::from(chosen.because.clone())
        ),
    );
    let auth = chosen.connection.auth;
    if deployment == Deployment::Cloud
        && matches!(auth, Auth::OAuth | Auth::ClientCredentials)
        && !as_user
    {
        steps.warn(
            "connection",
            "a deploy key that an OAuth consumer registers stops working when the consumer is changed; an API token's \
             does not"
                .to_owned(),
        );
    }
    let bitbucket = context.signed_in(&chosen)?;
    let (repository, empty) = look(context, &chosen, &bitbucket, &path, steps)?;
    let settings = context.ssh_settings(&bitbucket).unwrap_or_default();
    let owner = if as_user {
        KeyOwner::Account
    } else if args.project {
        project(deployment, &path, repository.as_ref())?
    } else {
        KeyOwner::Repository(repository.as_ref().map_or(path, Repository::path))
    };
    check_settings(&settings, &owner)?;
    let access = if args.write || owner == KeyOwner::Account {
        Access::Write
    } else {
        Access::Read
    };
    Ok(Found {
        way: Way::Api {
            chosen: Box::new(chosen),
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
fn look(
    context: &Context,
    chosen: &Chosen,
    bitbucket: &Bitbucket,
    path: &RepoPath,
    steps: &mut Steps<'_>,
) -> Result<(Option<Repository>, Option<bool>), Error> {
    let _progress = context.output.progress("looking at the repository");
    let asked = context.wait(async {
        let repository = bitbucket.repository(path).await?;
        let empty = bitbucket.is_empty(path).await;
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
        Err(error) => Err(chosen.explained(error)),
    }
}

fn project(
    deployment: Deployment,
    path: &RepoPath,
    repository: Option<&Repository>,
) -> Result<KeyOwner, Error> {
    if deployment != Deployment::Cloud {
        return Ok(KeyOwner::Project {
            workspace: None,
            key: path.namespace.clone(),
        });
    }
    let key = repository.and_then(|repository| repository.project.clone());
    let key = key.ok_or_else(|| {
        Error::no(
            No::NotThere,
            format!("which project {path} belongs to is not told"),
            "leave out --project",
        )
    })?;
    Ok(KeyOwner::Project {
        workspace: Some(path.namespace.clone()),
        key,
    })
}

fn check_settings(settings: &SshSettings, owner: &KeyOwner) -> Result<(), Error> {
    if settings.enabled == Some(false) {
        return Err(Error::no(
            No::NotCapable,
            "this server does not serve SSH: its administrator has switched it off",
            "Administration, SSH access; or use HTTPS",
        ));
    }
    if settings.access_keys_enabled == Some(false) && *owner != KeyOwner::Account {
        return Err(Error::no(
            No::NotCapable,
            "this server takes no access keys: its administrator has switched them off",
            "--register user-key makes the key one of yours",
        ));
    }
    Ok(())
}
