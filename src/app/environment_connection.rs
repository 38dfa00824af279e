//! The connection that environment variables describe, for pipelines. It is never saved.

use std::path::{Path, PathBuf};

use super::App;
use super::environment::{Environment, Variables};
use crate::error::Error;
use crate::types::cloud_hosts;
use crate::types::connection::{
    BaseUrlError, Connection, ConnectionName, Credential, DetectedServer, SecretSource,
    StoredSecret, TokenLevel, TokenPrefix,
};
use crate::types::deployment::Deployment;
use crate::types::look_alike;
use crate::types::repository::{RepoRef, RepoRefError};
use crate::types::secret::Secret;

/// In a pipeline: the secret is not defined, or not for this branch.
pub(super) const EMPTY_TOKEN_MESSAGE: &str = "BBCONNECT_TOKEN is set, but empty";

#[derive(Debug, Clone)]
pub(super) struct EnvConnection {
    variables: Variables,
    source: Source,
}

/// Where the secret is read from.
#[derive(Debug, Clone)]
enum Source {
    Variable,
    File(PathBuf),
    Command(String),
}

/// What `BBCONNECT_LEVEL` says that the token belongs to.
fn level(
    value: Option<&str>,
    is_cloud: bool,
    has_account: bool,
) -> Result<Option<TokenLevel>, Error> {
    let Some(value) = value else {
        return Ok(None);
    };
    let allowed: &[TokenLevel] = match (has_account, is_cloud) {
        (true, _) => &[TokenLevel::User],
        (false, true) => &[TokenLevel::Workspace, TokenLevel::Project, TokenLevel::Repo],
        (false, false) => &[TokenLevel::User, TokenLevel::Project, TokenLevel::Repo],
    };
    if let Some(level) = allowed.iter().find(|level| level.name() == value) {
        return Ok(Some(*level));
    }
    let names: Vec<&str> = allowed.iter().map(|level| level.name()).collect();
    Err(Error::usage(
        format!("BBCONNECT_LEVEL must be {}", names.join(" or ")),
        "unset BBCONNECT_LEVEL, or export what the token belongs to",
    ))
}

impl EnvConnection {
    /// The connection, if the environment has a secret: one of the three variables, else the systemd credential
    /// `bbconnect-token`.
    pub(super) fn from_environment(environment: &Environment) -> Result<Option<Self>, Error> {
        let variables = &environment.variables;
        if let Some(name) = environment
            .unreadable
            .iter()
            .find(|name| name.starts_with("BBCONNECT_"))
        {
            return Err(Error::usage(format!("{name} is not valid UTF-8"), ""));
        }
        let credential = variables
            .get("CREDENTIALS_DIRECTORY")
            .map(|dir| Path::new(dir).join("bbconnect-token"));
        let sources: Vec<Source> = [
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
        let source = match <[Source; 1]>::try_from(sources) {
            Ok([source]) => source,
            Err(sources) if sources.is_empty() => match credential.filter(|path| path.is_file()) {
                Some(path) => Source::File(path),
                None => return Ok(None),
            },
            Err(_) => {
                return Err(Error::usage(
                    "only one of BBCONNECT_TOKEN, BBCONNECT_TOKEN_FILE and BBCONNECT_TOKEN_COMMAND can be set",
                    "unset the others",
                ));
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
        let url = get("BBCONNECT_URL").unwrap_or_else(|| cloud_hosts::WEB_URL.to_owned());
        let detected: DetectedServer = url.parse().map_err(|error: BaseUrlError| {
            Error::usage(format!("BBCONNECT_URL: {error}"), error.hint())
        })?;
        // A user name is of no use here, and one that looks like a host shows that another server is meant.
        if let (Some(user), host) = &detected.pasted_host
            && let Some(imitated) = look_alike::find(Some(user), host, &[])
        {
            return Err(Error::usage(
                format!("BBCONNECT_URL: {}", look_alike::warning(host, &imitated)),
                format!(
                    "set BBCONNECT_URL=https://{host}, without a user name, if {host} is meant"
                ),
            ));
        }
        let deployment = match get("BBCONNECT_DEPLOYMENT").as_deref() {
            None => detected.deployment,
            Some("cloud") => Deployment::Cloud,
            Some("datacenter") => Deployment::DataCenter,
            Some(_) => {
                return Err(Error::usage(
                    "BBCONNECT_DEPLOYMENT must be cloud or datacenter",
                    "set BBCONNECT_DEPLOYMENT=datacenter",
                ));
            }
        };
        let base_url = detected.http_base_url();
        if deployment == Deployment::DataCenter && base_url.is_cloud() {
            return Err(Error::usage(
                "BBCONNECT_DEPLOYMENT is datacenter, but BBCONNECT_URL is not set",
                "set BBCONNECT_URL to the URL of your server",
            ));
        }
        let (namespace, repository) = match get("BBCONNECT_REPO") {
            None => (detected.namespace, detected.repository),
            Some(text) => {
                let named: RepoRef = text.parse().map_err(|error: RepoRefError| {
                    let hint = "set BBCONNECT_REPO=NAMESPACE/SLUG";
                    Error::usage(format!("BBCONNECT_REPO: {error}"), hint)
                })?;
                (named.namespace.or(detected.namespace), Some(named.slug))
            }
        };
        let is_cloud = deployment == Deployment::Cloud;
        let variable = if is_cloud {
            "BBCONNECT_WORKSPACE"
        } else {
            "BBCONNECT_PROJECT"
        };
        if let (Some(one), Some(other)) = (&namespace, get(variable))
            && !one.eq_ignore_ascii_case(&other)
        {
            return Err(Error::usage(
                format!("the repository is in {one}, but {variable} is {other}"),
                format!("unset {variable}, or set BBCONNECT_REPO to a repository in {other}"),
            ));
        }
        // Bitbucket Pipelines sets these variables, which are those of Cloud.
        let pipeline = |name| get(name).filter(|_| is_cloud);
        let workspace = get("BBCONNECT_WORKSPACE")
            .or(namespace.clone().filter(|_| is_cloud))
            .or_else(|| pipeline("BITBUCKET_WORKSPACE"));
        let project = get("BBCONNECT_PROJECT").or(namespace.filter(|_| !is_cloud));
        // The token may belong to the whole workspace, not only to the repository of the pipeline.
        let of_pipeline = pipeline("BITBUCKET_REPO_SLUG").filter(|_| repository.is_none());
        let narrowest = TokenLevel::narrowest(repository.as_deref(), project.as_deref());
        let (email, username) = (get("BBCONNECT_EMAIL"), get("BBCONNECT_USERNAME"));
        let has_account = username.is_some() || is_cloud && email.is_some();
        let level = level(get("BBCONNECT_LEVEL").as_deref(), is_cloud, has_account)?;
        let credential = match (is_cloud, email, username) {
            (true, Some(email), username) => Credential::ApiToken { email, username },
            (true, None, Some(username)) => Credential::AppPassword { username },
            (true, None, None) => Credential::AccessToken {
                level: level.or_else(|| of_pipeline.is_none().then_some(narrowest)),
                username: None,
            },
            (false, _, Some(username)) => Credential::Password { username },
            (false, _, None) => Credential::HttpAccessToken {
                level,
                username: None,
            },
        };
        let connection = Connection {
            workspace,
            project,
            repository: repository.or(of_pipeline),
            secret: Some(StoredSecret::new(SecretSource::Environment)),
            ..Connection::new(deployment, base_url, credential)
        };
        Ok((ConnectionName::environment(), connection))
    }

    pub(super) fn secret(&self, app: &App) -> Result<Secret, Error> {
        match &self.source {
            Source::Variable => Some(self.variables.get("BBCONNECT_TOKEN").unwrap_or_default())
                .filter(|token| !token.trim().is_empty())
                .map(|token| Secret::new(token.trim_start_matches('\u{feff}').to_owned()))
                .ok_or(Error::EmptyToken(EMPTY_TOKEN_MESSAGE)),
            Source::File(path) => app.first_line_of_file(path)?.ok_or(Error::EmptyToken(
                "the first line of the file in BBCONNECT_TOKEN_FILE is empty",
            )),
            Source::Command(command) => app.secret_of_command(command),
        }
    }

    /// The prefix of the token, where it is known without reading a file or running a command.
    pub(super) fn token_prefix(&self) -> TokenPrefix {
        match &self.source {
            Source::Variable => {
                let token = self.variables.get("BBCONNECT_TOKEN").unwrap_or_default();
                TokenPrefix::from_token(Secret::from_pasted(token).expose())
            }
            Source::File(_) | Source::Command(_) => TokenPrefix::Unknown,
        }
    }
}
