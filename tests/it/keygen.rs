//! `bbconnect keygen`: the files it writes, and what the real ssh-keygen and openssl read in them.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Sandbox, assert_contains, check_output, is_installed, program};

const SITE: &str = "git@bitbucket.org:acme/site.git";

fn key_of(document: &Value) -> &Value {
    &document["keys"][0]
}

fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .map(|entries| {
            entries
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect()
        })
        .unwrap_or_default();
    names.sort();
    names
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o7777
}

#[test]
fn a_key_for_a_url_is_named_after_the_repository() {
    let sandbox = Sandbox::new();
    let document = sandbox.run_json(["keygen", SITE, "--json"]);
    assert_eq!(document["schema"], "bbconnect/keygen@1");
    assert_eq!(
        document["register_at"],
        "https://bitbucket.org/acme/site/admin/access-keys/"
    );
    let key = key_of(&document);
    assert_eq!(key["type"], "ecdsa-256");
    assert_eq!(key["algorithm"], "ecdsa-sha2-nistp256");
    assert_eq!(key["bits"], 256);
    assert_eq!(key["comment"], "bbconnect:acme/site");
    let private = sandbox.path(".ssh").join("bbconnect_acme_site_ecdsa-256");
    assert_eq!(key["private_key_path"], private.to_str().unwrap());
    assert_eq!(key["public_key_path"], format!("{}.pub", private.display()));
    assert_eq!(
        names_in(&sandbox.path(".ssh")),
        [
            "bbconnect_acme_site_ecdsa-256",
            "bbconnect_acme_site_ecdsa-256.pub"
        ]
    );
    let public =
        fs::read_to_string(sandbox.path(".ssh/bbconnect_acme_site_ecdsa-256.pub")).unwrap();
    assert_eq!(public.strip_suffix('\n'), key["public_key"].as_str());
    #[cfg(unix)]
    {
        assert_eq!(mode(&sandbox.path(".ssh")), 0o700);
        assert_eq!(mode(&private), 0o600);
    }
}

#[test]
fn key_names_for_other_urls() {
    let sandbox = Sandbox::new();
    for (url, name) in [
        (
            "ssh://git@git.example.com:7999/~jdoe/site.git",
            "bbconnect_~jdoe_site_ed25519",
        ),
        (
            "git@gitlab.com:group/sub/site.git",
            "bbconnect_group_sub_site_ed25519",
        ),
        (
            "https://bitbucket.org/%7B0b1c%7D/site",
            "bbconnect__0b1c__site_ed25519",
        ),
    ] {
        let document = sandbox.run_json(["keygen", "--type", "ed25519", "--json", url]);
        assert_eq!(
            key_of(&document)["private_key_path"],
            sandbox.path(".ssh").join(name).to_str().unwrap()
        );
    }
    let document = sandbox.run_json(["keygen", "--json"]);
    assert_eq!(
        key_of(&document)["private_key_path"],
        sandbox
            .path(".ssh")
            .join("bbconnect_ecdsa-256")
            .to_str()
            .unwrap()
    );
    assert_eq!(document["register_at"], Value::Null);
}

#[test]
fn type_both_creates_ecdsa_and_rsa_keys() {
    let sandbox = Sandbox::new();
    let document = sandbox.run_json(["keygen", "--type", "both", "--out", "deploy", "--json"]);
    let types: Vec<_> = document["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["ecdsa-256", "rsa-4096"]);
    assert_eq!(
        names_in(sandbox.home()),
        [
            "deploy_ecdsa-256",
            "deploy_ecdsa-256.pub",
            "deploy_rsa-4096",
            "deploy_rsa-4096.pub"
        ]
    );
}

#[test]
fn existing_files_are_not_overwritten_without_force() {
    let sandbox = Sandbox::new();
    sandbox.run(["keygen", "--out", "key"]).exits_with(0);
    let before = fs::read(sandbox.path("key")).unwrap();
    let refused = sandbox
        .run(["keygen", "--out", "key", "--json"])
        .exits_with(6)
        .json();
    assert_eq!(refused["error"]["kind"], "conflict");
    assert_contains(refused["error"]["hint"].as_str().unwrap(), "--force");
    assert_eq!(fs::read(sandbox.path("key")).unwrap(), before);
    // A public key alone is in the way as well, and so is one half of a pair of pairs.
    fs::remove_file(sandbox.path("key")).unwrap();
    sandbox.run(["keygen", "--out", "key"]).exits_with(6);
    fs::write(sandbox.path("pair_rsa-4096"), "mine").unwrap();
    sandbox
        .run(["keygen", "--type", "both", "--out", "pair"])
        .exits_with(6);
    assert_eq!(names_in(sandbox.home()), ["key.pub", "pair_rsa-4096"]);

    let replaced = sandbox.run_json(["keygen", "--out", "key", "--force", "--json"]);
    let public = fs::read_to_string(sandbox.path("key.pub")).unwrap();
    assert_eq!(public.trim_end(), key_of(&replaced)["public_key"]);
}

#[test]
fn invalid_output_paths_are_refused_before_generation() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("folder")).unwrap();
    for (out, status) in [
        ("", 2),
        ("folder/", 2),
        ("..", 2),
        ("key.pub", 2),
        ("folder", 9),
    ] {
        let refused = sandbox
            .run(["keygen", "--out", out, "--force", "--json"])
            .exits_with(status)
            .json();
        assert!(refused["error"]["hint"].is_string(), "{out}: {refused}");
    }
    for out in ["folder/", "..", "key.pub"] {
        sandbox
            .run(["keygen", "--type", "both", "--out", out])
            .exits_with(2);
    }
    sandbox
        .run(["keygen", "--comment", "two\nlines"])
        .exits_with(2);
    sandbox
        .run(["keygen", "--comment", "\u{202e}"])
        .exits_with(2);
    sandbox
        .run(["keygen", "--stdout", "--out", "key"])
        .exits_with(2);
    assert_eq!(names_in(sandbox.home()), ["folder"]);
}

#[cfg(unix)]
#[test]
fn symlinks_are_not_followed_and_directory_modes_are_kept() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let sandbox = Sandbox::new();
    symlink(sandbox.path("elsewhere"), sandbox.path("key")).unwrap();
    sandbox.run(["keygen", "--out", "key"]).exits_with(9);
    sandbox
        .run(["keygen", "--out", "key", "--force"])
        .exits_with(9);
    assert_eq!(names_in(sandbox.home()), ["key"]);
    fs::create_dir(sandbox.path("shared")).unwrap();
    fs::set_permissions(sandbox.path("shared"), fs::Permissions::from_mode(0o755)).unwrap();
    sandbox
        .run(["keygen", "--out", "shared/new/key"])
        .exits_with(0);
    assert_eq!(
        [
            mode(&sandbox.path("shared")),
            mode(&sandbox.path("shared/new"))
        ],
        [0o755, 0o700]
    );
}

#[test]
fn stdout_prints_the_private_key_without_writing_files() {
    let sandbox = Sandbox::new();
    let ran = sandbox
        .run(["keygen", SITE, "--stdout", "--type", "ed25519"])
        .exits_with(0);
    assert!(
        ran.stdout
            .starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.ends_with("-----END OPENSSH PRIVATE KEY-----\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr.contains("ssh-ed25519 ") && ran.stderr.contains("SHA256:"),
        "{}",
        ran.stderr
    );
    let document = sandbox.run_json(["keygen", "--stdout", "--type", "both", "--json"]);
    for key in document["keys"].as_array().unwrap() {
        assert_contains(key["private_key"].as_str().unwrap(), "OPENSSH PRIVATE KEY");
        assert_eq!(key["private_key_path"], Value::Null);
    }
    assert_eq!(names_in(sandbox.home()), [] as [&str; 0]);
}

#[test]
fn the_passphrase_is_read_from_stdin_only() {
    let sandbox = Sandbox::new();
    for arguments in [
        ["keygen", "--passphrase", "hunter2"],
        ["keygen", "--passphrase=hunter2", "--out=k"],
    ] {
        let refused = sandbox.run(arguments).exits_with(2);
        assert_contains(&refused.stderr, "--passphrase-stdin");
        assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
    }
    for input in ["", "\n", "\r\n", "\n hunter2"] {
        let refused = sandbox
            .run_with_input(["keygen", "--out", "k", "--passphrase-stdin"], input)
            .exits_with(2);
        assert_contains(&refused.stderr, "is empty");
    }
    assert_eq!(names_in(sandbox.home()), [] as [&str; 0]);
}

#[test]
fn ssh_keygen_and_openssl_read_every_key_type() {
    if !is_installed("ssh-keygen", "-?") || !is_installed("openssl", "version") {
        return;
    }
    for (kind, openssl_says) in [
        ("ecdsa-256", "prime256v1"),
        ("rsa-4096", "4096 bit"),
        ("ed25519", "ED25519"),
    ] {
        for passphrase in ["", "correct horse battery staple", "a \"quoted\" pässword"] {
            let sandbox = Sandbox::new();
            let mut arguments = vec![
                "keygen",
                "--type",
                kind,
                "--out",
                "key",
                "--comment",
                "a comment",
                "--json",
            ];
            let document = if passphrase.is_empty() {
                sandbox.run(&arguments).exits_with(0)
            } else {
                arguments.push("--passphrase-stdin");
                sandbox
                    .run_with_input(&arguments, &format!("{passphrase}\r\nsecond line\n"))
                    .exits_with(0)
            };
            check_with_openssh(&sandbox, &document.json(), passphrase);
            check_with_openssl(&sandbox, passphrase, openssl_says);
        }
    }
}

fn ssh_keygen(sandbox: &Sandbox, arguments: &[&str]) -> String {
    check_output(
        program("ssh-keygen")
            .args(arguments)
            .current_dir(sandbox.home()),
    )
}

fn check_with_openssh(sandbox: &Sandbox, document: &Value, passphrase: &str) {
    let key = key_of(document);
    let public = ssh_keygen(sandbox, &["-y", "-P", passphrase, "-f", "key"]);
    assert_eq!(public.trim_end(), key["public_key"].as_str().unwrap());
    let listed = ssh_keygen(sandbox, &["-lv", "-f", "key.pub"]);
    let (summary, picture) = listed.split_once('\n').unwrap();
    let expected = format!(
        "{} {} a comment",
        key["bits"],
        key["fingerprint"].as_str().unwrap()
    );
    assert!(summary.starts_with(&expected), "{summary}");
    assert!(picture.starts_with("+--"), "{picture}");
    // The text of another key has the picture that ssh-keygen draws of it.
    if passphrase.is_empty() {
        let text = sandbox
            .run([
                "keygen",
                "--type",
                key["type"].as_str().unwrap(),
                "--out",
                "other",
            ])
            .exits_with(0)
            .stdout;
        let listed = ssh_keygen(sandbox, &["-lv", "-f", "other.pub"]);
        let (_, other_picture) = listed.split_once('\n').unwrap();
        assert!(text.contains(other_picture), "{text}\n{other_picture}");
    } else {
        let wrong = program("ssh-keygen")
            .args(["-y", "-P", "wrong", "-f", "key"])
            .current_dir(sandbox.home())
            .output();
        assert!(
            !wrong.unwrap().status.success(),
            "a wrong passphrase opens the key"
        );
    }
}

/// OpenSSL does not read OpenSSH's own format, so ssh-keygen hands the numbers over as PEM.
fn check_with_openssl(sandbox: &Sandbox, passphrase: &str, expected: &str) {
    if expected == "ED25519" {
        // ssh-keygen has no PEM form for Ed25519.
        return;
    }
    ssh_keygen(
        sandbox,
        &[
            "-q", "-p", "-m", "PEM", "-P", passphrase, "-N", "", "-f", "key",
        ],
    );
    let checked = check_output(
        program("openssl")
            .args(["pkey", "-in", "key", "-check", "-noout", "-text"])
            .current_dir(sandbox.home()),
    );
    assert_contains(&checked, "Key is valid");
    assert!(checked.contains(expected), "{checked}");
}

#[test]
fn private_keys_of_killed_runs_are_removed() {
    let sandbox = Sandbox::new();
    let dir = sandbox.path(".ssh");
    fs::create_dir(&dir).unwrap();
    for name in [".bbconnect-key-abandoned", ".bbconnect-key-used"] {
        fs::write(dir.join(name), "secret").unwrap();
    }
    let used = fs::File::open(dir.join(".bbconnect-key-used")).unwrap();
    used.lock().unwrap();
    sandbox.run(["keygen"]).exits_with(0);
    assert!(!dir.join(".bbconnect-key-abandoned").exists());
    assert!(dir.join(".bbconnect-key-used").exists());
}
