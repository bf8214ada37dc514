use super::*;
use proptest::prelude::*;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Reads `text` with a parser that has seen `before`.
fn read_after(before: &[&[u8]], text: &[u8]) -> Result<Fields, Fault> {
    let mut parser = JsonParser::default();
    let mut list = FieldList::default();
    for text in before {
        list.clear();
        let _ = parser.cut(text, &mut list);
    }
    read(&mut parser, &mut list, text)
}

fn read(parser: &mut JsonParser, list: &mut FieldList, text: &[u8]) -> Result<Fields, Fault> {
    list.clear();
    parser.cut(text, list)?;
    let known = parser.known();
    let fields = list.fields.iter().map(|field| {
        let name = list.name(field.name, text, known).to_vec();
        (name, list.bytes(field.value, text).to_vec())
    });
    Ok(fields.collect())
}

#[track_caller]
fn check(text: &str, expected: Result<&[(&str, &str)], Fault>) {
    let expected: Result<Fields, Fault> =
        expected.map(|it| it.iter().map(|(k, v)| (k.as_bytes().into(), (*v).into())).collect());
    assert_eq!(read_after(&[], text.as_bytes()), expected, "{text}");
    assert_eq!(read_after(&[text.as_bytes()], text.as_bytes()), expected, "{text}, seen before");
}

#[test]
fn members_become_fields() {
    check(r#"{"a":"x","b":"y"}"#, Ok(&[("a", "x"), ("b", "y")]));
    check(" \t{ \"a\" : \"x\" ,\r\n \"b\":\"\" } \r", Ok(&[("a", "x"), ("b", "")]));
    check("{}", Ok(&[]));
    check(r#"{"":"x"}"#, Ok(&[("content", "x")]));
}

#[test]
fn strings_are_unescaped() {
    check(r#"{"a":"\"\\\/\b\f\n\r\t"}"#, Ok(&[("a", "\"\\/\u{8}\u{c}\n\r\t")]));
    check(r#"{"a":"say \"hi\" twice"}"#, Ok(&[("a", "say \"hi\" twice")]));
    check(r#"{"a":"\u00e9\u4E2D\ud83d\ude00\u0000"}"#, Ok(&[("a", "é中😀\0")]));
    check(r#"{"\u0061\n":"x"}"#, Ok(&[("a\n", "x")]));
}

#[test]
fn escapes_that_mean_nothing_are_refused() {
    for escape in [
        r"\xE5",
        r"\'",
        r"\u12",
        r"\u12g4",
        r"\ud83d",
        r"\ude00",
        r"\ud83dx",
        r"\ud83d\n",
        r"\ud83d\u0041",
        r"\ud83d\ud83d",
    ] {
        check(&format!(r#"{{"a":"{escape}"}}"#), Err(Fault::BadEscape));
        check(&format!(r#"{{"a":["{escape}"]}}"#), Err(Fault::BadEscape));
        check(&format!(r#"{{"{escape}":1}}"#), Err(Fault::BadEscape));
    }
}

#[test]
fn other_values_stay_as_they_are_written() {
    check(
        r#"{"a":1.50,"b":-1e-7,"c":18446744073709551616,"d":true,"e":false,"f":null}"#,
        Ok(&[
            ("a", "1.50"),
            ("b", "-1e-7"),
            ("c", "18446744073709551616"),
            ("d", "true"),
            ("e", "false"),
            ("f", ""),
        ]),
    );
    check(
        r#"{"a":{"b" : [1, {}, [], "\n"]} ,"c":[ ]}"#,
        Ok(&[("a", r#"{"b" : [1, {}, [], "\n"]}"#), ("c", "[ ]")]),
    );
}

#[test]
fn numbers_are_written_as_the_standard_says() {
    for good in ["0", "-0", "10", "0.0", "1e5", "1E+05", "-1.5e-3", "1e999"] {
        check(&format!(r#"{{"a":{good}}}"#), Ok(&[("a", good)]));
        let list = format!("[{good}]");
        check(&format!(r#"{{"a":{list}}}"#), Ok(&[("a", &list)]));
    }
    for bad in ["01", "-", "-a", "1.", ".5", "1e", "1e+", "+1", "0x1", "1a", "NaN", "--1"] {
        check(&format!(r#"{{"a":{bad}}}"#), Err(Fault::NotJson));
        check(&format!(r#"{{"a":[{bad}]}}"#), Err(Fault::NotJson));
    }
}

#[test]
fn what_is_no_object_is_refused() {
    for text in ["[]", "1", "\"a\"", "null", "x", "\u{feff}{}"] {
        check(text, Err(Fault::NotObject));
    }
    for text in ["", " ", "\r"] {
        check(text, Err(Fault::Blank));
    }
}

#[test]
fn broken_objects_are_refused() {
    for text in [
        "{",
        "{\"a",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":\"x}",
        "{\"a\":tru}",
        "{\"a\":nul}",
        "{}x",
        "{} {}",
        "{\"a\":1}}",
        "{\"a\":[1}",
        "{\"a\":[1,]}",
        "{\"a\":[,1]}",
        "{\"a\":{]}",
        "{\"a\":{\"b\"}}",
        "{\"a\":{\"b\":}}",
        "{\"a\":{\"b\":1,}}",
        "{\"a\":{1:1}}",
        "{\"a\":[1 2]}",
        "{\"a\":\"x\ty\"}",
        "{\"a\":[\"\n\"]}",
        "{'a':1}",
        "{\"a\":1/**/}",
    ] {
        check(text, Err(Fault::NotJson));
    }
}

#[test]
fn of_two_members_with_one_name_the_last_value_counts_at_the_first_place() {
    check(r#"{"a":1,"b":2,"a":3}"#, Ok(&[("a", "3"), ("b", "2")]));
    check(r#"{"a":1,"\u0061":"x","a":[]}"#, Ok(&[("a", "[]")]));
    let long = "n".repeat(300);
    check(
        &format!(r#"{{"{long}":1,"b":2,"{long}":3,"c":4,"b":5}}"#),
        Ok(&[(&long[..128], "3"), ("b", "5"), ("c", "4")]),
    );
}

#[test]
fn names_are_such_that_the_service_takes_them() {
    check(r#"{"":1}"#, Ok(&[("content", "1")]));
    let long = "é".repeat(100);
    check(&format!(r#"{{"x{long}":1}}"#), Ok(&[(&format!("x{}", "é".repeat(63)), "1")]));
}

#[test]
fn values_need_not_be_utf8() {
    let fields = read_after(&[], b"{\"a\xff\":\"\xe5\xe5\",\"b\":[\"\xff\"]}").unwrap();
    assert_eq!(
        fields,
        [("a\u{fffd}".into(), b"\xe5\xe5".to_vec()), (b"b".to_vec(), b"[\"\xff\"]".to_vec())]
    );
}

#[test]
fn depth_costs_neither_stack_nor_much_memory() {
    for depth in [10_000, 1_000_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        check(&format!(r#"{{"a":{nested}}}"#), Ok(&[("a", &nested)]));
        check(&format!(r#"{{"a":{nested}]}}"#), Err(Fault::NotJson));
        check(&format!(r#"{{"a":{}"#, "[".repeat(depth)), Err(Fault::NotJson));
        let objects = format!("{}1{}", r#"{"b":"#.repeat(depth), "}".repeat(depth));
        check(&format!(r#"{{"a":{objects}}}"#), Ok(&[("a", &objects)]));
    }
}

#[test]
fn a_million_names_are_not_remembered() {
    let mut parser = JsonParser::default();
    let mut list = FieldList::default();
    for line in 0..50_000 {
        let text = format!(r#"{{"a":1,"name-{line}":2,"other-{line}":3}}"#);
        let fields = read(&mut parser, &mut list, text.as_bytes()).unwrap();
        assert_eq!(fields.len(), 3);
    }
    assert!(parser.known().len() <= 256);
    let wide: Vec<String> = (0..20_000).map(|name| format!(r#""{name}":{name}"#)).collect();
    let text = format!("{{{}}}", wide.join(","));
    assert_eq!(read(&mut parser, &mut list, text.as_bytes()).unwrap().len(), 20_000);
}

/// The members of an object as the reference reads them: each value as it is written.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Members;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

/// Whether the reference can tell: it limits numbers, and reads no further than the first one
/// beyond.
fn is_for_reference(text: &str) -> bool {
    let read = serde_json::from_str::<serde_json::Value>(text);
    !read.is_err_and(|error| error.to_string().starts_with("number out of range"))
}

/// The fields of `text`, read by the reference.
fn reference(text: &str) -> Option<Fields> {
    // It looks at nested values only when it has to build them.
    serde_json::from_str::<serde_json::Value>(text).ok()?;
    let members: Members = serde_json::from_str(text).ok()?;
    let mut fields: Fields = Vec::new();
    for (mut name, value) in members.0 {
        name.truncate(name.floor_char_boundary(128));
        if name.is_empty() {
            name.push_str("content");
        }
        let value = match value.get() {
            "null" => String::new(),
            text if text.starts_with('"') => serde_json::from_str(text).ok()?,
            text => text.to_owned(),
        };
        match fields.iter_mut().find(|(known, _)| *known == name.as_bytes()) {
            Some(field) => field.1 = value.into_bytes(),
            None => fields.push((name.into_bytes(), value.into_bytes())),
        }
    }
    Some(fields)
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 2 => Just(" "), 1 => Just("\t\r\n ")]
}

/// The inside of a string: plain text, escapes, text that looks like JSON.
fn inside() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-z]{0,12}",
        2 => prop::sample::select(vec![
            r#"\""#, r"\\", r"\/", r"\n", r"\u0041", r"\u4e2d", r"\ud83d\ude00", r"\ud83d", r"\x",
            r"\uD800\uDC00", r"\udbff\udfff", r"\ud7ff", r"\ue000", r"\udfff", r"\u0000", r"\uffff",
            "{", "}", "[", ",", ":", "é", "中", " ", "0123456789abcdef0123456789abcdef",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => inside().prop_map(|text| format!("\"{text}\"")),
        2 => prop::sample::select(vec!["0", "-1", "1.5", "2e10", "1E-5", "-0.0", "12345678901234567890",
            "-9223372036854775808", "18446744073709551615", "18446744073709551616", "1e308", "4.9e-324",
            "1e-400", "00", "-", "1.", "0.1234567890123456789012345678901234567890"])
            .prop_map(str::to_owned),
        1 => prop::sample::select(vec!["true", "false", "null"]).prop_map(str::to_owned),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec!["a", "b", "level", "message", r"\u0061", "a-name-of-more-than-thirty-two-bytes"])
            .prop_map(str::to_owned),
        1 => inside(),
    ]
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let member = (name(), space(), space(), value, space())
        .prop_map(|(name, a, b, value, c)| format!("{a}\"{name}\"{b}:{value}{c}"));
    (prop::collection::vec(member, 0..6), space())
        .prop_map(|(members, space)| format!("{{{}{space}}}", members.join(",")))
}

fn document() -> impl Strategy<Value = String> {
    let value = scalar().prop_recursive(3, 12, 4, |inner| {
        let list = (prop::collection::vec(inner.clone(), 0..4), space())
            .prop_map(|(items, space)| format!("[{space}{}]", items.join(",")));
        prop_oneof![list, object(inner)]
    });
    (space(), object(value), space()).prop_map(|(a, object, b)| format!("{a}{object}{b}"))
}

/// Changes of a text: (place, how, with what).
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, char)>> {
    let char = prop_oneof![
        prop::sample::select("\"\\{}[]:,0123456789-+.eEtfnu \t\n\0".chars().collect::<Vec<_>>()),
        any::<char>(),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), 0u8..4, char), 0..3)
}

fn change(text: &str, changes: &[(prop::sample::Index, u8, char)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (place, how, with) in changes {
        let at = place.index(chars.len() + 1);
        match how {
            0 => chars.insert(at, *with),
            1 if at < chars.len() => chars[at] = *with,
            2 if at < chars.len() => drop(chars.remove(at)),
            _ => chars.truncate(at),
        }
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn the_reference_reads_the_same(
        documents in prop::collection::vec((document(), changes()), 1..5),
    ) {
        // One parser for all, so that what it remembers is part of the test.
        let mut parser = JsonParser::default();
        let mut list = FieldList::default();
        for (document, changes) in documents {
            for text in [change(&document, &changes), document] {
                let found = read(&mut parser, &mut list, text.as_bytes());
                if is_for_reference(&text) {
                    prop_assert_eq!(found.ok(), reference(&text), "{}", text);
                }
            }
        }
    }
}
