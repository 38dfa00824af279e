//! The environment, read once; its variables and the files, as `bbconnect help environment` and the manual page list
//! them.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

use crate::config::ConnectionsFile;
use crate::sys::atomic_file::LOCK_TIMEOUT;
use crate::sys::proxy::ProxyVariables;
use crate::ui::stdout_columns;

/// The variable in which a completion script names its shell.
pub(crate) const COMPLETION_VARIABLE: &str = "BBCONNECT_COMPLETE";

/// What the process was started with, apart from its arguments.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The user's home directory.
    pub home: Option<PathBuf>,
    /// `CI=true`: a pipeline, without prompts.
    pub ci: bool,
    /// `BBCONNECT_NO_INPUT` is set to something.
    pub no_input: bool,
    /// Standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// The columns of the terminal that standard output is.
    pub stdout_columns: Option<usize>,
    /// Standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// `TERM=dumb`: a terminal that cannot move the cursor.
    pub is_dumb_terminal: bool,
    /// There is a desktop, where the keyring can prompt for its password.
    pub(super) has_desktop: bool,
    /// `BBCONNECT_CONNECTION`
    pub connection: Option<String>,
    /// `BBCONNECT_TOKEN` is set and empty, as in a pipeline without access to the secret.
    pub(super) token_is_empty: bool,
    /// The path of this program: on the `PATH`, else the executable itself.
    pub(super) program: Option<PathBuf>,
    /// The path of `ssh`.
    pub(super) ssh: Option<PathBuf>,
    /// `GIT_CONFIG_KEY_…` and `GIT_CONFIG_VALUE_…`, as many as `GIT_CONFIG_COUNT` says.
    pub(super) git_config: Vec<(String, String)>,
    /// The configuration directory, where a variable names it.
    pub config: Option<PathBuf>,
    /// `XDG_STATE_HOME`, on Windows also `LOCALAPPDATA`
    pub(super) state_home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`
    pub config_home: Option<PathBuf>,
    /// The variables that describe a connection, and those of stores.
    pub(super) variables: Variables,
    /// The variables that name proxies.
    pub(super) proxy: ProxyVariables,
    /// Variables that are not valid UTF-8.
    pub(super) unreadable: Vec<&'static str>,
}

/// Variables by name. `Debug` omits their values, which may be secrets.
#[derive(Clone, Default)]
pub(super) struct Variables(BTreeMap<&'static str, String>);

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The variables that are read, apart from those with a field of their own.
const NAMES: &[&str] = &[
    "BBCONNECT_URL",
    "BBCONNECT_DEPLOYMENT",
    "BBCONNECT_TOKEN",
    "BBCONNECT_TOKEN_FILE",
    "BBCONNECT_TOKEN_COMMAND",
    "BBCONNECT_EMAIL",
    "BBCONNECT_USERNAME",
    "BBCONNECT_WORKSPACE",
    "BBCONNECT_PROJECT",
    "BBCONNECT_REPO",
    "BBCONNECT_LEVEL",
    "BITBUCKET_WORKSPACE",
    "BITBUCKET_REPO_SLUG",
    "BBCONNECT_STORE",
    "BBCONNECT_STORE_PASSPHRASE_FILE",
    "BBCONNECT_STORE_PASSPHRASE_CACHE",
    "CREDENTIALS_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SSH_COMMAND",
    "GIT_SSH",
    "GIT_SSH_VARIANT",
    "GIT_ALLOW_PROTOCOL",
    "MSYSTEM",
    "USER",
    "LOGNAME",
    "BROWSER",
];

impl Variables {
    /// The value of a variable that is set to something.
    pub(super) fn get(&self, name: &'static str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl Environment {
    /// Reads the environment of this process.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub fn from_process() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).and_then(|value| value.into_string().ok());
        let truthy = |name: &str| {
            text(name).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
        };
        // Relative paths must be ignored (XDG Base Directory Specification).
        let absolute = |name: &str| {
            let dir = set(name).map(PathBuf::from);
            dir.filter(|dir| dir.is_absolute())
        };
        let config_home = absolute("XDG_CONFIG_HOME");
        let app_data = |name: &str| absolute(name).filter(|_| cfg!(windows));
        let default_config_home = config_home.clone().or_else(|| app_data("APPDATA"));
        Self {
            home: env::home_dir().filter(|home| home.is_absolute()),
            ci: truthy("CI"),
            no_input: truthy("BBCONNECT_NO_INPUT"),
            stdin_is_terminal: io::stdin().is_terminal(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stdout_columns: stdout_columns(),
            stderr_is_terminal: io::stderr().is_terminal(),
            is_dumb_terminal: text("TERM").as_deref() == Some("dumb"),
            has_desktop: cfg!(any(windows, target_os = "macos"))
                || ["DISPLAY", "WAYLAND_DISPLAY"]
                    .into_iter()
                    .any(|name| set(name).is_some()),
            connection: text("BBCONNECT_CONNECTION"),
            program: program(),
            ssh: find_in_path("ssh", |_| true),
            git_config: git_config(&text),
            token_is_empty: env::var_os("BBCONNECT_TOKEN").is_some_and(|token| token.is_empty()),
            config: set("BBCONNECT_CONFIG_DIR")
                .map(PathBuf::from)
                .or(default_config_home.map(|dir| dir.join("bbconnect"))),
            config_home,
            state_home: absolute("XDG_STATE_HOME").or_else(|| app_data("LOCALAPPDATA")),
            variables: Variables(
                NAMES
                    .iter()
                    .copied()
                    .filter_map(|name| Some((name, text(name)?)))
                    .collect(),
            ),
            proxy: proxy_variables(&text),
            unreadable: NAMES
                .iter()
                .copied()
                .filter(|name| set(name).is_some() && text(name).is_none())
                .collect(),
        }
    }

    /// The directory of our configuration: `BBCONNECT_CONFIG_DIR`, `$XDG_CONFIG_HOME/bbconnect`, on Windows
    /// `%APPDATA%\bbconnect`, or `~/.config/bbconnect`.
    pub(super) fn config_dir(&self) -> Option<PathBuf> {
        let below_home = || Some(self.home.as_ref()?.join(".config").join("bbconnect"));
        self.config.clone().or_else(below_home)
    }

    /// The saved connections, for shells that complete a name; none where the file cannot be read.
    fn saved_connections(&self) -> Vec<CompletionCandidate> {
        let file = ConnectionsFile::in_dir(self.config_dir().as_deref(), LOCK_TIMEOUT);
        let Ok(connections) = file.load() else {
            return Vec::new();
        };
        let candidate = |name: String| {
            let base_url = connections
                .get(&name)
                .map(|(_, it)| it.base_url.to_string());
            CompletionCandidate::new(name).help(base_url.ok().map(Into::into))
        };
        connections.names().into_iter().map(candidate).collect()
    }

    /// The directory of what is no configuration: `$XDG_STATE_HOME/bbconnect`, on Windows `%LOCALAPPDATA%\bbconnect`, or
    /// `~/.local/state/bbconnect`.
    pub(super) fn state_dir(&self) -> Option<PathBuf> {
        let below_home = || Some(self.home.as_ref()?.join(".local").join("state"));
        let state_home = self.state_home.clone().or_else(below_home)?;
        Some(state_home.join("bbconnect"))
    }

    /// The first variable that describes a connection, also where its secret is missing.
    pub(super) fn first_connection_variable(&self) -> Option<&'static str> {
        let describing = [
            "BBCONNECT_URL",
            "BBCONNECT_EMAIL",
            "BBCONNECT_USERNAME",
            "BBCONNECT_TOKEN",
            "BBCONNECT_TOKEN_FILE",
            "BBCONNECT_TOKEN_COMMAND",
        ];
        let mut set = describing
            .into_iter()
            .filter(|name| self.variables.get(name).is_some());
        set.next()
    }
}

/// The proxies of the environment. In a CGI program a request sets `HTTP_PROXY`, so none counts (<https://httpoxy.org>).
fn proxy_variables(text: &impl Fn(&str) -> Option<String>) -> ProxyVariables {
    let get = |name: &str| {
        let value = text(name).or_else(|| text(&name.to_lowercase()));
        value.unwrap_or_default()
    };
    if text("REQUEST_METHOD").is_some() {
        return ProxyVariables::default();
    }
    ProxyVariables {
        all: get("ALL_PROXY"),
        http: get("HTTP_PROXY"),
        https: get("HTTPS_PROXY"),
        no: get("NO_PROXY"),
    }
}

/// The path of this program: the link on the `PATH` that leads to it, which survives an update, else the executable itself.
fn program() -> Option<PathBuf> {
    let executable = env::current_exe().ok()?;
    let own = fs::canonicalize(&executable).ok()?;
    let is_same = |found: &Path| fs::canonicalize(found).is_ok_and(|found| found == own);
    // On Windows the canonical path begins with `\\?\`, which other programs do not take.
    find_in_path("bbconnect", is_same).or(Some(if cfg!(windows) { executable } else { own }))
}

/// The first program of this name on the `PATH` that suits. Relative entries are left out: what is written to be run later
/// must not lead to another program elsewhere.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
fn find_in_path(name: &str, suits: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let name = format!("{name}{}", env::consts::EXE_SUFFIX);
    let directories = env::split_paths(&path).filter(|directory| directory.is_absolute());
    let mut found = directories.map(|directory| directory.join(&name));
    found.find(|program| is_executable(program) && suits(program))
}

fn is_executable(path: &Path) -> bool {
    let Ok(metadata) = fs::metadata(path) else {
        return false;
    };
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 == 0 {
        return false;
    }
    metadata.is_file()
}

/// The entries of git's configuration in the environment (git-config(1)).
fn git_config(text: &impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let count = text("GIT_CONFIG_COUNT").and_then(|count| count.parse::<u16>().ok());
    (0..count.unwrap_or(0))
        .map_while(|number| {
            let key = text(&format!("GIT_CONFIG_KEY_{number}"))?;
            Some((
                key,
                text(&format!("GIT_CONFIG_VALUE_{number}")).unwrap_or_default(),
            ))
        })
        .collect()
}

/// The variables that `Environment::from_process` reads, and those of the libraries.
pub(crate) const VARIABLES: [(&str, &str); 20] = [
    (
        "BBCONNECT_CONNECTION",
        "Connection to use, as with --connection",
    ),
    (
        "BBCONNECT_URL",
        "Server URL of an environment-only connection [default: https://bitbucket.org]",
    ),
    (
        "BBCONNECT_TOKEN",
        "Token or password of an environment-only connection",
    ),
    (
        "BBCONNECT_TOKEN_FILE",
        "File with the token in its first line",
    ),
    ("BBCONNECT_TOKEN_COMMAND", "Command that prints the token"),
    ("BBCONNECT_EMAIL", "Atlassian account email (API tokens)"),
    ("BBCONNECT_USERNAME", "User name (passwords)"),
    ("BBCONNECT_WORKSPACE", "Default workspace (Cloud)"),
    ("BBCONNECT_PROJECT", "Default project"),
    (
        "BBCONNECT_REPO",
        "Default repository: SLUG or NAMESPACE/SLUG",
    ),
    (
        "BBCONNECT_LEVEL",
        "Owner of the token: user, workspace, project or repo",
    ),
    (
        "BBCONNECT_DEPLOYMENT",
        "cloud or datacenter, if the URL doesn't show it",
    ),
    (
        "BBCONNECT_STORE",
        "Store for new secrets: keyring or file (encrypted)",
    ),
    (
        "BBCONNECT_STORE_PASSPHRASE_FILE",
        "File with the passphrase of the encrypted store",
    ),
    (
        "BBCONNECT_STORE_PASSPHRASE_CACHE",
        "Minutes for which Linux keeps the passphrase [default: 15]",
    ),
    (
        "BBCONNECT_CONFIG_DIR",
        "Directory of the files below [default: $XDG_CONFIG_HOME/bbconnect, on Windows %APPDATA%\\bbconnect]",
    ),
    ("BBCONNECT_NO_INPUT, CI", "Disable prompts"),
    ("NO_COLOR", "Disable colors"),
    (
        "HTTPS_PROXY, NO_PROXY",
        "Proxy, and hosts to connect to directly",
    ),
    (
        SSL_CERT_FILE,
        "CA certificates to trust (PEM; not on Windows and macOS)",
    ),
];

const SSL_CERT_FILE: &str = "SSL_CERT_FILE";

/// Completes the name of a saved connection.
pub(crate) fn connection_candidates() -> ArgValueCandidates {
    ArgValueCandidates::new(|| Environment::from_process().saved_connections())
}

/// The variables that have an effect on this system. The certificates of Windows and macOS are not in a file.
pub(crate) fn variables_of_this_system() -> Vec<(&'static str, &'static str)> {
    let has_store = cfg!(any(windows, target_vendor = "apple"));
    let variables = VARIABLES.into_iter();
    variables
        .filter(|(name, _)| *name != SSL_CERT_FILE || !has_store)
        .collect()
}

/// The files in the configuration directory.
pub(crate) const FILES: [(&str, &str); 3] = [
    ("connections.toml", "Connections, without secrets"),
    ("known_hosts", "Host keys of SSH servers"),
    ("secrets.json", "Secrets, encrypted (--store file)"),
];
