//! What they know of files and configurations, and what the image of others reads.

use super::{OptionInfo, idle, idle_variable, key, variable};

const BY_ITSELF: &str = "the agent does this by itself, without a limit to set";
const NO_CONTAINERS: &str = "a sidecar does not look for containers";
const DIRECT: &str = "connections go directly; a proxy is not supported";
const NEVER_RESTARTS: &str = "the agent never ends itself";
const NO_PORT: &str =
    "`status` needs no port; for HTTP probes set SIDETAIL_AGENT_ADMIN_LISTEN and ask /livez";

pub(super) const FILES: &[OptionInfo] = &[
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
