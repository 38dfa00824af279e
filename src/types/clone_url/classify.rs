//! The meaning of a clone URL: whose layout it has, and which repository it names.

use super::Transport;
use super::address::Address;
use super::error::CloneUrlError;
use super::hosting_sites::{self, Depth};
use super::slug::{
    in_short_form, is_path_char, is_personal, is_project_key, is_slug_char, name, on_data_center,
    without_dot_git,
};
use crate::types::cloud_hosts;
use crate::types::deployment::Deployment;

/// The port on which Data Center serves SSH unless told otherwise.
pub(super) const DATA_CENTER_SSH_PORT: u16 = 7999;

/// A repository's place on its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RepositoryLocation {
    pub(super) deployment: Deployment,
    /// Data Center over HTTP: what stands between the host and `/scm` or `/projects`.
    pub(super) context: Vec<String>,
    /// One part on Bitbucket; any number, also none, on other hosts.
    pub(super) namespace: Vec<String>,
    pub(super) slug: String,
    /// Whether the path was written with `.git`, which other hosts may insist on.
    pub(super) dot_git: bool,
    /// The URL is a page or an API address of the repository, not what `git clone` takes.
    pub(super) page: bool,
    /// The product's own layout was seen (`/scm/`, `/projects/…`), so that its other addresses can be built.
    pub(super) layout: bool,
}

/// Finds the repository that a path on an address names.
pub(super) fn find(address: &Address, parts: &[&str]) -> Result<RepositoryLocation, CloneUrlError> {
    if address.host.name().is_some_and(cloud_hosts::is_cloud) {
        return cloud(address, parts);
    }
    if let Some(site) = hosting_sites::other(&address.host) {
        return other_host(address, parts, &site.depth);
    }
    match data_center(address, parts) {
        Some(place) => place,
        None if over_http(address) && is_page(parts) => Err(not_a_repository(address, "a page")),
        None => other_host(address, parts, &Depth::AtLeast(1)),
    }
}

/// bitbucket.org: always `workspace/repository`; web and API links have more around it.
fn cloud(address: &Address, parts: &[&str]) -> Result<RepositoryLocation, CloneUrlError> {
    /// First parts of pages that belong to no workspace.
    const PAGES: [&str; 15] = [
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
    let not = |what| Err(not_a_repository(address, what));
    let over_http = over_http(address);
    let is_api = address.host.name() == Some(cloud_hosts::API);
    let (parts, api) = match parts {
        [_version, "repositories", rest @ ..] if is_api && over_http => (rest, true),
        ["api" | "!api", _version, "repositories", rest @ ..] if over_http => (rest, true),
        _ if is_api => return not("an address of the API"),
        all => (all, false),
    };
    match parts {
        [] if over_http => not("the start page"),
        [] => not("the host itself"),
        ["snippets", ..] => not("a snippet"),
        [page, ..] if over_http && (PAGES.contains(page) || page.starts_with('!')) => {
            not("a page of the website")
        }
        [_] => not("a workspace"),
        [_, "workspace" | "profile", ..] if over_http => not("a page of a workspace"),
        [workspace, slug, rest @ ..] if over_http || rest.is_empty() => {
            let (slug, dot_git) = without_dot_git(slug);
            if slug.ends_with('.') {
                return Err(CloneUrlError::Character('.'));
            }
            Ok(RepositoryLocation {
                deployment: Deployment::Cloud,
                context: Vec::new(),
                namespace: vec![name("workspace", workspace, is_slug_char)?],
                slug: name("repository", slug, is_slug_char)?,
                dot_git,
                page: api || !(rest.is_empty() || matches!(rest, ["info", "refs"])),
                layout: true,
            })
        }
        _ => not("a path with more than a workspace and a repository"),
    }
}

/// A Bitbucket on its own host, where the URL shows that it is one.
fn data_center(
    address: &Address,
    parts: &[&str],
) -> Option<Result<RepositoryLocation, CloneUrlError>> {
    let over_http = over_http(address);
    let at = |context: &[&str], namespace: &str, slug: &str, page: bool, layout: bool| {
        let (slug, dot_git) = without_dot_git(slug);
        let context = context
            .iter()
            .take_while(|&&part| !matches!(part, "rest" | "plugins"));
        if matches!(namespace.trim_matches('~'), "" | "." | "..") {
            return Err(not_a_repository(address, "a project without a name"));
        }
        // A page of it would be read as that of another user.
        if namespace.starts_with("~~") {
            return Err(not_a_repository(address, "a user whose name begins with ~"));
        }
        Ok(RepositoryLocation {
            deployment: Deployment::DataCenter,
            context: context
                .map(|part| name("path", part, is_path_char))
                .collect::<Result<_, _>>()?,
            namespace: vec![name("project", namespace, on_data_center)?],
            slug: name("repository", slug, is_slug_char)?,
            dot_git,
            page,
            layout,
        })
    };
    if over_http {
        for (index, window) in parts.windows(4).enumerate() {
            match window {
                ["projects", key, "repos", slug] => {
                    return Some(at(&parts[..index], key, slug, true, true));
                }
                ["users", user, "repos", slug] => {
                    let namespace = format!("~{}", user.strip_prefix('~').unwrap_or(user));
                    return Some(at(&parts[..index], &namespace, slug, true, true));
                }
                _ => {}
            }
        }
        if let Some(index) = parts.iter().position(|part| *part == "scm") {
            match &parts[index + 1..] {
                [namespace, slug] | [namespace, slug, "info", "refs"] => {
                    return Some(at(&parts[..index], namespace, slug, false, true));
                }
                [
                    namespace,
                    slug,
                    "browse" | "pull-requests" | "commits" | "branches" | "info",
                    ..,
                ] => {
                    return Some(at(&parts[..index], namespace, slug, true, true));
                }
                [] | [_] => return Some(Err(not_a_repository(address, "a project"))),
                _ => {}
            }
        }
    }
    match parts {
        ["scm", namespace, slug] if !over_http => Some(at(&[], namespace, slug, false, true)),
        [namespace, slug] => {
            let ssh_port = !over_http && address.port == Some(DATA_CENTER_SSH_PORT);
            let shown = ssh_port || is_personal(namespace) || is_project_key(namespace);
            shown.then(|| at(&[], namespace, slug, false, !over_http))
        }
        _ => None,
    }
}

/// Pages of a Data Center, or of another hosting site, that belong to no repository.
fn is_page(parts: &[&str]) -> bool {
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
    if parts.last().is_some_and(|last| without_dot_git(last).1) {
        return false;
    }
    match parts {
        [first, ..] if FIRST.contains(first) => true,
        [_context, "login" | "dashboard"]
        | [_context, "rest", "api", ..]
        | [_context, "plugins", "servlet", ..] => true,
        [_context, "projects", key, ..] => is_project_key(key) || is_personal(key),
        _ => false,
    }
}

/// Any other Git host, or a Data Center whose URL does not show it: the last part is the repository.
fn other_host(
    address: &Address,
    parts: &[&str],
    depth: &Depth,
) -> Result<RepositoryLocation, CloneUrlError> {
    let not = |what| Err(not_a_repository(address, what));
    let over_http = over_http(address);
    let [namespace @ .., last] = parts else {
        return not("the host itself");
    };
    let (slug, dot_git) = without_dot_git(last);
    if over_http && !dot_git {
        /// Parts behind a repository that hosting sites keep for its pages.
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
        if parts.iter().skip(2).any(|part| BELOW.contains(part)) {
            return not("a page of a repository");
        }
    }
    match depth {
        Depth::None => return not("something that is not cloned"),
        Depth::Exactly(count) if parts.len() > *count => return not("a page"),
        Depth::Exactly(count) | Depth::AtLeast(count) if parts.len() < *count => {
            return not("an account or a group");
        }
        Depth::AtLeast(_) if over_http && namespace.is_empty() && !dot_git => return not("a page"),
        Depth::Exactly(_) | Depth::AtLeast(_) => {}
    }
    let allowed = if address.from_home {
        in_short_form
    } else {
        is_path_char
    };
    Ok(RepositoryLocation {
        deployment: Deployment::Unknown,
        context: Vec::new(),
        namespace: namespace
            .iter()
            .map(|part| name("path", part, allowed))
            .collect::<Result<_, _>>()?,
        slug: name("repository", slug, allowed)?,
        dot_git,
        page: false,
        layout: false,
    })
}

fn over_http(address: &Address) -> bool {
    address.transport != Transport::Ssh
}

fn not_a_repository(address: &Address, what: &'static str) -> CloneUrlError {
    CloneUrlError::NotARepository {
        what,
        host: address.host.to_string(),
    }
}
