//! What `bbconnect connect` tells: as data and as text.

use serde::{Serialize, Serializer};

use super::step::Step;
use super::verify::VerifiedAccess;
use crate::app::RetryPolicy;
use crate::ssh::KeyDescription;
use crate::types::action::Action;
use crate::types::fingerprint::Fingerprint;
use crate::types::registered_key::{Access, KeyKind, RegisteredKey};
use crate::ui::{CommandOutput, ConnectionView, TextWriter};

/// A repository that is connected, or will be once its key is registered.
#[derive(Debug, Serialize)]
pub(crate) struct ConnectOutput {
    pub(super) connection: ConnectionView,
    pub(super) repository: Repository,
    pub(super) key: Option<KeyDescription>,
    pub(super) registration: Registration,
    pub(super) ssh: Ssh,
    /// For `core.sshCommand` and `GIT_SSH_COMMAND`.
    pub(super) ssh_command: Option<String>,
    pub(super) clone_url: String,
    pub(super) register_at: Option<String>,
    pub(super) steps: Vec<Step>,
}

/// The repository. What is not known is `None`.
#[derive(Debug, Serialize)]
pub(super) struct Repository {
    pub(super) namespace: Option<String>,
    pub(super) slug: String,
    pub(super) empty: Option<bool>,
    pub(super) default_branch: Option<String>,
}

/// How the key is registered.
#[derive(Debug, Serialize)]
pub(super) struct Registration {
    #[serde(rename = "as", serialize_with = "kind")]
    registered_as: Option<KeyKind>,
    id: Option<String>,
    access: Access,
    action: Option<Action>,
}

/// Whether it works over SSH.
#[derive(Debug, Default, Serialize)]
pub(super) struct Ssh {
    pub(super) verified: bool,
    pub(super) host_key: Option<Fingerprint>,
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands the field over by reference"
)]
fn kind<S: Serializer>(kind: &Option<KeyKind>, serializer: S) -> Result<S::Ok, S::Error> {
    match kind {
        Some(kind) => kind.serialize(serializer),
        None => serializer.serialize_str("manual"),
    }
}

impl Registration {
    pub(super) fn of(registered: &RegisteredKey, action: Action) -> Self {
        Self {
            registered_as: Some(registered.registered_as),
            id: (!registered.id.is_empty()).then(|| registered.id.clone()),
            access: registered.access,
            action: Some(action),
        }
    }

    pub(super) fn manual(access: Access) -> Self {
        Self {
            registered_as: None,
            id: None,
            access,
            action: None,
        }
    }

    pub(super) fn would_create(registered_as: KeyKind, access: Access) -> Self {
        Self {
            registered_as: Some(registered_as),
            id: None,
            access,
            action: Some(Action::WouldCreate),
        }
    }

    /// How long to wait until the key is known everywhere. One that was there may have been registered a moment ago, by a
    /// run that was cut off.
    pub(super) fn patience(&self) -> RetryPolicy {
        match self.action {
            Some(Action::Created | Action::Updated) => RetryPolicy::Long,
            _ => RetryPolicy::Short,
        }
    }
}

impl Ssh {
    pub(super) fn verified(proof: &VerifiedAccess) -> Self {
        Self {
            verified: true,
            host_key: proof.served.host_key,
            host: Some(proof.remote.host.name.clone()),
            port: Some(proof.remote.host.port),
        }
    }
}

impl CommandOutput for ConnectOutput {
    const SCHEMA: &'static str = "bbconnect/connect@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let namespace = self.repository.namespace.as_ref();
        let namespace = namespace.map(|name| format!("{name}/")).unwrap_or_default();
        out.heading(&format!("{namespace}{}", self.repository.slug));
        out.key_value("connection", 13, &self.connection.name.to_string());
        if let Some(key) = &self.key {
            if let Some(path) = &key.private_key_path {
                out.key_value("private key", 13, &path.display().to_string());
            }
            out.key_value("fingerprint", 13, &key.fingerprint);
        }
        out.key_value("access", 13, &self.registration.access.to_string());
        if self.repository.empty == Some(true) {
            out.key_value("branches", 13, "none yet, the repository is empty");
        } else if let Some(branch) = &self.repository.default_branch {
            out.key_value("branch", 13, branch);
        }
        if self.ssh.verified {
            out.key_value("clone URL", 13, &self.clone_url);
        } else {
            self.describe_registration(out);
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if self.ssh.verified
            && let Some(command) = &self.ssh_command
            && !self.steps.iter().any(Step::uses_the_key)
        {
            out.blank_line();
            out.line("Clone so that git uses this key and no other:");
            out.line(&format!(
                "  git clone -c core.sshCommand={} -- {}",
                shell_words::quote(command),
                shell_words::quote(&self.clone_url)
            ));
        }
    }
}

impl ConnectOutput {
    fn describe_registration(&self, out: &mut TextWriter) {
        let Some(key) = &self.key else { return };
        if self.registration.registered_as.is_some() {
            return;
        }
        out.blank_line();
        out.line(&key.public_key);
        out.blank_line();
        match &self.register_at {
            Some(url) => out.line(&format!("Register this line at {url}")),
            None => out.line("Register this line as a deploy key of the repository."),
        }
        out.line("Then run the same command again; it goes on from here.");
    }
}
