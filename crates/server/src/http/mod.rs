//! Everything between the socket and a call: connections, who asks, how much at once, and how
//! errors look.

pub mod admit;
pub mod auth;
pub mod body;
pub mod error;
pub mod exchange;
pub mod host;
pub mod inbound;
pub mod router;
pub mod serve;
pub mod shield;
