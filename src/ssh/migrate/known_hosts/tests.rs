//! Which keys go, which stay, which come.

use super::*;
use crate::types::fix::apply_fixes;

const OLD_RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEAubiN81eDcafrgMeLzaFPsw2kNvEcqTKl/VqLat/MaB33pZy0y3rJZtnqwR2qOOvb\
                       wKZYKiEO1O6VqNEBxKvJJelCq0dTXWT5pbO2gDXC6h6QDXCaHo6pOHGPUy+YBaGQRGuSusMEASYiWunYN0vCAI8QaXnWMXNMdFP3\
                       jHAJH0eDsoiGnLPBlBp4TNm6rYI74nMzgz3B9IikW4WVK+dc8KZJZWYjAuORU3jc1c/NPskD2ASinf8v3xnfXeukU0sJ5N6m5E8V\
                       LjObPEO+mN2t/FZTMZLiFqPWc/ALSqnMnnhwrNi2rbfg/rd/IpL8Le3pSBne8+seeFVBoGqzHM9yXw==";
const DSA: &str = "ssh-dss AAAAB3NzaC1kc3MAAACBAODX3XZ2NmAvvB5O";
const GITHUB: &str =
    "github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

fn new_lines() -> String {
    let keys = current_keys();
    let line =
        |key: &PublicKey| format!("ssh.bitbucket.org {}\n", key.to_openssh_without_comment());
    keys.iter().map(line).collect::<Vec<_>>().concat()
}

fn current() -> String {
    current_keys().first().unwrap().to_openssh_without_comment()
}

#[test]
fn retired_keys_go_and_the_new_host_comes() {
    let new = new_lines();
    assert_eq!(new.lines().count(), 3);
    for (before, after) in [
        (
            format!("bitbucket.org {OLD_RSA}\n{GITHUB}\n"),
            format!("{GITHUB}\n{new}"),
        ),
        (
            format!("{GITHUB}\nbitbucket.org,104.192.143.1 {OLD_RSA} old"),
            format!("{GITHUB}\n{new}"),
        ),
        (
            format!("104.192.141.1 {OLD_RSA}\n{GITHUB}\n"),
            format!("{GITHUB}\n"),
        ),
        (
            format!("bitbucket.org {}", current()),
            format!("bitbucket.org {}\n{new}", current()),
        ),
        (format!("bitbucket.org,131.103.20.167 {DSA}\n"), new.clone()),
        (
            format!(
                "git.example.com,bitbucket.org {DSA}\nssh.bitbucket.org {}\n",
                current()
            ),
            format!("git.example.com {DSA}\nssh.bitbucket.org {}\n", current()),
        ),
        (
            format!("ssh.bitbucket.org {OLD_RSA}\nbitbucket.org {}\n", current()),
            format!("bitbucket.org {}\n{new}", current()),
        ),
    ] {
        assert_eq!(apply_fixes(&before, &known_hosts_fixes(&before)), after);
        assert_eq!(known_hosts_fixes(&after), [], "{after}");
    }
}

#[test]
fn what_is_right_stays() {
    let key = current();
    for text in [
        String::new(),
        format!("{GITHUB}\n"),
        format!("*.bitbucket.org,bitbucket.org {key}\n"),
        format!("bitbucket.org,ssh.bitbucket.org {key}\n"),
        format!("@revoked bitbucket.org {OLD_RSA}\n"),
        format!("# bitbucket.org {OLD_RSA}\n"),
        format!("[git.example.com]:7999 {DSA}\n"),
        "bitbucket.org\nbitbucket.org ssh-rsa\n\n".to_owned(),
    ] {
        assert_eq!(known_hosts_fixes(&text), [], "{text}");
    }
}

#[test]
fn hashed_names_are_recognized_and_the_new_one_is_hashed_as_well() {
    let name = hashed("bitbucket.org").unwrap();
    assert_ne!(hashed("bitbucket.org"), Some(name.clone()));
    let text = format!("{GITHUB}\r\n{name} {OLD_RSA}\r\n{name} {}\r\n", current());
    let fixes = known_hosts_fixes(&text);
    let after = apply_fixes(&text, &fixes);
    assert_eq!(after.lines().count(), 5, "{after}");
    assert_eq!(after.matches("\r\n").count(), 5, "{after}");
    assert!(!after.contains("bitbucket.org") && !after.contains(OLD_RSA));
    assert_eq!(known_hosts_fixes(&after), []);
    let retired = fixes.first().and_then(|fix| fix.before.clone());
    assert_eq!(
        retired.as_deref(),
        Some("(hashed) ssh-rsa SHA256:zzXQOXSRBEiUtuE8AikJYKwbHaxvSc0ojez9YXaGp1A, retired")
    );
}
