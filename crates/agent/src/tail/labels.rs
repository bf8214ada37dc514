//! Another membership while files are followed: batches that are open are sent as they are, and
//! what is read from now on has the new labels.

use super::source::file_labels;
use super::{Collector, FileKey, Ship};
use crate::files::Files;
use pipeline::tags::AgentLabels;

impl<F: Files, S: Ship> Collector<F, S> {
    /// Goes on with other labels.
    pub fn relabel(&mut self, labels: AgentLabels) {
        if labels == self.setup.labels {
            return;
        }
        self.setup.labels = labels;
        let keys: Vec<FileKey> = self.tails.keys().copied().collect();
        for key in keys {
            self.seal(key);
            let Some(tail) = self.tails.get_mut(&key) else { continue };
            let Some(source) = self.sources.get(&tail.source) else { continue };
            let labels =
                file_labels(&self.setup.labels, &source.plan, &tail.shown, &tail.facts, tail.id);
            tail.stream.relabel(labels);
        }
    }
}
