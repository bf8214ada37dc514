//! The program: settings, a runtime, signals, and exit codes.
//!
//! | exit | meaning |
//! |---|---|
//! | 0 | ended as asked |
//! | 2 | a setting is wrong; nothing was opened |
//! | 3 | the data cannot be opened |
//! | 4 | the address cannot be listened on |
//! | 1 | anything else |

use std::process::ExitCode;

use clap::Parser;
use server::app::{App, StartError};
use server::clock::Clock;
use server::settings::{LogFormat, RawSettings, Settings};
use tokio::signal::unix::{SignalKind, signal};

const EXIT_OTHER: u8 = 1;
const EXIT_SETTINGS: u8 = 2;
const EXIT_DATA: u8 = 3;
const EXIT_LISTEN: u8 = 4;

fn main() -> ExitCode {
    let raw = RawSettings::parse();
    if let Err(error) = start_log(&raw.log, raw.log_format) {
        return fail(EXIT_SETTINGS, &format!("--log {:?} is not a filter: {error}", raw.log));
    }
    let settings = match raw.check() {
        Ok(settings) => settings,
        Err(error) => return fail(EXIT_SETTINGS, &error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(EXIT_OTHER, &format!("no threads can be started: {error}")),
    };
    runtime.block_on(run(settings))
}

async fn run(settings: Settings) -> ExitCode {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        return fail(EXIT_OTHER, &"signals cannot be received");
    };
    let app = match App::build(settings, Clock::system()).await {
        Ok(app) => app,
        Err(error) => {
            let exit = match &error {
                StartError::Listen { .. } => EXIT_LISTEN,
                StartError::Directory { .. }
                | StartError::Store { .. }
                | StartError::Catalog { .. } => EXIT_DATA,
                StartError::Thread(_) => EXIT_OTHER,
            };
            return fail(exit, &error);
        }
    };
    announce(&app);
    app.run(async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
    .await;
    ExitCode::SUCCESS
}

/// Standard output is for whoever started the program: the key pair, once, and the address.
#[allow(clippy::print_stdout, reason = "these lines are the output of the program")]
fn announce(app: &App) {
    if let Some(key) = &app.first_key {
        println!("An access key pair was created. It is shown this once:");
        println!();
        println!("    access key id:     {}", key.id);
        println!("    access key secret: {}", key.secret);
        println!();
    }
    println!("sidetail-server listens on http://{}", app.address());
}

fn start_log(
    filter: &str,
    format: LogFormat,
) -> Result<(), tracing_subscriber::filter::ParseError> {
    let filter = tracing_subscriber::EnvFilter::builder().parse(filter)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => {
            use std::io::IsTerminal;
            log.with_ansi(std::io::stderr().is_terminal()).init();
        }
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

#[allow(clippy::print_stderr, reason = "the last words of the program, whatever its log filter")]
fn fail(exit: u8, error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("sidetail-server: {error}");
    ExitCode::from(exit)
}
