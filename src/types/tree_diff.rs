//! Compares the files of a directory with those of a branch.

use std::collections::{BTreeMap, BTreeSet};

use super::commit::{FileMode, LocalFile, TreeDiff, TreeEntry};
use super::publish_trailer::blob_hash;

/// A comparison before files of the same size are read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub diff: TreeDiff,
    /// Paths whose contents must be compared.
    pub unknown: Vec<String>,
    /// Paths of the branch that are kept but conflict: a file there is a directory here, or the reverse.
    pub in_the_way: Vec<String>,
}

/// `removes` decides which files that only the branch has are removed. Entries other than files, such as submodules, are
/// kept.
#[must_use]
pub(crate) fn diff_trees(
    files: &[LocalFile],
    entries: &[TreeEntry],
    removes: impl Fn(&str) -> bool,
) -> Comparison {
    let ours: BTreeMap<&str, &LocalFile> = files
        .iter()
        .map(|file| (file.path.as_str(), file))
        .collect();
    let theirs: BTreeMap<&str, &TreeEntry> = entries
        .iter()
        .map(|entry| (entry.path.as_str(), entry))
        .collect();
    let dirs: BTreeSet<&str> = files.iter().flat_map(|file| parents(&file.path)).collect();
    let mut comparison = Comparison::default();
    let TreeDiff {
        added,
        changed,
        removed,
    } = &mut comparison.diff;
    for (path, file) in &ours {
        match theirs.get(path) {
            None => added.push((*path).to_owned()),
            Some(entry) if !is_same_mode(file.mode, entry.mode) => changed.push((*path).to_owned()),
            Some(TreeEntry {
                hash: Some(hash), ..
            }) => {
                if *hash != blob_hash(&file.content) {
                    changed.push((*path).to_owned());
                }
            }
            Some(TreeEntry {
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
        } else if dirs.contains(path) || parents(path).any(|dir| ours.contains_key(dir)) {
            comparison.in_the_way.push((*path).to_owned());
        }
    }
    comparison
}

fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at))
}

/// Windows has no executable bit; the branch's is kept there.
fn is_same_mode(ours: FileMode, theirs: Option<FileMode>) -> bool {
    theirs == Some(ours)
        || (cfg!(not(unix)) && ours == FileMode::Regular && theirs == Some(FileMode::Executable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, mode: FileMode, content: &str) -> LocalFile {
        LocalFile {
            path: path.to_owned(),
            mode,
            content: content.as_bytes().to_vec(),
        }
    }

    fn entry(path: &str, mode: Option<FileMode>, size: u64) -> TreeEntry {
        TreeEntry {
            path: path.to_owned(),
            mode,
            size: Some(size),
            hash: None,
        }
    }

    #[test]
    fn a_directory_and_a_branch_are_compared() {
        let files = [
            file("new", FileMode::Regular, "1"),
            file("longer", FileMode::Regular, "123"),
            file("same-size", FileMode::Regular, "123"),
            file("was-dir", FileMode::Regular, ""),
            file("was-file/inside", FileMode::Regular, ""),
        ];
        let entries = [
            entry("longer", Some(FileMode::Regular), 2),
            entry("same-size", Some(FileMode::Regular), 3),
            entry("was-dir/inside", Some(FileMode::Regular), 0),
            entry("was-file", Some(FileMode::Regular), 0),
            entry("other", Some(FileMode::Regular), 0),
            entry("kept", Some(FileMode::Regular), 0),
            entry("module", None, 0),
        ];
        let Comparison {
            diff,
            unknown,
            in_the_way,
        } = diff_trees(&files, &entries, |path| path != "kept");
        assert_eq!(diff.added, ["new", "was-dir", "was-file/inside"]);
        assert_eq!(diff.changed, ["longer"]);
        assert_eq!(diff.removed, ["other", "was-dir/inside", "was-file"]);
        assert_eq!(unknown, ["same-size"]);
        assert!(in_the_way.is_empty());
        let kept = diff_trees(&files, &entries, |_| false);
        assert!(kept.diff.removed.is_empty());
        assert_eq!(kept.in_the_way, ["was-dir/inside", "was-file"]);
    }

    #[test]
    fn entries_with_a_hash_need_no_content() {
        let files = [
            file("a", FileMode::Regular, "1"),
            file("b", FileMode::Regular, "2"),
        ];
        let entries = ["a", "b"].map(|path| TreeEntry {
            hash: Some(blob_hash(b"1")),
            ..entry(path, Some(FileMode::Regular), 1)
        });
        let compared = diff_trees(&files, &entries, |_| false);
        assert_eq!(compared.diff.changed, ["b"]);
        assert!(compared.unknown.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn an_executable_bit_is_a_change() {
        let files = [file("run", FileMode::Executable, "1")];
        let entries = [entry("run", Some(FileMode::Regular), 1)];
        assert_eq!(
            diff_trees(&files, &entries, |_| false).diff.changed,
            ["run"]
        );
    }
}
