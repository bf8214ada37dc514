//! The configuration as it arrived, and tolerant reading of its fields.

use super::Problem;
use super::options::{self, Effect, Key};
use serde_json::{Map, Value};
use std::cell::RefCell;

/// A collection configuration as a user wrote it: a JSON object, unknown keys included.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct RawCollectConfig(pub Map<String, Value>);

/// What holds when the configuration does not say so itself: an `AliyunLogConfig` names project
/// and logstore beside the `logtailConfig` object, a file has a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Name of the configuration.
    pub name: Option<String>,
    /// Project of the surrounding object.
    pub project: Option<String>,
    /// Logstore of the surrounding object.
    pub logstore: Option<String>,
}

impl Target {
    /// For document `number` (from 0) of a file. Without a name of its own only the first is
    /// called like the file.
    pub fn of_file(path: &str, number: usize) -> Self {
        let file = path.rsplit('/').next().unwrap_or(path);
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let name = (number == 0 && !stem.is_empty() && stem != "-").then(|| stem.to_owned());
        Self { name, ..Self::default() }
    }
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
    prefix: String,
    problems: &'a RefCell<Vec<Problem>>,
}

/// Stands for an object that is not there.
static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

impl<'a> Fields<'a> {
    pub(super) fn new(
        object: &'a Map<String, Value>,
        prefix: impl Into<String>,
        problems: &'a RefCell<Vec<Problem>>,
    ) -> Self {
        Self { object, prefix: prefix.into(), problems }
    }

    /// The fields of the object called `key`, none if there is no such object.
    pub(super) fn inner(&self, spellings: &[&'a str]) -> Self {
        let key = self.find(spellings).map_or(spellings[0], |(key, _)| key);
        let object = self.object(spellings).unwrap_or(&NOTHING);
        Self::new(object, format!("{}.", self.path(key)), self.problems)
    }

    /// The objects in the list called `key`; what is none is reported. The numbers count all.
    pub(super) fn items(&self, spellings: &[&'a str]) -> Vec<(usize, Self)> {
        let Some((key, value)) = self.find(spellings) else { return Vec::new() };
        let Value::Array(items) = value else {
            self.wrong_type(key, value, "a list of objects");
            return Vec::new();
        };
        let objects = items.iter().enumerate().filter_map(|(index, item)| {
            let path = format!("{key}[{index}]");
            match item {
                Value::Object(object) => {
                    let prefix = format!("{}.", self.path(&path));
                    Some((index, Self::new(object, prefix, self.problems)))
                }
                _ => {
                    self.wrong_type(&path, item, "an object");
                    None
                }
            }
        });
        objects.collect()
    }

    /// Whether the object has this key, with whatever value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.object.contains_key(key)
    }

    /// The object itself.
    pub(super) fn members(&self) -> &'a Map<String, Value> {
        self.object
    }

    /// Where the object stands.
    pub(super) fn place(&self) -> &str {
        self.prefix.trim_end_matches('.')
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
            (!is_empty(value)).then_some((*key, value))
        })
    }

    pub(super) fn wrong_type(&self, key: &str, value: &Value, wanted: &str) {
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

    /// A whole number that is not below `least`.
    pub(super) fn number_from(&self, spellings: &[&'a str], least: u64) -> Option<u64> {
        let (key, number) = self.integer(spellings)?;
        let checked = u64::try_from(number).ok().filter(|number| *number >= least);
        if checked.is_none() {
            let what = format!("{number} is out of range, so the default holds");
            self.report(Problem::warning(self.path(key), what).fix(format!("use {least} or more")));
        }
        checked
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

    /// Warns of keys that are in none of the tables, and of those without effect.
    pub(super) fn check_keys(&self, tables: &[&'static [Key]]) {
        let known = || tables.iter().copied().flatten();
        for (name, value) in self.object {
            match known().find(|key| key.is(name)) {
                Some(key) => self.warn_without_effect(name, value, key.effect),
                None => self.warn_of_name(name, known().flat_map(|key| [key.name, key.agent])),
            }
        }
    }

    fn warn_without_effect(&self, name: &str, value: &Value, effect: Effect) {
        let (what, asks_for_nothing) = match effect {
            Effect::Full | Effect::Silent => return,
            Effect::Never(why, same) => (why, same),
        };
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if !is_empty(value) && !asks_for_nothing.contains(&text.as_str()) {
            self.report(Problem::warning(self.path(name), what).fix("remove it"));
        }
    }

    /// Warns of keys that `names` does not list.
    #[cfg(feature = "manifest")]
    pub(super) fn warn_unknown(&self, names: &[&'static str]) {
        for name in self.object.keys().filter(|name| !names.contains(&name.as_str())) {
            self.warn_of_name(name, names.iter().copied());
        }
    }

    fn warn_of_name(&self, name: &str, known: impl Iterator<Item = &'static str>) {
        let problem =
            Problem::warning(self.path(name), "unknown key, it has no effect").about_name();
        self.report(match options::nearest(name, known) {
            Some(known) => problem.fix(format!("did you mean `{known}`?")).replacement(known),
            None => problem,
        });
    }
}

/// Whether a value means the same as none.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
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
