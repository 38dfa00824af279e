//! Passwords for Bitbucket Cloud in `~/.netrc`, which git reads through curl, and in the file of
//! `git credential-store`. They need a manual step, because other programs read the files as well.

use percent_encoding::percent_decode_str;

use super::git_config::NEXT_FOR_GIT;
use crate::migrate::fix::{Fix, FixKind};
use crate::types::cloud_hosts;
use crate::types::git_url::GitUrl;
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

/// Passwords in `~/.git-credentials` (git-credential-store(1)) that Bitbucket Cloud no longer accepts.
#[must_use]
pub fn git_credentials_fixes(text: &str) -> Vec<Fix> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let lines = text.lines().enumerate();
    let found = lines.filter_map(|(index, line)| {
        let url = GitUrl::parse(line.trim()).ok().filter(GitUrl::is_http)?;
        let (user, password) = url.userinfo()?.split_once(':')?;
        let (user, password) = (decode(user), decode(password));
        let is_dead =
            cloud_hosts::is_http(url.host()) && !password.is_empty() && !is_token(&user, &password);
        is_dead.then(|| Fix {
            kind: FixKind::AppPassword,
            location: format!("line {}", index + 1),
            before: Some(format!("{} password ***", url.host())),
            after: None,
            edits: Vec::new(),
            manual_step: Some(format!("remove this line from the file; {NEXT_FOR_GIT}")),
        })
    });
    found.collect()
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
    fn passwords_in_the_file_of_git_are_found_and_never_shown() {
        let text = "https://jane:ATBBhunter2@bitbucket.org\nhttps://x-token-auth:ATCTTx@bitbucket.org\nhttps://jane:hunter2@git.example.com\nhttps://jane%40acme.com:hunter%32@bitbucket.org/acme\r\nhttps://jane:ATATT%33@bitbucket.org\nhttps://jane@bitbucket.org\n\nnonsense\n";
        let fixes = git_credentials_fixes(text);
        let locations: Vec<_> = fixes.iter().map(|fix| fix.location.as_str()).collect();
        assert_eq!(locations, ["line 1", "line 4"]);
        assert!(!format!("{fixes:?}").contains("hunter"), "{fixes:?}");
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
