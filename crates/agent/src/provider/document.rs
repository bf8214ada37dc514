//! A document that holds a configuration, of either format, becomes what a provider offers.

use jiff::tz::TimeZone;
use sls::collect::manifest::{Diagnostic, Document, Subject, verify};
use sls::collect::{CollectConfig, Severity, Target};

/// What a document says.
pub(super) struct Read {
    /// As in [`Offer`](super::Offer).
    pub(super) config: Result<Option<CollectConfig>, String>,
    /// As in [`Offer`](super::Offer).
    pub(super) warnings: Vec<String>,
}

/// Reads one document of `text`; `None` if it is about something else. `shown` is the file that
/// messages name, with line and column; without it they do not.
pub(super) fn read(
    document: &Document,
    text: &str,
    target: &Target,
    local_zone: &TimeZone,
    shown: Option<&str>,
) -> Option<Read> {
    let compile = |config: &CollectConfig| pipeline::plan::compile(config, local_zone).problems;
    let verdict = verify(document, text, target, &compile);
    if matches!(verdict.subject, Some(Subject::Other { .. })) {
        return None;
    }
    let lines = |severity| -> Vec<String> {
        let those = verdict.diagnostics.iter().filter(|it| it.severity == severity);
        those.map(|diagnostic| line(shown, text, diagnostic)).collect()
    };
    let warnings = lines(Severity::Warning);
    let config = match verdict.config {
        Some(config) => Ok(Some(config)),
        None if verdict.is_off => Ok(None),
        None => Err(lines(Severity::Error).join("\n  ")),
    };
    Some(Read { config, warnings })
}

/// `file:line:column: what is wrong; what to write instead`.
fn line(shown: Option<&str>, text: &str, diagnostic: &Diagnostic) -> String {
    let (line, column) = diagnostic.position(text);
    let help = diagnostic.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    let place = match shown {
        Some(file) => format!("{file}:{line}:{column}: "),
        None if text.trim_end().contains('\n') => format!("{line}:{column}: "),
        None => String::new(),
    };
    format!("{place}{}{help}", diagnostic.message)
}
