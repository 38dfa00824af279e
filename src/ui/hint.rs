//! Commands in a hint, for the connection that was named: without it they would ask another server.

/// The commands that ask the server of the connection that applies, and are followed by a word of their own.
const GROUPS: [&str; 7] = [
    "key",
    "pr",
    "project",
    "repo",
    "token",
    "webhook",
    "workspace",
];

/// A hint whose commands use the connection of this name.
pub(super) fn with_connection(hint: &str, name: &str) -> String {
    let mut parts = hint.split("bbconnect ");
    let mut named = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        named.push_str("bbconnect ");
        let end = command_end_offset(part).filter(|_| !part.contains("-c "));
        let (command, rest) = part.split_at(end.unwrap_or_default());
        named.push_str(command);
        if end.is_some() {
            named.push_str(" -c ");
            named.push_str(name);
        }
        named.push_str(rest);
    }
    named
}

/// Where the words of a command end that asks the server of the connection that applies.
fn command_end_offset(text: &str) -> Option<usize> {
    let (group, verb) = text.split_once(' ')?;
    if !GROUPS.contains(&group) {
        return None;
    }
    let is_letter = |letter: char| letter.is_ascii_lowercase() || letter == '-';
    let length = verb.find(|letter| !is_letter(letter)).unwrap_or(verb.len());
    (length > 0).then_some(group.len() + 1 + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_ask_a_server_are_given_the_connection() {
        for (hint, expected) in [
            (
                "bbconnect webhook list --repo WEB/site",
                "bbconnect webhook list -c work --repo WEB/site",
            ),
            (
                "add --workspace WORKSPACE; bbconnect workspace list shows yours",
                "add --workspace WORKSPACE; bbconnect workspace list -c work shows yours",
            ),
            ("bbconnect project list", "bbconnect project list -c work"),
            (
                "on the page that `bbconnect token page` prints",
                "on the page that `bbconnect token page -c work` prints",
            ),
            ("bbconnect key test -c other", "bbconnect key test -c other"),
            (
                "bbconnect connection add makes one",
                "bbconnect connection add makes one",
            ),
            ("bbconnect key", "bbconnect key"),
            ("add --yes", "add --yes"),
        ] {
            assert_eq!(with_connection(hint, "work"), expected);
        }
    }
}
