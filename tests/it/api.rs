//! `api`: one raw request, to the connection's own server and nowhere else.

use std::time::Duration;

use crate::support::bitbucket::stock::Stock;
use crate::support::bitbucket::{Credential, Fault, Kind, Server, World};
use crate::support::{Ran, Sandbox};
use serde_json::{Value, json};

const TOKEN: &str = "ATATT-api-marker";

fn server() -> Server {
    let credential = |kind| Credential {
        kind,
        secret: TOKEN.to_owned(),
        scopes: vec!["read:user:bitbucket"],
    };
    let kinds = [
        Kind::ApiToken {
            email: "jane@acme.example",
        },
        Kind::UserToken { user: "jane" },
    ];
    let mut stock = Stock::with(&["acme/site+", "WEB/site+"]);
    for number in 0..25 {
        stock.push(
            "acme/site",
            &format!("branch-{number:02}"),
            "x",
            ("x", b"x"),
        );
    }
    Server::start(World {
        credentials: kinds.map(credential).to_vec(),
        stock,
        ..World::default()
    })
}

fn run(server: &Server, is_cloud: bool, arguments: &[&str]) -> Ran {
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
    if is_cloud {
        command
            .env("BBCONNECT_URL", server.cloud())
            .env("BBCONNECT_EMAIL", "jane@acme.example");
    } else {
        command.env("BBCONNECT_URL", server.datacenter());
    }
    Ran::from(command.output().unwrap())
}

fn last(server: &Server) -> (String, String, Value) {
    let seen = server.seen().last().unwrap().clone();
    (
        seen.method,
        seen.path,
        serde_json::from_slice(&seen.body).unwrap_or_default(),
    )
}

#[test]
fn a_path_is_below_the_api_of_the_product() {
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
    let user = run(&server, true, &["get", &absolute]).ended(0);
    assert_eq!(user.json()["nickname"], "jane");
    let document = run(&server, true, &["GET", "user", "--json"])
        .ended(0)
        .json();
    assert_eq!(
        (document["schema"].as_str(), document["status"].as_u64()),
        (Some("bbconnect/api@1"), Some(200))
    );
    assert_eq!(document["body"]["nickname"], "jane");
    run(&server, true, &["GET", "projects/{project}"]).ended(2);
}

#[test]
fn the_credential_never_leaves_its_origin() {
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
        let refused = run(&server, true, &["GET", path]).ended(2);
        assert!(!refused.stderr.contains(TOKEN));
    }
    run(&server, true, &["GET", "//evil.example.com/user"]).ended(5);
    assert!(other.seen().is_empty());
    let redirect = Fault {
        status: 302,
        headers: vec![("location", elsewhere)],
        body: Vec::new(),
        delay: Duration::ZERO,
    };
    server.change(|world| world.faults.push_back(redirect));
    run(&server, true, &["GET", "user"]).ended(8);
    assert!(other.seen().is_empty());
}

#[test]
fn fields_and_files_are_sent() {
    let server = server();
    run(&server, true, &["GET", "user", "-f", "a=b c", "-f", "n=1"]).ended(0);
    assert_eq!(last(&server).1, "/2.0/user?a=b+c&n=1");
    let post = [
        "POST",
        "workspaces/{workspace}/projects",
        "-f",
        "type=project",
        "-f",
        "key=APP",
        "-f",
        "is_private=true",
    ];
    let planned = run(&server, true, &[&post[..], &["--dry-run"]].concat())
        .ended(0)
        .json();
    assert_eq!(
        (planned["action"].as_str(), planned["method"].as_str()),
        (Some("would-send"), Some("POST"))
    );
    assert_eq!(last(&server).0, "GET");
    run(&server, true, &post).ended(0);
    assert_eq!(
        last(&server).2,
        json!({"type": "project", "key": "APP", "is_private": true})
    );
    run(
        &server,
        true,
        &["POST", "workspaces/acme/projects", "--input", "body.json"],
    )
    .ended(0);
    assert_eq!(last(&server).2["key"], "OPS");
    run(&server, true, &["POST", "x", "--input", "missing.json"]).ended(9);
    run(&server, true, &["FETCH", "user"]).ended(2);
    run(&server, true, &["GET", "user", "-f", "nothing"]).ended(2);
}

#[test]
fn statuses_are_those_of_every_command_and_the_body_is_there() {
    let server = server();
    let missing = run(&server, true, &["GET", "repositories/acme/other"]).ended(5);
    assert!(
        missing.stdout.contains("no longer exists"),
        "{}",
        missing.stdout
    );
    assert!(missing.stderr.starts_with("error: "), "{}", missing.stderr);
    let document = run(&server, true, &["GET", "repositories/acme/other", "--json"])
        .ended(5)
        .json();
    assert_eq!(document["error"]["exit"], 5);
    run(&server, true, &["GET", "repositories"]).ended(8);
    run(
        &server,
        true,
        &["POST", "workspaces/acme/projects", "-f", "a=b"],
    )
    .ended(1);
    run(
        &server,
        false,
        &["POST", "projects/WEB/repos", "-f", "name=site"],
    )
    .ended(6);
    run(&server, false, &["GET", "no/such/route"]).ended(8);
    let raw = "repositories/acme/site/src/";
    let mut hash = String::new();
    server.change(|world| {
        hash.clone_from(&world.stock.repo("acme", "site").unwrap().branches["main"]);
    });
    let file = run(&server, true, &["GET", &format!("{raw}{hash}/README.md")]).ended(0);
    assert_eq!(file.stdout, "# site\n");
}

#[test]
fn all_pages_are_printed_as_one() {
    let server = server();
    let path = "repositories/{workspace}/{repo}/refs/branches";
    let first = run(&server, true, &["GET", path]).ended(0).json();
    assert_eq!(first["values"].as_array().unwrap().len(), 10);
    let all = run(&server, true, &["GET", path, "--paginate"])
        .ended(0)
        .json();
    assert_eq!(all["values"].as_array().unwrap().len(), 26);
    let all = run(
        &server,
        false,
        &["GET", "projects/WEB/repos", "-f", "limit=1", "--paginate"],
    )
    .ended(0)
    .json();
    assert_eq!(all["values"].as_array().unwrap().len(), 1);
    run(&server, true, &["POST", path, "--paginate"]).ended(2);
}

#[test]
fn all_pages_of_what_is_no_list_are_the_thing_itself() {
    let server = server();
    let page = |body: &str| Fault {
        status: 200,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.as_bytes().to_vec(),
        delay: Duration::ZERO,
    };
    let user = run(&server, true, &["GET", "user", "--paginate"]).ended(0);
    let user: Value = serde_json::from_str(&user.stdout).unwrap();
    assert_eq!(user["nickname"], "jane");
    // Entries that look alike are entries all the same.
    server.change(|world| {
        world
            .faults
            .push_back(page("{\"values\":[{\"key\":1},{\"key\":1}]}"));
    });
    let twice = run(&server, true, &["GET", "user", "--paginate"]).ended(0);
    let twice: Value = serde_json::from_str(&twice.stdout).unwrap();
    assert_eq!(twice["values"].as_array().unwrap().len(), 2);
}

#[test]
fn a_repository_that_is_not_known_is_written_into_the_path() {
    let sandbox = Sandbox::new();
    let run = |variables: &[(&str, &str)]| {
        let mut command = sandbox.command(["api", "GET", "repositories/{workspace}/{repo}"]);
        command.env("BBCONNECT_TOKEN", TOKEN);
        Ran::from(command.envs(variables.iter().copied()).output().unwrap()).ended(2)
    };
    let unnamed = run(&[("BBCONNECT_WORKSPACE", "acme")]).stderr;
    assert!(unnamed.contains("write it instead of {repo}"), "{unnamed}");
    assert!(!unnamed.contains("--repo"), "{unnamed}");
    // What else is wrong keeps its own words.
    let elsewhere = run(&[("BBCONNECT_DEPLOYMENT", "datacenter")]).stderr;
    assert!(elsewhere.contains("BBCONNECT_URL"), "{elsewhere}");
}
