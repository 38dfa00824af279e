//! Finds what is to be updated: in repositories below directories, in the user's own files, and in connections.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::output::Failure;
use super::plan::{FilePlan, Plan, display};
use crate::app::App;
use crate::migrate::{self, Fix, FixKind, RepositoryScan};
use crate::sys::backup_file::{EditableFile, Lock};
use crate::types::connection::AuthMethod;
use crate::types::escape::strip_os_error_code;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    GitConfig,
    GitModules,
    Netrc,
    KnownHosts,
}

/// Scans everything; nothing is changed.
pub(super) fn plan(dirs: &[PathBuf], app: &App) -> Plan {
    let here = [PathBuf::from(".")];
    let dirs = if dirs.is_empty() { &here } else { dirs };
    let mut scanner = Scanner {
        plan: Plan::default(),
        seen: HashSet::new(),
        home: app.home().map(Path::to_owned),
    };
    let progress = app.ui.progress("scanning for repositories");
    for dir in dirs {
        let before = scanner.plan.repositories;
        let mut reported = 0;
        let found = RepositoryScan::scan(dir, &mut |count| {
            if count > reported {
                reported = count;
                progress.set_message(&format!("found {} repositories", before + count));
            }
        });
        scanner.repositories(dir, found);
    }
    drop(progress);
    // A file outside of one directory may be below another.
    let roots: Vec<PathBuf> = dirs.iter().flat_map(fs::canonicalize).collect();
    let is_below = |path: &PathBuf| roots.iter().any(|root| path.starts_with(root));
    scanner.plan.outside.retain(|path| !is_below(path));
    scanner.scan_user_files(app);
    scanner.connections(app);
    scanner.plan
}

struct Scanner {
    plan: Plan,
    /// The files that were read, by their real paths.
    seen: HashSet<PathBuf>,
    home: Option<PathBuf>,
}

impl Scanner {
    fn repositories(&mut self, dir: &Path, found: RepositoryScan) {
        self.plan.repositories += found.count;
        self.plan.outside.extend(found.outside);
        for (path, error) in found.unreadable {
            self.fail(&path, &format!("cannot be read: {error}"));
        }
        let root = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        for path in found.configs {
            self.scan_file(&path, Kind::GitConfig, &root);
        }
        for path in found.gitmodules {
            self.scan_file(&path, Kind::GitModules, &root);
        }
    }

    /// Scans the user's own files; links are followed anywhere.
    fn scan_user_files(&mut self, app: &App) {
        let home = self.home.clone().unwrap_or_default();
        let root = fs::canonicalize(&home).unwrap_or_else(|_| home.clone());
        for path in app.git_config_files() {
            self.scan_file(&path, Kind::GitConfig, &root);
        }
        if let Ok(ssh_dir) = app.ssh_dir() {
            self.client_config(&ssh_dir, &root);
            self.scan_file(&ssh_dir.join("known_hosts"), Kind::KnownHosts, &root);
            self.scan_file(&home.join(".netrc"), Kind::Netrc, &root);
        }
    }

    /// Scans the configuration of `ssh` and the included files below the root. A section for the new host in one file
    /// applies to all.
    fn client_config(&mut self, ssh_dir: &Path, root: &Path) {
        let mut files = Vec::new();
        let mut queue = VecDeque::from([ssh_dir.join("config")]);
        while let Some(path) = queue.pop_front() {
            let Some(file) = self.read(&path) else {
                continue;
            };
            let included = migrate::client_includes(file.text(), ssh_dir);
            queue.extend(included.into_iter().filter(|path| lies_below(path, root)));
            files.push(file);
        }
        let is_covered = files
            .iter()
            .any(|file| migrate::mentions_new_host(file.text()));
        for file in files {
            let edits = migrate::ssh_config_fixes(file.text(), is_covered);
            self.keep(file, edits, Lock::None);
        }
    }

    fn connections(&mut self, app: &App) {
        let connections = match app.connection_file().load() {
            Ok(connections) => connections,
            Err(error) => return self.fail(Path::new("connections"), &error.to_string()),
        };
        for name in connections.names() {
            let connection = connections.get(&name);
            if connection.is_ok_and(|(_, connection)| connection.auth() == AuthMethod::AppPassword)
            {
                let next = format!(
                    "create an API token (bbconnect token scopes --for read,write --auth api-token shows the scopes), then \
                     bbconnect connection edit {name} --auth api-token --email EMAIL --token-stdin"
                );
                let fix = Fix {
                    kind: FixKind::AppPassword,
                    location: "auth".to_owned(),
                    before: Some(AuthMethod::AppPassword.name().to_owned()),
                    after: None,
                    edits: Vec::new(),
                    manual_step: Some(next),
                };
                self.plan.connections.push((name, fix));
            }
        }
    }

    /// Reads a file, unless it was read before.
    fn read(&mut self, path: &Path) -> Option<EditableFile> {
        let is_absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let file = match fs::canonicalize(path) {
            Ok(real) if self.seen.contains(&real) => return None,
            Ok(real) => {
                self.seen.insert(real);
                EditableFile::read(path)
            }
            Err(error) if is_absent(&error) => return None,
            Err(error) => Err(error),
        };
        file.unwrap_or_else(|error| {
            self.fail(path, &format!("cannot be read: {error}"));
            None
        })
    }

    /// Scans a file once, and the included files below the root.
    fn scan_file(&mut self, path: &Path, kind: Kind, root: &Path) {
        let Some(file) = self.read(path) else { return };
        let file = match git_dir_of(path).filter(|_| kind == Kind::GitModules) {
            // In the work tree, the next `git add` would add the backup.
            Some(git_dir) => file.with_backup_path(git_dir.join("gitmodules")),
            None => file,
        };
        let text = file.text();
        let fixes = match kind {
            Kind::GitConfig => migrate::git_config_fixes(text, false),
            Kind::GitModules => migrate::git_config_fixes(text, true),
            Kind::Netrc => Ok(migrate::netrc_fixes(text)),
            Kind::KnownHosts => Ok(migrate::known_hosts_fixes(text)),
        };
        let included = match kind {
            Kind::GitConfig => migrate::includes(text).unwrap_or_default(),
            Kind::GitModules | Kind::Netrc | Kind::KnownHosts => Vec::new(),
        };
        let lock = match kind {
            Kind::GitConfig | Kind::GitModules => Lock::Git,
            Kind::Netrc | Kind::KnownHosts => Lock::None,
        };
        match fixes {
            Ok(fixes) => self.keep(file, fixes, lock),
            Err(error) => self.fail(path, &format!("cannot be read: {error}")),
        }
        for name in included {
            if let Some(included) = self.included(path, &name)
                && lies_below(&included, root)
            {
                self.scan_file(&included, Kind::GitConfig, root);
            }
        }
    }

    /// The path of an included file: relative to the home directory, or to the including file.
    fn included(&self, by: &Path, name: &str) -> Option<PathBuf> {
        match name.strip_prefix("~/") {
            Some(below) => Some(self.home.as_ref()?.join(below)),
            // Like git, relative to the link where the file is one.
            None => Some(by.parent()?.join(name)),
        }
    }

    fn keep(&mut self, file: EditableFile, fixes: Vec<Fix>, lock: Lock) {
        if !fixes.is_empty() {
            self.plan.files.push(FilePlan {
                file,
                fixes,
                lock,
                failed: false,
            });
        }
    }

    fn fail(&mut self, path: &Path, message: &str) {
        self.plan.errors.push(Failure {
            path: display(path),
            message: strip_os_error_code(message),
        });
    }
}

/// Whether a file is below a directory, links resolved.
fn lies_below(path: &Path, root: &Path) -> bool {
    fs::canonicalize(path).is_ok_and(|real| real.starts_with(root))
}

/// The Git directory of the work tree with this file at its root.
fn git_dir_of(file: &Path) -> Option<PathBuf> {
    let root = file.parent()?;
    let dot_git = root.join(".git");
    let git_dir = if dot_git.is_dir() {
        dot_git
    } else {
        // A linked worktree or a submodule has a file with the path.
        let named = fs::read_to_string(dot_git).ok()?;
        root.join(named.strip_prefix("gitdir:")?.trim())
    };
    git_dir.is_dir().then_some(git_dir)
}
