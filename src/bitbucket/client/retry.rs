//! When a request is sent again, and after how long.

use std::time::Duration;

use rand::RngExt as _;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;

use super::error::{ApiError, ConnectFailure};
use super::response::Response;

/// Sent at most this many times more.
const MAX_RETRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How long to wait before a request is sent again; `None` where that would not help or could do something twice.
///
/// Again: after 429, which was not looked at; and what may be done twice (RFC 9110, section 9.2.2) also after 502, 503,
/// 504, and where the connection broke. Never after 401, which locks accounts, and not where nothing listens or nobody
/// is trusted.
pub(super) fn retry_delay(
    attempt: u32,
    may_repeat: bool,
    sent: &Result<Response, ApiError>,
) -> Option<Duration> {
    let told = match sent {
        Ok(response) if is_transient(response.status(), may_repeat) => retry_after(response),
        Err(ApiError::Unreachable {
            obstacle: ConnectFailure::Other,
            ..
        }) if may_repeat => None,
        Ok(_) | Err(_) => return None,
    };
    (attempt < MAX_RETRIES)
        .then(|| told.unwrap_or_else(|| FIRST_PAUSE * 2_u32.pow(attempt) + jitter()))
}

fn is_transient(status: StatusCode, may_repeat: bool) -> bool {
    let overloaded = [
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    status == StatusCode::TOO_MANY_REQUESTS || (may_repeat && overloaded.contains(&status))
}

/// `Retry-After` in seconds (RFC 9110, section 10.2.3). Its other form, a date, is not used by Bitbucket.
pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.header(RETRY_AFTER)?.trim().parse();
    seconds.ok().map(Duration::from_secs)
}

/// So that many programs that were sent away together do not come back together.
fn jitter() -> Duration {
    Duration::from_millis(rand::rng().random_range(0..100))
}
