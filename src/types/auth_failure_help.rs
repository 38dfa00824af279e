//! Likely causes of a rejected credential, by its kind and its prefix.

use super::connection::{AuthMethod, Connection, StoreKind, TokenPrefix};
use super::deployment::Deployment;

/// A secret of another kind than the connection says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KindMismatch {
    /// What the secret looks like, with an article.
    pub looks_like: &'static str,
    /// What to change.
    pub fix: String,
}

impl KindMismatch {
    /// By the prefix of the secret.
    pub(crate) fn find(connection: &Connection, prefix: TokenPrefix) -> Option<Self> {
        let auth = connection.auth();
        let is_of_cloud = matches!(
            auth,
            AuthMethod::ApiToken
                | AuthMethod::AccessToken
                | AuthMethod::AppPassword
                | AuthMethod::OAuth
                | AuthMethod::ClientCredentials
        ) && connection.deployment == Deployment::Cloud;
        let (looks_like, expected, flags) = match prefix {
            TokenPrefix::ApiToken => (
                "an API token",
                AuthMethod::ApiToken,
                "--auth api-token --email ADDRESS",
            ),
            TokenPrefix::AccessToken => (
                "an access token",
                AuthMethod::AccessToken,
                "--auth access-token",
            ),
            TokenPrefix::HttpAccessToken => (
                "an HTTP access token",
                AuthMethod::HttpAccessToken,
                "--auth http-access-token",
            ),
            TokenPrefix::AppPassword | TokenPrefix::Unknown => return None,
        };
        if auth == expected || auth == AuthMethod::Ssh {
            return None;
        }
        let is_token_of_cloud = prefix != TokenPrefix::HttpAccessToken;
        let is_environment = connection.store() == Some(StoreKind::Environment);
        let fix = match (is_environment, prefix, auth) {
            _ if is_token_of_cloud != is_of_cloud => {
                let product = if is_token_of_cloud {
                    "Bitbucket Cloud"
                } else {
                    "a Data Center"
                };
                let flag = if is_environment {
                    "BBCONNECT_URL"
                } else {
                    "--url"
                };
                format!("it belongs to {product}: set {flag} to its server")
            }
            (true, TokenPrefix::ApiToken, AuthMethod::AppPassword) => {
                "set BBCONNECT_EMAIL instead of BBCONNECT_USERNAME".to_owned()
            }
            (true, TokenPrefix::ApiToken, _) => "set BBCONNECT_EMAIL".to_owned(),
            (true, _, AuthMethod::ApiToken) => "unset BBCONNECT_EMAIL".to_owned(),
            (true, _, _) => "unset BBCONNECT_USERNAME".to_owned(),
            (false, _, _) => format!("use {flags}"),
        };
        Some(Self { looks_like, fix })
    }
}

/// What to check when a credential is rejected, the likeliest cause first.
pub(crate) fn auth_failure_help(connection: &Connection, prefix: TokenPrefix) -> String {
    if prefix == TokenPrefix::AppPassword {
        return causes(AuthMethod::AppPassword).to_owned();
    }
    match KindMismatch::find(connection, prefix) {
        Some(KindMismatch { looks_like, fix }) => format!("looks like {looks_like}: {fix}"),
        None => causes(connection.auth()).to_owned(),
    }
}

fn causes(auth: AuthMethod) -> &'static str {
    match auth {
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::connection::SecretSource;
    use crate::types::test_rows;

    fn connection(deployment: &str, auth: &str, store: &str) -> Connection {
        let base = match deployment {
            "cloud" => "https://api.bitbucket.org/2.0",
            _ => "https://git.example.com",
        };
        let text = format!(
            "deployment='{deployment}'\nbase_url='{base}'\nauth='{auth}'\nemail='jane@acme.example'\nusername='jane'\nstore='keyring'"
        );
        let mut connection: Connection = toml_edit::de::from_str(&text).unwrap();
        if store == "environment"
            && let Some(secret) = &mut connection.secret
        {
            secret.source = SecretSource::Environment;
        }
        connection
    }

    #[test]
    fn a_token_of_another_kind_is_named_with_what_to_change() {
        for (case, expected) in test_rows(
            "
            cloud app-password environment ATATT3x => an API token: set BBCONNECT_EMAIL instead of BBCONNECT_USERNAME
            cloud access-token environment ATATT3x => an API token: set BBCONNECT_EMAIL
            cloud api-token environment ATCTT3x => an access token: unset BBCONNECT_EMAIL
            cloud app-password environment ATCTT3x => an access token: unset BBCONNECT_USERNAME
            cloud app-password keyring ATATT3x => an API token: use --auth api-token --email ADDRESS
            cloud access-token keyring BBDC-x => an HTTP access token: it belongs to a Data Center: set --url to its server
            datacenter http-access-token environment ATATT3x => an API token: it belongs to Bitbucket Cloud: set BBCONNECT_URL to its server
            datacenter password environment BBDC-x => an HTTP access token: unset BBCONNECT_USERNAME
            ",
        ) {
            let columns: Vec<_> = case.split(' ').collect();
            let connection = connection(columns[0], columns[1], columns[2]);
            let help = auth_failure_help(&connection, TokenPrefix::from_token(columns[3]));
            assert_eq!(help, format!("looks like {expected}"), "{case}");
        }
        for (auth, token, expected) in [
            ("api-token", "ATBBx", "2026-07-28"),
            ("api-token", "ATATT3x", "check that --email"),
            ("access-token", "x", "check that the token belongs"),
        ] {
            let connection = connection("cloud", auth, "keyring");
            let help = auth_failure_help(&connection, TokenPrefix::from_token(token));
            assert!(help.contains(expected), "{help}");
            assert!(!help.contains("looks like"), "{help}");
        }
    }
}
