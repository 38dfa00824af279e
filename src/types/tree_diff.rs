//! The difference between the files of a local directory and the tree of a commit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

/// The kinds of tree entries that have a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileMode {
    Regular,
    Executable,
    /// A symbolic link: the blob is its target.
    Symlink,
}

/// Where the content of a local file is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileContent {
    /// A file, which may be too large for memory.
    File(PathBuf),
    LinkTarget(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalFile {
    /// The path in the repository, with `/`.
    pub path: String,
    pub mode: FileMode,
    /// The hash of Git's blob with this content.
    pub hash: String,
    pub content: FileContent,
}

/// An entry of a commit's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeEntry {
    pub path: String,
    /// `None` for an entry without a blob: a submodule.
    pub mode: Option<FileMode>,
    pub hash: String,
}

/// The paths that differ, each list sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct TreeDiff {
    /// Only in the directory.
    pub added: Vec<String>,
    /// Different in the directory.
    pub changed: Vec<String>,
    /// Only in the commit, and to be removed there.
    pub removed: Vec<String>,
}

impl TreeDiff {
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    /// Whether a path is added or changed.
    pub(crate) fn writes(&self, path: &str) -> bool {
        let lists = [&self.added, &self.changed];
        lists
            .iter()
            .any(|list| list.binary_search_by(|own| own.as_str().cmp(path)).is_ok())
    }
}

/// A difference, and what prevents it from being committed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub diff: TreeDiff,
    /// Paths of the commit that are not removed, although one is a file where the directory has a directory, or the
    /// other way round.
    pub conflicts: Vec<String>,
}

/// Compares the directory with the entries of a tree. `removes` decides about entries that the directory lacks.
/// Submodules are never removed.
pub(crate) fn diff_trees(
    files: &[LocalFile],
    entries: &[TreeEntry],
    removes: impl Fn(&str) -> bool,
) -> Comparison {
    let local: BTreeMap<&str, &LocalFile> = files
        .iter()
        .map(|file| (file.path.as_str(), file))
        .collect();
    let remote: BTreeMap<&str, &TreeEntry> = entries
        .iter()
        .map(|entry| (entry.path.as_str(), entry))
        .collect();
    let local_dirs: BTreeSet<&str> = files.iter().flat_map(|file| parents(&file.path)).collect();
    let mut comparison = Comparison::default();
    let TreeDiff {
        added,
        changed,
        removed,
    } = &mut comparison.diff;
    for (path, file) in &local {
        match remote.get(path) {
            None => added.push((*path).to_owned()),
            Some(entry) if entry.hash == file.hash && is_same_mode(file.mode, entry.mode) => {}
            Some(_) => changed.push((*path).to_owned()),
        }
    }
    for (path, entry) in &remote {
        if local.contains_key(path) {
            continue;
        }
        if entry.mode.is_some() && removes(path) {
            removed.push((*path).to_owned());
        } else if local_dirs.contains(path) || parents(path).any(|dir| local.contains_key(dir)) {
            comparison.conflicts.push((*path).to_owned());
        }
    }
    comparison
}

/// The directories that contain a path, outermost first.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at))
}

/// Windows has no executable bit, so there the mode of the tree entry is kept.
fn is_same_mode(local: FileMode, remote: Option<FileMode>) -> bool {
    remote == Some(local)
        || (cfg!(not(unix)) && local == FileMode::Regular && remote == Some(FileMode::Executable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, mode: FileMode, hash: &str) -> LocalFile {
        LocalFile {
            path: path.to_owned(),
            mode,
            hash: hash.to_owned(),
            content: FileContent::File(PathBuf::from(path)),
        }
    }

    fn entry(path: &str, mode: Option<FileMode>, hash: &str) -> TreeEntry {
        TreeEntry {
            path: path.to_owned(),
            mode,
            hash: hash.to_owned(),
        }
    }

    #[test]
    fn added_changed_and_removed_paths() {
        let regular = Some(FileMode::Regular);
        let files = [
            file("new", FileMode::Regular, "1"),
            file("changed", FileMode::Regular, "1"),
            file("same", FileMode::Regular, "1"),
            file("was-dir", FileMode::Regular, "1"),
            file("was-file/inside", FileMode::Regular, "1"),
        ];
        let entries = [
            entry("changed", regular, "2"),
            entry("same", regular, "1"),
            entry("was-dir/inside", regular, "1"),
            entry("was-file", regular, "1"),
            entry("other", regular, "1"),
            entry("kept", regular, "1"),
            entry("module", None, "1"),
        ];
        let Comparison { diff, conflicts } = diff_trees(&files, &entries, |path| path != "kept");
        assert_eq!(diff.added, ["new", "was-dir", "was-file/inside"]);
        assert_eq!(diff.changed, ["changed"]);
        assert_eq!(diff.removed, ["other", "was-dir/inside", "was-file"]);
        assert!(conflicts.is_empty());
        let kept = diff_trees(&files, &entries, |_| false);
        assert!(kept.diff.removed.is_empty());
        assert_eq!(kept.conflicts, ["was-dir/inside", "was-file"]);
    }

    #[cfg(unix)]
    #[test]
    fn executable_bit_is_a_change() {
        let files = [file("run", FileMode::Executable, "1")];
        let entries = [entry("run", Some(FileMode::Regular), "1")];
        let diff = diff_trees(&files, &entries, |_| false).diff;
        assert_eq!(diff.changed, ["run"]);
    }
}
