//! Every command that talks to a server, as it is run when nothing goes wrong.

use super::fixture::Fixture;
use super::setup::{
    add_api_token_connection, add_client_credentials, add_connection, add_keys,
    add_token_connection, connect, sign_in,
};

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

/// Creates what a command needs.
type Setup = fn(&Fixture);

/// A command line under test.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) product: Product,
    /// As in a shell; names in braces are placeholders.
    pub(crate) arguments: &'static str,
    pub(crate) input: &'static str,
    pub(crate) setup: Setup,
    /// The connection comes from environment variables.
    pub(crate) uses_environment: bool,
    pub(crate) uses_password: bool,
    pub(crate) needs_sshd: bool,
    pub(crate) needs_git: bool,
}

impl Case {
    /// Whether the command prints any response as it came.
    pub(crate) fn prints_responses(&self) -> bool {
        self.name.starts_with("api ")
    }

    /// Whether the result is a report, in which facts may be unknown.
    pub(crate) fn is_report(&self) -> bool {
        self.name.starts_with("check") || ["doctor", "audit"].contains(&self.name)
    }

    /// Whether the faults that take seconds of work are run with it.
    pub(crate) fn runs_heavy_faults(&self) -> bool {
        match self.product {
            Product::Cloud => self.name == "webhook list",
            Product::DataCenter => self.name == "api --paginate",
        }
    }

    /// Whether a failed command may leave this file: a step before the failure created it, and the next run recognises
    /// it.
    pub(crate) fn may_leave(&self, path: &str) -> bool {
        let is_lock = path.rsplit('.').next() == Some("lock");
        let is_of_ssh = path == ".config/bbconnect/known_hosts"
            || path == ".config/bbconnect/connections.toml"
            || path.starts_with(".ssh/bbconnect_");
        is_lock || (self.needs_sshd && is_of_ssh)
    }
}

/// Commands with a connection from the environment: name, arguments on Cloud, and on Data Center (`=`: the same).
const IN_ENVIRONMENT: [(&str, &str, &str); 32] = [
    ("check", "check --repo {repo}", "="),
    ("doctor", "doctor", "="),
    ("workspace list", "workspace list", ""),
    ("project list", "project list", "="),
    ("project create", "project create NEW --name New", "="),
    ("repo list", "repo list", "="),
    ("repo view", "repo view {repo}", "="),
    ("repo create", "repo create {namespace}/new", "="),
    ("webhook list", "webhook list --repo {repo}", "="),
    ("audit", "audit --repo {repo} --what keys,webhooks", "="),
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
        "webhook ensure, wide",
        "webhook ensure --workspace acme --url https://ci.example.com/hook --event push",
        "webhook ensure --project WEB --url https://ci.example.com/hook --event push",
    ),
    (
        "webhook status",
        "",
        "webhook status --repo {repo} --url https://ci.example.com/old",
    ),
    (
        "webhook test",
        "",
        "webhook test --repo {repo} --url https://ci.example.com/old",
    ),
    (
        "pipelines variable list",
        "pipelines variable list --repo {repo}",
        "",
    ),
    (
        "pipelines variable set",
        "pipelines variable set KEY --value-file token --repo {repo}",
        "",
    ),
    (
        "pipelines ssh-key ensure",
        "pipelines ssh-key ensure --repo {repo}",
        "",
    ),
    (
        "pipelines known-host ensure",
        "pipelines known-host ensure ssh.bitbucket.org --repo {repo}",
        "",
    ),
    ("pr list", "pr list --repo {repo}", "="),
    (
        "pr create",
        "pr create --repo {repo} --source feature/login --title Login --default-reviewers",
        "=",
    ),
    ("key add", "key add --key key --repo {repo}", "="),
    (
        "key add --user",
        "key add --key key --user --expires-in 90d",
        "=",
    ),
    ("key list", "key list --repo {repo}", "="),
    (
        "key edit",
        "key edit 1 --title renamed --repo {repo}",
        "key edit 1 --access write --repo {repo}",
    ),
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

/// Token commands of Data Center, which need a password.
const TOKENS: [(&str, &str); 3] = [
    ("token list", "token list"),
    ("token create", "token create ci --for read"),
    ("token revoke", "token revoke laptop --yes"),
];

/// Commands with a saved connection, and their setup.
const SAVED: [(&str, &str, Setup); 4] = [
    ("repo select", "repo select {repo} -c work", add_connection),
    ("check --all", "check --all", add_connection),
    ("git credential", "git credential get", sign_in),
    ("repo view, signed in", "repo view {repo}", sign_in),
];

/// Commands that also use SSH.
const OVER_SSH: [(&str, &str, Setup); 4] = [
    (
        "connect",
        "connect {ssh} -c work --name new --accept-host-key {fingerprint}",
        add_connection,
    ),
    ("key rotate", "key rotate -c site", connect),
    (
        "known-hosts verify",
        "known-hosts verify {ssh}",
        add_connection,
    ),
    (
        "known-hosts add",
        "known-hosts add {ssh} --accept-host-key {fingerprint}",
        add_connection,
    ),
];

/// Every command on every product that has it.
pub(crate) fn all() -> Vec<Case> {
    let mut cases: Vec<_> = [Product::Cloud, Product::DataCenter]
        .into_iter()
        .flat_map(of)
        .collect();
    // The slowest first.
    cases.sort_by_key(|case| !case.needs_sshd);
    cases
}

fn of(product: Product) -> Vec<Case> {
    let is_cloud = product.is_cloud();
    let case = |name: &'static str, arguments| Case {
        name,
        product,
        arguments,
        input: "",
        setup: if name.starts_with("key ") {
            add_keys
        } else {
            |_| {}
        },
        uses_environment: true,
        uses_password: false,
        needs_sshd: false,
        needs_git: name == "publish",
    };
    let saved = |name, arguments, setup| Case {
        setup,
        uses_environment: false,
        ..case(name, arguments)
    };
    let mut cases = vec![saved("connection add", add_command(product), |_| {})];
    for (name, on_cloud, on_datacenter) in IN_ENVIRONMENT {
        let is_other = !is_cloud && on_datacenter != "=";
        let arguments = if is_other { on_datacenter } else { on_cloud };
        if !arguments.is_empty() {
            cases.push(case(name, arguments));
        }
    }
    cases.extend(SAVED.map(|(name, arguments, setup)| Case {
        input: "protocol=http\nhost={host}\n\n",
        ..saved(name, arguments, setup)
    }));
    if is_cloud {
        let rotate = "token rotate -c laptop --new-token-stdin";
        cases.push(Case {
            input: "token-faults-marker\n",
            ..saved("token rotate", rotate, add_api_token_connection)
        });
        cases.push(saved(
            "repo view, as a client",
            "repo view {repo}",
            add_client_credentials,
        ));
    } else {
        cases.extend(TOKENS.map(|(name, arguments)| Case {
            uses_password: true,
            ..case(name, arguments)
        }));
        let rotate = "token rotate -c laptop --username jane --token-file token";
        cases.push(saved("token rotate", rotate, add_token_connection));
    }
    for (name, arguments, setup) in OVER_SSH {
        // Host keys of Cloud are built in: there is no request.
        if !(is_cloud && name.starts_with("known-hosts")) {
            cases.push(Case {
                needs_sshd: true,
                ..saved(name, arguments, setup)
            });
        }
    }
    cases
}

/// Arguments that add a connection.
pub(crate) fn add_command(product: Product) -> &'static str {
    match product {
        Product::Cloud => {
            "connection add work --url {url} --auth api-token --email jane@acme.example --workspace acme \
             --token-command '{token command}'"
        }
        Product::DataCenter => {
            "connection add work --url {url} --auth http-access-token --token-command '{token command}'"
        }
    }
}
