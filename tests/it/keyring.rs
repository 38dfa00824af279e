//! The keyring of the operating system: a real gnome-keyring on a private D-Bus session, and machines without one.
#![cfg(target_os = "linux")]

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Sandbox, assert_contains, env_var, is_installed, program, words};

const SECRET: &str = "keyring-marker";

/// Runs a script within a session of its own, once the keyring is unlocked (or, for a second session, is not).
fn in_session(sandbox: &Sandbox, start: &str, script: &str) -> Output {
    let runtime = sandbox.path("run");
    std::fs::create_dir_all(&runtime).unwrap();
    std::fs::set_permissions(
        &runtime,
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    let mut command = program("dbus-run-session");
    command
        .args(["--", "sh", "-euc", &format!("{start}\n{script}")])
        .env_clear();
    command
        .env("HOME", sandbox.home())
        .env("XDG_RUNTIME_DIR", runtime)
        .env("BB", env!("CARGO_BIN_EXE_bbconnect"));
    command
        .env("PATH", env_var("PATH").unwrap())
        .env("SECRET", SECRET);
    command
        .stdin(Stdio::null())
        .output()
        .expect("the session starts")
}

const UNLOCK: &str = "eval \"$(printf %s test-pw | gnome-keyring-daemon --unlock --components=secrets 2>/dev/null)\"";
const LOCKED: &str = "eval \"$(gnome-keyring-daemon --start --components=secrets 2>/dev/null)\"";

fn programs_are_there() -> bool {
    is_installed("dbus-run-session", "--version")
        && is_installed("gnome-keyring-daemon", "--version")
        && is_installed("secret-tool", "--help")
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn gnome_keyring_stores_renames_and_deletes_secrets() {
    if !programs_are_there() {
        return;
    }
    let sandbox = Sandbox::new();
    let script = r#"
        add="--url https://git.example.com --auth http-access-token --no-verify"
        printf '%s\n' "$SECRET" | "$BB" connection add work $add --token-stdin --json
        # With what it is bound to.
        secret-tool lookup service bbconnect username work | grep -q '"origin":"https://git.example.com".*"'"$SECRET"'"'
        # Lines that were changed by hand do not move it.
        toml=$HOME/.config/bbconnect/connections.toml
        echo > "$HOME/token"
        for line in 's,git.example.com,127.0.0.1:1,' '/^store/i proxy = "http://127.0.0.1:1"' \
            '/^store/i web_url = "http://127.0.0.1:1"' '/^store/i client_cert = "/c"\nclient_key = "/k"' \
            "/^store/i ca_cert = \"$HOME/token\"" '/^store/i allow_http = true'; do
            cp "$toml" "$HOME/saved"
            sed -i "$line" "$toml"
            for command in "check work" "project list -c work" "connection export work --format env"; do
                status=0
                "$BB" $command || status=$?
                [ "$status" = 3 ] || { echo "$line: $command: $status"; exit 1; }
            done
            for host in git.example.com 127.0.0.1:1; do
                [ -z "$(printf 'protocol=https\nhost=%s\n\n' "$host" | "$BB" git credential get)" ]
            done
            cp "$HOME/saved" "$toml"
        done
        # Nor do two connections that change places.
        printf 'other-%s\n' "$SECRET" | "$BB" connection add other --url https://other.example.org \
            --auth http-access-token --no-verify --token-stdin
        cp "$toml" "$HOME/saved"
        sed -i 's,other.example.org,SWAP,; s,git.example.com,other.example.org,; s,SWAP,git.example.com,' "$toml"
        for name in work other; do
            status=0
            "$BB" check "$name" || status=$?
            [ "$status" = 3 ]
        done
        cp "$HOME/saved" "$toml"
        "$BB" connection remove other --yes
        # An entry that another program wrote is not used.
        printf %s "$SECRET" | secret-tool store --label bbconnect service bbconnect username work
        status=0
        "$BB" check work --timeout 5 || status=$?
        [ "$status" = 3 ]
        # A long one, as OAuth has them.
        head -c 6000 /dev/zero | tr '\0' x | "$BB" connection edit work --no-verify --token-stdin
        "$BB" connection rename work acme
        "$BB" connection show acme
        printf '%s\n' "$SECRET" | "$BB" connection edit acme --no-verify --token-stdin
        secret-tool lookup service bbconnect username acme | grep -q '"'"$SECRET"'"'
        "$BB" connection remove acme --yes
        ! secret-tool lookup service bbconnect username acme
        ! secret-tool search --all service bbconnect 2>/dev/null | grep -q username
        printf '%s\n' "$SECRET" | "$BB" connection add locked $add --token-stdin
    "#;
    let output = in_session(&sandbox, UNLOCK, script);
    assert!(output.status.success(), "{}", text(&output));
    assert_contains(&text(&output), "\"store\":\"keyring\"");
    assert!(!text(&output).contains(SECRET), "{}", text(&output));
    let file = std::fs::read_to_string(sandbox.path(".config/bbconnect/connections.toml")).unwrap();
    assert!(
        file.contains("store = \"keyring\"") && !file.contains(SECRET),
        "{file}"
    );

    // The same keyring, locked, with no user to unlock it.
    let script = r#"
        status=0
        printf '%s\n' "$SECRET" | "$BB" connection edit locked --no-verify --token-stdin || status=$?
        [ "$status" = 9 ]
    "#;
    let output = in_session(&sandbox, LOCKED, script);
    assert!(output.status.success(), "{}", text(&output));
    assert_contains(&text(&output), "--store file");
}

/// Adds a connection whose secret is to go into the keyring.
fn add(sandbox: &Sandbox) -> Command {
    let arguments =
        words("connection add work --url https://git.example.com --auth http-access-token");
    std::fs::write(sandbox.path("token"), SECRET).unwrap();
    let mut command = sandbox.command(arguments);
    command.args(["--no-verify", "--token-file", "token"]);
    command
}

#[test]
fn without_a_keyring_the_alternatives_are_listed() {
    let nowhere = ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/no/such/bus");
    for variables in [vec![], vec![nowhere]] {
        let sandbox = Sandbox::new();
        let started = Instant::now();
        let output = add(&sandbox).envs(variables).output().unwrap();
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{:?}",
            started.elapsed()
        );
        assert_eq!(output.status.code(), Some(9), "{}", text(&output));
        for way in ["--token-command", "--store file", "BBCONNECT_TOKEN"] {
            assert!(text(&output).contains(way), "{}", text(&output));
        }
        assert!(!sandbox.path(".config/bbconnect/connections.toml").exists());
    }
}

#[test]
fn on_a_desktop_the_unlock_prompt_is_waited_for() {
    let sandbox = Sandbox::new();
    let socket = sandbox.path("bus");
    // A bus that takes every call and answers none, as a keyring whose window stays open.
    let _bus = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let ask = |variables: &[(&str, &str)]| {
        let mut command = add(&sandbox);
        let bus = format!("unix:path={}", socket.display());
        command.env("DBUS_SESSION_BUS_ADDRESS", bus);
        command.envs(variables.iter().copied());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let desktop = ("WAYLAND_DISPLAY", "wayland-0");
    for variables in [&[][..], &[desktop, ("CI", "true")]] {
        let started = Instant::now();
        let output = ask(variables).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(9), "{}", text(&output));
        assert!(started.elapsed() >= Duration::from_secs(5));
        let said = "did not respond within 5 seconds";
        assert!(text(&output).contains(said), "{}", text(&output));
    }
    let mut waits = ask(&[desktop]);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(waits.try_wait().unwrap(), None);
    waits.kill().unwrap();
    waits.wait().unwrap();
}

#[test]
fn zbus_is_built_without_tokio() {
    // With zbus on tokio every call from within our runtime would panic.
    let tree = program("cargo")
        .args(words("tree --locked --offline -e features -i zbus"))
        .output()
        .unwrap();
    let tree = String::from_utf8_lossy(&tree.stdout);
    assert_contains(&tree, "zbus v");
    assert!(!tree.contains("zbus feature \"tokio\""), "{tree}");
}
