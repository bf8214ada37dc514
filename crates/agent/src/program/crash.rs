//! What a panic leaves behind: a line in the log, and a note in the state directory of which the
//! next start tells (`agent` 7.1). The process ends at once; what it had in memory is read again
//! from the checkpoint on.

use crate::{alarms, log};
use std::fmt::Write;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};

const ALARM: &str = "LOGTAIL_CRASH_ALARM";

/// The note, in the state directory.
const NOTE: &str = "crash";

/// Tells of the panic that ended the run before this one, if one did.
pub(super) fn tell_of_the_last(state_dir: &Path) {
    let note = state_dir.join(NOTE);
    let Ok(text) = std::fs::read(&note) else { return };
    let text = String::from_utf8_lossy(&text);
    let ended = format_args!("the agent before this one ended by a fault of its own: {text}");
    alarms::tell(log::Level::Error, ALARM, "sidetail-agent", ended);
    // Told again by the next start if it cannot be removed.
    let _ = std::fs::remove_file(&note);
}

/// Makes every panic from now on leave a note and end the process with SIGABRT, whichever thread
/// it is in: an agent without one of them would look alive and collect nothing.
pub(super) fn note_the_next(state_dir: &Path) {
    let note: PathBuf = state_dir.join(NOTE);
    std::panic::set_hook(Box::new(move |panic| {
        let text = described(panic);
        log::write(log::Level::Error, format_args!("{ALARM} {text}"));
        // Without the note only the log knows.
        let _ = std::fs::write(&note, text);
        std::process::abort();
    }));
}

fn described(panic: &PanicHookInfo<'_>) -> String {
    let mut text = String::new();
    let thread = std::thread::current();
    let _ = write!(
        text,
        "sidetail-agent {}, thread {}: {}",
        env!("CARGO_PKG_VERSION"),
        thread.name().unwrap_or("main"),
        panic.payload_as_str().unwrap_or("a panic without words"),
    );
    if let Some(at) = panic.location() {
        let _ = write!(text, " at {at}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_of_a_crash_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let raised = || {
            let all = alarms::window().into_iter();
            all.filter(|alarm| alarm.alarm_type == ALARM).map(|alarm| alarm.alarm_message).collect()
        };
        let none: Vec<String> = raised();
        tell_of_the_last(dir.path());
        assert_eq!(raised(), none, "there was no crash");
        std::fs::write(dir.path().join(NOTE), "thread collect: it is broken").unwrap();
        tell_of_the_last(dir.path());
        let told: Vec<String> = raised();
        assert!(told[0].ends_with("fault of its own: thread collect: it is broken"), "{told:?}");
        assert!(!dir.path().join(NOTE).exists());
    }
}
