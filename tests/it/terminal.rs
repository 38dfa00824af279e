//! Output on a terminal: it fits the width, and progress is one line that disappears.
#![cfg(unix)]

use std::time::Duration;

use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Server, ServerState};
use crate::support::{Sandbox, Terminal, assert_contains, check_output, env_var, program};

const TOKEN: &str = "ATATT-terminal-marker";

fn server() -> Server {
    let scopes = &[
        "read:user:bitbucket",
        "read:repository:bitbucket",
        "read:project:bitbucket",
    ];
    Server::start(ServerState {
        credentials: Credential::for_jane(TOKEN, scopes),
        store: RepoStore::with(&["acme/a-repository-with-a-long-name", "acme/site"]),
        page_length: 25,
        projects: vec!["WEB".to_owned()],
        ..ServerState::default()
    })
}

/// The program on a terminal of so many columns, with a connection of the environment.
fn start(sandbox: &Sandbox, server: &Server, columns: usize, arguments: &[&str]) -> Terminal {
    let mut command = program("sh");
    let size = format!("stty cols {columns}; exec \"$0\" \"$@\"");
    command
        .args(["-c", &size, env!("CARGO_BIN_EXE_bbconnect")])
        .args(arguments)
        .current_dir(sandbox.home())
        .env_clear()
        .env("HOME", sandbox.home())
        .env("PATH", env_var("PATH").unwrap())
        .env("TERM", "xterm")
        .envs(server.environment(true))
        .env("BBCONNECT_TOKEN", TOKEN)
        .env("BBCONNECT_WORKSPACE", "acme");
    Terminal::start(command)
}

/// The lines of the output, without styles.
fn lines(output: &str) -> Vec<String> {
    let plain = anstream::adapter::strip_str(output).to_string();
    plain
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// Every line fits, but for one that is a single word.
fn assert_fits(output: &str, columns: usize) {
    for line in lines(output) {
        let is_word = !line.trim().contains(' ');
        assert!(
            line.chars().count() <= columns || is_word,
            "{columns}: {line:?}\n{output}"
        );
    }
}

#[test]
fn output_fits_the_terminal() {
    let server = server();
    let sandbox = Sandbox::new();
    for name in ["work", "a-connection-with-a-long-name"] {
        let url = "git@git.a-host-with-a-long-name.example.com:acme/a-repository.git";
        let add = ["connection", "add", name, "--auth", "ssh", "--url", url];
        sandbox.run(add).exits_with(0);
    }
    for columns in [60, 80, 200] {
        for arguments in [
            &["connection", "list"][..],
            &["connection", "show", "work"],
            &["status"],
            &["check"],
            &["repo", "list"],
            &["known-hosts", "show"],
            &["token", "scopes", "--for", "webhook"],
            &["connection", "show", "absent"],
            &["webhook", "list"],
            &["doctor"],
            &["-h"],
        ] {
            let output = start(&sandbox, &server, columns, arguments).rest();
            assert!(!output.trim().is_empty(), "{arguments:?}");
            assert_fits(&output, columns);
        }
    }
    // The first column, which the next command needs, is whole.
    let narrow = start(&sandbox, &server, 40, &["connection", "list"]).rest();
    assert!(
        lines(&narrow)
            .iter()
            .any(|line| line.starts_with("a-connection-with-a-long-name")),
        "{narrow}"
    );
    assert_fits(&narrow, 40);
}

/// The words that name every command, those of groups as well.
fn commands(command: &clap::Command, path: &[String], all: &mut Vec<Vec<String>>) {
    all.push(path.to_vec());
    // `help` has a copy of every command.
    let below = command.get_subcommands();
    for below in below.filter(|below| below.get_name() != "help") {
        commands(below, &[path, &[below.get_name().to_owned()]].concat(), all);
    }
}

#[test]
fn every_help_page_fits_the_terminal() {
    let mut all = Vec::new();
    commands(&bbconnect::internals::command(), &[], &mut all);
    assert!(all.len() > 60, "{}", all.len());
    for topic in ["options", "environment", "exit-statuses"] {
        all.push(["help", topic].map(str::to_owned).to_vec());
    }
    let (sandbox, server) = (Sandbox::new(), server());
    let page = |path: &[String], flag: &str, columns: usize| {
        let mut arguments: Vec<_> = path.iter().map(String::as_str).collect();
        if path.first().is_none_or(|first| first != "help") {
            arguments.push(flag);
        }
        let output = start(&sandbox, &server, columns, &arguments).rest();
        for line in lines(&output) {
            assert!(line.chars().count() <= columns, "{path:?} {flag}: {line}");
        }
    };
    std::thread::scope(|scope| {
        for part in all.chunks(all.len().div_ceil(4)) {
            scope.spawn(move || {
                for path in part {
                    page(path, "-h", 60);
                    page(path, "--help", 60);
                }
            });
        }
    });
    for path in &all {
        page(path, "--help", 80);
    }
}

/// A prompt that is wider than the terminal is drawn once, and its last line again.
#[test]
fn a_long_prompt_fits_the_terminal() {
    let (sandbox, server) = (Sandbox::new(), server());
    let repo = sandbox.path("repo");
    check_output(program("git").args(["init", "-q"]).arg(&repo));
    check_output(program("git").arg("-C").arg(&repo).args([
        "remote",
        "add",
        "origin",
        "git@bitbucket.org:acme/site.git",
    ]));
    let mut terminal = start(
        &sandbox,
        &server,
        40,
        &["migrate", "repo", "--no-user-config"],
    );
    terminal.expect("[y/N]");
    terminal.send_line("n");
    let output = terminal.rest();
    assert!(!output.contains("Apply"), "{output:?}");
    assert!(output.contains("aborted"), "{output:?}");
}

/// Every line of an example ends with a backslash, or the command ends; what it does is a comment.
#[test]
fn examples_of_help_can_be_pasted_on_a_narrow_terminal() {
    let (sandbox, server) = (Sandbox::new(), server());
    for arguments in [
        &["doctor", "--help"][..],
        &["doctor", "-h"],
        &["help", "doctor"],
        &["webhook", "-h"],
        &["help", "webhook"],
        &["key", "edit", "--help"],
    ] {
        let output = start(&sandbox, &server, 60, arguments).rest();
        let page = lines(&output);
        let examples = page.iter().skip_while(|line| **line != "Examples:").skip(1);
        let examples: Vec<_> = examples.take_while(|line| !line.is_empty()).collect();
        assert!(examples.len() > 1, "{arguments:?}: {output}");
        let mut is_continued = false;
        for line in examples {
            let is_comment = line.trim_start().starts_with("# ");
            assert!(
                is_continued || is_comment || line.starts_with("  bbconnect "),
                "{arguments:?}: {line}"
            );
            is_continued = line.ends_with(" \\");
        }
        assert!(!is_continued, "{output}");
    }
}

#[test]
fn short_help_is_short() {
    let (sandbox, server) = (Sandbox::new(), server());
    for (command, limit) in [
        ("", 45),
        ("connection list", 17),
        ("url", 22),
        ("repo list", 26),
        ("keygen", 34),
        ("check", 42),
        ("connect", 42),
        ("webhook ensure", 42),
        ("connection add", 60),
    ] {
        let arguments: Vec<_> = command.split_whitespace().chain(["-h"]).collect();
        for columns in [60, 80, 200] {
            let output = start(&sandbox, &server, columns, &arguments).rest();
            let page = lines(output.trim_end());
            assert!(
                page.len() <= limit,
                "{command} at {columns}: {}\n{output}",
                page.len()
            );
        }
    }
}

#[test]
fn descriptions_of_commands_are_one_column() {
    let (sandbox, server) = (Sandbox::new(), server());
    let output = start(&sandbox, &server, 80, &["-h"]).rest();
    let page = lines(&output);
    let column = |line: &String| {
        let (name, text) = line.strip_prefix("  ")?.split_once("  ")?;
        let is_command = name.starts_with(char::is_alphabetic);
        is_command.then_some(name.len() + text.len() - text.trim_start().len())
    };
    let groups: Vec<Vec<_>> = page
        .split(String::is_empty)
        .map(|group| group.iter().filter_map(column).collect())
        .filter(|group: &Vec<_>| !group.is_empty())
        .collect();
    assert_eq!(groups.len(), 4, "{output}");
    for group in groups {
        assert!(group.iter().all(|start| *start == group[0]), "{output}");
    }
}

#[test]
fn progress_is_one_line_that_disappears() {
    let server = server();
    server.update(|state| state.delay = Duration::from_millis(1200));
    let sandbox = Sandbox::new();
    let list = ["repo", "list", "--workspace", "acme"];
    let output = start(&sandbox, &server, 30, &list).rest();
    let (progress, rest) = output.rsplit_once("\r\u{1b}[2K").unwrap();
    assert!(progress.contains("listing repositories"), "{output:?}");
    assert!(!progress.contains('\n'), "{output:?}");
    for drawn in progress.split("\r\u{1b}[2K") {
        assert!(drawn.chars().count() < 30, "{drawn:?}");
    }
    assert!(
        lines(rest).iter().any(|line| line.starts_with("acme/site")),
        "{output:?}"
    );
    // Quick work and other readers see nothing of it.
    server.update(|state| state.delay = Duration::ZERO);
    let quick = start(&sandbox, &server, 80, &list).rest();
    assert!(!quick.contains("listing"), "{quick:?}");
}

#[test]
fn an_interrupted_command_leaves_a_clean_line() {
    let server = server();
    server.update(|state| state.delay = Duration::from_secs(20));
    let sandbox = Sandbox::new();
    let mut terminal = start(&sandbox, &server, 80, &["repo", "list"]);
    terminal.expect("listing repositories");
    terminal.press_ctrl_c();
    let rest = terminal.rest();
    let after = rest.rsplit_once("\r\u{1b}[2K").map(|(_, after)| after);
    assert_eq!(after, Some(""), "{rest:?}");
    assert_eq!(terminal.status(), 130);
}

#[test]
fn esc_at_a_list_aborts_and_removes_it() {
    let sandbox = Sandbox::new();
    for name in ["work", "server"] {
        let url = format!("git@git.example.com:acme/{name}.git");
        let add = ["connection", "add", name, "--auth", "ssh", "--url", &url];
        sandbox.run(add).exits_with(0);
    }
    let mut terminal = sandbox.terminal(&["connection", "use"]);
    terminal.expect("server");
    terminal.send("\u{1b}");
    let rest = terminal.rest();
    assert_contains(&rest, "aborted");
    // The list is removed, and the cursor is visible.
    assert!(
        rest.contains("\u{1b}[2K") && rest.contains("\u{1b}[?25h"),
        "{rest:?}"
    );
    assert_eq!(terminal.status(), 1);
}

#[test]
fn ctrl_c_at_a_list_removes_it() {
    let sandbox = Sandbox::new();
    for name in ["work", "server"] {
        let url = format!("git@git.example.com:acme/{name}.git");
        let add = ["connection", "add", name, "--auth", "ssh", "--url", &url];
        sandbox.run(add).exits_with(0);
    }
    let mut terminal = sandbox.terminal(&["connection", "use"]);
    // The lines of the list are scrolled into view before the position is saved that it begins at.
    let before = terminal.expect("\u{1b}7");
    assert!(before.ends_with("\r\n\r\n\r\n\u{1b}[3A"), "{before:?}");
    terminal.expect("work");
    terminal.press_ctrl_c();
    let rest = terminal.rest();
    // The cursor is visible, the position is restored, and everything below it is removed: once.
    let after = rest
        .rsplit_once("\u{1b}[?25h\u{1b}8")
        .map(|(_, after)| after);
    assert_eq!(after, Some("\u{1b}[J"), "{rest:?}");
    assert_eq!(rest.matches("\u{1b}8").count(), 1, "{rest:?}");
    assert_eq!(terminal.status(), 130);
}
