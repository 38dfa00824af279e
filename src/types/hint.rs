//! What to do about an error, as data.

use std::fmt;

/// A sentence with commands in it. A command that contacts the server of the connection is kept apart, so that it can be
/// written for the connection that the user named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Hint(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The words after the program's name, such as `webhook list`.
    Command(&'static str),
}

impl Hint {
    /// Begins with a command that uses the connection that applies; its arguments follow as text.
    pub(crate) fn command(words: &'static str) -> Self {
        Self::default().with_command(words)
    }

    /// Appends a command that uses the connection that applies.
    pub(crate) fn with_command(mut self, words: &'static str) -> Self {
        self.0.push(Part::Command(words));
        self
    }

    pub(crate) fn with_text(mut self, text: impl Into<String>) -> Self {
        self.0.push(Part::Text(text.into()));
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, with the connection named in its commands where one is given.
    pub(crate) fn render(&self, connection: Option<&str>) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Command(words) => {
                    text.push_str("bbconnect ");
                    text.push_str(words);
                    if let Some(name) = connection {
                        text.push_str(" -c ");
                        text.push_str(name);
                    }
                }
            }
        }
        text
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        if text.is_empty() {
            Self::default()
        } else {
            Self(vec![Part::Text(text)])
        }
    }
}

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&String> for Hint {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_contact_a_server_name_the_connection() {
        let hint = Hint::from("pass --workspace WORKSPACE; ")
            .with_command("workspace list")
            .with_text(" lists them");
        assert_eq!(
            hint.render(Some("work")),
            "pass --workspace WORKSPACE; bbconnect workspace list -c work lists them"
        );
        assert_eq!(
            hint.to_string(),
            "pass --workspace WORKSPACE; bbconnect workspace list lists them"
        );
        let hint = Hint::command("webhook list").with_text(" --repo WEB/site");
        assert_eq!(
            hint.render(Some("work")),
            "bbconnect webhook list -c work --repo WEB/site"
        );
        let hint = Hint::from("run `bbconnect connection add`");
        assert_eq!(hint.render(Some("work")), hint.to_string());
    }
}
