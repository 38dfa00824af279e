//! Pull requests, on Cloud.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::Cloud;
use super::repositories::{bbql_string, repo_path};
use super::reviewers::{User, rejected_reviewers};
use crate::bitbucket::CreateOutcome;
use crate::bitbucket::client::{ApiError, WithAuth};
use crate::types::pull_request::{NewPullRequest, PullRequest, Reviewer, State};
use crate::types::repository::RepoId;

/// The largest page of pull requests; a larger one is refused.
const MAX_PAGE_LEN: usize = 50;

#[derive(Debug, Deserialize)]
struct PullRequestJson {
    id: u64,
    title: Option<String>,
    state: Option<String>,
    draft: Option<bool>,
    description: Option<String>,
    source: Option<BranchRef>,
    destination: Option<BranchRef>,
    author: Option<User>,
    #[serde(default)]
    reviewers: Vec<User>,
    links: Option<Links>,
}

#[derive(Debug, Deserialize)]
struct BranchRef {
    branch: Option<Named>,
    repository: Option<Full>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Full {
    full_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Links {
    html: Option<Link>,
}

#[derive(Debug, Deserialize)]
struct Link {
    href: Option<String>,
}

/// A page of what differs; only how much matters.
#[derive(Debug, Deserialize)]
struct Differences {
    values: Vec<serde::de::IgnoredAny>,
}

impl Cloud {
    /// Pull requests for a repository.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/#api-repositories-workspace-repo-slug-pullrequests-get>
    pub(in crate::bitbucket) async fn pull_requests(
        &self,
        repo: &RepoId,
        state: State,
        most: usize,
    ) -> Result<Vec<PullRequest>, ApiError> {
        let states: &[&str] = match state {
            State::Open => &["OPEN"],
            State::Merged => &["MERGED"],
            State::Declined => &["DECLINED"],
            State::All => &["OPEN", "MERGED", "DECLINED", "SUPERSEDED"],
        };
        let length = most.clamp(1, MAX_PAGE_LEN).to_string();
        let mut query = vec![("pagelen", length.as_str())];
        query.extend(states.iter().map(|state| ("state", *state)));
        let all: Vec<PullRequestJson> = self
            .http
            .pages_up_to(&repo_path(repo, &["pullrequests"]), &query, most)
            .await?;
        Ok(all.into_iter().map(|base| base.request(repo)).collect())
    }

    /// Open pull requests from one branch to another.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/#api-repositories-workspace-repo-slug-pullrequests-get>
    pub(in crate::bitbucket) async fn open_pull_requests_between(
        &self,
        repo: &RepoId,
        source: &str,
        target: &str,
    ) -> Result<Vec<PullRequest>, ApiError> {
        let filter = format!(
            "source.branch.name={} AND destination.branch.name={}",
            bbql_string(source),
            bbql_string(target)
        );
        let query = [("state", "OPEN"), ("q", &filter), ("pagelen", "50")];
        let all: Vec<PullRequestJson> = self
            .http
            .pages(&repo_path(repo, &["pullrequests"]), &query)
            .await?;
        Ok(all.into_iter().map(|base| base.request(repo)).collect())
    }

    /// Opens a pull request.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/#api-repositories-workspace-repo-slug-pullrequests-post>
    pub(in crate::bitbucket) async fn create_pull_request(
        &self,
        repo: &RepoId,
        pull_request: &NewPullRequest,
    ) -> Result<CreateOutcome, ApiError> {
        // The document demands the type of every object.
        let mut body = json!({
            "type": "pullrequest",
            "title": pull_request.title,
            "source": {"branch": {"name": pull_request.source}},
            "destination": {"branch": {"name": pull_request.target}},
        });
        if let Some(text) = &pull_request.body {
            body["description"] = json!(text);
        }
        if pull_request.draft {
            body["draft"] = json!(true);
        }
        if !pull_request.reviewers.is_empty() {
            let user = |reviewer: &Reviewer| json!({"type": "user", "uuid": reviewer.id});
            body["reviewers"] = pull_request.reviewers.iter().map(user).collect();
        }
        let segments = repo_path(repo, &["pullrequests"]);
        let response = self.http.write(Method::POST, &segments, &[], &body).await?;
        if response.status().as_u16() == 400 {
            let refused = rejected_reviewers(&response, &pull_request.reviewers);
            if !refused.is_empty() {
                return Ok(CreateOutcome::WithoutReviewers(refused));
            }
            if self.has_no_difference(repo, pull_request).await {
                return Ok(CreateOutcome::NoDifference);
            }
        }
        if response.status().as_u16() == 409 {
            return Ok(CreateOutcome::AlreadyOpen);
        }
        let base: PullRequestJson = response.json()?;
        Ok(CreateOutcome::Opened(Box::new(base.request(repo))))
    }

    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commits/#api-repositories-workspace-repo-slug-diffstat-spec-get>
    async fn has_no_difference(&self, repo: &RepoId, pull_request: &NewPullRequest) -> bool {
        let hash = async |name: &str| match self.branch(repo, name).await {
            Ok(Some(branch)) => Some(branch.hash),
            Ok(None) | Err(_) => None,
        };
        let (Some(source), Some(target)) = (
            hash(&pull_request.source).await,
            hash(&pull_request.target).await,
        ) else {
            return false;
        };
        let spec = format!("{source}..{target}");
        let answer = self
            .http
            .get(
                &repo_path(repo, &["diffstat", &spec]),
                &[("pagelen", "1")],
                WithAuth::Yes,
            )
            .await;
        source == target
            || answer
                .and_then(|response| response.json::<Differences>())
                .is_ok_and(|differences| differences.values.is_empty())
    }
}

impl PullRequestJson {
    fn request(self, repo: &RepoId) -> PullRequest {
        let name = |end: &Option<BranchRef>| {
            let branch = end.as_ref().and_then(|end| end.branch.as_ref());
            branch
                .and_then(|branch| branch.name.clone())
                .unwrap_or_default()
        };
        let from = self.source.as_ref().and_then(|end| end.repository.as_ref());
        let from = from.and_then(|repository| repository.full_name.as_deref());
        let person = |user: User| user.names().next().cloned();
        let all_names = |user: &User| user.all_names().cloned().collect::<Vec<_>>();
        PullRequest {
            id: Some(self.id),
            title: self.title.unwrap_or_default(),
            state: self.state.unwrap_or_else(|| "OPEN".to_owned()),
            url: self.links.and_then(|links| links.html?.href),
            source: name(&self.source),
            target: name(&self.destination),
            draft: self.draft,
            is_from_fork: from.is_some_and(|from| !from.eq_ignore_ascii_case(&repo.to_string())),
            author: self.author.and_then(person),
            reviewer_names: self.reviewers.iter().flat_map(all_names).collect(),
            body: self.description,
            reviewers: self.reviewers.into_iter().filter_map(person).collect(),
        }
    }
}
