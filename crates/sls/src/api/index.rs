//! The index of a logstore (`sls-api.md` section 3.5).
//!
//! Reading fills the defaults and writing sends all members, because one official decoder
//! demands members that another official writer leaves out.

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Parts, call};

/// The delimiters that documentation and console propose.
pub const DEFAULT_DELIMITERS: &str = ", '\";=()[]{}?@&<>/:\n\t\r";

/// The delimiters of [`DEFAULT_DELIMITERS`] in the form of the wire, one string each.
pub fn default_token() -> Vec<String> {
    DEFAULT_DELIMITERS.chars().map(String::from).collect()
}

/// What of a logstore can be searched and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// Full text: which fields a bare word looks at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<LineIndex>,
    /// Fields that can be searched by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<BTreeMap<String, KeyIndex>>,
    /// Rare, kept as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_keys: Option<Value>,
    /// How many bytes of a value SQL sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_text_len: Option<i64>,
    /// Kept only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_reduce: Option<bool>,
    /// Kept only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_reduce_white_list: Option<Vec<String>>,
    /// Kept only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_reduce_black_list: Option<Vec<String>>,
    /// Kept only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan_index: Option<bool>,
    /// Response: always `v2`. Ignored on input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_mode: Option<String>,
    /// Response: always `pg`. Ignored on input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// Response: days of the logstore. Ignored on input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
    /// Response: UNIX seconds. Ignored on input.
    #[serde(default, rename = "lastModifyTime", skip_serializing_if = "Option::is_none")]
    pub last_modify_time: Option<i64>,
}

/// Full-text index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LineIndex {
    /// Delimiters, one character each; empty means that a value is one word.
    pub token: Vec<String>,
    /// Whether upper and lower case differ.
    #[serde(default, rename = "caseSensitive")]
    pub case_sensitive: bool,
    /// Whether Chinese text is split.
    #[serde(default)]
    pub chn: bool,
    /// Only these fields. Excludes `exclude_keys`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_keys: Option<Vec<String>>,
    /// All fields but these. Excludes `include_keys`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude_keys: Option<Vec<String>>,
    /// Kept only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_key_detect: Option<bool>,
    /// Kept only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_key_count_limit: Option<i64>,
    /// Kept only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_text_keys: Option<Vec<String>>,
}

/// Index of one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum KeyIndex {
    /// Words.
    Text(TextKey),
    /// 64-bit integers.
    Long(NumberKey),
    /// Floating-point numbers.
    Double(NumberKey),
    /// A JSON document whose leaves are fields.
    Json(JsonKey),
}

/// Index of a text field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TextKey {
    /// Delimiters, one character each.
    pub token: Vec<String>,
    /// Whether upper and lower case differ.
    #[serde(default, rename = "caseSensitive")]
    pub case_sensitive: bool,
    /// Whether Chinese text is split.
    #[serde(default)]
    pub chn: bool,
    /// Whether SQL sees the field.
    #[serde(default)]
    pub doc_value: bool,
    /// Second name in SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Kept only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<Value>,
    /// Kept only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector_index: Option<Value>,
}

/// Index of a number field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NumberKey {
    /// Whether SQL sees the field.
    #[serde(default)]
    pub doc_value: bool,
    /// Second name in SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

/// Index of a JSON field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JsonKey {
    /// Delimiters, one character each.
    pub token: Vec<String>,
    /// Whether upper and lower case differ.
    #[serde(default, rename = "caseSensitive")]
    pub case_sensitive: bool,
    /// Whether Chinese text is split.
    #[serde(default)]
    pub chn: bool,
    /// Whether SQL sees the field.
    #[serde(default)]
    pub doc_value: bool,
    /// Second name in SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Whether all text leaves are searchable.
    #[serde(default)]
    pub index_all: bool,
    /// How deep leaves are looked for; -1 for no limit.
    #[serde(default = "no_limit")]
    pub max_depth: i64,
    /// Leaves by path, such as `a.b`.
    #[serde(default)]
    pub json_keys: BTreeMap<String, LeafKey>,
}

fn no_limit() -> i64 {
    -1
}

/// Index of one leaf of a JSON field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum LeafKey {
    /// Words.
    Text(LeafText),
    /// 64-bit integers.
    Long(NumberKey),
    /// Floating-point numbers.
    Double(NumberKey),
}

/// A text leaf. As [`TextKey`], but the delimiters may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LeafText {
    /// Delimiters, one character each; absent on input means those of the JSON field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Vec<String>>,
    /// Whether upper and lower case differ.
    #[serde(default, rename = "caseSensitive")]
    pub case_sensitive: bool,
    /// Whether Chinese text is split.
    #[serde(default)]
    pub chn: bool,
    /// Whether SQL sees the leaf.
    #[serde(default)]
    pub doc_value: bool,
    /// Second name in SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

impl Index {
    /// What is wrong with the index, if anything: the reason the service answers
    /// `IndexInfoInvalid`.
    pub fn problem(&self) -> Option<String> {
        if self.line.is_none() && self.keys.is_none() {
            return Some("an index needs `line` or `keys`".into());
        }
        if let Some(line) = &self.line {
            if line.include_keys.as_ref().is_some_and(|keys| !keys.is_empty())
                && line.exclude_keys.as_ref().is_some_and(|keys| !keys.is_empty())
            {
                return Some("`line` has both `include_keys` and `exclude_keys`".into());
            }
            if let Some(bad) = bad_delimiter(&line.token) {
                return Some(format!("delimiter {bad:?} of `line.token` is not one character"));
            }
        }
        self.keys.iter().flatten().find_map(|(name, key)| {
            let token = match key {
                KeyIndex::Text(text) => &text.token,
                KeyIndex::Json(json) => &json.token,
                KeyIndex::Long(_) | KeyIndex::Double(_) => return None,
            };
            bad_delimiter(token)
                .map(|bad| format!("delimiter {bad:?} of key {name:?} is not one character"))
        })
    }

    /// The same index with every member that official decoders demand.
    pub fn with_defaults(mut self) -> Self {
        for key in self.keys.iter_mut().flat_map(BTreeMap::values_mut) {
            let KeyIndex::Json(json) = key else { continue };
            for leaf in json.json_keys.values_mut() {
                if let LeafKey::Text(text) = leaf {
                    text.token.get_or_insert_with(|| json.token.clone());
                }
            }
        }
        self
    }
}

fn bad_delimiter(token: &[String]) -> Option<&str> {
    token.iter().map(String::as_str).find(|text| text.chars().count() != 1)
}

/// Creates the index of a logstore that has none.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateIndex {
    /// Which logstore.
    pub logstore: String,
    /// The index.
    pub index: Index,
}

/// Replaces the index of a logstore.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateIndex {
    /// Which logstore.
    pub logstore: String,
    /// The new index.
    pub index: Index,
}

/// Reads the index of a logstore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetIndex {
    /// Which logstore.
    pub logstore: String,
}

/// Deletes the index of a logstore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteIndex {
    /// Which logstore.
    pub logstore: String,
}

fn path(logstore: &str) -> String {
    format!("/logstores/{logstore}/index")
}

call!(CreateIndex, "CreateIndex", Project, (), |this| {
    Parts::json(Method::POST, path(&this.logstore), &this.index)
});
call!(UpdateIndex, "UpdateIndex", Project, (), |this| {
    Parts::json(Method::PUT, path(&this.logstore), &this.index)
});
call!(GetIndex, "GetIndex", Project, Index, |this| {
    Parts::new(Method::GET, path(&this.logstore))
});
call!(DeleteIndex, "DeleteIndex", Project, (), |this| {
    Parts::new(Method::DELETE, path(&this.logstore))
});

#[cfg(test)]
mod tests {
    use super::*;

    fn index(text: &str) -> Result<Index, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn the_index_of_the_python_client_is_read() {
        let read = index(
            r#"{"line":{"token":[","," "],"auto_key_detect":false,"auto_text_keys":[]},
                "keys":{"status":{"type":"long","doc_value":true},
                        "msg":{"type":"text","token":[" "],"caseSensitive":true},
                        "j":{"type":"json","token":["."],"json_keys":{"a.b":{"type":"text"}}}},
                "log_reduce":false,"ttl":30,"unknown":1}"#,
        )
        .expect("valid");
        assert_eq!(read.problem(), None);
        let keys = read.with_defaults().keys.expect("keys");
        assert_eq!(
            serde_json::to_string(&keys["j"]).expect("serializable"),
            r#"{"type":"json","token":["."],"caseSensitive":false,"chn":false,"doc_value":false,"index_all":false,"max_depth":-1,"json_keys":{"a.b":{"type":"text","token":["."],"caseSensitive":false,"chn":false,"doc_value":false}}}"#
        );
        assert_eq!(
            serde_json::to_string(&keys["status"]).expect("serializable"),
            r#"{"type":"long","doc_value":true}"#
        );
    }

    #[test]
    fn missing_delimiters_and_unknown_types_are_refused() {
        assert!(index(r#"{"line":{"caseSensitive":false}}"#).is_err());
        assert!(index(r#"{"keys":{"a":{"type":"date"}}}"#).is_err());
        assert!(index(r#"{"keys":{"a":{"type":"text"}}}"#).is_err());
    }

    #[test]
    fn an_index_of_nothing_is_a_problem() {
        assert!(Index::default().problem().is_some());
        let long = index(r#"{"line":{"token":["ab"]}}"#).expect("readable");
        assert!(long.problem().expect("a problem").contains("ab"));
    }
}
