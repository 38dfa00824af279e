//! Lists of both products: every page, in the server's order, from one origin; and how an environment's connection asks.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bitbucket::{Credential, Fault, Kind, Server, ServerState};
use crate::support::{CommandExt as _, RunOutput, Sandbox, assert_contains};

const TOKEN: &str = "ATATT-list-marker";

fn server() -> Server {
    Server::start(ServerState {
        credentials: Credential::for_jane(TOKEN, &["read:project:bitbucket"]),
        projects: (0..35).map(|number| format!("P{number}")).collect(),
        page_length: 10,
        ..ServerState::default()
    })
}

/// Runs a command as a pipeline does: everything is in the environment.
fn run(url: &str, email: Option<&str>, arguments: &[&str]) -> RunOutput {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(arguments);
    command
        .env("CI", "true")
        .env("BBCONNECT_URL", url)
        .env("BBCONNECT_TOKEN", TOKEN);
    command
        .env("BBCONNECT_WORKSPACE", "acme")
        .envs(email.map(|email| ("BBCONNECT_EMAIL", email)));
    command.finish()
}

const JANE: Option<&str> = Some("jane@acme.example");

fn keys(ran: &RunOutput) -> Vec<String> {
    let projects = ran.json()["projects"].as_array().unwrap().clone();
    projects
        .iter()
        .map(|project| project["key"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn all_pages_are_listed_in_server_order() {
    let server = server();
    let expected: Vec<_> = (0..35).map(|number| format!("P{number}")).collect();
    let cloud = run(&server.cloud(), JANE, &["project", "list", "--json"]).exits_with(0);
    assert_eq!(keys(&cloud), expected);
    assert_eq!(cloud.json()["projects"][0]["private"], true);
    let datacenter = run(&server.datacenter(), None, &["project", "list", "--json"]).exits_with(0);
    assert_eq!(keys(&datacenter), expected);
    assert_eq!(server.requests().len(), 8);
}

#[test]
fn the_start_of_the_next_page_tells_that_there_is_one() {
    let server = server();
    let page = json!({"values": [{"key": "FIRST"}], "size": 1, "start": 0, "nextPageStart": 30});
    let fault = Fault::new(
        200,
        &[("content-type", "application/json")],
        page.to_string(),
    );
    server.update(|state| state.targeted_faults.push(("GET", "/projects", fault)));
    let listed = run(&server.datacenter(), None, &["project", "list", "--json"]).exits_with(0);
    assert_eq!(keys(&listed), ["FIRST", "P30", "P31", "P32", "P33", "P34"]);
    assert_eq!(listed.stderr, "");
}

#[test]
fn null_is_the_same_as_absent() {
    let server = server();
    let respond = |body: &str| {
        let fault = Fault::new(200, &[("content-type", "Application/JSON")], body);
        server.update(|state| state.faults.push_back(fault));
    };
    let cloud = |arguments: &[&str]| run(&server.cloud(), JANE, arguments).exits_with(0).json();
    let repositories = ["repo", "list", "--workspace", "acme", "--json"];
    for links in ["null", r#"{"clone":null,"html":null}"#] {
        respond(&format!(
            r#"{{"values":[{{"full_name":"acme/a","slug":"a","name":null,"links":{links},"mainbranch":null,"project":null}}]}}"#
        ));
        let listed = cloud(&repositories);
        assert_eq!(listed["repositories"][0]["slug"], "a");
        assert_eq!(listed["repositories"][0]["name"], Value::Null);
    }
    let pull_requests = ["pr", "list", "--repo", "acme/a", "--json"];
    respond(
        r#"{"values":[{"id":8,"title":null,"state":"OPEN","source":{"branch":{"name":"x"}},"destination":{"branch":null},"reviewers":null,"links":null}]}"#,
    );
    let listed = cloud(&pull_requests)["pull_requests"][0].clone();
    assert_eq!(listed["source"], "x");
    for field in ["target", "title", "url"] {
        assert_eq!(listed[field], Value::Null, "{listed}");
    }
    respond(
        r#"{"values":[{"uuid":"{1}","url":"https://ci.example.com","events":null,"active":null}]}"#,
    );
    let listed = cloud(&["webhook", "list", "--repo", "acme/a", "--json"]);
    assert_eq!(listed["webhooks"][0]["active"], Value::Null);
    // Data Center.
    let datacenter = |arguments: &[&str]| {
        run(&server.datacenter(), None, arguments)
            .exits_with(0)
            .json()
    };
    respond(
        r#"{"isLastPage":true,"values":[{"slug":"a","project":{"key":"P"},"links":{"clone":null,"self":null}}]}"#,
    );
    let listed = datacenter(&["repo", "list", "--json"]);
    assert_eq!(listed["repositories"][0]["https"], Value::Null);
    respond(
        r#"{"isLastPage":true,"values":[{"id":8,"fromRef":{"displayId":"x"},"toRef":null,"reviewers":null,"links":{"self":null}}]}"#,
    );
    let listed = datacenter(&["pr", "list", "--repo", "P/a", "--json"])["pull_requests"][0].clone();
    assert_eq!(listed["source"], "x");
    for field in ["target", "title", "state", "url"] {
        assert_eq!(listed[field], Value::Null, "{listed}");
    }
}

/// A Data Center treats a request with an invalid token as anonymous: the public projects are not its list.
#[test]
fn a_revoked_token_does_not_list_public_projects() {
    let server = server();
    let url = server.datacenter();
    for arguments in [
        &["project", "list", "--json"][..],
        &["api", "GET", "projects", "--json"],
    ] {
        server.update(|state| state.credentials.clear());
        let refused = run(&url, None, arguments).exits_with(3);
        assert_eq!(refused.json()["error"]["kind"], "unauthorized");
        let credential = Credential::new(Kind::UserToken { user: "jane" }, TOKEN, &[]);
        server.update(|state| state.credentials.push(credential));
        run(&url, None, arguments).exits_with(0);
    }
}

#[test]
fn workspaces_of_the_account_are_listed() {
    let server = server();
    let listed = run(&server.cloud(), JANE, &["workspace", "list", "--json"])
        .exits_with(0)
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
    let none = run(&server.datacenter(), None, &["workspace", "list"]).exits_with(2);
    assert_contains(&none.stderr, "bbconnect project list");
    let refused = run(
        &server.cloud(),
        Some("other@acme.example"),
        &["workspace", "list"],
    )
    .exits_with(3);
    assert_contains(&refused.stderr, "has Bitbucket scopes");
}

#[test]
fn pagination_stays_on_the_origin_and_terminates() {
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
    server.update(|state| state.faults.push_back(page(foreign)));
    run(&server.cloud(), JANE, &["project", "list"]).exits_with(8);
    assert!(other.requests().is_empty());
    let itself = format!(
        "{{\"values\":[],\"next\":\"{}/workspaces/acme/projects?pagelen=100\"}}",
        server.cloud()
    );
    server.update(|state| state.faults.push_back(page(itself)));
    run(&server.cloud(), JANE, &["project", "list"]).exits_with(8);
    server.update(|state| {
        state
            .faults
            .push_back(page("{\"values\":[],\"isLastPage\":false}".to_owned()));
    });
    run(&server.datacenter(), None, &["project", "list"]).exits_with(8);
    server.update(|state| {
        state
            .faults
            .push_back(page("{\"values\":[{\"name\":\"no key\"}]}".to_owned()));
    });
    let unreadable = run(&server.cloud(), JANE, &["project", "list"]).exits_with(8);
    assert_contains(&unreadable.stderr, "values[0]");
}
