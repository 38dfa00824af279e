//! The HTTP clients of connections, and what their errors mean for the connection.

use std::sync::atomic::Ordering;

use super::App;
use crate::bitbucket::{
    ApiError, Authorization, Bitbucket, Cloud, DataCenter, Http, HttpSettings, OrganizationClient,
    Trace, TraceEvent,
};
use crate::error::Error;
use crate::resolve::SelectedConnection;
use crate::sys::proxy::ProxyVariables;
use crate::types::auth_failure_help::CredentialOrigin;
use crate::types::connection::{
    AuthMethod, BaseUrl, Connection, Credential, NetworkSettings, StoreKind,
};
use crate::types::deployment::Deployment;
use crate::types::operation::Operation;
use crate::types::secret::Secret;

/// A credential that expires sooner, in days, is mentioned by every command that uses it.
const EXPIRY_REMINDER_DAYS: i64 = 14;

impl App {
    /// The server of a connection, for requests without a credential.
    pub(crate) fn anonymous_client(&self, connection: &Connection) -> Bitbucket {
        self.client_authorized_as(connection, Authorization::None)
    }

    /// The server of a connection, for requests with its credential and this secret. Nothing is sent yet.
    pub(crate) fn client_with_secret(&self, connection: &Connection, secret: Secret) -> Bitbucket {
        let authorization = match &connection.credential {
            Credential::Ssh { .. } => Authorization::None,
            Credential::ApiToken { email: user, .. }
            | Credential::AppPassword { username: user }
            | Credential::Password { username: user } => Authorization::Basic {
                user: user.clone(),
                secret,
            },
            Credential::AccessToken { .. }
            | Credential::HttpAccessToken { .. }
            | Credential::OAuth { .. }
            | Credential::ClientCredentials { .. } => Authorization::Bearer(secret),
        };
        self.client_authorized_as(connection, authorization)
    }

    fn client_authorized_as(
        &self,
        connection: &Connection,
        authorization: Authorization,
    ) -> Bitbucket {
        self.redact(&authorization);
        let (settings, trace) = self.http_settings(&connection.network);
        let http = Http::new(
            connection.base_url.clone(),
            authorization,
            settings,
            trace,
            self.clients.clone(),
        );
        match connection.deployment {
            Deployment::Cloud => Bitbucket::Cloud(Cloud::new(http)),
            Deployment::DataCenter | Deployment::Unknown => {
                Bitbucket::DataCenter(DataCenter::new(http))
            }
        }
    }

    /// Redacts a credential in all output, as it is and as it is sent.
    pub(super) fn redact(&self, authorization: &Authorization) {
        for secret in authorization.secrets() {
            self.ui.redactor().add(&secret);
        }
    }

    /// The API of organizations. Its key has nothing to do with any connection, nor have its network settings.
    pub(crate) fn organization_client(&self, base: &BaseUrl, key: Secret) -> OrganizationClient {
        self.ui.redactor().add(key.expose());
        let (settings, trace) = self.http_settings(&NetworkSettings::default());
        OrganizationClient::new(base.clone(), key, settings, trace, self.clients.clone())
    }

    /// How servers are reached, and where lines about requests go.
    pub(super) fn http_settings(&self, network: &NetworkSettings) -> (HttpSettings, Trace) {
        let settings = HttpSettings {
            timeout: self.timeout(),
            network: network.clone(),
            proxy_variables: self.environment.proxy.clone(),
        };
        let ui = self.ui.clone();
        let trace = move |event: TraceEvent<'_>| match event {
            TraceEvent::Warning(text) => ui.warn(text),
            TraceEvent::Line(line) => ui.debug(line),
            TraceEvent::Listed(entries) => ui.count_progress(entries),
        };
        (settings, Box::new(trace))
    }

    /// The proxies of the environment.
    pub(crate) fn proxy_variables(&self) -> &ProxyVariables {
        &self.environment.proxy
    }

    /// The server of a connection that was chosen. Nothing is sent yet.
    pub(crate) fn authenticated_client(
        &self,
        selected: &SelectedConnection,
    ) -> Result<Bitbucket, Error> {
        self.remind_of_expiry(selected);
        self.authenticated_client_without_reminder(selected)
    }

    /// As [`App::authenticated_client`], for commands that report the expiry themselves.
    pub(crate) fn authenticated_client_without_reminder(
        &self,
        selected: &SelectedConnection,
    ) -> Result<Bitbucket, Error> {
        if selected.connection.auth() == AuthMethod::Ssh {
            return Err(Error::SshOnlyConnection(selected.name.to_string()));
        }
        let secret = self.secret_of(selected)?;
        Ok(self.client_with_secret(&selected.connection, secret))
    }

    /// Prints a line, once, where the credential is about to expire.
    pub(super) fn remind_of_expiry(&self, selected: &SelectedConnection) {
        let Some(date) = selected.connection.expires_on else {
            return;
        };
        let days = self.today().days_until(date);
        if days >= EXPIRY_REMINDER_DAYS || self.is_quiet() {
            return;
        }
        if self.has_reminded.swap(true, Ordering::SeqCst) {
            return;
        }
        let name = &selected.name;
        let when = match days {
            ..0 => format!("expired on {date}"),
            0 => format!("expires on {date} (today)"),
            1 => format!("expires on {date} (in 1 day)"),
            _ => format!("expires on {date} (in {days} days)"),
        };
        // What a command prints is renewed elsewhere.
        let renew = match selected.connection.store() {
            Some(StoreKind::Keyring | StoreKind::File) => match selected.connection.auth() {
                AuthMethod::ApiToken | AuthMethod::AccessToken | AuthMethod::HttpAccessToken => {
                    format!("; renew with `bbconnect token rotate -c {name}`")
                }
                AuthMethod::OAuth
                | AuthMethod::ClientCredentials
                | AuthMethod::AppPassword
                | AuthMethod::Password
                | AuthMethod::Ssh => {
                    format!("; renew with `bbconnect connection edit {name} --token-stdin`")
                }
            },
            Some(StoreKind::Command | StoreKind::Environment) | None => String::new(),
        };
        self.ui.eprint_line(&format!(
            "note: credential of connection {name} {when}{renew}"
        ));
    }

    /// The response to requests for an operation. Where a permission is missing, the error names the scopes that the
    /// operation needs.
    pub(crate) fn request<T>(
        &self,
        selected: &SelectedConnection,
        operation: Operation,
        requests: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, Error> {
        self.block_on(requests)?
            .map_err(|error| selected.describe_api_error_for(error, operation))
    }

    /// Runs a future that sends requests to completion.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> Result<T, Error> {
        let _progress = self.ui.progress_unless_active("sending the request");
        self.runtime.block_on(future).map_err(Error::Runtime)
    }
}

impl SelectedConnection {
    /// An error of the server, with the likely causes of a refusal.
    pub(crate) fn describe_api_error(&self, error: ApiError) -> Error {
        let origin = CredentialOrigin::of(&self.connection, &self.name);
        Error::from_api(error, &self.connection, self.token_prefix, origin)
    }

    /// As [`SelectedConnection::describe_api_error`]; for a missing permission with the scopes that are missing.
    pub(crate) fn describe_api_error_for(&self, error: ApiError, operation: Operation) -> Error {
        let ApiError::Forbidden {
            required, granted, ..
        } = &error
        else {
            return self.describe_api_error(error);
        };
        let connection = &self.connection;
        let hint =
            operation.refusal_hint(connection.deployment, connection.auth(), required, granted);
        Error::Api {
            error,
            causes: Some(hint.into()),
        }
    }
}
