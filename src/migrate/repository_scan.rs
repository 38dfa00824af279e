//! Repositories below a folder, found without starting git: ordinary ones, worktrees, submodules, bare ones. Links are
//! not followed, and what lies outside of the folder is told, not opened.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

/// The folders in a repository's own that are git's (gitrepository-layout(5)), and those of Git LFS.
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

/// What configures repositories below a folder.
#[derive(Debug, Default)]
pub(crate) struct RepositoryScan {
    /// How many there are; a worktree counts with its repository.
    pub count: usize,
    /// Their configuration files.
    pub configs: Vec<PathBuf>,
    /// Their `.gitmodules`.
    pub gitmodules: Vec<PathBuf>,
    /// Repositories and files that belong to a checkout below the folder, but are not below it.
    pub outside: Vec<PathBuf>,
    /// What could not be read.
    pub unreadable: Vec<(PathBuf, io::Error)>,
}

impl RepositoryScan {
    /// Looks for repositories below a folder. `seen` is told their number as it grows.
    #[must_use]
    pub(crate) fn scan(folder: &Path, seen: &mut dyn FnMut(usize)) -> Self {
        let mut walk = Walk {
            root: folder.to_owned(),
            visited: HashSet::new(),
            found: Self::default(),
        };
        match fs::canonicalize(folder) {
            Ok(root) if root.is_dir() => {
                walk.root.clone_from(&root);
                let mut waiting = vec![root];
                while let Some(folder) = waiting.pop() {
                    walk.folder(&folder, &mut waiting);
                    seen(walk.found.count);
                }
            }
            Ok(file) => walk.fail(&file, io::ErrorKind::NotADirectory.into()),
            Err(error) => walk.fail(folder, error),
        }
        let mut found = walk.found;
        found.configs.sort();
        found.gitmodules.sort();
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
    /// Looks at a folder, and names the folders in it that are to be looked at.
    fn folder(&mut self, folder: &Path, waiting: &mut Vec<PathBuf>) {
        let entries = self.entries(folder);
        let named = |name: &str| entries.iter().any(|entry| entry.file_name() == name);
        let is_bare = named("HEAD") && named("objects") && named("refs") && named("config");
        if is_bare {
            self.git_folder(folder);
        }
        if named(".git") {
            self.checkout(folder);
            if named(".gitmodules") {
                let path = folder.join(".gitmodules");
                if self.is_below(&path) {
                    self.found.gitmodules.push(path);
                }
            }
        }
        // The worktrees of a bare repository may be in it, beside what is git's.
        let gits: &[&str] = if is_bare { &GIT_DIR_ENTRIES } else { &[".git"] };
        let folders = entries.into_iter().filter(|entry| {
            let is_gits = gits.iter().any(|name| entry.file_name() == *name);
            !is_gits && entry.file_type().is_ok_and(|kind| kind.is_dir())
        });
        waiting.extend(folders.map(|entry| entry.path()));
    }

    /// The repository of a checkout: `.git` is its folder, or a file that names it.
    fn checkout(&mut self, folder: &Path) {
        let git = folder.join(".git");
        let named = if git.is_dir() {
            Ok(git.clone())
        } else {
            pointer(&git, "gitdir: ").map(|named| folder.join(named))
        };
        let git_folder = named.and_then(fs::canonicalize).and_then(|git_folder| {
            // A worktree has the folder of its repository for most things.
            match pointer(&git_folder.join("commondir"), "") {
                Ok(common) => fs::canonicalize(git_folder.join(common)),
                Err(_) => Ok(git_folder),
            }
        });
        match git_folder {
            Ok(git_folder) if git_folder.starts_with(&self.root) => self.git_folder(&git_folder),
            Ok(git_folder) => self.found.outside.push(git_folder),
            // A worktree whose repository is gone is none; git says so as well.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.fail(&git, error),
        }
    }

    /// The folder of a repository: its configuration, that of its worktrees, and its submodules.
    fn git_folder(&mut self, folder: &Path) {
        if !self.visited.insert(folder.to_owned()) {
            return;
        }
        self.found.count += 1;
        self.config(&folder.join("config"));
        self.config(&folder.join("config.worktree"));
        for worktree in self.entries_if_there(&folder.join("worktrees")) {
            self.config(&worktree.path().join("config.worktree"));
        }
        self.modules(&folder.join("modules"));
    }

    /// Submodules; a name with a slash is a folder in a folder.
    fn modules(&mut self, folder: &Path) {
        for entry in self.entries_if_there(folder) {
            let path = entry.path();
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if path.join("HEAD").is_file() && path.join("objects").is_dir() {
                self.git_folder(&path);
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

    /// Whether a file is below the root, also when it is a link; otherwise it is noted.
    fn is_below(&mut self, path: &Path) -> bool {
        match fs::canonicalize(path) {
            Ok(real) if real.starts_with(&self.root) => true,
            Ok(real) => {
                self.found.outside.push(real);
                false
            }
            // A link to nothing.
            Err(_) => false,
        }
    }

    fn entries_if_there(&mut self, folder: &Path) -> Vec<DirEntry> {
        let is_folder = fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir());
        if is_folder {
            self.entries(folder)
        } else {
            Vec::new()
        }
    }

    fn entries(&mut self, folder: &Path) -> Vec<DirEntry> {
        let entries = fs::read_dir(folder).and_then(Iterator::collect);
        entries.unwrap_or_else(|error| {
            // A folder that has just been removed needs no mending.
            if error.kind() != io::ErrorKind::NotFound {
                self.fail(folder, error);
            }
            Vec::new()
        })
    }

    fn fail(&mut self, path: &Path, error: io::Error) {
        self.found.unreadable.push((path.to_owned(), error));
    }
}

/// The path in a file of one line, behind a word.
fn pointer(file: &Path, word: &str) -> io::Result<PathBuf> {
    /// A path is not longer.
    const MOST: u64 = 64 * 1024;
    if !fs::metadata(file)?.is_file() || fs::metadata(file)?.len() > MOST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let bytes = fs::read(file)?;
    let line = bytes.strip_prefix(word.as_bytes());
    let line = line.ok_or(io::ErrorKind::InvalidData)?.trim_ascii_end();
    path_of(line).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere a path is text")]
fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    str::from_utf8(bytes).ok().map(PathBuf::from)
}
