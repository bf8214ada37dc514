//! Every key that a classic configuration may carry, in both spellings (`agent` 2.1 and 2.2),
//! and the nearest one to a key that is none of them.

/// Keys of the configuration object: camelCase, snake_case.
pub(super) const ENVELOPE: &[(&str, &str)] = &[
    ("configName", "config_name"),
    ("inputType", "input_type"),
    ("inputDetail", "input_detail"),
    ("outputType", "output_type"),
    ("outputDetail", "output_detail"),
    ("logSample", "log_sample"),
    ("createTime", "create_time"),
    ("lastModifyTime", "last_modify_time"),
];

/// Keys of `inputDetail` for `inputType: file`.
pub(super) const INPUT_DETAIL: &[(&str, &str)] = &[
    ("logType", "log_type"),
    ("logPath", "log_path"),
    ("filePattern", "file_pattern"),
    ("maxDepth", "max_depth"),
    ("preserve", "preserve"),
    ("preserveDepth", "preserve_depth"),
    ("dockerFile", "docker_file"),
    ("dockerIncludeLabel", "docker_include_label"),
    ("dockerExcludeLabel", "docker_exclude_label"),
    ("dockerIncludeEnv", "docker_include_env"),
    ("dockerExcludeEnv", "docker_exclude_env"),
    ("topicFormat", "topic_format"),
    ("fileEncoding", "file_encoding"),
    ("logBeginRegex", "log_begin_reg"),
    ("logContinueRegex", "log_continue_reg"),
    ("logEndRegex", "log_end_reg"),
    ("readerFlushTimeout", "reader_flush_timeout"),
    ("regex", "regex"),
    ("key", "keys"),
    ("columnKeys", "column_keys"),
    ("timeKey", "time_key"),
    ("timeFormat", "timeformat"),
    ("adjustTimezone", "tz_adjust"),
    ("logTimezone", "log_tz"),
    ("filterKey", "filter_keys"),
    ("filterRegex", "filter_regs"),
    ("separator", "delimiter_separator"),
    ("quote", "delimiter_quote"),
    ("autoExtend", "auto_extend"),
    ("acceptNoEnoughKeys", "accept_no_enough_keys"),
    ("discardUnmatch", "discard_unmatch"),
    ("enableRawLog", "raw_log"),
    ("sensitive_keys", "sensitive_keys"),
    ("mergeType", "merge_type"),
    ("shardHashKey", "shard_hash_key"),
    ("delayAlarmBytes", "delay_alarm_bytes"),
    ("delaySkipBytes", "delay_skip_bytes"),
    ("maxSendRate", "max_send_rate"),
    ("sendRateExpire", "send_rate_expire"),
    ("priority", "priority"),
    ("tailExisted", "tail_existed"),
    ("localStorage", "local_storage"),
    ("enableTag", "enable_tag"),
    ("customizedFields", "customized_fields"),
    ("compressType", "compressType"),
    ("discardNonUtf8", "discard_none_utf8"),
    ("dirPatternBlackList", "dir_pattern_black_list"),
    ("plugin", "plugin"),
    ("advanced", "advanced"),
];

/// Names that access-log configurations usually give their fields; a mistyped one is likely
/// meant to be one of these.
const USUAL_FIELDS: &[&str] = &[
    "time",
    "ip",
    "method",
    "url",
    "protocol",
    "latency",
    "payload",
    "status",
    "response-size",
    "user-agent",
    "referer",
    "remote_addr",
    "remote_user",
    "time_local",
    "request",
    "request_method",
    "request_uri",
    "request_time",
    "request_length",
    "body_bytes_sent",
    "http_referer",
    "http_user_agent",
    "http_x_forwarded_for",
    "upstream_response_time",
    "host",
    "content",
    "level",
    "message",
    "thread",
    "trace_id",
];

/// The key of `table` that `key` is probably meant to be, in the spelling family of `key`.
pub(super) fn nearest(key: &str, table: &[(&'static str, &'static str)]) -> Option<&'static str> {
    nearest_of(key, table.iter().flat_map(|&(camel, snake)| [camel, snake]))
}

/// The usual field name that `name` is probably meant to be.
pub(super) fn nearest_usual_field(name: &str) -> Option<&'static str> {
    nearest_of(name, USUAL_FIELDS.iter().copied())
}

fn nearest_of(key: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let wanted = key.to_lowercase();
    // A third of the letters wrong is a typing mistake, more is another word.
    let limit = key.chars().count().div_ceil(3);
    names
        .map(|name| (strsim::damerau_levenshtein(&wanted, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
