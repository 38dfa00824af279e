//! How the cost of a command grows with what it is about: `cargo bench --bench growth`, or with the name of a part, such as
//! `cargo bench --bench growth -- audit`. Linux only.
//!
//! `BBCONNECT_PROGRAM` names another build of the program to measure.
//!
//! CPU time of the process (and of the programs that it starts) is counted and not wall time, so that other load on the
//! machine matters little. The kernel counts in steps of 10 ms; small sizes are the mean of several runs.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a benchmark starts programs and prints what it measured"
)]

#[path = "../tests/it/support/bitbucket/mod.rs"]
mod bitbucket;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bitbucket::keys::Key;
use bitbucket::repo_store::RepoStore;
use bitbucket::{Credential, Server, ServerState};
use serde_json::json;

const TOKEN: &str = "ATATT-bench";
/// `USER_HZ`: the unit of CPU times in `/proc`.
const TICK: Duration = Duration::from_millis(10);

/// A table of the report, whose files are in a directory.
type Part = fn(&Path);

fn main() {
    let part = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let parts: [(&str, Part); 5] = [
        ("connections", connections),
        ("repositories", repositories),
        ("publish", publish),
        ("migrate", migrate),
        ("files", files),
    ];
    println!(
        "| command | size | CPU ms | µs each | with children, ms | memory MB | requests | wall s |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for (name, measure) in parts {
        if part.as_ref().is_none_or(|part| part == name) {
            let dir = tempfile::tempdir().expect("a temporary directory");
            measure(dir.path());
        }
    }
}

/// What a run of a program costs.
#[derive(Debug, Default, Clone, Copy)]
struct Cost {
    own: Duration,
    with_children: Duration,
    /// In kB.
    memory: u64,
    wall: Duration,
}

fn measure(command: &mut Command) -> Cost {
    let started = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::null()).spawn().expect("it starts");
    let proc = |file: &str| {
        let path = format!("/proc/{}/{file}", child.id());
        fs::read_to_string(path).expect("it is Linux")
    };
    // What follows the name, which is in parentheses (proc_pid_stat(5)).
    let fields = || {
        proc("stat")
            .rsplit_once(')')
            .map(|(_, fields)| fields.trim().to_owned())
    };
    let mut memory = 0;
    // A process that has ended is a zombie until it is waited for, and its times can be read.
    let fields = loop {
        let fields = fields().expect("the fields of a process");
        if fields.starts_with('Z') {
            break fields;
        }
        let status = proc("status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        memory = memory.max(peak.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    };
    let wall = started.elapsed();
    // utime, stime, cutime and cstime are the fields 14 to 17 of all.
    let ticks: Vec<u32> = fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .map(|field| field.parse().expect("a number"))
        .collect();
    let status = child.wait().expect("it ended");
    assert!(status.success(), "{command:?}: {status}");
    let own = TICK * (ticks[0] + ticks[1]);
    Cost {
        own,
        with_children: own + TICK * (ticks[2] + ticks[3]),
        memory,
        wall,
    }
}

/// Measures a command for one size: several times where that is quick.
fn row(
    what: &str,
    size: usize,
    requests: impl Fn() -> usize,
    mut command: impl FnMut() -> Command,
) {
    let mut costs = Vec::new();
    let before = requests();
    while costs.len() < 5 && costs.iter().map(|cost: &Cost| cost.own).sum::<Duration>() < TICK * 100
    {
        costs.push(measure(&mut command()));
    }
    let runs = u32::try_from(costs.len()).expect("few runs");
    let mean = |part: fn(&Cost) -> Duration| costs.iter().map(part).sum::<Duration>() / runs;
    let own = mean(|cost| cost.own);
    println!(
        "| {what} | {size} | {:.0} | {:.1} | {:.0} | {:.1} | {} | {:.1} |",
        own.as_secs_f64() * 1e3,
        own.as_secs_f64() * 1e6 / size as f64,
        mean(|cost| cost.with_children).as_secs_f64() * 1e3,
        costs.iter().map(|cost| cost.memory).max().unwrap_or(0) as f64 / 1e3,
        (requests() - before) / costs.len(),
        mean(|cost| cost.wall).as_secs_f64(),
    );
}

/// The program with a configuration of its own.
fn program(dir: &Path, arguments: &str) -> Command {
    let ours = env!("CARGO_BIN_EXE_bbconnect").into();
    let mut command = Command::new(std::env::var_os("BBCONNECT_PROGRAM").unwrap_or(ours));
    command
        .args(arguments.split(' '))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir)
        .current_dir(dir);
    command
}

/// The same with a connection to the fake Bitbucket Cloud.
fn connected(dir: &Path, server: &Server, arguments: &str) -> Command {
    let mut command = program(dir, arguments);
    command
        .env("BBCONNECT_TOKEN", TOKEN)
        .envs(server.environment(true));
    command
}

fn start(store: RepoStore) -> Server {
    let scopes = [
        "read:user:bitbucket",
        "admin:repository:bitbucket",
        "write:repository:bitbucket",
        "read:webhook:bitbucket",
    ];
    Server::start(ServerState {
        credentials: Credential::for_jane(TOKEN, &scopes),
        store,
        page_length: 100,
        ..ServerState::default()
    })
}

fn requests(server: &Server) -> usize {
    let mut count = 0;
    server.update(|state| count = state.requests.len());
    count
}

/// Confirms the token command of the first connection, and copies its record to the others.
fn confirm_commands(home: &Path, size: usize) {
    let mut edit = program(home, "connection edit c0000 --no-verify --token-command");
    assert!(
        edit.arg(format!("echo {TOKEN}"))
            .stdout(Stdio::null())
            .status()
            .expect("it starts")
            .success()
    );
    let path = home.join(".local/state/bbconnect/commands.json");
    let text = fs::read_to_string(&path).expect("records");
    let mut document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let files = document["files"].as_object_mut().expect("files");
    let records = files.values_mut().next().expect("one file");
    let record = records["c0000"].clone();
    for number in 1..size {
        records[format!("c{number:04}")] = record.clone();
    }
    fs::write(path, document.to_string()).expect("a file");
}

fn connections(dir: &Path) {
    let server = start(RepoStore::default());
    let base = server.cloud();
    for size in [200, 1_000, 5_000] {
        let home = dir.join(size.to_string());
        let config = home.join(".config/bbconnect");
        fs::create_dir_all(&config).expect("a directory");
        let text: Vec<String> = (0..size)
            .map(|number| {
                format!(
                    "[connections.c{number:04}]\ndeployment = \"cloud\"\nbase_url = \"{base}\"\nauth = \"api-token\"\n\
                     email = \"jane@acme.example\"\nstore = \"command\"\ntoken_command = \"echo {TOKEN}\"\n\
                     expires_on = \"2099-01-01\"\n"
                )
            })
            .collect();
        let path = config.join("connections.toml");
        fs::write(&path, text.concat()).expect("a file");
        confirm_commands(&home, size);
        // Without what the confirmation changed.
        fs::write(&path, text.concat()).expect("a file");
        for arguments in ["status --offline", "status", "check --all"] {
            row(
                arguments,
                size,
                || requests(&server),
                || program(&home, arguments),
            );
        }
    }
}

fn repositories(dir: &Path) {
    for size in [300, 3_000, 30_000] {
        let mut store = RepoStore::default();
        let mut keys = Vec::new();
        for number in 0..size {
            let name = format!("acme/repository-{number:05}");
            let hook = json!({
                "uuid": format!("{{{number}}}"), "url": format!("https://ci.example.com/{number}"), "active": true,
                "secret": "***", "skip_cert_verification": false, "events": ["repo:push"],
            });
            store.add(&name).hooks.push(hook);
            keys.push(Key {
                owner: format!("repo {name}"),
                id: (number + 1).to_string(),
                material: ed25519(number),
                label: format!("build {number}"),
                permission: "REPO_READ".to_owned(),
                ..Key::default()
            });
        }
        let server = start(store);
        server.update(|state| state.keys.all = keys);
        let list = "repo list --workspace acme --json";
        row(
            "repo list",
            size,
            || requests(&server),
            || connected(dir, &server, list),
        );
        let audit = "audit --workspace acme --json --older-than 36500d";
        row(
            "audit",
            size,
            || requests(&server),
            || connected(dir, &server, audit),
        );
    }
}

/// A public key of its own for each number.
fn ed25519(number: usize) -> String {
    use base64::Engine as _;
    let mut wire = b"\0\0\0\x0bssh-ed25519\0\0\0 ".to_vec();
    wire.extend([0; 24]);
    wire.extend((number as u64).to_be_bytes());
    format!(
        "ssh-ed25519 {}",
        base64::engine::general_purpose::STANDARD.encode(wire)
    )
}

fn publish(dir: &Path) {
    for size in [100, 1_000, 10_000] {
        let root = dir.join(format!("git-{size}"));
        bitbucket::git::create(&root, "acme/site", &[]);
        let mut store = RepoStore::with(&["acme/site+"]);
        store.git = Some(root);
        let server = start(store);
        let site = dir.join(format!("site-{size}"));
        write_files(&site, size);
        let arguments = |branch: usize| {
            format!("publish site-{size} --repo acme/site --branch b{branch} --no-pr")
        };
        let mut branch = 0;
        row(
            "publish, new files",
            size,
            || requests(&server),
            || {
                branch += 1;
                connected(dir, &server, &arguments(branch))
            },
        );
        row(
            "publish, unchanged",
            size,
            || requests(&server),
            || connected(dir, &server, &arguments(1)),
        );
    }
}

/// Files of 2 kB, a hundred in a directory.
fn write_files(dir: &Path, count: usize) {
    for number in 0..count {
        let below = dir.join(format!("d{:03}", number / 100));
        if number % 100 == 0 {
            fs::create_dir_all(&below).expect("a directory");
        }
        let line = format!("line of file {number}, long enough to be ordinary text\n");
        fs::write(below.join(format!("f{number}.txt")), line.repeat(36)).expect("a file");
    }
}

fn migrate(dir: &Path) {
    for size in [100, 1_000, 10_000] {
        let root = format!("src-{size}");
        for number in 0..size {
            let git = dir.join(format!("{root}/team-{}/r{number}/.git", number / 100));
            for below in ["objects", "refs"] {
                fs::create_dir_all(git.join(below)).expect("a directory");
            }
            fs::write(git.join("HEAD"), "ref: refs/heads/main\n").expect("a file");
            let config = format!(
                "[core]\n\trepositoryformatversion = 0\n\tbare = false\n[remote \"origin\"]\n\turl = git@bitbucket.org:acme/r{number}.git\n"
            );
            fs::write(git.join("config"), config).expect("a file");
        }
        let arguments = format!("migrate {root} --dry-run --no-user-config");
        row("migrate --dry-run", size, || 0, || program(dir, &arguments));
    }
}

/// Tracked files of many repositories, beside `git grep` in each. The repositories are hard links to one.
fn files(dir: &Path) {
    const FILES: usize = 1_000;
    let git = |dir: &Path, arguments: &str| {
        let mut command = Command::new("git");
        let who = ["-c", "user.name=Jane", "-c", "user.email=jane@acme.example"];
        command
            .args(who)
            .args(arguments.split(' '))
            .current_dir(dir)
            .env("HOME", dir);
        measure(&mut command)
    };
    let first = dir.join("template");
    write_files(&first, FILES);
    fs::write(
        first.join("README"),
        "git clone git@bitbucket.org:acme/site.git\n",
    )
    .expect("a file");
    git(&first, "init --quiet");
    git(&first, "add .");
    git(&first, "commit --quiet -m First");
    git(&first, "gc --quiet");
    for size in [10, 100, 1_000] {
        let root = format!("files-{size}");
        for number in 0..size {
            link_tree(&first, &dir.join(&root).join(format!("r{number}")));
        }
        let arguments = format!("migrate {root} --files --dry-run --no-user-config");
        let what = format!("migrate --files, {FILES} files each");
        row(&what, size, || 0, || program(dir, &arguments));
        row(
            &format!("git grep, {FILES} files each"),
            size,
            || 0,
            || {
                let mut command = Command::new("sh");
                let each = "for repository in */; do git -C \"$repository\" grep -l -F bitbucket.org; done";
                command.args(["-c", each]).current_dir(dir.join(&root));
                command
            },
        );
    }
}

fn link_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            link_tree(&entry.path(), &target);
        } else {
            fs::hard_link(entry.path(), target).expect("a link");
        }
    }
}
