//! Lists of both products: every page, in the server's order, from one origin; and how an environment's connection asks.

use std::time::Duration;

use crate::support::bitbucket::{Credential, Fault, Kind, Server, World};
use crate::support::{Ran, Sandbox};

const TOKEN: &str = "ATATT-list-marker";

fn server() -> Server {
    let credential = |kind| Credential {
        kind,
        secret: TOKEN.to_owned(),
        scopes: vec!["read:project:bitbucket"],
    };
    let kinds = [
        Kind::ApiToken {
            email: "jane@acme.example",
        },
        Kind::UserToken { user: "jane" },
    ];
    Server::start(World {
        credentials: kinds.map(credential).to_vec(),
        projects: (0..35).map(|number| format!("P{number}")).collect(),
        page_length: 10,
        ..World::default()
    })
}

/// Runs a command as a pipeline does: everything is in the environment.
fn run(url: &str, email: Option<&str>, arguments: &[&str]) -> Ran {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(arguments);
    command
        .env("CI", "true")
        .env("BBCONNECT_URL", url)
        .env("BBCONNECT_TOKEN", TOKEN);
    command
        .env("BBCONNECT_WORKSPACE", "acme")
        .envs(email.map(|email| ("BBCONNECT_EMAIL", email)));
    Ran::from(command.output().unwrap())
}

const JANE: Option<&str> = Some("jane@acme.example");

fn keys(ran: &Ran) -> Vec<String> {
    let projects = ran.json()["projects"].as_array().unwrap().clone();
    projects
        .iter()
        .map(|project| project["key"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn all_pages_are_listed_in_order() {
    let server = server();
    let expected: Vec<_> = (0..35).map(|number| format!("P{number}")).collect();
    let cloud = run(&server.cloud(), JANE, &["project", "list", "--json"]).ended(0);
    assert_eq!(keys(&cloud), expected);
    assert_eq!(cloud.json()["projects"][0]["private"], true);
    let datacenter = run(&server.datacenter(), None, &["project", "list", "--json"]).ended(0);
    assert_eq!(keys(&datacenter), expected);
    assert_eq!(server.seen().len(), 8);
}

/// A Data Center serves a bad token as nobody's: what everybody may see is no list for it.
#[test]
fn a_revoked_token_sees_no_list_for_everybody() {
    let server = server();
    let url = server.datacenter();
    for arguments in [
        &["project", "list", "--json"][..],
        &["api", "GET", "projects", "--json"],
    ] {
        server.change(|world| world.credentials.clear());
        let refused = run(&url, None, arguments).ended(3);
        assert_eq!(refused.json()["error"]["kind"], "unauthorized");
        let credential = Credential {
            kind: Kind::UserToken { user: "jane" },
            secret: TOKEN.to_owned(),
            scopes: Vec::new(),
        };
        server.change(|world| world.credentials.push(credential));
        run(&url, None, arguments).ended(0);
    }
}

#[test]
fn workspaces_are_those_of_the_account() {
    let server = server();
    let listed = run(&server.cloud(), JANE, &["workspace", "list", "--json"])
        .ended(0)
        .json();
    assert_eq!(listed["schema"], "bbconnect/workspace-list@1");
    let workspace = &listed["workspaces"][0];
    assert_eq!(
        (
            workspace["slug"].as_str(),
            workspace["administrator"].as_bool()
        ),
        (Some("acme"), Some(true))
    );
    assert!(workspace["name"].is_null());
    let none = run(&server.datacenter(), None, &["workspace", "list"]).ended(2);
    assert!(
        none.stderr.contains("bbconnect project list"),
        "{}",
        none.stderr
    );
    let refused = run(
        &server.cloud(),
        Some("other@acme.example"),
        &["workspace", "list"],
    )
    .ended(3);
    assert!(
        refused.stderr.contains("made with scopes"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_list_never_leads_elsewhere_and_always_ends() {
    let (server, other) = (server(), server());
    let page = |body: String| Fault {
        status: 200,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.into_bytes(),
        delay: Duration::ZERO,
    };
    let foreign = format!(
        "{{\"values\":[],\"next\":\"{}/workspaces/acme/projects?page=2\"}}",
        other.cloud()
    );
    server.change(|world| world.faults.push_back(page(foreign)));
    run(&server.cloud(), JANE, &["project", "list"]).ended(8);
    assert!(other.seen().is_empty());
    let itself = format!(
        "{{\"values\":[],\"next\":\"{}/workspaces/acme/projects?pagelen=100\"}}",
        server.cloud()
    );
    server.change(|world| world.faults.push_back(page(itself)));
    run(&server.cloud(), JANE, &["project", "list"]).ended(8);
    server.change(|world| {
        world
            .faults
            .push_back(page("{\"values\":[],\"isLastPage\":false}".to_owned()));
    });
    run(&server.datacenter(), None, &["project", "list"]).ended(8);
    server.change(|world| {
        world
            .faults
            .push_back(page("{\"values\":[{\"name\":\"no key\"}]}".to_owned()));
    });
    let unreadable = run(&server.cloud(), JANE, &["project", "list"]).ended(8);
    assert!(
        unreadable.stderr.contains("values[0]"),
        "{}",
        unreadable.stderr
    );
}
