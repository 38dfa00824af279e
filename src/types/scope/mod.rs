//! Scopes and permissions: what a credential may do, in the words of each kind of credential.

mod granted;
mod table;

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

pub(crate) use granted::GrantedScopes;
pub(super) use granted::all_known;

use self::table::Entry;
use super::connection::AuthMethod;
use super::deployment::Deployment;
use super::purpose::Permission;

/// The words in which a kind of credential is described.
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

/// A text that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("it is no scope or permission of Bitbucket{}", likely.map(|name| format!("; is it `{name}`?")).unwrap_or_default())]
pub(crate) struct NotAScope {
    /// What may have been meant.
    likely: Option<&'static str>,
}

impl ScopeSystem {
    /// The words for a kind of credential; `None` for one that has no scopes.
    #[must_use]
    pub(crate) fn of(auth: AuthMethod, deployment: Deployment) -> Option<Self> {
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
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        self.0.name
    }

    /// Whose word it is.
    #[must_use]
    pub(crate) fn vocabulary(self) -> ScopeSystem {
        self.0.system
    }

    /// What one must be allowed on a repository to use it there.
    #[must_use]
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

    /// What comes with it.
    pub(crate) fn implied(self) -> impl Iterator<Item = Self> {
        self.0.implies.iter().filter_map(|name| known(name))
    }

    /// What does the same in another vocabulary; nothing where there is no such thing.
    #[must_use]
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
    table::all().find(|entry| entry.name == name).map(Scope)
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
    let best =
        table::all().max_by_key(|entry| (common(entry), std::cmp::Reverse(entry.name.len())))?;
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

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_neighbours_exist() {
        let names: Vec<&str> = table::all().map(|entry| entry.name).collect();
        for entry in table::all() {
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
            let brings = entry.system == ScopeSystem::ApiToken && !entry.implies.is_empty();
            assert!(!brings, "{} implies something", entry.name);
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
    fn what_is_none_is_refused_with_a_suggestion() {
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
                let more = GrantedScopes::of(of(higher).into_iter().map(Scope::name));
                let is_within = of(lower).into_iter().all(|scope| more.contains(scope));
                assert!(is_within, "{lower} {higher} {system:?}");
            }
        }
        let user: Scope = "read:user".parse().unwrap();
        assert_eq!(names(user.equivalents_in(ScopeSystem::DataCenter)), [""; 0]);
    }
}
