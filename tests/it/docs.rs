//! Documents that must not go stale: the reference is what the program prints, and links lead somewhere. What they show
//! is run by `tests/it/documented_commands.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Sandbox, assert_contains, env_var};

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Lines end as git has checked them out; the text is the same.
fn read(name: &str) -> String {
    fs::read_to_string(document(name))
        .expect(name)
        .replace("\r\n", "\n")
}

#[test]
fn the_command_reference_is_current() {
    let reference = bbconnect::internals::markdown();
    if env_var("BBCONNECT_BLESS").is_some() {
        fs::write(document("docs/cli.md"), &reference).expect("the reference can be written");
    }
    snapbox::assert_data_eq!(read("docs/cli.md"), snapbox::IntoData::raw(reference));
}

#[test]
fn help_has_topics() {
    let sandbox = Sandbox::new();
    for (topic, part) in [
        ("options", "--no-input"),
        ("environment", "BBCONNECT_TOKEN_FILE"),
        ("exit-statuses", "  130  interrupted"),
        ("connection", "Rename a connection"),
    ] {
        let page = sandbox.run(["help", topic]).exits_with(0).stdout;
        assert!(page.contains(part), "{topic}: {page}");
    }
    let add = sandbox.run(["help", "connection", "add"]).exits_with(0);
    assert_contains(&add.stdout, "--token-command");
    sandbox.run(["help", "nonsense"]).exits_with(2);
}

#[test]
fn all_relative_links_resolve() {
    let mut names = vec![
        "README.md".to_owned(),
        "CONTRIBUTING.md".to_owned(),
        "SECURITY.md".to_owned(),
    ];
    for dir in ["docs", "docs/decisions"] {
        for entry in fs::read_dir(document(dir)).expect(dir) {
            let name = entry
                .expect("it can be read")
                .file_name()
                .to_string_lossy()
                .into_owned();
            names.extend(name.rsplit_once(".md").map(|_| format!("{dir}/{name}")));
        }
    }
    for name in names {
        let text = read(&name);
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let path = target.split('#').next().unwrap_or(target);
            // Of the page that shows the repository.
            let is_of_website = path.starts_with("../../releases/");
            if !(path.is_empty() || path.contains("://") || is_of_website) {
                let dir = document(&name)
                    .parent()
                    .expect("it is in a directory")
                    .to_owned();
                assert!(dir.join(path).exists(), "{name} links to {target}");
            }
        }
    }
}

#[test]
fn tests_that_security_md_names_exist() {
    let text = read("SECURITY.md");
    let mut names = text.split('`').skip(1).step_by(2);
    let mut count = 0;
    for name in names.by_ref().filter(|name| name.ends_with(".rs")) {
        let path = if name.contains('/') {
            document(name)
        } else {
            document("tests/it").join(name)
        };
        assert!(path.exists(), "{name}");
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[test]
fn decision_records_are_short() {
    for entry in fs::read_dir(document("docs/decisions")).expect("the directory is there") {
        let path = entry.expect("it can be read").path();
        let lines = fs::read_to_string(&path)
            .expect("it can be read")
            .lines()
            .count();
        assert!(lines <= 25, "{} has {lines} lines", path.display());
    }
}
