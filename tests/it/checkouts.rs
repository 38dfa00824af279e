//! What a checkout says of connections, in the configuration that real git reads and writes.
#![cfg(unix)]

use std::fs;
use std::process::Command;

use crate::support::{
    CommandExt as _, RunOutput, Sandbox, assert_contains, check_output, env_var, is_installed,
    program, words, write_script,
};

/// A sandbox with the connections `first`, the default one, and `cloud`, and the repositories `one` and `two`, each with
/// a directory `sub`; `None` where there is no git.
fn sandbox() -> Option<Sandbox> {
    if !is_installed("git", "--version") {
        return None;
    }
    let sandbox = Sandbox::new();
    let text = "default = \"first\"\n\
                [connections.first]\ndeployment = \"datacenter\"\nbase_url = \"https://git.example.com\"\n\
                auth = \"http-access-token\"\nstore = \"command\"\ntoken_command = \"echo x\"\n\
                [connections.cloud]\ndeployment = \"cloud\"\nbase_url = \"https://api.bitbucket.org/2.0\"\n\
                auth = \"access-token\"\nworkspace = \"acme\"\nstore = \"command\"\ntoken_command = \"echo x\"\n";
    sandbox.write_connections(text);
    for name in ["one", "two"] {
        fs::create_dir_all(sandbox.path(name).join("sub")).unwrap();
        git(&sandbox, name, &["init", "--quiet"]);
    }
    Some(sandbox)
}

fn git(sandbox: &Sandbox, dir: &str, arguments: &[&str]) -> String {
    let mut git = program("git");
    git.args(arguments)
        .current_dir(sandbox.path(dir))
        .env("HOME", sandbox.home())
        .env("GIT_CONFIG_NOSYSTEM", "1");
    check_output(&mut git)
}

fn command(sandbox: &Sandbox, dir: &str, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(arguments);
    command
        .arg("--json")
        .current_dir(sandbox.path(dir))
        .env("GIT_CONFIG_NOSYSTEM", "1");
    command
}

fn run(sandbox: &Sandbox, dir: &str, arguments: &[&str]) -> RunOutput {
    command(sandbox, dir, arguments).finish()
}

fn configuration(sandbox: &Sandbox, repository: &str) -> String {
    fs::read_to_string(sandbox.path(repository).join(".git/config")).unwrap()
}

#[test]
fn a_directory_argument_is_resolved_in_place() {
    let Some(sandbox) = sandbox() else { return };
    let use_it = ["connection", "use", "cloud", "--service", "sub"];
    // As in a hook, which need not stand where the checkout begins.
    let mut hook = command(&sandbox, "one", &use_it);
    hook.env("GIT_DIR", sandbox.path("one/.git"))
        .env("GIT_PREFIX", "");
    hook.finish().exits_with(0);
    let text = configuration(&sandbox, "one");
    assert_contains(&text, "[bbconnect \"sub\"]");
}

#[test]
fn a_directory_of_another_repository_is_refused() {
    let Some(sandbox) = sandbox() else { return };
    git(&sandbox, "one", &["init", "--quiet", "below"]);
    fs::create_dir_all(sandbox.path("one/below/deep")).unwrap();
    let before = configuration(&sandbox, "one");
    for dir in ["../two/sub", "below/deep", "../two", "..", "none", "."] {
        let use_it = ["connection", "use", "cloud", "--service", dir];
        let refused = run(&sandbox, "one", &use_it).exits_with(2);
        let message = format!("{dir} is not a directory in this checkout");
        assert_eq!(refused.json()["error"]["message"], message);
    }
    assert_eq!(configuration(&sandbox, "one"), before);
    // From a directory of it, and by its full path.
    let full = sandbox.path("one/sub");
    let use_it = format!("connection use cloud --service {}", full.to_str().unwrap());
    let use_it = words(&use_it);
    run(&sandbox, "one/sub", &use_it).exits_with(0);
    assert_contains(&configuration(&sandbox, "one"), "[bbconnect \"sub\"]");
}

#[test]
fn renaming_a_connection_updates_this_repository_only() {
    let Some(sandbox) = sandbox() else { return };
    let set = |scope, key, value| git(&sandbox, "one", &["config", scope, "--add", key, value]);
    set("--global", "bbconnect.connection", "cloud");
    set("--local", "bbconnect.sub.connection", "first");
    set("--local", "bbconnect.sub.connection", "cloud");
    set("--local", "bbconnect.other.repository", "cloud");
    let lock = sandbox.path("one/.git/config.lock");
    fs::write(&lock, "").unwrap();
    let refused = run(
        &sandbox,
        "one",
        &["connection", "rename", "cloud", "nimbus"],
    )
    .exits_with(9);
    assert_contains(&refused.stdout, "File exists");
    let hint = "connection use nimbus --here";
    assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    fs::remove_file(lock).unwrap();
    run(
        &sandbox,
        "two",
        &["connection", "rename", "nimbus", "cloud"],
    )
    .exits_with(0);
    run(
        &sandbox,
        "one",
        &["connection", "rename", "cloud", "nimbus"],
    )
    .exits_with(0);
    let listed = git(
        &sandbox,
        "one",
        &["config", "--local", "--get-regexp", "^bbconnect"],
    );
    let expected = "bbconnect.sub.connection first\nbbconnect.sub.connection nimbus\n\
                    bbconnect.other.repository cloud\n";
    assert_eq!(listed, expected);
    let global = git(
        &sandbox,
        "one",
        &["config", "--global", "bbconnect.connection"],
    );
    assert_eq!(global, "cloud\n");
    // Where nothing is named, nothing fails.
    run(
        &sandbox,
        "two",
        &["connection", "rename", "nimbus", "cloud"],
    )
    .exits_with(0);
}

#[test]
fn git_errors_are_reported_verbatim() {
    let Some(sandbox) = sandbox() else { return };
    fs::write(sandbox.path("one/.git/config.lock"), "").unwrap();
    let refused = run(&sandbox, "one", &["connection", "use", "cloud", "--here"]).exits_with(9);
    let message = refused.json()["error"]["message"].to_string();
    let words = "git failed: could not lock config file .git/config: File exists";
    assert!(message.contains(words), "{message}");
    fs::write(sandbox.path(".gitconfig.lock"), "").unwrap();
    let refused = run(&sandbox, "one", &["git", "setup"]).exits_with(9);
    let message = refused.json()["error"]["message"].to_string();
    assert_contains(&message, ".gitconfig: File exists");
}

#[test]
fn remotes_are_resolved_as_git_does() {
    let Some(sandbox) = sandbox() else { return };
    let which = |dir| {
        let output = run(&sandbox, dir, &["connection", "which"])
            .exits_with(0)
            .json();
        output["connection"]["name"].as_str().unwrap().to_owned()
    };
    git(
        &sandbox,
        "one",
        &["remote", "add", "origin", "bb:acme/site.git"],
    );
    git(
        &sandbox,
        "one",
        &["remote", "add", "fork", "bb:jane/site.git"],
    );
    assert_eq!(which("one"), "first");
    for (scope, base, beginning) in [
        ("--global", "git@git.example.com:", "bb"),
        ("--global", "git@ssh.bitbucket.org:", "bb:"),
        ("--local", "git@ssh.bitbucket.org:jane-", "bb:jane/"),
        ("--local", "Ssh://Elsewhere/", "bb:acme/"),
        ("--global", "git@ssh.bitbucket.org:acme/", "bb:acme/"),
    ] {
        let key = format!("url.{base}.insteadOf");
        git(
            &sandbox,
            "one",
            &["config", scope, "--add", &key, beginning],
        );
    }
    assert_eq!(which("one/sub"), "cloud");
    let says = git(&sandbox, "one", &["ls-remote", "--get-url", "origin"]);
    assert_eq!(says, "git@ssh.bitbucket.org:acme/site.git\n");
    // One that leads to a name of the SSH configuration is known by what is written.
    git(
        &sandbox,
        "two",
        &["remote", "add", "origin", "git@bitbucket.org:acme/x"],
    );
    git(
        &sandbox,
        "two",
        &["config", "url.git@work:.insteadOf", "git@bitbucket.org:"],
    );
    assert_eq!(which("two"), "cloud");
}

/// Puts a script named `git` first on the `PATH` of a command; `$git` in it is the real one.
fn replace_git(sandbox: &Sandbox, command: &mut Command, script: &str) {
    let bin = sandbox.path("bin");
    fs::create_dir_all(&bin).unwrap();
    let path = env_var("PATH").unwrap().into_string().unwrap();
    let text = format!("#!/bin/sh\ngit() {{ PATH='{path}' command git \"$@\"; }}\n{script}");
    write_script(&bin.join("git"), &text);
    command.env("PATH", format!("{}:{path}", bin.display()));
}

#[test]
fn output_of_git_counts_whole_also_when_it_comes_late() {
    let Some(sandbox) = sandbox() else { return };
    git(
        &sandbox,
        "one",
        &["config", "bbconnect.connection", "cloud"],
    );
    let late = "f=$(mktemp); git \"$@\" > \"$f\"; code=$?\n(sleep 1; cat \"$f\"; rm \"$f\") &\nexit $code\n";
    let mut which = command(&sandbox, "one", &["connection", "which"]);
    replace_git(&sandbox, &mut which, late);
    let ran = which.finish().exits_with(0);
    assert_eq!(ran.json()["connection"]["name"], "cloud");
}

#[test]
fn a_git_that_hangs_ends_at_the_timeout() {
    let Some(sandbox) = sandbox() else { return };
    let mut which = command(&sandbox, "one", &["connection", "which", "--timeout", "1"]);
    replace_git(&sandbox, &mut which, "exec sleep 60\n");
    let started = std::time::Instant::now();
    let error = which.finish().exits_with(9).json()["error"].clone();
    let message = error["message"].as_str().unwrap();
    assert_contains(&message, "git did not finish within 1 seconds");
    assert!(started.elapsed().as_secs() < 9, "{:?}", started.elapsed());
}

#[test]
fn output_of_git_that_stays_open_is_an_error() {
    let Some(sandbox) = sandbox() else { return };
    let held = "git \"$@\"; code=$?\nsleep 60 &\nexit $code\n";
    for arguments in [["git", "setup"], ["connection", "which"]] {
        let mut command = command(&sandbox, "one", &arguments);
        replace_git(&sandbox, &mut command, held);
        let message = command.finish().exits_with(9).json()["error"]["message"].to_string();
        let incomplete = "the output of git is incomplete: another process keeps it open";
        assert!(message.contains(incomplete), "{message}");
    }
}

/// A wiki is a repository of its own; its checkout uses the connection of its workspace.
#[test]
fn the_checkout_of_a_wiki_uses_the_connection_of_its_workspace() {
    let Some(sandbox) = sandbox() else { return };
    git(&sandbox, "one", &["remote", "add", "origin", "x"]);
    let path =
        sandbox.with_ssh_config("Host bitbucket-work\n  HostName bitbucket.org\n  User git\n");
    for url in [
        "git@bitbucket.org:acme/site.git/wiki",
        "git@ssh.bitbucket.org:acme/site.git/wiki",
        "ssh://git@altssh.bitbucket.org:443/acme/site.git/wiki",
        "https://jane@bitbucket.org/acme/site.git/wiki",
        "git@bitbucket-work:acme/site.git/wiki",
    ] {
        git(&sandbox, "one", &["remote", "set-url", "origin", url]);
        let mut which = command(&sandbox, "one", &["connection", "which"]);
        let which = which.env("PATH", &path).finish().exits_with(0).json();
        assert_eq!(which["connection"]["name"], "cloud", "{url}");
        assert_eq!(which["because"], "matches git remote origin", "{url}");
    }
}

/// The work does not grow with the product of remotes and rewrites, which may come from other people.
#[test]
fn a_large_configuration_is_read_in_linear_time() {
    let Some(sandbox) = sandbox() else { return };
    let mut text = configuration(&sandbox, "one");
    let entries = (0..20_000).map(|number| {
        format!(
            "[url \"git@bitbucket.org:x{number}/\"]\n\tinsteadOf = y{number}\n[remote \"r{number}\"]\n\turl = \
             git@bitbucket.org:a{number}/b.git\n\turl = git@bitbucket.org:a/b.git\n"
        )
    });
    text.extend(entries);
    text.push_str("[remote \"origin\"]\n\turl = y7site.git\n");
    fs::write(sandbox.path("one/.git/config"), text).unwrap();
    let which = run(
        &sandbox,
        "one",
        &["connection", "which", "--timeout", "300"],
    );
    assert_eq!(which.exits_with(0).json()["connection"]["name"], "cloud");
}
