//! Leaves of JSON values, read without building the value.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// Whether the JSON object in `text` has a leaf at the dotted `path` that passes `test`, which
/// gets strings without their quotes, numbers and booleans as JSON writes them.
///
/// Text that is no JSON object has no leaves, and none is found more than 127 levels down; `null`,
/// arrays and objects are no leaves. A name with a dot in it counts as several steps, so more than
/// one leaf can be at a path.
pub(super) fn any_leaf(text: &str, path: &str, mut test: impl FnMut(&str) -> bool) -> bool {
    if !text.trim_start().starts_with('{') {
        return false;
    }
    let mut found = false;
    let mut json = serde_json::Deserializer::from_str(text);
    let leaves = At { path: Some(path), test: &mut test, found: &mut found };
    let read = leaves.deserialize(&mut json).and_then(|()| json.end());
    read.is_ok() && found
}

/// A value below which leaves are looked for.
struct At<'a, T> {
    /// The rest of the path inside this value; `None` when the value is to be a leaf itself.
    path: Option<&'a str>,
    test: &'a mut T,
    found: &'a mut bool,
}

impl<T: FnMut(&str) -> bool> At<'_, T> {
    fn leaf(self, text: &str) {
        if self.path.is_none() && !*self.found {
            *self.found = (self.test)(text);
        }
    }

    fn number(self, number: impl Into<Number>) {
        if self.path.is_none() {
            self.leaf(&number.into().to_string());
        }
    }
}

impl<'de, T: FnMut(&str) -> bool> DeserializeSeed<'de> for At<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, T: FnMut(&str) -> bool> Visitor<'de> for At<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(step) = members.next_key_seed(Step { path: self.path })? {
            let inner = match step {
                Next::Elsewhere => {
                    members.next_value::<IgnoredAny>()?;
                    continue;
                }
                Next::Here => None,
                Next::Inside(rest) => Some(rest),
            };
            let inner = At { path: inner, test: &mut *self.test, found: &mut *self.found };
            members.next_value_seed(inner)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.leaf(text);
        Ok(())
    }

    fn visit_bool<E>(self, truth: bool) -> Result<(), E> {
        self.leaf(if truth { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.number(number);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.number(number);
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        if let Some(number) = Number::from_f64(number) {
            self.number(number);
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A member name, compared with the path while it is read.
struct Step<'a> {
    path: Option<&'a str>,
}

/// Where the value after a name lies.
enum Next<'a> {
    /// At the end of the path.
    Here,
    /// On the path; this is the rest.
    Inside(&'a str),
    /// Beside the path.
    Elsewhere,
}

impl<'de, 'a> DeserializeSeed<'de> for Step<'a> {
    type Value = Next<'a>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Next<'a>, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Step<'a> {
    type Value = Next<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Next<'a>, E> {
        Ok(match self.path.and_then(|path| path.strip_prefix(name)) {
            Some("") => Next::Here,
            Some(rest) => rest.strip_prefix('.').map_or(Next::Elsewhere, Next::Inside),
            None => Next::Elsewhere,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn leaves(text: &str, path: &str) -> Vec<String> {
        let mut found = Vec::new();
        any_leaf(text, path, |leaf| {
            found.push(leaf.to_owned());
            false
        });
        found
    }

    fn check(text: &str, path: &str, expected: &[&str]) {
        assert_eq!(leaves(text, path), expected, "{path} in {text}");
    }

    #[test]
    fn a_leaf_is_found_by_its_path() {
        check(r#"{"a":{"b":"x"},"c":1}"#, "a.b", &["x"]);
        check(r#" {"a":{"b":"x"},"c":1}"#, "c", &["1"]);
        check(r#"{"a":true,"b":-1.5}"#, "a", &["true"]);
        check(r#"{"a":true,"b":-1.5}"#, "b", &["-1.5"]);
        check(r#"{"a":"\u65e5\"x"}"#, "a", &["日\"x"]);
        check(r#"{"\u0061":"x"}"#, "a", &["x"]);
        // Read to the last bit.
        check(r#"{"a":-1.999152228643314e+207}"#, "a", &["-1.999152228643314e+207"]);
        assert!(any_leaf(r#"{"a":"x","b":[1]}"#, "a", |leaf| leaf == "x"));
    }

    #[test]
    fn objects_arrays_null_and_what_is_no_json_have_no_leaf() {
        check(r#"{"a":{"b":"x"}}"#, "a", &[]);
        check(r#"{"a":["x",{"a":"y"}],"b":null}"#, "a", &[]);
        check(r#"{"a":["x"],"b":null}"#, "b", &[]);
        check(r#"["a"]"#, "0", &[]);
        check(r#""a""#, "", &[]);
        check("", "a", &[]);
        check(&format!("{}1", r#"{"a":"#.repeat(10_000)), "a", &[]);
        assert!(!any_leaf(r#"{"a":"x"} more"#, "a", |_| true));
        assert!(!any_leaf(r#"{"a":"x", b}"#, "a", |_| true));
    }

    #[test]
    fn a_name_with_a_dot_is_found_as_well() {
        check(r#"{"a.b":"x","a":{"b":"y","b.c":"z"}}"#, "a.b", &["x", "y"]);
        check(r#"{"a.b":"x","a":{"b":"y","b.c":"z"}}"#, "a.b.c", &["z"]);
        check(r#"{"ab":"x"}"#, "a", &[]);
    }

    /// The definition, on a value in memory.
    fn leaves_of(value: &Value, path: Option<&str>) -> Vec<String> {
        match (value, path) {
            (Value::Object(members), Some(path)) => members
                .iter()
                .flat_map(|(name, value)| match path.strip_prefix(name.as_str()) {
                    Some("") => leaves_of(value, None),
                    Some(rest) => match rest.strip_prefix('.') {
                        Some(rest) => leaves_of(value, Some(rest)),
                        None => Vec::new(),
                    },
                    None => Vec::new(),
                })
                .collect(),
            (Value::String(text), None) => vec![text.clone()],
            (Value::Bool(_) | Value::Number(_), None) => vec![value.to_string()],
            _ => Vec::new(),
        }
    }

    fn object() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[xyé\"\\\\]{0,3}".prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map("[ab.]{0,3}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        });
        proptest::collection::btree_map("[ab.]{0,3}", value, 0..4)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn leaves_are_those_of_the_whole_value(value in object(), path in "[ab.]{0,5}") {
            let value: Value = serde_json::from_str(&value.to_string())?;
            prop_assert_eq!(leaves(&value.to_string(), &path), leaves_of(&value, Some(&path)));
        }
    }
}
