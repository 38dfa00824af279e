//! A long list, compared with a client that requests page after page, at 50 ms a request: `cargo bench --bench many_pages`.
//!
//! The peer is one `curl` on one connection that gets all URLs in advance: no client that follows links is faster.
#![allow(clippy::print_stdout, reason = "it reports to a person")]
#![allow(clippy::expect_used, reason = "what fails here ends the run")]

#[path = "../tests/it/support/bitbucket/mod.rs"]
mod bitbucket;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bitbucket::repo_store::RepoStore;
use bitbucket::{Credential, Kind, Server, ServerState};

const REPOSITORIES: usize = 3000;
const DELAY: Duration = Duration::from_millis(50);
const TURNS: usize = 10;

#[expect(clippy::disallowed_methods, reason = "programs are what is timed")]
fn started(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn time(command: &mut Command) -> Duration {
    let started = Instant::now();
    let status = command.status().expect("it starts");
    assert!(status.success(), "{command:?}");
    started.elapsed()
}

fn median(samples: &mut [Duration]) -> Duration {
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

fn main() {
    let mut store = RepoStore::default();
    for number in 0..REPOSITORIES {
        store.add(&format!("acme/repository-{number:04}"));
    }
    let server = Server::start(ServerState {
        credentials: vec![Credential {
            kind: Kind::ApiToken {
                email: "jane@acme.example",
            },
            secret: "ATATT-bench".to_owned(),
            scopes: vec!["read:repository:bitbucket"],
        }],
        store,
        delay: DELAY,
        ..ServerState::default()
    });
    let ours = || {
        let mut command = started(env!("CARGO_BIN_EXE_bbconnect"));
        command
            .args(["repo", "list", "--json"])
            .env("BBCONNECT_URL", server.cloud())
            .env("BBCONNECT_EMAIL", "jane@acme.example")
            .env("BBCONNECT_TOKEN", "ATATT-bench")
            .env("BBCONNECT_WORKSPACE", "acme");
        time(&mut command)
    };
    let walker = |length: usize| {
        let mut command = started("curl");
        command.args([
            "--silent",
            "--fail",
            "--user",
            "jane@acme.example:ATATT-bench",
        ]);
        for page in 1..=REPOSITORIES.div_ceil(length) {
            command.arg(format!(
                "{}/repositories/acme?pagelen={length}&page={page}",
                server.cloud()
            ));
        }
        time(&mut command)
    };
    let (mut list, mut same, mut default) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..TURNS {
        list.push(ours());
        same.push(walker(100));
        // 15 seconds each.
        if turn < 2 {
            default.push(walker(10));
        }
    }
    let list = median(&mut list);
    println!(
        "{REPOSITORIES} repositories, {} ms a request, medians of {TURNS} turns",
        DELAY.as_millis()
    );
    println!(
        "bbconnect repo list          {:>8.1} ms",
        list.as_secs_f64() * 1e3
    );
    for (what, samples) in [("100", &mut same), ("10 (the default)", &mut default)] {
        let peer = median(samples);
        println!(
            "curl, pages of {what:<17} {:>8.1} ms   {:.1} times slower",
            peer.as_secs_f64() * 1e3,
            peer.as_secs_f64() / list.as_secs_f64()
        );
    }
}
