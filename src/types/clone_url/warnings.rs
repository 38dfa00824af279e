//! Warnings about a clone URL.

use serde::Serialize;

use super::address::Address;
use super::location::RepositoryLocation;
use super::pasted::PastedUrl;
use crate::types::cloud_hosts::{RETIRED_SSH, SSH};
use crate::types::deployment::Deployment;
use crate::types::look_alike;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UrlWarning {
    pub id: UrlWarningKind,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UrlWarningKind {
    /// The URL uses `bitbucket.org` over SSH, which ended on 2026-11-12.
    SshHostMoved,
    GitClonePrefix,
    EmbeddedSecret,
    /// A web page or API URL of the repository.
    WebUrl,
    /// The host is probably a `Host` of the SSH configuration.
    SshConfigAlias,
    /// The path begins with a number, perhaps meant as a port.
    PortInScpForm,
    /// A branch, tag or option of a package manager was removed.
    RefRemoved,
    /// The host, or the user name before it, looks like another host.
    LookAlike,
    /// A domain that is not Bitbucket's, such as `bitbucket.com`.
    OtherDomain,
    /// The URL was taken out of a line, such as one of `git remote -v`.
    PastedLine,
}

/// A warning that names the real host, where a user name or a part of the host looks like a known one. `saved` are the
/// hosts of saved connections.
pub(super) fn look_alike_message(address: &Address, saved: &[&str]) -> Option<String> {
    // `bitbucket.org-work` is how users tell accounts apart.
    let host = address.host.name().filter(|_| !address.is_ssh_alias())?;
    let imitated = look_alike::find(address.user.as_deref(), host, saved)?;
    Some(look_alike::warning(host, &imitated))
}

/// All warnings, in the order of the parts of the text.
pub(super) fn all(
    pasted: &PastedUrl<'_>,
    address: &Address,
    location: &RepositoryLocation,
) -> Vec<UrlWarning> {
    let host = &address.host;
    let is_cloud_ssh = location.deployment == Deployment::Cloud && !address.is_http();
    let first = location.namespace.first().unwrap_or(&location.slug);
    let look_alike = look_alike_message(address, &[]);
    let is_other_domain =
        look_alike.is_none() && host.name().is_some_and(look_alike::is_other_domain);
    let warnings = [
        (
            pasted.is_from_line,
            UrlWarningKind::PastedLine,
            "the URL was taken out of the pasted line".to_owned(),
        ),
        (
            pasted.git_clone,
            UrlWarningKind::GitClonePrefix,
            "ignored `git clone` and its options".to_owned(),
        ),
        (
            address.had_secret || pasted.secret_option,
            UrlWarningKind::EmbeddedSecret,
            "the URL contained a secret (removed); your shell's history may still have it, so consider replacing it"
                .to_owned(),
        ),
        (
            look_alike.is_some(),
            UrlWarningKind::LookAlike,
            look_alike.unwrap_or_default(),
        ),
        (
            is_other_domain,
            UrlWarningKind::OtherDomain,
            format!("Bitbucket Cloud is bitbucket.org; {host} is another domain"),
        ),
        (
            is_cloud_ssh && host.name() == Some(RETIRED_SSH),
            UrlWarningKind::SshHostMoved,
            format!("Bitbucket Cloud moved SSH from {RETIRED_SSH} to {SSH} on 2026-11-12"),
        ),
        (
            location.is_page,
            UrlWarningKind::WebUrl,
            "this is a web or API URL, not a clone URL".to_owned(),
        ),
        (
            address.is_ssh_alias(),
            UrlWarningKind::SshConfigAlias,
            format!("`{host}` is probably a Host of your SSH configuration; `ssh -G {host}` shows its settings"),
        ),
        (
            address.starts_with_number,
            UrlWarningKind::PortInScpForm,
            format!(
                "`{first}` is a directory here, not a port; for a port use ssh://{user}{host}:PORT/…",
                user = address.user_prefix(),
                host = host.in_url(),
            ),
        ),
        (
            address.had_ref && !location.is_page,
            UrlWarningKind::RefRemoved,
            "ignored the branch, tag or option behind the repository; a clone URL has none".to_owned(),
        ),
    ];
    warnings
        .into_iter()
        .filter(|(applies, ..)| *applies)
        .map(|(_, id, message)| UrlWarning { id, message })
        .collect()
}
