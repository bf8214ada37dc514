//! The capture groups in the text of a pattern, for messages about them.

use std::ops::Range;

/// The bytes of every capture group of a pattern, in the order of their numbers, found without
/// compiling it.
pub fn groups(pattern: &str) -> Vec<Range<usize>> {
    let bytes = pattern.as_bytes();
    let (mut at, mut in_class) = (0, false);
    let mut found: Vec<Range<usize>> = Vec::new();
    // For each open parenthesis the group it belongs to, if it captures.
    let mut open: Vec<Option<usize>> = Vec::new();
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'[' if !in_class => {
                in_class = true;
                at += usize::from(bytes.get(at + 1) == Some(&b'^'));
                // A bracket that closes in the first place is a member.
                at += usize::from(bytes.get(at + 1) == Some(&b']'));
            }
            b']' => in_class = false,
            b'(' if !in_class => {
                let rest = &bytes[at + 1..];
                let named = rest.starts_with(b"?P<")
                    || rest.starts_with(b"?'")
                    || (rest.starts_with(b"?<") && !matches!(rest.get(2), Some(b'=' | b'!')));
                let captures = named || !(rest.starts_with(b"?") || rest.starts_with(b"*"));
                open.push(captures.then_some(found.len()));
                if captures {
                    found.push(at..at + 1);
                }
            }
            b')' if !in_class => {
                if let Some(Some(group)) = open.pop() {
                    found[group].end = at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::groups;

    #[test]
    fn groups_are_found_whatever_stands_around_them() {
        let pattern = r"(a)\((?:b)([)(](c))(?<n>x)(?<=y)[](](z)(*ACCEPT)";
        let found: Vec<&str> = groups(pattern).into_iter().map(|range| &pattern[range]).collect();
        assert_eq!(found, ["(a)", "([)(](c))", "(c)", "(?<n>x)", "(z)"]);
    }
}
