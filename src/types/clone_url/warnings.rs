//! What a reader of a clone URL should know about it.

use serde::Serialize;

use super::Transport;
use super::address::Address;
use super::classify::RepositoryLocation;
use super::extract::ExtractedUrl;
use super::render::is_alias;
use crate::types::cloud_hosts::{RETIRED_SSH, SSH};
use crate::types::deployment::Deployment;

/// A remark on a clone URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UrlWarning {
    /// Which remark it is, for programs.
    pub id: UrlWarningKind,
    /// The remark, for people.
    pub message: String,
}

/// The remarks there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UrlWarningKind {
    /// The URL uses `bitbucket.org` over SSH, which ended on 2026-11-12.
    SshHostMoved,
    /// `git clone` stood in front of the URL.
    GitClonePrefix,
    /// A password or token stood in the URL.
    EmbeddedSecret,
    /// The URL is a web page or API address of the repository.
    WebUrl,
    /// The host is probably a `Host` of the SSH configuration.
    SshConfigAlias,
    /// The path begins with a number, where a port was perhaps meant.
    PortInScpForm,
}

/// All that can be said about a URL, in the order of reading it.
pub(super) fn all(
    pasted: &ExtractedUrl<'_>,
    address: &Address,
    place: &RepositoryLocation,
) -> Vec<UrlWarning> {
    let host = &address.host;
    let over_ssh = address.transport == Transport::Ssh;
    let first = place.namespace.first().unwrap_or(&place.slug);
    let notes = [
        (
            pasted.git_clone,
            UrlWarningKind::GitClonePrefix,
            "`git clone` and its options were left out; only the URL counts".to_owned(),
        ),
        (
            address.had_secret || pasted.secret_option,
            UrlWarningKind::EmbeddedSecret,
            "a secret stood in the URL and was left out; it may now be in your shell's history and in process lists, \
             so consider replacing it"
                .to_owned(),
        ),
        (
            over_ssh && place.deployment == Deployment::Cloud && host.name() == Some(RETIRED_SSH),
            UrlWarningKind::SshHostMoved,
            format!("since 2026-11-12 Bitbucket Cloud answers over SSH at {SSH}, no longer at {RETIRED_SSH}"),
        ),
        (
            place.page,
            UrlWarningKind::WebUrl,
            "this is a link to a page or to the API, not a clone URL; the repository was read from it".to_owned(),
        ),
        (
            is_alias(address),
            UrlWarningKind::SshConfigAlias,
            format!("`{host}` is probably a Host of your SSH configuration; `ssh -G {host}` shows where it leads"),
        ),
        (
            address.number_first,
            UrlWarningKind::PortInScpForm,
            format!(
                "`{first}` is read as a folder, as git does: the form with a colon has no port. For a port write \
                 ssh://{user}{host}:PORT/…",
                user = address.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default(),
                host = host.in_url(),
            ),
        ),
    ];
    notes
        .into_iter()
        .filter(|(applies, ..)| *applies)
        .map(|(_, id, message)| UrlWarning { id, message })
        .collect()
}
