//! `bbconnect keygen`: SSH key pairs, and the page where to register them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::error::Error;
use crate::model::clone_url::{CloneUrl, KeyPage, Rights};
use crate::model::key_type::KeyType;
use crate::model::secret::Secret;
use crate::output::{Page, Render};
use crate::ssh::{KeyFiles, KeyPair};

const EXAMPLES: &str = "\
Examples:
  bbconnect keygen git@bitbucket.org:acme/site.git
  bbconnect keygen --type both ssh://git@git.example.com:7999/web/site.git
  bbconnect keygen --type rsa-4096 --out ./deploy_key --comment 'build server'
  bbconnect keygen --stdout --type ed25519 > id_ed25519
";

/// Arguments of `bbconnect keygen`.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// The repository that the key is for, as pasted; it gives the file its name and tells where to register the key
    #[arg(value_name = "CLONE_URL")]
    pub clone_url: Option<CloneUrl>,
    /// The kind of key; `both` makes an ECDSA 256 and an RSA 4096 key to choose from
    #[arg(long = "type", value_enum, value_name = "TYPE", default_value_t, ignore_case = true)]
    pub choice: Choice,
    /// Write the private key here, and the public key beside it with .pub; with `both`, _TYPE is appended
    /// [default: ~/.ssh/bbconnect_NAMESPACE_REPOSITORY_TYPE]
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// The comment of the public key [default: bbconnect:NAMESPACE/REPOSITORY]
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// Encrypt the private key with the first line of standard input; on a terminal, ask for it
    #[arg(long)]
    pub passphrase_stdin: bool,
    /// Replace files that exist
    #[arg(long)]
    pub force: bool,
    /// Print the private key to standard output and write no file
    #[arg(long, conflicts_with_all = ["out", "force"])]
    pub stdout: bool,
}

/// Which keys to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Choice {
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

impl Choice {
    fn types(self) -> &'static [KeyType] {
        match self {
            Self::Ecdsa256 => &[KeyType::Ecdsa256],
            Self::Rsa4096 => &[KeyType::Rsa4096],
            Self::Ed25519 => &[KeyType::Ed25519],
            Self::Both => &[KeyType::Ecdsa256, KeyType::Rsa4096],
        }
    }
}

/// The key pairs that were made.
#[derive(Debug, Serialize)]
pub struct Generated {
    keys: Vec<GeneratedKey>,
    register_at: Option<String>,
    pages: Vec<KeyPage>,
    #[serde(skip)]
    repository: Option<Repository>,
}

/// What the text says about the repository.
#[derive(Debug)]
struct Repository {
    title: String,
    ssh: Option<String>,
    page_is_assumed: bool,
}

/// One key pair that was made.
#[derive(Debug, Serialize)]
struct GeneratedKey {
    #[serde(rename = "type")]
    key_type: KeyType,
    algorithm: String,
    bits: u32,
    fingerprint: String,
    public_key: String,
    comment: String,
    private_key_path: Option<PathBuf>,
    public_key_path: Option<PathBuf>,
    /// With `--stdout` alone: the private key was asked for.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exposed")]
    private_key: Option<Secret>,
    #[serde(skip)]
    randomart: String,
}

/// Makes the key pairs and writes them.
///
/// # Errors
/// When a file is in the way ([`crate::exit::Exit::Conflict`]), a name or the comment cannot be used, or this machine
/// refuses a file or random bytes. Nothing is left behind then.
pub fn run(args: &Args, context: &Context) -> Result<Generated, Error> {
    let types = args.choice.types();
    let files = if args.stdout { Vec::new() } else { places(args, context)? };
    files.iter().try_for_each(|files| files.check_free(args.force))?;
    let passphrase = args.passphrase_stdin.then(|| context.new_passphrase("--passphrase-stdin")).transpose()?;
    let comment = args.comment.clone().unwrap_or_else(|| default_comment(args.clone_url.as_ref()));

    let mut made = Vec::new();
    for &key_type in types {
        made.push(make(key_type, &comment, passphrase.as_ref(), context)?);
    }
    let pairs: Vec<_> = files.iter().zip(&made).map(|(files, made)| (files, made.private.as_str(), made.public.as_str())).collect();
    KeyFiles::write_all(&pairs, args.force)?;

    let mut places = files.into_iter();
    let keys = made.into_iter().map(|made| described(made, places.next())).collect();
    let pages = args.clone_url.as_ref().map(CloneUrl::key_pages).unwrap_or_default();
    Ok(Generated {
        keys,
        register_at: pages.first().map(|page| page.url.clone()),
        pages,
        repository: args.clone_url.as_ref().map(Repository::of),
    })
}

/// A key pair in the formats that are written.
struct Made {
    pair: KeyPair,
    private: Zeroizing<String>,
    public: String,
}

fn make(key_type: KeyType, comment: &str, passphrase: Option<&Secret>, context: &Context) -> Result<Made, Error> {
    let _progress = context.output.progress(&format!("making an {key_type} key"));
    let started = Instant::now();
    let pair = KeyPair::generate(key_type, comment)?;
    context.output.trace(&format!("made an {key_type} key in {} ms", started.elapsed().as_millis()));
    Ok(Made { private: pair.private_pem(passphrase)?, public: pair.public_line()?, pair })
}

fn described(made: Made, files: Option<KeyFiles>) -> GeneratedKey {
    let pair = &made.pair;
    GeneratedKey {
        key_type: pair.key_type(),
        algorithm: pair.algorithm(),
        bits: pair.key_type().bits(),
        fingerprint: pair.fingerprint(),
        public_key: made.public,
        comment: pair.comment().to_owned(),
        private_key_path: files.as_ref().map(|files| files.private().to_owned()),
        public_key_path: files.as_ref().map(|files| files.public().to_owned()),
        private_key: files.is_none().then(|| Secret::new(made.private.as_str().to_owned())),
        randomart: pair.randomart(),
    }
}

/// Where each key goes, in the order of their types.
fn places(args: &Args, context: &Context) -> Result<Vec<KeyFiles>, Error> {
    let types = args.choice.types();
    let stem = match &args.out {
        Some(out) => out.clone(),
        None => context.ssh_folder()?.join(default_stem(args.clone_url.as_ref())),
    };
    let named_exactly = args.out.is_some() && types.len() == 1;
    types
        .iter()
        .map(|key_type| {
            let path = if named_exactly { stem.clone() } else { with_type(&stem, *key_type) };
            Ok(KeyFiles::at(&path)?)
        })
        .collect()
}

fn with_type(stem: &Path, key_type: KeyType) -> PathBuf {
    let mut path = OsString::from(stem);
    path.push(format!("_{}", key_type.name()));
    path.into()
}

/// `bbconnect_<namespace>_<slug>`, safe as the name of a file anywhere.
fn default_stem(clone_url: Option<&CloneUrl>) -> String {
    let parts = clone_url.map(|url| [url.namespace(), Some(url.slug().to_owned())]).into_iter().flatten().flatten();
    let safe = |c: char| if c.is_alphanumeric() || "._-~".contains(c) { c } else { '_' };
    ["bbconnect".to_owned()].into_iter().chain(parts).collect::<Vec<_>>().join("_").chars().map(safe).collect()
}

fn default_comment(clone_url: Option<&CloneUrl>) -> String {
    let path = clone_url.map(|url| match url.namespace() {
        Some(namespace) => format!(":{namespace}/{}", url.slug()),
        None => format!(":{}", url.slug()),
    });
    format!("bbconnect{}", path.unwrap_or_default())
}

impl Repository {
    fn of(url: &CloneUrl) -> Self {
        Self { title: url.title(), ssh: url.ssh(), page_is_assumed: url.assumed().contains(&crate::model::clone_url::Form::Web) }
    }
}

impl Generated {
    /// What was made, for people: to standard output, or beside the private key to standard error.
    fn describe(&self, page: &mut Page) {
        for key in &self.keys {
            let purpose = self.repository.as_ref().map(|repository| format!(" for {}", repository.title));
            page.heading(&format!("{} key{}", key.key_type, purpose.unwrap_or_default()));
            for (label, path) in [("private key", &key.private_key_path), ("public key", &key.public_key_path)] {
                if let Some(path) = path {
                    page.field(label, 13, &path.display().to_string());
                }
            }
            page.field("fingerprint", 13, &key.fingerprint);
            page.block(&key.randomart);
            page.gap();
            page.line(&key.public_key);
            page.gap();
        }
        self.describe_registration(page);
    }

    fn describe_registration(&self, page: &mut Page) {
        let Some(repository) = &self.repository else {
            page.line("Register the public key, the line above, where it is to be let in.");
            return;
        };
        if self.pages.is_empty() {
            page.line("Register the public key, the line above, on the page for the repository's deploy or access keys.");
        } else {
            page.line("Register the public key, the line above, on one of these pages:");
        }
        for registration in &self.pages {
            let rights = match registration.rights {
                Rights::Read => "clone and fetch",
                Rights::Write => "clone, fetch and push",
                Rights::ReadOrWrite => "clone and fetch; push if you allow it there",
            };
            page.line(&format!("  {}", registration.url));
            page.line(&format!("      keys of {}: {rights}", registration.keys_of));
        }
        if repository.page_is_assumed {
            page.line("  (if the website has the same host name as the SSH server)");
        }
        if let (Some(path), Some(ssh)) = (self.keys.first().and_then(|key| key.private_key_path.as_ref()), &repository.ssh) {
            page.gap();
            page.line("Then clone with this key:");
            page.line(&format!("  {}", clone_command(path, ssh)));
        }
    }
}

/// A command to paste into a shell: git, with this key and no other.
fn clone_command(key: &Path, url: &str) -> String {
    let key = key.display().to_string().replace('\'', r"'\''");
    format!("git -c core.sshCommand='ssh -i \"{key}\" -o IdentitiesOnly=yes' clone {url}")
}

impl Render for Generated {
    const SCHEMA: &'static str = "bbconnect/keygen@1";

    fn text(&self, page: &mut Page) {
        if self.keys.iter().all(|key| key.private_key.is_none()) {
            return self.describe(page);
        }
        for private_key in self.keys.iter().filter_map(|key| key.private_key.as_ref()) {
            page.block(private_key.expose());
        }
    }

    fn remarks(&self, page: &mut Page) {
        if self.keys.iter().any(|key| key.private_key.is_some()) {
            self.describe(page);
        }
    }
}

/// The private key goes into the document because `--stdout` asked for it.
fn exposed<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}
