//! Where a command is run: a home folder and a server that are the same again before every run, with the proxy between.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::commands::Row;
use super::proxy::{Asked, Proxy, Trap};
use crate::support::bitbucket::{Server, World};
use crate::support::sshd::Sshd;
use crate::support::{Ran, Sandbox, program, succeed};

/// A run that takes longer is ended, and counts as one that hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder, and what it was like.
struct Kept {
    live: PathBuf,
    kept: tempfile::TempDir,
}

/// One command with everything that it needs.
pub(crate) struct Stage {
    pub(crate) row: Row,
    pub(crate) sandbox: Sandbox,
    pub(crate) server: Server,
    pub(crate) proxy: Proxy,
    pub(crate) sshd: Option<Sshd>,
    /// Bare repositories, for git over HTTP.
    pub(crate) git: tempfile::TempDir,
    scratch: tempfile::TempDir,
    elsewhere: TcpListener,
    kept: Option<(Kept, Kept, World)>,
}

/// What a run did.
pub(crate) struct Outcome {
    pub(crate) ran: Ran,
    pub(crate) took: Duration,
    /// It had to be ended.
    pub(crate) hung: bool,
    /// The most memory that it had, in bytes; 0 where the system does not tell.
    pub(crate) memory: u64,
    /// The requests, and whether the server got them.
    pub(crate) asked: Vec<(Asked, bool)>,
    /// Those that met the fault.
    pub(crate) met: Vec<usize>,
    /// What the server holds afterwards.
    pub(crate) state: String,
    /// Files that a program leaves that does not clean up.
    pub(crate) litter: Vec<String>,
    /// Somebody came to the other server.
    pub(crate) strayed: bool,
}

impl Stage {
    /// Prepares everything for a command; nothing where a program is missing, which was said then.
    pub(crate) fn set(row: Row, bomb: &Arc<Vec<u8>>) -> Option<Self> {
        let sshd = if row.needs_sshd {
            Some(Sshd::start()?)
        } else {
            None
        };
        let server = Server::start(World::default());
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        elsewhere.set_nonblocking(true).unwrap();
        let other = format!("http://{}", elsewhere.local_addr().unwrap());
        let proxy = Proxy::start(server.address, other, Arc::clone(bomb));
        let mut stage = Self {
            row,
            sandbox: Sandbox::new(),
            server,
            proxy,
            sshd,
            git: tempfile::tempdir().unwrap(),
            scratch: tempfile::tempdir().unwrap(),
            elsewhere,
            kept: None,
        };
        stage.furnish();
        (stage.row.prepare)(&stage);
        let mut world = None;
        stage.server.change(|now| world = Some(now.clone()));
        stage.kept = Some((
            Kept::of(stage.sandbox.home()),
            Kept::of(stage.git.path()),
            world.unwrap(),
        ));
        Some(stage)
    }

    /// Runs the command once, with its fault, if it has one.
    pub(crate) fn run(&self, trap: Option<Trap>, timeout: u64) -> Outcome {
        let (home, git, world) = self.kept.as_ref().unwrap();
        self.proxy.settle();
        home.restore();
        git.restore();
        self.server.change(|now| {
            *now = world.clone();
            now.keys.follow();
        });
        {
            let mut notes = self.proxy.notes();
            notes.trap = trap;
            notes.asked.clear();
            notes.met.clear();
        }
        let timeout = timeout.to_string();
        let mut arguments = shell_words::split(&self.filled(self.row.arguments)).unwrap();
        arguments.extend(["--json", "-v", "--timeout", &timeout].map(str::to_owned));
        let printed = tempfile::tempdir().unwrap();
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| printed.path().join(name));
        let mut command = self.command(&arguments);
        command
            .stdin(Stdio::piped())
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap());
        let started = Instant::now();
        let mut child = command.spawn().unwrap();
        let input = self.filled(self.row.input);
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let (memory, hung) = watch(&mut child);
        let took = started.elapsed();
        let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let ran = Ran {
            status: child.wait().unwrap().code().unwrap_or(-1),
            stdout: text(&stdout),
            stderr: text(&stderr),
        };
        self.proxy.settle();
        let notes = self.proxy.notes();
        Outcome {
            ran,
            took,
            hung,
            memory,
            asked: notes.asked.clone(),
            met: notes.met.clone(),
            state: self.state(),
            litter: self.litter(home),
            strayed: self.elsewhere.accept().is_ok(),
        }
    }

    /// The program with what a pipeline would have in its environment.
    pub(crate) fn command(&self, arguments: &[String]) -> Command {
        let mut command = self.sandbox.command(arguments);
        command
            .env("TMPDIR", self.scratch.path())
            .env("BBCONNECT_STORE", "file")
            .env(
                "BBCONNECT_STORE_PASSPHRASE_FILE",
                self.sandbox.path("passphrase"),
            );
        if self.row.is_in_environment {
            for (name, value) in self.environment() {
                command.env(name, value);
            }
        }
        command
    }

    /// Puts addresses where the text has their names.
    pub(crate) fn filled(&self, text: &str) -> String {
        let text = text
            .replace("{url}", &self.url())
            .replace("{web}", &self.website())
            .replace("{host}", &self.proxy.address.to_string())
            .replace("{repo}", self.row.product.repository())
            .replace("{namespace}", self.row.product.namespace());
        let Some(sshd) = &self.sshd else { return text };
        let repository = self.row.product.repository().to_lowercase();
        text.replace("{ssh}", &sshd.url(&repository))
            .replace("{fingerprint}", &sshd.fingerprint())
    }

    fn litter(&self, home: &Kept) -> Vec<String> {
        let before = files(home.kept.path());
        let mut litter = files(self.scratch.path());
        let mut new = files(self.sandbox.home());
        new.retain(|path| !before.contains(path) && !self.row.keeps(path));
        litter.append(&mut new);
        litter
    }
}

/// Waits for the end of a run; answers with the most memory that it had, in bytes, and whether it had to be ended.
fn watch(child: &mut Child) -> (u64, bool) {
    let started = Instant::now();
    let mut memory = 0;
    while child.try_wait().unwrap().is_none() {
        memory = memory.max(peak(child.id()));
        if started.elapsed() > PATIENCE || memory > super::rules::MOST_MEMORY {
            child.kill().unwrap();
            return (memory, started.elapsed() > PATIENCE);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    (memory, false)
}

/// The most memory that a process had so far, in bytes; 0 where the system does not tell.
fn peak(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    number.unwrap_or(0_u64) * 1024
}

impl Kept {
    fn of(live: &Path) -> Self {
        let kept = tempfile::tempdir().unwrap();
        copy(live, kept.path());
        Self {
            live: live.to_owned(),
            kept,
        }
    }

    fn restore(&self) {
        for entry in fs::read_dir(&self.live).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
        copy(self.kept.path(), &self.live);
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&path, &to);
            fs::set_permissions(&to, fs::metadata(&path).unwrap().permissions()).unwrap();
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let below = path.strip_prefix(folder).unwrap();
                all.push(below.to_string_lossy().into_owned());
            }
        }
    }
    all
}

/// 300 MB of zeros, compressed.
pub(crate) fn bomb() -> Vec<u8> {
    let script = "head -c 300000000 /dev/zero | gzip -c";
    let mut command = program("sh");
    command.args(["-c", script]);
    command.output().unwrap().stdout
}

/// Runs git in a folder, as somebody does who is not the program.
pub(crate) fn git(folder: &Path, arguments: &[&str]) {
    let mut git = crate::support::sshd::git();
    succeed(git.arg("-C").arg(folder).args(arguments));
}
