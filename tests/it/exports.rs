//! `connection export` and `known-hosts show --format openssh`: what other products read.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::{RunOutput, Sandbox, assert_contains, print_command};

const TOKEN: &str = "ATATT-export marker: \"quoted\" # 'and' more";

/// A sandbox with a connection whose secret comes from a command.
fn sandbox(name: &str, arguments: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("secret"), format!("{TOKEN}\n")).unwrap();
    let command = print_command("secret");
    let words = format!("connection add {name} --no-verify {arguments} --token-command");
    let words = words.split(' ').chain([command.as_str()]);
    sandbox.run(words).exits_with(0);
    sandbox
}

const CLOUD: &str = "--url https://bitbucket.org --auth api-token --email jane@acme.example --workspace acme --repo site";
const SERVER: &str = "--url https://git.example.com/ctx --deployment datacenter --auth http-access-token --project PRJ --repo web";

fn export(sandbox: &Sandbox, arguments: &str) -> RunOutput {
    let words = format!("connection export {arguments}");
    sandbox.run(words.split(' '))
}

/// A Kubernetes Secret as a YAML parser reads it: type, name and namespace, label, values.
fn parsed(yaml: &str) -> (Value, BTreeMap<String, String>) {
    let document: Value = serde_saphyr::from_str(yaml).unwrap();
    assert_eq!(
        (&document["apiVersion"], &document["kind"]),
        (&"v1".into(), &"Secret".into())
    );
    let values = serde_json::from_value(document["stringData"].clone()).unwrap();
    (document, values)
}

#[test]
fn a_token_is_exported_with_the_user_name_of_its_kind() {
    let cloud = sandbox("Work_1", CLOUD);
    let (secret, values) = parsed(
        &export(&cloud, "Work_1 --format argocd")
            .exits_with(0)
            .stdout,
    );
    assert_eq!(secret["metadata"]["namespace"], "argocd");
    assert_eq!(secret["metadata"]["name"], "work-1");
    let labels = &secret["metadata"]["labels"];
    assert_eq!(labels["argocd.argoproj.io/secret-type"], "repository");
    let expected = [
        ("password", TOKEN),
        ("type", "git"),
        ("url", "https://bitbucket.org/acme/site.git"),
        ("username", "x-bitbucket-api-token-auth"),
    ];
    assert_eq!(
        values,
        expected
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    );

    let server = sandbox("s", SERVER);
    let creds = "s --format argocd-creds --url https://git.example.com/ctx/scm/prj --secret-name x.y --namespace n";
    let (secret, values) = parsed(&export(&server, creds).exits_with(0).stdout);
    assert_eq!(
        (
            &secret["metadata"]["name"],
            &secret["metadata"]["namespace"]
        ),
        (&"x.y".into(), &"n".into())
    );
    assert_eq!(
        secret["metadata"]["labels"]["argocd.argoproj.io/secret-type"],
        "repo-creds"
    );
    assert_eq!(
        (values["bearerToken"].as_str(), values["url"].as_str()),
        (TOKEN, "https://git.example.com/ctx/scm/prj")
    );
    let (secret, values) = parsed(&export(&server, "s --format flux").exits_with(0).stdout);
    assert_eq!(secret["metadata"]["namespace"], "flux-system");
    assert_eq!(
        values.into_iter().collect::<Vec<_>>(),
        [("bearerToken".to_owned(), TOKEN.to_owned())]
    );

    let (secret, values) = parsed(
        &export(&cloud, "Work_1 --format kubernetes")
            .exits_with(0)
            .stdout,
    );
    assert_eq!(
        (&secret["type"], &secret["metadata"]["namespace"]),
        (&"kubernetes.io/basic-auth".into(), &Value::Null)
    );
    assert_eq!(values["password"], TOKEN);
    let (secret, values) = parsed(
        &export(&server, "s --format kubernetes")
            .exits_with(0)
            .stdout,
    );
    assert_eq!(
        (&secret["type"], values["token"].as_str()),
        (&"Opaque".into(), TOKEN)
    );
}

#[test]
fn json_lists_names_and_a_file_is_private() {
    let sandbox = sandbox("work", CLOUD);
    let shown = export(&sandbox, "work --format flux --json").exits_with(0);
    assert!(!shown.stdout.contains("ATATT"), "{}", shown.stdout);
    let document = shown.json();
    assert_eq!(document["schema"], "bbconnect/connection-export@1");
    assert_eq!(
        document["keys"],
        serde_json::json!(["password", "username"])
    );
    let file = sandbox.path("secret.yaml");
    let arguments = format!("work --format flux --out {}", file.display());
    let written = export(&sandbox, &arguments).exits_with(0);
    assert!(!written.stdout.contains("ATATT"), "{}", written.stdout);
    assert_eq!(
        parsed(&fs::read_to_string(&file).unwrap()).1["password"],
        TOKEN
    );
    #[cfg(unix)]
    {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    let refused = export(&sandbox, &arguments).exits_with(2);
    assert_contains(&refused.stderr, "--yes");
    export(&sandbox, &format!("{arguments} --yes")).exits_with(0);
}

#[test]
fn what_a_product_cannot_use_is_refused() {
    let cloud = sandbox("work", &CLOUD.replace(" --repo site", ""));
    let refused = export(&cloud, "work --format argocd").exits_with(2);
    assert_contains(&refused.stderr, "--url");
    for arguments in [
        "work --format flux --url nonsense",
        "work --format flux --namespace Acme",
        "work --format flux --secret-name a_b",
        "work --format yaml",
        "work",
    ] {
        export(&cloud, arguments).exits_with(2);
    }
    export(&cloud, "other --format env").exits_with(5);
    let server = sandbox("s", &format!("{SERVER} --level project"));
    let refused = export(&server, "s --format netrc").exits_with(2);
    assert_contains(&refused.stderr, "Bearer");
}

#[cfg(unix)]
#[test]
fn variables_and_netrc_are_read_by_the_shell_and_by_curl() {
    let sandbox = sandbox("work", CLOUD);
    let file = sandbox.path("bitbucket.env");
    export(
        &sandbox,
        &format!("work --format env --out {}", file.display()),
    )
    .exits_with(0);
    let script = format!(
        ". {} && printf '%s|' \"$BBCONNECT_TOKEN\" \"$BBCONNECT_EMAIL\" \"$BBCONNECT_URL\" \"$BBCONNECT_REPO\"",
        file.display()
    );
    let output = crate::support::program("sh")
        .args(["-c", &script])
        .output()
        .unwrap();
    let expected = format!("{TOKEN}|jane@acme.example|https://api.bitbucket.org/2.0|acme/site|");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    let netrc = export(&sandbox, "work --format netrc").exits_with(0).stdout;
    let expected = "machine bitbucket.org login x-bitbucket-api-token-auth password \"ATATT-export marker: \\\"quoted\\\" # 'and' more\"\n";
    assert_eq!(netrc, expected);
}

#[test]
fn a_key_keeps_its_final_line_break_and_brings_its_host_keys() {
    let sandbox = Sandbox::new();
    let key = sandbox.path("key");
    let keygen = format!("keygen --out {}", key.display());
    sandbox.run(keygen.split(' ')).exits_with(0);
    let connection = format!(
        "[connections.site]\ndeployment = 'cloud'\nbase_url = 'https://api.bitbucket.org/2.0'\nauth = 'ssh'\n\
         key_path = '{}'\nclone_url = 'git@ssh.bitbucket.org:acme/site.git'\n",
        key.display()
    );
    sandbox.write_connections(&connection);
    let private = fs::read_to_string(&key).unwrap();
    let (_, values) = parsed(&export(&sandbox, "site --format flux").exits_with(0).stdout);
    assert_eq!(values["identity"], private);
    assert_eq!(
        values["identity.pub"],
        fs::read_to_string(sandbox.path("key.pub")).unwrap()
    );
    let known: Vec<_> = values["known_hosts"].lines().collect();
    assert_eq!(known.len(), 3);
    assert!(
        known
            .iter()
            .all(|line| line.starts_with("ssh.bitbucket.org "))
    );
    let (_, values) = parsed(
        &export(&sandbox, "site --format argocd")
            .exits_with(0)
            .stdout,
    );
    assert_eq!(values["sshPrivateKey"], private);
    assert_contains(&values["url"], "ssh.bitbucket.org");
    let (secret, _) = parsed(
        &export(&sandbox, "site --format kubernetes")
            .exits_with(0)
            .stdout,
    );
    assert_eq!(secret["type"], "kubernetes.io/ssh-auth");
}

#[test]
fn trusted_host_keys_are_printed_for_openssh() {
    let sandbox = Sandbox::new();
    let show = |arguments: &str| {
        let words = format!("known-hosts show --format openssh {arguments}");
        sandbox.run(words.trim_end().split(' '))
    };
    let shown = show("ssh.bitbucket.org altssh.bitbucket.org:443")
        .exits_with(0)
        .stdout;
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 6);
    assert!(
        lines[0].starts_with("ssh.bitbucket.org ssh-ed25519 AAAA"),
        "{shown}"
    );
    assert!(
        lines[3].starts_with("[altssh.bitbucket.org]:443 ssh-ed25519 AAAA"),
        "{shown}"
    );
    let unknown = show("ssh.bitbucket.org git.example.com").exits_with(5);
    assert_eq!(unknown.stdout, "");
}
