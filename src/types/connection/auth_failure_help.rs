//! Likely causes of a rejected credential, by its kind and its prefix.

use super::TokenPrefix;
use super::auth::AuthMethod;

/// What to check when a credential is rejected, the likeliest cause first.
#[must_use]
pub(crate) fn auth_failure_help(auth: AuthMethod, prefix: TokenPrefix) -> String {
    let mismatch = match (prefix, auth) {
        (TokenPrefix::AppPassword, _) => {
            return "this is an app password, which Bitbucket Cloud retired on 2026-07-28; create an API token with \
                scopes at https://id.atlassian.com/manage-profile/security/api-tokens and pass --auth api-token"
                .to_owned();
        }
        (TokenPrefix::HttpAccessToken, AuthMethod::Password) => {
            "this looks like an HTTP access token: pass --auth http-access-token; "
        }
        (TokenPrefix::ApiToken, AuthMethod::AccessToken) => {
            return "this looks like an API token: pass --auth api-token with --email, or set BBCONNECT_EMAIL"
                .to_owned();
        }
        (TokenPrefix::AccessToken, AuthMethod::ApiToken) => {
            "this looks like an access token: pass --auth access-token; "
        }
        _ => "",
    };
    let causes = match auth {
        AuthMethod::ApiToken => {
            "check that --email is that of the Atlassian account (not the user name), and that the token has \
             Bitbucket scopes and has not expired or been revoked; app passwords were retired on 2026-07-28"
        }
        AuthMethod::AccessToken => {
            "check that the token belongs to this workspace, project or repository and has not expired or been \
             revoked; an API token of a user needs --auth api-token"
        }
        AuthMethod::OAuth => {
            "run `bbconnect connection edit NAME --reauthorize`; if that fails, check client id, client secret and \
             the callback URL http://127.0.0.1:47617/callback (or the port of --port)"
        }
        AuthMethod::ClientCredentials => {
            "check client id and client secret, and that the OAuth consumer is private"
        }
        AuthMethod::AppPassword => {
            "Bitbucket Cloud retired app passwords on 2026-07-28; create an API token with scopes at \
             https://id.atlassian.com/manage-profile/security/api-tokens and pass --auth api-token"
        }
        AuthMethod::HttpAccessToken => {
            "check that the token was created on this server and has not expired or been revoked; for the token of a \
             project or repository, pass --project KEY or --repo KEY/SLUG"
        }
        AuthMethod::Password => {
            "check user name (not the e-mail address) and password; with single sign-on, create an HTTP access \
             token and pass --auth http-access-token"
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
                .starts_with("this looks like an access token")
        );
        assert!(
            auth_failure_help(AuthMethod::ApiToken, TokenPrefix::of("x"))
                .starts_with("check that --email")
        );
    }
}
