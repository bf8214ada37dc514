//! `sidetail put`: sends lines of a file or of standard input to a logstore.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use sls::api::put_logs::PutLogs;
use sls::compress::{Compression, compress};
use sls::log_group::LogGroupWriter;

use crate::exit::{Exit, Failure};
use crate::service::{Service, ServiceArgs};

/// What to send where.
#[derive(Debug, Clone, Args)]
pub struct PutArgs {
    #[command(flatten)]
    service: ServiceArgs,

    /// Project that the logstore is in.
    #[arg(long, short, env = "SIDETAIL_PROJECT", value_name = "NAME")]
    project: String,

    /// Logstore to write to.
    #[arg(long, short, env = "SIDETAIL_LOGSTORE", value_name = "NAME")]
    logstore: String,

    /// Topic of the lines.
    #[arg(long, default_value = "", value_name = "TEXT")]
    topic: String,

    /// File with the lines; standard input when it is left out or -.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// A request holds at most this much: less than the limits of the service (`sls-api` 2.3), so
/// that a single long line more still fits.
const GROUP_BYTES: usize = 1 << 20;
const GROUP_LOGS: usize = 4096;

/// Sends all lines, each as the field `content` with the present time. The order is kept. What was
/// sent before a failure stays sent; how much that is stands in the failure.
pub fn run(args: &PutArgs) -> Result<Exit, Failure> {
    let service = Service::open(&args.service, |name| std::env::var(name).ok())?;
    let from_stdin = args.file.as_deref().is_none_or(|file| file == std::path::Path::new("-"));
    let name = match &args.file {
        Some(file) if !from_stdin => file.display().to_string(),
        _ => "standard input".to_owned(),
    };
    let failed = |source| Failure::io(format!("cannot read {name}"), source);
    let input: Box<dyn BufRead> = match &args.file {
        Some(file) if !from_stdin => {
            Box::new(std::io::BufReader::new(std::fs::File::open(file).map_err(failed)?))
        }
        _ => Box::new(std::io::stdin().lock()),
    };
    let sent = send_lines(input, &args.topic, &mut |group, sent| {
        let raw = group.as_bytes();
        let put = PutLogs {
            logstore: args.logstore.clone(),
            body: compress(Compression::Lz4, raw).into(),
            raw_size: raw.len(),
            compression: Compression::Lz4,
            hash_key: None,
            span: None,
        };
        service.call(&args.project, &put, || {
            format!("write to logstore {} after {sent} lines were sent", args.logstore)
        })
    })
    .map_err(|stopped| match stopped {
        Stopped::Read(source) => failed(source),
        Stopped::Send(failure) => failure,
    })?;
    let _ = writeln!(std::io::stderr(), "sent {sent} lines");
    Ok(Exit::Done)
}

/// Why sending stopped.
enum Stopped {
    Read(std::io::Error),
    Send(Failure),
}

/// Puts lines into groups and hands each group to `send`, with the number of lines sent before.
fn send_lines(
    mut input: impl BufRead,
    topic: &str,
    send: &mut dyn FnMut(&LogGroupWriter, usize) -> Result<(), Failure>,
) -> Result<usize, Stopped> {
    let mut sent = 0;
    let mut line = Vec::new();
    let mut group = LogGroupWriter::new();
    loop {
        line.clear();
        let read = input.read_until(b'\n', &mut line).map_err(Stopped::Read)?;
        if read > 0 {
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let seconds = Timestamp::now().as_second().try_into().unwrap_or(u32::MAX);
            group.log(seconds, None, [(&b"content"[..], text)].into_iter());
        }
        let full = group.logs() >= GROUP_LOGS || group.len_bytes() >= GROUP_BYTES;
        if full || (read == 0 && group.logs() > 0) {
            let logs = group.logs();
            group.topic(topic.as_bytes());
            send(&group, sent).map_err(Stopped::Send)?;
            sent += logs;
            group = LogGroupWriter::new();
        }
        if read == 0 {
            return Ok(sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use sls::log_group::LogGroup;

    use super::*;

    #[test]
    fn lines_go_in_order_into_groups_of_limited_size() {
        let text: String = (0..10_000).map(|number| format!("line {number}\n")).collect();
        let mut groups = Vec::new();
        let mut found = Vec::new();
        let sent = send_lines((text.clone() + "last").as_bytes(), "t", &mut |group, before| {
            assert_eq!(before, found.len());
            let group = LogGroup::parse(group.as_bytes()).unwrap();
            assert_eq!(group.topic(), b"t");
            for log in group.logs() {
                let (key, value) = log.contents().next().unwrap();
                assert_eq!(key, b"content");
                found.push(String::from_utf8(value.to_vec()).unwrap());
            }
            groups.push(group.len());
            Ok(())
        });
        assert_eq!(sent.ok(), Some(10_001));
        assert_eq!(groups, [4096, 4096, 1809]);
        assert_eq!(found.join("\n"), text + "last");
    }

    #[test]
    fn nothing_is_sent_for_no_lines() {
        let sent = send_lines(&b""[..], "", &mut |_, _| panic!("nothing to send"));
        assert_eq!(sent.ok(), Some(0));
    }
}
