//! Pull requests: what a server says of one, and what one is made of.

use serde::Serialize;

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PullRequest {
    /// Its number in the repository; `None` before there is one.
    pub id: Option<u64>,
    /// Its title.
    pub title: String,
    /// `OPEN`, `MERGED`, `DECLINED`; on Cloud also `SUPERSEDED`.
    pub state: String,
    /// Its page.
    pub url: Option<String>,
    /// The branch that it brings.
    pub source: String,
    /// The branch that it is for.
    pub target: String,
    /// Whether it is a draft.
    pub draft: Option<bool>,
    /// Who opened it.
    pub author: Option<String>,
    /// Who is asked to look at it.
    pub reviewers: Vec<String>,
    /// Whether it comes from another repository.
    #[serde(skip)]
    pub is_from_fork: bool,
}

/// Which pull requests are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum State {
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
    pub fn requests(self) -> &'static str {
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
pub struct Proposal {
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
pub struct Reviewer {
    /// How the product knows them: uuid (Cloud), user name (Data Center).
    pub id: String,
    /// Their name for people.
    pub name: String,
}

/// Somebody who could not be asked, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Their name.
    pub reviewer: String,
    /// The server's words.
    pub reason: String,
}
