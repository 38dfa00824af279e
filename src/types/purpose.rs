//! Purposes of a credential, and the scopes that each needs.
//!
//! What each request needs: `security` and `x-atlassian-oauth2-scopes` of Atlassian's API description. The presets: the
//! pages on which the four products describe their connection to Bitbucket.

use serde::Serialize;

use super::named_enum::named_enum;
use super::repository::Permission;
use super::scope::{Scope, ScopeSystem, all_known};

named_enum! {
    /// What a credential is used for.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
    pub(crate) enum Purpose {
        /// Clone, fetch, read repositories
        Read = "read",
        /// Push
        Write = "write",
        /// Open pull requests
        PullRequest = "pull-request",
        /// Create, change and remove webhooks
        Webhook = "webhook",
        /// Register SSH keys
        DeployKey = "deploy-key",
        /// Create repositories
        CreateRepository = "create-repository",
        /// Set variables, SSH keys and known hosts of Pipelines (Cloud)
        Pipelines = "pipelines",
        /// Everything that bbconnect does
        All = "all",
        /// What Appsmith's "Connect to Bitbucket" needs
        Appsmith = "appsmith",
        /// What Appcircle's connection to Bitbucket needs
        Appcircle = "appcircle",
        /// What Brainboard's Bitbucket connection needs
        Brainboard = "brainboard",
        /// What Amplication's Bitbucket provider needs
        Amplication = "amplication",
    }
}

/// The scopes of a purpose in one vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RequiredScopes {
    /// The purpose fails without them; for a preset, what its document lists.
    pub required: Vec<Scope>,
    /// What Bitbucket now needs beyond the preset's document.
    pub beyond: Vec<Scope>,
}

impl Purpose {
    /// The scopes that it needs, in a vocabulary.
    pub(crate) fn needs(self, system: ScopeSystem) -> RequiredScopes {
        let row = self.row();
        let [required, beyond] = match system {
            ScopeSystem::Classic => row.classic,
            ScopeSystem::ApiToken => row.api_token,
            ScopeSystem::DataCenter => row.data_center,
        };
        RequiredScopes {
            required: all_known(required),
            beyond: all_known(beyond),
        }
    }

    /// The permission on the repository that the account needs, in addition to the scopes of its token.
    pub(crate) fn permission(self) -> Permission {
        match self {
            Self::Read | Self::PullRequest | Self::CreateRepository => Permission::Read,
            Self::Write | Self::Brainboard | Self::Amplication => Permission::Write,
            Self::Webhook
            | Self::DeployKey
            | Self::Pipelines
            | Self::All
            | Self::Appcircle
            | Self::Appsmith => Permission::Admin,
        }
    }

    /// Whether it changes an existing repository, which an archived one does not allow.
    pub(crate) fn changes_repository(self) -> bool {
        match self {
            Self::Read | Self::CreateRepository => false,
            Self::Write
            | Self::PullRequest
            | Self::Webhook
            | Self::DeployKey
            | Self::Pipelines
            | Self::All
            | Self::Appsmith
            | Self::Appcircle
            | Self::Brainboard
            | Self::Amplication => true,
        }
    }

    /// Whether it registers SSH keys, which Cloud's access tokens cannot do, whatever their scopes.
    pub(crate) fn requires_key_admin(self) -> bool {
        matches!(self, Self::DeployKey | Self::All | Self::Appsmith)
    }

    /// Whether its scopes are those of a product's document.
    pub(crate) fn is_preset(self) -> bool {
        matches!(
            self,
            Self::Appsmith | Self::Appcircle | Self::Brainboard | Self::Amplication
        )
    }

    fn row(self) -> Row {
        match self {
            Self::Read => READ,
            Self::Write => WRITE,
            Self::PullRequest => PULL_REQUEST,
            Self::Webhook => WEBHOOK,
            Self::DeployKey => DEPLOY_KEY,
            Self::CreateRepository => CREATE_REPOSITORY,
            Self::Pipelines => PIPELINES,
            Self::All => ALL,
            Self::Appsmith => APPSMITH,
            Self::Appcircle => APPCIRCLE,
            Self::Brainboard => BRAINBOARD,
            Self::Amplication => AMPLICATION,
        }
    }
}

/// The scope names of each vocabulary: required, and beyond.
struct Row {
    classic: [&'static [&'static str]; 2],
    api_token: [&'static [&'static str]; 2],
    data_center: [&'static [&'static str]; 2],
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

const READ: Row = plain(
    &["repository"],
    &["read:repository:bitbucket"],
    &["REPO_READ"],
);

const WRITE: Row = plain(
    &["repository:write"],
    &["read:repository:bitbucket", "write:repository:bitbucket"],
    &["REPO_WRITE"],
);

/// Data Center's API description: an account that can read a repository can open a pull request. Its page about HTTP access
/// tokens lists "pull request actions" with `REPO_WRITE`, which is the scope that a refusal names.
const PULL_REQUEST: Row = plain(
    &["pullrequest:write"],
    &[
        "read:repository:bitbucket",
        "read:pullrequest:bitbucket",
        "write:pullrequest:bitbucket",
    ],
    &["REPO_READ"],
);

/// A webhook for pushes also needs the scope to read them.
const WEBHOOK: Row = plain(
    &["webhook", "repository"],
    &[
        "read:repository:bitbucket",
        "read:webhook:bitbucket",
        "write:webhook:bitbucket",
        "delete:webhook:bitbucket",
    ],
    &["REPO_ADMIN"],
);

const DEPLOY_KEY: Row = plain(
    &["repository", "repository:admin"],
    &[
        "read:repository:bitbucket",
        "admin:repository:bitbucket",
        "write:ssh-key:bitbucket",
        "delete:ssh-key:bitbucket",
    ],
    &["REPO_ADMIN"],
);

const CREATE_REPOSITORY: Row = plain(
    &["repository", "repository:admin"],
    &["read:repository:bitbucket", "admin:repository:bitbucket"],
    &["PROJECT_ADMIN"],
);

/// Data Center has no Pipelines.
const PIPELINES: Row = plain(
    &["pipeline:variable"],
    &["read:pipeline:bitbucket", "admin:pipeline:bitbucket"],
    &[],
);

const ALL: Row = plain(
    &[
        "account",
        "account:write",
        "project",
        "project:admin",
        "repository:write",
        "repository:admin",
        "pullrequest:write",
        "webhook",
        "pipeline:variable",
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
        "read:pipeline:bitbucket",
        "admin:pipeline:bitbucket",
    ],
    &["PROJECT_ADMIN"],
);

/// Appsmith's page only asks for an SSH key and an empty repository. To register that key, and to check that the repository
/// is empty, needs more.
const APPSMITH: Row = Row {
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

const APPCIRCLE: Row = Row {
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

/// Brainboard's page only describes app passwords, with read and write on projects, repositories and pull requests.
const BRAINBOARD: Row = Row {
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

const AMPLICATION: Row = Row {
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

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_scope_of_every_purpose_is_known_and_of_its_vocabulary() {
        for purpose in Purpose::value_variants() {
            let row = purpose.row();
            for (vocabulary, names) in [
                (ScopeSystem::Classic, row.classic),
                (ScopeSystem::ApiToken, row.api_token),
                (ScopeSystem::DataCenter, row.data_center),
            ] {
                let needs = purpose.needs(vocabulary);
                let all = [needs.required, needs.beyond].concat();
                assert_eq!(all.len(), names.concat().len(), "{purpose:?}");
                assert!(
                    all.iter().all(|scope| scope.vocabulary() == vocabulary),
                    "{purpose:?}"
                );
            }
            let value = purpose.to_possible_value().unwrap();
            assert_eq!(value.get_name(), purpose.name());
        }
    }
}
