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

/// Names and versions of a lock file, and the dependencies of bbconnect in it.
fn locked(name: &str) -> (BTreeSet<(String, String)>, BTreeSet<String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let lock = std::fs::read_to_string(path).expect(name);
    let lock: toml::Table = lock.parse().expect("it is TOML");
    let text = |value: &toml::Value| value.as_str().unwrap_or_default().to_owned();
    let packages = lock["package"].as_array().expect("a list");
    let own = packages.iter().find(|it| text(&it["name"]) == "bbconnect");
    let own = own.expect("it depends on bbconnect")["dependencies"].as_array();
    let own = own.expect("a list").iter().map(text);
    // A version follows the name of a package that is there twice.
    let own = own.map(|name| name.split(' ').next().unwrap_or_default().to_owned());
    let versions = packages
        .iter()
        .map(|it| (text(&it["name"]), text(&it["version"])));
    (versions.collect(), own.collect())
}

#[test]
fn the_lock_file_of_the_fuzz_targets_is_current() {
    let (versions, with_dev_dependencies) = locked("Cargo.lock");
    let (fuzz_versions, dependencies) = locked("fuzz/Cargo.lock");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).expect("Cargo.toml");
    let manifest: toml::Table = manifest.parse().expect("it is TOML");
    let targets = manifest["target"].as_table().expect("a table").values();
    let tables = targets.filter_map(|target| target.get("dependencies"));
    let tables = tables.chain([&manifest["dependencies"]]);
    let mut expected = BTreeSet::new();
    for (name, dependency) in tables.filter_map(toml::Value::as_table).flatten() {
        let package = dependency.get("package").and_then(toml::Value::as_str);
        expected.insert(package.unwrap_or(name).to_owned());
    }
    assert_eq!(
        dependencies, expected,
        "run `cargo update --workspace` in fuzz/"
    );
    assert!(with_dev_dependencies.is_superset(&expected));
    let names: BTreeSet<_> = versions.iter().map(|(name, _)| name).collect();
    for package in fuzz_versions
        .iter()
        .filter(|(name, _)| names.contains(name))
    {
        assert!(versions.contains(package), "{package:?}");
    }
}
