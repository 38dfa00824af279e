//! The commands that `cargo run --example sandbox` prints: every line runs as pasted, or a comment gives the exit status.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{ChildStdout, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::support::sshd::Sshd;
use crate::support::{Sandbox, check_output, env_var, is_installed, program};

/// The lines up to the last command; an error where it is not printed, as by a program of another version.
fn printed_commands(stdout: ChildStdout) -> Result<Vec<String>, Vec<String>> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut printed = Vec::new();
    while let Ok(line) = lines.recv_timeout(Duration::from_secs(30)) {
        let is_last = line.starts_with("bbconnect audit ");
        printed.push(line);
        if is_last {
            return Ok(printed);
        }
    }
    Err(printed)
}

#[test]
fn the_printed_commands_run_as_pasted() {
    let bbconnect = Path::new(env!("CARGO_BIN_EXE_bbconnect"));
    let example = bbconnect.with_file_name("examples").join("sandbox");
    if !example.exists() || !is_installed("bash", "--version") || !is_installed("git", "--version")
    {
        eprintln!("skipped: `cargo build --example sandbox` was not run");
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let mut servers = program(example.to_str().unwrap())
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let modified = |path: &Path| path.metadata().unwrap().modified().unwrap();
    let age = if modified(&example) < modified(bbconnect) {
        "older than the program: run `cargo build --example sandbox`"
    } else {
        "newer than the program"
    };
    let age = format!("{} is {age}", example.display());
    let commands = printed_commands(servers.stdout.take().unwrap());
    let mut commands = commands.unwrap_or_else(|printed| {
        servers.kill().unwrap();
        panic!(
            "the last command is not printed; {age}\n{}",
            printed.join("\n")
        );
    });
    let at = commands
        .iter()
        .position(|line| line.starts_with("In another terminal"));
    let commands = commands.split_off(at.unwrap() + 1);
    // The program is already built.
    let (build, commands): (Vec<_>, Vec<_>) = commands
        .into_iter()
        .partition(|line| line.starts_with("cargo build "));
    assert_eq!(build.len(), 1);
    let directory = format!("'{}'", bbconnect.parent().unwrap().display());
    assert!(
        commands.iter().any(|line| line.contains(&directory)),
        "{commands:?}"
    );
    let mut script = Vec::new();
    let mut expected = "0";
    let mut count = 0;
    for line in commands.iter().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# exit status ") {
            expected = comment.split(':').next().unwrap();
        } else if line.ends_with('\\') || line.starts_with('#') {
            script.push(line.clone());
        } else {
            count += 1;
            script.push(format!(
                "{line}\nended=$?; [ $ended = {expected} ] || echo \"UNEXPECTED $ended: {count}\""
            ));
            expected = "0";
        }
    }
    let script = script.join("\n");
    let sandbox = Sandbox::new();
    let mut bash = program("bash");
    bash.args(["--norc", "-c", &script])
        .current_dir(sandbox.home())
        .env_clear()
        .env("HOME", sandbox.home())
        .env("TMPDIR", sandbox.home())
        .env("PATH", env_var("PATH").unwrap())
        .env("BBCONNECT_TOKEN", "of-the-user");
    let output = bash.stdin(Stdio::null()).output();
    check_output(program("kill").arg(servers.id().to_string()));
    servers.wait().unwrap();
    let output = output.unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        !stdout.contains("UNEXPECTED"),
        "{script}\n{stdout}\n{stderr}\n{age}"
    );
    // Each product shows its own data.
    assert!(
        stdout.contains("acme/shop") && stdout.contains("WEB/shop"),
        "{stdout}"
    );
    assert!(count > 25, "{script}");
    assert_eq!(
        script.contains("bbconnect connect "),
        Sshd::find().is_some(),
        "{script}"
    );
    // Nothing of the servers is left.
    let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
