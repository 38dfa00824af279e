//! `bbconnect status`: the state of every connection, concurrently, and the one that applies.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bitbucket::{Credential, Kind, Server, ServerState};
use crate::support::{CommandExt as _, Sandbox, assert_contains, unused_port, words};

const TOKEN: &str = "ATATT3xFfGF0-status-marker";
const USER_TOKEN: &str = "BBDC-status-marker";

fn server() -> Server {
    let mut credentials = Credential::for_jane(TOKEN, &["read:user:bitbucket"]);
    credentials.push(Credential::new(
        Kind::UserToken { user: "jane" },
        USER_TOKEN,
        &["REPO_READ"],
    ));
    Server::start(ServerState {
        credentials,
        repositories: vec![("acme/site", false), ("WEB/site", false)],
        ..ServerState::default()
    })
}

/// Saves a connection without verifying it.
fn add(sandbox: &Sandbox, name: &str, token: &str, arguments: &[&str]) {
    fs::write(sandbox.path("token"), format!("{token}\n")).unwrap();
    let add = format!("connection add {name} --no-verify --token-file token");
    let add = words(&add);
    sandbox.run([&add, arguments].concat()).exits_with(0);
}

/// The connections of a status, by name, without their messages.
fn connection(status: &Value, name: &str) -> Value {
    let all = status["connections"].as_array().unwrap();
    let found = all.iter().find(|connection| connection["name"] == name);
    found
        .unwrap_or_else(|| panic!("no {name}: {status}"))
        .clone()
}

fn days_from_now(days: i64) -> String {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let date = jiff::Timestamp::from_second(i64::try_from(now).unwrap() + days * 86_400).unwrap();
    date.to_string()[..10].to_owned()
}

#[test]
fn every_state_is_shown_and_one_connection_applies() {
    let server = server();
    let (cloud, datacenter) = (server.cloud(), server.datacenter());
    let gone = format!("http://127.0.0.1:{}/ctx", unused_port());
    let sandbox = Sandbox::with_file_store();
    let api_token = ["--auth", "api-token", "--email", "jane@acme.example"];
    let of_cloud = [&["--url", &cloud, "--workspace", "acme"][..], &api_token].concat();
    let of_server = ["--url", &datacenter, "--auth", "http-access-token"];
    let (soon, far) = (days_from_now(5), days_from_now(200));
    add(
        &sandbox,
        "work",
        TOKEN,
        &[&of_cloud[..], &["--default", "--expires", &far]].concat(),
    );
    add(&sandbox, "refused", "ATATT-other", &of_cloud);
    add(
        &sandbox,
        "soon",
        USER_TOKEN,
        &[&of_server[..], &["--project", "WEB", "--expires", &soon]].concat(),
    );
    add(
        &sandbox,
        "gone",
        USER_TOKEN,
        &[
            "--url",
            &gone,
            "--deployment",
            "datacenter",
            "--auth",
            "http-access-token",
        ],
    );
    add(
        &sandbox,
        "old",
        "ATATT-old",
        &[&of_cloud[..], &["--expires", &far]].concat(),
    );
    let file = sandbox.path(".config/bbconnect/connections.toml");
    let text = fs::read_to_string(&file).unwrap();
    let at = text.find("[connections.old]").unwrap();
    let (before, old) = text.split_at(at);
    fs::write(
        &file,
        format!("{before}{}", old.replace(&far, "2020-01-01")),
    )
    .unwrap();
    let ssh = words("connection add git --auth ssh --url git@github.com:acme/site.git");
    sandbox.run(ssh).exits_with(0);

    let status = sandbox.run_json(["status", "--json"]);
    assert_eq!(status["schema"], "bbconnect/status@1");
    assert_eq!(status["secret_store"], "file");
    for (name, state) in [
        ("work", "valid"),
        ("refused", "invalid"),
        ("soon", "expiring"),
        ("gone", "unreachable"),
        ("old", "expired"),
        ("git", "unknown"),
    ] {
        let found = connection(&status, name);
        assert_eq!(found["state"], state, "{found}");
        assert_eq!(found["applies"], name == "work", "{found}");
        assert_eq!(found["because"].is_null(), name != "work", "{found}");
    }
    let work = connection(&status, "work");
    assert_eq!(work["account"], "jane");
    assert_eq!(
        (&work["scope"], &work["expires_on"]),
        (&json!("acme"), &json!(far))
    );
    assert_eq!(work["expires_in_days"], 200);
    assert_eq!(connection(&status, "soon")["scope"], "WEB");
    assert_eq!(connection(&status, "soon")["expires_in_days"], 5);
    let which = sandbox.run_json(["connection", "which", "--json"]);
    assert_eq!(which["connection"]["name"], "work");
    assert_eq!(which["because"], work["because"]);
    // Another one, by name.
    let other = sandbox.run_json(["status", "--json", "-c", "soon"]);
    assert_eq!(connection(&other, "soon")["applies"], true);
    assert_eq!(connection(&other, "work")["applies"], false);
    sandbox.run(["status", "-c", "absent"]).exits_with(5);

    let text = sandbox.run(["status"]).exits_with(0);
    assert_contains(&text.stdout, "* work applies here");
    assert_contains(&text.stderr, "note: old, refused: credential rejected");
    assert!(!format!("{}{}", text.stdout, text.stderr).contains(TOKEN));

    let before = server.requests().len();
    let offline = sandbox.run_json(["status", "--offline", "--json"]);
    for (name, state) in [
        ("work", "unknown"),
        ("refused", "unknown"),
        ("soon", "expiring"),
        ("gone", "unknown"),
        ("old", "expired"),
        ("git", "unknown"),
    ] {
        assert_eq!(connection(&offline, name)["state"], state);
    }
    assert_eq!(server.requests().len(), before);
}

#[test]
fn the_connection_of_the_environment_is_listed() {
    let server = server();
    let sandbox = Sandbox::new();
    let none = sandbox.run_json(["status", "--json"]);
    assert_eq!(none["connections"], json!([]));
    let text = sandbox.run(["status"]).exits_with(0);
    assert_contains(&text.stdout, "bbconnect connection add");

    let mut command = sandbox.command(["status", "--json"]);
    let status = command
        .envs(server.environment(true))
        .env("BBCONNECT_TOKEN", TOKEN);
    let status = status.env("BBCONNECT_EMAIL", "jane@acme.example").finish();
    let status = status.exits_with(0).json();
    assert_eq!(status["connections"].as_array().unwrap().len(), 1);
    let only = &status["connections"][0];
    assert_eq!(
        (&only["state"], &only["applies"]),
        (&json!("valid"), &json!(true))
    );
    // The environment is incomplete: that is said, and it is no connection.
    let mut command = sandbox.command(["status"]);
    let partial = command
        .env("BBCONNECT_URL", server.cloud())
        .finish()
        .exits_with(0);
    assert_contains(&partial.stderr, "BBCONNECT_URL");
}

#[test]
fn what_cannot_be_read_is_named() {
    let sandbox = Sandbox::new();
    let text = "[connections.odd]\ndeployment = \"moon\"\n\n[connections.ssh]\ndeployment = \"unknown\"\n\
                base_url = \"https://git.example.com\"\nauth = \"ssh\"\n";
    sandbox.write_connections(text);
    let status = sandbox.run_json(["status", "--json"]);
    let odd = connection(&status, "odd");
    assert_eq!(
        (&odd["state"], &odd["base_url"]),
        (&json!("unknown"), &Value::Null)
    );
    assert_contains(odd["message"].as_str().unwrap(), "odd");
    sandbox.write_connections("connections = 3\n");
    sandbox.run(["status"]).exits_with(9);
}

#[test]
fn a_problem_of_many_connections_is_one_note() {
    const KEYS: &str = "deployment = \"datacenter\"\nbase_url = \"http://127.0.0.1:1\"\nauth = \"http-access-token\"\n\
                        store = \"command\"\ntoken_command = \"echo x\"\n";
    let sandbox = Sandbox::new();
    let text = (0..12).map(|number| format!("[connections.c{number:02}]\n{KEYS}"));
    let text = text.collect::<Vec<_>>().concat();
    sandbox.write_connections(&text);
    let status = sandbox.run(["status"]).exits_with(0);
    let notes = status
        .stderr
        .lines()
        .filter(|line| line.starts_with("note: c"));
    let notes: Vec<_> = notes.collect();
    assert_eq!(notes.len(), 1, "{}", status.stderr);
    assert!(
        notes[0].starts_with("note: c00, c01, c02 and 9 more: "),
        "{}",
        notes[0]
    );
    assert!(
        notes[0].ends_with("run `bbconnect check NAME`"),
        "{}",
        notes[0]
    );
    // Of many names, the first ones are listed.
    let unknown = sandbox.run(["connection", "show", "x"]).exits_with(5);
    assert!(
        unknown
            .stderr
            .contains("c09 and 2 more (`bbconnect connection list`)"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn connections_are_checked_concurrently_within_a_limit() {
    let server = server();
    server.update(|state| state.delay = Duration::from_millis(100));
    let sandbox = Sandbox::with_file_store();
    let cloud = server.cloud();
    for number in 0..20 {
        let url = format!("--url {cloud} --auth api-token --email jane@acme.example");
        let url = words(&url);
        add(&sandbox, &format!("c{number}"), TOKEN, &url);
    }
    let status = sandbox.run_json(["status", "--json"]);
    let all = status["connections"].as_array().unwrap().iter();
    assert!(all.clone().all(|it| it["state"] == "valid"), "{status}");
    assert_eq!(all.count(), 20);
    let mut most = 0;
    server.update(|state| most = state.max_in_flight);
    assert!((2..=8).contains(&most), "{most}");
}
