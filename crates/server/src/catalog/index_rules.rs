//! From the wire form of an index to what the query engine needs.

use query::{IndexRules, JsonRule, KeyKind, KeyRule, LeafKind, LeafRule, LineRule, TextRule};
use sls::api::index::{Index, JsonKey, KeyIndex, LeafKey, LineIndex};

/// The rules of `index`, whose delimiters are one character each.
pub(super) fn rules(index: &Index) -> IndexRules {
    let keys = index.keys.iter().flatten().map(|(name, key)| (name.clone(), key_rule(key)));
    IndexRules { line: index.line.as_ref().map(line_rule), keys: keys.collect() }
}

fn line_rule(line: &LineIndex) -> LineRule {
    LineRule {
        text: text_rule(&line.token, line.case_sensitive, line.chn),
        include_keys: line.include_keys.clone().unwrap_or_default(),
        exclude_keys: line.exclude_keys.clone().unwrap_or_default(),
    }
}

fn text_rule(token: &[String], case_sensitive: bool, chn: bool) -> TextRule {
    TextRule {
        tokens: token.iter().filter_map(|text| text.chars().next()).collect(),
        case_sensitive,
        chn,
    }
}

fn key_rule(key: &KeyIndex) -> KeyRule {
    let (kind, alias, doc_value) = match key {
        KeyIndex::Text(text) => {
            let rule = text_rule(&text.token, text.case_sensitive, text.chn);
            (KeyKind::Text(rule), &text.alias, text.doc_value)
        }
        KeyIndex::Long(number) => (KeyKind::Long, &number.alias, number.doc_value),
        KeyIndex::Double(number) => (KeyKind::Double, &number.alias, number.doc_value),
        KeyIndex::Json(json) => (KeyKind::Json(json_rule(json)), &json.alias, json.doc_value),
    };
    KeyRule { kind, alias: alias.clone(), doc_value }
}

fn json_rule(json: &JsonKey) -> JsonRule {
    let leaves = json.json_keys.iter().map(|(path, leaf)| {
        let (kind, alias, doc_value) = match leaf {
            LeafKey::Text(text) => {
                let token = text.token.as_deref().unwrap_or(&json.token);
                let rule = text_rule(token, text.case_sensitive, text.chn);
                (LeafKind::Text(rule), &text.alias, text.doc_value)
            }
            LeafKey::Long(number) => (LeafKind::Long, &number.alias, number.doc_value),
            LeafKey::Double(number) => (LeafKind::Double, &number.alias, number.doc_value),
        };
        (path.clone(), LeafRule { kind, alias: alias.clone(), doc_value })
    });
    JsonRule {
        text: text_rule(&json.token, json.case_sensitive, json.chn),
        json_keys: leaves.collect(),
        index_all: json.index_all,
        max_depth: u32::try_from(json.max_depth).ok(),
    }
}
