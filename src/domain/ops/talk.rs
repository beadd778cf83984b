//! Words about an issue: comments, questions and answers, and whom it is meant for.

use crate::domain::draft::Draft;
use crate::domain::event::{Assignment, Body, Empty, Text};
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::limits;
use crate::domain::name::Actor;
use crate::domain::refusal::{Decision, Refusal};
use crate::domain::state::State;

use super::authorize;
use super::ownership::refuse_former_holder;

/// Adds a comment. Anybody may, also on what somebody else holds.
pub fn comment(draft: &mut Draft<'_>, prefix: &IdPrefix, text: &str) -> Decision<IssueId> {
    let said = said("a comment", text)?;
    let issue = draft.resolve(prefix)?;
    refuse_former_holder(draft, &issue)?;
    draft.emit(issue.id, Body::IssueCommented(said))?;
    Ok(issue.id)
}

/// Parks an issue with a question: its claim ends and it is open until a person answers.
pub fn ask(draft: &mut Draft<'_>, prefix: &IdPrefix, question: &str) -> Decision<IssueId> {
    let said = said("a question", question)?;
    let issue = draft.resolve(prefix)?;
    authorize(draft, &issue)?;
    if issue.state.is_finished() {
        return Err(Refusal::Transition { id: issue.id, from: issue.state, to: State::Open });
    }
    draft.emit(issue.id, Body::IssueAsked(said))?;
    Ok(issue.id)
}

/// Answers the question of an issue, which is then ready again.
pub fn answer(draft: &mut Draft<'_>, prefix: &IdPrefix, text: &str) -> Decision<IssueId> {
    let said = said("an answer", text)?;
    let issue = draft.resolve(prefix)?;
    if issue.question.is_none() {
        return Err(Refusal::NoQuestion(issue.id));
    }
    draft.emit(issue.id, Body::IssueAnswered(said))?;
    Ok(issue.id)
}

fn said(what: &str, text: &str) -> Decision<Text> {
    if text.trim().is_empty() {
        return Err(Refusal::Invalid { what: what.to_owned(), why: "it must not be empty".to_owned() });
    }
    limits::check_text(what, text)?;
    Ok(Text { text: text.to_owned() })
}

/// Means an issue for somebody, or with `None` for nobody. Quiet when it is so already.
pub fn assign(draft: &mut Draft<'_>, prefix: &IdPrefix, assignee: Option<&Actor>) -> Decision<IssueId> {
    let issue = draft.resolve(prefix)?;
    if issue.assignee.as_ref() == assignee {
        return Ok(issue.id);
    }
    authorize(draft, &issue)?;
    let body = match assignee {
        Some(assignee) => Body::IssueAssigned(Assignment { assignee: assignee.clone() }),
        None => Body::IssueUnassigned(Empty {}),
    };
    draft.emit(issue.id, body)?;
    Ok(issue.id)
}
