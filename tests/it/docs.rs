//! Documents that must not go stale: the reference is what the program prints, and links lead somewhere. What they show
//! is run by `tests/it/documented_commands.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::env_var;

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
fn all_relative_links_resolve() {
    let mut names = vec![
        "README.md".to_owned(),
        "CONTRIBUTING.md".to_owned(),
        "SECURITY.md".to_owned(),
    ];
    for folder in ["docs", "docs/decisions"] {
        for entry in fs::read_dir(document(folder)).expect(folder) {
            let name = entry
                .expect("it can be read")
                .file_name()
                .to_string_lossy()
                .into_owned();
            names.extend(name.rsplit_once(".md").map(|_| format!("{folder}/{name}")));
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
            if !(path.is_empty() || path.contains("://")) {
                let folder = document(&name)
                    .parent()
                    .expect("it is in a folder")
                    .to_owned();
                assert!(folder.join(path).exists(), "{name} links to {target}");
            }
        }
    }
}

#[test]
fn decision_records_are_short() {
    for entry in fs::read_dir(document("docs/decisions")).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        let lines = fs::read_to_string(&path)
            .expect("it can be read")
            .lines()
            .count();
        assert!(lines <= 25, "{} has {lines} lines", path.display());
    }
}
