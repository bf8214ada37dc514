//! Machine groups: which machines run which configurations (`sls-api.md` section 3.6).

use http::Method;
use serde::{Deserialize, Serialize};

use super::{Page, Parts, call};

/// A set of machines, named by address or by an identity the user chose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineGroup {
    /// 3 to 128 characters of `[a-z0-9_-]`.
    pub group_name: String,
    /// Empty, or `Armory`.
    #[serde(default)]
    pub group_type: String,
    /// What `machine_list` holds.
    #[serde(default)]
    pub machine_identify_type: MachineIdentifyType,
    /// Further properties.
    #[serde(default)]
    pub group_attribute: GroupAttribute,
    /// Addresses or user-defined ids.
    #[serde(default)]
    pub machine_list: Vec<String>,
    /// UNIX seconds, on answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_time: Option<i64>,
    /// UNIX seconds, on answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modify_time: Option<i64>,
}

/// How machines of a group are recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MachineIdentifyType {
    /// By address.
    #[default]
    Ip,
    /// By the identity the user gave them.
    Userdefined,
}

/// Further properties of a machine group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupAttribute {
    /// Name in an outer system.
    pub external_name: String,
    /// Topic of logs whose configuration says `group_topic`.
    pub group_topic: String,
}

/// Creates a machine group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateMachineGroup {
    /// The group.
    pub group: MachineGroup,
}

/// Replaces a machine group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateMachineGroup {
    /// The group; its name says which.
    pub group: MachineGroup,
}

/// Reads a machine group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetMachineGroup {
    /// Which group.
    pub group: String,
}

/// Deletes a machine group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteMachineGroup {
    /// Which group.
    pub group: String,
}

/// Lists the names of machine groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListMachineGroups {
    /// Part of the listing.
    pub page: Page,
    /// Only names that contain this text.
    pub group_name: Option<String>,
}

/// A page of machine group names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineGroupList {
    /// Entries in this page.
    pub count: usize,
    /// Entries in all pages.
    pub total: usize,
    /// The names.
    pub machinegroups: Vec<String>,
}

/// Lists the machines of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListMachines {
    /// Which group.
    pub group: String,
    /// Part of the listing.
    pub page: Page,
}

/// A page of machines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineList {
    /// Entries in this page.
    pub count: usize,
    /// Entries in all pages.
    pub total: usize,
    /// The machines.
    pub machines: Vec<Machine>,
}

/// One machine. An old `lastHeartbeatTime` means that it is away: there is no other status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Address.
    #[serde(default)]
    pub ip: String,
    /// Identity of the agent process, when known.
    #[serde(default, rename = "machine-uniqueid")]
    pub machine_uniqueid: String,
    /// Identity the user gave it.
    #[serde(default, rename = "userdefined-id")]
    pub userdefined_id: String,
    /// UNIX seconds.
    #[serde(default, rename = "lastHeartbeatTime")]
    pub last_heartbeat_time: i64,
    /// What the agent says about each configuration. Ours: other services leave it out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configs: Vec<MachineConfig>,
}

/// What one agent says about one configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MachineConfig {
    /// Name of the configuration.
    pub config_name: String,
    /// Version the agent speaks about.
    pub version: i64,
    /// `applying`, `applied`, `failed` or `unset`.
    pub status: String,
    /// Reason of a failure.
    pub message: String,
}

/// Applies a configuration to a group. May be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyConfig {
    /// Which group.
    pub group: String,
    /// Which configuration.
    pub config: String,
}

/// Takes a configuration away from a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveConfig {
    /// Which group.
    pub group: String,
    /// Which configuration.
    pub config: String,
}

/// Lists the configurations applied to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListAppliedConfigs {
    /// Which group.
    pub group: String,
}

/// Names of the configurations applied to a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedConfigs {
    /// How many.
    pub count: usize,
    /// The names.
    pub configs: Vec<String>,
}

fn path(group: &str) -> String {
    format!("/machinegroups/{group}")
}

call!(CreateMachineGroup, "CreateMachineGroup", Project, (), |this| {
    Parts::json(Method::POST, "/machinegroups", &this.group)
});
call!(UpdateMachineGroup, "UpdateMachineGroup", Project, (), |this| {
    Parts::json(Method::PUT, path(&this.group.group_name), &this.group)
});
call!(GetMachineGroup, "GetMachineGroup", Project, MachineGroup, |this| {
    Parts::new(Method::GET, path(&this.group))
});
call!(DeleteMachineGroup, "DeleteMachineGroup", Project, (), |this| {
    Parts::new(Method::DELETE, path(&this.group))
});
call!(ListMachineGroups, "ListMachineGroups", Project, MachineGroupList, |this| {
    Parts::new(Method::GET, "/machinegroups")
        .with("offset", this.page.offset)
        .with("size", this.page.size)
        .with_some("groupName", this.group_name.as_ref())
});
call!(ListMachines, "ListMachines", Project, MachineList, |this| {
    Parts::new(Method::GET, format!("/machinegroups/{}/machines", this.group))
        .with("offset", this.page.offset)
        .with("size", this.page.size)
});
call!(ApplyConfig, "ApplyConfigToMachineGroup", Project, (), |this| {
    Parts::new(Method::PUT, format!("/machinegroups/{}/configs/{}", this.group, this.config))
});
call!(RemoveConfig, "RemoveConfigFromMachineGroup", Project, (), |this| {
    Parts::new(Method::DELETE, format!("/machinegroups/{}/configs/{}", this.group, this.config))
});
call!(ListAppliedConfigs, "GetAppliedConfigs", Project, AppliedConfigs, |this| {
    Parts::new(Method::GET, format!("/machinegroups/{}/configs", this.group))
});

#[cfg(test)]
mod tests {
    use super::super::Call;
    use super::*;

    #[test]
    fn the_body_of_the_python_client_is_read() {
        let body = r#"{"groupName":"g","groupType":"","machineIdentifyType":"userdefined",
            "groupAttribute":{"externalName":"","groupTopic":"t"},"machineList":["id-1"]}"#;
        let group: MachineGroup = serde_json::from_str(body).expect("valid");
        assert_eq!(group.machine_identify_type, MachineIdentifyType::Userdefined);
        assert_eq!(group.group_attribute.group_topic, "t");
        assert_eq!(group.machine_list, ["id-1"]);
    }

    #[test]
    fn a_machine_has_the_hyphenated_names() {
        let machine =
            Machine { ip: "10.0.0.1".into(), last_heartbeat_time: 7, ..Machine::default() };
        assert_eq!(
            serde_json::to_string(&machine).expect("serializable"),
            r#"{"ip":"10.0.0.1","machine-uniqueid":"","userdefined-id":"","lastHeartbeatTime":7}"#
        );
    }

    #[test]
    fn apply_is_a_put_without_a_body() {
        let parts = ApplyConfig { group: "g".into(), config: "c".into() }.parts();
        assert_eq!(
            (parts.method.as_str(), parts.path.as_str()),
            ("PUT", "/machinegroups/g/configs/c")
        );
        assert!(parts.body.is_empty() && parts.headers.is_empty());
    }
}
