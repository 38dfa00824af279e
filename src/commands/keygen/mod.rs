//! `bbconnect keygen`: SSH key pairs, and the page where to register them.

mod output;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use zeroize::Zeroizing;

pub(crate) use self::output::KeygenOutput;

use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::ssh::{self, KeyDescription, KeyFiles, KeyPair};
use crate::types::clone_url::CloneUrl;
use crate::types::key_type::KeyType;
use crate::types::secret::Secret;

const EXAMPLES: &str = "\
Examples:
  bbconnect keygen git@bitbucket.org:acme/site.git
  bbconnect keygen --type both ssh://git@git.example.com:7999/web/site.git
  bbconnect keygen --type rsa-4096 --out ./deploy_key --comment 'build server'
  bbconnect keygen --stdout --type ed25519 > id_ed25519
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// The repository that the key is for, as pasted; it gives the file its name and tells where to register the key
    #[arg(value_name = "CLONE_URL")]
    pub clone_url: Option<CloneUrl>,
    /// The kind of key; `both` makes an ECDSA 256 and an RSA 4096 key to choose from
    #[arg(
        long = "type",
        value_enum,
        value_name = "TYPE",
        default_value_t,
        ignore_case = true
    )]
    pub choice: KeyTypeArg,
    /// Write the private key here, and the public key beside it with .pub; with `both`, _TYPE is appended
    /// [default: `~/.ssh/bbconnect_NAMESPACE_REPOSITORY_TYPE`]
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

    /// Makes the key pairs and writes them.
    ///
    /// # Errors
    /// When a file is in the way ([`crate::exit_status::ExitStatus::Conflict`]), a name or the comment cannot be used, or this machine
    /// refuses a file or random bytes. No file is left behind then.
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
            Some(app.read_new_passphrase("--passphrase-stdin")?)
        } else {
            None
        };
        let comment = self
            .comment
            .clone()
            .unwrap_or_else(|| ssh::comment(self.clone_url.as_ref()));

        let mut made = Vec::new();
        for &key_type in self.choice.types() {
            made.push(make(key_type, &comment, passphrase.as_ref(), app)?);
        }
        let pairs = files
            .iter()
            .zip(&made)
            .map(|(files, made)| (files, &made.private[..], &made.public[..]));
        KeyFiles::write_all(&pairs.collect::<Vec<_>>(), self.force)?;

        let mut files = files.iter();
        let keys = made.into_iter().map(|made| {
            let files = files.next();
            let private = files
                .is_none()
                .then(|| Secret::new(made.private.to_string()));
            Ok((KeyDescription::from_pair(&made.pair, files)?, private))
        });
        Ok(KeygenOutput::new(
            keys.collect::<Result<_, Error>>()?,
            self.clone_url.as_ref(),
        ))
    }
}

/// A key pair in the formats that are written.
struct Made {
    pair: KeyPair,
    private: Zeroizing<String>,
    public: String,
}

fn make(
    key_type: KeyType,
    comment: &str,
    passphrase: Option<&Secret>,
    app: &App,
) -> Result<Made, Error> {
    let _progress = app.ui.progress(&format!("making an {key_type} key"));
    let started = Instant::now();
    let pair = KeyPair::generate(key_type, comment)?;
    let elapsed = started.elapsed().as_millis();
    app.ui
        .debug(&format!("made an {key_type} key in {elapsed} ms"));
    Ok(Made {
        private: pair.private_pem(passphrase)?,
        public: pair.public_line()?,
        pair,
    })
}

/// Where each key goes, in the order of their types.
fn output_paths(args: &Args, app: &App) -> Result<Vec<KeyFiles>, Error> {
    let stem = match &args.out {
        Some(out) => out.clone(),
        None => app.ssh_dir()?.join(ssh::file_stem(args.clone_url.as_ref())),
    };
    // A name that cannot be one is none for two keys either.
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
