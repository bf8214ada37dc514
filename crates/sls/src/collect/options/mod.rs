//! Every key that a configuration may carry, in both formats: one table, from which unknown keys
//! are told from known ones, keys without effect are reported, and the reference for users is
//! written ([`reference`]).
//!
//! Whoever gives a key its effect changes its [`Effect`] here, and the warning and the note in
//! the reference are gone.

mod classic;
mod nearest;
mod pipeline;
mod reference;

pub(super) use classic::{
    ADVANCED, AGENT_FORM, BLACKLIST, ENVELOPE, FILTER, INPUT_DETAIL, OUTPUT_DETAIL, SENSITIVE,
};
pub(super) use nearest::{nearest, nearest_usual_field};
pub(super) use pipeline::{
    APSARA, BATCH, DELIMITER, DESENSITIZE, FILTER_NATIVE, FLUSHER_SLS, GLOBAL, INPUT_FILE, JSON,
    META_TAGS, MULTILINE, REGEX, TAGS, TIMESTAMP, TOP,
};
pub use reference::reference;

/// A key and what it means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// The spelling of the console, the API and `AliyunLogConfig`; in the pipeline format the only
    /// one.
    pub(super) name: &'static str,
    /// The spelling of the agent's own files; the same as `name` where there is one only.
    pub(super) agent: &'static str,
    /// What may be written.
    pub(super) shape: &'static str,
    /// What holds when nothing is written.
    pub(super) default: &'static str,
    /// What it does.
    pub(super) meaning: &'static str,
    /// Whether it does that.
    pub(super) effect: Effect,
}

/// What comes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// What its meaning says.
    Full,
    /// Nothing, and nobody needs to know.
    Silent,
    /// Nothing, for this reason. The values listed ask for nothing.
    Never(&'static str, &'static [&'static str]),
}

// What is the same in both formats.
const PRIORITY: &str = "1 is served first, then 2 and 3, then 0, which is the usual: under load each \
                        gets twice of what the next one does, none gets nothing";
const DELAY_ALARM: &str = "unread bytes of a file from which on an alarm is raised, after a minute";
const DELAY_SKIP: &str = "unread bytes of a file beyond which the agent goes on at its end: what is \
                          between is lost, with an alarm, a counter and its range in the ledger";
const ROTATION: &str = "rotated files of one path that may wait behind the one being read; the next \
                        one is opened when there is room, with an alarm";
const CLOSE: &str = "how long a file that is read and has no news is held open; it is opened again \
                     when it has";
const GZIP: &str = "read also files that the rotation has compressed, each once and from its start, \
                    unless it was read before: `NAME.gz` where the pattern fits that or `NAME`; \
                    Sidetail's own key";
const ONE_FILE: &str = "has no effect: a batch holds the logs of one file, so that its bytes can be \
                        named to the service; the logs that arrive are the same";

const fn key(
    name: &'static str,
    agent: &'static str,
    shape: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key { name, agent, shape, default, meaning, effect: Effect::Full }
}

impl Key {
    const fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// Whether `name` is this key in one of its spellings.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name || self.agent == name
    }
}
