use super::*;
use crate::lines::MaxRecord;
use encoding_rs::GBK;
use sls::collect::Encoding;

mod properties;

/// A record as tests compare it: its text, and whether it is a line outside of any.
type Shown = (String, bool);

const BEGIN: &str = r"\d+ .*";
const PROCEED: &str = r"\s+at .*";
const END: &str = "end.*";

fn framing(begin: bool, proceed: bool, end: bool) -> Framing {
    let patterns = Patterns {
        begin: begin.then_some(BEGIN),
        proceed: proceed.then_some(PROCEED),
        end: end.then_some(END),
    };
    Framing::joined(patterns, UnmatchedLines::SingleLine, false).unwrap()
}

/// Cuts one buffer; gives the records, the bytes used and what to go on with.
fn cut(
    framing: &Framing,
    buf: &[u8],
    max: MaxRecord,
    resume: Resume,
    close: bool,
) -> (Vec<Shown>, usize, Resume) {
    fn run<'a>(
        mut records: impl Records<'a>,
        max: MaxRecord,
        close: bool,
    ) -> (Vec<Shown>, usize, Resume) {
        let mut found = Vec::new();
        let mut closed = false;
        loop {
            match records.next() {
                Some(record) => {
                    let text = match max.encoding {
                        Encoding::Utf8 => String::from_utf8_lossy(record.bytes),
                        Encoding::Gbk => GBK.decode_without_bom_handling(record.bytes).0,
                    };
                    found.push((text.into_owned(), record.is_unmatched));
                }
                None if close && !closed => {
                    closed = true;
                    records.close();
                }
                None => return (found, records.consumed(), records.resume()),
            }
        }
    }
    match &framing.0 {
        Kind::Line => run(Lines::new(buf, max), max, close),
        Kind::Joined(rules) => run(Joined::new(buf, max, rules, resume), max, close),
        Kind::Json => run(Objects::new(buf, max, resume), max, close),
        Kind::WholeFile => run(WholeFile::new(buf, max), max, close),
    }
}

fn bytes_of(text: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Gbk => GBK.encode(text).0.into_owned(),
    }
}

fn utf8(bytes: usize) -> MaxRecord {
    MaxRecord { bytes, encoding: Encoding::Utf8 }
}

/// All records of a text, the last one taken as it is. `!` in front of an expected one says that
/// it is a line outside of any record.
#[track_caller]
fn check(framing: &Framing, max: usize, text: &str, expected: &[&str]) {
    let (found, used, _) = cut(framing, text.as_bytes(), utf8(max), Resume::Nothing, true);
    let found: Vec<String> = found
        .into_iter()
        .map(|(text, unmatched)| if unmatched { format!("!{text}") } else { text })
        .collect();
    assert_eq!(found, expected, "{text:?}");
    assert_eq!(used, text.len(), "{text:?}");
}

/// The records that are complete without the end of the text, and the bytes they use.
#[track_caller]
fn check_waiting(framing: &Framing, text: &str, expected: &[&str], used: usize) {
    let (found, found_used, _) = cut(framing, text.as_bytes(), utf8(1000), Resume::Nothing, false);
    let found: Vec<String> = found.into_iter().map(|(text, _)| text).collect();
    assert_eq!((found, found_used), (expected.iter().map(|it| (*it).to_owned()).collect(), used));
}

#[test]
fn a_record_ends_in_front_of_the_next_first_line() {
    let begin = framing(true, false, false);
    let text = "1 a\n  at b\n\n2 c\n3 d\n  e\n";
    check_waiting(&begin, text, &["1 a\n  at b\n", "2 c"], 16);
    check(&begin, 100, text, &["1 a\n  at b\n", "2 c", "3 d\n  e"]);
    check(&begin, 100, "x\ny\n1 a\n", &["!x", "!y", "1 a"]);
    check(&begin, 100, "1 a\n at b\n2 c", &["1 a\n at b", "2 c"]);
    check(&begin, 100, "1 a\r\n at\r\n2 b\r\n", &["1 a\r\n at\r", "2 b\r"]);
}

#[test]
fn a_record_ends_at_the_first_line_that_does_not_continue_it() {
    let framing = framing(true, true, false);
    check_waiting(&framing, "1 a\n at b\n", &[], 0);
    check_waiting(&framing, "1 a\n at b\nx\n", &["1 a\n at b", "x"], 12);
    check(
        &framing,
        100,
        "1 a\n at b\n at c\nx\n at y\n2 d\n3 e\n at f",
        &["1 a\n at b\n at c", "!x", "! at y", "2 d", "3 e\n at f"],
    );
}

#[test]
fn a_record_ends_with_its_last_line() {
    let both = framing(true, false, true);
    check_waiting(&both, "1 a\nb\nend\nx\n2 c\n", &["1 a\nb\nend", "x"], 12);
    // A first line inside of a record is part of it, and a record without end is none.
    check(&both, 100, "1 a\n2 b\nend\nx\n", &["1 a\n2 b\nend", "!x"]);
    check(&both, 100, "1 a\nb\n", &["!1 a", "!b"]);
    let end = framing(false, false, true);
    check(&end, 100, "a\nb\nend x\nend\nc\nd", &["a\nb\nend x", "end", "!c", "!d"]);
    let separated = Framing::joined(
        Patterns { begin: Some("---"), proceed: None, end: Some("---") },
        UnmatchedLines::SingleLine,
        false,
    );
    check(&separated.unwrap(), 100, "---\na\n---\n---\nb\n---\n", &["---\na\n---", "---\nb\n---"]);
    let at_once = Framing::joined(
        Patterns { begin: Some("<"), proceed: None, end: Some(".*>") },
        UnmatchedLines::SingleLine,
        false,
    );
    check(&at_once.unwrap(), 100, "<a>\n<b\n>\n", &["<a>", "<b\n>"]);
}

#[test]
fn continued_lines_are_a_record_only_with_their_end() {
    let framing = framing(false, true, true);
    check_waiting(&framing, " at a\n at b\n", &[], 0);
    check(
        &framing,
        100,
        " at a\n at b\nend\nend 2\n at c\nx\n at d\n",
        &[" at a\n at b\nend", "end 2", "! at c", "!x", "! at d"],
    );
}

#[test]
fn a_record_over_the_limit_goes_out_in_pieces_of_whole_lines() {
    let begin = framing(true, false, false);
    check(&begin, 8, "1 a\nbbbb\ncccc\n2 d\n", &["1 a\nbbbb", "cccc", "2 d"]);
    check(&begin, 8, "1 a\nbbbbccccdddd\nee\n2 d\n", &["1 a", "bbbbcccc", "dddd\nee", "2 d"]);
    check(&begin, 8, "1 abbbbccccdddd\nee\n2 d\n", &["1 abbbbc", "cccdddd", "ee", "2 d"]);
    check(&begin, 8, "xxxxyyyyz\n1 a\n", &["!xxxxyyyy", "!z", "1 a"]);
    let both = framing(true, false, true);
    check(&both, 8, "1 a\nbbbb\nend\nx\n", &["1 a\nbbbb", "end", "!x"]);
    check(&both, 8, "1 a\nend4567890\nx\n", &["1 a", "end45678", "90", "!x"]);
}

#[test]
fn patterns_are_about_the_text_of_a_line_whatever_its_encoding() {
    let patterns = Patterns { begin: Some("日志.*"), proceed: None, end: None };
    let begin = Framing::joined(patterns, UnmatchedLines::SingleLine, false).unwrap();
    for (text, expected) in [
        ("日志a\n中\n日志b", &["日志a\n中", "日志b"][..]),
        // A line that is too long by itself is known by its beginning.
        ("日志中文中文\n日志", &["日志中文", "中文", "日志"]),
    ] {
        let max = MaxRecord { bytes: 9, encoding: Encoding::Gbk };
        let (bytes, _, _) = GBK.encode(text);
        let (found, used, _) = cut(&begin, &bytes, max, Resume::Nothing, true);
        let whole: Vec<Shown> = expected.iter().map(|it| ((*it).to_owned(), false)).collect();
        assert_eq!((found, used), (whole, bytes.len()));
    }
}

#[test]
fn a_long_record_needs_no_more_bytes_than_one_may_have() {
    // An open record of half the limit, and a line of more than half that is not complete.
    let begin = framing(true, false, false);
    let text = b"1 aa\nbbbb";
    let (found, used, resume) = cut(&begin, text, utf8(8), Resume::Nothing, false);
    assert_eq!((found, used), (vec![("1 aa".to_owned(), false)], 5));
    // The rest goes on as the same record.
    let (found, used, _) = cut(&begin, b"bbbb\nc\n2 d\n", utf8(8), resume, false);
    assert_eq!((found, used), (vec![("bbbb\nc".to_owned(), false)], 7));
}

#[test]
fn an_object_is_a_record_over_any_number_of_lines() {
    let json = Framing::json();
    let pretty = "{\n  \"a\": {\"b\": \"}\\\"{\"},\n  \"c\": [\n    {\"d\": 1},\n    {}\n  ]\n}";
    check(&json, 1000, &format!("{pretty}\n{{\"e\":2}}\n"), &[pretty, "{\"e\":2}"]);
    check(&json, 1000, "x\n  \n{}\ny {\n{\"a\":1", &["x", "{}", "y {", "{\"a\":1"]);
    check(&json, 1000, "{\"a\":1} x\n  {\n}\n", &["{\"a\":1} x", "  {\n}"]);
    check_waiting(&json, "{\"a\":\n", &[], 0);
    check_waiting(&json, "{}", &[], 0);
    check_waiting(&json, "\n \n", &[], 3);
}

#[test]
fn an_object_that_is_cut_short_does_not_take_the_next_ones_with_it() {
    let json = Framing::json();
    check(&json, 1000, "{\"a\":1\n{\"b\":2}\n{}\n", &["{\"a\":1", "{\"b\":2}", "{}"]);
    check(&json, 1000, "{\"a\":\"x\n{\"b\":2}\n", &["{\"a\":\"x", "{\"b\":2}"]);
    check(&json, 1000, "{\"a\":\"x\\\n{\"b\":2}\n", &["{\"a\":\"x\\", "{\"b\":2}"]);
    check(&json, 1000, "{}}\n{\"b\":2}\n", &["{}}", "{\"b\":2}"]);
    check(&json, 1000, "{\"a\":[\n1 {\n{}\n", &["{\"a\":[\n1 {", "{}"]);
}

#[test]
fn an_object_over_the_limit_goes_out_in_pieces() {
    let json = Framing::json();
    check(&json, 8, "{\"a\":\n1,\n2345}\n{}\n", &["{\"a\":\n1,", "2345}", "{}"]);
    check(&json, 8, "{\"a\":1234567}\n{}\n", &["{\"a\":123", "4567}", "{}"]);
    check(&json, 8, "          x\n", &["  x"]);
}

#[test]
fn the_bytes_of_a_gbk_character_are_no_braces() {
    let max = MaxRecord { bytes: 100, encoding: Encoding::Gbk };
    let text = b"{\"\x81\x7d\x81\x22\":\n\"\x81\x5c\"}\n{}\n";
    let (found, used, _) = cut(&Framing::json(), text, max, Resume::Nothing, false);
    assert_eq!((found.len(), used), (2, text.len()));
}

#[test]
fn a_whole_file_is_taken_when_nothing_more_comes() {
    let whole = Framing::whole_file();
    check_waiting(&whole, "a\nb\n", &[], 0);
    check(&whole, 100, "a\nb\n\n", &["a\nb\n"]);
    check(&whole, 8, "a\nb\ncccc\ndd\n", &["a\nb\ncccc", "dd"]);
    check(&whole, 8, "12345678\n", &["12345678"]);
    check(&whole, 8, "123456789", &["12345678", "9"]);
}

#[test]
fn a_wrong_pattern_is_named_by_its_role() {
    let patterns = Patterns { begin: Some("("), proceed: Some("a"), end: Some("[") };
    let errors = Framing::joined(patterns, UnmatchedLines::SingleLine, false).unwrap_err();
    let roles: Vec<Role> = errors.into_iter().map(|(role, _)| role).collect();
    assert_eq!(roles, [Role::Begin, Role::End]);
}
