//! What is in the test Bitbucket and in the home folder before a command runs, and what is looked at afterwards.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use super::commands::Product;
use super::stage::{Stage, git};
use crate::support::bitbucket::oauth::Grants;
use crate::support::bitbucket::stock::Stock;
use crate::support::bitbucket::tokens::Token;
use crate::support::bitbucket::{CONTEXT, Credential, Kind, World};

/// The secret of every connection. Nobody may see it.
pub(crate) const SECRET: &str = "ATATT-faults-marker";
pub(crate) const CLIENT_SECRET: &str = "client-faults-marker";
pub(crate) const EMAIL: &str = "jane@acme.example";
const SCOPES: [&str; 16] = [
    "read:user:bitbucket",
    "read:workspace:bitbucket",
    "read:project:bitbucket",
    "admin:project:bitbucket",
    "read:repository:bitbucket",
    "write:repository:bitbucket",
    "admin:repository:bitbucket",
    "read:pullrequest:bitbucket",
    "write:pullrequest:bitbucket",
    "read:webhook:bitbucket",
    "write:webhook:bitbucket",
    "delete:webhook:bitbucket",
    "read:ssh-key:bitbucket",
    "write:ssh-key:bitbucket",
    "delete:ssh-key:bitbucket",
    "REPO_ADMIN",
];

impl Stage {
    /// Fills the server and the home folder.
    pub(crate) fn furnish(&self) {
        let credential = |kind| Credential {
            kind,
            secret: SECRET.to_owned(),
            scopes: SCOPES.to_vec(),
        };
        // A token is what is found first.
        let kinds = [
            Kind::UserToken { user: "jane" },
            Kind::ApiToken { email: EMAIL },
            Kind::Password { user: "jane" },
        ];
        let mut stock = Stock::with(&["acme/site+", "acme/app", "WEB/site+", "WEB/app"]);
        for (namespace, is_cloud) in [("acme", true), ("WEB", false)] {
            let name = format!("{namespace}/site");
            stock.push(&name, "feature/login", "Login", ("login.html", b"<p>"));
            let repo = stock.repo(namespace, "site").unwrap();
            repo.reviewers = vec![("ann", true)];
            repo.hooks.push(if is_cloud {
                json!({"uuid": "{hook-1}", "url": "https://ci.example.com/old", "active": true, "events": ["repo:push"], "type": "webhook_subscription"})
            } else {
                json!({"id": 1, "name": "old", "url": "https://ci.example.com/old", "active": true, "events": ["repo:refs_changed"], "configuration": {}})
            });
        }
        if self.row.needs_git {
            stock.git = Some(self.git.path().to_owned());
            self.make_bare();
        }
        let base = format!("http://{}", self.proxy.address);
        self.server.change(|world| {
            *world = World {
                credentials: kinds.map(credential).to_vec(),
                repositories: vec![("acme/site", false), ("WEB/site", false)],
                projects: ["WEB", "OPS", "LAB", "DOC", "BOX"]
                    .map(str::to_owned)
                    .to_vec(),
                not_empty: vec!["acme/site", "WEB/site"],
                tokens: vec![Token {
                    owner: "users/jane".to_owned(),
                    id: "123456789012".to_owned(),
                    name: "laptop".to_owned(),
                    permissions: vec!["REPO_WRITE".to_owned()],
                    days: Some(90),
                }],
                oauth: Grants {
                    clients: vec![("consumer", CLIENT_SECRET)],
                    lifetime: 1,
                    ..Grants::default()
                },
                page_length: 2,
                stock,
                base,
                ..World::default()
            };
            if let Some(sshd) = &self.sshd {
                world.keys.settings = Some(json!({
                    "enabled": true, "accessKeysEnabled": true, "port": sshd.port,
                    "baseurl": format!("ssh://{}@127.0.0.1:{}", sshd.user, sshd.port),
                    "fingerprint": {"algorithm": "SHA-256", "value": sshd.fingerprint()},
                }));
                world.keys.authorized = Some((sshd.path("authorized_keys"), sshd.path("serve")));
            }
        });
        for (name, text) in [
            ("passphrase", "correct horse"),
            ("client-secret", CLIENT_SECRET),
            ("token", SECRET),
            ("site/README.md", "# a site\n"),
            ("site/index.html", "<p>\n"),
        ] {
            let path = self.sandbox.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        if let Some(sshd) = &self.sshd {
            sshd.repository(&self.row.product.repository().to_lowercase(), false);
        }
    }

    /// The repository of a Data Center as git sees it, with a commit.
    fn make_bare(&self) {
        let bare = self.git.path().join("web/site.git");
        fs::create_dir_all(&bare).unwrap();
        git(&bare, &["init", "-q", "--bare", "-b", "main"]);
        git(&bare, &["config", "http.receivepack", "true"]);
        let work = tempfile::tempdir().unwrap();
        git(work.path(), &["init", "-q", "-b", "main"]);
        fs::write(work.path().join("README.md"), "# site\n").unwrap();
        git(work.path(), &["add", "."]);
        git(work.path(), &["commit", "-q", "-m", "First"]);
        git(work.path(), &["push", "-q", bare.to_str().unwrap(), "main"]);
    }

    pub(crate) fn url(&self) -> String {
        let path = if self.row.product.is_cloud() {
            "2.0"
        } else {
            CONTEXT
        };
        format!("http://{}/{path}", self.proxy.address)
    }

    pub(crate) fn website(&self) -> String {
        match self.row.product {
            Product::Cloud => format!("http://{}", self.proxy.address),
            Product::DataCenter => self.url(),
        }
    }

    /// The environment of a pipeline.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let mut all = vec![
            ("CI", "true".to_owned()),
            ("BBCONNECT_URL", self.url()),
            ("BBCONNECT_TOKEN", SECRET.to_owned()),
        ];
        match self.row.product {
            Product::Cloud => all.extend([
                ("BBCONNECT_EMAIL", EMAIL.to_owned()),
                ("BBCONNECT_WORKSPACE", "acme".to_owned()),
            ]),
            Product::DataCenter if self.row.is_with_password => {
                all.push(("BBCONNECT_USERNAME", "jane".to_owned()));
            }
            Product::DataCenter => {}
        }
        all
    }

    /// What the server holds, as far as commands change it.
    pub(crate) fn state(&self) -> String {
        let mut state = String::new();
        self.server.change(|world| {
            for repo in &world.stock.repos {
                let branches: Vec<_> = repo.branches.keys().collect();
                let requests = repo.requests.len();
                let hooks: Vec<_> = repo.hooks.iter().map(without_id).collect();
                let name = repo.name();
                writeln!(
                    state,
                    "{name}: {branches:?}, {requests} requests, {hooks:?}"
                )
                .unwrap();
            }
            let keys: Vec<_> = world.keys.all.iter().map(|key| &key.owner).collect();
            let tokens: Vec<_> = world.tokens.iter().map(|token| &token.name).collect();
            let projects = &world.projects;
            writeln!(state, "{keys:?} {tokens:?} {projects:?}").unwrap();
        });
        state
    }
}

fn without_id(hook: &Value) -> Value {
    let mut hook = hook.clone();
    for name in ["id", "uuid"] {
        hook.as_object_mut().unwrap().remove(name);
    }
    hook
}
