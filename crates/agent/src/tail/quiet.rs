//! Deep directories in which nothing happens: `preserve` and `PreservedDirDepth` (`agent` 2.2).
//!
//! Scans look into them as into all others; they only do without a watch of the kernel, of which
//! there is a limited number.

use super::{Collector, Moment, Ship, SourceId};
use crate::files::Files;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A directory is quiet after so long without news.
const QUIET_AFTER: Duration = Duration::from_secs(900);

impl<F: Files, S: Ship> Collector<F, S> {
    /// Finds out which directories of a configuration need no watch.
    pub(super) fn find_quiet_dirs(&mut self, id: SourceId, now: Moment) {
        let Some(source) = self.sources.get(&id) else { return };
        let Some(depth) = source.plan.preserved_depth else { return };
        let deep = source.dirs.iter().filter(|(_, place)| place.depth() > depth);
        let mut news: BTreeMap<PathBuf, u64> = BTreeMap::new();
        for (dir, _) in deep {
            let made = self.files.look(dir).map_or(u64::MAX, |found| found.facts.modified_nanos);
            news.insert(dir.clone(), made);
        }
        for tail in source.by_inode.values().filter_map(|key| self.tails.get(key)) {
            if let Some(newest) = tail.at.parent().and_then(|dir| news.get_mut(dir)) {
                *newest = tail.facts.modified_nanos.max(*newest);
            }
        }
        let quiet_nanos = QUIET_AFTER.as_nanos() as u64;
        let is_quiet = |news: u64| news.saturating_add(quiet_nanos) <= now.wall_nanos;
        let quiet: HashSet<PathBuf> =
            news.into_iter().filter(|(_, news)| is_quiet(*news)).map(|(dir, _)| dir).collect();
        if let Some(source) = self.sources.get_mut(&id) {
            source.quiet_dirs = quiet;
        }
    }

    /// Directories whose changes are of interest, for the watcher.
    pub fn directories(&self) -> impl Iterator<Item = &PathBuf> {
        self.sources.values().flat_map(|source| {
            let is_watched = |dir: &&PathBuf| !source.quiet_dirs.contains(Path::new(dir));
            source.dirs.iter().map(|(dir, _)| dir).filter(is_watched)
        })
    }

    /// Directories that configurations name and that the last scan did not find.
    pub fn absent(&self) -> impl Iterator<Item = &PathBuf> {
        self.sources.values().flat_map(|source| &source.absent)
    }
}
