//! What all commands that call the service share: where it is, the access key, waiting.

use clap::Args;
use sls::api::Call;
use sls_client::{Client, CredentialSource, Endpoint, KeyPair, Settings};

use crate::exit::Failure;

/// Where the service is. The access key comes from SIDETAIL_ACCESS_KEY_ID and
/// SIDETAIL_ACCESS_KEY_SECRET; without it requests are not signed.
#[derive(Debug, Clone, Args)]
pub struct ServiceArgs {
    /// Where the service is: http://HOST:PORT or https://HOST.
    #[arg(long, env = "SIDETAIL_ENDPOINT", value_name = "URL")]
    pub endpoint: Endpoint,
}

/// The environment variables with the access key.
const KEY: [&str; 2] = ["SIDETAIL_ACCESS_KEY_ID", "SIDETAIL_ACCESS_KEY_SECRET"];

/// The service, called one request after the other.
pub struct Service {
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Service {
    /// Prepares calls with the access key that `env` gives. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Failure::Usage`] for half an access key.
    pub fn open(args: &ServiceArgs, env: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let credentials = match KEY.map(|name| env(name).filter(|value| !value.is_empty())) {
            [Some(id), Some(secret)] => CredentialSource::Static(KeyPair { id, secret }),
            [None, None] => CredentialSource::Anonymous,
            [id, _] => {
                let missing = if id.is_none() { KEY[0] } else { KEY[1] };
                return Err(Failure::Usage(format!(
                    "half an access key: {missing} is not set; set both variables or none"
                )));
            }
        };
        let client = Client::new(Settings::new(args.endpoint.clone(), credentials))
            .map_err(|source| Failure::call("prepare calls", source))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| Failure::io("cannot start the runtime", source))?;
        Ok(Self { client, runtime })
    }

    /// Makes one call. `action` says in words what for, such as `create project p`.
    ///
    /// # Errors
    /// [`Failure::Call`] with `action`.
    pub fn call<C: Call>(
        &self,
        project: &str,
        call: &C,
        action: impl FnOnce() -> String,
    ) -> Result<C::Response, Failure> {
        self.runtime
            .block_on(self.client.call(project, call))
            .map_err(|source| Failure::call(action(), source))
    }
}
