//! The files of the snapshot: `now.json`, replaced as a whole, and one file for each window that
//! is over.

use super::{MAX_WINDOWS, Snapshot, VERSION, Window};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The directory of the snapshot in the state directory.
pub const DIR: &str = "snapshot";

/// The newest file.
const NOW: &str = "now.json";

/// Writes snapshots.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
}

impl Store {
    /// A store in the state directory. What an earlier process left in its running window is
    /// kept as a window that is over.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(state_dir: &Path) -> io::Result<Self> {
        let dir = state_dir.join(DIR);
        fs::create_dir_all(&dir)?;
        let store = Self { dir };
        if let Some(before) = read::<Snapshot>(&store.dir.join(NOW))
            && before.window.time_end > before.window.time_begin
        {
            store.finish(&before.window)?;
        }
        Ok(store)
    }

    /// Replaces the newest file.
    ///
    /// # Errors
    /// As the disk says.
    pub fn write(&self, snapshot: &mut Snapshot) -> io::Result<()> {
        snapshot.version = VERSION;
        replace(&self.dir.join(NOW), snapshot)
    }

    /// Keeps a window that is over, and removes those that are too old.
    ///
    /// # Errors
    /// As the disk says.
    pub fn finish(&self, window: &Window) -> io::Result<()> {
        replace(&self.dir.join(format!("{:010}.json", window.time_begin)), window)?;
        for path in finished(&self.dir).into_iter().skip(MAX_WINDOWS - 1) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

/// Written aside and renamed, so that no reader ever sees half of it. It is not synced: after a
/// power cut an older answer is as good.
fn replace(path: &Path, content: &impl Serialize) -> io::Result<()> {
    let aside = path.with_extension("new");
    fs::write(&aside, serde_json::to_vec(content)?)?;
    fs::rename(&aside, path)
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Files of windows that are over, the newest first.
fn finished(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            path.extension().is_some_and(|ending| ending == "json")
                && stem.bytes().all(|byte| byte.is_ascii_digit())
        })
        .collect();
    paths.sort();
    paths.reverse();
    paths
}

/// The newest snapshot in a state directory.
pub fn current(state_dir: &Path) -> Option<Snapshot> {
    read(&state_dir.join(DIR).join(NOW))
}

/// The windows with these numbers, 1 being the running one. Those that are not there are left
/// out.
pub fn windows(state_dir: &Path, first: usize, last: usize) -> Vec<Window> {
    let mut found = Vec::new();
    if first <= 1
        && let Some(snapshot) = current(state_dir)
    {
        found.push(snapshot.window);
    }
    if last > 1 {
        let skipped = first.saturating_sub(2);
        let paths = finished(&state_dir.join(DIR));
        let wanted = paths.into_iter().skip(skipped).take(last - 1 - skipped);
        found.extend(wanted.filter_map(|path| read::<Window>(&path)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(time_begin: u64) -> Window {
        Window { time_begin, time_end: time_begin + 600, ..Window::default() }
    }

    fn begins(dir: &Path, first: usize, last: usize) -> Vec<u64> {
        windows(dir, first, last).iter().map(|window| window.time_begin).collect()
    }

    #[test]
    fn windows_are_numbered_from_the_running_one_back() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.finish(&window(1000)).unwrap();
        store.finish(&window(1600)).unwrap();
        store.write(&mut Snapshot { window: window(2200), ..Snapshot::default() }).unwrap();
        assert_eq!(begins(dir.path(), 1, 1), [2200]);
        assert_eq!(begins(dir.path(), 2, 2), [1600]);
        assert_eq!(begins(dir.path(), 1, 3), [2200, 1600, 1000]);
        assert_eq!(begins(dir.path(), 3, 9), [1000]);
        // The next process goes on with what this one left.
        let store = Store::open(dir.path()).unwrap();
        store.write(&mut Snapshot { window: window(2900), ..Snapshot::default() }).unwrap();
        assert_eq!(begins(dir.path(), 1, 60), [2900, 2200, 1600, 1000]);
    }

    #[test]
    fn old_windows_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        for number in 0..70 {
            store.finish(&window(number * 600)).unwrap();
        }
        assert_eq!(begins(dir.path(), 2, 100).len(), MAX_WINDOWS - 1);
        assert_eq!(begins(dir.path(), 2, 2), [69 * 600]);
    }
}
