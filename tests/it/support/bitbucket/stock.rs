//! Repositories of the test Bitbucket with all that is in them: branches, commits, webhooks, pull requests.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Asked, Reply};

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
    pub(crate) project: String,
    pub(crate) default_branch: Option<String>,
    pub(crate) description: Option<String>,
    /// Where each branch points to.
    pub(crate) branches: BTreeMap<String, String>,
    pub(crate) commits: BTreeMap<String, Commit>,
    pub(crate) hooks: Vec<Value>,
    pub(crate) requests: Vec<Value>,
    /// Who is asked by default, and whether they can be.
    pub(crate) reviewers: Vec<(&'static str, bool)>,
    /// Branches that nobody may push to.
    pub(crate) protected: Vec<String>,
    /// How often it is not found before it is.
    pub(crate) hidden: usize,
}

/// All repositories, and what the servers are like.
#[derive(Debug, Clone, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact about the server"
)]
pub(crate) struct Stock {
    pub(crate) repos: Vec<Repo>,
    pub(crate) last_id: u64,
    /// New repositories are not found at first.
    pub(crate) is_slow: bool,
    /// An event that the server is too old to know.
    pub(crate) unknown_event: Option<&'static str>,
    /// Repositories whose webhooks the credential may not see.
    pub(crate) closed: Vec<&'static str>,
    /// Cloud's pages are named by an opaque hash.
    pub(crate) opaque_pages: bool,
    /// Cloud: what a commit changed is not told.
    pub(crate) tells_no_changes: bool,
    /// The total that a numbered page from this one on tells is another.
    pub(crate) wrong_size_from: Option<usize>,
    pub(crate) version: Option<&'static str>,
    /// Cloud: lists of commits are not narrowed.
    pub(crate) excludes_nothing: bool,
    /// Where the bare repositories are, for git over HTTP.
    pub(crate) git: Option<std::path::PathBuf>,
}

impl Stock {
    pub(crate) fn with(names: &[&str]) -> Self {
        let mut stock = Self::default();
        for name in names {
            stock.add(name);
        }
        stock
    }

    /// An empty repository; with a `+` behind its name, one with a commit on `main`.
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

    /// A hash that no other commit has.
    pub(crate) fn hash(&mut self) -> String {
        format!("{:040x}", 0xc0_ffee_0000 + self.id())
    }

    pub(crate) fn repo(&mut self, namespace: &str, slug: &str) -> Option<&mut Repo> {
        self.repos.iter_mut().find(|repo| {
            repo.namespace.eq_ignore_ascii_case(namespace) && repo.slug.eq_ignore_ascii_case(slug)
        })
    }

    /// Commits to a branch, as somebody does who is not the program.
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

    /// The commits that a commit leads back to, itself first.
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

/// A page of one of Cloud's lists.
pub(super) fn cloud_page(
    base: &str,
    stock: &Stock,
    asked: &Asked<'_>,
    values: &[Value],
    most: usize,
) -> Reply {
    cloud_page_of(base, stock, asked, values.len(), most, |at| {
        values[at].clone()
    })
}

/// The same, each entry being made when it is on the page.
pub(super) fn cloud_page_of(
    base: &str,
    stock: &Stock,
    asked: &Asked<'_>,
    count: usize,
    most: usize,
    entry: impl Fn(usize) -> Value,
) -> Reply {
    let length = asked.number("pagelen").unwrap_or(10);
    if length > most {
        return super::cloud::error(400, "Invalid pagelen");
    }
    let number = match asked.query("page") {
        Some(text) if stock.opaque_pages => text
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
    if !stock.opaque_pages {
        let wrong = stock.wrong_size_from.is_some_and(|from| number >= from);
        body["page"] = json!(number);
        body["size"] = json!(count + usize::from(wrong));
    }
    if from + length < count {
        let (path, query) = asked.path.split_once('?').unwrap_or((asked.path, ""));
        let next = if stock.opaque_pages {
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
    Reply::new(200, body)
}

/// A page of one of Data Center's lists.
pub(super) fn datacenter_page(asked: &Asked<'_>, values: &[Value], most: usize) -> Reply {
    let start = asked.number("start").unwrap_or(0);
    let limit = asked.number("limit").unwrap_or(25).min(most);
    let some: Vec<_> = values.iter().skip(start).take(limit).cloned().collect();
    let is_last = start + limit >= values.len();
    let next = if is_last {
        Value::Null
    } else {
        json!(start + limit)
    };
    Reply::new(
        200,
        json!({"size": some.len(), "limit": limit, "isLastPage": is_last, "values": some, "start": start, "nextPageStart": next}),
    )
}
