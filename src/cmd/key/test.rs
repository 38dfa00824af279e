//! `bbconnect key test`: asks a repository over SSH with one key and no other. Nothing is changed.

use std::path::PathBuf;

use serde::Serialize;

use crate::context::App;
use crate::error::Error;
use crate::model::clone_url::CloneUrl;
use crate::model::fingerprint::Fingerprint;
use crate::model::registered_key::Access;
use crate::model::repository::RepoRef;
use crate::model::ssh_address::SshRemote;
use crate::output::{CommandOutput, TextWriter};
use crate::ssh::{PrivateKeyFile, Service, SshError};

const EXAMPLES: &str = "\
Examples:
  bbconnect key test
  bbconnect key test --repo acme/site
  bbconnect key test --key ~/.ssh/id_ed25519 --repo ssh://git@git.example.com:7999/web/site.git
";

/// Ask a repository with one key and no other
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// The private key [default: that of the connection]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub key: Option<PathBuf>,
    /// The repository: a connection's, or any clone URL [default: that of the connection]
    #[arg(long, value_name = "REF")]
    pub repo: Option<RepoRef>,
    /// Take the server for the right one if its host key has this fingerprint
    #[arg(long, value_name = "FINGERPRINT")]
    pub accept_host_key: Option<Fingerprint>,
}

/// A key that works.
#[derive(Debug, Serialize)]
pub struct TestOutput {
    verified: bool,
    access: Access,
    key: TestedKey,
    ssh: Server,
    repository: Repository,
}

#[derive(Debug, Serialize)]
struct TestedKey {
    fingerprint: Fingerprint,
    private_key_path: String,
}

#[derive(Debug, Serialize)]
struct Server {
    host: String,
    port: u16,
    host_key: Option<Fingerprint>,
}

#[derive(Debug, Serialize)]
struct Repository {
    namespace: Option<String>,
    slug: String,
    empty: bool,
    default_branch: Option<String>,
}

/// Asks a repository with a key.
///
/// # Errors
/// Told apart by what is wrong: [`SshError`].
pub fn run(args: &Args, context: &App) -> Result<TestOutput, Error> {
    let (path, url, address) = subject(args, context)?;
    let key = PrivateKeyFile::read(&path)?;
    let vouchers = context.host_key_evidence_for(&url, args.accept_host_key);
    context.ensure_trusted(&address.host, vouchers)?;
    let served = context.check_access(&key, &address, Service::Read)?;
    let access = match context.check_access(&key, &address, Service::Write) {
        Ok(_) => Access::Write,
        Err(Error::Ssh(SshError::RepositoryAccessDenied { .. })) => Access::Read,
        Err(error) => return Err(error),
    };
    Ok(TestOutput {
        verified: true,
        access,
        key: TestedKey {
            fingerprint: key.public.fingerprint(),
            private_key_path: path.to_string_lossy().into_owned(),
        },
        ssh: Server {
            host: address.host.name,
            port: address.host.port,
            host_key: served.host_key,
        },
        repository: Repository {
            namespace: url.namespace(),
            slug: url.slug().to_owned(),
            empty: served.refs.empty,
            default_branch: served.refs.default_branch,
        },
    })
}

/// The key, and the repository that it is tried on.
fn subject(args: &Args, context: &App) -> Result<(PathBuf, CloneUrl, SshRemote), Error> {
    let told = args.repo.as_ref().and_then(|repo| repo.url.clone());
    if let (Some(key), Some(url)) = (&args.key, told) {
        let address = url.ssh().and_then(|ssh| ssh.parse().ok());
        let address = address.ok_or_else(|| Error::Usage {
            message: "where this repository is over SSH is not known".to_owned(),
            hint: Some("name it by its clone URL over SSH".to_owned()),
        })?;
        return Ok((key.clone(), url, address));
    }
    let keyed = context.select_ssh_connection(args.repo.as_ref())?;
    let key = args.key.clone().unwrap_or(keyed.key);
    Ok((key, keyed.url, keyed.address))
}

impl CommandOutput for TestOutput {
    const SCHEMA: &'static str = "bbconnect/key-test@1";

    fn write_stdout(&self, page: &mut TextWriter) {
        let Repository {
            namespace,
            slug,
            empty,
            ..
        } = &self.repository;
        let namespace = namespace.as_ref().map(|name| format!("{name}/"));
        let may = match self.access {
            Access::Read => "clone and fetch",
            Access::Write => "clone, fetch and push",
        };
        let empty = if *empty { ", which is empty" } else { "" };
        page.line(&format!(
            "the key may {may} {}{slug}{empty}",
            namespace.unwrap_or_default()
        ));
    }
}
