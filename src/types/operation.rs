//! Operations of commands, and the scopes or permissions that each product requires for them.

use super::connection::AuthMethod;
use super::deployment::Deployment;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    ReadRepositories,
    CreateRepository,
    CreateProject,
    ReadWebhooks,
    WriteWebhooks,
    DeleteWebhooks,
    ReadPullRequests,
    WritePullRequests,
    WriteFiles,
    ReadPipelines,
    WritePipelines,
}

impl Operation {
    /// The scopes of an API token, the scopes of Cloud's other credentials, or Data Center's permissions, as a hint.
    #[must_use]
    pub(crate) fn required_scopes_text(self, deployment: Deployment, auth: AuthMethod) -> String {
        let (api_token, classic, datacenter) = self.names();
        match (deployment, auth) {
            (Deployment::Cloud, AuthMethod::ApiToken) => {
                format!("required: an API token with the scopes {api_token}")
            }
            (Deployment::Cloud, _) => format!("required: the scopes {classic}"),
            (Deployment::DataCenter | Deployment::Unknown, _) => {
                format!("required: {datacenter}, for the token and its account")
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
            Self::ReadPipelines => (
                "read:pipeline:bitbucket",
                "pipeline",
                "a connection to Bitbucket Cloud, which has Pipelines",
            ),
            Self::WritePipelines => (
                "read:pipeline:bitbucket and admin:pipeline:bitbucket",
                "pipeline and pipeline:variable",
                "a connection to Bitbucket Cloud, which has Pipelines",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_has_the_vocabulary_of_the_credential() {
        let hint =
            |deployment, auth| Operation::WriteWebhooks.required_scopes_text(deployment, auth);
        let text = hint(Deployment::Cloud, AuthMethod::ApiToken);
        assert!(text.contains("write:webhook:bitbucket"), "{text}");
        let text = hint(Deployment::Cloud, AuthMethod::AccessToken);
        assert!(text.contains("scopes webhook"), "{text}");
        let text = hint(Deployment::DataCenter, AuthMethod::HttpAccessToken);
        assert!(text.contains("REPO_ADMIN"), "{text}");
    }
}
