//! What the service would not take, kept on disk with the reason, so that somebody can look at it,
//! repair the cause and send it again: `sidetail-agent dead-letters` (`docs/format/dead-letter.md`).
//!
//! It is not a buffer: what merely has to wait waits in its log file.

mod command;
mod graveyard;
mod letter;
mod replay;

pub use command::{DIR, command};
pub use graveyard::{BuryError, Graveyard, Held, Kept, list, remove};
pub use letter::{Address, Cause, Head, Letter, LetterError};
