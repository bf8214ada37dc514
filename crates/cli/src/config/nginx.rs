//! `sidetail config nginx`: what to write into a configuration for a `log_format` of nginx.

use std::fmt::Write as _;
use std::io::Write;

use pipeline::parse::nginx::{NginxFormat, nginx_format};

use crate::exit::{Exit, Failure};

/// Prints the keys of `inputDetail` that read the lines of `format`.
pub(super) fn run(format: &str, out: &mut dyn Write) -> Result<Exit, Failure> {
    let format = nginx_format(format).map_err(|error| Failure::Usage(error.to_string()))?;
    out.write_all(fragment(&format).as_bytes())
        .map_err(|source| Failure::io("cannot write to standard output", source))?;
    Ok(Exit::Done)
}

fn fragment(format: &NginxFormat) -> String {
    let NginxFormat::Regex { pattern, keys, time } = format else {
        return "logType: json_log\n".to_owned();
    };
    let mut text = format!("logType: common_reg_log\nregex: {}\nkey:\n", quoted(pattern));
    for key in keys {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  - {key}");
    }
    if let Some((key, format)) = time {
        let _ = writeln!(text, "timeKey: {key}\ntimeFormat: {}", quoted(format));
    }
    text
}

/// A scalar of YAML in which nothing but the quote itself means anything.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use pipeline::parse::{LogTime, Outcome, RegexParser};
    use rand::SeedableRng;
    use sls::collect::manifest;
    use sls::log_group::LogGroupWriter;

    use super::*;
    use crate::config::verify;
    use crate::generate::{Access, Facts, Render, Rng};

    /// The format of the generator's lines, with a quote that YAML has to keep.
    const FORMAT: &str = r#"log_format main '$time_iso8601 $remote_addr - - "$request" $request_time '
        '$request_length $status $body_bytes_sent "$http_referer" "$http_user_agent" '
        '"$http_x_forwarded_for"';"#;

    #[test]
    fn the_fragment_is_a_configuration_that_reads_every_line_in_one_pass() {
        let mut out = Vec::new();
        run(FORMAT, &mut out).unwrap();
        let fragment = String::from_utf8(out).unwrap();
        let indented = fragment.replace('\n', "\n  ");
        let text = format!(
            "configName: nginx\ninputType: file\noutputDetail: {{projectName: p, logstoreName: l}}\n\
             inputDetail:\n  logPath: /var/log\n  filePattern: a.log\n  {indented}\n"
        );
        let documents = manifest::read(&text);
        let verdict = verify(&documents[0], &text, "a.yaml", 0);
        assert!(verdict.diagnostics.is_empty(), "{:?}", verdict.diagnostics);
        let config = verdict.config.expect("is right");
        let sls::collect::Parser::Regex { pattern, keys, .. } = &config.parser else {
            panic!("{:?}", config.parser)
        };
        assert!(RegexParser::new(pattern, keys).unwrap().is_split(), "{pattern}");
        let mut parser =
            pipeline::plan::compile(&config, &TimeZone::UTC).plan.expect("compiles").parser;
        let (mut rng, mut access) = (Rng::seed_from_u64(1), Access::default());
        let now = LogTime { seconds: 0, nanos: None };
        let mut group = LogGroupWriter::new();
        for second in 0..2000 {
            let mut line = Vec::new();
            let unix_millis = 1_700_000_000_000 + second * 1000;
            access.render(&mut rng, &Facts { unix_millis, number: None }, &mut line);
            let outcome = parser.record(line.trim_ascii_end(), now, &mut group);
            assert_eq!(outcome, Outcome::Parsed, "{}", String::from_utf8_lossy(&line));
        }
    }

    #[test]
    fn a_fragment_is_shown() {
        let format = nginx_format("[$time_local] '$status'").unwrap();
        assert_eq!(
            fragment(&format),
            "logType: common_reg_log\n\
             regex: '\\[([^\\]]*)\\] ''([^\\s'']*)''.*'\n\
             key:\n  - time_local\n  - status\n\
             timeKey: time_local\ntimeFormat: '%d/%b/%Y:%H:%M:%S'\n"
        );
        assert_eq!(fragment(&NginxFormat::Json), "logType: json_log\n");
    }
}
