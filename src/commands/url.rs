//! `bbconnect url`: parses a clone URL.

use serde::Serialize;

use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::types::clone_url::{CloneUrl, Host, UrlForm, UrlWarning};
use crate::types::deployment::Deployment;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect url git@ssh.bitbucket.org:acme/site.git
  bbconnect url 'git clone https://jane@bitbucket.org/acme/site.git'
  bbconnect url https://git.example/projects/WEB/repos/site
  bbconnect url --json ssh://git@git.example.com:7999/web/site.git
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Clone URL as pasted: SSH, HTTPS, web or API URL, or a whole `git clone …` line in quotes
    #[arg(value_name = "CLONE_URL")]
    pub clone_url: CloneUrl,
}

/// The parts of a clone URL and its other forms.
#[derive(Debug, Serialize)]
pub(crate) struct UrlOutput {
    deployment: Deployment,
    scheme: &'static str,
    user: Option<String>,
    host: Host,
    port: Option<u16>,
    namespace: Option<String>,
    slug: String,
    ssh: Option<String>,
    https: Option<String>,
    web: Option<String>,
    assumed: &'static [UrlForm],
    notes: Vec<UrlWarning>,
}

impl Subcommand for Args {
    type Output = UrlOutput;

    /// Parses the URL. Nothing is looked up.
    fn run(&self, app: &App) -> Result<UrlOutput, Error> {
        let url = &self.clone_url;
        Ok(UrlOutput {
            deployment: url.deployment(),
            scheme: url.transport().scheme(),
            user: url.user().map(str::to_owned),
            host: url.host().clone(),
            port: url.port(),
            namespace: url.namespace(),
            slug: url.slug().to_owned(),
            ssh: url.ssh(),
            https: url.https(),
            web: url.web(),
            assumed: url.guessed_forms(),
            notes: url.notes_with(&app.saved_hosts()),
        })
    }
}

impl CommandOutput for UrlOutput {
    const SCHEMA: &'static str = "bbconnect/url@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        let namespace = match self.deployment {
            Deployment::Cloud => "workspace",
            Deployment::DataCenter => "project",
            Deployment::Unknown => "namespace",
        };
        let port = self.port.map(|port| port.to_string());
        let host = self.host.to_string();
        let deployment = self.deployment.to_string();
        let fields = [
            ("deployment", Some(deployment.as_str()), None),
            ("scheme", Some(self.scheme), None),
            ("user", self.user.as_deref(), None),
            ("host", Some(&host), None),
            ("port", port.as_deref(), None),
            (namespace, self.namespace.as_deref(), None),
            ("repository", Some(self.slug.as_str()), None),
            ("ssh", self.ssh.as_deref(), Some(UrlForm::Ssh)),
            ("https", self.https.as_deref(), Some(UrlForm::Https)),
            ("web", self.web.as_deref(), Some(UrlForm::Web)),
        ];
        for (label, value, form) in fields {
            let assumed = form.is_some_and(|form| self.assumed.contains(&form));
            match value {
                Some(value) if assumed => out.key_value(label, 12, &format!("{value}  (assumed)")),
                Some(value) => out.key_value(label, 12, value),
                None => {}
            }
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        for warning in &self.notes {
            out.note(&warning.message);
        }
        if !self.assumed.is_empty() {
            out.note("assumed: the usual location on the same host, not part of the URL");
        }
    }
}
