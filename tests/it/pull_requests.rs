//! `pr`: opened once, with the right people asked, and clear words where that cannot be.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Fault, Server, ServerState};
use crate::support::{CommandExt as _, RunOutput, Sandbox, assert_contains};

const TOKEN: &str = "ATATT-request-marker";

fn server() -> Server {
    let mut store = RepoStore::with(&["acme/site+", "WEB/site+"]);
    for name in ["acme/site", "WEB/site"] {
        store.push(name, "feature/login", "Login", ("login.html", b"<p>"));
        let (namespace, slug) = name.split_once('/').unwrap();
        let repo = store.repo(namespace, slug).unwrap();
        repo.reviewers = vec![("ann", true), ("bob", false)];
        let main = repo.branches["main"].clone();
        repo.branches.insert("same".to_owned(), main);
    }
    Server::start(ServerState {
        credentials: Credential::for_jane(TOKEN, &["read:user:bitbucket"]),
        store,
        ..ServerState::default()
    })
}

fn run(server: &Server, is_cloud: bool, arguments: &[&str]) -> RunOutput {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("notes.md"), "What is new\n").unwrap();
    let mut command = sandbox.command(arguments);
    command
        .env("BBCONNECT_TOKEN", TOKEN)
        .args(["--repo", if is_cloud { "acme/site" } else { "WEB/site" }]);
    command.envs(server.environment(is_cloud));
    command.finish()
}

fn requests(server: &Server, is_cloud: bool) -> Vec<Value> {
    let mut requests = Vec::new();
    let namespace = if is_cloud { "acme" } else { "WEB" };
    server.update(|state| {
        requests.clone_from(&state.store.repo(namespace, "site").unwrap().pull_requests);
    });
    requests
}

const CREATE: [&str; 7] = [
    "pr",
    "create",
    "--json",
    "--source",
    "feature/login",
    "--title",
    "Login page",
];

#[test]
fn a_title_is_required() {
    let server = server();
    for title in ["", "  "] {
        let arguments = [&CREATE[..6], &[title]].concat();
        run(&server, true, &arguments).exits_with(2);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn invalid_pages_and_server_errors_are_explained() {
    let server = server();
    for (status, body, said) in [
        (200, "[]", "a list instead of an object"),
        (503, "", "server error (503): Service Unavailable"),
    ] {
        let fault = || Fault {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.as_bytes().to_vec(),
            delay: Duration::ZERO,
        };
        server.update(|state| {
            for _ in 0..20 {
                state
                    .targeted_faults
                    .push(("GET", "/pullrequests", fault()));
            }
        });
        let list = ["pr", "list", "--json", "--timeout", "2"];
        let failed = run(&server, true, &list).exits_with(8).json();
        let message = failed["error"]["message"].as_str().unwrap();
        assert!(message.ends_with(said), "{message}");
        server.update(|state| state.targeted_faults.clear());
    }
}

#[test]
fn unchanged_pull_requests_are_reported() {
    let server = server();
    run(&server, true, &CREATE).exits_with(0);
    let text: Vec<_> = CREATE
        .into_iter()
        .filter(|word| *word != "--json")
        .collect();
    let more = ["--body-file", "notes.md", "--draft"];
    let said = run(&server, true, &[&text[..], &more].concat()).exits_with(0);
    assert_contains(&said.stderr, "not updated: description, draft");
}

#[test]
fn a_pull_request_is_created_once() {
    let server = server();
    for is_cloud in [true, false] {
        let planned = run(&server, is_cloud, &[&CREATE[..], &["--dry-run"]].concat())
            .exits_with(0)
            .json();
        assert_eq!(planned["action"], "would-create");
        assert_eq!(requests(&server, is_cloud), [Value::Null; 0]);
        let created = run(
            &server,
            is_cloud,
            &[&CREATE[..], &["--body-file", "notes.md", "--draft"]].concat(),
        )
        .exits_with(0)
        .json();
        assert_eq!(
            (created["schema"].as_str(), created["action"].as_str()),
            (Some("bbconnect/pr-create@1"), Some("created"))
        );
        let request = &created["pull_request"];
        assert_eq!(
            (request["source"].as_str(), request["target"].as_str()),
            (Some("feature/login"), Some("main"))
        );
        assert_eq!(
            (request["title"].as_str(), request["state"].as_str()),
            (Some("Login page"), Some("OPEN"))
        );
        assert!(
            request["id"].is_u64() && request["url"].as_str().unwrap().contains("pull-requests/")
        );
        assert_eq!(request["draft"], true);
        assert_eq!(
            requests(&server, is_cloud)[0]["description"],
            "What is new\n"
        );
        let again = run(&server, is_cloud, &CREATE).exits_with(0).json();
        assert_eq!(
            (again["action"].as_str(), &again["pull_request"]["id"]),
            (Some("unchanged"), &request["id"])
        );
        assert_eq!(again["differs"], json!([]));
        let other = ["--title", "Another", "--reviewer", "ann", "--draft"];
        let other = run(&server, is_cloud, &[&CREATE[..5], &other].concat()).exits_with(0);
        assert_eq!(other.json()["action"], "unchanged");
        assert_eq!(other.json()["differs"], json!(["title", "reviewers"]));
        assert_eq!(requests(&server, is_cloud).len(), 1);
        let listed = run(&server, is_cloud, &["pr", "list", "--json"])
            .exits_with(0)
            .json();
        assert_eq!(listed["pull_requests"][0]["id"], request["id"]);
        let merged = run(
            &server,
            is_cloud,
            &["pr", "list", "--state", "merged", "--json"],
        )
        .exits_with(0)
        .json();
        assert_eq!(merged["pull_requests"], json!([]));
    }
}

/// The list of a fork's outgoing pull requests contains those to the original.
#[test]
fn pull_requests_to_another_repository_are_others() {
    let server = server();
    for (is_cloud, name, end) in [(true, "acme", "destination"), (false, "WEB", "toRef")] {
        let first = run(&server, is_cloud, &CREATE).exits_with(0).json();
        server.update(|state| {
            let repo = state.store.repo(name, "site").unwrap();
            repo.pull_requests[0][end]["repository"] = if is_cloud {
                json!({"full_name": "original/site"})
            } else {
                json!({"slug": "site", "project": {"key": "ORIGINAL"}})
            };
        });
        let second = run(&server, is_cloud, &CREATE).exits_with(0).json();
        assert_eq!(second["action"], "created");
        assert_ne!(second["pull_request"]["id"], first["pull_request"]["id"]);
    }
}

#[test]
fn available_default_reviewers_are_requested() {
    let server = server();
    for is_cloud in [true, false] {
        let created = run(
            &server,
            is_cloud,
            &[&CREATE[..], &["--default-reviewers", "--reviewer", "jo"]].concat(),
        )
        .exits_with(0)
        .json();
        assert_eq!(created["left_out"][0]["reviewer"], "bob");
        let sent = requests(&server, is_cloud)[0]["reviewers"].clone();
        let expected = if is_cloud {
            json!([{"type": "user", "uuid": "{jo}"}, {"type": "user", "uuid": "{ann}"}])
        } else {
            json!([{"user": {"name": "jo"}}, {"user": {"name": "ann"}}])
        };
        // The author cannot be a reviewer.
        assert_eq!(sent, expected);
    }
    let unknown = run(
        &server,
        true,
        &[
            "pr",
            "create",
            "--source",
            "same",
            "--target",
            "feature/login",
            "--title",
            "x",
            "--reviewer",
            "absent",
            "--dry-run",
        ],
    )
    .exits_with(0);
    assert_contains(&unknown.stderr, "reviewer absent not added");
}

#[test]
fn impossible_pull_requests_are_explained() {
    let server = server();
    for is_cloud in [true, false] {
        let create = |source: &str, more: &[&str]| {
            run(
                &server,
                is_cloud,
                &[&["pr", "create", "--source", source, "--title", "x"], more].concat(),
            )
        };
        let missing = create("feature/nowhere", &[]).exits_with(5);
        assert_contains(&missing.stderr, "branch feature/nowhere not found");
        create("feature/login", &["--target", "nowhere"]).exits_with(5);
        let same = create("same", &[]).exits_with(1);
        assert_contains(&same.stderr, "no commits that main lacks");
        create("main", &[]).exits_with(2);
        // A branch that is behind has another commit, and nothing to bring.
        server.update(|state| {
            state.store.push(
                if is_cloud { "acme/site" } else { "WEB/site" },
                "main",
                "More",
                ("more", b""),
            );
        });
        let behind = create("same", &[]).exits_with(1);
        assert_contains(&behind.stderr, "no commits that main lacks");
        assert_eq!(requests(&server, is_cloud), [Value::Null; 0]);
    }
}

#[test]
fn drafts_need_a_recent_server() {
    let server = server();
    server.update(|state| state.store.version = Some("8.17.2"));
    let refused = run(&server, false, &[&CREATE[..], &["--draft"]].concat())
        .exits_with(8)
        .json();
    assert_contains(refused["error"]["message"].as_str().unwrap(), "8.18");
    assert_eq!(requests(&server, false), [Value::Null; 0]);
    server.update(|state| state.store.version = Some("8.18.0-rc1"));
    run(&server, false, &[&CREATE[..], &["--draft"]].concat()).exits_with(0);
}

#[test]
fn long_lists_of_pull_requests_are_complete() {
    let server = server();
    let request = |id: usize| {
        json!({"id": id, "title": format!("t{id}"), "state": "OPEN", "source": {"branch": {"name": "a"}}, "destination": {"branch": {"name": "b"}},
            "fromRef": {"id": "refs/heads/a"}, "toRef": {"id": "refs/heads/b"}})
    };
    server.update(|state| {
        for namespace in ["acme", "WEB"] {
            state.store.repo(namespace, "site").unwrap().pull_requests =
                (1..=230).map(request).collect();
        }
    });
    for is_cloud in [true, false] {
        let listed = run(&server, is_cloud, &["pr", "list", "--json"])
            .exits_with(0)
            .json();
        let ids: Vec<_> = listed["pull_requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|request| request["id"].as_u64().unwrap())
            .collect();
        assert!(ids == (1..=230).collect::<Vec<_>>(), "{} of 230", ids.len());
    }
}

#[test]
fn a_failed_response_does_not_create_a_second_pull_request() {
    for is_cloud in [true, false] {
        let server = server();
        let fault = |status| Fault {
            status,
            headers: vec![("retry-after", "0".to_owned())],
            body: Vec::new(),
            delay: Duration::ZERO,
        };
        let path = if is_cloud {
            "/pullrequests"
        } else {
            "/pull-requests"
        };
        server.update(|state| state.targeted_faults.push(("POST", path, fault(502))));
        run(&server, is_cloud, &CREATE).exits_with(8);
        server.update(|state| state.targeted_faults.push(("POST", path, fault(0))));
        run(&server, is_cloud, &CREATE).exits_with(7);
        assert_eq!(
            run(&server, is_cloud, &CREATE).exits_with(0).json()["action"],
            "unchanged"
        );
        assert_eq!(requests(&server, is_cloud).len(), 1);
    }
}
