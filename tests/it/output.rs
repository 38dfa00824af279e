//! Output of every command: one value of the JSON document, and what a failing command prints instead.

#[cfg(unix)]
use crate::support::assert_contains;
use crate::support::bitbucket::{Credential, Server, ServerState};
use crate::support::{CommandExt as _, RunOutput, Sandbox};

const TOKEN: &str = "ATATT-output-marker";

fn run(server: &Server, token: &str, arguments: &[&str]) -> RunOutput {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(arguments);
    command
        .env("BBCONNECT_URL", server.cloud())
        .env("BBCONNECT_EMAIL", "jane@acme.example")
        .env("BBCONNECT_WORKSPACE", "acme")
        .env("BBCONNECT_TOKEN", token);
    command.finish()
}

#[test]
fn get_prints_one_value_and_keeps_the_exit_status() {
    let server = Server::start(ServerState {
        credentials: Credential::for_jane(TOKEN, &["read:project:bitbucket"]),
        projects: vec!["WEB".to_owned(), "APP".to_owned()],
        ..ServerState::default()
    });
    for (token, arguments, exit, stdout) in [
        (
            TOKEN,
            &["project", "list", "--get", "/projects/1/key"][..],
            0,
            "APP\n",
        ),
        (
            TOKEN,
            &["--get=/projects/0/private", "project", "ls"],
            0,
            "true\n",
        ),
        (
            TOKEN,
            &["project", "list", "--get", "/projects/2/key"],
            5,
            "",
        ),
        (
            TOKEN,
            &[
                "api",
                "workspaces/acme/projects",
                "--get",
                "/body/values/0/key",
            ],
            0,
            "WEB\n",
        ),
        (TOKEN, &["api", "nothing", "--get", "/body"], 5, ""),
        // The command fails: its exit status, and its error.
        ("wrong", &["project", "list", "--get", "/projects"], 3, ""),
        (
            "wrong",
            &["project", "list", "--json", "--get", "/projects"],
            3,
            "",
        ),
        // A failed check has a document.
        ("wrong", &["check", "--get", "/ok"], 3, "false\n"),
        ("wrong", &["check", "--get", "/nothing"], 3, ""),
        (
            TOKEN,
            &["check", "--get", "/connections/0/account"],
            0,
            "null\n",
        ),
    ] {
        let ran = run(&server, token, arguments).exits_with(exit);
        assert_eq!(ran.stdout, stdout, "{arguments:?}");
        let has_error = ran.stderr.starts_with("error: ");
        assert_eq!(
            has_error,
            stdout.is_empty(),
            "{arguments:?}: {}",
            ran.stderr
        );
    }
}

/// A browser that records the URL it opens.
#[cfg(unix)]
#[test]
fn web_opens_the_page_in_the_browser_of_the_environment() {
    use std::fs;

    use crate::support::bitbucket::Kind;
    use crate::support::bitbucket::repo_store::RepoStore;
    use crate::support::write_script;

    for is_cloud in [true, false] {
        let repository = if is_cloud { "acme/site" } else { "WEB/site" };
        let mut credentials = Credential::for_jane(
            TOKEN,
            &["read:repository:bitbucket", "read:pullrequest:bitbucket"],
        );
        credentials.push(Credential::new(
            Kind::UserToken { user: "jane" },
            TOKEN,
            &["REPO_READ"],
        ));
        let server = Server::start(ServerState {
            credentials,
            store: RepoStore::with(&["acme/site+", "WEB/site+"]),
            page_length: 25,
            ..ServerState::default()
        });
        let sandbox = Sandbox::new();
        let browser = sandbox.path("a browser");
        write_script(&browser, "#!/bin/sh\necho \"$@\" >> opened\n");
        let failing = sandbox.path("no browser");
        write_script(&failing, "#!/bin/sh\nexit 3\n");
        let run = |browser: &str, arguments: &[&str]| {
            let mut command = sandbox.command(arguments);
            command
                .envs(server.environment(is_cloud))
                .env("BBCONNECT_TOKEN", TOKEN)
                .env("BROWSER", browser);
            command.finish().exits_with(0)
        };
        let quoted = format!("'{}' --new %s", browser.display());
        // One that fails opens nothing.
        let failing = format!("'{}'", failing.display());
        let view = run(&failing, &["repo", "view", repository, "--web", "--json"]).json();
        assert_eq!(view["page"]["opened"], false);
        let view = run(&quoted, &["repo", "view", repository, "--web", "--json"]).json();
        let web = view["web"].as_str().unwrap();
        assert_eq!(
            view["page"],
            serde_json::json!({"url": web, "opened": true})
        );
        let list = run(&quoted, &["pr", "list", "-R", repository, "--web"]);
        let opened = fs::read_to_string(sandbox.path("opened")).unwrap();
        let opened: Vec<_> = opened.lines().collect();
        assert_eq!(opened[0], format!("--new {web}"));
        assert!(opened[1].ends_with("/pull-requests"), "{opened:?}");
        assert_contains(&list.stderr, "opened http");
        // Without the flag nothing is opened; without a browser the page is named.
        run(&quoted, &["repo", "view", repository]);
        let none = run("/nowhere/browser", &["repo", "view", repository, "--web"]);
        assert_contains(&none.stderr, &format!("open {web}"));
        assert_eq!(
            fs::read_to_string(sandbox.path("opened"))
                .unwrap()
                .lines()
                .count(),
            2
        );
    }
}
