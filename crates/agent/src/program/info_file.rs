//! `app_info.json` in the state directory: who this agent is, for people and tools that look
//! where Logtail says it (`agent` 1.2). The UUID is kept as long as the directory is.

use crate::settings::Settings;
use crate::warn;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;

const FILE: &str = "app_info.json";

/// Writes the file. Nothing depends on it.
pub(super) fn write(settings: &Settings, started_seconds: i64) {
    let path = settings.state_dir.join(FILE);
    let uuid = known_uuid(&path).unwrap_or_else(new_uuid);
    let (labels, uname) = (&settings.labels, rustix::system::uname());
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let os = [uname.sysname(), uname.release(), uname.version(), uname.machine()].map(text);
    let updated = Timestamp::from_second(started_seconds).unwrap_or_default();
    let content = json!({
        "UUID": uuid,
        "hostname": labels.hostname,
        "instance_id": format!("{uuid}_{}_{started_seconds}", labels.source),
        "ip": labels.source,
        "logtail_version": env!("CARGO_PKG_VERSION"),
        "os": os.join("; "),
        "update_time": updated.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        "aliuids": settings.membership.accounts,
        "user_defined_ids": settings.membership.ids,
    });
    let aside = path.with_extension("new");
    let written = std::fs::write(&aside, format!("{content:#}\n"));
    if let Err(error) = written.and_then(|()| std::fs::rename(&aside, &path)) {
        warn!("{}: {error}", path.display());
    }
}

fn known_uuid(path: &Path) -> Option<String> {
    let value: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    value.get("UUID")?.as_str().filter(|uuid| uuid.len() == 36).map(str::to_owned)
}

fn new_uuid() -> String {
    // Two numbers that differ from start to start: the seeds of the standard library's maps.
    let number = || RandomState::new().build_hasher().finish();
    let (high, low) = (number(), number());
    format!(
        "{:08X}-{:04X}-4{:03X}-{:04X}-{:012X}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        (low >> 48) & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_form_and_is_found_again() {
        let uuid = new_uuid();
        assert_eq!(uuid.len(), 36, "{uuid}");
        assert_eq!(&uuid[14..15], "4", "{uuid}");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        assert_eq!(known_uuid(&path), None);
        std::fs::write(&path, json!({ "UUID": uuid }).to_string()).unwrap();
        assert_eq!(known_uuid(&path), Some(uuid));
    }
}
