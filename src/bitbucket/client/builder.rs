//! The HTTP clients and their settings: certificates, proxy, time limits, no redirects.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity, Proxy};

use super::error::ApiError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How servers are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpSettings {
    /// A request may take this long, redirects and retries included. A list takes a request for each page.
    pub timeout: Duration,
    /// Certificates in PEM to trust beside the system's.
    pub ca_cert: Option<PathBuf>,
    /// A client certificate and its key, both in PEM.
    pub client_cert: Option<(PathBuf, PathBuf)>,
    /// A proxy instead of the environment's.
    pub proxy: Option<String>,
    /// Plain HTTP is accepted although the host is not loopback.
    pub allow_http: bool,
}

/// The clients of a process: one for all servers that are reached with the same settings. Each holds a pool of connections,
/// and loading certificates takes milliseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct HttpClients(Arc<Mutex<Vec<(HttpSettings, Client)>>>);

impl HttpClients {
    /// The client for these settings, built with its first use.
    pub(super) fn get(&self, settings: &HttpSettings) -> Result<Client, ApiError> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(known, _)| known == settings) {
            return Ok(client.clone());
        }
        let client = build(settings)?;
        clients.push((settings.clone(), client.clone()));
        Ok(client)
    }
}

fn build(settings: &HttpSettings) -> Result<Client, ApiError> {
    let mut builder = Client::builder()
        .user_agent(concat!("bbconnect/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .tls_info(true)
        .connect_timeout(CONNECT_TIMEOUT.min(settings.timeout))
        .timeout(settings.timeout);
    if let Some(path) = &settings.ca_cert {
        let bundle = Certificate::from_pem_bundle(&read(path)?).unwrap_or_default();
        if bundle.is_empty() {
            return Err(unusable(path, "a certificate in PEM form"));
        }
        builder = builder.tls_certs_merge(bundle);
    }
    if let Some((certificate, key)) = &settings.client_cert {
        let both = [read(certificate)?, b"\n".to_vec(), read(key)?].concat();
        let identity = Identity::from_pem(&both)
            .map_err(|_| unusable(certificate, "a client certificate with its key"))?;
        builder = builder.identity(identity);
    }
    if settings.proxy.is_none() && super::proxy::is_disabled() {
        builder = builder.no_proxy();
    }
    if let Some(proxy) = &settings.proxy {
        builder =
            builder
                .proxy(Proxy::all(proxy).map_err(|_| {
                    ApiError::ClientConfig(format!("proxy `{proxy}` is not a URL"))
                })?);
    }
    // The one known cause is a machine without certificates: https://github.com/seanmonstar/reqwest/issues/2965
    builder.build().map_err(|error| {
        let cause = std::error::Error::source(&error)
            .map_or_else(|| error.to_string(), ToString::to_string);
        ApiError::ClientConfig(format!(
            "TLS setup failed: {cause}; install ca-certificates, or pass --ca-cert FILE"
        ))
    })
}

fn read(path: &Path) -> Result<Vec<u8>, ApiError> {
    fs::read(path)
        .map_err(|error| ApiError::ClientConfig(format!("cannot read {}: {error}", path.display())))
}

fn unusable(path: &Path, expected: &str) -> ApiError {
    ApiError::ClientConfig(format!("{} is not {expected}", path.display()))
}
