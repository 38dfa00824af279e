//! `bbconnect completions`: the script that completes commands in a shell.

use clap_complete::Shell;
use serde::Serialize;

use crate::app::App;
use crate::commands::Subcommand;
use crate::error::Error;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect completions bash > ~/.local/share/bash-completion/completions/bbconnect
  bbconnect completions zsh > ~/.zfunc/_bbconnect        (with ~/.zfunc in fpath)
  bbconnect completions fish > ~/.config/fish/completions/bbconnect.fish
  bbconnect completions elvish >> ~/.config/elvish/rc.elv
  bbconnect completions powershell >> $PROFILE
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell to write for
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// A completion script.
#[derive(Debug, Serialize)]
pub(crate) struct CompletionsOutput {
    shell: String,
    script: String,
}

impl Subcommand for Args {
    type Output = CompletionsOutput;

    fn run(&self, app: &App) -> Result<CompletionsOutput, Error> {
        let mut script = Vec::new();
        clap_complete::generate(
            self.shell,
            &mut (app.command_line)(),
            "bbconnect",
            &mut script,
        );
        Ok(CompletionsOutput {
            shell: self.shell.to_string(),
            script: String::from_utf8_lossy(&script).into_owned(),
        })
    }
}

impl CommandOutput for CompletionsOutput {
    const SCHEMA: &'static str = "bbconnect/completions@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        out.raw(&self.script);
    }
}
