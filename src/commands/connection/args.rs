//! The flags that describe a connection, of `connection add` and `connection edit`.

use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::app::{App, StoreFallback};
use crate::error::Error;
use crate::sys::regular_file;
use crate::types::connection::{
    AuthMethod, BoundSetting, Connection, Credential, CredentialFields, DetectedServer,
    SecretSource, StoreKind, StoredSecret, TokenLevel, contains_token,
};
use crate::types::date::ExpiryArg;
use crate::types::deployment::Deployment;
use crate::types::secret::Secret;

// No doc comment: clap would show it as the description of the command that this is part of.
#[derive(Debug, clap::Args)]
pub(crate) struct ConnectionArgs {
    /// bitbucket.org, or any URL on your server
    #[arg(long, value_name = "URL")]
    pub url: Option<DetectedServer>,
    /// Type of credential: see below, or ssh
    #[arg(
        long,
        value_enum,
        value_name = "KIND",
        hide_possible_values = true,
        long_help = AUTH_HELP
    )]
    pub auth: Option<AuthMethod>,
    /// cloud or datacenter
    ///
    /// Needed where neither the URL nor the server shows it.
    #[arg(long, value_enum, value_name = "PRODUCT", hide_possible_values = true)]
    pub deployment: Option<Product>,
    /// Default project
    #[arg(long, value_name = "KEY")]
    pub project: Option<String>,
    /// Default repository, SLUG or NS/SLUG
    #[arg(short = 'R', long, value_name = "REF")]
    pub repo: Option<String>,

    /// Atlassian account email (api-token)
    #[arg(long, value_name = "EMAIL", value_parser = email, help_heading = CLOUD)]
    pub email: Option<String>,
    /// Default or token's workspace
    #[arg(long, value_name = "WORKSPACE", help_heading = CLOUD)]
    pub workspace: Option<String>,

    /// User name (password, app-password)
    #[arg(long, value_name = "NAME", value_parser = no_control_chars, help_heading = DATA_CENTER)]
    pub username: Option<String>,
    /// Token of a user, project or repo
    #[arg(
        long,
        value_enum,
        value_name = "LEVEL",
        hide_possible_values = true,
        help_heading = DATA_CENTER
    )]
    pub level: Option<TokenLevel>,

    /// OAuth consumer key or client id
    #[arg(long, value_name = "ID", value_parser = no_control_chars, help_heading = OAUTH)]
    pub client_id: Option<String>,
    /// Local callback port [default: 47617]
    #[arg(long, value_name = "N", value_parser = port, help_heading = OAUTH)]
    pub port: Option<u16>,
    /// Print the URL; paste the redirect URL
    #[arg(long, help_heading = OAUTH)]
    pub no_browser: bool,
    /// Scope (repeatable) [default: all]
    #[arg(long, value_name = "SCOPE", value_delimiter = ',', help_heading = OAUTH)]
    pub scope: Vec<String>,

    /// Read the secret from stdin or a prompt
    #[arg(long, conflicts_with_all = ["token_file", "token_command"], help_heading = SECRET)]
    pub token_stdin: bool,
    /// First line of FILE is the secret
    #[arg(long, value_name = "FILE", conflicts_with = "token_command", help_heading = SECRET)]
    pub token_file: Option<PathBuf>,
    /// Command that prints the secret
    ///
    /// The command is saved, not the secret.
    #[arg(long, value_name = "CMD", help_heading = SECRET)]
    pub token_command: Option<String>,
    /// keyring, file (encrypted) or command
    #[arg(
        long,
        value_enum,
        value_name = "STORE",
        hide_possible_values = true,
        help_heading = SECRET
    )]
    pub store: Option<StoreKind>,
    /// Expiry date of the credential
    ///
    /// Bitbucket Cloud doesn't report it.
    #[arg(long, value_name = "YYYY-MM-DD", help_heading = SECRET)]
    pub expires: Option<ExpiryArg>,

    /// Trusted CA or server certificate
    #[arg(long, value_name = "FILE", value_parser = file_or_empty(), help_heading = NETWORK)]
    pub ca_cert: Option<PathBuf>,
    /// Client certificate (PEM)
    #[arg(
        long,
        value_name = "FILE",
        value_parser = file_or_empty(),
        requires = "client_key",
        help_heading = NETWORK
    )]
    pub client_cert: Option<PathBuf>,
    /// Key of the client certificate
    #[arg(
        long,
        value_name = "FILE",
        value_parser = file_or_empty(),
        requires = "client_cert",
        help_heading = NETWORK
    )]
    pub client_key: Option<PathBuf>,
    /// HTTP proxy [default: environment's]
    #[arg(long, value_name = "URL", value_parser = proxy, help_heading = NETWORK)]
    pub proxy: Option<String>,
    /// Allow plain http to another machine
    #[arg(long, help_heading = NETWORK)]
    pub allow_http: bool,
    /// Web URL, if not on the API host
    #[arg(long, value_name = "URL", value_parser = website, help_heading = NETWORK)]
    pub web_url: Option<String>,

    /// Make it the default connection
    #[arg(long, help_heading = SAVING)]
    pub default: bool,
    /// Save without verifying the credential
    #[arg(long, help_heading = SAVING)]
    pub no_verify: bool,
    /// Verify, but save nothing
    #[arg(long, help_heading = SAVING)]
    pub dry_run: bool,
}

const CLOUD: &str = "Bitbucket Cloud (api-token, access-token, app-password)";
const DATA_CENTER: &str = "Data Center (http-access-token, password)";
const OAUTH: &str = "OAuth (oauth, client-credentials)";
const SECRET: &str = "Secret";
const NETWORK: &str = "Network";
const SAVING: &str = "Saving";

/// With the flags that belong to each type.
const AUTH_HELP: &str = "\
Type of credential:
  api-token           Cloud, with --email
  access-token        Cloud, with --workspace (and
                      --project or --repo)
  app-password        Cloud, with --username (retired)
  oauth               both, with --client-id
  client-credentials  Cloud, with --client-id
  http-access-token   Data Center, with --level
  password            Data Center, with --username
  ssh                 any Git host; --url is a clone URL";

/// The values of `--deployment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Product {
    /// Bitbucket Cloud
    Cloud,
    /// Bitbucket Server or Data Center
    #[value(name = "datacenter")]
    DataCenter,
}

impl From<Product> for Deployment {
    fn from(product: Product) -> Self {
        match product {
            Product::Cloud => Self::Cloud,
            Product::DataCenter => Self::DataCenter,
        }
    }
}

impl ConnectionArgs {
    /// Puts the flags into a connection, except those of the credential. What has no flag stays.
    pub(super) fn apply(&self, connection: &mut Connection) -> Result<(), Error> {
        let (namespace, repository) = match self.repo.as_deref() {
            None => (None, None),
            Some(text) => match text.split_once('/') {
                Some((namespace, slug)) => (Some(namespace), Some(slug)),
                None => (None, Some(text)),
            },
        };
        set_or_clear(connection.namespace_mut(), namespace);
        set_or_clear(&mut connection.workspace, self.workspace.as_deref());
        set_or_clear(&mut connection.project, self.project.as_deref());
        set_or_clear(&mut connection.repository, repository);
        set_or_clear(&mut connection.web_url, self.web_url.as_deref());
        let network = &mut connection.network;
        set_or_clear(&mut network.proxy, self.proxy.as_deref());
        if let Some(path) = &self.ca_cert {
            network.ca_cert = absolute(path)?;
        }
        if let (Some(certificate), Some(key)) = (&self.client_cert, &self.client_key) {
            network.client_identity = absolute(certificate)?.zip(absolute(key)?);
            let identity = network.client_identity.iter();
            for path in identity.flat_map(|(certificate, key)| [certificate, key]) {
                regular_file::open(path).map_err(Error::reading(path))?;
            }
        }
        network.allow_http |= self.allow_http;
        if let Some(ExpiryArg(day)) = self.expires {
            connection.expires_on = day;
        }
        if let Credential::AccessToken { level, .. } = &mut connection.credential {
            let named = TokenLevel::narrowest(
                connection.repository.as_deref(),
                connection.project.as_deref(),
            );
            *level = self.level.or(Some(named));
        }
        Ok(())
    }

    /// The settings that the flags name, and that a secret is bound to.
    pub(super) fn bound_settings(&self) -> Vec<BoundSetting> {
        let ca_cert = self.ca_cert.is_some();
        let settings = [
            (self.url.is_some(), BoundSetting::BaseUrl),
            (self.web_url.is_some(), BoundSetting::WebUrl),
            (self.proxy.is_some(), BoundSetting::Proxy),
            (ca_cert, BoundSetting::CaCert),
            (ca_cert, BoundSetting::CaContent),
            (self.client_cert.is_some(), BoundSetting::ClientCert),
            (self.allow_http, BoundSetting::AllowHttp),
        ];
        let named = settings.into_iter().filter(|(is_named, _)| *is_named);
        named.map(|(_, setting)| setting).collect()
    }

    /// The fields of a credential as the flags change them.
    pub(super) fn credential_fields(&self, before: &Credential) -> CredentialFields {
        let mut fields = before.fields();
        set_or_clear(&mut fields.email, self.email.as_deref());
        set_or_clear(&mut fields.username, self.username.as_deref());
        set_or_clear(&mut fields.client_id, self.client_id.as_deref());
        fields.callback_port = self.port.or(fields.callback_port);
        fields.level = self.level.or(fields.level);
        if !self.scope.is_empty() {
            fields.scopes.clone_from(&self.scope);
        }
        fields
    }

    /// Checks that the repository, from `--repo` or `--url`, is in the workspace or project of the flags.
    pub(super) fn check_matches_url(&self, detected: &DetectedServer) -> Result<(), Error> {
        let is_cloud = detected.deployment == Deployment::Cloud;
        let (flag, named) = if is_cloud {
            ("--workspace", self.workspace.as_deref())
        } else {
            ("--project", self.project.as_deref())
        };
        let repository_namespace = match &self.repo {
            Some(text) => text.split_once('/').map(|(namespace, _)| namespace),
            None => detected
                .namespace
                .as_deref()
                .filter(|_| detected.repository.is_some()),
        };
        if let (Some(one), Some(other)) = (repository_namespace, named)
            && !one.eq_ignore_ascii_case(other)
        {
            return Err(Error::usage(
                format!("the repository is in {one}, but {flag} is {other}"),
                format!("omit {flag}, or pass --repo of a repository in it"),
            ));
        }
        Ok(())
    }

    /// Checks that no flag belongs to another kind of credential, or to the other product. An empty value is allowed: it
    /// clears the field.
    pub(super) fn check_applicable(
        &self,
        auth: AuthMethod,
        deployment: Deployment,
    ) -> Result<(), Error> {
        let given = |value: &Option<String>| value.as_ref().is_some_and(|text| !text.is_empty());
        let has_level = matches!(auth, AuthMethod::AccessToken | AuthMethod::HttpAccessToken);
        // The user name of a token's owner may be noted.
        let has_username = !auth.is_oauth();
        let flags = [
            ("--email", given(&self.email), auth == AuthMethod::ApiToken),
            ("--username", given(&self.username), has_username),
            ("--client-id", given(&self.client_id), auth.is_oauth()),
            ("--port", self.port.is_some(), auth == AuthMethod::OAuth),
            ("--no-browser", self.no_browser, auth == AuthMethod::OAuth),
            ("--scope", !self.scope.is_empty(), auth.is_oauth()),
            ("--level", self.level.is_some(), has_level),
        ];
        let stray = flags.iter().find(|(_, given, applies)| *given && !applies);
        if let Some((flag, ..)) = stray {
            return Err(Error::usage(
                format!("{flag} does not apply to a connection with --auth {auth}"),
                format!("omit {flag}, or pass another --auth"),
            ));
        }
        if given(&self.workspace) && deployment == Deployment::DataCenter {
            return Err(Error::usage(
                "--workspace does not apply to a Data Center, which has projects",
                "omit --workspace; pass --project KEY",
            ));
        }
        Ok(())
    }

    pub(super) fn check_no_secret(&self) -> Result<(), Error> {
        if self.token_stdin || self.token_file.is_some() || self.token_command.is_some() {
            return Err(Error::usage(
                "SSH-only connections have no secret",
                "omit the --token flag",
            ));
        }
        Ok(())
    }

    /// The secret as the flags give it; `None` without such a flag, and for `--token-stdin` on a terminal, which prompts.
    pub(super) fn secret(&self, app: &App) -> Result<Option<Secret>, Error> {
        if self.token_command.as_deref().is_some_and(contains_token) {
            return Err(Error::usage(
                "--token-command contains a token, which would be stored in clear in connections.toml",
                "pass the token with --token-stdin, or a command that prints it: --token-command 'pass show bitbucket'",
            ));
        }
        app.secret_from_flags(
            self.token_file.as_deref(),
            self.token_command.as_deref(),
            self.token_stdin && !self.prompts_for_secret(app),
        )
    }

    /// Whether `--token-stdin` is a prompt.
    pub(super) fn prompts_for_secret(&self, app: &App) -> bool {
        self.token_stdin && app.is_interactive()
    }

    /// The command that is run for the secret whenever it is needed; none for OAuth, whose client secret is read once.
    pub(super) fn command(&self, auth: AuthMethod) -> Option<&str> {
        self.token_command.as_deref().filter(|_| !auth.is_oauth())
    }

    /// Where a new secret is stored: where the flags say, else where the previous one is.
    pub(super) fn source(
        &self,
        auth: AuthMethod,
        before: Option<&StoredSecret>,
        app: &App,
    ) -> Result<SecretSource, Error> {
        match (self.store, self.command(auth)) {
            (None | Some(StoreKind::Command), Some(command)) => {
                Ok(SecretSource::Command(command.to_owned()))
            }
            (Some(_), Some(_)) => Err(Error::usage(
                "--token-command stores the command, not the secret",
                "omit --store",
            )),
            (Some(StoreKind::Command), None) if auth.is_oauth() => Err(Error::usage(
                "OAuth tokens change and cannot come from a command",
                "pass --store keyring or --store file",
            )),
            (Some(store), None) => store.source(None).ok_or_else(|| {
                Error::usage(
                    "--store command requires --token-command",
                    "pass --token-command 'CMD'",
                )
            }),
            (None, None) => match before.map(|secret| &secret.source) {
                Some(source @ (SecretSource::Keyring | SecretSource::File)) => Ok(source.clone()),
                Some(SecretSource::Command(_) | SecretSource::Environment) | None => {
                    app.default_store()
                }
            },
        }
    }

    /// Where a new secret is stored. On a terminal without a keyring that is a choice, and a passphrase of the encrypted file is
    /// prompted for with it.
    ///
    /// # Errors
    /// [`Error::Store`] without a terminal, where the secret cannot be stored. [`Error::Usage`] for a store that does not keep
    /// this kind of secret.
    pub(super) fn choose_store(
        &self,
        auth: Option<AuthMethod>,
        before: Option<&StoredSecret>,
        app: &App,
    ) -> Result<SecretSource, Error> {
        let source = self.source(auth.unwrap_or(AuthMethod::ApiToken), before, app)?;
        if source == SecretSource::File && app.is_interactive() {
            // A new passphrase is confirmed, and a wrong one is prompted for again: no input is lost.
            return Ok(source);
        }
        // For OAuth a command gives the client secret alone, and the tokens must be stored.
        let fallback = match (self.store, auth.is_some_and(AuthMethod::is_oauth)) {
            (Some(_), _) => StoreFallback::None,
            (None, true) => StoreFallback::File,
            (None, false) => StoreFallback::FileOrCommand,
        };
        app.available_store(source, fallback)
    }
}

fn set_or_clear(field: &mut Option<String>, value: Option<&str>) {
    if let Some(value) = value {
        *field = Some(value.to_owned()).filter(|value| !value.is_empty());
    }
}

/// The absolute path of a file: the connection is used in other directories. An empty path clears the setting.
fn absolute(path: &Path) -> Result<Option<PathBuf>, Error> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let absolute = std::path::absolute(path).map_err(Error::reading(path))?;
    Ok(Some(absolute))
}

/// An e-mail address, or nothing, which clears the field.
pub(super) fn email(text: &str) -> Result<String, &'static str> {
    let is_address = text
        .split_once('@')
        .is_some_and(|(user, domain)| !user.is_empty() && !domain.is_empty());
    if !text.is_empty() && !is_address {
        return Err(
            "expected the e-mail address of the Atlassian account, such as jane@example.com",
        );
    }
    no_control_chars(text)
}

/// A value that is sent as one line of a protocol.
pub(super) fn no_control_chars(text: &str) -> Result<String, &'static str> {
    if text.chars().any(char::is_control) {
        return Err("contains a line break or another control character");
    }
    Ok(text.to_owned())
}

/// A path, or an empty text that clears it.
fn file_or_empty() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

fn port(text: &str) -> Result<u16, &'static str> {
    let port = text.parse().ok().filter(|&port| port >= 1);
    port.ok_or("expected a port from 1 to 65535")
}

fn proxy(text: &str) -> Result<String, String> {
    plain_url(text, "http://proxy.example.com:3128")
}

fn website(text: &str) -> Result<String, String> {
    plain_url(text, "https://bitbucket.example.com")
}

/// A URL that is saved in plain text, so it must not contain a password.
fn plain_url(text: &str, example: &str) -> Result<String, String> {
    let not_a_url = || format!("expected a URL such as {example}");
    let url = url::Url::parse(text).map_err(|_| not_a_url())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(not_a_url());
    }
    if url.password().is_some() {
        return Err(
            "the URL contains a password; for a proxy with a password, set HTTPS_PROXY".to_owned(),
        );
    }
    Ok(text.to_owned())
}
