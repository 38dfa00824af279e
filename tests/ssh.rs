//! From a clone URL to `git fetch`, against a real `sshd` whose authorized keys are those that were registered.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::bitbucket::keys::Keys;
use support::bitbucket::{Credential, Kind, Server, World};
use support::sshd::{Sshd, git};
use support::{Ran, Sandbox, succeed};

const TOKEN: &str = "ATATT-ssh-marker";
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
struct Stage {
    sandbox: Sandbox,
    bitbucket: Server,
    sshd: Sshd,
}

impl Stage {
    /// `None` where there is no `sshd`, which was said then.
    fn set() -> Option<Self> {
        let sshd = Sshd::start()?;
        for name in ["acme/site", "web/site", "web/other"] {
            sshd.repository(name, name == "acme/site");
        }
        let credential = |kind| Credential {
            kind,
            secret: TOKEN.to_owned(),
            scopes: ALL.to_vec(),
        };
        let kinds = [
            Kind::UserToken { user: "jane" },
            Kind::ApiToken {
                email: "jane@acme.example",
            },
        ];
        let bitbucket = Server::start(World {
            credentials: kinds.map(credential).to_vec(),
            repositories: vec![
                ("acme/site", false),
                ("WEB/site", false),
                ("WEB/other", false),
            ],
            not_empty: vec!["WEB/site", "WEB/other"],
            keys: Keys {
                authorized: Some((sshd.path("authorized_keys"), sshd.path("serve"))),
                ..Keys::default()
            },
            page_length: 25,
            ..World::default()
        });
        let stage = Self {
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
            stage.run(&[&arguments[..], more].concat()).ended(0);
        };
        let cloud = ["--auth", "api-token", "--email", "jane@acme.example"];
        add("cloud", &stage.bitbucket.cloud(), &cloud);
        add(
            "server",
            &stage.bitbucket.datacenter(),
            &["--auth", "http-access-token"],
        );
        Some(stage)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.sandbox.run(arguments)
    }

    fn connect(&self, url: &str, more: &[&str]) -> Ran {
        self.run(&[&["connect", "--json", url][..], more].concat())
    }

    /// The path of the key that `connect` makes.
    fn key(&self, name: &str) -> String {
        let path = self.sandbox.path(".ssh").join(format!("bbconnect_{name}"));
        path.to_str().unwrap().to_owned()
    }

    fn keys(&self) -> Vec<support::bitbucket::keys::Key> {
        let mut keys = Vec::new();
        self.bitbucket
            .change(|world| keys.clone_from(&world.keys.all));
        keys
    }

    fn git(&self, below: &str) -> Command {
        let mut git = git();
        git.current_dir(self.sandbox.path(below));
        git
    }
}

fn error(ran: &Ran) -> String {
    ran.json()["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_repository_is_connected_in_one_step_and_git_uses_its_key() {
    let Some(stage) = Stage::set() else { return };
    let url = stage.sshd.url("web/site");
    let fingerprint = stage.sshd.fingerprint();

    let dry = stage.connect(&url, &["--dry-run"]).ended(0).json();
    assert_eq!(dry["registration"]["action"], "would-create");
    assert_eq!(dry["key"], Value::Null);
    // Nobody vouches for the server, and nothing was made by the attempt.
    let unknown = stage.connect(&url, &[]).ended(10);
    assert!(error(&unknown).contains(&fingerprint), "{}", unknown.stdout);
    assert!(stage.keys().is_empty());
    assert!(!stage.sandbox.path(".ssh").exists());
    let wrong = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    stage.connect(&url, &["--accept-host-key", wrong]).ended(10);

    let arguments = ["--accept-host-key", &fingerprint, "--clone", "work"];
    let connected = stage.connect(&url, &arguments).ended(0).json();
    assert_eq!(connected["schema"], "bbconnect/connect@1");
    assert_eq!(connected["registration"]["as"], "access-key");
    assert_eq!(connected["registration"]["access"], "read");
    assert_eq!(connected["registration"]["action"], "created");
    assert_eq!(
        connected["ssh"],
        json!({"verified": true, "host_key": fingerprint, "host": "127.0.0.1", "port": stage.sshd.port})
    );
    assert_eq!(
        connected["repository"],
        json!({"namespace": "WEB", "slug": "site", "empty": false, "default_branch": "main"})
    );
    assert_eq!(connected["connection"]["name"], "site");
    assert_eq!(connected["connection"]["auth"], "ssh");
    assert_eq!(
        connected["key"]["private_key_path"],
        stage.key("web_site_ecdsa-256")
    );
    succeed(stage.git("work").args(["fetch", "-q", "origin"]));
    assert_eq!(
        succeed(stage.git("work").args(["log", "--format=%s"])),
        "one\n"
    );
    // An access key for reading only reads.
    let pushed = stage
        .git("work")
        .args(["push", "-q", "origin", "HEAD:x"])
        .output()
        .unwrap();
    assert!(!pushed.status.success());

    let again = stage.connect(&url, &["--clone", "work"]).ended(0).json();
    assert_eq!(again["registration"]["action"], "unchanged");
    assert_eq!(again["registration"]["id"], connected["registration"]["id"]);
    assert_eq!(again["key"]["fingerprint"], connected["key"]["fingerprint"]);
    assert_eq!(again["connection"], connected["connection"]);
    assert_eq!(stage.keys().len(), 1);
    let hosts =
        std::fs::read_to_string(stage.sandbox.path(".config/bbconnect/known_hosts")).unwrap();
    assert_eq!(hosts.lines().count(), 1, "{hosts}");

    // More access is given where it is asked for, and kept where it is not.
    let wider = stage.connect(&url, &["--write"]).ended(0).json();
    assert_eq!(wider["registration"]["action"], "updated");
    assert_eq!(wider["registration"]["access"], "write");
    let kept = stage.connect(&url, &[]).ended(0).json();
    assert_eq!(kept["registration"]["access"], "write");
    succeed(stage.git("work").args(["push", "-q", "origin", "HEAD:x"]));
    let tested = stage
        .run(&["key", "test", "--json", "-c", "site"])
        .ended(0)
        .json();
    assert_eq!(tested["access"], "write");
    for seen in stage.bitbucket.seen() {
        assert!(!String::from_utf8_lossy(&seen.body).contains("PRIVATE"));
    }
}
