//! Keys over REST, on both products: registered once whatever their comments, listed over every page, taken away; and
//! what is said to those who may not.

use std::path::Path;

use crate::support::bitbucket::{Credential, Server, ServerState};
use crate::support::{CommandExt as _, RunOutput, Sandbox, assert_contains};

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
        credentials: Credential::for_jane(TOKEN, scopes),
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
            std::fs::write(&public, format!("{} another comment\n", material.join(" "))).unwrap();
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
            assert_contains(&note, "not renamed");
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
        assert_contains(unasked.json()["error"]["hint"].as_str().unwrap(), "--yes");
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
    assert_contains(&taken.stderr, "already registered");
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

fn today_plus(days: i64) -> String {
    let today = jiff::tz::Offset::UTC
        .to_datetime(jiff::Timestamp::now())
        .date();
    let date = today.checked_add(jiff::Span::new().days(days));
    date.unwrap().to_string()
}

#[test]
fn keys_expire_on_request() {
    let sandbox = Sandbox::new();
    let server = server(&ALL);
    for (url, email, repository, registered_as) in both(&server) {
        let path = key(&sandbox, registered_as);
        let owner: &[&str] = if email.is_some() {
            &["--user"]
        } else {
            &["--repo", repository]
        };
        let add = |path: &str, more: &[&str]| {
            let add = ["key", "add", "--json", "--key", path];
            run(&sandbox, &url, email, &[&add[..], owner, more].concat())
        };
        let before = server.requests().len();
        let lifetime = ["--expires-in", "90d"];
        let planned = add(&path, &[&lifetime[..], &["--dry-run"]].concat());
        let planned = planned.exits_with(0).json();
        assert_eq!(planned["action"], "would-create");
        assert_eq!(planned["key"]["expires_on"], today_plus(90));
        let created = add(&path, &lifetime).exits_with(0).json();
        assert_eq!(created["action"], "created");
        assert_eq!(created["key"]["expires_on"], today_plus(90));
        assert_eq!(created["note"], serde_json::Value::Null);
        let sent = server.requests().split_off(before);
        let sent = sent.iter().find(|sent| sent.method == "POST").unwrap();
        let body: serde_json::Value = serde_json::from_slice(&sent.body).unwrap();
        if email.is_some() {
            assert!(
                sent.path
                    .ends_with(&format!("?expires_on={}", today_plus(90)))
            );
            assert_eq!(body.get("expiryDays"), None);
        } else {
            assert_eq!(body["key"]["expiryDays"], 90);
        }
        // Again, also later, nothing changes; a shorter life would be another key.
        assert_eq!(
            add(&path, &lifetime).exits_with(0).json()["action"],
            "unchanged"
        );
        let longer = add(&path, &["--expires-in", "100d"]).exits_with(0).json();
        assert_eq!(longer["action"], "unchanged");
        for dry_run in [&[][..], &["--dry-run"]] {
            let shorter = add(&path, &[&["--expires-in", "4w"], dry_run].concat());
            let shorter = shorter.exits_with(6).json();
            let message = shorter["error"]["message"].as_str().unwrap();
            assert!(message.ends_with(&format!("expires on {}", today_plus(90))));
        }
        add(&path, &["--expires-in", "0d"]).exits_with(2);
        let other = key(&sandbox, &format!("other-{registered_as}"));
        add(&other, &[]).exits_with(0);
        let forever = add(&other, &lifetime).exits_with(6).json();
        let message = forever["error"]["message"].as_str().unwrap();
        assert!(message.ends_with("does not expire"), "{message}");
        if email.is_none() {
            let user = key(&sandbox, "user");
            let add = ["key", "add", "--key", &user, "--user", "--expires-in", "2w"];
            run(&sandbox, &url, email, &add).exits_with(0);
            let sent = server.requests().pop().unwrap();
            let body: serde_json::Value = serde_json::from_slice(&sent.body).unwrap();
            assert_eq!(body["expiryDays"], 14);
        }
    }
}

#[test]
fn a_key_that_cannot_expire_is_not_registered() {
    let sandbox = Sandbox::new();
    let server = server(&ALL);
    server.update(|state| state.version = Some("8.6.4"));
    let path = key(&sandbox, "key");
    let add = |url: &str, email, owner: [&str; 2]| {
        let add = ["key", "add", "--key", &path, "--expires-in", "90d"];
        run(&sandbox, url, email, &[&add[..], &owner].concat())
    };
    for owner in [
        ["--repo", "WEB/site"],
        ["--project", "WEB"],
        ["--user", "--dry-run"],
    ] {
        let old = add(&server.datacenter(), None, owner).exits_with(8);
        assert_contains(&old.stderr, "8.7");
    }
    let before = server.requests().len();
    for owner in [["--repo", "acme/site"], ["--project", "acme/WEB"]] {
        let deploy_key = add(&server.cloud(), JANE, owner).exits_with(2);
        assert_contains(&deploy_key.stderr, "--user");
    }
    assert_eq!(server.requests().len(), before);
    assert!(server.requests().iter().all(|seen| seen.method == "GET"));
}

#[test]
fn edit_changes_access_on_data_center_and_titles_on_cloud() {
    let sandbox = Sandbox::new();
    let server = server(&ALL);
    let path = key(&sandbox, "key");
    let (cloud, datacenter) = (server.cloud(), server.datacenter());
    let by_key = |id: &str, more: &[&str]| {
        let edit = ["key", "edit", id, "--repo", "WEB/site", "--json"];
        run(&sandbox, &datacenter, None, &[&edit[..], more].concat())
    };
    let add = ["key", "add", "--key", &path, "--repo", "WEB/site", "--json"];
    let added = run(&sandbox, &datacenter, None, &add).exits_with(0).json();
    let id = added["key"]["id"].as_str().unwrap().to_owned();
    let fingerprint = added["key"]["fingerprint"].as_str().unwrap().to_owned();
    let puts = || {
        let seen = server.requests();
        seen.iter().filter(|seen| seen.method == "PUT").count()
    };
    let write = ["--access", "write"];
    // A key that reads leads here.
    let refused = run(
        &sandbox,
        &datacenter,
        None,
        &[&add[..], &["--write"]].concat(),
    );
    let refused = refused.exits_with(6).json();
    let hint = refused["error"]["hint"].as_str().unwrap();
    let expected = format!("bbconnect key edit {id} --repo WEB/site --access write");
    assert!(hint.ends_with(&expected), "{hint}");
    let planned = by_key(&id, &[&write[..], &["--dry-run"]].concat())
        .exits_with(0)
        .json();
    assert_eq!(
        (&planned["action"], &planned["key"]["access"]),
        (&"would-update".into(), &"write".into())
    );
    assert_eq!(puts(), 0);
    let changed = by_key(&id, &write).exits_with(0).json();
    assert_eq!(changed["schema"], "bbconnect/key-edit@1");
    assert_eq!(
        (&changed["action"], &changed["key"]["access"]),
        (&"updated".into(), &"write".into())
    );
    assert_eq!(changed["repository"], "WEB/site");
    assert_eq!(
        by_key(&fingerprint, &write).exits_with(0).json()["action"],
        "unchanged"
    );
    assert_eq!(puts(), 1);
    run(
        &sandbox,
        &datacenter,
        None,
        &[&add[..], &["--write"]].concat(),
    )
    .exits_with(0);
    by_key(&id, &[]).exits_with(2);
    by_key(&id, &["--title", "other"]).exits_with(2);
    by_key("99", &write).exits_with(5);
    let user = ["key", "edit", &id, "--user", "--access", "read"];
    run(&sandbox, &datacenter, None, &user).exits_with(2);

    let user = key(&sandbox, "user");
    for (path, owner) in [(&path, &["--repo", "acme/site"][..]), (&user, &["--user"])] {
        let run = |command: &[&str], more: &[&str]| {
            let arguments = [command, owner, &["--json"], more].concat();
            run(&sandbox, &cloud, JANE, &arguments)
        };
        let added = run(&["key", "add", "--key", path], &["--title", "first"]);
        let added = added.exits_with(0).json();
        let id = added["key"]["id"].as_str().unwrap();
        let edit = ["key", "edit", id];
        let before = puts();
        let planned = run(&edit, &["--title", "second", "--dry-run"])
            .exits_with(0)
            .json();
        assert_eq!(planned["key"]["label"], "second");
        assert_eq!(puts(), before);
        let renamed = run(&edit, &["--title", "second"]).exits_with(0).json();
        assert_eq!(renamed["action"], "updated");
        let again = run(&edit, &["--title", "second"]).exits_with(0).json();
        assert_eq!(again["action"], "unchanged");
        assert_eq!(puts(), before + 1);
        let listed = run(&["key", "list"], &[]).exits_with(0).json();
        assert_eq!(listed["keys"][0]["label"], "second");
        // The comment in the key stays.
        assert_eq!(
            listed["keys"][0]["public_key"],
            renamed["key"]["public_key"]
        );
        let comment = text(&format!("{path}.pub"));
        assert_eq!(listed["keys"][0]["public_key"], comment.trim_end());
        run(&edit, &["--access", "write"]).exits_with(2);
        run(&edit, &["--title", ""]).exits_with(2);
        run(&edit, &[]).exits_with(2);
    }
    let project = ["key", "edit", "1", "--project", "acme/WEB", "--title", "x"];
    run(&sandbox, &cloud, JANE, &project).exits_with(2);
    // Not with an access token.
    let edit = ["key", "edit", "1", "--repo", "acme/site", "--title", "x"];
    run(&sandbox, &cloud, None, &edit).exits_with(4);
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
    // An access token is refused before anything is sent.
    let add = [
        "key",
        "add",
        "--key",
        &path,
        "--repo",
        "acme/site",
        "--json",
    ];
    let output = run(&sandbox, &server.cloud(), None, &add)
        .exits_with(4)
        .json();
    assert_contains(output["error"]["message"].as_str().unwrap(), "access token");
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
        "{text}key_path = '{path}'\n\n[connections.b]\n{}",
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
    assert_contains(&stderr, "no connection has a private key for acme/other");
}
