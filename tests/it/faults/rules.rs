//! What must hold whatever goes wrong, and the exceptions, each with its reason.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::commands::Row;
use super::fault::Fault;
use super::proxy::{Asked, Trap};
use super::stage::Outcome;
use super::world::{CLIENT_SECRET, EMAIL, SECRET};

/// More memory than any run may have, in bytes.
pub(crate) const MOST_MEMORY: u64 = 256 * 1024 * 1024;
/// What a run may take beside waiting for servers: the machine may be busy.
const SLACK: Duration = Duration::from_secs(5);

/// Questions whose answers a command can do without: what they tell is then missing from its own answer. Each with a
/// part of the path, and the reason.
const OPTIONAL: [(&str, &str, &str); 8] = [
    ("repo view", "/permissions/", "what is not known is null"),
    ("repo view", "/branches", "what is not known is null"),
    ("repo view", "/default-branch", "what is not known is null"),
    ("repo view", "/webhooks", "what is not known is null"),
    ("repo view", "/repos", "what is not known is null"),
    (
        "pr create",
        "/reviewers",
        "a page without entries names nobody",
    ),
    (
        "connect",
        "/branches",
        "whether the repository is empty is told again over SSH",
    ),
    (
        "connect",
        "/ssh/latest/settings",
        "the host key was accepted by hand",
    ),
];

/// What is wrong with a run that met a fault; `good` is the one without.
pub(crate) fn broken(
    row: &Row,
    trap: Trap,
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
    let (status, stdout) = (run.ran.status, &run.ran.stdout);
    demand(!run.hung, &|| "it hangs".to_owned());
    demand(run.memory < MOST_MEMORY, &|| {
        format!("it takes {} MB", run.memory >> 20)
    });
    let waits = u32::try_from(places(run).len()).unwrap();
    let slack = if trap.fault.is_heavy() {
        SLACK * 4
    } else {
        SLACK
    };
    let most = good.took + slack + Duration::from_secs(timeout) * waits;
    demand(run.took < most, &|| format!("it takes {:?}", run.took));
    demand(
        ![-1, 101].contains(&status) && !run.ran.stderr.contains("panicked"),
        &|| "it breaks down".to_owned(),
    );
    let is_good = if status == 0 {
        is_told(stdout) == is_told(&good.ran.stdout) && run.state == good.state
            || is_tolerated(row, trap, run)
    } else {
        may_end(row, trap, run, status)
    };
    demand(is_good, &|| format!("it ends with {status}"));
    demand(is_document(stdout, status), &|| {
        "its document does not fit".to_owned()
    });
    let basic = STANDARD.encode(format!("{EMAIL}:{SECRET}"));
    for secret in [SECRET, &basic, CLIENT_SECRET, "oauth-refresh-"] {
        let is_shown = stdout.contains(secret) || run.ran.stderr.contains(secret);
        // What was asked for is passed on as it came.
        let is_passed_on = row.passes_on() && status == 0;
        demand(!is_shown || is_passed_on, &|| format!("it shows {secret}"));
    }
    demand(!run.strayed, &|| "it asks another server".to_owned());
    demand(status == 0 || run.litter.is_empty(), &|| {
        format!("it leaves {:?}", run.litter)
    });
    let twice = twice(run);
    demand(twice.is_empty(), &|| format!("it writes twice: {twice:?}"));
    wrong
}

/// Where the fault was met, each place once.
fn places(run: &Outcome) -> Vec<&str> {
    let path = |&at: &usize| run.asked[at].0.path.split('?').next().unwrap_or_default();
    let mut places: Vec<_> = run.met.iter().map(path).collect();
    places.dedup();
    places
}

/// Whether a run that failed may end with this status.
fn may_end(row: &Row, trap: Trap, run: &Outcome, status: i32) -> bool {
    let asked = &run.asked[run.met[0]].0;
    let is_of_git = asked.path.contains(".git/");
    let fault = trap.fault;
    let mut may = fault.statuses().to_vec();
    // The page asks for a login where nobody has logged in yet.
    if row.name == "doctor" && fault == Fault::Page(401) {
        may.push(8);
    }
    // Nobody vouches for the host key then.
    if row.name == "known-hosts verify" {
        may.push(10);
    }
    // The new token is in use, and the old one is named as not revoked.
    if row.name == "token rotate" && asked.method == "DELETE" {
        may.push(1);
    }
    if is_of_git {
        // Git tells less than what there is to know.
        may.extend([7, 8]);
        // A list of branches that it cannot read has none.
        may.push(5);
        if fault == Fault::Page(403) {
            may.push(4);
        }
        // It sends a push once more where the connection broke, and finds the branch where it has put it.
        let is_cut = matches!(fault, Fault::Reset | Fault::Closed);
        if is_cut && asked.path.ends_with("/git-receive-pack") {
            may.push(6);
        }
    }
    may.contains(&status)
}

/// Whether a run that succeeded may tell something else than one without a fault.
fn is_tolerated(row: &Row, trap: Trap, run: &Outcome) -> bool {
    if row.passes_on() {
        return !trap.fault.is_slow() && !trap.fault.passes();
    }
    // What could not be found out is unknown in a judgement, or not part of it.
    if row.judges() {
        return true;
    }
    let path = places(run)[0].to_owned();
    OPTIONAL
        .iter()
        .any(|(name, part, _)| row.name.starts_with(name) && path.contains(part))
}

/// What does more when it is sent twice than when it is sent once, and was.
fn twice(run: &Outcome) -> Vec<String> {
    let makes = |asked: &Asked| match asked.method.as_str() {
        // What git asks for is a POST as well, and a push names the commits that it starts from.
        "POST" => !asked.path.contains(".git/"),
        "PUT" => asked.path.contains("/access-tokens/"),
        _ => false,
    };
    let done = run
        .asked
        .iter()
        .filter(|(asked, is_passed_on)| makes(asked) && *is_passed_on);
    let mut seen = Vec::new();
    let mut twice = Vec::new();
    for (asked, _) in done {
        let key = (&asked.method, &asked.path, &asked.body);
        if seen.contains(&key) {
            twice.push(format!("{} {}", asked.method, asked.path));
        }
        seen.push(key);
    }
    twice
}

/// Whether standard output is one document, which tells the same as the status.
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

/// What a document tells, without what is another with every run.
fn is_told(stdout: &str) -> Value {
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
