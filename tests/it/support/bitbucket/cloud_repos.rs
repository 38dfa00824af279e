//! Repositories, webhooks, branches, commits and pull requests of Cloud, as its documentation describes them.

use serde_json::{Value, json};

use super::cloud::error;
use super::repo_store::{Repo, RepoStore, cloud_page, cloud_page_of};
use super::{ApiRequest, ApiResponse, Credential, Kind, ServerState};

const ABSENT: &str =
    "You may not have access to this repository or it no longer exists in this workspace.";

/// Responds to requests about repositories; `None` for other requests.
pub(super) fn respond(
    state: &mut ServerState,
    request: &ApiRequest<'_>,
    known: Option<&Credential>,
) -> Option<ApiResponse> {
    let parts = request.parts();
    let base = state.base.clone();
    if state.store.repos.is_empty() && parts.first() != Some(&"repositories") {
        return None;
    }
    match (request.method, parts.as_slice()) {
        ("GET", ["repositories"]) => Some(error(
            410,
            "CHANGE-2770 - Functionality has been deprecated",
        )),
        ("GET", ["repositories", workspace]) => {
            // The token of a repository sees no other.
            let only = if let Kind::AccessToken { repository, .. } = known?.kind {
                repository
            } else {
                None
            };
            let own: Vec<_> = state
                .store
                .repos
                .iter()
                .filter(|repo| repo.namespace == *workspace && fits(repo, request))
                .filter(|repo| only.is_none_or(|slug| repo.slug == slug))
                .collect();
            Some(cloud_page_of(
                &base,
                &state.store,
                request,
                own.len(),
                100,
                |at| body(own[at], &base),
            ))
        }
        (
            "GET",
            [
                "user",
                "workspaces",
                workspace,
                "permissions",
                "repositories",
            ],
        ) => {
            if !matches!(known.map(|known| &known.kind), Some(Kind::ApiToken { .. })) {
                return Some(error(
                    403,
                    "This API is not accessible by this authentication mechanism",
                ));
            }
            let own = state
                .store
                .repos
                .iter()
                .filter(|repo| repo.namespace == *workspace);
            let values: Vec<_> = own
                .map(|repo| json!({"permission": "admin", "repository": body(repo, &base)}))
                .collect();
            Some(cloud_page(&base, &state.store, request, &values, 100))
        }
        (_, ["workspaces", workspace, below @ ..]) if below.first() == Some(&"hooks") => {
            known?;
            Some(hooks(&mut state.store, request, workspace, below, &base))
        }
        ("GET", ["workspaces", _, "members"]) => {
            let user = json!({"uuid": "{jo}", "nickname": "jo", "display_name": "Jo Doe", "account_id": "1:jo"});
            Some(cloud_page(
                &base,
                &state.store,
                request,
                &[json!({"user": user})],
                100,
            ))
        }
        ("POST", ["workspaces", _, "projects"]) => Some(if request.json["type"] != "project" {
            error(400, "type is required")
        } else if state.create_project(&request.json) {
            ApiResponse::new(201, request.json.clone())
        } else {
            error(400, "Project with this Owner and Key already exists.")
        }),
        ("GET", ["workspaces", _, "projects", key]) => {
            let created = state.created_project(key);
            Some(if let Some(created) = created {
                created
            } else if state.projects.iter().any(|known| known == key) {
                ApiResponse::new(200, json!({"key": key, "name": key, "is_private": true}))
            } else {
                error(404, "No project")
            })
        }
        ("POST", ["repositories", workspace, slug]) => {
            Some(create(&mut state.store, request, workspace, slug, &base))
        }
        (_, ["repositories", workspace, slug, below @ ..]) => {
            let store = &mut state.store;
            let Some(repo) = store.repo(workspace, slug) else {
                // Repositories of `ServerState::repositories` are handled in `cloud.rs`.
                let name = format!("{workspace}/{slug}");
                let is_plain = state.repositories.iter().any(|(plain, _)| *plain == name);
                return (!is_plain).then(|| error(404, ABSENT));
            };
            if known.is_none() || repo.hidden > 0 {
                repo.hidden = repo.hidden.saturating_sub(1);
                return Some(error(404, ABSENT));
            }
            let name = repo.name();
            Some(inside(store, request, &name, below, &base))
        }
        _ => None,
    }
}

fn fits(repo: &Repo, request: &ApiRequest<'_>) -> bool {
    let Some(filter) = request.query("q") else {
        return true;
    };
    filter.split(" AND ").all(|part| {
        let part = part.trim_matches(['(', ')']);
        match part.split_once('"') {
            Some((key, value)) if key.starts_with("project.key") => {
                repo.project == value.trim_matches('"')
            }
            Some((key, value)) if key.starts_with("name ~") => {
                repo.slug.contains(value.trim_matches('"'))
            }
            _ => true,
        }
    })
}

fn body(repo: &Repo, base: &str) -> Value {
    let name = repo.name();
    let host = base.trim_start_matches("http://");
    json!({
        "type": "repository", "full_name": name, "slug": repo.slug, "name": repo.slug, "uuid": format!("{{{name}}}"),
        "is_private": !repo.public, "updated_on": "2026-11-20T12:00:00.000000+02:00", "project": {"key": repo.project},
        "description": repo.description.clone().unwrap_or_default(),
        "mainbranch": repo.default_branch.as_ref().map(|name| json!({"type": "branch", "name": name})),
        "links": {"html": {"href": format!("https://bitbucket.org/{name}")}, "clone": [
            {"name": "https", "href": format!("http://jane@{host}/{name}.git")},
            {"name": "ssh", "href": format!("git@bitbucket.org:{name}.git")},
        ]},
    })
}

fn create(
    store: &mut RepoStore,
    request: &ApiRequest<'_>,
    workspace: &str,
    slug: &str,
    base: &str,
) -> ApiResponse {
    let json = &request.json;
    if json["type"] != "repository" || json["scm"] != "git" {
        return error(400, "type is required");
    }
    if slug.chars().any(char::is_uppercase) {
        return error(400, "Invalid slug.");
    }
    if store.repo(workspace, slug).is_some() {
        return error(400, "Repository with this Slug and Owner already exists.");
    }
    let hidden = if store.is_slow { 2 } else { 0 };
    let repo = store.add(&format!("{workspace}/{slug}"));
    repo.public = json["is_private"] == false;
    repo.hidden = hidden;
    repo.description = json["description"].as_str().map(str::to_owned);
    repo.project = json["project"]["key"].as_str().unwrap_or("WEB").into();
    repo.default_branch = json["mainbranch"]["name"].as_str().map(str::to_owned);
    ApiResponse::new(200, body(repo, base))
}

fn inside(
    store: &mut RepoStore,
    request: &ApiRequest<'_>,
    name: &str,
    below: &[&str],
    base: &str,
) -> ApiResponse {
    let (namespace, slug) = name.split_once('/').unwrap();
    if below.first() == Some(&"hooks") {
        return hooks(store, request, name, below, base);
    }
    let repo = store.repo(namespace, slug).unwrap().clone();
    let branches = store.git.as_ref().map_or_else(
        || repo.branches.clone().into_iter().collect(),
        |root| super::git::branches(&root.join(format!("{name}.git"))),
    );
    match (request.method, below) {
        ("GET", []) => ApiResponse::new(200, body(&repo, base)),
        ("GET", ["refs", "branches"]) => {
            let values: Vec<_> = branches
                .iter()
                .map(
                    |(name, hash)| json!({"name": name, "type": "branch", "target": {"hash": hash}}),
                )
                .collect();
            cloud_page(base, store, request, &values, 100)
        }
        ("GET", ["effective-default-reviewers"]) => {
            let user = |(name, _): &(&str, bool)| json!({"reviewer_type": "repository", "user": {"uuid": format!("{{{name}}}"), "display_name": name}});
            let mut values: Vec<_> = repo.reviewers.iter().map(user).collect();
            values.push(json!({"reviewer_type": "repository", "user": {"uuid": "{1}", "display_name": "Jane"}}));
            cloud_page(base, store, request, &values, 100)
        }
        ("GET", ["diffstat", spec]) => {
            let (source, target) = spec.split_once("..").unwrap();
            let same = repo.history(target).contains(&source.to_owned());
            let values = if same {
                vec![]
            } else {
                vec![json!({"type": "diffstat"})]
            };
            cloud_page(base, store, request, &values, 100)
        }
        ("GET", ["commits"]) => {
            let commits = repo.commits.iter();
            let values: Vec<_> = commits
                .map(|(hash, commit)| json!({"hash": hash, "message": commit.message}))
                .collect();
            cloud_page(base, store, request, &values, 100)
        }
        ("GET", ["pullrequests"]) => {
            let states = request.queries("state");
            let values: Vec<_> = repo
                .pull_requests
                .iter()
                .filter(|pull_request| {
                    states
                        .iter()
                        .any(|state| pull_request["state"] == state.as_str())
                })
                .cloned()
                .collect();
            cloud_page(base, store, request, &values, 50)
        }
        ("POST", ["pullrequests"]) => propose(store, request, &repo, &branches),
        ("GET", ["src", hash, path @ ..]) => {
            source(store, request, &repo, hash, &path.join("/"), base)
        }
        _ => error(404, "There is no API hosted at this URL"),
    }
}

fn hooks(
    store: &mut RepoStore,
    request: &ApiRequest<'_>,
    name: &str,
    below: &[&str],
    base: &str,
) -> ApiResponse {
    if store.hidden_webhooks.contains(&name) {
        let detail = json!({"required": ["webhook"], "granted": ["repository"]});
        return ApiResponse::new(
            403,
            json!({"type": "error", "error": {"message": "Your credentials lack one or more required privilege scopes.", "detail": detail}}),
        );
    }
    let (id, values) = (store.id(), store.hooks(name).clone());
    let shown: Vec<_> = values
        .iter()
        .map(|hook| {
            let mut hook = hook.clone();
            let secret = hook.as_object_mut().unwrap().remove("secret");
            hook["secret_set"] =
                json!(secret.is_some_and(|secret| secret.is_string() && secret != ""));
            hook
        })
        .collect();
    let at = below
        .get(1)
        .and_then(|id| values.iter().position(|hook| hook["uuid"] == *id));
    let is_valid = request.json["type"] == "webhook_subscription"
        && request.json["events"]
            .as_array()
            .is_some_and(|events| !events.is_empty())
        && request.json["url"].is_string();
    let hooks = store.hooks(name);
    match (request.method, below.len(), at) {
        ("GET", 1, _) => cloud_page(base, store, request, &shown, 100),
        ("POST" | "PUT", ..) if !is_valid => error(400, "Bad request"),
        ("POST", 1, _) => {
            let mut hook = request.json.clone();
            hook["uuid"] = json!(format!("{{hook-{id}}}"));
            hooks.push(hook.clone());
            hook["secret_set"] = json!(hook["secret"].is_string());
            hook.as_object_mut().unwrap().remove("secret");
            ApiResponse::new(201, hook)
        }
        ("PUT", 2, Some(at)) => {
            let mut hook = request.json.clone();
            hook["uuid"] = values[at]["uuid"].clone();
            if hook.get("secret").is_none() {
                hook["secret"] = values[at]["secret"].clone();
            }
            hooks[at] = hook.clone();
            hook["secret_set"] = json!(hook["secret"].is_string());
            hook.as_object_mut().unwrap().remove("secret");
            ApiResponse::new(200, hook)
        }
        ("DELETE", 2, Some(at)) => {
            hooks.remove(at);
            ApiResponse::new(204, Value::Null)
        }
        _ => error(404, "Webhook not found"),
    }
}

fn propose(
    store: &mut RepoStore,
    request: &ApiRequest<'_>,
    repo: &Repo,
    branches: &[(String, String)],
) -> ApiResponse {
    let json = &request.json;
    let name = |end: &str| {
        json[end]["branch"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let (source, target) = (name("source"), name("destination"));
    if json["type"] != "pullrequest" || json["title"].as_str().is_none_or(str::is_empty) {
        return error(400, "title is required");
    }
    let hash = |name: &str| {
        let branch = branches.iter().find(|(own, _)| own == name);
        branch.map(|(_, hash)| hash.clone())
    };
    let (Some(from), Some(to)) = (hash(&source), hash(&target)) else {
        return error(400, &format!("source: branch not found: {source}"));
    };
    let reviewers = json["reviewers"].as_array().cloned().unwrap_or_default();
    for (name, may) in &repo.reviewers {
        let uuid = format!("{{{name}}}");
        if !may
            && reviewers
                .iter()
                .any(|reviewer| reviewer["uuid"] == uuid.as_str())
        {
            let said = format!(
                "{name} is not a member of this workspace and cannot be added to this pull request"
            );
            return ApiResponse::new(
                400,
                json!({"type": "error", "error": {"message": "Bad request", "fields": {"reviewers": [said]}}}),
            );
        }
    }
    if from == to || repo.commits.contains_key(&to) && repo.history(&to).contains(&from) {
        return error(400, "There are no changes to be pulled");
    }
    let id = store.id();
    let full = json!({"full_name": repo.name()});
    let pull_request = json!({
        "type": "pullrequest", "id": id, "title": json["title"], "state": "OPEN", "draft": json["draft"] == true,
        "description": json["description"], "reviewers": reviewers,
        "source": {"branch": {"name": source}, "repository": full}, "destination": {"branch": {"name": target}, "repository": full},
        "author": {"uuid": "{1}", "display_name": "Jane"},
        "links": {"html": {"href": format!("https://bitbucket.org/{}/pull-requests/{id}", repo.name())}},
    });
    let pull_requests = &mut store
        .repo(&repo.namespace, &repo.slug)
        .unwrap()
        .pull_requests;
    pull_requests.push(pull_request.clone());
    ApiResponse::new(201, pull_request)
}

/// The tree of a commit, or one of its files.
fn source(
    store: &RepoStore,
    request: &ApiRequest<'_>,
    repo: &Repo,
    hash: &str,
    path: &str,
    base: &str,
) -> ApiResponse {
    let Some(commit) = repo.commits.get(hash) else {
        return error(404, "Commit not found");
    };
    if request.query("format").as_deref() == Some("meta") {
        let dir = format!("{path}/");
        return if let Some((content, attributes)) = commit.tree.get(path) {
            ApiResponse::new(
                200,
                json!({"type": "commit_file", "path": path, "size": content.len(), "attributes": attributes}),
            )
        } else if commit.tree.keys().any(|file| file.starts_with(&dir)) {
            ApiResponse::new(200, json!({"type": "commit_directory", "path": path}))
        } else {
            error(404, "No such file or directory")
        };
    }
    if let Some((content, _)) = commit.tree.get(path) {
        let mut response = ApiResponse::new(200, Value::Null);
        response.raw = Some(content.clone());
        return response;
    }
    let prefix = if path.is_empty() {
        String::new()
    } else {
        format!("{}/", path.trim_end_matches('/'))
    };
    let depth = request.number("max_depth").unwrap_or(1);
    let mut values = Vec::new();
    for (file, (content, attributes)) in &commit.tree {
        let Some(rest) = file.strip_prefix(&prefix) else {
            continue;
        };
        let parts: Vec<_> = rest.split('/').collect();
        for level in 1..parts.len().min(depth + 1) {
            let dir = json!({"type": "commit_directory", "path": format!("{prefix}{}", parts[..level].join("/"))});
            if !values.contains(&dir) {
                values.push(dir);
            }
        }
        if parts.len() <= depth {
            values.push(json!({"type": "commit_file", "path": file, "size": content.len(), "attributes": attributes}));
        }
    }
    if values.is_empty() && !path.is_empty() {
        return error(404, "No such file or directory");
    }
    cloud_page(base, store, request, &values, 100)
}
