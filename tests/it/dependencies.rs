//! What bbconnect is made of: the licences, bans and sources of `deny.toml`, held without a network. `cargo deny` in the
//! workflows reads the same file, and asks for advisories as well.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support;

fn deny() -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml");
    let text = std::fs::read_to_string(path).expect("deny.toml");
    text.parse().expect("it is TOML")
}

/// Every package that is built here; those of other systems may never have been fetched.
fn packages() -> Vec<Value> {
    let output = support::check_output(support::program("rustc").arg("-vV"));
    let host = output.lines().find_map(|line| line.strip_prefix("host: "));
    let mut cargo = support::program(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--offline"]);
    cargo.args(["--filter-platform", host.expect("rustc names its host")]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    let metadata: Value = serde_json::from_str(&support::check_output(&mut cargo)).expect("JSON");
    let packages = metadata["packages"].as_array().expect("a list").clone();
    assert!(packages.len() > 100, "{}", packages.len());
    packages
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key].as_str().unwrap_or_default()
}

/// Whether an SPDX expression can be met with these licences; the slash of old manifests means `OR`.
fn is_met(expression: &str, by: &impl Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    let spaced = spaced.replace('/', " OR ").replace(" WITH ", "+WITH+");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let met = either(&mut rest, by);
    assert!(rest.is_empty(), "{expression} is no SPDX expression");
    met
}

fn either(rest: &mut &[&str], by: &impl Fn(&str) -> bool) -> bool {
    let mut met = all(rest, by);
    while let [word, behind @ ..] = *rest
        && *word == "OR"
    {
        *rest = behind;
        met |= all(rest, by);
    }
    met
}

fn all(rest: &mut &[&str], by: &impl Fn(&str) -> bool) -> bool {
    let mut met = one(rest, by);
    while let [word, behind @ ..] = *rest
        && *word == "AND"
    {
        *rest = behind;
        met &= one(rest, by);
    }
    met
}

fn one(rest: &mut &[&str], by: &impl Fn(&str) -> bool) -> bool {
    let (word, behind) = rest.split_first().expect("a licence");
    *rest = behind;
    if *word != "(" {
        return by(&word.replace("+WITH+", " WITH "));
    }
    let met = either(rest, by);
    let (close, behind) = rest.split_first().expect("a bracket that closes");
    assert_eq!(*close, ")");
    *rest = behind;
    met
}

#[test]
fn all_licences_are_allowed() {
    if !support::is_installed("rustc", "-vV") {
        return;
    }
    let deny = deny();
    let allowed: BTreeSet<&str> = deny["licenses"]["allow"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(toml::Value::as_str)
        .collect();
    for package in packages() {
        let licence = text(&package, "license");
        let met = is_met(licence, &|licence| allowed.contains(licence));
        let (name, version) = (text(&package, "name"), text(&package, "version"));
        assert!(
            met,
            "{name} {version}: `{licence}` is not allowed by deny.toml"
        );
    }
}

#[test]
fn no_banned_crates_and_no_other_sources() {
    let deny = deny();
    let banned: BTreeSet<&str> = deny["bans"]["deny"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|ban| ban["crate"].as_str())
        .collect();
    assert!(banned.contains("rsa"));
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    let lock: toml::Table = std::fs::read_to_string(lock)
        .expect("Cargo.lock")
        .parse()
        .expect("it is TOML");
    for package in lock["package"].as_array().expect("a list") {
        let name = package["name"].as_str().expect("a name");
        assert!(!banned.contains(name), "{name} is banned by deny.toml");
        if name == env!("CARGO_PKG_NAME") {
            continue;
        }
        let source = package.get("source").and_then(toml::Value::as_str);
        let source = source.unwrap_or_default();
        assert!(source.starts_with("registry+"), "{name}: {source}");
        assert!(package.get("checksum").is_some(), "{name} has no checksum");
    }
}

#[test]
fn licence_expressions_are_parsed() {
    let mit = |expression: &str| is_met(expression, &|licence| licence == "MIT");
    for yes in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR (MIT AND MIT)",
        "Apache-2.0 / MIT",
    ] {
        assert!(mit(yes), "{yes}");
    }
    for no in [
        "Apache-2.0",
        "MIT AND ISC",
        "MIT WITH LLVM-exception",
        "(MIT OR ISC) AND ISC",
    ] {
        assert!(!mit(no), "{no}");
    }
}
