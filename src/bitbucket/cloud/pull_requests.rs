//! Pull requests, on Cloud.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Cloud;
use super::repositories::{bbql_string, repo_path};
use crate::bitbucket::client::{ApiError, Response, null_as_default};
use crate::bitbucket::pull_requests::CreateOutcome;
use crate::types::pull_request::{NewPullRequest, PullRequest, Reviewer, SkippedReviewer, State};
use crate::types::repository::{RepoId, Repository};
use crate::types::server_link;

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
    #[serde(default, deserialize_with = "null_as_default")]
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

/// A page of differences; only their number matters.
#[derive(Debug, Deserialize)]
struct Differences {
    values: Vec<serde::de::IgnoredAny>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct User {
    uuid: Option<String>,
    account_id: Option<String>,
    nickname: Option<String>,
    display_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct DefaultReviewer {
    user: Option<User>,
}

#[derive(Debug, Deserialize)]
struct Member {
    user: Option<User>,
}

impl User {
    /// The names, with the display name first.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        [&self.display_name, &self.nickname, &self.uuid]
            .into_iter()
            .flatten()
    }

    pub(super) fn all_names(&self) -> impl Iterator<Item = &String> {
        self.names().chain(&self.account_id)
    }

    fn reviewer(self) -> Option<Reviewer> {
        let name = self.names().next()?.clone();
        Some(Reviewer {
            id: self.uuid?,
            name,
        })
    }
}

/// The reviewers that the error names; all of them where it is about reviewers without a name.
pub(super) fn rejected_reviewers(
    response: &Response,
    reviewers: &[Reviewer],
) -> Vec<SkippedReviewer> {
    let error = response.value()["error"].clone();
    let is_about_them = error["fields"].get("reviewers").is_some()
        || error.to_string().to_lowercase().contains("reviewer");
    if !is_about_them || reviewers.is_empty() {
        return Vec::new();
    }
    let message = match &error["fields"]["reviewers"] {
        Value::Null => error["message"].as_str().unwrap_or_default().to_owned(),
        Value::Array(texts) => texts
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join("; "),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    };
    let left_out = |reviewer: &Reviewer| SkippedReviewer {
        reviewer: reviewer.name.clone(),
        reason: message.clone(),
    };
    let is_named =
        |reviewer: &&Reviewer| is_word(&message, &reviewer.name) || is_word(&message, &reviewer.id);
    let named: Vec<_> = reviewers.iter().filter(is_named).map(left_out).collect();
    if named.is_empty() {
        reviewers.iter().map(left_out).collect()
    } else {
        named
    }
}

/// Whether a text contains a name as a whole word.
fn is_word(text: &str, name: &str) -> bool {
    let is_edge = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text
            .get(at + name.len()..)
            .and_then(|after| after.chars().next());
        !name.is_empty() && is_edge(before) && is_edge(after)
    })
}

impl Cloud {
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/#api-repositories-workspace-repo-slug-pullrequests-get>
    pub(crate) async fn pull_requests(
        &self,
        repo: &RepoId,
        state: State,
        max: usize,
    ) -> Result<Vec<PullRequest>, ApiError> {
        let states: &[&str] = match state {
            State::Open => &["OPEN"],
            State::Merged => &["MERGED"],
            State::Declined => &["DECLINED"],
            State::All => &["OPEN", "MERGED", "DECLINED", "SUPERSEDED"],
        };
        let length = max.clamp(1, MAX_PAGE_LEN).to_string();
        let mut query = vec![("pagelen", length.as_str())];
        query.extend(states.iter().map(|state| ("state", *state)));
        let all: Vec<PullRequestJson> = self
            .http
            .pages_up_to(&repo_path(repo, &["pullrequests"]), &query, max)
            .await?;
        Ok(all.into_iter().map(PullRequestJson::request).collect())
    }

    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/#api-repositories-workspace-repo-slug-pullrequests-get>
    pub(crate) async fn open_pull_requests_between(
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
        Ok(all.into_iter().map(PullRequestJson::request).collect())
    }

    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/#api-repositories-workspace-repo-slug-pullrequests-post>
    pub(crate) async fn create_pull_request(
        &self,
        repo: &RepoId,
        pull_request: &NewPullRequest,
    ) -> Result<CreateOutcome, ApiError> {
        // The API requires the type of every object.
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
        Ok(CreateOutcome::Opened(Box::new(base.request())))
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
        let response = self
            .http
            .get(&repo_path(repo, &["diffstat", &spec]), &[("pagelen", "1")])
            .await;
        source == target
            || response
                .and_then(|response| response.json::<Differences>())
                .is_ok_and(|differences| differences.values.is_empty())
    }

    /// The default reviewers. The API does not add them by itself.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/#api-repositories-workspace-repo-slug-effective-default-reviewers-get>
    pub(crate) async fn default_reviewers(
        &self,
        repository: &Repository,
    ) -> Result<Vec<Reviewer>, ApiError> {
        let repo = repository.path();
        let segments = repo_path(&repo, &["effective-default-reviewers"]);
        let all: Vec<DefaultReviewer> = self.http.pages(&segments, &[("pagelen", "100")]).await?;
        // Access tokens have no user.
        let response = self.http.get(&["user"], &[]).await;
        let own = match response.and_then(|response| response.json::<User>()) {
            Ok(user) => user.uuid,
            Err(error) if error.is_access_error() => None,
            Err(error) => return Err(error),
        };
        let users = all.into_iter().filter_map(|reviewer| reviewer.user);
        Ok(users
            .filter(|user| user.uuid.is_some() && user.uuid != own)
            .filter_map(User::reviewer)
            .collect())
    }

    /// A member by uuid, account id, nickname or name.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-workspaces/#api-workspaces-workspace-members-get>
    pub(crate) async fn reviewer(
        &self,
        repo: &RepoId,
        name: &str,
    ) -> Result<Option<Reviewer>, ApiError> {
        if name.starts_with('{') {
            return Ok(Some(Reviewer {
                id: name.to_owned(),
                name: name.to_owned(),
            }));
        }
        let segments = ["workspaces", &repo.namespace, "members"];
        let members: Vec<Member> = self.http.pages(&segments, &[("pagelen", "100")]).await?;
        let is_it = |user: &User| {
            [&user.account_id, &user.nickname, &user.display_name]
                .into_iter()
                .flatten()
                .any(|own| own.eq_ignore_ascii_case(name))
        };
        let mut users = members.into_iter().filter_map(|member| member.user);
        Ok(users.find(is_it).and_then(User::reviewer))
    }
}

impl PullRequestJson {
    fn request(self) -> PullRequest {
        let name = |end: &Option<BranchRef>| {
            let branch = end.as_ref().and_then(|end| end.branch.as_ref());
            branch.and_then(|branch| branch.name.clone())
        };
        let repository =
            |end: &Option<BranchRef>| end.as_ref()?.repository.as_ref()?.full_name.clone();
        let ends = repository(&self.source).zip(repository(&self.destination));
        let display_name_of = |user: User| user.names().next().cloned();
        let all_names = |user: &User| user.all_names().cloned().collect::<Vec<_>>();
        PullRequest {
            id: Some(self.id),
            title: self.title,
            state: self.state,
            url: self
                .links
                .and_then(|links| server_link::web(&links.html?.href?)),
            source: name(&self.source),
            target: name(&self.destination),
            draft: self.draft,
            is_between_repositories: ends.is_some_and(|(from, to)| !from.eq_ignore_ascii_case(&to)),
            author: self.author.and_then(display_name_of),
            reviewer_names: self.reviewers.iter().flat_map(all_names).collect(),
            body: self.description,
            reviewers: self
                .reviewers
                .into_iter()
                .filter_map(display_name_of)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_must_be_a_whole_word() {
        assert!(is_word("Ann is not a member and cannot be added", "Ann"));
        assert!(!is_word("Bob cannot be added", "ann"));
        assert!(is_word("reviewers: {ann}", "{ann}"));
        assert!(!is_word("ann", ""));
    }
}
