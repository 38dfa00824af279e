//! Configuration as an attacker would change it: settings that decide who reads a secret, files that others can write, locks
//! that are never released.
#![cfg(unix)]

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::bitbucket::{Credential, Kind, Server, ServerState};
use crate::support::{
    CommandExt as _, RunOutput, Sandbox, assert_contains, check_output, program, words,
};

const TOKEN: &str = "sealed-token-marker";

fn server() -> Server {
    Server::start(ServerState {
        credentials: vec![Credential::new(
            Kind::UserToken { user: "jane" },
            TOKEN,
            &["REPO_ADMIN"],
        )],
        repositories: vec![("WEB/site", false)],
        ..ServerState::default()
    })
}

/// Where the secrets of a test are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Store {
    File,
    Command,
}

const STORES: [Store; 2] = [Store::File, Store::Command];

fn add(sandbox: &Sandbox, store: Store, name: &str, url: &str, more: &[&str]) {
    let command = format!("echo {TOKEN}");
    let secret = match store {
        Store::File => ["--token-file", "token"],
        Store::Command => ["--token-command", &command],
    };
    fs::write(sandbox.path("token"), TOKEN).unwrap();
    let arguments = [
        &["connection", "add", name, "--url", url],
        &[
            "--auth",
            "http-access-token",
            "--level",
            "user",
            "--no-verify",
        ][..],
        &secret,
        more,
    ]
    .concat();
    sandbox.run(arguments).exits_with(0);
}

fn connections(sandbox: &Sandbox) -> std::path::PathBuf {
    sandbox.path(".config/bbconnect/connections.toml")
}

fn replace_in_file(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// No request had a credential.
#[track_caller]
fn saw_no_secret(server: &Server) {
    let requests = server.requests();
    let is_anonymous = requests.iter().all(|seen| seen.authorization.is_none());
    assert!(is_anonymous, "{requests:?}");
}

fn git_asks(sandbox: &Sandbox, url: &str) -> RunOutput {
    let host = url.split('/').nth(2).unwrap();
    let request = format!("protocol=http\nhost={host}\n\n");
    sandbox.run_with_input(["git", "credential", "get"], &request)
}

/// The command of a hint, in backticks, as words for the program.
fn hinted_command(ran: &RunOutput) -> Vec<String> {
    let command = ran.stderr.split("`bbconnect ").nth(1);
    let command = command.unwrap_or_else(|| panic!("{}", ran.stderr));
    let command = command.split('`').next().unwrap().replace("\n      ", " ");
    shell_words::split(&command).unwrap()
}

#[test]
fn a_changed_setting_keeps_the_secret_until_it_is_confirmed() {
    for store in STORES {
        let (server, other) = (server(), server());
        let sandbox = Sandbox::with_file_store();
        let (url, elsewhere) = (server.datacenter(), other.datacenter());
        fs::write(sandbox.path("ca.pem"), "").unwrap();
        let ca_cert = sandbox.path("ca.pem").display().to_string();
        let proxy = elsewhere.trim_end_matches("/bitbucket").to_owned();
        let changes = [
            ("base_url", format!("base_url = \"{elsewhere}\"")),
            (
                "proxy",
                format!("base_url = \"{url}\"\nproxy = \"{proxy}\""),
            ),
            (
                "ca_cert",
                format!("base_url = \"{url}\"\nca_cert = \"{ca_cert}\""),
            ),
            (
                "web_url",
                format!("base_url = \"{url}\"\nweb_url = \"{elsewhere}\""),
            ),
            (
                "client_cert",
                format!(
                    "base_url = \"{url}\"\nclient_cert = \"{ca_cert}\"\nclient_key = \"{ca_cert}\""
                ),
            ),
            (
                "allow_http",
                format!("base_url = \"{url}\"\nallow_http = true"),
            ),
        ];
        for (key, line) in changes {
            add(&sandbox, store, "work", &url, &[]);
            replace_in_file(
                &connections(&sandbox),
                &format!("base_url = \"{url}\""),
                &line,
            );
            for arguments in [["check", "work"], ["doctor", "work"], ["project", "list"]] {
                if arguments[0] == "doctor" && key != "base_url" {
                    // It stops at files and proxies that do not work.
                    continue;
                }
                let ran = sandbox.run(arguments).exits_with(3);
                let shown = format!("{}{}", ran.stdout, ran.stderr).replace('\n', " ");
                let reason = format!("{key} was changed by hand since the secret was stored");
                let shown: Vec<&str> = shown.split_whitespace().collect();
                assert!(shown.join(" ").contains(&reason), "{store:?} {shown:?}");
            }
            for asked in [&url, &elsewhere] {
                let ran = git_asks(&sandbox, asked).exits_with(0);
                assert_eq!(
                    (ran.stdout.as_str(), ran.stderr.as_str()),
                    ("", ""),
                    "{key}"
                );
            }
            saw_no_secret(&other);
            saw_no_secret(&server);
            // Another edit does not confirm it.
            sandbox
                .run(["connection", "edit", "work", "--project", "WEB"])
                .exits_with(0);
            let refused = sandbox.run(["project", "list"]).exits_with(3);
            let confirm = hinted_command(&refused);
            let confirmed = sandbox.run(&confirm).exits_with(0);
            assert_contains(&confirmed.stderr, "updated");
            let again = sandbox.run(&confirm).exits_with(0);
            assert_contains(&again.stderr, "unchanged");
            let ran = sandbox.run(["project", "list"]);
            assert_ne!(ran.status, 3, "{key}: {}", ran.stderr);
            sandbox
                .run(["connection", "remove", "work", "--yes"])
                .exits_with(0);
            other.update(|state| state.requests.clear());
            server.update(|state| state.requests.clear());
        }
    }
}

#[test]
fn edits_of_the_program_bind_the_secret_to_the_new_settings() {
    for store in STORES {
        let (server, other) = (server(), server());
        let sandbox = Sandbox::with_file_store();
        add(&sandbox, store, "work", &server.datacenter(), &[]);
        sandbox
            .run(["connection", "edit", "work", "--url", &other.datacenter()])
            .exits_with(0);
        sandbox
            .run(["connection", "rename", "work", "moved"])
            .exits_with(0);
        sandbox
            .run(["connection", "edit", "moved", "--allow-http", "--default"])
            .exits_with(0);
        sandbox.run(["check", "moved"]).exits_with(0);
        assert!(
            git_asks(&sandbox, &other.datacenter())
                .stdout
                .contains(TOKEN)
        );
        // What is not bound may be changed by hand.
        replace_in_file(
            &connections(&sandbox),
            "auth =",
            "# a remark\nproject = \"WEB\"\nexpires_on = \"2099-01-01\"\ncolour = 3\nauth =",
        );
        sandbox.run(["check", "moved"]).exits_with(0);
        saw_no_secret(&server);
    }
}

#[test]
fn a_rename_does_not_confirm_a_change() {
    for store in STORES {
        let (server, other) = (server(), server());
        let sandbox = Sandbox::with_file_store();
        add(&sandbox, store, "work", &server.datacenter(), &[]);
        let (from, to) = (server.datacenter(), other.datacenter());
        replace_in_file(&connections(&sandbox), &from, &to);
        sandbox
            .run(["connection", "rename", "work", "moved"])
            .exits_with(0);
        sandbox.run(["check", "moved"]).exits_with(3);
        saw_no_secret(&other);
    }
}

#[test]
fn connections_that_change_places_keep_their_secrets() {
    for store in STORES {
        let (server, other) = (server(), server());
        let sandbox = Sandbox::with_file_store();
        add(&sandbox, store, "one", &server.datacenter(), &[]);
        add(&sandbox, store, "two", &other.datacenter(), &[]);
        let path = connections(&sandbox);
        replace_in_file(&path, "connections.one", "connections.three");
        replace_in_file(&path, "connections.two", "connections.one");
        replace_in_file(&path, "connections.three", "connections.two");
        for name in ["one", "two"] {
            sandbox.run(["check", name]).exits_with(3);
        }
        saw_no_secret(&server);
        saw_no_secret(&other);
    }
}

#[test]
fn a_command_is_run_only_as_it_was_given() {
    let server = server();
    let sandbox = Sandbox::with_file_store();
    let url = server.datacenter();
    add(&sandbox, Store::Command, "work", &url, &[]);
    let path = connections(&sandbox);
    let touch = "touch executed && echo x";
    // Another command, and another connection with that command.
    replace_in_file(&path, &format!("echo {TOKEN}"), touch);
    let text = fs::read_to_string(&path).unwrap();
    let more = format!(
        "[connections.new]\ndeployment = \"datacenter\"\nbase_url = \"{url}\"\nauth = \"http-access-token\"\n\
             store = \"command\"\ntoken_command = \"{touch}\"\n"
    );
    fs::write(&path, [text, more].concat()).unwrap();
    for name in ["work", "new"] {
        let ran = sandbox.run(["check", name]).exits_with(3);
        let shown = format!("{}{}", ran.stdout, ran.stderr);
        assert_contains(&shown, "token_command was");
        sandbox.run(["project", "list", "-c", name]).exits_with(3);
    }
    assert!(!sandbox.path("executed").exists());
    saw_no_secret(&server);
    let refused = sandbox.run(["project", "list", "-c", "new"]).exits_with(3);
    let mut confirm = hinted_command(&refused);
    confirm.push("--no-verify".to_owned());
    sandbox.run(&confirm).exits_with(0);
    assert!(sandbox.path("executed").exists());
}

#[test]
fn the_record_of_a_command_is_private_and_goes_with_its_connection() {
    let server = server();
    let sandbox = Sandbox::with_file_store();
    add(&sandbox, Store::Command, "work", &server.datacenter(), &[]);
    let path = sandbox.path(".local/state/bbconnect/commands.json");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"work\"") && !text.contains(TOKEN), "{text}");
    sandbox
        .run(["connection", "remove", "work", "--yes"])
        .exits_with(0);
    assert!(!fs::read_to_string(&path).unwrap().contains("\"work\""));
}

#[test]
fn secrets_of_another_format_are_to_be_stored_again() {
    let server = server();
    let sandbox = Sandbox::with_file_store();
    add(&sandbox, Store::File, "work", &server.datacenter(), &[]);
    let path = sandbox.path(".config/bbconnect/secrets.json");
    replace_in_file(&path, "\"version\": 2", "\"version\": 1");
    let refused = sandbox.run(["check", "work"]).exits_with(3);
    let shown = format!("{}{}", refused.stdout, refused.stderr);
    assert_contains(&shown, "has format 1");
    assert_contains(&shown, "--token-stdin");
    saw_no_secret(&server);
    fs::rename(&path, sandbox.path("old")).unwrap();
    let edit = ["connection", "edit", "work", "--token-stdin"];
    sandbox.run_with_input(edit, TOKEN).exits_with(0);
    sandbox.run(["check", "work"]).exits_with(0);
}

#[test]
fn the_content_of_a_ca_file_of_the_user_is_bound() {
    let server = server();
    let sandbox = Sandbox::with_file_store();
    fs::write(sandbox.path("ca.pem"), "").unwrap();
    let more = ["--ca-cert", "ca.pem"];
    add(&sandbox, Store::File, "work", &server.datacenter(), &more);
    fs::write(sandbox.path("ca.pem"), "another authority").unwrap();
    let refused = sandbox.run(["project", "list"]).exits_with(3);
    assert_contains(&refused.stderr, "the content of ca_cert was changed");
    fs::remove_file(sandbox.path("ca.pem")).unwrap();
    let missing = sandbox.run(["project", "list"]).exits_with(9);
    assert_contains(&missing.stderr, "ca.pem");
    saw_no_secret(&server);
}

#[test]
fn configuration_that_others_can_change_is_refused() {
    let server = server();
    let sandbox = Sandbox::with_file_store();
    let url = server.datacenter();
    add(&sandbox, Store::File, "work", &url, &[]);
    let dir = sandbox.path(".config/bbconnect");
    fs::write(dir.join("known_hosts"), "").unwrap();
    let check = ["check", "work"];
    let hosts = ["known-hosts", "show"];
    for (name, mode, arguments) in [
        ("connections.toml", 0o666, check),
        ("connections.toml", 0o620, check),
        ("secrets.json", 0o602, check),
        ("known_hosts", 0o660, hosts),
        ("", 0o777, check),
        ("", 0o770, hosts),
    ] {
        let path = if name.is_empty() {
            dir.clone()
        } else {
            dir.join(name)
        };
        let before = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let ran = sandbox
            .run([&arguments[..], &["--json"]].concat())
            .exits_with(9);
        assert!(ran.stdout.contains("chmod go-w"), "{name}: {}", ran.stdout);
        if arguments == check {
            let ran = git_asks(&sandbox, &url).exits_with(0);
            assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
        }
        fs::set_permissions(&path, before).unwrap();
    }
    saw_no_secret(&server);
    // Others may read it.
    fs::set_permissions(connections(&sandbox), fs::Permissions::from_mode(0o644)).unwrap();
    sandbox.run(check).exits_with(0);
}

#[test]
fn configuration_behind_a_link_is_checked_where_it_is() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path(".config/bbconnect")).unwrap();
    fs::create_dir(sandbox.path("dotfiles")).unwrap();
    let target = sandbox.path("dotfiles/connections.toml");
    fs::write(&target, "").unwrap();
    symlink(&target, connections(&sandbox)).unwrap();
    sandbox.run(["connection", "list"]).exits_with(0);
    let chmod = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    chmod(&sandbox.path("dotfiles"), 0o777);
    sandbox.run(["connection", "list"]).exits_with(9);
    chmod(&sandbox.path("dotfiles"), 0o755);
    chmod(&target, 0o666);
    sandbox.run(["connection", "list"]).exits_with(9);
}

#[test]
fn a_relative_configuration_directory_is_refused() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path(".bb")).unwrap();
    fs::write(
        sandbox.path(".bb/connections.toml"),
        "default = \"x\"\n[connections.x]\ndeployment = \"cloud\"\nbase_url = \"http://127.0.0.1:9/2.0\"\n\
         auth = \"access-token\"\nstore = \"command\"\n\
         token_command = \"touch executed\"\n",
    )
    .unwrap();
    let run = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command.env("BBCONNECT_CONFIG_DIR", ".bb").finish()
    };
    for arguments in [
        &["check"][..],
        &["connection", "list"],
        &["known-hosts", "show"],
        &["connection", "use", "x"],
    ] {
        let ran = run(arguments).exits_with(9);
        assert_contains(&ran.stderr, "absolute path");
    }
    let ran = run(&["git", "credential", "get"]).exits_with(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert!(!sandbox.path("executed").exists());
}

#[test]
fn a_lock_that_is_not_released_is_an_error_within_the_time_limit() {
    let server = server();
    let sandbox = Sandbox::with_file_store();
    let url = server.datacenter();
    add(&sandbox, Store::File, "work", &url, &[]);
    for (name, arguments) in [
        ("connections.toml", &["connection", "use", "work"][..]),
        (
            "secrets.json",
            &[
                "connection",
                "edit",
                "work",
                "--token-file",
                "other",
                "--no-verify",
            ],
        ),
    ] {
        fs::write(sandbox.path("other"), "another").unwrap();
        let lock = sandbox.path(&format!(".config/bbconnect/{name}.lock"));
        let lock = File::options()
            .create(true)
            .append(true)
            .open(lock)
            .unwrap();
        lock.lock().unwrap();
        let started = Instant::now();
        let ran = sandbox
            .run([arguments, &["--timeout", "1"]].concat())
            .exits_with(9);
        assert!(started.elapsed() < Duration::from_secs(8));
        assert!(
            ran.stderr.contains(&format!("{name}.lock")) && ran.stderr.contains("--timeout"),
            "{}",
            ran.stderr
        );
        if cfg!(target_os = "linux") {
            let holder = format!("process {} (", std::process::id());
            assert!(ran.stderr.contains(&holder), "{}", ran.stderr);
            assert_contains(&ran.stderr, "running since 20");
        }
        // Readers do not wait.
        sandbox
            .run(["check", "work", "--timeout", "60"])
            .exits_with(0);
    }
}

fn fifo(path: &Path) {
    let mut mkfifo = program("mkfifo");
    check_output(mkfifo.arg(path));
}

/// Runs a command that must end soon.
fn run_at_once(sandbox: &Sandbox, arguments: &[&str]) -> RunOutput {
    let started = Instant::now();
    let ran = sandbox.run(arguments);
    assert!(started.elapsed() < Duration::from_secs(20), "{arguments:?}");
    ran
}

#[test]
fn a_pipe_or_a_device_in_the_place_of_a_file_is_an_error() {
    let server = server();
    let sandbox = Sandbox::with_file_store();
    let url = server.datacenter();
    add(&sandbox, Store::File, "work", &url, &[]);
    let dir = sandbox.path(".config/bbconnect");
    for name in ["secrets.json", "connections.toml", "connections.toml.lock"] {
        for device in [false, true] {
            let path = dir.join(name);
            fs::rename(&path, dir.join("saved")).unwrap();
            if device {
                symlink("/dev/zero", &path).unwrap();
            } else {
                fifo(&path);
            }
            let arguments: &[&str] = if name.ends_with(".lock") {
                if device {
                    fs::remove_file(&path).unwrap();
                    fs::rename(dir.join("saved"), &path).unwrap();
                    continue;
                }
                &["connection", "use", "work"]
            } else {
                &["project", "list"]
            };
            let ran = run_at_once(&sandbox, arguments).exits_with(9);
            assert!(ran.stderr.contains(name), "{}", ran.stderr);
            fs::remove_file(&path).unwrap();
            fs::rename(dir.join("saved"), &path).unwrap();
        }
    }
    sandbox.run(["project", "list"]).exits_with(0);
}

/// The TLS library opens it by itself.
#[cfg(not(target_vendor = "apple"))]
#[test]
fn a_pipe_or_a_device_with_certificates_is_an_error() {
    let server = server();
    let sandbox = Sandbox::with_file_store();
    add(&sandbox, Store::File, "work", &server.datacenter(), &[]);
    let pipe = sandbox.path("pipe");
    fifo(&pipe);
    for file in [pipe.as_path(), Path::new("/dev/zero"), sandbox.home()] {
        let started = Instant::now();
        let mut command = sandbox.command(["project", "list"]);
        let ran = command.env("SSL_CERT_FILE", file).finish().exits_with(9);
        assert!(started.elapsed() < Duration::from_secs(20), "{file:?}");
        assert!(ran.stderr.contains("not a regular file"), "{}", ran.stderr);
    }
}

#[test]
fn a_client_certificate_that_cannot_be_read_is_not_saved() {
    let sandbox = Sandbox::with_file_store();
    fifo(&sandbox.path("fifo"));
    fs::write(sandbox.path("file"), "x").unwrap();
    for (certificate, key) in [
        ("missing", "file"),
        ("file", "missing"),
        ("fifo", "file"),
        ("file", "fifo"),
    ] {
        let add = words("connection add work --url https://git.example.com --no-verify");
        let more = ["--auth", "http-access-token", "--token-command", "echo x"];
        let identity = ["--client-cert", certificate, "--client-key", key];
        let ran = run_at_once(&sandbox, &[&add[..], &more, &identity].concat()).exits_with(9);
        let unreadable = if certificate == "file" {
            key
        } else {
            certificate
        };
        assert!(ran.stderr.contains(unreadable), "{}", ran.stderr);
    }
    assert!(!sandbox.path(".config/bbconnect/connections.toml").exists());
}

#[test]
fn pipes_in_directories_of_others_do_not_block() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("m")).unwrap();
    fifo(&sandbox.path("m/.git"));
    fs::write(
        sandbox.path("m/.gitmodules"),
        "[submodule \"x\"]\n\tpath = x\n\turl = git@bitbucket.org:acme/x.git\n",
    )
    .unwrap();
    let ran = run_at_once(&sandbox, &["migrate", "m", "--dry-run"]);
    assert!(matches!(ran.status, 0 | 9), "{} {}", ran.status, ran.stderr);
}

#[test]
fn a_token_file_may_be_a_pipe_that_is_written_in_time() {
    let server = server();
    let sandbox = Sandbox::with_file_store();
    let url = server.datacenter();
    let bbconnect = env!("CARGO_BIN_EXE_bbconnect");
    let add = format!("connection add NAME --url {url} --auth http-access-token --token-file");
    for (name, script) in [
        ("substituted", format!("{bbconnect} {add} <(echo {TOKEN})")),
        (
            "stdin",
            format!("echo {TOKEN} | {bbconnect} {add} /dev/stdin"),
        ),
        (
            "redirected",
            format!("echo {TOKEN} >t; {bbconnect} {add} /dev/stdin <t"),
        ),
    ] {
        let script = script.replace("NAME", name);
        let mut bash = program("bash");
        bash.args(["-c", &script])
            .current_dir(sandbox.home())
            .env("HOME", sandbox.home())
            .env("BBCONNECT_STORE", "file")
            .env(
                "BBCONNECT_STORE_PASSPHRASE_FILE",
                sandbox.path("passphrase"),
            );
        check_output(&mut bash);
        sandbox.run(["check", name]).exits_with(0);
    }
    fifo(&sandbox.path("fifo"));
    let never = [
        &[
            "connection",
            "add",
            "x",
            "--url",
            &url,
            "--auth",
            "http-access-token",
        ][..],
        &["--token-file", "fifo", "--timeout", "1"],
    ]
    .concat();
    let ran = run_at_once(&sandbox, &never).exits_with(9);
    assert_contains(&ran.stderr, "within 1 seconds");
}

#[test]
fn secrets_that_others_can_read_get_a_warning() {
    let server = server();
    let sandbox = Sandbox::new();
    let url = server.datacenter();
    let chmod = |name: &str, mode| {
        let path = sandbox.path(name);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::write(sandbox.path("token"), TOKEN).unwrap();
    fs::write(sandbox.path("p"), "short\n").unwrap();
    let add = |name: &str| {
        let mut command = sandbox.command(["connection", "add", name, "--url", &url]);
        command
            .args(["--auth", "http-access-token", "--token-file", "token"])
            .args(["--no-verify", "--store", "file"])
            .env("BBCONNECT_STORE_PASSPHRASE_FILE", "p");
        command.finish().exits_with(0).stderr
    };
    chmod("token", 0o640);
    chmod("p", 0o604);
    let warned = add("one");
    for warning in [
        "warning: token can be read by other users; run `chmod go-rwx token`",
        "warning: p can be read by other users; run `chmod go-rwx p`",
        "warning: the passphrase of the new encrypted store has 5 characters",
    ] {
        assert_eq!(warned.matches(warning).count(), 1, "{warned}");
    }
    chmod("token", 0o600);
    chmod("p", 0o600);
    let quiet = add("two");
    assert!(!quiet.contains("warning"), "{quiet}");
    // The environment's token file as well.
    chmod("token", 0o644);
    let mut check = sandbox.command(["check"]);
    check
        .env("BBCONNECT_URL", &url)
        .env("BBCONNECT_DEPLOYMENT", "datacenter")
        .env("BBCONNECT_TOKEN_FILE", "token");
    let ran = check.finish().exits_with(0);
    assert_contains(&ran.stderr, "chmod go-rwx token");
}

#[test]
fn a_token_command_that_contains_a_token_is_refused() {
    let sandbox = Sandbox::new();
    let token = "ATCTT3xFfGN0abcdefghijklmnopqrstuvwxyz=5E6F7A8B";
    let command = format!("echo {token}");
    let ran = sandbox
        .run(
            [
                &["connection", "add", "v", "--url", "https://bitbucket.org"][..],
                &[
                    "--auth",
                    "access-token",
                    "--workspace",
                    "acme",
                    "--no-verify",
                ],
                &["--token-command", &command],
            ]
            .concat(),
        )
        .exits_with(2);
    assert_contains(&ran.stderr, "--token-stdin");
    assert!(!ran.stderr.contains(token), "{}", ran.stderr);
    assert!(!connections(&sandbox).exists());
}
