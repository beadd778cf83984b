//! Whether a remote can share a tracker: asked of the remote itself, with refs that are taken away again.

use std::time::Duration;

use uuid::Uuid;

use crate::domain::draft::Ids;
use crate::environment::RandomIds;
use crate::error::Result;
use crate::git_process::{Push, Update};
use crate::session::Session;
use crate::store::{Backend, StoreError};

use super::{Deadline, Record, Remote};

/// Below it stand refs that are pushed to see whether they are taken.
const PROBES: &str = "refs/tracker/probe/";

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What.
    pub what: &'static str,
    /// Whether it is as it should be. What is merely good to know is.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to do, when it is not.
    pub hint: Option<String>,
}

fn good(what: &'static str, found: impl Into<String>) -> Finding {
    Finding { what, ok: true, found: found.into(), hint: None }
}

fn bad(what: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Finding {
    Finding { what, ok: false, found: found.into(), hint: Some(hint.into()) }
}

/// Looks at everything that can keep a tracker from being shared with `remote`.
pub fn check(session: &Session, remote: &Remote, limit: Duration) -> Result<Vec<Finding>> {
    let deadline = Deadline::after(limit);
    let mut findings = configuration(session, remote);
    let listing = match remote.list(&[], deadline.ask()) {
        Ok(listing) => listing,
        Err(error) => {
            findings.push(bad("reachable", error.message, format!("git ls-remote {}", remote.name)));
            return Ok(findings);
        }
    };
    findings.push(good("reachable", "it answers"));
    if listing.shared.as_ref().is_some_and(|theirs| theirs.0.len() != session.store.id_length()) {
        findings.push(bad(
            "format",
            "it keeps objects under another kind of hash than this repository",
            "make the hub with the same git init --object-format",
        ));
        return Ok(findings);
    }
    findings.push(match &listing.shared {
        Some(commit) => good("tracker", format!("{} is at {}", remote.shared, commit.short())),
        None => good("tracker", format!("there is no {} yet; jit sync {} makes it", remote.shared, remote.name)),
    });
    findings.extend(probe(session, remote, deadline)?);
    Ok(findings)
}

/// What git's own configuration has to say.
fn configuration(session: &Session, remote: &Remote) -> Vec<Finding> {
    let name = &remote.name;
    let mut findings = Vec::new();
    let values = |key: &str| session.store.config_values(&format!("remote.{name}.{key}"));
    if values("mirror").iter().any(|value| value == "true") {
        findings.push(bad(
            "mirror",
            "git push makes the remote equal to this clone, and takes away what others pushed",
            format!("git config --unset remote.{name}.mirror"),
        ));
    }
    let eats = |spec: &String| spec.split_once(':').is_some_and(|(_, to)| to == "refs/*");
    if let Some(spec) = values("fetch").iter().find(|spec| eats(spec)) {
        findings.push(bad(
            "refspec",
            format!("git fetch overwrites the tracker here: {spec}"),
            format!("git config --replace-all remote.{name}.fetch '+refs/heads/*:refs/remotes/{name}/*'"),
        ));
    }
    if let Some(spec) = values("push").iter().find(|spec| eats(spec)) {
        findings.push(bad("push", format!("git push takes every ref along: {spec}"), "name the branches to push"));
    }
    if session.store.is_cut_short() {
        findings.push(good("shallow", "this clone lacks the older history of the tracker; the next sync fetches it"));
    }
    if session.store.is_partial() {
        findings.push(good("partial", "this is a partial clone; the tracker is fetched whole all the same"));
    }
    findings
}

/// Pushes refs that nobody has a use for, and takes them away.
fn probe(session: &Session, remote: &Remote, deadline: Deadline) -> Result<Vec<Finding>> {
    let Some(tip) = session.store.tip()? else { return Ok(Vec::new()) };
    let random: Uuid = RandomIds::default().random();
    let name = |n: u8| format!("{PROBES}{random}-{n}");
    let update = |from: &str, to: String, expected: &str| Update {
        from: from.to_owned(),
        to,
        expected: Some(expected.to_owned()),
    };
    // The tracker's first commit costs nothing where the tracker is already.
    let make = [update(&tip.0, name(1), ""), update(&tip.0, name(2), "")];
    let (mut findings, mut made, mut denied) = (Vec::new(), Vec::new(), false);
    let atomic = remote.push(&make, true, deadline.transfer());
    let took = |pushed: &crate::git_process::Pushed, n: u8| pushed.of(&name(n)) == Push::Done;
    if atomic.as_ref().is_ok_and(|pushed| took(pushed, 1) && took(pushed, 2)) {
        findings.push(good("refs", "it takes refs that are not branches, for claims"));
        findings.push(good("atomic", "it moves several refs together, for jit land"));
        made = vec![name(1), name(2)];
    } else {
        let single = remote.push(&make[..1], false, deadline.transfer());
        match single {
            Ok(pushed) if took(&pushed, 1) => {
                made.push(name(1));
                findings.push(good("refs", "it takes refs that are not branches, for claims"));
                findings.push(bad("atomic", "it does not move several refs together", "jit land --not-atomic"));
            }
            Ok(pushed) => {
                denied = matches!(pushed.of(&name(1)), Push::Denied(_));
                findings.push(refused(remote, &pushed));
            }
            Err(StoreError::Git { message, .. }) => findings.push(bad(
                "writable",
                format!("it takes no push: git says: {message}"),
                format!("git push --dry-run {}", remote.name),
            )),
            Err(why) => return Err(why.into()),
        }
    }
    for name in &made {
        let gone = Update { from: String::new(), to: name.clone(), expected: Some(tip.0.clone()) };
        if !remote.push(&[gone], false, deadline.transfer()).is_ok_and(|pushed| pushed.of(name) == Push::Done) {
            findings.push(bad(
                "deletion",
                format!("{name} could not be taken away again"),
                "the host must allow refs/tracker/claims/* to be deleted",
            ));
            break;
        }
    }
    let refused_claims_at = match (made.is_empty(), denied) {
        (false, _) => None,
        (true, true) => Some(session.now()),
        // Nobody has said anything about refs.
        (true, false) => return Ok(findings),
    };
    Record { refused_claims_at, ..Record::of(session, &remote.name) }.keep(session);
    Ok(findings)
}

fn refused(remote: &Remote, pushed: &crate::git_process::Pushed) -> Finding {
    let words = match pushed.refs.first() {
        Some((_, Push::Denied(reason))) => reason.clone(),
        _ => "no reason was given".to_owned(),
    };
    let is_branch = remote.shared.starts_with("refs/heads/");
    let found = format!("it takes no refs that are not branches: {words}");
    if is_branch {
        return good("refs", format!("{found}; claims are decided on {}", remote.shared));
    }
    bad("refs", found, "git config jit.remoteRef refs/heads/jit, in every clone")
}
