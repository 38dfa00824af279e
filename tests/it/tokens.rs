//! `token`: scopes to select, and the tokens of a Data Center, made and revoked with a password.

use crate::support::bitbucket::tokens::Token;
use crate::support::bitbucket::{Credential, Fault, Kind, Server, ServerState};
use crate::support::{CommandExt as _, RunOutput, Sandbox, assert_contains, print_command, words};

const PASSWORD: &str = "token-test-password";
/// base64 of `123456789012:abcdefghijklmnopqrst`.
const OLD: &str = "BBDC-MTIzNDU2Nzg5MDEyOmFiY2RlZmdoaWprbG1ub3BxcnN0";

fn server() -> Server {
    let credential = |kind, secret: &str| Credential::new(kind, secret, &["REPO_ADMIN"]);
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
            ..Token::default()
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
    let preset = sandbox.run_json(["token", "scopes", "--for", "appcircle", "--json"]);
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
    assert_contains(&ended.exits_with(0).stderr, "retired on 2026-07-28");
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
    let create = words("create ci --for webhook --repo WEB/site --expires-in 30d");
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
    run(&words("create x --permission PROJECT_READ --repo WEB/site")).exits_with(2);
}

#[test]
fn a_new_token_can_be_saved_as_a_connection() {
    let (server, sandbox) = (server(), Sandbox::new());
    let run = |arguments: &[&str]| with_password(&server, &sandbox, arguments);
    let create = words("token create ci --for webhook --repo WEB/site --save-as site");
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
    let mut command = sandbox.command(words("token create other --for read --save-as other"));
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
    assert_contains(&refused.stderr, "--username");
    let mut cloud = sandbox.command(["token", "list"]);
    cloud
        .env("BBCONNECT_URL", server.cloud())
        .env("BBCONNECT_TOKEN", "x");
    let refused = cloud.finish().exits_with(2);
    assert_contains(&refused.stderr, "bbconnect token page");
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
    let rotate = words("token rotate -c laptop --json --username jane --token-file password");
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
        state.faults.extend([user, ok(list), ok("{\"token\":\"BBDC-of-no-user\",\"id\":\"1\"}")]);
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
        &print_command("old"),
    ];
    run(&add).exits_with(0);
    // A command keeps nothing, so neither begins.
    let rotate = words("token rotate -c laptop --username jane --token-file password");
    std::fs::write(sandbox.path("password"), PASSWORD).unwrap();
    run(&rotate).exits_with(2);
    run(&words(
        "token create x --for read --save-as x --store command",
    ))
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

/// API tokens of Cloud: secret, e-mail, scopes.
const API_TOKENS: [(&str, &str, &[&str]); 5] = [
    (
        "ATATT-rotate-old",
        "jane@acme.example",
        &["read:user:bitbucket", "read:repository:bitbucket"],
    ),
    (
        "ATATT-rotate-new",
        "jane@acme.example",
        &["read:repository:bitbucket", "read:user:bitbucket"],
    ),
    (
        "ATATT-rotate-narrow",
        "jane@acme.example",
        &["read:user:bitbucket"],
    ),
    (
        "ATATT-rotate-wide",
        "jane@acme.example",
        &[
            "read:user:bitbucket",
            "read:repository:bitbucket",
            "admin:repository:bitbucket",
        ],
    ),
    (
        "ATATT-rotate-bob",
        "bob@acme.example",
        &["read:user:bitbucket", "read:repository:bitbucket"],
    ),
];

fn cloud() -> Server {
    let token =
        |&(secret, email, scopes): &(&str, &'static str, &'static [&'static str])| Credential {
            kind: Kind::ApiToken { email },
            secret: secret.to_owned(),
            scopes: scopes.to_vec(),
        };
    let access_token = |secret: &str, repository, scope| Credential {
        kind: Kind::AccessToken {
            workspace: "acme",
            repository,
        },
        secret: secret.to_owned(),
        scopes: vec![scope],
    };
    let mut credentials: Vec<_> = API_TOKENS.iter().map(token).collect();
    credentials.extend([
        access_token("ATCTT-rotate-old", Some("site"), "repository"),
        access_token("ATCTT-rotate-new", Some("site"), "repository"),
        access_token("ATCTT-rotate-other", Some("shop"), "repository"),
        access_token("ATCTT-rotate-workspace", None, "repository"),
        access_token("ATCTT-rotate-admin", Some("site"), "repository:admin"),
    ]);
    Server::start(ServerState {
        credentials,
        repositories: vec![("acme/site", false), ("acme/shop", false)],
        ..ServerState::default()
    })
}

/// A connection with an API token, and one with an access token.
fn cloud_connections(server: &Server) -> Sandbox {
    let sandbox = Sandbox::with_file_store();
    let url = server.cloud();
    for (name, secret, more) in [
        (
            "work",
            "ATATT-rotate-old",
            ["--email", "jane@acme.example", "--workspace", "acme"],
        ),
        (
            "site",
            "ATCTT-rotate-old",
            ["--workspace", "acme", "--repo", "site"],
        ),
    ] {
        let expires = ["--expires", "2027-01-31", "--token-stdin"];
        let add = ["connection", "add", name, "--url", &url];
        let add = [&add[..], &more, &expires].concat();
        sandbox.run_with_input(add, secret).exits_with(0);
    }
    sandbox
}

#[test]
fn rotation_on_cloud_takes_a_token_for_the_same_resource_with_the_same_scopes() {
    let server = cloud();
    let sandbox = cloud_connections(&server);
    let rotate = |name: &str, flag: &str, token: &str, more: &[&str]| {
        let rotate = ["token", "rotate", "-c", name, "--json", flag];
        let ran = sandbox.run_with_input([&rotate[..], more].concat(), token);
        let secrets = ran.stdout.contains("rotate-") || ran.stderr.contains("rotate-");
        assert!(!secrets, "{} {}", ran.stdout, ran.stderr);
        ran
    };
    let expiry = |name: &str| {
        let shown = sandbox.run(["connection", "show", name, "--json"]);
        shown.exits_with(0).json()["connection"]["expires_on"].clone()
    };
    for (name, token, exit, reason) in [
        (
            "work",
            "ATATT-rotate-narrow",
            6,
            "missing: read:repository:bitbucket",
        ),
        (
            "work",
            "ATATT-rotate-wide",
            6,
            "additional: admin:repository:bitbucket",
        ),
        ("work", "ATATT-rotate-bob", 3, "rejected"),
        ("work", "ATATT-rotate-unknown", 3, "rejected"),
        ("work", "ATCTT-rotate-new", 3, "access token"),
        ("site", "ATCTT-rotate-other", 6, "repository acme/site"),
        ("site", "ATCTT-rotate-workspace", 6, "workspace"),
        (
            "site",
            "ATCTT-rotate-admin",
            6,
            "missing: repository; additional: repository:admin",
        ),
        ("site", "", 2, "empty"),
    ] {
        let refused = rotate(name, "--new-token-stdin", token, &[])
            .exits_with(exit)
            .json();
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains(reason), "{token}: {message}");
        // The old one is still there.
        sandbox.run(["check", name]).exits_with(0);
        assert_eq!(expiry(name), "2027-01-31");
    }
    let planned = rotate("work", "--dry-run", "", &[]).exits_with(0).json();
    assert_eq!(planned["action"], "would-update");
    let page = "https://id.atlassian.com/manage-profile/security/api-tokens";
    assert_eq!(planned["page"], page);
    let done = rotate("work", "--new-token-stdin", "ATATT-rotate-new\n", &[]);
    let done = done.exits_with(0).json();
    assert_eq!(done["schema"], "bbconnect/token-rotate@1");
    assert_eq!(done["action"], "updated");
    assert_eq!(done["owner"], "user jane");
    // The old day is not that of the new token.
    assert_eq!(done["token"]["expires_on"], serde_json::Value::Null);
    assert_eq!(expiry("work"), serde_json::Value::Null);
    let day = ["--expires", "2027-06-30"];
    let again = rotate("work", "--token-stdin", "ATATT-rotate-new", &day).exits_with(0);
    assert_eq!(again.json()["action"], "updated");
    let again = rotate("work", "--token-stdin", "ATATT-rotate-new", &[]).exits_with(0);
    assert_eq!(again.json()["action"], "unchanged");
    assert_eq!(expiry("work"), "2027-06-30");
    let done = rotate("site", "--token-stdin", "ATCTT-rotate-new", &day)
        .exits_with(0)
        .json();
    assert_eq!(done["owner"], "repository acme/site");
    assert_eq!(done["repository"], "acme/site");
    assert_eq!(expiry("site"), "2027-06-30");
    server.update(|state| {
        let is_new = |credential: &Credential| credential.secret.ends_with("-new");
        state.credentials.retain(is_new);
    });
    for name in ["work", "site"] {
        sandbox.run(["check", name]).exits_with(0);
    }
    // A token that has expired already is replaced as well.
    server.update(|state| {
        let mut newer = state.credentials[0].clone();
        "ATATT-rotate-newer".clone_into(&mut newer.secret);
        state.credentials = vec![newer];
    });
    let done = rotate("work", "--token-stdin", "ATATT-rotate-newer", &[])
        .exits_with(0)
        .json();
    assert_contains(&done["notes"].to_string(), "no longer accepted");
}

#[test]
fn rotation_on_cloud_needs_a_token_that_is_stored() {
    let server = cloud();
    let sandbox = cloud_connections(&server);
    let before = server.requests().len();
    std::fs::write(sandbox.path("token"), "ATATT-rotate-old").unwrap();
    let url = server.cloud();
    let email = ["--email", "jane@acme.example", "--workspace", "acme"];
    let add = ["connection", "add", "command", "--url", &url, "--no-verify"];
    let print = print_command("token");
    let add = [
        &add[..],
        &["--auth", "api-token", "--token-command", &print],
        &email,
    ]
    .concat();
    sandbox.run(add).exits_with(0);
    let rotate = ["token", "rotate", "--new-token-stdin"];
    for named in [&["-c", "command"][..], &[]] {
        let mut command = sandbox.command([&rotate[..], named].concat());
        if named.is_empty() {
            command
                .env("BBCONNECT_URL", &url)
                .env("BBCONNECT_EMAIL", "jane@acme.example")
                .env("BBCONNECT_TOKEN", "ATATT-rotate-old");
        }
        let refused = command.finish().exits_with(2);
        assert_contains(&refused.stderr, "stored outside bbconnect");
    }
    let missing = sandbox.run(["token", "rotate", "-c", "work"]).exits_with(2);
    assert_contains(&missing.stderr, "--new-token-stdin");
    for flags in [
        &["--expires-in", "90d"][..],
        &["--username", "jane", "--token-file", "token"],
    ] {
        let rotate = ["token", "rotate", "-c", "work"];
        sandbox.run([&rotate[..], flags].concat()).exits_with(2);
    }
    assert_eq!(server.requests().len(), before);
}

#[cfg(unix)]
#[test]
fn rotation_on_cloud_guides_on_a_terminal() {
    let server = cloud();
    let sandbox = cloud_connections(&server);
    let passphrase = sandbox.path("passphrase");
    let store = [
        ("BBCONNECT_STORE", "file"),
        (
            "BBCONNECT_STORE_PASSPHRASE_FILE",
            passphrase.to_str().unwrap(),
        ),
    ];
    let mut terminal = sandbox.terminal_with(&store, &["token", "rotate", "-c", "work"]);
    terminal.expect("Create the new token at https://id.atlassian.com/");
    terminal.expect("read:repository:bitbucket read:user:bitbucket");
    terminal.expect("API token");
    terminal.send_line("ATATT-rotate-unknown");
    terminal.expect("rejected");
    terminal.expect("API token");
    terminal.send_line("ATATT-rotate-new");
    terminal.expect("Expiry date");
    terminal.send_line("next year");
    terminal.expect("expected a date");
    terminal.expect("Expiry date");
    terminal.send_line("2027-06-30");
    terminal.expect("updated: new token of connection work, of user jane");
    terminal.expect("revoke the old token");
    terminal.rest();
    let shown = sandbox
        .run(["connection", "show", "work", "--json"])
        .exits_with(0);
    assert_eq!(shown.json()["connection"]["expires_on"], "2027-06-30");
}
