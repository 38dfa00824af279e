//! The connection that flags describe, and answers where flags are missing.

use super::add::Args;
use super::args::usage;
use super::prompts;
use crate::app::App;
use crate::error::Error;
use crate::types::connection::{
    AuthMethod, Connection, ConnectionName, DetectedServer, TokenLevel,
};
use crate::types::deployment::Deployment;

/// The connection that the flags and answers describe.
pub(super) fn connection(args: &Args, app: &App) -> Result<(ConnectionName, Connection), Error> {
    let settings = &args.connection;
    let missing =
        |what: &str, flag: &str| usage(&format!("{what} is needed"), &format!("add {flag}"));
    let asks = app.is_interactive();
    let name = match &args.name {
        Some(name) => Some(name.clone()),
        None if asks => Some(prompts::name(app, "")?),
        None => None,
    };
    let detected = match &settings.url {
        Some(detected) => detected.clone(),
        None if asks => prompts::url(app)?,
        None => {
            return Err(missing(
                "the URL of the Bitbucket",
                "--url https://bitbucket.org",
            ));
        }
    };
    // A clone URL may leave it open, and the kind of credential tell.
    let is_server = matches!(
        settings.auth,
        Some(AuthMethod::HttpAccessToken | AuthMethod::Password)
    );
    let by_auth =
        (is_server && detected.deployment == Deployment::Unknown).then_some(Deployment::DataCenter);
    let named = settings.deployment.map(Deployment::from);
    let deployment = named.or(by_auth).unwrap_or(detected.deployment);
    let auth = match settings.auth {
        Some(auth) => auth,
        None if asks => prompts::auth(app, deployment)?,
        None => return Err(missing("the kind of credential", "--auth KIND")),
    };
    auth.require_supported_by(deployment).map_err(|error| {
        usage(
            &error.to_string(),
            "bbconnect connection add --help lists them; Bitbucket Cloud is https://bitbucket.org",
        )
    })?;
    if auth == AuthMethod::Ssh && !detected.over_ssh {
        return Err(usage(
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
        return Err(usage(
            "the URL is that of Bitbucket Cloud, which is no Data Center",
            "add --url with the address of your server, or leave out --deployment",
        ));
    }
    let mut connection = Connection::new(deployment, base_url, auth);
    let namespace = detected.namespace.clone();
    if deployment == Deployment::Cloud {
        connection.workspace = namespace;
    } else {
        connection.project = namespace;
    }
    connection.repository.clone_from(&detected.repository);
    settings.check_applicable(&connection)?;
    settings.check_matches_url(&detected)?;
    settings.apply(&mut connection)?;
    prompt_missing_fields(&mut connection, app)?;
    let name = match name {
        Some(name) => name,
        None => default_name(&detected, &connection)?,
    };
    Ok((name, connection))
}

/// Asks for, or insists on, what the kind of credential needs.
pub(super) fn prompt_missing_fields(connection: &mut Connection, app: &App) -> Result<(), Error> {
    let needed = |field: &Option<String>, what: &str, flag: &str, help: &str| match field {
        Some(_) => Ok(None),
        None if app.is_interactive() => prompts::text(app, what, help).map(Some),
        None => Err(usage(
            &format!("{what} is needed for --auth {}", connection.auth),
            &format!("add {flag}"),
        )),
    };
    let auth = connection.auth;
    if auth == AuthMethod::HttpAccessToken {
        let needs_project = matches!(
            connection.level,
            Some(TokenLevel::Project | TokenLevel::Repo)
        );
        if needs_project && connection.project.is_none() {
            return Err(usage(
                "the project that the token belongs to is needed",
                "add --project KEY, or --repo KEY/SLUG",
            ));
        }
        if connection.level == Some(TokenLevel::Repo) && connection.repository.is_none() {
            return Err(usage(
                "the repository that the token belongs to is needed",
                "add --repo KEY/SLUG",
            ));
        }
    }
    let email = (auth == AuthMethod::ApiToken).then(|| {
        let help = "The address of your Atlassian account, not the user name.";
        needed(
            &connection.email,
            "the e-mail address",
            "--email ADDRESS",
            help,
        )
    });
    let client_id = auth.is_oauth().then(|| {
        let help = "The key of the OAuth consumer (workspace settings), or the client id of the incoming link.";
        needed(&connection.client_id, "the client id", "--client-id ID", help)
    });
    let username = [AuthMethod::AppPassword, AuthMethod::Password].contains(&auth).then(|| {
        let help = if auth == AuthMethod::AppPassword {
            "Not the e-mail address; Bitbucket Cloud shows it at https://bitbucket.org/account/settings/."
        } else {
            "As it is typed when logging in to the server."
        };
        needed(&connection.username, "the user name", "--username NAME", help)
    });
    let workspace = (auth == AuthMethod::AccessToken).then(|| {
        let help = "The workspace that the token belongs to, as it stands in its URL.";
        needed(
            &connection.workspace,
            "the workspace",
            "--workspace WORKSPACE",
            help,
        )
    });
    let [email, client_id, username, workspace] =
        [email, client_id, username, workspace].map(|asked| asked.transpose().map(Option::flatten));
    let (email, client_id, username, workspace) = (email?, client_id?, username?, workspace?);
    connection.client_id = client_id.or(connection.client_id.take());
    connection.email = email.or(connection.email.take());
    connection.username = username.or(connection.username.take());
    connection.workspace = workspace.or(connection.workspace.take());
    Ok(())
}

/// A name from what is known: the workspace, or the server's host.
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
        usage(
            "a name for the connection is needed",
            "bbconnect connection add NAME …",
        )
    })
}
