//! What is looked for in the texts of issues.
//!
//! ```text
//! login "rate limit" auth* -draft
//! ```
//!
//! Words in any order, phrases in quotes, beginnings of words with `*`, and with `-` what must not be there.

use std::borrow::Cow;

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

/// Stands around signs that are words by themselves: nothing is seen of it.
pub const BETWEEN: char = '\u{200b}';

/// A text in which each character of a script that is written without spaces, as Chinese and Japanese are, stands by itself:
/// so that a part of such a text is found, as the phrase of its characters.
pub fn apart(text: &str) -> Cow<'_, str> {
    let alone = |c: char| {
        matches!(c, '\u{2e80}'..='\u{2fdf}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
    };
    if !text.chars().any(alone) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() * 3);
    for c in text.chars() {
        match alone(c) {
            true => out.extend([BETWEEN, c, BETWEEN]),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// So many terms are looked for at once.
const MOST: usize = 64;

/// Reads what is looked for.
pub fn parse(text: &str) -> Result<Query, Fault> {
    let mut query = Query { wanted: Vec::new(), left_out: Vec::new() };
    let mut nothing = None;
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
            // Punctuation between words, as titles have it, is not looked for.
            nothing.get_or_insert(Fault { at: start, why: format!("`{words}` holds no letter or digit to look for") });
            continue;
        }
        let terms = if leave_out { &mut query.left_out } else { &mut query.wanted };
        terms.push(Term { words, prefix });
    }
    if query.wanted.is_empty() {
        return Err(nothing.unwrap_or(Fault { at: 1, why: "there is nothing to look for".to_owned() }));
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
    fn punctuation_between_words_is_passed_over() {
        let query = parse("Fix login — again & \"…\" - more").expect("a query");
        assert_eq!(query.wanted, ["Fix", "login", "again", "more"].map(|word| term(word, false)));
        assert_eq!(query.left_out, []);
    }

    #[test]
    fn scripts_without_spaces_fall_into_single_signs() {
        assert_eq!(apart("日本 go"), "\u{200b}日\u{200b}\u{200b}本\u{200b} go");
        assert!(matches!(apart("plain ä"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        for (text, at, why) in [
            ("", 1, "there is nothing to look for"),
            ("  -a", 1, "there is nothing to look for"),
            ("a \"b", 3, "the quote is not closed"),
            ("***", 1, "`*` holds no letter or digit to look for"),
            ("- \"\"", 1, "`-` holds no letter or digit to look for"),
        ] {
            let fault = parse(text).expect_err(text);
            assert_eq!((fault.at, fault.why.as_str()), (at, why), "{text}");
        }
        assert!(parse(&"a ".repeat(65)).is_err());
    }
}
