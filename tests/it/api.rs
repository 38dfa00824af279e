//! `api`: one raw request, to the connection's own server and nowhere else.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Fault, Server, ServerState};
use crate::support::{CommandExt as _, RunOutput, Sandbox, assert_contains, words};

const TOKEN: &str = "ATATT-api-marker";

fn server() -> Server {
    let mut store = RepoStore::with(&["acme/site+", "WEB/site+"]);
    for number in 0..25 {
        store.push(
            "acme/site",
            &format!("branch-{number:02}"),
            "x",
            ("x", b"x"),
        );
    }
    Server::start(ServerState {
        credentials: Credential::for_jane(TOKEN, &["read:user:bitbucket"]),
        store,
        ..ServerState::default()
    })
}

fn run(server: &Server, is_cloud: bool, arguments: &[&str]) -> RunOutput {
    let sandbox = Sandbox::new();
    std::fs::write(
        sandbox.path("body.json"),
        r#"{"key": "OPS", "type": "project"}"#,
    )
    .unwrap();
    let mut command = sandbox.command([&["api"], arguments].concat());
    command.env("BBCONNECT_TOKEN", TOKEN).env(
        "BBCONNECT_REPO",
        if is_cloud { "acme/site" } else { "WEB/site" },
    );
    command.envs(server.environment(is_cloud));
    command.finish()
}

fn last(server: &Server) -> (String, String, Value) {
    let seen = server.requests().last().unwrap().clone();
    (
        seen.method,
        seen.path,
        serde_json::from_slice(&seen.body).unwrap_or_default(),
    )
}

#[test]
fn paths_are_relative_to_the_products_api_root() {
    let server = server();
    for (is_cloud, path, expected) in [
        (true, "user", "/2.0/user"),
        (true, "/user", "/2.0/user"),
        (true, "/2.0/user", "/2.0/user"),
        (
            true,
            "repositories/{workspace}/{repo}",
            "/2.0/repositories/acme/site",
        ),
        (
            false,
            "projects/{project}/repos/{repo}",
            "/bitbucket/rest/api/latest/projects/WEB/repos/site",
        ),
        (
            false,
            "/rest/api/1.0/projects",
            "/bitbucket/rest/api/1.0/projects",
        ),
        (
            false,
            "users?limit=1",
            "/bitbucket/rest/api/latest/users?limit=1",
        ),
    ] {
        let ran = run(&server, is_cloud, &["GET", path]);
        assert_eq!(last(&server).1, expected, "{}", ran.stderr);
    }
    let absolute = format!("{}/user", server.cloud());
    let user = run(&server, true, &["get", &absolute]).exits_with(0);
    assert_eq!(user.json()["nickname"], "jane");
    let document = run(&server, true, &["GET", "user", "--json"])
        .exits_with(0)
        .json();
    assert_eq!(
        (document["schema"].as_str(), document["status"].as_u64()),
        (Some("bbconnect/api@1"), Some(200))
    );
    assert_eq!(document["body"]["nickname"], "jane");
    run(&server, true, &["GET", "projects/{project}"]).exits_with(2);
}

#[test]
fn the_method_defaults_to_get() {
    let server = server();
    run(&server, true, &["user", "-f", "a=b"]).exits_with(0);
    let (method, path, _) = last(&server);
    assert_eq!((method.as_str(), path.as_str()), ("GET", "/2.0/user?a=b"));
    let missing = run(&server, true, &["DELETE"]).exits_with(2);
    assert_contains(&missing.stderr, "no path after DELETE");
}

#[test]
fn a_number_sign_belongs_to_the_path_and_the_dry_run_shows_the_url_that_is_sent() {
    let server = server();
    let absolute = format!("{}/users/a#b?q=c#d", server.cloud());
    for (path, expected) in [
        (
            "repositories/acme/site/refs/branches/login#1",
            "/2.0/repositories/acme/site/refs/branches/login%231",
        ),
        ("users/a%23b%3Fc", "/2.0/users/a%23b%3Fc"),
        ("users?q=name#1", "/2.0/users?q=name%231"),
        (&absolute, "/2.0/users/a%23b?q=c%23d"),
    ] {
        let planned = run(&server, true, &["GET", path, "--dry-run"]).exits_with(0);
        let url = planned.json()["url"].as_str().unwrap().to_owned();
        assert!(url.ends_with(expected), "{url}");
        let sent = run(&server, true, &["GET", path, "-v"]);
        assert_eq!(last(&server).1, expected);
        assert!(sent.stderr.contains(&url), "{}", sent.stderr);
    }
}

#[test]
fn the_credential_is_never_sent_to_another_origin() {
    let (server, other) = (server(), server());
    let elsewhere = format!("{}/user", other.cloud());
    let with_user = format!("http://jane:x@{}/2.0/user", server.address);
    for path in [
        elsewhere.as_str(),
        "https://bitbucket.org/2.0/user",
        &with_user,
        "../../other",
        "%2e%2e/%2e%2e/x",
    ] {
        let refused = run(&server, true, &["GET", path]).exits_with(2);
        assert!(!refused.stderr.contains(TOKEN));
    }
    run(&server, true, &["GET", "//evil.example.com/user"]).exits_with(5);
    assert!(other.requests().is_empty());
    let redirect = Fault {
        status: 302,
        headers: vec![("location", elsewhere)],
        body: Vec::new(),
        delay: Duration::ZERO,
    };
    server.update(|state| state.faults.push_back(redirect));
    run(&server, true, &["GET", "user"]).exits_with(8);
    assert!(other.requests().is_empty());
}

#[test]
fn fields_and_files_become_the_request_body() {
    let server = server();
    run(&server, true, &["GET", "user", "-f", "a=b c", "-f", "n=1"]).exits_with(0);
    assert_eq!(last(&server).1, "/2.0/user?a=b+c&n=1");
    let post =
        words("POST workspaces/{workspace}/projects -f type=project -f key=APP -f is_private=true");
    let planned = run(&server, true, &[&post[..], &["--dry-run"]].concat())
        .exits_with(0)
        .json();
    assert_eq!(
        (planned["action"].as_str(), planned["method"].as_str()),
        (Some("would-send"), Some("POST"))
    );
    assert_eq!(last(&server).0, "GET");
    run(&server, true, &post).exits_with(0);
    assert_eq!(
        last(&server).2,
        json!({"type": "project", "key": "APP", "is_private": true})
    );
    run(
        &server,
        true,
        &["POST", "workspaces/acme/projects", "--input", "body.json"],
    )
    .exits_with(0);
    assert_eq!(last(&server).2["key"], "OPS");
    run(&server, true, &["POST", "x", "--input", "missing.json"]).exits_with(9);
    run(&server, true, &["FETCH", "user"]).exits_with(2);
    run(&server, true, &["GET", "user", "-f", "nothing"]).exits_with(2);
}

#[test]
fn http_errors_set_the_exit_status_and_the_body_is_printed() {
    let server = server();
    let missing = run(&server, true, &["GET", "repositories/acme/other"]).exits_with(5);
    assert_contains(&missing.stdout, "no longer exists");
    assert!(missing.stderr.starts_with("error: "), "{}", missing.stderr);
    let document = run(&server, true, &["GET", "repositories/acme/other", "--json"])
        .exits_with(5)
        .json();
    assert_eq!(document["error"]["exit"], 5);
    run(&server, true, &["GET", "repositories"]).exits_with(8);
    run(
        &server,
        true,
        &["POST", "workspaces/acme/projects", "-f", "a=b"],
    )
    .exits_with(1);
    run(
        &server,
        false,
        &["POST", "projects/WEB/repos", "-f", "name=site"],
    )
    .exits_with(6);
    run(&server, false, &["GET", "no/such/route"]).exits_with(8);
    let raw = "repositories/acme/site/src/";
    let mut hash = String::new();
    server.update(|state| {
        hash.clone_from(&state.store.repo("acme", "site").unwrap().branches["main"]);
    });
    let file = run(&server, true, &["GET", &format!("{raw}{hash}/README.md")]).exits_with(0);
    assert_eq!(file.stdout, "# site\n");
}

#[test]
fn a_response_to_head_has_no_body() {
    let server = server();
    for (sent, status) in [(200, 0), (403, 4), (404, 5)] {
        let fault = Fault::new(sent, &[("content-type", "application/json")], b"");
        server.update(|state| state.faults.push_back(fault));
        let arguments = ["HEAD", "repositories/acme/site", "--json"];
        let ran = run(&server, true, &arguments).exits_with(status);
        if status == 0 {
            assert_eq!(ran.json()["body"], Value::Null);
        }
    }
}

#[test]
fn paginate_reports_entries_that_are_missing() {
    let server = server();
    let page = json!({"values": [{"slug": "site"}], "size": 5, "pagelen": 10, "page": 1});
    let fault = Fault::new(
        200,
        &[("content-type", "application/json")],
        page.to_string(),
    );
    server.update(|state| state.faults.push_back(fault));
    let ran = run(&server, true, &["repositories/acme", "--paginate"]).exits_with(0);
    assert_contains(&ran.stderr, "the server counts 5 entries, but listed 1");
}

#[test]
fn paginate_joins_all_pages() {
    let server = server();
    let path = "repositories/{workspace}/{repo}/refs/branches";
    let first = run(&server, true, &["GET", path]).exits_with(0).json();
    assert_eq!(first["values"].as_array().unwrap().len(), 10);
    let all = run(&server, true, &["GET", path, "--paginate"])
        .exits_with(0)
        .json();
    assert_eq!(all["values"].as_array().unwrap().len(), 26);
    let all = run(
        &server,
        false,
        &["GET", "projects/WEB/repos", "-f", "limit=1", "--paginate"],
    )
    .exits_with(0)
    .json();
    assert_eq!(all["values"].as_array().unwrap().len(), 1);
    run(&server, true, &["POST", path, "--paginate"]).exits_with(2);
}

#[test]
fn paginate_prints_a_response_that_is_not_a_list() {
    let server = server();
    let page = |body: &str| Fault {
        status: 200,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.as_bytes().to_vec(),
        delay: Duration::ZERO,
    };
    let before = server.requests().len();
    let user = run(&server, true, &["GET", "user", "--paginate"]).exits_with(0);
    let user: Value = serde_json::from_str(&user.stdout).unwrap();
    assert_eq!(user["nickname"], "jane");
    let missing = run(
        &server,
        true,
        &["GET", "repositories/acme/other", "--paginate"],
    );
    assert!(
        missing.exits_with(5).stdout.contains("no longer exists"),
        "the body of an error is printed as without --paginate"
    );
    assert_eq!(server.requests().len(), before + 2);
    // Entries that look alike are entries all the same.
    server.update(|state| {
        state
            .faults
            .push_back(page("{\"values\":[{\"key\":1},{\"key\":1}]}"));
    });
    let twice = run(&server, true, &["GET", "user", "--paginate"]).exits_with(0);
    let twice: Value = serde_json::from_str(&twice.stdout).unwrap();
    assert_eq!(twice["values"].as_array().unwrap().len(), 2);
}

#[test]
fn a_repository_placeholder_without_a_repository_is_a_usage_error() {
    let sandbox = Sandbox::new();
    let run = |variables: &[(&str, &str)]| {
        let mut command = sandbox.command(["api", "GET", "repositories/{workspace}/{repo}"]);
        command.env("BBCONNECT_TOKEN", TOKEN);
        command
            .envs(variables.iter().copied())
            .finish()
            .exits_with(2)
    };
    let unnamed = run(&[("BBCONNECT_WORKSPACE", "acme")]).stderr;
    assert_contains(&unnamed, "replace {repo} with its value");
    assert!(!unnamed.contains("--repo"), "{unnamed}");
    // What else is wrong keeps its own words.
    let elsewhere = run(&[("BBCONNECT_DEPLOYMENT", "datacenter")]).stderr;
    assert_contains(&elsewhere, "BBCONNECT_URL");
}
