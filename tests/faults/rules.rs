//! What must hold whatever goes wrong, and the exceptions, each with its reason.

use std::time::Duration;

use serde_json::Value;

use crate::commands::Row;
use crate::proxy::Trap;
use crate::stage::Outcome;
use crate::world::{CLIENT_SECRET, SECRET};

/// More memory than any run may have, in bytes.
pub(crate) const MOST_MEMORY: u64 = 320 * 1024 * 1024;
/// What a run may take beside waiting for servers: the machine may be busy.
const SLACK: Duration = Duration::from_secs(5);

/// What is wrong with a run that met a fault; `good` is the one without.
pub(crate) fn broken(
    row: &Row,
    trap: Trap,
    timeout: u64,
    run: &Outcome,
    good: &Outcome,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let (status, stdout) = (run.ran.status, &run.ran.stdout);
    must(!run.hung, "it hangs".to_owned());
    must(
        run.memory < MOST_MEMORY,
        format!("it takes {} MB", run.memory >> 20),
    );
    let mut places: Vec<_> = run.met.iter().map(|&at| path(run, at)).collect();
    places.dedup();
    let most =
        good.took + SLACK + Duration::from_secs(timeout) * u32::try_from(places.len()).unwrap();
    must(run.took < most, format!("it takes {:?}", run.took));
    must(
        ![-1, 101].contains(&status) && !run.ran.stderr.contains("panicked"),
        "it breaks down".to_owned(),
    );
    let is_same = same(stdout) == same(&good.ran.stdout) && run.state == good.state;
    must(
        (status == 0 && is_same) || trap.fault.statuses().contains(&status),
        format!("it ends with {status}, the same: {is_same}"),
    );
    let _ = row;
    must(
        document(stdout, status),
        "its document is another".to_owned(),
    );
    for secret in [SECRET, CLIENT_SECRET, "oauth-refresh-"] {
        let is_shown = stdout.contains(secret) || run.ran.stderr.contains(secret);
        must(!is_shown, format!("it shows {secret}"));
    }
    must(!run.strayed, "it asks another server".to_owned());
    must(
        status == 0 || run.litter.is_empty(),
        format!("it leaves {:?}", run.litter),
    );
    let twice = twice(run);
    must(twice.is_empty(), format!("it writes twice: {twice:?}"));
    wrong
}

fn path(run: &Outcome, at: usize) -> String {
    run.asked[at]
        .0
        .path
        .split('?')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// What is done twice when it is sent twice, and was.
fn twice(run: &Outcome) -> Vec<String> {
    let once = run.asked.iter().filter(|(asked, is_passed_on)| {
        let makes = asked.method == "POST"
            || (asked.method == "PUT" && asked.path.contains("/access-tokens/"));
        // What git asks for is also a POST.
        makes && *is_passed_on && !asked.path.ends_with("/git-upload-pack")
    });
    let mut seen = Vec::new();
    let mut twice = Vec::new();
    for (asked, _) in once {
        let key = (&asked.method, &asked.path, &asked.body);
        if seen.contains(&key) {
            twice.push(format!("{} {}", asked.method, asked.path));
        }
        seen.push(key);
    }
    twice
}

/// Whether standard output is one document, which tells the same as the status.
fn document(stdout: &str, status: i32) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(stdout) else {
        return false;
    };
    let error = &document["error"];
    if error.is_object() {
        let text = |name: &str| error[name].as_str().unwrap_or_default();
        return error["exit"] == status && !text("message").is_empty() && !text("kind").is_empty();
    }
    document["schema"].is_string()
}

/// What a document tells, without what is another with every run.
fn same(stdout: &str) -> Value {
    let mut document = serde_json::from_str(stdout).unwrap_or_else(|_| Value::from(stdout));
    strip(&mut document);
    document
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for name in [
                "elapsed_ms",
                "fingerprint",
                "public_key",
                "before",
                "after",
                "commit",
            ] {
                fields.remove(name);
            }
            fields.values_mut().for_each(strip);
        }
        Value::Array(values) => values.iter_mut().for_each(strip),
        _ => {}
    }
}
