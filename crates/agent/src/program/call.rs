//! What the program is asked to do, by the name it is called under and its arguments
//! (`agent` 1.4, 1.5). Under the names of Logtail's scripts it answers as they do.

use std::time::Duration;

/// Names of the init script.
const INIT_SCRIPTS: [&str; 2] = ["ilogtaild", "loongcollectord"];

/// The wrapper that goes on collecting for a while after SIGTERM.
const WRAPPER: &str = "run_logtail.sh";

/// The argument with which `start` starts the agent.
pub(super) const DAEMON: &str = "--daemon";

/// How a ledger is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LedgerFormat {
    Line,
    Json,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Collect in the foreground.
    Collect {
        linger: Option<Duration>,
    },
    /// Collect, started by [`Call::Start`].
    Daemon,
    /// Whether an agent runs.
    Status,
    /// One of the questions behind `status`.
    Insight(Vec<String>),
    /// The ledger of all files.
    Ledger(LedgerFormat),
    /// Something about dead letters.
    DeadLetters(Vec<String>),
    Start,
    Stop,
    ForceStop,
    Restart,
    /// `-h` of the init script.
    InsightUsage,
    Usage,
    Version,
}

/// Reads name and arguments.
///
/// # Errors
/// What cannot be understood, for people.
pub(super) fn call_of(name: &str, args: &[String]) -> Result<Call, String> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    if name == WRAPPER {
        return match words[..] {
            [] => Ok(Call::Collect { linger: None }),
            ["-h" | "--help"] => Ok(Call::Usage),
            [seconds] => seconds
                .parse()
                .map(|seconds| Call::Collect { linger: Some(Duration::from_secs(seconds)) })
                .map_err(|_| format!("{WRAPPER}: `{seconds}` is not a number of seconds")),
            _ => Err(format!("{WRAPPER}: takes one number of seconds")),
        };
    }
    if name == "sh" {
        return shell(&words);
    }
    let is_script = INIT_SCRIPTS.contains(&name);
    match words[..] {
        [] if !is_script => Ok(Call::Collect { linger: None }),
        [DAEMON] => Ok(Call::Daemon),
        ["status"] => Ok(Call::Status),
        ["status", ..] => Ok(Call::Insight(args[1..].to_vec())),
        ["dead-letters", ..] => Ok(Call::DeadLetters(args[1..].to_vec())),
        ["start"] => Ok(Call::Start),
        ["stop"] => Ok(Call::Stop),
        ["force-stop"] => Ok(Call::ForceStop),
        ["restart"] => Ok(Call::Restart),
        ["ledger"] | ["ledger", "--format=line"] | ["ledger", "--format", "line"] => {
            Ok(Call::Ledger(LedgerFormat::Line))
        }
        ["ledger", "--format=json"] | ["ledger", "--format", "json"] => {
            Ok(Call::Ledger(LedgerFormat::Json))
        }
        ["-h" | "--help" | "help"] if is_script => Ok(Call::InsightUsage),
        ["-h" | "--help" | "help"] => Ok(Call::Usage),
        ["-V" | "--version"] => Ok(Call::Version),
        _ => Err(format!(
            "`{}` is not understood; `{name} --help` says what is",
            [&[name][..], &words].concat().join(" ")
        )),
    }
}

/// `sh -c COMMAND` for an image without a shell: understands a command that is one of our names
/// with its arguments, as manifests have it, and nothing else.
fn shell(words: &[&str]) -> Result<Call, String> {
    let ["-c", command] = words else {
        return Err(
            "sh: there is no shell in this image; only `sh -c COMMAND` is understood".into()
        );
    };
    let words: Vec<&str> = command.split_whitespace().skip_while(|word| *word == "exec").collect();
    let is_plain = |word: &&str| word.bytes().all(|byte| !b";&|<>$`\"'\\*?(){}[]".contains(&byte));
    match words.split_first() {
        Some((program, args)) if words.iter().all(is_plain) => {
            let name = program.rsplit('/').next().unwrap_or_default();
            let is_ours =
                name == WRAPPER || name == "sidetail-agent" || INIT_SCRIPTS.contains(&name);
            if !is_ours {
                return Err(format!("sh: {program}: there is no such program in this image"));
            }
            let args: Vec<String> = args.iter().map(|word| (*word).to_owned()).collect();
            call_of(name, &args)
        }
        _ => Err(format!(
            "sh: there is no shell in this image, and `{command}` needs one; use an image with a \
             shell, or leave the command out: the agent waits for /tasksite/tombstone by itself"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: &str) -> Result<Call, String> {
        let mut words = line.split(' ').map(str::to_owned);
        let name = words.next().unwrap();
        call_of(&name, &words.collect::<Vec<_>>())
    }

    fn lingering(seconds: u64) -> Call {
        Call::Collect { linger: Some(Duration::from_secs(seconds)) }
    }

    #[test]
    fn each_name_does_what_its_script_did() {
        assert_eq!(call("sidetail-agent"), Ok(Call::Collect { linger: None }));
        assert_eq!(call("ilogtaild start"), Ok(Call::Start));
        assert_eq!(call("loongcollectord force-stop"), Ok(Call::ForceStop));
        assert_eq!(call("ilogtaild status"), Ok(Call::Status));
        assert_eq!(
            call("ilogtaild status all 2"),
            Ok(Call::Insight(vec!["all".into(), "2".into()]))
        );
        assert_eq!(call("ilogtaild -h"), Ok(Call::InsightUsage));
        assert_eq!(call("run_logtail.sh 10"), Ok(lingering(10)));
        assert_eq!(
            call("sidetail-agent ledger --format json"),
            Ok(Call::Ledger(LedgerFormat::Json))
        );
        assert!(call("ilogtaild").is_err());
        assert!(call("ilogtaild dance").is_err());
        assert!(call("run_logtail.sh soon").is_err());
    }

    #[test]
    fn a_shell_command_that_needs_no_shell_is_understood() {
        let shell = |command: &str| call_of("sh", &["-c".to_owned(), command.to_owned()]);
        assert_eq!(shell("/usr/local/ilogtail/run_logtail.sh 10"), Ok(lingering(10)));
        assert_eq!(shell("exec /etc/init.d/ilogtaild  status"), Ok(Call::Status));
        let refused = shell("/etc/init.d/ilogtaild start; sleep 10").unwrap_err();
        assert!(refused.contains("needs one"), "{refused}");
        assert!(shell("touch /x").unwrap_err().contains("no such program"));
    }
}
