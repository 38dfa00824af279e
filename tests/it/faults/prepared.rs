//! What has to be there before a command: connections of every kind, keys.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use super::commands::added;
use super::stage::Stage;
use crate::support::bitbucket::keys::Key;
use crate::support::{Ran, unused_port};

/// Runs the program; what is prepared must work.
fn run(stage: &Stage, arguments: &str) {
    let arguments = shell_words::split(&stage.filled(arguments)).unwrap();
    let output = stage.command(&arguments).output().unwrap();
    Ran::from(output).ended(0);
}

/// A connection whose secret a command tells.
pub(crate) fn with_connection(stage: &Stage) {
    run(stage, added(stage.row.product));
}

/// A key to add, and three that are registered.
pub(crate) fn with_keys(stage: &Stage) {
    run(stage, "keygen --type ed25519 --out key");
    for (id, name) in [("1", "one"), ("2", "two"), ("3", "three")] {
        run(stage, &format!("keygen --type ed25519 --out {name}"));
        let public = std::fs::read_to_string(stage.sandbox.path(&format!("{name}.pub"))).unwrap();
        let material: Vec<_> = public.split_whitespace().take(2).collect();
        let key = Key {
            owner: format!("repo {}", stage.row.product.repository()),
            id: id.to_owned(),
            material: material.join(" "),
            label: name.to_owned(),
            permission: "REPO_READ".to_owned(),
            created: 1_790_000_000_000,
        };
        stage.server.change(|world| {
            world.keys.next = 3;
            world.keys.all.push(key);
        });
    }
}

/// A repository that is connected over SSH.
pub(crate) fn connected(stage: &Stage) {
    with_connection(stage);
    run(
        stage,
        "connect {ssh} -c work --name site --accept-host-key {fingerprint}",
    );
}

/// A connection whose token the program keeps.
pub(crate) fn with_token(stage: &Stage) {
    // base64 of `123456789012:abcdefghijklmnopqrst`.
    let token = "BBDC-MTIzNDU2Nzg5MDEyOmFiY2RlZmdoaWprbG1ub3BxcnN0";
    stage.server.change(|world| {
        let mut known = world.credentials[0].clone();
        token.clone_into(&mut known.secret);
        world.credentials.push(known);
    });
    std::fs::write(stage.sandbox.path("old"), token).unwrap();
    run(
        stage,
        "connection add laptop --url {url} --auth http-access-token --token-file old",
    );
}

/// A connection of an OAuth consumer.
pub(crate) fn as_client(stage: &Stage) {
    run(
        stage,
        "connection add work --url {url} --web-url {web} --auth client-credentials --client-id consumer --token-file client-secret --workspace acme",
    );
}

/// Signed in with a browser; the token has come to its end.
pub(crate) fn signed_in(stage: &Stage) {
    let port = unused_port();
    let arguments = format!(
        "connection add work --url {{url}} --web-url {{web}} --auth oauth --client-id consumer \
         --token-file client-secret --no-browser --port {port}"
    );
    let arguments = shell_words::split(&stage.filled(&arguments)).unwrap();
    let mut child = stage
        .command(&arguments)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines.find_map(|line| {
        let line = line.unwrap();
        line.trim()
            .strip_prefix(&format!("http://{}", stage.proxy.address))
            .map(str::to_owned)
    });
    let mut browser = TcpStream::connect(stage.proxy.address).unwrap();
    write!(
        browser,
        "GET {} HTTP/1.1\r\nhost: x\r\n\r\n",
        address.expect("it is shown")
    )
    .unwrap();
    browser.shutdown(std::net::Shutdown::Write).unwrap();
    let mut page = String::new();
    browser.read_to_string(&mut page).unwrap();
    let back = page
        .lines()
        .find_map(|line| line.strip_prefix("location: "))
        .expect("it leads back");
    writeln!(child.stdin.take().unwrap(), "{back}").unwrap();
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
}
