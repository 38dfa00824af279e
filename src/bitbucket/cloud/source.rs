//! The files of commits, on Cloud.

use reqwest::Method;
use serde::Deserialize;

use super::Cloud;
use super::repositories::repo_path;
use crate::bitbucket::client::{ApiError, Request, WithAuth};
use crate::types::commit::{FileMode, TreeEntry};
use crate::types::repository::RepoId;

/// How many folders deep one listing goes. Where that is too much for the server, it is asked folder by folder.
const DEPTH: &str = "32";
/// What folders and files are called.
const FOLDER: &str = "commit_directory";
const FILE: &str = "commit_file";
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

impl Cloud {
    /// The files of a commit, below a folder; where a file has the name of that folder, or of one above it, that file.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-source/#api-repositories-workspace-repo-slug-src-commit-path-get>
    pub(crate) async fn tree(
        &self,
        repo: &RepoId,
        commit: &str,
        below: &str,
    ) -> Result<Vec<TreeEntry>, ApiError> {
        if let Some(file) = self.file_at_or_above(repo, commit, below).await? {
            return Ok(vec![file]);
        }
        let mut entries = Vec::new();
        let mut folders = vec![(below.to_owned(), DEPTH)];
        while let Some((folder, depth)) = folders.pop() {
            let mut url = self.source(repo, commit, &folder)?;
            // A folder ends in a slash, or the server takes it for a file.
            if let Ok(mut segments) = url.path_segments_mut() {
                segments.push("");
            }
            url.query_pairs_mut()
                .append_pair("max_depth", depth)
                .append_pair("pagelen", "100");
            let listed = match self.http.pages_at::<EntryBase>(url, usize::MAX).await {
                Err(ApiError::ServerError {
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
                if base.kind.as_deref() != Some(FOLDER) {
                    entries.push(base.entry(path));
                } else if is_at_max_depth(&folder, &path, depth) {
                    folders.push((path.trim_end_matches('/').to_owned(), depth));
                }
            }
        }
        Ok(entries)
    }

    /// What is in a file of a commit, which has at most so many bytes.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-source/#api-repositories-workspace-repo-slug-src-commit-path-get>
    pub(crate) async fn content(
        &self,
        repo: &RepoId,
        commit: &str,
        file: &str,
        most: usize,
    ) -> Result<Vec<u8>, ApiError> {
        let url = self.source(repo, commit, file)?;
        let request = Request::new(Method::GET, url, WithAuth::Yes).max_response_bytes(most);
        let response = self.http.send(&request).await?;
        response.success()?;
        Ok(response.bytes().to_vec())
    }

    /// A file that has the name of a folder, or of one that the folder is in.
    async fn file_at_or_above(
        &self,
        repo: &RepoId,
        commit: &str,
        folder: &str,
    ) -> Result<Option<TreeEntry>, ApiError> {
        let mut at = folder;
        while !at.is_empty() {
            let mut url = self.source(repo, commit, at)?;
            url.query_pairs_mut().append_pair("format", "meta");
            let response = self
                .http
                .send(&Request::new(Method::GET, url, WithAuth::Yes))
                .await?;
            match response.json::<EntryBase>() {
                Err(ApiError::NotFound(_)) => {
                    at = at.rsplit_once('/').map_or("", |(above, _)| above);
                }
                Ok(base) if base.kind.as_deref() == Some(FILE) => {
                    return Ok(Some(base.entry(at.to_owned())));
                }
                Ok(_) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn source(&self, repo: &RepoId, commit: &str, below: &str) -> Result<url::Url, ApiError> {
        let mut segments = repo_path(repo, &["src", commit]);
        segments.extend(below.split('/').filter(|part| !part.is_empty()));
        self.http.build_url(&segments, &[])
    }
}

/// Whether a folder is at the end of what one listing shows, so that what is in it was not listed.
fn is_at_max_depth(listed: &str, folder: &str, depth: &str) -> bool {
    let below = folder
        .trim_matches('/')
        .strip_prefix(listed)
        .unwrap_or(folder);
    let levels = below.split('/').filter(|part| !part.is_empty()).count();
    depth.parse() == Ok(levels)
}

impl EntryBase {
    fn entry(self, path: String) -> TreeEntry {
        let has = |attribute: &str| self.attributes.iter().any(|own| own == attribute);
        let is_file = self.kind.as_deref() == Some(FILE) && !has("subrepository");
        let mode = if !is_file {
            None
        } else if has("link") {
            Some(FileMode::Link)
        } else if has("executable") {
            Some(FileMode::Executable)
        } else {
            Some(FileMode::Regular)
        };
        TreeEntry {
            path,
            mode,
            size: self.size,
            hash: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_at_the_edge_of_a_listing_are_listed_next() {
        assert!(is_at_max_depth("", "a", "1"));
        assert!(!is_at_max_depth("", "a/b", "32"));
        assert!(is_at_max_depth("a", "a/b", "1"));
        assert!(!is_at_max_depth("a", "a/b/c", "1"));
    }
}
