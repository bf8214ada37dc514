//! The two columns that keep what a table would lose: the order of keys in a row, and values
//! without a column. Both are JSON text, so that any Parquet reader can make sense of them.

use serde::{Deserialize, Serialize};

/// The names of one row in their original order.
///
/// Stored as `[[tag, …], [key, …]]`, tags without their prefix; a name occurs as often as it did
/// in the row.
///
/// ```
/// use store::columns::Shape;
/// let shape = Shape::decode(r#"[["_pod_name_"],["status","path"]]"#).unwrap();
/// assert_eq!(shape.keys, ["status", "path"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// The tags of the group, without prefix.
    pub tags: Vec<String>,
    /// The fields of the row.
    pub keys: Vec<String>,
}

/// The values of one row that have no column: `[[name, value], …]`.
///
/// A name that also has a column has its last value there and the earlier ones here; any other
/// name has all its values here. Within a name the order is that of the row. Tags are named with
/// their prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rest(pub Vec<(String, String)>);

/// Why one of the two texts could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{column} does not hold what was written there: {source}")]
pub struct ShapeError {
    column: &'static str,
    source: serde_json::Error,
}

impl Shape {
    /// Reads a value of `__shape__`.
    pub fn decode(text: &str) -> Result<Shape, ShapeError> {
        let (tags, keys) = serde_json::from_str(text)
            .map_err(|source| ShapeError { column: super::SHAPE, source })?;
        Ok(Shape { tags, keys })
    }

    pub(super) fn encode<'a>(
        tags: &[(String, String)],
        keys: impl Iterator<Item = &'a str>,
    ) -> String {
        let tags: Vec<&str> = tags.iter().map(|(key, _)| key.as_str()).collect();
        let keys: Vec<&str> = keys.collect();
        text(&(tags, keys))
    }
}

impl Rest {
    /// Reads a value of `__rest__`.
    pub fn decode(text: &str) -> Result<Rest, ShapeError> {
        serde_json::from_str(text).map_err(|source| ShapeError { column: super::REST, source })
    }

    pub(super) fn encode(pairs: &[(&str, &str)]) -> String {
        text(&pairs)
    }
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("lists of strings are always JSON")
}
