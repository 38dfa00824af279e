//! Our own `known_hosts` (see sshd(8)): servers whose keys were checked once. Lines are only ever
//! added; those of others stay as they are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::sys::atomic_file;
use crate::types::public_key::PublicKey;
use crate::types::ssh_address::SshHost;

use super::SshError;
use crate::types::host_pattern::matches_any;

/// What the comment of a line of ours begins with; behind it stands how the key came to be known.
const COMMENT_PREFIX: &str = "bbconnect:";

/// How the key of a server came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// It is published by Atlassian, and built in.
    BuiltIn,
    /// The server's own settings name its fingerprint, read over HTTPS.
    Server,
    /// Somebody compared the fingerprint and accepted it.
    Accepted,
    /// The file has it; who put it there is not known.
    File,
    /// It was seen just now.
    Presented,
}

impl Source {
    /// The name in JSON and in the file.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BuiltIn => "built-in",
            Self::Server => "server",
            Self::Accepted => "accepted",
            Self::File => "file",
            Self::Presented => "offered",
        }
    }

    fn of_comment(comment: &str) -> Self {
        let all = [Self::BuiltIn, Self::Server, Self::Accepted];
        let told = comment.strip_prefix(COMMENT_PREFIX);
        let known = all.into_iter().find(|source| told == Some(source.name()));
        known.unwrap_or(Self::File)
    }
}

/// The key of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostKey {
    /// The server, as the file names it.
    pub known_as: String,
    /// Its key.
    pub key: PublicKey,
    /// How it came to be known.
    pub source: Source,
}

/// The file.
#[derive(Debug, Clone)]
pub(crate) struct KnownHosts {
    path: PathBuf,
}

impl KnownHosts {
    /// The file in a configuration folder.
    #[must_use]
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self {
            path: folder.join("known_hosts"),
        }
    }

    /// Where it is.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Every key in it, below each of the names that it stands for. Names are hidden where they are hashed.
    ///
    /// # Errors
    /// [`SshError::KnownHosts`].
    pub(crate) fn all(&self) -> Result<Vec<HostKey>, SshError> {
        let text = self.read()?;
        let lines = parsed(&text);
        let is_meant = |name: &&str| !name.starts_with('!');
        let of_line = |line: &Line<'_>| {
            let names = line.names.split(',').filter(is_meant);
            let keys = names.map(|name| line.for_host(&name.to_ascii_lowercase()));
            keys.collect::<Vec<_>>()
        };
        Ok(lines.iter().flat_map(of_line).collect())
    }

    /// The keys of a server, as `ssh` finds them: below its name, or a pattern for it.
    ///
    /// # Errors
    /// [`SshError::KnownHosts`].
    pub(crate) fn keys_for(&self, host: &SshHost) -> Result<Vec<HostKey>, SshError> {
        let (text, name) = (self.read()?, host.known_hosts_name());
        let lines = parsed(&text).into_iter();
        let meant = lines.filter(|line| matches_any(line.names.split(','), &name));
        Ok(meant.map(|line| line.for_host(&name)).collect())
    }

    /// Adds keys of a server, and answers whether any was new.
    ///
    /// # Errors
    /// [`SshError::KnownHosts`].
    pub(crate) fn add(
        &self,
        host: &SshHost,
        keys: &[PublicKey],
        source: Source,
    ) -> Result<bool, SshError> {
        let failed = |source| self.failed(source);
        let _lock = atomic_file::lock(&self.path).map_err(failed)?;
        let mut text = self.read()?;
        let known = self.keys_for(host)?;
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
            let (name, key, source) = (
                host.known_hosts_name(),
                key.to_openssh_without_comment(),
                source.name(),
            );
            format!("{name} {key} {COMMENT_PREFIX}{source}\n")
        });
        text.extend(lines);
        atomic_file::write(&self.path, &text).map_err(failed)?;
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

/// A line with a key.
struct Line<'a> {
    /// Names and patterns, with commas between them.
    names: &'a str,
    key: PublicKey,
    source: Source,
}

impl Line<'_> {
    fn for_host(&self, name: &str) -> HostKey {
        HostKey {
            known_as: name.to_owned(),
            key: self.key.clone(),
            source: self.source,
        }
    }
}

/// The lines whose names can be read. Those that are marked pin no key of a server: `@revoked` is the contrary, and
/// behind `@cert-authority` stands a key that no server shows.
fn parsed(text: &str) -> Vec<Line<'_>> {
    let line = |line| -> Option<Line<'_>> {
        let (names, key) = str::split_once(line, [' ', '\t'])?;
        let key = key.trim().parse::<PublicKey>().ok()?;
        Some(Line {
            names,
            source: Source::of_comment(key.comment()),
            key: key.with_comment(""),
        })
    };
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.starts_with(['#', '@', '|']))
        .filter_map(line)
        .collect()
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
        let found = file.keys_for(&host).unwrap();
        assert_eq!((found.len(), found[0].source), (1, Source::Accepted));
        assert_eq!(file.all().unwrap().len(), 3);
        let old = SshHost::new("10.0.0.1", 22).unwrap();
        assert_eq!(file.keys_for(&old).unwrap()[0].source, Source::File);
    }

    #[test]
    fn a_server_is_known_by_patterns_as_to_ssh() {
        let folder = tempfile::tempdir().unwrap();
        let file = KnownHosts::in_folder(folder.path());
        let text =
            format!("*.example.com,!old.example.com,[Git.other.com]:* {KEY}\n@revoked x {KEY}\n");
        fs::write(file.path(), text).unwrap();
        let known = |name: &str, port: u16| {
            let host = SshHost::new(name, port).unwrap();
            let found = file.keys_for(&host).unwrap();
            assert!(
                found
                    .iter()
                    .all(|key| key.known_as == host.known_hosts_name())
            );
            found.len()
        };
        assert_eq!(known("git.example.com", 22), 1);
        assert_eq!(known("git.other.com", 7999), 1);
        assert_eq!(known("old.example.com", 22), 0);
        assert_eq!(known("git.other.com", 22), 0);
        assert_eq!(known("x", 22), 0);
        let all = file.all().unwrap();
        let names: Vec<_> = all.iter().map(|key| key.known_as.as_str()).collect();
        assert_eq!(names, ["*.example.com", "[git.other.com]:*"]);
    }
}
