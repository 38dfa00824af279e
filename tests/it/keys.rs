//! Keys over REST, on both products: registered once whatever their comments, listed over every page, taken away; and
//! what is said to those who may not.

use std::path::Path;

use crate::support::bitbucket::{Credential, Server, ServerState};
use crate::support::{CommandExt as _, RunOutput, Sandbox};

const TOKEN: &str = "ATATT-key-marker";
const JANE: Option<&str> = Some("jane@acme.example");
const ALL: [&str; 6] = [
    "read:user:bitbucket",
    "admin:repository:bitbucket",
    "read:ssh-key:bitbucket",
    "write:ssh-key:bitbucket",
    "delete:ssh-key:bitbucket",
    "REPO_ADMIN",
];

fn server(scopes: &[&'static str]) -> Server {
    Server::start(ServerState {
        credentials: Credential::of_jane(TOKEN, scopes),
        repositories: vec![("acme/site", false), ("WEB/site", false)],
        page_length: 2,
        ..ServerState::default()
    })
}

/// Runs a command as a pipeline does: everything is in the environment.
fn run(sandbox: &Sandbox, url: &str, email: Option<&str>, arguments: &[&str]) -> RunOutput {
    let mut command = sandbox.command(arguments);
    command
        .env("CI", "true")
        .env("BBCONNECT_URL", url)
        .env("BBCONNECT_TOKEN", TOKEN)
        .envs(email.map(|email| ("BBCONNECT_EMAIL", email)));
    command.finish()
}

/// A key pair of our own making; answers with the path of its private half.
fn key(sandbox: &Sandbox, name: &str) -> String {
    let path = sandbox.path(name);
    let path = path.to_str().unwrap();
    let arguments = ["keygen", "--type", "ed25519", "--out", path];
    sandbox.run(arguments).exits_with(0);
    path.to_owned()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(path)).unwrap()
}

/// Where a product is, who asks, the repository there, and as what its keys are registered.
fn both(server: &Server) -> [(String, Option<&'static str>, &'static str, &'static str); 2] {
    [
        (server.cloud(), JANE, "acme/site", "deploy-key"),
        (server.datacenter(), None, "WEB/site", "access-key"),
    ]
}

#[test]
fn add_list_and_remove_are_idempotent() {
    let sandbox = Sandbox::new();
    let server = server(&ALL);
    for (url, email, repository, registered_as) in both(&server) {
        let run = |arguments: &[&str]| run(&sandbox, &url, email, arguments);
        let paths: Vec<_> = (0..3)
            .map(|number| key(&sandbox, &format!("{registered_as}-{number}")))
            .collect();
        for path in &paths {
            let add = ["key", "add", "--json", "--key", path, "--repo", repository];
            let dry = run(&[&add[..], &["--dry-run"]].concat())
                .exits_with(0)
                .json();
            assert_eq!(dry["action"], "would-create");
            assert_eq!(dry["key"]["id"], serde_json::Value::Null);
            let added = run(&add).exits_with(0).json();
            assert_eq!(added["schema"], "bbconnect/key-add@1");
            assert_eq!(added["action"], "created");
            assert_eq!(added["key"]["registered_as"], registered_as);
            assert_eq!(added["key"]["access"], "read");
            // With another comment, and by its public file, it is the same.
            let public = format!("{path}.pub");
            let line = text(&public);
            let material: Vec<_> = line.split(' ').take(2).collect();
            std::fs::write(&public, format!("{} somebody else\n", material.join(" "))).unwrap();
            let add = [
                "key", "add", "--json", "--key", &public, "--repo", repository,
            ];
            let again = run(&add).exits_with(0).json();
            assert_eq!(again["action"], "unchanged");
            assert_eq!(again["key"]["id"], added["key"]["id"]);
            assert_eq!(again["note"], serde_json::Value::Null);
            // It is not renamed, and that is said.
            let titled = [&add[..], &["--title", "another"]].concat();
            let note = run(&titled).exits_with(0).json()["note"].to_string();
            assert!(note.contains("not renamed"), "{note}");
        }
        let listed = run(&["key", "list", "--json", "--repo", repository])
            .exits_with(0)
            .json();
        let keys = listed["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 3, "{listed}");
        assert!(
            keys[0]["fingerprint"]
                .as_str()
                .unwrap()
                .starts_with("SHA256:")
        );
        assert_eq!(keys[0]["algorithm"], "ssh-ed25519");
        assert!(keys[0]["created_on"].as_str().unwrap().ends_with('Z'));
        assert_eq!(keys[0]["last_used_on"], serde_json::Value::Null);
        // What a server does not tell is not said to have never been.
        let shown = run(&["key", "list", "--repo", repository])
            .exits_with(0)
            .stdout;
        assert!(!shown.contains("never"), "{shown}");

        let id = keys[1]["id"].as_str().unwrap();
        let remove = ["key", "remove", id, "--repo", repository, "--json"];
        let unasked = run(&remove).exits_with(2);
        assert!(
            unasked.json()["error"]["hint"]
                .as_str()
                .unwrap()
                .contains("--yes")
        );
        run(&[&remove[..], &["--dry-run"]].concat()).exits_with(0);
        let left = |count| {
            let listed = run(&["key", "list", "--json", "--repo", repository])
                .exits_with(0)
                .json();
            assert_eq!(listed["keys"].as_array().unwrap().len(), count);
        };
        left(3);
        run(&[&remove[..], &["--yes"]].concat()).exits_with(0);
        left(2);
        run(&[&remove[..], &["--yes"]].concat()).exits_with(5);
    }
    let private: Vec<_> = std::fs::read_dir(sandbox.home()).unwrap().collect();
    assert!(private.len() >= 12);
    for seen in server.requests() {
        assert!(!String::from_utf8_lossy(&seen.body).contains("PRIVATE"));
    }
}

#[test]
fn a_key_registered_with_other_access_is_exit_6() {
    let sandbox = Sandbox::new();
    let server = server(&ALL);
    let (cloud, datacenter) = (server.cloud(), server.datacenter());
    let path = key(&sandbox, "key");
    let add = ["key", "add", "--key", &path, "--repo", "WEB/site", "--json"];
    run(&sandbox, &datacenter, None, &add).exits_with(0);
    let write = [&add[..], &["--write"]].concat();
    let refused = run(&sandbox, &datacenter, None, &write)
        .exits_with(6)
        .json();
    assert_eq!(refused["error"]["kind"], "conflict");
    run(
        &sandbox,
        &datacenter,
        None,
        &[&write[..], &["--dry-run"]].concat(),
    )
    .exits_with(6);
    run(
        &sandbox,
        &datacenter,
        None,
        &["key", "add", "--key", &path, "--user"],
    )
    .exits_with(6);

    let other = key(&sandbox, "other");
    let own = ["key", "add", "--key", &other, "--user", "--json"];
    let added = run(&sandbox, &cloud, JANE, &own).exits_with(0).json();
    assert_eq!(added["key"]["registered_as"], "user-key");
    assert_eq!(added["key"]["access"], "write");
    let taken = ["key", "add", "--key", &other, "--repo", "acme/site"];
    let taken = run(&sandbox, &cloud, JANE, &taken).exits_with(6);
    assert!(
        taken.stderr.contains("already registered"),
        "{}",
        taken.stderr
    );
    let write = [
        "key",
        "add",
        "--key",
        &path,
        "--repo",
        "acme/site",
        "--write",
    ];
    run(&sandbox, &cloud, JANE, &write).exits_with(2);
}

#[test]
fn missing_scopes_for_keys_are_named() {
    let sandbox = Sandbox::new();
    let server = server(&["read:user:bitbucket", "REPO_READ"]);
    let path = key(&sandbox, "key");
    for (url, email, repository, _) in both(&server) {
        let add = ["key", "add", "--key", &path, "--repo", repository, "--json"];
        let refused = run(&sandbox, &url, email, &add).exits_with(4).json();
        let hint = refused["error"]["hint"].as_str().unwrap();
        assert!(
            hint.contains("admin:repository:bitbucket") || hint.contains("REPO_ADMIN"),
            "{hint}"
        );
        run(
            &sandbox,
            &url,
            email,
            &["key", "list", "--repo", repository],
        )
        .exits_with(4);
    }
    let before = server.requests().len();
    // An access token is told before anything is sent.
    let add = [
        "key",
        "add",
        "--key",
        &path,
        "--repo",
        "acme/site",
        "--json",
    ];
    let told = run(&sandbox, &server.cloud(), None, &add)
        .exits_with(4)
        .json();
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("access token")
    );
    assert_eq!(server.requests().len(), before);
}

#[test]
fn an_invalid_key_file_is_refused_before_any_request() {
    let sandbox = Sandbox::new();
    let server = server(&ALL);
    std::fs::write(sandbox.path("note"), "hello\n").unwrap();
    for file in ["note", "missing"] {
        let add = ["key", "add", "--key", file, "--repo", "acme/site"];
        run(&sandbox, &server.cloud(), JANE, &add).exits_with(9);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_named_connection_selects_the_repositorys_key() {
    let sandbox = Sandbox::new();
    let path = key(&sandbox, "id");
    let url = "ssh://git@127.0.0.1:1/acme/site.git";
    let add = ["connection", "add", "a", "--auth", "ssh", "--url", url];
    sandbox.run(add).exits_with(0);
    let text = text(
        sandbox
            .path(".config/bbconnect/connections.toml")
            .to_str()
            .unwrap(),
    );
    let text = format!(
        "{text}key_path = \"{path}\"\n\n[connections.b]\n{}",
        text.split_once("]\n").unwrap().1
    );
    std::fs::write(sandbox.path(".config/bbconnect/connections.toml"), text).unwrap();
    let of = |arguments: &[&str], variable: Option<&str>| {
        let mut command = sandbox.command(arguments);
        command.envs(variable.map(|name| ("BBCONNECT_CONNECTION", name)));
        command.finish().exits_with(5).stderr
    };
    let asks = ["key", "test", "--repo", "acme/site"];
    let expected = "connection b has no private key for acme/site";
    for stderr in [
        of(&[&asks[..], &["-c", "b"]].concat(), None),
        of(&asks, Some("b")),
    ] {
        assert!(stderr.contains(expected), "{stderr}");
    }
    let stderr = of(&["key", "test", "--repo", "acme/other"], None);
    assert!(
        stderr.contains("no connection has a private key for acme/other"),
        "{stderr}"
    );
}
