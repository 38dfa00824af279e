//! What is to be done, found out before anything is made; what cannot work is said here.

use std::path::PathBuf;

use super::output;
use super::ssh_url::{resolve_ssh_alias, ssh_url, ssh_url_unknown};
use super::step::StepLog;
use super::{Args, Register, checkout, inspect, save};
use crate::app::App;
use crate::bitbucket::Bitbucket;
use crate::error::Error;
use crate::resolve::{Needs, SelectedConnection, Target};
use crate::ssh::{self, PrivateKeyFile, Refs};
use crate::types::clone_url::{CloneUrl, KeyAccess};
use crate::types::connection::{Connection, ConnectionName};
use crate::types::deployment::Deployment;
use crate::types::key_type::KeyType;
use crate::types::public_key::PublicKey;
use crate::types::registered_key::{Access, KeyOwner, NewKey};
use crate::types::repository::Repository;
use crate::types::ssh_address::{SshHost, SshRemote};
use crate::types::ssh_settings::SshSettings;

/// How the key gets to the server.
#[derive(Debug)]
pub(super) enum RegistrationMethod {
    /// It is registered over REST.
    Api {
        chosen: Box<SelectedConnection>,
        bitbucket: Box<Bitbucket>,
        owner: KeyOwner,
        access: Access,
    },
    /// A person registers it.
    Manual { reason: String },
}

/// What is to be done.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) url: CloneUrl,
    pub(super) deployment: Deployment,
    pub(super) remote: SshRemote,
    /// The same as a clone URL.
    ssh_url: String,
    pub(super) method: RegistrationMethod,
    pub(super) settings: SshSettings,
    pub(super) name: ConnectionName,
    /// Somebody chose the name.
    pub(super) is_named: bool,
    pub(super) existing: Option<Connection>,
    pub(super) key_path: PathBuf,
    pub(super) wanted_type: Option<KeyType>,
    pub(super) on_server: Option<Repository>,
    pub(super) empty: Option<bool>,
    /// The connection with REST, for what is the same with this one.
    pub(super) rest: Option<Connection>,
    write: bool,
    /// The key is to be the project's.
    of_project: bool,
}

impl Plan {
    pub(super) fn build(args: &Args, app: &App, steps: &mut StepLog<'_>) -> Result<Self, Error> {
        for warning in args.clone_url.notes() {
            steps.warn("url", warning.message.clone());
        }
        let url = resolve_ssh_alias(&args.clone_url, steps)?;
        if let Some(key) = &args.key {
            PrivateKeyFile::read(key)?;
        }
        if let Some(folder) = &args.clone {
            checkout::check_free(folder, &url)?;
        }
        let (name, existing) = save::resolve_name(args, app, &url)?;
        let key_path = key_path(args, &url, app, existing.as_ref())?;
        let selected = app.connection_for(Target::CloneUrl(&url), Needs::KeyAdmin)?;
        let rest = selected
            .as_ref()
            .map(|selected| selected.connection.clone());
        let deployment = rest
            .as_ref()
            .map_or(url.deployment(), |rest| rest.deployment);
        validate_flags(args, deployment)?;
        let found = inspect::inspect(args, app, &url, selected, steps)?;
        if args.project
            && deployment == Deployment::Cloud
            && matches!(found.method, RegistrationMethod::Manual { .. })
        {
            return Err(Error::Usage {
                message: "which project the repository belongs to is not told without a connection"
                    .to_owned(),
                hint: Some(
                    "leave out --project; or save a connection first: bbconnect connection add"
                        .into(),
                ),
            });
        }
        let ssh_url = ssh_url(&url, found.repository.as_ref(), &found.settings)?;
        let remote = ssh_url.parse().map_err(|_| ssh_url_unknown())?;
        steps.pass("url", format!("{} is at {ssh_url}", url.display_name()));
        Ok(Self {
            remote,
            ssh_url,
            method: found.method,
            settings: found.settings,
            wanted_type: args.key_type,
            on_server: found.repository,
            empty: found.empty,
            rest,
            write: args.write,
            of_project: args.project,
            url,
            deployment,
            name,
            is_named: args.name.is_some(),
            existing,
            key_path,
        })
    }

    /// The kind of key to make.
    pub(super) fn key_type(&self) -> KeyType {
        self.wanted_type.unwrap_or(KeyType::Ecdsa256)
    }

    /// What the key is to be able to do.
    pub(super) fn access(&self) -> Access {
        match (&self.method, self.write) {
            (RegistrationMethod::Api { access, .. }, _) => *access,
            (RegistrationMethod::Manual { .. }, true) => Access::Write,
            (RegistrationMethod::Manual { .. }, false) => Access::Read,
        }
    }

    pub(super) fn new_key(&self, args: &Args, public: &PublicKey, access: Access) -> NewKey {
        let title = args.title.clone().unwrap_or_else(|| {
            let namespace = self.url.namespace().map(|name| format!("{name}/"));
            format!(
                "bbconnect {}{}",
                namespace.unwrap_or_default(),
                self.url.slug()
            )
        });
        NewKey {
            public: public.clone(),
            title,
            access,
        }
    }

    /// The repository, by what REST and SSH tell of it.
    pub(super) fn repository(&self, refs: Option<&Refs>) -> output::Repository {
        let on_server = self.on_server.as_ref();
        let branch = refs.and_then(|refs| refs.default_branch.clone());
        output::Repository {
            namespace: on_server
                .map(|repository| repository.namespace.clone())
                .or_else(|| self.url.namespace()),
            slug: on_server.map_or_else(
                || self.url.slug().to_owned(),
                |repository| repository.slug.clone(),
            ),
            empty: refs.map(|refs| refs.empty).or(self.empty),
            default_branch: branch
                .or_else(|| on_server.and_then(|repository| repository.default_branch.clone())),
        }
    }

    /// The repository through another server.
    pub(super) fn with_host(&self, host: SshHost) -> SshRemote {
        self.remote.with_host(host)
    }

    /// The clone URL for an address.
    pub(super) fn clone_url(&self, remote: &SshRemote) -> String {
        if *remote == self.remote {
            self.ssh_url.clone()
        } else {
            remote.to_url()
        }
    }

    /// The pages where the key can be registered by hand, so that it may do what it is to do.
    pub(super) fn pages(&self) -> Vec<String> {
        let by_url = || {
            let pages = self.url.key_pages().into_iter();
            let fitting = pages.filter(|page| !self.write || page.rights != KeyAccess::Read);
            fitting.map(|page| page.url).collect()
        };
        let pages = self.page_on_server().map_or_else(by_url, |page| vec![page]);
        if !self.of_project {
            return pages;
        }
        let of_repository = format!("/repos/{}/keys", self.url.slug());
        let of_project = |page: String| page.replacen(&of_repository, "/keys", 1);
        pages.into_iter().map(of_project).collect()
    }
}

impl Plan {
    /// The page of a Data Center whose address is known: a clone URL over SSH does not tell its website.
    fn page_on_server(&self) -> Option<String> {
        let rest = self.rest.as_ref()?;
        if rest.deployment != Deployment::DataCenter {
            return None;
        }
        let base = rest.web_url.clone();
        let base = base.unwrap_or_else(|| rest.base_url.to_string());
        let namespace = self.url.namespace()?;
        let slug = self.url.slug();
        let with_layout = format!("{}/scm/{namespace}/{slug}.git", base.trim_end_matches('/'));
        let url: CloneUrl = with_layout.parse().ok()?;
        let page = url.key_pages().into_iter().next();
        page.map(|page| page.url)
    }
}

/// What contradicts itself.
fn validate_flags(args: &Args, deployment: Deployment) -> Result<(), Error> {
    let usage = |message: &str, hint: &str| {
        Err(Error::Usage {
            message: message.to_owned(),
            hint: Some(hint.into()),
        })
    };
    let is_cloud = deployment == Deployment::Cloud;
    match args.register {
        Some(Register::DeployKey) if is_cloud && args.write => usage(
            "deploy keys of Bitbucket Cloud are read-only",
            "leave out --register, and the key becomes one of yours; or leave out --write",
        ),
        Some(Register::UserKey) if args.project => usage(
            "a key of yours belongs to no project",
            "leave out --project or --register user-key",
        ),
        None if is_cloud && args.write && args.project => usage(
            "deploy keys of Bitbucket Cloud are read-only, those of projects as well",
            "leave out --project or --write",
        ),
        _ => Ok(()),
    }
}

/// The key of the connection, or the usual place for one; where that is another connection's, such as one for a repository
/// of the same name on another server, the server is part of the name.
fn key_path(
    args: &Args,
    url: &CloneUrl,
    app: &App,
    before: Option<&Connection>,
) -> Result<PathBuf, Error> {
    let kept = before.and_then(|before| before.key_path.clone());
    let path = match (&args.key, kept) {
        (Some(path), _) => path.clone(),
        (None, Some(path)) => path,
        (None, None) => {
            let key_type = args.key_type.map_or(KeyType::Ecdsa256, KeyType::from);
            let stem = ssh::file_stem(Some(url));
            let folder = app.ssh_dir()?;
            let usual = folder.join(format!("{stem}_{}", key_type.name()));
            let others = app.ssh_connections()?;
            let is_taken = others
                .iter()
                .any(|other| other.key == usual && !other.url.is_same_repository(url));
            if is_taken {
                let host = url.host().to_string().replace(':', "_");
                folder.join(format!("{stem}_{host}_{}", key_type.name()))
            } else {
                usual
            }
        }
    };
    std::path::absolute(&path).map_err(|source| Error::Read { path, source })
}
