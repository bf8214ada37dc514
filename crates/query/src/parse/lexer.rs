//! The words and signs of a search.
//!
//! What a character means depends on where it stands: `=` ends a word (`status=500`) but is part
//! of a value (`uri:/a?b=c`). The parser therefore asks for what can come next instead of reading
//! a list of tokens.

use super::split::escape_len;
use super::tree::Pattern;

/// One token, as it is read where a condition may start.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    Colon,
    Compare(Comparison),
    And,
    Or,
    Not,
    /// Text outside quotes.
    Word(Pattern),
    /// Text in quotes.
    Quoted(String),
    /// Text in quotes after `#`.
    Phrase(String),
    /// A quote without its end.
    Unfinished,
    End,
}

/// A comparison sign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

/// A position in the search text. Copying it is how the parser looks ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Where the next token starts, in bytes.
    pub(super) fn next_start(&self) -> usize {
        self.text.len() - self.rest().trim_start().len()
    }

    /// Reads the next token, where a condition or an operator may stand.
    pub(super) fn token(&mut self) -> Token {
        self.at = self.next_start();
        let rest = self.rest();
        let (token, len) = match rest.as_bytes() {
            [] => (Token::End, 0),
            [b'(', ..] => (Token::Open, 1),
            [b')', ..] => (Token::Close, 1),
            [b':', ..] => (Token::Colon, 1),
            [b'<', b'=', ..] => (Token::Compare(Comparison::LessOrEqual), 2),
            [b'>', b'=', ..] => (Token::Compare(Comparison::GreaterOrEqual), 2),
            [b'<', ..] => (Token::Compare(Comparison::Less), 1),
            [b'>', ..] => (Token::Compare(Comparison::Greater), 1),
            [b'=', ..] => (Token::Compare(Comparison::Equal), 1),
            _ => {
                return match self.text_token(ends_word) {
                    (Token::Word(word), false) => keyword(&word.text).unwrap_or(Token::Word(word)),
                    (token, _) => token,
                };
            }
        };
        self.at += len;
        token
    }

    /// Reads what stands after a colon or a comparison: one word, a quoted text or a phrase.
    /// [`Token::Word`] is empty when there is none of them.
    pub(super) fn value(&mut self) -> Token {
        self.at = self.next_start();
        self.text_token(ends_value).0
    }

    /// Reads a word inside `in [… …]`: up to a blank or a bracket; empty when there is none.
    pub(super) fn range_word(&mut self) -> &'a str {
        self.at = self.next_start();
        let rest = self.rest();
        let len = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '(' | ')'))
            .unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// Reads the next character if it is one of `wanted`.
    pub(super) fn bracket(&mut self, wanted: [char; 2]) -> Option<char> {
        self.at = self.next_start();
        let found = self.rest().chars().next().filter(|c| wanted.contains(c))?;
        self.at += found.len_utf8();
        Some(found)
    }

    /// What stands next, for an error message.
    pub(super) fn found(&self) -> String {
        let rest = self.rest().trim_start();
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let word: String = rest[..end].chars().take(20).collect();
        match (word.is_empty(), word.len() < end) {
            (true, _) => "the end of the search".into(),
            (false, false) => format!("`{word}`"),
            (false, true) => format!("`{word}…`"),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Reads quoted text, a phrase or a word, and whether the word has an escape in it.
    fn text_token(&mut self, ends: fn(char) -> bool) -> (Token, bool) {
        let rest = self.rest();
        if rest.starts_with('"') {
            self.at += 1;
            return (self.quoted().map_or(Token::Unfinished, Token::Quoted), false);
        }
        if rest.starts_with("#\"") {
            self.at += 2;
            return (self.quoted().map_or(Token::Unfinished, Token::Phrase), false);
        }
        let (text, escaped) = self.run(|c| c == '"' || ends(c));
        (Token::Word(Pattern { text, wild: true }), escaped)
    }

    /// The text up to the closing quote, which is passed; `None` without one.
    fn quoted(&mut self) -> Option<String> {
        let (text, _) = self.run(|c| c == '"');
        if self.rest().is_empty() {
            return None;
        }
        self.at += 1;
        Some(text)
    }

    /// The text up to a character that `ends` it, escapes resolved, and whether there were any.
    fn run(&mut self, ends: impl Fn(char) -> bool) -> (String, bool) {
        let mut text = String::new();
        let mut escaped = false;
        while let Some(c) = self.rest().chars().next() {
            if c == '\\' && escape_len(self.rest().as_bytes()) == 2 {
                text.push_str(&self.rest()[1..2]);
                self.at += 2;
                escaped = true;
                continue;
            }
            if ends(c) {
                break;
            }
            text.push(c);
            self.at += c.len_utf8();
        }
        (text, escaped)
    }
}

/// The operator a word without escapes is, whatever the case of its letters.
fn keyword(word: &str) -> Option<Token> {
    [("and", Token::And), ("or", Token::Or), ("not", Token::Not)]
        .into_iter()
        .find_map(|(keyword, token)| word.eq_ignore_ascii_case(keyword).then_some(token))
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | ':' | '<' | '>' | '=')
}

fn ends_value(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')')
}
