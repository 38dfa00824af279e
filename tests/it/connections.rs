//! `bbconnect connection`: every kind of credential against both products, where secrets are, which connection applies.

use std::fs;

use crate::support::bitbucket::{Credential, Kind, Server, ServerState};
use crate::support::{
    CommandExt as _, RunOutput, Sandbox, assert_contains, check_output, is_installed,
    print_command, program, words,
};

const API_TOKEN: &str = "ATATT3xFfGF0-api-token-marker";
const ACCESS_TOKEN: &str = "ATCTT3xFfGN0-access-token-marker";
// base64 of `080920112506:abcdefghij0123456789`
const USER_TOKEN: &str = "BBDC-MDgwOTIwMTEyNTA2OmFiY2RlZmdoaWowMTIzNDU2Nzg5";
const PROJECT_TOKEN: &str = "project-token-marker";
const PASSWORD: &str = "password-marker";

fn state() -> ServerState {
    let credential = Credential::new;
    ServerState {
        credentials: vec![
            credential(
                Kind::JANE_API_TOKEN,
                API_TOKEN,
                &["read:user:bitbucket", "read:repository:bitbucket"],
            ),
            credential(
                Kind::ApiToken {
                    email: "narrow@acme.example",
                },
                API_TOKEN,
                &["read:repository:bitbucket"],
            ),
            credential(Kind::SITE_ACCESS_TOKEN, ACCESS_TOKEN, &["repository"]),
            credential(Kind::UserToken { user: "jane" }, USER_TOKEN, &["REPO_READ"]),
            credential(
                Kind::ProjectToken { project: "WEB" },
                PROJECT_TOKEN,
                &["PROJECT_READ"],
            ),
            credential(Kind::Password { user: "jane" }, PASSWORD, &[]),
        ],
        repositories: vec![
            ("acme/site", false),
            ("acme/public", true),
            ("WEB/site", false),
            ("OPEN/site", true),
        ],
        ..ServerState::default()
    }
}

/// Adds a connection whose secret comes from a file.
fn add(sandbox: &Sandbox, name: &str, secret: &str, arguments: &[&str]) -> RunOutput {
    fs::write(sandbox.path("token"), format!("{secret}\n")).unwrap();
    let all = [
        &["connection", "add", name, "--token-file", "token", "--json"],
        arguments,
    ]
    .concat();
    let ran = sandbox.run(&all);
    fs::remove_file(sandbox.path("token")).unwrap();
    ran
}

fn api_token(url: &str) -> [&str; 6] {
    [
        "--url",
        url,
        "--auth",
        "api-token",
        "--email",
        "jane@acme.example",
    ]
}

#[test]
fn every_credential_type_is_verified_and_saved() {
    let server = Server::start(state());
    let (cloud, datacenter) = (server.cloud(), server.datacenter());
    let sandbox = Sandbox::with_file_store();
    let access = format!("--url {cloud} --auth access-token --repo acme/site");
    let access = words(&access);
    let user = ["--url", &datacenter, "--auth", "http-access-token"];
    let public = format!("--url {cloud} --auth access-token --repo acme/public");
    let public = words(&public);
    let project =
        format!("--url {datacenter} --auth http-access-token --level project --project WEB");
    let project = words(&project);
    let password = format!("--url {datacenter} --auth password --username jane");
    let password = words(&password);
    for (name, secret, arguments, account, level) in [
        (
            "api",
            API_TOKEN,
            &api_token(&cloud)[..],
            Some("jane"),
            "user",
        ),
        ("access", ACCESS_TOKEN, &access, None, "repo"),
        ("public", ACCESS_TOKEN, &public, None, "repo"),
        ("user", USER_TOKEN, &user, Some("jane"), "user"),
        (
            "project",
            PROJECT_TOKEN,
            &project,
            Some("access-token-user/WEB"),
            "project",
        ),
        ("password", PASSWORD, &password, Some("jane"), "user"),
    ] {
        let added = add(&sandbox, name, secret, arguments).exits_with(0).json();
        assert_eq!(added["schema"], "bbconnect/connection-add@1");
        assert_eq!(
            (added["action"].as_str(), added["verified"].as_bool()),
            (Some("created"), Some(true)),
            "{added}"
        );
        let connection = &added["connection"];
        assert_eq!(connection["account"].as_str(), account, "{added}");
        assert_eq!(connection["level"].as_str(), Some(level), "{added}");
        assert_eq!(connection["secret"]["store"], "file");
        // The same once more changes nothing; the same name for something else is a conflict.
        assert_eq!(
            add(&sandbox, name, secret, arguments).exits_with(0).json()["action"],
            "unchanged"
        );
        add(&sandbox, name, "another", arguments).exits_with(6);
    }
    let shown = sandbox.run_json(["connection", "show", "user", "--json"]);
    assert_eq!(
        shown["connection"]["expires_on"], "2026-12-20",
        "the token's own record tells it"
    );
    let listed = sandbox.run_json(["connection", "list", "--json"]);
    let names: Vec<_> = listed["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|view| view["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["access", "api", "password", "project", "public", "user"]
    );

    // No secret is in any file, nor in what any command prints.
    let files = fs::read_dir(sandbox.path(".config/bbconnect"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut texts: Vec<String> = files
        .map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned())
        .collect();
    for arguments in [
        &["connection", "list"][..],
        &["connection", "show", "api", "-v"],
        &["connection", "which", "-v"],
    ] {
        let ran = sandbox.run(arguments).exits_with(0);
        texts.extend([ran.stdout, ran.stderr]);
    }
    for secret in [API_TOKEN, ACCESS_TOKEN, USER_TOKEN, PROJECT_TOKEN, PASSWORD] {
        assert!(
            texts.iter().all(|text| !text.contains(secret)),
            "{secret} is somewhere"
        );
    }
}

#[test]
fn a_token_without_user_scope_is_valid() {
    let server = Server::start(state());
    let arguments = format!(
        "--url {} --auth api-token --email narrow@acme.example",
        server.cloud()
    );
    let arguments = words(&arguments);
    let added = add(&Sandbox::with_file_store(), "narrow", API_TOKEN, &arguments)
        .exits_with(0)
        .json();
    assert_eq!(added["connection"]["account"], "narrow@acme.example");
}

#[test]
fn a_refused_credential_is_not_saved() {
    let server = Server::start(state());
    let (cloud, datacenter) = (server.cloud(), server.datacenter());
    let sandbox = Sandbox::with_file_store();
    let mut wrong_user = api_token(&cloud);
    wrong_user[5] = "jo@acme.example";
    let bearer = ["--url", &datacenter, "--auth", "http-access-token"];
    let other = format!("--url {cloud} --auth access-token --repo acme/site");
    let other = words(&other);
    let app = format!("--url {cloud} --auth app-password --username jane");
    let app = words(&app);
    let password = format!("--url {datacenter} --auth password --username jane");
    let password = words(&password);
    let wrong = format!("http://{}/elsewhere", server.address);
    let no_context = ["--url", &wrong, "--auth", "http-access-token"];
    let public = format!("--url {cloud} --auth access-token --repo acme/public");
    let public = words(&public);
    for (secret, arguments, status, said) in [
        (
            API_TOKEN,
            &wrong_user[..],
            3,
            "that of the Atlassian account",
        ),
        (
            "ATATT-unknown",
            &api_token(&cloud),
            3,
            "has Bitbucket scopes",
        ),
        ("ATBBunknown", &api_token(&cloud), 3, "app password"),
        ("ATBBunknown", &app, 3, "2026-07-28"),
        (
            ACCESS_TOKEN,
            &api_token(&cloud),
            3,
            "pass --auth access-token",
        ),
        (API_TOKEN, &other, 3, "pass --auth api-token"),
        ("unknown", &bearer, 3, "created on this server"),
        ("unknown", &password, 3, "single sign-on"),
        (USER_TOKEN, &no_context, 8, "context path"),
        // A repository that everybody may see proves nothing.
        ("ATCTTunknown", &public, 3, "has not expired"),
    ] {
        let refused = add(&sandbox, "x", secret, arguments).exits_with(status);
        let error = refused.json();
        assert!(
            error["error"]["hint"]
                .as_str()
                .unwrap_or_default()
                .contains(said),
            "{error}"
        );
        assert!(!refused.stdout.contains("unknown"), "{error}");
    }
    server.update(|state| state.basic_auth_disabled = true);
    let blocked = add(&sandbox, "x", PASSWORD, &password).exits_with(3).json();
    assert_contains(
        blocked["error"]["hint"].as_str().unwrap(),
        "--auth http-access-token",
    );
    server.update(|state| (state.basic_auth_disabled, state.requires_captcha) = (false, true));
    let captcha = add(&sandbox, "x", PASSWORD, &password).exits_with(3).json();
    assert_contains(captcha["error"]["message"].as_str().unwrap(), "CAPTCHA");
    // A token of a project that everybody may see: neither yes nor no.
    let open = format!("--url {datacenter} --auth http-access-token --level repo --repo OPEN/site");
    let open = words(&open);
    let undecided = add(&sandbox, "x", "unknown", &open).exits_with(1).json();
    assert_contains(undecided["error"]["message"].as_str().unwrap(), "unknown");
    assert!(!sandbox.path(".config/bbconnect").exists());
}

#[test]
fn missing_values_name_their_flag() {
    let sandbox = Sandbox::with_file_store();
    for (arguments, said) in [
        (&["connection", "add", "x"][..], "--url"),
        (
            &["connection", "add", "x", "--url", "https://bitbucket.org"],
            "--auth",
        ),
        (
            &[
                "connection",
                "add",
                "x",
                "--url",
                "https://bitbucket.org",
                "--auth",
                "api-token",
            ],
            "--email",
        ),
        (
            &[
                "connection",
                "add",
                "x",
                "--url",
                "https://bitbucket.org",
                "--auth",
                "access-token",
            ],
            "--workspace",
        ),
        (
            &[
                "connection",
                "add",
                "x",
                "--url",
                "https://git.example.com",
                "--auth",
                "password",
            ],
            "--username",
        ),
        (
            &[
                "connection",
                "add",
                "x",
                "--url",
                "https://git.example.com",
                "--auth",
                "http-access-token",
            ],
            "--token-stdin",
        ),
        (
            &[
                "connection",
                "add",
                "x",
                "--url",
                "https://git.example.com",
                "--auth",
                "api-token",
            ],
            "--help",
        ),
        (
            &["connection", "add", "x", "--token", "hunter2"],
            "--token-stdin",
        ),
        (
            &["connection", "add", "-x", "--url", "https://bitbucket.org"],
            "--help",
        ),
        (&["connection", "remove", "x"], "connection add"),
    ] {
        let ran = sandbox.run(arguments);
        assert!(
            ran.status == 2 || ran.status == 5,
            "{arguments:?}: {}",
            ran.stderr
        );
        assert!(
            ran.stderr.contains(said) && !ran.stderr.contains("hunter2"),
            "{arguments:?}: {}",
            ran.stderr
        );
    }
    // Plain http to another machine.
    fs::write(sandbox.path("token"), "secret\n").unwrap();
    let plain = words(
        "connection add x --url http://git.example.com --auth http-access-token --token-file token",
    );
    let refused = sandbox.run(plain).exits_with(2);
    assert_contains(&refused.stderr, "--allow-http");
}

#[test]
fn edit_rename_and_remove_include_the_secret() {
    let server = Server::start(state());
    let sandbox = Sandbox::with_file_store();
    add(&sandbox, "work", API_TOKEN, &api_token(&server.cloud())).exits_with(0);
    let file = sandbox.path(".config/bbconnect/connections.toml");
    // What people write into the file stays.
    let text = fs::read_to_string(&file)
        .unwrap()
        .replace("workspace", "# mine\nworkspace");
    fs::write(
        &file,
        format!("# a remark\n{text}colour = \"red\"\n\n[other]\nx = 1\n"),
    )
    .unwrap();
    let edit = words("connection edit work --workspace acme --expires 2027-03-31 --json");
    let edited = sandbox.run_json(&edit);
    assert_eq!(
        (
            edited["action"].as_str(),
            edited["connection"]["workspace"].as_str()
        ),
        (Some("updated"), Some("acme"))
    );
    assert_eq!(sandbox.run_json(edit)["action"], "unchanged");
    let forget = ["connection", "edit", "work", "--expires", "", "--json"];
    let forgotten = sandbox.run_json(forget);
    assert!(
        forgotten["connection"]["expires_on"].is_null(),
        "{forgotten}"
    );
    sandbox
        .run(["connection", "rename", "work", "acme"])
        .exits_with(0);
    let text = fs::read_to_string(&file).unwrap();
    for kept in [
        "# a remark",
        "colour = \"red\"",
        "[other]",
        "default = \"acme\"",
        "[connections.acme]",
    ] {
        assert!(text.contains(kept), "{kept} is gone:\n{text}");
    }
    // The secret went along.
    let verified = words("connection edit acme --email narrow@acme.example --json");
    assert_eq!(sandbox.run_json(verified)["verified"], true);
    sandbox
        .run(["connection", "rename", "acme", "acme"])
        .exits_with(0);
    add(
        &sandbox,
        "second",
        API_TOKEN,
        &[&api_token(&server.cloud())[..], &["--no-verify"]].concat(),
    )
    .exits_with(0);
    sandbox
        .run(["connection", "rename", "acme", "second"])
        .exits_with(6);
    sandbox
        .run(["connection", "remove", "second", "--yes"])
        .exits_with(0);
    sandbox
        .run(["connection", "rename", "absent", "x"])
        .exits_with(5);
    sandbox.run(["connection", "remove", "acme"]).exits_with(2);
    sandbox
        .run(["connection", "remove", "acme", "--yes"])
        .exits_with(0);
    sandbox
        .run(["connection", "remove", "acme", "--yes"])
        .exits_with(5);
    let secrets = fs::read_to_string(sandbox.path(".config/bbconnect/secrets.json")).unwrap();
    assert_contains(&secrets, "\"secrets\": {}");
}

#[test]
fn dry_run_saves_nothing_and_no_verify_sends_nothing() {
    let server = Server::start(state());
    let (cloud, sandbox) = (server.cloud(), Sandbox::with_file_store());
    let dry = [&api_token(&cloud)[..], &["--dry-run"]].concat();
    let would = add(&sandbox, "work", API_TOKEN, &dry).exits_with(0).json();
    assert_eq!(
        (would["action"].as_str(), would["verified"].as_bool()),
        (Some("would-create"), Some(true))
    );
    assert!(!sandbox.path(".config/bbconnect").exists());
    let before = server.requests().len();
    let unverified = [&api_token(&cloud)[..], &["--no-verify"]].concat();
    let saved = add(&sandbox, "work", "wrong", &unverified)
        .exits_with(0)
        .json();
    assert_eq!(
        (saved["action"].as_str(), saved["verified"].as_bool()),
        (Some("created"), Some(false))
    );
    assert_eq!(server.requests().len(), before);
}

#[test]
fn connection_precedence_is_as_documented() {
    let sandbox = Sandbox::with_file_store();
    let add_unverified = |name: &str, arguments: &[&str]| {
        add(
            &sandbox,
            name,
            "secret",
            &[arguments, &["--no-verify"]].concat(),
        )
        .exits_with(0);
    };
    add_unverified(
        "first",
        &[
            "--url",
            "https://git.example.com",
            "--auth",
            "http-access-token",
        ],
    );
    add_unverified(
        "acme",
        &[
            "--url",
            "https://bitbucket.org",
            "--auth",
            "access-token",
            "--workspace",
            "acme",
        ],
    );
    add_unverified(
        "site",
        &[
            "--url",
            "https://bitbucket.org",
            "--auth",
            "access-token",
            "--repo",
            "acme/site",
        ],
    );
    let which = |dir: &str, variables: &[(&str, &str)], flags: &[&str]| {
        let mut command = sandbox.command([&["connection", "which", "--json"], flags].concat());
        command
            .current_dir(sandbox.path(dir))
            .envs(variables.iter().copied());
        let ran = command.finish();
        if ran.status == 0 {
            ran.json()["connection"]["name"]
                .as_str()
                .unwrap()
                .to_owned()
        } else {
            ran.status.to_string()
        }
    };
    fs::create_dir_all(sandbox.path("work/services/api/src")).unwrap();
    let git = |arguments: &[&str]| {
        let mut git = program("git");
        git.args(arguments)
            .current_dir(sandbox.path("work"))
            .env("HOME", sandbox.home())
            .env("GIT_CONFIG_NOSYSTEM", "1");
        check_output(&mut git)
    };
    assert_eq!(which(".", &[], &[]), "first");
    if !is_installed("git", "--version") {
        return;
    }
    git(&["init", "-q"]);
    assert_eq!(which("work", &[], &[]), "first");
    git(&[
        "remote",
        "add",
        "origin",
        "git@bitbucket.org:acme/other.git",
    ]);
    assert_eq!(which("work", &[], &[]), "acme");
    git(&[
        "remote",
        "set-url",
        "origin",
        "git@ssh.bitbucket.org:acme/site.git",
    ]);
    assert_eq!(which("work", &[], &[]), "site");
    let environment = [("BBCONNECT_TOKEN", "secret")];
    assert_eq!(which("work", &environment, &[]), "environment");
    let mut here = sandbox.command(["connection", "use", "first", "--here"]);
    here.current_dir(sandbox.path("work"))
        .finish()
        .exits_with(0);
    assert_eq!(which("work", &environment, &[]), "first");
    let mut service = sandbox.command(words("connection use acme --service services/api --json"));
    let used = service
        .current_dir(sandbox.path("work"))
        .finish()
        .exits_with(0)
        .json();
    assert_eq!(
        (used["action"].as_str(), used["scope"].as_str()),
        (Some("updated"), Some("folder"))
    );
    assert_eq!(which("work/services", &[], &[]), "first");
    assert_eq!(which("work/services/api/src", &[], &[]), "acme");
    assert_eq!(
        which(
            "work/services/api",
            &[("BBCONNECT_CONNECTION", "site")],
            &[]
        ),
        "site"
    );
    assert_eq!(
        which("work", &[("BBCONNECT_CONNECTION", "site")], &["-c", "acme"]),
        "acme"
    );
    assert_eq!(which("work", &[], &["-c", "absent"]), "5");
    let mut outside = sandbox.command(["connection", "use", "acme", "--here"]);
    outside.finish().exits_with(5);
    sandbox.run(["connection", "use", "acme"]).exits_with(0);
    assert_eq!(which(".", &[], &[]), "acme");
}

#[test]
fn environment_variables_define_a_connection() {
    let sandbox = Sandbox::with_file_store();
    let which = |variables: &[(&str, &str)]| {
        let mut command = sandbox.command(["connection", "which", "--json"]);
        command.envs(variables.iter().copied()).finish()
    };
    let token = ("BBCONNECT_TOKEN", "secret");
    for (variables, auth, workspace, repository) in [
        (&[token][..], "access-token", None, None),
        (
            &[token, ("BBCONNECT_EMAIL", "a@b.c")],
            "api-token",
            None,
            None,
        ),
        (
            &[
                token,
                ("BITBUCKET_WORKSPACE", "acme"),
                ("BITBUCKET_REPO_SLUG", "site"),
            ],
            "access-token",
            Some("acme"),
            Some("site"),
        ),
        (
            &[
                token,
                ("BBCONNECT_REPO", "acme/site"),
                ("BITBUCKET_WORKSPACE", "other"),
            ],
            "access-token",
            Some("acme"),
            Some("site"),
        ),
        (
            &[token, ("BBCONNECT_URL", "https://git.example.com")],
            "http-access-token",
            None,
            None,
        ),
        (
            &[
                token,
                ("BBCONNECT_URL", "https://git.example.com"),
                ("BBCONNECT_USERNAME", "j"),
            ],
            "password",
            None,
            None,
        ),
    ] {
        let connection = which(variables).exits_with(0).json()["connection"].clone();
        assert_eq!(connection["auth"], auth, "{variables:?}");
        assert_eq!(connection["workspace"].as_str(), workspace, "{variables:?}");
        assert_eq!(
            connection["repository"].as_str(),
            repository,
            "{variables:?}"
        );
        assert_eq!(connection["secret"]["store"], "environment");
    }
    // A pipeline's repository is what runs, and not said to be what the token belongs to.
    for (repository, level) in [
        ("BITBUCKET_REPO_SLUG", None),
        ("BBCONNECT_REPO", Some("repo")),
    ] {
        let variables = [token, ("BITBUCKET_WORKSPACE", "acme"), (repository, "site")];
        let connection = which(&variables).exits_with(0).json()["connection"].clone();
        assert_eq!(connection["level"].as_str(), level, "{repository}");
    }
    let server = ("BBCONNECT_URL", "https://git.example.com");
    for (variables, value, level) in [
        (&[][..], "workspace", Some("workspace")),
        (&[], "project", Some("project")),
        (&[], "user", None),
        (&[], "person", None),
        (&[server], "user", Some("user")),
        (&[server], "repo", Some("repo")),
        (&[server], "workspace", None),
        (&[("BBCONNECT_EMAIL", "jane@acme.example")], "repo", None),
    ] {
        let variables = [&[token, ("BBCONNECT_LEVEL", value)], variables].concat();
        let ran = which(&variables);
        if level.is_some() {
            let connection = ran.exits_with(0).json()["connection"].clone();
            assert_eq!(connection["level"].as_str(), level, "{variables:?}");
        } else {
            let refused = ran.exits_with(2).json();
            let message = refused["error"]["message"].as_str().unwrap();
            assert!(message.starts_with("BBCONNECT_LEVEL"), "{message}");
        }
    }
    // For people as well, both are the result: which, and why.
    let mut command = sandbox.command(["connection", "which"]);
    let output = command
        .env("BBCONNECT_TOKEN", "secret")
        .finish()
        .exits_with(0);
    let because = "BBCONNECT_TOKEN (or _FILE, _COMMAND) is set";
    assert_eq!(output.stdout, format!("environment\n{because}\n"));
    which(&[token, ("BBCONNECT_TOKEN_FILE", "x")]).exits_with(2);
    let invalid = which(&[token, ("BBCONNECT_URL", "ftp://x")]).exits_with(2);
    assert_contains(&invalid.stdout, "the URL of your server as in a browser");
    let look_alike = ("BBCONNECT_URL", "https://bitbucket.org@git.example.com");
    let refused = which(&[token, look_alike]).exits_with(2);
    assert_contains(&refused.stdout, "git.example.com, not bitbucket.org");
    which(&[token, ("BBCONNECT_DEPLOYMENT", "x")]).exits_with(2);
    which(&[]).exits_with(5);
    fs::create_dir(sandbox.path("credentials")).unwrap();
    fs::write(sandbox.path("credentials/bbconnect-token"), "secret\n").unwrap();
    let dir = sandbox.path("credentials");
    which(&[("CREDENTIALS_DIRECTORY", dir.to_str().unwrap())]).exits_with(0);
}

#[test]
fn fifty_concurrent_writers_lose_no_connection() {
    let sandbox = Sandbox::with_file_store();
    let children: Vec<_> = (0..50)
        .map(|number| {
            let name = format!("c{number}");
            let arguments = [
                "connection",
                "add",
                &name,
                "--url",
                "https://git.example.com",
                "--auth",
                "http-access-token",
            ];
            let mut command = sandbox.command(arguments);
            // The last one waits for all others.
            command
                .args(["--no-verify", "--timeout", "100"])
                .args(["--token-command", "echo secret"])
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        RunOutput::from(child.wait_with_output().unwrap()).exits_with(0);
    }
    let listed = sandbox.run_json(["connection", "list", "--json"]);
    assert_eq!(listed["connections"].as_array().unwrap().len(), 50);
}

#[test]
fn a_killed_writer_leaves_a_complete_file() {
    let sandbox = Sandbox::with_file_store();
    for round in 0..30 {
        let name = format!("c{round}");
        let arguments = [
            "connection",
            "add",
            &name,
            "--url",
            "https://git.example.com",
            "--auth",
            "http-access-token",
        ];
        let mut command = sandbox.command(arguments);
        let mut child = command
            .args(["--no-verify", "--token-command", "echo secret"])
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(round));
        // SIGKILL; it may have ended already.
        drop(child.kill());
        child.wait().unwrap();
        sandbox.run(["connection", "list"]).exits_with(0);
    }
}

#[test]
fn concurrent_adds_of_one_name_do_not_mix_secrets() {
    let server = Server::start(state());
    let sandbox = Sandbox::with_file_store();
    let url = server.datacenter();
    for round in 0..3 {
        let name = format!("same{round}");
        let children: Vec<_> = (0..6)
            .map(|number| {
                fs::write(
                    sandbox.path(&format!("token{number}")),
                    format!("secret-of-w{number}"),
                )
                .unwrap();
                let arguments = [
                    "connection",
                    "add",
                    &name,
                    "--url",
                    &url,
                    "--auth",
                    "http-access-token",
                    "--no-verify",
                ];
                let mut command = sandbox.command(arguments);
                command.args([
                    "--project",
                    &format!("w{number}"),
                    "--token-file",
                    &format!("token{number}"),
                ]);
                command.spawn().unwrap()
            })
            .collect();
        let ended: Vec<_> = children
            .into_iter()
            .map(|child| child.wait_with_output().unwrap().status.code())
            .collect();
        assert_eq!(
            ended.iter().filter(|status| **status == Some(0)).count(),
            1,
            "{ended:?}"
        );
        assert!(
            ended.iter().all(|status| matches!(status, Some(0 | 6))),
            "{ended:?}"
        );
        let before = server.requests().len();
        let shown = sandbox.run_json(["connection", "show", &name, "--json"]);
        let project = shown["connection"]["project"].as_str().unwrap().to_owned();
        sandbox.run(["project", "list", "-c", &name]);
        let sent = server.requests()[before..]
            .iter()
            .find_map(|seen| seen.authorization.clone());
        assert_eq!(sent, Some(format!("Bearer secret-of-{project}")));
    }
}

#[test]
fn adding_different_settings_under_a_name_is_exit_6() {
    let server = Server::start(state());
    let (cloud, sandbox) = (server.cloud(), Sandbox::with_file_store());
    add(&sandbox, "work", API_TOKEN, &api_token(&cloud)).exits_with(0);
    for other in [
        ["--expires", "2027-01-01"],
        ["--proxy", "http://proxy.example"],
        ["--workspace", "other"],
    ] {
        add(
            &sandbox,
            "work",
            API_TOKEN,
            &[&api_token(&cloud)[..], &other].concat(),
        )
        .exits_with(6);
    }
}

#[test]
fn a_new_secret_replaces_the_old_one_in_its_store() {
    let server = Server::start(state());
    let sandbox = Sandbox::with_file_store();
    add(
        &sandbox,
        "work",
        USER_TOKEN,
        &["--url", &server.datacenter(), "--auth", "http-access-token"],
    )
    .exits_with(0);
    fs::write(sandbox.path("token"), PROJECT_TOKEN).unwrap();
    let mut edit = sandbox.command(words(
        "connection edit work --no-verify --token-file token --json",
    ));
    // The default would be the keyring.
    let edited = edit
        .env_remove("BBCONNECT_STORE")
        .finish()
        .exits_with(0)
        .json();
    assert_eq!(edited["connection"]["secret"]["store"], "file");
    assert!(
        edited["connection"]["account"].is_null() && edited["connection"]["expires_on"].is_null(),
        "{edited}"
    );
    // The same once more is no change.
    let again = words("connection edit work --no-verify --token-file token --json");
    assert_eq!(sandbox.run_json(again)["action"], "unchanged");
    let command = [
        "connection",
        "edit",
        "work",
        "--no-verify",
        "--token-command",
        "echo x",
        "--json",
    ];
    assert_eq!(sandbox.run_json(command)["action"], "updated");
    assert_eq!(sandbox.run_json(command)["action"], "unchanged");
    let secrets = fs::read_to_string(sandbox.path(".config/bbconnect/secrets.json")).unwrap();
    assert_contains(&secrets, "\"secrets\": {}");
}

#[cfg(target_os = "linux")]
#[test]
fn unreadable_connections_can_be_removed() {
    let sandbox = Sandbox::with_file_store();
    let file = sandbox.path(".config/bbconnect/connections.toml");
    let arguments = words("--url https://git.example.com --auth http-access-token --no-verify");
    add(&sandbox, "good", "secret", &arguments).exits_with(0);
    let keyring = "[connections.kept]\ndeployment='cloud'\nbase_url='https://api.bitbucket.org/2.0'\nauth='access-token'\n\
                   store='keyring'\n";
    let newer = "[connections.newer]\nauth='telepathy'\n";
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n{newer}\n{keyring}")).unwrap();
    let listed = sandbox.run(["connection", "list"]).exits_with(0);
    assert!(
        listed.stdout.contains("good") && listed.stderr.contains("newer"),
        "{}{}",
        listed.stdout,
        listed.stderr
    );
    sandbox.run(["connection", "which"]).exits_with(0);
    sandbox
        .run(["connection", "remove", "newer", "--yes"])
        .exits_with(0);
    let removed = sandbox.run_json(["connection", "remove", "kept", "--yes", "--json"]);
    assert_contains(removed["secret_left"].as_str().unwrap(), "keyring");
    assert!(!fs::read_to_string(&file).unwrap().contains("kept"));
}

#[test]
fn an_unreadable_file_is_not_treated_as_empty() {
    let sandbox = Sandbox::with_file_store();
    fs::create_dir_all(sandbox.path(".config/bbconnect")).unwrap();
    let file = sandbox.path(".config/bbconnect/connections.toml");
    fs::write(&file, "connections = 3\n").unwrap();
    let listed = sandbox.run(["connection", "list"]).exits_with(9);
    assert_contains(&listed.stderr, "`connections` is not a table");
    assert_eq!(fs::read_to_string(&file).unwrap(), "connections = 3\n");
}

#[test]
fn an_ssh_connection_needs_a_clone_url_and_no_secret() {
    let sandbox = Sandbox::with_file_store();
    let ssh = |url: &str, more: &[&str]| {
        sandbox.run(
            [
                &[
                    "connection",
                    "add",
                    "git",
                    "--auth",
                    "ssh",
                    "--json",
                    "--url",
                    url,
                ],
                more,
            ]
            .concat(),
        )
    };
    ssh("https://github.com/acme/site.git", &[]).exits_with(2);
    ssh(
        "git@github.com:acme/site.git",
        &["--token-command", "echo x"],
    )
    .exits_with(2);
    let added = ssh("git@github.com:acme/site.git", &[])
        .exits_with(0)
        .json();
    let connection = &added["connection"];
    assert_eq!(connection["deployment"], "unknown");
    assert_eq!(connection["base_url"], "ssh://git@github.com");
    assert_eq!(connection["repository"], "site");
    assert!(connection["secret"]["store"].is_null());
    assert_eq!(
        ssh("git@github.com:acme/site.git", &[])
            .exits_with(0)
            .json()["action"],
        "unchanged"
    );
    sandbox.run(["project", "list", "-c", "git"]).exits_with(2);
}

#[test]
fn a_password_in_a_url_is_refused() {
    let sandbox = Sandbox::with_file_store();
    for address in ["--proxy", "--web-url"] {
        let with_password = "http://jane:hunter2@proxy.example:3128";
        let arguments = [
            "--url",
            "https://git.example.com",
            "--auth",
            "http-access-token",
            address,
            with_password,
        ];
        let refused = add(&sandbox, "x", "secret", &arguments).exits_with(2);
        assert!(!refused.stdout.contains("hunter2"), "{}", refused.stdout);
    }
}

/// A checkout of another user may contain such a file, with commands in it.
#[test]
fn no_configuration_is_read_from_the_current_directory() {
    let sandbox = Sandbox::with_file_store();
    let add = |secret: &'static str| {
        let rest = ["--auth", "http-access-token", "--no-verify"];
        let start = ["connection", "add", "planted", "--token-command", secret];
        [&start[..], &["--url", "https://git.example.com"], &rest].concat()
    };
    sandbox
        .run(add("echo x>planted&& echo secret"))
        .exits_with(0);
    fs::remove_file(sandbox.path("planted")).unwrap();
    let relative = |home: &str, config: &str, arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command
            .env("HOME", home)
            .env("USERPROFILE", home)
            .env("XDG_CONFIG_HOME", config);
        command.finish()
    };
    for (home, config) in [(".", ""), (".", ".config"), ("nowhere", ".config")] {
        let listed = relative(home, config, &["connection", "list", "--json"]).exits_with(0);
        assert_eq!(listed.json()["connections"], serde_json::json!([]));
        relative(home, config, &["project", "list"]).exits_with(5);
        let kept = relative(home, config, &add("echo secret")).exits_with(9);
        assert_contains(&kept.stderr, "set HOME");
    }
    assert!(!sandbox.path("planted").exists());
    // A pipeline needs no home.
    let mut which = sandbox.command(["connection", "which"]);
    which
        .env("HOME", "nowhere")
        .env("BBCONNECT_TOKEN", "secret");
    which.finish().exits_with(0);
}

#[test]
fn base_url_and_repository_are_normalised() {
    let sandbox = Sandbox::with_file_store();
    let kind = ["--auth", "http-access-token", "--no-verify", "--dry-run"];
    let add = |arguments: &[&str]| {
        let start = ["connection", "add", "a", "--token-command", "echo secret"];
        sandbox.run([&start[..], &kind, arguments, &["--json"]].concat())
    };
    for url in ["git@git.example.com:web/site.git", "git.example.com"] {
        let added = add(&["--url", url]).exits_with(0).json();
        let connection = &added["connection"];
        assert_eq!(connection["deployment"], "datacenter", "{url}");
        assert_eq!(connection["base_url"], "https://git.example.com", "{url}");
    }
    let page = "https://git.example.com/projects/WEB/repos/site";
    add(&["--url", page, "--project", "web"]).exits_with(0);
    for arguments in [
        &["--url", page, "--project", "OTHER"][..],
        &[
            "--url",
            "https://git.example.com",
            "--repo",
            "WEB/site",
            "--project",
            "OTHER",
        ],
        &[
            "--url",
            "https://bitbucket.org",
            "--deployment",
            "datacenter",
        ],
    ] {
        add(arguments).exits_with(2);
    }
    let environment = |variables: &[(&str, &str)]| {
        let mut command = sandbox.command(["connection", "which", "--json"]);
        command.env("BBCONNECT_TOKEN", "secret");
        command.envs(variables.iter().copied()).finish()
    };
    let in_acme = ("BBCONNECT_REPO", "acme/site");
    environment(&[in_acme, ("BBCONNECT_WORKSPACE", "Acme")]).exits_with(0);
    environment(&[in_acme, ("BBCONNECT_WORKSPACE", "other")]).exits_with(2);
    let nowhere = environment(&[("BBCONNECT_DEPLOYMENT", "datacenter")]).exits_with(2);
    assert_contains(&nowhere.stdout, "BBCONNECT_URL");
}

#[test]
fn pasted_tokens_are_trimmed_and_passwords_are_not() {
    let mut state = state();
    let odd = " Bearer of \"news\" ";
    state
        .credentials
        .push(Credential::new(Kind::Password { user: "odd" }, odd, &[]));
    let server = Server::start(state);
    let sandbox = Sandbox::with_file_store();
    let quoted = format!("\"{USER_TOKEN}\"");
    for (token, username, status) in [
        (odd, Some("odd"), 0),
        (odd.trim(), Some("odd"), 3),
        (&quoted, None, 0),
        (&format!(" Bearer {USER_TOKEN}"), None, 0),
    ] {
        fs::write(sandbox.path("secret"), format!("{token}\n")).unwrap();
        for (name, value) in [
            ("BBCONNECT_TOKEN", token),
            ("BBCONNECT_TOKEN_FILE", "secret"),
        ] {
            let mut check = sandbox.command(["check", "--timeout", "5"]);
            check
                .env("BBCONNECT_URL", server.datacenter())
                .env(name, value);
            check.envs(username.map(|username| ("BBCONNECT_USERNAME", username)));
            check.finish().exits_with(status);
        }
    }
}

#[test]
fn a_new_connection_takes_the_secret_from_the_environment() {
    let server = Server::start(state());
    let sandbox = Sandbox::with_file_store();
    let url = server.cloud();
    let add = [&["connection", "add", "work"][..], &api_token(&url)].concat();
    let mut added = sandbox.command(&add);
    added
        .env("BBCONNECT_TOKEN", API_TOKEN)
        .finish()
        .exits_with(0);
    sandbox.run(["check", "work"]).exits_with(0);
    fs::write(sandbox.path("empty"), "\n").unwrap();
    for (name, value) in [("BBCONNECT_TOKEN", " "), ("BBCONNECT_TOKEN_FILE", "empty")] {
        let mut list = sandbox.command(["workspace", "list"]);
        let listed = list.env(name, value).finish().exits_with(3);
        assert!(listed.stderr.contains(name), "{}", listed.stderr);
    }
    // What it begins like tells what is missing.
    let mut list = sandbox.command(["repo", "list", "--workspace", "acme"]);
    list.env("BBCONNECT_URL", &url)
        .env("BBCONNECT_TOKEN", "ATATT3x-nobodys");
    let listed = list.finish().exits_with(3);
    assert_contains(&listed.stderr, "BBCONNECT_EMAIL");
    // What describes no connection need not be text.
    #[cfg(unix)]
    {
        let odd = std::os::unix::ffi::OsStringExt::from_vec(b"ssh -i \xff".to_vec());
        let odd: std::ffi::OsString = odd;
        let mut which = sandbox.command(["connection", "which"]);
        which.env("GIT_SSH_COMMAND", odd).finish().exits_with(0);
    }
}

#[test]
fn line_ends_of_the_configuration_are_kept() {
    let (server, sandbox) = (Server::start(state()), Sandbox::with_file_store());
    add(&sandbox, "work", API_TOKEN, &api_token(&server.cloud())).exits_with(0);
    let file = sandbox.path(".config/bbconnect/connections.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains('\r'), "{text}");
    let commented = format!("# of mine\n{text}");
    fs::write(&file, commented.replace('\n', "\r\n")).unwrap();
    let edit = ["connection", "edit", "work", "--expires", "2099-01-01"];
    sandbox.run(edit).exits_with(0);
    let edited = fs::read_to_string(&file).unwrap();
    assert!(edited.starts_with("# of mine\r\n"), "{edited}");
    assert_contains(&edited, "expires_on = \"2099-01-01\"\r\n");
    assert_eq!(edited.matches('\n').count(), edited.matches("\r\n").count());
}

/// Readers of the file in a loop, which on Windows keep it from being replaced.
#[test]
fn a_connection_is_changed_while_other_processes_read_the_file() {
    let sandbox = Sandbox::with_file_store();
    let url = "https://git.example.com";
    let add = ["connection", "add", "work", "--url", url, "--no-verify"];
    let token = ["--auth", "http-access-token", "--token-command", "echo x"];
    sandbox.run([&add[..], &token].concat()).exits_with(0);
    let file = sandbox.path(".config/bbconnect/connections.toml");
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                    let text = fs::read_to_string(&file);
                    // Windows opens no file that is being replaced.
                    assert!(
                        text.map_or(cfg!(windows), |text| text.contains("work")),
                        "the file is whole"
                    );
                    std::thread::sleep(std::time::Duration::from_millis(2));
                }
            });
        }
        for day in 10..20 {
            let day = format!("2099-01-{day}");
            let edit = ["connection", "edit", "work", "--expires", &day];
            let edited = sandbox.run(edit);
            if edited.status != 0 {
                is_done.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            edited.exits_with(0);
        }
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn names_that_differ_by_letter_case_are_the_same() {
    let (server, sandbox) = (Server::start(state()), Sandbox::with_file_store());
    let url = server.datacenter();
    let token = ["--url", &url, "--auth", "http-access-token"];
    for name in ["work", "other"] {
        add(&sandbox, name, USER_TOKEN, &token).exits_with(0);
    }
    server.update(|state| state.requests.clear());
    let ran = add(&sandbox, "Work", USER_TOKEN, &token).exits_with(6);
    let error = &ran.json()["error"]["message"];
    assert_eq!(error, "connection work already exists", "{}", ran.stdout);
    sandbox
        .run(["connection", "rename", "other", "WORK"])
        .exits_with(6);
    assert!(server.requests().is_empty());
}

#[test]
fn byte_order_marks_are_taken_off_and_utf16_is_named() {
    let (server, sandbox) = (Server::start(state()), Sandbox::with_file_store());
    let url = server.datacenter();
    let add = format!("connection add x --url {url} --auth http-access-token");
    let add = words(&add);
    let remove = || {
        let remove = ["connection", "remove", "x", "--yes"];
        sandbox.run(remove).exits_with(0);
    };
    let marked = format!("\u{feff}{USER_TOKEN}\r\n");
    fs::write(sandbox.path("marked"), &marked).unwrap();
    sandbox
        .run([&add[..], &["--token-file", "marked"]].concat())
        .exits_with(0);
    remove();
    sandbox
        .run_with_input([&add[..], &["--token-stdin"]].concat(), &marked)
        .exits_with(0);
    remove();
    sandbox
        .run([&add[..], &["--token-command", &print_command("marked")]].concat())
        .exits_with(0);
    remove();
    let mut check = sandbox.command(["check"]);
    check
        .env("BBCONNECT_URL", &url)
        .env("BBCONNECT_DEPLOYMENT", "datacenter")
        .env("BBCONNECT_TOKEN", marked.trim_end());
    check.finish().exits_with(0);
    let utf16: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(sandbox.path("utf16"), utf16).unwrap();
    let ran = sandbox
        .run([&add[..], &["--token-file", "utf16"]].concat())
        .exits_with(2);
    assert!(
        ran.stderr.contains("utf16 is UTF-16") && ran.stderr.contains("save it as UTF-8"),
        "{}",
        ran.stderr
    );
    let print = print_command("utf16");
    let command = [&add[..], &["--token-command", &print]].concat();
    let ran = sandbox.run(command).exits_with(9);
    assert!(ran.stderr.contains("UTF-16"), "{}", ran.stderr);
}
