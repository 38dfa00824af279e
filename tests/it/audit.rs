//! `audit`: the inventory of both products, its findings, formats, and what cannot be read.

use std::fs;

use serde_json::{Value, json};

use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Fault, Server, ServerState};
use crate::support::{CommandExt as _, RunOutput, Sandbox};

const TOKEN: &str = "ATATT-audit-marker";

fn server(names: &[&str]) -> Server {
    Server::start(ServerState {
        credentials: Credential::of_jane(
            TOKEN,
            &[
                "read:repository:bitbucket",
                "admin:repository:bitbucket",
                "read:webhook:bitbucket",
                "REPO_ADMIN",
                "PROJECT_ADMIN",
            ],
        ),
        store: RepoStore::with(names),
        projects: vec!["WEB".to_owned()],
        page_length: 100,
        ..ServerState::default()
    })
}

fn run_in(sandbox: &Sandbox, server: &Server, is_cloud: bool, arguments: &str) -> RunOutput {
    let words = format!("audit {arguments}");
    let mut command = sandbox.command(words.trim_end().split(' '));
    command
        .env("BBCONNECT_TOKEN", TOKEN)
        .envs(server.environment(is_cloud));
    let ran = command.finish();
    assert!(!ran.stdout.contains(TOKEN) && !ran.stderr.contains(TOKEN));
    ran
}

fn run(server: &Server, is_cloud: bool, arguments: &str) -> RunOutput {
    run_in(&Sandbox::new(), server, is_cloud, arguments)
}

/// Webhooks of a repository: on Cloud and on Data Center.
fn add_hook(server: &Server, repo: &str, url: &str) {
    let (namespace, slug) = repo.split_once('/').unwrap();
    let hook = json!({
        "uuid": "{1}", "id": 1, "url": url, "active": true, "secret_set": false,
        "skip_cert_verification": false, "sslVerificationRequired": true, "events": [],
        "statistics": {"lastSuccess": {"finish": 1000}, "lastFailure": {"finish": 2000}},
    });
    server.update(|state| state.store.repo(namespace, slug).unwrap().hooks.push(hook));
}

fn ids(row: &Value) -> Vec<&str> {
    let findings = row["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect()
}

#[test]
fn webhooks_of_a_repository_are_listed_and_checked() {
    let server = server(&["acme/site", "WEB/site"]);
    add_hook(&server, "acme/site", "http://ci.example.com/hook");
    add_hook(&server, "WEB/site", "https://ci.example.com/hook");
    let cloud = run(&server, true, "--repo acme/site --what webhooks --json")
        .exits_with(1)
        .json();
    assert_eq!(cloud["schema"], "bbconnect/audit@1");
    assert_eq!(
        (&cloud["ok"], &cloud["exit"], &cloud["repositories"]),
        (&json!(false), &json!(1), &json!(1))
    );
    let row = &cloud["items"][0];
    assert_eq!(
        (&row["kind"], &row["owner"]),
        (&json!("webhook"), &json!("acme/site"))
    );
    assert_eq!(ids(row), ["webhook.plain-http", "webhook.unsigned"]);
    let arguments = "--repo WEB/site --what webhooks";
    let datacenter = run(&server, false, &format!("{arguments} --format json"))
        .exits_with(0)
        .json();
    assert_eq!(
        ids(&datacenter["items"][0]),
        ["webhook.unsigned", "webhook.failing"]
    );
    run(&server, false, &format!("{arguments} --strict")).exits_with(11);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.method == "GET")
    );
}

#[test]
fn a_workspace_and_a_project_are_read_whole() {
    let server = server(&["acme/site", "acme/api", "WEB/site", "WEB/api"]);
    for (is_cloud, arguments) in [(true, "--workspace acme"), (false, "--project WEB")] {
        let audited = run(&server, is_cloud, &format!("{arguments} --json"))
            .exits_with(0)
            .json();
        assert_eq!(audited["repositories"], 2, "{audited}");
        assert_eq!(audited["incomplete"], json!([]), "{audited}");
        assert!(audited["requests"].as_u64().unwrap() > 4);
    }
    run(&server, true, "--json").exits_with(2);
    run(&server, false, "--workspace acme").exits_with(2);
    run(&server, true, "--workspace acme --what tokens").exits_with(2);
}

#[test]
fn what_refuses_is_named_and_the_rest_is_printed() {
    let server = server(&["acme/site", "acme/api"]);
    add_hook(&server, "acme/api", "http://ci.example.com/hook");
    let refuse = || {
        let body = r#"{"type":"error","error":{"message":"Access denied"}}"#;
        let fault = Fault::new(403, &[("content-type", "application/json")], body);
        server.update(|state| {
            state
                .targeted_faults
                .push(("GET", "/acme/site/hooks", fault.clone()));
        });
    };
    refuse();
    let audited = run(
        &server,
        true,
        "--repo acme/site --repo acme/api --what webhooks --json",
    );
    let audited = audited.exits_with(1).json();
    assert_eq!(audited["incomplete"][0]["owner"], "acme/site");
    assert_eq!(
        ids(&audited["items"][0]),
        ["webhook.plain-http", "webhook.unsigned"]
    );
    refuse();
    run(&server, true, "--repo acme/site --what webhooks").exits_with(4);
}

#[test]
fn a_run_that_ends_early_is_resumed() {
    let server = server(&["acme/site", "acme/api"]);
    let sandbox = Sandbox::new();
    let file = sandbox.path("audit.json");
    let arguments = format!(
        "--repo acme/site --repo acme/api --what webhooks --timeout 2 --json --resume {}",
        file.display()
    );
    let limit = Fault::new(429, &[("retry-after", "3600")], "{}");
    server.update(|state| {
        state
            .targeted_faults
            .push(("GET", "/acme/api/hooks", limit));
    });
    let first = run_in(&sandbox, &server, true, &arguments)
        .exits_with(8)
        .json();
    assert_eq!(first["incomplete"].as_array().unwrap().len(), 1);
    let kept = fs::read_to_string(&file).unwrap();
    assert!(
        kept.contains("acme/site") && !kept.contains(TOKEN),
        "{kept}"
    );
    let before = server.requests().len();
    let second = run_in(&sandbox, &server, true, &arguments)
        .exits_with(0)
        .json();
    assert_eq!(
        (&second["incomplete"], &second["repositories"]),
        (&json!([]), &json!(2))
    );
    assert_eq!(server.requests().len() - before, 1);
    assert!(!file.exists());
    fs::write(&file, "{}").unwrap();
    run_in(&sandbox, &server, true, &arguments).exits_with(2);
}

#[test]
fn each_format_has_every_item() {
    let server = server(&["acme/site"]);
    add_hook(&server, "acme/site", "http://ci.example.com/a,b");
    for (format, text) in [
        ("text", "1 items in 1 repositories: 1 failed"),
        ("csv", "webhook,acme/site,{1},\"http://ci.example.com/a,b\""),
        (
            "junit",
            "<testsuite name=\"acme/site\" tests=\"2\" failures=\"1\"",
        ),
        (
            "markdown",
            "| acme/site | webhook http://ci.example.com/a,b | fail |",
        ),
    ] {
        let arguments = format!("--repo acme/site --what webhooks --format {format}");
        let printed = run(&server, true, &arguments).exits_with(1).stdout;
        assert!(printed.contains(text), "{format}: {printed}");
    }
}
