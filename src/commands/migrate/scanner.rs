//! Gathers what is to be mended: from repositories below folders, and from the user's own files and connections.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::output::Failure;
use super::plan::{FilePlan, Plan, shown};
use crate::app::App;
use crate::migrate::{self, Fix, FixKind, RepositoryScan};
use crate::sys::backup_file::{EditableFile, Lock};
use crate::types::connection::AuthMethod;
use crate::types::escape::strip_os_error_code;

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    GitConfig,
    GitModules,
    Netrc,
    KnownHosts,
}

/// Looks at everything. Nothing is changed.
pub(super) fn plan(folders: &[PathBuf], app: &App) -> Plan {
    let here = [PathBuf::from(".")];
    let folders = if folders.is_empty() { &here } else { folders };
    let mut gathering = Scanner {
        plan: Plan::default(),
        seen: HashSet::new(),
        home: app.home().map(Path::to_owned),
    };
    let progress = app.ui.progress("looking for repositories");
    for folder in folders {
        let before = gathering.plan.repositories;
        let mut told = 0;
        let found = RepositoryScan::scan(folder, &mut |count| {
            if count > told {
                told = count;
                progress.set_message(&format!("found {} repositories", before + count));
            }
        });
        gathering.repositories(folder, found);
    }
    drop(progress);
    // What is outside of one folder may be below another.
    let roots: Vec<PathBuf> = folders.iter().flat_map(fs::canonicalize).collect();
    let is_below = |path: &PathBuf| roots.iter().any(|root| path.starts_with(root));
    gathering.plan.outside.retain(|path| !is_below(path));
    gathering.scan_user_files(app);
    gathering.connections(app);
    gathering.plan
}

struct Scanner {
    plan: Plan,
    /// Files that were looked at, by their real paths.
    seen: HashSet<PathBuf>,
    home: Option<PathBuf>,
}

impl Scanner {
    fn repositories(&mut self, folder: &Path, found: RepositoryScan) {
        self.plan.repositories += found.count;
        self.plan.outside.extend(found.outside);
        for (path, error) in found.unreadable {
            self.fail(&path, &format!("cannot be read: {error}"));
        }
        let root = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        for path in found.configs {
            self.scan_file(&path, Kind::GitConfig, &root);
        }
        for path in found.gitmodules {
            self.scan_file(&path, Kind::GitModules, &root);
        }
    }

    /// The user's own files. Where one is a link, its target is meant, wherever that is.
    fn scan_user_files(&mut self, app: &App) {
        let home = self.home.clone().unwrap_or_default();
        let root = fs::canonicalize(&home).unwrap_or_else(|_| home.clone());
        for path in app.git_config_files() {
            self.scan_file(&path, Kind::GitConfig, &root);
        }
        if let Ok(folder) = app.ssh_dir() {
            self.client_config(&folder, &root);
            self.scan_file(&folder.join("known_hosts"), Kind::KnownHosts, &root);
            self.scan_file(&home.join(".netrc"), Kind::Netrc, &root);
        }
    }

    /// The configuration of `ssh`, and the files that it includes as far as they are below the root: what one of them
    /// has for the new host counts for all.
    fn client_config(&mut self, ssh_folder: &Path, root: &Path) {
        let mut files = Vec::new();
        let mut left = VecDeque::from([ssh_folder.join("config")]);
        while let Some(path) = left.pop_front() {
            let Some(file) = self.read(&path) else {
                continue;
            };
            let included = migrate::client_includes(file.text(), ssh_folder);
            left.extend(included.into_iter().filter(|path| lies_below(path, root)));
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
                    "make an API token (bbconnect token scopes --for read,write --auth api-token tells what to tick), then \
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

    /// Reads a file that was not looked at before.
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

    /// Looks at a file once, and at the files that it includes as far as they are below the root.
    fn scan_file(&mut self, path: &Path, kind: Kind, root: &Path) {
        let Some(file) = self.read(path) else { return };
        let file = match git_folder_of(path).filter(|_| kind == Kind::GitModules) {
            // In the work tree, the next `git add` would take it.
            Some(folder) => file.with_backup_path(folder.join("gitmodules")),
            None => file,
        };
        let text = file.text();
        let mends = match kind {
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
        match mends {
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

    /// Where an included file is: from the home folder, or from the file that includes it.
    fn included(&self, by: &Path, name: &str) -> Option<PathBuf> {
        match name.strip_prefix("~/") {
            Some(below) => Some(self.home.as_ref()?.join(below)),
            // As git does: where the file is a link, beside the link.
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
            path: shown(path),
            message: strip_os_error_code(message),
        });
    }
}

/// Whether a file really is below a folder.
fn lies_below(path: &Path, root: &Path) -> bool {
    fs::canonicalize(path).is_ok_and(|real| real.starts_with(root))
}

/// Where git keeps what belongs to the work tree that a file is at the root of.
fn git_folder_of(file: &Path) -> Option<PathBuf> {
    let root = file.parent()?;
    let dot_git = root.join(".git");
    let folder = if dot_git.is_dir() {
        dot_git
    } else {
        // A work tree of several, or a submodule, names its folder in a file.
        let named = fs::read_to_string(dot_git).ok()?;
        root.join(named.strip_prefix("gitdir:")?.trim())
    };
    folder.is_dir().then_some(folder)
}
