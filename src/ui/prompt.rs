//! Prompts on the terminal, on standard error. Text from elsewhere is escaped. Ctrl-C ends the program and restores the
//! terminal.

use std::fmt::Display;
#[cfg(unix)]
use std::io;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use dialoguer::console::{Term, measure_text_width};

use super::terminal_width::stderr_columns;
use super::{TextWriter, Ui};
use crate::error::Error;
use crate::sys::signals;
use crate::types::escape::{escape, needs_escape};
use crate::types::secret::Secret;

/// Choices of a search that are shown at once.
const SHOWN_AT_ONCE: usize = 12;

impl Ui {
    /// Asks for a new secret, hidden, twice.
    pub(crate) fn prompt_new_secret(&self, prompt: &str) -> Result<Secret, Error> {
        let prompt = dialoguer::Password::new()
            .with_prompt(self.last_line(prompt)?)
            .with_confirmation("Repeat", "the two do not match; try again")
            .allow_empty_password(true);
        self.run_prompt(|| prompt.interact_on(&Term::stderr()))
            .map(Secret::new)
    }

    /// Asks for a secret, hidden.
    pub(crate) fn prompt_secret(&self, prompt: &str) -> Result<Secret, Error> {
        let prompt = dialoguer::Password::new()
            .with_prompt(self.last_line(prompt)?)
            .allow_empty_password(true);
        self.run_prompt(|| prompt.interact_on(&Term::stderr()))
            .map(Secret::new)
    }

    /// Asks for a line of text, with what Enter means.
    pub(crate) fn prompt_text(&self, prompt: &str, usual: &str) -> Result<String, Error> {
        let prompt = dialoguer::Input::<String>::new()
            .with_prompt(self.last_line(prompt)?)
            .allow_empty(true);
        // What cannot be shown as it is, is not what Enter means.
        let prompt = if usual.is_empty() || usual.chars().any(needs_escape) {
            prompt
        } else {
            prompt.default(usual.to_owned())
        };
        self.run_prompt(|| prompt.interact_text_on(&Term::stderr()))
    }

    /// Asks for one of several, and returns its index.
    pub(crate) fn prompt_select(&self, prompt: &str, choices: &[&str]) -> Result<usize, Error> {
        let shown: Vec<_> = choices.iter().map(|choice| escape(choice)).collect();
        let prompt = dialoguer::Select::new()
            .with_prompt(self.last_line(prompt)?)
            .items(&shown)
            .default(0);
        let chosen = self.run_list(&shown, || prompt.interact_on_opt(&Term::stderr()))?;
        chosen.ok_or(Error::Cancelled)
    }

    /// Asks for one of many, with a search, and returns its index.
    pub(crate) fn prompt_fuzzy_select(
        &self,
        prompt: &str,
        choices: &[String],
    ) -> Result<usize, Error> {
        let shown: Vec<_> = choices.iter().map(|choice| escape(choice)).collect();
        let prompt = dialoguer::FuzzySelect::new()
            .with_prompt(self.last_line(prompt)?)
            .items(&shown)
            .max_length(SHOWN_AT_ONCE)
            .default(0);
        let chosen = self.run_list(&shown, || prompt.interact_on_opt(&Term::stderr()))?;
        chosen.ok_or(Error::Cancelled)
    }

    /// Asks for yes or no. The line can be edited until Enter; an empty one means no.
    pub(crate) fn prompt_confirm(&self, prompt: &str) -> Result<bool, Error> {
        self.prompt_yes_or_no(&format!("{prompt} [y/N]"), &["y", "yes"])
    }

    /// As [`Ui::prompt_confirm`], but only `yes` in full is a yes.
    pub(crate) fn prompt_confirm_in_full(&self, prompt: &str) -> Result<bool, Error> {
        self.prompt_yes_or_no(&format!("{prompt} (yes/no)"), &["yes"])
    }

    /// Asks until the line is one of `yes`, or a no. Its case and surrounding spaces do not matter.
    fn prompt_yes_or_no(&self, prompt: &str, yes: &'static [&'static str]) -> Result<bool, Error> {
        let parse = move |line: &str| match line.trim().to_lowercase().as_str() {
            "" | "n" | "no" => Some(false),
            word => yes.contains(&word).then_some(true),
        };
        let prompt = dialoguer::Input::<String>::new()
            .with_prompt(self.last_line(prompt)?)
            .allow_empty(true)
            .validate_with(move |line: &String| match parse(line) {
                Some(_) => Ok(()),
                None => Err("type yes or no in full"),
            });
        let line = self.run_prompt(|| prompt.interact_text_on(&Term::stderr()))?;
        Ok(parse(&line).unwrap_or(false))
    }

    /// Asks for a line of text until it can be parsed.
    pub(crate) fn prompt_value<T: FromStr<Err: Display>>(
        &self,
        prompt: &str,
        usual: &str,
    ) -> Result<T, Error> {
        loop {
            match self.prompt_text(prompt, usual)?.trim().parse() {
                Ok(value) => return Ok(value),
                Err(reason) => self.eprint_line(&format!("  {reason}")),
            }
        }
    }

    /// The prompt, escaped; where it does not fit the terminal with a short input, only its last line: the others are printed,
    /// because a prompt that is drawn again clears one line.
    fn last_line(&self, prompt: &str) -> Result<String, Error> {
        const INPUT: usize = 16;
        let columns = stderr_columns().unwrap_or(usize::MAX);
        if measure_text_width(prompt) + INPUT <= columns {
            return Ok(escape(prompt).into_owned());
        }
        let mut text = TextWriter::with_width(Some(columns.saturating_sub(INPUT)));
        text.line(prompt);
        let text = text.finish();
        let (before, last) = text
            .trim_end()
            .rsplit_once('\n')
            .unwrap_or(("", text.trim_end()));
        if !before.is_empty() {
            let _hidden = self.progress.hide();
            Term::stderr().write_line(before).map_err(Error::Stdin)?;
        }
        Ok(last.to_owned())
    }

    /// Progress is hidden while the user is prompted.
    fn run_prompt<T>(&self, ask: impl FnOnce() -> dialoguer::Result<T>) -> Result<T, Error> {
        let _hidden = self.progress.hide();
        let restore = save_terminal_state("\n");
        signals::with_prompt(restore, ask)
            .map_err(|dialoguer::Error::IO(error)| Error::Stdin(error))
    }

    /// As [`Ui::run_prompt`], for a list, which an interruption removes: the lines that it may need are scrolled into view
    /// before the position of the cursor is saved.
    fn run_list<S: AsRef<str>, T>(
        &self,
        choices: &[S],
        ask: impl FnOnce() -> dialoguer::Result<T>,
    ) -> Result<T, Error> {
        let (rows, columns) = Term::stderr().size();
        let (rows, columns) = (usize::from(rows).max(3), usize::from(columns).max(1));
        // An item is indented by two columns.
        let height = |text: &S| (measure_text_width(text.as_ref()) + 2).div_ceil(columns);
        let lines: usize = choices.iter().map(height).sum();
        let lines = (lines + 1).min(rows - 1);
        let save = format!("{}\x1b[{lines}A\x1b7", "\n".repeat(lines));
        let _hidden = self.progress.hide();
        Term::stderr().write_str(&save).map_err(Error::Stdin)?;
        let restore = save_terminal_state("\x1b8\x1b[J");
        signals::with_prompt(restore, ask)
            .map_err(|dialoguer::Error::IO(error)| Error::Stdin(error))
    }
}

/// Returns a function that restores the present state of the terminal once: the prompt and the watcher of signals may both call
/// it. `ending` leaves the prompt.
fn save_terminal_state(ending: &'static str) -> impl Fn() + Send + Sync {
    #[cfg(unix)]
    let before = rustix::termios::tcgetattr(io::stdin()).ok();
    let is_restored = AtomicBool::new(false);
    move || {
        if is_restored.swap(true, Ordering::SeqCst) {
            return;
        }
        #[cfg(unix)]
        {
            use rustix::termios::{OptionalActions, tcsetattr};
            // No terminal, no prompt.
            let Some(before) = &before else { return };
            // The program ends; nothing more can be done.
            let _restored = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
        drop(Term::stderr().show_cursor());
        drop(Term::stderr().write_str(ending));
    }
}
