//! Configurations from files: those that end in `.yaml`, `.yml` and `.json` in directories, and
//! single files. A document is an `AliyunLogConfig` or a bare configuration of either format; a
//! YAML file may hold several, and so may the agent's own `user_local_config.json`. Files are
//! looked at again and again, and one that cannot be read does not disturb the others.

use super::{Offer, document};
use crate::{info, warn};
use jiff::tz::TimeZone;
use pipeline::identity::content_hash;
use sls::collect::Target;
use sls::collect::manifest;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Time between two looks.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where files are looked for: a directory, or a single file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The directory or file.
    pub path: PathBuf,
    /// That there is none means that it holds nothing. Otherwise it is unreadable.
    pub may_be_missing: bool,
}

/// A file as it was read last.
#[derive(Debug)]
struct Known {
    place: usize,
    modified: SystemTime,
    bytes: u64,
    offers: Vec<Offer>,
}

/// A file as it was found.
struct Found {
    path: PathBuf,
    modified: SystemTime,
    bytes: u64,
}

/// The files of some places.
#[derive(Debug)]
pub struct Directory {
    places: Vec<Place>,
    local_zone: TimeZone,
    files: BTreeMap<PathBuf, Known>,
    /// Indices of the places that cannot be read.
    unreadable: Vec<usize>,
}

impl Directory {
    /// Places that were not looked at yet.
    pub fn new(places: Vec<Place>, local_zone: TimeZone) -> Self {
        Self { places, local_zone, files: BTreeMap::new(), unreadable: Vec::new() }
    }

    /// Looks at all files. Gives the whole set when something changed.
    pub fn look(&mut self) -> Option<Vec<Offer>> {
        let mut changed = false;
        let mut before = std::mem::take(&mut self.files);
        for number in 0..self.places.len() {
            let found = match list(&self.places[number]) {
                Ok(found) => {
                    self.unreadable.retain(|other| *other != number);
                    found
                }
                Err(error) => {
                    let kept = before.extract_if(.., |_, known| known.place == number);
                    self.files.extend(kept);
                    self.tell_unreadable(number, &error);
                    continue;
                }
            };
            for file in found {
                let known = before.remove(&file.path);
                let (known, is_new) = self.look_at(&file, number, known);
                changed |= is_new;
                self.files.insert(file.path, known);
            }
        }
        // What is left of those before is there no more.
        changed |= !before.is_empty();
        changed.then(|| self.files.values().flat_map(|known| known.offers.clone()).collect())
    }

    /// Reads a file if it is another than before. Gives whether what it offers may have changed.
    fn look_at(&self, file: &Found, place: usize, known: Option<Known>) -> (Known, bool) {
        let Found { path, modified, bytes } = file;
        let (modified, bytes) = (*modified, *bytes);
        let before = match known {
            Some(known) if known.modified == modified && known.bytes == bytes => {
                return (known, false);
            }
            known => known.map(|known| known.offers),
        };
        info!("reading {}", path.display());
        let (offers, changed) = match (fs::read_to_string(path), before) {
            (Ok(text), _) => (self.offers(path, &text), true),
            // What it held is not known to be unwanted.
            (Err(error), Some(before)) => {
                warn!("{}: {error}; what runs of it goes on", path.display());
                (before, false)
            }
            (Err(error), None) => (vec![unreadable(path, &error)], true),
        };
        (Known { place, modified, bytes, offers }, changed)
    }

    fn tell_unreadable(&mut self, number: usize, error: &io::Error) {
        if !self.unreadable.contains(&number) {
            self.unreadable.push(number);
            let is_known = self.files.values().any(|known| known.place == number);
            let meanwhile =
                if is_known { "what runs goes on" } else { "nothing of it runs until it can be" };
            warn!(
                "configurations in {} cannot be read: {error}; {meanwhile}",
                self.places[number].path.display()
            );
        }
    }

    /// The offers in the text of a file.
    fn offers(&self, path: &Path, text: &str) -> Vec<Offer> {
        let shown = path.display().to_string();
        let mut offers = Vec::new();
        for (number, document) in manifest::read(text).iter().enumerate() {
            let target = Target::of_file(&shown, number);
            let read = document::read(document, text, &target, &self.local_zone, Some(&shown));
            let Some(read) = read else { continue };
            // The first keeps its id when others come or go behind it.
            let id = match (&document.name, number) {
                (Some(name), _) => format!("{shown}#{name}"),
                (None, 0) => shown.clone(),
                (None, number) => format!("{shown}#{number}"),
            };
            offers.push(Offer {
                id,
                version: content_hash(text[document.range.clone()].as_bytes()) as i64,
                config: read.config,
                warnings: read.warnings,
            });
        }
        offers
    }
}

fn list(place: &Place) -> io::Result<Vec<Found>> {
    let found = |path: PathBuf, metadata: fs::Metadata| -> io::Result<Found> {
        Ok(Found { path, modified: metadata.modified()?, bytes: metadata.len() })
    };
    // Links are followed: a mounted ConfigMap is made of them.
    let metadata = match fs::metadata(&place.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && place.may_be_missing => {
            return Ok(Vec::new());
        }
        other => other?,
    };
    if metadata.is_file() {
        return Ok(vec![found(place.path.clone(), metadata)?]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(&place.path)? {
        let path = entry?.path();
        let is_config = path
            .extension()
            .is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|known| ending == *known));
        if is_config
            && let Ok(metadata) = fs::metadata(&path)
            && metadata.is_file()
        {
            files.push(found(path, metadata)?);
        }
    }
    Ok(files)
}

fn unreadable(path: &Path, error: &io::Error) -> Offer {
    let reason = format!("{}: {error}", path.display());
    let version = content_hash(reason.as_bytes()) as i64;
    Offer { id: path.display().to_string(), version, config: Err(reason), warnings: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "configName: good\ninputType: file\ninputDetail:\n  logType: common_reg_log\n  \
                        logPath: /var/log\n  filePattern: a.log\noutputDetail:\n  projectName: p\n  \
                        logstoreName: l\n";

    fn directory() -> (tempfile::TempDir, Directory) {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { path: dir.path().to_owned(), may_be_missing: false };
        let directory = Directory::new(vec![place], TimeZone::UTC);
        (dir, directory)
    }

    fn name(offer: &Offer) -> &str {
        &offer.config.as_ref().unwrap().as_ref().unwrap().name
    }

    const PIPELINE: &str = r#"{"inputs": [{"Type": "input_file", "FilePaths": ["/v/a"]}],
        "flushers": [{"Type": "flusher_sls", "Project": "p", "Logstore": "l"}]}"#;

    #[test]
    fn the_agents_own_file_holds_several_configurations_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("user_local_config.json");
        let place = Place { path: path.clone(), may_be_missing: true };
        let mut directory = Directory::new(vec![place], TimeZone::UTC);
        assert_eq!(directory.look(), None);
        let flat = r#"{"log_type": "common_reg_log", "log_path": "/v", "file_pattern": "a",
            "category": "l", "enable": ENABLE}"#;
        let text = |of_two: &str| {
            let one = flat.replace("ENABLE", "true");
            let two = flat.replace("ENABLE", of_two);
            format!(r###"{{"metrics": {{"##1.0##p$one": {one}, "##1.0##p$two": {two}}}}}"###)
        };
        fs::write(&path, text("true")).unwrap();
        let before = directory.look().unwrap();
        assert_eq!(before.iter().map(name).collect::<Vec<_>>(), ["one", "two"]);
        let shown = path.display();
        assert_eq!(before[1].id, format!("{shown}###1.0##p$two"));
        fs::write(&path, text("false")).unwrap();
        let after = directory.look().unwrap();
        assert_eq!(after[0], before[0]);
        assert_eq!(after[1].config, Ok(None));
        fs::remove_file(&path).unwrap();
        assert_eq!(directory.look(), Some(vec![]));
    }

    #[test]
    fn a_configuration_without_a_name_is_called_like_its_file() {
        let (dir, mut directory) = directory();
        fs::write(dir.path().join("app-log.json"), PIPELINE).unwrap();
        assert_eq!(name(&directory.look().unwrap()[0]), "app-log");
        fs::write(dir.path().join("app-log.json"), format!("{PIPELINE}\n---\n{PIPELINE}")).unwrap();
        let offers = directory.look().unwrap();
        assert_eq!(name(&offers[0]), "app-log");
        assert!(offers[1].config.as_ref().unwrap_err().contains("has no file of its own"));
    }

    #[test]
    fn a_place_that_cannot_be_read_keeps_its_configurations_and_disturbs_no_other() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let place = |dir: &tempfile::TempDir| Place {
            path: dir.path().join("configs"),
            may_be_missing: false,
        };
        for dir in [&first, &second] {
            fs::create_dir(place(dir).path).unwrap();
        }
        let mut directory = Directory::new(vec![place(&first), place(&second)], TimeZone::UTC);
        fs::write(place(&first).path.join("one.json"), PIPELINE).unwrap();
        assert_eq!(directory.look().unwrap().len(), 1);
        fs::rename(place(&first).path, first.path().join("away")).unwrap();
        assert_eq!(directory.look(), None);
        fs::write(place(&second).path.join("two.json"), PIPELINE).unwrap();
        let offers = directory.look().unwrap();
        assert_eq!(offers.iter().map(name).collect::<Vec<_>>().len(), 2);
        fs::rename(first.path().join("away"), place(&first).path).unwrap();
        assert_eq!(directory.look(), None);
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
        assert_eq!(name(&offers[0]), "good");
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
        assert_eq!(name(&offers[0]), "better");
        fs::remove_file(dir.path().join("a.yaml")).unwrap();
        assert_eq!(directory.look(), Some(vec![]));
    }

    #[test]
    fn several_documents_and_other_objects_may_be_in_a_file() {
        let (dir, mut directory) = directory();
        let text = format!("{GOOD}---\nkind: Job\n---\n{}", GOOD.replace("good", "second"));
        fs::write(dir.path().join("a.yaml"), text).unwrap();
        let offers = directory.look().unwrap();
        let names: Vec<&str> = offers.iter().map(name).collect();
        assert_eq!(names, ["good", "second"]);
    }
}
