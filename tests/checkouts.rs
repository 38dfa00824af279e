//! What a checkout says of connections, in the configuration that real git reads and writes.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::process::Command;

use support::{Ran, Sandbox, is_installed, program, succeed};

/// A sandbox with the connections `first`, the default one, and `cloud`, and the repositories `one` and `two`, each with
/// a folder `sub`; `None` where there is no git.
fn sandbox() -> Option<Sandbox> {
    if !is_installed("git", "--version") {
        return None;
    }
    let sandbox = Sandbox::new();
    let folder = sandbox.path(".config/bbconnect");
    fs::create_dir_all(&folder).unwrap();
    let text = "default = \"first\"\n\
                [connections.first]\ndeployment = \"datacenter\"\nbase_url = \"https://git.example.com\"\n\
                auth = \"http-access-token\"\nstore = \"command\"\ntoken_command = \"echo x\"\n\
                [connections.cloud]\ndeployment = \"cloud\"\nbase_url = \"https://api.bitbucket.org/2.0\"\n\
                auth = \"access-token\"\nworkspace = \"acme\"\nstore = \"command\"\ntoken_command = \"echo x\"\n";
    fs::write(folder.join("connections.toml"), text).unwrap();
    for name in ["one", "two"] {
        fs::create_dir_all(sandbox.path(name).join("sub")).unwrap();
        git(&sandbox, name, &["init", "--quiet"]);
    }
    Some(sandbox)
}

fn git(sandbox: &Sandbox, folder: &str, arguments: &[&str]) -> String {
    let mut git = program("git");
    git.args(arguments)
        .current_dir(sandbox.path(folder))
        .env("HOME", sandbox.home())
        .env("GIT_CONFIG_NOSYSTEM", "1");
    succeed(&mut git)
}

fn command(sandbox: &Sandbox, folder: &str, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(arguments);
    command
        .arg("--json")
        .current_dir(sandbox.path(folder))
        .env("GIT_CONFIG_NOSYSTEM", "1");
    command
}

fn run(sandbox: &Sandbox, folder: &str, arguments: &[&str]) -> Ran {
    Ran::from(command(sandbox, folder, arguments).output().unwrap())
}

fn configuration(sandbox: &Sandbox, repository: &str) -> String {
    fs::read_to_string(sandbox.path(repository).join(".git/config")).unwrap()
}

#[test]
fn a_folder_that_is_named_is_looked_at_where_it_is() {
    let Some(sandbox) = sandbox() else { return };
    let use_it = ["connection", "use", "cloud", "--service", "sub"];
    // As in a hook, which need not stand where the checkout begins.
    let mut hook = command(&sandbox, "one", &use_it);
    hook.env("GIT_DIR", sandbox.path("one/.git"))
        .env("GIT_PREFIX", "");
    Ran::from(hook.output().unwrap()).ended(0);
    let text = configuration(&sandbox, "one");
    assert!(text.contains("[bbconnect \"sub\"]"), "{text}");
}

#[test]
fn what_git_refuses_is_told_in_its_words() {
    let Some(sandbox) = sandbox() else { return };
    fs::write(sandbox.path("one/.git/config.lock"), "").unwrap();
    let refused = run(&sandbox, "one", &["connection", "use", "cloud", "--here"]).ended(9);
    let message = refused.json()["error"]["message"].to_string();
    let words = "git config failed: could not lock config file .git/config: File exists";
    assert!(message.contains(words), "{message}");
    fs::write(sandbox.path(".gitconfig.lock"), "").unwrap();
    let refused = run(&sandbox, "one", &["git", "setup"]).ended(9);
    let message = refused.json()["error"]["message"].to_string();
    assert!(message.contains(".gitconfig: File exists"), "{message}");
}
