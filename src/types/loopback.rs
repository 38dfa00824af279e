//! This machine as a host: its addresses, and the names that are never looked up (RFC 6761, section 6.3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// The addresses of `localhost` and of every name below it.
pub(crate) const ADDRESSES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// Whether a name is `localhost`, or below it.
pub(crate) fn is_name(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether the host of an http or https URL is this machine: 127.0.0.0/8, `::1`, or such a name.
pub(crate) fn is_url(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_name(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
