//! The name that a mistyped one is probably meant to be.

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

/// The one of `names` that `key` is probably meant to be.
pub(in super::super) fn nearest(
    key: &str,
    names: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    let wanted = key.to_lowercase();
    // A third of the letters wrong is a typing mistake, more is another word.
    let limit = key.chars().count().div_ceil(3);
    names
        .map(|name| (strsim::damerau_levenshtein(&wanted, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The usual field name that `name` is probably meant to be.
pub(in super::super) fn nearest_usual_field(name: &str) -> Option<&'static str> {
    nearest(name, USUAL_FIELDS.iter().copied())
}
