//! The clients: certificates, proxy, time limits, no redirects. One for all servers that are reached alike.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity, Proxy};

use super::HttpSettings;
use super::error::ApiError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

thread_local! {
    /// Loading certificates takes milliseconds. A thread has its own clients, because connections live on the event
    /// queue of the thread that opened them.
    static CLIENTS: RefCell<Vec<(HttpSettings, Client)>> = const { RefCell::new(Vec::new()) };
}

/// The client of this thread for such settings, made with its first use.
pub(super) fn client_for(settings: &HttpSettings) -> Result<Client, ApiError> {
    let known = CLIENTS.with_borrow(|clients| {
        let same = clients.iter().find(|(known, _)| known == settings);
        same.map(|(_, client)| client.clone())
    });
    if let Some(client) = known {
        return Ok(client);
    }
    let client = build(settings)?;
    CLIENTS.with_borrow_mut(|clients| clients.push((settings.clone(), client.clone())));
    Ok(client)
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
        builder = builder
            .proxy(Proxy::all(proxy).map_err(|_| {
                ApiError::ClientConfig(format!("the proxy `{proxy}` is not a URL"))
            })?);
    }
    // The one known cause is a machine without certificates: https://github.com/seanmonstar/reqwest/issues/2965
    builder.build().map_err(|error| {
        let cause = std::error::Error::source(&error)
            .map_or_else(|| error.to_string(), ToString::to_string);
        ApiError::ClientConfig(format!(
            "TLS cannot be set up: {cause}; install ca-certificates, or name some with --ca-cert"
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
