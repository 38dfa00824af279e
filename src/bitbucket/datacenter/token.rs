//! What an HTTP access token says of itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::DataCenter;
use crate::bitbucket::http::{Authorization, Signed};
use crate::bitbucket::identity::{Identity, Scopes};
use crate::model::day::Day;

/// A token as the server lists it. Real answers have more than the documentation names.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    permissions: Option<Vec<String>>,
    /// Milliseconds since 1970.
    created_date: Option<i64>,
    expiry_days: Option<i64>,
}

impl DataCenter {
    /// Adds to an identity what the token's own record tells: permissions and expiry. A server that does not show it
    /// leaves the identity as it is.
    ///
    /// <https://developer.atlassian.com/server/bitbucket/rest/v904/api-group-authentication/#api-access-tokens-latest-users-userslug-tokenid-get>
    pub(super) async fn with_token_record(&self, identity: Identity) -> Identity {
        let Authorization::Bearer(secret) = self.http.authorization() else {
            return identity;
        };
        let (Some(id), Some(account)) = (token_id(secret.expose()), identity.account.as_deref())
        else {
            return identity;
        };
        let segments = [
            "rest",
            "access-tokens",
            "latest",
            "users",
            &user_slug(account),
            &id,
        ];
        let Ok(answer) = self.http.get(&segments, &[], Signed::Yes).await else {
            return identity;
        };
        let Ok(token) = answer.json::<Token>() else {
            return identity;
        };
        Identity {
            scopes: token
                .permissions
                .clone()
                .map_or(Scopes::Undisclosed, Scopes::Granted),
            expires_on: token.expires_on(),
            ..identity
        }
    }
}

impl Token {
    fn expires_on(&self) -> Option<Day> {
        let created = OffsetDateTime::from_unix_timestamp(self.created_date? / 1000).ok()?;
        let life = Duration::DAY.checked_mul(self.expiry_days?.try_into().ok()?)?;
        created
            .checked_add(life)
            .map(|instant| Day::from(instant.date()))
    }
}

/// The id of a token stands in the token itself: base64 of `<digits>:<random>`, since some version behind `BBDC-`.
fn token_id(token: &str) -> Option<String> {
    let encoded = token.strip_prefix("BBDC-").unwrap_or(token);
    let decoded = zeroize::Zeroizing::new(STANDARD.decode(encoded).ok()?);
    let id = decoded.split(|&byte| byte == b':').next()?;
    let is_id = id.len() < decoded.len() && !id.is_empty() && id.iter().all(u8::is_ascii_digit);
    is_id.then(|| String::from_utf8_lossy(id).into_owned())
}

/// The slug of a user name: what a URL gives a meaning to becomes `_`.
fn user_slug(name: &str) -> String {
    const REPLACED: &str = ":/?#@!$&'()*+,;=%\\[]";
    name.chars()
        .map(|c| if REPLACED.contains(c) { '_' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_read_off_the_token() {
        let token = STANDARD.encode("080920112506:abcdefghij0123456789");
        assert_eq!(token_id(&token).as_deref(), Some("080920112506"));
        assert_eq!(
            token_id(&format!("BBDC-{token}")).as_deref(),
            Some("080920112506")
        );
        for other in [
            "",
            "hunter2",
            "BBDC-",
            &STANDARD.encode("abc:def"),
            &STANDARD.encode("0123456"),
        ] {
            assert_eq!(token_id(other), None, "{other}");
        }
    }

    #[test]
    fn expiry_is_counted_from_creation() {
        let token = Token {
            permissions: None,
            created_date: Some(1_767_225_600_000),
            expiry_days: Some(90),
        };
        assert_eq!(
            token.expires_on().map(|day| day.to_string()).as_deref(),
            Some("2026-04-01")
        );
        assert_eq!(
            Token {
                expiry_days: None,
                ..token
            }
            .expires_on(),
            None
        );
    }
}
