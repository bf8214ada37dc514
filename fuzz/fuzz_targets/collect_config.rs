//! Any document is a configuration or has problems that say why not; a checked one compiles or
//! has problems, too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sls::collect::{RawCollectConfig, Target, check, manifest};

fn compiles(config: &sls::collect::CollectConfig) -> Vec<sls::collect::Problem> {
    let compiled = pipeline::plan::compile(config, &jiff::tz::TimeZone::UTC);
    let refused =
        compiled.problems.iter().any(|problem| problem.severity == sls::collect::Severity::Error);
    assert_eq!(compiled.plan.is_none(), refused);
    compiled.problems
}

fuzz_target!(|text: &str| {
    if let Ok(raw) = RawCollectConfig::from_json(text) {
        let checked = check(&raw, &Target::default());
        let refused = checked.errors().next().is_some();
        assert_eq!(checked.config.is_none(), refused || checked.is_off);
        for problem in &checked.problems {
            assert!(!problem.to_string().is_empty());
        }
        if let Some(config) = &checked.config {
            compiles(config);
        }
    }
    for document in manifest::read(text) {
        let compile = |config: &sls::collect::CollectConfig| compiles(config);
        manifest::verify(&document, text, &Target::default(), &compile);
    }
});
