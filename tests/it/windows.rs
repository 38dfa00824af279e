//! What only Windows has: access control lists, Ctrl-Break, job objects, cmd, `%APPDATA%`, long paths.
#![cfg(windows)]

use std::fs;
use std::os::windows::process::CommandExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use windows_sys::Win32::System::Console::{
    AllocConsole, CTRL_BREAK_EVENT, GenerateConsoleCtrlEvent,
};
use windows_sys::Win32::System::Threading::CREATE_NEW_PROCESS_GROUP;

use crate::support::bitbucket::{Fault, Server, ServerState};
use crate::support::{CommandExt as _, RunOutput, Sandbox, assert_contains, env_var, program};

const TOKEN: &str = "windows-marker";

#[test]
fn ctrl_break_ends_the_program_as_ctrl_c_does() {
    let server = Server::start(ServerState::default());
    let slow = Fault {
        delay: Duration::from_secs(20),
        ..Fault::new(200, &[], b"{}")
    };
    server.update(|state| state.faults.push_back(slow));
    // The program and this test share a console, also where the test was started without one.
    #[expect(unsafe_code, reason = "there is no other way to send the event")]
    let send = |id| unsafe { GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, id) };
    #[expect(unsafe_code, reason = "it takes no parameter")]
    let _allocated = unsafe { AllocConsole() };
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(["check"]);
    command
        .env("BBCONNECT_URL", server.datacenter())
        .env("BBCONNECT_TOKEN", TOKEN)
        .creation_flags(CREATE_NEW_PROCESS_GROUP);
    let mut child = command.spawn().unwrap();
    let started = Instant::now();
    while server.requests().is_empty() {
        assert!(started.elapsed() < Duration::from_mins(1));
        std::thread::sleep(Duration::from_millis(20));
    }
    let is_sent = send(child.id()) != 0;
    if !is_sent {
        let error = std::io::Error::last_os_error();
        assert!(env_var("CI").is_none(), "{error}");
        eprintln!("skipped: Wine sends no events to other processes ({error})");
        child.kill().unwrap();
    }
    let ended = RunOutput::from(child.wait_with_output().unwrap());
    assert!(ended.status == 130 || !is_sent, "{}", ended.stderr);
}

#[test]
fn a_token_command_ends_with_everything_that_it_started() {
    let sandbox = Sandbox::with_file_store();
    let command =
        "start /b cmd /c \"ping -n 6 127.0.0.1 >nul & echo x >left\" & ping -n 60 127.0.0.1 >nul";
    let url = "https://git.example.com";
    let add = ["connection", "add", "x", "--url", url, "--timeout", "1"];
    let more = ["--auth", "http-access-token", "--token-command", command];
    let started = Instant::now();
    let ran = sandbox.run([&add[..], &more].concat()).exits_with(9);
    assert_contains(&ran.stderr, "did not finish");
    assert!(started.elapsed() < Duration::from_secs(5));
    std::thread::sleep(Duration::from_secs(8));
    assert!(!sandbox.path("left").exists());
}

#[test]
fn configuration_is_in_the_users_application_data() {
    let sandbox = Sandbox::with_file_store();
    let add = ["connection", "add", "site", "--auth", "ssh", "--url"];
    let mut command = sandbox.command([&add[..], &["git@git.example.com:acme/site.git"]].concat());
    command.env("APPDATA", sandbox.path("Roaming"));
    command.finish().exits_with(0);
    assert!(sandbox.path("Roaming/bbconnect/connections.toml").exists());
    assert!(!sandbox.path(".config").exists());
}

#[test]
fn help_names_only_variables_that_windows_reads() {
    let help = Sandbox::new().run(["help", "environment"]).exits_with(0);
    assert_contains(&help.stdout, "%APPDATA%");
    assert!(!help.stdout.contains("SSL_CERT_FILE"), "{}", help.stdout);
}

#[test]
fn keys_are_written_below_long_paths() {
    let sandbox = Sandbox::new();
    let dir = sandbox.path(&"long-directory-name/".repeat(20));
    let key = dir.join("key");
    assert!(key.as_os_str().len() > 260);
    let keygen = ["keygen", "--type", "ed25519", "--json", "--out"];
    let keygen = keygen.map(std::ffi::OsString::from).into_iter();
    sandbox
        .run(keygen.chain([key.clone().into_os_string()]))
        .exits_with(0);
    let private = fs::read_to_string(&key).unwrap();
    assert!(private.starts_with("-----BEGIN OPENSSH"), "{private}");
}

#[test]
fn cmd_sets_the_variables_of_git_env() {
    let sandbox = Sandbox::new();
    let dir = Path::new(env!("CARGO_BIN_EXE_bbconnect")).parent().unwrap();
    let path = env_var("PATH").unwrap();
    let path = std::env::join_paths(
        [dir.to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&path)),
    );
    let mut cmd = program("cmd");
    cmd.raw_arg("/Q /D /S /C \"bbconnect git env --shell cmd >env.cmd & call env.cmd & set GIT_\"");
    cmd.env("PATH", path.unwrap())
        .env("USERPROFILE", sandbox.home())
        .env("APPDATA", sandbox.home())
        .env("BBCONNECT_URL", "https://git.example.com/a&b")
        .env("BBCONNECT_TOKEN", TOKEN)
        .current_dir(sandbox.home());
    let output = RunOutput::from(cmd.output().unwrap());
    let helper = output
        .stdout
        .lines()
        .find(|line| line.contains("git credential"));
    assert!(
        helper.is_some_and(|line| line.starts_with("GIT_CONFIG_VALUE_") && line.contains(":/")),
        "{} {}",
        output.stdout,
        output.stderr
    );
    assert_contains(&output.stdout, "GIT_CONFIG_COUNT=");
}
