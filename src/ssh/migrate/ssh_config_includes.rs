//! The files that a client's configuration includes (`ssh_config`(5), `Include`): patterns of paths, from the user's
//! folder of SSH on.

use std::fs;
use std::path::{Path, PathBuf};

use super::ssh_config::lines;
use crate::ssh::host_pattern::matches_exactly;

/// The files that a configuration of the user's includes, in the order in which `ssh` reads them. Those that are named with
/// variables or tokens of `ssh` are left out.
#[must_use]
pub(crate) fn client_includes(text: &str, ssh_folder: &Path) -> Vec<PathBuf> {
    let lines = lines(text);
    let included = lines.iter().filter(|line| line.keyword == "include");
    let patterns = included.flat_map(|line| line.words.iter().map(|(word, _)| *word));
    patterns
        .filter(|pattern| !pattern.contains('%') && !pattern.contains("${"))
        .flat_map(|pattern| found(&from_home(pattern, ssh_folder)))
        .collect()
}

/// A pattern from the root on.
fn from_home(pattern: &str, ssh_folder: &Path) -> PathBuf {
    match (pattern.strip_prefix("~/"), ssh_folder.parent()) {
        (Some(below), Some(home)) => home.join(below),
        _ => ssh_folder.join(pattern),
    }
}

/// What a pattern stands for, sorted as glob(3) does it. Nothing where a folder cannot be read, as with `ssh`.
fn found(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern {
        let is_pattern = part.to_str().filter(|part| part.contains(['*', '?']));
        let Some(names) = is_pattern else {
            for path in &mut found {
                path.push(part);
            }
            continue;
        };
        found = found
            .iter()
            .flat_map(|folder| named(folder, names))
            .collect();
    }
    // `ssh` passes folders over as well. Old versions that were kept stay as they are.
    found.retain(|path| path.exists() && !path.is_dir() && !is_kept(path));
    found
}

/// Whether it is the old version of a file, kept when that was mended.
fn is_kept(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().contains(".bbconnect-")
}

/// What is in a folder and has such a name. A dot at the beginning is never meant by a pattern.
fn named(folder: &Path, names: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_meant = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with('.') == names.starts_with('.') && matches_exactly(names, &name)
    };
    let mut paths: Vec<_> = entries.filter(is_meant).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_are_found_from_the_folder_of_ssh_on() {
        let home = tempfile::tempdir().unwrap();
        let ssh = home.path().join(".ssh");
        for folder in ["config.d/5.conf", "more/a", "more/b"] {
            fs::create_dir_all(ssh.join(folder)).unwrap();
        }
        for file in [
            "config.d/2.conf",
            "config.d/1.conf",
            "config.d/.3.conf",
            "config.d/1.conf.bbconnect-20260101",
            "config.d/4.CONF",
            "more/b/c",
            "x y",
        ] {
            fs::write(ssh.join(file), "").unwrap();
        }
        let absolute = ssh.join("more/?/c");
        for (text, expected) in [
            (
                "Include config.d/*.conf",
                &["config.d/1.conf", "config.d/2.conf"][..],
            ),
            ("include=~/.ssh/config.d/[", &[]),
            (
                "Include config.d/*",
                &["config.d/1.conf", "config.d/2.conf", "config.d/4.CONF"],
            ),
            (
                "Include ~/.ssh/config.d/1.conf \"x y\"",
                &["config.d/1.conf", "x y"],
            ),
            (
                &format!("Host a\n  Include {}", absolute.display()),
                &["more/b/c"],
            ),
            (
                "Include config.d/.* nothing/* %d/x ${HOME}/x # more/b/c",
                &["config.d/.3.conf"],
            ),
            ("IncludeNot x", &[]),
        ] {
            let expected: Vec<_> = expected.iter().map(|path| ssh.join(path)).collect();
            assert_eq!(client_includes(text, &ssh), expected, "{text}");
        }
    }
}
