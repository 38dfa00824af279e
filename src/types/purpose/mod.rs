//! What a credential is for, and which scopes that takes.

mod needs;

use serde::Serialize;

use self::needs::Row;
use super::scope::{Scope, ScopeSystem, all_known};

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Purpose {
    /// Clone, fetch, read repositories
    Read,
    /// Push
    Write,
    /// Open pull requests
    PullRequest,
    /// Create, change and remove webhooks
    Webhook,
    /// Register SSH keys
    DeployKey,
    /// Create repositories
    CreateRepository,
    /// Everything that bbconnect does
    All,
    /// What Appsmith's "Connect to Bitbucket" needs
    Appsmith,
    /// What Appcircle's connection to Bitbucket needs
    Appcircle,
    /// What Brainboard's Bitbucket connection needs
    Brainboard,
    /// What Amplication's Bitbucket provider needs
    Amplication,
}

/// The scopes of a purpose in one vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RequiredScopes {
    /// Without them it does not work; for a preset, what its document lists.
    pub required: Vec<Scope>,
    /// What today's Bitbucket needs beyond the preset's document.
    pub beyond: Vec<Scope>,
}

/// What one may do with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Permission {
    /// Clone and fetch.
    Read,
    /// And push.
    Write,
    /// And change its settings: webhooks, keys.
    Admin,
}

impl Purpose {
    /// The name on the command line.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::PullRequest => "pull-request",
            Self::Webhook => "webhook",
            Self::DeployKey => "deploy-key",
            Self::CreateRepository => "create-repository",
            Self::All => "all",
            Self::Appsmith => "appsmith",
            Self::Appcircle => "appcircle",
            Self::Brainboard => "brainboard",
            Self::Amplication => "amplication",
        }
    }

    /// The scopes that it takes, in the words of a kind of credential.
    #[must_use]
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

    /// What the account must be allowed on the repository itself, whatever the scopes of its token.
    #[must_use]
    pub(crate) fn permission(self) -> Permission {
        match self {
            Self::Read | Self::PullRequest | Self::CreateRepository => Permission::Read,
            Self::Write | Self::Brainboard | Self::Amplication => Permission::Write,
            Self::Webhook | Self::DeployKey | Self::All | Self::Appcircle | Self::Appsmith => {
                Permission::Admin
            }
        }
    }

    /// Whether it registers keys, which Cloud's access tokens may not do whatever their scopes.
    #[must_use]
    pub(crate) fn requires_key_admin(self) -> bool {
        matches!(self, Self::DeployKey | Self::All | Self::Appsmith)
    }

    fn row(self) -> Row {
        match self {
            Self::Read => needs::READ,
            Self::Write => needs::WRITE,
            Self::PullRequest => needs::PULL_REQUEST,
            Self::Webhook => needs::WEBHOOK,
            Self::DeployKey => needs::DEPLOY_KEY,
            Self::CreateRepository => needs::CREATE_REPOSITORY,
            Self::All => needs::ALL,
            Self::Appsmith => needs::APPSMITH,
            Self::Appcircle => needs::APPCIRCLE,
            Self::Brainboard => needs::BRAINBOARD,
            Self::Amplication => needs::AMPLICATION,
        }
    }
}

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
