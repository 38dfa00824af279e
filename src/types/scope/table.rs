//! Every scope there is, as data: what it implies, and what it is called in the other vocabularies.
//!
//! Bitbucket Cloud: <https://developer.atlassian.com/cloud/bitbucket/rest/intro/#authentication>. Data Center:
//! <https://confluence.atlassian.com/bitbucketserver/http-access-tokens-939515499.html>.

use super::ScopeSystem::{self, ApiToken, Classic, DataCenter};

/// A scope, and its neighbours.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) system: ScopeSystem,
    pub(super) name: &'static str,
    /// Scopes of the same vocabulary that come with it.
    pub(super) implies: &'static [&'static str],
    /// What does the same in the other vocabularies; nothing where there is no such thing.
    pub(super) elsewhere: &'static [&'static str],
}

const fn entry(
    system: ScopeSystem,
    name: &'static str,
    implies: &'static [&'static str],
    elsewhere: &'static [&'static str],
) -> Entry {
    Entry {
        system,
        name,
        implies,
        elsewhere,
    }
}

/// OAuth consumers, access tokens and app passwords: some scopes bring others with them.
const CLASSIC: [Entry; 23] = [
    entry(Classic, "account", &[], &["read:user:bitbucket"]),
    entry(Classic, "account:write", &[], &["write:user:bitbucket"]),
    entry(Classic, "email", &[], &["read:user:bitbucket"]),
    entry(
        Classic,
        "project",
        &["repository"],
        &["read:project:bitbucket", "PROJECT_READ"],
    ),
    // Obsolete, and without effect.
    entry(Classic, "project:write", &[], &[]),
    entry(
        Classic,
        "project:admin",
        &[],
        &["admin:project:bitbucket", "PROJECT_ADMIN"],
    ),
    entry(
        Classic,
        "repository",
        &[],
        &["read:repository:bitbucket", "REPO_READ"],
    ),
    entry(
        Classic,
        "repository:write",
        &["repository"],
        &[
            "read:repository:bitbucket",
            "write:repository:bitbucket",
            "REPO_WRITE",
        ],
    ),
    entry(
        Classic,
        "repository:admin",
        &[],
        &["admin:repository:bitbucket", "REPO_ADMIN"],
    ),
    entry(
        Classic,
        "repository:delete",
        &[],
        &["delete:repository:bitbucket", "REPO_ADMIN"],
    ),
    entry(
        Classic,
        "pullrequest",
        &["repository"],
        &["read:pullrequest:bitbucket", "REPO_READ"],
    ),
    entry(
        Classic,
        "pullrequest:write",
        &["pullrequest", "repository:write"],
        &[
            "read:pullrequest:bitbucket",
            "write:pullrequest:bitbucket",
            "REPO_WRITE",
        ],
    ),
    entry(
        Classic,
        "webhook",
        &[],
        &[
            "read:webhook:bitbucket",
            "write:webhook:bitbucket",
            "delete:webhook:bitbucket",
            "REPO_ADMIN",
        ],
    ),
    entry(Classic, "issue", &[], &["read:issue:bitbucket"]),
    entry(
        Classic,
        "issue:write",
        &["issue"],
        &["read:issue:bitbucket", "write:issue:bitbucket"],
    ),
    entry(Classic, "wiki", &[], &[]),
    entry(Classic, "snippet", &[], &["read:snippet:bitbucket"]),
    entry(
        Classic,
        "snippet:write",
        &["snippet"],
        &["read:snippet:bitbucket", "write:snippet:bitbucket"],
    ),
    entry(Classic, "pipeline", &[], &["read:pipeline:bitbucket"]),
    entry(
        Classic,
        "pipeline:write",
        &["pipeline"],
        &["read:pipeline:bitbucket", "write:pipeline:bitbucket"],
    ),
    entry(
        Classic,
        "pipeline:variable",
        &["pipeline:write"],
        &["admin:pipeline:bitbucket"],
    ),
    entry(Classic, "runner", &[], &["read:runner:bitbucket"]),
    entry(
        Classic,
        "runner:write",
        &["runner"],
        &["read:runner:bitbucket", "write:runner:bitbucket"],
    ),
];

/// API tokens: no scope brings another with it.
const API_TOKEN: [Entry; 37] = [
    api("read:user:bitbucket", &["account"]),
    api("write:user:bitbucket", &["account:write"]),
    api("read:workspace:bitbucket", &["account"]),
    api("admin:workspace:bitbucket", &[]),
    api("read:project:bitbucket", &["project", "PROJECT_READ"]),
    api(
        "admin:project:bitbucket",
        &["project:admin", "PROJECT_ADMIN"],
    ),
    api("read:repository:bitbucket", &["repository", "REPO_READ"]),
    api(
        "write:repository:bitbucket",
        &["repository:write", "REPO_WRITE"],
    ),
    api(
        "admin:repository:bitbucket",
        &["repository:admin", "REPO_ADMIN"],
    ),
    api(
        "delete:repository:bitbucket",
        &["repository:delete", "REPO_ADMIN"],
    ),
    api("read:pullrequest:bitbucket", &["pullrequest", "REPO_READ"]),
    api(
        "write:pullrequest:bitbucket",
        &["pullrequest:write", "REPO_WRITE"],
    ),
    api("read:webhook:bitbucket", &["webhook", "REPO_ADMIN"]),
    api("write:webhook:bitbucket", &["webhook", "REPO_ADMIN"]),
    api("delete:webhook:bitbucket", &["webhook", "REPO_ADMIN"]),
    api("read:ssh-key:bitbucket", &["account"]),
    api("write:ssh-key:bitbucket", &["account:write"]),
    api("delete:ssh-key:bitbucket", &["account:write"]),
    api("read:gpg-key:bitbucket", &["account"]),
    api("write:gpg-key:bitbucket", &["account:write"]),
    api("delete:gpg-key:bitbucket", &["account:write"]),
    api("read:permission:bitbucket", &["repository:admin"]),
    api("write:permission:bitbucket", &["repository:admin"]),
    api("delete:permission:bitbucket", &["repository:admin"]),
    api("read:pipeline:bitbucket", &["pipeline"]),
    api("write:pipeline:bitbucket", &["pipeline:write"]),
    api("admin:pipeline:bitbucket", &["pipeline:variable"]),
    api("read:runner:bitbucket", &["runner"]),
    api("write:runner:bitbucket", &["runner:write"]),
    api("read:issue:bitbucket", &["issue"]),
    api("write:issue:bitbucket", &["issue:write"]),
    api("delete:issue:bitbucket", &["issue:write"]),
    api("read:snippet:bitbucket", &["snippet"]),
    api("write:snippet:bitbucket", &["snippet:write"]),
    api("delete:snippet:bitbucket", &["snippet:write"]),
    // Not Bitbucket's own: scopes of the Atlassian account, which other products ask for.
    api("read:account", &["account"]),
    api("read:me", &["account"]),
];

const fn api(name: &'static str, elsewhere: &'static [&'static str]) -> Entry {
    entry(ApiToken, name, &[], elsewhere)
}

/// Permissions of HTTP access tokens. A project's permission covers its repositories, and each is more than the one
/// below it, which on Cloud administration is not.
const DATA_CENTER: [Entry; 6] = [
    entry(
        DataCenter,
        "REPO_READ",
        &[],
        &["repository", "read:repository:bitbucket"],
    ),
    entry(
        DataCenter,
        "REPO_WRITE",
        &["REPO_READ"],
        &[
            "repository:write",
            "read:repository:bitbucket",
            "write:repository:bitbucket",
        ],
    ),
    entry(
        DataCenter,
        "REPO_ADMIN",
        &["REPO_WRITE", "REPO_READ"],
        &[
            "repository:write",
            "repository:admin",
            "read:repository:bitbucket",
            "write:repository:bitbucket",
            "admin:repository:bitbucket",
        ],
    ),
    entry(
        DataCenter,
        "PROJECT_READ",
        &["REPO_READ"],
        &["project", "read:project:bitbucket"],
    ),
    entry(
        DataCenter,
        "PROJECT_WRITE",
        &["PROJECT_READ", "REPO_WRITE", "REPO_READ"],
        &[
            "project",
            "repository:write",
            "read:project:bitbucket",
            "read:repository:bitbucket",
            "write:repository:bitbucket",
        ],
    ),
    entry(
        DataCenter,
        "PROJECT_ADMIN",
        &[
            "PROJECT_WRITE",
            "PROJECT_READ",
            "REPO_ADMIN",
            "REPO_WRITE",
            "REPO_READ",
        ],
        &[
            "project",
            "project:admin",
            "repository:write",
            "repository:admin",
            "read:project:bitbucket",
            "admin:project:bitbucket",
            "read:repository:bitbucket",
            "write:repository:bitbucket",
            "admin:repository:bitbucket",
        ],
    ),
];

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Entry> {
    CLASSIC.iter().chain(&API_TOKEN).chain(&DATA_CENTER)
}
