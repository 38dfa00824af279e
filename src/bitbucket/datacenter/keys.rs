//! SSH keys on Data Center: access keys of repositories and projects, which read or write, and those of the account.

use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::repositories::{Project, RepositoryJson};
use super::{DataCenter, rest_path};
use crate::bitbucket::client::{ApiError, Response};
use crate::types::date::{DayCount, Timestamp, deserialize_lenient};
use crate::types::public_key::PublicKey;
use crate::types::registered_key::{
    Access, KeyKind, KeyOwner, NewKey, RegisterOutcome, RegisteredKey,
};
use crate::types::repository::RepoId;

/// A key. Dates are milliseconds, also where the documentation says otherwise.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    id: Option<u64>,
    text: Option<String>,
    label: Option<String>,
    fingerprint: Option<String>,
    #[serde(default, deserialize_with = "deserialize_lenient")]
    created_date: Option<Timestamp>,
    #[serde(default, deserialize_with = "deserialize_lenient")]
    last_authenticated: Option<Timestamp>,
    expiry_days: Option<i64>,
    warning: Option<String>,
}

#[derive(Debug, Deserialize)]
struct AccessKey {
    key: Option<Key>,
    permission: Option<String>,
}

/// A place where a key is an access key: a repository, or a project.
#[derive(Debug, Deserialize)]
struct KeyPlaces {
    values: Vec<KeyPlace>,
}

#[derive(Debug, Deserialize)]
struct KeyPlace {
    repository: Option<RepositoryJson>,
    project: Option<Project>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NewWireKey<'a> {
    text: String,
    label: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry_days: Option<i64>,
}

#[derive(Debug, Serialize)]
struct NewAccessKey<'a> {
    key: NewWireKey<'a>,
    permission: &'static str,
}

impl DataCenter {
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-keys-latest-projects-projectkey-repos-repositoryslug-ssh-get>,
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-ssh-latest-keys-get>
    pub(crate) async fn keys(&self, owner: &KeyOwner) -> Result<Vec<RegisteredKey>, ApiError> {
        let segments = keys_path(owner);
        if *owner == KeyOwner::Account {
            let all: Vec<Key> = self.http.pages(&segments, &[]).await?;
            let keys = all.into_iter();
            return Ok(keys.filter_map(|key| registered(key, None)).collect());
        }
        let all: Vec<AccessKey> = self.http.pages(&segments, &[]).await?;
        let keys = all.into_iter();
        Ok(keys.filter_map(AccessKey::registered).collect())
    }

    /// The repositories and projects that have this access key, as far as the account administrates them. Not
    /// [`Http::pages`](crate::bitbucket::client::Http::pages): these lists have no pages, and all entries the same key.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-keys-latest-ssh-keyid-repos-get>,
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-keys-latest-ssh-keyid-projects-get>
    pub(in crate::bitbucket) async fn key_owners(
        &self,
        id: &str,
    ) -> Result<Vec<KeyOwner>, ApiError> {
        let mut owners = Vec::new();
        for kind in ["repos", "projects"] {
            let path = rest_path("keys", &["ssh", id, kind]);
            let response = self.http.get(&path, &[]).await?;
            let places: KeyPlaces = response.json()?;
            owners.extend(places.values.into_iter().filter_map(KeyPlace::owner));
        }
        Ok(owners)
    }

    /// Registers a key. A registered one is a 409 with different bodies, so the list is read again.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-keys-latest-projects-projectkey-repos-repositoryslug-ssh-post>,
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-ssh-latest-keys-post>
    pub(crate) async fn register_key(
        &self,
        owner: &KeyOwner,
        key: &NewKey,
    ) -> Result<RegisterOutcome, ApiError> {
        let known = |keys: Vec<RegisteredKey>| {
            keys.into_iter()
                .find(|known| known.has_public_key(&key.public))
        };
        if let Some(existing) = known(self.keys(owner).await?) {
            return Ok(RegisterOutcome::AlreadyRegistered(existing));
        }
        let segments = keys_path(owner);
        let wire = NewWireKey {
            text: key.public.to_string(),
            label: &key.title,
            expiry_days: key.lifetime.map(DayCount::count),
        };
        let response = match permission(owner, key.access) {
            None => self.http.write(Method::POST, &segments, &[], &wire).await?,
            Some(permission) => {
                let body = NewAccessKey {
                    key: wire,
                    permission,
                };
                self.http.write(Method::POST, &segments, &[], &body).await?
            }
        };
        if response.status() == StatusCode::CONFLICT {
            return Ok(match known(self.keys(owner).await?) {
                Some(existing) => RegisterOutcome::AlreadyRegistered(existing),
                None => RegisterOutcome::InUseElsewhere(response.error().to_string()),
            });
        }
        check_permission(&response)?;
        let created = if *owner == KeyOwner::Account {
            registered(response.json()?, None)
        } else {
            response.json::<AccessKey>()?.registered()
        };
        let created = created.ok_or_else(|| ApiError::decode("id", "no key"))?;
        Ok(RegisterOutcome::Created(RegisteredKey {
            public_key: Some(key.public.clone()),
            fingerprint: Some(key.public.fingerprint()),
            algorithm: Some(key.public.algorithm().to_owned()),
            ..created
        }))
    }

    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-keys-latest-projects-projectkey-repos-repositoryslug-ssh-keyid-permission-permission-put>
    pub(crate) async fn set_key_access(
        &self,
        owner: &KeyOwner,
        id: &str,
        access: Access,
    ) -> Result<bool, ApiError> {
        let Some(permission) = permission(owner, access) else {
            return Ok(false);
        };
        let mut segments = keys_path(owner);
        segments.extend([id, "permission", permission]);
        let url = self.http.build_url(&segments, &[])?;
        let response = self.http.put(url).await?;
        check_permission(&response)?;
        response.written().map(|()| true)
    }

    /// Removes a key. The status is 204 also where no key has this id.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-keys-latest-projects-projectkey-repos-repositoryslug-ssh-keyid-delete>,
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-ssh-latest-keys-keyid-delete>
    pub(crate) async fn remove_key(&self, owner: &KeyOwner, id: &str) -> Result<(), ApiError> {
        let mut segments = keys_path(owner);
        segments.push(id);
        let response = self.http.delete(&segments).await?;
        check_permission(&response)?;
        response.written()
    }
}

/// A 401 with the name of the authenticated user is about a permission, whatever its message.
fn check_permission(response: &Response) -> Result<(), ApiError> {
    let is_known =
        response.status() == StatusCode::UNAUTHORIZED && response.header("x-ausername").is_some();
    if is_known && let ApiError::Unauthorized(message) = response.error() {
        return Err(ApiError::Forbidden {
            message,
            required: Vec::new(),
            granted: Vec::new(),
        });
    }
    Ok(())
}

fn keys_path(owner: &KeyOwner) -> Vec<&str> {
    match owner {
        KeyOwner::Repository(RepoId { namespace, slug }) => {
            rest_path("keys", &["projects", namespace, "repos", slug, "ssh"])
        }
        KeyOwner::Project { key, .. } => rest_path("keys", &["projects", key, "ssh"]),
        KeyOwner::Account => rest_path("ssh", &["keys"]),
    }
}

/// The permission of an access key. An account's key has none: it has the permissions of the account.
fn permission(owner: &KeyOwner, access: Access) -> Option<&'static str> {
    match (owner, access) {
        (KeyOwner::Account, _) => None,
        (KeyOwner::Repository(_), Access::Read) => Some("REPO_READ"),
        (KeyOwner::Repository(_), Access::Write) => Some("REPO_WRITE"),
        (KeyOwner::Project { .. }, Access::Read) => Some("PROJECT_READ"),
        (KeyOwner::Project { .. }, Access::Write) => Some("PROJECT_WRITE"),
    }
}

impl KeyPlace {
    fn owner(self) -> Option<KeyOwner> {
        if let Some(repository) = self.repository {
            return Some(KeyOwner::Repository(RepoId {
                namespace: repository.project?.key?,
                slug: repository.slug?,
            }));
        }
        Some(KeyOwner::Project {
            workspace: None,
            key: self.project?.key?,
        })
    }
}

impl AccessKey {
    fn registered(self) -> Option<RegisteredKey> {
        registered(
            self.key?,
            Some(self.permission.as_deref().unwrap_or_default()),
        )
    }
}

/// A key, with its permission where it is an access key.
fn registered(key: Key, permission: Option<&str>) -> Option<RegisteredKey> {
    let (access, registered_as) = match permission {
        None => (Access::Write, KeyKind::UserKey),
        Some(name) if name.ends_with("_WRITE") || name.ends_with("_ADMIN") => {
            (Access::Write, KeyKind::AccessKey)
        }
        Some(_) => (Access::Read, KeyKind::AccessKey),
    };
    let public: Option<PublicKey> = key.text.as_deref().and_then(|line| line.parse().ok());
    let reported = || {
        key.fingerprint
            .as_deref()
            .and_then(|text| text.parse().ok())
    };
    let expires_on = key
        .created_date
        .zip(key.expiry_days)
        .and_then(|(created, days)| created.checked_add_days(days));
    Some(RegisteredKey {
        id: key.id?.to_string(),
        label: key.label.clone().filter(|label| !label.is_empty()),
        fingerprint: public
            .as_ref()
            .map(PublicKey::fingerprint)
            .or_else(reported),
        algorithm: public.as_ref().map(|key| key.algorithm().to_owned()),
        access,
        registered_as,
        created_on: key.created_date,
        last_used_on: key.last_authenticated,
        expires_on: expires_on.map(Timestamp::date),
        expires_on_unknown_day: key.expiry_days.is_some() && expires_on.is_none(),
        warning: key.warning,
        public_key: public,
    })
}
