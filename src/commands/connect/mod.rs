//! `bbconnect connect`: from a clone URL to a working SSH connection. Every step recognises what exists, so that the same
//! command continues after an interruption.

mod args;
mod checkout;
mod connection;
mod key;
mod output;
mod plan;
mod steps;
mod verify;

pub(crate) use self::args::Args;
use self::args::Target;
use self::connection::ConnectUrl;
pub(crate) use self::output::ConnectOutput;
use self::output::{Registration, Repository, Ssh};
use self::plan::{ApiRegistration, Plan, RegistrationMethod};
use self::steps::{StepId, StepLog};
use self::verify::VerifiedAccess;
use crate::app::{App, HostKeyEvidence, RetryPolicy};
use crate::commands::Subcommand;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::ssh::{self, KeyDescription, PrivateKeyFile, SshError};
use crate::types::clone_url::CloneUrl;
use crate::types::deployment::Deployment;
use crate::types::operation::Operation;
use crate::types::registered_key::Access;
use crate::types::repository::RepoRef;
use crate::ui::ConnectionView;

/// How often the user is asked on a terminal whether the key is registered.
const MAX_ATTEMPTS: usize = 5;

impl Subcommand for Args {
    type Output = ConnectOutput;

    /// What cannot work is refused before anything is changed. If a later step fails, the results of the previous ones are kept
    /// and recognised the next time.
    fn run(&self, app: &App) -> Result<ConnectOutput, Error> {
        let mut steps = StepLog::new(&app.ui);
        let url = match &self.target {
            Target::Url(url) => url.clone(),
            Target::Repository(repository) => clone_url(repository, app)?,
        };
        for warning in url.notes_with(&app.saved_hosts()) {
            steps.warn(StepId::Url, warning.message);
        }
        let url = ConnectUrl::resolve(app, &url, &mut steps)?;
        if let Some(key) = &self.key {
            PrivateKeyFile::read(key)?;
        }
        if let Some(dir) = &self.clone {
            checkout::require_cloneable(dir, &url)?;
        }
        let plan = Plan::build(self, url, app, &mut steps)?;
        let existing = key::existing(&plan)?;
        let run = Run {
            args: self,
            app,
            plan: &plan,
            steps,
        };
        match &plan.method {
            RegistrationMethod::Api(api) => run.register_over_api(api, existing),
            RegistrationMethod::Manual { reason } => run.register_manually(reason, existing),
        }
    }
}

/// The SSH URL that the server reports for a repository of the connection that applies.
fn clone_url(repository: &RepoRef, app: &App) -> Result<CloneUrl, Error> {
    let (selected, bitbucket, resolved) = app.client_for_repo(Some(repository))?;
    let request = bitbucket.repository(&resolved.id);
    let found = app.request(&selected, Operation::ReadRepositories, request)?;
    let url = found.ssh.and_then(|url| url.parse().ok());
    url.ok_or_else(|| {
        let server = &selected.connection.base_url;
        let message = format!("{server} reports no SSH URL of {}", resolved.id);
        Error::usage(message, "pass the clone URL of the repository")
    })
}

/// The result of a check whether the user has registered the key.
enum Attempt {
    Verified(VerifiedAccess),
    /// The key is not registered or cannot be used, or the server cannot be reached.
    Failed(Error),
}

impl Attempt {
    fn access(&self) -> Option<&VerifiedAccess> {
        match self {
            Self::Verified(access) => Some(access),
            Self::Failed(_) => None,
        }
    }
}

struct Run<'a> {
    args: &'a Args,
    app: &'a App,
    plan: &'a Plan,
    steps: StepLog<'a>,
}

impl Run<'_> {
    fn register_over_api(
        mut self,
        api: &ApiRegistration,
        existing: Option<PrivateKeyFile>,
    ) -> Result<ConnectOutput, Error> {
        let (app, plan, dry_run) = (self.app, self.plan, self.args.dry_run.is_set());
        let evidence = HostKeyEvidence {
            settings: plan.settings.fingerprint,
            accepted: self.args.accept_host_key,
        };
        let steps = &mut self.steps;
        let server =
            verify::find_reachable(app, plan, existing.as_ref(), evidence, dry_run, steps)?;
        let planned = if dry_run || existing.is_some() && api.owner.reach().is_some() {
            let planned = key::plan_registration(app, plan, api, existing.as_ref(), steps)?;
            Some(planned)
        } else {
            None
        };
        let is_registered = planned.as_ref().is_some_and(Registration::is_unchanged);
        if !is_registered {
            key::confirm_reach(app, api, dry_run, steps)?;
        }
        if let (true, Some(planned)) = (dry_run, planned) {
            let access = match &existing {
                Some(key) if is_registered => {
                    let retry = planned.retry_policy();
                    Some(verify::verify_access(app, plan, key, server, retry, steps)?)
                }
                Some(_) | None => None,
            };
            let exit = self.exit_of(access.as_ref());
            return self.preview(existing.as_ref(), access.as_ref(), planned, exit);
        }
        let (key, is_new) = key::existing_or_generate(existing, plan, app, steps)?;
        let registration = key::register(app, plan, api, &key, steps).inspect_err(|error| {
            if is_new && matches!(error, Error::Rejected { .. }) {
                key::delete_new_key(&key);
            }
        })?;
        let retry = registration.retry_policy();
        let access = verify::verify_access(app, plan, &key, server, retry, steps)?;
        let exit = self.exit_of(Some(&access));
        self.save(&key, Some(&access), registration, exit)
    }

    /// Shows the public key and the page where to register it. Exit status 0 means that access is verified, except for the
    /// run that generates the key.
    fn register_manually(
        mut self,
        reason: &str,
        existing: Option<PrivateKeyFile>,
    ) -> Result<ConnectOutput, Error> {
        let (app, plan) = (self.app, self.plan);
        let note = format!("{reason}; add the key manually");
        self.steps.warn(StepId::Registration, note);
        if plan.access() == Access::Write && plan.url.deployment() == Deployment::Cloud {
            self.steps.warn(
                StepId::Registration,
                "deploy keys are read-only: a key with write access has access to all repositories of the workspace or \
                 account that it is added to",
            );
        }
        let registration = Registration::manual(plan.access());
        if self.args.dry_run.is_set() {
            let result = if existing.is_some() || self.args.accept_host_key.is_some() {
                Some(self.attempt(existing.as_ref())?)
            } else {
                None
            };
            let exit = self.exit_of_attempt(result.as_ref(), existing.is_none());
            let access = result.as_ref().and_then(Attempt::access);
            return self.preview(existing.as_ref(), access, registration, exit);
        }
        let (key, is_new) = key::existing_or_generate(existing, plan, app, &mut self.steps)?;
        let result = if app.is_interactive() {
            self.prompt_until_registered(&key, is_new)?
        } else if is_new && self.args.accept_host_key.is_none() {
            // The user had no time to register the key.
            None
        } else {
            Some(self.attempt(Some(&key))?)
        };
        let exit = self.exit_of_attempt(result.as_ref(), is_new);
        let access = result.as_ref().and_then(Attempt::access);
        self.save(&key, access, registration, exit)
    }

    /// Checks access once.
    fn attempt(&mut self, key: Option<&PrivateKeyFile>) -> Result<Attempt, Error> {
        let (app, plan) = (self.app, self.plan);
        let evidence = app.host_key_evidence_for(&plan.url, self.args.accept_host_key);
        let (dry_run, steps) = (self.args.dry_run.is_set(), &mut self.steps);
        let error = match verify::find_reachable(app, plan, key, evidence, dry_run, steps) {
            Ok(server) => match (server.into_refusal(), key) {
                (Err(refusal), _) => refusal,
                (Ok(server), Some(key)) => {
                    let retry = RetryPolicy::None;
                    let access = verify::verify_access(app, plan, key, server, retry, steps)?;
                    return Ok(Attempt::Verified(access));
                }
                (Ok(server), None) => SshError::ProtocolError {
                    host: server.remote.host,
                    messages: "a login without a key is accepted".to_owned(),
                },
            },
            Err(Error::Ssh(
                error @ (SshError::PassphraseRequired(_) | SshError::Unreachable { .. }),
            )) => error,
            Err(error) => return Err(error),
        };
        steps.warn(StepId::Ssh, error.to_string());
        Ok(Attempt::Failed(error.into()))
    }

    /// Shows the key and checks access whenever the user says that it is registered.
    fn prompt_until_registered(
        &mut self,
        key: &PrivateKeyFile,
        is_new: bool,
    ) -> Result<Option<Attempt>, Error> {
        let mut result = None;
        if !is_new {
            result = Some(self.attempt(Some(key))?);
        }
        let is_done = |result: &Option<Attempt>| {
            let access = result.as_ref().and_then(Attempt::access);
            access.is_some_and(|access| access.is_sufficient)
        };
        if is_done(&result) {
            return Ok(result);
        }
        let ui = &self.app.ui;
        ui.eprint_line("");
        ui.eprint_line(&key.public.to_string());
        ui.eprint_line("");
        let pages = self.plan.pages();
        if pages.is_empty() {
            ui.eprint_line("Add this public key as a deploy key of the repository.");
        } else {
            ui.eprint_line("Add this public key on one of:");
            for page in &pages {
                ui.eprint_line(&format!("  {page}"));
            }
        }
        for _ in 0..MAX_ATTEMPTS {
            let prompt = "Press Enter to continue, or q then Enter to finish later";
            let input = ui.prompt_text(prompt, "")?;
            if input.trim().eq_ignore_ascii_case("q") {
                break;
            }
            result = Some(self.attempt(Some(key))?);
            if is_done(&result) {
                break;
            }
        }
        Ok(result)
    }

    /// A key that was requested with write access and has read access only is not sufficient.
    fn exit_of(&self, access: Option<&VerifiedAccess>) -> ExitStatus {
        match access {
            Some(access) if self.args.write && !access.is_sufficient => ExitStatus::Forbidden,
            Some(_) | None => ExitStatus::Success,
        }
    }

    fn exit_of_attempt(&self, attempt: Option<&Attempt>, is_new: bool) -> ExitStatus {
        match attempt {
            Some(Attempt::Failed(error)) if !is_new => error.exit_status(),
            Some(Attempt::Verified(access)) => self.exit_of(Some(access)),
            Some(Attempt::Failed(_)) | None => ExitStatus::Success,
        }
    }

    fn save(
        mut self,
        key: &PrivateKeyFile,
        access: Option<&VerifiedAccess>,
        registration: Registration,
        exit: ExitStatus,
    ) -> Result<ConnectOutput, Error> {
        let (app, plan, steps) = (self.app, self.plan, &mut self.steps);
        let remote = access.map_or(&plan.remote, |access| &access.remote);
        let connection = plan.connection(remote)?;
        let (view, message) = plan.target.save(app, &plan.connect_url(), &connection)?;
        steps.pass(StepId::Saved, message);
        if let Some(note) = previous_key_note(plan) {
            steps.warn(StepId::Key, note);
        }
        let ssh_command = if let Some(access) = access {
            checkout::configure(self.args, app, plan, key, access, &view.name, steps)?
        } else {
            let destination = app.ssh_destination(&plan.remote)?;
            let options = app.ssh_options(Some(key), &destination);
            let command = options.command_line(app.ssh_program())?;
            checkout::warn_of_environment(app, &command, steps);
            command
        };
        Ok(ConnectOutput {
            ssh_command: Some(ssh_command),
            ..self.output(view, Some(key), access, registration, exit)
        })
    }

    /// The output of a dry run.
    fn preview(
        mut self,
        key: Option<&PrivateKeyFile>,
        access: Option<&VerifiedAccess>,
        registration: Registration,
        exit: ExitStatus,
    ) -> Result<ConnectOutput, Error> {
        let plan = self.plan;
        let path = plan.key_path.display();
        let done = match (&plan.method, key) {
            (RegistrationMethod::Manual { .. }, Some(_)) => "would be used",
            (RegistrationMethod::Manual { .. }, None) => "would be generated, to be added manually",
            (RegistrationMethod::Api(_), Some(_)) if registration.is_unchanged() => {
                "would be used, it is registered"
            }
            (RegistrationMethod::Api(_), Some(_)) => "would be registered",
            (RegistrationMethod::Api(_), None) => "would be generated and registered",
        };
        let message = format!("the key {path} {done}; nothing was changed");
        self.steps.pass(StepId::DryRun, message);
        let remote = access.map_or(&plan.remote, |access| &access.remote);
        let connection = plan.connection(remote)?;
        let connection = plan.target.preview(self.app, &connection)?;
        Ok(self.output(connection, key, access, registration, exit))
    }

    fn output(
        self,
        connection: ConnectionView,
        key: Option<&PrivateKeyFile>,
        access: Option<&VerifiedAccess>,
        registration: Registration,
        exit: ExitStatus,
    ) -> ConnectOutput {
        let plan = self.plan;
        let remote = access.map_or(&plan.remote, |access| &access.remote);
        ConnectOutput {
            repository: Repository::new(plan, access.map(|access| &access.check.refs)),
            ssh: access.map(Ssh::from).unwrap_or_default(),
            key: key.map(|key| {
                let public_path = ssh::public_path(&key.path);
                let public_path = Some(&*public_path).filter(|path| path.is_file());
                let title = key.public.kind();
                KeyDescription::new(&key.public, title, Some(&key.path), public_path)
            }),
            connection,
            registration,
            ssh_command: None,
            register_at: register_at(plan),
            clone_url: plan.clone_url(remote),
            steps: self.steps.finish(),
            exit,
        }
    }
}

/// The page where the user registers the key, for a dry run and a real one.
fn register_at(plan: &Plan) -> Option<String> {
    match plan.method {
        RegistrationMethod::Manual { .. } => plan.pages().into_iter().next(),
        RegistrationMethod::Api(_) => None,
    }
}

/// The previous key of the connection, if it is replaced by another one.
fn previous_key_note(plan: &Plan) -> Option<String> {
    let previous = plan.target.existing.as_ref()?.key_path.as_ref()?;
    let old = PrivateKeyFile::read(previous).ok()?;
    (*previous != plan.key_path).then(|| {
        format!(
            "the previous key, {}, is still registered; to remove it: bbconnect key list, then bbconnect key remove",
            old.public.fingerprint()
        )
    })
}
