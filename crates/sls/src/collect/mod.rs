//! The collection configuration: what a user writes to say which files an agent reads, how it
//! cuts them into fields and where they go.
//!
//! Two stages. [`RawCollectConfig`] is the document as it arrived, in the classic format
//! (camelCase or the agent's snake_case spelling, `agent` 2.1 and 2.2) or the pipeline format of
//! LoongCollector (2.4). [`check`] turns either into a
//! [`CollectConfig`] with every default resolved, or says *all* that is wrong with it, each
//! [`Problem`] with the field it is about and what to write instead.
//!
//! Patterns are carried as text: compiling them is the work of the `pipeline` crate, which adds
//! its own problems of the same type.

mod check;
mod checked;
mod filtering;
mod groups;
mod input;
#[cfg(feature = "manifest")]
pub mod manifest;
mod options;
mod parsing;
mod pipeline;
mod raw;

pub use check::check;
pub use checked::{
    BatchRule, Checked, CollectConfig, Destination, Encoding, EnvTags, Exclusions, FieldFilter,
    FileInput, Filter, Framing, Mask, MaskMethod, MergeBy, Overflow, Parser, PathRule, Places,
    PreciseTime, PreciseUnit, RegexRule, SendRate, ShardHashKey, TagRules, TimeRule, Topic,
    Unmatched, UnmatchedLines,
};
pub use groups::groups;
pub use options::reference;
pub use raw::{RawCollectConfig, Target};

/// How much a [`Problem`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration runs; part of it has no effect or probably not the wanted one.
    Warning,
    /// The configuration is refused.
    Error,
}

/// Which part of a field a [`Problem`] is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// Its value, or that it has none.
    #[default]
    Value,
    /// Its name: nothing of this name is known here.
    Name,
}

/// Something wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether the configuration is refused for it.
    pub severity: Severity,
    /// Path of the field inside the configuration object, such as `inputDetail.key[9]`; empty for
    /// the object itself. Always in the spelling that the user wrote.
    pub field: String,
    /// What about the field is wrong.
    pub part: Part,
    /// What is wrong, naming the value.
    pub what: String,
    /// What to write instead, where we know.
    pub fix: Option<String>,
    /// The text to put in the place of the field's name or value, where that is the whole fix.
    pub replacement: Option<String>,
}

impl Problem {
    /// A problem for which the configuration is refused.
    pub fn error(field: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            field: field.into(),
            part: Part::Value,
            what: what.into(),
            fix: None,
            replacement: None,
        }
    }

    /// A problem with which the configuration runs.
    pub fn warning(field: impl Into<String>, what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(field, what) }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Adds the text that repairs the field's value, or its name in a problem about that.
    #[must_use]
    pub fn replacement(mut self, text: impl Into<String>) -> Self {
        self.replacement = Some(text.into());
        self
    }

    /// Makes this a problem about the field's name.
    #[must_use]
    pub fn about_name(mut self) -> Self {
        self.part = Part::Name;
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.what)?;
        match &self.fix {
            Some(fix) => write!(f, "; {fix}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
