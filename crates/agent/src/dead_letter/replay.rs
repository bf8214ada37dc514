//! Sends dead letters again, one after the other, and takes away what is acknowledged.

use super::command::say;
use super::graveyard::{Kept, remove};
use super::letter::Letter;
use crate::send::{ConnectError, Connector};
use crate::settings::Settings;
use sls::error::RetryClass;
use sls_client::Client;
use std::time::Duration;

/// Sends of one letter to a service that is busy.
const TRIES: u32 = 5;

/// Pause between two of them.
const PAUSE: Duration = Duration::from_secs(2);

/// Another destination than the one the letter names.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    pub(super) project: Option<String>,
    pub(super) logstore: Option<String>,
}

/// Why nothing could be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplayError {
    #[error("SIDETAIL_AGENT_ENDPOINT: is not set; dead letters are sent there")]
    NoEndpoint,
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the system refuses what is needed to send: {0}")]
    System(#[from] std::io::Error),
}

/// Sends `letters`; gives how many are left.
pub(super) fn replay(
    letters: &[Kept],
    settings: &Settings,
    elsewhere: &Elsewhere,
) -> Result<usize, ReplayError> {
    let endpoint = settings.endpoint.as_ref().ok_or(ReplayError::NoEndpoint)?;
    let client = Connector::new(settings).client(endpoint)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let mut left = 0;
    for kept in letters {
        let sent = runtime.block_on(send(&client, kept, elsewhere));
        if let Err(why) = sent {
            left += 1;
            say(format_args!("{}: {why}", kept.number));
        }
    }
    Ok(left)
}

async fn send(client: &Client, kept: &Kept, elsewhere: &Elsewhere) -> Result<(), String> {
    let letter: Letter =
        kept.read().map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let mut call = letter.call().map_err(|error| error.to_string())?;
    if let Some(logstore) = &elsewhere.logstore {
        call.logstore.clone_from(logstore);
    }
    let project = elsewhere.project.as_ref().unwrap_or(&letter.head.project);
    for tries in 1.. {
        let Err(error) = client.call(project, &call).await else { break };
        match error.retry_class() {
            RetryClass::Duplicate => break,
            RetryClass::Busy | RetryClass::Throttled | RetryClass::Clock if tries < TRIES => {
                tokio::time::sleep(PAUSE).await;
            }
            _ => return Err(error.to_string()),
        }
    }
    remove(kept).map_err(|error| format!("was sent and cannot be removed: {error}"))
}
