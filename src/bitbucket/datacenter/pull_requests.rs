//! Pull requests, on Data Center.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::repositories::{HEADS, repo_path};
use super::{DataCenter, rest_path};
use crate::bitbucket::client::{ApiError, null_as_default};
use crate::bitbucket::pull_requests::CreateOutcome;
use crate::types::pull_request::{NewPullRequest, PullRequest, Reviewer, SkippedReviewer, State};
use crate::types::repository::{RepoId, Repository};
use crate::types::server_link;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullRequestJson {
    id: u64,
    title: Option<String>,
    state: Option<String>,
    draft: Option<bool>,
    description: Option<String>,
    from_ref: Option<BranchRef>,
    to_ref: Option<BranchRef>,
    author: Option<Participant>,
    #[serde(default, deserialize_with = "null_as_default")]
    reviewers: Vec<Participant>,
    links: Option<Links>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BranchRef {
    id: Option<String>,
    display_id: Option<String>,
    repository: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Participant {
    user: Option<User>,
}

#[derive(Debug, Deserialize)]
struct Links {
    #[serde(default, rename = "self", deserialize_with = "null_as_default")]
    own: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct Link {
    href: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    pub(super) name: Option<String>,
    pub(super) display_name: Option<String>,
}

/// A flat list, contrary to the documentation; a page is accepted as well.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Users {
    Flat(Vec<User>),
    Page { values: Vec<User> },
}

#[derive(Debug, Deserialize)]
struct Numbered {
    id: Option<u64>,
}

/// The reviewers that the server rejects, and why.
pub(super) fn rejected_reviewers(
    body_json: &Value,
    reviewers: &[Reviewer],
) -> Vec<SkippedReviewer> {
    let errors = body_json["errors"].as_array().into_iter().flatten();
    let refused = errors
        .filter_map(|error| error["reviewerErrors"].as_array())
        .flatten();
    refused
        .filter_map(|error| {
            let own = error["context"].as_str()?;
            let reviewer = reviewers.iter().find(|reviewer| reviewer.id == own)?;
            Some(SkippedReviewer {
                reviewer: reviewer.name.clone(),
                reason: error["message"].as_str().unwrap_or_default().to_owned(),
            })
        })
        .collect()
}

impl DataCenter {
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-pull-requests/#api-api-latest-projects-projectkey-repos-repositoryslug-pull-requests-get>
    pub(crate) async fn pull_requests(
        &self,
        repo: &RepoId,
        state: State,
        max: usize,
    ) -> Result<Vec<PullRequest>, ApiError> {
        let state = match state {
            State::Open => "OPEN",
            State::Merged => "MERGED",
            State::Declined => "DECLINED",
            State::All => "ALL",
        };
        let limit = max.clamp(1, 100).to_string();
        let query = [("state", state), ("limit", &limit)];
        let all: Vec<PullRequestJson> = self
            .http
            .pages_up_to(&repo_path(repo, &["pull-requests"]), &query, max)
            .await?;
        Ok(all.into_iter().map(PullRequestJson::request).collect())
    }

    /// Open pull requests from a branch.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-pull-requests/#api-api-latest-projects-projectkey-repos-repositoryslug-pull-requests-get>
    pub(crate) async fn open_pull_requests_from(
        &self,
        repo: &RepoId,
        source: &str,
    ) -> Result<Vec<PullRequest>, ApiError> {
        let at = format!("{HEADS}{source}");
        let query = [
            ("state", "OPEN"),
            ("direction", "OUTGOING"),
            ("at", &at),
            ("limit", "100"),
        ];
        let all: Vec<PullRequestJson> = self
            .http
            .pages(&repo_path(repo, &["pull-requests"]), &query)
            .await?;
        Ok(all.into_iter().map(PullRequestJson::request).collect())
    }

    /// Opens a pull request. A conflict is a 409 that names its exception.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-pull-requests/#api-api-latest-projects-projectkey-repos-repositoryslug-pull-requests-post>
    pub(crate) async fn create_pull_request(
        &self,
        repo: &RepoId,
        pull_request: &NewPullRequest,
    ) -> Result<CreateOutcome, ApiError> {
        let end = |branch: &str| {
            json!({
                "id": format!("{HEADS}{branch}"),
                "repository": {"slug": repo.slug, "project": {"key": repo.namespace}},
            })
        };
        let mut body = json!({
            "title": pull_request.title,
            "fromRef": end(&pull_request.source),
            "toRef": end(&pull_request.target),
        });
        if let Some(text) = &pull_request.body {
            body["description"] = json!(text);
        }
        if pull_request.draft {
            body["draft"] = json!(true);
        }
        if !pull_request.reviewers.is_empty() {
            let user = |reviewer: &Reviewer| json!({"user": {"name": reviewer.id}});
            body["reviewers"] = pull_request.reviewers.iter().map(user).collect();
        }
        let segments = repo_path(repo, &["pull-requests"]);
        let response = self.http.write(Method::POST, &segments, &[], &body).await?;
        if response.status().as_u16() == 409 {
            let body_json = response.value();
            let left_out = rejected_reviewers(&body_json, &pull_request.reviewers);
            if !left_out.is_empty() {
                return Ok(CreateOutcome::WithoutReviewers(left_out));
            }
            for exception in response.error_body().exceptions() {
                if exception.ends_with(".EmptyPullRequestException") {
                    return Ok(CreateOutcome::NoDifference);
                }
                if exception.ends_with(".DuplicatePullRequestException") {
                    return Ok(CreateOutcome::AlreadyOpen);
                }
            }
        }
        let base: PullRequestJson = response.json()?;
        Ok(CreateOutcome::Opened(Box::new(base.request())))
    }

    /// The default reviewers. The web interface adds them, the API does not.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-pull-requests/#api-default-reviewers-latest-projects-projectkey-repos-repositoryslug-reviewers-get>
    pub(crate) async fn default_reviewers(
        &self,
        repository: &Repository,
        source: &str,
        target: &str,
    ) -> Result<Vec<Reviewer>, ApiError> {
        let repo = repository.path();
        let response = self.http.get(&repo_path(&repo, &[]), &[]).await?;
        let own = super::identity::user_name(&response);
        let id = response
            .json::<Numbered>()?
            .id
            .unwrap_or_default()
            .to_string();
        let (source, target) = (format!("{HEADS}{source}"), format!("{HEADS}{target}"));
        let RepoId { namespace, slug } = &repo;
        let below = ["projects", namespace, "repos", slug, "reviewers"];
        let segments = rest_path("default-reviewers", &below);
        let query = [
            ("sourceRepoId", id.as_str()),
            ("targetRepoId", id.as_str()),
            ("sourceRefId", source.as_str()),
            ("targetRefId", target.as_str()),
        ];
        let response = self.http.get(&segments, &query).await?;
        let (Users::Flat(users) | Users::Page { values: users }) = response.json_of_any_type()?;
        Ok(users
            .into_iter()
            .filter(|user| user.name != own)
            .filter_map(|user| {
                let id = user.name?;
                Some(Reviewer {
                    name: user.display_name.unwrap_or_else(|| id.clone()),
                    id,
                })
            })
            .collect())
    }
}

impl PullRequestJson {
    fn request(self) -> PullRequest {
        let name = |end: &Option<BranchRef>| {
            let end = end.as_ref();
            let full = end.and_then(|end| end.id.as_deref()?.strip_prefix(HEADS));
            full.or_else(|| end.and_then(|end| end.display_id.as_deref()))
                .map(str::to_owned)
        };
        let repository = |end: &Option<BranchRef>| {
            let repository = end.as_ref()?.repository.as_ref()?;
            let key = repository["project"]["key"].as_str()?;
            Some(format!("{key}/{}", repository["slug"].as_str()?))
        };
        let ends = repository(&self.from_ref).zip(repository(&self.to_ref));
        let name_of = |participant: Participant| {
            let user = participant.user?;
            user.display_name.or(user.name)
        };
        let all_names = |participant: &Participant| {
            let user = participant.user.as_ref();
            let names = user.map(|user| [user.name.clone(), user.display_name.clone()]);
            names.into_iter().flatten().flatten().collect::<Vec<_>>()
        };
        PullRequest {
            id: Some(self.id),
            title: self.title,
            state: self.state,
            url: self
                .links
                .and_then(|links| server_link::web(&links.own.into_iter().next()?.href?)),
            source: name(&self.from_ref),
            target: name(&self.to_ref),
            draft: self.draft,
            is_between_repositories: ends.is_some_and(|(from, to)| !from.eq_ignore_ascii_case(&to)),
            author: self.author.and_then(name_of),
            reviewer_names: self.reviewers.iter().flat_map(all_names).collect(),
            body: self.description,
            reviewers: self.reviewers.into_iter().filter_map(name_of).collect(),
        }
    }
}
