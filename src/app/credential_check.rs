//! Sends the credential of a connection to its server once, and gathers what that shows.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures_util::future::join;

use super::App;
use crate::bitbucket::{ApiError, Bitbucket, ConnectFailure, CredentialContext, Identity};
use crate::diagnostics::{ConnectionFacts, CredentialFacts};
use crate::error::{Error, ErrorSummary};
use crate::exit_status::ExitStatus;
use crate::resolve::SelectedConnection;
use crate::types::auth_failure_help::CredentialOrigin;
use crate::types::connection::{AuthMethod, TokenPrefix};
use crate::types::secret::Secret;

/// The facts about a connection, before and after its credential was sent.
#[derive(Debug)]
pub(crate) struct VerifiedCredential {
    pub(crate) facts: ConnectionFacts,
    /// The server, where it accepts the credential.
    pub(crate) bitbucket: Option<Bitbucket>,
}

impl App {
    /// Sends the credential to its server, unless the connection is SSH-only, its secret cannot be read or its server is
    /// known to be unreachable. It is sent once before it is used concurrently: a wrong password that is tried many times
    /// locks its account.
    pub(crate) fn verify_credential(
        &self,
        selected: &SelectedConnection,
        context: &CredentialContext,
        reachability: &ReachabilityCache,
    ) -> VerifiedCredential {
        let connection = &selected.connection;
        // The settings that decide whether a server is reached.
        let route = format!(
            "{} {:?} {:?} {:?}",
            connection.base_url.origin(),
            connection.network.proxy,
            connection.network.ca_cert,
            connection.network.client_identity
        );
        let secret = if connection.auth() == AuthMethod::Ssh {
            None
        } else {
            Some(self.secret_of(selected))
        };
        let with_secret = |secret| offline_facts(selected, secret);
        let verified = match secret {
            None => VerifiedCredential::offline(with_secret(Ok(TokenPrefix::Unknown))),
            Some(Err(error)) => {
                VerifiedCredential::offline(with_secret(Err(ErrorSummary::from(&error))))
            }
            Some(Ok(secret)) => {
                let facts = with_secret(Ok(TokenPrefix::from_token(secret.expose())));
                if let Some(summary) = reachability.cached_failure(&route) {
                    VerifiedCredential::offline(ConnectionFacts {
                        version: Some(Err(summary)),
                        ..facts
                    })
                } else {
                    self.send_credential(facts, secret, context)
                        .unwrap_or_else(|error| {
                            let summary = ErrorSummary::from(&error);
                            VerifiedCredential::offline(with_secret(Err(summary)))
                        })
                }
            }
        };
        reachability.record(route, &verified.facts);
        verified
    }

    /// Facts without a request, and without reading the secret.
    pub(crate) fn unverified_credential(&self, selected: &SelectedConnection) -> ConnectionFacts {
        offline_facts(selected, Ok(TokenPrefix::Unknown))
    }

    fn send_credential(
        &self,
        mut facts: ConnectionFacts,
        secret: Secret,
        context: &CredentialContext,
    ) -> Result<VerifiedCredential, Error> {
        let connection = &facts.credential.connection;
        let prefix = TokenPrefix::from_token(secret.expose());
        let bitbucket = self.client_with_secret(connection, secret);
        let connection = connection.clone();
        let name = facts.credential.name.clone();
        let origin = CredentialOrigin::of(&connection, &name);
        let summarize =
            |error| ErrorSummary::from(&Error::from_api(error, &connection, prefix, origin));
        let (version, identity) = self.block_on(version_and_identity(&bitbucket, context))?;
        let observation = bitbucket.observation();
        facts.time = observation.time;
        facts.certificate = observation.certificate;
        facts.version = Some(version.map_err(|error| server_summary(error, summarize)));
        facts.credential.identity =
            identity.map(|identity| identity.map_err(|error| server_summary(error, summarize)));
        let is_accepted = facts.credential.valid().is_some();
        Ok(VerifiedCredential {
            facts,
            bitbucket: is_accepted.then_some(bitbucket),
        })
    }
}

impl VerifiedCredential {
    fn offline(facts: ConnectionFacts) -> Self {
        Self {
            facts,
            bitbucket: None,
        }
    }
}

/// The version of the server, and what it says about the credential where it is a Bitbucket server. A server that hides its
/// version from anonymous requests reports it to a credential that it accepts.
async fn version_and_identity(
    bitbucket: &Bitbucket,
    context: &CredentialContext,
) -> (
    Result<Option<String>, ApiError>,
    Option<Result<Identity, ApiError>>,
) {
    let (version, identity) = anonymous_version_and_identity(bitbucket, context).await;
    if let (Ok(None), Some(Ok(_))) = (&version, &identity) {
        return (bitbucket.version_with_credential().await, identity);
    }
    (version, identity)
}

async fn anonymous_version_and_identity(
    bitbucket: &Bitbucket,
    context: &CredentialContext,
) -> (
    Result<Option<String>, ApiError>,
    Option<Result<Identity, ApiError>>,
) {
    // A proxy gets one request first: a login that it refuses is not tried a second time.
    if bitbucket.uses_proxy() {
        let version = bitbucket.version().await;
        let identity = match &version {
            Ok(_) => Some(bitbucket.identify(context).await),
            Err(_) => None,
        };
        return (version, identity);
    }
    let (version, identity) = join(bitbucket.version(), bitbucket.identify(context)).await;
    let identity = Some(identity).filter(|_| version.is_ok());
    (version, identity)
}

fn offline_facts(
    selected: &SelectedConnection,
    secret: Result<TokenPrefix, ErrorSummary>,
) -> ConnectionFacts {
    ConnectionFacts::new(CredentialFacts {
        name: selected.name.clone(),
        connection: selected.connection.clone(),
        secret,
        identity: None,
    })
}

/// The summary of an error of a request that every Bitbucket supports. Where the resource is missing, or refused for another
/// reason than the credential, the server or something before it is not usable, and nothing is known about the credential.
fn server_summary(error: ApiError, summarize: impl Fn(ApiError) -> ErrorSummary) -> ErrorSummary {
    let is_unusable = matches!(
        error,
        ApiError::NotFound(_) | ApiError::ClientError { .. } | ApiError::Gone(_)
    );
    let summary = summarize(error);
    ErrorSummary {
        exit: if is_unusable {
            ExitStatus::BadResponse
        } else {
            summary.exit
        },
        ..summary
    }
}

/// Servers that were not reached, so that other connections to them do not wait as well.
#[derive(Debug, Default)]
pub(crate) struct ReachabilityCache(Mutex<HashMap<String, Reachability>>);

#[derive(Debug, Default)]
struct Reachability {
    is_reachable: bool,
    timeouts: usize,
    failure: Option<ErrorSummary>,
}

impl ReachabilityCache {
    /// Why a server is not reached. A single timeout does not count: the next request may be faster. A server that timed
    /// out twice and never responded is given up.
    fn cached_failure(&self, route: &str) -> Option<ErrorSummary> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(route).filter(|known| !known.is_reachable)?;
        let failure = known.failure.as_ref()?;
        let is_timeout = failure.connect_failure == Some(ConnectFailure::Timeout);
        (!is_timeout || known.timeouts > 1).then(|| failure.clone())
    }

    fn record(&self, route: String, facts: &ConnectionFacts) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(route).or_default();
        match facts
            .server_error()
            .and_then(|summary| Some((summary, summary.connect_failure?)))
        {
            Some((summary, failure)) => {
                known.timeouts += usize::from(failure == ConnectFailure::Timeout);
                known.failure = Some(summary.clone());
            }
            None => known.is_reachable |= facts.version.is_some(),
        }
    }
}
