//! What is known about the credential of a connection.

use crate::bitbucket::Identity;
use crate::error::ErrorSummary;
use crate::types::connection::{
    AuthMethod, Connection, ConnectionName, StoreKind, TokenLevel, TokenPrefix,
};
use crate::types::date::Date;

#[derive(Debug)]
pub(crate) struct CredentialFacts {
    pub(crate) name: ConnectionName,
    pub(crate) connection: Connection,
    /// The prefix of the secret, or why it cannot be read.
    pub(crate) secret: Result<TokenPrefix, ErrorSummary>,
    /// The account of the credential; `None` where no request was sent.
    pub(crate) identity: Option<Result<Identity, ErrorSummary>>,
}

impl CredentialFacts {
    /// The account, where the server accepts the credential.
    pub(crate) fn valid(&self) -> Option<&Identity> {
        self.identity.as_ref()?.as_ref().ok()
    }

    /// What the credential belongs to: as the server reports it, else as it is configured.
    pub(crate) fn level(&self) -> Option<TokenLevel> {
        let reported = self.valid().and_then(|identity| identity.level);
        reported.or(self.connection.level())
    }

    /// What the credential belongs to, where that is certain: the configured level of an access token is not.
    pub(crate) fn known_level(&self) -> Option<TokenLevel> {
        let reported = self.valid().filter(|identity| identity.level_from_server);
        let configured = self
            .connection
            .level()
            .filter(|_| self.connection.auth() != AuthMethod::AccessToken);
        reported.and_then(|identity| identity.level).or(configured)
    }

    /// The expiry date, and whether the server reported it.
    pub(crate) fn expires_on(&self) -> Option<(Date, bool)> {
        let reported = self.valid().and_then(|identity| identity.expires_on);
        let configured = self.connection.expires_on;
        reported
            .map(|date| (date, true))
            .or(configured.map(|date| (date, false)))
    }

    /// Whether the credential has no user account of its own.
    pub(crate) fn is_service_credential(&self) -> bool {
        self.connection.auth() == AuthMethod::AccessToken
            || !matches!(self.level(), None | Some(TokenLevel::User))
    }

    /// The command that changes the connection.
    pub(crate) fn edit_command(&self, flags: &str) -> String {
        match self.connection.store() {
            Some(StoreKind::Environment) => "change the environment variables".to_owned(),
            _ => format!("bbconnect connection edit {} {flags}", self.name),
        }
    }
}
