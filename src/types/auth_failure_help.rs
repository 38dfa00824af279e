//! Likely causes of a rejected credential, by its kind and its prefix.

use super::connection::{AuthMethod, Connection, ConnectionName, StoreKind, TokenPrefix};
use super::deployment::Deployment;

/// What changes a credential. A hint names nothing that the user does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CredentialOrigin<'a> {
    /// The flags of the running command, which is `connection add` or `connection edit`.
    Flags,
    /// A saved connection.
    Saved(&'a ConnectionName),
    /// The variables of the environment.
    Environment,
}

impl<'a> CredentialOrigin<'a> {
    /// The origin of a connection that a command uses.
    pub(crate) fn of(connection: &Connection, name: &'a ConnectionName) -> Self {
        if connection.store() == Some(StoreKind::Environment) {
            Self::Environment
        } else {
            Self::Saved(name)
        }
    }
}

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
    pub(crate) fn find(
        connection: &Connection,
        prefix: TokenPrefix,
        origin: CredentialOrigin<'_>,
    ) -> Option<Self> {
        let auth = connection.auth();
        let is_of_cloud = matches!(
            auth,
            AuthMethod::ApiToken
                | AuthMethod::AccessToken
                | AuthMethod::AppPassword
                | AuthMethod::OAuth
                | AuthMethod::ClientCredentials
        ) && connection.deployment == Deployment::Cloud;
        let (looks_like, expected) = match prefix {
            TokenPrefix::ApiToken => ("an API token", AuthMethod::ApiToken),
            TokenPrefix::AccessToken => ("an access token", AuthMethod::AccessToken),
            TokenPrefix::HttpAccessToken => ("an HTTP access token", AuthMethod::HttpAccessToken),
            TokenPrefix::AppPassword | TokenPrefix::Unknown => return None,
        };
        if auth == expected || auth == AuthMethod::Ssh {
            return None;
        }
        let is_token_of_cloud = prefix != TokenPrefix::HttpAccessToken;
        let fix = if is_token_of_cloud == is_of_cloud {
            match (origin, prefix) {
                (CredentialOrigin::Flags, _) => format!("use {}", flags_of(expected, connection)),
                (CredentialOrigin::Saved(name), _) => {
                    format!("run {}", replace(name, expected, connection))
                }
                (CredentialOrigin::Environment, TokenPrefix::ApiToken)
                    if auth == AuthMethod::AppPassword =>
                {
                    "set BBCONNECT_EMAIL instead of BBCONNECT_USERNAME".to_owned()
                }
                (CredentialOrigin::Environment, TokenPrefix::ApiToken) => {
                    "set BBCONNECT_EMAIL".to_owned()
                }
                (CredentialOrigin::Environment, _) if auth == AuthMethod::ApiToken => {
                    "unset BBCONNECT_EMAIL".to_owned()
                }
                (CredentialOrigin::Environment, _) => "unset BBCONNECT_USERNAME".to_owned(),
            }
        } else {
            let product = if is_token_of_cloud {
                "Bitbucket Cloud"
            } else {
                "a Data Center"
            };
            let change = match origin {
                CredentialOrigin::Flags => "set --url to its server",
                CredentialOrigin::Environment => "set BBCONNECT_URL to its server",
                CredentialOrigin::Saved(_) => {
                    "add a connection to its server: run `bbconnect connection add`"
                }
            };
            format!("it belongs to {product}: {change}")
        };
        Some(Self { looks_like, fix })
    }
}

/// What to check when a credential is rejected, the likeliest cause first.
pub(crate) fn auth_failure_help(
    connection: &Connection,
    prefix: TokenPrefix,
    origin: CredentialOrigin<'_>,
) -> String {
    if prefix == TokenPrefix::AppPassword {
        return causes(AuthMethod::AppPassword, connection, origin);
    }
    match KindMismatch::find(connection, prefix, origin) {
        Some(KindMismatch { looks_like, fix }) => format!("looks like {looks_like}: {fix}"),
        None => causes(connection.auth(), connection, origin),
    }
}

/// What to do where the server accepts no passwords.
pub(crate) fn basic_auth_help(connection: &Connection, origin: CredentialOrigin<'_>) -> String {
    let change = http_access_token_instead(connection, origin);
    format!("create an HTTP access token and {change}")
}

/// What to do where the server responds to the credential as to anonymous requests.
pub(crate) fn indeterminate_help(origin: CredentialOrigin<'_>) -> String {
    match origin {
        CredentialOrigin::Flags => {
            "pass --repo or --project of a private repository or project, or --no-verify".to_owned()
        }
        CredentialOrigin::Saved(name) => format!(
            "name a private repository or project that it can read: run {} or {}",
            edit(name, "--repo NS/SLUG"),
            edit(name, "--project KEY")
        ),
        CredentialOrigin::Environment => {
            "set BBCONNECT_REPO or BBCONNECT_PROJECT to a private repository or project that it can read"
                .to_owned()
        }
    }
}

/// What to do where the server requires another URL.
pub(crate) fn url_help(url: &str, origin: CredentialOrigin<'_>) -> String {
    match origin {
        CredentialOrigin::Flags => format!("pass --url {url}"),
        CredentialOrigin::Saved(name) => format!("run {}", edit(name, &format!("--url {url}"))),
        CredentialOrigin::Environment => format!("set BBCONNECT_URL={url}"),
    }
}

fn edit(name: &ConnectionName, flags: &str) -> String {
    format!("`bbconnect connection edit {name} {flags}`")
}

/// The command that replaces the secret by one of this kind.
fn replace(name: &ConnectionName, auth: AuthMethod, connection: &Connection) -> String {
    let flags = flags_of(auth, connection);
    edit(name, &format!("{flags} --token-stdin"))
}

/// The flags that change the kind, with what it needs and the connection does not have.
fn flags_of(auth: AuthMethod, connection: &Connection) -> &'static str {
    match auth {
        AuthMethod::ApiToken => "--auth api-token --email ADDRESS",
        AuthMethod::AccessToken if connection.workspace.is_none() => {
            "--auth access-token --workspace WORKSPACE"
        }
        AuthMethod::AccessToken => "--auth access-token",
        AuthMethod::HttpAccessToken => "--auth http-access-token",
        AuthMethod::AppPassword
        | AuthMethod::OAuth
        | AuthMethod::ClientCredentials
        | AuthMethod::Password
        | AuthMethod::Ssh => "--auth KIND",
    }
}

fn http_access_token_instead(connection: &Connection, origin: CredentialOrigin<'_>) -> String {
    match origin {
        CredentialOrigin::Flags => "pass --auth http-access-token".to_owned(),
        CredentialOrigin::Saved(name) => {
            format!(
                "run {}",
                replace(name, AuthMethod::HttpAccessToken, connection)
            )
        }
        CredentialOrigin::Environment => {
            "set BBCONNECT_TOKEN to it and unset BBCONNECT_USERNAME".to_owned()
        }
    }
}

/// How a new secret of the same kind is saved.
fn renew(connection: &Connection, name: &ConnectionName) -> String {
    match connection.store() {
        Some(StoreKind::Command) => format!(
            "its token command must print a valid one; for another command, run {}",
            edit(name, "--token-command CMD")
        ),
        Some(StoreKind::Keyring | StoreKind::File | StoreKind::Environment) | None => {
            format!("to save a new one, run {}", edit(name, "--token-stdin"))
        }
    }
}

fn causes(auth: AuthMethod, connection: &Connection, origin: CredentialOrigin<'_>) -> String {
    const API_TOKENS: &str = "https://id.atlassian.com/manage-profile/security/api-tokens";
    const CALLBACK: &str = "http://127.0.0.1:47617/callback (or the port of --port)";
    use CredentialOrigin::{Environment, Flags, Saved};
    match (auth, origin) {
        (AuthMethod::ApiToken, Flags) => {
            "check that --email is that of the Atlassian account (not the user name), and that the token has \
             Bitbucket scopes and has not expired or been revoked; app passwords were retired on 2026-07-28"
                .to_owned()
        }
        (AuthMethod::ApiToken, Saved(name)) => format!(
            "check that the token has Bitbucket scopes and has not expired or been revoked ({}), and that the e-mail \
             address is that of the Atlassian account (to change it, run {})",
            renew(connection, name),
            edit(name, "--email ADDRESS")
        ),
        (AuthMethod::ApiToken, Environment) => {
            "check that BBCONNECT_EMAIL is that of the Atlassian account (not the user name), and that the token has \
             Bitbucket scopes and has not expired or been revoked; app passwords were retired on 2026-07-28"
                .to_owned()
        }
        (AuthMethod::AccessToken, origin) => {
            let check = "check that the token belongs to this workspace, project or repository and has not expired or \
                         been revoked";
            match origin {
                Flags => format!("{check}; an API token of a user needs --auth api-token"),
                Saved(name) => format!(
                    "{check} ({}); for an API token of a user, run {}",
                    renew(connection, name),
                    replace(name, AuthMethod::ApiToken, connection)
                ),
                Environment => format!("{check}; an API token of a user needs BBCONNECT_EMAIL"),
            }
        }
        (AuthMethod::OAuth, Saved(name)) => format!(
            "run {}; if that fails, check client id, client secret and the callback URL {CALLBACK}",
            edit(name, "--reauthorize")
        ),
        (AuthMethod::OAuth, Flags | Environment) => {
            format!("check client id, client secret and the callback URL {CALLBACK}")
        }
        (AuthMethod::ClientCredentials, Saved(name)) => format!(
            "check client id and client secret, and that the OAuth consumer is private; to replace them, run {}",
            edit(name, "--client-id ID --token-stdin")
        ),
        (AuthMethod::ClientCredentials, Flags | Environment) => {
            "check client id and client secret, and that the OAuth consumer is private".to_owned()
        }
        (AuthMethod::AppPassword, origin) => {
            let change = match origin {
                Flags => "pass --auth api-token --email ADDRESS".to_owned(),
                Saved(name) => {
                    format!("run {}", replace(name, AuthMethod::ApiToken, connection))
                }
                Environment => {
                    "set BBCONNECT_TOKEN to it, and BBCONNECT_EMAIL instead of BBCONNECT_USERNAME"
                        .to_owned()
                }
            };
            format!(
                "Bitbucket Cloud retired app passwords on 2026-07-28; create an API token with scopes at {API_TOKENS} \
                 and {change}"
            )
        }
        (AuthMethod::HttpAccessToken, origin) => {
            let check =
                "check that the token was created on this server and has not expired or been revoked";
            let of_resource = "the token of a project or repository";
            match origin {
                Flags => format!("{check}; for {of_resource}, pass --project KEY or --repo KEY/SLUG"),
                Saved(name) => format!(
                    "{check} ({}); for {of_resource}, run {} or {}",
                    renew(connection, name),
                    edit(name, "--level project --project KEY"),
                    edit(name, "--level repo --repo KEY/SLUG")
                ),
                Environment => format!(
                    "{check}; for {of_resource}, set BBCONNECT_PROJECT or BBCONNECT_REPO"
                ),
            }
        }
        (AuthMethod::Password, origin) => {
            let check = match origin {
                Flags => "check --username (not the e-mail address) and the password".to_owned(),
                Saved(name) => format!(
                    "check user name (not the e-mail address) and password; to replace them, run {}",
                    edit(name, "--username NAME --token-stdin")
                ),
                Environment => {
                    "check BBCONNECT_USERNAME (not the e-mail address) and the password".to_owned()
                }
            };
            let change = http_access_token_instead(connection, origin);
            format!("{check}; with single sign-on, create an HTTP access token and {change}")
        }
        (AuthMethod::Ssh, _) => "check the key".to_owned(),
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
            "deployment='{deployment}'\nbase_url='{base}'\nauth='{auth}'\nemail='jane@acme.example'\nusername='jane'\nclient_id='id'\nstore='keyring'"
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
            cloud app-password flags ATATT3x => an API token: use --auth api-token --email ADDRESS
            cloud app-password keyring ATATT3x => an API token: run `bbconnect connection edit work --auth api-token --email ADDRESS --token-stdin`
            cloud app-password keyring ATCTT3x => an access token: run `bbconnect connection edit work --auth access-token --workspace WORKSPACE --token-stdin`
            datacenter password keyring BBDC-x => an HTTP access token: run `bbconnect connection edit work --auth http-access-token --token-stdin`
            cloud access-token flags BBDC-x => an HTTP access token: it belongs to a Data Center: set --url to its server
            cloud access-token keyring BBDC-x => an HTTP access token: it belongs to a Data Center: add a connection to its server: run `bbconnect connection add`
            datacenter http-access-token environment ATATT3x => an API token: it belongs to Bitbucket Cloud: set BBCONNECT_URL to its server
            datacenter password environment BBDC-x => an HTTP access token: unset BBCONNECT_USERNAME
            ",
        ) {
            let columns: Vec<_> = case.split(' ').collect();
            let connection = connection(columns[0], columns[1], columns[2]);
            let name = "work".parse().unwrap();
            let origin = match columns[2] {
                "flags" => CredentialOrigin::Flags,
                _ => CredentialOrigin::of(&connection, &name),
            };
            let prefix = TokenPrefix::from_token(columns[3]);
            let help = auth_failure_help(&connection, prefix, origin);
            assert_eq!(help, format!("looks like {expected}"), "{case}");
        }
        for (auth, token, expected) in [
            ("api-token", "ATBBx", "2026-07-28"),
            ("api-token", "ATATT3x", "check that --email"),
            ("access-token", "x", "check that the token belongs"),
        ] {
            let connection = connection("cloud", auth, "keyring");
            let prefix = TokenPrefix::from_token(token);
            let help = auth_failure_help(&connection, prefix, CredentialOrigin::Flags);
            assert!(help.contains(expected), "{help}");
            assert!(!help.contains("looks like"), "{help}");
        }
    }

    #[test]
    fn the_next_step_depends_on_the_kind_and_on_where_it_comes_from() {
        let name: ConnectionName = "work".parse().unwrap();
        for (case, expected) in test_rows(
            "
            cloud api-token flags => --email
            cloud api-token keyring => `bbconnect connection edit work --token-stdin`
            cloud api-token keyring => `bbconnect connection edit work --email ADDRESS`
            cloud api-token environment => BBCONNECT_EMAIL
            cloud access-token keyring => `bbconnect connection edit work --token-stdin`
            cloud access-token environment => BBCONNECT_EMAIL
            cloud app-password keyring => `bbconnect connection edit work --auth api-token --email ADDRESS --token-stdin`
            cloud app-password environment => BBCONNECT_EMAIL instead of BBCONNECT_USERNAME
            cloud oauth keyring => `bbconnect connection edit work --reauthorize`
            cloud client-credentials keyring => `bbconnect connection edit work --client-id ID --token-stdin`
            datacenter http-access-token flags => --project KEY or --repo KEY/SLUG
            datacenter http-access-token keyring => `bbconnect connection edit work --token-stdin`
            datacenter http-access-token keyring => `bbconnect connection edit work --level repo --repo KEY/SLUG`
            datacenter http-access-token environment => BBCONNECT_PROJECT or BBCONNECT_REPO
            datacenter password keyring => `bbconnect connection edit work --username NAME --token-stdin`
            datacenter password keyring => `bbconnect connection edit work --auth http-access-token --token-stdin`
            datacenter password environment => BBCONNECT_USERNAME
            ",
        ) {
            let columns: Vec<_> = case.split(' ').collect();
            let connection = connection(columns[0], columns[1], columns[2]);
            let origin = match columns[2] {
                "flags" => CredentialOrigin::Flags,
                _ => CredentialOrigin::of(&connection, &name),
            };
            let help = auth_failure_help(&connection, TokenPrefix::Unknown, origin);
            assert!(help.contains(expected), "{case}: {help}");
        }
    }
}
