//! The classic format (`agent` 2.1 and 2.2): camelCase as the console, the API and
//! `AliyunLogConfig` write it, snake_case as the agent's own files do.

use super::Effect::{Never, Silent};
use super::{CLOSE, DELAY_ALARM, DELAY_SKIP, GZIP, Key, ONE_FILE, PRIORITY, ROTATION, key};

const SIDECAR: &str = "has no effect in a sidecar, which reads the shared volume itself";

/// Keys of the configuration object.
pub(in super::super) const ENVELOPE: &[Key] = &[
    key(
        "configName",
        "config_name",
        "text",
        "name of the file",
        "name, 2 to 128 characters of a-z, 0-9, - and _",
    ),
    key("inputType", "input_type", "`file`", "required", "kind of the input"),
    key("inputDetail", "input_detail", "object", "required", "what is read and how"),
    key("outputType", "output_type", "`LogService`", "`LogService`", "kind of the output"),
    key(
        "outputDetail",
        "output_detail",
        "object",
        "of the surrounding object",
        "where the logs go",
    ),
    key(
        "logSample",
        "log_sample",
        "text",
        "",
        "a line of the log; it is checked that the pattern matches it",
    ),
    key("enable", "enable", "truth value", "true", "false: the configuration does not run"),
    key("createTime", "create_time", "whole number", "", "kept by the service").effect(Silent),
    key("lastModifyTime", "last_modify_time", "whole number", "", "kept by the service")
        .effect(Silent),
];

/// Keys beside those of `inputDetail` where the agent's files have everything in one object.
pub(in super::super) const AGENT_FORM: &[Key] = &[
    key("project_name", "project_name", "text", "from the object's name", "project"),
    key("category", "category", "text", "required", "logstore"),
    key("region", "region", "text", "", "region of the project"),
    key("defaultEndpoint", "default_endpoint", "text", "the agent's", "address of the service"),
    key(
        "endpoint_list",
        "endpoint_list",
        "list",
        "",
        "addresses of the service; the agent has one",
    )
    .effect(Silent),
    key("aliuid", "aliuid", "text", "", "owner of the project").effect(Silent),
    key("version", "version", "whole number", "0", "−1: the configuration does not run"),
];

/// Keys of `outputDetail`.
pub(in super::super) const OUTPUT_DETAIL: &[Key] = &[
    key("projectName", "project_name", "text", "of the surrounding object", "project"),
    key("logstoreName", "logstore_name", "text", "of the surrounding object", "logstore"),
    key("endpoint", "endpoint", "text", "the agent's", "address of the service"),
    key("region", "region", "text", "", "region of the project"),
];

/// Keys of `inputDetail` for `inputType: file`.
pub(in super::super) const INPUT_DETAIL: &[Key] = &[
    key(
        "logType",
        "log_type",
        "`common_reg_log`, `json_log`, `delimiter_log` or `apsara_log`",
        "required",
        "how a record becomes fields",
    ),
    key("logPath", "log_path", "text", "required", "directory; `*` and `?` in its components"),
    key("filePattern", "file_pattern", "text", "required", "glob over the file name"),
    key(
        "maxDepth",
        "max_depth",
        "0 to 1000, or −1",
        "1000",
        "levels of directories below `logPath`; 0 is `logPath` alone",
    ),
    key(
        "preserve",
        "preserve",
        "truth value",
        "true",
        "false: directories deeper than `preserveDepth` in which nothing happened for 15 minutes \
         are only polled, and take no inotify watch",
    ),
    key("preserveDepth", "preserve_depth", "1 to 3", "1", "see `preserve`"),
    key("dockerFile", "docker_file", "truth value", "false", "find files in containers").effect(
        Never("true has no effect in a sidecar, which reads the shared volume itself", &["false"]),
    ),
    key("dockerIncludeLabel", "docker_include_label", "object", "", "choose containers")
        .effect(Never(SIDECAR, &["{}"])),
    key("dockerExcludeLabel", "docker_exclude_label", "object", "", "choose containers")
        .effect(Never(SIDECAR, &["{}"])),
    key("dockerIncludeEnv", "docker_include_env", "object", "", "choose containers")
        .effect(Never(SIDECAR, &["{}"])),
    key("dockerExcludeEnv", "docker_exclude_env", "object", "", "choose containers")
        .effect(Never(SIDECAR, &["{}"])),
    key(
        "topicFormat",
        "topic_format",
        "`none`, `default`, `group_topic`, `customized://TEXT` or a pattern over the path",
        "`default`",
        "`__topic__`: nothing, the path, the machine group's, TEXT, or the groups of the pattern",
    ),
    key("fileEncoding", "file_encoding", "`utf8` or `gbk`", "`utf8`", "encoding of the files"),
    key(
        "logBeginRegex",
        "log_begin_reg",
        "pattern",
        "`.*`, single lines",
        "first line of a record",
    ),
    key("logContinueRegex", "log_continue_reg", "pattern", "", "lines that continue a record"),
    key("logEndRegex", "log_end_reg", "pattern", "", "last line of a record"),
    key(
        "readerFlushTimeout",
        "reader_flush_timeout",
        "seconds",
        "60",
        "how long an unfinished last line waits before it is taken as it is",
    ),
    key(
        "regex",
        "regex",
        "pattern, or a list of them",
        "`(.*)`",
        "matched against the whole record; several are tried in turn",
    ),
    key(
        "key",
        "keys",
        "list of texts; in the agent's spelling joined by commas, one text for each pattern",
        "`content`",
        "names of the pattern's groups, or of the columns",
    ),
    key("columnKeys", "column_keys", "list of texts", "", "names of the columns"),
    key(
        "timeKey",
        "time_key",
        "text",
        "`time` in regex mode",
        "field that holds the time of the log",
    ),
    key("timeFormat", "timeformat", "`strptime` format", "the time of collection", "how it reads"),
    key("adjustTimezone", "tz_adjust", "truth value", "false", "`logTimezone` holds"),
    key("logTimezone", "log_tz", "`GMT+08:00`", "the agent's zone", "zone of the times in the log"),
    key(
        "filterKey",
        "filter_keys",
        "list of texts",
        "",
        "a log is kept only if each of these fields matches its pattern",
    ),
    key("filterRegex", "filter_regs", "list of patterns", "", "see `filterKey`"),
    key(
        "separator",
        "delimiter_separator",
        "text, `\\t` is a tab",
        "required in `delimiter_log`",
        "what stands between two columns",
    ),
    key("quote", "delimiter_quote", "one character", "`\"`", "quotes columns"),
    key(
        "autoExtend",
        "auto_extend",
        "truth value",
        "true",
        "columns beyond the names become `__columnN__` each; false: one field together",
    ),
    key(
        "acceptNoEnoughKeys",
        "accept_no_enough_keys",
        "truth value",
        "false",
        "fewer columns than names are accepted",
    ),
    key(
        "discardUnmatch",
        "discard_unmatch",
        "truth value",
        "true",
        "drop what does not parse; false: keep it as `__raw_log__`",
    ),
    key("enableRawLog", "raw_log", "truth value", "false", "add the whole record as `__raw__`"),
    key(
        "sensitive_keys",
        "sensitive_keys",
        "list of objects",
        "",
        "what is made unreadable before it is sent",
    ),
    key(
        "mergeType",
        "merge_type",
        "`topic` or `logstore`",
        "`topic`",
        "what the logs of one batch have in common",
    )
    .effect(Never(ONE_FILE, &["topic"])),
    key(
        "shardHashKey",
        "shard_hash_key",
        "list of `__topic__`, `__hostname__`, `__source__`",
        "",
        "logs of equal values go to the same shard",
    ),
    key("delayAlarmBytes", "delay_alarm_bytes", "bytes", "209715200", DELAY_ALARM),
    key("delaySkipBytes", "delay_skip_bytes", "bytes", "0, never", DELAY_SKIP),
    key("maxSendRate", "max_send_rate", "bytes per second", "−1, no limit", "limit for sending"),
    key("sendRateExpire", "send_rate_expire", "UNIX seconds", "never", "when `maxSendRate` ends")
        .effect(Silent),
    key("priority", "priority", "0 to 3", "0", PRIORITY),
    key(
        "tailExisted",
        "tail_existed",
        "truth value",
        "false",
        "read also files that have not changed since the agent started",
    ),
    key("tailLimit", "tail_limit", "KiB", "1024", "see `advanced.tail_size_kb`"),
    key("localStorage", "local_storage", "truth value", "true", "").effect(Silent),
    key("enableTag", "enable_tag", "truth value", "false", "").effect(Silent),
    key("customizedFields", "customized_fields", "object", "", "").effect(Silent),
    key(
        "compressType",
        "compressType",
        "`lz4`, `zstd` or `none`",
        "the agent's",
        "compression of what is sent",
    ),
    key(
        "discardNonUtf8",
        "discard_none_utf8",
        "truth value",
        "false",
        "bytes that are no UTF-8 become spaces",
    ),
    key(
        "dirPatternBlackList",
        "dir_pattern_black_list",
        "list of paths",
        "",
        "see `advanced.blacklist.dir_blacklist`",
    ),
    key("plugin", "plugin", "object", "", "plugins of Logtail's second process")
        .effect(Never("has no effect: Logtail's Go plugins do not run here", &["{}"])),
    key("advanced", "advanced", "object", "", "the keys below"),
];

/// Keys of `advanced`.
pub(in super::super) const ADVANCED: &[Key] = &[
    key(
        "force_multiconfig",
        "force_multiconfig",
        "truth value",
        "false",
        "read files that other configurations read too; here every configuration may",
    ),
    key(
        "exactly_once_concurrency",
        "exactly_once_concurrency",
        "0 to 512",
        "0",
        "each batch tells the service its file and byte range, always; what holds it already may drop it",
    )
    .effect(Silent),
    key(
        "enable_log_position_meta",
        "enable_log_position_meta",
        "truth value",
        "false",
        "add the tag `__inode__` and the field `__file_offset__`",
    ),
    key(
        "specified_year",
        "specified_year",
        "year",
        "the one closest to now",
        "year of times without one",
    ),
    key("raw_log_tag", "raw_log_tag", "text", "`__raw__`", "name of the field of `enableRawLog`"),
    key("blacklist", "blacklist", "object", "", "what is left out"),
    key(
        "tail_size_kb",
        "tail_size_kb",
        "0 to 104857600",
        "1024",
        "how much is read of a file that is older than the agent, from its end",
    ),
    key("tail_existed", "tail_existed", "truth value", "false", "see `tailExisted`"),
    key("read_gzip_history", "read_gzip_history", "truth value", "false", GZIP),
    key("batch_send_interval", "batch_send_interval", "seconds", "the agent's", "age of a batch"),
    key(
        "max_rotate_queue_size",
        "max_rotate_queue_size",
        "whole number",
        "no limit",
        ROTATION,
    ),
    key(
        "close_unused_reader_interval",
        "close_unused_reader_interval",
        "seconds",
        "while it is followed",
        CLOSE,
    ),
    key(
        "filter_expression",
        "filter_expression",
        "object",
        "",
        "conditions joined by `and`, `or` and `not`; wins over `filterKey`",
    ),
    key(
        "extract_partial_fields",
        "extract_partial_fields",
        "truth value",
        "false",
        "drop the columns named `_` and those beyond the names",
    ),
    key("search_checkpoint_dir_depth", "search_checkpoint_dir_depth", "whole number", "0", "")
        .effect(Silent),
    key(
        "enable_timestamp_nanosecond",
        "enable_timestamp_nanosecond",
        "truth value",
        "false",
        "send times with their nanoseconds",
    ),
    key(
        "enable_precise_timestamp",
        "enable_precise_timestamp",
        "truth value",
        "false",
        "repeat the time with its fraction in a field of its own",
    ),
    key(
        "precise_timestamp_key",
        "precise_timestamp_key",
        "text",
        "`precise_timestamp`",
        "name of that field",
    ),
    key(
        "precise_timestamp_unit",
        "precise_timestamp_unit",
        "`ms`, `us` or `ns`",
        "`ms`",
        "what it counts",
    ),
    key("pass_tags_to_plugin", "pass_tags_to_plugin", "truth value", "", "").effect(Silent),
    key(
        "adjust_apsara_micro_timezone",
        "adjust_apsara_micro_timezone",
        "truth value",
        "false",
        "`microtime` of `apsara_log` is moved by the zone as well",
    ),
    key("enable_root_path_collection", "enable_root_path_collection", "truth value", "", "")
        .effect(Silent),
    key("k8s", "k8s", "object", "", "choose containers").effect(Never(SIDECAR, &["{}"])),
];

/// Keys of `advanced.blacklist`.
pub(in super::super) const BLACKLIST: &[Key] = &[
    key("dir_blacklist", "dir_blacklist", "list of absolute paths", "", "directories"),
    key("filename_blacklist", "filename_blacklist", "list of globs", "", "file names"),
    key("filepath_blacklist", "filepath_blacklist", "list of absolute paths", "", "files"),
];

/// Keys of an item of `sensitive_keys`.
pub(in super::super) const SENSITIVE: &[Key] = &[
    key("key", "key", "text", "required", "field"),
    key("type", "type", "`const` or `md5`", "required", "what takes the place of the text"),
    key("regex_begin", "regex_begin", "pattern", "required", "what stands before; it stays"),
    key("regex_content", "regex_content", "pattern", "required", "what is replaced"),
    key("all", "all", "truth value", "false", "every place that matches, not only the first"),
    key("const", "const", "text", "empty", "the text for `const`"),
];

/// Keys of `advanced.filter_expression` and what is in it.
pub(in super::super) const FILTER: &[Key] = &[
    key("operator", "operator", "`and`, `or` or `not`", "", "joins the operands"),
    key("operands", "operands", "list of objects", "", "two, for `not` one"),
    key("key", "key", "text", "", "field of a condition"),
    key("exp", "exp", "pattern", "", "matched against the whole value"),
    key("type", "type", "`regex`", "`regex`", "kind of the condition"),
];
