//! Clone URLs: tables of what is accepted and refused, and what must hold for every text there is.

use bbconnect::internals::Deployment;
use bbconnect::internals::{CloneUrl, CloneUrlError};
use proptest::prelude::*;

use crate::support::{invariants, property};

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
