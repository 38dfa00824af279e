//! Programs that bbconnect starts: what they inherit, and when they end. The memory of bbconnect itself.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{CommandExt as _, Sandbox, assert_contains, env_var, write_script};

/// The variables with secrets, or with the way to them.
const SECRETS: [(&str, &str); 2] = [
    ("BBCONNECT_TOKEN", "inherited-marker"),
    ("BBCONNECT_STORE_PASSPHRASE_FILE", "/passphrase-marker"),
];

fn with_secrets<'a>(command: &'a mut Command, sandbox: &Sandbox) -> &'a mut Command {
    let path = env_var("PATH").unwrap().into_string().unwrap();
    command
        .env("PATH", format!("{}:{path}", sandbox.path("bin").display()))
        .envs(SECRETS)
}

/// Waits for a file that another process writes.
fn wait_for(path: &Path) -> String {
    let started = Instant::now();
    loop {
        match fs::read_to_string(path) {
            Ok(text) if !text.is_empty() => return text,
            Ok(_) | Err(_) => assert!(
                started.elapsed() < Duration::from_mins(1),
                "{} is not written",
                path.display()
            ),
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn programs_do_not_inherit_secrets() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("bin")).unwrap();
    let wrap = |name: &str, then: &str| {
        let text = format!(
            "#!/bin/sh\nenv > '{}/{name}.new'\nmv '{0}/{name}.new' '{0}/{name}.env'\n{then}\n",
            sandbox.home().display()
        );
        write_script(&sandbox.path("bin").join(name), &text);
    };
    wrap("xdg-open", "");
    wrap(
        "git",
        "echo 'fatal: not a git repository (or any of the parent directories): .git' >&2; exit 128",
    );
    let mut page = sandbox.command(["token", "page", "--open", "--auth", "api-token"]);
    with_secrets(&mut page, &sandbox).finish().exits_with(0);
    let mut which = sandbox.command(["connection", "which"]);
    with_secrets(&mut which, &sandbox).finish().exits_with(0);
    for name in ["xdg-open", "git"] {
        let inherited = wait_for(&sandbox.path(&format!("{name}.env")));
        assert_contains(&inherited, "HOME=");
        for (variable, value) in SECRETS {
            assert!(!inherited.contains(variable), "{name}: {inherited}");
            assert!(!inherited.contains(value), "{name}: {inherited}");
        }
    }
}

/// A run of `check` with the token of a command.
fn check(sandbox: &Sandbox, token_command: &str, timeout: &str) -> Command {
    let mut command = sandbox.command(["check", "--timeout", timeout]);
    command
        .env("BBCONNECT_URL", "http://127.0.0.1:1")
        .env("BBCONNECT_DEPLOYMENT", "datacenter")
        .env("BBCONNECT_TOKEN_COMMAND", token_command);
    command
}

#[test]
fn a_token_command_inherits_the_environment_of_the_user() {
    let sandbox = Sandbox::new();
    let mut command = check(
        &sandbox,
        "echo \"$BBCONNECT_STORE_PASSPHRASE_FILE\" >seen; echo x",
        "60",
    );
    command.env("BBCONNECT_STORE_PASSPHRASE_FILE", "/file");
    command.finish().exits_with(7);
    assert_eq!(fs::read_to_string(sandbox.path("seen")).unwrap(), "/file\n");
}

#[test]
fn nothing_of_a_token_command_is_left_after_its_time_limit() {
    let sandbox = Sandbox::new();
    let started = Instant::now();
    let ran = check(
        &sandbox,
        "(sleep 5; touch left) & (sleep 5; touch left); echo x",
        "2",
    )
    .finish();
    let ran = ran.exits_with(9);
    assert!(started.elapsed() < Duration::from_secs(5));
    let shown = format!("{}{}", ran.stdout, ran.stderr);
    assert_contains(&shown, "within 2 seconds");
    thread::sleep(Duration::from_secs(5));
    assert!(!sandbox.path("left").exists());
}

/// Also what it has started itself, and however bbconnect ends.
#[cfg(target_os = "linux")]
#[test]
fn a_token_command_ends_with_bbconnect() {
    for (token_command, script) in [
        ("./token", "echo $$ >pid\nexec sleep 300"),
        ("./token", "sleep 300 &\necho $! >pid\nwait"),
        ("./token", "sh -c 'sleep 300 & echo $! >pid; wait' | cat"),
        ("./token; true", "sleep 300 &\necho $! >pid\nwait"),
        ("./token | cat", "echo $$ >pid\nexec sleep 300"),
    ] {
        let sandbox = Sandbox::new();
        write_script(&sandbox.path("token"), &format!("#!/bin/sh\n{script}\n"));
        let mut program = check(&sandbox, token_command, "300");
        let mut child = program.spawn().unwrap();
        let id = wait_for(&sandbox.path("pid"));
        let process = Path::new("/proc").join(id.trim());
        assert!(process.exists());
        child.kill().unwrap();
        child.wait().unwrap();
        let started = Instant::now();
        // A process that ended and was not waited for is still there, without a program.
        while fs::read_to_string(process.join("cmdline")).is_ok_and(|line| !line.is_empty()) {
            assert!(
                started.elapsed() < Duration::from_mins(1),
                "{token_command}: {script}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn the_first_line_of_a_token_command_is_enough() {
    let sandbox = Sandbox::new();
    for command in ["echo x; sleep 300", "echo x; sleep 300 &", "echo x; yes"] {
        let started = Instant::now();
        let ran = check(&sandbox, command, "60").finish().exits_with(7);
        assert_contains(&ran.stdout, "HTTP access token found");
        assert!(started.elapsed() < Duration::from_secs(40), "{command}");
    }
    // A line without its end may be a part of the secret.
    let ran = check(&sandbox, "printf x; sleep 300", "1")
        .finish()
        .exits_with(9);
    assert_contains(&ran.stdout, "within 1 seconds");
}

#[test]
fn what_a_token_command_writes_to_standard_error_is_escaped() {
    let sandbox = Sandbox::new();
    let command = "printf 'a\\033[2Jb\\302' >&2; sleep 1; printf '\\233\\n' >&2; echo x";
    let ran = check(&sandbox, command, "60").finish().exits_with(7);
    assert_eq!(ran.stderr, "a\\u{1b}[2Jb\\u{9b}\n");
}

#[cfg(target_os = "linux")]
#[test]
fn bbconnect_leaves_no_core_dump_and_its_memory_is_private() {
    let sandbox = Sandbox::new();
    let look =
        "cat /proc/$PPID/limits >limits; stat -c %u /proc/$PPID/stat >owner; id -u >user; echo x";
    check(&sandbox, look, "60").finish().exits_with(7);
    let limits = fs::read_to_string(sandbox.path("limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    assert_eq!(
        core.unwrap().split_whitespace().nth(4),
        Some("0"),
        "{limits}"
    );
    // The files of a process whose memory is private belong to root (proc(5)).
    assert_eq!(
        fs::read_to_string(sandbox.path("owner")).unwrap().trim(),
        "0"
    );
}
