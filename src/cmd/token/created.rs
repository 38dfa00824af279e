//! What `bbconnect token create` answers: the token, and its secret where it was not kept.

use serde::{Serialize, Serializer};

use crate::model::access_token::{AccessToken, TokenOwner};
use crate::model::connection::ConnectionName;
use crate::model::secret::Secret;
use crate::output::{Page, Render};

/// A token that was made.
#[derive(Debug, Serialize)]
pub struct Created {
    action: &'static str,
    owner: String,
    token: AccessToken,
    secret: Option<Told>,
    connection: Option<ConnectionName>,
}

/// A new token's secret, which is part of the result: it was asked for, and is told only once.
#[derive(Debug)]
struct Told(Secret);

impl Serialize for Told {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.expose().serialize(serializer)
    }
}

impl Created {
    /// A token that is now there: printed, or kept as a connection.
    pub(super) fn made(
        owner: &TokenOwner,
        token: AccessToken,
        secret: Option<Secret>,
        connection: Option<ConnectionName>,
    ) -> Self {
        Self {
            action: "created",
            owner: owner.to_string(),
            token,
            secret: secret.map(Told),
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
            action: "would-create",
            owner: owner.to_string(),
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

impl Render for Created {
    const SCHEMA: &'static str = "bbconnect/token-create@1";

    fn text(&self, page: &mut Page) {
        if let Some(Told(secret)) = &self.secret {
            page.line(secret.expose());
        }
    }

    fn remarks(&self, page: &mut Page) {
        let name = self.token.name.as_deref().unwrap_or_default();
        let may = self
            .token
            .permissions
            .as_ref()
            .map(|all| all.join(" "))
            .unwrap_or_default();
        page.line(&format!(
            "{}: the token {name} of {}: {may}",
            self.action, self.owner
        ));
        if let Some(day) = self.token.expires_on {
            page.line(&format!("it expires on {day}"));
        }
        match &self.connection {
            Some(name) => page.line(&format!("kept as the connection {name}")),
            None if self.secret.is_some() => page.note("the token above is not shown again"),
            None => {}
        }
    }
}
