//! `bbconnect key test`: tests SSH access to a repository with one key. Nothing is changed.

use std::path::PathBuf;

use serde::Serialize;

use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::resolve::RepositorySource;
use crate::ssh::{PrivateKeyFile, Service, SshError};
use crate::types::clone_url::CloneUrl;
use crate::types::public_key::Fingerprint;
use crate::types::registered_key::Access;
use crate::types::repository::RepoRef;
use crate::types::ssh_address::SshRemote;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect key test
  bbconnect key test --repo acme/site
  bbconnect key test --key ~/.ssh/id_ed25519 --repo ssh://git@git.example.com:7999/web/site.git
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Private key [default: that of the connection]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub key: Option<PathBuf>,
    /// Repository or clone URL [default: that of the connection]
    #[arg(short = 'R', long, value_name = "REF")]
    pub repo: Option<RepoRef>,
    /// Trust the SSH host key with this fingerprint
    #[arg(long, value_name = "FINGERPRINT")]
    pub accept_host_key: Option<Fingerprint>,
}

#[derive(Debug, Serialize)]
pub(crate) struct TestOutput {
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
    #[serde(skip)]
    source: RepositorySource,
}

impl Subcommand for Args {
    type Output = TestOutput;

    fn run(&self, app: &App) -> Result<TestOutput, Error> {
        let (path, url, remote, source) = key_and_repository(self, app)?;
        let key = PrivateKeyFile::read(&path)?;
        let evidence = app.host_key_evidence_for(&url, self.accept_host_key);
        let destination = app.ssh_destination(&remote)?;
        let remote = destination.remote(&remote);
        app.ensure_trusted(&destination, evidence)?;
        let options = app.ssh_options(Some(&key), &destination);
        let check = app.check_access(&options, &remote, Service::Read)?;
        let access = match app.check_access(&options, &remote, Service::Write) {
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
                host: remote.host.name,
                port: remote.host.port,
                host_key: check.host_key,
            },
            repository: Repository {
                namespace: url.namespace(),
                slug: url.slug().to_owned(),
                empty: check.refs.empty,
                default_branch: check.refs.default_branch,
                source,
            },
        })
    }
}

fn key_and_repository(
    args: &Args,
    app: &App,
) -> Result<(PathBuf, CloneUrl, SshRemote, RepositorySource), Error> {
    let url = args.repo.as_ref().and_then(|repo| repo.url.clone());
    if let (Some(key), Some(url)) = (&args.key, url) {
        let remote = url.ssh().and_then(|ssh| ssh.parse().ok());
        let remote = remote.ok_or_else(|| {
            Error::usage(
                "the SSH address of this repository is unknown",
                "use the SSH clone URL of the repository",
            )
        })?;
        return Ok((key.clone(), url, remote, RepositorySource::Flag));
    }
    let (ssh_connection, source) = app.select_ssh_connection(args.repo.as_ref())?;
    let key = args.key.clone().unwrap_or(ssh_connection.key);
    Ok((key, ssh_connection.url, ssh_connection.remote, source))
}

impl CommandOutput for TestOutput {
    const SCHEMA: &'static str = "bbconnect/key-test@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let Repository {
            namespace,
            slug,
            empty,
            source,
            ..
        } = &self.repository;
        let namespace = namespace.as_ref().map(|name| format!("{name}/"));
        let operations = match self.access {
            Access::Read => "clone and fetch",
            Access::Write => "clone, fetch and push",
        };
        let source = source.suffix();
        let empty = if *empty { ", which is empty" } else { "" };
        out.line(&format!(
            "the key may {operations} {}{slug}{empty}{source}",
            namespace.unwrap_or_default()
        ));
    }
}
