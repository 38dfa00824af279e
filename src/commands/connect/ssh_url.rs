//! Where a repository is over SSH.

use super::step::StepLog;
use crate::error::Error;
use crate::ssh;
use crate::types::clone_url::{CloneUrl, Transport, UrlWarningKind};
use crate::types::deployment::Deployment;
use crate::types::repository::Repository;
use crate::types::ssh_address::SshRemote;
use crate::types::ssh_settings::SshSettings;

/// The URL with what an alias of the SSH configuration stands for. Nothing else of the configuration is used.
pub(super) fn resolve_ssh_alias(
    url: &CloneUrl,
    steps: &mut StepLog<'_>,
) -> Result<CloneUrl, Error> {
    let is_alias = url
        .notes()
        .iter()
        .any(|warning| warning.id == UrlWarningKind::SshConfigAlias);
    let remote = url.ssh().and_then(|ssh| ssh.parse::<SshRemote>().ok());
    let Some(remote) = remote.filter(|_| is_alias) else {
        return Ok(url.clone());
    };
    let Some((user, host)) = ssh::resolve(&remote.host, remote.user.as_deref())? else {
        return Ok(url.clone());
    };
    let who = user.as_ref().filter(|_| remote.user.is_none());
    let who = who.map(|user| format!("{user}@")).unwrap_or_default();
    steps.warn("url", format!("{} stands for {who}{host}", remote.host));
    let path = format!("/{}", remote.path.trim_start_matches('/'));
    let meant = SshRemote {
        user: remote.user.or(user),
        host,
        path,
    };
    let meant = meant.to_url().parse();
    Ok(meant.unwrap_or_else(|_| url.clone()))
}

/// Where the repository is over SSH. What was given over SSH to a server of somebody's own counts as it is; otherwise the
/// server knows best, and Cloud's hosts are all brought to the one that serves SSH.
pub(super) fn ssh_url(
    url: &CloneUrl,
    repository: Option<&Repository>,
    settings: &SshSettings,
) -> Result<String, Error> {
    let own = url.ssh();
    if url.transport() == Transport::Ssh && url.deployment() != Deployment::Cloud {
        return own.ok_or_else(ssh_url_unknown);
    }
    let told = repository.and_then(|repository| repository.ssh.as_deref());
    let told = told.and_then(|ssh| ssh.parse::<CloneUrl>().ok()?.ssh());
    let base = settings.base_url.as_deref().map(|base| {
        let namespace = url.namespace().unwrap_or_default().to_lowercase();
        let base = base.trim_end_matches('/');
        let host = base.strip_prefix("ssh://").unwrap_or(base);
        let user = if host.contains('@') { "" } else { "git@" };
        format!("ssh://{user}{host}/{namespace}/{}.git", url.slug())
    });
    told.or(base).or(own).ok_or_else(ssh_url_unknown)
}

pub(super) fn ssh_url_unknown() -> Error {
    Error::Usage {
        message: "where this repository is over SSH is not known".to_owned(),
        hint: Some("name it by its clone URL over SSH".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_over_ssh_counts_then_what_the_server_says() {
        let server = |ssh: Option<&str>| Repository {
            namespace: "WEB".to_owned(),
            slug: "site".to_owned(),
            name: None,
            private: None,
            default_branch: None,
            ssh: ssh.map(str::to_owned),
            https: None,
            web: None,
            updated_on: None,
            project: None,
        };
        let settings = |base: Option<&str>| SshSettings {
            base_url: base.map(str::to_owned),
            ..SshSettings::default()
        };
        let over_http = "https://git.example.com/scm/web/site.git";
        for (url, link, base, expected) in [
            (
                "ssh://git@git.example.com:2222/web/site.git",
                Some("ssh://git@other.example.com:7999/web/site.git"),
                None,
                "ssh://git@git.example.com:2222/web/site.git",
            ),
            (
                over_http,
                Some("ssh://git@ssh.example.com:7999/web/site.git"),
                Some("ssh://third.example.com"),
                "ssh://git@ssh.example.com:7999/web/site.git",
            ),
            (
                over_http,
                None,
                Some("ssh://ssh.example.com:7998/"),
                "ssh://git@ssh.example.com:7998/web/site.git",
            ),
            (
                over_http,
                None,
                None,
                "ssh://git@git.example.com:7999/web/site.git",
            ),
            (
                "git@bitbucket.org:acme/site.git",
                Some("git@bitbucket.org:acme/site.git"),
                None,
                "git@ssh.bitbucket.org:acme/site.git",
            ),
        ] {
            let found = ssh_url(&url.parse().unwrap(), Some(&server(link)), &settings(base));
            assert_eq!(found.unwrap(), expected, "{url}");
        }
    }
}
