//! Compares what the pods wrote with what queries find, line by line and field by field.

use super::stage::{ACCESS, ERROR, PROJECT};
use crate::access_log::FIELDS;
use sls::api::get_logs::Row;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use testkit::lines::{Account, complete_lines};
use testkit::service::Service;

/// The files of one pod.
pub(super) struct Written {
    pub(super) pod: String,
    pub(super) access: PathBuf,
    pub(super) error: PathBuf,
}

/// The account over all pods. A row whose fields or tags are not those of its line is an error.
pub(super) fn settle(service: &Service, pods: &[Written]) -> Result<Account, String> {
    let mut written = Vec::new();
    let mut access_lines = HashMap::new();
    for pod in pods {
        for line in lines(&pod.access)? {
            let number =
                numbered(&line).ok_or_else(|| format!("a line without a number: {line}"))?;
            written.push(number.clone());
            access_lines.insert(number, (line, pod.pod.as_str()));
        }
        written.extend(lines(&pod.error)?);
    }
    let rows = |logstore| service.rows(PROJECT, logstore, "*").map_err(|error| error.to_string());
    let mut found = Vec::new();
    for row in rows(ACCESS)? {
        let number = row.get("url").and_then(numbered);
        let number = number.ok_or_else(|| format!("a row without a number: {row:?}"))?;
        if let Some((line, pod)) = access_lines.get(&number) {
            check_row(&row, line, pod)?;
        }
        found.push(number);
    }
    for row in rows(ERROR)? {
        let line = row.get("content").ok_or_else(|| format!("a row without content: {row:?}"))?;
        found.push(line.to_owned());
    }
    Ok(Account::of(written, found))
}

fn lines(path: &Path) -> Result<Vec<String>, String> {
    complete_lines(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// `seq=…&pod=…` out of a line or a URL: what makes a line unique.
fn numbered(text: &str) -> Option<String> {
    let rest = &text[text.find("seq=")?..];
    let end = rest.find([' ', '"']).unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}

fn check_row(row: &Row, line: &str, pod: &str) -> Result<(), String> {
    // The fields stand in the line in this order, each after the one before.
    let mut rest = line;
    for field in FIELDS {
        let value = row.get(field).ok_or_else(|| format!("{field} is missing in {row:?}"))?;
        let at = rest
            .find(value)
            .ok_or_else(|| format!("{field} is {value}, but the line is {line}"))?;
        rest = &rest[at + value.len()..];
    }
    for (tag, value) in [("_pod_name_", pod), ("_namespace_", "default"), ("_node_name_", "node-1")]
    {
        let key = format!("__tag__:{tag}");
        if row.get(&key) != Some(value) {
            return Err(format!("{key} is {:?}, not {value}", row.get(&key)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_the_same_in_line_and_url() {
        let url = "/api?q=1&seq=000012&pod=a-0";
        let line = format!("t ip - - \"GET {url} HTTP/1.1\" 0.1 5 200 6 \"-\" \"curl\" \"-\"");
        assert_eq!(numbered(url).as_deref(), Some("seq=000012&pod=a-0"));
        assert_eq!(numbered(&line), numbered(url));
        assert_eq!(numbered("no number"), None);
    }
}
