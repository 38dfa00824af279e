//! Every command that writes to a server, on both products: a dry run sends no write, and its document is that of the real
//! run, but for what only the server knows.

use std::fs;

use serde_json::Value;

use crate::support::bitbucket::repo_store::RepoStore;
use crate::support::bitbucket::{Credential, Kind, Server, ServerState};
use crate::support::{CommandExt as _, RunOutput, Sandbox};

const TOKEN: &str = "dry-run-token-marker";
const PASSWORD: &str = "dry-run-password-marker";
const URL: &str = "https://ci.example.com/hook";

const ALL_SCOPES: [&str; 13] = [
    "read:user:bitbucket",
    "read:repository:bitbucket",
    "admin:repository:bitbucket",
    "admin:project:bitbucket",
    "read:webhook:bitbucket",
    "write:webhook:bitbucket",
    "delete:webhook:bitbucket",
    "write:pullrequest:bitbucket",
    "admin:pipeline:bitbucket",
    "read:ssh-key:bitbucket",
    "write:ssh-key:bitbucket",
    "delete:ssh-key:bitbucket",
    "REPO_ADMIN",
];

/// A command, and the fields that its dry run cannot know.
type Step<'a> = (&'a str, &'a [&'a str]);

/// Steps of both products, in their order: each begins with what the previous ones have left.
const STEPS: [Step<'_>; 17] = [
    (
        "webhook ensure --url URL --event push --repo REPO",
        &["/webhook/id"],
    ),
    ("webhook ensure --url URL --event push --repo REPO", &[]),
    (
        "webhook ensure --url URL --event pr-created --repo REPO",
        &[],
    ),
    (
        "webhook ensure --url URL --event push --exact --inactive --repo REPO",
        &[],
    ),
    (
        "webhook ensure --url URL --event pr-merged --all --project PROJECT WORKSPACE",
        &["/repositories/-/webhook/id"],
    ),
    ("webhook remove --url URL --repo REPO --yes", &[]),
    (
        "key add --key KEY --title one --repo REPO",
        &["/key/created_on", "/key/id"],
    ),
    ("key add --key KEY --repo REPO", &[]),
    ("key remove ID --repo REPO --yes", &[]),
    ("key add --key KEY --user", &["/key/created_on", "/key/id"]),
    ("key remove ID --user --yes", &[]),
    (
        "pr create --source feature --title Feature --repo REPO",
        &[
            "/pull_request/author",
            "/pull_request/id",
            "/pull_request/url",
        ],
    ),
    ("pr create --source feature --title Other --repo REPO", &[]),
    (
        "repo create NEW --description text",
        &["/https", "/ssh", "/web"],
    ),
    ("repo create NEW --description text", &[]),
    ("project create NEWP --name New WORKSPACE", &[]),
    ("project create NEWP --name New WORKSPACE", &[]),
];

const OF_CLOUD: [Step<'_>; 13] = [
    (
        "pipelines variable set KEY --value-file VALUE --plain --repo REPO",
        &["/variables/-/id"],
    ),
    (
        "pipelines variable set KEY --value-file VALUE --plain --repo REPO",
        &[],
    ),
    (
        "pipelines variable set KEY --value-file VALUE --repo REPO",
        &[],
    ),
    (
        "pipelines variable set --from-env-file ENV --repo REPO",
        &["/variables/-/id"],
    ),
    (
        "pipelines variable set WIDE --value-file VALUE --workspace acme",
        &["/variables/-/id"],
    ),
    ("pipelines variable remove KEY --repo REPO --yes", &[]),
    ("pipelines ssh-key ensure --key KEY --repo REPO", &[]),
    ("pipelines ssh-key ensure --repo REPO", &[]),
    ("pipelines ssh-key remove --repo REPO --yes", &[]),
    (
        "pipelines ssh-key ensure --type ed25519 --repo REPO",
        &["/algorithm", "/fingerprint", "/public_key"],
    ),
    (
        "pipelines known-host ensure bitbucket.org --repo REPO",
        &["/known_hosts/-/id"],
    ),
    ("pipelines known-host ensure bitbucket.org --repo REPO", &[]),
    (
        "pipelines known-host remove bitbucket.org --repo REPO --yes",
        &[],
    ),
];

const OF_DATA_CENTER: [Step<'_>; 6] = [
    (
        "key add --key KEY --write --repo REPO",
        &["/key/created_on", "/key/id"],
    ),
    ("key remove ID --repo REPO --yes", &[]),
    (
        "key add --key KEY --project PRJ",
        &["/key/created_on", "/key/id"],
    ),
    ("key remove ID --project PRJ --yes", &[]),
    (
        "token create ci --for webhook --repo REPO --expires-in 30d",
        &[
            "/secret",
            "/token/created_on",
            "/token/expires_on",
            "/token/id",
            "/token/last_used_on",
        ],
    ),
    ("token revoke ci --repo REPO --yes", &[]),
];

/// What the servers of the tests report on one product only, and text for people about what was done.
const NOT_COMPARED: [&str; 7] = [
    "/hint",
    "/note",
    "/project/private",
    "/pull_request/draft",
    "/updated_on",
    "/repositories/-/webhook/verifies_receiver",
    "/webhook/verifies_receiver",
];

struct Fixture {
    is_cloud: bool,
    server: Server,
    sandbox: Sandbox,
}

impl Fixture {
    fn new(is_cloud: bool) -> Self {
        let mut credentials = Credential::for_jane(TOKEN, &ALL_SCOPES);
        credentials.push(Credential {
            kind: Kind::Password { user: "jane" },
            secret: PASSWORD.to_owned(),
            scopes: vec!["REPO_ADMIN"],
        });
        let mut store = RepoStore::with(&["acme/site+", "acme/other+", "PRJ/site+", "PRJ/other+"]);
        for name in ["acme/site", "PRJ/site"] {
            store.push(name, "feature", "Feature", ("a.txt", b"a"));
        }
        let server = Server::start(ServerState {
            credentials,
            store,
            projects: vec!["PRJ".to_owned()],
            page_length: 100,
            reports_missing_repositories: true,
            ..ServerState::default()
        });
        let sandbox = Sandbox::new();
        let keygen = ["keygen", "--type", "ed25519", "--out", "key"];
        sandbox.run(keygen).exits_with(0);
        fs::write(sandbox.path("value"), "value").unwrap();
        fs::write(sandbox.path("env"), "KEY=other\nMORE=1\n").unwrap();
        Self {
            is_cloud,
            server,
            sandbox,
        }
    }

    fn run(&self, step: &str, id: &str, more: &[&str]) -> RunOutput {
        let (repo, project, workspace) = if self.is_cloud {
            ("acme/site", "WEB", "--workspace acme")
        } else {
            ("PRJ/site", "PRJ", "")
        };
        let (namespace, _) = repo.split_once('/').unwrap();
        let step = step.replace("WORKSPACE", workspace);
        let words = step.split_whitespace().map(|word| match word {
            "REPO" => repo.to_owned(),
            "NEW" => format!("{namespace}/new"),
            "PROJECT" => project.to_owned(),
            "ID" => id.to_owned(),
            "ENV" => "env".to_owned(),
            "VALUE" => "value".to_owned(),
            _ if word.starts_with("URL") => word.replace("URL", URL),
            _ => word.to_owned(),
        });
        let words: Vec<String> = words.collect();
        // `--key KEY` is the file, `set KEY` the variable.
        let words = words
            .iter()
            .enumerate()
            .map(|(at, word)| match word.as_str() {
                "KEY" if words[at - 1] == "--key" => "key",
                word => word,
            });
        let mut command = self.sandbox.command(words);
        command.args(more).arg("--json");
        command.envs(self.server.environment(self.is_cloud));
        if step.starts_with("token ") {
            command
                .env("BBCONNECT_TOKEN", PASSWORD)
                .env("BBCONNECT_USERNAME", "jane");
        } else {
            command.env("BBCONNECT_TOKEN", TOKEN);
        }
        command.finish()
    }

    fn writes(&self) -> usize {
        let requests = self.server.requests().into_iter();
        requests.filter(|request| request.method != "GET").count()
    }
}

/// The pointers of values that differ, without the indexes of lists. `would-create` is `created`.
fn differences(dry: &Value, real: &Value, at: &str, found: &mut Vec<String>) {
    match (dry, real) {
        (Value::Object(dry), Value::Object(real)) => {
            let mut names: Vec<_> = dry.keys().chain(real.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let (dry, real) = (dry.get(name), real.get(name));
                let absent = Value::String("(absent)".to_owned());
                let (dry, real) = (dry.unwrap_or(&absent), real.unwrap_or(&absent));
                differences(dry, real, &format!("{at}/{name}"), found);
            }
        }
        (Value::Array(dry), Value::Array(real)) if dry.len() == real.len() => {
            for (dry, real) in dry.iter().zip(real) {
                differences(dry, real, &format!("{at}/-"), found);
            }
        }
        (Value::String(dry), Value::String(real)) => {
            let done = match dry.as_str() {
                "would-create" => "created",
                "would-update" => "updated",
                "would-remove" => "removed",
                "would-revoke" => "revoked",
                dry => dry,
            };
            if done != real {
                found.push(at.to_owned());
            }
        }
        (dry, real) if dry != real => found.push(at.to_owned()),
        _ => {}
    }
}

#[test]
fn a_dry_run_shows_what_the_real_run_leads_to() {
    let mut wrong = Vec::new();
    for is_cloud in [true, false] {
        let fixture = Fixture::new(is_cloud);
        let own = if is_cloud {
            &OF_CLOUD[..]
        } else {
            &OF_DATA_CENTER
        };
        let mut id = String::new();
        for (step, unknown) in STEPS.iter().chain(own) {
            let before = fixture.writes();
            let dry = fixture.run(step, &id, &["--dry-run"]);
            assert_eq!(fixture.writes(), before, "{step}");
            let real = fixture.run(step, &id, &[]);
            if dry.status != 0 || real.status != 0 {
                wrong.push(format!(
                    "{is_cloud} {step}: {} {}\n  {}{}\n  {}{}",
                    dry.status, real.status, dry.stdout, dry.stderr, real.stdout, real.stderr
                ));
                continue;
            }
            let (dry, real) = (dry.json(), real.json());
            if step.contains("--expires-in") {
                assert!(dry["token"]["expires_on"].is_string(), "{dry}");
            }
            let mut found = Vec::new();
            differences(&dry, &real, "", &mut found);
            found.retain(|pointer| !NOT_COMPARED.contains(&pointer.as_str()));
            if found != *unknown {
                wrong.push(format!("{is_cloud} {step}: {found:?}\n  {dry}\n  {real}"));
            }
            if let Some(new) = real["key"]["id"].as_str() {
                new.clone_into(&mut id);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
