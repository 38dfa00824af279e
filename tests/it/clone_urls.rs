//! Clone URLs: tables of what is accepted and refused, and what must hold for every text there is.

use bbconnect::internals::Deployment;
use bbconnect::internals::{CloneUrl, CloneUrlError};
use proptest::prelude::*;

use crate::support::{Sandbox, assert_contains, invariants, is_installed, property};

/// The rows of a table: what stands left and right of the arrow, escapes resolved on the left.
fn rows(table: &'static str) -> impl Iterator<Item = (String, &'static str)> {
    table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .map(|line| {
            let (input, expected) = line.split_once(" => ").expect("a row has an arrow");
            (unescaped(input), expected)
        })
}

fn unescaped(text: &str) -> String {
    let mut text = text
        .replace("\\t", "\t")
        .replace("\\n", "\n")
        .replace("\\\\", "\\");
    while let Some(at) = text.find("\\u{") {
        let end = at + text[at..].find('}').expect("an escape ends");
        let character = u32::from_str_radix(&text[at + 3..end], 16)
            .ok()
            .and_then(char::from_u32);
        text.replace_range(
            at..=end,
            &character.expect("an escape is a character").to_string(),
        );
    }
    text
}

fn parse(text: &str) -> Result<CloneUrl, CloneUrlError> {
    text.parse()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value)
        .expect("it serialises")
        .trim_matches('"')
        .to_owned()
}

#[test]
fn accepted_urls_parse_as_listed() {
    let mut wrong = Vec::new();
    for (input, expected) in rows(include_str!("../data/clone_urls/accepted.txt")) {
        let found = match parse(&input) {
            Err(error) => format!("refused: {error}"),
            Ok(url) => {
                let notes: Vec<_> = url
                    .notes()
                    .iter()
                    .map(|warning| json(&warning.id))
                    .collect();
                let columns = [
                    json(&url.deployment()),
                    url.transport().scheme().to_owned(),
                    url.user().unwrap_or("-").to_owned(),
                    url.host().to_string(),
                    url.port().map_or("-".to_owned(), |port| port.to_string()),
                    url.namespace().unwrap_or("-".to_owned()),
                    url.slug().to_owned(),
                    notes.join(","),
                ];
                columns.join(" ").trim_end().to_owned()
            }
        };
        if found != expected {
            wrong.push(format!(
                "{input}\n  expected {expected}\n  found    {found}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rejected_urls_have_the_listed_reason() {
    let mut wrong = Vec::new();
    for (input, reason) in rows(include_str!("../data/clone_urls/refused.txt")) {
        match parse(&input) {
            Ok(url) => wrong.push(format!("{input:?} was accepted as {url}")),
            Err(error) if !error.to_string().contains(reason) => {
                wrong.push(format!(
                    "{input:?}\n  expected … {reason} …\n  found    {error}"
                ));
            }
            Err(error) => assert!(error.hint().is_some(), "{error} has no hint"),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn url_forms_match_the_table() {
    for (input, expected) in rows(include_str!("../data/clone_urls/forms.txt")) {
        let url = parse(&input).expect(&input);
        let forms = [url.ssh(), url.https(), url.web()].map(|form| form.unwrap_or("-".to_owned()));
        assert_eq!(forms.join(" "), expected, "{input}");
    }
}

#[test]
fn a_token_in_place_of_the_user_is_dropped() {
    for (input, user) in [
        (
            "https://hunter2:x-oauth-basic@bitbucket.org/acme/site",
            None,
        ),
        ("https://hunter2:@git.example.com/scm/web/site.git", None),
        ("https://ATCTT3xFfGN0hunter2@bitbucket.org/acme/site", None),
        ("https://jane:hunter2@bitbucket.org/acme/site", Some("jane")),
        ("https://jane@bitbucket.org/acme/site", Some("jane")),
    ] {
        let url = parse(input).expect(input);
        assert_eq!(url.user(), user, "{input}");
        let shown = format!("{:?} {url:?}", url.notes());
        assert_eq!(
            shown.contains("EmbeddedSecret"),
            input.contains("hunter2"),
            "{input}"
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn errors_never_contain_the_password() {
    for input in [
        "https://jane:hunter2@bitbucket.org",
        "https://jane:hunter2@bitbucket.org:x/acme/site",
        "https://jane:hunt/er2@bitbucket.org/acme/site",
        "https://jane:hunter2@-x/acme/site",
        "https://jane:hunter2@bitbucket.org/acme/..",
        "ftp://jane:hunter2@bitbucket.org/acme/site",
        "jane:hunter2@bitbucket.org:acme/site",
        "jane:hunter2@bitbucket.org/acme/site",
        "bitbucket.org/a/b?access_token=hunter2",
        "git.example.com/jane:hunter2@bitbucket.org/a/b",
        "git@ssh.bitbucket.org:443/$(hunter2)/x",
        "git clone https://jane:hunter2@bitbucket.org/a/b c d",
        "https://jane:hunter2@git.example.com:99999/a/b",
    ] {
        let error = parse(input).expect_err(input);
        let said = format!("{error} {:?} {error:?}", error.hint());
        assert!(
            !said.contains("hunter2") && !said.contains("er2@"),
            "{input}: {said}"
        );
    }
}

#[test]
fn hints_contain_the_right_form() {
    for (input, hint) in [
        (
            "ssh://git@bitbucket.org:1example/site.git",
            "write git@ssh.bitbucket.org:1example/site.git or ssh://git@ssh.bitbucket.org/1example/site.git",
        ),
        (
            "ssh://git@git.example.com:web/site.git",
            "write git@git.example.com:web/site.git or ssh://git@git.example.com/web/site.git",
        ),
        (
            "ssh://jane@git.example.com:web/site.git",
            "write either git@host:project/repository.git",
        ),
        (
            "git::ssh://git@bitbucket.org/acme/site.git//modules/x?ref=v1",
            "write ssh://git@ssh.bitbucket.org/acme/site.git, without `git::`",
        ),
        (
            "git::ssh://jane:pw@bitbucket.org/acme/site.git",
            "omit `git::`",
        ),
        (
            "git+git@bitbucket.org:acme/site.git",
            "write git@ssh.bitbucket.org:acme/site.git",
        ),
        (
            "git@bitbucket.org/acme/site.git",
            "write git@ssh.bitbucket.org:acme/site.git",
        ),
        ("jane@bitbucket.org/acme/site.git", "put https:// in front"),
        (
            "git@git.example.com:2222:site.git",
            "write ssh://git@git.example.com:2222/site.git",
        ),
        (
            "ssh://git@git.example.com:7999:web/site.git",
            "write ssh://git@git.example.com:7999/web/site.git",
        ),
        (
            "jane@git.example.com:7999/web/site.git",
            "write ssh://USER@git.example.com:7999/web/site.git",
        ),
        ("origin\tgit@h:a/b\nhttps://h/a/b", "paste the URL alone"),
        (
            "https://bitbucket.org/acme/site.git/wiki",
            "write git@ssh.bitbucket.org:acme/site.git for the repository",
        ),
    ] {
        let found = parse(input).expect_err(input).hint().unwrap_or_default();
        assert!(found.contains(hint), "{input}: {found}");
    }
}

#[test]
fn no_command_prints_a_part_of_a_split_password() {
    let sandbox = Sandbox::new();
    let add = "connection add x --no-verify --auth http-access-token --token-command true --url";
    let commands = [
        "url",
        "keygen",
        "connect --dry-run",
        "doctor",
        "key test --repo",
        "known-hosts verify",
        "known-hosts add",
        "repo view",
        "publish . --repo",
        "git setup --host",
        add,
    ];
    for url in [
        "https://jane:Top@HunterTwo#Pw@bitbucket.org/acme/site.git",
        "https://USERID:1234/HunterTwo@example.com/bitbucket/scm/project/ansible.git",
    ] {
        // `doctor` needs git, which is not everywhere.
        let has_git = is_installed("git", "--version");
        for command in commands
            .into_iter()
            .filter(|command| has_git || *command != "doctor")
        {
            for json in [None, Some("--json")] {
                let arguments = command.split(' ').chain([url]).chain(json);
                let ran = sandbox.run(arguments).exits_with(2);
                let shown = format!("{}{}", ran.stdout, ran.stderr).to_lowercase();
                for part in ["hunter", "jane", "userid", "1234"] {
                    assert!(!shown.contains(part), "{command}: {shown}");
                }
            }
        }
    }
    assert!(!sandbox.path(".config/bbconnect/connections.toml").exists());
}

#[test]
fn a_host_that_looks_like_another_is_not_saved_by_a_script() {
    let sandbox = Sandbox::new();
    let add = |name: &str, url: &str| {
        let arguments = [
            "connection",
            "add",
            name,
            "--no-verify",
            "--token-command",
            "echo x",
        ];
        let server = ["--auth", "http-access-token", "--url", url];
        sandbox.run(arguments.into_iter().chain(server))
    };
    for url in [
        "https://bitbucket.org@evil.example/",
        "https://bitbucket.org.evil.example",
        "https://jane@bitbucket.org@evil.example/scm/web/site.git",
    ] {
        let refused = add("work", url).exits_with(2);
        let message = "the host of this URL is";
        assert!(refused.stderr.contains(message), "{}", refused.stderr);
        assert_contains(&refused.stderr, "evil.example");
        let has_user = url.contains('@');
        assert_eq!(
            refused.stderr.contains("without a user name"),
            has_user,
            "{}",
            refused.stderr
        );
        let real = refused
            .stderr
            .contains("pass --url https://bitbucket.org if that is meant");
        assert_eq!(real, !has_user, "{}", refused.stderr);
    }
    add("work", "https://git.acme.example").exits_with(0);
    add("other", "https://git.acme.example.evil.example").exits_with(2);
    // The other commands note it, and are silent where the file of connections is damaged.
    let look_alike = "ssh://git@git.acme.example.evil.example:7999/web/site.git";
    let shown = || sandbox.run_json(["url", look_alike, "--json"])["notes"].clone();
    let message = "the host of this URL is git.acme.example.evil.example, not git.acme.example";
    let note = serde_json::json!([{"id": "look-alike", "message": message}]);
    assert_eq!(shown(), note);
    let connect = sandbox.run(["connect", look_alike, "--register", "manual", "--dry-run"]);
    assert!(connect.stderr.contains(message), "{}", connect.stderr);
    std::fs::write(sandbox.path(".config/bbconnect/connections.toml"), "x").unwrap();
    assert_eq!(shown(), serde_json::json!([]));
}

#[test]
fn key_pages_belong_to_the_product() {
    let pages = |url: &str| {
        parse(url)
            .expect(url)
            .key_pages()
            .into_iter()
            .map(|page| page.url)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        pages("git@bitbucket.org:acme/site.git"),
        [
            "https://bitbucket.org/acme/site/admin/access-keys/",
            "https://bitbucket.org/acme/workspace/settings/ssh-keys",
            "https://bitbucket.org/account/settings/ssh-keys/",
        ]
    );
    assert_eq!(
        pages("https://git.example.com/bitbucket/scm/web/site.git"),
        ["https://git.example.com/bitbucket/plugins/servlet/ssh/projects/WEB/repos/site/keys"]
    );
    assert_eq!(
        pages("ssh://git@git.example.com:7999/~jdoe/site.git"),
        ["https://git.example.com/plugins/servlet/ssh/projects/~jdoe/repos/site/keys"]
    );
    assert_eq!(
        pages("git@github.com:acme/site.git"),
        ["https://github.com/acme/site/settings/keys"]
    );
    assert_eq!(pages("git@work:acme/site.git"), [] as [&str; 0]);
}

#[test]
fn accepted_urls_round_trip() {
    for (input, _) in rows(include_str!("../data/clone_urls/accepted.txt")) {
        invariants::clone_url(&input).expect(&input);
    }
}

/// Pieces that URLs are made of, and pieces that break them.
fn piece() -> impl Strategy<Value = String> {
    const PIECES: [&str; 58] = [
        "git",
        "clone",
        " ",
        "-b",
        "main",
        "--",
        "ssh",
        "https",
        "http",
        "file",
        "ext",
        "::",
        "://",
        ":",
        "/",
        "//",
        "@",
        "git@",
        "x:y@",
        "bitbucket.org",
        "ssh.bitbucket.org",
        "altssh.bitbucket.org",
        "api.bitbucket.org",
        "2.0",
        "repositories",
        "github.com",
        "git.example.com",
        "host",
        "[::1]",
        "[",
        "]",
        "443",
        "7999",
        "0",
        "acme",
        "site",
        ".git",
        "~jdoe",
        "WEB",
        "scm",
        "projects",
        "repos",
        "users",
        "rest",
        "browse",
        "src",
        "..",
        ".",
        "-",
        "%2e",
        "%",
        "%0a",
        "?",
        "#",
        "\"",
        "'",
        "\\",
        "\u{202e}",
    ];
    prop_oneof![8 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(property::config(4096))]

    #[test]
    fn any_text_is_parsed_or_rejected(text in any::<String>()) {
        let _either = invariants::clone_url(&text);
    }

    #[test]
    fn any_sequence_of_url_parts_is_parsed_or_rejected(pieces in prop::collection::vec(piece(), 0..14)) {
        if let Err(error) = invariants::clone_url(&pieces.concat()) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn no_part_of_a_password_is_printed(
        password in "[#?/@:%{}&=+!*'$. \\[\\]\\\\-]{0,3}(hunter[#?/@:%{}&=+!*'$. \\[\\]\\\\-]{1,2}){1,3}[0-9]{0,2}",
        scheme in prop::sample::select(&["https://", "http://", "ssh://", "git+ssh://", "", "git clone https://", "url = https://"][..]),
        rest in prop::sample::select(&["bitbucket.org/acme/site.git", "git.example.com:7999/scm/web/site.git", "bitbucket.org", "ssh.bitbucket.org:acme/site.git"][..]),
    ) {
        let text = format!("{scheme}janedoe:{password}@{rest}");
        match parse(&text) {
            Err(error) => {
                let shown = format!("{error} {} {error:?}", error.hint().unwrap_or_default());
                prop_assert!(!shown.to_lowercase().contains("hunter"), "{text}: {shown}");
                prop_assert!(!shown.contains("janedoe"), "{text}: {shown}");
            }
            Ok(url) => {
                let forms = [url.ssh(), url.https(), url.web(), Some(url.host().to_string()), url.namespace()];
                let shown = format!("{forms:?} {:?} {url}", url.notes());
                prop_assert!(!shown.to_lowercase().contains("hunter"), "{text}: {shown}");
            }
        }
    }

    #[test]
    fn urls_of_both_products_are_recognised(
        namespace in "n[0-9][a-z0-9_]{0,12}", slug in "[a-z0-9][a-z0-9._-]{0,20}[a-z0-9]", port in 1_u16..
    ) {
        prop_assume!(!slug.ends_with(".git"));
        for (text, deployment) in [
            (format!("git@ssh.bitbucket.org:{namespace}/{slug}.git"), Deployment::Cloud),
            (format!("https://bitbucket.org/{namespace}/{slug}.git"), Deployment::Cloud),
            (format!("ssh://git@git.example.com:7999/{namespace}/{slug}.git"), Deployment::DataCenter),
            (format!("https://git.example.com:{port}/scm/{namespace}/{slug}.git"), Deployment::DataCenter),
            (format!("ssh://git@git.example.com:{port}/~{namespace}/{slug}.git"), Deployment::DataCenter),
        ] {
            let url = parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
            prop_assert_eq!(url.deployment(), deployment);
            prop_assert_eq!(url.namespace().unwrap_or_default().trim_start_matches('~').to_owned(), namespace.clone());
            prop_assert_eq!(url.slug(), &slug);
        }
    }
}
