//! `webhook`: made, repaired or left alone on both products; nothing that was set is lost, no secret is shown.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Fault, Kind, Server, ServerState};
use crate::support::{CommandExt as _, RunOutput, Sandbox, assert_contains};

const TOKEN: &str = "ATATT-webhook-marker";
const SECRET: &str = "webhook-secret-marker";
const URL: &str = "https://ci.example.com/hook";

fn server(names: &[&str]) -> Server {
    Server::start(ServerState {
        credentials: Credential::for_jane(TOKEN, &["read:webhook:bitbucket"]),
        store: RepoStore::with(names),
        ..ServerState::default()
    })
}

/// Which product, and the repository there.
#[derive(Clone, Copy)]
struct Product(bool);

const CLOUD: Product = Product(true);
const SERVER: Product = Product(false);

impl Product {
    fn repo(self) -> &'static str {
        if self.0 { "acme/site" } else { "WEB/site" }
    }

    fn run(self, server: &Server, arguments: &[&str], input: &str) -> RunOutput {
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(arguments);
        command.env("BBCONNECT_TOKEN", TOKEN);
        if self.0 {
            command
                .env("BBCONNECT_URL", server.cloud())
                .env("BBCONNECT_EMAIL", "jane@acme.example")
                .env("BBCONNECT_WORKSPACE", "acme");
        } else {
            command.env("BBCONNECT_URL", server.datacenter());
        }
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        // A program that does not read its input closes it.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let ran = RunOutput::from(child.wait_with_output().unwrap());
        for secret in [TOKEN, SECRET] {
            assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret));
        }
        ran
    }

    fn ensure(self, server: &Server, more: &[&str], input: &str) -> RunOutput {
        let ensure = [
            "webhook",
            "ensure",
            "--repo",
            self.repo(),
            "--url",
            URL,
            "--json",
        ];
        self.run(server, &[&ensure[..], more].concat(), input)
    }

    fn hooks(self, server: &Server) -> Vec<Value> {
        let mut hooks = Vec::new();
        let (namespace, slug) = self.repo().split_once('/').unwrap();
        server.update(|state| hooks.clone_from(&state.store.repo(namespace, slug).unwrap().hooks));
        hooks
    }
}

fn writes(server: &Server) -> usize {
    let seen = server.requests();
    seen.iter().filter(|seen| seen.method != "GET").count()
}

#[test]
fn ensure_creates_updates_or_keeps_a_webhook() {
    let server = server(&["acme/site", "WEB/site"]);
    for product in [CLOUD, SERVER] {
        let wanted = ["--event", "push", "--event", "pr-created,pr-updated"];
        let planned = product.ensure(&server, &[&wanted[..], &["--dry-run"]].concat(), "");
        assert_eq!(planned.exits_with(0).json()["action"], "would-create");
        assert_eq!(product.hooks(&server), [Value::Null; 0]);
        let created = product.ensure(&server, &wanted, "").exits_with(0).json();
        assert_eq!(created["schema"], "bbconnect/webhook-ensure@1");
        assert_eq!(created["action"], "created");
        let webhook = &created["webhook"];
        assert_eq!(
            webhook["events"],
            json!(["push", "pr-created", "pr-updated"])
        );
        assert_eq!(
            (webhook["active"].as_bool(), webhook["secret_set"].as_bool()),
            (Some(true), Some(false))
        );
        assert!(webhook["id"].is_string() && webhook["url"] == URL);
        let hint = created["hint"].as_str().unwrap();
        let (enough, other) = if product.0 {
            ("read:repository:bitbucket", "REPO_READ")
        } else {
            ("REPO_READ", "bitbucket")
        };
        assert!(hint.contains(enough) && !hint.contains(other), "{hint}");
        let again = product.ensure(&server, &wanted, "").exits_with(0).json();
        assert_eq!(again["hint"], Value::Null);
        assert_eq!(
            (again["action"].as_str(), &again["webhook"]["id"]),
            (Some("unchanged"), &webhook["id"])
        );
        let events = if product.0 {
            json!(["repo:push", "pullrequest:created", "pullrequest:updated"])
        } else {
            json!([
                "repo:refs_changed",
                "pr:opened",
                "pr:modified",
                "pr:from_ref_updated"
            ])
        };
        assert_eq!(product.hooks(&server)[0]["events"], events);
        let repaired = product
            .ensure(&server, &["--event", "push", "--inactive"], "")
            .exits_with(0)
            .json();
        assert_eq!(
            (
                repaired["action"].as_str(),
                repaired["webhook"]["active"].as_bool()
            ),
            (Some("updated"), Some(false))
        );
        assert_eq!(product.hooks(&server).len(), 1);
        product
            .ensure(&server, &["--event", "pushed"], "")
            .exits_with(2);
    }
}

#[test]
fn ensure_adds_events_and_removes_them_only_when_exact() {
    let server = server(&["acme/site", "WEB/site"]);
    for product in [CLOUD, SERVER] {
        let run = |more: &[&str]| product.ensure(&server, more, "").exits_with(0).json();
        let created = run(&["--event", "push,pr-created"]);
        assert_eq!(created["events_added"], json!(["push", "pr-created"]));
        assert_eq!(created["events_removed"], json!([]));
        // An event that is there already.
        let kept = run(&["--event", "push"]);
        assert_eq!(kept["action"], "unchanged");
        assert_eq!(kept["webhook"]["events"], json!(["push", "pr-created"]));
        assert_eq!(
            (&kept["events_added"], &kept["events_removed"]),
            (&json!([]), &json!([]))
        );
        // One that is not.
        for (more, action) in [(&["--dry-run"][..], "would-update"), (&[], "updated")] {
            let added = run(&[&["--event", "pr-merged"], more].concat());
            assert_eq!(added["action"], action);
            assert_eq!(added["events_added"], json!(["pr-merged"]));
            assert_eq!(added["events_removed"], json!([]));
            assert_eq!(
                added["webhook"]["events"],
                json!(["push", "pr-created", "pr-merged"])
            );
        }
        // Only the requested ones.
        for (more, action) in [(&["--dry-run"][..], "would-update"), (&[], "updated")] {
            let replaced = run(&[&["--event", "push", "--exact"], more].concat());
            assert_eq!(replaced["action"], action);
            assert_eq!(replaced["events_added"], json!([]));
            assert_eq!(
                replaced["events_removed"],
                json!(["pr-created", "pr-merged"])
            );
            assert_eq!(replaced["webhook"]["events"], json!(["push"]));
        }
        assert_eq!(
            product.hooks(&server)[0]["events"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }
}

#[test]
fn ensure_keeps_other_settings() {
    let server = server(&["acme/site", "WEB/site"]);
    server.update(|state| {
        let hook = json!({"uuid": "{h}", "type": "webhook_subscription", "description": "theirs", "url": URL, "active": true,
            "events": ["repo:push"], "secret": SECRET, "skip_cert_verification": true, "history_enabled": true});
        state.store.repo("acme", "site").unwrap().hooks.push(hook);
        let hook = json!({"id": 5, "name": "theirs", "url": URL, "active": true, "events": ["repo:refs_changed"],
            "configuration": {"secret": SECRET, "createdBy": "theirs"}, "sslVerificationRequired": true,
            "credentials": {"username": "u", "password": "p"}});
        state.store.repo("WEB", "site").unwrap().hooks.push(hook);
    });
    for product in [CLOUD, SERVER] {
        let before = product.hooks(&server)[0].clone();
        let updated = product
            .ensure(&server, &["--event", "pr-merged"], "")
            .exits_with(0)
            .json();
        assert_eq!(updated["action"], "updated");
        assert_eq!(updated["webhook"]["secret_set"], true);
        let after = product.hooks(&server)[0].clone();
        for key in [
            "secret",
            "configuration",
            "credentials",
            "sslVerificationRequired",
            "skip_cert_verification",
            "description",
            "name",
        ] {
            assert_eq!(before.get(key), after.get(key), "{key}");
        }
        assert_ne!(before["events"], after["events"]);
        let requests = server.requests();
        let update = requests.iter().rfind(|request| request.method == "PUT");
        let update: Value = serde_json::from_slice(&update.unwrap().body).unwrap();
        for key in ["uuid", "id", "history_enabled"] {
            assert_eq!(update.get(key), None, "{key}");
        }
        let listed = product
            .run(
                &server,
                &["webhook", "list", "--repo", product.repo(), "--json"],
                "",
            )
            .exits_with(0);
        assert_eq!(listed.json()["webhooks"][0]["secret_set"], true);
    }
}

#[test]
fn a_new_secret_is_an_update() {
    let server = server(&["acme/site", "WEB/site"]);
    for product in [CLOUD, SERVER] {
        let with_secret = ["--event", "push", "--secret-stdin"];
        product
            .ensure(&server, &["--event", "push"], "")
            .exits_with(0);
        let updated = product
            .ensure(&server, &with_secret, &format!("{SECRET}\n"))
            .exits_with(0)
            .json();
        assert_eq!(
            (
                updated["action"].as_str(),
                updated["webhook"]["secret_set"].as_bool()
            ),
            (Some("updated"), Some(true))
        );
        let hook = &product.hooks(&server)[0];
        assert!(hook["secret"] == SECRET || hook["configuration"]["secret"] == SECRET);
        // Where the server tells it, the same secret is no change.
        let again = product
            .ensure(&server, &with_secret, &format!("{SECRET}\n"))
            .exits_with(0)
            .json();
        assert_eq!(
            again["action"],
            if product.0 { "updated" } else { "unchanged" }
        );
        product.ensure(&server, &with_secret, "\n").exits_with(2);
        let insecure = product
            .ensure(&server, &["--event", "push", "--insecure-receiver"], "")
            .exits_with(0)
            .json();
        assert_eq!(
            (
                insecure["action"].as_str(),
                insecure["webhook"]["verifies_receiver"].as_bool()
            ),
            (Some("updated"), Some(false))
        );
        // Without a word on it, it stays; it is switched on again by name.
        let verifies = |flag: &[&str]| {
            let done = product.ensure(&server, &[&["--event", "push"], flag].concat(), "");
            let done = done.exits_with(0).json();
            let action = done["action"].as_str().unwrap().to_owned();
            (action, done["webhook"]["verifies_receiver"].as_bool())
        };
        assert_eq!(verifies(&[]), ("unchanged".to_owned(), Some(false)));
        let again = ["--verify-receiver"];
        assert_eq!(verifies(&again), ("updated".to_owned(), Some(true)));
        assert_eq!(verifies(&again), ("unchanged".to_owned(), Some(true)));
    }
    let long = "x".repeat(129);
    CLOUD
        .ensure(&server, &["--event", "push", "--secret-stdin"], &long)
        .exits_with(2);
}

#[test]
fn a_secret_is_generated_once() {
    let server = server(&["acme/site", "WEB/site"]);
    for product in [CLOUD, SERVER] {
        let wanted = ["--event", "push", "--generate-secret"];
        let created = product.ensure(&server, &wanted, "").exits_with(0).json();
        let secret = created["secret"].as_str().unwrap().to_owned();
        assert_eq!(
            (created["action"].as_str(), secret.len()),
            (Some("created"), 64)
        );
        let hook = &product.hooks(&server)[0];
        assert!(
            hook["secret"] == secret.as_str() || hook["configuration"]["secret"] == secret.as_str()
        );
        let again = product.ensure(&server, &wanted, "").exits_with(0).json();
        assert_eq!(
            (again["action"].as_str(), again.get("secret")),
            (Some("unchanged"), None)
        );
    }
}

#[test]
fn a_secret_is_replaced_only_on_request() {
    let server = server(&["acme/site", "WEB/site"]);
    for product in [CLOUD, SERVER] {
        let generate = ["--event", "push", "--generate-secret"];
        let replace = [&generate[..], &["--replace-secret"]].concat();
        let ensure = |arguments: &[&str]| product.ensure(&server, arguments, "").exits_with(0);
        let first = ensure(&generate).json()["secret"].clone();
        let kept = ensure(&generate).json();
        assert_eq!(kept["action"], "unchanged");
        assert_contains(&kept["notes"].to_string(), "--replace-secret");
        let planned = ensure(&[&replace[..], &["--dry-run"]].concat()).json();
        assert_eq!(
            (planned["action"].as_str(), planned.get("secret")),
            (Some("would-update"), None)
        );
        let stored = || {
            let hook = &product.hooks(&server)[0];
            let secret = hook.get("secret").or(hook["configuration"].get("secret"));
            secret.unwrap().clone()
        };
        assert_eq!(stored(), first);
        let replaced = ensure(&replace).json();
        assert_eq!(replaced["action"], "updated");
        assert_ne!(replaced["secret"], first);
        assert_eq!(replaced["secret"], stored());
        let alone = ["--event", "push", "--replace-secret"];
        let alone = product.ensure(&server, &alone, "").exits_with(2);
        assert_contains(&alone.stdout, "--generate-secret");
    }
    let planned = ["--event", "push", "--generate-secret", "--dry-run"];
    let server = self::server(&["acme/site"]);
    let planned = CLOUD.ensure(&server, &planned, "").exits_with(0).json();
    assert_eq!(planned["webhook"]["secret_set"], true);
    assert_eq!(planned.get("secret"), None);
}

/// The option that names the workspace or project, and the name of its kind.
fn wide(product: Product) -> ([&'static str; 2], &'static str) {
    if product.0 {
        (["--workspace", "acme"], "workspace")
    } else {
        (["--project", "WEB"], "project")
    }
}

#[test]
fn a_workspace_or_project_has_webhooks_of_its_own() {
    let server = server(&["acme/site", "WEB/site"]);
    for product in [CLOUD, SERVER] {
        let (owner, kind) = wide(product);
        let run = |command: &str, more: &[&str]| {
            let arguments = [&["webhook", command, "--json"][..], &owner, more].concat();
            product.run(&server, &arguments, "")
        };
        let wanted = ["--url", URL, "--event", "push"];
        let dry = run("ensure", &[&wanted[..], &["--dry-run"]].concat());
        let dry = dry.exits_with(0).json();
        assert_eq!(dry["action"], "would-create");
        assert_eq!(dry["webhook"]["scope"], kind);
        assert_eq!(run("list", &[]).exits_with(0).json()["webhooks"], json!([]));
        let created = run("ensure", &wanted).exits_with(0).json();
        assert_eq!(created["action"], "created");
        assert_eq!(created["repository"], Value::Null);
        assert_eq!(created[kind], owner[1]);
        assert_eq!(created["webhook"]["scope"], kind);
        assert_eq!(created["events_added"], json!(["push"]));
        let again = run("ensure", &wanted).exits_with(0).json();
        assert_eq!(again["action"], "unchanged");
        assert_eq!(again["events_added"], json!([]));
        let more = ["--url", URL, "--event", "pr-merged"];
        let updated = run("ensure", &more).exits_with(0).json();
        assert_eq!(updated["events_added"], json!(["pr-merged"]));
        assert_eq!(updated["webhook"]["id"], created["webhook"]["id"]);
        let listed = run("list", &[]).exits_with(0).json();
        assert_eq!(listed["webhooks"], json!([updated["webhook"]]));
        assert_eq!(product.hooks(&server), [Value::Null; 0]);
        if !product.0 {
            let tested = run("test", &["--url", URL]).exits_with(0).json();
            assert_eq!(tested["project"], "WEB");
        }
        let remove = ["--url", URL, "--yes"];
        run("remove", &[&remove[..], &["--dry-run"]].concat()).exits_with(0);
        let removed = run("remove", &remove).exits_with(0).json();
        assert_eq!(removed["action"], "removed");
        let gone = run("remove", &remove).exits_with(5).json();
        let message = gone["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("{kind} {} has no webhook", owner[1])));
        server.update(|state| state.store.hidden_webhooks = vec![owner[1]]);
        let refused = run("ensure", &wanted).exits_with(4).json();
        let hint = refused["error"]["hint"].as_str().unwrap().to_owned();
        let permission = if product.0 {
            "write:webhook"
        } else {
            "PROJECT_ADMIN"
        };
        assert!(hint.contains(permission), "{hint}");
        server.update(|state| state.store.hidden_webhooks.clear());
    }
}

#[test]
fn a_server_without_webhooks_of_projects_gets_none_in_the_repositories() {
    let server = server(&["WEB/site"]);
    server.update(|state| state.store.version = Some("8.7.1"));
    for command in ["ensure", "list", "remove", "status", "test"] {
        let url: &[&str] = if command == "list" {
            &[]
        } else {
            &["--url", URL]
        };
        let event: &[&str] = if command == "ensure" {
            &["--event", "push"]
        } else {
            &[]
        };
        let arguments = [&["webhook", command, "--project", "WEB"][..], url, event].concat();
        let refused = SERVER.run(&server, &arguments, "").exits_with(8);
        assert_contains(&refused.stderr, "8.8");
    }
    assert_eq!(SERVER.hooks(&server), [Value::Null; 0]);
    assert_eq!(writes(&server), 0);
    // Each repository still has its own.
    SERVER
        .ensure(&server, &["--event", "push"], "")
        .exits_with(0);
}

#[test]
fn webhooks_of_projects_on_cloud_and_of_workspaces_on_data_center_are_usage_errors() {
    let server = server(&["acme/site", "WEB/site"]);
    let hook = ["webhook", "ensure", "--url", URL, "--event", "push"];
    for owner in [
        &["--project", "WEB"][..],
        &["--project", "WEB", "--workspace", "acme"],
    ] {
        let refused = CLOUD
            .run(&server, &[&hook[..], owner].concat(), "")
            .exits_with(2);
        assert_contains(&refused.stderr, "--all");
    }
    let workspace = [&hook[..], &["--workspace", "acme"]].concat();
    let refused = SERVER.run(&server, &workspace, "").exits_with(2);
    assert_contains(&refused.stderr, "--project");
    let other = [&hook[..], &["--workspace", "other", "--repo", "acme/site"]].concat();
    CLOUD.run(&server, &other, "").exits_with(2);
    let both = [&hook[..], &["--project", "WEB", "--repo", "WEB/site"]].concat();
    SERVER.run(&server, &both, "").exits_with(2);
    assert!(server.requests().is_empty());
    // A slug in a workspace is a repository.
    let slug = [
        &hook[..],
        &["--workspace", "acme", "--repo", "site", "--json"],
    ]
    .concat();
    let created = CLOUD.run(&server, &slug, "").exits_with(0).json();
    assert_eq!(created["repository"], "acme/site");
}

#[test]
fn a_wider_webhook_for_the_same_url_and_event_is_noted() {
    for product in [CLOUD, SERVER] {
        let server = server(&["acme/site", "WEB/site"]);
        let (owner, kind) = wide(product);
        let ensure = |more: &[&str]| {
            let arguments = [&["webhook", "ensure", "--url", URL][..], more].concat();
            product.run(&server, &arguments, "").exits_with(0)
        };
        ensure(&[&owner[..], &["--event", "push,pr-created"]].concat());
        let repo = ["--repo", product.repo()];
        let note = format!("of {kind} {} already calls this URL for push", owner[1]);
        for _ in 0..2 {
            let noted = ensure(&[&repo[..], &["--event", "push,pr-merged"]].concat());
            assert!(noted.stderr.contains(&note), "{}", noted.stderr);
        }
        assert_eq!(product.hooks(&server).len(), 1);
        let all = ["--all", "--project", "WEB", "--event", "push"];
        let noted = ensure(&all);
        assert_eq!(noted.stderr.matches(&note).count(), 1, "{}", noted.stderr);
        let other = ensure(&[&repo[..], &["--event", "pr-declined", "--exact"]].concat());
        assert!(!other.stderr.contains("already calls"), "{}", other.stderr);
        // Webhooks that may not be read are unknown.
        server.update(|state| state.store.hidden_webhooks = vec!["acme", "WEB"]);
        ensure(&[&repo[..], &["--event", "push"]].concat());
    }
}

#[test]
fn status_reports_the_last_delivery() {
    let server = server(&["acme/site", "WEB/site"]);
    let created = SERVER.ensure(&server, &["--event", "push"], "");
    let id = created.exits_with(0).json()["webhook"]["id"].clone();
    let id = id.as_str().unwrap();
    let status = ["webhook", "status", "--repo", "WEB/site", "--json"];
    let of = |which: [&str; 2]| SERVER.run(&server, &[&status[..], &which].concat(), "");
    let never = of(["--url", URL]).exits_with(0).json();
    assert_eq!(never["schema"], "bbconnect/webhook-status@1");
    assert_eq!(never["last"], Value::Null);
    let none = json!({"successes": 0, "failures": 0, "errors": 0});
    assert_eq!(never["counts"], none);
    for (outcome, description, exit, reported, code) in [
        ("SUCCESS", "200", 0, "success", json!(200)),
        ("FAILURE", "503", 1, "failure", json!(503)),
        (
            "ERROR",
            "ci.example.com: unknown host",
            1,
            "error",
            Value::Null,
        ),
    ] {
        let last = json!({"id": 7, "event": "repo:refs_changed", "duration": 41, "start": 1_790_000_000_000_i64,
            "finish": 1_790_000_000_041_i64, "eventScope": {"id": "1", "type": "repository"},
            "request": {"method": "POST", "url": URL}, "result": {"description": description, "outcome": outcome}});
        let errors = if exit == 0 { Value::Null } else { json!(1) };
        let counts = json!({"counts": {"errors": errors, "failures": 2, "successes": 30,
            "window": {"start": 1_789_000_000_000_i64, "duration": 86_400_000}}});
        server.update(|state| {
            let id = id.parse().unwrap();
            state.store.deliveries.insert(id, (Some(last), counts));
        });
        let reported_status = of(["--id", id]).exits_with(exit).json();
        assert_eq!(reported_status["repository"], "WEB/site");
        assert_eq!(
            reported_status["last"],
            json!({"event": "push", "on": "2026-09-21T14:13:20Z", "outcome": reported, "status": code, "elapsed_ms": 41})
        );
        let counts = json!({"successes": 30, "failures": 2, "errors": i32::from(exit != 0)});
        assert_eq!(reported_status["counts"], counts);
        let text = SERVER.run(
            &server,
            &["webhook", "status", "--repo", "WEB/site", "--id", id],
            "",
        );
        let text = text.exits_with(exit).stdout;
        assert_contains(&text, &format!("{URL} {reported}"));
        assert_contains(
            &text,
            &format!("30 successes, 2 failures, {} errors", i32::from(exit != 0)),
        );
    }
    of(["--id", "99"]).exits_with(5);
    let before = server.requests().len();
    for (owner, page) in [
        (["--repo", "acme/site"], "/acme/site/admin/webhooks"),
        (["--workspace", "acme"], "/acme/workspace/settings/webhooks"),
    ] {
        let arguments = [&["webhook", "status", "--url", URL][..], &owner].concat();
        let refused = CLOUD.run(&server, &arguments, "").exits_with(2);
        assert!(refused.stderr.contains(page), "{}", refused.stderr);
    }
    assert_eq!(server.requests().len(), before);
}

#[test]
fn events_unknown_to_an_old_server_are_left_out() {
    let server = server(&["WEB/site"]);
    server.update(|state| state.store.unknown_event = Some("pr:from_ref_updated"));
    let wanted = ["--event", "push", "--event", "pr-updated"];
    let created = SERVER.ensure(&server, &wanted, "").exits_with(0).json();
    assert_eq!(created["action"], "created");
    assert_eq!(created["unknown_events"], json!(["pr:from_ref_updated"]));
    assert_eq!(created["webhook"]["events"], json!(["push", "pr:modified"]));
    assert_eq!(
        SERVER.ensure(&server, &wanted, "").exits_with(0).json()["action"],
        "unchanged"
    );
    assert_eq!(SERVER.hooks(&server).len(), 1);
    SERVER
        .ensure(&server, &["--event", "pr:from_ref_updated"], "")
        .exits_with(1);
}

#[test]
fn a_missing_permission_is_named() {
    let server = server(&["acme/site", "WEB/site"]);
    server.update(|state| state.store.hidden_webhooks = vec!["acme/site", "WEB/site"]);
    for (product, right) in [(CLOUD, "write:webhook:bitbucket"), (SERVER, "REPO_ADMIN")] {
        let refused = product
            .ensure(&server, &["--event", "push"], "")
            .exits_with(4)
            .json();
        assert_eq!(refused["error"]["kind"], "forbidden");
        let hint = refused["error"]["hint"].as_str().unwrap().to_owned();
        assert!(hint.contains(right), "{hint}");
    }
}

/// Its owner would be taken for it: the path without an id is that of the list.
#[test]
fn a_webhook_without_an_id_is_not_changed() {
    let server = server(&["acme/site", "WEB/site"]);
    for product in [CLOUD, SERVER] {
        let path = if product.0 { "/hooks" } else { "/webhooks" };
        let list = json!({"values": [{"url": URL, "active": true, "events": []}]});
        let remove = [
            "webhook",
            "remove",
            "--yes",
            "--repo",
            product.repo(),
            "--url",
            URL,
        ];
        let ensure = [
            "webhook",
            "ensure",
            "--event",
            "push",
            "--repo",
            product.repo(),
            "--url",
            URL,
        ];
        for arguments in [&remove[..], &ensure] {
            let fault = Fault::new(
                200,
                &[("content-type", "application/json")],
                list.to_string(),
            );
            server.update(|state| state.targeted_faults.push(("GET", path, fault)));
            product.run(&server, arguments, "").exits_with(8);
        }
        assert_eq!(product.hooks(&server).len(), 0);
    }
}

#[test]
fn remove_is_idempotent_and_needs_confirmation() {
    let server = server(&["acme/site", "WEB/site"]);
    for product in [CLOUD, SERVER] {
        let id = product
            .ensure(&server, &["--event", "push"], "")
            .exits_with(0)
            .json()["webhook"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let by_url = [
            "webhook",
            "remove",
            "--repo",
            product.repo(),
            "--url",
            URL,
            "--json",
        ];
        product.run(&server, &by_url, "").exits_with(2);
        let planned = product
            .run(&server, &[&by_url[..], &["--dry-run"]].concat(), "")
            .exits_with(0)
            .json();
        assert_eq!(planned["action"], "would-remove");
        assert_eq!(product.hooks(&server).len(), 1);
        let by_id = [
            "webhook",
            "remove",
            "--repo",
            product.repo(),
            "--id",
            &id,
            "--yes",
            "--json",
        ];
        let removed = product.run(&server, &by_id, "").exits_with(0).json();
        assert_eq!(
            (
                removed["action"].as_str(),
                removed["webhooks"][0]["url"].as_str()
            ),
            (Some("removed"), Some(URL))
        );
        assert_eq!(product.hooks(&server), [Value::Null; 0]);
        product.run(&server, &by_id, "").exits_with(5);
        product
            .run(
                &server,
                &["webhook", "remove", "--repo", product.repo()],
                "",
            )
            .exits_with(2);
    }
}

#[test]
fn test_sends_a_delivery_where_supported() {
    let server = server(&["acme/site", "WEB/site"]);
    for product in [CLOUD, SERVER] {
        product
            .ensure(&server, &["--event", "push"], "")
            .exits_with(0);
    }
    let test = |product: Product, url: &str| {
        product.run(
            &server,
            &[
                "webhook",
                "test",
                "--repo",
                product.repo(),
                "--url",
                url,
                "--json",
            ],
            "",
        )
    };
    let called = test(SERVER, URL).exits_with(0).json();
    assert_eq!(
        (called["ok"].as_bool(), called["status"].as_u64()),
        (Some(true), Some(200))
    );
    let path = server.requests().last().unwrap().path.clone();
    assert!(
        path.contains("/webhooks/test?url=https") && path.contains("webhookId="),
        "{path}"
    );
    test(SERVER, "https://other.example.com").exits_with(5);
    let honest = test(CLOUD, URL).exits_with(1).json();
    assert_contains(
        honest["error"]["message"].as_str().unwrap(),
        "cannot test webhooks",
    );
    let broken = "https://broken.example.com/";
    SERVER
        .run(
            &server,
            &[
                "webhook", "ensure", "--repo", "WEB/site", "--url", broken, "--event", "push",
            ],
            "",
        )
        .exits_with(0);
    let called = test(SERVER, broken).exits_with(1).json();
    assert_eq!(
        (called["ok"].as_bool(), called["status"].as_u64()),
        (Some(false), Some(500))
    );
}

#[test]
fn a_url_that_differs_by_a_trailing_slash_is_noted() {
    for product in [CLOUD, SERVER] {
        let server = server(&["acme/site", "WEB/site"]);
        let ensure = |url: &str| {
            let repo = ["webhook", "ensure", "--repo", product.repo()];
            let hook = ["--url", url, "--event", "push"];
            product
                .run(&server, &[&repo[..], &hook].concat(), "")
                .exits_with(0)
        };
        assert!(!ensure(URL).stderr.contains("trailing slash"));
        let other = ensure(&format!("{URL}/"));
        let note = format!("webhook {URL} differs by the trailing slash only");
        assert!(other.stderr.contains(&note), "{}", other.stderr);
        assert_eq!(product.hooks(&server).len(), 2);
        assert!(
            !ensure("https://ci.example.com/other")
                .stderr
                .contains("slash")
        );
    }
}

#[test]
fn ensure_all_covers_a_project_and_resumes() {
    let names: Vec<_> = (0..30)
        .map(|number| format!("WEB/repo-{number:02}"))
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let server = server(&names);
    server.update(|state| state.store.hidden_webhooks = vec!["WEB/repo-07", "WEB/repo-20"]);
    let all = [
        "webhook",
        "ensure",
        "--all",
        "--project",
        "WEB",
        "--url",
        URL,
        "--event",
        "push",
    ];
    let json = [&all[..], &["--json"]].concat();
    let ran = SERVER.run(&server, &json, "").exits_with(4).json();
    assert_eq!(
        ran["summary"],
        json!({"created": 28, "updated": 0, "unchanged": 0, "failed": 2})
    );
    let rows = ran["repositories"].as_array().unwrap();
    let order: Vec<_> = rows
        .iter()
        .map(|row| row["repository"].as_str().unwrap())
        .collect();
    assert_eq!(order, names);
    assert_contains(rows[7]["error"].as_str().unwrap(), "REPO_ADMIN");
    server.update(|state| state.store.hidden_webhooks.clear());
    let table = SERVER.run(&server, &all, "").exits_with(0);
    assert_contains(
        &table.stdout,
        "2 created, 0 updated, 28 unchanged, 0 failed",
    );
    assert_eq!(writes(&server), 30);
    SERVER
        .run(
            &server,
            &[
                "webhook", "ensure", "--all", "--url", URL, "--event", "push",
            ],
            "",
        )
        .exits_with(2);
    SERVER
        .run(
            &server,
            &[
                "webhook",
                "ensure",
                "--all",
                "--project",
                "NONE",
                "--url",
                URL,
                "--event",
                "push",
            ],
            "",
        )
        .exits_with(5);
}

#[test]
fn a_failed_response_does_not_create_a_second_webhook() {
    for (status, exit, retry) in [(429, 0, "0"), (503, 8, "0"), (0, 7, "")] {
        let server = server(&["acme/site"]);
        let fault = Fault {
            status,
            headers: vec![("retry-after", retry.to_owned())],
            body: Vec::new(),
            delay: Duration::ZERO,
        };
        server.update(|state| state.targeted_faults.push(("POST", "/hooks", fault)));
        CLOUD
            .ensure(&server, &["--event", "push"], "")
            .exits_with(exit);
        CLOUD
            .ensure(&server, &["--event", "push"], "")
            .exits_with(0);
        assert_eq!(CLOUD.hooks(&server).len(), 1, "{status}");
    }
}

#[test]
fn a_secret_that_is_a_common_word_is_masked_only_as_secret() {
    let server = server(&["WEB/site"]);
    server.update(|state| {
        state.credentials.push(Credential::new(
            Kind::Password { user: "jane" },
            "hook",
            &[],
        ));
    });
    let ensure = || {
        let sandbox = Sandbox::new();
        let mut command = sandbox.command([
            "webhook", "ensure", "--repo", "WEB/site", "--url", URL, "--event", "push", "--json",
        ]);
        command
            .env("BBCONNECT_TOKEN", "hook")
            .env("BBCONNECT_USERNAME", "jane")
            .env("BBCONNECT_URL", server.datacenter());
        command.finish().exits_with(0).json()
    };
    assert_eq!(ensure()["action"], "created");
    assert_eq!(ensure()["action"], "unchanged");
}

#[test]
fn a_list_without_values_is_an_error() {
    let server = server(&["acme/site"]);
    let page = Fault {
        status: 200,
        headers: vec![("content-type", "application/json".to_owned())],
        body: b"{\"foo\":1}".to_vec(),
        delay: Duration::ZERO,
    };
    server.update(|state| state.faults.push_back(page));
    CLOUD
        .ensure(&server, &["--event", "push"], "")
        .exits_with(8);
    assert!(server.requests().iter().all(|seen| seen.method == "GET"));
}
