//! `bbconnect url`: a clone URL, taken apart.

use serde::Serialize;

use crate::model::clone_url::{CloneUrl, Form, Host, Note};
use crate::model::deployment::Deployment;
use crate::output::{Page, Render};

const EXAMPLES: &str = "\
Examples:
  bbconnect url git@bitbucket.org:acme/site.git
  bbconnect url 'git clone --depth 1 https://jane@bitbucket.org/acme/site.git site'
  bbconnect url https://git.example.com/bitbucket/projects/WEB/repos/site/browse
  bbconnect url --json ssh://git@git.example.com:7999/web/site.git
";

/// Take a clone URL apart and print its other forms
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// A clone URL as pasted: SSH, HTTPS, a web or API link, or a whole `git clone …` line in quotes
    #[arg(value_name = "CLONE_URL")]
    pub clone_url: CloneUrl,
}

/// A clone URL, taken apart.
#[derive(Debug, Serialize)]
pub struct TakenApart<'a> {
    deployment: Deployment,
    scheme: &'static str,
    user: Option<&'a str>,
    host: &'a Host,
    port: Option<u16>,
    namespace: Option<String>,
    slug: &'a str,
    ssh: Option<String>,
    https: Option<String>,
    web: Option<String>,
    assumed: &'static [Form],
    notes: &'a [Note],
}

/// Takes a clone URL apart. Nothing is looked up.
#[must_use]
pub fn run(args: &Args) -> TakenApart<'_> {
    let url = &args.clone_url;
    TakenApart {
        deployment: url.deployment(),
        scheme: url.transport().scheme(),
        user: url.user(),
        host: url.host(),
        port: url.port(),
        namespace: url.namespace(),
        slug: url.slug(),
        ssh: url.ssh(),
        https: url.https(),
        web: url.web(),
        assumed: url.assumed(),
        notes: url.notes(),
    }
}

impl Render for TakenApart<'_> {
    const SCHEMA: &'static str = "bbconnect/url@1";

    fn text(&self, page: &mut Page) {
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
            ("user", self.user, None),
            ("host", Some(&host), None),
            ("port", port.as_deref(), None),
            (namespace, self.namespace.as_deref(), None),
            ("repository", Some(self.slug), None),
            ("ssh", self.ssh.as_deref(), Some(Form::Ssh)),
            ("https", self.https.as_deref(), Some(Form::Https)),
            ("web", self.web.as_deref(), Some(Form::Web)),
        ];
        for (label, value, form) in fields {
            let assumed = form.is_some_and(|form| self.assumed.contains(&form));
            match value {
                Some(value) if assumed => page.field(label, 12, &format!("{value}  (assumed)")),
                Some(value) => page.field(label, 12, value),
                None => {}
            }
        }
    }

    fn remarks(&self, page: &mut Page) {
        for note in self.notes {
            page.note(&note.message);
        }
        if !self.assumed.is_empty() {
            page.note("assumed: the usual place on the same host; the URL itself does not tell it");
        }
    }
}
