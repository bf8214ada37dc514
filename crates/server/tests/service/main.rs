//! The service as its clients see it: in process, over a temporary directory, through real
//! sockets.

mod agents;
mod console;
mod objects;
mod operation;
mod queries;
mod restart;
mod signatures;
mod support;
mod writes;
