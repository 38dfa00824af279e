//! Both Bitbucket products on loopback, to try every command without an account: `cargo run --example sandbox`.
//!
//! It prints commands to paste into another terminal, and runs until Ctrl-C. Nothing of it is real, and it keeps
//! nothing.
#![allow(clippy::print_stdout, reason = "it talks to a person")]

#[path = "../tests/it/support/bitbucket/mod.rs"]
mod bitbucket;

use std::path::Path;

use bitbucket::repo_store::RepoStore;
use bitbucket::{Credential, Kind, Server, ServerState, git};

/// What it says to `--help`, and to anything else: it takes no arguments.
const HELP: &str = "\
Both Bitbucket products on loopback, to try every command without an account.

Usage: cargo run --example sandbox

It takes no arguments, prints commands to paste into another terminal, and runs until Ctrl-C.";

/// base64 of `080920112506:abcdefghij0123456789`, as real tokens are made.
const USER_TOKEN: &str = "BBDC-MDgwOTIwMTEyNTA2OmFiY2RlZmdoaWowMTIzNDU2Nzg5";

fn main() -> std::io::Result<()> {
    if let Some(argument) = std::env::args().nth(1) {
        println!("{HELP}");
        let is_asked = matches!(argument.as_str(), "-h" | "--help");
        std::process::exit(if is_asked { 0 } else { 2 });
    }
    let repositories = tempfile::tempdir()?;
    git::create(repositories.path(), "acme/site", &["feature/login"]);
    git::create(repositories.path(), "web/site", &["feature/login"]);
    let cloud = Server::start(cloud(repositories.path()));
    let datacenter = Server::start(datacenter(repositories.path()));
    print_commands(&cloud.cloud(), &cloud.website(), &datacenter.datacenter());
    loop {
        std::thread::park();
    }
}

fn credential(kind: Kind, secret: &str, scopes: &[&'static str]) -> Credential {
    Credential {
        kind,
        secret: secret.to_owned(),
        scopes: scopes.to_vec(),
    }
}

fn cloud(repositories: &Path) -> ServerState {
    let api_token = Kind::ApiToken {
        email: "jane@acme.example",
    };
    let access_token = Kind::AccessToken {
        workspace: "acme",
        repository: Some("site"),
    };
    let scopes = [
        "read:user:bitbucket",
        "read:workspace:bitbucket",
        "read:project:bitbucket",
        "read:repository:bitbucket",
        "write:repository:bitbucket",
        "read:pullrequest:bitbucket",
        "write:pullrequest:bitbucket",
    ];
    let mut store = RepoStore::with(&["acme/site+", "acme/shop"]);
    store.git = Some(repositories.to_owned());
    ServerState {
        credentials: vec![
            credential(api_token, "ATATT-sandbox", &scopes),
            credential(access_token, "ATCTT-sandbox", &["repository"]),
        ],
        repositories: vec![("acme/site", false)],
        projects: vec!["SHOP".to_owned()],
        store,
        page_length: 25,
        ..ServerState::default()
    }
}

fn datacenter(repositories: &Path) -> ServerState {
    let mut store = RepoStore::with(&["WEB/site+", "WEB/shop"]);
    store.git = Some(repositories.to_owned());
    ServerState {
        credentials: vec![
            credential(
                Kind::UserToken { user: "jane" },
                USER_TOKEN,
                &["REPO_ADMIN"],
            ),
            credential(Kind::Password { user: "jane" }, "sandbox", &[]),
        ],
        repositories: vec![("WEB/site", false)],
        projects: ["WEB", "APP", "OPS"].map(str::to_owned).to_vec(),
        store,
        page_length: 25,
        ..ServerState::default()
    }
}

/// Commands for a shell; all of them succeed, but for those that say so.
fn print_commands(cloud: &str, website: &str, datacenter: &str) {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    println!(
        "Bitbucket Cloud is at {cloud}, Data Center at {datacenter}; Ctrl-C ends both.\n\n\
         In another terminal:\n\n\
         bbconnect() {{ cargo run --quiet --manifest-path '{manifest}' -- \"$@\"; }}\n\
         export BBCONNECT_CONFIG_DIR=$(mktemp -d) && cd \"$BBCONNECT_CONFIG_DIR\" && umask 077\n\
         echo ATATT-sandbox > api-token\n\
         echo ATCTT-sandbox > access-token\n\
         echo {USER_TOKEN} > user-token\n\
         echo a-wrong-password > password\n\
         bbconnect connection add cloud --url {cloud} --web-url {website} --auth api-token \\\n    \
             --email jane@acme.example --workspace acme --token-command \"cat $PWD/api-token\" --default\n\
         bbconnect connection add site --url {cloud} --web-url {website} --auth access-token \\\n    \
             --repo acme/site --token-command \"cat $PWD/access-token\"\n\
         bbconnect connection add server --url {datacenter} --auth http-access-token \\\n    \
             --token-command \"cat $PWD/user-token\"\n\
         # exit status 3: the server rejects the password\n\
         bbconnect connection add wrong --url {datacenter} --auth password --username jane \\\n    \
             --token-command \"cat $PWD/password\"\n\
         bbconnect status\n\
         bbconnect connection which\n\
         bbconnect workspace list -c cloud\n\
         bbconnect project list -c server\n\
         bbconnect repo list -c cloud\n\
         bbconnect repo list -c server\n\
         bbconnect repo view acme/site -c cloud\n\
         bbconnect repo clone WEB/site -c server\n\
         bbconnect webhook ensure -c server --repo WEB/site --url https://ci.example.com/hook --event push\n\
         bbconnect publish site -c cloud --repo acme/site --dry-run"
    );
}
