//! `check` against both products: what is found, what it means for the exit status, how many requests it takes, and that
//! it never writes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bitbucket::{Credential, Fault, Kind, Server, ServerState};
use crate::support::responder::{Responder, response};
use crate::support::{CommandExt as _, RunOutput, Sandbox, assert_contains, print_command, words};

const API: &str = "ATATT-check-marker";
const REPO_TOKEN: &str = "ATCTT-check-marker";
const APP_PASSWORD: &str = "ATBB-check-marker";
const PASSWORD: &str = "hunter-check-marker";

/// base64 of `123456789012:abcdefghijklmnopqrst`: the id of the token can be read off it.
const USER_TOKEN: &str = "BBDC-MTIzNDU2Nzg5MDEyOmFiY2RlZmdoaWprbG1ub3BxcnN0";

fn state(scopes: &[&'static str]) -> ServerState {
    let credential = |kind, secret: &str| Credential::new(kind, secret, scopes);
    ServerState {
        credentials: vec![
            credential(Kind::JANE_API_TOKEN, API),
            credential(Kind::AppPassword { user: "jane" }, APP_PASSWORD),
            credential(Kind::SITE_ACCESS_TOKEN, REPO_TOKEN),
            credential(Kind::UserToken { user: "jane" }, USER_TOKEN),
            credential(Kind::Password { user: "jane" }, PASSWORD),
        ],
        repositories: vec![
            ("acme/site", false),
            ("acme/docs", false),
            ("WEB/site", false),
            ("WEB/api", false),
        ],
        non_empty: vec!["acme/docs"],
        projects: vec!["WEB".to_owned()],
        reports_missing_repositories: true,
        page_length: 100,
        token_lifetime: Some((1_790_000_000_000, 365)),
        ..ServerState::default()
    }
}

/// Runs `check` as a pipeline does, with everything in the environment.
fn check(url: &str, variables: &[(&str, &str)], arguments: &[&str]) -> RunOutput {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command([&["check"], arguments].concat());
    command
        .env("CI", "true")
        .env("BBCONNECT_URL", url)
        .envs(variables.iter().copied());
    command.finish()
}

/// The JSON report of a run that ends with this status.
#[track_caller]
fn report(url: &str, variables: &[(&str, &str)], arguments: &[&str], status: i32) -> Value {
    let ran = check(url, variables, &[&["--json"], arguments].concat());
    ran.exits_with(status).json()
}

const API_TOKEN: [(&str, &str); 3] = [
    ("BBCONNECT_TOKEN", API),
    ("BBCONNECT_EMAIL", "jane@acme.example"),
    ("BBCONNECT_WORKSPACE", "acme"),
];

const ACCESS_TOKEN: [(&str, &str); 2] = [
    ("BBCONNECT_TOKEN", REPO_TOKEN),
    ("BBCONNECT_REPO", "acme/site"),
];

/// The level and message of a finding of the first connection.
fn finding(document: &Value, id: &str) -> Option<(String, String)> {
    let findings = document["connections"][0]["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["id"] == id)?;
    let text = |key: &str| finding[key].as_str().unwrap().to_owned();
    Some((text("level"), text("message")))
}

fn level(document: &Value, id: &str) -> Option<String> {
    finding(document, id).map(|(level, _)| level)
}

#[track_caller]
fn assert_levels(document: &Value, expected: &[(&str, &str)]) {
    for (id, wanted) in expected {
        assert_eq!(
            level(document, id).as_deref(),
            Some(*wanted),
            "{id}: {document:#}"
        );
    }
}

#[test]
fn a_valid_api_token_passes_with_one_request() {
    let server = Server::start(state(&["read:user:bitbucket", "read:repository:bitbucket"]));
    let ran = check(&server.cloud(), &API_TOKEN, &["--json", "--for", "read"]).exits_with(0);
    let document = ran.json();
    assert_eq!(document["schema"], "bbconnect/check@1");
    assert_eq!(
        (document["ok"].as_bool(), document["exit"].as_i64()),
        (Some(true), Some(0))
    );
    let row = &document["connections"][0];
    assert_eq!(row["account"], "jane");
    assert_eq!(row["source"], "environment");
    assert_eq!(row["scopes"][1], "read:repository:bitbucket");
    assert!(row["version"].is_null());
    assert_levels(
        &document,
        &[
            ("server.reachable", "pass"),
            ("credential.present", "pass"),
            ("credential.valid", "pass"),
            ("credential.kind", "pass"),
            ("credential.scopes", "pass"),
            ("credential.expiry", "unknown"),
        ],
    );
    assert_eq!(server.requests().len(), 1);
    let text = check(&server.cloud(), &API_TOKEN, &[]).exits_with(0);
    assert_contains(&text.stdout, "credential.valid");
    assert!(
        check(&server.cloud(), &API_TOKEN, &["-q"])
            .exits_with(0)
            .stdout
            .is_empty()
    );
}

#[test]
fn missing_scopes_use_the_names_of_the_credential_type() {
    let server = Server::start(state(&["read:user:bitbucket", "read:repository:bitbucket"]));
    for (arguments, missing) in [
        (&["--for", "write"][..], "write:repository:bitbucket"),
        (
            &["--require", "repository:write"],
            "write:repository:bitbucket",
        ),
        (&["--require", "REPO_ADMIN"], "admin:repository:bitbucket"),
        (
            &["--require", "read:pullrequest"],
            "read:pullrequest:bitbucket",
        ),
        (&["--for", "appcircle"], "read:account"),
    ] {
        let document = check(
            &server.cloud(),
            &API_TOKEN,
            &[&["--json"], arguments].concat(),
        )
        .exits_with(4)
        .json();
        let (level, message) = finding(&document, "credential.scopes").unwrap();
        assert_eq!(level, "fail");
        assert!(message.contains(missing), "{message}");
    }
    check(&server.cloud(), &API_TOKEN, &["--require", "repository"]).exits_with(0);
    let refused = check(
        &server.cloud(),
        &API_TOKEN,
        &["--require", "repository:read"],
    )
    .exits_with(2);
    assert_contains(&refused.stderr, "read:repository:bitbucket");
}

#[test]
fn scopes_are_read_from_a_403_response() {
    let server = Server::start(state(&[
        "read:repository:bitbucket",
        "write:repository:bitbucket",
    ]));
    let document = report(&server.cloud(), &API_TOKEN, &["--for", "write"], 0);
    assert!(document["connections"][0]["account"].is_null());
    assert_levels(
        &document,
        &[("credential.valid", "pass"), ("credential.scopes", "pass")],
    );
}

/// An allowlist of addresses, or a wrong URL, refuses any token, also a wrong one.
#[test]
fn a_refusal_without_a_reason_is_no_proof_of_a_credential() {
    let kinds: [&[(&str, &str)]; 4] = [
        &API_TOKEN,
        &[
            ("BBCONNECT_TOKEN", API),
            ("BBCONNECT_EMAIL", "jane@acme.example"),
            ("BBCONNECT_WORKSPACE", "acme"),
        ],
        &[
            ("BBCONNECT_TOKEN", REPO_TOKEN),
            ("BBCONNECT_WORKSPACE", "acme"),
        ],
        &[
            ("BBCONNECT_TOKEN", REPO_TOKEN),
            ("BBCONNECT_REPO", "acme/site"),
        ],
    ];
    let json = "content-type: application/json";
    for (kind, message) in [
        (json, r#"{"type":"error","error":{"message":"Forbidden"}}"#),
        (
            json,
            r#"{"type":"error","error":{"message":"To access this workspace, an admin must whitelist your IP."}}"#,
        ),
        ("content-type: text/plain", "Forbidden"),
    ] {
        let server = Responder::start(move |_| response(403, &[kind], message));
        for variables in kinds {
            let document = report(&server.cloud(), variables, &[], 4);
            let (level, message) = finding(&document, "credential.valid").unwrap();
            assert_eq!(level, "unknown", "{message}");
            assert_contains(&message, "refused every request without saying why");
        }
        let sandbox = Sandbox::with_file_store();
        let url = server.cloud();
        let add = "connection add work --email jane@acme.example --token-stdin --store file --url";
        let add = [&words(add)[..], &[url.as_str()]].concat();
        let ran = sandbox.run_with_input(&add, API).exits_with(4);
        assert_contains(&ran.stderr, "without saying why");
        let ran = sandbox.run_with_input([&add[..], &["--no-verify"]].concat(), API);
        ran.exits_with(0);
        let status = sandbox.run(["status"]);
        assert_contains(&status.stdout, "unknown");
        assert!(!status.stdout.contains("valid"), "{}", status.stdout);
    }
    // The refusals that show that the credential was read.
    for body in [
        r#"{"type":"error","error":{"message":"m","detail":{"required":["read:user:bitbucket"]}}}"#,
        r#"{"type":"error","error":{"message":"This API is not accessible by this authentication mechanism"}}"#,
    ] {
        let server = Responder::start(move |_| response(403, &[json], body));
        for variables in kinds {
            let ran = check(&server.cloud(), variables, &["--json"]);
            let document: Value = serde_json::from_str(&ran.stdout).unwrap();
            assert_levels(&document, &[("credential.valid", "pass")]);
        }
    }
}

#[test]
fn undisclosed_scopes_are_probed_or_unknown() {
    let quiet = |scopes: &[&'static str]| ServerState {
        hides_scopes: true,
        ..state(scopes)
    };
    let server = Server::start(quiet(&[
        "read:user:bitbucket",
        "read:repository:bitbucket",
        "read:webhook:bitbucket",
    ]));
    let at = ["--json", "--repo", "acme/site"];
    let run = |arguments: &[&str]| check(&server.cloud(), &API_TOKEN, &[&at, arguments].concat());
    run(&["--for", "read"]).exits_with(0);
    run(&["--require", "read:webhook"]).exits_with(0);
    let missing = run(&["--require", "read:pullrequest"]).exits_with(4).json();
    assert_levels(&missing, &[("credential.scopes", "fail")]);
    // What is required says nothing of what else the credential is for.
    assert!(finding(&missing, "credential.excess").is_none());
    // No read needs the scope to write.
    let open = run(&["--for", "write"]).exits_with(1).json();
    assert_levels(
        &open,
        &[
            ("credential.scopes", "unknown"),
            ("credential.valid", "pass"),
        ],
    );
    run(&[]).exits_with(0);
    assert!(server.requests().iter().all(|seen| seen.method == "GET"));
}

#[test]
fn unnecessary_scopes_are_a_warning() {
    let server = Server::start(state(&[
        "read:user:bitbucket",
        "read:repository:bitbucket",
        "admin:repository:bitbucket",
    ]));
    let document = report(&server.cloud(), &API_TOKEN, &["--for", "read"], 0);
    let (level, message) = finding(&document, "credential.excess").unwrap();
    assert_eq!(level, "warn");
    assert_contains(&message, "admin:repository:bitbucket");
    check(&server.cloud(), &API_TOKEN, &["--for", "read", "--strict"]).exits_with(11);
}

#[test]
fn rejected_credentials_and_unreachable_servers_differ() {
    let server = Server::start(state(&[]));
    let wrong = [
        ("BBCONNECT_TOKEN", "ATATT-wrong"),
        ("BBCONNECT_EMAIL", "jane@acme.example"),
    ];
    let document = report(&server.cloud(), &wrong, &[], 3);
    assert_levels(
        &document,
        &[("server.reachable", "pass"), ("credential.valid", "fail")],
    );
    let document = report(
        &server.datacenter(),
        &[("BBCONNECT_TOKEN", "wrong")],
        &[],
        3,
    );
    assert_levels(
        &document,
        &[("server.version", "pass"), ("credential.valid", "fail")],
    );
    let dead = "http://127.0.0.1:1/2.0";
    let document = report(dead, &API_TOKEN, &["--for", "read"], 7);
    assert_levels(
        &document,
        &[
            ("server.reachable", "fail"),
            ("credential.valid", "unknown"),
        ],
    );
    server.update(|state| {
        state
            .faults
            .push_back(page(503, "text/html", "<html>maintenance"));
    });
    server.update(|state| {
        for _ in 0..9 {
            state
                .faults
                .push_back(page(500, "text/html", "<html>broken"));
        }
    });
    check(&server.cloud(), &API_TOKEN, &["--json"]).exits_with(8);
    server.update(|state| state.faults = vec![page(200, "text/html", "<html>log in")].into());
    check(
        &server.datacenter(),
        &[("BBCONNECT_TOKEN", USER_TOKEN)],
        &["--json"],
    )
    .exits_with(8);
}

fn page(status: u16, kind: &str, body: &str) -> Fault {
    Fault {
        status,
        headers: vec![
            ("content-type", kind.to_owned()),
            ("retry-after", "0".to_owned()),
        ],
        body: body.as_bytes().to_vec(),
        delay: Duration::ZERO,
    }
}

#[test]
fn anonymous_access_does_not_hide_an_invalid_token() {
    let server = Server::start(ServerState {
        repositories: vec![("WEB/site", true)],
        ..state(&["REPO_READ"])
    });
    let bad = [
        ("BBCONNECT_TOKEN", "bad-token"),
        ("BBCONNECT_REPO", "WEB/site"),
    ];
    let document = check(&server.datacenter(), &bad, &["--json"]).json();
    assert_ne!(
        level(&document, "credential.valid").as_deref(),
        Some("pass")
    );
}

#[test]
fn data_center_tokens_report_permissions_and_expiry() {
    let server = Server::start(state(&["REPO_ADMIN", "PROJECT_READ"]));
    let token = [("BBCONNECT_TOKEN", USER_TOKEN)];
    let document = report(
        &server.datacenter(),
        &token,
        &["--for", "webhook", "--repo", "WEB/site"],
        0,
    );
    assert_eq!(document["connections"][0]["expires_on"], "2027-09-21");
    assert_eq!(document["connections"][0]["version"], "9.4.1");
    assert_levels(
        &document,
        &[
            ("server.version", "pass"),
            ("server.base-url", "pass"),
            ("credential.scopes", "pass"),
            ("credential.excess", "pass"),
            ("credential.expiry", "pass"),
            ("credential.reach", "warn"),
            ("repository.visible", "pass"),
            ("repository.empty", "pass"),
        ],
    );
    check(
        &server.datacenter(),
        &token,
        &["--for", "create-repository"],
    )
    .exits_with(4);
    check(
        &server.datacenter(),
        &token,
        &["--for", "webhook", "--repo", "WEB/site", "--strict"],
    )
    .exits_with(11);
    check(&server.datacenter(), &token, &["--repo", "WEB/nothing"]).exits_with(5);
}

#[test]
fn account_permissions_limit_the_token() {
    let server = Server::start(ServerState {
        permissions: vec![("WEB/site", "REPO_READ"), ("acme/site", "READ")],
        ..state(&[
            "REPO_ADMIN",
            "read:user:bitbucket",
            "read:repository:bitbucket",
            "write:repository:bitbucket",
        ])
    });
    let document = report(
        &server.datacenter(),
        &[("BBCONNECT_TOKEN", USER_TOKEN)],
        &["--for", "webhook", "--repo", "WEB/site"],
        4,
    );
    assert_levels(
        &document,
        &[
            ("credential.scopes", "pass"),
            ("repository.visible", "fail"),
        ],
    );
    let document = report(
        &server.cloud(),
        &API_TOKEN,
        &["--for", "write", "--repo", "acme/site"],
        4,
    );
    assert_levels(
        &document,
        &[
            ("credential.scopes", "pass"),
            ("repository.visible", "fail"),
        ],
    );
}

/// Only a refusal shows that the account is no administrator.
#[test]
fn a_failed_probe_is_no_missing_permission() {
    let server = Server::start(state(&["REPO_ADMIN"]));
    for fault in [
        page(400, "text/plain", "no"),
        page(410, "application/json", "{}"),
        page(200, "text/html", "<html>"),
    ] {
        let faults = vec![("GET", "/webhooks", fault); 4];
        server.update(|state| state.targeted_faults = faults);
        let document = check(
            &server.datacenter(),
            &[("BBCONNECT_TOKEN", USER_TOKEN)],
            &["--json", "--for", "webhook", "--repo", "WEB/site"],
        )
        .exits_with(0)
        .json();
        assert_levels(&document, &[("repository.visible", "pass")]);
    }
}

#[test]
fn undisclosed_permissions_are_probed_for_a_repository() {
    let server = Server::start(ServerState {
        hides_scopes: true,
        ..state(&["REPO_ADMIN"])
    });
    let token = [("BBCONNECT_TOKEN", USER_TOKEN)];
    let run = |purpose: &str, repo: &[&str]| {
        check(
            &server.datacenter(),
            &token,
            &[&["--json", "--for", purpose], repo].concat(),
        )
    };
    run("webhook", &["--repo", "WEB/site"]).exits_with(0);
    run("write", &["--repo", "WEB/site"]).exits_with(0);
    let open = run("webhook", &[]).exits_with(1).json();
    assert_levels(&open, &[("credential.scopes", "unknown")]);
    let password = [
        ("BBCONNECT_TOKEN", PASSWORD),
        ("BBCONNECT_USERNAME", "jane"),
    ];
    let document = report(
        &server.datacenter(),
        &password,
        &["--for", "write", "--repo", "WEB/site"],
        0,
    );
    assert_eq!(level(&document, "credential.expiry"), None);
}

#[test]
fn unsupported_versions_and_wrong_base_urls_are_findings() {
    let token = [("BBCONNECT_TOKEN", USER_TOKEN)];
    let server = Server::start(ServerState {
        version: Some("7.6.1"),
        configured_base_url: Some("http://localhost:7990".to_owned()),
        ..state(&["REPO_READ"])
    });
    let document = report(&server.datacenter(), &token, &[], 8);
    assert_levels(
        &document,
        &[("server.version", "fail"), ("server.base-url", "warn")],
    );
    let document = report(&server.datacenter(), &token, &["--min-version", "7.0"], 0);
    assert_levels(&document, &[("server.version", "warn")]);
    check(
        &server.datacenter(),
        &token,
        &["--min-version", "7.0", "--strict"],
    )
    .exits_with(11);
    server.update(|state| (state.version, state.basic_auth_disabled) = (Some("10.2.0"), true));
    let password = [
        ("BBCONNECT_TOKEN", PASSWORD),
        ("BBCONNECT_USERNAME", "jane"),
    ];
    let blocked = report(&server.datacenter(), &password, &[], 3);
    assert_contains(&finding(&blocked, "credential.valid").unwrap().1, "Basic");
}

#[test]
fn a_repository_access_token_cannot_register_keys() {
    let server = Server::start(state(&["repository:write", "webhook"]));
    let document = report(
        &server.cloud(),
        &ACCESS_TOKEN,
        &["--for", "webhook,write"],
        0,
    );
    assert_levels(
        &document,
        &[("credential.reach", "pass"), ("repository.visible", "pass")],
    );
    let document = report(&server.cloud(), &ACCESS_TOKEN, &["--for", "deploy-key"], 4);
    assert_levels(&document, &[("credential.kind", "fail")]);
}

#[test]
fn a_working_app_password_is_a_warning() {
    let server = Server::start(state(&["account", "repository"]));
    let alive = [
        ("BBCONNECT_TOKEN", APP_PASSWORD),
        ("BBCONNECT_USERNAME", "jane"),
    ];
    let document = report(&server.cloud(), &alive, &[], 0);
    assert_levels(
        &document,
        &[("credential.kind", "warn"), ("credential.valid", "pass")],
    );
    let dead = [
        ("BBCONNECT_TOKEN", "ATBBdead"),
        ("BBCONNECT_USERNAME", "jane"),
    ];
    let document = report(&server.cloud(), &dead, &[], 3);
    assert_levels(
        &document,
        &[("credential.valid", "fail"), ("credential.kind", "warn")],
    );
}

#[test]
fn appsmith_requires_an_empty_repository() {
    let server = Server::start(state(&["read:user:bitbucket", "read:repository:bitbucket"]));
    let run = |repo: &str| {
        report(
            &server.cloud(),
            &API_TOKEN,
            &["--for", "appsmith", "--repo", repo],
            0,
        )
    };
    assert_levels(&run("acme/site"), &[("repository.empty", "pass")]);
    assert_levels(&run("acme/docs"), &[("repository.empty", "warn")]);
}

/// A configuration with this many connections, of which the last points to nothing.
fn fleet(sandbox: &Sandbox, server: &Server, count: usize) {
    std::fs::write(sandbox.path("token"), API).unwrap();
    let token_command = print_command("token");
    let connection = |number: usize| {
        let base = if number + 1 == count {
            "http://127.0.0.1:1/2.0".to_owned()
        } else {
            server.cloud()
        };
        format!(
            "[connections.c{number:03}]\ndeployment = \"cloud\"\nbase_url = \"{base}\"\nauth = \"api-token\"\n\
             email = \"jane@acme.example\"\nstore = \"command\"\ntoken_command = \"{token_command}\"\n\
             expires_on = \"2099-01-01\"\n"
        )
    };
    let text = (0..count).map(connection).collect::<Vec<_>>().concat();
    sandbox.write_confirmed_connections(&text);
}

#[test]
fn many_connections_are_checked_in_parallel() {
    let server = Server::start(ServerState {
        delay: Duration::from_millis(50),
        ..state(&["read:user:bitbucket"])
    });
    let sandbox = Sandbox::new();
    fleet(&sandbox, &server, 41);
    let document = sandbox
        .run(["check", "--all", "--json"])
        .exits_with(7)
        .json();
    let names: Vec<&str> = document["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 41);
    assert!(names.is_sorted());
    assert_eq!(server.requests().len(), 40);
    let passed = |row: &&Value| {
        row["findings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|finding| finding["level"] == "pass")
    };
    assert_eq!(
        document["connections"]
            .as_array()
            .unwrap()
            .iter()
            .filter(passed)
            .count(),
        40,
        "{document}"
    );
    // Side by side, and no more at once than one server is asked.
    server.update(|state| {
        assert!(
            // Wine starts the token commands one after the other.
            (if cfg!(windows) { 1 } else { 4 }..=8).contains(&state.max_in_flight),
            "{}",
            state.max_in_flight
        );
    });
}

#[test]
fn shards_are_disjoint_and_complete() {
    let server = Server::start(state(&["read:user:bitbucket"]));
    let sandbox = Sandbox::new();
    fleet(&sandbox, &server, 8);
    let mut all = Vec::new();
    for part in ["1/3", "2/3", "3/3"] {
        let document = sandbox
            .run(["check", "--all", "--json", "--shard", part])
            .json();
        let names = document["connections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["name"].as_str().unwrap().to_owned());
        all.extend(names);
    }
    all.sort();
    assert_eq!(
        all,
        (0..8)
            .map(|number| format!("c{number:03}"))
            .collect::<Vec<_>>()
    );
    sandbox
        .run(["check", "--all", "--shard", "4/3"])
        .exits_with(2);
    sandbox.run(["check", "absent"]).exits_with(5);
}

#[test]
fn junit_and_markdown_reports_are_valid() {
    let server = Server::start(state(&["read:user:bitbucket"]));
    let junit = check(
        &server.cloud(),
        &API_TOKEN,
        &["--format", "junit", "--for", "read"],
    )
    .exits_with(4)
    .stdout;
    assert!(junit.starts_with("<?xml"), "{junit}");
    assert_contains(
        &junit,
        "<failure message=\"missing read:repository:bitbucket\" type=\"fail\">",
    );
    assert_eq!(
        junit.matches("<testcase").count(),
        junit.matches("</testcase>").count() + junit.matches("/>\n").count()
            - junit.matches("<skipped").count()
    );
    let markdown = check(
        &server.cloud(),
        &API_TOKEN,
        &["--format", "markdown", "--for", "read"],
    )
    .exits_with(4)
    .stdout;
    assert_contains(
        &markdown,
        "**FAILED: missing read:repository:bitbucket** (exit 4)",
    );
    let json = check(
        &server.cloud(),
        &API_TOKEN,
        &["--format", "json", "--for", "read"],
    )
    .exits_with(4);
    assert_eq!(json.json()["exit"], 4);
    let error = check(&server.cloud(), &[], &["--format", "json"]).exits_with(3);
    assert_eq!(error.json()["schema"], "bbconnect/error@1");
}

#[test]
fn no_output_contains_a_secret() {
    let server = Server::start(state(&["read:user:bitbucket"]));
    for format in ["text", "json", "junit", "markdown"] {
        for (url, variables) in [
            (server.cloud(), &API_TOKEN[..]),
            (server.datacenter(), &[("BBCONNECT_TOKEN", USER_TOKEN)]),
        ] {
            let ran = check(&url, variables, &["--format", format, "-v", "--for", "all"]);
            for secret in [API, USER_TOKEN] {
                assert!(
                    !ran.stdout.contains(secret) && !ran.stderr.contains(secret),
                    "{format}"
                );
            }
        }
    }
}

#[test]
fn only_named_connections_are_checked() {
    let server = Server::start(state(&["REPO_READ"]));
    let json = |status: u16, body: &str| page(status, "application/json", body);
    let refusal = "{\"errors\":[{\"message\":\"You are not permitted to access this resource\",\
                   \"exceptionName\":\"com.atlassian.bitbucket.AuthorisationException\"}]}";
    // Asked side by side, so each answer has its own question.
    let users_are = |answer: Fault| ("GET", "/users", answer);
    let bad = [("BBCONNECT_TOKEN", "bad-token")];
    server.update(|state| state.targeted_faults = vec![users_are(json(401, refusal))]);
    let document = report(&server.datacenter(), &bad, &[], 3);
    assert_levels(&document, &[("credential.valid", "fail")]);
    // A server that shows everybody everything.
    let users = "{\"values\":[],\"isLastPage\":true}";
    server.update(|state| state.targeted_faults = vec![users_are(json(200, users)); 2]);
    let document = report(&server.datacenter(), &bad, &["--for", "read"], 1);
    assert_levels(
        &document,
        &[
            ("credential.valid", "unknown"),
            ("credential.scopes", "unknown"),
        ],
    );
}

#[test]
fn a_password_is_sent_once() {
    let server = Server::start(state(&[]));
    let wrong = [
        ("BBCONNECT_TOKEN", "wrong"),
        ("BBCONNECT_USERNAME", "jane"),
        ("BBCONNECT_REPO", "WEB/site"),
    ];
    check(&server.datacenter(), &wrong, &[]).exits_with(3);
    let signed = |server: &Server| {
        server
            .requests()
            .iter()
            .filter(|seen| seen.authorization.is_some())
            .count()
    };
    assert_eq!(signed(&server), 1);
    server.update(|state| state.requires_captcha = true);
    check(&server.datacenter(), &wrong, &[]).exits_with(3);
    assert_eq!(signed(&server), 2);
}

#[test]
fn an_empty_secret_variable_is_reported_as_missing() {
    let server = Server::start(state(&[]));
    let empty = check(&server.cloud(), &[("BBCONNECT_TOKEN", "")], &[]).exits_with(3);
    assert_contains(&empty.stderr, "BBCONNECT_TOKEN");
    let blank = report(
        &server.cloud(),
        &[("BBCONNECT_TOKEN", " "), ("BBCONNECT_EMAIL", "x")],
        &[],
        3,
    );
    assert_levels(&blank, &[("credential.present", "fail")]);
    assert!(server.requests().is_empty());
    let server = Server::start(state(&["read:user:bitbucket"]));
    let pasted = format!("Bearer {API}");
    check(
        &server.cloud(),
        &[
            ("BBCONNECT_TOKEN", &pasted),
            ("BBCONNECT_EMAIL", "jane@acme.example"),
        ],
        &[],
    )
    .exits_with(0);
}

#[test]
fn required_scopes_are_not_skipped() {
    let server = Server::start(ServerState {
        permissions: vec![("WEB/site", "REPO_WRITE")],
        ..state(&["REPO_ADMIN", "repository", "account"])
    });
    let token = [("BBCONNECT_TOKEN", USER_TOKEN)];
    check(
        &server.datacenter(),
        &token,
        &["--require", "REPO_ADMIN", "--repo", "WEB/site"],
    )
    .exits_with(4);
    // Data Center has no word for it.
    check(&server.datacenter(), &token, &["--require", "read:user"]).exits_with(1);
    // An API token whose scopes are named in the other words.
    check(
        &server.cloud(),
        &API_TOKEN,
        &["--require", "read:repository"],
    )
    .exits_with(0);
    check(&server.cloud(), &API_TOKEN, &["--for", "write"]).exits_with(4);
}

#[test]
fn one_slow_server_does_not_affect_other_connections() {
    let server = Server::start(state(&["read:user:bitbucket"]));
    let sandbox = Sandbox::new();
    fleet(&sandbox, &server, 31);
    let slow = Fault {
        delay: Duration::from_secs(5),
        ..page(200, "application/json", "{}")
    };
    server.update(|state| state.faults.push_back(slow));
    let document = sandbox
        .run(["check", "--all", "--json", "--timeout", "1"])
        .exits_with(7)
        .json();
    let rows = document["connections"].as_array().unwrap();
    let unreached = rows
        .iter()
        .filter(|row| row["findings"][0]["level"] == "fail")
        .count();
    // The slow one, and the one that points to nothing.
    assert_eq!(unreached, 2, "{document}");
}

/// The blocks of a document: their language, and their text.
#[cfg(unix)]
fn blocks(document: &str) -> Vec<(&str, &str)> {
    let blocks = document.split("```").skip(1).step_by(2);
    blocks.filter_map(|block| block.split_once('\n')).collect()
}

/// The commands of a pipeline's description that run the program.
#[cfg(unix)]
fn steps(block: &str) -> Vec<String> {
    let lines = block
        .lines()
        .filter(|line| line.contains("bbconnect "))
        .map(str::trim);
    lines
        .map(|line| {
            let line = line.trim_start_matches("- ").trim_start_matches("run: ");
            let line = line
                .strip_prefix("sh '")
                .map_or(line, |rest| rest.trim_end_matches('\''));
            line.to_owned()
        })
        .collect()
}

#[cfg(unix)]
#[test]
fn documented_ci_recipes_work() {
    let server = Server::start(state(&[
        "read:user:bitbucket",
        "read:repository:bitbucket",
        "write:repository:bitbucket",
    ]));
    let recipes = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci.md"),
    )
    .unwrap();
    let sandbox = Sandbox::new();
    fleet(&sandbox, &server, 6);
    let dir = std::path::Path::new(env!("CARGO_BIN_EXE_bbconnect"))
        .parent()
        .unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", dir.display());
    let run = |script: &str, token: &str| {
        let mut shell = crate::support::program("sh");
        shell
            .args(["-euc", script])
            .current_dir(sandbox.home())
            .env_clear();
        shell
            .env("PATH", &path)
            .env("HOME", sandbox.home())
            .env("CI", "true");
        shell
            .env("BBCONNECT_URL", server.cloud())
            .env("BBCONNECT_TOKEN", token)
            .env("BBCONNECT_EMAIL", "jane@acme.example");
        shell
            .env("BITBUCKET_WORKSPACE", "acme")
            .env("BITBUCKET_REPO_SLUG", "site");
        shell
            .env("CI_NODE_INDEX", "1")
            .env("CI_NODE_TOTAL", "6")
            .env("GITHUB_STEP_SUMMARY", sandbox.path("summary.md"));
        shell.output().unwrap()
    };
    std::fs::create_dir(sandbox.path("test-results")).unwrap();
    let mut ran = 0;
    for (language, block) in blocks(&recipes) {
        let scripts = if language == "sh" {
            vec![block.to_owned()]
        } else {
            steps(block)
        };
        // The lines that install the program need a release.
        let scripts = scripts
            .iter()
            .filter(|script| script.contains("bbconnect "));
        for script in scripts {
            let good = run(script, API);
            assert!(
                good.status.success(),
                "{script}: {}",
                String::from_utf8_lossy(&good.stderr)
            );
            let looks_at_one = !script.contains("--all") && !script.contains(" || ");
            if looks_at_one {
                assert!(!run(script, "ATATT-bad").status.success(), "{script}");
            }
            ran += 1;
        }
    }
    assert!(ran >= 8, "{ran} recipes");
    assert!(
        std::fs::read_to_string(sandbox.path("bbconnect.xml"))
            .unwrap()
            .starts_with("<?xml")
    );
    assert_contains(
        &std::fs::read_to_string(sandbox.path("report.txt")).unwrap(),
        "connections",
    );
}

#[test]
fn one_invalid_entry_does_not_affect_other_connections() {
    let sandbox = Sandbox::new();
    let text = "[connections.odd]\ndeployment = \"moon\"\n\n[connections.ssh]\ndeployment = \"unknown\"\n\
                base_url = \"https://git.example.com\"\nauth = \"ssh\"\n";
    sandbox.write_connections(text);
    let ran = sandbox.run(["check", "--all", "--json"]).exits_with(9);
    let rows = ran.json()["connections"].clone();
    assert_eq!(
        (&rows[0]["name"], &rows[1]["name"]),
        (&json!("odd"), &json!("ssh"))
    );
    assert_eq!(rows[0]["deployment"], Value::Null);
    let finding = &rows[0]["findings"][0];
    assert_eq!(
        (&finding["id"], &finding["level"]),
        (&json!("credential.present"), &json!("fail"))
    );
    assert_contains(finding["message"].as_str().unwrap(), "odd");
    assert_eq!(rows[1]["findings"][0]["level"], "pass");
    for format in ["text", "junit", "markdown"] {
        let ran = sandbox
            .run(["check", "--all", "--format", format])
            .exits_with(9);
        assert_contains(&ran.stdout, "odd");
        let quiet = sandbox
            .run(["check", "--all", "-q", "--format", format])
            .exits_with(9);
        assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    }
    // The command of the hint fixes it.
    sandbox
        .run(["connection", "remove", "odd", "--yes"])
        .exits_with(0);
    sandbox.run(["check", "--all"]).exits_with(0);
}

#[test]
fn a_missing_secret_in_ci_is_reported() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(["check", "--json"]);
    command.env("BBCONNECT_URL", "https://git.example.com");
    let error = command.finish().exits_with(3).json()["error"].clone();
    let message = error["message"].as_str().unwrap();
    assert!(
        message.starts_with("BBCONNECT_URL is set, but none of BBCONNECT_TOKEN"),
        "{message}"
    );
}
