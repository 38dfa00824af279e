//! The host keys of Bitbucket Cloud, which are built in, and revoked host keys.

use crate::types::cloud_hosts::{RETIRED_SSH, SSH_SERVERS};
use crate::types::public_key::{Fingerprint, PublicKey};
use crate::types::ssh_address::SshHost;

/// The keys of Bitbucket Cloud's SSH servers, in force since 2023-06-20, as published at <https://bitbucket.org/site/ssh> and
/// <https://support.atlassian.com/bitbucket-cloud/docs/configure-ssh-and-two-step-verification/>; read on 2026-11-21.
const CLOUD_KEYS: [&str; 3] = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO",
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPIQmuzMBuKdWeF4+a2sjSSpBK0iqitSQ+5BM9Khpexu\
     Gt20JpTVM7u5BDZngncgrqDMbWdxMWWOGtZ9UgbqgZE=",
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDQeJzhupRu0u0cdegZIa8e86EG2qOCsIsD1Xw0xSeiPDlCr7kq97NLmMbpKTX6Esc30NuoqEEHCuc7\
     yWtwp8dI76EEEB1VqY9QJq6vk+aySyboD5QF61I/1WeTwu+deCbgKMGbUijeXhtfbxSxm6JwGrXrhBdofTsbKRUsrN1WoNgUa8uqN1Vx6WAJw1JHPhglE\
     GGHea6QICwJOAr/6mrui/oB7pkaWKHj3z7d1IC4KWLtY47elvjbaTlkN04Kc/5LFEirorGYVbt15kAUlqGM65pk6ZBxtaO3+30LVlORZkxOh+LKL/Bvb\
     Z/iRNhItLqNyieoQj/uh/7Iv4uyH/cV/0b4WDSd3DptigWq84lJubb9t/DnZlrJazxyDCulTmKdOR7vs9gMTo+uoIrPSb8ScTtvw65+odKAlBj59dhnV\
     p9zd7QUojOpXlL62Aw56U4oO+FALuevvMjiWeavKhJqlR7i5n9srYcrNV7ttmDw7kf/97P5zauIhxcjX+xHv4M=",
];

/// Cloud's RSA key until 2023-06-20, revoked because its private half may have been exposed
/// (<https://bitbucket.org/blog/ssh-host-key-changes>).
const RETIRED: &str = "SHA256:zzXQOXSRBEiUtuE8AikJYKwbHaxvSc0ojez9YXaGp1A";

/// The servers with built-in keys.
pub(crate) fn built_in_hosts() -> Vec<SshHost> {
    let hosts = SSH_SERVERS.into_iter();
    hosts
        .filter_map(|(name, port)| SshHost::new(name, port).ok())
        .collect()
}

/// Cloud's other servers, one of them on a port that firewalls let through, without the retired one. Empty for servers that
/// are not Cloud's.
pub(crate) fn alternate_hosts(host: &SshHost) -> Vec<SshHost> {
    let mut hosts = built_in_hosts();
    if !hosts.contains(host) {
        return Vec::new();
    }
    hosts.retain(|other| other != host && other.name != RETIRED_SSH);
    hosts
}

/// The built-in keys of a server. `None` for servers that are not Cloud's.
pub(crate) fn built_in_keys(host: &SshHost) -> Option<Vec<PublicKey>> {
    let is_cloud = SSH_SERVERS.contains(&(host.name.as_str(), host.port));
    is_cloud.then(|| {
        let keys = CLOUD_KEYS.into_iter();
        keys.filter_map(|line| line.parse().ok()).collect()
    })
}

/// Why a host key must never be trusted.
pub(crate) fn retirement_reason(
    algorithm: Option<&str>,
    fingerprint: Fingerprint,
) -> Option<&'static str> {
    if fingerprint.to_string() == RETIRED {
        return Some("the RSA key that Bitbucket Cloud revoked on 2023-06-20");
    }
    let is_dsa =
        algorithm.is_some_and(|name| name == "ssh-dss" || name.eq_ignore_ascii_case("dsa"));
    is_dsa.then_some("a DSA key, which is too weak")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_fingerprints_are_those_of_the_keys() {
        let host = SshHost::new("ssh.bitbucket.org", 22).unwrap();
        let keys = built_in_keys(&host).unwrap();
        let fingerprints: Vec<_> = keys
            .iter()
            .map(|key| key.fingerprint().to_string())
            .collect();
        assert_eq!(
            fingerprints,
            [
                "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
                "SHA256:FC73VB6C4OQLSCrjEayhMp9UMxS97caD/Yyi2bhW/J0",
                "SHA256:46OSHA1Rmj8E8ERTC6xkNcmGOw9oFxYr0WF6zWW8l1E",
            ]
        );
        assert!(
            keys.iter()
                .all(|key| retirement_reason(Some(key.algorithm()), key.fingerprint()).is_none())
        );
        assert!(retirement_reason(Some("ssh-rsa"), RETIRED.parse().unwrap()).is_some());
        assert_eq!(built_in_hosts().len(), SSH_SERVERS.len());
        assert_eq!(
            built_in_keys(&SshHost::new("ssh.bitbucket.org", 2222).unwrap()),
            None
        );
    }

    #[test]
    fn alternate_hosts_are_not_retired() {
        let others = |name: &str, port| alternate_hosts(&SshHost::new(name, port).unwrap());
        let new = SshHost::new("ssh.bitbucket.org", 22).unwrap();
        let firewalls = SshHost::new("altssh.bitbucket.org", 443).unwrap();
        assert_eq!(
            others("ssh.bitbucket.org", 22),
            std::slice::from_ref(&firewalls)
        );
        assert_eq!(
            others("altssh.bitbucket.org", 443),
            std::slice::from_ref(&new)
        );
        assert_eq!(others("bitbucket.org", 22), [new, firewalls]);
        assert_eq!(others("127.0.0.1", 7999), []);
    }
}
