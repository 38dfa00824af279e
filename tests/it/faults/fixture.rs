//! The fixture of one command: home directory and server, restored before every run, and the proxy between them.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::commands::{Case, Product};
use super::proxy::{Injection, Proxy, Request};
use crate::support::bitbucket::git;
use crate::support::bitbucket::oauth::OAuthState;
use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::tokens::Token;
use crate::support::bitbucket::{CONTEXT_PATH, Credential, Kind, Server, ServerState};
use crate::support::sshd::Sshd;
use crate::support::{RunOutput, Sandbox, is_installed, print_command};

/// The secret of every connection. It must not be printed.
pub(crate) const SECRET: &str = "token-faults-marker";
pub(crate) const CLIENT_SECRET: &str = "client-faults-marker";
pub(crate) const EMAIL: &str = "jane@acme.example";
const SCOPES: [&str; 16] = [
    "read:user:bitbucket",
    "read:workspace:bitbucket",
    "read:project:bitbucket",
    "admin:project:bitbucket",
    "read:repository:bitbucket",
    "write:repository:bitbucket",
    "admin:repository:bitbucket",
    "read:pullrequest:bitbucket",
    "write:pullrequest:bitbucket",
    "read:webhook:bitbucket",
    "write:webhook:bitbucket",
    "delete:webhook:bitbucket",
    "read:ssh-key:bitbucket",
    "write:ssh-key:bitbucket",
    "delete:ssh-key:bitbucket",
    "REPO_ADMIN",
];

/// A run that takes longer is killed and counts as hanging; with heavy faults four times as long.
const RUN_TIMEOUT: Duration = Duration::from_secs(30);

/// A directory, and a copy of its first contents.
struct Snapshot {
    live: PathBuf,
    copy: tempfile::TempDir,
}

/// One command with everything that it needs.
pub(crate) struct Fixture {
    pub(crate) case: Case,
    pub(crate) sandbox: Sandbox,
    pub(crate) server: Server,
    pub(crate) proxy: Proxy,
    pub(crate) sshd: Option<Sshd>,
    /// Bare repositories, for git over HTTP.
    pub(crate) git: tempfile::TempDir,
    scratch: tempfile::TempDir,
    other_server: TcpListener,
    /// Home directory, repositories, server.
    snapshots: Option<(Snapshot, Snapshot, ServerState)>,
}

/// What one run did.
pub(crate) struct Outcome {
    pub(crate) output: RunOutput,
    pub(crate) took: Duration,
    /// The run was killed.
    pub(crate) hung: bool,
    /// Peak memory in bytes; 0 where it is unknown.
    pub(crate) memory: u64,
    /// The requests, and whether the server got them.
    pub(crate) requests: Vec<(Request, bool)>,
    /// The indices of the requests that got the fault.
    pub(crate) hit: Vec<usize>,
    /// What is on the server afterwards.
    pub(crate) state: String,
    /// New files, beside those that the command may leave.
    pub(crate) leftover_files: Vec<String>,
    pub(crate) contacted_other_server: bool,
}

impl Fixture {
    /// `None` where a program is not installed, which was printed then.
    pub(crate) fn new(case: Case, gzip_bomb: &Arc<Vec<u8>>) -> Option<Self> {
        if case.needs_git && !is_installed("git", "--version") {
            return None;
        }
        let sshd = if case.needs_sshd {
            Some(Sshd::start()?)
        } else {
            None
        };
        let server = Server::start(ServerState::default());
        let other_server = TcpListener::bind("127.0.0.1:0").unwrap();
        other_server.set_nonblocking(true).unwrap();
        let other = format!("http://{}", other_server.local_addr().unwrap());
        let proxy = Proxy::start(server.address, other, Arc::clone(gzip_bomb));
        let mut fixture = Self {
            case,
            sandbox: Sandbox::new(),
            server,
            proxy,
            sshd,
            git: tempfile::tempdir().unwrap(),
            scratch: tempfile::tempdir().unwrap(),
            other_server,
            snapshots: None,
        };
        fixture.populate();
        (fixture.case.setup)(&fixture);
        let mut state = None;
        fixture.server.update(|now| state = Some(now.clone()));
        fixture.snapshots = Some((
            Snapshot::of(fixture.sandbox.home()),
            Snapshot::of(fixture.git.path()),
            state.unwrap(),
        ));
        Some(fixture)
    }

    /// Runs the command once, with a fault if there is one.
    pub(crate) fn run(&self, injection: Option<Injection>, timeout: u64) -> Outcome {
        let (home, git, state) = self.snapshots.as_ref().unwrap();
        self.proxy.wait_until_idle();
        home.restore();
        git.restore();
        self.server.update(|now| {
            *now = state.clone();
            now.keys.follow();
        });
        {
            let mut log = self.proxy.log();
            log.injection = injection;
            log.requests.clear();
            log.hit.clear();
        }
        let timeout = timeout.to_string();
        let mut arguments = shell_words::split(&self.expand(self.case.arguments)).unwrap();
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
        let input = self.expand(self.case.input);
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let is_heavy = injection.is_some_and(|injection| injection.fault.is_heavy());
        let limit = RUN_TIMEOUT * if is_heavy { 4 } else { 1 };
        let (memory, hung) = watch(&mut child, limit);
        let took = started.elapsed();
        let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let output = RunOutput {
            status: child.wait().unwrap().code().unwrap_or(-1),
            stdout: text(&stdout),
            stderr: text(&stderr),
        };
        self.proxy.wait_until_idle();
        let log = self.proxy.log();
        Outcome {
            output,
            took,
            hung,
            memory,
            requests: log.requests.clone(),
            hit: log.hit.clone(),
            state: self.state(),
            leftover_files: self.leftover_files(home),
            contacted_other_server: self.other_server.accept().is_ok(),
        }
    }

    /// The program, with the environment of a pipeline where the case uses it.
    pub(crate) fn command(&self, arguments: &[String]) -> Command {
        let mut command = self.sandbox.command(arguments);
        command
            .env(
                if cfg!(windows) { "TEMP" } else { "TMPDIR" },
                self.scratch.path(),
            )
            .env("BBCONNECT_STORE", "file")
            .env(
                "BBCONNECT_STORE_PASSPHRASE_FILE",
                self.sandbox.path("passphrase"),
            );
        if self.case.uses_environment {
            for (name, value) in self.environment() {
                command.env(name, value);
            }
        }
        command
    }

    /// Replaces the placeholders in a text.
    pub(crate) fn expand(&self, text: &str) -> String {
        let text = text
            .replace("{url}", &self.url())
            .replace("{web}", &self.website())
            .replace("{host}", &self.proxy.address.to_string())
            .replace("{token command}", &print_command("token"))
            .replace("{repo}", self.case.product.repository())
            .replace("{namespace}", self.case.product.namespace());
        let Some(sshd) = &self.sshd else { return text };
        let repository = self.case.product.repository().to_lowercase();
        text.replace("{ssh}", &sshd.url(&repository))
            .replace("{fingerprint}", &sshd.fingerprint())
    }

    fn leftover_files(&self, home: &Snapshot) -> Vec<String> {
        let before = files(home.copy.path());
        let mut leftover_files = files(self.scratch.path());
        let mut new = files(self.sandbox.home());
        new.retain(|path| !before.contains(path) && !self.case.may_leave(path));
        leftover_files.append(&mut new);
        leftover_files
    }

    /// Fills the server and the home directory.
    fn populate(&self) {
        let credential = |kind| Credential::new(kind, SECRET, &SCOPES);
        // The server takes the first one that matches: the token.
        let kinds = [
            Kind::UserToken { user: "jane" },
            Kind::ApiToken { email: EMAIL },
            Kind::Password { user: "jane" },
        ];
        let mut store = RepoStore::with(&["acme/site+", "acme/app", "WEB/site+", "WEB/app"]);
        for (namespace, is_cloud) in [("acme", true), ("WEB", false)] {
            let name = format!("{namespace}/site");
            store.push(&name, "feature/login", "Login", ("login.html", b"<p>"));
            let repo = store.repo(namespace, "site").unwrap();
            repo.reviewers = vec![("ann", true)];
            repo.hooks.push(if is_cloud {
                json!({"uuid": "{hook-1}", "url": "https://ci.example.com/old", "active": true, "events": ["repo:push"], "type": "webhook_subscription"})
            } else {
                json!({"id": 1, "name": "old", "url": "https://ci.example.com/old", "active": true, "events": ["repo:refs_changed"], "configuration": {}})
            });
        }
        if self.case.needs_git {
            store.git = Some(self.git.path().to_owned());
            let name = self.case.product.repository().to_lowercase();
            git::create(self.git.path(), &name, &["feature/login"]);
        }
        let base = format!("http://{}", self.proxy.address);
        self.server.update(|state| {
            *state = ServerState {
                credentials: kinds.map(credential).to_vec(),
                repositories: vec![("acme/site", false), ("WEB/site", false)],
                projects: ["WEB", "OPS", "LAB", "DOC", "BOX"]
                    .map(str::to_owned)
                    .to_vec(),
                non_empty: vec!["acme/site", "WEB/site"],
                tokens: vec![Token {
                    owner: "users/jane".to_owned(),
                    id: "123456789012".to_owned(),
                    name: "laptop".to_owned(),
                    permissions: vec!["REPO_WRITE".to_owned()],
                    days: Some(90),
                    ..Token::default()
                }],
                oauth: OAuthState {
                    clients: vec![("consumer", CLIENT_SECRET)],
                    lifetime: 1,
                    ..OAuthState::default()
                },
                page_length: 2,
                store,
                base,
                ..ServerState::default()
            };
            if let Some(sshd) = &self.sshd {
                state.keys.settings = Some(json!({
                    "enabled": true, "accessKeysEnabled": true, "port": sshd.port,
                    "baseurl": format!("ssh://{}@127.0.0.1:{}", sshd.user, sshd.port),
                    "fingerprint": {"algorithm": "SHA-256", "value": sshd.fingerprint()},
                }));
                state.keys.authorized = Some((sshd.path("authorized_keys"), sshd.path("serve")));
            }
        });
        for (name, text) in [
            ("passphrase", "correct horse"),
            ("client-secret", CLIENT_SECRET),
            ("token", SECRET),
            ("site/README.md", "# a site\n"),
            ("site/index.html", "<p>\n"),
        ] {
            let path = self.sandbox.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        if let Some(sshd) = &self.sshd {
            sshd.repository(&self.case.product.repository().to_lowercase(), false);
        }
    }

    fn url(&self) -> String {
        let path = if self.case.product.is_cloud() {
            "2.0"
        } else {
            CONTEXT_PATH
        };
        format!("http://{}/{path}", self.proxy.address)
    }

    fn website(&self) -> String {
        match self.case.product {
            Product::Cloud => format!("http://{}", self.proxy.address),
            Product::DataCenter => self.url(),
        }
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let mut all = vec![
            ("CI", "true".to_owned()),
            ("BBCONNECT_URL", self.url()),
            ("BBCONNECT_TOKEN", SECRET.to_owned()),
        ];
        match self.case.product {
            Product::Cloud => all.extend([
                ("BBCONNECT_EMAIL", EMAIL.to_owned()),
                ("BBCONNECT_WORKSPACE", "acme".to_owned()),
            ]),
            Product::DataCenter if self.case.uses_password => {
                all.push(("BBCONNECT_USERNAME", "jane".to_owned()));
            }
            Product::DataCenter => {}
        }
        all
    }

    /// What is on the server, as far as commands change it.
    fn state(&self) -> String {
        let mut text = String::new();
        self.server.update(|state| {
            for repo in &state.store.repos {
                let branches: Vec<_> = repo.branches.keys().collect();
                let requests = repo.pull_requests.len();
                let hooks: Vec<_> = repo.hooks.iter().map(without_id).collect();
                let name = repo.name();
                writeln!(text, "{name}: {branches:?}, {requests} requests, {hooks:?}").unwrap();
            }
            for (name, hooks) in &state.store.namespace_hooks {
                let hooks: Vec<_> = hooks.iter().map(without_id).collect();
                writeln!(text, "{name}: {hooks:?}").unwrap();
            }
            let keys = state.keys.all.iter();
            let keys: Vec<_> = keys
                .map(|key| (&key.owner, &key.label, &key.permission))
                .collect();
            let tokens: Vec<_> = state.tokens.iter().map(|token| &token.name).collect();
            let projects = &state.projects;
            writeln!(text, "{keys:?} {tokens:?} {projects:?}").unwrap();
        });
        text
    }
}

fn without_id(hook: &Value) -> Value {
    let mut hook = hook.clone();
    for name in ["id", "uuid"] {
        hook.as_object_mut().unwrap().remove(name);
    }
    hook
}

/// Waits for the end of a run, and returns its peak memory in bytes and whether it was killed.
fn watch(child: &mut Child, limit: Duration) -> (u64, bool) {
    let started = Instant::now();
    let mut memory = 0;
    let mut pause = Duration::from_millis(5);
    while child.try_wait().unwrap().is_none() {
        memory = memory.max(peak(child.id()));
        if started.elapsed() > limit || memory > super::rules::MAX_MEMORY {
            child.kill().unwrap();
            return (memory, started.elapsed() > limit);
        }
        std::thread::sleep(pause);
        pause = (pause * 5 / 4).min(Duration::from_millis(100));
    }
    (memory, false)
}

/// Peak memory of a process in bytes (proc(5)); 0 where it is unknown.
fn peak(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    number.unwrap_or(0_u64) * 1024
}

impl Snapshot {
    fn of(live: &Path) -> Self {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(live, copy.path());
        Self {
            live: live.to_owned(),
            copy,
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
        copy_dir(self.copy.path(), &self.live);
    }
}

fn copy_dir(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir(&to).unwrap();
            copy_dir(&path, &to);
            fs::set_permissions(&to, fs::metadata(&path).unwrap().permissions()).unwrap();
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// The files below a directory, relative to it.
fn files(dir: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let below = path.strip_prefix(dir).unwrap();
                all.push(below.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    all
}
