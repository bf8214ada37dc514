//! Immutable rows: one Parquet file, described in `docs/format/segment.md`.
//!
//! There is no index beside the file yet; statistics in the catalog leave out whole segments, and
//! what remains is scanned. The index file will be written by the same pass as the rows, under
//! the segment's name, and asked between [`Segment::read`]'s statistics and its decoding; it can
//! only ever leave rows out that would not match.

mod reader;
mod writer;

pub(crate) use reader::Segment;
pub(crate) use writer::encode;

/// The version of the file format this program writes, and the last one it reads.
pub(crate) const FORMAT: u32 = 1;

/// The footer entry that says the version.
pub(crate) const FORMAT_KEY: &str = "sidetail.segment";

#[cfg(test)]
mod tests;
