//! Renamed repositories. A server redirects requests under the old name to the new one.

use std::cell::RefCell;

use percent_encoding::percent_decode_str;
use url::Url;

use super::request::encode_segment;
use crate::types::repository::RepoId;

/// What a redirect on the same origin means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RedirectKind {
    /// The repository has another name. The URL is that of the same resource under it.
    Repository {
        from: RepoId,
        to: RepoId,
        url: Box<Url>,
    },
    /// The project or workspace has another name; the flag that names it.
    Owner { flag: &'static str, to: String },
    /// Another resource.
    Other,
}

/// The renames that the server has reported.
#[derive(Debug, Default)]
pub(super) struct Renames(RefCell<Vec<(RepoId, RepoId)>>);

impl Renames {
    pub(super) fn add(&self, from: RepoId, to: RepoId) {
        let mut all = self.0.borrow_mut();
        all.retain(|(known, _)| !known.is_same(&from));
        all.push((from, to));
    }

    /// The current name of a repository, where it was renamed.
    pub(super) fn current(&self, repo: &RepoId) -> Option<RepoId> {
        let all = self.0.borrow();
        let renamed = all.iter().find(|(from, _)| from.is_same(repo));
        renamed.map(|(_, to)| to.clone())
    }

    /// The URL with the current name of the repository.
    pub(super) fn apply(&self, base: &Url, url: &Url) -> Option<Url> {
        let path = ResourcePath::parse(base, url)?;
        let to = self.current(&path.repository()?)?;
        Some(path.with_repository(&to, url))
    }
}

/// Whether a redirect leads to the same resource of a renamed repository, project or workspace.
pub(super) fn classify_redirect(base: &Url, from: &Url, to: &Url) -> RedirectKind {
    let paths = ResourcePath::parse(base, from).zip(ResourcePath::parse(base, to));
    let Some((before, after)) = paths.filter(|(before, after)| before.is_same_resource(after))
    else {
        return RedirectKind::Other;
    };
    if before.segments == after.segments {
        return RedirectKind::Other;
    }
    match (before.repository(), after.repository()) {
        (Some(from_repo), Some(to_repo)) => RedirectKind::Repository {
            url: Box::new(before.with_repository(&to_repo, from)),
            from: from_repo,
            to: to_repo,
        },
        _ => RedirectKind::Owner {
            flag: before.owner_flag,
            to: after.decoded(after.owner),
        },
    }
}

/// The path of a resource, and where it names a repository, project or workspace.
struct ResourcePath<'a> {
    /// The path of the base URL.
    base: &'a str,
    segments: Vec<&'a str>,
    owner: usize,
    owner_flag: &'static str,
    slug: Option<usize>,
}

impl<'a> ResourcePath<'a> {
    fn parse(base: &'a Url, url: &'a Url) -> Option<Self> {
        let base = base.path().trim_end_matches('/');
        let below = url.path().strip_prefix(base)?.strip_prefix('/')?;
        let segments: Vec<&str> = below.trim_end_matches('/').split('/').collect();
        let (owner, owner_flag, slug) = match segments.as_slice() {
            ["repositories", _] | ["workspaces", _, ..] => (1, "--workspace", None),
            ["repositories", _, _, ..] => (1, "--workspace", Some(2)),
            ["rest", _, _, "projects", _, "repos", _, ..] => (4, "--project", Some(6)),
            ["rest", _, _, "projects", _, ..] => (4, "--project", None),
            _ => return None,
        };
        Some(Self {
            base,
            segments,
            owner,
            owner_flag,
            slug,
        })
    }

    fn decoded(&self, index: usize) -> String {
        let segment = self.segments.get(index).copied().unwrap_or_default();
        percent_decode_str(segment).decode_utf8_lossy().into_owned()
    }

    fn repository(&self) -> Option<RepoId> {
        Some(RepoId {
            namespace: self.decoded(self.owner),
            slug: self.decoded(self.slug?),
        })
    }

    /// Whether two paths differ in names only.
    fn is_same_resource(&self, other: &Self) -> bool {
        let is_name = |index| index == self.owner || Some(index) == self.slug;
        (self.owner, self.slug) == (other.owner, other.slug)
            && self.segments.len() == other.segments.len()
            && self
                .segments
                .iter()
                .zip(&other.segments)
                .enumerate()
                .all(|(index, (own, others))| own == others || is_name(index))
    }

    /// The URL of the same resource of another repository, with the same query.
    fn with_repository(&self, repo: &RepoId, url: &Url) -> Url {
        let names = [
            (Some(self.owner), encode_segment(&repo.namespace)),
            (self.slug, encode_segment(&repo.slug)),
        ];
        let segments = self.segments.iter().enumerate().map(|(index, segment)| {
            let name = names.iter().find(|(at, _)| *at == Some(index));
            name.map_or(*segment, |(_, name)| name)
        });
        let segments = segments.collect::<Vec<_>>().join("/");
        let mut renamed = url.clone();
        renamed.set_path(&format!("{}/{segments}", self.base));
        renamed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::test_rows;

    const DATA_CENTER: &str = "https://git.example.com/ctx";

    fn url(base: &str, path: &str) -> Url {
        Url::parse(&format!("{base}/{path}")).unwrap()
    }

    fn kind(product: &str, from: &str, to: &str) -> (&'static str, RedirectKind) {
        let base = match product {
            "cloud" => "https://api.bitbucket.org/2.0",
            _ => DATA_CENTER,
        };
        let base_url = Url::parse(base).unwrap();
        let kind = classify_redirect(&base_url, &url(base, from), &url(base, to));
        (base, kind)
    }

    #[test]
    fn a_redirect_to_the_same_resource_of_another_repository_is_a_rename() {
        for (case, expected) in test_rows(
            "
            cloud repositories/acme/old/hooks?pagelen=100 repositories/new/name/hooks => new/name repositories/new/name/hooks?pagelen=100
            datacenter rest/api/latest/projects/OLD/repos/old-name rest/api/latest/projects/~jane/repos/web-app/ => ~jane/web-app rest/api/latest/projects/~jane/repos/web-app
            datacenter rest/keys/latest/projects/OLD/repos/a/ssh?limit=1000 rest/keys/latest/projects/PRJ/repos/a/ssh?limit=25 => PRJ/a rest/keys/latest/projects/PRJ/repos/a/ssh?limit=1000
            ",
        ) {
            let words: Vec<_> = case.split(' ').collect();
            let (name, sent) = expected.split_once(' ').unwrap();
            let (base, kind) = kind(words[0], words[1], words[2]);
            let RedirectKind::Repository { to, url: found, .. } = kind else {
                panic!("{case}");
            };
            assert_eq!(to.to_string(), name, "{case}");
            assert_eq!(*found, url(base, sent), "{case}");
        }
    }

    #[test]
    fn other_redirects_are_no_renames() {
        for (from, to) in test_rows(
            "
            cloud repositories/acme/a/hooks => repositories/acme/a/hooks
            cloud repositories/acme/a/hooks => repositories/acme/b/forks
            cloud repositories/acme/a => repositories/acme
            cloud repositories/acme/a => workspaces/acme
            cloud user/ssh-keys => users/jane/ssh-keys
            datacenter rest/api/latest/projects/PRJ/repos/a => rest/api/latest/projects/PRJ
            datacenter rest/api/latest/projects/PRJ/repos/a => projects/PRJ/repos/b/browse
            ",
        ) {
            let (product, path) = from.split_once(' ').unwrap();
            let (_, kind) = kind(product, path, to);
            assert_eq!(kind, RedirectKind::Other, "{from} {to}");
        }
        let base = Url::parse(DATA_CENTER).unwrap();
        let path = "rest/api/latest/projects/PRJ/repos";
        let (from, to) = (
            url(DATA_CENTER, &format!("{path}/a")),
            url("https://git.example.com/other", &format!("{path}/b")),
        );
        assert_eq!(classify_redirect(&base, &from, &to), RedirectKind::Other);
    }
}
