//! What may be wrong with a credential that was refused, by its kind and by how it begins.

use super::TokenShape;
use super::auth::Auth;

/// What a person can check when a credential is refused, the likeliest first.
#[must_use]
pub fn why_refused(auth: Auth, shape: TokenShape) -> String {
    let mismatch = match (shape, auth) {
        (TokenShape::AppPassword, _) => {
            return "this is an app password: Bitbucket Cloud ended them on 2026-07-28. Make an API token with scopes at \
                    https://id.atlassian.com/manage-profile/security/api-tokens and use --auth api-token"
                .to_owned();
        }
        (TokenShape::ApiToken, Auth::AccessToken) => {
            return "it begins like an API token: set BBCONNECT_EMAIL where it is in the environment, else use --auth \
                    api-token with --email"
                .to_owned();
        }
        (TokenShape::AccessToken, Auth::ApiToken) => {
            "it begins like an access token: use --auth access-token; "
        }
        _ => "",
    };
    let causes = match auth {
        Auth::ApiToken => {
            "check that --email is the address of the Atlassian account (not the user name), that the token was made \
             with scopes for Bitbucket, and that it has not expired or been revoked; app passwords ended on 2026-07-28"
        }
        Auth::AccessToken => {
            "check that the token belongs to this workspace, project or repository, and that it has not expired or been \
             revoked; a user's API token needs --auth api-token"
        }
        Auth::OAuth => {
            "sign in again with `bbconnect connection edit NAME --reauthorize`; where that fails, check the client id and \
             secret, and that the callback address is http://127.0.0.1:47617/callback, with the port of --port where one was named"
        }
        Auth::ClientCredentials => {
            "check the client id and secret, and that the OAuth consumer is a private one"
        }
        Auth::AppPassword => {
            "Bitbucket Cloud ended app passwords on 2026-07-28. Make an API token with scopes at \
             https://id.atlassian.com/manage-profile/security/api-tokens and use --auth api-token"
        }
        Auth::HttpAccessToken => {
            "check that the token was made on this server, for this user, project or repository, and that it has not \
             expired or been revoked"
        }
        Auth::Password => {
            "check the user name (not the e-mail address) and the password; with single sign-on there is none that works \
             here: make an HTTP access token and use --auth http-access-token"
        }
        Auth::Ssh => "check the key",
    };
    format!("{mismatch}{causes}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_password_is_recognised_whatever_it_is_called() {
        for auth in [Auth::ApiToken, Auth::AccessToken, Auth::AppPassword] {
            assert!(why_refused(auth, TokenShape::of("ATBBsomething")).contains("2026-07-28"));
        }
    }

    #[test]
    fn an_api_token_sent_as_an_access_token_is_told_once_what_it_lacks() {
        let advice = why_refused(Auth::AccessToken, TokenShape::of("ATATT3x"));
        assert!(advice.contains("set BBCONNECT_EMAIL"), "{advice}");
        assert_eq!(advice.matches("api-token").count(), 1, "{advice}");
    }

    #[test]
    fn a_token_of_another_kind_is_named() {
        assert!(
            why_refused(Auth::ApiToken, TokenShape::of("ATCTT3x"))
                .starts_with("it begins like an access token")
        );
        assert!(why_refused(Auth::ApiToken, TokenShape::of("x")).starts_with("check that --email"));
    }
}
