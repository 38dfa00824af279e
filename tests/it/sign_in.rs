//! `connection add` and `connection edit` as a new user meets them: on terminals and in scripts, without a keyring, with
//! wrong secrets.
#![cfg(unix)]

use std::fs;

use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Kind, Server, ServerState};
use crate::support::{CommandExt as _, Sandbox, Terminal, assert_contains, words};

const API_TOKEN: &str = "ATATT3xFfGF0-api-token-marker";
const REPO_TOKEN: &str = "ATCTT3xFfGN0-repo-token-marker";
const WORKSPACE_TOKEN: &str = "ATCTT3xFfGN0-workspace-token-marker";
// base64 of `080920112506:abcdefghij0123456789`
const USER_TOKEN: &str = "BBDC-MDgwOTIwMTEyNTA2OmFiY2RlZmdoaWowMTIzNDU2Nzg5";
const PASSWORD: &str = "password-marker";

fn server() -> Server {
    let credential = Credential::new;
    let token = |repository| Kind::AccessToken {
        workspace: "acme",
        repository,
    };
    let email = "jane@acme.example";
    Server::start(ServerState {
        credentials: vec![
            credential(
                Kind::ApiToken { email },
                API_TOKEN,
                &["read:user:bitbucket", "read:workspace:bitbucket"],
            ),
            credential(token(Some("site")), REPO_TOKEN, &["repository"]),
            credential(token(None), WORKSPACE_TOKEN, &["repository"]),
            credential(Kind::UserToken { user: "jane" }, USER_TOKEN, &["REPO_READ"]),
            credential(Kind::Password { user: "jane" }, PASSWORD, &[]),
        ],
        store: RepoStore::with(&["acme/site+", "acme/docs", "other/tool", "WEB/site+"]),
        reports_missing_repositories: true,
        ..ServerState::default()
    })
}

/// Answers prompts. A hidden answer is confirmed before the next prompt.
fn answer(terminal: &mut Terminal, answers: &[(&str, &str)]) {
    for (prompt, text) in answers {
        terminal.expect(prompt);
        terminal.send_line(text);
    }
}

/// The command's remaining output; it must have ended with this status.
fn ends_with(mut terminal: Terminal, status: i32) -> String {
    let rest = terminal.rest();
    assert_eq!(terminal.status(), status, "{rest}");
    rest
}

fn connection(sandbox: &Sandbox, name: &str) -> serde_json::Value {
    let shown = sandbox.run(["connection", "show", name, "--json"]);
    shown.exits_with(0).json()["connection"].clone()
}

/// Runs a command with a secret on standard input.
fn with_secret(sandbox: &Sandbox, secret: &str, arguments: &[&str]) -> crate::support::RunOutput {
    sandbox.run_with_input([arguments, &["--token-stdin"]].concat(), secret)
}

#[test]
fn without_a_keyring_a_script_fails_before_any_request() {
    let (server, sandbox) = (server(), Sandbox::new());
    let (cloud, datacenter) = (server.cloud(), server.datacenter());
    let website = server.website();
    let oauth = ["--auth", "oauth", "--client-id", "x", "--web-url", &website];
    for arguments in [
        &[
            "connection",
            "add",
            "a",
            "--url",
            &datacenter,
            "--auth",
            "http-access-token",
        ][..],
        &[
            "connection",
            "add",
            "a",
            "--url",
            &datacenter,
            "--auth",
            "http-access-token",
            "--dry-run",
        ],
        &[
            &["connection", "add", "a", "--url", &cloud][..],
            &oauth,
            &["--no-browser"],
        ]
        .concat(),
    ] {
        let failed = with_secret(&sandbox, USER_TOKEN, arguments);
        let failed = failed.exits_with(9);
        for said in ["D-Bus", "Secret Service", "--store file", "--token-command"] {
            assert!(
                failed.stderr.contains(said),
                "{arguments:?}: {}",
                failed.stderr
            );
        }
    }
    let mut create = sandbox.command(["token", "create", "ci", "--for", "read", "--save-as", "a"]);
    create
        .env("BBCONNECT_URL", &datacenter)
        .env("BBCONNECT_USERNAME", "jane")
        .env("BBCONNECT_TOKEN", PASSWORD);
    create.finish().exits_with(9);
    // Without a passphrase for it the encrypted file is of no use either.
    let add = format!("connection add a --url {datacenter} --store file");
    let add = words(&add);
    let failed = with_secret(&sandbox, USER_TOKEN, &add).exits_with(9);
    assert_contains(&failed.stderr, "PASSPHRASE_FILE");
    assert!(server.requests().is_empty());
    assert!(!sandbox.path(".config/bbconnect/connections.toml").exists());
    // A command and SSH need no store.
    fs::write(sandbox.path("stored-token"), USER_TOKEN).unwrap();
    let add = [
        "connection",
        "add",
        "a",
        "--url",
        &datacenter,
        "--token-command",
        "cat stored-token",
    ];
    sandbox.run(add).exits_with(0);
    let clone_url = "git@git.example.com:web/site.git";
    sandbox
        .run([
            "connection",
            "add",
            "b",
            "--auth",
            "ssh",
            "--url",
            clone_url,
        ])
        .exits_with(0);
}

#[test]
fn three_prompts_add_an_api_token_without_a_keyring() {
    let (server, sandbox) = (server(), Sandbox::new());
    let mut terminal = sandbox.terminal(&["connection", "add"]);
    answer(
        &mut terminal,
        &[
            ("Store the secret in", ""),
            (
                "Passphrase for the new encrypted store",
                "correct horse battery",
            ),
            ("Repeat", "correct horse battery"),
            ("URL", &server.cloud()),
        ],
    );
    // Shown once, before the token is prompted for.
    terminal.expect("read:workspace:bitbucket");
    answer(&mut terminal, &[("API token or access token", API_TOKEN)]);
    terminal.expect("type of credential: API token");
    answer(&mut terminal, &[("E-mail address", "jane")]);
    answer(&mut terminal, &[("E-mail address", "jane@acme.example")]);
    let rest = ends_with(terminal, 0);
    assert_contains(&rest, "saved, credential verified");
    assert!(!rest.contains(API_TOKEN), "{rest}");
    // The only workspace is stored, and names the connection.
    let saved = connection(&sandbox, "acme");
    assert_eq!(saved["workspace"], "acme");
    assert_eq!(saved["auth"], "api-token");
    assert_eq!(saved["secret"]["store"], "file");
}

#[test]
fn a_command_replaces_the_keyring_on_a_terminal() {
    let (server, sandbox) = (server(), Sandbox::new());
    let mut terminal =
        sandbox.terminal(&["connection", "add", "work", "--url", &server.datacenter()]);
    terminal.expect("no D-Bus session");
    terminal.expect("Store the secret in");
    terminal.send("\u{1b}[B\r");
    let works = format!("echo {USER_TOKEN}");
    answer(&mut terminal, &[("Command", "false")]);
    answer(&mut terminal, &[("exit status", &works)]);
    ends_with(terminal, 0);
    assert_eq!(connection(&sandbox, "work")["secret"]["store"], "command");
}

#[test]
fn a_wrong_secret_is_prompted_for_three_times() {
    let (server, sandbox) = (server(), Sandbox::new());
    fs::write(sandbox.path("passphrase"), "correct horse battery").unwrap();
    let url = server.datacenter();
    let arguments = [
        &[
            "connection",
            "add",
            "s",
            "--url",
            &url,
            "--auth",
            "password",
        ][..],
        &["--username", "jane", "--store", "file"],
    ]
    .concat();
    let passphrase = ["correct horse battery"; 2];
    let mut terminal = sandbox.terminal(&arguments);
    let hidden = "[hidden]";
    for secret in ["wrong", "wrong again", PASSWORD] {
        answer(&mut terminal, &[("Password", secret)]);
        terminal.expect(hidden);
    }
    answer(
        &mut terminal,
        &[
            ("Passphrase for the new encrypted store", passphrase[0]),
            ("Repeat", passphrase[1]),
        ],
    );
    ends_with(terminal, 0);
    assert_eq!(connection(&sandbox, "s")["account"], "jane");

    let again = |name: &'static str| {
        let mut arguments = arguments.clone();
        arguments[2] = name;
        sandbox.terminal(&arguments)
    };
    let before = server.requests().len();
    let mut terminal = again("t");
    for _ in 0..3 {
        answer(&mut terminal, &[("Password", "wrong")]);
        terminal.expect(hidden);
    }
    ends_with(terminal, 3);
    let attempts = server.requests();
    let attempts = attempts[before..]
        .iter()
        .filter(|request| request.path.contains("/users"));
    assert_eq!(attempts.count(), 3);
    // More attempts do not unlock an account.
    server.update(|state| state.requires_captcha = true);
    let mut terminal = again("t");
    answer(&mut terminal, &[("Password", PASSWORD)]);
    terminal.expect(hidden);
    let rest = ends_with(terminal, 3);
    assert_contains(&rest, "CAPTCHA");
}

#[test]
fn a_secret_of_another_kind_is_named_and_prompted_for_again() {
    let (server, sandbox) = (server(), Sandbox::with_file_store());
    let url = server.datacenter();
    let failed = with_secret(
        &sandbox,
        API_TOKEN,
        &[
            "connection",
            "add",
            "x",
            "--url",
            &url,
            "--auth",
            "http-access-token",
        ],
    );
    let failed = failed.exits_with(3);
    assert_contains(&failed.stderr, "an API token, not an HTTP access token");
    assert!(server.requests().is_empty());
    let sandbox = Sandbox::new();
    let mut terminal = sandbox.terminal(&[
        "connection",
        "add",
        "x",
        "--url",
        &url,
        "--auth",
        "http-access-token",
        "--store",
        "file",
    ]);
    answer(&mut terminal, &[("HTTP access token", API_TOKEN)]);
    terminal.expect("an API token, not");
    answer(&mut terminal, &[("HTTP access token", USER_TOKEN)]);
    answer(
        &mut terminal,
        &[
            (
                "Passphrase for the new encrypted store",
                "correct horse battery",
            ),
            ("Repeat", "correct horse battery"),
        ],
    );
    ends_with(terminal, 0);
}

#[test]
fn the_prefix_of_a_token_shows_its_kind() {
    let (server, sandbox) = (server(), Sandbox::with_file_store());
    let (cloud, datacenter) = (server.cloud(), server.datacenter());
    for (secret, arguments, auth, level) in [
        (
            API_TOKEN,
            &["--url", &cloud, "--email", "jane@acme.example"][..],
            "api-token",
            "user",
        ),
        (
            REPO_TOKEN,
            &["--url", &cloud, "--repo", "acme/site"],
            "access-token",
            "repo",
        ),
        (
            WORKSPACE_TOKEN,
            &["--url", &cloud, "--workspace", "acme"],
            "access-token",
            "workspace",
        ),
        (
            USER_TOKEN,
            &["--url", &datacenter],
            "http-access-token",
            "user",
        ),
    ] {
        let name = format!("c-{level}-{auth}");
        let add = [&["connection", "add", &name, "--json"][..], arguments].concat();
        let added = with_secret(&sandbox, secret, &add).exits_with(0).json();
        assert_eq!(added["connection"]["auth"], auth, "{added}");
        assert_eq!(added["connection"]["level"], level, "{added}");
        let again = with_secret(&sandbox, secret, &add).exits_with(0).json();
        assert_eq!(again["action"], "unchanged", "{again}");
    }
    // What is then missing is named, before anything is sent.
    let before = server.requests().len();
    for (secret, arguments, status, said) in [
        (API_TOKEN, &["--url", &cloud][..], 2, "--email"),
        ("unknown", &["--url", &cloud], 2, "--auth"),
        (
            API_TOKEN,
            &["--url", &cloud, "--email", "jane"],
            2,
            "jane@example.com",
        ),
        (
            API_TOKEN,
            &["--url", &datacenter, "--email", "j@acme.example"],
            3,
            "bitbucket.org",
        ),
        (
            "ATBBold",
            &["--url", &cloud, "--email", "j@acme.example"],
            3,
            "retired app passwords",
        ),
    ] {
        let add = [&["connection", "add", "x"][..], arguments].concat();
        let failed = with_secret(&sandbox, secret, &add).exits_with(status);
        assert!(
            failed.stderr.contains(said),
            "{arguments:?}: {}",
            failed.stderr
        );
    }
    assert_eq!(server.requests().len(), before);
    let nowhere = ["connection", "add", "x", "--url", &cloud];
    let failed = with_secret(&sandbox, REPO_TOKEN, &nowhere).exits_with(2);
    assert_contains(&failed.stderr, "--workspace");
}

#[test]
fn the_owner_of_an_access_token_is_accepted_in_any_form() {
    let server = server();
    let url = server.cloud();
    for (token, owner, level, repository) in [
        (
            REPO_TOKEN,
            "https://bitbucket.org/acme/site/src/main/",
            "repo",
            Some("site"),
        ),
        (REPO_TOKEN, " \"acme/site\" ", "repo", Some("site")),
        // The token sees one repository of that workspace.
        (REPO_TOKEN, "acme", "repo", Some("site")),
        (
            WORKSPACE_TOKEN,
            "https://bitbucket.org/acme/workspace/overview",
            "workspace",
            None,
        ),
    ] {
        let sandbox = Sandbox::new();
        let command = format!("echo {token}");
        let mut terminal = sandbox.terminal(&[
            "connection",
            "add",
            "x",
            "--url",
            &url,
            "--token-command",
            &command,
        ]);
        answer(
            &mut terminal,
            &[
                ("Token belongs to", "https://bitbucket.org"),
                ("does not name a workspace", owner),
            ],
        );
        ends_with(terminal, 0);
        let saved = connection(&sandbox, "x");
        assert_eq!(saved["workspace"], "acme", "{owner}");
        assert_eq!(saved["level"], level, "{owner}");
        assert_eq!(saved["repository"].as_str(), repository, "{owner}");
    }
    // An owner that the token cannot see is prompted for again.
    let sandbox = Sandbox::new();
    let command = format!("echo {WORKSPACE_TOKEN}");
    let mut terminal = sandbox.terminal(&[
        "connection",
        "add",
        "x",
        "--url",
        &url,
        "--token-command",
        &command,
    ]);
    answer(
        &mut terminal,
        &[("Token belongs to", "elsewhere"), ("not visible", "acme")],
    );
    ends_with(terminal, 0);
}

#[test]
fn the_passphrase_is_prompted_for_three_times() {
    let (server, sandbox) = (server(), Sandbox::with_file_store());
    let url = server.datacenter();
    let add = ["connection", "add", "work", "--url", &url];
    with_secret(&sandbox, USER_TOKEN, &add).exits_with(0);
    for (answers, status) in [(&["a", "b", "a passphrase"][..], 0), (&["a", "b", "c"], 9)] {
        let mut terminal = sandbox.terminal_with(
            &[("BBCONNECT_STORE_PASSPHRASE_CACHE", "0")],
            &["repo", "list", "-c", "work"],
        );
        for passphrase in answers {
            answer(
                &mut terminal,
                &[("Passphrase of the encrypted store", passphrase)],
            );
            terminal.expect("[hidden]");
        }
        ends_with(terminal, status);
    }
}

#[test]
fn one_of_several_workspaces_is_chosen() {
    let (server, sandbox) = (server(), Sandbox::new());
    server.update(|state| state.workspaces = vec!["acme", "other"]);
    let (url, command) = (server.cloud(), format!("echo {API_TOKEN}"));
    let add = |name| {
        let place = format!("connection add {name} --url {url} --email jane@acme.example");
        let place = words(&place);
        [&place[..], &["--token-command", &command]]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let scripted = sandbox.run(add("scripted")).exits_with(0);
    assert_contains(&scripted.stderr, "acme, other");
    let arguments = add("chosen");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut terminal = sandbox.terminal(&arguments);
    terminal.expect("Default workspace");
    terminal.send("\u{1b}[B\r");
    ends_with(terminal, 0);
    assert_eq!(connection(&sandbox, "chosen")["workspace"], "other");
    // Without a workspace all are listed, also with the connection of the environment.
    let listed = |list: crate::support::RunOutput| {
        let listed = list.exits_with(0).json();
        let all = listed["repositories"].as_array().unwrap().clone();
        all.iter()
            .map(|repository| repository["slug"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = ["site", "docs", "tool"];
    assert_eq!(
        listed(sandbox.run(["repo", "list", "-c", "scripted", "--json"])),
        all
    );
    assert_eq!(
        listed(sandbox.run(["repo", "list", "-c", "chosen", "--json"])),
        ["tool"]
    );
    let mut list = sandbox.command(["repo", "list", "--json"]);
    list.envs(server.environment(true))
        .env("BBCONNECT_TOKEN", API_TOKEN);
    assert_eq!(listed(list.finish()), all);
}

#[test]
fn a_repository_that_does_not_exist_saves_nothing() {
    let (server, sandbox) = (server(), Sandbox::with_file_store());
    let (cloud, datacenter) = (server.cloud(), server.datacenter());
    for (secret, arguments) in [
        (
            API_TOKEN,
            &[
                "--url",
                &cloud,
                "--email",
                "jane@acme.example",
                "--repo",
                "acme/nosuch",
            ][..],
        ),
        (REPO_TOKEN, &["--url", &cloud, "--repo", "acme/nosuch"]),
        (USER_TOKEN, &["--url", &datacenter, "--repo", "WEB/nosuch"]),
        (
            PASSWORD,
            &[
                "--url",
                &datacenter,
                "--auth",
                "password",
                "--username",
                "jane",
                "--repo",
                "WEB/nosuch",
            ],
        ),
    ] {
        let add = [&["connection", "add", "x"][..], arguments].concat();
        let failed = with_secret(&sandbox, secret, &add).exits_with(5);
        assert_contains(&failed.stderr, "not found");
        let [.., last] = arguments else { panic!() };
        let exists = last.replace("nosuch", "site");
        let mut add = add;
        *add.last_mut().unwrap() = &exists;
        let dry = [&add[..], &["--dry-run"]].concat();
        with_secret(&sandbox, secret, &dry).exits_with(0);
    }
    assert!(!sandbox.path(".config/bbconnect").exists());
}

#[test]
fn an_incomplete_connection_can_be_completed() {
    let (server, sandbox) = (server(), Sandbox::with_file_store());
    let url = server.cloud();
    let add = format!("connection add work --url {url} --email jane@acme.example");
    let add = words(&add);
    with_secret(&sandbox, API_TOKEN, &add).exits_with(0);
    let file = sandbox.path(".config/bbconnect/connections.toml");
    let complete = fs::read_to_string(&file).unwrap();
    let incomplete = complete.replace("email = \"jane@acme.example\"\n", "# lost\n");
    assert_ne!(incomplete, complete);
    fs::write(&file, &incomplete).unwrap();
    let failed = sandbox.run(["repo", "list", "-c", "work"]).exits_with(9);
    let hint = "bbconnect connection edit work --email ADDRESS";
    assert!(failed.stderr.contains(hint), "{}", failed.stderr);
    let failed = sandbox.run(["connection", "edit", "work"]).exits_with(9);
    assert!(failed.stderr.contains(hint), "{}", failed.stderr);
    let edit = words("connection edit work --json --email jane@acme.example");
    let edited = sandbox.run_json(edit);
    assert_eq!(edited["action"], "updated");
    assert_eq!(edited["verified"], true);
    sandbox.run(["repo", "list", "-c", "work"]).exits_with(0);
    assert_contains(&fs::read_to_string(&file).unwrap(), "# lost");
    // A wrong value is not saved.
    fs::write(&file, &incomplete).unwrap();
    let wrong = ["connection", "edit", "work", "--email", "jo@acme.example"];
    sandbox.run(wrong).exits_with(3);
    assert_eq!(fs::read_to_string(&file).unwrap(), incomplete);
}

#[test]
fn a_credential_that_expires_soon_is_mentioned_in_one_line() {
    let (server, sandbox) = (server(), Sandbox::with_file_store());
    let url = server.cloud();
    let add = format!("connection add work --url {url} --email jane@acme.example");
    let add = words(&add);
    with_secret(&sandbox, API_TOKEN, &add).exits_with(0);
    let now = std::time::SystemTime::now();
    let seconds = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let days = i64::try_from(seconds / 86_400).unwrap();
    for (left, mentioned) in [(0, true), (3, true), (13, true), (15, false), (400, false)] {
        let expires = date(days + left);
        let edit = ["connection", "edit", "work", "--expires", &expires];
        sandbox.run(edit).exits_with(0);
        let lines = |arguments: &[&str]| {
            let ran = sandbox.run(arguments);
            ran.stderr
                .lines()
                .filter(|line| line.contains(&expires))
                .count()
        };
        let expected = usize::from(mentioned);
        assert_eq!(lines(&["repo", "list"]), expected, "{left}");
        assert_eq!(lines(&["workspace", "list", "--json"]), expected, "{left}");
        for arguments in [&["repo", "list", "-q"][..], &["connection", "show", "work"]] {
            assert_eq!(lines(arguments), 0, "{left} {arguments:?}");
        }
    }
}

/// The date of a day since 1970, by the algorithm of civil calendars.
fn date(days: i64) -> String {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[test]
fn a_passphrase_is_prompted_for_once_in_a_while() {
    let (server, sandbox) = (server(), Sandbox::with_file_store());
    let url = server.datacenter();
    let add = ["connection", "add", "work", "--url", &url];
    with_secret(&sandbox, USER_TOKEN, &add).exits_with(0);
    let list = ["repo", "list", "-c", "work"];
    let mut terminal = sandbox.terminal(&list);
    answer(
        &mut terminal,
        &[("Passphrase of the encrypted store", "a passphrase")],
    );
    ends_with(terminal, 0);
    // The kernel keeps it, where it can: also for commands without a terminal, such as git's helper.
    let without_file = |minutes: Option<&str>| {
        let mut list = sandbox.command(list);
        list.env_remove("BBCONNECT_STORE_PASSPHRASE_FILE");
        if let Some(minutes) = minutes {
            list.env("BBCONNECT_STORE_PASSPHRASE_CACHE", minutes);
        }
        list.finish()
    };
    if kernel_keeps_keys() {
        without_file(None).exits_with(0);
    }
    without_file(Some("soon")).exits_with(2);
    // Zero keeps nothing, and forgets what was kept.
    without_file(Some("0")).exits_with(9);
    without_file(None).exits_with(9);
}

/// Whether keys can be added to the keyring of the user: containers often deny it.
fn kernel_keeps_keys() -> bool {
    #[cfg(target_os = "linux")]
    {
        use linux_keyutils::{KeyRing, KeyRingIdentifier};
        let keyring = KeyRing::from_special_id(KeyRingIdentifier::User, false);
        let name = format!("bbconnect-test:{}", std::process::id());
        keyring.is_ok_and(|keyring| {
            let added = keyring.add_key(&name, "x");
            let found = keyring
                .search(&name)
                .is_ok_and(|key| key.read_to_vec().is_ok());
            added.is_ok_and(|key| keyring.unlink_key(key).is_ok()) && found
        })
    }
    #[cfg(not(target_os = "linux"))]
    false
}

#[test]
fn connection_use_offers_the_known_ones_on_a_terminal() {
    let sandbox = Sandbox::new();
    for name in ["one", "two"] {
        let add = format!("connection add {name} --url https://git.example.com --no-verify");
        let add = words(&add);
        let secret = ["--auth", "http-access-token", "--token-command", "echo x"];
        sandbox.run([&add[..], &secret].concat()).exits_with(0);
    }
    let failed = sandbox.run(["connection", "use"]).exits_with(2);
    assert_contains(&failed.stderr, "one, two");
    let mut terminal = sandbox.terminal(&["connection", "use"]);
    terminal.expect("Connection");
    terminal.send("\u{1b}[B\r");
    ends_with(terminal, 0);
    assert_eq!(connection(&sandbox, "two")["default"], true);
}

#[test]
fn the_password_of_token_commands_is_prompted_for_again() {
    let (server, sandbox) = (server(), Sandbox::with_file_store());
    let url = server.datacenter();
    let add = ["connection", "add", "work", "--url", &url];
    with_secret(&sandbox, USER_TOKEN, &add).exits_with(0);
    let passphrase = sandbox.path("passphrase");
    let mut terminal = sandbox.terminal_with(
        &[(
            "BBCONNECT_STORE_PASSPHRASE_FILE",
            passphrase.to_str().unwrap(),
        )],
        &["token", "list", "--username", "jane", "--token-stdin"],
    );
    for secret in ["wrong", PASSWORD] {
        answer(&mut terminal, &[("Password", secret)]);
        terminal.expect("[hidden]");
    }
    ends_with(terminal, 0);
}

#[test]
fn a_prompt_accepts_only_tokens_of_the_product() {
    let (server, sandbox) = (server(), Sandbox::with_file_store());
    let passphrase = sandbox.path("passphrase");
    let variables = [
        (
            "BBCONNECT_STORE_PASSPHRASE_FILE",
            passphrase.to_str().unwrap(),
        ),
        ("BROWSER", "/no/such/browser"),
    ];
    let url = server.cloud();
    let add = ["connection", "add", "x", "--url", &url, "--store", "file"];
    let mut terminal = sandbox.terminal_with(&variables, &add);
    let prompt = "API token or access token: ";
    let mut shown = terminal.expect(prompt);
    for (secret, said) in [
        ("ATBBold", "retired app passwords"),
        (USER_TOKEN, "an HTTP access token, not an API token"),
        ("", "id.atlassian.com"),
    ] {
        terminal.send_line(secret);
        shown += &terminal.expect("[hidden]");
        shown += &terminal.expect(prompt);
        assert!(shown.contains(said), "{shown}");
    }
    assert_eq!(
        shown.matches("read:workspace:bitbucket").count(),
        1,
        "{shown}"
    );
    terminal.send_line(API_TOKEN);
    answer(&mut terminal, &[("E-mail address: ", "jane@acme.example")]);
    ends_with(terminal, 0);
}
