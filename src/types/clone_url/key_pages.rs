//! The web pages where a public key can be registered for a repository.

use serde::Serialize;
use url::Url;

use super::host::hosting_site;
use super::parsed::{CloneUrl, join};
use crate::types::cloud_hosts;
use crate::types::deployment::Deployment;

/// What a key allows once it is registered on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyAccess {
    Read,
    Write,
    /// Selected on the page.
    ReadOrWrite,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyPage {
    /// The owner of the keys on the page.
    pub keys_of: &'static str,
    pub rights: KeyAccess,
    pub url: String,
}

impl CloneUrl {
    /// The pages where a key for this repository can be registered, the one with the least access first.
    ///
    /// Bitbucket Cloud: access keys are read-only, so pushing needs a key of the workspace or of an account
    /// (<https://support.atlassian.com/bitbucket-cloud/docs/configure-repository-access-keys/>). Data Center: access
    /// keys are read-only or read-write
    /// (<https://confluence.atlassian.com/bitbucketserver/ssh-access-keys-for-system-use-776639781.html>).
    #[must_use]
    pub fn key_pages(&self) -> Vec<KeyPage> {
        const REPOSITORY: &str = "this repository";
        let slug = self.slug();
        let namespace = self.namespace().unwrap_or_default();
        let base = self.web_base();
        let page = |keys_of, rights, segments: &[&str]| {
            let url = join(base.as_ref()?, segments.iter().copied())?;
            Some(KeyPage {
                keys_of,
                rights,
                url,
            })
        };
        let pages = match self.deployment() {
            Deployment::Cloud => vec![
                page(
                    REPOSITORY,
                    KeyAccess::Read,
                    &[&namespace, slug, "admin", "access-keys", ""],
                ),
                page(
                    "the workspace",
                    KeyAccess::Write,
                    &[&namespace, "workspace", "settings", "ssh-keys"],
                ),
                page(
                    "your account",
                    KeyAccess::Write,
                    &["account", "settings", "ssh-keys", ""],
                ),
            ],
            Deployment::DataCenter => {
                let key = self.project_key();
                let segments = [
                    "plugins", "servlet", "ssh", "projects", &key, "repos", slug, "keys",
                ];
                vec![page(REPOSITORY, KeyAccess::ReadOrWrite, &segments)]
            }
            Deployment::Unknown => vec![self.other_site_keys_page().map(|url| KeyPage {
                keys_of: REPOSITORY,
                rights: KeyAccess::ReadOrWrite,
                url,
            })],
        };
        pages.into_iter().flatten().collect()
    }

    /// The deploy keys of a repository on a known site other than Bitbucket.
    fn other_site_keys_page(&self) -> Option<String> {
        let keys_page = hosting_site(self.host())?.keys_page?;
        let host = self.host().to_string();
        let host = host
            .strip_prefix("ssh.")
            .or_else(|| host.strip_prefix("altssh."))
            .unwrap_or(&host);
        let namespace = self.namespace()?;
        let segments = namespace
            .split('/')
            .chain([self.slug()])
            .chain(keys_page.iter().copied());
        join(&Url::parse(&format!("https://{host}")).ok()?, segments)
    }

    /// `namespace/slug on host`, for messages.
    #[must_use]
    pub fn display_name(&self) -> String {
        let path = match self.namespace() {
            Some(namespace) => format!("{namespace}/{}", self.slug()),
            None => self.slug().to_owned(),
        };
        match self.deployment() {
            Deployment::Cloud => format!("{path} on {}", cloud_hosts::WEB),
            Deployment::DataCenter | Deployment::Unknown => format!("{path} on {}", self.host()),
        }
    }
}
