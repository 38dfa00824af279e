//! Both Bitbucket products on loopback, to try every command without an account: `cargo run --example sandbox`.
//!
//! It prints commands to paste into another terminal, and runs until Ctrl-C. Nothing of it is real, and it keeps
//! nothing.
#![allow(clippy::print_stdout, reason = "it talks to a person")]

#[path = "../tests/it/support/bitbucket/mod.rs"]
mod bitbucket;

use bitbucket::repo_store::RepoStore;
use bitbucket::{Credential, Kind, Server, ServerState};

/// What it says to `--help`, and to anything else: it takes no arguments.
const HELP: &str = "\
Both Bitbucket products on loopback, to try every command without an account.

Usage: cargo run --example sandbox

It takes no arguments, prints commands to paste into another terminal, and runs until Ctrl-C.";

fn main() {
    if let Some(argument) = std::env::args().nth(1) {
        println!("{HELP}");
        let is_asked = matches!(argument.as_str(), "-h" | "--help");
        std::process::exit(if is_asked { 0 } else { 2 });
    }
    let credential = |kind, secret: &str, scopes: &[&'static str]| Credential {
        kind,
        secret: secret.to_owned(),
        scopes: scopes.to_vec(),
    };
    let api_token = Kind::ApiToken {
        email: "jane@acme.example",
    };
    let access_token = Kind::AccessToken {
        workspace: "acme",
        repository: Some("site"),
    };
    let server = Server::start(ServerState {
        credentials: vec![
            credential(
                api_token,
                "ATATT-sandbox",
                &["read:user:bitbucket", "read:repository:bitbucket"],
            ),
            credential(access_token, "ATCTT-sandbox", &["repository"]),
            // base64 of `080920112506:abcdefghij0123456789`, as real tokens are made.
            credential(
                Kind::UserToken { user: "jane" },
                "BBDC-MDgwOTIwMTEyNTA2OmFiY2RlZmdoaWowMTIzNDU2Nzg5",
                &["REPO_READ"],
            ),
            credential(Kind::Password { user: "jane" }, "sandbox", &[]),
        ],
        repositories: vec![("acme/site", false), ("WEB/site", false)],
        projects: ["WEB", "APP", "OPS"].map(str::to_owned).to_vec(),
        store: RepoStore::with(&["acme/site+", "acme/shop", "WEB/site+", "WEB/shop"]),
        page_length: 25,
        ..ServerState::default()
    });
    let (cloud, datacenter) = (server.cloud(), server.datacenter());
    println!(
        "Bitbucket Cloud is at {cloud}, Data Center at {datacenter}; Ctrl-C ends both.\n\n\
         In another terminal:\n\n\
         export BBCONNECT_CONFIG_DIR=$(mktemp -d)\n\
         bbconnect connection add cloud --url {cloud} --auth api-token --email jane@acme.example \\\n    \
             --token-command 'echo ATATT-sandbox'\n\
         bbconnect connection add site --url {cloud} --auth access-token --repo acme/site \\\n    \
             --token-command 'echo ATCTT-sandbox'\n\
         bbconnect connection add server --url {datacenter} --auth http-access-token \\\n    \
             --token-command 'echo BBDC-MDgwOTIwMTEyNTA2OmFiY2RlZmdoaWowMTIzNDU2Nzg5'\n\
         bbconnect connection add wrong --url {datacenter} --auth password --username jane \\\n    \
             --token-command 'echo a-wrong-password'\n\
         bbconnect connection list\n\
         bbconnect workspace list -c cloud\n\
         bbconnect project list -c server\n\
         bbconnect repo list -c server\n\
         bbconnect repo view acme/site -c cloud\n\
         bbconnect webhook ensure -c server --repo WEB/site --url https://ci.example.com/hook --event push\n\
         bbconnect publish . -c cloud --repo acme/site --dry-run\n\
         bbconnect connection which"
    );
    loop {
        std::thread::park();
    }
}
