//! A program that writes numbered lines to one path, and what rotates its files in the ways of the
//! field. Nothing is written between two steps of a rotation, so that no byte is lost to everybody.
//!
//! What only a running agent could have is not taken away before the service or the checkpoint
//! shows that the agent has it: beyond that, nothing is done for the agent's convenience.

use super::support::{Pod, Service, append};
use rand::RngExt;
use rand::rngs::StdRng;
use std::path::PathBuf;
use std::process::Command;
use testkit::process::Running;

/// How a file is taken out of the way of its writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It gets another name, and a new one is made.
    Rename,
    /// The same, and after a while it is compressed.
    Compress,
    /// The same, once the next one has come to its turn (`delaycompress`).
    DelayCompress,
    /// It is copied, and cut to nothing where it stands.
    CopyTruncate,
    /// The same, and the copy is compressed at once.
    CopyCompress,
    /// It is deleted when it is finished, and a new one is made.
    Delete,
}

const WAYS: [Way; 6] = [
    Way::Rename,
    Way::Compress,
    Way::DelayCompress,
    Way::CopyTruncate,
    Way::CopyCompress,
    Way::Delete,
];

/// A rotated file that is to be compressed.
struct Packing {
    path: PathBuf,
    /// The first line in it.
    first: usize,
    /// In which step; none waits for the next rotation.
    step: Option<usize>,
}

pub(super) struct Logger {
    pub(super) name: &'static str,
    /// Number of the next line.
    pub(super) next: usize,
    /// Number of the first line in the file that is written now.
    first: usize,
    /// Always the same one, or another each time.
    way: Option<Way>,
    rotations: usize,
    packing: Vec<Packing>,
}

/// Everything that a step may touch.
pub(super) struct Scene<'a> {
    pub(super) service: &'a Service,
    pub(super) pod: &'a Pod,
    pub(super) agent: Option<Running>,
    pub(super) step: usize,
    /// What happened, for whoever has to understand a failure.
    pub(super) events: Vec<String>,
    /// What the agents have printed that are dead.
    pub(super) said: Vec<String>,
}

impl Scene<'_> {
    pub(super) fn note(&mut self, event: impl Into<String>) {
        let step = self.step;
        self.events.push(format!("{step}: {}", event.into()));
    }

    pub(super) fn start(&mut self) {
        if self.agent.is_none() {
            self.note("an agent starts");
            self.agent = Some(self.pod.start());
        }
    }

    pub(super) fn kill(&mut self) {
        if let Some(agent) = self.agent.take() {
            self.note("the agent is killed");
            self.said.push(format!("--- killed in step {}", self.step));
            self.said.extend(agent.kill());
        }
    }

    /// Waits for something that only an agent can bring about.
    fn await_of_agent(&mut self, what: &str, is_there: impl Fn(&Self) -> bool) {
        if is_there(self) {
            return;
        }
        self.start();
        self.note(format!("waits for {what}"));
        testkit::eventually(what, || match is_there(self) {
            true => Ok(()),
            false => Err(format!(
                "not so after\n{}\nthe dead said\n{}",
                self.events.join("\n"),
                self.said.join("\n")
            )),
        });
    }

    fn has_stored(&self, line: &str) -> bool {
        self.file_of(line).is_some()
    }

    /// The id under which a line was stored.
    fn file_of(&self, line: &str) -> Option<u128> {
        let has_line = |logs: &Vec<Vec<(String, String)>>| logs.iter().any(|log| log[0].1 == line);
        let stored = self.service.stored();
        stored.iter().find(|batch| has_line(&batch.logs)).map(|batch| batch.span.file)
    }

    /// The checkpoint knows the content that begins with a line. Of another one nobody could say,
    /// after a crash, what a copy was made of and how much of it was sent.
    fn has_on_record(&self, line: &str) -> bool {
        let Some(file) = self.file_of(line) else { return false };
        let text = std::fs::read_to_string(self.pod.path("state").join("checkpoint"));
        text.unwrap_or_default().contains(&format!("\"file\":\"{file:032x}\""))
    }
}

impl Logger {
    /// A program that has written its first line, in a manner that the seed chooses.
    pub(super) fn new(name: &'static str, pod: &Pod, random: &mut StdRng) -> Self {
        let way = random.random_ratio(3, 4).then(|| WAYS[random.random_range(0..WAYS.len())]);
        let mut logger = Self { name, next: 0, first: 0, way, rotations: 0, packing: Vec::new() };
        logger.write(pod, 1);
        logger
    }

    fn line(&self, number: usize) -> String {
        format!("{} {number}", self.name)
    }

    /// Appends lines; none makes an empty file, as a logger that reopens leaves it.
    pub(super) fn write(&mut self, pod: &Pod, count: usize) {
        let lines: Vec<String> =
            (self.next..self.next + count).map(|number| self.line(number)).collect();
        append(&pod.log(self.name), &lines);
        self.next += count;
    }

    pub(super) fn rotate(&mut self, scene: &mut Scene<'_>, random: &mut StdRng) {
        let way = self.way.unwrap_or_else(|| WAYS[random.random_range(0..WAYS.len())]);
        let is_killed_meanwhile = random.random_ratio(1, 4);
        let delay = random.random_range(1..10);
        self.rotations += 1;
        let path = scene.pod.log(self.name);
        let aside = path.with_file_name(format!("{}.{}", self.name, self.rotations));
        // With delaycompress, what was rotated before has waited for this.
        let step = scene.step;
        self.packing.iter_mut().for_each(|it| _ = it.step.get_or_insert(step));
        let (first, line) = (self.first, self.line(self.first));
        let is_empty = self.first == self.next;
        match way {
            Way::Rename | Way::Compress | Way::DelayCompress => {
                std::fs::rename(&path, &aside).unwrap();
            }
            Way::CopyTruncate | Way::CopyCompress => {
                if !is_empty {
                    scene.await_of_agent("the content on record", |it| it.has_on_record(&line));
                }
                if is_killed_meanwhile {
                    scene.kill();
                }
                std::fs::copy(&path, &aside).unwrap();
                std::fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
            }
            Way::Delete => {
                let last = self.line(self.next - 1);
                if !is_empty {
                    scene.await_of_agent("all its lines", |it| it.has_stored(&last));
                }
                if is_killed_meanwhile {
                    scene.kill();
                }
                std::fs::remove_file(&path).unwrap();
            }
        }
        scene.note(format!("{way:?} of {} up to line {}", self.name, self.next));
        let step = match way {
            Way::Compress => Some(step + delay),
            Way::CopyCompress => Some(step),
            _ => None,
        };
        if matches!(way, Way::Compress | Way::DelayCompress | Way::CopyCompress) {
            self.packing.push(Packing { path: aside, first, step });
        }
        self.first = self.next;
        self.write(scene.pod, 0);
        self.compress_due(scene);
    }

    /// Compresses what is due.
    pub(super) fn compress_due(&mut self, scene: &mut Scene<'_>) {
        let is_due = |it: &mut Packing| it.step.is_some_and(|step| step <= scene.step);
        let due: Vec<Packing> = self.packing.extract_if(.., is_due).collect();
        for Packing { path, first, .. } in due {
            if std::fs::metadata(&path).unwrap().len() > 0 {
                let line = self.line(first);
                scene.await_of_agent("the content on record", |it| it.has_on_record(&line));
            }
            let packed = Command::new("gzip").arg(&path).status().unwrap();
            assert!(packed.success());
            scene.note(format!("{} is compressed", path.display()));
        }
    }
}
