//! Every command that a document shows: the program knows it, and what can be run here is run, against the test Bitbucket
//! where it needs an account.

use std::fs;
use std::path::Path;

use clap::error::ErrorKind;

const FINGERPRINT: &str = "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM";

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).expect(name).replace("\r\n", "\n")
}

/// The lines of a document's blocks of these kinds, such as `sh`, that run the program; a prompt is left out.
fn lines(document: &str, kinds: &[&str]) -> Vec<String> {
    let blocks = document.split("```").skip(1).step_by(2);
    let lines = blocks
        .filter_map(|block| block.split_once('\n'))
        .filter(|(kind, _)| kinds.contains(kind))
        .flat_map(|(_, text)| text.lines());
    lines
        .map(|line| line.trim().trim_start_matches("$ ").to_owned())
        .filter(|line| line.contains("bbconnect ") && !line.starts_with(['#', '{']))
        .collect()
}

/// The commands of a line of shell, a list of words each.
fn commands(line: &str) -> Vec<Vec<String>> {
    let starts = line.match_indices("bbconnect ").map(|(start, _)| start);
    let is_command = |start: &usize| {
        let before = line.get(..*start).unwrap_or_default().trim_end();
        before.is_empty() || before.ends_with(['(', '\'', '-', ';', ':', '&', '|', ')'])
    };
    starts
        .filter(is_command)
        .map(|start| {
            let end = end_of_command(&line[start..]);
            let command = &line[start..start + end];
            // What a shell would put in.
            let command = command
                .replace("$FINGERPRINT", FINGERPRINT)
                .replace("$CI_NODE_INDEX/$CI_NODE_TOTAL", "1/2");
            let words = shell_words::split(&command);
            words.unwrap_or_else(|error| panic!("{command}: {error}"))
        })
        .collect()
}

/// Where a command of a shell ends: before what is done with its output, and before a comment.
fn end_of_command(text: &str) -> usize {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') if before == ' ' || before == '=' => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            // A quote in the middle of a word is that of the shell in which the command stands.
            (None, '<' | '>' | '|' | '&' | ';' | ')' | '\'') => return at,
            (None, '#') if before == ' ' => return at,
            _ => {}
        }
        before = c;
    }
    text.len()
}

/// What stands before the usage and behind the flags, on every level.
fn own_words(command: &clap::Command, all: &mut Vec<String>) {
    all.extend(command.get_before_help().map(ToString::to_string));
    all.extend(command.get_after_long_help().map(ToString::to_string));
    // `help` has a copy of every command.
    let below = command.get_subcommands();
    for below in below.filter(|command| command.get_name() != "help") {
        own_words(below, all);
    }
}

#[test]
fn help_lines_fit_the_terminal() {
    let mut all = Vec::new();
    own_words(&bbconnect::internals::command(), &mut all);
    assert!(all.len() > 40, "{}", all.len());
    // Paragraphs are wrapped.
    let lines = all.iter().flat_map(|text| text.lines());
    for line in lines.filter(|line| line.starts_with("  ")) {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

/// Examples of the help texts, of every level.
fn examples() -> Vec<String> {
    let reference = bbconnect::internals::markdown();
    let lines = reference.lines();
    // What is longer is wrapped, and no command any more.
    let examples = lines.filter(|line| line.starts_with("  bbconnect "));
    examples.map(|line| line.trim().to_owned()).collect()
}

/// The documents of a user, without those that are generated.
fn documents() -> Vec<(String, String)> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let names = fs::read_dir(docs).expect("docs").map(|entry| {
        let name = entry.expect("it can be read").file_name();
        format!("docs/{}", name.to_string_lossy())
    });
    let names = names.filter(|name| name.ends_with(".md") && name != "docs/cli.md");
    let names = names.chain(["README.md", "SECURITY.md", "CONTRIBUTING.md"].map(str::to_owned));
    names.map(|name| (name.clone(), read(&name))).collect()
}

#[test]
fn documented_commands_parse() {
    let mut lines_of_all = examples();
    assert!(lines_of_all.len() > 100, "{}", lines_of_all.len());
    for (_, text) in documents() {
        lines_of_all.extend(lines(&text, &["sh", "console", "text", "yaml", "groovy"]));
    }
    for line in lines_of_all {
        for words in commands(&line) {
            let parsed = bbconnect::internals::command().try_get_matches_from(&words);
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
    }
}

/// Whether a command that text names, in backquotes and with placeholders, is one.
fn assert_named_command(named: &str, place: &str) {
    let words = named.split_whitespace().map(|word| word.trim_matches('\''));
    if named.contains('…') || words.clone().nth(1) == Some("COMMAND") {
        return;
    }
    let parsed = bbconnect::internals::command().try_get_matches_from(words);
    let kind = parsed.err().map(|error| error.kind());
    let is_known = matches!(
        kind,
        None | Some(
            ErrorKind::DisplayHelp
                | ErrorKind::DisplayVersion
                | ErrorKind::InvalidValue
                | ErrorKind::ValueValidation
                | ErrorKind::MissingRequiredArgument
                | ErrorKind::MissingSubcommand
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        )
    );
    assert!(is_known, "{place}: {named}: {kind:?}");
}

/// Documents name commands and flags, and omit what they are about.
#[test]
fn commands_in_text_are_known() {
    let mut count = 0;
    for (name, text) in documents() {
        // Not in blocks.
        let text: String = text.split("```").step_by(2).collect();
        let code = text.split('`').skip(1).step_by(2);
        for named in code.filter(|code| code.starts_with("bbconnect ")) {
            assert_named_command(named, &name);
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}

/// Hints and messages name commands in backquotes, with values that are filled in.
#[test]
fn commands_in_messages_are_known() {
    fn visit(dir: &Path, count: &mut usize) {
        for entry in fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                visit(&path, count);
                continue;
            }
            let text = fs::read_to_string(&path).expect("UTF-8");
            // A string may go on after the end of a line.
            let lines: Vec<_> = text.lines().map(str::trim_start).collect();
            let text = lines.join("\n").replace("\\\n", "");
            let strings = text.lines().filter(|line| !line.starts_with("//"));
            for code in strings.flat_map(|line| line.split('`').skip(1).step_by(2)) {
                if code.starts_with("bbconnect ") && !code.contains('"') {
                    let named = code.replace("{{", "").replace("}}", "");
                    let filled = fill_in(&named);
                    // The whole command is filled in.
                    if filled != "bbconnect x" {
                        assert_named_command(&filled, &path.display().to_string());
                        *count += 1;
                    }
                }
            }
        }
    }
    let mut count = 0;
    visit(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut count,
    );
    assert!(count > 60, "{count}");
}

/// A format string with a word for each value; where the value is a flag, there is nothing.
fn fill_in(format: &str) -> String {
    let mut filled = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or_default();
        if !["flag", "flags", "confirm", "option"].contains(&name) {
            filled.push('x');
        }
        rest = after;
    }
    filled + rest
}

#[cfg(unix)]
mod unix {
    use std::process::Output;

    use super::*;
    use crate::support::bitbucket;
    use crate::support::bitbucket::repo_store::RepoStore;
    use crate::support::bitbucket::{Credential, Kind, Server, ServerState};
    use crate::support::{Sandbox, program};

    const TOKEN: &str = "ATATT-documented";
    const OF_SERVER: &str = "BBDC-documented";

    /// What shows how the program is used.
    fn usage() -> String {
        read("README.md") + &read("docs/guide.md")
    }

    /// A line of shell, run with the program on the path.
    fn run(sandbox: &Sandbox, line: &str, variables: &[(&str, &str)]) -> Output {
        let binary = Path::new(env!("CARGO_BIN_EXE_bbconnect"));
        let binary = binary.parent().expect("it is in a directory").display();
        let own = sandbox.path("bin");
        let path = format!("{}:{binary}:/usr/local/bin:/usr/bin:/bin", own.display());
        let mut shell = program("sh");
        shell
            .args(["-euc", line])
            .current_dir(sandbox.home())
            .env_clear()
            .env("PATH", path)
            .env("HOME", sandbox.home())
            .envs(variables.iter().copied())
            .stdin(std::process::Stdio::null());
        shell.output().expect("sh starts")
    }

    fn is_fine(line: &str, output: &Output, status: i32) {
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{line}: {complaints}");
        let said = !output.stdout.is_empty() || !output.stderr.is_empty();
        assert!(
            said || line.contains('>') || line.contains("--quiet"),
            "{line}"
        );
    }

    #[test]
    fn offline_examples_work_in_an_empty_home() {
        let sandbox = Sandbox::new();
        let lines = lines(&usage(), &["sh"]);
        assert!(lines.len() >= 10, "{lines:?}");
        for line in lines {
            is_fine(&line, &run(&sandbox, &line, &[]), 0);
        }
    }

    fn server() -> Server {
        let credential = Credential::new;
        let mut store = RepoStore::with(&["acme/site+", "WEB/site+"]);
        store.push(
            "acme/site",
            "feature/login",
            "Login",
            ("login.html", b"<p>"),
        );
        let scopes = [
            "read:user:bitbucket",
            "read:repository:bitbucket",
            "read:webhook:bitbucket",
        ];
        Server::start(ServerState {
            credentials: vec![
                credential(
                    Kind::ApiToken {
                        email: "jane@acme.com",
                    },
                    TOKEN,
                    &scopes,
                ),
                credential(Kind::UserToken { user: "jane" }, OF_SERVER, &["REPO_WRITE"]),
            ],
            store,
            ..ServerState::default()
        })
    }

    /// What a test cannot do as it stands there, and the test that does it.
    const ELSEWHERE: [(&str, &str); 6] = [
        (
            "bbconnect connection add",
            "asks a person: a_connection_is_asked_for_in_the_order_of_the_form",
        ),
        (
            "bbconnect connect git@",
            "needs a server on port 22: a_repository_is_connected_in_one_step_and_git_uses_its_key",
        ),
        (
            "bbconnect key rotate",
            "as connect: a_key_is_replaced_while_git_goes_on_working",
        ),
        (
            "bbconnect connection add work --url https://bitbucket.org --auth oauth",
            "needs a browser: tests/it/oauth.rs",
        ),
        (
            "eval \"$(bbconnect git env)\"",
            "clones from bitbucket.org: tests/it/git.rs",
        ),
        (
            "bbconnect doctor git@",
            "needs a server on port 22: tests/it/doctor.rs",
        ),
    ];

    #[test]
    fn readme_commands_work() {
        let server = server();
        let sandbox = Sandbox::new();
        let repositories = tempfile::tempdir().expect("a temporary directory");
        bitbucket::git::create(repositories.path(), "acme/site", &["feature/login"]);
        let root = Some(repositories.path().to_owned());
        server.update(|state| state.store.git = root);
        for (name, text) in [("token", TOKEN), ("secret", "s3cret-of-the-webhook")] {
            fs::write(sandbox.path(name), text).expect("it can be written");
        }
        for dir in ["bin", "src", "generated"] {
            fs::create_dir(sandbox.path(dir)).expect("it can be created");
        }
        fs::write(sandbox.path("generated/page.html"), "<p>").expect("it can be written");
        let pass = format!("#!/bin/sh\necho {OF_SERVER}\n");
        fs::write(sandbox.path("bin/pass"), pass).expect("it can be written");
        run(&sandbox, "chmod +x bin/pass && git init -q", &[]);
        let passphrase = sandbox.path("passphrase");
        fs::write(&passphrase, "for the file of secrets\n").expect("it can be written");
        let variables = [
            ("BBCONNECT_STORE", "file"),
            (
                "BBCONNECT_STORE_PASSPHRASE_FILE",
                passphrase.to_str().expect("it is text"),
            ),
        ];
        let mut ran = 0;
        for line in lines(&usage(), &["console"]) {
            let is_elsewhere = |(start, _): &(&str, &str)| {
                line == *start
                    || line.trim_end().starts_with(start) && *start != "bbconnect connection add"
            };
            let line = line
                .split("   ")
                .next()
                .expect("there is a first")
                .to_owned();
            if ELSEWHERE
                .iter()
                .any(|known| is_elsewhere(known) || line == known.0)
            {
                continue;
            }
            let here = line
                .replace("https://bitbucket.org", &server.cloud())
                .replace("https://git.example.com/bitbucket", &server.datacenter())
                .replace("https://git.example.com", &server.datacenter());
            let status = match line.as_str() {
                "bbconnect check work --for webhook --repo acme/site" => 4,
                _ => 0,
            };
            is_fine(&line, &run(&sandbox, &here, &variables), status);
            ran += 1;
        }
        assert!(ran >= 12, "{ran}");
    }

    #[test]
    fn ci_recipes_work() {
        let server = server();
        let cloud = server.cloud();
        let sandbox = Sandbox::new();
        fs::create_dir(sandbox.path("test-results")).expect("it can be created");
        let variables = [
            ("CI", "true"),
            ("BBCONNECT_URL", cloud.as_str()),
            ("BBCONNECT_EMAIL", "jane@acme.com"),
            ("BBCONNECT_TOKEN", TOKEN),
            ("BBCONNECT_REPO", "acme/site"),
            ("CI_NODE_INDEX", "1"),
            ("CI_NODE_TOTAL", "2"),
            ("GITHUB_STEP_SUMMARY", "summary.md"),
        ];
        let add = "bbconnect connection add work --url \"$BBCONNECT_URL\" --email jane@acme.com --auth api-token \
                   --token-command 'printenv BBCONNECT_TOKEN' --expires 2099-01-01";
        is_fine(add, &run(&sandbox, add, &variables), 0);
        server.update(|state| {
            for credential in &mut state.credentials {
                credential.scopes.push("write:repository:bitbucket");
            }
        });
        let lines = lines(&read("docs/ci.md"), &["sh", "yaml", "groovy"]);
        assert!(lines.len() >= 8, "{lines:?}");
        for line in lines
            .iter()
            .filter(|line| !line.ends_with("$? in") && !line.starts_with("4)"))
        {
            let line = line.trim_start_matches("- ").trim_start_matches("run: ");
            let line = line
                .strip_prefix("sh '")
                .map_or(line, |line| line.trim_end_matches('\''));
            is_fine(line, &run(&sandbox, line, &variables), 0);
        }
    }
}
