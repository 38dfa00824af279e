//! The way over HTTP: name, TCP, proxy, TLS, and what the server answers.

use std::net::TcpStream;
use std::time::Duration;

use time::OffsetDateTime;
use url::Url;

use super::facts::{HttpPath, Timed};
use super::target::DoctorTarget;
use crate::bitbucket::{ApiError, Bitbucket, CredentialContext, Identity, ServerProbe};
use crate::context::{App, SelectedConnection};
use crate::error::{Error, ErrorSummary};
use crate::model::connection::{Connection, TokenPrefix};
use crate::model::deployment::Deployment;
use crate::model::ssh_settings::SshSettings;
use crate::net::{self, Proxy, TlsError, TlsSettings};

/// Looks at the way, and at the server's SSH settings where it tells them.
pub(super) fn look(
    target: &DoctorTarget,
    connection: &Connection,
    context: &App,
) -> (HttpPath, Option<SshSettings>) {
    let base = &connection.base_url;
    let _progress = context.output.progress(&format!("looking at {base}"));
    let mut way = HttpPath {
        base: base.clone(),
        is_cloud: connection.deployment == Deployment::Cloud,
        is_guess: target.is_guess,
        ca_cert: connection.ca_cert.clone(),
        dns: None,
        tcp: None,
        proxy: None,
        tls: None,
        speaks_tls: false,
        http: None,
        now: OffsetDateTime::now_utc(),
        other_base: None,
        credential: None,
        links: None,
    };
    let url = base.url();
    let Ok(stream) = reach(
        &mut way,
        url,
        connection.proxy.as_deref(),
        context.timeout(),
    ) else {
        return (way, None);
    };
    // Where TLS is not used the connection ends here: some servers serve one at a time.
    if let Some(stream) = stream.filter(|_| url.scheme() == "https") {
        let settings = tls_settings(connection);
        let host = url.host_str().unwrap_or_default();
        let shaken = Timed::measure(|| net::handshake(&stream, host, &settings, context.timeout()));
        let failed = shaken.value.is_err();
        way.tls = Some(shaken);
        if failed {
            return (way, None);
        }
    }
    let settings = ask(&mut way, target, connection, context);
    (way, settings)
}

/// Nothing is there to talk to; why stands in the facts.
struct NotReached;

/// Connects: through a proxy, or straight. The stream is `None` where a proxy would only pass requests on; nothing is
/// left to do where nothing is answered.
fn reach(
    way: &mut HttpPath,
    url: &Url,
    named: Option<&str>,
    limit: Duration,
) -> Result<Option<TcpStream>, NotReached> {
    if let Some(proxy) = Proxy::of(url, named) {
        let mut stream = None;
        let asked = Timed::measure(|| {
            let through = net::connect_via(&proxy, url, limit);
            through.map(|behind| stream = behind)
        });
        let failed = asked.value.is_err();
        way.proxy = Some((proxy, asked));
        return if failed { Err(NotReached) } else { Ok(stream) };
    }
    let place = url.host_str().zip(url.port_or_known_default());
    let (host, port) = place.ok_or(NotReached)?;
    let resolved = Timed::measure(|| net::resolve(host, port, limit));
    let addresses = resolved.value.clone();
    way.dns = Some(resolved);
    let addresses = addresses.map_err(|_| NotReached)?;
    let mut stream = None;
    let connected = Timed::measure(|| {
        net::connect(&addresses, limit).map(|reached| {
            stream = Some(reached.stream);
            (reached.address, reached.failed)
        })
    });
    way.tcp = Some(connected);
    stream.map(Some).ok_or(NotReached)
}

fn tls_settings(connection: &Connection) -> TlsSettings {
    TlsSettings {
        ca_cert: connection.ca_cert.clone(),
        client_cert: connection.client_identity(),
    }
}

/// Asks the server: nobody's questions first, and with the credential only once it has proved to be a Bitbucket.
fn ask(
    way: &mut HttpPath,
    target: &DoctorTarget,
    connection: &Connection,
    context: &App,
) -> Option<SshSettings> {
    let nobody = context.anonymous_client(connection);
    let told = |error: ApiError| {
        ErrorSummary::from(&Error::Api {
            error,
            causes: None,
        })
    };
    let http = Timed::measure(|| match context.block_on(nobody.probe()) {
        Ok(Ok(greeting)) => Ok(ServerProbe {
            // At its own address, proved by TLS, a refusal is enough.
            is_bitbucket: greeting.is_bitbucket || target.is_real_cloud() && greeting.status == 401,
            ..greeting
        }),
        Ok(Err(error)) => Err(told(error)),
        Err(error) => Err(ErrorSummary::from(&error)),
    });
    way.now = OffsetDateTime::now_utc();
    let greeting = http.value.clone();
    way.http = Some(http);
    let is_odd = match &greeting {
        Ok(greeting) => !greeting.is_bitbucket,
        Err(_) => true,
    };
    if is_odd && way.base.url().scheme() == "http" && way.proxy.is_none() {
        way.speaks_tls = speaks_tls(way.base.url(), context.timeout());
    }
    let greeting = greeting.ok()?;
    if !greeting.is_bitbucket {
        if !greeting.is_login && !way.speaks_tls {
            way.other_base = context.block_on(nobody.find_context_path()).ok().flatten();
        }
        return None;
    }
    if greeting.version.is_none() && !way.is_cloud {
        // It has said that it is not ready.
        return None;
    }
    let credential = Timed::measure(|| {
        let chosen = target.chosen.as_ref()?;
        Some(identify(chosen, context))
    });
    let bitbucket = match &credential.value {
        Some(Ok((_, bitbucket))) => Some(bitbucket),
        Some(Err(_)) | None => None,
    };
    let settings = bitbucket.and_then(|bitbucket| context.ssh_settings(bitbucket));
    if !way.is_cloud {
        way.links = Some(Timed::measure(|| {
            let reach = context.block_on(bitbucket.unwrap_or(&nobody).visible_repositories(None));
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
    way.credential = Some(Timed {
        value: credential
            .value
            .map(|known| known.map(|(identity, _)| identity)),
        elapsed: credential.elapsed,
    });
    settings
}

fn identify(
    chosen: &SelectedConnection,
    context: &App,
) -> Result<(Identity, Bitbucket), ErrorSummary> {
    let connection = &chosen.connection;
    let secret = context
        .secret_of(chosen)
        .map_err(|error| ErrorSummary::from(&error))?;
    let shape = TokenPrefix::of(secret.expose());
    let bitbucket = context.client_with_secret(connection, secret);
    let identity = context
        .block_on(bitbucket.identify(&CredentialContext::from(connection)))
        .map_err(|error| ErrorSummary::from(&error))?
        .map_err(|error| ErrorSummary::from(&Error::from_api(error, connection.auth, shape)))?;
    Ok((identity, bitbucket))
}

/// Whether TLS is spoken where plain HTTP was expected.
fn speaks_tls(url: &Url, limit: Duration) -> bool {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return false;
    };
    let limit = limit.min(Duration::from_secs(5));
    let reached = net::resolve(host, port, limit)
        .ok()
        .and_then(|addresses| net::connect(&addresses, limit).ok());
    reached.is_some_and(|reached| {
        let shaken = net::handshake(&reached.stream, host, &TlsSettings::default(), limit);
        !matches!(
            shaken,
            Err(TlsError::NotTls(_) | TlsError::Silent | TlsError::Setup(_))
        )
    })
}
