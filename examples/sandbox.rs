//! Both Bitbucket products on loopback, to try every command without an account: `cargo run --example sandbox`.
//!
//! It prints commands to paste into another terminal and runs until Ctrl-C. Where `sshd` is installed, the Data Center also has
//! an SSH server that accepts the keys registered with it. All data is made up, and nothing is kept.
#![allow(clippy::print_stdout, reason = "the commands are for people")]

#[path = "../tests/it/support/bitbucket/mod.rs"]
mod bitbucket;
#[path = "../tests/it/support/programs.rs"]
mod programs;
#[cfg(unix)]
#[path = "../tests/it/support/sshd.rs"]
mod sshd;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bitbucket::repo_store::RepoStore;
use bitbucket::{Credential, Kind, Server, ServerState, git};

/// The response to `--help`, and to any other argument.
const HELP: &str = "\
Both Bitbucket products on loopback, to try every command without an account.

Usage: cargo run --example sandbox

It takes no arguments, prints commands to paste into another terminal, and runs until Ctrl-C.";

/// base64 of `080920112506:abcdefghij0123456789`, the format of real tokens.
const USER_TOKEN: &str = "BBDC-MDgwOTIwMTEyNTA2OmFiY2RlZmdoaWowMTIzNDU2Nzg5";

fn main() -> std::io::Result<()> {
    if let Some(argument) = std::env::args().nth(1) {
        println!("{HELP}");
        let is_asked = matches!(argument.as_str(), "-h" | "--help");
        std::process::exit(if is_asked { 0 } else { 2 });
    }
    let is_interrupted = programs::interruption();
    let repositories = tempfile::tempdir()?;
    git::create(repositories.path(), "acme/site", &["feature/login"]);
    git::create(repositories.path(), "web/site", &["feature/login"]);
    let cloud = Server::start(cloud(repositories.path()));
    let datacenter = Server::start(datacenter(repositories.path()));
    #[cfg(unix)]
    let sshd = serve_ssh(&datacenter, repositories.path())?;
    #[cfg(unix)]
    let has_ssh = sshd.is_some();
    #[cfg(not(unix))]
    let has_ssh = false;
    print_commands(
        &cloud.cloud(),
        &cloud.website(),
        &datacenter.datacenter(),
        has_ssh,
    );
    while !is_interrupted.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// An SSH server for the repositories of the Data Center, where `sshd` is installed.
#[cfg(unix)]
fn serve_ssh(datacenter: &Server, repositories: &Path) -> std::io::Result<Option<sshd::Sshd>> {
    if sshd::Sshd::find().is_none() {
        return Ok(None);
    }
    let Some(sshd) = sshd::Sshd::start() else {
        return Ok(None);
    };
    std::os::unix::fs::symlink(repositories, sshd.path("srv"))?;
    let fingerprint = sshd.fingerprint();
    datacenter.update(|state| {
        state.keys.authorized = Some((sshd.path("authorized_keys"), sshd.path("serve")));
        state.keys.settings = Some(serde_json::json!({
            "enabled": true, "accessKeysEnabled": true, "baseurl": sshd.base_url(), "port": sshd.port,
            "fingerprint": {"algorithm": "SHA256", "value": fingerprint.trim_start_matches("SHA256:")},
        }));
        for repo in &mut state.store.repos {
            repo.ssh = Some(sshd.base_url());
        }
    });
    Ok(Some(sshd))
}

fn credential(kind: Kind, secret: &str, scopes: &[&'static str]) -> Credential {
    Credential {
        kind,
        secret: secret.to_owned(),
        scopes: scopes.to_vec(),
    }
}

fn cloud(repositories: &Path) -> ServerState {
    let api_token = Kind::ApiToken {
        email: "jane@acme.example",
    };
    let access_token = Kind::AccessToken {
        workspace: "acme",
        repository: Some("site"),
    };
    let scopes = [
        "read:user:bitbucket",
        "read:workspace:bitbucket",
        "read:project:bitbucket",
        "read:repository:bitbucket",
        "write:repository:bitbucket",
        "read:pullrequest:bitbucket",
        "write:pullrequest:bitbucket",
    ];
    let mut store = RepoStore::with(&["acme/site+", "acme/shop"]);
    store.git = Some(repositories.to_owned());
    ServerState {
        credentials: vec![
            credential(api_token, "ATATT-sandbox", &scopes),
            credential(access_token, "ATCTT-sandbox", &["repository"]),
        ],
        repositories: vec![("acme/site", false)],
        projects: vec!["SHOP".to_owned()],
        store,
        page_length: 25,
        ..ServerState::default()
    }
}

fn datacenter(repositories: &Path) -> ServerState {
    let mut store = RepoStore::with(&["WEB/site+", "WEB/shop"]);
    store.git = Some(repositories.to_owned());
    ServerState {
        credentials: vec![
            credential(
                Kind::UserToken { user: "jane" },
                USER_TOKEN,
                &["REPO_ADMIN"],
            ),
            credential(Kind::Password { user: "jane" }, "sandbox", &[]),
        ],
        repositories: vec![("WEB/site", false)],
        projects: ["WEB", "APP", "OPS"].map(str::to_owned).to_vec(),
        store,
        page_length: 25,
        ..ServerState::default()
    }
}

/// The commands of the other terminal: all of them succeed, but for those that a comment excepts.
fn print_commands(cloud: &str, website: &str, datacenter: &str, has_ssh: bool) {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let programs = std::env::current_exe().unwrap_or_default();
    let programs = programs.ancestors().nth(2).unwrap_or(Path::new("target"));
    let profile = if cfg!(debug_assertions) {
        ""
    } else {
        " --release"
    };
    let connect = if has_ssh {
        "# An access key for a repository, in one step, and a clone that uses it; then a new key in its place\n\
         bbconnect connect WEB/site -c server --clone over-ssh\n\
         git -C over-ssh fetch\n\
         bbconnect key list -c server --repo WEB/site\n\
         bbconnect key rotate --repo WEB/site --yes\n\
         git -C over-ssh fetch\n"
    } else {
        "# sshd is not installed: there is no SSH server to try `bbconnect connect` with\n"
    };
    println!(
        "Bitbucket Cloud is at {cloud}, Data Center at {datacenter}; Ctrl-C stops both.\n\n\
         In another terminal, which gets a home directory of its own and is to be closed afterwards:\n\n\
         cargo build --quiet --bin bbconnect{profile} --manifest-path '{manifest}'\n\
         export HOME=$(mktemp -d) PATH='{programs}':\"$PATH\" && cd && umask 077\n\
         unset XDG_CONFIG_HOME XDG_STATE_HOME $(env | sed -n 's/^\\(BBCONNECT_[A-Z_]*\\)=.*/\\1/p')\n\
         setopt interactive_comments 2>/dev/null || true\n\
         echo ATATT-sandbox > api-token; echo ATCTT-sandbox > access-token\n\
         echo {USER_TOKEN} > user-token; echo a-wrong-password > password\n\
         # Two accounts and an access token of one repository; each is verified before it is saved\n\
         bbconnect connection add cloud --url {cloud} --web-url {website} --auth api-token \\\n    \
             --email jane@acme.example --workspace acme --token-command \"cat $HOME/api-token\" --default\n\
         bbconnect connection add server --url {datacenter} --token-command \"cat $HOME/user-token\"\n\
         bbconnect connection add site --url {cloud} --web-url {website} --repo acme/site \\\n    \
             --token-command \"cat $HOME/access-token\"\n\
         # exit status 3: the server rejects the password, and nothing is saved\n\
         bbconnect connection add wrong --url {datacenter} --auth password --username jane \\\n    \
             --token-command \"cat $HOME/password\"\n\
         bbconnect status\n\
         # What the accounts can see\n\
         bbconnect workspace list -c cloud\n\
         bbconnect repo list -c cloud\n\
         bbconnect project list -c server\n\
         bbconnect repo list -c server\n\
         {connect}\
         # A clone over HTTPS, with the credential of the connection; commands in it know connection and repository\n\
         bbconnect repo clone acme/site -c cloud over-https\n\
         cd over-https && bbconnect connection which && bbconnect pr list && cd ..\n\
         # A webhook, created once and then left unchanged\n\
         bbconnect webhook ensure -c server --repo WEB/site --url https://ci.example.com/hook --event push\n\
         bbconnect webhook ensure -c server --repo WEB/site --url https://ci.example.com/hook --event push\n\
         # A directory as a commit and a pull request\n\
         mkdir pages && echo '<p>Hello</p>' > pages/index.html\n\
         bbconnect publish pages -c cloud --repo acme/site --dry-run\n\
         bbconnect publish pages -c cloud --repo acme/site\n\
         bbconnect pr list -c cloud --repo acme/site\n\
         # Checks of a credential, of the connection to a server, and of everything that has access\n\
         bbconnect check cloud --for write\n\
         # exit status 4: the token lacks the scopes for webhooks\n\
         bbconnect check cloud --for webhook --repo acme/site\n\
         bbconnect doctor server\n\
         bbconnect audit -c server --project WEB",
        programs = programs.display(),
    );
}
