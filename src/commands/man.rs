//! `bbconnect man`: manual pages, one for each command.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap_mangen::roff::{Roff, bold, roman};
use serde::Serialize;

use crate::app::{App, FILES, variables_of_this_system};
use crate::commands::Subcommand;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::sys::atomic_file;
use crate::ui::{CommandOutput, TextWriter};

const EXAMPLES: &str = "\
Examples:
  bbconnect man ~/.local/share/man/man1
  man bbconnect-keygen
";

#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Directory; created if missing, existing pages are updated
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub dir: PathBuf,
}

/// The pages that were written.
#[derive(Debug, Serialize)]
pub(crate) struct ManOutput {
    action: PagesAction,
    pages: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum PagesAction {
    Written,
    Unchanged,
}

impl Subcommand for Args {
    type Output = ManOutput;

    fn run(&self, app: &App) -> Result<ManOutput, Error> {
        fs::create_dir_all(&self.dir).map_err(Error::writing(&self.dir))?;
        let mut written = ManOutput {
            action: PagesAction::Unchanged,
            pages: Vec::new(),
        };
        for (name, text) in pages(&(app.command_line)()).map_err(Error::writing(&self.dir))? {
            let path = self.dir.join(name);
            if fs::read(&path).ok().as_ref() != Some(&text) {
                atomic_file::write_world_readable(&path, &text).map_err(Error::writing(&path))?;
                written.action = PagesAction::Written;
            }
            written.pages.push(path);
        }
        Ok(written)
    }
}

/// A command's page, then those of the commands below it: name of the file, and text.
fn pages(root: &clap::Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut commands = vec![root];
    let mut pages = Vec::new();
    while let Some(command) = commands.pop() {
        let below = command.get_subcommands();
        commands.extend(below.filter(|command| command.get_name() != "help"));
        pages.push(page(command, root)?);
    }
    pages.sort();
    Ok(pages)
}

fn page(command: &clap::Command, root: &clap::Command) -> io::Result<(String, Vec<u8>)> {
    let version = env!("CARGO_PKG_VERSION");
    let is_root = command.get_name() == root.get_name();
    // The page of the program has the options that the pages of all commands leave out.
    let all = |option: clap::Arg| {
        if is_root { option.hide(false) } else { option }
    };
    let command_of_page = command.clone().mut_args(all);
    let command_of_page = command_of_page.version(version).disable_version_flag(true);
    let man = clap_mangen::Man::new(command_of_page).source(format!("bbconnect {version}"));
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    let examples = command.get_before_help();
    if let Some(examples) = examples.or(command.get_before_long_help()) {
        let mut roff = Roff::new();
        roff.control("SH", ["EXAMPLES"]).control("nf", []);
        roff.text([roman(
            examples
                .to_string()
                .trim_start_matches("Examples:\n")
                .trim_end(),
        )]);
        roff.control("fi", []).to_writer(&mut text)?;
    }
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    let statuses = ExitStatus::ALL.map(|exit| (exit.code().to_string(), exit.description()));
    let statuses = statuses.iter().map(|(code, what)| (&**code, *what));
    definitions("EXIT STATUS", statuses).to_writer(&mut text)?;
    definitions("ENVIRONMENT", variables_of_this_system()).to_writer(&mut text)?;
    definitions("FILES", FILES).to_writer(&mut text)?;
    Ok((man.get_filename(), text))
}

/// A section of names and their descriptions.
fn definitions<'a>(title: &str, rows: impl IntoIterator<Item = (&'a str, &'a str)>) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (name, text) in rows {
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text([roman(text)]);
    }
    roff
}

impl CommandOutput for ManOutput {
    const SCHEMA: &'static str = "bbconnect/man@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        for path in &self.pages {
            out.verbatim(&path.display().to_string());
        }
    }

    fn write_stderr(&self, out: &mut TextWriter) {
        if self.action == PagesAction::Unchanged {
            out.line("all pages were up to date");
        }
    }
}
