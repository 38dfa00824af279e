//! Which product's layout a path has, and which repository it names.

use super::address::Address;
use super::error::CloneUrlError;
use super::host::{Depth, hosting_site};
use super::path::{
    check, is_path_char, is_personal, is_project_char, is_project_key, is_scp_path_char,
    is_slug_char, strip_dot_git,
};
use crate::types::cloud_hosts;
use crate::types::deployment::Deployment;

pub(super) const DATA_CENTER_SSH_PORT: u16 = 7999;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RepositoryLocation {
    pub(super) deployment: Deployment,
    /// Context path of a Data Center over HTTP: the segments before `/scm` or `/projects`.
    pub(super) context: Vec<String>,
    /// One segment on Bitbucket; any number, or none, on other hosts.
    pub(super) namespace: Vec<String>,
    pub(super) slug: String,
    /// Whether the path ended in `.git`, which other hosts may require.
    pub(super) dot_git: bool,
    /// A web page or API URL of the repository, not a clone URL.
    pub(super) is_page: bool,
    /// The path has the product's own layout (`/scm/`, `/projects/…`), so that its other URLs can be built.
    pub(super) has_layout: bool,
}

/// The repository that the segments of a path name.
pub(super) fn find(
    address: &Address,
    segments: &[&str],
) -> Result<RepositoryLocation, CloneUrlError> {
    if address.host.name().is_some_and(cloud_hosts::is_cloud) {
        return cloud(address, segments);
    }
    if let Some(site) = hosting_site(&address.host) {
        return other_host(address, segments, &site.depth);
    }
    match data_center(address, segments) {
        Some(location) => location,
        None if address.is_http() && is_page(segments) => Err(not_a_repository(address, "a page")),
        None => other_host(address, segments, &Depth::AtLeast(1)),
    }
}

/// First segments of pages of Bitbucket Cloud that belong to no workspace.
const CLOUD_PAGES: [&str; 15] = [
    "account",
    "api",
    "blog",
    "dashboard",
    "gateway",
    "invitations",
    "login",
    "product",
    "repo",
    "site",
    "snippets",
    "socialauth",
    "support",
    "workspaces",
    "xhr",
];

/// Whether the first segment of a page of Bitbucket Cloud is a workspace.
pub(crate) fn is_workspace_page(segment: &str) -> bool {
    !CLOUD_PAGES.contains(&segment) && !segment.starts_with('!')
}

/// Bitbucket Cloud: always `workspace/repository`; web and API URLs have more segments around it.
fn cloud(address: &Address, segments: &[&str]) -> Result<RepositoryLocation, CloneUrlError> {
    let not = |what| Err(not_a_repository(address, what));
    let is_http = address.is_http();
    let is_api = address.host.name() == Some(cloud_hosts::API);
    let (segments, api) = match segments {
        [_version, "repositories", rest @ ..] if is_api && is_http => (rest, true),
        ["api" | "!api", _version, "repositories", rest @ ..] if is_http => (rest, true),
        _ if is_api => return not("a URL of the API"),
        all => (all, false),
    };
    match segments {
        [] if is_http => not("the start page"),
        [] => not("the host itself"),
        ["snippets", ..] => not("a snippet"),
        [page, ..] if is_http && !is_workspace_page(page) => not("a page of the website"),
        [_] => not("a workspace"),
        [_, "workspace" | "profile", ..] if is_http => not("a page of a workspace"),
        [workspace, slug, "wiki", rest @ ..]
            if strip_dot_git(slug).1 && matches!(rest, [] | ["info", "refs"])
                || !is_http && rest.is_empty() =>
        {
            Err(CloneUrlError::Wiki {
                workspace: check("workspace", workspace, is_slug_char)?,
                slug: check("repository", strip_dot_git(slug).0, is_slug_char)?,
            })
        }
        [workspace, slug, rest @ ..] if is_http || rest.is_empty() => {
            let (slug, dot_git) = strip_dot_git(slug);
            if slug.ends_with('.') {
                return Err(CloneUrlError::Character('.'));
            }
            Ok(RepositoryLocation {
                deployment: Deployment::Cloud,
                context: Vec::new(),
                namespace: vec![check("workspace", workspace, is_slug_char)?],
                slug: check("repository", slug, is_slug_char)?,
                dot_git,
                is_page: api || !(rest.is_empty() || matches!(rest, ["info", "refs"])),
                has_layout: true,
            })
        }
        _ => not("a path with more than a workspace and a repository"),
    }
}

/// A Data Center, if the URL has a layout that only Data Center has.
fn data_center(
    address: &Address,
    segments: &[&str],
) -> Option<Result<RepositoryLocation, CloneUrlError>> {
    let is_http = address.is_http();
    let at = |context: &[&str], namespace: &str, slug: &str, is_page: bool, has_layout: bool| {
        let (slug, dot_git) = strip_dot_git(slug);
        let context = context
            .iter()
            .take_while(|&&segment| !matches!(segment, "rest" | "plugins"));
        if matches!(namespace.trim_matches('~'), "" | "." | "..") {
            return Err(not_a_repository(address, "a project without a name"));
        }
        // Its web page would be read as that of another user.
        if namespace.starts_with("~~") {
            return Err(not_a_repository(address, "a user whose name begins with ~"));
        }
        Ok(RepositoryLocation {
            deployment: Deployment::DataCenter,
            context: context
                .map(|segment| check("path", segment, is_path_char))
                .collect::<Result<_, _>>()?,
            namespace: vec![check("project", namespace, is_project_char)?],
            slug: check("repository", slug, is_slug_char)?,
            dot_git,
            is_page,
            has_layout,
        })
    };
    if is_http {
        for (index, window) in segments.windows(4).enumerate() {
            match window {
                ["projects", key, "repos", slug] => {
                    return Some(at(&segments[..index], key, slug, true, true));
                }
                ["users", user, "repos", slug] => {
                    let namespace = format!("~{}", user.strip_prefix('~').unwrap_or(user));
                    return Some(at(&segments[..index], &namespace, slug, true, true));
                }
                _ => {}
            }
        }
        if let Some(index) = segments.iter().position(|segment| *segment == "scm") {
            match &segments[index + 1..] {
                [namespace, slug] | [namespace, slug, "info", "refs"] => {
                    return Some(at(&segments[..index], namespace, slug, false, true));
                }
                [
                    namespace,
                    slug,
                    "browse" | "pull-requests" | "commits" | "branches" | "info",
                    ..,
                ] => {
                    return Some(at(&segments[..index], namespace, slug, true, true));
                }
                [] | [_] => return Some(Err(not_a_repository(address, "a project"))),
                _ => {}
            }
        }
    }
    match segments {
        ["scm", namespace, slug] if !is_http => Some(at(&[], namespace, slug, false, true)),
        [namespace, slug] => {
            let ssh_port = !is_http && address.port == Some(DATA_CENTER_SSH_PORT);
            let is_data_center = ssh_port || is_personal(namespace) || is_project_key(namespace);
            is_data_center.then(|| at(&[], namespace, slug, false, !is_http))
        }
        _ => None,
    }
}

/// Whether it is a page of a Data Center, or of another hosting site, that belongs to no repository.
fn is_page(segments: &[&str]) -> bool {
    const FIRST: [&str; 14] = [
        "account",
        "admin",
        "api",
        "dashboard",
        "explore",
        "login",
        "orgs",
        "plugins",
        "profile",
        "projects",
        "repos",
        "rest",
        "settings",
        "users",
    ];
    if segments.last().is_some_and(|last| strip_dot_git(last).1) {
        return false;
    }
    match segments {
        [first, ..] if FIRST.contains(first) => true,
        [_context, "login" | "dashboard"]
        | [_context, "rest", "api", ..]
        | [_context, "plugins", "servlet", ..] => true,
        [_context, "projects", key, ..] => is_project_key(key) || is_personal(key),
        _ => false,
    }
}

/// Another Git host, or a Data Center that the URL does not show: the last segment is the repository.
fn other_host(
    address: &Address,
    segments: &[&str],
    depth: &Depth,
) -> Result<RepositoryLocation, CloneUrlError> {
    let not = |what| Err(not_a_repository(address, what));
    let is_http = address.is_http();
    let [namespace @ .., last] = segments else {
        return not("the host itself");
    };
    let (slug, dot_git) = strip_dot_git(last);
    if is_http && !dot_git {
        /// Segments after a repository that hosting sites reserve for its pages.
        const BELOW: [&str; 17] = [
            "-",
            "actions",
            "blob",
            "branches",
            "commit",
            "commits",
            "compare",
            "issues",
            "merge_requests",
            "pull",
            "pulls",
            "raw",
            "releases",
            "src",
            "tags",
            "tree",
            "wiki",
        ];
        if segments
            .iter()
            .skip(2)
            .any(|segment| BELOW.contains(segment))
        {
            return not("a page of a repository");
        }
    }
    match depth {
        Depth::None => return not("something that is not cloned"),
        Depth::Exactly(count) if segments.len() > *count => return not("a page"),
        Depth::Exactly(count) | Depth::AtLeast(count) if segments.len() < *count => {
            return not("an account or a group");
        }
        Depth::AtLeast(_) if is_http && namespace.is_empty() && !dot_git => return not("a page"),
        Depth::Exactly(_) | Depth::AtLeast(_) => {}
    }
    let allowed = if address.is_relative {
        is_scp_path_char
    } else {
        is_path_char
    };
    Ok(RepositoryLocation {
        deployment: Deployment::Unknown,
        context: Vec::new(),
        namespace: namespace
            .iter()
            .map(|segment| check("path", segment, allowed))
            .collect::<Result<_, _>>()?,
        slug: check("repository", slug, allowed)?,
        dot_git,
        is_page: false,
        has_layout: false,
    })
}

fn not_a_repository(address: &Address, what: &'static str) -> CloneUrlError {
    CloneUrlError::NotARepository {
        what,
        host: address.host.to_string(),
    }
}
