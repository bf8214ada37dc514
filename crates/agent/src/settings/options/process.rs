//! What Logtail and LoongCollector know of the process: who it is, where the service is, what it may
//! take, where its state is, how it sends.

use super::{OptionInfo, idle, key, variable};

const ONE_READER: &str = "one thread reads and parses, faster than the network of a pod";
const FILE_IS_BUFFER: &str =
    "there is no buffer on disk: what cannot be sent is not read, the log file is the buffer";
const CONTAINER_BOUNDS: &str = "the container's limit bounds the agent, and it never ends itself";
const BY_ITSELF: &str = "the agent does this by itself, without a limit to set";

pub(super) const PROCESS: &[OptionInfo] = &[
    // Who the agent is.
    variable(
        "ALIYUN_LOGTAIL_CONFIG",
        &["LOONG_CONFIG"],
        "none",
        "the instance file; a missing one of the form `…/conf/REGION/ilogtail_config.json` stands \
         for Alibaba Cloud's endpoint of that region",
    ),
    variable(
        "ALIYUN_LOGTAIL_USER_ID",
        &["LOONG_USER_ID"],
        "none",
        "comma-separated account ids, added to the file names in `/etc/ilogtail/users`; reported, \
         since only the closed control channel of Alibaba Cloud needs them",
    ),
    variable(
        "ALIYUN_LOGTAIL_USER_DEFINED_ID",
        &["LOONG_USER_DEFINED_ID"],
        "none",
        "comma-separated ids by which machine groups know this agent; adds to the lines of \
         `/etc/ilogtail/user_defined_id`, which is read again while the agent runs",
    ),
    variable(
        "ALIYUN_LOG_ENV_TAGS",
        &["LOONG_ENV_TAGS"],
        "none",
        "names of variables, joined by `|`; each becomes a tag",
    ),
    variable(
        "ALIYUN_LOG_FILE_TAGS",
        &["LOONG_FILE_TAGS"],
        "none",
        "a file with a JSON object whose members become tags; it is read again while the agent runs",
    ),
    key("working_ip", &["ALIYUN_LOGTAIL_WORKING_IP"], "found", "`__source__` of every log"),
    key(
        "working_hostname",
        &["ALIYUN_LOGTAIL_WORKING_HOSTNAME"],
        "found",
        "`__hostname__` of every log",
    ),
    key(
        "logtail_sys_conf_dir",
        &["ALIYUN_LOGTAIL_SYS_CONF_DIR"],
        "/etc/ilogtail",
        "where `user_defined_id`, `users/` and `config.d/` are",
    ),
    key(
        "include_config_path",
        &[],
        "config.d in the directory before",
        "directory with fragments `*.json` of the instance file, merged over it in the order of \
         their names",
    ),
    // Where the service is.
    key(
        "data_server_list",
        &[],
        "none",
        "where logs go: the first item's `endpoint`, a host or a URL",
    ),
    key(
        "config_server_list",
        &[],
        "none",
        "where configurations come from: the first item's first `endpoint_list` entry",
    ),
    key(
        "ilogtail_configserver_address",
        &[],
        "none",
        "where configurations come from, as iLogtail 1.8 spells it: a list of `HOST:PORT`",
    ),
    key(
        "data_server_port",
        &["ALIYUN_LOGTAIL_DATA_SERVER_PORT"],
        "of the scheme",
        "port of the log service, for endpoints that name none; 443 means HTTPS",
    ),
    key("default_access_key_id", &[], "none", "id of the access key"),
    key("default_access_key", &[], "none", "secret of the access key"),
    idle(
        "config_server_address",
        &[],
        "address of the closed control channel",
        "only Alibaba Cloud's own agents can speak it; configurations come from \
         SIDETAIL_AGENT_CONFIG_SERVER or SIDETAIL_AGENT_CONFIG_DIR",
    ),
    idle(
        "ilogtail_tags",
        &[],
        "tags of the agent towards a config server",
        "machine groups are the user-defined ids",
    ),
    idle("data_endpoint_policy", &[], "how to choose among endpoints", "there is one endpoint"),
    idle(
        "bind_interface",
        &[],
        "network interface of outgoing connections",
        "a pod has one network",
    ),
    // Resources.
    key(
        "mem_usage_limit",
        &[],
        "the container's limit",
        "MB; bounds what is held between read and acknowledgement to an eighth, at most 2 MiB",
    )
    .environment_first(),
    key("send_request_concurrency", &[], "8", "batches on their way at the same time, 1 to 80")
        .environment_first(),
    idle("cpu_usage_limit", &[], "cores; Logtail restarts itself above", CONTAINER_BOUNDS)
        .environment_first(),
    key(
        "max_bytes_per_sec",
        &[],
        "no limit",
        "bytes of log that are read in a second at most, shared evenly by the configurations; from \
         31457280 (30 MiB) on there is no limit, as there is none at the end, after SIGTERM",
    )
    .environment_first(),
    idle("process_thread_count", &[], "threads that parse", ONE_READER).environment_first(),
    idle("resource_auto_scale", &[], "raise limits when there is room", BY_ITSELF),
    idle("input_flow_control", &[], "slow down reading on a busy machine", CONTAINER_BOUNDS),
    // State.
    key(
        "check_point_filename",
        &["ALIYUN_LOGTAIL_CHECK_POINT_PATH"],
        "checkpoint in the state directory",
        "the checkpoint file",
    )
    .environment_first(),
    idle(
        "check_point_dump_interval",
        &["ALIYUN_LOGTAIL_CHECKPOINT_DUMP_INTERVAL"],
        "seconds between two checkpoints",
        "the checkpoint follows every acknowledgement within a second",
    ),
    idle(
        "enable_checkpoint_sync_write",
        &["ALIYUN_LOGTAIL_ENABLE_CHECKPOINT_SYNC_WRITE"],
        "sync each checkpoint to disk",
        "every checkpoint is synced",
    ),
    idle(
        "checkpoint_find_max_file_count",
        &["ALIYUN_LOGTAIL_CHECKPOINT_FIND_MAX_FILE_COUNT"],
        "files looked at to find a renamed one",
        BY_ITSELF,
    ),
    idle(
        "search_checkpoint_default_dir_depth",
        &["ALIYUN_LOGTAIL_SEARCH_CHECKPOINT_DEFAULT_DIR_DEPTH"],
        "depth in which a renamed file is looked for",
        "it is looked for in its directory",
    ),
    // Sending.
    key(
        "batch_send_interval",
        &["ALIYUN_LOGTAIL_BATCH_SEND_INTERVAL"],
        "0.3",
        "seconds that a batch waits for more",
    ),
    key(
        "batch_send_metric_size",
        &["ALIYUN_LOGTAIL_BATCH_SEND_METRIC_SIZE"],
        "524288",
        "bytes at which a batch is sent, from 4 KiB to 4 MiB",
    ),
    key("merge_log_count_limit", &[], "4096", "logs at which a batch is sent, from 1 to 40000"),
    idle("bytes_per_sec", &[], "pace of sending what was buffered on disk", FILE_IS_BUFFER),
    idle("buffer_file_num", &[], "files of the buffer on disk", FILE_IS_BUFFER),
    idle("buffer_file_size", &[], "size of the files of the buffer on disk", FILE_IS_BUFFER),
    idle("buffer_file_path", &[], "directory of the buffer on disk", FILE_IS_BUFFER),
    idle(
        "enable_full_drain_mode",
        &[],
        "send everything before the end",
        "the agent always does, until SIDETAIL_AGENT_DRAIN_SECONDS are over",
    ),
    idle(
        "exit_flushout_duration",
        &[],
        "time for sending at the end",
        "SIDETAIL_AGENT_DRAIN_SECONDS covers reading and sending",
    ),
    idle(
        "oas_connect_timeout",
        &["ALIYUN_LOGTAIL_OAS_CONNECT_TIMEOUT"],
        "seconds to connect",
        BY_ITSELF,
    ),
    key(
        "oas_request_timeout",
        &["ALIYUN_LOGTAIL_OAS_REQUEST_TIMEOUT"],
        "15",
        "seconds that a request may take; it can only be raised",
    ),
    idle(
        "enable_log_time_auto_adjust",
        &["ALIYUN_LOGTAIL_ENABLE_LOG_TIME_AUTO_ADJUST"],
        "follow the clock of the service",
        BY_ITSELF,
    ),
    key(
        "discard_send_fail_interval",
        &[],
        "21600",
        "seconds after which a batch becomes a dead letter while key, project or logstore are wrong",
    ),
];
