//! Words that users of `gh`, `glab` and `git` type, and the command of bbconnect in their place.

/// What is in place of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replacement {
    /// The words after the program's name, then placeholders.
    Command(&'static str),
    /// There is no such command.
    Note(&'static str),
}

use Replacement::{Command, Note};

impl Replacement {
    pub(super) fn hint(self) -> String {
        match self {
            Command(words) => format!("run `bbconnect {words}`"),
            Note(text) => text.to_owned(),
        }
    }
}

const REPO_PAGE: Replacement =
    Note("not a command of bbconnect: use the page of the repository, or `bbconnect api`");
const PR_PAGE: Replacement =
    Note("not a command of bbconnect: use the page of the pull request, or `bbconnect api`");
const GIT_ITSELF: Replacement = Note("use git; `bbconnect git setup` gives it your credentials");
const UPDATE: Replacement = Note("install the new release as this one was installed");
const KNOWN_HOSTS_FILE: Replacement =
    Note("remove the line from the file that `bbconnect known-hosts show` names");
const API: Replacement =
    Note("not a command of bbconnect; `bbconnect api` sends any request to the REST API");

/// The group in which words are typed (empty: the program), the words, and what is in their place. A group that bbconnect
/// does not have, such as `auth`, is entered by its name.
#[rustfmt::skip]
const WORDS: &[(&str, &[&str], Replacement)] = &[
    ("", &["login", "signin", "add", "init", "configure"], Command("connection add")),
    ("", &["logout", "signout", "remove", "rm"], Command("connection remove NAME")),
    ("", &["auth", "account", "accounts", "profile", "profiles", "connections"], Command("connection list")),
    ("", &["config", "edit", "set"], Command("connection edit NAME")),
    ("config", &["list", "ls", "get", "show"], Command("connection list")),
    ("", &["use", "switch"], Command("connection use NAME")),
    ("", &["whoami", "which", "current"], Command("connection which")),
    ("", &["test", "verify"], Command("check")),
    ("", &["diagnose", "ping", "debug"], Command("doctor")),
    ("", &["inventory", "scan", "review"], Command("audit")),
    ("", &["export", "dump", "netrc"], Command("connection export NAME --format FORMAT")),
    ("", &["repos", "repository", "repositories", "list", "ls", "search"], Command("repo list")),
    ("", &["view", "show", "browse", "open"], Command("repo view REF")),
    ("", &["create", "new"], Command("repo create NS/SLUG")),
    ("", &["clone"], Command("repo clone REF")),
    ("", &["fork", "delete"], REPO_PAGE),
    ("", &["mr", "mrs", "prs", "pull-request", "pull-requests"], Command("pr list")),
    ("", &["ssh-key", "ssh-keys", "deploy-key", "deploy-keys", "access-key", "keys"], Command("key list")),
    ("", &["ssh-keygen", "generate"], Command("keygen")),
    ("", &["ssh-keyscan", "keyscan", "known_hosts", "knownhosts"], Command("known-hosts add HOST")),
    ("", &["hook", "hooks", "webhooks"], Command("webhook list")),
    ("", &["projects"], Command("project list")),
    ("", &["workspaces", "org", "orgs", "group", "groups", "team", "teams"], Command("workspace list")),
    ("", &["tokens"], Command("token list")),
    ("", &["credential", "credentials", "credential-helper", "helper", "setup-git", "setup"], Command("git setup")),
    ("", &["env"], Command("git env")),
    ("", &["push", "commit", "sync"], Command("publish DIR --repo REF")),
    ("", &["pull", "fetch", "remote", "checkout", "merge"], GIT_ITSELF),
    ("", &["completion"], Command("completions SHELL")),
    ("", &["version"], Command("--version")),
    ("", &["update", "upgrade", "self-update"], UPDATE),
    ("", &["issue", "issues", "release", "gist", "snippet", "branch", "label", "user"], API),
    ("", &["secret", "secrets", "variable", "variables"], Command("pipelines variable list")),
    ("", &["pipeline", "ci"], Command("pipelines --help")),
    ("", &["workflow", "run", "job", "schedule"], API),
    ("secret", &["set", "create", "add"], Command("pipelines variable set KEY --value-stdin")),
    ("secret", &["delete", "remove", "rm"], Command("pipelines variable remove KEY")),
    ("variable", &["set", "create", "add", "update"], Command("pipelines variable set KEY --value-stdin")),
    ("variable", &["delete", "remove", "rm"], Command("pipelines variable remove KEY")),
    ("auth", &["login"], Command("connection add")),
    ("auth", &["refresh"], Command("connection edit NAME --reauthorize")),
    ("auth", &["status"], Command("status")),
    ("auth", &["logout"], Command("connection remove NAME")),
    ("auth", &["switch"], Command("connection use NAME")),
    ("auth", &["setup-git", "configure-docker"], Command("git setup")),
    ("mr", &["create", "new"], Command("pr create")),
    ("pull-request", &["create", "new"], Command("pr create")),
    ("ssh-key", &["add", "create"], Command("key add --user --key FILE")),
    ("ssh-key", &["delete", "remove", "rm"], Command("key remove ID --user")),
    ("ssh-key", &["list", "ls"], Command("key list --user")),
    ("deploy-key", &["add", "create"], Command("key add --key FILE --repo REF")),
    ("deploy-key", &["delete", "remove", "rm"], Command("key remove ID --repo REF")),
    ("hook", &["add", "create"], Command("webhook ensure --url URL --event EVENT")),
    ("connection", &["login", "create", "new"], Command("connection add")),
    ("connection", &["delete", "logout"], Command("connection remove NAME")),
    ("connection", &["view", "get", "info"], Command("connection show NAME")),
    ("connection", &["set", "update", "modify", "config", "refresh", "reauthorize"], Command("connection edit NAME")),
    ("connection", &["switch", "select", "default", "set-default", "activate"], Command("connection use NAME")),
    ("connection", &["current", "active", "whoami"], Command("connection which")),
    ("connection", &["check", "test", "verify"], Command("check NAME")),
    ("connection", &["status"], Command("status")),
    ("connection", &["mv", "move"], Command("connection rename OLD NEW")),
    ("connection", &["dump", "print", "reveal", "env", "netrc"], Command("connection export NAME --format FORMAT")),
    ("repo", &["audit", "inventory"], Command("audit --repo REF")),
    ("repo", &["new", "init", "add"], Command("repo create NS/SLUG")),
    ("repo", &["show", "get", "info", "browse", "open", "web"], Command("repo view REF")),
    ("repo", &["set-default", "use", "switch", "default"], Command("repo select REF")),
    ("repo", &["search", "find"], Command("repo list --query TEXT")),
    ("repo", &["deploy-key", "deploy-keys"], Command("key list --repo REF")),
    ("repo", &["delete", "remove", "rm", "archive", "unarchive", "fork", "edit", "rename", "sync", "transfer"], REPO_PAGE),
    ("pr", &["new", "open"], Command("pr create")),
    ("pr", &["status", "show", "view", "search"], Command("pr list")),
    ("pr", &["checkout", "co"], GIT_ITSELF),
    ("pr", &["merge", "close", "reopen", "approve", "review", "diff", "comment", "ready"], PR_PAGE),
    ("pr", &["edit", "update", "checks", "decline", "delete", "remove", "rm"], PR_PAGE),
    ("webhook", &["create", "add", "new", "set", "update", "edit"], Command("webhook ensure --url URL --event EVENT")),
    ("webhook", &["delete"], Command("webhook remove --url URL")),
    ("webhook", &["show", "view", "get"], Command("webhook list")),
    ("webhook", &["ping", "trigger", "deliver", "redeliver"], Command("webhook test --url URL")),
    ("key", &["create", "new", "register", "upload"], Command("key add --key FILE")),
    ("key", &["audit", "inventory", "unused", "stale"], Command("audit")),
    ("webhook", &["audit", "inventory"], Command("audit")),
    ("token", &["audit", "inventory"], Command("audit")),
    ("key", &["delete", "revoke"], Command("key remove ID")),
    ("key", &["generate", "gen"], Command("keygen")),
    ("key", &["show", "view", "get"], Command("key list")),
    ("key", &["check", "verify"], Command("key test")),
    ("key", &["replace", "renew", "roll"], Command("key rotate")),
    ("token", &["new", "add", "generate"], Command("token create")),
    ("token", &["delete", "remove", "rm"], Command("token revoke ID")),
    ("token", &["renew", "refresh", "update", "replace", "roll"], Command("token rotate")),
    ("token", &["show", "view", "get"], Command("token list")),
    ("token", &["permissions", "scope"], Command("token scopes --for PURPOSE")),
    ("token", &["url", "open"], Command("token page --open")),
    ("token", &["login"], Command("connection add")),
    ("pipelines", &["secret", "secrets", "variables"], Command("pipelines variable list")),
    ("pipelines", &["run", "list", "ls", "view", "show", "status", "trigger", "stop", "cancel", "retry", "lint"], API),
    ("pipelines variable", &["create", "add", "new", "update", "edit"], Command("pipelines variable set KEY --value-stdin")),
    ("pipelines variable", &["delete", "unset"], Command("pipelines variable remove KEY")),
    ("pipelines variable", &["get", "show", "view"], Command("pipelines variable list")),
    ("pipelines ssh-key", &["create", "add", "new", "generate", "set"], Command("pipelines ssh-key ensure")),
    ("pipelines ssh-key", &["list", "ls", "get", "view"], Command("pipelines ssh-key show")),
    ("pipelines ssh-key", &["delete"], Command("pipelines ssh-key remove")),
    ("pipelines known-host", &["create", "add", "new", "trust", "set"], Command("pipelines known-host ensure HOST")),
    ("pipelines known-host", &["show", "get", "view"], Command("pipelines known-host list")),
    ("pipelines known-host", &["delete"], Command("pipelines known-host remove HOST")),
    ("project", &["new", "add"], Command("project create KEY --name NAME")),
    ("project", &["view", "show", "get"], Command("project list")),
    ("project", &["delete", "remove", "rm", "edit", "update"], API),
    ("workspace", &["view", "show", "get", "current"], Command("workspace list")),
    ("workspace", &["create", "new", "add", "delete", "remove", "rm", "edit"], API),
    ("known-hosts", &["list", "ls", "view", "get"], Command("known-hosts show")),
    ("known-hosts", &["scan", "keyscan", "trust", "accept", "create"], Command("known-hosts add HOST")),
    ("known-hosts", &["check", "test"], Command("known-hosts verify HOST")),
    ("known-hosts", &["remove", "rm", "delete", "revoke"], KNOWN_HOSTS_FILE),
    ("git", &["login", "config", "configure", "install", "init", "helper", "setup-git", "credential-helper"], Command("git setup")),
    ("git", &["uninstall", "remove", "rm", "undo"], Command("git setup --undo")),
    ("git", &["get", "fill"], Command("git credential --help")),
    ("git", &["clone"], Command("repo clone REF")),
    ("git", &["push", "commit"], Command("publish DIR --repo REF")),
    ("git", &["pull", "fetch", "remote", "checkout"], GIT_ITSELF),
];

/// Flags of `gh`, `glab`, `git` and `ssh-keygen`, and the flags of bbconnect in their place: the first that the command has.
const FLAGS: &[(&[&str], &[&str])] = &[
    (
        &["--owner", "--org", "--organization", "--team"],
        &["workspace"],
    ),
    (&["--base", "-B", "--target-branch", "--into"], &["target"]),
    (&["--head", "-H", "--source-branch"], &["source"]),
    (
        &["--body", "--description", "-b", "-F", "-d"],
        &["body-file"],
    ),
    (&["--host", "--hostname", "-h", "--server"], &["url"]),
    (&["--with-token"], &["token-stdin"]),
    (&["--user", "--login", "-u"], &["username"]),
    (&["--jq", "--template"], &["get"]),
    (&["-t"], &["title", "type"]),
    (&["-f", "--file", "-o", "--output"], &["out", "input"]),
    (&["-C"], &["comment"]),
    (&["-s", "--status"], &["state"]),
    (&["-e", "--events"], &["event"]),
    (&["--repository", "-r"], &["repo"]),
    (&["--confirm", "--assume-yes", "--force"], &["yes"]),
];

/// What is in place of a flag, where the command has it.
pub(super) fn flag_replacement(flag: &str, has: impl Fn(&str) -> bool) -> Option<&'static str> {
    let entries = FLAGS.iter().filter(|(words, _)| words.contains(&flag));
    entries
        .flat_map(|(_, replacements)| *replacements)
        .copied()
        .find(|replacement| has(replacement))
}

/// What is in place of a word typed in a group, such as `create` in `webhook`. After the name of a group that bbconnect
/// does not have, the next word decides.
pub(super) fn replacement(group: &str, word: &str, next: Option<&str>) -> Option<Replacement> {
    let find = |group: &str, word: &str| {
        let mut entries = WORDS.iter();
        entries
            .find(|(of, words, _)| *of == group && words.contains(&word))
            .map(|(_, _, replacement)| *replacement)
    };
    let of_next = next.filter(|_| group.is_empty());
    of_next
        .and_then(|next| find(word, next))
        .or_else(|| find(group, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the next word has no entry, and where only it has one.
    #[test]
    fn the_first_word_decides_where_the_next_is_unknown() {
        let found = replacement("", "mr", Some("list"));
        assert_eq!(found, Some(Command("pr list")));
        assert_eq!(replacement("", "frobnicate", Some("login")), None);
    }

    /// A word that is a command is never looked up, and what is printed can be run.
    #[test]
    fn words_are_not_commands_and_their_replacements_are() {
        let root = crate::cli::command();
        for (group, words, replacement) in WORDS {
            let mut names = group.split(' ').filter(|name| !name.is_empty());
            let of_group = names.try_fold(&root, |command, name| command.find_subcommand(name));
            for word in *words {
                let is_command = of_group.is_some_and(|it| it.find_subcommand(word).is_some());
                assert!(!is_command, "{group} {word}");
            }
            let Command(line) = replacement else {
                continue;
            };
            let mut command = &root;
            for word in line.split(' ') {
                match command.find_subcommand(word) {
                    Some(next) => command = next,
                    None if word == "--help" || word == "--version" => {}
                    None if word.starts_with("--") => {
                        let mut flags = command.get_arguments().map(clap::Arg::get_long);
                        assert!(flags.any(|long| long == word.get(2..)), "{line}: {word}");
                    }
                    None => assert!(
                        word.bytes()
                            .all(|byte| byte.is_ascii_uppercase() || byte == b'/'),
                        "{line}: {word}"
                    ),
                }
            }
        }
    }
}
