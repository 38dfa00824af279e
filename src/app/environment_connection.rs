//! The connection that a pipeline describes with its environment: nothing of it is saved.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::environment::{Environment, Variables};
use crate::error::Error;
use crate::secrets::secret_from_command;
use crate::types::cloud_hosts;
use crate::types::connection::{
    Connection, ConnectionName, Credential, DetectedServer, SecretSource, StoredSecret, TokenLevel,
    TokenPrefix,
};
use crate::types::deployment::Deployment;
use crate::types::repository::{RepoRef, RepoRefError};
use crate::types::secret::Secret;

/// What is wrong where a pipeline's secret is not there.
pub(super) const EMPTY_TOKEN_MESSAGE: &str = "BBCONNECT_TOKEN is set, but empty";
/// The longest secret that is read, in bytes.
pub(super) const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// A connection that the environment describes: nothing of it is saved.
#[derive(Debug, Clone)]
pub(super) struct EnvConnection {
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

impl EnvConnection {
    /// The connection, where the environment names a secret; systemd's credential `bbconnect-token` counts as one.
    pub(super) fn of(environment: &Environment) -> Result<Option<Self>, Error> {
        let variables = &environment.variables;
        if let Some(name) = environment
            .unreadable
            .iter()
            .find(|name| name.starts_with("BBCONNECT_"))
        {
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
                    hint: Some("keep one of them".into()),
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
        let url = get("BBCONNECT_URL").unwrap_or_else(|| cloud_hosts::WEB_URL.to_owned());
        let detected: DetectedServer = url.parse().map_err(
            |error: crate::types::connection::BaseUrlError| Error::Usage {
                message: format!("BBCONNECT_URL: {error}"),
                hint: Some(error.hint().into()),
            },
        )?;
        let deployment = match get("BBCONNECT_DEPLOYMENT").as_deref() {
            None => detected.deployment,
            Some("cloud") => Deployment::Cloud,
            Some("datacenter") => Deployment::DataCenter,
            Some(_) => {
                return Err(Error::Usage {
                    message: "BBCONNECT_DEPLOYMENT is neither cloud nor datacenter".to_owned(),
                    hint: Some("export BBCONNECT_DEPLOYMENT=datacenter".into()),
                });
            }
        };
        let base_url = detected.http_base_url();
        if deployment == Deployment::DataCenter && base_url.is_cloud() {
            return Err(Error::Usage {
                message: "BBCONNECT_DEPLOYMENT is datacenter, and no server is named".to_owned(),
                hint: Some("export BBCONNECT_URL, the address of your server".into()),
            });
        }
        let (namespace, repository) = match get("BBCONNECT_REPO") {
            None => (detected.namespace, detected.repository),
            Some(text) => {
                let named: RepoRef = text.parse().map_err(|error: RepoRefError| Error::Usage {
                    message: format!("BBCONNECT_REPO: {error}"),
                    hint: Some("export BBCONNECT_REPO=NAMESPACE/SLUG".into()),
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
            return Err(Error::Usage {
                message: format!("the repository is in {one}, and {variable} is {other}"),
                hint: Some(format!("unset {variable}, or name the repository in it").into()),
            });
        }
        let pipeline = |name| get(name).filter(|_| is_cloud);
        let workspace = get("BBCONNECT_WORKSPACE")
            .or(namespace.clone().filter(|_| is_cloud))
            .or_else(|| pipeline("BITBUCKET_WORKSPACE"));
        let project = get("BBCONNECT_PROJECT").or(namespace.filter(|_| !is_cloud));
        // A pipeline's repository is not said to be what the token belongs to: it may be one of the whole workspace.
        let of_pipeline = pipeline("BITBUCKET_REPO_SLUG").filter(|_| repository.is_none());
        let level = TokenLevel::narrowest(repository.as_deref(), project.as_deref());
        let (email, username) = (get("BBCONNECT_EMAIL"), get("BBCONNECT_USERNAME"));
        let credential = match (is_cloud, email, username) {
            (true, Some(email), username) => Credential::ApiToken { email, username },
            (true, None, Some(username)) => Credential::AppPassword { username },
            (true, None, None) => Credential::AccessToken {
                level: of_pipeline.is_none().then_some(level),
                username: None,
            },
            (false, _, Some(username)) => Credential::Password { username },
            (false, _, None) => Credential::HttpAccessToken {
                level: None,
                username: None,
            },
        };
        let connection = Connection {
            workspace,
            project,
            repository: repository.or(of_pipeline),
            secret: Some(StoredSecret {
                source: SecretSource::Environment,
                origin: Some(base_url.origin()),
                website: None,
                rejected_on: None,
            }),
            ..Connection::new(deployment, base_url, credential)
        };
        // A name that follows the rules for names.
        Ok((
            "environment"
                .parse()
                .map_err(|_| Error::NoConnection(Vec::new()))?,
            connection,
        ))
    }

    /// The secret, as it was given.
    pub(super) fn secret(&self) -> Result<Secret, Error> {
        match &self.source {
            Source::Variable => Some(self.variables.get("BBCONNECT_TOKEN").unwrap_or_default())
                .filter(|token| !token.trim().is_empty())
                .map(|token| Secret::new(token.to_owned()))
                .ok_or(Error::EmptyToken(EMPTY_TOKEN_MESSAGE)),
            Source::File(path) => first_line(path)?.ok_or(Error::EmptyToken(
                "the file that BBCONNECT_TOKEN_FILE names begins with an empty line",
            )),
            Source::Command(command) => Ok(secret_from_command(command)?),
        }
    }

    /// The prefix of the token, where it is known without reading a file or running a command.
    pub(super) fn token_prefix(&self) -> TokenPrefix {
        match &self.source {
            Source::Variable => {
                let token = self.variables.get("BBCONNECT_TOKEN").unwrap_or_default();
                TokenPrefix::of(Secret::from_pasted(token).expose())
            }
            Source::File(_) | Source::Command(_) => TokenPrefix::Unknown,
        }
    }
}

/// The first line of a file.
pub(super) fn secret_in_file(path: &Path) -> Result<Secret, Error> {
    first_line(path)?.ok_or_else(|| Error::Usage {
        message: format!("{} begins with an empty line", path.display()),
        hint: None,
    })
}

/// The first line of a file, which may begin with a byte order mark; `None` for a blank one.
fn first_line(path: &Path) -> Result<Option<Secret>, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut text = Zeroizing::new(String::new());
    let file = fs::File::open(path).map_err(failed)?;
    file.take(MAX_SECRET_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > MAX_SECRET_BYTES {
        return Err(Error::Usage {
            message: format!("{} is longer than 64 KiB", path.display()),
            hint: None,
        });
    }
    let line = text.trim_start_matches('\u{feff}').lines().next();
    let line = line.filter(|line| !line.trim().is_empty());
    Ok(line.map(|line| Secret::new(line.to_owned())))
}
