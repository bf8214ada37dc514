//! `processors`: at most one parser, then time, filters and masks.

use super::super::Problem;
use super::super::checked::{
    Filter, Mask, MaskMethod, Overflow, Parser, Places, TimeRule, Unmatched,
};
use super::super::filtering::{Found, all};
use super::super::options::{self, Key};
use super::super::parsing::{check_names, read_quote, read_separator, read_year, read_zone_text};
use super::super::raw::Fields;

/// The field that a record is before it is parsed.
const CONTENT: &str = "content";

const SUPPORTED: &str = "`processor_parse_regex_native`, `processor_parse_json_native`, \
     `processor_parse_delimiter_native`, `processor_parse_apsara_native`, \
     `processor_parse_timestamp_native`, `processor_filter_regex_native` and \
     `processor_desensitize_native` are supported";

/// What the processors mean together.
pub(super) struct Chain {
    pub(super) parser: Parser,
    pub(super) unmatched: Unmatched,
    pub(super) raw_field: Option<String>,
    pub(super) time: Option<TimeRule>,
    pub(super) filter: Option<Filter>,
    pub(super) masks: Vec<Mask>,
    pub(super) blank_non_utf8: bool,
}

/// A processor as it was written.
struct Step<'f, 'a> {
    kind: String,
    fields: &'f Fields<'a>,
}

pub(super) fn read(top: &Fields<'_>, places: &mut Places) -> Chain {
    let mut chain = Chain {
        parser: Parser::Whole,
        unmatched: Unmatched::Drop,
        raw_field: None,
        time: None,
        filter: None,
        masks: Vec::new(),
        blank_non_utf8: false,
    };
    let items = top.items(&["processors"]);
    let mut before: Vec<Step<'_, '_>> = Vec::new();
    let mut filters = Vec::new();
    let mut found = Found::new(places);
    for (_, fields) in &items {
        let Some((_, kind)) = fields.text(&["Type"]) else {
            fields.report(Problem::error(fields.path("Type"), "is missing").fix(SUPPORTED));
            continue;
        };
        let step = Step { kind, fields };
        match step.kind.as_str() {
            "processor_parse_regex_native"
            | "processor_parse_json_native"
            | "processor_parse_delimiter_native"
            | "processor_parse_apsara_native" => {
                step.check_place_of_parser(&before);
                chain.parser = step.read_parser();
                (chain.unmatched, chain.raw_field) = step.read_remains();
            }
            "processor_parse_timestamp_native" => {
                if chain.time.is_some() {
                    step.refuse_second("the time of a log is set once");
                }
                chain.time = step.read_time();
            }
            "processor_filter_regex_native" => {
                step.fields.check_keys(&[options::FILTER_NATIVE]);
                let own = step.read_filter(&mut found);
                step.check_masked(&own, &chain.masks);
                filters.extend(own);
                chain.blank_non_utf8 |= fields.flag(&["DiscardingNonUTF8"]).unwrap_or(false);
            }
            "processor_desensitize_native" => chain.masks.extend(step.read_mask()),
            other => fields.report(
                Problem::error(fields.path("Type"), format!("`{other}` is not supported"))
                    .fix(SUPPORTED),
            ),
        }
        before.push(step);
    }
    chain.filter = all(filters);
    note_places(&before, places);
    chain
}

impl Step<'_, '_> {
    fn is_parser(&self) -> bool {
        self.kind.starts_with("processor_parse_") && self.kind != "processor_parse_timestamp_native"
    }

    fn refuse_second(&self, why: &str) {
        self.fields.report(
            Problem::error(self.fields.path("Type"), format!("is one `{}` too many", self.kind))
                .fix(format!("remove it: {why}")),
        );
    }

    /// A parser takes the record, so nothing that works on fields may stand before it.
    fn check_place_of_parser(&self, before: &[Step<'_, '_>]) {
        if before.iter().any(Step::is_parser) {
            self.fields.report(
                Problem::error(
                    self.fields.path("Type"),
                    format!("`{}` is a second parser, which is not supported", self.kind),
                )
                .fix("let one parser make all fields"),
            );
        } else if let Some(first) = before.first() {
            self.fields.report(
                Problem::error(
                    self.fields.path("Type"),
                    format!("stands after `{}`, which would work on unparsed records", first.kind),
                )
                .fix("put the parser first"),
            );
        }
        match self.fields.text(&["SourceKey"]) {
            Some((_, key)) if key == CONTENT => {}
            Some((name, key)) => self.fields.report(
                Problem::error(
                    self.fields.path(name),
                    format!("`{key}` cannot be parsed; only whole records can"),
                )
                .fix("write `content`"),
            ),
            None => self.fields.report(
                Problem::error(self.fields.path("SourceKey"), "is missing")
                    .fix("write `SourceKey: content`"),
            ),
        }
    }

    fn read_parser(&self) -> Parser {
        let fields = self.fields;
        let known: &'static [Key] = match self.kind.as_str() {
            "processor_parse_regex_native" => options::REGEX,
            "processor_parse_json_native" => options::JSON,
            "processor_parse_delimiter_native" => options::DELIMITER,
            _ => options::APSARA,
        };
        fields.check_keys(&[known]);
        match self.kind.as_str() {
            "processor_parse_regex_native" => {
                let pattern = self.needed("Regex", "a pattern with a group for each key");
                let keys = self.names("the groups");
                match (pattern.as_str(), keys.as_slice()) {
                    ("(.*)", [key]) if key == CONTENT => Parser::Whole,
                    _ => Parser::Regex { pattern, keys, alternatives: Vec::new() },
                }
            }
            "processor_parse_json_native" => Parser::Json,
            "processor_parse_delimiter_native" => Parser::Delimiter {
                separator: read_separator(fields, &["Separator"]),
                quote: read_quote(fields, &["Quote"]),
                keys: self.names("the columns"),
                overflow: self.read_overflow(),
                accept_short: fields.flag(&["AllowingShortenedFields"]).unwrap_or(true),
                partial: false,
            },
            _ => Parser::Apsara {
                zone_offset_seconds: read_zone_text(fields, &["Timezone"]),
                adjust_microtime: false,
            },
        }
    }

    fn read_overflow(&self) -> Overflow {
        match self.fields.text(&["OverflowedFieldsTreatment"]) {
            None => Overflow::Extend,
            Some((_, text)) if text == "extend" => Overflow::Extend,
            Some((_, text)) if text == "keep" => Overflow::Keep,
            Some((_, text)) if text == "discard" => Overflow::Discard,
            Some((key, text)) => {
                self.fields.report(
                    Problem::error(self.fields.path(key), format!("`{text}` is not known"))
                        .fix("write `extend`, `keep` or `discard`"),
                );
                Overflow::Extend
            }
        }
    }

    /// What becomes of records that do not parse, and the field that carries every record.
    fn read_remains(&self) -> (Unmatched, Option<String>) {
        let flag = |key: &'static str| self.fields.flag(&[key]).unwrap_or(false);
        let name = self
            .fields
            .text(&["RenamedSourceKey"])
            .map_or_else(|| CONTENT.to_owned(), |(_, name)| name);
        let unmatched = match (flag("KeepingSourceWhenParseFail"), flag("CopingRawLog")) {
            (false, _) => Unmatched::Drop,
            (true, true) => Unmatched::KeepRaw,
            (true, false) => Unmatched::KeepAs(name.clone()),
        };
        (unmatched, flag("KeepingSourceWhenParseSucceed").then_some(name))
    }

    fn read_time(&self) -> Option<TimeRule> {
        self.fields.check_keys(&[options::TIMESTAMP]);
        Some(TimeRule {
            key: self.needed("SourceKey", "the field that holds the time"),
            format: self.needed("SourceFormat", "its format, for example `%Y-%m-%d %H:%M:%S`"),
            zone_offset_seconds: read_zone_text(self.fields, &["SourceTimezone"]),
            year: read_year(self.fields, "SourceYear"),
        })
    }

    fn read_filter(&self, found: &mut Found<'_>) -> Vec<Filter> {
        let fields = self.fields;
        let mut filters = found.pairs(fields, &["FilterKey"], &["FilterRegex"]);
        filters.extend(found.members(fields, "Include"));
        if fields.object(&["ConditionExp"]).is_some() {
            if !filters.is_empty() {
                fields.report(
                    Problem::warning(
                        fields.path("ConditionExp"),
                        "holds together with `FilterKey` and `Include`",
                    )
                    .fix("say everything in `ConditionExp`"),
                );
            }
            filters.extend(found.expression(&fields.inner(&["ConditionExp"]), 0));
        }
        filters
    }

    /// A filter works on the fields as they were read, before anything is masked.
    fn check_masked(&self, filters: &[Filter], masks: &[Mask]) {
        let conditions = filters.iter().flat_map(Filter::fields);
        let masked = conditions
            .filter_map(|condition| masks.iter().find(|mask| mask.key == condition.key))
            .next();
        if let Some(mask) = masked {
            self.fields.report(
                Problem::error(
                    self.fields.path("Type"),
                    format!("looks at `{}`, which was made unreadable before", mask.key),
                )
                .fix("put the filter before `processor_desensitize_native`"),
            );
        }
    }

    fn read_mask(&self) -> Option<Mask> {
        self.fields.check_keys(&[options::DESENSITIZE]);
        let method = match self.fields.text(&["Method"]) {
            Some((_, kind)) if kind == "md5" => MaskMethod::Md5,
            None => MaskMethod::Const(self.needed("ReplacingString", "the text to write instead")),
            Some((_, kind)) if kind == "const" => {
                MaskMethod::Const(self.needed("ReplacingString", "the text to write instead"))
            }
            Some((key, kind)) => {
                self.fields.report(
                    Problem::error(self.fields.path(key), format!("`{kind}` is not a method"))
                        .fix("write `const` or `md5`"),
                );
                return None;
            }
        };
        Some(Mask {
            key: self.needed("SourceKey", "the field"),
            method,
            before: self.needed("ContentPatternBeforeReplacedString", "what stands before"),
            content: self.needed("ReplacedContentPattern", "a pattern of what is replaced"),
            all: self.fields.flag(&["ReplacingAll"]).unwrap_or(true),
        })
    }

    fn names(&self, of: &str) -> Vec<String> {
        match self.fields.texts(&["Keys"]) {
            Some((key, names)) => {
                check_names(self.fields, key, &names);
                names
            }
            None => {
                self.fields.report(
                    Problem::error(self.fields.path("Keys"), "is missing")
                        .fix(format!("name {of}")),
                );
                Vec::new()
            }
        }
    }

    /// A text that must be there; empty when it is not, which is reported.
    fn needed(&self, key: &'static str, what: &str) -> String {
        if let Some((_, text)) = self.fields.text(&[key]) {
            return text;
        }
        self.fields.report(
            Problem::error(self.fields.path(key), "is missing").fix(format!("give {what}")),
        );
        String::new()
    }
}

/// Says where the classic format's settings stand here.
fn note_places(steps: &[Step<'_, '_>], places: &mut Places) {
    let mut masks = 0;
    for step in steps {
        let mut note = |classic: String, own: &str| {
            places.0.insert(format!("inputDetail.{classic}"), step.fields.path(own));
        };
        if step.is_parser() {
            note("logType".to_owned(), "Type");
            note("regex".to_owned(), "Regex");
            note("key".to_owned(), "Keys");
            note("separator".to_owned(), "Separator");
            note("quote".to_owned(), "Quote");
            note("discardUnmatch".to_owned(), "KeepingSourceWhenParseFail");
            note("enableRawLog".to_owned(), "KeepingSourceWhenParseSucceed");
        }
        match step.kind.as_str() {
            "processor_parse_timestamp_native" => {
                note("timeKey".to_owned(), "SourceKey");
                note("timeFormat".to_owned(), "SourceFormat");
                note("logTimezone".to_owned(), "SourceTimezone");
                note("advanced.specified_year".to_owned(), "SourceYear");
            }
            "processor_filter_regex_native" => {
                note("advanced.filter_expression".to_owned(), "ConditionExp");
            }
            "processor_desensitize_native" => {
                for (classic, own) in [
                    ("key", "SourceKey"),
                    ("regex_begin", "ContentPatternBeforeReplacedString"),
                    ("regex_content", "ReplacedContentPattern"),
                ] {
                    note(format!("sensitive_keys[{masks}].{classic}"), own);
                }
                masks += 1;
            }
            _ => {}
        }
    }
    if let Some(step) = steps.iter().find(|step| step.kind == "processor_desensitize_native") {
        places.0.insert("inputDetail.sensitive_keys".to_owned(), step.fields.path("Type"));
    }
}
