//! `bbconnect help`: the page of the program or of a command, and the topics that no single command has.

use std::fmt::Write as _;

use clap::builder::StyledStr;
use serde::Serialize;

use crate::app::{App, FILES, variables_of_this_system};
use crate::commands::Subcommand;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::ui::{CommandOutput, TextWriter, fit_help, stdout_columns};

/// The commands on the page of the program.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "Get connected",
        &[
            "connect",
            "connection",
            "status",
            "keygen",
            "key",
            "known-hosts",
        ],
    ),
    ("Check", &["check", "doctor", "audit", "migrate"]),
    (
        "Work with Bitbucket",
        &[
            "workspace",
            "project",
            "repo",
            "webhook",
            "pipelines",
            "token",
            "publish",
            "pr",
            "api",
        ],
    ),
    ("Tools", &["git", "url", "completions", "man", "help"]),
];

/// Wider pages are hard to read.
pub(crate) const MAX_WIDTH: usize = 100;

/// A width at which clap wraps no line.
pub(crate) const UNWRAPPED: usize = 10_000;

/// Pages beside those of the commands.
const TOPICS: [&str; 3] = ["options", "environment", "exit-statuses"];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Command, or options, environment, exit-statuses
    #[arg(value_name = "COMMAND")]
    pub path: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct HelpOutput {
    help: String,
    #[serde(skip)]
    styled: String,
}

impl HelpOutput {
    pub(crate) fn new(page: &StyledStr) -> Self {
        Self {
            help: page.to_string(),
            styled: page.ansi().to_string(),
        }
    }
}

impl CommandOutput for HelpOutput {
    const SCHEMA: &'static str = "bbconnect/help@1";

    fn write_stdout(&self, out: &mut TextWriter) {
        out.raw(&self.styled);
    }
}

impl Subcommand for Args {
    type Output = HelpOutput;

    fn run(&self, app: &App) -> Result<HelpOutput, Error> {
        let root = (app.command_line)();
        let width = page_width(stdout_columns());
        let page = match self.path.first() {
            None => program_page(&root, true, width),
            Some(topic) => topic_page(&root, topic, width),
        };
        Ok(HelpOutput::new(&page))
    }
}

impl Args {
    /// Whether the page is not that of a command, which clap renders.
    pub(crate) fn is_topic(&self) -> bool {
        match &self.path[..] {
            [] => true,
            [topic] => TOPICS.contains(&topic.as_str()),
            _ => false,
        }
    }
}

/// The columns of help pages.
pub(crate) fn page_width(terminal: Option<usize>) -> usize {
    terminal.map_or(MAX_WIDTH, |columns| columns.min(MAX_WIDTH))
}

/// The page of the program: its commands in groups. `long` as with `--help`.
pub(crate) fn program_page(root: &clap::Command, long: bool, width: usize) -> StyledStr {
    let styles = root.get_styles();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let names = GROUPS.iter().flat_map(|(_, names)| *names);
    let longest = names.map(|name| name.len()).max().unwrap_or_default();
    let mut groups = String::new();
    for (title, names) in GROUPS {
        // Writing to a String cannot fail.
        let _ = writeln!(groups, "{header}{title}:{header:#}");
        for name in names {
            let command = root.find_subcommand(name);
            let about = command.and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let padding = " ".repeat(longest - name.len());
            let _ = writeln!(groups, "  {literal}{name}{literal:#}{padding}  {about}");
        }
        groups.push('\n');
    }
    let template = format!(
        "{{about-with-newline}}\n{{before-help}}{{usage-heading}} {{usage}}\n\n{groups}\
         {header}Options:{header:#}\n{{options}}\n\n\
         Topics: bbconnect help {}",
        TOPICS.join("|")
    );
    let root = root.clone().help_template(template);
    if long {
        return long_page(root, width);
    }
    let page = root.term_width(UNWRAPPED).render_help();
    StyledStr::from(fit_help(&page.ansi().to_string(), width))
}

/// The long page of a command. clap would wrap an example as it wraps text.
pub(crate) fn long_page(command: clap::Command, width: usize) -> StyledStr {
    let examples = command.get_before_long_help();
    let examples = examples.or(command.get_before_help());
    let examples = examples.map(|text| fit_help(&text.ansi().to_string(), width));
    let mut command = command.term_width(width);
    if let Some(examples) = examples {
        command = command.before_long_help(StyledStr::from(examples));
    }
    command.render_long_help()
}

fn topic_page(root: &clap::Command, topic: &str, width: usize) -> StyledStr {
    let header = root.get_styles().get_header();
    let definitions = |rows: &[(&str, &'static str)]| definitions(root, rows, width);
    let section = |title: &str, list: &str| format!("{header}{title}:{header:#}\n{list}\n");
    let page = match topic {
        "options" => section("Global options", &global_options(root, width)),
        "environment" => {
            section(
                "Environment variables",
                &definitions(&variables_of_this_system()),
            ) + "\n"
                + &section("Files", &definitions(&FILES))
        }
        "exit-statuses" => {
            let all = ExitStatus::ALL.map(|exit| (exit.code().to_string(), exit.description()));
            let rows: Vec<_> = all.iter().map(|(code, what)| (&**code, *what)).collect();
            section("Exit statuses", &definitions(&rows))
                + "\nIf several apply, the smallest one other than 0 is returned.\n"
        }
        _ => String::new(),
    };
    StyledStr::from(page)
}

/// The options that every command takes, those included that its page does not list.
fn global_options(root: &clap::Command, width: usize) -> String {
    let options = root.get_arguments().filter(|option| option.is_global_set());
    let mut list = clap::Command::new("options")
        .styles(root.get_styles().clone())
        .disable_help_flag(true)
        .term_width(width)
        .help_template("{options}")
        .args(options.map(|option| option.clone().hide(false)));
    rendered(&mut list)
}

/// Names and their descriptions, wrapped as clap wraps a list of commands.
fn definitions(root: &clap::Command, rows: &[(&str, &'static str)], width: usize) -> String {
    let mut list = clap::Command::new("definitions")
        .styles(root.get_styles().clone())
        .disable_help_flag(true)
        .term_width(width)
        .disable_help_subcommand(true)
        .help_template("{subcommands}")
        .subcommands(
            rows.iter()
                .map(|(name, text)| clap::Command::new((*name).to_owned()).about(*text)),
        );
    rendered(&mut list)
}

fn rendered(list: &mut clap::Command) -> String {
    list.render_help().ansi().to_string().trim_end().to_owned()
}
