//! Landing where there is no remote: one transaction moves the branch and the tracker.

use std::path::PathBuf;

use crate::error::{Class, Error, Result};
use crate::store::{Backend, StoreError};

use super::{Found, Heads, Landed, Landing, short};

/// How the reflog entries of landings begin.
const REASON: &str = "jit land";
/// So often others may move the heads before it is given up.
const ATTEMPTS: usize = 20;

pub fn land(landing: &Landing<'_>) -> Result<Landed> {
    let (session, git) = (landing.session, landing.git());
    if landing.branch == landing.onto {
        return Err(Error::new(Class::Usage, "same_branch", format!("{} cannot land on itself", landing.branch))
            .hint("jit land BRANCH --onto TARGET"));
    }
    for _ in 0..ATTEMPTS {
        let target = git.rev_parse(&format!("refs/heads/{}^{{commit}}", landing.onto))?;
        let heads = Heads { tip: landing.tip()?, target: target.ok_or_else(|| landing.no_target())? };
        let record = match landing.look(&heads)? {
            Found::Already(issues) => {
                catch_up(landing, &heads)?;
                return landing.done(None, &heads, issues, true);
            }
            Found::Unrecorded(record) => {
                record.make(session)?;
                return landing.done(None, &heads, record.issues, false);
            }
            Found::Fit(record) => record,
        };
        if landing.tip()? != heads.tip {
            // It moved while its gates ran: what would land was not looked at.
            continue;
        }
        let trees = clean_trees(landing, &heads)?;
        let (old, commit) = record.prepare(session)?;
        let branch = format!("refs/heads/{}", landing.onto);
        let reason = format!("{REASON} {}", landing.branch);
        let moves = [
            (branch.as_str(), heads.tip.as_str(), heads.target.as_str()),
            (session.store.ref_name(), &commit.id.0, &old.0),
        ];
        let moved = {
            let _turn = session.store.queue()?;
            git.move_refs(&moves, &reason)
        };
        match moved {
            Ok(()) => {
                bring_along(landing, &trees, &heads);
                return landing.done(None, &heads, record.issues, false);
            }
            // Somebody moved one of them: looked at anew. Otherwise it cannot be done at all.
            Err(why @ StoreError::Git { .. }) => {
                let same = git.rev_parse(&branch)?.as_deref() == Some(heads.target.as_str())
                    && session.store.tip()?.as_ref() == Some(&old);
                if same {
                    return Err(why.into());
                }
            }
            Err(why) => return Err(why.into()),
        }
    }
    let message = format!("{} or the tracker kept moving", short(&landing.onto));
    Err(Error::new(Class::Outside, "busy", message).retryable())
}

/// The work trees in which the target is checked out; refused when one holds changes.
fn clean_trees(landing: &Landing<'_>, heads: &Heads) -> Result<Vec<PathBuf>> {
    let git = landing.git();
    let trees = git.work_trees_on(&landing.onto)?;
    for top in &trees {
        if git.is_changed(top)? {
            let message = format!("{} is checked out in {}, with changes", landing.onto, top.display());
            return Err(Error::new(Class::Refused, "target_changed", message).hint("commit them there, or git stash"));
        }
        if let Err(why) = git.could_bring_along(top, &heads.target, &heads.tip) {
            let message = format!(
                "{} is checked out in {}, which cannot come along: {}",
                landing.onto,
                top.display(),
                Error::from(why).message
            );
            return Err(Error::new(Class::Refused, "target_changed", message).hint("move what is in the way"));
        }
    }
    Ok(trees)
}

/// Brings work trees along that a landing left behind which was cut off: those that hold what the branch held before.
fn catch_up(landing: &Landing<'_>, heads: &Heads) -> Result<()> {
    let git = landing.git();
    if !git.last_move(&landing.onto)?.starts_with(REASON) {
        // Somebody has done something else since: what the work tree holds is their business.
        return Ok(());
    }
    let Some(before) = git.rev_parse(&format!("refs/heads/{}@{{1}}", landing.onto)).ok().flatten() else {
        return Ok(());
    };
    let trees = git.work_trees_on(&landing.onto)?;
    let behind: Vec<PathBuf> = trees.into_iter().filter(|top| git.holds(top, &before).unwrap_or(false)).collect();
    bring_along(landing, &behind, &Heads { tip: heads.target.clone(), target: before });
    Ok(())
}

/// Brings work trees along with their branch.
fn bring_along(landing: &Landing<'_>, trees: &[PathBuf], heads: &Heads) {
    for top in trees {
        if let Err(why) = landing.git().bring_along(top, &heads.target, &heads.tip) {
            let why = Error::from(why).message;
            landing.session.notice(format!("the work tree {} stayed behind: {why}", top.display()));
        }
    }
}
