//! Key files: reading and describing an existing key pair, and writing new ones. New files appear complete or not at all,
//! are readable by their owner alone, and replace existing files only on request.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Serialize, Serializer};
use tempfile::NamedTempFile;
use thiserror::Error;
use zeroize::Zeroizing;

use super::SshError;
use super::key_damage::KeyDamage;
use super::key_paths::public_path;
use super::openssh::{agent_has, agent_keys};
use crate::sys::atomic_file::{create_private_dir, parent_dir, persist, temp_file_with_prefix};
#[cfg(windows)]
use crate::sys::ownership;
use crate::sys::subprocess::{CommandSpec, Stderr};
use crate::sys::{regular_file, signals};
use crate::types::public_key::{ParsePublicKeyError, PublicKey};

/// Longest key file that is read, in bytes.
const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

/// Why key files were not written. No file is left behind; a directory that was created may stay.
#[derive(Debug, Error)]
pub(crate) enum KeyFileError {
    #[error("{} already exists", .0.display())]
    Exists(PathBuf),
    #[error("invalid path for a private key, {}: {reason}", path.display())]
    Name { path: PathBuf, reason: &'static str },
    #[error("{} is not a regular file, so it is not replaced", .0.display())]
    NotAFile(PathBuf),
    #[error("cannot create the directory {}: {source}", path.display())]
    CreateDir { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl KeyFileError {
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Exists(_) => {
                "choose another path with --out PATH, or replace the key with --force"
            }
            Self::Name { .. } => {
                "pass the path of the private key; .pub is appended for the public key"
            }
            Self::NotAFile(_) | Self::CreateDir { .. } | Self::Write { .. } => {
                "choose a directory with write permission"
            }
        }
        .to_owned()
    }
}

/// The paths of a key pair: the private key, and the public key with `.pub` appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyFiles {
    private: PathBuf,
    public: PathBuf,
}

/// Files that are removed on drop unless the list is cleared.
#[derive(Debug, Default)]
struct UncommittedFiles(Vec<PathBuf>);

impl Drop for UncommittedFiles {
    fn drop(&mut self) {
        for path in &self.0 {
            // The error that led here is reported.
            drop(fs::remove_file(path));
        }
    }
}

impl KeyFiles {
    /// The files of a key pair, by the path of the private key.
    ///
    /// # Errors
    /// [`KeyFileError::Name`] for an empty path, and one that ends in a slash or in `.pub`.
    pub(crate) fn new(private: &Path) -> Result<Self, KeyFileError> {
        let text = private.as_os_str().to_string_lossy();
        let name = text
            .rsplit(std::path::is_separator)
            .next()
            .unwrap_or_default();
        let reason = match name {
            "" | "." | ".." => "not a file name",
            "-" => "use --stdout to print the key to standard output",
            _ if name.to_ascii_lowercase().ends_with(".pub") => "public keys end in .pub",
            _ => {
                return Ok(Self {
                    private: private.to_owned(),
                    public: public_path(private),
                });
            }
        };
        Err(KeyFileError::Name {
            path: private.to_owned(),
            reason,
        })
    }

    pub(crate) fn private(&self) -> &Path {
        &self.private
    }

    pub(crate) fn public(&self) -> &Path {
        &self.public
    }

    /// Checks that the files can be written, before a key is generated.
    ///
    /// # Errors
    /// [`KeyFileError::Exists`] unless `replace` is set, and [`KeyFileError::NotAFile`] for directories and links.
    pub(crate) fn require_absent(&self, replace: bool) -> Result<(), KeyFileError> {
        for path in [&self.private, &self.public] {
            match fs::symlink_metadata(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(KeyFileError::Write {
                        path: path.clone(),
                        source,
                    });
                }
                Ok(metadata) if !metadata.is_file() => {
                    return Err(KeyFileError::NotAFile(path.clone()));
                }
                Ok(_) if replace => {}
                Ok(_) => return Err(KeyFileError::Exists(path.clone())),
            }
        }
        Ok(())
    }

    /// Writes several key pairs, given as files, private key and public line: all of them or none.
    ///
    /// Private keys have mode 0600 from the beginning, missing directories get 0700. Signals are deferred until the files
    /// are complete. As with `ssh-keygen`, there is no fsync: a power failure within seconds can lose a key.
    ///
    /// # Errors
    /// [`KeyFileError`]. Existing files are then unchanged, unless `replace` is set and only a part of the new files
    /// could be renamed.
    pub(crate) fn write_all(
        pairs: &[(&Self, &str, &str)],
        replace: bool,
    ) -> Result<(), KeyFileError> {
        let _critical = signals::critical_section();
        let mut prepared = Vec::new();
        for (files, private, public) in pairs {
            if replace {
                files.require_absent(replace)?;
            }
            create_dir(files.private())?;
            remove_abandoned(parent_dir(files.private()));
            prepared.push((prepare(files.private(), private, 0o600)?, files.private()));
            let public = format!("{public}\n");
            prepared.push((prepare(files.public(), &public, 0o644)?, files.public()));
        }
        let mut uncommitted = UncommittedFiles::default();
        for (file, path) in prepared {
            if replace {
                let is_new = fs::symlink_metadata(path).is_err();
                persist(file, path).map_err(|error| write_error(path, error))?;
                if is_new {
                    uncommitted.0.push(path.to_owned());
                }
            } else {
                file.persist_noclobber(path)
                    .map_err(|error| write_error(path, error.error))?;
                uncommitted.0.push(path.to_owned());
            }
        }
        uncommitted.0.clear();
        Ok(())
    }
}

fn write_error(path: &Path, source: io::Error) -> KeyFileError {
    let path = path.to_owned();
    if source.kind() == io::ErrorKind::AlreadyExists {
        KeyFileError::Exists(path)
    } else {
        KeyFileError::Write { path, source }
    }
}

/// Creates the directory of a file if it is missing.
fn create_dir(file: &Path) -> Result<(), KeyFileError> {
    let dir = parent_dir(file);
    create_private_dir(dir).map_err(|source| KeyFileError::CreateDir {
        path: dir.to_owned(),
        source,
    })
}

/// Writes a temporary file in the directory of the key.
fn prepare(path: &Path, content: &str, mode: u32) -> Result<NamedTempFile, KeyFileError> {
    let write = || {
        let mut file = locked_temp_file(parent_dir(path), mode)?;
        file.as_file_mut().write_all(content.as_bytes())?;
        // The umask may have removed rights of the owner.
        #[cfg(unix)]
        file.as_file()
            .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
        Ok(file)
    };
    write().map_err(|source| KeyFileError::Write {
        path: path.to_owned(),
        source,
    })
}

/// Temporary files of keys. The lock of such a file shows that it is in use.
const TEMP_PREFIX: &str = ".bbconnect-key-";

fn locked_temp_file(dir: &Path, mode: u32) -> io::Result<NamedTempFile> {
    loop {
        let file = temp_file_with_prefix(TEMP_PREFIX, dir, mode)?;
        file.as_file().lock()?;
        // Another process may have taken it for abandoned before it was locked.
        if file.path().exists() {
            return Ok(file);
        }
    }
}

/// Removes the temporary files of processes that were killed: there may be private keys in them.
fn remove_abandoned(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let is_temporary = entry.file_name().to_string_lossy().starts_with(TEMP_PREFIX);
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_temporary
            && is_file
            && fs::File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok())
        {
            // What cannot be removed was there before.
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// An existing private key, as far as it can be read without its passphrase.
#[derive(Debug, Clone)]
pub(crate) struct PrivateKeyFile {
    pub(crate) path: PathBuf,
    pub(crate) public: PublicKey,
    pub(crate) has_passphrase: bool,
    /// The file is a public key, whose private half only the agent has.
    pub(crate) is_in_agent: bool,
}

impl PrivateKeyFile {
    /// Reads the public half of a key that `ssh -i` can use: of a private key, or a public key whose private half the agent
    /// has.
    ///
    /// # Errors
    /// [`SshError`] if `ssh` cannot use the file, whether or not there is a `.pub` file; or the `.pub` file belongs to
    /// another key.
    pub(crate) fn read(path: &Path) -> Result<Self, SshError> {
        let bytes = read_bytes(path)?;
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        if let Ok(public) = text.parse::<PublicKey>() {
            return Self::in_agent(path, public);
        }
        let beside = || read_public(&public_path(path)).ok();
        let parsed = parse_openssh(text);
        let (public, has_passphrase) = if let Some(parsed) = parsed {
            parsed
        } else if let Some(public) = derive_public(path, &bytes)? {
            (public, false)
        } else {
            let public = beside().ok_or_else(|| SshError::KeyFile {
                path: path.to_owned(),
                reason: "the key has a passphrase, and its public key is unknown; write it to the .pub file with \
                         ssh-keygen -y"
                    .to_owned(),
            })?;
            (public, true)
        };
        let public = match beside() {
            Some(other) if other != public => {
                return Err(SshError::PublicKeyMismatch {
                    path: path.to_owned(),
                    public: other.fingerprint(),
                    private: public.fingerprint(),
                });
            }
            Some(other) if public.comment().is_empty() => other,
            Some(_) | None => public,
        };
        Ok(Self {
            path: path.to_owned(),
            public,
            has_passphrase,
            is_in_agent: false,
        })
    }

    fn in_agent(path: &Path, public: PublicKey) -> Result<Self, SshError> {
        let reason = match agent_keys() {
            None => "there is no SSH agent that has its private key",
            Some(_) if agent_has(&public) => {
                return Ok(Self {
                    path: path.to_owned(),
                    public,
                    has_passphrase: false,
                    is_in_agent: true,
                });
            }
            Some(_) => "the SSH agent does not have its private key",
        };
        Err(SshError::NotInAgent {
            path: path.to_owned(),
            reason,
        })
    }

    /// The content of the file.
    pub(crate) fn private_text(&self) -> Result<Zeroizing<String>, SshError> {
        let error = |reason: &str| SshError::KeyFile {
            path: self.path.clone(),
            reason: reason.to_owned(),
        };
        if self.is_in_agent {
            return Err(error("only the agent has its private key"));
        }
        let bytes = read_bytes(&self.path)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| error("not UTF-8"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Whether `ssh` refuses the file because other users may read it. Like `ssh`, only the user's own files are checked
    /// (`sshkey_perm_ok` of OpenSSH).
    pub(crate) fn has_insecure_permissions(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let user = rustix::process::getuid().as_raw();
            !self.is_in_agent
                && fs::metadata(&self.path)
                    .is_ok_and(|file| file.uid() == user && file.mode() & 0o077 != 0)
        }
        #[cfg(windows)]
        {
            !self.is_in_agent && ownership::is_readable_by_others(&self.path)
        }
    }
}

/// The public half and whether there is a passphrase, for a key in OpenSSH's own format that `ssh` reads as well: it compares
/// the first and the last line byte for byte (`sshkey_parse_private2` of OpenSSH).
fn parse_openssh(text: &str) -> Option<(PublicKey, bool)> {
    const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
    const END: &str = "-----END OPENSSH PRIVATE KEY-----\n";
    let at = text.find(END)?;
    let text = text.get(..at + END.len())?;
    if !text.starts_with(BEGIN) || text.contains('\r') {
        return None;
    }
    let key = ssh_key::PrivateKey::from_openssh(text).ok()?;
    let blob = key.public_key().to_bytes().ok()?;
    let public = PublicKey::from_blob(blob, key.comment().as_str_lossy()).ok()?;
    Some((public, key.is_encrypted()))
}

/// The public half of a private key, from `ssh-keygen`; `None` for a key with a passphrase.
fn derive_public(path: &Path, bytes: &[u8]) -> Result<Option<PublicKey>, SshError> {
    const LIMIT: Duration = Duration::from_secs(20);
    let damaged = |damage| SshError::DamagedKey {
        path: path.to_owned(),
        damage,
    };
    let damage = KeyDamage::find(bytes);
    if let Some(damage @ (KeyDamage::NotAKey | KeyDamage::Empty)) = damage {
        return Err(damaged(damage));
    }
    let is_encrypted = bytes.windows(9).any(|window| window == b"ENCRYPTED");
    if damage.is_none() && is_encrypted {
        return Ok(None);
    }
    let command = CommandSpec::new("ssh-keygen").args(["-y", "-P", "", "-f"]);
    // Through a pipe, because `ssh-keygen` refuses a file that other users may read, which is another problem.
    let command = if cfg!(unix) {
        command.args(["/dev/stdin"]).stdin(bytes)
    } else {
        command.args([path])
    };
    let command = command
        .env("LC_ALL", "C")
        .new_process_group()
        .stderr(Stderr::Capture);
    let output = command.run(LIMIT)?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if output.status.success()
        && let Ok(public) = printed.trim().parse()
    {
        return Ok(Some(public));
    }
    let messages = String::from_utf8_lossy(&output.stderr);
    if messages.contains("incorrect passphrase") {
        return Ok(None);
    }
    let mut lines = messages.lines().map(str::trim);
    let last = lines.rfind(|line| !line.is_empty());
    let last = last.and_then(|line| line.rsplit(": ").next());
    let reason = last.unwrap_or("ssh-keygen gives no reason").to_owned();
    Err(damaged(damage.unwrap_or(KeyDamage::Unreadable(reason))))
}

/// The public key of a file, which is a public key or a private key. A public key that stands beside a private key must
/// belong to it.
pub(crate) fn public_key_of(path: &Path) -> Result<PublicKey, SshError> {
    match read_public(path) {
        Err(PublicKeyError::IsPrivate) => PrivateKeyFile::read(path).map(|key| key.public),
        Err(PublicKeyError::Other(error)) => Err(error),
        Ok(public) => {
            let private = path.with_extension("");
            if public_path(&private) == path
                && let Err(error @ SshError::PublicKeyMismatch { .. }) =
                    PrivateKeyFile::read(&private)
            {
                return Err(error);
            }
            Ok(public)
        }
    }
}

enum PublicKeyError {
    IsPrivate,
    Other(SshError),
}

fn read_public(path: &Path) -> Result<PublicKey, PublicKeyError> {
    let bytes = read_bytes(path).map_err(PublicKeyError::Other)?;
    // Comments may have any encoding.
    let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
    text.parse().map_err(|reason| match reason {
        ParsePublicKeyError::Private => PublicKeyError::IsPrivate,
        ParsePublicKeyError::Malformed if KeyDamage::find(&bytes) != Some(KeyDamage::NotAKey) => {
            PublicKeyError::IsPrivate
        }
        ParsePublicKeyError::Malformed => PublicKeyError::Other(SshError::KeyFile {
            path: path.to_owned(),
            reason: reason.to_string(),
        }),
    })
}

fn read_bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, SshError> {
    // With this capacity the buffer is not reallocated, which would leave copies of the key in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(8 * 1024));
    let file = regular_file::open(path);
    let read = file.and_then(|file| file.take(MAX_KEY_FILE_BYTES).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(SshError::KeyFile {
            path: path.to_owned(),
            reason: error.to_string(),
        }),
    }
}

/// A key pair in text and JSON.
#[derive(Debug, Serialize)]
pub(crate) struct KeyDescription {
    /// `ecdsa-256`, `rsa-4096`, `ed25519`, or another type for an existing key.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Name in the SSH protocol, such as `ecdsa-sha2-nistp256`.
    pub(crate) algorithm: String,
    /// Size as `ssh-keygen -l` shows it.
    pub(crate) bits: u32,
    /// `SHA256:…`
    pub(crate) fingerprint: String,
    pub(crate) public_key: String,
    pub(crate) comment: String,
    /// `None` for a key that was not written to a file.
    #[serde(serialize_with = "as_text")]
    pub(crate) private_key_path: Option<PathBuf>,
    /// `None` also for an existing key without a `.pub` file.
    #[serde(serialize_with = "as_text")]
    pub(crate) public_key_path: Option<PathBuf>,
    #[serde(skip)]
    pub(crate) randomart: String,
    /// `kind` in text output.
    #[serde(skip)]
    pub(crate) title: String,
}

impl KeyDescription {
    pub(crate) fn new(
        public: &PublicKey,
        title: String,
        private_path: Option<&Path>,
        public_path: Option<&Path>,
    ) -> Self {
        let bits = public.bits().unwrap_or_default();
        let head = format!("[{} {bits}]", public.openssh_name());
        Self {
            kind: public.kind(),
            title,
            algorithm: public.algorithm().to_owned(),
            bits,
            fingerprint: public.fingerprint().to_string(),
            public_key: public.to_string(),
            comment: public.comment().to_owned(),
            private_key_path: private_path.map(Path::to_owned),
            public_key_path: public_path.map(Path::to_owned),
            randomart: public.fingerprint().to_randomart(&head),
        }
    }
}

/// Writes a path, lossily if it is not UTF-8.
#[expect(clippy::ref_option, reason = "serde hands the field over by reference")]
fn as_text<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref()
        .map(|path| path.to_string_lossy())
        .serialize(serializer)
}
