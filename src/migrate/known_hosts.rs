//! The edits of `known_hosts` files (sshd(8)): retired keys of Bitbucket Cloud are removed, and where the retired host is
//! known, the keys of the new one are added. So are they under other names for which `ssh` looks, where the file has one of
//! them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;

use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::migrate::fix::{Fix, FixKind, TextEdit};
use crate::types::cloud_hosts::{RETIRED_SSH as OLD_SSH_HOST, SSH as NEW_SSH_HOST, SSH_SERVERS};
use crate::types::host_keys::{built_in_keys, retirement_reason};
use crate::types::host_pattern::matches_any;
use crate::types::public_key::{Fingerprint, PublicKey};
use crate::types::ssh_address::SshHost;

/// No server of Bitbucket Cloud has such a key.
const DSA_ALGORITHM: &str = "ssh-dss";

/// The edits of one file. `names` are those that `ssh` looks for in it when it connects to Cloud (`HostKeyAlias`,
/// `[altssh.bitbucket.org]:443`).
#[must_use]
pub fn known_hosts_fixes(text: &str, names: &BTreeSet<String>) -> Vec<Fix> {
    let lines = lines(text);
    let retired: Vec<_> = lines.iter().map(Line::retired).collect();
    let knows = |host: &str| {
        let mut all = lines.iter().zip(&retired);
        all.any(|(line, retired)| retired.is_none() && line.is_for(host))
    };
    let mut missing = Vec::new();
    let mut names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    names.insert(NEW_SSH_HOST);
    for name in names {
        let is_known_as = |line: &&Line<'_>| {
            line.is_for(name) || (name == NEW_SSH_HOST && line.is_for(OLD_SSH_HOST))
        };
        if let Some(like) = lines.iter().find(is_known_as).filter(|_| !knows(name)) {
            missing.push((name, like));
        }
    }
    let mut fixes: Vec<Fix> = retired.into_iter().flatten().collect();
    let is_last_line_kept = !fixes
        .iter()
        .flat_map(|fix| &fix.edits)
        .any(|edit| edit.at.end == text.len());
    let mut needs_line_end = is_last_line_kept && !text.is_empty() && !text.ends_with('\n');
    for (name, like) in missing {
        fixes.push(add_host_keys(text, name, like, needs_line_end));
        needs_line_end = false;
    }
    fixes
}

/// The names of Bitbucket Cloud's SSH servers in the file.
fn cloud_names() -> impl Iterator<Item = String> {
    let servers = SSH_SERVERS.into_iter();
    servers.filter_map(|(name, port)| Some(SshHost::new(name, port).ok()?.known_hosts_name()))
}

/// A line with a host key.
struct Line<'a> {
    number: usize,
    at: Range<usize>,
    names: &'a str,
    names_at: Range<usize>,
    algorithm: &'a str,
    key: Option<Fingerprint>,
}

impl Line<'_> {
    fn is_for(&self, host: &str) -> bool {
        match self.names.strip_prefix("|1|") {
            Some(hashed) => is_hash_of(hashed, host),
            None => matches_any(self.names.split(','), host),
        }
    }

    /// The edit of a line with a retired key.
    fn retired(&self) -> Option<Fix> {
        let is_rsa = self
            .key
            .is_some_and(|key| retirement_reason(None, key).is_some());
        let is_weak =
            self.algorithm == DSA_ALGORITHM && cloud_names().any(|host| self.is_for(&host));
        if !is_rsa && !is_weak {
            return None;
        }
        let is_ours = |name: &&str| {
            let bare = name.trim_start_matches('!');
            let address = bare.trim_start_matches('[').split(']').next();
            cloud_names().any(|host| host.eq_ignore_ascii_case(bare))
                || address.is_some_and(|address| address.parse::<IpAddr>().is_ok())
        };
        // Other hosts on the line may still have a DSA key.
        let others: Vec<&str> = self
            .names
            .split(',')
            .filter(|name| !is_ours(name))
            .collect();
        let is_shared = !is_rsa && !self.names.starts_with('|') && !others.is_empty();
        let edit = if is_shared {
            TextEdit {
                at: self.names_at.clone(),
                with: others.join(","),
            }
        } else {
            TextEdit {
                at: self.at.clone(),
                with: String::new(),
            }
        };
        let key = self.key.map(|key| format!(" {key}")).unwrap_or_default();
        let what = format!("{}{key}", self.algorithm);
        Some(Fix {
            kind: FixKind::KnownHost,
            location: format!("line {}", self.number),
            before: Some(format!("{} {what}, retired", shown(self.names))),
            after: is_shared.then(|| format!("{} {what}", others.join(","))),
            edits: vec![edit],
            manual_step: None,
        })
    }
}

fn shown(names: &str) -> &str {
    if names.starts_with('|') {
        "(hashed)"
    } else {
        names
    }
}

/// Appends the keys in force under a name, hashed or plain like that of another line.
fn add_host_keys(text: &str, name: &str, like: &Line<'_>, needs_line_end: bool) -> Fix {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut added = String::new();
    if needs_line_end {
        added.push_str(end);
    }
    let is_hashed = like.names.starts_with('|');
    let keys = current_keys();
    for key in &keys {
        let hashed = is_hashed.then(|| hashed(name)).flatten();
        let name = hashed.as_deref().unwrap_or(name);
        added.extend([name, " ", &key.to_openssh_without_comment(), end]);
    }
    let keys: Vec<String> = keys
        .iter()
        .map(|key| format!("{} {}", key.algorithm(), key.fingerprint()))
        .collect();
    Fix {
        kind: FixKind::KnownHost,
        location: name.to_owned(),
        before: None,
        after: Some(format!("{name} {}", keys.join(", "))),
        edits: vec![TextEdit {
            at: text.len()..text.len(),
            with: added,
        }],
        manual_step: None,
    }
}

fn current_keys() -> Vec<PublicKey> {
    let host = SshHost::new(NEW_SSH_HOST, 22).ok();
    host.and_then(|host| built_in_keys(&host))
        .unwrap_or_default()
}

fn fingerprint(key: &str) -> Option<Fingerprint> {
    let blob = STANDARD.decode(key).ok()?;
    Some(Fingerprint::from_key_blob(&blob))
}

/// Whether `SALT|HASH` is the HMAC-SHA1 of a host (`HashKnownHosts`).
fn is_hash_of(hashed: &str, host: &str) -> bool {
    let decoded = |text: &str| STANDARD.decode(text).ok();
    let parts = hashed.split_once('|');
    let parts = parts.and_then(|(salt, hash)| Some((decoded(salt)?, decoded(hash)?)));
    parts.is_some_and(|(salt, hash)| {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
        hmac::verify(&key, host.as_bytes(), &hash).is_ok()
    })
}

/// The hashed name of a host; `None` without random bytes.
fn hashed(host: &str) -> Option<String> {
    let mut salt = [0; 20];
    rand::fill(&mut salt).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    let hash = hmac::sign(&key, host.as_bytes());
    let (salt, hash) = (STANDARD.encode(salt), STANDARD.encode(hash.as_ref()));
    Some(format!("|1|{salt}|{hash}"))
}

/// The lines with host keys, without those with a marker (`@revoked`, `@cert-authority`).
fn lines(text: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let at = start..start + line.len();
        start = at.end;
        let names_start = at.start + (line.len() - line.trim_start().len());
        let mut words = line.split_ascii_whitespace();
        let (Some(names), Some(algorithm), Some(key)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        if names.starts_with(['#', '@']) {
            continue;
        }
        lines.push(Line {
            number: index + 1,
            at,
            names,
            names_at: names_start..names_start + names.len(),
            algorithm,
            key: fingerprint(key),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixes_of(text: &str) -> Vec<Fix> {
        known_hosts_fixes(text, &BTreeSet::new())
    }
    use crate::migrate::fix::apply_fixes;

    const OLD_RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEAubiN81eDcafrgMeLzaFPsw2kNvEcqTKl/VqLat/MaB33pZy0y3rJZtnqwR2qOOvb\
                       wKZYKiEO1O6VqNEBxKvJJelCq0dTXWT5pbO2gDXC6h6QDXCaHo6pOHGPUy+YBaGQRGuSusMEASYiWunYN0vCAI8QaXnWMXNMdFP3\
                       jHAJH0eDsoiGnLPBlBp4TNm6rYI74nMzgz3B9IikW4WVK+dc8KZJZWYjAuORU3jc1c/NPskD2ASinf8v3xnfXeukU0sJ5N6m5E8V\
                       LjObPEO+mN2t/FZTMZLiFqPWc/ALSqnMnnhwrNi2rbfg/rd/IpL8Le3pSBne8+seeFVBoGqzHM9yXw==";
    const DSA: &str = "ssh-dss AAAAB3NzaC1kc3MAAACBAODX3XZ2NmAvvB5O";
    const GITHUB: &str = "github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    fn new_lines() -> String {
        let keys = current_keys();
        let line =
            |key: &PublicKey| format!("ssh.bitbucket.org {}\n", key.to_openssh_without_comment());
        keys.iter().map(line).collect::<Vec<_>>().concat()
    }

    fn current() -> String {
        current_keys().first().unwrap().to_openssh_without_comment()
    }

    #[test]
    fn retired_keys_go_and_the_new_host_comes() {
        let (new, current) = (new_lines(), current());
        assert_eq!(new.lines().count(), 3);
        let fill = |text: &str| {
            let text = text.replace("<new>", &new).replace("<key>", &current);
            let text = text.replace("<old>", OLD_RSA).replace("<dsa>", DSA);
            text.replace("<github>", GITHUB)
        };
        for (before, after) in [
            ("bitbucket.org <old>\n<github>\n", "<github>\n<new>"),
            (
                "<github>\nbitbucket.org,104.192.143.1 <old> old",
                "<github>\n<new>",
            ),
            ("104.192.141.1 <old>\n<github>\n", "<github>\n"),
            ("bitbucket.org <key>", "bitbucket.org <key>\n<new>"),
            ("bitbucket.org,131.103.20.167 <dsa>\n", "<new>"),
            (
                "git.example.com,bitbucket.org <dsa>\nssh.bitbucket.org <key>\n",
                "git.example.com <dsa>\nssh.bitbucket.org <key>\n",
            ),
            (
                "ssh.bitbucket.org <old>\nbitbucket.org <key>\n",
                "bitbucket.org <key>\n<new>",
            ),
        ] {
            let (before, after) = (fill(before), fill(after));
            assert_eq!(apply_fixes(&before, &fixes_of(&before)), after);
            assert_eq!(fixes_of(&after), [], "{after}");
        }
    }

    #[test]
    fn names_that_ssh_looks_for_keep_keys() {
        let names = ["bitbucket.org", "[altssh.bitbucket.org]:443", "bb"];
        let names: BTreeSet<String> = names.map(str::to_owned).into();
        let keys_of = |name: &str| new_lines().replace("ssh.bitbucket.org", name);
        for (before, after) in [
            (
                format!("bitbucket.org {OLD_RSA}\n"),
                format!("{}{}", keys_of("bitbucket.org"), new_lines()),
            ),
            (
                format!("bb {OLD_RSA}\n[altssh.bitbucket.org]:443 {}\n", current()),
                format!(
                    "[altssh.bitbucket.org]:443 {}\n{}",
                    current(),
                    keys_of("bb")
                ),
            ),
            (
                format!("{GITHUB}\n[altssh.bitbucket.org]:443 {OLD_RSA}"),
                format!("{GITHUB}\n{}", keys_of("[altssh.bitbucket.org]:443")),
            ),
        ] {
            let fixes = known_hosts_fixes(&before, &names);
            assert_eq!(apply_fixes(&before, &fixes), after);
            assert_eq!(known_hosts_fixes(&after, &names), [], "{after}");
        }
    }

    #[test]
    fn what_is_right_stays() {
        let key = current();
        for text in [
            String::new(),
            format!("{GITHUB}\n"),
            format!("*.bitbucket.org,bitbucket.org {key}\n"),
            format!("bitbucket.org,ssh.bitbucket.org {key}\n"),
            format!("@revoked bitbucket.org {OLD_RSA}\n"),
            format!("# bitbucket.org {OLD_RSA}\n"),
            format!("[git.example.com]:7999 {DSA}\n"),
            "bitbucket.org\nbitbucket.org ssh-rsa\n\n".to_owned(),
        ] {
            assert_eq!(fixes_of(&text), [], "{text}");
        }
    }

    #[test]
    fn hashed_names_are_recognized_and_the_new_one_is_hashed_as_well() {
        let name = hashed("bitbucket.org").unwrap();
        assert_ne!(hashed("bitbucket.org"), Some(name.clone()));
        let text = format!("{GITHUB}\r\n{name} {OLD_RSA}\r\n{name} {}\r\n", current());
        let fixes = fixes_of(&text);
        let after = apply_fixes(&text, &fixes);
        assert_eq!(after.lines().count(), 5, "{after}");
        assert_eq!(after.matches("\r\n").count(), 5, "{after}");
        assert!(!after.contains("bitbucket.org") && !after.contains(OLD_RSA));
        assert_eq!(fixes_of(&after), []);
        let retired = fixes.first().and_then(|fix| fix.before.clone());
        assert_eq!(
            retired.as_deref(),
            Some("(hashed) ssh-rsa SHA256:zzXQOXSRBEiUtuE8AikJYKwbHaxvSc0ojez9YXaGp1A, retired")
        );
    }
}
