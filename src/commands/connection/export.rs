//! `bbconnect connection export`: a connection as another product takes it. No server is contacted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::app::{App, connection_candidates};
use crate::commands::Subcommand;
use crate::commands::args::YesArg;
use crate::error::Error;
use crate::resolve::{
    SelectedConnection, connection_repository, git_base_urls, git_http_url, git_username,
};
use crate::ssh::{PrivateKeyFile, SshError};
use crate::sys::atomic_file;
use crate::types::clone_url::{CloneUrl, Transport};
use crate::types::connection::{AuthMethod, Connection, Credential, TokenLevel};
use crate::types::deployment::Deployment;
use crate::types::secret::Secret;
use crate::types::ssh_address::SshRemote;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect connection export work --format kubernetes | kubectl apply -f -
  bbconnect connection export site --format argocd --out repository.yaml
  bbconnect connection export work --format argocd-creds --url https://bitbucket.org/acme
  bbconnect connection export work --format env --out bitbucket.env
";

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ExportFormat {
    /// Secret of an Argo CD repository
    Argocd,
    /// Secret of an Argo CD credential template
    ArgocdCreds,
    /// Secret of a Flux `GitRepository`
    #[value(help = "Secret of a Flux GitRepository")]
    Flux,
    /// Kubernetes Secret
    Kubernetes,
    /// Environment variables for a shell
    Env,
    /// Line of a .netrc file
    Netrc,
}

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Connection [default: the one that applies here]
    #[arg(value_name = "NAME", add = connection_candidates())]
    name: Option<String>,
    /// What to export it for
    #[arg(long, value_name = "FORMAT")]
    format: ExportFormat,
    /// Repository URL [default: that of the connection's repository]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Kubernetes namespace [default: argocd, flux-system or none]
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Name of the Kubernetes Secret [default: that of the connection]
    #[arg(long, value_name = "NAME")]
    secret_name: Option<String>,
    /// Write to a file that only its owner may read
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: Option<PathBuf>,
    /// Print secrets to a terminal
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    yes: YesArg,
}

/// The Secrets of Kubernetes that differ in their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SecretFormat {
    ArgoCdRepository,
    ArgoCdTemplate,
    Flux,
    Plain,
}

impl SecretFormat {
    fn is_argo_cd(self) -> bool {
        matches!(self, Self::ArgoCdRepository | Self::ArgoCdTemplate)
    }

    /// The value of Argo CD's label.
    fn argo_cd_type(self) -> Option<&'static str> {
        match self {
            Self::ArgoCdRepository => Some("repository"),
            Self::ArgoCdTemplate => Some("repo-creds"),
            Self::Flux | Self::Plain => None,
        }
    }
}

/// The names and values of an export, in the order of their names.
type Values = BTreeMap<&'static str, Zeroizing<String>>;

/// What is exported.
struct Export {
    text: Zeroizing<String>,
    /// The names of the values in it.
    keys: Vec<&'static str>,
    url: Option<String>,
}

/// How a product signs in to Git.
enum GitLogin {
    Basic { username: String, password: Secret },
    Bearer(Secret),
    Ssh(SshLogin),
}

struct SshLogin {
    private: Zeroizing<String>,
    public: String,
    /// Lines of a `known_hosts` file.
    known_hosts: String,
}

#[derive(Debug, Serialize)]
struct KubernetesSecret<'a> {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    #[serde(rename = "type")]
    secret_type: &'static str,
    #[serde(rename = "stringData")]
    string_data: BTreeMap<&'static str, &'a str>,
}

#[derive(Debug, Serialize)]
struct Metadata<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<&'static str, &'static str>,
}

#[derive(Serialize)]
pub(crate) struct ExportOutput {
    connection: String,
    url: Option<String>,
    /// The names of what is exported; the values are in no JSON document.
    keys: Vec<&'static str>,
    /// The file that was written.
    path: Option<PathBuf>,
    #[serde(skip)]
    text: Zeroizing<String>,
    notes: Vec<String>,
}

impl Subcommand for Args {
    type Output = ExportOutput;

    /// Exports a connection. Nothing is sent.
    fn run(&self, app: &App) -> Result<ExportOutput, Error> {
        let selected = match &self.name {
            Some(name) => app.select_by_name(name)?,
            None => app.select()?,
        };
        require_exportable(&selected)?;
        if self.out.is_none() && app.shows_text_on_terminal() && !self.reveal {
            return Err(Error::usage(
                "the export contains a secret, and the output is a terminal",
                "pass --out FILE, or --reveal",
            ));
        }
        if let Some(path) = self.out.as_deref().filter(|path| path.exists()) {
            let what = format!("overwriting {}", path.display());
            let prompt = format!("Overwrite {}?", path.display());
            app.confirm(self.yes.is_set(), &what, &prompt)?;
        }
        let mut notes = Vec::new();
        let Export { text, keys, url } = match self.format {
            ExportFormat::Env => {
                let values = environment(app, &selected, &mut notes)?;
                Export {
                    text: env_lines(&values),
                    keys: values.into_keys().collect(),
                    url: None,
                }
            }
            ExportFormat::Netrc => Export {
                text: netrc(app, &selected)?,
                keys: vec!["machine", "login", "password"],
                url: None,
            },
            ExportFormat::Argocd => {
                self.kubernetes(app, &selected, SecretFormat::ArgoCdRepository, &mut notes)?
            }
            ExportFormat::ArgocdCreds => {
                self.kubernetes(app, &selected, SecretFormat::ArgoCdTemplate, &mut notes)?
            }
            ExportFormat::Flux => {
                self.kubernetes(app, &selected, SecretFormat::Flux, &mut notes)?
            }
            ExportFormat::Kubernetes => {
                self.kubernetes(app, &selected, SecretFormat::Plain, &mut notes)?
            }
        };
        if let Some(path) = &self.out {
            atomic_file::write(path, &text).map_err(Error::writing(path))?;
        }
        Ok(ExportOutput {
            connection: selected.name.to_string(),
            url,
            keys,
            path: self.out.clone(),
            text,
            notes,
        })
    }
}

/// Tokens of OAuth live for hours, and a client secret is no credential for git.
fn require_exportable(selected: &SelectedConnection) -> Result<(), Error> {
    match selected.connection.auth() {
        AuthMethod::OAuth | AuthMethod::ClientCredentials => Err(Error::usage(
            format!(
                "connection {} uses OAuth, whose tokens expire within hours",
                selected.name
            ),
            "export a connection with an API token, an access token or an SSH key",
        )),
        AuthMethod::ApiToken
        | AuthMethod::AccessToken
        | AuthMethod::AppPassword
        | AuthMethod::HttpAccessToken
        | AuthMethod::Password
        | AuthMethod::Ssh => Ok(()),
    }
}

impl Args {
    fn kubernetes(
        &self,
        app: &App,
        selected: &SelectedConnection,
        format: SecretFormat,
        notes: &mut Vec<String>,
    ) -> Result<Export, Error> {
        let connection = &selected.connection;
        let url = if format == SecretFormat::Plain {
            self.url.clone()
        } else {
            Some(self.repository_url(selected, format)?)
        };
        let uses_ssh = match &url {
            Some(url) => is_ssh(url),
            None => connection.auth() == AuthMethod::Ssh,
        };
        let login = if uses_ssh {
            GitLogin::Ssh(ssh_login(app, selected, url.as_deref())?)
        } else {
            http_login(app, selected)?
        };
        let (mut values, secret_type) = match format {
            SecretFormat::Flux => (flux(&login), "Opaque"),
            SecretFormat::Plain => plain(&login),
            SecretFormat::ArgoCdRepository | SecretFormat::ArgoCdTemplate => {
                (argo_cd(&login), "Opaque")
            }
        };
        if format.is_argo_cd() {
            let url = url.clone().unwrap_or_default();
            values.insert("type", Zeroizing::new("git".to_owned()));
            values.insert("url", Zeroizing::new(url));
            if uses_ssh {
                notes.push(
                    "Argo CD needs the host key in argocd-ssh-known-hosts-cm; print it with \
                     `bbconnect known-hosts show --format openssh`"
                        .to_owned(),
                );
            }
        }
        if !uses_ssh {
            add_network(connection, format, &mut values, notes)?;
        }
        let label = |kind| ("argocd.argoproj.io/secret-type", kind);
        let secret = KubernetesSecret {
            api_version: "v1",
            kind: "Secret",
            metadata: Metadata {
                name: &self.kubernetes_name(selected)?,
                namespace: self.kubernetes_namespace(format)?,
                labels: format.argo_cd_type().map(label).into_iter().collect(),
            },
            secret_type,
            string_data: values
                .iter()
                .map(|(key, value)| (*key, value.as_str()))
                .collect(),
        };
        let text = serde_saphyr::to_string(&secret).map_err(|error| {
            Error::failed(format!("the export cannot be written as YAML: {error}"), "")
        })?;
        Ok(Export {
            text: Zeroizing::new(text),
            keys: values.into_keys().collect(),
            url,
        })
    }

    /// The URL that is named, else that of the connection's repository.
    fn repository_url(
        &self,
        selected: &SelectedConnection,
        format: SecretFormat,
    ) -> Result<String, Error> {
        let connection = &selected.connection;
        if let Some(url) = &self.url {
            let is_template = format == SecretFormat::ArgoCdTemplate;
            let parsed: Result<CloneUrl, _> = url.parse();
            return match parsed {
                Ok(parsed) if parsed.transport() == Transport::Ssh => {
                    Ok(parsed.ssh().unwrap_or_else(|| url.clone()))
                }
                Ok(_) => Ok(url.clone()),
                // A credential template names the beginning of a URL.
                Err(_) if is_template && (is_ssh(url) || url::Url::parse(url).is_ok()) => {
                    Ok(url.clone())
                }
                Err(error) => Err(Error::usage(format!("--url: {error}"), "")),
            };
        }
        if connection.auth() == AuthMethod::Ssh {
            let clone_url: Option<CloneUrl> = connection
                .clone_url
                .as_deref()
                .and_then(|url| url.parse().ok());
            return clone_url.and_then(|url| url.ssh()).ok_or_else(no_url);
        }
        let repo = connection_repository(connection).ok_or_else(no_url)?;
        Ok(git_http_url(connection, &repo.namespace, &repo.slug))
    }

    fn kubernetes_namespace(&self, format: SecretFormat) -> Result<Option<&str>, Error> {
        if let Some(namespace) = self.namespace.as_deref() {
            return if is_dns_label(namespace) {
                Ok(Some(namespace))
            } else {
                Err(invalid_name("--namespace"))
            };
        }
        Ok(match format {
            SecretFormat::ArgoCdRepository | SecretFormat::ArgoCdTemplate => Some("argocd"),
            SecretFormat::Flux => Some("flux-system"),
            SecretFormat::Plain => None,
        })
    }

    fn kubernetes_name(&self, selected: &SelectedConnection) -> Result<String, Error> {
        if let Some(name) = &self.secret_name {
            let is_name = name.len() <= 253 && name.split('.').all(is_dns_label);
            return if is_name {
                Ok(name.clone())
            } else {
                Err(invalid_name("--secret-name"))
            };
        }
        let name = selected.name.to_string().to_ascii_lowercase();
        let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let name = name.trim_matches('-');
        let name = &name[..name.len().min(63)];
        let name = name.trim_end_matches('-');
        Ok(if name.is_empty() {
            "bitbucket".to_owned()
        } else {
            name.to_owned()
        })
    }
}

/// CA, client certificate and proxy, as far as the product takes them from the Secret.
fn add_network(
    connection: &Connection,
    format: SecretFormat,
    values: &mut Values,
    notes: &mut Vec<String>,
) -> Result<(), Error> {
    let network = &connection.network;
    if let Some(path) = &network.ca_cert {
        if format == SecretFormat::Flux {
            values.insert("ca.crt", read(path)?);
        } else if format.is_argo_cd() {
            notes.push(format!(
                "Argo CD needs {} in argocd-tls-certs-cm",
                path.display()
            ));
        } else {
            notes.push(format!("{} is not part of the Secret", path.display()));
        }
    }
    if let Some((certificate, key)) = &network.client_identity {
        let names = match format {
            SecretFormat::Flux => Some(["tls.crt", "tls.key"]),
            SecretFormat::ArgoCdRepository | SecretFormat::ArgoCdTemplate => {
                Some(["tlsClientCertData", "tlsClientCertKey"])
            }
            SecretFormat::Plain => None,
        };
        match names {
            Some([of_certificate, of_key]) => {
                values.insert(of_certificate, read(certificate)?);
                values.insert(of_key, read(key)?);
            }
            None => notes.push("the client certificate is not part of the Secret".to_owned()),
        }
    }
    if let Some(proxy) = &network.proxy {
        if format.is_argo_cd() {
            values.insert("proxy", Zeroizing::new(proxy.clone()));
        } else {
            notes.push("the proxy is not part of the Secret".to_owned());
        }
    }
    Ok(())
}

fn no_url() -> Error {
    Error::usage("the connection has no repository", "pass --url URL")
}

fn invalid_name(flag: &str) -> Error {
    Error::usage(
        format!("{flag}: expected lower-case letters, digits and hyphens"),
        "",
    )
}

/// RFC 1123, as Kubernetes requires it of names.
fn is_dns_label(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(is_plain)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether git reaches a URL over SSH.
fn is_ssh(url: &str) -> bool {
    url.starts_with("ssh://") || !url.contains("://")
}

fn http_login(app: &App, selected: &SelectedConnection) -> Result<GitLogin, Error> {
    if selected.connection.auth() == AuthMethod::Ssh {
        return Err(Error::SshOnlyConnection(selected.name.to_string()));
    }
    let secret = app.secret_of(selected)?;
    let connection = &selected.connection;
    if connection.auth() == AuthMethod::HttpAccessToken {
        return Ok(GitLogin::Bearer(secret));
    }
    Ok(GitLogin::Basic {
        username: git_username(connection).to_owned(),
        password: secret,
    })
}

/// The key of the connection, and the host keys of the URL's server.
fn ssh_login(
    app: &App,
    selected: &SelectedConnection,
    url: Option<&str>,
) -> Result<SshLogin, Error> {
    let connection = &selected.connection;
    let Some(path) = &connection.key_path else {
        return Err(Error::usage(
            format!("connection {} has no SSH key", selected.name),
            "pass --url with an HTTPS URL",
        ));
    };
    let key = PrivateKeyFile::read(path)?;
    if key.has_passphrase {
        return Err(Error::Ssh(SshError::KeyFile {
            path: path.clone(),
            reason: "it has a passphrase, which no service can type".to_owned(),
        }));
    }
    let mut private = key.private_text()?;
    if !private.ends_with('\n') {
        private.push('\n');
    }
    let remote: Option<SshRemote> = url
        .or(connection.clone_url.as_deref())
        .and_then(|url| url.parse::<CloneUrl>().ok())
        .and_then(|url| url.ssh())
        .and_then(|url| url.parse().ok());
    let mut known_hosts = String::new();
    if let Some(remote) = remote {
        let name = remote.host.known_hosts_name();
        for key in app.locally_trusted_keys(&remote.host)? {
            known_hosts.extend([&name, " ", &key.to_openssh_without_comment(), "\n"]);
        }
        if known_hosts.is_empty() {
            return Err(Error::Ssh(SshError::HostKeyUnknown {
                host: remote.host,
                offered: Vec::new(),
            }));
        }
    }
    Ok(SshLogin {
        private,
        public: format!("{}\n", key.public),
        known_hosts,
    })
}

/// <https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repositories>
fn argo_cd(login: &GitLogin) -> Values {
    match login {
        GitLogin::Basic { username, password } => {
            values([("username", username), ("password", password.expose())])
        }
        GitLogin::Bearer(token) => values([("bearerToken", token.expose())]),
        GitLogin::Ssh(ssh) => values([("sshPrivateKey", ssh.private.as_str())]),
    }
}

/// <https://fluxcd.io/flux/components/source/gitrepositories/#secret-reference>
fn flux(login: &GitLogin) -> Values {
    match login {
        GitLogin::Basic { username, password } => {
            values([("username", username), ("password", password.expose())])
        }
        GitLogin::Bearer(token) => values([("bearerToken", token.expose())]),
        GitLogin::Ssh(ssh) => values([
            ("identity", ssh.private.as_str()),
            ("identity.pub", &ssh.public),
            ("known_hosts", &ssh.known_hosts),
        ]),
    }
}

/// <https://kubernetes.io/docs/concepts/configuration/secret/#secret-types>
fn plain(login: &GitLogin) -> (Values, &'static str) {
    match login {
        GitLogin::Basic { username, password } => (
            values([("username", username), ("password", password.expose())]),
            "kubernetes.io/basic-auth",
        ),
        GitLogin::Bearer(token) => (values([("token", token.expose())]), "Opaque"),
        GitLogin::Ssh(ssh) => (
            values([("ssh-privatekey", ssh.private.as_str())]),
            "kubernetes.io/ssh-auth",
        ),
    }
}

fn values<const N: usize>(all: [(&'static str, &str); N]) -> Values {
    let all = all.into_iter();
    all.map(|(key, value)| (key, Zeroizing::new(value.to_owned())))
        .collect()
}

/// A PEM file.
fn read(path: &Path) -> Result<Zeroizing<String>, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::reading(path))?;
    Ok(Zeroizing::new(text))
}

/// The variables of the environment connection.
fn environment(
    app: &App,
    selected: &SelectedConnection,
    notes: &mut Vec<String>,
) -> Result<Values, Error> {
    let connection = &selected.connection;
    let mut all = Values::new();
    let mut set = |name, value: Option<&str>| {
        if let Some(value) = value {
            all.insert(name, Zeroizing::new(value.to_owned()));
        }
    };
    if connection.auth() == AuthMethod::Ssh {
        let command = app.git_ssh_command(connection).ok_or_else(|| {
            Error::usage(format!("connection {} has no SSH key", selected.name), "")
        })?;
        set("GIT_SSH_COMMAND", Some(&command));
        return Ok(all);
    }
    let secret = app.secret_of(selected)?;
    set("BBCONNECT_TOKEN", Some(secret.expose()));
    set("BBCONNECT_URL", Some(connection.base_url.url().as_str()));
    let deployment = match connection.deployment {
        Deployment::Cloud => "cloud",
        Deployment::DataCenter | Deployment::Unknown => "datacenter",
    };
    set("BBCONNECT_DEPLOYMENT", Some(deployment));
    match &connection.credential {
        Credential::ApiToken { email, username } => {
            set("BBCONNECT_EMAIL", Some(email));
            set("BBCONNECT_USERNAME", username.as_deref());
        }
        Credential::AppPassword { username } | Credential::Password { username } => {
            set("BBCONNECT_USERNAME", Some(username));
        }
        Credential::HttpAccessToken { level, .. } => {
            set("BBCONNECT_LEVEL", level.map(TokenLevel::name));
        }
        Credential::AccessToken { .. }
        | Credential::OAuth { .. }
        | Credential::ClientCredentials { .. }
        | Credential::Ssh { .. } => {}
    }
    set("BBCONNECT_WORKSPACE", connection.workspace.as_deref());
    set("BBCONNECT_PROJECT", connection.project.as_deref());
    let repo = connection_repository(connection).map(|repo| repo.to_string());
    set("BBCONNECT_REPO", repo.as_deref());
    let network = &connection.network;
    if network.ca_cert.is_some() || network.client_identity.is_some() || network.proxy.is_some() {
        notes.push("CA, client certificate and proxy are not part of the variables".to_owned());
    }
    Ok(all)
}

fn env_lines(values: &Values) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for (name, value) in values {
        let value = Zeroizing::new(shell_words::quote(value).into_owned());
        text.extend(["export ", name, "=", value.as_str(), "\n"]);
    }
    text
}

/// <https://everything.curl.dev/usingcurl/netrc.html>
fn netrc(app: &App, selected: &SelectedConnection) -> Result<Zeroizing<String>, Error> {
    let connection = &selected.connection;
    if let Credential::HttpAccessToken { level, .. } = &connection.credential
        && !matches!(level, None | Some(TokenLevel::User))
    {
        return Err(Error::usage(
            "git accepts tokens of projects and repositories as Bearer only, which .netrc cannot express",
            "run `bbconnect git setup`",
        ));
    }
    if connection.auth() == AuthMethod::Ssh {
        return Err(Error::SshOnlyConnection(selected.name.to_string()));
    }
    let bases = git_base_urls(connection);
    let base = bases.first().unwrap_or(connection.base_url.url());
    let host = base.host_str().unwrap_or_default();
    let login = git_username(connection);
    let secret = app.secret_of(selected)?;
    let is_plain = |text: &str| !text.contains(|c: char| c.is_whitespace() || "\"\\#".contains(c));
    let quoted = |text: &str| {
        Zeroizing::new(if is_plain(text) {
            text.to_owned()
        } else {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        })
    };
    let password = quoted(secret.expose());
    let login = quoted(login);
    Ok(Zeroizing::new(format!(
        "machine {host} login {} password {}\n",
        login.as_str(),
        password.as_str()
    )))
}

impl CommandOutput for ExportOutput {
    const SCHEMA: &'static str = "bbconnect/connection-export@1";
    const REVEALS_SECRET: bool = true;

    fn write_stdout(&self, out: &mut TextWriter) {
        match &self.path {
            Some(path) => out.line(&format!(
                "exported {} to {}",
                self.connection,
                path.display()
            )),
            None => out.raw(&self.text),
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        out.notes(&self.notes);
    }
}
