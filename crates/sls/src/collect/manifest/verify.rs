//! Everything there is to say about a document, as the agent would see it.

use super::edits::Edited;
use super::names;
use super::{
    Body, CONFIG_PREFIX, Content, Diagnostic, Document, Node, Repair, Resource, Subject, read,
    subject,
};
use crate::api::heartbeat::split_wire_name;
use crate::collect::{CollectConfig, Parser, Problem, RawCollectConfig, Severity, Target, check};
use serde_json::Value;

/// What became of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Everything worth saying, in the order in which it was found.
    pub diagnostics: Vec<Diagnostic>,
    /// What the document is about; `None` when it could not be read.
    pub subject: Option<Subject>,
    /// The configuration, when there is one and no diagnostic is an error.
    pub config: Option<CollectConfig>,
    /// The document says that its configuration is not to run.
    pub is_off: bool,
}

impl Verdict {
    /// Whether the document is refused.
    pub fn is_refused(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Compiles a configuration as the agent will and gives the problems of that.
pub type Compile<'a> = &'a dyn Fn(&CollectConfig) -> Vec<Problem>;

/// Repairs are tried this often: each round can uncover mistakes behind those of the last.
const ROUNDS: usize = 3;

/// Verifies one document of `text`. `target` says what the document leaves out; of it an object
/// takes the project only.
///
/// When mistakes with a known repair keep the check from going on, it goes on with them repaired,
/// so that everything is said at once. The verdict is about the text as it is.
pub fn verify(document: &Document, text: &str, target: &Target, compile: Compile<'_>) -> Verdict {
    let node = match &document.body {
        Body::Tree(node) => node,
        Body::Unreadable(diagnostic) => {
            let diagnostics = vec![diagnostic.clone()];
            return Verdict { diagnostics, subject: None, config: None, is_off: false };
        }
    };
    let (subject, config, mut diagnostics, is_off) = look(document, node, text, target, compile);
    let mut seen: Vec<(String, String)> = diagnostics.iter().map(identity).collect();
    let mut repairs: Vec<Repair> =
        diagnostics.iter().filter_map(|diagnostic| diagnostic.repair.clone()).collect();
    if config.is_none() {
        for _ in 1..ROUNDS {
            let edited = Edited::new(text, repairs.iter().cloned());
            let found = look_again(document, &edited, target, compile);
            let new: Vec<Diagnostic> =
                found.into_iter().filter(|found| !seen.contains(&identity(found))).collect();
            if repairs.is_empty() || new.is_empty() {
                break;
            }
            seen.extend(new.iter().map(identity));
            // Later repairs include the earlier ones they touch, so they come first.
            let later = new.iter().filter_map(|diagnostic| diagnostic.repair.clone());
            repairs.splice(0..0, later);
            diagnostics.extend(new);
        }
    }
    let mut verdict = Verdict { diagnostics, subject: Some(subject), config, is_off };
    if verdict.is_refused() {
        verdict.config = None;
    }
    verdict
}

fn identity(diagnostic: &Diagnostic) -> (String, String) {
    (diagnostic.field.clone(), diagnostic.message.clone())
}

/// Verifies the edited text and points what is found into the original.
fn look_again(
    document: &Document,
    edited: &Edited,
    target: &Target,
    compile: Compile<'_>,
) -> Vec<Diagnostic> {
    let again = read(&edited.text);
    let same = again.iter().find(|other| other.range.start >= document.range.start);
    let Some(again @ Document { body: Body::Tree(node), .. }) = same else { return Vec::new() };
    let (_, _, found, _) = look(again, node, &edited.text, target, compile);
    found
        .into_iter()
        .map(|mut diagnostic| {
            diagnostic.range = edited.original_range(&diagnostic.range);
            for (range, _) in &mut diagnostic.related {
                *range = edited.original_range(range);
            }
            diagnostic.repair =
                diagnostic.repair.as_ref().map(|repair| edited.original_repair(repair));
            diagnostic
        })
        .collect()
}

fn look(
    document: &Document,
    node: &Node,
    text: &str,
    target: &Target,
    compile: Compile<'_>,
) -> (Subject, Option<CollectConfig>, Vec<Diagnostic>, bool) {
    let subject = match (&document.name, node.to_json()) {
        // What stands in `metrics` is a configuration, whatever it looks like.
        (Some(_), Value::Object(object)) => Subject::Config(RawCollectConfig(object)),
        (Some(_), _) => Subject::Config(RawCollectConfig::default()),
        (None, _) => subject(node),
    };
    let mut diagnostics = Vec::new();
    let no_problems = Vec::new();
    let (raw, target, prefix, problems) = match &subject {
        Subject::Other { .. } => return (subject, None, diagnostics, false),
        Subject::Config(raw) => (raw, of_document(document, target), "", &no_problems),
        Subject::Resource(resource) => {
            let Resource { config, problems, .. } = &**resource;
            (config, resource.target(target.project.as_deref()), CONFIG_PREFIX, problems)
        }
    };
    diagnostics
        .extend(problems.iter().map(|problem| Diagnostic::of_problem(problem, "", node, text)));
    let mut config = None;
    let mut is_off = false;
    // Without any configuration there is nothing to say about it but that it is missing.
    if !raw.0.is_empty() || document.name.is_some() {
        let checked = check(raw, &target);
        let mut problems = checked.problems;
        if let Some(checked) = &checked.config {
            problems.extend(compile(checked));
        }
        diagnostics.extend(problems.iter().map(|problem| {
            let mut diagnostic = Diagnostic::of_problem(problem, prefix, node, text);
            if let Some(config) = &checked.config
                && let Parser::Regex { pattern, keys, .. } = &config.parser
                && problem.field == config.places.shown("inputDetail.key")
            {
                explain_missing_name(&mut diagnostic, pattern, keys, node, text);
            }
            diagnostic
        }));
        config = checked.config;
        is_off = checked.is_off;
    }
    let refused = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    (subject, config.filter(|_| !refused), diagnostics, is_off && !refused)
}

/// What a configuration that stands in `metrics` is called there, with the project before a `$`.
fn of_document(document: &Document, target: &Target) -> Target {
    let Some(name) = &document.name else { return target.clone() };
    let (project, name) = match split_wire_name(name) {
        Some((project, name)) => (Some(project.to_owned()), name),
        None => (target.project.clone(), name.as_str()),
    };
    Target { project, name: Some(name.to_owned()), logstore: None }
}

/// Adds to the diagnostic about too few names which one is missing, the group it is for, and the
/// list with it.
fn explain_missing_name(
    diagnostic: &mut Diagnostic,
    pattern: &str,
    keys: &[String],
    node: &Node,
    text: &str,
) {
    let Some(missing) = names::missing_name(pattern, keys) else { return };
    let list_path = diagnostic.field.clone();
    let regex_path = format!("{}regex", list_path.strip_suffix("key").unwrap_or_default());
    let group = &crate::collect::groups(pattern)[missing.group - 1];
    let regex = node.find(&regex_path, crate::collect::Part::Value);
    // Inside single quotes the pattern stands as it is, unless it has a quote itself.
    if regex.exact && text.get(regex.range.start + 1..regex.range.end - 1) == Some(pattern) {
        let start = regex.range.start + 1;
        let label = format!("group {} has no name", missing.group);
        diagnostic.related.push((start + group.start..start + group.end, label));
    }
    diagnostic.help = Some(match &missing.reason {
        Some(reason) => format!("{reason}: add the name of group {}", missing.group),
        None => format!("add a name for group {} `{}`", missing.group, &pattern[group.clone()]),
    });
    let Some(Content::List(items)) = node.at(&list_path).map(|list| &list.content) else { return };
    diagnostic.repair = insertion(items, missing.index, &missing.name, text);
    if let Some(item) = items.get(missing.index) {
        diagnostic.range = item.range.clone();
        diagnostic.label = Some(format!("group {} would get this name", missing.group));
    }
}

/// Inserts a text into a YAML list, in the style that the list has.
fn insertion(items: &[Node], index: usize, name: &str, text: &str) -> Option<Repair> {
    let quoted = |item: &Node| text[item.range.clone()].starts_with(['"', '\'']);
    let name = if items.iter().any(quoted) { format!("\"{name}\"") } else { name.to_owned() };
    let neighbour = items.get(index).or(items.last())?;
    let line_start = text[..neighbour.range.start].rfind('\n').map_or(0, |at| at + 1);
    let lead = &text[line_start..neighbour.range.start];
    let is_block = lead.trim_start().starts_with('-') && lead.trim() == "-";
    let (at, new) = match (index < items.len(), is_block) {
        (true, true) => (neighbour.range.start, format!("{name}\n{lead}")),
        (true, false) => (neighbour.range.start, format!("{name}, ")),
        (false, true) => (neighbour.range.end, format!("\n{lead}{name}")),
        (false, false) => (neighbour.range.end, format!(", {name}")),
    };
    Some(Repair { range: at..at, text: new })
}
