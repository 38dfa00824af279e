//! What `bbconnect connect` is going to do. The plan is built from the command line, the configuration and the server's REST
//! API without a change, and refuses what cannot work.

use std::path::PathBuf;

use super::args::{Args, Register};
use super::connection::{ConnectUrl, TargetConnection};
use super::steps::{StepId, StepLog};
use crate::app::{App, KeyRegistry, require_not_archived};
use crate::bitbucket::{ApiError, Bitbucket};
use crate::error::Error;
use crate::resolve::{Needs, SelectedConnection, Target};
use crate::ssh;
use crate::types::clone_url::{CloneUrl, KeyAccess, Transport, UrlForm};
use crate::types::connection::{AuthMethod, BaseUrlError, Connection, DetectedServer};
use crate::types::deployment::Deployment;
use crate::types::public_key::{KeyType, PublicKey};
use crate::types::registered_key::{Access, KeyOwner, NewKey};
use crate::types::repository::{RepoId, Repository};
use crate::types::ssh_address::{SshRemote, SshSettings};

/// How the key is registered.
#[derive(Debug)]
pub(super) enum RegistrationMethod {
    Api(Box<ApiRegistration>),
    /// The user registers it on a web page.
    Manual {
        reason: String,
    },
}

/// Registration over REST.
#[derive(Debug)]
pub(super) struct ApiRegistration {
    pub(super) selected: SelectedConnection,
    pub(super) bitbucket: Bitbucket,
    pub(super) owner: KeyOwner,
    pub(super) access: Access,
}

impl ApiRegistration {
    pub(super) fn registry<'a>(&'a self, app: &'a App) -> KeyRegistry<'a> {
        KeyRegistry {
            app,
            selected: &self.selected,
            bitbucket: &self.bitbucket,
            owner: &self.owner,
        }
    }
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) url: CloneUrl,
    /// The URL with an alias, where git needs it.
    pub(super) alias: Option<CloneUrl>,
    pub(super) remote: SshRemote,
    /// `remote` as it was given or as the server writes it.
    ssh_url: String,
    pub(super) method: RegistrationMethod,
    pub(super) settings: SshSettings,
    pub(super) target: TargetConnection,
    pub(super) key_path: PathBuf,
    pub(super) requested_type: Option<KeyType>,
    /// The repository, if REST shows it.
    pub(super) repository: Option<Repository>,
    pub(super) empty: Option<bool>,
    /// The connection for the REST API of the server, whose base URL the new connection gets.
    rest: Option<Connection>,
    pub(super) deployment: Deployment,
    pub(super) title: Option<String>,
    write: bool,
    project: bool,
}

impl Plan {
    pub(super) fn build(
        args: &Args,
        url: ConnectUrl,
        app: &App,
        steps: &mut StepLog<'_>,
    ) -> Result<Self, Error> {
        let target = TargetConnection::resolve(app, args.name.as_ref(), &url)?;
        let ConnectUrl { url, alias } = url;
        let key_path = key_path(args, &url, app, target.existing.as_ref())?;
        let selected = app.connection_for(Target::CloneUrl(&url), Needs::KeyAdmin)?;
        let rest = selected
            .as_ref()
            .map(|selected| selected.connection.clone());
        let deployment = rest
            .as_ref()
            .map_or(url.deployment(), |rest| rest.deployment);
        validate_flags(args, deployment)?;
        let server = inspect(args, app, &url, selected, steps)?;
        if args.project
            && deployment == Deployment::Cloud
            && matches!(server.method, RegistrationMethod::Manual { .. })
        {
            return Err(Error::usage(
                "the repository's project is unknown without an API credential",
                "omit --project, or run `bbconnect connection add`",
            ));
        }
        let ssh_url = match alias.as_ref().and_then(CloneUrl::ssh) {
            Some(alias) => alias,
            None => ssh_url(&url, server.repository.as_ref(), &server.settings)?,
        };
        let current = server.repository.as_ref().map(Repository::path);
        let ssh_url = match current.and_then(|current| renamed(&ssh_url, &current)) {
            Some(renamed) => {
                let former = url.display_name();
                steps.warn(
                    StepId::Url,
                    format!("{former} was renamed; using {renamed}"),
                );
                renamed
            }
            None => ssh_url,
        };
        let remote = ssh_url.parse().map_err(|_| ssh_url_unknown())?;
        let name = url.display_name();
        steps.pass(StepId::Url, format!("{name} is at {ssh_url}"));
        Ok(Self {
            remote,
            ssh_url,
            method: server.method,
            settings: server.settings,
            target,
            key_path,
            requested_type: args.key_type,
            repository: server.repository,
            empty: server.empty,
            rest,
            deployment,
            title: args.title.clone(),
            write: args.write,
            project: args.project,
            url,
            alias,
        })
    }

    /// The URL as it was given, without other hosts of Cloud.
    pub(super) fn connect_url(&self) -> ConnectUrl {
        ConnectUrl {
            url: self.url.clone(),
            alias: self.alias.clone(),
        }
    }

    pub(super) fn key_type(&self) -> KeyType {
        self.requested_type.unwrap_or(KeyType::Ecdsa256)
    }

    /// The access that the key should get.
    pub(super) fn access(&self) -> Access {
        match &self.method {
            RegistrationMethod::Api(api) => api.access,
            RegistrationMethod::Manual { .. } if self.write => Access::Write,
            RegistrationMethod::Manual { .. } => Access::Read,
        }
    }

    pub(super) fn new_key(&self, public: &PublicKey, access: Access) -> NewKey {
        let title = self.title.clone().unwrap_or_else(|| {
            let namespace = self.url.namespace().map(|name| format!("{name}/"));
            let namespace = namespace.unwrap_or_default();
            format!("bbconnect {namespace}{}", self.url.slug())
        });
        NewKey {
            public: public.clone(),
            title,
            access,
            lifetime: None,
        }
    }

    pub(super) fn namespace(&self) -> Option<String> {
        let repository = self.repository.as_ref();
        let namespace = repository.map(|repository| repository.namespace.clone());
        namespace.or_else(|| self.url.namespace())
    }

    pub(super) fn slug(&self) -> &str {
        let repository = self.repository.as_ref();
        repository.map_or(self.url.slug(), |repository| &repository.slug)
    }

    /// The clone URL of the repository at an address.
    pub(super) fn clone_url(&self, remote: &SshRemote) -> String {
        if *remote == self.remote {
            self.ssh_url.clone()
        } else {
            remote.to_url()
        }
    }

    /// The pages where the user can register the key with the requested access.
    pub(super) fn pages(&self) -> Vec<String> {
        let by_url = || {
            let pages = self.url.key_pages().into_iter();
            let suitable = pages.filter(|page| !self.write || page.rights != KeyAccess::Read);
            suitable.map(|page| page.url).collect()
        };
        let pages = self.server_page().map_or_else(by_url, |page| vec![page]);
        if !self.project {
            return pages;
        }
        let repository_path = format!("/repos/{}/keys", self.url.slug());
        let project_page = |page: String| page.replacen(&repository_path, "/keys", 1);
        pages.into_iter().map(project_page).collect()
    }

    /// The page of a Data Center by its configured address, which a clone URL over SSH does not contain.
    fn server_page(&self) -> Option<String> {
        let rest = self.rest.as_ref()?;
        if rest.deployment != Deployment::DataCenter {
            return None;
        }
        let base = rest.web_url.clone();
        let base = base.unwrap_or_else(|| rest.base_url.to_string());
        let namespace = self.url.namespace()?;
        let slug = self.url.slug();
        let https = format!("{}/scm/{namespace}/{slug}.git", base.trim_end_matches('/'));
        let url: CloneUrl = https.parse().ok()?;
        let page = url.key_pages().into_iter().next();
        page.map(|page| page.url)
    }

    /// The connection to save, with the key and the address of the repository.
    pub(super) fn connection(&self, remote: &SshRemote) -> Result<Connection, Error> {
        let mut connection = match (&self.target.existing, &self.rest) {
            (Some(existing), _) => existing.clone(),
            (None, Some(rest)) => Connection {
                web_url: rest.web_url.clone(),
                ..Connection::without_credential(rest.deployment, rest.base_url.clone())
            },
            (None, None) => {
                let server: Result<DetectedServer, BaseUrlError> =
                    self.clone_url(&self.remote).parse();
                let server = server.map_err(|error| Error::usage(error.to_string(), ""))?;
                Connection::without_credential(self.deployment, server.base_url)
            }
        };
        connection.repository = Some(self.slug().to_owned());
        if connection.namespace().is_none() {
            *connection.namespace_mut() = self.namespace();
        }
        connection.clone_url = Some(self.clone_url(remote));
        connection.key_path = Some(self.key_path.clone());
        Ok(connection)
    }
}

/// Refuses contradictory flags.
fn validate_flags(args: &Args, deployment: Deployment) -> Result<(), Error> {
    let usage = |message: &str, hint: &str| Err(Error::usage(message.to_owned(), hint));
    let is_cloud = deployment == Deployment::Cloud;
    match args.register {
        Some(Register::DeployKey) if is_cloud && args.write => usage(
            "deploy keys of Bitbucket Cloud are read-only",
            "omit --register to register the key with your account, or omit --write",
        ),
        Some(Register::UserKey) if args.project => usage(
            "keys of an account belong to no project",
            "omit --project or --register user-key",
        ),
        None if is_cloud && args.write && args.project => usage(
            "deploy keys of Bitbucket Cloud are read-only, also those of projects",
            "omit --project or --write",
        ),
        _ => Ok(()),
    }
}

/// The path of the key: given, of the existing connection, or the default. If another connection has a key at the default
/// path, for a repository of the same name on another server, the host is a part of the name.
fn key_path(
    args: &Args,
    url: &CloneUrl,
    app: &App,
    existing: Option<&Connection>,
) -> Result<PathBuf, Error> {
    let existing = existing.and_then(|existing| existing.key_path.clone());
    let path = match (&args.key, existing) {
        (Some(path), _) => path.clone(),
        (None, Some(path)) => path,
        (None, None) => {
            let key_type = args.key_type.unwrap_or(KeyType::Ecdsa256);
            let stem = ssh::file_stem(Some(url));
            let dir = app.ssh_dir()?;
            let default = dir.join(format!("{stem}_{}", key_type.name()));
            let others = app.ssh_connections()?;
            let is_taken = others
                .iter()
                .any(|other| other.key == default && !other.url.is_same_repository(url));
            if is_taken {
                let host = url.host().to_string().replace(':', "_");
                dir.join(format!("{stem}_{host}_{}", key_type.name()))
            } else {
                default
            }
        }
    };
    std::path::absolute(&path).map_err(|source| Error::Read { path, source })
}

/// What the REST API of the server shows.
struct ServerState {
    method: RegistrationMethod,
    repository: Option<Repository>,
    empty: Option<bool>,
    settings: SshSettings,
}

/// Finds out over REST, if there is a connection for it, whether the repository exists, how SSH is configured, and how the
/// key can be registered.
fn inspect(
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
        let state = manual("--register manual is given".to_owned());
        // Only needed for a URL that does not contain the SSH address. Otherwise the default port is tried.
        let selected = selected.filter(|_| url.guessed_forms().contains(&UrlForm::Ssh));
        let shown = selected.map(|selected| inspect_repository(app, url, &selected, steps));
        return Ok(match shown {
            Some(Ok((repository, empty, settings))) => ServerState {
                repository,
                empty,
                settings,
                ..state
            },
            Some(Err(_)) | None => state,
        });
    }
    let Some(selected) = selected else {
        let other_host = if url.deployment() == Deployment::Cloud {
            ""
        } else {
            " (-c NAME uses a connection whose SSH server has another host name)"
        };
        let name = url.display_name();
        return Ok(manual(format!("no API credential for {name}{other_host}")));
    };
    let deployment = selected.connection.deployment;
    let Some(repo) = repository_id(url, deployment) else {
        return Ok(manual(format!(
            "{} has no workspace or project",
            url.display_name()
        )));
    };
    let is_user_key =
        args.register == Some(Register::UserKey) || args.write && deployment == Deployment::Cloud;
    if is_user_key {
        selected.require_key_admin(&KeyOwner::Account)?;
    } else {
        selected.require_key_admin(&KeyOwner::Repository(repo.clone()))?;
    }
    let because = String::from(selected.reason.clone());
    steps.pass(StepId::Connection, format!("{} ({because})", selected.name));
    let auth = selected.connection.auth();
    let is_consumer = matches!(auth, AuthMethod::OAuth | AuthMethod::ClientCredentials);
    if deployment == Deployment::Cloud && is_consumer && !is_user_key {
        steps.warn(
            StepId::Connection,
            "a deploy key that an OAuth consumer registers stops working when the consumer is changed; use an API token \
             to avoid this",
        );
    }
    let bitbucket = app.authenticated_client(&selected)?;
    let (repository, empty) = fetch_repository(app, &selected, &bitbucket, &repo, steps)?;
    if args.write
        && let Some(repository) = &repository
    {
        require_not_archived(repository)?;
    }
    let repo = repository.as_ref().map_or(repo, Repository::path);
    let settings = app.ssh_settings(&bitbucket).unwrap_or_default();
    let owner = if is_user_key {
        KeyOwner::Account
    } else if args.project {
        project(deployment, &repo, repository.as_ref())?
    } else {
        KeyOwner::Repository(repo)
    };
    require_ssh_enabled(&settings, &owner)?;
    let access = owner.access(args.write);
    Ok(ServerState {
        method: RegistrationMethod::Api(Box::new(ApiRegistration {
            selected,
            bitbucket,
            owner,
            access,
        })),
        repository,
        empty,
        settings,
    })
}

fn inspect_repository(
    app: &App,
    url: &CloneUrl,
    selected: &SelectedConnection,
    steps: &mut StepLog<'_>,
) -> Result<(Option<Repository>, Option<bool>, SshSettings), Error> {
    let bitbucket = app.authenticated_client(selected)?;
    let (repository, empty) = match repository_id(url, selected.connection.deployment) {
        Some(repo) => fetch_repository(app, selected, &bitbucket, &repo, steps)?,
        None => (None, None),
    };
    let settings = app.ssh_settings(&bitbucket).unwrap_or_default();
    Ok((repository, empty, settings))
}

fn repository_id(url: &CloneUrl, deployment: Deployment) -> Option<RepoId> {
    let slug = url.slug().to_owned();
    let namespace = url.namespace()?;
    Some(RepoId { namespace, slug }.normalized(deployment))
}

/// The repository, and whether it is empty. A credential that may change the keys of a repository need not be able to read
/// it, so a 403 is not an error.
fn fetch_repository(
    app: &App,
    selected: &SelectedConnection,
    bitbucket: &Bitbucket,
    repo: &RepoId,
    steps: &mut StepLog<'_>,
) -> Result<(Option<Repository>, Option<bool>), Error> {
    let _progress = app.ui.progress("reading the repository");
    let response = app.block_on(async {
        let repository = bitbucket.repository(repo).await?;
        let empty = bitbucket.is_empty(repo).await;
        Ok::<_, ApiError>((repository, empty.ok()))
    })?;
    match response {
        Ok((repository, empty)) => {
            let state = match empty {
                Some(true) => ", which is empty",
                Some(false) => ", which has branches",
                None => "",
            };
            let Repository {
                namespace, slug, ..
            } = &repository;
            steps.pass(StepId::Repository, format!("{namespace}/{slug}{state}"));
            if repo.is_renamed_to(&repository.path()) {
                let note = format!("{repo} was renamed to {namespace}/{slug}");
                steps.warn(StepId::Repository, note);
            }
            if repository.archived == Some(true) {
                steps.warn(StepId::Repository, "archived, so it is read-only");
            }
            Ok((Some(repository), empty))
        }
        Err(ApiError::Forbidden { message, .. }) => {
            let note = format!("the repository cannot be read: {message}");
            steps.warn(StepId::Repository, note);
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
        Error::not_found(
            format!("the project of {repo} is unknown"),
            "omit --project",
        )
    })?;
    Ok(KeyOwner::Project {
        workspace: Some(repo.namespace.clone()),
        key,
    })
}

fn require_ssh_enabled(settings: &SshSettings, owner: &KeyOwner) -> Result<(), Error> {
    let disabled = |message: &str, hint: &str| Err(Error::unsupported(message, hint));
    if settings.enabled == Some(false) {
        return disabled(
            "SSH access is disabled on this server",
            "ask the administrator to enable Administration > SSH access, or use HTTPS",
        );
    }
    if settings.access_keys_enabled == Some(false) && *owner != KeyOwner::Account {
        return disabled(
            "SSH access keys are disabled on this server",
            "pass --register user-key to register the key with your account",
        );
    }
    Ok(())
}

/// The SSH URL of a repository. An SSH URL of a Data Center is used as given. Otherwise the clone link of the server comes
/// first, then its SSH base URL. URLs of Cloud are moved to the present SSH host.
fn ssh_url(
    url: &CloneUrl,
    repository: Option<&Repository>,
    settings: &SshSettings,
) -> Result<String, Error> {
    let given = url.ssh();
    if url.transport() == Transport::Ssh && url.deployment() != Deployment::Cloud {
        return given.ok_or_else(ssh_url_unknown);
    }
    let link = repository.and_then(|repository| repository.ssh.as_deref());
    let link = link.and_then(|ssh| ssh.parse::<CloneUrl>().ok()?.ssh());
    let by_settings = settings.base_url.as_deref().map(|base| {
        let namespace = url.namespace().unwrap_or_default().to_lowercase();
        let base = base.trim_end_matches('/');
        let host = base.strip_prefix("ssh://").unwrap_or(base);
        let user = if host.contains('@') { "" } else { "git@" };
        format!("ssh://{user}{host}/{namespace}/{}.git", url.slug())
    });
    link.or(by_settings).or(given).ok_or_else(ssh_url_unknown)
}

/// The SSH URL with the current name of a repository; `None` where it has it.
fn renamed(ssh_url: &str, current: &RepoId) -> Option<String> {
    let url: CloneUrl = ssh_url.parse().ok()?;
    let former = RepoId {
        namespace: url.namespace()?,
        slug: url.slug().to_owned(),
    };
    let mut remote: SshRemote = ssh_url.parse().ok()?;
    let namespace = current.namespace.to_lowercase();
    remote.path = format!("/{namespace}/{}.git", current.slug);
    former.is_renamed_to(current).then(|| remote.to_url())
}

fn ssh_url_unknown() -> Error {
    Error::usage(
        "the SSH address of this repository is unknown",
        "use the SSH clone URL of the repository",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_ssh_url_comes_before_the_servers() {
        let server = |ssh: Option<&str>| Repository {
            ssh: ssh.map(str::to_owned),
            ..Repository::default()
        };
        let settings = |base: Option<&str>| SshSettings {
            base_url: base.map(str::to_owned),
            ..SshSettings::default()
        };
        let https = "https://git.example.com/scm/web/site.git";
        for (url, link, base, expected) in [
            (
                "ssh://git@git.example.com:2222/web/site.git",
                Some("ssh://git@other.example.com:7999/web/site.git"),
                None,
                "ssh://git@git.example.com:2222/web/site.git",
            ),
            (
                https,
                Some("ssh://git@ssh.example.com:7999/web/site.git"),
                Some("ssh://third.example.com"),
                "ssh://git@ssh.example.com:7999/web/site.git",
            ),
            (
                https,
                None,
                Some("ssh://ssh.example.com:7998/"),
                "ssh://git@ssh.example.com:7998/web/site.git",
            ),
            (
                https,
                None,
                None,
                "ssh://git@git.example.com:7999/web/site.git",
            ),
            (
                "git@bitbucket.org:acme/site.git",
                Some("git@bitbucket.org:acme/site.git"),
                None,
                "git@ssh.bitbucket.org:acme/site.git",
            ),
        ] {
            let found = ssh_url(&url.parse().unwrap(), Some(&server(link)), &settings(base));
            assert_eq!(found.unwrap(), expected, "{url}");
        }
    }
}
