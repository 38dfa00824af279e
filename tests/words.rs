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
