//! What a command can use: the command line's global flags, the environment, the terminal, the async runtime and the HTTP
//! clients of the process, and the services on top of them.

mod clients;
mod credential_check;
mod environment;
mod environment_connection;
mod git_credentials;
mod git_remote;
mod host_key_trust;
mod input;
mod key_registration;
mod oauth_session;
mod resolution;
mod secrets;
mod ssh_access;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task;

pub(crate) use credential_check::{ReachabilityCache, VerifiedCredential};
pub use environment::Environment;
pub(crate) use environment::{
    COMPLETION_VARIABLE, FILES, VARIABLES, connection_candidates, variables_of_this_system,
};
pub(crate) use git_credentials::{GitServer, HelperConnection};
pub(crate) use host_key_trust::{HostKeyEvidence, TrustPreview};
pub(crate) use key_registration::{KeyLocation, KeyRegistry, OnAccessMismatch};
pub(crate) use resolution::require_not_archived;
pub(crate) use secrets::{MAX_ATTEMPTS, StoreFallback};
pub(crate) use ssh_access::RetryPolicy;

use crate::bitbucket::HttpClients;
use crate::config::{ConnectionsError, ConnectionsFile};
use crate::error::Error;
use crate::git::Checkout;
use crate::secrets::{CommandRecords, EncryptedFile, Keyring};
use crate::ssh::HostConfig;
use crate::sys::atomic_file::LOCK_TIMEOUT;
use crate::sys::subprocess;
use crate::types::date::Date;
use crate::types::json_pointer::JsonPointer;
use crate::ui::{ColorChoice, Format, OutputOptions, Ui};

/// The time limit of a request, unless `--timeout` says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Flags that every command takes, before and after its name.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct GlobalOptions {
    /// Use this connection
    #[arg(short, long, global = true, value_name = "NAME", display_order = 990, add = connection_candidates())]
    pub connection: Option<String>,
    /// Print one JSON document, also on failure
    #[arg(long, global = true, display_order = 991)]
    pub json: bool,
    /// Print one value of the JSON document, such as /connections/0/name
    #[arg(long, global = true, hide = true, value_name = "POINTER")]
    pub get: Option<JsonPointer>,
    /// Print results and errors only
    #[arg(short, long, global = true, hide = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log requests and timings to stderr (secrets redacted)
    #[arg(short, long, global = true, hide = true)]
    pub verbose: bool,
    /// Disable prompts
    #[arg(long, global = true, hide = true)]
    pub no_input: bool,
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide = true,
        hide_possible_values = true,
        help = "When to use colors: auto, always, never"
    )]
    pub color: ColorChoice,
    /// Time limit of a request [default: 30], or of an OAuth sign-in [default: 300]
    #[arg(long, global = true, hide = true, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub timeout: Option<Duration>,
}

/// A time limit: whole seconds, up to a day.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (1..=86_400).contains(seconds));
    let limit = seconds.map(Duration::from_secs);
    limit.ok_or_else(|| "expected a number of seconds from 1 to 86400".to_owned())
}

/// The SSH configuration of hosts and users.
type SshConfigs = BTreeMap<(String, Option<String>), Option<HostConfig>>;

/// The program: what a command gets to work with.
#[derive(Debug)]
pub(crate) struct App {
    /// The only writer to standard output and standard error.
    pub ui: Ui,
    /// The definition of the whole command line, for completion scripts and manual pages.
    pub command_line: fn() -> clap::Command,
    flags: GlobalOptions,
    environment: Environment,
    may_ask: bool,
    connection_file: ConnectionsFile,
    /// The checkout that contains the current directory, once git has reported it.
    checkout: OnceLock<Option<Checkout>>,
    /// The records of token commands, once they are used.
    command_records: OnceLock<CommandRecords>,
    /// The keyring of the operating system, once it is used.
    keyring: OnceLock<Keyring>,
    /// The encrypted file, once its passphrase is known; its path, once every attempt was wrong.
    secrets_file: Mutex<Option<Result<EncryptedFile, PathBuf>>>,
    /// What `ssh` said about hosts and users.
    ssh_configs: Mutex<SshConfigs>,
    /// The warnings that were printed; `None` where warnings are disabled.
    warnings: Mutex<Option<BTreeSet<String>>>,
    runtime: AsyncRuntime,
    clients: HttpClients,
    /// The user was reminded that the credential expires soon.
    has_reminded: AtomicBool,
}

impl App {
    /// Builds it from the global flags and the environment.
    pub(crate) fn new(
        flags: &GlobalOptions,
        environment: &Environment,
        command_line: fn() -> clap::Command,
    ) -> Self {
        let ui = Ui::new(OutputOptions {
            format: if flags.json {
                Format::Json
            } else {
                Format::Text
            },
            quiet: flags.quiet,
            verbose: flags.verbose,
            color: flags.color,
            stdout_is_terminal: environment.stdout_is_terminal,
            stderr_is_terminal: environment.stderr_is_terminal,
            is_dumb_terminal: environment.is_dumb_terminal,
        })
        .with_pointer(flags.get.clone());
        if let Some(limit) = flags.timeout {
            subprocess::set_time_limit(limit);
        }
        let is_json = flags.json || flags.get.is_some();
        let forbidden = flags.no_input || is_json || environment.ci || environment.no_input;
        Self {
            ui,
            command_line,
            flags: flags.clone(),
            environment: environment.clone(),
            may_ask: environment.stdin_is_terminal && environment.stderr_is_terminal && !forbidden,
            connection_file: ConnectionsFile::in_dir(
                environment.config_dir().as_deref(),
                flags.timeout.unwrap_or(LOCK_TIMEOUT),
            ),
            checkout: OnceLock::new(),
            ssh_configs: Mutex::default(),
            command_records: OnceLock::new(),
            keyring: OnceLock::new(),
            secrets_file: Mutex::default(),
            warnings: Mutex::new(Some(BTreeSet::new())),
            runtime: AsyncRuntime::default(),
            clients: HttpClients::default(),
            has_reminded: AtomicBool::new(false),
        }
    }

    /// Whether prompts are allowed and there is a terminal for them.
    pub(crate) fn is_interactive(&self) -> bool {
        self.may_ask
    }

    /// Whether the result is text on a terminal.
    pub(crate) fn shows_text_on_terminal(&self) -> bool {
        self.environment.stdout_is_terminal && !self.flags.json && self.flags.get.is_none()
    }

    /// Today, in UTC.
    pub(crate) fn today(&self) -> Date {
        Date::today()
    }

    /// The connection that `--connection` names.
    pub(crate) fn named_connection(&self) -> Option<&str> {
        self.flags.connection.as_deref()
    }

    /// Whether `--quiet` is set.
    pub(crate) fn is_quiet(&self) -> bool {
        self.flags.quiet
    }

    /// The directory of the user's SSH keys, `~/.ssh`.
    pub(crate) fn ssh_dir(&self) -> Result<PathBuf, Error> {
        self.home()
            .map(|home| home.join(".ssh"))
            .ok_or(Error::HomeDirUnknown)
    }

    /// The user's home directory, where it is known.
    pub(crate) fn home(&self) -> Option<&Path> {
        self.environment.home.as_deref()
    }

    /// The user's own configuration files of git, whether they exist or not: `~/.gitconfig`, and `git/config` in
    /// `$XDG_CONFIG_HOME` or `~/.config`.
    pub(crate) fn git_config_files(&self) -> Vec<PathBuf> {
        let home = self.home();
        let below_home = || home.map(|home| home.join(".config"));
        let dir = self.environment.config_home.clone().or_else(below_home);
        let in_dir = dir.map(|dir| dir.join("git").join("config"));
        let in_home = home.map(|home| home.join(".gitconfig"));
        in_home.into_iter().chain(in_dir).collect()
    }

    /// The directory of our configuration.
    fn config_dir(&self) -> Result<PathBuf, Error> {
        let dir = self.environment.config_dir().ok_or(Error::HomeDirUnknown)?;
        if dir.is_relative() {
            return Err(ConnectionsError::RelativeDir(dir).into());
        }
        Ok(dir)
    }

    /// Prints a warning, once in a process.
    fn warn_once(&self, text: &str) {
        let mut printed = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |printed: &mut BTreeSet<String>| printed.insert(text.to_owned());
        if printed.as_mut().is_some_and(is_new) {
            self.ui.warn_insecure(text);
        }
    }

    /// Disables warnings: git runs its helper again and again.
    pub(crate) fn disable_warnings(&self) {
        *self.warnings.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How long another process may hold a lock.
    fn lock_timeout(&self) -> Duration {
        self.flags.timeout.unwrap_or(LOCK_TIMEOUT)
    }

    /// The directory of what is no configuration.
    pub(crate) fn state_dir(&self) -> Option<PathBuf> {
        self.environment.state_dir()
    }

    pub(crate) fn connection_file(&self) -> &ConnectionsFile {
        &self.connection_file
    }

    /// The hosts of the saved connections: with those others can be confused. Empty where the file cannot be read.
    #[must_use]
    pub(crate) fn saved_hosts(&self) -> Vec<String> {
        let Ok(connections) = self.connection_file().load() else {
            return Vec::new();
        };
        let hosts = connections.names().into_iter().filter_map(|name| {
            let (_, connection) = connections.get(&name).ok()?;
            connection.base_url.url().host_str().map(str::to_owned)
        });
        hosts.collect()
    }

    /// The checkout that contains the current directory; `None` where there is none. Git is asked once.
    pub(crate) fn checkout(&self) -> Result<Option<&Checkout>, Error> {
        if let Some(checkout) = self.checkout.get() {
            return Ok(checkout.as_ref());
        }
        let prefix = self.environment.variables.get("GIT_PREFIX");
        let checkout = Checkout::discover(prefix)?;
        Ok(self.checkout.get_or_init(|| checkout).as_ref())
    }

    /// A variable of the environment that is set to something, one of those that are read.
    pub(crate) fn environment_variable(&self, name: &'static str) -> Option<&str> {
        self.environment.variables.get(name)
    }

    /// `--timeout`, for a child process that otherwise takes as long as it needs.
    pub(crate) fn explicit_timeout(&self) -> Option<Duration> {
        self.flags.timeout
    }

    /// The time limit of each step of reaching a server.
    pub(crate) fn timeout(&self) -> Duration {
        self.flags.timeout.unwrap_or(TIMEOUT)
    }

    /// The time limit of a child process or of the keyring: that of `--timeout`, or `default`.
    pub(crate) fn child_timeout(&self, default: Duration) -> Duration {
        self.flags.timeout.unwrap_or(default)
    }

    /// Opens a page in one of the browsers that `BROWSER` names, else in that of the system. Returns whether one was started.
    /// Nothing but a page is opened, whatever a server calls its address.
    pub(crate) fn open_in_browser(&self, url: &str) -> bool {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return false;
        }
        match self.environment.variables.get("BROWSER") {
            Some(browsers) => browsers
                .split(if cfg!(windows) { ';' } else { ':' })
                .any(|browser| subprocess::open_with(browser, url)),
            None => subprocess::open_in_browser(url),
        }
    }
}

/// A single-threaded runtime that is built with its first use.
#[derive(Debug, Default)]
struct AsyncRuntime(OnceLock<io::Result<Runtime>>);

impl AsyncRuntime {
    /// Runs a future to completion. Several threads may call it at the same time; they share the I/O driver.
    fn block_on<T>(&self, future: impl Future<Output = T>) -> io::Result<T> {
        let runtime = self
            .0
            .get_or_init(|| Builder::new_current_thread().enable_all().build());
        let runtime = runtime
            .as_ref()
            .map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
        Ok(runtime.block_on(async {
            // Nothing drives pooled connections between two calls. The first yield polls the driver, the second lets a
            // connection that its server has closed meanwhile leave the pool before it is used again.
            task::yield_now().await;
            task::yield_now().await;
            future.await
        }))
    }
}

impl Drop for AsyncRuntime {
    fn drop(&mut self) {
        // Dropping a runtime waits for its blocking tasks: a name that is still being resolved would delay the exit.
        if let Some(Ok(runtime)) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
