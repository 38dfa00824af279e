//! What `doctor` checks: a connection, a server or a repository.

use crate::app::App;
use crate::error::Error;
use crate::resolve::{
    Needs, RepositorySource, ResolvedRepository, SelectedConnection, SshConnection, Target,
};
use crate::ssh::Destination;
use crate::types::clone_url::{CloneUrl, Transport, UrlWarning, UrlWarningKind};
use crate::types::cloud_hosts;
use crate::types::connection::{
    AuthMethod, BaseUrl, BaseUrlError, Connection, ConnectionName, DetectedServer,
};
use crate::types::deployment::Deployment;
use crate::types::repository::RepoId;
use crate::types::ssh_address::{SshHost, SshRemote};

#[derive(Debug, Default)]
pub(super) struct DoctorTarget {
    /// The connection to report.
    pub(super) name: Option<ConnectionName>,
    /// The connection whose credential is sent; `None` for anonymous requests only.
    pub(super) selected: Option<SelectedConnection>,
    /// The settings for HTTP; `None` where no base URL is known.
    pub(super) connection: Option<Connection>,
    /// The base URL was derived from an SSH URL.
    pub(super) is_guess: bool,
    /// The connection whose SSH key is used.
    pub(super) ssh_connection: Option<SshConnection>,
    /// The repository over SSH, as git names it.
    pub(super) remote: Option<SshRemote>,
    /// Its server, with the user's SSH configuration.
    pub(super) destination: Option<Destination>,
    /// What the host of the URL stands for in the user's SSH configuration.
    pub(super) alias: Option<String>,
    /// The repository, and what named it.
    pub(super) repository: Option<ResolvedRepository>,
    /// SSH was asked for, so that its failures count.
    pub(super) wants_ssh: bool,
    /// Warnings about the URL.
    pub(super) warnings: Vec<UrlWarning>,
}

impl DoctorTarget {
    /// The target of an argument. The inner error is an argument that cannot be parsed.
    pub(super) fn find(
        argument: Option<&str>,
        app: &App,
    ) -> Result<Result<Self, BaseUrlError>, Error> {
        let Some(text) = argument.map(str::trim) else {
            return Self::of_connection(app.select()?, app).map(Ok);
        };
        let names = app.connection_file().load()?.names();
        let is_word = !text.contains(['.', ':', '/', '@']) && text != "localhost";
        if is_word || names.iter().any(|name| name == text) {
            return Self::of_connection(app.select_by_name(text)?, app).map(Ok);
        }
        let detected: DetectedServer = match text.parse() {
            Ok(detected) => detected,
            Err(error) => return Ok(Err(error)),
        };
        let url = text.parse::<CloneUrl>().ok();
        let repository_url = url.filter(|_| detected.over_ssh || detected.repository.is_some());
        if let Some(url) = repository_url {
            return Self::of_url(text, &url, &detected, app).map(Ok);
        }
        let selected = app
            .connection_for(Target::Server(&detected.base_url), Needs::Rest)?
            .map(|mut selected| {
                selected.connection.base_url = detected.base_url.clone();
                selected
            });
        let connection = match &selected {
            Some(selected) => selected.connection.clone(),
            None => Connection::without_credential(detected.deployment, detected.base_url),
        };
        Ok(Ok(Self {
            name: selected.as_ref().map(|selected| selected.name.clone()),
            selected,
            connection: Some(connection),
            ..Self::default()
        }))
    }

    fn of_connection(selected: SelectedConnection, app: &App) -> Result<Self, Error> {
        let name = selected.name.clone();
        let text = selected.connection.clone_url.clone();
        let url = text
            .as_deref()
            .and_then(|text| text.parse::<CloneUrl>().ok());
        let ssh_connection = SshConnection::new(name.clone(), selected.connection.clone());
        let remote = ssh_connection
            .as_ref()
            .map(|ssh_connection| ssh_connection.remote.clone());
        let warnings = url.iter().flat_map(CloneUrl::notes).cloned().collect();
        let mut target = Self {
            name: Some(name),
            connection: Some(selected.connection.clone()),
            wants_ssh: remote.is_some(),
            repository: ssh_connection.as_ref().map(|ssh_connection| {
                let source = RepositorySource::Connection(ssh_connection.name.clone());
                ResolvedRepository::new(ssh_connection.repository(), source)
            }),
            ssh_connection,
            destination: remote
                .as_ref()
                .map(|remote| app.ssh_destination(remote))
                .transpose()?,
            remote,
            alias: match &url {
                Some(url) => app
                    .resolve_ssh_url(url)?
                    .map(|resolved| resolved.description),
                None => None,
            },
            warnings: relevant_warnings(warnings),
            ..Self::default()
        };
        if selected.connection.auth() != AuthMethod::Ssh {
            target.selected = Some(selected);
            return Ok(target);
        }
        target.wants_ssh = true;
        let rest = match &url {
            Some(url) => app.connection_for(Target::CloneUrl(url), Needs::Rest)?,
            None => None,
        };
        let detected = text.and_then(|text| text.parse::<DetectedServer>().ok());
        target.over_http(rest, detected.as_ref());
        Ok(target)
    }

    fn of_url(
        text: &str,
        url: &CloneUrl,
        detected: &DetectedServer,
        app: &App,
    ) -> Result<Self, Error> {
        let resolved = app.resolve_ssh_url(url)?;
        let is_repository = |other: &CloneUrl| {
            let resolved = resolved.as_ref().map(|resolved| &resolved.url);
            other.is_same_repository(url)
                || resolved.is_some_and(|resolved| other.is_same_repository(resolved))
        };
        let all = app.ssh_connections()?;
        let ssh_connection = all
            .into_iter()
            .find(|ssh_connection| is_repository(&ssh_connection.url));
        let over_ssh = url.transport() == Transport::Ssh;
        let remote = if over_ssh {
            url.ssh().and_then(|ssh| ssh.parse::<SshRemote>().ok())
        } else {
            None
        };
        // The old SSH host of Cloud is checked as written, because git uses it.
        let as_written = text.parse::<SshRemote>().ok().filter(|_| over_ssh);
        let remote = as_written.or(remote).or_else(|| {
            ssh_connection
                .as_ref()
                .map(|ssh_connection| ssh_connection.remote.clone())
        });
        let mut target = Self {
            name: ssh_connection
                .as_ref()
                .map(|ssh_connection| ssh_connection.name.clone()),
            destination: remote
                .as_ref()
                .map(|remote| app.ssh_destination(remote))
                .transpose()?,
            remote,
            ssh_connection,
            repository: url.namespace().map(|namespace| {
                let slug = url.slug().to_owned();
                let id = RepoId { namespace, slug }.normalized(url.deployment());
                ResolvedRepository::new(id, RepositorySource::Flag)
            }),
            wants_ssh: over_ssh,
            warnings: relevant_warnings(url.notes().to_vec()),
            alias: resolved
                .as_ref()
                .map(|resolved| resolved.description.clone()),
            ..Self::default()
        };
        // `url` has what the alias stands for.
        if resolved.is_some() {
            target
                .warnings
                .retain(|warning| warning.id != UrlWarningKind::SshConfigAlias);
        }
        // Data Center's address, which the alias does not have.
        let resolved_server = resolved.and_then(|resolved| resolved.url.to_string().parse().ok());
        let detected = resolved_server.as_ref().unwrap_or(detected);
        let rest = app.connection_for(Target::CloneUrl(url), Needs::Rest)?;
        target.over_http(rest, Some(detected));
        Ok(target)
    }

    /// Sets the HTTP route: that of an API connection, else the one that the URL suggests.
    fn over_http(&mut self, rest: Option<SelectedConnection>, detected: Option<&DetectedServer>) {
        if let Some(rest) = rest {
            self.connection = Some(rest.connection.clone());
            self.name = self.name.take().or_else(|| Some(rest.name.clone()));
            self.selected = Some(rest);
            return;
        }
        let detected = detected.filter(|detected| detected.base_url.url().scheme() != "ssh");
        self.connection = detected.map(|detected| {
            Connection::without_credential(detected.deployment, detected.base_url.clone())
        });
        self.is_guess = detected
            .is_some_and(|detected| detected.over_ssh && detected.deployment != Deployment::Cloud);
    }

    pub(super) fn base(&self) -> Option<&BaseUrl> {
        self.connection
            .as_ref()
            .map(|connection| &connection.base_url)
    }

    /// Whether this is Bitbucket Cloud itself, and not a server that implements the same API.
    pub(super) fn is_real_cloud(&self) -> bool {
        let base = self.base().map(BaseUrl::url);
        base.and_then(url::Url::host_str) == Some(cloud_hosts::API)
    }

    /// The SSH server, as far as it is known without a request.
    pub(super) fn ssh_host(&self) -> Option<SshHost> {
        if let Some(remote) = &self.remote {
            return Some(remote.host.clone());
        }
        let cloud = self
            .is_real_cloud()
            .then(|| SshHost::new(cloud_hosts::SSH, 22));
        cloud.and_then(Result::ok)
    }

    pub(super) fn title(&self) -> String {
        let base = self.base().map(ToString::to_string);
        let host = || self.remote.as_ref().map(|remote| remote.host.to_string());
        let server = base.filter(|_| !self.is_guess).or_else(host);
        let name = self.name.as_ref().map(ToString::to_string);
        let parts = [name, server].into_iter().flatten();
        parts.collect::<Vec<_>>().join("  ")
    }
}

/// Warnings that matter here: a web page or `git clone` in front is accepted.
fn relevant_warnings(mut warnings: Vec<UrlWarning>) -> Vec<UrlWarning> {
    warnings.retain(|warning| {
        !matches!(
            warning.id,
            UrlWarningKind::GitClonePrefix | UrlWarningKind::WebUrl
        )
    });
    warnings
}
