//! The pipeline format of LoongCollector (`agent` 2.4): one spelling, an object for each plugin.

use super::Effect::{Never, Silent};
use super::{CLOSE, DELAY_ALARM, DELAY_SKIP, GZIP, Key, PRIORITY, ROTATION, key};

const SIDECAR: &str = "has no effect in a sidecar, which reads the shared volume itself";
const NO_SOURCE: &str = "has no effect: the agent does not know this";

const fn one(
    name: &'static str,
    shape: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    key(name, name, shape, default, meaning)
}

/// Keys of the document.
pub(in super::super) const TOP: &[Key] = &[
    one("enable", "truth value", "true", "false: the configuration does not run"),
    one("configName", "text", "name of the file", "name; usually left out"),
    one("logSample", "text", "", "a line of the log"),
    one("global", "object", "", "see `global`"),
    one("inputs", "list of one object", "required", "`input_file`"),
    one(
        "processors",
        "list of objects",
        "",
        "at most one parser, then timestamp, filters and desensitizers",
    ),
    one("flushers", "list of objects", "required", "`flusher_sls`, one or several"),
    one("aggregators", "list of objects", "", "how logs are grouped")
        .effect(Never("has no effect: batches are filled as `Batch` of the flusher says", &[])),
    one("extensions", "list of objects", "", "plugins of Logtail's second process")
        .effect(Never("has no effect: Go plugins do not run here", &[])),
    one("version", "whole number", "", "kept by the service").effect(Silent),
    one("createTime", "whole number", "", "kept by the service").effect(Silent),
];

/// Keys of `global`.
pub(in super::super) const GLOBAL: &[Key] = &[
    one(
        "TopicType",
        "`none`, `default`, `filepath`, `machine_group_topic` or `custom`",
        "`none`",
        "`__topic__`: nothing, the path, the groups of a pattern over it, the machine group's, or a text",
    ),
    one("TopicFormat", "text or pattern", "", "the pattern or text of `TopicType`"),
    one("Priority", "0 to 3", "0", PRIORITY),
    one("EnableTimestampNanosecond", "truth value", "false", "send times with their nanoseconds"),
    one("PipelineMetaTagKey", "object", "", "names of the tags below; empty leaves one out"),
    one(
        "AgentEnvMetaTagKey",
        "object",
        "all, under their own names",
        "names of the tags from `ALIYUN_LOG_ENV_TAGS`; those not named are left out",
    ),
    one("UsingOldContentTag", "truth value", "", "").effect(Silent),
];

/// Keys of `global.PipelineMetaTagKey`. `__default__` stands for the default.
pub(in super::super) const META_TAGS: &[Key] = &[
    one("HOST_NAME", "text", "`__hostname__`", "the agent's host"),
    one("AGENT_TAG", "text", "`__user_defined_id__`", "the machine groups of the agent"),
    one("HOST_ID", "text", "", "id of the machine").effect(Never(NO_SOURCE, &[""])),
    one("CLOUD_PROVIDER", "text", "", "owner of the machine").effect(Never(NO_SOURCE, &[""])),
];

/// Keys of `input_file`.
pub(in super::super) const INPUT_FILE: &[Key] = &[
    one("Type", "`input_file`", "required", "kind of the input"),
    one(
        "FilePaths",
        "list of one to ten paths",
        "required",
        "`/DIRECTORY/PATTERN`, or `/DIRECTORY/**/PATTERN` to search below; `*` and `?` in the components",
    ),
    one("MaxDirSearchDepth", "0 to 1000", "0", "levels of directories that `**` stands for"),
    one(
        "PreservedDirDepth",
        "whole number",
        "−1, all",
        "directories deeper than this in which nothing happened for 15 minutes are only polled, \
         and take no inotify watch",
    ),
    one("ExcludeFilePaths", "list of absolute paths", "", "files that are left out"),
    one("ExcludeFiles", "list of globs", "", "file names that are left out"),
    one("ExcludeDirs", "list of absolute paths", "", "directories that are left out"),
    one("FileEncoding", "`utf8` or `gbk`", "`utf8`", "encoding of the files"),
    one(
        "TailSizeKB",
        "0 to 104857600",
        "1024",
        "how much is read of a file that is older than the agent, from its end",
    ),
    one(
        "FlushTimeoutSecs",
        "seconds",
        "60",
        "how long an unfinished last line waits before it is taken as it is",
    ),
    one(
        "ReadDelaySkipThresholdBytes",
        "bytes",
        "0, never",
        DELAY_SKIP,
    ),
    one(
        "ReadDelayAlertThresholdBytes",
        "bytes",
        "209715200",
        DELAY_ALARM,
    ),
    one(
        "RotatorQueueSize",
        "whole number",
        "no limit",
        ROTATION,
    ),
    one(
        "CloseUnusedReaderIntervalSec",
        "seconds",
        "while it is followed",
        CLOSE,
    ),
    one(
        "TailingAllMatchedFiles",
        "truth value",
        "false",
        "read also files that have not changed since the agent started",
    ),
    one("ReadingGzipHistory", "truth value", "false", GZIP),
    one("Multiline", "object", "", "records of several lines"),
    one("Tags", "object", "", "names of tags"),
    one("FileOffsetKey", "text", "", "field that gets the offset of a log in its file"),
    one(
        "AppendingLogPositionMeta",
        "truth value",
        "false",
        "add the tag `__inode__` and the field `__file_offset__`",
    ),
    one(
        "AllowingIncludedByMultiConfigs",
        "truth value",
        "false",
        "read files that other configurations read too; here every configuration may",
    ),
    one(
        "EnableExactlyOnce",
        "truth value",
        "false",
        "each batch tells the service its file and byte range, always; what holds it already may drop it",
    )
    .effect(Silent),
    one("ExactlyOnceConcurrency", "0 to 512", "0", "see `EnableExactlyOnce`").effect(Silent),
    one("AllowingCollectingFilesInRootDir", "truth value", "", "").effect(Silent),
    one("EnableContainerDiscovery", "truth value", "false", "find files in containers").effect(
        Never("true has no effect in a sidecar, which reads the shared volume itself", &["false"]),
    ),
    one("ContainerFilters", "object", "", "choose containers").effect(Never(SIDECAR, &["{}"])),
    one("ExternalK8sLabelTag", "object", "", "labels as tags").effect(Never(SIDECAR, &["{}"])),
    one("ExternalEnvTag", "object", "", "variables of the container as tags")
        .effect(Never(SIDECAR, &["{}"])),
    one("CollectingContainersMeta", "truth value", "false", "").effect(Silent),
];

/// Keys of `input_file.Multiline`.
pub(in super::super) const MULTILINE: &[Key] = &[
    one("Mode", "`custom`, `JSON` or `whole_file`", "`custom`", "what a record is"),
    one("StartPattern", "pattern", "", "first line of a record"),
    one("ContinuePattern", "pattern", "", "lines that continue a record"),
    one("EndPattern", "pattern", "", "last line of a record"),
    one(
        "UnmatchedContentTreatment",
        "`single_line` or `discard`",
        "`single_line`",
        "what becomes of lines that belong to no record",
    ),
    one("IgnoringUnmatchWarning", "truth value", "false", "such lines raise no alarm"),
];

/// Keys of `input_file.Tags`. `__default__` stands for the default, empty leaves a tag out.
pub(in super::super) const TAGS: &[Key] = &[
    one("FilePathTagKey", "text", "`__path__`", "the file's path"),
    one("FileInodeTagKey", "text", "left out", "the file's inode"),
    one("K8sNamespaceTagKey", "text", "", "namespace").effect(Never(SIDECAR, &[""])),
    one("K8sPodNameTagKey", "text", "", "pod").effect(Never(SIDECAR, &[""])),
    one("K8sPodUidTagKey", "text", "", "pod").effect(Never(SIDECAR, &[""])),
    one("ContainerNameTagKey", "text", "", "container").effect(Never(SIDECAR, &[""])),
    one("ContainerIpTagKey", "text", "", "container").effect(Never(SIDECAR, &[""])),
    one("ContainerImageNameTagKey", "text", "", "container").effect(Never(SIDECAR, &[""])),
];

const TYPE: Key = one("Type", "name of the plugin", "required", "kind of the processor");
const SOURCE_KEY: Key =
    one("SourceKey", "`content`", "required", "field that is parsed; records come as `content`");
const KEEP_FAIL: Key = one(
    "KeepingSourceWhenParseFail",
    "truth value",
    "false",
    "keep what does not parse, whole, under the name of `RenamedSourceKey`",
);
const KEEP_SUCCEED: Key = one(
    "KeepingSourceWhenParseSucceed",
    "truth value",
    "false",
    "add the whole record to what parses",
);
const RENAMED: Key =
    one("RenamedSourceKey", "text", "`content`", "name of the field with the whole record");
const COPING: Key = one(
    "CopingRawLog",
    "truth value",
    "false",
    "name what does not parse `__raw_log__`, with `KeepingSourceWhenParseFail`",
);

/// Keys of `processor_parse_regex_native`.
pub(in super::super) const REGEX: &[Key] = &[
    TYPE,
    SOURCE_KEY,
    one("Regex", "pattern", "required", "matched against the whole record"),
    one("Keys", "list of texts", "required", "names of its groups"),
    KEEP_FAIL,
    KEEP_SUCCEED,
    RENAMED,
    COPING,
];

/// Keys of `processor_parse_json_native`.
pub(in super::super) const JSON: &[Key] =
    &[TYPE, SOURCE_KEY, KEEP_FAIL, KEEP_SUCCEED, RENAMED, COPING];

/// Keys of `processor_parse_delimiter_native`.
pub(in super::super) const DELIMITER: &[Key] = &[
    TYPE,
    SOURCE_KEY,
    one("Separator", "text, `\\t` is a tab", "required", "what stands between two columns"),
    one("Quote", "one character", "`\"`", "quotes columns"),
    one("Keys", "list of texts", "required", "names of the columns"),
    one("AllowingShortenedFields", "truth value", "true", "fewer columns than names are accepted"),
    one(
        "OverflowedFieldsTreatment",
        "`extend`, `keep` or `discard`",
        "`extend`",
        "columns beyond the names become `__columnN__` each, one field together, or nothing",
    ),
    KEEP_FAIL,
    KEEP_SUCCEED,
    RENAMED,
    COPING,
];

/// Keys of `processor_parse_apsara_native`.
pub(in super::super) const APSARA: &[Key] = &[
    TYPE,
    SOURCE_KEY,
    one("Timezone", "`GMT+08:00`", "the agent's zone", "zone of the times in the log"),
    KEEP_FAIL,
    KEEP_SUCCEED,
    RENAMED,
    COPING,
];

/// Keys of `processor_parse_timestamp_native`.
pub(in super::super) const TIMESTAMP: &[Key] = &[
    TYPE,
    one("SourceKey", "text", "required", "field that holds the time of the log"),
    one("SourceFormat", "`strptime` format", "required", "how it reads"),
    one("SourceTimezone", "`GMT+08:00`", "the agent's zone", "zone of the times in the log"),
    one("SourceYear", "year", "the one closest to now", "year of times without one"),
];

/// Keys of `processor_filter_regex_native`.
pub(in super::super) const FILTER_NATIVE: &[Key] = &[
    TYPE,
    one(
        "FilterKey",
        "list of texts",
        "",
        "a log is kept only if each of these fields matches its pattern",
    ),
    one("FilterRegex", "list of patterns", "", "see `FilterKey`"),
    one("Include", "object of patterns by field", "", "the same in one object"),
    one("ConditionExp", "object", "", "conditions joined by `and`, `or` and `not`"),
    one("DiscardingNonUTF8", "truth value", "false", "bytes that are no UTF-8 become spaces"),
];

/// Keys of `ConditionExp` and what is in it.
pub(in super::super) const CONDITION: &[Key] = super::FILTER;

/// Keys of `processor_desensitize_native`.
pub(in super::super) const DESENSITIZE: &[Key] = &[
    TYPE,
    one("SourceKey", "text", "required", "field"),
    one("Method", "`const` or `md5`", "`const`", "what takes the place of the text"),
    one("ReplacingString", "text", "required for `const`", "the text for `const`"),
    one(
        "ContentPatternBeforeReplacedString",
        "pattern",
        "required",
        "what stands before; it stays",
    ),
    one("ReplacedContentPattern", "pattern", "required", "what is replaced"),
    one("ReplacingAll", "truth value", "true", "every place that matches, not only the first"),
];

/// Keys of `flusher_sls`.
pub(in super::super) const FLUSHER_SLS: &[Key] = &[
    one("Type", "`flusher_sls`", "required", "kind of the flusher"),
    one("Project", "text", "from the surrounding object", "project"),
    one("Logstore", "text", "required", "logstore"),
    one("Region", "text", "", "region of the project"),
    one("Endpoint", "text", "the agent's", "address of the service"),
    one("EndpointMode", "text", "", "").effect(Silent),
    one("CompressType", "`lz4`, `zstd` or `none`", "the agent's", "compression of what is sent"),
    one(
        "ShardHashKeys",
        "list of `__topic__`, `__hostname__`, `__source__`",
        "",
        "logs of equal values go to the same shard",
    ),
    one("MaxSendRate", "bytes per second", "no limit", "limit for sending"),
    one("FlowControlExpireTime", "UNIX seconds", "never", "when `MaxSendRate` ends").effect(Silent),
    one("Batch", "object", "", "when a batch is full"),
    one("TelemetryType", "`logs`", "`logs`", "").effect(Silent),
    one("Aliuid", "text", "", "owner of the project").effect(Silent),
    one("Match", "object", "all", "which logs go there")
        .effect(Never("has no effect: every flusher receives every log", &["{}"])),
];

/// Keys of `flusher_sls.Batch`.
pub(in super::super) const BATCH: &[Key] = &[
    one("MinSizeBytes", "bytes", "the agent's", "size of a batch"),
    one("MinCnt", "whole number", "the agent's", "logs of a batch"),
    one("TimeoutSecs", "seconds", "the agent's", "age of a batch"),
];
