//! Settings: flags and environment as given, then checked.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use sls_client::{CredentialSource, Endpoint, KeyPair};

use crate::controller::Rules;
use crate::desired::Defaults;

/// Brings `AliyunLogConfig` manifests into a log service.
#[derive(Debug, Clone, Parser)]
#[command(name = "sidetail-operator", version, about)]
pub struct Flags {
    /// Directory with the manifests (*.yaml, *.yml, *.json).
    #[arg(long, env = "SIDETAIL_OPERATOR_MANIFESTS", value_name = "DIR")]
    pub manifests: PathBuf,

    /// Where the service is: http://HOST:PORT or https://HOST.
    #[arg(long, env = "SIDETAIL_OPERATOR_ENDPOINT", value_name = "URL")]
    pub endpoint: String,

    /// Access key. Its secret is read from SIDETAIL_OPERATOR_ACCESS_KEY_SECRET, because arguments
    /// are visible to everybody on the machine. Without a key requests are not signed.
    #[arg(long, env = "SIDETAIL_OPERATOR_ACCESS_KEY_ID", value_name = "ID")]
    pub access_key_id: Option<String>,

    /// Look once, do what is to be done, and end.
    #[arg(long, env = "SIDETAIL_OPERATOR_ONCE")]
    pub once: bool,

    /// Compare with the service again after this time, in seconds; 0 never does.
    #[arg(long, env = "SIDETAIL_OPERATOR_RESYNC", default_value_t = 1800, value_name = "SECONDS")]
    pub resync: u64,

    /// Look at the manifests this often, in milliseconds.
    #[arg(long, env = "SIDETAIL_OPERATOR_POLL_INTERVAL", default_value_t = 500,
          value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(10..))]
    pub poll_interval: u64,

    /// Project of objects that name none.
    #[arg(long, env = "SIDETAIL_OPERATOR_DEFAULT_PROJECT", value_name = "NAME")]
    pub default_project: Option<String>,

    /// Days that the logs of a new logstore are kept when its object does not say.
    #[arg(long, env = "SIDETAIL_OPERATOR_DEFAULT_LIFECYCLE_DAYS", default_value_t = 180,
          value_name = "DAYS", value_parser = clap::value_parser!(i64).range(1..=7300))]
    pub default_lifecycle_days: i64,

    /// Machine group of objects that name none.
    #[arg(long, env = "SIDETAIL_OPERATOR_DEFAULT_MACHINE_GROUP", value_name = "NAME")]
    pub default_machine_group: Option<String>,

    /// Directory for the status of every object [default: .status in the manifests' directory].
    #[arg(long, env = "SIDETAIL_OPERATOR_STATUS_DIR", value_name = "DIR")]
    pub status_dir: Option<PathBuf>,
}

/// Checked settings.
#[derive(Debug)]
pub struct Settings {
    /// Directory with the manifests.
    pub manifests: PathBuf,
    /// Directory for the status of every object.
    pub status_dir: PathBuf,
    /// Where the service is.
    pub endpoint: Endpoint,
    /// What to sign with.
    pub credentials: CredentialSource,
    /// Look once and end.
    pub once: bool,
    /// Pause between two looks at the manifests.
    pub poll_interval: Duration,
    /// How the loop behaves.
    pub rules: Rules,
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not an address.
    #[error("--endpoint: {0}")]
    Endpoint(#[from] sls_client::EndpointError),
    /// Half of an access key.
    #[error("access key: {given} is set and {missing} is not; set both or none")]
    HalfKey {
        /// What is there.
        given: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// No directory.
    #[error("--manifests: {0} is not a directory")]
    Manifests(PathBuf),
}

const KEY_ID: &str = "SIDETAIL_OPERATOR_ACCESS_KEY_ID";
/// The environment variable with the secret of the access key.
pub const KEY_SECRET: &str = "SIDETAIL_OPERATOR_ACCESS_KEY_SECRET";

impl Settings {
    /// Checks flags, with the secret of the access key from the environment.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn check(flags: Flags, secret: Option<String>) -> Result<Self, SettingsError> {
        let given = |value: Option<String>| value.filter(|text| !text.is_empty());
        let credentials = match (given(flags.access_key_id), given(secret)) {
            (Some(id), Some(secret)) => CredentialSource::Static(KeyPair { id, secret }),
            (None, None) => CredentialSource::Anonymous,
            (Some(_), None) => {
                return Err(SettingsError::HalfKey { given: KEY_ID, missing: KEY_SECRET });
            }
            (None, Some(_)) => {
                return Err(SettingsError::HalfKey { given: KEY_SECRET, missing: KEY_ID });
            }
        };
        if !flags.manifests.is_dir() {
            return Err(SettingsError::Manifests(flags.manifests));
        }
        Ok(Self {
            status_dir: flags.status_dir.unwrap_or_else(|| flags.manifests.join(".status")),
            manifests: flags.manifests,
            endpoint: flags.endpoint.parse()?,
            credentials,
            once: flags.once,
            poll_interval: Duration::from_millis(flags.poll_interval),
            rules: Rules {
                defaults: Defaults {
                    project: given(flags.default_project),
                    life_cycle_days: flags.default_lifecycle_days,
                    machine_group: given(flags.default_machine_group),
                },
                resync: Duration::from_secs(flags.resync),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: &[&str], secret: Option<&str>) -> Result<Settings, SettingsError> {
        let directory = tempfile::tempdir().unwrap();
        let manifests = format!("--manifests={}", directory.path().display());
        let all = ["sidetail-operator", &manifests].into_iter().chain(args.iter().copied());
        Settings::check(Flags::try_parse_from(all).unwrap(), secret.map(str::to_owned))
    }

    #[test]
    fn an_endpoint_and_a_directory_are_enough() {
        let settings = check(&["--endpoint=http://127.0.0.1:8100"], None).unwrap();
        assert!(matches!(settings.credentials, CredentialSource::Anonymous));
        assert!(settings.status_dir.ends_with(".status"));
        assert_eq!(settings.rules.defaults.life_cycle_days, 180);
        assert_eq!(settings.rules.resync, Duration::from_secs(1800));
    }

    #[test]
    fn a_setting_that_cannot_be_used_is_named() {
        let endpoint = check(&["--endpoint=ftp://x"], None).unwrap_err().to_string();
        assert!(endpoint.contains("ftp://x"), "{endpoint}");
        let args = ["--endpoint=http://x", "--access-key-id=a"];
        let half = check(&args, None).unwrap_err().to_string();
        assert!(half.contains("SIDETAIL_OPERATOR_ACCESS_KEY_SECRET is not"), "{half}");
        assert!(check(&args, Some("s")).is_ok());
    }
}
