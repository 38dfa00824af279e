//! Permissions of credentials on both products: lists, permissions, and reads that need a scope.

use serde_json::{Value, json};

use super::{ApiRequest, ApiResponse, CONTEXT_PATH, Credential, Kind, ServerState};

/// The refusal for a missing scope. It always names that scope; those that were granted are not always listed.
pub(super) fn lacks_scope(state: &ServerState, known: &Credential, required: &str) -> ApiResponse {
    let mut detail = json!({"required": [required]});
    if !state.hides_scopes {
        detail["granted"] = json!(known.scopes);
    }
    let message = "Your credentials lack one or more required privilege scopes.";
    let error = json!({"message": message, "detail": detail});
    ApiResponse::new(403, json!({"type": "error", "error": error}))
}

/// Responds to remaining requests on Cloud.
pub(super) fn cloud(
    state: &ServerState,
    request: &ApiRequest<'_>,
    known: Option<&Credential>,
) -> Option<ApiResponse> {
    let known = known?;
    let is_api_token = matches!(known.kind, Kind::ApiToken { .. });
    let need = |classic: &str, api_token: &str, body: Value| {
        let wanted = if is_api_token { api_token } else { classic };
        if known.scopes.contains(&wanted) {
            return page(state, known, &body);
        }
        lacks_scope(state, known, wanted)
    };
    let mechanism = || {
        let message = "This API is not accessible by this authentication mechanism";
        ApiResponse::new(403, json!({"type": "error", "error": {"message": message}}))
    };
    Some(match request.parts().as_slice() {
        ["repositories", workspace] => {
            let own = state
                .repositories
                .iter()
                .filter(|(name, _)| name.starts_with(&format!("{workspace}/")));
            let values: Vec<Value> = own.map(|(name, _)| json!({"full_name": name})).collect();
            need("repository", "read:repository:bitbucket", json!(values))
        }
        ["repositories", _, _, "hooks"] => need("webhook", "read:webhook:bitbucket", json!([])),
        ["repositories", _, _, "pullrequests"] => {
            need("pullrequest", "read:pullrequest:bitbucket", json!([]))
        }
        ["repositories", _, _, "deploy-keys"] if is_api_token => {
            need("repository:admin", "admin:repository:bitbucket", json!([]))
        }
        ["users", _, "gpg-keys"] if is_api_token => {
            need("account", "read:gpg-key:bitbucket", json!([]))
        }
        [
            "user",
            "workspaces",
            workspace,
            "permissions",
            "repositories",
        ] if is_api_token => {
            let query = request.query("q").unwrap_or_default();
            let name = query
                .trim_start_matches("repository.name=")
                .trim_matches('"');
            let full_name = format!("{workspace}/{name}");
            let repository = json!({"full_name": full_name, "name": name});
            let access = json!({"permission": state.permission(&full_name).to_lowercase(), "repository": repository});
            need("account", "read:repository:bitbucket", json!([access]))
        }
        ["repositories", _, _, "deploy-keys"] | ["user", "workspaces", ..] | ["users", ..] => {
            mechanism()
        }
        _ => return None,
    })
}

fn page(state: &ServerState, known: &Credential, values: &Value) -> ApiResponse {
    let size = values.as_array().map(Vec::len);
    let response = ApiResponse::new(
        200,
        json!({"values": values, "pagelen": 100, "page": 1, "size": size}),
    );
    if state.hides_scopes {
        return response;
    }
    response.with("x-oauth-scopes", &known.scopes.join(", "))
}

/// Responds to remaining requests on Data Center.
pub(super) fn datacenter(
    state: &ServerState,
    request: &ApiRequest<'_>,
    known: Option<&Credential>,
) -> Option<ApiResponse> {
    let path = request.parts();
    let own = format!("{}/{CONTEXT_PATH}", state.base);
    let base = state.configured_base_url.as_deref().unwrap_or(&own);
    Some(match path.as_slice() {
        ["rest", "api", "latest", "repos"] => {
            let wanted = request.query("permission");
            let name = request.query("name");
            let all = state.repositories.iter().filter(|(full_name, public)| {
                let (key, slug) = full_name.split_once('/').unwrap_or_default();
                let listed = known.map_or(*public, |known| sees(known, key, slug) || *public);
                let may = wanted
                    .as_deref()
                    .is_none_or(|wanted| allows(state.permission(full_name), wanted));
                key.chars().all(char::is_uppercase)
                    && listed
                    && may
                    && name.as_deref().is_none_or(|name| name == slug)
            });
            let values: Vec<Value> = all
                .map(|(full_name, public)| repository(base, full_name, *public))
                .collect();
            ApiResponse::new(
                200,
                json!({"size": values.len(), "isLastPage": true, "values": values, "start": 0}),
            )
        }
        [
            "rest",
            "api",
            "latest",
            "projects",
            key,
            "repos",
            slug,
            "webhooks",
        ] => administered(state, known?, key, slug, "REPO_ADMIN"),
        [
            "rest",
            "api",
            "latest",
            "projects",
            key,
            "permissions",
            "users",
        ] => administered(state, known?, key, "", "PROJECT_ADMIN"),
        _ => return None,
    })
}

/// A repository as JSON; links begin with the configured base URL.
pub(super) fn repository(base: &str, full_name: &str, public: bool) -> Value {
    let (key, slug) = full_name.split_once('/').unwrap_or_default();
    let link = |href: String| json!([{"href": href}]);
    json!({
        "slug": slug, "name": slug, "public": public, "project": {"key": key},
        "links": {
            "self": link(format!("{base}/projects/{key}/repos/{slug}/browse")),
            "clone": [
                {"name": "http", "href": format!("{base}/scm/{}/{slug}.git", key.to_lowercase())},
                {"name": "ssh", "href": format!("ssh://git@127.0.0.1:7999/{}/{slug}.git", key.to_lowercase())},
            ],
        },
    })
}

fn sees(known: &Credential, key: &str, _slug: &str) -> bool {
    match &known.kind {
        Kind::UserToken { .. } | Kind::Password { .. } => true,
        Kind::ProjectToken { project } => *project == key,
        Kind::ApiToken { .. }
        | Kind::AppPassword { .. }
        | Kind::OAuth
        | Kind::AccessToken { .. } => false,
    }
}

fn administered(
    state: &ServerState,
    known: &Credential,
    key: &str,
    slug: &str,
    wanted: &str,
) -> ApiResponse {
    let by_user = allows(state.permission(&format!("{key}/{slug}")), wanted);
    let is_password = matches!(known.kind, Kind::Password { .. });
    let by_token = is_password || known.scopes.iter().any(|scope| allows(scope, wanted));
    if by_user && by_token {
        return ApiResponse::new(200, json!({"values": [], "isLastPage": true}))
            .with("x-ausername", "jane");
    }
    let message = "You are not permitted to access this resource";
    let exception = "com.atlassian.bitbucket.AuthorisationException";
    let errors = json!([{"context": null, "message": message, "exceptionName": exception}]);
    ApiResponse::new(401, json!({"errors": errors})).with("x-ausername", "jane")
}

fn allows(has: &str, wanted: &str) -> bool {
    let rank = |name: &str| {
        ["READ", "WRITE", "ADMIN"]
            .iter()
            .position(|level| name.to_uppercase().ends_with(level))
    };
    let is_wide_enough = !wanted.starts_with("PROJECT") || !has.starts_with("REPO");
    is_wide_enough && rank(has) >= rank(wanted)
}

impl ServerState {
    /// The permission of the account on a repository: all, without an entry in `permissions`.
    pub(super) fn permission(&self, full_name: &str) -> &'static str {
        let narrowed = self.permissions.iter().find(|(name, _)| *name == full_name);
        narrowed.map_or("ADMIN", |(_, permission)| permission)
    }
}
