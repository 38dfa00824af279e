//! The steps of reaching a host: name resolution, TCP, proxy, TLS, SSH banner. Each runs by itself, within a time limit,
//! and returns data. Nothing is sent but what opens the step.

mod banner;
mod certificate;
mod proxy;
mod tcp;
mod tls;

#[cfg(test)]
pub(crate) use banner::SshBanner;
pub(crate) use banner::{BannerResult, DetectedProtocol, read_banner};
pub(crate) use certificate::CertificateSummary;
#[cfg(test)]
pub(crate) use certificate::certificate_until_2026_11_22;
pub(crate) use proxy::{Proxy, ProxyError, ProxyKind, connect_via};
pub(crate) use tcp::{DnsError, TcpError, TcpFailure, connect, resolve};
pub(crate) use tls::{HandshakeInfo, TlsError, handshake};
