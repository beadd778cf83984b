//! What is looked for in the texts of issues.
//!
//! ```text
//! login "rate limit" auth* -draft
//! ```
//!
//! Words in any order, phrases in quotes, beginnings of words with `*`, and with `-` what must not be there.

use super::filter::Fault;

/// What is looked for. Every term must be there, and none that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// What must be there.
    pub wanted: Vec<Term>,
    /// What must not.
    pub left_out: Vec<Term>,
}

/// A word or a phrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The words, one after the other.
    pub words: String,
    /// Whether the last one may go on.
    pub prefix: bool,
}

/// So many terms are looked for at once.
const MOST: usize = 64;

/// Reads what is looked for.
pub fn parse(text: &str) -> Result<Query, Fault> {
    let mut query = Query { wanted: Vec::new(), left_out: Vec::new() };
    let mut chars = text.chars().enumerate().map(|(at, c)| (at + 1, c)).peekable();
    while let Some((start, first)) = chars.next() {
        if first.is_whitespace() {
            continue;
        }
        let (leave_out, first) = match first {
            '-' if chars.peek().is_some_and(|(_, next)| !next.is_whitespace()) => {
                (true, chars.next().map_or(first, |(_, next)| next))
            }
            _ => (false, first),
        };
        let mut words = String::new();
        if first == '"' {
            let mut closed = false;
            for (_, c) in chars.by_ref() {
                closed = c == '"';
                if closed {
                    break;
                }
                words.push(c);
            }
            if !closed {
                return Err(Fault { at: start, why: "the quote is not closed".to_owned() });
            }
        } else {
            words.push(first);
            while let Some((_, c)) = chars.next_if(|(_, c)| !c.is_whitespace() && *c != '"' && *c != '*') {
                words.push(c);
            }
        }
        let prefix = chars.next_if(|(_, c)| *c == '*').is_some();
        if !words.chars().any(char::is_alphanumeric) {
            return Err(Fault { at: start, why: format!("`{words}` holds no letter or digit to look for") });
        }
        let terms = if leave_out { &mut query.left_out } else { &mut query.wanted };
        terms.push(Term { words, prefix });
    }
    if query.wanted.is_empty() {
        return Err(Fault { at: 1, why: "there is nothing to look for".to_owned() });
    }
    if query.wanted.len() + query.left_out.len() > MOST {
        return Err(Fault { at: 1, why: format!("more than {MOST} words are not looked for at once") });
    }
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(words: &str, prefix: bool) -> Term {
        Term { words: words.to_owned(), prefix }
    }

    #[test]
    fn words_phrases_beginnings_and_what_is_left_out() {
        let query = parse("login \"rate limit\" auth* -draft -\"not this\"* refs/jit").expect("a query");
        let wanted = [term("login", false), term("rate limit", false), term("auth", true), term("refs/jit", false)];
        assert_eq!(query.wanted, wanted);
        assert_eq!(query.left_out, [term("draft", false), term("not this", true)]);
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        for (text, at, why) in [
            ("", 1, "there is nothing to look for"),
            ("  -a", 1, "there is nothing to look for"),
            ("a \"b", 3, "the quote is not closed"),
            ("a ***", 3, "`*` holds no letter or digit to look for"),
            ("ä \"\"", 3, "`` holds no letter or digit to look for"),
        ] {
            let fault = parse(text).expect_err(text);
            assert_eq!((fault.at, fault.why.as_str()), (at, why), "{text}");
        }
        assert!(parse(&"a ".repeat(65)).is_err());
    }
}
