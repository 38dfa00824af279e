//! No secret is shown: not on standard output or standard error, not with `--verbose`, not to a program that is started,
//! not in a file. Every command that has one in its hands, on both products, with every store that works here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::support::bitbucket;
use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Kind, Server, ServerState};
use crate::support::{
    self, RunOutput, Sandbox, check_output, is_installed, print_command, program, words,
};

/// What must not be seen. Each is in a place of its own, so that a leak tells where it came from.
const CLOUD_TOKEN: &str = "ATATT-cloud-marker-8f21";
const SERVER_TOKEN: &str = "BBDC-server-marker-8f22";
const WRONG_PASSWORD: &str = "wrong-password-marker-8f23";
const WEBHOOK_SECRET: &str = "webhook-marker-8f24";
const STORE_PASSPHRASE: &str = "store-marker-8f25";
const KEY_PASSPHRASE: &str = "key-marker-8f26";
const IN_URL: &str = "pasted-marker-8f27";
const MARKERS: [&str; 7] = [
    CLOUD_TOKEN,
    SERVER_TOKEN,
    WRONG_PASSWORD,
    WEBHOOK_SECRET,
    STORE_PASSPHRASE,
    KEY_PASSPHRASE,
    IN_URL,
];

/// Behind the arguments of a program that gets the credential in its environment.
const WITH_CREDENTIAL: &str = "WITH-CREDENTIAL";

/// The programs that are started, on Unix behind a wrapper that notes with what words.
const STARTED: [&str; 6] = [
    "git",
    "ssh",
    "ssh-add",
    "ssh-keygen",
    "ssh-keyscan",
    "xdg-open",
];

fn path() -> String {
    let path = support::env_var("PATH").unwrap();
    path.into_string().unwrap()
}

struct Fixture {
    cloud: Server,
    datacenter: Server,
    sandbox: Sandbox,
    /// Beside the home directory: what the user keeps elsewhere, and the notes of the wrappers.
    beside: tempfile::TempDir,
    store: &'static str,
    has_git: bool,
}

impl Fixture {
    fn new(store: &'static str) -> Self {
        let credential = |kind, secret: &str, scopes: Vec<&'static str>| Credential {
            kind,
            secret: secret.to_owned(),
            scopes,
        };
        let all = vec![
            "read:user:bitbucket",
            "read:repository:bitbucket",
            "write:repository:bitbucket",
            "admin:repository:bitbucket",
            "read:webhook:bitbucket",
            "write:webhook:bitbucket",
        ];
        let cloud = credential(Kind::JANE_API_TOKEN, CLOUD_TOKEN, all);
        let user = Kind::UserToken { user: "jane" };
        let datacenter = credential(user, SERVER_TOKEN, vec!["REPO_ADMIN"]);
        let beside = tempfile::tempdir().unwrap();
        let git = beside.path().join("git");
        let has_git = is_installed("git", "--version");
        for name in ["acme/site", "web/site"].into_iter().filter(|_| has_git) {
            bitbucket::git::create(&git, name, &["other"]);
        }
        let serve = |name: &str, credential| {
            let mut store = RepoStore::with(&[&format!("{name}+")]);
            store.push(name, "other", "Other", ("other.html", b"<p>"));
            store.git = has_git.then(|| git.clone());
            Server::start(ServerState {
                credentials: vec![credential],
                store,
                page_length: 25,
                ..ServerState::default()
            })
        };
        let fixture = Self {
            cloud: serve("acme/site", cloud),
            datacenter: serve("WEB/site", datacenter),
            sandbox: Sandbox::new(),
            beside,
            store,
            has_git,
        };
        fs::write(fixture.beside("passphrase"), STORE_PASSPHRASE).unwrap();
        fs::create_dir(fixture.beside("bin")).unwrap();
        #[cfg(unix)]
        for name in STARTED {
            fixture.wrap(name);
        }
        fs::create_dir(fixture.sandbox.path("site")).unwrap();
        fs::write(fixture.sandbox.path("site/page.html"), "<p>").unwrap();
        fixture
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.beside.path().join(name)
    }

    /// Notes the words that a program is started with: what `ps` shows to everybody.
    #[cfg(unix)]
    fn wrap(&self, name: &str) {
        let path = path();
        let text = format!(
            "#!/bin/sh\n{{ printf '%s ' \"$0\" \"$@\"; env | grep -q 'Authorization: ' && printf {WITH_CREDENTIAL}; echo; }} >> '{}'\n\
             PATH='{path}' exec {name} \"$@\"\n",
            self.beside("started").display()
        );
        support::write_script(&self.beside("bin").join(name), &text);
    }

    fn run(&self, arguments: &[&str], input: &str) -> RunOutput {
        let mut path = path();
        if cfg!(unix) {
            path = format!("{}:{path}", self.beside("bin").display());
        }
        let mut command = self.sandbox.command(arguments);
        command
            .env("PATH", path)
            .env("BBCONNECT_STORE", self.store)
            .env("BBCONNECT_STORE_PASSPHRASE_FILE", self.beside("passphrase"))
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that does not read its input closes it.
        drop(std::io::Write::write_all(
            &mut child.stdin.take().unwrap(),
            input.as_bytes(),
        ));
        RunOutput::from(child.wait_with_output().unwrap())
    }

    /// Runs a command plainly, telling all it does, and as JSON; nothing secret may come out.
    fn tell(&self, arguments: &[&str], input: &str) -> Vec<i32> {
        [&[][..], &["--verbose"], &["--json", "--verbose"]]
            .into_iter()
            .map(|more| {
                let ran = self.run(&[arguments, more].concat(), input);
                let shown = format!("{}{}", ran.stdout, ran.stderr);
                for marker in MARKERS {
                    assert!(!shown.contains(marker), "{arguments:?} {more:?}: {shown}");
                }
                ran.status
            })
            .collect()
    }

    /// Nothing that was started, and no file of the home directory, has a secret.
    fn keeps_quiet(&self) {
        let started = fs::read_to_string(self.beside("started")).unwrap_or_default();
        for marker in MARKERS {
            assert!(!started.contains(marker), "{started}");
            for file in files(self.sandbox.home()) {
                let bytes = fs::read(&file).unwrap();
                let is_there = bytes
                    .windows(marker.len())
                    .any(|at| at == marker.as_bytes());
                assert!(!is_there, "{marker} is in {}", file.display());
            }
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries
        .flat_map(|entry| {
            if entry.file_type().unwrap().is_dir() {
                files(&entry.path())
            } else {
                vec![entry.path()]
            }
        })
        .collect()
}

/// What works with a connection of either product, and with one of them alone.
const WORK: [&str; 26] = [
    "connection show NAME",
    "connection list",
    "connection which -c NAME",
    "check NAME --for write --repo REPO",
    "check NAME --format junit",
    "doctor NAME",
    "project list -c NAME --workspace acme",
    "repo list -c NAME --all",
    "repo view REPO -c NAME",
    "repo create NAMESPACE/new --project WEB -c NAME",
    "webhook ensure --repo REPO --url https://ci.example.com/hook --event push --secret-stdin -c NAME",
    "webhook list --repo REPO -c NAME",
    "audit --repo REPO --what keys,webhooks -c NAME",
    "pr create --repo REPO --source other --target main --title T -c NAME",
    "pr list --repo REPO -c NAME",
    "key list --repo REPO -c NAME",
    "publish site --repo REPO --branch built --dry-run -c NAME",
    "publish site --repo REPO --branch built -c NAME",
    "token scopes --for write -c NAME",
    "git env NAME",
    "git setup -c NAME",
    "connect https://ws:PASTED@bitbucket.org/acme/site.git --register manual --dry-run",
    "url https://jane:PASTED@bitbucket.org/acme/site.git",
    "known-hosts show",
    "known-hosts show --json",
    "migrate . --dry-run",
];
const WORK_ON_CLOUD: [&str; 2] = ["workspace list -c NAME", "api GET user -c NAME"];
const WORK_ON_A_SERVER: [&str; 2] = [
    "token list -c NAME",
    "api GET /rest/api/latest/application-properties -c NAME",
];
/// What is refused, and says no more than it must.
const REFUSED: [&str; 5] = [
    "connection add x --token=PASTED",
    "connection add x --url https://jane:PASTED@bitbucket.org/acme/site.git --auth password --token-stdin",
    "api GET https://jane:PASTED@elsewhere.example/2.0/user -c NAME",
    "webhook ensure --repo REPO --url https://ci.example.com/hook --secret=PASTED -c NAME",
    "known-hosts add https://jane:PASTED@127.0.0.1:1/web/site.git --timeout 1",
];

/// The commands that run git.
const NEEDS_GIT: [&str; 4] = ["doctor ", "publish ", "git setup ", "migrate "];

#[test]
fn no_command_prints_or_writes_a_secret() {
    for store in ["file", "command"] {
        let fixture = Fixture::new(store);
        let (cloud, server) = (fixture.cloud.cloud(), fixture.datacenter.datacenter());
        let add = |name: &str, url: &str, auth: &[&str], secret: &str| {
            // What a password manager would answer, from a file of another directory.
            let file = fixture.beside(name);
            fs::write(&file, secret).unwrap();
            let command = print_command(&file.display().to_string());
            let by: &[&str] = if store == "file" {
                &["--token-stdin"]
            } else {
                &["--token-command", &command]
            };
            let words = [&["connection", "add", name, "--url", url][..], auth, by].concat();
            fixture.tell(&words, secret)
        };
        let jane = ["--auth", "api-token", "--email", "jane@acme.example"];
        let wrong = ["--auth", "password", "--username", "jane"];
        assert_eq!(add("wrong", &server, &wrong, WRONG_PASSWORD)[0], 3);
        assert_eq!(add("cloud", &cloud, &jane, CLOUD_TOKEN)[0], 0);
        let each = |name: &str, repo: &str, own: &[&str]| {
            let is_possible = |line: &&&str| {
                fixture.has_git || !NEEDS_GIT.iter().any(|start| line.starts_with(start))
            };
            let done = WORK.iter().chain(own).filter(is_possible);
            let done = done.map(|line| (line, true));
            for (line, is_done) in done.chain(REFUSED.iter().map(|line| (line, false))) {
                let words = line.split(' ').map(|word| {
                    word.replace("NAMESPACE", repo.split('/').next().unwrap())
                        .replace("NAME", name)
                        .replace("REPO", repo)
                        .replace("PASTED", IN_URL)
                });
                let words: Vec<String> = words.collect();
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let ended = fixture.tell(&words, &format!("{WEBHOOK_SECRET}\n"));
                let why = || fixture.run(&words, "").stderr;
                assert_eq!(
                    ended.contains(&0),
                    is_done,
                    "{words:?}: {ended:?} {}",
                    why()
                );
                fixture.keeps_quiet();
            }
        };
        each("cloud", "acme/site", &WORK_ON_CLOUD);
        assert_eq!(
            add(
                "server",
                &server,
                &["--auth", "http-access-token"],
                SERVER_TOKEN
            )[0],
            0
        );
        each("server", "WEB/site", &WORK_ON_A_SERVER);
        if cfg!(windows) {
            continue;
        }
        let started = fs::read_to_string(fixture.beside("started")).unwrap();
        // Git gets the credential only where it connects to the server.
        let with_credential = |line: &&str| line.contains(WITH_CREDENTIAL);
        let connects = |line: &str| {
            let mut commands = ["ls-remote", "fetch", "push", "check-attr"].into_iter();
            commands.any(|command| line.contains(&format!("/git {command} ")))
        };
        assert!(
            started.lines().filter(with_credential).all(connects),
            "{started}"
        );
        for command in ["/git push ", "/git hash-object "] {
            let has = started.lines().find(|line| line.contains(command));
            let has = has.unwrap_or_else(|| panic!("no {command} in {started}"));
            assert_eq!(with_credential(&has), command == "/git push ", "{has}");
        }
    }
}

#[test]
fn only_git_receives_the_secret() {
    let fixture = Fixture::new("file");
    let server = fixture.datacenter.datacenter();
    let add = format!("connection add server --url {server} --auth http-access-token");
    let add = words(&add);
    let ran = fixture.run(&[&add[..], &["--token-stdin"]].concat(), SERVER_TOKEN);
    ran.exits_with(0);
    let host = server.split('/').nth(2).unwrap();
    let question = format!("protocol=http\nhost={host}\n\n");
    let ran = fixture.run(&["git", "credential", "get", "--verbose"], &question);
    assert!(ran.stdout.contains(SERVER_TOKEN));
    assert!(!ran.stderr.contains(SERVER_TOKEN), "{}", ran.stderr);
    let erased = format!("protocol=http\nhost={host}\npassword={SERVER_TOKEN}\n\n");
    for operation in ["store", "erase"] {
        fixture.tell(&["git", "credential", operation], &erased);
    }
    fixture.keeps_quiet();
}

#[test]
fn a_key_passphrase_is_not_printed_or_written() {
    let fixture = Fixture::new("file");
    let path = fixture.sandbox.path("key");
    let keygen = words("keygen --type ed25519 --passphrase-stdin --force --out");
    let words = [&keygen[..], &[path.to_str().unwrap()]].concat();
    assert_eq!(
        fixture.tell(&words, &format!("{KEY_PASSPHRASE}\n")),
        [0, 0, 0]
    );
    fixture.keeps_quiet();
    if is_installed("ssh-keygen", "-?") {
        let mut read = program("ssh-keygen");
        check_output(read.args(["-y", "-P", KEY_PASSPHRASE, "-f"]).arg(&path));
    }
}
