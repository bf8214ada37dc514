//! The configuration as it arrived, and tolerant reading of its fields.

use super::Problem;
use super::keys;
use serde_json::{Map, Value};
use std::cell::RefCell;

/// A collection configuration as a user wrote it: a JSON object, unknown keys included.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct RawCollectConfig(pub Map<String, Value>);

/// Where the lines go when the configuration does not say so itself: an `AliyunLogConfig` names
/// project and logstore beside the `logtailConfig` object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Project of the surrounding object.
    pub project: Option<String>,
    /// Logstore of the surrounding object.
    pub logstore: Option<String>,
}

impl RawCollectConfig {
    /// Reads a JSON object.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The name the user gave, if any, for messages about a configuration that does not check.
    pub fn name(&self) -> Option<&str> {
        ["configName", "config_name"].iter().find_map(|key| self.0.get(*key)?.as_str())
    }
}

/// Reads the fields of one object, remembering every problem.
///
/// Absent, `null`, `""` and `[]` all mean "not given" (`kubernetes` 1.2, tolerance rule).
/// Numbers and booleans written as text are accepted, as the services in use do.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    prefix: &'static str,
    problems: &'a RefCell<Vec<Problem>>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(
        object: &'a Map<String, Value>,
        prefix: &'static str,
        problems: &'a RefCell<Vec<Problem>>,
    ) -> Self {
        Self { object, prefix, problems }
    }

    /// Path of `key` as problems name it.
    pub(super) fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    pub(super) fn report(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// The first of the spellings that has a value, with the spelling used.
    pub(super) fn find(&self, spellings: &[&'a str]) -> Option<(&'a str, &'a Value)> {
        spellings.iter().find_map(|key| {
            let value = self.object.get(*key)?;
            let empty = match value {
                Value::Null => true,
                Value::String(text) => text.is_empty(),
                Value::Array(items) => items.is_empty(),
                _ => false,
            };
            (!empty).then_some((*key, value))
        })
    }

    fn wrong_type(&self, key: &str, value: &Value, wanted: &str) {
        self.report(
            Problem::error(self.path(key), format!("{} is {}", shown(value), kind(value)))
                .fix(format!("write {wanted}")),
        );
    }

    pub(super) fn text(&self, spellings: &[&'a str]) -> Option<(&'a str, String)> {
        let (key, value) = self.find(spellings)?;
        match value {
            Value::String(text) => Some((key, text.clone())),
            Value::Number(number) => Some((key, number.to_string())),
            _ => {
                self.wrong_type(key, value, "a text");
                None
            }
        }
    }

    pub(super) fn flag(&self, spellings: &[&'a str]) -> Option<bool> {
        let (key, value) = self.find(spellings)?;
        match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => {
                self.wrong_type(key, value, "true or false");
                None
            }
        }
    }

    pub(super) fn integer(&self, spellings: &[&'a str]) -> Option<(&'a str, i64)> {
        let (key, value) = self.find(spellings)?;
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.wrong_type(key, value, "a whole number");
        }
        Some((key, number?))
    }

    /// A list of texts; a single text stands for a list of one.
    pub(super) fn texts(&self, spellings: &[&'a str]) -> Option<(&'a str, Vec<String>)> {
        let (key, value) = self.find(spellings)?;
        let items = match value {
            Value::Array(items) => items.as_slice(),
            Value::String(_) => std::slice::from_ref(value),
            _ => {
                self.wrong_type(key, value, "a list of texts");
                return None;
            }
        };
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item {
                Value::String(text) => texts.push(text.clone()),
                Value::Number(number) => texts.push(number.to_string()),
                _ => {
                    self.wrong_type(&format!("{key}[{index}]"), item, "a text");
                    texts.push(String::new());
                }
            }
        }
        Some((key, texts))
    }

    pub(super) fn object(&self, spellings: &[&'a str]) -> Option<&'a Map<String, Value>> {
        let (key, value) = self.find(spellings)?;
        if let Value::Object(object) = value {
            return Some(object);
        }
        self.wrong_type(key, value, "an object");
        None
    }

    /// Warns of keys that `table` does not list.
    pub(super) fn warn_unknown(&self, table: &[(&'static str, &'static str)]) {
        for key in self.object.keys() {
            if table.iter().any(|(camel, snake)| key == camel || key == snake) {
                continue;
            }
            let problem =
                Problem::warning(self.path(key), "unknown key, it has no effect").about_name();
            self.report(match keys::nearest(key, table) {
                Some(known) => problem.fix(format!("did you mean `{known}`?")).replacement(known),
                None => problem,
            });
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value as messages show it: compact and cut.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("`{}…`", &text[..cut]),
        None => format!("`{text}`"),
    }
}
