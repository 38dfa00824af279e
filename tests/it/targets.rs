//! Which repository a command acts on: renamed and archived repositories, on both products.

use serde_json::{Value, json};

use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Fault, Kind, Server, ServerState, git};
use crate::support::{CommandExt as _, RunOutput, Sandbox, assert_contains, words};

const TOKEN: &str = "token-of-jane-marker";
const URL: &str = "https://ci.example.com/hook";

/// A product, with the former and the current name of a repository that was renamed.
struct Product {
    is_cloud: bool,
    former: &'static str,
    current: &'static str,
}

const CLOUD: Product = Product {
    is_cloud: true,
    former: "acme/old-name",
    current: "acme/web-app",
};
const DATA_CENTER: Product = Product {
    is_cloud: false,
    former: "OLD/old-name",
    current: "PRJ/web-app",
};

const ALL_SCOPES: [&str; 10] = [
    "read:user:bitbucket",
    "read:repository:bitbucket",
    "write:repository:bitbucket",
    "admin:repository:bitbucket",
    "read:webhook:bitbucket",
    "write:webhook:bitbucket",
    "read:ssh-key:bitbucket",
    "write:ssh-key:bitbucket",
    "admin:pipeline:bitbucket",
    "REPO_ADMIN",
];

/// A server on which both repositories were renamed.
fn server() -> Server {
    let mut store = RepoStore::with(&["acme/web-app+", "PRJ/web-app+"]);
    for name in ["acme/web-app", "PRJ/web-app"] {
        store.push(name, "feature", "Feature", ("a.txt", b"a"));
    }
    Server::start(ServerState {
        credentials: Credential::for_jane(TOKEN, &ALL_SCOPES),
        renames: vec![
            (CLOUD.former, CLOUD.current),
            (DATA_CENTER.former, DATA_CENTER.current),
        ],
        store,
        page_length: 100,
        reports_missing_repositories: true,
        ..ServerState::default()
    })
}

impl Product {
    fn run(&self, server: &Server, sandbox: &Sandbox, arguments: &[&str]) -> RunOutput {
        let mut command = sandbox.command(arguments);
        command
            .env("BBCONNECT_TOKEN", TOKEN)
            .envs(server.environment(self.is_cloud));
        command.finish()
    }

    /// The path of a repository and below it.
    fn path(&self, name: &str) -> String {
        let (namespace, slug) = name.split_once('/').unwrap();
        if self.is_cloud {
            format!("/repositories/{name}")
        } else {
            format!("/projects/{namespace}/repos/{slug}")
        }
    }
}

/// The requests that are not reads, as method and path.
fn writes(server: &Server) -> Vec<(String, String)> {
    let requests = server.requests().into_iter();
    let writes = requests.filter(|request| request.method != "GET");
    writes
        .map(|request| (request.method, request.path))
        .collect()
}

fn key(sandbox: &Sandbox) -> String {
    let path = sandbox.path("id_test");
    let path = path.to_str().unwrap().to_owned();
    if !sandbox.path("id_test").exists() {
        let keygen = ["keygen", "--type", "ed25519", "--out", &path];
        sandbox.run(keygen).exits_with(0);
    }
    path
}

#[test]
fn commands_act_on_a_renamed_repository_under_its_current_name() {
    for product in [CLOUD, DATA_CENTER] {
        let sandbox = Sandbox::new();
        let server = server();
        let key = key(&sandbox);
        let run = |arguments: &[&str]| product.run(&server, &sandbox, arguments);
        let ensure = ["webhook", "ensure", "--url", URL, "--event", "push"];
        let remove = ["webhook", "remove", "--url", URL, "--yes"];
        let create = ["pr", "create", "--source", "feature", "--title", "Feature"];
        let add = ["key", "add", "--key", &key];
        for (arguments, is_write) in [
            (&ensure[..], true),
            (&["webhook", "list"], false),
            (&remove[..], true),
            (&create[..], true),
            (&["pr", "list"], false),
            (&add[..], true),
            (&["key", "list"], false),
        ] {
            let before = writes(&server).len();
            let arguments = [arguments, &["--repo", product.former, "--json"]].concat();
            if is_write {
                let dry = [&arguments[..], &["--dry-run"]].concat();
                let dry = run(&dry).exits_with(0).json();
                assert_eq!(dry["repository"], product.current, "{arguments:?}");
                assert_eq!(writes(&server).len(), before, "{arguments:?}");
            }
            let done = run(&arguments).exits_with(0).json();
            assert_eq!(done["repository"], product.current, "{arguments:?}: {done}");
            let new = writes(&server).split_off(before);
            assert_eq!(new.len(), usize::from(is_write), "{new:?}");
            let path = product.path(product.current);
            assert!(new.iter().all(|(_, sent)| sent.contains(&path)), "{new:?}");
        }
        let text = run(&["webhook", "list", "--repo", product.former]).exits_with(0);
        let expected = format!("{} (renamed from {})", product.current, product.former);
        assert!(text.stderr.contains(&expected), "{}", text.stderr);
    }
}

/// The same for what is recorded: in a connection, a clone, or an inventory.
#[test]
fn what_is_recorded_of_a_renamed_repository_has_its_current_name() {
    for product in [CLOUD, DATA_CENTER] {
        let sandbox = Sandbox::new();
        let server = server();
        let dir = tempfile::tempdir().unwrap();
        // Data Center has lower-case names in its URLs of git.
        let bare = if product.is_cloud {
            "acme/web-app"
        } else {
            "prj/web-app"
        };
        let has_git = cfg!(unix);
        if has_git {
            git::create(dir.path(), bare, &["feature"]);
            server.update(|state| state.store.git = Some(dir.path().to_owned()));
        }
        let key = key(&sandbox);
        let (url, auth) = if product.is_cloud {
            (
                server.cloud(),
                &["--auth", "api-token", "--email", "jane@acme.example"][..],
            )
        } else {
            (server.datacenter(), &["--auth", "http-access-token"][..])
        };
        let print = format!("echo {TOKEN}");
        let add = [
            "connection",
            "add",
            "work",
            "--url",
            &url,
            "--token-command",
            &print,
        ];
        let run = |arguments: &[&str]| {
            let ran = sandbox.run([arguments, &["--json"]].concat());
            let (stdout, stderr) = (ran.stdout.clone(), ran.stderr.clone());
            assert_eq!(ran.status, 0, "{arguments:?}: {stdout}{stderr}");
            ran.json()
        };
        let slug = &run(&[&add[..], auth, &["--repo", product.former]].concat())["connection"]["repository"];
        assert_eq!(slug, "web-app");
        let selected = run(&["repo", "select", product.former]);
        assert_eq!(selected["action"], "unchanged", "{selected}");
        let viewed = run(&["repo", "view", product.former]);
        assert_eq!(viewed["repository"], product.current, "{viewed}");
        let shown = sandbox
            .run(["repo", "view", product.former])
            .exits_with(0)
            .stdout;
        let renamed = format!("{} (renamed from {})", product.current, product.former);
        assert!(shown.contains(&renamed), "{shown}");
        run(&["key", "add", "--key", &key, "--repo", product.former]);
        let audited = run(&["audit", "--repo", product.former, "--what", "keys"]);
        assert_eq!(audited["items"][0]["owner"], product.current, "{audited}");
        if !has_git {
            continue;
        }
        std::fs::create_dir(sandbox.path("site")).unwrap();
        std::fs::write(sandbox.path("site/a.txt"), "a").unwrap();
        let publish = ["publish", "site", "--repo", product.former];
        for more in [&["--dry-run"][..], &[]] {
            let published = run(&[&publish[..], more].concat());
            assert_eq!(published["repository"], product.current, "{published}");
        }
        let cloned = run(&["repo", "clone", product.former, "clone"]);
        assert_eq!(cloned["repository"], product.current, "{cloned}");
        let mut recorded = crate::support::program("git");
        recorded.args([
            "config",
            "--get-regexp",
            "bbconnect.repository|remote.origin.url",
        ]);
        let recorded = crate::support::check_output(recorded.current_dir(sandbox.path("clone")));
        assert!(recorded.contains(product.current), "{recorded}");
        assert!(!recorded.contains("old-name"), "{recorded}");
        if product.is_cloud {
            std::fs::write(sandbox.path("value"), "value").unwrap();
            for command in [
                "pipelines variable set KEY --value-file value",
                "pipelines variable list",
                "pipelines variable remove KEY --yes",
                "pipelines ssh-key ensure",
                "pipelines ssh-key show",
                "pipelines ssh-key remove --yes",
                "pipelines known-host ensure bitbucket.org",
                "pipelines known-host list",
                "pipelines known-host remove bitbucket.org --yes",
            ] {
                let words: Vec<&str> = command.split(' ').collect();
                let done = run(&[&words[..], &["--repo", product.former]].concat());
                assert_eq!(done["repository"], product.current, "{command}: {done}");
            }
        }
        let writes = writes(&server);
        assert!(
            writes.iter().all(|(_, sent)| !sent.contains("old-name")),
            "{writes:?}"
        );
    }
}

/// Tokens are created with a password.
#[test]
fn tokens_of_a_renamed_repository_are_those_of_its_current_name() {
    let (server, sandbox) = (server(), Sandbox::new());
    server.update(|state| {
        state.credentials.push(Credential {
            kind: Kind::Password { user: "jane" },
            secret: "password-marker".to_owned(),
            scopes: vec!["REPO_ADMIN"],
        });
    });
    let run = |arguments: &[&str]| {
        let repo = ["--repo", DATA_CENTER.former, "--json"];
        let mut command = sandbox.command([&["token"], arguments, &repo].concat());
        command
            .env("BBCONNECT_URL", server.datacenter())
            .env("BBCONNECT_TOKEN", "password-marker")
            .env("BBCONNECT_USERNAME", "jane");
        command.finish().exits_with(0).json()
    };
    for command in [
        &["create", "ci", "--for", "webhook", "--dry-run"][..],
        &["create", "ci", "--for", "webhook"],
        &["list"],
        &["revoke", "ci", "--dry-run"],
        &["revoke", "ci", "--yes"],
    ] {
        let done = run(command);
        assert_eq!(
            done["repository"], DATA_CENTER.current,
            "{command:?}: {done}"
        );
    }
    let sent = writes(&server);
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(
        sent.iter()
            .all(|(_, path)| path.contains("/projects/PRJ/repos/web-app")),
        "{sent:?}"
    );
}

#[test]
fn check_evaluates_the_repository_that_the_server_returned() {
    for product in [CLOUD, DATA_CENTER] {
        let sandbox = Sandbox::new();
        let server = server();
        let check = format!("check --for write --repo {} --json", product.former);
        let check = words(&check);
        let checked = product.run(&server, &sandbox, &check).exits_with(0).json();
        let connection = &checked["connections"][0];
        assert_eq!(connection["repository"], product.current, "{connection}");
        let findings = connection["findings"].as_array().unwrap();
        let renamed = findings
            .iter()
            .find(|finding| finding["id"] == "repository.renamed");
        let renamed = renamed.unwrap();
        assert_eq!(renamed["level"], "warn");
        let next = format!("pass --repo {}", product.current);
        assert_eq!(renamed["next"], next.as_str());
        let current = ["check", "--repo", product.current, "--json"];
        let current = product.run(&server, &sandbox, &current).exits_with(0);
        assert!(!current.stdout.contains("repository.renamed"));
    }
}

/// A Data Center may answer under the former name, with the current one in the body.
#[test]
fn the_name_in_the_body_counts_as_well() {
    let sandbox = Sandbox::new();
    let server = server();
    server.update(|state| state.renames.clear());
    let under_former_name = |server: &Server| {
        let body = json!({"slug": "web-app", "project": {"key": "PRJ"}, "public": false});
        let fault = Fault::new(
            200,
            &[("content-type", "application/json")],
            body.to_string(),
        );
        let path = "/projects/OLD/repos/old-name";
        server.update(|state| state.targeted_faults.push(("GET", path, fault)));
    };
    under_former_name(&server);
    let ensure = format!(
        "webhook ensure --url {URL} --event push --repo {} --json",
        DATA_CENTER.former
    );
    let ensure = words(&ensure);
    let done = DATA_CENTER.run(&server, &sandbox, &ensure).exits_with(0);
    assert_eq!(done.json()["repository"], DATA_CENTER.current);
    let path = DATA_CENTER.path(DATA_CENTER.current);
    assert!(writes(&server).iter().all(|(_, sent)| sent.contains(&path)));
}

#[test]
fn other_redirects_of_a_write_are_refused() {
    let sandbox = Sandbox::new();
    let server = server();
    server.update(|state| state.renames.clear());
    let path = "/repositories/acme/web-app/hooks";
    let ensure = format!("webhook ensure --url {URL} --event push --repo acme/web-app --json");
    let ensure = words(&ensure);
    let own = format!("{}{path}", server.cloud());
    let forks = format!("{}/repositories/acme/other/forks", server.cloud());
    for (status, location, exit) in [
        (301, own.as_str(), 8),
        (301, &forks, 8),
        (
            301,
            "https://elsewhere.example.com/2.0/repositories/acme/other/hooks",
            8,
        ),
        (303, "/2.0/repositories/acme/other/hooks", 8),
    ] {
        let fault = Fault::new(status, &[("location", location)], "");
        server.update(|state| state.targeted_faults.push(("POST", path, fault)));
        let before = writes(&server).len();
        CLOUD.run(&server, &sandbox, &ensure).exits_with(exit);
        assert_eq!(writes(&server).len(), before + 1, "{location}");
    }
}

/// The user wrote the URL of `api`, so a write is not repeated at another one.
#[test]
fn api_names_the_new_url_of_a_renamed_repository() {
    for product in [CLOUD, DATA_CENTER] {
        let (server, sandbox) = (server(), Sandbox::new());
        let path = product.path(product.former);
        let path = path.trim_start_matches('/');
        let read = product.run(&server, &sandbox, &["api", "GET", path]);
        assert_contains(&read.exits_with(0).stdout, "web-app");
        let write = product.run(&server, &sandbox, &["api", "DELETE", path, "--json"]);
        let error = write.exits_with(6).json()["error"].clone();
        let hint = error["hint"].as_str().unwrap();
        assert!(hint.ends_with(&product.path(product.current)), "{hint}");
        assert_eq!(writes(&server).len(), 1);
    }
}

#[test]
fn nothing_is_created_under_the_former_name_of_a_repository() {
    let (server, sandbox) = (server(), Sandbox::new());
    let create = ["repo", "create", CLOUD.former, "--json"];
    let ran = CLOUD.run(&server, &sandbox, &create).exits_with(6);
    let error = ran.json()["error"].clone();
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(CLOUD.current), "{message}");
    assert_eq!(
        error["hint"],
        "run `bbconnect repo view acme/web-app`, or choose another name"
    );
    assert_eq!(writes(&server).len(), 1);
}

#[test]
fn projects_that_were_renamed_are_named_and_not_changed() {
    let (server, sandbox) = (server(), Sandbox::new());
    let key = key(&sandbox);
    let path = "/rest/keys/latest/projects/OLD/ssh";
    for method in ["GET", "POST"] {
        let location = format!("{}{}", server.datacenter(), path.replace("OLD", "PRJ"));
        let fault = Fault::new(301, &[("location", &location)], "");
        server.update(|state| state.targeted_faults.push((method, path, fault)));
    }
    let add = ["key", "add", "--key", &key, "--project", "OLD", "--json"];
    let ran = DATA_CENTER.run(&server, &sandbox, &add).exits_with(6);
    assert_eq!(ran.json()["error"]["hint"], "pass --project PRJ");
}

#[test]
fn archived_repositories_are_read_only() {
    let sandbox = Sandbox::new();
    let server = server();
    let key = key(&sandbox);
    std::fs::create_dir(sandbox.path("site")).unwrap();
    std::fs::write(sandbox.path("site/a.txt"), "a").unwrap();
    server.update(|state| {
        state.store.repo("PRJ", "web-app").unwrap().archived = Some(true);
    });
    let run = |arguments: &[&str]| DATA_CENTER.run(&server, &sandbox, arguments);
    let repo = ["--repo", DATA_CENTER.current, "--json"];
    let ensure = ["webhook", "ensure", "--url", URL, "--event", "push"];
    let create = ["pr", "create", "--source", "feature", "--title", "Feature"];
    let add = ["key", "add", "--key", &key];
    let edit = ["key", "edit", "1", "--access", "write"];
    for arguments in [&ensure[..], &create, &add, &edit, &["publish", "site"]] {
        for dry_run in [&["--dry-run"][..], &[]] {
            let refused = run(&[arguments, &repo, dry_run].concat()).exits_with(1);
            let message = refused.json()["error"]["message"].clone();
            let message = message.as_str().unwrap();
            assert_contains(&message, "PRJ/web-app is archived");
        }
    }
    let url = format!("{}/scm/prj/web-app.git", server.datacenter());
    let connect = run(&["connect", &url, "--write", "--dry-run", "--json"]).exits_with(1);
    assert_contains(&connect.stdout, "is archived");
    assert!(writes(&server).is_empty(), "{:?}", writes(&server));
    let all = format!("webhook ensure --url {URL} --event push --all --project PRJ");
    let all = words(&all);
    let all = run(&[&all[..], &["--json"]].concat()).exits_with(0).json();
    assert_eq!(all["repositories"][0]["action"], "skipped", "{all}");
    for (purpose, exit, level) in [
        ("read", 0, "pass"),
        ("write", 1, "fail"),
        ("pull-request", 1, "fail"),
        ("webhook", 1, "fail"),
        ("deploy-key", 1, "fail"),
    ] {
        let checked = run(&[&["check", "--for", purpose], &repo[..]].concat()).exits_with(exit);
        let checked = checked.json();
        let findings = checked["connections"][0]["findings"].as_array().unwrap();
        let archived: Vec<&Value> = findings
            .iter()
            .filter(|finding| finding["id"] == "repository.archived")
            .map(|finding| &finding["level"])
            .collect();
        assert_eq!(archived, [level], "{purpose}");
    }
    let view = run(&["repo", "view", DATA_CENTER.current, "--json"]).exits_with(0);
    assert_eq!(view.json()["archived"], true);
    let list = run(&["repo", "list", "--all", "--json"]).exits_with(0);
    assert_eq!(list.json()["repositories"][0]["archived"], Value::Null);
    assert_eq!(list.json()["repositories"][1]["archived"], true);
    let cloud = CLOUD.run(
        &server,
        &sandbox,
        &["repo", "view", "acme/web-app", "--json"],
    );
    assert_eq!(cloud.exits_with(0).json()["archived"], Value::Null);
}

/// A key or webhook of an archived repository may have to go. Where the server refuses it, it is said what to do.
#[test]
fn a_removal_that_an_archived_repository_refuses_is_explained() {
    let (server, sandbox) = (server(), Sandbox::new());
    let key = key(&sandbox);
    let run = |arguments: &[&str]| {
        let repo = ["--repo", DATA_CENTER.current, "--json"];
        DATA_CENTER.run(&server, &sandbox, &[arguments, &repo].concat())
    };
    run(&["key", "add", "--key", &key]).exits_with(0);
    run(&["webhook", "ensure", "--url", URL, "--event", "push"]).exits_with(0);
    server.update(|state| {
        state.store.repo("PRJ", "web-app").unwrap().archived = Some(true);
    });
    let keys = run(&["key", "list"]).exits_with(0).json();
    let id = keys["keys"][0]["id"].to_string().replace('"', "");
    let body = r#"{"errors":[{"message":"The repository PRJ/web-app is archived and cannot be changed."}]}"#;
    let remove = ["webhook", "remove", "--url", URL, "--yes"];
    for (arguments, path) in [
        (&["key", "remove", &id, "--yes"][..], "/ssh/"),
        (&remove, "/webhooks/"),
    ] {
        for (status, exit) in [(403, 4), (409, 6)] {
            let fault = Fault::new(status, &[("content-type", "application/json")], body);
            server.update(|state| state.targeted_faults.push(("DELETE", path, fault)));
            let error = run(arguments).exits_with(exit).json()["error"].clone();
            assert_contains(error["message"].as_str().unwrap(), "is archived");
            assert_contains(error["hint"].as_str().unwrap(), "unarchive");
        }
        // A name is no reason.
        let other = r#"{"errors":[{"message":"You may not change PRJ/archived-site."}]}"#;
        let fault = Fault::new(403, &[("content-type", "application/json")], other);
        server.update(|state| state.targeted_faults.push(("DELETE", path, fault)));
        let refused = run(arguments).exits_with(4);
        assert!(!refused.stdout.contains("unarchive"), "{}", refused.stdout);
        run(arguments).exits_with(0);
    }
}

/// Two accounts on both products, three checkouts with two repositories, and every way to name a connection: each command
/// sends its requests as the account, and for the repository, that its output names.
#[cfg(unix)]
mod checkouts {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::support::bitbucket::{RecordedRequest, basic};
    use crate::support::{check_output, is_installed, program};

    const BOT_TOKEN: &str = "token-of-bot-marker";

    /// A product of the fake server, with the repositories of the clone and of its submodule.
    struct Place {
        is_cloud: bool,
        outer: &'static str,
        inner: &'static str,
    }

    const PLACES: [Place; 2] = [
        Place {
            is_cloud: true,
            outer: "acme/outer",
            inner: "acme/inner",
        },
        Place {
            is_cloud: false,
            outer: "PRJ/outer",
            inner: "PRJ/inner",
        },
    ];

    impl Place {
        /// The clone URL of a repository.
        fn url(&self, server: &Server, name: &str) -> String {
            if self.is_cloud {
                format!("{}/{name}.git", server.website())
            } else {
                let base = server.datacenter();
                format!("{base}/scm/{}.git", name.to_lowercase())
            }
        }

        fn add_connections(&self, server: &Server, sandbox: &Sandbox) {
            for (name, token, email) in [
                ("jane", TOKEN, "jane@acme.example"),
                ("bot", BOT_TOKEN, "bot@acme.example"),
            ] {
                let file = sandbox.path(name);
                fs::write(&file, token).unwrap();
                let print = format!("cat {}", file.display());
                let url = if self.is_cloud {
                    server.cloud()
                } else {
                    server.datacenter()
                };
                let add = ["connection", "add", name, "--url", &url];
                let secret = ["--token-command", &print];
                let auth = if self.is_cloud {
                    &[
                        "--auth",
                        "api-token",
                        "--email",
                        email,
                        "--workspace",
                        "acme",
                    ][..]
                } else {
                    &["--auth", "http-access-token", "--project", "PRJ"]
                };
                sandbox
                    .run([&add[..], &secret, auth].concat())
                    .exits_with(0);
            }
        }
    }

    fn server() -> Server {
        let mut credentials = Credential::for_jane(TOKEN, &ALL_SCOPES);
        let email = "bot@acme.example";
        for kind in [Kind::ApiToken { email }, Kind::UserToken { user: "bot" }] {
            credentials.push(Credential::new(kind, BOT_TOKEN, &ALL_SCOPES));
        }
        let names = ["acme/outer+", "acme/inner+", "PRJ/outer+", "PRJ/inner+"];
        let mut store = RepoStore::with(&names);
        for name in names {
            store.push(
                name.trim_end_matches('+'),
                "feature",
                "Feature",
                ("a", b"a"),
            );
        }
        Server::start(ServerState {
            credentials,
            store,
            page_length: 100,
            reports_missing_repositories: true,
            ..ServerState::default()
        })
    }

    fn git(dir: &Path, sandbox: &Sandbox, arguments: &[&str]) {
        let identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"];
        let local = ["-c", "protocol.file.allow=always"];
        let mut git = program("git");
        git.args(identity)
            .args(local)
            .args(arguments)
            .current_dir(dir)
            .env("HOME", sandbox.home())
            .env("GIT_CONFIG_NOSYSTEM", "1");
        check_output(&mut git);
    }

    /// A clone, a worktree of it, and a submodule in it.
    fn create_checkouts(place: &Place, server: &Server, sandbox: &Sandbox) {
        let commit = ["commit", "--quiet", "--allow-empty", "--message", "First"];
        for name in ["clone", "other"] {
            git(sandbox.home(), sandbox, &["init", "--quiet", name]);
            git(&sandbox.path(name), sandbox, &commit);
        }
        let clone = sandbox.path("clone");
        let other = sandbox.path("other");
        let other = other.to_str().unwrap();
        git(
            &clone,
            sandbox,
            &["submodule", "--quiet", "add", other, "sub"],
        );
        let outer = place.url(server, place.outer);
        git(&clone, sandbox, &["remote", "add", "origin", &outer]);
        git(&clone, sandbox, &["worktree", "add", "--quiet", "../tree"]);
        let inner = place.url(server, place.inner);
        let set_url = ["remote", "set-url", "origin", &inner];
        git(&clone.join("sub"), sandbox, &set_url);
    }

    /// The repository in the path of a request.
    fn repository(path: &str) -> Option<String> {
        let path = path.split('?').next().unwrap();
        let part = |rest: &str, index| rest.split('/').nth(index).map(str::to_owned);
        if let Some((_, rest)) = path.split_once("/repositories/") {
            return Some(format!("{}/{}", part(rest, 0)?, part(rest, 1)?));
        }
        let (_, rest) = path.split_once("/projects/")?;
        (part(rest, 1)? == "repos")
            .then(|| Some(format!("{}/{}", part(rest, 0)?, part(rest, 2)?)))?
    }

    fn secret(request: &RecordedRequest) -> Option<String> {
        let header = request.authorization.as_deref()?;
        match header.strip_prefix("Bearer ") {
            Some(token) => Some(token.to_owned()),
            None => basic(Some(header)).map(|(_, secret)| secret),
        }
    }

    #[test]
    fn requests_are_those_of_the_repository_and_the_account_that_the_output_names() {
        if !is_installed("git", "--version") {
            return;
        }
        for place in PLACES {
            let (server, sandbox) = (server(), Sandbox::new());
            place.add_connections(&server, &sandbox);
            create_checkouts(&place, &server, &sandbox);
            let key = key(&sandbox);
            let placeholders = if place.is_cloud {
                "repositories/{workspace}/{repo}"
            } else {
                "projects/{project}/repos/{repo}"
            };
            let ensure = ["webhook", "ensure", "--url", URL, "--event", "push"];
            let remove = ["webhook", "remove", "--url", URL, "--yes"];
            let create = ["pr", "create", "--source", "feature", "--title", "Feature"];
            let add = ["key", "add", "--key", &key];
            let commands: [&[&str]; 9] = [
                &["webhook", "list"],
                &ensure,
                &remove,
                &["pr", "list"],
                &create,
                &["key", "list"],
                &add,
                &["check"],
                &["api", placeholders],
            ];
            for (dir, name) in [
                ("clone", place.outer),
                ("tree", place.outer),
                ("clone/sub", place.inner),
            ] {
                for selected in ["", "-c", "--here"] {
                    let expected = if selected.is_empty() {
                        TOKEN
                    } else {
                        BOT_TOKEN
                    };
                    let connection = if selected == "-c" {
                        &["-c", "bot"][..]
                    } else {
                        &[]
                    };
                    let here = ["connection", "use", "bot", "--here"];
                    if selected == "--here" {
                        let mut command = sandbox.command(here);
                        command.current_dir(sandbox.path(dir));
                        command.finish().exits_with(0);
                    }
                    let run = |arguments: &[&str]| {
                        let mut command = sandbox.command([arguments, connection].concat());
                        command.current_dir(sandbox.path(dir));
                        command.finish()
                    };
                    let label = |command: &[&str]| format!("{dir} {selected} {command:?}");
                    for command in commands {
                        let before = server.requests().len();
                        let verb = command.get(1).copied().unwrap_or_default();
                        let is_write = ["ensure", "remove", "create", "add"].contains(&verb);
                        let dry = [command, &["--dry-run", "--json"]].concat();
                        if is_write && verb != "remove" {
                            let dry = run(&dry).exits_with(0).json();
                            assert_eq!(dry["repository"], name, "dry {}", label(command));
                        }
                        let done = run(&[command, &["--json"]].concat()).exits_with(0).json();
                        let named = if command[0] == "check" {
                            &done["connections"][0]["repository"]
                        } else {
                            &done["repository"]
                        };
                        assert_eq!(named, name, "{}", label(command));
                        let requests = server.requests().split_off(before);
                        let repositories = requests.iter().filter_map(|request| {
                            let found = repository(&request.path)?;
                            // The list of all repositories of a workspace has no slug.
                            (!found.ends_with('/')).then_some(found)
                        });
                        let mut repositories: Vec<_> = repositories.collect();
                        repositories.sort();
                        repositories.dedup();
                        assert_eq!(repositories, [name], "{}", label(command));
                        let mut secrets: Vec<_> = requests.iter().filter_map(secret).collect();
                        secrets.dedup();
                        assert_eq!(secrets, [expected], "{}", label(command));
                        let text = run(command);
                        let text = format!("{}{}", text.stdout, text.stderr);
                        if !is_write {
                            let source = format!("{name}, from remote origin");
                            assert!(text.contains(&source), "{}: {text}", label(command));
                        }
                    }
                    if selected == "--here" {
                        let unset = ["config", "--unset", "bbconnect.connection"];
                        git(&sandbox.path(dir), &sandbox, &unset);
                    }
                    server.update(|state| {
                        for repo in &mut state.store.repos {
                            repo.pull_requests.clear();
                            repo.hooks.clear();
                        }
                    });
                }
            }
        }
    }
}
