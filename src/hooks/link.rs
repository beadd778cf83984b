//! Commits that were made: linking them to the issues they name.

use crate::domain::draft::resolve;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::ops::link::{Link, link};
use crate::error::Result;
use crate::git_process::Named;
use crate::session::{Manners, Session, View};

/// Commits that git is asked about at a time.
const AT_A_TIME: usize = 500;

/// The hook `post-commit`: links the commit that was just made.
pub fn after_commit(session: &Session) -> Result<()> {
    let names_one = session.store.head_message().is_some_and(|text| super::message::names_an_issue(&text));
    if names_one { link_all(session, &[("HEAD".to_owned(), None)]) } else { Ok(()) }
}

/// The hook `post-merge`: links the merge, when there is one. What was merged is linked already.
pub fn after_merge(session: &Session, squashed: bool) -> Result<()> {
    let is_merge = || session.store.head_parents() > 1;
    if squashed || !is_merge() { Ok(()) } else { after_commit(session) }
}

/// The hook `post-rewrite`: commits that were amended or rebased stay linked.
pub fn after_rewrite(session: &Session, input: &str) -> Result<()> {
    let rewritten = input.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (old, new) = (words.next()?, words.next()?);
        let is_id = |word: &str| word.len() >= 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_id(old) && is_id(new)).then(|| (new.to_owned(), Some(old.to_owned())))
    });
    let all: Vec<(String, Option<String>)> = rewritten.collect();
    all.chunks(AT_A_TIME).try_for_each(|some| link_all(session, some))
}

/// Links commits, each with the one whose place it took.
fn link_all(session: &Session, commits: &[(String, Option<String>)]) -> Result<()> {
    let mut args = vec!["--no-walk=unsorted", "--ignore-missing"];
    args.extend(
        commits.iter().flat_map(|(commit, replaces)| [Some(commit), replaces.as_ref()]).flatten().map(|id| &**id),
    );
    let known = session.store.git().commits(&args)?;
    let view = session.view()?;
    let find = |commit: &str| known.iter().find(|named| commit == "HEAD" || named.commit == commit);
    let links: Vec<Link> = commits
        .iter()
        .filter_map(|(commit, replaces)| {
            let named = find(commit)?;
            let mut issues = issues_of(&view, named);
            // New words may have left the trailer out; what the commit is for has not changed.
            issues.extend(replaces.iter().filter_map(|old| find(old)).flat_map(|old| issues_of(&view, old)));
            let (commit, tree) = (named.commit.clone(), named.tree.clone());
            Some(Link { commit, tree, replaces: replaces.clone(), issues })
        })
        .filter(|link| !link.issues.is_empty())
        .collect();
    if links.is_empty() {
        return Ok(());
    }
    session.change("hooks run", &Manners::default(), |draft| link(draft, &links))?;
    Ok(())
}

/// The issues that a commit names and that are here.
fn issues_of(view: &View, named: &Named) -> Vec<IssueId> {
    let found = named.issues.iter().filter_map(|name| {
        let prefix: IdPrefix = name.parse().ok()?;
        Some(resolve(&view.state, &prefix).ok()?.id)
    });
    found.collect()
}
