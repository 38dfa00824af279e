//! The way over HTTP: name, TCP, proxy, TLS, and what the server answers.

use std::net::TcpStream;
use std::time::Duration;

use time::OffsetDateTime;
use url::Url;

use super::facts::{Timed, Way};
use super::target::Target;
use crate::bitbucket::{ApiError, Bitbucket, Greeting, Identity, Subject};
use crate::context::{Chosen, Context};
use crate::error::{Error, Trouble};
use crate::model::connection::{Connection, TokenShape};
use crate::model::deployment::Deployment;
use crate::model::ssh_settings::SshSettings;
use crate::net::{self, Proxy, TlsError, TlsSettings};

/// Looks at the way, and at the server's SSH settings where it tells them.
pub(super) fn look(
    target: &Target,
    connection: &Connection,
    context: &Context,
) -> (Way, Option<SshSettings>) {
    let base = &connection.base_url;
    let _progress = context.output.progress(&format!("looking at {base}"));
    let mut way = Way {
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
    let Ok(stream) = reach(&mut way, url, connection.proxy.as_deref(), context.limit()) else {
        return (way, None);
    };
    // Where TLS is not used the connection ends here: some servers serve one at a time.
    if let Some(stream) = stream.filter(|_| url.scheme() == "https") {
        let settings = tls_settings(connection);
        let host = url.host_str().unwrap_or_default();
        let shaken = Timed::by(|| net::handshake(&stream, host, &settings, context.limit()));
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
    way: &mut Way,
    url: &Url,
    named: Option<&str>,
    limit: Duration,
) -> Result<Option<TcpStream>, NotReached> {
    if let Some(proxy) = Proxy::of(url, named) {
        let mut stream = None;
        let asked = Timed::by(|| {
            let through = net::through(&proxy, url, limit);
            through.map(|behind| stream = behind)
        });
        let failed = asked.value.is_err();
        way.proxy = Some((proxy, asked));
        return if failed { Err(NotReached) } else { Ok(stream) };
    }
    let place = url.host_str().zip(url.port_or_known_default());
    let (host, port) = place.ok_or(NotReached)?;
    let resolved = Timed::by(|| net::resolve(host, port, limit));
    let addresses = resolved.value.clone();
    way.dns = Some(resolved);
    let addresses = addresses.map_err(|_| NotReached)?;
    let mut stream = None;
    let connected = Timed::by(|| {
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
    way: &mut Way,
    target: &Target,
    connection: &Connection,
    context: &Context,
) -> Option<SshSettings> {
    let nobody = context.anonymous(connection);
    let told = |error: ApiError| {
        Trouble::from(&Error::Api {
            error,
            causes: None,
        })
    };
    let http = Timed::by(|| match context.wait(nobody.greet()) {
        Ok(Ok(greeting)) => Ok(Greeting {
            // At its own address, proved by TLS, a refusal is enough.
            is_bitbuckets: greeting.is_bitbuckets
                || target.is_real_cloud() && greeting.status == 401,
            ..greeting
        }),
        Ok(Err(error)) => Err(told(error)),
        Err(error) => Err(Trouble::from(&error)),
    });
    way.now = OffsetDateTime::now_utc();
    let greeting = http.value.clone();
    way.http = Some(http);
    let is_odd = match &greeting {
        Ok(greeting) => !greeting.is_bitbuckets,
        Err(_) => true,
    };
    if is_odd && way.base.url().scheme() == "http" && way.proxy.is_none() {
        way.speaks_tls = speaks_tls(way.base.url(), context.limit());
    }
    let greeting = greeting.ok()?;
    if !greeting.is_bitbuckets {
        if !greeting.is_login && !way.speaks_tls {
            way.other_base = context.wait(nobody.other_base()).ok().flatten();
        }
        return None;
    }
    if greeting.version.is_none() && !way.is_cloud {
        // It has said that it is not ready.
        return None;
    }
    let credential = Timed::by(|| {
        let chosen = target.chosen.as_ref()?;
        Some(identify(chosen, context))
    });
    let bitbucket = match &credential.value {
        Some(Ok((_, bitbucket))) => Some(bitbucket),
        Some(Err(_)) | None => None,
    };
    let settings = bitbucket.and_then(|bitbucket| context.ssh_settings(bitbucket));
    if !way.is_cloud {
        way.links = Some(Timed::by(|| {
            let reach = context.wait(bitbucket.unwrap_or(&nobody).reach(None));
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

fn identify(chosen: &Chosen, context: &Context) -> Result<(Identity, Bitbucket), Trouble> {
    let connection = &chosen.connection;
    let secret = context
        .secret_of(chosen)
        .map_err(|error| Trouble::from(&error))?;
    let shape = TokenShape::of(secret.expose());
    let bitbucket = context.bitbucket(connection, secret);
    let identity = context
        .wait(bitbucket.identify(&Subject::from(connection)))
        .map_err(|error| Trouble::from(&error))?
        .map_err(|error| Trouble::from(&Error::refused_by(error, connection.auth, shape)))?;
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
