//! Manifests: YAML files in which people keep `AliyunLogConfig` objects and configurations.
//!
//! [`read`] takes a file apart into documents, each a tree that knows the place of every value.
//! [`subject`] says what a document is about and reads the object around a configuration.
//! Problems, which name fields, become [`Diagnostic`]s, which point into the file. Documents do
//! not disturb each other: one that cannot be read is a diagnostic of its own.
//!
//! The agent's own files (`user_local_config.json`) hold several configurations by name in the
//! object `metrics`; each counts as a document.

mod diagnostic;
mod edits;
mod names;
mod node;
mod resource;
mod syntax;
mod verify;

pub use diagnostic::{Colors, Diagnostic, Repair};
pub use node::{Content, Found, Name, Node};
pub use resource::{CONFIG_PREFIX, Metadata, Resource, Spec, Subject, subject};
pub use verify::{Compile, Verdict, verify};

use std::ops::Range;

use serde_saphyr::Spanned;

/// One document of a YAML file.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The bytes of the file that the document covers.
    pub range: Range<usize>,
    /// The name under which it stands in `metrics`, if it does.
    pub name: Option<String>,
    /// What is in it.
    pub body: Body,
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// It was read.
    Tree(Node),
    /// It is no YAML.
    Unreadable(Diagnostic),
}

/// Reads all documents of a YAML (or JSON) file. Documents without content are left out.
pub fn read(text: &str) -> Vec<Document> {
    document_ranges(text)
        .into_iter()
        .flat_map(|range| {
            let piece = &text[range.clone()];
            if piece.lines().all(|line| {
                let line = line.trim_start();
                line.is_empty() || line.starts_with('#')
            }) {
                return Vec::new();
            }
            match serde_saphyr::from_str::<Spanned<node::Tree>>(piece) {
                Ok(tree) => documents(Node::read(tree, range.start), range),
                Err(error) => {
                    let body = Body::Unreadable(syntax::explain(&error, text, range.clone()));
                    vec![Document { range, name: None, body }]
                }
            }
        })
        .collect()
}

/// The document itself, or those in its object `metrics`.
fn documents(node: Node, range: Range<usize>) -> Vec<Document> {
    let Content::Object(members) = &node.content else {
        return vec![Document { range, name: None, body: Body::Tree(node) }];
    };
    let metrics = members.iter().find_map(|(name, node)| match &node.content {
        Content::Object(configs) if name.text == "metrics" => Some(configs),
        _ => None,
    });
    let Some(configs) = metrics.filter(|_| node.member("kind").is_none()) else {
        return vec![Document { range, name: None, body: Body::Tree(node) }];
    };
    let ends = configs.iter().skip(1).map(|(name, _)| name.range.start).chain([range.end]);
    let named = configs.iter().zip(ends).map(|((name, node), end)| Document {
        range: name.range.start..end,
        name: Some(name.text.clone()),
        body: Body::Tree(node.clone()),
    });
    named.collect()
}

/// Cuts a file at its `---` and `...` lines. A line that begins with either marks a boundary
/// even inside a block of text (YAML 1.2, 9.1.2), so no parsing is needed to find them. What
/// follows on the marker's own line belongs to the document.
fn document_ranges(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let marks = ["---", "..."].into_iter().any(|mark| {
            line.strip_prefix(mark)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
        });
        if marks {
            ranges.push(start..offset);
            start = offset + 3;
        }
        offset += line.len();
    }
    ranges.push(start..text.len());
    ranges
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod document_tests {
    use super::*;

    #[track_caller]
    fn check_documents(text: &str, expected: &[&str]) {
        let found: Vec<String> = read(text)
            .iter()
            .map(|document| match &document.body {
                Body::Tree(node) => node.to_json().to_string(),
                Body::Unreadable(diagnostic) => format!("unreadable: {}", diagnostic.message),
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn documents_are_read_one_by_one() {
        check_documents("a: 1\n---\nb: 2\n", &[r#"{"a":1}"#, r#"{"b":2}"#]);
        check_documents(
            "---\na: 1\n...\n---\n# nothing here\n\n--- \nb: 2",
            &[r#"{"a":1}"#, r#"{"b":2}"#],
        );
        check_documents(
            "a: |\n  --- not a boundary\n  b\n",
            &[r#"{"a":"--- not a boundary\nb\n"}"#],
        );
        check_documents("", &[]);
    }

    #[test]
    fn a_broken_document_does_not_hide_the_others() {
        check_documents(
            "a: 1\n---\nb: [1\n---\nc: 3\n",
            &[r#"{"a":1}"#, "unreadable: a list that starts with `[` is not closed", r#"{"c":3}"#],
        );
    }

    #[test]
    fn text_made_to_exhaust_the_reader_is_refused() {
        let deep = format!("a: {}{}", "[".repeat(5000), "]".repeat(5000));
        check_documents(&deep, &["unreadable: the document is nested too deeply"]);
        let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for (name, before) in ('b'..='j').zip('a'..='i') {
            let nine = vec![format!("*{before}"); 9].join(",");
            bomb.push_str(&format!("{name}: &{name} [{nine}]\n"));
        }
        check_documents(
            &bomb,
            &["unreadable: the document is too large, or becomes so when its `*` references are \
               followed"],
        );
        check_documents("a:\n\tb: 1\n", &["unreadable: a tab indents this line"]);
    }

    #[test]
    fn json_is_read_too() {
        check_documents(
            r#"{"configName": "c", "inputDetail": {"key": ["a"]}}"#,
            &[r#"{"configName":"c","inputDetail":{"key":["a"]}}"#],
        );
    }
}
