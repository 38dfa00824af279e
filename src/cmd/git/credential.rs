//! `bbconnect git credential`: git's credential helper. It answers for the servers of connections alone, and is silent
//! otherwise.

use serde::Serialize;

use crate::context::Context;
use crate::error::Error;
use crate::git::{CredentialAnswer, CredentialQuery};
use crate::output::{Page, Render};

const EXAMPLES: &str = "\
Examples:
  bbconnect git setup                                             git then runs this by itself
  printf 'protocol=https\\nhost=bitbucket.org\\n' | bbconnect git credential get
";

/// Answer git: its credential helper protocol on standard input and output
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// get, store or erase; others are for other helpers
    #[arg(value_name = "OPERATION")]
    pub operation: String,
}

/// What git is answered.
#[derive(Debug, Serialize)]
pub struct Answered {
    has_answer: bool,
    #[serde(skip)]
    answer: CredentialAnswer,
    #[serde(skip)]
    remark: Option<String>,
}

/// Answers git.
///
/// # Errors
/// Where standard input is not git's, or the secret of the connection that is meant cannot be read.
pub fn run(args: &Args, context: &Context) -> Result<Answered, Error> {
    let query =
        CredentialQuery::read(&context.stdin_paragraph()?).map_err(|error| Error::Usage {
            message: error.to_string(),
            hint: Some("bbconnect git setup lets git run this".to_owned()),
        })?;
    let (answer, remark) = match args.operation.as_str() {
        "get" => (context.answer_git(&query)?, None),
        "store" => (
            CredentialAnswer::Nothing,
            context.git_accepts(&query).map(|()| None)?,
        ),
        "erase" => (CredentialAnswer::Nothing, context.git_refuses(&query)?),
        // As git-credential asks of helpers.
        _ => (CredentialAnswer::Nothing, None),
    };
    Ok(Answered {
        has_answer: !matches!(answer, CredentialAnswer::Nothing),
        answer,
        remark,
    })
}

impl Render for Answered {
    const SCHEMA: &'static str = "bbconnect/git-credential@1";

    fn text(&self, page: &mut Page) {
        page.verbatim(&self.answer.write());
    }

    fn remarks(&self, page: &mut Page) {
        if let Some(remark) = &self.remark {
            page.note(remark);
        }
    }
}
