//! What is said when something fails: the message names the thing and the reason, the hint is one that works for the
//! command at hand.

use std::fs;

use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Kind, Server, ServerState};
use crate::support::{
    self, CommandExt as _, RunOutput, Sandbox, assert_contains, is_installed, words,
};

const TOKEN: &str = "token-of-words-marker";

fn server() -> Server {
    let credential = Credential::new(Kind::UserToken { user: "jane" }, TOKEN, &["REPO_ADMIN"]);
    Server::start(ServerState {
        credentials: vec![credential],
        repositories: vec![("WEB/site", false)],
        store: RepoStore::with(&["WEB/site"]),
        ..ServerState::default()
    })
}

/// A connection to the server, saved.
fn add(sandbox: &Sandbox, name: &str, server: &Server) {
    fs::write(sandbox.path("token"), TOKEN).unwrap();
    let url = server.datacenter();
    let add = ["connection", "add", name, "--token-file", "token"];
    let more = ["--url", &url, "--auth", "http-access-token"];
    sandbox.run([&add[..], &more].concat()).exits_with(0);
}

/// Fails the test unless both stand in what was said.
#[track_caller]
fn says(ran: &RunOutput, status: i32, message: &str, hint: &str) {
    let (error, next) = ran
        .stderr
        .split_once("\nhint: ")
        .unwrap_or((&ran.stderr, ""));
    assert_eq!(ran.status, status, "{}", ran.stderr);
    assert!(error.contains(message), "{error:?}\n{message:?}");
    assert!(next.contains(hint), "{next:?}\n{hint:?}");
}

#[test]
fn hints_name_the_selected_connection() {
    let (sandbox, server) = (Sandbox::with_file_store(), server());
    add(&sandbox, "server", &server);
    let remove = ["webhook", "remove", "--repo", "WEB/site", "--id", "99"];
    for (named, hint) in [
        (
            &["-c", "server"][..],
            "bbconnect webhook list -c server --repo WEB/site",
        ),
        (&[], "bbconnect webhook list --repo WEB/site"),
    ] {
        says(
            &sandbox.run([&remove[..], named].concat()),
            5,
            "WEB/site has no webhook 99",
            hint,
        );
    }
    let json = sandbox
        .run([&remove[..], &["-c", "server", "--json"]].concat())
        .json();
    let hint = json["error"]["hint"].as_str().unwrap();
    assert_contains(&hint, "-c server");
}

#[test]
fn hints_about_keys_name_the_repository() {
    let (sandbox, server) = (Sandbox::with_file_store(), server());
    add(&sandbox, "server", &server);
    says(
        &sandbox.run(["key", "remove", "99", "--repo", "WEB/site"]),
        5,
        "WEB/site has no key 99",
        "bbconnect key list --repo WEB/site",
    );
    sandbox
        .run(["keygen", "--type", "ed25519", "--out", "id"])
        .exits_with(0);
    let add = ["key", "add", "--repo", "WEB/site", "--key", "id"];
    sandbox.run(add).exits_with(0);
    says(
        &sandbox.run([&add[..], &["--write"]].concat()),
        6,
        "the key is already registered as access key",
        "bbconnect key edit 1 --repo WEB/site --access write",
    );
}

#[test]
fn a_broken_proxy_is_named_without_its_password() {
    let (sandbox, server) = (Sandbox::with_file_store(), server());
    add(&sandbox, "server", &server);
    let url = "http://git.invalid";
    let verify = ["connection", "edit", "server", "--url", url, "--allow-http"];
    fs::write(sandbox.path("token"), TOKEN).unwrap();
    let verify = [&verify[..], &["--token-file", "token"]].concat();
    says(
        &sandbox.run([&verify[..], &["--proxy", "http://127.0.0.1:1"]].concat()),
        7,
        "http://git.invalid cannot be reached through the proxy http://127.0.0.1:1: ",
        "run `bbconnect doctor http://git.invalid`",
    );
    let proxy = "http://jane:proxy-password-marker@127.0.0.1:1";
    let refused = sandbox.command(&verify).env("HTTP_PROXY", proxy).output();
    let refused = RunOutput::from(refused.unwrap());
    says(
        &refused,
        7,
        "through the proxy http://127.0.0.1:1: ",
        "HTTP_PROXY",
    );
    assert!(!refused.stderr.contains("marker"), "{}", refused.stderr);
}

#[test]
fn passwords_in_webhook_urls_are_masked() {
    let (sandbox, server) = (Sandbox::with_file_store(), server());
    add(&sandbox, "server", &server);
    let url = "https://jane:receiver-marker@ci.example.com/hook";
    let at = ["--repo", "WEB/site", "--url", url, "-v"];
    let list = ["webhook", "list", "--repo", "WEB/site"];
    let commands = [
        [
            &["webhook", "ensure", "--event", "push", "--dry-run"][..],
            &at,
        ]
        .concat(),
        [&["webhook", "ensure", "--event", "push"][..], &at].concat(),
        list.to_vec(),
        [&["webhook", "test"][..], &at].concat(),
        [&["webhook", "remove", "--yes"][..], &at].concat(),
    ];
    for arguments in commands {
        for more in [&[][..], &["--json"]] {
            let ran = sandbox.run([&arguments[..], more].concat());
            let all = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!all.contains("receiver-marker"), "{arguments:?} {all}");
        }
    }
    // Removed by then.
    let remove = [&["webhook", "remove", "--yes"][..], &at].concat();
    says(
        &sandbox.run(&remove),
        5,
        "no webhook with the URL https://jane:***@ci.example.com/hook",
        "",
    );
}

#[test]
fn a_dry_run_for_many_repositories_says_would() {
    let (sandbox, server) = (Sandbox::with_file_store(), server());
    add(&sandbox, "server", &server);
    let ensure = words("webhook ensure --all --project WEB --event push");
    let plan = [
        &ensure[..],
        &["--url", "https://ci.example.com", "--dry-run"],
    ]
    .concat();
    let planned = sandbox.run(&plan).exits_with(0).stdout;
    assert_contains(&planned, "1 would be created, 0 would be updated");
}

#[test]
fn local_settings_outside_a_checkout_are_exit_5() {
    let (sandbox, server) = (Sandbox::with_file_store(), server());
    add(&sandbox, "server", &server);
    if !is_installed("git", "--version") {
        return;
    }
    for arguments in [
        &["git", "setup", "--local"][..],
        &["git", "setup", "--local", "--undo"],
        &["connection", "use", "server", "--here"],
        &["connection", "use", "server", "--service", "."],
    ] {
        says(
            &sandbox.run(arguments),
            5,
            "this directory is not in a git checkout",
            "change to a directory in a git checkout",
        );
    }
}

#[test]
fn an_unusable_connections_file_is_named() {
    let (sandbox, server) = (Sandbox::with_file_store(), server());
    add(&sandbox, "server", &server);
    let file = sandbox.path(".config/bbconnect/connections.toml");
    let good = fs::read_to_string(&file).unwrap();
    let name = file.to_str().unwrap();
    let list = ["connection", "list"];

    fs::write(&file, "token_command\n= \"echo marker\"").unwrap();
    let message = format!("{name} is not valid TOML: line 1, column 14: ");
    let ran = sandbox.run([&list[..], &["-v"]].concat());
    says(&ran, 9, &message, &format!("fix {name}"));
    assert!(!ran.stderr.contains("token_command"), "{}", ran.stderr);

    fs::write(&file, b"\xff\xfe").unwrap();
    let message = format!("cannot use {name}: not valid UTF-8");
    says(&sandbox.run(list), 9, &message, "fix ");

    fs::write(
        &file,
        good.replace("default = \"server\"", "default = \"gone\""),
    )
    .unwrap();
    says(
        &sandbox.run(["repo", "list"]),
        5,
        "no connection named gone (the default connection)",
        "bbconnect connection use NAME",
    );
    let named = sandbox
        .command(["repo", "list"])
        .env("BBCONNECT_CONNECTION", "nope")
        .output();
    says(
        &RunOutput::from(named.unwrap()),
        5,
        "no connection named nope (set by BBCONNECT_CONNECTION)",
        "known connections: server",
    );
}

#[test]
fn unwritable_directories_are_reported_without_temporary_names() {
    let (sandbox, server) = (Sandbox::with_file_store(), server());
    add(&sandbox, "server", &server);
    // A file where a directory would have to be: also root can write nothing below it.
    fs::write(sandbox.path("file"), "").unwrap();
    let ran = sandbox.run(["doctor", "server", "--report", "file/report.md"]);
    says(
        &ran,
        9,
        if cfg!(windows) {
            "cannot write file/report.md: "
        } else {
            "cannot write file/report.md: Not a directory"
        },
        "choose a directory with write permission",
    );
    let used = sandbox
        .command(["connection", "add", "ssh", "--auth", "ssh"])
        .args(["--url", "git@git.example.com:web/site.git"])
        .env("BBCONNECT_CONFIG_DIR", sandbox.path("file/config"))
        .output();
    let used = RunOutput::from(used.unwrap());
    says(&used, 9, "connections.toml", "BBCONNECT_CONFIG_DIR");
    let made = sandbox.run(["keygen", "--out", "file/key"]);
    says(
        &made,
        9,
        if cfg!(windows) {
            "cannot create the directory file"
        } else {
            "file/key"
        },
        "choose a directory with write permission",
    );
    for ran in [ran, used, made] {
        assert!(!ran.stderr.contains(".bbconnect-"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("os error"), "{}", ran.stderr);
    }
}

#[test]
fn invalid_environment_variables_are_exit_2() {
    let sandbox = Sandbox::with_file_store();
    for (variable, value, hint) in [
        (
            "BBCONNECT_DEPLOYMENT",
            "moon",
            "BBCONNECT_DEPLOYMENT=datacenter",
        ),
        ("BBCONNECT_REPO", "///", "BBCONNECT_REPO=NAMESPACE/SLUG"),
    ] {
        let ran = sandbox
            .command(["repo", "list"])
            .env("BBCONNECT_TOKEN", TOKEN)
            .env(variable, value)
            .output();
        says(&RunOutput::from(ran.unwrap()), 2, variable, hint);
    }
}

#[test]
fn missing_things_have_a_hint() {
    let (sandbox, server) = (Sandbox::with_file_store(), server());
    add(&sandbox, "server", &server);
    says(
        &sandbox.run(["token", "revoke", "nope", "--repo", "WEB/site"]),
        5,
        "repository WEB/site has no token with the id or name nope",
        "bbconnect token list --repo WEB/site",
    );
    says(
        &sandbox.run(["key", "test", "--repo", "WEB/site", "-c", "server"]),
        5,
        "connection server has no private key for WEB/site",
        "bbconnect connect CLONE_URL",
    );
    says(
        &sandbox.run(["connection", "remove", "server"]),
        2,
        "removing connection server requires confirmation",
        "pass --yes",
    );
    fs::write(sandbox.path("no-key"), "hello").unwrap();
    says(
        &sandbox.run(["key", "add", "--repo", "WEB/site", "--key", "no-key"]),
        9,
        "no-key cannot be used as a key",
        "bbconnect keygen",
    );
    says(
        &sandbox.run(["connection", "edit", "server", "--token-file", "none"]),
        9,
        "cannot read none: ",
        "check the path",
    );
}

#[test]
fn a_missing_browser_is_reported_without_details() {
    let sandbox = Sandbox::with_file_store();
    let page = ["token", "page", "--auth", "api-token", "--open"];
    let mut command = sandbox.command(page);
    let ran = command.env("PATH", sandbox.path("nothing")).finish();
    if cfg!(target_os = "linux") {
        assert!(ran.stdout.starts_with("https://"), "{}", ran.stdout);
        assert_contains(&ran.stderr, "no browser could be opened");
        assert!(!ran.stderr.contains("Launcher"), "{}", ran.stderr);
    }
}

#[test]
fn flags_that_do_not_apply_are_refused() {
    let (sandbox, server) = (Sandbox::with_file_store(), server());
    add(&sandbox, "server", &server);
    let cloud = words("connection add cloud --url https://bitbucket.org");
    let cloud = [
        &cloud[..],
        &["--auth", "api-token", "--email", "jane@acme.example"],
    ]
    .concat();
    let edit = ["connection", "edit", "server"];
    for (command, flags, message) in [
        (
            &cloud[..],
            &["--client-id", "k"][..],
            "--client-id does not apply to a connection with --auth api-token",
        ),
        (&cloud, &["--level", "repo"], "--level does not apply"),
        (&cloud, &["--port", "4000"], "--port does not apply"),
        (
            &edit,
            &["--port", "4000"],
            "--port does not apply to a connection with --auth http-access-token",
        ),
        (
            &edit,
            &["--workspace", "acme"],
            "--workspace does not apply to a Data Center",
        ),
    ] {
        let ran = sandbox.run([command, flags].concat());
        says(&ran, 2, message, "omit");
    }
    // What is empty takes away.
    sandbox
        .run([&edit[..], &["--email", ""]].concat())
        .exits_with(0);
}

#[test]
fn editing_the_url_keeps_the_facts_about_the_secret() {
    let (sandbox, server) = (Sandbox::with_file_store(), server());
    add(&sandbox, "server", &server);
    let edit = |flags: &[&str]| {
        let edit = [&["connection", "edit", "server", "--json"][..], flags].concat();
        sandbox.run_json(&edit)["connection"].clone()
    };
    let before = edit(&["--expires", "2031-03-31"]);
    assert!(before["level"].is_string(), "{before}");
    // Another base on the same origin.
    let url = server.datacenter();
    edit(&["--url", "http://127.0.0.1:1", "--no-verify"]);
    let after = edit(&["--url", &url]);
    assert_eq!(after, before);
    let root = url.strip_suffix(support::bitbucket::CONTEXT_PATH).unwrap();
    let moved = edit(&["--url", root, "--no-verify", "--deployment", "datacenter"]);
    assert_eq!(moved["expires_on"], before["expires_on"]);
}

#[test]
fn empty_lists_are_reported() {
    let (sandbox, server) = (Sandbox::with_file_store(), server());
    add(&sandbox, "server", &server);
    let at = ["--repo", "WEB/site"];
    for (list, said) in [
        (
            [&["webhook", "list"][..], &at].concat(),
            "WEB/site has no webhooks",
        ),
        ([&["key", "list"][..], &at].concat(), "WEB/site has no keys"),
        (
            [&["pr", "list"][..], &at].concat(),
            "WEB/site has no open pull requests",
        ),
        (
            vec!["repo", "list", "--project", "WEB", "--query", "none"],
            "no repositories found",
        ),
    ] {
        let ran = sandbox.run(&list).exits_with(0);
        // The passphrase file of the sandbox may be readable by others.
        let lines = ran
            .stderr
            .lines()
            .filter(|line| !line.starts_with("warning: "));
        assert_eq!(lines.collect::<Vec<_>>(), [said]);
        let quiet = sandbox.run([&list[..], &["-q"]].concat()).exits_with(0);
        assert_eq!(quiet.stderr, "");
    }
}
