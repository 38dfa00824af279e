//! The connection that flags describe, with prompts for what has no flag.

use super::args::ConnectionArgs;
use super::prompts;
use super::secret::EnteredSecret;
use crate::app::App;
use crate::error::Error;
use crate::types::connection::{
    AuthMethod, Connection, ConnectionName, Credential, CredentialFields, DetectedServer,
    SecretSource, TokenLevel, TokenPrefix,
};
use crate::types::deployment::Deployment;
use crate::types::look_alike;
use crate::types::secret::Secret;

/// A new connection that is not verified yet.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) connection: Connection,
    /// `None` for SSH, and for the connection that exists already, whose secret is not prompted for.
    pub(super) secret: Option<EnteredSecret>,
}

/// What is known of a new connection before the flags are read.
#[derive(Debug, Default)]
pub(super) struct Known<'a> {
    /// The connection of this name.
    pub(super) existing: Option<&'a Connection>,
    /// Where its secret is stored, where that was chosen at a prompt.
    pub(super) source: Option<&'a SecretSource>,
}

/// A new connection. What it belongs to may be missing.
pub(super) fn draft(args: &ConnectionArgs, known: &Known<'_>, app: &App) -> Result<Draft, Error> {
    let detected = match &args.url {
        Some(detected) => detected.clone(),
        None if app.is_interactive() => prompts::url(app)?,
        None => {
            return Err(Error::usage(
                "the server URL is required",
                "pass --url https://bitbucket.org, or the URL of your server",
            ));
        }
    };
    confirm_host(&detected, app)?;
    let mut connection = unauthenticated(args, &detected);
    if app.is_interactive() && args.url.is_none() {
        app.ui.eprint_line(&format!(
            "  {} ({})",
            connection.base_url, connection.deployment
        ));
    }
    let given = given_secret(args, known.source, app)?;
    let existing = known.existing.map(Connection::auth);
    let (auth, secret) = if let Some(auth) = args.auth.or(existing) {
        let secret = given.map(|secret| EnteredSecret::given(auth, secret));
        (auth, secret)
    } else {
        let (auth, secret) = detect_auth(args, &connection, given, app)?;
        (auth, Some(secret))
    };
    if connection.deployment == Deployment::Unknown
        && matches!(auth, AuthMethod::HttpAccessToken | AuthMethod::Password)
    {
        connection.deployment = Deployment::DataCenter;
    }
    auth.require_supported_by(connection.deployment)
        .map_err(|error| {
            Error::usage(
                error.to_string(),
                "run `bbconnect connection add --help` for the kinds; Bitbucket Cloud is https://bitbucket.org",
            )
        })?;
    if auth == AuthMethod::Ssh {
        if !detected.over_ssh {
            return Err(Error::usage(
                "--auth ssh requires a clone URL over SSH",
                "pass --url git@host:project/repository.git",
            ));
        }
        connection.base_url = detected.base_url.clone();
    }
    if connection.deployment == Deployment::DataCenter && connection.base_url.is_cloud() {
        return Err(Error::usage(
            "the URL is that of Bitbucket Cloud, not of a Data Center server",
            "pass --url with the URL of your server, or omit --deployment",
        ));
    }
    args.check_applicable(auth, connection.deployment)?;
    args.check_matches_url(&detected)?;
    let fields = args.credential_fields(&connection.credential);
    connection.credential = credential(auth, fields, app)?;
    connection.namespace_mut().clone_from(&detected.namespace);
    if detected.project.is_some() {
        connection.project.clone_from(&detected.project);
    }
    connection.repository.clone_from(&detected.repository);
    args.apply(&mut connection)?;
    let secret = match secret {
        Some(secret) => Some(secret),
        None if auth == AuthMethod::Ssh || known.existing.is_some() => None,
        None if app.is_interactive() => {
            Some(EnteredSecret::prompted(prompts::secret(app, &connection)?))
        }
        None => {
            check_owner(&connection)?;
            return Err(Error::usage(
                format!("the {} is required", auth.secret_label()),
                "pass --token-stdin, --token-file FILE or --token-command 'CMD'",
            ));
        }
    };
    if auth == AuthMethod::Ssh {
        args.check_no_secret()?;
    }
    Ok(Draft { connection, secret })
}

/// Asks about a host that looks like a known one, Bitbucket Cloud's or that of a saved connection. A script cannot know.
fn confirm_host(detected: &DetectedServer, app: &App) -> Result<(), Error> {
    let saved = app.saved_hosts();
    let saved: Vec<&str> = saved.iter().map(String::as_str).collect();
    let (user, host) = &detected.pasted_host;
    let Some(imitated) = look_alike::find(user.as_deref(), host, &saved) else {
        return Ok(());
    };
    let warning = look_alike::warning(host, &imitated);
    if !app.is_interactive() {
        let hint = if user.is_some() {
            format!("pass --url https://{host}, without a user name, if {host} is meant")
        } else {
            format!(
                "pass --url https://{imitated} if that is meant; on a terminal, {host} can be confirmed"
            )
        };
        return Err(Error::usage(warning, hint));
    }
    app.confirm(
        false,
        "saving a connection",
        &format!("{warning}. Continue?"),
    )
}

/// The server of a new connection, without a credential.
fn unauthenticated(args: &ConnectionArgs, detected: &DetectedServer) -> Connection {
    let named = args.deployment.map(Deployment::from);
    let deployment = named.unwrap_or(detected.deployment);
    Connection::without_credential(deployment, detected.http_base_url())
}

/// The secret of the flags, of the command that was chosen at a prompt, or of the environment.
fn given_secret(
    args: &ConnectionArgs,
    source: Option<&SecretSource>,
    app: &App,
) -> Result<Option<Secret>, Error> {
    if args.auth == Some(AuthMethod::Ssh) {
        return Ok(None);
    }
    if let Some(secret) = args.secret(app)? {
        return Ok(Some(secret));
    }
    match source {
        Some(SecretSource::Command(command)) => app.secret_of_command(command).map(Some),
        Some(_) | None => app.secret_in_environment(),
    }
}

/// The kind of a secret: by its prefix, by other flags, else by a prompt.
fn detect_auth(
    args: &ConnectionArgs,
    connection: &Connection,
    given: Option<Secret>,
    app: &App,
) -> Result<(AuthMethod, EnteredSecret), Error> {
    let by_flags = args.email.as_ref().map(|_| AuthMethod::ApiToken);
    let deployment = connection.deployment;
    let (secret, is_prompted) = match given {
        Some(secret) => {
            check_kind(&secret, deployment)?;
            (secret, false)
        }
        None if app.is_interactive() => {
            let check = |secret: &Secret| check_kind(secret, deployment);
            (prompts::any_secret(app, connection, check)?, true)
        }
        None => {
            return Err(Error::usage(
                "the kind of credential is required",
                "pass --auth KIND, or the token with --token-stdin, --token-file FILE or --token-command 'CMD'",
            ));
        }
    };
    let prefix = TokenPrefix::from_token(Secret::from_pasted(secret.expose()).expose());
    let auth = match AuthMethod::from_prefix(prefix).or(by_flags) {
        Some(auth) => auth,
        None if app.is_interactive() => prompts::auth(app, connection.deployment)?,
        None => {
            return Err(Error::usage(
                "the kind of credential is not recognized from the secret",
                "pass --auth KIND",
            ));
        }
    };
    if is_prompted {
        app.ui
            .eprint_line(&format!("  type of credential: {}", auth.secret_label()));
    }
    Ok((
        auth,
        EnteredSecret {
            secret: auth.normalize_secret(secret),
            is_prompted,
        },
    ))
}

/// Checks that a token is of a kind that a product accepts; app passwords are retired.
fn check_kind(secret: &Secret, deployment: Deployment) -> Result<(), Error> {
    let prefix = TokenPrefix::from_token(Secret::from_pasted(secret.expose()).expose());
    let Some(actual) = AuthMethod::from_prefix(prefix) else {
        return Ok(());
    };
    let is_supported =
        deployment == Deployment::Unknown || actual.require_supported_by(deployment).is_ok();
    if is_supported && actual != AuthMethod::AppPassword {
        return Ok(());
    }
    Err(Error::SecretKindMismatch {
        actual,
        expected: match deployment {
            Deployment::Cloud => AuthMethod::ApiToken,
            Deployment::DataCenter | Deployment::Unknown => AuthMethod::HttpAccessToken,
        },
    })
}

/// A credential of a kind. What the kind needs and `fields` does not have is prompted for, or an error.
pub(super) fn credential(
    auth: AuthMethod,
    mut fields: CredentialFields,
    app: &App,
) -> Result<Credential, Error> {
    loop {
        let field = match Credential::new(auth, fields.clone()) {
            Ok(credential) => return Ok(credential),
            Err(missing) => missing.field,
        };
        if !app.is_interactive() {
            let flag = field.flag();
            return Err(Error::usage(
                format!("{flag} is required for {}", auth.secret_with_article()),
                format!("pass {flag}"),
            ));
        }
        fields.set(field, prompts::required_field(app, auth, field)?);
    }
}

/// Checks that a token names the workspace, project or repository that it belongs to.
pub(super) fn check_owner(connection: &Connection) -> Result<(), Error> {
    let auth = connection.auth();
    if auth == AuthMethod::AccessToken && connection.workspace.is_none() {
        return Err(Error::usage(
            "an access token belongs to a workspace, project or repository, and none is specified",
            "pass --workspace WORKSPACE, or --repo WORKSPACE/SLUG",
        ));
    }
    if auth != AuthMethod::HttpAccessToken {
        return Ok(());
    }
    let level = connection.level();
    if matches!(level, Some(TokenLevel::Project | TokenLevel::Repo)) && connection.project.is_none()
    {
        return Err(Error::usage(
            "the project that the token belongs to is required",
            "pass --project KEY, or --repo KEY/SLUG",
        ));
    }
    if level == Some(TokenLevel::Repo) && connection.repository.is_none() {
        return Err(Error::usage(
            "the repository that the token belongs to is required",
            "pass --repo KEY/SLUG",
        ));
    }
    Ok(())
}

/// The workspace, or the host of the server.
pub(super) fn default_name(connection: &Connection) -> Result<ConnectionName, Error> {
    let text = match connection.deployment {
        Deployment::Cloud => connection.workspace.as_deref().unwrap_or("bitbucket-cloud"),
        Deployment::DataCenter | Deployment::Unknown => {
            connection.base_url.url().host_str().unwrap_or_default()
        }
    };
    let is_invalid = |c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c);
    text.replace(is_invalid, "-").parse().map_err(|_| {
        Error::usage(
            "a name for the connection is required",
            "run `bbconnect connection add NAME …`",
        )
    })
}
