//! The fields that the example's pattern cuts out of an access log line, as the text between them.

use crate::access_log::FIELDS;

/// Whether `fields` are those of `line`.
pub(super) fn is_cut_from<'a>(
    line: &[u8],
    mut fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> bool {
    const BEFORE: [&[u8]; 11] =
        [b"", b" ", b" - - \"", b" ", b" ", b"\" ", b" ", b" ", b" ", b" ", b" \""];
    let mut rest = line;
    for (key, before) in FIELDS.iter().zip(BEFORE) {
        let Some((name, value)) = fields.next() else { return false };
        let Some(after) = rest.strip_prefix(before).and_then(|rest| rest.strip_prefix(value))
        else {
            return false;
        };
        if name != key.as_bytes() || value.is_empty() {
            return false;
        }
        rest = after;
    }
    rest.starts_with(b"\" ") && fields.next().is_none()
}
