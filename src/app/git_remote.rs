//! How git reaches a repository with a connection: to clone it, over HTTPS with the credential or over SSH with the key,
//! and to fetch and push, over HTTPS.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;
use zeroize::Zeroizing;

use super::{App, HelperConnection};
use crate::error::Error;
use crate::git::PushTarget;
use crate::resolve::{
    Needs, RepositorySource, Request, Resolved, ResolvedRepository, SelectedConnection,
    SshConnection, git_base_urls, git_http_url, git_username, is_clone_url_of,
};
use crate::ssh::{PrivateKeyFile, Service};
use crate::types::clone_url::{CloneUrl, Transport};
use crate::types::connection::{AuthMethod, Connection, Origin};
use crate::types::deployment::Deployment;
use crate::types::operation::Operation;
use crate::types::repository::{RepoRef, Repository};
use crate::types::secret::Secret;

/// A repository that the connection can read, and how git clones it.
#[derive(Debug)]
pub(crate) struct CloneSource {
    pub(crate) repository: ResolvedRepository,
    pub(crate) connection: SelectedConnection,
    /// Without a credential.
    pub(crate) url: String,
    /// The configuration that the clone keeps.
    pub(crate) config: Vec<(String, String)>,
    /// Variables of git's environment.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl App {
    /// Finds the connection for a repository, and verifies that it can read it. Without a transport it is SSH where the
    /// connection has a key for the repository.
    pub(crate) fn clone_source(
        &self,
        reference: &RepoRef,
        transport: Option<Transport>,
    ) -> Result<CloneSource, Error> {
        let request = Request::repository(Some(reference), Needs::Nothing);
        let resolved = self.resolve(&request)?;
        if resolved.connection.connection.auth() == AuthMethod::Ssh
            && transport != Some(Transport::Https)
            && let Some(url) = own_url(&resolved.connection, reference)
        {
            return self.ssh_only_source(resolved, reference, &url);
        }
        let (selected, bitbucket, repository) = self.client_for_repo(Some(reference))?;
        let request = bitbucket.repository(&repository.id);
        let found = self.request(&selected, Operation::ReadRepositories, request)?;
        let key = SshConnection::new(selected.name.clone(), selected.connection.clone());
        let key = key.filter(|key| key.is_for(reference));
        let mut source = CloneSource {
            repository: repository.with_current_name(found.path()),
            url: String::new(),
            config: Vec::new(),
            environment: Vec::new(),
            connection: selected,
        };
        match (transport, key) {
            (Some(Transport::Ssh) | None, Some(key)) => self.use_key(&mut source, &key)?,
            (Some(Transport::Ssh), None) => source.url = ssh_url(&source.connection, &found)?,
            (Some(_) | None, _) => self.use_credential(&mut source, &found)?,
        }
        Self::record(&mut source);
        Ok(source)
    }

    /// A connection without REST: the repository is requested over SSH.
    fn ssh_only_source(
        &self,
        resolved: Resolved,
        reference: &RepoRef,
        url: &CloneUrl,
    ) -> Result<CloneSource, Error> {
        let connection = resolved.connection;
        let id = reference.resolve(&connection.connection)?;
        let key = SshConnection::new(connection.name.clone(), connection.connection.clone());
        let mut source = CloneSource {
            repository: ResolvedRepository::new(
                id.normalized(connection.connection.deployment),
                RepositorySource::Flag,
            ),
            connection,
            url: url.ssh().unwrap_or_default(),
            config: Vec::new(),
            environment: Vec::new(),
        };
        if let Some(key) = key {
            self.use_key(&mut source, &key)?;
        }
        Self::record(&mut source);
        Ok(source)
    }

    /// Requests the repository with the key at the URL that it was registered for, and lets git use only this key.
    fn use_key(&self, source: &mut CloneSource, key: &SshConnection) -> Result<(), Error> {
        let file = PrivateKeyFile::read(&key.key)?;
        let destination = self.ssh_destination(&key.remote)?;
        let options = self.ssh_options(Some(&file), &destination);
        self.check_access(&options, &destination.remote(&key.remote), Service::Read)?;
        source.url = key.remote.to_url();
        let command = options.command_line(self.ssh_program())?;
        source.config.extend([
            ("core.sshCommand".to_owned(), command.clone()),
            ("ssh.variant".to_owned(), "ssh".to_owned()),
        ]);
        // The environment must not replace the command that was tested.
        source.environment.extend([
            ("GIT_SSH_COMMAND", command),
            ("GIT_SSH_VARIANT", "ssh".to_owned()),
        ]);
        Ok(())
    }

    fn use_credential(
        &self,
        source: &mut CloneSource,
        repository: &Repository,
    ) -> Result<(), Error> {
        let selected = &source.connection;
        let url = git_url(&selected.connection, repository);
        source.url = without_user(&url);
        let name = selected.name.to_string();
        let helper = if selected.is_stored() {
            HelperConnection::Preferred(&name)
        } else {
            HelperConnection::Resolved
        };
        source.config = self.git_config_entries(&selected.connection, helper)?;
        Ok(())
    }

    /// Records connection and repository in the configuration of the clone.
    fn record(source: &mut CloneSource) {
        let selected = &source.connection;
        if selected.is_stored() {
            let name = selected.name.to_string();
            source
                .environment
                .push(("BBCONNECT_CONNECTION", name.clone()));
            source
                .config
                .push(("bbconnect.connection".to_owned(), name));
        }
        let repository = source.repository.id.to_string();
        source
            .config
            .push(("bbconnect.repository".to_owned(), repository));
    }
}

/// The clone URL of a connection, where it is that of the repository.
fn own_url(selected: &SelectedConnection, reference: &RepoRef) -> Option<CloneUrl> {
    let url: CloneUrl = selected.connection.clone_url.as_deref()?.parse().ok()?;
    is_clone_url_of(&url, reference).then_some(url)
}

/// The SSH URL that the server reports.
fn ssh_url(selected: &SelectedConnection, repository: &Repository) -> Result<String, Error> {
    repository.ssh.clone().ok_or_else(|| {
        let message = format!(
            "{} reports no SSH URL of {}",
            selected.connection.base_url,
            repository.path()
        );
        Error::usage(message, "pass --https")
    })
}

/// A clone URL of Bitbucket Cloud contains the user name of the account.
fn without_user(url: &str) -> String {
    let Ok(mut parsed) = url.parse::<Url>() else {
        return url.to_owned();
    };
    let is_without = parsed.set_username("").is_ok() && parsed.set_password(None).is_ok();
    if is_without {
        parsed.into()
    } else {
        url.to_owned()
    }
}

/// Longer than the limit of a request: git transfers more.
const LIMIT: Duration = Duration::from_mins(10);

impl App {
    /// The URL of a repository for git over HTTP, and its credential.
    pub(crate) fn git_remote(
        &self,
        selected: &SelectedConnection,
        repository: &Repository,
    ) -> Result<PushTarget, Error> {
        let connection = &selected.connection;
        let secret = if connection.auth().is_oauth() {
            self.access_token(&selected.name, connection)?.0
        } else {
            self.secret_of(selected)?
        };
        let is_server = connection.deployment != Deployment::Cloud;
        let is_token = matches!(
            connection.auth(),
            AuthMethod::HttpAccessToken | AuthMethod::OAuth | AuthMethod::ClientCredentials
        );
        let authorization = if is_server && is_token {
            format!("Bearer {}", secret.expose())
        } else {
            let user = git_username(connection);
            let pair = Zeroizing::new(format!("{user}:{}", secret.expose()));
            let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
            self.ui.redactor().add(&encoded);
            format!("Basic {}", encoded.as_str())
        };
        self.ui.redactor().add(secret.expose());
        Ok(PushTarget {
            url: git_url(connection, repository),
            authorization: Secret::new(authorization),
            network: connection.network.clone(),
            limit: self.child_timeout(LIMIT),
        })
    }
}

/// The clone link, where it is on the connection's own server; else the usual URL there.
fn git_url(connection: &Connection, repository: &Repository) -> String {
    let bases = git_base_urls(connection);
    let link = repository
        .https
        .as_deref()
        .and_then(|link| Url::parse(link).ok());
    let is_own = |link: &Url| {
        bases
            .iter()
            .any(|base| Origin::from_url(base) == Origin::from_url(link))
    };
    if let Some(link) = link.filter(is_own) {
        return link.into();
    }
    git_http_url(connection, &repository.namespace, &repository.slug)
}

#[cfg(test)]
mod tests {
    #[test]
    fn urls_have_no_user() {
        for (url, expected) in [
            (
                "https://jane@bitbucket.org/acme/site.git",
                "https://bitbucket.org/acme/site.git",
            ),
            (
                "https://jane:pw@host:7990/scm/web/site.git",
                "https://host:7990/scm/web/site.git",
            ),
        ] {
            assert_eq!(super::without_user(url), expected);
        }
    }
}
