//! `audit`: the inventory of both products, its findings, formats, and what cannot be read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::SystemTime;
#[cfg(unix)]
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::bitbucket::keys::Key;
use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::tokens::Token;
use crate::support::bitbucket::{Credential, Fault, Kind, Server, ServerState};
use crate::support::responder::{Responder, response};
use crate::support::{CommandExt as _, RunOutput, Sandbox, assert_contains};

const TOKEN: &str = "ATATT-audit-marker";

fn server(names: &[&str]) -> Server {
    Server::start(ServerState {
        credentials: Credential::for_jane(
            TOKEN,
            &[
                "read:user:bitbucket",
                "read:ssh-key:bitbucket",
                "read:repository:bitbucket",
                "admin:repository:bitbucket",
                "read:webhook:bitbucket",
                "REPO_ADMIN",
                "PROJECT_ADMIN",
            ],
        ),
        store: RepoStore::with(names),
        projects: vec!["WEB".to_owned()],
        page_length: 100,
        ..ServerState::default()
    })
}

fn run_in(sandbox: &Sandbox, server: &Server, is_cloud: bool, arguments: &str) -> RunOutput {
    let words = format!("audit {arguments}");
    let mut command = sandbox.command(words.trim_end().split(' '));
    command
        .env("BBCONNECT_TOKEN", TOKEN)
        .envs(server.environment(is_cloud));
    let ran = command.finish();
    assert!(!ran.stdout.contains(TOKEN) && !ran.stderr.contains(TOKEN));
    ran
}

fn run(server: &Server, is_cloud: bool, arguments: &str) -> RunOutput {
    run_in(&Sandbox::new(), server, is_cloud, arguments)
}

/// Webhooks of a repository: on Cloud and on Data Center.
fn add_hook(server: &Server, repo: &str, url: &str) {
    let (namespace, slug) = repo.split_once('/').unwrap();
    let hook = json!({
        "uuid": "{1}", "id": 1, "url": url, "active": true, "secret_set": false,
        "skip_cert_verification": false, "sslVerificationRequired": true, "events": ["repo:push"],
        "statistics": {"lastSuccess": {"finish": 1000}, "lastFailure": {"finish": 2000}},
    });
    server.update(|state| state.store.repo(namespace, slug).unwrap().hooks.push(hook));
}

fn ids(row: &Value) -> Vec<&str> {
    let findings = row["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect()
}

#[test]
fn webhooks_of_a_repository_are_listed_and_checked() {
    let server = server(&["acme/site", "WEB/site"]);
    add_hook(&server, "acme/site", "http://ci.example.com/hook");
    add_hook(&server, "WEB/site", "https://ci.example.com/hook");
    let cloud = run(&server, true, "--repo acme/site --what webhooks --json")
        .exits_with(1)
        .json();
    assert_eq!(cloud["schema"], "bbconnect/audit@1");
    assert_eq!(
        (&cloud["ok"], &cloud["exit"], &cloud["repositories"]),
        (&json!(false), &json!(1), &json!(1))
    );
    let row = &cloud["items"][0];
    assert_eq!(
        (&row["kind"], &row["owner"]),
        (&json!("webhook"), &json!("acme/site"))
    );
    assert_eq!(ids(row), ["webhook.plain-http", "webhook.unsigned"]);
    let arguments = "--repo WEB/site --what webhooks";
    let datacenter = run(&server, false, &format!("{arguments} --format json"))
        .exits_with(0)
        .json();
    assert_eq!(
        ids(&datacenter["items"][0]),
        ["webhook.unsigned", "webhook.failing"]
    );
    run(&server, false, &format!("{arguments} --strict")).exits_with(11);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.method == "GET")
    );
}

#[test]
fn a_workspace_and_a_project_are_read_whole() {
    let server = server(&["acme/site", "acme/api", "WEB/site", "WEB/api"]);
    for (is_cloud, arguments) in [(true, "--workspace acme"), (false, "--project WEB")] {
        let audited = run(&server, is_cloud, &format!("{arguments} --json"))
            .exits_with(0)
            .json();
        assert_eq!(audited["repositories"], 2, "{audited}");
        assert_eq!(audited["incomplete"], json!([]), "{audited}");
        assert!(audited["requests"].as_u64().unwrap() > 4);
    }
    run(&server, true, "--json").exits_with(2);
    run(&server, false, "--workspace acme").exits_with(2);
    run(&server, true, "--workspace acme --what tokens").exits_with(2);
}

fn refuse(server: &Server, path: &'static str, status: u16) {
    let body = r#"{"type":"error","error":{"message":"Access denied"}}"#;
    let fault = Fault::new(status, &[("content-type", "application/json")], body);
    server.update(|state| state.targeted_faults.push(("GET", path, fault)));
}

#[test]
fn what_refuses_is_named_and_the_rest_is_printed() {
    let server = server(&["acme/site", "acme/api"]);
    add_hook(&server, "acme/api", "http://ci.example.com/hook");
    add_hook(&server, "acme/site", "https://ci.example.com/hook");
    refuse(&server, "/acme/site/deploy-keys", 403);
    let audited = run(&server, true, "--repo acme/site --repo acme/api --json");
    let audited = audited.exits_with(1).json();
    let incomplete = audited["incomplete"].as_array().unwrap();
    assert_eq!(incomplete.len(), 1, "{audited}");
    assert_eq!(incomplete[0]["owner"], "acme/site");
    // The webhooks of a repository whose keys may not be read are there.
    let found: Vec<_> = audited["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["owner"].as_str().unwrap(), ids(row)))
        .collect();
    let plain = vec!["webhook.plain-http", "webhook.unsigned"];
    assert_eq!(
        found,
        [("acme/api", plain), ("acme/site", vec!["webhook.unsigned"])]
    );
    for (arguments, status, exit) in [
        // Named on the command line, it does not exist; in a list, it exists and may not be read.
        ("--repo acme/site --repo acme/api --what webhooks", 404, 5),
        ("--workspace acme --what webhooks", 404, 4),
        ("--workspace acme --what webhooks", 403, 4),
        ("--workspace acme --what webhooks", 500, 8),
    ] {
        server.update(|state| state.store.repo("acme", "api").unwrap().hooks.clear());
        refuse(&server, "/acme/site/hooks", status);
        let ran = run(&server, true, arguments).exits_with(exit);
        assert_contains(&ran.stderr, "acme/site: ");
        assert_contains(&ran.stdout, "1 owner could not be read");
    }
    refuse(&server, "/workspaces/acme/projects", 403);
    let ran = run(&server, true, "--workspace acme --json").exits_with(4);
    assert_eq!(ran.json()["incomplete"][0]["owner"], "workspace:acme");
    assert_eq!(ran.json()["repositories"], 2);
}

#[test]
fn nothing_is_requested_after_a_rejected_credential() {
    let names: Vec<String> = (0..40).map(|number| format!("acme/r{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let server = server(&names);
    refuse(&server, "/acme/r0/hooks", 401);
    let ran = run(&server, true, "--workspace acme --what webhooks --json").exits_with(3);
    let unread = ran.json()["incomplete"].as_array().unwrap().len();
    assert!(unread > 20, "{unread}");
    let asked = server.requests();
    let asked = asked
        .iter()
        .filter(|request| request.path.contains("/hooks"));
    assert!(asked.count() < 20);
}

#[test]
fn a_run_that_ends_early_is_resumed() {
    let server = server(&["acme/site", "acme/api"]);
    let sandbox = Sandbox::new();
    let file = sandbox.path("audit.json");
    let arguments = format!(
        "--repo acme/site --repo acme/api --what webhooks --timeout 2 --json --resume {}",
        file.display()
    );
    let limit = Fault::new(429, &[("retry-after", "3600")], "{}");
    server.update(|state| {
        state
            .targeted_faults
            .push(("GET", "/acme/api/hooks", limit));
    });
    let first = run_in(&sandbox, &server, true, &arguments)
        .exits_with(8)
        .json();
    assert_eq!(first["incomplete"].as_array().unwrap().len(), 1);
    let kept = fs::read_to_string(&file).unwrap();
    assert!(
        kept.contains("acme/site") && !kept.contains(TOKEN),
        "{kept}"
    );
    let before = server.requests().len();
    let second = run_in(&sandbox, &server, true, &arguments)
        .exits_with(0)
        .json();
    assert_eq!(
        (&second["incomplete"], &second["repositories"]),
        (&json!([]), &json!(2))
    );
    assert_eq!(server.requests().len() - before, 1);
    assert!(!file.exists());
    fs::write(&file, "{}").unwrap();
    run_in(&sandbox, &server, true, &arguments).exits_with(2);
}

/// The jobs in the documentation continue while the file exists.
#[test]
fn the_resume_file_shows_that_something_is_left_also_where_a_finding_fails() {
    let server = server(&["acme/site", "acme/api"]);
    add_hook(&server, "acme/site", "http://ci.example.com/hook");
    let sandbox = Sandbox::new();
    let file = sandbox.path("audit.jsonl");
    let arguments = format!(
        "--workspace acme --what webhooks --timeout 2 --resume {}",
        file.display()
    );
    let limit = Fault::new(429, &[("retry-after", "3600")], "{}");
    let path = "/acme/api/hooks";
    server.update(|state| state.targeted_faults.push(("GET", path, limit)));
    let first = run_in(&sandbox, &server, true, &arguments).exits_with(1);
    assert!(file.exists());
    assert!(
        first.stderr.contains("again to continue"),
        "{}",
        first.stderr
    );
    run_in(&sandbox, &server, true, &arguments).exits_with(1);
    assert!(!file.exists());
}

#[cfg(unix)]
#[test]
fn a_run_that_is_interrupted_is_resumed() {
    let names: Vec<String> = (0..30).map(|number| format!("acme/r{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let server = server(&names);
    server.update(|state| state.delay = Duration::from_millis(100));
    let sandbox = Sandbox::new();
    let file = sandbox.path("audit.jsonl");
    let arguments = format!(
        "--workspace acme --what webhooks --json --resume {}",
        file.display()
    );
    let recorded = interrupt(&sandbox, &server, true, &arguments, 5);
    server.update(|state| {
        state.delay = Duration::ZERO;
        state.requests.clear();
    });
    let other = arguments.replace("webhooks", "keys");
    run_in(&sandbox, &server, true, &other).exits_with(2);
    let second = run_in(&sandbox, &server, true, &arguments).exits_with(0);
    assert_eq!(second.json()["repositories"], 30);
    assert_eq!(second.json()["incomplete"], json!([]));
    assert_contains(&second.stderr, "resuming the audit of");
    let asked = server.requests();
    for owner in recorded {
        let path = format!("/{owner}/hooks");
        let is_asked = asked.iter().any(|request| request.path.contains(&path));
        assert!(!is_asked, "{owner}");
    }
    assert!(!file.exists());
}

const DAY: u64 = 24 * 60 * 60 * 1000;
const RSA_1024: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDRTlI8iG/vNgVBxgYNY8x8Z5XyinlJ9lz4qt4SSsLP3rtIfgRNx0k+bzJOl4it8Q9kK4qbnDNdRlKwNt+i+c5U4Ib3nl1XZS8U4AkUWP0aSn13uNjiys6vj6QHh52piXdjUE9L93xfqz+F+pwIh7c6TfcftZLv1NITRJGVuAdQJQ==";

/// A time so many days ago, in milliseconds; a negative number is in the future.
fn days_ago(days: i64) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = u64::try_from(now.unwrap().as_millis()).unwrap();
    now.saturating_add_signed(-days * DAY.cast_signed())
}

fn rfc3339(millis: u64) -> String {
    let timestamp = jiff::Timestamp::from_millisecond(millis.cast_signed());
    timestamp.unwrap().to_string()
}

/// A key in order: new, used yesterday, read-only, in one place.
fn healthy_key(owner: &str, number: u32) -> Key {
    let mut wire = b"\0\0\0\x0bssh-ed25519\0\0\0 ".to_vec();
    wire.extend([0; 28]);
    wire.extend(number.to_be_bytes());
    let base64 = base64::engine::general_purpose::STANDARD.encode(wire);
    Key {
        owner: format!("repo {owner}"),
        id: (number + 1).to_string(),
        material: format!("ssh-ed25519 {base64}"),
        label: format!("key {number}"),
        permission: "REPO_READ".to_owned(),
        created: days_ago(10),
        comment: String::new(),
        fields: json!({
            "added_on": rfc3339(days_ago(10)), "last_used": rfc3339(days_ago(1)),
            "lastAuthenticated": days_ago(1),
        }),
    }
}

/// A webhook in order: signed, over https, verified, and its last delivery succeeded.
fn healthy_hook(number: u32, is_cloud: bool) -> Value {
    json!({
        "uuid": format!("{{{number}}}"), "id": number, "active": true, "secret": "***",
        "url": format!("https://ci.example.com/{number}"), "configuration": {"secret": "***"},
        "skip_cert_verification": false, "sslVerificationRequired": true,
        "events": [if is_cloud { "repo:push" } else { "repo:refs_changed" }],
        "statistics": {"lastSuccess": {"finish": 2000}, "lastFailure": {"finish": 1000}},
    })
}

/// The finding of each changed key and webhook, by the number of its repository.
fn plant(keys: &mut [Key], hooks: &mut [Vec<Value>], is_cloud: bool) -> Vec<(usize, &'static str)> {
    let fields = |key: &mut Key, fields: Value| {
        key.fields
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
    };
    keys[10].created = days_ago(200);
    fields(&mut keys[10], json!({"added_on": rfc3339(days_ago(200))}));
    fields(
        &mut keys[20],
        json!({"last_used": rfc3339(days_ago(100)), "lastAuthenticated": days_ago(100)}),
    );
    fields(
        &mut keys[30],
        json!({"last_used": null, "lastAuthenticated": null}),
    );
    RSA_1024.clone_into(&mut keys[40].material);
    let other = keys[60].clone();
    (keys[50].material, keys[50].id) = (other.material, other.id);
    let mut planted = vec![
        (10, "key.age warn"),
        (20, "key.unused warn"),
        (30, "key.unused unknown"),
        (40, "key.weak fail"),
        (50, "key.shared warn"),
        (60, "key.shared warn"),
    ];
    if !is_cloud {
        "REPO_WRITE".clone_into(&mut keys[70].permission);
        fields(&mut keys[80], json!({"expiryDays": 15}));
        fields(&mut keys[90], json!({"expiryDays": 5}));
        fields(&mut keys[100], json!({"warning": "unsafe key"}));
        planted.extend([
            (70, "key.write warn"),
            (80, "key.expiry warn"),
            (90, "key.expiry fail"),
            (100, "key.weak fail"),
        ]);
        hooks[110][0]["statistics"]["lastFailure"]["finish"] = json!(3000);
        planted.push((110, "webhook.failing warn"));
    }
    hooks[120][0]["url"] = json!("http://ci.example.com/120");
    hooks[130][0]["secret"] = Value::Null;
    hooks[130][0]["configuration"] = json!({});
    hooks[140][0]["skip_cert_verification"] = json!(true);
    hooks[140][0]["sslVerificationRequired"] = json!(false);
    let mut second = hooks[150][0].clone();
    (second["id"], second["uuid"]) = (json!(9000), json!("{9000}"));
    hooks[150].push(second);
    planted.extend([
        (120, "webhook.plain-http fail"),
        (130, "webhook.unsigned warn"),
        (140, "webhook.insecure warn"),
        (150, "webhook.duplicate warn"),
        (150, "webhook.duplicate warn"),
    ]);
    planted
}

/// Tokens of repositories: each has the finding that stands here, or none.
fn plant_tokens() -> (Vec<Token>, Vec<(usize, &'static str)>) {
    let token = |at: usize, permission: &str, days: Option<u64>, fields: Value| {
        let mut all = json!({"createdDate": days_ago(10), "lastAuthenticated": days_ago(1)});
        let fields = fields.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(fields);
        Token {
            owner: format!("projects/WEB/repos/r{at:04}"),
            id: format!("{at}"),
            name: format!("token {at}"),
            permissions: vec![permission.to_owned()],
            days,
            fields: all,
        }
    };
    let tokens = vec![
        token(200, "REPO_READ", Some(90), json!({})),
        token(210, "REPO_READ", None, json!({})),
        token(220, "REPO_WRITE", Some(15), json!({})),
        token(230, "REPO_READ", Some(5), json!({})),
        token(
            240,
            "REPO_READ",
            Some(90),
            json!({"lastAuthenticated": days_ago(100)}),
        ),
        token(
            250,
            "REPO_READ",
            Some(90),
            json!({"lastAuthenticated": null}),
        ),
        token(260, "REPO_ADMIN", Some(90), json!({})),
    ];
    let planted = vec![
        (210, "token.no-expiry warn"),
        (220, "token.expiry warn"),
        (230, "token.expiry fail"),
        (240, "token.unused warn"),
        (250, "token.unused unknown"),
        (260, "token.wide warn"),
    ];
    (tokens, planted)
}

fn large(is_cloud: bool, count: u32) -> (Server, Vec<(usize, &'static str)>) {
    let namespace = if is_cloud { "acme" } else { "WEB" };
    let names: Vec<String> = (0..count)
        .map(|at| format!("{namespace}/r{at:04}"))
        .collect();
    let server = server(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut keys: Vec<_> = (0..)
        .zip(&names)
        .map(|(at, name)| healthy_key(name, at))
        .collect();
    let mut hooks: Vec<_> = (0..count)
        .map(|at| vec![healthy_hook(at, is_cloud)])
        .collect();
    let mut planted = plant(&mut keys, &mut hooks, is_cloud);
    server.update(|state| {
        state.keys.all = keys;
        for (repo, hooks) in state.store.repos.iter_mut().zip(hooks) {
            repo.hooks = hooks;
        }
        if !is_cloud {
            let (tokens, faults) = plant_tokens();
            state.tokens = tokens;
            planted.extend(faults);
        }
    });
    (server, planted)
}

/// More requests than Cloud accepts in an hour.
#[test]
fn each_planted_fault_among_many_repositories_has_its_finding_and_no_other() {
    for is_cloud in [true, false] {
        check_planted_faults(is_cloud, 600);
    }
}

#[test]
#[ignore = "81 seconds in a debug build; the same with 600 repositories runs always"]
fn each_planted_fault_among_3000_repositories_has_its_finding_and_no_other() {
    for is_cloud in [true, false] {
        check_planted_faults(is_cloud, 3000);
    }
}

fn check_planted_faults(is_cloud: bool, count: u32) {
    let (server, mut planted) = large(is_cloud, count);
    let target = if is_cloud {
        "--workspace acme"
    } else {
        "--project WEB"
    };
    let arguments = format!("{target} --json");
    let ran = run(&server, is_cloud, &arguments).exits_with(1);
    let audited = ran.json();
    assert_eq!(audited["repositories"], count);
    assert_eq!(audited["incomplete"], json!([]));
    let rows = audited["items"].as_array().unwrap();
    let tokens = if is_cloud { 0 } else { 7 };
    assert_eq!(rows.len(), 2 * count as usize + 1 + tokens);
    let mut found = Vec::new();
    let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        let owner = row["owner"].as_str().unwrap();
        *owners.entry(owner).or_default() += 1;
        let number: usize = owner.split_once("/r").unwrap().1.parse().unwrap();
        for finding in row["findings"].as_array().unwrap() {
            let text = [&finding["id"], &finding["level"]].map(|one| one.as_str().unwrap());
            found.push((number, text.join(" ")));
            // The command of the finding parses.
            let next = finding["next"].as_str().unwrap();
            assert!(next.contains(&format!(" --repo {owner}")), "{next}");
            let words = shell_words::split(next).unwrap();
            let help = words.iter().skip(1).map(String::as_str).chain(["--help"]);
            Sandbox::new().run(help).exits_with(0);
        }
    }
    assert!(owners.len() == count as usize && owners.values().all(|items| *items < 4));
    let mut found: Vec<_> = found
        .iter()
        .map(|(at, text)| (*at, text.as_str()))
        .collect();
    found.sort_unstable();
    planted.sort_unstable();
    assert!(found == planted, "{:?}", found.get(..40).unwrap_or(&found));
    let hours = 2 * count / 1000;
    let announced = format!(
        "accepts 1000 an hour, so that it takes more than {hours} hour{}; pass --resume FILE",
        if hours == 1 { "" } else { "s" }
    );
    assert_eq!(ran.stderr.contains(&announced), is_cloud, "{}", ran.stderr);
    let requests = server.requests();
    assert_eq!(audited["requests"], requests.len());
    let lists = if is_cloud { 2 } else { 3 };
    assert!(requests.len() < lists * count as usize + 40);
    let paths: BTreeSet<_> = requests.iter().map(|request| &request.path).collect();
    assert_eq!(paths.len(), requests.len(), "no request is sent twice");
    let at_once = if is_cloud { 8 } else { 4 };
    server.update(|state| assert!(state.max_in_flight <= at_once, "{}", state.max_in_flight));
    #[cfg(unix)]
    {
        let sandbox = Sandbox::new();
        let resume = format!(
            "{arguments} --resume {}",
            sandbox.path("audit.jsonl").display()
        );
        let recorded = interrupt(&sandbox, &server, is_cloud, &resume, count as usize / 3);
        server.update(|state| state.requests.clear());
        let resumed = run_in(&sandbox, &server, is_cloud, &resume)
            .exits_with(1)
            .json();
        for key in ["items", "repositories", "incomplete"] {
            assert!(resumed[key] == audited[key], "{key}");
        }
        let left = lists * (count as usize + 1 - recorded.len()) + 40;
        assert!(server.requests().len() < left);
    }
}

/// Interrupts an audit once so many owners are recorded, and returns their names. The file has a part of a line then, as after
/// a crash.
#[cfg(unix)]
fn interrupt(
    sandbox: &Sandbox,
    server: &Server,
    is_cloud: bool,
    arguments: &str,
    owners: usize,
) -> Vec<String> {
    let file = sandbox.path("audit.jsonl");
    let mut command = sandbox.command(format!("audit {arguments}").split(' '));
    let mut child = command
        .env("BBCONNECT_TOKEN", TOKEN)
        .envs(server.environment(is_cloud))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let lines = || fs::read_to_string(&file).map_or(0, |text| text.lines().count());
    let deadline = Instant::now() + Duration::from_mins(5);
    while lines() <= owners {
        assert!(Instant::now() < deadline, "nothing is recorded");
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let kept = fs::read_to_string(&file).unwrap();
    assert!(!kept.contains(TOKEN));
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    let recorded: Vec<_> = kept
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .collect();
    fs::write(&file, format!("{}{{\"owner\":\"acme/", recorded.concat())).unwrap();
    let owner = |line: &&str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["owner"].as_str().unwrap().to_owned()
    };
    recorded[1..].iter().map(owner).collect()
}

#[test]
fn the_command_of_a_finding_resolves_it() {
    let server = server(&["acme/site"]);
    add_hook(&server, "acme/site", "https://ci.example.com/hook?a=1&b=2");
    let findings = |arguments: &str| {
        let audited = run(&server, true, arguments).json();
        audited["items"][0]["findings"].clone()
    };
    let unsigned = findings("--repo acme/site --what webhooks --json");
    assert_eq!(unsigned[0]["id"], "webhook.unsigned");
    let next = shell_words::split(unsigned[0]["next"].as_str().unwrap()).unwrap();
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&next[1..]);
    let environment = server.environment(true);
    command.env("BBCONNECT_TOKEN", TOKEN).envs(environment);
    command.finish().exits_with(0);
    assert_eq!(
        findings("--repo acme/site --what webhooks --json"),
        json!([])
    );
}

/// What every owner has: an old key, an unsigned and a duplicate webhook, a wide token.
fn faulty_owners(is_cloud: bool) -> Server {
    let (namespace, project) = if is_cloud {
        ("acme", "project acme/WEB")
    } else {
        ("WEB", "project WEB")
    };
    let repository = format!("{namespace}/site");
    let server = server(&[&repository]);
    let old = |owner: &str, number| {
        let mut key = healthy_key("", number);
        owner.clone_into(&mut key.owner);
        key.created = days_ago(400);
        "REPO_WRITE".clone_into(&mut key.permission);
        let dates = [days_ago(400), days_ago(1)].map(rfc3339);
        key.fields = json!({
            "added_on": dates[0], "created_on": dates[0], "last_used": dates[1],
            "lastAuthenticated": days_ago(1),
        });
        key
    };
    let token = |owner: &str| Token {
        owner: owner.to_owned(),
        id: "99".to_owned(),
        name: "wide".to_owned(),
        permissions: vec!["REPO_ADMIN".to_owned()],
        days: Some(3650),
        fields: json!({"lastAuthenticated": days_ago(1)}),
    };
    server.update(|state| {
        state.keys.all = vec![
            old(&format!("repo {repository}"), 1),
            old(project, 2),
            old("user jane", 3),
        ];
        state.tokens = vec![token("projects/WEB"), token("projects/WEB/repos/site")];
        for owner in [namespace, &repository] {
            let hooks = state.store.hooks(owner);
            for number in [4, 5] {
                let mut hook = healthy_hook(number, is_cloud);
                hook["url"] = json!("https://ci.example.com/?a=1&b='c' d");
                hook["secret"] = Value::Null;
                hook["configuration"] = json!({});
                hook["statistics"]["lastFailure"]["finish"] = json!(3000);
                hook["skip_cert_verification"] = json!(true);
                hook["sslVerificationRequired"] = json!(false);
                hooks.push(hook);
            }
        }
    });
    server
}

#[test]
fn the_commands_of_findings_run_for_every_owner() {
    for is_cloud in [true, false] {
        let server = faulty_owners(is_cloud);
        let sandbox = Sandbox::new();
        let target = if is_cloud {
            "--workspace acme --json"
        } else {
            "--project WEB --json"
        };
        let ran = run_in(&sandbox, &server, is_cloud, target).exits_with(0);
        let audited = ran.json();
        let mut commands = BTreeSet::new();
        let mut owners = BTreeSet::new();
        for row in audited["items"].as_array().unwrap() {
            for finding in row["findings"].as_array().unwrap() {
                commands.insert(finding["next"].as_str().unwrap());
                owners.insert(row["owner"].as_str().unwrap());
            }
        }
        let expected: &[&str] = if is_cloud {
            &[
                "acme/site",
                "project:acme/WEB",
                "user:jane",
                "workspace:acme",
            ]
        } else {
            &["WEB/site", "project:WEB", "user:jane"]
        };
        assert!(owners.iter().eq(expected), "{audited}");
        for next in commands {
            let words = shell_words::split(next).unwrap();
            assert_eq!(words[0], "bbconnect");
            let writes = ["remove", "edit", "ensure", "revoke"].contains(&words[2].as_str());
            let dry_run = writes.then(|| "--dry-run".to_owned());
            let mut command = sandbox.command(words[1..].iter().cloned().chain(dry_run));
            command
                .env("BBCONNECT_TOKEN", TOKEN)
                .envs(server.environment(is_cloud));
            let ran = command.finish();
            let printed = format!("{next}: {}{}", ran.stdout, ran.stderr);
            assert_eq!(ran.status, 0, "{printed}");
        }
    }
}

/// A key of the account, old and unused.
fn account_key() -> Key {
    let mut key = healthy_key("", 6);
    "user jane".clone_into(&mut key.owner);
    key.created = days_ago(400);
    key.fields = json!({
        "created_on": rfc3339(days_ago(400)), "last_used": rfc3339(days_ago(100)),
        "lastAuthenticated": days_ago(100),
    });
    key
}

#[test]
fn keys_of_the_account_are_part_of_the_keys() {
    let server = server(&["acme/site", "WEB/site"]);
    server.update(|state| state.keys.all = vec![account_key()]);
    for (is_cloud, arguments, id) in [
        (true, "--workspace acme --json", "{7}"),
        (true, "--workspace acme --project WEB --json", "{7}"),
        (false, "--project WEB --json", "7"),
        (false, "--json", "7"),
    ] {
        let audited = run(&server, is_cloud, arguments).exits_with(0).json();
        let rows = audited["items"].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{audited}");
        assert_eq!(rows[0]["owner"], "user:jane");
        // Write access is what a key of an account has.
        assert_eq!(ids(&rows[0]), ["key.age", "key.unused"]);
        let next = rows[0]["findings"][0]["next"].as_str().unwrap();
        // Shells differ in what they need quotes for.
        let words = shell_words::split(next).unwrap();
        assert_eq!(words, ["bbconnect", "key", "remove", id, "--user"]);
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(words[1..].iter().chain([&"--dry-run".to_owned()]));
        command
            .env("BBCONNECT_TOKEN", TOKEN)
            .envs(server.environment(is_cloud));
        let ran = command.finish().exits_with(0);
        assert!(ran.stdout.contains("would"), "{}", ran.stdout);
    }
    // A repository alone, and webhooks alone.
    for arguments in [
        "--repo acme/site --json",
        "--workspace acme --what webhooks --json",
    ] {
        let audited = run(&server, true, arguments).exits_with(0).json();
        assert_eq!(audited["items"], json!([]));
    }
}

#[test]
fn keys_of_an_account_that_must_not_be_read_are_not_listed() {
    let server = server(&["acme/site"]);
    server.update(|state| state.keys.all = vec![account_key()]);
    for (missing, owner) in [
        ("read:ssh-key:bitbucket", "user:jane"),
        ("read:user:bitbucket", "user:jane@acme.example"),
    ] {
        server.update(|state| {
            let scopes = [
                "read:user:bitbucket",
                "read:ssh-key:bitbucket",
                "read:repository:bitbucket",
                "admin:repository:bitbucket",
                "read:webhook:bitbucket",
            ];
            state.credentials = Credential::for_jane(TOKEN, &scopes);
            for credential in &mut state.credentials {
                credential.scopes.retain(|scope| *scope != missing);
            }
        });
        let ran = run(&server, true, "--workspace acme --json").exits_with(0);
        let note = format!("note: SSH keys of {owner} are not listed: ");
        assert_contains(&ran.stderr, &note);
        assert_contains(&ran.stderr, &format!("missing scopes: {missing};"));
        assert_eq!(ran.json()["incomplete"], json!([]));
        run(&server, true, "--repo acme/site").exits_with(0);
    }
}

#[test]
fn tokens_without_an_account_have_no_keys_of_one() {
    let server = server(&["acme/site", "WEB/site"]);
    let scopes = [
        "read:repository:bitbucket",
        "admin:repository:bitbucket",
        "REPO_ADMIN",
    ];
    server.update(|state| {
        state.keys.all = vec![account_key()];
        let workspace = Kind::AccessToken {
            workspace: "acme",
            repository: None,
        };
        let project = Kind::ProjectToken { project: "WEB" };
        state.credentials = [workspace, project]
            .map(|kind| Credential::new(kind, TOKEN, &scopes))
            .to_vec();
    });
    for (is_cloud, arguments) in [(true, "--workspace acme"), (false, "--project WEB")] {
        let sandbox = Sandbox::new();
        let words = format!("audit {arguments} --what keys --json");
        let mut command = sandbox.command(words.split(' '));
        command
            .envs(server.environment(is_cloud))
            .env_remove("BBCONNECT_EMAIL")
            .env("BBCONNECT_WORKSPACE", "acme")
            .env("BBCONNECT_TOKEN", TOKEN);
        let audited = command.finish().exits_with(0).json();
        assert_eq!(audited["items"], json!([]), "{audited}");
        assert_eq!(audited["incomplete"], json!([]), "{audited}");
        assert_eq!(audited["repositories"], 1);
    }
}

#[test]
fn other_places_of_a_key_are_asked_for_where_one_repository_is_named() {
    let server = server(&["WEB/site", "WEB/api"]);
    let shared = |owner: &str| Key {
        owner: owner.to_owned(),
        id: "7".to_owned(),
        ..healthy_key("", 7)
    };
    server.update(|state| {
        state.keys.all = vec![
            shared("repo WEB/site"),
            shared("repo WEB/api"),
            shared("project OPS"),
            healthy_key("WEB/site", 8),
        ];
    });
    let arguments = "--repo WEB/site --what keys --json";
    let audited = run(&server, false, arguments).exits_with(0).json();
    let rows = audited["items"].as_array().unwrap();
    assert_eq!(ids(&rows[0]), ["key.shared"]);
    assert_eq!(
        rows[0]["findings"][0]["evidence"],
        "also in WEB/api, project:OPS"
    );
    assert_eq!(ids(&rows[1]), [] as [&str; 0]);
    refuse(&server, "/ssh/9/repos", 404);
    let audited = run(&server, false, arguments).exits_with(0).json();
    assert_eq!(audited["items"][1]["findings"][0]["level"], "unknown");
    // A project is read whole: which keys are the same is seen without more requests.
    let before = server.requests().len();
    run(&server, false, "--project WEB --what keys").exits_with(0);
    assert!(
        server.requests()[before..]
            .iter()
            .all(|request| !request.path.contains("/ssh/7"))
    );
}

#[test]
fn tokens_of_repositories_and_projects_are_checked() {
    let server = server(&["WEB/site"]);
    let token = |owner: &str, name: &str, permission: &str, days| Token {
        owner: owner.to_owned(),
        id: "9".to_owned(),
        name: name.to_owned(),
        permissions: vec![permission.to_owned()],
        days,
        ..Token::default()
    };
    server.update(|state| {
        state.tokens = vec![
            token("projects/WEB", "ci", "PROJECT_READ", None),
            token("projects/WEB/repos/site", "admin", "REPO_ADMIN", Some(3650)),
            token("projects/WEB/repos/site", "old", "REPO_READ", Some(1)),
        ];
    });
    let arguments = "--project WEB --what tokens --unused 3650d --json";
    let audited = run(&server, false, arguments).exits_with(1).json();
    let rows = audited["items"].as_array().unwrap();
    let found: Vec<_> = rows.iter().map(ids).collect();
    assert_eq!(
        found,
        [["token.wide"], ["token.expiry"], ["token.no-expiry"]]
    );
    assert_eq!(
        rows[2]["findings"][0]["next"],
        "bbconnect token revoke 9 --project WEB"
    );
}

const ORGANIZATION_KEY: &str = "ATCTT-organization-marker";

/// The API of organizations: three tokens on two pages, for its own key alone.
fn organization() -> Responder {
    let token = |label: &str, email: &str, expires_in: i64| {
        json!({
            "id": label, "label": label, "status": "ALLOWED", "createdAt": rfc3339(days_ago(30)),
            "expiresAt": rfc3339(days_ago(-expires_in)), "lastActiveAt": rfc3339(days_ago(2)),
            "user": {"id": "1", "orgId": "org-1", "name": "Jane", "email": email},
        })
    };
    let next = "/admin/api-access/v1/orgs/org-1/api-tokens?cursor=2";
    let first = json!({
        "data": [token("laptop", "jane@acme.example", 200), token("Work", "Jane@acme.example", 100)],
        "links": {"self": "x", "next": next},
    });
    let second = json!({"data": [token("ci", "bob@acme.example", 5)], "links": {"self": "x"}});
    Responder::start(move |head| {
        let headers = ["content-type: application/json"];
        let authorization = format!("authorization: bearer {}", ORGANIZATION_KEY.to_lowercase());
        if !head.headers.to_lowercase().contains(&authorization) {
            return response(401, &headers, r#"{"message": "Unauthorized"}"#);
        }
        match () {
            () if head.has("/orgs/org-1/api-tokens?cursor=2") => {
                response(200, &headers, &second.to_string())
            }
            () if head.has("/orgs/org-1/api-tokens") => response(200, &headers, &first.to_string()),
            () if head.has("/orgs/org-2/api-tokens") => {
                let elsewhere = json!({"data": [], "links": {"next": "https://example.com/"}});
                response(200, &headers, &elsewhere.to_string())
            }
            () => response(404, &headers, r#"{"message": "Not found"}"#),
        }
    })
}

/// The arguments for that organization, with the key in a file.
fn of_organization(sandbox: &Sandbox, api: &Responder) -> String {
    let file = sandbox.path("organization-key");
    if !file.exists() {
        fs::write(&file, ORGANIZATION_KEY).unwrap();
    }
    format!(
        "--org org-1 --org-token-file {} --org-url {} --json",
        file.display(),
        api.datacenter()
    )
}

#[test]
fn api_tokens_of_an_organization_are_listed_and_fill_expiry_dates() {
    let (api, sandbox) = (organization(), Sandbox::new());
    let config = sandbox.path(".config/bbconnect");
    fs::create_dir_all(&config).unwrap();
    let connection = |name: &str, email: &str| {
        format!(
            "[connections.{name}]\ndeployment = \"cloud\"\nbase_url = \"https://api.bitbucket.org/2.0\"\n\
             auth = \"api-token\"\nemail = \"{email}\"\nstore = \"keyring\"\n"
        )
    };
    let saved = [
        connection("work", "jane@acme.example"),
        connection("bob", "BOB@acme.example"),
        connection("other", "jane@acme.example"),
    ];
    let file = config.join("connections.toml");
    fs::write(&file, saved.concat()).unwrap();
    let arguments = of_organization(&sandbox, &api);
    let audit = |more: &str| {
        let words = format!("audit --what tokens {arguments}{more}");
        let ran = sandbox.run(words.split(' '));
        assert!(!ran.stdout.contains(ORGANIZATION_KEY) && !ran.stderr.contains(ORGANIZATION_KEY));
        ran
    };
    let ran = audit("").exits_with(0);
    let audited = ran.json();
    let rows = audited["items"].as_array().unwrap();
    let found: Vec<_> = rows
        .iter()
        .map(|row| (row["owner"].as_str().unwrap(), ids(row)))
        .collect();
    assert_eq!(
        found,
        [
            ("user:jane@acme.example", vec![]),
            ("user:Jane@acme.example", vec![]),
            ("user:bob@acme.example", vec!["token.expiry"])
        ]
    );
    assert_eq!(audited["requests"], 2);
    let dates = |audited: &Value| {
        let dates = audited["expiry_dates"].as_array().unwrap().iter();
        let parts = |date: &Value| {
            ["connection", "token", "action"].map(|key| date[key].as_str().unwrap().to_owned())
        };
        dates.map(parts).collect::<Vec<_>>()
    };
    // The only token of the account, and the one with the name of the connection.
    assert_eq!(
        dates(&audited),
        [
            ["work", "Work", "would-update"],
            ["bob", "ci", "would-update"]
        ]
    );
    assert_contains(&ran.stderr, "pass --set-expiry");
    assert_contains(&ran.stderr, "bbconnect connection edit other --expires");
    assert_eq!(fs::read_to_string(&file).unwrap(), saved.concat());
    let updated = audit(" --set-expiry").exits_with(0).json();
    assert_eq!(
        dates(&updated),
        [["work", "Work", "updated"], ["bob", "ci", "updated"]]
    );
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches("expires_on = ").count(), 2, "{text}");
    assert!(dates(&audit(" --set-expiry").exits_with(0).json()).is_empty());
}

#[test]
fn the_key_of_an_organization_goes_to_its_own_origin_alone() {
    let (api, sandbox) = (organization(), Sandbox::new());
    let server = server(&["acme/site"]);
    let arguments = of_organization(&sandbox, &api);
    let both = format!("--repo acme/site {arguments}");
    let audited = run_in(&sandbox, &server, true, &both).exits_with(0).json();
    assert_eq!(audited["items"].as_array().unwrap().len(), 3);
    assert_eq!(audited["repositories"], 1);
    for request in server.requests() {
        let authorization = request.authorization.unwrap();
        assert!(authorization.starts_with("Basic "), "{authorization}");
    }
    assert_eq!(api.requests().len(), 2);
    run_in(&sandbox, &server, false, &both).exits_with(2);
    for (arguments, exit, text) in [
        (
            arguments.replace("org-1", "org-2"),
            8,
            "next page on another server",
        ),
        (arguments.replace("org-1", "org-3"), 5, "not found"),
        (
            arguments.replace("--org-token-file", "--org-token-stdin --org-token-file"),
            2,
            "",
        ),
        ("--org org-1".to_owned(), 2, "--org-token-stdin"),
        (
            "--org org-1 --org-token-command echo:ATCTT3xFfGF0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                .to_owned(),
            2,
            "",
        ),
    ] {
        let words = format!("audit --what tokens {arguments}");
        let ran = sandbox.run(words.split(' ')).exits_with(exit);
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        assert!(printed.contains(text), "{printed}");
    }
    fs::write(sandbox.path("organization-key"), "wrong-organization-key").unwrap();
    let words = format!("audit --what tokens {arguments}");
    let ran = sandbox.run(words.split(' ')).exits_with(3);
    assert_contains(&ran.stdout, "read:tokens:admin");
    assert!(!ran.stdout.contains("wrong-organization-key"));
}

#[test]
fn each_format_has_every_item() {
    let server = server(&["acme/site", "acme/api"]);
    add_hook(&server, "acme/site", "http://ci.example.com/a,b|c");
    for (format, text) in [
        ("text", "1 item in 2 repositories: 1 failed"),
        (
            "csv",
            "webhook,acme/site,{1},\"http://ci.example.com/a,b|c\"",
        ),
        (
            "junit",
            "<testsuite name=\"acme/site\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\">",
        ),
        (
            "markdown",
            "| acme/site | webhook http://ci.example.com/a,b\\|c | fail |",
        ),
    ] {
        let repos = "--repo acme/site --repo acme/api";
        let arguments = format!("{repos} --what webhooks --format {format}");
        let printed = run(&server, true, &arguments).exits_with(1).stdout;
        assert!(printed.contains(text), "{format}: {printed}");
    }
}

#[test]
fn a_junit_report_counts_its_tests_and_has_what_could_not_be_read() {
    let server = server(&["acme/site", "acme/api"]);
    add_hook(&server, "acme/site", "https://ci.example.com/<hook>");
    let report = |arguments: &str, exit: i32| {
        let arguments = format!("{arguments} --what webhooks --format junit");
        let printed = run(&server, true, &arguments).exits_with(exit).stdout;
        let number = |name: &str| {
            let (_, after) = printed.split_once(&format!(" {name}=\"")).unwrap();
            after.split_once('"').unwrap().0.parse::<usize>().unwrap()
        };
        let count = |element: &str| printed.matches(&format!("<{element} ")).count();
        assert_eq!(number("tests"), count("testcase"), "{printed}");
        assert_eq!(number("failures"), count("failure"), "{printed}");
        assert_eq!(number("errors"), count("error"), "{printed}");
        assert!(!printed.contains("<hook>"), "{printed}");
        (count("testcase"), count("failure"), count("error"))
    };
    // A report without tests is an error to Jenkins.
    assert_eq!(report("--repo acme/api", 0), (1, 0, 0));
    assert_eq!(report("--repo acme/site", 0), (2, 0, 0));
    assert_eq!(report("--repo acme/site --strict", 11), (2, 1, 0));
    refuse(&server, "/acme/api/hooks", 403);
    assert_eq!(report("--workspace acme", 4), (2, 0, 1));
}
