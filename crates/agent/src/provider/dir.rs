//! Configurations from a directory: `*.yaml`, `*.yml` and `*.json`, each an `AliyunLogConfig` or
//! a bare configuration; a YAML file may hold several. Files are looked at again and again, and
//! one that cannot be read does not disturb the others.

use super::Offer;
use crate::{info, warn};
use jiff::tz::TimeZone;
use pipeline::identity::content_hash;
use sls::collect::Severity;
use sls::collect::manifest::{Diagnostic, Subject, read, verify};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Time between two looks.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A file as it was read last.
#[derive(Debug)]
struct Known {
    modified: SystemTime,
    bytes: u64,
    offers: Vec<Offer>,
}

/// The directory.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    local_zone: TimeZone,
    files: BTreeMap<PathBuf, Known>,
    is_unreadable: bool,
}

impl Directory {
    /// A directory that was not looked at yet.
    pub fn new(path: PathBuf, local_zone: TimeZone) -> Self {
        Self { path, local_zone, files: BTreeMap::new(), is_unreadable: false }
    }

    /// Looks at all files. Gives the whole set when something changed.
    pub fn look(&mut self) -> Option<Vec<Offer>> {
        let found = match self.list() {
            Ok(found) => {
                self.is_unreadable = false;
                found
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_unreadable, true) {
                    warn!(
                        "configuration directory {} cannot be read: {error}; what runs goes on",
                        self.path.display()
                    );
                }
                return None;
            }
        };
        let mut changed = self.files.len() != found.len();
        let mut files = BTreeMap::new();
        for (path, modified, bytes) in found {
            let known = self.files.remove(&path);
            let known = match known {
                Some(known) if known.modified == modified && known.bytes == bytes => known,
                known => {
                    info!("reading {}", path.display());
                    let before = known.map(|known| known.offers);
                    let offers = match (fs::read_to_string(&path), before) {
                        (Ok(text), _) => {
                            changed = true;
                            self.offers(&path, &text)
                        }
                        // What it held is not known to be unwanted.
                        (Err(error), Some(before)) => {
                            warn!("{}: {error}; what runs of it goes on", path.display());
                            before
                        }
                        (Err(error), None) => {
                            changed = true;
                            vec![unreadable(&path, &error)]
                        }
                    };
                    Known { modified, bytes, offers }
                }
            };
            files.insert(path, known);
        }
        self.files = files;
        changed.then(|| self.files.values().flat_map(|known| known.offers.clone()).collect())
    }

    fn list(&self) -> io::Result<Vec<(PathBuf, SystemTime, u64)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let is_config = path
                .extension()
                .is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|known| ending == *known));
            // Links are followed: a mounted ConfigMap is made of them.
            if is_config
                && let Ok(metadata) = fs::metadata(&path)
                && metadata.is_file()
            {
                found.push((path, metadata.modified()?, metadata.len()));
            }
        }
        Ok(found)
    }

    /// The offers in the text of a file.
    fn offers(&self, path: &Path, text: &str) -> Vec<Offer> {
        let shown = path.display().to_string();
        let documents = read(text);
        let mut offers = Vec::new();
        for (number, document) in documents.iter().enumerate() {
            let compile = |config: &sls::collect::CollectConfig| {
                pipeline::plan::compile(config, &self.local_zone).problems
            };
            let verdict = verify(document, text, None, &compile);
            if matches!(verdict.subject, Some(Subject::Other { .. })) {
                continue;
            }
            let lines = |severity| {
                verdict
                    .diagnostics
                    .iter()
                    .filter(move |diagnostic| diagnostic.severity == severity)
                    .map(|diagnostic| line(&shown, text, diagnostic))
                    .collect::<Vec<_>>()
            };
            for warning in lines(Severity::Warning) {
                warn!("CATEGORY_CONFIG_ALARM {warning}");
            }
            // The first keeps its id when others come or go behind it.
            let id = if number > 0 { format!("{shown}#{number}") } else { shown.clone() };
            offers.push(Offer {
                id,
                version: content_hash(text[document.range.clone()].as_bytes()) as i64,
                config: verdict.config.ok_or_else(|| lines(Severity::Error).join("\n  ")),
            });
        }
        offers
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Offer {
    let reason = format!("{}: {error}", path.display());
    let version = content_hash(reason.as_bytes()) as i64;
    Offer { id: path.display().to_string(), version, config: Err(reason) }
}

/// `file:line:column: what is wrong; what to write instead`.
fn line(file: &str, text: &str, diagnostic: &Diagnostic) -> String {
    let (line, column) = diagnostic.position(text);
    let help = diagnostic.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("{file}:{line}:{column}: {}{help}", diagnostic.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "configName: good\ninputType: file\ninputDetail:\n  logType: common_reg_log\n  \
                        logPath: /var/log\n  filePattern: a.log\noutputDetail:\n  projectName: p\n  \
                        logstoreName: l\n";

    fn directory() -> (tempfile::TempDir, Directory) {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::new(dir.path().to_owned(), TimeZone::UTC);
        (dir, directory)
    }

    #[test]
    fn a_file_that_cannot_be_read_any_more_keeps_what_it_held() {
        let (dir, mut directory) = directory();
        let path = dir.path().join("a.yaml");
        fs::write(&path, format!("{GOOD}---\n{}", GOOD.replace("good", "other"))).unwrap();
        let ids = |offers: Vec<Offer>| offers.into_iter().map(|offer| offer.id).collect::<Vec<_>>();
        let shown = path.display().to_string();
        assert_eq!(ids(directory.look().unwrap()), [shown.clone(), format!("{shown}#1")]);
        fs::write(&path, b"\xff\xfe").unwrap();
        assert_eq!(directory.look(), None);
        fs::write(&path, GOOD).unwrap();
        assert_eq!(ids(directory.look().unwrap()), [shown]);
    }

    #[test]
    fn a_broken_file_is_reported_with_its_place_and_disturbs_no_other() {
        let (dir, mut directory) = directory();
        fs::write(dir.path().join("a.yaml"), GOOD).unwrap();
        let broken =
            GOOD.replace("common_reg_log", "common_reg_log\n  regex: '(\\d+'\n  key: [num]");
        fs::write(dir.path().join("b.yaml"), broken).unwrap();
        fs::write(dir.path().join("notes.txt"), "no configuration").unwrap();
        let offers = directory.look().unwrap();
        assert_eq!(offers.len(), 2);
        assert_eq!(offers[0].config.as_ref().unwrap().name, "good");
        let reason = offers[1].config.as_ref().unwrap_err();
        assert!(
            reason.contains("b.yaml:5:10: inputDetail.regex: the pattern is not valid"),
            "{reason}"
        );
    }

    #[test]
    fn the_whole_set_is_given_when_something_changed() {
        let (dir, mut directory) = directory();
        assert_eq!(directory.look(), None);
        fs::write(dir.path().join("a.yaml"), GOOD).unwrap();
        assert_eq!(directory.look().unwrap().len(), 1);
        assert_eq!(directory.look(), None);
        fs::write(dir.path().join("a.yaml"), GOOD.replace("good", "better")).unwrap();
        let offers = directory.look().unwrap();
        assert_eq!(offers[0].config.as_ref().unwrap().name, "better");
        fs::remove_file(dir.path().join("a.yaml")).unwrap();
        assert_eq!(directory.look(), Some(vec![]));
    }

    #[test]
    fn several_documents_and_other_objects_may_be_in_a_file() {
        let (dir, mut directory) = directory();
        let text = format!("{GOOD}---\nkind: Job\n---\n{}", GOOD.replace("good", "second"));
        fs::write(dir.path().join("a.yaml"), text).unwrap();
        let names: Vec<String> =
            directory.look().unwrap().into_iter().map(|it| it.config.unwrap().name).collect();
        assert_eq!(names, ["good", "second"]);
    }
}
