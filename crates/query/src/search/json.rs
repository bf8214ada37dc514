//! Leaves of JSON values.

use serde_json::{Map, Value};

/// Whether the JSON object in `text` has a leaf at the dotted `path` that passes `test`, which
/// gets strings without their quotes, numbers and booleans as written by JSON.
///
/// Text that is no JSON object has no leaves; `null`, arrays and objects are no leaves. A name
/// with a dot in it counts as several steps, so more than one leaf can be at a path.
pub(super) fn any_leaf(text: &str, path: &str, mut test: impl FnMut(&str) -> bool) -> bool {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => any_leaf_of(&object, path, &mut test),
        _ => false,
    }
}

fn any_leaf_of(
    object: &Map<String, Value>,
    path: &str,
    test: &mut impl FnMut(&str) -> bool,
) -> bool {
    object.iter().any(|(name, value)| match (path.strip_prefix(name.as_str()), value) {
        (Some(""), Value::String(text)) => test(text),
        (Some(""), Value::Number(number)) => test(&number.to_string()),
        (Some(""), Value::Bool(truth)) => test(if *truth { "true" } else { "false" }),
        (Some(rest), Value::Object(inner)) => {
            rest.strip_prefix('.').is_some_and(|rest| any_leaf_of(inner, rest, test))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, path: &str, leaves: &[&str]) {
        let mut found = Vec::new();
        any_leaf(text, path, |leaf| {
            found.push(leaf.to_owned());
            false
        });
        assert_eq!(found, leaves, "{path} in {text}");
    }

    #[test]
    fn a_leaf_is_found_by_its_path() {
        check(r#"{"a":{"b":"x"},"c":1}"#, "a.b", &["x"]);
        check(r#"{"a":{"b":"x"},"c":1}"#, "c", &["1"]);
        check(r#"{"a":true,"b":-1.5}"#, "a", &["true"]);
        check(r#"{"a":true,"b":-1.5}"#, "b", &["-1.5"]);
        check(r#"{"a":"\u65e5\"x"}"#, "a", &["日\"x"]);
    }

    #[test]
    fn objects_arrays_null_and_what_is_no_json_have_no_leaf() {
        check(r#"{"a":{"b":"x"}}"#, "a", &[]);
        check(r#"{"a":["x"],"b":null}"#, "a", &[]);
        check(r#"{"a":["x"],"b":null}"#, "b", &[]);
        check(r#"["a"]"#, "0", &[]);
        check("a: b", "a", &[]);
        check("", "a", &[]);
        check(&format!("{}1", r#"{"a":"#.repeat(10_000)), "a", &[]);
    }

    #[test]
    fn a_name_with_a_dot_is_found_as_well() {
        check(r#"{"a.b":"x","a":{"b":"y","b.c":"z"}}"#, "a.b", &["x", "y"]);
        check(r#"{"a.b":"x","a":{"b":"y","b.c":"z"}}"#, "a.b.c", &["z"]);
        check(r#"{"ab":"x"}"#, "a", &[]);
    }
}
