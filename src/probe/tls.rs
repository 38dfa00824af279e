//! TLS handshakes: whether a server's certificate is valid for its name, with the same trust as every request.

use std::fs;
use std::io::{self, Read as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error as RustlsError,
    OtherError, SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use thiserror::Error;

use super::banner::{DetectedProtocol, is_timeout};
use super::certificate::CertificateSummary;

/// The certificates of a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsSettings {
    /// CA certificates in PEM, in addition to the system's.
    pub ca_cert: Option<PathBuf>,
    /// A client certificate and its key, both in PEM.
    pub client_cert: Option<(PathBuf, PathBuf)>,
}

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
    #[error("unknown issuer")]
    UnknownIssuer {
        certificate: CertificateSummary,
        /// The certificate is not valid for this host either.
        is_for_another_host: bool,
    },
    /// A CA certificate is used as a server's.
    #[error("CA certificate used as server certificate")]
    CaAsEndEntity(CertificateSummary),
    #[error("expired")]
    Expired(CertificateSummary),
    #[error("not yet valid")]
    NotYetValid(CertificateSummary),
    #[error("host name mismatch")]
    HostnameMismatch {
        certificate: CertificateSummary,
        /// The hosts that the certificate is valid for.
        presented: Vec<String>,
    },
    /// Any other problem of the certificate.
    #[error("{reason}")]
    Certificate {
        certificate: CertificateSummary,
        reason: String,
    },
    #[error("not TLS")]
    NotTls(DetectedProtocol),
    #[error("no response in time")]
    TimedOut,
    /// The server ended the handshake, or there is no common version or cipher suite.
    #[error("{0}")]
    Failed(String),
    /// The certificates of this machine or this connection cannot be used.
    #[error("{0}")]
    Setup(String),
}

/// Runs a handshake, and sends nothing else.
///
/// # Errors
/// [`TlsError`].
pub(crate) fn handshake(
    stream: &TcpStream,
    host: &str,
    settings: &TlsSettings,
    timeout: Duration,
) -> Result<HandshakeInfo, TlsError> {
    let host = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host)
        .map_err(|error| TlsError::Setup(format!("not a host name of a certificate: {error}")))?;
    let (config, verifier) = config(settings)?;
    let mut connection = ClientConnection::new(config, name.clone())
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
                    .map(|certificate| CertificateSummary::of(&certificate))
                    .unwrap_or_default(),
            })
        }
        Err(HandshakeError::Io(error)) if is_timeout(&error) => Err(TlsError::TimedOut),
        Err(HandshakeError::Io(error)) => Err(TlsError::Failed(error.to_string())),
        Err(HandshakeError::Closed) => Err(TlsError::NotTls(DetectedProtocol::Nothing)),
        Err(HandshakeError::Tls(error, first)) => Err(classify(
            error,
            &first,
            verifier.peer_certificate().as_ref(),
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
    let platform = if extra.is_empty() {
        Verifier::new(Arc::clone(&provider))
    } else {
        Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
    };
    let verifier = Arc::new(RecordingVerifier {
        inner: platform.map_err(setup)?,
        certificate: Mutex::new(None),
    });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(setup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier) as _);
    let config = match &settings.client_cert {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_slice(&read(key)?)
                .map_err(|_| TlsError::Setup(format!("{} is not a private key", key.display())))?;
            builder
                .with_client_auth_cert(certificates(certificate)?, key)
                .map_err(setup)?
        }
    };
    Ok((Arc::new(config), verifier))
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
    error: RustlsError,
    first: &[u8],
    der: Option<&CertificateDer<'static>>,
    host: &ServerName<'_>,
) -> TlsError {
    let protocol = DetectedProtocol::of(first);
    let RustlsError::InvalidCertificate(error) = error else {
        return if protocol == DetectedProtocol::Tls {
            TlsError::Failed(error.to_string())
        } else {
            TlsError::NotTls(protocol)
        };
    };
    let certificate = der
        .map(|der| CertificateSummary::of(der))
        .unwrap_or_default();
    let parsed = der.and_then(|der| ParsedCertificate::try_from(der).ok());
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the list is open, and most errors mean the same here"
    )]
    match error {
        CertificateError::UnknownIssuer => TlsError::UnknownIssuer {
            certificate,
            is_for_another_host: parsed
                .is_some_and(|parsed| verify_server_name(&parsed, host).is_err()),
        },
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            TlsError::Expired(certificate)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsError::NotYetValid(certificate)
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsError::HostnameMismatch {
                certificate,
                presented: parsed.map_or(Vec::new(), |parsed| dns_names(&parsed, host)),
            }
        }
        CertificateError::Other(OtherError(error)) if is_ca_as_end_entity(&*error) => {
            TlsError::CaAsEndEntity(certificate)
        }
        other => TlsError::Certificate {
            certificate,
            reason: RustlsError::InvalidCertificate(other).to_string(),
        },
    }
}

/// rustls has no variant of its own for this error of its verifier.
fn is_ca_as_end_entity(error: &(dyn std::error::Error + 'static)) -> bool {
    let error = error.downcast_ref::<webpki::Error>();
    error.is_some_and(|error| *error == webpki::Error::CaUsedAsEndEntity)
}

/// The hosts that a certificate is valid for; rustls reports them where a name does not match.
fn dns_names(certificate: &ParsedCertificate<'_>, host: &ServerName<'_>) -> Vec<String> {
    match verify_server_name(certificate, host) {
        Err(RustlsError::InvalidCertificate(CertificateError::NotValidForNameContext {
            presented,
            ..
        })) => presented.iter().map(|name| plain_name(name)).collect(),
        Ok(()) | Err(_) => Vec::new(),
    }
}

/// `DnsName("git.example.com")` without the type.
fn plain_name(name: &str) -> String {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_matches([')', '"']).to_owned()
}

/// The platform's verifier, with a copy of the certificate that it verified.
#[derive(Debug)]
struct RecordingVerifier {
    inner: Verifier,
    certificate: Mutex<Option<CertificateDer<'static>>>,
}

impl RecordingVerifier {
    fn peer_certificate(&self) -> Option<CertificateDer<'static>> {
        self.certificate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        *self
            .certificate
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(end_entity.clone().into_owned());
        self.inner
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
