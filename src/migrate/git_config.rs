//! The edits of a git configuration file or of `.gitmodules`.

use super::git_config_file::{ConfigFile, ConfigSyntax, Entry, Header};
use crate::migrate::fix::{Fix, FixKind};
use crate::types::retired_url::{
    is_same_location, prefix_with_new_host, redact_url, with_new_host, without_app_password,
};

/// The manual step for a password that was removed from a URL, or is in a file that git reads.
pub(super) const NEXT_FOR_GIT: &str = "create an API token (bbconnect token scopes --for read,write --auth api-token shows the scopes), \
                                then bbconnect connection add --auth api-token and bbconnect git setup";
/// The manual step for `.gitmodules`.
const NEXT_FOR_MODULES: &str = "commit .gitmodules; other clones then run git submodule sync";

/// The edits of a configuration file.
///
/// # Errors
/// A syntax error, which git reports as well.
pub fn git_config_fixes(text: &str, is_gitmodules: bool) -> Result<Vec<Fix>, ConfigSyntax> {
    let config = ConfigFile::parse(text)?;
    let mut fixes = Vec::new();
    for (number, header) in config.headers.iter().enumerate() {
        fixes.extend(fix_rewrite_base(&config, number, header));
    }
    let mut added: Vec<(&str, String)> = Vec::new();
    for entry in &config.entries {
        let Some(header) = config.header(entry) else {
            continue;
        };
        match (header.section.as_str(), entry.key.as_str()) {
            ("remote", "url" | "pushurl" | "pushdefault") | ("branch", "remote" | "pushremote") => {
                fixes.extend(fix_remote_url(&config, entry, header, FixKind::SshRemote));
            }
            ("submodule", "url") => {
                let mut fix = fix_remote_url(&config, entry, header, FixKind::Submodule);
                if let Some(fix) = fix.as_mut().filter(|_| is_gitmodules) {
                    fix.manual_step
                        .get_or_insert_with(|| NEXT_FOR_MODULES.to_owned());
                }
                fixes.extend(fix);
            }
            ("url", "insteadof" | "pushinsteadof") => {
                if let Some((fix, value)) = fix_rewrite_prefix(&config, entry, header)
                    && !added.contains(&(entry.key.as_str(), value.clone()))
                {
                    added.push((&entry.key, value));
                    fixes.push(fix);
                }
            }
            _ => {}
        }
    }
    Ok(fixes)
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

/// `[url "BASE"]`: the base that URLs are rewritten to.
fn fix_rewrite_base(config: &ConfigFile<'_>, number: usize, header: &Header) -> Option<Fix> {
    let base = header
        .subsection
        .as_deref()
        .filter(|_| header.section == "url")?;
    let mut keys: Vec<_> = config
        .entries
        .iter()
        .filter(|entry| entry.header == number)
        .map(|entry| entry.key.as_str())
        .collect();
    keys.dedup();
    let (kind, after) = replacement(base, FixKind::UrlRewrite, prefix_with_new_host)?;
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
    let is_known = |other: &Entry| {
        let is_rewrite = config
            .header(other)
            .is_some_and(|header| header.section == "url");
        is_rewrite && other.key == entry.key && other.value == new
    };
    if base == new || is_same_location(&base, &new) || config.entries.iter().any(is_known) {
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
        let fixes = git_config_fixes(before, false).unwrap();
        assert_eq!(apply_fixes(before, &fixes), after);
        let found: Vec<_> = fixes.iter().map(|fix| fix.kind).collect();
        assert_eq!(found, kinds, "{before}");
        assert_eq!(git_config_fixes(after, false), Ok(Vec::new()), "{after}");
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
            git_config_fixes(text, false).map(|fixes| {
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
    fn included_files() {
        let text = "[include]\n\tpath = ~/work.conf\n[includeIf \"gitdir:~/x/\"]\n\tpath = \"x y\"\n[other]\n\tpath = z\n";
        assert_eq!(
            includes(text),
            Ok(vec!["~/work.conf".to_owned(), "x y".to_owned()])
        );
    }
}
