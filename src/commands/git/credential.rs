//! `bbconnect git credential`: git's credential helper. It responds for the servers of connections alone, and is silent
//! otherwise.

use serde::Serialize;

use crate::app::{App, connection_candidates};
use crate::commands::Subcommand;
use crate::error::Error;
use crate::git::{CredentialRequest, CredentialResponse};
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect git setup  # configures git to run this
  printf 'protocol=https\\nhost=bitbucket.org\\n' | bbconnect git credential get
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// get, store or erase
    #[arg(value_name = "OPERATION")]
    pub operation: String,
    /// Connection to use if it matches and the checkout has none
    #[arg(long, value_name = "NAME", hide = true, add = connection_candidates())]
    pub prefer: Option<String>,
}

/// What git is answered.
#[derive(Debug, Serialize)]
pub(crate) struct CredentialOutput {
    has_answer: bool,
    #[serde(skip)]
    answer: CredentialResponse,
    #[serde(skip)]
    remark: Option<String>,
}

impl Subcommand for Args {
    type Output = CredentialOutput;

    fn run(&self, app: &App) -> Result<CredentialOutput, Error> {
        app.disable_warnings();
        let request = CredentialRequest::read(&app.read_stdin_until_blank_line()?)
            .map_err(|error| Error::usage(error.to_string(), "run `bbconnect git setup`"))?;
        let (answer, remark) = self.answer(app, &request).or_else(|error| {
            if error.is_untrusted_configuration() {
                app.ui.debug(&error.to_string());
                Ok((CredentialResponse::Nothing, None))
            } else {
                Err(error)
            }
        })?;
        Ok(CredentialOutput {
            has_answer: !matches!(answer, CredentialResponse::Nothing),
            answer,
            remark,
        })
    }
}

impl Args {
    /// The answer for git, and a remark for the user.
    fn answer(
        &self,
        app: &App,
        request: &CredentialRequest,
    ) -> Result<(CredentialResponse, Option<String>), Error> {
        let preferred = self.prefer.as_deref();
        Ok(match self.operation.as_str() {
            "get" => (app.credential_for_git(request, preferred)?, None),
            "store" => {
                app.git_approve(request, preferred)?;
                (CredentialResponse::Nothing, None)
            }
            "erase" => (
                CredentialResponse::Nothing,
                app.git_reject(request, preferred)?,
            ),
            // As git-credential asks of helpers.
            _ => (CredentialResponse::Nothing, None),
        })
    }
}

impl CommandOutput for CredentialOutput {
    const SCHEMA: &'static str = "bbconnect/git-credential@1";
    const REVEALS_SECRET: bool = true;

    fn write_stdout(&self, out: &mut TextWriter) {
        out.raw(&self.answer.write());
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        out.notes(&self.remark);
    }
}
