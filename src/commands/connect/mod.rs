//! `bbconnect connect`: from a clone URL to an SSH connection that works. Every step can be repeated: what is there is
//! recognised, so that after an interruption the same command does the rest.

mod checkout;
mod inspect;
mod key;
mod manual;
mod output;
mod plan;
mod probe;
mod save;
mod ssh_url;
mod step;
mod verify;

use std::path::PathBuf;

pub(crate) use self::output::ConnectOutput;
use self::output::{Registration, Ssh};
use self::plan::{Plan, RegistrationMethod};
use self::step::StepLog;
use crate::app::{App, HostKeyEvidence, OnAccessMismatch};
use crate::commands::Subcommand;
use crate::commands::args::DryRunArg;
use crate::error::{Error, RejectionKind};
use crate::ssh::{KeyDescription, PrivateKeyFile};
use crate::types::action::Action;
use crate::types::clone_url::CloneUrl;
use crate::types::connection::ConnectionName;
use crate::types::fingerprint::Fingerprint;
use crate::types::key_type::KeyType;

const EXAMPLES: &str = "\
Examples:
  bbconnect connect git@bitbucket.org:acme/site.git
  bbconnect connect ssh://git@git.example.com:7999/web/site.git --write --clone site
  bbconnect connect git@bitbucket.org:acme/site.git --register manual
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// The repository, as pasted
    #[arg(value_name = "CLONE_URL")]
    pub clone_url: CloneUrl,
    /// What the connection is called [default: the repository's name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<ConnectionName>,
    /// The kind of key to make [default: ecdsa-256]
    #[arg(long = "type", value_enum, value_name = "TYPE", ignore_case = true)]
    pub key_type: Option<KeyType>,
    /// Use this private key instead of making one
    #[arg(long, value_name = "FILE", conflicts_with = "key_type", value_hint = clap::ValueHint::FilePath)]
    pub key: Option<PathBuf>,
    /// Be able to push as well; on Cloud the key becomes one of yours, because deploy keys are read-only
    #[arg(long)]
    pub write: bool,
    /// As what to register the key [default: deploy-key]
    #[arg(long, value_enum, value_name = "AS")]
    pub register: Option<Register>,
    /// Register the key with the repository's project, for all repositories in it
    #[arg(long)]
    pub project: bool,
    /// What the key is called in Bitbucket's lists [default: bbconnect NAMESPACE/REPOSITORY]
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Clone into this folder, so that git uses the key there
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub clone: Option<PathBuf>,
    /// Take the SSH server for the right one if its host key has this fingerprint
    #[arg(long, value_name = "FINGERPRINT")]
    pub accept_host_key: Option<Fingerprint>,
    #[command(flatten)]
    pub dry_run: DryRunArg,
}

/// As what a key is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Register {
    /// As a key of the repository, or of its project (an access key, on Data Center)
    #[value(name = "deploy-key", alias = "access-key")]
    DeployKey,
    /// As one of your own keys
    UserKey,
    /// By hand, on the page that is shown
    Manual,
}

impl Subcommand for Args {
    type Output = ConnectOutput;

    /// Connects a repository over SSH.
    ///
    /// # Errors
    /// Whatever cannot work is said before anything is made; a step that fails leaves those before it, which are recognised
    /// the next time.
    fn run(&self, app: &App) -> Result<ConnectOutput, Error> {
        let mut steps = StepLog::new(&app.ui);
        let plan = Plan::build(self, app, &mut steps)?;
        if self.dry_run.is_set() {
            return dry_run(self, app, &plan, steps);
        }
        let known = key::existing(&plan)?;
        if let RegistrationMethod::Manual { .. } = plan.method {
            return manual::run(self, app, &plan, known, steps);
        }
        let evidence = HostKeyEvidence {
            settings: plan.settings.fingerprint,
            accepted: self.accept_host_key,
        };
        let door = probe::find_reachable(app, &plan, known.as_ref(), evidence, &mut steps)?;
        let (key, is_new) = key::existing_or_generate(known, &plan, app, &mut steps)?;
        let registration = match register(self, app, &plan, &key, &mut steps) {
            Ok(registration) => registration,
            Err(error) => {
                if is_new && matches!(error, Error::Rejected { .. }) {
                    key::delete_new_key(&key);
                }
                return Err(error);
            }
        };
        let proof =
            verify::verify_access(app, &plan, &key, door, registration.patience(), &mut steps)?;
        let saved = plan.save(app, &key, &proof.remote, &mut steps)?;
        if let Some(note) = plan.previous_key_note() {
            steps.warn("key", note);
        }
        let ssh_command = checkout::configure_checkout(self, app, &plan, &key, &proof, &mut steps)?;
        Ok(ConnectOutput {
            repository: plan.repository(Some(&proof.served.refs)),
            ssh: Ssh::verified(&proof),
            key: Some(KeyDescription::from_file(&key)),
            connection: saved,
            registration,
            ssh_command: Some(ssh_command),
            register_at: None,
            steps: steps.finish(),
            clone_url: plan.clone_url(&proof.remote),
        })
    }
}

fn register(
    args: &Args,
    app: &App,
    plan: &Plan,
    key: &PrivateKeyFile,
    steps: &mut StepLog<'_>,
) -> Result<Registration, Error> {
    let RegistrationMethod::Api {
        chosen,
        bitbucket,
        owner,
        access,
    } = &plan.method
    else {
        return Ok(Registration::manual(plan.access()));
    };
    let new = plan.new_key(args, &key.public, *access);
    let registered = app.register_key(chosen, bitbucket, owner, &new, OnAccessMismatch::Upgrade);
    let (registered, action) = registered.map_err(|error| another_key(error, key))?;
    let said = match action {
        Action::Created => "registered as",
        Action::Updated => "given more access:",
        Action::Unchanged
        | Action::Removed
        | Action::WouldCreate
        | Action::WouldUpdate
        | Action::WouldRemove => "registered already, as",
    };
    steps.pass(
        "registration",
        format!(
            "{said} {} {} of {owner}, {}",
            registered.registered_as, registered.id, registered.access
        ),
    );
    if let Some(note) = registered.title_note(args.title.as_deref()) {
        steps.warn("registration", note);
    }
    if let Some(warning) = &registered.warning {
        steps.warn(
            "registration",
            format!("the server says of the key: {warning}"),
        );
    }
    Ok(Registration::of(&registered, action))
}

/// A key of another kind has a file of its own, so that this command makes one.
fn another_key(error: Error, key: &PrivateKeyFile) -> Error {
    let Error::Rejected {
        no: RejectionKind::Conflict,
        message,
        ..
    } = error
    else {
        return error;
    };
    let other = if key.public.kind() == KeyType::Ed25519.name() {
        "ecdsa-256"
    } else {
        "ed25519"
    };
    let hint = format!(
        "a key belongs to repositories or to one account, never to both: --type {other} makes another for this"
    );
    Error::rejected(RejectionKind::Conflict, message, &hint)
}

/// What would be done, as far as it can be told without doing it.
fn dry_run(
    args: &Args,
    app: &App,
    plan: &Plan,
    mut steps: StepLog<'_>,
) -> Result<ConnectOutput, Error> {
    let key = key::existing(plan)?;
    let (registration, said) = match (&plan.method, &key) {
        (RegistrationMethod::Manual { .. }, _) => {
            (Registration::manual(plan.access()), "be registered by hand")
        }
        (
            RegistrationMethod::Api {
                chosen,
                bitbucket,
                owner,
                access,
            },
            Some(key),
        ) => {
            let new = plan.new_key(args, &key.public, *access);
            let (would, action) = app.plan_key_registration(
                chosen,
                bitbucket,
                owner,
                &new,
                OnAccessMismatch::Upgrade,
            )?;
            if let Some(note) = would.title_note(args.title.as_deref()) {
                steps.warn("registration", note);
            }
            (Registration::of(&would, action), "be used")
        }
        (
            RegistrationMethod::Api {
                chosen,
                owner,
                access,
                ..
            },
            None,
        ) => (
            Registration::would_create(owner.registers_as(chosen.connection.deployment), *access),
            "be made and registered",
        ),
    };
    steps.pass(
        "dry-run",
        format!(
            "the key {} would {said}; nothing was changed",
            plan.key_path.display()
        ),
    );
    Ok(ConnectOutput {
        repository: plan.repository(None),
        ssh: Ssh::default(),
        key: key.as_ref().map(KeyDescription::from_file),
        connection: plan.preview(app)?,
        registration,
        ssh_command: None,
        register_at: plan.url.key_pages().into_iter().next().map(|page| page.url),
        steps: steps.finish(),
        clone_url: plan.clone_url(&plan.remote),
    })
}
