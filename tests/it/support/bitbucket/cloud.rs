//! Bitbucket Cloud, as its documents describe it.

use serde_json::json;

use super::{Asked, Credential, Kind, Reply, World, basic, bearer, rights};

/// Answers a path below `/2.0/`.
pub(super) fn answer(world: &mut World, asked: &Asked<'_>) -> Reply {
    let known = credential(world, asked.authorization).cloned();
    if let Some(reply) = super::keys::on_cloud(world, asked, known.as_ref()) {
        return reply;
    }
    if asked.authorization.is_some() && known.is_none() {
        return error(
            401,
            "Token is invalid, expired, or not supported for this endpoint.",
        )
        .with("www-authenticate", "BitbucketCustom realm=\"bitbucket\"");
    }
    if let Some(reply) = super::stock_cloud::answer(world, asked, known.as_ref()) {
        return reply;
    }
    let (world, known) = (&*world, known.as_ref());
    match asked.parts().as_slice() {
        ["user"] => user(world, known),
        ["user", "workspaces"] => match known {
            Some(Credential {
                kind: Kind::ApiToken { .. },
                ..
            }) => {
                let workspace = json!({"slug": "acme", "uuid": "{1}", "links": {}});
                let access = json!({"type": "workspace_access", "administrator": true, "workspace": workspace});
                granted(world, known, json!({"values": [access], "pagelen": 25}))
            }
            _ => error(
                403,
                "This API is not accessible by this authentication mechanism",
            ),
        },
        ["workspaces", "acme", "projects"] => projects(world, asked),
        ["workspaces", workspace] => {
            resource(world, known, workspace, None, json!({"slug": workspace}))
        }
        ["workspaces", workspace, "projects", key] => {
            resource(world, known, workspace, None, json!({"key": key}))
        }
        ["repositories", workspace, slug] => {
            let name = format!("{workspace}/{slug}");
            match world
                .repositories
                .iter()
                .find(|(repository, _)| *repository == name)
            {
                Some((_, true)) => Reply::new(200, json!({"full_name": name, "is_private": false})),
                Some((_, false)) => resource(
                    world,
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
            let has_branch = world.not_empty.contains(&name.as_str());
            let branches = if has_branch {
                json!([{"name": "main", "type": "branch"}])
            } else {
                json!([])
            };
            granted(world, known, json!({"values": branches, "pagelen": 1}))
        }
        _ => rights::cloud(world, asked, known)
            .unwrap_or_else(|| error(404, "There is no API hosted at this URL")),
    }
}

fn credential<'a>(world: &'a World, authorization: Option<&str>) -> Option<&'a Credential> {
    let as_user = basic(authorization).and_then(|(user, secret)| {
        world.credentials.iter().find(|credential| {
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
    let as_bearer = bearer(world, authorization)
        .filter(|known| matches!(known.kind, Kind::AccessToken { .. } | Kind::OAuth));
    as_user.or(as_bearer)
}

fn lacks_user(known: &Credential) -> bool {
    !known.scopes.contains(&"read:user:bitbucket")
}

fn user(world: &World, known: Option<&Credential>) -> Reply {
    match known.map(|known| (&known.kind, known)) {
        None => error(401, "Access to this endpoint needs a login."),
        Some((Kind::AccessToken { .. }, _)) => error(
            403,
            "This API is not accessible by this authentication mechanism",
        ),
        Some((Kind::ApiToken { .. }, _))
            if world.keeps_scopes_to_itself && known.is_some_and(lacks_user) =>
        {
            error(
                403,
                "Your credentials lack one or more required privilege scopes.",
            )
        }
        Some((Kind::ApiToken { .. }, known)) if lacks_user(known) => Reply::new(
            403,
            json!({"type": "error", "error": {
                "message": "Your credentials lack one or more required privilege scopes.",
                "detail": {"required": ["read:user:bitbucket"], "granted": known.scopes},
            }}),
        ),
        Some((_, known)) => granted(
            world,
            Some(known),
            json!({"type": "user", "nickname": "jane", "display_name": "Jane", "account_id": "557058:1", "uuid": "{1}"}),
        ),
    }
}

fn resource(
    world: &World,
    known: Option<&Credential>,
    workspace: &str,
    repository: Option<&str>,
    body: serde_json::Value,
) -> Reply {
    let sees = |credential: &Credential| match &credential.kind {
        Kind::ApiToken { .. } | Kind::AppPassword { .. } | Kind::OAuth => workspace == "acme",
        Kind::AccessToken {
            workspace: own,
            repository: only,
        } => *own == workspace && (only.is_none() || *only == repository),
        Kind::UserToken { .. } | Kind::ProjectToken { .. } | Kind::Password { .. } => false,
    };
    match known {
        Some(credential) if sees(credential) => granted(world, known, body),
        _ => error(
            404,
            "You may not have access to this repository or it no longer exists in this workspace.",
        ),
    }
}

fn granted(world: &World, known: Option<&Credential>, body: serde_json::Value) -> Reply {
    let reply = Reply::new(200, body);
    match known {
        Some(credential) if !world.keeps_scopes_to_itself => {
            let kind = if let Kind::AccessToken { repository, .. } = &credential.kind {
                if repository.is_some() {
                    "repo_access_token"
                } else {
                    "workspace_access_token"
                }
            } else {
                "apikey"
            };
            reply
                .with("x-credential-type", kind)
                .with("x-oauth-scopes", &credential.scopes.join(", "))
        }
        Some(_) | None => reply,
    }
}

pub(super) fn error(status: u16, message: &str) -> Reply {
    Reply::new(
        status,
        json!({"type": "error", "error": {"message": message}}),
    )
}

/// A page of the list of projects, and the address of the next one.
fn projects(world: &World, asked: &Asked<'_>) -> Reply {
    let page = asked.number("page").unwrap_or(1);
    let from = (page - 1) * world.page_length;
    let keys = world.projects.iter().skip(from).take(world.page_length);
    let values: Vec<_> = keys
        .map(|key| json!({"key": key, "name": key.to_lowercase(), "is_private": true}))
        .collect();
    let mut body = json!({"values": values, "page": page, "pagelen": world.page_length});
    if from + world.page_length < world.projects.len() {
        let next = format!(
            "{}/2.0/workspaces/acme/projects?pagelen=100&page={}",
            world.base,
            page + 1
        );
        body["next"] = json!(next);
    }
    Reply::new(200, body)
}
