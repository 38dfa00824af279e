//! The rules of `audit`: what is wrong with keys, webhooks and tokens.

use std::borrow::Cow;
use std::collections::HashMap;

use super::finding::{Finding, FindingId, Severity};
use crate::exit_status::ExitStatus;
use crate::types::connection::ConnectionName;
use crate::types::date::{Date, DayCount, Timestamp};
use crate::types::inventory::{Item, ItemKind};
use crate::types::public_key::Fingerprint;
use crate::types::shell::quote;

/// NIST SP 800-131A: RSA keys under 2,048 bits are disallowed.
const MIN_RSA_BITS: u32 = 2048;

/// Where administrators of an organization revoke the API tokens of its users.
const API_TOKENS_PAGE: &str = "https://admin.atlassian.com (Insights, API token activity)";

#[derive(Debug, Clone, Copy)]
pub(crate) struct AuditLimits {
    pub(crate) today: Date,
    pub(crate) older_than: DayCount,
    pub(crate) unused: DayCount,
    pub(crate) expires_within: DayCount,
}

/// What the findings depend on beside the items.
#[derive(Debug)]
pub(crate) struct AuditContext {
    pub(crate) limits: AuditLimits,
    /// The connection that the user named: the commands are then for it.
    pub(crate) connection: Option<String>,
    /// The keys that `key rotate` can replace, with the connections of this machine that use them.
    pub(crate) rotatable: HashMap<Fingerprint, Vec<KeyUse>>,
}

/// A connection that logs in with a key.
#[derive(Debug, Clone)]
pub(crate) struct KeyUse {
    pub(crate) connection: ConnectionName,
    pub(crate) repository: String,
}

/// More places are only counted: a key may be in every repository.
const MAX_NAMED: usize = 5;

/// The rules of an audit, and which items are the same.
#[derive(Debug)]
pub(crate) struct Audit<'a> {
    context: &'a AuditContext,
    /// The owners of each key that several have, each once: the items are in the order of their owners.
    shared: HashMap<Fingerprint, Vec<&'a str>>,
    /// How many webhooks of an owner call a URL, and the first of them.
    urls: HashMap<(&'a str, &'a str), (usize, &'a Item)>,
}

impl<'a> Audit<'a> {
    pub(crate) fn new(items: &'a [Item], context: &'a AuditContext) -> Self {
        let mut first_owners = HashMap::new();
        let mut shared: HashMap<_, Vec<_>> = HashMap::new();
        let mut urls = HashMap::new();
        for item in items {
            let owner = &*item.owner;
            match (item.kind, item.fingerprint, &item.label) {
                (ItemKind::Key, Some(fingerprint), _) => {
                    let first = *first_owners.entry(fingerprint).or_insert(owner);
                    if first != owner {
                        let owners = shared.entry(fingerprint).or_insert_with(|| vec![first]);
                        if owners.last() != Some(&owner) {
                            owners.push(owner);
                        }
                    }
                }
                (ItemKind::Webhook, _, Some(url)) => {
                    urls.entry((&**url, owner)).or_insert((0, item)).0 += 1;
                }
                _ => {}
            }
        }
        Self {
            context,
            shared,
            urls,
        }
    }

    /// The findings of an item. What passes has none.
    pub(crate) fn findings(&self, item: &Item) -> Vec<Finding> {
        match item.kind {
            ItemKind::Key => self.key_findings(item),
            ItemKind::Webhook => self.webhook_findings(item),
            ItemKind::Token => self.token_findings(item),
        }
    }

    /// A command about an item: `bbconnect key remove 7 --repo acme/site`. `None` where no command is about its owner.
    fn command(&self, item: &Item, words: &str) -> Option<String> {
        let connection = self.context.connection.as_ref();
        let connection = connection.map(|name| format!(" -c {name}"));
        let owner = item.owner_option()?;
        Some(format!(
            "bbconnect {words} {owner}{}",
            connection.unwrap_or_default()
        ))
    }

    fn key_findings(&self, item: &Item) -> Vec<Finding> {
        let limits = self.context.limits;
        let mut findings = Vec::new();
        let id = quoted(item.id.as_deref());
        let remove = self.command(item, &format!("key remove {id}"));
        let list = self.command(item, "key list");
        // An unknown date is no reason to change a key.
        let with_step = |finding: Finding, step: Option<&String>| {
            let is_unknown = finding.level == Severity::Unknown;
            finding.with_command(if is_unknown {
                list.clone()
            } else {
                step.cloned()
            })
        };
        let replace = self.rotation(item).or_else(|| remove.clone());
        if let Some(reason) = weakness(item) {
            let weak = Finding::fail(FindingId::KeyWeak, ExitStatus::Failure, reason);
            findings.push(weak.with_command(replace.clone()));
        }
        findings.extend(
            age(item.created_on, limits).map(|finding| with_step(finding, replace.as_ref())),
        );
        findings.extend(
            unused(FindingId::KeyUnused, item.last_used_on, limits)
                .map(|finding| with_step(finding, remove.as_ref())),
        );
        if item.access.as_deref() == Some("write") && !item.owner.starts_with("user:") {
            let edit = self.command(item, &format!("key edit {id} --access read"));
            let message = "key has write access";
            findings.push(Finding::warn(FindingId::KeyWrite, message).with_command(edit));
        }
        findings.extend(
            self.sharing(item)
                .map(|finding| with_step(finding, replace.as_ref())),
        );
        findings.extend(expiry(FindingId::KeyExpiry, item, limits).map(|finding| {
            let is_over = finding.level == Severity::Fail;
            finding.with_command(if is_over { remove } else { replace })
        }));
        findings
    }

    /// The command that replaces a key, where a connection of this machine uses it. A key of a project or account has no
    /// repository of its own, but that connection has one.
    fn rotation(&self, item: &Item) -> Option<String> {
        let known = self.context.rotatable.get(&item.fingerprint?)?;
        let is_wide = item.owner.contains(':');
        let KeyUse {
            connection: own, ..
        } = known
            .iter()
            .find(|used| is_wide || used.repository == *item.owner)?;
        if is_wide {
            return Some(format!("bbconnect key rotate -c {own}"));
        }
        // The connection of the audit need not be the one with the key.
        let connection = self.context.connection.as_ref();
        let connection = connection.map(|_| format!(" -c {own}"));
        Some(format!(
            "bbconnect key rotate --repo {}{}",
            quote(&item.owner),
            connection.unwrap_or_default()
        ))
    }

    fn sharing(&self, item: &Item) -> Option<Finding> {
        let own = &*item.owner;
        let (total, names) = if let Some(owners) = &item.facts.registered_at {
            (owners.len(), first_others(owners, own))
        } else {
            let owners = self.shared.get(&item.fingerprint?)?;
            (owners.len(), first_others(owners, own))
        };
        let others = total.saturating_sub(1);
        if others > 0 {
            let message = format!("key is registered in {total} places");
            let more = match others - names.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let shared = Finding::warn(FindingId::KeyShared, message);
            return Some(shared.with_evidence(format!("also in {}{more}", names.join(", "))));
        }
        // Asked about a key that is in this repository, the server has to name at least that one.
        let is_refused = item.facts.registered_at.as_ref();
        let is_refused = is_refused.is_some_and(|owners| owners.is_empty());
        is_refused.then(|| {
            let message = "other places of the key are not reported";
            Finding::unknown(FindingId::KeyShared, message)
        })
    }

    fn webhook_findings(&self, item: &Item) -> Vec<Finding> {
        let mut findings = Vec::new();
        let id = quoted(item.id.as_deref());
        let url = item.label.as_deref().unwrap_or_default();
        let remove = self.command(item, &format!("webhook remove --id {id}"));
        let list = self.command(item, "webhook list");
        // The events are only added to those that the webhook has.
        let ensure = |option: &str| match &item.facts.event {
            Some(event) if !item.facts.has_hidden_password => {
                let (event, url) = (quoted(Some(event)), quoted(Some(url)));
                let words = format!("webhook ensure --url {url} --event {event} {option}");
                self.command(item, &words)
            }
            _ => list.clone(),
        };
        if url.to_ascii_lowercase().starts_with("http:") {
            let message = "payloads are sent unencrypted";
            findings.push(
                Finding::fail(FindingId::WebhookPlainHttp, ExitStatus::Failure, message)
                    .with_evidence(url)
                    .with_command(remove.clone()),
            );
        }
        match item.facts.is_signed {
            Some(true) => {}
            Some(false) => findings.push(
                Finding::warn(FindingId::WebhookUnsigned, "no secret signs the payloads")
                    .with_command(ensure("--generate-secret")),
            ),
            None => {
                let message = "whether a secret is set is not reported";
                findings.push(
                    Finding::unknown(FindingId::WebhookUnsigned, message)
                        .with_command(list.clone()),
                );
            }
        }
        if item.facts.verifies_receiver == Some(false) {
            let message = "the receiver's certificate is not verified";
            findings.push(
                Finding::warn(FindingId::WebhookInsecure, message)
                    .with_command(ensure("--verify-receiver")),
            );
        }
        findings.extend(self.duplicate(item, url).map(|(finding, is_first)| {
            finding.with_command(if is_first { list.clone() } else { remove })
        }));
        if item.facts.last_call_failed == Some(true) {
            let test = self.command(item, &format!("webhook test --id {id}"));
            findings.push(
                Finding::warn(FindingId::WebhookFailing, "last delivery failed").with_command(test),
            );
        }
        findings
    }

    /// The finding for a webhook whose URL another one calls, and whether it is the one to keep. A webhook of a workspace
    /// or project is also called for its repositories.
    fn duplicate(&self, item: &Item, url: &str) -> Option<(Finding, bool)> {
        let wider = item.wider_owners();
        let wider = wider.into_iter().flatten();
        let mut owners: Vec<String> = wider
            .filter(|owner| self.urls.contains_key(&(url, owner.as_str())))
            .collect();
        let is_narrower = !owners.is_empty();
        let (count, first) = self.urls.get(&(url, &*item.owner))?;
        if *count > 1 {
            owners.push(item.owner.to_string());
        }
        if owners.is_empty() {
            return None;
        }
        let message = "another webhook calls the same URL";
        let finding = Finding::warn(FindingId::WebhookDuplicate, message)
            .with_evidence(format!("in {}", owners.join(", ")));
        Some((finding, !is_narrower && std::ptr::eq(*first, item)))
    }

    fn token_findings(&self, item: &Item) -> Vec<Finding> {
        let limits = self.context.limits;
        let mut findings = Vec::new();
        let id = quoted(item.id.as_deref());
        let revoke = self
            .command(item, &format!("token revoke {id}"))
            .unwrap_or_else(|| format!("revoke it at {API_TOKENS_PAGE}"));
        if item.expires_on.is_none() && !item.facts.expires_on_unknown_day {
            let message = "token does not expire";
            findings.push(Finding::warn(FindingId::TokenNoExpiry, message));
        }
        findings.extend(expiry(FindingId::TokenExpiry, item, limits));
        findings.extend(unused(FindingId::TokenUnused, item.last_used_on, limits));
        let access = item.access.as_deref().unwrap_or_default();
        let wide: Vec<&str> = access
            .split(", ")
            .filter(|name| name.ends_with("_ADMIN"))
            .collect();
        if !wide.is_empty() {
            let message = "token has administrator permissions";
            findings
                .push(Finding::warn(FindingId::TokenWide, message).with_evidence(wide.join(", ")));
        }
        let findings = findings.into_iter();
        findings
            .map(|finding| match finding.level {
                Severity::Unknown | Severity::Pass => {
                    finding.with_command(self.command(item, "token list"))
                }
                Severity::Warn | Severity::Fail => finding.with_next(revoke.clone()),
            })
            .collect()
    }
}

fn first_others<'a>(owners: &'a [impl AsRef<str>], own: &str) -> Vec<&'a str> {
    let others = owners
        .iter()
        .map(AsRef::as_ref)
        .filter(|owner| *owner != own);
    others.take(MAX_NAMED).collect()
}

fn quoted(text: Option<&str>) -> Cow<'_, str> {
    quote(text.unwrap_or_default())
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

fn expiry(id: FindingId, item: &Item, limits: AuditLimits) -> Option<Finding> {
    let Some(expires_on) = item.expires_on else {
        let message = "the server does not report on which day it expires";
        let is_unknown = item.facts.expires_on_unknown_day;
        return is_unknown.then(|| Finding::unknown(id, message));
    };
    let days = limits.today.days_until(expires_on);
    if days < 0 {
        let message = format!("expired on {expires_on}");
        return Some(Finding::fail(id, ExitStatus::Failure, message));
    }
    (days <= limits.expires_within.count())
        .then(|| Finding::warn(id, format!("expires on {expires_on} (in {days} days)")))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::types::inventory::ItemFacts;
    use crate::types::test_rows;

    fn limits() -> AuditLimits {
        AuditLimits {
            today: "2026-11-29".parse().unwrap(),
            older_than: "180d".parse().unwrap(),
            unused: "90d".parse().unwrap(),
            expires_within: DayCount::TWO_WEEKS,
        }
    }

    fn own_fingerprint() -> Fingerprint {
        Fingerprint::from_key_blob(b"own")
    }

    fn healthy(kind: ItemKind) -> Item {
        let recently = Some("2026-11-01T00:00:00Z".parse().unwrap());
        Item {
            kind,
            owner: "acme/site".into(),
            id: Some("1".into()),
            label: Some("https://ci.example.com/hook".into()),
            fingerprint: Some(own_fingerprint()),
            algorithm: Some("ssh-ed25519".into()),
            access: Some("read".into()),
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

    fn audit(items: &[Item]) -> Audit<'_> {
        static CONTEXT: LazyLock<AuditContext> = LazyLock::new(|| AuditContext {
            limits: limits(),
            connection: None,
            rotatable: HashMap::new(),
        });
        Audit::new(items, &CONTEXT)
    }

    fn ids(items: &[Item]) -> Vec<(&'static str, Severity)> {
        let audit = audit(items);
        let judged = items.iter().flat_map(|item| audit.findings(item));
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

    fn change(item: &mut Item, setter: &str, argument: &str) {
        let facts = &mut item.facts;
        let time = || format!("{argument}T00:00:00Z").parse().ok();
        match setter {
            "created" => item.created_on = time(),
            "used" => item.last_used_on = time(),
            "expires" => item.expires_on = argument.parse().ok(),
            "access" => item.access = Some(argument.into()),
            "algorithm" => item.algorithm = Some(argument.into()),
            "rsa-bits" => {
                item.algorithm = Some("ssh-rsa".into());
                facts.bits = Some(argument.parse().unwrap());
            }
            "warning" => facts.warning = Some(argument.into()),
            "label" => item.label = Some(argument.into()),
            "signed" => facts.is_signed = Some(argument == "yes"),
            "verifies" => facts.verifies_receiver = Some(argument == "yes"),
            "expires-some-day" => {
                item.expires_on = None;
                facts.expires_on_unknown_day = true;
            }
            "failed" => facts.last_call_failed = Some(argument == "yes"),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn each_fault_has_its_finding() {
        for (case, expected) in test_rows(
            "
            key created 2026-01-01 => key.age warn
            key created never => key.age unknown
            key expires-some-day yes => key.expiry unknown
            token expires-some-day yes => token.expiry unknown
            key used 2026-08-01 => key.unused warn
            key used never => key.unused unknown
            key access write => key.write warn
            key algorithm ssh-dss => key.weak fail
            key rsa-bits 1024 => key.weak fail
            key warning unsafe => key.weak fail
            key expires 2026-11-28 => key.expiry fail
            key expires 2026-12-10 => key.expiry warn
            webhook label http://ci.example.com => webhook.plain-http fail
            webhook signed no => webhook.unsigned warn
            webhook verifies no => webhook.insecure warn
            webhook failed yes => webhook.failing warn
            token expires never => token.no-expiry warn
            token expires 2026-11-28 => token.expiry fail
            token used never => token.unused unknown
            token used 2026-08-01 => token.unused warn
            token access REPO_ADMIN, PROJECT_READ => token.wide warn
            ",
        ) {
            let words: Vec<_> = case.splitn(3, ' ').collect();
            let mut item = healthy(match words[0] {
                "key" => ItemKind::Key,
                "webhook" => ItemKind::Webhook,
                _ => ItemKind::Token,
            });
            change(&mut item, words[1], words[2]);
            let found = ids(&[item]).into_iter();
            let found: Vec<_> = found
                .map(|(id, level)| format!("{id} {}", level.name()))
                .collect();
            assert_eq!(found, [expected], "{case}");
        }
    }

    #[test]
    fn the_same_key_or_url_elsewhere_is_found() {
        let elsewhere = |kind, owner: &str| Item {
            owner: owner.into(),
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
        for owner in ["acme/api", "workspace:other", "project:API"] {
            let apart = [
                healthy(ItemKind::Webhook),
                elsewhere(ItemKind::Webhook, owner),
            ];
            assert_eq!(ids(&apart), [], "{owner}");
        }
    }

    #[test]
    fn the_server_reports_other_places_of_a_key() {
        let everywhere = |places: usize| {
            let mut key = healthy(ItemKind::Key);
            let places = (0..places).map(|at| format!("acme/r{at}"));
            key.facts.registered_at = Some(places.chain([key.owner.to_string()]).collect());
            key
        };
        assert_eq!(ids(&[everywhere(0)]), []);
        let findings = audit(&[]).findings(&everywhere(7));
        assert_eq!(findings[0].message, "key is registered in 8 places");
        let evidence = findings[0].evidence.as_deref().unwrap();
        assert!(evidence.ends_with("acme/r4 and 2 more"), "{evidence}");
        let mut hidden = healthy(ItemKind::Key);
        hidden.facts.registered_at = Some(Box::default());
        assert_eq!(ids(&[hidden]), [("key.shared", Severity::Unknown)]);
    }

    #[test]
    fn next_steps_are_commands_that_run_as_they_are() {
        let mut key = healthy(ItemKind::Key);
        key.owner = "~jane/site".into();
        key.created_on = Some("2025-01-01T00:00:00Z".parse().unwrap());
        let next = |item: &Item| audit(&[]).findings(item).remove(0).next.unwrap();
        let owner = quote("~jane/site");
        assert_eq!(next(&key), format!("bbconnect key remove 1 --repo {owner}"));
        let used = KeyUse {
            connection: "laptop".parse().unwrap(),
            repository: key.owner.to_string(),
        };
        let context = AuditContext {
            limits: limits(),
            connection: Some("work".to_owned()),
            rotatable: HashMap::from([(own_fingerprint(), vec![used])]),
        };
        let replace = |key: &Item| {
            let findings = Audit::new(&[], &context).findings(key);
            findings[0].next.clone().unwrap()
        };
        assert_eq!(
            replace(&key),
            format!("bbconnect key rotate --repo {owner} -c laptop")
        );
        key.owner = "acme/other".into();
        assert_eq!(
            replace(&key),
            "bbconnect key remove 1 --repo acme/other -c work"
        );
        for owner in ["project:WEB", "user:jane"] {
            key.owner = owner.into();
            assert_eq!(replace(&key), "bbconnect key rotate -c laptop");
        }
        key.fingerprint = None;
        key.id = Some("{7}".into());
        assert_eq!(
            replace(&key),
            format!("bbconnect key remove {} --user -c work", quote("{7}"))
        );
        let mut hook = healthy(ItemKind::Webhook);
        hook.owner = "workspace:acme".into();
        hook.facts.is_signed = Some(false);
        assert_eq!(next(&hook), "bbconnect webhook list --workspace acme");
        hook.facts.event = Some("push".into());
        hook.label = Some("https://ci.example.com/?a=1&b".into());
        let url = quote("https://ci.example.com/?a=1&b");
        assert_eq!(
            next(&hook),
            format!(
                "bbconnect webhook ensure --url {url} --event push --generate-secret --workspace acme"
            )
        );
        hook.facts.is_signed = Some(true);
        let twice = [hook.clone(), hook];
        let audit = audit(&twice);
        let commands: Vec<_> = twice
            .iter()
            .map(|hook| audit.findings(hook).remove(0).next.unwrap())
            .collect();
        assert_eq!(
            commands,
            [
                "bbconnect webhook list --workspace acme",
                "bbconnect webhook remove --id 1 --workspace acme"
            ]
        );
    }
}
