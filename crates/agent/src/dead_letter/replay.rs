//! Sends dead letters again, one after the other, each to the service it was for, and takes away
//! what is acknowledged.

use super::command::say;
use super::graveyard::{Kept, remove};
use super::letter::Letter;
use crate::send::{ConnectError, Connector};
use crate::settings::Settings;
use sls::error::RetryClass;
use sls_client::{Client, Endpoint, EndpointError};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

/// Sends of one letter to a service that is busy.
const TRIES: u32 = 5;

/// Pause between two of them.
const PAUSE: Duration = Duration::from_secs(2);

/// Another destination than the one the letter names.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    pub(super) endpoint: Option<Endpoint>,
    pub(super) project: Option<String>,
    pub(super) logstore: Option<String>,
}

/// Why nothing could be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplayError {
    #[error("the system refuses what is needed to send: {0}")]
    System(#[from] std::io::Error),
}

/// Sends `letters`; gives how many are left.
pub(super) fn replay(
    letters: &[Kept],
    settings: &Settings,
    elsewhere: &Elsewhere,
) -> Result<usize, ReplayError> {
    let connector = Connector::new(settings);
    let mut clients = HashMap::new();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let mut left = 0;
    for kept in letters {
        let sent = read(kept).and_then(|letter| {
            let endpoint = destination(&letter, elsewhere)?;
            let client = client(&mut clients, &connector, endpoint)?;
            runtime.block_on(send(client, kept, &letter, elsewhere))
        });
        if let Err(why) = sent {
            left += 1;
            say(format_args!("{}: {why}", kept.number));
        }
    }
    Ok(left)
}

fn read(kept: &Kept) -> Result<Letter, String> {
    kept.read().map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// The service that a letter goes to: the one it was for, never another one that nobody has named.
fn destination(letter: &Letter, elsewhere: &Elsewhere) -> Result<Endpoint, String> {
    if let Some(endpoint) = &elsewhere.endpoint {
        return Ok(endpoint.clone());
    }
    let Some(endpoint) = &letter.head.endpoint else {
        return Err("was written by a version that did not keep which service it was for (a \
                    destination may name its own); say it with `--endpoint URL`"
            .to_owned());
    };
    endpoint.parse().map_err(|error: EndpointError| error.to_string())
}

/// The client of a service, made when it is first needed.
fn client<'a>(
    clients: &'a mut HashMap<Endpoint, Client>,
    connector: &Connector,
    endpoint: Endpoint,
) -> Result<&'a Client, String> {
    match clients.entry(endpoint) {
        Entry::Occupied(known) => Ok(known.into_mut()),
        Entry::Vacant(place) => {
            let client = connector.client(place.key());
            Ok(place.insert(client.map_err(|error: ConnectError| error.to_string())?))
        }
    }
}

async fn send(
    client: &Client,
    kept: &Kept,
    letter: &Letter,
    elsewhere: &Elsewhere,
) -> Result<(), String> {
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

#[cfg(test)]
mod tests {
    use super::super::letter::tests::{WRITTEN_BY_VERSION_1, letter};
    use super::*;
    use sls::compress::Compression;

    #[test]
    fn a_letter_goes_to_the_service_it_was_for_unless_told_otherwise() {
        let new = letter(&["one"], Compression::Lz4);
        let old = Letter::decode(WRITTEN_BY_VERSION_1).unwrap();
        let check = |letter: &Letter, told: Option<&str>, expected: Result<&str, &str>| {
            let endpoint = told.map(|text| text.parse().unwrap());
            let elsewhere = Elsewhere { endpoint, ..Elsewhere::default() };
            let found = destination(letter, &elsewhere).map(|endpoint| endpoint.to_string());
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                _ => panic!("{found:?}"),
            }
        };
        check(&new, None, Ok("http://logs:8100"));
        check(&new, Some("http://other"), Ok("http://other"));
        check(&old, None, Err("--endpoint URL"));
        check(&old, Some("http://other"), Ok("http://other"));
    }
}
