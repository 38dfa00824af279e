//! Output of `bbconnect connect`.

use serde::{Serialize, Serializer};

use super::plan::Plan;
use super::steps::Step;
use super::verify::VerifiedAccess;
use crate::app::RetryPolicy;
use crate::exit_status::ExitStatus;
use crate::ssh::{KeyDescription, Refs};
use crate::types::action::Action;
use crate::types::public_key::Fingerprint;
use crate::types::registered_key::{Access, KeyKind, RegisteredKey};
use crate::types::shell::quote;
use crate::ui::{CommandOutput, ConnectionView, TextWriter};

#[derive(Debug, Serialize)]
pub(crate) struct ConnectOutput {
    pub(super) connection: ConnectionView,
    pub(super) repository: Repository,
    pub(super) key: Option<KeyDescription>,
    pub(super) registration: Registration,
    pub(super) ssh: Ssh,
    /// Value for `core.sshCommand` and `GIT_SSH_COMMAND`.
    pub(super) ssh_command: Option<String>,
    pub(super) clone_url: String,
    /// The page where the user registers the key.
    pub(super) register_at: Option<String>,
    pub(super) steps: Vec<Step>,
    #[serde(skip)]
    pub(super) exit: ExitStatus,
}

#[derive(Debug, Serialize)]
pub(super) struct Repository {
    namespace: Option<String>,
    slug: String,
    empty: Option<bool>,
    default_branch: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Registration {
    #[serde(rename = "as", serialize_with = "kind")]
    registered_as: Option<KeyKind>,
    id: Option<String>,
    access: Access,
    action: Option<Action>,
}

/// The result of the check over SSH.
#[derive(Debug, Default, Serialize)]
pub(super) struct Ssh {
    /// Whether the key has the requested access.
    verified: bool,
    host_key: Option<Fingerprint>,
    host: Option<String>,
    port: Option<u16>,
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

impl Repository {
    /// The repository as REST and SSH show it.
    pub(super) fn new(plan: &Plan, refs: Option<&Refs>) -> Self {
        let by_rest = plan.repository.as_ref();
        let branch = refs.and_then(|refs| refs.default_branch.clone());
        Self {
            namespace: plan.namespace(),
            slug: plan.slug().to_owned(),
            empty: refs.map(|refs| refs.empty).or(plan.empty),
            default_branch: branch
                .or_else(|| by_rest.and_then(|repository| repository.default_branch.clone())),
        }
    }
}

impl Registration {
    pub(super) fn new(registered: &RegisteredKey, action: Action) -> Self {
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

    /// Whether the key is registered with the requested access.
    pub(super) fn is_unchanged(&self) -> bool {
        self.action == Some(Action::Unchanged)
    }

    /// How long the server may refuse the key. An unchanged key may have been registered by a run that was interrupted a
    /// moment ago.
    pub(super) fn retry_policy(&self) -> RetryPolicy {
        match self.action {
            Some(Action::Created | Action::Updated) => RetryPolicy::Long,
            _ => RetryPolicy::Short,
        }
    }
}

impl From<&VerifiedAccess> for Ssh {
    fn from(access: &VerifiedAccess) -> Self {
        Self {
            verified: access.is_sufficient,
            host_key: access.check.host_key,
            host: Some(access.destination.host.name.clone()),
            port: Some(access.destination.host.port),
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
            out.key_value("branches", 13, "none, the repository is empty");
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
            && !self.steps.iter().any(Step::configures_git)
        {
            out.blank_line();
            out.line("To clone with this key:");
            out.verbatim(&format!(
                "  git clone -c ssh.variant=ssh -c core.sshCommand={} -- {}",
                quote(command),
                quote(&self.clone_url)
            ));
        }
    }

    fn exit_status(&self) -> ExitStatus {
        self.exit
    }
}

impl ConnectOutput {
    fn describe_registration(&self, out: &mut TextWriter) {
        let Some(key) = &self.key else { return };
        if self.registration.registered_as.is_some() {
            return;
        }
        out.blank_line();
        out.verbatim(&key.public_key);
        out.blank_line();
        match &self.register_at {
            Some(url) => out.line(&format!("Add this public key at {url}")),
            None => out.line("Add this public key as a deploy key of the repository."),
        }
        out.line("Then re-run the command to resume.");
    }
}
