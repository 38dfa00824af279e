//! The REST API of Bitbucket Data Center 9.4, as its documentation describes it.

use serde_json::json;

use super::{
    ApiRequest, ApiResponse, CONTEXT_PATH, Credential, Kind, ServerState, basic, permissions,
    tokens,
};

pub(super) const EXCEPTION: &str = "com.atlassian.bitbucket";

/// Responds to a path below the context path.
pub(super) fn respond(state: &mut ServerState, request: &ApiRequest<'_>) -> ApiResponse {
    if let Some(response) = tokens::respond(state, request) {
        return response;
    }
    let authorization = request.authorization;
    if basic(authorization).is_some() {
        if state.basic_auth_disabled {
            return ApiResponse::new(
                403,
                json!({"message": "Basic Authentication has been disabled on this instance."}),
            );
        }
        if state.requires_captcha {
            return refusal(
                403,
                "CAPTCHA required",
                &format!("{EXCEPTION}.auth.CaptchaRequiredAuthenticationException"),
            );
        }
        if credential(state, authorization).is_none() {
            return wrong_password();
        }
    }
    let known = credential(state, authorization).cloned();
    if let Some(response) = super::keys::on_datacenter(state, request, known.as_ref()) {
        return signed(known.as_ref(), response);
    }
    if let Some(response) = super::datacenter_repos::respond(state, request, known.as_ref()) {
        return signed(known.as_ref(), response);
    }
    let (state, known) = (&*state, known.as_ref());
    match request.parts().as_slice() {
        ["status"] => ApiResponse::new(200, json!({"state": "RUNNING"})),
        ["rest", "api", "latest", "application-properties"] => signed(
            known,
            ApiResponse::new(
                200,
                json!({"version": state.version.unwrap_or("9.4.1"), "buildNumber": "9004001", "displayName": "Bitbucket"}),
            ),
        ),
        ["rest", "api", "latest", "users"] => match known.map(|known| &known.kind) {
            Some(Kind::UserToken { .. } | Kind::Password { .. }) => signed(
                known,
                ApiResponse::new(
                    200,
                    json!({"size": 0, "limit": 1, "isLastPage": true, "values": []}),
                ),
            ),
            _ => wrong_password(),
        },
        ["rest", "api", "latest", "projects"] => signed(known, projects(state, request)),
        ["rest", "api", "latest", "projects", project] => {
            project_or_repository(state, known, project, None)
        }
        ["rest", "api", "latest", "projects", project, "repos", slug] => {
            project_or_repository(state, known, project, Some(slug))
        }
        [
            "rest",
            "api",
            "latest",
            "projects",
            project,
            "repos",
            slug,
            "branches",
        ] => {
            let name = format!("{project}/{slug}");
            let has_branch = state.non_empty.contains(&name.as_str());
            let branches = if has_branch {
                json!([{"displayId": "main", "isDefault": true}])
            } else {
                json!([])
            };
            signed(
                known,
                ApiResponse::new(200, json!({"values": branches, "isLastPage": true})),
            )
        }
        ["rest", "access-tokens", "latest", "users", user, id] => {
            match known.map(|known| &known.kind) {
                Some(Kind::UserToken { user: own }) if own == user && !state.hides_scopes => {
                    signed(
                        known,
                        ApiResponse::new(
                            200,
                            json!({"id": id, "name": "test", "createdDate": state.token_lifetime.map_or(1_790_000_000_000, |(made, _)| made),
                        "expiryDays": state.token_lifetime.map_or(90, |(_, days)| days),
                        "permissions": known.map(|known| known.scopes.clone())}),
                        ),
                    )
                }
                _ => wrong_password(),
            }
        }
        _ => permissions::datacenter(state, request, known)
            .map_or_else(unrouted, |response| signed(known, response)),
    }
}

pub(super) fn credential<'a>(
    state: &'a ServerState,
    authorization: Option<&str>,
) -> Option<&'a Credential> {
    let by_password = basic(authorization).and_then(|(name, secret)| {
        state.credentials.iter().find(|credential| {
            credential.secret == secret
                && matches!(credential.kind, Kind::Password { user } if user == name)
        })
    });
    // A request with an invalid token is anonymous.
    let own = |credential: &&Credential| {
        matches!(
            credential.kind,
            Kind::UserToken { .. } | Kind::ProjectToken { .. } | Kind::OAuth
        )
    };
    let token = authorization.and_then(|words| words.strip_prefix("Bearer "));
    let mut all = state.credentials.iter().filter(own);
    by_password.or_else(|| all.find(|credential| Some(credential.secret.as_str()) == token))
}

fn project_or_repository(
    state: &ServerState,
    known: Option<&Credential>,
    project: &str,
    slug: Option<&str>,
) -> ApiResponse {
    let name = slug.map_or_else(|| project.to_owned(), |slug| format!("{project}/{slug}"));
    let public = state
        .repositories
        .iter()
        .any(|(repository, public)| *repository == name && *public);
    let is_there = state
        .repositories
        .iter()
        .any(|(repository, _)| *repository == name);
    if slug.is_some() && known.is_some() && !is_there && state.reports_missing_repositories {
        let exception = format!("{EXCEPTION}.repository.NoSuchRepositoryException");
        return refusal(
            404,
            &format!("Repository {name} does not exist."),
            &exception,
        );
    }
    let sees = known.is_some_and(|credential| match &credential.kind {
        Kind::ProjectToken { project: own } => *own == project,
        Kind::UserToken { .. } | Kind::Password { .. } => true,
        Kind::ApiToken { .. }
        | Kind::AppPassword { .. }
        | Kind::OAuth
        | Kind::AccessToken { .. } => false,
    });
    if sees || public {
        return signed(
            known.filter(|_| sees),
            ApiResponse::new(
                200,
                match slug {
                    Some(_) => {
                        let own = format!("{}/{CONTEXT_PATH}", state.base);
                        permissions::repository(
                            state.configured_base_url.as_deref().unwrap_or(&own),
                            &name,
                            public,
                        )
                    }
                    None => json!({"key": project, "public": false}),
                },
            ),
        );
    }
    wrong_password()
}

/// Every response to an authenticated request names the user.
fn signed(known: Option<&Credential>, response: ApiResponse) -> ApiResponse {
    match known.map(|known| &known.kind) {
        Some(Kind::UserToken { user } | Kind::Password { user }) => {
            response.with("x-ausername", user)
        }
        Some(Kind::ProjectToken { project }) => {
            response.with("x-ausername", &format!("access-token-user%2F{project}"))
        }
        Some(
            Kind::ApiToken { .. }
            | Kind::AppPassword { .. }
            | Kind::OAuth
            | Kind::AccessToken { .. },
        )
        | None => response,
    }
}

pub(super) fn wrong_password() -> ApiResponse {
    let exception = format!("{EXCEPTION}.auth.IncorrectPasswordAuthenticationException");
    refusal(
        401,
        "Authentication failed. Please check your credentials and try again.",
        &exception,
    )
}

pub(super) fn refusal(status: u16, message: &str, exception: &str) -> ApiResponse {
    ApiResponse::new(
        status,
        json!({"errors": [{"context": null, "message": message, "exceptionName": exception}]}),
    )
}

pub(super) fn unrouted() -> ApiResponse {
    ApiResponse::new(
        404,
        json!({"message": "HTTP 404 Not Found", "status-code": 404, "sub-code": -1}),
    )
}

/// A page of the list of projects, with the start of the next page, which is not always the end of this one.
fn projects(state: &ServerState, request: &ApiRequest<'_>) -> ApiResponse {
    let start = request.number("start").unwrap_or(0);
    let limit = request.number("limit").unwrap_or(25).min(state.page_length);
    let keys = state.projects.iter().skip(start).take(limit);
    let values: Vec<_> = keys
        .map(|key| json!({"key": key, "name": key.to_lowercase(), "public": false}))
        .collect();
    let is_last = start + limit >= state.projects.len();
    let next = if is_last {
        json!(null)
    } else {
        json!(start + limit)
    };
    ApiResponse::new(
        200,
        json!({"size": values.len(), "limit": limit, "isLastPage": is_last, "values": values, "start": start, "nextPageStart": next}),
    )
}
