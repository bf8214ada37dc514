//! What happens to the bytes of a log file between the read and the send, without doing I/O.
//!
//! Everything here takes `(state, input, now)` and returns values: no runtime, network, file
//! system, threads or clock. That is what makes it possible to test it by exhaustion and to run it
//! in a simulation.
//!
//! The way of a line: [`discover`] says that a file belongs to a configuration, [`identity`] that
//! it is the one already known, [`lines`] and [`multiline`] cut records, [`encoding`] makes text of
//! them, [`parse`] cuts fields, [`batch`] writes them into log groups with [`tags`], [`flow`] says
//! how many may be under way, [`retry`] decides after each answer, if need be that a batch goes in
//! [`pieces`], and [`ack`] says up to which byte everything is confirmed. [`plan`] compiles all of
//! that from a configuration.

pub mod ack;
pub mod batch;
pub mod discover;
pub mod encoding;
pub mod flow;
pub mod gunzip;
pub mod identity;
pub mod lines;
pub mod multiline;
pub mod pace;
pub mod parse;
pub mod pieces;
pub mod plan;
pub mod retry;
pub mod tags;
pub mod time;
