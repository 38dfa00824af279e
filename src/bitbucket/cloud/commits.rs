//! Commits and the files in them, on Cloud.

use std::collections::HashSet;

use reqwest::Method;
use serde::Deserialize;

use super::Cloud;
use super::form::Form;
use super::repositories::of;
use crate::bitbucket::http::{Answer, ApiError, Question, Signed};
use crate::model::change::{Commit, Entry, File, Mode};
use crate::model::repository::RepoPath;

/// How many folders deep one listing goes. Where that is too much for the server, it is asked folder by folder.
const DEPTH: &str = "32";
/// The server's own time limit was passed.
const TOO_SLOW: u16 = 555;

#[derive(Debug, Deserialize)]
struct EntryBase {
    #[serde(rename = "type")]
    kind: Option<String>,
    path: Option<String>,
    size: Option<u64>,
    #[serde(default)]
    attributes: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct CommitBase {
    hash: Option<String>,
    message: Option<String>,
    author: Option<Author>,
}

#[derive(Debug, Deserialize)]
struct Author {
    raw: Option<String>,
}

/// A commit to be made.
#[derive(Debug)]
pub struct Change<'a> {
    /// The branch that it goes to; it is made where it is not there.
    pub branch: &'a str,
    /// What the branch points to, or is to start from; `None` in an empty repository.
    pub parent: Option<&'a str>,
    /// Its message.
    pub message: &'a str,
    /// The files that it writes.
    pub files: Vec<&'a File>,
    /// The files that it removes.
    pub removed: &'a [String],
}

/// What became of a commit.
#[derive(Debug)]
pub enum Committed {
    /// It was made; the server may not say which it is.
    Made(Option<String>),
    /// Somebody was faster: the branch points elsewhere.
    Moved,
    /// The branch is protected.
    Protected(String),
}

impl Cloud {
    /// The files of a commit, below a folder.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-source/#api-repositories-workspace-repo-slug-src-commit-path-get>
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn tree(
        &self,
        path: &RepoPath,
        commit: &str,
        below: &str,
    ) -> Result<Vec<Entry>, ApiError> {
        let mut entries = Vec::new();
        let mut folders = vec![(below.to_owned(), DEPTH)];
        while let Some((folder, depth)) = folders.pop() {
            let mut url = self.source(path, commit, &folder)?;
            // A folder ends in a slash, or the server takes it for a file.
            if let Ok(mut segments) = url.path_segments_mut() {
                segments.push("");
            }
            url.query_pairs_mut()
                .append_pair("max_depth", depth)
                .append_pair("pagelen", "100");
            let listed = match self.http.pages_at::<EntryBase>(url, usize::MAX).await {
                Err(ApiError::Server {
                    status: TOO_SLOW, ..
                }) if depth == DEPTH => {
                    folders.push((folder, "1"));
                    continue;
                }
                // The folder that is published into need not be there yet.
                Err(ApiError::NotFound(_)) if folder == below && !below.is_empty() => continue,
                listed => listed?,
            };
            for base in listed {
                let Some(path) = base.path.clone() else {
                    continue;
                };
                if base.kind.as_deref() != Some("commit_directory") {
                    entries.push(base.entry(path));
                } else if is_edge(&folder, &path, depth) {
                    folders.push((path.trim_end_matches('/').to_owned(), depth));
                }
            }
        }
        Ok(entries)
    }

    /// What is in a file of a commit.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-source/#api-repositories-workspace-repo-slug-src-commit-path-get>
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn content(
        &self,
        path: &RepoPath,
        commit: &str,
        file: &File,
    ) -> Result<Vec<u8>, ApiError> {
        let url = self.source(path, commit, &file.path)?;
        let question =
            Question::new(Method::GET, url, Signed::Yes).up_to(file.content.len() + 1024 * 1024);
        let answer = self.http.ask(&question).await?;
        answer.success()?;
        Ok(answer.bytes().to_vec())
    }

    /// Commits files, where the branch still points to the parent.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-source/#api-repositories-workspace-repo-slug-src-post>
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn commit(
        &self,
        path: &RepoPath,
        change: &Change<'_>,
    ) -> Result<Committed, ApiError> {
        let mut form = Form::default();
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
                Mode::Plain => None,
                Mode::Executable => Some("executable"),
                Mode::Link => Some("link"),
            };
            form.file(&file.path, attribute, &file.content);
        }
        let (kind, bytes) = form.finish();
        let url = self.http.address(&of(path, &["src"]), &[])?;
        let question = Question::new(Method::POST, url, Signed::Yes).with_body(&kind, bytes);
        let answer = self.http.ask(&question).await?;
        match answer.status().as_u16() {
            409 => Ok(Committed::Moved),
            400 | 403 if speaks_of_protection(&answer) => {
                Ok(Committed::Protected(answer.error().to_string()))
            }
            _ => {
                answer.success()?;
                let hash = answer.header("location").and_then(hash_at_end);
                Ok(Committed::Made(hash))
            }
        }
    }

    /// The commits that a branch has and another has not, newest first.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commits/#api-repositories-workspace-repo-slug-commits-get>
    pub(in crate::bitbucket) async fn commits_not_on(
        &self,
        path: &RepoPath,
        branch: &str,
        base: &str,
    ) -> Result<Vec<Commit>, ApiError> {
        let query = [("include", branch), ("exclude", base), ("pagelen", "100")];
        let all: Vec<CommitBase> = self.http.pages(&of(path, &["commits"]), &query).await?;
        let mut all: Vec<Commit> = all.into_iter().filter_map(CommitBase::commit).collect();
        if all.iter().all(Commit::is_ours) {
            return Ok(all);
        }
        // Before somebody is held up by them: a list that was not narrowed has the base's commits as well.
        let query = [("include", base), ("pagelen", "100")];
        let known: Vec<CommitBase> = self.http.pages(&of(path, &["commits"]), &query).await?;
        let known: HashSet<String> = known.into_iter().filter_map(|commit| commit.hash).collect();
        all.retain(|commit| !known.contains(&commit.hash));
        Ok(all)
    }

    fn source(&self, path: &RepoPath, commit: &str, below: &str) -> Result<url::Url, ApiError> {
        let mut segments = of(path, &["src", commit]);
        segments.extend(below.split('/').filter(|part| !part.is_empty()));
        self.http.address(&segments, &[])
    }
}

/// Whether a folder is at the end of what one listing shows, so that what is in it was not listed.
fn is_edge(listed: &str, folder: &str, depth: &str) -> bool {
    let below = folder
        .trim_matches('/')
        .strip_prefix(listed)
        .unwrap_or(folder);
    let levels = below.split('/').filter(|part| !part.is_empty()).count();
    depth.parse() == Ok(levels)
}

fn speaks_of_protection(answer: &Answer) -> bool {
    let said = answer.value()["error"]["message"]
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
            message: self.message.unwrap_or_default(),
            author: self.author.and_then(|author| author.raw),
        })
    }
}

impl EntryBase {
    fn entry(self, path: String) -> Entry {
        let has = |attribute: &str| self.attributes.iter().any(|own| own == attribute);
        let is_file = self.kind.as_deref() == Some("commit_file") && !has("subrepository");
        let mode = if !is_file {
            None
        } else if has("link") {
            Some(Mode::Link)
        } else if has("executable") {
            Some(Mode::Executable)
        } else {
            Some(Mode::Plain)
        };
        Entry {
            path,
            mode,
            size: self.size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_at_the_edge_of_a_listing_are_listed_next() {
        assert!(is_edge("", "a", "1"));
        assert!(!is_edge("", "a/b", "32"));
        assert!(is_edge("a", "a/b", "1"));
        assert!(!is_edge("a", "a/b/c", "1"));
    }

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
