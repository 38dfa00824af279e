//! What differs between the files of a folder and those of a branch: a pure comparison.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Difference, Entry, File, Mode};
use super::mark::blob_hash;

/// A comparison, before contents of the same size were looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What differs for certain.
    pub difference: Difference,
    /// Paths whose contents must be looked at.
    pub unknown: Vec<String>,
    /// Paths of the branch that stay, although a file there has the name of a folder here, or the other way round.
    pub in_the_way: Vec<String>,
}

/// Compares. What only the branch has is removed where `removes` says so. What is no file there, such as a submodule,
/// stays.
#[must_use]
pub fn compare(files: &[File], entries: &[Entry], removes: impl Fn(&str) -> bool) -> Comparison {
    let ours: BTreeMap<&str, &File> = files
        .iter()
        .map(|file| (file.path.as_str(), file))
        .collect();
    let theirs: BTreeMap<&str, &Entry> = entries
        .iter()
        .map(|entry| (entry.path.as_str(), entry))
        .collect();
    let folders: BTreeSet<&str> = files.iter().flat_map(|file| above(&file.path)).collect();
    let mut comparison = Comparison::default();
    let Difference {
        added,
        changed,
        removed,
    } = &mut comparison.difference;
    for (path, file) in &ours {
        match theirs.get(path) {
            None => added.push((*path).to_owned()),
            Some(entry) if !is_same_mode(file.mode, entry.mode) => changed.push((*path).to_owned()),
            Some(Entry {
                hash: Some(hash), ..
            }) => {
                if *hash != blob_hash(&file.content) {
                    changed.push((*path).to_owned());
                }
            }
            Some(Entry {
                size: Some(size), ..
            }) if *size != file.content.len() as u64 => {
                changed.push((*path).to_owned());
            }
            Some(_) => comparison.unknown.push((*path).to_owned()),
        }
    }
    for (path, entry) in &theirs {
        if ours.contains_key(path) {
            continue;
        }
        if entry.mode.is_some() && removes(path) {
            removed.push((*path).to_owned());
        } else if folders.contains(path) || above(path).any(|folder| ours.contains_key(folder)) {
            comparison.in_the_way.push((*path).to_owned());
        }
    }
    comparison
}

/// The folders that a path is in.
fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at))
}

/// Windows has no executable bit, so there the branch's counts.
fn is_same_mode(ours: Mode, theirs: Option<Mode>) -> bool {
    theirs == Some(ours)
        || (cfg!(not(unix)) && ours == Mode::Plain && theirs == Some(Mode::Executable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, mode: Mode, content: &str) -> File {
        File {
            path: path.to_owned(),
            mode,
            content: content.as_bytes().to_vec(),
        }
    }

    fn entry(path: &str, mode: Option<Mode>, size: u64) -> Entry {
        Entry {
            path: path.to_owned(),
            mode,
            size: Some(size),
            hash: None,
        }
    }

    #[test]
    fn a_folder_and_a_branch_are_compared() {
        let files = [
            file("new", Mode::Plain, "1"),
            file("longer", Mode::Plain, "123"),
            file("same-size", Mode::Plain, "123"),
            file("was-folder", Mode::Plain, ""),
            file("was-file/inside", Mode::Plain, ""),
        ];
        let entries = [
            entry("longer", Some(Mode::Plain), 2),
            entry("same-size", Some(Mode::Plain), 3),
            entry("was-folder/inside", Some(Mode::Plain), 0),
            entry("was-file", Some(Mode::Plain), 0),
            entry("other", Some(Mode::Plain), 0),
            entry("kept", Some(Mode::Plain), 0),
            entry("module", None, 0),
        ];
        let Comparison {
            difference,
            unknown,
            in_the_way,
        } = compare(&files, &entries, |path| path != "kept");
        assert_eq!(difference.added, ["new", "was-file/inside", "was-folder"]);
        assert_eq!(difference.changed, ["longer"]);
        assert_eq!(
            difference.removed,
            ["other", "was-file", "was-folder/inside"]
        );
        assert_eq!(unknown, ["same-size"]);
        assert!(in_the_way.is_empty());
        let kept = compare(&files, &entries, |_| false);
        assert!(kept.difference.removed.is_empty());
        assert_eq!(kept.in_the_way, ["was-file", "was-folder/inside"]);
    }

    #[test]
    fn what_has_a_hash_need_not_be_looked_at() {
        let files = [file("a", Mode::Plain, "1"), file("b", Mode::Plain, "2")];
        let entries = ["a", "b"].map(|path| Entry {
            hash: Some(blob_hash(b"1")),
            ..entry(path, Some(Mode::Plain), 1)
        });
        let compared = compare(&files, &entries, |_| false);
        assert_eq!(compared.difference.changed, ["b"]);
        assert!(compared.unknown.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn an_executable_bit_is_a_change() {
        let files = [file("run", Mode::Executable, "1")];
        let entries = [entry("run", Some(Mode::Plain), 1)];
        assert_eq!(
            compare(&files, &entries, |_| false).difference.changed,
            ["run"]
        );
    }
}
