//! The environment, read once; and the connection that a pipeline describes with it.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::Error;
use crate::model::connection::{Auth, Connection, ConnectionName, Found, Level, StoreKind};
use crate::model::deployment::Deployment;
use crate::model::secret::Secret;
use crate::store::{CommandStore, SecretStore as _};

/// What the process was started with, beside its arguments.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact about the process"
)]
pub struct Environment {
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// `CI=true`: a pipeline, where nobody can be asked.
    pub ci: bool,
    /// `BBCONNECT_NO_INPUT` is set to something.
    pub no_input: bool,
    /// Standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// `BBCONNECT_CONNECTION`
    pub connection: Option<String>,
    /// `BBCONNECT_TOKEN` is set, to nothing: a secret that a pipeline does not have.
    pub(super) token_is_empty: bool,
    /// This program, as it is found on the `PATH`, else where it is.
    pub(super) program: Option<PathBuf>,
    /// `GIT_CONFIG_KEY_…` and `GIT_CONFIG_VALUE_…`, as many as `GIT_CONFIG_COUNT` says.
    pub(super) git_config: Vec<(String, String)>,
    /// The folder of the configuration, where a variable names it.
    pub config: Option<PathBuf>,
    /// The variables that describe a connection, and those of stores.
    pub(super) variables: Variables,
    /// Those of them that are not text.
    pub(super) unreadable: Vec<&'static str>,
}

/// Variables by name. Their values may be secrets, so they are not shown.
#[derive(Clone, Default)]
pub(super) struct Variables(BTreeMap<&'static str, String>);

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The longest file of a secret that is read, in bytes.
const MOST_SECRET_BYTES: u64 = 64 * 1024;

/// The variables that are read, beside those with a field of their own.
const NAMES: [&str; 16] = [
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
    "BITBUCKET_WORKSPACE",
    "BITBUCKET_REPO_SLUG",
    "BBCONNECT_STORE",
    "BBCONNECT_STORE_PASSPHRASE_FILE",
    "CREDENTIALS_DIRECTORY",
    "GIT_SSH_COMMAND",
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
    pub fn of_process() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).and_then(|value| value.into_string().ok());
        let truthy = |name: &str| {
            text(name).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
        };
        let config_home =
            set("XDG_CONFIG_HOME").map(|folder| PathBuf::from(folder).join("bbconnect"));
        Self {
            home: env::home_dir().filter(|home| !home.as_os_str().is_empty()),
            ci: truthy("CI"),
            no_input: truthy("BBCONNECT_NO_INPUT"),
            stdin_is_terminal: io::stdin().is_terminal(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            connection: text("BBCONNECT_CONNECTION"),
            program: program(),
            git_config: git_config(&text),
            token_is_empty: env::var_os("BBCONNECT_TOKEN").is_some_and(|token| token.is_empty()),
            config: set("BBCONNECT_CONFIG_DIR")
                .map(PathBuf::from)
                .or(config_home),
            variables: Variables(
                NAMES
                    .into_iter()
                    .filter_map(|name| Some((name, text(name)?)))
                    .collect(),
            ),
            unreadable: NAMES
                .into_iter()
                .filter(|name| set(name).is_some() && text(name).is_none())
                .collect(),
        }
    }
}

/// Where this program is: the link on the `PATH` that leads to it, which outlives an update, else the file itself.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
fn program() -> Option<PathBuf> {
    let own = env::current_exe().ok()?;
    let same = |found: &PathBuf| fs::canonicalize(found).ok() == fs::canonicalize(&own).ok();
    let path = env::var_os("PATH").unwrap_or_default();
    let name = format!("bbconnect{}", env::consts::EXE_SUFFIX);
    let found = env::split_paths(&path)
        .map(|folder| folder.join(&name))
        .find(same);
    found.or(Some(own))
}

/// What git-config(1) says of the environment. No shell has more entries than are looked at.
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

/// A connection that the environment describes: nothing of it is saved.
#[derive(Debug, Clone)]
pub(super) struct EnvironmentConnection {
    variables: Variables,
    source: Source,
}

/// Where its secret comes from.
#[derive(Debug, Clone)]
enum Source {
    Variable,
    File(PathBuf),
    Command(String),
}

impl EnvironmentConnection {
    /// The connection, where the environment names a secret; systemd's credential `bbconnect-token` counts as one.
    pub(super) fn of(environment: &Environment) -> Result<Option<Self>, Error> {
        let variables = &environment.variables;
        if let Some(name) = environment.unreadable.first() {
            return Err(Error::Usage {
                message: format!("{name} is not text"),
                hint: None,
            });
        }
        let credential = variables
            .get("CREDENTIALS_DIRECTORY")
            .map(|folder| Path::new(folder).join("bbconnect-token"));
        let given: Vec<Source> = [
            variables.get("BBCONNECT_TOKEN").map(|_| Source::Variable),
            variables
                .get("BBCONNECT_TOKEN_FILE")
                .map(|path| Source::File(path.into())),
            variables
                .get("BBCONNECT_TOKEN_COMMAND")
                .map(|command| Source::Command(command.to_owned())),
        ]
        .into_iter()
        .flatten()
        .collect();
        let source = match <[Source; 1]>::try_from(given) {
            Ok([source]) => source,
            Err(given) if given.is_empty() => match credential.filter(|path| path.is_file()) {
                Some(path) => Source::File(path),
                None => return Ok(None),
            },
            Err(_) => {
                return Err(Error::Usage {
                    message: "more than one of BBCONNECT_TOKEN, BBCONNECT_TOKEN_FILE and BBCONNECT_TOKEN_COMMAND is set".to_owned(),
                    hint: Some("keep one of them".to_owned()),
                });
            }
        };
        Ok(Some(Self {
            variables: variables.clone(),
            source,
        }))
    }

    /// The connection that the variables describe.
    pub(super) fn connection(&self) -> Result<(ConnectionName, Connection), Error> {
        let get = |name| self.variables.get(name).map(str::to_owned);
        let url = get("BBCONNECT_URL").unwrap_or_else(|| "https://bitbucket.org".to_owned());
        let found: Found = url.parse().map_err(
            |error: crate::model::connection::BaseUrlError| Error::Usage {
                message: format!("BBCONNECT_URL: {error}"),
                hint: Some(error.hint()),
            },
        )?;
        let deployment = match get("BBCONNECT_DEPLOYMENT").as_deref() {
            None => found.deployment,
            Some("cloud") => Deployment::Cloud,
            Some("datacenter") => Deployment::DataCenter,
            Some(_) => {
                return Err(Error::Usage {
                    message: "BBCONNECT_DEPLOYMENT is neither cloud nor datacenter".to_owned(),
                    hint: None,
                });
            }
        };
        let (email, username) = (get("BBCONNECT_EMAIL"), get("BBCONNECT_USERNAME"));
        let auth = match (deployment, &email, &username) {
            (Deployment::Cloud, Some(_), _) => Auth::ApiToken,
            (Deployment::Cloud, None, Some(_)) => Auth::AppPassword,
            (Deployment::Cloud, None, None) => Auth::AccessToken,
            (Deployment::DataCenter | Deployment::Unknown, _, Some(_)) => Auth::Password,
            (Deployment::DataCenter | Deployment::Unknown, _, None) => Auth::HttpAccessToken,
        };
        let (namespace, repository) = match get("BBCONNECT_REPO") {
            None => (found.namespace, found.repository),
            Some(text) => match text.split_once('/') {
                Some((namespace, slug)) => (Some(namespace.to_owned()), Some(slug.to_owned())),
                None => (found.namespace, Some(text)),
            },
        };
        let is_cloud = deployment == Deployment::Cloud;
        let pipeline = |name| get(name).filter(|_| is_cloud);
        let workspace = get("BBCONNECT_WORKSPACE")
            .or(namespace.clone().filter(|_| is_cloud))
            .or_else(|| pipeline("BITBUCKET_WORKSPACE"));
        let project = get("BBCONNECT_PROJECT").or(namespace.filter(|_| !is_cloud));
        let repository = repository.or_else(|| pipeline("BITBUCKET_REPO_SLUG"));
        let connection = Connection {
            base_url: found.base_url.clone(),
            email,
            username,
            level: (auth == Auth::AccessToken)
                .then(|| Level::of(repository.as_deref(), project.as_deref())),
            workspace,
            project,
            repository,
            store: Some(StoreKind::Environment),
            secret_origin: Some(found.base_url.origin()),
            ..Connection::new(deployment, found.base_url, auth)
        };
        // A name that follows the rules for names.
        Ok((
            "environment"
                .parse()
                .map_err(|_| Error::NoConnection(Vec::new()))?,
            connection,
        ))
    }

    /// The secret.
    pub(super) fn secret(&self) -> Result<Option<Secret>, Error> {
        match &self.source {
            Source::Variable => Ok(self
                .variables
                .get("BBCONNECT_TOKEN")
                .map(Secret::pasted)
                .filter(|token| !token.expose().is_empty())),
            Source::File(path) => secret_in_file(path).map(Some),
            Source::Command(command) => Ok(CommandStore::new(command).get("environment")?),
        }
    }
}

/// The first line of a file, which may begin with a byte order mark.
pub(super) fn secret_in_file(path: &Path) -> Result<Secret, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut text = Zeroizing::new(String::new());
    let file = fs::File::open(path).map_err(failed)?;
    file.take(MOST_SECRET_BYTES)
        .read_to_string(&mut text)
        .map_err(failed)?;
    match text
        .trim_start_matches('\u{feff}')
        .lines()
        .next()
        .map(str::trim)
    {
        Some(line) if !line.is_empty() => Ok(Secret::pasted(line)),
        Some(_) | None => Err(Error::Usage {
            message: format!("{} begins with an empty line", path.display()),
            hint: None,
        }),
    }
}
