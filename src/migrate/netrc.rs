//! Passwords for Bitbucket Cloud in `~/.netrc`, which git reads through curl. They need a manual step, because other
//! programs read the file as well.

use super::git_config::NEXT_FOR_GIT;
use crate::migrate::fix::{Fix, FixKind};
use crate::types::cloud_hosts;
use crate::types::token_prefix::is_token;

/// Passwords that Bitbucket Cloud no longer accepts. Tokens are not changed.
#[must_use]
pub fn netrc_fixes(text: &str) -> Vec<Fix> {
    machines(text)
        .into_iter()
        .filter(|machine| {
            cloud_hosts::is_http(machine.name)
                && !machine.password.is_empty()
                && !is_token(machine.login, machine.password)
        })
        .map(|machine| Fix {
            kind: FixKind::AppPassword,
            location: format!("machine {}", machine.name),
            before: Some("password ***".to_owned()),
            after: None,
            edits: Vec::new(),
            manual_step: Some(format!("remove this machine from the file; {NEXT_FOR_GIT}")),
        })
        .collect()
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Machine<'a> {
    name: &'a str,
    login: &'a str,
    password: &'a str,
}

fn machines(text: &str) -> Vec<Machine<'_>> {
    let mut machines: Vec<Machine<'_>> = Vec::new();
    let mut in_macro = false;
    let mut expected = "";
    for line in text.lines() {
        if in_macro {
            // A macro ends at an empty line.
            in_macro = !line.trim().is_empty();
            continue;
        }
        for word in line.split_ascii_whitespace() {
            if word.starts_with('#') && expected != "password" {
                break;
            }
            let bare = word.trim_matches('"');
            match (expected, machines.last_mut()) {
                ("machine", _) => machines.push(Machine {
                    name: bare,
                    ..Machine::default()
                }),
                ("login", Some(machine)) => machine.login = bare,
                ("password", Some(machine)) => machine.password = bare,
                ("login" | "password" | "account", _) => {}
                _ => {
                    expected = word;
                    if word == "default" {
                        machines.push(Machine::default());
                    }
                    if word == "macdef" {
                        in_macro = true;
                        break;
                    }
                    continue;
                }
            }
            expected = "";
        }
    }
    machines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_for_cloud_are_found_and_never_shown() {
        let text = "# mine\nmachine github.com login jane password hunter2\nmachine bitbucket.org\n  login jane\n  \
                    password ATBBsecret\nmachine API.bitbucket.org login j password \"old one\"\nmachine bitbucket.org \
                    login x-token-auth password ATCTTtoken\ndefault login anonymous password x\n";
        let fixes = netrc_fixes(text);
        let locations: Vec<_> = fixes.iter().map(|fix| fix.location.as_str()).collect();
        assert_eq!(
            locations,
            ["machine bitbucket.org", "machine API.bitbucket.org"]
        );
        let shown = format!("{fixes:?}");
        assert!(!shown.contains("ATBB") && !shown.contains("old"), "{shown}");
        assert!(fixes.iter().all(|fix| fix.edits.is_empty()));
    }

    #[test]
    fn macros_and_others_are_not_machines() {
        let text = "macdef init\nmachine bitbucket.org login a password b\n\nmachine git.example.com password ATBBx\n";
        assert_eq!(netrc_fixes(text), []);
        assert_eq!(machines(text).len(), 1);
        assert_eq!(netrc_fixes("machine bitbucket.org login jane"), []);
        assert_eq!(netrc_fixes("machine"), []);
    }
}
