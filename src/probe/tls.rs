//! TLS handshakes: whether a server's certificate is valid for its name, with the same trust as every request.

use std::io::{self, Read as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConnection, Error as RustlsError};
use thiserror::Error;

use super::banner::{DetectedProtocol, is_timeout};
use super::certificate::CertificateSummary;
use crate::sys::tls::{TlsFailure, client_config};
use crate::types::connection::NetworkSettings;

/// A server whose certificate is valid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HandshakeInfo {
    /// `TLS 1.3`
    pub protocol: String,
    pub certificate: CertificateSummary,
}

/// Why a handshake failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum TlsError {
    /// The certificate is not accepted.
    #[error("{reason}")]
    Certificate {
        failure: TlsFailure,
        reason: String,
        certificate: CertificateSummary,
        /// Where the certificate is not valid for this host, the hosts that it is valid for.
        other_hosts: Option<Vec<String>>,
    },
    #[error("not TLS")]
    NotTls(DetectedProtocol),
    #[error("no response in time")]
    TimedOut,
    /// The server ended the handshake, or there is no common version or cipher suite.
    #[error("{1}")]
    Failed(TlsFailure, String),
    /// The certificates of this machine or this connection cannot be used.
    #[error("{0}")]
    Setup(String),
}

/// Runs a handshake, and sends nothing else.
pub(crate) fn handshake(
    stream: &TcpStream,
    host: &str,
    settings: &NetworkSettings,
    timeout: Duration,
) -> Result<HandshakeInfo, TlsError> {
    let host = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host)
        .map_err(|error| TlsError::Setup(format!("not a host name of a certificate: {error}")))?;
    let (config, verifier) =
        client_config(settings).map_err(|error| TlsError::Setup(error.to_string()))?;
    let mut connection = ClientConnection::new(Arc::new(config), name.clone())
        .map_err(|error| TlsError::Setup(error.to_string()))?;
    match run_handshake(&mut connection, stream, Instant::now() + timeout) {
        Ok(()) => {
            let protocol = connection.protocol_version();
            let protocol = protocol.and_then(|version| version.as_str());
            let certificate = verifier.peer_certificate();
            Ok(HandshakeInfo {
                // `TLSv1_3`
                protocol: protocol
                    .unwrap_or_default()
                    .replace('v', " ")
                    .replace('_', "."),
                certificate: certificate
                    .map(|certificate| CertificateSummary::from_der(&certificate))
                    .unwrap_or_default(),
            })
        }
        Err(HandshakeError::Io(error)) if is_timeout(&error) => Err(TlsError::TimedOut),
        Err(HandshakeError::Io(error)) => {
            Err(TlsError::Failed(TlsFailure::Other, error.to_string()))
        }
        Err(HandshakeError::Closed) => Err(TlsError::NotTls(DetectedProtocol::Nothing)),
        Err(HandshakeError::Tls(error, first)) => Err(classify(
            &error,
            &first,
            verifier.peer_certificate().as_ref(),
            &name,
        )),
    }
}

enum HandshakeError {
    Io(io::Error),
    Closed,
    /// With the first bytes of the server.
    Tls(RustlsError, Vec<u8>),
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn run_handshake(
    connection: &mut ClientConnection,
    mut stream: &TcpStream,
    deadline: Instant,
) -> Result<(), HandshakeError> {
    let mut first = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        stream.set_read_timeout(Some(left))?;
        stream.set_write_timeout(Some(left))?;
        while connection.wants_write() {
            connection.write_tls(&mut stream)?;
        }
        if !connection.is_handshaking() {
            return Ok(());
        }
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Err(HandshakeError::Closed);
        }
        if first.is_empty() {
            first.extend_from_slice(&chunk[..count.min(16)]);
        }
        let mut rest = &chunk[..count];
        while !rest.is_empty() {
            connection.read_tls(&mut rest)?;
            if let Err(error) = connection.process_new_packets() {
                // The alert, for the server's log.
                drop(connection.write_tls(&mut stream));
                return Err(HandshakeError::Tls(error, first));
            }
        }
    }
}

fn classify(
    error: &RustlsError,
    first: &[u8],
    der: Option<&CertificateDer<'static>>,
    host: &ServerName<'_>,
) -> TlsError {
    let protocol = DetectedProtocol::from_first_bytes(first);
    let failure = TlsFailure::from_error(error);
    let reason = error.to_string();
    if !matches!(error, RustlsError::InvalidCertificate(_)) {
        return if protocol == DetectedProtocol::Tls {
            TlsError::Failed(failure, reason)
        } else {
            TlsError::NotTls(protocol)
        };
    }
    let parsed = der.and_then(|der| ParsedCertificate::try_from(der).ok());
    TlsError::Certificate {
        failure,
        reason,
        certificate: der
            .map(|der| CertificateSummary::from_der(der))
            .unwrap_or_default(),
        other_hosts: parsed.and_then(|parsed| other_hosts(&parsed, host)),
    }
}

/// The hosts that a certificate is valid for, where this one is not among them.
fn other_hosts(certificate: &ParsedCertificate<'_>, host: &ServerName<'_>) -> Option<Vec<String>> {
    match verify_server_name(certificate, host) {
        Ok(()) => None,
        Err(RustlsError::InvalidCertificate(CertificateError::NotValidForNameContext {
            presented,
            ..
        })) => Some(presented.iter().map(|name| plain_name(name)).collect()),
        Err(_) => Some(Vec::new()),
    }
}

/// `DnsName("git.example.com")` without the type.
fn plain_name(name: &str) -> String {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_matches([')', '"']).to_owned()
}
