//! `repo` and `project create`: both products, complete lists, conflicts, and servers that fail in the middle.

use std::time::Duration;

use serde_json::json;

use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Fault, Server, ServerState};
use crate::support::{
    CommandExt as _, RunOutput, Sandbox, assert_contains, check_output, program, words,
};

const TOKEN: &str = "token-repository-marker";

/// Runs a command against one of the products.
type Run = fn(&Server, &[&str]) -> RunOutput;

fn state(store: RepoStore) -> ServerState {
    ServerState {
        credentials: Credential::for_jane(
            TOKEN,
            &["read:repository:bitbucket", "read:user:bitbucket"],
        ),
        projects: vec!["WEB".to_owned()],
        store,
        ..ServerState::default()
    }
}

fn server(names: &[&str]) -> Server {
    Server::start(state(RepoStore::with(names)))
}

/// Runs a command against Cloud as a pipeline does: everything is in the environment.
fn cloud(server: &Server, arguments: &[&str]) -> RunOutput {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(arguments);
    command
        .env("BBCONNECT_URL", server.cloud())
        .env("BBCONNECT_TOKEN", TOKEN)
        .env("BBCONNECT_EMAIL", "jane@acme.example")
        .env("BBCONNECT_WORKSPACE", "acme");
    command.finish()
}

fn datacenter(server: &Server, arguments: &[&str]) -> RunOutput {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(arguments);
    command
        .env("BBCONNECT_URL", server.datacenter())
        .env("BBCONNECT_TOKEN", TOKEN);
    command.finish()
}

fn slugs(ran: &RunOutput) -> Vec<String> {
    let all = ran.json()["repositories"].as_array().unwrap().clone();
    let slug = |row: &serde_json::Value| row["slug"].as_str().unwrap().to_owned();
    all.iter().map(slug).collect()
}

fn many(namespace: &str, count: usize) -> (RepoStore, Vec<String>) {
    let slugs: Vec<_> = (0..count)
        .map(|number| format!("repo-{number:04}"))
        .collect();
    let mut store = RepoStore::default();
    for slug in &slugs {
        store.add(&format!("{namespace}/{slug}"));
    }
    (store, slugs)
}

#[test]
fn json_rows_have_the_documented_fields() {
    let server = server(&["acme/site+", "acme/empty"]);
    let listed = cloud(&server, &["repo", "list", "--json"])
        .exits_with(0)
        .json();
    assert_eq!(listed["schema"], "bbconnect/repo-list@1");
    let row = &listed["repositories"][0];
    assert_eq!(row["namespace"], "acme");
    assert_eq!(row["private"], true);
    assert_eq!(row["default_branch"], "main");
    assert_eq!(row["ssh"], "git@ssh.bitbucket.org:acme/site.git");
    assert_eq!(row["web"], "https://bitbucket.org/acme/site");
    assert_eq!(row["updated_on"], "2026-11-20T10:00:00Z");
    let https = row["https"].as_str().unwrap();
    assert!(
        https.ends_with("/acme/site.git") && !https.contains("jane@"),
        "{https}"
    );
    assert!(listed["repositories"][1]["default_branch"].is_null());
}

#[test]
fn long_lists_are_complete_ordered_and_unique() {
    let (store, expected) = many("acme", 950);
    let server = Server::start(state(store));
    assert!(slugs(&cloud(&server, &["repo", "list", "--json"]).exits_with(0)) == expected);
    let pages = server.requests().len();
    assert_eq!(pages, 10);
    let some = cloud(&server, &["repo", "list", "--limit", "230", "--json"]).exits_with(0);
    assert!(slugs(&some) == expected[..230]);
    assert_eq!(
        server.requests().len() - pages,
        3,
        "no page more than it takes"
    );
    // Pages with opaque names, and a total that changes on the way, are walked.
    server.update(|state| state.store.opaque_pages = true);
    assert!(slugs(&cloud(&server, &["repo", "list", "--json"]).exits_with(0)) == expected);
    server.update(|state| {
        state.store.opaque_pages = false;
        state.store.wrong_size_from = Some(5);
    });
    assert!(slugs(&cloud(&server, &["repo", "list", "--json"]).exits_with(0)) == expected);
    let (store, expected) = many("WEB", 2300);
    let server = Server::start(state(store));
    let all = datacenter(&server, &["repo", "list", "--project", "WEB", "--json"]).exits_with(0);
    assert!(slugs(&all) == expected);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn parallel_pages_retry_and_report_faults() {
    let (store, expected) = many("acme", 950);
    let server = Server::start(state(store));
    let fault = |status, headers| Fault {
        status,
        headers,
        body: Vec::new(),
        delay: Duration::ZERO,
    };
    server.update(|state| {
        let again = vec![("retry-after", "0".to_owned())];
        state
            .targeted_faults
            .push(("GET", "page=4", fault(429, again.clone())));
        state
            .targeted_faults
            .push(("GET", "page=7", fault(503, again)));
        state
            .targeted_faults
            .push(("GET", "page=9", fault(0, Vec::new())));
    });
    assert!(slugs(&cloud(&server, &["repo", "list", "--json"]).exits_with(0)) == expected);
    server.update(|state| {
        state
            .targeted_faults
            .push(("GET", "page=4", fault(500, Vec::new())));
    });
    let failed = cloud(&server, &["repo", "list", "--json"]).exits_with(8);
    assert_eq!(failed.json()["error"]["exit"], 8);
}

#[test]
fn filters_apply_to_the_list() {
    let server = server(&[
        "acme/site",
        "acme/shop",
        "acme/web-site",
        "WEB/site",
        "APP/site",
    ]);
    let found = cloud(&server, &["repo", "list", "--query", "site", "--json"]).exits_with(0);
    assert_eq!(slugs(&found), ["site", "web-site"]);
    assert_contains(&server.requests()[0].path, "q=name+%7E+%22site%22");
    let none = cloud(&server, &["repo", "list", "--project", "OPS", "--json"]).exits_with(0);
    assert_eq!(slugs(&none), [""; 0]);
    // No call of Cloud lists over workspaces any more.
    let all = cloud(&server, &["repo", "list", "--all", "--json"]).exits_with(0);
    assert_eq!(slugs(&all), ["site", "shop", "web-site"]);
    assert!(
        server
            .requests()
            .iter()
            .all(|seen| !seen.path.starts_with("/2.0/repositories?"))
    );
    let of_project =
        datacenter(&server, &["repo", "list", "--project", "web", "--json"]).exits_with(0);
    assert_eq!(of_project.json()["repositories"][0]["namespace"], "WEB");
    let found = datacenter(
        &server,
        &[
            "repo", "list", "--all", "--query", "SIT", "--limit", "3", "--json",
        ],
    )
    .exits_with(0);
    assert_eq!(slugs(&found), ["site", "web-site", "site"]);
    datacenter(&server, &["repo", "list", "--workspace", "acme"]).exits_with(2);
}

#[test]
fn view_shows_the_accounts_permission() {
    let server = server(&["acme/site+", "acme/empty", "WEB/site+"]);
    let site = cloud(&server, &["repo", "view", "acme/site", "--json"])
        .exits_with(0)
        .json();
    assert_eq!(
        (site["empty"].as_bool(), site["permission"].as_str()),
        (Some(false), Some("admin"))
    );
    assert_eq!(site["project"], "WEB");
    assert_eq!(site["repository"], "acme/site");
    let empty = cloud(&server, &["repo", "view", "acme/empty", "--json"])
        .exits_with(0)
        .json();
    assert_eq!(empty["empty"], true);
    let missing = cloud(&server, &["repo", "view", "acme/other"]).exits_with(5);
    assert!(
        !missing.stderr.contains("does not exist"),
        "{}",
        missing.stderr
    );
    server.update(|state| state.store.hidden_webhooks = vec!["WEB/site"]);
    let site = datacenter(&server, &["repo", "view", "web/site", "--json"])
        .exits_with(0)
        .json();
    assert_eq!(
        (site["namespace"].as_str(), site["permission"].as_str()),
        (Some("WEB"), Some("write"))
    );
    assert_eq!(site["default_branch"], "main");
    assert_eq!(site["ssh"], "ssh://git@git.example.com:7999/web/site.git");
    datacenter(&server, &["repo", "view", "WEB/other"]).exits_with(5);
    let shown = cloud(&server, &["repo", "view", "acme/site"])
        .exits_with(0)
        .stdout;
    assert_contains(&shown, "permission  admin");
}

#[test]
fn a_url_selects_a_connection_outside_its_default_project() {
    let server = server(&["WEB/site+", "APP/site+"]);
    let sandbox = Sandbox::new();
    let url = server.datacenter();
    let token = format!("echo {TOKEN}");
    let add = format!("connection add web --url {url} --project WEB");
    let add = words(&add);
    let with_token = ["--auth", "http-access-token", "--token-command", &token];
    sandbox
        .run(add.iter().chain(&with_token).copied())
        .exits_with(0);
    sandbox.run(["repo", "select", "site"]).exits_with(0);
    for project in ["WEB", "APP"] {
        let page = format!("{url}/projects/{project}/repos/site");
        let seen = sandbox.run_json(["repo", "view", &page, "--json"]);
        assert_eq!(seen["namespace"], project);
    }
    let elsewhere = url.replace("/bitbucket", "/other");
    let page = format!("{elsewhere}/projects/WEB/repos/site");
    let refused = sandbox.run(["repo", "view", &page]).exits_with(5);
    assert_contains(&refused.stderr, "no connection matches");
}

#[test]
fn a_repository_is_created_once_and_waited_for() {
    let server = server(&["acme/site"]);
    server.update(|state| state.store.is_slow = true);
    let create = words("repo create acme/Shop --description sells --default-branch trunk --json");
    let planned = cloud(&server, &[&create[..], &["--dry-run"]].concat())
        .exits_with(0)
        .json();
    assert_eq!(planned["action"], "would-create");
    assert!(server.requests().iter().all(|seen| seen.method == "GET"));
    let created = cloud(&server, &create).exits_with(0).json();
    assert_eq!(created["action"], "created");
    assert_eq!(
        (&created["repository"], &created["default_branch"]),
        (&json!("acme/shop"), &json!("trunk"))
    );
    server.update(|state| {
        let shop = state.store.repo("acme", "shop").unwrap();
        assert_eq!(
            (shop.public, shop.description.as_deref(), shop.hidden),
            (false, Some("sells"), 0)
        );
    });
    let created = datacenter(&server, &["repo", "create", "WEB/Shop", "--json"])
        .exits_with(0)
        .json();
    assert_eq!(created["slug"], "shop");
    datacenter(&server, &["repo", "create", "WEB/x", "--project", "APP"]).exits_with(2);
}

#[test]
fn a_refused_repository_without_a_project_leads_to_the_projects() {
    let server = server(&["acme/site"]);
    for (more, expected) in [
        (
            &[][..],
            Some(
                "pass --project KEY; to list the projects, run bbconnect project list --workspace acme",
            ),
        ),
        (&["--project", "WEB"], None),
    ] {
        let body = r#"{"type":"error","error":{"message":"Bad request","fields":{"project":["required"]}}}"#;
        let fault = Fault::new(400, &[("content-type", "application/json")], body);
        server.update(|state| {
            state
                .targeted_faults
                .push(("POST", "/repositories/acme/shop", fault));
        });
        let create = ["repo", "create", "acme/shop", "--json"];
        let refused = cloud(&server, &[&create[..], more].concat());
        let error = refused.json()["error"].clone();
        assert_contains(error["message"].as_str().unwrap(), "project: required");
        assert_eq!(error["hint"].as_str(), expected, "{error}");
    }
}

#[test]
fn a_lost_response_does_not_create_a_second_repository() {
    let server = server(&["acme/site"]);
    let broken = Fault {
        status: 0,
        headers: Vec::new(),
        body: Vec::new(),
        delay: Duration::ZERO,
    };
    server.update(|state| {
        state
            .targeted_faults
            .push(("POST", "/repositories/acme/shop", broken));
    });
    cloud(&server, &["repo", "create", "acme/shop"]).exits_with(7);
    let posts = server
        .requests()
        .iter()
        .filter(|seen| seen.method == "POST")
        .count();
    assert_eq!(posts, 1);
    let again = cloud(&server, &["repo", "create", "acme/shop", "--json"]);
    assert_eq!(again.exits_with(0).json()["action"], "unchanged");
}

#[test]
fn a_dry_run_fails_where_the_workspace_or_project_does_not_exist() {
    let server = server(&["acme/site"]);
    datacenter(&server, &words("repo create NOPE/new --dry-run")).exits_with(5);
    let missing =
        json!({"type": "error", "error": {"message": "No workspace with identifier 'nope'."}});
    for command in [
        "repo create nope/new --dry-run",
        "project create NEW --name New --workspace nope --dry-run",
    ] {
        server.update(|state| {
            // A new list for each command: what is left of the other is not for it.
            state.targeted_faults = ["/repositories/nope", "/repositories/nope"]
                .map(|path| {
                    let json = &[("content-type", "application/json")];
                    ("GET", path, Fault::new(404, json, missing.to_string()))
                })
                .into();
        });
        let refused = cloud(&server, &words(command)).exits_with(5);
        assert_contains(&refused.stderr, "No workspace with identifier");
    }
}

#[test]
fn creating_what_exists_is_unchanged_or_a_conflict() {
    let server = server(&["acme/site"]);
    for (run, name) in [(cloud as Run, "acme/shop"), (datacenter, "WEB/shop")] {
        let create = format!("repo create {name} --description sells --default-branch trunk");
        let create = words(&create);
        let settings = &create[3..];
        run(&server, &create).exits_with(0);
        let before = server.requests().len();
        let with = |settings: &[&str]| {
            let arguments = [&["repo", "create", name, "--json"], settings].concat();
            let dry = run(&server, &[&arguments[..], &["--dry-run"]].concat());
            let ran = run(&server, &arguments);
            assert_eq!(dry.status, ran.status, "{settings:?}");
            ran
        };
        for settings in [settings, &[], &["--description", "sells"]] {
            let again = with(settings).exits_with(0).json();
            assert_eq!(again["action"], "unchanged", "{settings:?}");
        }
        for (settings, difference) in [
            (&["--public"][..], "it is private"),
            (&["--description", "buys"], "its description is `sells`"),
            (&["--default-branch", "main"], "its default branch is trunk"),
        ] {
            let refused = with(settings).exits_with(6).json();
            let message = refused["error"]["message"].as_str().unwrap();
            assert!(message.ends_with(difference), "{message}");
        }
        let requests = server.requests().split_off(before);
        let puts = requests.iter().filter(|request| request.method == "PUT");
        assert_eq!(puts.count(), 0);
    }
    cloud(
        &server,
        &["repo", "create", "acme/shop", "--project", "OPS"],
    )
    .exits_with(6);
    server.update(|state| state.store.repo("acme", "site").unwrap().public = true);
    let public = cloud(&server, &["repo", "create", "acme/site"]).exits_with(6);
    assert_contains(&public.stderr, "it is public");
}

#[test]
fn a_response_that_is_not_what_was_requested_is_not_success() {
    let server = server(&["acme/site"]);
    let json = ("content-type", "application/json");
    for (body, name) in [
        (json!({}), "full_name"),
        (
            json!({"full_name": "acme/other", "slug": "other"}),
            "acme/other",
        ),
        (
            json!({"full_name": "acme/new", "slug": "new", "is_private": false}),
            "public",
        ),
    ] {
        let fault = Fault::new(200, &[json], body.to_string());
        server.update(|state| {
            let path = "/repositories/acme/new";
            state.targeted_faults.push(("POST", path, fault));
        });
        let ran = cloud(&server, &["repo", "create", "acme/new"]).exits_with(8);
        assert!(ran.stderr.contains(name), "{}", ran.stderr);
    }
    let fault = Fault::new(
        201,
        &[json],
        json!({"key": "OTHER", "name": "New"}).to_string(),
    );
    server.update(|state| state.targeted_faults.push(("POST", "/projects", fault)));
    let ran = cloud(&server, &["project", "create", "NEW", "--name", "New"]).exits_with(8);
    assert_contains(&ran.stderr, "its key is OTHER");
}

#[test]
fn a_project_is_created_once() {
    let server = server(&["acme/site"]);
    for run in [cloud, datacenter] {
        server.update(|state| {
            state.projects.retain(|key| key != "OPS");
            state.created_projects.clear();
        });
        let create = ["project", "create", "ops", "--name", "Operations", "--json"];
        let planned = run(&server, &[&create[..], &["--dry-run"]].concat());
        assert_eq!(planned.exits_with(0).json()["action"], "would-create");
        let created = run(
            &server,
            &["project", "create", "ops", "--name", "Operations", "--json"],
        )
        .exits_with(0)
        .json();
        assert_eq!(
            (
                created["action"].as_str(),
                created["project"]["key"].as_str()
            ),
            (Some("created"), Some("OPS"))
        );
        for (name, exit) in [("Operations", 0), ("Others", 6)] {
            for dry_run in [&["--dry-run"][..], &[]] {
                let create = ["project", "create", "OPS", "--name", name, "--json"];
                let again = run(&server, &[&create[..], dry_run].concat()).exits_with(exit);
                if exit == 0 {
                    assert_eq!(again.json()["action"], "unchanged");
                }
            }
        }
    }
    cloud(&server, &["project", "create", "1X", "--name", "X"]).exits_with(2);
}

#[test]
fn a_selected_repository_is_the_default() {
    if !crate::support::is_installed("git", "--version") {
        return;
    }
    let server = server(&["acme/site+", "acme/shop"]);
    let sandbox = Sandbox::new();
    let run = |dir: &str, arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command.current_dir(sandbox.path(dir));
        command.finish()
    };
    std::fs::create_dir_all(sandbox.path("work/services/api")).unwrap();
    check_output(
        program("git")
            .args(["init", "--quiet"])
            .arg(sandbox.path("work")),
    );
    let url = server.cloud();
    let add = [
        "connection",
        "add",
        "acme",
        "--url",
        &url,
        "--auth",
        "api-token",
        "--email",
        "jane@acme.example",
        "--workspace",
        "acme",
        "--token-command",
        &format!("echo {TOKEN}"),
    ];
    run("work", &add).exits_with(0);
    run("work", &["webhook", "list"]).exits_with(2);
    let selected = run("work", &["repo", "select", "site", "--json"])
        .exits_with(0)
        .json();
    assert_eq!(
        (selected["action"].as_str(), selected["scope"].as_str()),
        (Some("updated"), Some("connection"))
    );
    assert_eq!(
        run("work", &["repo", "select", "site", "--json"])
            .exits_with(0)
            .json()["action"],
        "unchanged"
    );
    run("work", &["webhook", "list"]).exits_with(0);
    let service = words("repo select acme/shop --service services/api --json");
    assert_eq!(
        run("work", &service).exits_with(0).json()["scope"],
        "folder"
    );
    assert_eq!(
        run("work", &service).exits_with(0).json()["action"],
        "unchanged"
    );
    run("work/services/api", &["webhook", "list"]).exits_with(0);
    assert_contains(&server.requests().last().unwrap().path, "/acme/shop/hooks");
    run("work", &["webhook", "list"]).exits_with(0);
    assert_contains(&server.requests().last().unwrap().path, "/acme/site/hooks");
    run("work", &["repo", "select", "acme/shop", "--here"]).exits_with(0);
    run("work", &["webhook", "list"]).exits_with(0);
    assert_contains(&server.requests().last().unwrap().path, "/acme/shop/hooks");
    run("work", &["repo", "select", "acme/other"]).exits_with(5);
    let unasked = run("work", &["repo", "select"]).exits_with(2);
    assert_contains(&unasked.stderr, "repo select NAMESPACE/SLUG");
    run(".", &["repo", "select", "acme/site", "--here"]).exits_with(5);
}

#[cfg(unix)]
#[test]
fn on_a_terminal_a_repository_is_selected_by_search() {
    let server = server(&["acme/site", "acme/shop", "acme/web-site"]);
    let sandbox = Sandbox::new();
    let url = server.cloud();
    let token = format!("echo {TOKEN}");
    let add = [
        "connection",
        "add",
        "acme",
        "--url",
        &url,
        "--auth",
        "api-token",
        "--email",
        "jane@acme.example",
        "--workspace",
        "acme",
        "--token-command",
        &token,
    ];
    sandbox.run(add).exits_with(0);
    let mut terminal = sandbox.terminal(&["repo", "select"]);
    terminal.expect("acme/web-site");
    terminal.send("sho");
    terminal.send_line("");
    terminal.expect("acme/shop is now the repository of connection acme");
    let shown = sandbox.run_json(["connection", "show", "acme", "--json"]);
    assert_eq!(shown["connection"]["repository"], "shop");
}
