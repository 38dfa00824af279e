//! Bitbucket Pipelines: variables, the SSH key pair and the known hosts of a repository.

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Cloud;
use super::repositories::repo_path;
use crate::bitbucket::client::{ApiError, Response, null_as_default};
use crate::types::pipelines::{Variable, VariableOwner};
use crate::types::public_key::PublicKey;
use crate::types::repository::RepoId;

#[derive(Debug, Deserialize)]
struct WireVariable {
    uuid: Option<String>,
    key: String,
    value: Option<String>,
    secured: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct WireEnvironment {
    uuid: String,
    #[serde(default, deserialize_with = "null_as_default")]
    name: String,
}

#[derive(Debug, Deserialize)]
struct WireKeyPair {
    public_key: Option<String>,
}

#[derive(Debug, Deserialize)]
struct WireKnownHost {
    uuid: Option<String>,
    hostname: String,
    public_key: Option<WirePublicKey>,
}

#[derive(Debug, Deserialize)]
struct WirePublicKey {
    key_type: Option<String>,
    key: Option<String>,
}

/// A host that the builds of a repository trust.
#[derive(Debug, Clone)]
pub(crate) struct PipelinesKnownHost {
    pub id: Option<String>,
    /// As in a `known_hosts` file: `host`, or `[host]:port`.
    pub hostname: String,
    pub key: Option<PublicKey>,
}

impl From<WireVariable> for Variable {
    fn from(wire: WireVariable) -> Self {
        Self {
            id: wire.uuid,
            key: wire.key,
            // An empty value is reported for secured variables.
            value: wire.value.filter(|_| wire.secured == Some(false)),
            secured: wire.secured,
        }
    }
}

impl From<WireKnownHost> for PipelinesKnownHost {
    fn from(wire: WireKnownHost) -> Self {
        let key = wire.public_key.and_then(|key| {
            let line = format!("{} {}", key.key_type?, key.key?);
            line.parse().ok()
        });
        Self {
            id: wire.uuid,
            hostname: wire.hostname,
            key,
        }
    }
}

impl Cloud {
    /// The deployment environment with a name, or the names of all.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-deployments/#api-repositories-workspace-repo-slug-environments-get>
    pub(crate) async fn environment_id(
        &self,
        repo: &RepoId,
        name: &str,
    ) -> Result<Result<String, Vec<String>>, ApiError> {
        let all: Vec<WireEnvironment> = self
            .http
            .pages(&repo_path(repo, &["environments"]), &[])
            .await?;
        let found = all.iter().find(|one| one.name == name || one.uuid == name);
        Ok(match found {
            Some(environment) => Ok(environment.uuid.clone()),
            None => Err(all.into_iter().map(|one| one.name).collect()),
        })
    }

    /// All variables of an owner.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines/#api-repositories-workspace-repo-slug-pipelines-config-variables-get>,
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines/#api-workspaces-workspace-pipelines-config-variables-get>,
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines/#api-repositories-workspace-repo-slug-deployments-config-environments-environment-uuid-variables-get>
    pub(crate) async fn variables(&self, owner: &VariableOwner) -> Result<Vec<Variable>, ApiError> {
        let path = variables_path(owner, None);
        let all: Vec<WireVariable> = self.http.pages(&path, &[("pagelen", "100")]).await?;
        Ok(all.into_iter().map(Variable::from).collect())
    }

    /// Creates a variable, or updates the one with this id. `None` where one with this name was created meanwhile.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines/#api-repositories-workspace-repo-slug-pipelines-config-variables-post>,
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines/#api-repositories-workspace-repo-slug-pipelines-config-variables-variable-uuid-put>
    pub(crate) async fn write_variable(
        &self,
        owner: &VariableOwner,
        id: Option<&str>,
        key: &str,
        value: &str,
        secured: bool,
    ) -> Result<Option<Variable>, ApiError> {
        let kind = match owner {
            VariableOwner::Repository(_) | VariableOwner::Workspace(_) => "pipeline_variable",
            VariableOwner::Environment { .. } => "deployment_variable",
        };
        let body = json!({"type": kind, "key": key, "value": value, "secured": secured});
        let method = if id.is_some() {
            Method::PUT
        } else {
            Method::POST
        };
        let path = variables_path(owner, id);
        let response = self.http.write(method, &path, &[], &body).await?;
        if id.is_none() && response.status() == StatusCode::CONFLICT {
            return Ok(None);
        }
        let written: WireVariable = response.json()?;
        require_echo("key", &written.key, key)?;
        Ok(Some(written.into()))
    }

    /// Removes a variable.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines/#api-repositories-workspace-repo-slug-pipelines-config-variables-variable-uuid-delete>
    pub(crate) async fn remove_variable(
        &self,
        owner: &VariableOwner,
        id: &str,
    ) -> Result<(), ApiError> {
        let path = variables_path(owner, Some(id));
        self.http.delete(&path).await?.written()
    }

    /// The public half of the SSH key pair of a repository's builds; `None` where none is set.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines/#api-repositories-workspace-repo-slug-pipelines-config-ssh-key-pair-get>
    pub(crate) async fn pipelines_key(&self, repo: &RepoId) -> Result<Option<PublicKey>, ApiError> {
        let path = repo_path(repo, &["pipelines_config", "ssh", "key_pair"]);
        let response = self.http.get(&path, &[]).await?;
        if response.status() == StatusCode::NOT_FOUND {
            // Also the status of a repository that cannot be seen.
            self.repository(repo).await?;
            return Ok(None);
        }
        public_key(&response)
    }

    /// Sets the SSH key pair of a repository's builds. The private key is sent to Bitbucket.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines/#api-repositories-workspace-repo-slug-pipelines-config-ssh-key-pair-put>
    pub(crate) async fn set_pipelines_key(
        &self,
        repo: &RepoId,
        private: &str,
        public: &PublicKey,
    ) -> Result<(), ApiError> {
        let path = repo_path(repo, &["pipelines_config", "ssh", "key_pair"]);
        let body = json!({
            "type": "pipeline_ssh_key_pair",
            "private_key": private,
            "public_key": public.to_openssh_without_comment(),
        });
        let response = self.http.write(Method::PUT, &path, &[], &body).await?;
        match public_key(&response)? {
            Some(set) if set != *public => Err(ApiError::decode(
                "public_key",
                "it is another key than the one that was sent",
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Removes the SSH key pair of a repository's builds.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines/#api-repositories-workspace-repo-slug-pipelines-config-ssh-key-pair-delete>
    pub(crate) async fn remove_pipelines_key(&self, repo: &RepoId) -> Result<(), ApiError> {
        let path = repo_path(repo, &["pipelines_config", "ssh", "key_pair"]);
        self.http.delete(&path).await?.written()
    }

    /// The hosts that a repository's builds trust.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines/#api-repositories-workspace-repo-slug-pipelines-config-ssh-known-hosts-get>
    pub(crate) async fn pipelines_known_hosts(
        &self,
        repo: &RepoId,
    ) -> Result<Vec<PipelinesKnownHost>, ApiError> {
        let path = known_hosts_path(repo, None);
        let all: Vec<WireKnownHost> = self.http.pages(&path, &[("pagelen", "100")]).await?;
        Ok(all.into_iter().map(PipelinesKnownHost::from).collect())
    }

    /// Adds a host that a repository's builds trust. `None` where one with this name was created meanwhile.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines/#api-repositories-workspace-repo-slug-pipelines-config-ssh-known-hosts-post>
    pub(crate) async fn add_pipelines_known_host(
        &self,
        repo: &RepoId,
        hostname: &str,
        key: &PublicKey,
    ) -> Result<Option<PipelinesKnownHost>, ApiError> {
        let line = key.to_openssh_without_comment();
        let (key_type, encoded) = line.split_once(' ').unwrap_or_default();
        let body = json!({
            "type": "pipeline_known_host",
            "hostname": hostname,
            "public_key": {
                "type": "pipeline_ssh_public_key",
                "key_type": key_type,
                "key": encoded,
            },
        });
        let path = known_hosts_path(repo, None);
        let response = self.http.write(Method::POST, &path, &[], &body).await?;
        if response.status() == StatusCode::CONFLICT {
            return Ok(None);
        }
        let created: WireKnownHost = response.json()?;
        require_echo("hostname", &created.hostname, hostname)?;
        Ok(Some(created.into()))
    }

    /// Removes a host that a repository's builds trust.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines/#api-repositories-workspace-repo-slug-pipelines-config-ssh-known-hosts-known-host-uuid-delete>
    pub(crate) async fn remove_pipelines_known_host(
        &self,
        repo: &RepoId,
        id: &str,
    ) -> Result<(), ApiError> {
        let path = known_hosts_path(repo, Some(id));
        self.http.delete(&path).await?.written()
    }
}

fn variables_path<'a>(owner: &'a VariableOwner, id: Option<&'a str>) -> Vec<&'a str> {
    let mut path = match owner {
        VariableOwner::Repository(repo) => repo_path(repo, &["pipelines_config", "variables"]),
        VariableOwner::Workspace(workspace) => {
            vec!["workspaces", workspace, "pipelines-config", "variables"]
        }
        VariableOwner::Environment { repo, id, .. } => repo_path(
            repo,
            &["deployments_config", "environments", id, "variables"],
        ),
    };
    path.extend(id);
    path
}

fn known_hosts_path<'a>(repo: &'a RepoId, id: Option<&'a str>) -> Vec<&'a str> {
    let mut path = repo_path(repo, &["pipelines_config", "ssh", "known_hosts"]);
    path.extend(id);
    path
}

fn public_key(response: &Response) -> Result<Option<PublicKey>, ApiError> {
    let pair: WireKeyPair = response.json()?;
    let Some(line) = pair.public_key.filter(|line| !line.trim().is_empty()) else {
        return Ok(None);
    };
    let key = line.trim().parse();
    key.map(Some)
        .map_err(|_| ApiError::decode("public_key", "it is not a public key"))
}

/// A response that describes another resource than the one that was written is no success.
fn require_echo(field: &str, found: &str, sent: &str) -> Result<(), ApiError> {
    if found == sent {
        return Ok(());
    }
    Err(ApiError::decode(
        field,
        format!("it is {}, not {sent}", Value::from(found)),
    ))
}
