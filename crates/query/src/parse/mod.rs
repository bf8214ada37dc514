//! From query text to [`Statement`]: `<search>`, or `<search> | <sql>`.
//!
//! The search language is that of the SLS API. It is parsed without knowing the index of the
//! logstore; what a condition means for a field is decided by [`crate::search`].

mod lexer;
mod search;
mod split;
mod tree;

pub use tree::{Bound, Condition, Expr, Field, Number, NumberRange, Pattern, Test};

use crate::error::{Position, QueryError};

/// The most conditions one search may have, as in SLS.
pub const MAX_CONDITIONS: usize = 30;

/// The most parentheses that may be open at once. SLS documents no limit; this one keeps the
/// parser's stack small.
pub const MAX_DEPTH: usize = 64;

/// The longest word with a wildcard, in characters, as in SLS.
pub const MAX_WILDCARD_CHARS: usize = 64;

/// A parsed query.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Which rows are meant.
    pub search: Search,
    /// What to compute from them; `None` shows the rows.
    pub analysis: Option<Analysis>,
}

/// The part of a query before the pipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The text as written, without surrounding blanks.
    pub text: String,
    /// What it means.
    pub expr: Expr,
}

/// The part of a query after the pipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// The SQL as written, without surrounding blanks.
    pub sql: String,
    /// Where it starts in the query.
    pub at: Position,
}

/// Reads a query.
///
/// Blank text and `*` mean every row. Works on any text: what is not a query is an error with the
/// position and what was expected there.
pub fn parse(text: &str) -> Result<Statement, QueryError> {
    let parts = split::at_pipe(text);
    let analysis = match parts.sql {
        None => None,
        Some(sql) => {
            let start = text.len() - sql.trim_start().len();
            let at = Position::in_text(text, start);
            if sql.trim().is_empty() {
                return Err(QueryError::Syntax {
                    at,
                    expected: "SQL after `|`, as in `* | select count(*)`".into(),
                    found: "the end of the query".into(),
                });
            }
            Some(Analysis { sql: sql.trim().to_owned(), at })
        }
    };
    let expr = search::parse(text, parts.search.len(), analysis.is_some())?;
    Ok(Statement { search: Search { text: parts.search.trim().to_owned(), expr }, analysis })
}

#[cfg(test)]
mod tests;
