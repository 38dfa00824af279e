//! The pages where a public key is registered.

use serde::Serialize;
use url::Url;

use super::CloneUrl;
use super::hosting_sites;
use super::render::address;
use crate::types::cloud_hosts;
use crate::types::deployment::Deployment;

/// What a key may do once it is registered on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyAccess {
    /// Clone and fetch.
    Read,
    /// Clone, fetch and push.
    Write,
    /// Chosen on the page.
    ReadOrWrite,
}

/// A page where a public key can be registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyPage {
    /// Whose keys the page is about.
    pub keys_of: &'static str,
    /// What a key registered there may do.
    pub rights: KeyAccess,
    /// Its address.
    pub url: String,
}

impl CloneUrl {
    /// The pages where a key for this repository can be registered, the one with the least reach first.
    ///
    /// Bitbucket Cloud: access keys are read-only, so pushing needs a key of the workspace or of a person
    /// (<https://support.atlassian.com/bitbucket-cloud/docs/configure-repository-access-keys/>). Data Center: access
    /// keys read, or read and write
    /// (<https://confluence.atlassian.com/bitbucketserver/ssh-access-keys-for-system-use-776639781.html>).
    #[must_use]
    pub fn key_pages(&self) -> Vec<KeyPage> {
        let slug = self.slug();
        let namespace = self.namespace().unwrap_or_default();
        let page = |keys_of, rights, url: Option<String>| {
            url.map(|url| KeyPage {
                keys_of,
                rights,
                url,
            })
        };
        let pages = match (self.deployment(), self.web_base()) {
            (Deployment::Cloud, Some(base)) => {
                let at = |parts: &[&str]| address(&base, parts.iter().copied());
                vec![
                    page(
                        "this repository",
                        KeyAccess::Read,
                        at(&[&namespace, slug, "admin", "access-keys", ""]),
                    ),
                    page(
                        "the workspace",
                        KeyAccess::Write,
                        at(&[&namespace, "workspace", "settings", "ssh-keys"]),
                    ),
                    page(
                        "yourself",
                        KeyAccess::Write,
                        at(&["account", "settings", "ssh-keys", ""]),
                    ),
                ]
            }
            (Deployment::DataCenter, Some(base)) => {
                let key = self.project_key();
                let parts = [
                    "plugins", "servlet", "ssh", "projects", &key, "repos", slug, "keys",
                ];
                vec![page(
                    "this repository",
                    KeyAccess::ReadOrWrite,
                    address(&base, parts),
                )]
            }
            (Deployment::Unknown, _) => vec![page(
                "this repository",
                KeyAccess::ReadOrWrite,
                self.elsewhere(),
            )],
            (Deployment::Cloud | Deployment::DataCenter, None) => Vec::new(),
        };
        pages.into_iter().flatten().collect()
    }

    /// The deploy keys of a repository on another site that is known.
    fn elsewhere(&self) -> Option<String> {
        let keys_page = hosting_sites::other(self.host())?.keys_page?;
        let host = self.host().to_string();
        let host = host
            .strip_prefix("ssh.")
            .or_else(|| host.strip_prefix("altssh."))
            .unwrap_or(&host);
        let namespace = self.namespace()?;
        let parts = namespace
            .split('/')
            .chain([self.slug()])
            .chain(keys_page.iter().copied());
        address(&Url::parse(&format!("https://{host}")).ok()?, parts)
    }

    /// How people call the repository: `namespace/slug`, with the host where it is not bitbucket.org.
    #[must_use]
    pub fn display_name(&self) -> String {
        let path = self.namespace().map_or_else(
            || self.slug().to_owned(),
            |namespace| format!("{namespace}/{}", self.slug()),
        );
        match self.deployment() {
            Deployment::Cloud => format!("{path} on {}", cloud_hosts::WEB),
            Deployment::DataCenter | Deployment::Unknown => format!("{path} on {}", self.host()),
        }
    }
}
