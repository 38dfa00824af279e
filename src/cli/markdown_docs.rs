//! The reference of the command line, `docs/cli.md`: written by the program itself.

use std::fmt::Write as _;

use crate::exit_status::ExitStatus;

/// The reference as Markdown: every command with its help page, then the exit statuses.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# Command line reference\n\n\
         This page is written by the program (`tests/docs.rs`); do not edit it.\n",
    );
    section(&mut text, &super::command(), &[]);
    text.push_str("\n## Exit statuses\n\n| Exit | `kind` in JSON | Meaning |\n|---|---|---|\n");
    for exit in ExitStatus::ALL {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | `{}` | {} |",
            exit.code(),
            exit.error_kind(),
            exit.description()
        );
    }
    text.push_str("\nWhere several apply, the smallest one other than zero is the exit status.\n");
    text
}

fn section(text: &mut String, command: &clap::Command, parents: &[String]) {
    let mut path = parents.to_vec();
    path.push(command.get_name().to_owned());
    let name = path.join(" ");
    // The flags of all commands stand with the first.
    let once = |flag: clap::Arg| {
        if flag.is_global_set() && !parents.is_empty() {
            flag.hide(true)
        } else {
            flag
        }
    };
    let help = command
        .clone()
        .mut_args(once)
        .bin_name(&name)
        .term_width(100)
        .render_long_help();
    // Writing to a String cannot fail.
    let _ = write!(text, "\n## `{name}`\n\n```text\n");
    for line in help.to_string().trim_end().lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push_str("```\n");
    // `help` has a copy of every command.
    let below = command.get_subcommands();
    for child in below.filter(|child| child.get_name() != "help") {
        section(text, child, &path);
    }
}
