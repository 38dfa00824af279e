//! The program among others: pipes, full disks, signals, terminals, shells.

use std::fs;
#[cfg(unix)]
use std::path::Path;

use crate::support::{Sandbox, assert_contains};
#[cfg(unix)]
use crate::support::{Terminal, check_output, env_var, is_installed, program, words};

#[test]
fn help_of_every_command_starts_with_examples() {
    /// The names that lead to every command.
    fn levels(command: &clap::Command, above: &[String]) -> Vec<Vec<String>> {
        // `help` has a copy of every command.
        let below = command
            .get_subcommands()
            .filter(|command| command.get_name() != "help");
        let below = below.flat_map(|command| {
            let name = [above, &[command.get_name().to_owned()]].concat();
            levels(command, &name)
        });
        [above.to_vec()].into_iter().chain(below).collect()
    }
    let sandbox = Sandbox::new();
    for arguments in levels(&bbconnect::internals::command(), &[]) {
        // The short page of the program is the list of commands.
        let flags: &[_] = if arguments.is_empty() {
            &["--help"]
        } else {
            &["--help", "-h"]
        };
        for &flag in flags {
            let ran = sandbox
                .run(arguments.iter().map(String::as_str).chain([flag]))
                .exits_with(0);
            let examples = ran
                .stdout
                .find("\nExamples:\n  bbconnect ")
                .unwrap_or_else(|| panic!("{arguments:?} has no examples"));
            assert!(examples < ran.stdout.find("\nUsage: ").expect("there is a usage line"));
            assert_eq!(ran.stderr, "");
        }
    }
}

#[test]
fn no_arguments_print_help_and_exit_2() {
    let ran = Sandbox::new().run([""; 0]).exits_with(2);
    assert_eq!(ran.stdout, "");
    assert_contains(&ran.stderr, "Usage: bbconnect");
}

#[test]
fn man_writes_one_page_per_command() {
    let sandbox = Sandbox::new();
    let first = sandbox.run_json(["man", "pages/man1", "--json"]);
    assert_eq!(first["schema"], "bbconnect/man@1");
    assert_eq!(first["action"], "written");
    let mut names: Vec<_> = fs::read_dir(sandbox.path("pages/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    for name in [
        "bbconnect.1",
        "bbconnect-keygen.1",
        "bbconnect-connection.1",
        "bbconnect-connection-add.1",
    ] {
        assert!(
            names.iter().any(|found| found == name),
            "{name} is missing: {names:?}"
        );
    }
    assert!(
        !names
            .iter()
            .any(|found| found.to_string_lossy().contains("help"))
    );
    for name in &names {
        let page = fs::read_to_string(sandbox.path("pages/man1").join(name)).unwrap();
        for part in [
            ".SH \"EXIT STATUS\"",
            "\\fB130\\fR\ninterrupted",
            ".SH ENVIRONMENT",
        ] {
            assert!(page.contains(part), "{part} is missing in {name:?}: {page}");
        }
    }
    let page = fs::read_to_string(sandbox.path("pages/man1/bbconnect.1")).unwrap();
    for part in [
        ".SH ENVIRONMENT",
        "BBCONNECT_TOKEN",
        ".SH FILES",
        "connections.toml",
    ] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    let page = fs::read_to_string(sandbox.path("pages/man1/bbconnect-keygen.1")).unwrap();
    for part in [
        ".TH bbconnect-keygen 1",
        ".SH SYNOPSIS",
        ".SH EXAMPLES",
        "\\fBbbconnect keygen\\fR",
        "  bbconnect keygen \\-\\-type both",
        "\\-\\-passphrase\\-stdin",
    ] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert_eq!(
        sandbox.run_json(["man", "pages/man1", "--json"])["action"],
        "unchanged"
    );
    fs::write(sandbox.path("file"), "").unwrap();
    sandbox.run(["man", "file"]).exits_with(9);
}

#[test]
fn completions_are_printed_for_every_shell() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = sandbox.run(["completions", shell]).exits_with(0);
        let script = &ran.stdout;
        // The script asks the program, by its name.
        assert!(script.contains("BBCONNECT_COMPLETE"), "{shell}: {script}");
        assert!(
            script.contains("bbconnect -- ") || script.contains("\"bbconnect\" -- "),
            "{shell}: {script}"
        );
    }
    let document = sandbox.run_json(["completions", "fish", "--json"]);
    assert_contains(document["script"].as_str().unwrap(), "--command bbconnect");
}

/// A `PATH` on which the program is first.
#[cfg(unix)]
fn path_with_program() -> std::ffi::OsString {
    let dir = Path::new(env!("CARGO_BIN_EXE_bbconnect")).parent().unwrap();
    let path = env_var("PATH").unwrap();
    let dirs = std::iter::once(dir.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(dirs).unwrap()
}

/// What bash completes at the end of a line, in the order of the program.
#[cfg(unix)]
fn completed_by_bash(sandbox: &Sandbox, line: &str) -> Vec<String> {
    let words: Vec<_> = line.split(' ').collect();
    let ask = format!(
        "source <(bbconnect completions bash); COMP_WORDS=({line}); COMP_CWORD={}; COMP_TYPE=9; \
         _clap_complete_bbconnect bbconnect '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.len() - 1,
        words[words.len() - 1],
        words[words.len() - 2],
    );
    let mut bash = program("bash");
    bash.args(["--norc", "-c", &ask])
        .current_dir(sandbox.home())
        .env("HOME", sandbox.home())
        .env("PATH", path_with_program())
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("BBCONNECT_CONFIG_DIR");
    let output = bash.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    let output = String::from_utf8(output.stdout).unwrap();
    output
        .lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(unix)]
#[test]
fn bash_completes_commands_flags_values_and_names() {
    if !is_installed("bash", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    for name in ["work", "server", "site"] {
        let url = format!("git@git.example.com:acme/{name}.git");
        let add = ["connection", "add", name, "--auth", "ssh", "--url", &url];
        sandbox.run(add).exits_with(0);
    }
    for (line, expected) in [
        ("bbconnect keyg", &["keygen"][..]),
        ("bbconnect keygen --pass", &["--passphrase-stdin"]),
        ("bbconnect keygen --type rsa", &["rsa-4096"]),
        ("bbconnect -c se", &["server"]),
        ("bbconnect repo list -c w", &["work"]),
        ("bbconnect connection show s", &["server", "site"]),
        ("bbconnect connection rename w", &["work"]),
        ("bbconnect check work si", &["site"]),
        ("bbconnect check --for pull", &["pull-request"]),
        ("bbconnect webhook ensure --event pr-m", &["pr-merged"]),
        ("bbconnect connection add w", &[]),
    ] {
        assert_eq!(completed_by_bash(&sandbox, line), expected, "{line}");
    }
    // A damaged file is silent, and commands are completed nevertheless.
    let file = sandbox.path(".config/bbconnect/connections.toml");
    fs::write(file, "connections = 3\n").unwrap();
    assert!(completed_by_bash(&sandbox, "bbconnect -c s").is_empty());
    assert_eq!(completed_by_bash(&sandbox, "bbconnect keyg"), ["keygen"]);
}

#[test]
fn the_variable_of_completions_alone_changes_nothing() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(["--version"]);
    let ran = command.env("BBCONNECT_COMPLETE", "nonsense").output();
    assert!(ran.unwrap().stdout.starts_with(b"bbconnect "));
}

/// Fish prints its completions by itself.
#[cfg(unix)]
#[test]
fn fish_completes_names_and_values_with_descriptions() {
    if program("fish").arg("--version").output().is_err() {
        eprintln!("skipped: fish is not installed");
        return;
    }
    let sandbox = Sandbox::new();
    let url = "git@git.example.com:acme/site.git";
    let add = ["connection", "add", "server", "--auth", "ssh", "--url", url];
    sandbox.run(add).exits_with(0);
    for (line, expected) in [
        ("bbconnect -c s", "server\tssh://git@git.example.com\n"),
        ("bbconnect webhook ensure --event pr-m", "pr-merged\n"),
        ("bbconnect keyg", "keygen\tGenerate SSH key pairs\n"),
    ] {
        let ask = format!("bbconnect completions fish | source; complete -C '{line}'");
        let mut fish = program("fish");
        fish.args(["--no-config", "-c", &ask])
            .current_dir(sandbox.home())
            .env_clear()
            .env("HOME", sandbox.home())
            .env("PATH", path_with_program());
        let completed = check_output(&mut fish);
        // Fish adds an empty line for a candidate without a description.
        assert_eq!(completed.trim_end(), expected.trim_end(), "{line}");
    }
}

#[cfg(unix)]
mod unix {
    use std::io::Read as _;
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_closed_stdout_pipe_is_not_an_error() {
        let sandbox = Sandbox::new();
        for arguments in [
            ["--help", ""],
            ["completions", "bash"],
            ["url", "git@bitbucket.org:a/b"],
            ["url", "--json"],
        ] {
            let arguments = arguments
                .into_iter()
                .filter(|argument| !argument.is_empty());
            let mut child = sandbox.command(arguments).spawn().unwrap();
            drop(child.stdout.take());
            let mut stderr = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut stderr)
                .unwrap();
            let status = child.wait().unwrap().code();
            assert!(matches!(status, Some(0 | 2)), "{status:?}");
            assert!(
                !stderr.contains("panicked") && !stderr.contains("roken pipe"),
                "{stderr}"
            );
        }
    }

    #[test]
    fn unwritable_stdout_is_exit_9() {
        let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
            return;
        };
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(["url", "git@ssh.bitbucket.org:acme/site"]);
        let output = command.stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(9));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            stderr.starts_with("error: cannot write to standard output: "),
            "{stderr}"
        );
    }

    #[test]
    fn sigint_during_keygen_leaves_no_partial_files() {
        // At a random moment of making an RSA key, many times over.
        for round in 0..12 {
            let sandbox = Sandbox::new();
            let child = sandbox
                .command(["keygen", "--type", "rsa-4096", "--out", "keys/key"])
                .spawn()
                .unwrap();
            let id = child.id().to_string();
            std::thread::sleep(Duration::from_millis(15 * round + 10));
            let _ended_already = program("kill")
                .args(["-INT", &id])
                .stderr(Stdio::null())
                .status()
                .unwrap();
            let status = child.wait_with_output().unwrap().status.code();
            let mut names: Vec<_> = fs::read_dir(sandbox.path("keys"))
                .map(|entries| {
                    entries
                        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                        .collect()
                })
                .unwrap_or_default();
            names.sort();
            let whole = names == ["key", "key.pub"];
            assert!(names.is_empty() || whole, "{names:?}");
            // On a busy machine it may come before the program has begun, and is the system's then.
            let ended = match status {
                Some(0) => whole,
                None => names.is_empty(),
                other => other == Some(130),
            };
            assert!(ended, "{status:?} {names:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn ignored_signals_stay_ignored() {
        use std::io::Write as _;
        for (ignored, sent, status) in [
            ("HUP INT", "HUP", 0),
            ("HUP INT", "INT", 0),
            ("HUP INT", "TERM", 143),
            ("QUIT", "HUP", 129),
        ] {
            let sandbox = Sandbox::new();
            let script = format!(
                "trap '' {ignored}; exec {} keygen --out key --passphrase-stdin",
                env!("CARGO_BIN_EXE_bbconnect")
            );
            let mut command = program("sh");
            command.args(["-c", &script]).current_dir(sandbox.home());
            command.env("HOME", sandbox.home()).stdin(Stdio::piped());
            let mut child = command.stdout(Stdio::null()).spawn().unwrap();
            let mut stdin = child.stdin.take().unwrap();
            let state = format!("/proc/{}/status", child.id());
            let is_ready = || {
                std::thread::sleep(Duration::from_millis(10));
                let state = fs::read_to_string(&state).unwrap();
                let caught = state.lines().find_map(|line| line.strip_prefix("SigCgt:"));
                // SIGTERM is 15, and the last that is installed but one.
                u64::from_str_radix(caught.unwrap().trim(), 16).unwrap() & 0x4000 != 0
            };
            assert!((0..1000).any(|_| is_ready()));
            std::thread::sleep(Duration::from_millis(50));
            check_output(program("kill").args([&format!("-{sent}"), &child.id().to_string()]));
            std::thread::sleep(Duration::from_millis(100));
            // Whoever was ended does not read.
            drop(stdin.write_all(b"hunter2\n"));
            drop(stdin);
            assert_eq!(child.wait().unwrap().code(), Some(status), "{sent}");
        }
    }

    #[test]
    fn sigterm_also_ends_the_token_command() {
        let sandbox = Sandbox::new();
        let (begun, left) = (sandbox.path("begun"), sandbox.path("left"));
        let (touch_begun, touch_left) = (begun.display(), left.display());
        let tell = format!("touch {touch_begun}; sleep 1; touch {touch_left}; echo x");
        let mut command = sandbox.command(["api", "GET", "/user"]);
        command.env("BBCONNECT_TOKEN_COMMAND", tell);
        let child = command.spawn().unwrap();
        let is_begun = || {
            std::thread::sleep(Duration::from_millis(10));
            begun.exists()
        };
        assert!((0..1000).any(|_| is_begun()));
        check_output(program("kill").args(["-TERM", &child.id().to_string()]));
        let status = child.wait_with_output().unwrap().status.code();
        assert_eq!(status, Some(143));
        std::thread::sleep(Duration::from_millis(1200));
        assert!(!left.exists());
    }

    #[test]
    fn ctrl_c_at_a_hidden_prompt_restores_echo() {
        let sandbox = Sandbox::new();
        let script = format!(
            "{} keygen --out key --passphrase-stdin; echo status=$?; stty -a | grep -o -- '-*echo ' | head -n 1; echo end",
            env!("CARGO_BIN_EXE_bbconnect")
        );
        let mut command = program("sh");
        // The shell itself must outlive the signal.
        command.args(["-c", &format!("stty echo; trap : INT; {script}")]);
        command
            .env_clear()
            .env("HOME", sandbox.home())
            .env("PATH", "/usr/bin:/bin")
            .env("TERM", "xterm");
        command.current_dir(sandbox.home());
        let mut terminal = Terminal::start(command);
        terminal.expect("Passphrase for the private key");
        terminal.press_ctrl_c();
        terminal.expect("status=130");
        let rest = terminal.expect("end");
        assert!(rest.contains("echo") && !rest.contains("-echo"), "{rest:?}");
        assert!(!sandbox.path("key").exists());
    }

    #[test]
    fn a_passphrase_ends_at_the_line_break() {
        use std::io::Write as _;
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(["keygen", "--out", "key", "--passphrase-stdin"]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"hunter2\n").unwrap();
        stdin.flush().unwrap();
        // Its input stays open.
        assert_eq!(child.wait().unwrap().code(), Some(0));
        drop(stdin);
    }

    #[test]
    fn file_names_that_are_not_utf8_work() {
        use std::os::unix::ffi::OsStrExt as _;
        let sandbox = Sandbox::new();
        let name = std::ffi::OsStr::from_bytes(b"bad\xffname");
        let mut command = sandbox.command(["keygen", "--json", "--out"]);
        let output = command.arg(name).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(sandbox.home().join(name).exists());
    }

    #[test]
    fn a_new_passphrase_is_prompted_twice_and_never_echoed() {
        let sandbox = Sandbox::new();
        let mut terminal = sandbox.terminal(&["keygen", "--out", "key", "--passphrase-stdin"]);
        for (prompt, answer) in [
            ("Passphrase for the private key", "hunter2"),
            ("Repeat", "hunter3"),
            ("try again", ""),
            ("Passphrase for the private key", "hunter2"),
            ("Repeat", "hunter2"),
        ] {
            terminal.expect(prompt);
            if !answer.is_empty() {
                terminal.send_line(answer);
            }
        }
        let rest = terminal.rest();
        assert!(
            rest.contains("SHA256:") && !rest.contains("hunter2"),
            "{rest}"
        );
        let text = fs::read_to_string(sandbox.path("key")).unwrap();
        assert!(text.len() > 500, "{text}");
        if is_installed("ssh-keygen", "-?") {
            check_output(
                program("ssh-keygen")
                    .args(["-y", "-P", "hunter2", "-f", "key"])
                    .current_dir(sandbox.home()),
            );
        }
    }

    #[test]
    fn one_enter_answers_one_question() {
        let sandbox = Sandbox::new();
        let key = sandbox.path("bbconnect_site");
        let keygen = ["keygen", "--type", "ed25519", "--out"];
        sandbox.run(
            keygen
                .iter()
                .map(std::ffi::OsStr::new)
                .chain([key.as_os_str()]),
        );
        let dir = sandbox.path(".config/bbconnect");
        fs::create_dir_all(&dir).unwrap();
        let text = format!(
            "[connections.site]\ndeployment = \"datacenter\"\nbase_url = \"https://git.example.com\"\n\
             auth = \"ssh\"\nclone_url = \"ssh://git@git.example.com:7999/web/site.git\"\nkey_path = \"{}\"\n",
            key.display()
        );
        fs::write(dir.join("connections.toml"), &text).unwrap();
        let dry = sandbox.run(words("connection remove site --with-key --dry-run --json"));
        let dry = dry.exits_with(0).json();
        assert_eq!(dry["action"], "would-remove");
        assert_eq!(dry["key"]["file_deleted"], true);
        assert!(key.exists() && fs::read_to_string(dir.join("connections.toml")).unwrap() == text);

        let mut terminal = sandbox.terminal(&["connection", "remove", "site"]);
        terminal.expect("Remove connection site and its secret? [y/N]");
        // A line can be corrected before Enter.
        terminal.send("yy\u{7f}\u{7f}n\u{7f}");
        terminal.send_line("y");
        terminal.expect("Also delete its key");
        assert!(dir.join("connections.toml").exists());
        terminal.send_line("");
        terminal.expect("removed site");
        terminal.rest();
        assert!(key.exists());
    }

    #[test]
    fn the_secrets_file_passphrase_is_prompted_once() {
        let prompt = "Passphrase of the encrypted store";
        let sandbox = Sandbox::new();
        fs::write(sandbox.path("passphrase"), "open sesame").unwrap();
        fs::write(sandbox.path("token"), "ATBB-file-marker").unwrap();
        for name in ["one", "two", "three"] {
            let url = ["--url", "http://127.0.0.1:9", "--allow-http"];
            let mut add = sandbox.command(["connection", "add", name, "--store", "file"]);
            add.args(url).args(["--auth", "http-access-token"]);
            add.args(["--no-verify", "--token-file", "token"]);
            add.env(
                "BBCONNECT_STORE_PASSPHRASE_FILE",
                sandbox.path("passphrase"),
            );
            check_output(&mut add);
        }
        // What is left to be said when these answers were given.
        let rest = |arguments: &[&str], answers: &[&str]| {
            let mut terminal =
                sandbox.terminal_with(&[("BBCONNECT_STORE_PASSPHRASE_CACHE", "0")], arguments);
            for answer in answers {
                terminal.expect(prompt);
                terminal.send_line(answer);
                // The prompt is written once more, when it is answered.
                terminal.expect("[hidden]");
            }
            let rest = terminal.rest();
            assert!(!rest.contains(prompt), "{rest}");
            rest
        };
        let renamed = rest(&["connection", "rename", "one", "first"], &["open sesame"]);
        assert_contains(&renamed, "renamed one to first");
        let refused = rest(
            &["connection", "rename", "two", "second"],
            &["open", "open", "open"],
        );
        assert_contains(&refused, "wrong passphrase");
        // It is asked for once for all connections.
        let checked = rest(&["check", "--all"], &["open", "open sesame"]);
        assert!(!checked.contains("wrong passphrase"), "{checked}");
        let checked = rest(&["check", "--all"], &["open"; 3]);
        assert_eq!(
            checked.matches("FAILED: wrong passphrase").count(),
            3,
            "{checked}"
        );
    }

    #[test]
    fn the_passphrase_of_a_new_secrets_file_is_prompted_twice() {
        let sandbox = Sandbox::new();
        fs::write(sandbox.path("token"), "BBDC-file-marker").unwrap();
        let start = words("connection add one --url https://git.example.com");
        let kind = words("--auth http-access-token --no-verify --store file");
        let arguments = [&start[..], &kind, &["--token-file", "token"]].concat();
        let mut terminal = sandbox.terminal(&arguments);
        for (prompt, answer) in [
            ("Passphrase for the new encrypted store", "open sesame"),
            ("Repeat", "open sesam"),
            ("try again", ""),
            ("Passphrase for the new encrypted store", "open sesame"),
            ("Repeat", "open sesame"),
        ] {
            terminal.expect(prompt);
            if !answer.is_empty() {
                terminal.send_line(answer);
            }
        }
        terminal.rest();
        assert!(sandbox.path(".config/bbconnect/secrets.json").exists());
    }

    #[test]
    fn ctrl_c_restores_the_cursor() {
        let sandbox = Sandbox::new();
        // Without a keyring it offers others.
        let mut terminal = sandbox.terminal(&["connection", "add", "one"]);
        terminal.expect("Store the secret in");
        terminal.press_ctrl_c();
        let rest = terminal.rest();
        let hidden = rest.rfind("\u{1b}[?25l");
        assert!(rest.rfind("\u{1b}[?25h") > hidden, "{rest:?}");
    }

    #[test]
    fn connection_add_prompts_in_order() {
        let sandbox = Sandbox::new();
        fs::write(sandbox.path("passphrase"), "x").unwrap();
        let mut command = program(env!("CARGO_BIN_EXE_bbconnect"));
        command
            .args(["connection", "add", "--no-verify", "--store", "file"])
            .env_clear()
            .env("TERM", "xterm");
        command.env("HOME", sandbox.home()).env(
            "BBCONNECT_STORE_PASSPHRASE_FILE",
            sandbox.path("passphrase"),
        );
        command
            .env("PATH", "/usr/bin:/bin")
            .current_dir(sandbox.home());
        let mut terminal = Terminal::start(command);
        for (prompt, answer) in [
            // The suggestion, https://bitbucket.org, is accepted.
            ("URL", ""),
            ("API token or access token", "form-marker"),
            ("Type of credential", ""),
            ("E-mail address", "jane@acme.example"),
        ] {
            terminal.expect(prompt);
            terminal.send_line(answer);
        }
        let rest = terminal.rest();
        assert!(
            rest.contains("api.bitbucket.org/2.0") && !rest.contains("form-marker"),
            "{rest}"
        );
        let shown = sandbox.run_json(["connection", "show", "bitbucket-cloud", "--json"]);
        assert_eq!(shown["connection"]["auth"], "api-token");
        assert_eq!(shown["connection"]["account"], "jane@acme.example");
    }

    #[test]
    fn no_input_and_json_never_prompt() {
        let sandbox = Sandbox::new();
        for flag in ["--no-input", "--json"] {
            let started = Instant::now();
            let mut terminal =
                sandbox.terminal(&["keygen", "--out", "key", "--passphrase-stdin", flag]);
            let shown = terminal.rest();
            assert_contains(&shown, "pass --passphrase-stdin");
            assert!(started.elapsed() < Duration::from_secs(10));
            assert!(!sandbox.path("key").exists());
        }
    }

    #[test]
    fn terminals_get_colours_unless_disabled() {
        let sandbox = Sandbox::new();
        let shown = |arguments: &[&str]| sandbox.terminal(arguments).rest();
        assert_contains(&shown(&["url", "git@ssh.bitbucket.org:a/b"]), "\u{1b}[2m");
        assert!(
            !shown(&["url", "--color", "never", "git@ssh.bitbucket.org:a/b"]).contains('\u{1b}')
        );
        assert!(!shown(&["--color=never", "--help"]).contains('\u{1b}'));
        // JSON is spread over lines for a reader, and is one line for a program.
        assert_contains(
            &shown(&["url", "--json", "git@ssh.bitbucket.org:a/b"]),
            "\n  \"deployment\": \"cloud\"",
        );
    }
}
