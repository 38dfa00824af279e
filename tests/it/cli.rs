//! The real binary in a sandbox: every file below `tests/data/cli/` is one case.
//!
//! A case names the arguments and what must come of them; `[HOME]` stands for the sandbox, `[..]` for anything on a
//! line, `...` for any lines. With `BBCONNECT_BLESS=1` the files of cases that fail are rewritten from what the program
//! does; read the difference before you commit it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use snapbox::{Assert, IntoData as _, Redactions};

use crate::support::{RunOutput, Sandbox, env_var};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case is about.
    about: String,
    args: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    stdin: String,
    status: i32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    stdout: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    stderr: String,
}

fn cases_below(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("the directory is there");
    let mut cases = Vec::new();
    for path in entries.map(|entry| entry.expect("the entry can be read").path()) {
        if path.is_dir() {
            cases.extend(cases_below(&path));
        } else {
            cases.push(path);
        }
    }
    cases.sort();
    cases
}

#[test]
fn all_cases_match() {
    let cases = cases_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cli"));
    assert!(!cases.is_empty());
    let mut failures = Vec::new();
    for path in &cases {
        let text = fs::read_to_string(path).expect("the case can be read");
        let case: Case =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if let Err(failure) = check(&case, path) {
            failures.push(format!("{} ({})\n{failure}", path.display(), case.about));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases fail\n\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n\n")
    );
}

fn check(case: &Case, path: &Path) -> Result<(), String> {
    let sandbox = Sandbox::new();
    let mut redactions = Redactions::new();
    let home = sandbox.home().display().to_string();
    // Commands for several shells have `/` on Windows too.
    for home in [home.replace('\\', "/"), home] {
        redactions
            .insert("[HOME]", home)
            .expect("the placeholder is one");
    }
    let ran = sandbox.run_with_input(&case.args, &case.stdin);
    let compared = compare(case, &ran, redactions.clone());
    if compared.is_err() && env_var("BBCONNECT_BLESS").is_some() {
        let found = Case {
            about: case.about.clone(),
            args: case.args.clone(),
            stdin: case.stdin.clone(),
            status: ran.status,
            stdout: redactions.redact(&ran.stdout),
            stderr: redactions.redact(&ran.stderr),
        };
        fs::write(
            path,
            toml::to_string_pretty(&found).expect("a case is TOML"),
        )
        .expect("the case can be written");
        return Ok(());
    }
    compared
}

fn compare(case: &Case, ran: &RunOutput, redactions: Redactions) -> Result<(), String> {
    let assert = Assert::new().redact_with(redactions);
    let same = |what: &str, found: &str, expected: &str| {
        assert
            .try_eq(
                Some(&what),
                found.to_owned().into_data(),
                expected.to_owned().into_data(),
            )
            .map_err(|error| error.to_string())
    };
    same("stdout", &ran.stdout, &case.stdout)?;
    same("stderr", &ran.stderr, &case.stderr)?;
    if ran.status == case.status {
        Ok(())
    } else {
        Err(format!("status {} instead of {}", ran.status, case.status))
    }
}
