//! One token to look for in the values of a field.

use std::sync::Arc;

use arrow::array::{Array, StringArray};

use super::glob::{Glob, longest_literal};
use super::needle::Needle;
use super::rows::RowSet;
use crate::parse::Pattern;
use crate::token::{Class, Tokenizer};

/// When fewer than one row in this many is still of interest, values are looked at one by one;
/// otherwise the column is searched as one text, which is faster for each byte.
const SPARSE: usize = 8;

/// A token, or a token with wildcards, under the rules of a field.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    tokenizer: Arc<Tokenizer>,
    /// What the query says, for highlighting.
    text: String,
    class: Class,
    /// The token, or of a pattern its longest literal part.
    needle: Needle,
    /// For a token with wildcards: what the run around the needle must fit.
    glob: Option<Glob>,
}

impl Term {
    /// The tokens a value must have to match `pattern` under the rules of `tokenizer`. Parts that
    /// are nothing but wildcards or delimiters ask for nothing and are left out.
    pub(crate) fn all(pattern: &Pattern, tokenizer: &Arc<Tokenizer>) -> Vec<Self> {
        pieces(pattern, tokenizer)
            .into_iter()
            .filter_map(|(class, text)| Self::new(&text, class, pattern.wild, tokenizer))
            .collect()
    }

    fn new(text: &str, class: Class, wild: bool, tokenizer: &Arc<Tokenizer>) -> Option<Self> {
        let case_sensitive = tokenizer.case_sensitive;
        let (literal, glob) = if wild && text.contains(['*', '?']) {
            // Any part of a Chinese run counts as a token.
            let glob = match class {
                Class::Han => Glob::new(&format!("*{text}*"), !case_sensitive),
                _ => Glob::new(text, !case_sensitive),
            };
            (longest_literal(text), Some(glob))
        } else {
            (text, None)
        };
        (!literal.is_empty()).then(|| Self {
            tokenizer: tokenizer.clone(),
            text: text.to_owned(),
            class,
            needle: Needle::new(literal, case_sensitive),
            glob,
        })
    }

    /// What the query says.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether `value` has the token.
    pub(crate) fn matches(&self, value: &str) -> bool {
        if let Needle::Fold(_) = self.needle {
            return self.tokenizer.runs(value).any(|(class, run)| {
                class == self.class
                    && match (&self.glob, class) {
                        (Some(glob), _) => glob.covers(run),
                        (None, Class::Han) => self.needle.is_in(run),
                        (None, _) => self.needle.is(run),
                    }
            });
        }
        let mut from = 0;
        while let Some((start, end)) = self.needle.find(value.as_bytes(), from) {
            if self.is_token_at(value, start, end) {
                return true;
            }
            from = start + 1;
        }
        false
    }

    /// The rows of `among` whose value has the token.
    pub(crate) fn select(&self, column: &StringArray, among: &RowSet) -> RowSet {
        let rows = among.count();
        if rows * SPARSE < among.block_len() || matches!(self.needle, Needle::Fold(_)) {
            let mut selected = RowSet::none(among.block_len());
            among
                .iter()
                .filter(|&row| column.is_valid(row) && self.matches(column.value(row)))
                .for_each(|row| selected.insert(row));
            return selected;
        }
        let mut selected = self.select_in_text(column);
        selected.keep(among);
        selected
    }

    /// Searches all values of the column as one text. What is found across the border of two
    /// values is passed over.
    fn select_in_text(&self, column: &StringArray) -> RowSet {
        let mut selected = RowSet::none(column.len());
        let offsets = column.value_offsets();
        let end_of = |row: usize| offsets[row + 1] as usize;
        let text = &column.value_data()[..offsets[column.len()] as usize];
        let mut row = 0;
        let mut from = offsets[0] as usize;
        while let Some((start, end)) = self.needle.find(text, from) {
            while end_of(row) <= start {
                row += 1;
            }
            let value_start = offsets[row] as usize;
            if end <= end_of(row)
                && column.is_valid(row)
                && self.is_token_at(column.value(row), start - value_start, end - value_start)
            {
                selected.insert(row);
                from = end_of(row);
            } else {
                from = start + 1;
            }
        }
        selected
    }

    /// Whether the needle found in `value` from `start` to `end` is the token, or its literal part.
    #[inline]
    fn is_token_at(&self, value: &str, start: usize, end: usize) -> bool {
        match (&self.glob, self.class) {
            (None, Class::Han) => true,
            (None, _) => self.tokenizer.stands_alone(value, start, end),
            (Some(glob), class) => {
                let (start, end) = self.tokenizer.run_around(value, start, class);
                glob.covers(&value[start..end])
            }
        }
    }
}

/// Cuts a pattern as a value would be cut. A wildcard belongs to the characters it stands with.
pub(crate) fn pieces(pattern: &Pattern, tokenizer: &Tokenizer) -> Vec<(Class, String)> {
    if !pattern.wild {
        return tokenizer.runs(&pattern.text).map(|(class, run)| (class, run.to_owned())).collect();
    }
    let mut pieces: Vec<(Option<Class>, String)> = Vec::new();
    let mut open = false;
    for c in pattern.text.chars() {
        let class = match c {
            '*' | '?' => None,
            c => match tokenizer.class(c) {
                Class::Delimiter => {
                    open = false;
                    continue;
                }
                class => Some(class),
            },
        };
        match pieces.last_mut().filter(|_| open) {
            Some((piece_class, piece))
                if class.is_none() || piece_class.is_none() || *piece_class == class =>
            {
                *piece_class = piece_class.or(class);
                piece.push(c);
            }
            _ => pieces.push((class, c.to_string())),
        }
        open = true;
    }
    pieces.into_iter().filter_map(|(class, piece)| Some((class?, piece))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::TextRule;

    fn terms(tokens: &str, chn: bool, pattern: &str) -> Vec<Term> {
        let rule = TextRule { tokens: tokens.chars().collect(), case_sensitive: false, chn };
        let pattern = Pattern { text: pattern.into(), wild: pattern.contains(['*', '?']) };
        Term::all(&pattern, &Arc::new(Tokenizer::new(&rule)))
    }

    /// Checks which of the values match, looking at one value at a time and at the whole column.
    fn check(tokens: &str, chn: bool, pattern: &str, matching: &[&str], other: &[&str]) {
        let terms = terms(tokens, chn, pattern);
        let mut values: Vec<Option<&str>> = Vec::new();
        values.extend(matching.iter().copied().map(Some));
        values.push(None);
        values.extend(other.iter().copied().map(Some));
        let column = StringArray::from(values.clone());
        let expected = RowSet::from_fn(values.len(), |row| row < matching.len());
        let mut selected = RowSet::all(values.len());
        for term in &terms {
            selected = term.select(&column, &selected);
        }
        assert_eq!(selected, expected, "{pattern} as a column");
        for value in values.into_iter().flatten() {
            let found = terms.iter().all(|term| term.matches(value));
            assert_eq!(found, matching.contains(&value), "{pattern} in {value:?}");
        }
    }

    #[test]
    fn a_token_is_found_whole_only() {
        check(" /", false, "get", &["GET /a", "/get", "x Get"], &["target", "gets", "", "ge t"]);
        check("", false, "get", &["GET"], &["GET /a", " get"]);
        check(" ", false, "10.0.0.1", &["10.0.0.1", "a 10.0.0.1 b"], &["110.0.0.1", "10.0.0.10"]);
    }

    #[test]
    fn a_token_is_not_found_across_two_values() {
        check(" ", false, "abcd", &["abcd"], &["ab", "cd", "x ab", "cd y"]);
    }

    #[test]
    fn a_value_is_cut_as_the_field_is() {
        check(
            "/",
            false,
            "/request/path-2",
            &["/request/path-2", "/a/path-2/request"],
            &["/request/path-22", "/request"],
        );
        check("", false, "/a/b", &["/a/b", "/A/b"], &["/a", "a/b"]);
        assert!(terms(" /", false, "//").is_empty());
    }

    #[test]
    fn wildcards_stay_inside_one_token() {
        check(" /", false, "ab*", &["ab", "x abc", "/ABC/d"], &["xab", "a b"]);
        check(" /", false, "a?c", &["abc", "x a日c"], &["ac", "a c", "abbc"]);
        check(" /", false, "a*c", &["abbc", "ac"], &["a c", "a/c", "abcd"]);
        check(" /", false, "/api/*", &["api", "/api/x"], &["apis"]);
        check(" ", false, "É*", &["été", "x Été"], &["xé"]);
    }

    #[test]
    fn any_part_of_a_chinese_run_is_found_where_chinese_is_cut() {
        check(
            " ",
            true,
            "日志",
            &["日志", "看日志服务", "nginx日志"],
            &["日 志", "志日", "日nginx志"],
        );
        check(" ", true, "nginx", &["nginx日志", "日志nginx，"], &["nginxd"]);
        check(" ", true, "nginx日志", &["日志nginx", "nginx的日志"], &["nginx日", "nginx日x志"]);
        check(" ", true, "日*志", &["日志", "看日的志x"], &["日x志", "日"]);
        check(" ", false, "日志", &["日志", "x 日志"], &["看日志", "nginx日志"]);
    }

    #[test]
    fn letters_beyond_ascii_are_found_in_either_case() {
        check(" ", false, "ärger", &["Ärger", "x ÄRGER"], &["xärger", "arger"]);
    }
}
