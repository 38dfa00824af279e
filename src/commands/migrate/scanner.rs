//! Finds what is to be updated: in repositories below directories, in the user's own files, and in connections.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::output::Failure;
use super::plan::{FilePlan, Plan, display};
use crate::app::App;
use crate::error::Error;
use crate::git;
use crate::migrate::{
    self, Checkout, ConfigRole, Fix, FixKind, RETIRED_KEY_START, RepositoryScan, SshConfig,
};
use crate::sys::backup_file::{BACKUP_DIR, EditableFile, Lock, read_regular_file};
use crate::sys::worker_pool;
use crate::types::cloud_hosts::RETIRED_SSH;
use crate::types::connection::AuthMethod;
use crate::types::escape::strip_os_error_code;
use crate::types::retired_url::redact_url;

/// As deep as git follows includes (config.c, `MAX_INCLUDE_DEPTH`).
const MAX_INCLUDE_DEPTH: usize = 10;
/// How long git may search one repository, unless `--timeout` says otherwise.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(30);

/// What is scanned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    /// Whether tracked files are updated, and not only counted.
    pub(super) files: bool,
    /// Whether the user's own files and connections are scanned.
    pub(super) user_config: bool,
}

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Config(ConfigRole),
    Netrc,
    GitCredentials,
}

/// Scans everything; nothing is changed.
pub(super) fn plan(dirs: &[PathBuf], scope: Scope, app: &App) -> Plan {
    let here = [PathBuf::from(".")];
    let dirs = if dirs.is_empty() { &here } else { dirs };
    let mut scanner = Scanner {
        plan: Plan::default(),
        seen: HashSet::new(),
        credential_files: Vec::new(),
        is_user_file: false,
        home: app.home().map(Path::to_owned),
    };
    let progress = app.ui.progress("scanning for repositories");
    let mut checkouts = Vec::new();
    for dir in dirs {
        let before = scanner.plan.repositories;
        let mut reported = 0;
        let mut found = RepositoryScan::scan(dir, &mut |count| {
            if count > reported {
                reported = count;
                progress.set_message(&format!("found {} repositories", before + count));
            }
        });
        let new = std::mem::take(&mut found.checkouts);
        scanner.repositories(dir, found, &new);
        checkouts.extend(new);
    }
    // A file outside of one directory may be below another.
    let roots: Vec<PathBuf> = dirs.iter().flat_map(fs::canonicalize).collect();
    let is_below = |path: &PathBuf| roots.iter().any(|root| path.starts_with(root));
    scanner.plan.outside.retain(|path| !is_below(path));
    if scope.user_config {
        scanner.is_user_file = true;
        scanner.scan_user_files(app);
        scanner.connections(app);
        scanner.is_user_file = false;
    }
    checkouts.sort();
    checkouts.dedup();
    progress.set_message(&format!(
        "searching tracked files of {} work trees",
        checkouts.len()
    ));
    let limit = app.child_timeout(SEARCH_TIMEOUT);
    scanner.tracked_files(&checkouts, scope.files, limit);
    drop(progress);
    scanner.plan
}

struct Scanner {
    plan: Plan,
    /// The files that were read, by their real paths.
    seen: HashSet<PathBuf>,
    /// The files of `git credential-store` that configurations name.
    credential_files: Vec<PathBuf>,
    /// Whether what is found belongs to the user, not to a repository.
    is_user_file: bool,
    home: Option<PathBuf>,
}

impl Scanner {
    fn repositories(&mut self, dir: &Path, found: RepositoryScan, checkouts: &[Checkout]) {
        self.plan.repositories += found.count;
        self.plan.outside.extend(found.outside);
        for (path, error) in found.unreadable {
            self.fail(&path, &format!("cannot be read: {error}"));
        }
        let root = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        for path in found.configs {
            self.scan_config(&path, &root);
        }
        for checkout in checkouts {
            let files = [
                (&checkout.gitmodules, ConfigRole::Modules),
                (&checkout.lfsconfig, ConfigRole::Lfs),
            ];
            for (path, role) in files {
                if let Some(path) = path
                    && let Some(file) = self.read(path)
                {
                    let file = with_backup_in_git_dir(file, checkout);
                    self.scan_file(file, Kind::Config(role));
                }
            }
        }
    }

    /// Scans the user's own files; links are followed anywhere.
    fn scan_user_files(&mut self, app: &App) {
        let home = self.home.clone().unwrap_or_default();
        let root = fs::canonicalize(&home).unwrap_or_else(|_| home.clone());
        for path in app.git_config_files() {
            self.scan_config(&path, &root);
        }
        let Ok(ssh_dir) = app.ssh_dir() else { return };
        self.client_config(&ssh_dir, &root);
        let mut stores = vec![(home.join(".netrc"), Kind::Netrc)];
        stores.push((home.join(".git-credentials"), Kind::GitCredentials));
        let beside_config = app.git_config_files().into_iter().skip(1);
        stores.extend(
            beside_config.map(|path| (path.with_file_name("credentials"), Kind::GitCredentials)),
        );
        let named = self.credential_files.drain(..);
        stores.extend(named.map(|path| (path, Kind::GitCredentials)));
        for (path, kind) in stores {
            if let Some(file) = self.read(&path) {
                self.scan_file(file, kind);
            }
        }
    }

    /// Scans the configuration of `ssh`, the included files below the root, and the files of known hosts. A section for the
    /// new host in one file applies to all.
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
        let texts = files
            .iter()
            .map(|file| (file.path().to_owned(), file.text()));
        let config = SshConfig::new(ssh_dir, texts);
        let known_hosts = config.known_hosts();
        let mut missing: HashMap<PathBuf, Vec<Fix>> = HashMap::new();
        for (path, fix) in config.missing_files() {
            missing.entry(path).or_default().push(fix);
        }
        for file in files {
            let mut edits = migrate::ssh_config_fixes(file.text(), is_covered);
            edits.extend(missing.remove(file.path()).unwrap_or_default());
            self.keep(file, edits, Lock::None);
        }
        for (path, names) in known_hosts {
            self.known_hosts(&path, &names);
        }
    }

    fn known_hosts(&mut self, path: &Path, names: &BTreeSet<String>) {
        if let Some(file) = self.read(path) {
            let fixes = migrate::known_hosts_fixes(file.text(), names);
            self.keep(file, fixes, Lock::None);
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
            Ok(real) if self.seen.contains(&real) || real == Path::new("/dev/null") => return None,
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

    /// Scans a configuration file of git once, and the included files below the root.
    fn scan_config(&mut self, path: &Path, root: &Path) {
        let mut queue = VecDeque::from([(path.to_owned(), 0)]);
        while let Some((path, depth)) = queue.pop_front() {
            let Some(file) = self.read(&path) else {
                continue;
            };
            let text = file.text();
            let included = migrate::includes(text).unwrap_or_default();
            let named = migrate::credential_files(text).unwrap_or_default();
            let named: Vec<_> = named
                .iter()
                .filter_map(|name| self.included(&path, name))
                .collect();
            self.credential_files.extend(named);
            self.scan_file(file, Kind::Config(ConfigRole::Git));
            let included: Vec<_> = included
                .iter()
                .filter_map(|name| self.included(&path, name))
                .filter(|included| lies_below(included, root))
                .collect();
            if depth == MAX_INCLUDE_DEPTH && !included.is_empty() {
                self.fail(
                    &path,
                    "cannot be followed: git allows 10 levels of includes",
                );
                continue;
            }
            queue.extend(included.into_iter().map(|path| (path, depth + 1)));
        }
    }

    fn scan_file(&mut self, file: EditableFile, kind: Kind) {
        let text = file.text();
        let (fixes, lock) = match kind {
            Kind::Config(role) => (migrate::git_config_fixes(text, role), Lock::Git),
            Kind::Netrc => (Ok(migrate::netrc_fixes(text)), Lock::None),
            Kind::GitCredentials => (Ok(migrate::git_credentials_fixes(text)), Lock::None),
        };
        match fixes {
            Ok(fixes) => self.keep(file, fixes, lock),
            Err(error) => self.fail(file.path(), &format!("cannot be read: {error}")),
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

    /// Searches the tracked files of all work trees. Without `is_updated` the files are only counted, and errors do not
    /// matter.
    fn tracked_files(&mut self, checkouts: &[Checkout], is_updated: bool, limit: Duration) {
        let search = |checkout: &Checkout| {
            // Git would wait for a pipe.
            if !checkout.has_readable_config {
                return Ok(Vec::new());
            }
            git::tracked_files_containing(&checkout.root, &[RETIRED_SSH, RETIRED_KEY_START], limit)
        };
        let results = worker_pool::map_bounded(checkouts, |_| (), search);
        for (checkout, result) in checkouts.iter().zip(results) {
            let names = match result {
                Ok(names) => names,
                Err(error) if is_updated => {
                    self.fail(
                        &checkout.root,
                        &format!("tracked files cannot be searched: {}", Error::from(error)),
                    );
                    continue;
                }
                Err(_) => continue,
            };
            for name in names {
                let path = checkout.root.join(&name);
                if !is_plain_file_below(&path, &checkout.root) || self.is_seen(&path) {
                    continue;
                }
                let Some(fixes) = mentions(&path) else {
                    continue;
                };
                self.plan.mentioning_files += 1;
                if is_updated && let Some(file) = self.read(&path) {
                    let file = match &checkout.git_dir {
                        Some(git_dir) => {
                            file.with_backup_path(git_dir.join(BACKUP_DIR).join(&name))
                        }
                        None => file,
                    };
                    self.keep(file, fixes, Lock::None);
                }
            }
        }
    }

    fn is_seen(&self, path: &Path) -> bool {
        fs::canonicalize(path).is_ok_and(|real| self.seen.contains(&real))
    }

    fn keep(&mut self, file: EditableFile, fixes: Vec<Fix>, lock: Lock) {
        if !fixes.is_empty() {
            self.plan.files.push(FilePlan {
                file,
                fixes,
                lock,
                is_user_file: self.is_user_file,
                failed: false,
            });
        }
    }

    fn fail(&mut self, path: &Path, message: &str) {
        self.plan.errors.push(Failure {
            // A URL in place of a path may contain a password.
            path: redact_url(&display(path)),
            message: strip_os_error_code(message),
        });
    }
}

/// What a tracked file says about the retired host; `None` where it says nothing, or is not scanned.
fn mentions(path: &Path) -> Option<Vec<Fix>> {
    let size = fs::metadata(path).ok()?.len();
    if size > migrate::MAX_FILE_BYTES as u64 {
        return None;
    }
    let bytes = read_regular_file(path).ok()?;
    if !migrate::is_scanned(&bytes) {
        return None;
    }
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    // As in `EditableFile`: bytes that are not UTF-8 are characters of Latin-1.
    let fixes = if let Ok(text) = str::from_utf8(&bytes) {
        migrate::file_mention_fixes(text, name)
    } else {
        let text: String = bytes.iter().copied().map(char::from).collect();
        migrate::file_mention_fixes(&text, name)
    };
    (!fixes.is_empty()).then_some(fixes)
}

/// Whether a path is a regular file and no link, in a directory that no link leads out of the work tree.
fn is_plain_file_below(path: &Path, root: &Path) -> bool {
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file && fs::canonicalize(path).is_ok_and(|real| real == path || real.starts_with(root))
}

/// Whether a file is below a directory, links resolved.
fn lies_below(path: &Path, root: &Path) -> bool {
    fs::canonicalize(path).is_ok_and(|real| real.starts_with(root))
}

/// In the work tree, the next `git add` would add the backup. That of a file behind a link stays next to the file.
fn with_backup_in_git_dir(file: EditableFile, checkout: &Checkout) -> EditableFile {
    let is_link = fs::symlink_metadata(file.path()).is_ok_and(|metadata| metadata.is_symlink());
    match (
        &checkout.git_dir,
        file.path().file_name().and_then(OsStr::to_str),
    ) {
        (Some(git_dir), Some(name)) if !is_link => {
            let name = name.trim_start_matches('.');
            let path = git_dir.join(name);
            file.with_backup_path(path)
        }
        _ => file,
    }
}
