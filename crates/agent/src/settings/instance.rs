//! The instance file of Logtail, `ilogtail_config.json`, with the fragments of `config.d` merged
//! over it (`agent` 1.2, 1.3).
//!
//! The commercial image ships one such file for each region. Where it is missing or says no
//! endpoint, its path still says the region, and the rest follows from a fixed rule.

use super::machine::Machine;
use super::reader::Reader;
use super::values::endpoint;
use super::{SettingsError, refuse};
use serde_json::{Map, Value};
use sls_client::Endpoint;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

const VARIABLE: &str = "ALIYUN_LOGTAIL_CONFIG";

/// Keys with their value and the file that says so.
#[derive(Debug, Default)]
pub(super) struct InstanceFile {
    keys: BTreeMap<String, (Value, String)>,
}

impl InstanceFile {
    pub(super) fn get(&self, key: &str) -> Option<(&Value, &str)> {
        self.keys.get(key).map(|(value, path)| (value, path.as_str()))
    }

    /// Keys and the files they are in.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.keys.iter().map(|(key, (_, path))| (key.as_str(), path.as_str()))
    }

    fn merge(&mut self, object: Map<String, Value>, path: &str) {
        for (key, value) in object {
            self.keys.insert(key, (value, path.to_owned()));
        }
    }

    /// A member of the first item of a list; the first of it where it is a list itself.
    fn first(&self, list: &str, member: &str) -> Option<(String, String)> {
        let (value, path) = self.get(list)?;
        let found = match value.as_array()?.first()?.get(member)? {
            Value::Array(items) => items.first()?.as_str()?,
            other => other.as_str()?,
        };
        Some((found.to_owned(), format!("{path} {list}")))
    }

    fn first_text(&self, list: &str) -> Option<(String, String)> {
        let (value, path) = self.get(list)?;
        let found = value.as_array()?.first()?.as_str()?;
        Some((found.to_owned(), format!("{path} {list}")))
    }
}

/// Where the instance file says that the service is.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) endpoint: Option<Endpoint>,
    pub(super) config_server: Option<Endpoint>,
}

/// Reads the instance file and its fragments into the reader, whose options see them from then
/// on; gives where the service is.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Place, SettingsError> {
    let mut synthesised = None;
    if let Some(path) = reader.text(VARIABLE) {
        match reader.given.machine.read(Path::new(&path)) {
            Ok(text) => {
                match object(&text) {
                    Ok(object) => reader.file.merge(object, &path),
                    Err(why) => reader
                        .warnings
                        .push(format!("{VARIABLE}: {path}: {why}; the file is left out")),
                }
                synthesised = host_of_path(&path).map(|host| (host, path));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => match host_of_path(&path) {
                Some(host) => synthesised = Some((host, path)),
                None => reader.warnings.push(format!(
                    "{VARIABLE}: {path} does not exist, and its path names no region"
                )),
            },
            Err(error) => return Err(refuse(VARIABLE, format!("{path}: {error}"))),
        }
    }
    read_fragments(reader);
    let mut place = of_keys(reader)?;
    if place.endpoint.is_none()
        && let Some((host, path)) = synthesised
    {
        reader.note("endpoint", &host, &format!("the region in {path}"));
        place.endpoint = endpoint(&format!("https://{host}")).ok();
    }
    Ok(place)
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("is not a JSON object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Where `user_defined_id`, `users/` and `config.d/` are.
pub(super) fn system_dir(reader: &mut Reader<'_>) -> PathBuf {
    reader
        .text("logtail_sys_conf_dir")
        .map_or_else(|| PathBuf::from("/etc/ilogtail"), PathBuf::from)
}

/// Merges `config.d/*.json`. One that cannot be read does not disturb the others.
fn read_fragments(reader: &mut Reader<'_>) {
    let dir = match reader.text("include_config_path") {
        Some(dir) => PathBuf::from(dir),
        None => {
            let dir = system_dir(reader).join("config.d");
            reader.origins.retain(|origin| origin.setting != "logtail_sys_conf_dir");
            dir
        }
    };
    let machine: &dyn Machine = reader.given.machine;
    let Ok(names) = machine.list(&dir) else { return };
    for name in names.iter().filter(|name| name.ends_with(".json")) {
        let path = dir.join(name);
        let shown = path.display().to_string();
        let read = machine.read(&path).map_err(|error| error.to_string());
        match read.and_then(|text| object(&text)) {
            Ok(object) => reader.file.merge(object, &shown),
            Err(why) => reader.warnings.push(format!("{shown}: {why}; it is left out")),
        }
    }
}

fn of_keys(reader: &mut Reader<'_>) -> Result<Place, SettingsError> {
    let data = reader.file.first("data_server_list", "endpoint");
    let config = reader
        .file
        .first("config_server_list", "endpoint_list")
        .or_else(|| reader.file.first_text("ilogtail_configserver_address"));
    let port = reader.lenient(
        "data_server_port",
        |_| true,
        |text| text.parse::<u16>().map_err(|_| format!("`{text}` is not a port")),
    );
    let mut address = |found: Option<(String, String)>, setting: &str, port: Option<u16>| {
        let Some((text, from)) = found else { return Ok(None) };
        let whole = with_port(&text, port);
        reader.note(setting, &whole, &from);
        endpoint(&whole).map(Some).map_err(|why| refuse(VARIABLE, format!("{from}: {why}")))
    };
    Ok(Place {
        endpoint: address(data, "endpoint", port)?,
        config_server: address(config, "config server", None)?,
    })
}

/// A host without scheme and port, with the port that is set for all.
fn with_port(text: &str, port: Option<u16>) -> String {
    match port {
        Some(port) if !text.contains(':') => {
            let scheme = if port == 443 { "https" } else { "http" };
            format!("{scheme}://{text}:{port}")
        }
        _ => text.to_owned(),
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

    #[test]
    fn a_port_for_all_says_the_scheme() {
        assert_eq!(with_port("h", Some(443)), "https://h:443");
        assert_eq!(with_port("h", Some(80)), "http://h:80");
        assert_eq!(with_port("https://h", Some(80)), "https://h");
        assert_eq!(with_port("h", None), "h");
    }
}
