//! Invariants of the parsers of untrusted input. Property tests check them with generated text, the targets in `fuzz/`
//! with far more of it.
#![allow(dead_code, reason = "every user needs a part of it")]
#![allow(
    clippy::case_sensitive_file_extension_comparisons,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::path::Path;

use bbconnect::internals::Connections;
use bbconnect::internals::Deployment;
use bbconnect::internals::Secret;
use bbconnect::internals::{CloneUrl, CloneUrlError};
use bbconnect::internals::{
    ConfigRole, CredentialRequest, CredentialResponse, credential_files, git_config_fixes,
    git_credentials_fixes, includes, netrc_fixes,
};
use bbconnect::internals::{Fix, apply_fixes};
use bbconnect::internals::{
    file_mention_fixes, known_hosts_fixes, mentions_new_host, ssh_config_fixes,
};

/// A clone URL is rejected, or safe to pass to ssh, git and a shell, and round-trips in every form.
pub(crate) fn clone_url(text: &str) -> Result<CloneUrl, CloneUrlError> {
    let url: CloneUrl = text.parse()?;
    let parts = [
        Some(url.host().to_string()),
        url.user().map(str::to_owned),
        url.namespace(),
        url.ssh(),
        url.https(),
    ];
    for part in parts.into_iter().flatten() {
        assert!(!part.starts_with('-'), "{part}");
        let is_odd = |c: char| c.is_control() || "`$;|&<>\"'\\*\u{202e}".contains(c);
        assert!(!part.chars().any(is_odd), "{part}");
    }
    let slug = url.slug();
    let is_plain = !slug.is_empty() && !slug.starts_with('-') && !slug.contains(['/', ' ']);
    assert!(
        is_plain || url.deployment() == Deployment::Unknown,
        "{slug}"
    );
    assert_stable(&url);
    Ok(url)
}

/// Prints a URL in its own form and in every other form, parses it again, and compares.
fn assert_stable(url: &CloneUrl) {
    let parse = |text: &str| -> CloneUrl {
        let parsed = text.parse();
        parsed.unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    let printed = url.to_string();
    let again = parse(&printed);
    assert_eq!(again.to_string(), printed);
    assert_eq!(identity(&again), identity(url), "{printed}");
    // Project keys are case-insensitive.
    let forms = |url: &CloneUrl| {
        [url.ssh(), url.https(), url.web()].map(|form| form.map(|form| form.to_lowercase()))
    };
    assert_eq!(forms(&again), forms(url), "{printed}");
    // In a web URL a slug that ends in `.git` is ambiguous.
    let web = url.web().filter(|_| !url.slug().ends_with(".git"));
    for form in [url.ssh(), url.https(), web].into_iter().flatten() {
        assert_eq!(identity(&parse(&form)), identity(url), "{form}");
    }
}

/// What a round trip preserves.
fn identity(url: &CloneUrl) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        url.deployment(),
        url.namespace().map(|name| name.to_lowercase()),
        url.slug().to_owned(),
    )
}

/// A credential request names only a server, and git parses every response as intended.
pub(crate) fn credential_protocol(text: &str) {
    if let Ok(request) = CredentialRequest::read(text)
        && let Some(url) = request.url()
    {
        assert!(matches!(url.scheme(), "http" | "https"), "{url}");
        assert!(
            url.username().is_empty() && url.password().is_none(),
            "{url}"
        );
        assert!(url.query().is_none() && url.fragment().is_none(), "{url}");
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        let asked = format!("{}://{}/", request.protocol, request.host);
        let asked = url::Url::parse(&asked).expect("it was read before");
        assert_eq!(asked.host_str().unwrap_or_default(), host);
        assert_eq!(
            asked
                .port()
                .map(|port| format!(":{port}"))
                .unwrap_or_default(),
            port
        );
    }
    let (username, password) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let answer = CredentialResponse::Basic {
        username: username.to_owned(),
        password: Secret::new(password.to_owned()),
        expires_at: Some(0),
    };
    let written = answer.write();
    if !written.is_empty() {
        let read = CredentialRequest::read(&written).expect("git reads it");
        assert_eq!(read.username.as_deref(), Some(username));
        let read = read.password.expect("it was written");
        assert_eq!(read.expose(), password);
        assert_eq!(written.lines().count(), 3, "{written:?}");
    }
}

/// A connections file is rejected, or every connection in it is parsed or reported by name; and writing it back changes
/// nothing.
pub(crate) fn connections_file(text: &str) {
    let Ok(mut all) = Connections::parse(Path::new("connections.toml"), text) else {
        return;
    };
    for name in all.names() {
        match all.get(&name) {
            Ok((name, connection)) => {
                all.replace(&name, &connection).expect("it is there");
                let (_, again) = all.get(&name.to_string()).expect("it was written");
                assert_eq!(again, connection);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    let written = all.to_string();
    Connections::parse(Path::new("connections.toml"), &written).expect("what is written is read");
}

/// Migration is idempotent, and changes nothing else.
pub(crate) fn third_party_files(text: &str) {
    let mends_of: [fn(&str) -> Vec<Fix>; 7] = [
        |text| git_config_fixes(text, ConfigRole::Git).unwrap_or_default(),
        |text| git_config_fixes(text, ConfigRole::Modules).unwrap_or_default(),
        netrc_fixes,
        git_credentials_fixes,
        |text| ssh_config_fixes(text, mentions_new_host(text)),
        |text| known_hosts_fixes(text, &["bb".to_owned(), "bitbucket.org".to_owned()].into()),
        |text| file_mention_fixes(text, "x.yml"),
    ];
    for (number, mends_of) in mends_of.into_iter().enumerate() {
        let fixes = mends_of(text);
        let after = apply_fixes(text, &fixes);
        if fixes.iter().all(|fix| fix.edits.is_empty()) {
            assert_eq!(after, text);
        }
        let left = mends_of(&after);
        let left: Vec<_> = left.iter().filter(|fix| !fix.edits.is_empty()).collect();
        assert!(left.is_empty(), "{number}: {text:?} -> {after:?}: {left:?}");
    }
    let _either = includes(text);
    let _either = credential_files(text);
}
