//! The `sidetail-operator` program: brings `AliyunLogConfig` objects into a log service.
//!
//! The way of an object: [`source`] gives manifests, [`object`] reads and checks them, [`desired`]
//! translates a spec, [`plan`] compares it with what [`apply`] finds in the service, [`apply`] does
//! what is missing, [`status`] says what became of it, [`records`] keep that. [`controller`] does
//! this in a loop. Everything but [`apply`], [`source`] and [`records`] is pure.

pub mod apply;
pub mod controller;
pub mod crd;
pub mod desired;
pub mod failure;
pub mod object;
pub mod plan;
pub mod records;
pub mod settings;
pub mod source;
pub mod status;
pub mod words;

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use jiff::Timestamp;
use sls::collect::manifest::Colors;
use sls_client::Client;
use tokio::signal::unix::{SignalKind, signal};

use controller::{Controller, Round};
use records::RecordFiles;
use settings::{Flags, KEY_SECRET, Settings};
use source::Directory;
use words::Words;

/// Everything that ends the program with an error.
#[derive(Debug, thiserror::Error)]
enum Fatal {
    #[error(transparent)]
    Settings(#[from] settings::SettingsError),
    #[error("cannot use status directory {path}: {source}; choose another with --status-dir")]
    StatusDirectory { path: String, source: io::Error },
    #[error("cannot prepare calls to the service: {0}")]
    Client(#[from] sls_client::ClientError),
    #[error("cannot {action}: {source}")]
    System { action: &'static str, source: io::Error },
}

impl Fatal {
    fn code(&self) -> u8 {
        match self {
            Self::Settings(_) | Self::StatusDirectory { .. } => 2,
            Self::Client(_) | Self::System { .. } => 3,
        }
    }
}

/// Runs the program with its arguments, the name first. Exit codes: 0 ended as told (with `--once`:
/// everything is ready), 1 an object was refused, 2 wrong usage, 3 the service was not reached or
/// did not do its part.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let flags = Flags::parse_from(args);
    let secret = std::env::var(KEY_SECRET).ok();
    let outcome = Settings::check(flags, secret).map_err(Fatal::from).and_then(|settings| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime
            .map_err(|source| Fatal::System { action: "start the runtime", source })?
            .block_on(run(settings))
    });
    match outcome {
        Ok(code) => code.into(),
        Err(fatal) => {
            // With standard error closed there is nobody left to tell; the code still says it.
            let _ = writeln!(io::stderr(), "error: {fatal}");
            fatal.code().into()
        }
    }
}

async fn run(settings: Settings) -> Result<u8, Fatal> {
    let listen = |kind| {
        signal(kind).map_err(|source| Fatal::System { action: "listen for signals", source })
    };
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let records = RecordFiles::open(&settings.status_dir).map_err(|source| {
        Fatal::StatusDirectory { path: settings.status_dir.display().to_string(), source }
    })?;
    let client =
        Client::new(sls_client::Settings::new(settings.endpoint.clone(), settings.credentials))?;
    let colors = if io::stderr().is_terminal() { Colors::Always } else { Colors::Never };
    let mut words = Words::new(Box::new(io::stderr()), colors);
    words.print(&format!(
        "sidetail-operator: manifests in {}, service at {}\n",
        settings.manifests.display(),
        settings.endpoint
    ));
    let source = Directory::new(&settings.manifests);
    let mut controller = Controller::new(source, records, client, settings.rules, words);
    let mut looked_again = false;
    loop {
        let round = tokio::select! {
            round = controller.round(Timestamp::now(), chance) => round,
            _ = terminate.recv() => return Ok(0),
            _ = interrupt.recv() => return Ok(0),
        };
        // A second look is worth its wait only when it can change something.
        let is_last = !round.unsettled || std::mem::replace(&mut looked_again, true);
        if settings.once && is_last {
            controller.summarise(round);
            return Ok(exit_code(round));
        }
        tokio::select! {
            () = tokio::time::sleep(settings.poll_interval) => {}
            _ = terminate.recv() => return Ok(0),
            _ = interrupt.recv() => return Ok(0),
        }
    }
}

fn exit_code(round: Round) -> u8 {
    match round {
        Round { waiting: 1.., .. } | Round { unsettled: true, .. } => 3,
        Round { refused: 1.., .. } => 1,
        _ => 0,
    }
}

/// A random number. The standard library seeds its hash maps from the system, which is all the
/// randomness that spreading waits needs.
fn chance() -> u32 {
    (RandomState::new().build_hasher().finish() >> 32) as u32
}
