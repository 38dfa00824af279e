//! How the program is delivered: the files of package managers, install.sh, and the check of the GitHub Action and the
//! Bitbucket Pipe.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::bitbucket::{Credential, Kind, Server, ServerState};
use crate::support::{CommandExt as _, RunOutput, assert_contains, check_output, env_var, program};

const REPOSITORY: &str = "https://git.example.com/Acme/bbconnect";
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A YAML document as JSON.
fn yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A directory with `packaging/`, and a Cargo.toml that names the repository.
fn checkout(repository: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut copy = program("cp");
    check_output(copy.arg("-R").arg(source("packaging")).arg(dir.path()));
    let manifest = fs::read_to_string(source("Cargo.toml")).unwrap();
    let version = format!("version = \"{VERSION}\"\n");
    let with_repository = format!("{version}repository = \"{repository}\"\n");
    let manifest = manifest.replacen(&version, &with_repository, 1);
    fs::write(dir.path().join("Cargo.toml"), manifest).unwrap();
    dir
}

fn render(checkout: &Path, arguments: &[&str]) -> RunOutput {
    let mut render = program(checkout.join("packaging/render").to_str().unwrap());
    render.args(arguments).current_dir(checkout).finish()
}

/// The targets of the release workflow.
fn targets() -> BTreeSet<String> {
    let release = yaml(&source(".github/workflows/release.yml"));
    let builds = &release["jobs"]["build"]["strategy"]["matrix"]["include"];
    let builds = builds.as_array().unwrap().iter();
    builds
        .map(|build| build["target"].as_str().unwrap().to_owned())
        .collect()
}

fn archive(target: &str) -> String {
    let suffix = if target.contains("windows") {
        "zip"
    } else {
        "tar.gz"
    };
    format!("bbconnect-v{VERSION}-{target}.{suffix}")
}

/// A checksum that stands for a target.
fn checksum(target: &str) -> String {
    let bytes = target.bytes().cycle().take(32);
    bytes.fold(String::new(), |sum, byte| sum + &format!("{byte:02x}"))
}

/// URL and checksum of a target's archive.
fn download(target: &str) -> (String, String) {
    let url = format!(
        "{REPOSITORY}/releases/download/v{VERSION}/{}",
        archive(target)
    );
    (url, checksum(target))
}

fn downloads(targets: &[&str]) -> BTreeSet<(String, String)> {
    targets.iter().map(|target| download(target)).collect()
}

/// The values of two keys in lines such as `url "…"` or `url = "…";`, in their order.
fn pairs(text: &str, url: &str, checksum: &str) -> BTreeSet<(String, String)> {
    let values = |key: &str| {
        let lines = text.lines().map(str::trim_start);
        let lines = lines.filter(|line| line.strip_prefix(key).is_some_and(|l| l.starts_with(' ')));
        lines
            .map(|line| line.split('"').nth(1).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (urls, checksums) = (values(url), values(checksum));
    assert_eq!(urls.len(), checksums.len(), "{text}");
    urls.into_iter().zip(checksums).collect()
}

/// Runs a checker of a syntax where it is installed.
fn has_valid_syntax(checker: &str, arguments: &[&str], file: &Path) {
    let Ok(output) = program(checker).args(arguments).arg(file).output() else {
        eprintln!("skipped: {checker} is not installed");
        return;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", file.display());
}

const LINUX_AND_MACOS: [&str; 4] = [
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
];
const WINDOWS: [&str; 2] = ["x86_64-pc-windows-msvc", "aarch64-pc-windows-msvc"];

#[test]
fn package_managers_get_the_archives_of_a_release() {
    let checkout = checkout(REPOSITORY);
    let targets = targets();
    let named = LINUX_AND_MACOS.iter().chain(&WINDOWS);
    assert_eq!(targets, named.map(|name| (*name).to_owned()).collect());
    let lines = targets
        .iter()
        .map(|target| format!("{}  {}", checksum(target), archive(target)));
    let lines = lines.chain([format!("{}  bbconnect-sbom.json", checksum("sbom"))]);
    let sums = lines.collect::<Vec<_>>().join("\n");
    let sums_file = checkout.path().join("SHA256SUMS");
    fs::write(&sums_file, &sums).unwrap();
    render(checkout.path(), &["out", "SHA256SUMS"]).exits_with(0);
    let out = |name: &str| checkout.path().join("out").join(name);
    let read = |name: &str| fs::read_to_string(out(name)).unwrap();

    let formula = read("bbconnect.rb");
    assert_eq!(
        pairs(&formula, "url", "sha256"),
        downloads(&LINUX_AND_MACOS)
    );
    has_valid_syntax("ruby", &["-c"], &out("bbconnect.rb"));

    let flake = read("flake.nix");
    for target in LINUX_AND_MACOS {
        let lines = format!(
            "target = \"{target}\";\n          sha256 = \"{}\";",
            checksum(target)
        );
        assert!(flake.contains(&lines), "{flake}");
    }
    let url = format!("{REPOSITORY}/releases/download/v{VERSION}/bbconnect-v${{version}}");
    assert!(flake.contains(&url), "{flake}");
    has_valid_syntax("nix-instantiate", &["--parse"], &out("flake.nix"));

    let scoop: Value = serde_json::from_str(&read("bbconnect.json")).unwrap();
    for (name, target) in [("64bit", WINDOWS[0]), ("arm64", WINDOWS[1])] {
        let (url, checksum) = download(target);
        let entry = &scoop["architecture"][name];
        assert_eq!(entry["url"], url);
        assert_eq!(entry["hash"], checksum);
        let automatic = &scoop["autoupdate"]["architecture"][name];
        for key in ["url", "extract_dir"] {
            let next = automatic[key].as_str().unwrap();
            assert_eq!(entry[key], next.replace("$version", VERSION));
        }
    }

    let winget = yaml(&out("bbconnect.bbconnect.installer.yaml"));
    for (name, target) in [("x64", WINDOWS[0]), ("arm64", WINDOWS[1])] {
        let installers = winget["Installers"].as_array().unwrap();
        let entry = installers
            .iter()
            .find(|entry| entry["Architecture"] == name);
        let (url, checksum) = download(target);
        assert_eq!(entry.unwrap()["InstallerUrl"], url);
        assert_eq!(entry.unwrap()["InstallerSha256"], checksum);
        let program = format!("bbconnect-v{VERSION}-{target}\\bbconnect.exe");
        let nested = &entry.unwrap()["NestedInstallerFiles"][0];
        assert_eq!(nested["RelativeFilePath"], program);
    }
    for name in [
        "bbconnect.bbconnect.yaml",
        "bbconnect.bbconnect.locale.en-US.yaml",
    ] {
        let manifest = yaml(&out(name));
        assert_eq!(manifest["PackageVersion"], VERSION, "{name}");
        assert_eq!(
            manifest["ManifestVersion"], winget["ManifestVersion"],
            "{name}"
        );
    }
    let pipe = yaml(&out("pipe.yml"));
    let image = format!("ghcr.io/acme/bbconnect-pipe:{VERSION}");
    assert_eq!(pipe["image"], image);
    // Variables that are not bbconnect's own are those of the script in the image.
    let script = fs::read_to_string(source("packaging/check")).unwrap();
    for variable in pipe["variables"].as_array().unwrap() {
        let name = variable["name"].as_str().unwrap();
        let is_known = name.starts_with("BBCONNECT_") || script.contains(&format!("${{{name}:-"));
        assert!(is_known, "{name}");
    }

    has_valid_syntax("shellcheck", &[], &out("install.sh"));

    // Without checksums there are only the files that contain none.
    render(checkout.path(), &["few"]).exits_with(0);
    let few = |name: &str| checkout.path().join("few").join(name).exists();
    assert!(few("install.sh") && few("pipe.yml") && !few("bbconnect.rb"));
    // A release that lacks an archive is not described.
    let lacking = sums.replace("-aarch64-apple-darwin", "-aarch64-apple-none");
    fs::write(&sums_file, lacking).unwrap();
    let refused = render(checkout.path(), &["out", "SHA256SUMS"]).exits_with(1);
    let expected = "no value for @SHA256:aarch64-apple-darwin@";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
}

#[test]
fn scripts_have_no_warnings_of_shellcheck() {
    for script in [
        "packaging/check",
        "packaging/render",
        ".ci/run",
        ".ci/platforms",
        ".ci/release-builds",
    ] {
        // The packaged source has no `.ci`.
        if source(script).exists() {
            let script = source(script);
            has_valid_syntax(
                "shellcheck",
                &[
                    "--external-sources",
                    "--source-path",
                    env!("CARGO_MANIFEST_DIR"),
                ],
                &script,
            );
        }
    }
}

#[test]
fn files_are_rendered_for_the_repository_of_the_manifest_only() {
    for repository in [
        "",
        "git@example.com:acme/bbconnect",
        "https://git.example.com/a b/c",
    ] {
        let checkout = checkout(repository);
        let refused = render(checkout.path(), &["out"]).exits_with(1);
        assert_contains(&refused.stderr, "Cargo.toml");
        assert!(!checkout.path().join("out").exists());
    }
}

/// A directory as a release has it: an archive of the program for this system, and its checksum.
struct Release {
    dir: tempfile::TempDir,
    archive: String,
}

impl Release {
    /// `None` on systems that no archive is for.
    fn new() -> Option<Self> {
        let system = match std::env::consts::OS {
            "linux" => "unknown-linux-musl",
            "macos" => "apple-darwin",
            _ => return None,
        };
        let target = format!("{}-{system}", std::env::consts::ARCH);
        let dir = tempfile::tempdir().unwrap();
        let name = format!("bbconnect-v{VERSION}-{target}");
        let root = dir.path().join(&name);
        fs::create_dir_all(root.join("completions")).unwrap();
        // Copied by another process: a program that this process, or a child it forks, holds open for writing cannot start.
        let binary = env!("CARGO_BIN_EXE_bbconnect");
        check_output(program("cp").arg(binary).arg(&root));
        check_output(program(binary).arg("man").arg(root.join("man1")));
        for shell in ["bash", "zsh", "fish"] {
            let script = check_output(program(binary).args(["completions", shell]));
            let path = root.join(format!("completions/bbconnect.{shell}"));
            fs::write(path, script).unwrap();
        }
        let pack = format!("tar -cf - {name} | gzip -1 > {name}.tar.gz && rm -r {name}");
        check_output(program("sh").args(["-c", &pack]).current_dir(dir.path()));
        let release = Self {
            dir,
            archive: format!("{name}.tar.gz"),
        };
        release.write_checksums();
        Some(release)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_checksums(&self) {
        let script =
            "if command -v sha256sum >/dev/null; then sha256sum *.gz; else shasum -a 256 *.gz; fi";
        let sums = check_output(
            program("sh")
                .args(["-c", script])
                .current_dir(self.dir.path()),
        );
        fs::write(self.path("SHA256SUMS"), sums).unwrap();
    }

    /// Serves the directory over HTTP until the test ends: its URL, and what is requested.
    fn serve(&self) -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (root, seen) = (self.dir.path().to_owned(), Arc::clone(&requests));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let line = lines.next().unwrap_or_default();
                lines.take_while(|line| !line.is_empty()).for_each(drop);
                let path = line.split(' ').nth(1).unwrap_or_default();
                let name = path.trim_start_matches('/').to_owned();
                let (status, body) = match fs::read(root.join(&name)) {
                    Ok(body) => ("200 OK", body),
                    Err(_) => ("404 Not Found", Vec::new()),
                };
                seen.lock().unwrap().push(name);
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                // The client may have gone.
                let _sent = stream
                    .write_all(head.as_bytes())
                    .and_then(|()| stream.write_all(&body));
            }
        });
        (url, requests)
    }
}

/// install.sh of a checkout, on the downloads of `url`.
fn install(checkout: &Path, url: &str, prefix: &Path) -> Command {
    render(checkout, &["rendered"]).exits_with(0);
    let mut install = program("sh");
    install
        .arg(checkout.join("rendered/install.sh"))
        .arg("--prefix")
        .arg(prefix)
        .env_clear()
        .env("HOME", checkout)
        .env("PATH", env_var("PATH").unwrap())
        .env("BBCONNECT_DOWNLOADS", url);
    install
}

/// All files below a directory.
fn files(dir: &Path) -> BTreeSet<String> {
    let found = check_output(program("find").arg(dir).args(["-type", "f"]));
    found.lines().map(str::to_owned).collect()
}

#[test]
fn an_archive_is_installed_only_with_its_checksum() {
    let Some(release) = Release::new() else {
        return;
    };
    let checkout = checkout(REPOSITORY);
    let (url, requests) = release.serve();
    let prefix = checkout.path().join("prefix");
    let run = || install(checkout.path(), &url, &prefix).finish();

    let installed = run().exits_with(0);
    assert_contains(&installed.stdout, "is not in PATH");
    let binary = prefix.join("bin/bbconnect");
    let version = check_output(program(binary.to_str().unwrap()).arg("--version"));
    assert_eq!(version.trim(), format!("bbconnect {VERSION}"));
    for name in [
        "share/man/man1/bbconnect-keygen.1",
        "share/bash-completion/completions/bbconnect",
        "share/zsh/site-functions/_bbconnect",
        "share/fish/vendor_completions.d/bbconnect.fish",
    ] {
        assert!(prefix.join(name).exists(), "{name}");
    }
    // Again, over the earlier one.
    let before = files(&prefix);
    run().exits_with(0);
    assert_eq!(files(&prefix), before);

    // From here on nothing may change.
    fs::write(&binary, "an earlier program").unwrap();
    let unchanged = |refused: RunOutput, message: &str| {
        let refused = refused.exits_with(1);
        assert!(refused.stderr.contains(message), "{}", refused.stderr);
        assert_eq!(files(&prefix), before);
        assert_eq!(fs::read_to_string(&binary).unwrap(), "an earlier program");
    };
    let good = fs::read(release.path(&release.archive)).unwrap();
    let sums = fs::read_to_string(release.path("SHA256SUMS")).unwrap();
    let mut other = good.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(release.path(&release.archive), &other).unwrap();
    unchanged(run(), "nothing was installed");
    fs::write(release.path(&release.archive), &good[..good.len() / 2]).unwrap();
    unchanged(run(), "nothing was installed");
    fs::remove_file(release.path(&release.archive)).unwrap();
    unchanged(run(), "download of");
    // An archive with the right checksum that cannot be unpacked, or whose program cannot be run.
    fs::write(release.path(&release.archive), "not an archive").unwrap();
    release.write_checksums();
    unchanged(run(), "cannot be unpacked");
    let root = release.archive.trim_end_matches(".tar.gz");
    let pack = format!(
        "mkdir {root} && echo 'exit 1' > {root}/bbconnect && tar -czf {root}.tar.gz {root}"
    );
    check_output(
        program("sh")
            .args(["-c", &pack])
            .current_dir(release.dir.path()),
    );
    release.write_checksums();
    unchanged(run(), "does not run on this system");
    // An archive that the release does not list is not even requested.
    fs::write(
        release.path("SHA256SUMS"),
        sums.replace(".tar.gz", ".tar.bz2"),
    )
    .unwrap();
    requests.lock().unwrap().clear();
    unchanged(run(), "the release has no");
    assert_eq!(*requests.lock().unwrap(), ["SHA256SUMS"]);

    for url in [
        "http://127.0.0.1.example.com",
        "http://git.example.com",
        "ftp://127.0.0.1",
    ] {
        let refused = install(checkout.path(), url, &prefix).finish();
        unchanged(refused, "is not an https:// URL");
    }
    let extra = install(checkout.path(), &url, &prefix)
        .arg("extra")
        .finish();
    unchanged(extra, "usage:");
}

/// The first lines of every recipe in docs/ci.md.
#[test]
fn the_recipe_of_the_documentation_installs_the_program() {
    let Some(release) = Release::new() else {
        return;
    };
    let checkout = checkout(REPOSITORY);
    render(checkout.path(), &["rendered"]).exits_with(0);
    let script = checkout.path().join("rendered/install.sh");
    fs::copy(script, release.path("install.sh")).unwrap();
    let (url, _) = release.serve();
    let page = fs::read_to_string(source("docs/ci.md")).unwrap();
    let block = page.split("```sh\n").nth(1).unwrap();
    let recipe = block.split("```").next().unwrap();
    assert_contains(&recipe, "$BBCONNECT_INSTALLER");
    let mut shell = program("sh");
    let shell = shell
        .arg("-euc")
        .arg(format!("{recipe}\nbbconnect --version"))
        .env_clear()
        .env("HOME", checkout.path())
        .env("PATH", env_var("PATH").unwrap())
        .env("BBCONNECT_INSTALLER", format!("{url}/install.sh"))
        .env("BBCONNECT_DOWNLOADS", &url);
    let output = shell.finish().exits_with(0).stdout;
    assert!(
        output.ends_with(&format!("bbconnect {VERSION}\n")),
        "{output}"
    );
    assert!(checkout.path().join(".local/bin/bbconnect").exists());
}

/// Bitbucket with one token, which may read.
fn server_with_token(token: &str) -> Server {
    let scopes = &["read:user:bitbucket", "read:repository:bitbucket"];
    Server::start(ServerState {
        credentials: vec![Credential {
            kind: Kind::ApiToken {
                email: "jane@acme.com",
            },
            secret: token.to_owned(),
            scopes: scopes.to_vec(),
        }],
        repositories: vec![("acme/site", false)],
        ..ServerState::default()
    })
}

#[test]
fn the_github_action_checks_a_credential() {
    let Some(release) = Release::new() else {
        return;
    };
    let checkout = checkout(REPOSITORY);
    let (downloads, _) = release.serve();
    let server = server_with_token("ATATT-of-the-action");
    let action = yaml(&source("action.yml"));
    let path = |name: &str| checkout.path().join(name).display().to_string();
    let steps = action["runs"]["steps"].as_array().unwrap();
    let url = server.cloud();
    let run = |step: &Value, given: &[(&str, &str)]| {
        assert_eq!(step["shell"], "bash");
        let search = env_var("PATH").unwrap();
        let mut bash = program("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c"])
            .arg(step["run"].as_str().unwrap())
            .current_dir(checkout.path())
            .env_clear()
            .env(
                "PATH",
                format!("{}:{}", path("bbconnect/bin"), search.display()),
            )
            .env("HOME", checkout.path())
            .env("CI", "true")
            .env("GITHUB_ACTION_PATH", checkout.path())
            .env("RUNNER_TEMP", checkout.path())
            .env("GITHUB_PATH", path("github-path"))
            .env("GITHUB_OUTPUT", path("github-output"))
            .env("BBCONNECT_DOWNLOADS", &downloads);
        let variables = step["env"].as_object().into_iter().flatten();
        for (name, value) in variables {
            // The runner fills in `${{ inputs.NAME }}`, empty where there is neither a value nor a default.
            let value = value.as_str().unwrap();
            let input = value
                .strip_prefix("${{ inputs.")
                .and_then(|v| v.strip_suffix(" }}"));
            let input = input.unwrap();
            let default = &action["inputs"][input];
            assert!(default.is_object(), "{input}");
            let given = given.iter().find(|(name, _)| *name == input);
            let given = given.map(|(_, value)| *value);
            let value = given.or(default["default"].as_str()).unwrap_or_default();
            bash.env(name, value);
        }
        bash.finish()
    };
    run(&steps[0], &[]).exits_with(0);
    let added = fs::read_to_string(path("github-path")).unwrap();
    assert_eq!(added.trim(), path("bbconnect/bin"));

    let given = |token: &'static str, purposes: &'static str| {
        vec![
            ("token", token),
            ("email", "jane@acme.com"),
            ("url", url.as_str()),
            ("repo", "acme/site"),
            ("purposes", purposes),
        ]
    };
    for (token, purposes, status) in [
        ("ATATT-of-the-action", "", 0),
        ("ATATT-of-the-action", "read", 0),
        ("ATATT-of-the-action", "read, write", 4),
        ("ATATT-another", "read", 3),
    ] {
        drop(fs::remove_file(path("github-output")));
        let checked = run(&steps[1], &given(token, purposes)).exits_with(status);
        let report = fs::read_to_string(path("test-results/bbconnect.xml")).unwrap();
        assert_contains(&report, "<testsuite");
        assert_eq!(report.contains("<failure"), status != 0, "{report}");
        // The findings are in the log as well, without the token.
        assert!(checked.stdout.contains(&report), "{}", checked.stdout);
        assert!(!(checked.stdout + &checked.stderr).contains(token));
        let output = fs::read_to_string(path("github-output")).unwrap();
        let expected = format!("report=test-results/bbconnect.xml\nexit-status={status}\n");
        assert_eq!(output, expected);
    }
    // A purpose is not more than a word.
    let odd = given("ATATT-of-the-action", "read;touch$IFS/tmp/x");
    run(&steps[1], &odd).exits_with(2);
}

#[test]
fn the_pipe_checks_a_credential() {
    let checkout = checkout(REPOSITORY);
    render(checkout.path(), &["rendered"]).exits_with(0);
    let pipe = yaml(&checkout.path().join("rendered/pipe.yml"));
    let server = server_with_token("ATATT-of-the-pipe");
    let url = server.cloud();
    let binary = Path::new(env!("CARGO_BIN_EXE_bbconnect"));
    let search = [binary.parent().unwrap().to_owned()];
    let search = search
        .into_iter()
        .chain(std::env::split_paths(&env_var("PATH").unwrap()).collect::<Vec<_>>());
    let search = std::env::join_paths(search).unwrap();
    for (token, purposes, status) in [
        ("ATATT-of-the-pipe", "read", 0),
        ("ATATT-of-the-pipe", "write", 4),
        ("ATATT-another", "read", 3),
    ] {
        let mut check = program("sh");
        check
            .arg(checkout.path().join("packaging/check"))
            .current_dir(checkout.path())
            .env_clear()
            .env("PATH", &search)
            .env("HOME", checkout.path())
            .env("CI", "true")
            .env("BITBUCKET_WORKSPACE", "acme")
            .env("BITBUCKET_REPO_SLUG", "site");
        let given = [
            ("BBCONNECT_TOKEN", token),
            ("BBCONNECT_EMAIL", "jane@acme.com"),
            ("BBCONNECT_URL", &url),
            ("PURPOSES", purposes),
        ];
        // Pipelines leaves a variable in a default as it is where it is not set.
        for variable in pipe["variables"].as_array().unwrap() {
            let name = variable["name"].as_str().unwrap();
            let given = given.iter().find(|(given, _)| *given == name);
            let value = given.map(|(_, value)| *value);
            if let Some(value) = value.or(variable["default"].as_str()) {
                check.env(name, value);
            }
        }
        check.finish().exits_with(status);
        let report = fs::read_to_string(checkout.path().join("test-results/bbconnect.xml"));
        assert_eq!(report.unwrap().contains("<failure"), status != 0);
    }
}
