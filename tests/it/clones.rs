//! `repo clone` over HTTPS, with real git: the credential of the connection is used, and is nowhere in the clone.
#![cfg(unix)]

use std::fs;
use std::path::Path;

use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Fault, Kind, Server, ServerState, git};
use crate::support::{
    CommandExt as _, RunOutput, Sandbox, assert_contains, check_output, is_installed, program,
    words,
};

const TOKEN: &str = "clone-token-marker";

/// A repository with the branches `main` and `feature` on one of the products, and the connection `work`.
struct Fixture {
    repository: &'static str,
    server: Server,
    sandbox: Sandbox,
    _dir: tempfile::TempDir,
}

impl Fixture {
    fn new(is_cloud: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (repository, path) = if is_cloud {
            ("acme/site", "acme/site")
        } else {
            ("WEB/site", "web/site")
        };
        git::create(dir.path(), path, &["feature"]);
        let mut store = RepoStore::with(&[repository]);
        store.git = Some(dir.path().to_owned());
        let mut credentials = Credential::for_jane(TOKEN, &["read:repository:bitbucket"]);
        credentials.push(Credential::new(
            Kind::UserToken { user: "jane" },
            TOKEN,
            &["REPO_READ"],
        ));
        let server = Server::start(ServerState {
            credentials,
            store,
            ..ServerState::default()
        });
        let sandbox = Sandbox::with_file_store();
        fs::write(sandbox.path("token"), format!("{TOKEN}\n")).unwrap();
        let (cloud, website) = (server.cloud(), server.website());
        let datacenter = server.datacenter();
        let arguments = if is_cloud {
            vec![
                "--url",
                &cloud,
                "--web-url",
                &website,
                "--auth",
                "api-token",
                "--email",
                "jane@acme.example",
            ]
        } else {
            vec!["--url", &datacenter, "--auth", "http-access-token"]
        };
        let add = words("connection add work --no-verify --token-file token");
        sandbox.run([&add[..], &arguments].concat()).exits_with(0);
        fs::remove_file(sandbox.path("token")).unwrap();
        Self {
            repository,
            server,
            sandbox,
            _dir: dir,
        }
    }

    fn clone(&self, arguments: &[&str]) -> RunOutput {
        let ran = self.sandbox.run([&["repo", "clone"], arguments].concat());
        assert!(!ran.stdout.contains(TOKEN) && !ran.stderr.contains(TOKEN));
        ran
    }

    /// Git in a clone, as the user runs it.
    fn git(&self, dir: &str, arguments: &[&str]) -> String {
        let mut git = program("git");
        git.args(arguments)
            .current_dir(self.sandbox.path(dir))
            .env("HOME", self.sandbox.home())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("BBCONNECT_STORE", "file")
            .env(
                "BBCONNECT_STORE_PASSPHRASE_FILE",
                self.sandbox.path("passphrase"),
            );
        check_output(&mut git).trim().to_owned()
    }
}

fn fixtures() -> Vec<Fixture> {
    if !is_installed("git", "--version") {
        return Vec::new();
    }
    [true, false].map(Fixture::new).into()
}

#[test]
fn a_clone_uses_the_connection_and_holds_no_credential() {
    for fixture in fixtures() {
        let cloned = fixture
            .clone(&[fixture.repository, "--json"])
            .exits_with(0)
            .json();
        assert_eq!(cloned["schema"], "bbconnect/repo-clone@1");
        assert_eq!(
            (&cloned["action"], &cloned["repository"]),
            (&"created".into(), &fixture.repository.into())
        );
        let path = cloned["path"].as_str().unwrap();
        assert_eq!(Path::new(path), fixture.sandbox.path("site"));
        let url = fixture.git("site", &["config", "remote.origin.url"]);
        assert!(
            url.starts_with("http://127.0.0.1:") && !url.contains('@'),
            "{url}"
        );
        for (key, expected) in [
            ("bbconnect.connection", "work"),
            ("bbconnect.repository", fixture.repository),
        ] {
            assert_eq!(fixture.git("site", &["config", "--local", key]), expected);
        }
        let configuration = fs::read_to_string(fixture.sandbox.path("site/.git/config")).unwrap();
        assert!(!configuration.contains(TOKEN), "{configuration}");
        // The clone goes on working, and commands in it use the connection.
        fixture.git("site", &["fetch", "--quiet", "origin"]);
        let mut which =
            fixture
                .sandbox
                .command(["connection", "which", "--get", "/connection/name"]);
        let which = which.current_dir(fixture.sandbox.path("site")).finish();
        assert_eq!(which.exits_with(0).stdout, "work\n");
    }
}

#[test]
fn options_are_those_of_git() {
    for fixture in fixtures() {
        let options = ["--", "--depth", "1", "--branch", "feature"];
        let arguments = [&[fixture.repository, "shallow dir"][..], &options].concat();
        let ran = fixture.clone(&arguments).exits_with(0);
        assert_contains(&ran.stderr, "git clone ");
        assert_contains(&ran.stderr, "--depth 1 --branch feature -- http://");
        assert_contains(&ran.stderr, "'shallow dir'");
        let dir = "shallow dir";
        assert_eq!(
            fixture.git(dir, &["rev-parse", "--is-shallow-repository"]),
            "true"
        );
        assert_eq!(fixture.git(dir, &["branch", "--show-current"]), "feature");
    }
}

#[test]
fn nothing_is_left_behind_by_a_failure() {
    for fixture in fixtures() {
        let path = |name: &str| fixture.sandbox.path(name);
        let (namespace, _) = fixture.repository.split_once('/').unwrap();
        // The directory is in use.
        fs::create_dir(path("used")).unwrap();
        fs::write(path("used/file"), "mine").unwrap();
        fs::write(path("a file"), "mine").unwrap();
        for dir in ["used", "a file"] {
            fixture.clone(&[fixture.repository, dir]).exits_with(6);
        }
        assert_eq!(fs::read_to_string(path("used/file")).unwrap(), "mine");
        // There is no such repository.
        let missing = format!("{namespace}/nothing");
        fixture.clone(&[&missing]).exits_with(5);
        assert!(!path("nothing").exists());
        // Git finds no such branch.
        fs::create_dir(path("empty")).unwrap();
        for dir in ["new", "empty", "deep/below/new"] {
            let failed = fixture.clone(&[fixture.repository, dir, "--", "--branch", "nowhere"]);
            assert_contains(&failed.exits_with(5).stderr, "nowhere");
        }
        assert!(!path("new").exists() && !path("deep").exists());
        assert_eq!(fs::read_dir(path("empty")).unwrap().count(), 0);
        // The credential is not accepted any more.
        fixture.server.update(|state| state.credentials.clear());
        fixture.clone(&[fixture.repository]).exits_with(3);
        assert!(!path("site").exists());
        // An option without the separator is no option of git.
        fixture
            .clone(&[fixture.repository, "--depth", "1"])
            .exits_with(2);
    }
}

#[test]
fn the_connection_of_the_environment_clones_as_well() {
    for fixture in fixtures() {
        let is_cloud = fixture.repository.starts_with("acme");
        let mut command = fixture
            .sandbox
            .command(["repo", "clone", fixture.repository, "--json"]);
        let ran = command
            .envs(fixture.server.environment(is_cloud))
            .env("BBCONNECT_TOKEN", TOKEN)
            .finish()
            .exits_with(0);
        assert_eq!(ran.json()["connection"], "environment");
        let mut recorded = program("git");
        recorded
            .args(["config", "--local", "bbconnect.connection"])
            .current_dir(fixture.sandbox.path("site"));
        assert_eq!(recorded.output().unwrap().status.code(), Some(1));
    }
}

/// What a server says through git does not control the terminal.
#[test]
fn text_of_the_server_is_escaped_on_a_terminal() {
    for fixture in fixtures() {
        let body = "\u{1b}]0;title\u{7} not for \u{1b}[31myou\n";
        let fault = Fault::new(403, &[("content-type", "text/plain")], body);
        fixture.server.update(|state| {
            state.targeted_faults.push(("GET", "/info/refs", fault));
        });
        let passphrase = fixture.sandbox.path("passphrase");
        let variables = [
            ("BBCONNECT_STORE", "file"),
            (
                "BBCONNECT_STORE_PASSPHRASE_FILE",
                passphrase.to_str().unwrap(),
            ),
            ("LC_ALL", "C.UTF-8"),
        ];
        let arguments = ["repo", "clone", fixture.repository, "--color", "never"];
        let mut terminal = fixture.sandbox.terminal_with(&variables, &arguments);
        let shown = terminal.rest();
        assert!(
            shown.contains("not for") && shown.contains("denied"),
            "{shown:?}"
        );
        assert!(
            !shown.contains("\u{1b}]0;") && !shown.contains("\u{1b}[31m"),
            "{shown:?}"
        );
        assert!(!fixture.sandbox.path("site").exists());
        // It works again, and shows what git does on one line.
        let mut terminal = fixture.sandbox.terminal_with(&variables, &arguments);
        let shown = terminal.rest();
        assert_contains(&shown, "cloned");
    }
}

#[test]
fn an_exported_netrc_is_used_by_real_git() {
    for fixture in fixtures() {
        let export = words("connection export work --format netrc --out .netrc");
        fixture.sandbox.run(export).exits_with(0);
        let (base, path) = if fixture.repository == "acme/site" {
            (fixture.server.website(), "acme/site.git")
        } else {
            (fixture.server.datacenter(), "scm/web/site.git")
        };
        let mut git = program("git");
        git.args(["-c", "credential.helper=", "ls-remote"])
            .arg(format!("{base}/{path}"))
            .env("HOME", fixture.sandbox.home())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0");
        let listed = check_output(&mut git);
        assert_contains(&listed, "refs/heads/main");
    }
}
