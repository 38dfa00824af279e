//! What `bbconnect token create` answers: the token, and its secret where it was not kept.

use serde::{Serialize, Serializer};

use crate::types::access_token::{AccessToken, TokenOwner};
use crate::types::action::Action;
use crate::types::connection::ConnectionName;
use crate::types::secret::Secret;
use crate::ui::{CommandOutput, TextWriter};

/// A token that was made.
#[derive(Debug, Serialize)]
pub(crate) struct CreateOutput {
    action: Action,
    owner: String,
    repository: Option<String>,
    token: AccessToken,
    secret: Option<RevealedSecret>,
    connection: Option<ConnectionName>,
}

/// A new token's secret, which is part of the result: it was asked for, and is told only once.
#[derive(Debug)]
struct RevealedSecret(Secret);

impl Serialize for RevealedSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.expose().serialize(serializer)
    }
}

impl CreateOutput {
    /// A token that is now there: printed, or kept as a connection.
    pub(super) fn made(
        owner: &TokenOwner,
        token: AccessToken,
        secret: Option<Secret>,
        connection: Option<ConnectionName>,
    ) -> Self {
        Self {
            action: Action::Created,
            owner: owner.to_string(),
            repository: owner.repository(),
            token,
            secret: secret.map(RevealedSecret),
            connection,
        }
    }

    /// A token that would be made.
    pub(super) fn planned(
        owner: &TokenOwner,
        name: &str,
        permissions: &[&str],
        connection: Option<ConnectionName>,
    ) -> Self {
        Self {
            action: Action::WouldCreate,
            owner: owner.to_string(),
            repository: owner.repository(),
            token: AccessToken {
                id: None,
                name: Some(name.to_owned()),
                permissions: Some(permissions.iter().map(|&name| name.to_owned()).collect()),
                created_on: None,
                expires_on: None,
                last_used_on: None,
            },
            secret: None,
            connection,
        }
    }
}

impl CommandOutput for CreateOutput {
    const SCHEMA: &'static str = "bbconnect/token-create@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        if let Some(RevealedSecret(secret)) = &self.secret {
            out.line(secret.expose());
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        let name = self.token.name.as_deref().unwrap_or_default();
        let may = self
            .token
            .permissions
            .as_ref()
            .map(|all| all.join(" "))
            .unwrap_or_default();
        out.line(&format!(
            "{}: the token {name} of {}: {may}",
            self.action, self.owner
        ));
        if let Some(date) = self.token.expires_on {
            out.line(&format!("it expires on {date}"));
        }
        match &self.connection {
            Some(name) => out.line(&format!("kept as the connection {name}")),
            None if self.secret.is_some() => out.note("the token above is not shown again"),
            None => {}
        }
    }
}
