//! The reference of all keys for users, as Markdown.

use super::{Effect, Key, classic, pipeline};
use std::fmt::Write;

const HEAD: &str = "\
## Collection configurations

Every key that is known. Any other is reported, with the nearest one, and changes nothing; so is a
key that has no effect.

A configuration is written in one of two formats, as YAML or JSON. *Empty* (`null`, an empty text or
list) means the same as leaving the key out. Numbers and truth values may be written as texts.
";

/// Writes the reference, the second part of `docs/operate/agent-options.md`.
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n### Classic format\n\n");
    text.push_str(
        "As the console, the API and `AliyunLogConfig` (in `logtailConfig`) have it. The second \
         spelling is that of the agent's own files (`user_log_config.json`, \
         `user_local_config.json`, `user_config.d/*.json`); there the keys of `inputDetail` may \
         stand in the object itself.\n",
    );
    for (title, keys) in [
        ("The object", classic::ENVELOPE),
        ("`outputDetail`", classic::OUTPUT_DETAIL),
        ("Beside these in the agent's own files", classic::AGENT_FORM),
        ("`inputDetail`", classic::INPUT_DETAIL),
        ("`inputDetail.advanced`", classic::ADVANCED),
        ("`inputDetail.advanced.blacklist`", classic::BLACKLIST),
        ("`inputDetail.advanced.filter_expression`", classic::FILTER),
        ("`inputDetail.sensitive_keys[]`", classic::SENSITIVE),
    ] {
        table(&mut text, title, keys);
    }
    text.push_str("\n### Pipeline format\n\n");
    text.push_str(
        "As LoongCollector has it. The name of the file without its ending is the name of the \
         configuration.\n",
    );
    for (title, keys) in [
        ("The document", pipeline::TOP),
        ("`global`", pipeline::GLOBAL),
        ("`global.PipelineMetaTagKey`", pipeline::META_TAGS),
        ("`inputs[]`: `input_file`", pipeline::INPUT_FILE),
        ("`input_file`: `Multiline`", pipeline::MULTILINE),
        ("`input_file`: `Tags`", pipeline::TAGS),
        ("`processors[]`: `processor_parse_regex_native`", pipeline::REGEX),
        ("`processors[]`: `processor_parse_json_native`", pipeline::JSON),
        ("`processors[]`: `processor_parse_delimiter_native`", pipeline::DELIMITER),
        ("`processors[]`: `processor_parse_apsara_native`", pipeline::APSARA),
        ("`processors[]`: `processor_parse_timestamp_native`", pipeline::TIMESTAMP),
        ("`processors[]`: `processor_filter_regex_native`", pipeline::FILTER_NATIVE),
        ("`processor_filter_regex_native`: `ConditionExp`", pipeline::CONDITION),
        ("`processors[]`: `processor_desensitize_native`", pipeline::DESENSITIZE),
        ("`flushers[]`: `flusher_sls`", pipeline::FLUSHER_SLS),
        ("`flusher_sls`: `Batch`", pipeline::BATCH),
    ] {
        table(&mut text, title, keys);
    }
    text
}

fn table(text: &mut String, title: &str, keys: &[Key]) {
    let two_spellings = keys.iter().any(|key| key.name != key.agent);
    let _ = write!(text, "\n#### {title}\n\n");
    text.push_str(if two_spellings {
        "| key | in the agent's files | value | default | |\n|---|---|---|---|---|\n"
    } else {
        "| key | value | default | |\n|---|---|---|---|\n"
    });
    for key in keys {
        let _ = write!(text, "| `{}` | ", key.name);
        if two_spellings {
            let _ = write!(text, "`{}` | ", key.agent);
        }
        let note = note(key);
        let _ = writeln!(text, "{} | {} | {note} |", cell(key.shape), cell(key.default));
    }
}

/// The meaning, and what is to be said about the effect.
fn note(key: &Key) -> String {
    let meaning = cell(key.meaning);
    match key.effect {
        Effect::Full => meaning,
        Effect::Silent if meaning.is_empty() => "accepted, without effect".to_owned(),
        Effect::Silent => meaning,
        Effect::Never(why, _) => {
            let why = why.strip_prefix("true ").unwrap_or(why);
            format!("{meaning}: *{why}*")
        }
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_reference_is_well_formed() {
        let mut columns = 0;
        for line in reference().lines() {
            let found = line.replace("\\|", "").matches('|').count();
            if found == 0 {
                columns = 0;
            } else if columns == 0 {
                columns = found;
            }
            assert_eq!(found, columns, "{line}");
        }
    }

    #[test]
    fn no_key_stands_twice_in_a_table() {
        let text = reference();
        let mut seen = std::collections::HashSet::new();
        for line in text.lines() {
            if line.starts_with("##") {
                seen.clear();
            } else if line.starts_with("| `") {
                let key = line.split('`').nth(1);
                assert!(seen.insert(key), "{line}");
            }
        }
    }
}
