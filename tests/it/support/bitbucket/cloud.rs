//! The REST API of Bitbucket Cloud, as its documentation describes it.

use serde_json::json;

use super::{ApiRequest, ApiResponse, Credential, Kind, ServerState, basic, bearer, permissions};

/// Responds to a path below `/2.0/`.
pub(super) fn respond(state: &mut ServerState, request: &ApiRequest<'_>) -> ApiResponse {
    let known = credential(state, request.authorization).cloned();
    if let Some(response) = super::keys::on_cloud(state, request, known.as_ref()) {
        return response;
    }
    if request.authorization.is_some() && known.is_none() {
        return error(
            401,
            "Token is invalid, expired, or not supported for this endpoint.",
        )
        .with("www-authenticate", "BitbucketCustom realm=\"bitbucket\"");
    }
    if known.is_some()
        && let Some(response) = super::pipelines::respond(&mut state.pipelines, request)
    {
        return response;
    }
    if let Some(response) = super::cloud_repos::respond(state, request, known.as_ref()) {
        return response;
    }
    let (state, known) = (&*state, known.as_ref());
    match request.parts().as_slice() {
        ["user"] => user(state, known),
        ["user", "workspaces"] => match known {
            Some(Credential {
                kind: Kind::ApiToken { .. },
                ..
            }) => {
                let slugs = if state.workspaces.is_empty() {
                    vec!["acme"]
                } else {
                    state.workspaces.clone()
                };
                let values: Vec<_> = slugs
                    .iter()
                    .map(|slug| {
                        let workspace = json!({"slug": slug, "uuid": "{1}", "links": {}});
                        json!({"type": "workspace_access", "administrator": true, "workspace": workspace})
                    })
                    .collect();
                granted(state, known, json!({"values": values, "pagelen": 25}))
            }
            _ => error(
                403,
                "This API is not accessible by this authentication mechanism",
            ),
        },
        ["workspaces", "acme", "projects"] => projects(state, request),
        ["workspaces", workspace] => {
            resource(state, known, workspace, None, json!({"slug": workspace}))
        }
        ["workspaces", workspace, "projects", key] => {
            resource(state, known, workspace, None, json!({"key": key}))
        }
        ["repositories", workspace, slug] => {
            let name = format!("{workspace}/{slug}");
            match state
                .repositories
                .iter()
                .find(|(repository, _)| *repository == name)
            {
                Some((_, true)) => {
                    ApiResponse::new(200, json!({"full_name": name, "is_private": false}))
                }
                Some((_, false)) => resource(
                    state,
                    known,
                    workspace,
                    Some(slug),
                    json!({"full_name": name, "is_private": true}),
                ),
                None => error(
                    404,
                    "You may not have access to this repository or it no longer exists in this workspace.",
                ),
            }
        }
        ["repositories", workspace, slug, "refs", "branches"] => {
            let name = format!("{workspace}/{slug}");
            let has_branch = state.non_empty.contains(&name.as_str());
            let branches = if has_branch {
                json!([{"name": "main", "type": "branch"}])
            } else {
                json!([])
            };
            granted(state, known, json!({"values": branches, "pagelen": 1}))
        }
        _ => permissions::cloud(state, request, known)
            .unwrap_or_else(|| error(404, "There is no API hosted at this URL")),
    }
}

fn credential<'a>(state: &'a ServerState, authorization: Option<&str>) -> Option<&'a Credential> {
    let as_user = basic(authorization).and_then(|(user, secret)| {
        state.credentials.iter().find(|credential| {
            credential.secret == secret
                && match credential.kind {
                    Kind::ApiToken { email } => email == user,
                    Kind::AppPassword { user: name } => name == user,
                    Kind::AccessToken { .. }
                    | Kind::OAuth
                    | Kind::UserToken { .. }
                    | Kind::ProjectToken { .. }
                    | Kind::Password { .. } => false,
                }
        })
    });
    let as_bearer = bearer(state, authorization)
        .filter(|known| matches!(known.kind, Kind::AccessToken { .. } | Kind::OAuth));
    as_user.or(as_bearer)
}

fn lacks_user(known: &Credential) -> bool {
    !known.scopes.contains(&"read:user:bitbucket")
}

fn user(state: &ServerState, known: Option<&Credential>) -> ApiResponse {
    match known.map(|known| (&known.kind, known)) {
        None => error(401, "Access to this endpoint needs a login."),
        Some((Kind::AccessToken { .. }, _)) => error(
            403,
            "This API is not accessible by this authentication mechanism",
        ),
        Some((Kind::ApiToken { .. }, known)) if lacks_user(known) => {
            permissions::lacks_scope(state, known, "read:user:bitbucket")
        }
        Some((_, known)) => granted(
            state,
            Some(known),
            json!({"type": "user", "nickname": "jane", "display_name": "Jane", "account_id": "557058:1", "uuid": "{1}"}),
        ),
    }
}

fn resource(
    state: &ServerState,
    known: Option<&Credential>,
    workspace: &str,
    repository: Option<&str>,
    body: serde_json::Value,
) -> ApiResponse {
    let sees = |credential: &Credential| match &credential.kind {
        Kind::ApiToken { .. } | Kind::AppPassword { .. } | Kind::OAuth => workspace == "acme",
        Kind::AccessToken {
            workspace: own,
            repository: only,
        } => *own == workspace && (only.is_none() || *only == repository),
        Kind::UserToken { .. } | Kind::ProjectToken { .. } | Kind::Password { .. } => false,
    };
    match known {
        Some(credential) if sees(credential) => granted(state, known, body),
        _ => error(
            404,
            "You may not have access to this repository or it no longer exists in this workspace.",
        ),
    }
}

fn granted(
    state: &ServerState,
    known: Option<&Credential>,
    body: serde_json::Value,
) -> ApiResponse {
    let response = ApiResponse::new(200, body);
    match known {
        Some(credential) if !state.hides_scopes => {
            let kind = if let Kind::AccessToken { repository, .. } = &credential.kind {
                if repository.is_some() {
                    "repo_access_token"
                } else {
                    "workspace_access_token"
                }
            } else {
                "apikey"
            };
            response
                .with("x-credential-type", kind)
                .with("x-oauth-scopes", &credential.scopes.join(", "))
        }
        Some(_) | None => response,
    }
}

pub(super) fn error(status: u16, message: &str) -> ApiResponse {
    ApiResponse::new(
        status,
        json!({"type": "error", "error": {"message": message}}),
    )
}

/// A page of the list of projects, with the URL of the next page.
fn projects(state: &ServerState, request: &ApiRequest<'_>) -> ApiResponse {
    let page = request.number("page").unwrap_or(1);
    let from = (page - 1) * state.page_length;
    let keys = state.projects.iter().skip(from).take(state.page_length);
    let values: Vec<_> = keys
        .map(|key| json!({"key": key, "name": key.to_lowercase(), "is_private": true}))
        .collect();
    let mut body = json!({"values": values, "page": page, "pagelen": state.page_length});
    if from + state.page_length < state.projects.len() {
        let next = format!(
            "{}/2.0/workspaces/acme/projects?pagelen=100&page={}",
            state.base,
            page + 1
        );
        body["next"] = json!(next);
    }
    ApiResponse::new(200, body)
}
