//! The words of a filter, each with its place.

use super::Fault;

/// A word of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `AND`
    And,
    /// `OR`
    Or,
    /// `NOT`, or `-` before a word or a parenthesis.
    Not,
    /// `field:value,value`, with each value's place.
    Term(String, Vec<Value>),
    /// A word by itself.
    Word(String),
}

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The text, without quotes.
    pub text: String,
    /// Whether it was quoted: then no character in it means anything but itself.
    pub quoted: bool,
    /// Where it begins: the character's number, from 1.
    pub at: usize,
}

/// A word, where it begins and where it ends: numbers of characters, the first is 1.
pub type Placed = (Token, usize);

/// Takes a filter apart.
pub fn tokens(text: &str) -> Result<Vec<Placed>, Fault> {
    let chars: Vec<char> = text.chars().collect();
    let mut reader = Reader { chars: &chars, at: 0 };
    let mut found = Vec::new();
    while let Some(c) = reader.peek() {
        let at = reader.at + 1;
        match c {
            c if c.is_whitespace() => reader.at += 1,
            '(' | ')' => {
                reader.at += 1;
                found.push((if c == '(' { Token::Open } else { Token::Close }, at));
            }
            '-' | '!' => {
                reader.at += 1;
                found.push((Token::Not, at));
            }
            _ => found.push((reader.word()?, at)),
        }
    }
    Ok(found)
}

struct Reader<'t> {
    chars: &'t [char],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn word(&mut self) -> Result<Token, Fault> {
        if self.peek() == Some('"') {
            let value = self.value()?;
            return Ok(Token::Word(value.text));
        }
        let start = self.at;
        while self.peek().is_some_and(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | ':' | '"')) {
            self.at += 1;
        }
        let name: String = self.chars[start..self.at].iter().collect();
        if self.peek() != Some(':') {
            return Ok(match name.as_str() {
                "AND" | "and" | "&&" => Token::And,
                "OR" | "or" | "||" => Token::Or,
                "NOT" | "not" => Token::Not,
                _ => Token::Word(name),
            });
        }
        self.at += 1;
        let mut values = vec![self.value()?];
        while self.peek() == Some(',') {
            self.at += 1;
            values.push(self.value()?);
        }
        Ok(Token::Term(name, values))
    }

    fn value(&mut self) -> Result<Value, Fault> {
        let at = self.at + 1;
        if self.peek() != Some('"') {
            let start = self.at;
            while self.peek().is_some_and(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | ',' | '"')) {
                self.at += 1;
            }
            let text: String = self.chars[start..self.at].iter().collect();
            return match text.is_empty() {
                true => Err(Fault::new(at, "a value is missing")),
                false => Ok(Value { text, quoted: false, at }),
            };
        }
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return Err(Fault::new(at, "the quote is not closed")),
                Some('"') => break,
                Some('\\') if matches!(self.chars.get(self.at + 1), Some('"' | '\\')) => {
                    self.at += 1;
                    text.extend(self.peek());
                }
                Some(c) => text.push(c),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(Value { text, quoted: true, at })
    }
}
