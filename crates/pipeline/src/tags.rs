//! Topic, source and tags of a log group (`agent` 5.2).

use crate::parse::{Engine, Match, PatternError};
use sls::collect::Topic;
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

/// How `__topic__` is made, with its pattern compiled.
#[derive(Clone, Debug)]
pub struct TopicRule(Rule);

#[derive(Clone, Debug)]
enum Rule {
    Fixed(String),
    Path,
    Groups(Engine),
}

impl TopicRule {
    /// Compiles the rule.
    pub fn new(topic: &Topic) -> Result<Self, PatternError> {
        Ok(Self(match topic {
            // The attribute of the machine group comes with the closed control channel only.
            Topic::None | Topic::Group => Rule::Fixed(String::new()),
            Topic::Path => Rule::Path,
            Topic::Fixed(text) => Rule::Fixed(text.clone()),
            Topic::FromPath(pattern) => Rule::Groups(Engine::whole(pattern)?),
        }))
    }

    /// The topic of a file, and the tags that named groups of the pattern make.
    fn of(&self, path: &str) -> (String, Vec<(String, String)>) {
        match &self.0 {
            Rule::Fixed(text) => (text.clone(), Vec::new()),
            Rule::Path => (path.to_owned(), Vec::new()),
            Rule::Groups(engine) => {
                let mut engine = engine.clone();
                let mut slots = vec![0; engine.groups() * 2];
                let path = without_rotation(path);
                if engine.captures(path.as_bytes(), &mut slots) != Match::Yes {
                    return (String::new(), Vec::new());
                }
                let values: Vec<String> = slots
                    .chunks_exact(2)
                    .map(|slot| {
                        String::from_utf8_lossy(&path.as_bytes()[slot[0]..slot[1]]).into_owned()
                    })
                    .collect();
                let tags = engine
                    .group_names()
                    .zip(&values)
                    .filter_map(|(name, value)| Some((name?.to_owned(), value.clone())))
                    .collect();
                (values.join("_"), tags)
            }
        }
    }
}

/// A rotated file has the topic of the one it was.
fn without_rotation(path: &str) -> &str {
    match path.as_bytes() {
        [.., b'.', b'1'..=b'8'] => &path[..path.len() - 2],
        _ => path,
    }
}

/// What is the same for every batch of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLabels {
    topic: String,
    source: String,
    tags: Vec<(String, String)>,
    pack_prefix: u64,
    next_pack: u64,
}

impl FileLabels {
    /// `path` is the file as the configuration names it; `pack_prefix` tells the packs of this
    /// file from those of every other.
    pub fn new(agent: &AgentLabels, topic: &TopicRule, path: &str, pack_prefix: u64) -> Self {
        let (topic, topic_tags) = topic.of(path);
        let mut tags = vec![
            ("__hostname__".to_owned(), cut(&agent.hostname, 99).to_owned()),
            ("__path__".to_owned(), cut(path, 511).to_owned()),
        ];
        if !agent.user_defined_ids.is_empty() {
            let ids = agent.user_defined_ids.join(" ");
            tags.push(("__user_defined_id__".to_owned(), cut(&ids, 99).to_owned()));
        }
        tags.extend(topic_tags);
        tags.extend(agent.env.iter().cloned());
        Self { topic, source: agent.source.clone(), tags, pack_prefix, next_pack: 0 }
    }

    /// Completes a group with topic, source and tags, and the next pack id.
    pub fn write(&mut self, group: &mut LogGroupWriter) {
        group.topic(self.topic.as_bytes());
        group.source(self.source.as_bytes());
        for (key, value) in &self.tags {
            group.tag(key.as_bytes(), value.as_bytes());
        }
        let pack = format!("{:016X}-{:X}", self.pack_prefix, self.next_pack);
        group.tag(b"__pack_id__", pack.as_bytes());
        self.next_pack += 1;
    }
}

/// The longest start of `text` that has at most `max_bytes`.
fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
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
        FileLabels::new(&agent(), &TopicRule::new(&topic).unwrap(), path, 0xab)
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
        let (topic, found) = TopicRule::new(&topic).unwrap().of(path);
        assert_eq!(topic, expected);
        let found: Vec<_> = found.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(found, tags);
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
    fn long_values_are_cut_between_characters() {
        let path = format!("/{}", "é".repeat(400));
        let labels = labels(Topic::None, &path);
        assert_eq!(labels.tags[1].1.len(), 511);
    }
}
