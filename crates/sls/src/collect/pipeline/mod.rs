//! The pipeline format of LoongCollector to the same checked configuration (`agent` 2.4).
//!
//! The format chains plugins freely; what is run here is one parser, then time, filters and masks.
//! A chain that means the same is accepted in whatever order it is written, any other is refused
//! with the plugin that does not fit and what would.

mod flushers;
mod input;
mod processors;
#[cfg(test)]
mod tests;

use super::checked::{CollectConfig, EnvTags, Places, TagRules, Topic};
use super::raw::{Fields, Target};
use super::{Problem, check, options};
use serde_json::Value;

pub(super) fn read(top: &Fields<'_>, target: &Target) -> (Option<CollectConfig>, bool) {
    top.check_keys(&[options::TOP]);
    let is_off = top.flag(&["enable"]) == Some(false);
    let name = read_name(top, target);
    let global = top.inner(&["global"]);
    global.check_keys(&[options::GLOBAL]);
    let mut places = Places::default();
    let destinations = flushers::read(top, target, &mut places);
    let Some(mut input) = input::read(top, &mut places) else { return (None, is_off) };
    let chain = processors::read(top, &mut places);
    input.files.blank_non_utf8 = chain.blank_non_utf8;
    let tags = read_tags(&global, input.tags);
    let config = CollectConfig {
        name,
        destinations,
        input: input.files,
        framing: input.framing,
        parser: chain.parser,
        time: chain.time,
        nanoseconds: global.flag(&["EnableTimestampNanosecond"]).unwrap_or(false),
        precise_time: None,
        topic: read_topic(&global, &mut places),
        tags,
        filter: chain.filter,
        masks: chain.masks,
        unmatched: chain.unmatched,
        raw_field: chain.raw_field,
        priority: check::read_priority(&global, "Priority"),
        sample: top.text(&["logSample"]).map(|(_, text)| text),
        places,
    };
    (Some(config), is_off)
}

fn read_name(top: &Fields<'_>, target: &Target) -> String {
    if let Some((key, name)) = top.text(&["configName"]) {
        check::check_name(top, key, &name);
        return name;
    }
    target.name.clone().unwrap_or_else(|| {
        top.report(
            Problem::error("configName", "is missing, and the document has no file of its own")
                .fix("put it into a file that is called like the configuration"),
        );
        String::new()
    })
}

fn read_topic(global: &Fields<'_>, places: &mut Places) -> Topic {
    let kind = global.text(&["TopicType"]);
    let format = global.text(&["TopicFormat"]);
    let Some((kind_key, kind)) = kind else {
        if let Some((key, _)) = format {
            global.report(
                Problem::warning(global.path(key), "has no effect without `TopicType`")
                    .fix("say what kind of topic it is, for example `TopicType: custom`"),
            );
        }
        return Topic::None;
    };
    let missing = |what: &str| {
        global.report(
            Problem::error(
                global.path("TopicFormat"),
                format!("is missing beside `TopicType: {kind}`"),
            )
            .fix(format!("give {what}")),
        );
        Topic::None
    };
    match (kind.as_str(), format) {
        ("none", _) => Topic::None,
        ("default", _) => Topic::Path,
        ("machine_group_topic" | "machine_group" | "group_topic" | "global_topic", format) => {
            format.map_or(Topic::Group, |(_, text)| Topic::Fixed(text))
        }
        ("custom", Some((_, text))) => Topic::Fixed(text),
        ("custom", None) => missing("the topic"),
        ("filepath", Some((key, pattern))) => {
            places.0.insert("inputDetail.topicFormat".to_owned(), global.path(key));
            Topic::FromPath(pattern)
        }
        ("filepath", None) => missing("a pattern over the path"),
        _ => {
            global.report(
                Problem::error(global.path(kind_key), format!("`{kind}` is not a kind of topic"))
                    .fix("write `none`, `default`, `filepath`, `machine_group_topic` or `custom`"),
            );
            Topic::None
        }
    }
}

/// Completes the tags of the input with those that are the same for every input.
fn read_tags(global: &Fields<'_>, mut tags: TagRules) -> TagRules {
    let names = global.inner(&["PipelineMetaTagKey"]);
    names.check_keys(&[options::META_TAGS]);
    let defaults = TagRules::default();
    set_tag(&names, "HOST_NAME", &mut tags.hostname, defaults.hostname.as_deref());
    set_tag(&names, "AGENT_TAG", &mut tags.user_defined_id, defaults.user_defined_id.as_deref());
    if global.has("AgentEnvMetaTagKey") {
        let env = global.inner(&["AgentEnvMetaTagKey"]);
        let named = env.members().iter().filter_map(|(variable, name)| {
            let name = tag_name(&env, variable, name, Some(variable))?;
            Some((variable.clone(), name))
        });
        tags.env = EnvTags::Only(named.collect());
    }
    tags
}

/// Sets the name of a tag, if `key` says one.
fn set_tag(names: &Fields<'_>, key: &str, tag: &mut Option<String>, default: Option<&str>) {
    if let Some(value) = names.members().get(key) {
        *tag = tag_name(names, key, value, default);
    }
}

fn tag_name(names: &Fields<'_>, key: &str, value: &Value, default: Option<&str>) -> Option<String> {
    match value {
        Value::String(text) if text == "__default__" => default.map(str::to_owned),
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Null => default.map(str::to_owned),
        _ => {
            names.wrong_type(key, value, "a text");
            None
        }
    }
}
