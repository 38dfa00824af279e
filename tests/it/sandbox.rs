//! The commands that `cargo run --example sandbox` prints: every line runs as pasted, or says with which status it fails.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::support::{Sandbox, env_var, is_installed, program};

#[test]
fn the_printed_commands_run_as_pasted() {
    let bbconnect = Path::new(env!("CARGO_BIN_EXE_bbconnect"));
    let example = bbconnect.with_file_name("examples").join("sandbox");
    if !example.exists() || !is_installed("bash", "--version") || !is_installed("git", "--version")
    {
        eprintln!("skipped: `cargo build --example sandbox` was not run");
        return;
    }
    let mut servers = program(example.to_str().unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let printed = BufReader::new(servers.stdout.take().unwrap()).lines();
    let mut commands = Vec::new();
    for line in printed.map(Result::unwrap) {
        let is_last = line.starts_with("bbconnect publish ");
        commands.push(line);
        if is_last {
            break;
        }
    }
    let at = commands
        .iter()
        .position(|line| line == "In another terminal:");
    let commands = commands.split_off(at.unwrap() + 1);
    // The same program, already built.
    let (function, commands): (Vec<_>, Vec<_>) = commands
        .into_iter()
        .partition(|line| line.starts_with("bbconnect() {"));
    assert_eq!(function.len(), 1);
    let mut script = vec![format!(
        "bbconnect() {{ '{}' \"$@\"; }}",
        bbconnect.display()
    )];
    let mut expected = "0";
    let mut count = 0;
    for line in commands.iter().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# exit status ") {
            expected = comment.split(':').next().unwrap();
        } else if line.ends_with('\\') {
            script.push(line.clone());
        } else {
            count += 1;
            script.push(format!(
                "{line}\nended=$?; [ $ended = {expected} ] || echo \"FAILED $ended: command {count}\""
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
        .env("PATH", env_var("PATH").unwrap());
    let output = bash.stdin(Stdio::null()).output();
    servers.kill().unwrap();
    servers.wait().unwrap();
    let output = output.unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(!stdout.contains("FAILED"), "{script}\n{stdout}\n{stderr}");
    // Each product shows its own data.
    assert!(
        stdout.contains("acme/shop") && stdout.contains("WEB/shop"),
        "{stdout}"
    );
    assert!(count > 15, "{script}");
}
