//! Repositories of the fake Bitbucket: branches, commits, webhooks, pull requests.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ApiRequest, ApiResponse};

/// A file of a commit: its content and its attributes, as Cloud calls them.
pub(crate) type Tree = BTreeMap<String, (Vec<u8>, Vec<String>)>;

/// A commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Commit {
    pub(crate) parents: Vec<String>,
    pub(crate) message: String,
    pub(crate) tree: Tree,
}

/// A repository.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repo {
    pub(crate) namespace: String,
    pub(crate) slug: String,
    pub(crate) public: bool,
    /// Data Center since 8.0.
    pub(crate) archived: Option<bool>,
    pub(crate) project: String,
    pub(crate) default_branch: Option<String>,
    pub(crate) description: Option<String>,
    /// The commit of each branch.
    pub(crate) branches: BTreeMap<String, String>,
    pub(crate) commits: BTreeMap<String, Commit>,
    pub(crate) hooks: Vec<Value>,
    pub(crate) pull_requests: Vec<Value>,
    /// Default reviewers, and whether they can be added.
    pub(crate) reviewers: Vec<(&'static str, bool)>,
    /// How many more requests do not find it.
    pub(crate) hidden: usize,
    /// Data Center: what its SSH clone URL begins with, if not `ssh://git@git.example.com:7999`.
    pub(crate) ssh: Option<String>,
}

/// All repositories, and settings of the servers.
#[derive(Debug, Clone, Default)]
pub(crate) struct RepoStore {
    pub(crate) repos: Vec<Repo>,
    pub(crate) last_id: u64,
    /// New repositories are not found by the first requests.
    pub(crate) is_slow: bool,
    /// A webhook event that the server does not know.
    pub(crate) unknown_event: Option<&'static str>,
    /// Webhooks of workspaces (Cloud) and projects (Data Center).
    pub(crate) namespace_hooks: BTreeMap<String, Vec<Value>>,
    /// Data Center: the last delivery and the statistics of webhooks, by their ids.
    pub(crate) deliveries: BTreeMap<u64, (Option<Value>, Value)>,
    /// Repositories, workspaces and projects whose webhooks the credential may not see.
    pub(crate) hidden_webhooks: Vec<&'static str>,
    /// Cloud: page parameters are opaque.
    pub(crate) opaque_pages: bool,
    /// Pages from this number on report another total.
    pub(crate) wrong_size_from: Option<usize>,
    pub(crate) version: Option<&'static str>,
    /// The directory of bare repositories, for git over HTTP.
    pub(crate) git: Option<std::path::PathBuf>,
}

impl RepoStore {
    pub(crate) fn with(names: &[&str]) -> Self {
        let mut store = Self::default();
        for name in names {
            store.add(name);
        }
        store
    }

    /// Adds an empty repository; with `+` after the name, one with a commit on `main`.
    pub(crate) fn add(&mut self, name: &str) -> &mut Repo {
        let (name, has_commit) = match name.strip_suffix('+') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (namespace, slug) = name.split_once('/').expect("namespace/slug");
        let mut repo = Repo {
            namespace: namespace.to_owned(),
            slug: slug.to_owned(),
            project: "WEB".to_owned(),
            ..Repo::default()
        };
        if has_commit {
            let tree = Tree::from([("README.md".to_owned(), (b"# site\n".to_vec(), Vec::new()))]);
            let hash = self.hash();
            let commit = Commit {
                parents: Vec::new(),
                message: "First".to_owned(),
                tree,
            };
            repo.commits.insert(hash.clone(), commit);
            repo.branches.insert("main".to_owned(), hash);
            repo.default_branch = Some("main".to_owned());
        }
        self.repos.push(repo);
        self.repos.last_mut().expect("it was pushed")
    }

    pub(crate) fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A new commit hash.
    pub(crate) fn hash(&mut self) -> String {
        format!("{:040x}", 0xc0_ffee_0000 + self.id())
    }

    pub(crate) fn repo(&mut self, namespace: &str, slug: &str) -> Option<&mut Repo> {
        self.repos.iter_mut().find(|repo| {
            repo.namespace.eq_ignore_ascii_case(namespace) && repo.slug.eq_ignore_ascii_case(slug)
        })
    }

    /// The webhooks of a repository, or of a workspace or project.
    pub(crate) fn hooks(&mut self, owner: &str) -> &mut Vec<Value> {
        match owner.split_once('/') {
            Some((namespace, slug)) => &mut self.repo(namespace, slug).unwrap().hooks,
            None => self.namespace_hooks.entry(owner.to_owned()).or_default(),
        }
    }

    /// Commits to a branch, as another person would.
    pub(crate) fn push(&mut self, name: &str, branch: &str, message: &str, file: (&str, &[u8])) {
        let hash = self.hash();
        let (namespace, slug) = name.split_once('/').expect("namespace/slug");
        let repo = self.repo(namespace, slug).expect("it is there");
        let parent = repo
            .branches
            .get(branch)
            .or_else(|| repo.branches.get("main"))
            .cloned();
        let mut tree = parent
            .as_ref()
            .map(|parent| repo.commits[parent].tree.clone())
            .unwrap_or_default();
        tree.insert(file.0.to_owned(), (file.1.to_vec(), Vec::new()));
        let commit = Commit {
            parents: parent.into_iter().collect(),
            message: message.to_owned(),
            tree,
        };
        repo.commits.insert(hash.clone(), commit);
        repo.branches.insert(branch.to_owned(), hash);
    }
}

impl Repo {
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.namespace, self.slug)
    }

    /// A commit and its ancestors.
    pub(crate) fn history(&self, tip: &str) -> Vec<String> {
        let mut all = Vec::new();
        let mut next = Some(tip.to_owned());
        while let Some(hash) = next {
            next = self.commits[&hash].parents.first().cloned();
            all.push(hash);
        }
        all
    }
}

/// A page of a list on Cloud.
pub(super) fn cloud_page(
    base: &str,
    store: &RepoStore,
    request: &ApiRequest<'_>,
    values: &[Value],
    most: usize,
) -> ApiResponse {
    cloud_page_of(base, store, request, values.len(), most, |at| {
        values[at].clone()
    })
}

/// The same; only the entries of the page are created.
pub(super) fn cloud_page_of(
    base: &str,
    store: &RepoStore,
    request: &ApiRequest<'_>,
    count: usize,
    most: usize,
    entry: impl Fn(usize) -> Value,
) -> ApiResponse {
    let length = request.number("pagelen").unwrap_or(10);
    if length > most {
        return super::cloud::error(400, "Invalid pagelen");
    }
    let number = match request.query("page") {
        Some(text) if store.opaque_pages => text
            .strip_prefix("opaque-")
            .and_then(|number| number.parse().ok())
            .unwrap_or(usize::MAX),
        Some(text) => text.parse().unwrap_or(1),
        None => 1,
    };
    if number == usize::MAX {
        return super::cloud::error(404, "Invalid page");
    }
    let from = (number - 1) * length;
    let some: Vec<_> = (from..count.min(from + length)).map(entry).collect();
    let mut body = json!({"values": some, "pagelen": length});
    if !store.opaque_pages {
        let wrong = store.wrong_size_from.is_some_and(|from| number >= from);
        body["page"] = json!(number);
        body["size"] = json!(count + usize::from(wrong));
    }
    if from + length < count {
        let (path, query) = request.path.split_once('?').unwrap_or((request.path, ""));
        let next = if store.opaque_pages {
            format!("opaque-{}", number + 1)
        } else {
            (number + 1).to_string()
        };
        let query = url::form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key != "page");
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .append_pair("page", &next)
            .finish();
        body["next"] = json!(format!("{base}{path}?{query}"));
    }
    ApiResponse::new(200, body)
}

/// A page of a list on Data Center.
pub(super) fn datacenter_page(
    request: &ApiRequest<'_>,
    values: &[Value],
    most: usize,
) -> ApiResponse {
    let start = request.number("start").unwrap_or(0);
    let limit = request.number("limit").unwrap_or(25).min(most);
    let some: Vec<_> = values.iter().skip(start).take(limit).cloned().collect();
    let is_last = start + limit >= values.len();
    let next = if is_last {
        Value::Null
    } else {
        json!(start + limit)
    };
    ApiResponse::new(
        200,
        json!({"size": some.len(), "limit": limit, "isLastPage": is_last, "values": some, "start": start, "nextPageStart": next}),
    )
}
