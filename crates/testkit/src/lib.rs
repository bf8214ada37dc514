//! For tests and chores: real programs started and killed, patient assertions, and the account
//! of every line between a file and the service.
//!
//! Nothing here is a stand-in: servers, agents and operators are the binaries of this workspace,
//! found beside the running test (`target/<profile>`) or in `SIDETAIL_BIN_DIR`.

pub mod agent;
pub mod lines;
pub mod patience;
pub mod process;
pub mod server;
pub mod service;

pub use agent::TestAgent;
pub use patience::eventually;
pub use process::{Program, Running};
pub use server::TestServer;
pub use service::Service;
