//! bbconnect compared with `ssh-keygen`, `git` and `gh`, timed alternately in one run: `cargo bench`.
//!
//! A sample is the wall time of a whole process. The programs alternate, so that both are measured under the same load. Nothing is
//! asserted; `docs/benchmarks.md` has the last results.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a benchmark starts programs and prints what it measured"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const OURS: &str = env!("CARGO_BIN_EXE_bbconnect");

/// Two programs with the same result.
struct Pair {
    what: &'static str,
    turns: usize,
    ours: fn(&Path) -> Command,
    peer: fn(&Path) -> Command,
    peer_version: fn() -> String,
}

const PAIRS: [Pair; 5] = [
    Pair {
        what: "RSA-4096 key pair",
        turns: 40,
        ours: |key| ours(&["keygen", "--type", "rsa-4096", "--out"], key),
        peer: |key| {
            peer(
                "ssh-keygen",
                &["-q", "-t", "rsa", "-b", "4096", "-N", "", "-f"],
                key,
            )
        },
        peer_version: ssh_version,
    },
    Pair {
        what: "ECDSA P-256 key pair",
        turns: 300,
        ours: |key| ours(&["keygen", "--type", "ecdsa-256", "--out"], key),
        peer: |key| {
            peer(
                "ssh-keygen",
                &["-q", "-t", "ecdsa", "-b", "256", "-N", "", "-f"],
                key,
            )
        },
        peer_version: ssh_version,
    },
    Pair {
        what: "Ed25519 key pair",
        turns: 300,
        ours: |key| ours(&["keygen", "--type", "ed25519", "--out"], key),
        peer: |key| peer("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f"], key),
        peer_version: ssh_version,
    },
    Pair {
        what: "start-up (--version)",
        turns: 500,
        ours: |_| started(OURS, &["--version"]),
        peer: |_| started("git", &["--version"]),
        peer_version: || first_line("git", &["--version"]),
    },
    Pair {
        what: "start-up (--version) beside gh",
        turns: 100,
        ours: |_| started(OURS, &["--version"]),
        peer: |_| started("gh", &["--version"]),
        peer_version: || first_line("gh", &["--version"]),
    },
];

fn started(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn ours(arguments: &[&str], key: &Path) -> Command {
    peer(OURS, arguments, key)
}

fn peer(program: &str, arguments: &[&str], key: &Path) -> Command {
    let mut command = started(program, arguments);
    command.arg(key);
    command
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("the peer starts");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn ssh_version() -> String {
    first_line("ssh", &["-V"])
}

/// The wall time of one run, which must succeed.
fn time(mut command: Command) -> Duration {
    let started = Instant::now();
    let status = command.status().expect("the program starts");
    let elapsed = started.elapsed();
    assert!(status.success(), "{command:?} failed");
    elapsed
}

/// Mean, median and 95th percentile in milliseconds.
fn summary(samples: &mut [Duration]) -> [f64; 3] {
    samples.sort_unstable();
    let milliseconds = |sample: Duration| sample.as_secs_f64() * 1e3;
    let mean = milliseconds(samples.iter().sum::<Duration>()) / samples.len() as f64;
    let at = |percent: usize| milliseconds(samples[(samples.len() - 1) * percent / 100]);
    [mean, at(50), at(95)]
}

fn main() {
    // In memory where possible, to leave the disk out of the comparison.
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let dir = dir.expect("a temporary directory can be made");
    println!("| what | program | mean ms | median ms | p95 ms | times faster (means; medians) |");
    println!("|---|---|---:|---:|---:|---:|");
    for pair in PAIRS {
        let peer = (pair.peer)(dir.path());
        let peer = Command::new(peer.get_program()).arg("--version").output();
        if peer.is_err() {
            println!(
                "| {} | skipped: the peer is not installed | | | | |",
                pair.what
            );
            continue;
        }
        let [mut ours, mut peers] = [Vec::new(), Vec::new()];
        for turn in 0..=pair.turns {
            let key = |who: &str| dir.path().join(format!("{who}{turn}-{}", pair.what.len()));
            let [our, their] = [time((pair.ours)(&key("o"))), time((pair.peer)(&key("p")))];
            // The first run fills the caches.
            if turn > 0 {
                ours.push(our);
                peers.push(their);
            }
        }
        let [our, their] = [summary(&mut ours), summary(&mut peers)];
        let version = env!("CARGO_PKG_VERSION");
        println!(
            "| {} ({} turns) | bbconnect {version} | {:.2} | {:.2} | {:.2} | {:.1}; {:.1} |",
            pair.what,
            pair.turns,
            our[0],
            our[1],
            our[2],
            their[0] / our[0],
            their[1] / our[1],
        );
        println!(
            "| | {} | {:.2} | {:.2} | {:.2} | |",
            (pair.peer_version)(),
            their[0],
            their[1],
            their[2]
        );
    }
}
