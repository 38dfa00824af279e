//! `token`: what to tick, and the tokens of a Data Center, made and revoked with a password.

use crate::support::bitbucket::tokens::Token;
use crate::support::bitbucket::{Credential, Fault, Kind, Server, World};
use crate::support::{Ran, Sandbox};

const PASSWORD: &str = "token-test-password";
/// base64 of `123456789012:abcdefghijklmnopqrst`.
const OLD: &str = "BBDC-MTIzNDU2Nzg5MDEyOmFiY2RlZmdoaWprbG1ub3BxcnN0";

fn server() -> Server {
    let credential = |kind, secret: &str| Credential {
        kind,
        secret: secret.to_owned(),
        scopes: vec!["REPO_ADMIN"],
    };
    Server::start(World {
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
        ..World::default()
    })
}

/// Asks with a password from the environment.
fn with_password(server: &Server, sandbox: &Sandbox, arguments: &[&str]) -> Ran {
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
    Ran::from(command.output().unwrap())
}

#[test]
fn what_to_tick_is_said_in_the_words_of_the_token() {
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
            .ended(0);
        assert_eq!(ran.stdout, lines, "{arguments:?}");
    }
    let preset = sandbox
        .run(["token", "scopes", "--for", "appcircle", "--json"])
        .ended(0)
        .json();
    assert_eq!(preset["auth"], "api-token");
    assert_eq!(preset["scopes"][0], "read:account");
    assert_eq!(preset["beyond"][0], "read:user:bitbucket");
    sandbox
        .run(["token", "scopes", "--for", "read", "--auth", "ssh"])
        .ended(2);
}

#[test]
fn the_page_is_that_of_the_token() {
    let ended = Sandbox::new().run(["token", "page", "--auth", "app-password"]);
    assert!(ended.ended(0).stderr.contains("ended on 2026-07-28"));
    let sandbox = Sandbox::new();
    let page = |arguments: &[&str]| {
        sandbox
            .run([&["token", "page"], arguments].concat())
            .ended(0)
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
    sandbox.run(["token", "page"]).ended(5);
}

#[test]
fn tokens_are_listed_made_once_and_revoked() {
    let (server, sandbox) = (server(), Sandbox::new());
    let run =
        |arguments: &[&str]| with_password(&server, &sandbox, &[&["token"], arguments].concat());
    let listed = run(&["list", "--json"]).ended(0).json();
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
        .ended(0)
        .json();
    assert_eq!(planned["action"], "would-create");
    assert_eq!(planned["token"]["permissions"][0], "REPO_ADMIN");
    assert!(server.seen().iter().all(|seen| seen.method == "GET"));
    let made = run(&create).ended(0);
    assert!(made.stdout.starts_with("BBDC-"), "{}", made.stdout);
    let again = run(&create).ended(6);
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
    run(&["revoke", "ci", "--repo", "WEB/site"]).ended(2);
    run(&["revoke", "ci", "--repo", "WEB/site", "--yes"]).ended(0);
    run(&["revoke", "ci", "--repo", "WEB/site", "--yes"]).ended(5);
    run(&[
        "create",
        "x",
        "--permission",
        "PROJECT_READ",
        "--repo",
        "WEB/site",
    ])
    .ended(2);
}

#[test]
fn a_new_token_can_become_a_connection_and_is_not_lost() {
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
    let made = run(&create).ended(0);
    assert!(made.stdout.is_empty(), "{}", made.stdout);
    let shown = run(&["connection", "show", "site", "--json"])
        .ended(0)
        .json();
    assert_eq!(shown["connection"]["level"], "repo");
    assert_eq!(shown["connection"]["secret"]["store"], "file");
    run(&["check", "site", "--for", "webhook"]).ended(0);
    run(&create).ended(6);
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
    Ran::from(command.output().unwrap()).ended(9);
    let left = run(&["token", "list", "--json"]).ended(0).json();
    assert_eq!(left["tokens"].as_array().unwrap().len(), 1, "{left}");
}

#[test]
fn a_token_makes_no_tokens_and_says_what_does() {
    let (server, sandbox) = (server(), Sandbox::new());
    let mut command = sandbox.command(["token", "create", "ci", "--for", "read"]);
    command
        .env("BBCONNECT_URL", server.datacenter())
        .env("BBCONNECT_TOKEN", OLD);
    let refused = Ran::from(command.output().unwrap()).ended(4);
    assert!(refused.stderr.contains("--username"), "{}", refused.stderr);
    let mut cloud = sandbox.command(["token", "list"]);
    cloud
        .env("BBCONNECT_URL", server.cloud())
        .env("BBCONNECT_TOKEN", "x");
    let refused = Ran::from(cloud.output().unwrap()).ended(2);
    assert!(
        refused.stderr.contains("bbconnect token page"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_rotated_token_is_one_like_the_old_and_the_old_is_gone() {
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
        Ran::from(command.output().unwrap())
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
    .ended(0);
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
        run(&[&rotate[..], &["--dry-run"]].concat()).ended(0).json()["action"],
        "would-update"
    );
    // The server does not accept the new one: the old one stays.
    server.change(|world| {
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
        world.faults.extend([user, ok(list), ok("{\"token\":\"BBDC-of-nobody\",\"id\":\"1\"}")]);
    });
    run(&rotate).ended(3);
    run(&["check", "laptop"]).ended(0);
    let rotated = run(&rotate).ended(0).json();
    assert_eq!(
        (rotated["action"].as_str(), rotated["revoked"].as_str()),
        (Some("updated"), Some("123456789012"))
    );
    assert_eq!(rotated["token"]["permissions"][0], "REPO_WRITE");
    run(&["check", "laptop"]).ended(0);
    let mut old = sandbox.command(["check"]);
    old.env("BBCONNECT_URL", &url).env("BBCONNECT_TOKEN", OLD);
    Ran::from(old.output().unwrap()).ended(3);
}

#[test]
fn a_token_that_could_not_be_kept_is_taken_back() {
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
    run(&add).ended(0);
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
    run(&rotate).ended(2);
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
    .ended(2);
    run(&["check", "laptop"]).ended(0);
    assert!(server.seen().iter().all(|seen| seen.method == "GET"));
}

#[test]
fn making_a_token_is_never_repeated() {
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
    server.change(|world| {
        world.faults = vec![page(200, empty), page(200, empty), gateway("<html>")].into();
    });
    with_password(
        &server,
        &sandbox,
        &["token", "create", "ci", "--for", "read", "--project", "WEB"],
    )
    .ended(8);
    assert_eq!(
        server
            .seen()
            .iter()
            .filter(|seen| seen.method == "PUT")
            .count(),
        1
    );
}
