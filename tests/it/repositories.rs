//! `repo` and `project create`: both products, complete lists, conflicts, and servers that fail in the middle.

use std::time::Duration;

use crate::support::bitbucket::stock::Stock;
use crate::support::bitbucket::{Credential, Fault, Kind, Server, World};
use crate::support::{Ran, Sandbox, program, succeed};

const TOKEN: &str = "ATATT-repository-marker";

fn world(stock: Stock) -> World {
    let credential = |kind| Credential {
        kind,
        secret: TOKEN.to_owned(),
        scopes: vec!["read:repository:bitbucket", "read:user:bitbucket"],
    };
    let kinds = [
        Kind::ApiToken {
            email: "jane@acme.example",
        },
        Kind::UserToken { user: "jane" },
    ];
    World {
        credentials: kinds.map(credential).to_vec(),
        projects: vec!["WEB".to_owned()],
        stock,
        ..World::default()
    }
}

fn server(names: &[&str]) -> Server {
    Server::start(world(Stock::with(names)))
}

/// Runs a command against Cloud as a pipeline does: everything is in the environment.
fn cloud(server: &Server, arguments: &[&str]) -> Ran {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(arguments);
    command
        .env("BBCONNECT_URL", server.cloud())
        .env("BBCONNECT_TOKEN", TOKEN)
        .env("BBCONNECT_EMAIL", "jane@acme.example")
        .env("BBCONNECT_WORKSPACE", "acme");
    Ran::from(command.output().unwrap())
}

fn datacenter(server: &Server, arguments: &[&str]) -> Ran {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(arguments);
    command
        .env("BBCONNECT_URL", server.datacenter())
        .env("BBCONNECT_TOKEN", TOKEN);
    Ran::from(command.output().unwrap())
}

fn slugs(ran: &Ran) -> Vec<String> {
    let all = ran.json()["repositories"].as_array().unwrap().clone();
    let slug = |row: &serde_json::Value| row["slug"].as_str().unwrap().to_owned();
    all.iter().map(slug).collect()
}

fn many(namespace: &str, count: usize) -> (Stock, Vec<String>) {
    let slugs: Vec<_> = (0..count)
        .map(|number| format!("repo-{number:04}"))
        .collect();
    let mut stock = Stock::default();
    for slug in &slugs {
        stock.add(&format!("{namespace}/{slug}"));
    }
    (stock, slugs)
}

#[test]
fn a_row_has_what_the_contract_promises() {
    let server = server(&["acme/site+", "acme/empty"]);
    let listed = cloud(&server, &["repo", "list", "--json"]).ended(0).json();
    assert_eq!(listed["schema"], "bbconnect/repo-list@1");
    let row = &listed["repositories"][0];
    assert_eq!(row["namespace"], "acme");
    assert_eq!(row["private"], true);
    assert_eq!(row["default_branch"], "main");
    assert_eq!(row["ssh"], "git@ssh.bitbucket.org:acme/site.git");
    assert_eq!(row["web"], "https://bitbucket.org/acme/site");
    assert_eq!(row["updated_on"], "2026-11-20T10:00:00Z");
    let https = row["https"].as_str().unwrap();
    assert!(
        https.ends_with("/acme/site.git") && !https.contains("jane@"),
        "{https}"
    );
    assert!(listed["repositories"][1]["default_branch"].is_null());
}

#[test]
fn long_lists_are_complete_in_order_and_without_doubles() {
    let (stock, expected) = many("acme", 950);
    let server = Server::start(world(stock));
    assert!(slugs(&cloud(&server, &["repo", "list", "--json"]).ended(0)) == expected);
    let pages = server.seen().len();
    assert_eq!(pages, 10);
    let some = cloud(&server, &["repo", "list", "--limit", "230", "--json"]).ended(0);
    assert!(slugs(&some) == expected[..230]);
    assert_eq!(server.seen().len() - pages, 3, "no page more than it takes");
    // Pages with opaque names, and a total that changes on the way, are walked.
    server.change(|world| world.stock.opaque_pages = true);
    assert!(slugs(&cloud(&server, &["repo", "list", "--json"]).ended(0)) == expected);
    server.change(|world| {
        world.stock.opaque_pages = false;
        world.stock.wrong_size_from = Some(5);
    });
    assert!(slugs(&cloud(&server, &["repo", "list", "--json"]).ended(0)) == expected);
    let (stock, expected) = many("WEB", 2300);
    let server = Server::start(world(stock));
    let all = datacenter(&server, &["repo", "list", "--project", "WEB", "--json"]).ended(0);
    assert!(slugs(&all) == expected);
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn pages_side_by_side_survive_faults_and_report_them() {
    let (stock, expected) = many("acme", 950);
    let server = Server::start(world(stock));
    let fault = |status, headers| Fault {
        status,
        headers,
        body: Vec::new(),
        delay: Duration::ZERO,
    };
    server.change(|world| {
        let again = vec![("retry-after", "0".to_owned())];
        world
            .traps
            .push(("GET", "page=4", fault(429, again.clone())));
        world.traps.push(("GET", "page=7", fault(503, again)));
        world.traps.push(("GET", "page=9", fault(0, Vec::new())));
    });
    assert!(slugs(&cloud(&server, &["repo", "list", "--json"]).ended(0)) == expected);
    server.change(|world| world.traps.push(("GET", "page=4", fault(500, Vec::new()))));
    let failed = cloud(&server, &["repo", "list", "--json"]).ended(8);
    assert_eq!(failed.json()["error"]["exit"], 8);
}

#[test]
fn a_list_is_of_what_was_asked_for() {
    let server = server(&[
        "acme/site",
        "acme/shop",
        "acme/web-site",
        "WEB/site",
        "APP/site",
    ]);
    let found = cloud(&server, &["repo", "list", "--query", "site", "--json"]).ended(0);
    assert_eq!(slugs(&found), ["site", "web-site"]);
    assert!(
        server.seen()[0].path.contains("q=name+%7E+%22site%22"),
        "{:?}",
        server.seen()[0]
    );
    let none = cloud(&server, &["repo", "list", "--project", "OPS", "--json"]).ended(0);
    assert_eq!(slugs(&none), [""; 0]);
    // No call of Cloud lists over workspaces any more.
    let all = cloud(&server, &["repo", "list", "--all", "--json"]).ended(0);
    assert_eq!(slugs(&all), ["site", "shop", "web-site"]);
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| !seen.path.starts_with("/2.0/repositories?"))
    );
    let of_project = datacenter(&server, &["repo", "list", "--project", "web", "--json"]).ended(0);
    assert_eq!(of_project.json()["repositories"][0]["namespace"], "WEB");
    let found = datacenter(
        &server,
        &[
            "repo", "list", "--all", "--query", "SIT", "--limit", "3", "--json",
        ],
    )
    .ended(0);
    assert_eq!(slugs(&found), ["site", "web-site", "site"]);
    datacenter(&server, &["repo", "list", "--workspace", "acme"]).ended(2);
}

#[test]
fn a_repository_is_shown_with_what_one_may_do() {
    let server = server(&["acme/site+", "acme/empty", "WEB/site+"]);
    let site = cloud(&server, &["repo", "view", "acme/site", "--json"])
        .ended(0)
        .json();
    assert_eq!(
        (site["empty"].as_bool(), site["permission"].as_str()),
        (Some(false), Some("admin"))
    );
    assert_eq!(site["project"], "WEB");
    assert_eq!(site["repository"]["slug"], site["slug"]);
    let empty = cloud(&server, &["repo", "view", "acme/empty", "--json"])
        .ended(0)
        .json();
    assert_eq!(empty["empty"], true);
    let missing = cloud(&server, &["repo", "view", "acme/other"]).ended(5);
    assert!(
        !missing.stderr.contains("does not exist"),
        "{}",
        missing.stderr
    );
    server.change(|world| world.stock.closed = vec!["WEB/site"]);
    let site = datacenter(&server, &["repo", "view", "web/site", "--json"])
        .ended(0)
        .json();
    assert_eq!(
        (site["namespace"].as_str(), site["permission"].as_str()),
        (Some("WEB"), Some("write"))
    );
    assert_eq!(site["default_branch"], "main");
    assert_eq!(site["ssh"], "ssh://git@git.example.com:7999/web/site.git");
    datacenter(&server, &["repo", "view", "WEB/other"]).ended(5);
    let shown = cloud(&server, &["repo", "view", "acme/site"])
        .ended(0)
        .stdout;
    assert!(shown.contains("you may   admin"), "{shown}");
}

#[test]
fn a_url_leads_to_a_persons_connection_beyond_its_own_project() {
    let server = server(&["WEB/site+", "APP/site+"]);
    let sandbox = Sandbox::new();
    let url = server.datacenter();
    let token = format!("echo {TOKEN}");
    let add = [
        "connection",
        "add",
        "web",
        "--url",
        &url,
        "--project",
        "WEB",
    ];
    let with_token = ["--auth", "http-access-token", "--token-command", &token];
    sandbox.run(add.iter().chain(&with_token).copied()).ended(0);
    sandbox.run(["repo", "select", "site"]).ended(0);
    for project in ["WEB", "APP"] {
        let page = format!("{url}/projects/{project}/repos/site");
        let seen = sandbox
            .run(["repo", "view", &page, "--json"])
            .ended(0)
            .json();
        assert_eq!(seen["namespace"], project);
    }
    let elsewhere = url.replace("/bitbucket", "/other");
    let page = format!("{elsewhere}/projects/WEB/repos/site");
    let nobody = sandbox.run(["repo", "view", &page]).ended(5);
    assert!(
        nobody.stderr.contains("no connection is for"),
        "{}",
        nobody.stderr
    );
}

#[test]
fn a_repository_is_made_once_and_seen_at_last() {
    let server = server(&["acme/site"]);
    server.change(|world| world.stock.is_slow = true);
    let create = [
        "repo",
        "create",
        "acme/Shop",
        "--description",
        "sells",
        "--default-branch",
        "trunk",
        "--json",
    ];
    let planned = cloud(&server, &[&create[..], &["--dry-run"]].concat())
        .ended(0)
        .json();
    assert_eq!(planned["action"], "would-create");
    assert!(server.seen().iter().all(|seen| seen.method == "GET"));
    let created = cloud(&server, &create).ended(0).json();
    assert_eq!(created["action"], "created");
    let repository = &created["repository"];
    assert_eq!(
        (
            repository["slug"].as_str(),
            repository["default_branch"].as_str()
        ),
        (Some("shop"), Some("trunk"))
    );
    server.change(|world| {
        let shop = world.stock.repo("acme", "shop").unwrap();
        assert_eq!(
            (shop.public, shop.description.as_deref(), shop.hidden),
            (false, Some("sells"), 0)
        );
    });
    let again = cloud(&server, &create).ended(6).json();
    assert_eq!(again["error"]["kind"], "conflict");
    cloud(&server, &["repo", "create", "acme/site", "--dry-run"]).ended(6);
    let created = datacenter(&server, &["repo", "create", "WEB/Shop", "--json"])
        .ended(0)
        .json();
    assert_eq!(created["repository"]["slug"], "shop");
    datacenter(&server, &["repo", "create", "WEB/shop"]).ended(6);
    datacenter(&server, &["repo", "create", "WEB/x", "--project", "APP"]).ended(2);
}

#[test]
fn an_answer_that_breaks_off_makes_no_second_repository() {
    let server = server(&["acme/site"]);
    let broken = Fault {
        status: 0,
        headers: Vec::new(),
        body: Vec::new(),
        delay: Duration::ZERO,
    };
    server.change(|world| {
        world
            .traps
            .push(("POST", "/repositories/acme/shop", broken));
    });
    cloud(&server, &["repo", "create", "acme/shop"]).ended(7);
    let posts = server
        .seen()
        .iter()
        .filter(|seen| seen.method == "POST")
        .count();
    assert_eq!(posts, 1);
    cloud(&server, &["repo", "create", "acme/shop"]).ended(6);
}

#[test]
fn a_project_is_made_once() {
    let server = server(&["acme/site"]);
    for run in [cloud, datacenter] {
        let planned = run(
            &server,
            &[
                "project",
                "create",
                "ops",
                "--name",
                "Operations",
                "--dry-run",
                "--json",
            ],
        );
        if planned.status == 0 {
            assert_eq!(planned.json()["action"], "would-create");
        }
        server.change(|world| world.projects.retain(|key| key != "OPS"));
        let created = run(
            &server,
            &["project", "create", "ops", "--name", "Operations", "--json"],
        )
        .ended(0)
        .json();
        assert_eq!(
            (
                created["action"].as_str(),
                created["project"]["key"].as_str()
            ),
            (Some("created"), Some("OPS"))
        );
        run(
            &server,
            &["project", "create", "OPS", "--name", "Operations"],
        )
        .ended(6);
    }
    cloud(&server, &["project", "create", "1X", "--name", "X"]).ended(2);
}

#[test]
fn a_selected_repository_is_the_one_meant() {
    let server = server(&["acme/site+", "acme/shop"]);
    let sandbox = Sandbox::new();
    let run = |folder: &str, arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command.current_dir(sandbox.path(folder));
        Ran::from(command.output().unwrap())
    };
    std::fs::create_dir_all(sandbox.path("work/services/api")).unwrap();
    succeed(
        program("git")
            .args(["init", "--quiet"])
            .arg(sandbox.path("work")),
    );
    let url = server.cloud();
    let add = [
        "connection",
        "add",
        "acme",
        "--url",
        &url,
        "--auth",
        "api-token",
        "--email",
        "jane@acme.example",
        "--workspace",
        "acme",
        "--token-command",
        &format!("echo {TOKEN}"),
    ];
    run("work", &add).ended(0);
    run("work", &["webhook", "list"]).ended(2);
    let selected = run("work", &["repo", "select", "site", "--json"])
        .ended(0)
        .json();
    assert_eq!(
        (selected["action"].as_str(), selected["scope"].as_str()),
        (Some("updated"), Some("connection"))
    );
    assert_eq!(
        run("work", &["repo", "select", "site", "--json"])
            .ended(0)
            .json()["action"],
        "unchanged"
    );
    run("work", &["webhook", "list"]).ended(0);
    let service = [
        "repo",
        "select",
        "acme/shop",
        "--service",
        "services/api",
        "--json",
    ];
    assert_eq!(run("work", &service).ended(0).json()["scope"], "folder");
    assert_eq!(run("work", &service).ended(0).json()["action"], "unchanged");
    run("work/services/api", &["webhook", "list"]).ended(0);
    assert!(
        server
            .seen()
            .last()
            .unwrap()
            .path
            .contains("/acme/shop/hooks")
    );
    run("work", &["webhook", "list"]).ended(0);
    assert!(
        server
            .seen()
            .last()
            .unwrap()
            .path
            .contains("/acme/site/hooks")
    );
    run("work", &["repo", "select", "acme/shop", "--here"]).ended(0);
    run("work", &["webhook", "list"]).ended(0);
    assert!(
        server
            .seen()
            .last()
            .unwrap()
            .path
            .contains("/acme/shop/hooks")
    );
    run("work", &["repo", "select", "acme/other"]).ended(5);
    let unasked = run("work", &["repo", "select"]).ended(2);
    assert!(
        unasked.stderr.contains("repo select NAMESPACE/SLUG"),
        "{}",
        unasked.stderr
    );
    run(".", &["repo", "select", "acme/site", "--here"]).ended(5);
}

#[cfg(unix)]
#[test]
fn on_a_terminal_a_repository_is_picked_with_a_search() {
    let server = server(&["acme/site", "acme/shop", "acme/web-site"]);
    let sandbox = Sandbox::new();
    let url = server.cloud();
    let token = format!("echo {TOKEN}");
    let add = [
        "connection",
        "add",
        "acme",
        "--url",
        &url,
        "--auth",
        "api-token",
        "--email",
        "jane@acme.example",
        "--workspace",
        "acme",
        "--token-command",
        &token,
    ];
    sandbox.run(add).ended(0);
    let mut command = program(env!("CARGO_BIN_EXE_bbconnect"));
    command
        .args(["repo", "select"])
        .current_dir(sandbox.home())
        .env_clear()
        .env("HOME", sandbox.home())
        .env("TERM", "xterm");
    let mut terminal = rexpect::session::spawn_command(command, Some(10_000)).unwrap();
    terminal.exp_string("acme/web-site").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    terminal.send("sho").unwrap();
    terminal.flush().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    terminal.send_line("").unwrap();
    terminal
        .exp_string("acme/shop is the repository of the connection acme")
        .unwrap();
    let shown = sandbox
        .run(["connection", "show", "acme", "--json"])
        .ended(0)
        .json();
    assert_eq!(shown["connection"]["repository"], "shop");
}
