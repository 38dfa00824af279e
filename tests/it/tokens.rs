//! `token`: scopes to select, and the tokens of a Data Center, made and revoked with a password.

use crate::support::bitbucket::tokens::Token;
use crate::support::bitbucket::{Credential, Fault, Kind, Server, ServerState};
use crate::support::{CommandExt as _, RunOutput, Sandbox};

const PASSWORD: &str = "token-test-password";
/// base64 of `123456789012:abcdefghijklmnopqrst`.
const OLD: &str = "BBDC-MTIzNDU2Nzg5MDEyOmFiY2RlZmdoaWprbG1ub3BxcnN0";

fn server() -> Server {
    let credential = |kind, secret: &str| Credential {
        kind,
        secret: secret.to_owned(),
        scopes: vec!["REPO_ADMIN"],
    };
    Server::start(ServerState {
        credentials: vec![
            credential(Kind::Password { user: "jane" }, PASSWORD),
            credential(Kind::UserToken { user: "jane" }, OLD),
        ],
        tokens: vec![Token {
            owner: "users/jane".to_owned(),
            id: "123456789012".to_owned(),
            name: "laptop".to_owned(),
            permissions: vec!["REPO_WRITE".to_owned()],
            days: Some(90),
        }],
        repositories: vec![("WEB/site", false)],
        ..ServerState::default()
    })
}

/// Asks with a password from the environment.
fn with_password(server: &Server, sandbox: &Sandbox, arguments: &[&str]) -> RunOutput {
    let mut command = sandbox.command(arguments);
    command
        .env("BBCONNECT_URL", server.datacenter())
        .env("BBCONNECT_TOKEN", PASSWORD)
        .env("BBCONNECT_USERNAME", "jane");
    let passphrase = sandbox.path("passphrase");
    std::fs::write(&passphrase, "correct horse").unwrap();
    command
        .env("BBCONNECT_STORE", "file")
        .env("BBCONNECT_STORE_PASSPHRASE_FILE", passphrase);
    command.finish()
}

#[test]
fn scopes_use_the_names_of_the_token_type() {
    let sandbox = Sandbox::new();
    for (arguments, lines) in [
        (
            &["--for", "write", "--auth", "access-token"][..],
            "repository:write\n",
        ),
        (
            &["--for", "write", "--auth", "api-token"],
            "read:repository:bitbucket\nwrite:repository:bitbucket\n",
        ),
        (
            &["--for", "read,webhook", "--auth", "http-access-token"],
            "REPO_ADMIN\n",
        ),
        (
            &["--for", "pull-request", "--auth", "access-token"],
            "pullrequest:write\n",
        ),
    ] {
        let ran = sandbox
            .run([&["token", "scopes"], arguments].concat())
            .exits_with(0);
        assert_eq!(ran.stdout, lines, "{arguments:?}");
    }
    let preset = sandbox
        .run(["token", "scopes", "--for", "appcircle", "--json"])
        .exits_with(0)
        .json();
    assert_eq!(preset["auth"], "api-token");
    assert_eq!(preset["scopes"][0], "read:account");
    assert_eq!(preset["beyond"][0], "read:user:bitbucket");
    assert_eq!(preset["checkboxes"][0], "read:account");
    let access_token = ["--for", "appcircle", "--auth", "access-token"];
    let access_token = [&["token", "scopes"][..], &access_token].concat();
    let rows = sandbox.run(&access_token).exits_with(0);
    for row in [
        "Account: Email",
        "Project: Read",
        "Repository: Read",
        "Pull Request: Read",
        "Webhooks: Read & Write",
    ] {
        assert!(rows.stdout.contains(row), "{}", rows.stdout);
    }
    let cannot = "cannot have Account: Email, Project: Read";
    assert!(rows.stderr.contains(cannot), "{}", rows.stderr);
    let document = sandbox.run([&access_token[..], &["--json"]].concat());
    assert_eq!(document.json()["unavailable"][0], "email");
    sandbox
        .run(["token", "scopes", "--for", "read", "--auth", "ssh"])
        .exits_with(2);
}

#[test]
fn token_page_belongs_to_the_token_type() {
    let ended = Sandbox::new().run(["token", "page", "--auth", "app-password"]);
    assert!(ended.exits_with(0).stderr.contains("retired on 2026-07-28"));
    let sandbox = Sandbox::new();
    let page = |arguments: &[&str]| {
        sandbox
            .run([&["token", "page"], arguments].concat())
            .exits_with(0)
            .stdout
    };
    assert_eq!(
        page(&["--auth", "api-token"]),
        "https://id.atlassian.com/manage-profile/security/api-tokens\n"
    );
    assert_eq!(
        page(&["--auth", "access-token", "--repo", "acme/site"]),
        "https://bitbucket.org/acme/site/admin/access-tokens\n"
    );
    sandbox.run(["token", "page"]).exits_with(5);
    let server = server();
    let expected = "/plugins/servlet/access-tokens/users/jane/manage\n";
    let by_password = ["token", "page", "--auth", "http-access-token"];
    let ran = with_password(&server, &sandbox, &by_password).exits_with(0);
    assert!(ran.stdout.ends_with(expected), "{}", ran.stdout);
    assert!(server.requests().is_empty());
}

#[test]
fn list_create_and_revoke() {
    let (server, sandbox) = (server(), Sandbox::new());
    let run =
        |arguments: &[&str]| with_password(&server, &sandbox, &[&["token"], arguments].concat());
    let listed = run(&["list", "--json"]).exits_with(0).json();
    assert_eq!(listed["tokens"][0]["id"], "123456789012");
    assert_eq!(listed["tokens"][0]["expires_on"], "2026-12-20");
    let create = [
        "create",
        "ci",
        "--for",
        "webhook",
        "--repo",
        "WEB/site",
        "--expires-in",
        "30d",
    ];
    let planned = run(&[&create[..], &["--dry-run", "--json"]].concat())
        .exits_with(0)
        .json();
    assert_eq!(planned["action"], "would-create");
    assert_eq!(planned["token"]["permissions"][0], "REPO_ADMIN");
    assert!(server.requests().iter().all(|seen| seen.method == "GET"));
    let made = run(&create).exits_with(0);
    assert!(made.stdout.starts_with("BBDC-"), "{}", made.stdout);
    let again = run(&create).exits_with(6);
    assert!(!again.stderr.contains("BBDC-"));
    let hint = "bbconnect token revoke ci --repo WEB/site";
    assert!(again.stderr.contains(hint), "{}", again.stderr);
    let used = sandbox
        .command(["check", "--repo", "WEB/site", "--for", "webhook"])
        .env("BBCONNECT_URL", server.datacenter())
        .env("BBCONNECT_PROJECT", "WEB")
        .env("BBCONNECT_TOKEN", made.stdout.trim())
        .output()
        .unwrap();
    assert_eq!(
        used.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&used.stdout)
    );
    run(&["revoke", "ci", "--repo", "WEB/site"]).exits_with(2);
    run(&["revoke", "ci", "--repo", "WEB/site", "--yes"]).exits_with(0);
    run(&["revoke", "ci", "--repo", "WEB/site", "--yes"]).exits_with(5);
    run(&[
        "create",
        "x",
        "--permission",
        "PROJECT_READ",
        "--repo",
        "WEB/site",
    ])
    .exits_with(2);
}

#[test]
fn a_new_token_can_be_saved_as_a_connection() {
    let (server, sandbox) = (server(), Sandbox::new());
    let run = |arguments: &[&str]| with_password(&server, &sandbox, arguments);
    let create = [
        "token",
        "create",
        "ci",
        "--for",
        "webhook",
        "--repo",
        "WEB/site",
        "--save-as",
        "site",
    ];
    let made = run(&create).exits_with(0);
    assert!(made.stdout.is_empty(), "{}", made.stdout);
    let shown = run(&["connection", "show", "site", "--json"])
        .exits_with(0)
        .json();
    assert_eq!(shown["connection"]["level"], "repo");
    assert_eq!(shown["connection"]["secret"]["store"], "file");
    run(&["check", "site", "--for", "webhook"]).exits_with(0);
    run(&create).exits_with(6);
    // A store that cannot keep it: the token is gone again.
    let mut command = sandbox.command([
        "token",
        "create",
        "other",
        "--for",
        "read",
        "--save-as",
        "other",
    ]);
    command
        .env("BBCONNECT_URL", server.datacenter())
        .env("BBCONNECT_TOKEN", PASSWORD)
        .env("BBCONNECT_USERNAME", "jane");
    command.env("BBCONNECT_STORE", "file");
    command.finish().exits_with(9);
    let left = run(&["token", "list", "--json"]).exits_with(0).json();
    assert_eq!(left["tokens"].as_array().unwrap().len(), 1, "{left}");
}

#[test]
fn creating_tokens_needs_a_password() {
    let (server, sandbox) = (server(), Sandbox::new());
    let mut command = sandbox.command(["token", "create", "ci", "--for", "read"]);
    command
        .env("BBCONNECT_URL", server.datacenter())
        .env("BBCONNECT_TOKEN", OLD);
    let refused = command.finish().exits_with(4);
    assert!(refused.stderr.contains("--username"), "{}", refused.stderr);
    let mut cloud = sandbox.command(["token", "list"]);
    cloud
        .env("BBCONNECT_URL", server.cloud())
        .env("BBCONNECT_TOKEN", "x");
    let refused = cloud.finish().exits_with(2);
    assert!(
        refused.stderr.contains("bbconnect token page"),
        "{}",
        refused.stderr
    );
}

#[test]
fn rotation_keeps_settings_and_revokes_the_old_token() {
    let (server, sandbox) = (server(), Sandbox::new());
    let passphrase = sandbox.path("passphrase");
    std::fs::write(&passphrase, "correct horse").unwrap();
    std::fs::write(sandbox.path("token"), OLD).unwrap();
    std::fs::write(sandbox.path("password"), PASSWORD).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command
            .env("BBCONNECT_STORE", "file")
            .env("BBCONNECT_STORE_PASSPHRASE_FILE", &passphrase);
        command.finish()
    };
    let url = server.datacenter();
    run(&[
        "connection",
        "add",
        "laptop",
        "--url",
        &url,
        "--auth",
        "http-access-token",
        "--token-file",
        "token",
    ])
    .exits_with(0);
    let rotate = [
        "token",
        "rotate",
        "-c",
        "laptop",
        "--json",
        "--username",
        "jane",
        "--token-file",
        "password",
    ];
    assert_eq!(
        run(&[&rotate[..], &["--dry-run"]].concat())
            .exits_with(0)
            .json()["action"],
        "would-update"
    );
    // The server does not accept the new one: the old one stays.
    server.update(|state| {
        let ok = |body: &str| Fault {
            status: 200,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.as_bytes().to_vec(),
            delay: std::time::Duration::ZERO,
        };
        let list = "{\"isLastPage\":true,\"values\":[{\"id\":\"123456789012\",\"name\":\"laptop\",\"permissions\":[\"REPO_READ\"]}]}";
        let users = "{\"isLastPage\":true,\"values\":[]}";
        let mut user = ok(users);
        user.headers.push(("x-ausername", "jane".to_owned()));
        state.faults.extend([user, ok(list), ok("{\"token\":\"BBDC-of-nobody\",\"id\":\"1\"}")]);
    });
    run(&rotate).exits_with(3);
    run(&["check", "laptop"]).exits_with(0);
    let rotated = run(&rotate).exits_with(0).json();
    assert_eq!(
        (rotated["action"].as_str(), rotated["revoked"].as_str()),
        (Some("updated"), Some("123456789012"))
    );
    assert_eq!(rotated["token"]["permissions"][0], "REPO_WRITE");
    run(&["check", "laptop"]).exits_with(0);
    let mut old = sandbox.command(["check"]);
    old.env("BBCONNECT_URL", &url).env("BBCONNECT_TOKEN", OLD);
    old.finish().exits_with(3);
}

#[test]
fn a_token_that_cannot_be_saved_is_revoked() {
    let (server, sandbox) = (server(), Sandbox::new());
    let run = |arguments: &[&str]| with_password(&server, &sandbox, arguments);
    std::fs::write(sandbox.path("old"), OLD).unwrap();
    let url = server.datacenter();
    let add = [
        "connection",
        "add",
        "laptop",
        "--url",
        &url,
        "--auth",
        "http-access-token",
        "--token-command",
        "cat old",
    ];
    run(&add).exits_with(0);
    // A command keeps nothing, so neither begins.
    let rotate = [
        "token",
        "rotate",
        "-c",
        "laptop",
        "--username",
        "jane",
        "--token-file",
        "password",
    ];
    std::fs::write(sandbox.path("password"), PASSWORD).unwrap();
    run(&rotate).exits_with(2);
    run(&[
        "token",
        "create",
        "x",
        "--for",
        "read",
        "--save-as",
        "x",
        "--store",
        "command",
    ])
    .exits_with(2);
    run(&["check", "laptop"]).exits_with(0);
    assert!(server.requests().iter().all(|seen| seen.method == "GET"));
}

#[test]
fn token_creation_is_never_retried() {
    let (server, sandbox) = (server(), Sandbox::new());
    let gateway = |body: &str| Fault {
        status: 502,
        headers: vec![
            ("content-type", "text/html".to_owned()),
            ("retry-after", "0".to_owned()),
        ],
        body: body.as_bytes().to_vec(),
        delay: std::time::Duration::ZERO,
    };
    let page = |status: u16, body: &str| Fault {
        status,
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("x-ausername", "jane".to_owned()),
        ],
        ..gateway(body)
    };
    let empty = "{\"values\":[],\"isLastPage\":true}";
    server.update(|state| {
        state.faults = vec![page(200, empty), page(200, empty), gateway("<html>")].into();
    });
    with_password(
        &server,
        &sandbox,
        &["token", "create", "ci", "--for", "read", "--project", "WEB"],
    )
    .exits_with(8);
    assert_eq!(
        server
            .requests()
            .iter()
            .filter(|seen| seen.method == "PUT")
            .count(),
        1
    );
}
