//! A parsed clone URL and the forms that can be derived from it: for SSH, for HTTPS, for a browser.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::address::{self, Address, Transport};
use super::error::CloneUrlError;
use super::host::Host;
use super::location::{self, DATA_CENTER_SSH_PORT, RepositoryLocation};
use super::pasted;
use super::path::is_personal;
use super::warnings::{self, UrlWarning, UrlWarningKind};
use crate::types::deployment::Deployment;
use crate::types::{cloud_hosts, git_url};

/// A clone URL, or the URL of a repository's web page or API resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneUrl {
    address: Address,
    location: RepositoryLocation,
    warnings: Vec<UrlWarning>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UrlForm {
    Ssh,
    Https,
    /// The repository's web page.
    Web,
}

impl FromStr for CloneUrl {
    type Err = CloneUrlError;

    /// Parses pasted text.
    ///
    /// # Errors
    /// [`CloneUrlError`] for any text that is not the URL of one repository. Its message never repeats a part of the
    /// text that could contain a password.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pasted = pasted::find_url(text)?;
        let refused = |reason| {
            let has_own_form = matches!(
                reason,
                CloneUrlError::GitGetter { .. } | CloneUrlError::RemoteHelper(_)
            );
            if !has_own_form && address::splits_userinfo(&pasted.url) {
                CloneUrlError::UserInfo
            } else {
                reason
            }
        };
        let (address, path) = address::parse(&pasted.url).map_err(refused)?;
        let location = location::find(&address, &path.segments());
        let location = location.map_err(|reason| refused(path.into_error(reason)))?;
        // Accepted, but the host and the path may be parts of a password.
        let is_suspicious = address.had_secret || !address.host.to_string().contains(['.', ':']);
        if address.is_http()
            && is_suspicious
            && !address.host.is_localhost()
            && address::splits_userinfo(&pasted.url)
        {
            return Err(CloneUrlError::UserInfo);
        }
        let warnings = warnings::all(&pasted, &address, &location);
        Ok(Self {
            address,
            location,
            warnings,
        })
    }
}

impl CloneUrl {
    /// The URL of a remote. That of a wiki, which is a repository of its own, stands for the repository of the wiki.
    ///
    /// # Errors
    /// As [`CloneUrl::from_str`].
    pub(crate) fn from_remote(text: &str) -> Result<Self, CloneUrlError> {
        match text.parse() {
            Err(CloneUrlError::Wiki { workspace, slug }) => {
                format!("https://{}/{workspace}/{slug}.git", cloud_hosts::WEB).parse()
            }
            other => other,
        }
    }

    /// Whose layout the URL has.
    #[must_use]
    pub fn deployment(&self) -> Deployment {
        self.location.deployment
    }

    #[must_use]
    pub fn transport(&self) -> Transport {
        self.address.transport
    }

    /// The user name, without any password.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.address.user.as_deref()
    }

    #[must_use]
    pub fn host(&self) -> &Host {
        &self.address.host
    }

    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.address.port
    }

    /// The workspace, the project key, `~user`, or the path of groups on another host. `None` if the path is the
    /// repository alone.
    #[must_use]
    pub fn namespace(&self) -> Option<String> {
        (!self.location.namespace.is_empty()).then(|| self.namespace_path())
    }

    /// The repository's name in URLs, without `.git`.
    #[must_use]
    pub fn slug(&self) -> &str {
        &self.location.slug
    }

    #[must_use]
    pub fn notes(&self) -> &[UrlWarning] {
        &self.warnings
    }

    /// The notes, and one about a host that looks like one of `saved`, the hosts of saved connections.
    #[must_use]
    pub(crate) fn notes_with(&self, saved: &[String]) -> Vec<UrlWarning> {
        let mut notes = self.warnings.clone();
        let saved: Vec<&str> = saved.iter().map(String::as_str).collect();
        let has_note = notes
            .iter()
            .any(|note| note.id == UrlWarningKind::LookAlike);
        let message = warnings::look_alike_message(&self.address, &saved).filter(|_| !has_note);
        notes.extend(message.map(|message| UrlWarning {
            id: UrlWarningKind::LookAlike,
            message,
        }));
        notes
    }

    /// Whether another URL names the same repository, over any transport and any of Cloud's hosts.
    #[must_use]
    pub fn is_same_repository(&self, other: &Self) -> bool {
        let is_cloud = |url: &Self| url.deployment() == Deployment::Cloud;
        let is_same_host = (is_cloud(self) && is_cloud(other)) || self.host().is_same(other.host());
        is_same_host
            && self
                .namespace_path()
                .eq_ignore_ascii_case(&other.namespace_path())
            && self.slug().eq_ignore_ascii_case(other.slug())
    }

    /// The clone URL over SSH; `None` if it cannot be derived.
    ///
    /// On Bitbucket Cloud always at the current SSH host: the others no longer serve SSH, or only for special networks.
    #[must_use]
    pub fn ssh(&self) -> Option<String> {
        let is_ssh = !self.address.is_http();
        match self.deployment() {
            Deployment::Cloud => Some(format!(
                "git@{}:{}/{}.git",
                cloud_hosts::SSH,
                self.namespace_path(),
                self.slug()
            )),
            Deployment::DataCenter if self.address.is_ssh_alias() => Some(self.ssh_as_given()),
            Deployment::DataCenter if is_ssh => Some(self.data_center_ssh(self.address.port)),
            Deployment::DataCenter => Some(self.data_center_ssh(Some(DATA_CENTER_SSH_PORT))),
            Deployment::Unknown if is_ssh => Some(self.ssh_as_given()),
            Deployment::Unknown => None,
        }
    }

    /// The clone URL over HTTP(S), without a user; `None` if it cannot be derived.
    #[must_use]
    pub fn https(&self) -> Option<String> {
        let slug = format!("{}.git", self.slug());
        let namespace = self.location.namespace.iter().map(String::as_str);
        match self.deployment() {
            Deployment::Cloud => join(&self.web_base()?, namespace.chain([slug.as_str()])),
            Deployment::DataCenter if self.location.has_layout => join(
                &self.data_center_base()?,
                ["scm"].into_iter().chain(namespace).chain([slug.as_str()]),
            ),
            Deployment::DataCenter => join(&self.origin()?, namespace.chain([slug.as_str()])),
            Deployment::Unknown => {
                let has_suffix = self.location.dot_git;
                let slug = if has_suffix { &slug } else { self.slug() };
                join(&self.origin()?, namespace.chain([slug]))
            }
        }
    }

    /// The repository's web page; `None` if it cannot be derived.
    #[must_use]
    pub fn web(&self) -> Option<String> {
        let namespace = self.namespace_path();
        let segments = match self.deployment() {
            Deployment::Cloud | Deployment::Unknown => vec![namespace],
            Deployment::DataCenter => {
                let (collection, name) = match namespace.strip_prefix('~') {
                    Some(user) => ("users", user.to_owned()),
                    None => ("projects", self.project_key()),
                };
                vec![collection.to_owned(), name, "repos".to_owned()]
            }
        };
        let segments = segments.iter().map(String::as_str).chain([self.slug()]);
        join(&self.web_base()?, segments)
    }

    /// The forms that assume the defaults of Data Center (SSH on port 7999, HTTPS on the same host), because the URL
    /// does not contain them.
    #[must_use]
    pub fn guessed_forms(&self) -> &'static [UrlForm] {
        match (self.deployment(), self.transport()) {
            (Deployment::DataCenter, Transport::Ssh) if self.address.is_ssh_alias() => &[],
            (Deployment::DataCenter, Transport::Ssh) => &[UrlForm::Https, UrlForm::Web],
            (Deployment::DataCenter, _) if !self.location.has_layout => {
                &[UrlForm::Ssh, UrlForm::Web]
            }
            (Deployment::DataCenter, Transport::Https | Transport::Http) => &[UrlForm::Ssh],
            (Deployment::Cloud | Deployment::Unknown, _) => &[],
        }
    }

    /// The website of the product.
    pub(super) fn web_base(&self) -> Option<Url> {
        match self.deployment() {
            Deployment::Cloud => Url::parse(cloud_hosts::WEB_URL).ok(),
            Deployment::DataCenter => self.data_center_base(),
            Deployment::Unknown => None,
        }
    }

    /// The base URL of a Data Center with its context path: as given over HTTP, `https://host` over SSH.
    #[must_use]
    pub fn data_center_base(&self) -> Option<Url> {
        if self.deployment() != Deployment::DataCenter || self.address.is_ssh_alias() {
            return None;
        }
        let mut base = match self.transport() {
            Transport::Ssh => Url::parse(&format!("https://{}", self.host().in_url())).ok()?,
            Transport::Https | Transport::Http => self.origin()?,
        };
        base.path_segments_mut()
            .ok()?
            .pop_if_empty()
            .extend(&self.location.context);
        Some(base)
    }

    /// Scheme, host and port of a URL over HTTP(S).
    #[must_use]
    pub fn origin(&self) -> Option<Url> {
        if !self.address.is_http() {
            return None;
        }
        let (scheme, host) = (self.transport().scheme(), self.host().in_url());
        Url::parse(&format!("{scheme}://{host}{}", self.address.port_suffix())).ok()
    }

    /// The SSH server of a URL over SSH, as a URL without a path.
    #[must_use]
    pub fn ssh_server(&self) -> Option<Url> {
        let address = &self.address;
        let (user, host) = (address.user_prefix(), address.host.in_url());
        Url::parse(&format!("ssh://{user}{host}{}", address.port_suffix())).ok()
    }

    /// A Data Center project key as the server writes it: in capitals, unless it is a personal project.
    pub(super) fn project_key(&self) -> String {
        let namespace = self.namespace_path();
        if is_personal(&namespace) {
            namespace
        } else {
            namespace.to_uppercase()
        }
    }

    fn namespace_path(&self) -> String {
        self.location.namespace.join("/")
    }

    fn data_center_ssh(&self, port: Option<u16>) -> String {
        // Without the default port, only a key in capitals shows that this is a Data Center.
        let namespace = if port == Some(DATA_CENTER_SSH_PORT) {
            self.namespace_path()
        } else {
            self.project_key()
        };
        let given = self.user().filter(|_| !self.address.is_http());
        let path = format!("{namespace}/{}.git", self.slug());
        git_url::format_ssh(
            Some(given.unwrap_or("git")),
            &self.host().in_url(),
            port,
            &path,
        )
    }

    /// The given URL in its normal spelling. On an unknown host, `host:path` remains relative to the home directory.
    fn ssh_as_given(&self) -> String {
        let address = &self.address;
        let suffix = if self.location.dot_git { ".git" } else { "" };
        let segments = self.location.namespace.iter().chain([&self.location.slug]);
        let segments: Vec<&str> = segments.map(String::as_str).collect();
        let path = format!("{}{suffix}", segments.join("/"));
        if !address.is_relative {
            return git_url::format_ssh(self.user(), &address.host.in_url(), address.port, &path);
        }
        let host = match address.port {
            Some(port) => format!("[{}:{port}]", address.host),
            None => address.host.in_url(),
        };
        format!("{}{host}:{path}", address.user_prefix())
    }
}

impl fmt::Display for CloneUrl {
    /// The clone URL over the given transport.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = if self.address.is_http() {
            self.https()
        } else {
            self.ssh()
        };
        f.write_str(&url.unwrap_or_default())
    }
}

/// A URL below a base, each segment percent-encoded.
pub(super) fn join<'a>(base: &Url, segments: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut url = base.clone();
    url.path_segments_mut()
        .ok()?
        .pop_if_empty()
        .extend(segments);
    Some(url.into())
}
