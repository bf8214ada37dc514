//! A real server over a folder, on a port that stays the same over its restarts.

use crate::process::{Ended, ProcessError, Program, Running};
use crate::service::Service;
use sls_client::{CredentialSource, KeyPair};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a start or an orderly end may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A server that can be killed and started again over the same data.
#[derive(Debug)]
pub struct TestServer {
    data: PathBuf,
    port: u16,
    key: Option<KeyPair>,
    running: Option<Running>,
}

impl TestServer {
    /// Starts a server with signatures required; the key pair is the one that it prints.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(data: &Path) -> Result<Self, ProcessError> {
        Self::start_on(data, free_port())
    }

    /// The same on a given port.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_on(data: &Path, port: u16) -> Result<Self, ProcessError> {
        let mut server = Self { data: data.to_owned(), port, key: None, running: None };
        server.restart()?;
        Ok(server)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The access key that the server printed at its first start.
    ///
    /// # Panics
    /// Before the first start.
    pub fn key(&self) -> &KeyPair {
        self.key.as_ref().expect("the first start printed a key")
    }

    /// A client with the server's key.
    pub fn service(&self) -> Service {
        Service::new(&self.endpoint(), CredentialSource::Static(self.key().clone()))
    }

    /// The running process, if it runs.
    pub fn process(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    /// Ends it at once (`kill -9`).
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill();
        }
    }

    /// Ends it in order (SIGTERM).
    ///
    /// # Errors
    /// When it goes on.
    pub fn stop(&mut self) -> Result<Option<Ended>, ProcessError> {
        self.running.take().map(|running| running.terminate(LIMIT)).transpose()
    }

    /// Starts it over the same data and port, and waits until it serves.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart(&mut self) -> Result<(), ProcessError> {
        self.kill();
        let running = Program::new("sidetail-server")
            .arg("--data")
            .arg(&self.data)
            .arg("--listen")
            .arg(format!("127.0.0.1:{}", self.port))
            .start()?;
        running.wait_line("its address", LIMIT, |line| {
            line.contains(&format!("http://127.0.0.1:{}", self.port)).then_some(())
        })?;
        if self.key.is_none() {
            let value = |name: &'static str| {
                running.wait_line(name, LIMIT, move |line| {
                    let (_, value) = line.trim().split_once(name)?;
                    Some(value.trim_matches([' ', ':', '=']).to_owned())
                })
            };
            self.key =
                Some(KeyPair { id: value("access key id")?, secret: value("access key secret")? });
        }
        self.running = Some(running);
        Ok(())
    }
}

/// A port that is free now. Nothing keeps it free, but the kernel does not give it out again soon.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .expect("loopback has a free port")
}
