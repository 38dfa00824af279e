//! SSH keys of both products, and an `authorized_keys` file that follows them.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{ApiRequest, ApiResponse, Credential, Kind, ServerState};

/// Registered keys, and the SSH settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    pub(crate) all: Vec<Key>,
    /// The last id.
    pub(crate) next: u64,
    /// The `authorized_keys` file of an `sshd`, and the forced command: `SERVE OWNER ACCESS`.
    pub(crate) authorized: Option<(PathBuf, PathBuf)>,
    /// The response of `/ssh/latest/settings`; without it 401.
    pub(crate) settings: Option<Value>,
    /// A key algorithm that the server refuses.
    pub(crate) refused: Option<&'static str>,
}

/// A key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Key {
    /// `repo acme/site`, `project WEB`, `user jane`.
    pub(crate) owner: String,
    pub(crate) id: String,
    /// Algorithm and base64.
    pub(crate) material: String,
    pub(crate) label: String,
    /// `REPO_READ`, `REPO_WRITE`, ….
    pub(crate) permission: String,
    /// Milliseconds since 1970.
    pub(crate) created: u64,
    /// The comment in the key.
    pub(crate) comment: String,
    /// More fields of the response, and other values.
    pub(crate) fields: Value,
}

impl Key {
    fn with_fields(&self, mut shown: Value) -> Value {
        if let (Some(shown), Some(fields)) = (shown.as_object_mut(), self.fields.as_object()) {
            shown.extend(fields.clone());
        }
        shown
    }
}

impl Keys {
    fn of(&self, owner: &str) -> Vec<&Key> {
        self.all.iter().filter(|key| key.owner == owner).collect()
    }

    fn add(&mut self, owner: &str, text: &str, label: &str, permission: &str) -> Key {
        self.next += 1;
        let key = Key {
            owner: owner.to_owned(),
            id: self.next.to_string(),
            material: material(text),
            label: label.to_owned(),
            permission: permission.to_owned(),
            created: 1_790_000_000_000,
            comment: comment(text),
            fields: Value::Null,
        };
        self.all.push(key.clone());
        self.follow();
        key
    }

    pub(crate) fn remove(&mut self, owner: &str, id: &str) -> bool {
        let before = self.all.len();
        self.all.retain(|key| key.owner != owner || key.id != id);
        self.follow();
        self.all.len() < before
    }

    /// Writes the `authorized_keys` file.
    pub(crate) fn follow(&self) {
        let Some((file, serve)) = &self.authorized else {
            return;
        };
        let lines = self.all.iter().map(|key| {
            let access = if key.permission.ends_with("_READ") {
                "read"
            } else {
                "write"
            };
            let (kind, name) = key.owner.split_once(' ').unwrap();
            let below = if kind == "repo" { name } else { "any" };
            format!(
                "restrict,command=\"{} {below} {access}\" {}\n",
                serve.display(),
                key.material
            )
        });
        let text: String = lines.collect();
        let new = file.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, file).unwrap();
    }
}

fn material(text: &str) -> String {
    text.split_whitespace()
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}

fn comment(text: &str) -> String {
    text.split_whitespace()
        .skip(2)
        .collect::<Vec<_>>()
        .join(" ")
}

fn is_public_key(text: &str) -> bool {
    text.lines().count() == 1 && text.parse::<ssh_key::PublicKey>().is_ok()
}

fn cloud_error(status: u16, message: &str) -> ApiResponse {
    ApiResponse::new(
        status,
        json!({"type": "error", "error": {"message": message}}),
    )
}

/// Responds to requests about keys on Cloud.
#[expect(clippy::too_many_lines, reason = "a table of questions and answers")]
pub(super) fn on_cloud(
    state: &mut ServerState,
    request: &ApiRequest<'_>,
    known: Option<&Credential>,
) -> Option<ApiResponse> {
    let parts = request.parts();
    let (owner, id) = match parts.as_slice() {
        ["repositories", workspace, slug, "deploy-keys", id @ ..] => {
            (format!("repo {workspace}/{slug}"), id)
        }
        [
            "workspaces",
            workspace,
            "projects",
            key,
            "deploy-keys",
            id @ ..,
        ] => (format!("project {workspace}/{key}"), id),
        ["users", "{1}", "ssh-keys", id @ ..] => ("user jane".to_owned(), id),
        _ => return None,
    };
    let is_user = owner.starts_with("user");
    let Some(known) = known else {
        return Some(cloud_error(
            401,
            "Token is invalid, expired, or not supported for this endpoint.",
        ));
    };
    let writes = request.method != "GET";
    if writes && matches!(known.kind, Kind::AccessToken { .. }) {
        return Some(cloud_error(
            403,
            "This API is not accessible by this authentication mechanism",
        ));
    }
    let needed: &[&str] = match (is_user, request.method) {
        (true, "GET") => &["read:ssh-key:bitbucket"],
        (true, "POST" | "PUT") => &["read:ssh-key:bitbucket", "write:ssh-key:bitbucket"],
        (true, _) => &["delete:ssh-key:bitbucket"],
        (false, "GET") => &["admin:repository:bitbucket"],
        (false, "POST" | "PUT") => &["admin:repository:bitbucket", "write:ssh-key:bitbucket"],
        (false, _) => &["admin:repository:bitbucket", "delete:ssh-key:bitbucket"],
    };
    if !needed.iter().all(|scope| known.scopes.contains(scope)) {
        return Some(ApiResponse::new(
            403,
            json!({"type": "error", "error": {
                "message": "Your credentials lack one or more required privilege scopes.",
                "detail": {"required": needed, "granted": known.scopes},
            }}),
        ));
    }
    let shown = |key: &Key| {
        let own = if is_user {
            json!({"uuid": format!("{{{}}}", key.id), "type": "ssh_key", "created_on": "2026-09-21T15:06:40.123456+00:00"})
        } else {
            json!({"id": key.id.parse::<u64>().unwrap(), "type": "deploy_key", "added_on": "2026-09-21T15:06:40+00:00"})
        };
        let mut shown = json!({"key": key.material, "label": key.label, "last_used": null, "comment": key.comment});
        shown
            .as_object_mut()
            .unwrap()
            .extend(own.as_object().unwrap().clone());
        key.with_fields(shown)
    };
    Some(match (request.method, id) {
        ("GET", []) => {
            // In pages.
            let page = request.number("page").unwrap_or(1);
            let all = state.keys.of(&owner);
            let from = (page - 1) * state.page_length;
            let values: Vec<_> = all
                .iter()
                .skip(from)
                .take(state.page_length)
                .map(|key| shown(key))
                .collect();
            let mut body = json!({"values": values, "page": page, "pagelen": state.page_length});
            if from + state.page_length < all.len() {
                let path = request.path.split('?').next().unwrap();
                body["next"] = json!(format!("{}{path}?page={}", state.base, page + 1));
            }
            ApiResponse::new(200, body)
        }
        ("POST", []) => {
            let text = request.json["key"].as_str().unwrap_or_default();
            let label = request.json["label"].as_str().unwrap_or_default();
            if !is_public_key(text) {
                return Some(ApiResponse::new(
                    400,
                    json!({"key": [{"message": "Invalid SSH key."}]}),
                ));
            }
            let same: Vec<_> = state
                .keys
                .all
                .iter()
                .filter(|key| key.material == material(text))
                .collect();
            if same.iter().any(|key| key.owner == owner) {
                let message = "Someone has already added that access key to this repository.";
                return Some(ApiResponse::new(
                    400,
                    json!({"key": [{"message": message}]}),
                ));
            }
            if same
                .iter()
                .any(|key| key.owner.starts_with("user") || is_user)
            {
                let message = "Someone has already registered that SSH key.";
                return Some(ApiResponse::new(
                    400,
                    json!({"key": [{"message": message}]}),
                ));
            }
            let permission = if is_user { "USER_WRITE" } else { "REPO_READ" };
            let mut key = state.keys.add(&owner, text, label, permission);
            if let Some(date) = request.query("expires_on").filter(|_| is_user) {
                key.fields = json!({"expires_on": format!("{date}T00:00:00+00:00")});
                *state.keys.all.last_mut().unwrap() = key.clone();
            }
            ApiResponse::new(if is_user { 201 } else { 200 }, shown(&key))
        }
        // Deploy keys of projects have no PUT.
        ("PUT", [id]) if !owner.starts_with("project") => {
            let id = id.trim_matches(['{', '}']);
            let own = |key: &&mut Key| key.owner == owner && key.id == id;
            let Some(key) = state.keys.all.iter_mut().find(own) else {
                return Some(cloud_error(404, "Resource not found"));
            };
            let text = request.json["key"].as_str();
            // The key of a deploy key cannot change, its comment can.
            if !is_user && text.map(material).as_ref() != Some(&key.material) {
                return Some(cloud_error(400, "The key cannot be changed."));
            }
            if let Some(text) = text {
                key.comment = comment(text);
            }
            if let Some(label) = request.json["label"].as_str() {
                label.clone_into(&mut key.label);
            }
            let key = key.clone();
            ApiResponse::new(200, shown(&key))
        }
        ("DELETE", [id]) => {
            if state.keys.remove(&owner, id.trim_matches(['{', '}'])) {
                ApiResponse::new(204, Value::Null)
            } else {
                cloud_error(404, "Resource not found")
            }
        }
        _ => cloud_error(405, "Method not allowed"),
    })
}

fn datacenter_error(status: u16, message: &str, exception: Option<&str>) -> ApiResponse {
    let exception = exception.map(|name| format!("com.atlassian.bitbucket.{name}"));
    ApiResponse::new(
        status,
        json!({"errors": [{"context": null, "message": message, "exceptionName": exception}]}),
    )
}

/// The repositories or projects that have a key. Each entry repeats the key; there are no pages.
fn key_owners(keys: &Keys, id: &str, kind: &str) -> ApiResponse {
    let material = keys.all.iter().find(|key| key.id == id);
    let material = material.map(|key| &key.material);
    let own = keys
        .all
        .iter()
        .filter(|key| Some(&key.material) == material);
    let values: Vec<_> = own
        .filter_map(|own| {
            let key = json!({"id": id.parse::<u64>().unwrap(), "text": own.material});
            let owner = match (kind, own.owner.split_once(' ')?) {
                ("repos", ("repo", name)) => {
                    let (project, slug) = name.split_once('/')?;
                    json!({"repository": {"slug": slug, "project": {"key": project}}})
                }
                ("projects", ("project", key)) => json!({"project": {"key": key}}),
                _ => return None,
            };
            let mut entry = json!({"key": key, "permission": own.permission});
            entry.as_object_mut()?.extend(owner.as_object()?.clone());
            Some(entry)
        })
        .collect();
    ApiResponse::new(200, json!({"values": values}))
}

/// Responds to requests about keys or SSH on Data Center.
#[expect(clippy::too_many_lines, reason = "a table of questions and answers")]
pub(super) fn on_datacenter(
    state: &mut ServerState,
    request: &ApiRequest<'_>,
    known: Option<&Credential>,
) -> Option<ApiResponse> {
    let parts = request.parts();
    let (owner, below) = match parts.as_slice() {
        ["rest", "ssh", "latest", "settings"] => {
            return Some(match (&state.keys.settings, known) {
                (Some(settings), Some(_)) => ApiResponse::new(200, settings.clone()),
                _ => datacenter_error(401, "Authentication is required.", None),
            });
        }
        [
            "rest",
            "keys",
            "latest",
            "projects",
            key,
            "repos",
            slug,
            "ssh",
            below @ ..,
        ] => (format!("repo {key}/{slug}"), below),
        ["rest", "keys", "latest", "projects", key, "ssh", below @ ..] => {
            (format!("project {key}"), below)
        }
        ["rest", "ssh", "latest", "keys", below @ ..] => ("user jane".to_owned(), below),
        ["rest", "keys", "latest", "ssh", id, kind] => {
            return Some(key_owners(&state.keys, id, kind));
        }
        _ => return None,
    };
    let is_user = owner.starts_with("user");
    let may = known.is_some_and(|known| {
        is_user
            || known.scopes.contains(&"REPO_ADMIN")
            || matches!(known.kind, Kind::Password { .. })
    });
    if !may {
        let exception = known.map(|_| "AuthorisationException");
        return Some(datacenter_error(
            401,
            "You are not permitted to access this resource",
            exception,
        ));
    }
    let shown = |key: &Key| {
        let inner = json!({"id": key.id.parse::<u64>().unwrap(), "text": key.material, "label": key.label,
            "createdDate": key.created, "fingerprint": "unused"});
        let inner = key.with_fields(inner);
        if is_user {
            inner
        } else {
            json!({"key": inner, "permission": key.permission})
        }
    };
    Some(match (request.method, below) {
        ("GET", []) => {
            let start = request.number("start").unwrap_or(0);
            let all = state.keys.of(&owner);
            let values: Vec<_> = all
                .iter()
                .skip(start)
                .take(state.page_length)
                .map(|key| shown(key))
                .collect();
            let is_last = start + state.page_length >= all.len();
            let next = if is_last {
                json!(null)
            } else {
                json!(start + state.page_length)
            };
            ApiResponse::new(
                200,
                json!({"values": values, "isLastPage": is_last, "nextPageStart": next}),
            )
        }
        ("POST", []) => {
            let wire = if is_user {
                &request.json
            } else {
                &request.json["key"]
            };
            let text = wire["text"].as_str().unwrap_or_default();
            let label = wire["label"].as_str().unwrap_or_default();
            let permission = request.json["permission"].as_str().unwrap_or("USER_WRITE");
            let is_refused = state
                .keys
                .refused
                .is_some_and(|kind| text.starts_with(kind));
            if !is_public_key(text) || is_refused {
                return Some(datacenter_error(400, "The key type is not allowed.", None));
            }
            let same: Vec<_> = state
                .keys
                .all
                .iter()
                .filter(|key| key.material == material(text))
                .collect();
            if same.iter().any(|key| key.owner == owner) {
                return Some(datacenter_error(
                    409,
                    "The key is there.",
                    Some("ssh.DuplicateSshKeyException"),
                ));
            }
            if same
                .iter()
                .any(|key| key.owner.starts_with("user") || is_user)
            {
                return Some(datacenter_error(
                    409,
                    "This SSH key is already assigned to 'jane'.",
                    None,
                ));
            }
            let mut key = state.keys.add(&owner, text, label, permission);
            // Keys expire since 8.7.
            let days = wire["expiryDays"].as_u64();
            if let Some(days) = days.filter(|_| state.version != Some("8.6.4")) {
                key.fields = json!({"expiryDays": days});
                // Today, at the same time in every run.
                let today = jiff::Timestamp::now().as_second() / 86_400;
                key.created = u64::try_from(today * 86_400_000).unwrap();
                *state.keys.all.last_mut().unwrap() = key.clone();
            }
            ApiResponse::new(201, shown(&key))
        }
        ("PUT", [id, "permission", permission]) => {
            let Some(key) = state.keys.all.iter_mut().find(|key| key.id == *id) else {
                return Some(datacenter_error(404, "No such key", None));
            };
            (*permission).clone_into(&mut key.permission);
            let key = key.clone();
            state.keys.follow();
            ApiResponse::new(200, shown(&key))
        }
        ("DELETE", [id]) => {
            state.keys.remove(&owner, id);
            ApiResponse::new(204, Value::Null)
        }
        _ => datacenter_error(405, "Method not allowed", None),
    })
}
