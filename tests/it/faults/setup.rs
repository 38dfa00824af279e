//! What commands need: connections of every type, and keys.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use super::commands::add_command;
use super::fixture::Fixture;
use crate::support::bitbucket::keys::Key;
use crate::support::{RunOutput, unused_port};

/// Runs the program, which must succeed.
fn run(fixture: &Fixture, arguments: &str) {
    let arguments = shell_words::split(&fixture.expand(arguments)).unwrap();
    let output = fixture.command(&arguments).output().unwrap();
    RunOutput::from(output).exits_with(0);
}

/// A connection with a `token_command`.
pub(crate) fn add_connection(fixture: &Fixture) {
    run(fixture, add_command(fixture.case.product));
}

/// A key to add, and three registered keys.
pub(crate) fn add_keys(fixture: &Fixture) {
    run(fixture, "keygen --type ed25519 --out key");
    for (id, name) in [("1", "one"), ("2", "two"), ("3", "three")] {
        run(fixture, &format!("keygen --type ed25519 --out {name}"));
        let public = std::fs::read_to_string(fixture.sandbox.path(&format!("{name}.pub"))).unwrap();
        let material: Vec<_> = public.split_whitespace().take(2).collect();
        let key = Key {
            owner: format!("repo {}", fixture.case.product.repository()),
            id: id.to_owned(),
            material: material.join(" "),
            label: name.to_owned(),
            permission: "REPO_READ".to_owned(),
            created: 1_790_000_000_000,
            ..Key::default()
        };
        fixture.server.update(|state| {
            state.keys.next = 3;
            state.keys.all.push(key);
        });
    }
}

/// A repository that is connected over SSH.
pub(crate) fn connect(fixture: &Fixture) {
    add_connection(fixture);
    run(
        fixture,
        "connect {ssh} -c work --name site --accept-host-key {fingerprint}",
    );
}

/// A connection whose token is in the secret store.
pub(crate) fn add_token_connection(fixture: &Fixture) {
    // base64 of `123456789012:abcdefghijklmnopqrst`.
    let token = "BBDC-MTIzNDU2Nzg5MDEyOmFiY2RlZmdoaWprbG1ub3BxcnN0";
    fixture.server.update(|state| {
        let mut known = state.credentials[0].clone();
        token.clone_into(&mut known.secret);
        state.credentials.push(known);
    });
    std::fs::write(fixture.sandbox.path("old"), token).unwrap();
    run(
        fixture,
        "connection add laptop --url {url} --auth http-access-token --token-file old",
    );
}

/// A connection whose API token is in the secret store.
pub(crate) fn add_api_token_connection(fixture: &Fixture) {
    let token = "ATATT-old-token";
    fixture.server.update(|state| {
        let mut known = state.credentials[1].clone();
        token.clone_into(&mut known.secret);
        state.credentials.push(known);
    });
    std::fs::write(fixture.sandbox.path("old"), token).unwrap();
    run(
        fixture,
        "connection add laptop --url {url} --auth api-token --email jane@acme.example --workspace acme --token-file old",
    );
}

/// A connection with client credentials.
pub(crate) fn add_client_credentials(fixture: &Fixture) {
    run(
        fixture,
        "connection add work --url {url} --web-url {web} --auth client-credentials --client-id consumer --token-file client-secret --workspace acme",
    );
}

/// A connection of a browser sign-in, whose access token has expired.
pub(crate) fn sign_in(fixture: &Fixture) {
    let port = unused_port();
    let arguments = format!(
        "connection add work --url {{url}} --web-url {{web}} --auth oauth --client-id consumer \
         --token-file client-secret --no-browser --port {port}"
    );
    let arguments = shell_words::split(&fixture.expand(&arguments)).unwrap();
    let mut child = fixture
        .command(&arguments)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines.find_map(|line| {
        let line = line.unwrap();
        line.trim()
            .strip_prefix(&format!("http://{}", fixture.proxy.address))
            .map(str::to_owned)
    });
    let mut browser = TcpStream::connect(fixture.proxy.address).unwrap();
    write!(
        browser,
        "GET {} HTTP/1.1\r\nhost: x\r\n\r\n",
        address.expect("a URL is printed")
    )
    .unwrap();
    browser.shutdown(std::net::Shutdown::Write).unwrap();
    let mut page = String::new();
    browser.read_to_string(&mut page).unwrap();
    let back = page
        .lines()
        .find_map(|line| line.strip_prefix("location: "))
        .expect("a redirect");
    writeln!(child.stdin.take().unwrap(), "{back}").unwrap();
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
}
