//! What a configuration of `ssh` says about the hosts that move: which files and names it uses for them. The order is that
//! of `ssh_config`(5): the first value counts, files and `Include` in their order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use super::fix::{Fix, FixKind};
use super::ssh_config::{Line, client_includes_of, from_home, lines};
use crate::types::cloud_hosts::{RETIRED_SSH, SSH, SSH_ON_443, SSH_SERVERS};
use crate::types::host_pattern::{matches, matches_any};
use crate::types::ssh_address::{SSH_PORT, SshHost};

/// As deep as `ssh` follows `Include` (readconf.c).
const MAX_DEPTH: usize = 16;
/// Names of hosts that are evaluated. More aliases of one server are not written by hand.
const MAX_NAMES: usize = 64;

/// The files of a configuration of `ssh`, by path.
pub(crate) struct SshConfig<'a> {
    ssh_dir: &'a Path,
    files: BTreeMap<PathBuf, Vec<Line<'a>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct FileSetting {
    config: PathBuf,
    line: usize,
    keyword: String,
    value: String,
}

/// What applies to one name.
#[derive(Debug, Default)]
struct Settings {
    first: HashMap<String, String>,
    files: Vec<FileSetting>,
    known_hosts: Option<Vec<FileSetting>>,
}

impl<'a> SshConfig<'a> {
    pub(crate) fn new(
        ssh_dir: &'a Path,
        texts: impl IntoIterator<Item = (PathBuf, &'a str)>,
    ) -> Self {
        let texts = texts.into_iter();
        Self {
            ssh_dir,
            files: texts.map(|(path, text)| (path, lines(text))).collect(),
        }
    }

    /// The files of known hosts for Cloud's servers, each with the names that `ssh` looks for in it.
    pub(crate) fn known_hosts(&self) -> BTreeMap<PathBuf, BTreeSet<String>> {
        let default = self.ssh_dir.join("known_hosts");
        let mut found = BTreeMap::from([(default, BTreeSet::new())]);
        for name in self.names() {
            let settings = self.settings(&name);
            let host = settings.host_name(&name);
            if !is_cloud_ssh(&host) {
                continue;
            }
            let key_name = settings.key_name(&host);
            let files = match &settings.known_hosts {
                Some(files) => files
                    .iter()
                    .filter_map(|file| self.expand(&file.value, &settings, &name, &host))
                    .collect(),
                None => vec![
                    self.ssh_dir.join("known_hosts"),
                    self.ssh_dir.join("known_hosts2"),
                ],
            };
            for file in files {
                found.entry(file).or_default().insert(key_name.clone());
            }
        }
        found
    }

    /// Files with the name of the retired host in theirs, which are not found under the new one: `IdentityFile
    /// ~/.ssh/keys/%h`. With the configuration file of each.
    pub(crate) fn missing_files(&self) -> Vec<(PathBuf, Fix)> {
        let mut missing = BTreeMap::new();
        for name in self.names() {
            let settings = self.settings(&name);
            let host = settings.host_name(&name);
            if host != RETIRED_SSH && host != SSH {
                continue;
            }
            let old_name = if name == SSH { RETIRED_SSH } else { &name };
            let new_name = if name == RETIRED_SSH { SSH } else { &name };
            let all = settings
                .files
                .iter()
                .chain(settings.known_hosts.iter().flatten());
            for setting in all.filter(|setting| setting.value.contains('%')) {
                let old = self.expand(&setting.value, &settings, old_name, RETIRED_SSH);
                let new = self.expand(&setting.value, &settings, new_name, SSH);
                if let (Some(old), Some(new)) = (old, new)
                    && old != new
                    && is_file(&old)
                    && !is_file(&new)
                {
                    missing.insert((setting.clone(), new), old);
                }
            }
        }
        let fix = |((setting, new), old): ((FileSetting, PathBuf), PathBuf)| {
            let (old, new) = (old.display(), new.display());
            let fix = Fix {
                kind: FixKind::SshConfig,
                location: format!("line {}: {}", setting.line, setting.keyword),
                before: Some(format!("{} ({old})", setting.value)),
                after: None,
                edits: Vec::new(),
                manual_step: Some(format!("copy {old} to {new}, which ssh reads for {SSH}")),
            };
            (setting.config, fix)
        };
        missing.into_iter().map(fix).collect()
    }

    /// Cloud's SSH hosts, and the aliases whose `HostName` is one.
    fn names(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = SSH_SERVERS
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        for lines in self.files.values() {
            let mut aliases: Vec<&str> = Vec::new();
            for line in lines {
                match line.keyword.as_str() {
                    "host" => {
                        aliases = line
                            .patterns()
                            .filter(|pattern| !pattern.contains(['*', '?', '!']))
                            .collect();
                    }
                    "match" => aliases.clear(),
                    "hostname" if line.patterns().next().is_some_and(is_cloud_ssh) => {
                        names.extend(
                            aliases
                                .iter()
                                .take(MAX_NAMES.saturating_sub(names.len()))
                                .map(|alias| (*alias).to_owned()),
                        );
                    }
                    _ => {}
                }
            }
        }
        names
    }

    fn settings(&self, name: &str) -> Settings {
        let mut settings = Settings::default();
        self.read(&self.ssh_dir.join("config"), name, 0, &mut settings);
        settings
    }

    fn read(&self, path: &Path, name: &str, depth: usize, settings: &mut Settings) {
        let Some(lines) = self.files.get(path).filter(|_| depth <= MAX_DEPTH) else {
            return;
        };
        let mut is_active = true;
        for line in lines {
            match line.keyword.as_str() {
                "host" => is_active = matches_any(line.patterns(), name),
                "match" => is_active = settings.matches(line, name),
                _ if !is_active => {}
                "include" => {
                    for included in client_includes_of(line, self.ssh_dir) {
                        self.read(&included, name, depth + 1, settings);
                    }
                }
                "identityfile" | "certificatefile" => {
                    let values = line.patterns().take(1);
                    settings
                        .files
                        .extend(values.map(|value| FileSetting::new(path, line, value)));
                }
                "userknownhostsfile" => {
                    let values = line
                        .patterns()
                        .map(|value| FileSetting::new(path, line, value));
                    settings.known_hosts.get_or_insert_with(|| values.collect());
                }
                keyword => {
                    if let Some(value) = line.patterns().next() {
                        let first = settings.first.entry(keyword.to_owned());
                        first.or_insert_with(|| value.to_owned());
                    }
                }
            }
        }
    }

    /// A path with its tokens replaced (`ssh_config`(5), "TOKENS"); `None` with one whose value is unknown.
    fn expand(&self, value: &str, settings: &Settings, name: &str, host: &str) -> Option<PathBuf> {
        if value.eq_ignore_ascii_case("none") || value.contains("${") {
            return None;
        }
        let home = self.ssh_dir.parent()?.to_str()?;
        let mut text = String::new();
        let mut rest = value.chars();
        while let Some(character) = rest.next() {
            if character != '%' {
                text.push(character);
                continue;
            }
            match rest.next()? {
                '%' => text.push('%'),
                'h' => text.push_str(host),
                'n' => text.push_str(name),
                'k' => text.push_str(
                    settings
                        .first
                        .get("hostkeyalias")
                        .map_or(host, String::as_str),
                ),
                'p' => text.push_str(settings.first.get("port").map_or("22", String::as_str)),
                'r' => text.push_str(settings.first.get("user").map_or("git", String::as_str)),
                'd' => text.push_str(home),
                _ => return None,
            }
        }
        Some(from_home(&text, self.ssh_dir))
    }
}

impl FileSetting {
    fn new(config: &Path, line: &Line<'_>, value: &str) -> Self {
        Self {
            config: config.to_owned(),
            line: line.number,
            keyword: line.written_keyword.to_owned(),
            value: value.to_owned(),
        }
    }
}

impl Settings {
    /// Whether a `Match` applies. Criteria that depend on more than names are taken as not met.
    fn matches(&self, line: &Line<'_>, name: &str) -> bool {
        let host = self.host_name(name);
        let words: Vec<&str> = line.patterns().collect();
        match words.as_slice() {
            ["all"] => return true,
            [] => return false,
            _ => {}
        }
        words.chunks(2).all(|criterion| match criterion {
            [key, list] if key.eq_ignore_ascii_case("host") => matches_any(list.split(','), &host),
            [key, list] if key.eq_ignore_ascii_case("originalhost") => {
                matches_any(list.split(','), name)
            }
            [key, list] if key.eq_ignore_ascii_case("user") => {
                let user = self.first.get("user").map_or("git", String::as_str);
                list.split(',').any(|pattern| matches(pattern, user))
            }
            _ => false,
        })
    }

    fn host_name(&self, name: &str) -> String {
        let host = self
            .first
            .get("hostname")
            .map_or_else(|| name.to_owned(), |host| host.replace("%h", name));
        host.trim_end_matches('.').to_ascii_lowercase()
    }

    /// The name that `ssh` looks for in `known_hosts`, once the retired host has moved.
    fn key_name(&self, host: &str) -> String {
        if let Some(alias) = self.first.get("hostkeyalias") {
            return alias.clone();
        }
        let host = if host == RETIRED_SSH { SSH } else { host };
        let port = self.first.get("port").and_then(|port| port.parse().ok());
        let server = SshHost::new(host, port.unwrap_or(SSH_PORT));
        server.map_or_else(|_| host.to_owned(), |server| server.known_hosts_name())
    }
}

fn is_cloud_ssh(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    [RETIRED_SSH, SSH, SSH_ON_443]
        .iter()
        .any(|name| host.eq_ignore_ascii_case(name))
}

fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn known_hosts(text: &str) -> Vec<(String, Vec<String>)> {
        let dir = Path::new("/home/jane/.ssh");
        let config = SshConfig::new(dir, [(dir.join("config"), text)]);
        let shown = |(path, names): (PathBuf, BTreeSet<String>)| {
            (path.display().to_string(), names.into_iter().collect())
        };
        config.known_hosts().into_iter().map(shown).collect()
    }

    #[cfg(unix)]
    #[test]
    fn files_and_names_of_known_hosts() {
        let default = "/home/jane/.ssh/known_hosts";
        let second = "/home/jane/.ssh/known_hosts2";
        let usual = ["altssh.bitbucket.org", "ssh.bitbucket.org"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(
            known_hosts(""),
            [
                (default.to_owned(), usual.clone()),
                (second.to_owned(), usual.clone())
            ]
        );
        let text = "Host bitbucket.org\n UserKnownHostsFile ~/.ssh/kh /x/%h\nHost *\n UserKnownHostsFile none\n";
        assert_eq!(
            known_hosts(text),
            [
                (
                    "/home/jane/.ssh/kh".to_owned(),
                    vec!["ssh.bitbucket.org".to_owned()]
                ),
                (default.to_owned(), Vec::new()),
                (
                    "/x/bitbucket.org".to_owned(),
                    vec!["ssh.bitbucket.org".to_owned()]
                ),
            ]
        );
        let text = "Host bb\n HostName altssh.bitbucket.org\n Port 443\nHost work\n HostName bitbucket.org\nMatch host bitbucket.org\n HostKeyAlias old\n";
        let names = &known_hosts(text)[0].1;
        assert_eq!(
            names,
            &[
                "[altssh.bitbucket.org]:443",
                "altssh.bitbucket.org",
                "old",
                "ssh.bitbucket.org"
            ]
        );
    }

    #[test]
    fn files_named_after_the_host() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join(".ssh");
        fs::create_dir_all(dir.join("keys")).unwrap();
        fs::write(dir.join("keys/bitbucket.org"), "").unwrap();
        let text = "Host github.com bitbucket.org ssh.bitbucket.org\n  IdentityFile ~/.ssh/keys/%h\n  CertificateFile ~/.ssh/certs/%h\nHost *\n  IdentityFile ~/.ssh/keys/%n\n  IdentityFile %d/.ssh/keys/x\n";
        let missing = || {
            let config = SshConfig::new(&dir, [(dir.join("config"), text)]);
            let missing = config.missing_files().into_iter();
            missing.map(|(_, fix)| fix.location).collect::<Vec<_>>()
        };
        assert_eq!(missing(), ["line 2: IdentityFile", "line 5: IdentityFile"]);
        fs::write(dir.join("keys/ssh.bitbucket.org"), "").unwrap();
        assert_eq!(missing(), [] as [&str; 0]);
    }
}
