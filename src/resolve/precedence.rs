//! The order of precedence, as data: which rules choose the connection and the repository, and where each rule applies.

/// A rule that may choose the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionRule {
    /// `--connection`
    Flag,
    /// `BBCONNECT_CONNECTION`
    Variable,
    /// `bbconnect.connection` in the git configuration, for the nearest directory first
    GitConfig,
    /// `BBCONNECT_TOKEN`, `BBCONNECT_TOKEN_FILE` or `BBCONNECT_TOKEN_COMMAND`
    Environment,
    /// The connection that `git env` was run with
    GitEnv,
    /// The connection that matches best: the server first, then workspace or project, then the repository
    BestMatch,
    /// `default` in `connections.toml`
    Default,
    /// The only connection with a private SSH key
    Only,
}

/// What is resolved: the columns of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// Nothing is named, or a repository by its name: matched against the remotes, `origin` first.
    Here,
    /// A repository or a clone URL is named by URL.
    Url,
    /// A server is named by its URL.
    Server,
    /// Git wants a credential for a URL.
    Git,
    /// A private SSH key is needed.
    SshKey,
}

/// Where a rule applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// Its connection is used.
    Use,
    /// Its connection is used where it matches; otherwise the next rule applies.
    IfMatching,
    /// Its connection is used where it matches; otherwise none is.
    OnlyIfMatching,
    /// The rule does not apply.
    Skip,
}

use Column::{Git, Here, Server, SshKey, Url};
use Condition::{IfMatching, OnlyIfMatching, Skip, Use};

const COLUMNS: [Column; 5] = [Here, Url, Server, Git, SshKey];

/// The rules in their order, with a condition for each of [`COLUMNS`].
#[rustfmt::skip]
const CONNECTION_RULES: [(ConnectionRule, [Condition; 5]); 8] = [
    //                             Here        Url         Server      Git             SshKey
    (ConnectionRule::Flag,        [Use,        Use,        Use,        OnlyIfMatching, Use]),
    (ConnectionRule::Variable,    [Use,        Use,        Use,        OnlyIfMatching, Use]),
    (ConnectionRule::GitConfig,   [Use,        IfMatching, IfMatching, IfMatching,     IfMatching]),
    (ConnectionRule::Environment, [Use,        IfMatching, IfMatching, IfMatching,     Skip]),
    (ConnectionRule::GitEnv,      [Skip,       Skip,       Skip,       IfMatching,     Skip]),
    (ConnectionRule::BestMatch,   [IfMatching, IfMatching, IfMatching, IfMatching,     IfMatching]),
    (ConnectionRule::Default,     [Use,        Skip,       Skip,       Skip,           IfMatching]),
    (ConnectionRule::Only,        [Skip,       Skip,       Skip,       Skip,           Use]),
];

/// A rule that may choose the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RepositoryRule {
    /// `--repo`, or an argument
    Flag,
    /// `BBCONNECT_REPO`
    Variable,
    /// `bbconnect.repository` in the git configuration, for the nearest directory first
    GitConfig,
    /// The remote `origin` of the checkout, else its only remote, where it is on the connection's server
    Remote,
    /// The repository of the connection
    Connection,
}

/// The rules in their order. The connection is known before.
pub(super) const REPOSITORY_RULES: [RepositoryRule; 5] = [
    RepositoryRule::Flag,
    RepositoryRule::Variable,
    RepositoryRule::GitConfig,
    RepositoryRule::Remote,
    RepositoryRule::Connection,
];

/// The rules that choose the connection, in their order, without those that do not apply.
pub(super) fn connection_rules(
    column: Column,
) -> impl Iterator<Item = (ConnectionRule, Condition)> {
    let at = COLUMNS.iter().position(|other| *other == column);
    CONNECTION_RULES
        .into_iter()
        .filter_map(move |(rule, conditions)| Some((rule, *conditions.get(at?)?)))
        .filter(|(_, condition)| *condition != Skip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn describe_connection_rule(rule: ConnectionRule) -> &'static str {
        match rule {
            ConnectionRule::Flag => "`--connection`, or an argument that names a connection",
            ConnectionRule::Variable => "`BBCONNECT_CONNECTION`",
            ConnectionRule::GitConfig => {
                "git config `bbconnect.connection`, for the nearest directory first"
            }
            ConnectionRule::Environment => "the environment connection (`BBCONNECT_TOKEN*`)",
            ConnectionRule::GitEnv => "the connection that `git env` was run with",
            ConnectionRule::BestMatch => "the best match",
            ConnectionRule::Default => "the default connection",
            ConnectionRule::Only => "the only connection with a key",
        }
    }

    fn describe_repository_rule(rule: RepositoryRule) -> &'static str {
        match rule {
            RepositoryRule::Flag => "`--repo`, or an argument that names a repository",
            RepositoryRule::Variable => "`BBCONNECT_REPO` (`SLUG` or `NAMESPACE/SLUG`)",
            RepositoryRule::GitConfig => {
                "git config `bbconnect.repository`, for the nearest directory first"
            }
            RepositoryRule::Remote => {
                "the remote `origin`, else the only remote, where it is on the connection's server"
            }
            RepositoryRule::Connection => "the connection's repository",
        }
    }

    /// The tables as `docs/connections.md` shows them.
    fn markdown() -> String {
        let mut text = String::from(
            "| Connection | here, or `NAMESPACE/SLUG` | URL | server | git | SSH key |\n|---|---|---|---|---|---|\n",
        );
        for (rule, conditions) in CONNECTION_RULES {
            let cells = conditions.map(|condition| match condition {
                Use => "yes",
                IfMatching => "if it matches",
                OnlyIfMatching => "if it matches, else none",
                Skip => "",
            });
            let rule = describe_connection_rule(rule);
            writeln!(text, "| {rule} | {} |", cells.join(" | ")).unwrap();
        }
        text.push_str("\n| Repository |\n|---|\n");
        for rule in REPOSITORY_RULES {
            writeln!(text, "| {} |", describe_repository_rule(rule)).unwrap();
        }
        text
    }

    #[test]
    fn the_documentation_shows_the_tables() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/connections.md");
        let document = std::fs::read_to_string(path).unwrap();
        let table = markdown();
        assert!(
            document.contains(&table),
            "docs/connections.md lacks:\n{table}"
        );
    }

    #[test]
    fn rules_that_do_not_apply_are_left_out() {
        for (column, expected) in [
            (
                Here,
                "Flag Variable GitConfig Environment BestMatch Default",
            ),
            (Git, "Flag Variable GitConfig Environment GitEnv BestMatch"),
        ] {
            let rules = connection_rules(column).map(|(rule, _)| format!("{rule:?}"));
            assert_eq!(rules.collect::<Vec<_>>().join(" "), expected);
        }
    }
}
