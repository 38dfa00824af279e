//! The meaning of a clone URL: whose layout it has, and which repository it names.

use super::Transport;
use super::address::Address;
use super::error::CloneUrlError;
use super::path::Path;
use super::site::{self, CLOUD_API, Depth};
use crate::model::deployment::Deployment;

/// The port on which Data Center serves SSH unless told otherwise.
pub(super) const DATA_CENTER_SSH_PORT: u16 = 7999;

/// A repository's place on its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) deployment: Deployment,
    /// Data Center over HTTP: what stands between the host and `/scm` or `/projects`.
    pub(super) context: Path,
    /// One part on Bitbucket; any number, also none, on other hosts.
    pub(super) namespace: Path,
    pub(super) slug: String,
    /// Whether the path was written with `.git`, which other hosts may insist on.
    pub(super) dot_git: bool,
    /// The URL is a page or an API address of the repository, not what `git clone` takes.
    pub(super) page: bool,
}

/// Finds the repository that a path on an address names.
pub(super) fn find(address: &Address, path: &Path) -> Result<Place, CloneUrlError> {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    if site::is_cloud(&address.host) {
        return cloud(address, &parts);
    }
    if let Some(site) = site::other(&address.host) {
        return elsewhere(address, &parts, &site.depth);
    }
    match data_center(address, &parts) {
        Some(place) => place,
        None => elsewhere(address, &parts, &Depth::AtLeast(1)),
    }
}

/// bitbucket.org: always `workspace/repository`; web and API links have more around it.
fn cloud(address: &Address, parts: &[&str]) -> Result<Place, CloneUrlError> {
    /// First parts of pages that belong to no workspace.
    const PAGES: [&str; 12] = [
        "account",
        "blog",
        "dashboard",
        "gateway",
        "product",
        "repo",
        "site",
        "snippets",
        "socialauth",
        "support",
        "xhr",
        "api",
    ];
    let not = |what| Err(not_a_repository(address, what));
    let over_http = address.transport != Transport::Ssh;
    let is_api = address.host.name() == Some(CLOUD_API);
    let (parts, api) = match parts {
        [_version, "repositories", rest @ ..] if is_api && over_http => (rest, true),
        ["api" | "!api", _version, "repositories", rest @ ..] if over_http => (rest, true),
        _ if is_api => return not("this is an address of the API"),
        all => (all, false),
    };
    match parts {
        [] if over_http => not("this is the start page"),
        [] => not("this is the host itself"),
        ["snippets", ..] => not("this is a snippet"),
        [page, ..] if over_http && (PAGES.contains(page) || page.starts_with('!')) => {
            not("this is a page of the website")
        }
        [_] => not("this is a workspace"),
        [_, "workspace" | "profile", ..] if over_http => not("this is a page of a workspace"),
        [workspace, slug, rest @ ..] if over_http || rest.is_empty() => {
            let (slug, dot_git) = without_dot_git(slug);
            Ok(Place {
                deployment: Deployment::Cloud,
                context: Path::new(),
                namespace: vec![name("workspace", workspace, on_bitbucket)?],
                slug: name("repository", slug, on_bitbucket)?,
                dot_git,
                page: api || !(rest.is_empty() || matches!(rest, ["info", "refs"])),
            })
        }
        _ => not("this path has more than a workspace and a repository, so it is no clone URL"),
    }
}

/// A Bitbucket on its own host, where the URL shows that it is one.
fn data_center(address: &Address, parts: &[&str]) -> Option<Result<Place, CloneUrlError>> {
    let over_http = address.transport != Transport::Ssh;
    let at = |context: &[&str], namespace: String, slug: &str, page: bool| {
        let (slug, dot_git) = without_dot_git(slug);
        let context = context
            .iter()
            .take_while(|&&part| !matches!(part, "rest" | "plugins"));
        Ok(Place {
            deployment: Deployment::DataCenter,
            context: context.map(|&part| part.to_owned()).collect(),
            namespace: vec![name("project", &namespace, on_data_center)?],
            slug: name("repository", slug, on_bitbucket)?,
            dot_git,
            page,
        })
    };
    if over_http {
        for (index, window) in parts.windows(4).enumerate() {
            match window {
                ["projects", key, "repos", slug] => {
                    return Some(at(&parts[..index], (*key).to_owned(), slug, true));
                }
                ["users", user, "repos", slug] => {
                    return Some(at(&parts[..index], format!("~{user}"), slug, true));
                }
                _ => {}
            }
        }
    }
    match parts {
        [context @ .., "scm", namespace, slug] if over_http || context.is_empty() => {
            Some(at(context, (*namespace).to_owned(), slug, false))
        }
        [namespace, slug]
            if address.port == Some(DATA_CENTER_SSH_PORT)
                || is_personal(namespace)
                || is_project_key(namespace) =>
        {
            Some(at(&[], (*namespace).to_owned(), slug, false))
        }
        _ => None,
    }
}

/// Any other Git host, or a Data Center whose URL does not show it: the last part is the repository.
fn elsewhere(address: &Address, parts: &[&str], depth: &Depth) -> Result<Place, CloneUrlError> {
    let not = |what| Err(not_a_repository(address, what));
    let over_http = address.transport != Transport::Ssh;
    let [namespace @ .., last] = parts else {
        return not("this is the host itself");
    };
    let (slug, dot_git) = without_dot_git(last);
    if over_http && !dot_git {
        /// Parts that hosting sites keep for their own pages.
        const FIRST: [&str; 13] = [
            "account",
            "admin",
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
        const BELOW_REPOSITORY: [&str; 16] = [
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
            "tags",
            "tree",
            "wiki",
        ];
        if parts.iter().take(2).any(|part| FIRST.contains(part)) {
            return not("this is a page");
        }
        if parts
            .iter()
            .skip(2)
            .any(|part| BELOW_REPOSITORY.contains(part))
        {
            return not("this is a page of a repository");
        }
    }
    match depth {
        Depth::None => return not("this is a gist or a snippet"),
        Depth::Exactly(count) if parts.len() > *count => return not("this is a page"),
        Depth::Exactly(count) | Depth::AtLeast(count) if parts.len() < *count => {
            return not("this is an account or a group");
        }
        Depth::AtLeast(_) if over_http && namespace.is_empty() && !dot_git => {
            return not("this is a page");
        }
        Depth::Exactly(_) | Depth::AtLeast(_) => {}
    }
    Ok(Place {
        deployment: Deployment::Unknown,
        context: Path::new(),
        namespace: namespace
            .iter()
            .map(|part| name("path", part, anywhere))
            .collect::<Result<_, _>>()?,
        slug: name("repository", slug, anywhere)?,
        dot_git,
        page: false,
    })
}

fn not_a_repository(address: &Address, what: &'static str) -> CloneUrlError {
    CloneUrlError::NotARepository {
        what,
        host: address.host.to_string(),
    }
}

/// One `.git` at the end is spelling, not name.
fn without_dot_git(slug: &str) -> (&str, bool) {
    slug.strip_suffix(".git")
        .map_or((slug, false), |slug| (slug, true))
}

/// `~user`, the personal project of a Data Center user.
pub(super) fn is_personal(namespace: &str) -> bool {
    namespace.len() > 1 && namespace.starts_with('~')
}

/// A project key as Data Center's pages write it: capital letters, digits, underscores.
fn is_project_key(namespace: &str) -> bool {
    namespace.starts_with(|first: char| first.is_ascii_uppercase())
        && namespace
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Checks the name of a namespace or a repository, character by character.
fn name(
    what: &'static str,
    part: &str,
    allowed: fn(char) -> bool,
) -> Result<String, CloneUrlError> {
    if part.is_empty() {
        return Err(CloneUrlError::EmptyPart);
    }
    if part.starts_with('-') {
        return Err(CloneUrlError::OptionLike(what));
    }
    if matches!(part, "." | "..") {
        return Err(CloneUrlError::DotPart);
    }
    match part.chars().find(|&character| !allowed(character)) {
        Some(' ') => Err(CloneUrlError::Blank),
        Some(character) => Err(CloneUrlError::Character(character)),
        None => Ok(part.to_owned()),
    }
}

/// Slugs and workspace ids; braces are those of a UUID.
fn on_bitbucket(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_.-{}".contains(character)
}

/// Project keys, and the slugs of users behind `~`.
fn on_data_center(character: char) -> bool {
    character.is_alphanumeric() || "_.-~+".contains(character)
}

/// Whatever no shell gives a meaning to.
fn anywhere(character: char) -> bool {
    character.is_alphanumeric() || "._~-+=,%{} ".contains(character)
}
