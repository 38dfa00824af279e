//! Questions to a person at the terminal, on standard error, with what others wrote escaped. Ctrl-C ends the program with
//! the terminal put right.

use std::io;

use dialoguer::console::Term;

use super::Ui;
use crate::error::Error;
use crate::sys::signals;
use crate::types::escape::{escape, needs_escape};
use crate::types::secret::Secret;

/// Choices of a search that are shown at once.
const SHOWN_AT_ONCE: usize = 12;

impl Ui {
    /// Asks for a new secret, hidden, twice.
    pub(crate) fn prompt_new_secret(&self, prompt: &str) -> io::Result<Secret> {
        let question = dialoguer::Password::new()
            .with_prompt(escape(prompt))
            .with_confirmation("Repeat", "the two do not match; try again")
            .allow_empty_password(true);
        self.run_prompt(|| question.interact_on(&Term::stderr()))
            .map(Secret::new)
    }

    /// Asks for a secret, hidden.
    pub(crate) fn prompt_secret(&self, prompt: &str) -> io::Result<Secret> {
        let question = dialoguer::Password::new()
            .with_prompt(escape(prompt))
            .allow_empty_password(true);
        self.run_prompt(|| question.interact_on(&Term::stderr()))
            .map(Secret::new)
    }

    /// Asks for a line of text, with what Enter means.
    pub(crate) fn prompt_text(&self, prompt: &str, usual: &str) -> io::Result<String> {
        let question = dialoguer::Input::<String>::new()
            .with_prompt(escape(prompt))
            .allow_empty(true);
        // What cannot be shown as it is, is not what Enter means.
        let question = if usual.is_empty() || usual.chars().any(needs_escape) {
            question
        } else {
            question.default(usual.to_owned())
        };
        self.run_prompt(|| question.interact_text_on(&Term::stderr()))
    }

    /// Asks for one of several, and answers with its place in the list.
    pub(crate) fn prompt_select(&self, prompt: &str, choices: &[&str]) -> Result<usize, Error> {
        let shown: Vec<_> = choices.iter().map(|choice| escape(choice)).collect();
        let question = dialoguer::Select::new()
            .with_prompt(escape(prompt))
            .items(&shown)
            .default(0);
        let chosen = self.run_prompt(|| question.interact_on_opt(&Term::stderr()));
        chosen.map_err(Error::Stdin)?.ok_or(Error::Cancelled)
    }

    /// Asks for one of many, with a search, and answers with its place in the list.
    pub(crate) fn prompt_fuzzy_select(
        &self,
        prompt: &str,
        choices: &[String],
    ) -> Result<usize, Error> {
        let shown: Vec<_> = choices.iter().map(|choice| escape(choice)).collect();
        let question = dialoguer::FuzzySelect::new()
            .with_prompt(escape(prompt))
            .items(&shown)
            .max_length(SHOWN_AT_ONCE)
            .default(0);
        let chosen = self.run_prompt(|| question.interact_on_opt(&Term::stderr()));
        chosen.map_err(Error::Stdin)?.ok_or(Error::Cancelled)
    }

    /// Asks for yes or no. The answer is a line that can be edited until Enter; an empty one is a no.
    pub(crate) fn prompt_confirm(&self, question: &str) -> io::Result<bool> {
        let answer = self.prompt_answer(&format!("{question} [y/N]"), |answer| match answer {
            "y" | "yes" => Some(true),
            "" | "n" | "no" => Some(false),
            _ => None,
        });
        answer.map(|answer| answer.unwrap_or(false))
    }

    /// As [`Ui::prompt_confirm`], but only `yes` in full is a yes.
    pub(crate) fn prompt_confirm_in_full(&self, question: &str) -> io::Result<bool> {
        let answer = self.prompt_answer(&format!("{question} (yes/no)"), |answer| match answer {
            "yes" => Some(true),
            "" | "n" | "no" => Some(false),
            _ => None,
        });
        answer.map(|answer| answer.unwrap_or(false))
    }

    /// Asks until `parse` understands the line, whose case and surrounding spaces do not matter.
    fn prompt_answer<T>(
        &self,
        prompt: &str,
        parse: fn(&str) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let parse = move |line: &str| parse(&line.trim().to_lowercase());
        let question = dialoguer::Input::<String>::new()
            .with_prompt(escape(prompt))
            .allow_empty(true)
            .validate_with(move |line: &String| match parse(line) {
                Some(_) => Ok(()),
                None => Err("type yes or no in full"),
            });
        self.run_prompt(|| question.interact_text_on(&Term::stderr()))
            .map(|line| parse(&line))
    }

    /// Progress is hidden while the user is prompted.
    fn run_prompt<T>(&self, ask: impl FnOnce() -> dialoguer::Result<T>) -> io::Result<T> {
        let _hidden = self.progress.hide();
        let restore = save_terminal_state();
        signals::with_prompt(restore, ask).map_err(|dialoguer::Error::IO(error)| error)
    }
}

/// Remembers how the terminal is set, and answers with how to set it that way again.
#[cfg(unix)]
fn save_terminal_state() -> impl Fn() + Send + Sync {
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
    let before = tcgetattr(io::stdin()).ok();
    move || {
        if let Some(before) = &before {
            // On the way out; there is nothing more to be done.
            let _restored = tcsetattr(io::stdin(), OptionalActions::Now, before);
            drop(Term::stderr().show_cursor());
            drop(Term::stderr().write_line(""));
        }
    }
}

/// A Windows console belongs to the program's questions only while they are asked.
#[cfg(not(unix))]
fn save_terminal_state() -> impl Fn() + Send + Sync {
    || drop(Term::stderr().show_cursor())
}
