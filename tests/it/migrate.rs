//! `migrate` on real repositories: what git and ssh report before and after, and what is not changed.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{self, Sandbox, assert_contains, check_output, is_installed, program};

const OLD_RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEAubiN81eDcafrgMeLzaFPsw2kNvEcqTKl/VqLat/MaB33pZy0y3rJZtnqwR2qOOvb\
                       wKZYKiEO1O6VqNEBxKvJJelCq0dTXWT5pbO2gDXC6h6QDXCaHo6pOHGPUy+YBaGQRGuSusMEASYiWunYN0vCAI8QaXnWMXNMdFP3\
                       jHAJH0eDsoiGnLPBlBp4TNm6rYI74nMzgz3B9IikW4WVK+dc8KZJZWYjAuORU3jc1c/NPskD2ASinf8v3xnfXeukU0sJ5N6m5E8V\
                       LjObPEO+mN2t/FZTMZLiFqPWc/ALSqnMnnhwrNi2rbfg/rd/IpL8Le3pSBne8+seeFVBoGqzHM9yXw==";

fn git(sandbox: &Sandbox, dir: &Path, arguments: &[&str]) -> String {
    let mut command: Command = program("git");
    command.args(arguments).current_dir(dir).env_clear();
    command
        .env("HOME", sandbox.home())
        .env("PATH", support::env_var("PATH").unwrap())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("LC_ALL", "C.UTF-8");
    for name in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{name}_NAME"), "Jane")
            .env(format!("GIT_{name}_EMAIL"), "jane@acme.example");
    }
    check_output(&mut command)
}

/// A repository with one commit and a remote.
fn repository(sandbox: &Sandbox, below: &str, remote: &str) -> PathBuf {
    let dir = sandbox.path(below);
    fs::create_dir_all(&dir).unwrap();
    git(sandbox, &dir, &["init", "-q", "-b", "main"]);
    git(
        sandbox,
        &dir,
        &["commit", "-q", "--allow-empty", "-m", "one"],
    );
    git(sandbox, &dir, &["remote", "add", "origin", remote]);
    dir
}

fn url(sandbox: &Sandbox, dir: &Path) -> String {
    git(sandbox, dir, &["remote", "get-url", "origin"])
        .trim()
        .to_owned()
}

/// Every file below a directory with its text; links with where they lead.
fn everything(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            files.extend(everything(&path));
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            files.insert(path, target.into_os_string().into_encoded_bytes());
        } else {
            let text = fs::read(&path).unwrap();
            files.insert(path, text);
        }
    }
    files
}

fn items(document: &Value) -> Vec<(String, String)> {
    let text = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
    let items = document["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| (text(item, "kind"), text(item, "action")))
        .collect()
}

fn count(document: &Value, kind: &str) -> usize {
    items(document).iter().filter(|(of, _)| of == kind).count()
}

#[test]
fn worktrees_inside_a_bare_repository_are_found() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let from = repository(&sandbox, "from", "git@bitbucket.org:acme/site.git");
    let modules = "[submodule \"lib\"]\n\tpath = lib\n\turl = git@bitbucket.org:acme/lib.git\n";
    fs::write(from.join(".gitmodules"), modules).unwrap();
    git(&sandbox, &from, &["add", ".gitmodules"]);
    git(&sandbox, &from, &["commit", "-q", "-m", "two"]);
    let clone = ["clone", "-q", "--bare", "from", "proj"];
    git(&sandbox, sandbox.home(), &clone);
    let bare = sandbox.path("proj");
    git(&sandbox, &bare, &["worktree", "add", "-q", "work/main"]);
    repository(&sandbox, "proj/other", "git@bitbucket.org:acme/other.git");
    let looked = ["migrate", "--check", "--json", "proj"];
    let found = sandbox.run(looked).exits_with(1).json();
    assert_eq!(found["repositories"], 2);
    assert_eq!(count(&found, "submodule"), 1);
    assert_eq!(count(&found, "ssh-remote"), 1);
}

/// Repositories of every kind, at the old host.
struct Tree {
    plain: PathBuf,
    bare: PathBuf,
    with_module: PathBuf,
    library: PathBuf,
}

impl Tree {
    fn grow(sandbox: &Sandbox) -> Self {
        let old = "git@bitbucket.org:acme/site.git";
        let plain = repository(sandbox, "src/plain", old);
        git(
            sandbox,
            &plain,
            &[
                "remote",
                "set-url",
                "--push",
                "origin",
                "ssh://git@bitbucket.org:22/acme/site.git",
            ],
        );
        git(
            sandbox,
            &plain,
            &["remote", "add", "hub", "git@github.com:acme/site.git"],
        );
        git(
            sandbox,
            &plain,
            &["worktree", "add", "-q", "../worktree", "-b", "other"],
        );
        let bare = sandbox.path("src/deep/er/bare.git");
        fs::create_dir_all(&bare).unwrap();
        git(sandbox, &bare, &["init", "-q", "--bare"]);
        git(sandbox, &bare, &["remote", "add", "origin", old]);
        let library = repository(sandbox, "library", "git@bitbucket.org:acme/library.git");
        let with_module = repository(
            sandbox,
            "src/with module",
            "https://bitbucket.org/acme/app.git",
        );
        git(
            sandbox,
            &with_module,
            &[
                "-c",
                "protocol.file.allow=always",
                "submodule",
                "--quiet",
                "add",
                "--name",
                "libs/one",
                library.to_str().unwrap(),
                "libs/one",
            ],
        );
        for (file, key) in [
            (".gitmodules", "submodule.libs/one.url"),
            (".git/config", "submodule.libs/one.url"),
            (".git/modules/libs/one/config", "remote.origin.url"),
        ] {
            git(
                sandbox,
                &with_module,
                &[
                    "config",
                    "-f",
                    file,
                    key,
                    "git@bitbucket.org:acme/library.git",
                ],
            );
        }
        Self {
            plain,
            bare,
            with_module,
            library,
        }
    }

    fn check_updated(&self, sandbox: &Sandbox) {
        let Self {
            plain,
            bare,
            with_module,
            library,
        } = self;
        let new = "git@ssh.bitbucket.org:acme/site.git";
        for dir in [plain, bare, &sandbox.path("src/worktree")] {
            assert_eq!(url(sandbox, dir), new);
        }
        let remotes = git(sandbox, plain, &["remote", "-v"]);
        assert_contains(
            &remotes,
            "ssh://git@ssh.bitbucket.org:22/acme/site.git (push)",
        );
        assert_contains(&remotes, "git@github.com:acme/site.git (fetch)");
        assert_eq!(
            url(sandbox, with_module),
            "https://bitbucket.org/acme/app.git"
        );
        assert_eq!(
            url(sandbox, &with_module.join("libs/one")),
            "git@ssh.bitbucket.org:acme/library.git"
        );
        let modules = git(
            sandbox,
            with_module,
            &["config", "-f", ".gitmodules", "submodule.libs/one.url"],
        );
        assert_eq!(modules.trim(), "git@ssh.bitbucket.org:acme/library.git");
        assert_eq!(
            url(sandbox, library),
            "git@bitbucket.org:acme/library.git",
            "it is not below the directory"
        );
    }
}

/// Each changed file has a backup, and nothing else has changed.
fn check_kept(
    before: &BTreeMap<PathBuf, Vec<u8>>,
    after: &BTreeMap<PathBuf, Vec<u8>>,
    done: &Value,
) {
    let kept: Vec<&str> = done["kept"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path.as_str().unwrap())
        .collect();
    assert_eq!(after.len(), before.len() + kept.len());
    for (path, text) in before {
        // Where git would take it for a file of the work tree, it is among git's own.
        let beside = if path.ends_with(".gitmodules") {
            path.with_file_name(".git").join("gitmodules")
        } else {
            path.clone()
        };
        let old = kept
            .iter()
            .find(|kept| kept.starts_with(&format!("{}.bbconnect-", beside.display())));
        match old {
            Some(kept) => assert_eq!(&after[Path::new(kept)], text),
            None => assert_eq!(&after[path], text, "{}", path.display()),
        }
    }
}

#[test]
fn all_repository_layouts_are_migrated_once() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let tree = Tree::grow(&sandbox);
    let before = everything(&sandbox.path("src"));
    let dry = sandbox.run_json(["migrate", "src", "--dry-run", "--json"]);
    assert_eq!(everything(&sandbox.path("src")), before);
    assert_eq!(
        (count(&dry, "ssh-remote"), count(&dry, "submodule")),
        (4, 2),
        "{dry:#}"
    );
    assert!(
        items(&dry)
            .iter()
            .all(|(_, action)| action == "would-update")
    );
    assert_eq!(dry["repositories"], 4);
    sandbox.run(["migrate", "src", "--check"]).exits_with(1);
    let refused = sandbox.run(["migrate", "src"]).exits_with(2);
    assert_contains(&refused.stderr, "--yes");
    assert_eq!(everything(&sandbox.path("src")), before);

    let done = sandbox.run_json(["migrate", "src", "--yes", "--json"]);
    assert!(
        items(&done).iter().all(|(_, action)| action == "updated"),
        "{done:#}"
    );
    assert_eq!(items(&done).len(), 6);
    tree.check_updated(&sandbox);
    let after = everything(&sandbox.path("src"));
    check_kept(&before, &after, &done);
    let again = sandbox.run_json(["migrate", "src", "--yes", "--json"]);
    assert_eq!(again["items"], serde_json::json!([]));
    sandbox.run(["migrate", "src", "--check"]).exits_with(0);
    assert_eq!(everything(&sandbox.path("src")), after);
}

#[test]
fn user_files_are_migrated_and_git_and_ssh_read_them() {
    if !is_installed("git", "--version")
        || !is_installed("ssh-keygen", "-?")
        || !is_installed("ssh", "-V")
    {
        return;
    }
    let sandbox = Sandbox::new();
    let ssh = sandbox.path(".ssh");
    fs::create_dir_all(&ssh).unwrap();
    let known = ssh.join("known_hosts");
    let github = "github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    fs::write(&known, format!("{github}\nbitbucket.org {OLD_RSA}\n")).unwrap();
    let keygen = |arguments: &[&str]| {
        let mut command = program("ssh-keygen");
        command.args(arguments).arg("-f").arg(&known);
        command.output().unwrap()
    };
    assert!(keygen(&["-H"]).status.success());
    fs::remove_file(ssh.join("known_hosts.old")).unwrap();
    fs::write(ssh.join("config"), "# mine\nHost bitbucket.org\n  User git\n  IdentityFile ~/.ssh/bb\n\nHost bb\n  HostName bitbucket.org\nInclude config.d/*.conf\n").unwrap();
    let included = ssh.join("config.d/work.conf");
    fs::create_dir(ssh.join("config.d")).unwrap();
    fs::write(
        &included,
        "Include ~/.ssh/config\nHost work\n  HostName bitbucket.org\n",
    )
    .unwrap();
    // A link, as people have whose settings are in a repository.
    fs::create_dir_all(sandbox.path("dotfiles")).unwrap();
    let real = sandbox.path("dotfiles/gitconfig");
    fs::write(&real, "[url \"https://bitbucket.org/\"]\r\n\tinsteadOf = git@bitbucket.org: ; old\r\n[include]\r\n\tpath = work.inc\r\n").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(
        sandbox.path("work.inc"),
        "[url \"git@bitbucket.org:acme/\"]\n\tinsteadOf = work:\n",
    )
    .unwrap();
    symlink("dotfiles/gitconfig", sandbox.path(".gitconfig")).unwrap();
    let checkout = repository(&sandbox, "src/site", "work:site.git");

    let done = sandbox.run_json(["migrate", "src", "--yes", "--json"]);
    let found = (
        count(&done, "known-host"),
        count(&done, "ssh-config"),
        count(&done, "url-rewrite"),
    );
    assert_eq!(found, (2, 3, 2), "{done:#}");
    assert_eq!(
        fs::read_to_string(&included).unwrap(),
        "Include ~/.ssh/config\nHost work\n  HostName ssh.bitbucket.org\n"
    );
    assert_eq!(
        fs::read_link(sandbox.path(".gitconfig")).unwrap(),
        Path::new("dotfiles/gitconfig")
    );
    assert_eq!(
        fs::metadata(&real).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(
        fs::read_to_string(&real).unwrap(),
        "[url \"https://bitbucket.org/\"]\r\n\tinsteadOf = git@bitbucket.org: ; old\r\n\tinsteadOf = git@ssh.bitbucket.org:\r\n[include]\r\n\tpath = work.inc\r\n"
    );
    // Old and new URLs are led where they were led before.
    assert_eq!(
        url(&sandbox, &checkout),
        "git@ssh.bitbucket.org:acme/site.git"
    );
    for pasted in ["git@bitbucket.org:a/b", "git@ssh.bitbucket.org:a/b"] {
        let led = git(&sandbox, &checkout, &["ls-remote", "--get-url", pasted]);
        assert_eq!(led.trim(), "https://bitbucket.org/a/b");
    }
    assert!(!keygen(&["-F", "bitbucket.org"]).status.success());
    assert!(keygen(&["-F", "github.com"]).status.success());
    let lines = String::from_utf8(keygen(&["-l", "-F", "ssh.bitbucket.org"]).stdout).unwrap();
    for fingerprint in [
        "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
        "SHA256:FC73VB6C4OQLSCrjEayhMp9UMxS97caD/Yyi2bhW/J0",
        "SHA256:46OSHA1Rmj8E8ERTC6xkNcmGOw9oFxYr0WF6zWW8l1E",
    ] {
        assert!(lines.contains(fingerprint), "{lines}");
    }
    assert!(
        !fs::read_to_string(&known)
            .unwrap()
            .contains("bitbucket.org"),
        "names stay hashed"
    );
    for name in ["ssh.bitbucket.org", "bb"] {
        let mut command = program("ssh");
        command.arg("-F").arg(ssh.join("config")).args(["-G", name]);
        let settings = check_output(&mut command);
        assert_contains(&settings, "hostname ssh.bitbucket.org\n");
        assert_eq!(settings.contains(".ssh/bb\n"), name != "bb", "{settings}");
    }
    sandbox.run(["migrate", "src", "--check"]).exits_with(0);
}

#[test]
fn app_passwords_are_removed_or_listed_and_never_shown() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let marker = "ATBBmarkermarkermarker";
    let site = repository(
        &sandbox,
        "src/site",
        &format!("https://jane:{marker}@bitbucket.org/acme/site.git"),
    );
    let token = "https://x-token-auth:ATCTTtoken@bitbucket.org/acme/site.git";
    let ci = repository(&sandbox, "src/ci", token);
    let server = "https://jane:secret@git.example.com/scm/web/site.git";
    let other = repository(&sandbox, "src/other", server);
    let netrc = format!("machine bitbucket.org login jane password {marker}\n");
    fs::write(sandbox.path(".netrc"), &netrc).unwrap();
    fs::create_dir_all(sandbox.path(".config/bbconnect")).unwrap();
    let connections = "[connections.work]\ndeployment = \"cloud\"\nbase_url = \"https://api.bitbucket.org/2.0\"\nauth = \"app-password\"\nusername = \"jane\"\n";
    fs::write(
        sandbox.path(".config/bbconnect/connections.toml"),
        connections,
    )
    .unwrap();

    let shown = sandbox.run(["migrate", "src", "--dry-run"]).exits_with(0);
    assert_contains(
        &shown.stdout,
        "https://jane:***@bitbucket.org/acme/site.git",
    );
    assert_contains(
        &shown.stderr,
        "bbconnect connection edit work --auth api-token",
    );
    assert_contains(&shown.stderr, "bbconnect token scopes");
    let ran = sandbox
        .run(["migrate", "src", "--yes", "--json"])
        .exits_with(0);
    for text in [&shown.stdout, &shown.stderr, &ran.stdout, &ran.stderr] {
        assert!(!text.contains("marker"), "{text}");
    }
    let mut found = items(&ran.json());
    found.sort();
    let item = |action: &str| ("app-password".to_owned(), action.to_owned());
    assert_eq!(found, [item("manual"), item("manual"), item("updated")]);
    assert_eq!(
        url(&sandbox, &site),
        "https://jane@bitbucket.org/acme/site.git"
    );
    assert_eq!(url(&sandbox, &ci), token);
    assert_eq!(url(&sandbox, &other), server);
    assert_eq!(fs::read_to_string(sandbox.path(".netrc")).unwrap(), netrc);
    // A manual step needs no confirmation, and counts for --check.
    assert_eq!(
        items(&sandbox.run_json(["migrate", "src", "--json"])).len(),
        2
    );
    sandbox.run(["migrate", "src", "--check"]).exits_with(1);
}

#[test]
fn files_outside_the_directory_are_unchanged() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let old = "git@bitbucket.org:acme/site.git";
    let outside = repository(&sandbox, "outside/site", old);
    repository(&sandbox, "src/site", old);
    git(
        &sandbox,
        &outside,
        &["worktree", "add", "-q", "../../src/worktree", "-b", "other"],
    );
    symlink(&outside, sandbox.path("src/link")).unwrap();
    symlink("..", sandbox.path("src/loop")).unwrap();
    fs::create_dir_all(sandbox.path("src/linked")).unwrap();
    symlink(outside.join(".git"), sandbox.path("src/linked/.git")).unwrap();
    fs::write(
        sandbox.path("outside/shared.inc"),
        "[remote \"x\"]\n\turl = git@bitbucket.org:a/b\n",
    )
    .unwrap();
    fs::write(
        sandbox.path("src/inside.inc"),
        "[remote \"y\"]\n\turl = git@bitbucket.org:a/b\n",
    )
    .unwrap();
    git(
        &sandbox,
        &sandbox.path("src/site"),
        &[
            "config",
            "--add",
            "include.path",
            "../../../outside/shared.inc",
        ],
    );
    git(
        &sandbox,
        &sandbox.path("src/site"),
        &["config", "--add", "include.path", "../../inside.inc"],
    );
    let before = everything(&sandbox.path("outside"));
    let done = sandbox.run_json(["migrate", "src", "--yes", "--json"]);
    assert_eq!(everything(&sandbox.path("outside")), before);
    assert_eq!(count(&done, "ssh-remote"), 2, "{done:#}");
    let output = done["outside"].as_array().unwrap();
    assert_eq!(
        output,
        &[Value::from(
            fs::canonicalize(outside.join(".git"))
                .unwrap()
                .to_str()
                .unwrap()
        )]
    );
    let included = fs::read_to_string(sandbox.path("src/inside.inc")).unwrap();
    assert_contains(&included, "git@ssh.bitbucket.org:a/b");
}

#[test]
fn a_missing_directory_is_reported_without_errno() {
    let sandbox = Sandbox::new();
    let output = sandbox
        .run(["migrate", "nowhere", "--dry-run"])
        .exits_with(9);
    assert_contains(&output.stdout, "nowhere: cannot be read");
    assert!(!output.stdout.contains("os error"), "{}", output.stdout);
}

#[test]
fn one_unwritable_file_does_not_affect_others() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let old = "git@bitbucket.org:acme/site.git";
    let names = [
        "a read-only",
        "b locked",
        "c broken",
        "d no text",
        "e \u{1b}[31mred\nline",
        "f pipe",
    ];
    let dirs: Vec<PathBuf> = names
        .iter()
        .map(|name| repository(&sandbox, &format!("src/{name}"), old))
        .collect();
    let config = |number: usize| dirs[number].join(".git/config");
    fs::set_permissions(config(0), fs::Permissions::from_mode(0o444)).unwrap();
    fs::write(dirs[1].join(".git/config.lock"), "").unwrap();
    fs::write(
        config(2),
        "[remote \"origin\"]\n\turl = git@bitbucket.org:a/b\nnonsense here\n",
    )
    .unwrap();
    fs::write(
        config(3),
        b"# \xe9\xff\n[remote \"origin\"]\n\turl = git@bitbucket.org:a/b\n",
    )
    .unwrap();
    fs::remove_file(config(5)).unwrap();
    check_output(program("mkfifo").arg(config(5)));
    let ran = sandbox
        .run(["migrate", "src", "--yes", "--json"])
        .exits_with(9);
    let document = ran.json();
    let mut actions: Vec<_> = items(&document)
        .into_iter()
        .map(|(_, action)| action)
        .collect();
    actions.sort();
    assert_eq!(
        actions,
        ["failed", "failed", "updated", "updated"],
        "{document:#}"
    );
    let errors = document["errors"].as_array().unwrap();
    let errors: Vec<String> = errors
        .iter()
        .map(|error| error["message"].to_string())
        .collect();
    assert_eq!(errors.len(), 3, "{document:#}");
    for reason in ["line 3", "read-only", "config.lock exists"] {
        assert!(
            errors.iter().any(|error| error.contains(reason)),
            "{errors:?}"
        );
    }
    assert_eq!(
        fs::read(config(3)).unwrap(),
        b"# \xe9\xff\n[remote \"origin\"]\n\turl = git@ssh.bitbucket.org:a/b\n"
    );
    assert_eq!(
        url(&sandbox, &dirs[4]),
        "git@ssh.bitbucket.org:acme/site.git"
    );
    assert!(
        !sandbox
            .run(["migrate", "src", "--dry-run"])
            .stdout
            .contains('\u{1b}')
    );
    let missing = sandbox
        .run(["migrate", "nowhere", "--json"])
        .exits_with(9)
        .json();
    assert_eq!(missing["errors"].as_array().unwrap().len(), 1);
}

#[test]
fn a_killed_run_leaves_every_file_old_or_new() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let first = repository(&sandbox, "src/0", "git@bitbucket.org:acme/site.git");
    let old = fs::read_to_string(first.join(".git/config")).unwrap();
    let new = old.replace("@bitbucket.org", "@ssh.bitbucket.org");
    let configs: Vec<PathBuf> = (1..200)
        .map(|number| {
            let dir = sandbox.path(&format!("src/{number}/.git"));
            for below in ["objects", "refs/heads"] {
                fs::create_dir_all(dir.join(below)).unwrap();
            }
            fs::write(dir.join("HEAD"), "ref: refs/heads/main\n").unwrap();
            fs::write(dir.join("config"), &old).unwrap();
            dir.join("config")
        })
        .collect();
    for wait in [5, 10, 15, 20, 30, 40, 60, 80] {
        let mut child = sandbox
            .command(["migrate", "src", "--yes"])
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
        let texts: Vec<String> = configs
            .iter()
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        assert!(texts.iter().all(|text| *text == old || *text == new));
        for path in configs.iter().chain([&first.join(".git/config")]) {
            // The one lock that may be left is git's to complain about, as after git itself was killed.
            drop(fs::remove_file(path.with_file_name("config.lock")));
        }
    }
    sandbox.run(["migrate", "src", "--yes"]).exits_with(0);
    assert!(
        configs
            .iter()
            .all(|path| fs::read_to_string(path).unwrap() == new)
    );
    sandbox.run(["migrate", "src", "--check"]).exits_with(0);
}

#[test]
fn on_a_terminal_the_plan_needs_one_confirmation() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let site = repository(&sandbox, "src/site", "git@bitbucket.org:acme/site.git");
    for (answer, status, host) in [("n", 1, "bitbucket.org"), ("y", 0, "ssh.bitbucket.org")] {
        let mut command = program("sh");
        command
            .args(["-c", "\"$0\" migrate src; echo status=$?"])
            .arg(env!("CARGO_BIN_EXE_bbconnect"))
            .current_dir(sandbox.home())
            .env_clear()
            .env("HOME", sandbox.home())
            .env("TERM", "xterm");
        let mut terminal = support::Terminal::start(command);
        terminal.expect("git@bitbucket.org:acme/site.git -> git@ssh.bitbucket.org:acme/site.git");
        terminal.expect("Apply 1 change to 1 file");
        terminal.send_line(answer);
        terminal.expect(&format!("status={status}"));
        assert_eq!(url(&sandbox, &site), format!("git@{host}:acme/site.git"));
    }
}

fn actions(document: &Value, kind: &str) -> Vec<String> {
    let all = items(document).into_iter();
    all.filter(|(of, _)| of == kind)
        .map(|(_, action)| action)
        .collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn settings_that_depend_on_a_remote_url_apply_after_the_move() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let config = "[user]\n\temail = home@example.com\n[includeIf \"hasconfig:remote.*.url:git@bitbucket.org:acme/**\"]\n\tpath = .gitconfig-work\n";
    fs::write(sandbox.path(".gitconfig"), config).unwrap();
    let work = "[user]\n\temail = work@acme.example\n";
    fs::write(sandbox.path(".gitconfig-work"), work).unwrap();
    let site = repository(&sandbox, "src/site", "git@bitbucket.org:acme/site.git");
    let elsewhere = repository(&sandbox, "elsewhere", "git@bitbucket.org:acme/other.git");
    let email = |dir: &Path| {
        git(&sandbox, dir, &["config", "user.email"])
            .trim()
            .to_owned()
    };
    assert_eq!(email(&site), "work@acme.example");
    let done = sandbox.run(["migrate", "src", "--yes", "--json"]);
    let done = done.exits_with(0).json();
    assert_eq!(actions(&done, "git-include"), ["updated"], "{done:#}");
    assert_eq!(url(&sandbox, &site), "git@ssh.bitbucket.org:acme/site.git");
    assert_eq!(email(&site), "work@acme.example");
    assert_eq!(email(&elsewhere), "work@acme.example");
    sandbox.run(["migrate", "src", "--check"]).exits_with(0);
    // A condition that an earlier run left.
    fs::write(sandbox.path(".gitconfig"), config).unwrap();
    assert_eq!(email(&site), "home@example.com");
    sandbox.run(["migrate", "src", "--check"]).exits_with(1);
    sandbox.run(["migrate", "src", "--yes"]).exits_with(0);
    assert_eq!(email(&site), "work@acme.example");
}

#[test]
fn git_lfs_moves_with_the_remote() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let site = repository(&sandbox, "src/site", "git@bitbucket.org:acme/site.git");
    let lfs = "# LFS\r\n[lfs]\r\n\turl = ssh://git@bitbucket.org/acme/site.git\r\n";
    fs::write(site.join(".lfsconfig"), lfs).unwrap();
    git(
        &sandbox,
        &site,
        &[
            "config",
            "remote.origin.lfsurl",
            "git@bitbucket.org:acme/site.git",
        ],
    );
    git(
        &sandbox,
        &site,
        &[
            "config",
            "lfs.pushurl",
            "https://bitbucket.org/acme/site.git",
        ],
    );
    sandbox.run(["migrate", "src", "--check"]).exits_with(1);
    let done = sandbox.run(["migrate", "src", "--yes", "--json"]);
    let done = done.exits_with(0).json();
    assert_eq!(actions(&done, "lfs"), ["updated", "updated"], "{done:#}");
    let new = fs::read_to_string(site.join(".lfsconfig")).unwrap();
    assert_eq!(new, lfs.replace("@bitbucket", "@ssh.bitbucket"));
    let lfs_url = git(&sandbox, &site, &["config", "remote.origin.lfsurl"]);
    assert_eq!(lfs_url.trim(), "git@ssh.bitbucket.org:acme/site.git");
    let status = git(&sandbox, &site, &["status", "--porcelain"]);
    assert_eq!(
        status.trim(),
        "?? .lfsconfig",
        "no backup is in the work tree"
    );
    sandbox.run(["migrate", "src", "--check"]).exits_with(0);
}

/// What `ssh` uses for a host.
fn ssh_settings(sandbox: &Sandbox, host: &str, key: &str) -> Vec<String> {
    let mut command = program("ssh");
    let config = sandbox.path(".ssh/config");
    command.arg("-F").arg(config).args(["-G", host]);
    let settings = check_output(&mut command);
    let prefix = format!("{key} ");
    let lines = settings
        .lines()
        .filter_map(|line| line.strip_prefix(&prefix));
    lines.map(str::to_owned).collect()
}

#[test]
fn ssh_uses_the_same_settings_for_the_new_host() {
    if !is_installed("ssh", "-V") {
        return;
    }
    for config in [
        "Host 'bitbucket.org'\n  IdentityFile ~/.ssh/bb\n",
        "Host \"bitbucket.org\" 'a b'\n  IdentityFile=\"~/.ssh/bb\"\n",
        "Match originalhost=\"bitbucket.org\"\n  IdentityFile ~/.ssh/bb\n",
        "Host bitbucket.org # mine\n  IdentityFile ~/.ssh/bb\n  ProxyCommand nc -x proxy.corp:3128 bitbucket.org 22\n",
    ] {
        let sandbox = Sandbox::new();
        fs::create_dir_all(sandbox.path(".ssh")).unwrap();
        fs::write(sandbox.path(".ssh/config"), config).unwrap();
        let before = ssh_settings(&sandbox, "bitbucket.org", "identityfile");
        assert!(before[0].ends_with(".ssh/bb"), "{config}: {before:?}");
        sandbox.run(["migrate", "--yes"]).exits_with(0);
        let after = ssh_settings(&sandbox, "ssh.bitbucket.org", "identityfile");
        assert_eq!(after, before, "{config}");
        let proxy = ssh_settings(&sandbox, "ssh.bitbucket.org", "proxycommand").concat();
        assert!(!proxy.contains(" bitbucket.org"), "{proxy}");
        assert_eq!(proxy.is_empty(), !config.contains("ProxyCommand"));
        sandbox.run(["migrate", "--check"]).exits_with(0);
    }
}

#[test]
fn files_named_after_the_host_are_listed_until_they_exist() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path(".ssh/keys")).unwrap();
    let key = sandbox.path(".ssh/keys/bitbucket.org");
    fs::write(&key, "a key\n").unwrap();
    let config =
        "Host github.com bitbucket.org\n  IdentityFile ~/.ssh/keys/%h\n  IdentitiesOnly yes\n";
    fs::write(sandbox.path(".ssh/config"), config).unwrap();
    let done = sandbox.run(["migrate", "--yes", "--json"]);
    let done = done.exits_with(0).json();
    let mut found = actions(&done, "ssh-config");
    found.sort();
    assert_eq!(found, ["manual", "updated"], "{done:#}");
    let shown = sandbox.run(["migrate", "--check"]).exits_with(1);
    assert_contains(&shown.stderr, "keys/ssh.bitbucket.org");
    fs::copy(&key, sandbox.path(".ssh/keys/ssh.bitbucket.org")).unwrap();
    sandbox.run(["migrate", "--check"]).exits_with(0);
}

#[test]
fn known_hosts_elsewhere_and_under_other_names_are_updated() {
    if !is_installed("ssh-keygen", "-?") {
        return;
    }
    for (config, file, name, looked_for) in [
        (
            "Host bitbucket.org\n  UserKnownHostsFile ~/.ssh/kh\n  StrictHostKeyChecking yes\n",
            "kh",
            "bitbucket.org",
            "ssh.bitbucket.org",
        ),
        (
            "Host bitbucket.org\n  HostName altssh.bitbucket.org\n  Port 443\n  HostKeyAlias bitbucket.org\n",
            "known_hosts",
            "bitbucket.org",
            "bitbucket.org",
        ),
        (
            "Host bb\n  HostName bitbucket.org\n  HostKeyAlias work\n",
            "known_hosts2",
            "work",
            "work",
        ),
        (
            "Host bitbucket.org\n  HostName altssh.bitbucket.org\n  Port 443\n",
            "known_hosts",
            "[altssh.bitbucket.org]:443",
            "[altssh.bitbucket.org]:443",
        ),
    ] {
        let sandbox = Sandbox::new();
        fs::create_dir_all(sandbox.path(".ssh")).unwrap();
        fs::write(sandbox.path(".ssh/config"), config).unwrap();
        let known = sandbox.path(&format!(".ssh/{file}"));
        fs::write(&known, format!("{name} {OLD_RSA}\n")).unwrap();
        sandbox.run(["migrate", "--yes"]).exits_with(0);
        let text = fs::read_to_string(&known).unwrap();
        assert!(!text.contains("AAAAB3NzaC1yc2EAAAABIwAAAQ"), "{text}");
        let mut find = program("ssh-keygen");
        find.args(["-l", "-F", looked_for, "-f"]).arg(&known);
        let found = check_output(&mut find);
        assert_contains(&found, "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM");
        sandbox.run(["migrate", "--check"]).exits_with(0);
    }
}

#[test]
fn no_file_of_known_hosts_is_no_error() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path(".ssh")).unwrap();
    let config = "Host bitbucket.org ssh.bitbucket.org\n  UserKnownHostsFile /dev/null\n";
    fs::write(sandbox.path(".ssh/config"), config).unwrap();
    sandbox.run(["migrate", "--check"]).exits_with(0);
}

#[test]
fn user_files_are_listed_apart_and_can_be_left_alone() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    repository(&sandbox, "src/site", "git@ssh.bitbucket.org:acme/site.git");
    fs::create_dir_all(sandbox.path(".ssh")).unwrap();
    let known = format!("bitbucket.org {OLD_RSA}\n");
    fs::write(sandbox.path(".ssh/known_hosts"), &known).unwrap();
    let marker = "ATBBmarkermarker";
    let stored = format!("https://jane:{marker}@bitbucket.org\nhttps://j:x@git.example.com\n");
    fs::write(sandbox.path(".git-credentials"), &stored).unwrap();
    let dry = sandbox.run(["migrate", "src", "--dry-run"]).exits_with(0);
    assert_contains(&dry.stdout, "--no-user-config");
    assert!(!format!("{}{}", dry.stdout, dry.stderr).contains("marker"));
    let found = sandbox.run(["migrate", "src", "--check", "--json"]);
    let found = found.exits_with(1).json();
    assert_eq!(actions(&found, "app-password"), ["manual"], "{found:#}");
    assert!(
        found["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|item| item["user_file"] == true)
    );
    let left_alone = ["migrate", "src", "--check", "--no-user-config"];
    sandbox.run(left_alone).exits_with(0);
    sandbox
        .run(["migrate", "src", "--yes", "--no-user-config"])
        .exits_with(0);
    assert_eq!(
        fs::read_to_string(sandbox.path(".ssh/known_hosts")).unwrap(),
        known
    );
    assert_eq!(
        fs::read_to_string(sandbox.path(".git-credentials")).unwrap(),
        stored
    );
}

#[test]
fn the_last_run_is_undone() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let secret = "https://jane:ATBBmarkermarker@bitbucket.org/acme/site.git";
    let site = repository(&sandbox, "src/site", secret);
    let config = site.join(".git/config");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o640)).unwrap();
    repository(&sandbox, "src/other", "git@bitbucket.org:acme/other.git");
    let modules = "[submodule \"x\"]\n\tpath = x\n\turl = git@bitbucket.org:acme/x.git\n";
    fs::write(sandbox.path("src/other/.gitmodules"), modules).unwrap();
    fs::create_dir_all(sandbox.path(".ssh")).unwrap();
    fs::write(
        sandbox.path(".ssh/config"),
        "Host bitbucket.org\n  User git\n",
    )
    .unwrap();
    let state = || {
        let mut files = everything(&sandbox.path("src"));
        files.extend(everything(&sandbox.path(".ssh")));
        files
    };
    let before = state();
    sandbox
        .run(["migrate", "src", "--undo", "--yes"])
        .exits_with(0);
    let done = sandbox.run(["migrate", "src", "--yes", "--json"]);
    let done = done.exits_with(0).json();
    for kept in done["kept"].as_array().unwrap() {
        assert_eq!(mode(Path::new(kept.as_str().unwrap())), 0o600);
    }
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    // A run that changes nothing does not count.
    sandbox.run(["migrate", "src", "--yes"]).exits_with(0);
    let changed = state();
    assert_ne!(changed, before);
    sandbox.run(["migrate", "--undo"]).exits_with(2);
    sandbox
        .run(["migrate", "--undo", "--dry-run"])
        .exits_with(0);
    assert_eq!(state(), changed);
    let undone = sandbox.run(["migrate", "--undo", "--yes", "--json"]);
    let undone = undone.exits_with(0).json();
    assert!(
        items(&undone)
            .iter()
            .all(|(_, action)| action == "restored"),
        "{undone:#}"
    );
    assert_eq!(items(&undone).len(), items(&done).len());
    assert_eq!(state(), before);
    assert_eq!(mode(&config), 0o640);
    sandbox.run(["migrate", "--undo", "--yes"]).exits_with(0);
    assert_eq!(state(), before);
}

#[test]
fn a_file_that_was_changed_since_is_not_restored() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let old = "git@bitbucket.org:acme/site.git";
    let mine = repository(&sandbox, "src/mine", old);
    let other = repository(&sandbox, "src/other", old);
    sandbox.run(["migrate", "src", "--yes"]).exits_with(0);
    let config = mine.join(".git/config");
    let moved = fs::read(&config).unwrap();
    git(&sandbox, &mine, &["config", "user.name", "Jane"]);
    let undone = sandbox.run(["migrate", "--undo", "--yes", "--json"]);
    let undone = undone.exits_with(6).json();
    let mut found = actions(&undone, "ssh-remote");
    found.sort();
    assert_eq!(found, ["conflict", "restored"], "{undone:#}");
    assert_eq!(url(&sandbox, &mine), "git@ssh.bitbucket.org:acme/site.git");
    assert_eq!(url(&sandbox, &other), old);
    // It is restored once it is as the run left it.
    fs::write(&config, moved).unwrap();
    sandbox.run(["migrate", "--undo", "--yes"]).exits_with(0);
    assert_eq!(url(&sandbox, &mine), old);
}

#[test]
fn nothing_is_written_outside_of_the_directory() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let modules = "[submodule \"x\"]\n\tpath = x\n\turl = git@bitbucket.org:acme/x.git\n";
    // Neither a repository, nor one with this work tree, gets the backup.
    fs::create_dir_all(sandbox.path("empty")).unwrap();
    let other = repository(&sandbox, "other", "git@ssh.bitbucket.org:acme/other.git");
    let git_dirs = [sandbox.path("empty"), other.join(".git")];
    for (number, git_dir) in git_dirs.iter().enumerate() {
        let dir = sandbox.path(&format!("src/{number}"));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(".git"), format!("gitdir: {}\n", git_dir.display())).unwrap();
        fs::write(dir.join(".gitmodules"), modules).unwrap();
    }
    let before: Vec<_> = git_dirs.iter().map(|dir| everything(dir)).collect();
    sandbox.run(["migrate", "src", "--yes"]).exits_with(0);
    sandbox.run(["migrate", ".", "--yes"]).exits_with(0);
    let after: Vec<_> = git_dirs.iter().map(|dir| everything(dir)).collect();
    assert_eq!(after, before);
    // The file behind a link keeps its backup, which may hold a secret.
    let hostile = repository(&sandbox, "hostile", "git@ssh.bitbucket.org:acme/x.git");
    let own = "[url \"git@bitbucket.org:\"]\n\tinsteadOf = bb:\n";
    fs::write(sandbox.path(".gitconfig"), own).unwrap();
    symlink(sandbox.path(".gitconfig"), hostile.join(".gitmodules")).unwrap();
    let done = sandbox.run(["migrate", ".", "--yes", "--json"]);
    let done = done.exits_with(0).json();
    let kept = done["kept"].as_array().unwrap();
    assert!(!kept.is_empty());
    for path in kept {
        assert!(!path.as_str().unwrap().contains("hostile"), "{done:#}");
    }
}

#[test]
fn pipes_in_place_of_files_are_reported() {
    if !is_installed("mkfifo", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("src")).unwrap();
    check_output(program("mkfifo").arg(sandbox.path("src/.git")));
    let modules = "[submodule \"x\"]\n\tpath = x\n\turl = git@bitbucket.org:acme/x.git\n";
    fs::write(sandbox.path("src/.gitmodules"), modules).unwrap();
    let shown = sandbox.run(["migrate", "src", "--dry-run"]).exits_with(9);
    assert_contains(&shown.stdout, "not a regular file");
}

#[test]
fn includes_are_followed_as_deep_as_git_does() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let site = repository(&sandbox, "src/site", "git@ssh.bitbucket.org:acme/site.git");
    for number in 0..2000 {
        let text = format!("[include]\n\tpath = {}.inc\n", number + 1);
        fs::write(site.join(format!(".git/{number}.inc")), text).unwrap();
    }
    git(
        &sandbox,
        &site,
        &["config", "--local", "include.path", "9.inc"],
    );
    fs::write(
        site.join(".git/12.inc"),
        "[remote \"x\"]\n\turl = git@bitbucket.org:a/b\n",
    )
    .unwrap();
    let done = sandbox.run(["migrate", "src", "--dry-run", "--json"]);
    assert_eq!(count(&done.exits_with(0).json(), "ssh-remote"), 1);
    fs::write(site.join(".git/12.inc"), "[include]\n\tpath = 13.inc\n").unwrap();
    let failed = sandbox.run(["migrate", "src", "--dry-run"]).exits_with(9);
    assert_contains(&failed.stdout, "10 levels of includes");
}

#[test]
fn tracked_files_are_updated_on_request() {
    if !is_installed("git", "--version") {
        return;
    }
    let sandbox = Sandbox::new();
    let site = repository(&sandbox, "src/site", "git@ssh.bitbucket.org:acme/site.git");
    let write = |name: &str, bytes: &[u8]| {
        let path = site.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let readme =
        b"Z\xfcrich\r\ngit clone git@bitbucket.org:acme/site.git\r\nhttps://bitbucket.org/acme\r\n";
    write("docs/README", readme);
    write(
        "run.sh",
        b"ssh-keyscan -t rsa bitbucket.org >> ~/.ssh/known_hosts\n",
    );
    fs::set_permissions(site.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    write(
        "known.yml",
        format!("hosts: |\n  bitbucket.org {OLD_RSA}\n").as_bytes(),
    );
    write(
        "package.json",
        b"{\"a\": \"git+ssh://git@bitbucket.org/acme/a.git#v1\"}\n",
    );
    let lock = b"{\n  \"a\": \"git+ssh://git@bitbucket.org/acme/a.git#0a1b\"\n}\n";
    write("package-lock.json", lock);
    let binary = b"git@bitbucket.org:acme/site.git\0";
    write("binary", binary);
    let mut long = b"git@bitbucket.org:acme/site.git\n".to_vec();
    long.resize(1024 * 1024 + 1, b'x');
    write("long", &long);
    write(
        "same",
        b"https://bitbucket.org/acme and jane@bitbucket.org:a/b\n",
    );
    symlink("run.sh", site.join("link")).unwrap();
    git(&sandbox, &site, &["add", "."]);
    git(&sandbox, &site, &["commit", "-q", "-m", "files"]);
    write("untracked", readme);
    let before = everything(&site);

    let without = sandbox.run(["migrate", "src", "--check"]).exits_with(0);
    assert_contains(&without.stderr, "5 tracked files name the old SSH host");
    assert_contains(&without.stderr, "bbconnect migrate --files");
    let dry = sandbox.run(["migrate", "src", "--files", "--dry-run", "--json"]);
    let dry = dry.exits_with(0).json();
    let mut found = actions(&dry, "file-mention");
    found.sort();
    assert_eq!(
        found,
        [
            "manual",
            "would-update",
            "would-update",
            "would-update",
            "would-update"
        ],
        "{dry:#}"
    );
    assert_eq!(everything(&site), before);
    let of_readme = dry["items"].as_array().unwrap().iter();
    let of_readme =
        of_readme.filter(|item| item["where"].as_str().unwrap().ends_with("docs/README:2"));
    assert_eq!(of_readme.count(), 1, "{dry:#}");

    let done = sandbox
        .run(["migrate", "src", "--files", "--yes"])
        .exits_with(0);
    assert_contains(&done.stderr, "npm install");
    let read = |name: &str| fs::read(site.join(name)).unwrap();
    assert_eq!(
        read("docs/README"),
        b"Z\xfcrich\r\ngit clone git@ssh.bitbucket.org:acme/site.git\r\nhttps://bitbucket.org/acme\r\n"
    );
    assert_eq!(
        read("run.sh"),
        b"ssh-keyscan -t rsa ssh.bitbucket.org >> ~/.ssh/known_hosts\n"
    );
    assert_eq!(mode(&site.join("run.sh")), 0o755);
    let known = String::from_utf8(read("known.yml")).unwrap();
    assert!(
        known.starts_with("hosts: |\n  bitbucket.org,ssh.bitbucket.org ssh-rsa AAAA"),
        "{known}"
    );
    assert!(!known.contains("AAAAB3NzaC1yc2EAAAABIwAAAQ"), "{known}");
    for (name, bytes) in [
        ("package-lock.json", &lock[..]),
        ("binary", binary),
        ("long", &long),
        ("untracked", readme),
    ] {
        assert_eq!(read(name), bytes, "{name}");
    }
    // Changes are in the work tree only, and nothing else is there.
    let status = git(&sandbox, &site, &["status", "--porcelain"]);
    let changed: Vec<&str> = status.lines().map(str::trim_start).collect();
    assert_eq!(
        changed,
        [
            "M docs/README",
            "M known.yml",
            "M package.json",
            "M run.sh",
            "?? untracked"
        ]
    );
    // The lock file is left for its program.
    let left = sandbox.run(["migrate", "src", "--files", "--check", "--json"]);
    assert_eq!(
        actions(&left.exits_with(1).json(), "file-mention"),
        ["manual"]
    );
    sandbox.run(["migrate", "--undo", "--yes"]).exits_with(0);
    assert_eq!(everything(&site), before);
    assert_eq!(mode(&site.join("run.sh")), 0o755);
}
