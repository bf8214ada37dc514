//! Settings of Sidetail.

use super::{OptionInfo, own};

pub(super) const OWN: &[OptionInfo] = &[
    own(
        "SIDETAIL_AGENT_ENDPOINT",
        "from the instance file",
        "the log service, `http://HOST[:PORT]` or `https://…`",
    ),
    own(
        "SIDETAIL_AGENT_CONFIG_SERVER",
        "the endpoint",
        "where configurations come from (ConfigServer v2); `none` for none",
    ),
    own(
        "SIDETAIL_AGENT_CONFIG_DIR",
        "none",
        "a directory with configurations, `*.json`, `*.yaml`, `*.yml`",
    ),
    own("SIDETAIL_AGENT_ACCESS_KEY_ID", "none", "id of the access key"),
    own("SIDETAIL_AGENT_ACCESS_KEY_SECRET", "none", "secret of the access key"),
    own(
        "SIDETAIL_AGENT_ACCESS_KEY_ID_FILE",
        "none",
        "a file with the id of the access key; it may change",
    ),
    own(
        "SIDETAIL_AGENT_ACCESS_KEY_SECRET_FILE",
        "none",
        "a file with the secret of the access key; it may change",
    ),
    own("SIDETAIL_AGENT_CA_FILE", "public roots", "PEM certificates to trust instead"),
    own(
        "SIDETAIL_AGENT_STATE_DIR",
        "/var/lib/sidetail-agent",
        "checkpoint, snapshot and last configurations; keep it on a volume",
    ),
    own(
        "SIDETAIL_AGENT_MEMORY_BYTES",
        "2 MiB, less in a small container",
        "most bytes between read and acknowledgement",
    ),
    own(
        "SIDETAIL_AGENT_DRAIN_SECONDS",
        "25",
        "how long the end may take after SIGTERM; keep it below the pod's grace period",
    ),
    own(
        "SIDETAIL_AGENT_LINGER_SECONDS",
        "0",
        "how long after SIGTERM collecting goes on before the end begins; `run_logtail.sh N` sets it",
    ),
    own(
        "SIDETAIL_AGENT_CORNERSTONE",
        "/tasksite/cornerstone where /tasksite exists",
        "a file to touch once every configured path is watched; `none` for none",
    ),
    own(
        "SIDETAIL_AGENT_TOMBSTONE",
        "/tasksite/tombstone where /tasksite exists",
        "a file whose appearance begins the end; `none` for none",
    ),
    own(
        "SIDETAIL_AGENT_TOMBSTONE_SECONDS",
        "600",
        "how long the end may take after the tombstone appeared",
    ),
    own(
        "SIDETAIL_AGENT_REQUESTS_IN_FLIGHT",
        "8",
        "batches on their way to one logstore at the same time, at most; one for each file, so that \
         order is kept",
    ),
    own("SIDETAIL_AGENT_REQUEST_SECONDS", "15", "how long one request may take"),
    own(
        "SIDETAIL_AGENT_LONGEST_PAUSE_SECONDS",
        "60",
        "longest pause before a batch is tried again; most reasons have a shorter one, \
         `Retry-After` may ask for a longer one",
    ),
    own(
        "SIDETAIL_AGENT_KEEP_REFUSED_SECONDS",
        "21600",
        "how long a batch is kept while key, project or logstore are wrong; then it becomes a dead \
         letter",
    ),
    own(
        "SIDETAIL_AGENT_DEAD_LETTER_BYTES",
        "64 MiB",
        "bytes of dead letters on disk at most; 0 for none",
    ),
    own("SIDETAIL_AGENT_BATCH_SECONDS", "0.3", "how old a batch may get before it is sent"),
    own("SIDETAIL_AGENT_SCAN_SECONDS", "1", "how often directories are looked at"),
    own("SIDETAIL_AGENT_HEARTBEAT_SECONDS", "10", "how often configurations are asked for"),
    own(
        "SIDETAIL_AGENT_RELOAD_SECONDS",
        "60",
        "how often user-defined ids, accounts, file tags and `local_event.json` are read again",
    ),
    own(
        "SIDETAIL_AGENT_SNAPSHOT_SECONDS",
        "10",
        "how often the snapshot is written from which `status` and `ledger` answer",
    ),
    own(
        "SIDETAIL_AGENT_PATH_PREFIX",
        "none",
        "stands in front of every configured path, so that a folder can stand for a pod",
    ),
    own(
        "SIDETAIL_AGENT_ADMIN_LISTEN",
        "off",
        "`ADDRESS:PORT` for `/livez`, `/readyz` and `/metrics`",
    ),
    own("SIDETAIL_AGENT_LOG", "info", "error, warn, info or debug"),
    own(
        "SIDETAIL_AGENT_LOG_FILE",
        "standard error",
        "a file for the agent's own log; it is renamed to `….1` at 10 MiB and opened again on SIGHUP",
    ),
    own("SIDETAIL_AGENT_COMPRESSION", "lz4", "lz4, zstd or none"),
    own(
        "SIDETAIL_AGENT_SIGNATURE",
        "auto",
        "`v1` (MD5), `v4` (SHA-256; the service compares `SIDETAIL_AGENT_REGION`), or `auto`: v1, \
         and v4 to a Sidetail server where the processor hashes SHA-256 itself",
    ),
    own(
        "SIDETAIL_AGENT_REGION",
        "none",
        "the region that signature v4 names, such as `cn-hangzhou`",
    ),
    own(
        "SIDETAIL_AGENT_SINK",
        "sls",
        "`null` drops batches before they are compressed: for measuring",
    ),
];
