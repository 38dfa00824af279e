//! Who is asked to look at pull requests, on Data Center.

use serde::Deserialize;
use serde_json::Value;

use super::DataCenter;
use super::branches::HEADS;
use super::repositories::of;
use crate::bitbucket::client::{ApiError, WithAuth};
use crate::types::pull_request::{Reviewer, SkippedReviewer};
use crate::types::repository::Repository;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    pub(super) name: Option<String>,
    pub(super) display_name: Option<String>,
}

/// A flat list, whatever the document says; a page of one is taken as well.
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

impl DataCenter {
    /// Who is asked by default. The page in a browser adds them, the API does not.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-pull-requests/#api-default-reviewers-latest-projects-projectkey-repos-repositoryslug-reviewers-get>
    pub(in crate::bitbucket) async fn default_reviewers(
        &self,
        repository: &Repository,
        source: &str,
        target: &str,
    ) -> Result<Vec<Reviewer>, ApiError> {
        let repo = repository.path();
        let response = self.http.get(&of(&repo, &[]), &[], WithAuth::Yes).await?;
        let own = super::identity::user_name(&response);
        let id = response
            .json::<Numbered>()?
            .id
            .unwrap_or_default()
            .to_string();
        let (source, target) = (format!("{HEADS}{source}"), format!("{HEADS}{target}"));
        let segments = [
            "rest",
            "default-reviewers",
            "latest",
            "projects",
            &repo.namespace,
            "repos",
            &repo.slug,
            "reviewers",
        ];
        let query = [
            ("sourceRepoId", id.as_str()),
            ("targetRepoId", id.as_str()),
            ("sourceRefId", source.as_str()),
            ("targetRefId", target.as_str()),
        ];
        let response = self.http.get(&segments, &query, WithAuth::Yes).await?;
        let (Users::Flat(users) | Users::Page { values: users }) = response.json()?;
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

/// Whom the server will not take as a reviewer, and why.
pub(super) fn rejected_reviewers(said: &Value, reviewers: &[Reviewer]) -> Vec<SkippedReviewer> {
    let errors = said["errors"].as_array().into_iter().flatten();
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
