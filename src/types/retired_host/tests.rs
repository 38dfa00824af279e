//! Which URLs are moved, which passwords taken out, and what stays.

use super::*;

#[test]
fn old_hosts_are_moved_and_nothing_else_of_the_url_changes() {
    for (old, new) in [
        (
            "git@bitbucket.org:acme/site.git",
            "git@ssh.bitbucket.org:acme/site.git",
        ),
        ("bitbucket.org:acme/site", "ssh.bitbucket.org:acme/site"),
        (
            "jane@BitBucket.Org:acme/site.git",
            "jane@ssh.bitbucket.org:acme/site.git",
        ),
        (
            "git@bitbucket.org.:acme/site.git",
            "git@ssh.bitbucket.org:acme/site.git",
        ),
        (
            "git@bitbucket.org:/acme/site.git/",
            "git@ssh.bitbucket.org:/acme/site.git/",
        ),
        (
            "git@[bitbucket.org]:acme/site.git",
            "git@[ssh.bitbucket.org]:acme/site.git",
        ),
        (
            "[git@bitbucket.org:22]:acme/site.git",
            "[git@ssh.bitbucket.org:22]:acme/site.git",
        ),
        (
            "ssh://git@bitbucket.org/acme/site.git",
            "ssh://git@ssh.bitbucket.org/acme/site.git",
        ),
        (
            "ssh://bitbucket.org/acme/site.git",
            "ssh://ssh.bitbucket.org/acme/site.git",
        ),
        (
            "ssh://git@bitbucket.org:22/acme/site.git",
            "ssh://git@ssh.bitbucket.org:22/acme/site.git",
        ),
        (
            "git+ssh://git@bitbucket.org/acme/site",
            "git+ssh://git@ssh.bitbucket.org/acme/site",
        ),
        ("git@bitbucket.org:", "git@ssh.bitbucket.org:"),
        ("ssh://git@bitbucket.org", "ssh://git@ssh.bitbucket.org"),
        (
            "git@bitbucket.org:acme/bitbucket.org",
            "git@ssh.bitbucket.org:acme/bitbucket.org",
        ),
    ] {
        assert_eq!(with_new_host(old).as_deref(), Some(new), "{old}");
        assert_eq!(with_new_host(new), None, "{new}");
    }
    for other in [
        "https://bitbucket.org/acme/site.git",
        "https://git@bitbucket.org:443/acme/site.git",
        "ssh://git@altssh.bitbucket.org:443/acme/site.git",
        "git@ssh.bitbucket.org:acme/site.git",
        "git@git.example.com:bitbucket.org/site.git",
        "ssh://git@bitbucket.org.example.com/acme/site.git",
        "ssh://git@bitbucket.example.com:7999/web/site.git",
        "git@notbitbucket.org:acme/site.git",
        "git@github.com:acme/bitbucket.org:x.git",
        "./bitbucket.org:acme/site.git",
        "/srv/git@bitbucket.org:acme",
        "git://bitbucket.org/acme/site.git",
        "git@bitbucket.org",
        "file:///bitbucket.org/acme",
        "git@bitbucket-work:acme/site.git",
        "",
        ":",
        "[",
        "@:",
        "ssh://",
    ] {
        assert_eq!(with_new_host(other), None, "{other}");
    }
    assert_eq!(
        prefix_with_new_host("git@bitbucket.org").as_deref(),
        Some("git@ssh.bitbucket.org")
    );
    assert_eq!(prefix_with_new_host("/x/git@bitbucket.org"), None);
    assert_eq!(prefix_with_new_host("bitbucket.org"), None);
}

#[test]
fn the_same_place_is_recognized_in_every_form() {
    assert!(is_same_place(
        "git@ssh.bitbucket.org:",
        "ssh://git@ssh.bitbucket.org/"
    ));
    assert!(is_same_place(
        "git@ssh.bitbucket.org:acme/",
        "ssh://ssh.bitbucket.org/acme"
    ));
    assert!(!is_same_place(
        "git@ssh.bitbucket.org:acme/",
        "git@ssh.bitbucket.org:"
    ));
    assert!(!is_same_place(
        "https://bitbucket.org/",
        "https://bitbucket.org/"
    ));
}

#[test]
fn dead_passwords_are_taken_out_and_tokens_stay() {
    for (with, without) in [
        (
            "https://jane:ATBBsecret@bitbucket.org/acme/site.git",
            "https://jane@bitbucket.org/acme/site.git",
        ),
        (
            "https://jane:hunter2@bitbucket.org/acme/site.git",
            "https://jane@bitbucket.org/acme/site.git",
        ),
        (
            "https://x-token-auth:ATBBsecret@bitbucket.org/a/b",
            "https://x-token-auth@bitbucket.org/a/b",
        ),
        (
            "https://ATBBsecret@bitbucket.org/acme/site.git",
            "https://bitbucket.org/acme/site.git",
        ),
        (
            "http://jane:p@www.bitbucket.org/a/b",
            "http://jane@www.bitbucket.org/a/b",
        ),
    ] {
        assert_eq!(
            without_app_password(with).as_deref(),
            Some(without),
            "{with}"
        );
        assert_eq!(without_app_password(without), None, "{without}");
    }
    for other in [
        "https://jane@bitbucket.org/acme/site.git",
        "https://jane:@bitbucket.org/acme/site.git",
        "https://x-token-auth:ATCTTsecret@bitbucket.org/acme/site.git",
        "https://x-bitbucket-api-token-auth:secret@bitbucket.org/acme/site.git",
        "https://jane:ATATTsecret@bitbucket.org/acme/site.git",
        "https://jane:ATBBsecret@git.example.com/scm/web/site.git",
        "https://jane:hunter2@github.com/acme/site.git",
    ] {
        assert_eq!(without_app_password(other), None, "{other}");
    }
}

#[test]
fn secrets_are_never_shown() {
    for (url, shown) in [
        (
            "https://jane:ATBBsecret@bitbucket.org/a/b",
            "https://jane:***@bitbucket.org/a/b",
        ),
        (
            "https://ATBBsecret@bitbucket.org/a/b",
            "https://***@bitbucket.org/a/b",
        ),
        (
            "https://ATBBsecret:@bitbucket.org/a/b",
            "https://***@bitbucket.org/a/b",
        ),
        (
            "https://jane:se/cret@bitbucket.org/a/b",
            "https://jane:***@bitbucket.org/a/b",
        ),
        (
            "https://BBDC-MTIz:x@bitbucket.org/a/b",
            "https://***@bitbucket.org/a/b",
        ),
        (
            "ssh://git:secret@bitbucket.org/a/b",
            "ssh://git:***@bitbucket.org/a/b",
        ),
        ("git@bitbucket.org:a/b", "git@bitbucket.org:a/b"),
        ("https://bitbucket.org/a/b", "https://bitbucket.org/a/b"),
    ] {
        assert_eq!(redact_url(url), shown);
    }
}
