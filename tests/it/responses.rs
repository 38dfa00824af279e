//! How responses are read that mislead: refusals, lists with gaps, other products, secrets and addresses of a server.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::responder::{Head, Responder, json as as_json, response};
use crate::support::{CommandExt as _, RunOutput, Sandbox, assert_contains, is_installed, words};

const TOKEN: &str = "SECRETTOKEN1234";
const JANE: (&str, &str) = ("BBCONNECT_EMAIL", "jane@acme.example");
const WORKSPACE: (&str, &str) = ("BBCONNECT_WORKSPACE", "acme");
const PLAIN: &str = "content-type: text/plain";

/// Runs a command with a connection of the environment.
fn run(url: &str, variables: &[(&str, &str)], arguments: &[&str]) -> RunOutput {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(arguments);
    command
        .current_dir("/")
        .env("BBCONNECT_URL", url)
        .env("BBCONNECT_TOKEN", TOKEN)
        .envs(variables.iter().copied());
    command.finish()
}

fn error(ran: &RunOutput) -> (String, String) {
    let error = &ran.json()["error"];
    let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    (text("message"), text("hint"))
}

fn finding(document: &Value, id: &str) -> Value {
    let findings = document["connections"][0]["findings"].as_array().unwrap();
    let mut findings = findings.iter();
    findings
        .find(|finding| finding["id"] == id)
        .cloned()
        .unwrap_or_default()
}

fn stage(document: &Value, id: &str) -> Value {
    let stages = document["stages"].as_array().unwrap();
    let mut stages = stages.iter();
    stages
        .find(|stage| stage["id"] == id)
        .cloned()
        .unwrap_or_default()
}

#[test]
fn a_refusal_requests_only_missing_scopes() {
    const READ: &str =
        "read:repository:bitbucket, read:pullrequest:bitbucket, read:webhook:bitbucket";
    let refusing = |scopes: &'static str| {
        Responder::start(move |head| {
            let scopes = format!("x-oauth-scopes: {scopes}");
            let headers = ["content-type: application/json", &scopes];
            if head.has("POST ") {
                let body = r#"{"type":"error","error":{"message":"Forbidden"}}"#;
                return response(403, &headers, body);
            }
            response(200, &headers, r#"{"values":[]}"#)
        })
    };
    let ensure = words(
        "webhook ensure --repo acme/web-app --url https://ci.example.com/f --event push --json",
    );
    let all = refusing(const_str(READ, ", write:webhook:bitbucket"));
    let (message, hint) = error(&run(&all.cloud(), &[JANE], &ensure).exits_with(4));
    assert_eq!(message, "permission denied: Forbidden");
    assert_contains(&hint, "the account lacks the permission");
    assert!(!hint.contains(":bitbucket"), "{hint}");
    let some = refusing(READ);
    let (_, hint) = error(&run(&some.cloud(), &[JANE], &ensure).exits_with(4));
    assert!(
        hint.starts_with("missing scopes: write:webhook:bitbucket;"),
        "{hint}"
    );
    // The other vocabulary.
    let classic = refusing("webhook, pullrequest");
    let (_, hint) = error(&run(&classic.cloud(), &[], &ensure).exits_with(4));
    assert_contains(&hint, "the account lacks the permission");
    let classic = refusing("repository");
    let (_, hint) = error(&run(&classic.cloud(), &[], &ensure).exits_with(4));
    assert!(
        hint.starts_with("missing scopes: webhook, pullrequest;"),
        "{hint}"
    );
}

#[test]
fn a_refusal_of_a_list_names_its_own_scopes() {
    const FORBIDDEN: &str = r#"{"type":"error","error":{"message":"Forbidden"}}"#;
    let refusing = |scopes: &'static str| {
        Responder::start(move |_| {
            let scopes = format!("x-oauth-scopes: {scopes}");
            response(403, &["content-type: application/json", &scopes], FORBIDDEN)
        })
    };
    for (arguments, missing) in [
        ("workspace list --json", "read:workspace:bitbucket"),
        ("repo list --all --json", "read:workspace:bitbucket"),
        ("project list --json", "read:project:bitbucket"),
        (
            "key list --repo acme/web-app --json",
            "admin:repository:bitbucket",
        ),
    ] {
        let other = refusing("read:webhook:bitbucket");
        let ran = run(&other.cloud(), &[JANE, WORKSPACE], &words(arguments)).exits_with(4);
        let (_, hint) = error(&ran);
        assert!(
            hint.starts_with(&format!("missing scopes: {missing};")),
            "{hint}"
        );
        let all = refusing(const_str(missing, ", read:repository:bitbucket"));
        let ran = run(&all.cloud(), &[JANE, WORKSPACE], &words(arguments)).exits_with(4);
        let (_, hint) = error(&ran);
        assert!(hint.contains("the account lacks the permission"), "{hint}");
    }
    let server = Responder::start(|_| {
        let body = r#"{"errors":[{"message":"You are not permitted to access this resource"}]}"#;
        response(403, &["content-type: application/json"], body)
    });
    for arguments in ["repo list --json", "project list --json"] {
        let (_, hint) = error(&run(&server.datacenter(), &[], &words(arguments)).exits_with(4));
        assert!(hint.starts_with("required: "), "{hint}");
        assert!(!hint.contains(":bitbucket"), "{hint}");
    }
}

/// Test data lives as long as the program.
fn const_str(first: &str, second: &str) -> &'static str {
    Box::leak(format!("{first}{second}").into_boxed_str())
}

#[test]
fn a_token_of_another_kind_is_named() {
    let refusing = Responder::start(|_| {
        as_json(
            401,
            r#"{"type":"error","error":{"message":"Token is invalid"}}"#,
        )
    });
    let user = ("BBCONNECT_USERNAME", "jane");
    let token = |secret| ("BBCONNECT_TOKEN", secret);
    for (variables, expected) in [
        (
            &[user, token("ATATT3xFfGF0")][..],
            "looks like an API token: set BBCONNECT_EMAIL instead of BBCONNECT_USERNAME",
        ),
        (
            &[token("ATATT3xFfGF0"), WORKSPACE],
            "looks like an API token: set BBCONNECT_EMAIL",
        ),
        (
            &[
                ("BBCONNECT_USERNAME", "x-token-auth"),
                token("ATCTT3xFfGF0"),
            ],
            "looks like an access token: unset BBCONNECT_USERNAME",
        ),
        (
            &[JANE, token("ATCTT3xFfGF0")],
            "looks like an access token: unset BBCONNECT_EMAIL",
        ),
    ] {
        let ran = run(&refusing.cloud(), variables, &["check", "--json"]).exits_with(3);
        let document = ran.json();
        let valid = finding(&document, "credential.valid");
        assert_eq!(valid["next"], expected, "{document:#}");
        let kind = finding(&document, "credential.kind");
        assert_eq!(kind["level"], "warn", "{kind}");
        assert!(!ran.stdout.contains("app passwords"), "{}", ran.stdout);
    }
}

#[test]
fn a_refusal_of_every_request_is_not_ok() {
    for (status, exit) in [(400, 8), (405, 8), (422, 8), (409, 8), (410, 8)] {
        let refusing =
            Responder::start(move |_| response(status, &[PLAIN], "Invalid Authorization header"));
        for (url, repository) in [
            (refusing.cloud(), "acme/web-app"),
            (refusing.datacenter(), "PRJ/web-app"),
        ] {
            let check = ["check", "--repo", repository, "--json"];
            let ran = run(&url, &[], &check).exits_with(exit);
            let document = ran.json();
            assert_eq!(document["ok"], false, "{document:#}");
            let valid = finding(&document, "credential.valid");
            assert_eq!(valid["level"], "unknown", "{document:#}");
            assert!(!ran.stdout.contains("--repo"), "{}", ran.stdout);
        }
    }
}

#[test]
fn a_list_of_something_else_is_not_bitbucket() {
    for body in [
        r#"{"values":[[[1]]]}"#,
        r#"{"values":[1]}"#,
        "[]",
        r#"[{"name":"x"}]"#,
    ] {
        let server = Responder::start(move |_| as_json(200, body));
        let url = server.datacenter();
        run(&url, &[], &["check", "--json"]).exits_with(8);
        run(&url, &[], &["token", "list", "--project", "PRJ"]).exits_with(8);
        run(&url, &[], &["token", "list"]).exits_with(8);
        let create = words("token create ci --project PRJ --permission PROJECT_READ");
        run(&url, &[], &create).exits_with(8);
        run(&url, &[], &["project", "list"]).exits_with(8);
        run(&server.cloud(), &[JANE, WORKSPACE], &["repo", "list"]).exits_with(8);
        let token = run(&server.cloud(), &[WORKSPACE], &["check", "--json"]).exits_with(8);
        assert!(!token.stdout.contains("(200)"), "{}", token.stdout);
    }
}

/// The slug of a user name is not always the one that most servers derive.
#[test]
fn user_slugs_are_looked_up_where_the_guess_fails() {
    const SECRET: &str = "BBDC-MTIzNDU2Nzg5MDEyOmFiY2RlZmdoaWprbG1ub3BxcnN0";
    let server = Responder::start(|head| {
        let headers = ["content-type: application/json", "x-ausername: JoeSmith"];
        if head.has("application-properties") {
            return as_json(200, r#"{"version":"9.4.1","displayName":"Bitbucket"}"#);
        }
        if head.has("/access-tokens/latest/users/joesmith") {
            let body = r#"{"id":"123456789012","name":"ci","permissions":["REPO_ADMIN"],"createdDate":1790000000000,"expiryDays":400}"#;
            return response(200, &headers, body);
        }
        if head.has("/access-tokens/latest/users/JoeSmith") {
            return response(401, &headers, r#"{"errors":[{"message":"not permitted"}]}"#);
        }
        if head.has("/users?filter=JoeSmith") {
            let body = r#"{"values":[{"name":"JoeSmithers","slug":"joesmithers"},{"name":"JoeSmith","slug":"joesmith"}],"isLastPage":true}"#;
            return response(200, &headers, body);
        }
        if head.has("/users?") {
            return response(
                200,
                &headers,
                r#"{"values":[{"name":"admin","slug":"admin"}]}"#,
            );
        }
        response(200, &headers, r#"{"values":[],"isLastPage":true}"#)
    });
    let token = ("BBCONNECT_TOKEN", SECRET);
    let check = ["check", "--for", "webhook", "--json"];
    let document = run(&server.datacenter(), &[token], &check)
        .exits_with(0)
        .json();
    assert_eq!(document["connections"][0]["scopes"], json!(["REPO_ADMIN"]));
    assert!(document["connections"][0]["expires_on"].is_string());
    let page = run(&server.datacenter(), &[token], &["token", "page"]).exits_with(0);
    let expected = "/plugins/servlet/access-tokens/users/joesmith/manage\n";
    assert!(page.stdout.ends_with(expected), "{}", page.stdout);
}

/// Where anonymous access is switched off, also the version needs a login.
#[test]
fn a_server_that_refuses_anonymous_requests_is_used_with_the_credential() {
    const REFUSED: &str = r#"{"errors":[{"context":null,"message":"You are not permitted to access this resource","exceptionName":"com.atlassian.bitbucket.AuthorisationException"}]}"#;
    let server = |status: u16, shows_version: bool| {
        Responder::start(move |head| {
            let headers = ["content-type: application/json", "x-ausername: jane"];
            let is_signed = head.headers.contains(&format!("Bearer {TOKEN}"));
            if head.line.ends_with("/status") {
                return as_json(200, r#"{"state":"RUNNING"}"#);
            }
            let is_version = head.has("application-properties");
            if !is_signed || is_version && !shows_version {
                let header = if is_signed {
                    &headers[..]
                } else {
                    &headers[..1]
                };
                return response(status, header, REFUSED);
            }
            let body = if is_version {
                r#"{"version":"9.4.1","displayName":"Bitbucket"}"#
            } else {
                r#"{"values":[],"isLastPage":true}"#
            };
            response(200, &headers, body)
        })
    };
    for (status, shows_version) in [(401, true), (403, true), (401, false), (403, false)] {
        let server = server(status, shows_version);
        let url = server.datacenter();
        let document = run(&url, &[], &["check", "--json"]).exits_with(0).json();
        assert_eq!(finding(&document, "server.reachable")["level"], "pass");
        assert_eq!(finding(&document, "credential.valid")["level"], "pass");
        let version = if shows_version { "pass" } else { "unknown" };
        assert_eq!(finding(&document, "server.version")["level"], version);
        let doctor = run(&url, &[], &["doctor", &url, "--json"]).json();
        assert_eq!(stage(&doctor, "product")["level"], "pass", "{doctor}");
        assert_eq!(stage(&doctor, "credential")["level"], "pass", "{doctor}");
        let sandbox = Sandbox::with_file_store();
        let add = "connection add work --auth http-access-token --store file --token-stdin --url";
        let add = [&words(add)[..], &[url.as_str()]].concat();
        sandbox.run_with_input(add, TOKEN).exits_with(0);
    }
    // A rejected token is reported as such.
    let server = server(401, true);
    let wrong = ("BBCONNECT_TOKEN", "another");
    let document = run(&server.datacenter(), &[wrong], &["check", "--json"]);
    let document = document.exits_with(3).json();
    assert_eq!(finding(&document, "credential.valid")["level"], "fail");
}

fn repository_page(names: impl IntoIterator<Item = usize>, rest: &str) -> String {
    let values: Vec<Value> = names
        .into_iter()
        .map(|number| json!({"full_name": format!("acme/r{number}"), "slug": format!("r{number}")}))
        .collect();
    format!("{{\"values\":{},{rest}}}", json!(values))
}

/// Without a total order an entry is on two pages, and another one on none.
#[test]
fn missing_entries_of_a_list_are_reported() {
    let server = Responder::start(|head| {
        let page = if head.has("page=2") { 2 } else { 1 };
        let swapped = !head.has("sort=") || head.has("q=");
        let names: Vec<usize> = match (page, swapped) {
            (1, _) => (0..100).collect(),
            (_, false) => (100..150).collect(),
            (_, true) => (99..149).collect(),
        };
        let query = head.line.split_once('?').map_or("", |(_, query)| query);
        let next = if page == 1 {
            format!(",\"next\":\"/2.0/repositories/acme?{query}&page=2\"")
        } else {
            String::new()
        };
        let rest = format!("\"size\":150,\"pagelen\":100,\"page\":{page}{next}");
        as_json(200, &repository_page(names, &rest))
    });
    let list = |arguments: &[&str]| {
        let arguments = [&["repo", "list", "--json"], arguments].concat();
        let ran = run(&server.cloud(), &[JANE, WORKSPACE], &arguments).exits_with(0);
        let count = ran.json()["repositories"].as_array().unwrap().len();
        (count, ran.stderr)
    };
    let (count, stderr) = list(&[]);
    assert_eq!((count, stderr.as_str()), (150, ""));
    let (count, stderr) = list(&["--query", "r"]);
    assert_eq!(count, 149);
    assert_contains(&stderr, "counts 150 entries, but listed 149");
    let (count, stderr) = list(&["--query", "r", "--limit", "120"]);
    assert_eq!((count, stderr.as_str()), (120, ""));
}

#[test]
fn one_workspace_that_refuses_does_not_hide_the_others() {
    let server = Responder::start(|head| {
        if head.has("/user/workspaces") {
            let values = r#"{"values":[{"workspace":{"slug":"acme"}},{"workspace":{"slug":"beta"}},{"workspace":{"slug":"gamma"}}]}"#;
            return as_json(200, values);
        }
        if head.has("/repositories/beta") {
            let body = r#"{"type":"error","error":{"message":"To access this workspace, an admin must whitelist your IP."}}"#;
            return as_json(403, body);
        }
        let owner = if head.has("/acme") { "acme" } else { "gamma" };
        as_json(
            200,
            &format!(r#"{{"values":[{{"full_name":"{owner}/site","slug":"site"}}]}}"#),
        )
    });
    let list = |format: &[&str]| {
        let arguments = [&["repo", "list", "--all"], format].concat();
        run(&server.cloud(), &[JANE], &arguments).exits_with(4)
    };
    let ran = list(&["--json"]);
    let document = ran.json();
    let repositories = document["repositories"].as_array().unwrap();
    let owners: Vec<_> = repositories.iter().map(|one| &one["namespace"]).collect();
    assert_eq!(owners, ["acme", "gamma"]);
    let incomplete = &document["incomplete"][0];
    assert_eq!(
        (&incomplete["owner"], &incomplete["exit"]),
        (&json!("beta"), &json!(4))
    );
    assert_contains(incomplete["reason"].as_str().unwrap(), "whitelist your IP");
    assert_contains(&ran.stderr, "beta: ");
    let text = list(&[]);
    assert_contains(&text.stdout, "gamma/site");
    assert_contains(&text.stderr, "beta: ");
}

/// A server that sends a page again and again within the limit of a request.
#[test]
fn a_list_as_a_whole_ends() {
    let server = Responder::start(|head| {
        thread::sleep(Duration::from_millis(300));
        let number: usize = head
            .line
            .rsplit_once("page=")
            .and_then(|(_, number)| number.parse().ok())
            .unwrap_or(1);
        let rest = format!("\"next\":\"/2.0/repositories/acme?page={}\"", number + 1);
        as_json(200, &repository_page([number], &rest))
    });
    let started = Instant::now();
    let list = ["repo", "list", "--json", "--timeout", "1"];
    let paginate = words("api repositories/acme --paginate --json --timeout 1");
    thread::scope(|scope| {
        for arguments in [&list[..], &paginate] {
            let url = server.cloud();
            scope.spawn(move || {
                let ran = run(&url, &[JANE, WORKSPACE], arguments).exits_with(8);
                let (message, hint) = error(&ran);
                assert_contains(&message, "list incomplete after 20 seconds");
                assert_contains(&message, " pages received");
                assert_contains(&hint, "--timeout");
            });
        }
    });
    assert!(started.elapsed() >= Duration::from_secs(20));
}

/// A server's credential never takes the place of the user's, and is never printed.
#[test]
fn addresses_with_a_user_are_refused() {
    // `doctor` needs git.
    if !is_installed("git", "--version") {
        return;
    }
    let next = |head: &Head| {
        let host = head
            .headers
            .lines()
            .find_map(|line| line.strip_prefix("host: "));
        format!("http://evil:hunter2@{}/2.0/x", host.unwrap_or_default())
    };
    let list = Responder::start(move |head| {
        as_json(200, &format!(r#"{{"values":[],"next":"{}"}}"#, next(head)))
    });
    let redirect =
        Responder::start(move |head| response(302, &[&format!("location: {}", next(head))], ""));
    for server in [&list, &redirect] {
        for arguments in [
            &["repo", "list", "-v"][..],
            &["api", "repositories/acme", "--paginate", "-v"],
        ] {
            let ran = run(&server.cloud(), &[WORKSPACE], arguments).exits_with(8);
            let printed = format!("{}{}", ran.stdout, ran.stderr);
            assert!(
                !printed.contains("hunter2") && !printed.contains("evil"),
                "{printed}"
            );
        }
        assert!(!server.requests().iter().any(|line| line.contains("/x")));
    }
    let doctor = run(&redirect.datacenter(), &[], &["doctor", "--json"]).exits_with(8);
    assert!(!doctor.stdout.contains("hunter2") && !doctor.stdout.contains("evil"));
}

/// Whatever a server repeats, the credential is not printed.
#[test]
fn secrets_that_a_server_repeats_are_redacted() {
    let server = Responder::start(|head| {
        let sent = head
            .headers
            .lines()
            .find_map(|line| line.strip_prefix("authorization: "));
        let sent = sent.unwrap_or_default();
        let (_, secret) = sent.split_once(' ').unwrap_or_default();
        let name = format!("{secret} and {TOKEN}");
        let headers = [
            "content-type: application/json",
            &format!("x-oauth-scopes: {secret}"),
            &format!("x-ausername: {secret}"),
        ];
        let body = json!({
            "values": [{"full_name": format!("acme/{TOKEN}"), "slug": TOKEN, "name": name}],
            "nickname": name,
            "full_name": "acme/x",
            "note": name,
        });
        response(200, &headers, &body.to_string())
    });
    let basic = "amFuZUBhY21lLmV4YW1wbGU6U0VDUkVUVE9LRU4xMjM0";
    for variables in [&[JANE, WORKSPACE][..], &[WORKSPACE]] {
        for arguments in [
            &["repo", "list"][..],
            &["repo", "list", "--json"],
            &["check"],
            &["check", "--json"],
            &["check", "--format", "junit"],
            &["check", "--format", "markdown"],
            &["api", "user"],
            &["api", "user", "--json"],
            &["api", "repositories/acme", "--paginate"],
            &["repo", "list", "-v"],
            &["doctor"],
        ] {
            let ran = run(&server.cloud(), variables, arguments);
            let printed = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!printed.contains(TOKEN), "{arguments:?}: {printed}");
            assert!(!printed.contains(basic), "{arguments:?}: {printed}");
        }
    }
    let listed = run(&server.cloud(), &[WORKSPACE], &["repo", "list", "--json"]).exits_with(0);
    assert_eq!(listed.json()["repositories"][0]["slug"], "***");
}

/// Links go to git and to browsers.
#[test]
fn links_of_a_server_are_what_they_should_be() {
    let server = Responder::start(|head| {
        let repository = r#"{"slug":"web-app","project":{"key":"PRJ"},"links":{
            "clone":[{"name":"ssh","href":"ssh://git@-oProxyCommand=touch%20x/prj/web-app.git"},{"name":"http","href":"ext::sh -c touch% x"}],
            "self":[{"href":"javascript:alert(1)"}]}}"#;
        if head.has("/repos/web-app?") || head.line.ends_with("/repos/web-app") {
            return as_json(200, repository);
        }
        if head.has("pull-requests") {
            let request = r#"{"values":[{"id":1,"title":"t","state":"OPEN","links":{"self":[{"href":"file:///etc/passwd"}]},"fromRef":{"displayId":"a"},"toRef":{"displayId":"b"}}],"isLastPage":true}"#;
            return as_json(200, request);
        }
        as_json(
            200,
            &format!(r#"{{"values":[{repository}],"isLastPage":true}}"#),
        )
    });
    let authenticated = |arguments: &[&str]| {
        run(
            &server.datacenter(),
            &[("BBCONNECT_PROJECT", "PRJ")],
            arguments,
        )
    };
    let listed = authenticated(&["repo", "list", "--json"]);
    // Nothing proves a login here.
    if listed.status == 0 {
        let repository = &listed.json()["repositories"][0];
        for link in ["ssh", "https", "web"] {
            assert!(repository[link].is_null(), "{repository}");
        }
    }
    assert!(
        !listed.stdout.contains("oProxyCommand"),
        "{}",
        listed.stdout
    );
    let requests = authenticated(&["pr", "list", "--repo", "PRJ/web-app", "--json"]);
    assert!(!requests.stdout.contains("passwd"), "{}", requests.stdout);
}

#[test]
fn another_product_gets_no_credential() {
    // `doctor` needs git.
    if !is_installed("git", "--version") {
        return;
    }
    let server = Responder::start(|head| {
        assert!(!head.headers.contains("authorization:"), "{}", head.line);
        as_json(
            200,
            r#"{"version":"17.1.0","displayName":"GitLab","name":"GitLab"}"#,
        )
    });
    let add = words("connection add w --auth http-access-token --dry-run --json --url");
    let url = server.datacenter();
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(add);
    let ran = command.args([&url, "--token-command", "echo x"]).finish();
    let (message, _) = error(&ran.exits_with(8));
    assert!(message.contains("GitLab, not Bitbucket"), "{message}");
    let document = run(&server.datacenter(), &[], &["doctor", "--json"])
        .exits_with(8)
        .json();
    assert_eq!(document["failed"], "product", "{document:#}");
    let add = [
        "connection",
        "add",
        "x",
        "--url",
        &server.datacenter(),
        "--auth",
        "http-access-token",
        "--level",
        "user",
        "--token-command",
        "echo SECRETTOKEN1234",
        "--json",
    ];
    let (message, _) = error(&Sandbox::new().run(add).exits_with(8));
    assert_contains(&message, "GitLab, not Bitbucket");
    for body in [
        r#"{"version":"9.4.1"}"#,
        r#"{"displayName":"Bitbucket"}"#,
        r#"{"version":"x","displayName":"Bitbucket"}"#,
    ] {
        let server = Responder::start(move |head| {
            assert!(!head.headers.contains("authorization:"), "{}", head.line);
            as_json(200, body)
        });
        let ran = run(&server.datacenter(), &[], &["doctor", "--json"]).exits_with(8);
        assert_eq!(ran.json()["failed"], "product", "{}", ran.stdout);
    }
}

#[test]
fn the_rate_limit_is_a_stage_where_the_server_reports_it() {
    // `doctor` needs git.
    if !is_installed("git", "--version") {
        return;
    }
    let doctor = |headers: &'static [&'static str]| {
        let server = Responder::start(move |head| {
            let mut all = vec!["content-type: application/json"];
            if head.headers.contains("authorization:") {
                all.extend(headers);
            } else {
                let body = r#"{"type":"error","error":{"message":"Access denied"}}"#;
                return response(401, &all, body);
            }
            response(200, &all, r#"{"nickname":"jane","account_id":"1"}"#)
        });
        let document = run(&server.cloud(), &[JANE], &["doctor", "--json"])
            .exits_with(0)
            .json();
        stage(&document, "rate-limit")
    };
    let near = doctor(&["X-RateLimit-Limit: 1000", "X-RateLimit-NearLimit: true"]);
    assert_eq!(near["level"], "warn", "{near}");
    let far = doctor(&["X-RateLimit-Limit: 1000", "X-RateLimit-NearLimit: false"]);
    assert_eq!(far["level"], "pass", "{far}");
    assert!(doctor(&[]).is_null());
}

#[test]
fn a_redirect_to_https_is_not_a_sign_in_page() {
    let server = Responder::start(|head| {
        let host = head
            .headers
            .lines()
            .find_map(|line| line.strip_prefix("host: "));
        let host = host.unwrap_or_default();
        response(301, &[&format!("location: https://{host}/")], "")
    });
    for url in [server.cloud(), server.datacenter()] {
        let ran = run(&url, &[JANE, WORKSPACE], &["repo", "list", "--json"]).exits_with(8);
        let (message, hint) = error(&ran);
        assert_contains(&message, "the server requires https");
        assert_contains(&hint, &format!("BBCONNECT_URL=https://{}", server.address));
    }
}

#[test]
fn placeholders_are_names() {
    let server = Responder::start(|_| as_json(200, "{}"));
    for name in ["..", "."] {
        let variables = [("BBCONNECT_WORKSPACE", name)];
        let delete = ["api", "DELETE", "repositories/{workspace}/x"];
        run(&server.cloud(), &variables, &delete).exits_with(2);
        let sandbox = Sandbox::new();
        let add = [
            "connection",
            "add",
            "x",
            "--url",
            &server.cloud(),
            "--auth",
            "access-token",
            "--workspace",
            name,
            "--no-verify",
            "--token-command",
            "echo x",
        ];
        sandbox.run(add).exits_with(2);
        let listed = sandbox.run(["connection", "list", "--json"]).exits_with(0);
        assert_eq!(listed.json()["connections"], json!([]));
    }
    assert!(server.requests().is_empty(), "{:?}", server.requests());
}

#[test]
fn sites_of_other_products_lead_to_bitbucket() {
    for url in [
        "https://id.atlassian.com/manage-profile",
        "https://acme.atlassian.net/",
    ] {
        let add = ["connection", "add", "x", "--url", url, "--json"];
        let (_, hint) = error(&Sandbox::new().run(add).exits_with(2));
        assert_contains(&hint, "https://bitbucket.org");
    }
}
