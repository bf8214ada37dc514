//! From a search as written to tests of fields, by the index of the logstore.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use store::columns::{SOURCE, TAG_PREFIX, TOPIC};

use super::needle::Needle;
use super::number::{DoubleRange, LongRange};
use super::term::{Term, pieces};
use super::value::ValueTest;
use crate::error::QueryError;
use crate::parse::{Condition, Expr, Field, Number, NumberRange, Pattern, Test};
use crate::rules::{IndexRules, JsonRule, KeyKind, LeafKind, LineRule};
use crate::token::Tokenizer;

/// Which rows are selected.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// All of them.
    All,
    /// Those that every part selects.
    Every(Vec<Plan>),
    /// Those that some part selects.
    Some(Vec<Plan>),
    /// Those that the part does not select.
    Not(Box<Plan>),
    /// Those whose field of this name passes.
    Field(String, ValueTest),
    /// Those with any field that passes.
    Anywhere(Anywhere),
}

/// A test for any field of a row, each by its own rules.
#[derive(Clone, Debug)]
pub(crate) struct Anywhere {
    /// What is asked of the fields that follow the full-text index; `None` when nothing is.
    line: Option<ValueTest>,
    /// The fields of the full-text index are these …
    include: BTreeSet<String>,
    /// … and not these.
    exclude: BTreeSet<String>,
    /// What is asked of fields with an index of their own; `None` for those without text.
    keys: BTreeMap<String, Option<ValueTest>>,
    /// What is asked of reserved fields.
    reserved: Option<ValueTest>,
}

impl Anywhere {
    /// What is asked of the field of this name.
    pub(crate) fn test_of(&self, name: &str) -> Option<&ValueTest> {
        if let Some(own) = self.keys.get(name) {
            return own.as_ref();
        }
        if is_reserved(name) {
            return self.reserved.as_ref();
        }
        let inside = self.include.is_empty() || self.include.contains(name);
        self.line.as_ref().filter(|_| inside && !self.exclude.contains(name))
    }
}

/// Whether the field is searchable without an index: topic, source and tags.
fn is_reserved(name: &str) -> bool {
    name == TOPIC || name == SOURCE || name.starts_with(TAG_PREFIX)
}

/// A plan, and what it looks for.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    /// Field (or empty) and term of every condition that is not under `not`.
    pub(crate) terms: Vec<(String, String)>,
}

/// Whether phrases are true phrases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phrases {
    /// A phrase is its text.
    Exact,
    /// A phrase is its tokens, as histograms count it.
    AsTokens,
}

impl Planned {
    /// Plans `expr` for a logstore with `rules`.
    pub(crate) fn new(
        expr: &Expr,
        rules: &IndexRules,
        phrases: Phrases,
    ) -> Result<Self, QueryError> {
        let mut planner = Planner::new(rules, phrases);
        let plan = planner.plan(expr, false)?;
        Ok(Self { plan, terms: planner.terms })
    }
}

impl Plan {
    /// The fields the plan looks at; `None` when it may look at all.
    pub(crate) fn fields(&self) -> Option<BTreeSet<&str>> {
        match self {
            Self::All => Some(BTreeSet::new()),
            Self::Field(name, _) => Some(BTreeSet::from([name.as_str()])),
            Self::Anywhere(_) => None,
            Self::Not(part) => part.fields(),
            Self::Every(parts) | Self::Some(parts) => {
                let fields: Option<Vec<_>> = parts.iter().map(Self::fields).collect();
                Some(fields?.into_iter().flatten().collect())
            }
        }
    }

    /// The parts joined, cheap ones first: they spare the dear ones rows.
    fn joined(mut parts: Vec<Self>, join: fn(Vec<Self>) -> Self) -> Self {
        parts.sort_by_key(Self::cost);
        match parts.len() {
            1 => parts.remove(0),
            _ => join(parts),
        }
    }

    fn cost(&self) -> u8 {
        match self {
            Self::All => 0,
            Self::Field(_, test) => test.cost(),
            Self::Anywhere(_) => 8,
            Self::Not(part) => part.cost(),
            Self::Every(parts) | Self::Some(parts) => {
                parts.iter().map(Self::cost).max().unwrap_or(0)
            }
        }
    }
}

struct Planner<'a> {
    rules: &'a IndexRules,
    phrases: Phrases,
    line: Option<Arc<Tokenizer>>,
    keys: BTreeMap<&'a str, Arc<Tokenizer>>,
    reserved: Arc<Tokenizer>,
    terms: Vec<(String, String)>,
}

impl<'a> Planner<'a> {
    fn new(rules: &'a IndexRules, phrases: Phrases) -> Self {
        let text_keys = rules.keys.iter().filter_map(|(name, rule)| {
            let (KeyKind::Text(text) | KeyKind::Json(JsonRule { text, .. })) = &rule.kind else {
                return None;
            };
            Some((name.as_str(), Arc::new(Tokenizer::new(text))))
        });
        Self {
            rules,
            phrases,
            line: rules.line.as_ref().map(|line| Arc::new(Tokenizer::new(&line.text))),
            keys: text_keys.collect(),
            reserved: Arc::new(Tokenizer::whole_value()),
            terms: Vec::new(),
        }
    }

    fn plan(&mut self, expr: &Expr, negated: bool) -> Result<Plan, QueryError> {
        Ok(match expr {
            Expr::All => Plan::All,
            Expr::Not(part) => Plan::Not(Box::new(self.plan(part, !negated)?)),
            Expr::And(parts) => Plan::joined(self.plans(parts, negated)?, Plan::Every),
            Expr::Or(parts) => Plan::joined(self.plans(parts, negated)?, Plan::Some),
            Expr::Is(condition) => {
                let known = self.terms.len();
                let plan = match &condition.field {
                    Some(field) => self.field(condition, field)?,
                    None => self.anywhere(condition)?,
                };
                if negated {
                    self.terms.truncate(known);
                }
                plan
            }
        })
    }

    fn plans(&mut self, parts: &[Expr], negated: bool) -> Result<Vec<Plan>, QueryError> {
        parts.iter().map(|part| self.plan(part, negated)).collect()
    }

    fn field(&mut self, condition: &Condition, field: &Field) -> Result<Plan, QueryError> {
        let name = field.0.as_str();
        if let Some(rule) = self.rules.keys.get(name) {
            let test = match &rule.kind {
                KeyKind::Text(_) | KeyKind::Json(_) => {
                    let tokenizer = self.keys[name].clone();
                    self.text_test(condition, name, &tokenizer)?
                }
                KeyKind::Long => self.number_test(condition, name, "long")?,
                KeyKind::Double => self.number_test(condition, name, "double")?,
            };
            return Ok(Plan::Field(name.to_owned(), test));
        }
        if is_reserved(name) {
            let tokenizer = self.reserved.clone();
            let test = self.text_test(condition, name, &tokenizer)?;
            return Ok(Plan::Field(name.to_owned(), test));
        }
        let Some((root, path, kind)) = self.leaf(name) else {
            return Err(QueryError::FieldNotIndexed { at: condition.at, key: name.to_owned() });
        };
        let test = match kind {
            LeafKind::Text(text) => {
                self.text_test(condition, name, &Arc::new(Tokenizer::new(&text)))?
            }
            LeafKind::Long => self.number_test(condition, name, "long")?,
            LeafKind::Double => self.number_test(condition, name, "double")?,
        };
        let test = ValueTest::Leaf { path: path.to_owned(), test: Box::new(test) };
        Ok(Plan::Field(root.to_owned(), test))
    }

    /// The JSON field, path and kind of the leaf that `name` stands for. Of several JSON fields
    /// that `name` starts with, the longest counts.
    fn leaf<'n>(&self, name: &'n str) -> Option<(&'n str, &'n str, LeafKind)> {
        name.rmatch_indices('.').find_map(|(dot, _)| {
            let (root, path) = (&name[..dot], &name[dot + 1..]);
            let KeyKind::Json(json) = &self.rules.keys.get(root)?.kind else { return None };
            if let Some(leaf) = json.json_keys.get(path) {
                return Some((root, path, leaf.kind.clone()));
            }
            let steps = path.matches('.').count() + 1;
            let in_reach = json.max_depth.is_none_or(|depth| steps <= depth as usize);
            (json.index_all && in_reach).then(|| (root, path, LeafKind::Text(json.text.clone())))
        })
    }

    fn text_test(
        &mut self,
        condition: &Condition,
        name: &str,
        tokenizer: &Arc<Tokenizer>,
    ) -> Result<ValueTest, QueryError> {
        let terms = |planner: &mut Self, pattern: &Pattern| {
            let terms = Term::all(pattern, tokenizer);
            let found = terms.iter().map(|term| (name.to_owned(), term.text().to_owned()));
            planner.terms.extend(found);
            terms
        };
        Ok(match &condition.test {
            Test::Exists => ValueTest::Present,
            Test::Empty => ValueTest::Empty,
            Test::Tokens(pattern) => ValueTest::Tokens(terms(self, pattern)),
            Test::Phrase(text) => {
                let terms = terms(self, &Pattern::literal(text));
                phrase_test(self.phrases, terms, text, tokenizer)
            }
            Test::Within(_) => {
                return Err(QueryError::WrongType {
                    at: condition.at,
                    key: name.to_owned(),
                    kind: "text",
                    problem: "a range needs a long or double index; search for the text with `:`"
                        .into(),
                });
            }
        })
    }

    fn number_test(
        &mut self,
        condition: &Condition,
        name: &str,
        kind: &'static str,
    ) -> Result<ValueTest, QueryError> {
        let fail = |problem: &str| {
            Err(QueryError::WrongType {
                at: condition.at,
                key: name.to_owned(),
                kind,
                problem: problem.to_owned(),
            })
        };
        let range = match &condition.test {
            Test::Exists => return Ok(ValueTest::Present),
            Test::Empty => return Ok(ValueTest::Empty),
            Test::Within(range) => *range,
            Test::Phrase(_) => return fail("phrases need text; write a number"),
            Test::Tokens(pattern) if pattern.wild => {
                return fail("wildcards need text; write a range, as in `status in [200 299]`");
            }
            Test::Tokens(pattern) => match Number::parse(&pattern.text) {
                Some(number) => {
                    self.terms.push((name.to_owned(), pattern.text.clone()));
                    NumberRange::exactly(number)
                }
                None => return fail(&format!("`{}` is no number", pattern.text)),
            },
        };
        Ok(match kind {
            "long" => ValueTest::Long(LongRange::new(range)),
            _ => ValueTest::Double(DoubleRange::new(range)),
        })
    }

    /// A condition without a field.
    ///
    /// The text is cut as the full-text index cuts, or at blanks without one, and each token may
    /// be in another field. A field with its own index is asked for what its own rules make of
    /// the token. It is also asked for the text as a whole: `/a/b` is to be found in a field
    /// where it is one token.
    fn anywhere(&mut self, condition: &Condition) -> Result<Plan, QueryError> {
        if self.line.is_none() && self.keys.is_empty() {
            return Err(QueryError::NoFullText { at: condition.at });
        }
        let (pattern, phrase) = match &condition.test {
            Test::Tokens(pattern) => (pattern.clone(), false),
            Test::Phrase(text) => (Pattern::literal(text), true),
            _ => unreachable!("the parser puts only text without a field"),
        };
        let tokens = self.line_pieces(&pattern);
        self.terms.extend(tokens.iter().map(|token| (String::new(), token.clone())));
        if phrase && self.phrases == Phrases::Exact {
            return Ok(Plan::Anywhere(self.any_field(&pattern, true, true)));
        }
        let whole = Plan::Anywhere(self.any_field(&pattern, false, false));
        let one_token = tokens.len() == 1 && tokens[0] == pattern.text;
        let each = tokens.into_iter().map(|text| {
            let token = Pattern { text, wild: pattern.wild };
            Plan::Anywhere(self.any_field(&token, false, true))
        });
        let each: Vec<Plan> = each.collect();
        Ok(match each.len() {
            0 => Plan::All,
            1 if one_token => Plan::joined(each, Plan::Every),
            _ => Plan::Some(vec![Plan::joined(each, Plan::Every), whole]),
        })
    }

    fn line_pieces(&self, pattern: &Pattern) -> Vec<String> {
        match &self.line {
            Some(line) => pieces(pattern, line).into_iter().map(|(_, text)| text).collect(),
            None => pattern.text.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// A test for any field: of the full-text index too when `with_line`.
    fn any_field(&self, pattern: &Pattern, phrase: bool, with_line: bool) -> Anywhere {
        let test = |tokenizer: &Arc<Tokenizer>| {
            let terms = Term::all(pattern, tokenizer);
            // Delimiters alone are in no field in particular, unless they are meant literally.
            (phrase || !terms.is_empty()).then(|| match phrase {
                true => phrase_test(self.phrases, terms, &pattern.text, tokenizer),
                false => ValueTest::Tokens(terms),
            })
        };
        let line = self.rules.line.as_ref();
        let set = |names: fn(&LineRule) -> &Vec<String>| -> BTreeSet<String> {
            line.map(|line| names(line).iter().cloned().collect()).unwrap_or_default()
        };
        let (include, exclude) = (set(|line| &line.include_keys), set(|line| &line.exclude_keys));
        let inside =
            |name: &str| (include.is_empty() || include.contains(name)) && !exclude.contains(name);
        let keys = self.rules.keys.keys().map(|name| {
            let own = self.keys.get(name.as_str()).filter(|_| inside(name));
            (name.clone(), own.and_then(test))
        });
        Anywhere {
            line: self.line.as_ref().filter(|_| with_line).and_then(test),
            keys: keys.collect(),
            reserved: test(&self.reserved),
            include,
            exclude,
        }
    }
}

impl NumberRange {
    /// The range of one number.
    fn exactly(number: Number) -> Self {
        use crate::parse::Bound::Included;
        Self { low: Included(number), high: Included(number) }
    }
}

fn phrase_test(phrases: Phrases, terms: Vec<Term>, text: &str, tokenizer: &Tokenizer) -> ValueTest {
    match phrases {
        Phrases::AsTokens => ValueTest::Tokens(terms),
        Phrases::Exact => {
            ValueTest::Phrase { terms, text: Needle::new(text, tokenizer.case_sensitive) }
        }
    }
}
