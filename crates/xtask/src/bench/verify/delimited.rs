//! The columns of a line between `|`: a quoted column loses its quotes and the doubled ones in it.

/// Their names.
pub(crate) const COLUMNS: [&str; 10] =
    ["time", "ip", "method", "host", "url", "status", "bytes", "latency", "trace", "agent"];

/// Whether `fields` are those of `line`.
pub(super) fn is_cut_from<'a>(
    line: &[u8],
    mut fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> bool {
    let mut columns: Vec<Vec<u8>> = vec![Vec::new()];
    // Every second part is inside quotes; an empty one between two of those is a doubled quote.
    for (index, part) in line.split(|byte| *byte == b'"').enumerate() {
        let last = columns.len() - 1;
        if index % 2 == 1 {
            columns[last].extend_from_slice(part);
        } else if part.is_empty() && index > 0 && !columns[last].is_empty() {
            columns[last].push(b'"');
        } else {
            let mut texts = part.split(|byte| *byte == b'|').map(<[u8]>::to_vec);
            columns[last].extend(texts.next().unwrap_or_default());
            columns.extend(texts);
        }
    }
    // The quote that ends the line is followed by an empty part too.
    if line.ends_with(b"\"")
        && let Some(column) = columns.last_mut()
    {
        column.pop();
    }
    let expected = COLUMNS.iter().zip(&columns);
    columns.len() == COLUMNS.len()
        && expected
            .map(|(key, column)| (key.as_bytes(), column.as_slice()))
            .all(|column| fields.next().is_some_and(|field| field == column))
        && fields.next().is_none()
}
