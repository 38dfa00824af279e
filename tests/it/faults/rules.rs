//! What must hold under every fault, and the exceptions, each with its reason.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::commands::Case;
use super::fault::Fault;
use super::fixture::Outcome;
use super::fixture::{CLIENT_SECRET, EMAIL, SECRET};
use super::proxy::{Injection, Request};

/// In bytes.
pub(crate) const MAX_MEMORY: u64 = 256 * 1024 * 1024;
/// Time beside waiting for servers: the machine may be busy.
const SLACK: Duration = Duration::from_secs(5);

/// Requests that a command can do without: their facts are then missing from its output. Command, part of the path, and
/// the reason.
const OPTIONAL: [(&str, &str, &str); 8] = [
    ("repo view", "/permissions/", "unknown facts are null"),
    ("repo view", "/branches", "unknown facts are null"),
    ("repo view", "/default-branch", "unknown facts are null"),
    ("repo view", "/webhooks", "unknown facts are null"),
    ("repo view", "/repos", "unknown facts are null"),
    (
        "pr create",
        "/reviewers",
        "a page without entries names no reviewers",
    ),
    (
        "connect",
        "/branches",
        "SSH reports again whether the repository is empty",
    ),
    (
        "connect",
        "/ssh/latest/settings",
        "the host key was accepted by its fingerprint",
    ),
];

/// What is wrong with a run that got a fault; `good` is the run without a fault.
pub(crate) fn violations(
    case: &Case,
    injection: Injection,
    timeout: u64,
    run: &Outcome,
    good: &Outcome,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut demand = |holds: bool, what: &dyn Fn() -> String| {
        if !holds {
            wrong.push(what());
        }
    };
    let (status, stdout) = (run.output.status, &run.output.stdout);
    demand(!run.hung, &|| "hangs".to_owned());
    demand(run.memory < MAX_MEMORY, &|| {
        format!("takes {} MB", run.memory >> 20)
    });
    let waits = u32::try_from(paths_hit(run).len()).unwrap();
    let slack = if injection.fault.is_heavy() {
        SLACK * 4
    } else {
        SLACK
    };
    let most = good.took * 2 + slack + Duration::from_secs(timeout) * waits;
    demand(run.took < most, &|| format!("takes {:?}", run.took));
    demand(
        ![-1, 101].contains(&status) && !run.output.stderr.contains("panicked"),
        &|| "crashes".to_owned(),
    );
    let is_good = if status == 0 {
        comparable(stdout) == comparable(&good.output.stdout) && run.state == good.state
            || may_succeed(case, injection, run)
    } else {
        may_end(case, injection, run, status)
    };
    demand(is_good, &|| format!("exits with {status}"));
    demand(is_document(stdout, status), &|| {
        "prints no matching JSON document".to_owned()
    });
    let basic = STANDARD.encode(format!("{EMAIL}:{SECRET}"));
    for secret in [SECRET, &basic, CLIENT_SECRET, "oauth-refresh-"] {
        let is_shown = stdout.contains(secret) || run.output.stderr.contains(secret);
        // `api` prints the response as it came.
        let is_allowed = case.prints_responses() && status == 0;
        demand(!is_shown || is_allowed, &|| format!("prints {secret}"));
    }
    demand(!run.contacted_other_server, &|| {
        "contacts another server".to_owned()
    });
    demand(status == 0 || run.leftover_files.is_empty(), &|| {
        format!("leaves {:?}", run.leftover_files)
    });
    let twice = sent_twice(run);
    demand(twice.is_empty(), &|| format!("writes twice: {twice:?}"));
    wrong
}

/// The paths of the requests that got the fault, each once in a row.
fn paths_hit(run: &Outcome) -> Vec<&str> {
    let path = |&at: &usize| {
        run.requests[at]
            .0
            .path
            .split('?')
            .next()
            .unwrap_or_default()
    };
    let mut paths: Vec<_> = run.hit.iter().map(path).collect();
    paths.dedup();
    paths
}

/// Whether a run that failed may exit with this status.
fn may_end(case: &Case, injection: Injection, run: &Outcome, status: i32) -> bool {
    let request = &run.requests[run.hit[0]].0;
    let is_of_git = request.path.contains(".git/");
    let fault = injection.fault;
    let mut may = fault.statuses().to_vec();
    // In front of a Data Center, a page with 401 is the login of something else.
    if fault == Fault::HtmlPage(401) && request.path.contains("/rest/") {
        may = vec![8];
    }
    // So is one before a credential was sent.
    if case.name == "doctor" && fault == Fault::HtmlPage(401) {
        may.push(8);
    }
    // The host key cannot be verified then.
    if case.name == "known-hosts verify" {
        may.push(10);
    }
    // The new token is saved, and the old one is reported as not revoked.
    if case.name == "token rotate" && request.method == "DELETE" {
        may.push(1);
    }
    if is_of_git {
        // Messages of git have no details.
        may.extend([7, 8]);
        if fault == Fault::HtmlPage(403) {
            may.push(4);
        }
    }
    may.contains(&status)
}

/// Whether a run may succeed with another result than the run without a fault.
fn may_succeed(case: &Case, injection: Injection, run: &Outcome) -> bool {
    if case.prints_responses() {
        return !injection.fault.is_slow() && !injection.fault.is_transient();
    }
    // Facts may be unknown in a report.
    if case.is_report() {
        return true;
    }
    let path = paths_hit(run)[0].to_owned();
    OPTIONAL
        .iter()
        .any(|(name, part, _)| case.name.starts_with(name) && path.contains(part))
}

/// Requests that are not idempotent and were sent twice.
fn sent_twice(run: &Outcome) -> Vec<String> {
    let writes = |request: &Request| match request.method.as_str() {
        // Git also fetches by POST, and a push names the commits that it starts from.
        "POST" => !request.path.contains(".git/"),
        "PUT" => request.path.contains("/access-tokens/"),
        _ => false,
    };
    let done = run
        .requests
        .iter()
        .filter(|(request, is_forwarded)| writes(request) && *is_forwarded);
    let mut seen = Vec::new();
    let mut twice = Vec::new();
    for (request, _) in done {
        let key = (&request.method, &request.path, &request.body);
        if seen.contains(&key) {
            twice.push(format!("{} {}", request.method, request.path));
        }
        seen.push(key);
    }
    twice
}

/// Whether standard output is one JSON document that names the same status.
fn is_document(stdout: &str, status: i32) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(stdout) else {
        return false;
    };
    let error = &document["error"];
    if error.is_object() {
        let text = |name: &str| error[name].as_str().unwrap_or_default();
        return error["exit"] == status && !text("message").is_empty() && !text("kind").is_empty();
    }
    let is_same = document["exit"].is_null() || document["exit"] == status;
    document["schema"].is_string() && is_same
}

/// A document without the values that differ between runs.
fn comparable(stdout: &str) -> Value {
    let mut document = serde_json::from_str(stdout).unwrap_or_else(|_| Value::from(stdout));
    strip(&mut document);
    document
}

fn strip(value: &mut Value) {
    const VOLATILE: [&str; 5] = ["elapsed_ms", "public_key", "commit", "id", "steps"];
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, _| !VOLATILE.contains(&name.as_str()));
        fields.values_mut().for_each(strip);
    } else if let Some(values) = value.as_array_mut() {
        values.iter_mut().for_each(strip);
    } else if value
        .as_str()
        .is_some_and(|text| text.starts_with("SHA256:"))
    {
        *value = Value::from("a fingerprint");
    }
}
