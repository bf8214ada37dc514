//! Which rows a search selects.
//!
//! [`plan`] decides by the index what each condition asks of which field; [`scan`] reads blocks of
//! rows within the limits; [`eval`] tests a block column by column down to [`value`] and [`term`];
//! [`page`] keeps the rows of one page.

mod eval;
mod glob;
mod json;
mod needle;
mod number;
mod page;
mod plan;
mod rows;
mod scan;
mod term;
mod value;

pub(crate) use page::read_page;
pub(crate) use plan::{Phrases, Plan, Planned};
pub(crate) use scan::{Scan, Source, times};
#[cfg(test)]
pub(crate) use term::pieces;
