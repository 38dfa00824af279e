//! Shared by the tests: a sandbox for the program, servers, and real programs to compare with.

pub(crate) mod bitbucket;
#[cfg(unix)]
pub(crate) mod git_server;
pub(crate) mod invariants;
pub(crate) mod programs;
pub(crate) mod property;
pub(crate) mod responder;
pub(crate) mod sshd;
#[cfg(unix)]
pub(crate) mod terminal;
pub(crate) mod tls;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub(crate) use self::programs::*;
#[cfg(unix)]
pub(crate) use self::terminal::Terminal;

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

    /// A path below the home directory, with `/` on every system.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        let parts = below.split('/');
        parts.fold(self.home().to_owned(), |path, part| path.join(part))
    }

    /// Writes `connections.toml` as a user would, by hand.
    pub(crate) fn write_connections(&self, text: &str) {
        let dir = self.path(".config/bbconnect");
        std::fs::create_dir_all(&dir).expect("a directory");
        std::fs::write(dir.join("connections.toml"), text).expect("a file");
    }

    /// The same, and confirms the token commands, which are run.
    pub(crate) fn write_confirmed_connections(&self, text: &str) {
        self.write_connections(text);
        let document: toml::Table = text.parse().expect("TOML");
        for (name, connection) in document["connections"].as_table().expect("a table") {
            if let Some(command) = connection.get("token_command") {
                let command = command.as_str().expect("a command");
                let edit = [
                    "connection",
                    "edit",
                    name,
                    "--no-verify",
                    "--token-command",
                    command,
                ];
                self.run(edit).exits_with(0);
            }
        }
        // A new secret resets what was known of its account.
        self.write_connections(text);
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
    pub(crate) fn terminal(&self, arguments: &[&str]) -> Terminal {
        self.terminal_with(&[], arguments)
    }

    /// The program on a pseudo-terminal, with environment variables.
    #[cfg(unix)]
    pub(crate) fn terminal_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Terminal {
        let mut command = program(env!("CARGO_BIN_EXE_bbconnect"));
        command
            .args(arguments)
            .current_dir(self.home())
            .env_clear()
            .envs(variables.iter().copied())
            .env("HOME", self.home())
            .env("PATH", env_var("PATH").expect("PATH is set"))
            .env("TERM", "xterm");
        Terminal::start(command)
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

    /// The JSON document of a run that must succeed.
    #[track_caller]
    pub(crate) fn run_json<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Value {
        self.run(arguments).exits_with(0).json()
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

/// Fails the test unless a text contains another.
#[track_caller]
pub(crate) fn assert_contains(text: &(impl AsRef<str> + ?Sized), part: &str) {
    let text = text.as_ref();
    assert!(text.contains(part), "{part:?} is not in {text}");
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
