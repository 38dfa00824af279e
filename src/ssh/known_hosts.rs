//! Our own `known_hosts` (see sshd(8)): servers whose keys were checked once. Lines are only ever
//! added; those of others stay as they are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::public_key::PublicKey;
use crate::model::ssh_address::SshHost;
use crate::whole_file;

use super::SshError;

/// What the comment of a line of ours begins with; behind it stands how the key came to be known.
const OURS: &str = "bbconnect:";

/// How the key of a server came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It is published by Atlassian, and built in.
    BuiltIn,
    /// The server's own settings name its fingerprint, read over HTTPS.
    Server,
    /// Somebody compared the fingerprint and accepted it.
    Accepted,
    /// The file has it; who put it there is not known.
    File,
    /// It was seen just now.
    Offered,
}

impl Source {
    /// The name in JSON and in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BuiltIn => "built-in",
            Self::Server => "server",
            Self::Accepted => "accepted",
            Self::File => "file",
            Self::Offered => "offered",
        }
    }

    fn of_comment(comment: &str) -> Self {
        let all = [Self::BuiltIn, Self::Server, Self::Accepted];
        let told = comment.strip_prefix(OURS);
        let known = all.into_iter().find(|source| told == Some(source.name()));
        known.unwrap_or(Self::File)
    }
}

/// The key of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey {
    /// The server, as the file names it.
    pub known_as: String,
    /// Its key.
    pub key: PublicKey,
    /// How it came to be known.
    pub source: Source,
}

/// The file.
#[derive(Debug, Clone)]
pub struct KnownHosts {
    path: PathBuf,
}

impl KnownHosts {
    /// The file in a configuration folder.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            path: folder.join("known_hosts"),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every key in it that stands below a plain name.
    ///
    /// # Errors
    /// [`SshError::KnownHosts`].
    pub fn all(&self) -> Result<Vec<HostKey>, SshError> {
        Ok(parsed(&self.read()?))
    }

    /// The keys of a server.
    ///
    /// # Errors
    /// [`SshError::KnownHosts`].
    pub fn of(&self, host: &SshHost) -> Result<Vec<HostKey>, SshError> {
        let mut keys = self.all()?;
        keys.retain(|key| key.known_as == host.known_as());
        Ok(keys)
    }

    /// Adds keys of a server, and answers whether any was new.
    ///
    /// # Errors
    /// [`SshError::KnownHosts`].
    pub fn add(
        &self,
        host: &SshHost,
        keys: &[PublicKey],
        source: Source,
    ) -> Result<bool, SshError> {
        let failed = |source| self.failed(source);
        let _lock = whole_file::lock(&self.path).map_err(failed)?;
        let mut text = self.read()?;
        let known = self.of(host)?;
        let new: Vec<_> = keys
            .iter()
            .filter(|key| !known.iter().any(|known| known.key == **key))
            .collect();
        if new.is_empty() {
            return Ok(false);
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let lines = new.iter().map(|key| {
            let (name, key, source) = (host.known_as(), key.material(), source.name());
            format!("{name} {key} {OURS}{source}\n")
        });
        text.extend(lines);
        whole_file::write(&self.path, &text).map_err(failed)?;
        Ok(true)
    }

    /// The text; lines that are not UTF-8 would be lost by writing, so such a file is not touched.
    fn read(&self) -> Result<String, SshError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn failed(&self, source: io::Error) -> SshError {
        SshError::KnownHosts {
            path: self.path.clone(),
            source,
        }
    }
}

/// The lines with plain names. Hashed ones cannot be listed, and what is marked (`@revoked`) pins nothing.
fn parsed(text: &str) -> Vec<HostKey> {
    let mut keys = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', '@', '|']) {
            continue;
        }
        let Some((names, key)) = line.split_once([' ', '\t']) else {
            continue;
        };
        let Ok(key) = key.trim().parse::<PublicKey>() else {
            continue;
        };
        let source = Source::of_comment(key.comment());
        keys.extend(names.split(',').map(|name| HostKey {
            known_as: name.to_ascii_lowercase(),
            key: key.with_comment(""),
            source,
        }));
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO";

    #[test]
    fn lines_are_added_once_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let file = KnownHosts::in_folder(folder.path());
        let foreign = format!("# mine\nold.example.com,10.0.0.1 {KEY} by hand\n|1|a=|b= {KEY}");
        fs::write(file.path(), &foreign).unwrap();
        let host = SshHost::new("git.example.com", 7999).unwrap();
        let key: PublicKey = KEY.parse().unwrap();
        let keys = [key.clone()];
        assert!(file.add(&host, &keys, Source::Accepted).unwrap());
        assert!(!file.add(&host, &keys, Source::BuiltIn).unwrap());
        let text = fs::read_to_string(file.path()).unwrap();
        assert_eq!(
            text,
            format!("{foreign}\n[git.example.com]:7999 {KEY} bbconnect:accepted\n")
        );
        let found = file.of(&host).unwrap();
        assert_eq!((found.len(), found[0].source), (1, Source::Accepted));
        assert_eq!(file.all().unwrap().len(), 3);
        let old = SshHost::new("10.0.0.1", 22).unwrap();
        assert_eq!(file.of(&old).unwrap()[0].source, Source::File);
    }
}
