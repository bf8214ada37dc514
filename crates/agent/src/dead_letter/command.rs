//! `sidetail-agent dead-letters`: data to standard output, words to standard error.

use super::graveyard::{Kept, list, remove};
use super::letter::{Head, Letter};
use super::replay::{Elsewhere, replay};
use crate::settings::{Settings, SettingsError};
use sls_client::{Endpoint, EndpointError};
use std::fmt;
use std::io::{self, Write};
use std::path::Path;

/// Directory of dead letters in the state directory.
pub const DIR: &str = "dead-letters";

const USAGE: &str = "\
usage: sidetail-agent dead-letters list [--json]
       sidetail-agent dead-letters show NUMBER…
       sidetail-agent dead-letters replay [--endpoint URL] [--project NAME] [--logstore NAME]
                                          [NUMBER…]
       sidetail-agent dead-letters remove NUMBER…

A dead letter is a batch that the service would not take. `list` names all of them, `show` prints
the lines of some, `replay` sends some or all again, to the service they were for, and takes away
what is acknowledged.";

/// Everything was done.
const EXIT_DONE: u8 = 0;
/// Something was not; the words say what.
const EXIT_NOT_DONE: u8 = 1;
/// The command line is wrong.
const EXIT_USAGE: u8 = 2;

/// What went wrong with the command as a whole.
enum Failure {
    Usage(String),
    Other(String),
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.to_string())
    }
}

#[derive(Debug, Default)]
struct Arguments {
    numbers: Vec<u64>,
    json: bool,
    elsewhere: Elsewhere,
}

/// Runs the command with `args` for the agent whose state is in `state_dir`; gives the exit code.
pub fn command(
    args: &[String],
    state_dir: &Path,
    settings: impl FnOnce() -> Result<Settings, SettingsError>,
) -> u8 {
    let dir = state_dir.join(DIR);
    match run(args, &dir, settings, &mut io::stdout().lock()) {
        Ok(code) => code,
        Err(Failure::Usage(why)) => {
            say(format_args!("{why}\n{USAGE}"));
            EXIT_USAGE
        }
        Err(Failure::Other(why)) => {
            say(format_args!("{why}"));
            EXIT_NOT_DONE
        }
    }
}

/// Words for people. There is nobody to tell when they cannot be written.
pub(super) fn say(words: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{words}");
}

fn run(
    args: &[String],
    dir: &Path,
    settings: impl FnOnce() -> Result<Settings, SettingsError>,
    out: &mut impl Write,
) -> Result<u8, Failure> {
    let (verb, rest) =
        args.split_first().ok_or_else(|| Failure::Usage("what about the dead letters?".into()))?;
    let arguments = read_arguments(verb, rest)?;
    let letters =
        list(dir).map_err(|error| Failure::Other(format!("{}: {error}", dir.display())))?;
    let chosen = choose(&letters, &arguments.numbers)?;
    let must_choose = || Failure::Usage(format!("`{verb}` needs the number of a letter"));
    match verb.as_str() {
        "list" => {
            for letter in &chosen {
                list_one(letter, arguments.json, out)?;
            }
            if !arguments.json {
                let bytes: u64 = chosen.iter().map(|letter| letter.bytes).sum();
                say(format_args!("{} dead letters, {bytes} bytes", chosen.len()));
            }
            Ok(EXIT_DONE)
        }
        "show" if arguments.numbers.is_empty() => Err(must_choose()),
        "show" => {
            let mut code = EXIT_DONE;
            for kept in &chosen {
                match kept.read()?.and_then(|letter| Ok((letter.lines()?, letter))) {
                    Ok((lines, letter)) => show(kept, &letter, &lines, out)?,
                    Err(error) => {
                        say(format_args!("{}: {error}", kept.path.display()));
                        code = EXIT_NOT_DONE;
                    }
                }
            }
            Ok(code)
        }
        "replay" => {
            let settings = settings()?;
            let left = replay(&chosen, &settings, &arguments.elsewhere)?;
            say(format_args!("{} of {} dead letters sent", chosen.len() - left, chosen.len()));
            Ok(if left == 0 { EXIT_DONE } else { EXIT_NOT_DONE })
        }
        "remove" if arguments.numbers.is_empty() => Err(must_choose()),
        "remove" => {
            for letter in &chosen {
                remove(letter)?;
            }
            Ok(EXIT_DONE)
        }
        other => Err(Failure::Usage(format!("`{other}` is not one of the verbs"))),
    }
}

fn read_arguments(verb: &str, args: &[String]) -> Result<Arguments, Failure> {
    let mut arguments = Arguments::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut name = || {
            let value = args.next().cloned();
            value.ok_or_else(|| Failure::Usage(format!("`{arg}` needs a value")))
        };
        match arg.as_str() {
            "--json" if verb == "list" => arguments.json = true,
            "--endpoint" if verb == "replay" => {
                let endpoint: Result<Endpoint, EndpointError> = name()?.parse();
                let wrong = |error: EndpointError| Failure::Usage(format!("{arg}: {error}"));
                arguments.elsewhere.endpoint = Some(endpoint.map_err(wrong)?);
            }
            "--project" if verb == "replay" => arguments.elsewhere.project = Some(name()?),
            "--logstore" if verb == "replay" => arguments.elsewhere.logstore = Some(name()?),
            number => match number.parse() {
                Ok(number) => arguments.numbers.push(number),
                Err(_) => {
                    return Err(Failure::Usage(format!("`{arg}` is not the number of a letter")));
                }
            },
        }
    }
    Ok(arguments)
}

/// The letters with these numbers, or all.
fn choose(letters: &[Kept], numbers: &[u64]) -> Result<Vec<Kept>, Failure> {
    if numbers.is_empty() {
        return Ok(letters.to_vec());
    }
    let find = |number: &u64| {
        let letter = letters.iter().find(|letter| letter.number == *number).cloned();
        letter.ok_or_else(|| Failure::Other(format!("there is no dead letter {number}")))
    };
    numbers.iter().map(find).collect()
}

fn list_one(kept: &Kept, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let head = match kept.read()? {
        Ok(letter) => letter.head,
        Err(error) => {
            say(format_args!("{}: {error}", kept.path.display()));
            return Ok(());
        }
    };
    if json {
        let mut object = serde_json::to_value(&head)?;
        object["number"] = kept.number.into();
        writeln!(out, "{object}")?;
    } else {
        writeln!(
            out,
            "{:>6}  {}  {:<12}  {}/{}  {} logs  {}  {}-{}",
            kept.number,
            moment(head.time),
            head.reason,
            head.project,
            head.logstore,
            head.logs,
            path(&head),
            head.start,
            head.end,
        )?;
    }
    Ok(())
}

fn show(kept: &Kept, letter: &Letter, lines: &[String], out: &mut impl Write) -> io::Result<()> {
    let head = &letter.head;
    say(format_args!(
        "{}: {} logs of bytes {}-{} of {} ({}) for {}/{} at {}, given up at {}: {}: {}",
        kept.number,
        head.logs,
        head.start,
        head.end,
        path(head),
        head.file,
        head.project,
        head.logstore,
        head.endpoint.as_deref().unwrap_or("a service that it does not name"),
        moment(head.time),
        head.reason,
        head.message,
    ));
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn path(head: &Head) -> &str {
    let path = head.tags.iter().find(|(key, _)| key == "__path__");
    path.map_or("-", |(_, path)| path)
}

fn moment(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "-".to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::graveyard::Graveyard;
    use super::super::letter::tests::letter;
    use super::*;
    use sls::compress::Compression;

    fn check(dir: &Path, args: &[&str], expected: Result<&str, &str>) {
        let args: Vec<String> = args.iter().map(|arg| arg.to_string()).collect();
        let mut out = Vec::new();
        let no_settings = || Err(SettingsError { name: "X".into(), reason: "is wrong".into() });
        let found = match run(&args, dir, no_settings, &mut out) {
            Ok(EXIT_DONE) => Ok(String::from_utf8(out).unwrap()),
            Ok(code) => Err(code.to_string()),
            Err(Failure::Usage(why) | Failure::Other(why)) => Err(why),
        };
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{args:?}"),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            _ => panic!("{args:?}: {found:?}"),
        }
    }

    #[test]
    fn letters_are_listed_shown_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        check(dir, &["list"], Ok(""));
        let yard = Graveyard::new(dir.to_owned(), 1 << 20, Default::default());
        for lines in [["one", "two"], ["three", "four"]] {
            let mut letter = letter(&lines, Compression::Lz4);
            letter.head.time = 1_767_225_600;
            yard.bury(letter).unwrap();
        }
        let row = |number| {
            format!("{number:>6}  2026-01-01T00:00:00Z  invalid       p1/app  2 logs  -  5-90\n")
        };
        check(dir, &["list"], Ok(&(row(1) + &row(2))));
        check(dir, &["show", "2", "1"], Ok("three\nfour\none\ntwo\n"));
        check(dir, &["show"], Err("needs the number"));
        check(dir, &["show", "7"], Err("no dead letter 7"));
        check(dir, &["remove"], Err("needs the number"));
        check(dir, &["remove", "1"], Ok(""));
        check(dir, &["list"], Ok(&row(2)));
        check(dir, &["list", "x"], Err("`x` is not the number"));
        check(dir, &["replay"], Err("X: is wrong"));
        check(dir, &["replay", "--logstore"], Err("needs a value"));
        check(dir, &["replay", "--endpoint", "ftp://x"], Err("`ftp://x` is not an endpoint"));
        check(dir, &["burn"], Err("`burn` is not one of the verbs"));
        check(dir, &[], Err("what about"));
    }

    #[test]
    fn a_list_for_programs_has_one_object_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let yard = Graveyard::new(dir.path().to_owned(), 1 << 20, Default::default());
        yard.bury(letter(&["one"], Compression::Lz4)).unwrap();
        let mut out = Vec::new();
        let args = ["list".to_owned(), "--json".to_owned()];
        let unused = || Err(SettingsError { name: String::new(), reason: String::new() });
        assert!(matches!(run(&args, dir.path(), unused, &mut out), Ok(EXIT_DONE)));
        let object: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(object["number"], 1);
        assert_eq!(object["tags"][0][0], "_pod_name_");
    }

    #[test]
    fn a_damaged_letter_does_not_hide_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let yard = Graveyard::new(dir.path().to_owned(), 1 << 20, Default::default());
        yard.bury(letter(&["one"], Compression::Lz4)).unwrap();
        std::fs::write(dir.path().join("00000000.letter"), "x").unwrap();
        check(dir.path(), &["show", "0"], Err("1"));
        check(dir.path(), &["show", "1"], Ok("one\n"));
    }
}
