//! Where the status of every object is kept: files now, the objects' status later.
//!
//! A record outlives its object until what the object put into the service is gone. It plays the
//! part of a finalizer: without it, a deletion seen while the service is away would be forgotten.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::crd::{DeletionPolicy, ObjectKey, Status};

/// What is remembered about one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Which object.
    pub object: ObjectKey,
    /// The manifest that it came from.
    pub origin: String,
    /// What to do when it is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Hash of the spec that `status` is about.
    #[serde(default)]
    pub spec_hash: String,
    /// What was said about it last.
    pub status: Status,
}

/// Keeps records.
pub trait Records {
    /// All records.
    ///
    /// # Errors
    /// When they cannot be read. Nothing may be cleaned up then.
    fn load(&self) -> io::Result<Vec<Record>>;

    /// Keeps a record in the place of an earlier one of the same object.
    ///
    /// # Errors
    /// When it is not kept.
    fn save(&self, record: &Record) -> io::Result<()>;

    /// Forgets an object. One that is not known is no error.
    ///
    /// # Errors
    /// When it is still remembered.
    fn remove(&self, object: &ObjectKey) -> io::Result<()>;
}

/// Records in a directory, one file `NAMESPACE.NAME.json` each.
#[derive(Debug)]
pub struct RecordFiles {
    directory: PathBuf,
}

impl RecordFiles {
    /// Opens the directory and makes it when it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        fs::create_dir_all(&directory)?;
        Ok(Self { directory })
    }

    fn path(&self, object: &ObjectKey) -> PathBuf {
        // Names come from users and must not lead to other directories. A namespace has no dot,
        // so the first dot ends it and no two objects share a file.
        let plain = |text: &str| -> String {
            text.chars()
                .map(|letter| match letter {
                    'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => letter.to_string(),
                    other => format!("%{:x}", u32::from(other)),
                })
                .collect()
        };
        let namespace = plain(&object.namespace).replace('.', "%2e");
        self.directory.join(format!("{namespace}.{}.json", plain(&object.name)))
    }
}

impl Records for RecordFiles {
    fn load(&self) -> io::Result<Vec<Record>> {
        let mut records = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                records.push(read_record(&path)?);
            }
        }
        records.sort_by(|a: &Record, b| a.object.cmp(&b.object));
        Ok(records)
    }

    fn save(&self, record: &Record) -> io::Result<()> {
        let path = self.path(&record.object);
        let aside = path.with_extension("json.new");
        let mut text = serde_json::to_string_pretty(record)?;
        text.push('\n');
        let mut file = fs::File::create(&aside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&aside, &path)?;
        // The name is durable only with its directory.
        fs::File::open(&self.directory)?.sync_all()
    }

    fn remove(&self, object: &ObjectKey) -> io::Result<()> {
        match fs::remove_file(self.path(object)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn read_record(path: &Path) -> io::Result<Record> {
    let text = fs::read_to_string(path)?;
    serde_json::from_str(&text).map_err(|error| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(namespace: &str, name: &str) -> Record {
        Record {
            object: ObjectKey { namespace: namespace.into(), name: name.into() },
            origin: "a.yaml".into(),
            deletion_policy: DeletionPolicy::Retain,
            spec_hash: "sha256:0".into(),
            status: Status { status: "OK".into(), status_code: 200, ..Status::default() },
        }
    }

    #[test]
    fn records_are_kept_replaced_and_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let records = RecordFiles::open(directory.path().join("status")).unwrap();
        records.save(&record("default", "a.b")).unwrap();
        records.save(&record("default", "c")).unwrap();
        let mut changed = record("default", "c");
        changed.status.status_code = 409;
        records.save(&changed).unwrap();
        assert_eq!(records.load().unwrap(), [record("default", "a.b"), changed.clone()]);
        records.remove(&changed.object).unwrap();
        records.remove(&changed.object).unwrap();
        assert_eq!(records.load().unwrap(), [record("default", "a.b")]);
    }

    #[test]
    fn no_name_leads_out_of_the_directory_or_to_another_objects_file() {
        let directory = tempfile::tempdir().unwrap();
        let records = RecordFiles::open(directory.path()).unwrap();
        let odd =
            [record("../../etc", "x"), record("a.b", "c"), record("a", "b.c"), record("a", "../b")];
        for record in &odd {
            records.save(record).unwrap();
        }
        assert_eq!(records.load().unwrap().len(), odd.len());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), odd.len());
    }

    #[test]
    fn a_damaged_record_is_an_error_and_not_an_object_without_record() {
        let directory = tempfile::tempdir().unwrap();
        let records = RecordFiles::open(directory.path()).unwrap();
        fs::write(directory.path().join("default.a.json"), "{").unwrap();
        assert!(records.load().unwrap_err().to_string().contains("default.a.json"));
    }
}
