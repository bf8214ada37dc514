//! A problem with its place in a file, printed the way compilers print theirs.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use serde_json::{Value, json};

use super::super::{Part, Problem, Severity};
use super::Node;

/// Something to say about a place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the document is refused for it.
    pub severity: Severity,
    /// Path of the field in the document; empty when the text could not be read at all.
    pub field: String,
    /// What about the field is wrong.
    pub part: Part,
    /// What is wrong.
    pub message: String,
    /// The bytes of the file to point at.
    pub range: Range<usize>,
    /// Words beside the place.
    pub label: Option<String>,
    /// Other places that matter, with words beside them.
    pub related: Vec<(Range<usize>, String)>,
    /// What to write instead.
    pub help: Option<String>,
    /// The change of the file that does it.
    pub repair: Option<Repair>,
}

/// A change of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The bytes to replace.
    pub range: Range<usize>,
    /// What to put there.
    pub text: String,
}

/// Whether diagnostics are printed in colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colors {
    /// Text only, for files and tests.
    Never,
    /// With terminal sequences.
    Always,
}

/// Wider than any terminal: a line that is cut in the middle cannot be compared or copied.
const WIDTH_COLUMNS: usize = 1000;

impl Diagnostic {
    /// The diagnostic for a problem whose field is relative to `prefix` (such as
    /// `spec.logtailConfig.`) in a document.
    pub fn of_problem(problem: &Problem, prefix: &str, document: &Node, text: &str) -> Self {
        let field = match problem.field.as_str() {
            "" => prefix.trim_end_matches('.').to_owned(),
            field => format!("{prefix}{field}"),
        };
        let found = document.find(&field, problem.part);
        let message = match field.as_str() {
            "" => problem.what.clone(),
            field => format!("{field}: {}", problem.what),
        };
        let repair = problem
            .replacement
            .as_ref()
            .filter(|_| found.exact)
            .map(|replacement| repair(found.range.clone(), replacement, problem.part, text));
        Self {
            severity: problem.severity,
            field,
            part: problem.part,
            message,
            range: found.range,
            label: None,
            related: Vec::new(),
            help: problem.fix.clone(),
            repair,
        }
    }

    /// Line and column of the place, both counted from 1, columns in characters.
    pub fn position(&self, text: &str) -> (usize, usize) {
        let before = &text[..self.range.start.min(text.len())];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The lines that the repair touches, as they should read.
    pub fn corrected_line(&self, text: &str) -> Option<String> {
        let repair = self.repair.as_ref()?;
        let start = text[..repair.range.start].rfind('\n').map_or(0, |at| at + 1);
        let end =
            text[repair.range.end..].find('\n').map_or(text.len(), |at| repair.range.end + at);
        let mut line = text[start..end].to_owned();
        line.replace_range(repair.range.start - start..repair.range.end - start, &repair.text);
        Some(line)
    }

    /// What a person reads: the message, the place as `file:line:column` with the source line and
    /// a caret, what to write instead and, where that is known, the corrected line.
    pub fn render(&self, file: &str, text: &str, colors: Colors) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut place = AnnotationKind::Primary.span(self.range.clone());
        if let Some(label) = &self.label {
            place = place.label(label.as_str());
        }
        let others = self.related.iter().map(|(range, label)| {
            AnnotationKind::Context.span(range.clone()).label(label.as_str())
        });
        let snippet =
            Snippet::source(text).path(file).fold(true).annotation(place).annotations(others);
        let mut main = level.primary_title(self.message.as_str()).element(snippet);
        let mut groups = Vec::new();
        match (&self.help, &self.repair) {
            (help, Some(repair)) => {
                let help = help.as_deref().unwrap_or("write this instead");
                let patch = Patch::new(repair.range.clone(), repair.text.as_str());
                let snippet = Snippet::source(text).path(file).fold(true).patch(patch);
                groups.push(main);
                groups.push(Group::with_title(Level::HELP.secondary_title(help)).element(snippet));
            }
            (Some(help), None) => {
                main = main.element(Level::HELP.message(help.as_str()));
                groups.push(main);
            }
            (None, None) => groups.push(main),
        }
        let renderer = match colors {
            Colors::Never => Renderer::plain(),
            Colors::Always => Renderer::styled(),
        };
        let mut rendered = renderer.term_width(WIDTH_COLUMNS).render(&groups);
        rendered.push('\n');
        rendered
    }

    /// What a program reads.
    pub fn to_json(&self, file: &str, text: &str) -> Value {
        let (line, column) = self.position(text);
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        json!({
            "file": file,
            "line": line,
            "column": column,
            "severity": severity,
            "field": self.field,
            "message": self.message,
            "help": self.help,
            "corrected": self.corrected_line(text),
        })
    }
}

/// Puts `replacement` in the place of the name or value at `range`, quoted where YAML needs it.
fn repair(range: Range<usize>, replacement: &str, part: Part, text: &str) -> Repair {
    let old = &text[range.clone()];
    let plain = !replacement.is_empty()
        && replacement
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_/".contains(letter))
        && replacement.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let mut new = match part {
        Part::Name => replacement.to_owned(),
        Part::Value if plain && !old.contains(['"', '\'']) => replacement.to_owned(),
        Part::Value => Value::from(replacement).to_string(),
    };
    if text[..range.start].ends_with(',') {
        new.insert(0, ' ');
    }
    Repair { range, text: new }
}
