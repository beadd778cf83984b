//! A document that somebody wrote as a tree of values, each with its place: the same from JSON and from YAML.

use std::fmt;

use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, ast, parse_to_ast};
use saphyr_parser::{Event, Parser, ScalarStyle};

/// Where something stands in a document. Both count from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// A value of a document.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing: `null`, or left empty in YAML.
    Null,
    /// `true` or `false`, or in YAML a plain word that stands for one.
    Bool(bool),
    /// A number as it is written.
    Number(String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys with the place of each, and values, in the order of the document.
    Map(Vec<(String, Place, Node)>),
}

impl Value {
    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "an object",
        }
    }
}

/// A step on the way to a part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To what stands under a key.
    Key(String),
    /// To an item of a list, by its number from zero.
    Item(usize),
}

impl Node {
    /// Where the part at the end of a way stands: its key, or the item itself. `None` when there is no such part.
    pub fn place_of(&self, way: &[Step]) -> Option<Place> {
        let mut found = (self.place, self);
        for step in way {
            found = match (step, &found.1.value) {
                (Step::Key(wanted), Value::Map(entries)) => {
                    entries.iter().rev().find(|(key, ..)| key == wanted).map(|(_, place, node)| (*place, node))?
                }
                (Step::Item(number), Value::List(items)) => items.get(*number).map(|node| (node.place, node))?,
                _ => return None,
            };
        }
        Some(found.0)
    }
}

/// Lists and objects may be nested so deep.
const DEEPEST: usize = 64;

/// Why a text is no document, and where that shows.
pub type Fault = (Place, String);

/// Reads a document: JSON where it begins with a bracket or brace, else YAML.
pub fn parse(text: &str) -> Result<Node, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with(['{', '[']) { json(text) } else { yaml(text) }
}

/// Reads a document in JSON, and in nothing that is only like it.
pub fn json(text: &str) -> Result<Node, Fault> {
    let places = Places::of(text);
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        ..ParseOptions::default()
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &strict).map_err(|why| {
        (places.at(why.range().start), format!("no valid JSON: {}", lowercase(&why.kind().to_string())))
    })?;
    match parsed.value {
        Some(value) => of_json(&value, &places, 0),
        None => Err((places.at(0), "the document is empty".to_owned())),
    }
}

fn of_json(value: &ast::Value<'_>, places: &Places<'_>, depth: usize) -> Result<Node, Fault> {
    let place = places.at(value.start());
    if depth > DEEPEST {
        return Err((place, format!("nested more than {DEEPEST} deep")));
    }
    let value = match value {
        ast::Value::StringLit(text) => Value::Text(text.value.to_string()),
        ast::Value::NumberLit(number) => Value::Number(number.value.to_owned()),
        ast::Value::BooleanLit(bool) => Value::Bool(bool.value),
        ast::Value::NullKeyword(_) => Value::Null,
        ast::Value::Array(array) => {
            let items: Result<_, _> = array.elements.iter().map(|item| of_json(item, places, depth + 1)).collect();
            Value::List(items?)
        }
        ast::Value::Object(object) => {
            let entry = |entry: &ast::ObjectProp<'_>| {
                let place = places.at(entry.name.start());
                Ok((entry.name.as_str().to_owned(), place, of_json(&entry.value, places, depth + 1)?))
            };
            Value::Map(object.properties.iter().map(entry).collect::<Result<_, Fault>>()?)
        }
    };
    Ok(Node { place, value })
}

/// A document in one line may be long: the columns of so many of its characters are kept.
const MARKED: usize = 512;

/// Finds lines and columns of bytes.
struct Places<'t> {
    text: &'t str,
    /// The beginning of each line, and within it every [`MARKED`]th character: the byte, and where it stands.
    marks: Vec<(usize, Place)>,
}

impl<'t> Places<'t> {
    fn of(text: &'t str) -> Self {
        let mut place = Place { line: 1, column: 1 };
        let mut marks = vec![(0, place)];
        for (at, c) in text.char_indices() {
            place = match c {
                '\n' => Place { line: place.line + 1, column: 1 },
                _ => Place { line: place.line, column: place.column + 1 },
            };
            if place.column % MARKED == 1 {
                marks.push((at + c.len_utf8(), place));
            }
        }
        Self { text, marks }
    }

    fn at(&self, byte: usize) -> Place {
        let (start, mark) = self.marks[self.marks.partition_point(|(start, _)| *start <= byte) - 1];
        let between = self.text.get(start..byte).unwrap_or_default();
        Place { column: mark.column + between.chars().count(), ..mark }
    }
}

/// A list or an object that is not complete.
enum Open {
    List(Place, Vec<Node>),
    /// With the key whose value is awaited.
    Map(Place, Vec<(String, Place, Node)>, Option<(String, Place)>),
}

fn yaml(text: &str) -> Result<Node, Fault> {
    let mut open: Vec<Open> = Vec::new();
    let mut document: Option<Node> = None;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|why| (place(why.marker()), format!("no valid YAML: {}", lowercase(why.info()))))?;
        let here = place(&span.start);
        let complete = match event {
            Event::Scalar(text, style, _, _) => Node { place: here, value: scalar(&text, style) },
            Event::SequenceStart(..) => {
                open.push(Open::List(here, Vec::new()));
                check_depth(&open, here)?;
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(here, Vec::new(), None));
                check_depth(&open, here)?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(place, items)) => Node { place, value: Value::List(items) },
                Some(Open::Map(place, entries, _)) => Node { place, value: Value::Map(entries) },
                None => continue,
            },
            Event::Alias(_) => return Err((here, "aliases are not taken here; write the value out".to_owned())),
            Event::DocumentStart(_) if document.is_some() => {
                return Err((here, "a second document begins here; a plan is one".to_owned()));
            }
            _ => continue,
        };
        match open.last_mut() {
            None => document = Some(complete),
            Some(Open::List(_, items)) => items.push(complete),
            Some(Open::Map(_, entries, key)) => match (key.take(), complete.value) {
                (Some((key, at)), value) => entries.push((key, at, Node { place: complete.place, value })),
                (None, Value::Text(text) | Value::Number(text)) => *key = Some((text, complete.place)),
                (None, _) => return Err((complete.place, "a key must be text".to_owned())),
            },
        }
    }
    document.ok_or_else(|| (Place { line: 1, column: 1 }, "the document is empty".to_owned()))
}

fn check_depth(open: &[Open], here: Place) -> Result<(), Fault> {
    if open.len() > DEEPEST { Err((here, format!("nested more than {DEEPEST} deep"))) } else { Ok(()) }
}

fn place(marker: &saphyr_parser::Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}

/// What a word of YAML stands for, by the core schema of YAML 1.2: quoted words are text.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        text if text.parse::<f64>().is_ok() && text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
            Value::Number(text.to_owned())
        }
        text => Value::Text(text.to_owned()),
    }
}

fn lowercase(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_characters_from_the_beginning_of_its_line() {
        let text = format!("{}\n\n{}é\n", "ä€x".repeat(700), "long ".repeat(300));
        let places = Places::of(&text);
        for (byte, _) in text.char_indices() {
            let before = &text[..byte];
            let start = before.rfind('\n').map_or(0, |at| at + 1);
            let line = before.matches('\n').count() + 1;
            assert_eq!(places.at(byte), Place { line, column: before[start..].chars().count() + 1 }, "{byte}");
        }
    }
}
