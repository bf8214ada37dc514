//! Which field name is missing when a pattern has one group more than there are names.

use crate::collect::groups;

/// A name that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MissingName {
    /// Index in the list of names where it belongs.
    pub(super) index: usize,
    /// A name to start from.
    pub(super) name: String,
    /// The group it is for, counted from 1.
    pub(super) group: usize,
    /// Why it belongs there and not at the end, if that is known.
    pub(super) reason: Option<String>,
}

/// Finds the missing name. Pairs are made by position, so a name that is left out shifts all that
/// follow; it shows where a name whose values have blanks meets a group that takes none.
pub(super) fn missing_name(pattern: &str, names: &[String]) -> Option<MissingName> {
    let groups = groups(pattern);
    if groups.len() != names.len() + 1 {
        return None;
    }
    let text = |index: usize| &pattern[groups[index].clone()];
    let shifted = (0..names.len()).find(|&index| {
        has_blanks(&names[index])
            && excludes_blanks(text(index))
            && !excludes_blanks(text(index + 1))
    });
    let index = shifted.unwrap_or(names.len());
    let reason = shifted.map(|index| {
        format!(
            "group {} `{}` takes no blanks, so it cannot be \"{}\", which fits group {} `{}`",
            index + 1,
            text(index),
            names[index],
            index + 2,
            text(index + 1),
        )
    });
    let before = index.checked_sub(1).and_then(|index| names.get(index));
    let name =
        usual_name(before.map_or("", String::as_str), names.get(index).map_or("", String::as_str))
            .filter(|name| names.iter().all(|known| known != name))
            .map_or_else(|| format!("field{}", index + 1), str::to_owned);
    Some(MissingName { index, name, group: index + 1, reason })
}

/// What usually stands between two fields of an access log.
fn usual_name(before: &str, after: &str) -> Option<&'static str> {
    let (before, after) = (before.to_ascii_lowercase(), after.to_ascii_lowercase());
    if after.contains("agent") && (before.contains("size") || before.contains("bytes")) {
        return Some(if after.starts_with("http_") { "http_referer" } else { "referer" });
    }
    None
}

/// Whether values of a field with this name usually have blanks in them.
fn has_blanks(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["agent", "message", "content", "msg"].iter().any(|word| name.contains(word))
}

/// Whether a group can match no blank: everything in it is a class without one.
fn excludes_blanks(group: &str) -> bool {
    let inner = group.trim_start_matches('(').trim_end_matches(')');
    let inner = inner.trim_end_matches(['+', '*', '?']);
    [r"\S", r"\d", r"\w", "[^ ]", r"[^\s]", "[0-9]", "[a-z]", "[A-Z]", "[a-zA-Z]"].contains(&inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"(\S+)\s(\S+)\s\S+\s\S+\s"(\S+)\s(\S+)\s+([^"]+)"\s+(\S+)\s(\S+)\s(\d+)\s(\d+)\s(\S+)\s"([^"]+)"\s.*"#;

    fn names(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_example_misses_the_referer_before_the_user_agent() {
        let names =
            names("time ip method url protocol latency payload status response-size user-agent");
        let missing = missing_name(EXAMPLE, &names).unwrap();
        assert_eq!((missing.index, missing.group, missing.name.as_str()), (9, 10, "referer"));
        assert_eq!(
            missing.reason.unwrap(),
            r#"group 10 `(\S+)` takes no blanks, so it cannot be "user-agent", which fits group 11 `([^"]+)`"#
        );
    }

    #[test]
    fn without_a_hint_the_last_group_is_the_one_without_a_name() {
        let missing = missing_name(r"(\S+) (\d+) (\S+)", &names("a b")).unwrap();
        assert_eq!((missing.index, missing.name.as_str(), missing.reason), (2, "field3", None));
    }

    #[test]
    fn with_several_names_missing_nothing_is_guessed() {
        assert_eq!(missing_name(r"(a)(b)(c)", &names("a")), None);
        assert_eq!(missing_name(r"(a)", &names("a")), None);
    }
}
