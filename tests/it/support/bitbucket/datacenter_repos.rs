//! Repositories, webhooks, branches and pull requests of Data Center, as its documentation describes them.

use serde_json::{Value, json};

use super::datacenter::{EXCEPTION, refusal, wrong_password};
use super::repo_store::{Repo, RepoStore, datacenter_page};
use super::{ApiRequest, ApiResponse, Credential, ServerState};

/// The maximum page length, whatever limit is requested.
const MOST: usize = 1000;

/// Responds to requests about repositories; `None` for other requests.
pub(super) fn respond(
    state: &mut ServerState,
    request: &ApiRequest<'_>,
    known: Option<&Credential>,
) -> Option<ApiResponse> {
    let parts = request.parts();
    if state.store.repos.is_empty() {
        return None;
    }
    let base = format!("{}/{}", state.base, super::CONTEXT_PATH);
    match (request.method, parts.as_slice()) {
        ("GET", ["rest", "api", "latest", "application-properties"]) => {
            let version = state.store.version?;
            Some(ApiResponse::new(200, json!({"version": version})))
        }
        ("GET", ["rest", "api", "latest", "users", slug]) => Some(ApiResponse::new(
            200,
            json!({"name": slug, "slug": slug, "displayName": "Jane Doe", "emailAddress": "jane@acme.example"}),
        )),
        ("GET", ["rest", "api", "latest", "repos"]) => {
            known?;
            let key = request.query("projectkey");
            let name = request.query("name");
            let values: Vec<_> = state
                .store
                .repos
                .iter()
                .filter(|repo| {
                    key.as_ref()
                        .is_none_or(|key| repo.namespace.eq_ignore_ascii_case(key))
                })
                .filter(|repo| name.as_ref().is_none_or(|name| repo.slug == *name))
                .filter(|_| request.query("permission").as_deref() != Some("REPO_ADMIN"))
                .map(|repo| body(repo, &base))
                .collect();
            Some(datacenter_page(request, &values, MOST))
        }
        (_, ["rest", "api", "latest", "projects", key, below @ ..])
            if below.first() == Some(&"webhooks") =>
        {
            known?;
            Some(hooks(&mut state.store, request, key, below))
        }
        ("POST", ["rest", "api", "latest", "projects"]) => {
            if !state.create_project(&request.json) {
                return Some(refusal(409, "The project key is already in use.", "null"));
            }
            Some(ApiResponse::new(201, request.json.clone()))
        }
        ("GET", ["rest", "api", "latest", "projects", key]) => {
            let is_known = state.projects.is_empty() || state.projects.iter().any(|own| own == key);
            let absent = || {
                let exception = format!("{EXCEPTION}.project.NoSuchProjectException");
                refusal(404, "The project does not exist.", &exception)
            };
            let created = state.created_project(key);
            created.or_else(|| (!is_known).then(absent))
        }
        ("GET", ["rest", "api", "latest", "projects", key, "repos"]) => {
            known?;
            let own = state
                .store
                .repos
                .iter()
                .filter(|repo| repo.namespace.eq_ignore_ascii_case(key));
            let values: Vec<_> = own.map(|repo| body(repo, &base)).collect();
            Some(datacenter_page(request, &values, MOST))
        }
        ("POST", ["rest", "api", "latest", "projects", key, "repos"]) => {
            let name = request.json["name"].as_str()?.to_owned();
            // The server derives the slug.
            let slug = name.to_lowercase().replace([' ', '+'], "-");
            if state.store.repo(key, &slug).is_some() {
                return Some(ApiResponse::new(
                    409,
                    json!({"errors": [{"context": "name", "message": "This repository URL is already taken.", "exceptionName": null}]}),
                ));
            }
            let hidden = if state.store.is_slow { 2 } else { 0 };
            let repo = state.store.add(&format!("{key}/{slug}"));
            repo.hidden = hidden;
            repo.default_branch = request.json["defaultBranch"].as_str().map(str::to_owned);
            repo.description = request.json["description"].as_str().map(str::to_owned);
            repo.public = request.json["public"] == true;
            Some(ApiResponse::new(201, body(repo, &base)))
        }
        (
            "GET",
            [
                "rest",
                "default-reviewers",
                "latest",
                "projects",
                key,
                "repos",
                slug,
                "reviewers",
            ],
        ) => {
            if ["sourceRepoId", "targetRepoId", "sourceRefId", "targetRefId"]
                .iter()
                .any(|name| request.query(name).is_none())
            {
                return Some(refusal(400, "sourceRepoId is required", "null"));
            }
            let repo = state.store.repo(key, slug)?;
            let user = |name: &str| json!({"name": name, "slug": name, "displayName": name});
            let mut all: Vec<_> = repo.reviewers.iter().map(|(name, _)| user(name)).collect();
            all.push(user("jane"));
            Some(ApiResponse::new(200, json!(all)))
        }
        (
            _,
            [
                "rest",
                "api",
                "latest",
                "projects",
                key,
                "repos",
                slug,
                below @ ..,
            ],
        ) => {
            let store = &mut state.store;
            let absent = || {
                refusal(
                    404,
                    &format!("Repository {key}/{slug} does not exist."),
                    &format!("{EXCEPTION}.repository.NoSuchRepositoryException"),
                )
            };
            let Some(repo) = store.repo(key, slug) else {
                let name = format!("{key}/{slug}");
                let is_plain = state.repositories.iter().any(|(plain, _)| *plain == name);
                return (!is_plain).then(absent);
            };
            if known.is_none() {
                return Some(wrong_password());
            }
            if repo.hidden > 0 {
                repo.hidden -= 1;
                return Some(absent());
            }
            let name = repo.name();
            Some(inside(store, request, &name, below, &base))
        }
        _ => None,
    }
}

fn body(repo: &Repo, base: &str) -> Value {
    let key = repo.namespace.to_uppercase();
    let host = base.trim_start_matches("http://");
    let ssh = repo.ssh.as_deref();
    let ssh = ssh.unwrap_or("ssh://git@git.example.com:7999");
    let mut body = json!({
        "id": repo.name().bytes().fold(0, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))), "slug": repo.slug, "name": repo.slug, "scmId": "git", "state": "AVAILABLE", "public": repo.public,
        "project": {"key": key}, "links": {
            "self": [{"href": format!("{base}/projects/{key}/repos/{}/browse", repo.slug)}],
            "clone": [
                {"name": "http", "href": format!("http://jane@{host}/scm/{}/{}.git", repo.namespace.to_lowercase(), repo.slug)},
                {"name": "ssh", "href": format!("{ssh}/{}/{}.git", repo.namespace.to_lowercase(), repo.slug)},
            ],
        },
    });
    if let Some(description) = &repo.description {
        body["description"] = json!(description);
    }
    if let Some(archived) = repo.archived {
        body["archived"] = json!(archived);
    }
    body
}

fn inside(
    store: &mut RepoStore,
    request: &ApiRequest<'_>,
    name: &str,
    below: &[&str],
    base: &str,
) -> ApiResponse {
    let (namespace, slug) = name.split_once('/').unwrap();
    if below.first() == Some(&"webhooks") {
        return hooks(store, request, name, below);
    }
    let git = store
        .git
        .as_ref()
        .map(|dir| dir.join(format!("{}.git", name.to_lowercase())));
    let repo = store.repo(namespace, slug).unwrap().clone();
    match (request.method, below) {
        ("GET", []) => ApiResponse::new(200, body(&repo, base)),
        ("GET", ["default-branch"]) => {
            let name = repo
                .default_branch
                .clone()
                .unwrap_or_else(|| "main".to_owned());
            ApiResponse::new(
                200,
                json!({"id": format!("refs/heads/{name}"), "displayId": name, "type": "BRANCH"}),
            )
        }
        ("GET", ["branches"]) => {
            let filter = request.query("filterText").unwrap_or_default();
            let branches = git.map_or_else(
                || repo.branches.clone().into_iter().collect(),
                |git| super::git::branches(&git),
            );
            let values: Vec<_> = branches
                .iter()
                .filter(|(name, _)| name.contains(&filter))
                .map(|(name, hash)| json!({"id": format!("refs/heads/{name}"), "displayId": name, "latestCommit": hash, "isDefault": name == "main"}))
                .collect();
            datacenter_page(request, &values, MOST)
        }
        ("GET", ["pull-requests"]) => {
            let wanted = request.query("state").unwrap_or_else(|| "OPEN".to_owned());
            let end = if request.query("direction").as_deref() == Some("OUTGOING") {
                "fromRef"
            } else {
                "toRef"
            };
            let at = request.query("at");
            let values: Vec<_> = repo
                .pull_requests
                .iter()
                .filter(|pull_request| wanted == "ALL" || pull_request["state"] == wanted.as_str())
                .filter(|pull_request| {
                    at.as_ref()
                        .is_none_or(|at| pull_request[end]["id"] == at.as_str())
                })
                .cloned()
                .collect();
            datacenter_page(request, &values, 100)
        }
        ("POST", ["pull-requests"]) => {
            let branches = git.map_or_else(
                || repo.branches.clone().into_iter().collect(),
                |git| super::git::branches(&git),
            );
            propose(store, request, &repo, &branches, base)
        }
        _ => super::datacenter::unrouted(),
    }
}

fn hooks(
    store: &mut RepoStore,
    request: &ApiRequest<'_>,
    name: &str,
    below: &[&str],
) -> ApiResponse {
    if store.hidden_webhooks.contains(&name) {
        let exception = format!("{EXCEPTION}.AuthorisationException");
        return refusal(
            401,
            "You are not permitted to access this resource",
            &exception,
        );
    }
    // Projects have webhooks since 8.8.
    let is_old = store.version.is_some_and(|version| version < "8.8");
    if is_old && (!name.contains('/') || below.get(1) == Some(&"search")) {
        return super::datacenter::unrouted();
    }
    if let ("GET", ["webhooks", "search"]) = (request.method, below) {
        let (project, scopes) = (
            name.split('/').next().unwrap(),
            request.queries("scopeType"),
        );
        let mut all = Vec::new();
        for (owner, scope) in [(name, "repository"), (project, "project")] {
            if scopes.is_empty() || scopes.iter().any(|wanted| wanted == scope) {
                all.extend(store.hooks(owner).iter().map(|hook| {
                    let mut hook = hook.clone();
                    hook["scopeType"] = json!(scope);
                    hook
                }));
            }
        }
        return datacenter_page(request, &all, MOST);
    }
    let (id, unknown) = (store.id(), store.unknown_event);
    let deliveries = store.deliveries.clone();
    let hooks = store.hooks(name);
    let at = below.get(1).and_then(|id| {
        hooks
            .iter()
            .position(|hook| hook["id"].as_u64() == id.parse().ok())
    });
    if request.method != "GET"
        && let Some(event) = unknown
        && request.json["events"]
            .as_array()
            .is_some_and(|events| events.iter().any(|other| other == event))
    {
        return refusal(400, &format!("The event {event} is unknown."), "null");
    }
    // PUT replaces: fields that are not sent are cleared.
    let stored = |id: &Value| {
        let mut hook = request.json.clone();
        hook["id"] = id.clone();
        hook["createdDate"] = json!(1_790_000_000_000_i64);
        if hook.get("configuration").is_none() {
            hook["configuration"] = json!({});
        }
        if hook.get("sslVerificationRequired").is_none() {
            hook["sslVerificationRequired"] = json!(false);
        }
        hook
    };
    match (request.method, below, at) {
        ("GET", ["webhooks"], _) => {
            let values = hooks.clone();
            datacenter_page(request, &values, 1000)
        }
        ("POST", ["webhooks"], _) => {
            let hook = stored(&json!(id));
            hooks.push(hook.clone());
            ApiResponse::new(201, hook)
        }
        ("POST", ["webhooks", "test"], _) => match request.query("url") {
            None => refusal(500, "An error occurred", "java.lang.NullPointerException"),
            Some(url) if url.contains("broken") => ApiResponse::new(
                200,
                json!({"request": {"url": url}, "response": {"statusCode": 500, "body": ""}}),
            ),
            Some(url) => ApiResponse::new(
                200,
                json!({"request": {"url": url}, "response": {"statusCode": 200, "body": ""}}),
            ),
        },
        ("GET", ["webhooks", _, "latest"], Some(at)) => {
            let known = hooks[at]["id"].as_u64().and_then(|id| deliveries.get(&id));
            match known.and_then(|(last, _)| last.clone()) {
                Some(last) => ApiResponse::new(200, last),
                None => ApiResponse::new(204, Value::Null),
            }
        }
        ("GET", ["webhooks", _, "statistics"], Some(at)) => {
            let known = hooks[at]["id"].as_u64().and_then(|id| deliveries.get(&id));
            let none = || json!({"counts": {"errors": 0, "failures": 0, "successes": 0}});
            ApiResponse::new(200, known.map_or_else(none, |(_, counts)| counts.clone()))
        }
        ("PUT", ["webhooks", _], Some(at)) => {
            hooks[at] = stored(&hooks[at]["id"].clone());
            ApiResponse::new(200, hooks[at].clone())
        }
        ("DELETE", ["webhooks", _], Some(at)) => {
            hooks.remove(at);
            ApiResponse::new(204, Value::Null)
        }
        _ => refusal(
            404,
            "Webhook not found",
            &format!("{EXCEPTION}.webhook.NoSuchWebhookException"),
        ),
    }
}

fn propose(
    store: &mut RepoStore,
    request: &ApiRequest<'_>,
    repo: &Repo,
    branches: &[(String, String)],
    base: &str,
) -> ApiResponse {
    let json = &request.json;
    let conflict = |exception: &str, message: &str| {
        refusal(409, message, &format!("{EXCEPTION}.pull.{exception}"))
    };
    let hash = |end: &str| {
        let id = json[end]["id"].as_str().unwrap_or_default();
        branches
            .iter()
            .find(|(name, _)| format!("refs/heads/{name}") == id)
            .map(|(_, hash)| hash.clone())
    };
    let (Some(from), Some(to)) = (hash("fromRef"), hash("toRef")) else {
        return refusal(
            404,
            "The branch does not exist.",
            &format!("{EXCEPTION}.commit.NoSuchCommitException"),
        );
    };
    let reviewers = json["reviewers"].as_array().cloned().unwrap_or_default();
    let is_refused = |reviewer: &&Value| {
        let name = reviewer["user"]["name"].as_str().unwrap_or_default();
        name == "jane"
            || repo
                .reviewers
                .iter()
                .any(|(known, may)| *known == name && !may)
    };
    let refused: Vec<_> = reviewers
        .iter()
        .filter(is_refused)
        .map(|reviewer| json!({"context": reviewer["user"]["name"], "message": "is not a valid reviewer", "exceptionName": null}))
        .collect();
    if !refused.is_empty() {
        return ApiResponse::new(
            409,
            json!({"errors": [{"context": "reviewers", "message": "Errors encountered while adding some reviewers to this pull request.",
                "exceptionName": format!("{EXCEPTION}.pull.InvalidPullRequestReviewersException"), "reviewerErrors": refused, "validReviewers": []}]}),
        );
    }
    let same_ends = |pull_request: &&Value| {
        pull_request["state"] == "OPEN"
            && pull_request["fromRef"]["id"] == json["fromRef"]["id"]
            && pull_request["toRef"]["repository"] == json["toRef"]["repository"]
            && pull_request["toRef"]["id"] == json["toRef"]["id"]
    };
    if repo
        .pull_requests
        .iter()
        .any(|pull_request| same_ends(&pull_request))
    {
        return conflict(
            "DuplicatePullRequestException",
            "Only one pull request may be open for a given source and target branch",
        );
    }
    let is_merged =
        from == to || repo.commits.contains_key(&to) && repo.history(&to).contains(&from);
    if is_merged {
        return conflict(
            "EmptyPullRequestException",
            "is already up-to-date with branch",
        );
    }
    let id = store.id();
    let mut pull_request = json.clone();
    pull_request["id"] = json!(id);
    pull_request["version"] = json!(0);
    pull_request["state"] = json!("OPEN");
    pull_request["author"] = json!({"user": {"name": "jane", "displayName": "Jane Doe"}});
    pull_request["links"] = json!({"self": [{"href": format!("{base}/projects/{}/repos/{}/pull-requests/{id}", repo.namespace, repo.slug)}]});
    let pull_requests = &mut store
        .repo(&repo.namespace, &repo.slug)
        .unwrap()
        .pull_requests;
    pull_requests.push(pull_request.clone());
    ApiResponse::new(201, pull_request)
}
