//! The instance file of Logtail, `ilogtail_config.json` (`agent` 1.2, 1.3), as far as it says
//! where the service is and who the agent is.
//!
//! The commercial image ships one such file for each region. Where it is missing, its path still
//! says the region, and the rest follows from a fixed rule.

use super::values::endpoint;
use super::{Reader, SettingsError, refuse};
use serde_json::{Map, Value};
use sls_client::{Endpoint, KeyPair};
use std::io;
use std::path::Path;

const VARIABLE: &str = "ALIYUN_LOGTAIL_CONFIG";

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct Instance {
    pub(super) endpoint: Option<Endpoint>,
    pub(super) config_server: Option<Endpoint>,
    pub(super) key: Option<KeyPair>,
    pub(super) hostname: Option<String>,
    pub(super) ip: Option<String>,
    pub(super) checkpoint: Option<String>,
}

impl Instance {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, SettingsError> {
        let Some(path) = reader.env(VARIABLE) else { return Ok(Self::default()) };
        match (reader.given.read_file)(Path::new(&path)) {
            Ok(text) => {
                let value: Value = serde_json::from_str(&text)
                    .map_err(|error| refuse(VARIABLE, format!("{path}: {error}")))?;
                let Value::Object(object) = value else {
                    return Err(refuse(VARIABLE, format!("{path}: is not a JSON object")));
                };
                Self::of_object(&object, &path, reader)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let Some(host) = host_of_path(&path) else { return Ok(Self::default()) };
                reader.note("endpoint", &host, &format!("the region in {path}"));
                let endpoint = endpoint(&format!("https://{host}")).ok();
                Ok(Self { endpoint, ..Self::default() })
            }
            Err(error) => Err(refuse(VARIABLE, format!("{path}: {error}"))),
        }
    }

    fn of_object(
        object: &Map<String, Value>,
        path: &str,
        reader: &mut Reader<'_>,
    ) -> Result<Self, SettingsError> {
        let mut text = |key: &str| {
            let value = object.get(key)?.as_str().filter(|value| !value.is_empty())?;
            let shown = if key.contains("access_key") { "(not shown)" } else { value };
            reader.note(key, shown, &format!("{path} {key}"));
            Some(value.to_owned())
        };
        let key = match (text("default_access_key_id"), text("default_access_key")) {
            (Some(id), Some(secret)) => Some(KeyPair { id, secret }),
            _ => None,
        };
        let (hostname, ip) = (text("working_hostname"), text("working_ip"));
        let checkpoint = text("check_point_filename");
        let first = |list: &str, member: &str| {
            let item = object.get(list)?.as_array()?.first()?;
            match item.get(member)? {
                Value::Array(items) => items.first()?.as_str().map(str::to_owned),
                other => other.as_str().map(str::to_owned),
            }
        };
        let data = first("data_server_list", "endpoint");
        let config = first("config_server_list", "endpoint_list").or_else(|| {
            object
                .get("ilogtail_configserver_address")?
                .as_array()?
                .first()?
                .as_str()
                .map(str::to_owned)
        });
        let mut address = |text: Option<String>, key: &str| match text {
            None => Ok(None),
            Some(text) => {
                reader.note(key, &text, &format!("{path} {key}"));
                endpoint(&text)
                    .map(Some)
                    .map_err(|why| refuse(VARIABLE, format!("{path} {key}: {why}")))
            }
        };
        Ok(Self {
            endpoint: address(data, "data_server_list")?,
            config_server: address(config, "config_server_list")?,
            key,
            hostname,
            ip,
            checkpoint,
        })
    }
}

/// The service's host for `…/conf/<region>[-<network>]/ilogtail_config.json`.
fn host_of_path(path: &str) -> Option<String> {
    let token = path.strip_suffix("/ilogtail_config.json")?;
    let (before, token) = token.rsplit_once('/')?;
    if !before.ends_with("/conf") || token.is_empty() {
        return None;
    }
    Some(if let Some(region) = token.strip_suffix("-internet") {
        format!("{region}.log.aliyuncs.com")
    } else if let Some(region) = token.strip_suffix("-inner") {
        format!("{region}-share.log.aliyuncs.com")
    } else if token.ends_with("-acceleration") {
        "log-global.aliyuncs.com".to_owned()
    } else {
        format!("{token}-intranet.log.aliyuncs.com")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_the_region_and_the_network() {
        let host =
            |token: &str| host_of_path(&format!("/etc/ilogtail/conf/{token}/ilogtail_config.json"));
        assert_eq!(host("cn-hangzhou-internet").unwrap(), "cn-hangzhou.log.aliyuncs.com");
        assert_eq!(host("cn-hangzhou-inner").unwrap(), "cn-hangzhou-share.log.aliyuncs.com");
        assert_eq!(host("cn-hangzhou-acceleration").unwrap(), "log-global.aliyuncs.com");
        assert_eq!(host("cn-hangzhou").unwrap(), "cn-hangzhou-intranet.log.aliyuncs.com");
        assert_eq!(host_of_path("/tmp/ilogtail_config.json"), None);
        assert_eq!(host_of_path("/etc/ilogtail/conf/x/other.json"), None);
    }
}
