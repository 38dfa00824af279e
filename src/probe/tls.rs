//! TLS: whether a server proves to be the one of a name, with the certificates that every request trusts.

use std::fs;
use std::io::{self, Read as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, ClientConnection, Error as RustlsError};
use rustls_platform_verifier::Verifier;
use thiserror::Error;

use super::recording_verifier::RecordingVerifier;
use super::{CertificateSummary, DetectedProtocol};

/// How a server is trusted, and what is shown to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsSettings {
    /// Certificates in PEM to trust beside the system's.
    pub ca_cert: Option<PathBuf>,
    /// A client certificate and its key, both in PEM.
    pub client_cert: Option<(PathBuf, PathBuf)>,
}

/// A server that proved who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HandshakeInfo {
    /// The version of the protocol.
    pub protocol: String,
    /// The names in its certificate.
    pub names: CertificateSummary,
}

/// Why a server is not trusted, or TLS fails otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum TlsError {
    /// Nobody who is trusted has signed its certificate.
    #[error("unknown issuer")]
    UnknownIssuer {
        /// The names in the certificate.
        names: CertificateSummary,
        /// It is for another host as well.
        is_for_another: bool,
    },
    /// The certificate of an authority, shown as a server's.
    #[error("the certificate of an authority")]
    CaAsEndEntity(CertificateSummary),
    /// It is over.
    #[error("expired")]
    Expired(CertificateSummary),
    /// It has not begun.
    #[error("not valid yet")]
    NotYetValid(CertificateSummary),
    /// It is for another host.
    #[error("for another name")]
    HostnameMismatch {
        /// The names in the certificate.
        names: CertificateSummary,
        /// The hosts that it is for.
        presented: Vec<String>,
    },
    /// It is wrong otherwise.
    #[error("{reason}")]
    Certificate {
        /// The names in the certificate.
        names: CertificateSummary,
        /// What is wrong.
        reason: String,
    },
    /// Something else than TLS is spoken there.
    #[error("not TLS")]
    NotTls(DetectedProtocol),
    /// Nothing was said in time.
    #[error("no answer in time")]
    Silent,
    /// The server ended it, or the two have nothing in common.
    #[error("{0}")]
    Refused(String),
    /// This machine's certificates cannot be used.
    #[error("{0}")]
    Setup(String),
}

/// Shakes hands over a connection, and says nothing more.
///
/// # Errors
/// [`TlsError`].
pub(crate) fn handshake(
    stream: &TcpStream,
    host: &str,
    settings: &TlsSettings,
    limit: Duration,
) -> Result<HandshakeInfo, TlsError> {
    let host = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host)
        .map_err(|error| TlsError::Setup(format!("no certificate can be for it: {error}")))?;
    let (config, trusting) = config(settings)?;
    let mut connection = ClientConnection::new(config, name.clone())
        .map_err(|error| TlsError::Setup(error.to_string()))?;
    match run_handshake(&mut connection, stream, Instant::now() + limit) {
        Ok(()) => {
            let protocol = connection
                .protocol_version()
                .and_then(|version| version.as_str().map(str::to_owned));
            let names = trusting
                .peer_certificate()
                .map(|seen| CertificateSummary::of(&seen));
            Ok(HandshakeInfo {
                protocol: protocol
                    .unwrap_or_default()
                    .replace('v', " ")
                    .replace('_', "."),
                names: names.unwrap_or_default(),
            })
        }
        Err(Fault::Io(error)) if is_timeout(&error) => Err(TlsError::Silent),
        Err(Fault::Io(error)) => Err(TlsError::Refused(error.to_string())),
        Err(Fault::Closed) => Err(TlsError::NotTls(DetectedProtocol::Nothing)),
        Err(Fault::Tls(error, first)) => Err(classify(
            error,
            &first,
            trusting.peer_certificate().as_ref(),
            &name,
        )),
    }
}

fn config(settings: &TlsSettings) -> Result<(Arc<ClientConfig>, Arc<RecordingVerifier>), TlsError> {
    let setup = |error: RustlsError| TlsError::Setup(error.to_string());
    let provider = Arc::new(default_provider());
    let extra = match &settings.ca_cert {
        Some(path) => certificates(path)?,
        None => Vec::new(),
    };
    let verifier = if extra.is_empty() {
        Verifier::new(Arc::clone(&provider))
    } else {
        Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
    };
    let trusting = Arc::new(RecordingVerifier::new(verifier.map_err(setup)?));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(setup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&trusting) as _);
    let config = match &settings.client_cert {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_slice(&read(key)?)
                .map_err(|_| TlsError::Setup(format!("{} is no key", key.display())))?;
            builder
                .with_client_auth_cert(certificates(certificate)?, key)
                .map_err(setup)?
        }
    };
    Ok((Arc::new(config), trusting))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path)
        .map_err(|error| TlsError::Setup(format!("cannot read {}: {error}", path.display())))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    all.ok().filter(|all| !all.is_empty()).ok_or_else(|| {
        TlsError::Setup(format!(
            "{} is not a certificate in PEM form",
            path.display()
        ))
    })
}

enum Fault {
    Io(io::Error),
    Closed,
    /// With the first bytes that came.
    Tls(RustlsError, Vec<u8>),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn run_handshake(
    connection: &mut ClientConnection,
    mut stream: &TcpStream,
    deadline: Instant,
) -> Result<(), Fault> {
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
            return Err(Fault::Closed);
        }
        if first.is_empty() {
            first.extend_from_slice(&chunk[..count.min(16)]);
        }
        let mut rest = &chunk[..count];
        while !rest.is_empty() {
            connection.read_tls(&mut rest)?;
            if let Err(error) = connection.process_new_packets() {
                // So that the server's log tells why as well.
                drop(connection.write_tls(&mut stream));
                return Err(Fault::Tls(error, first));
            }
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
    )
}

fn classify(
    error: RustlsError,
    first: &[u8],
    seen: Option<&CertificateDer<'static>>,
    host: &ServerName<'_>,
) -> TlsError {
    let speaks = DetectedProtocol::of(first);
    let RustlsError::InvalidCertificate(error) = error else {
        return if speaks == DetectedProtocol::Tls {
            TlsError::Refused(error.to_string())
        } else {
            TlsError::NotTls(speaks)
        };
    };
    let names = seen
        .map(|seen| CertificateSummary::of(seen))
        .unwrap_or_default();
    let parsed = seen.and_then(|seen| ParsedCertificate::try_from(seen).ok());
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library's list is open, and most of it means the same here"
    )]
    match error {
        CertificateError::UnknownIssuer => TlsError::UnknownIssuer {
            names,
            is_for_another: parsed.is_some_and(|parsed| verify_server_name(&parsed, host).is_err()),
        },
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            TlsError::Expired(names)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsError::NotYetValid(names)
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsError::HostnameMismatch {
                names,
                presented: parsed.map_or(Vec::new(), |parsed| dns_names(&parsed, host)),
            }
        }
        other if other.to_string().contains("CaUsedAsEndEntity") => TlsError::CaAsEndEntity(names),
        other => TlsError::Certificate {
            names,
            reason: RustlsError::InvalidCertificate(other).to_string(),
        },
    }
}

/// The hosts that a certificate is for, which only a comparison tells.
fn dns_names(certificate: &ParsedCertificate<'_>, host: &ServerName<'_>) -> Vec<String> {
    match verify_server_name(certificate, host) {
        Err(RustlsError::InvalidCertificate(CertificateError::NotValidForNameContext {
            presented,
            ..
        })) => presented.iter().map(|name| plain(name)).collect(),
        Ok(()) | Err(_) => Vec::new(),
    }
}

/// `DnsName("git.example.com")` as people write it.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_matches([')', '"']).to_owned()
}
