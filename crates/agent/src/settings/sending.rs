//! How the agent sends: how much at the same time, how patiently, and what it signs with.

use super::reader::Reader;
use super::values::{number, seconds};
use super::{SettingsError, refuse};
use pipeline::batch::BatchLimits;
use pipeline::retry::KEEP_REFUSED;
use sls_client::{CredentialSource, KeyPair, Signature};
use std::path::PathBuf;
use std::time::Duration;

/// What to sign with, as set.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nothing.
    Anonymous,
    /// A key.
    Key(KeyPair),
    /// The files of a key: its id, its secret.
    Files(PathBuf, PathBuf),
}

impl Credentials {
    /// The source for one client.
    pub fn source(&self) -> CredentialSource {
        match self {
            Self::Anonymous => CredentialSource::Anonymous,
            Self::Key(key) => CredentialSource::Static(key.clone()),
            Self::Files(id, secret) => CredentialSource::files(id, secret),
        }
    }
}

/// Requests in flight and the age of a batch, by our names or by Logtail's.
pub(super) fn sending(reader: &mut Reader<'_>) -> Result<(usize, Duration), SettingsError> {
    let at_least_two = |text: &str| text.parse().is_ok_and(|number: usize| number >= 2);
    let requests = reader.lenient("send_request_concurrency", at_least_two, |text| {
        number(text, 1, usize::MAX).map(|number| number.min(80))
    });
    let age = reader.lenient("batch_send_interval", |_| true, seconds);
    let requests =
        reader.parsed("SIDETAIL_AGENT_REQUESTS_IN_FLIGHT", requests.unwrap_or(8), |text| {
            number(text, 1, 1000)
        })?;
    let age = age.unwrap_or(BatchLimits::default().max_age);
    Ok((requests, reader.parsed("SIDETAIL_AGENT_BATCH_SECONDS", age, seconds)?))
}

/// How long one request may take, and how long a refused batch is kept, by our names or Logtail's.
pub(super) fn patience(reader: &mut Reader<'_>) -> Result<(Duration, Duration), SettingsError> {
    let usual = Duration::from_secs(15);
    // Logtail's can only be raised.
    let request = reader.lenient("oas_request_timeout", |_| true, seconds);
    let request = request.map_or(usual, |request| request.max(usual));
    let keep = reader.lenient("discard_send_fail_interval", |_| true, seconds);
    Ok((
        reader.parsed("SIDETAIL_AGENT_REQUEST_SECONDS", request, seconds)?,
        reader.parsed(
            "SIDETAIL_AGENT_KEEP_REFUSED_SECONDS",
            keep.unwrap_or(KEEP_REFUSED),
            seconds,
        )?,
    ))
}

pub(super) fn signature(reader: &mut Reader<'_>) -> Result<Signature, SettingsError> {
    let region = reader.text("SIDETAIL_AGENT_REGION").unwrap_or_default();
    reader.parsed("SIDETAIL_AGENT_SIGNATURE", Signature::Auto, |text| match text {
        "auto" => Ok(Signature::Auto),
        "v1" => Ok(Signature::V1),
        "v4" => Ok(Signature::V4 { region: region.clone() }),
        _ => Err(format!("`{text}` is not one of auto, v1 and v4")),
    })
}

pub(super) fn credentials(reader: &mut Reader<'_>) -> Result<Credentials, SettingsError> {
    const ID: &str = "SIDETAIL_AGENT_ACCESS_KEY_ID";
    const SECRET: &str = "SIDETAIL_AGENT_ACCESS_KEY_SECRET";
    const ID_FILE: &str = "SIDETAIL_AGENT_ACCESS_KEY_ID_FILE";
    const SECRET_FILE: &str = "SIDETAIL_AGENT_ACCESS_KEY_SECRET_FILE";
    let instance = match (reader.text("default_access_key_id"), reader.text("default_access_key")) {
        (Some(id), Some(secret)) => Credentials::Key(KeyPair { id, secret }),
        _ => Credentials::Anonymous,
    };
    match (reader.text(ID_FILE), reader.text(SECRET_FILE)) {
        (Some(id), Some(secret)) => return Ok(Credentials::Files(id.into(), secret.into())),
        (None, None) => {}
        (Some(_), None) => return Err(refuse(SECRET_FILE, format!("is missing beside {ID_FILE}"))),
        (None, Some(_)) => return Err(refuse(ID_FILE, format!("is missing beside {SECRET_FILE}"))),
    }
    match (reader.text(ID), reader.text(SECRET)) {
        (Some(id), Some(secret)) => Ok(Credentials::Key(KeyPair { id, secret })),
        (None, None) => Ok(instance),
        (Some(_), None) => Err(refuse(SECRET, format!("is missing beside {ID}"))),
        (None, Some(_)) => Err(refuse(ID, format!("is missing beside {SECRET}"))),
    }
}
