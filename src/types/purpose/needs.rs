//! Which scopes a purpose takes, as data.
//!
//! What each call needs: `security` and `x-atlassian-oauth2-scopes` of Atlassian's API document. The presets: the pages on
//! which the four products describe their connection to Bitbucket.

/// For each vocabulary: required, and beyond.
pub(super) struct Row {
    pub(super) classic: [&'static [&'static str]; 2],
    pub(super) api_token: [&'static [&'static str]; 2],
    pub(super) data_center: [&'static [&'static str]; 2],
}

const fn plain(
    classic: &'static [&'static str],
    api_token: &'static [&'static str],
    data_center: &'static [&'static str],
) -> Row {
    Row {
        classic: [classic, &[]],
        api_token: [api_token, &[]],
        data_center: [data_center, &[]],
    }
}

pub(super) const READ: Row = plain(
    &["repository"],
    &["read:repository:bitbucket"],
    &["REPO_READ"],
);

pub(super) const WRITE: Row = plain(
    &["repository:write"],
    &["read:repository:bitbucket", "write:repository:bitbucket"],
    &["REPO_WRITE"],
);

/// Whoever may read a Data Center's repository may open a pull request, says its API document; its page about HTTP access
/// tokens counts "pull request actions" to `REPO_WRITE`, which is what a refusal names.
pub(super) const PULL_REQUEST: Row = plain(
    &["pullrequest:write"],
    &[
        "read:repository:bitbucket",
        "read:pullrequest:bitbucket",
        "write:pullrequest:bitbucket",
    ],
    &["REPO_READ"],
);

/// A webhook for pushes also needs the scope that reads them.
pub(super) const WEBHOOK: Row = plain(
    &["webhook", "repository"],
    &[
        "read:repository:bitbucket",
        "read:webhook:bitbucket",
        "write:webhook:bitbucket",
        "delete:webhook:bitbucket",
    ],
    &["REPO_ADMIN"],
);

pub(super) const DEPLOY_KEY: Row = plain(
    &["repository", "repository:admin"],
    &[
        "read:repository:bitbucket",
        "admin:repository:bitbucket",
        "write:ssh-key:bitbucket",
        "delete:ssh-key:bitbucket",
    ],
    &["REPO_ADMIN"],
);

pub(super) const CREATE_REPOSITORY: Row = plain(
    &["repository", "repository:admin"],
    &["read:repository:bitbucket", "admin:repository:bitbucket"],
    &["PROJECT_ADMIN"],
);

pub(super) const ALL: Row = plain(
    &[
        "account",
        "account:write",
        "project",
        "project:admin",
        "repository:write",
        "repository:admin",
        "pullrequest:write",
        "webhook",
    ],
    &[
        "read:user:bitbucket",
        "read:workspace:bitbucket",
        "read:project:bitbucket",
        "admin:project:bitbucket",
        "read:repository:bitbucket",
        "write:repository:bitbucket",
        "admin:repository:bitbucket",
        "read:pullrequest:bitbucket",
        "write:pullrequest:bitbucket",
        "read:webhook:bitbucket",
        "write:webhook:bitbucket",
        "delete:webhook:bitbucket",
        "read:ssh-key:bitbucket",
        "write:ssh-key:bitbucket",
        "delete:ssh-key:bitbucket",
    ],
    &["PROJECT_ADMIN"],
);

/// Its page asks for an SSH key and an empty repository, and nothing else. Registering that key for it, and seeing that
/// the repository is empty, takes more.
pub(super) const APPSMITH: Row = Row {
    classic: [&[], &["account", "account:write", "repository"]],
    api_token: [
        &[],
        &[
            "read:user:bitbucket",
            "read:repository:bitbucket",
            "read:ssh-key:bitbucket",
            "write:ssh-key:bitbucket",
        ],
    ],
    data_center: [&[], &["REPO_ADMIN"]],
};

pub(super) const APPCIRCLE: Row = Row {
    classic: [
        &["email", "project", "repository", "pullrequest", "webhook"],
        &["account"],
    ],
    api_token: [
        &[
            "read:account",
            "read:project:bitbucket",
            "read:repository:bitbucket",
            "read:pullrequest:bitbucket",
            "read:webhook:bitbucket",
            "write:webhook:bitbucket",
            "delete:webhook:bitbucket",
        ],
        &["read:user:bitbucket", "read:workspace:bitbucket"],
    ],
    data_center: [&["REPO_ADMIN"], &[]],
};

/// Its page knows app passwords alone, with read and write on projects, repositories and pull requests.
pub(super) const BRAINBOARD: Row = Row {
    classic: [
        &["project", "repository:write", "pullrequest:write"],
        &["account", "project:admin"],
    ],
    api_token: [
        &[
            "read:project:bitbucket",
            "read:repository:bitbucket",
            "write:repository:bitbucket",
            "read:pullrequest:bitbucket",
            "write:pullrequest:bitbucket",
        ],
        &[
            "read:user:bitbucket",
            "read:workspace:bitbucket",
            "admin:project:bitbucket",
        ],
    ],
    data_center: [&["PROJECT_WRITE"], &[]],
};

pub(super) const AMPLICATION: Row = Row {
    classic: [
        &[
            "account",
            "repository:write",
            "repository:admin",
            "pullrequest:write",
        ],
        &[],
    ],
    api_token: [
        &[
            "read:workspace:bitbucket",
            "read:repository:bitbucket",
            "write:repository:bitbucket",
            "admin:repository:bitbucket",
            "read:pullrequest:bitbucket",
            "write:pullrequest:bitbucket",
        ],
        &["read:user:bitbucket"],
    ],
    data_center: [&["PROJECT_ADMIN"], &[]],
};
