//! How a connection authenticates, with the data that each kind of credential needs.

use std::fmt;

use thiserror::Error;

use super::auth::{AuthMethod, TokenLevel};

/// How a connection authenticates. The secret itself is stored elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// Cloud: an API token with scopes, sent as Basic with the Atlassian e-mail address
    ApiToken {
        email: String,
        username: Option<String>,
    },
    /// Cloud: an access token of a repository, project or workspace, sent as Bearer
    AccessToken {
        level: Option<TokenLevel>,
        username: Option<String>,
    },
    /// Cloud and Data Center since 7.20: authorized in a browser, sent as Bearer, refreshed
    OAuth {
        client_id: String,
        /// The scopes to request; empty for all that the client may have.
        scopes: Vec<String>,
        /// The port of the local callback server, where it is not the default one.
        callback_port: Option<u16>,
    },
    /// Cloud: the client credentials of an OAuth consumer, sent as Bearer, refreshed
    ClientCredentials {
        client_id: String,
        scopes: Vec<String>,
    },
    /// Cloud: an app password; none works since 2026-07-28
    AppPassword { username: String },
    /// Data Center: an HTTP access token of a user, project or repository, sent as Bearer
    HttpAccessToken {
        level: Option<TokenLevel>,
        username: Option<String>,
    },
    /// Data Center: user name and password, sent as Basic
    Password { username: String },
    /// Any Git host: SSH without REST, and therefore without a secret
    Ssh { username: Option<String> },
}

/// The data of a credential whose kind is not decided: what a file, flags and prompts give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CredentialFields {
    pub level: Option<TokenLevel>,
    pub email: Option<String>,
    pub username: Option<String>,
    pub client_id: Option<String>,
    pub callback_port: Option<u16>,
    pub scopes: Vec<String>,
}

/// A field that a kind of credential cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredField {
    Email,
    Username,
    ClientId,
}

/// A credential without a field that its kind needs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("auth = \"{auth}\" needs `{field}`")]
pub(crate) struct MissingField {
    pub auth: AuthMethod,
    pub field: RequiredField,
}

impl fmt::Display for RequiredField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::ClientId => "client_id",
        })
    }
}

impl RequiredField {
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Email => "--email ADDRESS",
            Self::Username => "--username NAME",
            Self::ClientId => "--client-id ID",
        }
    }
}

impl CredentialFields {
    pub(crate) fn set(&mut self, field: RequiredField, value: String) {
        *match field {
            RequiredField::Email => &mut self.email,
            RequiredField::Username => &mut self.username,
            RequiredField::ClientId => &mut self.client_id,
        } = Some(value);
    }
}

impl Credential {
    /// A credential of a kind. Fields that this kind does not have are dropped.
    ///
    /// # Errors
    /// [`MissingField`] for the first field that this kind needs and `fields` does not have.
    pub(crate) fn new(auth: AuthMethod, fields: CredentialFields) -> Result<Self, MissingField> {
        let CredentialFields {
            level,
            email,
            username,
            client_id,
            callback_port,
            scopes,
        } = fields;
        let required = |field, value: Option<String>| value.ok_or(MissingField { auth, field });
        Ok(match auth {
            AuthMethod::ApiToken => Self::ApiToken {
                email: required(RequiredField::Email, email)?,
                username,
            },
            AuthMethod::AccessToken => Self::AccessToken { level, username },
            AuthMethod::OAuth => Self::OAuth {
                client_id: required(RequiredField::ClientId, client_id)?,
                scopes,
                callback_port,
            },
            AuthMethod::ClientCredentials => Self::ClientCredentials {
                client_id: required(RequiredField::ClientId, client_id)?,
                scopes,
            },
            AuthMethod::AppPassword => Self::AppPassword {
                username: required(RequiredField::Username, username)?,
            },
            AuthMethod::HttpAccessToken => Self::HttpAccessToken { level, username },
            AuthMethod::Password => Self::Password {
                username: required(RequiredField::Username, username)?,
            },
            AuthMethod::Ssh => Self::Ssh { username },
        })
    }

    /// Its data without its kind: the inverse of [`Credential::new`].
    pub(crate) fn fields(&self) -> CredentialFields {
        let mut fields = CredentialFields {
            level: self.level(),
            email: self.email().map(str::to_owned),
            username: self.username().map(str::to_owned),
            client_id: self.client_id().map(str::to_owned),
            ..CredentialFields::default()
        };
        if let Self::OAuth { scopes, .. } | Self::ClientCredentials { scopes, .. } = self {
            fields.scopes.clone_from(scopes);
        }
        if let Self::OAuth { callback_port, .. } = self {
            fields.callback_port = *callback_port;
        }
        fields
    }

    pub(crate) fn auth(&self) -> AuthMethod {
        match self {
            Self::ApiToken { .. } => AuthMethod::ApiToken,
            Self::AccessToken { .. } => AuthMethod::AccessToken,
            Self::OAuth { .. } => AuthMethod::OAuth,
            Self::ClientCredentials { .. } => AuthMethod::ClientCredentials,
            Self::AppPassword { .. } => AuthMethod::AppPassword,
            Self::HttpAccessToken { .. } => AuthMethod::HttpAccessToken,
            Self::Password { .. } => AuthMethod::Password,
            Self::Ssh { .. } => AuthMethod::Ssh,
        }
    }

    /// The Atlassian e-mail address of an API token.
    pub(crate) fn email(&self) -> Option<&str> {
        if let Self::ApiToken { email, .. } = self {
            Some(email)
        } else {
            None
        }
    }

    /// The user name of a password, or the one that was noted for a token.
    pub(crate) fn username(&self) -> Option<&str> {
        match self {
            Self::AppPassword { username } | Self::Password { username } => Some(username),
            Self::ApiToken { username, .. }
            | Self::AccessToken { username, .. }
            | Self::HttpAccessToken { username, .. }
            | Self::Ssh { username } => username.as_deref(),
            Self::OAuth { .. } | Self::ClientCredentials { .. } => None,
        }
    }

    /// The key of an OAuth consumer (Cloud), or the client id of an incoming link (Data Center).
    pub(crate) fn client_id(&self) -> Option<&str> {
        if let Self::OAuth { client_id, .. } | Self::ClientCredentials { client_id, .. } = self {
            Some(client_id)
        } else {
            None
        }
    }

    /// What an access token or HTTP access token belongs to.
    pub(crate) fn level(&self) -> Option<TokenLevel> {
        if let Self::AccessToken { level, .. } | Self::HttpAccessToken { level, .. } = self {
            *level
        } else {
            None
        }
    }

    /// Sets the level of a kind that has one.
    pub(crate) fn set_level(&mut self, new: TokenLevel) {
        if let Self::AccessToken { level, .. } | Self::HttpAccessToken { level, .. } = self {
            *level = Some(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_has_the_fields_of_its_kind_alone() {
        let all = CredentialFields {
            level: Some(TokenLevel::Repo),
            email: Some("jane@acme.example".to_owned()),
            username: Some("jane".to_owned()),
            client_id: Some("key".to_owned()),
            callback_port: Some(8080),
            scopes: vec!["repository".to_owned()],
        };
        for (auth, names) in [
            (AuthMethod::ApiToken, "email username"),
            (AuthMethod::AccessToken, "level username"),
            (AuthMethod::OAuth, "client_id callback_port scopes"),
            (AuthMethod::ClientCredentials, "client_id scopes"),
            (AuthMethod::AppPassword, "username"),
            (AuthMethod::HttpAccessToken, "level username"),
            (AuthMethod::Password, "username"),
            (AuthMethod::Ssh, "username"),
        ] {
            let credential = Credential::new(auth, all.clone()).unwrap();
            assert_eq!(credential.auth(), auth);
            let fields = credential.fields();
            let present = [
                ("level", fields.level.is_some()),
                ("email", fields.email.is_some()),
                ("username", fields.username.is_some()),
                ("client_id", fields.client_id.is_some()),
                ("callback_port", fields.callback_port.is_some()),
                ("scopes", !fields.scopes.is_empty()),
            ];
            let present = present.iter().filter(|(_, is_present)| *is_present);
            let present: Vec<&str> = present.map(|(name, _)| *name).collect();
            assert_eq!(present.join(" "), names, "{auth}");
            assert_eq!(Credential::new(auth, fields), Ok(credential));
        }
    }

    #[test]
    fn a_credential_without_a_required_field_is_an_error() {
        for (auth, field) in [
            (AuthMethod::ApiToken, Some(RequiredField::Email)),
            (AuthMethod::OAuth, Some(RequiredField::ClientId)),
            (AuthMethod::ClientCredentials, Some(RequiredField::ClientId)),
            (AuthMethod::AppPassword, Some(RequiredField::Username)),
            (AuthMethod::Password, Some(RequiredField::Username)),
            (AuthMethod::AccessToken, None),
            (AuthMethod::HttpAccessToken, None),
            (AuthMethod::Ssh, None),
        ] {
            let missing = Credential::new(auth, CredentialFields::default()).err();
            assert_eq!(missing.map(|missing| missing.field), field, "{auth}");
        }
    }
}
