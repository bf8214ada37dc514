//! A YAML document as a tree in which every name and value knows its place in the file.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::{Location, Spanned};

use super::super::Part;

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Bytes of the file that the value covers. For lists and objects only where they begin.
    pub range: Range<usize>,
    /// The value.
    pub content: Content,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A text, number, truth value or null.
    Scalar(Value),
    /// Values in order.
    List(Vec<Node>),
    /// Named values in the order of the file.
    Object(Vec<(Name, Node)>),
}

/// The name of a value in an object, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Bytes of the file that the name covers.
    pub range: Range<usize>,
    /// The name.
    pub text: String,
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Bytes to point at.
    pub range: Range<usize>,
    /// Whether `range` covers exactly the part that was asked for. When not, it is the name of the
    /// nearest object or list around it.
    pub exact: bool,
}

impl Node {
    /// The value without places. Of two equal names the last wins.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Content::Object(members) => {
                let members =
                    members.iter().map(|(name, node)| (name.text.clone(), node.to_json()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    /// The member called `name`.
    pub fn member(&self, name: &str) -> Option<&Self> {
        self.entry(name).map(|(_, node)| node)
    }

    fn entry(&self, name: &str) -> Option<&(Name, Self)> {
        match &self.content {
            Content::Object(members) => members.iter().rev().find(|(known, _)| known.text == name),
            _ => None,
        }
    }

    /// The text of the member called `name`, if it is one and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        match &self.member(name)?.content {
            Content::Scalar(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The node at `path`, if there is one.
    pub fn at(&self, path: &str) -> Option<&Self> {
        steps(path).into_iter().try_fold(self, |node, step| match (step, &node.content) {
            (Step::Member(name), _) => node.member(name),
            (Step::Item(index), Content::List(items)) => items.get(index),
            (Step::Item(_), _) => None,
        })
    }

    /// Where `path` (such as `spec.logtailConfig.inputDetail.key[9]`) leads. A path that ends
    /// nowhere leads to the nearest thing around it, so that "is missing" points at the object
    /// in which it is missing.
    pub fn find(&self, path: &str, part: Part) -> Found {
        let mut node = self;
        let mut name: Option<&Name> = None;
        let mut exact = true;
        for step in steps(path) {
            let next = match (step, &node.content) {
                (Step::Member(wanted), Content::Object(_)) => {
                    node.entry(wanted).map(|(known, node)| {
                        name = Some(known);
                        node
                    })
                }
                (Step::Item(index), Content::List(items)) => items.get(index),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => {
                    exact = false;
                    break;
                }
            }
        }
        let has_extent = matches!(node.content, Content::Scalar(_)) && !node.range.is_empty();
        match name {
            Some(name) if !exact || part == Part::Name || !has_extent => {
                Found { range: name.range.clone(), exact: exact && part == Part::Name }
            }
            _ => Found { range: node.range.clone(), exact: exact && has_extent },
        }
    }

    /// Places as the parser gives them, made relative to the file in which the document begins
    /// at byte `start`.
    pub(super) fn read(spanned: Spanned<Tree>, start: usize) -> Self {
        let range = range_of(&spanned.referenced, start);
        let content = match spanned.value {
            Tree::Scalar(value) => Content::Scalar(value),
            Tree::List(items) => {
                Content::List(items.into_iter().map(|item| Self::read(item, start)).collect())
            }
            Tree::Object(members) => Content::Object(
                members
                    .into_iter()
                    .map(|(name, node)| {
                        let range = range_of(&name.referenced, start);
                        (Name { range, text: name.value }, Self::read(node, start))
                    })
                    .collect(),
            ),
        };
        Self { range, content }
    }
}

fn range_of(location: &Location, start: usize) -> Range<usize> {
    let offset = start + location.span().byte_offset().unwrap_or(0) as usize;
    offset..offset + location.span().byte_len().unwrap_or(0) as usize
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

/// Cuts `a.b[3]` into `a`, `b` and 3. Text in brackets that is no number belongs to the name.
fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for member in path.split('.').filter(|member| !member.is_empty()) {
        let item = member
            .strip_suffix(']')
            .and_then(|rest| rest.rsplit_once('['))
            .and_then(|(name, index)| Some((name, index.parse().ok()?)));
        match item {
            Some((name, index)) => {
                if !name.is_empty() {
                    steps.push(Step::Member(name));
                }
                steps.push(Step::Item(index));
            }
            None => steps.push(Step::Member(member)),
        }
    }
    steps
}

/// What the parser is asked for: anything, with places.
#[derive(Debug)]
pub(super) enum Tree {
    Scalar(Value),
    List(Vec<Spanned<Tree>>),
    Object(Vec<(Spanned<String>, Spanned<Tree>)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Anything;

        impl<'de> Visitor<'de> for Anything {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.into()))
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Scalar(Value::Null))
            }

            fn visit_none<E>(self) -> Result<Tree, E> {
                Ok(Tree::Scalar(Value::Null))
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
                Tree::deserialize(deserializer)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Tree::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Tree::Object(members))
            }
        }

        deserializer.deserialize_any(Anything)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Body, read};
    use super::*;

    const TEXT: &str = "\
# 说明
spec:
  project: p
  empty:
  list: [a, 'b c']
---
spec:
  project: second
";

    #[track_caller]
    fn check(document: usize, path: &str, part: Part, expected: &str, exact: bool) {
        let Body::Tree(node) = &read(TEXT)[document].body else { panic!("is readable") };
        let found = node.find(path, part);
        assert_eq!(&TEXT[found.range], expected);
        assert_eq!(found.exact, exact);
    }

    #[test]
    fn a_path_leads_to_the_bytes_of_its_value_or_name() {
        check(0, "spec.project", Part::Value, "p", true);
        check(0, "spec.project", Part::Name, "project", true);
        check(0, "spec.list[1]", Part::Value, "'b c'", true);
        check(1, "spec.project", Part::Value, "second", true);
    }

    #[test]
    fn what_is_missing_or_has_no_extent_leads_to_the_name_around_it() {
        check(0, "spec.logstore", Part::Value, "spec", false);
        check(0, "spec.list[7]", Part::Value, "list", false);
        check(0, "spec.list", Part::Value, "list", false);
        check(0, "spec.empty", Part::Value, "empty", false);
        check(0, "metadata.name", Part::Value, "", false);
    }
}
