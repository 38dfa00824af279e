//! Pull requests.

use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PullRequest {
    /// The number in the repository; `None` in a dry run.
    pub id: Option<u64>,
    pub title: Option<String>,
    /// `OPEN`, `MERGED`, `DECLINED`; on Cloud also `SUPERSEDED`.
    pub state: Option<String>,
    pub url: Option<String>,
    pub source: Option<String>,
    pub target: Option<String>,
    pub draft: Option<bool>,
    pub author: Option<String>,
    pub reviewers: Vec<String>,
    /// All names of the reviewers, for comparison.
    #[serde(skip)]
    pub reviewer_names: Vec<String>,
    #[serde(skip)]
    pub body: Option<String>,
    /// Whether source and target are in different repositories: it comes from a fork, or goes to the original.
    #[serde(skip)]
    pub is_between_repositories: bool,
}

/// The fields given on the command line.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RequestedFields<'a> {
    pub title: Option<&'a str>,
    pub body: Option<&'a str>,
    pub draft: bool,
    pub reviewers: &'a [String],
}

impl PullRequest {
    /// `source -> target`; a branch that the server does not report is `?`.
    pub(crate) fn branches(&self) -> String {
        let name = |branch: &Option<String>| branch.clone().unwrap_or_else(|| "?".to_owned());
        format!("{} -> {}", name(&self.source), name(&self.target))
    }

    /// The requested fields that differ: `title`, `description`, `draft`, `reviewers`.
    pub(crate) fn differing_fields(&self, requested: &RequestedFields<'_>) -> Vec<&'static str> {
        let body = self.body.as_deref().unwrap_or_default();
        let is_reviewer = |name: &String| {
            let own = &self.reviewer_names;
            own.iter().any(|own| own.eq_ignore_ascii_case(name))
        };
        let fields = [
            (
                "title",
                requested.title.is_some() && requested.title != self.title.as_deref(),
            ),
            (
                "description",
                requested
                    .body
                    .is_some_and(|requested| !is_same_text(requested, body)),
            ),
            ("draft", requested.draft && self.draft != Some(true)),
            ("reviewers", !requested.reviewers.iter().all(is_reviewer)),
        ];
        let differs = fields.into_iter().filter(|(_, differs)| *differs);
        differs.map(|(name, _)| name).collect()
    }
}

/// The note for an existing pull request that differs from the request.
pub(crate) fn unchanged_note(differs: &[&str]) -> Option<String> {
    let parts = differs.join(", ");
    (!differs.is_empty()).then(|| format!("the pull request already exists; not updated: {parts}"))
}

/// Servers change line breaks and surrounding whitespace.
fn is_same_text(one: &str, other: &str) -> bool {
    one.trim().lines().eq(other.trim().lines())
}

/// The filter of `pr list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum State {
    /// Those that are open
    Open,
    /// Those that were merged
    Merged,
    /// Those that were declined
    Declined,
    /// All
    All,
}

impl State {
    pub(crate) fn plural_label(self) -> &'static str {
        match self {
            Self::Open => "open pull requests",
            Self::Merged => "merged pull requests",
            Self::Declined => "declined pull requests",
            Self::All => "pull requests",
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NewPullRequest {
    pub title: String,
    pub body: Option<String>,
    pub source: String,
    pub target: String,
    pub draft: bool,
    pub reviewers: Vec<Reviewer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reviewer {
    /// UUID (Cloud) or user name (Data Center).
    pub id: String,
    pub name: String,
}

/// A reviewer that the server rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SkippedReviewer {
    pub reviewer: String,
    /// The server's message.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requested_fields_can_differ() {
        let open = PullRequest {
            title: Some("One".to_owned()),
            body: Some("a\r\nb".to_owned()),
            draft: Some(false),
            reviewer_names: vec!["Ann Doe".to_owned(), "ann".to_owned()],
            ..PullRequest::default()
        };
        let ann = ["ANN".to_owned()];
        let same = RequestedFields {
            title: Some("One"),
            body: Some("a\nb\n"),
            draft: false,
            reviewers: &ann,
        };
        assert!(open.differing_fields(&same).is_empty());
        assert!(
            open.differing_fields(&RequestedFields::default())
                .is_empty()
        );
        let bob = ["bob".to_owned()];
        let other = RequestedFields {
            title: Some("Two"),
            body: Some("c"),
            draft: true,
            reviewers: &bob,
        };
        assert_eq!(
            open.differing_fields(&other),
            ["title", "description", "draft", "reviewers"]
        );
    }
}
