//! A pattern that is cut without the general engine means what the `regex` crate says.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use pipeline::parse::{LogTime, Outcome, Parser, RegexParser};
use sls::log_group::{LogGroup, LogGroupWriter};

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Text { pattern: &'a str, lines: Vec<&'a [u8]> },
    Pieces { pieces: Vec<Piece>, lines: Vec<Vec<Byte>> },
}

/// A piece of a pattern whose meaning all dialects share.
#[derive(Arbitrary, Debug)]
enum Piece {
    Literal(Byte),
    Any,
    Digit,
    NotDigit,
    Space,
    NotSpace,
    Word,
    Class(bool, Byte, Byte),
    Open,
    OpenSilent,
    Close,
    Star,
    Plus,
    Optional,
    Times(u8, u8),
    AtLeast(u8),
    Or,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Byte {
    A,
    B,
    One,
    Space,
    Quote,
    Dash,
    Newline,
}

impl Byte {
    fn char(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
            Self::One => '1',
            Self::Space => ' ',
            Self::Quote => '"',
            Self::Dash => '-',
            Self::Newline => '\n',
        }
    }
}

fn pattern_of(pieces: &[Piece]) -> String {
    let mut pattern = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(byte) => pattern.push(byte.char()),
            Piece::Any => pattern.push('.'),
            Piece::Digit => pattern.push_str(r"\d"),
            Piece::NotDigit => pattern.push_str(r"\D"),
            Piece::Space => pattern.push_str(r"\s"),
            Piece::NotSpace => pattern.push_str(r"\S"),
            Piece::Word => pattern.push_str(r"\w"),
            Piece::Class(negated, one, two) => {
                let not = if *negated { "^" } else { "" };
                pattern.push_str(&format!(r"[{not}\{}\{}]", escaped(*one), escaped(*two)));
            }
            Piece::Open => pattern.push('('),
            Piece::OpenSilent => pattern.push_str("(?:"),
            Piece::Close => pattern.push(')'),
            Piece::Star => pattern.push('*'),
            Piece::Plus => pattern.push('+'),
            Piece::Optional => pattern.push('?'),
            Piece::Times(min, more) => {
                let (min, more) = (min % 4, more % 4);
                pattern.push_str(&format!("{{{min},{}}}", min + more));
            }
            Piece::AtLeast(min) => pattern.push_str(&format!("{{{},}}", min % 4)),
            Piece::Or => pattern.push('|'),
        }
    }
    pattern
}

/// What stands for a byte behind a backslash in a class.
fn escaped(byte: Byte) -> char {
    match byte {
        Byte::A => 'd',
        Byte::B => 's',
        Byte::One => 'w',
        Byte::Newline => 'n',
        other => other.char(),
    }
}

/// The fields that a parser makes of a line, if any.
fn cut(parser: &mut Parser, line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut group = LogGroupWriter::new();
    let now = LogTime { seconds: 1, nanos: None };
    if parser.record(line, now, &mut group) != Outcome::Parsed {
        return None;
    }
    let group = LogGroup::parse(group.as_bytes()).expect("a log was written");
    let log = group.logs().next()?;
    Some(log.contents().map(|(_, value)| value.to_vec()).collect())
}

/// Brackets in brackets, and what stands between two sets, mean something to the other engine.
fn is_dialect(pattern: &str) -> bool {
    if ["&&", "~~", "--"].iter().any(|operator| pattern.contains(operator)) {
        return true;
    }
    // How many characters of an open class were read; a `]` that is its first is a member.
    let mut class: Option<usize> = None;
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match (char, class) {
            ('\\', _) => {
                chars.next();
                class = class.map(|length| length + 1);
            }
            ('[', None) => class = Some(0),
            ('[', Some(_)) => return true,
            ('^', Some(0)) => {}
            (']', Some(1..)) => class = None,
            (_, Some(length)) => class = Some(length + 1),
            (_, None) => {}
        }
    }
    false
}

fn check(pattern: &str, lines: &[&[u8]]) {
    // A quantifier is about a byte here, and about a character there.
    if pattern.len() > 200 || !pattern.is_ascii() || is_dialect(pattern) {
        return;
    }
    let Ok(parser) = RegexParser::new(pattern, &[]) else { return };
    let groups = parser.groups();
    // The general engine speaks another dialect; only what is cut without it is compared.
    if !parser.is_split() || groups == 0 {
        return;
    }
    let Ok(regex) = regex::bytes::RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
        .unicode(false)
        .dot_matches_new_line(true)
        .multi_line(true)
        .build()
    else {
        return;
    };
    assert_eq!(groups, regex.captures_len() - 1);
    let keys: Vec<String> = (0..groups).map(|group| format!("k{group}")).collect();
    let parser = RegexParser::new(pattern, &keys).expect("it was valid with no names");
    let mut parser = Parser::regex(parser);
    for line in lines {
        // Bytes of value zero around a record belong to no line.
        if line.first() == Some(&0) || line.last() == Some(&0) {
            continue;
        }
        let expected = regex.captures(line).map(|captures| {
            let group = |at| captures.get(at).map_or(Vec::new(), |it| it.as_bytes().to_vec());
            (1..=groups).map(group).collect::<Vec<_>>()
        });
        assert_eq!(cut(&mut parser, line), expected, "{pattern} over {line:?}");
    }
}

fuzz_target!(|input: Input<'_>| {
    match input {
        Input::Text { pattern, lines } => check(pattern, &lines),
        Input::Pieces { pieces, lines } => {
            let lines: Vec<String> =
                lines.iter().map(|line| line.iter().map(|byte| byte.char()).collect()).collect();
            let lines: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
            check(&pattern_of(&pieces), &lines);
        }
    }
});
