//! A real `sshd` on loopback with git repositories, whose authorized keys follow those of the fake Bitbucket.
#![allow(dead_code, reason = "every user needs a part of it")]
#![allow(clippy::expect_used, clippy::print_stderr, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::programs::{check_output, env_var, program, unused_port};

/// Paths of `sshd`, which must be started by an absolute path.
const PATHS: [&str; 3] = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"];

/// The forced command: serves one repository or any, read-only or also for writing.
const SERVE: &str = r#"#!/bin/sh
cd "$(dirname "$0")/srv" || exit 1
service=${SSH_ORIGINAL_COMMAND%% *}
path=$(printf %s "$SSH_ORIGINAL_COMMAND" | sed "s/^[^']*'\/*//; s/'\$//" | tr A-Z a-z)
own=$(printf %s "$1.git" | tr A-Z a-z)
if [ "$1" != any ] && [ "$path" != "$own" ]; then
  echo "repository access denied. deployment key is not associated with the requested repository." >&2
  exit 1
fi
case "$service $2" in
  "git-upload-pack "*|"git-receive-pack write") exec git "${service#git-}" "$path" ;;
  *) echo "Unauthorized" >&2; exit 1 ;;
esac
"#;

/// A server that runs until it is dropped.
pub(crate) struct Sshd {
    dir: tempfile::TempDir,
    pub(crate) port: u16,
    pub(crate) user: String,
    /// Further lines of its configuration.
    more: String,
    child: Option<Child>,
}

impl Sshd {
    /// Where `sshd` is installed.
    pub(crate) fn find() -> Option<&'static str> {
        PATHS.into_iter().find(|path| Path::new(path).exists())
    }

    /// `None` where `sshd` is not installed, which is printed; in CI it is required, except on Windows.
    pub(crate) fn start() -> Option<Self> {
        let Some(path) = Self::find() else {
            assert!(
                cfg!(windows) || env_var("CI").is_none(),
                "sshd is missing; CI installs it"
            );
            eprintln!("skipped: sshd is not installed");
            return None;
        };
        let user = check_output(program("id").arg("-un")).trim().to_owned();
        if user == "root" {
            // For privilege separation.
            drop(std::fs::create_dir("/run/sshd"));
        }
        let port = unused_port();
        let mut sshd = Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
            port,
            user,
            more: String::new(),
            child: None,
        };
        // A server that runs as root serves other users from it.
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(sshd.dir.path(), mode).expect("it is ours");
            super::programs::write_script(&sshd.path("serve"), SERVE);
        }
        std::fs::write(sshd.path("authorized_keys"), "").expect("it can be written");
        sshd.new_host_key();
        sshd.run(path);
        Some(sshd)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Generates a new host key, used from the next start on.
    pub(crate) fn new_host_key(&self) {
        drop(std::fs::remove_file(self.path("host_key")));
        drop(std::fs::remove_file(self.path("host_key.pub")));
        let mut make = program("ssh-keygen");
        make.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
        check_output(make.arg(self.path("host_key")));
    }

    /// Restarts it with further lines of configuration.
    pub(crate) fn restart_with(&mut self, more: &str) {
        self.more = format!("{more}\n");
        self.restart();
    }

    pub(crate) fn restart(&mut self) {
        self.stop();
        self.run(Self::find().expect("sshd is installed"));
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
        }
    }

    fn run(&mut self, path: &str) {
        // Bash reads the `.bashrc` of the user when it is started by sshd, unless another shell started it.
        // The first of several values holds. The post-quantum key exchange that OpenSSH prefers takes most of the time of a
        // connection.
        let config = format!(
            "ListenAddress 127.0.0.1:{}\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nPermitRootLogin \
             prohibit-password\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication \
             no\nLogLevel VERBOSE\nMaxStartups 100\nSetEnv SHLVL=2\n{}KexAlgorithms curve25519-sha256\n",
            self.port,
            self.path("host_key").display(),
            self.path("authorized_keys").display(),
            self.more
        );
        std::fs::write(self.path("sshd_config"), config).expect("it can be written");
        let log = std::fs::File::create(self.path("log")).expect("it can be made");
        let child = program(path)
            .args(["-D", "-e", "-f"])
            .arg(self.path("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("sshd starts");
        self.child = Some(child);
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(10),
                "{}",
                std::fs::read_to_string(self.path("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Creates a repository, empty or with one commit on `main`.
    pub(crate) fn repository(&self, name: &str, empty: bool) {
        let path = self.path("srv").join(format!("{name}.git"));
        std::fs::create_dir_all(&path).expect("it can be made");
        check_output(
            git()
                .args(["init", "-q", "--bare", "-b", "main"])
                .arg(&path),
        );
        if empty {
            return;
        }
        let work = tempfile::tempdir().expect("a temporary directory");
        let run = |arguments: &[&str]| check_output(git().current_dir(work.path()).args(arguments));
        run(&["init", "-q", "-b", "main"]);
        run(&["commit", "-q", "--allow-empty", "-m", "one"]);
        run(&["push", "-q", path.to_str().expect("text"), "main"]);
    }

    /// A clone URL as Data Center writes it.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}/{name}.git", self.base_url())
    }

    /// What clone URLs begin with.
    pub(crate) fn base_url(&self) -> String {
        format!("ssh://{}@127.0.0.1:{}", self.user, self.port)
    }

    /// `SHA256:…` of the host key.
    pub(crate) fn fingerprint(&self) -> String {
        let shown = check_output(
            program("ssh-keygen")
                .arg("-lf")
                .arg(self.path("host_key.pub")),
        );
        shown.split(' ').nth(1).expect("it is there").to_owned()
    }

    /// The log of the server.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).expect("it can be read")
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Git without the configuration of the user.
pub(crate) fn git() -> std::process::Command {
    let mut git = program("git");
    git.env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env_remove("GIT_SSH_COMMAND")
        .env_remove("GIT_DIR");
    for role in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{role}_NAME"), "test")
            .env(format!("GIT_{role}_EMAIL"), "test@example.com");
    }
    git
}
