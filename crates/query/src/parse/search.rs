//! The grammar of a search.
//!
//! ```text
//! or    = not ("or" not)*
//! not   = [and] (["and"] "not"+ and)*
//! and   = item (["and"] item)*
//! item  = "(" or ")" | text | key ":" text | key ("<" | "<=" | "=" | ">=" | ">") number
//!       | key "in" ("[" | "(") number number ("]" | ")")
//! key   = word | quoted | "__tag__" ":" (word | quoted)
//! text  = word | quoted | "#" quoted
//! ```
//!
//! `and` binds more tightly than `not`, as SLS documents it: `not a b` leaves out the rows that
//! have both `a` and `b`, and `x not y and z` is `x and not (y and z)`.

use super::lexer::{Comparison, Lexer, Token};
use super::tree::{Bound, Condition, Expr, Field, Number, NumberRange, Pattern, Test};
use super::{MAX_CONDITIONS, MAX_DEPTH, MAX_WILDCARD_CHARS};
use crate::error::{Position, QueryError};

/// Words that SLS keeps for itself: they are searched for in quotes.
const RESERVED: [&str; 8] = ["sort", "asc", "desc", "avg", "sum", "min", "max", "limit"];

/// Parses the first `len` bytes of `query`, the part before the pipe.
pub(super) fn parse(query: &str, len: usize, with_sql: bool) -> Result<Expr, QueryError> {
    let search = &query[..len];
    let mut parser = Parser {
        query,
        lexer: Lexer::new(search),
        with_sql,
        conditions: 0,
        depth: 0,
        negations: 0,
    };
    if search.trim().is_empty() {
        return Ok(Expr::All);
    }
    parser.refuse_bare_sql()?;
    let expr = parser.or()?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => parser.fail("the end, `and`, `or`, `not` or another condition"),
    }
}

struct Parser<'a> {
    query: &'a str,
    lexer: Lexer<'a>,
    with_sql: bool,
    conditions: usize,
    depth: usize,
    negations: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Token {
        { self.lexer }.token()
    }

    /// The two next tokens.
    fn peek_two(&self) -> (Token, Token) {
        let mut ahead = self.lexer;
        (ahead.token(), ahead.token())
    }

    fn position(&self) -> Position {
        Position::in_text(self.query, self.lexer.next_start())
    }

    fn fail<T>(&self, expected: &str) -> Result<T, QueryError> {
        Err(QueryError::Syntax {
            at: self.position(),
            expected: expected.into(),
            found: self.lexer.found(),
        })
    }

    /// SQL without a search before it is the most common mistake of all; say so.
    fn refuse_bare_sql(&self) -> Result<(), QueryError> {
        let (first, second) = self.peek_two();
        match (first, second) {
            (Token::Word(word), Token::Word(_) | Token::Quoted(_) | Token::Open)
                if word.text.eq_ignore_ascii_case("select") =>
            {
                self.fail(
                    "a search before SQL, as in `* | select …` (quote \"select\" to search for it)",
                )
            }
            _ => Ok(()),
        }
    }

    fn or(&mut self) -> Result<Expr, QueryError> {
        let mut parts = vec![self.not()?];
        while self.peek() == Token::Or {
            self.lexer.token();
            parts.push(self.not()?);
        }
        Ok(joined(parts, Expr::Or))
    }

    fn not(&mut self) -> Result<Expr, QueryError> {
        let mut parts = Vec::new();
        if self.peek() != Token::Not {
            parts.push(self.and()?);
        }
        loop {
            match self.peek_two() {
                (Token::Not, _) => {}
                (Token::And, Token::Not) => {
                    self.lexer.token();
                }
                _ => return Ok(joined(parts, Expr::And)),
            }
            parts.push(self.negated()?);
        }
    }

    fn negated(&mut self) -> Result<Expr, QueryError> {
        let mut odd = false;
        while self.peek() == Token::Not {
            self.lexer.token();
            odd = !odd;
        }
        self.negations += 1;
        let expr = self.and()?;
        self.negations -= 1;
        Ok(if odd { Expr::Not(Box::new(expr)) } else { expr })
    }

    fn and(&mut self) -> Result<Expr, QueryError> {
        let mut parts = vec![self.item()?];
        loop {
            match self.peek_two() {
                (Token::And, Token::Not) => break,
                (Token::And, _) => {
                    self.lexer.token();
                }
                (Token::Not | Token::Or | Token::Close | Token::End, _) => break,
                _ => {}
            }
            parts.push(self.item()?);
        }
        Ok(joined(parts, Expr::And))
    }

    fn item(&mut self) -> Result<Expr, QueryError> {
        let at = self.position();
        let start = self.lexer;
        match self.lexer.token() {
            Token::Open => self.group(at),
            Token::Phrase(text) => {
                let test = self.phrase(text, at)?;
                self.condition(None, test, at)
            }
            Token::Quoted(text) => self.after_name(Pattern::literal(text), at),
            Token::Word(word) => self.after_name(word, at),
            token => {
                self.lexer = start;
                self.fail(match token {
                    Token::Unfinished => "a closing `\"`; write a quote inside quotes as `\\\"`",
                    Token::And | Token::Or => {
                        "a condition before the operator; quote it to search for the word"
                    }
                    Token::Colon | Token::Compare(_) => {
                        "a field name before the sign; quote the text if the sign belongs to it"
                    }
                    _ => "a word, `key:value`, `not` or `(`",
                })
            }
        }
    }

    fn group(&mut self, at: Position) -> Result<Expr, QueryError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(QueryError::TooLarge { at, what: "open parentheses", limit: MAX_DEPTH });
        }
        let expr = self.or()?;
        if self.peek() != Token::Close {
            return self.fail("`)`");
        }
        self.lexer.token();
        self.depth -= 1;
        Ok(expr)
    }

    /// What follows a word decides whether it is a field name.
    fn after_name(&mut self, name: Pattern, at: Position) -> Result<Expr, QueryError> {
        match self.peek() {
            Token::Colon if name.wild && name.text == "__tag__" => {
                self.lexer.token();
                let tag = match self.lexer.token() {
                    Token::Word(Pattern { text, .. }) | Token::Quoted(text) => text,
                    _ => return self.fail("a tag name, as in `__tag__:__path__:value`"),
                };
                match self.field_condition(&format!("__tag__:{tag}"), at)? {
                    Some(expr) => Ok(expr),
                    None => self.fail("`:value` after the tag name"),
                }
            }
            _ => match self.field_condition(&name.text, at)? {
                Some(expr) => Ok(expr),
                None => self.bare(name, at),
            },
        }
    }

    /// Reads the rest of a condition on a field; `None` when what follows is not one.
    fn field_condition(&mut self, key: &str, at: Position) -> Result<Option<Expr>, QueryError> {
        let test = match self.peek() {
            Token::Colon => {
                self.lexer.token();
                self.field_value()?
            }
            Token::Compare(comparison) => {
                if key.len() > 1 && key.ends_with('!') && comparison == Comparison::Equal {
                    return self.fail("`:` or a comparison; write `not key = 5` for not equal");
                }
                self.lexer.token();
                Test::Within(compare(comparison, self.number()?))
            }
            Token::Word(word) if word.text == "in" => {
                let name_end = self.lexer;
                self.lexer.token();
                match self.lexer.bracket(['[', '(']) {
                    Some(open) => self.range(open)?,
                    None => {
                        self.lexer = name_end;
                        return Ok(None);
                    }
                }
            }
            _ => return Ok(None),
        };
        self.condition(Some(Field::named(key)), test, at).map(Some)
    }

    fn field_value(&mut self) -> Result<Test, QueryError> {
        let start = self.lexer;
        let at = self.position();
        match self.lexer.value() {
            Token::Quoted(text) if text.is_empty() => Ok(Test::Empty),
            Token::Quoted(text) => Ok(Test::Tokens(Pattern::literal(text))),
            Token::Phrase(text) => self.phrase(text, at),
            Token::Word(word) if word.text == "*" => Ok(Test::Exists),
            Token::Word(word) if !word.text.is_empty() => Ok(Test::Tokens(checked(word, at)?)),
            Token::Unfinished => {
                self.lexer = start;
                self.fail("a closing `\"`; write a quote inside quotes as `\\\"`")
            }
            _ => {
                self.lexer = start;
                self.fail("a value after `:`; quote it if it starts with a parenthesis")
            }
        }
    }

    fn number(&mut self) -> Result<Number, QueryError> {
        let start = self.lexer;
        let number = match self.lexer.value() {
            Token::Word(Pattern { text, .. }) | Token::Quoted(text) => Number::parse(&text),
            _ => None,
        };
        if number.is_none() {
            self.lexer = start;
        }
        number.map_or_else(
            || self.fail("a number after the comparison; quote the text if the sign belongs to it"),
            Ok,
        )
    }

    fn range(&mut self, open: char) -> Result<Test, QueryError> {
        let mut ends = [Number::Int(0); 2];
        for end in &mut ends {
            let start = self.lexer;
            match Number::parse(self.lexer.range_word()) {
                Some(number) => *end = number,
                None => {
                    self.lexer = start;
                    return self.fail(
                        "two numbers with a blank between them after `in`, as in `in [1 10]` \
                         (quote \"in\" to search for the word)",
                    );
                }
            }
        }
        let Some(close) = self.lexer.bracket([']', ')']) else {
            return self.fail("`]` or `)` after the two numbers of `in`");
        };
        let [low, high] = ends;
        let bound = |number, included| match included {
            true => Bound::Included(number),
            false => Bound::Excluded(number),
        };
        Ok(Test::Within(NumberRange {
            low: bound(low, open == '['),
            high: bound(high, close == ']'),
        }))
    }

    fn phrase(&self, text: String, at: Position) -> Result<Test, QueryError> {
        let problem = if self.negations > 0 {
            "no `not` over a phrase; search for its words instead"
        } else if self.with_sql {
            "no SQL after a search with a phrase; search for its words instead"
        } else if text.trim().is_empty() {
            "words between the quotes of the phrase"
        } else {
            return Ok(Test::Phrase(text));
        };
        Err(QueryError::Syntax { at, expected: problem.into(), found: format!("`#\"{text}\"`") })
    }

    /// A word or quoted text that stands alone.
    fn bare(&mut self, word: Pattern, at: Position) -> Result<Expr, QueryError> {
        let fail = |expected: &str| {
            Err(QueryError::Syntax {
                at,
                expected: expected.into(),
                found: format!("`{}`", word.text),
            })
        };
        if word.wild {
            if word.text == "*" {
                return Ok(Expr::All);
            }
            let lower = word.text.to_ascii_lowercase();
            if RESERVED.contains(&lower.as_str()) {
                return fail("a condition; quote the reserved word to search for it");
            }
            if lower == "group" && self.next_word_is("by") {
                return fail("a condition; quote \"group by\" to search for it");
            }
            if lower == "in" && { self.lexer }.bracket(['[', '(']).is_some() {
                return fail("a field name before lower-case `in`, as in `status in [200 299]`");
            }
        }
        let pattern = checked(word, at)?;
        self.condition(None, Test::Tokens(pattern), at)
    }

    fn next_word_is(&self, wanted: &str) -> bool {
        matches!(self.peek(), Token::Word(word) if word.text.eq_ignore_ascii_case(wanted))
    }

    fn condition(
        &mut self,
        field: Option<Field>,
        test: Test,
        at: Position,
    ) -> Result<Expr, QueryError> {
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return Err(QueryError::TooLarge { at, what: "conditions", limit: MAX_CONDITIONS });
        }
        Ok(Expr::Is(Condition { field, test, at }))
    }
}

/// Refuses wildcards where SLS does.
fn checked(word: Pattern, at: Position) -> Result<Pattern, QueryError> {
    let wild = word.wild && word.text.contains(['*', '?']);
    let problem = if wild && word.text.starts_with(['*', '?']) {
        "a word that does not start with a wildcard".to_owned()
    } else if wild && word.text.chars().count() > MAX_WILDCARD_CHARS {
        format!("at most {MAX_WILDCARD_CHARS} characters in a word with a wildcard")
    } else {
        return Ok(Pattern { wild, ..word });
    };
    Err(QueryError::Syntax { at, expected: problem, found: format!("`{}`", word.text) })
}

impl Field {
    /// The field a query means by `name`: `source` is short for `__source__`.
    fn named(name: &str) -> Self {
        Self(if name == "source" { "__source__" } else { name }.to_owned())
    }
}

fn compare(comparison: Comparison, number: Number) -> NumberRange {
    use Bound::{Excluded, Included, Open};
    let (low, high) = match comparison {
        Comparison::Less => (Open, Excluded(number)),
        Comparison::LessOrEqual => (Open, Included(number)),
        Comparison::Equal => (Included(number), Included(number)),
        Comparison::GreaterOrEqual => (Included(number), Open),
        Comparison::Greater => (Excluded(number), Open),
    };
    NumberRange { low, high }
}

/// The parts as one expression; a single part stays itself.
fn joined(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}
