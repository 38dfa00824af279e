//! Clone URLs, as people paste them, taken apart.
//!
//! Four steps, a file each: `pasted` finds the one URL in what was pasted (quotes, a `git clone` around it),
//! `address` reads its syntax (scp-like, `ssh://`, `https://`), `place` reads its meaning (whose URL layout it is, which
//! repository), and `forms` writes it again in every form. Nothing here is looked up: the same text gives the same
//! answer on every machine.
//!
//! What is accepted follows git (`git help clone`, section "GIT URLS") and RFC 3986, minus whatever ssh, git or a
//! shell could take for an option or a command.

mod address;
mod classify;
mod error;
mod extract;
mod host;
mod hosting_sites;
mod key_pages;
mod path;
mod render;
mod slug;
mod userinfo;
mod warnings;

use std::str::FromStr;

pub use self::error::CloneUrlError;
pub(crate) use self::host::Host;
pub(crate) use self::key_pages::{KeyAccess, KeyPage};
pub(crate) use self::render::UrlForm;
pub(crate) use self::warnings::{UrlWarning, UrlWarningKind};

use self::address::Address;
use self::classify::RepositoryLocation;
use super::deployment::Deployment;

/// How a clone URL reaches its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// SSH: `ssh://…` or the scp-like form.
    Ssh,
    /// HTTP over TLS.
    Https,
    /// HTTP in the clear.
    Http,
}

impl Transport {
    /// The scheme of its URLs.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

/// A clone URL (or a web or API link to a repository), taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneUrl {
    address: Address,
    place: RepositoryLocation,
    warnings: Vec<UrlWarning>,
}

impl CloneUrl {
    /// Whose layout the URL has.
    #[must_use]
    pub fn deployment(&self) -> Deployment {
        self.place.deployment
    }

    /// How the URL reaches its host.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.address.transport
    }

    /// The user part, without any password.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.address.user.as_deref()
    }

    /// The host, in lower case.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.address.host
    }

    /// The port, where the URL names one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.address.port
    }

    /// What the repository lives in: a workspace, a project key, `~user`, or the path of groups on another host.
    /// `None` where the path is the repository alone.
    #[must_use]
    pub fn namespace(&self) -> Option<String> {
        (!self.place.namespace.is_empty()).then(|| self.place.namespace.join("/"))
    }

    /// The repository's name in URLs, without `.git`.
    #[must_use]
    pub fn slug(&self) -> &str {
        &self.place.slug
    }

    /// Whether another URL names the same repository, over whatever transport and through whichever of Cloud's hosts.
    #[must_use]
    pub fn is_same_repository(&self, other: &Self) -> bool {
        let is_same = |ours: &str, theirs: &str| ours.eq_ignore_ascii_case(theirs);
        let same_host = match (self.deployment(), other.deployment()) {
            (Deployment::Cloud, Deployment::Cloud) => true,
            _ => self.host() == other.host(),
        };
        let namespaces = (self.namespace(), other.namespace());
        same_host
            && is_same(
                &namespaces.0.unwrap_or_default(),
                &namespaces.1.unwrap_or_default(),
            )
            && is_same(self.slug(), other.slug())
    }

    /// What a reader of the URL should know.
    #[must_use]
    pub fn notes(&self) -> &[UrlWarning] {
        &self.warnings
    }
}

impl FromStr for CloneUrl {
    type Err = CloneUrlError;

    /// Takes apart what was pasted.
    ///
    /// # Errors
    /// [`CloneUrlError`] for whatever is not the address of one repository. Its text never repeats the part of the
    /// input that could hold a password.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pasted = extract::find_url(text)?;
        let (address, path) = address::parse(&pasted.url)?;
        let place = match classify::find(&address, &path.parts()) {
            Ok(place) => place,
            Err(reason) => return Err(path.into_error(reason)),
        };
        let warnings = warnings::all(&pasted, &address, &place);
        Ok(Self {
            address,
            place,
            warnings,
        })
    }
}
