//! Every command that talks to a server, as it is run when nothing goes wrong.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use crate::stage::Stage;
use crate::support::Ran;
use crate::support::bitbucket::keys::Key;

/// A product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    Cloud,
    DataCenter,
}

impl Product {
    pub(crate) fn is_cloud(self) -> bool {
        self == Self::Cloud
    }

    pub(crate) fn namespace(self) -> &'static str {
        if self.is_cloud() { "acme" } else { "WEB" }
    }

    pub(crate) fn repository(self) -> &'static str {
        if self.is_cloud() {
            "acme/site"
        } else {
            "WEB/site"
        }
    }
}

/// A command.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) product: Product,
    pub(crate) arguments: &'static [&'static str],
    pub(crate) input: &'static str,
    /// What has to be there before.
    pub(crate) prepare: fn(&Stage),
    /// The connection is the environment's.
    pub(crate) is_in_environment: bool,
    /// It is one with a user name and a password.
    pub(crate) is_with_password: bool,
    pub(crate) needs_sshd: bool,
    pub(crate) needs_git: bool,
}

impl Row {
    /// Whether the faults that take seconds of work are tried with it.
    pub(crate) fn bears_heavy_faults(&self) -> bool {
        ["project list", "webhook list", "api --paginate"].contains(&self.name)
    }

    /// Whether a file is one that the command may leave behind although it failed: what a step before the failure made,
    /// which the next run recognises.
    pub(crate) fn keeps(&self, path: &str) -> bool {
        let is_lock = path.ends_with(".lock");
        let is_of_ssh = path == ".config/bbconnect/known_hosts"
            || path == ".config/bbconnect/connections.toml"
            || path.starts_with(".ssh/bbconnect_");
        is_lock || (self.needs_sshd && is_of_ssh)
    }
}

const HOOK: &str = "https://ci.example.com/hook";
const OLD_HOOK: &str = "https://ci.example.com/old";

/// The commands, with the arguments that are the same for both products.
const BOTH: [(&str, &[&str]); 24] = [
    ("check", &["check", "--repo", "{repo}"]),
    ("doctor", &["doctor"]),
    ("workspace list", &["workspace", "list"]),
    ("project list", &["project", "list"]),
    (
        "project create",
        &["project", "create", "NEW", "--name", "New"],
    ),
    ("repo list", &["repo", "list"]),
    ("repo view", &["repo", "view", "{repo}"]),
    ("repo create", &["repo", "create", "{namespace}/new"]),
    ("webhook list", &["webhook", "list", "--repo", "{repo}"]),
    (
        "webhook ensure",
        &[
            "webhook", "ensure", "--repo", "{repo}", "--url", HOOK, "--event", "push",
        ],
    ),
    (
        "webhook ensure, changed",
        &[
            "webhook",
            "ensure",
            "--repo",
            "{repo}",
            "--url",
            OLD_HOOK,
            "--event",
            "pr-created",
        ],
    ),
    (
        "webhook ensure --all",
        &[
            "webhook",
            "ensure",
            "--all",
            "--project",
            "WEB",
            "--url",
            HOOK,
            "--event",
            "push",
        ],
    ),
    (
        "webhook remove",
        &[
            "webhook", "remove", "--repo", "{repo}", "--url", OLD_HOOK, "--yes",
        ],
    ),
    (
        "webhook test",
        &["webhook", "test", "--repo", "{repo}", "--url", OLD_HOOK],
    ),
    ("pr list", &["pr", "list", "--repo", "{repo}"]),
    (
        "pr create",
        &[
            "pr",
            "create",
            "--repo",
            "{repo}",
            "--source",
            "feature/login",
            "--title",
            "Login",
            "--default-reviewers",
        ],
    ),
    (
        "key add",
        &["key", "add", "--key", "key", "--repo", "{repo}"],
    ),
    ("key add --user", &["key", "add", "--key", "key", "--user"]),
    ("key list", &["key", "list", "--repo", "{repo}"]),
    (
        "key remove",
        &["key", "remove", "1", "--repo", "{repo}", "--yes"],
    ),
    ("publish", &["publish", "site", "--repo", "{repo}"]),
    ("api GET", &["api", "GET", "/repositories/acme/site"]),
    (
        "api POST",
        &[
            "api",
            "POST",
            "/repositories/acme/new",
            "-f",
            "scm=git",
            "-f",
            "type=repository",
        ],
    ),
    (
        "api --paginate",
        &["api", "GET", "/workspaces/acme/projects", "--paginate"],
    ),
];

/// The commands that work with a saved connection.
const SAVED: [(&str, &[&str]); 2] = [
    ("repo select", &["repo", "select", "{repo}", "-c", "work"]),
    ("check --all", &["check", "--all"]),
];

/// The commands for the tokens of a Data Center, with a password.
const TOKENS: [(&str, &[&str]); 3] = [
    ("token list", &["token", "list"]),
    ("token create", &["token", "create", "ci", "--for", "read"]),
    ("token revoke", &["token", "revoke", "laptop", "--yes"]),
];

/// The commands that also speak SSH.
const OVER_SSH: [(&str, &[&str]); 4] = [
    (
        "connect",
        &[
            "connect",
            "{ssh}",
            "-c",
            "work",
            "--name",
            "new",
            "--accept-host-key",
            "{fingerprint}",
        ],
    ),
    ("key rotate", &["key", "rotate", "-c", "site"]),
    ("known-hosts verify", &["known-hosts", "verify", "{ssh}"]),
    (
        "known-hosts add",
        &[
            "known-hosts",
            "add",
            "{ssh}",
            "--accept-host-key",
            "{fingerprint}",
        ],
    ),
];

/// Every command on every product that has it.
pub(crate) fn all() -> Vec<Row> {
    let mut rows = Vec::new();
    for product in [Product::Cloud, Product::DataCenter] {
        let row = |name, arguments| Row {
            name,
            product,
            arguments,
            input: "",
            prepare: |_| {},
            is_in_environment: true,
            is_with_password: false,
            needs_sshd: false,
            needs_git: false,
        };
        let saved = |name, arguments, prepare| Row {
            prepare,
            is_in_environment: false,
            ..row(name, arguments)
        };
        rows.push(saved("connection add", add(product), |_| {}));
        for (name, arguments) in BOTH {
            rows.push(match (name, product) {
                ("api GET", Product::DataCenter) => {
                    row(name, &["api", "GET", "/projects/WEB/repos/site"])
                }
                ("api POST", Product::DataCenter) => row(
                    name,
                    &["api", "POST", "/projects/WEB/repos", "-f", "name=new"],
                ),
                ("api --paginate", Product::DataCenter) => {
                    row(name, &["api", "GET", "/projects", "--paginate"])
                }
                ("project create", Product::DataCenter) => {
                    row(name, &["project", "create", "NEW", "--name", "New"])
                }
                ("publish", Product::DataCenter) => Row {
                    needs_git: true,
                    ..row(name, arguments)
                },
                _ if name.starts_with("key ") => Row {
                    prepare: with_keys,
                    ..row(name, arguments)
                },
                _ => row(name, arguments),
            });
        }
        rows.extend(SAVED.map(|(name, arguments)| saved(name, arguments, with_connection)));
        let credential = saved("git credential", &["git", "credential", "get"], signed_in);
        rows.push(Row {
            input: "protocol=http\nhost={host}\n\n",
            ..credential
        });
        rows.push(saved(
            "repo view, signed in",
            &["repo", "view", "{repo}"],
            signed_in,
        ));
        if product.is_cloud() {
            let client = &["repo", "view", "{repo}"];
            rows.push(saved("repo view, as a client", client, as_client));
        } else {
            rows.extend(TOKENS.map(|(name, arguments)| Row {
                is_with_password: true,
                ..row(name, arguments)
            }));
            let rotate = &[
                "token",
                "rotate",
                "-c",
                "laptop",
                "--username",
                "jane",
                "--token-file",
                "token",
            ];
            rows.push(saved("token rotate", rotate, with_token));
        }
        // Of Cloud's host keys no server is asked.
        let over_ssh = OVER_SSH
            .iter()
            .filter(|(name, _)| !(product.is_cloud() && name.starts_with("known-hosts")));
        rows.extend(over_ssh.map(|&(name, arguments)| Row {
            needs_sshd: true,
            prepare: if name.starts_with("key ") {
                connected
            } else {
                with_connection
            },
            is_in_environment: false,
            ..row(name, arguments)
        }));
    }
    // What takes longest comes first.
    rows.sort_by_key(|row| !row.needs_sshd);
    rows
}

fn add(product: Product) -> &'static [&'static str] {
    match product {
        Product::Cloud => &[
            "connection",
            "add",
            "work",
            "--url",
            "{url}",
            "--auth",
            "api-token",
            "--email",
            "jane@acme.example",
            "--workspace",
            "acme",
            "--token-command",
            "cat token",
        ],
        Product::DataCenter => &[
            "connection",
            "add",
            "work",
            "--url",
            "{url}",
            "--auth",
            "http-access-token",
            "--token-command",
            "cat token",
        ],
    }
}

/// Runs the program; what is prepared must work.
fn run(stage: &Stage, arguments: &[&str]) {
    let output = stage.command(&stage.filled(arguments)).output().unwrap();
    Ran::from(output).ended(0);
}

fn with_connection(stage: &Stage) {
    run(stage, add(stage.row.product));
}

/// A key to add, and two that are registered.
fn with_keys(stage: &Stage) {
    run(stage, &["keygen", "--type", "ed25519", "--out", "key"]);
    for (id, name) in [("1", "one"), ("2", "two"), ("3", "three")] {
        run(stage, &["keygen", "--type", "ed25519", "--out", name]);
        let public = std::fs::read_to_string(stage.sandbox.path(&format!("{name}.pub"))).unwrap();
        let material: Vec<_> = public.split_whitespace().take(2).collect();
        let key = Key {
            owner: format!("repo {}", stage.row.product.repository()),
            id: id.to_owned(),
            material: material.join(" "),
            label: name.to_owned(),
            permission: "REPO_READ".to_owned(),
            created: 1_790_000_000_000,
        };
        stage.server.change(|world| {
            world.keys.next = 3;
            world.keys.all.push(key);
        });
    }
}

fn connected(stage: &Stage) {
    with_connection(stage);
    run(
        stage,
        &[
            "connect",
            "{ssh}",
            "-c",
            "work",
            "--name",
            "site",
            "--accept-host-key",
            "{fingerprint}",
        ],
    );
}

/// A connection whose token the program keeps.
fn with_token(stage: &Stage) {
    // base64 of `123456789012:abcdefghijklmnopqrst`.
    let token = "BBDC-MTIzNDU2Nzg5MDEyOmFiY2RlZmdoaWprbG1ub3BxcnN0";
    stage.server.change(|world| {
        let mut known = world.credentials[0].clone();
        known.secret = token.to_owned();
        world.credentials.push(known);
    });
    std::fs::write(stage.sandbox.path("old"), token).unwrap();
    run(
        stage,
        &[
            "connection",
            "add",
            "laptop",
            "--url",
            "{url}",
            "--auth",
            "http-access-token",
            "--token-file",
            "old",
        ],
    );
}

fn as_client(stage: &Stage) {
    run(
        stage,
        &[
            "connection",
            "add",
            "work",
            "--url",
            "{url}",
            "--web-url",
            "{web}",
            "--auth",
            "client-credentials",
            "--client-id",
            "consumer",
            "--token-file",
            "client-secret",
            "--workspace",
            "acme",
        ],
    );
}

/// Signed in with a browser; the token has come to its end.
fn signed_in(stage: &Stage) {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut arguments = stage.filled(&[
        "connection",
        "add",
        "work",
        "--url",
        "{url}",
        "--web-url",
        "{web}",
        "--auth",
        "oauth",
        "--client-id",
        "consumer",
        "--token-file",
        "client-secret",
        "--no-browser",
        "--port",
    ]);
    arguments.push(port.to_string());
    let mut child = stage
        .command(&arguments)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines.find_map(|line| {
        let line = line.unwrap();
        line.trim()
            .strip_prefix(&format!("http://{}", stage.proxy.address))
            .map(str::to_owned)
    });
    let mut browser = TcpStream::connect(stage.proxy.address).unwrap();
    write!(
        browser,
        "GET {} HTTP/1.1\r\nhost: x\r\n\r\n",
        address.expect("it is shown")
    )
    .unwrap();
    browser.shutdown(std::net::Shutdown::Write).unwrap();
    let mut page = String::new();
    browser.read_to_string(&mut page).unwrap();
    let back = page
        .lines()
        .find_map(|line| line.strip_prefix("location: "))
        .expect("it leads back");
    writeln!(child.stdin.take().unwrap(), "{back}").unwrap();
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
}
