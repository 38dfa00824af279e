//! The resolver: the rules of the table, applied in their order.

use std::borrow::Cow;

use super::matching::Subject;
use super::precedence::{Column, Condition, ConnectionRule, connection_rules};
use super::repository::{self, ResolvedRepository};
use super::request::{Needs, Request, SshConnection, Target};
use super::selected::{SelectedConnection, SelectionReason, Sources};
use crate::config::{ConnectionsError, NameSource};
use crate::error::Error;
use crate::git::Checkout;
use crate::types::clone_url::CloneUrl;
use crate::types::connection::AuthMethod;
use crate::types::repository::RepoRef;

/// What applies.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) connection: SelectedConnection,
    /// `None` where none was requested, or nothing names one.
    pub(crate) repository: Option<ResolvedRepository>,
}

/// The connection that applies, and the repository where it is requested.
///
/// # Errors
/// [`Error::Connections`] where a connection that is named does not exist, [`Error::Git`] where git cannot read the
/// checkout, [`Error::NoConnection`], [`Error::NoMatchingConnection`], [`Error::SshOnlyConnection`] or [`Error::Rejected`]
/// where none applies, [`Error::NoNamespace`] where the workspace or project of a repository is unknown.
pub(crate) fn resolve(request: &Request<'_>, sources: &impl Sources) -> Result<Resolved, Error> {
    let named = repository::named(request, sources)?;
    let target = match (request.target, &named) {
        (Target::Here, Some(named)) => Target::Repository(&named.reference),
        (target, _) => target,
    };
    let resolver = Resolver {
        target,
        needs: request.needs,
        sources,
    };
    let Choice { connection, behind } = resolver.choose()?;
    let key = SshConnection::new(connection.name.clone(), connection.connection.clone());
    let repository = if !request.with_repository {
        None
    } else if request.needs == Needs::SshKey {
        key.map(|key| repository::of_key(named, key, &connection))
    } else {
        let owner = behind.as_ref().unwrap_or(&connection);
        repository::choose(named, &connection, owner, sources)?
    };
    Ok(Resolved {
        connection,
        repository,
    })
}

struct Resolver<'a, S> {
    target: Target<'a>,
    needs: Needs,
    sources: &'a S,
}

struct Choice {
    connection: SelectedConnection,
    /// The SSH-only connection in whose place `connection` is used, because REST is needed.
    behind: Option<SelectedConnection>,
}

impl<S: Sources> Resolver<'_, S> {
    fn choose(&self) -> Result<Choice, Error> {
        for (rule, condition) in connection_rules(self.column()) {
            let Some(candidate) = self.candidate(rule)? else {
                continue;
            };
            let is_chosen = condition == Condition::Use || self.is_match(rule, &candidate)?;
            if is_chosen {
                if let Some(choice) = self.if_suitable(rule, candidate)? {
                    return Ok(choice);
                }
            } else if condition == Condition::OnlyIfMatching {
                break;
            }
        }
        Err(self.not_found()?)
    }

    fn column(&self) -> Column {
        match self.target {
            _ if self.needs == Needs::SshKey => Column::SshKey,
            Target::Here => Column::Here,
            Target::Repository(repository) if repository.url.is_none() => Column::Here,
            Target::Repository(_) | Target::CloneUrl(_) | Target::Key(_) => Column::Url,
            Target::Server(_) => Column::Server,
            Target::Git { .. } => Column::Git,
        }
    }

    /// The connection that a rule proposes.
    fn candidate(&self, rule: ConnectionRule) -> Result<Option<SelectedConnection>, Error> {
        match rule {
            ConnectionRule::Flag => self
                .sources
                .connection_flag()
                .map(|name| self.stored(name, SelectionReason::Flag, NameSource::User))
                .transpose(),
            ConnectionRule::Variable => self
                .sources
                .connection_variable()
                .map(|name| self.stored(name, SelectionReason::EnvVar, NameSource::Variable))
                .transpose(),
            ConnectionRule::GitConfig => {
                let checkout = self.sources.checkout()?;
                let Some(configured) = checkout.and_then(Checkout::connection) else {
                    return Ok(None);
                };
                let directory = configured.directory.map(str::to_owned);
                let reason = SelectionReason::GitConfig(directory);
                self.stored(configured.value, reason, NameSource::GitConfig)
                    .map(Some)
            }
            ConnectionRule::Environment => self.sources.environment_connection(),
            ConnectionRule::GitEnv => {
                let Target::Git {
                    preferred: Some(name),
                    ..
                } = self.target
                else {
                    return Ok(None);
                };
                // It may have been removed since.
                let found = self.sources.connections()?.get(name).ok();
                Ok(found.map(|(name, connection)| {
                    SelectedConnection::stored(name, connection, SelectionReason::Url)
                }))
            }
            ConnectionRule::BestMatch => self.best_match(),
            ConnectionRule::Default => {
                let connections = self.sources.connections()?;
                let name = connections.default_name();
                name.map(|name| self.stored(name, SelectionReason::Default, NameSource::Default))
                    .transpose()
            }
            ConnectionRule::Only => self.only_with_key(),
        }
    }

    fn stored(
        &self,
        name: &str,
        reason: SelectionReason,
        named_by: NameSource,
    ) -> Result<SelectedConnection, Error> {
        let found = self.sources.connections()?.get(name);
        match (found, self.target) {
            (Ok((name, connection)), _) => Ok(SelectedConnection::stored(name, connection, reason)),
            // Git's configuration still names a connection that was removed: other helpers are used.
            (Err(ConnectionsError::NotFound { .. }), Target::Git { request, .. })
                if named_by == NameSource::User || named_by == NameSource::Variable =>
            {
                Err(Error::NoMatchingConnection(request.host.clone()))
            }
            (Err(error), _) => Err(error.named_by(named_by).into()),
        }
    }

    /// What connections are matched against, best first: one subject, or the remotes of the checkout.
    fn subjects(&self) -> Result<Vec<(SelectionReason, Subject<'_>)>, Error> {
        let one = |subject| vec![(SelectionReason::Url, subject)];
        Ok(match self.target {
            Target::Repository(repository) if self.needs == Needs::SshKey => {
                one(Subject::Repository(Cow::Borrowed(repository)))
            }
            Target::Repository(RepoRef { url: Some(url), .. }) | Target::CloneUrl(url) => {
                one(Subject::Url(Cow::Borrowed(url)))
            }
            Target::Here | Target::Repository(_) => {
                let checkout = self.sources.checkout()?;
                let remotes = checkout.map(Checkout::remotes);
                let remotes = remotes.into_iter().flatten();
                let subject = |(name, url): (&str, &str)| {
                    let reason = SelectionReason::Remote(name.to_owned());
                    Some((reason, Subject::Remote(CloneUrl::from_remote(url).ok()?)))
                };
                remotes.filter_map(subject).collect()
            }
            Target::Server(base) => one(Subject::Server(base)),
            Target::Git { request, .. } => match request.url() {
                Some(url) => one(Subject::Git(url, request.username.as_deref())),
                None => Vec::new(),
            },
            Target::Key(key) => one(Subject::Key(key)),
        })
    }

    /// The saved connection with the highest score for the first subject that any matches. Among equals the default wins,
    /// then the first in the file.
    fn best_match(&self) -> Result<Option<SelectedConnection>, Error> {
        if self.sources.connections()?.names().is_empty() {
            return Ok(None);
        }
        for (reason, subject) in &self.subjects()? {
            if let Some(found) = self.best_for(reason, subject)? {
                return Ok(Some(found));
            }
            if let Some(resolved) = self.behind_alias(subject)?
                && let Some(found) = self.best_for(reason, &resolved)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// What is matched in place of a URL whose host stands for another one in the user's SSH configuration.
    fn behind_alias<'s>(&self, subject: &Subject<'s>) -> Result<Option<Subject<'s>>, Error> {
        let resolve = |url: &CloneUrl| self.sources.resolve_ssh_alias(url);
        Ok(match subject {
            Subject::Remote(url) => resolve(url)?.map(Subject::Remote),
            Subject::Url(url) => resolve(url)?.map(|url| Subject::Url(Cow::Owned(url))),
            Subject::Repository(reference) => match &reference.url {
                Some(url) => resolve(url)?.map(|url| {
                    let mut resolved = (*reference).clone().into_owned();
                    resolved.url = Some(url);
                    Subject::Repository(Cow::Owned(resolved))
                }),
                None => None,
            },
            Subject::Server(_) | Subject::Git(..) | Subject::Key(_) | Subject::AnyKey => None,
        })
    }

    fn best_for(
        &self,
        reason: &SelectionReason,
        subject: &Subject<'_>,
    ) -> Result<Option<SelectedConnection>, Error> {
        let connections = self.sources.connections()?;
        let default = connections.default_name();
        let names = connections.names();
        // One that cannot be read must not hide the others.
        let all = names.iter().filter_map(|name| connections.get(name).ok());
        let matching = all.filter_map(|(name, connection)| {
            let score = subject.score(&name, &connection, self.needs)?;
            let is_default = default == Some(&name.to_string());
            Some(((score, is_default), name, connection))
        });
        let matching: Vec<_> = matching.collect();
        // `max_by_key` returns the last of several.
        let best = matching.into_iter().rev().max_by_key(|(score, ..)| *score);
        Ok(best.map(|(_, name, connection)| {
            SelectedConnection::stored(name, connection, reason.clone())
        }))
    }

    fn only_with_key(&self) -> Result<Option<SelectedConnection>, Error> {
        let connections = self.sources.connections()?;
        let names = connections.names();
        let all = names.iter().filter_map(|name| connections.get(name).ok());
        let mut keyed = all.filter(|(name, connection)| {
            SshConnection::new(name.clone(), connection.clone()).is_some()
        });
        let only = keyed.next().filter(|_| keyed.next().is_none());
        let is_here = matches!(self.target, Target::Here);
        Ok(only.filter(|_| is_here).map(|(name, connection)| {
            SelectedConnection::stored(name, connection, SelectionReason::Only)
        }))
    }

    /// Whether a connection matches what is resolved.
    fn is_match(
        &self,
        rule: ConnectionRule,
        candidate: &SelectedConnection,
    ) -> Result<bool, Error> {
        if rule == ConnectionRule::BestMatch {
            return Ok(true);
        }
        let SelectedConnection {
            name, connection, ..
        } = candidate;
        let is_match = |subject: &Subject<'_>| {
            if rule == ConnectionRule::Environment {
                // A pipeline has one connection for all of a server.
                subject.is_on_server(connection)
            } else {
                subject.score(name, connection, self.needs).is_some()
            }
        };
        if matches!(self.target, Target::Here) && self.needs == Needs::SshKey {
            return Ok(is_match(&Subject::AnyKey));
        }
        for (_, subject) in &self.subjects()? {
            if is_match(subject)
                || self
                    .behind_alias(subject)?
                    .is_some_and(|other| is_match(&other))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A connection, or the one to use in its place, if it can do what is needed; `None` where the next rule applies.
    fn if_suitable(
        &self,
        rule: ConnectionRule,
        candidate: SelectedConnection,
    ) -> Result<Option<Choice>, Error> {
        let is_named = matches!(rule, ConnectionRule::Flag | ConnectionRule::Variable);
        let suitable = |connection| {
            Ok(Some(Choice {
                connection,
                behind: None,
            }))
        };
        match self.needs {
            Needs::Nothing => suitable(candidate),
            Needs::SshKey => {
                let key = SshConnection::new(candidate.name.clone(), candidate.connection.clone());
                let named = self.named_repository();
                let resolved = match named {
                    Some(named) => self.behind_alias(&Subject::Repository(Cow::Borrowed(named)))?,
                    None => None,
                };
                let key = key.filter(|key| {
                    named.is_none_or(|named| key.is_for(named))
                        || matches!(&resolved, Some(Subject::Repository(named)) if key.is_for(named))
                });
                match key {
                    Some(_) => suitable(candidate),
                    None if is_named => Err(self.no_key(Some(&candidate.name.to_string()))),
                    None => Ok(None),
                }
            }
            Needs::Rest | Needs::KeyAdmin if candidate.connection.auth() != AuthMethod::Ssh => {
                suitable(candidate)
            }
            Needs::Rest | Needs::KeyAdmin => {
                if !matches!(self.target, Target::Here | Target::Repository(_)) {
                    return Ok(None);
                }
                // A connection that was named for REST is not replaced by another one.
                if is_named && self.needs == Needs::Rest {
                    return Err(Error::SshOnlyConnection(candidate.name.to_string()));
                }
                self.behind(candidate).map(Some)
            }
        }
    }

    /// The connection with REST for the repository of an SSH-only connection.
    fn behind(&self, candidate: SelectedConnection) -> Result<Choice, Error> {
        let ssh_only = || Error::SshOnlyConnection(candidate.name.to_string());
        let url = candidate.connection.clone_url.as_deref();
        let url: CloneUrl = url.and_then(|url| url.parse().ok()).ok_or_else(ssh_only)?;
        let resolver = Resolver {
            target: Target::CloneUrl(&url),
            needs: self.needs,
            sources: self.sources,
        };
        match resolver.choose() {
            Ok(choice) => Ok(Choice {
                connection: choice.connection,
                behind: Some(candidate),
            }),
            Err(Error::NoMatchingConnection(_)) => Err(ssh_only()),
            Err(error) => Err(error),
        }
    }

    /// The error where no rule chose a connection.
    fn not_found(&self) -> Result<Error, Error> {
        if self.needs == Needs::SshKey {
            if self.named_repository().is_some() {
                return Ok(self.no_key(None));
            }
            let resolver = Resolver {
                target: Target::Here,
                needs: Needs::Nothing,
                sources: self.sources,
            };
            return Ok(self.no_key(Some(&resolver.choose()?.connection.name.to_string())));
        }
        Ok(match self.target {
            Target::Repository(RepoRef { url: Some(url), .. }) | Target::CloneUrl(url) => {
                Error::NoMatchingConnection(url.display_name())
            }
            Target::Here | Target::Repository(_) => {
                Error::NoConnection(self.sources.connections()?.names())
            }
            Target::Server(base) => Error::NoMatchingConnection(base.to_string()),
            Target::Git { request, .. } => Error::NoMatchingConnection(request.host.clone()),
            Target::Key(key) => Error::SshOnlyConnection(key.name.to_string()),
        })
    }

    fn named_repository(&self) -> Option<&RepoRef> {
        if let Target::Repository(repository) = self.target {
            Some(repository)
        } else {
            None
        }
    }

    fn no_key(&self, name: Option<&str>) -> Error {
        let repository = self.named_repository();
        let repository = repository.map(|repository| format!(" for {repository}"));
        let repository = repository.unwrap_or_default();
        let message = match name {
            Some(name) => format!("connection {name} has no private key{repository}"),
            None => format!("no connection has a private key{repository}"),
        };
        Error::not_found(message, "run `bbconnect connect CLONE_URL`")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::config::Connections;
    use crate::git::{CredentialRequest, GitError};
    use crate::types::connection::TokenPrefix;

    const CONNECTIONS: &str = "default = \"standard\"\n\
        [connections.standard]\ndeployment = \"cloud\"\nbase_url = \"https://api.bitbucket.org/2.0\"\n\
        auth = \"api-token\"\nemail = \"jane@acme.example\"\nworkspace = \"acme\"\nrepository = \"site\"\n\
        [connections.second]\ndeployment = \"cloud\"\nbase_url = \"https://api.bitbucket.org/2.0\"\n\
        auth = \"api-token\"\nemail = \"joe@acme.example\"\nworkspace = \"acme\"\n\
        [connections.server]\ndeployment = \"datacenter\"\nbase_url = \"https://git.example.com\"\n\
        auth = \"http-access-token\"\nlevel = \"project\"\nproject = \"WEB\"\nrepository = \"site\"\n\
        [connections.key]\ndeployment = \"datacenter\"\nbase_url = \"https://git.example.com\"\nauth = \"ssh\"\n\
        project = \"WEB\"\nrepository = \"site\"\nkey_path = \"/key\"\n\
        clone_url = \"ssh://git@git.example.com:7999/web/site.git\"\n";

    #[derive(Debug, Clone, Default)]
    struct Given {
        flag: Option<&'static str>,
        variable: Option<&'static str>,
        repository: Option<&'static str>,
        environment: bool,
        /// The output of `git config`; `None` where there is no checkout.
        checkout: Option<Checkout>,
        is_unreadable: bool,
    }

    impl Given {
        fn with_checkout(listing: &str) -> Self {
            Self {
                checkout: Some(Checkout::new("services/api/", listing)),
                ..Self::default()
            }
        }
    }

    impl Sources for Given {
        fn connection_flag(&self) -> Option<&str> {
            self.flag
        }

        fn connection_variable(&self) -> Option<&str> {
            self.variable
        }

        fn repository_variable(&self) -> Option<&str> {
            self.repository
        }

        fn checkout(&self) -> Result<Option<&Checkout>, Error> {
            if self.is_unreadable {
                return Err(GitError::UnreadableCheckout("bad config".to_owned()).into());
            }
            Ok(self.checkout.as_ref())
        }

        fn environment_connection(&self) -> Result<Option<SelectedConnection>, Error> {
            let (name, connection) = self.connections()?.get("standard")?;
            Ok(self.environment.then_some(SelectedConnection {
                name,
                connection,
                reason: SelectionReason::Environment,
                token_prefix: TokenPrefix::Unknown,
            }))
        }

        fn connections(&self) -> Result<Arc<Connections>, Error> {
            Ok(Arc::new(Connections::parse(Path::new(""), CONNECTIONS)?))
        }

        fn resolve_ssh_alias(&self, url: &CloneUrl) -> Result<Option<CloneUrl>, Error> {
            let is_alias = url.host().to_string() == "work";
            let server = "ssh://git@git.example.com:7999/web/site.git";
            Ok(is_alias.then(|| server.parse().unwrap()))
        }
    }

    /// The name, the reason, and the repository with its source.
    fn resolved(given: &Given, request: &Request<'_>) -> String {
        match resolve(request, given) {
            Ok(Resolved {
                connection,
                repository,
            }) => {
                let repository = repository.map(|repository| format!(" {repository}"));
                format!(
                    "{} {:?}{}",
                    connection.name,
                    connection.reason,
                    repository.unwrap_or_default()
                )
            }
            Err(error) => format!("error: {error}"),
        }
    }

    const CHECKOUT: &str = "bbconnect.connection\nsecond\0bbconnect.services/api.connection\nserver\0\
        bbconnect.services/api.repository\nOPS/tools\0remote.fork.url\nhttps://bitbucket.org/joe/site\0\
        remote.origin.url\nssh://git@git.example.com:7999/ops/other.git";

    #[test]
    fn the_sources_count_in_the_documented_order() {
        let mut given = Given {
            flag: Some("second"),
            variable: Some("server"),
            repository: Some("acme/web"),
            environment: true,
            ..Given::with_checkout(CHECKOUT)
        };
        let here = Request::repository(None, Needs::Rest);
        let named: RepoRef = "acme/named".parse().unwrap();
        let named = Request::repository(Some(&named), Needs::Rest);
        assert_eq!(resolved(&given, &named), "second Flag acme/named");
        assert_eq!(
            resolved(&given, &here),
            "second Flag acme/web, from BBCONNECT_REPO"
        );
        given.flag = None;
        assert_eq!(
            resolved(&given, &here),
            "server EnvVar ACME/web, from BBCONNECT_REPO"
        );
        (given.variable, given.repository) = (None, None);
        assert_eq!(
            resolved(&given, &here),
            "server GitConfig(Some(\"services/api\")) OPS/tools, from git config bbconnect.services/api.repository"
        );
        // Without it: the environment, whose server is that of `fork` alone.
        let remotes = CHECKOUT.split_once("remote.").unwrap().1;
        given.checkout = Some(Checkout::new("", &format!("remote.{remotes}")));
        assert_eq!(
            resolved(&given, &here),
            "standard Environment joe/site, from remote fork"
        );
        given.environment = false;
        assert_eq!(
            resolved(&given, &here),
            "server Remote(\"origin\") OPS/other, from remote origin"
        );
        given.checkout = None;
        assert_eq!(
            resolved(&given, &here),
            "standard Default acme/site, from connection standard"
        );
    }

    #[test]
    fn a_checkout_that_cannot_be_read_is_never_ignored() {
        let mut given = Given {
            is_unreadable: true,
            environment: true,
            ..Given::default()
        };
        let failed = "error: git cannot read this checkout: bad config";
        let here = Request::repository(None, Needs::Rest);
        assert_eq!(resolved(&given, &here), failed);
        given.flag = Some("second");
        assert_eq!(resolved(&given, &here), failed);
        let named: RepoRef = "acme/named".parse().unwrap();
        let named = Request::repository(Some(&named), Needs::Rest);
        assert_eq!(resolved(&given, &named), "second Flag acme/named");
    }

    #[test]
    fn connections_match_what_is_named() {
        let alias = Given::with_checkout("remote.origin.url\ngit@work:web/site.git");
        let url = |text: &str| text.parse::<CloneUrl>().unwrap();
        let (site, other) = (
            url("ssh://git@git.example.com:7999/web/site.git"),
            url("ssh://git@git.example.com:7999/ops/other.git"),
        );
        let reference: RepoRef = "https://bitbucket.org/joe/site".parse().unwrap();
        let work = url("git@work:web/site.git");
        let at_work: RepoRef = "git@work:web/site.git".parse().unwrap();
        let git = CredentialRequest::read("protocol=https\nhost=bitbucket.org\n\n").unwrap();
        let git = |preferred| Target::Git {
            request: &git,
            preferred,
        };
        for (target, needs, expected) in [
            (Target::Here, Needs::Nothing, "server Remote(\"origin\")"),
            (Target::Here, Needs::SshKey, "key Remote(\"origin\")"),
            (Target::CloneUrl(&site), Needs::KeyAdmin, "server Url"),
            // A token of another project does not reach it.
            (
                Target::CloneUrl(&other),
                Needs::Rest,
                "error: no connection matches ops/other on git.example.com",
            ),
            (Target::Repository(&reference), Needs::Rest, "standard Url"),
            (Target::CloneUrl(&work), Needs::KeyAdmin, "server Url"),
            (Target::Repository(&at_work), Needs::SshKey, "key Url"),
            (git(None), Needs::Rest, "standard Url"),
            (git(Some("second")), Needs::Rest, "second Url"),
            (git(Some("server")), Needs::Rest, "standard Url"),
        ] {
            let request = Request::connection(target, needs);
            assert_eq!(resolved(&alias, &request), expected, "{target:?}");
        }
        let mut named = Given {
            flag: Some("server"),
            ..Given::default()
        };
        let request = Request::connection(git(None), Needs::Rest);
        assert!(resolved(&named, &request).starts_with("error: no connection matches"));
        named.flag = Some("key");
        let here = Request::connection(Target::Here, Needs::Rest);
        assert!(resolved(&named, &here).contains("SSH-only"));
        let keys = Request::connection(Target::Here, Needs::KeyAdmin);
        assert_eq!(resolved(&named, &keys), "server Url");
    }
}
