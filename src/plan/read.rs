//! From a tree of values to a plan. Reads on after a mistake, to tell of all of them at once.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use crate::document::{Node, Place, Value, parse};
use crate::domain::name::{PlanKey, Title, one_of};
use crate::domain::plan::{Field, Plan, Planned, RESERVED};
use crate::domain::state::Priority;

use super::{Document, Problem};

/// So many mistakes are told at once.
const TOLD: usize = 100;

/// Reads a plan. Gives every mistake that can be seen without looking at the tracker.
pub fn read(text: &str) -> Result<Document, Vec<Problem>> {
    let root = parse(text).map_err(|(place, why)| vec![Problem { place, path: String::new(), why }])?;
    let mut reader = Reader::default();
    let plan = reader.plan(&root);
    let Reader { mut problems, places, issues } = reader;
    problems.sort();
    if problems.len() > TOLD {
        let more = problems.len() - TOLD;
        problems.truncate(TOLD);
        let place = problems[TOLD - 1].place;
        problems.push(Problem {
            place,
            path: String::new(),
            why: if more == 1 { "and one more mistake".to_owned() } else { format!("and {more} more mistakes") },
        });
    }
    if problems.is_empty() { Ok(Document { plan, places, issues }) } else { Err(problems) }
}

#[derive(Default)]
struct Reader {
    problems: Vec<Problem>,
    places: BTreeMap<(usize, Field, Option<usize>), Place>,
    issues: Vec<Place>,
}

/// The entries of an object, each under its name.
type Entries<'n> = BTreeMap<&'n str, &'n Node>;

impl Reader {
    fn wrong(&mut self, place: Place, path: &str, why: impl Into<String>) {
        self.problems.push(Problem { place, path: path.to_owned(), why: why.into() });
    }

    fn plan(&mut self, root: &Node) -> Plan {
        let mut plan = Plan { name: None, issues: Vec::new() };
        let Some(entries) = self.entries(root, "", &["name", "issues"]) else { return plan };
        if let Some(name) = entries.get("name").filter(|node| !matches!(node.value, Value::Null)) {
            plan.name = self.parsed(name, "name");
        }
        let Some(list) = entries.get("issues") else {
            self.wrong(root.place, "issues", "a plan has a list of issues");
            return plan;
        };
        let mut keys: BTreeMap<PlanKey, Place> = BTreeMap::new();
        for (number, node) in self.items(list, "issues").iter().enumerate() {
            self.issues.push(node.place);
            let Some(issue) = self.issue(number, node) else { continue };
            let place = self.places.get(&(number, Field::Key, None)).copied().unwrap_or(node.place);
            if let Some(first) = keys.insert(issue.key.clone(), place) {
                self.wrong(
                    place,
                    &format!("issues[{number}].key"),
                    format!("`{}` stands in {first} already", issue.key),
                );
            }
            plan.issues.push(issue);
        }
        if plan.issues.is_empty() && self.problems.is_empty() {
            self.wrong(list.place, "issues", "a plan has at least one issue");
        }
        plan
    }

    fn issue(&mut self, number: usize, node: &Node) -> Option<Planned> {
        let path = format!("issues[{number}]");
        let names = Field::ALL.map(Field::name);
        let entries = self.entries(node, &path, &names)?;
        for field in Field::ALL {
            if let Some(node) = entries.get(field.name()) {
                self.places.insert((number, field, None), node.place);
            }
        }
        let at = |field: Field| {
            let node = entries.get(field.name()).copied();
            (node.filter(|node| !matches!(node.value, Value::Null)), format!("{path}.{}", field.name()))
        };
        for field in [Field::Key, Field::Title] {
            if at(field).0.is_none() {
                self.wrong(node.place, &path, format!("the issue has no {}", field.name()));
            }
        }
        let key: Option<PlanKey> = self.one(at(Field::Key));
        let title: Option<Title> = self.one(at(Field::Title));
        let (description, description_path) = at(Field::Description);
        let planned = |key, title, reader: &mut Self| Planned {
            key,
            title,
            description: description.and_then(|node| reader.text(node, &description_path)).unwrap_or_default(),
            priority: reader.one(at(Field::Priority)).unwrap_or(Priority::Normal),
            ready: reader.flag(at(Field::Ready)),
            labels: reader.set(number, Field::Labels, at(Field::Labels)),
            gates: reader.many(number, Field::Gates, at(Field::Gates)),
            depends_on: reader.many(number, Field::DependsOn, at(Field::DependsOn)),
            parent: reader.one(at(Field::Parent)),
            assignee: reader.one(at(Field::Assignee)),
            context: reader.context(at(Field::Context)),
        };
        match (key, title) {
            (Some(key), Some(title)) => Some(planned(key, title, self)),
            // What else is wrong with it is told all the same.
            (key, title) => {
                let stand_in = || "x".parse().expect("a letter is a key");
                let title = title.unwrap_or_else(|| "x".parse().expect("a letter is a title"));
                planned(key.unwrap_or_else(stand_in), title, self);
                None
            }
        }
    }

    /// The entries of an object; what is not known, and what stands twice, is told.
    fn entries<'n>(&mut self, node: &'n Node, path: &str, known: &[&str]) -> Option<Entries<'n>> {
        let Value::Map(map) = &node.value else {
            self.wrong(node.place, path, format!("an object belongs here, not {}", node.value.kind()));
            return None;
        };
        let mut entries = Entries::new();
        for (name, place, value) in map {
            if !known.contains(&name.as_str()) {
                self.wrong(*place, path, format!("`{name}` is not a field; {}", one_of(name, known)));
            } else if entries.insert(name, value).is_some() {
                self.wrong(*place, path, format!("`{name}` stands here twice"));
            }
        }
        Some(entries)
    }

    fn items<'n>(&mut self, node: &'n Node, path: &str) -> &'n [Node] {
        match &node.value {
            Value::List(items) => items,
            Value::Null => &[],
            other => {
                self.wrong(node.place, path, format!("a list belongs here, not {}", other.kind()));
                &[]
            }
        }
    }

    /// Text; a number counts as it is written.
    fn text(&mut self, node: &Node, path: &str) -> Option<String> {
        match &node.value {
            Value::Text(text) | Value::Number(text) => Some(text.clone()),
            other => {
                self.wrong(node.place, path, format!("text belongs here, not {}", other.kind()));
                None
            }
        }
    }

    fn parsed<T: FromStr<Err: std::fmt::Display>>(&mut self, node: &Node, path: &str) -> Option<T> {
        let text = self.text(node, path)?;
        text.parse().map_err(|why| self.wrong(node.place, path, format!("{why}"))).ok()
    }

    fn one<T: FromStr<Err: std::fmt::Display>>(&mut self, (node, path): (Option<&Node>, String)) -> Option<T> {
        node.and_then(|node| self.parsed(node, &path))
    }

    fn flag(&mut self, (node, path): (Option<&Node>, String)) -> bool {
        match node.map(|node| (&node.value, node.place)) {
            None => false,
            Some((Value::Bool(flag), _)) => *flag,
            Some((other, place)) => {
                self.wrong(place, &path, format!("true or false belongs here, not {}", other.kind()));
                false
            }
        }
    }

    fn many<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        number: usize,
        field: Field,
        (node, path): (Option<&Node>, String),
    ) -> Vec<T> {
        let Some(node) = node else { return Vec::new() };
        let mut found = Vec::new();
        for (item, node) in self.items(node, &path).iter().enumerate() {
            self.places.insert((number, field, Some(item)), node.place);
            found.extend(self.parsed(node, &format!("{path}[{item}]")));
        }
        found
    }

    fn set<T: FromStr<Err: std::fmt::Display> + Ord>(
        &mut self,
        number: usize,
        field: Field,
        at: (Option<&Node>, String),
    ) -> BTreeSet<T> {
        self.many(number, field, at).into_iter().collect()
    }

    fn context(&mut self, (node, path): (Option<&Node>, String)) -> BTreeMap<String, String> {
        let Some(node) = node else { return BTreeMap::new() };
        let Value::Map(map) = &node.value else {
            self.wrong(node.place, &path, format!("an object belongs here, not {}", node.value.kind()));
            return BTreeMap::new();
        };
        let mut context = BTreeMap::new();
        for (key, place, value) in map {
            if key.starts_with(RESERVED) {
                self.wrong(*place, &path, format!("`{key}`: keys that begin with `{RESERVED}` are taken"));
            }
            let text = match &value.value {
                Value::Bool(flag) => Some(flag.to_string()),
                _ => self.text(value, &format!("{path}.{key}")),
            };
            if let Some(text) = text
                && context.insert(key.clone(), text).is_some()
            {
                self.wrong(*place, &path, format!("`{key}` stands here twice"));
            }
        }
        context
    }
}
