//! The members of an object without nesting: strings unescaped by a JSON library, everything else
//! as it is written.

/// Whether `fields` are those of `line`.
pub(super) fn is_cut_from<'a>(
    line: &[u8],
    mut fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> bool {
    let mut rest = line.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
    while let Some(text) = rest.filter(|text| !text.is_empty()) {
        let (key, after) = token(text);
        let Some(after) = after.strip_prefix(b":") else { return false };
        let (value, after) = token(after);
        if fields.next() != Some((key.as_slice(), value.as_slice())) {
            return false;
        }
        rest = if after.is_empty() { None } else { after.strip_prefix(b",") };
    }
    fields.next().is_none()
}

/// The first token of `text`, unescaped, and what is behind it.
fn token(text: &[u8]) -> (Vec<u8>, &[u8]) {
    if text.first() != Some(&b'"') {
        let end = text.iter().position(|byte| *byte == b',').unwrap_or(text.len());
        return (text[..end].to_vec(), &text[end..]);
    }
    let mut end = 1;
    while end < text.len() && text[end] != b'"' {
        end += if text[end] == b'\\' { 2 } else { 1 };
    }
    let end = (end + 1).min(text.len());
    let unescaped = serde_json::from_slice::<String>(&text[..end]).unwrap_or_default();
    (unescaped.into_bytes(), &text[end..])
}
