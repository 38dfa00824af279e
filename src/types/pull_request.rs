//! Pull requests: what a server says of one, and what one is made of.

use serde::Serialize;

/// A pull request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PullRequest {
    /// Its number in the repository; `None` before there is one.
    pub id: Option<u64>,
    pub title: Option<String>,
    /// `OPEN`, `MERGED`, `DECLINED`; on Cloud also `SUPERSEDED`.
    pub state: Option<String>,
    /// Its page.
    pub url: Option<String>,
    /// The source branch.
    pub source: Option<String>,
    /// The target branch.
    pub target: Option<String>,
    pub draft: Option<bool>,
    /// Who opened it.
    pub author: Option<String>,
    /// Who is asked to look at it.
    pub reviewers: Vec<String>,
    /// All names of those who are asked.
    #[serde(skip)]
    pub reviewer_names: Vec<String>,
    /// Its description.
    #[serde(skip)]
    pub body: Option<String>,
    /// Whether it comes from another repository.
    #[serde(skip)]
    pub is_from_fork: bool,
}

/// What was asked for in as many words.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RequestedFields<'a> {
    /// The title.
    pub title: Option<&'a str>,
    /// The description.
    pub body: Option<&'a str>,
    /// To be a draft.
    pub draft: bool,
    /// Who is to look at it.
    pub reviewers: &'a [String],
}

impl PullRequest {
    /// `source -> target`; a branch that the server does not report is `?`.
    #[must_use]
    pub(crate) fn branches(&self) -> String {
        let name = |branch: &Option<String>| branch.clone().unwrap_or_else(|| "?".to_owned());
        format!("{} -> {}", name(&self.source), name(&self.target))
    }

    /// What is otherwise than was asked for: `title`, `description`, `draft`, `reviewers`.
    #[must_use]
    pub(crate) fn differing_fields(&self, asked: &RequestedFields<'_>) -> Vec<&'static str> {
        let body = self.body.as_deref().unwrap_or_default();
        let is_asked = |name: &String| {
            let own = &self.reviewer_names;
            own.iter().any(|own| own.eq_ignore_ascii_case(name))
        };
        let parts = [
            (
                "title",
                asked.title.is_some() && asked.title != self.title.as_deref(),
            ),
            (
                "description",
                asked.body.is_some_and(|asked| !is_same_text(asked, body)),
            ),
            ("draft", asked.draft && self.draft != Some(true)),
            ("reviewers", !asked.reviewers.iter().all(is_asked)),
        ];
        let differs = parts.into_iter().filter(|(_, differs)| *differs);
        differs.map(|(name, _)| name).collect()
    }
}

/// What is said of a pull request that was open before and differs.
#[must_use]
pub(crate) fn unchanged_note(differs: &[&str]) -> Option<String> {
    let parts = differs.join(", ");
    (!differs.is_empty())
        .then(|| format!("the pull request was open already, and what differs is left: {parts}"))
}

/// Servers change line breaks, and what is at the end.
fn is_same_text(one: &str, other: &str) -> bool {
    one.trim().lines().eq(other.trim().lines())
}

/// Which pull requests are listed.
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
    /// What those of this state are called.
    #[must_use]
    pub(crate) fn plural_label(self) -> &'static str {
        match self {
            Self::Open => "open pull requests",
            Self::Merged => "merged pull requests",
            Self::Declined => "declined pull requests",
            Self::All => "pull requests",
        }
    }
}

/// A pull request to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NewPullRequest {
    /// Its title.
    pub title: String,
    /// Its description.
    pub body: Option<String>,
    /// The branch that it brings.
    pub source: String,
    /// The branch that it is for.
    pub target: String,
    /// Whether it is a draft.
    pub draft: bool,
    /// Who is asked to look at it.
    pub reviewers: Vec<Reviewer>,
}

/// Somebody who may be asked to look at a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reviewer {
    /// How the product knows them: uuid (Cloud), user name (Data Center).
    pub id: String,
    /// Their name for people.
    pub name: String,
}

/// Somebody who could not be asked, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SkippedReviewer {
    /// Their name.
    pub reviewer: String,
    /// The server's words.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_what_was_asked_for_in_vain() {
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
