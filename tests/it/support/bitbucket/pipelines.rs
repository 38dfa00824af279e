//! Bitbucket Pipelines of Cloud: variables, the SSH key pair, known hosts and deployment environments.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cloud::error;
use super::{ApiRequest, ApiResponse};

/// What Pipelines store for the repositories and workspaces of a server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pipelines {
    /// By repository, workspace, or repository and environment: `acme/site`, `acme`, `acme/site/{uuid}`.
    pub(crate) variables: BTreeMap<String, Vec<Value>>,
    /// Key pairs by repository.
    pub(crate) keys: BTreeMap<String, Value>,
    pub(crate) known_hosts: BTreeMap<String, Vec<Value>>,
    /// Lists have ten entries a page, whatever was requested, and do not link to the next page.
    pub(crate) has_short_pages: bool,
    last_id: u64,
}

const ENVIRONMENTS: [(&str, &str); 2] = [("{e-1}", "Test"), ("{e-2}", "Production")];

/// Responds to requests about Pipelines; `None` for other requests.
pub(super) fn respond(state: &mut Pipelines, request: &ApiRequest<'_>) -> Option<ApiResponse> {
    let parts = request.parts();
    Some(match (request.method, parts.as_slice()) {
        ("GET", ["repositories", _, _, "environments"]) => {
            let all = ENVIRONMENTS.map(|(uuid, name)| json!({"uuid": uuid, "name": name}));
            ApiResponse::new(200, json!({"values": all}))
        }
        (
            _,
            [
                "workspaces",
                workspace,
                "pipelines-config",
                "variables",
                id @ ..,
            ],
        ) => state.variable(request, (*workspace).to_owned(), id, "pipeline_variable"),
        (
            _,
            [
                "repositories",
                workspace,
                slug,
                "pipelines_config",
                "variables",
                id @ ..,
            ],
        ) => {
            let owner = format!("{workspace}/{slug}");
            state.variable(request, owner, id, "pipeline_variable")
        }
        (
            _,
            [
                "repositories",
                workspace,
                slug,
                "deployments_config",
                "environments",
                environment,
                "variables",
                id @ ..,
            ],
        ) => {
            if !ENVIRONMENTS.iter().any(|(uuid, _)| uuid == environment) {
                return Some(error(404, "No such environment"));
            }
            let owner = format!("{workspace}/{slug}/{environment}");
            state.variable(request, owner, id, "deployment_variable")
        }
        (
            _,
            [
                "repositories",
                workspace,
                slug,
                "pipelines_config",
                "ssh",
                "key_pair",
            ],
        ) => state.key_pair(request, format!("{workspace}/{slug}")),
        (
            _,
            [
                "repositories",
                workspace,
                slug,
                "pipelines_config",
                "ssh",
                "known_hosts",
                id @ ..,
            ],
        ) => state.known_host(request, format!("{workspace}/{slug}"), id),
        _ => return None,
    })
}

impl Pipelines {
    fn id(&mut self) -> String {
        self.last_id += 1;
        format!("{{v-{}}}", self.last_id)
    }

    fn variable(
        &mut self,
        request: &ApiRequest<'_>,
        owner: String,
        id: &[&str],
        kind: &str,
    ) -> ApiResponse {
        let new_id = self.id();
        let short = self.has_short_pages;
        let all = self.variables.entry(owner).or_default();
        let at = |all: &[Value]| {
            all.iter()
                .position(|one| id.first() == one["uuid"].as_str().as_ref())
        };
        if ["POST", "PUT"].contains(&request.method) && request.json["type"] != kind {
            return error(400, "Bad request");
        }
        match (request.method, id) {
            ("GET", []) => page(all, request, short),
            ("POST", []) => {
                if all.iter().any(|one| one["key"] == request.json["key"]) {
                    return error(409, "A variable with the provided key already exists.");
                }
                let mut variable = request.json.clone();
                variable["uuid"] = json!(new_id);
                all.push(variable);
                ApiResponse::new(201, shown(all.last().unwrap()))
            }
            ("PUT", [_]) => match at(all) {
                None => error(404, "No such variable"),
                Some(at) => {
                    for field in ["key", "value", "secured"] {
                        all[at][field] = request.json[field].clone();
                    }
                    ApiResponse::new(200, shown(&all[at]))
                }
            },
            ("DELETE", [_]) => match at(all) {
                None => error(404, "No such variable"),
                Some(at) => {
                    all.remove(at);
                    ApiResponse::new(204, Value::Null)
                }
            },
            _ => error(405, "Method not allowed"),
        }
    }

    fn key_pair(&mut self, request: &ApiRequest<'_>, owner: String) -> ApiResponse {
        let public = |pair: &Value| json!({"type": "pipeline_ssh_key_pair", "public_key": pair["public_key"]});
        match request.method {
            "GET" => match self.keys.get(&owner) {
                None => error(404, "SSH key pair not found"),
                Some(pair) => ApiResponse::new(200, public(pair)),
            },
            "PUT" => {
                let response = public(&request.json);
                self.keys.insert(owner, request.json.clone());
                ApiResponse::new(200, response)
            }
            "DELETE" => match self.keys.remove(&owner) {
                None => error(404, "SSH key pair not found"),
                Some(_) => ApiResponse::new(204, Value::Null),
            },
            _ => error(405, "Method not allowed"),
        }
    }

    fn known_host(&mut self, request: &ApiRequest<'_>, owner: String, id: &[&str]) -> ApiResponse {
        let new_id = self.id();
        let short = self.has_short_pages;
        let all = self.known_hosts.entry(owner).or_default();
        match (request.method, id) {
            ("GET", []) => page(all, request, short),
            ("POST", []) => {
                if all
                    .iter()
                    .any(|one| one["hostname"] == request.json["hostname"])
                {
                    return error(
                        409,
                        "A known host with the provided hostname already exists.",
                    );
                }
                let mut host = request.json.clone();
                host["uuid"] = json!(new_id);
                all.push(host.clone());
                ApiResponse::new(201, host)
            }
            ("DELETE", [id]) => {
                let before = all.len();
                all.retain(|one| one["uuid"] != *id);
                if all.len() == before {
                    error(404, "No such known host")
                } else {
                    ApiResponse::new(204, Value::Null)
                }
            }
            _ => error(405, "Method not allowed"),
        }
    }
}

/// The value of a secured variable is never shown.
fn shown(variable: &Value) -> Value {
    let mut variable = variable.clone();
    if variable["secured"] == true {
        variable["value"] = json!("");
    }
    variable
}

fn page(all: &[Value], request: &ApiRequest<'_>, short: bool) -> ApiResponse {
    let length = if short {
        10
    } else {
        request.number("pagelen").unwrap_or(10)
    };
    let number = request.number("page").unwrap_or(1);
    let values: Vec<_> = all
        .iter()
        .skip((number - 1) * length)
        .take(length)
        .map(shown)
        .collect();
    let body = json!({"values": values, "pagelen": length, "page": number, "size": all.len()});
    ApiResponse::new(200, body)
}
