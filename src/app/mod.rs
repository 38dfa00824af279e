//! What a command may know of the world around it: flags, environment, folders, terminal; the connection that applies.

mod api_errors;
mod default_repository;
mod environment;
mod environment_connection;
mod git_credentials;
mod host_key_trust;
mod input;
mod key_location;
mod key_registration;
mod oauth_session;
mod push_target;
mod resolve;
mod same_server;
mod secret_line;
mod secrets;
mod ssh_access;
mod ssh_connections;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use environment::Environment;
pub(crate) use host_key_trust::HostKeyEvidence;
pub(crate) use key_location::KeyLocation;
pub(crate) use key_registration::OnAccessMismatch;
pub(crate) use resolve::{SelectedConnection, SelectionReason};
pub(crate) use ssh_access::RetryPolicy;
pub(crate) use ssh_connections::SshConnection;

use crate::bitbucket::{Authorization, Bitbucket, Cloud, DataCenter, Http, HttpSettings, Trace};
use crate::config::ConnectionsFile;
use crate::error::Error;
use crate::types::connection::{AuthMethod, Connection, Credential};
use crate::types::date::Date;
use crate::types::deployment::Deployment;
use crate::types::repository::{RepoId, RepoRef};
use crate::types::secret::Secret;
use crate::ui::{ColorChoice, Format, OutputOptions, Ui};

/// A whole question to a server may take this long unless `--timeout` says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What the global flags say.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct GlobalOptions {
    /// `--connection`
    pub connection: Option<String>,
    /// `--json`
    pub json: bool,
    /// `--quiet`
    pub quiet: bool,
    /// `--verbose`
    pub verbose: bool,
    /// `--no-input`
    pub no_input: bool,
    /// `--color`
    pub color: ColorChoice,
    /// `--timeout`
    pub timeout: Option<Duration>,
}

/// What a command may know of the world around it.
#[derive(Debug)]
pub(crate) struct App {
    /// Where results and everything else are written.
    pub ui: Ui,
    /// The definition of the whole command line, for completion scripts and manual pages.
    pub command_line: fn() -> clap::Command,
    flags: GlobalOptions,
    environment: Environment,
    may_ask: bool,
    secrets_file: secrets::SecretsFile,
}

impl App {
    /// Makes a command's context of the global flags and the environment.
    #[must_use]
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
        });
        let forbidden = flags.no_input || flags.json || environment.ci || environment.no_input;
        Self {
            ui,
            command_line,
            flags: flags.clone(),
            environment: environment.clone(),
            may_ask: environment.stdin_is_terminal && environment.stderr_is_terminal && !forbidden,
            secrets_file: secrets::SecretsFile::default(),
        }
    }

    /// Whether somebody sits at the terminal who may be asked.
    #[must_use]
    pub(crate) fn is_interactive(&self) -> bool {
        self.may_ask
    }

    /// Today, in UTC.
    #[must_use]
    pub(crate) fn today(&self) -> Date {
        Date::today()
    }

    /// The connection that `--connection` names.
    #[must_use]
    pub(crate) fn named_connection(&self) -> Option<&str> {
        self.flags.connection.as_deref()
    }

    /// Whether results and errors alone are wanted.
    #[must_use]
    pub(crate) fn is_quiet(&self) -> bool {
        self.flags.quiet
    }

    /// The folder of the user's SSH keys, `~/.ssh`.
    ///
    /// # Errors
    /// [`Error::HomeDirUnknown`] where the system does not tell the home folder.
    pub(crate) fn ssh_dir(&self) -> Result<PathBuf, Error> {
        self.environment
            .home
            .as_ref()
            .map(|home| home.join(".ssh"))
            .ok_or(Error::HomeDirUnknown)
    }

    /// The user's home folder, where the system tells it.
    #[must_use]
    pub(crate) fn home(&self) -> Option<&Path> {
        self.environment.home.as_deref()
    }

    /// The user's own configuration of git, whether it is there or not: `~/.gitconfig`, and `git/config` in
    /// `$XDG_CONFIG_HOME` or `~/.config`.
    #[must_use]
    pub(crate) fn git_config_files(&self) -> Vec<PathBuf> {
        let home = self.home();
        let below_home = || home.map(|home| home.join(".config"));
        let folder = self.environment.config_home.clone().or_else(below_home);
        let in_folder = folder.map(|folder| folder.join("git").join("config"));
        let in_home = home.map(|home| home.join(".gitconfig"));
        in_home.into_iter().chain(in_folder).collect()
    }

    /// The folder of our configuration: `BBCONNECT_CONFIG_DIR`, `$XDG_CONFIG_HOME/bbconnect`, `~/.config/bbconnect`.
    ///
    /// # Errors
    /// [`Error::HomeDirUnknown`] where none of them is known.
    pub(super) fn config_dir(&self) -> Result<PathBuf, Error> {
        let below_home = || Some(self.home()?.join(".config").join("bbconnect"));
        let named = self.environment.config.clone();
        named.or_else(below_home).ok_or(Error::HomeDirUnknown)
    }

    /// The file of connections.
    #[must_use]
    pub(crate) fn connection_file(&self) -> ConnectionsFile {
        ConnectionsFile::in_folder(self.config_dir().ok().as_deref())
    }

    /// How long a stage of reaching a server may take.
    #[must_use]
    pub(crate) fn timeout(&self) -> Duration {
        self.flags.timeout.unwrap_or(TIMEOUT)
    }

    /// The Bitbucket of a connection, asked as nobody.
    #[must_use]
    pub(crate) fn anonymous_client(&self, connection: &Connection) -> Bitbucket {
        self.client_authorized_as(connection, Authorization::None)
    }

    /// The Bitbucket of a connection, asked as whoever the secret stands for. Nothing is sent yet.
    #[must_use]
    pub(crate) fn client_with_secret(&self, connection: &Connection, secret: Secret) -> Bitbucket {
        let authorization = match &connection.credential {
            Credential::Ssh { .. } => Authorization::None,
            Credential::ApiToken { email: user, .. }
            | Credential::AppPassword { username: user }
            | Credential::Password { username: user } => Authorization::Basic {
                user: user.clone(),
                secret,
            },
            Credential::AccessToken { .. }
            | Credential::HttpAccessToken { .. }
            | Credential::OAuth { .. }
            | Credential::ClientCredentials { .. } => Authorization::Bearer(secret),
        };
        self.client_authorized_as(connection, authorization)
    }

    fn client_authorized_as(
        &self,
        connection: &Connection,
        authorization: Authorization,
    ) -> Bitbucket {
        let (settings, trace) = self.http_settings(connection);
        let http = Http::new(connection.base_url.clone(), authorization, settings, trace);
        match connection.deployment {
            Deployment::Cloud => Bitbucket::Cloud(Cloud::new(http)),
            Deployment::DataCenter | Deployment::Unknown => {
                Bitbucket::DataCenter(DataCenter::new(http))
            }
        }
    }

    /// How the servers of a connection are reached, and where lines about it go.
    fn http_settings(&self, connection: &Connection) -> (HttpSettings, Trace) {
        let settings = HttpSettings {
            timeout: self.flags.timeout.unwrap_or(TIMEOUT),
            ca_cert: connection.network.ca_cert.clone(),
            client_cert: connection.network.client_identity.clone(),
            proxy: connection.network.proxy.clone(),
            allow_http: connection.network.allow_http,
        };
        let ui = self.ui.clone();
        (settings, Box::new(move |line: &str| ui.debug(line)))
    }

    /// The connection that applies, and its Bitbucket. Nothing is sent yet.
    ///
    /// # Errors
    /// Where no connection applies, it has no REST, or its secret cannot be had or may not be sent there.
    pub(crate) fn client(&self) -> Result<(SelectedConnection, Bitbucket), Error> {
        let selected = self.select()?;
        let bitbucket = self.authenticated_client(&selected)?;
        Ok((selected, bitbucket))
    }

    /// The Bitbucket of a connection that was chosen. Nothing is sent yet.
    ///
    /// # Errors
    /// As [`App::client`].
    pub(crate) fn authenticated_client(
        &self,
        selected: &SelectedConnection,
    ) -> Result<Bitbucket, Error> {
        if selected.connection.auth() == AuthMethod::Ssh {
            return Err(Error::SshOnlyConnection(selected.name.to_string()));
        }
        let secret = self.secret_of(selected)?;
        Ok(self.client_with_secret(&selected.connection, secret))
    }

    /// The connection for a repository that was named, its Bitbucket, and the repository there. Nothing is sent yet.
    ///
    /// # Errors
    /// As [`App::select_for_repo`] and [`App::client`].
    pub(crate) fn client_for_repo(
        &self,
        named: &RepoRef,
    ) -> Result<(SelectedConnection, Bitbucket, RepoId), Error> {
        let (selected, repo) = self.select_for_repo(named)?;
        let bitbucket = self.authenticated_client(&selected)?;
        Ok((selected, bitbucket, repo))
    }

    /// Waits for what talks to the network. The runtime lives as long as the question.
    ///
    /// # Errors
    /// [`Error::Runtime`] where the system gives no event queue.
    pub(crate) fn block_on<T>(&self, question: impl Future<Output = T>) -> Result<T, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Runtime)?;
        let answer = runtime.block_on(question);
        // A name that is still being resolved must not keep the program.
        runtime.shutdown_background();
        Ok(answer)
    }
}
