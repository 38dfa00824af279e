//! Scopes and permissions: what a credential may do, in the vocabulary of each kind of credential.
//!
//! Bitbucket Cloud: <https://developer.atlassian.com/cloud/bitbucket/rest/intro/#authentication>. Data Center:
//! <https://confluence.atlassian.com/bitbucketserver/http-access-tokens-939515499.html>.

mod granted;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

pub(crate) use granted::GrantedScopes;
pub(super) use granted::all_known;

use super::connection::{AuthMethod, TokenLevel};
use super::deployment::Deployment;
use super::repository::Permission;

/// A vocabulary of scopes. Each kind of credential has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ScopeSystem {
    /// OAuth, access tokens and app passwords of Cloud: `repository:write`.
    Classic,
    /// API tokens of Cloud: `write:repository:bitbucket`.
    ApiToken,
    /// Permissions of Data Center: `REPO_WRITE`.
    DataCenter,
}

/// A scope or permission that Bitbucket has.
#[derive(Clone, Copy)]
pub(crate) struct Scope(&'static Entry);

/// A text that is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a scope or permission of Bitbucket{}", likely.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
pub(crate) struct NotAScope {
    /// The most similar scope.
    likely: Option<&'static str>,
}

impl ScopeSystem {
    /// The vocabulary of a kind of credential; `None` for one that has no scopes.
    pub(crate) fn for_credential(auth: AuthMethod, deployment: Deployment) -> Option<Self> {
        match auth {
            AuthMethod::OAuth if deployment != Deployment::Cloud => Some(Self::DataCenter),
            AuthMethod::ApiToken => Some(Self::ApiToken),
            AuthMethod::OAuth
            | AuthMethod::ClientCredentials
            | AuthMethod::AccessToken
            | AuthMethod::AppPassword => Some(Self::Classic),
            AuthMethod::HttpAccessToken | AuthMethod::Password => Some(Self::DataCenter),
            AuthMethod::Ssh => None,
        }
    }
}

impl Scope {
    /// Its name, as it is ticked and listed.
    pub(crate) fn name(self) -> &'static str {
        self.0.name
    }

    /// Whose word it is.
    pub(crate) fn vocabulary(self) -> ScopeSystem {
        self.0.system
    }

    /// What one must be allowed on a repository to use it there.
    pub(crate) fn permission(self) -> Permission {
        if self.name().contains("pullrequest") {
            return Permission::Read;
        }
        let as_permissions = self.equivalents_in(ScopeSystem::DataCenter);
        let highest = as_permissions.iter().map(|scope| match scope.name() {
            "REPO_ADMIN" => Permission::Admin,
            "REPO_WRITE" => Permission::Write,
            _ => Permission::Read,
        });
        highest.max().unwrap_or(Permission::Read)
    }

    /// The name of the check box that selects it. On the page of API tokens that is the name of the scope.
    pub(crate) fn checkbox(self) -> String {
        let (family, action) = match self.vocabulary() {
            ScopeSystem::ApiToken => return self.name().to_owned(),
            ScopeSystem::Classic => self.name().split_once(':').unwrap_or((self.name(), "read")),
            ScopeSystem::DataCenter => self.name().split_once('_').unwrap_or((self.name(), "")),
        };
        let family = match family {
            "email" => return "Account: Email".to_owned(),
            "webhook" => return "Webhooks: Read & Write".to_owned(),
            "account" => "Account",
            "project" | "PROJECT" => "Project",
            "repository" | "REPO" => "Repository",
            "pullrequest" => "Pull Request",
            "pipeline" => "Pipelines",
            "runner" => "Runners",
            "issue" => "Issues",
            "snippet" => "Snippets",
            other => other,
        };
        let action = action.to_lowercase();
        let action = match action.as_str() {
            "variable" => "edit variables",
            action => action,
        };
        let (first, rest) = action.split_at_checked(1).unwrap_or_default();
        format!("{family}: {}{rest}", first.to_uppercase())
    }

    /// Whether the page where a credential is created offers it. Access tokens have few scopes; the narrower the token, the
    /// fewer.
    pub(crate) fn is_selectable(self, auth: AuthMethod, level: Option<TokenLevel>) -> bool {
        if auth != AuthMethod::AccessToken || self.vocabulary() != ScopeSystem::Classic {
            return true;
        }
        let (family, _) = self.name().split_once(':').unwrap_or((self.name(), ""));
        let is_of_repositories = matches!(
            family,
            "repository" | "pullrequest" | "webhook" | "pipeline" | "runner"
        );
        is_of_repositories
            || match level {
                Some(TokenLevel::Repo) => false,
                Some(TokenLevel::Project) => self.name() == "project",
                Some(TokenLevel::Workspace | TokenLevel::User) | None => {
                    matches!(self.name(), "project" | "project:admin" | "account")
                }
            }
    }

    /// The scopes that it implies directly.
    pub(crate) fn implied(self) -> impl Iterator<Item = Self> {
        self.0.implies.iter().filter_map(|name| known(name))
    }

    /// The equivalent in another vocabulary; empty where there is none.
    pub(crate) fn equivalents_in(self, system: ScopeSystem) -> Vec<Self> {
        if system == self.vocabulary() {
            return vec![self];
        }
        let elsewhere = self.0.elsewhere.iter().filter_map(|name| known(name));
        elsewhere
            .filter(|scope| scope.vocabulary() == system)
            .collect()
    }
}

/// A scope by its exact name.
fn known(name: &str) -> Option<Scope> {
    all().find(|entry| entry.name == name).map(Scope)
}

impl FromStr for Scope {
    type Err = NotAScope;

    /// Reads either spelling of an API token's scope, with and without `:bitbucket`, and permissions in either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        known(text)
            .or_else(|| known(&format!("{text}:bitbucket")))
            .or_else(|| known(&text.to_ascii_uppercase()))
            .or_else(|| known(&text.to_ascii_lowercase()))
            .ok_or_else(|| NotAScope {
                likely: suggestion(text),
            })
    }
}

/// The scope with the parts of a text in another order or number: `repository:read` is `read:repository:bitbucket`.
fn suggestion(text: &str) -> Option<&'static str> {
    let wanted: Vec<String> = text
        .to_ascii_lowercase()
        .split([':', '_', '.', '-'])
        .map(|part| part.trim_end_matches('s').to_owned())
        .collect();
    let common = |entry: &&Entry| {
        let name = entry.name.to_ascii_lowercase();
        let parts: Vec<&str> = name.split([':', '_', '-']).collect();
        wanted
            .iter()
            .filter(|part| parts.contains(&part.as_str()))
            .count()
    };
    let best = all().max_by_key(|entry| (common(entry), std::cmp::Reverse(entry.name.len())))?;
    (common(&best) > 0).then_some(best.name)
}

impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Scope {}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A scope, with the scopes that it is related to.
#[derive(Debug)]
struct Entry {
    system: ScopeSystem,
    name: &'static str,
    /// Scopes of the same vocabulary that it implies.
    implies: Names,
    /// Its equivalent in the other vocabularies; empty where there is none.
    elsewhere: Names,
}

type Names = &'static [&'static str];

const fn classic(name: &'static str, implies: Names, elsewhere: Names) -> Entry {
    Entry {
        system: ScopeSystem::Classic,
        name,
        implies,
        elsewhere,
    }
}

const fn api(name: &'static str, elsewhere: Names) -> Entry {
    Entry {
        system: ScopeSystem::ApiToken,
        name,
        implies: &[],
        elsewhere,
    }
}

const fn data_center(name: &'static str, implies: Names, elsewhere: Names) -> Entry {
    Entry {
        system: ScopeSystem::DataCenter,
        name,
        implies,
        elsewhere,
    }
}

/// OAuth consumers, access tokens and app passwords: some scopes imply others.
#[rustfmt::skip]
const CLASSIC: [Entry; 23] = [
    classic("account", &[], &["read:user:bitbucket"]),
    classic("account:write", &[], &["write:user:bitbucket"]),
    classic("email", &[], &["read:user:bitbucket"]),
    classic("project", &["repository"], &["read:project:bitbucket", "PROJECT_READ"]),
    // Obsolete, and without effect.
    classic("project:write", &[], &[]),
    classic("project:admin", &[], &["admin:project:bitbucket", "PROJECT_ADMIN"]),
    classic("repository", &[], &["read:repository:bitbucket", "REPO_READ"]),
    classic("repository:write", &["repository"], &[
        "read:repository:bitbucket", "write:repository:bitbucket", "REPO_WRITE",
    ]),
    classic("repository:admin", &[], &["admin:repository:bitbucket", "REPO_ADMIN"]),
    classic("repository:delete", &[], &["delete:repository:bitbucket", "REPO_ADMIN"]),
    classic("pullrequest", &["repository"], &["read:pullrequest:bitbucket", "REPO_READ"]),
    classic("pullrequest:write", &["pullrequest", "repository:write"], &[
        "read:pullrequest:bitbucket", "write:pullrequest:bitbucket", "REPO_WRITE",
    ]),
    classic("webhook", &[], &[
        "read:webhook:bitbucket", "write:webhook:bitbucket", "delete:webhook:bitbucket", "REPO_ADMIN",
    ]),
    classic("issue", &[], &["read:issue:bitbucket"]),
    classic("issue:write", &["issue"], &["read:issue:bitbucket", "write:issue:bitbucket"]),
    classic("wiki", &[], &[]),
    classic("snippet", &[], &["read:snippet:bitbucket"]),
    classic("snippet:write", &["snippet"], &["read:snippet:bitbucket", "write:snippet:bitbucket"]),
    classic("pipeline", &[], &["read:pipeline:bitbucket"]),
    classic("pipeline:write", &["pipeline"], &["read:pipeline:bitbucket", "write:pipeline:bitbucket"]),
    classic("pipeline:variable", &["pipeline:write"], &["admin:pipeline:bitbucket"]),
    classic("runner", &[], &["read:runner:bitbucket"]),
    classic("runner:write", &["runner"], &["read:runner:bitbucket", "write:runner:bitbucket"]),
];

/// API tokens: no scope implies another.
#[rustfmt::skip]
const API_TOKEN: [Entry; 37] = [
    api("read:user:bitbucket", &["account"]),
    api("write:user:bitbucket", &["account:write"]),
    api("read:workspace:bitbucket", &["account"]),
    api("admin:workspace:bitbucket", &[]),
    api("read:project:bitbucket", &["project", "PROJECT_READ"]),
    api("admin:project:bitbucket", &["project:admin", "PROJECT_ADMIN"]),
    api("read:repository:bitbucket", &["repository", "REPO_READ"]),
    api("write:repository:bitbucket", &["repository:write", "REPO_WRITE"]),
    api("admin:repository:bitbucket", &["repository:admin", "REPO_ADMIN"]),
    api("delete:repository:bitbucket", &["repository:delete", "REPO_ADMIN"]),
    api("read:pullrequest:bitbucket", &["pullrequest", "REPO_READ"]),
    api("write:pullrequest:bitbucket", &["pullrequest:write", "REPO_WRITE"]),
    api("read:webhook:bitbucket", &["webhook", "REPO_ADMIN"]),
    api("write:webhook:bitbucket", &["webhook", "REPO_ADMIN"]),
    api("delete:webhook:bitbucket", &["webhook", "REPO_ADMIN"]),
    api("read:ssh-key:bitbucket", &["account"]),
    api("write:ssh-key:bitbucket", &["account:write"]),
    api("delete:ssh-key:bitbucket", &["account:write"]),
    api("read:gpg-key:bitbucket", &["account"]),
    api("write:gpg-key:bitbucket", &["account:write"]),
    api("delete:gpg-key:bitbucket", &["account:write"]),
    api("read:permission:bitbucket", &["repository:admin"]),
    api("write:permission:bitbucket", &["repository:admin"]),
    api("delete:permission:bitbucket", &["repository:admin"]),
    api("read:pipeline:bitbucket", &["pipeline"]),
    api("write:pipeline:bitbucket", &["pipeline:write"]),
    api("admin:pipeline:bitbucket", &["pipeline:variable"]),
    api("read:runner:bitbucket", &["runner"]),
    api("write:runner:bitbucket", &["runner:write"]),
    api("read:issue:bitbucket", &["issue"]),
    api("write:issue:bitbucket", &["issue:write"]),
    api("delete:issue:bitbucket", &["issue:write"]),
    api("read:snippet:bitbucket", &["snippet"]),
    api("write:snippet:bitbucket", &["snippet:write"]),
    api("delete:snippet:bitbucket", &["snippet:write"]),
    // Scopes of the Atlassian account, which other products request.
    api("read:account", &["account"]),
    api("read:me", &["account"]),
];

/// Permissions of HTTP access tokens. A project's permission includes its repositories, and each includes the lower ones;
/// on Cloud, administration does not include reading.
#[rustfmt::skip]
const DATA_CENTER: [Entry; 6] = [
    data_center("REPO_READ", &[], &["repository", "read:repository:bitbucket"]),
    data_center("REPO_WRITE", &["REPO_READ"], &[
        "repository:write", "read:repository:bitbucket", "write:repository:bitbucket",
    ]),
    data_center("REPO_ADMIN", &["REPO_WRITE", "REPO_READ"], &[
        "repository:write", "repository:admin", "read:repository:bitbucket", "write:repository:bitbucket",
        "admin:repository:bitbucket",
    ]),
    data_center("PROJECT_READ", &["REPO_READ"], &["project", "read:project:bitbucket"]),
    data_center("PROJECT_WRITE", &["PROJECT_READ", "REPO_WRITE", "REPO_READ"], &[
        "project", "repository:write", "read:project:bitbucket", "read:repository:bitbucket",
        "write:repository:bitbucket",
    ]),
    data_center("PROJECT_ADMIN", &["PROJECT_WRITE", "PROJECT_READ", "REPO_ADMIN", "REPO_WRITE", "REPO_READ"], &[
        "project", "project:admin", "repository:write", "repository:admin", "read:project:bitbucket",
        "admin:project:bitbucket", "read:repository:bitbucket", "write:repository:bitbucket",
        "admin:repository:bitbucket",
    ]),
];

fn all() -> impl Iterator<Item = &'static Entry> {
    CLASSIC.iter().chain(&API_TOKEN).chain(&DATA_CENTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_related_scopes_exist() {
        let names: Vec<&str> = all().map(|entry| entry.name).collect();
        for entry in all() {
            assert_eq!(
                names.iter().filter(|name| **name == entry.name).count(),
                1,
                "{}",
                entry.name
            );
            for name in entry.implies {
                let implied = known(name).unwrap();
                assert_eq!(implied.vocabulary(), entry.system, "{name}");
            }
            for name in entry.elsewhere {
                assert_ne!(known(name).unwrap().vocabulary(), entry.system, "{name}");
            }
            let implies = entry.system == ScopeSystem::ApiToken && !entry.implies.is_empty();
            assert!(!implies, "{} implies something", entry.name);
        }
    }

    #[test]
    fn either_spelling_is_read() {
        for (text, name) in [
            ("repository:write", "repository:write"),
            ("write:repository", "write:repository:bitbucket"),
            ("write:repository:bitbucket", "write:repository:bitbucket"),
            (" repo_admin ", "REPO_ADMIN"),
            ("PROJECT_READ", "PROJECT_READ"),
            ("read:account", "read:account"),
            ("WEBHOOK", "webhook"),
        ] {
            assert_eq!(text.parse::<Scope>().map(Scope::name), Ok(name), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_a_suggestion() {
        for (text, likely) in [
            ("repository:read", Some("read:repository:bitbucket")),
            ("admin_repository", Some("repository:admin")),
            ("pull-request", None),
            ("", None),
        ] {
            let error = text.parse::<Scope>().unwrap_err();
            if let Some(likely) = likely {
                assert_eq!(error.likely, Some(likely), "{text}");
            }
        }
    }

    #[test]
    fn scopes_are_translated() {
        let write: Scope = "repository:write".parse().unwrap();
        let names = |scopes: Vec<Scope>| scopes.into_iter().map(Scope::name).collect::<Vec<_>>();
        assert_eq!(
            names(write.equivalents_in(ScopeSystem::ApiToken)),
            ["read:repository:bitbucket", "write:repository:bitbucket"]
        );
        assert_eq!(
            names(write.equivalents_in(ScopeSystem::DataCenter)),
            ["REPO_WRITE"]
        );
        for (lower, higher) in [
            ("REPO_READ", "REPO_WRITE"),
            ("REPO_WRITE", "REPO_ADMIN"),
            ("PROJECT_READ", "PROJECT_WRITE"),
            ("PROJECT_WRITE", "PROJECT_ADMIN"),
            ("REPO_ADMIN", "PROJECT_ADMIN"),
        ] {
            for system in [ScopeSystem::Classic, ScopeSystem::ApiToken] {
                let of = |name: &str| {
                    let scope: Scope = name.parse().unwrap();
                    scope.equivalents_in(system)
                };
                let more = GrantedScopes::from_names(of(higher).into_iter().map(Scope::name));
                let is_within = of(lower).into_iter().all(|scope| more.contains(scope));
                assert!(is_within, "{lower} {higher} {system:?}");
            }
        }
        let user: Scope = "read:user".parse().unwrap();
        assert_eq!(names(user.equivalents_in(ScopeSystem::DataCenter)), [""; 0]);
    }
}
