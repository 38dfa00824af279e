//! Who is asked to look at pull requests, on Cloud.

use serde::Deserialize;
use serde_json::Value;

use super::Cloud;
use crate::bitbucket::client::{ApiError, Response, WithAuth};
use crate::types::pull_request::{Reviewer, SkippedReviewer};
use crate::types::repository::{RepoId, Repository};

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

impl Cloud {
    /// Who is asked by default; the API adds nobody by itself.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/#api-repositories-workspace-repo-slug-effective-default-reviewers-get>
    pub(in crate::bitbucket) async fn default_reviewers(
        &self,
        repository: &Repository,
    ) -> Result<Vec<Reviewer>, ApiError> {
        let segments = [
            "repositories",
            &repository.namespace,
            &repository.slug,
            "effective-default-reviewers",
        ];
        let all: Vec<DefaultReviewer> = self.http.pages(&segments, &[("pagelen", "100")]).await?;
        // Access tokens have no user; they author as a bot, whom nobody asks.
        let answer = self.http.get(&["user"], &[], WithAuth::Yes).await;
        let own = match answer.and_then(|response| response.json::<User>()) {
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

    /// Somebody by uuid, account id, nickname or name.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-workspaces/#api-workspaces-workspace-members-get>
    pub(in crate::bitbucket) async fn reviewer(
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

impl User {
    /// Its names, the one for people first.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        [&self.display_name, &self.nickname, &self.uuid]
            .into_iter()
            .flatten()
    }

    /// Everything that it may be called by.
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

/// Whom the server names in its refusal; where it names nobody, but speaks of reviewers, all of them.
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
    let said = match &error["fields"]["reviewers"] {
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
        reason: said.clone(),
    };
    let is_named =
        |reviewer: &&Reviewer| is_word(&said, &reviewer.name) || is_word(&said, &reviewer.id);
    let named: Vec<_> = reviewers.iter().filter(is_named).map(left_out).collect();
    if named.is_empty() {
        reviewers.iter().map(left_out).collect()
    } else {
        named
    }
}

/// Whether a text holds a name, not only as a part of another word.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word() {
        assert!(is_word("Ann is not a member and cannot be added", "Ann"));
        assert!(!is_word("Bob cannot be added", "ann"));
        assert!(is_word("reviewers: {ann}", "{ann}"));
        assert!(!is_word("nobody", ""));
    }
}
