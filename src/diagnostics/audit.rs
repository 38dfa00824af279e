//! The rules of `audit`: what is wrong with keys, webhooks and tokens.

use std::collections::HashMap;

use super::finding::{Finding, FindingId};
use crate::exit_status::ExitStatus;
use crate::types::date::Date;
use crate::types::day_count::DayCount;
use crate::types::inventory::{Item, ItemKind};
use crate::types::timestamp::Timestamp;

/// NIST SP 800-131A: RSA keys under 2,048 bits are disallowed.
const MIN_RSA_BITS: u32 = 2048;

#[derive(Debug, Clone, Copy)]
pub(crate) struct AuditLimits {
    pub(crate) today: Date,
    pub(crate) older_than: DayCount,
    pub(crate) unused: DayCount,
    pub(crate) expires_within: DayCount,
}

/// The findings of each item, in the order of the items. What passes has none.
pub(crate) fn judge_inventory(items: &[Item], limits: AuditLimits) -> Vec<Vec<Finding>> {
    let shared = owners_by(items, ItemKind::Key, |item| item.fingerprint.as_deref());
    let urls = owners_by(items, ItemKind::Webhook, |item| item.label.as_deref());
    items
        .iter()
        .map(|item| match item.kind {
            ItemKind::Key => key_findings(item, limits, &shared),
            ItemKind::Webhook => webhook_findings(item, &urls),
            ItemKind::Token => token_findings(item, limits),
        })
        .collect()
}

/// The owners of the items of a kind that have the same value.
fn owners_by<'a>(
    items: &'a [Item],
    kind: ItemKind,
    value: impl Fn(&'a Item) -> Option<&'a str>,
) -> HashMap<&'a str, Vec<&'a str>> {
    let mut owners: HashMap<&str, Vec<&str>> = HashMap::new();
    for item in items.iter().filter(|item| item.kind == kind) {
        if let Some(value) = value(item) {
            owners.entry(value).or_default().push(&item.owner);
        }
    }
    owners
}

fn key_findings(
    item: &Item,
    limits: AuditLimits,
    shared: &HashMap<&str, Vec<&str>>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let flag = &item.facts.owner_flag;
    let id = item.id.as_deref().unwrap_or_default();
    let remove = format!("bbconnect key remove {id} {flag}");
    let rotate = format!("bbconnect key rotate {flag}");
    if let Some(reason) = weakness(item) {
        findings.push(
            Finding::fail(FindingId::KeyWeak, ExitStatus::Failure, reason)
                .with_next(rotate.clone()),
        );
    }
    findings.extend(age(item.created_on, limits).map(|finding| finding.with_next(rotate.clone())));
    findings.extend(
        unused(FindingId::KeyUnused, item.last_used_on, limits)
            .map(|finding| finding.with_next(remove.clone())),
    );
    if item.access.as_deref() == Some("write") && !item.owner.starts_with("user:") {
        let message = "key has write access";
        findings.push(
            Finding::warn(FindingId::KeyWrite, message)
                .with_next(format!("bbconnect key edit {id} --access read {flag}")),
        );
    }
    let others = item.fingerprint.as_deref().and_then(|own| shared.get(own));
    if let Some(others) = others.filter(|others| others.len() > 1) {
        let message = format!("key is registered in {} places", others.len());
        findings.push(
            Finding::warn(FindingId::KeyShared, message)
                .with_evidence(others.join(", "))
                .with_next(rotate),
        );
    }
    findings.extend(
        expiry(FindingId::KeyExpiry, item.expires_on, limits)
            .map(|finding| finding.with_next(remove)),
    );
    findings
}

fn weakness(item: &Item) -> Option<String> {
    if let Some(warning) = &item.facts.warning {
        return Some(format!("server warning: {warning}"));
    }
    let algorithm = item.algorithm.as_deref()?;
    if algorithm == "ssh-dss" || algorithm.eq_ignore_ascii_case("dsa") {
        return Some("DSA keys are too weak".to_owned());
    }
    let bits = item.facts.bits.filter(|_| algorithm == "ssh-rsa")?;
    (bits < MIN_RSA_BITS).then(|| format!("RSA key has {bits} bits, fewer than {MIN_RSA_BITS}"))
}

fn age(created_on: Option<Timestamp>, limits: AuditLimits) -> Option<Finding> {
    let Some(created_on) = created_on else {
        return Some(Finding::unknown(
            FindingId::KeyAge,
            "creation date is not reported",
        ));
    };
    let days = created_on.date().days_until(limits.today);
    (days > limits.older_than.count()).then(|| {
        let message = format!("key was created {days} days ago, on {}", created_on.date());
        Finding::warn(FindingId::KeyAge, message)
    })
}

fn unused(id: FindingId, last_used_on: Option<Timestamp>, limits: AuditLimits) -> Option<Finding> {
    let Some(last_used_on) = last_used_on else {
        return Some(Finding::unknown(id, "last use is not reported"));
    };
    let days = last_used_on.date().days_until(limits.today);
    (days > limits.unused.count()).then(|| {
        let message = format!("last used {days} days ago, on {}", last_used_on.date());
        Finding::warn(id, message)
    })
}

fn expiry(id: FindingId, expires_on: Option<Date>, limits: AuditLimits) -> Option<Finding> {
    let expires_on = expires_on?;
    let days = limits.today.days_until(expires_on);
    if days < 0 {
        let message = format!("expired on {expires_on}");
        return Some(Finding::fail(id, ExitStatus::Failure, message));
    }
    (days <= limits.expires_within.count())
        .then(|| Finding::warn(id, format!("expires on {expires_on} (in {days} days)")))
}

fn webhook_findings(item: &Item, urls: &HashMap<&str, Vec<&str>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let flag = &item.facts.owner_flag;
    let id = item.id.as_deref().unwrap_or_default();
    let url = item.label.as_deref().unwrap_or_default();
    let ensure = format!(
        "bbconnect webhook ensure {flag} --url {}",
        shell_words::quote(url)
    );
    let remove = format!(
        "bbconnect webhook remove {flag} --id {}",
        shell_words::quote(id)
    );
    if url.to_ascii_lowercase().starts_with("http:") {
        let message = "payloads are sent unencrypted";
        findings.push(
            Finding::fail(FindingId::WebhookPlainHttp, ExitStatus::Failure, message)
                .with_evidence(url)
                .with_next(remove.clone()),
        );
    }
    match item.facts.is_signed {
        Some(true) => {}
        Some(false) => findings.push(
            Finding::warn(FindingId::WebhookUnsigned, "no secret signs the payloads")
                .with_next(format!("{ensure} --generate-secret --event …")),
        ),
        None => findings.push(Finding::unknown(
            FindingId::WebhookUnsigned,
            "whether a secret is set is not reported",
        )),
    }
    if item.facts.verifies_receiver == Some(false) {
        findings.push(
            Finding::warn(
                FindingId::WebhookInsecure,
                "the receiver's certificate is not verified",
            )
            .with_next(format!("{ensure} --verify-receiver --event …")),
        );
    }
    // A webhook of a workspace or project is also called for its repositories.
    let others = urls.get(url).into_iter().flatten();
    let wider = |owner: &str| owner.starts_with("project:") || owner.starts_with("workspace:");
    let doubles: Vec<&str> = others
        .copied()
        .filter(|owner| *owner == item.owner || wider(owner))
        .collect();
    let is_own = |owner: &&str| **owner == item.owner;
    let other_doubles = doubles.len() - usize::from(doubles.iter().any(is_own));
    if other_doubles > 0 {
        let message = "another webhook calls the same URL";
        findings.push(
            Finding::warn(FindingId::WebhookDuplicate, message)
                .with_evidence(doubles.join(", "))
                .with_next(remove),
        );
    }
    if item.facts.last_call_failed == Some(true) {
        findings.push(
            Finding::warn(FindingId::WebhookFailing, "last delivery failed").with_next(format!(
                "bbconnect webhook test {flag} --id {}",
                shell_words::quote(id)
            )),
        );
    }
    findings
}

fn token_findings(item: &Item, limits: AuditLimits) -> Vec<Finding> {
    let mut findings = Vec::new();
    let flag = &item.facts.owner_flag;
    let id = item.id.as_deref().unwrap_or_default();
    let revoke = format!("bbconnect token revoke {id} {flag}");
    if item.expires_on.is_none() {
        let message = "token does not expire";
        findings.push(Finding::warn(FindingId::TokenNoExpiry, message).with_next(revoke.clone()));
    }
    findings.extend(
        expiry(FindingId::TokenExpiry, item.expires_on, limits)
            .map(|finding| finding.with_next(revoke.clone())),
    );
    findings.extend(
        unused(FindingId::TokenUnused, item.last_used_on, limits)
            .map(|finding| finding.with_next(revoke.clone())),
    );
    let access = item.access.as_deref().unwrap_or_default();
    let wide: Vec<&str> = access
        .split(", ")
        .filter(|name| name.ends_with("_ADMIN"))
        .collect();
    if !wide.is_empty() {
        findings.push(
            Finding::warn(FindingId::TokenWide, "token has administrator permissions")
                .with_evidence(wide.join(", "))
                .with_next(revoke),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::finding::Severity;
    use crate::types::inventory::ItemFacts;

    fn limits() -> AuditLimits {
        AuditLimits {
            today: "2026-11-29".parse().unwrap(),
            older_than: "180d".parse().unwrap(),
            unused: "90d".parse().unwrap(),
            expires_within: DayCount::TWO_WEEKS,
        }
    }

    fn healthy(kind: ItemKind) -> Item {
        let recently = Some("2026-11-01T00:00:00Z".parse().unwrap());
        Item {
            kind,
            owner: "acme/site".to_owned(),
            id: Some("1".to_owned()),
            label: Some("https://ci.example.com/hook".to_owned()),
            fingerprint: Some("SHA256:own".to_owned()),
            algorithm: Some("ssh-ed25519".to_owned()),
            access: Some("read".to_owned()),
            created_on: recently,
            last_used_on: recently,
            expires_on: Some("2027-06-01".parse().unwrap()),
            facts: ItemFacts {
                is_signed: Some(true),
                verifies_receiver: Some(true),
                ..ItemFacts::default()
            },
        }
    }

    fn ids(items: &[Item]) -> Vec<(&'static str, Severity)> {
        let judged = judge_inventory(items, limits()).into_iter().flatten();
        judged
            .map(|finding| (finding.id.name(), finding.level))
            .collect()
    }

    #[test]
    fn what_is_as_it_should_be_has_no_finding() {
        for kind in [ItemKind::Key, ItemKind::Webhook, ItemKind::Token] {
            assert_eq!(ids(&[healthy(kind)]), [], "{kind}");
        }
    }

    type Change = fn(&mut Item);

    fn assert_findings(kind: ItemKind, cases: &[(Change, &'static str, Severity)]) {
        for (change, id, level) in cases {
            let mut item = healthy(kind);
            change(&mut item);
            assert_eq!(ids(&[item]), [(*id, *level)], "{id}");
        }
    }

    #[test]
    fn each_fault_of_a_key_has_its_finding() {
        let cases: &[(Change, &str, Severity)] = &[
            (
                |key| key.created_on = Some("2026-01-01T00:00:00Z".parse().unwrap()),
                "key.age",
                Severity::Warn,
            ),
            (|key| key.created_on = None, "key.age", Severity::Unknown),
            (
                |key| key.last_used_on = Some("2026-08-01T00:00:00Z".parse().unwrap()),
                "key.unused",
                Severity::Warn,
            ),
            (
                |key| key.last_used_on = None,
                "key.unused",
                Severity::Unknown,
            ),
            (
                |key| key.access = Some("write".to_owned()),
                "key.write",
                Severity::Warn,
            ),
            (
                |key| key.algorithm = Some("ssh-dss".to_owned()),
                "key.weak",
                Severity::Fail,
            ),
            (
                |key| {
                    key.algorithm = Some("ssh-rsa".to_owned());
                    key.facts.bits = Some(1024);
                },
                "key.weak",
                Severity::Fail,
            ),
            (
                |key| key.facts.warning = Some("unsafe".to_owned()),
                "key.weak",
                Severity::Fail,
            ),
            (
                |key| key.expires_on = Some("2026-11-28".parse().unwrap()),
                "key.expiry",
                Severity::Fail,
            ),
            (
                |key| key.expires_on = Some("2026-12-10".parse().unwrap()),
                "key.expiry",
                Severity::Warn,
            ),
        ];
        assert_findings(ItemKind::Key, cases);
    }

    #[test]
    fn each_fault_of_a_webhook_has_its_finding() {
        let cases: &[(Change, &str, Severity)] = &[
            (
                |hook| hook.label = Some("http://ci.example.com".to_owned()),
                "webhook.plain-http",
                Severity::Fail,
            ),
            (
                |hook| hook.facts.is_signed = Some(false),
                "webhook.unsigned",
                Severity::Warn,
            ),
            (
                |hook| hook.facts.verifies_receiver = Some(false),
                "webhook.insecure",
                Severity::Warn,
            ),
            (
                |hook| hook.facts.last_call_failed = Some(true),
                "webhook.failing",
                Severity::Warn,
            ),
        ];
        assert_findings(ItemKind::Webhook, cases);
    }

    #[test]
    fn each_fault_of_a_token_has_its_finding() {
        let cases: &[(Change, &str, Severity)] = &[
            (
                |token| token.expires_on = None,
                "token.no-expiry",
                Severity::Warn,
            ),
            (
                |token| token.expires_on = Some("2026-11-28".parse().unwrap()),
                "token.expiry",
                Severity::Fail,
            ),
            (
                |token| token.last_used_on = None,
                "token.unused",
                Severity::Unknown,
            ),
            (
                |token| token.last_used_on = Some("2026-08-01T00:00:00Z".parse().unwrap()),
                "token.unused",
                Severity::Warn,
            ),
            (
                |token| token.access = Some("REPO_ADMIN, PROJECT_READ".to_owned()),
                "token.wide",
                Severity::Warn,
            ),
        ];
        assert_findings(ItemKind::Token, cases);
    }

    #[test]
    fn the_same_key_or_url_elsewhere_is_found() {
        let elsewhere = |kind, owner: &str| Item {
            owner: owner.to_owned(),
            ..healthy(kind)
        };
        let shared = [healthy(ItemKind::Key), elsewhere(ItemKind::Key, "acme/api")];
        assert_eq!(ids(&shared), [("key.shared", Severity::Warn); 2]);
        let doubled = [healthy(ItemKind::Webhook), healthy(ItemKind::Webhook)];
        assert_eq!(ids(&doubled), [("webhook.duplicate", Severity::Warn); 2]);
        let wider = [
            healthy(ItemKind::Webhook),
            elsewhere(ItemKind::Webhook, "workspace:acme"),
        ];
        assert_eq!(ids(&wider), [("webhook.duplicate", Severity::Warn)]);
        let apart = [
            healthy(ItemKind::Webhook),
            elsewhere(ItemKind::Webhook, "acme/api"),
        ];
        assert_eq!(ids(&apart), []);
    }
}
