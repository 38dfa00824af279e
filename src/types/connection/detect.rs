//! Detects the server in a pasted URL: a web page, an API URL, a clone URL.

use std::str::FromStr;

use super::base_url::{BaseUrl, BaseUrlError, parse_http_url};
use crate::types::clone_url::{
    CloneUrl, CloneUrlError, Transport, UrlWarningKind, is_workspace_page,
};
use crate::types::cloud_hosts::{self, API_BASE_URL};
use crate::types::deployment::Deployment;
use crate::types::git_url::{GitUrl, parse_port};

/// First path segments of Data Center pages and services: the segments before them are the context path.
const KNOWN_PATH_PREFIXES: [&str; 19] = [
    "about",
    "account",
    "admin",
    "browse",
    "dashboard",
    "getting-started",
    "j_atl_security_check",
    "login",
    "logout",
    "mvc",
    "plugins",
    "profile",
    "projects",
    "repos",
    "rest",
    "scm",
    "setup",
    "status",
    "users",
];

/// The server that a pasted URL belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DetectedServer {
    pub base_url: BaseUrl,
    /// Data Center, unless the URL is recognised as one of Cloud.
    pub deployment: Deployment,
    /// The workspace or project in the URL.
    pub namespace: Option<String>,
    /// The key of the project in the URL of a page (Cloud).
    pub project: Option<String>,
    /// The slug of the repository in the URL.
    pub repository: Option<String>,
    /// The URL is an SSH clone URL.
    pub over_ssh: bool,
    /// The host as pasted, and the user name before it.
    pub pasted_host: (Option<String>, String),
}

impl FromStr for DetectedServer {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let detected = Self::detect(text.trim())?;
        Ok(Self {
            pasted_host: host_and_user(text.trim()),
            ..detected
        })
    }
}

impl DetectedServer {
    fn detect(text: &str) -> Result<Self, BaseUrlError> {
        let with_scheme = is_host_and_port(text).then(|| format!("https://{text}"));
        let text = with_scheme.as_deref().unwrap_or(text);
        let clone_url = text.parse::<CloneUrl>();
        let contains_secret = |url: &CloneUrl| {
            url.notes()
                .iter()
                .any(|warning| warning.id == UrlWarningKind::EmbeddedSecret)
        };
        if clone_url.as_ref().is_ok_and(contains_secret) {
            return Err(BaseUrlError::Secret);
        }
        match clone_url {
            Ok(clone_url) => {
                if let Some(detected) = Self::from_clone_url(&clone_url) {
                    return Ok(detected);
                }
            }
            Err(CloneUrlError::Empty) => {}
            Err(error) if !error.may_be_server() => return Err(error.into()),
            Err(_) => {}
        }
        let url = parse_http_url(text)?;
        // A page of a repository without its scheme.
        if !text.contains("://")
            && let Ok(clone_url) = url.as_str().parse::<CloneUrl>()
            && let Some(detected) = Self::from_clone_url(&clone_url)
        {
            return Ok(detected);
        }
        let segments: Vec<&str> = url
            .path_segments()
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect();
        let host = url.host_str().unwrap_or_default();
        if cloud_hosts::is_cloud(host) {
            return Ok(Self::cloud(BaseUrl::parse(API_BASE_URL)?, &segments));
        }
        if is_atlassian(host) {
            return Err(BaseUrlError::Atlassian(host.to_owned()));
        }
        let (context, deployment) =
            if let Some(at) = segments.iter().position(|part| *part == "2.0") {
                (&segments[..=at], Deployment::Cloud)
            } else {
                let end = segments
                    .iter()
                    .position(|part| KNOWN_PATH_PREFIXES.contains(part))
                    .unwrap_or(segments.len());
                (&segments[..end], Deployment::DataCenter)
            };
        let is_repository = |last: &&str| last.strip_suffix(".git").is_some();
        if context.last().is_some_and(is_repository) {
            return Err(BaseUrlError::Repository);
        }
        let mut base = url.clone();
        base.set_path(&context.join("/"));
        let namespace = match segments.iter().position(|part| *part == "projects") {
            Some(at) => segments.get(at + 1).map(|key| (*key).to_owned()),
            None => None,
        };
        Ok(Self {
            base_url: BaseUrl(base),
            deployment,
            namespace,
            project: None,
            repository: None,
            over_ssh: false,
            pasted_host: Default::default(),
        })
    }
}

/// The user name and the host of a text that was recognised as a URL; the scheme may be missing.
fn host_and_user(text: &str) -> (Option<String>, String) {
    let with_scheme = format!("https://{text}");
    let url = GitUrl::parse(text).or_else(|_| GitUrl::parse(&with_scheme));
    let Ok(url) = url else {
        return (None, String::new());
    };
    let user = url
        .userinfo()
        .and_then(|userinfo| userinfo.split(':').next());
    (user.map(str::to_owned), url.host().to_ascii_lowercase())
}

/// Whether a host has pages of Atlassian accounts, Jira or Confluence.
fn is_atlassian(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    ["atlassian.com", "atlassian.net"]
        .into_iter()
        .any(|domain| {
            host.strip_suffix(domain)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
}

/// Whether the text begins with `host:7990`: a host and its port, not the scp-like form of a clone URL.
fn is_host_and_port(text: &str) -> bool {
    let Ok(url) = GitUrl::parse(text) else {
        return false;
    };
    let port = url.path().split('/').next().unwrap_or_default();
    url.scheme().is_none()
        && url.userinfo().is_none()
        && url.port().is_none()
        && parse_port(port).is_some()
}

impl DetectedServer {
    /// The base URL over HTTP: that of an SSH URL is assumed on the same host.
    pub(crate) fn http_base_url(&self) -> BaseUrl {
        let url = self.base_url.url();
        let host = url.host_str().filter(|_| url.scheme() == "ssh");
        let over_http = host.and_then(|host| BaseUrl::parse(&format!("https://{host}")).ok());
        over_http.unwrap_or_else(|| self.base_url.clone())
    }

    /// Bitbucket Cloud, with the workspace and the project of a page or of an API URL.
    fn cloud(base_url: BaseUrl, segments: &[&str]) -> Self {
        let owned = |text: &&str| Some((*text).to_owned());
        let (namespace, project) = match segments {
            ["2.0", "workspaces" | "repositories", workspace, rest @ ..]
            | [workspace, "workspace", rest @ ..] => match rest {
                ["projects", key, ..] => (owned(workspace), owned(key)),
                _ => (owned(workspace), None),
            },
            [workspace] | [workspace, "profile", ..] if is_workspace_page(workspace) => {
                (owned(workspace), None)
            }
            _ => (None, None),
        };
        Self {
            base_url,
            deployment: Deployment::Cloud,
            namespace,
            project,
            repository: None,
            over_ssh: false,
            pasted_host: Default::default(),
        }
    }

    /// The server of a clone URL, a web link or an API link.
    fn from_clone_url(clone_url: &CloneUrl) -> Option<Self> {
        let over_ssh = clone_url.transport() == Transport::Ssh;
        let base_url = match clone_url.deployment() {
            Deployment::Cloud => BaseUrl::parse(API_BASE_URL).ok()?,
            Deployment::DataCenter => BaseUrl(clone_url.data_center_base()?),
            Deployment::Unknown if over_ssh => BaseUrl(clone_url.ssh_server()?),
            Deployment::Unknown => return None,
        };
        Some(Self {
            base_url,
            deployment: clone_url.deployment(),
            namespace: clone_url.namespace(),
            project: None,
            repository: Some(clone_url.slug().to_owned()),
            over_ssh,
            pasted_host: Default::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::test_rows;

    #[test]
    fn the_base_url_is_detected_in_a_pasted_url() {
        for (pasted, expected) in test_rows(
            "
            https://bitbucket.org => https://api.bitbucket.org/2.0 cloud
            bitbucket.org => https://api.bitbucket.org/2.0 cloud
            https://bitbucket.org/acme/ => https://api.bitbucket.org/2.0 cloud
            https://bitbucket.org./acme => https://api.bitbucket.org/2.0 cloud
            https://ssh.bitbucket.org => https://api.bitbucket.org/2.0 cloud
            https://api.bitbucket.org/2.0 => https://api.bitbucket.org/2.0 cloud
            https://api.bitbucket.org/2.0/user => https://api.bitbucket.org/2.0 cloud
            git@bitbucket.org:acme/site.git => https://api.bitbucket.org/2.0 cloud
            https://bitbucket.org/acme/site/src/main/ => https://api.bitbucket.org/2.0 cloud
            http://127.0.0.1:8080/2.0 => http://127.0.0.1:8080/2.0 cloud
            http://127.0.0.1:8080/2.0/ => http://127.0.0.1:8080/2.0 cloud
            https://git.example.com => https://git.example.com datacenter
            git.example.com => https://git.example.com datacenter
            https://GIT.example.com:443/ => https://git.example.com datacenter
            https://git.example.com/bitbucket => https://git.example.com/bitbucket datacenter
            https://git.example.com/bitbucket/login?next=x => https://git.example.com/bitbucket datacenter
            git.example.com/login?next=https://x => https://git.example.com datacenter
            https://git.example.com/stash/about => https://git.example.com/stash datacenter
            https://git.example.com/projects/WEB => https://git.example.com datacenter
            https://git.example.com/ctx/rest/api/1.0 => https://git.example.com/ctx datacenter
            https://git.example.com/ctx/scm/web/site.git => https://git.example.com/ctx datacenter
            ssh://git@git.example.com:7999/web/site.git => https://git.example.com datacenter
            http://localhost:7990/bitbucket/dashboard => http://localhost:7990/bitbucket datacenter
            https://jane@git.example.com/ => https://git.example.com datacenter
            ",
        ) {
            let detected: DetectedServer = pasted.parse().unwrap();
            let deployment = serde_json::to_value(detected.deployment).unwrap();
            let found = format!("{} {}", detected.base_url, deployment.as_str().unwrap());
            assert_eq!(found, expected, "{pasted}");
        }
    }

    #[test]
    fn pages_of_cloud_name_workspace_and_project() {
        for (pasted, names) in test_rows(
            "
            https://bitbucket.org => - - -
            https://bitbucket.org/dashboard/overview => - - -
            https://bitbucket.org/account/settings/ => - - -
            https://bitbucket.org/acme => acme - -
            bitbucket.org/acme/ => acme - -
            https://bitbucket.org/acme/profile/repositories => acme - -
            https://bitbucket.org/acme/workspace/overview => acme - -
            https://bitbucket.org/acme/workspace/settings/access-tokens => acme - -
            https://bitbucket.org/acme/workspace/projects/WEB/settings/access-tokens => acme WEB -
            https://bitbucket.org/acme/site/admin/access-tokens => acme - site
            bitbucket.org/acme/site => acme - site
            https://api.bitbucket.org/2.0/user => - - -
            https://api.bitbucket.org/2.0/repositories/acme => acme - -
            https://api.bitbucket.org/2.0/workspaces/acme/projects/WEB => acme WEB -
            ",
        ) {
            let detected: DetectedServer = pasted.parse().unwrap();
            let found = [detected.namespace, detected.project, detected.repository];
            let found = found.map(|name| name.unwrap_or("-".to_owned()));
            assert_eq!(found.join(" "), names, "{pasted}");
        }
    }

    #[test]
    fn pages_of_atlassian_are_not_a_bitbucket() {
        for host in ["id.atlassian.com", "acme.atlassian.net", "atlassian.com"] {
            let error = format!("https://{host}/x")
                .parse::<DetectedServer>()
                .unwrap_err();
            assert_eq!(error, BaseUrlError::Atlassian(host.to_owned()));
            assert!(error.hint().contains("https://bitbucket.org"));
        }
        assert!(
            "https://git.myatlassian.net"
                .parse::<DetectedServer>()
                .is_ok()
        );
    }

    #[test]
    fn a_number_after_a_host_is_its_port() {
        for (pasted, base) in [
            ("git.example.com:8443", "https://git.example.com:8443"),
            ("localhost:7990/ctx/", "https://localhost:7990/ctx"),
            (
                "git.example.com:8443/ctx/browse",
                "https://git.example.com:8443/ctx",
            ),
            ("[::1]:7990", "https://[::1]:7990"),
        ] {
            let detected: DetectedServer = pasted.parse().unwrap();
            assert_eq!(detected.http_base_url().to_string(), base, "{pasted}");
        }
        let over_ssh: DetectedServer = "git@git.example.com:web/site.git".parse().unwrap();
        assert_eq!(
            over_ssh.http_base_url().to_string(),
            "https://git.example.com"
        );
    }

    #[test]
    fn a_text_without_a_base_url_is_an_error() {
        for pasted in [
            "",
            "ftp://git.example.com",
            "https://",
            "https://jane:pw@git.example.com",
            "https://ATATT3x@git.example.com",
            "https://jane:pw@bitbucket.org/acme/site.git",
            "https://git.example.com/web/site.git",
            "https://a\u{202e}b",
            "https://USERID:1234/hunter2@example.com/bitbucket/scm/project/x.git",
            "https://jane:Top@hunter2#pw@bitbucket.org/acme/site.git",
            "https://jane:Top@hunter2?pw@git.example.com",
            "jane:hunter2/x@git.example.com",
            "https://bitbucket.org/acme/site.git/wiki",
            "git@git.example.com/web/site.git",
        ] {
            let error = pasted.parse::<DetectedServer>().unwrap_err();
            let shown = format!("{error} {}", error.hint());
            assert!(
                !shown.to_lowercase().contains("hunter2"),
                "{pasted}: {shown}"
            );
        }
    }
}
