//! SSH keys of repositories, projects and accounts, on Cloud. Keys of repositories and projects are read-only, always.

use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::Cloud;
use crate::bitbucket::client::ApiError;
use crate::types::date::{Timestamp, deserialize_lenient};
use crate::types::public_key::PublicKey;
use crate::types::registered_key::{
    Access, KeyKind, KeyOwner, NewKey, RegisterOutcome, RegisteredKey,
};

/// The largest page of most lists.
const PAGE_LENGTH: (&str, &str) = ("pagelen", "100");

/// A key. Those of repositories have a number, those of users a UUID; the documentation's examples write `created_on`
/// where its schema has `added_on`.
#[derive(Debug, Deserialize)]
struct Key {
    id: Option<u64>,
    uuid: Option<String>,
    #[serde(rename = "key")]
    line: Option<String>,
    comment: Option<String>,
    label: Option<String>,
    #[serde(default, deserialize_with = "deserialize_lenient")]
    created_on: Option<Timestamp>,
    #[serde(default, deserialize_with = "deserialize_lenient")]
    added_on: Option<Timestamp>,
    #[serde(default, deserialize_with = "deserialize_lenient")]
    last_used: Option<Timestamp>,
    #[serde(default, deserialize_with = "deserialize_lenient")]
    expires_on: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct NewWireKey<'a> {
    /// Required by the schema; the documentation's examples omit it.
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    label: &'a str,
}

impl<'a> NewWireKey<'a> {
    fn new(owner: &KeyOwner, key: Option<&PublicKey>, label: &'a str) -> Self {
        let kind = match owner {
            KeyOwner::Account => "ssh_key",
            KeyOwner::Repository(_) | KeyOwner::Project { .. } => "deploy_key",
        };
        Self {
            kind,
            key: key.map(ToString::to_string),
            label,
        }
    }
}

impl Cloud {
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-deployments/#api-repositories-workspace-repo-slug-deploy-keys-get>,
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-ssh/#api-users-selected-user-ssh-keys-get>
    pub(crate) async fn keys(&self, owner: &KeyOwner) -> Result<Vec<RegisteredKey>, ApiError> {
        let path_segments = self.keys_path(owner).await?;
        self.list_keys(&path_segments, owner).await
    }

    /// Registers a key. The status is 200 for deploy keys, 201 for users' keys, and 400 where the key is registered.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-deployments/#api-repositories-workspace-repo-slug-deploy-keys-post>,
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-ssh/#api-users-selected-user-ssh-keys-post>
    pub(crate) async fn register_key(
        &self,
        owner: &KeyOwner,
        key: &NewKey,
    ) -> Result<RegisterOutcome, ApiError> {
        let path_segments = self.keys_path(owner).await?;
        let known = |keys: Vec<RegisteredKey>| {
            keys.into_iter()
                .find(|known| known.has_public_key(&key.public))
        };
        if let Some(existing) = known(self.list_keys(&path_segments, owner).await?) {
            return Ok(RegisterOutcome::AlreadyRegistered(existing));
        }
        let body = NewWireKey::new(owner, Some(&key.public), &key.title);
        let expires_on = key.expires_on().map(|date| date.to_string());
        let query = expires_on.as_deref().map(|date| ("expires_on", date));
        let response = self
            .http
            .write(
                Method::POST,
                &as_strs(&path_segments),
                query.as_slice(),
                &body,
            )
            .await?;
        if response.status() == StatusCode::BAD_REQUEST || response.status() == StatusCode::CONFLICT
        {
            if let Some(existing) = known(self.list_keys(&path_segments, owner).await?) {
                return Ok(RegisterOutcome::AlreadyRegistered(existing));
            }
            let error = response.error();
            if let ApiError::ClientError { message, .. } = &error
                && is_key_in_use(message)
            {
                return Ok(RegisterOutcome::InUseElsewhere(message.clone()));
            }
            return Err(error);
        }
        let created: Key = response.json()?;
        let created = registered(created, owner).ok_or_else(no_id)?;
        Ok(RegisterOutcome::Created(RegisteredKey {
            // Cloud removes the comment, and some servers do not return the key.
            public_key: Some(key.public.clone()),
            fingerprint: Some(key.public.fingerprint()),
            algorithm: Some(key.public.algorithm().to_owned()),
            ..created
        }))
    }

    /// Changes the title of a key. A deploy key is sent back as it is, with its comment.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-deployments/#api-repositories-workspace-repo-slug-deploy-keys-key-id-put>,
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-ssh/#api-users-selected-user-ssh-keys-key-id-put>
    pub(crate) async fn rename_key(
        &self,
        owner: &KeyOwner,
        key: &RegisteredKey,
        title: &str,
    ) -> Result<(), ApiError> {
        let mut path_segments = self.keys_path(owner).await?;
        path_segments.push(key.id.clone());
        let public = key
            .public_key
            .as_ref()
            .filter(|_| *owner != KeyOwner::Account);
        let body = NewWireKey::new(owner, public, title);
        let path_segments = as_strs(&path_segments);
        let response = self.http.write(Method::PUT, &path_segments, &[], &body);
        response.await?.written()
    }

    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-deployments/#api-repositories-workspace-repo-slug-deploy-keys-key-id-delete>,
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-ssh/#api-users-selected-user-ssh-keys-key-id-delete>
    pub(crate) async fn remove_key(&self, owner: &KeyOwner, id: &str) -> Result<(), ApiError> {
        let mut path_segments = self.keys_path(owner).await?;
        path_segments.push(id.to_owned());
        self.http.delete(&as_strs(&path_segments)).await?.written()
    }

    async fn list_keys(
        &self,
        path_segments: &[String],
        owner: &KeyOwner,
    ) -> Result<Vec<RegisteredKey>, ApiError> {
        let all: Vec<Key> = self
            .http
            .pages(&as_strs(path_segments), &[PAGE_LENGTH])
            .await?;
        Ok(all
            .into_iter()
            .filter_map(|key| registered(key, owner))
            .collect())
    }

    /// The path of the keys. An account is identified by its UUID.
    async fn keys_path(&self, owner: &KeyOwner) -> Result<Vec<String>, ApiError> {
        let path_segments = match owner {
            KeyOwner::Repository(path) => {
                vec!["repositories", &path.namespace, &path.slug, "deploy-keys"]
            }
            KeyOwner::Project { workspace, key } => {
                let workspace = workspace.as_deref().unwrap_or_default();
                vec!["workspaces", workspace, "projects", key, "deploy-keys"]
            }
            KeyOwner::Account => {
                let id = self.account_id().await?;
                return Ok(vec!["users".to_owned(), id, "ssh-keys".to_owned()]);
            }
        };
        Ok(path_segments.into_iter().map(str::to_owned).collect())
    }
}

fn as_strs(path_segments: &[String]) -> Vec<&str> {
    path_segments.iter().map(String::as_str).collect()
}

fn no_id() -> ApiError {
    ApiError::decode("id", "no key")
}

/// A key is unique among users and workspaces, and a deploy key may not be a user's. The status is that of any other
/// error and there is no code, so only the text distinguishes it.
fn is_key_in_use(message: &str) -> bool {
    let message = message.to_lowercase();
    ["already", "unique", "in use"]
        .iter()
        .any(|part| message.contains(part))
}

fn registered(key: Key, owner: &KeyOwner) -> Option<RegisteredKey> {
    let (access, registered_as) = match owner {
        KeyOwner::Account => (Access::Write, KeyKind::UserKey),
        KeyOwner::Repository(_) | KeyOwner::Project { .. } => (Access::Read, KeyKind::DeployKey),
    };
    let public: Option<PublicKey> = key.line.as_deref().and_then(|line| line.parse().ok());
    // Cloud returns the comment beside the key.
    let comment = key.comment.filter(|comment| !comment.is_empty());
    let public = match (public, comment) {
        (Some(public), Some(comment)) => Some(public.with_comment(&comment)),
        (public, _) => public,
    };
    Some(RegisteredKey {
        id: key.uuid.or(key.id.map(|id| id.to_string()))?,
        label: key.label.filter(|label| !label.is_empty()),
        fingerprint: public.as_ref().map(PublicKey::fingerprint),
        algorithm: public.as_ref().map(|key| key.algorithm().to_owned()),
        access,
        registered_as,
        created_on: key.created_on.or(key.added_on),
        last_used_on: key.last_used,
        expires_on: key.expires_on.map(Timestamp::date),
        expires_on_unknown_day: false,
        warning: None,
        public_key: public,
    })
}
