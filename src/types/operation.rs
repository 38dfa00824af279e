//! Operations of commands, and the scopes or permissions that each product requires for them.

use super::connection::AuthMethod;
use super::deployment::Deployment;
use super::scope::{GrantedScopes, Scope, ScopeSystem};
use super::webhook::WebhookScope;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    ReadWorkspaces,
    ReadProjects,
    ReadRepositories,
    CreateRepository,
    CreateProject,
    ReadWebhooks(WebhookScope),
    WriteWebhooks(WebhookScope),
    DeleteWebhooks(WebhookScope),
    ReadPullRequests,
    WritePullRequests,
    WriteFiles,
    ReadPipelines,
    WritePipelines,
}

impl Operation {
    /// What to do about a refusal. Only scopes that are missing are requested, where the server lists those that are
    /// `granted`; `required` are those that it names, where it does.
    pub(crate) fn refusal_hint(
        self,
        deployment: Deployment,
        auth: AuthMethod,
        required: &[String],
        granted: &[String],
    ) -> String {
        let (api_token, classic, datacenter) = self.required_scopes();
        if deployment != Deployment::Cloud {
            return format!("required: {datacenter}, for the token and its account");
        }
        let names = granted.iter().map(String::as_str);
        let granted = GrantedScopes::from_names(names);
        let is_api_token = auth == AuthMethod::ApiToken || granted.uses(ScopeSystem::ApiToken);
        let (system, own) = if is_api_token {
            (ScopeSystem::ApiToken, api_token)
        } else {
            (ScopeSystem::Classic, classic)
        };
        let own: Vec<String> = own.iter().map(ToString::to_string).collect();
        // A server may name them in the other vocabulary.
        let is_own = |name: &String| {
            let scope = name.parse::<Scope>();
            scope.is_ok_and(|scope| scope.vocabulary() == system)
        };
        let are_own = !required.is_empty() && required.iter().all(is_own);
        let required = if are_own { required } else { &own };
        refusal_hint(required, &granted)
    }

    /// The scopes of an API token, those of Cloud's other credentials, and Data Center's permission.
    ///
    /// <https://developer.atlassian.com/cloud/bitbucket/rest/intro/#authentication>,
    /// <https://confluence.atlassian.com/bitbucketserver/http-access-tokens-939515499.html>
    fn required_scopes(
        self,
    ) -> (
        &'static [&'static str],
        &'static [&'static str],
        &'static str,
    ) {
        match self {
            Self::ReadWorkspaces => (&["read:workspace:bitbucket"], &["account"], "REPO_READ"),
            Self::ReadProjects => (&["read:project:bitbucket"], &["project"], "PROJECT_READ"),
            Self::ReadRepositories => {
                (&["read:repository:bitbucket"], &["repository"], "REPO_READ")
            }
            Self::CreateRepository => (
                &["read:repository:bitbucket", "admin:repository:bitbucket"],
                &["repository", "repository:admin"],
                "PROJECT_ADMIN, or the permission to create repositories",
            ),
            Self::CreateProject => (
                &["read:project:bitbucket", "admin:project:bitbucket"],
                &["project", "project:admin"],
                "the global permission PROJECT_CREATE",
            ),
            Self::ReadWebhooks(scope) => (
                &["read:webhook:bitbucket"],
                &["webhook"],
                scope.admin_permission(),
            ),
            // The scopes to read are those of the events.
            Self::WriteWebhooks(scope) => (
                &[
                    "read:webhook:bitbucket",
                    "write:webhook:bitbucket",
                    "read:repository:bitbucket",
                    "read:pullrequest:bitbucket",
                ],
                &["webhook", "repository", "pullrequest"],
                scope.admin_permission(),
            ),
            Self::DeleteWebhooks(scope) => (
                &["read:webhook:bitbucket", "delete:webhook:bitbucket"],
                &["webhook"],
                scope.admin_permission(),
            ),
            Self::ReadPullRequests => (
                &["read:pullrequest:bitbucket"],
                &["pullrequest"],
                "REPO_READ",
            ),
            Self::WritePullRequests => (
                &[
                    "read:repository:bitbucket",
                    "read:pullrequest:bitbucket",
                    "write:pullrequest:bitbucket",
                ],
                &["pullrequest:write"],
                "REPO_WRITE on the repository",
            ),
            Self::WriteFiles => (
                &["read:repository:bitbucket", "write:repository:bitbucket"],
                &["repository:write"],
                "REPO_WRITE on the repository",
            ),
            Self::ReadPipelines => (
                &["read:pipeline:bitbucket"],
                &["pipeline"],
                "a connection to Bitbucket Cloud, which has Pipelines",
            ),
            Self::WritePipelines => (
                &["read:pipeline:bitbucket", "admin:pipeline:bitbucket"],
                &["pipeline", "pipeline:variable"],
                "a connection to Bitbucket Cloud, which has Pipelines",
            ),
        }
    }
}

/// What to do about a refusal of Cloud, for required scopes.
pub(crate) fn refusal_hint(required: &[String], granted: &GrantedScopes) -> String {
    if granted.is_empty() {
        return format!(
            "required scopes: {}; where the credential has them, the account lacks the permission, or the workspace \
             restricts access",
            required.join(", ")
        );
    }
    let missing = granted.missing(required);
    if missing.is_empty() {
        return "the credential has the required scopes: the account lacks the permission, or the workspace restricts \
                access (allowed IP addresses, two-step verification); ask an administrator"
            .to_owned();
    }
    format!(
        "missing scopes: {}; create a credential that also has them (bbconnect token page)",
        missing.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_missing_scopes_are_requested() {
        let hint = |auth, required: &[&str], granted: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
            let (required, granted) = (owned(required), owned(granted));
            Operation::WriteWebhooks(WebhookScope::Repository).refusal_hint(
                Deployment::Cloud,
                auth,
                &required,
                &granted,
            )
        };
        let read = [
            "read:repository:bitbucket",
            "read:pullrequest:bitbucket",
            "read:webhook:bitbucket",
        ];
        let text = hint(AuthMethod::ApiToken, &[], &read);
        assert!(
            text.starts_with("missing scopes: write:webhook:bitbucket;"),
            "{text}"
        );
        let all = [&read[..], &["write:webhook:bitbucket"]].concat();
        for (auth, required, granted) in [
            (AuthMethod::ApiToken, &[][..], &all[..]),
            (AuthMethod::OAuth, &[], &["webhook", "pullrequest"]),
            (AuthMethod::OAuth, &["webhook"], &["webhook"]),
            (AuthMethod::OAuth, &["repository"], &["pullrequest:write"]),
        ] {
            let text = hint(auth, required, granted);
            assert!(text.contains("the account lacks"), "{text}");
            assert!(!text.contains("missing"), "{text}");
        }
        let text = hint(AuthMethod::AccessToken, &["webhook"], &["repository"]);
        assert!(text.starts_with("missing scopes: webhook;"), "{text}");
        let text = hint(AuthMethod::AccessToken, &[], &[]);
        assert!(
            text.contains("webhook, repository, pullrequest; where"),
            "{text}"
        );
        let text = Operation::WriteWebhooks(WebhookScope::Repository).refusal_hint(
            Deployment::DataCenter,
            AuthMethod::HttpAccessToken,
            &[],
            &[],
        );
        assert!(text.contains("REPO_ADMIN"), "{text}");
    }
}
