//! Topic, source and tags of a log group (`agent` 5.2).

use crate::parse::{Engine, Match, PatternError};
use sls::collect::{EnvTags, TagRules, Topic};
use sls::log_group::LogGroupWriter;

/// What is the same for every batch of one agent, fixed at its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentLabels {
    /// `__source__`: the agent's address.
    pub source: String,
    /// `__hostname__`.
    pub hostname: String,
    /// `__user_defined_id__`: the machine groups the agent belongs to, sorted.
    pub user_defined_ids: Vec<String>,
    /// Tags from environment variables, by the name of the variable.
    pub env: Vec<(String, String)>,
}

/// How topic and tags of a configuration are made, with its pattern compiled.
#[derive(Clone, Debug)]
pub struct LabelRule {
    topic: Rule,
    tags: TagRules,
}

/// Name and value.
type Tag = (String, Vec<u8>);

#[derive(Clone, Debug)]
enum Rule {
    Fixed(String),
    Path,
    PathWithoutSuffix,
    Groups(Engine),
}

impl LabelRule {
    /// Compiles the rule.
    pub fn new(topic: &Topic, tags: &TagRules) -> Result<Self, PatternError> {
        let topic = match topic {
            // Who hands out the configuration has put the group's topic here, if it has one.
            Topic::None | Topic::Group => Rule::Fixed(String::new()),
            Topic::Path => Rule::Path,
            Topic::Fixed(text) => Rule::Fixed(text.clone()),
            Topic::FromPath(pattern) => Rule::Groups(Engine::whole(pattern)?),
        };
        Ok(Self { topic, tags: tags.clone() })
    }

    /// A topic that is the path loses the suffix of the file's name, as Apsara logs have it.
    #[must_use]
    pub(crate) fn without_suffix(mut self) -> Self {
        if matches!(self.topic, Rule::Path) {
            self.topic = Rule::PathWithoutSuffix;
        }
        self
    }

    /// The tags of a file's batches, those of the topic's groups between the others.
    fn tags(&self, agent: &AgentLabels, file: LabelledFile<'_>, of_topic: Vec<Tag>) -> Vec<Tag> {
        let ids = agent.user_defined_ids.join(" ");
        let inode = file.inode.to_string();
        let named = [
            (self.tags.hostname.as_ref(), cut(agent.hostname.as_bytes(), 99)),
            (self.tags.path.as_ref(), cut(file.path, 511)),
            (self.tags.inode.as_ref(), inode.as_bytes()),
            (
                self.tags.user_defined_id.as_ref().filter(|_| !ids.is_empty()),
                cut(ids.as_bytes(), 99),
            ),
        ];
        let named =
            named.into_iter().filter_map(|(name, value)| Some((name?.clone(), value.to_vec())));
        let env = agent.env.iter().filter_map(|(name, value)| {
            let name = match &self.tags.env {
                EnvTags::All => name,
                EnvTags::Only(names) => names.get(name)?,
            };
            Some((name.clone(), value.clone().into_bytes()))
        });
        named.chain(of_topic).chain(env).collect()
    }

    /// The topic of a file, and the tags that named groups of the pattern make.
    pub(crate) fn topic(&self, path: &[u8]) -> (Vec<u8>, Vec<Tag>) {
        match &self.topic {
            Rule::Fixed(text) => (text.clone().into_bytes(), Vec::new()),
            Rule::Path => (path.to_owned(), Vec::new()),
            Rule::PathWithoutSuffix => (without_suffix(path).to_owned(), Vec::new()),
            Rule::Groups(engine) => {
                let mut engine = engine.clone();
                let mut slots = vec![0; engine.groups() * 2];
                let path = without_rotation(path);
                if engine.captures(path, &mut slots) != Match::Yes {
                    return (Vec::new(), Vec::new());
                }
                let values: Vec<&[u8]> =
                    slots.chunks_exact(2).map(|slot| &path[slot[0]..slot[1]]).collect();
                let tags = engine
                    .group_names()
                    .zip(&values)
                    .filter_map(|(name, value)| Some((name?.to_owned(), value.to_vec())))
                    .collect();
                (values.join(&b'_'), tags)
            }
        }
    }
}

/// A path without what stands behind the last dot of its file name, nor a `.log` in front of that.
fn without_suffix(path: &[u8]) -> &[u8] {
    let last = |bytes: &[u8], wanted| bytes.iter().rposition(|byte| *byte == wanted);
    let name = last(path, b'/').map_or(0, |slash| slash + 1);
    let path = last(&path[name..], b'.').map_or(path, |dot| &path[..name + dot]);
    match path.len().checked_sub(".log".len()) {
        Some(at) if path[at..].eq_ignore_ascii_case(b".log") => &path[..at],
        _ => path,
    }
}

/// A rotated file has the topic of the one it was.
fn without_rotation(path: &[u8]) -> &[u8] {
    match path {
        [.., b'.', b'1'..=b'8'] => &path[..path.len() - 2],
        _ => path,
    }
}

/// A file, as labels know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelledFile<'a> {
    /// The path as the configuration names it. File names need not be UTF-8.
    pub path: &'a [u8],
    /// Its inode.
    pub inode: u64,
}

/// What is the same for every batch of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLabels {
    topic: Vec<u8>,
    source: String,
    tags: Vec<Tag>,
    pack_prefix: u64,
    next_pack: u64,
}

impl FileLabels {
    /// `pack_prefix` tells the packs of this file from those of every other.
    pub fn new(
        agent: &AgentLabels,
        rule: &LabelRule,
        file: LabelledFile<'_>,
        pack_prefix: u64,
    ) -> Self {
        let (topic, of_topic) = rule.topic(file.path);
        let tags = rule.tags(agent, file, of_topic);
        Self { topic, source: agent.source.clone(), tags, pack_prefix, next_pack: 0 }
    }

    /// Completes a group with topic, source and tags, and the next pack id.
    pub fn write(&mut self, group: &mut LogGroupWriter) {
        group.topic(&self.topic);
        group.source(self.source.as_bytes());
        for (key, value) in &self.tags {
            group.tag(key.as_bytes(), value);
        }
        let pack = format!("{:016X}-{:X}", self.pack_prefix, self.next_pack);
        group.tag(b"__pack_id__", pack.as_bytes());
        self.next_pack += 1;
    }
}

/// The longest start of `text` that has at most `max_bytes` and, where it is UTF-8, ends with a whole
/// character.
fn cut(text: &[u8], max_bytes: usize) -> &[u8] {
    if text.len() <= max_bytes {
        return text;
    }
    // Of a character that is cut, at most three bytes stand in front of the first one left out.
    let within = |back: &usize| text.get(max_bytes - back).is_some_and(|byte| byte & 0xc0 != 0x80);
    let back = (0..=max_bytes.min(3)).find(within).unwrap_or(0);
    &text[..max_bytes - back]
}

#[cfg(test)]
mod tests {
    use super::*;
    use sls::log_group::LogGroup;

    fn agent() -> AgentLabels {
        AgentLabels {
            source: "10.1.2.3".into(),
            hostname: "pod-1".into(),
            user_defined_ids: vec!["a".into(), "b".into()],
            env: vec![("_pod_name_".into(), "nginx".into()), ("_empty_".into(), String::new())],
        }
    }

    fn labels(topic: Topic, path: &str) -> FileLabels {
        let rule = LabelRule::new(&topic, &TagRules::default()).unwrap();
        FileLabels::new(&agent(), &rule, LabelledFile { path: path.as_bytes(), inode: 7 }, 0xab)
    }

    fn texts(tags: &[Tag]) -> Vec<(&str, &str)> {
        tags.iter().map(|(key, value)| (key.as_str(), str::from_utf8(value).unwrap())).collect()
    }

    #[track_caller]
    fn check_tags(rules: TagRules, expected: &[(&str, &str)]) {
        let rule = LabelRule::new(&Topic::FromPath(r"/(?P<app>\w+)/.*".into()), &rules).unwrap();
        let file = LabelledFile { path: b"/a/b.log", inode: 7 };
        let labels = FileLabels::new(&agent(), &rule, file, 1);
        assert_eq!(texts(&labels.tags), expected);
    }

    #[test]
    fn tags_are_renamed_and_left_out_as_the_configuration_says() {
        check_tags(
            TagRules {
                hostname: Some("host".into()),
                user_defined_id: None,
                path: Some("log.path".into()),
                inode: Some("ino".into()),
                env: EnvTags::Only([("_pod_name_".into(), "pod".into())].into()),
                ..TagRules::default()
            },
            &[
                ("host", "pod-1"),
                ("log.path", "/a/b.log"),
                ("ino", "7"),
                ("app", "a"),
                ("pod", "nginx"),
            ],
        );
        check_tags(
            TagRules {
                hostname: None,
                path: None,
                env: EnvTags::Only([("_absent_".into(), "x".into())].into()),
                ..TagRules::default()
            },
            &[("__user_defined_id__", "a b"), ("app", "a")],
        );
    }

    #[test]
    fn a_group_carries_agent_file_and_pack() {
        let mut labels = labels(Topic::Path, "/var/log/a.log");
        let mut group = LogGroupWriter::new();
        labels.write(&mut group);
        let read = LogGroup::parse(group.as_bytes()).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(text(read.topic()), "/var/log/a.log");
        assert_eq!(text(read.source()), "10.1.2.3");
        let tags: Vec<String> =
            read.tags().map(|(key, value)| format!("{}={}", text(key), text(value))).collect();
        assert_eq!(
            tags,
            [
                "__hostname__=pod-1",
                "__path__=/var/log/a.log",
                "__user_defined_id__=a b",
                "_pod_name_=nginx",
                "_empty_=",
                "__pack_id__=00000000000000AB-0",
            ]
        );
        group.clear();
        labels.write(&mut group);
        let read = LogGroup::parse(group.as_bytes()).unwrap();
        assert_eq!(text(read.tags().last().unwrap().1), "00000000000000AB-1");
    }

    fn check(topic: Topic, path: &str, expected: &str, tags: &[(&str, &str)]) {
        let rule = LabelRule::new(&topic, &TagRules::default()).unwrap();
        let (topic, found) = rule.topic(path.as_bytes());
        assert_eq!(topic, expected.as_bytes());
        assert_eq!(texts(&found), tags);
    }

    #[test]
    fn the_topic_follows_its_rule() {
        let pattern = |text: &str| Topic::FromPath(text.into());
        check(Topic::None, "/a/b", "", &[]);
        check(Topic::Fixed("x".into()), "/a/b", "x", &[]);
        check(pattern(r"/data/(\w+)/.*"), "/data/app/x.log", "app", &[]);
        check(pattern(r"/(\w+)/(\w+)\.log"), "/a/b.log.3", "a_b", &[]);
        check(pattern(r"/(?P<app>\w+)/.*"), "/a/b.log", "a", &[("app", "a")]);
        check(pattern(r"/nothing/(.*)"), "/a/b", "", &[]);
    }

    #[test]
    fn a_suffix_is_of_the_file_and_not_of_its_directories() {
        for (path, expected) in [
            ("/a/b.log", "/a/b"),
            ("/a/b.LOG.20240101", "/a/b"),
            ("/a/b.txt", "/a/b"),
            ("/a.d/b", "/a.d/b"),
            ("/a/日志.日", "/a/日志"),
            ("/a/.log", "/a/"),
        ] {
            assert_eq!(without_suffix(path.as_bytes()), expected.as_bytes(), "{path}");
        }
    }

    #[test]
    fn only_the_suffix_of_a_rotation_is_no_part_of_what_a_topic_is_made_from() {
        for (path, expected) in [
            ("/a.log", "a"),
            ("/a.log.1", "a"),
            ("/a.log.8", "a"),
            ("/a.log.9", ""),
            ("/a.log.0", ""),
            ("/a.log.11", ""),
        ] {
            check(Topic::FromPath(r"/(\w+)\.log".into()), path, expected, &[]);
        }
        // Groups without a part are empty, a pattern without groups gives nothing.
        check(Topic::FromPath(r"/(x)?(\w+)".into()), "/a", "_a", &[]);
        check(Topic::FromPath(r"/\w+".into()), "/a", "", &[]);
        let named = Topic::FromPath(r"/(?P<k>\w+)/(\w+)/(?<l>\w+)".into());
        check(named, "/a/b/c", "a_b_c", &[("k", "a"), ("l", "c")]);
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let path = format!("/{}", "é".repeat(400));
        let labels = labels(Topic::None, &path);
        assert_eq!(labels.tags[1].1.len(), 511);
        let long = "é".repeat(60);
        let agent = AgentLabels {
            hostname: long.clone(),
            user_defined_ids: vec![long.clone(), long],
            ..agent()
        };
        let rule = LabelRule::new(&Topic::None, &TagRules::default()).unwrap();
        let file = LabelledFile { path: b"/a", inode: 1 };
        let tags = rule.tags(&agent, file, Vec::new());
        assert_eq!((tags[0].1.len(), tags[2].1.len()), (98, 98));
        assert_eq!(cut(&[0x80; 9], 8), [0x80; 8], "no UTF-8 has no characters");
    }

    #[test]
    fn a_path_that_is_not_utf_8_goes_out_as_it_is() {
        let path = b"/a/\xc8\xd5/x.log.1";
        let file = LabelledFile { path, inode: 1 };
        let rule = LabelRule::new(&Topic::Path, &TagRules::default()).unwrap();
        let labels = FileLabels::new(&agent(), &rule, file, 1);
        assert_eq!(labels.topic, path);
        assert_eq!(labels.tags[1], ("__path__".to_owned(), path.to_vec()));
        let pattern = Topic::FromPath(r"/a/(?P<app>[^/]+)/.*".into());
        let rule = LabelRule::new(&pattern, &TagRules::default()).unwrap();
        let value = b"\xc8\xd5".to_vec();
        assert_eq!(rule.topic(path), (value.clone(), vec![("app".to_owned(), value)]));
    }
}
