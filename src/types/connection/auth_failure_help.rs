//! Likely causes of a rejected credential, by its kind and its prefix.

use super::TokenPrefix;
use super::auth::AuthMethod;

/// What to check when a credential is rejected, the likeliest cause first.
#[must_use]
pub(crate) fn auth_failure_help(auth: AuthMethod, prefix: TokenPrefix) -> String {
    let mismatch = match (prefix, auth) {
        (TokenPrefix::AppPassword, _) => {
            return "this is an app password: Bitbucket Cloud ended them on 2026-07-28. Make an API token with scopes at \
                    https://id.atlassian.com/manage-profile/security/api-tokens and use --auth api-token"
                .to_owned();
        }
        (TokenPrefix::ApiToken, AuthMethod::AccessToken) => {
            return "it begins like an API token: set BBCONNECT_EMAIL where it is in the environment, else use --auth \
                    api-token with --email"
                .to_owned();
        }
        (TokenPrefix::AccessToken, AuthMethod::ApiToken) => {
            "it begins like an access token: use --auth access-token; "
        }
        _ => "",
    };
    let causes = match auth {
        AuthMethod::ApiToken => {
            "check that --email is the address of the Atlassian account (not the user name), that the token was made \
             with scopes for Bitbucket, and that it has not expired or been revoked; app passwords ended on 2026-07-28"
        }
        AuthMethod::AccessToken => {
            "check that the token belongs to this workspace, project or repository, and that it has not expired or been \
             revoked; a user's API token needs --auth api-token"
        }
        AuthMethod::OAuth => {
            "sign in again with `bbconnect connection edit NAME --reauthorize`; where that fails, check the client id and \
             secret, and that the callback address is http://127.0.0.1:47617/callback, with the port of --port where one was named"
        }
        AuthMethod::ClientCredentials => {
            "check the client id and secret, and that the OAuth consumer is a private one"
        }
        AuthMethod::AppPassword => {
            "Bitbucket Cloud ended app passwords on 2026-07-28. Make an API token with scopes at \
             https://id.atlassian.com/manage-profile/security/api-tokens and use --auth api-token"
        }
        AuthMethod::HttpAccessToken => {
            "check that the token was made on this server, for this user, project or repository, and that it has not \
             expired or been revoked"
        }
        AuthMethod::Password => {
            "check the user name (not the e-mail address) and the password; with single sign-on there is none that works \
             here: make an HTTP access token and use --auth http-access-token"
        }
        AuthMethod::Ssh => "check the key",
    };
    format!("{mismatch}{causes}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_password_is_recognised_by_its_prefix() {
        for auth in [
            AuthMethod::ApiToken,
            AuthMethod::AccessToken,
            AuthMethod::AppPassword,
        ] {
            assert!(
                auth_failure_help(auth, TokenPrefix::of("ATBBsomething")).contains("2026-07-28")
            );
        }
    }

    #[test]
    fn an_api_token_used_as_an_access_token_gets_one_hint() {
        let help = auth_failure_help(AuthMethod::AccessToken, TokenPrefix::of("ATATT3x"));
        assert!(help.contains("set BBCONNECT_EMAIL"), "{help}");
        assert_eq!(help.matches("api-token").count(), 1, "{help}");
    }

    #[test]
    fn a_token_of_another_kind_is_named() {
        assert!(
            auth_failure_help(AuthMethod::ApiToken, TokenPrefix::of("ATCTT3x"))
                .starts_with("it begins like an access token")
        );
        assert!(
            auth_failure_help(AuthMethod::ApiToken, TokenPrefix::of("x"))
                .starts_with("check that --email")
        );
    }
}
