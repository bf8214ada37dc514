//! The access log that `gen` writes and the examples collect.

/// The fields that the examples' pattern cuts out of a line, in the order of the line.
pub(crate) const FIELDS: [&str; 11] = [
    "time",
    "ip",
    "method",
    "url",
    "protocol",
    "latency",
    "payload",
    "status",
    "response-size",
    "referer",
    "user-agent",
];
