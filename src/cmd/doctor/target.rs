//! What is looked at: a connection, a server or a repository, and what is known of it beforehand.

use crate::context::{App, SelectedConnection, SshConnection};
use crate::error::Error;
use crate::model::clone_url::{CloneUrl, Transport, UrlWarning, UrlWarningKind};
use crate::model::connection::{
    AuthMethod, BaseUrl, BaseUrlError, Connection, ConnectionName, DetectedServer,
};
use crate::model::deployment::Deployment;
use crate::model::ssh_address::{SshHost, SshRemote};

/// What is looked at.
#[derive(Debug)]
pub(super) struct DoctorTarget {
    /// The connection that it was found by.
    pub(super) name: Option<ConnectionName>,
    /// Whose credential is shown; `None` for nobody's.
    pub(super) chosen: Option<SelectedConnection>,
    /// How the server is reached over HTTP; `None` where that is not known.
    pub(super) connection: Option<Connection>,
    /// The address over HTTP was guessed from one over SSH.
    pub(super) is_guess: bool,
    /// The connection whose SSH key is used.
    pub(super) keyed: Option<SshConnection>,
    /// The repository over SSH.
    pub(super) address: Option<SshRemote>,
    /// SSH is what is wanted, rather than something that may be there as well.
    pub(super) wants_ssh: bool,
    /// What should be said about the URL.
    pub(super) notes: Vec<UrlWarning>,
}

impl DoctorTarget {
    /// Finds what is meant; or why the argument cannot be read.
    pub(super) fn find(
        argument: Option<&str>,
        context: &App,
    ) -> Result<Result<Self, BaseUrlError>, Error> {
        let Some(text) = argument.map(str::trim) else {
            return Self::of_connection(context.select()?, context).map(Ok);
        };
        let names = context.connection_file().load()?.names();
        let is_word = !text.contains(['.', ':', '/', '@']) && text != "localhost";
        if is_word || names.iter().any(|name| name == text) {
            return Self::of_connection(context.select_by_name(text)?, context).map(Ok);
        }
        let found: DetectedServer = match text.parse() {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let url = text.parse::<CloneUrl>().ok();
        let of_repository = url.filter(|_| found.over_ssh || found.repository.is_some());
        if let Some(url) = of_repository {
            return Self::of_url(text, &url, &found, context).map(Ok);
        }
        let chosen = context
            .select_for_base_url(&found.base_url)?
            .map(|mut chosen| {
                chosen.connection.base_url = found.base_url.clone();
                chosen
            });
        let connection = match &chosen {
            Some(chosen) => chosen.connection.clone(),
            None => anonymous_connection(found.deployment, found.base_url),
        };
        Ok(Ok(Self {
            name: chosen.as_ref().map(|chosen| chosen.name.clone()),
            chosen,
            connection: Some(connection),
            is_guess: false,
            keyed: None,
            address: None,
            wants_ssh: false,
            notes: Vec::new(),
        }))
    }

    fn of_connection(chosen: SelectedConnection, context: &App) -> Result<Self, Error> {
        let name = chosen.name.clone();
        let text = chosen.connection.clone_url.clone();
        let url = text
            .as_deref()
            .and_then(|text| text.parse::<CloneUrl>().ok());
        let keyed = SshConnection::of(name.clone(), chosen.connection.clone());
        let address = keyed.as_ref().map(|keyed| keyed.address.clone());
        let notes = url.iter().flat_map(CloneUrl::notes).cloned().collect();
        let mut target = Self {
            name: Some(name),
            connection: Some(chosen.connection.clone()),
            is_guess: false,
            wants_ssh: address.is_some(),
            keyed,
            address,
            notes: relevant_warnings(notes),
            chosen: None,
        };
        if chosen.connection.auth != AuthMethod::Ssh {
            target.chosen = Some(chosen);
            return Ok(target);
        }
        target.wants_ssh = true;
        let rest = match &url {
            Some(url) => context.api_connection_for_url(url)?,
            None => None,
        };
        let found = text.and_then(|text| text.parse::<DetectedServer>().ok());
        target.over_http(rest, found.as_ref());
        Ok(target)
    }

    fn of_url(
        text: &str,
        url: &CloneUrl,
        found: &DetectedServer,
        context: &App,
    ) -> Result<Self, Error> {
        let all = context.ssh_connections()?;
        let keyed = all
            .into_iter()
            .find(|keyed| keyed.url.is_same_repository(url));
        let over_ssh = url.transport() == Transport::Ssh;
        let address = if over_ssh {
            url.ssh().and_then(|ssh| ssh.parse::<SshRemote>().ok())
        } else {
            None
        };
        // The old host of Cloud is looked at as it stands: that is what git asks.
        let as_written = text.parse::<SshRemote>().ok().filter(|_| over_ssh);
        let address = as_written.or(address);
        let mut target = Self {
            name: keyed.as_ref().map(|keyed| keyed.name.clone()),
            chosen: None,
            connection: None,
            is_guess: false,
            address: address.or_else(|| keyed.as_ref().map(|keyed| keyed.address.clone())),
            keyed,
            wants_ssh: over_ssh,
            notes: relevant_warnings(url.notes().to_vec()),
        };
        let rest = context.api_connection_for_url(url)?;
        target.over_http(rest, Some(found));
        Ok(target)
    }

    /// The way over HTTP: that of the connection with REST, else the one that the URL suggests.
    fn over_http(&mut self, rest: Option<SelectedConnection>, found: Option<&DetectedServer>) {
        if let Some(rest) = rest {
            self.connection = Some(rest.connection.clone());
            self.name = self.name.take().or_else(|| Some(rest.name.clone()));
            self.chosen = Some(rest);
            return;
        }
        let found = found.filter(|found| found.base_url.url().scheme() != "ssh");
        self.connection =
            found.map(|found| anonymous_connection(found.deployment, found.base_url.clone()));
        self.is_guess =
            found.is_some_and(|found| found.over_ssh && found.deployment != Deployment::Cloud);
    }

    /// The base URL over HTTP.
    pub(super) fn base(&self) -> Option<&BaseUrl> {
        self.connection
            .as_ref()
            .map(|connection| &connection.base_url)
    }

    /// Whether it is Bitbucket Cloud at its own address, and not one that only speaks like it.
    pub(super) fn is_real_cloud(&self) -> bool {
        let base = self.base().map(BaseUrl::url);
        base.and_then(url::Url::host_str) == Some("api.bitbucket.org")
    }

    /// Where SSH is, as far as it is known without asking.
    pub(super) fn ssh_host(&self) -> Option<SshHost> {
        if let Some(address) = &self.address {
            return Some(address.host.clone());
        }
        let cloud = self
            .is_real_cloud()
            .then(|| SshHost::new("ssh.bitbucket.org", 22));
        cloud.and_then(Result::ok)
    }

    /// What it is called, for people.
    pub(super) fn title(&self) -> String {
        let base = self.base().map(ToString::to_string);
        let host = || {
            self.address
                .as_ref()
                .map(|address| address.host.to_string())
        };
        let place = base.filter(|_| !self.is_guess).or_else(host);
        let name = self.name.as_ref().map(ToString::to_string);
        let parts = [name, place].into_iter().flatten();
        parts.collect::<Vec<_>>().join("  ")
    }
}

fn anonymous_connection(deployment: Deployment, base_url: BaseUrl) -> Connection {
    Connection::new(deployment, base_url, AuthMethod::Ssh)
}

/// A web page or `git clone` in front is as good a way to name a repository as any.
fn relevant_warnings(mut notes: Vec<UrlWarning>) -> Vec<UrlWarning> {
    notes.retain(|note| {
        !matches!(
            note.id,
            UrlWarningKind::GitClonePrefix | UrlWarningKind::WebUrl
        )
    });
    notes
}
