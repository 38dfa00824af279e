//! Output of every command: one value of the JSON document, and what a failing command prints instead.

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
        credentials: Credential::of_jane(TOKEN, &["read:project:bitbucket"]),
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
