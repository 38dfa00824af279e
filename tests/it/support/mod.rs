//! Shared by the tests: a sandbox for the program, servers, and real programs to compare with.

pub(crate) mod bitbucket;
#[cfg(unix)]
pub(crate) mod git_server;
pub(crate) mod invariants;
pub(crate) mod property;
pub(crate) mod responder;
pub(crate) mod sshd;
pub(crate) mod tls;

use std::ffi::OsStr;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// A temporary home directory, and an environment that has only `PATH`.
pub(crate) struct Sandbox {
    dir: tempfile::TempDir,
    has_file_store: bool,
}

/// Exit status and output of a run of the program.
pub(crate) struct RunOutput {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
            has_file_store: false,
        }
    }

    /// A sandbox whose commands store secrets in an encrypted file.
    pub(crate) fn with_file_store() -> Self {
        let sandbox = Self::new();
        std::fs::write(sandbox.path("passphrase"), "a passphrase\n").expect("a file");
        Self {
            has_file_store: true,
            ..sandbox
        }
    }

    pub(crate) fn home(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.home().join(below)
    }

    /// The program, not yet started: stdin is empty, output is captured.
    pub(crate) fn command<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = program(env!("CARGO_BIN_EXE_bbconnect"));
        command.args(arguments).current_dir(self.home()).env_clear();
        command
            .env("HOME", self.home())
            .env("USERPROFILE", self.home())
            .env("LC_ALL", "C.UTF-8");
        for name in ["PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "LLVM_PROFILE_FILE"] {
            if let Some(value) = env_var(name) {
                command.env(name, value);
            }
        }
        if self.has_file_store {
            command
                .env("BBCONNECT_STORE", "file")
                .env("BBCONNECT_STORE_PASSPHRASE_FILE", self.path("passphrase"));
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The program on a pseudo-terminal.
    #[cfg(unix)]
    pub(crate) fn terminal(&self, arguments: &[&str]) -> rexpect::session::PtySession {
        self.terminal_with(&[], arguments)
    }

    /// The program on a pseudo-terminal, with environment variables.
    #[cfg(unix)]
    pub(crate) fn terminal_with(
        &self,
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> rexpect::session::PtySession {
        let mut command = program(env!("CARGO_BIN_EXE_bbconnect"));
        command
            .args(arguments)
            .current_dir(self.home())
            .env_clear()
            .envs(variables.iter().copied())
            .env("HOME", self.home())
            .env("PATH", env_var("PATH").expect("PATH is set"))
            .env("TERM", "xterm");
        rexpect::session::spawn_command(command, Some(20_000)).expect("a terminal")
    }

    /// A `PATH` on which `ssh` has this configuration: OpenSSH looks for its own where the system says that home is. What
    /// it is asked with `-G` is in the file `asked`.
    #[cfg(unix)]
    pub(crate) fn with_ssh_config(&self, text: &str) -> String {
        let path = |name: &str| self.path(name).display().to_string();
        std::fs::create_dir_all(self.path("bin")).expect("a directory");
        std::fs::write(self.path("ssh_config"), text).expect("a file");
        std::fs::write(self.path("asked"), "").expect("a file");
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in *' -G '*) echo \"$*\" >> {};; esac\nexec /usr/bin/ssh -F {} \"$@\"\n",
            path("asked"),
            path("ssh_config")
        );
        write_script(&self.path("bin/ssh"), &script);
        let found = env_var("PATH").expect("PATH is set");
        format!("{}:{}", path("bin"), found.display())
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> RunOutput {
        self.command(arguments).finish()
    }

    pub(crate) fn run_with_input<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        input: &str,
    ) -> RunOutput {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let written = child
            .stdin
            .take()
            .expect("its input is piped")
            .write_all(input.as_bytes());
        // The program may exit without reading its input.
        written
            .or_else(|error| {
                if error.kind() == std::io::ErrorKind::BrokenPipe {
                    Ok(())
                } else {
                    Err(error)
                }
            })
            .expect("its input can be written");
        RunOutput::from(child.wait_with_output().expect("it ends"))
    }
}

/// The arguments of a command line without quotes.
pub(crate) fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// Runs a prepared command.
pub(crate) trait CommandExt {
    fn finish(&mut self) -> RunOutput;
}

impl CommandExt for Command {
    fn finish(&mut self) -> RunOutput {
        RunOutput::from(self.output().expect("the program starts"))
    }
}

impl From<Output> for RunOutput {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }
}

impl RunOutput {
    /// The JSON document on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {:?} {:?}", self.stdout, self.stderr))
    }

    /// Fails the test unless the program exited with this status.
    #[track_caller]
    pub(crate) fn exits_with(self, status: i32) -> Self {
        assert_eq!(
            self.status, status,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }
}

/// Any program. Tests start programs here and nowhere else.
#[expect(
    clippy::disallowed_methods,
    reason = "tests start the program itself and the ones it is compared with"
)]
pub(crate) fn program(name: &str) -> Command {
    #[cfg(unix)]
    reset_signals();
    Command::new(name)
}

/// Lets child processes begin with the default actions of the signals that tests send, also where this process was
/// started with them ignored, as a shell without job control does for `cargo test &`. Ignored signals are inherited by
/// child processes, handlers are not (execve(2)); the handlers installed here do what the default action does.
#[cfg(unix)]
fn reset_signals() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            let always = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
            signal_hook::flag::register_conditional_default(signal, always)
                .expect("a handler can be installed");
        }
    });
}

/// The command that prints a file of the current directory, for `--token-command`.
pub(crate) fn print_command(file: &str) -> String {
    let program = if cfg!(windows) { "type" } else { "cat" };
    format!("{program} {file}")
}

/// About 300 MB of zeros as gzip: one literal, and copies of it (RFC 1951, fixed Huffman codes).
pub(crate) fn gzip_bomb() -> Vec<u8> {
    const COPY_OF_258_BYTES: &str = "1100010100000";
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let (mut byte, mut length) = (0, 0);
    let mut push = |code: &str| {
        for bit in code.bytes() {
            byte |= (bit - b'0') << length;
            length += 1;
            if length == 8 {
                bytes.push(byte);
                (byte, length) = (0, 0);
            }
        }
    };
    push("110");
    push("00110000");
    for _ in 0..1_200_000 {
        push(COPY_OF_258_BYTES);
    }
    // The end of the block; the rest fills the last byte.
    push("00000000000000");
    bytes
}

/// Writes an executable script. Another process does it: a program that a parallel test starts inherits files that this
/// process has open for writing until its own `exec`, and the script could not be started meanwhile (`ETXTBSY`).
#[cfg(unix)]
pub(crate) fn write_script(path: &Path, text: &str) {
    let mut child = program("sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("the shell starts");
    let mut stdin = child.stdin.take().expect("its input is piped");
    stdin
        .write_all(text.as_bytes())
        .expect("its input can be written");
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}

/// A port of 127.0.0.1 on which nothing listens. It is below the ranges from which systems choose ports by themselves
/// (from 32768 on), so that no parallel test gets it in the meantime.
pub(crate) fn unused_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = std::process::id() * 64 + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + u16::try_from(next % 10_000).expect("it is small");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox decides what the program sees of the environment"
)]
pub(crate) fn env_var(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// Whether a real program is installed. Otherwise a test prints that it is skipped; in CI the program is required.
pub(crate) fn is_installed(name: &str, argument: &str) -> bool {
    let found = program(name)
        .arg(argument)
        .stdin(Stdio::null())
        .output()
        .is_ok();
    assert!(
        found || env_var("CI").is_none(),
        "{name} is missing; CI installs it"
    );
    if !found {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// Runs a real program, which must succeed, and returns its standard output.
#[track_caller]
pub(crate) fn check_output(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    String::from_utf8(output.stdout).expect("its output is UTF-8")
}
