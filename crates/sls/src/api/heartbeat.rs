//! ConfigServer v2: how an agent learns its configurations (`agent.md` section 6.2).
//!
//! The messages are those of the package `configserver.proto.v2`, written by hand: the numbers
//! are the contract, and a generator would need a program that is not in the toolchain.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use prost::Message;

use super::{Call, PROTOBUF, Parts, Scope};

/// One tag of an agent. A user-defined id travels as the value of a tag.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AgentGroupTag {
    /// Kind of the tag.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The identity.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// What became of a configuration in an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum ConfigStatus {
    /// Nothing known.
    Unset = 0,
    /// Received, not yet running.
    Applying = 1,
    /// Running.
    Applied = 2,
    /// Refused; the message says why.
    Failed = 3,
}

/// One configuration as the agent has it.
#[derive(Clone, PartialEq, Message)]
pub struct ConfigInfo {
    /// Name on the wire, see [`wire_name`].
    #[prost(string, tag = "1")]
    pub name: String,
    /// Version; [`DELETED`] when the agent removed it.
    #[prost(int64, tag = "2")]
    pub version: i64,
    /// What became of it.
    #[prost(enumeration = "ConfigStatus", tag = "3")]
    pub status: i32,
    /// Reason of a failure.
    #[prost(string, tag = "4")]
    pub message: String,
    /// Free.
    #[prost(btree_map = "string, bytes", tag = "5")]
    pub extra: BTreeMap<String, Vec<u8>>,
}

/// Facts about an agent.
#[derive(Clone, PartialEq, Message)]
pub struct AgentAttributes {
    /// Version of the agent.
    #[prost(bytes = "vec", tag = "1")]
    pub version: Vec<u8>,
    /// Address.
    #[prost(bytes = "vec", tag = "2")]
    pub ip: Vec<u8>,
    /// Host name.
    #[prost(bytes = "vec", tag = "3")]
    pub hostname: Vec<u8>,
    /// Identity of the host.
    #[prost(bytes = "vec", tag = "4")]
    pub hostid: Vec<u8>,
    /// Free.
    #[prost(btree_map = "string, bytes", tag = "100")]
    pub extras: BTreeMap<String, Vec<u8>>,
}

/// What an agent sends every few seconds.
#[derive(Clone, PartialEq, Message)]
pub struct HeartbeatRequest {
    /// Repeated in the answer.
    #[prost(bytes = "vec", tag = "1")]
    pub request_id: Vec<u8>,
    /// One more with each heartbeat.
    #[prost(uint64, tag = "2")]
    pub sequence_num: u64,
    /// Bits of [`agent_capability`].
    #[prost(uint64, tag = "3")]
    pub capabilities: u64,
    /// Identity of this agent process.
    #[prost(bytes = "vec", tag = "4")]
    pub instance_id: Vec<u8>,
    /// Such as `LoongCollector` or `Sidetail`.
    #[prost(string, tag = "5")]
    pub agent_type: String,
    /// Facts; absent when unchanged.
    #[prost(message, optional, tag = "6")]
    pub attributes: Option<AgentAttributes>,
    /// Groups the agent belongs to.
    #[prost(message, repeated, tag = "7")]
    pub tags: Vec<AgentGroupTag>,
    /// Free text.
    #[prost(string, tag = "8")]
    pub running_status: String,
    /// UNIX seconds.
    #[prost(int64, tag = "9")]
    pub startup_time: i64,
    /// Collection configurations.
    #[prost(message, repeated, tag = "10")]
    pub continuous_pipeline_configs: Vec<ConfigInfo>,
    /// Configurations of the agent itself.
    #[prost(message, repeated, tag = "11")]
    pub instance_configs: Vec<ConfigInfo>,
    /// One-time commands.
    #[prost(message, repeated, tag = "12")]
    pub onetime_pipeline_configs: Vec<ConfigInfo>,
    /// Bits of [`request_flag`].
    #[prost(uint64, tag = "13")]
    pub flags: u64,
    /// Free.
    #[prost(bytes = "vec", tag = "14")]
    pub opaque: Vec<u8>,
}

/// A new or changed configuration.
#[derive(Clone, PartialEq, Message)]
pub struct ConfigDetail {
    /// Name on the wire, see [`wire_name`].
    #[prost(string, tag = "1")]
    pub name: String,
    /// Version; any other than the known one is an update, [`DELETED`] takes it away.
    #[prost(int64, tag = "2")]
    pub version: i64,
    /// The configuration as JSON; empty for a deletion.
    #[prost(bytes = "vec", tag = "3")]
    pub detail: Vec<u8>,
    /// Free.
    #[prost(btree_map = "string, bytes", tag = "4")]
    pub extra: BTreeMap<String, Vec<u8>>,
}

/// A one-time command.
#[derive(Clone, PartialEq, Message)]
pub struct CommandDetail {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The command as JSON.
    #[prost(bytes = "vec", tag = "2")]
    pub detail: Vec<u8>,
    /// UNIX seconds.
    #[prost(int64, tag = "3")]
    pub expire_time: i64,
    /// Free.
    #[prost(btree_map = "string, bytes", tag = "4")]
    pub extra: BTreeMap<String, Vec<u8>>,
}

/// Whether the server could answer.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CommonResponse {
    /// 0 is success; anything else means: ignore the rest and try later.
    #[prost(int32, tag = "1")]
    pub status: i32,
    /// Reason.
    #[prost(bytes = "vec", tag = "2")]
    pub error_message: Vec<u8>,
}

/// What the server answers to a heartbeat.
#[derive(Clone, PartialEq, Message)]
pub struct HeartbeatResponse {
    /// That of the request.
    #[prost(bytes = "vec", tag = "1")]
    pub request_id: Vec<u8>,
    /// Whether the rest means anything.
    #[prost(message, optional, tag = "2")]
    pub common_response: Option<CommonResponse>,
    /// Bits of [`server_capability`].
    #[prost(uint64, tag = "3")]
    pub capabilities: u64,
    /// What changed since the versions the agent reported.
    #[prost(message, repeated, tag = "4")]
    pub continuous_pipeline_config_updates: Vec<ConfigDetail>,
    /// As above, for the agent itself.
    #[prost(message, repeated, tag = "5")]
    pub instance_config_updates: Vec<ConfigDetail>,
    /// One-time commands.
    #[prost(message, repeated, tag = "6")]
    pub onetime_pipeline_config_updates: Vec<CommandDetail>,
    /// Bits of [`response_flag`].
    #[prost(uint64, tag = "7")]
    pub flags: u64,
    /// Free.
    #[prost(bytes = "vec", tag = "8")]
    pub opaque: Vec<u8>,
}

/// Asks for details, or reports states: both requests have the same shape.
#[derive(Clone, PartialEq, Message)]
pub struct ConfigStates {
    /// Repeated in the answer.
    #[prost(bytes = "vec", tag = "1")]
    pub request_id: Vec<u8>,
    /// Identity of this agent process.
    #[prost(bytes = "vec", tag = "2")]
    pub instance_id: Vec<u8>,
    /// Collection configurations.
    #[prost(message, repeated, tag = "3")]
    pub continuous_pipeline_configs: Vec<ConfigInfo>,
    /// Configurations of the agent itself.
    #[prost(message, repeated, tag = "4")]
    pub instance_configs: Vec<ConfigInfo>,
    /// One-time commands.
    #[prost(message, repeated, tag = "5")]
    pub onetime_pipeline_configs: Vec<ConfigInfo>,
}

/// The answer to [`FetchConfig`].
#[derive(Clone, PartialEq, Message)]
pub struct FetchConfigResponse {
    /// That of the request.
    #[prost(bytes = "vec", tag = "1")]
    pub request_id: Vec<u8>,
    /// Whether the rest means anything.
    #[prost(message, optional, tag = "2")]
    pub common_response: Option<CommonResponse>,
    /// The details asked for.
    #[prost(message, repeated, tag = "3")]
    pub continuous_pipeline_config_updates: Vec<ConfigDetail>,
    /// The details asked for.
    #[prost(message, repeated, tag = "4")]
    pub instance_config_updates: Vec<ConfigDetail>,
    /// The details asked for.
    #[prost(message, repeated, tag = "5")]
    pub onetime_pipeline_config_updates: Vec<CommandDetail>,
}

/// The answer to [`ReportStatus`].
#[derive(Clone, PartialEq, Message)]
pub struct ReportStatusResponse {
    /// That of the request.
    #[prost(bytes = "vec", tag = "1")]
    pub request_id: Vec<u8>,
    /// Whether the report was taken.
    #[prost(message, optional, tag = "2")]
    pub common_response: Option<CommonResponse>,
}

/// Version of a configuration that is to be removed, or was.
pub const DELETED: i64 = -1;

/// Bits of `HeartbeatRequest.capabilities`.
pub mod agent_capability {
    /// Takes collection configurations.
    pub const CONTINUOUS: u64 = 1;
    /// Takes configurations of the agent itself.
    pub const INSTANCE: u64 = 2;
    /// Takes one-time commands.
    pub const ONETIME: u64 = 4;
}

/// Bits of `HeartbeatRequest.flags`.
pub mod request_flag {
    /// The request says everything, not only what changed.
    pub const FULL_STATE: u64 = 1;
}

/// Bits of `HeartbeatResponse.capabilities`: what the server remembers between heartbeats.
pub mod server_capability {
    /// Attributes.
    pub const REMEMBERS_ATTRIBUTES: u64 = 1;
    /// States of collection configurations.
    pub const REMEMBERS_CONTINUOUS_STATUS: u64 = 2;
    /// States of configurations of the agent itself.
    pub const REMEMBERS_INSTANCE_STATUS: u64 = 4;
    /// States of one-time commands.
    pub const REMEMBERS_ONETIME_STATUS: u64 = 8;
}

/// Bits of `HeartbeatResponse.flags`.
pub mod response_flag {
    /// The next heartbeat must say everything.
    pub const REPORT_FULL_STATE: u64 = 1;
    /// Details of collection configurations must be fetched.
    pub const FETCH_CONTINUOUS_DETAIL: u64 = 2;
    /// Details of configurations of the agent itself must be fetched.
    pub const FETCH_INSTANCE_DETAIL: u64 = 4;
}

/// `POST /Agent/Heartbeat`.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// The message.
    pub request: HeartbeatRequest,
    /// Ask the server to hold the answer until something changes, for as long as it allows.
    pub wait_for_change: bool,
}

/// `POST /Agent/FetchConfig`.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchConfig {
    /// Which configurations.
    pub states: ConfigStates,
}

/// `POST /Agent/ReportStatus`.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportStatus {
    /// What became of which configuration.
    pub states: ConfigStates,
}

fn post(path: &str, message: &impl Message) -> Parts {
    let mut parts = Parts::new(Method::POST, path);
    parts.body = Bytes::from(message.encode_to_vec());
    parts.headers.insert(header::CONTENT_TYPE, PROTOBUF);
    parts.headers.insert(super::BODY_RAW_SIZE, http::HeaderValue::from(parts.body.len()));
    parts
}

impl Call for Heartbeat {
    type Response = HeartbeatResponse;
    const NAME: &'static str = "Heartbeat";
    const SCOPE: Scope = Scope::Endpoint;

    fn parts(&self) -> Parts {
        let parts = post("/Agent/Heartbeat", &self.request);
        if self.wait_for_change { parts.with("WaitForChange", "true") } else { parts }
    }

    fn read(_: &HeaderMap, body: &[u8]) -> Result<HeartbeatResponse, String> {
        HeartbeatResponse::decode(body).map_err(|error| error.to_string())
    }
}

impl Call for FetchConfig {
    type Response = FetchConfigResponse;
    const NAME: &'static str = "FetchConfig";
    const SCOPE: Scope = Scope::Endpoint;

    fn parts(&self) -> Parts {
        post("/Agent/FetchConfig", &self.states)
    }

    fn read(_: &HeaderMap, body: &[u8]) -> Result<FetchConfigResponse, String> {
        FetchConfigResponse::decode(body).map_err(|error| error.to_string())
    }
}

impl Call for ReportStatus {
    type Response = ReportStatusResponse;
    const NAME: &'static str = "ReportStatus";
    const SCOPE: Scope = Scope::Endpoint;

    fn parts(&self) -> Parts {
        post("/Agent/ReportStatus", &self.states)
    }

    fn read(_: &HeaderMap, body: &[u8]) -> Result<ReportStatusResponse, String> {
        ReportStatusResponse::decode(body).map_err(|error| error.to_string())
    }
}

const WIRE_PREFIX: &str = "##1.0##";

/// The name of a configuration outside its project, in the form agents have always used in
/// their files: `##1.0##<project>$<config>`.
pub fn wire_name(project: &str, config: &str) -> String {
    format!("{WIRE_PREFIX}{project}${config}")
}

/// Project and configuration of a [`wire_name`]; `None` for a name of another form.
pub fn split_wire_name(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(WIRE_PREFIX)?.split_once('$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_numbers_of_the_protocol() {
        let request = HeartbeatRequest {
            request_id: b"r".to_vec(),
            sequence_num: 3,
            tags: vec![AgentGroupTag { name: "default".into(), value: "id".into() }],
            continuous_pipeline_configs: vec![ConfigInfo {
                name: "c".into(),
                version: -1,
                status: ConfigStatus::Failed.into(),
                message: "m".into(),
                extra: BTreeMap::new(),
            }],
            flags: request_flag::FULL_STATE,
            ..HeartbeatRequest::default()
        };
        let bytes = request.encode_to_vec();
        let expected: &[u8] = b"\x0a\x01r\x10\x03\x3a\x0d\x0a\x07default\x12\x02id\
            \x52\x13\x0a\x01c\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x18\x03\x22\x01m\x68\x01";
        assert_eq!(bytes, expected);
        assert_eq!(HeartbeatRequest::decode(expected).expect("valid"), request);
    }

    #[test]
    fn unknown_fields_are_skipped_and_broken_messages_are_refused() {
        let read = HeartbeatResponse::decode(b"\x0a\x01r\xa2\x06\x01x".as_slice());
        assert_eq!(read.expect("valid").request_id, b"r");
        assert!(HeartbeatResponse::decode(b"\x0a\x09r".as_slice()).is_err());
    }

    #[test]
    fn a_wire_name_is_split_into_its_two_parts() {
        let name = wire_name("prj", "nginx");
        assert_eq!(name, "##1.0##prj$nginx");
        assert_eq!(split_wire_name(&name), Some(("prj", "nginx")));
        assert_eq!(split_wire_name("nginx"), None);
    }

    #[test]
    fn a_long_poll_is_asked_for_in_the_query() {
        let heartbeat = Heartbeat { request: HeartbeatRequest::default(), wait_for_change: true };
        assert_eq!(heartbeat.parts().target(), "/Agent/Heartbeat?WaitForChange=true");
    }
}
