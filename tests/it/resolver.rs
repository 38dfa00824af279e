//! Which connection and which repository a command uses in real checkouts, with how many processes and TCP connections.
#![cfg(unix)]

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Server, ServerState};
use crate::support::{
    CommandExt as _, RunOutput, Sandbox, assert_contains, check_output, env_var, is_installed,
    program, write_script,
};

const TOKEN: &str = "ATATT-resolver-marker";
const ENSURE: [&str; 6] = [
    "webhook",
    "ensure",
    "--url",
    "https://ci.example.com/h",
    "--event",
    "push",
];

struct Fixture {
    sandbox: Sandbox,
    server: Server,
}

impl Fixture {
    /// The connections `work` (Cloud, for `acme/web-app`) and `server` (Data Center, for `WEB/site`), the first of which is
    /// the default; `None` where there is no git.
    fn new() -> Option<Self> {
        if !is_installed("git", "--version") {
            return None;
        }
        let names = [
            "acme/web-app",
            "acme/api-server",
            "WEB/site",
            "WEB/other",
            "OPS/tools",
        ];
        let fixture = Self {
            sandbox: Sandbox::new(),
            server: Server::start(ServerState {
                credentials: Credential::for_jane(TOKEN, &["read:webhook:bitbucket"]),
                store: RepoStore::with(&names),
                ..ServerState::default()
            }),
        };
        fixture.write(&format!(
            "default = \"work\"\n{}{}",
            fixture.cloud("work", TOKEN),
            fixture.datacenter()
        ));
        Some(fixture)
    }

    fn write(&self, connections: &str) {
        self.sandbox.write_confirmed_connections(connections);
    }

    fn cloud(&self, name: &str, token: &str) -> String {
        let url = self.server.cloud();
        format!(
            "[connections.{name}]\ndeployment = \"cloud\"\nbase_url = \"{url}\"\nauth = \"api-token\"\n\
             email = \"jane@acme.example\"\nworkspace = \"acme\"\nrepository = \"web-app\"\nstore = \"command\"\n\
             token_command = \"echo {token}\"\n"
        )
    }

    fn datacenter(&self) -> String {
        let url = self.server.datacenter();
        format!(
            "[connections.server]\ndeployment = \"datacenter\"\nbase_url = \"{url}\"\nauth = \"http-access-token\"\n\
             project = \"WEB\"\nrepository = \"site\"\nstore = \"command\"\ntoken_command = \"echo {TOKEN}\"\n"
        )
    }

    fn command(&self, dir: &str, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.command(arguments);
        command
            .current_dir(self.sandbox.path(dir))
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    fn run(&self, dir: &str, arguments: &[&str]) -> RunOutput {
        self.command(dir, arguments).finish()
    }

    fn git(&self, dir: &str, arguments: &[&str]) -> String {
        let mut git = program("git");
        git.args(["-c", "protocol.file.allow=always"])
            .args(["-c", "user.name=Jane", "-c", "user.email=jane@acme.example"])
            .args(arguments)
            .current_dir(self.sandbox.path(dir))
            .env("HOME", self.sandbox.home())
            .env("GIT_CONFIG_NOSYSTEM", "1");
        check_output(&mut git)
    }

    /// A checkout with these remotes.
    fn checkout(&self, dir: &str, remotes: &[(&str, &str)]) {
        self.git(".", &["init", "--quiet", dir]);
        for (name, url) in remotes {
            self.git(dir, &["remote", "add", name, url]);
        }
    }

    fn hooks(&self, namespace: &str, slug: &str) -> usize {
        let mut count = 0;
        self.server.update(|state| {
            count = state.store.repo(namespace, slug).unwrap().hooks.len();
        });
        count
    }

    fn repository(&self, dir: &str, more: &[&str]) -> Value {
        let list = [&["webhook", "list", "--json"][..], more].concat();
        let mut listed = self.run(dir, &list).exits_with(0).json();
        listed["repository"].take()
    }
}

#[test]
fn a_command_acts_on_the_repository_of_the_checkout() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    fixture.checkout(
        "api",
        &[("origin", "https://bitbucket.org/acme/api-server.git")],
    );
    let ensured = fixture.run("api", &ENSURE).exits_with(0);
    let named = "acme/api-server, from remote origin";
    assert!(ensured.stdout.contains(named), "{}", ensured.stdout);
    assert_eq!(fixture.hooks("acme", "api-server"), 1);
    assert_eq!(fixture.hooks("acme", "web-app"), 0);
    let again = [&ENSURE[..], &["--json"]].concat();
    let again = fixture.run("api", &again).exits_with(0).json();
    assert_eq!(again["repository"], "acme/api-server");
    assert_eq!(again["action"], "unchanged");
    // A worktree and a submodule, each with what git says of it.
    fixture.git("api", &["commit", "--quiet", "--allow-empty", "-m", "x"]);
    fixture.git("api", &["worktree", "add", "--quiet", "../tree"]);
    assert_eq!(fixture.repository("tree", &[]), "acme/api-server");
    let url = format!("{}/scm/web/other.git", fixture.server.datacenter());
    fixture.checkout("lib", &[]);
    fixture.git("lib", &["commit", "--quiet", "--allow-empty", "-m", "x"]);
    let lib = fixture.sandbox.path("lib");
    let lib = lib.to_str().unwrap();
    fixture.git("api", &["submodule", "--quiet", "add", lib, "lib"]);
    fixture.git("api/lib", &["remote", "set-url", "origin", &url]);
    assert_eq!(fixture.repository("api/lib", &[]), "WEB/other");
    // Elsewhere, the connection's own.
    assert_eq!(fixture.repository(".", &[]), "acme/web-app");
    let listed = fixture.run(".", &["webhook", "list"]).exits_with(0);
    let named = "acme/web-app, from connection work";
    assert!(listed.stderr.contains(named), "{}", listed.stderr);
}

#[test]
fn the_first_source_names_the_repository() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let other = format!("{}/scm/web/other.git", fixture.server.datacenter());
    fixture.checkout("x", &[("origin", &other)]);
    // The server decides first: a remote of another project selects the connection to its server.
    let tools = format!("{}/scm/ops/tools.git", fixture.server.datacenter());
    fixture.checkout("y", &[("bb", &tools)]);
    assert_eq!(fixture.repository("y", &[]), "OPS/tools");
    assert_eq!(fixture.repository("y", &["-c", "server"]), "OPS/tools");
    // A remote on another server is not the connection's.
    fixture.checkout("z", &[("origin", "https://github.com/acme/other.git")]);
    assert_eq!(fixture.repository("z", &["-c", "server"]), "WEB/site");
    assert_eq!(fixture.repository("z", &[]), "acme/web-app");
    // Of two remotes neither is meant.
    fixture.git("y", &["remote", "add", "second", &other]);
    assert_eq!(fixture.repository("y", &[]), "WEB/site");
    fixture.git("y", &["remote", "rename", "second", "origin"]);
    assert_eq!(fixture.repository("y", &[]), "WEB/other");
    let mut variable = fixture.command("x", &["webhook", "list", "--json"]);
    variable.env("BBCONNECT_REPO", "site");
    assert_eq!(
        variable.finish().exits_with(0).json()["repository"],
        "WEB/site"
    );
    fixture.git("x", &["config", "bbconnect.repository", "OPS/tools"]);
    assert_eq!(fixture.repository("x", &[]), "OPS/tools");
    assert_eq!(fixture.repository("x", &["--repo", "site"]), "WEB/site");
    // It was recorded for the server of the checkout's connection.
    fixture.git("z", &["config", "bbconnect.repository", "OPS/tools"]);
    fixture.git("z", &["config", "bbconnect.connection", "server"]);
    assert_eq!(fixture.repository("z", &[]), "OPS/tools");
    assert_eq!(fixture.repository("z", &["-c", "work"]), "acme/web-app");
    let bad = fixture
        .command("x", &["webhook", "list", "--json"])
        .env("BBCONNECT_REPO", "a b")
        .finish();
    assert_eq!(bad.exits_with(2).json()["error"]["kind"], "usage");
}

#[test]
fn git_uses_the_connection_of_the_checkout() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    fixture.write(&format!(
        "default = \"a\"\n{}{}",
        fixture.cloud("a", "token-of-a"),
        fixture.cloud("b", "token-of-b")
    ));
    let url = format!("{}/acme/web-app.git", fixture.server.website());
    for dir in ["one", "two"] {
        fixture.checkout(dir, &[("origin", &url)]);
        fs::create_dir(fixture.sandbox.path(dir).join("sub")).unwrap();
    }
    let used = ["connection", "use", "b", "--here"];
    fixture.run("one", &used).exits_with(0);
    let used = ["connection", "use", "b", "--service", "sub"];
    fixture.run("two", &used).exits_with(0);
    fixture.git("one", &["commit", "--quiet", "--allow-empty", "-m", "x"]);
    fixture.git("one", &["worktree", "add", "--quiet", "../tree"]);
    let host = url.split('/').nth(2).unwrap();
    let request = format!("protocol=http\nhost={host}\npath=acme/web-app.git\n\n");
    let input = fixture.sandbox.path("request");
    fs::write(&input, request).unwrap();
    let fill = |dir: &str, environment: &str| {
        let program_path = env!("CARGO_BIN_EXE_bbconnect");
        let script = format!(
            "eval \"$({program_path} git env {environment})\" && cd {dir} && git credential fill < \"$HOME/request\""
        );
        let mut shell = fixture.sandbox.command([""; 0]);
        let mut filled = program("sh");
        filled
            .args(["-c", &script])
            .env_clear()
            .current_dir(fixture.sandbox.home());
        for (name, value) in shell.env("GIT_TERMINAL_PROMPT", "0").get_envs() {
            filled.env(name, value.unwrap());
        }
        check_output(&mut filled)
    };
    for (dir, expected) in [
        (".", "token-of-a"),
        ("one", "token-of-b"),
        ("tree", "token-of-b"),
        ("two", "token-of-a"),
        ("two/sub", "token-of-b"),
    ] {
        let filled = fill(dir, "");
        assert!(filled.contains(expected), "{dir}: {filled}");
        let which = fixture.run(dir, &["connection", "which", "--json"]);
        let which = which.exits_with(0).json();
        let name = which["connection"]["name"].as_str().unwrap();
        assert!(expected.ends_with(name), "{dir}: {which}");
    }
    // A connection that was named is used everywhere.
    assert_contains(&fill("one", "a"), "token-of-a");
}

#[test]
fn a_checkout_that_git_cannot_read_is_an_error() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    fixture.checkout("broken", &[]);
    fs::write(fixture.sandbox.path("broken/.git/config"), "[x\n").unwrap();
    fs::create_dir(fixture.sandbox.path("dangling")).unwrap();
    fs::write(
        fixture.sandbox.path("dangling/.git"),
        "gitdir: /nonexistent\n",
    )
    .unwrap();
    for dir in ["broken", "dangling"] {
        for command in [&["webhook", "list"][..], &["connection", "which"]] {
            let failed = fixture.run(dir, &[command, &["--json"]].concat());
            let failed = failed.exits_with(9).json();
            let message = failed["error"]["message"].as_str().unwrap();
            assert_contains(&message, "cannot read this checkout");
        }
        // Nothing of the checkout is needed.
        let named = ["-c", "work", "--repo", "acme/web-app"];
        assert_eq!(fixture.repository(dir, &named), "acme/web-app");
    }
    // A git that fails, that hangs, or that is not there.
    fixture.checkout("fine", &[]);
    let bin = fixture.sandbox.path("bin");
    fs::create_dir(&bin).unwrap();
    let list = ["webhook", "list", "--json"];
    let with_path = |dir: &str| {
        let mut command = fixture.command(dir, &list);
        command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        command
    };
    write_script(
        &bin.join("git"),
        "#!/bin/sh\necho 'fatal: detected dubious ownership' >&2\nexit 128\n",
    );
    with_path("fine").finish().exits_with(9);
    write_script(&bin.join("git"), "#!/bin/sh\nexit 1\n");
    with_path("fine").finish().exits_with(9);
    fs::remove_file(bin.join("git")).unwrap();
    // The token's command is there.
    std::os::unix::fs::symlink("/bin/echo", bin.join("echo")).unwrap();
    for (dir, status) in [("fine", 9), (".", 0)] {
        let mut without = fixture.command(dir, &list);
        without.env("PATH", &bin);
        without.finish().exits_with(status);
    }
}

#[test]
fn git_is_started_twice_at_most() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    fixture.checkout(
        "api",
        &[("origin", "https://bitbucket.org/acme/api-server.git")],
    );
    let bin = fixture.sandbox.path("bin");
    fs::create_dir(&bin).unwrap();
    let log = fixture.sandbox.path("log");
    let path = env_var("PATH").unwrap().into_string().unwrap();
    let script = format!(
        "#!/bin/sh\necho x >> {}\nPATH='{path}' exec git \"$@\"\n",
        log.display()
    );
    write_script(&bin.join("git"), &script);
    let processes = |dir: &str, arguments: &[&str]| {
        drop(fs::remove_file(&log));
        let mut command = fixture.command(dir, arguments);
        command.env("PATH", format!("{}:{path}", bin.display()));
        command.finish().exits_with(0);
        fs::read_to_string(&log).unwrap_or_default().lines().count()
    };
    for arguments in [
        &["webhook", "list"][..],
        &["pr", "list"],
        &["connection", "which"],
        &["webhook", "list", "-c", "work"],
        &["api", "GET", "repositories/{workspace}/{repo}"],
        &["check"],
    ] {
        assert_eq!(processes("api", arguments), 2, "{arguments:?}");
        assert_eq!(processes(".", arguments), 1, "{arguments:?}");
    }
    for arguments in [
        &["webhook", "list", "-c", "work", "--repo", "acme/web-app"][..],
        &["workspace", "list", "-c", "work"],
        &["connection", "list"],
    ] {
        assert_eq!(processes("api", arguments), 0, "{arguments:?}");
    }
}

#[test]
fn requests_share_one_tcp_connection() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let hook = ["--url", "https://ci.example.com/h"];
    let ensure_all = [&ENSURE[..], &["--all", "--project", "WEB", "-c", "server"]].concat();
    let remove = [&["webhook", "remove", "--yes", "-c", "server"][..], &hook].concat();
    let generate = [&ENSURE[..], &["--generate-secret", "-c", "work"]].concat();
    let mut before = 0;
    for (arguments, least, at_once) in [
        // Two repositories at the same time.
        (&ensure_all[..], 5, 2),
        (&remove, 2, 1),
        (&generate, 3, 1),
    ] {
        fixture.server.update(|state| state.connections = 0);
        fixture.run(".", arguments).exits_with(0);
        let requests = fixture.server.requests().len();
        assert!(
            requests - before >= least,
            "{arguments:?}: {}",
            requests - before
        );
        before = requests;
        fixture.server.update(|state| {
            assert!(
                state.connections <= at_once,
                "{arguments:?}: {}",
                state.connections
            );
        });
    }
}
