//! bbconnect's own `known_hosts` file (sshd(8)) with the host keys that were verified once. Lines are only added; other lines
//! are not changed.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::sys::atomic_file;
use crate::sys::regular_file::{self, MAX_CONFIG_BYTES};
use crate::types::public_key::PublicKey;
use crate::types::ssh_address::SshHost;

use super::SshError;
use super::openssh::lines_for;
use crate::types::host_pattern::matches_any;
use crate::types::named_enum::named_enum;

/// Prefix of the comment on lines that bbconnect wrote. The name of the [`Source`] follows.
const COMMENT_PREFIX: &str = "bbconnect:";

named_enum! {
    /// Where a host key comes from.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    pub(crate) enum Source {
        /// Published by Atlassian and built in.
        BuiltIn = "built-in",
        /// The SSH settings of the server, read over HTTPS.
        Server = "server",
        /// The user accepted the fingerprint.
        Accepted = "accepted",
        /// A line of the file that bbconnect did not write.
        File = "file",
        /// The server presents it, which proves nothing.
        Presented = "offered",
    }
}

impl Source {
    fn from_comment(comment: &str) -> Self {
        let all = [Self::BuiltIn, Self::Server, Self::Accepted];
        let name = comment.strip_prefix(COMMENT_PREFIX);
        let source = all.into_iter().find(|source| name == Some(source.name()));
        source.unwrap_or(Self::File)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostKey {
    /// Host name or pattern in the file.
    pub(crate) known_as: String,
    pub(crate) key: PublicKey,
    pub(crate) source: Source,
}

#[derive(Debug, Clone)]
pub(crate) struct KnownHosts {
    path: PathBuf,
    lock_timeout: Duration,
}

impl KnownHosts {
    pub(crate) fn in_dir(dir: &Path) -> Self {
        Self {
            path: dir.join("known_hosts"),
            lock_timeout: atomic_file::LOCK_TIMEOUT,
        }
    }

    /// With another time limit for the lock.
    pub(crate) fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Every key of the file that is not revoked, once for each of its names. Hashed names are left out.
    pub(crate) fn all(&self) -> Result<Vec<HostKey>, SshError> {
        let text = self.read_text()?;
        let lines = parse_lines(&text);
        let revoked = |line: &Line<'_>| {
            lines
                .iter()
                .any(|other| other.is_revoked && other.key == line.key && other.names == "*")
        };
        let is_included = |name: &&str| !name.starts_with(['!', '|']);
        let of_line = |line: &Line<'_>| {
            let names = line.names.split(',').filter(is_included);
            let keys = names.map(|name| line.for_host(&name.to_ascii_lowercase()));
            keys.collect::<Vec<_>>()
        };
        let kept = lines
            .iter()
            .filter(|line| !line.is_revoked && !revoked(line));
        Ok(kept.flat_map(of_line).collect())
    }

    /// The keys of a server, under its name, a matching pattern or a hashed name, as `ssh` finds them, without those that are
    /// revoked.
    pub(crate) fn keys_for(&self, host: &SshHost) -> Result<Vec<HostKey>, SshError> {
        let (mut keys, revoked) = self.find(host)?;
        keys.retain(|key| !revoked.contains(&key.key));
        Ok(keys)
    }

    /// The keys that are `@revoked` for a server.
    pub(crate) fn revoked_for(&self, host: &SshHost) -> Result<Vec<PublicKey>, SshError> {
        Ok(self.find(host)?.1)
    }

    /// The keys of a server, and the revoked ones.
    fn find(&self, host: &SshHost) -> Result<(Vec<HostKey>, Vec<PublicKey>), SshError> {
        let (text, name) = (self.read_text()?, host.known_hosts_name());
        let (mut keys, mut revoked) = (Vec::new(), Vec::new());
        let mut add = |line: &Line<'_>| {
            if line.is_revoked {
                revoked.push(line.key.clone());
            } else {
                keys.push(line.for_host(&name));
            }
        };
        let lines = parse_lines(&text);
        let (hashed, plain): (Vec<_>, Vec<_>) =
            lines.iter().partition(|line| line.names.starts_with('|'));
        let matching = plain.into_iter();
        matching
            .filter(|line| matches_any(line.names.split(','), &name))
            .for_each(&mut add);
        if !hashed.is_empty() {
            let found = lines_for(&self.path, host)?;
            let matching = parse_lines(&found);
            let matching = matching.iter().filter(|line| line.names.starts_with('|'));
            matching.for_each(&mut add);
        }
        Ok((keys, revoked))
    }

    /// Adds keys of a server. Returns whether any was new.
    pub(crate) fn add(
        &self,
        host: &SshHost,
        keys: &[PublicKey],
        source: Source,
    ) -> Result<bool, SshError> {
        let error = |source| self.error(source);
        let _lock = atomic_file::lock(&self.path, self.lock_timeout).map_err(error)?;
        let mut bytes = self.read()?;
        let (known, _) = self.find(host)?;
        let new: Vec<_> = keys
            .iter()
            .filter(|key| !known.iter().any(|known| known.key == **key))
            .collect();
        if new.is_empty() {
            return Ok(false);
        }
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        let lines = new.iter().map(|key| {
            let (name, key, source) = (
                host.known_hosts_name(),
                key.to_openssh_without_comment(),
                source.name(),
            );
            format!("{name} {key} {COMMENT_PREFIX}{source}\n")
        });
        bytes.extend(lines.flat_map(String::into_bytes));
        atomic_file::write_bytes(&self.path, &bytes).map_err(error)?;
        Ok(true)
    }

    fn read(&self) -> Result<Vec<u8>, SshError> {
        match regular_file::read(&self.path, MAX_CONFIG_BYTES) {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.error(error)),
        }
    }

    /// The text of the file. Comments may have any encoding.
    fn read_text(&self) -> Result<String, SshError> {
        Ok(String::from_utf8_lossy(&self.read()?).into_owned())
    }

    fn error(&self, source: io::Error) -> SshError {
        SshError::KnownHosts {
            path: self.path.clone(),
            source,
        }
    }
}

struct Line<'a> {
    is_revoked: bool,
    /// Names and patterns, separated by commas; or one hashed name.
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

/// The lines with keys. Lines with the marker `@cert-authority` are left out: no server presents such a key.
fn parse_lines(text: &str) -> Vec<Line<'_>> {
    const BLANKS: [char; 2] = [' ', '\t'];
    let parse = |line| -> Option<Line<'_>> {
        let (first, rest) = str::split_once(line, BLANKS)?;
        let (is_revoked, names, key) = match first {
            "@revoked" => {
                let (names, key) = rest.trim_start().split_once(BLANKS)?;
                (true, names, key)
            }
            _ if first.starts_with('@') => return None,
            names => (false, names, rest),
        };
        let key = key.trim().parse::<PublicKey>().ok()?;
        Some(Line {
            is_revoked,
            names,
            source: Source::from_comment(key.comment()),
            key: key.with_comment(""),
        })
    };
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(parse)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO";

    /// `ssh-keygen` reads hashed names.
    #[cfg(unix)]
    #[test]
    fn lines_are_added_once_and_others_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = KnownHosts::in_dir(dir.path());
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
    fn patterns_match_as_in_ssh() {
        let dir = tempfile::tempdir().unwrap();
        let file = KnownHosts::in_dir(dir.path());
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
        let revoked = |name: &str| file.revoked_for(&name.parse().unwrap()).unwrap().len();
        assert_eq!((revoked("x"), revoked("git.example.com")), (1, 0));
        let all = file.all().unwrap();
        let names: Vec<_> = all.iter().map(|key| key.known_as.as_str()).collect();
        assert_eq!(names, ["*.example.com", "[git.other.com]:*"]);
    }

    #[test]
    fn a_revoked_key_is_not_trusted_and_other_bytes_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = KnownHosts::in_dir(dir.path());
        let line = format!("@revoked * {KEY} M\u{fc}ller\ngit.example.com {KEY}\n");
        let latin_1: Vec<u8> = line
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect();
        fs::write(file.path(), &latin_1).unwrap();
        let host: SshHost = "git.example.com".parse().unwrap();
        assert_eq!(file.keys_for(&host).unwrap(), []);
        assert_eq!(file.revoked_for(&host).unwrap(), [KEY.parse().unwrap()]);
        assert_eq!(file.all().unwrap(), []);
        let other: PublicKey =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                .parse()
                .unwrap();
        assert!(file.add(&host, &[other], Source::Accepted).unwrap());
        assert!(fs::read(file.path()).unwrap().starts_with(&latin_1));
    }
}
