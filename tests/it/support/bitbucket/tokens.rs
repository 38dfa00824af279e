//! HTTP access tokens of Data Center: list, create (with a password), revoke.

use base64::Engine as _;
use serde_json::{Value, json};

use super::{ApiRequest, ApiResponse, Credential, Kind, ServerState};

/// A token; `owner` is the part of the path that names its owner.
#[derive(Debug, Clone, Default)]
pub(crate) struct Token {
    pub(crate) owner: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) permissions: Vec<String>,
    pub(crate) days: Option<u64>,
    /// More fields of the response, and other values.
    pub(crate) fields: Value,
}

const CREATED: i64 = 1_790_000_000_000;

impl Token {
    fn shown(&self) -> Value {
        let mut shown = json!({
            "id": self.id, "name": self.name, "permissions": self.permissions,
            "createdDate": CREATED, "expiryDays": self.days, "lastAuthenticated": CREATED,
        });
        if let (Some(shown), Some(fields)) = (shown.as_object_mut(), self.fields.as_object()) {
            shown.extend(fields.clone());
        }
        shown
    }
}

/// Responds to paths below `rest/access-tokens/latest`.
pub(super) fn respond(state: &mut ServerState, request: &ApiRequest<'_>) -> Option<ApiResponse> {
    let parts = request.parts();
    let ["rest", "access-tokens", "latest", below @ ..] = parts.as_slice() else {
        return None;
    };
    let known = super::datacenter::credential(state, request.authorization)?.clone();
    let length = match below {
        ["projects", _, "repos", ..] => 4,
        _ => 2,
    };
    let owner = below.get(..length)?.join("/");
    let id = below.get(length).copied();
    let may_create = matches!(known.kind, Kind::Password { .. });
    Some(match (request.method, id) {
        ("GET", None) => {
            let own = state.tokens.iter().filter(|token| token.owner == owner);
            let values: Vec<Value> = own.map(Token::shown).collect();
            ApiResponse::new(
                200,
                json!({"size": values.len(), "isLastPage": true, "values": values, "start": 0, "limit": 100}),
            )
        }
        ("PUT", None) if may_create => create(state, request, &owner),
        ("DELETE", Some(id)) if may_create => {
            let before = state.tokens.len();
            state
                .tokens
                .retain(|token| token.owner != owner || token.id != id);
            let encoded = |token: &str| {
                token.contains(
                    &base64::engine::general_purpose::STANDARD_NO_PAD
                        .encode(id.get(..9).unwrap_or(id)),
                )
            };
            state
                .credentials
                .retain(|credential| !encoded(&credential.secret));
            if state.tokens.len() < before {
                ApiResponse::new(204, Value::Null)
            } else {
                ApiResponse::new(
                    404,
                    json!({"errors": [{"message": "The specified token does not exist."}]}),
                )
            }
        }
        ("PUT" | "DELETE", _) => {
            let exception = "com.atlassian.bitbucket.AuthorisationException";
            let message = "You are not permitted to access this resource";
            ApiResponse::new(
                401,
                json!({"errors": [{"message": message, "exceptionName": exception}]}),
            )
        }
        _ => return None,
    })
}

fn create(state: &mut ServerState, request: &ApiRequest<'_>, owner: &str) -> ApiResponse {
    let (Some(name), Some(permissions)) = (
        request.json["name"].as_str(),
        request.json["permissions"].as_array(),
    ) else {
        return ApiResponse::new(
            400,
            json!({"errors": [{"context": "name", "message": "a name and permissions are needed"}]}),
        );
    };
    let token = Token {
        owner: owner.to_owned(),
        id: format!("9000000000{:02}", state.tokens.len()),
        name: name.to_owned(),
        permissions: permissions
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect(),
        days: request.json["expiryDays"].as_u64(),
        fields: Value::Null,
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
    state.credentials.push(Credential {
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
    state.tokens.push(token);
    ApiResponse::new(200, shown)
}
