//! Whether a URL is on the server of a connection.

use std::net::IpAddr;

use url::Url;

use crate::types::clone_url::CloneUrl;
use crate::types::cloud_hosts;
use crate::types::connection::{BaseUrl, Connection, Origin};
use crate::types::deployment::Deployment;

/// Whether a URL is on the server of a connection, or on this machine like a stand-in for Cloud.
pub(super) fn is_on_server(connection: &Connection, url: &CloneUrl) -> bool {
    is_same_server(connection, url) || is_local_cloud_stub(connection, url)
}

/// Whether a URL is on the server of a connection. Over SSH the host alone tells; over HTTP, port and context path tell
/// several servers of one host apart.
pub(super) fn is_same_server(connection: &Connection, url: &CloneUrl) -> bool {
    match connection.deployment {
        // There is one Cloud, whatever host serves its API; stand-ins have addresses of their own.
        Deployment::Cloud => match url.deployment() {
            Deployment::Cloud => true,
            Deployment::DataCenter => false,
            Deployment::Unknown => is_website(connection, url),
        },
        Deployment::DataCenter | Deployment::Unknown => {
            let base = &connection.base_url;
            let host = base.url().host_str().unwrap_or_default();
            let (ours, theirs) = (host.trim_matches(['[', ']']), url.host().to_string());
            let is_same_host = ours.eq_ignore_ascii_case(&theirs)
                || is_loopback_host(ours) && is_loopback_host(&theirs);
            is_same_host && has_same_port_and_context(base, url)
        }
    }
}

/// The base URLs at which git reaches the repositories of a connection over HTTP: the website of Cloud, the server itself.
pub(crate) fn git_base_urls(connection: &Connection) -> Vec<Url> {
    let website = connection
        .web_url
        .as_deref()
        .and_then(|url| Url::parse(url).ok());
    let base = connection.base_url.url();
    let is_cloud = connection.deployment == Deployment::Cloud;
    let own = if is_cloud && base.host_str() == Some(cloud_hosts::API) {
        Url::parse(cloud_hosts::WEB_URL).ok()
    } else if is_cloud {
        // A stand-in for Cloud has its website beside its API.
        base.join("/").ok()
    } else {
        Some(base.clone())
    };
    let all = website.into_iter().chain(own);
    let is_protected = |url: &Url| {
        let is_open = BaseUrl::parse(url.as_str()).is_ok_and(|base| base.is_insecure());
        connection.network.allow_http || !is_open
    };
    all.filter(is_protected).collect()
}

/// The usual URL of a repository on the server of a connection, for git over HTTP.
pub(crate) fn git_http_url(connection: &Connection, namespace: &str, slug: &str) -> String {
    let bases = git_base_urls(connection);
    let base = bases.first().unwrap_or(connection.base_url.url()).as_str();
    let base = base.trim_end_matches('/');
    match connection.deployment {
        Deployment::Cloud => format!("{base}/{namespace}/{slug}.git"),
        Deployment::DataCenter | Deployment::Unknown => {
            format!("{base}/scm/{}/{slug}.git", namespace.to_lowercase())
        }
    }
}

/// Whether a Cloud API and an SSH server are both on this machine: a stand-in for Cloud, as tests use it.
fn is_local_cloud_stub(connection: &Connection, url: &CloneUrl) -> bool {
    let host = connection.base_url.url().host_str().unwrap_or_default();
    connection.deployment == Deployment::Cloud
        && url.origin().is_none()
        && is_loopback_host(host)
        && is_loopback_host(&url.host().to_string())
}

/// Whether a URL over HTTP is where git finds the repositories of a Cloud.
fn is_website(connection: &Connection, url: &CloneUrl) -> bool {
    let theirs = url.origin().map(|theirs| Origin::from_url(&theirs));
    let mut sites = git_base_urls(connection).into_iter();
    theirs.is_some_and(|theirs| sites.any(|site| Origin::from_url(&site) == theirs))
}

/// Whether a URL over HTTP, on the host of a Data Center, is at its port and below its context path. One that names no
/// port, as most servers have it, may be `http` for the other.
fn has_same_port_and_context(base: &BaseUrl, url: &CloneUrl) -> bool {
    let (base, Some(theirs)) = (base.url(), url.origin()) else {
        return true;
    };
    if base.scheme() == "ssh" {
        return true;
    }
    let is_usual = base.port().is_none() && theirs.port().is_none();
    let is_same_port = is_usual || base.port_or_known_default() == theirs.port_or_known_default();
    let context = base.path().trim_end_matches('/');
    let is_below = match url.data_center_base() {
        Some(theirs) => theirs.path().trim_end_matches('/') == context,
        None => url
            .https()
            .is_none_or(|text| has_path_prefix(&text, context)),
    };
    is_same_port && is_below
}

fn has_path_prefix(url: &str, context: &str) -> bool {
    let url = Url::parse(url).ok();
    let rest = url
        .as_ref()
        .and_then(|url| url.path().strip_prefix(context));
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// This machine has several names.
fn is_loopback_host(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(product: &str, base: &str, url: &str) -> bool {
        let text =
            format!("deployment='{product}'\nauth='oauth'\nclient_id='key'\nbase_url='{base}'");
        let connection = toml_edit::de::from_str(&text).unwrap();
        is_same_server(&connection, &url.parse().unwrap())
    }

    #[test]
    fn data_centers_of_one_host_are_told_apart_over_http() {
        let context = "https://h.example/ctx";
        let port = "https://h.example:8443";
        let here = "http://127.0.0.1:7990";
        for (base, url, expected) in [
            (context, "https://h.example/ctx/scm/web/site.git", true),
            (context, "http://h.example/ctx/scm/web/site.git", true),
            (context, "https://h.example/other/scm/web/site.git", false),
            (context, "https://h.example/projects/WEB/repos/site", false),
            (context, "https://h.example:8443/ctx/scm/web/a.git", false),
            (context, "https://h.example/web/site.git", false),
            (context, "ssh://git@h.example:7999/web/site.git", true),
            (port, "https://h.example:8443/scm/web/site.git", true),
            (port, "https://h.example/scm/web/site.git", false),
            (here, "http://localhost:7990/scm/web/site.git", true),
            (here, "http://localhost:7991/scm/web/site.git", false),
        ] {
            assert_eq!(fits("datacenter", base, url), expected, "{base} {url}");
        }
    }

    #[test]
    fn a_stand_in_for_cloud_is_found_at_its_own_address() {
        let here = "http://127.0.0.1:7990/2.0";
        let cloud = "https://api.bitbucket.org/2.0";
        for (base, url, expected) in [
            (here, "http://127.0.0.1:7990/acme/site.git", true),
            (here, "http://127.0.0.1:7991/acme/site.git", false),
            (cloud, "https://bitbucket.org/acme/site", true),
            (cloud, "git@bitbucket.org:acme/site.git", true),
            (cloud, "https://github.com/acme/site", false),
        ] {
            assert_eq!(fits("cloud", base, url), expected, "{base} {url}");
        }
        let beside = "http://127.0.0.1:7990/bitbucket";
        let url = "http://127.0.0.1:7990/acme/site.git";
        assert!(!fits("datacenter", beside, url));
    }
}
