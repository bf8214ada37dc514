//! Waiting for something that will happen: look, wait a little, look again, give up with a reason.

use std::time::{Duration, Instant};

/// How long a test waits for what normally takes a second. Generous, because a busy machine
/// must not fail a test; a passing test never waits this long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Looks until `look` gives a value, for [`PATIENCE`] at most.
///
/// # Panics
/// When the time is over, with `what` was awaited and the last reason that `look` gave.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    match wait_until(PATIENCE, &mut look) {
        Ok(value) => value,
        Err(reason) => panic!("waited {PATIENCE:?} in vain for {what}: {reason}"),
    }
}

/// Looks until `look` gives a value or `limit` has passed; then the last reason is the error.
pub fn wait_until<T>(
    limit: Duration,
    mut look: impl FnMut() -> Result<T, String>,
) -> Result<T, String> {
    let start = Instant::now();
    loop {
        match look() {
            Ok(value) => return Ok(value),
            Err(reason) if start.elapsed() >= limit => return Err(reason),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
