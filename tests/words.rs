//! What is said when something fails: the message names the thing and the reason, the hint is one that works for the
//! command at hand.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::process::Command;

use support::bitbucket::stock::Stock;
use support::bitbucket::{Credential, Kind, Server, World};
use support::{Ran, Sandbox};

const TOKEN: &str = "token-of-words-marker";

fn server() -> Server {
    let credential = Credential {
        kind: Kind::UserToken { user: "jane" },
        secret: TOKEN.to_owned(),
        scopes: vec!["REPO_ADMIN"],
    };
    Server::start(World {
        credentials: vec![credential],
        repositories: vec![("WEB/site", false)],
        stock: Stock::with(&["WEB/site"]),
        ..World::default()
    })
}

fn command(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    fs::write(sandbox.path("passphrase"), "a passphrase\n").unwrap();
    let mut command = sandbox.command(arguments);
    command.env("BBCONNECT_STORE", "file").env(
        "BBCONNECT_STORE_PASSPHRASE_FILE",
        sandbox.path("passphrase"),
    );
    command
}

fn run(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    Ran::from(command(sandbox, arguments).output().unwrap())
}

/// A connection to the server, saved.
fn add(sandbox: &Sandbox, name: &str, server: &Server) {
    fs::write(sandbox.path("token"), TOKEN).unwrap();
    let url = server.datacenter();
    let add = ["connection", "add", name, "--token-file", "token"];
    let more = ["--url", &url, "--auth", "http-access-token"];
    run(sandbox, &[&add[..], &more].concat()).ended(0);
}

/// Fails the test unless both stand in what was said.
#[track_caller]
fn says(ran: &Ran, status: i32, message: &str, hint: &str) {
    let (error, next) = ran
        .stderr
        .split_once("\nhint: ")
        .unwrap_or((&ran.stderr, ""));
    assert_eq!(ran.status, status, "{}", ran.stderr);
    assert!(error.contains(message), "{error:?}\n{message:?}");
    assert!(next.contains(hint), "{next:?}\n{hint:?}");
}

#[test]
fn a_command_in_a_hint_is_for_the_connection_that_was_named() {
    let (sandbox, server) = (Sandbox::new(), server());
    add(&sandbox, "server", &server);
    let remove = ["webhook", "remove", "--repo", "WEB/site", "--id", "99"];
    for (named, hint) in [
        (
            &["-c", "server"][..],
            "bbconnect webhook list -c server --repo WEB/site",
        ),
        (&[], "bbconnect webhook list --repo WEB/site"),
    ] {
        says(
            &run(&sandbox, &[&remove[..], named].concat()),
            5,
            "WEB/site has no webhook 99",
            hint,
        );
    }
    let json = run(
        &sandbox,
        &[&remove[..], &["-c", "server", "--json"]].concat(),
    )
    .json();
    let hint = json["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("-c server"), "{hint}");
}

#[test]
fn a_hint_about_keys_says_whose() {
    let (sandbox, server) = (Sandbox::new(), server());
    add(&sandbox, "server", &server);
    says(
        &run(&sandbox, &["key", "remove", "99", "--repo", "WEB/site"]),
        5,
        "WEB/site has no key 99",
        "bbconnect key list --repo WEB/site",
    );
    run(&sandbox, &["keygen", "--type", "ed25519", "--out", "id"]).ended(0);
    let add = ["key", "add", "--repo", "WEB/site", "--key", "id"];
    run(&sandbox, &add).ended(0);
    says(
        &run(&sandbox, &[&add[..], &["--write"]].concat()),
        6,
        "the key is registered already, as access key",
        " --repo WEB/site takes it away",
    );
}

#[test]
fn a_proxy_that_is_broken_is_named_without_its_password() {
    let (sandbox, server) = (Sandbox::new(), server());
    add(&sandbox, "server", &server);
    let url = "http://git.invalid";
    let verify = ["connection", "edit", "server", "--url", url, "--allow-http"];
    fs::write(sandbox.path("token"), TOKEN).unwrap();
    let verify = [&verify[..], &["--token-file", "token"]].concat();
    says(
        &run(
            &sandbox,
            &[&verify[..], &["--proxy", "http://127.0.0.1:1"]].concat(),
        ),
        7,
        "http://git.invalid cannot be reached through the proxy http://127.0.0.1:1: ",
        "bbconnect doctor http://git.invalid shows",
    );
    let proxy = "http://jane:proxy-password-marker@127.0.0.1:1";
    let refused = command(&sandbox, &verify).env("HTTP_PROXY", proxy).output();
    let refused = Ran::from(refused.unwrap());
    says(
        &refused,
        7,
        "through the proxy http://127.0.0.1:1: ",
        "HTTP_PROXY",
    );
    assert!(!refused.stderr.contains("marker"), "{}", refused.stderr);
}

#[test]
fn a_password_in_a_receivers_address_is_not_shown() {
    let (sandbox, server) = (Sandbox::new(), server());
    add(&sandbox, "server", &server);
    let url = "https://jane:receiver-marker@ci.example.com/hook";
    let at = ["--repo", "WEB/site", "--url", url, "-v"];
    let list = ["webhook", "list", "--repo", "WEB/site"];
    let commands = [
        [
            &["webhook", "ensure", "--event", "push", "--dry-run"][..],
            &at,
        ]
        .concat(),
        [&["webhook", "ensure", "--event", "push"][..], &at].concat(),
        list.to_vec(),
        [&["webhook", "test"][..], &at].concat(),
        [&["webhook", "remove", "--yes"][..], &at].concat(),
    ];
    for arguments in commands {
        for more in [&[][..], &["--json"]] {
            let ran = run(&sandbox, &[&arguments[..], more].concat());
            let all = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!all.contains("receiver-marker"), "{arguments:?} {all}");
        }
    }
    // Removed by then.
    let remove = [&["webhook", "remove", "--yes"][..], &at].concat();
    says(
        &run(&sandbox, &remove),
        5,
        "calls https://jane:***@ci.example.com/hook",
        "",
    );
}

#[test]
fn a_plan_for_many_says_that_it_is_one() {
    let (sandbox, server) = (Sandbox::new(), server());
    add(&sandbox, "server", &server);
    let ensure = [
        "webhook",
        "ensure",
        "--all",
        "--project",
        "WEB",
        "--event",
        "push",
    ];
    let plan = [
        &ensure[..],
        &["--url", "https://ci.example.com", "--dry-run"],
    ]
    .concat();
    let planned = run(&sandbox, &plan).ended(0).stdout;
    assert!(
        planned.contains("1 would be created, 0 would be updated"),
        "{planned}"
    );
}
