//! What is said when something fails: the message names the thing and the reason, the hint is one that works for the
//! command at hand.

use std::fs;
use std::process::Command;

use crate::support::bitbucket::stock::Stock;
use crate::support::bitbucket::{Credential, Kind, Server, World};
use crate::support::{self, Ran, Sandbox};

const TOKEN: &str = "token-of-words-marker";

fn server() -> Server {
    let credential = Credential {
        kind: Kind::UserToken { user: "jane" },
        secret: TOKEN.to_owned(),
        scopes: vec!["REPO_ADMIN"],
    };
    Server::start(World {
        credentials: vec![credential],
        repositories: vec![("WEB/site", false)],
        stock: Stock::with(&["WEB/site"]),
        ..World::default()
    })
}

fn command(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    sandbox.command_with_file(arguments)
}

fn run(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    Ran::from(command(sandbox, arguments).output().unwrap())
}

/// A connection to the server, saved.
fn add(sandbox: &Sandbox, name: &str, server: &Server) {
    fs::write(sandbox.path("token"), TOKEN).unwrap();
    let url = server.datacenter();
    let add = ["connection", "add", name, "--token-file", "token"];
    let more = ["--url", &url, "--auth", "http-access-token"];
    run(sandbox, &[&add[..], &more].concat()).ended(0);
}

/// Fails the test unless both stand in what was said.
#[track_caller]
fn says(ran: &Ran, status: i32, message: &str, hint: &str) {
    let (error, next) = ran
        .stderr
        .split_once("\nhint: ")
        .unwrap_or((&ran.stderr, ""));
    assert_eq!(ran.status, status, "{}", ran.stderr);
    assert!(error.contains(message), "{error:?}\n{message:?}");
    assert!(next.contains(hint), "{next:?}\n{hint:?}");
}

#[test]
fn a_command_in_a_hint_is_for_the_connection_that_was_named() {
    let (sandbox, server) = (Sandbox::new(), server());
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
            &run(&sandbox, &[&remove[..], named].concat()),
            5,
            "WEB/site has no webhook 99",
            hint,
        );
    }
    let json = run(
        &sandbox,
        &[&remove[..], &["-c", "server", "--json"]].concat(),
    )
    .json();
    let hint = json["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("-c server"), "{hint}");
}

#[test]
fn a_hint_about_keys_says_whose() {
    let (sandbox, server) = (Sandbox::new(), server());
    add(&sandbox, "server", &server);
    says(
        &run(&sandbox, &["key", "remove", "99", "--repo", "WEB/site"]),
        5,
        "WEB/site has no key 99",
        "bbconnect key list --repo WEB/site",
    );
    run(&sandbox, &["keygen", "--type", "ed25519", "--out", "id"]).ended(0);
    let add = ["key", "add", "--repo", "WEB/site", "--key", "id"];
    run(&sandbox, &add).ended(0);
    says(
        &run(&sandbox, &[&add[..], &["--write"]].concat()),
        6,
        "the key is registered already, as access key",
        " --repo WEB/site takes it away",
    );
}

#[test]
fn a_proxy_that_is_broken_is_named_without_its_password() {
    let (sandbox, server) = (Sandbox::new(), server());
    add(&sandbox, "server", &server);
    let url = "http://git.invalid";
    let verify = ["connection", "edit", "server", "--url", url, "--allow-http"];
    fs::write(sandbox.path("token"), TOKEN).unwrap();
    let verify = [&verify[..], &["--token-file", "token"]].concat();
    says(
        &run(
            &sandbox,
            &[&verify[..], &["--proxy", "http://127.0.0.1:1"]].concat(),
        ),
        7,
        "http://git.invalid cannot be reached through the proxy http://127.0.0.1:1: ",
        "bbconnect doctor http://git.invalid shows",
    );
    let proxy = "http://jane:proxy-password-marker@127.0.0.1:1";
    let refused = command(&sandbox, &verify).env("HTTP_PROXY", proxy).output();
    let refused = Ran::from(refused.unwrap());
    says(
        &refused,
        7,
        "through the proxy http://127.0.0.1:1: ",
        "HTTP_PROXY",
    );
    assert!(!refused.stderr.contains("marker"), "{}", refused.stderr);
}

#[test]
fn a_password_in_a_receivers_address_is_not_shown() {
    let (sandbox, server) = (Sandbox::new(), server());
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
            let ran = run(&sandbox, &[&arguments[..], more].concat());
            let all = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!all.contains("receiver-marker"), "{arguments:?} {all}");
        }
    }
    // Removed by then.
    let remove = [&["webhook", "remove", "--yes"][..], &at].concat();
    says(
        &run(&sandbox, &remove),
        5,
        "calls https://jane:***@ci.example.com/hook",
        "",
    );
}

#[test]
fn a_plan_for_many_says_that_it_is_one() {
    let (sandbox, server) = (Sandbox::new(), server());
    add(&sandbox, "server", &server);
    let ensure = [
        "webhook",
        "ensure",
        "--all",
        "--project",
        "WEB",
        "--event",
        "push",
    ];
    let plan = [
        &ensure[..],
        &["--url", "https://ci.example.com", "--dry-run"],
    ]
    .concat();
    let planned = run(&sandbox, &plan).ended(0).stdout;
    assert!(
        planned.contains("1 would be created, 0 would be updated"),
        "{planned}"
    );
}

#[test]
fn outside_of_a_checkout_git_has_no_configuration_of_its_own() {
    let (sandbox, server) = (Sandbox::new(), server());
    add(&sandbox, "server", &server);
    for arguments in [
        &["git", "setup", "--local"][..],
        &["git", "setup", "--local", "--undo"],
        &["connection", "use", "server", "--here"],
        &["connection", "use", "server", "--service", "."],
    ] {
        says(
            &run(&sandbox, arguments),
            5,
            "this folder is not in a git checkout",
            "change into a folder of a git checkout",
        );
    }
}

#[test]
fn the_file_of_connections_is_named_where_it_cannot_be_used() {
    let (sandbox, server) = (Sandbox::new(), server());
    add(&sandbox, "server", &server);
    let file = sandbox.path(".config/bbconnect/connections.toml");
    let good = fs::read_to_string(&file).unwrap();
    let name = file.to_str().unwrap();
    let list = ["connection", "list"];

    fs::write(&file, "token_command\n= \"echo marker\"").unwrap();
    let message = format!("{name} is not valid TOML: line 1, column 14: ");
    let ran = run(&sandbox, &[&list[..], &["-v"]].concat());
    says(&ran, 9, &message, &format!("mend {name} by hand"));
    assert!(!ran.stderr.contains("token_command"), "{}", ran.stderr);

    fs::write(&file, b"\xff\xfe").unwrap();
    let message = format!("cannot use {name}: it is not text in UTF-8");
    says(&run(&sandbox, &list), 9, &message, "mend ");

    fs::write(
        &file,
        good.replace("default = \"server\"", "default = \"gone\""),
    )
    .unwrap();
    says(
        &run(&sandbox, &["repo", "list"]),
        5,
        "the default connection gone is not there",
        "bbconnect connection use NAME",
    );
    let named = command(&sandbox, &["repo", "list"])
        .env("BBCONNECT_CONNECTION", "nope")
        .output();
    says(
        &Ran::from(named.unwrap()),
        5,
        "there is no connection nope, which BBCONNECT_CONNECTION names",
        "there are server",
    );
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_to_is_told_without_the_name_of_a_temporary_file() {
    let (sandbox, server) = (Sandbox::new(), server());
    add(&sandbox, "server", &server);
    // A file where a folder would have to be: also root can write nothing below it.
    fs::write(sandbox.path("file"), "").unwrap();
    let ran = run(
        &sandbox,
        &["doctor", "server", "--report", "file/report.md"],
    );
    says(
        &ran,
        9,
        "cannot write file/report.md: Not a directory",
        "choose a folder that you may write to",
    );
    let used = command(&sandbox, &["connection", "add", "ssh", "--auth", "ssh"])
        .args(["--url", "git@git.example.com:web/site.git"])
        .env("BBCONNECT_CONFIG_DIR", sandbox.path("file/config"))
        .output();
    let used = Ran::from(used.unwrap());
    says(
        &used,
        9,
        "file/config/connections.toml",
        "BBCONNECT_CONFIG_DIR",
    );
    let made = run(&sandbox, &["keygen", "--out", "file/key"]);
    says(
        &made,
        9,
        "file/key",
        "choose a folder that you may write to",
    );
    for ran in [ran, used, made] {
        assert!(!ran.stderr.contains(".bbconnect-"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("os error"), "{}", ran.stderr);
    }
}

#[test]
fn the_environment_is_read_at_the_door() {
    let sandbox = Sandbox::new();
    for (variable, value, hint) in [
        (
            "BBCONNECT_DEPLOYMENT",
            "moon",
            "BBCONNECT_DEPLOYMENT=datacenter",
        ),
        ("BBCONNECT_REPO", "///", "BBCONNECT_REPO=NAMESPACE/SLUG"),
    ] {
        let ran = command(&sandbox, &["repo", "list"])
            .env("BBCONNECT_TOKEN", TOKEN)
            .env(variable, value)
            .output();
        says(&Ran::from(ran.unwrap()), 2, variable, hint);
    }
}

#[test]
fn what_is_missing_is_named_with_a_way_on() {
    let (sandbox, server) = (Sandbox::new(), server());
    add(&sandbox, "server", &server);
    says(
        &run(&sandbox, &["token", "revoke", "nope", "--repo", "WEB/site"]),
        5,
        "the repository WEB/site has no token with the id or name nope",
        "bbconnect token list --repo WEB/site",
    );
    says(
        &run(
            &sandbox,
            &["key", "test", "--repo", "WEB/site", "-c", "server"],
        ),
        5,
        "the connection server has no private key for WEB/site",
        "bbconnect connect CLONE_URL",
    );
    says(
        &run(&sandbox, &["connection", "remove", "server"]),
        2,
        "removing the connection server needs a confirmation",
        "add --yes",
    );
    fs::write(sandbox.path("no-key"), "hello").unwrap();
    says(
        &run(
            &sandbox,
            &["key", "add", "--repo", "WEB/site", "--key", "no-key"],
        ),
        9,
        "no-key cannot be used as a key",
        "bbconnect keygen",
    );
    says(
        &run(
            &sandbox,
            &["connection", "edit", "server", "--token-file", "none"],
        ),
        9,
        "cannot read none: ",
        "check the path",
    );
}

#[test]
fn no_browser_is_said_without_what_the_system_tried() {
    let sandbox = Sandbox::new();
    let page = ["token", "page", "--auth", "api-token", "--open"];
    let mut command = command(&sandbox, &page);
    let ran = Ran::from(
        command
            .env("PATH", sandbox.path("nothing"))
            .output()
            .unwrap(),
    );
    if cfg!(target_os = "linux") {
        assert!(ran.stdout.starts_with("https://"), "{}", ran.stdout);
        assert!(
            ran.stderr.contains("no browser could be opened"),
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("Launcher"), "{}", ran.stderr);
    }
}

#[test]
fn a_flag_that_cannot_apply_is_refused() {
    let (sandbox, server) = (Sandbox::new(), server());
    add(&sandbox, "server", &server);
    let cloud = [
        "connection",
        "add",
        "cloud",
        "--url",
        "https://bitbucket.org",
    ];
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
        let ran = run(&sandbox, &[command, flags].concat());
        says(&ran, 2, message, "leave");
    }
    // What is empty takes away.
    run(&sandbox, &[&edit[..], &["--email", ""]].concat()).ended(0);
}

#[test]
fn what_is_known_of_a_secret_stays_with_it() {
    let (sandbox, server) = (Sandbox::new(), server());
    add(&sandbox, "server", &server);
    let edit = |flags: &[&str]| {
        let edit = [&["connection", "edit", "server", "--json"][..], flags].concat();
        run(&sandbox, &edit).ended(0).json()["connection"].clone()
    };
    let before = edit(&["--expires", "2031-03-31"]);
    assert!(before["level"].is_string(), "{before}");
    // Another base on the same origin.
    let url = server.datacenter();
    edit(&["--url", "http://127.0.0.1:1", "--no-verify"]);
    let after = edit(&["--url", &url]);
    assert_eq!(after, before);
    let root = url.strip_suffix(support::bitbucket::CONTEXT).unwrap();
    let moved = edit(&["--url", root, "--no-verify", "--deployment", "datacenter"]);
    assert_eq!(moved["expires_on"], before["expires_on"]);
}

#[test]
fn a_list_of_nothing_says_so() {
    let (sandbox, server) = (Sandbox::new(), server());
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
            "there are no repositories",
        ),
    ] {
        let ran = run(&sandbox, &list).ended(0);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        let quiet = run(&sandbox, &[&list[..], &["-q"]].concat()).ended(0);
        assert_eq!(quiet.stderr, "");
    }
}
