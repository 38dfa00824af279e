//! The scopes of a credential, compared with those that it needs.

use super::{NotAScope, Scope, ScopeSystem, known};

/// The scopes that a server lists for a credential.
#[derive(Debug, Clone, Default)]
pub(crate) struct GrantedScopes {
    scopes: Vec<Scope>,
    unknown: Vec<String>,
}

/// A user's token always has `PROJECT_READ`; without `read:user:bitbucket` the account of a token is unknown.
const ALWAYS_ALLOWED: [&str; 2] = ["PROJECT_READ", "read:user:bitbucket"];

impl GrantedScopes {
    /// Parses a server's list.
    pub(crate) fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut granted = Self::default();
        for name in names {
            match name.parse() {
                Ok(scope) => granted.scopes.push(scope),
                Err(NotAScope { .. }) => granted.unknown.push(name.to_owned()),
            }
        }
        granted
    }

    /// Names that are not in the table: they imply nothing that is.
    pub(crate) fn unknown(&self) -> &[String] {
        &self.unknown
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.unknown.is_empty()
    }

    /// Those of the required scopes that are not granted. Names that are not in the table are compared as they are.
    pub(crate) fn missing(&self, required: &[String]) -> Vec<String> {
        let is_granted = |name: &&String| match name.parse::<Scope>() {
            Ok(scope) => self.contains(scope),
            Err(NotAScope { .. }) => self.unknown.contains(name),
        };
        let missing = required.iter().filter(|name| !is_granted(name));
        missing.cloned().collect()
    }

    /// Whether a scope is granted: itself, implied by another, or by its equivalent in another vocabulary.
    pub(crate) fn contains(&self, wanted: Scope) -> bool {
        if self.uses(wanted.vocabulary()) {
            return self.implies(wanted);
        }
        [
            ScopeSystem::Classic,
            ScopeSystem::ApiToken,
            ScopeSystem::DataCenter,
        ]
        .into_iter()
        .filter(|system| self.uses(*system))
        .map(|system| wanted.equivalents_in(system))
        .any(|same| !same.is_empty() && same.into_iter().all(|scope| self.implies(scope)))
    }

    /// The scopes that are unnecessary when only these are needed. Where an unnecessary scope implies a needed one, that is
    /// named in its place.
    pub(crate) fn excess_over(&self, wanted: &[Scope]) -> Vec<Excess> {
        let needed_in = |system| {
            let translated = wanted
                .iter()
                .flat_map(move |scope| scope.equivalents_in(system));
            translated.collect::<Vec<Scope>>()
        };
        let is_kept = |scope: &Scope| {
            let needed = needed_in(scope.vocabulary());
            let is_implied = |needed: &Scope| needed.implied().any(|implied| implied == *scope);
            needed.contains(scope)
                || needed.iter().any(is_implied)
                || ALWAYS_ALLOWED.contains(&scope.name())
        };
        let (kept, dropped): (Vec<Scope>, Vec<Scope>) =
            self.scopes.iter().copied().partition(is_kept);
        // What is needed remains without the excess, or is named in its place, once.
        let mut remaining: Vec<Scope> = kept.into_iter().flat_map(with_implied).collect();
        let mut excess = Vec::new();
        for scope in dropped {
            let mut instead = needed_in(scope.vocabulary());
            instead.retain(|wanted| {
                with_implied(scope).any(|implied| implied == *wanted) && !remaining.contains(wanted)
            });
            remaining.extend(instead.iter().copied().flat_map(with_implied));
            excess.push(Excess { scope, instead });
        }
        excess
    }

    /// Whether any scope is of this vocabulary.
    pub(crate) fn uses(&self, system: ScopeSystem) -> bool {
        self.scopes.iter().any(|scope| scope.vocabulary() == system)
    }

    fn implies(&self, wanted: Scope) -> bool {
        self.scopes
            .iter()
            .any(|scope| with_implied(*scope).any(|own| own == wanted))
    }
}

/// An unnecessary scope.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Excess {
    pub scope: Scope,
    /// The scopes that are enough in its place.
    pub instead: Vec<Scope>,
}

/// A scope and all that it implies, transitively.
fn with_implied(scope: Scope) -> impl Iterator<Item = Scope> {
    let mut all = vec![scope];
    let mut next = 0;
    while let Some(scope) = all.get(next).copied() {
        all.extend(
            scope
                .implied()
                .filter(|implied| !all.contains(implied))
                .collect::<Vec<_>>(),
        );
        next += 1;
    }
    all.into_iter()
}

/// Scopes by their exact names.
pub(in crate::types) fn all_known(names: &[&str]) -> Vec<Scope> {
    names.iter().filter_map(|name| known(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::test_rows;

    fn scopes(names: &[&str]) -> Vec<Scope> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// A row: what is granted, what is wanted, and whether it is enough. The last rows mix two vocabularies.
    #[test]
    fn granted_scopes_include_the_implied_ones() {
        for (case, enough) in test_rows(
            "
            repository:write / repository => true
            repository:admin / repository => false
            pullrequest:write / repository => true
            project / repository => true
            webhook / repository => false
            write:repository:bitbucket / read:repository:bitbucket => false
            admin:repository:bitbucket / write:repository:bitbucket => false
            REPO_ADMIN / REPO_READ => true
            PROJECT_ADMIN / REPO_ADMIN => true
            PROJECT_READ / REPO_WRITE => false
            / repository => false
            something:new / repository => false
            repository:write / write:repository:bitbucket => true
            repository / write:repository:bitbucket => false
            read:repository:bitbucket / repository:write => false
            ",
        ) {
            let (granted, wanted) = case.split_once("/ ").unwrap();
            let granted = GrantedScopes::from_names(granted.split_whitespace());
            let found = granted.contains(wanted.parse().unwrap());
            assert_eq!(found.to_string(), enough, "{case}");
        }
    }

    #[test]
    fn unnecessary_scopes_are_named() {
        for (granted, wanted, expected) in [
            (
                &["repository:write", "account"][..],
                &["repository"][..],
                &["repository:write", "account"][..],
            ),
            (
                &["repository", "repository:write"],
                &["repository:write"],
                &[],
            ),
            (
                &["REPO_ADMIN", "PROJECT_READ"],
                &["REPO_READ"],
                &["REPO_ADMIN"],
            ),
            (
                &["read:repository:bitbucket", "write:repository:bitbucket"],
                &["read:repository"],
                &["write:repository:bitbucket"],
            ),
            (&["REPO_READ"], &["REPO_READ"], &[]),
        ] {
            let beyond =
                GrantedScopes::from_names(granted.iter().copied()).excess_over(&scopes(wanted));
            let names: Vec<_> = beyond.iter().map(|excess| excess.scope.name()).collect();
            assert_eq!(names, expected, "{granted:?} {wanted:?}");
        }
        let beyond = GrantedScopes::from_names(["REPO_ADMIN"]).excess_over(&scopes(&["REPO_READ"]));
        assert_eq!(beyond[0].instead, scopes(&["REPO_READ"]));
    }

    #[test]
    fn needed_scopes_that_are_only_implied_are_named_once() {
        let granted = ["repository:write", "pullrequest", "webhook"];
        for (wanted, expected) in [
            (&["repository"][..], &[&["repository"][..], &[], &[]][..]),
            (&["webhook", "repository"], &[&["repository"], &[]]),
            (&["pullrequest"], &[&[], &[]]),
        ] {
            let beyond = GrantedScopes::from_names(granted).excess_over(&scopes(wanted));
            let instead: Vec<_> = beyond.into_iter().map(|excess| excess.instead).collect();
            let expected: Vec<_> = expected.iter().map(|names| scopes(names)).collect();
            assert_eq!(instead, expected, "{wanted:?}");
        }
    }
}
