//! `bbconnect man`: manual pages, one for each command.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::Error;
use crate::output::{Page, Render};

const EXAMPLES: &str = "\
Examples:
  bbconnect man ~/.local/share/man/man1
  man bbconnect-keygen
";

/// Arguments of `bbconnect man`.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// The folder to write into; it is made when it is missing, and pages in it are brought up to date
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub folder: PathBuf,
}

/// The pages that were written.
#[derive(Debug, Serialize)]
pub struct Written {
    action: &'static str,
    pages: Vec<PathBuf>,
}

/// Writes the manual pages of `command` and all commands below it.
///
/// # Errors
/// [`Error::Write`] when the folder or a page cannot be written.
pub fn run(args: &Args, command: &clap::Command) -> Result<Written, Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Write { path, source }
    };
    fs::create_dir_all(&args.folder).map_err(failed(&args.folder))?;
    let mut written = Written {
        action: "unchanged",
        pages: Vec::new(),
    };
    for page in pages(command, None) {
        let path = args.folder.join(page.get_filename());
        let mut text = Vec::new();
        page.render(&mut text).map_err(failed(&path))?;
        if fs::read(&path).ok().as_ref() != Some(&text) {
            fs::write(&path, &text).map_err(failed(&path))?;
            written.action = "written";
        }
        written.pages.push(path);
    }
    Ok(written)
}

/// A command's page, then those of the commands below it: `bbconnect-key-add(1)`.
fn pages(command: &clap::Command, parent: Option<&str>) -> Vec<clap_mangen::Man> {
    let name = parent.map_or_else(
        || command.get_name().to_owned(),
        |parent| format!("{parent}-{}", command.get_name()),
    );
    let children: Vec<_> = command
        .get_subcommands()
        .flat_map(|child| pages(child, Some(&name)))
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    let page = clap_mangen::Man::new(
        command
            .clone()
            .name(name)
            .version(version)
            .disable_help_flag(false),
    );
    [page].into_iter().chain(children).collect()
}

impl Render for Written {
    const SCHEMA: &'static str = "bbconnect/man@1";

    fn text(&self, page: &mut Page) {
        for path in &self.pages {
            page.line(&path.display().to_string());
        }
    }

    fn remarks(&self, page: &mut Page) {
        if self.action == "unchanged" {
            page.line("all pages were up to date");
        }
    }
}
