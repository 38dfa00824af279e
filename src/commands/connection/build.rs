//! The connection that flags describe, with prompts for what has no flag.

use super::args::ConnectionArgs;
use super::prompts;
use crate::app::App;
use crate::error::Error;
use crate::types::connection::{
    AuthMethod, Connection, ConnectionName, Credential, CredentialFields, DetectedServer,
    RequiredField, TokenLevel,
};
use crate::types::deployment::Deployment;
use crate::types::look_alike;

/// A new connection.
pub(super) fn connection(
    name: Option<&ConnectionName>,
    args: &ConnectionArgs,
    app: &App,
) -> Result<(ConnectionName, Connection), Error> {
    let missing =
        |what: &str, flag: &str| Error::usage(format!("{what} is needed"), format!("add {flag}"));
    let is_interactive = app.is_interactive();
    let name = match name {
        Some(name) => Some(name.clone()),
        None if is_interactive => Some(prompts::name(app, "")?),
        None => None,
    };
    let detected = match &args.url {
        Some(detected) => detected.clone(),
        None if is_interactive => prompts::url(app)?,
        None => {
            return Err(missing(
                "the URL of the Bitbucket",
                "--url https://bitbucket.org",
            ));
        }
    };
    confirm_host(&detected, app)?;
    // The kind of credential decides where the URL does not.
    let is_server = matches!(
        args.auth,
        Some(AuthMethod::HttpAccessToken | AuthMethod::Password)
    );
    let by_auth =
        (is_server && detected.deployment == Deployment::Unknown).then_some(Deployment::DataCenter);
    let named = args.deployment.map(Deployment::from);
    let deployment = named.or(by_auth).unwrap_or(detected.deployment);
    let auth = match args.auth {
        Some(auth) => auth,
        None if is_interactive => prompts::auth(app, deployment)?,
        None => return Err(missing("the kind of credential", "--auth KIND")),
    };
    auth.require_supported_by(deployment).map_err(|error| {
        Error::usage(
            error.to_string(),
            "bbconnect connection add --help lists them; Bitbucket Cloud is https://bitbucket.org",
        )
    })?;
    if auth == AuthMethod::Ssh && !detected.over_ssh {
        return Err(Error::usage(
            "--auth ssh needs a clone URL over SSH",
            "add --url git@host:project/repository.git",
        ));
    }
    let base_url = if auth == AuthMethod::Ssh {
        detected.base_url.clone()
    } else {
        detected.http_base_url()
    };
    if deployment == Deployment::DataCenter && base_url.is_cloud() {
        return Err(Error::usage(
            "the URL is that of Bitbucket Cloud, which is no Data Center",
            "add --url with the address of your server, or leave out --deployment",
        ));
    }
    args.check_applicable(auth, deployment)?;
    args.check_matches_url(&detected)?;
    let mut connection = Connection::without_credential(deployment, base_url);
    let fields = args.credential_fields(&connection.credential);
    connection.credential = credential(auth, fields, app)?;
    connection.namespace_mut().clone_from(&detected.namespace);
    connection.repository.clone_from(&detected.repository);
    args.apply(&mut connection)?;
    require_owner(&mut connection, app)?;
    let name = match name {
        Some(name) => name,
        None => default_name(&detected, &connection)?,
    };
    Ok((name, connection))
}

/// Asks about a host that looks like a known one, Bitbucket Cloud's or that of a saved connection. A script cannot know.
fn confirm_host(detected: &DetectedServer, app: &App) -> Result<(), Error> {
    let connections = app.connection_file().load()?;
    let names = connections.names();
    let saved = names.iter().filter_map(|name| {
        let (_, connection) = connections.get(name).ok()?;
        connection.base_url.url().host_str().map(str::to_owned)
    });
    let saved: Vec<String> = saved.collect();
    let saved: Vec<&str> = saved.iter().map(String::as_str).collect();
    let (user, host) = &detected.pasted_host;
    let Some(imitated) = look_alike::find(user.as_deref(), host, &saved) else {
        return Ok(());
    };
    let warning = look_alike::warning(host, &imitated);
    if !app.is_interactive() {
        return Err(Error::usage(
            warning,
            "write the URL without a user name; a host that only looks like another is confirmed on a terminal",
        ));
    }
    app.confirm(
        false,
        "saving a connection",
        &format!("{warning}. Continue?"),
    )
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
        let (what, flag, help) = match field {
            RequiredField::Email => (
                "the e-mail address",
                "--email ADDRESS",
                "The address of your Atlassian account, not the user name.",
            ),
            RequiredField::ClientId => (
                "the client id",
                "--client-id ID",
                "The key of the OAuth consumer (workspace settings), or the client id of the incoming link.",
            ),
            RequiredField::Username if auth == AuthMethod::AppPassword => (
                "the user name",
                "--username NAME",
                "Not the e-mail address; Bitbucket Cloud shows it at https://bitbucket.org/account/settings/.",
            ),
            RequiredField::Username => (
                "the user name",
                "--username NAME",
                "As it is typed when logging in to the server.",
            ),
        };
        fields.set(field, prompt_or_fail(auth, what, flag, help, app)?);
    }
}

fn prompt_or_fail(
    auth: AuthMethod,
    what: &str,
    flag: &str,
    help: &str,
    app: &App,
) -> Result<String, Error> {
    if app.is_interactive() {
        return prompts::text(app, what, help);
    }
    Err(Error::usage(
        format!("{what} is needed for --auth {auth}"),
        format!("add {flag}"),
    ))
}

/// Checks that a token names the workspace, project or repository that it belongs to; a workspace is prompted for.
pub(super) fn require_owner(connection: &mut Connection, app: &App) -> Result<(), Error> {
    let auth = connection.auth();
    if auth == AuthMethod::AccessToken && connection.workspace.is_none() {
        let help = "The workspace that the token belongs to, as it stands in its URL.";
        let flag = "--workspace WORKSPACE";
        connection.workspace = Some(prompt_or_fail(auth, "the workspace", flag, help, app)?);
    }
    if auth != AuthMethod::HttpAccessToken {
        return Ok(());
    }
    let level = connection.level();
    if matches!(level, Some(TokenLevel::Project | TokenLevel::Repo)) && connection.project.is_none()
    {
        return Err(Error::usage(
            "the project that the token belongs to is needed",
            "add --project KEY, or --repo KEY/SLUG",
        ));
    }
    if level == Some(TokenLevel::Repo) && connection.repository.is_none() {
        return Err(Error::usage(
            "the repository that the token belongs to is needed",
            "add --repo KEY/SLUG",
        ));
    }
    Ok(())
}

/// The workspace, or the host of the server.
fn default_name(
    detected: &DetectedServer,
    connection: &Connection,
) -> Result<ConnectionName, Error> {
    let host = detected
        .base_url
        .url()
        .host_str()
        .unwrap_or_default()
        .to_owned();
    let text = match connection.deployment {
        Deployment::Cloud => connection
            .workspace
            .clone()
            .unwrap_or_else(|| "bitbucket-cloud".to_owned()),
        Deployment::DataCenter | Deployment::Unknown => host,
    };
    let safe: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    safe.parse().map_err(|_| {
        Error::usage(
            "a name for the connection is needed",
            "bbconnect connection add NAME …",
        )
    })
}
