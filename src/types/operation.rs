//! What a command must be allowed to do, in the words in which each product gives such rights.

use super::connection::AuthMethod;
use super::deployment::Deployment;

/// Something that a credential may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// See repositories.
    ReadRepositories,
    /// Make a repository.
    CreateRepository,
    /// Make a project.
    CreateProject,
    /// See webhooks.
    ReadWebhooks,
    /// Make and change webhooks.
    WriteWebhooks,
    /// Remove webhooks.
    DeleteWebhooks,
    /// See pull requests.
    ReadPullRequests,
    /// Make pull requests.
    WritePullRequests,
    /// Commit to a branch.
    WriteFiles,
}

impl Operation {
    /// What to ask for: scopes of API tokens, scopes of Cloud's other credentials, or Data Center's permissions.
    #[must_use]
    pub(crate) fn required_scopes_text(self, deployment: Deployment, auth: AuthMethod) -> String {
        let (api_token, classic, datacenter) = self.names();
        match (deployment, auth) {
            (Deployment::Cloud, AuthMethod::ApiToken) => {
                format!("ask for an API token with the scopes {api_token}")
            }
            (Deployment::Cloud, _) => format!("ask for a credential with the scopes {classic}"),
            (Deployment::DataCenter | Deployment::Unknown, _) => {
                format!("ask for {datacenter}: of the token, and of the account behind it")
            }
        }
    }

    /// <https://developer.atlassian.com/cloud/bitbucket/rest/intro/#authentication>,
    /// <https://confluence.atlassian.com/bitbucketserver/http-access-tokens-939515499.html>
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::ReadRepositories => ("read:repository:bitbucket", "repository", "REPO_READ"),
            Self::CreateRepository => (
                "read:repository:bitbucket and admin:repository:bitbucket",
                "repository and repository:admin",
                "PROJECT_ADMIN, or the permission to create repositories",
            ),
            Self::CreateProject => (
                "read:project:bitbucket and admin:project:bitbucket",
                "project and project:admin",
                "the global permission PROJECT_CREATE",
            ),
            Self::ReadWebhooks => (
                "read:webhook:bitbucket",
                "webhook",
                "REPO_ADMIN on the repository",
            ),
            Self::WriteWebhooks => (
                "read:webhook:bitbucket and write:webhook:bitbucket, and read:repository:bitbucket and \
                 read:pullrequest:bitbucket for the events",
                "webhook, and repository and pullrequest for the events",
                "REPO_ADMIN on the repository",
            ),
            Self::DeleteWebhooks => (
                "read:webhook:bitbucket and delete:webhook:bitbucket",
                "webhook",
                "REPO_ADMIN on the repository",
            ),
            Self::ReadPullRequests => ("read:pullrequest:bitbucket", "pullrequest", "REPO_READ"),
            Self::WritePullRequests => (
                "read:repository:bitbucket, read:pullrequest:bitbucket and write:pullrequest:bitbucket",
                "pullrequest:write",
                "REPO_WRITE on the repository",
            ),
            Self::WriteFiles => (
                "read:repository:bitbucket and write:repository:bitbucket",
                "repository:write",
                "REPO_WRITE on the repository",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_credential_is_told_in_its_own_words() {
        let ask =
            |deployment, auth| Operation::WriteWebhooks.required_scopes_text(deployment, auth);
        let words = ask(Deployment::Cloud, AuthMethod::ApiToken);
        assert!(words.contains("write:webhook:bitbucket"), "{words}");
        let words = ask(Deployment::Cloud, AuthMethod::AccessToken);
        assert!(words.contains("scopes webhook"), "{words}");
        let words = ask(Deployment::DataCenter, AuthMethod::HttpAccessToken);
        assert!(words.contains("REPO_ADMIN"), "{words}");
    }
}
