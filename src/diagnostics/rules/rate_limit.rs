//! The rate limit, where the server reports one.

use crate::diagnostics::finding::{Finding, FindingId};
use crate::diagnostics::route_facts::HttpRoute;

pub(crate) fn rate_limit(route: &HttpRoute) -> Option<Finding> {
    const ID: FindingId = FindingId::RateLimit;
    let limit = route.rate_limit.as_ref()?;
    let finding = if limit.is_near()? {
        Finding::warn(ID, "few requests are left before the server's rate limit").with_next(
            "send fewer requests, or wait; on Bitbucket Cloud the limit counts for an hour",
        )
    } else {
        Finding::pass(ID, "the server's rate limit is not near")
    };
    let facts = [
        limit.limit.map(|count| format!("limit: {count} requests")),
        limit.remaining.map(|count| format!("left: {count}")),
        limit.resource.as_ref().map(|name| format!("for: {name}")),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    Some(if facts.is_empty() {
        finding
    } else {
        finding.with_evidence(facts.join(", "))
    })
}
