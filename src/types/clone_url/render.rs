//! A clone URL written again: for SSH, for HTTPS, for a browser.

use std::fmt;

use url::Url;

use super::classify::DATA_CENTER_SSH_PORT;
use super::hosting_sites;
use super::slug::is_personal;
use super::{CloneUrl, Transport};
use crate::types::cloud_hosts;
use crate::types::deployment::Deployment;

/// A form of a clone URL that can be derived by the rules of its product without being part of the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UrlForm {
    /// The clone URL over SSH.
    Ssh,
    /// The clone URL over HTTP(S).
    Https,
    /// The repository's page.
    Web,
}

impl CloneUrl {
    /// The URL to clone over SSH; `None` where nothing tells it.
    ///
    /// Bitbucket Cloud's is at `ssh.bitbucket.org`, whatever host was given: since 2026-11-12 it is the only one.
    #[must_use]
    pub fn ssh(&self) -> Option<String> {
        let (slug, over_ssh) = (&self.place.slug, self.address.transport == Transport::Ssh);
        match self.place.deployment {
            Deployment::Cloud => Some(format!(
                "git@{}:{}/{slug}.git",
                cloud_hosts::SSH,
                self.place.namespace.join("/")
            )),
            Deployment::DataCenter if self.is_alias() => Some(self.ssh_as_given()),
            Deployment::DataCenter if over_ssh => Some(self.data_center_ssh(self.address.port)),
            Deployment::DataCenter => Some(self.data_center_ssh(Some(DATA_CENTER_SSH_PORT))),
            Deployment::Unknown if over_ssh => Some(self.ssh_as_given()),
            Deployment::Unknown => None,
        }
    }

    /// The URL to clone over HTTP(S), without a user; `None` where nothing tells it.
    #[must_use]
    pub fn https(&self) -> Option<String> {
        let slug = format!("{}.git", self.place.slug);
        let namespace = self.place.namespace.iter().map(String::as_str);
        match self.place.deployment {
            Deployment::Cloud => address(&cloud()?, namespace.chain([slug.as_str()])),
            Deployment::DataCenter if !self.place.layout => {
                address(&self.origin()?, namespace.chain([slug.as_str()]))
            }
            Deployment::DataCenter => address(
                &self.base_url()?,
                ["scm"].into_iter().chain(namespace).chain([slug.as_str()]),
            ),
            Deployment::Unknown => {
                let slug = if self.place.dot_git {
                    &slug
                } else {
                    &self.place.slug
                };
                address(&self.origin()?, namespace.chain([slug.as_str()]))
            }
        }
    }

    /// The repository's page for a browser; `None` where nothing tells it.
    #[must_use]
    pub fn web(&self) -> Option<String> {
        address(
            &self.web_base()?,
            self.web_parts().iter().map(String::as_str),
        )
    }

    /// Which of the forms rest on the product's defaults (SSH on port 7999, HTTPS on the same host) because the URL
    /// itself does not say where they are. Only Data Center has such.
    #[must_use]
    pub fn guessed_forms(&self) -> &'static [UrlForm] {
        match (self.place.deployment, self.address.transport) {
            (Deployment::DataCenter, Transport::Ssh) if self.is_alias() => &[],
            (Deployment::DataCenter, Transport::Ssh) => &[UrlForm::Https, UrlForm::Web],
            (Deployment::DataCenter, _) if !self.place.layout => &[UrlForm::Ssh, UrlForm::Web],
            (Deployment::DataCenter, Transport::Https | Transport::Http) => &[UrlForm::Ssh],
            (Deployment::Cloud | Deployment::Unknown, _) => &[],
        }
    }

    /// The base URL of a Data Center, as far as the URL tells it: see [`CloneUrl::guessed_forms`].
    #[must_use]
    pub fn data_center_base(&self) -> Option<Url> {
        if self.place.deployment == Deployment::DataCenter {
            self.base_url()
        } else {
            None
        }
    }

    /// The SSH server of a clone URL over SSH, as a URL without a path.
    #[must_use]
    pub fn ssh_server(&self) -> Option<Url> {
        let user = self
            .address
            .user
            .as_ref()
            .map(|user| format!("{user}@"))
            .unwrap_or_default();
        let port = self
            .address
            .port
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        Url::parse(&format!("ssh://{user}{}{port}", self.address.host.in_url())).ok()
    }

    /// Whether the host looks like a `Host` of an SSH configuration: one word, reached without a port.
    pub(super) fn is_alias(&self) -> bool {
        is_alias(&self.address)
    }

    /// The website that pages of this repository are below.
    pub(super) fn web_base(&self) -> Option<Url> {
        match self.place.deployment {
            Deployment::Cloud => cloud(),
            Deployment::DataCenter => self.base_url(),
            Deployment::Unknown => None,
        }
    }

    /// The base URL of a Data Center, with its context path: as given over HTTP, `https://host` over SSH.
    fn base_url(&self) -> Option<Url> {
        let mut base = match self.address.transport {
            Transport::Ssh if self.is_alias() => return None,
            Transport::Ssh => {
                Url::parse(&format!("https://{}", self.address.host.in_url())).ok()?
            }
            Transport::Https | Transport::Http => self.origin()?,
        };
        base.path_segments_mut()
            .ok()?
            .pop_if_empty()
            .extend(&self.place.context);
        Some(base)
    }

    /// Scheme, host and port of a URL over HTTP.
    #[must_use]
    pub fn origin(&self) -> Option<Url> {
        let port = self
            .address
            .port
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        match self.address.transport {
            Transport::Ssh => None,
            scheme @ (Transport::Https | Transport::Http) => Url::parse(&format!(
                "{}://{}{port}",
                scheme.scheme(),
                self.address.host.in_url()
            ))
            .ok(),
        }
    }

    /// The path of the repository's page below [`CloneUrl::web_base`].
    fn web_parts(&self) -> Vec<String> {
        let slug = self.place.slug.clone();
        let namespace = self.place.namespace.join("/");
        match self.place.deployment {
            Deployment::DataCenter => match namespace.strip_prefix('~') {
                Some(user) => vec![
                    "users".to_owned(),
                    user.to_owned(),
                    "repos".to_owned(),
                    slug,
                ],
                None => vec![
                    "projects".to_owned(),
                    self.project_key(),
                    "repos".to_owned(),
                    slug,
                ],
            },
            Deployment::Cloud | Deployment::Unknown => vec![namespace, slug],
        }
    }

    /// A Data Center project key as the server writes it: in capitals, unless it is a person's.
    pub(super) fn project_key(&self) -> String {
        let namespace = self.place.namespace.join("/");
        if is_personal(&namespace) {
            namespace
        } else {
            namespace.to_uppercase()
        }
    }

    /// The clone URL of a Data Center over SSH, given its port where there is one.
    fn data_center_ssh(&self, port: Option<u16>) -> String {
        // Without the usual port, it is the capitals of the key that show what this is.
        let usual = port == Some(DATA_CENTER_SSH_PORT);
        let namespace = if usual {
            self.place.namespace.join("/")
        } else {
            self.project_key()
        };
        let given = self
            .address
            .user
            .as_deref()
            .filter(|_| self.address.transport == Transport::Ssh);
        self.ssh_url(
            given.unwrap_or("git"),
            port,
            &[&namespace, &self.place.slug],
            ".git",
        )
    }

    /// `ssh://user@host:port/path.git`, percent-encoded.
    fn ssh_url(&self, user: &str, port: Option<u16>, path: &[&str], suffix: &str) -> String {
        let at = if user.is_empty() { "" } else { "@" };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let path: Vec<_> = path.iter().map(|part| encoded(part)).collect();
        format!(
            "ssh://{user}{at}{}{port}/{}{suffix}",
            self.address.host.in_url(),
            path.join("/")
        )
    }

    /// On a host that is not known, nothing but the spelling may change: `host:path` stays relative to the login.
    fn ssh_as_given(&self) -> String {
        let user = self.address.user.as_deref().unwrap_or_default();
        let suffix = if self.place.dot_git { ".git" } else { "" };
        let parts = self.place.namespace.iter().chain([&self.place.slug]);
        let path: Vec<_> = parts.map(String::as_str).collect();
        if !self.address.from_home {
            return self.ssh_url(user, self.address.port, &path, suffix);
        }
        let at = if user.is_empty() { "" } else { "@" };
        let host = match self.address.port {
            Some(port) => format!("[{}:{port}]", self.address.host),
            None => self.address.host.in_url(),
        };
        format!("{user}{at}{host}:{}{suffix}", path.join("/"))
    }
}

impl fmt::Display for CloneUrl {
    /// The clone URL over the transport that was given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = match self.address.transport {
            Transport::Ssh => self.ssh(),
            Transport::Https | Transport::Http => self.https(),
        };
        f.write_str(&given.unwrap_or_default())
    }
}

/// See [`CloneUrl::is_alias`].
pub(super) fn is_alias(address: &super::address::Address) -> bool {
    // No top-level domain has a dash or an underscore in it, but for those in Punycode: `bitbucket.org-work`.
    let odd_end = |name: &str| {
        let last = name.rsplit('.').next().unwrap_or(name);
        last.contains(['-', '_']) && !last.starts_with("xn--")
    };
    let word = |name: &str| (!name.contains('.') && name != "localhost") || odd_end(name);
    address.transport == Transport::Ssh
        && address.port.is_none()
        && address.host.name().is_some_and(word)
        && hosting_sites::other(&address.host).is_none()
}

fn cloud() -> Option<Url> {
    Url::parse(cloud_hosts::WEB_URL).ok()
}

/// A URL below a base, each part encoded.
pub(super) fn address<'a>(base: &Url, parts: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut url = base.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(parts);
    Some(url.into())
}

/// A part of an `ssh://` path: what RFC 3986 calls unreserved stays, and so do the braces of a UUID.
fn encoded(part: &str) -> String {
    part.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'{' | b'}' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
