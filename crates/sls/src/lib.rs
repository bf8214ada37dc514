//! The contract between the collecting and the keeping half of Sidetail, and between both and
//! the official SLS clients: everything that has to agree byte for byte.
//!
//! No I/O, no clock, no async runtime: values in, values out.

pub mod api;
pub mod collect;
pub mod compress;
pub mod error;
pub mod log_group;
pub mod sign;
