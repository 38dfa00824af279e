//! TLS as every request and `doctor` use it: which certificates are trusted, and why a handshake fails.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, fs};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError,
    OtherError, SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use thiserror::Error;
use webpki::EndEntityCert;

use crate::sys::regular_file::{self, MAX_CONFIG_BYTES};
use crate::types::connection::NetworkSettings;

/// What to do where the system's certificates cannot be used.
pub(crate) const SYSTEM_CERTIFICATES_HINT: &str = if cfg!(windows) {
    "check the certificate store of Windows"
} else if cfg!(target_vendor = "apple") {
    "check the keychain"
} else {
    "install ca-certificates"
};

/// The certificates of a connection, or of this machine, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum TlsSetupError {
    #[error("cannot read {}: {reason}", path.display())]
    Read { path: PathBuf, reason: String },
    #[error("{} is not {expected}", path.display())]
    Content {
        path: PathBuf,
        expected: &'static str,
    },
    #[error("TLS setup failed: {0}; {SYSTEM_CERTIFICATES_HINT}, or pass --ca-cert FILE")]
    Machine(String),
}

/// Why a TLS handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsFailure {
    /// Also a self-signed certificate that is not trusted itself.
    UnknownIssuer,
    Expired,
    NotYetValid,
    HostnameMismatch,
    /// The certificate of an authority is used as the server's own.
    CaAsEndEntity,
    /// The server requires a client certificate, or does not accept the one that was sent.
    ClientCertificate,
    /// The server sent something else than TLS.
    NotTls,
    Other,
}

impl TlsFailure {
    /// The failure that an error of rustls stands for.
    pub(crate) fn from_error(error: &TlsError) -> Self {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the enums of rustls are non-exhaustive"
        )]
        match error {
            TlsError::InvalidCertificate(error) => match error {
                CertificateError::UnknownIssuer => Self::UnknownIssuer,
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    Self::Expired
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Self::NotYetValid
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => Self::HostnameMismatch,
                error if is_ca_as_end_entity(error) => Self::CaAsEndEntity,
                _ => Self::Other,
            },
            TlsError::InvalidMessage(_) => Self::NotTls,
            TlsError::AlertReceived(
                AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnknownCA
                | AlertDescription::CertificateUnknown,
            ) => Self::ClientCertificate,
            _ => Self::Other,
        }
    }

    /// The failure in words; `None` where only the error of rustls says what failed.
    pub(crate) fn message(self) -> Option<&'static str> {
        Some(match self {
            Self::UnknownIssuer => "the server's certificate is not signed by a trusted CA",
            Self::Expired => "the server's certificate has expired",
            Self::NotYetValid => "the server's certificate is not valid yet",
            Self::HostnameMismatch => "the server's certificate is for another host name",
            Self::CaAsEndEntity => "the server's certificate is a CA certificate",
            Self::ClientCertificate => "client certificate missing or not accepted",
            Self::NotTls => "no TLS on this port; it may be a port for plain http",
            Self::Other => return None,
        })
    }

    /// What to do about it.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::UnknownIssuer | Self::Other => {
                "pass --ca-cert FILE to `bbconnect connection add` or `edit`: the certificate of the private CA, or the \
                 server's own if it is self-signed"
            }
            Self::Expired => {
                "ask the administrator to renew the certificate; also check this machine's clock"
            }
            Self::NotYetValid => {
                "check this machine's clock, or ask the administrator for another certificate"
            }
            Self::HostnameMismatch => {
                "use a host name of the certificate (`bbconnect doctor URL` shows it), or ask the administrator for one with this name"
            }
            Self::CaAsEndEntity => {
                "ask the administrator for a certificate of the host name, signed by the CA"
            }
            Self::ClientCertificate => "pass --client-cert FILE and --client-key FILE",
            Self::NotTls => "check the port, or use http:// with --allow-http",
        }
    }
}

/// The configuration of a TLS client that trusts the system's certificates and those of the settings.
pub(crate) fn client_config(
    settings: &NetworkSettings,
) -> Result<(ClientConfig, Arc<TrustVerifier>), TlsSetupError> {
    let setup = |error: TlsError| TlsSetupError::Machine(error.to_string());
    if let Some(path) = irregular_certificates() {
        let reason = "not a regular file".to_owned();
        return Err(TlsSetupError::Read { path, reason });
    }
    let provider = Arc::new(default_provider());
    let extra = match &settings.ca_cert {
        Some(path) => certificates(path, "a certificate in PEM form")?,
        None => Vec::new(),
    };
    let verifier = if extra.is_empty() {
        Verifier::new(Arc::clone(&provider))
    } else {
        Verifier::new_with_extra_roots(extra.clone(), Arc::clone(&provider))
    };
    let verifier = Arc::new(TrustVerifier {
        inner: verifier.map_err(setup)?,
        extra,
        certificate: Mutex::new(None),
    });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(setup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier) as _);
    let config = match &settings.client_identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            const EXPECTED: &str = "a client certificate with its key";
            let unusable = |path: &Path| TlsSetupError::Content {
                path: path.to_owned(),
                expected: EXPECTED,
            };
            let private_key =
                PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| unusable(key))?;
            builder
                .with_client_auth_cert(certificates(certificate, EXPECTED)?, private_key)
                .map_err(|_| unusable(certificate))?
        }
    };
    Ok((config, verifier))
}

/// `SSL_CERT_FILE`, where it is a pipe or a device: rustls opens it by itself, and would never end.
#[expect(
    clippy::disallowed_methods,
    reason = "rustls reads this variable by itself"
)]
fn irregular_certificates() -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os("SSL_CERT_FILE")?);
    let metadata = fs::metadata(&path).ok()?;
    (!metadata.is_file()).then_some(path)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsSetupError> {
    regular_file::read(path, MAX_CONFIG_BYTES).map_err(|error| TlsSetupError::Read {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn certificates(
    path: &Path,
    expected: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let text = read(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    all.ok()
        .filter(|all| !all.is_empty())
        .ok_or_else(|| TlsSetupError::Content {
            path: path.to_owned(),
            expected,
        })
}

/// rustls has no variant of its own for this error of its verifier.
fn is_ca_as_end_entity(error: &CertificateError) -> bool {
    let CertificateError::Other(OtherError(error)) = error else {
        return false;
    };
    let error = error.downcast_ref::<webpki::Error>();
    error.is_some_and(|error| *error == webpki::Error::CaUsedAsEndEntity)
}

/// The system's verifier, which also accepts a server's own self-signed certificate where exactly this one is trusted, as
/// OpenSSL does: `openssl req -x509` creates certificates of an authority.
#[derive(Debug)]
pub(crate) struct TrustVerifier {
    inner: Verifier,
    /// The certificates of the settings.
    extra: Vec<CertificateDer<'static>>,
    /// The certificate of the last server.
    certificate: Mutex<Option<CertificateDer<'static>>>,
}

impl TrustVerifier {
    /// The certificate that the server sent.
    pub(crate) fn peer_certificate(&self) -> Option<CertificateDer<'static>> {
        self.certificate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether this certificate is trusted itself: it is one of the settings, or of the system (`SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` included), which is read again in this rare case.
    fn is_trusted_itself(&self, certificate: &CertificateDer<'_>) -> bool {
        let is_it = |trusted: &CertificateDer<'_>| trusted.as_ref() == certificate.as_ref();
        self.extra.iter().any(is_it)
            || rustls_native_certs::load_native_certs()
                .certs
                .iter()
                .any(is_it)
    }
}

impl ServerCertVerifier for TrustVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        *self
            .certificate
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(end_entity.clone().into_owned());
        let verified = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        // The period of validity is checked before this error is returned.
        match verified {
            Err(TlsError::InvalidCertificate(error)) if is_ca_as_end_entity(&error) => {
                if self.is_trusted_itself(end_entity) {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                    return Ok(ServerCertVerified::assertion());
                }
                let parsed = EndEntityCert::try_from(end_entity);
                let is_self_signed = parsed.is_ok_and(|it| it.issuer() == it.subject());
                Err(TlsError::InvalidCertificate(if is_self_signed {
                    CertificateError::UnknownIssuer
                } else {
                    error
                }))
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
