//! Commits, on Cloud.

use std::collections::{BTreeMap, HashSet};

use reqwest::Method;
use serde::Deserialize;

use super::Cloud;
use super::multipart::MultipartForm;
use super::repositories::repo_path;
use crate::bitbucket::client::{ApiError, Request, Response, WithAuth};
use crate::bitbucket::commits::MAX_COMMITS_WITHOUT_BASE;
use crate::types::commit::{Commit, FileMode, LocalFile};
use crate::types::repository::RepoId;

#[derive(Debug, Deserialize)]
struct CommitBase {
    hash: Option<String>,
    message: Option<String>,
    author: Option<Author>,
    #[serde(default)]
    parents: Vec<Parent>,
}

#[derive(Debug, Deserialize)]
struct Parent {
    hash: Option<String>,
}

/// A path that a commit changes: where it was, and where it is.
#[derive(Debug, Deserialize)]
struct Stat {
    old: Option<FilePath>,
    new: Option<FilePath>,
}

#[derive(Debug, Deserialize)]
struct FilePath {
    path: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Author {
    raw: Option<String>,
}

/// A commit to be made.
#[derive(Debug)]
pub(crate) struct CommitRequest<'a> {
    /// The branch that it goes to; it is made where it is not there.
    pub branch: &'a str,
    /// What the branch points to, or is to start from; `None` in an empty repository.
    pub parent: Option<&'a str>,
    /// Its message.
    pub message: &'a str,
    /// The files that it writes.
    pub files: Vec<&'a LocalFile>,
    /// The files that it removes.
    pub removed: &'a [String],
}

/// What became of a commit.
#[derive(Debug)]
pub(crate) enum CommitOutcome {
    /// It was made; the server may not say which it is.
    Created(Option<String>),
    /// Somebody was faster: the branch points elsewhere.
    BranchMoved,
    /// The branch is protected.
    Protected(String),
}

impl Cloud {
    /// Commits files, where the branch still points to the parent.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-source/#api-repositories-workspace-repo-slug-src-post>
    pub(crate) async fn commit(
        &self,
        repo: &RepoId,
        change: &CommitRequest<'_>,
    ) -> Result<CommitOutcome, ApiError> {
        let mut form = MultipartForm::default();
        form.field("message", change.message);
        form.field("branch", change.branch);
        if let Some(parent) = change.parent {
            form.field("parents", parent);
        }
        for removed in change.removed {
            form.field("files", removed);
        }
        for file in &change.files {
            let attribute = match file.mode {
                FileMode::Regular => None,
                FileMode::Executable => Some("executable"),
                FileMode::Link => Some("link"),
            };
            form.file(&file.path, attribute, &file.content);
        }
        let (kind, bytes) = form.finish();
        let url = self.http.build_url(&repo_path(repo, &["src"]), &[])?;
        let request = Request::new(Method::POST, url, WithAuth::Yes).with_body(&kind, bytes);
        let response = self.http.send(&request).await?;
        match response.status().as_u16() {
            409 => Ok(CommitOutcome::BranchMoved),
            400 | 403 if is_branch_restriction(&response) => {
                Ok(CommitOutcome::Protected(response.error().to_string()))
            }
            _ => {
                response.success()?;
                let hash = response.header("location").and_then(hash_at_end);
                Ok(CommitOutcome::Created(hash))
            }
        }
    }

    /// The commits that a branch has and another has not, newest first.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commits/#api-repositories-workspace-repo-slug-commits-get>
    pub(in crate::bitbucket) async fn commits_not_on(
        &self,
        repo: &RepoId,
        branch: &str,
        base: Option<&str>,
    ) -> Result<Vec<Commit>, ApiError> {
        let mut query = vec![("include", branch), ("pagelen", "100")];
        query.extend(base.map(|base| ("exclude", base)));
        let most = base.map_or(MAX_COMMITS_WITHOUT_BASE, |_| usize::MAX);
        let segments = repo_path(repo, &["commits"]);
        let all: Vec<CommitBase> = self.http.pages_up_to(&segments, &query, most).await?;
        let mut all: Vec<Commit> = all.into_iter().filter_map(CommitBase::commit).collect();
        let Some(base) = base else {
            return Ok(all);
        };
        if all.iter().all(|commit| commit.mark().is_some()) {
            return Ok(all);
        }
        // Before somebody is held up by them: a list that was not narrowed has the base's commits as well.
        let query = [("include", base), ("pagelen", "100")];
        let known: Vec<CommitBase> = self
            .http
            .pages(&repo_path(repo, &["commits"]), &query)
            .await?;
        let known: HashSet<String> = known.into_iter().filter_map(|commit| commit.hash).collect();
        all.retain(|commit| !known.contains(&commit.hash));
        Ok(all)
    }

    /// The paths that a commit changes, and whether each is there afterwards.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commits/#api-repositories-workspace-repo-slug-diffstat-spec-get>
    pub(crate) async fn diffstat(
        &self,
        repo: &RepoId,
        commit: &str,
    ) -> Result<BTreeMap<String, bool>, ApiError> {
        let segments = repo_path(repo, &["diffstat", commit]);
        let query = [("pagelen", "100")];
        let stats: Vec<Stat> = self.http.pages(&segments, &query).await?;
        let mut changed = BTreeMap::new();
        let path = |place: Option<FilePath>| place.and_then(|place| place.path);
        for Stat { old, new } in stats {
            // What was renamed is gone from where it was, unless something else is there now.
            if let Some(old) = path(old) {
                changed.entry(old).or_insert(false);
            }
            if let Some(new) = path(new) {
                changed.insert(new, true);
            }
        }
        Ok(changed)
    }
}

fn is_branch_restriction(response: &Response) -> bool {
    let said = response.value()["error"]["message"]
        .to_string()
        .to_lowercase();
    [
        "permission denied",
        "protected",
        "restrict",
        "not allowed to",
    ]
    .iter()
    .any(|words| said.contains(words))
}

/// The hash that the address of a commit ends in.
fn hash_at_end(address: &str) -> Option<String> {
    let last = address.trim_end_matches('/').rsplit('/').next()?;
    let is_hash = last.len() >= 40 && last.chars().all(|c| c.is_ascii_hexdigit());
    is_hash.then(|| last.to_owned())
}

impl CommitBase {
    fn commit(self) -> Option<Commit> {
        Some(Commit {
            hash: self.hash?,
            parent: self
                .parents
                .into_iter()
                .next()
                .and_then(|parent| parent.hash),
            message: self.message.unwrap_or_default(),
            author: self.author.and_then(|author| author.raw),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_named_by_the_end_of_its_address() {
        let hash = "a".repeat(40);
        assert_eq!(
            hash_at_end(&format!("https://x/2.0/repositories/a/b/commit/{hash}")),
            Some(hash)
        );
        assert_eq!(hash_at_end("https://x/2.0/repositories/a/b"), None);
    }
}
