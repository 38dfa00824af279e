//! Bitbucket Data Center 9.4, as its documents describe it.

use serde_json::json;

use super::{Asked, CONTEXT, Credential, Kind, Reply, World, basic, rights, tokens};

pub(super) const EXCEPTION: &str = "com.atlassian.bitbucket";

/// Answers a path.
pub(super) fn answer(world: &mut World, asked: &Asked<'_>) -> Reply {
    if let Some(reply) = tokens::answer(world, asked) {
        return reply;
    }
    let authorization = asked.authorization;
    if basic(authorization).is_some() {
        if world.basic_is_blocked {
            return Reply::new(
                403,
                json!({"message": "Basic Authentication has been disabled on this instance."}),
            );
        }
        if world.wants_captcha {
            return refusal(
                403,
                "CAPTCHA required",
                &format!("{EXCEPTION}.auth.CaptchaRequiredAuthenticationException"),
            );
        }
        if credential(world, authorization).is_none() {
            return wrong_password();
        }
    }
    let known = credential(world, authorization).cloned();
    if let Some(reply) = super::keys::on_datacenter(world, asked, known.as_ref()) {
        return signed(known.as_ref(), reply);
    }
    if let Some(reply) = super::stock_datacenter::answer(world, asked, known.as_ref()) {
        return signed(known.as_ref(), reply);
    }
    let (world, known) = (&*world, known.as_ref());
    match asked.parts().as_slice() {
        ["status"] => Reply::new(200, json!({"state": "RUNNING"})),
        ["rest", "api", "latest", "application-properties"] => signed(
            known,
            Reply::new(
                200,
                json!({"version": world.version.unwrap_or("9.4.1"), "buildNumber": "9004001", "displayName": "Bitbucket"}),
            ),
        ),
        ["rest", "api", "latest", "users"] => match known.map(|known| &known.kind) {
            Some(Kind::UserToken { .. } | Kind::Password { .. }) => signed(
                known,
                Reply::new(
                    200,
                    json!({"size": 0, "limit": 1, "isLastPage": true, "values": []}),
                ),
            ),
            _ => wrong_password(),
        },
        ["rest", "api", "latest", "projects"] => signed(known, projects(world, asked)),
        ["rest", "api", "latest", "projects", project] => {
            project_or_repository(world, known, project, None)
        }
        ["rest", "api", "latest", "projects", project, "repos", slug] => {
            project_or_repository(world, known, project, Some(slug))
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
            let has_branch = world.not_empty.contains(&name.as_str());
            let branches = if has_branch {
                json!([{"displayId": "main", "isDefault": true}])
            } else {
                json!([])
            };
            signed(
                known,
                Reply::new(200, json!({"values": branches, "isLastPage": true})),
            )
        }
        ["rest", "access-tokens", "latest", "users", user, id] => {
            match known.map(|known| &known.kind) {
                Some(Kind::UserToken { user: own })
                    if own == user && !world.keeps_scopes_to_itself =>
                {
                    signed(
                        known,
                        Reply::new(
                            200,
                            json!({"id": id, "name": "test", "createdDate": world.token_life.map_or(1_790_000_000_000, |(made, _)| made),
                        "expiryDays": world.token_life.map_or(90, |(_, days)| days),
                        "permissions": known.map(|known| known.scopes.clone())}),
                        ),
                    )
                }
                _ => wrong_password(),
            }
        }
        _ => rights::datacenter(world, asked, known)
            .map_or_else(unrouted, |reply| signed(known, reply)),
    }
}

pub(super) fn credential<'a>(
    world: &'a World,
    authorization: Option<&str>,
) -> Option<&'a Credential> {
    let by_password = basic(authorization).and_then(|(name, secret)| {
        world.credentials.iter().find(|credential| {
            credential.secret == secret
                && matches!(credential.kind, Kind::Password { user } if user == name)
        })
    });
    // A bad token is served as anonymous.
    let own = |credential: &&Credential| {
        matches!(
            credential.kind,
            Kind::UserToken { .. } | Kind::ProjectToken { .. } | Kind::OAuth
        )
    };
    let token = authorization.and_then(|words| words.strip_prefix("Bearer "));
    let mut all = world.credentials.iter().filter(own);
    by_password.or_else(|| all.find(|credential| Some(credential.secret.as_str()) == token))
}

fn project_or_repository(
    world: &World,
    known: Option<&Credential>,
    project: &str,
    slug: Option<&str>,
) -> Reply {
    let name = slug.map_or_else(|| project.to_owned(), |slug| format!("{project}/{slug}"));
    let public = world
        .repositories
        .iter()
        .any(|(repository, public)| *repository == name && *public);
    let is_there = world
        .repositories
        .iter()
        .any(|(repository, _)| *repository == name);
    if slug.is_some() && known.is_some() && !is_there && world.knows_its_repositories {
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
            Reply::new(
                200,
                match slug {
                    Some(_) => {
                        let own = format!("{}/{CONTEXT}", world.base);
                        rights::repository(
                            world.believes_to_be.as_deref().unwrap_or(&own),
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

/// Every answer to somebody who is logged in names the user.
fn signed(known: Option<&Credential>, reply: Reply) -> Reply {
    match known.map(|known| &known.kind) {
        Some(Kind::UserToken { user } | Kind::Password { user }) => reply.with("x-ausername", user),
        Some(Kind::ProjectToken { project }) => {
            reply.with("x-ausername", &format!("access-token-user%2F{project}"))
        }
        Some(
            Kind::ApiToken { .. }
            | Kind::AppPassword { .. }
            | Kind::OAuth
            | Kind::AccessToken { .. },
        )
        | None => reply,
    }
}

pub(super) fn wrong_password() -> Reply {
    let exception = format!("{EXCEPTION}.auth.IncorrectPasswordAuthenticationException");
    refusal(
        401,
        "Authentication failed. Please check your credentials and try again.",
        &exception,
    )
}

pub(super) fn refusal(status: u16, message: &str, exception: &str) -> Reply {
    Reply::new(
        status,
        json!({"errors": [{"context": null, "message": message, "exceptionName": exception}]}),
    )
}

pub(super) fn unrouted() -> Reply {
    Reply::new(
        404,
        json!({"message": "HTTP 404 Not Found", "status-code": 404, "sub-code": -1}),
    )
}

/// A page of the list of projects, and where the next one starts: not always where this one ends.
fn projects(world: &World, asked: &Asked<'_>) -> Reply {
    let start = asked.number("start").unwrap_or(0);
    let limit = asked.number("limit").unwrap_or(25).min(world.page_length);
    let keys = world.projects.iter().skip(start).take(limit);
    let values: Vec<_> = keys
        .map(|key| json!({"key": key, "name": key.to_lowercase(), "public": false}))
        .collect();
    let is_last = start + limit >= world.projects.len();
    let next = if is_last {
        json!(null)
    } else {
        json!(start + limit)
    };
    Reply::new(
        200,
        json!({"size": values.len(), "limit": limit, "isLastPage": is_last, "values": values, "start": start, "nextPageStart": next}),
    )
}
