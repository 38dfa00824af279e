//! HTTP access tokens of a Data Center: listed, made with a password, revoked.

use base64::Engine as _;
use serde_json::{Value, json};

use super::{Asked, Credential, Kind, Reply, World};

/// A token, and whose it is: the part of the address that tells.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) owner: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) permissions: Vec<String>,
    pub(crate) days: Option<u64>,
}

const MADE: i64 = 1_790_000_000_000;

impl Token {
    fn shown(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "permissions": self.permissions,
            "createdDate": MADE, "expiryDays": self.days, "lastAuthenticated": MADE,
        })
    }
}

/// Answers below `rest/access-tokens/latest`.
pub(super) fn answer(world: &mut World, asked: &Asked<'_>) -> Option<Reply> {
    let parts = asked.parts();
    let ["rest", "access-tokens", "latest", below @ ..] = parts.as_slice() else {
        return None;
    };
    let known = super::datacenter::credential(world, asked.authorization)?.clone();
    let length = match below {
        ["projects", _, "repos", ..] => 4,
        _ => 2,
    };
    let owner = below.get(..length)?.join("/");
    let id = below.get(length).copied();
    let may_make = matches!(known.kind, Kind::Password { .. });
    Some(match (asked.method, id) {
        ("GET", None) => {
            let own = world.tokens.iter().filter(|token| token.owner == owner);
            let values: Vec<Value> = own.map(Token::shown).collect();
            Reply::new(
                200,
                json!({"size": values.len(), "isLastPage": true, "values": values, "start": 0, "limit": 100}),
            )
        }
        ("PUT", None) if may_make => made(world, asked, &owner),
        ("DELETE", Some(id)) if may_make => {
            let before = world.tokens.len();
            world
                .tokens
                .retain(|token| token.owner != owner || token.id != id);
            let encoded = |token: &str| {
                token.contains(
                    &base64::engine::general_purpose::STANDARD_NO_PAD
                        .encode(id.get(..9).unwrap_or(id)),
                )
            };
            world
                .credentials
                .retain(|credential| !encoded(&credential.secret));
            if world.tokens.len() < before {
                Reply::new(204, Value::Null)
            } else {
                Reply::new(
                    404,
                    json!({"errors": [{"message": "The specified token does not exist."}]}),
                )
            }
        }
        ("PUT" | "DELETE", _) => {
            let exception = "com.atlassian.bitbucket.AuthorisationException";
            let message = "You are not permitted to access this resource";
            Reply::new(
                401,
                json!({"errors": [{"message": message, "exceptionName": exception}]}),
            )
        }
        _ => return None,
    })
}

fn made(world: &mut World, asked: &Asked<'_>, owner: &str) -> Reply {
    let (Some(name), Some(permissions)) = (
        asked.json["name"].as_str(),
        asked.json["permissions"].as_array(),
    ) else {
        return Reply::new(
            400,
            json!({"errors": [{"context": "name", "message": "a name and permissions are needed"}]}),
        );
    };
    let token = Token {
        owner: owner.to_owned(),
        id: format!("9000000000{:02}", world.tokens.len()),
        name: name.to_owned(),
        permissions: permissions
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect(),
        days: asked.json["expiryDays"].as_u64(),
    };
    let encoded = base64::engine::general_purpose::STANDARD
        .encode(format!("{}:abcdefghijklmnopqrst", token.id));
    let secret = format!("BBDC-{encoded}");
    let kind = match owner.split('/').collect::<Vec<_>>().as_slice() {
        ["users", _] => Kind::UserToken { user: "jane" },
        ["projects", key, ..] => Kind::ProjectToken {
            project: key.to_string().leak(),
        },
        _ => unreachable!("no other owner was parsed"),
    };
    world.credentials.push(Credential {
        kind,
        secret: secret.clone(),
        scopes: token
            .permissions
            .iter()
            .map(|name| &*name.clone().leak())
            .collect(),
    });
    let mut shown = token.shown();
    shown["token"] = json!(secret);
    world.tokens.push(token);
    Reply::new(200, shown)
}
