//! How many requests a server still accepts.

/// The limit that a server reports with its responses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RateLimit {
    /// Requests in a period, on Cloud an hour.
    pub limit: Option<u64>,
    /// Requests that are left.
    pub remaining: Option<u64>,
    /// The server says that few are left: on Cloud less than a fifth.
    pub near_limit: Option<bool>,
    /// What the limit applies to, as the server names it.
    pub resource: Option<String>,
}

/// A smaller part of the requests is few.
const FEW: u64 = 5;

impl RateLimit {
    /// The limit in the headers of a response; `None` where it has none of them.
    ///
    /// <https://support.atlassian.com/bitbucket-cloud/docs/api-request-limits/>
    pub(crate) fn from_headers<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let number = |name: &str| header(name)?.trim().parse().ok();
        let near = header("x-ratelimit-nearlimit").and_then(|value| {
            let value = value.trim();
            value.to_ascii_lowercase().parse().ok()
        });
        let found = Self {
            limit: number("x-ratelimit-limit"),
            remaining: number("x-ratelimit-remaining"),
            near_limit: near,
            resource: header("x-ratelimit-resource").map(|name| name.chars().take(60).collect()),
        };
        (found != Self::default()).then_some(found)
    }

    /// Whether few requests are left; `None` where the server does not say.
    pub(crate) fn is_near(&self) -> Option<bool> {
        let by_count = match (self.remaining, self.limit) {
            (Some(0), _) => Some(true),
            (Some(remaining), Some(limit)) => Some(remaining.saturating_mul(FEW) < limit),
            _ => None,
        };
        match (self.near_limit, by_count) {
            (Some(near), counted) => Some(near || counted == Some(true)),
            (None, counted) => counted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_requests_are_known_by_flag_or_number() {
        for (headers, expected) in [
            (&[][..], None),
            (&[("x-ratelimit-limit", "1000")][..], Some(None)),
            (&[("x-ratelimit-nearlimit", "true")], Some(Some(true))),
            (&[("x-ratelimit-nearlimit", "False")], Some(Some(false))),
            (
                &[("x-ratelimit-limit", "60"), ("x-ratelimit-remaining", "11")],
                Some(Some(true)),
            ),
            (
                &[("x-ratelimit-limit", "60"), ("x-ratelimit-remaining", "12")],
                Some(Some(false)),
            ),
            (&[("x-ratelimit-remaining", "0")], Some(Some(true))),
        ] {
            let header = |wanted: &str| {
                let mut all = headers.iter();
                all.find(|(name, _)| *name == wanted)
                    .map(|(_, value)| *value)
            };
            let found = RateLimit::from_headers(header);
            assert_eq!(found.map(|limit| limit.is_near()), expected, "{headers:?}");
        }
    }
}
