//! Every command that talks to a server, as it is run when nothing goes wrong.

use super::prepared::{as_client, connected, signed_in, with_connection, with_keys, with_token};
use super::stage::Stage;

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

/// How what has to be there before a command comes about.
type Prepare = fn(&Stage);

/// A command.
#[derive(Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact about the command"
)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) product: Product,
    /// As they are typed in a shell; the names in braces are filled in.
    pub(crate) arguments: &'static str,
    pub(crate) input: &'static str,
    /// What has to be there before.
    pub(crate) prepare: Prepare,
    /// The connection is the environment's.
    pub(crate) is_in_environment: bool,
    /// It is one with a user name and a password.
    pub(crate) is_with_password: bool,
    pub(crate) needs_sshd: bool,
    pub(crate) needs_git: bool,
}

impl Row {
    /// Whether only one product has it.
    pub(crate) fn is_alone(&self) -> bool {
        let starts = ["token ", "known-hosts ", "repo view, as a client"];
        starts.iter().any(|start| self.name.starts_with(start))
    }

    /// Whether it passes on what a server answers, whatever that is.
    pub(crate) fn passes_on(&self) -> bool {
        self.name.starts_with("api ")
    }

    /// Whether its answer is a judgement, in which something may be unknown.
    pub(crate) fn judges(&self) -> bool {
        self.name.starts_with("check") || self.name == "doctor"
    }

    /// Whether the faults that take seconds of work are tried with it.
    pub(crate) fn bears_heavy_faults(&self) -> bool {
        match self.product {
            Product::Cloud => self.name == "webhook list",
            Product::DataCenter => self.name == "api --paginate",
        }
    }

    /// Whether a file is one that the command may leave behind although it failed: what a step before the failure made,
    /// which the next run recognises.
    pub(crate) fn keeps(&self, path: &str) -> bool {
        let is_lock = path.rsplit('.').next() == Some("lock");
        let is_of_ssh = path == ".config/bbconnect/known_hosts"
            || path == ".config/bbconnect/connections.toml"
            || path.starts_with(".ssh/bbconnect_");
        is_lock || (self.needs_sshd && is_of_ssh)
    }
}

/// The commands that a pipeline can run, with their arguments on both products where they are the same.
const IN_ENVIRONMENT: [(&str, &str, &str); 24] = [
    ("check", "check --repo {repo}", "="),
    ("doctor", "doctor", "="),
    ("workspace list", "workspace list", ""),
    ("project list", "project list", "="),
    ("project create", "project create NEW --name New", "="),
    ("repo list", "repo list", "="),
    ("repo view", "repo view {repo}", "="),
    ("repo create", "repo create {namespace}/new", "="),
    ("webhook list", "webhook list --repo {repo}", "="),
    (
        "webhook ensure",
        "webhook ensure --repo {repo} --url https://ci.example.com/hook --event push",
        "=",
    ),
    (
        "webhook ensure, changed",
        "webhook ensure --repo {repo} --url https://ci.example.com/old --event pr-created",
        "=",
    ),
    (
        "webhook ensure --all",
        "webhook ensure --all --project WEB --url https://ci.example.com/hook --event push",
        "=",
    ),
    (
        "webhook remove",
        "webhook remove --repo {repo} --url https://ci.example.com/old --yes",
        "=",
    ),
    (
        "webhook test",
        "",
        "webhook test --repo {repo} --url https://ci.example.com/old",
    ),
    ("pr list", "pr list --repo {repo}", "="),
    (
        "pr create",
        "pr create --repo {repo} --source feature/login --title Login --default-reviewers",
        "=",
    ),
    ("key add", "key add --key key --repo {repo}", "="),
    ("key add --user", "key add --key key --user", "="),
    ("key list", "key list --repo {repo}", "="),
    ("key remove", "key remove 1 --repo {repo} --yes", "="),
    ("publish", "publish site --repo {repo}", "="),
    (
        "api GET",
        "api GET /repositories/acme/site",
        "api GET /projects/WEB/repos/site",
    ),
    (
        "api POST",
        "api POST /repositories/acme/new -f scm=git -f type=repository",
        "api POST /projects/WEB/repos -f name=new",
    ),
    (
        "api --paginate",
        "api GET /workspaces/acme/projects --paginate",
        "api GET /projects --paginate",
    ),
];

/// The commands for the tokens of a Data Center, with a password.
const TOKENS: [(&str, &str); 3] = [
    ("token list", "token list"),
    ("token create", "token create ci --for read"),
    ("token revoke", "token revoke laptop --yes"),
];

/// The commands with a saved connection, and how it comes about.
const SAVED: [(&str, &str, Prepare); 4] = [
    ("repo select", "repo select {repo} -c work", with_connection),
    ("check --all", "check --all", with_connection),
    ("git credential", "git credential get", signed_in),
    ("repo view, signed in", "repo view {repo}", signed_in),
];

/// The commands that also speak SSH.
const OVER_SSH: [(&str, &str, Prepare); 4] = [
    (
        "connect",
        "connect {ssh} -c work --name new --accept-host-key {fingerprint}",
        with_connection,
    ),
    ("key rotate", "key rotate -c site", connected),
    (
        "known-hosts verify",
        "known-hosts verify {ssh}",
        with_connection,
    ),
    (
        "known-hosts add",
        "known-hosts add {ssh} --accept-host-key {fingerprint}",
        with_connection,
    ),
];

/// Every command on every product that has it.
pub(crate) fn all() -> Vec<Row> {
    let mut rows: Vec<_> = [Product::Cloud, Product::DataCenter]
        .into_iter()
        .flat_map(of)
        .collect();
    // What takes longest comes first.
    rows.sort_by_key(|row| !row.needs_sshd);
    rows
}

fn of(product: Product) -> Vec<Row> {
    let is_cloud = product.is_cloud();
    let row = |name: &'static str, arguments| Row {
        name,
        product,
        arguments,
        input: "",
        prepare: if name.starts_with("key ") {
            with_keys
        } else {
            |_| {}
        },
        is_in_environment: true,
        is_with_password: false,
        needs_sshd: false,
        needs_git: name == "publish" && !is_cloud,
    };
    let saved = |name, arguments, prepare| Row {
        prepare,
        is_in_environment: false,
        ..row(name, arguments)
    };
    let mut rows = vec![saved("connection add", added(product), |_| {})];
    for (name, on_cloud, on_datacenter) in IN_ENVIRONMENT {
        let is_other = !is_cloud && on_datacenter != "=";
        let arguments = if is_other { on_datacenter } else { on_cloud };
        if !arguments.is_empty() {
            rows.push(row(name, arguments));
        }
    }
    rows.extend(SAVED.map(|(name, arguments, prepare)| Row {
        input: "protocol=http\nhost={host}\n\n",
        ..saved(name, arguments, prepare)
    }));
    if is_cloud {
        rows.push(saved(
            "repo view, as a client",
            "repo view {repo}",
            as_client,
        ));
    } else {
        rows.extend(TOKENS.map(|(name, arguments)| Row {
            is_with_password: true,
            ..row(name, arguments)
        }));
        let rotate = "token rotate -c laptop --username jane --token-file token";
        rows.push(saved("token rotate", rotate, with_token));
    }
    for (name, arguments, prepare) in OVER_SSH {
        // Of Cloud's host keys no server is asked.
        if !(is_cloud && name.starts_with("known-hosts")) {
            rows.push(Row {
                needs_sshd: true,
                ..saved(name, arguments, prepare)
            });
        }
    }
    rows
}

/// The arguments that add a connection.
pub(crate) fn added(product: Product) -> &'static str {
    match product {
        Product::Cloud => {
            "connection add work --url {url} --auth api-token --email jane@acme.example --workspace acme \
             --token-command 'cat token'"
        }
        Product::DataCenter => {
            "connection add work --url {url} --auth http-access-token --token-command 'cat token'"
        }
    }
}
