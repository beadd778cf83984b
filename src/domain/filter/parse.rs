//! From words to conditions. `OR` binds weakest, then `AND`, which may be left out, then `NOT`.

use crate::domain::state::{GateStatus, Priority, State};
use crate::domain::time::{Timestamp, parse_moment};

use super::lex::{Placed, Token, Value, tokens};
use super::{Condition, Fault, Filter, Flag, Moment, Order, Pattern, When};

/// Parentheses and negations may be nested so deep.
const DEEPEST: usize = 64;

/// Every field with what it is compared with, for messages and help.
pub const FIELDS: &[(&str, &str)] = &[
    ("state", "state:ready,open"),
    ("priority", "priority:high, priority:>=normal"),
    ("label", "label:area/*"),
    ("assignee", "assignee:copilot:*, assignee:none"),
    ("holder", "holder:copilot:worker-1, holder:none"),
    ("gate", "gate:unit-tests, gate:review=passed"),
    ("plan", "plan:auth/*, plan:none"),
    ("id", "id:3f2a"),
    ("title", "title:login, title:\"log in\""),
    ("created", "created:>2d, created:<2026-01-31"),
    ("updated", "updated:<1h"),
    ("completed", "completed:2026-01-31"),
];

/// Every word that is a condition by itself.
pub const FLAGS: &[(&str, Flag)] = &[
    ("blocked", Flag::Blocked),
    ("claimed", Flag::Claimed),
    ("unassigned", Flag::Unassigned),
    ("question", Flag::Question),
    ("failed", Flag::Failed),
];

/// Reads a filter. `now` is what spans are reckoned from.
pub fn parse(text: &str, now: Timestamp) -> Result<Filter, Fault> {
    let tokens = tokens(text)?;
    let end = text.chars().count() + 1;
    let mut parser = Parser { tokens: &tokens, next: 0, end, now };
    if tokens.is_empty() {
        return Err(Fault::new(1, "the filter is empty"));
    }
    let filter = parser.either(0)?;
    match parser.peek() {
        None => Ok(filter),
        Some((Token::Close, at)) => Err(Fault::new(*at, "this parenthesis was never opened")),
        Some((_, at)) => Err(Fault::new(*at, "this is not expected here")),
    }
}

struct Parser<'t> {
    tokens: &'t [Placed],
    next: usize,
    end: usize,
    now: Timestamp,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<&'t Placed> {
        self.tokens.get(self.next)
    }

    fn take(&mut self, wanted: &Token) -> bool {
        let found = self.peek().is_some_and(|(token, _)| token == wanted);
        self.next += usize::from(found);
        found
    }

    fn either(&mut self, depth: usize) -> Result<Filter, Fault> {
        let mut all = vec![self.both(depth)?];
        while self.take(&Token::Or) {
            all.push(self.both(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::Any(all) })
    }

    fn both(&mut self, depth: usize) -> Result<Filter, Fault> {
        let mut all = vec![self.one(depth)?];
        loop {
            let said = self.take(&Token::And);
            match self.peek() {
                None | Some((Token::Or | Token::Close, _)) if !said => break,
                _ => all.push(self.one(depth)?),
            }
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::All(all) })
    }

    fn one(&mut self, depth: usize) -> Result<Filter, Fault> {
        let Some((token, at)) = self.peek() else {
            return Err(Fault::new(self.end, "something is missing at the end"));
        };
        if depth > DEEPEST {
            return Err(Fault::new(*at, format!("nested more than {DEEPEST} deep")));
        }
        self.next += 1;
        match token {
            Token::Not => Ok(Filter::Not(Box::new(self.one(depth + 1)?))),
            Token::Open => {
                let inner = self.either(depth + 1)?;
                match self.take(&Token::Close) {
                    true => Ok(inner),
                    false => Err(Fault::new(*at, "this parenthesis is not closed")),
                }
            }
            Token::Term(field, values) => {
                let mut any = Vec::new();
                for value in values {
                    any.push(Filter::Is(condition(field, *at, value, self.now)?));
                }
                Ok(if any.len() == 1 { any.remove(0) } else { Filter::Any(any) })
            }
            Token::Word(word) => flag(word, *at).map(|flag| Filter::Is(Condition::Flag(flag))),
            Token::And | Token::Or => Err(Fault::new(*at, "a condition is missing before this")),
            Token::Close => Err(Fault::new(*at, "a condition is missing before this parenthesis")),
        }
    }
}

fn flag(word: &str, at: usize) -> Result<Flag, Fault> {
    if let Some((_, flag)) = FLAGS.iter().find(|(name, _)| *name == word) {
        return Ok(*flag);
    }
    if let Some((_, example)) = FIELDS.iter().find(|(name, _)| *name == word) {
        return Err(Fault::new(at, format!("`{word}` needs a value: {example}")));
    }
    let known = FLAGS.iter().map(|(name, _)| *name);
    let fields = FIELDS.iter().map(|(name, _)| *name);
    Err(Fault::unknown(at, &format!("`{word}` is not a condition"), word, known.chain(fields)))
}

fn condition(field: &str, at: usize, value: &Value, now: Timestamp) -> Result<Condition, Fault> {
    Ok(match field {
        "state" => Condition::State(one_of("state", value, State::ALL, State::as_str)?),
        "priority" => {
            let (order, rest) = order(value);
            Condition::Priority(order, one_of("priority", &rest, Priority::ALL, Priority::as_str)?)
        }
        "label" => Condition::Label(pattern(value)?),
        "assignee" => Condition::Assignee(somebody(value)?),
        "holder" | "claim" | "claimed" => Condition::Holder(somebody(value)?),
        "title" => Condition::Title(value.text.to_lowercase()),
        "plan" => Condition::Plan(somebody(value)?),
        "id" => Condition::Id(id(value)?),
        "gate" => gate(value)?,
        "created" => Condition::Time(When::Created, moment(value, now)?),
        "updated" => Condition::Time(When::Updated, moment(value, now)?),
        "completed" => Condition::Time(When::Completed, moment(value, now)?),
        _ if FLAGS.iter().any(|(name, _)| *name == field) => {
            return Err(Fault::new(at, format!("`{field}` is a condition by itself and takes no value")));
        }
        _ => {
            let known = FIELDS.iter().map(|(name, _)| *name);
            return Err(Fault::unknown(at, &format!("`{field}` is not a field"), field, known));
        }
    })
}

fn one_of<T: Copy>(what: &str, value: &Value, all: &[T], name: fn(T) -> &'static str) -> Result<T, Fault> {
    let found = all.iter().copied().find(|one| name(*one) == value.text);
    found.ok_or_else(|| {
        let known = all.iter().map(|one| name(*one));
        Fault::unknown(value.at, &format!("`{}` is not a valid {what}", value.text), &value.text, known)
    })
}

/// What stands before a value: `>`, `>=`, `<`, `<=` or nothing.
fn order(value: &Value) -> (Order, Value) {
    for (sign, order) in [(">=", Order::AtLeast), ("<=", Order::AtMost), (">", Order::More), ("<", Order::Less)] {
        if let Some(rest) = value.text.strip_prefix(sign).filter(|_| !value.quoted) {
            return (order, Value { text: rest.to_owned(), quoted: false, at: value.at + sign.len() });
        }
    }
    (Order::Same, value.clone())
}

/// Nobody, or whoever fits a pattern.
fn somebody(value: &Value) -> Result<Option<Pattern>, Fault> {
    if value.text == "none" && !value.quoted { Ok(None) } else { pattern(value).map(Some) }
}

fn pattern(value: &Value) -> Result<Pattern, Fault> {
    if value.quoted {
        return Ok(Pattern::Exact(value.text.clone()));
    }
    Pattern::read(&value.text).map_err(|why| Fault::new(value.at, why))
}

fn id(value: &Value) -> Result<String, Fault> {
    let plain: String = value.text.to_ascii_lowercase();
    match plain.len() >= 4 && plain.len() <= 36 && plain.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        true => Ok(plain),
        false => Err(Fault::new(value.at, format!("`{}` is not an id: 4 or more hexadecimal digits", value.text))),
    }
}

fn gate(value: &Value) -> Result<Condition, Fault> {
    let Some((key, status)) = value.text.split_once('=') else { return Ok(Condition::Gate(pattern(value)?, None)) };
    let at = value.at + key.chars().count() + 1;
    let status = Value { text: status.to_owned(), quoted: value.quoted, at };
    let status = one_of("gate status", &status, GateStatus::ALL, GateStatus::as_str)?;
    Ok(Condition::Gate(pattern(&Value { text: key.to_owned(), ..value.clone() })?, Some(status)))
}

/// A day, a time, or an age. `>2d` is older than two days, `<2d` younger; `>2026-01-31` is after that day.
fn moment(value: &Value, now: Timestamp) -> Result<Moment, Fault> {
    let (order, rest) = order(value);
    let text = rest.text.as_str();
    let fault = || {
        let said =
            format!("`{text}` is not a time; write an age (`2d`, `1h30m`), a day (`2026-01-31`) or an RFC 3339 time");
        Fault::new(rest.at, said)
    };
    let day = format!("{text}T00:00:00Z").parse::<Timestamp>().ok();
    let (start, end) = match day {
        Some(day) => (day, day.plus(std::time::Duration::from_secs(24 * 3600))),
        None => {
            let time = parse_moment(text, now).map_err(|_| fault())?;
            (time, time.plus(std::time::Duration::from_millis(1)))
        }
    };
    let is_age = day.is_none() && text.parse::<Timestamp>().is_err();
    // What is older came earlier.
    let order = if is_age { order.turned() } else { order };
    if is_age && order == Order::Same {
        return Err(Fault::new(rest.at, format!("an age is compared: `<{text}` for younger, `>{text}` for older")));
    }
    Ok(Moment { order, start, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Filter, Fault> {
        parse(text, Timestamp::from_millis(10 * 24 * 3_600_000))
    }

    #[test]
    fn and_binds_before_or_and_may_be_left_out() {
        let same = |one: &str, other: &str| assert_eq!(read(one), read(other), "{one}");
        same("state:open blocked OR claimed", "(state:open AND blocked) or claimed");
        same("NOT blocked claimed", "(not blocked) and claimed");
        same("-blocked", "NOT blocked");
        same("-(blocked claimed)", "NOT (blocked AND claimed)");
        same("state:open,ready", "state:open OR state:ready");
        same("label:\"area/api\"", "label:area/api");
        assert_ne!(read("blocked OR claimed"), read("blocked claimed"));
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        for (text, at, why) in [
            ("", 1, "the filter is empty"),
            ("state:redy", 7, "`redy` is not a valid state; did you mean `ready`?"),
            ("state:open AND", 15, "something is missing at the end"),
            ("(blocked", 1, "this parenthesis is not closed"),
            ("blocked)", 8, "this parenthesis was never opened"),
            ("blocked OR OR claimed", 12, "a condition is missing before this"),
            ("()", 2, "a condition is missing before this parenthesis"),
            ("colour:red", 1, "`colour` is not a field; one of state"),
            ("lable:x", 1, "`lable` is not a field; did you mean `label`?"),
            ("blokked", 1, "`blokked` is not a condition; did you mean `blocked`?"),
            ("state", 1, "`state` needs a value: state:ready,open"),
            ("blocked:yes", 1, "`blocked` is a condition by itself"),
            ("label:", 7, "a value is missing"),
            ("label:a,,b", 9, "a value is missing"),
            ("title:\"x", 7, "the quote is not closed"),
            ("created:>soon", 10, "`soon` is not a time"),
            ("created:2d", 9, "an age is compared"),
            ("priority:>urgent", 11, "`urgent` is not a valid priority"),
            ("id:xyz", 4, "`xyz` is not an id"),
            ("gate:review=good", 13, "`good` is not a valid gate status"),
            ("ä state:x", 1, "`ä` is not a condition"),
        ] {
            let fault = read(text).expect_err(text);
            assert!(fault.at == at && fault.why.starts_with(why), "{text}: {fault}");
        }
        let deep = "(".repeat(100) + "blocked" + &")".repeat(100);
        assert!(read(&deep).expect_err("too deep").why.starts_with("nested more than 64"));
    }

    #[test]
    fn what_is_older_has_a_greater_age_and_came_before() {
        let day = |days: i64| Timestamp::from_millis(days * 24 * 3_600_000);
        let older = moment(&Value { text: ">2d".to_owned(), quoted: false, at: 1 }, day(10)).expect("an age");
        assert_eq!((older.order, older.start), (Order::Less, day(8)));
        let after = moment(&Value { text: ">1970-01-03".to_owned(), quoted: false, at: 1 }, day(10)).expect("a day");
        assert_eq!((after.order, after.end), (Order::More, day(3)));
    }
}
