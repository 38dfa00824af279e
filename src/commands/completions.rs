//! `bbconnect completions`: the script with which a shell asks the program for completions.

use clap_complete::Shell;
use clap_complete::env::Shells;
use serde::Serialize;

use crate::app::{App, COMPLETION_VARIABLE};
use crate::commands::Subcommand;
use crate::error::Error;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect completions bash > ~/.local/share/bash-completion/completions/bbconnect
  echo 'source <(bbconnect completions zsh)' >> ~/.zshrc
  bbconnect completions fish > ~/.config/fish/completions/bbconnect.fish
  bbconnect completions elvish >> ~/.config/elvish/rc.elv
  Add-Content $PROFILE 'bbconnect completions powershell | Out-String | iex'
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

const NAME: &str = "bbconnect";

#[derive(Debug, Serialize)]
pub(crate) struct CompletionsOutput {
    shell: String,
    script: String,
}

impl Subcommand for Args {
    type Output = CompletionsOutput;

    fn run(&self, _app: &App) -> Result<CompletionsOutput, Error> {
        let shell = self.shell.to_string();
        let mut script = Vec::new();
        if let Some(completer) = Shells::builtins().completer(&shell) {
            // The program is found on the PATH, so that the script survives an update.
            completer
                .write_registration(COMPLETION_VARIABLE, NAME, NAME, NAME, &mut script)
                .map_err(Error::Stdout)?;
        }
        Ok(CompletionsOutput {
            shell,
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
