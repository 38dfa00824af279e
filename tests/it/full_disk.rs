//! A disk that is full, for every command that writes a file: it ends with the status of this machine's troubles, names
//! the file, and leaves everything as it was. The limit on file sizes stands in for the disk (setrlimit(2), `EFBIG`).
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Kind, Server, ServerState};
use crate::support::{CommandExt as _, RunOutput, Sandbox, check_output, is_installed, program};

const TOKEN: &str = "ATATT-disk-marker";

/// Runs a command that can write no byte to a file.
fn on_a_full_disk(sandbox: &Sandbox, arguments: &[&str]) -> RunOutput {
    let own = sandbox.command([""; 0]);
    let mut shell = program("sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""])
        .arg(own.get_program())
        .args(arguments)
        .current_dir(sandbox.home())
        .env_clear()
        .stdin(std::process::Stdio::null());
    for (name, value) in own.get_envs() {
        shell.envs(value.map(|value| (name, value)));
    }
    shell.finish()
}

/// Every file below a directory, with what is in it.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    all
}

#[test]
fn a_full_disk_is_exit_9_and_loses_nothing() {
    if !is_installed("git", "--version") {
        return;
    }
    let server = Server::start(ServerState {
        credentials: vec![Credential::new(
            Kind::JANE_API_TOKEN,
            TOKEN,
            &["read:user:bitbucket", "read:repository:bitbucket"],
        )],
        store: RepoStore::with(&["acme/site+"]),
        ..ServerState::default()
    });
    let url = server.cloud();
    let sandbox = Sandbox::new();
    let add = |name| {
        let command = format!("echo {TOKEN}");
        let jane = ["--auth", "api-token", "--email", "jane@acme.example"];
        let add = ["connection", "add", name, "--url", &url];
        [&add[..], &jane, &["--token-command", &command]]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    for name in ["work", "third"] {
        sandbox.run(add(name)).exits_with(0);
    }
    for name in ["here", "old"] {
        fs::create_dir(sandbox.path(name)).unwrap();
        let mut git = program("git");
        check_output(git.args(["init", "--quiet"]).arg(sandbox.path(name)));
    }
    let remote = "[remote \"origin\"]\n\turl = git@bitbucket.org:acme/site.git\n";
    let config = sandbox.path("old/.git/config");
    let before = fs::read_to_string(&config).unwrap();
    fs::write(&config, before + remote).unwrap();
    let key = sandbox.path("key");
    let mut make = program("ssh-keygen");
    let has_key = is_installed("ssh-keygen", "-?");
    if has_key {
        check_output(make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key));
    }
    let add = add("other");
    let add: Vec<&str> = add.iter().map(String::as_str).collect();
    let keygen = ["keygen", "--type", "ed25519", "--out"];
    let commands: [(&[&str], &str); 12] = [
        (&add, "connections.toml"),
        (
            &["connection", "edit", "work", "--expires", "2099-01-01"],
            "connections.toml",
        ),
        (
            &["connection", "rename", "work", "office"],
            "connections.toml",
        ),
        (
            &["connection", "remove", "work", "--yes"],
            "connections.toml",
        ),
        (&["connection", "use", "work"], ""),
        (
            &["repo", "select", "acme/site", "-c", "work"],
            "connections.toml",
        ),
        (&[&keygen[..], &["new"]].concat(), "new"),
        (&[&keygen[..], &["key", "--force"]].concat(), "key"),
        (&["man", "pages"], "pages"),
        (&["doctor", "work", "--report", "report.md"], "report.md"),
        (&["migrate", "old", "--yes"], "migrate.json"),
        (&["git", "setup"], "config"),
    ];
    let before = files(sandbox.home());
    for (arguments, named) in commands {
        let ran = on_a_full_disk(&sandbox, arguments);
        let output = format!("{} {}", ran.stdout, ran.stderr);
        let said = format!("{arguments:?}: {output}");
        let is_nothing_to_do = arguments == ["connection", "use", "work"];
        assert_eq!(ran.status, if is_nothing_to_do { 0 } else { 9 }, "{said}");
        assert!(is_nothing_to_do || output.contains(named), "{said}");
        assert!(!ran.stderr.contains("panicked"), "{said}");
        // A temporary file is not named.
        assert!(!output.contains(".bbconnect-"), "{said}");
        let after = files(sandbox.home());
        let mut changed = after
            .iter()
            .filter(|(path, text)| before.get(*path) != Some(*text));
        assert_eq!(changed.next(), None, "{said}");
        assert_eq!(after.len(), before.len(), "{said}");
    }
    // On a disk that is not full, each of them works.
    for (arguments, _) in commands.iter().rev() {
        let rest = arguments.contains(&"remove") || arguments.contains(&"rename");
        if !rest {
            sandbox.run(*arguments).exits_with(0);
        }
    }
}
