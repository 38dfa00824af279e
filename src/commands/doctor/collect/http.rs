//! The way over HTTP: name, TCP, proxy, TLS, and what the server answers.

use std::net::TcpStream;
use std::time::Duration;

use url::Url;

use super::facts::{HttpPath, Timed};
use super::target::DoctorTarget;
use crate::app::App;
use crate::bitbucket::{ApiError, Bitbucket, CredentialContext, Identity, ServerProbe};
use crate::error::{Error, ErrorSummary};
use crate::probe::{self, Proxy, TlsError, TlsSettings};
use crate::resolve::SelectedConnection;
use crate::types::connection::{Connection, TokenPrefix};
use crate::types::deployment::Deployment;
use crate::types::ssh_settings::SshSettings;
use crate::types::timestamp::Timestamp;

/// Looks at the way, and at the server's SSH settings where it tells them.
pub(super) fn look(
    target: &DoctorTarget,
    connection: &Connection,
    app: &App,
) -> (HttpPath, Option<SshSettings>) {
    let base = &connection.base_url;
    let _progress = app.ui.progress(&format!("looking at {base}"));
    let mut http_path = HttpPath {
        base: base.clone(),
        is_cloud: connection.deployment == Deployment::Cloud,
        is_guess: target.is_guess,
        ca_cert: connection.network.ca_cert.clone(),
        dns: None,
        tcp: None,
        proxy: None,
        tls: None,
        speaks_tls: false,
        http: None,
        now: Timestamp::now(),
        other_base: None,
        credential: None,
        links: None,
    };
    let url = base.url();
    let Ok(stream) = reach(
        &mut http_path,
        url,
        connection.network.proxy.as_deref(),
        app.timeout(),
    ) else {
        return (http_path, None);
    };
    // Where TLS is not used the connection ends here: some servers serve one at a time.
    if let Some(stream) = stream.filter(|_| url.scheme() == "https") {
        let settings = tls_settings(connection);
        let host = url.host_str().unwrap_or_default();
        let shaken = Timed::measure(|| probe::handshake(&stream, host, &settings, app.timeout()));
        let failed = shaken.value.is_err();
        http_path.tls = Some(shaken);
        if failed {
            return (http_path, None);
        }
    }
    let settings = ask(&mut http_path, target, connection, app);
    (http_path, settings)
}

/// Nothing is there to talk to; why stands in the facts.
struct NotReached;

/// Connects: through a proxy, or straight. The stream is `None` where a proxy would only pass requests on; nothing is
/// left to do where nothing is answered.
fn reach(
    http_path: &mut HttpPath,
    url: &Url,
    named: Option<&str>,
    limit: Duration,
) -> Result<Option<TcpStream>, NotReached> {
    if let Some(proxy) = Proxy::of(url, named) {
        let mut stream = None;
        let asked = Timed::measure(|| {
            let through = probe::connect_via(&proxy, url, limit);
            through.map(|behind| stream = behind)
        });
        let failed = asked.value.is_err();
        http_path.proxy = Some((proxy, asked));
        return if failed { Err(NotReached) } else { Ok(stream) };
    }
    let place = url.host_str().zip(url.port_or_known_default());
    let (host, port) = place.ok_or(NotReached)?;
    let resolved = Timed::measure(|| probe::resolve(host, port, limit));
    let addresses = resolved.value.clone();
    http_path.dns = Some(resolved);
    let addresses = addresses.map_err(|_| NotReached)?;
    let mut stream = None;
    let connected = Timed::measure(|| {
        probe::connect(&addresses, limit).map(|reached| {
            stream = Some(reached.stream);
            (reached.address, reached.failed)
        })
    });
    http_path.tcp = Some(connected);
    stream.map(Some).ok_or(NotReached)
}

fn tls_settings(connection: &Connection) -> TlsSettings {
    TlsSettings {
        ca_cert: connection.network.ca_cert.clone(),
        client_cert: connection.network.client_identity.clone(),
    }
}

/// Asks the server: nobody's questions first, and with the credential only once it has proved to be a Bitbucket.
fn ask(
    http_path: &mut HttpPath,
    target: &DoctorTarget,
    connection: &Connection,
    app: &App,
) -> Option<SshSettings> {
    let nobody = app.anonymous_client(connection);
    let told = |error: ApiError| {
        ErrorSummary::from(&Error::Api {
            error,
            causes: None,
        })
    };
    let http = Timed::measure(|| match app.block_on(nobody.probe()) {
        Ok(Ok(greeting)) => Ok(ServerProbe {
            // At its own address, proved by TLS, a refusal is enough.
            is_bitbucket: greeting.is_bitbucket || target.is_real_cloud() && greeting.status == 401,
            ..greeting
        }),
        Ok(Err(error)) => Err(told(error)),
        Err(error) => Err(ErrorSummary::from(&error)),
    });
    http_path.now = Timestamp::now();
    let greeting = http.value.clone();
    http_path.http = Some(http);
    let is_odd = match &greeting {
        Ok(probe) => !probe.is_bitbucket,
        Err(_) => true,
    };
    if is_odd && http_path.base.url().scheme() == "http" && http_path.proxy.is_none() {
        http_path.speaks_tls = speaks_tls(http_path.base.url(), app.timeout());
    }
    let probe = greeting.ok()?;
    if !probe.is_bitbucket {
        if !probe.is_login && !http_path.speaks_tls {
            http_path.other_base = app.block_on(nobody.find_context_path()).ok().flatten();
        }
        return None;
    }
    if probe.version.is_none() && !http_path.is_cloud {
        // It has said that it is not ready.
        return None;
    }
    let credential = Timed::measure(|| {
        let selected = target.selected.as_ref()?;
        Some(identify(selected, app))
    });
    let bitbucket = match &credential.value {
        Some(Ok((_, bitbucket))) => Some(bitbucket),
        Some(Err(_)) | None => None,
    };
    let settings = bitbucket.and_then(|bitbucket| app.ssh_settings(bitbucket));
    if !http_path.is_cloud {
        http_path.links = Some(Timed::measure(|| {
            let reach = app.block_on(bitbucket.unwrap_or(&nobody).visible_repositories(None));
            let reach = reach.ok().and_then(Result::ok).flatten();
            let mut links = reach.map(|reach| reach.links).unwrap_or_default();
            links.extend(
                settings
                    .iter()
                    .filter_map(|settings| settings.base_url.clone()),
            );
            links
        }));
    }
    http_path.credential = Some(Timed {
        value: credential
            .value
            .map(|known| known.map(|(identity, _)| identity)),
        elapsed: credential.elapsed,
    });
    settings
}

fn identify(
    selected: &SelectedConnection,
    app: &App,
) -> Result<(Identity, Bitbucket), ErrorSummary> {
    let connection = &selected.connection;
    let secret = app
        .secret_of(selected)
        .map_err(|error| ErrorSummary::from(&error))?;
    let shape = TokenPrefix::of(secret.expose());
    let bitbucket = app.client_with_secret(connection, secret);
    let identity = app
        .block_on(bitbucket.identify(&CredentialContext::from(connection)))
        .map_err(|error| ErrorSummary::from(&error))?
        .map_err(|error| ErrorSummary::from(&Error::from_api(error, connection.auth(), shape)))?;
    Ok((identity, bitbucket))
}

/// Whether TLS is spoken where plain HTTP was expected.
fn speaks_tls(url: &Url, limit: Duration) -> bool {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return false;
    };
    let limit = limit.min(Duration::from_secs(5));
    let reached = probe::resolve(host, port, limit)
        .ok()
        .and_then(|addresses| probe::connect(&addresses, limit).ok());
    reached.is_some_and(|reached| {
        let shaken = probe::handshake(&reached.stream, host, &TlsSettings::default(), limit);
        !matches!(
            shaken,
            Err(TlsError::NotTls(_) | TlsError::Silent | TlsError::Setup(_))
        )
    })
}
