//! The HTTP clients and their settings: certificates, proxy, time limits, no redirects.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Proxy};

use super::error::ApiError;
use crate::sys::proxy::{ProxyVariables, intercept};
use crate::sys::tls::client_config;
use crate::types::connection::{BaseUrl, NetworkSettings};
use crate::types::loopback;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How servers are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpSettings {
    /// A request may take this long, redirects and retries included.
    pub timeout: Duration,
    pub network: NetworkSettings,
    pub proxy_variables: ProxyVariables,
}

/// The clients of a process: one for all servers that are reached in the same way. Each holds a pool of connections, and
/// loading certificates takes milliseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct HttpClients(Arc<Mutex<Vec<(HttpSettings, Route, Client)>>>);

/// What the client depends on beside the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Route {
    proxy: Option<ProxyServer>,
    /// A name of this machine, which is not looked up.
    loopback_name: Option<String>,
}

/// The URL of a proxy and its `Proxy-Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ProxyServer {
    url: String,
    authorization: Option<reqwest::header::HeaderValue>,
}

impl Route {
    fn new(settings: &HttpSettings, base: &BaseUrl) -> Self {
        let url = base.url();
        let found = intercept(
            url,
            settings.network.proxy.as_deref(),
            &settings.proxy_variables,
        );
        Self {
            proxy: found.map(|found| ProxyServer {
                url: found.uri().to_string(),
                authorization: found.basic_auth().cloned(),
            }),
            loopback_name: url
                .domain()
                .filter(|name| loopback::is_name(name))
                .map(str::to_owned),
        }
    }
}

impl HttpClients {
    /// The client for a server and these settings, built with its first use.
    pub(super) fn get(&self, settings: &HttpSettings, base: &BaseUrl) -> Result<Client, ApiError> {
        let route = Route::new(settings, base);
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = clients.iter();
        if let Some((_, _, client)) = known.find(|(known, to, _)| known == settings && *to == route)
        {
            return Ok(client.clone());
        }
        let client = build(settings, &route)?;
        clients.push((settings.clone(), route, client.clone()));
        Ok(client)
    }
}

fn build(settings: &HttpSettings, route: &Route) -> Result<Client, ApiError> {
    let (mut tls, _verifier) = client_config(&settings.network)
        .map_err(|error| ApiError::ClientConfig(error.to_string()))?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut builder = Client::builder()
        .user_agent(concat!("bbconnect/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .tls_backend_preconfigured(tls)
        .tls_info(true)
        .connect_timeout(CONNECT_TIMEOUT.min(settings.timeout))
        .timeout(settings.timeout);
    builder = match &route.proxy {
        None => builder.no_proxy(),
        Some(server) => {
            let mut proxy = Proxy::all(&server.url).map_err(|_| {
                ApiError::ClientConfig(format!(
                    "the proxy {} cannot be used: only http and https proxies are supported",
                    server.url
                ))
            })?;
            if let Some(authorization) = &server.authorization {
                proxy = proxy.custom_http_auth(authorization.clone());
            }
            builder.proxy(proxy)
        }
    };
    if let Some(name) = &route.loopback_name {
        // Port 0 stands for that of the URL.
        let addresses = loopback::ADDRESSES.map(|address| SocketAddr::new(address, 0));
        builder = builder.resolve_to_addrs(name, &addresses);
    }
    builder
        .build()
        .map_err(|error| ApiError::ClientConfig(format!("TLS setup failed: {error}")))
}
