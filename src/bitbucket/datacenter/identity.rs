//! The identity of a credential, its permissions and scopes, and the repositories that it sees, on Data Center. Reads only.

use percent_encoding::percent_decode_str;
use reqwest::StatusCode;
use serde::Deserialize;

use super::DataCenter;
use super::repositories::{RepositoryJson, repo_path};
use crate::bitbucket::client::{ApiError, Response};
use crate::bitbucket::identity::{CredentialContext, Identity, ScopeProbe, VisibleRepositories};
use crate::types::connection::{AuthMethod, TokenLevel};
use crate::types::repository::{Permission, RepoId};
use crate::types::scope::Scope;

/// The percent-encoded user name, in every response to an authenticated request.
const USER_NAME: &str = "x-ausername";

/// A page of users, which have names.
#[derive(Debug, Deserialize)]
struct Users {
    values: Option<Vec<User>>,
}

#[derive(Debug, Deserialize)]
struct User {
    name: Option<String>,
}

impl DataCenter {
    /// Requests the list of users, which requires a login: elsewhere a request with an invalid token counts as anonymous.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-system-maintenance/#api-api-latest-users-get>
    pub(crate) async fn identify(
        &self,
        credential: &CredentialContext,
    ) -> Result<Identity, ApiError> {
        self.http.disable_anonymous_check();
        let segments = ["rest", "api", "latest", "users"];
        let response = self.http.get(&segments, &[("limit", "1")]).await?;
        let name = user_name(&response);
        let is_page = || {
            let users = response.json::<Users>().ok().and_then(|page| page.values);
            users.is_some_and(|users| users.iter().all(|user| user.name.is_some()))
        };
        match response.status() {
            StatusCode::OK | StatusCode::UNAUTHORIZED if name.is_some() => {
                self.authenticated_identity(credential, name).await
            }
            StatusCode::FORBIDDEN
                if name.is_some() && matches!(response.error(), ApiError::Forbidden { .. }) =>
            {
                self.authenticated_identity(credential, name).await
            }
            StatusCode::OK if !response.is_json() => Err(response.not_json()),
            StatusCode::OK if !is_page() => Err(ApiError::decode("values", "not a list of users")),
            // Without a user name, the list is a proof only where anonymous requests are refused.
            StatusCode::OK => {
                self.require_denied_anonymously(&segments).await?;
                self.authenticated_identity(credential, None).await
            }
            StatusCode::UNAUTHORIZED if may_be_resource_token(credential) => {
                self.identify_by_resource(credential, &response).await
            }
            StatusCode::UNAUTHORIZED => Err(refused(&response)),
            _ => Err(response.error()),
        }
    }

    /// The name of the account; `None` for a token of a project or repository, which may not list users.
    pub(crate) async fn account(
        &self,
        credential: &CredentialContext,
    ) -> Result<Option<String>, ApiError> {
        if matches!(
            credential.level,
            Some(TokenLevel::Project | TokenLevel::Repo)
        ) {
            return Ok(None);
        }
        let segments = ["rest", "api", "latest", "users"];
        let response = self.http.get(&segments, &[("limit", "1")]).await?;
        match response.success() {
            Ok(()) => Ok(user_name(&response)),
            Err(error) if error.is_access_error() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn authenticated_identity(
        &self,
        credential: &CredentialContext,
        account: Option<String>,
    ) -> Result<Identity, ApiError> {
        // A token of a project or repository has no user of its own.
        let of_user = account.is_some().then_some(TokenLevel::User);
        let identity = Identity {
            level: credential.level.or(of_user),
            account,
            ..Identity::default()
        };
        Ok(self.with_token_record(credential, identity).await)
    }

    /// A token of a project or repository has no user. It is identified by a resource that is not visible anonymously.
    async fn identify_by_resource(
        &self,
        credential: &CredentialContext,
        refusal: &Response,
    ) -> Result<Identity, ApiError> {
        let Some(project) = credential.project.as_deref() else {
            return Err(refused(refusal));
        };
        let mut segments = vec!["rest", "api", "latest", "projects", project];
        segments.extend(
            credential
                .repository
                .as_deref()
                .into_iter()
                .flat_map(|slug| ["repos", slug]),
        );
        let response = self.http.get(&segments, &[]).await?;
        let account = user_name(&response);
        if account.is_none() {
            if response.status() == StatusCode::UNAUTHORIZED {
                return Err(refused(&response));
            }
            response.success()?;
            self.require_denied_anonymously(&segments).await?;
        }
        let named = TokenLevel::narrowest(
            credential.repository.as_deref(),
            credential.project.as_deref(),
        );
        let identity = Identity {
            account,
            level: credential.level.or(Some(named)),
            ..Identity::default()
        };
        Ok(self.with_token_record(credential, identity).await)
    }

    /// Fails where the resource is visible to anonymous requests.
    async fn require_denied_anonymously(&self, segments: &[&str]) -> Result<(), ApiError> {
        let anonymous = self.http.get_anonymous(segments).await?;
        if anonymous.status() == StatusCode::OK {
            let reason = "the response is the same as to anonymous requests, and names no user";
            return Err(ApiError::Indeterminate(reason.to_owned()));
        }
        Ok(())
    }
}

/// A password always belongs to a user, and another attempt could lock the account.
fn may_be_resource_token(credential: &CredentialContext) -> bool {
    credential.level != Some(TokenLevel::User) && credential.auth != Some(AuthMethod::Password)
}

/// Without a user name the request was not authenticated, also where the error is about a permission.
fn refused(response: &Response) -> ApiError {
    let error = response.error();
    if let ApiError::Forbidden { message, .. } = error {
        ApiError::Unauthorized(message)
    } else {
        error
    }
}

pub(super) fn user_name(response: &Response) -> Option<String> {
    let name = response.header(USER_NAME).filter(|name| !name.is_empty())?;
    Some(percent_decode_str(name).decode_utf8_lossy().into_owned())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repositories {
    values: Vec<RepositoryJson>,
    is_last_page: Option<bool>,
}

/// A repository or project; only whether it is public matters.
#[derive(Debug, Deserialize)]
struct Resource {
    public: Option<bool>,
}

const REPOSITORIES: [&str; 4] = ["rest", "api", "latest", "repos"];

impl DataCenter {
    /// The permission on a repository: only administrators can list its webhooks, and the list of repositories can be
    /// filtered by write permission.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-repos-get>
    pub(crate) async fn permission(
        &self,
        repo: &RepoId,
        name: Option<&str>,
    ) -> Result<Option<Permission>, ApiError> {
        let administers = self.administers(repo);
        let writes = self.listed_for_writing(repo, name);
        let (administers, writes) = futures_util::future::join(administers, writes).await;
        Ok(match (administers?, writes?) {
            (Some(true), _) => Some(Permission::Admin),
            (Some(false), Some(true)) => Some(Permission::Write),
            (Some(false), Some(false)) => Some(Permission::Read),
            (None, _) | (_, None) => None,
        })
    }

    /// Tests a permission on the repository or project of the credential.
    pub(crate) async fn probe_scope(
        &self,
        scope: Scope,
        credential: &CredentialContext,
    ) -> Result<ScopeProbe, ApiError> {
        let Some(project) = credential.project.as_deref() else {
            return Ok(ScopeProbe::Inconclusive);
        };
        let repo = credential.repository.as_deref().map(|slug| RepoId {
            namespace: project.to_owned(),
            slug: slug.to_owned(),
        });
        let own_project = ["rest", "api", "latest", "projects", project];
        Ok(match (scope.name(), &repo) {
            ("REPO_READ", Some(path)) => self.reads(&repo_path(path, &[])).await?,
            ("REPO_READ" | "PROJECT_READ", None) | ("PROJECT_READ", Some(_)) => {
                self.reads(&own_project).await?
            }
            ("REPO_ADMIN", Some(path)) => probe_result(self.administers(path).await?),
            ("REPO_WRITE", Some(path)) if self.administers(path).await? == Some(true) => {
                ScopeProbe::Yes
            }
            ("REPO_WRITE", Some(path)) => match self.listed_for_writing(path, None).await? {
                Some(false) => ScopeProbe::No,
                // The filter is about the account; a token may have fewer permissions.
                Some(true) if credential.auth == Some(AuthMethod::Password) => ScopeProbe::Yes,
                Some(true) | None => ScopeProbe::Inconclusive,
            },
            ("PROJECT_ADMIN", _) => {
                let segments = [own_project.as_slice(), &["permissions", "users"]].concat();
                let response = self.http.get(&segments, &[("limit", "1")]).await?;
                probe_result(permitted(&response))
            }
            _ => ScopeProbe::Inconclusive,
        })
    }

    /// The repositories that the credential can access, with their URLs.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-repos-get>
    pub(crate) async fn visible_repositories(&self) -> Result<VisibleRepositories, ApiError> {
        let page: Repositories = self
            .http
            .get_json(&REPOSITORIES, &[("limit", "100")])
            .await?;
        let links = page.values.iter().flat_map(|repository| {
            let clone = repository.links.clone.iter();
            let over_http = clone.filter(|link| link.name.as_deref() != Some("ssh"));
            let all = repository.links.own.iter().chain(over_http);
            all.filter_map(|link| link.href.clone())
        });
        let mut projects: Vec<&str> = page
            .values
            .iter()
            .filter_map(|repository| repository.project.as_ref()?.key.as_deref())
            .collect();
        projects.sort_unstable();
        projects.dedup();
        Ok(VisibleRepositories {
            projects: Some(projects.len()),
            repositories: page.values.len(),
            public: page
                .values
                .iter()
                .filter(|repository| repository.public == Some(true))
                .count(),
            more: page.is_last_page == Some(false),
            links: links.collect(),
        })
    }

    /// Whether a resource is readable that is not public.
    async fn reads(&self, segments: &[&str]) -> Result<ScopeProbe, ApiError> {
        let response = self.http.get(segments, &[]).await?;
        Ok(match permitted(&response) {
            Some(true) if response.json::<Resource>()?.public != Some(false) => {
                ScopeProbe::Inconclusive
            }
            permitted => probe_result(permitted),
        })
    }

    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-get>
    async fn administers(&self, repo: &RepoId) -> Result<Option<bool>, ApiError> {
        let response = self.http.get(&repo_path(repo, &["webhooks"]), &[]).await?;
        Ok(permitted(&response))
    }

    async fn listed_for_writing(
        &self,
        repo: &RepoId,
        name: Option<&str>,
    ) -> Result<Option<bool>, ApiError> {
        let mut query = vec![
            ("permission", "REPO_WRITE"),
            ("projectkey", repo.namespace.as_str()),
            ("archived", "ALL"),
            ("limit", "1000"),
        ];
        // The filter is by name, which may differ from the slug.
        query.extend(name.map(|name| ("name", name)));
        let response = self.http.get(&REPOSITORIES, &query).await?;
        if !response.status().is_success() {
            return Ok(None);
        }
        let page: Repositories = response.json()?;
        let is_it = |repository: &RepositoryJson| {
            let key = repository
                .project
                .as_ref()
                .and_then(|project| project.key.as_deref());
            let slug = repository.slug.as_deref();
            slug.is_some_and(|slug| slug.eq_ignore_ascii_case(&repo.slug))
                && key.is_some_and(|key| key.eq_ignore_ascii_case(&repo.namespace))
        };
        let found = page.values.iter().any(is_it);
        // A missing entry is a proof only where the list is complete.
        Ok((found || page.is_last_page != Some(false)).then_some(found))
    }
}

/// Whether the response grants or denies access; `None` where it proves neither.
fn permitted(response: &Response) -> Option<bool> {
    match response.status() {
        StatusCode::OK if response.is_json() => Some(true),
        // The response to a token may not contain a user name.
        StatusCode::UNAUTHORIZED if response.is_authenticated() => Some(false),
        StatusCode::FORBIDDEN if response.is_from_bitbucket() => Some(false),
        _ => None,
    }
}

fn probe_result(permitted: Option<bool>) -> ScopeProbe {
    match permitted {
        Some(true) => ScopeProbe::Yes,
        Some(false) => ScopeProbe::No,
        None => ScopeProbe::Inconclusive,
    }
}
