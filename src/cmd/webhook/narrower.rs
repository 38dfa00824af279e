//! What a credential no longer needs once the webhook is there.

use crate::model::connection::Auth;

/// With what a credential would do from now on, in its own words; nothing where the right to change webhooks was not
/// needed this time either.
pub(super) fn narrower(action: &str, auth: Auth) -> Option<String> {
    if !matches!(action, "created" | "updated") {
        return None;
    }
    let (enough, more) = match auth {
        Auth::ApiToken => (
            "read:repository:bitbucket",
            "write:webhook:bitbucket and delete:webhook:bitbucket",
        ),
        Auth::AccessToken | Auth::AppPassword | Auth::ClientCredentials => {
            ("repository", "webhook")
        }
        Auth::HttpAccessToken => ("REPO_READ", "REPO_ADMIN"),
        // Which scopes a sign-in has depends on the product; a password has what the account may do.
        Auth::OAuth | Auth::Password | Auth::Ssh => return None,
    };
    Some(format!(
        "the webhook is in place; for reading, a credential with {enough} is enough, without {more}"
    ))
}
