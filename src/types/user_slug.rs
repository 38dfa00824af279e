//! The slug of a user of Data Center, which URLs contain in place of the user name.

/// The slug that a server derives from most user names: reserved characters of URLs become `_`. Some servers have others,
/// such as small letters.
pub(crate) fn derived(name: &str) -> String {
    const REPLACED: &str = ":/?#@!$&'()*+,;=%\\[]";
    name.chars()
        .map(|c| if REPLACED.contains(c) { '_' } else { c })
        .collect()
}
