//! Framings against plain references, and against themselves for any way of reading a file.

use super::*;
use proptest::prelude::*;

/// The table of `agent` 3.3 over lines that are all there, as plainly as it can be said.
fn reference(lines: &[String], begin: bool, proceed: bool, end: bool) -> Vec<Shown> {
    let begins = |line: &str| {
        line.split_once(' ').is_some_and(|(head, _)| {
            !head.is_empty() && head.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let proceeds =
        |line: &str| line.starts_with([' ', '\r']) && line.trim_start().starts_with("at ");
    let ends = |line: &str| line.starts_with("end");
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let first = &lines[at];
        let rest = &lines[at + 1..];
        let (count, whole) = if begin && !begins(first) {
            (1, false)
        } else if begin && proceed {
            (1 + rest.iter().take_while(|line| proceeds(line)).count(), true)
        } else if begin && !end {
            (1 + rest.iter().take_while(|line| !begins(line)).count(), true)
        } else if begin {
            match rest.iter().position(|line| ends(line)) {
                Some(last) => (last + 2, true),
                None => (lines.len() - at, false),
            }
        } else {
            let goes = |line: &String| if proceed { proceeds(line) } else { !ends(line) };
            let going = lines[at..].iter().take_while(|line| goes(line)).count();
            match lines.get(at + going) {
                None => (going, false),
                Some(last) => (going + 1, ends(last)),
            }
        };
        let taken = &lines[at..at + count];
        if whole {
            found.push((taken.join("\n"), false));
        } else {
            found.extend(taken.iter().map(|line| (line.clone(), true)));
        }
        at += count;
    }
    found
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    let line = prop_oneof![
        "[0-9]{1,2} [a-z亄乗]{0,6}\r?",
        " at [a-z\u{0}]{0,6}\r?",
        "end[a-z]{0,3}",
        "[a-z é日乗\u{0}\r]{0,8}",
        Just(String::new()),
    ];
    prop::collection::vec(line, 0..25)
}

fn json_text() -> impl Strategy<Value = Vec<String>> {
    let piece = prop::sample::select(
        // In GBK the second bytes of the last four are `{`, `}`, `\` and `[`.
        &[
            "{",
            "}",
            "\"",
            "\\",
            "\n",
            " ",
            "\t",
            "\r",
            "\0",
            "a",
            ":",
            ",",
            "[",
            "]",
            "日",
            "{\"a\":1}\n",
            "{\"a\":[\n",
            "亄",
            "亇",
            "乗",
            "乕",
        ][..],
    );
    prop::collection::vec(prop::collection::vec(piece, 0..8).prop_map(|it| it.concat()), 0..20)
}

fn is_blank_text(text: &str) -> bool {
    text.chars().all(|char| " \t\r\0\n".contains(char))
}

/// JSON objects found by looking at every byte, from the whole text.
fn objects_of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        while let Some((line, next)) = rest.split_once('\n')
            && is_blank_text(line)
        {
            rest = next;
        }
        if is_blank_text(rest) {
            return found;
        }
        let (mut depth, mut quoted, mut escaped, mut last, mut broken) =
            (0, false, false, ' ', false);
        let mut end = rest.len();
        if !rest.trim_start_matches([' ', '\t', '\r', '\0']).starts_with('{') {
            end = rest.find('\n').unwrap_or(end);
        } else {
            let mut line = 0;
            for (at, char) in rest.char_indices() {
                let is_end = match char {
                    '\n' if broken || quoted || depth == 0 && last != ' ' => true,
                    _ if broken => false,
                    _ if escaped => {
                        escaped = false;
                        false
                    }
                    '\\' if quoted => {
                        escaped = true;
                        false
                    }
                    '"' => {
                        quoted = !quoted;
                        last = '"';
                        false
                    }
                    _ if quoted => false,
                    '{' if depth > 0 && !":,[".contains(last) => {
                        broken = line == 0 || !is_blank_text(&rest[line..at]);
                        if !broken {
                            end = line - 1;
                            break;
                        }
                        false
                    }
                    '}' if depth == 0 => {
                        broken = true;
                        false
                    }
                    '{' | '}' => {
                        depth += if char == '{' { 1 } else { -1 };
                        last = char;
                        false
                    }
                    '\n' => {
                        line = at + 1;
                        false
                    }
                    ' ' | '\t' | '\r' | '\0' => false,
                    other => {
                        last = other;
                        false
                    }
                };
                if is_end {
                    end = at;
                    break;
                }
            }
        }
        let record = &rest[..end];
        let is_last = end == rest.len();
        found.push(
            if is_last { record.strip_suffix('\n').unwrap_or(record) } else { record }.into(),
        );
        rest = rest.get(end + 1..).unwrap_or("");
    }
}

fn framings() -> Vec<Framing> {
    vec![
        framing(true, false, false),
        framing(true, true, false),
        framing(true, false, true),
        framing(false, true, true),
        framing(false, false, true),
        Framing::json(),
        Framing::whole_file(),
    ]
}

/// Reads a text in pieces of the `sizes`, as an agent does: from the first byte that is not part
/// of a record, and never more at once than one record and its newline may have.
fn in_chunks(
    framing: &Framing,
    text: &[u8],
    max: MaxRecord,
    sizes: &[usize],
    remembers: bool,
) -> Vec<Shown> {
    let (mut found, mut position, mut visible) = (Vec::new(), 0, 0);
    let mut resume = Resume::Nothing;
    let mut sizes = sizes.iter().cycle();
    loop {
        let chunk_end = visible.min(position + max.bytes + 1);
        let close = visible == text.len() && chunk_end == visible;
        let (records, used, next) = cut(framing, &text[position..chunk_end], max, resume, close);
        found.extend(records);
        position += used;
        resume = if remembers || used > 0 { next } else { Resume::Nothing };
        if close {
            assert_eq!(position, text.len());
            return found;
        }
        if chunk_end == visible {
            visible = (visible + sizes.next().unwrap()).min(text.len());
        } else {
            assert!(used > 0, "a full chunk has a record or a piece");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_form_joins_as_the_table_says(
        lines in lines(),
        sizes in prop::collection::vec(1usize..40, 1..20),
    ) {
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        for (begin, proceed, end) in [
            (true, false, false),
            (true, true, false),
            (true, false, true),
            (false, true, true),
            (false, false, true),
        ] {
            let expected = reference(&lines, begin, proceed, end);
            let framing = framing(begin, proceed, end);
            let found = in_chunks(&framing, text.as_bytes(), utf8(10_000), &sizes, true);
            prop_assert_eq!(&found, &expected, "{:?}", (begin, proceed, end));
            let gbk = MaxRecord { bytes: 10_000, encoding: Encoding::Gbk };
            let found = in_chunks(&framing, &GBK.encode(&text).0, gbk, &sizes, true);
            prop_assert_eq!(&found, &expected, "{:?} in GBK", (begin, proceed, end));
        }
    }

    #[test]
    fn objects_are_found_as_by_looking_at_every_byte(
        pieces in json_text(),
        sizes in prop::collection::vec(1usize..40, 1..20),
    ) {
        let text = pieces.concat();
        let found = in_chunks(&Framing::json(), text.as_bytes(), utf8(10_000), &sizes, true);
        let records = |found: Vec<Shown>| found.into_iter().map(|it| it.0).collect::<Vec<_>>();
        let expected = objects_of(&text);
        prop_assert_eq!(&records(found), &expected, "{:?}", text);
        let gbk = MaxRecord { bytes: 10_000, encoding: Encoding::Gbk };
        let found = in_chunks(&Framing::json(), &GBK.encode(&text).0, gbk, &sizes, true);
        prop_assert_eq!(&records(found), &expected, "{:?} in GBK", text);
    }

    #[test]
    fn any_chunking_gives_the_same_records_whatever_is_remembered(
        lines in prop_oneof![lines(), json_text()],
        last_newline: bool,
        sizes in prop::collection::vec(1usize..40, 1..20),
        max in 8usize..40,
    ) {
        let mut text = lines.join("\n");
        if last_newline {
            text.push('\n');
        }
        for (framing, encoding) in framings().iter().flat_map(|it| [(it, Encoding::Utf8), (it, Encoding::Gbk)]) {
            let bytes = bytes_of(&text, encoding);
            for max in [max, 10_000] {
                let max = MaxRecord { bytes: max, encoding };
                let whole = in_chunks(framing, &bytes, max, &[10_000], true);
                let found = in_chunks(framing, &bytes, max, &sizes, true);
                prop_assert_eq!(&found, &whole, "{:?} {:?}", framing, max);
                if max.bytes == 10_000 {
                    let found = in_chunks(framing, &bytes, max, &sizes, false);
                    prop_assert_eq!(&found, &whole, "{:?} {:?}", framing, max);
                }
            }
        }
    }

    #[test]
    fn no_byte_is_lost_and_no_record_is_too_long(
        lines in prop_oneof![lines(), json_text()],
        sizes in prop::collection::vec(1usize..40, 1..20),
        max in 8usize..40,
    ) {
        let text = lines.join("\n");
        let solid = |text: &str| text.replace(['\n', ' ', '\t', '\r', '\0'], "");
        for (framing, encoding) in framings().iter().flat_map(|it| [(it, Encoding::Utf8), (it, Encoding::Gbk)]) {
            let bytes = bytes_of(&text, encoding);
            let limits = MaxRecord { bytes: max, encoding };
            let found = in_chunks(framing, &bytes, limits, &sizes, true);
            let is_long = |text: &str| bytes_of(text, encoding).len() > max;
            prop_assert!(!found.iter().any(|(record, _)| is_long(record)), "{:?}", found);
            let joined: String = found.into_iter().map(|(record, _)| record).collect();
            prop_assert_eq!(solid(&joined), solid(&text), "{:?}", framing);
        }
    }
}
