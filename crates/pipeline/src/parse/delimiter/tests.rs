use super::*;
use proptest::prelude::*;

type Fields = Vec<(String, String)>;

struct Rules {
    separator: String,
    quote: char,
    names: Vec<String>,
    overflow: Overflow,
    accept_short: bool,
    partial: bool,
}

fn rules(separator: &str, names: &[&str]) -> Rules {
    Rules {
        separator: separator.into(),
        quote: '"',
        names: names.iter().map(|name| (*name).into()).collect(),
        overflow: Overflow::Extend,
        accept_short: false,
        partial: false,
    }
}

impl Rules {
    fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    fn quote(mut self, quote: char) -> Self {
        self.quote = quote;
        self
    }

    fn partial(mut self) -> Self {
        self.partial = true;
        self
    }

    fn short(mut self) -> Self {
        self.accept_short = true;
        self
    }

    fn parser(&self) -> DelimiterParser {
        DelimiterParser::new(&Columns {
            separator: &self.separator,
            quote: self.quote,
            names: &self.names,
            overflow: self.overflow,
            accept_short: self.accept_short,
            partial: self.partial,
        })
    }
}

fn read(parser: &mut DelimiterParser, text: &str) -> Result<Fields, Fault> {
    let mut list = FieldList::default();
    parser.cut(text.as_bytes(), &mut list)?;
    let owned = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let fields = list.fields.iter().map(|field| {
        let name = list.name(field.name, text.as_bytes(), parser.known());
        (owned(name), owned(list.bytes(field.value, text.as_bytes())))
    });
    Ok(fields.collect())
}

#[track_caller]
fn check(rules: &Rules, text: &str, expected: Result<&[(&str, &str)], Fault>) {
    let expected = expected
        .map(|fields| fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
    assert_eq!(read(&mut rules.parser(), text), expected, "{text}");
}

#[test]
fn columns_get_the_names_in_order() {
    check(&rules(",", &["a", "b"]), "1,2", Ok(&[("a", "1"), ("b", "2")]));
    check(&rules("|", &["a", "b"]), "|", Ok(&[("a", ""), ("b", "")]));
    check(&rules("\t", &["a", "b", "c"]), "1\t\t3", Ok(&[("a", "1"), ("b", ""), ("c", "3")]));
    check(&rules(",", &["a"]), "1", Ok(&[("a", "1")]));
}

#[test]
fn spaces_around_a_record_and_its_return_are_cut_off() {
    check(&rules(",", &["a", "b"]), "  1 , 2 \r ", Ok(&[("a", "1 "), ("b", " 2")]));
    check(&rules(" ", &["a", "b"]), " 1 2  ", Ok(&[("a", "1"), ("b", "2")]));
    check(&rules("\t", &["a", "b"]), "\t1", Ok(&[("a", ""), ("b", "1")]));
}

#[test]
fn a_blank_record_has_no_columns() {
    for text in ["", " ", "  \r", "\r"] {
        check(&rules(",", &["a"]).short(), text, Err(Fault::Blank));
        check(&rules("||", &["a"]), text, Err(Fault::Blank));
    }
}

#[test]
fn separators_inside_quotes_are_data() {
    let two = rules(",", &["a", "b"]);
    check(&two, r#""1,2",3"#, Ok(&[("a", "1,2"), ("b", "3")]));
    check(&two, r#""","x""#, Ok(&[("a", ""), ("b", "x")]));
    check(&two, "\"1\n2\",\"\"", Ok(&[("a", "1\n2"), ("b", "")]));
    check(&two, r#""a ""quoted"" word","""""#, Ok(&[("a", "a \"quoted\" word"), ("b", "\"")]));
    check(&two, "\"\"\"\",\"\"\"\"\"\"", Ok(&[("a", "\""), ("b", "\"\"")]));
    check(&two.quote('\''), "'1,2','it''s'", Ok(&[("a", "1,2"), ("b", "it's")]));
}

#[test]
fn a_quote_in_the_wrong_place_is_refused() {
    let two = rules(",", &["a", "b"]);
    for text in [
        r#"1",2"#,
        r#"1"2,3"#,
        r#""1"2,3"#,
        r#""1" ,2"#,
        r#""1,2"#,
        r#"1,"2"#,
        r#"1,"2"""#,
        r#"1, "2""#,
        r#"1,2,"3"#,
        r#"1,2,3","#,
    ] {
        check(&two, text, Err(Fault::BadQuote));
        check(&rules(",", &["a", "b"]).overflow(Overflow::Keep), text, Err(Fault::BadQuote));
        check(&rules(",", &["a", "b"]).overflow(Overflow::Discard), text, Err(Fault::BadQuote));
    }
}

#[test]
fn longer_separators_split_and_know_no_quotes() {
    let two = rules("||", &["a", "b"]);
    check(&two, r#""1||2""#, Ok(&[("a", "\"1"), ("b", "2\"")]));
    check(&two, "||", Ok(&[("a", ""), ("b", "")]));
    check(&two, "|||", Ok(&[("a", ""), ("b", "|")]));
    check(&two, "1", Err(Fault::TooFewColumns));
    check(&rules("，", &["a", "b"]), "甲，乙", Ok(&[("a", "甲"), ("b", "乙")]));
    check(&rules("\"", &["a", "b"]), "1\"2", Ok(&[("a", "1"), ("b", "2")]));
    let three = rules("&&", &["a", "b", "c"]);
    check(&three, "1&&&&3", Ok(&[("a", "1"), ("b", ""), ("c", "3")]));
    check(&three, "1&&2&&", Ok(&[("a", "1"), ("b", "2"), ("c", "")]));
}

#[test]
fn too_few_columns_are_refused_unless_they_are_accepted() {
    check(&rules(",", &["a", "b"]), "1", Err(Fault::TooFewColumns));
    check(&rules(",", &["a", "b"]).short(), "1", Ok(&[("a", "1")]));
    check(&rules(",", &["a", "b", "c"]).short(), "1,", Ok(&[("a", "1"), ("b", "")]));
}

#[test]
fn columns_beyond_the_names_become_fields_of_their_own() {
    let extend = rules(",", &["a", "b"]);
    check(&extend, r#"1,2,3,"4,"""#, Err(Fault::BadQuote));
    check(
        &extend,
        r#"1,2,3,"4,""""#,
        Ok(&[("a", "1"), ("b", "2"), ("__column2__", "3"), ("__column3__", "4,\"")]),
    );
    let many: Vec<String> = (0..200).map(|column| column.to_string()).collect();
    let fields = read(&mut rules(";", &["a"]).parser(), &many.join(";")).unwrap();
    assert_eq!(fields[199], ("__column199__".to_owned(), "199".to_owned()));
    assert_eq!(fields[64], ("__column64__".to_owned(), "64".to_owned()));
}

#[test]
fn or_they_are_joined_beginning_with_the_separator() {
    let join = || rules(",", &["a", "b"]).overflow(Overflow::Keep);
    check(&join(), "1,2,3,4", Ok(&[("a", "1"), ("b", "2"), ("__column2__", ",3,4")]));
    check(&join(), r#"1,2,"3,3",,"#, Ok(&[("a", "1"), ("b", "2"), ("__column2__", ",3,3,,")]));
    check(&join(), "1,2", Ok(&[("a", "1"), ("b", "2")]));
    check(&join(), "1,2,", Ok(&[("a", "1"), ("b", "2"), ("__column2__", ",")]));
    let long = rules("||", &["a"]).overflow(Overflow::Keep);
    check(&long, "1||2||", Ok(&[("a", "1"), ("__column1__", "||2||")]));
}

#[test]
fn or_they_are_left_out_as_are_columns_named_so() {
    let discard = || rules(",", &["a", "_", "c"]).overflow(Overflow::Discard);
    check(&discard(), "1,2,3,4", Ok(&[("a", "1"), ("_", "2"), ("c", "3")]));
    check(&discard().partial(), "1,2,3,4", Ok(&[("a", "1"), ("c", "3")]));
    let extend = rules(",", &["a", "_"]);
    check(&extend, "1,2", Ok(&[("a", "1"), ("_", "2")]));
}

#[test]
fn of_two_columns_with_one_name_the_last_value_counts_at_the_first_place() {
    check(&rules(",", &["a", "b", "a"]), "1,2,3", Ok(&[("a", "3"), ("b", "2")]));
    check(&rules(",", &["__column1__"]), "1,2", Ok(&[("__column1__", "2")]));
}

/// The rules once more, byte by byte.
fn reference(rules: &Rules, text: &str) -> Result<Fields, Fault> {
    let text = text.trim_end_matches([' ', '\r']).trim_start_matches(' ');
    if text.is_empty() {
        return Err(Fault::Blank);
    }
    let separator = &rules.separator;
    let quotes =
        separator.len() == 1 && rules.quote.is_ascii() && !separator.starts_with(rules.quote);
    let columns: Vec<String> = if quotes {
        let separator = separator.chars().next().unwrap();
        let mut columns = vec![String::new()];
        let mut chars = text.chars().peekable();
        #[derive(PartialEq)]
        enum At {
            Start,
            Plain,
            Quoted,
            Closed,
        }
        let mut state = At::Start;
        while let Some(char) = chars.next() {
            let column = columns.last_mut().unwrap();
            if state == At::Quoted {
                match char {
                    c if c == rules.quote && chars.peek() == Some(&rules.quote) => {
                        chars.next();
                        column.push(c);
                    }
                    c if c == rules.quote => state = At::Closed,
                    c => column.push(c),
                }
            } else if char == separator {
                columns.push(String::new());
                state = At::Start;
            } else if char == rules.quote {
                if state != At::Start {
                    return Err(Fault::BadQuote);
                }
                state = At::Quoted;
            } else {
                if state == At::Closed {
                    return Err(Fault::BadQuote);
                }
                column.push(char);
                state = At::Plain;
            }
        }
        if state == At::Quoted {
            return Err(Fault::BadQuote);
        }
        columns
    } else {
        text.split(separator.as_str()).map(str::to_owned).collect()
    };
    let named = rules.names.len();
    if columns.len() < named && !rules.accept_short {
        return Err(Fault::TooFewColumns);
    }
    let mut fields: Fields = Vec::new();
    let mut put = |name: String, value: &str| match fields.iter_mut().find(|it| it.0 == name) {
        Some(field) => field.1 = value.to_owned(),
        None => fields.push((name, value.to_owned())),
    };
    for (name, value) in rules.names.iter().zip(&columns) {
        if !(rules.partial && name == "_") {
            put(name.clone(), value);
        }
    }
    let beyond = columns.get(named..).unwrap_or_default();
    match rules.overflow {
        Overflow::Extend => {
            for (index, value) in (named..).zip(beyond) {
                put(format!("__column{index}__"), value);
            }
        }
        Overflow::Keep if !beyond.is_empty() => {
            let joined: String = beyond.iter().map(|value| format!("{separator}{value}")).collect();
            put(format!("__column{named}__"), &joined);
        }
        _ => {}
    }
    Ok(fields)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn the_reference_cuts_the_same(
        separator in prop::sample::select(
            vec![",", "|", "\t", " ", "\0", "||", "&&", ",,", "，", "\"", "'"],
        ),
        quote in prop::sample::select(vec!['"', '"', '\'', ' ', ',', '中']),
        names in prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "_", "__column2__"]), 1..5),
        overflow in prop::sample::select(vec![Overflow::Extend, Overflow::Keep, Overflow::Discard]),
        accept_short: bool,
        partial: bool,
        parts in prop::collection::vec(
            prop::sample::select(vec![
                ",", ",", "|", "||", "&&", "\"", "\"\"", "\",\"", "\t", " ", "\r", "x", "word",
                "中", "0123456789abcdef0123456789", "", "\0", "'", "''", "','", "\n", ",,", "，",
                // As much as is looked at together, with a mark at the end.
                "0123456789abcdef0123456789abcde\"", "0123456789abcdef0123456789abcde,",
            ]),
            0..24,
        ),
    ) {
        let rules = Rules { quote, overflow, accept_short, partial, ..rules(separator, &names) };
        let text = parts.concat();
        let mut parser = rules.parser();
        let expected = reference(&rules, &text);
        prop_assert_eq!(read(&mut parser, &text), expected.clone(), "{:?}", text);
        prop_assert_eq!(read(&mut parser, &text), expected, "{:?}, again", text);
    }
}
