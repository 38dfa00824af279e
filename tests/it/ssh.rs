//! From a clone URL to `git fetch`, against a real `sshd` whose authorized keys are those that were registered.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::bitbucket::keys::Keys;
use crate::support::bitbucket::{Credential, Fault, Kind, Server, ServerState};
use crate::support::sshd::{Sshd, git};
use crate::support::{self, CommandExt as _, RunOutput, Sandbox, assert_contains, check_output};

const TOKEN: &str = "token-ssh-marker";
const ALL: [&str; 7] = [
    "read:user:bitbucket",
    "read:repository:bitbucket",
    "admin:repository:bitbucket",
    "read:ssh-key:bitbucket",
    "write:ssh-key:bitbucket",
    "delete:ssh-key:bitbucket",
    "REPO_ADMIN",
];

/// Both products and an SSH server that knows their keys.
struct Fixture {
    sandbox: Sandbox,
    bitbucket: Server,
    sshd: Sshd,
}

impl Fixture {
    /// `None` where there is no `sshd`, which was said then.
    fn new() -> Option<Self> {
        let sshd = Sshd::start()?;
        for name in ["acme/site", "web/site", "web/other"] {
            sshd.repository(name, name == "acme/site");
        }
        let credential = |kind| Credential::new(kind, TOKEN, &ALL);
        let kinds = [Kind::UserToken { user: "jane" }, Kind::JANE_API_TOKEN];
        let bitbucket = Server::start(ServerState {
            credentials: kinds.map(credential).to_vec(),
            repositories: vec![
                ("acme/site", false),
                ("WEB/site", false),
                ("WEB/other", false),
            ],
            non_empty: vec!["WEB/site", "WEB/other"],
            keys: Keys {
                authorized: Some((sshd.path("authorized_keys"), sshd.path("serve"))),
                ..Keys::default()
            },
            page_length: 25,
            ..ServerState::default()
        });
        let fixture = Self {
            sandbox: Sandbox::new(),
            bitbucket,
            sshd,
        };
        let add = |name: &str, url: &str, more: &[&str]| {
            let command = format!("echo {TOKEN}");
            let arguments = [
                "connection",
                "add",
                name,
                "--url",
                url,
                "--token-command",
                &command,
            ];
            fixture.run(&[&arguments[..], more].concat()).exits_with(0);
        };
        let cloud = ["--auth", "api-token", "--email", "jane@acme.example"];
        add("cloud", &fixture.bitbucket.cloud(), &cloud);
        add(
            "server",
            &fixture.bitbucket.datacenter(),
            &["--auth", "http-access-token"],
        );
        Some(fixture)
    }

    fn run(&self, arguments: &[&str]) -> RunOutput {
        self.sandbox.run(arguments)
    }

    fn run_json(&self, arguments: &[&str]) -> Value {
        self.sandbox.run_json(arguments)
    }

    fn connect(&self, url: &str, more: &[&str]) -> RunOutput {
        self.run(&[&["connect", "--json", url][..], more].concat())
    }

    /// The same, and accepts the host key of the server.
    fn connect_trusted(&self, url: &str, more: &[&str]) -> RunOutput {
        let fingerprint = self.sshd.fingerprint();
        self.connect(url, &[&["--accept-host-key", &fingerprint], more].concat())
    }

    /// The path of the key that `connect` makes.
    fn key(&self, name: &str) -> String {
        let path = self.sandbox.path(".ssh").join(format!("bbconnect_{name}"));
        path.to_str().unwrap().to_owned()
    }

    fn keys(&self) -> Vec<support::bitbucket::keys::Key> {
        let mut keys = Vec::new();
        self.bitbucket
            .update(|state| keys.clone_from(&state.keys.all));
        keys
    }

    fn git(&self, below: &str) -> Command {
        let mut git = git();
        git.current_dir(self.sandbox.path(below));
        git
    }
}

fn ssh_keygen(arguments: &[&str], file: impl AsRef<std::ffi::OsStr>) {
    let mut command = support::program("ssh-keygen");
    check_output(command.arg("-q").args(arguments).arg("-f").arg(file));
}

fn error(ran: &RunOutput) -> String {
    ran.json()["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn connect_configures_git_in_one_step() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let url = fixture.sshd.url("web/site");
    let fingerprint = fixture.sshd.fingerprint();

    let dry = fixture
        .connect_trusted(&url, &["--dry-run"])
        .exits_with(0)
        .json();
    assert_eq!(dry["registration"]["action"], "would-create");
    assert_eq!(dry["key"], Value::Null);
    // The host key is unknown, and nothing was changed by the attempt.
    let unknown = fixture.connect(&url, &[]).exits_with(10);
    assert!(error(&unknown).contains(&fingerprint), "{}", unknown.stdout);
    assert!(fixture.keys().is_empty());
    assert!(!fixture.sandbox.path(".ssh").exists());
    let wrong = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    fixture
        .connect(&url, &["--accept-host-key", wrong])
        .exits_with(10);

    let connected = fixture.connect_trusted(&url, &["--clone", "work"]);
    let connected = connected.exits_with(0).json();
    assert_eq!(connected["schema"], "bbconnect/connect@1");
    assert_eq!(connected["registration"]["as"], "access-key");
    assert_eq!(connected["registration"]["access"], "read");
    assert_eq!(connected["registration"]["action"], "created");
    assert_eq!(
        connected["ssh"],
        json!({"verified": true, "host_key": fingerprint, "host": "127.0.0.1", "port": fixture.sshd.port})
    );
    assert_eq!(
        connected["repository"],
        json!({"namespace": "WEB", "slug": "site", "empty": false, "default_branch": "main"})
    );
    assert_eq!(connected["connection"]["name"], "site");
    assert_eq!(connected["connection"]["auth"], "ssh");
    assert_eq!(
        connected["key"]["private_key_path"],
        fixture.key("web_site_ecdsa-256")
    );
    check_output(fixture.git("work").args(["fetch", "-q", "origin"]));
    assert_eq!(
        check_output(fixture.git("work").args(["log", "--format=%s"])),
        "one\n"
    );
    // An access key for reading only reads.
    let pushed = fixture
        .git("work")
        .args(["push", "-q", "origin", "HEAD:x"])
        .output()
        .unwrap();
    assert!(!pushed.status.success());

    let again = fixture
        .connect(&url, &["--clone", "work"])
        .exits_with(0)
        .json();
    assert_eq!(again["registration"]["action"], "unchanged");
    assert_eq!(again["registration"]["id"], connected["registration"]["id"]);
    assert_eq!(again["key"]["fingerprint"], connected["key"]["fingerprint"]);
    assert_eq!(again["connection"], connected["connection"]);
    assert_eq!(fixture.keys().len(), 1);
    let hosts = fs::read_to_string(fixture.sandbox.path(".config/bbconnect/known_hosts")).unwrap();
    assert_eq!(hosts.lines().count(), 1, "{hosts}");

    // Later commands there use the same connection and repository.
    let recorded =
        check_output(
            fixture
                .git("work")
                .args(["config", "--get-regexp", r"^bbconnect\."]),
        );
    assert_eq!(
        recorded,
        "bbconnect.connection server\nbbconnect.repository WEB/site\n"
    );
    for (arguments, pointer, expected) in [
        (
            &["connection", "which", "--json"][..],
            "/connection/name",
            "server",
        ),
        (&["key", "list", "--json"], "/repository", "WEB/site"),
        (&["key", "test", "--json"], "/repository/slug", "site"),
    ] {
        let mut command = fixture.sandbox.command(arguments);
        command.current_dir(fixture.sandbox.path("work"));
        let ran = RunOutput::from(command.output().unwrap())
            .exits_with(0)
            .json();
        assert_eq!(ran.pointer(pointer).unwrap(), expected, "{arguments:?}");
    }

    // More access is given where it is asked for, and kept where it is not.
    let wider = fixture.connect(&url, &["--write"]).exits_with(0).json();
    assert_eq!(wider["registration"]["action"], "updated");
    assert_eq!(wider["registration"]["access"], "write");
    let kept = fixture.connect(&url, &[]).exits_with(0).json();
    assert_eq!(kept["registration"]["access"], "write");
    check_output(fixture.git("work").args(["push", "-q", "origin", "HEAD:x"]));
    let tested = fixture.run_json(&["key", "test", "--json", "-c", "site"]);
    assert_eq!(tested["access"], "write");
    for seen in fixture.bitbucket.requests() {
        assert!(!String::from_utf8_lossy(&seen.body).contains("PRIVATE"));
    }
}

/// Connects `web/site`, cloned into `work`.
fn connected(fixture: &Fixture, more: &[&str]) -> Value {
    let url = fixture.sshd.url("web/site");
    let connected = fixture.connect_trusted(&url, &[&["--clone", "work"], more].concat());
    connected.exits_with(0).json()
}

#[test]
fn doctor_uses_the_connection_of_the_checkout() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    connected(&fixture, &[]);
    let clone = ["repo", "clone", "-c", "site", "WEB/site", "copy", "--json"];
    fixture.run(&clone).exits_with(0);
    for dir in ["work", "copy"] {
        let run = |arguments: &[&str]| {
            let mut command = fixture.sandbox.command(arguments);
            command.current_dir(fixture.sandbox.path(dir));
            command.finish().json()
        };
        let which = run(&["connection", "which", "--json"]);
        let doctor = run(&["doctor", "--json"]);
        assert_eq!(doctor["connection"], which["connection"]["name"], "{dir}");
    }
    // The key of the clone is tested with its own repository.
    let mut command = fixture.sandbox.command(["doctor", "--json"]);
    let doctor = command.current_dir(fixture.sandbox.path("copy")).finish();
    assert_eq!(doctor.json()["repository"], "WEB/site");
}

#[test]
fn repo_clone_uses_the_key_of_the_connection() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    connected(&fixture, &[]);
    let clone = ["repo", "clone", "-c", "site", "WEB/site", "copy", "--json"];
    let cloned = fixture.run_json(&clone);
    assert_eq!(cloned["repository"], "WEB/site");
    let url = fixture.sshd.url("web/site");
    for (key, expected) in [
        ("remote.origin.url", url.as_str()),
        ("bbconnect.connection", "site"),
        ("bbconnect.repository", "WEB/site"),
    ] {
        let value = check_output(fixture.git("copy").args(["config", key]));
        assert_eq!(value.trim(), expected);
    }
    // Git in the clone goes on using the key, and no other.
    check_output(fixture.git("copy").args(["fetch", "-q", "origin"]));
    let command = check_output(fixture.git("copy").args(["config", "core.sshCommand"]));
    assert_contains(&command, "bbconnect_");
    // A key that the server does not know: nothing is left behind.
    fixture.bitbucket.update(|state| state.keys.all.clear());
    fs::write(fixture.sshd.path("authorized_keys"), "").unwrap();
    let refused = ["repo", "clone", "-c", "site", "WEB/site", "refused"];
    fixture.run(&refused).exits_with(3);
    assert!(!fixture.sandbox.path("refused").exists());
}

#[test]
fn a_reference_is_connected_at_the_url_that_the_server_reports() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let of_server = |repository: &str| fixture.connect(repository, &["-c", "server", "--dry-run"]);
    // The fake server reports a port on which nothing listens.
    let refused = error(&of_server("WEB/site").exits_with(7));
    assert_contains(&refused, "127.0.0.1");
    fixture.connect("site", &["-c", "absent"]).exits_with(5);
}

/// The SSH server knows the repository by its current name only.
#[test]
fn a_renamed_repository_is_connected_under_its_current_name() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    fixture.bitbucket.update(|state| {
        state.renames = vec![("OLD/former", "WEB/site"), ("acme/former", "acme/site")];
    });
    for (connection, former, current) in [
        ("server", "old/former", "web/site"),
        ("cloud", "acme/former", "acme/site"),
    ] {
        let url = fixture.sshd.url(former);
        let dry = fixture.connect_trusted(&url, &["-c", connection, "--dry-run"]);
        let dry = dry.exits_with(0).json();
        let connected = fixture.connect_trusted(&url, &["-c", connection]);
        let connected = connected.exits_with(0).json();
        for document in [&dry, &connected] {
            assert_eq!(document["repository"]["slug"], "site", "{document}");
            let steps = document["steps"].to_string();
            assert_contains(&steps, "was renamed; using");
        }
        assert_eq!(connected["ssh"]["verified"], true);
        let clone_url = connected["connection"]["clone_url"].as_str().unwrap();
        assert!(
            clone_url.ends_with(&format!("/{current}.git")),
            "{clone_url}"
        );
    }
    let writes = fixture.bitbucket.requests().into_iter();
    let writes: Vec<_> = writes.filter(|sent| sent.method != "GET").collect();
    assert!(
        writes.iter().all(|sent| sent.path.contains("site")),
        "{writes:?}"
    );
}

/// Asks the server with git, again and again, while keys are replaced; every answer must be right.
fn while_git_asks(fixture: &Fixture, commands: &[Option<String>], replace: impl FnOnce()) {
    let stop = std::sync::atomic::AtomicBool::new(false);
    let ask = |command: &Option<String>| {
        let mut count = 0;
        while !stop.load(std::sync::atomic::Ordering::SeqCst) {
            let mut git = fixture.git("work");
            git.envs(command.iter().map(|command| ("GIT_SSH_COMMAND", command)));
            let asked = git.args(["ls-remote", "-q", "origin"]).output().unwrap();
            let stderr = String::from_utf8_lossy(&asked.stderr);
            assert!(asked.status.success(), "after {count}: {stderr}");
            count += 1;
        }
        count
    };
    std::thread::scope(|scope| {
        let polls: Vec<_> = commands
            .iter()
            .map(|command| scope.spawn(move || ask(command)))
            .collect();
        replace();
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        for poll in polls {
            assert!(poll.join().unwrap() > 3);
        }
    });
}

#[test]
fn key_rotation_never_interrupts_git() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let before = connected(&fixture, &["--title", "build server"]);
    let path = before["key"]["private_key_path"].as_str().unwrap();
    let hosts = fixture.sandbox.path(".config/bbconnect/known_hosts");
    // As another program would write it, with nothing but the path.
    let plain = format!(
        "ssh -F /dev/null -i {path} -o IdentitiesOnly=yes -o UserKnownHostsFile={}",
        hosts.display()
    );
    let rotate = |more: &[&str]| {
        let arguments = ["key", "rotate", "--json", "-c", "site"];
        let rotated = fixture.run_json(&[&arguments[..], more].concat());
        assert_eq!(rotated["repository"], "WEB/site");
        let rotation = &rotated["rotations"][0];
        assert_eq!(rotation["repositories"], json!(["WEB/site"]));
        assert_eq!(rotation["action"], "rotated");
        assert_ne!(rotation["before"], rotation["after"]);
        assert_eq!(rotation["key_path"], path);
    };
    while_git_asks(&fixture, &[None, Some(plain)], || {
        rotate(&[]);
        rotate(&["--type", "rsa-4096"]);
        rotate(&["--type", "ed25519"]);
    });
    // Ed25519 has no other format; the command of our own checkouts knows the next key as well.
    while_git_asks(&fixture, &[None], || {
        rotate(&[]);
        rotate(&[]);
    });
    let keys = fixture.keys();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].label, "build server");
    assert_eq!(keys[0].permission, "REPO_READ");
    let public = fs::read_to_string(format!("{path}.pub")).unwrap();
    assert!(public.starts_with(&keys[0].material));
    assert_ne!(before["key"]["public_key"], public.trim());
    // Nothing is left beside it.
    let left = fs::read_dir(fixture.sandbox.path(".ssh")).unwrap().count();
    assert_eq!(left, 2);
}

#[test]
fn an_interrupted_rotation_is_completed_by_the_next() {
    // A run takes seconds: key rotation waits for processes that still use the old key. So four fixtures run in parallel.
    std::thread::scope(|scope| {
        for delays in [[10, 2800], [60, 1600], [120, 800], [200, 350]] {
            scope.spawn(move || interrupt_rotations(delays));
        }
    });
}

/// Kills rotations after these delays in milliseconds.
fn interrupt_rotations(delays: [u64; 2]) {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    connected(&fixture, &[]);
    let fetch = |when: &str| {
        let fetched = fixture
            .git("work")
            .args(["fetch", "-q", "origin"])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&fetched.stderr).into_owned();
        assert!(fetched.status.success(), "{when}: {stderr}");
    };
    for delay in delays {
        let mut child = fixture
            .sandbox
            .command(["key", "rotate", "-c", "site"])
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        fetch(&format!("killed after {delay} ms"));
        fixture.run(&["key", "rotate", "-c", "site"]).exits_with(0);
        fetch(&format!("finished after {delay} ms"));
        // A file that was not complete when its writer was killed has a name of its own.
        let left = fs::read_dir(fixture.sandbox.path(".ssh")).unwrap();
        let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let left: Vec<_> = left
            .filter(|name| !name.starts_with(".bbconnect-"))
            .collect();
        assert_eq!(left.len(), 2, "{left:?}");
        assert_eq!(fixture.keys().len(), 1, "killed after {delay} ms");
    }
}

#[test]
fn every_key_type_and_existing_keys_work() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let fingerprint = fixture.sshd.fingerprint();
    let accept = ["--accept-host-key", fingerprint.as_str()];
    let url = fixture.sshd.url("web/site");
    for (number, kind) in ["ecdsa-256", "rsa-4096", "ed25519"].into_iter().enumerate() {
        let name = format!("site-{number}");
        let arguments = ["--name", &name, "--type", kind];
        let ran = fixture
            .connect(&url, &[&arguments[..], &accept].concat())
            .exits_with(0);
        assert_eq!(ran.json()["key"]["type"], kind);
        let other = if kind == "ed25519" {
            "rsa-4096"
        } else {
            "ed25519"
        };
        fixture
            .connect(&url, &["--name", &name, "--type", other])
            .exits_with(6);
        fixture
            .run(&["connection", "remove", &name, "--yes"])
            .exits_with(0);
    }
    assert_eq!(fixture.keys().len(), 3);

    // A key that is there, with a passphrase: only an agent or a person can open it.
    let own = fixture.sandbox.path("own");
    ssh_keygen(&["-t", "ed25519", "-N", "open sesame", "-C", "own"], &own);
    let with_own = ["--key", own.to_str().unwrap(), "--name", "own"];
    let locked = fixture
        .connect(&url, &[&with_own[..], &accept].concat())
        .exits_with(2);
    assert!(
        locked.json()["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("ssh-add"),
        "{}",
        locked.stdout
    );
    // One that others may read is none for ssh. Neither was registered.
    let open = fixture.sandbox.path("open");
    ssh_keygen(&["-t", "ed25519", "-N", ""], &open);
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let with_open = ["--key", open.to_str().unwrap(), "--name", "open"];
    let refused = fixture
        .connect(&url, &[&with_open[..], &accept].concat())
        .exits_with(9);
    let hint = refused.json()["error"]["hint"].clone();
    assert_eq!(hint, format!("run `chmod go-rwx {}`", open.display()));
    assert_eq!(fixture.keys().len(), 3);
    // Another key for a connection leaves the one of before registered, and says so.
    fs::set_permissions(&open, fs::Permissions::from_mode(0o600)).unwrap();
    let first = fixture.connect(&url, &with_open).exits_with(0).json();
    assert!(!first["steps"].to_string().contains("is still registered"));
    let next = fixture.sandbox.path("next");
    ssh_keygen(&["-t", "ed25519", "-N", ""], &next);
    fs::remove_file(fixture.sandbox.path("next.pub")).unwrap();
    let with_next = ["--key", next.to_str().unwrap(), "--name", "open"];
    let second = fixture.connect(&url, &with_next).exits_with(0).json();
    assert!(second["key"]["public_key_path"].is_null());
    assert_contains(&second["steps"].to_string(), "is still registered");
    // By hand, a project's key has the project's page.
    let by_hand = ["--register", "manual", "--project", "--name", "hand"];
    let shown = fixture.connect(&url, &by_hand).exits_with(0).json();
    let page = shown["register_at"].as_str().unwrap().to_owned();
    assert!(page.ends_with("/ssh/projects/WEB/keys"), "{page}");
    fixture
        .connect("git@bitbucket.org:acme/x.git", &by_hand[..3])
        .exits_with(2);
}

#[test]
fn manual_registration_resumes_with_the_same_command() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let url = fixture.sshd.url("web/site");
    let fingerprint = fixture.sshd.fingerprint();
    let connect = |fixture: &Fixture, more: &[&str]| {
        fixture.connect(&url, &[&["--register", "manual"][..], more].concat())
    };
    let first = connect(&fixture, &[]).exits_with(0).json();
    assert_eq!(first["registration"]["as"], "manual");
    assert_eq!(first["ssh"]["verified"], false);
    assert!(
        first["key"]["public_key"]
            .as_str()
            .unwrap()
            .starts_with("ecdsa-sha2-nistp256 ")
    );
    assert!(fixture.keys().is_empty());

    // Nothing confirms the host key, and the key is not registered yet.
    assert!(error(&connect(&fixture, &[]).exits_with(10)).contains(&fingerprint));
    let accept = ["--accept-host-key", fingerprint.as_str()];
    for dry_run in [&["--dry-run"][..], &[]] {
        let refused = connect(&fixture, &[&accept, dry_run].concat()).exits_with(3);
        assert_eq!(refused.json()["ssh"]["verified"], false);
        assert_eq!(refused.json()["register_at"], first["register_at"]);
    }
    fixture.run(&["key", "test", "-c", "site"]).exits_with(3);

    // By hand: for another repository first.
    let public = first["key"]["private_key_path"]
        .as_str()
        .unwrap()
        .to_owned()
        + ".pub";
    let register = |repository: &str| {
        let arguments = [
            "key", "add", "--json", "--key", &public, "--repo", repository, "-c", "server",
        ];
        fixture.run_json(&arguments)["key"]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let id = register("WEB/other");
    let other = connect(&fixture, &[]).exits_with(4).json();
    assert_eq!(other["ssh"]["verified"], false);
    assert_contains(&other["steps"].to_string(), "no access to this repository");
    fixture.run(&["key", "test", "-c", "site"]).exits_with(4);
    fixture
        .run(&[
            "key",
            "remove",
            &id,
            "--repo",
            "WEB/other",
            "-c",
            "server",
            "--yes",
        ])
        .exits_with(0);
    register("WEB/site");
    let done = connect(&fixture, &[]).exits_with(0).json();
    assert_eq!(done["registration"]["as"], "manual");
    assert_eq!(done["ssh"]["verified"], true);
    assert_eq!(done["key"]["fingerprint"], first["key"]["fingerprint"]);
    assert_eq!(done["repository"]["default_branch"], "main");
    let dry = connect(&fixture, &["--dry-run"]).exits_with(0).json();
    assert_eq!(dry["ssh"], done["ssh"]);

    // The key was added with read access.
    for dry_run in [&["--dry-run"][..], &[]] {
        let reads = connect(&fixture, &[&["--write"], dry_run].concat()).exits_with(4);
        assert_eq!(reads.json()["ssh"]["verified"], false);
    }
    // The port is closed.
    drop(fixture.sshd);
    let run = |more: &[&str]| {
        let arguments = [&["connect", "--json", &url, "--register", "manual"], more].concat();
        fixture.sandbox.run(&arguments).exits_with(7).json()
    };
    for more in [&["--dry-run"][..], &[]] {
        assert_eq!(run(more)["ssh"]["verified"], false);
    }
}

#[test]
fn a_dry_run_ends_as_the_real_run_and_changes_nothing() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    fixture.bitbucket.update(|state| {
        state.credentials.push(Credential {
            kind: Kind::ApiToken {
                email: "joe@acme.example",
            },
            secret: "ATATT-dry-marker".to_owned(),
            scopes: ALL
                .into_iter()
                .filter(|scope| *scope != "write:ssh-key:bitbucket")
                .collect(),
        });
    });
    let base = fixture.bitbucket.cloud();
    let add = ["connection", "add", "joe", "--url", &base];
    let by = ["--auth", "api-token", "--email", "joe@acme.example"];
    let secret = ["--token-command", "echo ATATT-dry-marker"];
    fixture
        .run(&[&add[..], &by, &secret].concat())
        .exits_with(0);
    let fingerprint = fixture.sshd.fingerprint();
    let accept = ["--accept-host-key", fingerprint.as_str()];
    let other = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let (cloud, server) = (fixture.sshd.url("acme/site"), fixture.sshd.url("web/site"));
    let files = || {
        let mut listing = Vec::new();
        for dir in [".ssh", ".config/bbconnect"] {
            let entries = fs::read_dir(fixture.sandbox.path(dir))
                .into_iter()
                .flatten();
            let entries = entries.map(|entry| entry.unwrap().path());
            listing.extend(entries.map(|path| (fs::read(&path).unwrap(), path)));
        }
        listing.sort();
        listing
    };
    for (url, more, status) in [
        // The host key is unknown, or another one.
        (&server, &[][..], 10),
        (&server, &["--accept-host-key", other], 10),
        // The token may not register keys.
        (&cloud, &["-c", "joe", accept[0], accept[1]], 4),
        // The pages of keys that may write.
        (
            &"git@bitbucket.org:acme/x.git".to_owned(),
            &["--register", "manual", "--write", "--name", "x"],
            0,
        ),
        (&server, &["--register", "manual", "--project"], 0),
        (&server, &accept, 0),
        // The key is registered, with read access.
        (&server, &["--write", "--register", "deploy-key"], 0),
    ] {
        let before = (files(), fixture.keys().len());
        let dry = fixture.connect(url, &[more, &["--dry-run"]].concat());
        let dry = dry.exits_with(status).json();
        assert!((files(), fixture.keys().len()) == before, "{more:?}");
        let real = fixture.connect(url, more).exits_with(status).json();
        for pointer in [
            "/register_at",
            "/error/kind",
            "/connection/name",
            "/registration/as",
        ] {
            assert_eq!(dry.pointer(pointer), real.pointer(pointer), "{more:?}");
        }
        if more.contains(&"--project") {
            fixture
                .run(&["connection", "remove", "site", "--yes"])
                .exits_with(0);
        }
    }
}

#[test]
fn changed_host_keys_closed_ports_and_timeouts_differ() {
    let Some(mut fixture) = Fixture::new() else {
        return;
    };
    connected(&fixture, &[]);
    let url = fixture.sshd.url("web/site");
    let connect = |fixture: &Fixture, more: &[&str]| fixture.connect(&url, more);

    // The server changes.
    let verify = ["known-hosts", "verify", "--json", &url];
    let verified = fixture.run_json(&verify);
    assert_eq!(verified["hosts"][0]["source"], "accepted");
    fixture.sshd.new_host_key();
    fixture.sshd.restart();
    let new = fixture.sshd.fingerprint();
    for accepted in [None, Some(new.as_str())] {
        let accept = accepted.map(|new| ["--accept-host-key", new]);
        let changed =
            connect(&fixture, accept.as_ref().map_or(&[], |accept| &accept[..])).exits_with(10);
        assert!(error(&changed).contains(&new), "{}", changed.stdout);
        let hint = changed.json()["error"]["hint"].as_str().unwrap().to_owned();
        assert_contains(&hint, "ssh-keygen -R");
    }
    fixture.run(&verify).exits_with(10);
    fixture.run(&["key", "test", "-c", "site"]).exits_with(10);
    // Nothing is made for another repository there, either.
    let other = fixture.sshd.url("web/other");
    let nothing = |fixture: &Fixture, status| {
        fixture.connect(&other, &[]).exits_with(status);
        assert_eq!(fixture.keys().len(), 1);
        assert!(!Path::new(&fixture.key("web_other_ecdsa-256")).exists());
    };
    nothing(&fixture, 10);
    fixture
        .run(&["known-hosts", "add", &url, "--accept-host-key", &new])
        .exits_with(10);
    // The command of the hint fixes it.
    let hosts = fixture.sandbox.path(".config/bbconnect/known_hosts");
    let mut forget = support::program("ssh-keygen");
    forget.args(["-R", &format!("[127.0.0.1]:{}", fixture.sshd.port), "-f"]);
    check_output(forget.arg(&hosts));
    let added = fixture.run_json(&[
        "known-hosts",
        "add",
        "--json",
        &url,
        "--accept-host-key",
        &new,
    ]);
    assert_eq!(added["action"], "created");
    assert_eq!(
        fixture.run_json(&["known-hosts", "add", "--json", &url])["action"],
        "unchanged"
    );
    fixture.run(&["key", "test", "-c", "site"]).exits_with(0);

    // No server, then one that sends nothing.
    fixture.sshd.stop();
    fixture.run(&["key", "test", "-c", "site"]).exits_with(7);
    nothing(&fixture, 7);
    let silent = std::net::TcpListener::bind(("127.0.0.1", fixture.sshd.port)).unwrap();
    let started = std::time::Instant::now();
    let hanging = fixture
        .run(&["key", "test", "-c", "site", "--timeout", "2", "--json"])
        .exits_with(7);
    assert!(
        started.elapsed() < std::time::Duration::from_secs(10),
        "{}",
        hanging.stdout
    );
    fixture
        .run(&["known-hosts", "verify", &url, "--timeout", "2"])
        .exits_with(7);
    drop(silent);
}

#[test]
fn cloud_deploy_keys_read_and_account_keys_push() {
    const ACCOUNT_REACH: &str =
        "the key will have the access of the account jane, to all its repositories";
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let url = fixture.sshd.url("acme/site");
    let fingerprint = fixture.sshd.fingerprint();
    let connect = |name: &str, more: &[&str]| {
        let arguments = [
            "-c",
            "cloud",
            "--name",
            name,
            "--accept-host-key",
            &fingerprint,
        ];
        fixture.connect(&url, &[&arguments[..], more].concat())
    };
    let reads = connect("reads", &[]).exits_with(0).json();
    assert_eq!(reads["registration"]["as"], "deploy-key");
    assert_eq!(reads["registration"]["access"], "read");
    assert_eq!(reads["repository"]["empty"], true);
    assert_eq!(reads["connection"]["deployment"], "cloud");
    assert_eq!(reads["connection"]["workspace"], "acme");
    fixture
        .run(&["connection", "remove", "reads", "--yes"])
        .exits_with(0);
    // The key is the repository's, so it cannot be an account's at the same time.
    let dry = connect("dry", &["--write", "--type", "rsa-4096", "--dry-run"]).exits_with(0);
    let steps = dry.json()["steps"].to_string();
    assert!(steps.contains(ACCOUNT_REACH), "{steps}");
    let refused = connect("writes", &["--write"]).exits_with(6);
    assert_contains(&refused.stdout, "--type ed25519");
    let writes = connect("writes", &["--write", "--type", "ed25519"])
        .exits_with(0)
        .json();
    assert_eq!(writes["registration"]["as"], "user-key");
    assert_eq!(writes["registration"]["access"], "write");
    assert_contains(&writes["steps"].to_string(), "the key has write access");
    assert!(writes["steps"].to_string().contains(ACCOUNT_REACH));
    connect("both", &["--write", "--register", "deploy-key"]).exits_with(2);
    let before = fixture.bitbucket.requests().len();
    let rotated = fixture.run_json(&["key", "rotate", "-c", "writes", "--json"]);
    assert_eq!(rotated["rotations"][0]["action"], "rotated");
    // The other server is at the same host, as SSH tells it.
    let seen = fixture.bitbucket.requests();
    let is_cloud = |path: &str| path.starts_with("/2.0/");
    assert!(seen[before..].iter().all(|asked| is_cloud(&asked.path)));
    let owners: Vec<_> = fixture.keys().into_iter().map(|key| key.owner).collect();
    assert_eq!(owners, ["repo acme/site", "user jane"]);
}

#[test]
fn a_token_without_key_scopes_falls_back_to_manual_registration() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    fixture.bitbucket.update(|state| {
        state.credentials.push(Credential::new(
            Kind::SITE_ACCESS_TOKEN,
            "ATCTT-ssh-marker",
            &["repository:admin"],
        ));
    });
    for name in ["cloud", "server"] {
        fixture
            .run(&["connection", "remove", name, "--yes"])
            .exits_with(0);
    }
    let base = fixture.bitbucket.cloud();
    let add = |name: &str, secret: &str, auth: &[&str]| {
        let command = format!("echo {secret}");
        let add = ["connection", "add", name, "--url", &base];
        let by = ["--token-command", &command];
        fixture.run(&[&add[..], auth, &by].concat()).exits_with(0);
    };
    let of_site = ["--auth", "access-token", "--repo", "acme/site"];
    add("token", "ATCTT-ssh-marker", &of_site);
    let url = fixture.sshd.url("acme/site");
    let fingerprint = fixture.sshd.fingerprint();
    let accept = ["--accept-host-key", fingerprint.as_str()];
    let refused = fixture.connect(&url, &accept).exits_with(4);
    assert_contains(&error(&refused), "connection token");
    let jane = ["--auth", "api-token", "--email", "jane@acme.example"];
    add("jane", TOKEN, &jane);
    let done = fixture.connect(&url, &accept).exits_with(0).json();
    assert_contains(&done["steps"].to_string(), "jane (matches the URL");
    // Whoever names the token gets the token.
    let named = [&accept[..], &["-c", "token", "--name", "x"]].concat();
    fixture.connect(&url, &named).exits_with(4);
}

#[test]
fn ssh_agent_keys_are_not_used() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let url = fixture.sshd.url("web/site");
    // One key is registered, and an agent holds it; another one is what is asked with.
    let good = fixture.connect_trusted(&url, &[]).exits_with(0).json();
    let path = good["key"]["private_key_path"].as_str().unwrap();
    let socket = fixture.sandbox.path("agent");
    let mut agent = support::program("ssh-agent")
        .args(["-D", "-a"])
        .arg(&socket)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !socket.exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    check_output(
        support::program("ssh-add")
            .arg("-q")
            .arg(path)
            .env("SSH_AUTH_SOCK", &socket),
    );
    let other = fixture.sandbox.path("other");
    ssh_keygen(&["-t", "ed25519", "-N", ""], &other);
    let test = [
        "key",
        "test",
        "--key",
        other.to_str().unwrap(),
        "--repo",
        &url,
    ];
    let mut asked = fixture.sandbox.command(test);
    let refused = asked.env("SSH_AUTH_SOCK", &socket).finish();
    // A key with a passphrase is opened by an agent that holds it, in a script too.
    ssh_keygen(&["-p", "-P", "", "-N", "open sesame"], path);
    let mut asked = fixture.sandbox.command(["key", "test", "-c", "site"]);
    let opened = asked.env("SSH_AUTH_SOCK", &socket).finish();
    agent.kill().unwrap();
    agent.wait().unwrap();
    refused.exits_with(3);
    opened.exits_with(0);
    fixture.run(&["key", "test", "-c", "site"]).exits_with(2);
    assert_contains(&fixture.sshd.log(), "Accepted publickey");
}

#[test]
fn a_refused_key_leaves_no_files() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let url = fixture.sshd.url("web/site");
    let fingerprint = fixture.sshd.fingerprint();
    // The server itself names its host key.
    let settings = |enabled: bool, access_keys: bool, fingerprint: &str| {
        fixture.bitbucket.update(|state| {
            state.keys.settings = Some(json!({"enabled": enabled, "accessKeysEnabled": access_keys,
                "baseurl": "ssh://127.0.0.1", "port": 1, "fingerprint": {"algorithm": "SHA256", "value": fingerprint}}));
        });
    };
    let nothing = |ran: RunOutput| {
        assert!(fixture.keys().is_empty());
        assert!(
            !fixture
                .sandbox
                .path(".ssh")
                .join("bbconnect_web_site_ecdsa-256")
                .exists()
        );
        ran
    };
    settings(false, true, &fingerprint);
    nothing(fixture.connect(&url, &[]).exits_with(8));
    settings(true, false, &fingerprint);
    nothing(fixture.connect(&url, &[]).exits_with(8));
    settings(true, true, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    nothing(fixture.connect(&url, &[]).exits_with(10));
    settings(true, true, fingerprint.strip_prefix("SHA256:").unwrap());
    fixture
        .bitbucket
        .update(|state| state.keys.refused = Some("ecdsa-"));
    let refused = nothing(fixture.connect(&url, &[]).exits_with(1));
    assert_contains(
        refused.json()["error"]["hint"].as_str().unwrap(),
        "--type rsa-4096",
    );
    let missing = fixture.sshd.url("web/absent");
    nothing(fixture.connect(&missing, &[]));
    let done = fixture
        .connect(&url, &["--type", "rsa-4096"])
        .exits_with(0)
        .json();
    assert_eq!(done["ssh"]["verified"], true);
    let shown = fixture.run_json(&["known-hosts", "show", "--json"]);
    let sources: Vec<_> = shown["hosts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|host| host["source"].clone())
        .collect();
    assert_eq!(
        sources
            .iter()
            .filter(|source| **source == "built-in")
            .count(),
        9
    );
    assert_eq!(sources.last().unwrap(), "server");
}

#[test]
fn an_interrupted_connect_is_completed_by_the_next() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let url = fixture.sshd.url("web/site");
    let fingerprint = fixture.sshd.fingerprint();
    let arguments = |dir: &str| {
        [
            "connect",
            &url,
            "--accept-host-key",
            &fingerprint,
            "--clone",
            dir,
        ]
        .map(str::to_owned)
    };
    for (number, delay) in [5, 20, 40, 60, 80, 100, 130, 160, 200, 250, 300, 400]
        .into_iter()
        .enumerate()
    {
        let dir = format!("work-{number}");
        let mut child = fixture.sandbox.command(arguments(&dir)).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        // What git had begun is git's own.
        drop(fs::remove_dir_all(fixture.sandbox.path(&dir)));
        fixture.sandbox.run(arguments(&dir)).exits_with(0);
        assert_eq!(fixture.keys().len(), 1, "killed after {delay} ms");
        let hosts =
            fs::read_to_string(fixture.sandbox.path(".config/bbconnect/known_hosts")).unwrap();
        assert_eq!(hosts.lines().count(), 1, "killed after {delay} ms");
        check_output(fixture.git(&dir).args(["fetch", "-q"]));
        // From the beginning.
        fixture
            .run(&["connection", "remove", "site", "--with-key", "--yes"])
            .exits_with(0);
        assert!(fixture.keys().is_empty());
        assert!(!Path::new(&fixture.key("web_site_ecdsa-256")).exists());
        fs::remove_file(fixture.sandbox.path(".config/bbconnect/known_hosts")).unwrap();
    }
}

#[test]
fn rotating_all_keys_by_age_continues_after_a_failure() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    for name in ["web/site", "web/other"] {
        let url = fixture.sshd.url(name);
        fixture.connect_trusted(&url, &[]).exits_with(0);
    }
    let cloud = ["-c", "cloud", "--name", "gone"];
    let url = fixture.sshd.url("acme/site");
    fixture.connect_trusted(&url, &cloud).exits_with(0);
    // One key is young, one connection has lost its key.
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let young = u64::try_from(now.as_millis()).unwrap() - 86_400_000;
    fixture.bitbucket.update(|state| {
        for key in &mut state.keys.all {
            key.created = if key.owner == "repo WEB/other" {
                young
            } else {
                1_700_000_000_000
            };
        }
    });
    fs::remove_file(fixture.key("acme_site_ecdsa-256")).unwrap();
    // And one is for another site, where keys are registered by hand.
    let by_hand = fixture.key("by_hand");
    fixture.run(&["keygen", "--out", &by_hand]).exits_with(0);
    let file = fixture.sandbox.path(".config/bbconnect/connections.toml");
    let text = fs::read_to_string(&file).unwrap();
    let hub = format!(
        "[connections.hub]\ndeployment = 'unknown'\nbase_url = 'ssh://git@hub.invalid'\nauth = 'ssh'\n\
         clone_url = 'git@hub.invalid:a/b.git'\nkey_path = '{by_hand}'\n"
    );
    fs::write(&file, text + "\n" + &hub).unwrap();
    let fleet = ["key", "rotate", "--all", "--older-than", "90d", "--json"];
    let outcome = |ran: &RunOutput| {
        let json = ran.json();
        let mut all: Vec<_> = json["rotations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rotation| {
                (
                    rotation["connections"][0].as_str().unwrap().to_owned(),
                    rotation["action"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        all.sort();
        all
    };
    let expected = |site: &str| {
        [
            ("gone", "failed"),
            ("hub", "skipped"),
            ("other", "unchanged"),
            ("site", site),
        ]
        .map(|(name, action)| (name.to_owned(), action.to_owned()))
        .to_vec()
    };
    let dry = fixture
        .run(&[&fleet[..], &["--dry-run"]].concat())
        .exits_with(9);
    assert_eq!(outcome(&dry), expected("would-rotate"));
    let before = fixture.keys();
    fixture.run(&fleet).exits_with(2);
    assert_eq!(
        fixture.keys().iter().map(|key| &key.id).collect::<Vec<_>>(),
        before.iter().map(|key| &key.id).collect::<Vec<_>>()
    );
    let done = fixture
        .run(&[&fleet[..], &["--yes"]].concat())
        .exits_with(9);
    assert_eq!(outcome(&done), expected("rotated"));
    fixture.run(&["key", "test", "-c", "site"]).exits_with(0);
    fixture.run(&["key", "test", "-c", "other"]).exits_with(0);
}

#[test]
fn existing_checkouts_are_configured_and_user_settings_kept() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let url = fixture.sshd.url("web/site");
    let fingerprint = fixture.sshd.fingerprint();
    let here = |dir: &str| {
        let mut command =
            fixture
                .sandbox
                .command(["connect", &url, "--accept-host-key", &fingerprint]);
        command
            .current_dir(fixture.sandbox.path(dir))
            .finish()
            .exits_with(0)
    };
    for (dir, remote) in [
        ("mine", url.clone()),
        ("other", fixture.sshd.url("web/other")),
        ("own", url.clone()),
    ] {
        fs::create_dir(fixture.sandbox.path(dir)).unwrap();
        check_output(fixture.git(dir).args(["init", "-q"]));
        check_output(fixture.git(dir).args(["remote", "add", "origin", &remote]));
    }
    let set = |dir: &str| {
        let asked = fixture
            .git(dir)
            .args(["config", "core.sshCommand"])
            .output()
            .unwrap();
        String::from_utf8(asked.stdout).unwrap().trim().to_owned()
    };
    check_output(
        fixture
            .git("own")
            .args(["config", "core.sshCommand", "ssh -i mine"]),
    );
    here("mine");
    check_output(fixture.git("mine").args(["fetch", "-q"]));
    let shown = fixture.run_json(&["connection", "show", "site", "--json"]);
    assert_eq!(set("mine"), shown["ssh_command"].as_str().unwrap());
    here("other");
    assert_eq!(set("other"), "");
    assert_contains(&here("own").stderr, "was not set by bbconnect");
    assert_eq!(set("own"), "ssh -i mine");
    // Where one stands decides which key is tried.
    let mut test = fixture.sandbox.command(["key", "test", "--json"]);
    test.current_dir(fixture.sandbox.path("mine"))
        .finish()
        .exits_with(0);
    // A repository of the same name elsewhere gets a key of its own.
    let elsewhere = fixture
        .connect("git@github.com:web/site.git", &[])
        .exits_with(0)
        .json();
    assert_eq!(elsewhere["connection"]["name"], "web-site");
    assert_eq!(
        elsewhere["key"]["private_key_path"],
        fixture.key("web_site_github.com_ecdsa-256")
    );
    fixture
        .connect("git@github.com:web/site.git", &["--name", "site"])
        .exits_with(6);
    // A directory that is not empty is refused before anything is created.
    let other = fixture.sshd.url("web/other");
    let refused = fixture.connect_trusted(&other, &["--clone", "mine"]);
    refused.exits_with(6);
    assert_eq!(fixture.keys().len(), 1);
}

#[test]
fn on_a_terminal_the_host_key_is_confirmed_and_registration_awaited() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let url = fixture.sshd.url("web/site");
    let mut terminal = fixture.sandbox.terminal(&["connect", &url]);
    terminal.expect(&fixture.sshd.fingerprint());
    terminal.expect("Trust this host? (yes/no)");
    // Only the whole word is a yes.
    terminal.send_line("y");
    terminal.expect("type yes or no");
    terminal.send_line("no");
    terminal.expect("aborted");
    terminal.rest();
    assert!(fixture.keys().is_empty());
    assert!(!fixture.sandbox.path(".ssh").exists());

    let mut terminal = fixture
        .sandbox
        .terminal(&["connect", &url, "--register", "manual"]);
    terminal.expect("Add this public key on one of:");
    terminal.expect("Press Enter to continue");
    terminal.send_line("");
    terminal.expect("Trust this host?");
    terminal.send_line("yes");
    // Not yet.
    terminal.expect("key not accepted by");
    terminal.expect("Press Enter to continue");
    let public = fixture.key("web_site_ecdsa-256.pub");
    let add = [
        "key", "add", "--key", &public, "--repo", "WEB/site", "-c", "server",
    ];
    fixture.run(&add).exits_with(0);
    terminal.send_line("");
    terminal.expect("SSH access verified");
    terminal.rest();
    fixture.run(&["key", "test", "-c", "site"]).exits_with(0);

    // A key of the account has access to all its repositories.
    let url = fixture.sshd.url("acme/site");
    let mut terminal = fixture
        .sandbox
        .terminal(&["connect", &url, "-c", "cloud", "--name", "all", "--write"]);
    terminal.expect("Register the key with the account jane, with access to all its repositories?");
    terminal.send_line("n");
    terminal.expect("aborted");
    terminal.rest();
    assert_eq!(fixture.keys().len(), 1);

    // With a passphrase, ssh asks for it.
    ssh_keygen(
        &["-p", "-P", "", "-N", "open sesame"],
        fixture.key("web_site_ecdsa-256"),
    );
    let mut terminal = fixture.sandbox.terminal(&["key", "test", "-c", "site"]);
    for _ in 0..2 {
        terminal.expect("Enter passphrase for key");
        terminal.send_line("open sesame");
    }
    terminal.expect("the key may clone and fetch");
    terminal.rest();
    // Its successor has one as well.
    fixture.run(&["key", "rotate", "-c", "site"]).exits_with(2);
    assert_eq!(fixture.keys().len(), 1);
}

#[test]
fn connect_works_with_environment_variables_only() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let fingerprint = fixture.sshd.fingerprint();
    let run = |url: &str, email: Option<&str>, arguments: &[&str]| {
        let mut command =
            fixture
                .sandbox
                .command(["connect", "--json", "--accept-host-key", &fingerprint]);
        command
            .args(arguments)
            .env("CI", "true")
            .env("BBCONNECT_TOKEN", TOKEN);
        command
            .env("BBCONNECT_URL", url)
            .envs(email.map(|email| ("BBCONNECT_EMAIL", email)));
        command.finish()
    };
    let (cloud, server) = (fixture.bitbucket.cloud(), fixture.bitbucket.datacenter());
    let jane = Some("jane@acme.example");
    let acme = fixture.sshd.url("acme/site");
    let connected = run(&cloud, jane, &[&acme]).exits_with(0).json();
    assert_eq!(connected["registration"]["as"], "deploy-key");
    // An access token of Cloud, which cannot register keys, is refused before anything is created.
    let message = run(&cloud, None, &[&acme, "--name", "other"]).exits_with(4);
    assert_contains(&error(&message), "access token");
    // The address over HTTP leads to the one over SSH by the repository's own link.
    let http = format!("{server}/scm/web/site.git");
    let manual = ["--register", "manual", "--dry-run"];
    let dry = run(&server, None, &[&[http.as_str()][..], &manual].concat())
        .exits_with(0)
        .json();
    assert_eq!(dry["clone_url"], "ssh://git@127.0.0.1:7999/web/site.git");
    let web = fixture.sshd.url("web/site");
    let own = run(
        &server,
        None,
        &[&web, "--register", "user-key", "--name", "own"],
    )
    .exits_with(0)
    .json();
    assert_eq!(own["registration"]["as"], "user-key");
    assert_eq!(own["registration"]["access"], "write");
    let project = run(
        &server,
        None,
        &[&fixture.sshd.url("web/other"), "--project"],
    )
    .exits_with(0)
    .json();
    assert_eq!(project["registration"]["as"], "access-key");
    let owners: Vec<_> = fixture.keys().into_iter().map(|key| key.owner).collect();
    assert_eq!(owners, ["repo acme/site", "user jane", "project WEB"]);
}

#[test]
fn paths_with_spaces_and_special_characters_work() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let url = fixture.sshd.url("web/site");
    let fingerprint = fixture.sshd.fingerprint();
    let config = fixture.sandbox.path("my config 100%");
    fs::create_dir(&config).unwrap();
    let file = "connections.toml";
    fs::copy(
        fixture.sandbox.path(".config/bbconnect").join(file),
        config.join(file),
    )
    .unwrap();
    // A token command of a copied file is not run before it is confirmed.
    let confirm = "connection edit server --no-verify --token-command";
    let mut edit = fixture.sandbox.command(confirm.split(' '));
    edit.arg("echo token-ssh-marker")
        .env("BBCONNECT_CONFIG_DIR", &config);
    edit.finish().exits_with(0);
    let key = fixture.sandbox.path("it's my kéy 50%h");
    fixture
        .run(&["keygen", "--out", key.to_str().unwrap()])
        .exits_with(0);
    let mut command = fixture
        .sandbox
        .command(["connect", "--json", &url, "--clone", "a work"]);
    command
        .args(["--accept-host-key", &fingerprint, "--key"])
        .arg(&key);
    let ran = command.env("BBCONNECT_CONFIG_DIR", &config).finish();
    assert_eq!(ran.exits_with(0).json()["ssh"]["verified"], true);
    check_output(fixture.git("a work").args(["fetch", "-q"]));
    // Also in the command for a connection that bbconnect did not connect, which goes by the user's configuration.
    let other = fixture.sandbox.path("other");
    fs::create_dir(&other).unwrap();
    let text = fs::read_to_string(config.join(file)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("clone_url"));
    fs::write(other.join(file), lines.collect::<Vec<_>>().join("\n")).unwrap();
    let mut env = fixture.sandbox.command(["git", "env", "site", "--json"]);
    let env = env.env("BBCONNECT_CONFIG_DIR", &other).finish();
    let env = env.exits_with(0).json();
    let command = env["variables"]["GIT_SSH_COMMAND"].as_str().unwrap();
    assert!(!command.contains("known_hosts"), "{command}");
    let hosts = fixture.sandbox.path("hosts");
    fs::copy(config.join("known_hosts"), &hosts).unwrap();
    let command = format!(
        "{command} -F none -o UserKnownHostsFile={}",
        hosts.display()
    );
    let mut fetch = fixture.git("a work");
    check_output(fetch.args(["fetch", "-q"]).env("GIT_SSH_COMMAND", command));
    let rotate = |more: &[&str]| {
        let arguments = ["key", "rotate"];
        let mut rotate = fixture.sandbox.command([&arguments[..], more].concat());
        rotate.env("BBCONNECT_CONFIG_DIR", &config);
        rotate.finish()
    };
    // A key that another program generated is replaced only after confirmation.
    let before = fs::read(&key).unwrap();
    // There is one connection with a key, so it need not be named.
    let refused = rotate(&["--json"]).exits_with(2).json();
    assert_eq!(refused["error"]["hint"], "pass --yes");
    let dry = rotate(&["--repo", "WEB/site", "--dry-run", "--json"])
        .exits_with(0)
        .json();
    assert_eq!(
        dry["rotations"][0]["message"],
        "bbconnect did not generate this key"
    );
    assert_contains(&rotate(&["--all"]).exits_with(2).stderr, "did not generate");
    assert_eq!(fs::read(&key).unwrap(), before);
    assert_eq!(fixture.keys().len(), 1);
    rotate(&["--repo", "WEB/site", "--yes"]).exits_with(0);
    assert_ne!(fs::read(&key).unwrap(), before);
    check_output(fixture.git("a work").args(["fetch", "-q"]));
}

#[test]
fn unrelated_files_beside_a_key_are_kept() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let path = fixture.sandbox.path("id_work");
    let key = path.to_str().unwrap();
    let make = |path: &str| {
        fixture.run(&["keygen", "--out", path]).exits_with(0);
    };
    make(key);
    connected(&fixture, &["--key", key]);
    // Copies and earlier keys, as people name them.
    let own =
        [".old", ".next", ".tmp", ".old.pem", ".pub.tmp"].map(|ending| format!("{key}{ending}"));
    for path in &own {
        make(path);
    }
    let texts = || {
        let all = own
            .iter()
            .flat_map(|path| [path.clone(), format!("{path}.pub")]);
        all.map(|path| fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    let (before, old) = (fs::read(&path).unwrap(), texts());
    let rotate = |more: &[&str]| {
        let arguments = ["key", "rotate", "--json", "-c", "site"];
        fixture.run(&[&arguments[..], more].concat())
    };
    assert_eq!(
        rotate(&[]).exits_with(2).json()["error"]["hint"],
        "pass --yes"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
    let rotated = rotate(&["--yes"]).exits_with(0).json();
    assert_ne!(
        rotated["rotations"][0]["before"],
        rotated["rotations"][0]["after"]
    );
    assert_ne!(fs::read(&path).unwrap(), before);
    assert_eq!(texts(), old);
    // Also what is left of a rotation that was cut off is asked about.
    make(&format!("{key}.bbconnect-old"));
    assert_eq!(
        rotate(&[]).exits_with(2).json()["error"]["hint"],
        "pass --yes"
    );
    assert_eq!(fixture.keys().len(), 1);
}

#[test]
fn an_unregistered_key_is_not_rotated() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let before = connected(&fixture, &[]);
    let path = before["key"]["private_key_path"].as_str().unwrap();
    let text = || fs::read_to_string(path).unwrap();
    let old = text();
    let rotate = |exit: i32| {
        let ran = fixture
            .run(&["key", "rotate", "--json", "-c", "site"])
            .exits_with(exit);
        assert_eq!(text(), old);
        assert!(!Path::new(&format!("{path}.bbconnect-next")).exists());
        ran.json()["error"].to_string()
    };
    // Registered by hand or by another user, for the whole project, whose keys this credential may not list.
    fixture.bitbucket.update(|state| {
        "project WEB".clone_into(&mut state.keys.all[0].owner);
        let exception = json!({"errors": [{"context": null, "message": "You are not permitted to access this resource",
            "exceptionName": "com.atlassian.bitbucket.AuthorisationException"}]});
        let fault = Fault {
            status: 401,
            headers: vec![("x-ausername", "jane".to_owned())],
            body: exception.to_string().into_bytes(),
            delay: std::time::Duration::ZERO,
        };
        state.targeted_faults.push(("GET", "/projects/WEB/ssh", fault));
    });
    let message = rotate(4);
    assert_contains(&message, "keys of project WEB require");
    fixture.bitbucket.update(|state| state.keys.all.clear());
    let message = rotate(5);
    assert_contains(&message, "no registration found");
    assert_contains(&message, "bbconnect connect");
    assert!(fixture.keys().is_empty());
}

#[test]
fn a_refused_key_type_can_be_replaced_by_another() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let before = connected(&fixture, &[]);
    let path = before["key"]["private_key_path"].as_str().unwrap();
    let next = format!("{path}.bbconnect-next");
    let rotate =
        |kind: &str| fixture.run(&["key", "rotate", "--json", "-c", "site", "--type", kind]);
    // What is refused is taken back.
    fixture
        .bitbucket
        .update(|state| state.keys.refused = Some("ssh-ed25519"));
    rotate("ed25519").exits_with(1);
    assert!(!Path::new(&next).exists());
    assert!(!Path::new(&format!("{next}.pub")).exists());
    // What a run left behind that was cut off before it registered anything.
    let make = ["keygen", "--type", "ed25519", "--out", &next];
    fixture.run(&make).exits_with(0);
    rotate("rsa-4096").exits_with(0);
    let public = fs::read_to_string(format!("{path}.pub")).unwrap();
    assert!(public.starts_with("ssh-rsa "), "{public}");
    assert_eq!(fixture.keys().len(), 1);
    // One that is registered stays in use, and that is said.
    fixture.bitbucket.update(|state| state.keys.refused = None);
    fixture.run(&make).exits_with(0);
    let public = format!("{next}.pub");
    let add = [
        "key", "add", "--key", &public, "--repo", "WEB/site", "-c", "server",
    ];
    fixture.run(&add).exits_with(0);
    let rotated = rotate("rsa-4096").exits_with(0).json();
    let message = rotated["rotations"][0]["message"].as_str().unwrap();
    assert_contains(&message, "another type");
    assert_eq!(fixture.keys().len(), 1);
}

#[test]
fn ssh_config_aliases_include_port_and_user() {
    if !support::is_installed("ssh", "-V") {
        return;
    }
    let sandbox = Sandbox::new();
    // `ssh` looks for its configuration where the system says that home is.
    let path = |name: &str| sandbox.path(name).display().to_string();
    let script = format!(
        "#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n",
        path("config")
    );
    fs::create_dir(sandbox.path("bin")).unwrap();
    support::write_script(&sandbox.path("bin/ssh"), &script);
    let found = support::env_var("PATH").unwrap();
    let path_variable = format!("{}:{}", path("bin"), found.display());
    for (config, url, said) in [
        (
            "Host bbs\nPort 7999\n",
            "git@bbs:web/site.git",
            "bbs stands for [bbs]:7999",
        ),
        (
            "Host bbs\nUser jane\n",
            "bbs:web/site.git",
            "bbs stands for jane@bbs",
        ),
        (
            "Match originalhost bbs user git\nPort 7998\n",
            "git@bbs:web/site.git",
            "at ssh://git@bbs:7998/web/site.git",
        ),
        (
            "Host bbs\nPort 22\nUser jane\n",
            "git@bbs:web/site.git",
            "at git@bbs:web/site.git",
        ),
    ] {
        fs::write(sandbox.path("config"), config).unwrap();
        let mut command = sandbox.command(["connect", "--dry-run", url]);
        let ran = command.env("PATH", &path_variable).finish().exits_with(0);
        assert!(ran.stderr.contains(said), "{config}{}", ran.stderr);
    }
}

#[test]
fn concurrent_connects_get_distinct_names() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let fingerprint = fixture.sshd.fingerprint();
    let accept = ["--accept-host-key", &fingerprint];
    let (web, acme) = (fixture.sshd.url("web/site"), fixture.sshd.url("acme/site"));
    let start = |arguments: &[&str]| {
        let arguments = [&["connect"][..], arguments, &accept].concat();
        fixture.sandbox.command(arguments).spawn().unwrap()
    };
    for _ in 0..3 {
        let both = [start(&[&web]), start(&[&acme, "-c", "cloud"])];
        for mut child in both {
            assert!(child.wait().unwrap().success());
        }
        let listed = fixture.run(&["connection", "list", "--json"]).exits_with(0);
        for name in ["site", "web-site", "acme-site"] {
            let is_there = listed.stdout.contains(&format!("\"{name}\""));
            if is_there {
                fixture
                    .run(&["connection", "remove", name, "--yes"])
                    .exits_with(0);
            }
        }
        let (web, acme) = (web.as_str(), acme.as_str());
        for url in [web, acme] {
            assert!(listed.stdout.contains(url), "{}", listed.stdout);
        }
    }
    // A connection that is for a whole server stays one.
    let [shared, again] = ["server", "server"].map(|name| {
        let arguments = [&["--name", name][..], &accept].concat();
        fixture.connect(&web, &arguments).exits_with(6).json()
    });
    assert_eq!(shared, again);
    assert_contains(shared["error"]["hint"].as_str().unwrap(), "--name");
}

#[test]
fn a_clone_appears_whole_and_other_directories_are_kept() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    connected(&fixture, &[]);
    let url = fixture.sshd.url("web/site");
    // A planted `.git` with the right remote, whose hooks a checkout would run.
    let hooks = fixture.sandbox.path("hooks");
    fs::create_dir(&hooks).unwrap();
    let executed = fixture.sandbox.path("executed");
    let hook = format!("#!/bin/sh\ntouch {}\n", executed.display());
    support::write_script(&hooks.join("post-checkout"), &hook);
    fs::create_dir(fixture.sandbox.path("planted")).unwrap();
    check_output(fixture.git("planted").args(["init", "-q", "-b", "main"]));
    for (key, value) in [
        ("remote.origin.url", url.as_str()),
        ("core.hooksPath", hooks.to_str().unwrap()),
    ] {
        check_output(fixture.git("planted").args(["config", key, value]));
    }
    let config = fixture.sandbox.path("planted/.git/config");
    let before = fs::read(&config).unwrap();
    let refused = fixture.connect(&url, &["--clone", "planted"]);
    let refused = error(&refused.exits_with(6));
    assert_contains(&refused, "incomplete clone");
    assert_eq!(fs::read(&config).unwrap(), before);
    assert!(!executed.exists());
    fs::create_dir(fixture.sandbox.path("mine")).unwrap();
    fs::write(fixture.sandbox.path("mine/note"), "mine").unwrap();
    fixture.connect(&url, &["--clone", "mine"]).exits_with(6);
    // An empty directory is taken, what a killed run left is removed, and what is in use stays.
    fs::create_dir(fixture.sandbox.path("whole")).unwrap();
    for (name, is_locked) in [("abandoned", false), ("in-use", true)] {
        let left = fixture
            .sandbox
            .path(&format!(".whole.bbconnect-clone-{name}"));
        fs::create_dir_all(left.join("whole/.git")).unwrap();
        let lock = fs::File::create(left.join("lock")).unwrap();
        if is_locked {
            lock.lock().unwrap();
            std::mem::forget(lock);
        }
    }
    fixture.connect(&url, &["--clone", "whole"]).exits_with(0);
    let logged = check_output(fixture.git("whole").args(["log", "--format=%s"]));
    assert_eq!(logged, "one\n");
    check_output(fixture.git("whole").args(["pull", "-q"]));
    let left = |name: &str| {
        fixture
            .sandbox
            .path(&format!(".whole.bbconnect-clone-{name}"))
    };
    assert!(!left("abandoned").exists() && left("in-use").exists());
    fixture.connect(&url, &["--clone", "whole"]).exits_with(0);
    // Below a directory that does not exist yet, and into the current one.
    fixture
        .connect(&url, &["--clone", "new/deep/clone"])
        .exits_with(0);
    check_output(fixture.git("new/deep/clone").args(["fetch", "-q"]));
    fs::create_dir(fixture.sandbox.path("here")).unwrap();
    let mut here = fixture
        .sandbox
        .command(["connect", "--json", &url, "--clone", "."]);
    here.current_dir(fixture.sandbox.path("here"))
        .finish()
        .exits_with(0);
    check_output(fixture.git("here").args(["fetch", "-q"]));
    // Whatever applies: the only key is meant.
    fixture.run(&["key", "test"]).exits_with(0);
    let listed = fixture.run_json(&["key", "list", "--json"]);
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1);
    fixture.run(&["key", "test", "-c", "server"]).exits_with(5);
    // A title is for a new key.
    let titled = fixture
        .connect(&url, &["--title", "other"])
        .exits_with(0)
        .json();
    let steps = titled["steps"].to_string();
    assert_contains(&steps, "not renamed");
}

#[test]
fn a_clone_uses_openssh_whatever_git_is_configured_for() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    connected(&fixture, &[]);
    let url = fixture.sshd.url("web/site");
    fs::write(
        fixture.sandbox.path(".gitconfig"),
        "[ssh]\n\tvariant = plink\n",
    )
    .unwrap();
    let mut clone = fixture.sandbox.command([
        "--timeout",
        "20",
        "connect",
        "--json",
        &url,
        "--clone",
        "wc",
    ]);
    let ran = clone
        .env("GIT_SSH_VARIANT", "tortoiseplink")
        .env("GIT_SSH_COMMAND", "ssh -i /nope")
        .finish()
        .exits_with(0)
        .json();
    let steps = ran["steps"].to_string();
    assert_contains(&steps, "GIT_SSH_COMMAND is set");
    let mut fetch = git();
    fetch
        .env("GIT_CONFIG_GLOBAL", fixture.sandbox.path(".gitconfig"))
        .current_dir(fixture.sandbox.path("wc"));
    check_output(fetch.args(["fetch", "-q"]));
    let env = fixture.run_json(&["git", "env", "site", "--json"]);
    assert_eq!(env["variables"]["GIT_SSH_VARIANT"], "ssh");
    let command = env["variables"]["GIT_SSH_COMMAND"].as_str().unwrap();
    assert!(command.starts_with('/'), "{command}");
    // Git's own words.
    fs::write(
        fixture.sandbox.path(".gitconfig"),
        "[url \"/nope/\"]\n\tinsteadOf = ssh://\n",
    )
    .unwrap();
    let failed = fixture.connect(&url, &["--clone", "other"]).exits_with(9);
    assert!(
        error(&failed).contains("does not appear to be a git repository"),
        "{}",
        failed.stdout
    );
    assert!(!fixture.sandbox.path("other").exists());
    let left = fs::read_dir(fixture.sandbox.home()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().contains("bbconnect-clone")),
        "{left:?}"
    );
}

#[test]
fn the_ssh_configuration_leads_to_the_server() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    connected(&fixture, &[]);
    let key = fixture.key("web_site_ecdsa-256");
    let (port, user) = (fixture.sshd.port, &fixture.sshd.user);
    let server = format!("HostName 127.0.0.1\n  Port {port}\n");
    // The user's own configuration names a key that the server does not know, too.
    let path = fixture.sandbox.with_ssh_config(&format!(
        "Host git.corp\n  {server}Host bitbucketCompany\n  {server}  User {user}\nHost gated\n  {server}  ProxyCommand bash -c \
         'trap \"\" HUP; exec 3<>/dev/tcp/%h/%p; cat <&3 & cat >&3; kill $!'\nHost *\n  IdentityFile ~/.ssh/none\n"
    ));
    let run = |arguments: &[&str]| {
        fs::write(fixture.sandbox.path("asked"), "").unwrap();
        let mut command = fixture.sandbox.command(arguments);
        let ran = command.env("PATH", &path).finish();
        let asked = fs::read_to_string(fixture.sandbox.path("asked")).unwrap();
        let mut lines: Vec<_> = asked.lines().collect();
        lines.sort_unstable();
        let count = lines.len();
        lines.dedup();
        assert_eq!(lines.len(), count, "{arguments:?}: {asked}");
        ran
    };
    let urls = [
        format!("ssh://{user}@git.corp/web/site.git"),
        "ssh://bitbucketCompany/web/site.git".to_owned(),
        "bitbucketCompany:web/site.git".to_owned(),
        format!("{user}@gated:web/site.git"),
    ];
    for url in &urls {
        let tested = run(&["key", "test", "--key", &key, "--repo", url, "--json"]);
        let tested = tested.exits_with(0).json();
        assert_eq!(tested["ssh"]["host"], "127.0.0.1", "{url}");
        assert_eq!(tested["ssh"]["port"], port, "{url}");
        let report = run(&["doctor", url, "--json"]).exits_with(0).json();
        let stage = |id: &str| {
            let stages = report["stages"].as_array().unwrap();
            stages
                .iter()
                .find(|stage| stage["id"] == id)
                .unwrap()
                .clone()
        };
        let described = stage("url").to_string();
        assert_contains(&described, "stands for");
        assert_eq!(stage("ssh.auth")["level"], "pass", "{report}");
        let tcp = if url.contains("gated") {
            "unknown"
        } else {
            "pass"
        };
        assert_eq!(stage("ssh.tcp")["level"], tcp, "{url}");
    }
    let shown = run(&["url", &urls[1]]).exits_with(0);
    assert_contains(&shown.stdout, "bitbucketCompany");
    // The settings for git lead there as well.
    for (url, name) in urls.iter().zip(["named", "alias", "short", "gated"]) {
        let connected = run(&[
            "connect",
            "--json",
            url,
            "--name",
            name,
            "--key",
            &key,
            "--register",
            "manual",
            "--clone",
            name,
        ]);
        let connected = connected.exits_with(0).json();
        assert_eq!(connected["ssh"]["verified"], true, "{connected}");
        let mut fetch = git();
        fetch
            .current_dir(fixture.sandbox.path(name))
            .env("PATH", &path);
        check_output(fetch.args(["fetch", "-q"]));
        let again = run(&["key", "test", "-c", name]).exits_with(0);
        assert_contains(&again.stdout, "may clone");
    }
    // A port in the URL comes first.
    let closed = support::unused_port();
    let url = format!("ssh://{user}@git.corp:{closed}/web/site.git");
    let refused = run(&["key", "test", "--key", &key, "--repo", &url, "--json"]);
    assert_ne!(refused.status, 0);
    // An alias in a checkout that is there already.
    let checkout = fixture.sandbox.path("checkout");
    check_output(git().args(["init", "-q"]).arg(&checkout));
    check_output(
        fixture
            .git("checkout")
            .args(["remote", "add", "origin", &urls[1]]),
    );
    let mut here = fixture
        .sandbox
        .command(["connect", "--json", &urls[1], "--name", "alias"]);
    let here = here.env("PATH", &path).current_dir(&checkout).finish();
    here.exits_with(0);
    check_output(
        fixture
            .git("checkout")
            .args(["fetch", "-q"])
            .env("PATH", &path),
    );
    // A configuration that `ssh` refuses is said, never passed over.
    fs::write(fixture.sandbox.path("ssh_config"), "Nonsense yes\n").unwrap();
    let mut which = fixture.sandbox.command(["connection", "which", "--json"]);
    let ran = which.env("PATH", &path).current_dir(&checkout).finish();
    let _said = error(&ran.exits_with(9));
}

/// Changes a key file, and gives it the mode that `ssh` wants.
fn write_key(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn damaged_keys_are_found_before_anything_is_asked() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    connected(&fixture, &[]);
    let key = fs::read_to_string(fixture.key("web_site_ecdsa-256")).unwrap();
    let (url, fingerprint) = (fixture.sshd.url("web/site"), fixture.sshd.fingerprint());
    let path = fixture.sandbox.path("k");
    let path_text = path.to_str().unwrap().to_owned();
    let before = fixture.sshd.log();
    for (text, damage) in [
        (key.replace('\n', "\r\n"), "CRLF"),
        (key.trim_end().to_owned(), "no line break after END"),
        (format!("key: |\n{key}"), "in front of BEGIN"),
        (key.replace('\n', "\\n"), "written as \\n"),
        (format!("\"{key}\""), "in quotes"),
        (format!("\u{feff}{key}"), "byte order mark"),
        (
            key.lines().take(3).collect::<Vec<_>>().join("\n"),
            "truncated",
        ),
        (key.replace("AAAA", "AAAB"), "ssh cannot read it"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n".to_owned(), "PuTTY"),
    ] {
        write_key(&path, &text);
        let accept = ["--accept-host-key", &fingerprint];
        for arguments in [
            &["key", "test", "--json", "--key", &path_text, "--repo", &url][..],
            &[
                "connect",
                "--json",
                &url,
                "--key",
                &path_text,
                "--register",
                "manual",
                "--name",
                "x",
            ],
        ] {
            let ran = fixture.run(&[arguments, &accept].concat());
            assert!(error(&ran).contains(damage), "{arguments:?} {}", ran.stdout);
            assert!(!ran.json()["error"]["hint"].is_null());
            ran.exits_with(9);
        }
    }
    assert_eq!(fixture.sshd.log(), before);
}

#[test]
fn keys_that_ssh_takes_are_taken() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    connected(&fixture, &[]);
    let url = fixture.sshd.url("web/site");
    let server = ["-c", "server", "--repo", "web/site"];
    let generate = |name: &str, arguments: &[&str]| {
        let path = fixture.sandbox.path(name);
        let mut make = support::program("ssh-keygen");
        make.args(["-q", "-N", "", "-f"]).arg(&path).args(arguments);
        check_output(&mut make);
        path
    };
    let verify = |key: &Path| {
        fixture.run(&[
            "key",
            "test",
            "--json",
            "--repo",
            &url,
            "--key",
            key.to_str().unwrap(),
        ])
    };
    for (name, format) in [("pem", "PEM"), ("pkcs8", "PKCS8")] {
        let key = generate(name, &["-t", "rsa", "-b", "2048", "-m", format]);
        let text = key.to_str().unwrap();
        fixture
            .run(&[&["key", "add", "--key", text][..], &server].concat())
            .exits_with(0);
        fs::remove_file(format!("{text}.pub")).unwrap();
        let pem = fs::read_to_string(&key).unwrap();
        write_key(&key, &format!("Bag Attributes\n{pem}text behind it\n"));
        verify(&key).exits_with(0);
    }
    // The public half of another key.
    let (key, other) = (
        generate("k", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
        generate("other", &["-t", "ed25519"]),
    );
    let fingerprint = |path: &Path| {
        let shown = check_output(support::program("ssh-keygen").arg("-lf").arg(path));
        shown.split(' ').nth(1).unwrap().to_owned()
    };
    let both = [fingerprint(&key), fingerprint(&other)];
    fs::copy(
        fixture.sandbox.path("other.pub"),
        fixture.sandbox.path("k.pub"),
    )
    .unwrap();
    let text = key.to_str().unwrap();
    let public = format!("{text}.pub");
    let count = fixture.keys().len();
    for arguments in [
        &["key", "test", "--json", "--repo", &url, "--key", text][..],
        &[&["key", "add", "--json", "--key", text][..], &server].concat(),
        &[&["key", "add", "--json", "--key", &public][..], &server].concat(),
        &["connect", "--json", &url, "--key", text, "--name", "x"],
    ] {
        let ran = fixture.run(arguments);
        let said = error(&ran);
        assert!(
            both.iter().all(|one| said.contains(one)),
            "{arguments:?} {said}"
        );
        ran.exits_with(9);
    }
    assert_eq!(fixture.keys().len(), count);
    // A key that only the agent has.
    let in_agent = fixture.sandbox.path("other.pub");
    let text = in_agent.to_str().unwrap();
    fixture
        .run(&[&["key", "add", "--key", text][..], &server].concat())
        .exits_with(0);
    assert_contains(&error(&verify(&in_agent).exits_with(9)), "agent");
    let socket = fixture.sandbox.path("agent");
    let mut agent = support::program("ssh-agent");
    let mut agent = agent
        .args(["-D", "-a"])
        .arg(&socket)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !socket.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let mut add = support::program("ssh-add");
    check_output(add.arg("-q").arg(&other).env("SSH_AUTH_SOCK", &socket));
    fs::remove_file(&other).unwrap();
    let with_agent = |arguments: &[&str]| {
        let mut command = fixture.sandbox.command(arguments);
        command.env("SSH_AUTH_SOCK", &socket).finish()
    };
    with_agent(&["key", "test", "--repo", &url, "--key", text]).exits_with(0);
    let cloned = with_agent(&[
        "connect",
        "--json",
        &url,
        "--key",
        text,
        "--name",
        "x",
        "--register",
        "manual",
        "--clone",
        "wc",
    ]);
    cloned.exits_with(0);
    let mut fetch = fixture.git("wc");
    check_output(fetch.args(["fetch", "-q"]).env("SSH_AUTH_SOCK", &socket));
    agent.kill().unwrap();
    agent.wait().unwrap();
}

#[test]
fn a_revoked_host_key_cannot_be_accepted() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    connected(&fixture, &[]);
    let key = fs::read_to_string(fixture.sshd.path("host_key.pub")).unwrap();
    let file = fixture.sandbox.path(".config/bbconnect/known_hosts");
    let pinned = fs::read_to_string(&file).unwrap();
    let revoked = format!("@revoked * {key}");
    let (host, fingerprint) = (
        format!("127.0.0.1:{}", fixture.sshd.port),
        fixture.sshd.fingerprint(),
    );
    let url = fixture.sshd.url("web/site");
    for text in [revoked.clone(), format!("{pinned}{revoked}")] {
        fs::write(&file, &text).unwrap();
        for arguments in [
            &["known-hosts", "verify", &host][..],
            &[
                "known-hosts",
                "add",
                &host,
                "--accept-host-key",
                &fingerprint,
            ],
            &[
                "key",
                "test",
                "-c",
                "site",
                "--accept-host-key",
                &fingerprint,
            ],
            &["connect", &url, "--accept-host-key", &fingerprint],
            &["connect", &url, "--dry-run"],
        ] {
            let ran = fixture.run(&[arguments, &["--json"]].concat());
            assert!(
                error(&ran).contains("revoked in"),
                "{arguments:?} {}",
                ran.stdout
            );
            ran.exits_with(10);
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        fixture.run(&["doctor", &url]).exits_with(10);
    }
    // Hashed names and comments in Latin-1 are read as `ssh` reads them.
    let mut latin = pinned.trim_end().as_bytes().to_vec();
    latin.extend(b" M\xfcller\n");
    fs::write(&file, &latin).unwrap();
    let mut hash = support::program("ssh-keygen");
    check_output(
        hash.arg("-H")
            .arg("-f")
            .arg(&file)
            .stderr(std::process::Stdio::null()),
    );
    fs::remove_file(fixture.sandbox.path(".config/bbconnect/known_hosts.old")).unwrap();
    assert!(fs::read(&file).unwrap().starts_with(b"|1|"));
    fixture.run(&["known-hosts", "verify", &host]).exits_with(0);
    fixture.run(&["key", "test", "-c", "site"]).exits_with(0);
}

#[test]
fn algorithms_that_are_not_common_are_named() {
    let Some(mut fixture) = Fixture::new() else {
        return;
    };
    connected(&fixture, &[]);
    let test = ["key", "test", "-c", "site", "--json"];
    let url = fixture.sshd.url("web/site");
    let old = "diffie-hellman-group14-sha1";
    fixture.sshd.restart_with(&format!("KexAlgorithms {old}"));
    let refused = fixture.run(&test).exits_with(8).json();
    let hint = refused["error"]["hint"].to_string();
    assert!(hint.contains(&format!("KexAlgorithms +{old}")), "{refused}");
    fixture.run(&["doctor", &url]).exits_with(8);
    // The hint can be followed.
    let path = fixture
        .sandbox
        .with_ssh_config(&format!("Host 127.0.0.1\n  KexAlgorithms +{old}\n"));
    for arguments in [&test[..], &["doctor", &url]] {
        let mut command = fixture.sandbox.command(arguments);
        command.env("PATH", &path).finish().exits_with(0);
    }
}

#[test]
fn what_the_server_says_is_not_what_ssh_says() {
    let Some(mut fixture) = Fixture::new() else {
        return;
    };
    connected(&fixture, &[]);
    let other = "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM";
    let banner = fixture.sshd.path("banner");
    let text = format!(
        "debug1: Server host key: ssh-ed25519 {other}\nREMOTE HOST IDENTIFICATION HAS CHANGED!\nAuthenticated to 127.0.0.1 (x)\n"
    );
    fs::write(&banner, text).unwrap();
    fixture
        .sshd
        .restart_with(&format!("Banner {}", banner.display()));
    let tested = fixture.run(&["key", "test", "-c", "site", "--json"]);
    let tested = tested.exits_with(0).json();
    assert_eq!(tested["ssh"]["host_key"], fixture.sshd.fingerprint());
    fs::write(fixture.sshd.path("authorized_keys"), "").unwrap();
    let refused = fixture.run(&["key", "test", "-c", "site", "--json"]);
    refused.exits_with(3);
}

#[test]
fn cloning_from_a_git_hook_ignores_its_environment() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let url = fixture.sshd.url("web/site");
    let other = fixture.sandbox.path("other");
    check_output(git().args(["init", "--quiet"]).arg(&other));
    let inner = other.join(".git");
    let before = fs::read_to_string(inner.join("config")).unwrap();
    let fingerprint = fixture.sshd.fingerprint();
    let mut command =
        fixture
            .sandbox
            .command(["connect", "--json", &url, "--accept-host-key", &fingerprint]);
    command
        .args(["--clone", "work"])
        .env("GIT_DIR", &inner)
        .env("GIT_WORK_TREE", &other)
        .env("GIT_INDEX_FILE", inner.join("index"))
        .env("GIT_QUARANTINE_PATH", inner.join("objects"));
    command.finish().exits_with(0);
    command.finish().exits_with(0);
    assert!(fixture.sandbox.path("work/.git").is_dir());
    check_output(fixture.git("work").args(["fetch", "-q", "origin"]));
    assert_eq!(fs::read_to_string(inner.join("config")).unwrap(), before);
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
}

#[test]
fn the_ssh_address_is_read_also_for_manual_registration() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let page = format!("{}/projects/WEB/repos/site", fixture.bitbucket.datacenter());
    let manual = ["-c", "server", "--register", "manual"];
    let connected = fixture.connect_trusted(&page, &manual).exits_with(0).json();
    assert_eq!(connected["registration"]["as"], "manual");
    assert_eq!(connected["repository"]["empty"], false);
    let seen = fixture.bitbucket.requests();
    assert!(
        seen.iter()
            .any(|asked| asked.path.ends_with("/ssh/latest/settings"))
    );
}

#[test]
fn an_exported_key_is_used_by_real_git() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let url = fixture.sshd.url("web/site");
    let named = fixture.connect_trusted(&url, &["--name", "site"]);
    named.exits_with(0);
    let export = |format: &str| {
        let export = [
            "connection",
            "export",
            "site",
            "--format",
            format,
            "--url",
            &url,
        ];
        fixture.run(&export).exits_with(0).stdout
    };
    let secret: Value = serde_saphyr::from_str(&export("flux")).unwrap();
    for name in ["identity", "known_hosts"] {
        let path = fixture.sandbox.path(name);
        fs::write(&path, secret["stringData"][name].as_str().unwrap()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let [identity, known_hosts] =
        ["identity", "known_hosts"].map(|name| fixture.sandbox.path(name).display().to_string());
    let ssh = format!(
        "ssh -F none -i {identity} -o IdentitiesOnly=yes -o UserKnownHostsFile={known_hosts} \
         -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes"
    );
    let mut git = fixture.git("");
    let listed = check_output(git.args(["ls-remote", &url]).env("GIT_SSH_COMMAND", ssh));
    assert_contains(&listed, "refs/heads/main");
    // The same with the variables of a shell.
    fs::write(fixture.sandbox.path("site.env"), export("env")).unwrap();
    let script = format!(". ./site.env && exec git ls-remote {url}");
    let mut shell = support::program("sh");
    shell
        .current_dir(fixture.sandbox.home())
        .args(["-c", &script]);
    let listed = check_output(&mut shell);
    assert_contains(&listed, "refs/heads/main");
}
