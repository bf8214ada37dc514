//! `sidetail config check`.

use std::io::Write;
use std::path::PathBuf;

use sls::collect::Severity;
use sls::collect::manifest::{self, Colors, Subject};

use super::{CheckOutput, read_text, verify};
use crate::exit::{Exit, Failure};

/// What was found in all files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Tally {
    configs: usize,
    errors: usize,
    warnings: usize,
}

/// Checks all files; problems are found when there is an error in any.
pub(super) fn run(
    files: &[PathBuf],
    output: CheckOutput,
    colors: Colors,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let mut tally = Tally::default();
    for file in files {
        let text = read_text(file)?;
        let name = file.display().to_string();
        check_text(&name, &text, output, colors, out, &mut tally)
            .map_err(|source| Failure::io("cannot write to standard output", source))?;
    }
    let _ = writeln!(std::io::stderr(), "{}", summary(tally));
    Ok(if tally.errors > 0 { Exit::ProblemsFound } else { Exit::Done })
}

fn check_text(
    name: &str,
    text: &str,
    output: CheckOutput,
    colors: Colors,
    out: &mut dyn Write,
    tally: &mut Tally,
) -> std::io::Result<()> {
    for (number, document) in manifest::read(text).iter().enumerate() {
        let verdict = verify(document, text, name, number);
        let is_config = matches!(verdict.subject, Some(Subject::Resource(_) | Subject::Config(_)));
        tally.configs += usize::from(is_config);
        for diagnostic in &verdict.diagnostics {
            match diagnostic.severity {
                Severity::Error => tally.errors += 1,
                Severity::Warning => tally.warnings += 1,
            }
            match output {
                CheckOutput::Text => writeln!(out, "{}", diagnostic.render(name, text, colors))?,
                CheckOutput::Json => writeln!(out, "{}", diagnostic.to_json(name, text))?,
            }
        }
    }
    Ok(())
}

fn summary(tally: Tally) -> String {
    let count = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    };
    format!(
        "{} checked: {}, {}",
        count(tally.configs, "configuration"),
        count(tally.errors, "error"),
        count(tally.warnings, "warning")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, output: CheckOutput) -> (String, Tally) {
        let mut out = Vec::new();
        let mut tally = Tally::default();
        check_text("access.yaml", text, output, Colors::Never, &mut out, &mut tally).unwrap();
        (String::from_utf8(out).unwrap(), tally)
    }

    #[test]
    fn the_broken_example_is_answered_with_its_repair() {
        let text = include_str!("../../../../examples/nginx-sidecar-broken/access.yaml");
        let (said, tally) = check(text, CheckOutput::Text);
        assert_eq!(tally, Tally { configs: 1, errors: 1, warnings: 1 });
        insta::assert_snapshot!(said);
        // Its page shows exactly this.
        let page = include_str!("../../../../examples/nginx-sidecar-broken/README.md");
        assert!(page.contains(said.trim_end()));
    }

    #[test]
    fn a_program_gets_line_column_and_the_corrected_line() {
        let text = include_str!("../../../../examples/nginx-sidecar-broken/access.yaml");
        let (said, _) = check(text, CheckOutput::Json);
        let first: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
        assert_eq!((first["line"].as_u64(), first["column"].as_u64()), (Some(22), Some(105)));
        assert!(
            first["corrected"].as_str().unwrap().ends_with(r#""response-size", "user-agent"]"#)
        );
    }

    #[test]
    fn the_corrected_examples_pass() {
        for text in [
            include_str!("../../../../examples/nginx-sidecar/access.yaml"),
            include_str!("../../../../examples/nginx-sidecar/error.yaml"),
        ] {
            let expected = Tally { configs: 1, ..Tally::default() };
            assert_eq!(check(text, CheckOutput::Text), (String::new(), expected));
        }
        assert_eq!(
            summary(Tally { configs: 1, errors: 0, warnings: 2 }),
            "1 configuration checked: 0 errors, 2 warnings"
        );
    }

    #[test]
    fn a_pattern_that_does_not_compile_is_an_error_at_its_place() {
        let text = include_str!("../../../../examples/nginx-sidecar/access.yaml");
        let (said, tally) =
            check(&text.replace(r"regex: '(\S+)", r"regex: '(\S+"), CheckOutput::Text);
        assert_eq!(tally.errors, 1, "{said}");
        assert!(said.contains("access.yaml:26:14"), "{said}");
    }
}
