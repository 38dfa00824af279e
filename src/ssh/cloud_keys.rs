//! Host keys of Bitbucket Cloud: those in force since 2023-06-20, as published at <https://bitbucket.org/site/ssh>, and
//! those that must not be taken any more.

use crate::model::fingerprint::Fingerprint;

/// Algorithm and key, as lines of `known_hosts` have them.
pub(super) const IN_FORCE: [(&str, &str); 3] = [
    (
        "ssh-ed25519",
        "AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO",
    ),
    (
        "ecdsa-sha2-nistp256",
        "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPIQmuzMBuKdWeF4+a2sjSSpBK0iqitSQ+5BM9KhpexuGt20JpTVM7u5BDZ\
         ngncgrqDMbWdxMWWOGtZ9UgbqgZE=",
    ),
    (
        "ssh-rsa",
        "AAAAB3NzaC1yc2EAAAADAQABAAABgQDQeJzhupRu0u0cdegZIa8e86EG2qOCsIsD1Xw0xSeiPDlCr7kq97NLmMbpKTX6Esc30NuoqEEHCuc7yWtw\
         p8dI76EEEB1VqY9QJq6vk+aySyboD5QF61I/1WeTwu+deCbgKMGbUijeXhtfbxSxm6JwGrXrhBdofTsbKRUsrN1WoNgUa8uqN1Vx6WAJw1JHPhglEG\
         GHea6QICwJOAr/6mrui/oB7pkaWKHj3z7d1IC4KWLtY47elvjbaTlkN04Kc/5LFEirorGYVbt15kAUlqGM65pk6ZBxtaO3+30LVlORZkxOh+LKL/Bv\
         bZ/iRNhItLqNyieoQj/uh/7Iv4uyH/cV/0b4WDSd3DptigWq84lJubb9t/DnZlrJazxyDCulTmKdOR7vs9gMTo+uoIrPSb8ScTtvw65+odKAlBj59d\
         hnVp9zd7QUojOpXlL62Aw56U4oO+FALuevvMjiWeavKhJqlR7i5n9srYcrNV7ttmDw7kf/97P5zauIhxcjX+xHv4M=",
    ),
];

/// Cloud's RSA key until 2023-06-20, withdrawn because its private half may have been seen
/// (<https://bitbucket.org/blog/ssh-host-key-changes>).
const RETIRED: &str = "SHA256:zzXQOXSRBEiUtuE8AikJYKwbHaxvSc0ojez9YXaGp1A";

/// Whether a key is the RSA key that was withdrawn, whoever says that it is theirs.
pub(super) fn is_retired_rsa(fingerprint: Fingerprint) -> bool {
    fingerprint.to_string() == RETIRED
}

/// The algorithm of the key before that one; no server of Bitbucket Cloud has such a key.
pub(super) const RETIRED_ALGORITHM: &str = "ssh-dss";
