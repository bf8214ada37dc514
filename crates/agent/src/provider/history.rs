//! History import (`agent` 4.8): `local_event.json` names files that are read whole, once, as a
//! configuration says. Each event becomes an offer of its own beside that configuration: the same
//! rules for other files, from their first byte. It is withdrawn when everything is acknowledged.
//!
//! Events that were taken are kept in the state directory until then, so that an import survives
//! a restart and goes on where it was.

use super::Offer;
use crate::log::alarm;
use crate::{info, warn};
use pipeline::identity::content_hash;
use serde::{Deserialize, Serialize};
use sls::collect::CollectConfig;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The name of this provider: what it offers keeps logs of any age.
pub const PROVIDER: &str = "history";

/// The file that people write.
const FILE: &str = "local_event.json";

/// The file with what is under way.
const TAKEN: &str = "local_event.importing.json";

/// Where Logtail looks for the file.
const LOGTAIL_DIR: &str = "/usr/local/ilogtail";

const ALARM: &str = "LOAD_LOCAL_EVENT_ALARM";

/// Reports of the collector after which it has certainly seen the files of an import.
const SETTLED_AFTER: u64 = 2;

/// One wish: the files `name` in the directory `dir`, as `config` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `##1.0##PROJECT$CONFIG`, `CONFIG#PATH` or just the name.
    config: String,
    /// An absolute directory.
    dir: String,
    /// A file name, maybe with wildcards.
    name: String,
}

impl Event {
    fn shown(&self) -> String {
        format!("{}/{}", self.dir.trim_end_matches('/'), self.name)
    }

    /// Project, if it is named, and name of the configuration.
    fn wanted(&self) -> (Option<&str>, &str) {
        match self.config.strip_prefix("##1.0##") {
            Some(rest) => match rest.split_once('$') {
                Some((project, name)) => (Some(project), name),
                None => (None, rest),
            },
            None => (None, self.config.split('#').next().unwrap_or_default()),
        }
    }

    fn is_of(&self, config: &CollectConfig) -> bool {
        let (project, name) = self.wanted();
        config.name == name && project.is_none_or(|project| config.project() == project)
    }

    /// The configuration with these files instead of its own.
    fn applied(&self, base: &CollectConfig) -> CollectConfig {
        let mut config = base.clone();
        config.name = format!("{} (import of {})", base.name, self.shown());
        config.input.paths.truncate(1);
        for path in &mut config.input.paths {
            self.dir.trim_end_matches('/').clone_into(&mut path.dir);
            path.pattern.clone_from(&self.name);
            path.max_depth = 0;
        }
        config.input.tail_existing = true;
        // Nothing is longer.
        config.input.tail_bytes = Some(u64::MAX);
        config
    }
}

/// How far the collector is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Number of reports so far.
    pub reports: u64,
    /// Bytes seen and not acknowledged, for each configuration that has a file.
    pub unfinished: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Import {
    event: Event,
    /// The running configuration and the report after which it ran.
    since: Option<(String, u64)>,
}

/// What is imported.
#[derive(Debug)]
pub struct History {
    places: Vec<PathBuf>,
    taken: PathBuf,
    imports: Vec<Import>,
    /// Of a file that could not be emptied.
    seen: BTreeMap<PathBuf, u64>,
}

impl History {
    /// Goes on with what an earlier process had begun.
    pub fn new(state_dir: &Path) -> Self {
        let taken = state_dir.join(TAKEN);
        let begun = match fs::read(&taken) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|error| {
                warn!("{}: {error}; its imports are forgotten", taken.display());
                Vec::new()
            }),
            Err(_) => Vec::new(),
        };
        Self {
            places: vec![state_dir.join(FILE), Path::new(LOGTAIL_DIR).join(FILE)],
            taken,
            imports: begun.into_iter().map(|event| Import { event, since: None }).collect(),
            seen: BTreeMap::new(),
        }
    }

    /// Whether something is under way.
    pub fn is_busy(&self) -> bool {
        !self.imports.is_empty()
    }

    /// Takes new events; gives whether there are any.
    pub fn look(&mut self) -> bool {
        let before = self.imports.len();
        for place in self.places.clone() {
            let Ok(text) = fs::read_to_string(&place) else { continue };
            if text.trim().is_empty() {
                continue;
            }
            let shown = place.display().to_string();
            let events: Vec<Event> = match serde_json::from_str(&text) {
                Ok(events) => events,
                Err(error) => {
                    let wanted = "an array of objects with config, dir and name";
                    alarm(ALARM, &shown, format_args!("{error}; it has to be {wanted}"));
                    continue;
                }
            };
            if self.seen.get(&place) == Some(&content_hash(text.as_bytes())) {
                continue;
            }
            for event in events {
                if self.imports.iter().all(|import| import.event != event) {
                    info!("importing {} as {} says", event.shown(), event.config);
                    self.imports.push(Import { event, since: None });
                }
            }
            self.keep();
            if let Err(error) = fs::write(&place, "") {
                self.seen.insert(place, content_hash(text.as_bytes()));
                alarm(ALARM, &shown, format_args!("cannot be emptied: {error}; it is taken once"));
            }
        }
        self.imports.len() != before
    }

    /// Keeps what is under way on disk.
    fn keep(&self) {
        let events: Vec<&Event> = self.imports.iter().map(|import| &import.event).collect();
        let kept = if events.is_empty() {
            fs::remove_file(&self.taken).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
        } else {
            let aside = self.taken.with_extension("new");
            let text = serde_json::to_vec(&events).unwrap_or_default();
            fs::write(&aside, text).and_then(|()| fs::rename(&aside, &self.taken))
        };
        if let Err(error) = kept {
            let shown = self.taken.display().to_string();
            alarm(ALARM, &shown, format_args!("{error}; a restart forgets what is imported"));
        }
    }

    /// The offers of everything under way, as the configurations `known` say now. An event whose
    /// configuration is not known is given up.
    pub fn offers(&mut self, known: &[CollectConfig], progress: &Progress) -> Vec<Offer> {
        let mut offers = Vec::new();
        self.imports.retain_mut(|import| {
            let event = &import.event;
            let Some(base) = known.iter().find(|config| event.is_of(config)) else {
                let reason = format_args!("no configuration {} is known", event.config);
                alarm(ALARM, &event.shown(), reason);
                return false;
            };
            let config = event.applied(base);
            let running = format!("{}/{}", config.project(), config.name);
            import.since.get_or_insert((running, progress.reports));
            offers.push(Offer {
                id: config.name.clone(),
                version: content_hash(format!("{config:?}").as_bytes()) as i64,
                config: Ok(Some(config)),
                warnings: Vec::new(),
            });
            true
        });
        self.keep();
        offers
    }

    /// Withdraws what is complete; gives whether there is any.
    pub fn settle(&mut self, progress: &Progress) -> bool {
        let before = self.imports.len();
        self.imports.retain(|Import { event, since }| {
            let Some((running, reports)) = since else { return true };
            if progress.reports < reports + SETTLED_AFTER {
                return true;
            }
            match progress.unfinished.get(running) {
                Some(0) => {
                    info!("the import of {} is complete", event.shown());
                    false
                }
                Some(_) => true,
                None => {
                    alarm(ALARM, &event.shown(), format_args!("there is no such file"));
                    false
                }
            }
        });
        let is_settled = self.imports.len() != before;
        if is_settled {
            self.keep();
        }
        is_settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sls::collect::{RawCollectConfig, Target, check};

    fn config(name: &str) -> CollectConfig {
        let text = format!(
            r#"{{"configName": "{name}", "inputType": "file", "inputDetail": {{"logType":
            "common_reg_log", "logPath": "/own", "filePattern": "own.log"}},
            "outputDetail": {{"projectName": "p", "logstoreName": "l"}}}}"#
        );
        check(&RawCollectConfig::from_json(&text).unwrap(), &Target::default()).config.unwrap()
    }

    fn event(config: &str) -> String {
        format!(r#"[{{"config": "{config}", "dir": "/old/", "name": "*.log.*"}}]"#)
    }

    fn progress(reports: u64, unfinished: Option<u64>) -> Progress {
        let name = "p/aa (import of /old/*.log.*)".to_owned();
        Progress {
            reports,
            unfinished: unfinished.map(|bytes| (name, bytes)).into_iter().collect(),
        }
    }

    #[test]
    fn every_way_to_name_a_configuration_is_understood() {
        for name in ["##1.0##p$aa", "aa", "aa#/own/own.log"] {
            let events: Vec<Event> = serde_json::from_str(&event(name)).unwrap();
            assert!(events[0].is_of(&config("aa")), "{name}");
            assert!(!events[0].is_of(&config("bb")), "{name}");
        }
        let events: Vec<Event> = serde_json::from_str(&event("##1.0##q$aa")).unwrap();
        assert!(!events[0].is_of(&config("aa")), "another project");
    }

    #[test]
    fn an_event_is_an_offer_until_it_is_acknowledged() {
        let dir = tempfile::tempdir().unwrap();
        let mut history = History::new(dir.path());
        assert!(!history.look());
        fs::write(dir.path().join(FILE), event("aa")).unwrap();
        assert!(history.look());
        assert!(!history.look(), "the file is empty now");
        let offers = history.offers(&[config("aa")], &progress(7, None));
        let offered = offers[0].config.as_ref().unwrap().as_ref().unwrap();
        let path = &offered.input.paths[0];
        assert_eq!((path.dir.as_str(), path.pattern.as_str()), ("/old", "*.log.*"));
        assert!(offered.input.tail_existing);
        // A restart goes on with it.
        let mut history = History::new(dir.path());
        assert!(history.is_busy());
        history.offers(&[config("aa")], &progress(7, None));
        assert!(!history.settle(&progress(8, Some(0))), "the report may be older than the files");
        assert!(!history.settle(&progress(9, Some(4))));
        assert!(history.settle(&progress(10, Some(0))));
        assert!(!History::new(dir.path()).is_busy());
    }

    #[test]
    fn what_cannot_be_imported_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let mut history = History::new(dir.path());
        fs::write(dir.path().join(FILE), event("other")).unwrap();
        assert!(history.look());
        assert_eq!(history.offers(&[config("aa")], &progress(1, None)), []);
        fs::write(dir.path().join(FILE), event("aa")).unwrap();
        assert!(history.look());
        history.offers(&[config("aa")], &progress(1, None));
        assert!(history.settle(&progress(3, None)), "no such file");
        assert!(!history.is_busy());
        fs::write(dir.path().join(FILE), "{").unwrap();
        assert!(!history.look());
    }
}
