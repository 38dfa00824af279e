//! What credentials may see and do: lists, permissions, and reads that need a scope, of both products.

use serde_json::{Value, json};

use super::{Asked, CONTEXT, Credential, Kind, Reply, World};

/// Cloud's answers, for what is not answered elsewhere.
pub(super) fn cloud(world: &World, asked: &Asked<'_>, known: Option<&Credential>) -> Option<Reply> {
    let known = known?;
    let is_api_token = matches!(known.kind, Kind::ApiToken { .. });
    let need = |classic: &str, api_token: &str, body: Value| {
        let wanted = if is_api_token { api_token } else { classic };
        if known.scopes.contains(&wanted) {
            return page(world, known, &body);
        }
        let mut error =
            json!({"message": "Your credentials lack one or more required privilege scopes."});
        if !world.keeps_scopes_to_itself {
            error["detail"] = json!({"required": [wanted], "granted": known.scopes});
        }
        Reply::new(403, json!({"type": "error", "error": error}))
    };
    let mechanism = || {
        let message = "This API is not accessible by this authentication mechanism";
        Reply::new(403, json!({"type": "error", "error": {"message": message}}))
    };
    Some(match asked.parts().as_slice() {
        ["repositories", workspace] => {
            let own = world
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
            let query = asked.query("q").unwrap_or_default();
            let name = query
                .trim_start_matches("repository.name=")
                .trim_matches('"');
            let full_name = format!("{workspace}/{name}");
            let repository = json!({"full_name": full_name, "name": name});
            let access = json!({"permission": world.permission(&full_name).to_lowercase(), "repository": repository});
            need("account", "read:repository:bitbucket", json!([access]))
        }
        ["repositories", _, _, "deploy-keys"] | ["user", "workspaces", ..] | ["users", ..] => {
            mechanism()
        }
        _ => return None,
    })
}

fn page(world: &World, known: &Credential, values: &Value) -> Reply {
    let size = values.as_array().map(Vec::len);
    let reply = Reply::new(
        200,
        json!({"values": values, "pagelen": 100, "page": 1, "size": size}),
    );
    if world.keeps_scopes_to_itself {
        return reply;
    }
    reply.with("x-oauth-scopes", &known.scopes.join(", "))
}

/// Data Center's answers, for what is not answered elsewhere.
pub(super) fn datacenter(
    world: &World,
    asked: &Asked<'_>,
    known: Option<&Credential>,
) -> Option<Reply> {
    let path = asked.parts();
    let own = format!("{}/{CONTEXT}", world.base);
    let base = world.believes_to_be.as_deref().unwrap_or(&own);
    Some(match path.as_slice() {
        ["rest", "api", "latest", "repos"] => {
            let wanted = asked.query("permission");
            let name = asked.query("name");
            let all = world.repositories.iter().filter(|(full_name, public)| {
                let (key, slug) = full_name.split_once('/').unwrap_or_default();
                let listed = known.map_or(*public, |known| sees(known, key, slug) || *public);
                let may = wanted
                    .as_deref()
                    .is_none_or(|wanted| allows(world.permission(full_name), wanted));
                key.chars().all(char::is_uppercase)
                    && listed
                    && may
                    && name.as_deref().is_none_or(|name| name == slug)
            });
            let values: Vec<Value> = all
                .map(|(full_name, public)| repository(base, full_name, *public))
                .collect();
            Reply::new(
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
        ] => administered(world, known?, key, slug, "REPO_ADMIN"),
        [
            "rest",
            "api",
            "latest",
            "projects",
            key,
            "permissions",
            "users",
        ] => administered(world, known?, key, "", "PROJECT_ADMIN"),
        _ => return None,
    })
}

/// A repository, as the server shows it: its links begin with what it believes to be its address.
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

fn administered(world: &World, known: &Credential, key: &str, slug: &str, wanted: &str) -> Reply {
    let by_user = allows(world.permission(&format!("{key}/{slug}")), wanted);
    let is_password = matches!(known.kind, Kind::Password { .. });
    let by_token = is_password || known.scopes.iter().any(|scope| allows(scope, wanted));
    if by_user && by_token {
        return Reply::new(200, json!({"values": [], "isLastPage": true}))
            .with("x-ausername", "jane");
    }
    let message = "You are not permitted to access this resource";
    let exception = "com.atlassian.bitbucket.AuthorisationException";
    let errors = json!([{"context": null, "message": message, "exceptionName": exception}]);
    Reply::new(401, json!({"errors": errors})).with("x-ausername", "jane")
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

impl World {
    /// The account's permission on a repository: everything, unless it is narrowed.
    pub(super) fn permission(&self, full_name: &str) -> &'static str {
        let narrowed = self.permissions.iter().find(|(name, _)| *name == full_name);
        narrowed.map_or("ADMIN", |(_, permission)| permission)
    }
}
