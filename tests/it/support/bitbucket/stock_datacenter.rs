//! Data Center's repositories, webhooks, branches and pull requests, as its documents describe them.

use serde_json::{Value, json};

use super::datacenter::{EXCEPTION, refusal, wrong_password};
use super::stock::{Repo, Stock, datacenter_page};
use super::{Asked, Credential, Reply, World};

/// The largest page that is given, whatever is asked for.
const MOST: usize = 1000;

/// Answers what is about the stock; `None` for everything else.
pub(super) fn answer(
    world: &mut World,
    asked: &Asked<'_>,
    known: Option<&Credential>,
) -> Option<Reply> {
    let parts = asked.parts();
    if world.stock.repos.is_empty() {
        return None;
    }
    let base = format!("{}/{}", world.base, super::CONTEXT);
    match (asked.method, parts.as_slice()) {
        ("GET", ["rest", "api", "latest", "application-properties"]) => {
            let version = world.stock.version?;
            Some(Reply::new(200, json!({"version": version})))
        }
        ("GET", ["rest", "api", "latest", "users", slug]) => Some(Reply::new(
            200,
            json!({"name": slug, "slug": slug, "displayName": "Jane Doe", "emailAddress": "jane@acme.example"}),
        )),
        ("GET", ["rest", "api", "latest", "repos"]) => {
            known?;
            let key = asked.query("projectkey");
            let name = asked.query("name");
            let values: Vec<_> = world
                .stock
                .repos
                .iter()
                .filter(|repo| {
                    key.as_ref()
                        .is_none_or(|key| repo.namespace.eq_ignore_ascii_case(key))
                })
                .filter(|repo| name.as_ref().is_none_or(|name| repo.slug == *name))
                .filter(|_| asked.query("permission").as_deref() != Some("REPO_ADMIN"))
                .map(|repo| body(repo, &base))
                .collect();
            Some(datacenter_page(asked, &values, MOST))
        }
        ("POST", ["rest", "api", "latest", "projects"]) => {
            let key = asked.json["key"].as_str()?.to_owned();
            if world.projects.contains(&key) {
                return Some(refusal(409, "The project key is already in use.", "null"));
            }
            world.projects.push(key);
            Some(Reply::new(201, asked.json.clone()))
        }
        ("GET", ["rest", "api", "latest", "projects", key, "repos"]) => {
            known?;
            let own = world
                .stock
                .repos
                .iter()
                .filter(|repo| repo.namespace.eq_ignore_ascii_case(key));
            let values: Vec<_> = own.map(|repo| body(repo, &base)).collect();
            Some(datacenter_page(asked, &values, MOST))
        }
        ("POST", ["rest", "api", "latest", "projects", key, "repos"]) => {
            let name = asked.json["name"].as_str()?.to_owned();
            // The server derives the slug.
            let slug = name.to_lowercase().replace([' ', '+'], "-");
            if world.stock.repo(key, &slug).is_some() {
                return Some(Reply::new(
                    409,
                    json!({"errors": [{"context": "name", "message": "This repository URL is already taken.", "exceptionName": null}]}),
                ));
            }
            let hidden = if world.stock.is_slow { 2 } else { 0 };
            let repo = world.stock.add(&format!("{key}/{slug}"));
            repo.hidden = hidden;
            repo.default_branch = asked.json["defaultBranch"].as_str().map(str::to_owned);
            Some(Reply::new(201, body(repo, &base)))
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
                .any(|name| asked.query(name).is_none())
            {
                return Some(refusal(400, "sourceRepoId is required", "null"));
            }
            let repo = world.stock.repo(key, slug)?;
            let user = |name: &str| json!({"name": name, "slug": name, "displayName": name});
            let mut all: Vec<_> = repo.reviewers.iter().map(|(name, _)| user(name)).collect();
            all.push(user("jane"));
            Some(Reply::new(200, json!(all)))
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
            let stock = &mut world.stock;
            let absent = || {
                refusal(
                    404,
                    &format!("Repository {key}/{slug} does not exist."),
                    &format!("{EXCEPTION}.repository.NoSuchRepositoryException"),
                )
            };
            let Some(repo) = stock.repo(key, slug) else {
                let name = format!("{key}/{slug}");
                let is_plain = world.repositories.iter().any(|(plain, _)| *plain == name);
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
            Some(inside(stock, asked, &name, below, &base))
        }
        _ => None,
    }
}

fn body(repo: &Repo, base: &str) -> Value {
    let key = repo.namespace.to_uppercase();
    let host = base.trim_start_matches("http://");
    json!({
        "id": repo.name().bytes().fold(0, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))), "slug": repo.slug, "name": repo.slug, "scmId": "git", "state": "AVAILABLE", "public": repo.public,
        "project": {"key": key}, "links": {
            "self": [{"href": format!("{base}/projects/{key}/repos/{}/browse", repo.slug)}],
            "clone": [
                {"name": "http", "href": format!("http://jane@{host}/scm/{}/{}.git", repo.namespace.to_lowercase(), repo.slug)},
                {"name": "ssh", "href": format!("ssh://git@git.example.com:7999/{}/{}.git", repo.namespace.to_lowercase(), repo.slug)},
            ],
        },
    })
}

fn inside(stock: &mut Stock, asked: &Asked<'_>, name: &str, below: &[&str], base: &str) -> Reply {
    let (namespace, slug) = name.split_once('/').unwrap();
    if below.first() == Some(&"webhooks") {
        if stock.closed.contains(&name) {
            let exception = format!("{EXCEPTION}.AuthorisationException");
            return refusal(
                401,
                "You are not permitted to access this resource",
                &exception,
            );
        }
        return hooks(stock, asked, name, below);
    }
    let git = stock
        .git
        .as_ref()
        .map(|folder| folder.join(format!("{}.git", name.to_lowercase())));
    let repo = stock.repo(namespace, slug).unwrap().clone();
    match (asked.method, below) {
        ("GET", []) => Reply::new(200, body(&repo, base)),
        ("GET", ["default-branch"]) => {
            let name = repo
                .default_branch
                .clone()
                .unwrap_or_else(|| "main".to_owned());
            Reply::new(
                200,
                json!({"id": format!("refs/heads/{name}"), "displayId": name, "type": "BRANCH"}),
            )
        }
        ("GET", ["branches"]) => {
            let filter = asked.query("filterText").unwrap_or_default();
            let branches = git.map_or_else(
                || repo.branches.clone().into_iter().collect(),
                |git| super::git::branches(&git),
            );
            let values: Vec<_> = branches
                .iter()
                .filter(|(name, _)| name.contains(&filter))
                .map(|(name, hash)| json!({"id": format!("refs/heads/{name}"), "displayId": name, "latestCommit": hash, "isDefault": name == "main"}))
                .collect();
            datacenter_page(asked, &values, MOST)
        }
        ("GET", ["commits"]) => {
            let Some(git) = git else {
                return refusal(
                    404,
                    "This repository has no commits that can be listed.",
                    &format!("{EXCEPTION}.commit.NoSuchCommitException"),
                );
            };
            let (until, since) = (asked.query("until").unwrap(), asked.query("since"));
            let values: Vec<_> = super::git::commits(&git, &until, since.as_deref())
                .into_iter()
                .map(|(hash, parents, message)| {
                    let parents: Vec<_> = parents.iter().map(|parent| json!({"id": parent})).collect();
                    json!({"id": hash, "message": message, "parents": parents, "author": {"name": "jane"}})
                })
                .collect();
            datacenter_page(asked, &values, MOST)
        }
        ("GET", ["pull-requests"]) => {
            let state = asked.query("state").unwrap_or_else(|| "OPEN".to_owned());
            let end = if asked.query("direction").as_deref() == Some("OUTGOING") {
                "fromRef"
            } else {
                "toRef"
            };
            let at = asked.query("at");
            let values: Vec<_> = repo
                .requests
                .iter()
                .filter(|request| state == "ALL" || request["state"] == state.as_str())
                .filter(|request| {
                    at.as_ref()
                        .is_none_or(|at| request[end]["id"] == at.as_str())
                })
                .cloned()
                .collect();
            datacenter_page(asked, &values, 100)
        }
        ("POST", ["pull-requests"]) => {
            let branches = git.map_or_else(
                || repo.branches.clone().into_iter().collect(),
                |git| super::git::branches(&git),
            );
            propose(stock, asked, &repo, &branches, base)
        }
        _ => super::datacenter::unrouted(),
    }
}

fn hooks(stock: &mut Stock, asked: &Asked<'_>, name: &str, below: &[&str]) -> Reply {
    let (namespace, slug) = name.split_once('/').unwrap();
    let (id, unknown) = (stock.id(), stock.unknown_event);
    let hooks = &mut stock.repo(namespace, slug).unwrap().hooks;
    let at = below.get(1).and_then(|id| {
        hooks
            .iter()
            .position(|hook| hook["id"].as_u64() == id.parse().ok())
    });
    if asked.method != "GET"
        && let Some(event) = unknown
        && asked.json["events"]
            .as_array()
            .is_some_and(|events| events.iter().any(|other| other == event))
    {
        return refusal(400, &format!("The event {event} is unknown."), "null");
    }
    // Changing replaces: what is not sent is cleared.
    let stored = |id: &Value| {
        let mut hook = asked.json.clone();
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
    match (asked.method, below, at) {
        ("GET", ["webhooks"], _) => {
            let values = hooks.clone();
            datacenter_page(asked, &values, 1000)
        }
        ("POST", ["webhooks"], _) => {
            let hook = stored(&json!(id));
            hooks.push(hook.clone());
            Reply::new(201, hook)
        }
        ("POST", ["webhooks", "test"], _) => match asked.query("url") {
            None => refusal(500, "An error occurred", "java.lang.NullPointerException"),
            Some(url) if url.contains("broken") => Reply::new(
                200,
                json!({"request": {"url": url}, "response": {"statusCode": 500, "body": ""}}),
            ),
            Some(url) => Reply::new(
                200,
                json!({"request": {"url": url}, "response": {"statusCode": 200, "body": ""}}),
            ),
        },
        ("PUT", ["webhooks", _], Some(at)) => {
            hooks[at] = stored(&hooks[at]["id"].clone());
            Reply::new(200, hooks[at].clone())
        }
        ("DELETE", ["webhooks", _], Some(at)) => {
            hooks.remove(at);
            Reply::new(204, Value::Null)
        }
        _ => refusal(
            404,
            "Webhook not found",
            &format!("{EXCEPTION}.webhook.NoSuchWebhookException"),
        ),
    }
}

fn propose(
    stock: &mut Stock,
    asked: &Asked<'_>,
    repo: &Repo,
    branches: &[(String, String)],
    base: &str,
) -> Reply {
    let json = &asked.json;
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
        return Reply::new(
            409,
            json!({"errors": [{"context": "reviewers", "message": "Errors encountered while adding some reviewers to this pull request.",
                "exceptionName": format!("{EXCEPTION}.pull.InvalidPullRequestReviewersException"), "reviewerErrors": refused, "validReviewers": []}]}),
        );
    }
    let same_ends = |request: &&Value| {
        request["state"] == "OPEN"
            && request["fromRef"]["id"] == json["fromRef"]["id"]
            && request["toRef"]["id"] == json["toRef"]["id"]
    };
    if repo.requests.iter().any(|request| same_ends(&request)) {
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
    let id = stock.id();
    let mut request = json.clone();
    request["id"] = json!(id);
    request["version"] = json!(0);
    request["state"] = json!("OPEN");
    request["author"] = json!({"user": {"name": "jane", "displayName": "Jane Doe"}});
    request["links"] = json!({"self": [{"href": format!("{base}/projects/{}/repos/{}/pull-requests/{id}", repo.namespace, repo.slug)}]});
    let requests = &mut stock.repo(&repo.namespace, &repo.slug).unwrap().requests;
    requests.push(request.clone());
    Reply::new(201, request)
}
