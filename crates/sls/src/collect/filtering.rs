//! Raw to checked: which logs are kept (`agent` 3.8), and what in them is made unreadable (3.9).

use super::checked::{FieldFilter, Filter, Mask, MaskMethod, Places};
use super::raw::Fields;
use super::{Problem, options};

/// Expressions nested deeper than this are refused.
const MAX_NESTING: usize = 32;

pub(super) fn read_classic(
    detail: &Fields<'_>,
    advanced: &Fields<'_>,
    places: &mut Places,
) -> Option<Filter> {
    let mut found = Found::new(places);
    if advanced.object(&["filter_expression"]).is_some() {
        let filter = found.expression(&advanced.inner(&["filter_expression"]), 0);
        if let Some((key, _)) = detail.find(&["filterKey", "filter_keys"]) {
            detail.report(
                Problem::warning(detail.path(key), "has no effect beside `filter_expression`")
                    .fix("remove it"),
            );
        }
        return filter;
    }
    all(found.pairs(detail, &["filterKey", "filter_keys"], &["filterRegex", "filter_regs"]))
}

/// A filter for what must all hold; none if that is nothing.
pub(super) fn all(mut filters: Vec<Filter>) -> Option<Filter> {
    match filters.len() {
        0 => None,
        1 => filters.pop(),
        _ => Some(Filter::All(filters)),
    }
}

/// Reads filters and notes where each of their conditions stands.
pub(super) struct Found<'p> {
    places: &'p mut Places,
    conditions: usize,
}

impl<'p> Found<'p> {
    pub(super) fn new(places: &'p mut Places) -> Self {
        Self { places, conditions: 0 }
    }

    fn condition(&mut self, key: String, pattern: String, key_at: String, at: String) -> Filter {
        let number = self.conditions;
        self.conditions += 1;
        for (classic, path) in [("filterKey", key_at), ("filterRegex", at)] {
            let classic = format!("inputDetail.{classic}[{number}]");
            if classic != path {
                self.places.0.insert(classic, path);
            }
        }
        Filter::Field(FieldFilter { key, pattern })
    }

    /// One condition for each key, its pattern at the same place in the other list.
    pub(super) fn pairs<'a>(
        &mut self,
        fields: &Fields<'a>,
        keys: &[&'a str],
        patterns: &[&'a str],
    ) -> Vec<Filter> {
        let (key_name, keys) = fields.texts(keys).unwrap_or((keys[0], Vec::new()));
        let (name, patterns) = fields.texts(patterns).unwrap_or((patterns[0], Vec::new()));
        if keys.len() != patterns.len() {
            fields.report(
                Problem::error(
                    fields.path(key_name),
                    format!("{} keys for {} patterns in `{name}`", keys.len(), patterns.len()),
                )
                .fix("write one pattern for each key"),
            );
        }
        let pairs = keys.into_iter().zip(patterns).enumerate();
        pairs
            .map(|(index, (key, pattern))| {
                let at = |name: &str| fields.path(&format!("{name}[{index}]"));
                self.condition(key, pattern, at(key_name), at(name))
            })
            .collect()
    }

    /// One condition for each member of an object.
    pub(super) fn members<'a>(&mut self, fields: &Fields<'a>, key: &'a str) -> Vec<Filter> {
        let inner = fields.inner(&[key]);
        let members = inner.members().keys();
        members
            .filter_map(|name| {
                let (_, pattern) = inner.text(&[name])?;
                let at = inner.path(name);
                Some(self.condition(name.clone(), pattern, at.clone(), at))
            })
            .collect()
    }

    /// A tree of `operator` and `operands`, with `key` and `exp` at its leaves.
    pub(super) fn expression(&mut self, fields: &Fields<'_>, nesting: usize) -> Option<Filter> {
        fields.check_keys(&[options::FILTER]);
        if nesting > MAX_NESTING {
            fields.report(
                Problem::error(fields.place(), "is nested too deeply")
                    .fix("join conditions of one kind in one object"),
            );
            return None;
        }
        let Some((operator_key, operator)) = fields.text(&["operator"]) else {
            return self.leaf(fields);
        };
        let mut operands: Vec<Filter> = fields
            .items(&["operands"])
            .iter()
            .filter_map(|(_, operand)| self.expression(operand, nesting + 1))
            .collect();
        let operator = operator.to_ascii_lowercase();
        match (operator.as_str(), operands.len()) {
            ("not", 1) => operands.pop().map(|operand| Filter::Not(Box::new(operand))),
            ("and", 2..) => Some(Filter::All(operands)),
            ("or", 2..) => Some(Filter::Any(operands)),
            ("and" | "or" | "not", count) => {
                let wanted = if operator == "not" { "one operand" } else { "two operands or more" };
                fields.report(
                    Problem::error(
                        fields.path("operands"),
                        format!("{count} usable operands for `{operator}`"),
                    )
                    .fix(format!("give it {wanted}, each an object")),
                );
                None
            }
            _ => {
                fields.report(
                    Problem::error(
                        fields.path(operator_key),
                        format!("`{operator}` is not an operator"),
                    )
                    .fix("write `and`, `or` or `not`"),
                );
                None
            }
        }
    }

    fn leaf(&mut self, fields: &Fields<'_>) -> Option<Filter> {
        let key = fields.text(&["key"]);
        let pattern = fields.text(&["exp"]);
        for (name, value) in [("key", &key), ("exp", &pattern)] {
            if value.is_none() {
                fields.report(
                    Problem::error(fields.path(name), "is missing")
                        .fix("write `key` and `exp`, or `operator` and `operands`"),
                );
            }
        }
        if let Some((name, kind)) = fields.text(&["type"])
            && kind != "regex"
        {
            fields.report(
                Problem::error(fields.path(name), format!("`{kind}` is not a kind of condition"))
                    .fix("write `regex`"),
            );
        }
        let ((_, key), (_, pattern)) = (key?, pattern?);
        Some(self.condition(key, pattern, fields.path("key"), fields.path("exp")))
    }
}

/// `sensitive_keys`: an item that cannot be used is left out with a warning, because agents in
/// use run such configurations; the others hold.
pub(super) fn read_sensitive_keys(detail: &Fields<'_>) -> Vec<Mask> {
    let items = detail.items(&["sensitive_keys"]);
    let masks = items.iter().filter_map(|(_, item)| {
        item.check_keys(&[options::SENSITIVE]);
        let needed = |name: &'static str| {
            let text = item.text(&[name]);
            if text.is_none() {
                item.report(
                    Problem::warning(item.path(name), "is missing, so nothing is made unreadable")
                        .fix("give `key`, `type`, `regex_begin` and `regex_content`"),
                );
            }
            text.map(|(_, text)| text)
        };
        let (key, kind) = (needed("key"), needed("type"));
        let (before, content) = (needed("regex_begin"), needed("regex_content"));
        let method = match kind?.as_str() {
            "md5" => MaskMethod::Md5,
            "const" => {
                MaskMethod::Const(item.text(&["const"]).map(|(_, text)| text).unwrap_or_default())
            }
            other => {
                item.report(
                    Problem::warning(
                        item.path("type"),
                        format!("`{other}` is not known, so nothing is made unreadable"),
                    )
                    .fix("write `const` or `md5`"),
                );
                return None;
            }
        };
        let all = item.flag(&["all"]).unwrap_or(false);
        Some(Mask { key: key?, method, before: before?, content: content?, all })
    });
    masks.collect()
}
