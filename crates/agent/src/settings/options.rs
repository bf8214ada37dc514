//! Every variable and key that an agent may be given, in one table: what it is called, which
//! source wins, what it does, or why it does nothing here (`agent` 1.1, 1.3).
//!
//! Settings are read through this table only, so that it cannot tell anything else than what is
//! true; the option reference in `docs/operate/` is made from it.

/// Which source wins when several say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// One of ours: an environment variable, which beats every other name for the same thing.
    Own,
    /// An environment variable of Logtail without a key in the instance file.
    Variable,
    /// The environment beats the instance file.
    EnvironmentFirst,
    /// The instance file beats the environment.
    FileFirst,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does what it is for.
    Used,
    /// It is accepted, and does nothing because of this.
    Without(&'static str),
}

/// One setting under all its names.
#[derive(Clone, Copy, Debug)]
pub struct OptionInfo {
    /// The key in the instance file, which is also the name of the flag; where there is none, the
    /// variable.
    pub name: &'static str,
    /// Environment variables that are not made from the name by the two rules of
    /// [`variables`](Self::variables).
    pub named: &'static [&'static str],
    /// Which source wins.
    pub rank: Rank,
    /// What holds when it is not set.
    pub default: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    /// What comes of it.
    pub effect: Effect,
}

impl OptionInfo {
    /// Whether it can stand in the instance file.
    pub fn is_key(&self) -> bool {
        matches!(self.rank, Rank::EnvironmentFirst | Rank::FileFirst)
    }

    /// Its environment variables, the one that wins first. What is a key is also known as
    /// `LOONG_` with the key in capitals, and by the key itself.
    pub fn variables(&self) -> Vec<String> {
        let mut variables: Vec<String> = Vec::new();
        if self.is_key() {
            variables.push(format!("LOONG_{}", self.name.to_ascii_uppercase()));
        }
        variables.extend(self.named.iter().map(|name| (*name).to_owned()));
        variables.push(self.name.to_owned());
        variables
    }
}

const fn own(name: &'static str, default: &'static str, meaning: &'static str) -> OptionInfo {
    OptionInfo { name, named: &[], rank: Rank::Own, default, meaning, effect: Effect::Used }
}

const fn variable(
    name: &'static str,
    named: &'static [&'static str],
    default: &'static str,
    meaning: &'static str,
) -> OptionInfo {
    OptionInfo { name, named, rank: Rank::Variable, default, meaning, effect: Effect::Used }
}

const fn key(
    name: &'static str,
    named: &'static [&'static str],
    default: &'static str,
    meaning: &'static str,
) -> OptionInfo {
    OptionInfo { name, named, rank: Rank::FileFirst, default, meaning, effect: Effect::Used }
}

const fn idle_variable(
    name: &'static str,
    named: &'static [&'static str],
    meaning: &'static str,
    why: &'static str,
) -> OptionInfo {
    let effect = Effect::Without(why);
    OptionInfo { name, named, rank: Rank::Variable, default: "", meaning, effect }
}

const fn idle(
    name: &'static str,
    named: &'static [&'static str],
    meaning: &'static str,
    why: &'static str,
) -> OptionInfo {
    let effect = Effect::Without(why);
    OptionInfo { name, named, rank: Rank::FileFirst, default: "", meaning, effect }
}

impl OptionInfo {
    const fn environment_first(mut self) -> Self {
        self.rank = Rank::EnvironmentFirst;
        self
    }
}

/// Finds an option by its name.
pub fn option(name: &str) -> Option<&'static OptionInfo> {
    OPTIONS.iter().find(|option| option.name == name)
}

const ONE_READER: &str = "one thread reads and parses, faster than the network of a pod";
const FILE_IS_BUFFER: &str =
    "there is no buffer on disk: what cannot be sent is not read, the log file is the buffer";
const BY_ITSELF: &str = "the agent does this by itself, without a limit to set";
const NO_CONTAINERS: &str = "a sidecar does not look for containers";
const DIRECT: &str = "connections go directly; a proxy is not supported";
const NEVER_RESTARTS: &str = "the agent never ends itself";
const NO_PORT: &str =
    "`status` needs no port; for HTTP probes set SIDETAIL_AGENT_ADMIN_LISTEN and ask /livez";

/// All options, ours first.
pub const OPTIONS: &[OptionInfo] = &[
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
    idle(
        "cpu_usage_limit",
        &[],
        "cores; Logtail restarts itself above",
        "the container's limit bounds the agent, and it never ends itself",
    )
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
    idle("input_flow_control", &[], "slow down reading on a busy machine", BY_ITSELF),
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
    // Files.
    key(
        "discard_old_data",
        &["ALIYUN_LOGTAIL_DISCARD_OLD_DATA"],
        "true",
        "drop logs older than `ilogtail_discard_interval`",
    ),
    key("ilogtail_discard_interval", &[], "43200", "age in seconds of logs that are dropped"),
    key(
        "max_read_buffer_size",
        &["ALIYUN_LOGTAIL_MAX_READ_BUFFER_SIZE"],
        "524288",
        "longest record in bytes, 10240 to 8388608; a longer one is sent in pieces",
    ),
    idle(
        "default_tail_limit_kb",
        &["ALIYUN_LOGTAIL_DEFAULT_TAIL_LIMIT_KB"],
        "how much of an old file is read",
        "1 MiB, or `advanced.tail_size_kb` of the configuration; files as young as the pod are read whole",
    ),
    idle(
        "default_reader_flush_timeout",
        &[],
        "seconds that an unfinished line waits",
        "it is `reader_flush_timeout` of the configuration",
    ),
    idle(
        "accept_multi_config",
        &["ALIYUN_LOGTAIL_ACCEPT_MULTI_CONFIG"],
        "let several configurations take one file",
        "they always may",
    ),
    idle(
        "max_multi_config",
        &["ALIYUN_LOGTAIL_MAX_MULTI_CONFIG"],
        "configurations for one file",
        "there is no limit",
    ),
    idle(
        "logreader_max_rotate_queue_size",
        &["ALIYUN_LOGTAIL_LOGREADER_MAX_ROTATE_QUEUE_SIZE"],
        "renamed files that wait to be read",
        BY_ITSELF,
    ),
    idle(
        "logreader_filedeleted_remove_interval",
        &["ALIYUN_LOGTAIL_LOGREADER_FILEDELETED_REMOVE_INTERVAL"],
        "seconds until a deleted file is forgotten",
        BY_ITSELF,
    ),
    idle(
        "reader_close_unused_file_time",
        &["ALIYUN_LOGTAIL_READER_CLOSE_UNUSED_FILE_TIME"],
        "seconds until a quiet file is closed",
        BY_ITSELF,
    ),
    idle(
        "force_release_deleted_file_fd_timeout",
        &[],
        "seconds until a deleted file is let go",
        "a deleted file is read to its end and closed ten seconds later",
    ),
    idle(
        "check_handler_timeout_interval",
        &["ALIYUN_LOGTAIL_CHECK_HANDLER_TIMEOUT_INTERVAL"],
        "seconds between looks at idle directories",
        BY_ITSELF,
    ),
    idle(
        "truncate_pos_skip_bytes",
        &["ALIYUN_LOGTAIL_TRUNCATE_POS_SKIP_BYTES"],
        "bytes not read of a truncated file",
        "a truncated file is read from its start",
    ),
    idle(
        "enable_polling_discovery",
        &["ALIYUN_LOGTAIL_ENABLE_POLLING_DISCOVERY"],
        "find files by polling",
        "polling is always on",
    ),
    idle(
        "polling_dirfile_check_interval_ms",
        &["ALIYUN_LOGTAIL_POLLING_DIRFILE_CHECK_INTERVAL_MS"],
        "time between two looks at directories",
        "it is SIDETAIL_AGENT_SCAN_SECONDS",
    ),
    idle(
        "polling_dir_first_watch_timeout",
        &["ALIYUN_LOGTAIL_POLLING_DIR_FIRST_WATCH_TIMEOUT"],
        "age of directories that are polled at once",
        BY_ITSELF,
    ),
    idle(
        "polling_file_first_watch_timeout",
        &["ALIYUN_LOGTAIL_POLLING_FILE_FIRST_WATCH_TIMEOUT"],
        "age of files that are polled at once",
        BY_ITSELF,
    ),
    idle(
        "polling_modify_check_interval",
        &["ALIYUN_LOGTAIL_POLLING_MODIFY_CHECK_INTERVAL"],
        "time between two looks at files",
        "it is SIDETAIL_AGENT_SCAN_SECONDS",
    ),
    idle(
        "polling_ignore_file_modify_timeout",
        &["ALIYUN_LOGTAIL_POLLING_IGNORE_FILE_MODIFY_TIMEOUT"],
        "seconds until a quiet file is not looked at",
        BY_ITSELF,
    ),
    idle("polling_max_stat_count", &[], "files looked at in one round", BY_ITSELF),
    idle("max_reader_open_files", &[], "files open at the same time", BY_ITSELF),
    idle(
        "default_max_inotify_watch_num",
        &[],
        "watched directories",
        "polling finds what is not watched",
    ),
    idle("no_inotify", &[], "do not use inotify", "it only tells earlier what polling finds"),
    idle(
        "inotify_black_list",
        &[],
        "directories without inotify",
        "it only tells earlier what polling finds",
    ),
    idle("host_path_blacklist", &[], "paths of the host that are not collected", NO_CONTAINERS),
    idle(
        "ignore_dir_inode_changed",
        &[],
        "keep reading in a replaced directory",
        "directories are known by their path",
    ),
    idle(
        "docker_file_cache_path",
        &["ALIYUN_LOGTAIL_DOCKER_FILE_CACHE_PATH"],
        "where containers are remembered",
        NO_CONTAINERS,
    ),
    idle(
        "force_quit_read_timeout",
        &["ALIYUN_LOGTAIL_FORCE_QUIT_READ_TIMEOUT"],
        "seconds without a read until Logtail ends itself",
        NEVER_RESTARTS,
    ),
    // Configurations.
    idle(
        "user_config_file_path",
        &["ALIYUN_LOGTAIL_USER_CONIFG_PATH"],
        "file with the configurations received",
        "they are in the state directory",
    ),
    idle(
        "user_local_config_filename",
        &["ALIYUN_LOGTAIL_USER_LOCAL_CONFIG_FILENAME"],
        "file with configurations of this machine",
        "put it into SIDETAIL_AGENT_CONFIG_DIR",
    ),
    idle(
        "enable_env_ref_in_config",
        &["ALIYUN_LOGTAIL_ENABLE_ENV_REF_IN_CONFIG"],
        "replace `${VAR}` in configurations",
        "configurations are taken as they are",
    ),
    // What the image of others reads.
    variable("LOGTAIL_LOG_LEVEL", &[], "info", "as SIDETAIL_AGENT_LOG"),
    idle_variable(
        "LOGTAIL_MODE",
        &["LOONG_LOGTAIL_MODE"],
        "old directory layout",
        "there is one layout; the paths of both are understood",
    ),
    idle_variable("HTTP_PROBE_PORT", &[], "port that the control script asks", NO_PORT),
    idle_variable("PORT_INITIAL_DELAY_SEC", &[], "pause before the port is asked", NO_PORT),
    idle_variable("LIVENESS_CHECK_INTERVAL", &[], "pause between two questions", NO_PORT),
    idle_variable("PORT_RETRY_COUNT", &[], "questions before giving up", NO_PORT),
    idle_variable("PORT_RETRY_INTERVAL", &[], "pause between two tries", NO_PORT),
    idle_variable("HTTP_PROXY", &["http_proxy"], "proxy for HTTP", DIRECT),
    idle_variable("HTTPS_PROXY", &["https_proxy"], "proxy for HTTPS", DIRECT),
    idle_variable("ALL_PROXY", &["all_proxy"], "proxy for everything", DIRECT),
    idle_variable("NO_PROXY", &["no_proxy"], "hosts without proxy", DIRECT),
    variable("TZ", &[], "/etc/localtime", "zone of times in logs that name none"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_name_stands_for_two_options() {
        let mut seen = HashSet::new();
        for option in OPTIONS {
            for variable in option.variables() {
                assert!(seen.insert(variable.clone()), "{variable} of {}", option.name);
            }
        }
    }

    #[test]
    fn every_option_says_what_it_is_for_and_what_holds_without_it() {
        for option in OPTIONS {
            assert!(!option.meaning.is_empty(), "{}", option.name);
            match option.effect {
                Effect::Used => assert!(!option.default.is_empty(), "{}", option.name),
                Effect::Without(why) => assert!(!why.is_empty(), "{}", option.name),
            }
            assert_eq!(option.rank == Rank::Own, option.name.starts_with("SIDETAIL_AGENT_"));
        }
    }

    #[test]
    fn a_key_has_the_names_of_both_generations() {
        let names = option("working_ip").unwrap().variables();
        assert_eq!(names, ["LOONG_WORKING_IP", "ALIYUN_LOGTAIL_WORKING_IP", "working_ip"]);
    }
}
