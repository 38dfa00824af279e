//! What git reads in a configuration file, and what changing it leaves alone.

use super::*;

fn entries(text: &str) -> Vec<(String, Option<String>, String, String)> {
    let config = ConfigFile::parse(text).unwrap();
    let entry = |entry: &Entry| {
        let header = config.header(entry).unwrap();
        let (section, subsection) = (header.section.clone(), header.subsection.clone());
        (section, subsection, entry.key.clone(), entry.value.clone())
    };
    config.entries.iter().map(entry).collect()
}

fn value(text: &str) -> String {
    let all = entries(&format!("[a]\nk{text}"));
    all.first().unwrap().3.clone()
}

#[test]
fn values_are_read_as_git_reads_them() {
    for (text, expected) in [
        ("= plain", "plain"),
        ("=plain", "plain"),
        (" = two  words \t\n", "two  words"),
        (" = a # comment", "a"),
        (" = a;comment", "a"),
        (" = \"a # b\" c", "a # b c"),
        (" = \" a \" ", " a "),
        (r#" = a\"b\\c\td"#, "a\"b\\c\td"),
        (" = one\\\n  two\n", "one  two"),
        (" = one\\\r\ntwo\r\n", "onetwo"),
        (" = a\r\n", "a"),
        ("", ""),
        (" =", ""),
        (" = end\\", "end"),
        (" = Zürich 日本", "Zürich 日本"),
    ] {
        assert_eq!(value(text), expected, "{text:?}");
    }
}

#[test]
fn headers_are_read_as_git_reads_them() {
    let text = "\u{feff}[A \"x.y \\\"z\\\\\"]B-c=1\n[old.Sub] d=2\n[e]\n;f=3\n#g=4\n";
    let named = |section: &str, subsection: Option<&str>, key: &str, value: &str| {
        let subsection = subsection.map(str::to_owned);
        (
            section.to_owned(),
            subsection,
            key.to_owned(),
            value.to_owned(),
        )
    };
    let expected = [
        named("a", Some("x.y \"z\\"), "b-c", "1"),
        named("old", Some("sub"), "d", "2"),
    ];
    assert_eq!(entries(text), expected);
}

#[test]
fn what_git_refuses_is_refused_with_its_line() {
    for (text, line) in [
        ("a = 1\n", 1),
        ("[a]\n\n= 1\n", 3),
        ("[a\n", 1),
        ("[a]\nb = \"open\n", 2),
        ("[a]\nb = \\x\n", 2),
        ("[a]\nb c\n", 2),
        ("[a]\nb ; comment\n", 2),
        ("[a]\nb # comment\n", 2),
        ("[a \"b\n\"]\n", 1),
        ("[a x]\n", 1),
    ] {
        assert_eq!(
            ConfigFile::parse(text).err(),
            Some(ConfigSyntax { line }),
            "{text:?}"
        );
    }
}

#[test]
fn a_value_keeps_its_quotes_and_gets_those_it_needs() {
    for (before, value, after) in [
        ("[a]\n\tb = x # c\n", "y", "[a]\n\tb = y # c\n"),
        ("[a]\n\tb = \"x\" # c\n", "y", "[a]\n\tb = \"y\" # c\n"),
        ("[a]\n\tb = x\n", "y;z", "[a]\n\tb = \"y;z\"\n"),
        ("[a]\n\tb = x\n", "q\"u\\o", "[a]\n\tb = q\\\"u\\\\o\n"),
    ] {
        let config = ConfigFile::parse(before).unwrap();
        let edit = config.set(config.entries.first().unwrap(), value);
        let mut text = before.to_owned();
        text.replace_range(edit.at, &edit.with);
        assert_eq!(text, after);
        assert_eq!(entries(&text).first().unwrap().3, value);
    }
}
