//! The edits of a git configuration file, of `.gitmodules` or of `.lfsconfig`.

use std::collections::HashSet;

use super::git_config_file::{ConfigFile, ConfigSyntax, Entry, Header};
use super::include_condition::{MovedCondition, covers, moved_condition};
use crate::migrate::fix::{Fix, FixKind};
use crate::types::cloud_hosts::SSH as NEW_HOST;
use crate::types::retired_url::{
    is_same_location, prefix_with_new_host, redact_url, with_new_host, without_app_password,
};

/// The manual step for a password that was removed from a URL, or is in a file that git reads.
pub(super) const NEXT_FOR_GIT: &str = "create an API token (bbconnect token scopes --for read,write --auth api-token shows the scopes), \
                                then bbconnect connection add --auth api-token and bbconnect git setup";

/// What a configuration file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigRole {
    /// Of a repository, or of the user.
    Git,
    /// `.gitmodules`
    Modules,
    /// `.lfsconfig`
    Lfs,
}

impl ConfigRole {
    /// The manual step for a file that is committed.
    fn next(self) -> Option<String> {
        let next = match self {
            Self::Git => return None,
            Self::Modules => "commit .gitmodules; other clones then run git submodule sync",
            Self::Lfs => "commit .lfsconfig",
        };
        Some(next.to_owned())
    }
}

/// The edits of a configuration file.
///
/// # Errors
/// A syntax error, which git reports as well.
pub fn git_config_fixes(text: &str, role: ConfigRole) -> Result<Vec<Fix>, ConfigSyntax> {
    let config = ConfigFile::parse(text)?;
    let mut fixes = Vec::new();
    for (header, entries) in config.sections() {
        fixes.extend(fix_url_in_header(header, entries));
    }
    fixes.extend(fix_include_conditions(&config));
    let is_rewrite = |entry: &&Entry| {
        config
            .header(entry)
            .is_some_and(|header| header.section == "url")
    };
    let rewrites = config.entries.iter().filter(is_rewrite);
    let mut rewrites: HashSet<(&str, String)> = rewrites
        .map(|entry| (entry.key.as_str(), entry.value.clone()))
        .collect();
    for entry in &config.entries {
        let Some(header) = config.header(entry) else {
            continue;
        };
        match (header.section.as_str(), entry.key.as_str()) {
            ("remote", "url" | "pushurl" | "pushdefault") | ("branch", "remote" | "pushremote") => {
                fixes.extend(fix_remote_url(&config, entry, header, FixKind::SshRemote));
            }
            ("submodule", "url") => {
                fixes.extend(fix_remote_url(&config, entry, header, FixKind::Submodule));
            }
            ("lfs", "url" | "pushurl") | ("remote", "lfsurl" | "lfspushurl") => {
                fixes.extend(fix_remote_url(&config, entry, header, FixKind::Lfs));
            }
            ("url", "insteadof" | "pushinsteadof") => {
                if let Some((fix, value)) = fix_rewrite_prefix(&config, entry, header)
                    && rewrites.insert((&entry.key, value))
                {
                    fixes.push(fix);
                }
            }
            _ => {}
        }
    }
    if let Some(next) = role.next() {
        for fix in &mut fixes {
            fix.manual_step.get_or_insert_with(|| next.clone());
        }
    }
    Ok(fixes)
}

/// The files in which `credential.helper = store` keeps passwords, as they are written (git-credential-store(1)).
///
/// # Errors
/// As [`git_config_fixes`].
pub fn credential_files(text: &str) -> Result<Vec<String>, ConfigSyntax> {
    let config = ConfigFile::parse(text)?;
    let is_helper = |entry: &&Entry| {
        let header = config.header(entry);
        entry.key == "helper" && header.is_some_and(|header| header.section == "credential")
    };
    let file = |entry: &Entry| {
        let words = shell_words::split(&entry.value).ok()?;
        let mut words = words.into_iter().skip_while(|word| word != "store");
        words.next()?;
        let mut is_next = false;
        words.find_map(|word| match word.strip_prefix("--file=") {
            Some(file) => Some(file.to_owned()),
            None if is_next => Some(word),
            None => {
                is_next = word == "--file";
                None
            }
        })
    };
    Ok(config
        .entries
        .iter()
        .filter(is_helper)
        .filter_map(file)
        .collect())
}

/// `[includeIf "hasconfig:remote.*.url:…"]`: a section for the moved remotes is added behind it, so that checkouts with
/// either URL keep their settings.
fn fix_include_conditions(config: &ConfigFile<'_>) -> Vec<Fix> {
    let condition = |header: &Header| {
        let condition = header.subsection.clone()?;
        (header.section == "includeif").then_some(condition)
    };
    let conditions: HashSet<String> = config.headers.iter().filter_map(condition).collect();
    let mut fixes = Vec::new();
    let mut added = HashSet::new();
    for (header, entries) in config.sections() {
        let Some(old) = condition(header) else {
            continue;
        };
        let Some(moved) = moved_condition(&old).filter(|_| !entries.is_empty()) else {
            continue;
        };
        let (after, edits, manual_step) = match moved {
            MovedCondition::Added(new) => {
                if is_included(config, &new, entries, &conditions)
                    || !added.insert((new.clone(), paths(entries)))
                {
                    continue;
                }
                let edit = config.insert_section("includeIf", &new, entries);
                (
                    Some(format!("{old}, {new}")),
                    edit.into_iter().collect(),
                    None,
                )
            }
            MovedCondition::Unknown => {
                let next = format!(
                    "add an includeIf section for remotes at {NEW_HOST}; the condition {old} does not match them"
                );
                (None, Vec::new(), Some(next))
            }
        };
        fixes.push(Fix {
            kind: FixKind::GitInclude,
            location: setting_name(header, "path"),
            before: Some(old),
            after,
            edits,
            manual_step,
        });
    }
    fixes
}

/// Whether the files of a section are already included for the moved remotes.
fn is_included(
    config: &ConfigFile<'_>,
    new: &str,
    entries: &[Entry],
    conditions: &HashSet<String>,
) -> bool {
    /// A configuration with more conditions is not written by hand; only equal conditions are found in it.
    const MAX_CONDITIONS: usize = 100;
    if !conditions.contains(new) && conditions.len() > MAX_CONDITIONS {
        return false;
    }
    let wanted = paths(entries);
    config.sections().any(|(header, entries)| {
        let condition = header.subsection.as_deref().unwrap_or_default();
        header.section == "includeif"
            && covers(condition, new)
            && wanted.iter().all(|path| paths(entries).contains(path))
    })
}

fn paths(entries: &[Entry]) -> Vec<String> {
    let paths = entries.iter().filter(|entry| entry.key == "path");
    paths.map(|entry| entry.value.clone()).collect()
}

/// The paths of included files, as they are written.
///
/// # Errors
/// As [`git_config_fixes`].
pub fn includes(text: &str) -> Result<Vec<String>, ConfigSyntax> {
    let config = ConfigFile::parse(text)?;
    let is_include = |entry: &&Entry| {
        let header = config.header(entry);
        let section = header.map_or("", |header| &header.section);
        matches!(section, "include" | "includeif") && entry.key == "path"
    };
    let entries = config.entries.iter().filter(is_include);
    Ok(entries.map(|entry| entry.value.clone()).collect())
}

fn fix_remote_url(
    config: &ConfigFile<'_>,
    entry: &Entry,
    header: &Header,
    kind: FixKind,
) -> Option<Fix> {
    let (kind, after) = replacement(&entry.value, kind, with_new_host)?;
    Some(Fix {
        kind,
        location: setting_name(header, &entry.key),
        before: Some(redact_url(&entry.value)),
        after: Some(redact_url(&after)),
        edits: vec![config.set(entry, &after)],
        manual_step: (kind == FixKind::AppPassword).then(|| NEXT_FOR_GIT.to_owned()),
    })
}

/// `[url "BASE"]`: the base that URLs are rewritten to; `[lfs "URL"]`: settings for an LFS server.
fn fix_url_in_header(header: &Header, entries: &[Entry]) -> Option<Fix> {
    let kind = match header.section.as_str() {
        "url" => FixKind::UrlRewrite,
        "lfs" => FixKind::Lfs,
        _ => return None,
    };
    let base = header.subsection.as_deref()?;
    let mut keys: Vec<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
    keys.dedup();
    let (kind, after) = replacement(base, kind, prefix_with_new_host)?;
    Some(Fix {
        kind,
        location: setting_name(header, &keys.join(", ")),
        before: Some(redact_url(base)),
        after: Some(redact_url(&after)),
        edits: vec![ConfigFile::rename(header, &after)],
        manual_step: (kind == FixKind::AppPassword).then(|| NEXT_FOR_GIT.to_owned()),
    })
}

/// `insteadOf = VALUE`: a prefix that is rewritten. The prefix of the retired host stays, for URLs that are still pasted.
/// The one of the new host is added, or the rewrite would not apply to remotes that were moved.
fn fix_rewrite_prefix(
    config: &ConfigFile<'_>,
    entry: &Entry,
    header: &Header,
) -> Option<(Fix, String)> {
    let base = header.subsection.as_deref()?;
    let new = prefix_with_new_host(&entry.value)?;
    let base = prefix_with_new_host(base).unwrap_or_else(|| base.to_owned());
    if base == new || is_same_location(&base, &new) {
        return None;
    }
    let fix = Fix {
        kind: FixKind::UrlRewrite,
        location: setting_name(header, &entry.key),
        before: Some(redact_url(&entry.value)),
        after: Some(format!(
            "{}, {}",
            redact_url(&entry.value),
            redact_url(&new)
        )),
        edits: vec![config.insert_after(entry, &new)],
        manual_step: None,
    };
    Some((fix, new))
}

fn replacement(
    url: &str,
    kind: FixKind,
    rewrite: impl Fn(&str) -> Option<String>,
) -> Option<(FixKind, String)> {
    match rewrite(url) {
        Some(after) => Some((kind, after)),
        None => without_app_password(url).map(|after| (FixKind::AppPassword, after)),
    }
}

/// The name of a setting, as `git config -l` prints it.
fn setting_name(header: &Header, key: &str) -> String {
    match &header.subsection {
        Some(subsection) => format!("{}.{}.{key}", header.section, redact_url(subsection)),
        None => format!("{}.{key}", header.section),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::fix::apply_fixes;

    #[track_caller]
    fn check(before: &str, after: &str, kinds: &[FixKind]) {
        let fixes = git_config_fixes(before, ConfigRole::Git).unwrap();
        assert_eq!(apply_fixes(before, &fixes), after);
        let found: Vec<_> = fixes.iter().map(|fix| fix.kind).collect();
        assert_eq!(found, kinds, "{before}");
        let again = git_config_fixes(after, ConfigRole::Git);
        assert_eq!(again, Ok(Vec::new()), "{after}");
    }

    #[test]
    fn remotes_and_submodules_are_updated_and_the_rest_is_kept() {
        check(
            "# mine\r\n[Remote \"o\\\"r]igin\"] ; here\r\n\tURL = \"git@bitbucket.org:acme/site.git\" # old\r\n  pushurl=ssh://git@bitbucket.org:22/a/b;c\r\n",
            "# mine\r\n[Remote \"o\\\"r]igin\"] ; here\r\n\tURL = \"git@ssh.bitbucket.org:acme/site.git\" # old\r\n  pushurl=ssh://git@ssh.bitbucket.org:22/a/b;c\r\n",
            &[FixKind::SshRemote, FixKind::SshRemote],
        );
        check(
            "[remote.old] url = git@bitbucket.org:a/b\n[submodule \"lib\"]\nurl = git@\\\nbitbucket.org:a/lib",
            "[remote.old] url = git@ssh.bitbucket.org:a/b\n[submodule \"lib\"]\nurl = git@ssh.bitbucket.org:a/lib",
            &[FixKind::SshRemote, FixKind::Submodule],
        );
        check(
            "[remote \"x\"]\n\turl = \"git@bitbucket.org:a/b#c\"\n\turl = git@github.com:a/b\n\tfetch = git@bitbucket.org:a/b\n",
            "[remote \"x\"]\n\turl = \"git@ssh.bitbucket.org:a/b#c\"\n\turl = git@github.com:a/b\n\tfetch = git@bitbucket.org:a/b\n",
            &[FixKind::SshRemote],
        );
    }

    #[test]
    fn rewrites_apply_to_both_hosts() {
        let rewrite = [FixKind::UrlRewrite];
        // To SSH.
        check(
            "[url \"git@bitbucket.org:\"]\n\tinsteadOf = https://bitbucket.org/\n\tinsteadOf = bb:\n",
            "[url \"git@ssh.bitbucket.org:\"]\n\tinsteadOf = https://bitbucket.org/\n\tinsteadOf = bb:\n",
            &rewrite,
        );
        // To HTTPS, or to an alias of the SSH configuration: the prefix of the new host is added.
        check(
            "[url \"https://bitbucket.org/\"]\n    insteadOf = git@bitbucket.org:\n",
            "[url \"https://bitbucket.org/\"]\n    insteadOf = git@bitbucket.org:\n    insteadOf = git@ssh.bitbucket.org:\n",
            &rewrite,
        );
        check(
            "[url \"git@bb-work:acme/\"] pushInsteadOf = ssh://git@bitbucket.org/acme/",
            "[url \"git@bb-work:acme/\"] pushInsteadOf = ssh://git@bitbucket.org/acme/\n\tpushInsteadOf = ssh://git@ssh.bitbucket.org/acme/",
            &rewrite,
        );
        // From one form of the retired host to another.
        check(
            "[url \"ssh://git@bitbucket.org/\"]\n\tinsteadOf = git@bitbucket.org:\n",
            "[url \"ssh://git@ssh.bitbucket.org/\"]\n\tinsteadOf = git@bitbucket.org:\n",
            &rewrite,
        );
        check(
            "[url \"git@bitbucket.org:new/\"]\n\tinsteadOf = git@bitbucket.org:old/\n",
            "[url \"git@ssh.bitbucket.org:new/\"]\n\tinsteadOf = git@bitbucket.org:old/\n\tinsteadOf = git@ssh.bitbucket.org:old/\n",
            &[FixKind::UrlRewrite, FixKind::UrlRewrite],
        );
        // Rewrites for the new host that exist already.
        for done in [
            "[url \"git@ssh.bitbucket.org:\"]\n\tinsteadOf = git@bitbucket.org:\n",
            "[url \"ssh://git@ssh.bitbucket.org/\"]\n\tinsteadOf = git@bitbucket.org:\n\tinsteadOf = ssh://git@bitbucket.org/\n",
            "[url \"https://bitbucket.org/\"]\n\tinsteadOf = git@ssh.bitbucket.org:\n\tinsteadOf = git@bitbucket.org:\n",
            "[url \"git@github.com:\"]\n\tinsteadOf = gh:\n",
        ] {
            check(done, done, &[]);
        }
    }

    #[test]
    fn passwords_are_removed_and_never_shown() {
        let text = "[remote \"origin\"]\n\turl = https://jane:ATBBsecret@bitbucket.org/a/b\n[url \"https://j:ATBBsecret@bitbucket.org/\"]\n\tinsteadOf = https://bitbucket.org/\n";
        let after = "[remote \"origin\"]\n\turl = https://jane@bitbucket.org/a/b\n[url \"https://j@bitbucket.org/\"]\n\tinsteadOf = https://bitbucket.org/\n";
        check(text, after, &[FixKind::AppPassword, FixKind::AppPassword]);
        let shown = format!(
            "{:?}",
            git_config_fixes(text, ConfigRole::Git).map(|fixes| {
                fixes
                    .into_iter()
                    .map(|fix| (fix.location, fix.before, fix.after, fix.manual_step))
                    .collect::<Vec<_>>()
            })
        );
        assert!(!shown.contains("ATBB"), "{shown}");
        assert!(
            shown.contains("https://jane:***@bitbucket.org/a/b"),
            "{shown}"
        );
    }

    #[test]
    fn settings_of_lfs_are_updated() {
        let lfs = FixKind::Lfs;
        check(
            "[lfs]\n\turl = ssh://git@bitbucket.org/a/b.git\n\tpushurl = git@bitbucket.org:a/b.git\n[remote \"o\"]\n\tlfsurl = \"git@bitbucket.org:a/b\" # x\n\tlfspushurl = https://bitbucket.org/a/b\n[lfs \"ssh://git@bitbucket.org/a/b\"]\n\tlocksverify = true\n",
            "[lfs]\n\turl = ssh://git@ssh.bitbucket.org/a/b.git\n\tpushurl = git@ssh.bitbucket.org:a/b.git\n[remote \"o\"]\n\tlfsurl = \"git@ssh.bitbucket.org:a/b\" # x\n\tlfspushurl = https://bitbucket.org/a/b\n[lfs \"ssh://git@ssh.bitbucket.org/a/b\"]\n\tlocksverify = true\n",
            &[lfs, lfs, lfs, lfs],
        );
    }

    #[test]
    fn conditional_includes_apply_to_both_hosts() {
        let old =
            "[includeIf \"hasconfig:remote.*.url:git@bitbucket.org:acme/**\"]\n\tpath = work\n";
        let new =
            "[includeIf \"hasconfig:remote.*.url:git@ssh.bitbucket.org:acme/**\"]\n\tpath = work\n";
        let last = "[user]\n\tname = Jane\n";
        let include = [FixKind::GitInclude];
        check(
            &format!("{old}{last}"),
            &format!("{old}{new}{last}"),
            &include,
        );
        // Twice, as one line, and without an end of the last line.
        let section =
            "[includeif \"hasconfig:remote.*.url:ssh://git@bitbucket.org/**\"] path = \"a b\"";
        let added =
            "[includeIf \"hasconfig:remote.*.url:ssh://git@ssh.bitbucket.org/**\"]\n\tpath = a b\n";
        check(
            &format!("{old}{old}{section}"),
            &format!("{old}{new}{old}{section}\n{added}"),
            &[include[0], include[0]],
        );
        // Another condition holds for the new host.
        let wide = "[includeIf \"hasconfig:remote.*.url:git@*:acme/**\"]\n\tpath = work\n";
        check(&format!("{old}{wide}"), &format!("{old}{wide}"), &[]);
        let elsewhere = wide.replace("work", "other");
        check(
            &format!("{elsewhere}{old}"),
            &format!("{elsewhere}{old}{new}"),
            &include,
        );
        let text = format!(
            "[includeIf \"hasconfig:remote.*.url:git@bitbucket.org:{}\"]\n\tpath = work\n",
            "a".repeat(2000)
        );
        let fixes = git_config_fixes(&text, ConfigRole::Git).unwrap();
        assert!(matches!(&fixes[..], [fix] if fix.edits.is_empty() && fix.manual_step.is_some()));
    }

    #[test]
    fn files_of_stored_credentials() {
        let text = "[credential]\n\thelper = store\n\thelper = store --file ~/a\n[credential \"https://x\"]\n\thelper = \"/usr/bin/git-credential-x\"\n\thelper = !git credential-store\n\thelper = store --file='b c'\n";
        assert_eq!(
            credential_files(text),
            Ok(vec!["~/a".to_owned(), "b c".to_owned()])
        );
    }

    #[test]
    fn included_files() {
        let text = "[include]\n\tpath = ~/work.conf\n[includeIf \"gitdir:~/x/\"]\n\tpath = \"x y\"\n[other]\n\tpath = z\n";
        assert_eq!(
            includes(text),
            Ok(vec!["~/work.conf".to_owned(), "x y".to_owned()])
        );
    }
}
