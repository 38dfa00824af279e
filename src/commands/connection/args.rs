//! The flags that describe a connection, for adding and for changing one.

use std::path::{Path, PathBuf};

use super::value_parsers::{no_control_chars, proxy, website};
use crate::app::App;
use crate::error::Error;
use crate::types::connection::{
    AuthMethod, Connection, Credential, CredentialFields, DetectedServer, SecretSource, StoreKind,
    StoredSecret, TokenLevel,
};
use crate::types::date::ExpiryArg;
use crate::types::deployment::Deployment;
use crate::types::secret::Secret;

/// What a connection is made of.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct ConnectionArgs {
    /// The Bitbucket: bitbucket.org, a server, or any address of it as pasted
    #[arg(long, value_name = "URL")]
    pub url: Option<DetectedServer>,
    /// How to authenticate
    #[arg(long, value_enum, value_name = "KIND")]
    pub auth: Option<AuthMethod>,
    /// The e-mail address of the Atlassian account, for an API token
    #[arg(long, value_name = "ADDRESS", value_parser = no_control_chars)]
    pub email: Option<String>,
    /// The user name, for a password
    #[arg(long, value_name = "NAME", value_parser = no_control_chars)]
    pub username: Option<String>,
    /// The key of the OAuth consumer, or the client id of the incoming link; its secret comes with a --token flag
    #[arg(long, value_name = "ID", value_parser = no_control_chars)]
    pub client_id: Option<String>,
    /// OAuth: take the answer on this port of this machine [default: 47617]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// OAuth: open no browser; the address it is sent to may be pasted
    #[arg(long)]
    pub no_browser: bool,
    /// OAuth: ask for this scope, rather than all that the consumer may have
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    pub scope: Vec<String>,
    /// What an HTTP access token belongs to
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub level: Option<TokenLevel>,
    /// Whether it is Cloud or Data Center, where the URL does not tell
    #[arg(long, value_enum, value_name = "PRODUCT")]
    pub deployment: Option<Product>,
    /// The workspace (Cloud)
    #[arg(long, value_name = "WORKSPACE")]
    pub workspace: Option<String>,
    /// The project's key
    #[arg(long, value_name = "KEY")]
    pub project: Option<String>,
    /// The repository: SLUG, or WORKSPACE/SLUG and KEY/SLUG
    #[arg(long, value_name = "REF")]
    pub repo: Option<String>,
    /// The last day of the credential: nothing in the API tells that of an API token
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub expires: Option<ExpiryArg>,
    /// Where to keep the secret
    #[arg(long, value_enum, value_name = "STORE")]
    pub store: Option<StoreKind>,
    /// Read the secret from the first line of standard input; on a terminal, ask for it
    #[arg(long, conflicts_with_all = ["token_file", "token_command"])]
    pub token_stdin: bool,
    /// Read the secret from the first line of a file
    #[arg(long, value_name = "FILE", conflicts_with = "token_command")]
    pub token_file: Option<PathBuf>,
    /// Have a command print the secret whenever it is needed; the command is kept, the secret is not
    #[arg(long, value_name = "CMD")]
    pub token_command: Option<String>,
    /// Trust the certificates in this file beside the system's
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
    /// Show this client certificate
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// The key of the client certificate
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
    /// Go through this proxy instead of the environment's
    #[arg(long, value_name = "URL", value_parser = proxy)]
    pub proxy: Option<String>,
    /// Accept plain http to another machine
    #[arg(long)]
    pub allow_http: bool,
    /// The website, when it is not where the API is
    #[arg(long, value_name = "URL", value_parser = website)]
    pub web_url: Option<String>,
    /// Make it the default connection
    #[arg(long)]
    pub default: bool,
    /// Save without asking the server
    #[arg(long)]
    pub no_verify: bool,
    /// Verify and show, but save nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The products, as `--deployment` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Product {
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
    /// Puts what the flags say into a connection; what they do not say stays.
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
            network.ca_cert = Some(absolute(path)?);
        }
        if let (Some(certificate), Some(key)) = (&self.client_cert, &self.client_key) {
            network.client_identity = Some((absolute(certificate)?, absolute(key)?));
        }
        network.allow_http |= self.allow_http;
        if let Some(ExpiryArg(day)) = self.expires {
            connection.expires_on = day;
        }
        if let Credential::AccessToken { level, .. } = &mut connection.credential {
            let named = TokenLevel::of(
                connection.repository.as_deref(),
                connection.project.as_deref(),
            );
            *level = self.level.or(Some(named));
        }
        Ok(())
    }

    /// Puts the flags of the credential into the fields of one; fields without a flag stay.
    pub(super) fn apply_to_credential(&self, fields: &mut CredentialFields) {
        set_or_clear(&mut fields.email, self.email.as_deref());
        set_or_clear(&mut fields.username, self.username.as_deref());
        set_or_clear(&mut fields.client_id, self.client_id.as_deref());
        fields.callback_port = self.port.or(fields.callback_port);
        fields.level = self.level.or(fields.level);
        if !self.scope.is_empty() {
            fields.scopes.clone_from(&self.scope);
        }
    }

    /// Checks that a repository, named or pasted, is not said to be elsewhere.
    pub(super) fn check_matches_url(&self, detected: &DetectedServer) -> Result<(), Error> {
        let is_cloud = detected.deployment == Deployment::Cloud;
        let (flag, named) = if is_cloud {
            ("--workspace", self.workspace.as_deref())
        } else {
            ("--project", self.project.as_deref())
        };
        let of_repository = match &self.repo {
            Some(text) => text.split_once('/').map(|(namespace, _)| namespace),
            None => detected
                .namespace
                .as_deref()
                .filter(|_| detected.repository.is_some()),
        };
        if let (Some(one), Some(other)) = (of_repository, named)
            && !one.eq_ignore_ascii_case(other)
        {
            return Err(usage(
                &format!("the repository is in {one}, and {flag} is {other}"),
                &format!("leave out {flag}, or name the repository in it with --repo"),
            ));
        }
        Ok(())
    }

    /// Checks that no flag is for another kind of credential, or for the other product. An empty value takes away.
    pub(super) fn check_applicable(
        &self,
        auth: AuthMethod,
        deployment: Deployment,
    ) -> Result<(), Error> {
        let given = |value: &Option<String>| value.as_ref().is_some_and(|text| !text.is_empty());
        let has_level = matches!(auth, AuthMethod::AccessToken | AuthMethod::HttpAccessToken);
        // Whoever has a token may note whose it is.
        let is_somebodys = !auth.is_oauth();
        let flags = [
            ("--email", given(&self.email), auth == AuthMethod::ApiToken),
            ("--username", given(&self.username), is_somebodys),
            ("--client-id", given(&self.client_id), auth.is_oauth()),
            ("--port", self.port.is_some(), auth == AuthMethod::OAuth),
            ("--no-browser", self.no_browser, auth == AuthMethod::OAuth),
            ("--scope", !self.scope.is_empty(), auth.is_oauth()),
            ("--level", self.level.is_some(), has_level),
        ];
        let stray = flags.iter().find(|(_, given, applies)| *given && !applies);
        if let Some((flag, ..)) = stray {
            return Err(usage(
                &format!("{flag} does not apply to a connection with --auth {auth}"),
                &format!("leave out {flag}, or name another kind with --auth"),
            ));
        }
        if given(&self.workspace) && deployment == Deployment::DataCenter {
            return Err(usage(
                "--workspace does not apply to a Data Center, which has projects",
                "leave it out; --project KEY names a project",
            ));
        }
        Ok(())
    }

    /// Whether a secret is given.
    pub(super) fn gives_a_secret(&self) -> bool {
        self.token_stdin || self.token_file.is_some() || self.token_command.is_some()
    }

    /// The secret that the flags lead to; `None` where they name none. A command is kept in the connection.
    pub(super) fn secret(&self, auth: AuthMethod, app: &App) -> Result<Option<Secret>, Error> {
        let secret = match (&self.token_file, &self.token_command) {
            (Some(path), _) => app.token_from_file(path)?,
            (None, Some(command)) => app.token_from_command(command)?,
            (None, None) if self.token_stdin => app.read_token_from_stdin("--token-stdin")?,
            (None, None) => return Ok(None),
        };
        Ok(Some(auth.normalize_secret(secret)))
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
            (Some(_), Some(_)) => Err(usage(
                "a command's secret is not stored",
                "leave out --store",
            )),
            (Some(StoreKind::Command), None) if auth.is_oauth() => Err(usage(
                "tokens of OAuth change, so a command cannot keep them",
                "add --store keyring or --store file",
            )),
            (Some(store), None) => store.source(None).ok_or_else(|| {
                usage(
                    "--store command needs the command",
                    "add --token-command 'CMD'",
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
}

/// A usage error.
pub(super) fn usage(message: &str, hint: &str) -> Error {
    Error::Usage {
        message: message.to_owned(),
        hint: Some(hint.into()),
    }
}

fn set_or_clear(field: &mut Option<String>, value: Option<&str>) {
    if let Some(value) = value {
        *field = Some(value.to_owned()).filter(|value| !value.is_empty());
    }
}

/// The absolute path of a file: the connection is used in other directories.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}
