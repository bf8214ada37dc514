//! Build, then run: opens the store, wires the parts, binds, and takes everything down in
//! reverse order.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use store::disk::RealDisk;
use store::{Engine, EngineSettings};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::catalog::{AccessKey, Catalog, CatalogError};
use crate::clock::Clock;
use crate::console::Sessions;
use crate::control::Control;
use crate::http::auth::Keys;
use crate::http::exchange::Complaints;
use crate::http::shield::Shield;
use crate::http::{router, serve};
use crate::ingest::{Ingest, PayloadDecode};
use crate::jobs::{Jobs, Running};
use crate::metrics::Metrics;
use crate::search::Search;
use crate::service::Service;
use crate::settings::{Access, Settings};

/// How long a request waits for room before it is refused.
const PATIENCE: Duration = Duration::from_secs(3);

/// The service, bound and ready to run.
#[derive(Debug)]
pub struct App {
    service: Arc<Service>,
    listener: TcpListener,
    address: SocketAddr,
    jobs: Running,
    stop: watch::Sender<bool>,
    /// The pair made at the first start, to be shown once.
    pub first_key: Option<AccessKey>,
}

/// Why the service could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be made.
    #[error("the data directory {path} cannot be made: {source}")]
    Directory {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("the store in {path} cannot be opened: {source}")]
    Store {
        /// Where.
        path: PathBuf,
        /// Why.
        source: store::OpenError,
    },
    /// The catalog cannot be read.
    #[error("the catalog in {path} cannot be read: {source}")]
    Catalog {
        /// Where.
        path: PathBuf,
        /// Why.
        source: CatalogError,
    },
    /// The address is taken or not ours.
    #[error("{listen} cannot be listened on: {source}; choose another address with --listen")]
    Listen {
        /// Which one.
        listen: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// No thread left.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
}

impl App {
    /// Opens everything and binds. Does not answer yet.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn build(settings: Settings, clock: Clock) -> Result<Self, StartError> {
        // The address first: recovery may take a while, and a second server on the same
        // address should not touch the data.
        let listen = settings.listen;
        let bound = TcpListener::bind(listen).await;
        let listener = bound.map_err(|source| StartError::Listen { listen, source })?;
        let address =
            listener.local_addr().map_err(|source| StartError::Listen { listen, source })?;
        let (stop, stopping) = watch::channel(false);
        let opened = tokio::task::spawn_blocking(move || open(settings, clock, stopping)).await;
        let (service, jobs, first_key) =
            opened.map_err(|panic| StartError::Thread(std::io::Error::other(panic)))??;
        Ok(Self { service, listener, address, jobs, stop, first_key })
    }

    /// Where it listens, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `end` resolves; then finishes what is under way, and closes the store.
    pub async fn run(self, end: impl Future<Output = ()>) {
        let Self { service, listener, jobs, stop, .. } = self;
        let router = router::router(&service);
        let drain = service.settings.drain;
        let serving = serve::serve(listener, router, stop.subscribe(), drain);
        let ending = async {
            end.await;
            tracing::info!("no further requests are accepted");
            stop.send_replace(true);
        };
        tokio::join!(serving, ending);
        let closed = tokio::task::spawn_blocking(move || {
            jobs.stop();
            service.engine.close();
        });
        if closed.await.is_err() {
            tracing::error!("the store ended with a panic");
        }
        tracing::info!("the service has ended");
    }
}

type Opened = (Arc<Service>, Running, Option<AccessKey>);

fn open(
    settings: Settings,
    clock: Clock,
    stopping: watch::Receiver<bool>,
) -> Result<Opened, StartError> {
    let data = settings.data.clone();
    make_private_dir(&data)
        .map_err(|source| StartError::Directory { path: data.clone(), source })?;
    let engine_settings =
        EngineSettings { damaged_log: settings.damaged_log, ..EngineSettings::default() };
    let decode = Arc::new(PayloadDecode);
    let (engine, report) = Engine::open(Arc::new(RealDisk), &data, engine_settings, decode)
        .map_err(|source| StartError::Store { path: data.clone(), source })?;
    tracing::info!(
        groups = report.groups,
        rows = report.rows,
        log_files = report.log_files,
        torn_bytes = report.torn_bytes,
        orphan_blobs = report.orphan_blobs,
        "the store is open"
    );
    for damage in &report.damages {
        tracing::error!(damage, "a damaged part of the log was given up");
    }
    let engine = Arc::new(engine);
    let unreadable = |source| StartError::Catalog { path: data.clone(), source };
    let records = Arc::clone(engine.catalog());
    let catalog = Arc::new(Catalog::open(records, clock.clone()).map_err(unreadable)?);
    let (keys, first_key) = keys(&settings.access, &catalog).map_err(unreadable)?;

    let metrics = Arc::new(Metrics::default());
    let control = Arc::new(Control::new(Arc::clone(&catalog)));
    let registry = metrics.registry(Arc::clone(&engine), Arc::clone(&control), clock.clone());
    let jobs = Jobs {
        engine: Arc::clone(&engine),
        catalog: Arc::clone(&catalog),
        control: Arc::clone(&control),
        metrics: Arc::clone(&metrics),
        clock: clock.clone(),
    };
    let service = Service {
        keys,
        shield: Shield::new(settings.ingest_memory_bytes, settings.query_slots, PATIENCE),
        ingest: Arc::new(Ingest::new(
            Arc::clone(&engine),
            Arc::clone(&metrics),
            settings.max_body_bytes,
            settings.log_times,
        )),
        search: Search::new(
            Arc::clone(&engine),
            Arc::new(query::LocalExec),
            Arc::clone(&metrics),
            settings.query_timeout,
        ),
        sessions: Sessions::default(),
        settings,
        clock,
        catalog,
        control,
        engine,
        metrics,
        registry,
        complaints: Complaints::default(),
        stopping,
    };
    let jobs = jobs.start().map_err(StartError::Thread)?;
    Ok((Arc::new(service), jobs, first_key))
}

fn keys(access: &Access, catalog: &Catalog) -> Result<(Keys, Option<AccessKey>), CatalogError> {
    match access {
        Access::Open => Ok((Keys::default(), None)),
        Access::Signed { given: Some(given), .. } => {
            let keys = catalog.access_keys()?.into_iter().chain([given.clone()]);
            Ok((Keys::new(keys), None))
        }
        Access::Signed { given: None, .. } => {
            let first = catalog.first_access_key()?;
            Ok((Keys::new(catalog.access_keys()?), first))
        }
    }
}

/// Logs and secrets are in it: nobody else on the machine has to read them.
fn make_private_dir(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
