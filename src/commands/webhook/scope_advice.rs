//! What a credential no longer needs once the webhook is there.

use crate::types::connection::AuthMethod;

/// With what a credential would do from now on, in its own words; nothing where the right to change webhooks was not
/// needed this time either.
pub(super) fn narrower(action: &str, auth: AuthMethod) -> Option<String> {
    if !matches!(action, "created" | "updated") {
        return None;
    }
    let (enough, more) = match auth {
        AuthMethod::ApiToken => (
            "read:repository:bitbucket",
            "write:webhook:bitbucket and delete:webhook:bitbucket",
        ),
        AuthMethod::AccessToken | AuthMethod::AppPassword | AuthMethod::ClientCredentials => {
            ("repository", "webhook")
        }
        AuthMethod::HttpAccessToken => ("REPO_READ", "REPO_ADMIN"),
        // Which scopes a sign-in has depends on the product; a password has what the account may do.
        AuthMethod::OAuth | AuthMethod::Password | AuthMethod::Ssh => return None,
    };
    Some(format!(
        "the webhook is in place; for reading, a credential with {enough} is enough, without {more}"
    ))
}
