//! `bbconnect keygen`: generates SSH key pairs and prints the page where to register them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::ssh::{self, KeyDescription, KeyFiles, KeyPair};
use crate::types::clone_url::{CloneUrl, KeyAccess, KeyPage, UrlForm, UrlWarning};
use crate::types::public_key::{KeyType, PublicKey};
use crate::types::secret::Secret;
use crate::types::shell::{for_git_shell, quote};
use crate::types::ssh_address::is_alias_name;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect keygen git@ssh.bitbucket.org:acme/site.git
  bbconnect keygen --type both git@example.com:web/site
  bbconnect keygen --type rsa-4096 --out ./deploy_key
  (umask 077; bbconnect keygen --stdout > deploy_key)
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Repository, for the name of the file and the page where to register the key
    #[arg(value_name = "CLONE_URL")]
    pub clone_url: Option<CloneUrl>,
    /// Key type; `both` generates an ECDSA 256 and an RSA 4096 key
    #[arg(
        long = "type",
        value_enum,
        value_name = "TYPE",
        default_value_t,
        ignore_case = true
    )]
    pub choice: KeyTypeArg,
    /// Path of the private key; .pub is appended for the public key, and _TYPE with `both`
    /// [default: `~/.ssh/bbconnect_NAMESPACE_REPOSITORY_TYPE`]
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// Comment of the public key [default: bbconnect:NAMESPACE/REPOSITORY]
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// Read the passphrase from stdin; prompt for it on a terminal
    #[arg(long)]
    pub passphrase_stdin: bool,
    /// Replace existing files
    #[arg(long)]
    pub force: bool,
    /// Print the private key to stdout and write no file
    #[arg(long, conflicts_with_all = ["out", "force"])]
    pub stdout: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum KeyTypeArg {
    /// ECDSA on the curve P-256
    #[default]
    #[value(name = "ecdsa-256", alias = "ecdsa")]
    Ecdsa256,
    /// RSA with 4,096 bits
    #[value(name = "rsa-4096", alias = "rsa")]
    Rsa4096,
    /// Ed25519
    #[value(name = "ed25519")]
    Ed25519,
    /// ECDSA 256 and RSA 4096
    Both,
}

impl KeyTypeArg {
    fn types(self) -> &'static [KeyType] {
        match self {
            Self::Ecdsa256 => &[KeyType::Ecdsa256],
            Self::Rsa4096 => &[KeyType::Rsa4096],
            Self::Ed25519 => &[KeyType::Ed25519],
            Self::Both => &[KeyType::Ecdsa256, KeyType::Rsa4096],
        }
    }
}

impl Subcommand for Args {
    type Output = KeygenOutput;

    /// On an error no file is left behind.
    fn run(&self, app: &App) -> Result<KeygenOutput, Error> {
        let files = if self.stdout {
            Vec::new()
        } else {
            output_paths(self, app)?
        };
        files
            .iter()
            .try_for_each(|files| files.require_absent(self.force))?;
        let passphrase = if self.passphrase_stdin {
            Some(app.read_new_passphrase()?)
        } else {
            None
        };
        let comment = self
            .comment
            .clone()
            .unwrap_or_else(|| ssh::comment(self.clone_url.as_ref()));

        let mut generated = Vec::new();
        for &key_type in self.choice.types() {
            generated.push(generate(key_type, &comment, passphrase.as_ref(), app)?);
        }
        let pairs = files
            .iter()
            .zip(&generated)
            .map(|(files, key)| (files, &key.private[..], &key.public_line[..]));
        KeyFiles::write_all(&pairs.collect::<Vec<_>>(), self.force)?;

        let mut files = files.iter();
        let keys = generated.into_iter().map(|key| {
            let files = files.next();
            let private = files
                .is_none()
                .then(|| PrivateKey(Secret::new(key.private.to_string())));
            let title = key.key_type.to_string();
            let paths = files.map(|files| (files.private(), files.public()));
            let (private_path, public_path) = paths.unzip();
            let key = KeyDescription::new(&key.public, title, private_path, public_path);
            GeneratedKey { key, private }
        });
        let keys = keys.collect();
        // The pages of an alias are those of the server that it stands for.
        let is_alias = |url: &&CloneUrl| is_alias_name(&url.host().to_string());
        let alias = self.clone_url.as_ref().filter(is_alias);
        let resolved = alias.and_then(|url| app.resolve_ssh_url(url).ok().flatten());
        let resolved = resolved.map(|resolved| resolved.url);
        Ok(KeygenOutput::new(
            keys,
            resolved.as_ref().or(self.clone_url.as_ref()),
        ))
    }
}

/// A key pair in the formats that are written.
struct EncodedKey {
    key_type: KeyType,
    private: Zeroizing<String>,
    public: PublicKey,
    public_line: String,
}

fn generate(
    key_type: KeyType,
    comment: &str,
    passphrase: Option<&Secret>,
    app: &App,
) -> Result<EncodedKey, Error> {
    let _progress = app.ui.progress(&format!("generating an {key_type} key"));
    let started = Instant::now();
    let pair = KeyPair::generate(key_type, comment)?;
    let elapsed = started.elapsed().as_millis();
    app.ui
        .debug(&format!("generated an {key_type} key in {elapsed} ms"));
    Ok(EncodedKey {
        key_type,
        private: pair.private_pem(passphrase)?,
        public: pair.public().clone(),
        public_line: pair.public().to_string(),
    })
}

/// The files of each key, in the order of the types.
fn output_paths(args: &Args, app: &App) -> Result<Vec<KeyFiles>, Error> {
    let stem = match &args.out {
        Some(out) => out.clone(),
        None => app.ssh_dir()?.join(ssh::file_stem(args.clone_url.as_ref())),
    };
    // An invalid name is refused before a type is appended.
    KeyFiles::new(&stem)?;
    match (&args.out, args.choice.types()) {
        (Some(_), [_]) => Ok(vec![KeyFiles::new(&stem)?]),
        (_, types) => types
            .iter()
            .map(|&key_type| Ok(KeyFiles::new(&with_type(&stem, key_type))?))
            .collect(),
    }
}

fn with_type(stem: &Path, key_type: KeyType) -> PathBuf {
    let mut path = OsString::from(stem);
    path.push(format!("_{}", key_type.name()));
    path.into()
}

#[derive(Debug, Serialize)]
pub(crate) struct KeygenOutput {
    keys: Vec<GeneratedKey>,
    register_at: Option<String>,
    pages: Vec<KeyPage>,
    notes: Vec<UrlWarning>,
    #[serde(skip)]
    repository: Option<Repository>,
}

#[derive(Debug, Serialize)]
struct GeneratedKey {
    #[serde(flatten)]
    key: KeyDescription,
    /// Only with `--stdout`.
    #[serde(flatten)]
    private: Option<PrivateKey>,
}

#[derive(Debug)]
struct PrivateKey(Secret);

impl Serialize for PrivateKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [("private_key", self.0.expose())]
            .into_iter()
            .collect::<std::collections::BTreeMap<_, _>>()
            .serialize(serializer)
    }
}

/// The repository in text output.
#[derive(Debug)]
struct Repository {
    title: String,
    ssh: Option<String>,
    page_is_assumed: bool,
}

impl KeygenOutput {
    fn new(keys: Vec<GeneratedKey>, clone_url: Option<&CloneUrl>) -> Self {
        let pages = clone_url.map(CloneUrl::key_pages).unwrap_or_default();
        Self {
            keys,
            register_at: pages.first().map(|page| page.url.clone()),
            pages,
            notes: clone_url
                .map(|url| url.notes().to_vec())
                .unwrap_or_default(),
            repository: clone_url.map(|url| Repository {
                title: url.display_name(),
                ssh: url.ssh(),
                page_is_assumed: url.guessed_forms().contains(&UrlForm::Web),
            }),
        }
    }

    /// Describes the keys: on standard output, or on standard error if that has the private key.
    fn describe(&self, out: &mut TextWriter) {
        let purpose = self
            .repository
            .as_ref()
            .map(|repository| format!(" for {}", repository.title))
            .unwrap_or_default();
        for GeneratedKey { key, .. } in &self.keys {
            out.heading(&format!("{} key{purpose}", key.title));
            let paths = [
                ("private key", &key.private_key_path),
                ("public key", &key.public_key_path),
            ];
            for (label, path) in paths {
                if let Some(path) = path {
                    out.key_value(label, 13, &path.display().to_string());
                }
            }
            out.key_value("fingerprint", 13, &key.fingerprint);
            out.lines(&key.randomart);
            out.blank_line();
            out.verbatim(&key.public_key);
            out.blank_line();
        }
        self.describe_registration(out);
        self.describe_use(out);
    }

    fn describe_registration(&self, out: &mut TextWriter) {
        let key = if self.keys.len() == 1 {
            "the public key above"
        } else {
            "one of the public keys above"
        };
        let owner = match (&self.repository, self.pages.as_slice()) {
            (None, _) => "to the server or account you want to access.",
            (Some(_), []) => "as a deploy key or access key of the repository.",
            (Some(_), [_]) => "on this page:",
            (Some(_), [_, ..]) => "on one of these pages:",
        };
        out.line(&format!("Add {key} {owner}"));
        for registration in &self.pages {
            let rights = match registration.rights {
                KeyAccess::Read => "clone and fetch",
                KeyAccess::Write => "clone, fetch and push",
                KeyAccess::ReadOrWrite => "clone and fetch; push if allowed on the page",
            };
            out.line(&format!("  {}", registration.url));
            out.line(&format!("      keys of {}: {rights}", registration.keys_of));
        }
        if self
            .repository
            .as_ref()
            .is_some_and(|repository| repository.page_is_assumed)
        {
            out.line("  (assumes that the web site has the same host name as the SSH server)");
        }
    }

    fn describe_use(&self, out: &mut TextWriter) {
        let key = self
            .keys
            .first()
            .and_then(|generated| generated.key.private_key_path.as_ref());
        let ssh = self
            .repository
            .as_ref()
            .and_then(|repository| repository.ssh.as_ref());
        if let Some(command) = key.zip(ssh).and_then(|(key, ssh)| clone_command(key, ssh)) {
            out.blank_line();
            out.line("Then clone with this key:");
            out.verbatim(&format!("  {command}"));
        }
    }

    fn shows_private_keys(&self) -> bool {
        self.keys
            .iter()
            .any(|generated| generated.private.is_some())
    }
}

/// A command to clone a checkout that uses only this key, which Unix shells, PowerShell and cmd read alike. `None` for a
/// path that one of them, or the shell of git, would change.
fn clone_command(key: &Path, url: &str) -> Option<String> {
    let key = std::path::absolute(key).ok()?;
    let key = for_git_shell(key.to_str()?);
    if key.contains(['\'', '"', '$', '`', '\\', '!']) || key.contains(char::is_control) {
        return None;
    }
    // `ssh` expands `%`.
    let key = key.replace('%', "%%");
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "/:._-+@%".contains(character);
    let key = if key.chars().all(is_plain) {
        key
    } else {
        format!("'{key}'")
    };
    let url = quote(url);
    Some(format!(
        "git clone -c core.sshCommand=\"ssh -i {key} -o IdentitiesOnly=yes\" -- {url}"
    ))
}

impl CommandOutput for KeygenOutput {
    const SCHEMA: &'static str = "bbconnect/keygen@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        if !self.shows_private_keys() {
            return self.describe(out);
        }
        for PrivateKey(private) in self
            .keys
            .iter()
            .filter_map(|generated| generated.private.as_ref())
        {
            out.lines(private.expose());
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if self.shows_private_keys() {
            self.describe(out);
        }
        for warning in &self.notes {
            out.note(&warning.message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clone_command_is_the_same_for_all_shells() {
        let root = if cfg!(windows) { "C:" } else { "" };
        for (key, shown) in [
            ("/tmp/50%x/k", Some("/tmp/50%%x/k")),
            ("/home/J D/k", Some("'/home/J D/k'")),
            ("/tmp/it's", None),
            ("/tmp/a!b", None),
        ] {
            let command = clone_command(Path::new(&format!("{root}{key}")), "git@a.example:b/c");
            let expected = shown.map(|key| {
                let key = match key.strip_prefix('\'') {
                    Some(quoted) => format!("'{root}{quoted}"),
                    None => format!("{root}{key}"),
                };
                format!(
                    "git clone -c core.sshCommand=\"ssh -i {key} -o IdentitiesOnly=yes\" -- git@a.example:b/c"
                )
            });
            assert_eq!(command, expected);
        }
    }
}
