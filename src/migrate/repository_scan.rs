//! Finds repositories below a directory without running git: ordinary ones, worktrees, submodules, bare ones. Links are not
//! followed, and what is outside of the directory is reported, not opened.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use super::git_config_file::ConfigFile;
use crate::sys::backup_file::read_regular_file;
use crate::sys::regular_file::path_from_bytes;

/// The directories of git in a bare repository (gitrepository-layout(5)), and of Git LFS.
const GIT_DIR_ENTRIES: [&str; 11] = [
    ".git",
    "branches",
    "hooks",
    "info",
    "lfs",
    "logs",
    "modules",
    "objects",
    "refs",
    "rr-cache",
    "worktrees",
];

/// The configuration files of repositories below a directory.
#[derive(Debug, Default)]
pub(crate) struct RepositoryScan {
    /// The number of repositories; a worktree belongs to its repository.
    pub count: usize,
    pub configs: Vec<PathBuf>,
    /// Work trees.
    pub checkouts: Vec<Checkout>,
    /// Repositories and files that a checkout below the directory uses, but that are not below it.
    pub outside: Vec<PathBuf>,
    pub unreadable: Vec<(PathBuf, io::Error)>,
}

/// A work tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Checkout {
    pub root: PathBuf,
    /// Whether the configuration of its repository is a regular file.
    pub has_readable_config: bool,
    /// Its Git directory, if that is below the scanned directory: the place for backups of files in the work tree.
    pub git_dir: Option<PathBuf>,
    /// The files at its root that Git and Git LFS read as configuration.
    pub gitmodules: Option<PathBuf>,
    pub lfsconfig: Option<PathBuf>,
}

impl RepositoryScan {
    /// Scans a directory. `on_count` is called with the number of repositories so far.
    pub(crate) fn scan(dir: &Path, on_count: &mut dyn FnMut(usize)) -> Self {
        let mut walk = Walk {
            root: dir.to_owned(),
            visited: HashSet::new(),
            found: Self::default(),
        };
        match fs::canonicalize(dir) {
            Ok(root) if root.is_dir() => {
                walk.root.clone_from(&root);
                let mut queue = vec![root];
                while let Some(dir) = queue.pop() {
                    walk.dir(&dir, &mut queue);
                    on_count(walk.found.count);
                }
            }
            Ok(file) => walk.fail(&file, io::ErrorKind::NotADirectory.into()),
            Err(error) => walk.fail(dir, error),
        }
        let mut found = walk.found;
        found.configs.sort();
        found.checkouts.sort();
        found.outside.sort();
        found.outside.dedup();
        found
    }
}

struct Walk {
    root: PathBuf,
    visited: HashSet<PathBuf>,
    found: RepositoryScan,
}

impl Walk {
    /// Scans a directory, and adds its subdirectories to the queue.
    fn dir(&mut self, dir: &Path, queue: &mut Vec<PathBuf>) {
        let entries = self.entries(dir);
        let named = |name: &str| entries.iter().any(|entry| entry.file_name() == name);
        let is_bare = named("HEAD") && named("objects") && named("refs") && named("config");
        if is_bare {
            self.git_dir(dir);
        }
        if named(".git")
            && let Some(git_dir) = self.checkout(dir)
        {
            let mut file = |name: &str| {
                let path = dir.join(name);
                (named(name) && self.is_below(&path)).then_some(path)
            };
            let (gitmodules, lfsconfig) = (file(".gitmodules"), file(".lfsconfig"));
            let common = common_dir(&git_dir).unwrap_or_else(|| git_dir.clone());
            self.found.checkouts.push(Checkout {
                root: dir.to_owned(),
                has_readable_config: common.join("config").is_file(),
                git_dir: Some(git_dir).filter(|git_dir| git_dir.starts_with(&self.root)),
                gitmodules,
                lfsconfig,
            });
        }
        // The worktrees of a bare repository may be in its directory.
        let skipped: &[&str] = if is_bare { &GIT_DIR_ENTRIES } else { &[".git"] };
        let dirs = entries.into_iter().filter(|entry| {
            let is_skipped = skipped.iter().any(|name| entry.file_name() == *name);
            !is_skipped && entry.file_type().is_ok_and(|kind| kind.is_dir())
        });
        queue.extend(dirs.map(|entry| entry.path()));
    }

    /// Scans the repository of a checkout: `.git` is its directory, or a file with the path. Returns its own Git directory;
    /// `None` where there is no repository, or one with another work tree.
    fn checkout(&mut self, dir: &Path) -> Option<PathBuf> {
        let git = dir.join(".git");
        let is_file = !git.is_dir();
        let git_dir = if is_file {
            pointer(&git, "gitdir: ").map(|path| dir.join(path))
        } else {
            Ok(git.clone())
        };
        let git_dir = match git_dir.and_then(fs::canonicalize) {
            Ok(git_dir) => git_dir,
            // A worktree without its repository is no checkout for git either.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.fail(&git, error);
                return None;
            }
        };
        let common = common_dir(&git_dir)?;
        let is_repository = git_dir.join("HEAD").exists() && common.join("objects").is_dir();
        if !is_repository || is_file && !is_work_tree_of(dir, &git_dir) {
            return None;
        }
        if common.starts_with(&self.root) {
            self.git_dir(&common);
        } else {
            self.found.outside.push(common);
        }
        Some(git_dir)
    }

    /// Scans the directory of a repository: its configuration, that of its worktrees, and its submodules.
    fn git_dir(&mut self, dir: &Path) {
        if !self.visited.insert(dir.to_owned()) {
            return;
        }
        self.found.count += 1;
        self.config(&dir.join("config"));
        self.config(&dir.join("config.worktree"));
        for worktree in self.entries_if_dir(&dir.join("worktrees")) {
            self.config(&worktree.path().join("config.worktree"));
        }
        self.modules(&dir.join("modules"));
    }

    /// Scans submodules; those with a slash in their name are in subdirectories.
    fn modules(&mut self, dir: &Path) {
        for entry in self.entries_if_dir(dir) {
            let path = entry.path();
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if path.join("HEAD").is_file() && path.join("objects").is_dir() {
                self.git_dir(&path);
            } else {
                self.modules(&path);
            }
        }
    }

    fn config(&mut self, path: &Path) {
        if path.is_file() && self.is_below(path) {
            self.found.configs.push(path.to_owned());
        }
    }

    /// Whether a file is below the root, links resolved; otherwise it is recorded as outside.
    fn is_below(&mut self, path: &Path) -> bool {
        match fs::canonicalize(path) {
            Ok(real) if real.starts_with(&self.root) => true,
            Ok(real) => {
                self.found.outside.push(real);
                false
            }
            // A dangling link.
            Err(_) => false,
        }
    }

    fn entries_if_dir(&mut self, path: &Path) -> Vec<DirEntry> {
        let is_dir = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
        if is_dir {
            self.entries(path)
        } else {
            Vec::new()
        }
    }

    fn entries(&mut self, dir: &Path) -> Vec<DirEntry> {
        let entries = fs::read_dir(dir).and_then(Iterator::collect);
        entries.unwrap_or_else(|error| {
            // A directory that has just been removed is not an error.
            if error.kind() != io::ErrorKind::NotFound {
                self.fail(dir, error);
            }
            Vec::new()
        })
    }

    fn fail(&mut self, path: &Path, error: io::Error) {
        self.found.unreadable.push((path.to_owned(), error));
    }
}

/// The Git directory with the configuration: a linked worktree shares that of its repository.
fn common_dir(git_dir: &Path) -> Option<PathBuf> {
    match pointer(&git_dir.join("commondir"), "") {
        Ok(common) => fs::canonicalize(git_dir.join(common)).ok(),
        Err(_) => Some(git_dir.to_owned()),
    }
}

/// Whether a directory is the work tree of a Git directory that its file `.git` names: of a linked worktree, a submodule
/// (`core.worktree`), or a repository that was separated from it, which does not name its work tree.
fn is_work_tree_of(dir: &Path, git_dir: &Path) -> bool {
    let is_same = |path: PathBuf| {
        let paths = (fs::canonicalize(path), fs::canonicalize(dir));
        matches!(paths, (Ok(named), Ok(dir)) if named == dir)
    };
    if let Ok(dot_git) = pointer(&git_dir.join("gitdir"), "") {
        let dot_git = git_dir.join(dot_git);
        return dot_git
            .parent()
            .is_some_and(|root| is_same(root.to_owned()));
    }
    let Ok(bytes) = read_regular_file(&git_dir.join("config")) else {
        return false;
    };
    let text = String::from_utf8_lossy(&bytes);
    let Ok(config) = ConfigFile::parse(&text) else {
        return false;
    };
    let mut entries = config.entries.iter().rev();
    let work_tree = entries.find(|entry| {
        let header = config.header(entry);
        header.is_some_and(|header| header.section == "core" && header.subsection.is_none())
            && entry.key == "worktree"
    });
    match work_tree {
        Some(entry) => is_same(git_dir.join(&entry.value)),
        // An ordinary repository has the work tree around it.
        None => {
            git_dir.file_name().is_none_or(|name| name != ".git")
                || git_dir
                    .parent()
                    .is_some_and(|root| is_same(root.to_owned()))
        }
    }
}

/// The path after a prefix in a file of one line.
fn pointer(file: &Path, prefix: &str) -> io::Result<PathBuf> {
    let bytes = read_regular_file(file)?;
    let line = bytes.strip_prefix(prefix.as_bytes());
    let line = line.ok_or(io::ErrorKind::InvalidData)?.trim_ascii_end();
    path_from_bytes(line).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
